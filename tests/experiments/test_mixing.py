"""The comparison of lesson 14: its draws of few images, and that what is stored is whole and of
the functions that the lesson has.
"""

import numpy as np
import pytest

from dlkit.tables import mixing
from experiments import mixing as experiment


@pytest.mark.parametrize("name", mixing.SEEDS)
def test_a_draw_of_more_contains_the_draw_of_fewer_and_another_draw_is_another(name):
    fewer, more, other = (
        {image.tobytes() for image in mixing.part(name, count, seed)[0]}
        for count, seed in ((50, 0), (200, 0), (50, 1))
    )
    assert fewer < more and fewer != other


@pytest.mark.parametrize("name", mixing.SEEDS)
def test_what_is_held_out_is_not_trained_on(name):
    data = mixing.images(name)
    assert not {image.tobytes() for image in data.train_images} & {
        image.tobytes() for image in data.test_images
    }
    assert len(data.train_labels) >= max(mixing.COUNTS) and len(
        np.unique(data.test_labels)
    ) == len(data.class_names)


def test_what_is_stored_is_complete_and_of_the_functions_in_the_lesson():
    assert mixing.TABLE.provenance()["lesson"] == experiment._facts()["lesson"], (
        "run python -m experiments.mixing"
    )
    stored = {
        (row.data, row.framework, row.method, row.count, row.steps, row.seed)
        for row in mixing.TABLE.rows()
    }
    assert stored == set(experiment.wanted()), "run python -m experiments.mixing"
