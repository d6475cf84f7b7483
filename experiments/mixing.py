"""Trains what lesson 14 compares, with five or ten seeds, and writes what
`dlkit.tables.mixing.TABLE` reads.

    python -m experiments.mixing

The rules are those of `dlkit.tables.mixing`; ``train_torch`` and ``train_gluon``, and the methods
that they apply, are the functions in the lesson's cells tagged "net". No setting is chosen here:
each method has the one of its paper, or torchvision's, and all share number of steps and learning
rate (with 0.05 instead of 0.02 a few of the trainings on 50 brands died).

The file is written anew every few seconds, and what stands in it is not computed again. Stop when
you like, and go on with the same command. A file of other versions, another processor or another
lesson is refused. About fourteen minutes of processor time.
"""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Any

from dlkit.tables import mixing
from dlkit.tables.mixing import (
    COUNTS,
    IN_BOTH,
    LONGER,
    METHODS,
    SEEDS,
    SOME,
    STEPS,
    Result,
)
from experiments import growing, provenance
from experiments.lessons import ROOT, SUFFIXES, digest, lesson_names

LESSON = ROOT / "lessons" / "14-erasing-and-mixing.ipynb"

Key = tuple[str, str, str, int, int, int]  # data, framework, method, count, steps, seed


@cache
def lesson() -> dict[str, Any]:
    return lesson_names(LESSON)


def train(key: Key) -> Result:
    """One training, and what the net says of the held-out images."""
    import torch

    torch.set_num_threads(1)
    name, framework, method, count, steps, seed = key
    data = mixing.images(name)
    images, labels = mixing.part(name, count, seed)
    suffix = SUFFIXES[framework]
    start = time.process_time()
    net = lesson()[f"train_{suffix}"](
        images, labels, len(data.class_names), method, seed, steps
    )
    seconds = time.process_time() - start
    figures = lesson()[f"judge_{suffix}"](net, data.test_images, data.test_labels)
    return Result(
        *key, *(round(float(figure), 5) for figure in figures), round(seconds, 2)
    )


def wanted() -> list[Key]:
    """Everything in PyTorch, with fewer images first; some methods in Gluon, and some trained
    longer on most of the brands.
    """
    keys = [
        (name, "torch", method, count, STEPS, seed)
        for count in COUNTS
        for name in SEEDS
        for method in METHODS
        for seed in SEEDS[name]
    ]
    keys += [
        ("digits", "mxnet", method, IN_BOTH, STEPS, seed)
        for method in SOME
        for seed in SEEDS["digits"]
    ]
    return keys + [
        ("brands", "torch", method, COUNTS[-1], LONGER, seed)
        for method in SOME
        for seed in SEEDS["brands"][:3]
    ]


def complete(path: Path, seconds: float = float("inf")) -> bool:
    """Train what is missing, for so many seconds at most. Returns whether all is there."""
    return growing.complete(
        path, Result, _facts(), [lambda rows: wanted()], train, seconds
    )


def _facts() -> dict[str, str]:
    """How new rows come about."""
    lesson = ", ".join(digest(LESSON, name) for name in ("train", "judge"))
    return provenance.facts(
        "python -m experiments.mixing", ("torch", "mxnet", "numpy"), lesson=lesson
    )


if __name__ == "__main__":
    growing.command(ROOT / "dlkit/tables/mixing.csv", complete)
