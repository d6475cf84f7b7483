"""Judges a random operation by what it draws: many calls of an answer against as many of the reference, each with a generator of its own.

No two right answers need draw the same numbers, so results cannot be compared one by one. A question recovers from every result what must have been drawn for it
(`Question.recover`: how far each image was shifted, say), and the two samples are then compared: range and distribution of every value, its dependence within a
batch, from call to call and on the other values; besides that the form of results, whether the same generator gives the same result again, and whether
the inputs were left alone.

Every test is of rank or count, and rejects two samples of one distribution once in `RARE` times, whatever the distribution is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.compare import agree, as_array

RARE = 1e-8
"""The chance that a right answer fails one of the tests: a class of 200 with ten tests a question sees one in 50,000 classes."""

_BEYOND = 30
"""So many values beyond the other sample's largest have a chance of 2 ** -30 = 1e-9 where the samples are of equal size and distribution."""

_MOST_VALUES = 40
"""A drawn quantity with at most so many different values is counted; others are ranked."""


class NotADraw(ValueError):
    """Raised by a question's `recover`: nothing that could be drawn gives this result. The message is said to the learner."""


@dataclass(frozen=True, eq=False)
class Sample:
    """What many calls gave.

    drawn:      name -> (calls, N), what was drawn for each image of each call; of results that no draw gives, their mean, spread and extremes instead.
    forms:      kind and shape of the arrays of a result; one where all calls gave the same.
    repeatable: whether the same generator gave the same result again. changed: whether an argument was changed.
    problem:    why nothing could be recovered, if so.
    """

    drawn: Mapping[str, np.ndarray]
    forms: frozenset[str]
    repeatable: bool
    changed: bool
    problem: str = ""


def sample(recover: Callable[..., Mapping[str, Any]], args: tuple, value: Any) -> Sample:
    """Of what the driver "sampled" returned. args: what it was given, the seeds first. Raises where `value` has not the form that this driver gives it."""
    seeds, *given = args
    results = [_arrays(result) for result in value["draws"]]
    if len(results) != len(seeds):
        raise ValueError(f"{len(results)} results of {len(seeds)} calls")
    try:
        found = [recover(result, *given) for result in results]
        drawn, problem = {name: np.array([np.ravel(one[name]) for one in found], float) for name in found[0]}, ""
    except NotADraw as error:
        drawn, problem = _features(results), str(error)
    except Exception:  # the result is a stranger's: whatever it breaks, it only fails
        drawn, problem = _features(results), "The result does not have the form that the task asks for."
    forms = frozenset(map(_form, results))
    return Sample(drawn, forms, agree(value["draws"][0], value["again"], 1e-6, 1e-6), value["changed"] is not False, problem)


def differences(expected: Sample, got: Sample) -> list[str]:
    """What tells two samples apart, in sentences for who wrote `got`; nothing where they may well be of one distribution."""
    return list(itertools.islice(_differences(expected, got), 4))


def _differences(expected: Sample, got: Sample) -> Iterator[str]:
    if got.forms != expected.forms:
        yield f"One call gives {_or(got.forms)}; it should give {_or(expected.forms)}."
    if got.changed and not expected.changed:
        yield "The operation changes what it is given. Work on a copy."
    if got.repeatable != expected.repeatable:
        yield "The same state of `rng` gives another result the second time: draw everything from `rng`, and from nothing else."
    if bool(got.problem) != bool(expected.problem) or got.drawn.keys() != expected.drawn.keys():
        yield got.problem
        return
    alike = []
    for name, e in expected.drawn.items():
        g = got.drawn[name]
        if g.shape != e.shape or np.isfinite(g).all() != np.isfinite(e).all():
            yield f"{_named(name)} cannot be told for every image."
        elif np.isfinite(e).all() and (sentence := _distribution(name, e, g)):
            yield sentence
        elif np.isfinite(e).all():
            alike.append(name)
    for name in alike:  # of values that are distributed otherwise, dependence tells nothing more
        e, g = expected.drawn[name], got.drawn[name]
        if _depend_differently((e[:, :-1], e[:, 1:]), (g[:, :-1], g[:, 1:])):
            yield f"{_named(name)} of one image tells that of the next in the batch: draw one value for each image, independently."
        if _depend_differently((e[:-1], e[1:]), (g[:-1], g[1:])):
            yield f"{_named(name)} in one call tells that in the next, which has another `rng`: draw it anew, from `rng`, in each call."
    for one, other in itertools.combinations(alike, 2):
        pairs = [(found.drawn[one], found.drawn[other]) for found in (expected, got)]
        if pairs[0][0].shape == pairs[0][1].shape and _depend_differently(*pairs):
            yield f"{_named(one)} and {other} hang together otherwise than they should: draw them as the task says."


