"""The grader's judge answers the check that is due, once, and nothing else that a kernel may
say; over a real socket pair.
"""

from __future__ import annotations

import itertools
import socket
import threading
import time
from contextlib import contextmanager, suppress

import numpy as np
import pytest

from autograder.answers.run import run_contained
from autograder.grading.execution import judge_session
from autograder.grading.execution.judge_session import JudgeSession
from autograder.judge import examination, remote_answer
from autograder.questions import catalogue
from autograder.questions.definition import question
from autograder.values.channel import Channel, Closed
from autograder.values.plain_values import Malformed
from autograder.verdict import Status

pytestmark = pytest.mark.usefixtures("small_course")
SEED = 1


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(remote_answer, "GRACE", 0.2)
    monkeypatch.setattr(remote_answer, "MOST_WORK", 0.2)
    monkeypatch.setattr(judge_session, "VERDICT_SECONDS", 3.0)


class Kernel:
    """The kernel's end of the channel, and whether the session has given it up."""

    def __init__(self, sock):
        self.socket, self.channel, self.given_up = (
            sock,
            Channel(sock),
            threading.Event(),
        )

    def check(self, name, answer, framework="numpy", **said):
        """Ask for a check, serve the calls, return the feedback and the number of calls."""
        self.channel.send("check", question=name, framework=framework, **said)
        calls = 0
        while (message := self.channel.receive(10)).kind == "call":
            calls += 1
            outcome = run_contained(
                answer,
                message.fields["driver"],
                framework,
                message.value,
                message.fields["seconds"],
            )
            self.channel.send(
                "result", outcome.value, id=message.fields["id"], outcome=outcome.kind
            )
        return message, calls


@contextmanager
def served(worked=None):
    ours, theirs = socket.socketpair()
    kernel = Kernel(theirs)
    served_by = JudgeSession(Channel(ours), give_up=kernel.given_up.set, worked=worked)
    try:
        yield served_by, kernel
    finally:
        served_by.close()
        kernel.channel.close()


def total():
    return catalogue.find("small.total")


def right(values):
    return values.sum()


def test_the_due_check_is_answered_with_a_verdict_and_the_kernel_learns_nothing():
    with served() as (judging, kernel):
        judging.open_check(total(), SEED)
        feedback, calls = kernel.check("small.total", right)
        verdict = judging.close_check()
        assert (verdict.status, verdict.earned, calls) == (Status.CORRECT, 1, 3)
        assert feedback.kind == "feedback"
        assert feedback.fields == {
            "text": "Not shown while a class is graded.",
            "html": "",
            "correct": False,
            "earned": 0.0,
        }
        assert not kernel.given_up.is_set()


@pytest.mark.parametrize("chosen", [True, False, None, "no"])
def test_a_mistake_is_named_unless_the_kernel_says_that_no_framework_was_chosen(chosen):
    with served() as (judge, kernel):
        judge.open_check(total(), SEED)
        kernel.check("small.total", np.mean, chosen=chosen)
        verdict = judge.close_check()
    named = verdict.mistake == "This is the mean, not the sum."
    assert named == (chosen is not False)
    assert ("No `use(...)` was run" in verdict.details[0]) == (chosen is False)


def test_the_same_seed_asks_the_same_inputs():
    seen = []
    for seed in (SEED, SEED, SEED + 1):
        given = []
        with served() as (judging, kernel):
            judging.open_check(total(), seed)
            kernel.check(
                "small.total",
                lambda values, given=given: (
                    given.append(values.tolist()) or values.sum()
                ),
            )
            seen.append(given)
    assert seen[0] == seen[1] != seen[2]


def test_a_check_that_is_not_due_is_not_judged():
    with served() as (judging, kernel):
        assert kernel.check("small.total", right)[1] == 0
        judging.open_check(total(), SEED)
        assert kernel.check("small.turn", right)[1] == 0
        assert kernel.check("small.nothing", right)[1] == 0
        assert judging.close_check() is None
        assert kernel.check("small.total", right)[1] == 0, (
            "after the verdict was taken nothing is due"
        )
        assert judging.close_check() is None


def test_only_the_first_of_two_checks_counts():
    with served() as (judging, kernel):
        judging.open_check(total(), SEED)
        kernel.check("small.total", lambda values: 0.0)
        assert kernel.check("small.total", right)[1] == 0
        assert judging.close_check().earned == 0


def test_the_reply_comes_before_what_came_back_is_looked_at(monkeypatch):
    """How long that takes says whether it was right; whatever else is asked for meanwhile is
    answered, too.
    """
    looks, real = threading.Event(), examination.judge

    def judge(*arguments):
        assert looks.wait(30)
        return real(*arguments)

    monkeypatch.setattr(examination, "judge", judge)
    with served() as (session, kernel):
        session.open_check(total(), SEED)
        feedback, calls = kernel.check("small.total", lambda values: 0.0)
        assert (feedback.kind, calls) == ("feedback", 3)
        assert kernel.check("small.total", right)[1] == 0
        looks.set()
        assert session.close_check().status is Status.INCORRECT


def test_a_judge_that_does_not_come_to_an_end_is_given_up(monkeypatch):
    monkeypatch.setattr(judge_session, "STUCK", 0.2)
    ends = threading.Event()
    monkeypatch.setattr(examination, "judge", lambda *arguments: ends.wait(30))
    with served() as (session, kernel):
        session.open_check(total(), SEED)
        kernel.check("small.total", right)
        assert session.close_check() is None
        assert session.stuck
        assert session.fault.startswith("small.total could not be judged: reading it")
        ends.set()


