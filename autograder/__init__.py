"""Checks answers against reference solutions, from outside the process that they run in.

For learners: ``from autograder import check, hint, solution, use, progress``.
For authors of questions: ``from autograder import question, Inputs, Measurement``.
"""

from autograder.client import check, hint, progress, solution, use
from autograder.question import Inputs, Measurement, Question, question

__all__ = ["Inputs", "Measurement", "Question", "check", "hint", "progress", "question", "solution", "use"]
