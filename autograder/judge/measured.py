"""Judges a result by what it achieves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autograder.answers.outcome import Outcome
from autograder.judge.result_size import numbers_in, too_many
from autograder.judge.strategy import BAD_FORM, Observation, log_failure, run_own
from autograder.judge.trained import why_not_learnt
from autograder.questions.definition import Answer, Case, Inputs, Measurement, Question
from autograder.values.agreement import with_numbers
from autograder.verdict import Failure

_UNSEEN = 2
"""Which argument of `autograder.answers.drivers.fit_predict` the net is asked about."""


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
        # A measurement knows no expected result: whoever lists MXNet's numbers means numbers.
        if isinstance(outcome.value, (list, tuple)):
            outcome = replace(outcome, value=with_numbers(outcome.value))
        try:
            if question.trains:
                one_input = case.inputs.args[_UNSEEN][0]
                reason = why_not_learnt(outcome.value, np.size(one_input))
                if reason:
                    return Observation(
                        Outcome("refused", message=reason, seconds=outcome.seconds)
                    )
            measurement = self.measure(case.inputs, outcome.value)
        # The value is a stranger's: whatever it breaks, it only fails.
        except Exception:
            log_failure(
                question,
                case,
                "its measurement failed on a result, by the result's fault or by its own",
            )
            return Observation(outcome, Measurement(False, _bad_form(outcome.value)))
        if not isinstance(measurement, Measurement):
            raise TypeError(
                f"the measurement of {question.name} must return a "
                f"Measurement, and not {type(measurement).__name__}"
            )
        return Observation(outcome, measurement)

    def passes(self, expected: Any, seen: Observation) -> bool:
        return bool(seen.result.passed)

    def differences(
        self, expected: Any, seen: Observation, none_is_a_result: bool
    ) -> list[str]:
        return [seen.result.message]

    def same(self, one: Observation, other: Observation) -> bool:
        return False

    def praise(self, seen: Sequence[Observation]) -> str:
        return str(seen[-1].result.message)

    def evidence(self, failure: Failure) -> Failure:
        return failure


def _bad_form(value: Any) -> str:
    """That the result cannot be measured, with what it is."""
    if isinstance(value, np.ndarray):
        return f"{BAD_FORM[:-1]}: it is an array of shape {value.shape}."
    return BAD_FORM
