"""What is looked at of the draws of a random operation: numbers for each call, by which two samples
are held against each other (`autograder.judge.samples.permutation_test`).

Everything that is chosen by the data -- which values are few, where the borders between many lie,
how frequent each is -- is chosen by both samples together, and knows nothing of which is which: the
chances of the permutation test hold for any such choice.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autograder.judge.samples.permutation_test import Counted

MOST_VALUES = 40
"""A quantity with at most so many different values is counted value by value."""

_MOST_BORDERS = 64
"""Others are counted between so many borders, with about as many draws between each two."""

_LEAST_BETWEEN = 50
"""So many draws of both samples lie between two borders, where there are fewer."""

_TAIL = 32
"""The outermost borders have so many draws beyond them, the next ones twice as many, and so on."""

_OFTEN = 0.02
"""A value that more than this share of all draws have lies between borders of its own."""

_NEAR = 1e-4
"""Values nearer than this share of the range are the same, where values are few: what is recovered
from float32 is not exact.
"""

_ROUNDING = 2e-6
"""So are always values nearer than this share of the largest: sixteen times float32's rounding
error.
"""

_WIDEST = 20
"""What is the same spreads over so many times the distance at which two are the same, at most."""

_AT_A_PLACE, _OF_A_PAIR, _OF_TWO = 8, 24, 10
"""How many categories are told apart at each place of a batch, for whether two images are equal,
and of each of two quantities that are held against each other.
"""

_RARE_PAIR = 0.1
"""Two categories that come together in less than this share of all draws are a rare pair."""

_ALL_DISTANCES = 24
"""In a larger batch only the smallest distances and some others are looked at."""

_CALLS_APART = (1, 2, 3)
"""Calls so far from each other are compared."""


@dataclass(frozen=True, eq=False)
class Categories:
    """Which category every value of both samples belongs to.

    codes: numbers in order of size, of the shape of the values. lows, highs: the smallest and the
    largest value of each category. few: whether each category is one value.
    """

    codes: np.ndarray
    lows: np.ndarray
    highs: np.ndarray
    few: bool

    @property
    def count(self) -> int:
        return len(self.lows)

    @cached_property
    def shares(self) -> np.ndarray:
        """How frequent each category is."""
        counts = np.bincount(self.codes.ravel(), minlength=self.count)
        found: np.ndarray = counts / self.codes.size
        return found

    @cached_property
    def ranks(self) -> np.ndarray:
        """The middle rank of each value's category, from -1/2 to 1/2, with mean 0."""
        of_category = np.cumsum(self.shares) - self.shares / 2 - 0.5
        ranks: np.ndarray = of_category[self.codes]
        return ranks

    def merged(self, most: int) -> tuple[np.ndarray, np.ndarray]:
        """Codes of at most so many categories, made of neighbours, and the share of each."""
        if self.count <= most:
            return self.codes, self.shares
        middles = np.cumsum(self.shares) - self.shares / 2
        parts = (middles * most).astype(int)
        _, merged = np.unique(parts, return_inverse=True)
        merged_shares = np.bincount(merged, self.shares)
        return merged[self.codes], merged_shares


def same_within(values: np.ndarray) -> float:
    """How far apart values may be that are the same, where there are few different ones."""
    width = float(np.ptp(values))
    return _NEAR * width + _rounding(values)


def _rounding(values: np.ndarray) -> float:
    largest = float(np.abs(values).max(initial=0))
    return _ROUNDING * largest + 1e-9


def categories(values: np.ndarray) -> Categories:
    """The categories of the values of both samples."""
    ordered = np.sort(values, axis=None)
    near = same_within(ordered)
    gaps = np.diff(ordered, prepend=-np.inf)
    starts = np.flatnonzero(gaps > near)
    few = _are_few(ordered, starts, near)
    if not few:
        starts = np.concatenate([[0], _borders(ordered)])
    inner = starts[1:]
    edges = (ordered[inner - 1] + ordered[inner]) / 2
    codes = np.searchsorted(edges, values)
    lasts = np.append(inner, len(ordered)) - 1
    return Categories(codes, ordered[starts], ordered[lasts], few)


def _are_few(ordered: np.ndarray, starts: np.ndarray, near: float) -> bool:
    """Whether few values come again and again, those that are the same close to each other; the
    first of each is at `starts`.
    """
    count = len(starts)
    come_again = count < max(len(ordered) / 4, 2)
    if count > MOST_VALUES or not come_again:
        return False
    lows = ordered[starts]
    highs = np.maximum.reduceat(ordered, starts)
    widest = (highs - lows).max()
    return bool(widest <= _WIDEST * near)


def _borders(ordered: np.ndarray) -> np.ndarray:
    """How many of the ordered values lie below each border: never between two that only rounding
    tells apart, and around each value that comes up often.
    """
    size = len(ordered)
    gaps = np.diff(ordered)
    allowed = np.flatnonzero(gaps > _rounding(ordered)) + 1
    if not allowed.size:
        return allowed
    nearest = np.searchsorted(allowed, _wanted_borders(size))
    last = len(allowed) - 1
    chosen = allowed[np.minimum(nearest, last)]
    around = _around_what_comes_often(allowed, size)
    borders = np.unique(np.concatenate([chosen, around]))
    is_inside = (borders > 0) & (borders < size)
    inside: np.ndarray = borders[is_inside]
    return inside


