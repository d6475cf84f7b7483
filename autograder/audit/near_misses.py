"""Answers that are right but for one habit: they look at the first row only, count in eight bits,
take a 0 for what is missing. People's wrong answers are like that, and mutants of right answers are
not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from autograder.answers.outcome import Outcome
from autograder.audit.numbers_in import map_numbers
from autograder.audit.peers import fingerprint, parameters_of, peer_of
from autograder.questions.definition import Question

_Change: TypeAlias = Callable[[np.ndarray], np.ndarray]

TINY = 3e-7
"""So little, in proportion, that no result shows it, and only an order or an equality does; and
more than float32 rounds away.
"""

_FURTHEST = 100


@dataclass(frozen=True)
class NearMiss:
    """The reference of `question` with one habit.

    habit:    what is wrong with it, as in "looks at the first row of `x` only".
    argument: which of its arguments is changed by `change`; None for the result.
    """

    question: Question
    habit: str
    argument: int | None
    change: _Change

    def shows_in(self, args: tuple) -> bool:
        """Whether the habit makes a difference to what the reference is given; always, where it
        is one of the result.
        """
        return self.argument is None or fingerprint(self._given(args)) != fingerprint(
            args
        )

    def __call__(
        self, driver: str, args: tuple, seconds: float, wall: float
    ) -> Outcome:
        reference = peer_of(self.question, self.question.reference)
        outcome = reference(driver, self._given(args), seconds, wall)
        if self.argument is not None or not outcome.is_value:
            return outcome
        return replace(outcome, value=map_numbers(outcome.value, self.change))

    def _given(self, args: tuple) -> tuple:
        return tuple(
            map_numbers(arg, self.change) if number == self.argument else arg
            for number, arg in enumerate(args)
        )


def near_misses(question: Question) -> Iterator[NearMiss]:
    """All that can be made of the reference: every habit with each of its arguments, or with its
    result.
    """
    for number, name in enumerate(parameters_of(question)):
        for habit, change in OF_ARGUMENTS.items():
            yield NearMiss(question, habit.format(f"`{name}`"), number, change)
    for habit, change in OF_RESULTS.items():
        yield NearMiss(question, habit, None, change)


# What is done to an argument --------------------------------------------------------------------


def _three_places(array: np.ndarray) -> np.ndarray:
    return array.round(3)


def _four_digits(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f" or not array.size:
        return array
    sizes = np.abs(array)
    is_plain = np.isfinite(array) & (sizes > 0)
    exponents = np.floor(np.log10(sizes, where=is_plain, out=np.zeros(array.shape)))
    steps = 10.0 ** (exponents - 3)
    rounded = np.round(array / steps) * steps
    return np.where(is_plain, rounded, array).astype(array.dtype)


def _first_of_equals_larger(array: np.ndarray) -> np.ndarray:
    return _slanted(array, -1)


def _last_of_equals_larger(array: np.ndarray) -> np.ndarray:
    return _slanted(array, 1)


def _slanted(array: np.ndarray, sign: int) -> np.ndarray:
    """Nothing is equal any more."""
    if array.dtype.kind != "f" or not array.ndim:
        return array
    # In large arrays only near neighbours: the slope would become a difference of its own.
    places = np.arange(array.size).reshape(array.shape) % _FURTHEST
    largest = np.abs(array).max(initial=1.0, where=np.isfinite(array))
    return (array + sign * TINY * largest * places).astype(array.dtype)


def _no_zero(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f" or not array.ndim:
        return array
    return np.where(array == 0, np.asarray(TINY, array.dtype), array)


def _one_for_zero(array: np.ndarray) -> np.ndarray:
    is_zero_number = array.ndim == 0 and array == 0
    return np.ones_like(array) if is_zero_number else array


def _like_the_first(array: np.ndarray) -> np.ndarray:
    if not array.ndim or not len(array):
        return array
    return np.repeat(array[:1], len(array), axis=0)


def _like_the_first_between(array: np.ndarray) -> np.ndarray:
    if not array.ndim or not len(array):
        return array
    return np.concatenate([_like_the_first(array[:-1]), array[-1:]])


OF_ARGUMENTS: dict[str, _Change] = {
    "takes every value of {} without its sign": np.abs,
    "rounds {} to three places": _three_places,
    "takes values of {} that nearly agree for equal": _four_digits,
    "takes the first of equal values of {} for the largest": _first_of_equals_larger,
    "takes the last of equal values of {} for the largest": _last_of_equals_larger,
    "takes a 0 in {} for a positive number": _no_zero,
    "takes a 0 for {} as if nothing were given": _one_for_zero,
    "looks at the first row of {} only": _like_the_first,
    "looks at the first and the last row of {} only": _like_the_first_between,
}


# What is done to the result ---------------------------------------------------------------------


def _in_eight_bits(array: np.ndarray) -> np.ndarray:
    return array % 256 if array.dtype.kind in "iu" else array


def _not_negative(array: np.ndarray) -> np.ndarray:
    return np.maximum(array, 0)


def _not_above_one(array: np.ndarray) -> np.ndarray:
    return np.minimum(array, 1)


OF_RESULTS: dict[str, _Change] = {
    "counts in eight bits": _in_eight_bits,
    "gives nothing below 0": _not_negative,
    "gives nothing above 1": _not_above_one,
}
