"""Chapter 00, first steps: an interval for a proportion, a baseline, a clean division of the
data, a confusion matrix, a first net.
"""

import numpy as np

from autograder import Inputs, question
from solutions import ready_made
from solutions.accuracy import ByAccuracy
from solutions.examples import example
from solutions.inputs import disguised

# 1. An interval for a proportion ------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "The line is `root = ...`, the square root in the formula. The textbooks' root in the "
        "line above has only the first of its two terms.",
        "Square the root above, add z² / (4 n²), take the root again; or write both terms anew. "
        "In Python `** 0.5` takes a root.",
    ],
    explanation="""
        Without the terms in z² this is the interval of the first textbooks, p plus or minus z times
        the standard error. Near 0 and 1 that one fails: for 0 of 20 it has length 0, as if twenty
        images proved that there are no errors. Wilson (1927) asks for which true proportions the
        count would not be surprising.
    """,
)
def wilson_interval(correct, total):
    """The 95 % Wilson interval, z = 1.96, for the true proportion when `correct` of `total` were
    counted.

    correct, total: whole numbers, 0 <= correct <= total, total >= 1. Returns the pair (low, high).
    """
    z = 1.96
    p = correct / total
    middle = p + z**2 / (2 * total)
    root = (p * (1 - p) / total) ** 0.5  # the standard error of the textbooks
    root = (root**2 + z**2 / (4 * total**2)) ** 0.5
    return (middle - z * root) / (1 + z**2 / total), (middle + z * root) / (
        1 + z**2 / total
    )


example(wilson_interval, 345, 359)
example(wilson_interval, 0, 20)
example(wilson_interval, 1, 1)


@wilson_interval.probe(weight=2, repeat=5)
def counts(rng):
    total = int(rng.integers(9, 60))
    return int(rng.integers(1, total)), total


@wilson_interval.probe(weight=1)
def many(rng):
    return int(rng.integers(3300, 3500)), 3590


@wilson_interval.probe(weight=1)
def none_right(rng):
    return 0, int(rng.integers(5, 30))


@wilson_interval.probe(weight=1)
def all_right(rng):
    total = int(rng.integers(5, 30))
    return total, total


@wilson_interval.probe(weight=1)
def a_single_one_which_is_wrong(rng):
    return 0, 1


@wilson_interval.mistake(
    "This is p plus or minus z standard errors, the textbook interval. "
    "Wilson's has two more terms, and divides."
)
def _(correct, total):
    p = correct / total
    half = 1.96 * (p * (1 - p) / total) ** 0.5
    return p - half, p + half


@wilson_interval.mistake(
    "The second term under the root, z² / (4 n²), is missing. With it, 0 of "
    "20 does not give an interval of length 0."
)
def _(correct, total):
    z = 1.96
    p = correct / total
    middle, half, scale = (
        p + z**2 / (2 * total),
        z * (p * (1 - p) / total) ** 0.5,
        1 + z**2 / total,
    )
    return (middle - half) / scale, (middle + half) / scale


@wilson_interval.mistake("The factor z before the root is missing.")
def _(correct, total):
    z = 1.96
    p = correct / total
    middle, half, scale = (
        p + z**2 / (2 * total),
        (p * (1 - p) / total + z**2 / (4 * total**2)) ** 0.5,
        1 + z**2 / total,
    )
    return (middle - half) / scale, (middle + half) / scale


@wilson_interval.mistake(
    "The root is missing: half the width is z times the square root of the sum."
)
def _(correct, total):
    z = 1.96
    p = correct / total
    middle, half, scale = (
        p + z**2 / (2 * total),
        z * (p * (1 - p) / total + z**2 / (4 * total**2)),
        1 + z**2 / total,
    )
    return (middle - half) / scale, (middle + half) / scale


@wilson_interval.mistake(
    "The second term under the root is divided by 4 n, not by 4 n². The whole n is squared there."
)
def _(correct, total):
    z = 1.96
    p = correct / total
    middle, half, scale = (
        p + z**2 / (2 * total),
        z * (p * (1 - p) / total + z**2 / (4 * total)) ** 0.5,
        1 + z**2 / total,
    )
    return (middle - half) / scale, (middle + half) / scale


@wilson_interval.mistake(
    "The second term is added to the textbooks' root itself. It belongs under the root, beside p "
    "(1 - p) / n."
)
def _(correct, total):
    z = 1.96
    p = correct / total
    middle, scale = p + z**2 / (2 * total), 1 + z**2 / total
    half = z * ((p * (1 - p) / total) ** 0.5 + z**2 / (4 * total**2))
    return (middle - half) / scale, (middle + half) / scale


@wilson_interval.mistake(
    "Each term has a root of its own. Add the two first, then take one root of the sum."
)
def _(correct, total):
    z = 1.96
    p = correct / total
    middle, scale = p + z**2 / (2 * total), 1 + z**2 / total
    half = z * ((p * (1 - p) / total) ** 0.5 + (z**2 / (4 * total**2)) ** 0.5)
    return (middle - half) / scale, (middle + half) / scale


@wilson_interval.mistake(
    "The textbooks' root is under the new root as it is. Square it first, or write p (1 - p) / n "
    "anew."
)
def _(correct, total):
    z = 1.96
    p = correct / total
    middle, scale = p + z**2 / (2 * total), 1 + z**2 / total
    half = z * ((p * (1 - p) / total) ** 0.5 + z**2 / (4 * total**2)) ** 0.5
    return (middle - half) / scale, (middle + half) / scale


@wilson_interval.mistake(
    "The first term under the root, p (1 - p) / n, is missing: the second one is added to it."
)
def _(correct, total):
    z = 1.96
    p = correct / total
    middle, half, scale = p + z**2 / (2 * total), z**2 / (2 * total), 1 + z**2 / total
    return (middle - half) / scale, (middle + half) / scale


@wilson_interval.mistake(
    "The ends are in percent. The task asks for proportions between 0 and 1."
)
def _(correct, total):
    z = 1.96
    p = correct / total
    middle, half, scale = (
        p + z**2 / (2 * total),
        z * (p * (1 - p) / total + z**2 / (4 * total**2)) ** 0.5,
        1 + z**2 / total,
    )
    return 100 * (middle - half) / scale, 100 * (middle + half) / scale


