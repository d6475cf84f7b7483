"""Judges a random operation by what it draws: many calls of an answer against as many of the
reference, each with a generator of its own.

No two right answers need draw the same numbers, so results cannot be compared one by one. A
question recovers from every result what must have been drawn for it (`Question.recover`: how far
each image was shifted, say), and the two samples are then compared: range and distribution of every
value, over all images and at each place of the batch, its dependence on the other images, on other
calls and on the other values; besides that the form of results, whether the same generator gives
the same result again, and whether the inputs were left alone.

Every test counts or ranks, and takes for granted only that the reference draws its images
independently, or one value for the whole batch. `course audit` tries that.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.logs import log
from autograder.values.agreement import agree, as_array

RARE = 1e-9
"""The chance that a right answer fails one of the tests. There are some dozens for a value that is
ranked and some hundreds for one that is counted; a class of 200 with four such checks a student
sees a false rejection in one of some thousand classes.
"""

_BEYOND = 32
"""So many values beyond the other sample's largest have a chance of 2 ** -32 where the samples
are of equal size and distribution.
"""

_MOST_VALUES = 40
"""A drawn quantity with at most so many different values is counted; others are ranked."""

_OFTEN = 0.05
"""What comes up in more than this share of all draws is counted among those that are ranked,
too: no amount where nothing is done, say.
"""

_ENOUGH = 30
"""Fewer values are not ranked: even two samples that lie apart would hardly be so rare."""

_SMALL = 200
"""Samples of at most so many values."""

_NEAR = 1e-4
"""Values nearer than this share of the range are the same: what is recovered from float32 is not
exact.
"""

_ROUNDING = 2e-6
"""So are values nearer than this share of the largest: sixteen times float32's rounding error."""

_TOGETHER = 1.7
"""Batch means that vary so much more than those of independent images do are a sign that the
images of a batch depend on each other: four standard deviations, of 100 calls.
"""

_CALLS_APART = (1, 2, 3)
"""Calls so far from each other are compared."""


class NotADraw(ValueError):
    """Raised by a question's `recover`: nothing that could be drawn gives this result. The
    message is said to the learner.
    """


@dataclass(frozen=True, eq=False)
class Sample:
    """What many calls gave.

    drawn:      name -> (calls, N), what was drawn for each image of each call; of results that no
                draw gives, their mean, spread and extremes instead.
    like:       the result of one call, by which others are read. shapes: of results, in words; one
                where all calls gave the same.
    whole:      of which arrays of a result all numbers are whole. finite: whether all numbers are.
    repeatable: whether the same generator gave the same result again. changed: whether an argument
        was changed.
    problem:    why nothing could be recovered, if so. fault: what `recover` raised, if that was no
                `NotADraw`.
    output:     what the driver gave, as it came.
    """

    drawn: Mapping[str, np.ndarray]
    like: Any
    shapes: frozenset[str]
    whole: tuple[bool, ...]
    finite: bool
    repeatable: bool
    changed: bool
    problem: str = ""
    fault: str = ""
    output: Any = None


def sample(
    recover: Callable[..., Mapping[str, Any]], args: tuple, value: Any, like: Any = None
) -> Sample:
    """Of what the driver "sampled" returned. Raises where `value` has not the form that this driver
    gives it.

    args: what the driver was given, the seeds first. like: the reference's result of one call:
        where it is a tuple, a list stands for one.
    """
    seeds, *given = args
    results = [_arrays(result, like) for result in value["draws"]]
    if len(results) != len(seeds):
        raise ValueError(f"{len(results)} results of {len(seeds)} calls")
    drawn, problem, fault = {}, "", ""
    try:
        found = [recover(result, *given) for result in results]
        drawn = {name: np.array([np.ravel(one[name]) for one in found], float) for name in found[0]}
        problem = next(
            (
                f"{_named(name)} cannot be told for every result."
                for name in drawn
                if not np.isfinite(drawn[name]).all()
            ),
            "",
        )
    except NotADraw as error:
        problem = str(error)
    except Exception as error:  # the result is a stranger's: whatever it breaks, it only fails
        log.warning("what was drawn could not be recovered from a result", exc_info=True)
        problem, fault = (
            "The result does not have the form that the task asks for.",
            f"{type(error).__name__}: {error}",
        )
    places = list(zip(*(_places(result) for result in results), strict=False))
    return Sample(
        drawn=_features(places) if problem else drawn,
        like=results[0],
        shapes=frozenset(map(_shape, results)),
        whole=tuple(all(_is_whole(array) for array in arrays) for arrays in places),
        finite=all(np.isfinite(array).all() for arrays in places for array in arrays),
        repeatable=agree(value["draws"][: len(value["again"])], value["again"], 1e-6, 1e-6),
        changed=value["changed"] is not False,
        problem=problem,
        fault=fault,
        output=value,
    )


