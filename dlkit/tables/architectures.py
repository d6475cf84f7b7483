"""What lesson 20 compares: its images, and how well every architecture of its two small spaces does
on them.

``experiments/architectures.py`` trains a net for every architecture by the lesson's own cells
tagged "net", and writes ``architectures.csv``, which ``TABLE`` reads and ``table()`` arranges.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dlkit.data import Nuisances, digits, glyphs
from dlkit.data.images import ImageSet
from dlkit.tables.stored import Table

SIZE, TRAIN, VAL = 16, 800, 300

REWARDED, JUDGED = (0, 1), (2, 3)
"""Seeds of the nets of each architecture: a search sees the validation accuracy of the first,
and what it found is judged by the test accuracy of the others.
"""

NUM_CELLS, NUM_NETS = 125, 216

AGAIN = range(4, 16)
"""Further seeds of the best cell and of the best whole net: best by the judging seeds, which are
too kind to what they chose.
"""

DEEPER = range(3)
"""Seeds of each cell in nets three times as deep."""

SHARED = range(6)
"""Seeds of the nets whose cells share their weights."""

SEARCHES = range(24)
"""Searches whose three best nets become an ensemble."""

TOGETHER = (
    "member 1",
    "member 2",
    "member 3",
    "ensemble",
    "three seeds",
    "one wide net",
)


@dataclass(frozen=True)
class Result:
    """One trained net. way: "cell", "net" (a whole net), "deeper" (three times as many cells),
    "gluon" (a cell, in Gluon), "shared" (a cell with weights that all cells share), or one of
    `TOGETHER`; number: of the cell or net in the lesson's lists, or, of `TOGETHER`, the search's;
    reward: accuracy on the validation images;
    accuracy: on the test images; seconds: processor time.
    """

    way: str
    data: str
    number: int
    seed: int
    parameters: int
    multiply_adds: int
    reward: float
    accuracy: float
    seconds: float


@functools.cache
def images(name: str) -> ImageSet:
    """16 x 16 pixels, 800 to train on, 300 to validate. "letters": A to J, turned, moved, of
    several sizes and noisy, 600 to test on; "digits": handwritten, 360 to test on.
    """
    if name == "digits":
        source = digits(SIZE)
        parts = {
            f"{part}_{kind}": getattr(source, f"{part}_{kind}")
            for part in ("train", "val")
            for kind in ("images", "labels")
        }
        return replace(
            source,
            **{
                key: value[: TRAIN if key.startswith("train") else VAL]
                for key, value in parts.items()
            },
        )
    return glyphs(
        TRAIN, VAL, 600, SIZE, 0, Nuisances(rotation=10, scale=0.1, shift=1, noise=0.1)
    )


def best(rows: Sequence[Result]) -> dict[str, int]:
    """Of the cells and of the whole nets, the number of the one with the largest mean test
    accuracy over the judging seeds.
    """
    return {
        way: int(table(rows, way, "letters", "accuracy", JUDGED).mean(axis=1).argmax())
        for way in ("cell", "net")
    }


TABLE = Table("architectures.csv", Result)
"""The provenance also says which cells of the lesson were measured."""


def table(
    rows: Sequence[Result], way: str, data: str, field: str, seeds: Sequence[int]
) -> np.ndarray:
    """`field` of every architecture, (125 or 216, seeds), in the order of the lesson's lists;
    NaN where nothing is stored.
    """
    values = np.full((NUM_NETS if way == "net" else NUM_CELLS, len(seeds)), np.nan)
    for row in rows:
        if (row.way, row.data) == (way, data) and row.seed in seeds:
            values[row.number, seeds.index(row.seed)] = getattr(row, field)
    return values
