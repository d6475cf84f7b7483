"""Trains a child for every policy of lesson 15's space, and writes what
`dlkit.tables.policies.TABLE` reads.

    python -m experiments.policies

The rules are those of `dlkit.tables.policies`; what is trained, and the searches whose policies are
carried to other images, are the functions in the lesson's cells tagged "net".

- The table: each pair of settings, the smaller one first, with six seeds; three give the rewards of
a search, three judge what it finds.
- The grid of RandAugment, with twelve.
- Then the policies that twenty searches of each kind find in this table, each trained once on each
    of three sets of images that no search saw.
- The file is written anew every few seconds, and what stands in it is not computed again. Stop when
    you like, and go on with the same command.

About fifteen minutes of processor time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from dlkit.tables import policies
from dlkit.tables.policies import (
    CARRIED,
    GRID,
    JUDGED,
    REPEATS,
    REWARDED,
    SETS,
    WAYS,
    Result,
)
from experiments import growing, provenance
from experiments.lessons import ROOT, digest, lesson_names

LESSON = ROOT / "lessons" / "15-learned-policies.ipynb"

Key = tuple[str, str, int, int, int]  # way, data, first, second, seed


@cache
def lesson() -> dict[str, Any]:
    return lesson_names(LESSON)


def train(key: Key) -> Result:
    """One child. A policy that is carried is trained on images of another seed than those of the
    table.
    """
    import numpy as np
    import torch

    from dlkit.nets.training import predict_torch

    torch.set_num_threads(1)
    way, name, first, second, seed = key
    data, names = (
        policies.images(name, 0 if way in ("pair", "grid") else 100 + seed),
        lesson(),
    )
    start = time.process_time()
    if way in ("grid", "RandAugment"):
        net = names["rand_child_torch"](
            data.train_images, data.train_labels, (first, second / 5), seed
        )
    else:
        policy = [
            names["SETTINGS"][number] for number in (first, second) if number >= 0
        ]
        net = names["child_torch"](data.train_images, data.train_labels, policy, seed)
    seconds = time.process_time() - start
    reward = np.mean(predict_torch(net, data.val_images) == data.val_labels)
    accuracy = np.mean(predict_torch(net, data.test_images) == data.test_labels)
    return Result(
        *key, round(float(reward), 4), round(float(accuracy), 4), round(seconds, 2)
    )


def measured() -> Iterator[Key]:
    """The table and the grid."""
    for seed in REPEATS:
        yield from (("grid", "letters", *point, seed) for point in GRID)
        if seed in (*REWARDED, *JUDGED):
            yield from (
                ("pair", "letters", first, second, seed)
                for first in range(30)
                for second in range(first, 30)
            )


def carried(rows: list[Result]) -> Iterator[Key]:
    """What twenty searches of each kind find in the table."""
    found = lesson()["found_policies"](
        policies.table(rows)[0], policies.grid(rows)[0], len(CARRIED)
    )
    for seed in CARRIED:
        for name in SETS:
            yield from (
                (way, name, *(int(number) for number in found[way][seed]), seed)
                for way in WAYS
            )


def complete(path: Path, seconds: float = float("inf")) -> bool:
    """Train what is missing, for so many seconds at most. Returns whether all is there."""
    return growing.complete(
        path, Result, _facts(), [lambda rows: measured(), carried], train, seconds
    )


def _facts() -> dict[str, str]:
    """How new rows come about."""
    lesson = ", ".join(
        digest(LESSON, name)
        for name in ("child", "rand_child", "SETTINGS", "found_policies")
    )
    return provenance.facts(
        "python -m experiments.policies", ("torch", "numpy"), lesson=lesson
    )


if __name__ == "__main__":
    growing.command(ROOT / "dlkit/tables/policies.csv", complete)
