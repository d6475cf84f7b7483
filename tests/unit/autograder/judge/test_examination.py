"""The verdict: status, points and words follow from what the answer did, the same every time."""

from __future__ import annotations

import time

import numpy as np
import pytest
import strategies as some
from hypothesis import given, settings
from strategies import examples

from autograder import Measurement, question, testing
from autograder.answers.outcome import Outcome
from autograder.answers.run import LocalAnswer
from autograder.judge import compared
from autograder.judge.code.code_reader import Code
from autograder.judge.examination import examine
from autograder.questions import catalogue
from autograder.questions.definition import seed_for
from autograder.verdict import Status

pytestmark = pytest.mark.usefixtures("small_course")


def verdict_on(name: str, answer, framework: str = "numpy", seed: int = 0):
    return testing.examine(catalogue.find(name), answer, framework=framework, seed=seed)


def make_question(reference, *, weights=(1.0,), **settings):
    made = question(points=10, **settings)(reference)
    for number, weight in enumerate(weights):

        def probe(rng, number=number):
            return (number + 1.0,)

        probe.__name__ = f"probe_{number + 1}"
        made.probe(weight=weight)(probe)
    return made


# --------------------------------------------------------------------------------------------------


def test_an_unknown_mistake_is_not_given_a_name():
    for answer in [
        lambda values: values.max(),
        lambda values: values.sum() + 1,
        lambda values: values.mean() * 1.01,
    ]:
        assert verdict_on("small.total", answer).mistake is None


def test_a_mistake_made_on_some_inputs_only_is_not_named():
    """Equal to the mean on the long vectors alone: not what whoever takes the mean would get on
    the others.
    """
    assert (
        verdict_on(
            "small.total",
            lambda values: values.mean() if len(values) > 1 else values.sum() + 1,
        ).mistake
        is None
    )


def test_points_follow_the_weights_of_the_probes():
    probes_right_for = make_question(lambda x: x, weights=(1, 2, 3, 4))
    for wrong, earned in [
        ((1,), 9),
        ((2,), 8),
        ((4,), 6),
        ((1, 4), 5),
        ((1, 2, 3), 4),
        ((1, 2, 3, 4), 0),
    ]:
        verdict = testing.examine(
            probes_right_for,
            lambda x, wrong=wrong: -x if x in wrong else x,
            framework="numpy",
        )
        assert (verdict.earned, verdict.passed) == (earned, 4 - len(wrong))
        assert verdict.status is (Status.PARTIAL if earned else Status.INCORRECT)
        assert verdict.failure.probe == f"probe {wrong[0]}"


def test_a_probe_earns_its_weight_only_if_all_its_inputs_pass():
    seen = []

    def answer(image):
        seen.append(image.shape)
        # Wrong on the second oblong image alone.
        return image.T if len(seen) < 4 else image.T + 1

    verdict = verdict_on("small.turn", answer)
    assert (verdict.earned, verdict.tried, verdict.passed) == (2, 4, 3)


# --------------------------------------------------------------------------------------------------


def stub(*args):
    raise NotImplementedError("small.total")


def test_the_stub_is_not_attempted():
    verdict = verdict_on("small.total", stub)
    assert (verdict.status, verdict.earned, verdict.tried, verdict.details) == (
        Status.NOT_ATTEMPTED,
        0,
        0,
        (),
    )


def test_a_library_that_lacks_something_is_not_an_answer_that_was_not_attempted():
    def answer(values):
        raise NotImplementedError(
            "Could not run 'aten::sum' with arguments from the 'Meta' backend."
        )

    assert verdict_on("small.total", answer).status is Status.ERROR


def test_an_answer_that_raises_not_implemented_later_was_attempted():
    assert (
        verdict_on(
            "small.total", lambda values: stub() if len(values) > 1 else values.sum()
        ).status
        is Status.PARTIAL
    )


def test_an_exception_is_told_with_the_learners_own_lines():
    def answer(values):
        return values[10].sum()

    verdict = verdict_on("small.total", answer)
    assert (verdict.status, verdict.earned) == (Status.ERROR, 0)
    assert "IndexError" in verdict.headline and "out of bounds" in verdict.headline
    assert [line.partition(": ")[2] for line in verdict.failure.outcome.lines] == [
        "return values[10].sum()"
    ]


