"""What stood here in 0.1: an ``nbgrader_config.py`` may still import it from here."""

from autograder.grading.nbgrader_steps import (
    CourseCells,
    CourseKernelspec,
    HarmlessCells,
    JudgedExecute,
    SaveVerdicts,
    configure,
)

__all__ = [
    "CourseCells",
    "CourseKernelspec",
    "HarmlessCells",
    "JudgedExecute",
    "SaveVerdicts",
    "configure",
]
