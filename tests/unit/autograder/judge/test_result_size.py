"""What comes back is counted before a question's own measurement computes with it."""

from __future__ import annotations

import numpy as np
import pytest

from autograder.answers.outcome import Outcome
from autograder.judge.examination import examine
from autograder.judge.result_size import FREE, TIMES, numbers_in, too_many
from autograder.questions.definition import Measurement, question
from autograder.verdict import Status


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (1.5, 1),
        ("text", 1),
        (None, 1),
        ([], 0),
        ([1, 2, [3, (4, 5)]], 5),
        (np.zeros((3, 4)), 12),
        ({"a": np.zeros(2), "b": [1]}, 3),
    ],
)
def test_numbers_are_counted_wherever_they_are(value, count):
    assert numbers_in(value) == count


def test_as_many_as_usual_are_never_too_many():
    for usual in (0, 1, 1000, 10**6):
        assert too_many(np.broadcast_to(0.0, usual), usual) == ""
        assert too_many(np.broadcast_to(0.0, TIMES * usual + FREE), usual) == ""
        assert too_many(np.broadcast_to(0.0, TIMES * usual + FREE + 1), usual) != ""


def test_a_measurement_never_sees_what_is_too_large():
    seen = []

    @question(points=1)
    def measured(number):
        """Any array."""

    @measured.probe()
    def any_number(rng):
        return (1,)

    @measured.measure
    def measure(inputs, result):
        seen.append(np.size(result))
        return Measurement(True, "Good.")

    def answering(size):
        return lambda driver, args, seconds, wall: Outcome(
            "value", value=np.zeros(size, bool)
        )

    small = examine(measured, answering(5), seed=1, framework="numpy")
    large = examine(measured, answering(2_000_000), seed=1, framework="numpy")
    assert (small.status, large.status, seen) == (Status.CORRECT, Status.INCORRECT, [5])
    said = " ".join([large.headline, *large.details])
    assert "The result holds 2,000,000 numbers, far more than the task asks for" in said
