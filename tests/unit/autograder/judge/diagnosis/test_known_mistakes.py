"""A known mistake is named where it explains everything and nothing else does; what is less sure
is offered, with what it does not explain, or not said at all.
"""

from __future__ import annotations

import numpy as np
import pytest
import strategies as some
from hypothesis import given
from hypothesis import strategies as st

from autograder import question, testing
from autograder.answers.run import LocalAnswer
from autograder.judge.examination import examine, examine_answer

COUNTED = "The count is one too small."
SUMMED = "This is the sum."


def ask(reference, *probes, mistakes=(), **settings):
    """A question with a probe for each function of a generator, or for fixed arguments."""
    asked = question(points=1, **settings)(reference)
    for number, make in enumerate(probes):

        def probe(rng, make=make):
            return make(rng) if callable(make) else make

        probe.__name__ = f"kind_{number}"
        asked.probe()(probe)
    for message, function in mistakes:
        asked.mistake(message)(function)
    return asked


def told(asked, answer):
    return testing.examine(asked, answer, framework="numpy")


def vector(size):
    return lambda rng: (rng.normal(size=size) + 3,)


VECTORS = (vector(5), vector(8), vector(6))


# What is named


def test_what_explains_every_result_is_named_in_any_form():
    asked = ask(np.mean, *VECTORS, mistakes=[(SUMMED, np.sum)])
    verdict = told(asked, lambda values: float(sum(values)))
    assert (verdict.mistake, "looks like" in str(verdict.details)) == (SUMMED, False)


@given(st.integers(0, 2))
def test_what_leaves_one_result_unexplained_is_not_named(place):
    asked = ask(np.mean, *VECTORS, mistakes=[(SUMMED, np.sum)])
    sizes = (5, 8, 6)
    verdict = told(
        asked,
        lambda values: values.sum() + (0.5 if len(values) == sizes[place] else 0),
    )
    assert verdict.mistake is None


def test_two_that_explain_everything_are_both_offered_and_neither_is_named():
    asked = ask(
        lambda values: values.mean(),
        *VECTORS,
        mistakes=[
            (SUMMED, np.sum),
            ("The mean is multiplied.", lambda v: v.mean() * len(v)),
        ],
    )
    verdict = told(asked, np.sum)
    assert verdict.mistake is None
    assert (
        SUMMED in verdict.details[0] and "The mean is multiplied." in verdict.details[0]
    )


def test_one_mistake_written_twice_is_one():
    """As for two frameworks, whose own functions differ."""
    asked = ask(
        np.mean, *VECTORS, mistakes=[(SUMMED, np.sum), (SUMMED, lambda v: v.sum())]
    )
    assert told(asked, np.sum).mistake == SUMMED


def raising(*args):
    raise ValueError("as for much else")


def test_an_error_alone_has_too_many_causes():
    asked = ask(np.mean, *VECTORS, mistakes=[("It needs a matrix.", raising)])
    verdict = told(asked, raising)
    assert verdict.mistake is None
    assert "matrix" not in str(verdict.details)


def test_an_error_beside_an_equal_wrong_value_is_explained_whatever_its_name():
    def mistake(values):
        return values.sum() if len(values) > 5 else raising()

    def answer(values):
        return values.sum() if len(values) > 5 else values[9]

    assert (
        told(ask(np.mean, *VECTORS, mistakes=[(SUMMED, mistake)]), answer).mistake
        == SUMMED
    )


@pytest.mark.parametrize(
    "wrong", [0, 1, False, float("nan"), "", None, [0, 0]], ids=repr
)
def test_one_and_the_same_small_result_is_offered_only(wrong):
    """That much else gives as well: 1 where it should be the place."""
    asked = ask(
        lambda x: [x, x + 1],
        (4,),
        (5,),
        (6,),
        mistakes=[("It stops at once.", lambda x: wrong)],
    )
    verdict = told(asked, lambda x: wrong)
    assert verdict.mistake is None
    assert verdict.details[0] == "It looks like this: It stops at once."


def test_several_small_results_are_no_chance():
    asked = ask(lambda x: x, (4,), (5,), (6,), mistakes=[(COUNTED, lambda x: x - 1)])
    assert told(asked, lambda x: x - 1).mistake == COUNTED


def test_what_a_question_recognises_is_offered_where_the_mistake_gives_something_else():
    asked = ask(np.mean, *VECTORS)
    asked.mistake("Far too large.", recognise=lambda inputs, value: value > 9)(np.sum)
    assert told(asked, np.sum).mistake == "Far too large."
    verdict = told(asked, lambda values: values.sum() * 2)
    assert verdict.mistake is None
    assert verdict.details[0] == "It looks like this: Far too large."


def test_what_gives_the_same_goes_before_what_is_only_recognised():
    asked = ask(np.mean, *VECTORS, mistakes=[(SUMMED, np.sum)])
    asked.mistake("Too large.", recognise=lambda inputs, value: value > 9)(
        lambda v: v.sum() * 2
    )
    assert told(asked, np.sum).mistake == SUMMED
    assert told(asked, lambda v: v.sum() * 2).mistake == "Too large."


# What is offered


def both(values):
    return values.mean(), values.std()


def test_a_mistake_in_one_part_is_offered_for_that_part():
    asked = ask(both, *VECTORS, mistakes=[(SUMMED, lambda v: (v.sum(), v.std()))])
    assert told(asked, lambda v: (v.sum(), v.std())).mistake == SUMMED
    verdict = told(asked, lambda v: (v.sum(), v.var()))
    assert verdict.mistake is None
    assert verdict.details[0] == (
        f"In item 0 it looks like this: {SUMMED} It does not explain item 1."
    )


