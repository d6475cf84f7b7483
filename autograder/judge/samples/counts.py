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
        _, new = np.unique((middles * most).astype(int), return_inverse=True)
        return new[self.codes], np.bincount(new, self.shares)


def same_within(values: np.ndarray) -> float:
    """How far apart values may be that are the same, where there are few different ones."""
    return _NEAR * float(np.ptp(values)) + _rounding(values)


def _rounding(values: np.ndarray) -> float:
    return _ROUNDING * float(np.abs(values).max(initial=0)) + 1e-9


def categories(values: np.ndarray) -> Categories:
    """The categories of the values of both samples."""
    ordered = np.sort(values, axis=None)
    near = same_within(ordered)
    starts = np.flatnonzero(np.diff(ordered, prepend=-np.inf) > near)
    widths = np.maximum.reduceat(ordered, starts) - ordered[starts]
    come_again = len(starts) < max(len(ordered) / 4, 2)
    few = len(starts) <= MOST_VALUES and come_again and widths.max() <= _WIDEST * near
    if not few:
        starts = np.concatenate([[0], _borders(ordered)])
    edges = (ordered[starts[1:] - 1] + ordered[starts[1:]]) / 2
    codes = np.searchsorted(edges, values)
    lows = ordered[starts]
    highs = ordered[np.append(starts[1:], len(ordered)) - 1]
    return Categories(codes, lows, highs, bool(few))


