"""What a measurement is given of a result."""

from __future__ import annotations

import numpy as np
import pytest

from autograder.answers.outcome import Outcome
from autograder.judge.measured import Measured
from autograder.questions.definition import Case, Inputs, Measurement, Probe, Question

CASE = Case(Probe("some", lambda rng: (), 1.0, 1), Inputs(()))
VECTORS = [np.array([number]) for number in (1.0, 2.0, 3.0)]


def shape_of(value, question: Question) -> tuple:
    shapes = []

    def measure(inputs, output):
        shapes.append(np.shape(output))
        return Measurement(True, "")

    Measured(measure).observe(question, CASE, Outcome("value", value), None)
    return shapes[0]


@pytest.fixture
def question():
    return Question("small.forms", 1, reference=None)


@pytest.mark.parametrize("form", [list, tuple])
def test_a_measurement_is_given_the_numbers_that_a_list_holds_in_vectors_of_one(
    form, question
):
    assert shape_of(form(VECTORS), question) == (3,)
    assert shape_of([form(VECTORS), form(VECTORS)], question) == (2, 3)


def test_arrays_are_measured_as_they_are(question):
    assert shape_of(np.array(VECTORS), question) == (3, 1)
    assert shape_of(np.array([1.0]), question) == (1,)


def test_a_vector_of_one_among_other_arrays_is_an_array(question):
    seen = []

    def measure(inputs, output):
        seen.extend(np.shape(array) for array in output)
        return Measurement(True, "")

    value = [np.ones((1, 3)), np.ones(1), np.ones((3, 1))]
    Measured(measure).observe(question, CASE, Outcome("value", value), None)
    assert seen == [(1, 3), (1,), (3, 1)]
