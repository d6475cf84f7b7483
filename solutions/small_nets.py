"""Small and fast: depthwise convolution, what a separable one costs, grouped parameters, channel
shuffle, the Pareto front, a block, and a tiny net.
"""

import numpy as np

from autograder import Inputs, question
from solutions import ready_made
from solutions.accuracy import ByAccuracy
from solutions.examples import example
from solutions.inputs import gaussian, renumbered

NETWORKS = ("torch", "mxnet")


# 1. Depthwise convolution -------------------------------------------------------------------------


@question(
    points=2,
    forbids=ready_made.CONVOLUTION,
    forbids_in_words=ready_made.CONVOLUTION_IN_WORDS,
    hints=[
        "The loops go over the places of the kernel, not over the image: `part` holds, for all "
        "outputs at once, the pixels that lie under weight (i, j).",
        "All of these pixels of channel c is multiplied by one number, `weight[c, 0, i, j]`; "
        "those numbers are `weight[:, 0, i, j]`, of shape (C,).",
        "To multiply (N, C, H, W) by C numbers, one a channel, give them the shape (1, C, 1, "
        "1): `.reshape((1, -1, 1, 1))`.",
    ],
    explanation="""
        A sum of h x w shifted images, each multiplied by one number for each channel. Nothing is
        ever added across channels: that is left to a 1x1 convolution. A full convolution would need
        a sum over the input channels here, C times as many products.
    """,
)
def depthwise(X, weight):
    """The cross-correlation of every channel with a kernel of its own, without padding, stride 1.

    X: (N, C, H, W) float32; weight: (C, 1, h, w) float32, h <= H, w <= W  ->  (N, C, H - h + 1, W -
    w + 1)
    """
    h, w = weight.shape[2:]
    height, width = X.shape[2] - h + 1, X.shape[3] - w + 1
    maps = 0
    for i in range(h):
        for j in range(w):
            part = X[:, :, i : i + height, j : j + width]  # (N, C, height, width)
            part = part * weight[:, 0, i, j].reshape((1, -1, 1, 1))
            maps = maps + part
    return maps


example(
    depthwise,
    np.array([[[[1, 2, 0], [4, 5, 3]]]], np.float32),
    np.array([[[[1, 10], [100, 0]]]], np.float32),
    weight=1,
)


@depthwise.probe(weight=3, repeat=3)
def random_kernels(rng):
    channels, h, w = int(rng.integers(2, 5)), *rng.permutation([2, 3, 4])[:2].tolist()
    return gaussian(
        rng, 3, channels, h + int(rng.integers(2, 5)), w + int(rng.integers(5, 8))
    ), gaussian(rng, channels, 1, h, w)


@depthwise.probe(weight=1)
def kernel_as_large_as_the_image(rng):
    return gaussian(rng, 2, 4, 3, 5), gaussian(rng, 4, 1, 3, 5)


@depthwise.probe(weight=0.5)
def as_many_channels_as_columns(rng):
    """The maps have three columns: weights along the wrong axis would fit."""
    return gaussian(rng, 2, 3, 4, 4), gaussian(rng, 3, 1, 2, 2)


@depthwise.probe(weight=0.5)
def one_by_one(rng):
    return gaussian(rng, 2, 3, 4, 5), gaussian(rng, 3, 1, 1, 1)


@depthwise.probe(weight=0.5)
def as_many_images_as_channels(rng):
    return gaussian(rng, 3, 3, 5, 6), gaussian(rng, 3, 1, 2, 3)


@depthwise.mistake(
    "The products are summed over the channels, so all maps are "
    "equal. Each channel keeps to itself."
)
def _(X, weight):
    h, w = weight.shape[2:]
    height, width = X.shape[2] - h + 1, X.shape[3] - w + 1
    maps = np.zeros((len(X), len(weight), height, width), X.dtype)
    for i in range(h):
        for j in range(w):
            window = X[:, :, i : i + height, j : j + width]
            maps += (window * weight[:, 0, i, j].reshape(1, -1, 1, 1)).sum(
                axis=1, keepdims=True
            )
    return maps


@depthwise.mistake(
    "Every channel is filtered with the kernel of the first. Channel c has its own, `weight[c, 0]`."
)
def _(X, weight):
    h, w = weight.shape[2:]
    height, width = X.shape[2] - h + 1, X.shape[3] - w + 1
    maps = 0
    for i in range(h):
        for j in range(w):
            maps = maps + X[:, :, i : i + height, j : j + width] * weight[0, 0, i, j]
    return maps


@depthwise.mistake(
    "`maps` holds only what the last place of the kernel "
    "contributed. Add each product to what is there."
)
def _(X, weight):
    h, w = weight.shape[2:]
    height, width = X.shape[2] - h + 1, X.shape[3] - w + 1
    return X[:, :, h - 1 : h - 1 + height, w - 1 : w - 1 + width] * weight[
        :, 0, h - 1, w - 1
    ].reshape(1, -1, 1, 1)


@depthwise.mistake(
    "The weights are laid along the columns, not along the channels: `weight[:, 0, i, j]` is "
    "(C,). Give it the shape (1, C, 1, 1) first."
)
def _(X, weight):
    h, w = weight.shape[2:]
    height, width = X.shape[2] - h + 1, X.shape[3] - w + 1
    maps = 0
    for i in range(h):
        for j in range(w):
            maps = maps + X[:, :, i : i + height, j : j + width] * weight[:, 0, i, j]
    return maps


@depthwise.mistake(
    "The kernels are flipped. Here, as in every deep-learning "
    "library, they are laid on as they are."
)
def _(X, weight):
    h, w = weight.shape[2:]
    height, width = X.shape[2] - h + 1, X.shape[3] - w + 1
    maps = 0
    for i in range(h):
        for j in range(w):
            window = X[:, :, i : i + height, j : j + width]
            maps = maps + window * weight[:, 0, h - 1 - i, w - 1 - j].reshape(
                1, -1, 1, 1
            )
    return maps


@depthwise.mistake(
    "The pixels are added up as they are. Multiply them by the weights first.",
)
def _(X, weight):
    h, w = weight.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(X, (h, w), axis=(2, 3))
    return np.einsum("ncyxij,cij->ncyx", windows, np.ones_like(weight[:, 0]))


@depthwise.mistake(
    "The products are averaged. Add them up.",
)
def _(X, weight):
    h, w = weight.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(X, (h, w), axis=(2, 3))
    return np.einsum("ncyxij,cij->ncyx", windows, weight[:, 0]) / (h * w)


@depthwise.mistake(
    "The products are summed over the channels, and one map is left. Each channel has a map "
    "of its own.",
)
def _(X, weight):
    h, w = weight.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(X, (h, w), axis=(2, 3))
    return np.einsum("ncyxij,cij->ncyx", windows, weight[:, 0]).sum(
        axis=1, keepdims=True
    )


@depthwise.mistake(
    "The weights are added to the pixels. Multiply by them.",
)
def _(X, weight):
    h, w = weight.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(X, (h, w), axis=(2, 3))
    return (windows + weight[:, 0][:, None, None]).sum(axis=(4, 5))


@depthwise.mistake(
    "The kernels are turned upside down. Lay them on as they are.",
)
def _(X, weight):
    h, w = weight.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(X, (h, w), axis=(2, 3))
    return np.einsum("ncyxij,cij->ncyx", windows, weight[:, 0, ::-1])


@depthwise.mistake(
    "The kernels are mirrored, left and right. Lay them on as they are.",
)
def _(X, weight):
    h, w = weight.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(X, (h, w), axis=(2, 3))
    return np.einsum("ncyxij,cij->ncyx", windows, weight[:, 0, :, ::-1])


