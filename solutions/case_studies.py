"""Case studies: NDCG, the pairwise ranking loss, folds of whole hotels, a step of k-means,
Wilson's interval, the price of choosing, and a ranker.
"""

import numpy as np

from autograder import Inputs, Measurement, question
from solutions.examples import example, floats
from solutions.inputs import gaussian

NETWORKS = ("torch", "mxnet")


# 1. NDCG ------------------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "A picture counts the less, the lower it stands. The first place "
        "counts fully: for rank 1 the factor is 1.",
        "The factor is one divided by the logarithm to base 2 of rank + 1.",
    ],
    explanation="""
        Both sums run over the same ranks with the same factors; only the order of the pictures
        differs. The base of the logarithm cancels in the quotient. The best order gives 1, but the
        worst does not give 0: always say what a random order reaches.
    """,
)
def ndcg(relevance, scores, k):
    """How good is the order that the scores give, measured on the first k places? 1 is the best
    order.

    relevance, scores: (N,) float32, 1 <= k <= N; relevance is 0 or more, and more than 0 at least
    once; no two scores are equal. Returns a number.
    """
    by_score = sorted(range(len(scores)), key=lambda i: -float(scores[i]))
    by_relevance = sorted(range(len(scores)), key=lambda i: -float(relevance[i]))
    factors = np.arange(1, k + 1)  # the ranks
    factors = 1 / np.log2(factors + 1)
    found = sum(
        factor * float(relevance[i])
        for factor, i in zip(factors, by_score[:k], strict=True)
    )
    best = sum(
        factor * float(relevance[i])
        for factor, i in zip(factors, by_relevance[:k], strict=True)
    )
    return found / best


@ndcg.probe(weight=3, repeat=4)
def the_first_places(rng):
    return _unequal(rng, int(rng.integers(8, 12)), int(rng.integers(3, 6)))


@ndcg.probe(weight=1, repeat=2)
def all_places(rng):
    n = int(rng.integers(5, 9))
    return _unequal(rng, n, n)


@ndcg.probe(weight=1)
def the_first_place_only(rng):
    return _unequal(rng, 7, 1)


@ndcg.probe(weight=1)
def equal_relevances_and_none(rng):
    """Several pictures are the best, several are worth nothing."""
    relevance = rng.permutation(floats(3, 3, 2, 2, 2, 0, 0, 0))
    scores = np.empty(8, np.float32)
    order = np.argsort(-relevance, kind="stable")[[6, 0, 3, 1, 7, 2, 4, 5]]
    scores[order] = -np.cumsum(rng.uniform(0.5, 2, 8))
    return relevance, scores, int(rng.integers(4, 7))


@ndcg.probe(weight=0.5)
def nothing_found(rng):
    """The first two places hold what is worth nothing."""
    relevance = floats(0, 5, 0, 1.5) * np.float32(rng.uniform(1, 3))
    return relevance, floats(3, 1, 2, 0), 2


@ndcg.probe(weight=0.25)
def one_picture(rng):
    return rng.uniform(1, 3, 1).astype(np.float32), gaussian(rng, 1), 1


example(ndcg, floats(3, 4, 2, 1), floats(0.5, -1, 0.9, 0.1), 3, weight=0.5)


def _unequal(rng, n, k):
    """Positive relevance, no two values equal, and scores that put neither the best picture
    first nor the worst.
    """
    while True:
        relevance, scores = (
            rng.permutation(n).astype(np.float32) + 1,
            gaussian(rng, n, scale=2),
        )
        order, best = np.argsort(-scores), -np.sort(-relevance)
        if 0.4 < relevance[order[:k]].sum() / best[:k].sum() < 0.9 or (
            k == n and (relevance[order] != best).sum() > n // 2
        ):
            return relevance, scores, k


@ndcg.mistake(
    "Every place counts the same. The factor falls with the rank, from 1 at the top."
)
def _(relevance, scores, k):
    by_score = sorted(range(len(scores)), key=lambda i: -float(scores[i]))
    return sum(float(relevance[i]) for i in by_score[:k]) / float(
        np.sort(relevance)[::-1][:k].sum()
    )


@ndcg.mistake(
    "The factor is 1 / rank. It falls more slowly: divide by the logarithm to base 2 of rank + 1."
)
def _(relevance, scores, k):
    ranks = np.arange(1, k + 1)
    order = np.argsort(-scores)[:k]
    return (relevance[order] / ranks).sum() / (
        np.sort(relevance)[::-1][:k] / ranks
    ).sum()


@ndcg.mistake(
    "The logarithm multiplies, so that the lowest place counts most. Divide by it."
)
def _(relevance, scores, k):
    grow = np.log2(np.arange(1, k + 1) + 1)
    order = np.argsort(-scores)[:k]
    return (relevance[order] * grow).sum() / (np.sort(relevance)[::-1][:k] * grow).sum()


@ndcg.mistake(
    "The factors are off by one place: rank 1 has the logarithm of 2, which is 1."
)
def _(relevance, scores, k):
    discount = 1 / np.log2(np.arange(1, k + 1) + 2)
    order = np.argsort(-scores)[:k]
    return (relevance[order] * discount).sum() / (
        np.sort(relevance)[::-1][:k] * discount
    ).sum()


@ndcg.mistake(
    "The logarithm is of the rank itself, and rank 1 would count 1 / "
    "log2(1) = 1 / 0. It is of rank + 1."
)
def _(relevance, scores, k):
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = 1 / np.log2(np.arange(1, k + 1))
        order = np.argsort(-scores)[:k]
        return (relevance[order] * factors).sum() / (
            np.sort(relevance)[::-1][:k] * factors
        ).sum()


@ndcg.mistake(
    "The line is missing still: the ranks themselves are the factors, so the lowest place "
    "counts most."
)
def _(relevance, scores, k):
    by_score = np.argsort(-scores)[:k]
    by_relevance = np.sort(relevance)[::-1][:k]
    factors = np.arange(1, k + 1)
    return (factors * relevance[by_score]).sum() / (factors * by_relevance).sum()


@ndcg.mistake("The 1 is added outside the logarithm. It is the logarithm of rank + 1.")
def _(relevance, scores, k):
    by_score = np.argsort(-scores)[:k]
    by_relevance = np.sort(relevance)[::-1][:k]
    factors = 1 / (np.log2(np.arange(1, k + 1)) + 1)
    return (factors * relevance[by_score]).sum() / (factors * by_relevance).sum()


@ndcg.mistake("The factors stand in reverse, so the lowest place counts most.")
def _(relevance, scores, k):
    by_score = np.argsort(-scores)[:k]
    by_relevance = np.sort(relevance)[::-1][:k]
    factors = 1 / np.log2(np.arange(k, 0, -1) + 1)
    return (factors * relevance[by_score]).sum() / (factors * by_relevance).sum()


@ndcg.mistake(
    "The relevance is taken as 2^relevance - 1, as some libraries do. Here it counts as it is."
)
def _(relevance, scores, k):
    by_score = np.argsort(-scores)[:k]
    by_relevance = np.sort(relevance)[::-1][:k]
    factors = 1 / np.log2(np.arange(1, k + 1) + 1)
    return (factors * (2 ** relevance[by_score] - 1)).sum() / (
        factors * (2**by_relevance - 1)
    ).sum()


@ndcg.mistake("The sum for the best possible order is missing: divide by it.")
def _(relevance, scores, k):
    factors = 1 / np.log2(np.arange(1, k + 1) + 1)
    return (factors * relevance[np.argsort(-scores)[:k]]).sum()


@ndcg.mistake(
    "The first two ranks both have the factor 1. It is the logarithm of rank + 1, for all ranks."
)
def _(relevance, scores, k):
    by_score = np.argsort(-scores)[:k]
    by_relevance = np.sort(relevance)[::-1][:k]
    factors = 1 / np.maximum(1, np.log2(np.arange(1, k + 1)))
    return (factors * relevance[by_score]).sum() / (factors * by_relevance).sum()