def _distribution(name: str, e: np.ndarray, g: np.ndarray) -> str:
    """A sentence where the values of two samples are distributed differently, else nothing."""
    values = np.unique(np.round(e, 6))
    if len(values) <= _MOST_VALUES and len(values) < e.size / 4:
        e, g = np.round(e, 6), np.round(g, 6)
        values = np.union1d(values, np.unique(g)[:_MOST_VALUES])
        shares = {value: ((g == value).mean(), (e == value).mean()) for value in values if _counts_differ(e == value, g == value)}
        if not shares:
            return ""
        value, (is_, should) = max(shares.items(), key=lambda item: abs(item[1][0] - item[1][1]))
        return f"{_named(name)} is {value:g} in {is_:.0%} of the draws; it should be in about {should:.0%}."
    if _beyond(e, g):
        return f"{_named(name)} lies between {g.min():.3g} and {g.max():.3g}; it should lie between about {e.min():.3g} and {e.max():.3g}."
    if _ranks_differ(e, g):
        spread = f"with a spread of {g.std():.2g}; it should be about {e.mean():.2g}, with one of {e.std():.2g}"
        return f"{_named(name)} is distributed otherwise than it should be: it is {g.mean():.2g} on average, {spread}."
    return ""


def _beyond(e: np.ndarray, g: np.ndarray) -> bool:
    """Whether too many values of one sample lie outside the range of the other."""
    return any((a > b.max()).sum() > _BEYOND or (a < b.min()).sum() > _BEYOND for a, b in ((e, g), (g, e)))


def _ranks_differ(e: np.ndarray, g: np.ndarray) -> bool:
    from scipy.stats import ks_2samp

    return bool(ks_2samp(e.ravel(), g.ravel(), method="asymp").pvalue < RARE)


def _counts_differ(e: np.ndarray, g: np.ndarray) -> bool:
    """Of two boolean arrays, by Fisher's exact test (1922)."""
    from scipy.stats import fisher_exact

    table = [[int(part.sum()), int(part.size - part.sum())] for part in (e, g)]
    return bool(fisher_exact(table).pvalue < RARE)


def _depend_differently(e: tuple[np.ndarray, np.ndarray], g: tuple[np.ndarray, np.ndarray]) -> bool:
    """Whether pairs are equal, or correlated in rank, more often in one sample than in the other."""
    from scipy.stats import norm

    if not e[0].size or e[0].size < 4:
        return False
    if _counts_differ(np.isclose(*e), np.isclose(*g)):
        return True
    z = [np.arctanh(np.clip(_rank_correlation(*pair), -0.999999, 0.999999)) for pair in (e, g)]
    return bool(2 * norm.sf(abs(z[0] - z[1]) / np.sqrt(2 / (e[0].size - 3))) < RARE)


def _rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's (1904); 0 where one of the two never changes."""
    from scipy.stats import rankdata

    ranks = [rankdata(values.ravel()) for values in (a, b)]
    if any(values.std() == 0 for values in ranks):
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def _arrays(result: Any) -> Any:
    """A result with every list of numbers as an array; tuples stay tuples of arrays."""
    array = as_array(result) if not isinstance(result, tuple) else None
    if array is not None:
        return array
    return tuple(map(_arrays, result)) if isinstance(result, (tuple, list)) else result


def _form(result: Any) -> str:
    if isinstance(result, tuple):
        return f"({', '.join(map(_form, result))})"
    if isinstance(result, np.ndarray):
        kind = {"f": "floats", "i": "whole numbers", "u": "whole numbers", "b": "booleans"}.get(result.dtype.kind, result.dtype.name)
        return f"{kind} {result.shape}"
    return type(result).__name__


def _features(results: list) -> dict[str, np.ndarray]:
    """By which results that no draw gives are compared: mean, spread and extremes of every array of every call."""
    found: dict[str, list] = {}
    for result in results:
        for place, array in enumerate(result if isinstance(result, tuple) else (result,)):
            if isinstance(array, np.ndarray) and array.size:
                rows = np.asarray(array, float).reshape(len(array) if array.ndim else 1, -1)
                for name in ("mean", "std", "min", "max"):
                    found.setdefault(f"{name} of {place}", []).append(getattr(rows, name)(axis=1))
    return {name: np.array(values) for name, values in found.items() if len({value.shape for value in values}) == 1}


def _named(name: str) -> str:
    return name[:1].upper() + name[1:]


def _or(forms: frozenset[str]) -> str:
    return " or ".join(sorted(forms)[:3])
