"""What lesson 18 searches: configurations of a small net, and the learning curve that each of them
gave.

``experiments/halving.py`` trains the lesson's own net, in its cells tagged "net", with every
configuration, and writes ``halving.csv``, which ``TABLE`` reads and ``curves()`` arranges.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dlkit.data.glyphs import Nuisances, glyphs
from dlkit.data.images import ImageSet
from dlkit.tables.stored import Table

NUM_EPOCHS = 81
"""The most that a configuration is ever trained."""

COUNTS = {"torch": 300, "mxnet": 30}
"""How many configurations were trained in each framework, the first of the same list."""

WIDTHS = (4, 8, 16)


class Config(NamedTuple):
    """What is searched for: learning rate, momentum, weight decay, and channels of the first
    convolution.
    """

    lr: float
    momentum: float
    weight_decay: float
    width: int


@dataclass(frozen=True)
class Result:
    """One training. number: of the configuration, and the seed of its weights and batches; val: how
    many of the 400 validation images were read right after each epoch, with spaces between;
    accuracy: on the test images after the last epoch; seconds: processor time.
    """

    framework: str
    number: int
    val: str
    accuracy: float
    seconds: float


def configurations(count: int = COUNTS["torch"]) -> list[Config]:
    """Drawn at random: the learning rate from 0.001 to 1, one minus the momentum from 0.01 to 1
    and the weight decay from 0.00001 to 0.1, uniform in their logarithms.
    """
    rng = np.random.default_rng(0)
    found = []
    for _ in range(count):
        lr, away, weight_decay = 10 ** rng.uniform((-3, -2, -5), (0, 0, -1))
        found.append(
            Config(
                float(f"{lr:.3g}"),
                round(float(1 - away), 4),
                float(f"{weight_decay:.3g}"),
                int(rng.choice(WIDTHS)),
            )
        )
    return found


@functools.cache
def images() -> ImageSet:
    """Letters A to J of 16 x 16 pixels, turned, moved and noisy: 400 to train on, 400 to
    validate, 2,000 to test.
    """
    nuisances = Nuisances(rotation=20, shift=2, noise=0.2)
    return glyphs(
        train=400,
        val=400,
        test=2000,
        size=16,
        nuisances=nuisances,
        test_nuisances=nuisances,
    )


TABLE = Table("halving.csv", Result)
"""The provenance also says which cells of the lesson were measured."""


def curves(
    rows: list[Result], framework: str = "torch"
) -> tuple[np.ndarray, np.ndarray]:
    """(curves, accuracies): validation accuracy after each epoch, (N, 81), and test accuracy
    after the last, (N,), by the configurations' numbers.
    """
    rows = sorted(
        (row for row in rows if row.framework == framework), key=lambda row: row.number
    )
    right = np.array([[int(count) for count in row.val.split()] for row in rows], float)
    return right / 400, np.array([row.accuracy for row in rows])
