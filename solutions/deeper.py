"""Deeper nets, AlexNet and VGG: what a stack of convolutions costs, the shapes that flow through
it, overlapping pooling, a VGG, and one that learns.
"""

import numpy as np

from autograder import Inputs, question
from solutions import ready_made
from solutions.accuracy import ByAccuracy
from solutions.examples import example
from solutions.inputs import gaussian, renumbered

NETWORKS = ("torch", "mxnet")


# 1. Parameters of a stack -------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "Look at one output map of one layer. It has a kernel of height x "
        "width for every input map, and one bias.",
        "So far `weights` is what a single kernel holds. How many kernels has an output map of "
        "layer i? As many as the layer has input maps.",
        "The layer's input maps are `channels[i]`. The bias is counted in the line below.",
    ],
    explanation="""
        Each of a layer's output maps owns one kernel for every input map, and a single bias:
        outputs * (inputs * kernel[0] * kernel[1] + 1). With C maps before and after every layer,
        three 3 x 3 kernels hold 27 C² weights and see 7 x 7 pixels; one 7 x 7 kernel holds 49 C².
    """,
)
def stack_parameters(channels, kernels):
    """How many weights and biases a stack of convolutions has.

    channels: list of n + 1 integers, the number of maps before the first layer and after every
        layer;
    kernels: list of n pairs (height, width)  ->  an integer
    """
    total = 0
    for inputs, outputs, kernel in zip(
        channels[:-1], channels[1:], kernels, strict=True
    ):
        total += outputs * (inputs * kernel[0] * kernel[1] + 1)
    return total


example(stack_parameters, [3, 8], [(5, 2)])
example(stack_parameters, [64, 64, 64, 64], [(3, 3), (3, 3), (3, 3)])
example(stack_parameters, [64, 64], [(7, 7)])


@stack_parameters.probe(weight=1)
def one_layer(rng):
    inputs, outputs = rng.permutation([3, 5, 7, 11])[:2]
    return [int(inputs), int(outputs)], [
        (int(rng.integers(2, 4)), int(rng.integers(4, 6)))
    ]


@stack_parameters.probe(weight=0.5)
def single_maps(rng):
    return [1, int(rng.integers(3, 9)), 1], [(1, 1), (int(rng.integers(2, 4)), 5)]


@stack_parameters.probe(weight=0.5)
def a_deep_stack(rng):
    channels = [int(n) for n in rng.integers(2, 30, 14)]
    return channels, [(int(height), 3) for height in rng.integers(1, 6, 13)]


@stack_parameters.probe(weight=2, repeat=4)
def random_stacks(rng):
    depth = int(rng.integers(2, 5))
    channels = [int(n) for n in rng.choice(np.arange(2, 30), depth + 1, replace=False)]
    return channels, [
        (int(height), int(width))
        for height, width in zip(
            rng.integers(1, 4, depth), rng.integers(4, 7, depth), strict=True
        )
    ]


@stack_parameters.mistake("The biases are missing: every output map has one.")
def _(channels, kernels):
    total = 0
    for inputs, outputs, kernel in zip(
        channels[:-1], channels[1:], kernels, strict=True
    ):
        total += outputs * inputs * kernel[0] * kernel[1]
    return total


@stack_parameters.mistake(
    "A bias is counted for every kernel. An output map adds up the results "
    "of all its kernels, then a single bias."
)
def _(channels, kernels):
    total = 0
    for inputs, outputs, kernel in zip(
        channels[:-1], channels[1:], kernels, strict=True
    ):
        total += outputs * inputs * (kernel[0] * kernel[1] + 1)
    return total


@stack_parameters.mistake(
    "One bias is counted for a whole layer. Every output map has its own."
)
def _(channels, kernels):
    total = 0
    for inputs, outputs, kernel in zip(
        channels[:-1], channels[1:], kernels, strict=True
    ):
        total += outputs * inputs * kernel[0] * kernel[1] + 1
    return total


@stack_parameters.mistake(
    "Here an output map has one kernel for all input maps. It has a "
    "kernel of its own for each of them."
)
def _(channels, kernels):
    total = 0
    for outputs, kernel in zip(channels[1:], kernels, strict=True):
        total += outputs * (kernel[0] * kernel[1] + 1)
    return total


@stack_parameters.mistake(
    "One bias is counted for every input map. Biases belong to the output maps."
)
def _(channels, kernels):
    total = 0
    for inputs, outputs, kernel in zip(
        channels[:-1], channels[1:], kernels, strict=True
    ):
        total += inputs * (outputs * kernel[0] * kernel[1] + 1)
    return total


@stack_parameters.mistake(
    "This is the last layer alone. Add to `total` instead of replacing it."
)
def _(channels, kernels):
    total = 0
    for inputs, outputs, kernel in zip(
        channels[:-1], channels[1:], kernels, strict=True
    ):
        total = outputs * (inputs * kernel[0] * kernel[1] + 1)
    return total


@stack_parameters.mistake(
    "A kernel is as deep as the maps that come out. It is as deep as those that go in, "
    "`channels[i]`.",
)
def _(channels, kernels):
    total = 0
    for i in range(len(kernels)):
        height, width = kernels[i]
        weights = height * width * channels[i + 1]
        total += channels[i + 1] * (weights + 1)
    return total


@stack_parameters.mistake(
    "Kernels are taken to be square. Multiply their height by their width.",
)
def _(channels, kernels):
    total = 0
    for i in range(len(kernels)):
        height, _ = kernels[i]
        weights = height * height * channels[i]
        total += channels[i + 1] * (weights + 1)
    return total


@stack_parameters.mistake(
    "Every layer gets the depth of the first. Layer i sees `channels[i]` maps.",
)
def _(channels, kernels):
    total = 0
    for i in range(len(kernels)):
        height, width = kernels[i]
        weights = height * width * channels[0]
        total += channels[i + 1] * (weights + 1)
    return total


@stack_parameters.mistake(
    "Height and width are added. A kernel has height times width places.",
)
def _(channels, kernels):
    total = 0
    for i in range(len(kernels)):
        height, width = kernels[i]
        weights = (height + width) * channels[i]
        total += channels[i + 1] * (weights + 1)
    return total


@stack_parameters.mistake(
    "The number of input maps is added. It multiplies: there is a kernel for each of them.",
)
def _(channels, kernels):
    total = 0
    for i in range(len(kernels)):
        height, width = kernels[i]
        weights = height * width + channels[i]
        total += channels[i + 1] * (weights + 1)
    return total


@stack_parameters.mistake(
    "The output maps are counted twice. `weights` is what one output map holds.",
)
def _(channels, kernels):
    total = 0
    for i in range(len(kernels)):
        height, width = kernels[i]
        weights = height * width * channels[i] * channels[i + 1]
        total += channels[i + 1] * (weights + 1)
    return total