def test_what_explains_most_inputs_is_offered_with_what_it_leaves():
    asked = ask(np.mean, *VECTORS, vector(2), mistakes=[(SUMMED, np.sum)])
    verdict = told(asked, lambda values: values.sum() if len(values) > 2 else 7.5)
    assert verdict.mistake is None
    assert verdict.details[0] == (
        f"On most inputs it looks like this: {SUMMED} It does not explain 1 of the 4 wrong results."
    )


def test_what_explains_fewer_than_half_is_not_offered():
    asked = ask(np.mean, *VECTORS, vector(2), mistakes=[(SUMMED, np.sum)])
    verdict = told(
        asked, lambda values: values.sum() if len(values) > 6 else -values.max()
    )
    assert verdict.mistake is None
    assert "like this" not in str(verdict.details)


def test_who_is_right_where_the_mistake_is_wrong_does_not_make_it():
    asked = ask(np.mean, *VECTORS, mistakes=[(SUMMED, np.sum)])
    verdict = told(
        asked, lambda values: values.mean() if len(values) == 5 else values.sum()
    )
    assert verdict.mistake is None
    assert "like this" not in str(verdict.details)


def test_another_number_in_the_same_places_is_offered():
    def means(groups):
        return np.array([values.mean() if len(values) else 9.0 for values in groups])

    def with_zero(groups):
        return np.array([values.mean() if len(values) else 0.0 for values in groups])

    def with_nan(groups):
        return np.array([values.mean() if len(values) else np.nan for values in groups])

    empty, full = np.zeros(0), np.array([1.5, 2.0])
    asked = ask(
        means,
        ([full, full + 1],),
        ([full, empty, full],),
        mistakes=[("An empty group becomes 0.", with_zero)],
    )
    verdict = told(asked, with_nan)
    assert verdict.mistake is None
    assert verdict.details[0] == (
        "It looks like this, with NaN in its place: An empty group becomes 0."
    )


@given(some.seeds)
def test_nothing_is_offered_to_who_does_something_else(seed):
    asked = ask(both, *VECTORS, mistakes=[(SUMMED, lambda v: (v.sum(), v.std()))])
    rng = np.random.default_rng(seed)
    verdict = told(asked, lambda v: (rng.normal(), rng.normal()))
    assert verdict.mistake is None
    assert "like this" not in str(verdict.details)


# What general sentences yield to


def test_a_named_mistake_needs_no_general_sentence():
    asked = ask(lambda v: v, *VECTORS, mistakes=[("Twice as much.", lambda v: 2 * v)])
    verdict = told(asked, lambda v: 2 * v)
    assert verdict.mistake == "Twice as much."
    assert "constant factor" not in str(verdict.details)
    unnamed = told(ask(lambda v: v, *VECTORS), lambda v: 2 * v)
    assert "constant factor" in unnamed.details[0]


# Where the framework was not chosen


def test_without_use_the_arrays_are_told_and_no_mistake_is_named():
    asked = ask(np.mean, *VECTORS, mistakes=[(SUMMED, np.sum)])
    answer = LocalAnswer(np.sum, "numpy")
    verdict = examine(asked, answer, seed=0, framework="numpy", chosen=False)
    assert verdict.mistake is None
    assert verdict.details[0].startswith(
        "No `use(...)` was run, so the check handed over arrays of numpy."
    )
    assert SUMMED not in str(verdict.details)
    right = examine(
        asked, LocalAnswer(np.mean, "numpy"), seed=0, framework="numpy", chosen=False
    )
    assert (right.earned, right.details) == (1, ())


# Errors


def details_of(error, *args):
    def fails(x):
        raise error

    return examine_answer(ask(lambda x: x, *args), fails, "numpy").details


def test_arrays_are_blamed_only_where_one_is_handed_over_and_named():
    array = (np.ones(2),)
    about = AttributeError("'numpy.ndarray' object has no attribute 'numpy'")
    other = AttributeError("'NoneType' object has no attribute 'update'")
    assert details_of(about, array) == (
        'The check hands over arrays of numpy: use("numpy") is in force.',
    )
    assert details_of(other, array) == ()
    assert details_of(about, ({"lr": [0.1]},)) == ()
    assert (
        details_of(TypeError("takes 1 positional argument but 2 were given"), array)
        == ()
    )


def test_a_download_is_told_that_grading_has_no_network():
    error = OSError("<urlopen error [Errno -3] Temporary failure in name resolution>")
    assert details_of(error, (1,)) == (
        "Grading has no network: an answer that downloads something fails there.",
    )
    assert details_of(OSError("No such file"), (1,)) == ()


def test_the_kinds_of_input_that_are_wrong_are_told_where_most_are_right():
    asked = ask(lambda x: x, (1,), (2,), (3,), (4,))
    assert told(asked, lambda x: -x if x == 2 else x).details[-1] == (
        "Only this kind of input is wrong: kind 1."
    )
    assert told(asked, lambda x: -x if x in (2, 4) else x).details[-1] == (
        "Only these kinds of input are wrong: kind 1; kind 3."
    )
    assert "kind" not in str(told(asked, lambda x: -x if x > 1 else x).details)


def test_an_input_of_one_pixel_is_not_what_is_shown():
    asked = ask(
        lambda image: image,
        (np.full((1, 1), 2.0),),
        (np.ones((3, 4)),),
        (np.arange(6.0).reshape(2, 3),),
    )
    assert told(asked, lambda image: image * 3).failure.probe == "kind 2"