@wilson_interval.mistake(
    "In the second term under the root z is not squared: it is z² / (4 n²).",
)
def _(correct, total):
    z = 1.96
    p = correct / total
    middle, scale = p + z**2 / (2 * total), 1 + z**2 / total
    half = z * (p * (1 - p) / total + z / (4 * total**2)) ** 0.5
    return (middle - half) / scale, (middle + half) / scale


@wilson_interval.mistake(
    "The second term under the root is divided by 2 n², not by 4 n².",
)
def _(correct, total):
    z = 1.96
    p = correct / total
    middle, scale = p + z**2 / (2 * total), 1 + z**2 / total
    half = z * (p * (1 - p) / total + z**2 / (2 * total**2)) ** 0.5
    return (middle - half) / scale, (middle + half) / scale


@wilson_interval.mistake(
    "`z**2 / 4 * total**2` multiplies by n². Put the divisor in brackets: `z**2 / (4 * total**2)`.",
)
def _(correct, total):
    z = 1.96
    p = correct / total
    middle, scale = p + z**2 / (2 * total), 1 + z**2 / total
    half = z * (p * (1 - p) / total + z**2 / 4 * total**2) ** 0.5
    return (middle - half) / scale, (middle + half) / scale


@wilson_interval.mistake(
    "The ends are in the wrong order: the low one comes first.",
)
def _(correct, total):
    z = 1.96
    p = correct / total
    middle, scale = p + z**2 / (2 * total), 1 + z**2 / total
    half = z * (p * (1 - p) / total + z**2 / (4 * total**2)) ** 0.5
    return (middle + half) / scale, (middle - half) / scale


@wilson_interval.mistake(
    "Proportions are divided as whole numbers: with `//` every proportion below 1 is 0.",
)
def _(correct, total):
    z = 1.96
    p = correct // total
    middle, scale = p + z**2 / (2 * total), 1 + z**2 / total
    half = z * (p * (1 - p) / total + z**2 / (4 * total**2)) ** 0.5
    return (middle - half) / scale, (middle + half) / scale


@wilson_interval.alternative()
def _(correct, total):
    """The two true proportions that lie exactly z standard errors away from what was counted:
    roots of a quadratic equation.
    """
    p, square = correct / total, 1.96**2
    return np.sort(np.roots([total + square, -(2 * total * p + square), total * p**2]))


@wilson_interval.alternative(framework="torch")
def _(correct, total):
    import torch

    z, n = 1.96, torch.tensor(float(total))
    p = correct / n
    half = z * torch.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    ends = torch.stack([p + z**2 / (2 * n) - half, p + z**2 / (2 * n) + half])
    return ends / (1 + z**2 / n)


@wilson_interval.alternative(framework="mxnet")
def _(correct, total):
    from dlkit.mx import nd

    z = 1.96
    p = correct / total
    half = z * nd.array([p * (1 - p) / total + (z / total) ** 2 / 4]).sqrt().asscalar()
    scale = 1 + z**2 / total
    return [
        float(p + z**2 / (2 * total) - half) / scale,
        float(p + z**2 / (2 * total) + half) / scale,
    ]


# 2. The number to beat ----------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "Two steps: find the label that is most frequent among the training labels, then see "
        "how often it is right on the test labels.",
        "`np.bincount` counts the labels 0, 1, 2, ...; PyTorch has `torch.bincount`. `argmax` "
        "of the counts gives the smallest label where several are equally frequent.",
    ],
    explanation="""
        The baseline is a program like any other: it may look at the training labels and at nothing
        else, and it is judged on the test labels. If it took the majority of the test labels, it
        would know something that no program can know in use.
    """,
)
def majority_baseline(train_labels, test_labels):
    """The accuracy on the test labels of always answering with the most frequent training label; of
    several such labels, the smallest.

    train_labels: (N,) int64, test_labels: (M,) int64, whole numbers >= 0. Returns a number between
    0 and 1.
    """
    most_frequent = np.bincount(train_labels).argmax()
    return (test_labels == most_frequent).mean()


example(
    majority_baseline, np.array([3, 1, 1, 0, 3, 1]), np.array([1, 0, 1, 3, 0]), weight=1
)


@majority_baseline.probe(weight=1.5, repeat=4)
def labels_of_both_parts(rng):
    """The training part's majority is in both parts, is not the test part's, and has neither the
    smallest nor the largest label.
    """
    low, first, high = np.sort(rng.permutation(9)[:3])
    second, third = rng.permutation([low, high])
    train = rng.permutation(
        np.repeat([first, second, third], [9, 5, int(rng.integers(1, 5))])
    )
    return train, rng.permutation(
        np.repeat([first, second, third], [int(rng.integers(2, 5)), 6, 1])
    )


@majority_baseline.probe(weight=1, repeat=3)
def equally_frequent(rng):
    """All three four times. The smallest comes neither first nor last among the training labels,
    and a Python set of them does not begin with it.
    """
    low = int(rng.integers(1, 8))
    middle, high = 32 + rng.permutation(low)[:1].item(), 70 + int(rng.integers(9))
    inside = rng.permutation(np.repeat([low, middle, high], [4, 3, 3]))
    train = np.concatenate([[middle], inside, [high]])
    return train, rng.permutation(np.repeat([low, middle, high], [2, 3, 5]))


@majority_baseline.probe(weight=0.5)
def larger_than_every_test_label(rng):
    """A table of the test labels has no row for the answer."""
    second, third = rng.permutation(7)[:2]
    answer = 7 + int(rng.integers(4))
    train = rng.permutation(np.repeat([answer, second, third], [6, 3, 2]))
    return train, rng.permutation(np.repeat([second, third], [4, 3]))


@majority_baseline.probe(weight=0.5)
def not_in_the_test_part(rng):
    """The answer lies between test labels, and is none of them."""
    low, answer, high = np.sort(rng.permutation(9)[:3])
    train = rng.permutation(np.repeat([answer, low, high], [6, 3, 2]))
    return train, rng.permutation(np.repeat([low, high], [4, 3]))