@stack_parameters.alternative(framework="torch")
def _(channels, kernels):
    import torch

    layers = [
        torch.nn.Conv2d(channels[i], channels[i + 1], kernel)
        for i, kernel in enumerate(kernels)
    ]
    return sum(
        parameter.numel() for layer in layers for parameter in layer.parameters()
    )


@stack_parameters.alternative(framework="mxnet")
def _(channels, kernels):
    from dlkit.mx import gluon

    layers = [
        gluon.nn.Conv2D(channels[i + 1], kernel, in_channels=channels[i])
        for i, kernel in enumerate(kernels)
    ]
    return sum(
        int(np.prod(parameter.shape))
        for layer in layers
        for parameter in layer.collect_params().values()
    )


@stack_parameters.alternative()
def _(channels, kernels):
    count = sum(channels[1:])
    for before, kernel in enumerate(kernels):
        count += channels[before] * channels[before + 1] * kernel[0] * kernel[1]
    return count


# 2. What a convolution costs ----------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "How many numbers does one output pixel add up? In a group it sees `in_channels // "
        "groups` maps, through a kernel of height x width each.",
        "All pixels of an output map share that map's weights: the parameters do not depend on "
        "the size of the maps, the multiply-adds do.",
        "Parameters: maps times (that number + 1). Multiply-adds: maps times height times width "
        "of the output, times that number.",
    ],
    explanation="""
        Everything follows from the number of products in one output pixel, in_channels / groups *
        kernel height * kernel width. An output map has as many weights, and a bias; every pixel of
        it costs as many multiply-adds. Two groups halve both, which is what AlexNet's two GPUs
        saved in its second convolution.
    """,
)
def conv_cost(in_channels, output_shape, kernel, groups):
    """The parameters and the multiply-adds, for one image, of a convolution with bias.

    in_channels: integer, a multiple of groups; output_shape: (maps, height, width), maps a multiple
    of groups;
    kernel: (height, width); groups: integer: the input maps and the output maps are divided into so
    many equal groups, and each
    output map sees the input maps of its own group only  ->  (parameters, multiply_adds), two
    integers; biases are no multiply-adds
    """
    maps, pixels = output_shape[0], output_shape[1] * output_shape[2]
    # That one output pixel adds up.
    products = in_channels // groups * kernel[0] * kernel[1]
    return maps * (products + 1), maps * pixels * products


example(conv_cost, 1, (20, 24, 24), (5, 5), 1)
example(conv_cost, 96, (256, 27, 27), (5, 5), 2)


@conv_cost.probe(weight=1, repeat=2)
def one_group(rng):
    return _convolution(rng, groups=1)


@conv_cost.probe(weight=1, repeat=3)
def several_groups(rng):
    return _convolution(rng, groups=int(rng.integers(2, 5)))


@conv_cost.probe(weight=0.5)
def a_group_a_map(rng):
    """Every output map sees a single input map."""
    maps = int(rng.integers(5, 12))
    return maps, (2 * maps, 7, 6), (3, 2), maps


@conv_cost.probe(weight=0.5)
def a_large_layer(rng):
    """More multiply-adds than 32 bits count."""
    return 512, (512, int(rng.integers(200, 220)), 211), (3, 3), 1


def _convolution(rng, groups):
    maps_in, maps_out = (groups * int(n) for n in rng.permutation([2, 3, 5, 7])[:2])
    height, width = (int(n) for n in rng.permutation(np.arange(6, 13))[:2])
    return (
        maps_in,
        (maps_out, height, width),
        (int(rng.integers(1, 4)), int(rng.integers(4, 6))),
        groups,
    )


@conv_cost.mistake(
    "The groups are ignored. An output map sees only `in_channels // groups` of the input maps."
)
def _(in_channels, output_shape, kernel, groups):
    maps, pixels = output_shape[0], output_shape[1] * output_shape[2]
    products = in_channels * kernel[0] * kernel[1]
    return maps * (products + 1), maps * pixels * products


@conv_cost.mistake(
    "Input and output maps are both divided by the groups: that is a "
    "single group, and there are `groups` of them."
)
def _(in_channels, output_shape, kernel, groups):
    maps, pixels = output_shape[0], output_shape[1] * output_shape[2]
    products = in_channels // groups * kernel[0] * kernel[1]
    return maps // groups * (products + 1), maps // groups * pixels * products


@conv_cost.mistake(
    "The biases are missing among the parameters: every output map has one."
)
def _(in_channels, output_shape, kernel, groups):
    maps, pixels = output_shape[0], output_shape[1] * output_shape[2]
    products = in_channels // groups * kernel[0] * kernel[1]
    return maps * products, maps * pixels * products


@conv_cost.mistake(
    "The biases are counted among the multiply-adds. A bias is added, and multiplies nothing."
)
def _(in_channels, output_shape, kernel, groups):
    maps, pixels = output_shape[0], output_shape[1] * output_shape[2]
    products = in_channels // groups * kernel[0] * kernel[1]
    return maps * (products + 1), maps * pixels * (products + 1)


@conv_cost.mistake(
    "The second number is twice too large: a product and its addition are one multiply-add."
)
def _(in_channels, output_shape, kernel, groups):
    maps, pixels = output_shape[0], output_shape[1] * output_shape[2]
    products = in_channels // groups * kernel[0] * kernel[1]
    return maps * (products + 1), 2 * maps * pixels * products


@conv_cost.mistake(
    "The two numbers are in the wrong order: parameters first, then multiply-adds."
)
def _(in_channels, output_shape, kernel, groups):
    maps, pixels = output_shape[0], output_shape[1] * output_shape[2]
    products = in_channels // groups * kernel[0] * kernel[1]
    return maps * pixels * products, maps * (products + 1)


@conv_cost.mistake(
    "The groups divide twice. Each of the output maps sees in_channels / groups maps: divide once.",
)
def _(in_channels, output_shape, kernel, groups):
    maps, height, width = output_shape
    weights = maps // groups * (in_channels // groups) * kernel[0] * kernel[1]
    return weights + maps, weights * height * width


