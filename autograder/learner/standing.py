"""How a learner stands, as the log tells it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Standing:
    """How a learner stands on one question: the best of all attempts, and counts of what was
    asked for.
    """

    attempts: int = 0
    earned: float = 0.0
    solved: bool = False
    hints: int = 0
    solutions: int = 0


@dataclass(frozen=True)
class History:
    """All that the log tells: the standing of each question, and which were worked at and which
    were solved, the last one at the end.
    """

    standings: dict[str, Standing]
    worked: tuple[str, ...]
    solved: tuple[str, ...]

    def of(self, question: str) -> Standing:
        """How the learner stands with one question, also where there is nothing of it yet."""
        return self.standings.get(question, Standing())

    def has_begun(self, question: str) -> bool:
        """Whether anything was done for it: to run the check of a stub is nothing."""
        return self.of(question) != Standing()
