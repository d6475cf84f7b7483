"""Judges a result by comparison with the reference's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autograder.answers.outcome import Outcome
from autograder.judge.differences import differences
from autograder.judge.strategy import (
    Observation,
    all_correct,
    reference_failed,
    run_own,
)
from autograder.questions.definition import Answer, Case, Question
from autograder.values.agreement import agree
from autograder.verdict import Failure

_MOST_SENTENCES = 4


@dataclass(frozen=True)
class Compared:
    """Equal within tolerance; rtol, atol: see `autograder.values.agreement`."""

    rtol: float
    atol: float

    comparable = True

    def run(self, question: Question, answer: Answer, case: Case) -> Outcome:
        return run_own(question, answer, case.inputs.args)

    def expected(self, question: Question, case: Case) -> Any:
        outcome = self.run(question, question.reference, case)
        if not outcome.is_value:
            raise reference_failed(question, case, f"{outcome.error} {outcome.message}")
        return outcome.value

    def observe(
        self, question: Question, case: Case, outcome: Outcome, expected: Any
    ) -> Observation:
        return Observation(outcome, outcome.value)

    def passes(self, expected: Any, seen: Observation) -> bool:
        return agree(expected, seen.result, self.rtol, self.atol)

    def differences(
        self, expected: Any, seen: Observation, none_is_a_result: bool
    ) -> list[str]:
        sentences = differences(
            expected,
            seen.result,
            self.rtol,
            self.atol,
            none_is_a_result=none_is_a_result,
        )
        return sentences[:_MOST_SENTENCES]

    def same(self, one: Observation, other: Observation) -> bool:
        return agree(other.result, one.result, self.rtol, self.atol)

    def praise(self, seen: Sequence[Observation]) -> str:
        return all_correct(seen)

    def evidence(self, failure: Failure) -> Failure:
        return failure
