"""Training deep networks: the start, batch normalisation and its running statistics, dropout, a
step with weight decay, a schedule, ten layers that learn.
"""

import numpy as np

from autograder import Inputs, Measurement, question
from solutions import ready_made
from solutions.examples import example
from solutions.inputs import disguised, gaussian

NORMALISATION_IN_WORDS = (
    "a library's own normalisation "
    "(`batch_norm`, `nn.BatchNorm2d`, `nd.BatchNorm` and the like)"
)


# 1. The start -------------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "One output of a layer is a sum. How many products does it add up?",
        "A dense weight (out, in): `in` products. A kernel (out, in, h, w): in * h * w. Both "
        "are the product of all sizes but the first.",
        "`fan_in = int(np.prod(normal.shape[1:]))`",
    ],
    explanation="""
        n products with independent weights of variance 2 / n add up to a variance of twice the mean
        square of the inputs, and ReLU, which cuts away one half, brings it back to where it was. n
        counts the products that meet in one output: for a kernel that is in * h * w, not in alone.
    """,
)
def he_weights(normals):
    """Weights with variance 2 / fan_in, made of standard normal numbers (He et al. 2015).

    normals: list of float32 arrays, dense weights (out, in) or kernels (out, in, h, w)  ->  list of
        arrays of the same shapes
    """
    weights = []
    for normal in normals:
        fan_in = int(np.prod(normal.shape[1:]))
        weights.append(normal * (2 / fan_in) ** 0.5)
    return weights


_NORMALS = np.array([1, -1, 2, 0.5, -0.25], np.float32)
example(
    he_weights,
    [np.resize(_NORMALS, (5, 8)), np.resize(_NORMALS, (6, 2, 3, 3))],
    weight=1,
)


@he_weights.probe(weight=1)
def dense(rng):
    return (
        [
            gaussian(rng, int(rng.integers(6, 9)), 5),
            gaussian(rng, 3, int(rng.integers(9, 12))),
        ],
    )


@he_weights.probe(weight=1, repeat=2)
def kernels_and_dense(rng):
    inputs, maps = int(rng.integers(2, 4)), int(rng.integers(5, 8))
    return (
        [
            gaussian(rng, maps, inputs, 3, 4),
            gaussian(rng, 4, maps, 2, 3),
            gaussian(rng, 10, 9),
        ],
    )


@he_weights.probe(weight=1)
def a_single_output(rng):
    return ([gaussian(rng, 1, int(rng.integers(4, 9))), gaussian(rng, 1, 3, 2, 5)],)


@he_weights.probe(weight=0.5)
def one_input(rng):
    return ([gaussian(rng, 4, 1), gaussian(rng, 3, 1, 1, 1)],)


@he_weights.probe(weight=0.5)
def one_layer(rng):
    """As many outputs as products."""
    return ([gaussian(rng, 12, 3, 2, 2)],)


@he_weights.mistake(
    "fan_in is taken for the number of outputs, the first size. Inputs are what "
    "a sum runs over: all the sizes behind it."
)
def _(normals):
    return [normal * (2 / normal.shape[0]) ** 0.5 for normal in normals]


@he_weights.mistake(
    "The area of the kernels is left out. One output of a convolution adds up in * h * w products."
)
def _(normals):
    return [normal * (2 / normal.shape[1]) ** 0.5 for normal in normals]


@he_weights.mistake(
    "fan_in is taken for the number of all weights. One output is "
    "the sum over all sizes but the first."
)
def _(normals):
    return [normal * (2 / int(np.prod(normal.shape))) ** 0.5 for normal in normals]


@he_weights.mistake(
    "This multiplies by the variance. A standard normal number times s "
    "has variance s squared: take the root."
)
def _(normals):
    return [normal * (2 / int(np.prod(normal.shape[1:]))) for normal in normals]


@he_weights.mistake(
    "The variance is 1 / fan_in. ReLU cuts away half of each sum, and the 2 makes up for it."
)
def _(normals):
    return [normal * (1 / int(np.prod(normal.shape[1:]))) ** 0.5 for normal in normals]


@he_weights.mistake(
    "This is Glorot's variance, 2 / (inputs + outputs). He's, for ReLU, is 2 / inputs."
)
def _(normals):
    weights = []
    for normal in normals:
        area = int(np.prod(normal.shape[2:]))
        weights.append(
            normal * (2 / (area * (normal.shape[0] + normal.shape[1]))) ** 0.5
        )
    return weights


@he_weights.mistake(
    "fan_in is counted from the outputs. It is the number of products that one output adds "
    "up: all axes but the first.",
)
def _(normals):
    return [normal * (2 / (normal.size / normal.shape[1])) ** 0.5 for normal in normals]


@he_weights.mistake(
    "fan_in of a kernel is its height times its width only. One output adds up all its input maps.",
)
def _(normals):
    return [
        normal * (2 / np.prod(normal.shape[2:] or normal.shape[1:])) ** 0.5
        for normal in normals
    ]


@he_weights.mistake(
    "Kernels are taken to be square. fan_in has their height times their width.",
)
def _(normals):
    return [
        normal
        * (2 / (normal.shape[1] * (normal.shape[-1] ** 2 if normal.ndim == 4 else 1)))
        ** 0.5
        for normal in normals
    ]


@he_weights.mistake(
    "Only the last axis is counted. fan_in is the product of all axes but the first.",
)
def _(normals):
    return [normal * (2 / normal.shape[-1]) ** 0.5 for normal in normals]


@he_weights.mistake(
    "The axes are added up. fan_in is a product: maps times height times width.",
)
def _(normals):
    return [normal * (2 / sum(normal.shape[1:])) ** 0.5 for normal in normals]


@he_weights.mistake(
    "All layers get the fan_in of the first. Count each by its own shape.",
)
def _(normals):
    return [normal * (2 / normals[0][0].size) ** 0.5 for normal in normals]


@he_weights.alternative(framework="torch")
def _(normals):
    return [normal * (2 / normal[0].numel()) ** 0.5 for normal in normals]


@he_weights.alternative(framework="mxnet")
def _(normals):
    weights = []
    for normal in normals:
        fan_in = 1
        for size in normal.shape[1:]:
            fan_in *= size
        weights.append(normal / (fan_in / 2) ** 0.5)
    return weights


he_weights.equivalent(
    "normal[0] -> normal[-1]",
    why="The first output is the sum of as many products as the last.",
)


# 2. Batch normalisation ---------------------------------------------------------------------------


@question(
    points=3,
    forbids=ready_made.NORMALISATION,
    forbids_in_words=NORMALISATION_IN_WORDS,
    hints=[
        "Each channel has one mean and one variance. Which axes of (N, C, H, W) do they run over?",
        "Over all but the channels: axes 0, 2 and 3, with the axes kept "
        "so that the result is (1, C, 1, 1).",
        "The variance divides by the number of values. PyTorch's `var` does so with "
        "`correction=0`; in MXNet take the mean of the squared distances from the mean.",
    ],
    explanation="""
        A convolution uses one kernel at every position, so all positions of all images are draws of
        the same unit: they share one mean and one variance. eps stands under the root, where it
        keeps a channel of equal values from being divided by zero. gamma and beta have one number a
        channel.
    """,
)
def batch_norm(X, gamma, beta, eps):
    """Batch normalisation of maps, as it computes while training.

    X: (N, C, H, W) float32; gamma, beta: (C,) float32; eps: number, to be added to the variance  ->
    (N, C, H, W)
    """
    mean = X.mean(axis=(0, 2, 3), keepdims=True)  # (1, C, 1, 1)
    var = X.var(axis=(0, 2, 3), keepdims=True)
    return gamma[:, None, None] * (X - mean) / np.sqrt(var + eps) + beta[:, None, None]


