"""The comparison that runs through lessons 04 to 07: every family of nets on the same images,
trained in the same way, with several seeds.

``images(seed)`` and ``TRAINING`` are its rules, ``TABLE`` what it gave. The nets stand in the
lessons, in cells tagged "net", where ``experiments/families.py`` finds them; it measures all of
them and writes ``families.csv``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from dlkit.data import Nuisances, glyphs
from dlkit.data.images import ImageSet
from dlkit.nets.training import cosine
from dlkit.tables.stored import Table

SEEDS = range(5)
"""Each decides the images, the initial weights and the order of the batches."""

IMAGE_SHAPE = (1, 32, 32)
"""Channels, height, width."""

TRAINING: Mapping[str, Any] = MappingProxyType(
    {"num_epochs": 10, "batch_size": 64, "weight_decay": 5e-4, "schedule": cosine}
)
"""The same for all. The learning rate is the best of `RATES` for each family, by the validation
images of a seed that is used for nothing else.
"""

RATES = (0.02, 0.05, 0.1)

RATE_SEED = 5
"""The seed that chooses the rate. It is none of `SEEDS`."""


@dataclass(frozen=True)
class Result:
    """One net trained with one seed.

    family: such as "LeNet"; framework: "torch" or "mxnet"; lr: initial learning rate; parameters,
    multiply_adds: of the net, for one image;
    val_accuracy, test_accuracy: after the last epoch, fractions of the 500 validation and the 1,000
    test images; seconds: processor time
    """

    family: str
    framework: str
    seed: int
    lr: float
    parameters: int
    multiply_adds: int
    val_accuracy: float
    test_accuracy: float
    seconds: float


def images(seed: int) -> ImageSet:
    """2,000 letters to train on, 500 to validate, 1,000 to test, 32 x 32: turned, scaled, shifted,
    blurred, noisy, before a pattern.

    The test letters come from six fonts that no other part uses.
    """
    nuisances = Nuisances(
        rotation=25, scale=0.25, shift=4, blur=1.0, noise=0.15, background=0.6
    )
    return glyphs(
        train=2000,
        val=500,
        test=1000,
        size=IMAGE_SHAPE[-1],
        seed=seed,
        nuisances=nuisances,
        held_out_fonts=True,
    )


TABLE = Table("families.csv", Result)
"""One row for each family, framework and seed; the provenance also says what each learning rate
gave."""
