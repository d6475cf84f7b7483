"""Fine-tuning: a rate for each part, a few labels of each class, frozen normalisation, one step
of it all, the crossover, and 140 labels.
"""

import numpy as np

from autograder import Inputs, question
from solutions import ready_made
from solutions.accuracy import ByAccuracy
from solutions.examples import example, floats
from solutions.inputs import gaussian, parameter_shapes, renumbered

NETWORKS = ("torch", "mxnet")


# 1. A learning rate for each part -----------------------------------------------------------------


@question(
    points=2,
    hints=[
        "The last part, number num_parts - 1, learns with `lr` itself. "
        "What does the part below it learn with?",
        "`above` counts the steps from this part up to the last one: for each of them the rate "
        "is divided by `factor` once.",
        "Dividing k times by a number is dividing by its k-th power.",
    ],
    explanation="""
        The head is new and has everything to learn; each part below it knows more that is worth
        keeping. Howard and Ruder (2018) divide by 2.6 from part to part. With a factor of 1 all
        parts learn alike; with a very large one only the last does: freezing is the extreme case.
    """,
)
def part_rates(num_parts, num_frozen, lr, factor):
    """The learning rates of the parts of a net, first part first: 0 for the frozen ones, lr for the
    last, divided by `factor` for each part further down.

    num_parts: at least 1; num_frozen: 0 to num_parts, the first ones; lr, factor: positive numbers.
    Returns a list of num_parts numbers.
    """
    num_trained, rates = num_parts - num_frozen, []
    for part in range(num_parts):
        # Above: how many parts lie above this one.
        rate, above = (
            lr,
            num_parts - 1 - part,
        )
        rate = rate / factor**above
        rates.append(rate if above < num_trained else 0.0)
    return rates


@part_rates.probe(weight=1, repeat=2)
def nothing_frozen(rng):
    return (
        int(rng.integers(4, 7)),
        0,
        float(rng.uniform(0.1, 0.9)),
        float(rng.uniform(1.3, 2.6)),
    )


@part_rates.probe(weight=2, repeat=3)
def some_frozen(rng):
    return (
        int(rng.integers(6, 9)),
        int(rng.integers(2, 4)),
        float(rng.uniform(0.1, 0.9)),
        float(rng.uniform(1.3, 2.6)),
    )


@part_rates.probe(weight=1)
def all_but_the_last_frozen(rng):
    return 12, 11, float(rng.uniform(0.1, 0.9)), float(rng.uniform(1.3, 2.6))


@part_rates.probe(weight=0.5)
def a_single_part_and_it_is_frozen(rng):
    return 1, 1, float(rng.uniform(0.1, 0.9)), float(rng.uniform(1.3, 2.6))


@part_rates.probe(weight=0.5, repeat=2)
def all_frozen(rng):
    num_parts = int(rng.integers(2, 6))
    return (
        num_parts,
        num_parts,
        float(rng.uniform(0.1, 0.9)),
        float(rng.uniform(1.3, 2.6)),
    )


@part_rates.probe(weight=0.5)
def a_factor_below_one(rng):
    """The parts further down learn faster, and all faster than 1."""
    return 5, 1, float(rng.uniform(1.5, 3)), float(rng.uniform(0.4, 0.8))


@part_rates.probe(weight=0.5)
def a_single_part(rng):
    return 1, 0, float(rng.uniform(0.1, 0.9)), float(rng.uniform(1.3, 2.6))


example(part_rates, 5, 2, 0.4, 2, weight=0.5)


@part_rates.mistake(
    "The last part is never frozen here. With `num_frozen` equal to `num_parts` all rates are 0."
)
def _(num_parts, num_frozen, lr, factor):
    rates = [lr / factor ** (num_parts - 1 - part) for part in range(num_parts)]
    return [
        0.0 if part < min(num_frozen, num_parts - 1) else rate
        for part, rate in enumerate(rates)
    ]


@part_rates.mistake(
    "The rates are upside down: the last part learns fastest, the first one slowest."
)
def _(num_parts, num_frozen, lr, factor):
    return [
        0.0 if part < num_frozen else lr / factor ** (part - num_frozen)
        for part in range(num_parts)
    ]


@part_rates.mistake(
    "The rates grow towards the input. Each part further down "
    "learns more slowly: divide by `factor`."
)
def _(num_parts, num_frozen, lr, factor):
    return [
        0.0 if part < num_frozen else lr * factor ** (num_parts - 1 - part)
        for part in range(num_parts)
    ]


@part_rates.mistake("All parts that are not frozen learn alike. `factor` is not used.")
def _(num_parts, num_frozen, lr, factor):
    return [0.0 if part < num_frozen else lr for part in range(num_parts)]


@part_rates.mistake(
    "The rate is divided by `factor` times the number of parts above. Divide "
    "by `factor` once for each of them: a power."
)
def _(num_parts, num_frozen, lr, factor):
    return [
        0.0
        if part < num_frozen
        else lr / (factor * max(num_parts - 1 - part, 1 / factor))
        for part in range(num_parts)
    ]


@part_rates.mistake(
    "The last part is divided by `factor` already. It learns with `lr` itself."
)
def _(num_parts, num_frozen, lr, factor):
    return [
        0.0 if part < num_frozen else lr / factor ** (num_parts - part)
        for part in range(num_parts)
    ]


@part_rates.mistake("The frozen parts have rates above 0.")
def _(num_parts, num_frozen, lr, factor):
    return [lr / factor ** (num_parts - 1 - part) for part in range(num_parts)]


@part_rates.mistake(
    "The rates come last part first. Begin at the input, with the frozen ones.",
)
def _(num_parts, num_frozen, lr, factor):
    num_trained, rates = num_parts - num_frozen, []
    for part in range(num_parts):
        above = num_parts - 1 - part
        rate = lr / factor**above
        rates.append(rate if above < num_trained else 0.0)
    return rates[::-1]


@part_rates.mistake(
    "The frozen parts are left out. The list has a rate for every part, 0 for those.",
)
def _(num_parts, num_frozen, lr, factor):
    num_trained, rates = num_parts - num_frozen, []
    for part in range(num_parts):
        above = num_parts - 1 - part
        rate = lr / factor**above
        rates.append(rate if above < num_trained else 0.0)
    return rates[num_frozen:]


@part_rates.mistake(
    "One frozen part learns: a part is frozen if its number is below `num_frozen`, so keep "
    "the given condition.",
)
def _(num_parts, num_frozen, lr, factor):
    num_trained, rates = num_parts - num_frozen, []
    for part in range(num_parts):
        above = num_parts - 1 - part
        rate = lr / factor**above
        rates.append(rate if above <= num_trained else 0.0)
    return rates


@part_rates.mistake(
    "The last parts are frozen. Frozen are the first ones, at the input.",
)
def _(num_parts, num_frozen, lr, factor):
    num_trained, rates = num_parts - num_frozen, []
    for part in range(num_parts):
        above = num_parts - 1 - part
        rate = lr / factor**above
        rates.append(rate if part < num_trained else 0.0)
    return rates


@part_rates.mistake(
    "`factor` divides once, however many parts lie above. Divide once for each of them: a power.",
)
def _(num_parts, num_frozen, lr, factor):
    num_trained, rates = num_parts - num_frozen, []
    for part in range(num_parts):
        above = num_parts - 1 - part
        rate = lr / factor if above else lr
        rates.append(rate if above < num_trained else 0.0)
    return rates


@part_rates.mistake(
    "Each part learns by `factor` less. It is divided by factor, not made smaller by it.",
)
def _(num_parts, num_frozen, lr, factor):
    num_trained, rates = num_parts - num_frozen, []
    for part in range(num_parts):
        above = num_parts - 1 - part
        rate = lr - factor * above
        rates.append(rate if above < num_trained else 0.0)
    return rates


