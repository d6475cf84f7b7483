"""LeNet three ways: its loss, its layers, its parameters, its weights carried across, one step
of its training, and a smaller one that learns.
"""

import numpy as np

from autograder import Inputs, question
from solutions import ready_made
from solutions.accuracy import ByAccuracy
from solutions.examples import example
from solutions.inputs import disguised, gaussian, parameter_shapes

NETWORKS = ("torch", "mxnet")


# 1. The loss --------------------------------------------------------------------------------------


@question(
    points=2,
    # sums near 1000 are rounded by 3e-5 in float32, and the loss may be 0.6: 1e-4 is too near what
    # a right answer is off
    rtol=5e-4,
    forbids=ready_made.LOSSES,
    forbids_in_words=ready_made.LOSSES_IN_WORDS,
    hints=[
        "After the second line, `log_p[n, c]` is the log-probability that image n is of class "
        "c. The loss needs one number of each row.",
        "You need N pairs (row, column): rows 0, 1, ..., N - 1, columns the labels. `log_p[:, "
        "labels]` is something else: it takes every row for every label.",
        "PyTorch: `log_p[torch.arange(len(labels)), labels]`. Gluon: `log_p.pick(labels, axis=1)`.",
    ],
    explanation="""
        Softmax does not change when the same number is subtracted from all logits of a row.
        Subtracting the largest makes every exponent at most 0, so that nothing overflows; and
        because the logarithm of the softmax is written out as a difference, nothing is ever log(0)
        either. Of each row the loss looks at one entry only, that of the right class.
    """,
)
def softmax_cross_entropy(logits, labels):
    """The mean over a batch of minus the log-probability of the right class, safe for logits of any
    size.

    logits: (N, C) float32, any finite numbers; labels: (N,) int64 in 0, ..., C - 1  ->  one number
    """
    # (N, C), the largest of each row is 0
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (N, C)
    log_p = log_p[np.arange(len(labels)), labels]  # (N,)
    return -log_p.mean()


example(
    softmax_cross_entropy,
    np.array([[2, 1, -1], [0, 3, 1]], np.float32),
    np.array([0, 2]),
    weight=1,
)


@softmax_cross_entropy.probe(weight=2, repeat=3)
def batches(rng):
    images, classes = rng.integers(4, 8), rng.integers(3, 10)
    return gaussian(rng, images, classes, scale=2), rng.integers(0, classes, images)


@softmax_cross_entropy.probe(weight=1)
def large_logits(rng):
    """Most labels are on the lowest logit of their row, one on the highest."""
    labels = rng.permutation([0, 1, 2, 0, 1])
    places = np.arange(5)
    logits = gaussian(rng, 5, 3) + 400
    logits[places, labels] -= 400
    logits[places[1:], labels[1:] - 1] += 600
    logits[0, labels[0]] += 1000
    return logits, labels


@softmax_cross_entropy.probe(weight=1)
def rows_far_apart(rng):
    """Each row needs its own largest logit: beside the largest of all, the exponents of the
    lower rows vanish.
    """
    return gaussian(rng, 3, 5) - rng.permutation([0, 500, 1000])[:, None].astype(
        np.float32
    ), rng.permutation(5)[:3]


@softmax_cross_entropy.probe(weight=0.5)
def one_image(rng):
    return gaussian(rng, 1, 4), rng.integers(0, 4, 1)


@softmax_cross_entropy.probe(weight=0.5)
def one_image_far_from_right(rng):
    """The label's probability is too small for any float; its logit is -1000."""
    label = int(rng.integers(4))
    logits = 1000 * np.ones((1, 4), np.float32)
    logits[0, label] = -1000
    return logits, np.array([label])


@softmax_cross_entropy.probe(weight=0.5)
def more_than_ten_classes(rng):
    return gaussian(rng, 3, 14, scale=2), np.concatenate(
        [[13, 10], rng.integers(0, 14, 1)]
    )


@softmax_cross_entropy.probe(weight=0.5)
def as_many_images_as_classes(rng):
    return gaussian(rng, 4, 4, scale=2), np.roll(np.arange(4), 1)


@softmax_cross_entropy.mistake(
    "These are the losses summed over the batch. The task asks for their mean."
)
def _(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(labels)), labels].sum()


@softmax_cross_entropy.mistake(
    "`log_p[:, labels]` is an (N, N) array, every row at every "
    "label. Pair row n with label n instead."
)
def _(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[:, labels].mean()


@softmax_cross_entropy.mistake(
    "This is the mean over all classes. Of each row, only the entry of "
    "the right class belongs in the loss."
)
def _(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p.mean()


@softmax_cross_entropy.mistake(
    "The minus sign is missing: log-probabilities are negative, a loss is positive."
)
def _(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return log_p[np.arange(len(labels)), labels].mean()


@softmax_cross_entropy.mistake(
    "The labels are off by one: they count from 0, so label 3 is the fourth column, `log_p[n, 3]`."
)
def _(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(labels)), labels - 1].mean()


@softmax_cross_entropy.mistake(
    "Something small is added before the logarithm, so that no loss is larger than some 28. "
    "Never form the softmax: subtract the logarithm of the sum."
)
def _(logits, labels):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(labels)), labels] + 1e-12).mean()


@softmax_cross_entropy.mistake(
    "exp(1000) is infinite, and infinity divided by infinity is not a number. "
    "Subtract each row's largest logit first."
)
def _(logits, labels):
    p = np.exp(logits)
    p = p / p.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(labels)), labels]).mean()


@softmax_cross_entropy.mistake(
    "exp(1000) is infinite, and so is its logarithm. Subtract each row's largest logit first."
)
def _(logits, labels):
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(labels)), labels].mean()


@softmax_cross_entropy.mistake(
    "The largest logit of the whole batch is subtracted. In a row far below it every exp is 0, "
    "and its log infinite: subtract each row's own largest."
)
def _(logits, labels):
    shifted = logits - logits.max()
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(labels)), labels].mean()


@softmax_cross_entropy.mistake(
    "A probability that is too small for a float32 becomes 0, and log(0) is minus infinity. "
    "Never form the softmax: subtract the logarithm of the sum."
)
def _(logits, labels):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(labels)), labels]).mean()


