"""Answers that are almost right, written down one after another and tried on many students."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from autograder import testing

STUDENTS = (None, "ada", "ben", "eve")
"""The check at home, and imagined students: whoever is wrong is wrong for all of them."""


@dataclass(frozen=True)
class NearMiss:
    """An answer to `question` that is right on most inputs, and `why` it is wrong on the rest."""

    question: str
    why: str
    framework: str
    answer: Callable


@dataclass
class NearMisses:
    """Those of some chapters."""

    all: list[NearMiss] = field(default_factory=list)

    def of(self, question: str, why: str, framework: str = "numpy") -> Callable:
        """Write one down."""

        def keep(answer: Callable) -> Callable:
            self.all.append(NearMiss(question, why, framework, answer))
            return answer

        return keep


def lenient_students(near_miss: NearMiss) -> list[str | None]:
    """The students for whom it earns all points."""
    points = testing.question(near_miss.question).points
    return [
        student
        for student in STUDENTS
        if testing.examine(
            near_miss.question,
            near_miss.answer,
            framework=near_miss.framework,
            seed=testing.seed(near_miss.question, student),
            patience=8,
        ).earned
        >= points
    ]