@majority_baseline.probe(weight=0.5)
def the_smallest_of_all(rng):
    """The answer is 0, fewer than half of the labels, and not in their middle."""
    second, third = 1 + rng.permutation(8)[:2]
    train = rng.permutation(np.repeat([0, second, third], [5, 4, 3]))
    return train, rng.permutation(np.repeat([0, second, third], [3, 2, 2]))


@majority_baseline.probe(weight=0.5)
def many_labels(rng):
    """More of each label than eight bits count, the most frequent last, and labels far apart."""
    most, few = np.sort(rng.permutation(np.arange(10, 40))[:2])
    train = np.repeat([few, most], [200, 256 + int(rng.integers(5, 40))])
    test = np.repeat([few, most, 1000], [300, 256 + int(rng.integers(5, 40)), 3])
    return train, rng.permutation(test)


@majority_baseline.probe(weight=0.5)
def one_label_in_each_part(rng):
    label = int(rng.integers(12))
    return np.array([label]), np.array([label])


@majority_baseline.mistake(
    "The most frequent label is taken from the test labels. A program that "
    "is to be put to use cannot know those."
)
def _(train_labels, test_labels):
    return (test_labels == np.bincount(test_labels).argmax()).mean()


@majority_baseline.mistake(
    "The accuracy is that on the training labels. What counts is how often "
    "the answer is right on the test labels."
)
def _(train_labels, test_labels):
    return (train_labels == np.bincount(train_labels).argmax()).mean()


@majority_baseline.mistake(
    "This is the most frequent label itself. The task asks how often it is right."
)
def _(train_labels, test_labels):
    return np.bincount(train_labels).argmax()


@majority_baseline.mistake(
    "This is how many test labels are right. Divide by their number."
)
def _(train_labels, test_labels):
    return (test_labels == np.bincount(train_labels).argmax()).sum()


@majority_baseline.mistake(
    "Of several equally frequent labels the largest is taken. The task asks for the smallest."
)
def _(train_labels, test_labels):
    counts = np.bincount(train_labels)
    return (test_labels == np.flatnonzero(counts == counts.max())[-1]).mean()


@majority_baseline.mistake(
    "Of several equally frequent labels the one that comes first is taken. The task asks for the "
    "smallest."
)
def _(train_labels, test_labels):
    from collections import Counter

    most_frequent = Counter(train_labels.tolist()).most_common(1)[0][0]
    return (test_labels == most_frequent).mean()


@majority_baseline.mistake(
    "This is the largest training label, not the most frequent one."
)
def _(train_labels, test_labels):
    return (test_labels == train_labels.max()).mean()


@majority_baseline.mistake(
    "This is how often the answer is wrong. The task asks how often it is right.",
)
def _(train_labels, test_labels):
    return (test_labels != np.bincount(train_labels).argmax()).mean()


@majority_baseline.mistake(
    "The result is in percent. The task asks for a number between 0 and 1.",
)
def _(train_labels, test_labels):
    return 100 * (test_labels == np.bincount(train_labels).argmax()).mean()


@majority_baseline.mistake(
    "The right ones are divided by the number of training labels. Divide by the number of "
    "test labels.",
)
def _(train_labels, test_labels):
    return (test_labels == np.bincount(train_labels).argmax()).sum() / len(train_labels)


@majority_baseline.mistake(
    "A place in the list of different labels is taken for a label: `values[counts.argmax()]` "
    "is the label itself.",
)
def _(train_labels, test_labels):
    counts = np.unique(train_labels, return_counts=True)[1]
    return (test_labels == counts.argmax()).mean()


@majority_baseline.mistake(
    "The most frequent label of both parts together is taken. Look at the training labels only.",
)
def _(train_labels, test_labels):
    both = np.concatenate([train_labels, test_labels])
    return (test_labels == np.bincount(both).argmax()).mean()


@majority_baseline.alternative()
def _(train_labels, test_labels):
    from collections import Counter

    count = Counter(train_labels.tolist())
    answer = min(count, key=lambda label: (-count[label], label))
    return sum(label == answer for label in test_labels.tolist()) / len(test_labels)


@majority_baseline.alternative(framework="torch")
def _(train_labels, test_labels):
    import torch

    answer = torch.bincount(train_labels).argmax()
    return (test_labels == answer).float().mean()


@majority_baseline.alternative(framework="mxnet")
def _(train_labels, test_labels):
    values, counts = np.unique(train_labels.asnumpy(), return_counts=True)
    answer = int(values[counts.argmax()])
    return (test_labels == answer).astype("float32").mean()


# 3. A division that keeps the classes in proportion -----------------------------------------------


@question(
    points=3,
    hints=[
        "Take one class at a time: at which places does its label stand? Of these places, which "
        "are the k-th, the 2k-th, ...?",
        "`places[k - 1 :: k]` starts at the k-th (counting begins at "
        "0) and takes every k-th from there.",
        "Or walk through the labels once, and count in a dictionary "
        "how often each label has come so far.",
    ],
    explanation="""
        Taking one in k of the whole list instead gives classes by luck, and nothing of a class if
        the list is sorted in an unfortunate way. Counting each class by itself gives every class
        its share, to within one example. Whoever holds out at random shuffles first and then does
        the same.
    """,
)
def hold_out(labels, k):
    """Which examples to hold out: of each class the k-th, the 2k-th, the 3k-th, ..., in the order
    in which they stand.

    labels: (N,) int64, whole numbers >= 0; k: a whole number >= 2. Returns (N,): True (or 1) where
    an example is held out, else False (or 0).
    """
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        held_out[places[k - 1 :: k]] = True
    return held_out


example(hold_out, np.array([5, 2, 5, 5, 2, 5, 5]), 2, weight=1)


@hold_out.probe(weight=2, repeat=4)
def mixed(rng):
    k, names = int(rng.integers(2, 5)), rng.permutation(9)[:3]
    return rng.permutation(np.repeat(names, [2 * k + 1, 3 * k - 1, 2 * k])), k


@hold_out.probe(weight=1)
def sorted_by_class(rng):
    k = int(rng.integers(3, 5))
    return np.repeat(np.sort(rng.permutation(9)[:3]), [2 * k + 1, k + 1, 3 * k]), k