@depthwise.mistake(
    "Negative sums are set to 0. Keep them: nothing comes behind the sum.",
)
def _(X, weight):
    h, w = weight.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(X, (h, w), axis=(2, 3))
    return np.maximum(np.einsum("ncyxij,cij->ncyx", windows, weight[:, 0]), 0)


@depthwise.alternative(framework="torch")
def _(X, weight):
    import torch

    h, w = weight.shape[2:]
    windows = X.unfold(2, h, 1).unfold(3, w, 1)  # (N, C, height, width, h, w)
    return torch.einsum("nchwij,czij->nchw", windows, weight)


@depthwise.alternative(framework="mxnet")
def _(X, weight):
    h, w = weight.shape[2:]
    height, width = X.shape[2] - h + 1, X.shape[3] - w + 1
    maps = 0
    for i in range(h):
        for j in range(w):
            window = X[:, :, i : i + height, j : j + width]
            maps = maps + window * weight[:, 0, i, j].reshape((1, -1, 1, 1))
    return maps


@depthwise.alternative()
def _(X, weight):
    # (N, C, height, width, h, w)
    windows = np.lib.stride_tricks.sliding_window_view(X, weight.shape[2:], axis=(2, 3))
    return np.einsum("nchwij,czij->nchw", windows, weight)  # z is 0 only


depthwise.equivalent(
    "weight[:, 0, i, j] -> weight[:, -1, i, j]",
    why="The axis has length 1: its first place is its last.",
)
depthwise.equivalent(
    "part * weight[:, 0, i, j].reshape((1, -2, 1, 1))",
    why="NumPy works out the size at any negative number.",
)


# 2. What a separable convolution costs ------------------------------------------------------------


@question(
    points=2,
    rtol=1e-5,
    atol=0.0,  # one result is a count in the thousands, the other is below 1
    hints=[
        "Count the numbers in all weights first. Each weight is used once "
        "at every position of the output maps.",
        "Depthwise there are `inputs` kernels of size x size numbers; the 1x1 convolution has "
        "inputs x outputs numbers. Both run over height x width positions.",
        "The full convolution has size x size x inputs x outputs weights, over the same "
        "positions: they cancel in the quotient.",
    ],
    explanation="""
        Every weight of a convolution is used once at every position, so multiply-adds are weights
        times positions. The quotient is 1 / outputs + 1 / size²: for 3x3 kernels and many outputs
        close to one ninth, whatever the maps.
    """,
)
def separable_cost(inputs, outputs, size, height, width):
    """The multiply-adds of a depthwise convolution followed by a 1x1 convolution, and what part of
    a full convolution's that is.

    inputs, outputs: channels; size: height and width of the kernels; height, width: of the output
    maps; all whole numbers. Biases are not counted.
    Returns (multiply-adds, a whole number; the part, a number between 0 and 1 for all but the
    smallest layers).
    """
    separable = (size**2 * inputs + inputs * outputs) * height * width
    full = size**2 * inputs * outputs * height * width
    return separable, separable / full


example(separable_cost, 2, 4, 3, 5, 6, weight=1)


@separable_cost.probe(weight=1)
def a_large_layer(rng):
    """More than 32 bits count."""
    return 512, 1024, 3, 112, 112


@separable_cost.probe(weight=3, repeat=4)
def random_layers(rng):
    inputs, outputs, height, width = (
        int(n) for n in rng.permutation(np.arange(3, 40))[:4]
    )
    return inputs, outputs, int(rng.choice([3, 5, 7])), height, width


@separable_cost.probe(weight=1)
def one_output(rng):
    return int(rng.integers(5, 20)), 1, 3, 6, 11


@separable_cost.probe(weight=0.5)
def one_input(rng):
    return 1, int(rng.integers(5, 20)), 4, 7, 9


@separable_cost.probe(weight=0.5)
def the_smallest_layers(rng):
    """With kernels of one pixel the part is more than 1."""
    inputs = int(rng.integers(2, 9))
    return inputs, inputs + int(rng.integers(1, 5)), 1, 1, 1


@separable_cost.mistake(
    "The 1x1 convolution is missing: only the depthwise one is counted."
)
def _(inputs, outputs, size, height, width):
    separable = size**2 * inputs * height * width
    return separable, separable / (size**2 * inputs * outputs * height * width)


@separable_cost.mistake(
    "These are the weights. Each of them is used once at every position of the output maps."
)
def _(inputs, outputs, size, height, width):
    separable = size**2 * inputs + inputs * outputs
    return separable, separable / (size**2 * inputs * outputs)


@separable_cost.mistake(
    "The second number is upside down: it should say what part of "
    "the full convolution's cost is left."
)
def _(inputs, outputs, size, height, width):
    separable = (size**2 * inputs + inputs * outputs) * height * width
    return separable, size**2 * inputs * outputs * height * width / separable


@separable_cost.mistake("A kernel has size x size weights, not `size`.")
def _(inputs, outputs, size, height, width):
    separable = (size * inputs + inputs * outputs) * height * width
    return separable, separable / (size * inputs * outputs * height * width)


@separable_cost.mistake(
    "The depthwise convolution is counted with a kernel for each output. It has one for each "
    "input; the outputs are made by the 1x1 convolution."
)
def _(inputs, outputs, size, height, width):
    separable = (size**2 * outputs + inputs * outputs) * height * width
    return separable, separable / (size**2 * inputs * outputs * height * width)


@separable_cost.mistake(
    "The second number is what is saved. It should say what is left."
)
def _(inputs, outputs, size, height, width):
    separable = (size**2 * inputs + inputs * outputs) * height * width
    return separable, 1 - separable / (size**2 * inputs * outputs * height * width)


@separable_cost.mistake(
    "The depthwise convolution is missing: only the 1x1 one is counted.",
)
def _(inputs, outputs, size, height, width):
    cost = inputs * outputs * height * width
    return cost, cost / (size**2 * inputs * outputs * height * width)


@separable_cost.mistake(
    "This is the cost of a full convolution. The separable one has two steps, and their costs "
    "are added.",
)
def _(inputs, outputs, size, height, width):
    cost = size**2 * inputs * outputs * height * width
    return cost, cost / (size**2 * inputs * outputs * height * width)


@separable_cost.mistake(
    "The 1x1 convolution is counted with kernels of size x size.",
)
def _(inputs, outputs, size, height, width):
    cost = (size**2 * inputs + size**2 * inputs * outputs) * height * width
    return cost, cost / (size**2 * inputs * outputs * height * width)


@separable_cost.mistake(
    "The second number is in percent. It should be a part, between 0 and 1 where anything is "
    "saved.",
)
def _(inputs, outputs, size, height, width):
    cost = (size**2 * inputs + inputs * outputs) * height * width
    return cost, 100 * cost / (size**2 * inputs * outputs * height * width)


@separable_cost.mistake(
    "The second number compares with the weights of the full convolution, which are used at "
    "every position: multiply by height and width.",
)
def _(inputs, outputs, size, height, width):
    cost = (size**2 * inputs + inputs * outputs) * height * width
    return cost, cost / (size**2 * inputs * outputs)


@separable_cost.mistake(
    "The two numbers are the wrong way round: the multiply-adds first, then the part.",
)
def _(inputs, outputs, size, height, width):
    cost = (size**2 * inputs + inputs * outputs) * height * width
    return cost / (size**2 * inputs * outputs * height * width), cost