example(
    batch_norm,
    np.array([1, 3, 5, 7], np.float32).reshape(2, 1, 1, 2),
    np.ones(1, np.float32),
    np.zeros(1, np.float32),
    0,
    weight=1,
)


@batch_norm.probe(weight=3, repeat=3)
def maps(rng):
    shape = int(rng.integers(4, 6)), int(rng.integers(2, 4)), int(rng.integers(6, 8)), 8
    X = gaussian(rng, *shape) * rng.uniform(0.5, 3, (shape[1], 1, 1)) + rng.normal(
        0, 2, (shape[1], 1, 1)
    )
    return (
        X.astype(np.float32),
        _away_from_zero(rng, shape[1]),
        _away_from_zero(rng, shape[1]),
        1e-5,
    )


@batch_norm.probe(weight=1)
def a_large_eps(rng):
    return (
        gaussian(rng, 3, 4, 5, 2),
        _away_from_zero(rng, 4),
        _away_from_zero(rng, 4),
        float(rng.uniform(0.3, 0.6)),
    )


@batch_norm.probe(weight=1)
def a_channel_of_equal_values(rng):
    X = gaussian(rng, 4, 3, 2, 5)
    X[:, 1] = rng.integers(1, 9)
    return X, _away_from_zero(rng, 3), _away_from_zero(rng, 3), 1e-3


@batch_norm.probe(weight=0.5)
def as_many_channels_as_columns(rng):
    """And as many as images and rows: a scale of the wrong axis would fit."""
    return (
        gaussian(rng, 3, 3, 3, 3),
        _away_from_zero(rng, 3),
        _away_from_zero(rng, 3),
        1e-5,
    )


@batch_norm.probe(weight=0.5)
def one_image(rng):
    """A scale of 0 among the others."""
    gamma = _away_from_zero(rng, 3)
    gamma[rng.integers(3)] = 0
    return gaussian(rng, 1, 3, 4, 5), gamma, _away_from_zero(rng, 3), 1e-5


@batch_norm.mistake(
    "Mean and variance are taken for every pixel. A channel has one "
    "mean: over images, rows and columns."
)
def _(X, gamma, beta, eps):
    mean, var = X.mean(axis=0, keepdims=True), X.var(axis=0, keepdims=True)
    return gamma[:, None, None] * (X - mean) / np.sqrt(var + eps) + beta[:, None, None]


@batch_norm.mistake(
    "Each image is normalised by itself: that is instance normalisation. The "
    "mean runs over the images of the batch, too."
)
def _(X, gamma, beta, eps):
    mean, var = X.mean(axis=(2, 3), keepdims=True), X.var(axis=(2, 3), keepdims=True)
    return gamma[:, None, None] * (X - mean) / np.sqrt(var + eps) + beta[:, None, None]


@batch_norm.mistake(
    "Each image is normalised over all its channels: that is layer normalisation. Here every "
    "channel has its own mean, over the whole batch."
)
def _(X, gamma, beta, eps):
    mean, var = (
        X.mean(axis=(1, 2, 3), keepdims=True),
        X.var(axis=(1, 2, 3), keepdims=True),
    )
    return gamma[:, None, None] * (X - mean) / np.sqrt(var + eps) + beta[:, None, None]


@batch_norm.mistake(
    "All channels share one mean and one variance. Every channel has its own."
)
def _(X, gamma, beta, eps):
    return (
        gamma[:, None, None] * (X - X.mean()) / np.sqrt(X.var() + eps)
        + beta[:, None, None]
    )


@batch_norm.mistake(
    "The variance is divided by one less than the number of values. Only the running variance of "
    "PyTorch is; the batch itself uses the plain mean."
)
def _(X, gamma, beta, eps):
    mean, var = (
        X.mean(axis=(0, 2, 3), keepdims=True),
        X.var(axis=(0, 2, 3), keepdims=True, ddof=1),
    )
    return gamma[:, None, None] * (X - mean) / np.sqrt(var + eps) + beta[:, None, None]


@batch_norm.mistake(
    "eps is added to the standard deviation. It belongs to the variance, under the root."
)
def _(X, gamma, beta, eps):
    mean, std = (
        X.mean(axis=(0, 2, 3), keepdims=True),
        X.std(axis=(0, 2, 3), keepdims=True),
    )
    return gamma[:, None, None] * (X - mean) / (std + eps) + beta[:, None, None]


@batch_norm.mistake(
    "This divides by the variance. Divide by its root, the standard deviation."
)
def _(X, gamma, beta, eps):
    mean, var = (
        X.mean(axis=(0, 2, 3), keepdims=True),
        X.var(axis=(0, 2, 3), keepdims=True),
    )
    return gamma[:, None, None] * (X - mean) / (var + eps) + beta[:, None, None]


@batch_norm.mistake(
    "eps is missing: a channel of equal values is divided by 0. It is added to the variance, "
    "under the root."
)
def _(X, gamma, beta, eps):
    mean, std = (
        X.mean(axis=(0, 2, 3), keepdims=True),
        X.std(axis=(0, 2, 3), keepdims=True),
    )
    return gamma[:, None, None] * (X - mean) / std + beta[:, None, None]


@batch_norm.mistake("gamma and beta are left out.")
def _(X, gamma, beta, eps):
    mean, var = (
        X.mean(axis=(0, 2, 3), keepdims=True),
        X.var(axis=(0, 2, 3), keepdims=True),
    )
    return (X - mean) / np.sqrt(var + eps)


@batch_norm.mistake(
    "`eps` is not used: a small number stands in its place. Add the one that is given.",
)
def _(X, gamma, beta, eps):
    mean = X.mean(axis=(0, 2, 3), keepdims=True)
    var = X.var(axis=(0, 2, 3), keepdims=True)
    normalised = (X - mean) / np.sqrt(var + 1e-5)
    scale, shift = gamma[:, None, None], beta[:, None, None]
    return scale * normalised + shift


@batch_norm.mistake(
    "gamma is left out. It multiplies each channel.",
)
def _(X, gamma, beta, eps):
    mean = X.mean(axis=(0, 2, 3), keepdims=True)
    var = X.var(axis=(0, 2, 3), keepdims=True)
    normalised = (X - mean) / np.sqrt(var + eps)
    shift = beta[:, None, None]
    return normalised + shift


@batch_norm.mistake(
    "beta is left out. It is added to each channel.",
)
def _(X, gamma, beta, eps):
    mean = X.mean(axis=(0, 2, 3), keepdims=True)
    var = X.var(axis=(0, 2, 3), keepdims=True)
    normalised = (X - mean) / np.sqrt(var + eps)
    scale = gamma[:, None, None]
    return scale * normalised


@batch_norm.mistake(
    "gamma and beta are exchanged. gamma multiplies, beta is added.",
)
def _(X, gamma, beta, eps):
    mean = X.mean(axis=(0, 2, 3), keepdims=True)
    var = X.var(axis=(0, 2, 3), keepdims=True)
    normalised = (X - mean) / np.sqrt(var + eps)
    scale, shift = gamma[:, None, None], beta[:, None, None]
    return shift * normalised + scale


@batch_norm.mistake(
    "beta is multiplied by gamma too. It is added after the multiplication.",
)
def _(X, gamma, beta, eps):
    mean = X.mean(axis=(0, 2, 3), keepdims=True)
    var = X.var(axis=(0, 2, 3), keepdims=True)
    normalised = (X - mean) / np.sqrt(var + eps)
    scale, shift = gamma[:, None, None], beta[:, None, None]
    return scale * (normalised + shift)


