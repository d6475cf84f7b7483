"""Questions that are answered in one line, see the package `questions`."""

from questions.small import patient, total, turn

__all__ = ["patient", "total", "turn"]
