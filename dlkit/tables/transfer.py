"""What lesson 08 compares: two targets, draws of a few labels, ways to train; and what came of it
with more draws than a lesson has time for.

``target(name)``, ``few(images, labels, count, draw)`` and ``WAYS`` are the rules.
``experiments/transfer.py`` trains by them, with the functions of the lesson's own cells tagged
"net", and writes ``transfer.csv``, which ``TABLE`` reads.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from dlkit.data import brands, glyphs
from dlkit.data.images import ImageSet, from_parts
from dlkit.nets.backbone import PARTS
from dlkit.tables.stored import Table

TARGETS = ("brands", "letters")
COUNTS = (1, 2, 5, 10, 20, 50)
"""Labels a class."""

FEW = 10
"""The count at which the learning rates are chosen and the number of frozen parts is varied."""

DRAWS = range(5)
"""Each decides which images have labels, the weights of what is new, and the order of the
batches.
"""

RATE_DRAW = 5
"""The draw that chooses the learning rates. It is none of `DRAWS`."""

RATES = (0.05, 0.1, 0.2, 0.4)

WAYS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        # a dense layer on fixed features: cheap, so it may converge
        "frozen": {
            "num_frozen": len(PARTS),
            "num_steps": 600,
        },
        "fine-tuned": {},
        "by part, 1.3": {"factor": 1.3},
        "by part, 2.6": {"factor": 2.6},
        "from scratch": {"pretrained": False},
    }
)
"""What each way changes in the call of the lesson's functions."""


def steps(count: int) -> int:
    """Steps of training with `count` labels a class, in batches of 20, where a way does not say
    otherwise.
    """
    return max(60, 4 * count)


@dataclass(frozen=True)
class Result:
    """One training. frozen: parts; steps: of training; lr: of the last part; accuracy: of the
    400 test images; seconds: processor time.
    """

    target: str
    way: str
    count: int
    frozen: int
    draw: int
    steps: int
    lr: float
    accuracy: float
    seconds: float


@functools.cache
def target(name: str) -> ImageSet:
    """ "brands", seven logos on photographs, or "letters", grey glyphs A to J, in three
    channels: 32 x 32; 400 test images.
    """
    if name == "brands":
        return brands(train=700, val=210, test=400, size=32)
    grey = glyphs(train=1000, val=200, test=400, size=32)
    parts = (
        (grey.train_images, grey.train_labels),
        (grey.val_images, grey.val_labels),
        (grey.test_images, grey.test_labels),
    )
    return from_parts(
        [(np.repeat(images, 3, axis=1), labels) for images, labels in parts],
        grey.class_names,
        "letters",
    )


def few(
    images: np.ndarray, labels: np.ndarray, count: int, draw: int
) -> tuple[np.ndarray, np.ndarray]:
    """`count` images of each class and their labels, drawn at random by the seed `draw`; a draw
    of more contains the draw of fewer.
    """
    order = np.random.default_rng(draw).permutation(len(labels))
    rows = np.concatenate(
        [order[labels[order] == label][:count] for label in np.unique(labels)]
    )
    return images[rows], labels[rows]


TABLE = Table("transfer.csv", Result)
"""The provenance also says which weights the backbone had, and what each learning rate gave."""
