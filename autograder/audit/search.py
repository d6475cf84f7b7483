"""A search for inputs that tell a near miss from a right answer, where no probe does.

Only what the question itself says is known of its domain: its probes' inputs, and which answers are
right. So inputs are made of the probes' own, by taking their rows in another order, often or not at
all, and by making values equal, nearly equal, opposite or 0 where such values occur; and one counts
only if all right answers come to the same result with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from autograder.answers.run import CallAnswer
from autograder.audit.card import QuestionCard
from autograder.audit.fork_pool import map_in_forks
from autograder.audit.near_misses import NearMiss, near_misses
from autograder.audit.numbers_in import arrays_in, map_numbers
from autograder.audit.peers import peer_of
from autograder.judge.examination import expected
from autograder.judge.trial import judge, strategy_of
from autograder.questions.definition import Answer, Case, Inputs, Question
from autograder.values.agreement import agree

EXAMPLES = 200
"""Inputs that are made of the probes' own, for each question."""

SECONDS = 600.0
"""By the clock, for the whole search of one question."""

_MOST_ROWS = 300
_NEARLY = 1 + 2e-5
_FAR = 1e-2
_MOST_SHOWN, _LONGEST = 12, 160
"""Values of an array, and characters of an input, that are shown."""

_Args: TypeAlias = tuple


def search_inputs(
    question: Question, right: Sequence[Answer], seeds: Sequence[int]
) -> QuestionCard:
    """What is found, by a process with limits: a grid of three hundred values on each of four axes
    has more points than any memory.
    """
    card = QuestionCard(question.name, question.points)
    (found,) = map_in_forks(
        lambda _: told_apart(question, right, seeds),
        1,
        seconds=SECONDS,
        on_failure=None,
    )
    if found is None:
        return replace(
            card, notes=("The search for inputs was not done within its limits.",)
        )
    return replace(card, near_misses=tuple(found))


def told_apart(
    question: Question, right: Sequence[Answer], seeds: Sequence[int]
) -> list[str]:
    """A sentence for each near miss that earns all points, with an input on which every right
    answer says otherwise.
    """
    if question.driver != "call" or not strategy_of(question).comparable:
        return []
    peers = [
        peer_of(question, answer)
        for answer in right
        if answer is not question.reference
    ]
    trial = _Trial(question, peers)
    cases = [case for seed in seeds for case in question.cases(seed)]
    accepted = [
        near_miss
        for near_miss in near_misses(question)
        if all(trial.accepts_near_miss(near_miss, case) for case in cases)
    ]
    return [
        f"An answer that {near_miss.habit} earns all points, and is wrong on {_shown(args)}."
        for near_miss, args in _wrong_on(trial, accepted, cases)
    ]


@dataclass(frozen=True)
class _Trial:
    """peers: the right answers beside the reference."""

    question: Question
    peers: list[CallAnswer]

    def accepts(self, answer: CallAnswer, case: Case) -> bool:
        question = self.question
        outcome = answer(
            question.driver, case.inputs.args, question.seconds, question.seconds
        )
        return judge(question, case, outcome, expected(question, case)).passed

    def accepts_near_miss(self, near_miss: NearMiss, case: Case) -> bool:
        return not near_miss.shows_in(case.inputs.args) or self.accepts(near_miss, case)

    def is_far_off(self, near_miss: NearMiss, case: Case) -> bool:
        """Whether it is wrong by more than rounding can come to on an input of any kind."""
        question = self.question
        outcome = near_miss(
            question.driver, case.inputs.args, question.seconds, question.seconds
        )
        # A result of 0 allows no difference at all: one more, and it allows what a 1 does.
        right = map_numbers(expected(question, case), _one_more)
        result = map_numbers(outcome.value, _one_more)
        return not agree(right, result, _FAR, _FAR)

    def is_asked(self, case: Case) -> bool:
        """Whether the reference has a result, and every other right answer the same one."""
        try:
            expected(self.question, case)
        except RuntimeError:
            return False
        return all(self.accepts(peer, case) for peer in self.peers)


