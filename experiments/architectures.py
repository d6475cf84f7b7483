"""Trains a net for every architecture of lesson 20's two spaces, and writes what
`dlkit.tables.architectures.TABLE` reads.

    python -m experiments.architectures

The rules are those of `dlkit.tables.architectures`; the nets, their training and the search are the
functions in the lesson's cells tagged "net".

- The table: each of 125 cells and 216 whole nets with four seeds; two give the rewards of a search,
two judge what it finds.
- Each cell with three seeds in a deeper net, with one on other images and in Gluon; and with the
weights that all cells share, six times.
- Then the best cell and the best whole net twelve times more, and the three best nets of each of
    twenty-four random searches in this table, together and each for itself.
- The file is written anew every few seconds, and what stands in it is not computed again, unless
  the lesson's functions or the versions are others: then all of it is. Stop when you like, and go
  on with the same command.

About twenty minutes of processor time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from dlkit.tables import architectures
from dlkit.tables.architectures import (
    AGAIN,
    DEEPER,
    JUDGED,
    NUM_CELLS,
    NUM_NETS,
    REWARDED,
    SEARCHES,
    SHARED,
    TOGETHER,
    Result,
)
from experiments import growing, provenance
from experiments.lessons import ROOT, digest, lesson_names

LESSON = ROOT / "lessons" / "20-architecture-search.ipynb"

Key = tuple[str, str, int, int]  # way, data, number, seed

IMAGE = (1, architectures.SIZE, architectures.SIZE)


@cache
def lesson() -> dict[str, Any]:
    return lesson_names(LESSON)


def train(key: Key, rows: list[Result] | None = None) -> Result:
    """One net, or one ensemble. rows: the table, of which a search of `TOGETHER` is made."""
    import torch

    from dlkit.nets.cost import layers_gluon, layers_torch, total

    torch.set_num_threads(1)
    way, name, number, seed = key
    names, data = lesson(), architectures.images(name)
    start = time.process_time()
    if way in TOGETHER:
        cost, *accuracies = _together(number, rows)[way]
    elif way == "shared":
        cell = names["CELLS"][number]
        net = names["choose"](_shared(name, seed), cell)
        accuracies = [
            names["shared_accuracy_torch"](net, *part) for part in _parts(data)
        ]
        cost = total(layers_torch(names["cell_net_torch"](cell), IMAGE))
    elif way == "gluon":
        net = names["child_gluon"](
            names["cell_net_gluon"](names["CELLS"][number]), data, seed
        )
        accuracies = [
            names["accuracy"](names["probabilities_gluon"](net, images), labels)
            for images, labels in _parts(data)
        ]
        cost = total(layers_gluon(net, IMAGE))
    else:
        net = (
            names["whole_net_torch"](names["NETS"][number])
            if way == "net"
            else names["cell_net_torch"](names["CELLS"][number])
        )
        if way == "deeper":
            net = names["cell_net_torch"](names["CELLS"][number], repeats=3)
        names["child_torch"](net, data, seed)
        accuracies = [
            names["accuracy"](names["probabilities_torch"](net, images), labels)
            for images, labels in _parts(data)
        ]
        cost = total(layers_torch(net, IMAGE))
    seconds = time.process_time() - start
    return Result(
        *key,
        *cost,
        *(round(float(value), 4) for value in accuracies),
        round(seconds, 2),
    )


def _parts(data: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(data.val_images, data.val_labels), (data.test_images, data.test_labels)]


@cache
def _shared(name: str, seed: int) -> Any:
    return lesson()["supernet_torch"](architectures.images(name), seed)


_TOGETHER: dict[int, dict[str, tuple]] = {}


def _together(number: int, rows: list[Result] | None) -> dict[str, tuple]:
    if number not in _TOGETHER:
        rewards = architectures.table(
            rows or architectures.TABLE.rows(), "net", "letters", "reward", REWARDED
        )
        _TOGETHER[number] = lesson()["together_torch"](
            architectures.images("letters"), rewards, number
        )
    return _TOGETHER[number]


def measured() -> Iterator[Key]:
    """The table, and everything that needs no search."""
    for seed in (*REWARDED, *JUDGED):
        yield from (("cell", "letters", number, seed) for number in range(NUM_CELLS))
        yield from (("net", "letters", number, seed) for number in range(NUM_NETS))
    for seed in SHARED:
        yield from (("shared", "letters", number, seed) for number in range(NUM_CELLS))
    for way, data in (("cell", "digits"), ("gluon", "letters")):
        yield from ((way, data, number, 0) for number in range(NUM_CELLS))
    for seed in DEEPER:
        yield from (("deeper", "letters", number, seed) for number in range(NUM_CELLS))


def found(rows: list[Result]) -> Iterator[Key]:
    """What is best in the table, again, and what random searches find in it."""
    for way, number in architectures.best(rows).items():
        yield from ((way, "letters", number, seed) for seed in AGAIN)
    yield from ((way, "letters", number, 0) for number in SEARCHES for way in TOGETHER)


def complete(path: Path, seconds: float = float("inf")) -> bool:
    """Train what is missing, for so many seconds at most. Returns whether all is there."""
    table: list[Result] = []

    def search(rows: list[Result]) -> Iterator[Key]:
        table.extend(rows)
        return found(rows)

    return growing.complete(
        path,
        Result,
        _facts(),
        [lambda rows: measured(), search],
        lambda key: train(key, table),
        seconds,
    )


def _facts() -> dict[str, str]:
    """How new rows come about."""
    wanted = (
        "CELLS",
        "NETS",
        "cell_net",
        "whole_net",
        "child",
        "probabilities",
        "accuracy",
        "supernet",
        "choose",
        "shared_accuracy",
        "together",
    )
    lesson = ", ".join(digest(LESSON, name) for name in wanted)
    return provenance.facts(
        "python -m experiments.architectures",
        ("torch", "numpy", "mxnet"),
        lesson=lesson,
    )


if __name__ == "__main__":
    growing.command(ROOT / "dlkit/tables/architectures.csv", complete)
