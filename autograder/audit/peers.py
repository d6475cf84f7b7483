"""Answers that are given other arrays, or whose results are changed; and what the audit asks of
values.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from autograder.answers.outcome import Outcome
from autograder.answers.run import CallAnswer, run
from autograder.questions.definition import Answer, Question
from autograder.values.plain_values import pack

SQUARE, SYMMETRIC = "right for square inputs only", "right for symmetric inputs only"
"""What is no error where only such inputs have a meaning; a question declares it with
`Question.equivalent`.
"""

CONSTRUCTED = (SQUARE, SYMMETRIC)
"""Wrong answers by construction that a question may declare right."""


def peer_of(
    question: Question,
    answer: Answer,
    *,
    before: Callable | None = None,
    after: Callable | None = None,
) -> CallAnswer:
    """`answer` with every array of its arguments changed by `before`, and its plain result by
    `after`.
    """

    function = (
        answer.function if before is None else _given_other(answer.function, before)
    )

    def peer(driver: str, args: tuple, seconds: float, wall: float) -> Outcome:
        outcome = run(function, driver, answer.framework, args)
        if after and outcome.kind == "value":
            return replace(outcome, value=after(outcome.value))
        return outcome

    return peer


def _given_other(function: Callable, change: Callable) -> Callable:
    """`function`, with every array of its arguments changed."""

    def changed(*args: Any) -> Any:
        return function(*map_arrays(args, change))

    return changed


def recorded(peer: CallAnswer, outcomes: list[Outcome]) -> CallAnswer:
    def recorded(*args: Any) -> Outcome:
        outcomes.append(peer(*args))
        return outcomes[-1]

    return recorded


def map_arrays(value: Any, change: Callable) -> Any:
    """`value` with every array changed, and every float as an array of none but itself."""
    to_zeros = change is np.zeros_like
    if isinstance(value, (list, tuple)):
        return type(value)(map_arrays(item, change) for item in value)
    if isinstance(value, dict):
        return {key: map_arrays(item, change) for key, item in value.items()}
    if isinstance(value, float):
        return change(np.asarray(value))
    if to_zeros and isinstance(value, int) and not isinstance(value, bool):
        return change(np.asarray(value))
    if to_zeros and isinstance(value, str):
        return ""
    return change(value) if hasattr(value, "ndim") else value


def arrays_in(value: Any) -> list[np.ndarray]:
    _, arrays = pack(value)
    return arrays


def is_float(array: np.ndarray) -> bool:
    return array.dtype.kind in "fc"


def has_floats(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(has_floats, value))
    if isinstance(value, dict):
        return any(map(has_floats, value.values()))
    if isinstance(value, np.ndarray):
        return is_float(value)
    return isinstance(value, float)


def fingerprint(args: tuple) -> str:
    tree, arrays = pack(args)
    contents = [(array.dtype.name, array.shape, array.tobytes()) for array in arrays]
    return repr((tree, contents))


def parameters_of(question: Question) -> list[str]:
    """What the reference calls its arguments."""
    signature = inspect.signature(question.reference.function)
    return list(signature.parameters)


def label_of(question: Question, answer: Answer) -> str:
    if answer is question.reference:
        return "reference"
    number = question.alternatives.index(answer) + 1
    return f"alternative {number} ({answer.framework})"
