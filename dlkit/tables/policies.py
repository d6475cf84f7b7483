"""What lesson 15 compares: three sets of images whose test part is disturbed as the training part
is not, and what augmentation policies gave there.

``experiments/policies.py`` trains a child net by the lesson's own cells tagged "net" for every
policy of the lesson's space, and writes ``policies.csv``, which ``TABLE`` reads and ``table()``
arranges.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from dlkit.data import Nuisances, digits, glyphs
from dlkit.data.images import ImageSet, from_parts
from dlkit.tables.stored import Table

SIZE = 16
FEW = 100
"""Images to train on, ten a class."""

REWARDED, JUDGED = range(3), range(3, 6)
"""Seeds of the children of each policy: a search sees the validation accuracy of the first, and
what it found is judged by the test accuracy of the others.
"""

GRID = tuple((n, level) for n in (1, 2, 3) for level in (1, 2, 3, 4, 5))
"""RandAugment's grid: operations an image, and their common level of 5."""

REPEATS = range(12)
"""Children of each point of the grid: the first half for searches, the second half to judge."""

CARRIED = range(20)
"""Searches whose policies are carried to other images, one child each."""

SETS = ("letters", "other letters", "digits")
WAYS = ("none", "random policy", "RandAugment", "random search", "REINFORCE")


@dataclass(frozen=True)
class Result:
    """One child. way: "pair" of the table, "grid" of RandAugment, or one of `WAYS` that was carried
    to `data`; first, second: the two settings, or RandAugment's two numbers, -1 for none; reward:
    accuracy on the validation images; accuracy: on the test images; seconds: processor time.
    """

    way: str
    data: str
    first: int
    second: int
    seed: int
    reward: float
    accuracy: float
    seconds: float


@functools.cache
def images(name: str, seed: int = 0) -> ImageSet:
    """100 upright images to train on, 300 disturbed ones to validate and 1,000 to test on (of
    digits, 120 and 239).

    "letters": A to J, turned, moved and noisy where they are judged; another `seed` gives other
    images of all three parts "other letters": fonts that no other letter has where they are judged,
    and milder turns, other sizes, blur, a background "digits": handwritten, turned and moved where
    they are judged
    """
    if name == "digits":
        return _digits(seed)
    disturbed = Nuisances(rotation=30, shift=2, noise=0.15)
    if name == "other letters":
        disturbed = Nuisances(
            rotation=15, shift=1.5, scale=0.2, blur=0.7, background=0.3, noise=0.05
        )
    judged = glyphs(
        train=FEW,
        val=1,
        test=1300,
        size=SIZE,
        seed=seed,
        nuisances=Nuisances(),
        test_nuisances=disturbed,
        held_out_fonts=name == "other letters",
    )
    train = (judged.train_images, judged.train_labels)
    val, test = (
        (judged.test_images[rows], judged.test_labels[rows])
        for rows in (slice(300), slice(300, None))
    )
    return from_parts([train, val, test], judged.class_names, name)


def _digits(seed: int) -> ImageSet:
    from scipy.ndimage import rotate, shift

    source, rng = digits(SIZE, seed), np.random.default_rng(seed)
    rows = np.concatenate(
        [
            np.flatnonzero(source.train_labels == label)[: FEW // 10]
            for label in range(10)
        ]
    )

    def disturb(images: np.ndarray) -> np.ndarray:
        turned = [
            rotate(image[0], rng.uniform(-25, 25), reshape=False, order=1)
            for image in images
        ]
        return (
            np.stack([shift(image, rng.uniform(-2, 2, 2), order=1) for image in turned])
            .clip(0, 1)
            .astype(np.float32)[:, None]
        )

    val, test = disturb(source.val_images[:120]), disturb(source.test_images[:239])
    parts = [
        (source.train_images[rows], source.train_labels[rows]),
        (val, source.val_labels[:120]),
        (test, source.test_labels[:239]),
    ]
    return from_parts(parts, source.class_names, "digits")


TABLE = Table("policies.csv", Result)
"""The provenance also says which cells of the lesson were measured."""


def table(rows: list[Result], num_settings: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """(rewards, accuracies), (num_settings, num_settings, 3) each, symmetric in the two
    settings: of every pair, and of children that share no seed.
    """
    rewards = np.full((num_settings, num_settings, 3), np.nan)
    accuracies = rewards.copy()
    for row in (row for row in rows if row.way == "pair"):
        for place in ((row.first, row.second), (row.second, row.first)):
            if row.seed in REWARDED:
                rewards[(*place, row.seed)] = row.reward
            else:
                accuracies[(*place, row.seed - len(REWARDED))] = row.accuracy
    return rewards, accuracies


def grid(rows: list[Result]) -> tuple[np.ndarray, np.ndarray]:
    """(rewards, accuracies), (15, 6) each, of RandAugment's grid, in the order of `GRID`; again
    of children that share no seed.
    """
    half = len(REPEATS) // 2
    rewards, accuracies = np.full((2, len(GRID), half), np.nan)
    for row in (row for row in rows if row.way == "grid"):
        place = GRID.index((row.first, row.second))
        if row.seed < half:
            rewards[place, row.seed] = row.reward
        else:
            accuracies[place, row.seed - half] = row.accuracy
    return rewards, accuracies