@hold_out.probe(weight=1)
def a_class_with_too_few(rng):
    k, names = int(rng.integers(4, 6)), rng.permutation(9)[:3]
    return rng.permutation(np.repeat(names, [k - 1, 2 * k + 1, 1])), k


@hold_out.probe(weight=0.5)
def labels_far_apart(rng):
    """More than ten classes, numbers that do not occur in between, and two that are the same to
    eight bits.
    """
    k = int(rng.integers(2, 4))
    names = rng.permutation(np.arange(10, 40))[:7]
    names = np.concatenate([names, [255, 256, names[0] + 256, 1000]])
    return rng.permutation(np.repeat(names, 2 * k + 1)), k


@hold_out.probe(weight=0.5)
def one_large_class(rng):
    """More of a class than eight bits count."""
    label, k = int(rng.integers(9)), int(rng.choice([3, 5, 7]))
    return np.full(int(rng.integers(280, 300)), label), k


@hold_out.probe(weight=0.5)
def classes_around_k(rng):
    """One example fewer than k, k of them, and one more."""
    k = int(rng.integers(6, 9))
    return rng.permutation(np.repeat(rng.permutation(9)[:3], [k - 1, k, k + 1])), k


@hold_out.probe(weight=0.5)
def a_single_example(rng):
    return np.array([int(rng.integers(9))]), int(rng.integers(2, 5))


@hold_out.mistake(
    "Every k-th of the whole list is held out, whatever its class. Count each class by itself."
)
def _(labels, k):
    return (np.arange(len(labels)) + 1) % k == 0


@hold_out.mistake(
    "The first of each k is held out instead of the last. In Python, "
    "counting from 0, the k-th stands at k - 1."
)
def _(labels, k):
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        held_out[np.flatnonzero(labels == label)[::k]] = True
    return held_out


@hold_out.mistake(
    "The count is off by one: the places k, 2k, ... counted from 0 are "
    "the (k + 1)-th, the (2k + 1)-th, ..."
)
def _(labels, k):
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        held_out[np.flatnonzero(labels == label)[k::k]] = True
    return held_out


@hold_out.mistake(
    "Only the k-th of each class is held out. The 2k-th, the 3k-th and so on belong to it too."
)
def _(labels, k):
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        held_out[np.flatnonzero(labels == label)[k - 1 : k]] = True
    return held_out


