"""Judges a random operation by what it draws: many calls of an answer against as many of the
reference, each with a generator of its own.

No two right answers need draw the same numbers, so results cannot be compared one by one. A
question recovers from every result what must have been drawn for it (`Question.recover`: how far
each image was shifted, say), and the two samples are then compared
(`autograder.judge.samples.sample_differences`); besides that the form of results, whether the same
generator gives the same result again, and whether the inputs were left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from autograder.answers.outcome import Outcome
from autograder.judge.result_size import numbers_in, too_many
from autograder.judge.samples.sample import Recover, Sample, sample
from autograder.judge.samples.sample_differences import differences, same_distribution
from autograder.judge.strategy import (
    Observation,
    all_correct,
    log_failure,
    reference_failed,
    run_own,
)
from autograder.questions.definition import Answer, Case, Question
from autograder.verdict import Failure

_OTHER_SEEDS = 2**32
"""Added to the seeds for the judge's own answers, so that their draws have nothing to do with the
student's.
"""

_TIMES = 4
"""The reference is called so many times as often as an answer: its draws cost the student nothing,
and the more they are, the less the comparison owes to their chance.
"""


@dataclass(frozen=True)
class Sampled:
    """Of one distribution with the reference's; each: in one word what a batch is made of."""

    recover: Recover
    each: str

    comparable = True

    def run(self, question: Question, answer: Answer, case: Case) -> Outcome:
        seeds, *given = case.inputs.args
        other_seeds = [seed + _OTHER_SEEDS for seed in seeds]
        return run_own(question, answer, (other_seeds, *given))

    def expected(self, question: Question, case: Case) -> Sample:
        seeds, *given = case.inputs.args
        more = []
        for round_of_seeds in range(2, 2 + _TIMES):
            more += [seed + _OTHER_SEEDS * round_of_seeds for seed in seeds]
        args = (more, *given)
        outcome = run_own(question, question.reference, args)
        if not outcome.is_value:
            raise reference_failed(question, case, f"{outcome.error} {outcome.message}")
        seen = self._observe(question, case, outcome, args, example=None)
        drawn: Sample | None = seen.result
        if drawn is None or drawn.problem:
            why = seen.outcome.message
            if drawn and not why:
                why = drawn.fault or drawn.problem
            raise RuntimeError(
                f"of the reference of {question.name} nothing is recovered on "
                f"its own probe {case.probe.name}: {why}"
            )
        return drawn

    def observe(
        self, question: Question, case: Case, outcome: Outcome, expected: Any
    ) -> Observation:
        return self._observe(
            question, case, outcome, case.inputs.args, expected.example
        )

    def _observe(
        self,
        question: Question,
        case: Case,
        outcome: Outcome,
        args: tuple[Any, ...],
        example: Any,
    ) -> Observation:
        if not outcome.is_value:
            return Observation(outcome)
        if large := self._too_large(case, outcome, example):
            return Observation(
                replace(outcome, kind="refused", value=None, message=large)
            )
        try:
            drawn = sample(self.recover, args, outcome.value, example)
        # The value is a stranger's: whatever it breaks, it only fails.
        except Exception:
            log_failure(question, case, "its draws could not be recovered")
            message = "the result does not have the form that the task asks for"
            return Observation(
                replace(outcome, kind="refused", value=None, message=message)
            )
        return Observation(outcome, drawn)

    def _too_large(self, case: Case, outcome: Outcome, example: Any) -> str:
        """That a result is too large to recover draws from it, "" where it is not; nothing is said
        of the reference, which there is no example for.
        """
        if example is None:
            return ""
        seeds, *_ = case.inputs.args
        expected = (len(seeds) + 1) * numbers_in(example)
        return too_many(outcome.value, expected)

    def passes(self, expected: Any, seen: Observation) -> bool:
        return same_distribution(expected, seen.result)

    def differences(
        self, expected: Any, seen: Observation, none_is_a_result: bool
    ) -> list[str]:
        return differences(expected, seen.result, self.each)

    def same(self, one: Observation, other: Observation) -> bool:
        both_change = one.result.changed == other.result.changed
        return bool(both_change) and same_distribution(other.result, one.result)

    def praise(self, seen: Sequence[Observation]) -> str:
        return all_correct(seen)

    def evidence(self, failure: Failure) -> Failure:
        """Without the many results, none of which should equal one of the reference's, and
        without the seeds, which nobody reads.
        """
        _, *inputs = failure.inputs
        outcome = replace(failure.outcome, value=None)
        return replace(failure, inputs=tuple(inputs), outcome=outcome, expected=None)
