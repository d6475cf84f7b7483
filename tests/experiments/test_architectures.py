"""The comparison of lesson 20: its images, the table, and that what is stored is whole and of
the lesson's own cells.
"""

from dataclasses import astuple

import numpy as np
import pytest

from dlkit import mx
from dlkit.tables import architectures
from dlkit.tables.architectures import Result
from experiments import architectures as experiment


@pytest.mark.parametrize(("name", "test"), [("letters", 600), ("digits", 360)])
def test_images_to_learn_from_and_to_judge_by(name, test):
    found = architectures.images(name)
    assert (
        found.train_images.shape == (800, 1, 16, 16)
        and found.train_images.dtype == np.float32
    )
    assert (
        len(found.val_labels) == 300
        and len(found.test_images) == len(found.test_labels) >= test - 1
    )


def test_the_table_stands_in_the_order_of_the_lists_and_of_the_seeds():
    rows = [
        Result("cell", data, 3, seed, 10, 20, seed / 10, seed / 100, 0.2)
        for seed in range(4)
        for data in ("letters", "digits")
    ]
    rewards = architectures.table(rows, "cell", "letters", "reward", (2, 1))
    assert (
        rewards.shape == (125, 2)
        and rewards[3].tolist() == [0.2, 0.1]
        and np.isnan(rewards[4]).all()
    )
    assert architectures.table(rows, "net", "letters", "accuracy", (0,)).shape == (
        216,
        1,
    )


def test_what_is_stored_is_complete_and_of_the_lesson_that_is_there():
    known, now = architectures.TABLE.provenance(), experiment._facts()
    assert known["lesson"] == now["lesson"], (
        "run python -m experiments.architectures again"
    )
    rows = architectures.TABLE.rows()
    stored = [astuple(row)[:4] for row in rows]
    assert set(stored) == {*experiment.measured(), *experiment.found(rows)}, (
        "run python -m experiments.architectures"
    )
    assert len(stored) == len(set(stored))


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ('"conv 1", "conv 3")', '"conv 3", "conv 1")'),
        ("lr=0.2,", "lr=0.1,"),
        ("num_steps=400", "num_steps=300"),
        ("width += 0.05", "width += 0.1"),
        ("net.train()\n", "net.eval()\n"),
    ],
)
def test_what_is_stored_is_told_from_what_another_lesson_would_store(
    line, other, facts_of_another_lesson
):
    assert (
        facts_of_another_lesson(experiment, line, other)["lesson"]
        != experiment._facts()["lesson"]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "data"),
    [
        ("cell", "digits"),
        ("net", "letters"),
        ("deeper", "letters"),
        ("gluon", "letters"),
        ("ensemble", "letters"),
    ],
)
def test_nets_that_are_stored_come_out_alike(way, data):
    """Cost exactly, accuracies in the mean: another processor or release rounds otherwise, which
    can be as good as another seed.
    """
    if way == "gluon" and not mx.available():
        pytest.skip("needs MXNet")
    stored = architectures.TABLE.rows()
    rows = [
        row for row in stored if (row.way, row.data) == (way, data) and row.reward > 0.3
    ][:3]
    again = [experiment.train(astuple(row)[:4], stored) for row in rows]
    assert [(new.parameters, new.multiply_adds) for new in again] == [
        (old.parameters, old.multiply_adds) for old in rows
    ]
    # Where the spread is taken from.
    table = {"gluon": "cell", "ensemble": "net"}.get(way, way)
    seeds = architectures.DEEPER if way == "deeper" else range(4)
    for field in ("reward", "accuracy"):
        off = np.mean(
            [
                getattr(new, field) - getattr(old, field)
                for new, old in zip(again, rows, strict=True)
            ]
        )
        from_seed_to_seed = np.sqrt(
            architectures.table(stored, table, "letters", field, seeds)
            .var(axis=1, ddof=1)
            .mean()
        )
        assert abs(off) < 3 * from_seed_to_seed * np.sqrt(2 / len(rows))