@hold_out.mistake(
    "Of each class the right number is held out, but they are its first ones. Take its k-th, its "
    "2k-th, its 3k-th."
)
def _(labels, k):
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        held_out[places[: len(places) // k]] = True
    return held_out


@hold_out.mistake(
    "A class with fewer than k examples gives one as well. Such a class gives none."
)
def _(labels, k):
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        held_out[places[k - 1 :: k] if len(places) >= k else places[-1:]] = True
    return held_out


@hold_out.mistake(
    "The labels are counted as they follow each other: the count begins anew whenever the class "
    "changes. Keep one count a class."
)
def _(labels, k):
    held_out, run = [], 0
    for place, label in enumerate(labels):
        run = run + 1 if place and label == labels[place - 1] else 1
        held_out.append(run % k == 0)
    return held_out


@hold_out.mistake(
    "The answer is turned round: True where an example stays. It "
    "should be True where one is held out."
)
def _(labels, k):
    kept = np.ones(len(labels), dtype=bool)
    for label in np.unique(labels):
        kept[np.flatnonzero(labels == label)[k - 1 :: k]] = False
    return kept


@hold_out.mistake(
    "These are the places of the examples that are held out. The task asks "
    "for one True or False for every example."
)
def _(labels, k):
    return np.sort(
        np.concatenate(
            [np.flatnonzero(labels == label)[k - 1 :: k] for label in np.unique(labels)]
        )
    )


@hold_out.mistake(
    "The places come one too early: these are the (k - 1)-th, the (2k - 1)-th, ... of a class.",
)
def _(labels, k):
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        held_out[np.flatnonzero(labels == label)[k - 2 :: k]] = True
    return held_out


@hold_out.mistake(
    "From the k-th on, every one of a class is held out. Only the k-th, the 2k-th, the 3k-th "
    "and so on are.",
)
def _(labels, k):
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        held_out[np.flatnonzero(labels == label)[k - 1 :]] = True
    return held_out


@hold_out.mistake(
    "Of each class the right number is held out, but they are its last ones. Take its k-th, "
    "its 2k-th, its 3k-th.",
)
def _(labels, k):
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        held_out[places[len(places) - len(places) // k :]] = True
    return held_out


@hold_out.mistake(
    "Each class is counted from its end. Count in the order in which the examples stand.",
)
def _(labels, k):
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        held_out[np.flatnonzero(labels == label)[::-1][k - 1 :: k]] = True
    return held_out


@hold_out.mistake(
    "Each class gives every (k + 1)-th. Take the k-th, the 2k-th, the 3k-th.",
)
def _(labels, k):
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        held_out[np.flatnonzero(labels == label)[k :: k + 1]] = True
    return held_out


@hold_out.alternative()
def _(labels, k):
    count, held_out = {}, []
    for label in labels.tolist():
        count[label] = count.get(label, 0) + 1
        held_out.append(count[label] % k == 0)
    return held_out


@hold_out.alternative(framework="torch")
def _(labels, k):
    import torch

    held_out = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        places = torch.nonzero(labels == label).flatten()
        held_out[places[k - 1 :: k]] = True
    return held_out


@hold_out.alternative(framework="torch")
def _(labels, k):
    same = labels[:, None] == labels[None]  # (N, N)
    rank = same.tril().sum(1)  # how many of its class have come, itself included
    return rank % k == 0


@hold_out.alternative(framework="mxnet")
def _(labels, k):
    labels, held_out = labels.asnumpy(), []
    for place, label in enumerate(labels):
        rank = int((labels[: place + 1] == label).sum())  # the how-manieth of its class
        held_out.append(rank % k == 0)
    return held_out


hold_out.equivalent(
    "dtype=bool) -> np.zeros(len(labels))", why="0 and 1 stand for False and True."
)
hold_out.equivalent(
    "dtype=torch.bool) -> torch.zeros(len(labels))",
    why="0 and 1 stand for False and True.",
)
hold_out.equivalent(
    "count.get(label, 0) + 1 -> count.get(label, 0) - 1",
    why="-k, -2k, ... are multiples of k like k, 2k, ...",
)
hold_out.equivalent(
    "torch.nonzero(labels == label).flatten() -> torch.nonzero(labels == label)",
    why="A column of places names the same examples.",
)


# 4. A leak ----------------------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "Compare each test image with each training image: two images are "
        "the same when all their pixels are.",
        "`test_images[:, None] == train_images[None]` has the shape (M, N, h, w): one True or "
        "False for every pixel of every pair.",
        "Over the pixels of a pair: all. Over the training images: any. In MXNet a comparison "
        "gives 0 or 1; then `min` is all, and `max` is any.",
    ],
    explanation="""
        A copy of a training image among the test images asks for memory, not for learning. The
        nearest neighbour of the lesson is always right on a copy. Exact copies are the easy case:
        two photographs of one object, or two scans by one writer, leak as well, and there one
        divides by object or by writer.
    """,
)
def leaked(train_images, test_images):
    """Which test images are also among the training images, pixel for pixel.

    train_images: (N, h, w) float32, test_images: (M, h, w) float32. Returns (M,): True (or 1) where
    the very same picture is a training image.
    """
    same = (test_images[:, None] == train_images[None]).all(axis=(2, 3))  # (M, N)
    return same.any(axis=1)


def _pictures(rng, count, height, width):
    """No two of them have the same sum of pixels, so that only what is made alike is alike."""
    while True:
        pictures = rng.integers(1, 17, (count, height, width)).astype(np.float32) / 16
        if len(set(pictures.sum(axis=(1, 2)).tolist())) == count:
            return pictures


def _sums_tell(train, test):
    """Whether two pictures have the same sum of pixels only where they are the same."""
    same = (test[:, None] == train[None]).all(axis=(2, 3))
    same_sum = test.sum(axis=(1, 2))[:, None] == train.sum(axis=(1, 2))[None]
    return (same == same_sum).all()


def _turn(rng, count):
    """The numbers below `count` in another order, none at its own place."""
    return np.roll(np.arange(count), int(rng.integers(1, count)))


def _two_parts(rng, train, test, height, width):
    """Pictures for training and for testing; none is in both."""
    pictures = _pictures(rng, train + test, height, width)
    return pictures[:train], pictures[train:]


@leaked.probe(weight=1)
def example_of_the_statement(rng):
    """The second is the second training image; the third is the third but for one pixel."""
    from dlkit.data import digits

    some = digits().train_images[[3, 7, 11, 15], 0]
    almost = some[2].copy()
    almost[0, 0] = 1
    return some[:3], np.stack([some[3], some[1], almost])


@leaked.probe(weight=1.5, repeat=3)
def copies_elsewhere(rng):
    train, test = _two_parts(rng, int(rng.integers(6, 9)), 5, 3, 4)
    first, second = rng.permutation(5)[:2]
    test[first], test[second] = train[first + 1], train[0] if second else train[-1]
    return train, test


@leaked.probe(weight=1)
def all_but_one_pixel(rng):
    while True:
        train, test = _two_parts(rng, 4, 6, 2, 3)
        test[:4] = train[_turn(rng, 4)]
        test[np.arange(3), rng.integers(0, 2, 3), rng.integers(0, 3, 3)] += 1
        if _sums_tell(train, test):
            return train, test


@leaked.probe(weight=1)
def all_but_a_little(rng):
    """One pixel inside a large picture differs, by ever less: in the end by a single bit. Its
    value is not halfway between two rounded ones.
    """
    train = 0.5 + _pictures(rng, 6, 24, 17) / 2
    train[:, 12, 8] = 0.71
    test = train[_turn(rng, 6)]
    test[:5, 12, 8] += np.float32([0.07, 1e-2, 1e-3, 1e-5, 2**-23])
    return train, test


@leaked.probe(weight=1)
def same_sums(rng):
    """The pixels of a training image in other places: turned round, mirrored, sorted."""
    train, test = _two_parts(rng, 5, 5, 4, 3)
    test[0], test[1], test[3] = train[2][::-1], train[3][:, ::-1], train[1]
    test[4] = np.sort(train[4], axis=None).reshape(4, 3)
    return train, test


@leaked.probe(weight=0.5)
def turned(rng):
    """Square pictures: a training image with rows and columns swapped, and one turned round."""
    train, test = _two_parts(rng, 5, 4, 4, 4)
    test[0], test[1], test[3] = train[2].T, train[4], np.rot90(train[0])
    return train, test


@leaked.probe(weight=1)
def the_same_but_brighter(rng):
    """A training image with every pixel raised, one with every pixel halved, and a negative."""
    while True:
        train, test = _two_parts(rng, 5, 5, 4, 3)
        test[0], test[2], test[3], test[4] = (
            train[4] + 1 / 16,
            train[1] / 2,
            train[2],
            -train[0],
        )
        if _sums_tell(train, test):
            return train, test


@leaked.probe(weight=1)
def copies_within_a_part(rng):
    """A picture twice among the test images, and another twice among the training images:
    neither is a leak by itself.
    """
    train, test = _two_parts(rng, 6, 5, 2, 4)
    train[4], test[3], test[0] = train[1], test[2], train[1]
    return train, test


@leaked.probe(weight=1)
def stitched_together(rng):
    """The upper half of one training image over the lower half of another: every pixel is known,
    the picture is not.
    """
    while True:
        train, test = _two_parts(rng, 5, 4, 4, 3)
        test[1], test[2] = np.concatenate([train[3, :2], train[0, 2:]]), train[4]
        if _sums_tell(train, test):
            return train, test


@leaked.probe(weight=0.5)
def of_which_only_the_border_is_printed(rng):
    """NumPy prints three rows and columns at each end of more than a thousand numbers."""
    train = _pictures(rng, 2, 34, 30)
    test = train[::-1].copy()
    test[0, 17, int(rng.integers(9, 20))] += 1 / 16
    return train, test


@leaked.probe(weight=0.5)
def one_test_image(rng):
    """A copy of the last of many training images."""
    train = rng.integers(0, 17, (120, 9, 11)).astype(np.float32) / 16
    return train, train[-1:].copy()


@leaked.probe(weight=1)
def one_training_image(rng):
    """Two test images have one row in common with it: the first, or the last."""
    while True:
        train, test = _two_parts(rng, 1, 4, 3, 2)
        test[0, 0], test[1, -1], test[2] = train[0, 0], train[0, -1], train[0]
        if _sums_tell(train, test):
            return train, test


@leaked.mistake(
    "Only images at the same place are compared. A copy may stand anywhere: compare each test "
    "image with every training image."
)
def _(train_images, test_images):
    n = min(len(train_images), len(test_images))
    found = np.zeros(len(test_images), dtype=bool)
    found[:n] = (train_images[:n] == test_images[:n]).all(axis=(1, 2))
    return found


@leaked.mistake(
    "One equal pixel is taken for a copy. Two images are the same when all their pixels are."
)
def _(train_images, test_images):
    return (test_images[:, None] == train_images[None]).any(axis=(1, 2, 3))


@leaked.mistake(
    "Images are taken for the same when their pixels add up to the same. "
    "Different pictures can have equal sums."
)
def _(train_images, test_images):
    sums = [
        np.round(16 * images.sum(axis=(1, 2))) for images in (train_images, test_images)
    ]
    return (sums[1][:, None] == sums[0][None]).any(axis=1)


def _takes_near_ones_for_copies(inputs, output):
    """By whatever tolerance or rounding: what is taken for a copy and is none is nearly one."""
    train_images, test_images = inputs.args
    taken = np.asarray(output, dtype=bool)
    far = np.abs(test_images[:, None] - train_images[None]).max(axis=(2, 3))  # (M, N)
    wrong = taken != (far == 0).any(axis=1)
    return not (wrong & ~(taken & (far < 0.1).any(axis=1))).any()


@leaked.mistake(
    "Pictures that are nearly alike are taken for the same. An image that differs in a single "
    "pixel, however little, is no copy: compare with ==.",
    recognise=_takes_near_ones_for_copies,
)
def _(train_images, test_images):
    far = np.abs(test_images[:, None] - train_images[None]).max(axis=(2, 3))
    return (far < 1e-4).any(axis=1)


@leaked.mistake(
    "Each pixel is looked up by itself among the pixels at its place. All pixels must agree with "
    "one and the same training image."
)
def _(train_images, test_images):
    return (test_images[:, None] == train_images[None]).any(axis=1).all(axis=(1, 2))


@leaked.mistake(
    "These are the training images that are among the test images. The task "
    "asks for one answer for each test image."
)
def _(train_images, test_images):
    return (test_images[:, None] == train_images[None]).all(axis=(2, 3)).any(axis=0)


@leaked.mistake(
    "This is how many test images are copies. The task asks which: True or False for each."
)
def _(train_images, test_images):
    return (
        (test_images[:, None] == train_images[None]).all(axis=(2, 3)).any(axis=1).sum()
    )


@leaked.mistake(
    "The answer is turned round: True for images that are no training images. It should be "
    "True for a leak.",
)
def _(train_images, test_images):
    return ~(test_images[:, None] == train_images[None]).all(axis=(2, 3)).any(axis=1)


@leaked.mistake(
    "These are the places of the leaks. The task asks for one True or False for every test image.",
)
def _(train_images, test_images):
    return np.flatnonzero(
        (test_images[:, None] == train_images[None]).all(axis=(2, 3)).any(axis=1)
    )


@leaked.mistake(
    "A picture that occurs twice among the test images is taken for a leak. Only training "
    "images make one.",
)
def _(train_images, test_images):
    in_train = (test_images[:, None] == train_images[None]).all(axis=(2, 3)).any(axis=1)
    return in_train | (
        (test_images[:, None] == test_images[None]).all(axis=(2, 3)).sum(axis=1) > 1
    )


@leaked.mistake(
    "Only the first row of pixels is compared. Two images are the same when all their pixels are.",
)
def _(train_images, test_images):
    return (test_images[:, None, 0] == train_images[None, :, 0]).all(axis=2).any(axis=1)


@leaked.mistake(
    "Only the sums of pixels are compared. The same pixels in other places are another picture.",
)
def _(train_images, test_images):
    sums = test_images.sum(axis=(1, 2))[:, None] == train_images.sum(axis=(1, 2))
    return sums.any(axis=1)


@leaked.mistake(
    "Only which pixels there are is compared, wherever they stand. In other places they make "
    "another picture.",
)
def _(train_images, test_images):
    pixels = np.sort(test_images.reshape(len(test_images), -1), axis=1)
    others = np.sort(train_images.reshape(len(train_images), -1), axis=1)
    return (pixels[:, None] == others[None]).all(axis=2).any(axis=1)


@leaked.mistake(
    "Each test image is compared with the first training image only. A copy may stand anywhere.",
)
def _(train_images, test_images):
    return (test_images == train_images[0]).all(axis=(1, 2))


@leaked.alternative()
def _(train_images, test_images):
    known = {image.tobytes() for image in train_images}
    return [image.tobytes() in known for image in test_images]


@leaked.alternative(framework="torch")
def _(train_images, test_images):
    same = (test_images[:, None] == train_images[None]).flatten(2).all(dim=2)  # (M, N)
    return same.any(dim=1)


@leaked.alternative(framework="torch")
def _(train_images, test_images):
    found = []
    for image in test_images:
        found.append(any(bool((image == other).all()) for other in train_images))
    return found


@leaked.alternative(framework="mxnet")
def _(train_images, test_images):
    found = []
    for image in test_images:
        # (N,) the largest difference
        gaps = (train_images - image).abs().reshape((0, -1)).max(axis=1)
        found.append(gaps.min().asscalar() == 0)
    return found


leaked.equivalent(
    ".max(axis=1) -> (train_images - image).abs().reshape((0, -1)).mean(axis=1)",
    why="Of numbers that are not negative, the mean is 0 only where the largest is.",
)
leaked.equivalent(
    "axis=(2, 3) -> axis=(3, 2)",
    why="Over both axes at once, in whatever order they are named.",
)


# 5. Which is taken for which ----------------------------------------------------------------------


@question(
    points=3,
    forbids=ready_made.CONFUSION,
    forbids_in_words="a library's own confusion matrix (`sklearn.metrics` and the like)",
    hints=[
        "Start with a square of zeros. Each example adds 1 in one "
        "place: in which row, in which column?",
        "`matrix[labels, predictions] += 1` adds only once where a pair occurs several times. "
        "Loop over the examples, or count each pair.",
        "In MXNet take the arrays to NumPy first: `labels.asnumpy()`.",
    ],
    explanation="""
        The diagonal holds what was right: its sum over the number of examples is the accuracy. A
        row shows where the examples of a class went, a column who was taken for a class. Two
        programs with the same accuracy can have very different matrices.
    """,
)
def confusion_matrix(labels, predictions, num_classes):
    """How often class i was taken for class j.

    labels, predictions: (N,) int64 in 0, ..., num_classes - 1; num_classes: a whole number. Returns
    (num_classes, num_classes) counts:
    row i, column j holds the number of examples of class i that were predicted as class j.
    """
    matrix = np.zeros((num_classes, num_classes), dtype=int)
    for label, prediction in zip(labels, predictions, strict=True):
        matrix[label, prediction] += 1
    return matrix


example(
    confusion_matrix,
    np.array([0, 0, 1, 2, 2, 2]),
    np.array([0, 1, 1, 2, 0, 0]),
    3,
    weight=1,
)


@confusion_matrix.probe(weight=2, repeat=3)
def mostly_right(rng):
    classes = int(rng.integers(3, 7))
    labels = rng.integers(0, classes, 40)
    return (
        labels,
        np.where(rng.random(40) < 0.6, labels, rng.integers(0, classes, 40)),
        classes,
    )


@confusion_matrix.probe(weight=1)
def classes_that_do_not_occur(rng):
    """The last class is missing among the labels, and the last two among the predictions."""
    labels = np.concatenate([[4, 2, 2], rng.integers(0, 5, 12)])
    return labels, np.concatenate([[1, 2, 2], rng.integers(0, 4, 12)]), 6


@confusion_matrix.probe(weight=1)
def one_example(rng):
    label, prediction = rng.permutation(3)[:2]
    return np.array([label]), np.array([prediction]), 4


@confusion_matrix.probe(weight=0.5)
def many_of_a_pair(rng):
    """More in a single cell than eight bits count."""
    labels = np.concatenate(
        [np.full(int(rng.integers(280, 300)), 2), rng.integers(0, 3, 30)]
    )
    predictions = np.concatenate([np.full(len(labels) - 30, 1), rng.integers(0, 3, 30)])
    order = rng.permutation(len(labels))
    return labels[order], predictions[order], 3


@confusion_matrix.probe(weight=0.5)
def many_classes(rng):
    classes = int(rng.integers(20, 30))
    labels = np.concatenate([[classes - 1, 12, 12, 15], rng.integers(0, classes, 30)])
    predictions = np.concatenate([[11, 17, 17, 15], rng.integers(0, classes, 30)])
    return labels, predictions, classes


@confusion_matrix.probe(weight=0.5)
def a_single_class(rng):
    count = int(rng.integers(3, 9))
    return np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64), 1


@confusion_matrix.mistake(
    "Rows and columns are exchanged. The row is the true class, the column the predicted one."
)
def _(labels, predictions, num_classes):
    matrix = np.zeros((num_classes, num_classes), dtype=int)
    for label, prediction in zip(labels, predictions, strict=True):
        matrix[prediction, label] += 1
    return matrix


@confusion_matrix.mistake(
    "A pair that occurs several times is counted once: `matrix[rows, "
    "columns] += 1` does not add up repeated places."
)
def _(labels, predictions, num_classes):
    matrix = np.zeros((num_classes, num_classes), dtype=int)
    matrix[labels, predictions] += 1
    return matrix


@confusion_matrix.mistake(
    "The matrix is only as large as the classes that occur. It has "
    "num_classes rows and columns, zeros included."
)
def _(labels, predictions, num_classes):
    size = max(labels.max(), predictions.max()) + 1
    matrix = np.zeros((size, size), dtype=int)
    np.add.at(matrix, (labels, predictions), 1)
    return matrix


@confusion_matrix.mistake("These are shares of each row. The task asks for counts.")
def _(labels, predictions, num_classes):
    matrix = np.zeros((num_classes, num_classes))
    np.add.at(matrix, (labels, predictions), 1)
    return matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)


