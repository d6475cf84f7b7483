"""Nothing that is looked up counts as learnt."""

import re

import numpy as np
import pytest

from autograder.judge.trained import why_not_learnt

LOGITS = np.random.default_rng(0).normal(size=(20, 10))
OTHER = np.random.default_rng(1).normal(size=(20, 10))


MANY = np.random.default_rng(2).normal(size=(64, 10))
MIXED = MANY @ np.random.default_rng(3).normal(size=(10, 10)) + 1


def report(**changed):
    return {
        "logits": LOGITS,
        "alone": [1, 10],
        "parameter_count": 650,
        "hidden_count": 0,
        "moved": [OTHER, LOGITS],
    } | changed


def test_a_net_that_follows_its_parameters_has_learnt():
    assert why_not_learnt(report(), input_size=64) is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"alone": [10]}, "shape \\(10,\\)"),
        ({"alone": []}, "shape \\(\\)"),
        ({"parameter_count": 0}, "no parameters, so"),
        (
            {"parameter_count": 0, "hidden_count": 4810},
            "4,810 other numbers.*plain list",
        ),
        ({"parameter_count": 30, "hidden_count": 257}, "30 parameters.*257 other"),
        ({"hidden_count": 651}, "650 parameters.*651 other"),
        ({"logits": MANY, "moved": [MIXED, 2 * MANY - 7]}, "before its parameters"),
        ({"moved": [LOGITS, LOGITS * 2]}, "do not matter"),
        ({"moved": [-LOGITS]}, "do not matter"),
        ({"moved": [LOGITS + np.arange(20)[:, None]]}, "do not matter"),
        (
            {"logits": np.zeros((20, 10)), "moved": [np.zeros((20, 10))]},
            "do not matter",
        ),
    ],
)
def test_what_shows_that_nothing_was_learnt(changed, words):
    assert re.search(words, why_not_learnt(report(**changed), input_size=64))


@pytest.mark.parametrize(
    "changed",
    [
        {"hidden_count": 650},
        # Means and standard deviations of the inputs, beside very few parameters.
        {"parameter_count": 11, "hidden_count": 128},
        {"moved": [np.full((20, 10), np.nan)]},
        {"logits": MANY, "moved": [MIXED, np.tanh(2 * MIXED)]},
        # Few results are a linear function of as many others, whatever they are.
        {"logits": MANY[:11], "moved": [MIXED[:11] ** 2]},
    ],
)
def test_what_does_not_show_that(changed):
    assert why_not_learnt(report(**changed), input_size=64) is None


def test_scores_are_compared_between_inputs():
    """A ranker gives one score an input: there are no classes to compare."""
    scores = LOGITS[:, :1]
    other = report(alone=[1, 1], logits=scores, moved=[OTHER[:, :1]])
    assert why_not_learnt(other, input_size=10) is None
    same = report(alone=[1, 1], logits=scores, moved=[3 * scores + 1])
    reason = why_not_learnt(same, input_size=10)
    assert "do not matter" in reason


@pytest.mark.parametrize("broken", [{}, {"alone": 3}, [], None])
def test_a_report_of_another_form_raises(broken):
    with pytest.raises((KeyError, TypeError)):
        why_not_learnt(broken, input_size=10)


@pytest.mark.parametrize("inputs", [2, 10, 64])
def test_a_linear_net_is_no_net_that_knew_before(inputs):
    """Of few numbers, results with any parameters are a linear function of those with others."""
    rng = np.random.default_rng(4)
    points = rng.normal(size=(60, inputs))
    before, *moved = (points @ rng.normal(size=(inputs, 10)) for _ in range(5))
    found = report(logits=before, moved=moved)
    assert why_not_learnt(found, input_size=inputs) is None
