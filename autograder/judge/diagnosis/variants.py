"""What an answer does instead of what is asked, where that is what the reference gives for other
inputs: for a transposed or flipped array, for one that is not used, for two numbers exchanged.

As with known mistakes, it must hold for every result, and results of two sizes must show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.judge.compared import Compared
from autograder.judge.diagnosis.evidence import is_no_accident, size_of
from autograder.judge.trial import Trial
from autograder.questions.definition import Case, Inputs, Question

_LEAST_SIZES = 2
"""Of so many sizes must the wrong results be that show it."""


@dataclass(frozen=True, eq=False)
class _Variant:
    """A change of one argument, and the sentence that says so."""

    place: int
    change: Callable[[Any], Any]
    sentence: str


def variant_made(
    question: Question,
    strategy: Compared,
    trials: Sequence[Trial],
    names: Sequence[str],
) -> str:
    """The one change of one argument for which the reference gives the answer's results, as a
    sentence; empty where there is none, or more than one.
    """
    if question.driver != "call":
        return ""
    if not all(trial.outcome.is_value for trial in trials):
        return ""
    sizes = {size_of(trial.case.inputs.args) for trial in trials if not trial.passed}
    if len(sizes) < _LEAST_SIZES:
        return ""
    # Wrong results first: there most changes part from the answer.
    wrong_first = sorted(trials, key=lambda trial: trial.passed)
    example = wrong_first[0].case.inputs.args
    made = [
        variant.sentence
        for place, name in enumerate(names)
        for variant in _variants(place, name, example[place])
        if _is_made(question, strategy, wrong_first, variant)
    ]
    return made[0] if len(made) == 1 else ""


def _variants(place: int, name: str, value: Any) -> Iterator[_Variant]:
    if _is_pair(value):
        yield _Variant(
            place,
            _exchanged,
            f"This is what comes out where the two numbers of `{name}` are exchanged: which "
            "of them belongs to the rows?",
        )
    if not isinstance(value, np.ndarray) or value.ndim == 0:
        return
    yield _Variant(
        place,
        np.zeros_like,
        f"This is what comes out where all of `{name}` is zero: is it left out?",
    )
    if value.ndim == 1:
        yield _Variant(place, _flip_last, f"This is what a reversed `{name}` gives.")
        return
    yield _Variant(
        place,
        _transposed,
        f"This is what a transposed `{name}` gives: are height and width exchanged?",
    )
    yield _Variant(
        place,
        _flip_rows,
        f"This is what `{name}` upside down gives: its first axis is read backwards.",
    )
    yield _Variant(
        place,
        _flip_last,
        f"This is what `{name}` mirrored gives: its last axis is read backwards.",
    )


def _is_pair(value: Any) -> bool:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        return False
    return all(type(number) is int for number in value)


def _exchanged(pair: Any) -> Any:
    first, second = pair
    return type(pair)((second, first))


def _transposed(array: np.ndarray) -> np.ndarray:
    return np.swapaxes(array, -1, -2)


def _flip_rows(array: np.ndarray) -> np.ndarray:
    return np.flip(array, -2)


def _flip_last(array: np.ndarray) -> np.ndarray:
    return np.flip(array, -1)


def _is_made(
    question: Question, strategy: Compared, trials: Sequence[Trial], variant: _Variant
) -> bool:
    """Whether the change explains all results, and wrong ones of two sizes show that."""
    sizes = set()
    for trial in trials:
        args = list(trial.case.inputs.args)
        args[variant.place] = variant.change(args[variant.place])
        case = Case(trial.case.probe, Inputs(tuple(args)))
        outcome = strategy.run(question, question.reference, case)
        if not outcome.is_value or not strategy.passes(outcome.value, trial.seen):
            return False
        if not trial.passed and is_no_accident(trial.outcome.value):
            sizes.add(size_of(trial.case.inputs.args))
    return len(sizes) >= _LEAST_SIZES


def wrong_where_oblong(trials: Sequence[Trial], names: Sequence[str]) -> str:
    """That an answer is wrong exactly where an array is oblong, or the one of that name is; empty
    where that is not so, or too little shows it.
    """
    exactly = [
        f"It is wrong exactly where `{name}` is oblong: are height and width exchanged?"
        for place, name in enumerate(names)
        if _wrong_exactly_where(trials, (place,))
    ]
    if len(exactly) == 1:
        return exactly[0]
    if _wrong_exactly_where(trials, range(len(names))):
        return "It is wrong exactly where an input is oblong: are height and width exchanged?"
    return ""


def _wrong_exactly_where(trials: Sequence[Trial], places: Sequence[int]) -> bool:
    sizes = set()
    squares = 0
    for trial in trials:
        args = trial.case.inputs.args
        shapes = [
            args[place].shape[-2:]
            for place in places
            if isinstance(args[place], np.ndarray) and args[place].ndim >= 2
        ]
        is_oblong = any(rows != columns for rows, columns in shapes)
        if not shapes or is_oblong == trial.passed:
            return False
        if is_oblong:
            sizes.add(size_of(args))
        elif max(shapes) > (1, 1):
            squares += 1
    return len(sizes) >= _LEAST_SIZES and squares > 0
