"""How the results of a question are judged: held against the reference's, by the distribution of
what was drawn, or by what they achieve. `autograder.judge.trial.strategy_of` chooses.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from autograder.answers.outcome import Outcome
from autograder.answers.run import run
from autograder.answers.switches import unswitched
from autograder.logs import log
from autograder.questions.definition import Answer, Case, Question
from autograder.verdict import Failure

BAD_FORM = "The result does not have the form that the task asks for."


@dataclass(frozen=True, eq=False)
class Observation:
    """One call of an answer, and what is judged of it: the value itself, or what was made of it."""

    outcome: Outcome
    result: Any = None


class Strategy(Hashable, Protocol):
    """One way of judging, equal to another with the same settings. All methods are pure, but that a
    question's own functions are called.

    On each input the reference gives what is `expected`, `observe` makes of the answer's outcome
    what is judged, and `passes` judges it. Where all inputs pass, `praise` says so; else
    `differences` says what is wrong with one, and `evidence` what of it is shown. Known mistakes
    are run by `run`, observed likewise, and held against the answer by `same`.

    What they are given is a stranger's, and may break anything: `passes`, `differences` and `same`
    may raise, and whoever calls them sees to it that the answer only fails.
    """

    @property
    def comparable(self) -> bool:
        """Whether two results can be held against each other. If so, inputs and expected results
        are kept for the next answer, and known mistakes are run to be compared with.
        """

    def run(self, question: Question, answer: Answer, case: Case) -> Outcome:
        """The outcome of an answer of the question's own on `case`."""

    def expected(self, question: Question, case: Case) -> Any:
        """What an answer is compared with, None if with nothing. Raises RuntimeError if the
        reference fails.
        """

    def observe(
        self, question: Question, case: Case, outcome: Outcome, expected: Any
    ) -> Observation:
        """What is judged of an outcome."""

    def passes(self, expected: Any, seen: Observation) -> bool:
        """Whether an observation of a value is right."""

    def differences(
        self, expected: Any, seen: Observation, none_is_a_result: bool
    ) -> list[str]:
        """What is wrong with an observation of a value, in sentences; none_is_a_result: see
        `autograder.judge.differences`.
        """

    def same(self, one: Observation, other: Observation) -> bool:
        """Whether two observations of values are equal, as far as that can be told."""

    def praise(self, seen: Sequence[Observation]) -> str:
        """What is said where every observation is right."""

    def evidence(self, failure: Failure) -> Failure:
        """What of a failure is worth being shown."""


def all_correct(seen: Sequence[Observation]) -> str:
    """What is said where the number of inputs is all there is to say."""
    count = len(seen)
    return f"Correct on all {count} inputs."


def run_own(question: Question, answer: Answer, args: tuple[Any, ...]) -> Outcome:
    """Run an answer of the question's own: its reference or a known mistake, which may overflow.
    It runs in its own right, whatever else the process has switched.
    """
    with unswitched():
        return run(answer.function, question.driver, answer.framework, args)


def reference_failed(question: Question, case: Case, why: str) -> RuntimeError:
    """The error to raise where there is nothing to compare with."""
    name = question.name
    probe = case.probe.name
    return RuntimeError(
        f"the reference of {name} fails on its own probe {probe}: {why}"
    )


def log_failure(question: Question, case: Case, what: str) -> None:
    """Keep the traceback for whoever maintains the question: nobody can tell whether the
    stranger's value or the question broke it.
    """
    log.warning("%s, probe %s: %s", question.name, case.probe.name, what, exc_info=True)