@confusion_matrix.mistake(
    "Only the errors are counted. What was right belongs on the diagonal."
)
def _(labels, predictions, num_classes):
    matrix = np.zeros((num_classes, num_classes), dtype=int)
    np.add.at(matrix, (labels, predictions), labels != predictions)
    return matrix


@confusion_matrix.mistake(
    "Only what was right is counted. Each error belongs in the row of its "
    "true and the column of its predicted class."
)
def _(labels, predictions, num_classes):
    matrix = np.zeros((num_classes, num_classes), dtype=int)
    np.add.at(matrix, (labels, predictions), labels == predictions)
    return matrix


@confusion_matrix.mistake(
    "These are shares of each column. The task asks for counts.",
)
def _(labels, predictions, num_classes):
    table = np.zeros((num_classes, num_classes))
    np.add.at(table, (labels, predictions), 1)
    return table / np.maximum(table.sum(axis=0), 1)


@confusion_matrix.mistake(
    "These are shares of all examples. The task asks for counts.",
)
def _(labels, predictions, num_classes):
    table = np.zeros((num_classes, num_classes))
    np.add.at(table, (labels, predictions), 1)
    return table / len(labels)


@confusion_matrix.mistake(
    "The counts begin again at 0 after 255: the table holds numbers of eight bits. Use whole "
    "numbers of 64 bits, as libraries do by themselves.",
)
def _(labels, predictions, num_classes):
    table = np.zeros((num_classes, num_classes), np.uint8)
    np.add.at(table, (labels, predictions), 1)
    return table


