"""The rows of a statement's own table as inputs: whoever follows the statement word for word is
right on them, so an answer that fails there is wrong for everybody.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder.questions.definition import Question


def example(question: Question, *args: Any, weight: float = 0.25) -> None:
    """Attach one row of the statement as a probe of its own, the same for everybody."""
    number = (
        sum(probe.name.startswith("the_statement_says") for probe in question.probes)
        + 1
    )

    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        return args

    make.__name__ = f"the_statement_says_{number}"
    question.probe(weight=weight)(make)


def floats(*numbers: Any) -> np.ndarray:
    """The numbers, or lists of them, as float32."""
    return np.array(numbers, dtype=np.float32)