@separable_cost.mistake(
    "The maps are taken to be square. They have height times width positions.",
)
def _(inputs, outputs, size, height, width):
    cost = (size**2 * inputs + inputs * outputs) * height * height
    return cost, cost / (size**2 * inputs * outputs * height * height)


@separable_cost.mistake(
    "Biases are counted. They multiply nothing.",
)
def _(inputs, outputs, size, height, width):
    cost = (size**2 * inputs + inputs * outputs + inputs + outputs) * height * width
    return cost, cost / (size**2 * inputs * outputs * height * width)


@separable_cost.mistake(
    "Everything is counted twice. A multiplication with its addition is one multiply-add.",
)
def _(inputs, outputs, size, height, width):
    cost = 2 * (size**2 * inputs + inputs * outputs) * height * width
    return cost, cost / (size**2 * inputs * outputs * height * width)


@separable_cost.mistake(
    "The costs of the two steps are multiplied. They are added.",
)
def _(inputs, outputs, size, height, width):
    cost = size**2 * inputs * inputs * outputs * height * width
    return cost, cost / (size**2 * inputs * outputs * height * width)


@separable_cost.mistake(
    "The full convolution is counted with kernels of `size` weights. They have size x size.",
)
def _(inputs, outputs, size, height, width):
    cost = (size**2 * inputs + inputs * outputs) * height * width
    return cost, cost / (size * inputs * outputs * height * width)


@separable_cost.alternative()
def _(inputs, outputs, size, height, width):
    part = 1 / outputs + 1 / size**2
    return round(part * size * size * inputs * outputs * height * width), part


@separable_cost.alternative(framework="torch")
def _(inputs, outputs, size, height, width):
    weights = inputs * (size**2 + outputs)
    positions = height * width
    return weights * positions, weights / (inputs * outputs * size**2)


@separable_cost.alternative(framework="mxnet")
def _(inputs, outputs, size, height, width):
    looking = inputs * size * size
    mixing = inputs * outputs
    return (looking + mixing) * height * width, (looking + mixing) / (looking * outputs)


# 3. Parameters of a grouped convolution -----------------------------------------------------------


@question(
    points=2,
    hints=[
        "Each output channel sees only the inputs of its own group. How many are these?",
        "An output channel has one kernel of h x w numbers for each of those inputs / groups "
        "channels, and at most one bias.",
    ],
    explanation="""
        The weight of a grouped convolution has the shape (outputs, inputs / groups, h, w): the
        number of outputs stays, each sees fewer inputs. Biases belong to outputs and do not care
        about groups.
    """,
)
def grouped_parameters(inputs, outputs, kernel, groups, bias):
    """The parameters of a grouped convolution.

    inputs, outputs: channels, both divisible by `groups`; kernel: (height, width); bias: True or
    False. Returns a whole number.
    """
    return outputs * (inputs // groups) * kernel[0] * kernel[1] + (
        outputs if bias else 0
    )


example(grouped_parameters, 6, 4, (3, 3), 1, True)
example(grouped_parameters, 6, 4, (3, 3), 2, True)
example(grouped_parameters, 6, 4, (3, 3), 2, False)


@grouped_parameters.probe(weight=2, repeat=4)
def random_groups(rng):
    return _grouped_layer(rng, bias=False)


@grouped_parameters.probe(weight=2, repeat=4)
def with_bias(rng):
    return _grouped_layer(rng, bias=True)


@grouped_parameters.probe(weight=1)
def depthwise_layers(rng):
    channels = int(rng.integers(6, 30))
    return channels, 2 * channels, (3, 5), channels, True


@grouped_parameters.probe(weight=1)
def one_group(rng):
    return int(rng.integers(4, 9)), int(rng.integers(10, 20)), (5, 2), 1, True


def _grouped_layer(rng, bias):
    groups, per_input, per_output = (
        int(n) for n in rng.permutation(np.arange(2, 8))[:3]
    )
    return (
        groups * per_input,
        groups * per_output,
        tuple(rng.permutation([1, 2, 3, 5, 7])[:2].tolist()),
        groups,
        bias,
    )


@grouped_parameters.probe(weight=0.5)
def one_channel(rng):
    return 1, 1, (int(rng.integers(1, 4)), 4), 1, True


@grouped_parameters.probe(weight=0.5)
def one_group_without_bias(rng):
    return int(rng.integers(4, 9)), int(rng.integers(10, 20)), (1, 1), 1, False


@grouped_parameters.mistake(
    "The groups are ignored. An output channel has kernels for the inputs of its own group only."
)
def _(inputs, outputs, kernel, groups, bias):
    return outputs * inputs * kernel[0] * kernel[1] + (outputs if bias else 0)


@grouped_parameters.mistake(
    "This is one group. There are `groups` of them, each with outputs / groups channels."
)
def _(inputs, outputs, kernel, groups, bias):
    return (outputs // groups) * (inputs // groups) * kernel[0] * kernel[1] + (
        outputs // groups if bias else 0
    )


@grouped_parameters.mistake(
    "Only the biases of one group are counted. Every output channel has one."
)
def _(inputs, outputs, kernel, groups, bias):
    return outputs * (inputs // groups) * kernel[0] * kernel[1] + (
        outputs // groups if bias else 0
    )