def test_a_new_question_forgets_the_old_verdict():
    with served() as (judging, kernel):
        judging.open_check(total(), SEED)
        kernel.check("small.total", right)
        judging.open_check(catalogue.find("small.turn"), SEED)
        assert judging.close_check() is None


@pytest.mark.parametrize(
    "kind", ["hint", "solution", "progress", "result", "call", "feedback", "verdict"]
)
def test_other_requests_get_the_same_answer_and_change_nothing(kind):
    with served() as (judging, kernel):
        judging.open_check(total(), SEED)
        kernel.channel.send(kind, question="small.total", correct=True, earned=1.0)
        assert (
            kernel.channel.receive(5).fields["text"]
            == "Not shown while a class is graded."
        )
        assert kernel.check("small.total", right)[1] == 3
        assert judging.close_check().status is Status.CORRECT


def test_a_framework_that_the_question_does_not_take_is_said():
    with served() as (judging, kernel):
        judging.open_check(total(), SEED)
        kernel.check("small.total", right, framework="abacus")
        verdict = judging.close_check()
        assert (verdict.status, verdict.earned) == (Status.ERROR, 0)
        assert "abacus" in verdict.headline


@pytest.mark.parametrize(
    "junk",
    [b"\xff" * 64, b"\0" * 8, b"\0\0\0\2\0\0\0\0[]"],
    ids=["over the limit", "empty header", "not an object"],
)
def test_junk_closes_the_channel(junk):
    with served() as (judging, kernel):
        judging.open_check(total(), SEED)
        kernel.socket.sendall(junk)
        with pytest.raises(Closed):
            kernel.channel.receive(5)
        assert judging.close_check() is None
        assert judging.closed


def test_a_kernel_that_hangs_up_between_checks_is_noticed():
    with served() as (judging, kernel):
        kernel.channel.close()
        for _ in range(100):
            if judging.closed:
                break
            time.sleep(0.02)
        assert judging.closed
        assert judging.close_check() is None


def test_a_kernel_that_hangs_up_in_the_middle_of_its_check_has_crashed():
    with served() as (judging, kernel):
        judging.open_check(total(), SEED)
        kernel.channel.send("check", question="small.total", framework="numpy")
        kernel.channel.receive(5)
        kernel.channel.close()
        assert kernel.given_up.wait(5)
        assert judging.close_check().status is Status.CRASHED


def falls_silent(session, kernel):
    """It asks for a check, and answers no call."""
    session.open_check(catalogue.find("small.patient"), SEED)  # one second
    kernel.channel.send("check", question="small.patient", framework="numpy")
    kernel.channel.receive(5)
    assert kernel.given_up.wait(30)
    verdict = session.close_check()
    assert (verdict.status, verdict.earned) == (Status.TIMEOUT, 0)
    assert session.closed
    return verdict


def test_a_kernel_that_falls_silent_in_its_check_is_given_up(monkeypatch):
    monkeypatch.setattr(examination, "patience", lambda seconds: 0.5)
    with served() as (session, kernel):
        assert "it waits for something" in falls_silent(session, kernel).headline


def test_a_kernel_that_works_and_says_nothing_is_given_up_when_its_work_is_done(
    monkeypatch,
):
    monkeypatch.setattr(examination, "patience", lambda seconds: 10_000.0)
    clock = itertools.count(0.0, 0.5)  # half a second of work between two looks
    with served(worked=lambda: next(clock)) as (session, kernel):
        assert falls_silent(session, kernel).seconds > 1


@pytest.mark.parametrize(
    "answer",
    [{"id": 99, "outcome": "value"}, {"id": 1, "outcome": "full marks"}, {}],
    ids=["number", "outcome", "nothing"],
)
def test_an_answer_to_another_question_ends_the_exchange(answer):
    with served() as (judging, kernel):
        judging.open_check(total(), SEED)
        kernel.channel.send("check", question="small.total", framework="numpy")
        kernel.channel.receive(5)
        kernel.channel.send("result", 1.0, **answer)
        assert kernel.given_up.wait(5)
        assert judging.close_check().earned == 0


def test_a_broken_reference_is_the_courses_fault_and_is_said():
    @question(points=2)
    def broken(number):
        """Fails on its own probe."""
        raise ZeroDivisionError("for everybody")

    @broken.probe()
    def any_number(rng):
        return (1,)

    with served() as (judging, kernel):
        judging.open_check(broken, SEED)
        kernel.check(broken.name, lambda number: number)
        assert judging.close_check() is None
        assert broken.name in judging.fault
        assert "for everybody" in judging.fault


def test_a_broken_probe_is_the_courses_fault_and_is_said():
    @question(points=2)
    def broken(number):
        """Has no inputs."""

    @broken.probe()
    def any_number(rng):
        raise LookupError("no inputs")

    with served() as (judging, kernel):
        judging.open_check(broken, SEED)
        kernel.check(broken.name, lambda number: number)
        assert judging.close_check() is None
        assert "no inputs" in judging.fault


def test_threads_end_with_their_channel():
    before = threading.active_count()
    for _ in range(5):
        with served() as (judging, kernel), suppress(Closed, Malformed):
            judging.open_check(total(), SEED)
            kernel.check("small.total", right)
    for _ in range(100):
        # a thread of an earlier test may have ended meanwhile
        if threading.active_count() <= before:
            break
        time.sleep(0.02)
    assert threading.active_count() <= before


def test_large_results_are_judged_too():
    with served() as (judging, kernel):
        judging.open_check(total(), SEED)
        kernel.check("small.total", lambda values: np.zeros((1000, 1000)))
        assert judging.close_check().status is Status.INCORRECT
