"""The comparison of lesson 08: the draws of labels, and that what is stored is whole and of the
backbone that ships.
"""

import numpy as np
import pytest

from dlkit.nets.backbone import SHA256
from dlkit.tables import transfer
from dlkit.tables.transfer import few
from experiments import transfer as experiment

LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [9, 6, 3]))
IMAGES = np.arange(18.0)[:, None, None, None]


def test_a_draw_has_as_many_labels_of_each_class():
    images, labels = few(IMAGES, LABELS, 3, draw=0)
    assert np.bincount(labels).tolist() == [3, 3, 3]
    assert (
        np.array_equal(LABELS[images.ravel().astype(int)], labels)
        and len(set(images.ravel())) == 9
    )
    assert np.bincount(few(IMAGES, LABELS, 5, draw=0)[1]).tolist() == [5, 5, 3]


def test_a_draw_of_more_contains_the_draw_of_fewer_and_another_draw_is_another():
    fewer, more, other = (
        set(few(IMAGES, LABELS, count, draw)[0].ravel())
        for count, draw in ((2, 0), (4, 0), (2, 1))
    )
    assert fewer < more and fewer != other


@pytest.mark.parametrize("name", transfer.TARGETS)
def test_targets_are_colour_images_of_32_pixels(name):
    found = transfer.target(name)
    assert (
        found.train_images.shape[1:] == (3, 32, 32)
        and len(found.test_labels) == 400
        and found.train_images.dtype == np.float32
    )
    assert np.bincount(found.train_labels).min() >= max(transfer.COUNTS)


def test_what_is_stored_is_complete_and_of_the_backbone_that_ships():
    known, now = transfer.TABLE.provenance(), experiment._facts()
    assert now["backbone"] == SHA256
    assert {name: known[name] for name in ("backbone", "lesson")} == {
        name: now[name] for name in ("backbone", "lesson")
    }, "run it again"
    stored = {
        (row.target, row.way, row.count, row.frozen, row.draw)
        for row in transfer.TABLE.rows()
    }
    assert stored == set(experiment.wanted()), "run python -m experiments.transfer"
