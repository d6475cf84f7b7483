"""Nothing that is looked up counts as learnt."""

import re

import numpy as np
import pytest

from autograder.judge.trained import why_not_learnt

LOGITS = np.random.default_rng(0).normal(size=(20, 10))
OTHER = np.random.default_rng(1).normal(size=(20, 10))


def report(**changed):
    return {
        "logits": LOGITS,
        "alone": [1, 10],
        "parameter_count": 650,
        "hidden_count": 0,
        "moved": [OTHER, LOGITS],
    } | changed


def test_a_net_that_follows_its_parameters_has_learnt():
    assert why_not_learnt(report()) is None


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
    assert re.search(words, why_not_learnt(report(**changed)))


def test_a_net_whose_results_break_down_follows():
    assert why_not_learnt(report(moved=[np.full((20, 10), np.nan)])) is None


def test_scores_are_compared_between_inputs():
    """A ranker gives one score an input: there are no classes to compare."""
    scores = LOGITS[:, :1]
    assert (
        why_not_learnt(report(alone=[1, 1], logits=scores, moved=[OTHER[:, :1]]))
        is None
    )
    reason = why_not_learnt(report(alone=[1, 1], logits=scores, moved=[3 * scores + 1]))
    assert "do not matter" in reason


@pytest.mark.parametrize("broken", [{}, {"alone": 3}, [], None])
def test_a_report_of_another_form_raises(broken):
    with pytest.raises((KeyError, TypeError)):
        why_not_learnt(broken)
