"""What tells two samples of a random operation apart, in sentences for who wrote the second.

Compared are the form of the results, then, for every quantity that was drawn, its distribution over
all images and at each place of the batch, and where that is right, how images of a batch, calls and
quantities go together. What is counted is in `autograder.judge.samples.counts`, by which test it is
told apart in `autograder.judge.samples.permutation_test`: nothing is taken for granted but that
calls, each with a generator of its own, have nothing to do with each other.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from autograder.judge.samples import counts
from autograder.judge.samples.permutation_test import Counted, log_level, most_telling
from autograder.judge.samples.sample import Sample, capitalised

_MOST_SENTENCES = 4

_SEEN_IN_REACH, _SEEN_IN_SPREAD, _SEEN_IN_PERCENT = 0.05, 0.1, 0.02
"""Ends that are apart by more than this share of the range, means and spreads by this share of the
spread, and shares by so much, are seen to differ when they are read.
"""

_OFTEN = 0.05
"""A value that more than this share of all draws have is told apart from the others: no amount
where nothing is done, say.
"""

_MANY = 16
"""So many values beyond the other sample's last are no chance."""

_ENOUGH = 30
"""Of fewer values no range and no spread is told."""

_BAD_FORM = "The result does not have the form that the task asks for."


@dataclass(frozen=True, eq=False)
class Look:
    """Numbers that belong together: if one of them tells the samples apart, one sentence is said.

    parts: tests of different calls each. sentence: of the test that tells them apart, by its number
    in its part.
    """

    parts: Sequence[Counted]
    sentence: Callable[[int], str]

    @property
    def tests(self) -> int:
        return sum(part.tests for part in self.parts)


def same_distribution(expected: Sample, got: Sample) -> bool:
    """Whether two samples may well be of one distribution."""
    return next(_differences(expected, got, "image"), None) is None


def differences(expected: Sample, got: Sample, each: str = "image") -> list[str]:
    """The first few differences; each: what a batch is made of."""
    sentences = _differences(expected, got, each)
    return list(itertools.islice(sentences, _MOST_SENTENCES))


def _differences(expected: Sample, got: Sample, each: str) -> Iterator[str]:
    in_form = list(_differences_in_form(expected, got))
    yield from in_form
    if _not_recovered(expected, got):
        # What results were read from may have been changed by the calls before.
        if not in_form or got.problem:
            yield got.problem or _BAD_FORM
        return
    quantities = _quantities(expected, got, each)
    if _every_call_draws_the_same(quantities):
        yield (
            "Every call draws the same, although each has another `rng`: "
            "draw from the `rng` that is given."
        )
        return
    yield from _found(quantities, each)


def _found(quantities: Sequence[Quantity], each: str) -> Iterator[str]:
    """Sentences on all that tells the samples apart: on what is drawn by itself, or, where all of
    that is right, on how it goes together: what is drawn wrongly shows in both.
    """
    looks = looks_at(quantities, each)
    level = log_level(sum(look.tests for look in looks.all()))
    wrong = False
    for quantity, margins in zip(quantities, looks.margins, strict=True):
        sentence = quantity.not_once_sentence() or _first(margins, level)
        if sentence:
            wrong = True
            yield sentence
    if wrong:
        return
    for look in looks.together:
        sentence = _first([look], level)
        if sentence:
            yield sentence


@dataclass(frozen=True, eq=False)
class Looks:
    """All that two samples are told apart by: what is drawn by itself, for each quantity, and how
    it goes together.
    """

    margins: Sequence[Sequence[Look]]
    together: Sequence[Look]

    def all(self) -> list[Look]:
        return [*itertools.chain.from_iterable(self.margins), *self.together]


def looks_at(quantities: Sequence[Quantity], each: str) -> Looks:
    """What is counted of these quantities; each: what a batch is made of."""
    margins = [list(quantity.margins()) for quantity in quantities]
    return Looks(margins, list(_together(quantities, each)))


def _together(quantities: Sequence[Quantity], each: str) -> Iterator[Look]:
    for quantity in quantities:
        yield from quantity.dependence()
    yield from itertools.starmap(_between, itertools.combinations(quantities, 2))
    yield from _equal_images(quantities, each)


def _first(some: Sequence[Look], level: float) -> str:
    """What the first of the looks says that tells the samples apart."""
    for look in some:
        for part in look.parts:
            test, chance = most_telling(part)
            if chance < level:
                return look.sentence(test)
    return ""


def _between(one: Quantity, other: Quantity) -> Look:
    name = capitalised(one.name)
    return Look(
        [counts.split(counts.between(one.of, other.of), one.calls)],
        lambda _: (
            f"{name} and {other.name} hang together otherwise than they "
            "should: draw them as the task says."
        ),
    )


def _equal_images(quantities: Sequence[Quantity], each: str) -> Iterator[Look]:
    """Whether images of a batch are equal in everything as often as they should be."""
    several = [one for one in quantities if one.is_one_number_each()]
    sizes = {one.places for one in several}
    if len(several) < 2 or len(sizes) > 1:
        return
    numbers = counts.equal_in_all(one.of for one in several)
    counted = counts.split(numbers, several[0].calls)
    is_more = counted.got.mean() > counted.expected.mean()
    often = "more" if is_more else "less"
    yield Look(
        [counted],
        lambda _: (
            f"That two {_plural(each)} of a batch draw the same happens {often} often than it "
            f"should: draw for each {each} independently of the others, with repetition."
        ),
    )