def _borders(ordered: np.ndarray) -> np.ndarray:
    """How many of the ordered values lie below each border: never between two that only rounding
    tells apart, and around each value that comes up often.
    """
    size = len(ordered)
    allowed = np.flatnonzero(np.diff(ordered) > _rounding(ordered)) + 1
    if not allowed.size:
        return allowed
    parts = int(np.clip(size // _LEAST_BETWEEN, 2, _MOST_BORDERS))
    even = size * np.arange(1, parts) / parts
    tail = _TAIL * 2.0 ** np.arange(20)
    tail = tail[tail < size / parts]
    wanted = np.concatenate([even, tail, size - tail])
    nearest = allowed[np.minimum(np.searchsorted(allowed, wanted), len(allowed) - 1)]
    bounds = np.concatenate([[0], allowed, [size]])
    often = np.flatnonzero(np.diff(bounds) > _OFTEN * size)
    around = np.concatenate([bounds[often], bounds[often + 1]])
    borders = np.unique(np.concatenate([nearest, around]))
    inside: np.ndarray = borders[(borders > 0) & (borders < size)]
    return inside


# Of one quantity ----------------------------------------------------------------------------------


def intervals(count: int) -> list[tuple[int, int]]:
    """Of categories in order: each one, all below each, and neighbours in twos, fours, and so on;
    (first, beyond the last).
    """
    found = [(first, first + 1) for first in range(count)]
    found += [(0, beyond) for beyond in range(2, count)]
    width = 2
    while width < count:
        found += [(first, first + width) for first in range(width, count - width + 1, width)]
        width *= 2
    return found


def by_interval(of: Categories, chosen: Sequence[tuple[int, int]]) -> np.ndarray:
    """How many values of each call lie in each interval: (calls, intervals)."""
    counts = per_call(of.codes, of.count)
    below = np.concatenate([np.zeros((len(counts), 1)), np.cumsum(counts, axis=1)], axis=1)
    firsts, beyonds = np.array(chosen).T
    found: np.ndarray = below[:, beyonds] - below[:, firsts]
    return found


def by_place(of: Categories) -> tuple[np.ndarray, int]:
    """How many values of each place and call lie in each category, (calls, places * categories),
    and the number of categories.
    """
    codes, shares = of.merged(MOST_VALUES if of.few else _AT_A_PLACE)
    places = [per_call(codes[:, place], len(shares)) for place in range(codes.shape[1])]
    return np.concatenate(places, axis=1), len(shares)


def per_call(codes: np.ndarray, count: int) -> np.ndarray:
    """How often each category comes up in each call: (calls, categories)."""
    calls = len(codes)
    flat = codes.reshape(calls, -1) + count * np.arange(calls)[:, None]
    counts: np.ndarray = np.bincount(flat.ravel(), minlength=calls * count).reshape(calls, count)
    return counts


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
        found.append(
            _equal(
                (codes[:, :-distance], codes[:, distance:]),
                (alone[:, :-distance], alone[:, distance:]),
            )
        )
        found.append(_products(ranks[:, :-distance], ranks[:, distance:]))
    if of.codes.shape[2] > 1 and axis == 1:
        found.append(_all_products(ranks.mean(axis=2, keepdims=True)))
    return np.stack(found, axis=1)


def distances(size: int) -> list[int]:
    """At which distances in a batch of `size` two places are compared."""
    if size <= _ALL_DISTANCES:
        return list(range(1, size))
    parts = {size // 2, size // 3, size // 4, size // 5, size - 1}
    return sorted({*range(1, _ALL_DISTANCES // 2), *parts})


def _equal(codes: tuple[np.ndarray, np.ndarray], alone: tuple[np.ndarray, ...]) -> np.ndarray:
    """Of each call, the number of equal pairs, less what is due to how frequent the values are."""
    one, other = codes
    excess = (one == other) - alone[0] - alone[1]
    found: np.ndarray = excess.reshape(len(excess), -1).sum(axis=1)
    return found


def _products(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    products = one * other
    found: np.ndarray = products.reshape(len(products), -1).sum(axis=1)
    return found


def _all_equal(codes: np.ndarray, alone: np.ndarray, count: int) -> np.ndarray:
    size = codes.shape[1]
    pairs = np.zeros(len(codes))
    for number in range(codes.shape[2]):
        times = per_call(codes[:, :, number], count)
        pairs += (times * (times - 1)).sum(axis=1) / 2
    found: np.ndarray = pairs - (size - 1) * alone.sum(axis=(1, 2))
    return found


def _all_products(ranks: np.ndarray) -> np.ndarray:
    squares = ranks.sum(axis=1) ** 2 - (ranks**2).sum(axis=1)
    found: np.ndarray = squares.sum(axis=1) / 2
    return found


def between_calls(of: Categories, calls: slice) -> Iterator[np.ndarray]:
    """How two calls of a sample go together: arrays (pairs of calls, 2). No call is in two pairs of
    one array, so that pairs are as independent as calls.
    """
    codes, shares = of.merged(_OF_A_PAIR)
    codes, ranks, alone = codes[calls], of.ranks[calls], shares[codes[calls]]
    for apart, half in itertools.product(_CALLS_APART, (0, 1)):
        first = np.arange(len(codes) - apart)
        first = first[first // apart % 2 == half]
        second = first + apart
        equal = _equal((codes[first], codes[second]), (alone[first], alone[second]))
        yield np.stack([equal, _products(ranks[first], ranks[second])], axis=1)


# Of several quantities ----------------------------------------------------------------------------


def between(one: Categories, other: Categories) -> np.ndarray:
    """How two quantities go together: (calls, tests). Of the same images, how many have each pair
    of categories, beyond what the two by themselves make likely, and the products of ranks; where
    one is drawn for a batch, the products of its rank and the batch's mean alone.

    Pairs that are rare come as they are, too: that one never comes is seen best so, and the two by
    themselves would show a change of their own sooner.
    """
    if one.codes.shape[:2] != other.codes.shape[:2]:
        of_calls: np.ndarray = one.ranks.mean(axis=(1, 2)) * other.ranks.mean(axis=(1, 2))
        return of_calls[:, None]
    products = _products(one.ranks.mean(axis=2), other.ranks.mean(axis=2))[:, None]
    if one.codes.shape != other.codes.shape:
        return products
    a, a_shares = one.merged(_OF_TWO)
    b, b_shares = other.merged(_OF_TWO)
    both = per_call(a * len(b_shares) + b, len(a_shares) * len(b_shares))
    cells = both.reshape(len(a), len(a_shares), len(b_shares)).astype(float)
    cells -= a_shares[:, None] * per_call(b, len(b_shares))[:, None, :]
    cells -= b_shares * per_call(a, len(a_shares))[:, :, None]
    rare = np.outer(a_shares, b_shares).ravel() < _RARE_PAIR
    found: np.ndarray = np.concatenate([cells.reshape(len(a), -1), products, both[:, rare]], axis=1)
    return found


def equal_in_all(of: Iterable[Categories]) -> np.ndarray:
    """How many pairs of images in a batch are equal in all quantities, beyond what these by
    themselves make likely: (calls, 1).
    """
    joint = np.zeros(1, int)
    for one in of:
        codes, shares = one.merged(_OF_A_PAIR)
        joint = joint * len(shares) + codes[:, :, 0]
    _, codes = np.unique(joint, return_inverse=True)
    codes = codes.reshape(joint.shape)
    shares = np.bincount(codes.ravel()) / codes.size
    _, size = codes.shape
    pairs = np.array([_pairs(call) for call in codes])
    found: np.ndarray = pairs - (size - 1) * shares[codes].sum(axis=1)
    return found[:, None]


def _pairs(codes: np.ndarray) -> float:
    _, times = np.unique(codes, return_counts=True)
    return float((times * (times - 1)).sum() / 2)


def split(numbers: np.ndarray, first: int) -> Counted:
    """The numbers of the first so many calls, which are the first sample, and those of the rest."""
    return Counted(numbers[:first], numbers[first:])