@batch_norm.mistake(
    "The mean is not subtracted: X itself is divided.",
)
def _(X, gamma, beta, eps):
    var = X.var(axis=(0, 2, 3), keepdims=True)
    scale, shift = gamma[:, None, None], beta[:, None, None]
    return scale * X / np.sqrt(var + eps) + shift


@batch_norm.alternative(framework="torch")
def _(X, gamma, beta, eps):
    mean = X.mean(dim=(0, 2, 3), keepdim=True)  # (1, C, 1, 1)
    var = X.var(dim=(0, 2, 3), keepdim=True, correction=0)
    return gamma[:, None, None] * (X - mean) / (var + eps).sqrt() + beta[:, None, None]


@batch_norm.alternative(framework="mxnet")
def _(X, gamma, beta, eps):
    mean = X.mean(axis=(0, 2, 3), keepdims=True)  # (1, C, 1, 1)
    var = ((X - mean) ** 2).mean(axis=(0, 2, 3), keepdims=True)
    return gamma.reshape((1, -1, 1, 1)) * (X - mean) / (
        var + eps
    ).sqrt() + beta.reshape((1, -1, 1, 1))


@batch_norm.alternative()
def _(X, gamma, beta, eps):
    Y = np.empty_like(X)
    for c in range(len(gamma)):
        channel = X[:, c] - X[:, c].mean()
        Y[:, c] = gamma[c] * channel / (np.mean(channel**2) + eps) ** 0.5 + beta[c]
    return Y


batch_norm.equivalent(
    "(0, 2, 3) -> (2, 0, 3)",
    why="A mean over three axes does not depend on the order in which they are named.",
)
batch_norm.equivalent(
    "(0, 2, 3) -> (0, 3, 2)",
    why="A mean over three axes does not depend on the order in which they are named.",
)
batch_norm.equivalent(
    "len(gamma) -> len(beta)", why="gamma and beta have one number a channel each."
)


# 3. Running statistics ----------------------------------------------------------------------------


@question(
    points=2,
    forbids=ready_made.NORMALISATION,
    forbids_in_words=NORMALISATION_IN_WORDS,
    hints=[
        "new = (1 - momentum) * old + momentum * (what this batch "
        "says), for the mean and for the variance.",
        "The batch's variance divides by N - 1 here. NumPy: `var(axis=0, ddof=1)`; PyTorch: "
        "`var(dim=0)`; MXNet: the sum of squared distances over N - 1.",
    ],
    explanation="""
        This is PyTorch's convention: momentum weighs the new value, and the variance is the
        unbiased one. Gluon writes 0.9 for the same thing, because there momentum weighs the old
        value, and divides by N. Whoever copies running variances from one to the other by hand need
        not convert anything, but will see them drift apart.
    """,
)
def running_statistics(running_mean, running_var, X, momentum):
    """The running mean and variance after one more batch, in PyTorch's convention.

    running_mean, running_var: (d,) float32; X: (N, d) float32, N at least 2; momentum: weight of
    the new value, 0 to 1 Returns the pair of new (d,) arrays. The batch's variance divides by N -
    1.
    """
    mean = (1 - momentum) * running_mean + momentum * X.mean(axis=0)
    var = (1 - momentum) * running_var + momentum * X.var(axis=0, ddof=1)
    return mean, var


example(
    running_statistics,
    np.zeros(1, np.float32),
    np.ones(1, np.float32),
    np.array([[1], [3]], np.float32),
    0.1,
    weight=1,
)


@running_statistics.probe(weight=1, repeat=2)
def a_batch(rng):
    width = int(rng.integers(3, 6))
    X = gaussian(rng, int(rng.integers(6, 9)), width, scale=2) + rng.uniform(
        1, 3, width
    )
    old = rng.uniform(0.5, 2, (2, width)).astype(np.float32)
    return old[0], old[1], X.astype(np.float32), float(rng.uniform(0.1, 0.3))


@running_statistics.probe(weight=1)
def two_rows(rng):
    old = rng.uniform(0.5, 2, (2, 4)).astype(np.float32)
    return old[0], old[1], gaussian(rng, 2, 4) + 2, float(rng.uniform(0.6, 0.9))


@running_statistics.probe(weight=0.5)
def momentum_of_0(rng):
    """Nothing changes."""
    old = rng.uniform(0.5, 2, (2, 3)).astype(np.float32)
    return old[0], old[1], gaussian(rng, 5, 3) + 2, 0.0


@running_statistics.probe(weight=0.5)
def momentum_of_1(rng):
    """The old averages are forgotten."""
    old = rng.uniform(0.5, 2, (2, 3)).astype(np.float32)
    return old[0], old[1], gaussian(rng, 5, 3) + 2, 1.0


@running_statistics.probe(weight=0.5)
def a_unit_of_equal_values(rng):
    """Its variance is 0; the old variance of another is."""
    X = gaussian(rng, 4, 3) + 1
    X[:, 1] = rng.integers(2, 9)
    return (
        gaussian(rng, 3),
        np.array([0, 1, 2], np.float32),
        X,
        float(rng.uniform(0.1, 0.4)),
    )


@running_statistics.mistake(
    "Here momentum weighs the old value, as in Gluon. The task asks for "
    "PyTorch's convention: it weighs the new one."
)
def _(running_mean, running_var, X, momentum):
    mean = momentum * running_mean + (1 - momentum) * X.mean(axis=0)
    return mean, momentum * running_var + (1 - momentum) * X.var(axis=0, ddof=1)


@running_statistics.mistake(
    "The batch's variance is divided by N, as Gluon does. The task asks for N - 1."
)
def _(running_mean, running_var, X, momentum):
    mean = (1 - momentum) * running_mean + momentum * X.mean(axis=0)
    return mean, (1 - momentum) * running_var + momentum * X.var(axis=0)


@running_statistics.mistake(
    "The old averages are not made smaller: a part of the new is added to all of "
    "the old. The two weights must add up to 1."
)
def _(running_mean, running_var, X, momentum):
    return running_mean + momentum * X.mean(axis=0), running_var + momentum * X.var(
        axis=0, ddof=1
    )


@running_statistics.mistake(
    "This is Gluon's convention: momentum weighs the old value, and the variance divides by N. "
    "In PyTorch's it weighs the new value, and the variance divides by N - 1."
)
def _(running_mean, running_var, X, momentum):
    mean = momentum * running_mean + (1 - momentum) * X.mean(axis=0)
    return mean, momentum * running_var + (1 - momentum) * X.var(axis=0)


@running_statistics.mistake(
    "This averages standard deviations. What is kept is the variance."
)
def _(running_mean, running_var, X, momentum):
    mean = (1 - momentum) * running_mean + momentum * X.mean(axis=0)
    return mean, (1 - momentum) * running_var + momentum * X.std(axis=0, ddof=1)


@running_statistics.mistake(
    "These are the batch's own mean and variance; the old averages are forgotten."
)
def _(running_mean, running_var, X, momentum):
    return X.mean(axis=0), X.var(axis=0, ddof=1)


@running_statistics.mistake(
    "Mean and variance are returned in the wrong order. The mean comes first."
)
def _(running_mean, running_var, X, momentum):
    mean = (1 - momentum) * running_mean + momentum * X.mean(axis=0)
    return (1 - momentum) * running_var + momentum * X.var(axis=0, ddof=1), mean


@running_statistics.mistake(
    "The variance is taken around the running mean. Take the batch's own distances from the "
    "batch's own mean.",
)
def _(running_mean, running_var, X, momentum):
    mean = X.mean(axis=0)
    var = ((X - running_mean) ** 2).sum(axis=0) / (len(X) - 1)
    old = 1 - momentum
    return old * running_mean + momentum * mean, old * running_var + momentum * var