@part_rates.alternative()
def _(num_parts, num_frozen, lr, factor):
    rates = []
    for _ in range(num_parts - num_frozen):
        rates.insert(0, lr)
        lr /= factor
    return [0.0] * num_frozen + rates


@part_rates.alternative(framework="torch")
def _(num_parts, num_frozen, lr, factor):
    import torch

    parts = torch.arange(num_parts)
    return torch.where(parts < num_frozen, 0.0, lr / factor ** (num_parts - 1 - parts))


@part_rates.alternative(framework="mxnet")
def _(num_parts, num_frozen, lr, factor):
    from dlkit.mx import nd

    parts = nd.arange(num_parts)
    return (parts >= num_frozen) * lr / factor ** (num_parts - 1 - parts)


# 2. A few labels of each class --------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "Go through `order` once and keep a count for each class. `order` holds "
        "rows; the class of a row is `labels[row]`.",
        "Take a row if its class has been taken fewer than `count` "
        "times, and raise the count of that class.",
    ],
    explanation="""
        Drawing count x classes images at random would leave some classes with one label and others
        with many, so that "five labels a class" means nothing. The order decides the draw: another
        permutation, another draw, and the curve's interval comes from several of them.
    """,
)
def few_labels(labels, count, order):
    """The rows of a small training set: for each class the first `count` rows that `order` names,
    all of them where a class has fewer.

    labels: (N,) int64; count: at least 1; order: (N,) int64, a permutation of 0, ..., N - 1.
    Returns whole numbers, rows, as they come in `order`.
    """
    chosen, taken = [], {}
    for row in order:
        label = int(labels[row])
        if taken.get(label, 0) < count:
            taken[label] = taken.get(label, 0) + 1
            chosen.append(row)
    return chosen


def _shuffled_labels(rng, sizes):
    """Classes by numbers with gaps, two of which are the same number in 8 bits."""
    first = int(rng.integers(2, 9))
    others = rng.choice(np.arange(11, 99), len(sizes) - 2, replace=False)
    names = rng.permutation([first, first + 256, *others])
    labels = rng.permutation(np.repeat(names, sizes))
    return labels.astype(np.int64), rng.permutation(len(labels)).astype(np.int64)


@few_labels.probe(weight=1, repeat=2)
def one_of_each_class(rng):
    labels, order = _shuffled_labels(rng, rng.integers(3, 6, 4))
    return labels, 1, order


@few_labels.probe(weight=3, repeat=4)
def several_of_each_class(rng):
    labels, order = _shuffled_labels(rng, rng.integers(5, 9, int(rng.integers(3, 6))))
    return labels, int(rng.integers(2, 5)), order


@few_labels.probe(weight=1, repeat=2)
def a_class_that_has_fewer(rng):
    labels, order = _shuffled_labels(rng, rng.permutation([2, 5, 7, 9]))
    return labels, 6, order


@few_labels.probe(weight=0.5)
def more_than_there_are(rng):
    labels, order = _shuffled_labels(rng, rng.integers(2, 5, 3))
    return labels, len(labels) + 1, order


@few_labels.probe(weight=0.5)
def one_class_only(rng):
    return np.full(6, 3), 2, rng.permutation(6)


example(
    few_labels,
    np.array([7, 2, 7, 2, 7, 5]),
    2,
    np.array([4, 3, 0, 2, 5, 1]),
    weight=0.5,
)
example(few_labels, np.array([4]), 1, np.array([0]), weight=0.25)


@few_labels.mistake(
    "Every row is taken, so no class is ever full. Is its count raised? A tensor as a key of a "
    "dictionary is another key each time: use `int(label)`."
)
def _(labels, count, order):
    return order


@few_labels.mistake("`order` is not used: another permutation must give another draw.")
def _(labels, count, order):
    chosen, taken = [], {}
    for row in range(len(labels)):
        label = int(labels[row])
        if taken.get(label, 0) < count:
            taken[label] = taken.get(label, 0) + 1
            chosen.append(row)
    return chosen


@few_labels.mistake(
    "These are the first rows of the order, whatever their class. "
    "Every class is to have `count` of its own."
)
def _(labels, count, order):
    return order[: count * len(set(labels.tolist()))]


@few_labels.mistake("These are places in `order`. Return the rows that stand there.")
def _(labels, count, order):
    chosen, taken = [], {}
    for place, row in enumerate(order):
        label = int(labels[row])
        if taken.get(label, 0) < count:
            taken[label] = taken.get(label, 0) + 1
            chosen.append(place)
    return chosen


@few_labels.mistake(
    "The labels are read at the place in `order`; the class of a row is `labels[row]`."
)
def _(labels, count, order):
    chosen, taken = [], {}
    for place, row in enumerate(order):
        label = int(labels[place])
        if taken.get(label, 0) < count:
            taken[label] = taken.get(label, 0) + 1
            chosen.append(row)
    return chosen


@few_labels.mistake(
    "The right rows, class by class. They are to stay in the order in which `order` names them."
)
def _(labels, count, order):
    return np.concatenate(
        [order[labels[order] == label][:count] for label in np.unique(labels)]
    )


@few_labels.mistake(
    "The right rows, sorted. They are to stay in the order in which `order` names them."
)
def _(labels, count, order):
    return np.sort(
        np.concatenate(
            [order[labels[order] == label][:count] for label in np.unique(labels)]
        )
    )


@few_labels.mistake("These are the labels of the right images. Return their rows.")
def _(labels, count, order):
    chosen, taken = [], {}
    for row in order:
        label = int(labels[row])
        if taken.get(label, 0) < count:
            taken[label] = taken.get(label, 0) + 1
            chosen.append(label)
    return chosen


@few_labels.mistake(
    "Each class has one image too many. Compare the count before the image is added to it."
)
def _(labels, count, order):
    chosen, taken = [], {}
    for row in order:
        label = int(labels[row])
        if taken.get(label, 0) <= count:
            taken[label] = taken.get(label, 0) + 1
            chosen.append(row)
    return chosen


@few_labels.mistake(
    "Each class has one row too few. Take the first `count` of each.",
)
def _(labels, count, order):
    seen, rows = {}, []
    for row in order:
        seen[labels[row]] = seen.get(labels[row], 0) + 1
        if seen[labels[row]] < count:
            rows.append(row)
    return np.array(rows, dtype=int)


@few_labels.mistake(
    "Classes with fewer than `count` are left out. Take all rows of them.",
)
def _(labels, count, order):
    return [
        row
        for place, row in enumerate(order)
        if (labels[order[: place + 1]] == labels[row]).sum()
        <= count
        <= (labels == labels[row]).sum()
    ]


@few_labels.mistake(
    "Every class gets as few as the smallest has. Only that class gives fewer than `count`.",
)
def _(labels, count, order):
    least = min(count, np.unique(labels, return_counts=True)[1].min())
    return [
        row
        for place, row in enumerate(order)
        if (labels[order[: place + 1]] == labels[row]).sum() <= least
    ]


@few_labels.mistake(
    "The last rows that `order` names are taken. Take the first of each class.",
)
def _(labels, count, order):
    return [
        row
        for place, row in enumerate(order)
        if (labels[order[place:]] == labels[row]).sum() <= count
    ]


@few_labels.mistake(
    "This is one True or False for each row. Return the rows.",
)
def _(labels, count, order):
    taken = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        taken[[row for row in order if labels[row] == label][:count]] = True
    return taken