def test_an_exception_on_some_inputs_costs_those():
    verdict = verdict_on(
        "small.turn",
        lambda image: image.T if image.shape[0] == image.shape[1] else 1 / 0,
    )
    assert (verdict.status, verdict.earned) == (Status.PARTIAL, 2)
    assert "ZeroDivisionError" in verdict.headline


def test_an_answer_that_exits_has_failed_and_nothing_else_ends():
    assert verdict_on("small.total", lambda values: exit(0)).status is Status.ERROR


def busy(seconds):
    """Work for so long, whatever else the machine does."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def hasty(seconds=0.3):
    """A question with two inputs and little time."""
    return make_question(lambda number: number + 1, weights=(1, 1), seconds=seconds)


def test_an_endless_answer_is_out_of_time_at_its_first_input():
    calls = []

    def answer(number):
        calls.append(number)
        while True:
            pass

    verdict = testing.examine(hasty(), answer, framework="numpy")
    assert (verdict.status, verdict.earned, len(calls)) == (Status.TIMEOUT, 0, 1)
    assert (
        verdict.headline
        == "No result within 0.3 seconds of a processor's time. Is there an endless loop?"
    )
    assert verdict.details[0].startswith("It was stopped in line ") and verdict.details[
        0
    ].endswith(("`while True:`", "`pass`"))
    assert verdict.seconds >= 0.3


def test_the_time_is_for_all_inputs_together():
    verdict = testing.examine(
        hasty(), lambda number: busy(0.18) or number + 1, framework="numpy"
    )
    assert (verdict.status, verdict.passed, verdict.earned) == (Status.TIMEOUT, 1, 0)
    assert verdict.headline == (
        "All inputs together have 0.3 seconds of a processor's time, and they were used up at "
        "number 2. The result before it is right."
    )


def test_time_is_work_and_who_waits_for_a_busy_machine_loses_none():
    verdict = testing.examine(
        hasty(), lambda number: time.sleep(0.4) or number + 1, framework="numpy"
    )
    assert verdict.status is Status.CORRECT and verdict.seconds < 0.3


def timed(*outcomes):
    """The verdict on a question of ten seconds, of an answer that gives these outcomes."""
    asked, given = (
        make_question(
            lambda x: np.array(1.0), weights=(1,) * len(outcomes), seconds=10.0
        ),
        iter(outcomes),
    )
    return examine(
        asked, lambda driver, args, *limits: next(given), seed=0, framework="numpy"
    )


def right(seconds):
    return Outcome("value", value=np.array(1.0), seconds=seconds)


def test_an_endless_loop_is_supposed_where_one_input_takes_nearly_all_the_time():
    lines = ("line 2: return outer(x)", "line 4: while layers:")
    verdict = timed(right(0.1), Outcome("timeout", lines=lines, seconds=9.9))
    assert verdict.headline.startswith(
        "All inputs together have 10 seconds of a processor's time, and they were used up at "
        "number 2: that one alone took 9.9."
    )
    assert verdict.headline.endswith("Is there an endless loop?")
    assert verdict.details == ("It was stopped in line 4: `while layers:`",)


@pytest.mark.parametrize(
    "outcomes",
    [
        (Outcome("timeout", last="epoch 11: loss 0.43", seconds=10.0),),
        (right(0.1), Outcome("timeout", last="epoch 11: loss 0.43", seconds=9.9)),
        (right(3.0), right(3.0), Outcome("timeout", seconds=4.0)),
        (right(6.0), right(5.0), Outcome("timeout")),
        (Outcome("timeout", seconds=0.02),),
    ],
    ids=["printed", "printed at the second", "slow", "nothing left", "asleep"],
)
def test_no_endless_loop_is_supposed_where_there_was_progress_or_no_work(outcomes):
    verdict = timed(*outcomes)
    assert verdict.status is Status.TIMEOUT and "loop" not in verdict.headline
    assert (
        "The last that it printed is: epoch 11: loss 0.43" in verdict.headline
    ) == bool(outcomes[-1].last)


def test_who_slept_is_told_that_it_waited():
    assert timed(Outcome("timeout", seconds=0.02)).headline == (
        "No result within 60 seconds, 0.02 of which it worked: it waits for "
        "something, or the machine is too busy."
    )
    assert timed(right(0.1), Outcome("timeout", seconds=0.02)).headline.endswith(
        " It was at input 2. The result before it is right."
    )


def test_what_is_left_is_said_in_work_and_by_the_clock():
    limits = []
    asked = make_question(lambda x: np.array(1.0), weights=(1, 1), seconds=10.0)
    examine(
        asked,
        lambda driver, args, *left: limits.append(left) or right(4.0),
        seed=0,
        framework="numpy",
    )
    (work, wall), (work_after, wall_after) = limits
    assert (work, wall, work_after) == (10.0, 60.0, 6.0)
    assert 0 < wall_after <= 60.0, "the clock has not gone on by four seconds"


def test_a_lost_process_ends_the_examination_and_earns_nothing():
    outcomes = iter(
        [Outcome("value", value=np.array(1.0)), Outcome("lost", message="gone")]
    )
    asked = make_question(lambda x: x, weights=(1, 1, 1))
    verdict = examine(
        asked, lambda driver, args, *limits: next(outcomes), seed=0, framework="numpy"
    )
    assert (verdict.status, verdict.earned, verdict.tried, verdict.details) == (
        Status.CRASHED,
        0,
        2,
        ("gone",),
    )


def test_a_forgotten_return_is_told():
    assert verdict_on("small.total", lambda values: None).details == (
        "The function returned None. Is a `return` missing?",
    )


def test_a_way_without_a_return_is_told():
    verdict = verdict_on(
        "small.total", lambda values: sum(values) if len(values) > 1 else None
    )
    assert verdict.details[0].startswith(
        "The function returned None here, and something on other"
    )


def test_what_is_expected_is_worked_out_once_for_all_who_ask_and_no_answer_can_spoil_it():
    worked_out = []

    def reference(x):
        worked_out.append(x)
        return x + np.arange(3.0)

    def in_place(x):
        x *= 0
        return x

    asked = question(points=1)(reference)
    asked.probe()(lambda rng: (rng.random(3),))
    assert (
        testing.examine(asked, in_place, framework="numpy").status is Status.INCORRECT
    )
    assert (
        testing.examine(asked, lambda x: x + np.arange(3.0), framework="numpy").status
        is Status.CORRECT
    )
    assert len(worked_out) == 1


def test_none_is_no_sign_of_a_forgotten_return_where_it_is_a_result():
    asked = make_question(lambda x: None if x < 2 else (53, 0), weights=(1, 1, 1))
    assert testing.examine(
        asked, lambda x: (53, 0) if x > 2 else None, framework="numpy"
    ).details == (
        "Expected (53, 0), got None.",
        "Only this kind of input is wrong: probe 2.",
    )
    assert (
        "return" in testing.examine(asked, lambda x: None, framework="numpy").details[0]
    )
    assert testing.examine(asked, lambda x: (53, 0), framework="numpy").details == (
        "Expected None, got (53, 0).",
        "Only this kind of input is wrong: probe 1.",
    )


def test_what_cannot_be_judged_is_told():
    verdict = verdict_on("small.total", lambda values: (v for v in values))
    assert (verdict.status, verdict.earned) == (Status.INCORRECT, 0)
    assert verdict.details[0].startswith("A generator cannot be judged")


# --------------------------------------------------------------------------------------------------


def near(image, off):
    row, column = np.unravel_index(image.argmax(), image.shape)
    return row + off, column


def test_a_measured_question_takes_whatever_measures_well():
    for off in (0, 1):
        verdict = verdict_on("small.locate", lambda image, off=off: near(image, off))
        assert (verdict.status, verdict.earned, verdict.headline) == (
            Status.CORRECT,
            3,
            f"The position is {off} pixels off.",
        )
    verdict = verdict_on("small.locate", lambda image: near(image, 2))
    assert (verdict.status, verdict.earned, verdict.details) == (
        Status.INCORRECT,
        0,
        ("The position is 2 pixels off.",),
    )


@pytest.mark.parametrize(
    "odd",
    [
        None,
        3,
        "ab",
        (1,),
        (1, 2, 3),
        {"row": 1},
        (float("nan"), 1),
        (float("inf"), 0),
        ([], []),
    ],
    ids=repr,
)
def test_an_output_that_breaks_the_measure_is_wrong_and_nothing_worse(odd):
    verdict = verdict_on("small.locate", lambda image: odd)
    assert (verdict.status, verdict.earned) == (Status.INCORRECT, 0)
    assert verdict.details == (
        "The result does not have the form that the task asks for.",
    )


def test_the_secret_of_an_input_is_not_handed_over():
    given_args = []
    asked = catalogue.find("small.locate")
    examine(
        asked,
        lambda driver, args, *limits: given_args.append(args) or Outcome("value"),
        seed=0,
        framework="numpy",
    )
    assert [len(args) for args in given_args] == [1, 1]


def test_a_measure_that_raises_on_a_right_output_does_not_pass_it():
    asked = make_question(lambda x: x)
    asked.measure(lambda inputs, output: 1 / 0)
    assert testing.examine(asked, lambda x: x, framework="numpy").earned == 0
    asked.measure(lambda inputs, output: Measurement(True, "fine"))
    assert testing.examine(asked, lambda x: x, framework="numpy").earned == 10


# --------------------------------------------------------------------------------------------------


def inputs_seen(name: str, seed: int) -> list:
    seen = []

    def answer(values):
        seen.append(values.tolist())
        return 0.0

    verdict_on(name, answer, seed=seed)
    return seen


@given(some.seeds, some.seeds)
@settings(max_examples=examples(20))
def test_a_seed_gives_the_same_inputs_every_time_and_another_seed_others(one, other):
    assert inputs_seen("small.total", one) == inputs_seen("small.total", one)
    if one != other:
        assert inputs_seen("small.total", one) != inputs_seen("small.total", other)


def test_a_verdict_is_the_same_to_the_last_digit():
    seed = seed_for("secret", "02", "ada", "small.total")
    one, other = (
        verdict_on(
            "small.total", lambda values: values.sum() * 1.01, seed=seed
        ).summary()
        for _ in range(2)
    )
    assert one | {"seconds": 0} == other | {"seconds": 0}


def test_the_judges_random_numbers_do_not_depend_on_the_answers():
    def answer(values):
        np.random.seed(0)
        return np.random.rand()

    np.random.seed(5)
    one = verdict_on("small.total", answer, seed=3).failure
    two = verdict_on("small.total", lambda values: 0.0, seed=3).failure
    assert one.inputs[0][1].tolist() == two.inputs[0][1].tolist()


def test_a_broken_reference_is_the_courses_fault_and_says_so():
    asked = make_question(lambda x: 1 / 0)
    with pytest.raises(
        RuntimeError, match=r"reference of .* fails on its own probe probe_1"
    ):
        testing.examine(asked, lambda x: x, framework="numpy")


def test_a_numpy_answer_is_judged_without_a_framework():
    assert (
        examine(
            catalogue.find("small.total"),
            LocalAnswer(np.sum, "numpy"),
            seed=0,
            framework="numpy",
        ).status
        is Status.CORRECT
    )


# --- a failure whose fault nobody can tell --------------------------------------------------------


def fragile(*args, **kwargs):
    raise LookupError("broke on it")


def measured(measure):
    """A question that is measured by `measure`, of one probe."""
    asked = question(points=1)(lambda x: x)
    asked.probe()(lambda rng: (1,))
    asked.measure(measure)
    return asked


def kept_traceback(caplog):
    """What was logged, with the exception that it was about."""
    [record] = caplog.records
    assert record.name == "autograder"
    return record.getMessage(), record.exc_info[0]


def test_a_measurement_that_fails_costs_the_answer_and_leaves_a_traceback(caplog):
    verdict = testing.examine(measured(fragile), lambda x: x, framework="numpy")
    assert verdict.status is Status.INCORRECT
    message, error = kept_traceback(caplog)
    assert "its measurement failed on a result" in message
    assert "<lambda>" in message  # question and probe
    assert error is LookupError


@pytest.mark.parametrize("given", [None, True, "fine"])
def test_a_measurement_that_measures_nothing_is_the_question_s_fault(given):
    with pytest.raises(TypeError, match="must return a Measurement"):
        testing.examine(
            measured(lambda inputs, output: given), lambda x: x, framework="numpy"
        )


@pytest.mark.parametrize("broken", ["agree", "differences"])
def test_a_comparison_that_fails_leaves_a_traceback(monkeypatch, caplog, broken):
    monkeypatch.setattr(compared, broken, fragile)
    verdict = testing.examine(
        make_question(lambda x: x, weights=(1,)), lambda x: x + 1, framework="numpy"
    )
    assert verdict.earned == 0
    assert {record.exc_info[0] for record in caplog.records} == {LookupError}


def test_a_mistake_that_cannot_be_recognised_leaves_a_traceback(caplog):
    asked = make_question(lambda x: x, weights=(1,))
    asked.mistake("Off by one.", recognise=fragile)(lambda x: x + 1)
    assert testing.examine(asked, lambda x: x + 1, framework="numpy").mistake is None
    assert kept_traceback(caplog)[1] is LookupError


def made_of(reference, *inputs):
    """A question with these inputs, each a kind of its own."""
    made = question(points=3)(reference)
    for number, arguments in enumerate(inputs):

        def probe(rng, arguments=arguments):
            return arguments

        probe.__name__ = f"probe_{number + 1}"
        made.probe()(probe)
    return made


def pool(values, mode):
    return getattr(values, mode)()


def test_a_function_of_other_arguments_is_told_what_it_is_given():
    asked = made_of(pool, (np.ones(3), "max"), (np.ones(4), "min"))
    for answer, takes in [
        (lambda values: values.max(), "1 argument;"),
        (lambda: 0, "0 arguments;"),
        (lambda values, mode, stride: values.max(), "3 arguments;"),
    ]:
        verdict = testing.examine(asked, answer, framework="numpy")
        assert verdict.details[:1] == (
            f"Your function takes {takes} it is given 2: values, mode.",
        )


def test_an_error_from_within_is_not_about_what_the_function_is_given():
    asked = made_of(pool, (np.ones(3), "max"), (np.ones(4), "min"))
    verdict = testing.examine(
        asked, lambda values, mode: pool(values), framework="numpy"
    )
    assert not any("Your function takes" in detail for detail in verdict.details)


def half_open(values, mode):
    if mode == "max":
        return values.max()
    raise NotImplementedError


def test_a_branch_that_is_still_the_stub_is_told_by_the_argument_that_leads_there():
    asked = made_of(
        pool, (np.ones(3), "max"), (np.arange(4.0), "min"), (np.ones(2), "max")
    )
    verdict = testing.examine(asked, half_open, framework="numpy")
    assert "A part of the function is still open" in verdict.headline
    assert verdict.details == ("It is the part for mode = 'min'.",)


HALF_OPEN = """
def pool(values, mode):
    if mode == "max":
        return values.max()
    if mode == "min":
        raise NotImplementedError