@running_statistics.mistake(
    "The variance stays what it was. It moves as the mean does.",
)
def _(running_mean, running_var, X, momentum):
    return (1 - momentum) * running_mean + momentum * X.mean(axis=0), running_var


@running_statistics.mistake(
    "For the variance momentum weighs the old value. It weighs the new one, for both.",
)
def _(running_mean, running_var, X, momentum):
    mean, var = X.mean(axis=0), X.var(axis=0, ddof=1)
    return (
        (1 - momentum) * running_mean + momentum * mean,
        momentum * running_var + (1 - momentum) * var,
    )


@running_statistics.mistake(
    "The squared distances are added up, but not divided. The variance divides by N - 1.",
)
def _(running_mean, running_var, X, momentum):
    mean = X.mean(axis=0)
    var = ((X - mean) ** 2).sum(axis=0)
    old = 1 - momentum
    return old * running_mean + momentum * mean, old * running_var + momentum * var


@running_statistics.mistake(
    "One mean is taken over all units. Each unit, a column of X, has its own.",
)
def _(running_mean, running_var, X, momentum):
    mean, var = X.mean(), X.var(axis=0, ddof=1)
    old = 1 - momentum
    return old * running_mean + momentum * mean, old * running_var + momentum * var


@running_statistics.mistake(
    "`momentum` is not used: 0.1 stands in its place.",
)
def _(running_mean, running_var, X, momentum):
    mean, var = X.mean(axis=0), X.var(axis=0, ddof=1)
    return 0.9 * running_mean + 0.1 * mean, 0.9 * running_var + 0.1 * var


@running_statistics.mistake(
    "The mean divides by N - 1 too. Only the variance does.",
)
def _(running_mean, running_var, X, momentum):
    mean, var = X.sum(axis=0) / (len(X) - 1), X.var(axis=0, ddof=1)
    old = 1 - momentum
    return old * running_mean + momentum * mean, old * running_var + momentum * var


@running_statistics.alternative(framework="torch")
def _(running_mean, running_var, X, momentum):
    return running_mean.lerp(X.mean(dim=0), momentum), running_var.lerp(
        X.var(dim=0), momentum
    )


@running_statistics.alternative(framework="mxnet")
def _(running_mean, running_var, X, momentum):
    mean = X.mean(axis=0)
    var = ((X - mean) ** 2).sum(axis=0) / (len(X) - 1)
    return running_mean + momentum * (mean - running_mean), running_var + momentum * (
        var - running_var
    )


# 4. Dropout ---------------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "Two cases. When not training, dropout does nothing at all.",
        "When training, what is kept is divided by 1 - p, the share that is "
        "kept, so that the mean stays what it was.",
    ],
    explanation="""
        This is inverted dropout, which both libraries use: the correction is made while training,
        so that afterwards nothing needs to be remembered. With draws uniform in [0, 1), draws < p
        happens with probability p, independently for every value.
    """,
)
def dropout(X, p, draws, training):
    """Inverted dropout with its random numbers given.

    X: float32 array; p: probability of dropping a value, 0 <= p < 1; draws: array of X's shape,
    uniform in [0, 1); training: True or False Returns an array of X's shape: while training 0 where
    draws < p, and X / (1 - p) elsewhere; otherwise X.
    """
    if not training:
        return X
    return X * (draws >= p) / (1 - p)


_VALUES, _DRAWS = (
    np.array([2, -1, 4, 3], np.float32),
    np.array([0.1, 0.9, 0.2, 0.5], np.float32),
)
example(dropout, _VALUES, 0.2, _DRAWS, True, weight=0.5)
example(dropout, _VALUES, 0.2, _DRAWS, False, weight=0.5)


@dropout.probe(weight=2, repeat=2)
def while_training(rng):
    shape = int(rng.integers(3, 5)), int(rng.integers(6, 9))
    return (
        _away_from_zero(rng, *shape),
        float(rng.uniform(0.15, 0.4)),
        rng.random(shape).astype(np.float32),
        True,
    )


@dropout.probe(weight=1)
def at_the_limit(rng):
    """Where draws is p, the value is kept."""
    # 0.25 is among them, exactly
    draws = (
        rng.permutation(np.linspace(0, 0.9375, 16)).astype(np.float32).reshape(2, 2, 4)
    )
    return _away_from_zero(rng, 2, 2, 4), 0.25, draws, True


@dropout.probe(weight=1)
def nothing_dropped(rng):
    draws = rng.random(7).astype(np.float32)
    draws[3] = 0
    return _away_from_zero(rng, 7), 0.0, draws, True


@dropout.probe(weight=1)
def afterwards(rng):
    return (
        _away_from_zero(rng, 4, 3),
        float(rng.uniform(0.3, 0.6)),
        rng.random((4, 3)).astype(np.float32),
        False,
    )


@dropout.probe(weight=0.5)
def most_dropped(rng):
    """Kept are the draws from 0.9375 on, one of them exactly that."""
    draws = rng.permutation(np.linspace(0, 1, 32, endpoint=False)).astype(np.float32)
    return _away_from_zero(rng, 2, 2, 4, 2), 0.9375, draws.reshape(2, 2, 4, 2), True


@dropout.probe(weight=0.5)
def afterwards_with_nothing_to_drop(rng):
    return _away_from_zero(rng, 1), 0.0, np.zeros(1, np.float32), False


@dropout.mistake(
    "What is kept is not made larger. Divide by 1 - p, or the next layer "
    "sees less while training than afterwards."
)
def _(X, p, draws, training):
    return X * (draws >= p) if training else X


@dropout.mistake("What is kept is divided by p. The share that is kept is 1 - p.")
def _(X, p, draws, training):
    return X * (draws >= p) / max(p, 1e-6) if training else X


@dropout.mistake("Dropped and kept are exchanged: a value is set to 0 where draws < p.")
def _(X, p, draws, training):
    return X * (draws < p) / (1 - p) if training else X


@dropout.mistake(
    "A value whose draw is exactly p is dropped. It is kept where its draw is p or more: `draws "
    ">= p`."
)
def _(X, p, draws, training):
    return X * (draws > p) / (1 - p) if training else X


@dropout.mistake(
    "Values are dropped after training too. When `training` is False, return X as it is."
)
def _(X, p, draws, training):
    return X * (draws >= p) / (1 - p)


@dropout.mistake(
    "This is the dropout of 2014, which shrinks everything by 1 - p afterwards. Inverted dropout "
    "enlarges while training instead."
)
def _(X, p, draws, training):
    return X * (draws >= p) if training else X * (1 - p)


@dropout.mistake(
    "Training is taken for the opposite: values are dropped when `training` is False."
)
def _(X, p, draws, training):
    return X if training else X * (draws >= p) / (1 - p)


@dropout.mistake(
    "A value is kept where its draw is less than 1 - p, so about as many are dropped, but "
    "others. It is dropped where its draw is less than p.",
)
def _(X, p, draws, training):
    return X * (draws < 1 - p) / (1 - p) if training else X


@dropout.mistake(
    "Kept values are multiplied by 1 - p. Divide them: so many are missing that the rest must "
    "be larger.",
)
def _(X, p, draws, training):
    return X * (draws >= p) * (1 - p) if training else X


@dropout.mistake(
    "After training all values are multiplied by 1 - p. Here the division has happened while "
    "training: return X as it is.",
)
def _(X, p, draws, training):
    return X * (draws >= p) / (1 - p) if training else X * (1 - p)