@few_labels.mistake(
    "Only one row of each class is taken. Take `count` of each.",
)
def _(labels, count, order):
    return [
        row
        for place, row in enumerate(order)
        if labels[row] not in labels[order[:place]]
    ]


@few_labels.mistake(
    "`order` is used the wrong way round: it names rows, `order[0]` is the first of them.",
)
def _(labels, count, order):
    rows = np.argsort(order)
    return [
        row
        for place, row in enumerate(rows)
        if (labels[rows[: place + 1]] == labels[row]).sum() <= count
    ]


@few_labels.alternative()
def _(labels, count, order):
    arrived = labels[order]
    # of the same class, before this one
    earlier = np.tril(arrived[:, None] == arrived, -1).sum(axis=1)
    return order[earlier < count]


@few_labels.alternative(framework="torch")
def _(labels, count, order):
    import torch

    one_hot = torch.nn.functional.one_hot(labels[order])  # (N, classes)
    # 1 for the first of its class, 2 for the second
    numbers = (one_hot.cumsum(dim=0) * one_hot).sum(dim=1)
    return order[numbers <= count]


@few_labels.alternative(framework="mxnet")
def _(labels, count, order):
    names, rows = labels.asnumpy().tolist(), order.asnumpy().tolist()
    return [
        row
        for place, row in enumerate(rows)
        if [names[other] for other in rows[:place]].count(names[row]) < count
    ]


few_labels.equivalent(
    "taken.get(label, 0) < -> taken.get(label, -1) <",
    why="A class that has not been met is below `count` either way.",
)


# 3. Batch normalisation in a frozen part ----------------------------------------------------------


@question(
    points=3,
    hints=[
        "Two cases. Frozen: the stored statistics normalise, and nothing is stored. Not frozen: "
        "those of the batch do, and a tenth of the mean's way is stored.",
        "The mean of a channel goes over images, height and width: `X.mean(axis=(0, 2, 3))`; "
        "the variance divides by their number.",
        "To subtract (C,) from (N, C, H, W), give it the shape (1, C, 1, 1). The "
        "small number 1e-5 stands under the root.",
    ],
    explanation="""
        Normalisation has two states that no gradient ever touches. In training mode it looks at the
        batch, so one image's features depend on its neighbours, and it stores what it saw. A part
        with `requires_grad` off but in training mode does both: its parameters stand still and its
        features move.
    """,
)
def normalise(X, running_mean, running_var, frozen):
    """Batch normalisation without scale and shift: the normalised batch, and the mean that is
    stored afterwards.

    X: (N, C, H, W) float32; running_mean, running_var: (C,) float32, stored; frozen: True or False.
    Returns Y (N, C, H, W) and the running mean (C,).
    Y = (X - mean) / sqrt(var + 1e-5), channel by channel. Frozen: with the stored mean and
    variance; the running mean stays. Otherwise with those of the batch (variance: divided by the
    count), and the running mean becomes 0.9 of the old one + 0.1 of the batch's.
    """
    mean, var = running_mean, running_var
    if not frozen:
        mean, var = X.mean(axis=(0, 2, 3)), X.var(axis=(0, 2, 3))
        running_mean = 0.9 * running_mean + 0.1 * mean
    Y = (X - mean[:, None, None]) / np.sqrt(var[:, None, None] + 1e-5)
    return Y, running_mean


def _batch(rng, spread=1.0):
    n, c, h, w = (int(size) for size in rng.permutation([2, 3, 4, 5]))
    X = gaussian(rng, n, c, h, w, scale=spread) + gaussian(
        rng, 1, c, 1, 1, scale=2 * spread
    )
    return (
        X,
        gaussian(rng, c, scale=2 * spread),
        (spread**2 * rng.uniform(0.3, 3, c)).astype(np.float32),
    )


@normalise.probe(weight=2, repeat=3)
def frozen_part(rng):
    return *_batch(rng), True


@normalise.probe(weight=2, repeat=3)
def part_that_is_trained(rng):
    return *_batch(rng), False


@normalise.probe(weight=0.5)
def channels_that_hardly_vary(rng):
    return *_batch(rng, spread=0.004), False


@normalise.probe(weight=0.5)
def channels_that_hardly_varied(rng):
    return *_batch(rng, spread=0.004), True


@normalise.probe(weight=0.5)
def a_channel_that_does_not_vary(rng):
    X, running_mean, running_var = _batch(rng)
    X[:, rng.integers(X.shape[1])] = 0  # whose mean every library computes exactly
    return X, running_mean, running_var, False


@normalise.probe(weight=0.5)
def a_single_image_of_one_channel(rng):
    return (
        1 + gaussian(rng, 1, 1, 3, 4),
        gaussian(rng, 1, scale=2),
        2 + gaussian(rng, 1) ** 2,
        True,
    )


_TWO_NUMBERS = floats([[[3]]], [[[5]]])
example(normalise, _TWO_NUMBERS, floats(0), floats(1), True)
example(normalise, _TWO_NUMBERS, floats(0), floats(1), False)


@normalise.mistake(
    "The frozen part is normalised with the batch's statistics, as a part left in training mode "
    "is. It must use the stored ones."
)
def _(X, running_mean, running_var, frozen):
    mean, var = (
        X.mean(axis=(0, 2, 3), keepdims=True),
        X.var(axis=(0, 2, 3), keepdims=True),
    )
    return (X - mean) / np.sqrt(
        var + 1e-5
    ), running_mean if frozen else 0.9 * running_mean + 0.1 * mean.ravel()


@normalise.mistake(
    "The running mean moves although the part is frozen. No gradient does this: training mode does."
)
def _(X, running_mean, running_var, frozen):
    mean, var = X.mean(axis=(0, 2, 3)), X.var(axis=(0, 2, 3))
    stored = 0.9 * running_mean + 0.1 * mean
    if frozen:
        mean, var = running_mean, running_var
    return (X - mean.reshape(1, -1, 1, 1)) / np.sqrt(
        var.reshape(1, -1, 1, 1) + 1e-5
    ), stored


@normalise.mistake(
    "This is training mode in both cases. When `frozen`, the stored "
    "statistics normalise and stay as they are."
)
def _(X, running_mean, running_var, frozen):
    mean, var = (
        X.mean(axis=(0, 2, 3), keepdims=True),
        X.var(axis=(0, 2, 3), keepdims=True),
    )
    return (X - mean) / np.sqrt(var + 1e-5), 0.9 * running_mean + 0.1 * mean.ravel()


@normalise.mistake(
    "This is evaluation mode in both cases. A part that is not frozen normalises with the "
    "batch's own statistics, and stores them."
)
def _(X, running_mean, running_var, frozen):
    mean, var = running_mean.reshape(1, -1, 1, 1), running_var.reshape(1, -1, 1, 1)
    return (X - mean) / np.sqrt(var + 1e-5), running_mean


@normalise.mistake(
    "The weights of old and new are exchanged: 0.9 belongs to the "
    "old running mean, 0.1 to the batch's."
)
def _(X, running_mean, running_var, frozen):
    mean, var = running_mean, running_var
    if not frozen:
        mean, var = X.mean(axis=(0, 2, 3)), X.var(axis=(0, 2, 3))
        running_mean = 0.1 * running_mean + 0.9 * mean
    return (X - mean.reshape(1, -1, 1, 1)) / np.sqrt(
        var.reshape(1, -1, 1, 1) + 1e-5
    ), running_mean


@normalise.mistake(
    "The variance of the batch is divided by the count less 1. Here it is divided by the count."
)
def _(X, running_mean, running_var, frozen):
    mean, var = running_mean, running_var
    if not frozen:
        mean, var = X.mean(axis=(0, 2, 3)), X.var(axis=(0, 2, 3), ddof=1)
        running_mean = 0.9 * running_mean + 0.1 * mean
    return (X - mean.reshape(1, -1, 1, 1)) / np.sqrt(
        var.reshape(1, -1, 1, 1) + 1e-5
    ), running_mean


