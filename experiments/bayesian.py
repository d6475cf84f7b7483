"""Trains lesson 17's net on a grid of learning rates and momenta, lets every way search every
problem, and writes what `dlkit.tables.bayesian.TABLE` reads.

    python -m experiments.bayesian

The rules are those of `dlkit.tables.bayesian`; what is trained and the searches are the functions
in the lesson's cells tagged "net".

- The grid: 189 points, 24 seeds in PyTorch, four in Gluon.
- The searches: thirty of each way on each problem, with the same ten trials at random to begin
    with. The net's values come from the grid.
- The file is written anew every few seconds, and what stands in it is not computed again. Stop when
    you like, and go on with the same command.

About twelve minutes of processor time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from dlkit.tables import bayesian
from dlkit.tables.bayesian import (
    BUDGET,
    CHECKPOINTS,
    JUDGED,
    LEARNING_RATES,
    MOMENTA,
    PROBLEMS,
    REWARDED,
    SEARCHES,
    WAYS,
    Problem,
    Result,
)
from experiments import growing, provenance
from experiments.lessons import ROOT, digest, lesson_names

LESSON = ROOT / "lessons" / "17-bayesian-optimisation.ipynb"

Key = tuple[str, str, int, int, int]  # problem, way, first, second, seed


@cache
def lesson() -> dict[str, Any]:
    return lesson_names(LESSON)


def train(key: Key) -> Result:
    """One training of the grid."""
    import numpy as np
    import torch

    from dlkit.nets.training import predict_gluon, predict_torch

    torch.set_num_threads(1)
    _, framework, first, second, seed = key
    data, start = bayesian.images(), time.process_time()
    name, predict = {
        "PyTorch": ("trained_torch", predict_torch),
        "Gluon": ("trained_gluon", predict_gluon),
    }[framework]
    net = lesson()[name](data, LEARNING_RATES[first], MOMENTA[second], seed)
    seconds = time.process_time() - start
    seen = np.mean(predict(net, data.val_images) != data.val_labels)
    judged = np.mean(predict(net, data.test_images) != data.test_labels)
    return Result(
        *key, round(float(seen), 4), round(float(judged), 4), round(seconds, 2)
    )


def trainings() -> Iterator[Key]:
    """The grid."""
    for first in range(len(LEARNING_RATES)):
        for second in range(len(MOMENTA)):
            yield from (
                ("training", "PyTorch", first, second, seed)
                for seed in (*REWARDED, *JUDGED)
            )
            yield from (("training", "Gluon", first, second, seed) for seed in REWARDED)


def searches() -> Iterator[Key]:
    """Every search at every checkpoint."""
    for seed in SEARCHES:
        yield from (
            (problem, way, count, -1, seed)
            for problem in PROBLEMS
            for way in WAYS
            for count in CHECKPOINTS
        )


def complete(path: Path, seconds: float = float("inf")) -> bool:
    """Compute what is missing, for so many seconds at most. Returns whether all is there."""
    tasks: dict[str, Problem] = {}

    def on_the_grid(rows: list[Result]) -> Iterator[Key]:
        tasks.update(bayesian.problems(rows))
        return searches()

    @cache
    def search(problem: str, way: str, seed: int) -> tuple[Any, ...]:
        start = time.process_time()
        return *lesson()["search"](
            way, tasks[problem], BUDGET, seed
        ), time.process_time() - start

    def measure(key: Key) -> Result:
        problem, way, count, _, seed = key
        if problem == "training":
            return train(key)
        by_mean = way == WAYS[-1]
        X, y, leaders, seconds = search(problem, WAYS[-2] if by_mean else way, seed)
        home = leaders[count] if by_mean else int(y[:count].argmin())
        regret = float(tasks[problem].truth(X[home])) - tasks[problem].least
        return Result(
            *key, float(f"{y[home]:.6g}"), float(f"{regret:.6g}"), round(seconds, 2)
        )

    return growing.complete(
        path,
        Result,
        _facts(),
        [lambda rows: trainings(), on_the_grid],
        measure,
        seconds,
    )


def _facts() -> dict[str, str]:
    """How new rows come about."""
    packages = ("torch", "mxnet", "numpy", "scipy", "optuna")
    return provenance.facts(
        "python -m experiments.bayesian",
        packages,
        net=digest(LESSON, "trained"),
        search=digest(LESSON, "search"),
    )


if __name__ == "__main__":
    growing.command(ROOT / "dlkit/tables/bayesian.csv", complete)