def alike(expected: Sample, got: Sample) -> bool:
    """Whether two samples may well be of one distribution."""
    return next(_differences(expected, got), None) is None


def differences(expected: Sample, got: Sample, each: str = "image") -> list[str]:
    """What tells two samples apart, in sentences for who wrote `got`; each: what a batch is made
    of.
    """
    return list(itertools.islice(_differences(expected, got, each), 4))


def _differences(expected: Sample, got: Sample, each: str = "image") -> Iterator[str]:
    if (
        got.shapes - expected.shapes
        if len(expected.shapes) == 1
        else not got.shapes & expected.shapes
    ):  # a shape that is drawn may be rare
        yield (
            f"One call gives {_or(got.shapes - expected.shapes)}; it "
            f"should give {_or(expected.shapes)}."
        )
    elif any(e and not g for e, g in zip(expected.whole, got.whole, strict=True)):
        yield "The result should be whole numbers."
    if expected.finite and not got.finite:
        yield "The result has numbers that are not finite."
    if got.changed and not expected.changed:
        yield "The operation changes what it is given. Work on a copy."
    if got.repeatable != expected.repeatable:
        yield (
            "The same state of `rng` gives another result the second time: draw everything from "
            "`rng`, and from nothing else."
        )
    if bool(got.problem) != bool(expected.problem) or any(
        name not in got.drawn or got.drawn[name].shape != drawn.shape
        for name, drawn in expected.drawn.items()
    ):
        yield got.problem or "The result does not have the form that the task asks for."
        return
    pairs = {
        name: _Pair(name, drawn, got.drawn[name], each)
        for name, drawn in expected.drawn.items()
        if np.isfinite(drawn).all()
    }
    if any(pair.varies(pair.g) for pair in pairs.values()) and all(
        pair.repeats(pair.g) and not pair.repeats(pair.e) for pair in pairs.values()
    ):
        yield (
            "Every call draws the same, although each has another `rng`: "
            "draw from the `rng` that is given."
        )
        return
    same = []
    for pair in pairs.values():
        if sentence := pair.distribution():
            yield sentence
        else:
            same.append(pair)
    for pair in same:  # of values that are distributed otherwise, dependence tells nothing more
        yield from pair.dependence()
    for one, other in itertools.combinations(same, 2):
        number = (
            1 if one.together or other.together or one.e.shape != other.e.shape else one.e.shape[1]
        )
        if _depend_differently(
            one, other, lambda a, b, number=number: (a[:, :number], b[:, :number])
        ):
            yield (
                f"{_named(one.name)} and {other.name} hang together otherwise than they should: "
                "draw them as the task says."
            )