def _plural(word: str) -> str:
    if word.endswith("y"):
        return f"{word[:-1]}ies"
    return f"{word}s"


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
    if _kind(got.problem) != _kind(expected.problem):
        return True
    for name, drawn in expected.drawn.items():
        if name not in got.drawn:
            return True
        of_call = got.drawn[name].shape[1:]
        if of_call != drawn.shape[1:]:
            return True
    return False


def _kind(problem: str) -> str:
    """A problem without the numbers in it."""
    return re.sub(r"[-\d.]+", "", problem)


def _quantities(expected: Sample, got: Sample, each: str) -> list[Quantity]:
    """Every quantity that the first sample has for all of its results."""
    quantities = []
    for name, drawn in expected.drawn.items():
        if np.isfinite(drawn).all():
            quantities.append(Quantity(name, drawn, got.drawn[name], each))
    return quantities


def _every_call_draws_the_same(quantities: list[Quantity]) -> bool:
    """Whether the second sample repeats itself in everything, and the first in nothing."""
    if not any(quantity.varies(quantity.got) for quantity in quantities):
        return False
    return all(
        quantity.repeats(quantity.got) and not quantity.repeats(quantity.expected)
        for quantity in quantities
    )


class Quantity:
    """One quantity in both samples, (calls, N) each, or (calls, N, P) where every image has P
    numbers; (calls, 1) where the first sample draws it once for a batch, and the second, too.

    near:     values that are no further apart are the same.
    once:     whether the first sample draws it once for a batch; not_once: and the second does not.
    calls:    how many the first sample has. places: how many images a batch has.
    of:       what the values of both samples are counted as.
    """

    def __init__(self, name: str, expected: np.ndarray, got: np.ndarray, each: str):
        self.name = name
        self.each = each
        self.near = counts.same_within(expected)
        constant_in_batch = not self.varies(expected) and not self.repeats(expected)
        self.once = expected.shape[1] > 1 and constant_in_batch
        self.not_once = self.once and self.varies(got)
        if self.once:
            expected = expected[:, :1]
            got = got[:, :1]
        self.expected = expected
        self.got = got
        self.calls = len(expected)
        values = np.concatenate([expected, got])
        calls, self.places = values.shape[:2]
        by_image = values.reshape(calls, self.places, -1)
        self.of = counts.categories(by_image)

    def repeats(self, values: np.ndarray) -> bool:
        """Whether all calls are the same."""
        return self._is_near(values, values[:1])

    def varies(self, values: np.ndarray) -> bool:
        """Whether the images of a batch are not all the same."""
        return not self._is_near(values, values[:, :1])

    def _is_near(self, values: np.ndarray, others: np.ndarray) -> bool:
        distances = np.abs(values - others)
        return bool((distances <= self.near).all())

    def is_one_number_each(self) -> bool:
        """Whether each image of a batch has one number of its own."""
        _, places, numbers = self.of.codes.shape
        return bool(places > 1 and numbers == 1)

    # Distribution

    def not_once_sentence(self) -> str:
        if not self.not_once:
            return ""
        name = capitalised(self.name)
        return f"{name} is one value for the whole batch: draw it once in each call."

    def margins(self) -> Iterator[Look]:
        """Over all images, then at each place of the batch."""
        chosen = counts.intervals(self.of.count)
        numbers = counts.by_interval(self.of, chosen)
        # Said of a single value, where one tells the two apart.
        single = np.flatnonzero(self._is_single())
        if single.size:
            chosen_singly = [chosen[code] for code in single]
            yield self._look(numbers[:, single], chosen_singly)
        yield self._look(numbers, chosen)
        if self.places == 1:
            return
        numbers, count = counts.by_place(self.of)
        yield Look(
            [counts.split(numbers, self.calls)],
            lambda test: self._at_a_place(test // count),
        )

    def _is_single(self) -> np.ndarray:
        """Which categories are one value that comes up often, or one of few."""
        widths = self.of.highs - self.of.lows
        is_single: np.ndarray = widths <= self.near
        if not self.of.few:
            is_single &= self._comes_often()
        return is_single

    def _comes_often(self) -> np.ndarray:
        comes_often: np.ndarray = self.of.shares > _OFTEN
        return comes_often

    def _look(self, numbers: np.ndarray, chosen: Sequence[tuple[int, int]]) -> Look:
        name = capitalised(self.name)
        return Look(
            [counts.split(numbers, self.calls)],
            lambda test: f"{name} {self._told(*chosen[test], slice(None))}",
        )

    def _at_a_place(self, place: int) -> str:
        """On what tells most at this place."""
        here = slice(place, place + 1)
        own = replace(self.of, codes=self.of.codes[:, here])
        chosen = counts.intervals(self.of.count)
        numbers = counts.by_interval(own, chosen)
        test, _ = most_telling(counts.split(numbers, self.calls))
        told = self._told(*chosen[test], here)
        name = capitalised(self.name)
        return f"{name} of {self.each} {place} of the batch {told}"

    def _told(self, first: int, beyond: int, places: slice) -> str:
        """In which share of the draws it lies in an interval, and in which it should; or what is
        seen more easily.
        """
        shares = self._shares(first, beyond, places)
        low = self.of.lows[first]
        high = self.of.highs[beyond - 1]
        if high - low <= self.near:
            return f"is {self._number(low)} {shares}"
        where = self._where(first, beyond)
        if self.of.few:
            return f"is {where} {shares}"
        others = self._range_or_spread(places)
        return (
            others
            or f"is distributed otherwise than it should be: it is {where} {shares}"
        )

    def _shares(self, first: int, beyond: int, places: slice) -> str:
        codes = self.of.codes[:, places]
        inside = (codes >= first) & (codes < beyond)
        should = inside[: self.calls].mean()
        share = inside[self.calls :].mean()
        is_seen = abs(share - should) > _SEEN_IN_PERCENT
        digits = ".0%" if is_seen else ".1%"
        return f"in {share:{digits}} of the draws; it should be in about {should:{digits}}."

    def _where(self, first: int, beyond: int) -> str:
        low = self._number(self.of.lows[first])
        high = self._number(self.of.highs[beyond - 1])
        if first == 0:
            return f"{high} or less"
        if beyond == self.of.count:
            return f"{low} or more"
        return f"between {low} and {high}"

    def _range_or_spread(self, places: slice) -> str:
        """On the range, or on mean and spread, of what does not come up often."""
        values = np.concatenate([self.expected, self.got])
        often = np.flatnonzero(self._is_single() & self._comes_often())
        rare = ~np.isin(self.of.codes, often)[:, places]
        here = values.reshape(self.of.codes.shape)[:, places]
        expected = here[: self.calls][rare[: self.calls]]
        got = here[self.calls :][rare[self.calls :]]
        if min(expected.size, got.size) < _ENOUGH:
            return ""
        if _reaches_elsewhere(expected, got):
            return (
                f"lies between {got.min():.3g} and {got.max():.3g}; it should lie between about "
                f"{expected.min():.3g} and {expected.max():.3g}."
            )
        mean, spread = got.mean(), got.std()
        should_mean, should_spread = expected.mean(), expected.std()
        apart = max(abs(mean - should_mean), abs(spread - should_spread))
        if apart <= _SEEN_IN_SPREAD * should_spread:
            return ""
        numbers = map(self._number, self.of.lows[often])
        exceptions = " or ".join(numbers)
        exception = f" where it is not {exceptions}" if exceptions else ""
        return (
            "is distributed otherwise than it should be: it is "
            f"{mean:.2g} on average{exception}, with a spread of {spread:.2g}; "
            f"it should be about {should_mean:.2g}, with one of {should_spread:.2g}."
        )

    def _number(self, value: float) -> str:
        digits = max(int(-np.log10(self.near)), 0)
        rounded = np.round(value, digits)
        positive_zero = 0  # added to -0.0 it gives 0.0
        return f"{rounded + positive_zero:.4g}"

    # Dependence

    def dependence(self) -> Iterator[Look]:
        """What the values of one image tell of others in its batch, those of a pixel of others in
        its image, and those of one call of others.
        """
        _, places, numbers = self.of.codes.shape
        name, each = capitalised(self.name), self.each
        if places > 1:
            yield Look(
                [counts.split(counts.within(self.of, axis=1), self.calls)],
                lambda _: (
                    f"{name} of one {each} tells that of another in the batch: draw one "
                    f"value for each {each}, independently."
                ),
            )
        if numbers > 1:
            yield Look(
                [counts.split(counts.within(self.of, axis=2), self.calls)],
                lambda _: (
                    f"{name} at one place of an {each} tells that at another: "
                    "draw one value for each place, independently."
                ),
            )
        yield self._look_at_calls()

    def _look_at_calls(self) -> Look:
        name = capitalised(self.name)
        expected = counts.between_calls(self.of, slice(0, self.calls))
        got = counts.between_calls(self.of, slice(self.calls, None))
        return Look(
            [Counted(*pair) for pair in zip(expected, got, strict=True)],
            lambda _: (
                f"{name} in one call tells that in another, which has another `rng`: "
                "draw it anew, from `rng`, in each call."
            ),
        )


def _reaches_elsewhere(expected: np.ndarray, got: np.ndarray) -> bool:
    """Whether one sample has many values beyond the other's ends, and the ends are so far from each
    other that it is seen.
    """
    low = abs(expected.min() - got.min())
    high = abs(expected.max() - got.max())
    if max(low, high) <= _SEEN_IN_REACH * np.ptp(expected):
        return False
    beyond = max(_beyond(expected, got), _beyond(got, expected))
    return beyond > _MANY


def _beyond(values: np.ndarray, others: np.ndarray) -> int:
    above = (values > others.max()).sum()
    below = (values < others.min()).sum()
    return int(max(above, below))