@grouped_parameters.mistake(
    "The biases are left out, or never asked for: `bias` says whether there are any."
)
def _(inputs, outputs, kernel, groups, bias):
    return outputs * (inputs // groups) * kernel[0] * kernel[1]


@grouped_parameters.mistake("The biases are counted although `bias` is False.")
def _(inputs, outputs, kernel, groups, bias):
    return outputs * (inputs // groups) * kernel[0] * kernel[1] + outputs


@grouped_parameters.mistake(
    "The kernel is taken to be square. It has height times width weights."
)
def _(inputs, outputs, kernel, groups, bias):
    return outputs * (inputs // groups) * kernel[0] ** 2 + (outputs if bias else 0)


@grouped_parameters.mistake(
    "The groups divide twice, inputs and outputs. Each of the outputs has kernels for inputs "
    "/ groups channels.",
)
def _(inputs, outputs, kernel, groups, bias):
    return outputs // groups * (inputs // groups) * kernel[0] * kernel[1] + (
        outputs if bias else 0
    )


@grouped_parameters.mistake(
    "One bias is counted in all. Every output channel has one.",
)
def _(inputs, outputs, kernel, groups, bias):
    weights = outputs * (inputs // groups) * kernel[0] * kernel[1]
    return weights + (1 if bias else 0)


@grouped_parameters.mistake(
    "One bias a group is counted. Every output channel has one.",
)
def _(inputs, outputs, kernel, groups, bias):
    weights = outputs * (inputs // groups) * kernel[0] * kernel[1]
    return weights + (groups if bias else 0)


@grouped_parameters.mistake(
    "The biases are counted by the inputs. Every output channel has one.",
)
def _(inputs, outputs, kernel, groups, bias):
    weights = outputs * (inputs // groups) * kernel[0] * kernel[1]
    return weights + (inputs if bias else 0)


@grouped_parameters.mistake(
    "Every group has a set of all biases. There is one for each output channel.",
)
def _(inputs, outputs, kernel, groups, bias):
    weights = outputs * (inputs // groups) * kernel[0] * kernel[1]
    return weights + (outputs * groups if bias else 0)


@grouped_parameters.mistake(
    "`bias` is turned round: biases are counted where there are none.",
)
def _(inputs, outputs, kernel, groups, bias):
    weights = outputs * (inputs // groups) * kernel[0] * kernel[1]
    return weights + (0 if bias else outputs)


@grouped_parameters.mistake(
    "The inputs are multiplied by the groups. An output channel sees inputs / groups channels.",
)
def _(inputs, outputs, kernel, groups, bias):
    return outputs * inputs * groups * kernel[0] * kernel[1] + (outputs if bias else 0)


@grouped_parameters.alternative(framework="torch")
def _(inputs, outputs, kernel, groups, bias):
    from torch import nn

    return sum(
        parameter.numel()
        for parameter in nn.Conv2d(
            inputs, outputs, kernel, groups=groups, bias=bias
        ).parameters()
    )


@grouped_parameters.alternative(framework="mxnet")
def _(inputs, outputs, kernel, groups, bias):
    from dlkit.mx import gluon

    layer = gluon.nn.Conv2D(
        outputs, kernel, groups=groups, in_channels=inputs, use_bias=bias
    )
    return int(
        sum(np.prod(parameter.shape) for parameter in layer.collect_params().values())
    )


@grouped_parameters.alternative()
def _(inputs, outputs, kernel, groups, bias):
    one_output = inputs // groups * kernel[0] * kernel[1] + bias
    return one_output * outputs


grouped_parameters.equivalent(
    "inputs // groups -> inputs / groups",
    why="`groups` divides the inputs: the quotient is whole either way.",
)
grouped_parameters.equivalent(
    "-(-(inputs) // groups)", why="`groups` divides the inputs: nothing is rounded."
)


# 4. Channel shuffle -------------------------------------------------------------------------------


@question(
    points=3,
    forbids=ready_made.SHUFFLES,
    forbids_in_words="a library's own channel shuffle (`nn.ChannelShuffle` and the like)",
    hints=[
        "Write the channels into a table with one row for each "
        "group, and read it column by column.",
        "Reshape (N, C, H, W) to (N, groups, C / groups, H, W), swap the two axes in the "
        "middle, and reshape back to (N, C, H, W).",
        "Two axes change places with `swapaxes(1, 2)` in NumPy and Gluon, `transpose(1, 2)` in "
        "PyTorch. A reshape alone moves nothing.",
    ],
    explanation="""
        The channel at place p of group g goes to place p * groups + g. In the next grouped
        convolution each group then sees channels of all groups, as long as a group holds at least
        as many channels as there are groups. Nothing is computed, only moved; and the way back is a
        shuffle with C / groups groups.
    """,
)
def channel_shuffle(X, groups):
    """Deal the channels of every group out over all groups.

    X: (N, C, H, W) float32; groups divides C. Channel p of group g (both counted from 0) moves to
    place p * groups + g. Returns (N, C, H, W).
    """
    n, c, h, w = X.shape
    return X.reshape(n, groups, c // groups, h, w).swapaxes(1, 2).reshape(n, c, h, w)


_SIX = np.arange(6, dtype=np.float32).reshape(1, 6, 1, 1)
example(channel_shuffle, _SIX, 2, weight=0.5)
example(channel_shuffle, _SIX, 3, weight=0.5)


@channel_shuffle.probe(weight=0.5)
def many_groups(rng):
    return gaussian(rng, 2, 30, 2, 3), 5


@channel_shuffle.probe(weight=2.5, repeat=3)
def random_groups(rng):
    groups, each, height, width = rng.permutation([2, 3, 4, 5]).tolist()
    return gaussian(rng, 3, groups * each, height, width), groups


@channel_shuffle.probe(weight=1)
def a_channel_a_group(rng):
    return gaussian(rng, 2, 5, 3, 4), 5


@channel_shuffle.probe(weight=1)
def one_group(rng):
    return gaussian(rng, 2, 7, 3, 2), 1


@channel_shuffle.probe(weight=0.5)
def as_many_groups_as_channels_in_each(rng):
    """There and back are the same; images, rows and columns are as many, too."""
    return gaussian(rng, 3, 9, 3, 3), 3


@channel_shuffle.probe(weight=0.5)
def one_channel(rng):
    return gaussian(rng, 2, 1, 3, 2), 1


@channel_shuffle.mistake(
    "This is the shuffle backwards: the table has one row for each group, so the first reshape "
    "puts `groups` before C / groups."
)
def _(X, groups):
    n, c, h, w = X.shape
    return X.reshape(n, c // groups, groups, h, w).swapaxes(1, 2).reshape(n, c, h, w)


@channel_shuffle.mistake(
    "Nothing has moved. A reshape forth and back keeps the order; swap the two axes in between."
)
def _(X, groups):
    return X


@channel_shuffle.mistake(
    "The channels have moved on by one group, and every group is "
    "still together. Deal them out one by one."
)
def _(X, groups):
    return np.roll(X, X.shape[1] // groups, axis=1)


@channel_shuffle.mistake(
    "Images were mixed with channels: the batch axis must stay where it is."
)
def _(X, groups):
    n, c, h, w = X.shape
    return X.reshape(groups, n * c // groups, h, w).swapaxes(0, 1).reshape(n, c, h, w)


@channel_shuffle.mistake(
    "The order of the groups is turned round. Groups are not reversed, but dealt out."
)
def _(X, groups):
    n, c, h, w = X.shape
    return X.reshape(n, groups, c // groups, h, w)[:, ::-1].reshape(n, c, h, w)


@channel_shuffle.mistake(
    "All channels are in the opposite order. Deal those of each group out over the groups.",
)
def _(X, groups):
    return X[:, ::-1]


@channel_shuffle.mistake(
    "The axes of the groups are still there. Merge the two into one axis of C channels.",
)
def _(X, groups):
    N, C, H, W = X.shape
    return X.reshape(N, groups, C // groups, H, W).swapaxes(1, 2)


@channel_shuffle.mistake(
    "A channel was overwritten before it was moved. Write into a new array.",
)
def _(X, groups):
    shuffled, size = X.copy(), X.shape[1] // groups
    for group in range(groups):
        for place in range(size):
            shuffled[:, place * groups + group] = shuffled[:, group * size + place]
    return shuffled


@channel_shuffle.alternative(framework="torch")
def _(X, groups):
    n, c, h, w = X.shape
    return X.view(n, groups, c // groups, h, w).transpose(1, 2).flatten(1, 2)


@channel_shuffle.alternative(framework="torch")
def _(X, groups):
    import torch

    order = torch.arange(X.shape[1]).reshape(groups, -1).T.reshape(-1)
    return X[:, order]


@channel_shuffle.alternative(framework="mxnet")
def _(X, groups):
    return X.reshape((0, -4, groups, -1, -2)).swapaxes(1, 2).reshape((0, -3, -2))


@channel_shuffle.alternative()
def _(X, groups):
    each = X.shape[1] // groups
    result = np.empty(X.shape, X.dtype)
    for group in range(groups):
        for place in range(each):
            result[:, place * groups + group] = X[:, group * each + place]
    return result


channel_shuffle.equivalent(
    "swapaxes(1, 2) -> swapaxes(2, 1)", why="Either axis changes places with the other."
)
channel_shuffle.equivalent(
    "transpose(1, 2) -> transpose(2, 1)",
    why="Either axis changes places with the other.",
)
channel_shuffle.equivalent(
    "c // groups, w, h).swapaxes",
    why=(
        "The pixels of a channel stay together and in order, and the last "
        "reshape gives them their rows back."
    ),
)
channel_shuffle.equivalent(
    "-(-(c) // groups)", why="`groups` divides the channels: nothing is rounded."
)
channel_shuffle.equivalent(
    "-(-(X.shape[1]) // groups)",
    why="`groups` divides the channels: nothing is rounded.",
)
channel_shuffle.equivalent(
    "(0, -4, groups -> (-1, -4, groups",
    why="All other sizes are given, so that the number of images follows.",
)
channel_shuffle.equivalent(
    "(0, -3, -2) -> (-1, -3, -2)",
    why="All other sizes are given, so that the number of images follows.",
)
channel_shuffle.equivalent(
    "np.empty(X.shape, X.dtype) -> np.empty(X.shape)",
    why="The numbers are the same in float64.",
)


# 5. The Pareto front ------------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "Compare each net with every other. Which two comparisons must hold for one net to beat "
        "another, and which must hold strictly?",
        "j beats i if costs[j] <= costs[i] and accuracies[j] >= accuracies[i] and at least one "
        "of the two is not an equality. Nets that are equal in both do not beat each other.",
        "A net is on the front if no other beats it. Two nested loops are quite good enough.",
    ],
    explanation="""
        Nobody needs a net that another one beats; between the nets of the front one has to choose,
        by what a multiply-add is worth. The strict inequality is there for ties: without it, two
        equal nets would throw each other out.
    """,
)
def pareto_front(costs, accuracies):
    """The nets that no other net beats. j beats i if it costs no more and is no less accurate, and
    is strictly better in at least one of the two.

    costs, accuracies: (N,) float32, N >= 1; small costs and large accuracies are good; values may
    be equal. Returns the positions (whole numbers from 0) of the nets on the front, in increasing
    order.
    """
    front = []
    for i in range(len(costs)):
        no_worse = (costs <= costs[i]) & (accuracies >= accuracies[i])
        better = (costs < costs[i]) | (accuracies > accuracies[i])
        if not (no_worse & better).any():
            front.append(i)
    return front


example(
    pareto_front,
    np.float32([3, 1, 2, 2, 3]),
    np.float32([0.9, 0.5, 0.7, 0.6, 0.9]),
    weight=1,
)


@pareto_front.probe(weight=1)
def one_net(rng):
    """It is never right, and nobody beats it."""
    return gaussian(rng, 1), np.zeros(1, np.float32)


@pareto_front.probe(weight=3, repeat=4)
def random_nets(rng):
    costs = rng.permutation(np.arange(1, 13)).astype(np.float32)
    return costs, (0.5 + 0.02 * costs + rng.normal(0, 0.08, 12)).astype(np.float32)


@pareto_front.probe(weight=2, repeat=4)
def equal_costs_or_accuracies(rng):
    """Some of those on the front are equal in both, and not all stand there in order of cost."""
    while True:
        costs = rng.integers(1, 5, 10).astype(np.float32)
        accuracies = rng.integers(2, 6, 10).astype(np.float32) / 8
        front = pareto_front(costs, accuracies)
        different = {(costs[i], accuracies[i]) for i in front}
        if 1 < len(different) < len(front) and (np.diff(costs[front]) < 0).any():
            return costs, accuracies


def _out_of_order(rng, costs, accuracies):
    """The nets in an order in which those on the front are not in order of cost."""
    while True:
        order = rng.permutation(len(costs))
        front = pareto_front(costs[order], accuracies[order])
        if (np.diff(costs[order][front]) < 0).any():
            return costs[order], accuracies[order]


@pareto_front.probe(weight=2)
def equal_nets(rng):
    """Two nets that are equal in both, on the front; and two that are equal and beaten."""
    costs, accuracies = [1, 2, 2, 3, 3, 4], [0.4, 0.6, 0.6, 0.5, 0.5, 0.9]
    return _out_of_order(rng, np.float32(costs), np.float32(accuracies))


@pareto_front.probe(weight=1)
def better_by_a_little(rng):
    """Nets that differ in one number only, by a hundred-thousandth or by a single bit: the better
    one beats the other.
    """
    costs = np.float32([1, 1 + 2**-23, 2, 2, 3, 3 + 2**-15, 4, 4])
    accuracies = np.float32(
        [0.5, 0.5, 0.625, 0.625 + 2**-24, 0.75, 0.75, 0.875, 0.875 + 2**-16]
    )
    return _out_of_order(rng, costs, accuracies)


@pareto_front.probe(weight=1)
def worse_by_a_little(rng):
    """Cheaper by a little and less accurate by a little: neither beats the other."""
    costs = np.float32([1, 1 + 2**-23, 2, 2 + 2**-15])
    accuracies = np.float32([0.5, 0.5 + 2**-24, 0.75, 0.75 + 2**-16])
    return _out_of_order(rng, costs, accuracies)


@pareto_front.probe(weight=0.5)
def all_equal(rng):
    """Nobody beats anybody."""
    return np.full(5, 2 + rng.random(), np.float32), np.full(
        5, rng.random(), np.float32
    )


@pareto_front.probe(weight=0.5)
def one_beats_all(rng):
    costs, accuracies = rng.uniform(2, 3, 30), rng.uniform(0.2, 0.8, 30)
    place = rng.integers(22, 30)
    costs[place], accuracies[place] = 1, 0.9
    return costs.astype(np.float32), accuracies.astype(np.float32)


@pareto_front.mistake(
    "A net is thrown out only by one that is better in both. One that costs the "
    "same and is more accurate beats it as well."
)
def _(costs, accuracies):
    front = []
    for i in range(len(costs)):
        if not ((costs < costs[i]) & (accuracies > accuracies[i])).any():
            front.append(i)
    return front


@pareto_front.mistake(
    "Nets that are equal in both throw each other out. To beat another, a net "
    "must be strictly better in at least one."
)
def _(costs, accuracies):
    front = []
    for i in range(len(costs)):
        no_worse = (costs <= costs[i]) & (accuracies >= accuracies[i])
        if no_worse.sum() == 1:  # the net itself
            front.append(i)
    return front


@pareto_front.mistake(
    "This is the front of the worst: dear and inaccurate. Costs should be small, accuracies large."
)
def _(costs, accuracies):
    front = []
    for i in range(len(costs)):
        no_worse = (costs >= costs[i]) & (accuracies <= accuracies[i])
        better = (costs > costs[i]) | (accuracies < accuracies[i])
        if not (no_worse & better).any():
            front.append(i)
    return front


@pareto_front.mistake(
    "Large costs are taken to be good. A net is beaten by one that costs less."
)
def _(costs, accuracies):
    front = []
    for i in range(len(costs)):
        no_worse = (costs >= costs[i]) & (accuracies >= accuracies[i])
        better = (costs > costs[i]) | (accuracies > accuracies[i])
        if not (no_worse & better).any():
            front.append(i)
    return front


@pareto_front.mistake(
    "Small accuracies are taken to be good. A net is beaten by one that is more accurate."
)
def _(costs, accuracies):
    front = []
    for i in range(len(costs)):
        no_worse = (costs <= costs[i]) & (accuracies <= accuracies[i])
        better = (costs < costs[i]) | (accuracies < accuracies[i])
        if not (no_worse & better).any():
            front.append(i)
    return front


@pareto_front.mistake(
    "The right nets, but in order of cost. The positions are to come in increasing order.",
)
def _(costs, accuracies):
    front = []
    for i in range(len(costs)):
        no_worse = (costs <= costs[i]) & (accuracies >= accuracies[i])
        better = (costs < costs[i]) | (accuracies > accuracies[i])
        if not (no_worse & better).any():
            front.append(i)
    return sorted(front, key=lambda i: (costs[i], i))


@pareto_front.mistake(
    "Of nets that are equal in both, only one is kept. None of them beats the other: all stay."
)
def _(costs, accuracies):
    front, best = [], -np.inf
    for i in np.lexsort((-accuracies, costs)):
        if accuracies[i] > best:
            front.append(int(i))
            best = accuracies[i]
    return sorted(front)


@pareto_front.mistake(
    "A net is thrown out only by a cheaper one. One that costs the same and is more accurate "
    "beats it as well.",
)
def _(costs, accuracies):
    front = []
    for i in range(len(costs)):
        cheaper = costs < costs[i]
        no_worse = accuracies >= accuracies[i]
        if not (cheaper & no_worse).any():
            front.append(i)
    return front


@pareto_front.mistake(
    "A net is thrown out only by a more accurate one. One that is as accurate and costs less "
    "beats it as well.",
)
def _(costs, accuracies):
    front = []
    for i in range(len(costs)):
        better = accuracies > accuracies[i]
        no_dearer = costs <= costs[i]
        if not (no_dearer & better).any():
            front.append(i)
    return front


@pareto_front.mistake(
    "These are the nets that are beaten. Return the others.",
)
def _(costs, accuracies):
    front = []
    for i in range(len(costs)):
        cheaper = costs < costs[i]
        better = accuracies > accuracies[i]
        no_dearer = costs <= costs[i]
        no_worse = accuracies >= accuracies[i]
        if (no_dearer & no_worse & (cheaper | better)).any():
            front.append(i)
    return front


@pareto_front.mistake(
    "The positions count from 1. Count from 0.",
)
def _(costs, accuracies):
    front = []
    for i in range(len(costs)):
        cheaper = costs < costs[i]
        better = accuracies > accuracies[i]
        no_dearer = costs <= costs[i]
        no_worse = accuracies >= accuracies[i]
        if not (no_dearer & no_worse & (cheaper | better)).any():
            front.append(i)
    return [i + 1 for i in front]


@pareto_front.mistake(
    "This is one True or False for every net. Return the positions of those on the front.",
)
def _(costs, accuracies):
    front = []
    for i in range(len(costs)):
        cheaper = costs < costs[i]
        better = accuracies > accuracies[i]
        no_dearer = costs <= costs[i]
        no_worse = accuracies >= accuracies[i]
        if not (no_dearer & no_worse & (cheaper | better)).any():
            front.append(i)
    return [i in front for i in range(len(costs))]


@pareto_front.mistake(
    "A net is thrown out by one that is better in one of the two, even if it is worse in the "
    "other.",
)
def _(costs, accuracies):
    front = []
    for i in range(len(costs)):
        cheaper = costs < costs[i]
        better = accuracies > accuracies[i]
        if not (cheaper | better).any():
            front.append(i)
    return front


@pareto_front.mistake(
    "The positions come in decreasing order. They are to increase.",
)
def _(costs, accuracies):
    front = []
    for i in range(len(costs)):
        cheaper = costs < costs[i]
        better = accuracies > accuracies[i]
        no_dearer = costs <= costs[i]
        no_worse = accuracies >= accuracies[i]
        if not (no_dearer & no_worse & (cheaper | better)).any():
            front.append(i)
    return front[::-1]


@pareto_front.mistake(
    "These are only the cheapest and the most accurate net. Between them stand others that no "
    "net beats.",
)
def _(costs, accuracies):
    return sorted({int(np.argmin(costs)), int(np.argmax(accuracies))})


@pareto_front.mistake(
    "Each net is compared only with those before it. Compare it with all.",
)
def _(costs, accuracies):
    front = []
    for i in range(len(costs)):
        cheaper, better = costs[:i] < costs[i], accuracies[:i] > accuracies[i]
        worse = (costs[:i] > costs[i]) | (accuracies[:i] < accuracies[i])
        if not (~worse & (cheaper | better)).any():
            front.append(i)
    return front


@pareto_front.alternative()
def _(costs, accuracies):
    # [i, j]: j is no worse than i.
    no_worse = (costs <= costs[:, None]) & (accuracies >= accuracies[:, None])
    equal = (costs == costs[:, None]) & (accuracies == accuracies[:, None])
    return np.flatnonzero((no_worse <= equal).all(axis=1))


@pareto_front.alternative(framework="torch")
def _(costs, accuracies):
    import torch

    # [i, j]: j is no worse than i.
    no_worse = (costs <= costs[:, None]) & (accuracies >= accuracies[:, None])
    better = (costs < costs[:, None]) | (accuracies > accuracies[:, None])
    return torch.nonzero(~(no_worse & better).any(dim=1)).flatten()


@pareto_front.alternative(framework="mxnet")
def _(costs, accuracies):
    front = []
    for i in range(len(costs)):
        no_worse = (costs <= costs[i]) * (accuracies >= accuracies[i])
        better = (costs < costs[i]) + (accuracies > accuracies[i])
        if (no_worse * better).sum().asscalar() == 0:
            front.append(i)
    return front


pareto_front.equivalent(
    "len(costs) -> len(accuracies)", why="Every net has one of each."
)
pareto_front.equivalent(
    "sum().asscalar() == 0 -> mean().asscalar() == 0",
    why="Of numbers that are not negative, the mean is 0 just when the sum is.",
)
pareto_front.equivalent(
    "sum().asscalar() == 0 -> max().asscalar() == 0",
    why="Of numbers that are not negative, the largest is 0 just when the sum is.",
)


# 6. A separable block -----------------------------------------------------------------------------


@question(
    points=3,
    framework="torch",
    frameworks=NETWORKS,
    driver="network",
    seconds=30,
    atol=1e-4,
    hints=[
        "Both convolutions are `Conv2d` / `Conv2D`; the first has 6 "
        "inputs, 6 outputs and `groups=6`.",
        "Behind a batch normalisation a bias does nothing: switch it off with "
        "`bias=False` (Gluon: `use_bias=False`).",
        "With padding 1 and stride 2, maps of 11 x 8 become 6 x 4. The mean over all positions "
        "of a map is `nn.AdaptiveAvgPool2d(1)`, in Gluon "
        "`nn.GlobalAvgPool2D()`; flatten what it gives.",
    ],
    explanation="""
        54 weights look and 60 mix, where a full 3x3 convolution would have 540. Strides belong to
        the depthwise part, so that the 1x1 convolution, which does most of the work, already runs
        on the small maps. In Gluon the numbers of inputs may be left out; the first batch tells
        them.
    """,
)
def separable_net():
    """A separable block and the mean of its maps, untrained: (N, 6, 11, 8) images to (N, 10)
    logits.

    Depthwise 3x3, stride 2, padding 1, no bias; batch normalisation; ReLU; 1x1 convolution to 10
    maps, no bias; batch normalisation; ReLU; mean over each map.
    """
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(6, 6, 3, stride=2, padding=1, groups=6, bias=False),  # (N, 6, 6, 4)
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 10, 1, bias=False),  # (N, 10, 6, 4)
        nn.BatchNorm2d(10),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),  # (N, 10, 1, 1)
        nn.Flatten(),
    )


@separable_net.probe(weight=1)
def shapes_of_the_parameters(rng):
    return [], gaussian(rng, 3, 6, 11, 8), rng.permutation(10)[:3]


def _away_from_kinks(rng, count):
    """Rounding must not decide which way a gradient goes: draw until no ReLU's input is near 0."""
    while True:
        scales = [
            part
            for channels in (6, 10)
            for part in (
                rng.uniform(0.5, 1.5, channels),
                rng.uniform(0.2, 0.9, channels),
            )
        ]
        scales = [part.astype(np.float32) for part in scales]
        weights = [
            gaussian(rng, 6, 1, 3, 3),
            *scales[:2],
            gaussian(rng, 10, 6, 1, 1, scale=0.6),
            *scales[2:],
        ]
        images = gaussian(rng, count, 6, 11, 8)
        if _distance_to_kink(images, weights) > 1e-5:
            return weights, images, rng.permutation(10)[:count]


@separable_net.probe(weight=1.5, repeat=2)
def logits_and_gradients(rng):
    return _away_from_kinks(rng, 3)


@separable_net.probe(weight=0.5)
def of_a_single_image(rng):
    return _away_from_kinks(rng, 1)


def _distance_to_kink(images, weights):
    """The smallest |input| of a ReLU of the net, in training mode."""
    look, scale_1, shift_1, mix, scale_2, shift_2 = (
        weight.astype(np.float64) for weight in weights
    )
    padded = np.pad(images, [(0, 0), (0, 0), (1, 1), (1, 1)])
    # (N, 6, 6, 4, 3, 3)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))[
        :, :, ::2, ::2
    ]
    first = _normalised(
        np.einsum("nchwij,cij->nchw", windows, look[:, 0]), scale_1, shift_1
    )
    second = _normalised(
        np.einsum("nchw,oc->nohw", first.clip(0), mix[:, :, 0, 0]), scale_2, shift_2
    )
    return min(np.abs(first).min(), np.abs(second).min())


def _normalised(X, scale, shift):
    """Batch normalisation of (N, C, H, W) by the mean and variance of every channel."""
    mean, variance = (
        X.mean(axis=(0, 2, 3), keepdims=True),
        X.var(axis=(0, 2, 3), keepdims=True),
    )
    return (X - mean) / np.sqrt(variance + 1e-5) * scale.reshape(
        -1, 1, 1
    ) + shift.reshape(-1, 1, 1)


@separable_net.mistake(
    "The first convolution is a full one, of 324 weights. With "
    "`groups=6` each channel has one kernel."
)
def _():
    from torch import nn

    look = [
        nn.Conv2d(6, 6, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
    ]
    return nn.Sequential(
        *look,
        nn.Conv2d(6, 10, 1, bias=False),
        nn.BatchNorm2d(10),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


@separable_net.mistake(
    "The convolutions have biases. The batch normalisation behind them has a "
    "shift of its own: switch the biases off."
)
def _():
    from torch import nn

    look = [
        nn.Conv2d(6, 6, 3, stride=2, padding=1, groups=6),
        nn.BatchNorm2d(6),
        nn.ReLU(),
    ]
    return nn.Sequential(
        *look,
        nn.Conv2d(6, 10, 1),
        nn.BatchNorm2d(10),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


@separable_net.mistake("The ReLU between the two convolutions is missing.")
def _():
    from torch import nn

    look = [
        nn.Conv2d(6, 6, 3, stride=2, padding=1, groups=6, bias=False),
        nn.BatchNorm2d(6),
    ]
    return nn.Sequential(
        *look,
        nn.Conv2d(6, 10, 1, bias=False),
        nn.BatchNorm2d(10),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


@separable_net.mistake("The ReLU after the last batch normalisation is missing.")
def _():
    from torch import nn

    look = [
        nn.Conv2d(6, 6, 3, stride=2, padding=1, groups=6, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
    ]
    return nn.Sequential(
        *look,
        nn.Conv2d(6, 10, 1, bias=False),
        nn.BatchNorm2d(10),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


@separable_net.mistake(
    "The last step takes the largest number of each map. The task asks for the mean."
)
def _():
    from torch import nn

    look = [
        nn.Conv2d(6, 6, 3, stride=2, padding=1, groups=6, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
    ]
    return nn.Sequential(
        *look,
        nn.Conv2d(6, 10, 1, bias=False),
        nn.BatchNorm2d(10),
        nn.ReLU(),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
    )


@separable_net.mistake(
    "The stride sits in the 1x1 convolution. It belongs to the depthwise one, which sees the "
    "neighbours of what it leaves out."
)
def _():
    from torch import nn

    look = [
        nn.Conv2d(6, 6, 3, padding=1, groups=6, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
    ]
    return nn.Sequential(
        *look,
        nn.Conv2d(6, 10, 1, stride=2, bias=False),
        nn.BatchNorm2d(10),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


@separable_net.mistake("The stride of 2 is missing in the depthwise convolution.")
def _():
    from torch import nn

    look = [
        nn.Conv2d(6, 6, 3, padding=1, groups=6, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
    ]
    return nn.Sequential(
        *look,
        nn.Conv2d(6, 10, 1, bias=False),
        nn.BatchNorm2d(10),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


@separable_net.mistake("The padding of 1 is missing in the depthwise convolution.")
def _():
    from torch import nn

    look = [
        nn.Conv2d(6, 6, 3, stride=2, groups=6, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
    ]
    return nn.Sequential(
        *look,
        nn.Conv2d(6, 10, 1, bias=False),
        nn.BatchNorm2d(10),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


@separable_net.mistake(
    "The first batch normalisation is missing. There is one after each of the two convolutions."
)
def _():
    from torch import nn

    look = [nn.Conv2d(6, 6, 3, stride=2, padding=1, groups=6, bias=False), nn.ReLU()]
    return nn.Sequential(
        *look,
        nn.Conv2d(6, 10, 1, bias=False),
        nn.BatchNorm2d(10),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


@separable_net.mistake(
    "The first ReLU stands before its batch normalisation. The normalisation comes first.",
)
def _():
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(6, 6, 3, stride=2, padding=1, groups=6, bias=False),
        nn.ReLU(),
        nn.BatchNorm2d(6),
        nn.Conv2d(6, 10, 1, bias=False),
        nn.BatchNorm2d(10),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


@separable_net.mistake(
    "The second batch normalisation is missing. There is one after each of the two convolutions.",
)
def _():
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(6, 6, 3, stride=2, padding=1, groups=6, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 10, 1, bias=False),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


@separable_net.mistake(
    "There is a dense layer at the end. The means of the ten maps are the logits already.",
)
def _():
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(6, 6, 3, stride=2, padding=1, groups=6, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 10, 1, bias=False),
        nn.BatchNorm2d(10),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(10, 10),
    )


@separable_net.mistake(
    "The net ends in a softmax. Return raw logits: the loss applies the softmax itself.",
)
def _():
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(6, 6, 3, stride=2, padding=1, groups=6, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 10, 1, bias=False),
        nn.BatchNorm2d(10),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Softmax(1),
    )


@separable_net.mistake(
    "The activations are ReLU6, as in MobileNet. The task asks for ReLU.",
)
def _():
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(6, 6, 3, stride=2, padding=1, groups=6, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU6(),
        nn.Conv2d(6, 10, 1, bias=False),
        nn.BatchNorm2d(10),
        nn.ReLU6(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


@separable_net.alternative(framework="mxnet")
def _():
    from dlkit.mx import gluon

    net = gluon.nn.HybridSequential()
    net.add(
        gluon.nn.Conv2D(6, 3, 2, 1, groups=6, use_bias=False),  # (N, 6, 6, 4)
        gluon.nn.BatchNorm(),
        gluon.nn.Activation("relu"),
        gluon.nn.Conv2D(10, 1, use_bias=False),  # (N, 10, 6, 4)
        gluon.nn.BatchNorm(),
        gluon.nn.Activation("relu"),
        gluon.nn.GlobalAvgPool2D(),  # (N, 10, 1, 1)
        gluon.nn.Flatten(),
    )
    net.initialize()
    return net


@separable_net.alternative(framework="torch")
def _():
    from torch import nn

    class Separable(nn.Module):
        def __init__(self):
            super().__init__()
            # defined in another order than used
            self.mix = nn.Conv2d(6, 10, kernel_size=1, bias=False)
            self.look = nn.Conv2d(
                6, 6, kernel_size=3, stride=2, padding=1, groups=6, bias=False
            )
            self.norm1, self.norm2 = nn.BatchNorm2d(6), nn.BatchNorm2d(10)

        def forward(self, X):
            X = self.norm1(self.look(X)).relu()
            X = self.norm2(self.mix(X)).relu()
            return X.mean(dim=(2, 3))

    return Separable()


separable_net.equivalent(
    "net.initialize() -> pass",
    why=(
        "The net is to be untrained: what its parameters hold, or whether "
        "they hold anything yet, is left open."
    ),
)
separable_net.equivalent("dim=(2, 3) -> dim=(3, 2)", why="The mean is over both axes.")


# 7. Letters with five thousand parameters ---------------------------------------------------------

JUDGED = ByAccuracy("letters", needed=0.9, guessing=0.25, most_parameters=5_000)


@question(
    points=3,
    framework="torch",
    frameworks=NETWORKS,
    driver="fit_predict",
    forbids=ready_made.DATA,
    forbids_in_words=ready_made.DRAWN_IN_WORDS,
    seconds=120,
    hints=[
        "A dense layer on flattened maps is too dear. Let the last maps be many and take their "
        "means: 64 means into 10 logits are 650 parameters.",
        "A 5 x 5 convolution to 16 maps with stride 2, a separable block 16 to 32, a pooling, a "
        "separable block 32 to 64, batch normalisation and ReLU after every "
        "convolution: about 4,400 parameters.",
        "Batch normalisation lets you use a large learning rate: momentum 0.9 with lr 0.1 to "
        "0.2, falling to zero over 8 to 12 epochs of batches of 40.",
    ],
    explanation="""
        Separable convolutions buy many maps for few parameters, and the mean over the last maps
        replaces the dense layer that held most of LeNet's. Batch normalisation is what lets such a
        net learn within a dozen epochs. Without convolutions 5,000 parameters do not go far: 28 x
        28 pixels into ten logits are 7,850.
    """,
)
def train(train_images, train_labels):
    """A net of at most 5,000 parameters, trained to tell letters apart, right on at least 90 % of
    500 images that it has not seen.

    train_images: (1000, 1, 28, 28) float32 in [0, 1]; train_labels: (1000,) int64 in 0, ..., 9
    Returns the net: (N, 1, 28, 28) -> (N, 10) logits.
    """
    import torch
    from torch import nn

    torch.manual_seed(0)
    num_epochs, batch_size = 8, 40

    def convolution(inputs, outputs, size, stride=1, groups=1):
        conv = nn.Conv2d(
            inputs, outputs, size, stride, padding=size // 2, groups=groups, bias=False
        )
        return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]

    net = nn.Sequential(
        *convolution(1, 16, 5, stride=2),  # (N, 16, 14, 14)
        # (N, 32, 7, 7)
        *[
            *convolution(16, 16, 3, groups=16),
            *convolution(16, 32, 1),
            nn.MaxPool2d(2),
        ],
        *[*convolution(32, 32, 3, groups=32), *convolution(32, 64, 1)],  # (N, 64, 7, 7)
        *[nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)],
    )
    loss = nn.CrossEntropyLoss()
    steps = num_epochs * len(train_images) // batch_size
    optimizer = torch.optim.SGD(net.parameters(), lr=0.2, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(num_epochs):
        for rows in torch.randperm(len(train_images)).split(batch_size):
            optimizer.zero_grad()
            loss(net(train_images[rows]), train_labels[rows]).backward()
            optimizer.step()
            schedule.step()
    return net


@train.probe()
def unseen_letters(rng):
    """Letters drawn anew by every seed, in fonts that are the same for training and test."""
    from dlkit.data import Nuisances, glyphs

    nuisances = Nuisances(rotation=15, scale=0.15, shift=3, noise=0.1)
    data = glyphs(
        train=1000,
        val=1,
        test=500,
        size=28,
        seed=int(rng.integers(2**31)),
        nuisances=nuisances,
    )
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

    torch.manual_seed(0)
    maps = [
        nn.Conv2d(1, 12, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(12, 16, 3, stride=2, padding=1),
        nn.ReLU(),
    ]
    return nn.Sequential(
        *maps, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)
    )


@train.mistake(
    "The net has learnt, but too little. Batch normalisation after every convolution and a "
    "larger lr that falls to zero help most; then more maps and more epochs.",
    recognise=JUDGED.learnt_too_little,
)
def _(train_images, train_labels):
    import torch
    from torch import nn

    torch.manual_seed(0)
    # a linear model of blurred images
    net = nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(49, 10))
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(10):
        for rows in torch.randperm(len(train_images)).split(50):
            optimizer.zero_grad()
            loss(net(train_images[rows]), train_labels[rows]).backward()
            optimizer.step()
    return net


@train.mistake(
    "The net has more than 5,000 parameters. Replace full convolutions by separable ones and "
    "the dense layer on flattened maps by the mean of each map.",
    recognise=JUDGED.is_too_large,
)
def _(train_images, train_labels):
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


@train.mistake(
    "The net does not give ten numbers an image. Its last layer is a dense layer with ten outputs.",
    recognise=JUDGED.has_another_number_of_outputs,
)
def _(train_images, train_labels):
    from torch import nn

    maps = [
        nn.Conv2d(1, 12, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(12, 16, 3, stride=2, padding=1),
        nn.ReLU(),
    ]
    return nn.Sequential(
        *maps, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 12)
    )


@train.alternative(framework="mxnet")
def _(train_images, train_labels):
    from dlkit.mx import autograd, gluon, init, mx, nd

    mx.random.seed(0)
    num_epochs, batch_size = 8, 40

    def convolution(outputs, size, stride=1, groups=1):
        conv = gluon.nn.Conv2D(
            outputs, size, stride, size // 2, groups=groups, use_bias=False
        )
        return [conv, gluon.nn.BatchNorm(), gluon.nn.Activation("relu")]

    net = gluon.nn.HybridSequential()
    net.add(
        *convolution(16, 5, stride=2),  # (N, 16, 14, 14)
        # (N, 32, 7, 7)
        *[
            *convolution(16, 3, groups=16),
            *convolution(32, 1),
            gluon.nn.MaxPool2D(2),
        ],
        *[*convolution(32, 3, groups=32), *convolution(64, 1)],  # (N, 64, 7, 7)
        *[gluon.nn.GlobalAvgPool2D(), gluon.nn.Dense(10)],
    )
    net.initialize(init.Xavier())
    net.hybridize()
    softmax_loss = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(
        net.collect_params(), "sgd", {"learning_rate": 0.2, "momentum": 0.9}
    )
    for epoch in range(num_epochs):
        trainer.set_learning_rate(0.2 * (1 - epoch / num_epochs))
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
    """Full convolutions of few maps, pooling, and Adam."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    num_epochs = 8
    net = nn.Sequential(
        # (N, 8, 14, 14)
        *[
            nn.Conv2d(1, 8, 5, padding=2),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ],
        # (N, 16, 7, 7)
        *[
            nn.Conv2d(8, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ],
        *[nn.Conv2d(16, 16, 3), nn.BatchNorm2d(16), nn.ReLU()],  # (N, 16, 5, 5)
        *[nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 10)],  # (N, 16, 2, 2)
    )
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_epochs)
    for _ in range(num_epochs):
        for rows in torch.randperm(len(train_images)).split(32):
            optimizer.zero_grad()
            loss(net(train_images[rows]), train_labels[rows]).backward()
            optimizer.step()
        schedule.step()
    return net