@normalise.mistake(
    "The small number 1e-5 is missing, or not under the root: channels that hardly vary show it."
)
def _(X, running_mean, running_var, frozen):
    mean, var = running_mean, running_var
    if not frozen:
        mean, var = X.mean(axis=(0, 2, 3)), X.var(axis=(0, 2, 3))
        running_mean = 0.9 * running_mean + 0.1 * mean
    return (X - mean.reshape(1, -1, 1, 1)) / np.sqrt(
        var.reshape(1, -1, 1, 1)
    ), running_mean


@normalise.mistake(
    "`frozen` is turned round: the stored statistics belong to the frozen part, the batch's "
    "to the other.",
)
def _(X, running_mean, running_var, frozen):
    if not frozen:
        mean, var, kept = running_mean, running_var, running_mean
    else:
        mean, var = X.mean(axis=(0, 2, 3)), X.var(axis=(0, 2, 3))
        kept = 0.9 * running_mean + 0.1 * mean
    return (X - mean[:, None, None]) / np.sqrt(var + 1e-5)[:, None, None], kept


@normalise.mistake(
    "The running mean stays what it was. A part that is not frozen moves it.",
)
def _(X, running_mean, running_var, frozen):
    if frozen:
        mean, var, kept = running_mean, running_var, running_mean
    else:
        mean, var = X.mean(axis=(0, 2, 3)), X.var(axis=(0, 2, 3))
        kept = running_mean
    return (X - mean[:, None, None]) / np.sqrt(var + 1e-5)[:, None, None], kept


@normalise.mistake(
    "The batch is normalised with the running mean after its update. Use the batch's own mean.",
)
def _(X, running_mean, running_var, frozen):
    if frozen:
        mean, var, kept = running_mean, running_var, running_mean
    else:
        mean, var = X.mean(axis=(0, 2, 3)), X.var(axis=(0, 2, 3))
        kept = 0.9 * running_mean + 0.1 * mean
        mean = kept
    return (X - mean[:, None, None]) / np.sqrt(var + 1e-5)[:, None, None], kept


@normalise.mistake(
    "The root is missing: divide by the root of the variance.",
)
def _(X, running_mean, running_var, frozen):
    if frozen:
        mean, var, kept = running_mean, running_var, running_mean
    else:
        mean, var = X.mean(axis=(0, 2, 3)), X.var(axis=(0, 2, 3))
        kept = 0.9 * running_mean + 0.1 * mean
    return (X - mean[:, None, None]) / (var + 1e-5)[:, None, None], kept


@normalise.mistake(
    "The two results are the wrong way round: Y first, then the running mean.",
)
def _(X, running_mean, running_var, frozen):
    if frozen:
        mean, var, kept = running_mean, running_var, running_mean
    else:
        mean, var = X.mean(axis=(0, 2, 3)), X.var(axis=(0, 2, 3))
        kept = 0.9 * running_mean + 0.1 * mean
    return kept, (X - mean[:, None, None]) / np.sqrt(var + 1e-5)[:, None, None]


@normalise.mistake(
    "The batch's mean is returned. The running mean is 0.9 times the old one plus 0.1 times "
    "the batch's.",
)
def _(X, running_mean, running_var, frozen):
    if frozen:
        mean, var, kept = running_mean, running_var, running_mean
    else:
        mean, var = X.mean(axis=(0, 2, 3)), X.var(axis=(0, 2, 3))
        kept = mean
    return (X - mean[:, None, None]) / np.sqrt(var + 1e-5)[:, None, None], kept


@normalise.mistake(
    "A part that is not frozen is divided by the stored variance. Use the batch's own.",
)
def _(X, running_mean, running_var, frozen):
    if frozen:
        mean, var, kept = running_mean, running_var, running_mean
    else:
        mean, var = X.mean(axis=(0, 2, 3)), running_var
        kept = 0.9 * running_mean + 0.1 * mean
    return (X - mean[:, None, None]) / np.sqrt(var + 1e-5)[:, None, None], kept


@normalise.mistake(
    "The variance of the batch is taken around the running mean. Take it around the batch's "
    "own mean.",
)
def _(X, running_mean, running_var, frozen):
    if frozen:
        mean, var, kept = running_mean, running_var, running_mean
    else:
        mean, var = (
            X.mean(axis=(0, 2, 3)),
            ((X - running_mean[:, None, None]) ** 2).mean(axis=(0, 2, 3)),
        )
        kept = 0.9 * running_mean + 0.1 * mean
    return (X - mean[:, None, None]) / np.sqrt(var + 1e-5)[:, None, None], kept


@normalise.alternative(framework="torch")
def _(X, running_mean, running_var, frozen):
    import torch

    # stores in place
    Y = torch.nn.functional.batch_norm(
        X, running_mean, running_var, training=not frozen
    )
    return Y, running_mean


@normalise.alternative(framework="mxnet")
def _(X, running_mean, running_var, frozen):
    if frozen:
        mean, var = running_mean, running_var
    else:
        mean = X.mean(axis=(0, 2, 3))
        var = ((X - mean.reshape((1, -1, 1, 1))) ** 2).mean(axis=(0, 2, 3))
    Y = (X - mean.reshape((1, -1, 1, 1))) / (var.reshape((1, -1, 1, 1)) + 1e-5).sqrt()
    return Y, running_mean + (mean - running_mean) / 10  # frozen: by 0


for _axes in ("(2, 0, 3)", "(0, 3, 2)"):
    for _sum in ("X.mean", "X.var", "** 2).mean"):
        normalise.equivalent(
            f"{_sum}(axis=(0, 2, 3)) -> {_sum}(axis={_axes})",
            why="All three axes are gone, in whatever order they are named.",
        )


# 4. One step of fine-tuning -----------------------------------------------------------------------


@question(
    points=4,
    framework="torch",
    frameworks=NETWORKS,
    driver="change_network",
    hints=[
        "PyTorch: `layer.eval()` for the frozen layers, then `loss.backward()`, and under "
        "`torch.no_grad()` p -= rate * p.grad for the parameters of the others.",
        "Gluon: send X through the frozen layers before `autograd.record()`: outside of it, "
        "normalisation and dropout are in evaluation mode, and no gradient is kept.",
        "Gluon's losses are one number a sample: take the mean before `backward`, or divide the "
        "step by the batch size. Running means and variances have "
        "grad_req 'null': leave them out.",
    ],
    explanation="""
        Two things freeze a layer: it gets no step, and it is in evaluation mode. A rate of 0 alone
        leaves its batch normalisation storing the new data's statistics, and the features it was
        trained to give are gone after some batches. Recording from the first trained layer on also
        saves the work of going backward through the frozen ones.
    """,
)
def fine_tune_step(net, X, y, rates):
    """One step of plain gradient descent on the mean cross-entropy of the batch, with a learning
    rate for each layer; `net` is changed in place.

    net: layers one after another, to be iterated over; X: (N, ...) float32; y: (N,) int64 classes;
    rates: a number a layer. The layers with rate 0 are frozen; they come first, and not all are. A
    frozen layer keeps its parameters and everything it has stored, and computes as in evaluation
    mode. Batch normalisation occurs in frozen layers only.
    """
    import torch

    net.eval()  # here only frozen layers tell the two modes apart
    torch.nn.functional.cross_entropy(net(X), y).backward()
    with torch.no_grad():
        for layer, rate in zip(net, rates, strict=True):
            for parameter in layer.parameters():
                parameter -= rate * parameter.grad


