"""One input, what came back, and whether that is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.answers.outcome import Outcome
from autograder.judge.compared import Compared
from autograder.judge.measured import Measured
from autograder.judge.sampled import Sampled
from autograder.judge.strategy import Observation, Strategy
from autograder.logs import log
from autograder.questions.definition import Case, Question

_MOST_DRAWN = 12
"""Rows and columns of a result that can be read in a picture."""


@dataclass(frozen=True, eq=False)
class Trial:
    """One input, what came back, and whether that is right."""

    case: Case
    seen: Observation
    expected: Any
    passed: bool

    @property
    def outcome(self) -> Outcome:
        return self.seen.outcome

    @property
    def drawable(self) -> bool:
        """Whether there is something to see: a result of more than one row and column, small
        enough to read.
        """
        expected = self.expected
        if not self.outcome.is_value or not isinstance(expected, np.ndarray):
            return False
        if expected.ndim < 2 or max(expected.shape) > _MOST_DRAWN:
            return False
        rows, columns = expected.shape[-2:]
        return bool(rows >= 2 and columns >= 2)


def strategy_of(question: Question) -> Strategy:
    """How the question is judged. Raises BadQuestion where it draws at random and does not say
    what was drawn.
    """
    question.check_complete()
    if question.measurement:
        return Measured(question.measurement)
    if question.recovery:
        return Sampled(question.recovery, question.each)
    return Compared(question.rtol, question.atol)


def judge(question: Question, case: Case, outcome: Outcome, expected: Any) -> Trial:
    """Judge what came back on one input; `expected` is what the strategy expects there."""
    strategy = strategy_of(question)
    seen = strategy.observe(question, case, outcome, expected)
    passed = seen.outcome.is_value and agrees(question, strategy.passes, expected, seen)
    return Trial(case, seen, expected, passed)


def agrees(question: Question, test: Any, one: Any, other: Any) -> bool:
    """Whether `test` says that the two agree. A value is a stranger's: whatever it breaks, it only
    fails, and is not the question's fault.
    """
    try:
        return bool(test(one, other))
    except Exception:
        log.warning("%s: a result could not be compared", question.name, exc_info=True)
        return False