def _wrong_on(
    trial: _Trial, near_misses: Sequence[NearMiss], cases: Sequence[Case]
) -> list[tuple[NearMiss, _Args]]:
    """The near misses that are wrong on some input, each with the shortest one that was tried."""
    shortest: dict[NearMiss, _Args] = {}
    inputs = rearranged([case.inputs.args for case in cases])

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs)
    def look(args: _Args) -> None:
        case = Case(cases[0].probe, Inputs(args))
        showing = [near_miss for near_miss in near_misses if near_miss.shows_in(args)]
        if not showing or not trial.is_asked(case):
            return
        for near_miss in showing:
            is_longer = near_miss in shortest and len(repr(args)) >= len(
                repr(shortest[near_miss])
            )
            if not is_longer and trial.is_far_off(near_miss, case):
                shortest[near_miss] = args

    if near_misses:
        look()
    return list(shortest.items())


def _one_more(array: np.ndarray) -> np.ndarray:
    return array + 1


def _shown(args: _Args) -> str:
    text = ", ".join(map(_shown_value, args))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _shown_value(value: Any) -> str:
    if isinstance(value, np.ndarray):
        shape = " x ".join(map(str, value.shape))
        return (
            str(value.tolist()) if value.size <= _MOST_SHOWN else f"an array of {shape}"
        )
    if isinstance(value, dict):
        items = [f"{key!r}: {_shown_value(item)}" for key, item in value.items()]
        return "{" + ", ".join(items) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_shown_value, value)) + "]"
    return repr(value)


# Inputs out of inputs -----------------------------------------------------------------------------


def rearranged(inputs: Sequence[_Args]) -> st.SearchStrategy[_Args]:
    """Inputs made of `inputs`, a tuple of arguments each."""
    signs = _Signs.of(inputs)
    changes: list[Callable[[st.DrawFn, _Args], _Args]] = [
        _other_rows,
        lambda draw, args: _other_value(draw, args, signs),
    ]

    @st.composite
    def strategy(draw: st.DrawFn) -> _Args:
        args = draw(st.sampled_from(inputs))
        for change in draw(st.lists(st.sampled_from(changes), min_size=1, max_size=3)):
            args = change(draw, args)
        return args

    return strategy()


def _other_rows(draw: st.DrawFn, args: _Args) -> _Args:
    """All arrays of one length with the same choice of their rows: fewer, others, or very many."""
    lengths = sorted(
        {len(array) for array in arrays_in(args) if array.ndim and len(array)}
    )
    if not lengths:
        return args
    length = draw(st.sampled_from(lengths))
    rows = draw(st.lists(st.integers(0, length - 1), max_size=12))
    is_many = draw(st.booleans())
    if rows and is_many:
        rows = (rows * _MOST_ROWS)[:_MOST_ROWS]

    def choose(array: np.ndarray) -> np.ndarray:
        is_meant = array.ndim and len(array) == length
        return array[np.asarray(rows, int)] if is_meant else array

    return tuple(map_numbers(arg, choose) for arg in args)


def _other_value(draw: st.DrawFn, args: _Args, signs: _Signs) -> _Args:
    """One value of one array equal to another one of it, nearly equal, opposite, or 0."""
    number = draw(st.integers(0, len(args) - 1))
    to = draw(st.integers(0, 10**6))
    of = draw(st.integers(0, 10**6))
    kinds = ["equal", "near", *signs.kinds(number)]
    kind = draw(st.sampled_from(kinds))

    def change(array: np.ndarray) -> np.ndarray:
        if not array.size:
            return array
        changed = array.copy()
        value = array.flat[of % array.size]
        is_near = kind == "near" and array.dtype.kind == "f"
        changed.flat[to % array.size] = {
            "equal": value,
            "near": value * _NEARLY if is_near else value,
            "opposite": -value,
            "zero": 0,
        }[kind]
        return changed

    return (*args[:number], map_numbers(args[number], change), *args[number + 1 :])


@dataclass(frozen=True)
class _Signs:
    """Of each argument, whether there are zeros and negative values in it."""

    zero: tuple[bool, ...]
    negative: tuple[bool, ...]

    @staticmethod
    def of(inputs: Sequence[_Args]) -> _Signs:
        count = max(map(len, inputs))
        of_each = [
            [args[number] for args in inputs if number < len(args)]
            for number in range(count)
        ]
        zero = tuple(
            any((array == 0).any() for array in arrays_in(values)) for values in of_each
        )
        negative = tuple(
            any((array < 0).any() for array in arrays_in(values)) for values in of_each
        )
        return _Signs(zero, negative)

    def kinds(self, number: int) -> list[str]:
        """What else a value of that argument may become."""
        kinds = []
        if self.zero[number] or self.negative[number]:
            kinds.append("zero")
        if self.negative[number]:
            kinds.append("opposite")
        return kinds