@ndcg.mistake(
    "The factor is 1 / log2(rank), which is not even there for the first rank. It is that of "
    "rank + 1."
)
def _(relevance, scores, k):
    by_score = np.argsort(-scores)[:k]
    by_relevance = np.sort(relevance)[::-1][:k]
    factors = 1 / np.log2(np.maximum(np.arange(1, k + 1), 1.0001))
    return (factors * relevance[by_score]).sum() / (factors * by_relevance).sum()


@ndcg.mistake(
    "The factor is 1 over the root of rank + 1. It is 1 over the logarithm to base 2."
)
def _(relevance, scores, k):
    by_score = np.argsort(-scores)[:k]
    by_relevance = np.sort(relevance)[::-1][:k]
    factors = 1 / np.sqrt(np.arange(1, k + 1) + 1)
    return (factors * relevance[by_score]).sum() / (factors * by_relevance).sum()


@ndcg.alternative(framework="torch")
def _(relevance, scores, k):
    import torch

    logarithms = torch.log2(torch.arange(k) + 2.0)
    found = relevance[scores.argsort(descending=True)[:k]]
    best = relevance.sort(descending=True).values[:k]
    return (found / logarithms).sum() / (best / logarithms).sum()


@ndcg.alternative(framework="mxnet")
def _(relevance, scores, k):
    from dlkit.mx import nd

    logarithms = nd.log(nd.arange(k) + 2)  # any base will do
    found = relevance.take(scores.argsort(is_ascend=False))[:k]
    best = relevance.sort(is_ascend=False)[:k]
    return (found / logarithms).sum() / (best / logarithms).sum()


@ndcg.alternative()
def _(relevance, scores, k):
    import math

    found = best = 0.0
    for place, (_, value) in enumerate(
        sorted(zip(-scores, relevance, strict=True))[:k]
    ):
        found += value / math.log(place + 2)
    for place, value in enumerate(sorted(relevance, reverse=True)[:k]):
        best += value / math.log(place + 2)
    return found / best


ndcg.equivalent(
    "range(len(scores)) -> range(len(relevance))", why="Every picture has one of each."
)
ndcg.equivalent(
    "factors = 1 / np.log2 -> factors = 2 / np.log2",
    why="A common factor of all places cancels in the quotient.",
)


# 2. The pairwise loss -----------------------------------------------------------------------------


@question(
    points=3,
    atol=1e-5,
    hints=[
        "Which pairs count? i and j are of one hotel, and the relevance of i is larger than "
        "that of j. A table of all pairs, (N, N), says it with two comparisons.",
        "`scores[:, None] - scores[None, :]` (Gluon: `scores.reshape((-1, 1)) - "
        "scores.reshape((1, -1))`, with `broadcast_equal` and the "
        "like) holds s_i - s_j for all pairs.",
        "log(1 + exp(x)) overflows for large x. Use `np.logaddexp(0, x)`, "
        "`torch.nn.functional.softplus(x)`, `nd.Activation(x, 'softrelu')`.",
    ],
    explanation="""
        Burges et al. (2005): the loss of a pair is the cross-entropy of "i is better than j", with
        the sigmoid of the difference of scores as its probability. Only differences within a hotel
        enter, so nothing is learnt of hotels as such: adding a number to all scores of a hotel
        changes nothing.
    """,
)
def pairwise_loss(scores, relevance, hotels):
    """The mean of log(1 + exp(-(scores[i] - scores[j]))) over all pairs (i, j) of one hotel in
    which relevance[i] > relevance[j].

    scores, relevance: (N,) float32; hotels: (N,) int64; at least one pair counts. Scores may be
    hundreds apart. Returns a number.
    """
    difference = scores[:, None] - scores[None, :]  # [i, j]
    counts = (hotels[:, None] == hotels[None, :]) & (
        relevance[:, None] > relevance[None, :]
    )
    return np.logaddexp(0, -difference[counts]).mean()


@pairwise_loss.probe(weight=3, repeat=3)
def several_hotels(rng):
    return gaussian(rng, 11, scale=2), *_pictures(rng, [5, 4, 2])


@pairwise_loss.probe(weight=1, repeat=2)
def one_hotel(rng):
    return gaussian(rng, 6), *_pictures(rng, [6])


@pairwise_loss.probe(weight=1, repeat=2)
def scores_far_apart(rng):
    """One of the best pictures has a score by far too low, and one of the worst."""
    relevance, hotels = _pictures(rng, [5, 4])
    scores, own = gaussian(rng, 9, scale=20), np.flatnonzero(hotels == hotels[0])
    order = own[np.argsort(relevance[own])]
    scores[order[-1]] -= np.float32(rng.uniform(850, 950))
    scores[order[0]] -= np.float32(rng.uniform(2000, 2100))
    return scores, relevance, hotels


@pairwise_loss.probe(weight=1)
def better_by_a_hair(rng):
    """The next larger float is more relevant, and the pair counts. One hotel has one picture; its
    number is equal to another's in the last three digits and the last 16 bits.
    """
    relevance = rng.uniform(1, 2, 5).astype(np.float32)
    relevance[1], relevance[3] = np.nextafter(relevance[0], np.float32(9)), relevance[2]
    return gaussian(rng, 5, scale=2), relevance, np.array([4, 4, 8, 8, 8_192_004])


@pairwise_loss.probe(weight=0.5)
def one_pair(rng):
    return gaussian(rng, 2), rng.permutation(floats(0, 1)), np.array([7, 7])


def _pictures(rng, sizes):
    """Relevance with ties, and hotels by numbers with gaps, in any order."""
    names = np.sort(rng.choice(np.arange(10, 99), len(sizes), replace=False))
    hotels = rng.permutation(np.repeat(names, sizes))
    relevance = np.empty(len(hotels), np.float32)
    for name in names:
        (rows,) = np.nonzero(hotels == name)
        relevance[rows] = rng.permutation(
            np.arange(len(rows)) // 2 if len(rows) > 3 else np.arange(len(rows))
        )
    return relevance, hotels.astype(np.int64)


example(pairwise_loss, floats(0, 800), floats(1, 0), np.array([7, 7]))
example(
    pairwise_loss,
    floats(0.5, -1, 2, 0, 1, -0.5),
    floats(2, 0, 1, 1, 0, 3),
    np.array([7, 7, 7, 7, 9, 9]),
)


@pairwise_loss.mistake(
    "Pictures of different hotels are compared as well. A pair counts only within one hotel."
)
def _(scores, relevance, hotels):
    difference = scores[:, None] - scores[None, :]
    return np.logaddexp(0, -difference[relevance[:, None] > relevance[None, :]]).mean()


@pairwise_loss.mistake(
    "The sign is turned: this loss is small when the worse picture has the higher score."
)
def _(scores, relevance, hotels):
    difference = scores[:, None] - scores[None, :]
    counts = (hotels[:, None] == hotels[None, :]) & (
        relevance[:, None] > relevance[None, :]
    )
    return np.logaddexp(0, difference[counts]).mean()


@pairwise_loss.mistake(
    "Right while the scores are close together. When they are far apart, `exp` overflows: use a "
    "function made for log(1 + exp(x))."
)
def _(scores, relevance, hotels):
    difference = scores[:, None] - scores[None, :]
    counts = (hotels[:, None] == hotels[None, :]) & (
        relevance[:, None] > relevance[None, :]
    )
    with np.errstate(over="ignore"):
        return np.log(1 + np.exp(-difference[counts])).mean()


@pairwise_loss.mistake(
    "When the scores are far apart, `exp` overflows, and infinity times 0 is NaN. Use a function "
    "made for log(1 + exp(x)), and take only the pairs that count."
)
def _(scores, relevance, hotels):
    difference = scores[:, None] - scores[None, :]
    counts = (hotels[:, None] == hotels[None, :]) & (
        relevance[:, None] > relevance[None, :]
    )
    with np.errstate(over="ignore", invalid="ignore"):
        return (np.log(1 + np.exp(-difference)) * counts).sum() / counts.sum()