class _Pair:
    """One quantity in both samples, (calls, N) each; (calls, 1) where the first sample draws it
    once for a batch, and the second, too.

    together: whether the images of a batch depend on each other in the first sample. They are then
        no independent draws, and must not be counted as so many: each place of the batch is
        compared for itself.
    """

    def __init__(self, name: str, e: np.ndarray, g: np.ndarray, each: str):
        self.name, self.each = name, each
        self.near = _NEAR * float(np.ptp(e)) + _ROUNDING * float(np.abs(e).max(initial=0)) + 1e-9
        self.once = e.shape[1] > 1 and not self.varies(e) and not self.repeats(e)
        self.not_once = self.once and self.varies(g)
        self.e, self.g = (e[:, :1], g[:, :1]) if self.once else (e, g)
        self.together = self.e.shape[1] * self.e.mean(axis=1).var() > _TOGETHER * self.e.var() > 0
        values = np.sort(self.e, axis=None)
        self.values = values[np.concatenate([[True], np.diff(values) > self.near])]
        self.e, self.g = self._snapped(self.e), self._snapped(self.g)
        self.counted = len(self.values) <= _MOST_VALUES and len(self.values) < max(
            self.e.size / 4, 2
        )
        found, often = np.unique(self.e, return_counts=True)
        self.often = found[often > _OFTEN * self.e.size]
        self.usual = (
            max(self.values, key=lambda value: self._same(self.e, value).sum())
            if self.counted
            else None
        )

    @functools.cached_property
    def ranks(self) -> tuple[np.ndarray, np.ndarray]:
        """The rank of each value among all of its sample."""
        from scipy.stats import rankdata

        return tuple(rankdata(values).reshape(values.shape) for values in (self.e, self.g))

    def _snapped(self, values: np.ndarray) -> np.ndarray:
        """With what is nearly one of `self.values` made exactly that: ranks would else tell
        rounding errors apart.
        """
        after = np.clip(np.searchsorted(self.values, values), 1, max(len(self.values) - 1, 1))
        below, above = self.values[after - 1], self.values[np.minimum(after, len(self.values) - 1)]
        nearest = np.where(values - below <= above - values, below, above)
        return np.where(self._same(values, nearest), nearest, values)

    def _same(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.abs(a - b) <= self.near

    def repeats(self, values: np.ndarray) -> bool:
        """Whether all calls are the same."""
        return bool(self._same(values, values[:1]).all())

    def varies(self, values: np.ndarray) -> bool:
        """Whether the images of a batch are not all the same."""
        return not self._same(values, values[:, :1]).all()

    def distribution(self) -> str:
        """A sentence where the values are distributed differently, over all images or at one
        place of the batch, else nothing.
        """
        if self.not_once:
            return (
                f"{_named(self.name)} is one value for the whole batch: draw it once in each call."
            )
        if not self.together and (sentence := self._differ(self.e, self.g)):
            return f"{_named(self.name)} {sentence}"
        for place in range(self.e.shape[1] if self.e.shape[1] > 1 else 0):
            if sentence := self._differ(self.e[:, place], self.g[:, place]):
                return f"{_named(self.name)} of {self.each} {place} of the batch {sentence}"
        return ""

    def _differ(self, e: np.ndarray, g: np.ndarray) -> str:
        if not self.counted and _beyond(e, g) and self._reach_differs(e, g):
            return (
                f"lies between {g.min():.3g} and {g.max():.3g}; it should lie between about "
                f"{e.min():.3g} and {e.max():.3g}."
            )
        values = (*self.values, *self._others(g)) if self.counted else self.often
        if shares := {
            value: (both[0].mean(), both[1].mean())
            for value in values
            if _counts_differ(*(both := self._are(value, e, g)))
        }:
            value, (should, is_) = max(
                shares.items(), key=lambda item: abs(item[1][0] - item[1][1])
            )
            return (
                f"is {self._number(value)} in {is_:.0%} of the draws; it "
                f"should be in about {should:.0%}."
            )
        if self.counted:
            return ""
        e, g = (
            values[~np.isin(values, self.often)] for values in (e, g)
        )  # among many that are the same, ranks would tell the others apart less well
        if _ranks_differ(e, g) or _beyond(e, g):
            spread = (
                f"with a spread of {g.std():.2g}; it should be about "
                f"{e.mean():.2g}, with one of {e.std():.2g}"
            )
            return (
                "is distributed otherwise than it should be: it is "
                f"{g.mean():.2g} on average{self._but}, {spread}."
            )
        return ""

    @property
    def _but(self) -> str:
        return (
            f" where it is not {' or '.join(map(self._number, self.often))}"
            if self.often.size
            else ""
        )

    def _number(self, value: float) -> str:
        return f"{np.round(value, max(int(-np.log10(self.near)), 0)) + 0:g}"

    def _reach_differs(self, e: np.ndarray, g: np.ndarray) -> bool:
        """Whether the ends are so far from each other that they tell the two apart when they are
        read.
        """
        return max(abs(e.min() - g.min()), abs(e.max() - g.max())) > 0.05 * np.ptp(e)

    def _others(self, g: np.ndarray) -> list[float]:
        return [
            value
            for value in np.unique(g)[:_MOST_VALUES]
            if not self._same(self.values, value).any()
        ]

    def _are(self, value: float, *samples: np.ndarray) -> list[np.ndarray]:
        return [self._same(sample, value) for sample in samples]

    def dependence(self) -> Iterator[str]:
        """Sentences on what the values of one image tell of others in its batch, and what one
        call tells of others.
        """
        independently = (
            f"of one {self.each} tells that of another in the batch: draw one "
            f"value for each {self.each}, independently."
        )
        number = self.e.shape[1]
        first = (
            1 if self.together else number
        )  # of several images that depend on each other, the first stands for all
        if any(
            _depend_differently(
                self,
                self,
                lambda a, b, lag=lag: (a[:, : min(first, number - lag)], b[:, lag:][:, :first]),
            )
            for lag in range(1, number)
        ):
            yield f"{_named(self.name)} {independently}"
        elif number > 1 and self._batches_differ():
            yield (
                f"{_named(self.name)}, averaged over a batch, varies otherwise than it should "
                f"from call to call: draw one value for each {self.each}, independently."
            )
        if any(
            _depend_differently(
                self, self, lambda a, b, lag=lag: (a[:-lag, :first], b[lag:, :first])
            )
            for lag in _CALLS_APART
        ):
            yield (
                f"{_named(self.name)} in one call tells that in another, which has another `rng`: "
                "draw it anew, from `rng`, in each call."
            )

    def _batches_differ(self) -> bool:
        """Whether the means of batches spread otherwise: by exact shares, say, or by draws that
        balance each other.
        """
        middle = self.e.mean()
        e, g = (np.abs(values.mean(axis=1) - middle) for values in (self.e, self.g))
        nearest = e.min() + self.near
        return _counts_differ(e <= nearest, g <= nearest) or _ranks_differ(e, g)


def _beyond(e: np.ndarray, g: np.ndarray) -> bool:
    """Whether too many values of one sample lie outside the range of the other."""
    return min(e.size, g.size) > 0 and any(
        (a > b.max()).sum() > _BEYOND or (a < b.min()).sum() > _BEYOND for a, b in ((e, g), (g, e))
    )


def _ranks_differ(e: np.ndarray, g: np.ndarray) -> bool:
    """Kolmogorov and Smirnov's test, exact for small samples: of so rare events the limit tells
    too many.
    """
    if min(e.size, g.size) < _ENOUGH:
        return False
    e, g = np.sort(e, axis=None), np.sort(g, axis=None)
    both = np.concatenate([e, g])
    distance = np.abs(
        np.searchsorted(e, both, "right") / e.size - np.searchsorted(g, both, "right") / g.size
    ).max()
    if distance * np.sqrt(e.size * g.size / (e.size + g.size)) <= 2.5:
        return False  # a chance of some millionths at least: the exact one takes longer
    from scipy.stats import ks_2samp

    return bool(
        ks_2samp(e, g, method="exact" if max(e.size, g.size) <= _SMALL else "asymp").pvalue < RARE
    )


def _counts_differ(e: np.ndarray, g: np.ndarray) -> bool:
    """Of two boolean arrays, by Fisher's exact test (1922)."""
    found, sizes = np.array([e.sum(), g.sum()]), np.array([e.size, g.size])
    share = found.sum() / sizes.sum()
    if abs(found[0] / sizes[0] - found[1] / sizes[1]) <= 4 * np.sqrt(
        share * (1 - share) * (1 / sizes).sum()
    ):
        return False  # far from rare: the exact test takes longer
    from scipy.stats import fisher_exact

    return bool(fisher_exact(np.array([found, sizes - found])).pvalue < RARE)


def _depend_differently(
    one: _Pair, other: _Pair, at: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
) -> bool:
    """Whether two quantities (or one, at two places) are equal, or both unusual, or correlated in
    rank, more often in one sample than in the other.

    at: which draws of the one, and which of the other, are held against each other.
    """
    e, g = at(one.e, other.e), at(one.g, other.g)
    if e[0].size < 4:
        return False
    near = max(one.near, other.near)
    if _counts_differ(*(np.abs(a - b) <= near for a, b in (e, g))):
        return True
    if one.counted and other.counted:
        unusual = [
            [
                np.abs(side - pair.usual) > near
                for side, pair in zip(sides, (one, other), strict=True)
            ]
            for sides in (e, g)
        ]
        if _counts_differ(*(a & b for a, b in unusual)):
            return True
        if min(side.mean() for side in unusual[0]) < 0.1:
            return False  # of so few, ranks tell nothing that the counts do not
    from scipy.stats import norm

    (z, error), (other_z, other_error) = (
        _fisher_z(*at(a, b))
        if min(map(np.ptp, sides)) > near
        else (0.0, 1 / np.sqrt(sides[0].size - 3))
        for sides, a, b in zip((e, g), one.ranks, other.ranks, strict=True)
    )
    return bool(2 * norm.sf(abs(z - other_z) / np.hypot(error, other_error)) < RARE)


def _fisher_z(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Fisher's z (1915) of the correlation of ranks, Spearman's (1904), and its standard error:
    that of normal values, or, where it is larger, by the influence of each pair (Devlin et al.
    1975).
    """
    u, v = ((ranks - ranks.mean()) / ranks.std() for ranks in (a, b))
    r = float(np.clip(np.mean(u * v), -0.99, 0.99))
    influence = u * v - r * (u**2 + v**2) / 2
    return np.arctanh(r), max(
        1 / np.sqrt(a.size - 3), influence.std() / (1 - r**2) / np.sqrt(a.size)
    )


def _arrays(result: Any, like: Any) -> Any:
    """A result as an array, or, where `like` or itself is one, as a tuple of arrays; a vector of
    one stands for a number, as elsewhere.
    """
    if isinstance(result, tuple if like is None else (tuple, list)) and (
        like is None or isinstance(like, tuple)
    ):
        parts = (
            like if isinstance(like, tuple) and len(like) == len(result) else [None] * len(result)
        )
        return tuple(_arrays(part, kind) for part, kind in zip(result, parts, strict=True))
    array = as_array(result)
    if array is None:
        return result
    return (
        array[0]
        if isinstance(like, np.ndarray | np.generic)
        and np.shape(like) == ()
        and array.shape == (1,)
        else array
    )


def _places(result: Any) -> tuple[np.ndarray, ...]:
    """The arrays of a result, in order."""
    parts = result if isinstance(result, tuple) else (result,)
    return tuple(np.asarray(part) for part in parts if isinstance(part, np.ndarray | np.generic))


def _is_whole(array: np.ndarray) -> bool:
    return array.dtype.kind in "iub" or (
        array.dtype.kind == "f" and bool((array == np.round(array)).all())
    )


def _shape(result: Any) -> str:
    if isinstance(result, tuple):
        more = f" and {len(result) - 3} more" if len(result) > 3 else ""
        return f"({', '.join(map(_shape, result[:3]))}{more})"
    if isinstance(result, np.ndarray | np.generic):
        return f"an array of shape {np.shape(result)}" if np.shape(result) else "a number"
    return type(result).__name__


def _features(places: list[tuple[np.ndarray, ...]]) -> dict[str, np.ndarray]:
    """By which results that no draw gives are compared: mean, spread and extremes of every array
    of every call.
    """
    found: dict[str, np.ndarray] = {}
    for place, arrays in enumerate(places):
        if arrays[0].size and len({array.shape for array in arrays}) == 1:
            rows = np.asarray(arrays, float).reshape(
                len(arrays), arrays[0].shape[0] if arrays[0].ndim else 1, -1
            )
            found |= {
                f"{name} of {place}": getattr(rows, name)(axis=2)
                for name in ("mean", "std", "min", "max")
            }
    return found


def _named(name: str) -> str:
    return name[:1].upper() + name[1:]


def _or(shapes: frozenset[str]) -> str:
    return " or ".join(sorted(shapes)[:3])