def _wanted_borders(size: int) -> np.ndarray:
    """How many of `size` values should lie below each border: evenly, and closer at both ends."""
    parts = int(np.clip(size // _LEAST_BETWEEN, 2, _MOST_BORDERS))
    even = size * np.arange(1, parts) / parts
    tail = _TAIL * 2.0 ** np.arange(20)
    tail = tail[tail < size / parts]
    return np.concatenate([even, tail, size - tail])


def _around_what_comes_often(allowed: np.ndarray, size: int) -> np.ndarray:
    """The borders on both sides of every value that comes up often."""
    bounds = np.concatenate([[0], allowed, [size]])
    counts = np.diff(bounds)
    often = np.flatnonzero(counts > _OFTEN * size)
    return np.concatenate([bounds[often], bounds[often + 1]])


# Of one quantity ----------------------------------------------------------------------------------


def intervals(count: int) -> list[tuple[int, int]]:
    """Of categories in order: each one, all below each, and neighbours in twos, fours, and so on;
    (first, beyond the last).
    """
    found = [(first, first + 1) for first in range(count)]
    found += [(0, beyond) for beyond in range(2, count)]
    width = 2
    while width < count:
        firsts = range(width, count - width + 1, width)
        found += [(first, first + width) for first in firsts]
        width *= 2
    return found


def by_interval(of: Categories, chosen: Sequence[tuple[int, int]]) -> np.ndarray:
    """How many values of each call lie in each interval: (calls, intervals)."""
    counts = per_call(of.codes, of.count)
    none = np.zeros((len(counts), 1))
    up_to = np.cumsum(counts, axis=1)
    below = np.concatenate([none, up_to], axis=1)
    firsts, beyonds = np.array(chosen).T
    found: np.ndarray = below[:, beyonds] - below[:, firsts]
    return found


def by_place(of: Categories) -> tuple[np.ndarray, int]:
    """How many values of each place and call lie in each category, (calls, places * categories),
    and the number of categories.
    """
    most = MOST_VALUES if of.few else _AT_A_PLACE
    codes, shares = of.merged(most)
    count = len(shares)
    _, places, _ = codes.shape
    counts = [per_call(codes[:, place], count) for place in range(places)]
    return np.concatenate(counts, axis=1), count


def per_call(codes: np.ndarray, count: int) -> np.ndarray:
    """How often each category comes up in each call: (calls, categories)."""
    calls = len(codes)
    rows = codes.reshape(calls, -1)
    # Each call has codes of its own, so that one count tells all calls.
    own = rows + count * np.arange(calls)[:, None]
    counts = np.bincount(own.ravel(), minlength=calls * count)
    by_call: np.ndarray = counts.reshape(calls, count)
    return by_call


def within(of: Categories, axis: int) -> np.ndarray:
    """How images of a batch (axis 1), or numbers of an image (axis 2), go together: (calls, tests).

    For each distance, and for all pairs: how many are equal, beyond what the two by themselves make
    likely, and the sum of the products of their ranks. So neither tells how frequent values are.
    """
    codes, shares = of.merged(_OF_A_PAIR)
    codes = np.moveaxis(codes, axis, 1)
    ranks = np.moveaxis(of.ranks, axis, 1)
    alone = shares[codes]
    found = [_all_equal(codes, alone, len(shares)), _all_products(ranks)]
    for distance in distances(codes.shape[1]):
        near = np.s_[:, :-distance]
        far = np.s_[:, distance:]
        equal = _equal((codes[near], codes[far]), (alone[near], alone[far]))
        products = _products(ranks[near], ranks[far])
        found += [equal, products]
    numbers = of.codes.shape[2]
    if numbers > 1 and axis == 1:
        of_images = ranks.mean(axis=2, keepdims=True)
        found.append(_all_products(of_images))
    return np.stack(found, axis=1)


def distances(size: int) -> list[int]:
    """At which distances in a batch of `size` two places are compared."""
    if size <= _ALL_DISTANCES:
        return list(range(1, size))
    small = range(1, _ALL_DISTANCES // 2)
    parts = (size // part for part in (2, 3, 4, 5))
    return sorted({*small, *parts, size - 1})


def _equal(
    codes: tuple[np.ndarray, np.ndarray], alone: tuple[np.ndarray, ...]
) -> np.ndarray:
    """Of each call, the number of equal pairs, less what is due to how frequent the values are."""
    one, other = codes
    share_of_one, share_of_other = alone
    excess = (one == other) - share_of_one - share_of_other
    return _sums(excess)


def _products(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return _sums(one * other)


def _sums(values: np.ndarray) -> np.ndarray:
    """Of each call, the sum of its values."""
    rows = values.reshape(len(values), -1)
    sums: np.ndarray = rows.sum(axis=1)
    return sums


def _all_equal(codes: np.ndarray, alone: np.ndarray, count: int) -> np.ndarray:
    calls, size, numbers = codes.shape
    pairs = np.zeros(calls)
    for number in range(numbers):
        times = per_call(codes[:, :, number], count)
        pairs += _pairs(times)
    likely = (size - 1) * alone.sum(axis=(1, 2))
    excess: np.ndarray = pairs - likely
    return excess


def _pairs(times: np.ndarray) -> np.ndarray:
    """How many pairs there are of what comes up so many times each; (..., categories) -> (...)."""
    ordered_pairs = times * (times - 1)
    pairs: np.ndarray = ordered_pairs.sum(axis=-1) / 2
    return pairs


def _all_products(ranks: np.ndarray) -> np.ndarray:
    square_of_sum = ranks.sum(axis=1) ** 2
    sum_of_squares = (ranks**2).sum(axis=1)
    both_orders = square_of_sum - sum_of_squares
    products: np.ndarray = both_orders.sum(axis=1) / 2
    return products


def between_calls(of: Categories, calls: slice) -> Iterator[np.ndarray]:
    """How two calls of a sample go together: arrays (pairs of calls, 2). No call is in two pairs of
    one array, so that pairs are as independent as calls.
    """
    codes, shares = of.merged(_OF_A_PAIR)
    codes = codes[calls]
    ranks = of.ranks[calls]
    alone = shares[codes]
    for apart, half in itertools.product(_CALLS_APART, (0, 1)):
        numbers = np.arange(len(codes) - apart)
        is_first = numbers // apart % 2 == half
        first = numbers[is_first]
        second = first + apart
        equal = _equal((codes[first], codes[second]), (alone[first], alone[second]))
        products = _products(ranks[first], ranks[second])
        yield np.stack([equal, products], axis=1)


# Of several quantities ----------------------------------------------------------------------------


def between(one: Categories, other: Categories) -> np.ndarray:
    """How two quantities go together: (calls, tests). Of the same images, how many have each pair
    of categories, beyond what the two by themselves make likely, and the products of ranks; where
    one is drawn for a batch, the products of its rank and the batch's mean alone.

    Pairs that are rare come as they are, too: that one never comes is seen best so, and the two by
    themselves would show a change of their own sooner.
    """
    if one.codes.shape[:2] != other.codes.shape[:2]:
        of_call = one.ranks.mean(axis=(1, 2))
        of_other_call = other.ranks.mean(axis=(1, 2))
        of_both: np.ndarray = of_call * of_other_call
        return of_both[:, None]
    of_image = one.ranks.mean(axis=2)
    of_other_image = other.ranks.mean(axis=2)
    products = _products(of_image, of_other_image)[:, None]
    if one.codes.shape != other.codes.shape:
        return products
    excess, rare = _pairs_of_categories(one, other)
    return np.concatenate([excess, products, rare], axis=1)


def _pairs_of_categories(
    one: Categories, other: Categories
) -> tuple[np.ndarray, np.ndarray]:
    """How often each pair of categories comes in each call, beyond what the two by themselves make
    likely, and how often each rare pair comes: (calls, pairs) each.
    """
    a, a_shares = one.merged(_OF_TWO)
    b, b_shares = other.merged(_OF_TWO)
    calls, rows, columns = len(a), len(a_shares), len(b_shares)
    together = per_call(a * columns + b, rows * columns)
    excess = together.reshape(calls, rows, columns).astype(float)
    of_a = per_call(a, rows)
    of_b = per_call(b, columns)
    excess -= a_shares[:, None] * of_b[:, None, :]
    excess -= b_shares * of_a[:, :, None]
    likely = np.outer(a_shares, b_shares).ravel()
    rare = together[:, likely < _RARE_PAIR]
    return excess.reshape(calls, -1), rare


def equal_in_all(of: Iterable[Categories]) -> np.ndarray:
    """How many pairs of images in a batch are equal in all quantities, beyond what these by
    themselves make likely: (calls, 1).
    """
    joint = np.zeros(1, int)
    for one in of:
        codes, shares = one.merged(_OF_A_PAIR)
        count = len(shares)
        joint = joint * count + codes[:, :, 0]
    _, codes = np.unique(joint, return_inverse=True)
    codes = codes.reshape(joint.shape)
    shares = np.bincount(codes.ravel()) / codes.size
    size = codes.shape[1]
    pairs = np.array([_equal_pairs(call) for call in codes])
    likely = (size - 1) * shares[codes].sum(axis=1)
    found: np.ndarray = pairs - likely
    return found[:, None]


def _equal_pairs(codes: np.ndarray) -> float:
    _, times = np.unique(codes, return_counts=True)
    return float(_pairs(times))


def split(numbers: np.ndarray, first: int) -> Counted:
    """The numbers of the first so many calls, which are the first sample, and those of the rest."""
    return Counted(numbers[:first], numbers[first:])