@confusion_matrix.mistake(
    "Each pair is counted in both directions. Row i, column j holds class i taken for class j.",
)
def _(labels, predictions, num_classes):
    table = np.zeros((num_classes, num_classes), int)
    np.add.at(table, (labels, predictions), 1)
    return table + table.T


@confusion_matrix.alternative()
def _(labels, predictions, num_classes):
    pairs = labels * num_classes + predictions  # one number for each pair
    return np.bincount(pairs, minlength=num_classes**2).reshape(
        num_classes, num_classes
    )


@confusion_matrix.alternative(framework="torch")
def _(labels, predictions, num_classes):
    import torch

    matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    for label, prediction in zip(labels, predictions, strict=True):
        matrix[label, prediction] += 1
    return matrix


@confusion_matrix.alternative(framework="torch")
def _(labels, predictions, num_classes):
    import torch

    one_hot = torch.eye(num_classes)
    return one_hot[labels].T @ one_hot[predictions]


@confusion_matrix.alternative(framework="mxnet")
def _(labels, predictions, num_classes):
    from dlkit.mx import nd

    return nd.dot(
        nd.one_hot(labels, num_classes).T, nd.one_hot(predictions, num_classes)
    )


confusion_matrix.equivalent(
    "dtype=int) -> np.zeros((num_classes, num_classes))",
    why="A count is right as 3.0, too.",
)
confusion_matrix.equivalent(
    "dtype=torch.int64) -> torch.zeros(num_classes, num_classes)",
    why="A count is right as 3.0, too.",
)