@pairwise_loss.mistake(
    "Pairs of equal relevance are counted as well. Neither of the two is the better one."
)
def _(scores, relevance, hotels):
    difference = scores[:, None] - scores[None, :]
    counts = (hotels[:, None] == hotels[None, :]) & (
        relevance[:, None] >= relevance[None, :]
    )
    return np.logaddexp(0, -difference[counts]).mean()


@pairwise_loss.mistake("This is the sum over the pairs. The task asks for the mean.")
def _(scores, relevance, hotels):
    difference = scores[:, None] - scores[None, :]
    counts = (hotels[:, None] == hotels[None, :]) & (
        relevance[:, None] > relevance[None, :]
    )
    return np.logaddexp(0, -difference[counts]).sum()


@pairwise_loss.mistake(
    "The sum is divided by the number of all N x N pairs. Divide by the number of pairs that count."
)
def _(scores, relevance, hotels):
    difference = scores[:, None] - scores[None, :]
    counts = (hotels[:, None] == hotels[None, :]) & (
        relevance[:, None] > relevance[None, :]
    )
    return (np.logaddexp(0, -difference) * counts).mean()


@pairwise_loss.mistake(
    "Pairs of equal relevance count here. A pair counts only where one relevance is larger."
)
def _(scores, relevance, hotels):
    same = (hotels[:, None] == hotels) & ~np.eye(len(scores), dtype=bool)
    counts = same & (relevance[:, None] >= relevance)
    return np.logaddexp(0, -(scores[:, None] - scores))[counts].mean()


@pairwise_loss.mistake(
    "The differences are cut to a range before the exponential. Scores far apart need the "
    "whole difference."
)
def _(scores, relevance, hotels):
    counts = (hotels[:, None] == hotels) & (relevance[:, None] > relevance)
    lead = (scores[:, None] - scores)[counts]
    return np.log(1 + np.exp(-np.clip(lead, -50, 50))).mean()


@pairwise_loss.mistake(
    "This is the hinge loss, max(0, 1 - difference). Asked for is log(1 + exp(-difference))."
)
def _(scores, relevance, hotels):
    counts = (hotels[:, None] == hotels) & (relevance[:, None] > relevance)
    return np.maximum(0, 1 - (scores[:, None] - scores)[counts]).mean()


@pairwise_loss.mistake(
    "Only pairs in which the better picture stands first in the arrays are found. Look at "
    "both orders."
)
def _(scores, relevance, hotels):
    counts = (hotels[:, None] == hotels) & (relevance[:, None] > relevance)
    lead = (scores[:, None] - scores)[np.triu(counts)]
    return np.logaddexp(0, -lead).mean() if len(lead) else 0.0


@pairwise_loss.mistake(
    "The differences are squared. Asked for is log(1 + exp(-difference))."
)
def _(scores, relevance, hotels):
    counts = (hotels[:, None] == hotels) & (relevance[:, None] > relevance)
    return ((scores[:, None] - scores)[counts] ** 2).mean()


@pairwise_loss.mistake(
    "This is the mean of the hotels' means. Take one mean over all pairs that count."
)
def _(scores, relevance, hotels):
    means = []
    for hotel in np.unique(hotels):
        own, worth = scores[hotels == hotel], relevance[hotels == hotel]
        lead = (own[:, None] - own)[worth[:, None] > worth]
        if len(lead):
            means.append(np.logaddexp(0, -lead).mean())
    return np.mean(means)


@pairwise_loss.mistake(
    "The sum is divided by the number of pictures. Divide by the number of pairs that count."
)
def _(scores, relevance, hotels):
    counts = (hotels[:, None] == hotels) & (relevance[:, None] > relevance)
    return np.logaddexp(0, -(scores[:, None] - scores))[counts].sum() / len(scores)


@pairwise_loss.mistake(
    "Only the right order is counted, without its size: max(0, -difference) has a corner at 0."
)
def _(scores, relevance, hotels):
    counts = (hotels[:, None] == hotels) & (relevance[:, None] > relevance)
    return np.maximum(0, -(scores[:, None] - scores)[counts]).mean()


@pairwise_loss.mistake(
    "This is the probability that the pair stands wrong, a sigmoid. The loss is its "
    "logarithm's part."
)
def _(scores, relevance, hotels):
    counts = (hotels[:, None] == hotels) & (relevance[:, None] > relevance)
    lead = (scores[:, None] - scores)[counts]
    return (1 / (1 + np.exp(np.minimum(lead, 80)))).mean()


@pairwise_loss.mistake(
    "Only pictures that stand side by side in the arrays are compared. All pairs of a hotel count."
)
def _(scores, relevance, hotels):
    counts = (hotels[:, None] == hotels) & (relevance[:, None] > relevance)
    places = np.arange(len(scores))
    counts &= np.abs(places[:, None] - places) == 1
    return np.logaddexp(0, -(scores[:, None] - scores))[counts].sum() / max(
        counts.sum(), 1
    )


@pairwise_loss.alternative(framework="torch")
def _(scores, relevance, hotels):
    from torch.nn.functional import softplus

    difference = scores[:, None] - scores[None, :]
    counts = (hotels[:, None] == hotels[None, :]) & (
        relevance[:, None] > relevance[None, :]
    )
    return softplus(-difference[counts]).mean()


@pairwise_loss.alternative(framework="torch")
def _(scores, relevance, hotels):
    from torch.nn.functional import logsigmoid

    losses = []
    for i, high in enumerate(scores):
        for j, low in enumerate(scores):
            if hotels[i] == hotels[j] and relevance[i] > relevance[j]:
                losses.append(float(-logsigmoid(high - low)))
    return sum(losses) / len(losses)


@pairwise_loss.alternative(framework="mxnet")
def _(scores, relevance, hotels):
    from dlkit.mx import nd

    difference = nd.broadcast_sub(scores.expand_dims(1), scores)
    hotels = hotels.astype("float32")
    same = nd.broadcast_equal(hotels.expand_dims(1), hotels)
    better = nd.broadcast_greater(relevance.expand_dims(1), relevance)
    counts = same * better
    return (nd.Activation(-difference, "softrelu") * counts).sum() / counts.sum()


@pairwise_loss.alternative()
def _(scores, relevance, hotels):
    losses = []
    for hotel in set(hotels.tolist()):
        own = [
            (value, score)
            for value, score, h in zip(relevance, scores, hotels, strict=True)
            if h == hotel
        ]
        for value, score in own:
            for other_value, other_score in own:
                if value > other_value:
                    x = other_score - score
                    losses.append((x + abs(x)) / 2 + np.log1p(np.exp(-abs(x))))
    return np.mean(losses)


pairwise_loss.equivalent(
    "np.logaddexp(-difference[counts], 0)",
    why="The sum of two exponentials has no order.",
)
pairwise_loss.equivalent(
    "broadcast_equal(hotels, hotels.expand_dims(1))",
    why="Whether two hotels are equal does not depend on their order.",
)


# 3. Folds of whole hotels -------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "First give the different hotels the numbers 0, 1, 2, ... in "
        "increasing order; then the fold is a remainder.",
        "`np.unique(hotels, return_inverse=True)` and `torch.unique(hotels, "
        "return_inverse=True)` give the numbers along with the hotels. In Gluon, or with loops: "
        "a dictionary from hotel to number, made from `sorted(set(...))`.",
    ],
    explanation="""
        All pictures of a hotel fall into one fold, so no hotel is both learnt from and measured on.
        scikit-learn's `GroupKFold` does this, too, and evens out the number of pictures.
    """,
)
def group_folds(hotels, num_folds):
    """The fold of each picture. Of the different hotels in increasing order, counted from 0, the
    one at place m goes to fold m % num_folds.

    hotels: (N,) int64; num_folds: a whole number from 2 to the number of hotels. Returns (N,) whole
    numbers.
    """
    places = np.unique(hotels, return_inverse=True)[1]
    return places % num_folds


