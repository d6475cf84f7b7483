"""Judges a result by what it achieves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from autograder.answers.outcome import Outcome
from autograder.judge.result_size import numbers_in, too_many
from autograder.judge.strategy import BAD_FORM, Observation, log_failure, run_own
from autograder.questions.definition import Answer, Case, Inputs, Measurement, Question
from autograder.verdict import Failure


@dataclass(frozen=True)
class Measured:
    """Right where `measure`, the question's own, says so.

    Inputs are drawn anew for every answer, because a measurement may use up what it is given. No
    mistake is run to be compared with: two runs never give equal results.
    """

    measure: Callable[[Inputs, Any], Measurement]

    comparable = False

    def run(self, question: Question, answer: Answer, case: Case) -> Outcome:
        return run_own(question, answer, case.inputs.args)

    def expected(self, question: Question, case: Case) -> None:
        return None

    def observe(
        self, question: Question, case: Case, outcome: Outcome, expected: Any
    ) -> Observation:
        if not outcome.is_value:
            return Observation(outcome)
        if large := too_many(outcome.value, numbers_in(case.inputs.args)):
            return Observation(outcome, Measurement(False, large))
        try:
            measurement = self.measure(case.inputs, outcome.value)
        except Exception:  # The value is a stranger's: whatever it breaks, it only fails.
            log_failure(
                question,
                case,
                "its measurement failed on a result, by the result's fault or by its own",
            )
            return Observation(outcome, Measurement(False, BAD_FORM))
        if not isinstance(measurement, Measurement):
            raise TypeError(
                f"the measurement of {question.name} must return a "
                f"Measurement, and not {type(measurement).__name__}"
            )
        return Observation(outcome, measurement)

    def passes(self, expected: Any, seen: Observation) -> bool:
        return bool(seen.result.passed)

    def differences(self, expected: Any, seen: Observation, none_is_a_result: bool) -> list[str]:
        return [seen.result.message]

    def same(self, one: Observation, other: Observation) -> bool:
        return False

    def praise(self, seen: Sequence[Observation]) -> str:
        return str(seen[-1].result.message)

    def evidence(self, failure: Failure) -> Failure:
        return failure