@dropout.mistake(
    "After training nothing is left. Then X passes as it is.",
)
def _(X, p, draws, training):
    return X * (draws >= p) / (1 - p) if training else X * 0


@dropout.mistake(
    "Kept values are divided by the share that was kept by chance. Divide by 1 - p.",
)
def _(X, p, draws, training):
    kept = draws >= p
    return X * kept / max(kept.mean(), 1e-9) if training else X


@dropout.mistake(
    "Random numbers are drawn anew. Use those that are given in `draws`.",
)
def _(X, p, draws, training):
    kept = np.random.default_rng(0).random(X.shape) >= p
    return X * kept / (1 - p) if training else X


@dropout.alternative(framework="torch")
def _(X, p, draws, training):
    import torch

    return torch.where(draws < p, 0.0, X / (1 - p)) if training else X


@dropout.alternative(framework="torch")
def _(X, p, draws, training):
    return (X / (1 - p)).masked_fill(draws < p, 0) if training else X


@dropout.alternative(framework="mxnet")
def _(X, p, draws, training):
    if not training:
        return X
    return X * (draws >= p) / (1 - p)


@dropout.alternative()
def _(X, p, draws, training):
    return np.where(draws < p, 0, X / (1 - p)) if training else X


# 5. A step with momentum and weight decay ---------------------------------------------------------


@question(
    points=3,
    forbids=ready_made.OPTIMISERS,
    forbids_in_words=ready_made.OPTIMISERS_IN_WORDS,
    hints=[
        "Go through the three lists together. What distinguishes a "
        "weight from a bias is its number of axes.",
        "In this order: add the decay to the gradient (weights only), then v = momentum * v + "
        "gradient, then p = p - lr * v.",
        "The learning rate stays outside the velocity. Return two lists: "
        "the new parameters, the new velocities.",
    ],
    explanation="""
        This is PyTorch's convention, with lr outside the velocity; Gluon keeps lr inside it, and
        the two differ as soon as lr changes. Left to themselves both libraries decay everything,
        biases and the scales of normalisation too. To spare those is common practice: PyTorch does
        it with two parameter groups, Gluon with `wd_mult = 0`.
    """,
)
def momentum_step(parameters, velocities, gradients, lr, momentum, weight_decay):
    """One step of gradient descent with momentum; arrays with more than one axis are decayed,
    others (biases, scales, shifts) are not.

    parameters, velocities, gradients: lists of float32 arrays, equal shapes in threes; lr,
    momentum, weight_decay: numbers Returns two lists, the new parameters and the new velocities: v
    = momentum * v + (g + weight_decay * p), p = p - lr * v.
    """
    stepped, moving = [], []
    for p, v, g in zip(parameters, velocities, gradients, strict=True):
        if p.ndim > 1:
            g = g + weight_decay * p
        v = momentum * v + g
        moving.append(v)
        stepped.append(p - lr * v)
    return stepped, moving


_WEIGHT_AND_BIAS = [(1, 1), (1,)]
example(
    momentum_step,
    *([np.full(shape, x, np.float32) for shape in _WEIGHT_AND_BIAS] for x in (2, 1, 3)),
    0.1,
    0.9,
    0.5,
    weight=1,
)


@momentum_step.probe(weight=1)
def first_step(rng):
    shapes = [(2, 3), (3,)]
    parameters, gradients = (
        [gaussian(rng, *shape) for shape in shapes],
        [gaussian(rng, *shape) for shape in shapes],
    )
    return (
        parameters,
        [np.zeros(shape, np.float32) for shape in shapes],
        gradients,
        float(rng.uniform(0.1, 0.5)),
        0.9,
        0.0,
    )


@momentum_step.probe(weight=1)
def moving_without_decay(rng):
    return (
        *_three(rng, [(4, 3), (5,)]),
        float(rng.uniform(0.1, 0.5)),
        float(rng.uniform(0.5, 0.9)),
        0.0,
    )


@momentum_step.probe(weight=2, repeat=2)
def with_decay(rng):
    shapes = [(3, 2, 2, 4), (3,), (2, int(rng.integers(3, 6))), (2,)]
    return (
        *_three(rng, shapes),
        float(rng.uniform(0.1, 0.4)),
        float(rng.uniform(0.5, 0.9)),
        float(rng.uniform(0.2, 0.6)),
    )


@momentum_step.probe(weight=1)
def of_any_number_of_axes(rng):
    """All that have more than one are decayed, also those of a single row."""
    shapes = [(2, 3, 4), (1, 4), (2,), (2, 1, 3, 2, 2), (1,)]
    return *_three(rng, shapes), 0.2, 0.8, float(rng.uniform(0.2, 0.6))


@momentum_step.probe(weight=0.5)
def without_momentum(rng):
    shapes = [(3, 4), (4,)]
    return *_three(rng, shapes), float(rng.uniform(0.1, 0.5)), 0.0, 0.3


@momentum_step.probe(weight=0.5)
def without_a_gradient(rng):
    """Only the velocity and the decay are left."""
    parameters, velocities, gradients = _three(rng, [(3,), (2, 4)])
    return parameters, velocities, [0 * g for g in gradients], 0.5, 0.9, 0.4


@momentum_step.mistake(
    "Biases are decayed too. Only arrays with more than one axis are to be."
)
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    moving = [
        momentum * v + g + weight_decay * p
        for p, v, g in zip(parameters, velocities, gradients, strict=True)
    ]
    return [p - lr * v for p, v in zip(parameters, moving, strict=True)], moving


@momentum_step.mistake(
    "Only matrices are decayed. Every array with more than one axis is, kernels too."
)
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    stepped, moving = [], []
    for p, v, g in zip(parameters, velocities, gradients, strict=True):
        v = momentum * v + g + (weight_decay * p if p.ndim == 2 else 0)
        moving.append(v)
        stepped.append(p - lr * v)
    return stepped, moving


@momentum_step.mistake(
    "The parameters are right, but the velocity holds the step itself, -lr included. Here it is "
    "what lr is multiplied by."
)
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    stepped, moving = [], []
    for p, v, g in zip(parameters, velocities, gradients, strict=True):
        v = momentum * v - lr * (g + (weight_decay * p if p.ndim > 1 else 0))
        moving.append(v)
        stepped.append(p + v)
    return stepped, moving


@momentum_step.mistake("The weight decay is left out.")
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    moving = [momentum * v + g for v, g in zip(velocities, gradients, strict=True)]
    return [p - lr * v for p, v in zip(parameters, moving, strict=True)], moving


@momentum_step.mistake(
    "The learning rate is inside the velocity, as in Gluon. Here it "
    "multiplies the velocity in the last line only."
)
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    decayed = [
        g + weight_decay * p if p.ndim > 1 else g
        for p, g in zip(parameters, gradients, strict=True)
    ]
    moving = [momentum * v + lr * g for v, g in zip(velocities, decayed, strict=True)]
    return [p - v for p, v in zip(parameters, moving, strict=True)], moving


@momentum_step.mistake(
    "The step uses the old velocity. Update the velocity first, then step along the new one."
)
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    decayed = [
        g + weight_decay * p if p.ndim > 1 else g
        for p, g in zip(parameters, gradients, strict=True)
    ]
    moving = [momentum * v + g for v, g in zip(velocities, decayed, strict=True)]
    return [p - lr * v for p, v in zip(parameters, velocities, strict=True)], moving


@momentum_step.mistake(
    "The gradient is weighed with 1 - momentum. Here it enters the velocity whole."
)
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    decayed = [
        g + weight_decay * p if p.ndim > 1 else g
        for p, g in zip(parameters, gradients, strict=True)
    ]
    moving = [
        momentum * v + (1 - momentum) * g
        for v, g in zip(velocities, decayed, strict=True)
    ]
    return [p - lr * v for p, v in zip(parameters, moving, strict=True)], moving