@group_folds.probe(weight=3, repeat=3)
def hotels_with_gaps(rng):
    num_folds = int(rng.integers(3, 5))
    names = np.cumsum(rng.integers(2, 9, 2 * num_folds + 1)) + 1
    return rng.permutation(np.repeat(names, rng.integers(1, 5, len(names)))).astype(
        np.int64
    ), num_folds


@group_folds.probe(weight=1)
def a_hotel_a_fold(rng):
    return rng.permutation(np.repeat([31, 7, 52], [3, 2, 4])).astype(np.int64), 3


@group_folds.probe(weight=1)
def many_hotels(rng):
    """More than 8 bits can count, by numbers that no table of small ones holds."""
    names = rng.choice(10**6, 300, replace=False)
    return rng.permutation(np.repeat(names, rng.integers(1, 3, 300))).astype(
        np.int64
    ), 7


example(group_folds, np.array([40, 8, 40, 22, 8, 31]), 2, weight=0.5)


@group_folds.mistake("The hotels' places are counted from 1. The first is at place 0.")
def _(hotels, num_folds):
    return (np.unique(hotels, return_inverse=True)[1] + 1) % num_folds


@group_folds.mistake(
    "Pictures are dealt out one by one, so that pictures of a hotel "
    "lie in several folds. Deal out hotels."
)
def _(hotels, num_folds):
    return np.arange(len(hotels)) % num_folds


@group_folds.mistake(
    "The remainder is taken of the hotel's own number, which has gaps: folds may come out empty. "
    "Count the hotels from 0 first."
)
def _(hotels, num_folds):
    return hotels % num_folds


@group_folds.mistake(
    "The hotels are counted in the order in which they appear. Count them in increasing order."
)
def _(hotels, num_folds):
    places = {name: place for place, name in enumerate(dict.fromkeys(hotels.tolist()))}
    return np.array([places[name] % num_folds for name in hotels.tolist()])


@group_folds.mistake(
    "These are the hotels' places, not their folds: the remainder "
    "by the number of folds is missing."
)
def _(hotels, num_folds):
    return np.unique(hotels, return_inverse=True)[1]


@group_folds.mistake(
    "The place is divided by the number of folds. The fold is the remainder, m % num_folds."
)
def _(hotels, num_folds):
    return np.unique(hotels, return_inverse=True)[1] // num_folds


@group_folds.mistake("The folds are counted from 1. The first is 0.")
def _(hotels, num_folds):
    return np.unique(hotels, return_inverse=True)[1] % num_folds + 1


@group_folds.mistake("The hotels are counted in decreasing order of their numbers.")
def _(hotels, num_folds):
    return np.unique(-hotels, return_inverse=True)[1] % num_folds


@group_folds.mistake(
    "The hotels are sorted as text, in which 10 comes before 9. Sort them as numbers."
)
def _(hotels, num_folds):
    order = sorted(set(hotels.tolist()), key=str)
    return [order.index(hotel) % num_folds for hotel in hotels.tolist()]


@group_folds.mistake(
    "The hotels are put into blocks of neighbours. Deal them out in turn: place m goes to m % "
    "num_folds."
)
def _(hotels, num_folds):
    place = np.unique(hotels, return_inverse=True)[1]
    return place * num_folds // (place.max() + 1)


@group_folds.mistake(
    "One number for each hotel is returned. Every picture gets the fold of its hotel."
)
def _(hotels, num_folds):
    return np.arange(len(np.unique(hotels))) % num_folds


@group_folds.mistake(
    "The hotels with most pictures are counted first. Count them in increasing order of their "
    "numbers."
)
def _(hotels, num_folds):
    names = hotels.tolist()
    order = sorted(set(names), key=lambda hotel: (-names.count(hotel), hotel))
    return [order.index(hotel) % num_folds for hotel in names]


@group_folds.mistake(
    "The pictures are sorted by hotel as well. Return the folds in the order of the pictures."
)
def _(hotels, num_folds):
    return np.sort(np.unique(hotels, return_inverse=True)[1]) % num_folds


@group_folds.alternative(framework="torch")
def _(hotels, num_folds):
    import torch

    return torch.unique(hotels, return_inverse=True)[1] % num_folds


@group_folds.alternative(framework="mxnet")
def _(hotels, num_folds):
    rows = hotels.asnumpy().tolist()
    names = sorted(set(rows))
    return [names.index(name) % num_folds for name in rows]


@group_folds.alternative()
def _(hotels, num_folds):
    names = np.array(sorted(set(hotels.tolist())))
    return np.array([(names < hotel).sum() % num_folds for hotel in hotels])


# 4. A step of k-means -----------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "First the squared distances of every colour to every centre, (N, k); then for each "
        "colour the centre that is nearest.",
        "`((colours[:, None] - centres[None]) ** 2).sum(axis=2)` has the shape (N, k) (Gluon: "
        "`nd.broadcast_sub` of two `expand_dims`). Its `argmin` along the "
        "last axis says which centre is nearest.",
        "The mean over no colours is 0 / 0. Ask first whether a centre has any, "
        "and keep the old centre if it has none.",
    ],
    explanation="""
        One step of Lloyd's algorithm. Neither half can increase the sum of squared distances, so
        repeating it comes to a halt, at a local minimum that depends on the start. What the centres
        mean depends on what distance means: in CIELAB it is about what people see, in RGB it is
        not.
    """,
)
def lloyd_step(colours, centres):
    """Each colour goes to its nearest centre; each centre moves to the mean of its colours. A
    centre that got none stays where it is.

    colours: (N, 3) float32; centres: (k, 3) float32; no colour is equally near to two centres.
    Returns the new centres, (k, 3), in the same order.
    """
    # (N,)
    nearest = np.linalg.norm(colours[:, None] - centres[None], axis=2).argmin(axis=1)
    moved = [
        colours[nearest == c].mean(axis=0) if (nearest == c).any() else centres[c]
        for c in range(len(centres))
    ]
    return np.stack(moved)


@lloyd_step.probe(weight=3, repeat=3)
def random_colours(rng):
    """Every centre gets some."""
    k = int(rng.integers(2, 6))
    return _colours(rng, int(rng.integers(20, 30)), k)