def _step(rng, layers, X, num_frozen, classes):
    count, weights = (
        len(X[0]),
        [gaussian(rng, *shape) for shape in parameter_shapes(layers)],
    )
    rates = [0.0] * num_frozen + rng.uniform(
        0.2, 0.9, len(layers) - num_frozen
    ).tolist()
    y = rng.permutation(np.arange(count) % classes).astype(np.int64)
    return layers, weights, X[1], X[0], y, rates


def _batches(rng, *shape):
    """One to train on, one to predict, unlike in mean and spread."""
    return 1 + 1.5 * gaussian(rng, 7, *shape), gaussian(rng, 4, *shape)


@fine_tune_step.probe(weight=1, repeat=2)
def dense_layers(rng):
    return _step(
        rng, [["dense", 4, 5], ["tanh"], ["dense", 5, 3]], _batches(rng, 4), 0, 3
    )


@fine_tune_step.probe(weight=1, repeat=2)
def frozen_convolution(rng):
    return _step(
        rng,
        [["conv", 2, 3, 2], ["tanh"], ["flatten"], ["dense", 18, 4], ["dense", 4, 3]],
        _batches(rng, 2, 3, 4),
        2,
        3,
    )


@fine_tune_step.probe(weight=2, repeat=3)
def frozen_normalisation(rng):
    layers = [
        ["conv", 2, 3, 2],
        ["batchnorm", 3],
        ["tanh"],
        ["flatten"],
        ["dense", 18, 4],
        ["tanh"],
        ["dense", 4, 3],
    ]
    return _step(rng, layers, _batches(rng, 2, 3, 4), int(rng.integers(2, 4)), 3)


@fine_tune_step.probe(weight=1)
def trained_convolutions(rng):
    """Of all layers, the frozen ones included, none of the kinds stands on one side only."""
    layers = [
        ["conv", 2, 3, 2],
        ["batchnorm", 3],
        ["tanh"],
        ["conv", 3, 2, 2],
        ["tanh"],
        ["flatten"],
        ["dense", 12, 4],
        ["tanh"],
        ["dense", 4, 3],
    ]
    return _step(rng, layers, _batches(rng, 2, 4, 5), 3, 3)


@fine_tune_step.probe(weight=1)
def every_layer_is_trained(rng):
    layers = [["conv", 1, 3, 2], ["tanh"], ["flatten"], ["dense", 12, 3]]
    return _step(rng, layers, _batches(rng, 1, 3, 3), 0, 3)


@fine_tune_step.probe(weight=0.5)
def only_the_last_is_trained(rng):
    layers = [["dense", 5, 4], ["tanh"], ["dense", 4, 3]]
    return _step(rng, layers, _batches(rng, 5), 2, 3)


@fine_tune_step.probe(weight=0.5)
def a_single_image(rng):
    X = 1 + 1.5 * gaussian(rng, 1, 4), gaussian(rng, 4, 4)
    return _step(rng, [["dense", 4, 5], ["tanh"], ["dense", 5, 3]], X, 0, 3)


def _waves(*shape, step=1.0):
    """Numbers between -1 and 1, the same for everybody and none like its neighbours."""
    return (
        np.sin(step * np.arange(1, np.prod(shape) + 1))
        .reshape(shape)
        .astype(np.float32)
    )


_NET_OF_THE_TABLE = [
    ["conv", 1, 2, 2],
    ["batchnorm", 2],
    ["tanh"],
    ["flatten"],
    ["dense", 8, 4],
    ["dense", 4, 3],
]
example(
    fine_tune_step,
    _NET_OF_THE_TABLE,
    [_waves(*shape) for shape in parameter_shapes(_NET_OF_THE_TABLE)],
    _waves(4, 1, 3, 3, step=2.3),
    1 + 1.5 * _waves(6, 1, 3, 3, step=1.7),
    np.array([0, 1, 2, 2, 1, 0]),
    [0, 0, 0.3, 0.5, 0.2, 0.8],
    weight=0.5,
)


@fine_tune_step.mistake(
    "The rates are given out by parameter. There is one for each *layer*: its weight and its bias "
    "move by the same."
)
def _(net, X, y, rates):
    import torch

    net.eval()
    torch.nn.functional.cross_entropy(net(X), y).backward()
    with torch.no_grad():
        for parameter, rate in zip(net.parameters(), rates, strict=False):
            parameter -= rate * parameter.grad


@fine_tune_step.mistake(
    "The step is divided by the number of images twice, so it is N times too short. In Gluon, "
    "after `.mean()` it is `trainer.step(1)`."
)
def _(net, X, y, rates):
    import torch

    net.eval()
    (torch.nn.functional.cross_entropy(net(X), y) / len(y)).backward()
    with torch.no_grad():
        for layer, rate in zip(net, rates, strict=True):
            for parameter in layer.parameters():
                parameter -= rate * parameter.grad


@fine_tune_step.mistake(
    "Only dense layers have moved. A convolution with a rate above 0 is trained as well."
)
def _(net, X, y, rates):
    import torch

    net.eval()
    torch.nn.functional.cross_entropy(net(X), y).backward()
    with torch.no_grad():
        for layer, rate in zip(net, rates, strict=True):
            if isinstance(layer, torch.nn.Linear):
                layer.weight -= rate * layer.weight.grad
                layer.bias -= rate * layer.bias.grad


@fine_tune_step.mistake(
    "Under `autograd.record()` the frozen normalisation is in training mode as well: it uses the "
    "batch and stores it. Send X through the frozen layers before you record.",
    framework="mxnet",
)
def _(net, X, y, rates):
    from dlkit.mx import autograd, gluon

    for i, rate in enumerate(rates):
        net[i].collect_params().setattr("lr_mult", rate)
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 1.0})
    with autograd.record():
        loss = gluon.loss.SoftmaxCrossEntropyLoss()(net(X), y)
    loss.backward()
    trainer.step(len(y))


@fine_tune_step.mistake(
    "The frozen batch normalisation was in training mode: it saw the batch, and stored its "
    "statistics. Put frozen layers in evaluation mode."
)
def _(net, X, y, rates):
    import torch

    net.train()
    torch.nn.functional.cross_entropy(net(X), y).backward()
    with torch.no_grad():
        for layer, rate in zip(net, rates, strict=True):
            for parameter in layer.parameters():
                parameter -= rate * parameter.grad


@fine_tune_step.mistake(
    "All layers take the same step, that of the last rate. Each layer has its own."
)
def _(net, X, y, rates):
    import torch

    net.eval()
    torch.nn.functional.cross_entropy(net(X), y).backward()
    with torch.no_grad():
        for layer, rate in zip(net, rates, strict=True):
            for parameter in layer.parameters():
                parameter -= (rate > 0) * rates[-1] * parameter.grad


@fine_tune_step.mistake(
    "Only the last layer was trained. Every layer with a rate above 0 takes a step."
)
def _(net, X, y, rates):
    import torch

    net.eval()
    torch.nn.functional.cross_entropy(net(X), y).backward()
    with torch.no_grad():
        for parameter in net[-1].parameters():
            parameter -= rates[-1] * parameter.grad


@fine_tune_step.mistake(
    "The loss is the sum over the batch. It should be the mean: the step is N times too long."
)
def _(net, X, y, rates):
    import torch

    net.eval()
    torch.nn.functional.cross_entropy(net(X), y, reduction="sum").backward()
    with torch.no_grad():
        for layer, rate in zip(net, rates, strict=True):
            for parameter in layer.parameters():
                parameter -= rate * parameter.grad


