"""What the open questions say of a trained net's answers."""

import numpy as np

from autograder.questions.definition import Inputs
from solutions.accuracy import ByAccuracy

JUDGED = ByAccuracy("digits", needed=0.9, guessing=0.3)
LABELS = np.repeat(np.arange(10), 10)
INPUTS = Inputs((), secret=LABELS)


def output(answers):
    return {"logits": np.eye(10)[answers], "parameter_count": 650, "hidden_count": 0}


def test_classes_that_are_never_answered_are_told_and_not_taken_for_too_little_training():
    five = output(LABELS % 5)
    assert (
        "It never answers 5 of the 10 classes." in JUDGED.measure(INPUTS, five).message
    )
    assert not JUDGED.learnt_too_little(INPUTS, five)


def test_how_far_a_net_is_from_what_is_needed_is_told_where_it_passes_too():
    message = JUDGED.measure(INPUTS, output(LABELS)).message
    assert message == "100.0% of 100 unseen digits are right; 90% are needed."


def test_a_net_that_answers_all_classes_and_errs_has_learnt_too_little():
    shifted = LABELS.copy()
    shifted[::3] = (shifted[::3] + 1) % 10
    assert JUDGED.learnt_too_little(INPUTS, output(shifted))
    assert "never" not in JUDGED.measure(INPUTS, output(shifted)).message


def test_all_numbers_that_the_net_computes_with_are_counted():
    small = ByAccuracy("digits", needed=0.9, guessing=0.3, most_parameters=1000)
    hiding = output(LABELS) | {"hidden_count": 351}
    assert (
        "with 1,001 parameters; 1,000 are allowed"
        in small.measure(INPUTS, hiding).message
    )
