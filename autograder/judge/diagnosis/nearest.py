"""The known mistake that an answer comes nearest to, where none explains all of it.

It is offered as what it looks like, with what it does not explain. Three ways of being near are
looked at: it explains one part of every result, it explains the results of most inputs, or it is
wrong in the same places with other numbers, as a mean of nothing is 0 for one and NaN for another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograder.judge.compared import Compared
from autograder.judge.diagnosis.evidence import is_no_accident, size_of
from autograder.judge.strategy import Observation
from autograder.judge.trial import Trial
from autograder.questions.definition import Mistake
from autograder.text import key_as_text
from autograder.values.agreement import agree, as_arrays, close

_MOST_PARTS = 8
"""A list of more items is one result, and no collection of several."""

_LEAST_TRIALS = 2
"""So many inputs of different kinds must show what is offered."""


@dataclass(frozen=True, eq=False)
class Twin:
    """A known mistake beside an answer.

    seen: what the mistake gives, on as many of the inputs as it was tried.
    explains_all: whether it explains what the answer gives, on every input.
    gives_the_same: whether it does so by giving the same, and not by what the question says of it.
    """

    mistake: Mistake
    seen: Mapping[Trial, Observation] = field(default_factory=dict)
    explains_all: bool = False
    gives_the_same: bool = False


def nearest(strategy: Compared, trials: Sequence[Trial], twins: Sequence[Twin]) -> str:
    """The one known mistake that explains a good part, as a sentence; empty where there is none,
    or more than one.
    """
    compared = [twin for twin in twins if _may_be_made(strategy, trials, twin)]
    for look in (_part_by_part, _input_by_input, _place_by_place):
        offers = {
            twin.mistake.message: look(strategy, trials, twin) for twin in compared
        }
        sentences = [sentence for sentence in offers.values() if sentence]
        if sentences:
            return sentences[0] if len(sentences) == 1 else ""
    return ""


def _may_be_made(strategy: Compared, trials: Sequence[Trial], twin: Twin) -> bool:
    """Whether the mistake was tried on every input, and is right wherever the answer is."""
    if any(trial not in twin.seen for trial in trials):
        return False
    passed = [trial for trial in trials if trial.passed]
    return all(_is_right_on(strategy, trial, twin) for trial in passed)


def _is_right_on(strategy: Compared, trial: Trial, twin: Twin) -> bool:
    mistaken = twin.seen[trial]
    return mistaken.outcome.is_value and strategy.passes(trial.expected, mistaken)


# One part of every result


def _part_by_part(strategy: Compared, trials: Sequence[Trial], twin: Twin) -> str:
    failed = _wrong(trials)
    if not all(trial.outcome.is_value for trial in failed):
        return ""
    results = [_parts_of(trial, twin.seen[trial]) for trial in failed]
    names = list(results[0])
    have_the_same = all(parts.keys() == results[0].keys() for parts in results)
    if len(names) < 2 or not have_the_same:
        return ""
    explained = []
    left = []
    for name in names:
        if _explains(strategy, failed, results, name):
            explained.append(name)
        elif not _is_right(strategy, results, name):
            left.append(name)
    if not explained or not left:
        return ""
    there = ", ".join(explained)
    elsewhere = ", ".join(left)
    message = twin.mistake.message
    return f"In {there} it looks like this: {message} It does not explain {elsewhere}."


def _wrong(trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if not trial.passed]


_Parts = dict[str, tuple[Any, Any, Any]]
"""By name: what is expected there, what the answer gives, and what the mistake gives."""


def _parts_of(trial: Trial, mistaken: Observation) -> _Parts:
    """The parts of a result; none where it has none, or the three do not have the same."""
    values = trial.expected, trial.outcome.value, mistaken.outcome.value
    if not mistaken.outcome.is_value:
        return {}
    if all(isinstance(value, dict) for value in values):
        return _entries(*values)
    if all(isinstance(value, (list, tuple)) for value in values):
        return _items(*values)
    return {}


def _entries(
    expected: dict[Any, Any], got: dict[Any, Any], mistaken: dict[Any, Any]
) -> _Parts:
    if not expected.keys() == got.keys() == mistaken.keys():
        return {}
    parts = {}
    for key, value in expected.items():
        parts[key_as_text(key)] = (value, got[key], mistaken[key])
    return parts


def _items(
    expected: Sequence[Any], got: Sequence[Any], mistaken: Sequence[Any]
) -> _Parts:
    count = len(expected)
    if count > _MOST_PARTS or not count == len(got) == len(mistaken):
        return {}
    triples = zip(expected, got, mistaken, strict=True)
    return {f"item {index}": triple for index, triple in enumerate(triples)}


def _explains(
    strategy: Compared, failed: Sequence[Trial], results: Sequence[_Parts], name: str
) -> bool:
    """Whether the mistake gives that part on every input, and several show that it is wrong."""
    shown = set()
    for trial, parts in zip(failed, results, strict=True):
        expected, got, mistaken = parts[name]
        if not _agree(strategy, mistaken, got):
            return False
        is_wrong = not _agree(strategy, expected, got)
        if is_wrong and is_no_accident(got):
            shown.add(size_of(trial.case.inputs.args))
    return len(shown) >= _LEAST_TRIALS


def _is_right(strategy: Compared, results: Sequence[_Parts], name: str) -> bool:
    for parts in results:
        expected, got, _ = parts[name]
        if not _agree(strategy, expected, got):
            return False
    return True


def _agree(strategy: Compared, one: Any, other: Any) -> bool:
    return agree(one, other, strategy.rtol, strategy.atol)


# The results of most inputs


def _input_by_input(strategy: Compared, trials: Sequence[Trial], twin: Twin) -> str:
    failed = _wrong(trials)
    explained = [trial for trial in failed if _is_explained(strategy, trial, twin)]
    shown = {size_of(trial.case.inputs.args) for trial in explained}
    are_most = 2 * len(explained) > len(failed)
    if len(shown) < _LEAST_TRIALS or not are_most:
        return ""
    left = len(failed) - len(explained)
    message = twin.mistake.message
    return (
        f"On most inputs it looks like this: {message} It does not explain {left} of the "
        f"{len(failed)} wrong results."
    )


def _is_explained(strategy: Compared, trial: Trial, twin: Twin) -> bool:
    mistaken = twin.seen[trial]
    if not mistaken.outcome.is_value or not trial.outcome.is_value:
        return False
    if not strategy.same(trial.seen, mistaken):
        return False
    return is_no_accident(trial.outcome.value)


# The same places


def _place_by_place(strategy: Compared, trials: Sequence[Trial], twin: Twin) -> str:
    for trial in _wrong(trials):
        if not _wrong_in_the_same_places(strategy, trial, twin.seen[trial]):
            return ""
    return f"It looks like this, with NaN in its place: {twin.mistake.message}"


def _wrong_in_the_same_places(
    strategy: Compared, trial: Trial, mistaken: Observation
) -> bool:
    """Whether both are wrong in the same few places, where the answer has NaN."""
    of_answer = as_arrays(trial.expected, trial.outcome.value)
    of_mistake = as_arrays(trial.expected, mistaken.outcome.value)
    if of_answer is None or of_mistake is None:
        return False
    expected, got = of_answer
    expected_again, other = of_mistake
    if not expected.shape == got.shape == other.shape:
        return False
    if got.dtype.kind not in "fc":
        return False
    wrong = ~close(expected, got, strategy.rtol, strategy.atol)
    also_wrong = ~close(expected_again, other, strategy.rtol, strategy.atol)
    if wrong.all() or not wrong.any():
        return False
    if not np.array_equal(wrong, also_wrong):
        return False
    are_nan = np.isnan(got[wrong])
    return bool(are_nan.all())