@fine_tune_step.mistake("This goes uphill. The gradient is subtracted.")
def _(net, X, y, rates):
    import torch

    net.eval()
    torch.nn.functional.cross_entropy(net(X), y).backward()
    with torch.no_grad():
        for layer, rate in zip(net, rates, strict=True):
            for parameter in layer.parameters():
                parameter += rate * parameter.grad


@fine_tune_step.mistake(
    "The net that you were given computes what it did before: none of its parameters was changed "
    "in place."
)
def _(net, X, y, rates):
    import torch

    torch.nn.functional.cross_entropy(net.eval()(X), y).backward()
    return [
        parameter - rate * parameter.grad
        for layer, rate in zip(net, rates, strict=True)
        for parameter in layer.parameters()
    ]


@fine_tune_step.mistake(
    "The biases stay. Every parameter of a layer moves, its bias too.",
)
def _(net, X, y, rates):
    import torch

    net.eval()
    torch.nn.functional.cross_entropy(net(X), y).backward()
    with torch.no_grad():
        for layer, rate in zip(net, rates, strict=False):
            for parameter in layer.parameters():
                parameter -= rate * parameter.grad * (parameter.ndim > 1)


@fine_tune_step.mistake(
    "All layers that are not frozen take the same step, that of the largest rate. Each layer "
    "has its own.",
)
def _(net, X, y, rates):
    import torch

    net.eval()
    torch.nn.functional.cross_entropy(net(X), y).backward()
    with torch.no_grad():
        for layer, rate in zip(net, rates, strict=False):
            for parameter in layer.parameters():
                parameter -= max(rates) * (rate > 0) * parameter.grad


@fine_tune_step.mistake(
    "The step is twice too long.",
)
def _(net, X, y, rates):
    import torch

    net.eval()
    torch.nn.functional.cross_entropy(net(X), y).backward()
    with torch.no_grad():
        for layer, rate in zip(net, rates, strict=False):
            for parameter in layer.parameters():
                parameter -= 2 * rate * parameter.grad


@fine_tune_step.mistake(
    "There is a softmax before the cross-entropy, which has one of its own. Give it the logits.",
)
def _(net, X, y, rates):
    import torch

    net.eval()
    torch.nn.functional.cross_entropy(net(X).softmax(dim=1), y).backward()
    with torch.no_grad():
        for layer, rate in zip(net, rates, strict=False):
            for parameter in layer.parameters():
                parameter -= rate * parameter.grad


@fine_tune_step.mistake(
    "The loss is a squared error. The task asks for the cross-entropy.",
)
def _(net, X, y, rates):
    import torch

    net.eval()
    torch.nn.functional.mse_loss(
        net(X), torch.nn.functional.one_hot(y, net(X).shape[1]).float()
    ).backward()
    with torch.no_grad():
        for layer, rate in zip(net, rates, strict=False):
            for parameter in layer.parameters():
                parameter -= rate * parameter.grad


@fine_tune_step.mistake(
    "Only the first image of the batch has a say. The loss is the mean over all.",
)
def _(net, X, y, rates):
    import torch

    net.eval()
    torch.nn.functional.cross_entropy(net(X)[:1], y[:1]).backward()
    with torch.no_grad():
        for layer, rate in zip(net, rates, strict=False):
            for parameter in layer.parameters():
                parameter -= rate * parameter.grad


@fine_tune_step.mistake(
    "Only the sign of a gradient counts, as in the first step of Adam. Plain gradient descent "
    "moves by rate times gradient.",
)
def _(net, X, y, rates):
    import torch

    net.eval()
    torch.nn.functional.cross_entropy(net(X), y).backward()
    with torch.no_grad():
        for layer, rate in zip(net, rates, strict=False):
            for parameter in layer.parameters():
                parameter -= rate * parameter.grad.sign()


@fine_tune_step.mistake(
    "The rates are given out to the layers that have parameters. There is one for every "
    "layer, also for those without any.",
)
def _(net, X, y, rates):
    import torch

    net.eval()
    torch.nn.functional.cross_entropy(net(X), y).backward()
    layers = [layer for layer in net if list(layer.parameters())]
    with torch.no_grad():
        for layer, rate in zip(layers, rates, strict=False):
            for parameter in layer.parameters():
                parameter -= rate * parameter.grad


@fine_tune_step.alternative(framework="torch")
def _(net, X, y, rates):
    import torch

    net.eval()
    groups = [
        {"params": layer.parameters(), "lr": rate}
        for layer, rate in zip(net, rates, strict=True)
    ]
    optimizer = torch.optim.SGD(groups)
    torch.nn.functional.cross_entropy(net(X), y).backward()
    optimizer.step()


@fine_tune_step.alternative(framework="mxnet")
def _(net, X, y, rates):
    from dlkit.mx import autograd, gluon

    num_frozen = sum(rate == 0 for rate in rates)
    layers = [net[i] for i in range(len(rates))]
    for layer in layers[:num_frozen]:
        X = layer(X)  # not recorded: evaluation mode, and no gradient
    with autograd.record():
        for layer in layers[num_frozen:]:
            X = layer(X)
        loss = gluon.loss.SoftmaxCrossEntropyLoss()(X, y).mean()
    loss.backward()
    for layer, rate in zip(layers[num_frozen:], rates[num_frozen:], strict=True):
        for parameter in layer.collect_params().values():
            parameter.set_data(parameter.data() - rate * parameter.grad())


@fine_tune_step.alternative(framework="mxnet")
def _(net, X, y, rates):
    from dlkit.mx import autograd, gluon

    for i, rate in enumerate(rates):
        net[i].collect_params().setattr("lr_mult", rate)
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 1.0})
    with autograd.record(train_mode=False):
        loss = gluon.loss.SoftmaxCrossEntropyLoss()(net(X), y)
    loss.backward()
    trainer.step(len(y))


fine_tune_step.equivalent(
    "trainer.step(len(y)) -> trainer.step(len(X))",
    why="There is a label for each image.",
)


# 5. Where transfer stops paying -------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "First the mean over the draws, for each count: the rows are the draws. The two ways "
        "may have different numbers of draws.",
        "Start at the largest count and go down while training from scratch is at least as "
        "good. The last count reached is the answer.",
        "If the largest count itself is lost, there is no crossover: 0.",
    ],
    explanation="""
        A single crossing may be luck and be undone at the next count, so the answer is the count
        from which on scratch is never behind again. Means of few draws are noisy themselves: report
        the crossover with the intervals of both curves, as the lesson does.
    """,
)
def crossover(counts, transfer, scratch):
    """The smallest count from which on training from scratch is at least as good as transfer: at
    that count and at every larger one; 0 if there is none.

    counts: list of whole numbers, increasing, all at least 1, labels a class; transfer: (D,
    len(counts)), scratch: (E, len(counts)), float32 accuracies, one row a draw, compared by their
    means over the draws. Returns a whole number.
    """
    ahead = scratch.mean(axis=0) >= transfer.mean(axis=0)
    found = 0
    for count, is_ahead in zip(reversed(counts), reversed(ahead.tolist()), strict=True):
        if not is_ahead:
            break
        found = count
    return found


def _curves(rng, ahead, misleads, by=(1, 4)):
    """Accuracies in steps of 2 ** -20, as many draws as make their means exact: scratch is ahead
    where asked. The draws lie unevenly about their means, so that one who compares what `misleads`
    makes of them arrives somewhere else.

    by: from which to which step, in 2 ** -10, the two means are apart.
    """
    ahead = np.array(ahead)
    counts = np.sort(rng.choice(np.arange(1, 400), len(ahead), replace=False)).tolist()
    while True:
        means = rng.integers(400, 600, (2, len(ahead))) * 2.0**-10
        means[1] = (
            means[0] + np.where(ahead, 1, -1) * rng.integers(*by, len(ahead)) * 2.0**-10
        )
        transfer, scratch = (
            _around(rng, mean, number)
            for mean, number in zip(means, rng.permutation([4, 8]), strict=True)
        )
        other = misleads(scratch) >= misleads(transfer)
        if _first_of_the_last(other) != _first_of_the_last(ahead):
            return counts, transfer, scratch


