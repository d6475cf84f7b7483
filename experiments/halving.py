"""Trains lesson 18's net with every configuration of `dlkit.tables.halving.configurations`, and
writes what `dlkit.tables.halving.TABLE` reads.

    python -m experiments.halving

The rules are those of `dlkit.tables.halving`; what is trained are the functions in the lesson's
cells tagged "net". 300 configurations in PyTorch, the first 30 of them in Gluon, 81 epochs each.
The file is written anew every few seconds, and what stands in it is not computed again, unless the
lesson's functions or the versions are others: then all of it is. Stop when you like, and go on
with the same command.

About ten minutes of processor time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from dlkit.tables import halving
from dlkit.tables.halving import COUNTS, NUM_EPOCHS, Result
from experiments import growing, provenance
from experiments.lessons import ROOT, SUFFIXES, digest, lesson_names

LESSON = ROOT / "lessons" / "18-stopping-early.ipynb"

Key = tuple[str, int]  # framework, number


@cache
def lesson() -> dict[str, Any]:
    return lesson_names(LESSON)


def train(key: Key) -> Result:
    """One configuration, to the end."""
    import numpy as np
    import torch

    from dlkit.nets import training

    torch.set_num_threads(1)
    framework, number = key
    data, ending = halving.images(), SUFFIXES[framework]
    start = time.process_time()
    paused = lesson()[f"training_{ending}"](
        halving.configurations()[number], data, number
    )
    counts = []
    for _ in range(NUM_EPOCHS):
        net, right = next(paused)
        counts.append(str(right))
    seconds = time.process_time() - start
    accuracy = np.mean(
        getattr(training, f"predict_{ending}")(net, data.test_images)
        == data.test_labels
    )
    return Result(*key, " ".join(counts), round(float(accuracy), 4), round(seconds, 2))


def measured() -> Iterator[Key]:
    for framework, count in COUNTS.items():
        yield from ((framework, number) for number in range(count))


def complete(path: Path, seconds: float = float("inf")) -> bool:
    """Train what is missing, for so many seconds at most. Returns whether all is there."""
    return growing.complete(
        path, Result, _facts(), [lambda rows: measured()], train, seconds
    )


def _facts() -> dict[str, str]:
    """How new rows come about."""
    return provenance.facts(
        "python -m experiments.halving",
        ("torch", "mxnet", "numpy"),
        lesson=digest(LESSON, "training"),
    )


if __name__ == "__main__":
    growing.command(ROOT / "dlkit/tables/halving.csv", complete)
