"""The comparison of lesson 15: its images, the table and the grid, and that what is stored is
whole, of the lesson's own cells, and what its searches find.
"""

from dataclasses import astuple

import numpy as np
import pytest

from dlkit.tables import policies
from dlkit.tables.policies import Result
from experiments import policies as experiment


@pytest.mark.parametrize("name", policies.SETS)
def test_few_images_to_learn_from_and_disturbed_ones_to_judge_by(name):
    found, again, other = (
        policies.images(name),
        policies.images(name, 0),
        policies.images(name, 1),
    )
    assert (
        found.train_images.shape == (100, 1, 16, 16)
        and found.train_images.dtype == found.test_images.dtype == np.float32
    )
    assert np.bincount(found.train_labels).tolist() == [10] * 10
    assert len(found.val_labels) >= 120 and len(found.test_labels) >= 239
    assert 0 <= found.test_images.min() and found.test_images.max() <= 1  # noqa: SIM300
    assert np.array_equal(found.test_images, again.test_images) and not np.array_equal(
        found.test_images, other.test_images
    )


def test_the_table_is_symmetric_and_parts_rewards_from_what_judges():
    rows = [
        Result("pair", "letters", 0, 2, seed, seed / 10, seed / 100, 0.2)
        for seed in range(6)
    ]
    rewards, accuracies = policies.table(rows, num_settings=3)
    assert rewards[0, 2].tolist() == rewards[2, 0].tolist() == [
        0,
        0.1,
        0.2,
    ] and accuracies[2, 0].tolist() == [0.03, 0.04, 0.05]
    assert np.isnan(rewards[0, 1]).all()


def test_the_grid_has_six_rewards_and_six_that_judge():
    rows = [
        Result("grid", "letters", 3, 5, seed, seed / 10, seed / 100, 0.2)
        for seed in range(12)
    ]
    rewards, accuracies = policies.grid(rows)
    assert rewards.shape == accuracies.shape == (15, 6)
    assert np.allclose(rewards[-1], np.arange(6) / 10) and np.allclose(
        accuracies[-1], np.arange(6, 12) / 100
    )


def test_what_is_stored_is_complete_and_of_the_lesson_that_is_there():
    known, now = policies.TABLE.provenance(), experiment._facts()
    assert known["lesson"] == now["lesson"], "run python -m experiments.policies again"
    rows = policies.TABLE.rows()
    stored = {astuple(row)[:5] for row in rows}
    assert stored == {*experiment.measured(), *experiment.carried(rows)}, (
        "run python -m experiments.policies"
    )
    assert len(stored) == len(rows)


@pytest.mark.parametrize(
    ("line", "other"),
    [
        (
            "MAGNITUDES = (0.4, 0.8), (1 / 3, 2 / 3, 1)",
            "MAGNITUDES = (0.4, 0.8), (1 / 3, 2 / 3, 0.9)",
        ),
        (
            "for p in PROBABILITIES for m in MAGNITUDES",
            "for m in MAGNITUDES for p in PROBABILITIES",
        ),
        ("baseline = decay * baseline", "baseline = baseline"),
        ("num_searches, budget=90)", "num_searches, budget=75)"),
        ("lr=0.01", "lr=0.02"),
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
@pytest.mark.parametrize("way", ["pair", "grid", "RandAugment", "REINFORCE"])
def test_children_that_are_stored_come_out_alike(way):
    """In the mean: another processor or release rounds otherwise, and sixty steps can make as
    much of that as of another seed.
    """
    stored = policies.TABLE.rows()
    rows = [row for row in stored if (row.way, row.data) == (way, "letters")][:6]
    again = [experiment.train(astuple(row)[:5]) for row in rows]
    for field, table in zip(
        ("reward", "accuracy"), policies.table(stored), strict=True
    ):
        off = np.mean(
            [
                getattr(new, field) - getattr(old, field)
                for new, old in zip(again, rows, strict=True)
            ]
        )
        from_seed_to_seed = np.sqrt(table.var(axis=-1, ddof=1).mean())
        assert abs(off) < 3 * from_seed_to_seed * np.sqrt(2 / len(rows))