@softmax_cross_entropy.mistake(
    "The largest log-probability of each row is kept. Keep that of the right class, which the "
    "labels name.",
)
def _(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p.max(axis=1).mean()


@softmax_cross_entropy.mistake(
    "The smallest log-probability of each row is kept. Keep that of the right class, which "
    "the labels name.",
)
def _(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p.min(axis=1).mean()


@softmax_cross_entropy.mistake(
    "The log-probabilities of a row are added up. Keep the one of the right class.",
)
def _(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p.sum(axis=1).mean()


@softmax_cross_entropy.mistake(
    "The first class of every row is kept. Keep the one that the row's label names.",
)
def _(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[:, 0].mean()


@softmax_cross_entropy.mistake(
    "The sum is divided by N · C: zeros of the other classes are averaged too. There is one "
    "loss for each image: divide by N.",
)
def _(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    keep = np.arange(logits.shape[1]) == labels[:, None]
    return -np.where(keep, log_p, 0).mean()


@softmax_cross_entropy.mistake(
    "This is the mean probability of the right class, without the logarithm.",
)
def _(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -np.exp(log_p[np.arange(len(labels)), labels]).mean()


@softmax_cross_entropy.mistake(
    "The logits, shifted, are averaged: the logarithm of the sum is missing. Keep entries of "
    "`log_p`.",
)
def _(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return -shifted[np.arange(len(labels)), labels].mean()


@softmax_cross_entropy.alternative(framework="torch")
def _(logits, labels):
    import torch

    # (N, C), the largest of each row is 0
    shifted = logits - logits.max(dim=1, keepdim=True).values
    log_p = shifted - shifted.exp().sum(dim=1, keepdim=True).log()  # (N, C)
    log_p = log_p[torch.arange(len(labels)), labels]  # (N,)
    return -log_p.mean()


@softmax_cross_entropy.alternative(framework="torch")
def _(logits, labels):
    return (logits.logsumexp(1) - logits.gather(1, labels[:, None])[:, 0]).mean()


@softmax_cross_entropy.alternative(framework="mxnet")
def _(logits, labels):
    # (N, C), the largest of each row is 0
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - shifted.exp().sum(axis=1, keepdims=True).log()  # (N, C)
    log_p = log_p.pick(labels, axis=1)  # (N,)
    return -log_p.mean()


@softmax_cross_entropy.alternative(framework="mxnet")
def _(logits, labels):
    from dlkit.mx import nd

    right = nd.one_hot(labels, logits.shape[1])  # (N, C): 1 at the right class
    return -(nd.log_softmax(logits) * right).sum(axis=1).mean()


@softmax_cross_entropy.alternative()
def _(logits, labels):
    total = 0.0
    for row, label in zip(logits, labels, strict=True):
        total += np.log(np.exp(row - row.max()).sum()) + row.max() - row[label]
    return total / len(labels)


softmax_cross_entropy.equivalent(
    "len(labels) -> len(logits)", why="There is one label for each row of logits."
)
softmax_cross_entropy.equivalent(
    "len(labels) -> len(shifted)",
    why="There is one label for each row of logits, and `shifted` has their shape.",
)
softmax_cross_entropy.equivalent(
    "labels[:, None])[:, 0] -> labels[:, None])[:, -1]",
    why="One index a row gathers one column: it is the first and the last.",
)
softmax_cross_entropy.equivalent(
    "pick(labels, axis=1) -> pick(labels)",
    why="Gluon's `pick` takes the last axis by default, and of (N, C) that is axis 1.",
)


# 2. The net ---------------------------------------------------------------------------------------


@question(
    points=4,
    framework="torch",
    frameworks=NETWORKS,
    driver="network",
    seconds=30,
    atol=1e-4,
    hints=[
        "Write the height and width after every layer on paper: a 5 x 5 kernel without padding "
        "takes 4 away, a pooling of 2 halves.",
        "There are ten layers to write: conv, relu, pool, conv, relu, pool, (flatten), dense, "
        "relu, dense. The first dense layer sees 50 x 4 x 4 = 800 numbers.",
        "No softmax at the end: the loss contains it already, as in question 1. "
        "In Gluon, `nn.Dense` flattens by itself.",
    ],
    explanation="""
        28 -> 24 -> 12 -> 8 -> 4: the first dense layer sees 50 x 4 x 4 = 800 numbers and holds
        400,500 of the 431,080 parameters. The two convolutions, which do the seeing, hold 25,570.
        In Gluon the input sizes may be left out; the first batch tells them.
    """,
)
def build_lenet():
    """LeNet, untrained: (N, 1, 28, 28) images to (N, 10) logits.

    Convolution to 20 maps, 5 x 5; ReLU; max-pooling 2; convolution to 50 maps, 5 x 5; ReLU;
    max-pooling 2; dense 500; ReLU; dense 10.
    """
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 20, 5),  # (N, 20, 24, 24)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 20, 12, 12)
        nn.Conv2d(20, 50, 5),  # (N, 50, 8, 8)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 50, 4, 4)
        nn.Flatten(),  # (N, 800)
        nn.Linear(800, 500),
        nn.ReLU(),
        nn.Linear(500, 10),  # logits
    )


@build_lenet.probe(weight=1)
def shapes_of_the_parameters(rng):
    return [], gaussian(rng, 2, 1, 28, 28), rng.integers(0, 10, 2)


def _away_from_kinks(rng, count):
    """Rounding must not decide which way a gradient goes, else two right nets could differ: draw
    until no activation sits on a kink.
    """
    while True:
        images = gaussian(rng, count, 1, 28, 28)
        weights = [
            part
            for shape in [(20, 1, 5, 5), (50, 20, 5, 5), (500, 800), (10, 500)]
            for part in (
                gaussian(rng, *shape, scale=np.sqrt(2 / np.prod(shape[1:]))),
                gaussian(rng, shape[0], scale=0.3),
            )
        ]
        if _distance_to_kink(images, weights) > 1e-5:
            return weights, images, rng.permutation(10)[:count]


@build_lenet.probe(weight=2)
def logits_and_gradients(rng):
    return _away_from_kinks(rng, 2)


@build_lenet.probe(weight=1)
def of_a_single_image(rng):
    return _away_from_kinks(rng, 1)


def _distance_to_kink(images, weights):
    """How near LeNet is to a kink: the smallest |input| of a ReLU, or difference between the two
    largest in a pooling window.
    """
    kernel1, bias1, kernel2, bias2, weight3, bias3, _, _ = (
        part.astype(np.float64) for part in weights
    )
    distances, maps = [], images
    for kernel, bias in ((kernel1, bias1), (kernel2, bias2)):
        # (N, C, H, W, 5, 5)
        windows = np.lib.stride_tricks.sliding_window_view(maps, (5, 5), axis=(2, 3))
        # (N, H, W, maps)
        before = np.tensordot(windows, kernel, ((1, 4, 5), (1, 2, 3))) + bias
        n, height, width, channels = before.shape
        pools = (
            before.clip(0)
            .reshape(n, height // 2, 2, width // 2, 2, channels)
            .transpose(0, 5, 1, 3, 2, 4)
            .reshape(n, channels, -1, 4)
        )
        pools = np.sort(pools, axis=-1)
        gap = pools[..., 3] - pools[..., 2]
        distances += [np.abs(before).min(), gap[pools[..., 3] > 0].min()]
        maps = pools[..., 3].reshape(n, channels, height // 2, width // 2)
    distances.append(np.abs(maps.reshape(len(maps), -1) @ weight3.T + bias3).min())
    return min(distances)


@build_lenet.mistake(
    "The ReLU between the two dense layers is missing: without it "
    "the two are together one linear layer."
)
def _():
    from torch import nn

    maps = [
        nn.Conv2d(1, 20, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
    return nn.Sequential(*maps, nn.Flatten(), nn.Linear(800, 500), nn.Linear(500, 10))


@build_lenet.mistake(
    "The ReLUs after the convolutions are missing. Each convolution "
    "is followed by a ReLU and a pooling."
)
def _():
    from torch import nn

    maps = [nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2)]
    return nn.Sequential(
        *maps, nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10)
    )


@build_lenet.mistake(
    "There is a ReLU after the last layer. Logits may be negative: the "
    "last dense layer has nothing behind it."
)
def _():
    from torch import nn

    maps = [
        nn.Conv2d(1, 20, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
    return nn.Sequential(
        *maps,
        nn.Flatten(),
        nn.Linear(800, 500),
        nn.ReLU(),
        nn.Linear(500, 10),
        nn.ReLU(),
    )


@build_lenet.mistake(
    "The net ends in a softmax. Return raw logits: the loss applies the softmax itself."
)
def _():
    from torch import nn

    maps = [
        nn.Conv2d(1, 20, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
    return nn.Sequential(
        *maps,
        nn.Flatten(),
        nn.Linear(800, 500),
        nn.ReLU(),
        nn.Linear(500, 10),
        nn.Softmax(dim=1),
    )


@build_lenet.mistake(
    "The pooling takes averages. This LeNet takes the largest of each 2 x 2 window."
)
def _():
    from torch import nn

    maps = [
        nn.Conv2d(1, 20, 5),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.ReLU(),
        nn.AvgPool2d(2),
    ]
    return nn.Sequential(
        *maps, nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10)
    )


@build_lenet.mistake("The activations are tanh, as in 1998. The task asks for ReLU.")
def _():
    from torch import nn

    maps = [
        nn.Conv2d(1, 20, 5),
        nn.Tanh(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.Tanh(),
        nn.MaxPool2d(2),
    ]
    return nn.Sequential(
        *maps, nn.Flatten(), nn.Linear(800, 500), nn.Tanh(), nn.Linear(500, 10)
    )


@build_lenet.mistake("The activations are sigmoids. The task asks for ReLU.")
def _():
    from torch import nn

    maps = [
        nn.Conv2d(1, 20, 5),
        nn.Sigmoid(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.Sigmoid(),
        nn.MaxPool2d(2),
    ]
    return nn.Sequential(
        *maps, nn.Flatten(), nn.Linear(800, 500), nn.Sigmoid(), nn.Linear(500, 10)
    )


@build_lenet.mistake(
    "Both convolutions are padded by 2, so the first dense layer sees 50 x 7 x 7 numbers. "
    "Without padding 28 becomes 24, 12, 8 and 4."
)
def _():
    from torch import nn

    maps = [
        nn.Conv2d(1, 20, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
    return nn.Sequential(
        *maps, nn.Flatten(), nn.Linear(50 * 7 * 7, 500), nn.ReLU(), nn.Linear(500, 10)
    )


@build_lenet.mistake(
    "The dense layer of 500 is missing: after the flattening come dense 500, ReLU and dense 10."
)
def _():
    from torch import nn

    maps = [
        nn.Conv2d(1, 20, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
    return nn.Sequential(*maps, nn.Flatten(), nn.Linear(800, 10))


@build_lenet.mistake(
    "This is the LeNet-5 of 1998, with 6 and 16 maps and dense layers of 120 and 84. The task "
    "asks for 20 and 50 maps and one of 500."
)
def _():
    from torch import nn

    maps = [
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Sigmoid(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Sigmoid(),
        nn.AvgPool2d(2),
    ]
    return nn.Sequential(
        *maps,
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        nn.Sigmoid(),
        nn.Linear(84, 10),
    )


@build_lenet.mistake(
    "The convolutions have no biases. Every convolution and dense layer has one.",
)
def _():
    from torch import nn

    maps = [
        nn.Conv2d(1, 20, 5, bias=False),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5, bias=False),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
    return nn.Sequential(
        *maps, nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10)
    )


@build_lenet.mistake(
    "There is batch normalisation in the net. It is not in the table, and its scales and "
    "shifts are parameters.",
)
def _():
    from torch import nn

    maps = [
        nn.Conv2d(1, 20, 5),
        nn.BatchNorm2d(20),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
    return nn.Sequential(
        *maps, nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10)
    )


@build_lenet.mistake(
    "The net ends in a logarithm of the softmax. Return raw logits: the loss applies the "
    "softmax itself.",
)
def _():
    from torch import nn

    maps = [
        nn.Conv2d(1, 20, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
    return nn.Sequential(
        *maps,
        nn.Flatten(),
        nn.Linear(800, 500),
        nn.ReLU(),
        nn.Linear(500, 10),
        nn.LogSoftmax(1),
    )


@build_lenet.mistake(
    "The first ReLU is missing, the one between the first convolution and its pooling.",
)
def _():
    from torch import nn

    maps = [
        nn.Conv2d(1, 20, 5),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
    return nn.Sequential(
        *maps, nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10)
    )


@build_lenet.mistake(
    "Negative sums leak through: the activations are leaky ReLUs. The task asks for ReLU.",
)
def _():
    from torch import nn

    maps = [
        nn.Conv2d(1, 20, 5),
        nn.LeakyReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.LeakyReLU(),
        nn.MaxPool2d(2),
    ]
    return nn.Sequential(
        *maps, nn.Flatten(), nn.Linear(800, 500), nn.LeakyReLU(), nn.Linear(500, 10)
    )


@build_lenet.alternative(framework="mxnet")
def _():
    from dlkit.mx import gluon

    net = gluon.nn.HybridSequential()
    net.add(
        gluon.nn.Conv2D(20, 5, activation="relu"),  # (N, 20, 24, 24)
        gluon.nn.MaxPool2D(2),  # (N, 20, 12, 12)
        gluon.nn.Conv2D(50, 5, activation="relu"),  # (N, 50, 8, 8)
        gluon.nn.MaxPool2D(2),  # (N, 50, 4, 4)
        gluon.nn.Dense(500, activation="relu"),  # flattens to (N, 800) first
        gluon.nn.Dense(10),  # logits
    )
    net.initialize()
    return net


@build_lenet.alternative(framework="mxnet")
def _():
    from dlkit.mx import gluon, nd

    class LeNet(gluon.Block):
        def __init__(self):
            super().__init__()
            # defined in another order than used, and never initialised
            self.dense2 = gluon.nn.Dense(10)
            self.dense1 = gluon.nn.Dense(500)
            self.conv2 = gluon.nn.Conv2D(50, 5)
            self.conv1 = gluon.nn.Conv2D(20, 5)
            self.pool = gluon.nn.MaxPool2D(2)

        def forward(self, X):
            # ReLU and max-pooling may change places: both keep the order of numbers
            X = nd.relu(self.pool(self.conv1(X)))
            X = nd.relu(self.pool(self.conv2(X)))
            return self.dense2(nd.relu(self.dense1(X)))

    return LeNet()


@build_lenet.alternative(framework="torch")
def _():
    import torch
    from torch import nn
    from torch.nn import functional as F

    class LeNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.dense2 = nn.Linear(500, 10)
            self.dense1 = nn.LazyLinear(500)
            self.conv2 = nn.Conv2d(20, 50, kernel_size=5)
            self.conv1 = nn.Conv2d(1, 20, kernel_size=5)

        def forward(self, X):
            X = F.max_pool2d(self.conv1(X), 2).clamp(min=0)
            X = F.max_pool2d(self.conv2(X), 2).clamp(min=0)
            X = torch.flatten(X, 1)
            return self.dense2(F.relu(self.dense1(X)))

    return LeNet()


build_lenet.equivalent(
    "nn.ReLU(), nn.MaxPool2d(2) -> nn.MaxPool2d(2), nn.ReLU()",
    why="Both keep the order of numbers, so the largest of a window is the same before and after.",
)
build_lenet.equivalent(
    "net.initialize() -> pass",
    why=(
        "The net is to be untrained: what its parameters hold, or whether "
        "they hold anything yet, is left open."
    ),
)


# 3. Counting parameters ---------------------------------------------------------------------------


@question(
    points=2,
    framework="torch",
    frameworks=NETWORKS,
    driver="with_network",
    hints=[
        "Three things must be told apart: the tensors, the numbers in them, "
        "and whether training may change them.",
        "PyTorch: loop over `net.parameters()`. Gluon: loop over "
        "`net.collect_params().values()`. Each parameter knows its "
        "shape and whether it has a gradient.",
        "PyTorch: `p.numel()` and `p.requires_grad`. Gluon: `p.data().size` and `p.grad_req`, "
        "which is 'null' where nothing is trained.",
    ],
    explanation="""
        Frozen parameters and the running mean and variance of a batch normalisation belong to the
        net's state but are not trained by gradients. PyTorch keeps running statistics apart, as
        buffers; Gluon keeps them among the parameters, with grad_req 'null'.
    """,
)
def count_parameters(net):
    """How many numbers training may change in `net`: weights, biases, scales and shifts that are
    not frozen; no running statistics.

    net: a torch.nn.Module or a gluon.Block, initialised  ->  a whole number
    """
    return sum(
        parameter.numel() for parameter in net.parameters() if parameter.requires_grad
    )


def _of_the_statement(*layers):
    return list(layers), [
        np.ones(shape, np.float32) for shape in parameter_shapes(layers)
    ]


example(count_parameters, *_of_the_statement(["conv", 1, 20, 5]))
example(count_parameters, *_of_the_statement(["conv", 1, 20, 5], ["batchnorm", 20]))
example(
    count_parameters,
    *_of_the_statement(["frozen", ["conv", 1, 20, 5]], ["batchnorm", 20]),
    weight=0.25,
)


@count_parameters.probe(weight=1)
def nothing_to_train(rng):
    return _net_with_weights(rng, [["relu"], ["flatten"], ["frozen", ["dense", 6, 4]]])


@count_parameters.probe(weight=1)
def plain(rng):
    maps, units = int(rng.integers(3, 8)), int(rng.integers(9, 15))
    layers = [
        ["conv", 2, maps, 3],
        ["relu"],
        ["maxpool", 2],
        ["flatten"],
        ["dense", 9 * maps, units],
        ["relu"],
        ["dense", units, 5],
    ]
    return _net_with_weights(rng, layers)


@count_parameters.probe(weight=1)
def partly_frozen(rng):
    maps, units = int(rng.integers(3, 8)), int(rng.integers(9, 15))
    layers = [
        ["frozen", ["conv", 1, maps, 3]],
        ["tanh"],
        ["flatten"],
        ["frozen", ["dense", 4 * maps, units]],
        ["tanh"],
        ["dense", units, 7],
    ]
    return _net_with_weights(rng, layers)


@count_parameters.probe(weight=1)
def with_batch_normalisation(rng):
    maps, more = int(rng.integers(3, 8)), int(rng.integers(9, 15))
    layers = [
        ["conv", 1, maps, 3],
        ["batchnorm", maps],
        ["relu"],
        ["frozen", ["conv", maps, more, 2]],
        ["frozen", ["batchnorm", more]],
    ]
    return _net_with_weights(rng, [*layers, ["flatten"], ["dense", 4 * more, 3]])


@count_parameters.probe(weight=1)
def a_class_with_layers_inside_layers(rng):
    """A net need not be a sequence that can be looped over."""
    maps, units = int(rng.integers(3, 8)), int(rng.integers(9, 15))
    inner = ["block", ["frozen", ["conv", 2, maps, 3]], ["batchnorm", maps], ["relu"]]
    outer = [["conv", 1, 2, 3], inner, ["flatten"], ["dense", 4 * maps, units]]
    return _net_with_weights(rng, [["block", *outer]])


@count_parameters.mistake(
    "Frozen parameters are counted. Only those that training may change count: "
    "look at `requires_grad` (Gluon: `grad_req`)."
)
def _(net):
    return sum(parameter.numel() for parameter in net.parameters())


@count_parameters.mistake(
    "This counts tensors, not the numbers in them: a 20 x 1 x 5 x 5 kernel is 500 parameters."
)
def _(net):
    return len([parameter for parameter in net.parameters() if parameter.requires_grad])


@count_parameters.mistake(
    "One-dimensional parameters are left out. Biases are trained, and so are the "
    "scale and shift of a batch normalisation."
)
def _(net):
    return sum(
        parameter.numel()
        for parameter in net.parameters()
        if parameter.requires_grad and parameter.ndim > 1
    )


@count_parameters.mistake(
    "Running statistics are counted, and frozen parameters too. The state "
    "of a net is more than what is trained.",
    framework="torch",
)
def _(net):
    return sum(value.numel() for value in net.state_dict().values())


@count_parameters.mistake(
    "Everything that Gluon keeps is counted: frozen parameters, and running means and variances "
    "too. Leave out those with grad_req 'null'.",
    framework="mxnet",
)
def _(net):
    return sum(parameter.data().size for parameter in net.collect_params().values())


@count_parameters.mistake(
    "Only convolutions and dense layers are counted. The scale and shift of a "
    "batch normalisation are trained as well.",
    framework="torch",
)
def _(net):
    from torch import nn

    layers = [
        layer for layer in net.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))
    ]
    return sum(
        parameter.numel()
        for layer in layers
        for parameter in layer.parameters()
        if parameter.requires_grad
    )


@count_parameters.mistake(
    "Only weights are counted. Biases, scales and shifts are trained too.",
    framework="torch",
)
def _(net):
    return sum(
        parameter.numel()
        for name, parameter in net.named_parameters()
        if parameter.requires_grad and name.endswith("weight")
    )


@count_parameters.mistake(
    "These are the frozen parameters. Count those that training may change.",
)
def _(net):
    return sum(
        parameter.numel()
        for parameter in net.parameters()
        if not parameter.requires_grad
    )


@count_parameters.mistake(
    "Layers inside layers are counted more than once: `modules()` goes through all of them, "
    "and each `parameters()` too.",
    framework="torch",
)
def _(net):
    return sum(
        parameter.numel()
        for layer in net.modules()
        for parameter in layer.parameters()
        if parameter.requires_grad
    )


@count_parameters.alternative(framework="torch")
def _(net):
    count = 0
    for parameter in net.parameters():
        if parameter.requires_grad:
            size = 1
            for n in parameter.shape:
                size *= n
            count += size
    return count


@count_parameters.alternative(framework="mxnet")
def _(net):
    return sum(
        parameter.data().size
        for parameter in net.collect_params().values()
        if parameter.grad_req != "null"
    )


@count_parameters.alternative(framework="mxnet")
def _(net):
    trained = [
        parameter
        for parameter in net.collect_params().values()
        if parameter.grad_req != "null"
    ]
    return int(sum(np.prod(parameter.shape) for parameter in trained))


# 4. Weights from another framework ----------------------------------------------------------------


@question(
    points=4,
    framework="torch",
    frameworks=NETWORKS,
    driver="change_network",
    hints=[
        "Go through parameters and arrays together, and look at `array.ndim`: 1 is a bias, 2 a "
        "dense weight, 4 a kernel. Use `permute` (Gluon: `transpose`), never `reshape` alone.",
        "A kernel (h, w, in, out) becomes (out, in, h, w) by taking the axes in the order 3, 2, "
        "0, 1. PyTorch: `parameter.copy_(array)` under `torch.no_grad()`. "
        "Gluon: `parameter.set_data(array)`.",
        "The first dense layer after a flattening: reshape (pixels * channels, out) to (pixels, "
        "channels, out), take the axes in the order 2, 1, 0, "
        "and flatten all but the first. `channels` is the number of outputs of the layer before.",
    ],
    explanation="""
        Reordering axes (`permute`, `transpose`) keeps every number with its meaning; `reshape` only
        cuts the same row of numbers elsewhere. The flattening is the hidden part: channels-last
        gives pixel by pixel, channels-first map by map, so the inputs of the first dense layer come
        in another order. For every other dense layer "pixels" is 1 and the same lines amount to a
        plain transposition.
    """,
)
def load_weights(net, arrays):
    """Give `net` the weights of the same net in a channels-last framework, so that both compute the
    same logits.

    net:    layers are convolutions, ReLU, max-pooling, flatten and dense, one after another;
            changed in place.
    arrays: weight, bias, weight, bias, ... in the order of the layers that have any: kernels (h, w,
        in, out), dense weights (in, out), biases (out,).
    """
    import torch

    before = None  # number of outputs of the layer before
    with torch.no_grad():
        for parameter, array in zip(net.parameters(), arrays, strict=True):
            if array.ndim == 4:
                array = array.permute(3, 2, 0, 1)  # (out, in, h, w)
            elif array.ndim == 2:
                # (pixels, channels, out)
                array = array.reshape(-1, before or len(array), array.shape[1])
                array = array.permute(2, 1, 0).flatten(1)  # (out, channels * pixels)
            parameter.copy_(array)
            before = len(parameter)


@load_weights.probe(weight=1)
def dense_only(rng):
    return _transfer(
        rng,
        [["dense", 8, 4], ["relu"], ["dense", 4, 4], ["relu"], ["dense", 4, 3]],
        (5, 8),
    )


@load_weights.probe(weight=1)
def convolutions(rng):
    return _transfer(
        rng,
        [["conv", 2, 5, 3], ["relu"], ["maxpool", 2], ["conv", 5, 3, 2]],
        (2, 2, 8, 10),
    )


@load_weights.probe(weight=1)
def one_pixel_before_flattening(rng):
    return _transfer(
        rng,
        [
            ["conv", 2, 4, 3],
            ["relu"],
            ["maxpool", 2],
            ["flatten"],
            ["dense", 4, 4],
            ["relu"],
            ["dense", 4, 3],
        ],
        (4, 2, 4, 4),
    )


@load_weights.probe(weight=1)
def kernels_of_four_equal_sizes(rng):
    """An exported kernel has the shape of the net's own, and its numbers in another order."""
    layers = [["conv", 3, 3, 3], ["relu"], ["conv", 3, 3, 3]]
    return _transfer(rng, layers, (2, 3, 7, 8))


@load_weights.probe(weight=2, repeat=2)
def several_pixels_before_flattening(rng):
    layers = [
        ["conv", 1, 4, 3],
        ["relu"],
        ["maxpool", 2],
        ["conv", 4, 3, 2],
        ["relu"],
        ["flatten"],
        ["dense", 18, 7],
        ["relu"],
        ["dense", 7, 4],
    ]
    return _transfer(rng, layers, (3, 1, 8, 10))


@load_weights.probe(weight=1)
def dense_layers_of_a_multiple_of_the_maps(rng):
    """Only the first of them is behind the flattening, and reads its inputs in another order: as
    in the statement's picture, three maps of 2 x 2 pixels.
    """
    layers = [
        ["conv", 1, 3, 3],
        ["relu"],
        ["flatten"],
        ["dense", 12, 6],
        ["relu"],
        ["dense", 6, 9],
        ["relu"],
        ["dense", 9, 3],
    ]
    return _transfer(rng, layers, (4, 1, 4, 4))


@load_weights.mistake(
    "The inputs of the dense layer behind the flattening are in the wrong order. Channels-last "
    "flattens pixel by pixel, your net map by map."
)
def _(net, arrays):
    import torch

    with torch.no_grad():
        for parameter, array in zip(net.parameters(), arrays, strict=True):
            parameter.copy_(array.permute(3, 2, 0, 1) if array.ndim == 4 else array.t())


@load_weights.mistake(
    "`reshape` gives the right shape and scrambles the numbers. To reorder "
    "axes use `permute` (Gluon: `transpose`)."
)
def _(net, arrays):
    import torch

    with torch.no_grad():
        for parameter, array in zip(net.parameters(), arrays, strict=True):
            parameter.copy_(array.reshape(parameter.shape))


@load_weights.mistake(
    "Dense layers further back are reordered too. Only the one right behind the flattening reads "
    "pixels of maps; the others read units, which keep their order."
)
def _(net, arrays):
    import torch

    maps = None
    with torch.no_grad():
        for parameter, array in zip(net.parameters(), arrays, strict=True):
            if array.ndim == 4:
                maps = array.shape[3]
                array = array.permute(3, 2, 0, 1)
            elif array.ndim == 2:
                if maps and len(array) % maps == 0:
                    array = array.reshape(-1, maps, array.shape[1]).transpose(0, 1)
                    array = array.flatten(0, 1)
                array = array.T
            parameter.copy_(array)


@load_weights.mistake("The biases are not carried over.")
def _(net, arrays):
    import torch

    before = None
    with torch.no_grad():
        for parameter, array in zip(net.parameters(), arrays, strict=True):
            if array.ndim == 4:
                parameter.copy_(array.permute(3, 2, 0, 1))
            elif array.ndim == 2:
                parameter.copy_(
                    array.reshape(-1, before or len(array), array.shape[1])
                    .permute(2, 1, 0)
                    .flatten(1)
                )
            before = len(parameter)


@load_weights.mistake(
    "The kernels are transposed: reversing all axes gives (out, in, w, h). Their "
    "own height and width must keep their order."
)
def _(net, arrays):
    import torch

    before = None
    with torch.no_grad():
        for parameter, array in zip(net.parameters(), arrays, strict=True):
            if array.ndim == 4:
                array = array.permute(3, 2, 1, 0)
            elif array.ndim == 2:
                array = (
                    array.reshape(-1, before or len(array), array.shape[1])
                    .permute(2, 1, 0)
                    .flatten(1)
                )
            parameter.copy_(array)
            before = len(parameter)


@load_weights.mistake(
    "A square dense weight is copied as it is because its shape happens to fit. It is (in, out) "
    "like all the others and needs transposing."
)
def _(net, arrays):
    import torch

    before = None
    with torch.no_grad():
        for parameter, array in zip(net.parameters(), arrays, strict=True):
            if array.shape != parameter.shape:
                if array.ndim == 4:
                    array = array.permute(3, 2, 0, 1)
                else:
                    array = (
                        array.reshape(-1, before or len(array), array.shape[1])
                        .permute(2, 1, 0)
                        .flatten(1)
                    )
            parameter.copy_(array)
            before = len(parameter)


@load_weights.mistake(
    "The net that you were given computes what it did before. A copy of it, an array's new name "
    "or a place in a list change none of its parameters: use `copy_` (Gluon: `set_data`)."
)
def _(net, arrays):
    parameters = list(net.parameters())
    for index, array in enumerate(arrays):
        parameters[index] = array


@load_weights.mistake(
    "The maps and the pixels are taken in the wrong order: the rows of the exported weight "
    "are (pixels, channels), not (channels, pixels).",
)
def _(net, arrays):
    import torch

    before = None
    with torch.no_grad():
        for parameter, array in zip(net.parameters(), arrays, strict=True):
            if array.ndim == 4:
                array = array.permute(3, 2, 0, 1)
            elif array.ndim == 2:
                rows = before or len(array)
                array = (
                    array.reshape(rows, -1, array.shape[1]).permute(2, 1, 0).flatten(1)
                )
            parameter.copy_(array)
            before = len(parameter)


@load_weights.mistake(
    "The kernels are flipped. They are not on either side: only their axes come in another order.",
)
def _(net, arrays):
    import torch

    before = None
    with torch.no_grad():
        for parameter, array in zip(net.parameters(), arrays, strict=True):
            if array.ndim == 4:
                array = array.flip(0, 1).permute(3, 2, 0, 1)
            elif array.ndim == 2:
                rows = before or len(array)
                array = (
                    array.reshape(-1, rows, array.shape[1]).permute(2, 1, 0).flatten(1)
                )
            parameter.copy_(array)
            before = len(parameter)


@load_weights.alternative(framework="mxnet")
def _(net, arrays):
    before = None  # number of outputs of the layer before
    for parameter, value in zip(net.collect_params().values(), arrays, strict=True):
        out = value.shape[-1]
        if value.ndim == 4:
            value = value.transpose((3, 2, 0, 1))  # (out, in, h, w)
        elif value.ndim == 2:
            # (pixels, channels, out)
            value = value.reshape((-1, before or value.shape[0], out))
            # (out, channels * pixels)
            value = value.transpose((2, 1, 0)).reshape((out, -1))
        parameter.set_data(value)
        before = out


@load_weights.alternative(framework="mxnet")
def _(net, arrays):
    """Layer by layer; the order of a flattened picture is found by flattening a picture of
    indices.
    """
    from dlkit.mx import gluon, nd

    arrays, channels = list(arrays), None
    for layer in net:
        if isinstance(layer, gluon.nn.Conv2D):
            kernel, bias = arrays.pop(0), arrays.pop(0)
            layer.weight.set_data(nd.moveaxis(nd.moveaxis(kernel, 3, 0), 3, 1))
            layer.bias.set_data(bias)
            channels = bias.shape[0]
        elif isinstance(layer, gluon.nn.Dense):
            weight, bias = arrays.pop(0), arrays.pop(0)
            if channels:
                rows = (
                    nd.arange(weight.shape[0]).reshape((-1, channels)).T.reshape((-1,))
                )
                weight, channels = weight.take(rows), None
            layer.weight.set_data(weight.T)
            layer.bias.set_data(bias)


@load_weights.alternative(framework="torch")
def _(net, arrays):
    """Layer by layer; the order of a flattened picture is found by flattening a picture of
    indices.
    """
    import torch
    from torch import nn

    arrays, channels = list(arrays), None
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            layer.weight.data = arrays.pop(0).movedim((3, 2), (0, 1))
            layer.bias.data = arrays.pop(0)
            channels = layer.out_channels
        elif isinstance(layer, nn.Linear):
            weight = arrays.pop(0)
            if channels:
                weight, channels = (
                    weight[torch.arange(len(weight)).reshape(-1, channels).T.flatten()],
                    None,
                )
            layer.weight.data = weight.T
            layer.bias.data = arrays.pop(0)


load_weights.equivalent(
    "array.ndim -> parameter.ndim",
    why="A parameter has as many axes as the array that is meant for it, only in another order.",
)
load_weights.equivalent(
    "before = len(parameter) -> before = len(array)",
    why="By then the array has taken the parameter's shape.",
)
load_weights.equivalent(
    "bias.shape[0] -> bias.shape[-1]",
    why="A bias has one axis: it is the first and the last.",
)


# 5. One step of stochastic gradient descent -------------------------------------------------------


@question(
    points=2,
    forbids=ready_made.OPTIMISERS,
    forbids_in_words=ready_made.OPTIMISERS_IN_WORDS,
    hints=[
        "The gradients are sums over the batch. First make means of them.",
        "Only the gradients are divided by the batch size. The decay term is lr * weight_decay "
        "* parameter, whatever the batch.",
    ],
    explanation="""
        This is what `Trainer.step(batch_size)` does in Gluon, where a loss has one value an image
        and `backward` adds up their gradients. In PyTorch the mean is usually taken in the loss,
        and `optimizer.step()` divides by nothing: take the mean twice, and you train with a
        learning rate that is batch_size times too small.
    """,
)
def sgd_step(parameters, gradients, lr, batch_size, weight_decay):
    """The parameters after one step of gradient descent on the batch's mean loss, with weight
    decay.

    parameters: list of float32 arrays; gradients: list of arrays of the same shapes, of the loss
    summed over the batch;
    lr, batch_size, weight_decay: numbers  ->  list of arrays: p - lr * (mean gradient +
        weight_decay * p)
    """
    return [
        p - lr * (g / batch_size + weight_decay * p)
        for p, g in zip(parameters, gradients, strict=True)
    ]


example(
    sgd_step,
    [np.array([2], np.float32)],
    [np.array([10], np.float32)],
    0.1,
    5,
    0.5,
    weight=0.5,
)


@sgd_step.probe(weight=1)
def without_decay(rng):
    parameters, gradients = (
        [gaussian(rng, 3, 4), gaussian(rng, 3)],
        [gaussian(rng, 3, 4, scale=20), gaussian(rng, 3, scale=20)],
    )
    return parameters, gradients, 0.1, 32, 0.0


@sgd_step.probe(weight=1, repeat=2)
def with_decay(rng):
    shapes = [(2, 1, 3, 3), (2,), (5, int(rng.integers(3, 9))), (5,), (4, 5), (4,)]
    parameters, gradients = (
        [gaussian(rng, *shape) for shape in shapes],
        [gaussian(rng, *shape, scale=10) for shape in shapes],
    )
    return (
        parameters,
        gradients,
        float(rng.uniform(0.1, 0.5)),
        int(rng.integers(8, 65)),
        float(rng.uniform(0.1, 0.4)),
    )


@sgd_step.probe(weight=0.5)
def a_batch_of_one(rng):
    shape = (2, 3, int(rng.integers(2, 5)))
    return (
        [gaussian(rng, *shape)],
        [gaussian(rng, *shape)],
        1,
        1,
        float(rng.uniform(0.1, 0.4)),
    )


@sgd_step.probe(weight=0.5)
def no_gradient(rng):
    """Only the decay is left."""
    shapes = [(3, 2), (4,)]
    parameters = [gaussian(rng, *shape) + 1 for shape in shapes]
    return parameters, [np.zeros(shape, np.float32) for shape in shapes], 0.5, 8, 0.2


@sgd_step.mistake(
    "The gradients are sums over the batch and were not divided by its "
    "size. The step is batch_size times too long."
)
def _(parameters, gradients, lr, batch_size, weight_decay):
    return [
        p - lr * (g + weight_decay * p)
        for p, g in zip(parameters, gradients, strict=True)
    ]


@sgd_step.mistake(
    "The decay is divided by the batch size too. Only the gradients are sums over the batch."
)
def _(parameters, gradients, lr, batch_size, weight_decay):
    return [
        p - lr / batch_size * (g + weight_decay * p)
        for p, g in zip(parameters, gradients, strict=True)
    ]


@sgd_step.mistake(
    "The decay is not multiplied by the learning rate. It is part of "
    "the gradient: lr * weight_decay * p."
)
def _(parameters, gradients, lr, batch_size, weight_decay):
    return [
        p - lr * g / batch_size - weight_decay * p
        for p, g in zip(parameters, gradients, strict=True)
    ]


@sgd_step.mistake(
    "Biases are not decayed here. This step decays every array alike, whatever its shape."
)
def _(parameters, gradients, lr, batch_size, weight_decay):
    return [
        p - lr * (g / batch_size + (weight_decay * p if p.ndim > 1 else 0))
        for p, g in zip(parameters, gradients, strict=True)
    ]


@sgd_step.mistake("The weight decay is left out.")
def _(parameters, gradients, lr, batch_size, weight_decay):
    return [p - lr * g / batch_size for p, g in zip(parameters, gradients, strict=True)]


@sgd_step.mistake(
    "This goes uphill: the gradient points to where the loss grows. Subtract it."
)
def _(parameters, gradients, lr, batch_size, weight_decay):
    return [
        p + lr * (g / batch_size + weight_decay * p)
        for p, g in zip(parameters, gradients, strict=True)
    ]


@sgd_step.mistake(
    "The decay pushes weights away from 0. It has the same sign as "
    "the gradient: both are subtracted."
)
def _(parameters, gradients, lr, batch_size, weight_decay):
    return [
        p - lr * (g / batch_size - weight_decay * p)
        for p, g in zip(parameters, gradients, strict=True)
    ]


@sgd_step.mistake(
    "A bracket is missing: lr multiplies the gradient only, and the decay is added to p.",
)
def _(parameters, gradients, lr, batch_size, weight_decay):
    return [
        p - lr * g / batch_size + weight_decay * p
        for p, g in zip(parameters, gradients, strict=True)
    ]


@sgd_step.mistake(
    "The decay is halved. The term is weight decay · p.",
)
def _(parameters, gradients, lr, batch_size, weight_decay):
    return [
        p - lr * (g / batch_size + weight_decay / 2 * p)
        for p, g in zip(parameters, gradients, strict=True)
    ]


@sgd_step.mistake(
    "The decay is twice too large. The term is weight decay · p.",
)
def _(parameters, gradients, lr, batch_size, weight_decay):
    return [
        p - lr * (g / batch_size + 2 * weight_decay * p)
        for p, g in zip(parameters, gradients, strict=True)
    ]


@sgd_step.mistake(
    "The decay acts on the parameters after the gradient's step. Both terms are taken at the "
    "old p.",
)
def _(parameters, gradients, lr, batch_size, weight_decay):
    return [
        (p - lr * g / batch_size) * (1 - lr * weight_decay)
        for p, g in zip(parameters, gradients, strict=True)
    ]


@sgd_step.mistake(
    "These are the steps. Subtract them from the parameters.",
)
def _(parameters, gradients, lr, batch_size, weight_decay):
    return [
        lr * (g / batch_size + weight_decay * p)
        for p, g in zip(parameters, gradients, strict=True)
    ]


@sgd_step.mistake(
    "The gradients are divided by the length of their own first axis. Divide by the batch size.",
)
def _(parameters, gradients, lr, batch_size, weight_decay):
    return [
        p - lr * (g / len(g) + weight_decay * p)
        for p, g in zip(parameters, gradients, strict=True)
    ]


@sgd_step.mistake(
    "Only the sign of p is in the decay. The term is weight decay · p.",
)
def _(parameters, gradients, lr, batch_size, weight_decay):
    return [
        p - lr * (g / batch_size + weight_decay * np.sign(p))
        for p, g in zip(parameters, gradients, strict=True)
    ]


@sgd_step.alternative(framework="torch")
def _(parameters, gradients, lr, batch_size, weight_decay):
    return [
        (1 - lr * weight_decay) * p - lr * g / batch_size
        for p, g in zip(parameters, gradients, strict=True)
    ]


@sgd_step.alternative(framework="torch")
def _(parameters, gradients, lr, batch_size, weight_decay):
    import torch

    steps = [
        torch.add(g / batch_size, p, alpha=weight_decay)
        for p, g in zip(parameters, gradients, strict=True)
    ]
    return [
        torch.add(p, step, alpha=-lr) for p, step in zip(parameters, steps, strict=True)
    ]


@sgd_step.alternative(framework="mxnet")
def _(parameters, gradients, lr, batch_size, weight_decay):
    return [
        p - lr * (g / batch_size + weight_decay * p)
        for p, g in zip(parameters, gradients, strict=True)
    ]


@sgd_step.alternative(framework="mxnet")
def _(parameters, gradients, lr, batch_size, weight_decay):
    for parameter, gradient in zip(parameters, gradients, strict=True):
        gradient /= batch_size
        gradient += weight_decay * parameter
        parameter -= lr * gradient  # in place, as optimisers do
    return parameters


# 6. A LeNet of one twentieth the size -------------------------------------------------------------

JUDGED = ByAccuracy("digits", needed=0.8, guessing=0.3, most_parameters=20_000)


@question(
    points=4,
    framework="torch",
    frameworks=NETWORKS,
    driver="fit_predict",
    forbids=ready_made.DATA,
    forbids_in_words=ready_made.DATA_IN_WORDS,
    seconds=120,
    hints=[
        "Start from LeNet and take fewer maps: 8 and 16 instead of 20 and 50, and 32 units "
        "instead of 500, make 11,978 parameters.",
        "Watch the loss on the training images. If it stands still at 2.3, the net guesses: is "
        "the optimiser stepping, is lr sensible? Adam with lr 0.003 is a good start.",
        "If the loss still falls when training ends, train longer: 20 to 30 epochs with batches "
        "of 50 take a few seconds. Shuffle the images in every epoch; a learning rate that "
        "falls towards the end steadies the result.",
    ],
    explanation="""
        The 400,000 parameters of LeNet's first dense layer are not what recognises digits: 16 maps
        instead of 50 leave 256 inputs instead of 800, and 32 units are enough. A linear model stays
        near 60 % here and a net of dense layers near 70 %, because a digit that has moved by three
        pixels is, pixel by pixel, another picture; shared kernels and pooling are what makes a move
        matter less.
    """,
)
def train(train_images, train_labels):
    """A net of at most 20,000 trainable parameters, trained to tell digits apart, right on at least
    80 % of 500 images that it has not seen.

    train_images: (1200, 1, 28, 28) float32 in [0, 1]; train_labels: (1200,) int64 in 0, ..., 9
    Returns the net: (N, 1, 28, 28) -> (N, 10) logits.
    """
    import torch
    from torch import nn

    torch.manual_seed(0)
    num_epochs, batch_size = 25, 50
    net = nn.Sequential(
        nn.Conv2d(1, 8, 5),  # (N, 8, 24, 24)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 8, 12, 12)
        nn.Conv2d(8, 16, 5),  # (N, 16, 8, 8)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 16, 4, 4)
        nn.Flatten(),  # (N, 256)
        nn.Linear(256, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
    )
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_epochs)
    for _ in range(num_epochs):
        for rows in torch.randperm(len(train_images)).split(batch_size):
            optimizer.zero_grad()
            loss(net(train_images[rows]), train_labels[rows]).backward()
            optimizer.step()
        schedule.step()
    return net


@train.probe()
def unseen_digits(rng):
    """Real digits, divided anew by every seed, 20 x 20 pixels on a 28 x 28 canvas: moved by up
    to 3 pixels from the centre, with noise; all turned alike, and numbered anew.
    """
    from dlkit.data import digits

    data = digits(size=20)
    images = np.concatenate([data.train_images, data.val_images, data.test_images])
    labels = np.concatenate([data.train_labels, data.val_labels, data.test_labels])
    chosen = rng.permutation(len(images))[:1700]
    canvas = np.zeros((1700, 1, 28, 28), np.float32)
    for place, image, (row, column) in zip(
        canvas, images[chosen], rng.integers(1, 8, (1700, 2)), strict=True
    ):
        place[:, row : row + 20, column : column + 20] = image
    canvas = (canvas + rng.normal(0, 0.1, canvas.shape)).clip(0, 1).astype(np.float32)
    canvas, labels = disguised(rng, canvas, labels[chosen])
    return Inputs((canvas[:1200], labels[:1200], canvas[1200:]), secret=labels[1200:])


train.measure(JUDGED.measure)


@train.mistake(
    "The net guesses. Is `optimizer.step()` (Gluon: `trainer.step`) called after every "
    "`backward`, is lr sensible, and do images and labels stay together when shuffled?",
    recognise=JUDGED.guesses,
)
def _(train_images, train_labels):
    import torch
    from torch import nn

    torch.manual_seed(0)
    maps = [
        nn.Conv2d(1, 8, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
    net = nn.Sequential(
        *maps, nn.Flatten(), nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 10)
    )
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    for rows in torch.randperm(len(train_images)).split(50):
        optimizer.zero_grad()
        loss(net(train_images[rows]), train_labels[rows]).backward()
    return net


@train.mistake(
    "The net has learnt, but too little. Train for more epochs or with a larger lr; a net "
    "without convolutions hardly gets there.",
    recognise=JUDGED.learnt_too_little,
)
def _(train_images, train_labels):
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    for _ in range(25):
        for rows in torch.randperm(len(train_images)).split(50):
            optimizer.zero_grad()
            loss(net(train_images[rows]), train_labels[rows]).backward()
            optimizer.step()
    return net


@train.mistake(
    "The net has more than 20,000 parameters. Most sit in the first dense "
    "layer: give it fewer inputs or fewer units.",
    recognise=JUDGED.is_too_large,
)
def _(train_images, train_labels):
    import torch
    from torch import nn

    torch.manual_seed(0)
    maps = [
        nn.Conv2d(1, 20, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
    net = nn.Sequential(
        *maps, nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10)
    )
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
    for rows in torch.randperm(len(train_images)).split(50):
        optimizer.zero_grad()
        loss(net(train_images[rows]), train_labels[rows]).backward()
        optimizer.step()
    return net


@train.mistake(
    "The net does not give ten numbers an image. Its last layer is a dense layer with ten outputs.",
    recognise=JUDGED.has_another_number_of_outputs,
)
def _(train_images, train_labels):
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(288, 32)
    )
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    for rows in torch.randperm(len(train_images)).split(50):
        optimizer.zero_grad()
        loss(net(train_images[rows]), train_labels[rows]).backward()
        optimizer.step()
    return net


@train.alternative(framework="mxnet")
def _(train_images, train_labels):
    from dlkit.mx import autograd, gluon, init, mx, nd

    mx.random.seed(0)
    num_epochs, batch_size = 25, 50
    net = gluon.nn.HybridSequential()
    net.add(
        gluon.nn.Conv2D(8, 5, activation="relu"),  # (N, 8, 24, 24)
        gluon.nn.MaxPool2D(2),  # (N, 8, 12, 12)
        gluon.nn.Conv2D(16, 5, activation="relu"),  # (N, 16, 8, 8)
        gluon.nn.MaxPool2D(2),  # (N, 16, 4, 4)
        gluon.nn.Dense(32, activation="relu"),  # flattens to (N, 256) first
        gluon.nn.Dense(10),
    )
    net.initialize(init.Xavier())
    net.hybridize()
    softmax_loss = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.005})
    for epoch in range(num_epochs):
        trainer.set_learning_rate(0.005 * (1 - epoch / num_epochs))
        order = nd.random.shuffle(nd.arange(len(train_images)))
        for start in range(0, len(train_images), batch_size):
            rows = order[start : start + batch_size]
            with autograd.record():
                loss = softmax_loss(
                    net(train_images.take(rows)), train_labels.take(rows)
                )
            loss.backward()
            trainer.step(batch_size)
            loss.wait_to_read()
    return net


@train.alternative(framework="torch")
def _(train_images, train_labels):
    """Strides instead of pooling, batch normalisation, dropout, momentum and a learning rate
    that falls.
    """
    import torch
    from torch import nn

    torch.manual_seed(0)
    num_epochs, batch_size = 20, 40
    net = nn.Sequential(
        nn.Conv2d(1, 12, 5, stride=2),  # (N, 12, 12, 12)
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.Conv2d(12, 24, 5, stride=2),  # (N, 24, 4, 4)
        nn.BatchNorm2d(24),
        nn.ReLU(),
        nn.Flatten(),  # (N, 384)
        nn.Dropout(0.3),
        nn.Linear(384, 24),
        nn.ReLU(),
        nn.Linear(24, 10),
    )
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(
        net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_epochs)
    for _ in range(num_epochs):
        for rows in torch.randperm(len(train_images)).split(batch_size):
            optimizer.zero_grad()
            loss(net(train_images[rows]), train_labels[rows]).backward()
            optimizer.step()
        schedule.step()
    return net


# Inputs -------------------------------------------------------------------------------------------


def _net_with_weights(rng, layers):
    return layers, [gaussian(rng, *shape) for shape in parameter_shapes(layers)]


def _transfer(rng, layers, input_shape):
    """A net with weights of its own, a batch for it, and the arrays to load, as a channels-last
    framework would export them.
    """
    shapes = list(parameter_shapes(layers))
    weights = [gaussian(rng, *shape) for shape in shapes]
    exported = [
        (shape[2], shape[3], shape[1], shape[0]) if len(shape) == 4 else shape[::-1]
        for shape in shapes
    ]
    return (
        layers,
        weights,
        gaussian(rng, *input_shape),
        [gaussian(rng, *shape) for shape in exported],
    )