@momentum_step.mistake(
    "The decay pushes weights away from 0. It has the gradient's "
    "sign: weight_decay * p is added to it."
)
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    decayed = [
        g - weight_decay * p if p.ndim > 1 else g
        for p, g in zip(parameters, gradients, strict=True)
    ]
    moving = [momentum * v + g for v, g in zip(velocities, decayed, strict=True)]
    return [p - lr * v for p, v in zip(parameters, moving, strict=True)], moving


@momentum_step.mistake(
    "The decay acts on the parameters alone. It is part of what goes into the velocity.",
)
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    new, moved = [], []
    for p, v, g in zip(parameters, velocities, gradients, strict=True):
        decay = weight_decay * p if p.ndim > 1 else 0
        v = momentum * v + g
        new.append(p - lr * (v + decay))
        moved.append(v)
    return new, moved


@momentum_step.mistake(
    "This is Nesterov's momentum, which looks one step ahead. Move by lr · v.",
)
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    new, moved = [], []
    for p, v, g in zip(parameters, velocities, gradients, strict=True):
        decay = weight_decay * p if p.ndim > 1 else 0
        v = momentum * v + g + decay
        new.append(p - lr * (momentum * v + g + decay))
        moved.append(v)
    return new, moved


@momentum_step.mistake(
    "Biases are decayed, and weights are not. Decay arrays with more than one axis.",
)
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    new, moved = [], []
    for p, v, g in zip(parameters, velocities, gradients, strict=True):
        decay = weight_decay * p if p.ndim == 1 else 0
        v = momentum * v + g + decay
        new.append(p - lr * v)
        moved.append(v)
    return new, moved


@momentum_step.mistake(
    "Dense weights are not decayed: only kernels are. Decay all arrays with more than one axis.",
)
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    new, moved = [], []
    for p, v, g in zip(parameters, velocities, gradients, strict=True):
        decay = weight_decay * p if p.ndim > 2 else 0
        v = momentum * v + g + decay
        new.append(p - lr * v)
        moved.append(v)
    return new, moved


@momentum_step.mistake(
    "The velocities come first. Return the new parameters, then the new velocities.",
)
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    new, moved = [], []
    for p, v, g in zip(parameters, velocities, gradients, strict=True):
        decay = weight_decay * p if p.ndim > 1 else 0
        v = momentum * v + g + decay
        new.append(p - lr * v)
        moved.append(v)
    return moved, new


@momentum_step.mistake(
    "The old velocities are returned. Return the new ones.",
)
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    new, moved = [], []
    for p, v, g in zip(parameters, velocities, gradients, strict=True):
        decay = weight_decay * p if p.ndim > 1 else 0
        old, v = v, momentum * v + g + decay
        new.append(p - lr * v)
        moved.append(old)
    return new, moved


@momentum_step.mistake(
    "The old velocity is left out. It is multiplied by momentum and kept.",
)
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    new, moved = [], []
    for p, v, g in zip(parameters, velocities, gradients, strict=True):
        decay = weight_decay * p if p.ndim > 1 else 0
        v = g + decay
        new.append(p - lr * v)
        moved.append(v)
    return new, moved


@momentum_step.mistake(
    "This goes uphill: subtract lr · v.",
)
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    new, moved = [], []
    for p, v, g in zip(parameters, velocities, gradients, strict=True):
        decay = weight_decay * p if p.ndim > 1 else 0
        v = momentum * v + g + decay
        new.append(p + lr * v)
        moved.append(v)
    return new, moved


@momentum_step.mistake(
    "Gradient and decay are multiplied by momentum too. Only the old velocity is.",
)
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    new, moved = [], []
    for p, v, g in zip(parameters, velocities, gradients, strict=True):
        decay = weight_decay * p if p.ndim > 1 else 0
        v = momentum * (v + g + decay)
        new.append(p - lr * v)
        moved.append(v)
    return new, moved


@momentum_step.alternative(framework="torch")
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    for p, v, g in zip(parameters, velocities, gradients, strict=True):
        v.mul_(momentum).add_(g)
        if p.ndim > 1:
            v.add_(p, alpha=weight_decay)
        p.sub_(lr * v)
    return parameters, velocities


@momentum_step.alternative(framework="mxnet")
def _(parameters, velocities, gradients, lr, momentum, weight_decay):
    rates = [weight_decay if p.ndim > 1 else 0.0 for p in parameters]
    moving = [
        momentum * v + g + rate * p
        for p, v, g, rate in zip(parameters, velocities, gradients, rates, strict=True)
    ]
    return [p - lr * v for p, v in zip(parameters, moving, strict=True)], moving


momentum_step.equivalent(
    "stepped, moving = [], [] -> moving, stepped = [], []",
    why="Both names are given a new empty list.",
)
momentum_step.equivalent(
    "p.ndim -> v.ndim", why="A velocity has as many axes as its parameter."
)
momentum_step.equivalent(
    "for p in parameters] -> for p in velocities]",
    why="Only the number of axes is used, and a velocity has its parameter's.",
)


# 6. A schedule ------------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "Two stretches: a line while step < warmup, half a cosine after it. Steps count from 0, "
        "so the first step of the line is 1 / warmup.",
        "After the warm-up, the fraction that is done is (step - warmup) / (num_steps - warmup).",
    ],
    explanation="""
        Warm-up keeps the first steps small, while the gradients are still wild (Goyal et al. 2017);
        the cosine then falls slowly, fast, and slowly. At step == warmup both halves agree: the
        line would reach 1 just before, and the cosine starts at 1.
    """,
)
def warmup_cosine(step, num_steps, warmup):
    """The factor of the learning rate: a line from 1 / warmup to 1, then half a cosine from 1
    towards 0.

    step: whole number, 0 <= step < num_steps; warmup: whole number of steps, 0 <= warmup <
    num_steps Returns (step + 1) / warmup while step < warmup, then (1 + cos(pi * done)) / 2, done =
    (step - warmup) / (num_steps - warmup).
    """
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / (num_steps - warmup)
    return (1 + np.cos(np.pi * done)) / 2


for _step in (0, 19, 20, 60, 99):  # of the picture
    example(warmup_cosine, _step, 100, 20, weight=0.4)


@warmup_cosine.probe(weight=1, repeat=2)
def on_the_line(rng):
    warmup = int(rng.integers(8, 20))
    return int(rng.integers(0, warmup - 1)), 10 * warmup + 3, warmup


@warmup_cosine.probe(weight=1)
def where_they_meet(rng):
    warmup = int(rng.integers(3, 9))
    return warmup, 100, warmup


@warmup_cosine.probe(weight=0.5)
def most_of_it_warmup(rng):
    return int(rng.integers(30, 34)), 40, 36


@warmup_cosine.probe(weight=0.5)
def a_warmup_of_one_step(rng):
    return 0, int(rng.integers(3, 6)), 1


@warmup_cosine.probe(weight=1, repeat=3)
def on_the_cosine(rng):
    warmup, num_steps = int(rng.integers(5, 30)), int(rng.integers(90, 150))
    return int(rng.integers(warmup + 3, num_steps - 20)), num_steps, warmup


@warmup_cosine.probe(weight=1)
def without_warmup(rng):
    return int(rng.integers(5, 60)), int(rng.integers(80, 90)), 0


@warmup_cosine.probe(weight=0.5)
def the_first_step_without_warmup(rng):
    return 0, int(rng.integers(1, 90)), 0


@warmup_cosine.probe(weight=0.5)
def a_single_step(rng):
    return 0, 1, 0