"""


def test_an_open_branch_that_comes_first_is_no_untouched_stub():
    asked = made_of(pool, (np.ones(3), "min"), (np.arange(4.0), "max"))

    def judged(code):
        answer = LocalAnswer(half_open, "numpy")
        return examine(asked, answer, seed=0, framework="numpy", code=code)

    verdict = judged(Code([HALF_OPEN], "pool"))
    assert (verdict.status, verdict.passed, verdict.tried) == (Status.PARTIAL, 1, 2)
    assert "A part of the function is still open" in verdict.headline
    assert judged(None).status is Status.NOT_ATTEMPTED


def test_which_part_is_open_is_not_guessed():
    asked = made_of(
        pool, (np.ones(3), "max"), (np.arange(4.0), "min"), (np.arange(9.0), "min")
    )

    def sometimes(values, mode):
        if len(values) == 4:
            raise NotImplementedError
        return pool(values, mode)

    verdict = testing.examine(asked, sometimes, framework="numpy")
    assert "A part of the function is still open" in verdict.headline
    assert verdict.details == ()


def test_an_input_that_is_overwritten_is_told_and_not_what_came_of_it():
    asked = made_of(lambda image: 2 * image, (np.ones((2, 3)),), (np.ones((3, 4)),))

    def clears(image):
        image[:] = 0
        return 2 * image

    verdict = testing.examine(asked, clears, framework="numpy")
    assert verdict.details[0] == (
        "The function overwrites `image`, which it is given: work on a copy."
    )
    assert "All values are zero." not in verdict.details
    right = testing.examine(asked, lambda image: 2 * image, framework="numpy")
    assert right.status is Status.CORRECT


def test_a_single_result_is_told_to_a_learner_in_the_headline():
    asked, answer = make_question(lambda x: x), LocalAnswer(lambda x: x + 2, "numpy")
    for in_tests, said in [(True, "Expected 1, got 3."), (False, "Not right yet.")]:
        verdict = examine(asked, answer, seed=0, framework="numpy", in_tests=in_tests)
        assert verdict.headline == said
