"""Trains lesson 17's net on a grid of learning rates and momenta, lets every way search every problem, and writes what `dlkit.bayesian.results` reads.

    python -m benchmarks.bayesian

The rules are those of `dlkit.bayesian`; what is trained and the searches are the functions in the lesson's cells tagged "net".

- The grid: 189 points, 24 seeds in PyTorch, four in Gluon.
- The searches: thirty of each way on each problem, with the same ten trials at random to begin with. The net's values come from the grid.
- The file is written anew every few seconds, and what stands in it is not computed again, unless the lesson's functions or the versions are others: then all of it is.
  Stop when you like, and go on with the same command.

About twelve minutes of processor time.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from benchmarks.lessons import ROOT, digest, lesson_names
from benchmarks.provenance import differing, facts
from dlkit import bayesian, stored
from dlkit.bayesian import BUDGET, CHECKPOINTS, JUDGED, LEARNING_RATES, MOMENTA, PROBLEMS, REWARDED, SEARCHES, WAYS, Result

LESSON = ROOT / "lessons" / "17-bayesian-optimisation.ipynb"

Key = tuple[str, str, int, int, int]  # problem, way, first, second, seed


@cache
def lesson() -> dict[str, Any]:
    return lesson_names(LESSON)


def train(framework: str, first: int, second: int, seed: int) -> list[Result]:
    """One training of the grid."""
    import numpy as np
    import torch

    from dlkit.training import predict_gluon, predict_torch

    torch.set_num_threads(1)
    data, start = bayesian.images(), time.process_time()
    name, predict = {"PyTorch": ("trained_torch", predict_torch), "Gluon": ("trained_gluon", predict_gluon)}[framework]
    net = lesson()[name](data, LEARNING_RATES[first], MOMENTA[second], seed)
    seconds = time.process_time() - start
    seen = np.mean(predict(net, data.val_images) != data.val_labels)
    judged = np.mean(predict(net, data.test_images) != data.test_labels)
    return [Result("training", framework, first, second, seed, round(float(seen), 4), round(float(judged), 4), round(seconds, 2))]


def search(problem: str, way: str, seed: int, rows: list[Result]) -> list[Result]:
    """One search, as it stood at every checkpoint; the one by hand gives the rows of two ways."""
    task, start = bayesian.problems(rows)[problem], time.process_time()
    X, y, leaders = lesson()["search"](way, task, BUDGET, seed)
    seconds = time.process_time() - start
    found = []
    for count in CHECKPOINTS:
        homes = {way: int(y[:count].argmin())} | ({WAYS[-1]: leaders[count]} if way == WAYS[-2] else {})
        for name, home in homes.items():
            regret = float(task.truth(X[home])) - task.least
            found.append(Result(problem, name, count, -1, seed, float(f"{y[home]:.6g}"), float(f"{regret:.6g}"), round(seconds, 2)))
    return found


def trainings() -> Iterator[Key]:
    """The grid."""
    for first in range(len(LEARNING_RATES)):
        for second in range(len(MOMENTA)):
            yield from (("training", "PyTorch", first, second, seed) for seed in (*REWARDED, *JUDGED))
            yield from (("training", "Gluon", first, second, seed) for seed in REWARDED)


def searches() -> Iterator[Key]:
    """The last checkpoint of every search."""
    for seed in SEARCHES:
        yield from ((problem, way, BUDGET, -1, seed) for problem in PROBLEMS for way in WAYS[:-1])


def wanted() -> set[Key]:
    """All that the file should hold."""
    steps = {(problem, way, count, -1, seed) for problem in PROBLEMS for way in WAYS for count in CHECKPOINTS for seed in SEARCHES}
    return {*trainings()} | steps


def complete(path: Path, seconds: float = float("inf")) -> bool:
    """Compute what is missing, for so many seconds at most. Returns whether all is there."""
    end, now = time.monotonic() + seconds, _facts()
    rows: dict[Key, Result] = {}
    if path.exists():
        known, old = stored.read(path, Result)
        if differing(known, now) is None:
            now, rows = known, {key_of(row): row for row in old}

    def go_through(keys: Iterator[Key], one: Callable[[Key], list[Result]], name: str) -> bool:
        missing = [key for key in keys if key not in rows]
        bar = progress.add_task(name, total=len(missing))
        for number, key in enumerate(missing):
            if time.monotonic() > end:
                break
            rows.update({key_of(row): row for row in one(key)})
            progress.advance(bar)
            if number % 100 == 99:
                stored.write(path, Result, now, rows.values())
        stored.write(path, Result, now, rows.values())
        return all(key in rows for key in missing)

    with Progress(transient=True) as progress:
        return go_through(trainings(), lambda key: train(*key[1:]), "trainings") and go_through(
            searches(), lambda key: search(key[0], key[1], key[4], list(rows.values())), "searches"
        )


def key_of(row: Result) -> Key:
    return row.problem, row.way, row.first, row.second, row.seed


def _facts() -> dict[str, str]:
    """How new rows come about."""
    packages = ("torch", "mxnet", "numpy", "scipy", "optuna")
    return facts("python -m benchmarks.bayesian", packages, net=digest(LESSON, "trained"), search=digest(LESSON, "search"))


def main(
    out: Annotated[Path, typer.Option(help="The file to make or to complete.")] = ROOT / "dlkit" / "bayesian.csv",
    seconds: Annotated[float, typer.Option(help="Stop after so long; the same command goes on later.")] = float("inf"),
) -> None:
    """Compute what the file does not hold yet."""
    os.environ["OMP_NUM_THREADS"] = "1"  # before anything imports a framework
    done = complete(out, seconds)
    print(f"{out} is {'complete' if done else 'not complete yet: run the same command again'}.", file=sys.stderr)


if __name__ == "__main__":
    typer.run(main)