def _colours(rng, n, k):
    """Colours and centres, at least two colours for each."""
    while True:
        colours, centres = gaussian(rng, n, 3, scale=30), gaussian(rng, k, 3, scale=12)
        nearest = ((colours[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        if np.bincount(nearest, minlength=k).min() > 1:
            return colours, centres


@lloyd_step.probe(weight=2, repeat=2)
def a_centre_without_colours(rng):
    colours, centres = _colours(rng, 20, 3)
    centres = np.concatenate([centres, np.float32([[300, 250, 400]])])
    return colours, centres[rng.permutation(4)]


@lloyd_step.probe(weight=1)
def a_centre_with_a_single_colour(rng):
    colours, centres = _colours(rng, 15, 3)
    far = np.float32([[-300, 250, -280]])
    colours = np.concatenate([colours, far + gaussian(rng, 1, 3, scale=9)])
    return rng.permutation(colours), np.concatenate([centres, far])[rng.permutation(4)]


@lloyd_step.probe(weight=1)
def another_distance_misleads(rng):
    """The first two colours would go elsewhere by the sum and by the largest of the differences."""
    colours = floats(
        [0, 0, -50], [30, 30, 30], [0, 5, 3], [-28, 33, 30], [-40, -40, -55]
    )
    centres = floats([0, 0, 0], [-28, 30, 30], [-40, -40, -50])
    colours += gaussian(rng, 5, 3, scale=0.3)
    middle = gaussian(rng, 3, scale=20)
    return middle + colours, middle + rng.permutation(centres)


@lloyd_step.probe(weight=0.25)
def one_centre(rng):
    return gaussian(rng, 5, 3, scale=20), gaussian(rng, 1, 3, scale=20)


@lloyd_step.probe(weight=0.25)
def one_colour(rng):
    """It is black: a centre whose colours are all zero has got some."""
    far = gaussian(rng, 3)
    return floats([0, 0, 0]), floats([40, 0, 0], [0, 60, 0]) + far


@lloyd_step.mistake(
    "A centre without colours has become NaN: the mean of none is 0 / 0. It should stay where "
    "it is."
)
def _(colours, centres):
    nearest = ((colours[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
    # (k, N)
    members = (nearest[:, None] == np.arange(len(centres))).T.astype(np.float32)
    with np.errstate(invalid="ignore"):
        return members @ colours / members.sum(axis=1, keepdims=True)


@lloyd_step.mistake(
    "A centre that got a single colour stays where it was. It moves to that colour: only one "
    "that got none stays."
)
def _(colours, centres):
    nearest = ((colours[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
    return np.stack(
        [
            colours[nearest == c].mean(axis=0)
            if (nearest == c).sum() > 1
            else centres[c]
            for c in range(len(centres))
        ]
    )


@lloyd_step.mistake(
    "A centre without colours has become zeros. It should stay where it is."
)
def _(colours, centres):
    nearest = ((colours[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
    members = nearest[:, None] == np.arange(len(centres))  # (N, k)
    return (
        members.T.astype(np.float32)
        @ colours
        / np.maximum(members.sum(axis=0), 1)[:, None]
    )


@lloyd_step.mistake(
    "The colours go to the centre that is farthest. `argmin` finds the nearest."
)
def _(colours, centres):
    nearest = ((colours[:, None] - centres[None]) ** 2).sum(axis=2).argmax(axis=1)
    return np.stack(
        [
            colours[nearest == c].mean(axis=0) if (nearest == c).any() else centres[c]
            for c in range(len(centres))
        ]
    )


@lloyd_step.mistake(
    "The differences are added with their signs, so that they cancel. "
    "Square them before you add them up."
)
def _(colours, centres):
    nearest = (colours[:, None] - centres[None]).sum(axis=2).argmin(axis=1)
    return np.stack(
        [
            colours[nearest == c].mean(axis=0) if (nearest == c).any() else centres[c]
            for c in range(len(centres))
        ]
    )


@lloyd_step.mistake(
    "The new centre is the median of its colours. k-means takes the mean."
)
def _(colours, centres):
    nearest = ((colours[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
    return np.stack(
        [
            np.median(colours[nearest == c], axis=0)
            if (nearest == c).any()
            else centres[c]
            for c in range(len(centres))
        ]
    )


@lloyd_step.mistake(
    "These are the colours' nearest centres as they were. Each centre "
    "must move to the mean of its colours."
)
def _(colours, centres):
    return centres[((colours[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)]


@lloyd_step.mistake(
    "The centres move while colours are still being assigned. Assign all colours "
    "first, to the centres as they were given."
)
def _(colours, centres):
    moved = centres.copy()
    for c in range(len(centres)):
        nearest = ((colours[:, None] - moved[None]) ** 2).sum(axis=2).argmin(axis=1)
        if (nearest == c).any():
            moved[c] = colours[nearest == c].mean(axis=0)
    return moved


@lloyd_step.mistake(
    "A centre that got no colours is left out. It should stay where it is, so "
    "that there are as many centres as before."
)
def _(colours, centres):
    nearest = ((colours[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
    return np.stack([colours[nearest == c].mean(axis=0) for c in np.unique(nearest)])


@lloyd_step.mistake(
    "A centre without colours has become the mean of all colours. It should stay where it is."
)
def _(colours, centres):
    nearest = ((colours[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    moved = np.array(centres)
    for c in range(len(centres)):
        moved[c] = (
            colours[nearest == c].mean(axis=0) if c in nearest else colours.mean(axis=0)
        )
    return moved


@lloyd_step.mistake(
    "The distance is the sum of the absolute differences. The Euclidean one squares them."
)
def _(colours, centres):
    nearest = np.abs(colours[:, None] - centres).sum(axis=2).argmin(axis=1)
    moved = np.array(centres)
    for c in set(nearest.tolist()):
        moved[c] = colours[nearest == c].mean(axis=0)
    return moved


@lloyd_step.mistake(
    "The distance is the largest difference of a coordinate. The Euclidean one takes all three."
)
def _(colours, centres):
    nearest = np.abs(colours[:, None] - centres).max(axis=2).argmin(axis=1)
    moved = np.array(centres)
    for c in set(nearest.tolist()):
        moved[c] = colours[nearest == c].mean(axis=0)
    return moved


@lloyd_step.mistake("A centre moves to the sum of its colours. Take their mean.")
def _(colours, centres):
    nearest = ((colours[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    moved = np.array(centres)
    for c in set(nearest.tolist()):
        moved[c] = colours[nearest == c].sum(axis=0)
    return moved


@lloyd_step.mistake(
    "The mean is taken over colours and coordinates together. Each coordinate has its own: "
    "`axis=0`."
)
def _(colours, centres):
    nearest = ((colours[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    moved = np.array(centres)
    for c in set(nearest.tolist()):
        moved[c] = colours[nearest == c].mean()
    return moved


@lloyd_step.mistake(
    "The centre goes half of the way only. It moves to the mean of its colours."
)
def _(colours, centres):
    nearest = ((colours[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    moved = np.array(centres)
    for c in set(nearest.tolist()):
        moved[c] = (moved[c] + colours[nearest == c].mean(axis=0)) / 2
    return moved


@lloyd_step.mistake(
    "The old centre is counted as one of its colours. The mean is that of the colours alone."
)
def _(colours, centres):
    nearest = ((colours[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    moved = np.array(centres)
    for c in set(nearest.tolist()):
        own = colours[nearest == c]
        moved[c] = (centres[c] + own.sum(axis=0)) / (len(own) + 1)
    return moved


@lloyd_step.mistake("The steps go on until nothing moves. One step is asked for.")
def _(colours, centres):
    moved = np.array(centres)
    for _ in range(20):
        nearest = ((colours[:, None] - moved) ** 2).sum(axis=2).argmin(axis=1)
        for c in set(nearest.tolist()):
            moved[c] = colours[nearest == c].mean(axis=0)
    return moved


@lloyd_step.mistake(
    "Only two of the three coordinates are looked at for the distance, as in the picture."
)
def _(colours, centres):
    nearest = ((colours[:, None, :2] - centres[:, :2]) ** 2).sum(axis=2).argmin(axis=1)
    moved = np.array(centres)
    for c in set(nearest.tolist()):
        moved[c] = colours[nearest == c].mean(axis=0)
    return moved


@lloyd_step.mistake(
    "These are the numbers of the nearest centres. Return the centres as they are after the step."
)
def _(colours, centres):
    return ((colours[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)


@lloyd_step.mistake(
    "The nearest colour to the mean is taken. The centre moves to the mean itself."
)
def _(colours, centres):
    nearest = ((colours[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    moved = np.array(centres)
    for c in set(nearest.tolist()):
        own = colours[nearest == c]
        moved[c] = own[((own - own.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    return moved


@lloyd_step.mistake(
    "Colours go by the product with a centre. They go to the one at the smallest distance."
)
def _(colours, centres):
    nearest = (colours @ centres.T).argmax(axis=1)
    moved = np.array(centres)
    for c in set(nearest.tolist()):
        moved[c] = colours[nearest == c].mean(axis=0)
    return moved


@lloyd_step.alternative(framework="torch")
def _(colours, centres):
    import torch

    nearest = torch.cdist(colours, centres).argmin(dim=1)
    return torch.stack(
        [
            colours[nearest == c].mean(dim=0) if c in nearest else centre
            for c, centre in enumerate(centres)
        ]
    )


@lloyd_step.alternative(framework="mxnet")
def _(colours, centres):
    from dlkit.mx import nd

    nearest = nd.norm(nd.broadcast_sub(colours.expand_dims(1), centres), axis=2).argmin(
        axis=1
    )
    moved = []
    for c, centre in enumerate(centres):
        members = nearest == c  # 1 or 0
        own = nd.dot(members, colours)
        moved.append(own / members.sum() if c in nearest.asnumpy() else centre)
    return nd.stack(*moved)


@lloyd_step.alternative()
def _(colours, centres):
    members = [[] for _ in centres]
    for colour in colours:
        distances = [np.linalg.norm(colour - centre) for centre in centres]
        members[int(np.argmin(distances))].append(colour)
    return np.array(
        [
            np.mean(own, axis=0) if own else centre
            for own, centre in zip(members, centres, strict=True)
        ]
    )


lloyd_step.equivalent(
    "broadcast_sub(centres, colours.expand_dims(1))",
    why="The length of a difference does not depend on its sign.",
)


# 5. Wilson's interval -----------------------------------------------------------------------------


@question(
    points=2,
    atol=1e-6,
    hints=[
        "With q = correct / n, the two ends are the solutions of (q - p)² = z² p (1 - p) / n. "
        "Multiply out: it is a quadratic equation in p.",
        "(1 + z²/n) p² - (2 q + z²/n) p + q² = 0.",
        "The middle is (q + z²/2n) / (1 + z²/n); half the width is z "
        "sqrt(q (1 - q) / n + z²/4n²) / (1 + z²/n).",
    ],
    explanation="""
        E. B. Wilson (1927). The usual interval, q ± z sqrt(q (1 - q) / n), puts the *found*
        frequency into the spread, and has no width at all when all are right. Wilson's asks of each
        p whether it would explain what was found: 20 of 20 right leaves all p above 0.84 possible.
    """,
)
def wilson(correct, n, z):
    """The interval of all p, from 0 to 1, for which |correct / n - p| <= z sqrt(p (1 - p) / n):
    those accuracies that explain `correct` of `n`.

    correct, n: whole numbers, 0 <= correct <= n, n >= 1; z: a number above 0, 1.96 for 95 %.
    Returns (low, high).
    """
    q, z2n = correct / n, z**2 / n
    middle = (q + z2n / 2) / (1 + z2n)
    half = np.sqrt(z2n * q * (1 - q) + z2n**2 / 4) / (1 + z2n)
    return middle - half, middle + half


@wilson.probe(weight=3, repeat=4)
def some_are_wrong(rng):
    n = int(rng.integers(12, 40))
    return (
        int(rng.integers(n // 2 + 1, n - 2)),
        n,
        float(rng.choice([1.28, 1.645, 1.96, 2.58])),
    )


@wilson.probe(weight=1)
def all_are_right(rng):
    n = int(rng.integers(10, 30))
    return n, n, 1.96


@wilson.probe(weight=1)
def none_is_right(rng):
    return 0, int(rng.integers(10, 30)), 1.645


@wilson.probe(weight=0.5)
def most_are_wrong(rng):
    n = int(rng.integers(300, 900))
    return int(rng.integers(5, n // 9)), n, float(rng.uniform(2.5, 4))


@wilson.probe(weight=0.25)
def one_picture(rng):
    return 1, 1, float(rng.uniform(0.5, 1))


for _correct in (18, 20):
    example(wilson, _correct, 20, 1.96)


@wilson.mistake(
    "Where all or none are right the interval has no width here. It has one there, too: many p "
    "explain that."
)
def _(correct, n, z):
    q, z2n = correct / n, z**2 / n
    if correct in (0, n):
        return q, q
    middle = (q + z2n / 2) / (1 + z2n)
    half = np.sqrt(z2n * q * (1 - q) + z2n**2 / 4) / (1 + z2n)
    return middle - half, middle + half


@wilson.mistake(
    "This is the usual interval, with the found frequency in the spread. Here "
    "the spread is that of p itself: solve for p."
)
def _(correct, n, z):
    q = correct / n
    half = z * np.sqrt(q * (1 - q) / n)
    return q - half, q + half


@wilson.mistake(
    "The interval is centred on the found frequency. Its middle lies nearer "
    "to one half: divide q + z²/2n by 1 + z²/n."
)
def _(correct, n, z):
    q = correct / n
    half = z * np.sqrt(q * (1 - q) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return q - half, q + half


@wilson.mistake("Both ends are multiplied by 1 + z²/n: the division is missing.")
def _(correct, n, z):
    q = correct / n
    half = z * np.sqrt(q * (1 - q) / n + z**2 / (4 * n**2))
    return q + z**2 / (2 * n) - half, q + z**2 / (2 * n) + half


@wilson.mistake("z is always 1.96 here. It is an argument.")
def _(correct, n, z):
    q, z = correct / n, 1.96
    middle = (q + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(q * (1 - q) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return middle - half, middle + half


@wilson.mistake(
    "This is the usual interval, cut off at 0 and 1. Here the spread is that of p itself: "
    "solve for p."
)
def _(correct, n, z):
    q = correct / n
    half = z * np.sqrt(q * (1 - q) / n)
    return max(q - half, 0.0), min(q + half, 1.0)


@wilson.mistake("The upper end comes first. Return the lower one first.")
def _(correct, n, z):
    q = correct / n
    middle = (q + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(q * (1 - q) / n + z**2 / (4 * n**2))
    return middle + half, middle - half


@wilson.mistake("These are the middle and the half width. Return the two ends.")
def _(correct, n, z):
    q = correct / n
    middle = (q + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(q * (1 - q) / n + z**2 / (4 * n**2))
    return middle, half


@wilson.mistake(
    "Only the middle is Wilson's: the spread is the usual one there (Agresti and Coull)."
)
def _(correct, n, z):
    q = correct / n
    middle = (q + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(middle * (1 - middle) / (n + z**2))
    return middle - half, middle + half


@wilson.mistake("The half width is not divided by 1 + z²/n.")
def _(correct, n, z):
    q = correct / n
    middle = (q + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(q * (1 - q) / n + z**2 / (4 * n**2))
    return middle - half, middle + half


@wilson.mistake("z is not squared where it shifts the middle: add z²/2n.")
def _(correct, n, z):
    q = correct / n
    middle = (q + z / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(q * (1 - q) / n + z**2 / (4 * n**2))
    return middle - half, middle + half


@wilson.mistake("Under the root z² is divided by 2 n². It is z² / (4 n²).")
def _(correct, n, z):
    q = correct / n
    middle = (q + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(q * (1 - q) / n + z**2 / (2 * n**2))
    return middle - half, middle + half


@wilson.mistake("The ends are percentages. Return numbers from 0 to 1.")
def _(correct, n, z):
    q = correct / n
    middle = (q + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(q * (1 - q) / n + z**2 / (4 * n**2))
    return 100 * (middle - half), 100 * (middle + half)


@wilson.mistake(
    "n - 1 stands where n should. The spread of a frequency has n below the line."
)
def _(correct, n, z):
    q, n = correct / n, max(n - 1, 1)
    middle = (q + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(q * (1 - q) / n + z**2 / (4 * n**2))
    return middle - half, middle + half


@wilson.mistake("z is not squared under the root: z² / (4 n²).")
def _(correct, n, z):
    q = correct / n
    middle = (q + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(q * (1 - q) / n + z / (4 * n**2))
    return middle - half, middle + half


@wilson.alternative()
def _(correct, n, z):
    q = correct / n
    return tuple(np.sort(np.roots([1 + z**2 / n, -(2 * q + z**2 / n), q**2])))


@wilson.alternative(framework="torch")
def _(correct, n, z):
    import math

    wrong = n - correct
    root = z * math.sqrt(correct * wrong / n + z**2 / 4)
    return (correct + z**2 / 2 - root) / (n + z**2), (correct + z**2 / 2 + root) / (
        n + z**2
    )


@wilson.alternative(framework="mxnet")
def _(correct, n, z):
    weight = n / (n + z**2)  # the found frequency, drawn towards one half
    middle = weight * correct / n + (1 - weight) / 2
    half = (
        middle**2 - weight * (correct / n) ** 2
    ) ** 0.5  # the product of the two ends is weight q²
    return middle - half, middle + half


# 6. The price of choosing -------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "Optimistic: for each setting the mean over the folds (a column "
        "of `outer`), and of these the largest.",
        "Nested: in fold k, look only at row k of `inner` to choose a setting. Then read what "
        "this one reached in row k of `outer`.",
        "`inner.argmax(axis=1)` chooses a setting for each fold; "
        "`outer[k, chosen[k]]` is what it gave there.",
    ],
    explanation="""
        The largest of several noisy means is on average larger than what any of the settings is
        worth: the same pictures chose and measured. In the nested estimate the pictures of fold k
        had no part in choosing; it measures the whole procedure, the choice included.
    """,
)
def optimistic_and_nested(inner, outer):
    """Two estimates of how accurate the chosen setting will be.

    outer: (K, C), the accuracy of setting c on fold k after training on all other folds; inner: (K,
    C), its accuracy in a cross-validation *within* those other folds, fold k left out. Optimistic:
    the best setting's mean accuracy on the folds. Nested: for each fold the setting with the best
    inner accuracy (of equals the first) is taken, and the mean of what these reached on their
    folds. Returns (optimistic, nested).
    """
    chosen = inner.argmax(axis=1)
    reached = [float(outer[k, int(c)]) for k, c in enumerate(chosen)]
    return outer.mean(axis=0).max(), np.mean(reached)


@optimistic_and_nested.probe(weight=3, repeat=4)
def random_tables(rng):
    folds, settings = rng.permutation(np.arange(3, 9))[:2]
    return rng.uniform(0.5, 0.9, (folds, settings)).astype(np.float32), rng.uniform(
        0.3, 0.95, (folds, settings)
    ).astype(np.float32)


@optimistic_and_nested.probe(weight=1, repeat=2)
def equal_settings(rng):
    """Few pictures, few possible accuracies: the best is often not the only one."""
    inner = rng.integers(5, 9, (7, 6)).astype(np.float32) / 8
    inner[:, [1, 4]] = 1
    return inner, rng.uniform(0.3, 0.95, (7, 6)).astype(np.float32)


@optimistic_and_nested.probe(weight=1)
def nothing_right_and_better_by_a_hair(rng):
    """In one fold no setting is ever right; in the others the next larger float is the best."""
    inner = rng.uniform(0.2, 0.5, (5, 4)).astype(np.float32)
    inner[:, 1] = 0.75
    inner[:, 3] = np.nextafter(np.float32(0.75), np.float32(1))
    inner[2] = 0
    return inner, rng.uniform(0.3, 0.95, (5, 4)).astype(np.float32)


example(
    optimistic_and_nested,
    floats([0.8, 0.9], [0.7, 0.6]),
    floats([0.9, 0.6], [0.7, 0.8]),
    weight=0.5,
)


@optimistic_and_nested.mistake(
    "In each fold the best setting *of that fold* is taken, so the pictures "
    "that measure have chosen. Choose by `inner`."
)
def _(inner, outer):
    return outer.mean(axis=0).max(), outer.max(axis=1).mean()


@optimistic_and_nested.mistake(
    "The second number is what the chosen ones reached in the inner cross-validation, which "
    "chose them. Look it up in `outer`."
)
def _(inner, outer):
    return outer.mean(axis=0).max(), inner.max(axis=1).mean()


@optimistic_and_nested.mistake(
    "One setting is chosen for all folds, by the mean over rows of `inner`, which contain every "
    "picture. Each fold chooses by its own row."
)
def _(inner, outer):
    return outer.mean(axis=0).max(), outer.mean(axis=0)[inner.mean(axis=0).argmax()]


@optimistic_and_nested.mistake(
    "The first number takes the best of every fold and averages. Average each setting over the "
    "folds first, then take the best."
)
def _(inner, outer):
    return outer.max(axis=1).mean(), outer[
        np.arange(len(outer)), inner.argmax(axis=1)
    ].mean()


@optimistic_and_nested.mistake(
    "The two numbers are in the wrong order: first the optimistic one, then the nested one."
)
def _(inner, outer):
    return outer[np.arange(len(outer)), inner.argmax(axis=1)].mean(), outer.mean(
        axis=0
    ).max()


@optimistic_and_nested.mistake(
    "Of equally good settings the last is taken. The task asks for the first."
)
def _(inner, outer):
    chosen = inner.shape[1] - 1 - inner[:, ::-1].argmax(axis=1)
    return outer.mean(axis=0).max(), outer[np.arange(len(outer)), chosen].mean()


@optimistic_and_nested.mistake(
    "The first number is the largest of the whole table. Average each setting over the folds first."
)
def _(inner, outer):
    rows = np.arange(len(outer))
    return outer.max(), outer[rows, inner.argmax(axis=1)].mean()


@optimistic_and_nested.mistake(
    "The first number is computed from `inner`. The optimistic estimate goes by `outer`."
)
def _(inner, outer):
    rows = np.arange(len(outer))
    return inner.mean(axis=0).max(), outer[rows, inner.argmax(axis=1)].mean()


@optimistic_and_nested.mistake(
    "The first setting is chosen by `inner`. The optimistic estimate chooses by `outer`, by "
    "what it reports."
)
def _(inner, outer):
    rows = np.arange(len(outer))
    chosen = inner.mean(axis=0).argmax()
    return outer.mean(axis=0)[chosen], outer[rows, inner.argmax(axis=1)].mean()


@optimistic_and_nested.mistake(
    "The first number averages over the settings. Average over the folds: `axis=0`."
)
def _(inner, outer):
    rows = np.arange(len(outer))
    return outer.mean(axis=1).max(), outer[rows, inner.argmax(axis=1)].mean()


@optimistic_and_nested.mistake(
    "Of the folds the best is taken for the second number. Average over the folds."
)
def _(inner, outer):
    rows = np.arange(len(outer))
    return outer.mean(axis=0).max(), outer[rows, inner.argmax(axis=1)].max()


@optimistic_and_nested.mistake(
    "The second number is the difference of the two estimates. Return the nested one itself."
)
def _(inner, outer):
    rows = np.arange(len(outer))
    optimistic = outer.mean(axis=0).max()
    return optimistic, optimistic - outer[rows, inner.argmax(axis=1)].mean()


@optimistic_and_nested.mistake(
    "Of equally good settings the mean is taken. The task asks for the first of them."
)
def _(inner, outer):
    best = inner == inner.max(axis=1, keepdims=True)
    return outer.mean(axis=0).max(), (
        (outer * best).sum(axis=1) / best.sum(axis=1)
    ).mean()


@optimistic_and_nested.mistake(
    "The median over the folds is taken for the second number. Take the mean."
)
def _(inner, outer):
    rows = np.arange(len(outer))
    return outer.mean(axis=0).max(), np.median(outer[rows, inner.argmax(axis=1)])


@optimistic_and_nested.mistake(
    "The worst setting is taken for the first number. Take the best."
)
def _(inner, outer):
    rows = np.arange(len(outer))
    return outer.mean(axis=0).min(), outer[rows, inner.argmax(axis=1)].mean()


@optimistic_and_nested.mistake(
    "Only the first fold counts for the second number. Average over all folds."
)
def _(inner, outer):
    return outer.mean(axis=0).max(), outer[0, inner[0].argmax()]


@optimistic_and_nested.mistake(
    "Rows and columns are exchanged: a row is a fold, a column a setting."
)
def _(inner, outer):
    settings = np.arange(inner.shape[1])
    nested = outer[inner.argmax(axis=0), settings].mean()
    return outer.mean(axis=1).max(), nested


@optimistic_and_nested.mistake(
    "Of settings that are equal in `inner` the one that is better in `outer` is taken. Take the "
    "first: fold k has no part in the choice."
)
def _(inner, outer):
    best = inner == inner.max(axis=1, keepdims=True)
    return outer.mean(axis=0).max(), np.where(best, outer, 0).max(axis=1).mean()


@optimistic_and_nested.alternative()
def _(inner, outer):
    reached = np.take_along_axis(outer, inner.argmax(axis=1)[:, None], axis=1)
    return max(column.mean() for column in outer.T), reached.mean()


@optimistic_and_nested.alternative(framework="torch")
def _(inner, outer):
    reached = outer.gather(1, inner.argmax(dim=1, keepdim=True))
    return outer.mean(dim=0).max(), reached.mean()


@optimistic_and_nested.alternative(framework="mxnet")
def _(inner, outer):
    return outer.mean(axis=0).max(), outer.pick(inner.argmax(axis=1)).mean()


# 7. A ranker for hotels it has not seen -----------------------------------------------------------

NDCG = 0.95
FEATURES, PICTURES = 10, 8


@question(
    points=3,
    framework="torch",
    frameworks=NETWORKS,
    driver="fit_predict",
    seconds=60,
    hints=[
        "Whoever predicts clicks learns which hotels are famous. Only which of *two pictures of "
        "one hotel* got more clicks says something of pictures.",
        "One dense layer, features to one score, is enough. Its loss is that of question 2, on "
        "all pairs of pictures of a hotel.",
        "The pairs do not change: compute once which (i, j) count, and in every step take "
        "`softplus(score_j - score_i)` of them (Gluon: `nd.Activation(..., 'softrelu')`). A "
        "hundred steps of Adam with lr 0.05 are plenty.",
    ],
    explanation="""
        In these data famous hotels have other features than the rest, and clicks follow fame more
        than pictures; across hotels what is good even looks bad. A regression on clicks learns
        that, and orders the pictures of a hotel worse than chance. Differences within a hotel are
        free of it: whatever belongs to the hotel cancels.
    """,
)
def rank_pictures(features, clicks, hotels):
    """A net that scores pictures, so that in hotels that it has not seen the order of the scores
    has a mean NDCG of at least 0.95.

    features: (480, 10) float32; clicks: (480,) float32; hotels: (480,) int64, 60 hotels of 8
    pictures. Returns the net: (N, 10) -> (N, 1) scores.
    """
    import torch
    from torch import nn
    from torch.nn.functional import softplus

    torch.manual_seed(0)
    # i is better than j
    i, j = torch.nonzero(
        (hotels[:, None] == hotels) & (clicks[:, None] > clicks), as_tuple=True
    )
    net = nn.Linear(10, 1)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(100):
        scores = net(features).flatten()
        loss = softplus(scores[j] - scores[i]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net


@rank_pictures.probe()
def unseen_hotels(rng):
    """Fame moves the features of a hotel against the direction of quality, and multiplies its
    clicks.
    """
    quality = gaussian(rng, FEATURES)
    quality /= np.linalg.norm(quality)

    def draw(count, first):
        fame = np.repeat(rng.normal(0, 1.5, count), PICTURES)
        # how a picture differs from the others of its hotel
        look = rng.normal(0, 1, (count * PICTURES, FEATURES))
        clicks = (
            np.round(
                20
                * np.exp(fame + 0.8 * look @ quality + rng.normal(0, 0.15, len(fame)))
            )
            + 1
        )
        features = (look - 1.5 * fame[:, None] * quality).astype(np.float32)
        return (
            features,
            clicks.astype(np.float32),
            np.repeat(np.arange(first, first + count), PICTURES),
        )

    (features, clicks, hotels), (new, new_clicks, _) = draw(60, 100), draw(50, 500)
    order = rng.permutation(len(features))
    return Inputs(
        (features[order], clicks[order], new, hotels[order]), secret=new_clicks
    )


@rank_pictures.measure
def _(inputs, output):
    shape, count = np.shape(output["logits"]), len(inputs.secret)
    if shape != (count, 1):
        return Measurement(
            False,
            f"For {count} pictures the net gave an array of shape "
            f"{shape}; it should be ({count}, 1).",
        )
    reached = _mean_ndcg(inputs, output)
    message = f"In hotels that the net has not seen, its order has a mean NDCG of {reached:.3f}"
    return Measurement(reached >= NDCG, f"{message}; {NDCG} is needed.")


def _mean_ndcg(inputs, output):
    clicks = np.reshape(inputs.secret, (-1, PICTURES)).astype(float)
    scores = np.reshape(output["logits"], (-1, PICTURES))
    discount = 1 / np.log2(np.arange(PICTURES) + 2)
    found = np.take_along_axis(clicks, np.argsort(-scores, axis=1), axis=1) @ discount
    return float(np.mean(found / (-np.sort(-clicks, axis=1) @ discount)))


def _has_scores(inputs, output):
    return np.shape(output["logits"]) == (len(inputs.secret), 1)


def _is_worse_than_chance(inputs, output):
    return _has_scores(inputs, output) and _mean_ndcg(inputs, output) < 0.72


def _is_about_chance(inputs, output):
    return _has_scores(inputs, output) and 0.72 <= _mean_ndcg(inputs, output) < NDCG


def _has_no_scores(inputs, output):
    return not _has_scores(inputs, output)


@rank_pictures.mistake(
    "The net orders the pictures of a hotel backwards. It has learnt which hotels are famous, "
    "or the sign of its loss is turned: compare pictures within a "
    "hotel only, the better one first.",
    recognise=_is_worse_than_chance,
)
def _(features, clicks, hotels):
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Linear(10, 1)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        ((net(features).flatten() - clicks.log()) ** 2).mean().backward()
        optimizer.step()
    return net


@rank_pictures.mistake(
    "The net has learnt too little to rank. Train until the loss no longer falls, with more "
    "steps or another lr, on all pairs of pictures of a hotel.",
    recognise=_is_about_chance,
)
def _(features, clicks, hotels):
    import torch
    from torch import nn

    net = nn.Linear(10, 1)
    with torch.no_grad():
        net.weight.zero_()  # all scores are equal
    return net


@rank_pictures.mistake(
    "The net does not give one score a picture: its last layer is a dense layer with one output.",
    recognise=_has_no_scores,
)
def _(features, clicks, hotels):
    from torch import nn

    return nn.Linear(10, 2)


@rank_pictures.alternative(framework="mxnet")
def _(features, clicks, hotels):
    from dlkit.mx import autograd, gluon, init, mx, nd

    mx.random.seed(0)
    hotels, column, row = hotels.astype("float32"), (-1, 1), (1, -1)
    counts = nd.broadcast_equal(
        hotels.reshape(column), hotels.reshape(row)
    ) * nd.broadcast_greater(clicks.reshape(column), clicks.reshape(row))
    net = gluon.nn.Dense(1, in_units=10)
    net.initialize(init.Xavier())
    trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.05})
    for _ in range(100):
        with autograd.record():
            scores = net(features)  # (N, 1)
            # [i, j]: of s_j - s_i.
            losses = nd.Activation(
                nd.broadcast_sub(scores.reshape(row), scores), "softrelu"
            )
            loss = (losses * counts).sum() / counts.sum()
        loss.backward()
        trainer.step(1)
        loss.wait_to_read()
    return net


@rank_pictures.alternative(framework="torch")
def _(features, clicks, hotels):
    """A regression after all, of what is left when every hotel has lost its own mean."""
    import torch
    from torch import nn

    X, y = features.clone(), clicks.log()
    for hotel in hotels.unique():
        X[hotels == hotel] -= X[hotels == hotel].mean(dim=0)
        y[hotels == hotel] -= y[hotels == hotel].mean()
    net = nn.Linear(10, 1)
    with torch.no_grad():
        net.weight.copy_(torch.linalg.lstsq(X, y[:, None]).solution.T)
    return net