@warmup_cosine.probe(weight=0.5)
def a_cosine_of_one_step(rng):
    num_steps = int(rng.integers(2, 5))
    return num_steps - 1, num_steps, num_steps - 1


@warmup_cosine.probe(weight=0.5)
def the_last_step(rng):
    num_steps = int(rng.integers(9, 20))
    return num_steps - 1, num_steps, int(rng.integers(2, 6))


@warmup_cosine.mistake(
    "The line starts at 0, so the first step does nothing. Steps "
    "count from 0: take (step + 1) / warmup."
)
def _(step, num_steps, warmup):
    if step < warmup:
        return step / warmup
    return (1 + np.cos(np.pi * (step - warmup) / (num_steps - warmup))) / 2


@warmup_cosine.mistake(
    "The cosine begins at step 0, not at the end of the warm-up, so that the factor jumps. "
    "Subtract warmup above and below the bar."
)
def _(step, num_steps, warmup):
    if step < warmup:
        return (step + 1) / warmup
    return (1 + np.cos(np.pi * step / num_steps)) / 2


@warmup_cosine.mistake(
    "The cosine does not end at the last step. After the warm-up "
    "only num_steps - warmup steps are left."
)
def _(step, num_steps, warmup):
    if step < warmup:
        return (step + 1) / warmup
    return (1 + np.cos(np.pi * (step - warmup) / num_steps)) / 2


@warmup_cosine.mistake(
    "This is a whole cosine, which comes back up to 1. Half of one is needed: pi, not 2 pi."
)
def _(step, num_steps, warmup):
    if step < warmup:
        return (step + 1) / warmup
    return (1 + np.cos(2 * np.pi * (step - warmup) / (num_steps - warmup))) / 2


@warmup_cosine.mistake(
    "A cosine alone falls from 1 to -1, and a negative rate climbs. Add 1 and halve it."
)
def _(step, num_steps, warmup):
    if step < warmup:
        return (step + 1) / warmup
    return np.cos(np.pi * (step - warmup) / (num_steps - warmup))


@warmup_cosine.mistake(
    "The warm-up takes a step too many, and ends above 1. It ends before step `warmup`, which is "
    "the cosine's first."
)
def _(step, num_steps, warmup):
    if warmup and step <= warmup:
        return (step + 1) / warmup
    done = (step - warmup) / (num_steps - warmup)
    return (1 + np.cos(np.pi * done)) / 2


@warmup_cosine.mistake(
    "The cosine reaches 0 at the last step already. It would at step `num_steps`, which is not "
    "made: divide by num_steps - warmup."
)
def _(step, num_steps, warmup):
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(num_steps - 1 - warmup, 1)
    return (1 + np.cos(np.pi * done)) / 2


@warmup_cosine.mistake(
    "There is no warm-up: for step < warmup the factor is (step + 1) / warmup."
)
def _(step, num_steps, warmup):
    return (1 + np.cos(np.pi * max(step - warmup, 0) / (num_steps - warmup))) / 2


@warmup_cosine.mistake(
    "Half of the half cosine: the cosine's angle goes to π / 2 only. It goes to π.",
)
def _(step, num_steps, warmup):
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / (num_steps - warmup)
    return np.cos(np.pi * done / 2)


@warmup_cosine.mistake(
    "The cosine's angle goes to π / 2 only, so the factor stops at 1/2. It goes to π.",
)
def _(step, num_steps, warmup):
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / (num_steps - warmup)
    return (1 + np.cos(np.pi * done / 2)) / 2


@warmup_cosine.mistake(
    "π is missing in the cosine.",
)
def _(step, num_steps, warmup):
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / (num_steps - warmup)
    return (1 + np.cos(done)) / 2


@warmup_cosine.mistake(
    "The cosine is given degrees. NumPy and Python count angles in radians: π · done.",
)
def _(step, num_steps, warmup):
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / (num_steps - warmup)
    return (1 + np.cos(180 * done)) / 2


@warmup_cosine.mistake(
    "After the warm-up the factor falls along a line. It falls along half a cosine.",
)
def _(step, num_steps, warmup):
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / (num_steps - warmup)
    return 1 - done


@warmup_cosine.mistake(
    "The cosine rises from 0 to 1: it is 1 plus the cosine, not minus.",
)
def _(step, num_steps, warmup):
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / (num_steps - warmup)
    return (1 - np.cos(np.pi * done)) / 2


@warmup_cosine.mistake(
    "The cosine is a step ahead: at step = warmup nothing of it is done yet.",
)
def _(step, num_steps, warmup):
    if step < warmup:
        return (step + 1) / warmup
    return (1 + np.cos(np.pi * (step + 1 - warmup) / (num_steps - warmup))) / 2


@warmup_cosine.mistake(
    "The warm-up ends a step late: divide by warmup, so that its last step has the factor 1.",
)
def _(step, num_steps, warmup):
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = (step - warmup) / (num_steps - warmup)
    return (1 + np.cos(np.pi * done)) / 2


@warmup_cosine.alternative(framework="torch")
def _(step, num_steps, warmup):
    import torch

    if step < warmup:
        return torch.tensor((step + 1) / warmup)
    return 0.5 + 0.5 * torch.cos(
        torch.tensor((step - warmup) / (num_steps - warmup) * torch.pi)
    )


@warmup_cosine.alternative(framework="mxnet")
def _(step, num_steps, warmup):
    import math

    if step >= warmup:
        # (1 + cos 2a) / 2 = (cos a)^2
        return math.cos(math.pi / 2 * (step - warmup) / (num_steps - warmup)) ** 2
    return (step + 1) / warmup


# 7. Ten layers ------------------------------------------------------------------------------------

SHAPES = [
    shape for outputs in (*(64,) * 9, 10) for shape in ((outputs, 64), (outputs,))
]
ACCURACY = 0.85


@question(
    points=4,
    forbids=ready_made.DATA,
    forbids_in_words=ready_made.DATA_IN_WORDS,
    seconds=60,
    hints=[
        "Start from He's weights and zero biases. With a library's own, SGD "
        "stands still at ln 10 = 2.30 for a long time.",
        "SGD with momentum 0.9, lr 0.02 and batches of 50, the images shuffled in every epoch: "
        "15 epochs take a second or two. A cosine schedule steadies the end.",
        "The last layer has no ReLU behind it. Return [weight, bias, weight, bias, ...]; in "
        "PyTorch `list(net.parameters())` is just that, in Gluon `[p.data() "
        "for p in net.collect_params().values()]`.",
    ],
    explanation="""
        Library defaults draw weights with a variance below 1 / n, and SGD hardly moves ten layers
        without normalisation from there. With variance 2 / n the gradient arrives at the first
        layer as long as it set out. A falling learning rate does the rest: at a constant one, such
        a net now and then blows up.
    """,
)
def train_ten_layers(X, y):
    """The weights and biases of a plain net of ten dense layers, trained to tell digits apart,
    right on at least 85 % of 597 that it has not seen.

    X: (1200, 64) float32, 8 x 8 images in a row, mean 0 and standard deviation 1; y: (1200,) int64
    in 0, ..., 9 Returns [weight, bias, weight, bias, ...], twenty arrays: nine times (64, 64) and
    (64,), then (10, 64) and (10,).
    The net computes H = ReLU(H @ weight.T + bias) nine times, then logits = H @ weight.T + bias.
    """
    rng = np.random.default_rng(0)
    parameters = []
    for outputs in (64, 64, 64, 64, 64, 64, 64, 64, 64, 10):
        parameters += [rng.normal(0, (2 / 64) ** 0.5, (outputs, 64)), np.zeros(outputs)]
    velocities = [np.zeros_like(p) for p in parameters]
    num_epochs, batch_size = 12, 50
    for epoch in range(num_epochs):
        lr = 0.02 * (1 + np.cos(np.pi * epoch / num_epochs)) / 2
        for rows in rng.permutation(len(X)).reshape(-1, batch_size):
            H = [X[rows]]  # the input of every layer, then the logits
            for layer in range(10):
                Z = H[-1] @ parameters[2 * layer].T + parameters[2 * layer + 1]
                H.append(np.maximum(Z, 0) if layer < 9 else Z)
            G = np.exp(H[10] - H[10].max(axis=1, keepdims=True))
            G /= G.sum(axis=1, keepdims=True)
            G = (G - np.eye(10)[y[rows]]) / batch_size  # gradient for the logits
            gradients = [None] * 20
            for layer in range(9, -1, -1):
                gradients[2 * layer], gradients[2 * layer + 1] = (
                    G.T @ H[layer],
                    G.sum(axis=0),
                )
                G = G @ parameters[2 * layer] * (H[layer] > 0)
            for p, v, g in zip(parameters, velocities, gradients, strict=True):
                v *= 0.9
                v += g
                p -= lr * v
    return parameters


