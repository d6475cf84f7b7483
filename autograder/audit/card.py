"""The report card: what the audit found of each question, the thresholds that it is held to, and
its JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

LEAST_KILLED = 0.99
"""The share of non-equivalent mutants that the checks must reject."""

LEAST_NAMED = 0.95
"""The share of known mistakes that must be named as themselves. All must be rejected."""


@dataclass(frozen=True)
class Survivor:
    """A mutant that the check took for right. flaky: only on the inputs of some seeds."""

    operator: str
    framework: str
    diff: str
    flaky: bool = False


@dataclass(frozen=True)
class QuestionCard:
    """What the audit found of one question.

    mutants, killed, equivalent: counts; what is in none of the last two is among `survivors`.
    alternatives:   right answers tried, the reference not counted.
    false_rejects:  right answers, or harmless variants of them, that the check does not accept: one
                    sentence each.
    false_accepts:  wrong answers other than mutants that it does accept.
    mistakes, mistakes_named, misnamed: known mistakes, how many are named as themselves, and a
        sentence about each that is not.
    errors:         what is wrong with the question's own declarations.
    unsteady:       known mistakes that earn some students more than others: a sentence each.
    near_misses:    answers with one bad habit that earn all points, each with an input on which it
        is wrong: no fault where the statement rules such inputs out.
    untried:        kinds of input and result that no probe has: no fault, but where a near miss
                    could hide.
    notes:          what could not be examined, and why; no fault.
    median_check_s, slowest_check_s: processor time of one check of a right answer; the slowest is
    one for which the reference had to run, too.
    """

    name: str
    points: float
    mutants: int = 0
    killed: int = 0
    equivalent: int = 0
    survivors: tuple[Survivor, ...] = ()
    alternatives: int = 0
    false_rejects: tuple[str, ...] = ()
    false_accepts: tuple[str, ...] = ()
    mistakes: int = 0
    mistakes_named: int = 0
    misnamed: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    unsteady: tuple[str, ...] = ()
    near_misses: tuple[str, ...] = ()
    untried: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    median_check_s: float = 0.0
    slowest_check_s: float = 0.0

    def __add__(self, other: QuestionCard) -> QuestionCard:
        """The card of one question from two examinations of it: counts are added, sentences stand
        one after the other.
        """
        sums = {}
        for part in fields(self):
            if part.name not in ("name", "points"):
                sums[part.name] = getattr(self, part.name) + getattr(other, part.name)
        return replace(self, **sums)

    @property
    def kill_rate(self) -> float:
        return _rate(self.killed, self.mutants - self.equivalent)

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps this question from a clean card, in sentences; empty where it is clean."""
        found = [*self.false_rejects, *self.false_accepts, *self.errors]
        if self.kill_rate < LEAST_KILLED:
            count = len(self.survivors)
            found.append(
                f"Too weak: {count} {'mutant passes' if count == 1 else 'mutants pass'}; "
                f"{LEAST_KILLED:.0%} must be killed."
            )
        if _rate(self.mistakes_named, self.mistakes) < LEAST_NAMED:
            found += self.misnamed
        return tuple(found)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "points": self.points,
            "mutants": self.mutants,
            "killed": self.killed,
            "equivalent": self.equivalent,
            "alternatives": self.alternatives,
            "false_rejects": len(self.false_rejects),
            "mistakes": self.mistakes,
            "mistakes_named": self.mistakes_named,
            "unsteady": len(self.unsteady),
            "near_misses": list(self.near_misses),
            "untried": list(self.untried),
            "median_check_s": round(self.median_check_s, 4),
        }


@dataclass(frozen=True)
class Card:
    """The cards of all questions, and their totals."""

    questions: tuple[QuestionCard, ...]

    @property
    def kill_rate(self) -> float:
        return _rate(
            sum(q.killed for q in self.questions),
            sum(q.mutants - q.equivalent for q in self.questions),
        )

    @property
    def false_accepts(self) -> int:
        return sum(len(q.false_accepts) for q in self.questions)

    @property
    def false_rejects(self) -> int:
        return sum(len(q.false_rejects) for q in self.questions)

    @property
    def mistakes_named_rate(self) -> float:
        return _rate(
            sum(q.mistakes_named for q in self.questions),
            sum(q.mistakes for q in self.questions),
        )

    @property
    def clean(self) -> bool:
        """Whether every threshold is met, overall and by every question."""
        return not any(question.problems for question in self.questions)

    def as_json(self) -> dict[str, Any]:
        return {
            "questions": [question.as_json() for question in self.questions],
            "kill_rate": round(self.kill_rate, 4),
            "false_accepts": self.false_accepts,
            "false_rejects": self.false_rejects,
            "mistakes_named_rate": round(self.mistakes_named_rate, 4),
        }


def _rate(some: int, of: int) -> float:
    return some / of if of else 1.0