def _around(rng, means, number):
    """(number, len(means)) float32 with these means exactly: all on one side, but for one that is
    far away on the other.
    """
    near = rng.integers(20, 40, (number - 1, len(means)))
    apart = np.concatenate([near, -near.sum(axis=0, keepdims=True)])
    apart *= rng.choice([-1, 1], len(means))
    return rng.permuted(means + apart * 2.0**-10, axis=0).astype(np.float32)


def _first_of_the_last(ahead):
    """Where the last run of True begins, or how many there are if the last is False."""
    behind = np.flatnonzero(~np.asarray(ahead))
    return int(behind[-1]) + 1 if len(behind) else 0


@crossover.probe(weight=2, repeat=3)
def one_crossing(rng):
    first = int(rng.integers(2, 5))
    return _curves(
        rng, [i >= first for i in range(6)], lambda draws: np.median(draws, axis=0)
    )


@crossover.probe(weight=2, repeat=3)
def crosses_back(rng):
    """Ahead at three counts in a row, then behind, and ahead at the last one."""
    first = int(rng.integers(0, 2))
    ahead = [first <= i < first + 3 or i == 5 for i in range(6)]
    return _curves(rng, ahead, lambda draws: draws.max(axis=0))


@crossover.probe(weight=1, repeat=2)
def never(rng):
    ahead = [i in (1, 2) for i in range(int(rng.integers(4, 7)))]
    return _curves(rng, ahead, lambda draws: draws.min(axis=0))


@crossover.probe(weight=1)
def from_the_first_on(rng):
    ahead = [True] * int(rng.integers(3, 6))
    return _curves(rng, ahead, lambda draws: np.median(draws, axis=0))


@crossover.probe(weight=1, repeat=2)
def equal_means(rng):
    ahead = [False, False, True, True, True]
    counts, transfer, scratch = _curves(rng, ahead, lambda draws: draws[0])
    transfer[:, 2] += scratch[:, 2].mean() - transfer[:, 2].mean()  # exactly
    return counts, transfer, scratch


@crossover.probe(weight=1)
def by_a_hair(rng):
    """Behind by the smallest step, then ahead by it: neither is equal."""
    counts, transfer, scratch = _curves(
        rng, [False, False, True, True, True], lambda draws: draws[-1]
    )
    for i, step in ((1, -1), (2, 1)):
        scratch[:, i] += (
            transfer[:, i].mean() - scratch[:, i].mean() + np.float32(step * 2.0**-20)
        )
    return counts, transfer, scratch


@crossover.probe(weight=0.5)
def one_count(rng):
    """And scratch is behind there."""
    return _curves(rng, [False], lambda draws: draws.max(axis=0))


example(
    crossover,
    [1, 2, 5, 10, 20, 50],
    floats([0.50, 0.58, 0.66, 0.76, 0.80, 0.82]),
    floats([0.20, 0.35, 0.68, 0.74, 0.80, 0.88]),
    weight=0.5,
)
example(
    crossover,
    [2, 5, 10],
    floats([0.50, 0.60, 0.80], [0.46, 0.64, 0.84]),
    floats([0.30, 0.70, 0.78]),
)


@crossover.mistake(
    "The medians of the draws are compared. Compare their means, in which every draw counts."
)
def _(counts, transfer, scratch):
    found = 0
    for i in reversed(range(len(counts))):
        if np.median(scratch[:, i]) < np.median(transfer[:, i]):
            break
        found = counts[i]
    return found


@crossover.mistake(
    "This is the first count at which scratch is ahead. It falls behind again "
    "later: every larger count must hold, too."
)
def _(counts, transfer, scratch):
    ahead = scratch.mean(axis=0) >= transfer.mean(axis=0)
    return counts[int(ahead.argmax())] if ahead.any() else 0


@crossover.mistake("The best draws are compared. Compare the means over the draws.")
def _(counts, transfer, scratch):
    found = 0
    for i in reversed(range(len(counts))):
        if scratch[:, i].max() < transfer[:, i].max():
            break
        found = counts[i]
    return found


@crossover.mistake(
    "Only the first draw is looked at. Compare the means over all draws."
)
def _(counts, transfer, scratch):
    found = 0
    for i in reversed(range(len(counts))):
        if scratch[0, i] < transfer[0, i]:
            break
        found = counts[i]
    return found


@crossover.mistake(
    "Sums are compared; the two ways may have different numbers of draws. Compare means."
)
def _(counts, transfer, scratch):
    found = 0
    for i in reversed(range(len(counts))):
        if scratch[:, i].sum() < transfer[:, i].sum():
            break
        found = counts[i]
    return found


@crossover.mistake(
    "Where both means are equal, scratch is at least as good: that count belongs to it."
)
def _(counts, transfer, scratch):
    found = 0
    for i in reversed(range(len(counts))):
        if scratch[:, i].mean() <= transfer[:, i].mean():
            break
        found = counts[i]
    return found


@crossover.mistake(
    "This is the place of the count in the list. Return the count itself."
)
def _(counts, transfer, scratch):
    found = 0
    for i in reversed(range(len(counts))):
        if scratch[:, i].mean() < transfer[:, i].mean():
            break
        found = i
    return found


@crossover.mistake(
    "This is the last count at which transfer is still better. The answer is the next one."
)
def _(counts, transfer, scratch):
    behind = np.flatnonzero(scratch.mean(axis=0) < transfer.mean(axis=0))
    return counts[behind[-1]] if len(behind) else 0


@crossover.mistake(
    "The two ways are exchanged: the question is from where on *scratch* is at least as good."
)
def _(counts, transfer, scratch):
    found = 0
    for i in reversed(range(len(counts))):
        if transfer[:, i].mean() < scratch[:, i].mean():
            break
        found = counts[i]
    return found


@crossover.mistake(
    "Where there is none, the answer is 0, not -1.",
)
def _(counts, transfer, scratch):
    ahead = scratch.mean(axis=0) >= transfer.mean(axis=0)
    from_here = [count for i, count in enumerate(counts) if ahead[i:].all()]
    return from_here[0] if from_here else -1


@crossover.mistake(
    "Where there is none, the answer is 0, not the largest count.",
)
def _(counts, transfer, scratch):
    ahead = scratch.mean(axis=0) >= transfer.mean(axis=0)
    from_here = [count for i, count in enumerate(counts) if ahead[i:].all()]
    return from_here[0] if from_here else counts[-1]


@crossover.mistake(
    "This is the largest count at which scratch is ahead. The smallest is asked for, from "
    "which on it always is.",
)
def _(counts, transfer, scratch):
    ahead = scratch.mean(axis=0) >= transfer.mean(axis=0)
    return max([count for i, count in enumerate(counts) if ahead[i]], default=0)


@crossover.mistake(
    "The means are rounded before they are compared. Compare them as they are.",
)
def _(counts, transfer, scratch):
    ahead = scratch.mean(axis=0).round(2) >= transfer.mean(axis=0).round(2)
    from_here = [count for i, count in enumerate(counts) if ahead[i:].all()]
    return from_here[0] if from_here else 0


