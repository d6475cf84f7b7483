"""What many calls of a random operation gave, and what must have been drawn for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.logs import log
from autograder.values.agreement import agree, as_array

_BAD_FORM = "The result does not have the form that the task asks for."

Recover = Callable[..., Mapping[str, Any]]
"""A question's `recover`: ``recover(result, *args)`` gives what was drawn for each image."""


class NotADraw(ValueError):
    """Raised by a question's `recover`: nothing that could be drawn gives this result. The
    message is said to the learner.
    """


@dataclass(frozen=True, eq=False)
class Sample:
    """What many calls gave.

    drawn:      name -> (calls, N), what was drawn for each image of each call; of results that no
                draw gives, their mean, spread and extremes instead.
    example:    the result of one call, by which others are read. shapes: of results, in words; one
                where all calls gave the same.
    whole:      of which arrays of a result all numbers are whole. finite: whether all numbers are.
    repeatable: whether the same generator gave the same result again. changed: whether an argument
        was changed.
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
    recover: Recover, args: tuple[Any, ...], value: Mapping[str, Any], example: Any = None
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
    recovered = _recover(recover, results, given)
    places = list(zip(*(_arrays_of(result) for result in results), strict=False))
    first_draws = value["draws"][: len(value["again"])]
    return Sample(
        drawn=_features(places) if recovered.problem else recovered.drawn,
        example=results[0],
        shapes=frozenset(map(_shape, results)),
        whole=tuple(all(map(_is_whole, arrays)) for arrays in places),
        finite=all(np.isfinite(array).all() for arrays in places for array in arrays),
        repeatable=agree(first_draws, value["again"], 1e-6, 1e-6),
        changed=value["changed"] is not False,
        problem=recovered.problem,
        fault=recovered.fault,
    )


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
            of_calls = [np.ravel(recovered[name]) for recovered in by_call]
            drawn[name] = np.array(of_calls, float)
    except NotADraw as error:
        return _Recovered({}, problem=str(error))
    except Exception as error:  # The result is a stranger's: whatever it breaks, it only fails.
        log.warning("what was drawn could not be recovered from a result", exc_info=True)
        return _Recovered({}, _BAD_FORM, fault=f"{type(error).__name__}: {error}")
    for name, values in drawn.items():
        if not np.isfinite(values).all():
            return _Recovered(drawn, f"{capitalised(name)} cannot be told for every result.")
    return _Recovered(drawn)


def _as_arrays(result: Any, example: Any) -> Any:
    """A result as an array, or, where `example` or itself is one, as a tuple of arrays; a vector
    of one stands for a number, as elsewhere.
    """
    if example is None:
        is_tuple = isinstance(result, tuple)
    else:
        is_tuple = isinstance(example, tuple) and isinstance(result, (tuple, list))
    if is_tuple:
        same_length = isinstance(example, tuple) and len(example) == len(result)
        examples = example if same_length else [None] * len(result)
        pairs = zip(result, examples, strict=True)
        return tuple(_as_arrays(part, part_example) for part, part_example in pairs)
    array = as_array(result)
    if array is None:
        return result
    if isinstance(example, np.ndarray | np.generic) and np.shape(example) == ():
        return array[0] if array.shape == (1,) else array
    return array


def _arrays_of(result: Any) -> tuple[np.ndarray, ...]:
    """The arrays of a result, in order."""
    parts = result if isinstance(result, tuple) else (result,)
    return tuple(np.asarray(part) for part in parts if isinstance(part, np.ndarray | np.generic))


def _is_whole(array: np.ndarray) -> bool:
    if array.dtype.kind == "f":
        return bool((array == np.round(array)).all())
    return array.dtype.kind in "iub"


def _shape(result: Any) -> str:
    if isinstance(result, tuple):
        shapes = ", ".join(map(_shape, result[:3]))
        more = f" and {len(result) - 3} more" if len(result) > 3 else ""
        return f"({shapes}{more})"
    if isinstance(result, np.ndarray | np.generic):
        return f"an array of shape {np.shape(result)}" if np.shape(result) else "a number"
    return type(result).__name__


def _features(places: list[tuple[np.ndarray, ...]]) -> dict[str, np.ndarray]:
    """By which results that no draw gives are compared: mean, spread and extremes of every array
    of every call.
    """
    features: dict[str, np.ndarray] = {}
    for place, arrays in enumerate(places):
        first = arrays[0]
        if not first.size or len({array.shape for array in arrays}) > 1:
            continue
        images = first.shape[0] if first.ndim else 1
        rows = np.asarray(arrays, float).reshape(len(arrays), images, -1)
        for name in ("mean", "std", "min", "max"):
            features[f"{name} of {place}"] = getattr(rows, name)(axis=2)
    return features


def capitalised(name: str) -> str:
    """With a capital to begin a sentence; the rest stays as the question writes it."""
    return name[:1].upper() + name[1:]