# 6. A first net -----------------------------------------------------------------------------------

JUDGED = ByAccuracy("digits", needed=0.93, guessing=0.3)


@question(
    points=4,
    framework="torch",
    frameworks=("torch", "mxnet"),
    driver="fit_predict",
    forbids=ready_made.DATA,
    forbids_in_words=ready_made.DATA_IN_WORDS,
    seconds=60,
    hints=[
        "The function `net_torch` (or `net_gluon`) of the lesson is nearly the answer. Here the "
        "images come as arrays of your framework.",
        "To shuffle in each epoch, PyTorch: `for rows in "
        "torch.randperm(len(train_images)).split(32)`, then "
        "`train_images[rows]`, `train_labels[rows]`.",
        "Gluon: `order = nd.random.shuffle(nd.arange(len(train_images)))`, then "
        "`train_images.take(order[start : start + 32])`. Thirty "
        "epochs with lr 0.5 take a few seconds.",
    ],
    explanation="""
        The nearest mean of the lesson stays near 90 %. It is, by the way, a dense layer in
        disguise: the squared distance to a mean m is |x|² - 2 m·x + |m|², so the weights 2 m and
        the biases -|m|² rank the classes in the same order. Learning the weights instead of
        averaging is what gains the points.
    """,
)
def train(train_images, train_labels):
    """A net, trained to tell digits apart, right on at least 93 % of 500 images that it has not
    seen.

    train_images: (1200, 1, 8, 8) float32 in [0, 1]; train_labels: (1200,) int64 in 0, ..., 9
    Returns the net: (N, 1, 8, 8) -> (N, 10), the largest of the ten outputs is the answer.
    """
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    for _ in range(30):
        for rows in torch.randperm(len(train_images)).split(32):
            optimizer.zero_grad()
            loss(net(train_images[rows]), train_labels[rows]).backward()
            optimizer.step()
    return net


@train.probe()
def unseen_digits(rng):
    """The digits of the course, divided, turned and numbered anew by every seed."""
    from dlkit.data import digits

    data = digits()
    images = np.concatenate([data.train_images, data.val_images, data.test_images])
    labels = np.concatenate([data.train_labels, data.val_labels, data.test_labels])
    chosen = rng.permutation(len(images))[:1700]
    images, labels = disguised(rng, images[chosen], labels[chosen])
    return Inputs((images[:1200], labels[:1200], images[1200:]), secret=labels[1200:])


train.measure(JUDGED.measure)


@train.mistake(
    "The net guesses. Is `optimizer.step()` (Gluon: `trainer.step`) called after every "
    "`backward`, and do images and labels stay together when shuffled?",
    recognise=JUDGED.guesses,
)
def _(train_images, train_labels):
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    for rows in torch.randperm(len(train_images)).split(32):
        optimizer.zero_grad()
        loss(net(train_images[rows]), train_labels[rows]).backward()
    return net


@train.mistake(
    "The net has learnt, but too little: the nearest mean reaches 90 % too. "
    "Train for more epochs, or take larger steps.",
    recognise=JUDGED.learnt_too_little,
)
def _(train_images, train_labels):
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    for _ in range(5):
        for rows in torch.randperm(len(train_images)).split(32):
            optimizer.zero_grad()
            loss(net(train_images[rows]), train_labels[rows]).backward()
            optimizer.step()
    return net


@train.mistake(
    "The net does not give ten numbers an image. Its last layer is a dense layer with ten outputs.",
    recognise=JUDGED.has_another_number_of_outputs,
)
def _(train_images, train_labels):
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))


@train.alternative(framework="mxnet")
def _(train_images, train_labels):
    from dlkit.mx import autograd, gluon, init, mx, nd

    mx.random.seed(0)
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Dense(64, activation="relu"), gluon.nn.Dense(10))
    net.initialize(init.Xavier())
    net.hybridize()
    loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.5})
    for _ in range(30):
        order = nd.random.shuffle(nd.arange(len(train_images)))
        for start in range(0, len(train_images), 32):
            rows = order[start : start + 32]
            with autograd.record():
                loss = loss_of(net(train_images.take(rows)), train_labels.take(rows))
            loss.backward()
            trainer.step(len(rows))
            loss.wait_to_read()
    return net


@train.alternative(framework="torch")
def _(train_images, train_labels):
    """All images at once, one hidden layer more, another optimiser."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 48),
        nn.Tanh(),
        nn.Linear(48, 48),
        nn.Tanh(),
        nn.Linear(48, 10),
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(train_images), train_labels).backward()
        optimizer.step()
    return net
