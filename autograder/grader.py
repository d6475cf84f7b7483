"""Where `configure` stood before 0.3: an ``nbgrader_config.py`` may still import it from here."""

from autograder.grading.nbgrader_steps import configure

__all__ = ["configure"]