@train_ten_layers.probe()
def unseen_digits(rng):
    """Real digits, divided, turned and numbered anew by every seed."""
    from dlkit.data import digits

    data = digits()
    images = np.concatenate([data.train_images, data.val_images, data.test_images])
    labels = np.concatenate([data.train_labels, data.val_labels, data.test_labels])
    images, labels = disguised(rng, images, labels)
    images = images.reshape(-1, 64)
    order = rng.permutation(len(images))
    images = ((images - images.mean()) / images.std())[order].astype(np.float32)
    return Inputs(
        (images[:1200], labels[order[:1200]]),
        secret=(images[1200:], labels[order[1200:]]),
    )


@train_ten_layers.measure
def _(inputs, output):
    if not _fits(output):
        return Measurement(
            False,
            "Twenty arrays are asked for: nine times (64, 64) and (64,), then (10, 64) and (10,).",
        )
    if not _is_finite(output):
        return Measurement(False, "Some of the weights are infinite or not a number.")
    accuracy = _accuracy(inputs, output)
    message = f"{accuracy:.1%} of {len(inputs.secret[1])} unseen digits are right"
    return Measurement(accuracy >= ACCURACY, f"{message}; {ACCURACY:.0%} are needed.")


def _fits(output):
    return (
        isinstance(output, (list, tuple))
        and [np.shape(array) for array in output] == SHAPES
    )


def _is_finite(output):
    return all(np.isfinite(array).all() for array in output)


def _accuracy(inputs, output):
    H, labels = inputs.secret
    for layer, (weight, bias) in enumerate(zip(output[::2], output[1::2], strict=True)):
        H = H @ np.asarray(weight, float).T + np.asarray(bias, float)
        H = np.maximum(H, 0) if layer < 9 else H
    return float((H.argmax(axis=1) == labels).mean())


def _has_wrong_shapes(inputs, output):
    return not _fits(output)


def _blew_up(inputs, output):
    return _fits(output) and not _is_finite(output)


def _guesses(inputs, output):
    return _fits(output) and _is_finite(output) and _accuracy(inputs, output) < 0.3


def _learnt_too_little(inputs, output):
    return (
        _fits(output)
        and _is_finite(output)
        and 0.3 <= _accuracy(inputs, output) < ACCURACY
    )


@train_ten_layers.mistake(
    "The net guesses. Possible causes: a start too small for ten layers (He's weights are right), "
    "the learning rate, X and y not shuffled together, or layers of the trained net, such as "
    "batch normalisation, that are not in what is returned.",
    recognise=_guesses,
)
def _(X, y):
    rng = np.random.default_rng(0)
    return [
        0.01 * rng.normal(size=shape) if len(shape) > 1 else np.zeros(shape)
        for outputs in (*(64,) * 9, 10)
        for shape in ((outputs, 64), (outputs,))
    ]


@train_ten_layers.mistake(
    "The weights are not finite: the training blew up. Take a "
    "smaller learning rate, or one that falls.",
    recognise=_blew_up,
)
def _(X, y):
    return [
        np.full(shape, np.nan)
        for outputs in (*(64,) * 9, 10)
        for shape in ((outputs, 64), (outputs,))
    ]


@train_ten_layers.mistake(
    "The shapes are wrong: return nine times a weight (64, 64) and a bias (64,), then (10, 64) "
    "and (10,), weights as (out, in).",
    recognise=_has_wrong_shapes,
)
def _(X, y):
    return [np.zeros((64, 64)), np.zeros(64), np.zeros((64, 10)), np.zeros(10)]


@train_ten_layers.mistake(
    "The net has learnt, but too little: train for more epochs, with momentum, and let the "
    "learning rate fall towards the end.",
    recognise=_learnt_too_little,
)
def _(X, y):
    """Nine layers that pass their input on, and one that knows the mean picture of each class a
    little.
    """
    parameters = []
    for _layer in range(9):
        parameters += [np.eye(64), np.zeros(64)]
    positive = np.maximum(X, 0)
    means = np.stack([positive[y == digit].mean(axis=0) for digit in range(10)])
    return [
        *parameters,
        means,
        -0.5 * (means**2).sum(axis=1) + np.where(np.arange(10) < 6, 0, -99.0),
    ]


@train_ten_layers.alternative(framework="torch")
def _(X, y):
    import torch
    from torch import nn

    torch.manual_seed(0)
    layers = []
    for _layer in range(9):
        layers += [nn.Linear(64, 64), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Linear(64, 10))
    for parameter in net.parameters():
        nn.init.kaiming_normal_(
            parameter, nonlinearity="relu"
        ) if parameter.ndim > 1 else nn.init.zeros_(parameter)
    num_epochs = 12
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_epochs)
    for _epoch in range(num_epochs):
        for rows in torch.randperm(len(X)).split(50):
            loss = nn.functional.cross_entropy(net(X[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    return list(net.parameters())


@train_ten_layers.alternative(framework="mxnet")
def _(X, y):
    from dlkit.mx import autograd, gluon, init, mx, nd

    mx.random.seed(0)
    net = gluon.nn.HybridSequential()
    for _layer in range(9):
        net.add(gluon.nn.Dense(64, in_units=64, activation="relu"))
    net.add(gluon.nn.Dense(10, in_units=64))
    net.initialize(init.MSRAPrelu("in", 0))
    net.hybridize()
    softmax_loss, num_epochs = gluon.loss.SoftmaxCrossEntropyLoss(), 12
    trainer = gluon.Trainer(
        net.collect_params(), "sgd", {"learning_rate": 0.02, "momentum": 0.9}
    )
    for epoch in range(num_epochs):
        trainer.set_learning_rate(0.02 * (1 - epoch / num_epochs))
        order = nd.random.shuffle(nd.arange(len(X)))
        for start in range(0, len(X), 50):
            rows = order[start : start + 50]
            with autograd.record():
                loss = softmax_loss(net(X.take(rows)), y.take(rows))
            loss.backward()
            trainer.step(50)
            loss.wait_to_read()
    return [parameter.data() for parameter in net.collect_params().values()]


# Inputs -------------------------------------------------------------------------------------------


def _away_from_zero(rng, *shape):
    return (rng.uniform(0.5, 2, shape) * rng.choice([-1, 1], shape)).astype(np.float32)


def _three(rng, shapes):
    """Parameters, velocities and gradients of these shapes."""
    return tuple([gaussian(rng, *shape) for shape in shapes] for _ in range(3))
