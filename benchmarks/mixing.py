"""Trains what lesson 14 compares, with five or ten seeds, and writes what `dlkit.mixing.results` reads.

    python -m benchmarks.mixing

The rules are those of `dlkit.mixing`; ``train_torch`` and ``train_gluon``, and the methods that they apply, are the functions in the lesson's cells tagged "net".
No setting is chosen here: each method has the one of its paper, or torchvision's, and all share number of steps and learning rate (with 0.05 instead of 0.02 a few
of the trainings on 50 brands died).

The file is written anew after every few trainings, and what stands in it is not computed again, unless the lesson's functions, the versions or the processor are
others: then all of it is. Stop when you like, and go on with the same command. About fourteen minutes of processor time.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import track

from benchmarks import provenance
from benchmarks.lessons import ROOT, digest, lesson_names
from dlkit import mixing, stored
from dlkit.mixing import COUNTS, IN_BOTH, LONGER, METHODS, SEEDS, SOME, STEPS, Result

LESSON = ROOT / "lessons" / "14-erasing-and-mixing.ipynb"

Key = tuple[str, str, str, int, int, int]  # data, framework, method, count, steps, seed


def train(key: Key, lesson: dict[str, Any]) -> Result:
    """One training, and what the net says of the held-out images."""
    name, framework, method, count, steps, seed = key
    data = mixing.images(name)
    images, labels = mixing.part(name, count, seed)
    suffix = {"torch": "torch", "mxnet": "gluon"}[framework]
    start = time.process_time()
    net = lesson[f"train_{suffix}"](images, labels, len(data.class_names), method, seed, steps)
    seconds = time.process_time() - start
    figures = lesson[f"judge_{suffix}"](net, data.test_images, data.test_labels)
    return Result(*key, *(round(float(figure), 5) for figure in figures), round(seconds, 2))


def wanted() -> list[Key]:
    """Everything in PyTorch, with fewer images first; some methods in Gluon, and some trained longer on most of the brands."""
    keys = [(name, "torch", method, count, STEPS, seed) for count in COUNTS for name in SEEDS for method in METHODS for seed in SEEDS[name]]
    keys += [("digits", "mxnet", method, IN_BOTH, STEPS, seed) for method in SOME for seed in SEEDS["digits"]]
    return keys + [("brands", "torch", method, COUNTS[-1], LONGER, seed) for method in SOME for seed in SEEDS["brands"][:3]]


def complete(path: Path, seconds: float = float("inf")) -> bool:
    """Train what is missing, for so many seconds at most. Returns whether all is there."""
    facts, lesson, keys = _facts(), lesson_names(LESSON), wanted()
    rows: dict[Key, Result] = {}
    if path.exists():
        known, found = stored.read(path, Result)
        if not provenance.differing(known, facts):
            facts, rows = known, {(row.data, row.framework, row.method, row.count, row.steps, row.seed): row for row in found}
            rows = {key: rows[key] for key in keys if key in rows}
    end = time.monotonic() + seconds
    missing = [key for key in keys if key not in rows]
    for number, key in enumerate(track(missing, "trainings", transient=True), start=1):
        rows[key] = train(key, lesson)
        stop = time.monotonic() > end
        if number % 10 == 0 or stop or number == len(missing):
            stored.write(path, Result, facts, rows.values())
        if stop and number < len(missing):
            return False
    return True


def _facts() -> dict[str, str]:
    """How new rows come about."""
    lesson = ", ".join(digest(LESSON, name) for name in ("train", "judge"))
    return provenance.facts("python -m benchmarks.mixing", ("torch", "mxnet", "numpy"), lesson=lesson)


def main(
    out: Annotated[Path, typer.Option(help="The file to make or to complete.")] = ROOT / "dlkit" / "mixing.csv",
    seconds: Annotated[float, typer.Option(help="Stop after so long; the same command goes on later.")] = float("inf"),
) -> None:
    """Train what the file does not hold yet."""
    import torch

    torch.set_num_threads(1)
    done = complete(out, seconds)
    print(f"{out} is {'complete' if done else 'not complete yet: run the same command again'}.", file=sys.stderr)


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"  # before anything imports a framework
    typer.run(main)
