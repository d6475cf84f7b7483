"""What tells two samples of a random operation apart, in sentences for who wrote the second.

Compared are the form of the results, then, for every quantity that was drawn, its range and
distribution over all images and at each place of the batch, and its dependence on the other images,
on other calls and on the other quantities.

`Quantity` takes for granted only that the reference draws its images independently, or one value
for the whole batch. `course audit` tries that.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator

import numpy as np

from autograder.judge.sample import Sample, capitalised
from autograder.judge.statistics import (
    Pair,
    Side,
    counts_differ,
    depend_differently,
    is_beyond,
    ranks_differ,
)

_MOST_SENTENCES = 4

_EXPECTED, _GOT = 0, 1
"""Which of the two samples."""

_MOST_VALUES = 40
"""A drawn quantity with at most so many different values is counted; others are ranked."""

_OFTEN = 0.05
"""What comes up in more than this share of all draws is counted among those that are ranked,
too: no amount where nothing is done, say.
"""

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

_READABLE_REACH = 0.05
"""Ends that are apart by more than this share of the range are seen to differ when they are
read.
"""

Take = Callable[[np.ndarray, np.ndarray], Pair]
"""Which draws of one quantity, and which of another, are held against each other."""


def same_distribution(expected: Sample, got: Sample) -> bool:
    """Whether two samples may well be of one distribution."""
    return next(_differences(expected, got, "image"), None) is None


def differences(expected: Sample, got: Sample, each: str = "image") -> list[str]:
    """The first few differences; each: what a batch is made of."""
    sentences = _differences(expected, got, each)
    return list(itertools.islice(sentences, _MOST_SENTENCES))


def _differences(expected: Sample, got: Sample, each: str) -> Iterator[str]:
    yield from _differences_in_form(expected, got)
    if _not_recovered(expected, got):
        yield got.problem or "The result does not have the form that the task asks for."
        return
    quantities = _quantities(expected, got, each)
    if _every_call_draws_the_same(quantities):
        yield (
            "Every call draws the same, although each has another `rng`: "
            "draw from the `rng` that is given."
        )
        return
    # Of values that are distributed otherwise, dependence tells nothing more.
    same = []
    for quantity in quantities:
        sentence = quantity.distribution()
        if sentence:
            yield sentence
        else:
            same.append(quantity)
    for quantity in same:
        yield from quantity.dependence()
    for first, second in itertools.combinations(same, 2):
        if _hang_together_differently(first, second):
            name = capitalised(first.name)
            yield (
                f"{name} and {second.name} hang together otherwise than they "
                "should: draw them as the task says."
            )


def _quantities(expected: Sample, got: Sample, each: str) -> list[Quantity]:
    """Every quantity that the first sample has for all of its results."""
    quantities = []
    for name, drawn in expected.drawn.items():
        if np.isfinite(drawn).all():
            quantity = Quantity(name, drawn, got.drawn[name], each)
            quantities.append(quantity)
    return quantities


def _differences_in_form(expected: Sample, got: Sample) -> Iterator[str]:
    unexpected = got.shapes - expected.shapes
    # A shape that is drawn may be rare.
    shape_is_drawn = len(expected.shapes) > 1
    seen_before = got.shapes & expected.shapes
    if unexpected and not (shape_is_drawn and seen_before):
        given = _either(unexpected)
        should = _either(expected.shapes)
        yield f"One call gives {given}; it should give {should}."
    elif _should_be_whole(expected, got):
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


def _should_be_whole(expected: Sample, got: Sample) -> bool:
    """Whether an array of the result should hold whole numbers, and does not."""
    arrays = zip(expected.whole, got.whole, strict=True)
    return any(should_be and not is_whole for should_be, is_whole in arrays)


def _either(shapes: frozenset[str]) -> str:
    first_few = sorted(shapes)[:3]
    return " or ".join(first_few)


def _not_recovered(expected: Sample, got: Sample) -> bool:
    """Whether of the two only one tells what was drawn, or something else than the other."""
    if bool(got.problem) != bool(expected.problem):
        return True
    for name, drawn in expected.drawn.items():
        if name not in got.drawn:
            return True
        if got.drawn[name].shape != drawn.shape:
            return True
    return False


def _every_call_draws_the_same(quantities: list[Quantity]) -> bool:
    """Whether the second sample repeats itself in everything, and the first in nothing."""
    if not any(quantity.varies(quantity.got) for quantity in quantities):
        return False
    return all(
        quantity.repeats(quantity.got) and not quantity.repeats(quantity.expected)
        for quantity in quantities
    )


def _hang_together_differently(first: Quantity, second: Quantity) -> bool:
    same_shape = first.expected.shape == second.expected.shape
    count = 1
    if same_shape and not first.together and not second.together:
        count = first.expected.shape[1]
    return _depend(first, second, lambda one, other: (one[:, :count], other[:, :count]))


def _depend(first: Quantity, second: Quantity, take: Take) -> bool:
    near = max(first.near, second.near)
    expected = _side(first, second, take, near, _EXPECTED)
    got = _side(first, second, take, near, _GOT)
    return depend_differently(expected, got, near)


def _side(first: Quantity, second: Quantity, take: Take, near: float, which: int) -> Side:
    """Both quantities in one of the samples."""
    values = take(first.samples[which], second.samples[which])
    unusual = None
    if first.counted and second.counted:
        first_values, second_values = values
        first_is_unusual = np.abs(first_values - first.usual) > near
        second_is_unusual = np.abs(second_values - second.usual) > near
        unusual = first_is_unusual, second_is_unusual
    return Side(
        values, ranks=lambda: take(first.ranks[which], second.ranks[which]), unusual=unusual
    )


class Quantity:
    """One quantity in both samples, (calls, N) each; (calls, 1) where the first sample draws it
    once for a batch, and the second, too.

    near:     values that are no further apart are the same.
    once:     whether the first sample draws it once for a batch; not_once: and the second does not.
    together: whether the images of a batch depend on each other in the first sample. They are then
        no independent draws, and must not be counted as so many: each place of the batch is
        compared for itself.
    values:   the different values in the first sample. counted: whether they are few.
    often:    those that come up often. usual: the one that comes up most often, of counted ones.
    """

    def __init__(self, name: str, expected: np.ndarray, got: np.ndarray, each: str):
        self.name = name
        self.each = each
        self.near = self._rounding(expected)
        constant_in_batch = not self.varies(expected) and not self.repeats(expected)
        self.once = expected.shape[1] > 1 and constant_in_batch
        self.not_once = self.once and self.varies(got)
        if self.once:
            expected = expected[:, :1]
            got = got[:, :1]
        self.together = self._depends_on_batch(expected)
        self.values = self._different_values(expected)
        self.expected = self._snapped(expected)
        self.got = self._snapped(got)
        few = len(self.values) <= _MOST_VALUES
        come_again = len(self.values) < max(expected.size / 4, 2)
        self.counted = few and come_again
        self.often = self._frequent_values()
        self.usual = self._most_frequent() if self.counted else np.nan

    @property
    def samples(self) -> Pair:
        """Its values in the first sample and in the second."""
        return self.expected, self.got

    @staticmethod
    def _rounding(expected: np.ndarray) -> float:
        """How far apart values may be that are the same."""
        reach = float(np.ptp(expected))
        largest = float(np.abs(expected).max(initial=0))
        return _NEAR * reach + _ROUNDING * largest + 1e-9

    def _different_values(self, expected: np.ndarray) -> np.ndarray:
        values = np.sort(expected, axis=None)
        steps = np.diff(values)
        is_new = np.concatenate([[True], steps > self.near])
        different: np.ndarray = values[is_new]
        return different

    def _frequent_values(self) -> np.ndarray:
        different, counts = np.unique(self.expected, return_counts=True)
        frequent: np.ndarray = different[counts > _OFTEN * self.expected.size]
        return frequent

    @staticmethod
    def _depends_on_batch(expected: np.ndarray) -> bool:
        means = expected.mean(axis=1)
        variance_seen = expected.shape[1] * means.var()
        # That of a batch's mean, times the size of the batch, if its images are independent.
        variance_expected = expected.var()
        return bool(variance_seen > _TOGETHER * variance_expected > 0)

    def _most_frequent(self) -> float:
        counts = [self._same(self.expected, value).sum() for value in self.values]
        most_frequent = np.argmax(counts)
        return float(self.values[most_frequent])

    @functools.cached_property
    def ranks(self) -> Pair:
        """The rank of each value among all of its sample."""
        from scipy.stats import rankdata

        expected = rankdata(self.expected).reshape(self.expected.shape)
        got = rankdata(self.got).reshape(self.got.shape)
        return expected, got

    def _snapped(self, values: np.ndarray) -> np.ndarray:
        """With what is nearly one of `self.values` made exactly that: ranks would else tell
        rounding errors apart.
        """
        last = len(self.values) - 1
        position = np.searchsorted(self.values, values)
        after = np.clip(position, 1, max(last, 1))
        below = self.values[after - 1]
        above = self.values[np.minimum(after, last)]
        nearest = np.where(values - below <= above - values, below, above)
        return np.where(self._same(values, nearest), nearest, values)

    def _same(self, one: np.ndarray, other: np.ndarray | float) -> np.ndarray:
        return np.abs(one - other) <= self.near

    def repeats(self, values: np.ndarray) -> bool:
        """Whether all calls are the same."""
        return bool(self._same(values, values[:1]).all())

    def varies(self, values: np.ndarray) -> bool:
        """Whether the images of a batch are not all the same."""
        return not self._same(values, values[:, :1]).all()

    # Distribution

    def distribution(self) -> str:
        """A sentence where the values are distributed differently, over all images or at one
        place of the batch, else nothing.
        """
        name = capitalised(self.name)
        if self.not_once:
            return f"{name} is one value for the whole batch: draw it once in each call."
        if not self.together:
            sentence = self._difference(self.expected, self.got)
            if sentence:
                return f"{name} {sentence}"
        count = self.expected.shape[1]
        if count == 1:
            return ""
        for place in range(count):
            sentence = self._difference(self.expected[:, place], self.got[:, place])
            if sentence:
                return f"{name} of {self.each} {place} of the batch {sentence}"
        return ""

    def _difference(self, expected: np.ndarray, got: np.ndarray) -> str:
        if self.counted:
            values = (*self.values, *self._others(got))
            return self._difference_in_counts(values, expected, got)
        if is_beyond(expected, got) and self._reach_differs(expected, got):
            return (
                f"lies between {got.min():.3g} and {got.max():.3g}; it should lie between about "
                f"{expected.min():.3g} and {expected.max():.3g}."
            )
        sentence = self._difference_in_counts(self.often, expected, got)
        if sentence:
            return sentence
        return self._difference_in_ranks(expected, got)

    def _difference_in_counts(
        self, values: np.ndarray | tuple[float, ...], expected: np.ndarray, got: np.ndarray
    ) -> str:
        """On the value whose share differs most."""
        largest_gap = -1.0
        sentence = ""
        for value in values:
            expected_is = self._same(expected, value)
            got_is = self._same(got, value)
            if not counts_differ(expected_is, got_is):
                continue
            should = expected_is.mean()
            share = got_is.mean()
            gap = abs(should - share)
            if gap > largest_gap:
                largest_gap = gap
                number = self._number(value)
                sentence = (
                    f"is {number} in {share:.0%} of the draws; it should be in about {should:.0%}."
                )
        return sentence

    def _difference_in_ranks(self, expected: np.ndarray, got: np.ndarray) -> str:
        """Of what does not come up often: among many that are the same, ranks would tell the
        others apart less well.
        """
        expected_is_often = np.isin(expected, self.often)
        got_is_often = np.isin(got, self.often)
        expected = expected[~expected_is_often]
        got = got[~got_is_often]
        if not ranks_differ(expected, got) and not is_beyond(expected, got):
            return ""
        exception = self._exception()
        return (
            "is distributed otherwise than it should be: it is "
            f"{got.mean():.2g} on average{exception}, with a spread of {got.std():.2g}; "
            f"it should be about {expected.mean():.2g}, with one of {expected.std():.2g}."
        )

    def _exception(self) -> str:
        if not self.often.size:
            return ""
        numbers = " or ".join(map(self._number, self.often))
        return f" where it is not {numbers}"

    def _number(self, value: float) -> str:
        digits = max(int(-np.log10(self.near)), 0)
        rounded = np.round(value, digits)
        positive_zero = 0  # added to -0.0 it gives 0.0
        return f"{rounded + positive_zero:g}"

    def _reach_differs(self, expected: np.ndarray, got: np.ndarray) -> bool:
        """Whether the ends are so far from each other that they tell the two apart when they are
        read.
        """
        low = abs(expected.min() - got.min())
        high = abs(expected.max() - got.max())
        reach = np.ptp(expected)
        return bool(max(low, high) > _READABLE_REACH * reach)

    def _others(self, got: np.ndarray) -> list[float]:
        """Values that the first sample does not have."""
        others = []
        for value in np.unique(got)[:_MOST_VALUES]:
            is_known = self._same(self.values, value)
            if not is_known.any():
                others.append(value)
        return others

    # Dependence

    def dependence(self) -> Iterator[str]:
        """Sentences on what the values of one image tell of others in its batch, and what one
        call tells of others.
        """
        name = capitalised(self.name)
        if self._images_depend():
            yield (
                f"{name} of one {self.each} tells that of another in the batch: draw one "
                f"value for each {self.each}, independently."
            )
        elif self.expected.shape[1] > 1 and self._batches_differ():
            yield (
                f"{name}, averaged over a batch, varies otherwise than it should "
                f"from call to call: draw one value for each {self.each}, independently."
            )
        if self._calls_depend():
            yield (
                f"{name} in one call tells that in another, which has another `rng`: "
                "draw it anew, from `rng`, in each call."
            )

    @property
    def _representatives(self) -> int:
        """How many images are looked at: of several that depend on each other, the first stands
        for all.
        """
        return 1 if self.together else self.expected.shape[1]

    def _images_depend(self) -> bool:
        count = self.expected.shape[1]
        return any(_depend(self, self, self._images_apart(lag)) for lag in range(1, count))

    def _images_apart(self, lag: int) -> Take:
        """Each image of a batch, and the one so many places behind it."""
        count = self.expected.shape[1]
        last = min(self._representatives, count - lag)
        last_behind = lag + self._representatives
        return lambda one, other: (one[:, :last], other[:, lag:last_behind])

    def _calls_depend(self) -> bool:
        return any(_depend(self, self, self._calls_apart(lag)) for lag in _CALLS_APART)

    def _calls_apart(self, lag: int) -> Take:
        """Each call, and the one so many calls after it."""
        count = self._representatives
        return lambda one, other: (one[:-lag, :count], other[lag:, :count])

    def _batches_differ(self) -> bool:
        """Whether the means of batches spread otherwise: by exact shares, say, or by draws that
        balance each other.
        """
        middle = self.expected.mean()
        expected_means = self.expected.mean(axis=1)
        got_means = self.got.mean(axis=1)
        expected = np.abs(expected_means - middle)
        got = np.abs(got_means - middle)
        nearest = expected.min() + self.near
        if counts_differ(expected <= nearest, got <= nearest):
            return True
        return ranks_differ(expected, got)