@crossover.mistake(
    "Scratch is taken to be ahead as soon as it is at the next count too. Every larger one "
    "must hold.",
)
def _(counts, transfer, scratch):
    ahead = scratch.mean(axis=0) >= transfer.mean(axis=0)
    from_here = [count for i, count in enumerate(counts) if ahead[i : i + 2].all()]
    return from_here[0] if from_here else 0


@crossover.mistake(
    "The draws are paired, and those left over are dropped. Each way has its own number of "
    "draws: take each mean over all of them.",
)
def _(counts, transfer, scratch):
    draws = min(len(transfer), len(scratch))
    ahead = scratch[:draws].mean(axis=0) >= transfer[:draws].mean(axis=0)
    from_here = [count for i, count in enumerate(counts) if ahead[i:].all()]
    return from_here[0] if from_here else 0


@crossover.alternative()
def _(counts, transfer, scratch):
    behind = np.flatnonzero(scratch.mean(axis=0) < transfer.mean(axis=0))
    return [*counts, 0][behind[-1] + 1 if len(behind) else 0]


@crossover.alternative(framework="torch")
def _(counts, transfer, scratch):
    ahead = scratch.mean(dim=0) >= transfer.mean(dim=0)
    # Ahead at so many of the largest counts.
    remaining = ahead.flip(0).cumprod(dim=0).sum().item()
    return counts[-remaining] if remaining else 0


@crossover.alternative(framework="mxnet")
def _(counts, transfer, scratch):
    gaps = (scratch.mean(axis=0) - transfer.mean(axis=0)).asnumpy()
    for i, count in enumerate(counts):
        if min(gaps[i:]) >= 0:
            return count
    return 0


crossover.equivalent(
    "flip(0) -> flip(-1)", why="There is one axis: the first is the last."
)
crossover.equivalent(
    "cumprod(dim=0) -> cumprod(dim=-1)", why="There is one axis: the first is the last."
)


# 6. Seven brands from twenty labels each ----------------------------------------------------------

JUDGED = ByAccuracy("pictures", needed=0.8, guessing=0.3, num_classes=7)


@question(
    points=3,
    framework="torch",
    frameworks=NETWORKS,
    driver="fit_predict",
    forbids=ready_made.DATA,
    forbids_in_words=ready_made.DRAWN_IN_WORDS,
    seconds=120,
    hints=[
        "`nn.Sequential(*backbone_torch(), nn.Linear(96, 7))` is the net. Freeze nothing, or "
        "the first two or three parts (in evaluation mode), and train the rest.",
        "Batches of 20, SGD with momentum 0.9 and lr 0.05 that falls to zero over about 100 "
        "steps. The trained parts belong in training mode: `net.train()`, "
        "then `.eval()` for the frozen ones.",
        "If it stays near 60 %, the backbone is random or all of it is frozen: look at "
        "`net[0][0].weight` before and after.",
    ],
    explanation="""
        The features of the last part were made for animals and vehicles; a head on them is not
        enough. Trained on, with small steps and few of them, the same parts soon see logos. With
        random weights the same 100 steps give much less: what transfer saves is labels and time.
    """,
)
def train(train_images, train_labels):
    """A net that tells seven brands apart, fine-tuned on twenty images of each, right on at least
    80 % of 350 images that it has not seen.

    train_images: (140, 3, 32, 32) float32 in [0, 1]; train_labels: (140,) int64 in 0, ..., 6
    Returns the net: (N, 3, 32, 32) -> (N, 7) logits.
    """
    import torch
    from torch import nn

    from dlkit.nets.backbone import backbone_torch

    torch.manual_seed(0)
    num_steps = 90
    net = nn.Sequential(*backbone_torch(), nn.Linear(96, 7)).train()
    optimizer = torch.optim.SGD(
        net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    for _ in range(num_steps):
        rows = torch.randperm(len(train_images))[:20]
        optimizer.zero_grad()
        nn.functional.cross_entropy(
            net(train_images[rows]), train_labels[rows]
        ).backward()
        optimizer.step()
        schedule.step()
    return net


@train.probe()
def unseen_pictures(rng):
    """Brands drawn anew by every seed."""
    from dlkit.data import brands

    data = brands(train=140, val=1, test=350, size=32, seed=int(rng.integers(2**31)))
    train_labels, test_labels = renumbered(rng, data.train_labels, data.test_labels)
    return Inputs(
        (data.train_images, train_labels, data.test_images), secret=test_labels
    )


train.measure(JUDGED.measure)


@train.mistake(
    "The net guesses. Is `optimizer.step()` (Gluon: `trainer.step`) called after every "
    "`backward`, is lr sensible, and do images and labels stay together when shuffled?",
    recognise=JUDGED.guesses,
)
def _(train_images, train_labels):
    import torch
    from torch import nn

    from dlkit.nets.backbone import backbone_torch

    torch.manual_seed(0)
    return nn.Sequential(*backbone_torch(), nn.Linear(96, 7))


@train.mistake(
    "The net has learnt, but too little. A head on frozen features, or a net with random "
    "weights, does not get there: train the pretrained parts on.",
    recognise=JUDGED.learnt_too_little,
)
def _(train_images, train_labels):
    import torch
    from torch import nn

    from dlkit.nets.backbone import backbone_torch

    torch.manual_seed(0)
    backbone, head = backbone_torch(), nn.Linear(96, 7)
    with torch.no_grad():
        features = backbone(train_images)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1, momentum=0.9)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(head(features), train_labels).backward()
        optimizer.step()
    return nn.Sequential(*backbone, head)


@train.mistake(
    "The net does not give seven numbers an image. The backbone ends in 96 features: put a "
    "dense layer with seven outputs behind it.",
    recognise=JUDGED.has_another_number_of_outputs,
)
def _(train_images, train_labels):
    from dlkit.nets.backbone import backbone_torch

    return backbone_torch()


@train.alternative(framework="mxnet")
def _(train_images, train_labels):
    from dlkit.mx import autograd, gluon, init, mx, nd
    from dlkit.nets.backbone import backbone_gluon

    mx.random.seed(0)
    num_steps = 90
    net = backbone_gluon()
    head = gluon.nn.Dense(7, in_units=96)
    head.initialize(init.Xavier())
    net.add(head)
    softmax_loss = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(
        net.collect_params(),
        "sgd",
        {"learning_rate": 0.05, "momentum": 0.9, "wd": 5e-4},
    )
    for step in range(num_steps):
        trainer.set_learning_rate(0.05 * (1 - step / num_steps))
        rows = nd.random.shuffle(nd.arange(len(train_images)))[:20]
        with autograd.record():
            loss = softmax_loss(net(train_images.take(rows)), train_labels.take(rows))
        loss.backward()
        trainer.step(20)
        loss.wait_to_read()
    return net


@train.alternative(framework="torch")
def _(train_images, train_labels):
    """Two parts frozen, a rate for each of the others, Adam."""
    import torch
    from torch import nn

    from dlkit.nets.backbone import backbone_torch

    torch.manual_seed(0)
    num_epochs = 15
    net = nn.Sequential(*backbone_torch(), nn.Linear(96, 7))
    frozen, rest = net[:2].requires_grad_(False), net[2:]
    with torch.no_grad():
        features = frozen.eval()(train_images)
    groups = [
        {"params": part.parameters(), "lr": 0.004 / 1.2**above}
        for above, part in enumerate(reversed(rest))
    ]
    optimizer = torch.optim.Adam(groups)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_epochs)
    rest.train()
    for _ in range(num_epochs):
        for rows in torch.randperm(len(features)).split(20):
            optimizer.zero_grad()
            nn.functional.cross_entropy(
                rest(features[rows]), train_labels[rows]
            ).backward()
            optimizer.step()
        schedule.step()
    return net
