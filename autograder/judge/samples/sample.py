"""What many calls of a random operation gave, and what must have been drawn for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.answers.drivers import USED_AGAIN
from autograder.logs import log
from autograder.values.agreement import agree, array_like, as_array

_BAD_FORM = "The result does not have the form that the task asks for."

_SEVERAL_EACH = 2
"""The axes of what holds several numbers for each image."""

_MOST_PARTS = 3
"""Of a tuple, the shapes of so many parts are told."""

Recover = Callable[..., Mapping[str, Any]]
"""A question's `recover`: ``recover(result, *args)`` gives what was drawn for each image, (N,), or
for each of the P numbers of each image, (N, P).
"""


class NotADraw(ValueError):
    """Raised by a question's `recover`: nothing that could be drawn gives this result. The
    message is said to the learner.
    """


@dataclass(frozen=True, eq=False)
class Sample:
    """What many calls gave.

    drawn:      name -> (calls, N), what was drawn for each image of each call, or (calls, N, P)
                where this is P numbers; of results that no draw gives, their mean, spread and
                extremes instead.
    example:    the result of one call, by which others are read. shapes: of results, in words; one
                where all calls gave the same.
    whole:      of which arrays of a result all numbers are whole. finite: whether all numbers are.
    repeatable: whether the same generator gave the same result again, also on arrays that earlier
        calls had. changed: whether an argument was changed, as the answer's own process says: so it
        counts against the answer only.
    problem:    why nothing could be recovered, if so. fault: what `recover` raised, if that was no
                `NotADraw`.
    """

    drawn: Mapping[str, np.ndarray]
    example: Any
    shapes: frozenset[str]
    whole: tuple[bool, ...]
    finite: bool
    repeatable: bool
    changed: bool
    problem: str = ""
    fault: str = ""


def sample(
    recover: Recover,
    args: tuple[Any, ...],
    value: Mapping[str, Any],
    example: Any = None,
) -> Sample:
    """The sample in what the driver "sampled" returned. Raises where `value` does not have the
    form that this driver gives it.

    args: what the driver was given, the seeds first. example: the reference's result of one call:
        where it is a tuple, a list stands for one.
    """
    seeds, *given = args
    results = [_as_arrays(result, example) for result in value["draws"]]
    if len(results) != len(seeds):
        raise ValueError(f"{len(results)} results of {len(seeds)} calls")
    by_seed = _by_seed(seeds, results)
    firsts = [of_seed[0] for of_seed in by_seed]
    changed = value["changed"] is not False
    recovered = _recover(recover, firsts, given)
    by_place = _by_place(results)
    drawn = recovered.drawn
    if recovered.problem:
        drawn = _features(_by_place(firsts))
    return Sample(
        drawn=drawn,
        example=firsts[0],
        shapes=frozenset(map(_shape, results)),
        whole=tuple(map(_are_whole, by_place)),
        finite=all(map(_are_finite, by_place)),
        repeatable=all(_repeats(of_seed, changed) for of_seed in by_seed),
        changed=changed,
        problem=recovered.problem,
        fault=recovered.fault,
    )


def _by_place(results: Sequence[Any]) -> list[tuple[np.ndarray, ...]]:
    """The arrays at one place of the results, which belong together."""
    by_call = map(_arrays_of, results)
    return list(zip(*by_call, strict=False))


def _by_seed(seeds: Sequence[int], results: Sequence[Any]) -> list[list[Any]]:
    """The results of each seed, in the order of the calls."""
    found: dict[int, list[Any]] = {}
    for seed, result in zip(seeds, results, strict=True):
        found.setdefault(seed, []).append(result)
    return list(found.values())


def _repeats(results: Sequence[Any], changed: bool) -> bool:
    """Whether all results of one seed are the same; where arguments are changed anyway, only of
    those calls that got arrays of their own.
    """
    compared = results[: USED_AGAIN - 1] if changed else results
    first, *others = compared
    return all(agree(first, other, 1e-6, 1e-6) for other in others)


@dataclass(frozen=True, eq=False)
class _Recovered:
    drawn: Mapping[str, np.ndarray]
    problem: str = ""
    fault: str = ""


def _recover(recover: Recover, results: list[Any], given: Sequence[Any]) -> _Recovered:
    try:
        by_call = [recover(result, *given) for result in results]
        drawn = {}
        for name in by_call[0]:
            of_calls = [_of_images(recovered[name]) for recovered in by_call]
            drawn[name] = np.array(of_calls, float)
    except NotADraw as error:
        return _Recovered({}, problem=str(error))
    except (
        Exception
    ) as error:  # The result is a stranger's: whatever it breaks, it only fails.
        log.warning(
            "what was drawn could not be recovered from a result", exc_info=True
        )
        kind = type(error).__name__
        return _Recovered({}, _BAD_FORM, fault=f"{kind}: {error}")
    for name, values in drawn.items():
        is_told = np.isfinite(values)
        if not is_told.all():
            problem = f"{capitalised(name)} cannot be told for every result."
            return _Recovered(drawn, problem)
    return _Recovered(drawn)


def _of_images(values: Any) -> np.ndarray:
    """A number, or several, for each image."""
    array = np.asarray(values)
    return array if array.ndim == _SEVERAL_EACH else np.ravel(array)


def _as_arrays(result: Any, example: Any) -> Any:
    """A result as an array, or, where `example` or itself is one, as a tuple of arrays; a vector
    of one stands for a number, as elsewhere.
    """
    if _stands_for_tuple(result, example):
        return _as_tuple(result, example)
    array = array_like(example, result) if _is_array(example) else as_array(result)
    return result if array is None else array


def _stands_for_tuple(result: Any, example: Any) -> bool:
    if example is None:
        return isinstance(result, tuple)
    return isinstance(example, tuple) and isinstance(result, (tuple, list))


def _as_tuple(result: Sequence[Any], example: Any) -> tuple[Any, ...]:
    examples: Sequence[Any] = [None] * len(result)
    if isinstance(example, tuple) and len(example) == len(result):
        examples = example
    pairs = zip(result, examples, strict=True)
    return tuple(_as_arrays(part, part_example) for part, part_example in pairs)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic)


def _arrays_of(result: Any) -> tuple[np.ndarray, ...]:
    """The arrays of a result, in order."""
    parts = result if isinstance(result, tuple) else (result,)
    return tuple(np.asarray(part) for part in parts if _is_array(part))


def _are_finite(arrays: Sequence[np.ndarray]) -> bool:
    return all(np.isfinite(array).all() for array in arrays)


def _are_whole(arrays: Sequence[np.ndarray]) -> bool:
    return all(map(_is_whole, arrays))


def _is_whole(array: np.ndarray) -> bool:
    kind = array.dtype.kind
    if kind != "f":
        return kind in "iub"
    rounded = np.round(array)
    return bool((array == rounded).all())


def _shape(result: Any) -> str:
    if isinstance(result, tuple):
        return _shape_of_tuple(result)
    if not _is_array(result):
        return type(result).__name__
    shape = np.shape(result)
    return f"an array of shape {shape}" if shape else "a number"


def _shape_of_tuple(result: tuple[Any, ...]) -> str:
    """The shapes of the first parts."""
    shapes = ", ".join(map(_shape, result[:_MOST_PARTS]))
    left_out = len(result) - _MOST_PARTS
    more = f" and {left_out} more" if left_out > 0 else ""
    return f"({shapes}{more})"


def _features(by_place: list[tuple[np.ndarray, ...]]) -> dict[str, np.ndarray]:
    """By which results that no draw gives are compared: mean, spread and extremes of every array
    of every call.
    """
    features: dict[str, np.ndarray] = {}
    for place, arrays in enumerate(by_place):
        first = arrays[0]
        shapes = {array.shape for array in arrays}
        if first.size == 0 or len(shapes) > 1:
            continue
        calls = len(arrays)
        images = len(first) if first.ndim else 1
        rows = np.asarray(arrays, float).reshape(calls, images, -1)
        features[f"mean of {place}"] = rows.mean(axis=2)
        features[f"std of {place}"] = rows.std(axis=2)
        features[f"min of {place}"] = rows.min(axis=2)
        features[f"max of {place}"] = rows.max(axis=2)
    return features


def capitalised(name: str) -> str:
    """With a capital to begin a sentence; the rest stays as the question writes it."""
    capital = name[:1].upper()
    return capital + name[1:]
