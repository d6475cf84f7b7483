"""What lesson 14 compares: two data sets, draws of a few images, five ways to erase and mix; and
what came of it with more seeds than a lesson has time for.

``part(name, count, seed)`` and the constants are the rules. ``experiments/mixing.py`` trains by
them, with the functions of the lesson's own cells tagged "net", and writes ``mixing.csv``, which
``TABLE`` reads.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from dlkit.data import brands, digits
from dlkit.data.images import ImageSet, from_parts
from dlkit.tables.stored import Table

METHODS = ("none", "Cutout", "Random Erasing", "mixup", "SamplePairing", "CutMix")
COUNTS = (50, 200, 1000)
"""Training images, of all classes together."""

SEEDS: Mapping[str, range] = MappingProxyType({"digits": range(10), "brands": range(5)})
"""Data set -> seeds. Each decides which images are trained on, the weights at the start, the
order of the batches and every draw.
"""

STEPS, LONGER = 400, 1200
"""Steps of training: of all, and of some that are to show whether more would change the picture."""

IN_BOTH = 200
"""The count at which digits are trained in Gluon as well."""

SOME = ("none", "mixup", "CutMix")
"""The methods that are trained in Gluon, and longer."""


@dataclass(frozen=True)
class Result:
    """One training, judged on all held-out images. confidence: mean of the largest
    probabilities; error: expected calibration error; loss: mean cross-entropy.
    """

    data: str
    framework: str
    method: str
    count: int
    steps: int
    seed: int
    accuracy: float
    confidence: float
    error: float
    loss: float
    seconds: float


@functools.cache
def images(name: str) -> ImageSet:
    """ "digits", 8 x 8, or "brands", seven logos on photographs, 24 x 24. What is held out is
    all in the test part: nothing is chosen by it.
    """
    if name == "brands":
        return brands(train=1400, val=7, test=700, size=24)
    data = digits()
    held_out = (
        np.concatenate([data.val_images, data.test_images]),
        np.concatenate([data.val_labels, data.test_labels]),
    )
    return from_parts(
        [(data.train_images, data.train_labels), held_out, held_out],
        data.class_names,
        "digits",
    )


def part(name: str, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` training images and their labels, drawn at random by `seed`; a draw of more
    contains the draw of fewer.
    """
    data = images(name)
    rows = np.random.default_rng(1000 + seed).permutation(len(data.train_labels))[
        :count
    ]
    return data.train_images[rows], data.train_labels[rows]


TABLE = Table("mixing.csv", Result)
"""The provenance also says which functions of the lesson were measured."""
