"""One call of an answer: whatever it does, it becomes an outcome, and the process is as it was
before.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
import warnings

import numpy as np
import pytest

from autograder.answers.outcome import Outcome
from autograder.answers.run import MAX_PRINTED, MAX_TAIL, is_stub, run, run_contained
from autograder.answers.time_limit import Watcher, patience


def outcome_of(answer, *args, seconds: float = 5.0, **more) -> Outcome:
    return run_contained(answer, "call", "numpy", args, seconds, **more)


def busy(seconds):
    """Work for so long, whatever else the machine does."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_a_value_comes_back_plain():
    outcome = outcome_of(lambda a, b: (a + b, 3), np.ones(2), 1)
    assert (
        outcome.kind,
        outcome.value[0].tolist(),
        outcome.value[1],
        outcome.printed,
    ) == (
        "value",
        [2.0, 2.0],
        3,
        "",
    )


def test_a_forgotten_return_is_the_value_none():
    assert outcome_of(lambda: None) == Outcome("value")


def _inner(values):
    return values @ np.ones(7)


def _outer(values):
    doubled = values * 2
    return _inner(doubled)


def test_an_exception_is_told_by_the_learners_own_lines():
    outcome = outcome_of(_outer, np.ones(3))
    assert (outcome.kind, outcome.error) == ("raised", "ValueError")
    assert "size 7" in outcome.message
    assert [line.partition(": ")[2] for line in outcome.lines] == [
        "return _inner(doubled)",
        "return values @ np.ones(7)",
    ]
    assert all(line.startswith("line ") for line in outcome.lines)


def test_an_exception_inside_a_library_is_told_by_the_line_that_called_it():
    outcome = outcome_of(lambda values: np.stack([values, values[1:]]), np.ones(3))
    assert outcome.error == "ValueError"
    assert [line for line in outcome.lines if "np.stack" in line] == list(outcome.lines)


def _recursion(n=0):
    return _recursion(n + 1)


def test_a_deep_recursion_is_told_in_a_few_lines():
    outcome = outcome_of(_recursion)
    assert (outcome.kind, outcome.error) == ("raised", "RecursionError")
    assert len(outcome.lines) <= 4


class _Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class _Long(Exception):
    def __str__(self):
        return "x" * 10_000 + "\n" * 100


