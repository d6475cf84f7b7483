"""What lesson 17 compares: problems to minimise, two of them test functions and one a small net's
training, and what ways to search them found.

``experiments/bayesian.py`` trains the net by the lesson's own cells tagged "net" for every learning
rate and momentum of a grid, lets every way search every problem again and again, and writes
``bayesian.csv``, which ``TABLE`` reads, ``errors()`` arranges and ``problems()`` and
``regrets()`` make use of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from dlkit.data import digits
from dlkit.data.images import ImageSet
from dlkit.tables.stored import Table

LEARNING_RATES = 10.0 ** np.linspace(-4, 1, 21)
MOMENTA = 1 - 10.0 ** -np.linspace(0, 2, 9)
"""0 to 0.99, evenly on the logarithmic scale of 1 - momentum."""

REWARDED, JUDGED = range(4), range(4, 24)
"""Seeds of the trainings of each point: a search sees the validation error of the first, and
what it found is judged by the mean test error of the others.
"""

START, BUDGET = 10, 40
"""Trials that are drawn at random, the same ones for every way, and all trials."""

CHECKPOINTS = tuple(range(START, BUDGET + 1, 5))
SEARCHES = range(30)
"""Seeds of the searches of every way."""

PROBLEMS = ("Branin", "Branin with noise", "Hartmann 3", "net")
WAYS = ("random", "TPE", "GP of Optuna", "GP by hand", "GP by hand, by its mean")
"""The last is the same search as the one before; it takes home the point where its posterior
mean is smallest, not the smallest value seen.
"""


@dataclass(frozen=True)
class Result:
    """One training, or where one search stood after some trials.

    problem, way: "training" and the framework, or one of `PROBLEMS` and of `WAYS`; first, second:
    numbers in `LEARNING_RATES` and `MOMENTA`, or the number of trials and -1;
    value: validation error, or the best value seen; judged: test error, or the simple regret;
    seconds: processor time, of the whole search.
    """

    problem: str
    way: str
    first: int
    second: int
    seed: int
    value: float
    judged: float
    seconds: float


@dataclass(frozen=True)
class Problem:
    """To be minimised over the unit cube. objective: (x, rng) -> a value, with noise if there is
    any; truth: x -> what it would be on average; least: its smallest value.
    """

    num_dims: int
    objective: Callable[[np.ndarray, np.random.Generator], float]
    truth: Callable[[np.ndarray], np.ndarray | float]
    least: float


def images() -> ImageSet:
    """200 handwritten digits to train on, 8 x 8, and all there are to validate and to test."""
    source = digits(8)
    return replace(
        source,
        train_images=source.train_images[:200],
        train_labels=source.train_labels[:200],
    )


def branin(x: np.ndarray) -> np.ndarray:
    """Branin's function on the unit square, (..., 2) -> (...): three equal minima, 0.397887 (F.
    H. Branin, 1972; L. C. W. Dixon and G. P. Szegö, 1978).
    """
    u, v = 15 * x[..., 0] - 5, 15 * x[..., 1]
    valley = v - 5.1 * u**2 / (4 * np.pi**2) + 5 * u / np.pi - 6
    return valley**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(u) + 10


def hartmann3(x: np.ndarray) -> np.ndarray:
    """Hartmann's function of three variables, (..., 3) -> (...): four minima, the lowest
    -3.86278 (J. K. Hartman, 1973; L. C. W. Dixon and G. P. Szegö, 1978).
    """
    centres = np.array(
        [
            [0.3689, 0.1170, 0.2673],
            [0.4699, 0.4387, 0.7470],
            [0.1091, 0.8732, 0.5547],
            [0.0381, 0.5743, 0.8828],
        ]
    )
    widths = np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]])
    return -(
        np.exp(-(widths * (x[..., None, :] - centres) ** 2).sum(axis=-1))
        @ np.array([1, 1.2, 3, 3.2])
    )


def cell(x: np.ndarray) -> tuple[int, int]:
    """The numbers in `LEARNING_RATES` and `MOMENTA` that are nearest to a point of the unit
    square.
    """
    first, second = (
        np.rint(np.clip(x, 0, 1) * (len(LEARNING_RATES) - 1, len(MOMENTA) - 1))
        .astype(int)
        .tolist()
    )
    return first, second


def problems(rows: list[Result]) -> dict[str, Problem]:
    """All of `PROBLEMS`; the net's values are those of `rows`, one of four trainings at random
    for each trial.
    """
    seen, test = errors(rows, "PyTorch")
    quality = test[..., len(REWARDED) :].mean(axis=-1)

    def draw(x: np.ndarray, rng: np.random.Generator) -> float:
        return float(seen[(*cell(x), rng.integers(len(REWARDED)))])

    return {
        "Branin": Problem(2, lambda x, rng: float(branin(x)), branin, 0.397887),
        "Branin with noise": Problem(
            2, lambda x, rng: float(branin(x) + rng.normal(0, 5)), branin, 0.397887
        ),
        "Hartmann 3": Problem(
            3, lambda x, rng: float(hartmann3(x)), hartmann3, -3.86278
        ),
        "net": Problem(
            2, draw, lambda x: float(quality[cell(x)]), float(quality.min())
        ),
    }


TABLE = Table("bayesian.csv", Result)
"""The provenance also says which cells of the lesson were measured."""


def errors(rows: list[Result], framework: str) -> tuple[np.ndarray, np.ndarray]:
    """(validation errors, test errors) of every training in "PyTorch" or "Gluon", (21, 9, seeds)
    each; in Gluon with the seeds of `REWARDED` only.
    """
    rows = [row for row in rows if (row.problem, row.way) == ("training", framework)]
    found = np.full(
        (
            2,
            len(LEARNING_RATES),
            len(MOMENTA),
            1 + max((row.seed for row in rows), default=0),
        ),
        np.nan,
    )
    for row in rows:
        found[:, row.first, row.second, row.seed] = row.value, row.judged
    return found[0], found[1]


def regrets(rows: list[Result], problem: str, way: str) -> np.ndarray:
    """Simple regret, (searches, checkpoints): by how much what the search would take home is
    worse than the best there is.
    """
    found = np.full((len(SEARCHES), len(CHECKPOINTS)), np.nan)
    for row in rows:
        if (row.problem, row.way) == (problem, way):
            found[row.seed, CHECKPOINTS.index(row.first)] = row.judged
    return found
