"""The learning curves of lesson 18: its configurations, and that what is stored is whole, of the
lesson's own cells, and comes out again.
"""

from dataclasses import astuple

import numpy as np
import pytest

from dlkit.tables import halving
from dlkit.tables.halving import COUNTS, NUM_EPOCHS, Config, Result
from experiments import halving as experiment


def test_configurations_are_the_same_every_time_and_within_their_ranges():
    found = halving.configurations()
    assert (
        found[:5] == halving.configurations(5)
        and len(set(found)) == len(found) == COUNTS["torch"]
    )
    lr, momentum, weight_decay, width = map(np.array, zip(*found, strict=True))
    assert 0.001 <= lr.min() < 0.002 and 0.5 < lr.max() <= 1
    assert 0 <= momentum.min() < 0.1 and 0.98 < momentum.max() <= 0.99
    assert 1e-5 <= weight_decay.min() < 1e-4 and 0.01 < weight_decay.max() <= 0.1
    assert set(width) == set(halving.WIDTHS)


def test_the_images_are_the_same_every_time():
    data = halving.images()
    assert (
        data.train_images.shape == data.val_images.shape == (400, 1, 16, 16)
        and len(data.test_labels) == 2000
    )
    assert np.bincount(data.train_labels).tolist() == [40] * 10


def test_curves_come_in_the_order_of_the_configurations():
    rows = [
        Result("torch", 1, "4 8", 0.5, 1.0),
        Result("mxnet", 0, "40 80", 0.7, 1.0),
        Result("torch", 0, "400 200", 0.6, 1.0),
    ]
    found, accuracies = halving.curves(rows)
    assert found.tolist() == [[1, 0.5], [0.01, 0.02]] and accuracies.tolist() == [
        0.6,
        0.5,
    ]


def test_what_is_stored_is_complete_and_of_the_lesson_that_is_there():
    assert halving.TABLE.provenance()["lesson"] == experiment._facts()["lesson"], (
        "run python -m experiments.halving again"
    )
    rows = halving.TABLE.rows()
    assert sorted(astuple(row)[:2] for row in rows) == sorted(experiment.measured()), (
        "run python -m experiments.halving"
    )
    assert all(len(row.val.split()) == NUM_EPOCHS for row in rows)


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("nn.Conv2d(1, width, 5", "nn.Conv2d(1, width, 7"),
        ("gluon.nn.Conv2D(2 * width", "gluon.nn.Conv2D(3 * width"),
        ("weight_decay=config.weight_decay", "weight_decay=0"),
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
def test_curves_that_are_stored_come_out_alike():
    """In the mean, and of trainings that other rounding leaves alone: a restless one can be 15
    points elsewhere with another release.
    """
    curves, accuracies = halving.curves(halving.TABLE.rows())
    in_gluon, _ = halving.curves(halving.TABLE.rows(), "mxnet")
    # the libraries round differently
    calm = np.flatnonzero(
        np.abs(curves[: len(in_gluon)] - in_gluon).max(axis=1) < 0.01
    )[:3]
    again = [experiment.train(("torch", int(number))) for number in calm]
    from_epoch_to_epoch = np.diff(curves[calm], axis=1).std()
    assert abs(
        np.mean([row.accuracy for row in again]) - accuracies[calm].mean()
    ) < 3 * from_epoch_to_epoch / np.sqrt(3)
    assert all(
        isinstance(halving.configurations()[row.number], Config) for row in again
    )