@conv_cost.mistake(
    "The multiply-adds are divided by the groups once more. They are the weights times the places.",
)
def _(in_channels, output_shape, kernel, groups):
    maps, height, width = output_shape
    weights = maps * (in_channels // groups) * kernel[0] * kernel[1]
    return weights + maps, weights * height * width // groups


@conv_cost.mistake(
    "The multiply-adds are those without groups. An output map sees only the maps of its own "
    "group.",
)
def _(in_channels, output_shape, kernel, groups):
    maps, height, width = output_shape
    weights = maps * (in_channels // groups) * kernel[0] * kernel[1]
    return weights + maps, weights * height * width * groups


@conv_cost.mistake(
    "The biases are divided by the groups. Every output map has one.",
)
def _(in_channels, output_shape, kernel, groups):
    maps, height, width = output_shape
    weights = maps * (in_channels // groups) * kernel[0] * kernel[1]
    return weights + maps // groups, weights * height * width


@conv_cost.mistake(
    "Every group has a set of all biases. There is one bias for each output map.",
)
def _(in_channels, output_shape, kernel, groups):
    maps, height, width = output_shape
    weights = maps * (in_channels // groups) * kernel[0] * kernel[1]
    return weights + maps * groups, weights * height * width


@conv_cost.mistake(
    "The kernel is taken to be square. Multiply its height by its width.",
)
def _(in_channels, output_shape, kernel, groups):
    maps, height, width = output_shape
    weights = maps * (in_channels // groups) * kernel[0] * kernel[0]
    return weights + maps, weights * height * width


@conv_cost.mistake(
    "The output is taken to be square. It has height times width places.",
)
def _(in_channels, output_shape, kernel, groups):
    maps, height, _ = output_shape
    weights = maps * (in_channels // groups) * kernel[0] * kernel[1]
    return weights + maps, weights * height * height


@conv_cost.mistake(
    "The weights are counted as often as they are used. They are the same at every place.",
)
def _(in_channels, output_shape, kernel, groups):
    maps, height, width = output_shape
    weights = maps * (in_channels // groups) * kernel[0] * kernel[1]
    return weights * height * width + maps, weights * height * width


@conv_cost.alternative(framework="torch")
def _(in_channels, output_shape, kernel, groups):
    import torch

    conv = torch.nn.Conv2d(in_channels, output_shape[0], kernel, groups=groups)
    return sum(
        parameter.numel() for parameter in conv.parameters()
    ), conv.weight.numel() * output_shape[1] * output_shape[2]


@conv_cost.alternative(framework="mxnet")
def _(in_channels, output_shape, kernel, groups):
    from dlkit.mx import gluon

    conv = gluon.nn.Conv2D(
        output_shape[0], kernel, groups=groups, in_channels=in_channels
    )
    weights = int(np.prod(conv.weight.shape))
    return weights + output_shape[0], weights * output_shape[1] * output_shape[2]


@conv_cost.alternative()
def _(in_channels, output_shape, kernel, groups):
    products = 0
    for _ in range(0, in_channels, groups):  # as many turns as a group has input maps
        products += np.prod(kernel)
    return output_shape[0] + output_shape[0] * products, np.prod(
        output_shape
    ) * products


conv_cost.equivalent(
    "in_channels // groups -> in_channels / groups",
    why="The input maps are a multiple of the groups.",
)
conv_cost.equivalent(
    "in_channels // groups -> -(-(in_channels) // groups)",
    why="The input maps are a multiple of the groups.",
)


# 3. Shapes through a net --------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "Keep the current shape in a variable, change it layer by layer, and "
        "append a copy to the list after every layer.",
        "Both kinds of layer follow the formula of lesson 02, (size + 2 * padding - kernel) // "
        "stride + 1, for height and for width; a pooling has padding 0.",
        "A convolution replaces the number of maps. A pooling keeps it.",
    ],
    explanation="""
        The formula of lesson 02 holds for convolutions and for pooling; only the number of maps
        differs. Writing such a table before writing the net is the quickest way to find the input
        size of the first dense layer, and the layer at which a picture has shrunk to nothing.
    """,
)
def output_shapes(image_shape, layers):
    """The shape of one image after every layer.

    image_shape: (channels, height, width); layers: list of ("conv", maps, kernel, stride, padding)
    and ("pool", kernel, stride), kernels square,
    sizes rounded down, pooling without padding  ->  list of (maps, height, width), one a layer
    """
    maps, height, width = image_shape
    shapes = []
    for kind, *numbers in layers:
        if kind == "conv":
            maps, kernel, stride, padding = numbers
        else:
            (kernel, stride), padding = numbers, 0
        height, width = (
            (size + 2 * padding - kernel) // stride + 1 for size in (height, width)
        )
        shapes.append((maps, height, width))
    return shapes


@output_shapes.probe(weight=1, repeat=2)
def convolutions(rng):
    first = ("conv", 5, int(rng.integers(3, 6)), 2, int(rng.integers(1, 3)))
    return _image(rng), [first, *(_conv(rng) for _ in range(int(rng.integers(1, 3))))]


@output_shapes.probe(weight=1)
def alexnet(rng):
    convolutions = [
        ("conv", 384, 3, 1, 1),
        ("conv", 384, 3, 1, 1),
        ("conv", 256, 3, 1, 1),
    ]
    return (3, 227, 227), [
        ("conv", 96, 11, 4, 0),
        ("pool", 3, 2),
        ("conv", 256, 5, 1, 2),
        ("pool", 3, 2),
        *convolutions,
        ("pool", 3, 2),
    ]


@output_shapes.probe(weight=2, repeat=4)
def random_nets(rng):
    return _image(rng), [
        ("conv", 7, 3, 2, int(rng.integers(2)) + 1),
        _conv(rng),
        ("pool", int(rng.integers(2, 4)), int(rng.integers(1, 4))),
        _conv(rng),
        ("pool", 3, 2),
        ("pool", 2, 1),
    ]


def _image(rng):
    """An even height and an odd width: at a stride of 2 one of them leaves a remainder. So large
    that something is left behind every layer, or a library's net would not run.
    """
    height, width = 2 * rng.integers(85, 105, 2) + [0, 1]
    return int(rng.integers(1, 5)), int(height), int(width)


def _conv(rng):
    return (
        "conv",
        int(rng.integers(6, 20)),
        int(rng.integers(2, 6)),
        int(rng.integers(1, 3)),
        int(rng.integers(0, 4)),
    )


@output_shapes.probe(weight=0.5)
def pooling_first(rng):
    """A remainder at every pooling, none at the convolution."""
    maps = int(rng.integers(2, 5))
    return (maps, 40, 33), [("pool", 3, 2), ("conv", 7, 3, 1, 1), ("pool", 2, 4)]


@output_shapes.probe(weight=0.5)
def down_to_one_pixel(rng):
    """The last window is as large as what is left."""
    maps = int(rng.integers(6, 20))
    return (1, 9, 8), [("conv", maps, 4, 2, 1), ("conv", 5, 1, 1, 0), ("pool", 4, 3)]


@output_shapes.mistake(
    "The padding is counted once. It is added on both sides of the image."
)
def _(image_shape, layers):
    maps, height, width = image_shape
    shapes = []
    for kind, *numbers in layers:
        if kind == "conv":
            maps, kernel, stride, padding = numbers
        else:
            (kernel, stride), padding = numbers, 0
        height, width = (
            (size + padding - kernel) // stride + 1 for size in (height, width)
        )
        shapes.append((maps, height, width))
    return shapes


@output_shapes.mistake("The + 1 is missing: the window's first place counts too.")
def _(image_shape, layers):
    maps, height, width = image_shape
    shapes = []
    for kind, *numbers in layers:
        if kind == "conv":
            maps, kernel, stride, padding = numbers
        else:
            (kernel, stride), padding = numbers, 0
        height, width = (
            (size + 2 * padding - kernel) // stride for size in (height, width)
        )
        shapes.append((maps, height, width))
    return shapes


@output_shapes.mistake(
    "Sizes are rounded up. A window that does not fit whole has no place: round down."
)
def _(image_shape, layers):
    maps, height, width = image_shape
    shapes = []
    for kind, *numbers in layers:
        if kind == "conv":
            maps, kernel, stride, padding = numbers
        else:
            (kernel, stride), padding = numbers, 0
        height, width = (
            -((kernel - 2 * padding - size) // stride) + 1 for size in (height, width)
        )
        shapes.append((maps, height, width))
    return shapes


@output_shapes.mistake(
    "The sizes behind a pooling are rounded up. A window that hangs over the edge does not "
    "count, in a pooling as in a convolution: round down."
)
def _(image_shape, layers):
    maps, height, width = image_shape
    shapes = []
    for kind, *numbers in layers:
        if kind == "conv":
            maps, kernel, stride, padding = numbers
            sizes = [
                (size + 2 * padding - kernel) // stride + 1 for size in (height, width)
            ]
        else:
            kernel, stride = numbers
            sizes = [-(-(size - kernel) // stride) + 1 for size in (height, width)]
        height, width = sizes
        shapes.append((maps, height, width))
    return shapes


@output_shapes.mistake(
    "The pooling divides by its stride alone. Its window of `kernel` "
    "pixels must fit as well, as in a convolution."
)
def _(image_shape, layers):
    maps, height, width = image_shape
    shapes = []
    for kind, *numbers in layers:
        if kind == "conv":
            maps, kernel, stride, padding = numbers
            height, width = (
                (size + 2 * padding - kernel) // stride + 1 for size in (height, width)
            )
        else:
            height, width = height // numbers[1], width // numbers[1]
        shapes.append((maps, height, width))
    return shapes


@output_shapes.mistake("Height and width have changed places.")
def _(image_shape, layers):
    maps, width, height = image_shape
    shapes = []
    for kind, *numbers in layers:
        if kind == "conv":
            maps, kernel, stride, padding = numbers
        else:
            (kernel, stride), padding = numbers, 0
        height, width = (
            (size + 2 * padding - kernel) // stride + 1 for size in (height, width)
        )
        shapes.append((maps, height, width))
    return shapes


@output_shapes.mistake(
    "The pooling keeps the padding of the convolution before it. It has none of its own."
)
def _(image_shape, layers):
    maps, height, width = image_shape
    shapes = []
    for kind, *numbers in layers:
        if kind == "conv":
            maps, kernel, stride, padding = numbers
        else:
            kernel, stride = numbers
        height, width = (
            (size + 2 * padding - kernel) // stride + 1 for size in (height, width)
        )
        shapes.append((maps, height, width))
    return shapes


@output_shapes.mistake(
    "The image is taken to be square. Its height and its width go their own ways.",
)
def _(image_shape, layers):
    maps, height, width = image_shape
    shapes = []
    for layer in layers:
        if layer[0] == "conv":
            _, maps, kernel, stride, padding = layer
        else:
            _, kernel, stride = layer
            padding = 0
        height = (height + 2 * padding - kernel) // stride + 1
        width = height
        shapes.append((maps, height, width))
    return shapes


@output_shapes.mistake(
    "A pooling's stride is taken to be its kernel. It is given beside it.",
)
def _(image_shape, layers):
    maps, height, width = image_shape
    shapes = []
    for layer in layers:
        if layer[0] == "conv":
            _, maps, kernel, stride, padding = layer
        else:
            _, kernel, _ = layer
            stride = kernel
            padding = 0
        height = (height + 2 * padding - kernel) // stride + 1
        width = (width + 2 * padding - kernel) // stride + 1
        shapes.append((maps, height, width))
    return shapes


@output_shapes.mistake(
    'A pooling\'s stride and kernel are exchanged: ("pool", kernel, stride).',
)
def _(image_shape, layers):
    maps, height, width = image_shape
    shapes = []
    for layer in layers:
        if layer[0] == "conv":
            _, maps, kernel, stride, padding = layer
        else:
            _, stride, kernel = layer
            padding = 0
        height = (height + 2 * padding - kernel) // stride + 1
        width = (width + 2 * padding - kernel) // stride + 1
        shapes.append((maps, height, width))
    return shapes


@output_shapes.mistake(
    "The padding is left out.",
)
def _(image_shape, layers):
    maps, height, width = image_shape
    shapes = []
    for layer in layers:
        if layer[0] == "conv":
            _, maps, kernel, stride, _ = layer
        else:
            _, kernel, stride = layer
        height = (height - kernel) // stride + 1
        width = (width - kernel) // stride + 1
        shapes.append((maps, height, width))
    return shapes


@output_shapes.mistake(
    "The number of maps never changes. A convolution makes as many as it says.",
)
def _(image_shape, layers):
    maps, height, width = image_shape
    shapes = []
    for layer in layers:
        if layer[0] == "conv":
            _, _, kernel, stride, padding = layer
        else:
            _, kernel, stride = layer
            padding = 0
        height = (height + 2 * padding - kernel) // stride + 1
        width = (width + 2 * padding - kernel) // stride + 1
        shapes.append((maps, height, width))
    return shapes


@output_shapes.mistake(
    "The shape of the image itself is in the list. Return one shape for each layer, after it.",
)
def _(image_shape, layers):
    maps, height, width = image_shape
    shapes = [tuple(image_shape)]
    for layer in layers:
        if layer[0] == "conv":
            _, maps, kernel, stride, padding = layer
        else:
            _, kernel, stride = layer
            padding = 0
        height = (height + 2 * padding - kernel) // stride + 1
        width = (width + 2 * padding - kernel) // stride + 1
        shapes.append((maps, height, width))
    return shapes


@output_shapes.mistake(
    "Only the last shape is there. Return one for each layer.",
)
def _(image_shape, layers):
    maps, height, width = image_shape
    shapes = []
    for layer in layers:
        if layer[0] == "conv":
            _, maps, kernel, stride, padding = layer
        else:
            _, kernel, stride = layer
            padding = 0
        height = (height + 2 * padding - kernel) // stride + 1
        width = (width + 2 * padding - kernel) // stride + 1
        shapes.append((maps, height, width))
    return shapes[-1:]


@output_shapes.mistake(
    "Every layer is laid on the image itself. It gets what the layer before it gives.",
)
def _(image_shape, layers):
    maps, height, width = image_shape
    shapes = []
    for layer in layers:
        if layer[0] == "conv":
            _, maps, kernel, stride, padding = layer
        else:
            _, kernel, stride = layer
            padding = 0
        above, across = image_shape[1:]
        height = (above + 2 * padding - kernel) // stride + 1
        width = (across + 2 * padding - kernel) // stride + 1
        shapes.append((maps, height, width))
    return shapes


@output_shapes.alternative(framework="torch")
def _(image_shape, layers):
    import torch

    X = torch.zeros(image_shape)
    shapes = []
    for layer in layers:
        if layer[0] == "conv":
            _, maps, kernel, stride, padding = layer
            X = torch.nn.Conv2d(len(X), maps, kernel, stride, padding)(X)
        else:
            X = torch.nn.functional.max_pool2d(X, layer[1], layer[2])
        shapes.append(tuple(X.shape))
    return shapes


@output_shapes.alternative(framework="mxnet")
def _(image_shape, layers):
    from dlkit.mx import mx

    X = mx.sym.Variable("X")
    shapes = []
    for kind, *numbers in layers:
        if kind == "conv":
            maps, kernel, stride, padding = numbers
            X = mx.sym.Convolution(
                X,
                num_filter=maps,
                kernel=(kernel, kernel),
                stride=(stride, stride),
                pad=(padding, padding),
            )
        else:
            kernel, stride = numbers
            X = mx.sym.Pooling(X, kernel=(kernel, kernel), stride=(stride, stride))
        shapes.append(X.infer_shape(X=(1, *image_shape))[1][0][1:])
    return shapes


@output_shapes.alternative()
def _(image_shape, layers):
    def places(size, kernel, stride):
        return len(range(0, size - kernel + 1, stride))

    shape, shapes = image_shape, []
    for layer in layers:
        if layer[0] == "conv":
            maps, kernel, stride, padding = layer[1:]
            shape = (
                maps,
                places(shape[1] + 2 * padding, kernel, stride),
                places(shape[2] + 2 * padding, kernel, stride),
            )
        else:
            shape = shape[0], places(shape[1], *layer[1:]), places(shape[2], *layer[1:])
        shapes.append(shape)
    return shapes


output_shapes.equivalent(
    "torch.zeros(image_shape) -> torch.ones(image_shape)",
    why="Only the shape of what goes through the layers counts.",
)
output_shapes.equivalent(
    "max_pool2d(X -> avg_pool2d(X",
    why="Both poolings give maps of the same shape, and nothing else is asked.",
)
output_shapes.equivalent(
    "X=(1, *image_shape) -> X=(2, *image_shape)",
    why="The shape of one image does not depend on how many there are.",
)
output_shapes.equivalent(
    "[1][0][1:] -> [1][-1][1:]",
    why="The symbol has one output: it is the first and the last.",
)


# 4. Overlapping pooling ---------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "Where do the windows start? At 0, stride, 2 * stride, ..., "
        "as long as the whole window fits.",
        "Begin with zeros, one a pixel, and let every window add 1 to each of its pixels.",
        "The last start is size - window at most: `range(0, size - window + 1, stride)`.",
    ],
    explanation="""
        With a window of 3 and a stride of 2, as in AlexNet, every second pixel is seen by two
        windows; where both choose it, its gradient is the sum of two. With equal window and stride
        nothing overlaps, and when the size is not a multiple, the last pixels are seen by nobody
        and get no gradient at all.
    """,
)
def window_counts(size, window, stride):
    """In how many pooling windows each pixel of a row lies.

    size: pixels of the row; window: pixels of a window, at most size; stride: pixels from one
    window to the next. Windows start at pixel 0 and
    lie wholly inside the row  ->  (size,) integers
    """
    counts = [0] * size
    for start in range(0, size - window + 1, stride):
        for pixel in range(start, start + window):
            counts[pixel] += 1
    return counts


example(window_counts, 9, 3, 2, weight=0.5)
example(window_counts, 9, 2, 2, weight=0.5)


@window_counts.probe(weight=1)
def first_pooling_of_alexnet(rng):
    return 55, 3, 2


@window_counts.probe(weight=1)
def pixels_left_over(rng):
    window = int(rng.integers(2, 5))
    return 5 * window + int(rng.integers(1, window)), window, window


@window_counts.probe(weight=1)
def gaps_between_windows(rng):
    window = int(rng.integers(1, 4))
    stride = window + int(rng.integers(1, 3))
    return window + int(rng.integers(4, 8)) * stride, window, stride


@window_counts.probe(weight=1)
def one_window(rng):
    return 4, 4, 3


@window_counts.probe(weight=2, repeat=4)
def overlapping(rng):
    stride = int(rng.integers(2, 5))
    window, left_over = stride + int(rng.integers(1, 4)), int(rng.integers(1, stride))
    return window + int(rng.integers(3, 7)) * stride + left_over, window, stride


@window_counts.probe(weight=0.5)
def windows_of_one_pixel(rng):
    return 2 * int(rng.integers(3, 6)) + 1, 1, 2


@window_counts.probe(weight=0.5)
def a_single_pixel(rng):
    return 1, 1, int(rng.integers(1, 4))


@window_counts.probe(weight=0.5)
def many_windows_over_a_pixel(rng):
    return int(rng.integers(60, 70)), 25, 1


@window_counts.mistake(
    "The last windows hang over the end. Only windows that lie wholly inside count."
)
def _(size, window, stride):
    counts = np.zeros(size, dtype=int)
    for start in range(0, size, stride):
        counts[start : start + window] += 1
    return counts


@window_counts.mistake(
    "The last window is missing: a window may start at size - window. `range` leaves its end out."
)
def _(size, window, stride):
    counts = np.zeros(size, dtype=int)
    for start in range(0, size - window, stride):
        counts[start : start + window] += 1
    return counts


@window_counts.mistake("The stride is ignored: these windows start at every pixel.")
def _(size, window, stride):
    counts = np.zeros(size, dtype=int)
    for start in range(size - window + 1):
        counts[start : start + window] += 1
    return counts


@window_counts.mistake(
    "These windows do not overlap: they start `window` pixels apart. Their distance is the stride."
)
def _(size, window, stride):
    counts = np.zeros(size, dtype=int)
    for start in range(0, size - window + 1, window):
        counts[start : start + window] += 1
    return counts


@window_counts.mistake(
    "Each window replaces what was counted before. Add 1 to its pixels."
)
def _(size, window, stride):
    counts = np.zeros(size, dtype=int)
    for start in range(0, size - window + 1, stride):
        counts[start : start + window] = 1
    return counts


@window_counts.mistake(
    "Every pixel lies in at least one window. A pixel may lie in none: then its count is 0.",
)
def _(size, window, stride):
    counts = np.zeros(size, int)
    for start in range(0, size - window + 1, stride):
        counts[start : start + window] += 1
    return np.maximum(counts, 1)


@window_counts.mistake(
    "These are the pixels of each window. Count for each pixel in how many windows it lies.",
)
def _(size, window, stride):
    return [window] * ((size - window) // stride + 1)


@window_counts.mistake(
    "This is the number of windows. Count for each pixel in how many of them it lies.",
)
def _(size, window, stride):
    return (size - window) // stride + 1


@window_counts.mistake(
    "Windows that hang over the end go on at the beginning. Leave them out.",
)
def _(size, window, stride):
    counts = np.zeros(size, int)
    for start in range(0, size, stride):
        for pixel in range(start, start + window):
            counts[pixel % size] += 1
    return counts


@window_counts.mistake(
    "Each window is a pixel too long: it ends before start + window.",
)
def _(size, window, stride):
    counts = np.zeros(size, int)
    for start in range(0, size - window + 1, stride):
        counts[start : start + window + 1] += 1
    return counts


@window_counts.alternative(framework="torch")
def _(size, window, stride):
    import torch

    counts = torch.zeros(size)
    for start in range(0, size - window + 1, stride):
        counts[start : start + window] += 1
    return counts


@window_counts.alternative(framework="mxnet")
def _(size, window, stride):
    from dlkit.mx import nd

    counts = nd.zeros((size,))
    for start in range(0, size - window + 1, stride):
        counts[start : start + window] += 1
    return counts


@window_counts.alternative()
def _(size, window, stride):
    """Windows that start at or before a pixel, less those that end before it."""
    return [
        min(pixel, size - window) // stride - max(pixel - window, -1) // stride
        for pixel in range(size)
    ]


window_counts.equivalent(
    "min(pixel, size - window) -> min(size - window, pixel)",
    why="The smaller of two is the same in either order.",
)
window_counts.equivalent(
    "max(pixel - window, -1) -> max(-1, pixel - window)",
    why="The larger of two is the same in either order.",
)


# 5. A small VGG -----------------------------------------------------------------------------------


@question(
    points=4,
    framework="torch",
    frameworks=NETWORKS,
    driver="network",
    seconds=30,
    atol=1e-4,
    hints=[
        "Write a function for a block first: given the number of convolutions and of maps, it "
        "makes convolution, ReLU, convolution, ReLU, ..., pooling. The "
        "net is two blocks and two dense layers.",
        "A 3 x 3 convolution with padding 1 keeps height and width: 16 x 16 stays, and only the "
        "two poolings halve it, to 4 x 4.",
        "The flattened maps are 16 x 4 x 4 = 256 numbers. Behind the last dense layer comes "
        "nothing: the loss contains the softmax.",
    ],
    explanation="""
        Padding 1 makes up for the pixels that a 3 x 3 kernel takes, so that a block of any depth
        can be put anywhere, and only poolings change the size: 16 -> 8 -> 4. The net has 15,170
        parameters, more than half of them in the first dense layer.
    """,
)
def build_vgg():
    """A small VGG, untrained: (N, 3, 16, 16) images to (N, 10) logits.

    Block of 2 convolutions to 8 maps; block of 3 convolutions to 16 maps; dense 32; ReLU; dense 10.
    Convolutions are 3 x 3 with padding 1 and a bias, each followed by ReLU; a block ends in
    max-pooling 2 x 2, stride 2. Layers are made in the order in which the image meets them.
    """
    from torch import nn

    def block(depth, inputs, maps):
        layers = []
        for _ in range(depth):
            layers += [nn.Conv2d(inputs, maps, 3, padding=1), nn.ReLU()]
            inputs = maps
        return [*layers, nn.MaxPool2d(2)]

    return nn.Sequential(
        *block(2, 3, 8),  # (N, 8, 8, 8)
        *block(3, 8, 16),  # (N, 16, 4, 4)
        nn.Flatten(),  # (N, 256)
        nn.Linear(256, 32),
        nn.ReLU(),
        nn.Linear(32, 10),  # logits
    )


_KERNELS = [(8, 3, 3, 3), (8, 8, 3, 3), (16, 8, 3, 3), (16, 16, 3, 3), (16, 16, 3, 3)]
_POOLED = (1, 4)  # the convolutions behind which a block ends


@build_vgg.probe(weight=1)
def shapes_of_the_parameters(rng):
    return [], gaussian(rng, 2, 3, 16, 16), rng.integers(0, 10, 2)


def _away_from_kinks(rng, count):
    """Rounding must not decide which way a gradient goes, else two right nets could differ: draw
    until no activation sits on a kink.
    """
    while True:
        images = gaussian(rng, count, 3, 16, 16)
        weights = [
            part
            for shape in [*_KERNELS, (32, 256), (10, 32)]
            for part in (
                gaussian(rng, *shape, scale=np.sqrt(2 / np.prod(shape[1:]))),
                gaussian(rng, shape[0], scale=0.3),
            )
        ]
        if _distance_to_kink(images, weights) > 1e-5:
            return weights, images, rng.permutation(10)[:count]


@build_vgg.probe(weight=2)
def logits_and_gradients(rng):
    return _away_from_kinks(rng, 2)


@build_vgg.probe(weight=1)
def of_a_single_image(rng):
    return _away_from_kinks(rng, 1)


def _distance_to_kink(images, weights):
    """How near the net is to a kink: the smallest |input| of a ReLU, or difference between the
    two largest in a pooling window.
    """
    weights = [part.astype(np.float64) for part in weights]
    distances, maps = [], images
    for layer in range(len(_KERNELS)):
        padded = np.pad(maps, ((0, 0), (0, 0), (1, 1), (1, 1)))
        # (N, C, H, W, 3, 3)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
        # (N, H, W, maps)
        before = (
            np.tensordot(windows, weights[2 * layer], ((1, 4, 5), (1, 2, 3)))
            + weights[2 * layer + 1]
        )
        distances.append(np.abs(before).min())
        maps = before.clip(0).transpose(0, 3, 1, 2)
        if layer in _POOLED:
            n, channels, height, width = maps.shape
            pools = (
                maps.reshape(n, channels, height // 2, 2, width // 2, 2)
                .transpose(0, 1, 2, 4, 3, 5)
                .reshape(-1, 4)
            )
            pools = np.sort(pools, axis=1)
            distances.append((pools[:, 3] - pools[:, 2])[pools[:, 3] > 0].min())
            maps = pools[:, 3].reshape(n, channels, height // 2, width // 2)
    distances.append(
        np.abs(maps.reshape(len(maps), -1) @ weights[-4].T + weights[-3]).min()
    )
    return min(distances)


@build_vgg.mistake(
    "A block has a single ReLU, at its end. Every convolution is followed by one: without it, "
    "two convolutions are one linear map."
)
def _():
    from torch import nn

    def block(depth, inputs, maps):
        layers = [
            nn.Conv2d(inputs if i == 0 else maps, maps, 3, padding=1)
            for i in range(depth)
        ]
        return [*layers, nn.ReLU(), nn.MaxPool2d(2)]

    return nn.Sequential(
        *block(2, 3, 8),
        *block(3, 8, 16),
        nn.Flatten(),
        nn.Linear(256, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
    )


@build_vgg.mistake(
    "The second block has two convolutions like the first. It has three."
)
def _():
    from torch import nn

    def block(inputs, maps):
        return [
            nn.Conv2d(inputs, maps, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(maps, maps, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]

    return nn.Sequential(
        *block(3, 8),
        *block(8, 16),
        nn.Flatten(),
        nn.Linear(256, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
    )


@build_vgg.mistake(
    "The pooling takes averages. VGG takes the largest of each 2 x 2 window."
)
def _():
    from torch import nn

    def block(depth, inputs, maps):
        layers = []
        for i in range(depth):
            layers += [nn.Conv2d(maps if i else inputs, maps, 3, padding=1), nn.ReLU()]
        return [*layers, nn.AvgPool2d(2)]

    return nn.Sequential(
        *block(2, 3, 8),
        *block(3, 8, 16),
        nn.Flatten(),
        nn.Linear(256, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
    )


@build_vgg.mistake(
    "The ReLU between the two dense layers is missing: without it "
    "the two are together one linear layer."
)
def _():
    from torch import nn

    def block(depth, inputs, maps):
        layers = []
        for i in range(depth):
            layers += [nn.Conv2d(maps if i else inputs, maps, 3, padding=1), nn.ReLU()]
        return [*layers, nn.MaxPool2d(2)]

    return nn.Sequential(
        *block(2, 3, 8),
        *block(3, 8, 16),
        nn.Flatten(),
        nn.Linear(256, 32),
        nn.Linear(32, 10),
    )


@build_vgg.mistake(
    "There is a ReLU after the last layer. Logits may be negative: the "
    "last dense layer has nothing behind it."
)
def _():
    from torch import nn

    def block(depth, inputs, maps):
        layers = []
        for i in range(depth):
            layers += [nn.Conv2d(maps if i else inputs, maps, 3, padding=1), nn.ReLU()]
        return [*layers, nn.MaxPool2d(2)]

    return nn.Sequential(
        *block(2, 3, 8),
        *block(3, 8, 16),
        nn.Flatten(),
        nn.Linear(256, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
        nn.ReLU(),
    )


@build_vgg.mistake(
    "The net ends in a softmax. Return raw logits: the loss applies the softmax itself."
)
def _():
    from torch import nn

    def block(depth, inputs, maps):
        layers = []
        for i in range(depth):
            layers += [nn.Conv2d(maps if i else inputs, maps, 3, padding=1), nn.ReLU()]
        return [*layers, nn.MaxPool2d(2)]

    return nn.Sequential(
        *block(2, 3, 8),
        *block(3, 8, 16),
        nn.Flatten(),
        nn.Linear(256, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
        nn.Softmax(dim=1),
    )


@build_vgg.mistake(
    "The last convolution of the second block is 1 x 1, as in the "
    "paper's configuration C. Here all are 3 x 3."
)
def _():
    from torch import nn

    first = [
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
    second = [
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 16, 1),
        nn.ReLU(),
    ]
    return nn.Sequential(
        *first,
        *second,
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
    )


@build_vgg.mistake(
    "There is batch normalisation in the net. It came a year after VGG, and its scales and "
    "shifts are parameters that this net has not."
)
def _():
    from torch import nn

    def block(depth, inputs, maps):
        layers = []
        for i in range(depth):
            layers += [
                nn.Conv2d(maps if i else inputs, maps, 3, padding=1),
                nn.BatchNorm2d(maps),
                nn.ReLU(),
            ]
        return [*layers, nn.MaxPool2d(2)]

    return nn.Sequential(
        *block(2, 3, 8),
        *block(3, 8, 16),
        nn.Flatten(),
        nn.Linear(256, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
    )


@build_vgg.mistake(
    "The ReLUs after the convolutions are missing.",
)
def _():
    from torch import nn

    sizes = [(3, 8), (8, 8), None, (8, 16), (16, 16), (16, 16), None]
    layers = []
    for size in sizes:
        layers += [nn.Conv2d(*size, 3, padding=1)] if size else [nn.MaxPool2d(2)]
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 10)
    )


@build_vgg.mistake(
    "The convolutions have no biases. Each has one.",
)
def _():
    from torch import nn

    sizes = [(3, 8), (8, 8), None, (8, 16), (16, 16), (16, 16), None]
    layers = []
    for size in sizes:
        layers += (
            [nn.Conv2d(*size, 3, padding=1, bias=False), nn.ReLU()]
            if size
            else [nn.MaxPool2d(2)]
        )
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 10)
    )


@build_vgg.mistake(
    "The activations after the convolutions are leaky ReLUs. The task asks for ReLU.",
)
def _():
    from torch import nn

    sizes = [(3, 8), (8, 8), None, (8, 16), (16, 16), (16, 16), None]
    layers = []
    for size in sizes:
        layers += (
            [nn.Conv2d(*size, 3, padding=1), nn.LeakyReLU()]
            if size
            else [nn.MaxPool2d(2)]
        )
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 10)
    )


@build_vgg.mistake(
    "The activations after the convolutions are tanh. The task asks for ReLU.",
)
def _():
    from torch import nn

    sizes = [(3, 8), (8, 8), None, (8, 16), (16, 16), (16, 16), None]
    layers = []
    for size in sizes:
        layers += (
            [nn.Conv2d(*size, 3, padding=1), nn.Tanh()] if size else [nn.MaxPool2d(2)]
        )
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 10)
    )


@build_vgg.alternative(framework="mxnet")
def _():
    from dlkit.mx import gluon

    net = gluon.nn.HybridSequential()
    for depth, maps in ((2, 8), (3, 16)):
        for _ in range(depth):
            net.add(gluon.nn.Conv2D(maps, 3, padding=1, activation="relu"))
        net.add(gluon.nn.MaxPool2D(2))
    net.add(gluon.nn.Dense(32, activation="relu"), gluon.nn.Dense(10))
    net.initialize()
    return net


@build_vgg.alternative(framework="mxnet")
def _():
    from dlkit.mx import gluon, nd

    class Block(gluon.Block):
        def __init__(self, depth, maps):
            super().__init__()
            self.convolutions = gluon.nn.Sequential()
            self.convolutions.add(
                *(gluon.nn.Conv2D(maps, 3, padding=1) for _ in range(depth))
            )

        def forward(self, X):
            for convolution in self.convolutions:
                X = nd.relu(convolution(X))
            return nd.Pooling(X, kernel=(2, 2), stride=(2, 2))

    net = gluon.nn.Sequential()  # never initialised
    net.add(
        Block(2, 8),
        Block(3, 16),
        gluon.nn.Dense(32, activation="relu"),
        gluon.nn.Dense(10),
    )
    return net


@build_vgg.alternative(framework="torch")
def _():
    from torch import nn
    from torch.nn import functional as F

    class VGG(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.ModuleList(
                [nn.Conv2d(3, 8, 3, padding="same"), nn.Conv2d(8, 8, 3, padding="same")]
            )
            self.second = nn.ModuleList(
                [nn.LazyConv2d(16, 3, padding="same") for _ in range(3)]
            )
            self.hidden = nn.LazyLinear(32)
            self.output = nn.LazyLinear(10)

        def forward(self, X):
            for block in (self.first, self.second):
                for convolution in block:
                    X = convolution(X).clamp(min=0)
                X = F.max_pool2d(X, 2)
            return self.output(self.hidden(X.flatten(1)).relu())

    return VGG()


build_vgg.equivalent(
    "net.initialize() -> pass",
    why=(
        "The net is to be untrained: what its parameters hold, or whether "
        "they hold anything yet, is left open."
    ),
)


# 6. Letters ---------------------------------------------------------------------------------------

JUDGED = ByAccuracy("letters", needed=0.9, guessing=0.2, most_parameters=15_000)


@question(
    points=4,
    framework="torch",
    frameworks=NETWORKS,
    driver="fit_predict",
    forbids=ready_made.DATA,
    forbids_in_words=ready_made.DRAWN_IN_WORDS,
    seconds=120,
    hints=[
        "Blocks of 3 x 3 convolutions with 8, 16 and 24 maps, a pooling behind each, bring 24 x "
        "24 pixels down to 3 x 3 with about 10,000 parameters; then one dense layer.",
        "Put a batch normalisation between each convolution and its ReLU (lesson 04). Without "
        "it such a net stays just below the bar.",
        "Adam with lr 0.01, batches of 50, a learning rate that falls to 0, and 12 to 20 epochs "
        "are enough. Shuffle the images in every epoch.",
    ],
    explanation="""
        Small kernels in blocks make a deep net of few parameters: four convolutions and one dense
        layer, 12,250 in all. Without a wide dense layer there is little to overfit with, and batch
        normalisation lets all layers learn from the first epoch. A LeNet of this size, shallower
        and with larger kernels, is right on about 86 %.
    """,
)
def train(train_images, train_labels):
    """A net of at most 15,000 parameters, trained to tell letters apart, right on at least 90 % of
    500 images that it has not seen.

    train_images: (1000, 1, 24, 24) float32 in [0, 1]; train_labels: (1000,) int64 in 0, ..., 9
    Returns the net: (N, 1, 24, 24) -> (N, 10) logits.
    """
    import torch
    from torch import nn

    torch.manual_seed(0)
    num_epochs, batch_size = 12, 50
    layers, inputs = [], 1
    for depth, maps in ((1, 8), (1, 16), (2, 24)):
        for _ in range(depth):
            layers += [
                nn.Conv2d(inputs, maps, 3, padding=1),
                nn.BatchNorm2d(maps),
                nn.ReLU(),
            ]
            inputs = maps
        layers.append(nn.MaxPool2d(2))
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(24 * 3 * 3, 10))
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_epochs)
    for _ in range(num_epochs):
        for rows in torch.randperm(len(train_images)).split(batch_size):
            optimizer.zero_grad()
            loss(net(train_images[rows]), train_labels[rows]).backward()
            optimizer.step()
        schedule.step()
    return net


@train.probe()
def unseen_letters(rng):
    """Letters A to J of 24 x 24 pixels: turned, scaled, shifted, blurred, noisy, before a
    pattern; drawn anew by every seed.
    """
    from dlkit.data import Nuisances, glyphs

    nuisances = Nuisances(
        rotation=15, scale=0.2, shift=3, blur=0.5, noise=0.1, background=0.4
    )
    data = glyphs(
        train=1000,
        val=10,
        test=500,
        size=24,
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
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(200, 10)
    )
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    for rows in torch.randperm(len(train_images)).split(50):
        optimizer.zero_grad()
        loss(net(train_images[rows]), train_labels[rows]).backward()
    return net


@train.mistake(
    "The net has learnt, but too little. Train for more epochs, or go deeper "
    "with small kernels and batch normalisation.",
    recognise=JUDGED.learnt_too_little,
)
def _(train_images, train_labels):
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(576, 10))
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    for _ in range(20):
        for rows in torch.randperm(len(train_images)).split(50):
            optimizer.zero_grad()
            loss(net(train_images[rows]), train_labels[rows]).backward()
            optimizer.step()
    return net


@train.mistake(
    "The net has more than 15,000 parameters. A dense layer behind large maps holds most of "
    "them: pool once more, or take fewer units.",
    recognise=JUDGED.is_too_large,
)
def _(train_images, train_labels):
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2304, 10),
    )
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
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
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(200, 26)
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
    num_epochs, batch_size = 12, 50
    net = gluon.nn.HybridSequential()
    for maps, pool in ((8, True), (16, True), (24, False), (24, True)):
        net.add(
            gluon.nn.Conv2D(maps, 3, padding=1),
            gluon.nn.BatchNorm(),
            gluon.nn.Activation("relu"),
        )
        if pool:
            net.add(gluon.nn.MaxPool2D(2))
    net.add(gluon.nn.Dense(10))
    net.initialize(init.Xavier())
    net.hybridize()
    softmax_loss = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.01})
    for epoch in range(num_epochs):
        trainer.set_learning_rate(0.01 * (1 - epoch / num_epochs))
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
    """Momentum instead of Adam, and dropout."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    num_epochs, batch_size = 16, 40
    net = nn.Sequential()
    for inputs, maps, pool in ((1, 8, 2), (8, 16, 2), (16, 24, 1), (24, 24, 2)):
        net.extend(
            [
                nn.Conv2d(inputs, maps, 3, padding=1, bias=False),
                nn.BatchNorm2d(maps),
                nn.ReLU(),
                nn.MaxPool2d(pool),
            ]
        )
    net.extend([nn.Flatten(), nn.Dropout(0.1), nn.Linear(216, 10)])
    optimizer = torch.optim.SGD(
        net.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_epochs)
    for _ in range(num_epochs):
        for rows in torch.randperm(len(train_images)).split(batch_size):
            optimizer.zero_grad()
            nn.functional.cross_entropy(
                net(train_images[rows]), train_labels[rows]
            ).backward()
            optimizer.step()
        schedule.step()
    return net