def raising(error: BaseException):
    def answer():
        raise error

    return answer


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (SystemExit(0), "SystemExit"),
        (GeneratorExit(), "GeneratorExit"),
        (StopIteration(), "StopIteration"),
        (_Mute(), "_Mute"),
        (_Long(), "_Long"),
        (TimeoutError(), "TimeoutError"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_whatever_is_raised_is_an_outcome_with_a_short_message(error, name):
    outcome = outcome_of(raising(error))
    assert (outcome.kind, outcome.error) == ("raised", name)
    assert len(outcome.message) <= 600


def test_exit_is_an_answer_that_failed():
    assert outcome_of(lambda: sys.exit("done")).error == "SystemExit"
    assert outcome_of(exit).kind == "raised"


def test_an_interrupt_is_the_learners_and_passes():
    with pytest.raises(KeyboardInterrupt):
        outcome_of(raising(KeyboardInterrupt()))
    assert sys.stdout is not None and signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.mark.parametrize(
    "answer",
    [
        lambda: (n for n in range(3)),
        lambda: object(),
        lambda: iter([]),
        lambda: np.array([object()]),
    ],
    ids=range(4),
)
def test_what_cannot_be_judged_is_refused_with_a_reason(answer):
    outcome = outcome_of(answer)
    assert outcome.kind == "refused" and "cannot be judged" in outcome.message


def test_a_coroutine_is_refused_without_a_warning():
    async def answer():
        return 1

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert outcome_of(answer).kind == "refused"


@pytest.mark.parametrize("result", [None, 3, np.ones(2)])
def test_who_checks_the_result_instead_of_the_function_is_told(result):
    outcome = outcome_of(result)
    assert outcome.kind == "refused" and "function itself" in outcome.message


def test_the_stub_is_recognised():
    assert is_stub(
        outcome_of(raising(NotImplementedError("small.total"))), "small.total"
    )
    assert is_stub(outcome_of(raising(NotImplementedError())), "small.total")
    assert not is_stub(outcome_of(raising(ValueError("small.total"))), "small.total")
    assert not is_stub(
        outcome_of(raising(NotImplementedError("no such kernel"))), "small.total"
    )


def test_prints_and_warnings_stay_inside(capfd):
    def answer():
        print("one")
        print("two", file=sys.stderr)
        warnings.warn("three", stacklevel=1)
        result = np.log(np.zeros(1))
        warnings.simplefilter("error")
        return result

    filters = list(warnings.filters)
    outcome = outcome_of(answer)
    assert (outcome.kind, outcome.printed) == ("value", "one\n")
    assert tuple(capfd.readouterr()) == ("", "")
    assert warnings.filters == filters


def test_only_the_beginning_of_what_is_printed_is_kept():
    def answer():
        for _ in range(10_000):
            print("abc" * 100)

    assert outcome_of(answer).printed == (("abc" * 100 + "\n") * 10)[:MAX_PRINTED]


def test_the_last_line_of_what_is_printed_is_kept_too():
    def answer():
        for epoch in range(1000):
            print("epoch", epoch, "\u00e9" * 10)
        print("\n   ")

    outcome = outcome_of(answer)
    assert outcome.printed.startswith("epoch 0") and "epoch 999" not in outcome.printed
    assert outcome.last == "epoch 999 " + "\u00e9" * 10
    assert outcome_of(lambda: print("50 %\r100 %", end="")).last == "100 %"
    assert outcome_of(lambda: print("x" * 10**6)).last == "x" * (MAX_TAIL - 1)
    assert outcome_of(lambda: None).last == ""


def test_an_endless_answer_runs_out_of_time_where_it_is():
    def loop():
        while True:
            pass

    def answer():
        print("begun")
        return loop()

    outcome = outcome_of(answer, seconds=0.2)
    assert (outcome.kind, outcome.last) == ("timeout", "begun")
    assert outcome.seconds >= 0.2
    first, second = outcome.lines
    assert first.endswith(": return loop()") and second.endswith(
        (": while True:", ": pass")
    )


def test_where_a_deep_recursion_was_stopped_is_told_in_a_few_lines():
    def answer(n=0):
        busy(0.002)
        return answer(n + 1)

    outcome = outcome_of(answer, seconds=0.2)
    assert outcome.kind == "timeout" and 1 <= len(outcome.lines) <= 4


def test_time_is_work():
    outcome = outcome_of(lambda: time.sleep(0.5) or 3, seconds=0.2)
    assert (outcome.kind, outcome.value) == ("value", 3) and outcome.seconds < 0.5


def test_work_of_all_threads_counts():
    def answer():
        working = [threading.Thread(target=busy, args=(0.2,)) for _ in range(2)]
        for thread in working:
            thread.start()
        for thread in working:
            thread.join()

    assert outcome_of(answer).seconds >= 0.2


def test_an_answer_that_sleeps_runs_out_of_the_wall_limit():
    def answer():
        time.sleep(1000)

    start = time.monotonic()
    outcome = outcome_of(answer, wall=0.3)
    assert outcome.kind == "timeout" and outcome.lines[-1].endswith(
        ": time.sleep(1000)"
    )
    assert time.monotonic() - start >= 0.3


def test_the_wall_limit_grows_with_the_questions_time_and_has_room_for_a_hiccup():
    assert patience(0.0) == 10 and patience(120.0) == 610
    assert all(patience(seconds) >= 5 * seconds + 10 for seconds in (0.2, 1, 30))


def test_an_answer_that_catches_every_exception_runs_out_of_time_too():
    def answer():
        while True:
            try:
                time.sleep(10)
            except Exception:
                print("caught")

    outcome = outcome_of(answer, wall=0.2)
    assert (outcome.kind, outcome.printed) == ("timeout", "")


def test_an_answer_that_swallows_the_first_signal_is_sent_another():
    def answer():
        with contextlib.suppress(BaseException):
            time.sleep(1000)
        print("again")
        time.sleep(1000)

    outcome = outcome_of(answer, wall=0.2)
    assert (outcome.kind, outcome.printed) == ("timeout", "again\n")


def test_an_exception_lost_in_a_destructor_is_raised_again():
    class Lost:
        def __del__(self):
            busy(0.4)

    def answer():
        Lost()
        while True:
            pass

    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        assert outcome_of(answer, seconds=0.1).kind == "timeout"
    finally:
        sys.unraisablehook = hook


class Onlooker(Watcher):
    """Looks every 0.02 seconds."""

    def __init__(self, error=None):
        self.looks, self.error, self.profile = [], error, None
        self.next = time.monotonic() + 0.02

    def follow(self, printed):
        self.printed = printed

    def due(self):
        return self.next - time.monotonic()

    def look(self, frame):
        self.next = time.monotonic() + 0.02
        self.looks.append(frame)
        self.profile = sys.getprofile()
        if self.error:
            raise self.error


def test_who_watches_looks_again_and_again_and_the_answer_does_not_notice():
    watcher = Onlooker()
    outcome = outcome_of(lambda: busy(0.3) or 7, live=watcher)
    assert outcome.value == 7 and len(watcher.looks) >= 2


def test_a_look_is_no_call_of_the_answers():
    seen = []

    def answer():
        sys.setprofile(lambda frame, event, arg: seen.append(frame.f_code.co_name))
        try:
            busy(0.2)
        finally:
            sys.setprofile(None)
        return 7

    watcher = Onlooker()
    assert outcome_of(answer, live=watcher).value == 7
    assert watcher.looks and watcher.profile is None and "look" not in seen


def test_an_interrupt_while_somebody_looks_is_the_learners_too():
    with pytest.raises(KeyboardInterrupt):
        outcome_of(lambda: busy(5), live=Onlooker(KeyboardInterrupt()))
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_the_alarm_is_put_back_and_does_not_ring_later():
    rang = []
    previous = signal.signal(signal.SIGALRM, lambda *_: rang.append(1))
    try:
        assert outcome_of(lambda: 1, wall=0.05).kind == "value"
        handler = signal.getsignal(signal.SIGALRM)
        time.sleep(0.1)
        handler(0, None)
        assert rang == [1]
    finally:
        signal.signal(signal.SIGALRM, previous)


def test_outside_the_main_thread_an_answer_runs_without_an_alarm():
    found = []
    thread = threading.Thread(
        target=lambda: found.append(outcome_of(lambda: threading.current_thread().name))
    )
    thread.start()
    thread.join()
    assert found[0].value == thread.name


def test_an_answer_that_changes_its_input_changes_only_its_own():
    source = [np.ones(2)]

    def answer(values):
        values[0] += 1
        values.append(3)
        return values[0]

    assert run(answer, "call", "numpy", (source,)).value.tolist() == [2, 2]
    assert len(source) == 1 and source[0].tolist() == [1, 1]


def misspelt(kernel):
    return kernal.sum()  # noqa: F821


def test_a_name_that_python_takes_to_be_meant_is_told():
    message = outcome_of(misspelt, np.ones(3)).message
    assert message == "name 'kernal' is not defined. Did you mean: 'kernel'?"
    outcome = outcome_of(lambda values: values.sumn(), np.ones(3))
    assert outcome.message.endswith("Did you mean: 'sum'?")


def test_an_exception_that_names_nothing_is_told_as_it_is():
    outcome = outcome_of(raising(AttributeError("no such thing")))
    assert outcome.message == "no such thing"


class Doubler:
    def __call__(self, values):
        return 2 * values


def test_a_class_is_no_function_but_its_instance_is_and_so_is_a_builtin_type():
    outcome = outcome_of(Doubler, np.ones(3))
    said = "check takes a function here, and Doubler is a class"
    assert (outcome.kind, outcome.message) == ("refused", said)
    watched = outcome_of(Doubler, np.ones(3), forbids=["numpy.dot"])
    assert watched.message == said
    assert outcome_of(Doubler(), np.ones(3)).is_value
    assert outcome_of(float, np.ones(1)[0]).is_value


def overwrites(kept, values):
    values[0] = 7
    return values


def test_the_arguments_that_an_answer_overwrites_are_told_by_their_place():
    assert outcome_of(overwrites, np.ones(3), np.ones(3)).changed == (1,)
    assert outcome_of(overwrites, np.ones(3), np.full(3, 7.0)).changed == ()
    assert outcome_of(lambda x: x * np.nan, np.full(3, np.nan)).changed == ()
