"""What the judge finds of an answer: plain frozen data that can be stored, sent, drawn and
counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from autograder.answers.outcome import Outcome


class Status(StrEnum):
    """The one-word verdict."""

    CORRECT = "correct"
    PARTIAL = "partly correct"
    INCORRECT = "not correct"
    NOT_ATTEMPTED = "not attempted"
    ERROR = "error"
    TIMEOUT = "out of time"
    CRASHED = "crashed"


@dataclass(frozen=True)
class Failure:
    """The first input that an answer fails on, with what it gave and what it should have given
    (None for measured questions).

    inputs: (argument name, value) pairs.
    """

    probe: str
    inputs: tuple[tuple[str, Any], ...]
    outcome: Outcome
    expected: Any = None


@dataclass(frozen=True)
class Verdict:
    """The judge's finding on one answer.

    points, earned: what the question is worth, and what this answer gets.
    tried, passed:  numbers of inputs.
    seconds:        how long it worked on all inputs, in processor seconds.
    headline:       one sentence. details: further sentences. mistake: the message of the known
                    mistake that the answer makes, None where none is certain.
    """

    question: str
    status: Status
    points: float
    earned: float
    headline: str
    tried: int = 0
    passed: int = 0
    details: tuple[str, ...] = ()
    mistake: str | None = None
    failure: Failure | None = None
    seconds: float = field(default=0.0, compare=False)

    def tells(self, mistake: str) -> bool:
        """Whether the known mistake with this message is named, or, where it is not certain,
        offered alone.
        """
        if self.mistake is not None:
            return self.mistake == mistake
        return any(detail.endswith(f" this: {mistake}") for detail in self.details[:1])

    def summary(self) -> dict[str, Any]:
        """What is kept in records: everything but the arrays. JSON-ready."""
        return {
            "question": self.question,
            "status": str(self.status),
            "points": self.points,
            "earned": self.earned,
            "tried": self.tried,
            "passed": self.passed,
            "headline": self.headline,
            "details": list(self.details),
            "mistake": self.mistake,
            "seconds": round(self.seconds, 3),
        }

    @classmethod
    def from_summary(cls, summary: dict[str, Any]) -> Verdict:
        """The verdict that `summary` came from, without its failure. Raises ValueError,
        TypeError or LookupError for what is no summary.
        """
        numbers = {
            name: float(summary[name]) for name in ("points", "earned", "seconds")
        }
        if not all(math.isfinite(number) for number in numbers.values()):
            raise ValueError("a number that is not finite")
        mistake = summary["mistake"]
        return cls(
            question=str(summary["question"]),
            status=Status(summary["status"]),
            headline=str(summary["headline"]),
            tried=int(summary["tried"]),
            passed=int(summary["passed"]),
            details=tuple(str(detail) for detail in summary["details"]),
            mistake=None if mistake is None else str(mistake),
            points=numbers["points"],
            earned=numbers["earned"],
            seconds=numbers["seconds"],
        )
