"""Branches and shortcuts: a residual block, its gradient, joined branches, a dense block, a
bottleneck's size, a residual net, a thin net that learns.
"""

import numpy as np

from autograder import Inputs, question
from solutions import ready_made
from solutions.accuracy import ByAccuracy
from solutions.examples import example
from solutions.inputs import disguised, gaussian

NETWORKS = ("torch", "mxnet")


# 1. The sum ---------------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "There are two ways from X to the sum: one passes W1, ReLU, W2; the other passes nothing.",
        "The last ReLU comes after the sum: of the two ways together.",
    ],
    explanation="""
        With W1 or W2 all zero the block is relu(X): whatever comes out of another block, which has
        no negative numbers, passes unchanged. The ReLU stands after the sum, so that the body
        itself may give negative numbers and take something away from X.
    """,
)
def residual_forward(X, W1, W2):
    """relu(X + relu(X W1) W2): what a residual block of two dense layers without biases gives.

    X: (N, d); W1: (d, h); W2: (h, d); float32  ->  (N, d)
    """
    Y = (X @ W1).clip(0) @ W2  # (N, d), the body
    Y = (X + Y).clip(0)
    return Y


def _block_of_the_statement():
    return tuple(
        np.array(part, np.float32) for part in ([[1, -2]], [[1], [0]], [[-3, 4]])
    )


example(residual_forward, *_block_of_the_statement(), weight=0.5)


@residual_forward.probe(weight=1, repeat=2)
def rectangular(rng):
    n, d, h = (int(k) for k in rng.permutation([4, 5, 7]))
    return (
        gaussian(rng, n, d),
        gaussian(rng, d, h, scale=0.6),
        gaussian(rng, h, d, scale=0.6),
    )


@residual_forward.probe(weight=1)
def body_of_zeros(rng):
    return gaussian(rng, 4, 6), gaussian(rng, 6, 3), np.zeros((3, 6), np.float32)


@residual_forward.probe(weight=0.5)
def as_many_units_as_inputs(rng):
    """Transposed weights would fit."""
    return (
        gaussian(rng, 4, 4),
        gaussian(rng, 4, 4, scale=0.6),
        gaussian(rng, 4, 4, scale=0.6),
    )


@residual_forward.probe(weight=0.5)
def one_example_and_one_input(rng):
    X, W1, W2 = rng.uniform(1.1, 2, 3).astype(np.float32).reshape(3, 1, 1)
    return -X, -W1, W2


@residual_forward.mistake("The input is not added: this is a plain block.")
def _(X, W1, W2):
    return np.maximum(np.maximum(X @ W1, 0) @ W2, 0)


@residual_forward.mistake("The last ReLU is on the body alone. It comes after the sum.")
def _(X, W1, W2):
    return X + np.maximum(np.maximum(X @ W1, 0) @ W2, 0)


@residual_forward.mistake("The ReLU after the sum is missing.")
def _(X, W1, W2):
    return X + np.maximum(X @ W1, 0) @ W2


@residual_forward.mistake(
    "The ReLU between the two layers is missing: without it they are together one linear layer."
)
def _(X, W1, W2):
    return np.maximum(X + X @ W1 @ W2, 0)


@residual_forward.mistake(
    "There is a ReLU before the sum as well. The body must be able to give "
    "negative numbers, or X could only grow."
)
def _(X, W1, W2):
    return np.maximum(X + np.maximum(np.maximum(X @ W1, 0) @ W2, 0), 0)


@residual_forward.mistake(
    "There is a ReLU on X and one on the body, and none after their sum. Add first.",
)
def _(X, W1, W2):
    return np.maximum(X, 0) + np.maximum(np.maximum(X @ W1, 0) @ W2, 0)


@residual_forward.mistake(
    "The body is subtracted. Add it to X.",
)
def _(X, W1, W2):
    return np.maximum(X - np.maximum(X @ W1, 0) @ W2, 0)


@residual_forward.mistake(
    "X is added after it has passed a ReLU. X comes as it is; the ReLU follows the sum.",
)
def _(X, W1, W2):
    return np.maximum(X, 0) + np.maximum(X @ W1, 0) @ W2


@residual_forward.mistake(
    "X and body are multiplied. They are added.",
)
def _(X, W1, W2):
    return np.maximum(X * (np.maximum(X @ W1, 0) @ W2), 0)


@residual_forward.mistake(
    "X and body are averaged. They are added.",
)
def _(X, W1, W2):
    return np.maximum((X + np.maximum(X @ W1, 0) @ W2) / 2, 0)


@residual_forward.mistake(
    "Of X and body the larger is taken. They are added.",
)
def _(X, W1, W2):
    return np.maximum(np.maximum(X, np.maximum(X @ W1, 0) @ W2), 0)


@residual_forward.mistake(
    "Instead of the ReLU stands an absolute value. What is below 0 becomes 0.",
)
def _(X, W1, W2):
    return np.abs(X + np.maximum(X @ W1, 0) @ W2)


@residual_forward.alternative(framework="torch")
def _(X, W1, W2):
    import torch

    Y = torch.relu(X @ W1) @ W2  # (N, d), the body
    Y = torch.relu(X + Y)
    return Y


@residual_forward.alternative(framework="torch")
def _(X, W1, W2):
    return X.addmm(X.mm(W1).clamp(min=0), W2).clamp(min=0)


@residual_forward.alternative(framework="mxnet")
def _(X, W1, W2):
    from dlkit.mx import nd

    body = nd.dot(nd.relu(nd.dot(X, W1)), W2)  # (N, d)
    return nd.relu(X + body)


@residual_forward.alternative()
def _(X, W1, W2):
    rows = []
    for x in X:
        hidden = np.array([x.dot(column) for column in W1.T]).clip(0)
        rows.append([x[j] + hidden.dot(W2[:, j]) for j in range(len(x))])
    return np.array(rows).clip(0)


# 2. Its gradient ----------------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "The gradient of a sum goes both ways unchanged: one copy "
        "straight to X, one through the body.",
        "Through the body, backwards: by W2 transposed, by the mask of the "
        "inner ReLU (X @ W1 > 0), by W1 transposed.",
        "G @ W2.T is (N, h). Where X @ W1 is not positive it becomes 0. "
        "Then @ W1.T makes it (N, d) again; add G.",
    ],
    explanation="""
        The term G stands there by itself: this is the 1 of 1 + f'. Whatever the weights are, the
        gradient that arrives at the output arrives at the input as well, and the body's
        contribution is added to it.
    """,
)
def residual_backward(X, W1, W2, G):
    """The gradient of a loss by X, where Y = X + relu(X W1) W2 and G is its gradient by Y. There is
    no ReLU after the sum.

    X: (N, d); W1: (d, h); W2: (h, d); G: (N, d); float32  ->  (N, d)
    """
    return G + ((G @ W2.T) * (X @ W1 > 0)) @ W1.T


example(
    residual_backward,
    *_block_of_the_statement(),
    np.array([[5, 1]], np.float32),
    weight=0.5,
)


def _block(rng, n, d, h):
    """Nothing that the ReLU receives is near 0, where rounding would decide. It lets through some
    and not others, and not those whose gradient is positive.
    """
    while True:
        X, W1, W2, G = (
            gaussian(rng, *shape) for shape in ((n, d), (d, h), (h, d), (n, d))
        )
        received = X @ W1
        passed = received > 0
        another = passed != (G @ W2.T > 0)
        if (
            np.abs(received).min() > 1e-3
            and another.any()
            and passed.any()
            and not passed.all()
        ):
            return X, W1, W2, G


@residual_backward.probe(weight=2, repeat=3)
def rectangular_blocks(rng):
    return _block(rng, *(int(k) for k in rng.permutation([4, 5, 7])))


@residual_backward.probe(weight=0.5)
def as_many_units_as_inputs(rng):
    """Transposed weights would fit."""
    return _block(rng, 4, 4, 4)


@residual_backward.probe(weight=0.5)
def one_example(rng):
    return _block(rng, 1, 3, 5)


@residual_backward.mistake("The shortcut is missing: G itself reaches X, too.")
def _(X, W1, W2, G):
    return ((G @ W2.T) * (X @ W1 > 0)) @ W1.T


@residual_backward.mistake(
    "The body is missing: the gradient also goes back through W2, the ReLU and W1."
)
def _(X, W1, W2, G):
    return G * np.ones_like(X)


@residual_backward.mistake(
    "The inner ReLU is missing: where X @ W1 is not positive, nothing comes back."
)
def _(X, W1, W2, G):
    return G + G @ W2.T @ W1.T


@residual_backward.mistake(
    "The mask is taken from the gradient. What counts is where the ReLU's input "
    "in the forward pass, X @ W1, was positive."
)
def _(X, W1, W2, G):
    return G + np.maximum(G @ W2.T, 0) @ W1.T


@residual_backward.mistake(
    "G is not used: this is the gradient of the sum of all numbers of Y. Send G back instead of "
    "ones."
)
def _(X, W1, W2, G):
    ones = np.ones_like(G)
    return ones + ((ones @ W2.T) * (X @ W1 > 0)) @ W1.T


@residual_backward.mistake(
    "There is a ReLU after the sum, as in question 1. Here is none: G reaches both ways whole."
)
def _(X, W1, W2, G):
    hidden = X @ W1
    G = G * (X + hidden.clip(0) @ W2 > 0)
    return G + ((G @ W2.T) * (hidden > 0)) @ W1.T


@residual_backward.mistake("The derivative of X by X is 1, not X: add G, not X.")
def _(X, W1, W2, G):
    return X + ((G @ W2.T) * (X @ W1 > 0)) @ W1.T


@residual_backward.mistake(
    "The mask is turned round: the gradient passes where X @ W1 was negative.",
)
def _(X, W1, W2, G):
    return G + ((G @ W2.T) * (X @ W1 < 0)) @ W1.T


@residual_backward.mistake(
    "What the ReLU gave is multiplied in. Its derivative is 1 where X @ W1 was positive, and "
    "0 elsewhere.",
)
def _(X, W1, W2, G):
    return G + ((G @ W2.T) * np.maximum(X @ W1, 0)) @ W1.T


@residual_backward.mistake(
    "The two ways are multiplied. What arrives at X is added.",
)
def _(X, W1, W2, G):
    return G * (((G @ W2.T) * (X @ W1 > 0)) @ W1.T)


@residual_backward.mistake(
    "What comes back through the body is subtracted. It is added to G.",
)
def _(X, W1, W2, G):
    return G - ((G @ W2.T) * (X @ W1 > 0)) @ W1.T


@residual_backward.mistake(
    "The result is masked by X. The ReLU sees X @ W1, not X.",
)
def _(X, W1, W2, G):
    return G + (((G @ W2.T) * (X @ W1 > 0)) @ W1.T) * (X > 0)


@residual_backward.mistake(
    "To the body's gradient 1 is added. The shortcut passes G on.",
)
def _(X, W1, W2, G):
    return 1 + ((G @ W2.T) * (X @ W1 > 0)) @ W1.T


@residual_backward.mistake(
    "The gradient is divided by the number of examples. G says already how much each counts.",
)
def _(X, W1, W2, G):
    return (G + ((G @ W2.T) * (X @ W1 > 0)) @ W1.T) / len(X)


@residual_backward.mistake(
    "The gradient is divided by the number of all values, as that of a mean is. G says "
    "already how much each counts.",
)
def _(X, W1, W2, G):
    return (G + ((G @ W2.T) * (X @ W1 > 0)) @ W1.T) / X.size


@residual_backward.alternative(framework="torch")
def _(X, W1, W2, G):
    return G + ((G @ W2.T) * (X @ W1 > 0)) @ W1.T


@residual_backward.alternative(framework="torch")
def _(X, W1, W2, G):
    import torch

    X.requires_grad_()
    (gradient,) = torch.autograd.grad(X + torch.relu(X @ W1) @ W2, X, G)
    return gradient


@residual_backward.alternative(framework="mxnet")
def _(X, W1, W2, G):
    from dlkit.mx import autograd, nd

    X.attach_grad()
    with autograd.record():
        Y = X + nd.dot(nd.relu(nd.dot(X, W1)), W2)
    Y.backward(G)
    return X.grad


@residual_backward.alternative(framework="mxnet")
def _(X, W1, W2, G):
    from dlkit.mx import nd

    return G + nd.dot(nd.dot(G, W2.T) * (nd.dot(X, W1) > 0), W1.T)


residual_backward.equivalent(
    "X @ W1 > 0 -> X @ W1 >= 0",
    why="Nothing that the ReLU receives is exactly 0, as the statement says.",
)
residual_backward.equivalent(
    "nd.dot(X, W1) > 0 -> nd.dot(X, W1) >= 0",
    why="Nothing that the ReLU receives is exactly 0, as the statement says.",
)


# 3. Branches joined -------------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "A 1x1 convolution without bias mixes channels at each position: W is (outputs, "
        "inputs), and positions do not meet.",
        "The three results are laid side by side along the channels, axis 1.",
        "PyTorch: torch.einsum('oc,nchw->nohw', W, X). Gluon: nd.Convolution with a kernel of "
        "shape (outputs, inputs, 1, 1), or nd.dot on reshaped arrays.",
    ],
    explanation="""
        A 1x1 convolution is a dense layer used at every position, which is why it can change the
        number of channels cheaply. Branches may have any numbers of channels; only height and width
        must agree, and the counts add up.
    """,
)
def join_branches(X, W1, W2):
    """Three branches on X, joined along the channels in this order: 1x1 convolution by W1, 1x1
    convolution by W2 and ReLU, X itself.

    X: (N, C, H, W); W1: (A, C); W2: (B, C); float32  ->  (N, A + B + C, H, W)
    """
    one = np.einsum("oc,nchw->nohw", W1, X)
    two = np.einsum("oc,nchw->nohw", W2, X)
    return np.concatenate([one, two.clip(0), X], axis=1)


example(
    join_branches,
    np.array([2, -1], np.float32).reshape(1, 2, 1, 1),
    np.array([[1, 1]], np.float32),
    np.array([[0, 1], [3, 0]], np.float32),
    weight=1,
)


@join_branches.probe(weight=1)
def one_image(rng):
    return gaussian(rng, 1, 3, 4, 5), gaussian(rng, 2, 3), gaussian(rng, 4, 3)


@join_branches.probe(weight=2, repeat=2)
def several_images(rng):
    a, b, c = (int(k) for k in rng.permutation([2, 3, 4]))
    return gaussian(rng, 5, c, 3, 4), gaussian(rng, a, c), gaussian(rng, b, c)


@join_branches.probe(weight=0.5)
def one_channel(rng):
    return gaussian(rng, 2, 1, 4, 3), gaussian(rng, 3, 1), gaussian(rng, 1, 1)


@join_branches.probe(weight=0.5)
def all_sizes_equal(rng):
    return gaussian(rng, 3, 3, 3, 3), gaussian(rng, 3, 3), gaussian(rng, 3, 3)


@join_branches.mistake("The third branch, X itself, is missing.")
def _(X, W1, W2):
    one, two = (np.einsum("oc,nchw->nohw", W, X) for W in (W1, W2))
    return np.concatenate([one, np.maximum(two, 0)], axis=1)


@join_branches.mistake(
    "Only the first image of the batch is there. Each image has a result: (N, A + B + C, H, W)."
)
def _(X, W1, W2):
    X = X[:1]
    one, two = (np.einsum("oc,nchw->nohw", W, X) for W in (W1, W2))
    return np.concatenate([one, two.clip(0), X], axis=1)


@join_branches.mistake("The ReLU of the second branch is missing.")
def _(X, W1, W2):
    one, two = (np.einsum("oc,nchw->nohw", W, X) for W in (W1, W2))
    return np.concatenate([one, two, X], axis=1)


@join_branches.mistake(
    "Everything has passed the ReLU. It belongs to the second branch only."
)
def _(X, W1, W2):
    one, two = (np.einsum("oc,nchw->nohw", W, X) for W in (W1, W2))
    return np.maximum(np.concatenate([one, two, X], axis=1), 0)


@join_branches.mistake("The ReLU is on the first branch. It belongs to the second.")
def _(X, W1, W2):
    one, two = (np.einsum("oc,nchw->nohw", W, X) for W in (W1, W2))
    return np.concatenate([np.maximum(one, 0), two, X], axis=1)


@join_branches.mistake(
    "The branches are joined in another order: the task asks for W1's, then W2's, then X."
)
def _(X, W1, W2):
    one, two = (np.einsum("oc,nchw->nohw", W, X) for W in (W1, W2))
    return np.concatenate([X, one, np.maximum(two, 0)], axis=1)


@join_branches.mistake(
    "Both convolutions have passed a ReLU. It belongs to the second branch only.",
)
def _(X, W1, W2):
    one, two = (np.maximum(np.einsum("oc,nchw->nohw", W, X), 0) for W in (W1, W2))
    return np.concatenate([one, two, X], axis=1)


@join_branches.mistake(
    "X has passed a ReLU too. The third branch is X as it is.",
)
def _(X, W1, W2):
    one, two = (np.einsum("oc,nchw->nohw", W, X) for W in (W1, W2))
    return np.concatenate([one, np.maximum(two, 0), np.maximum(X, 0)], axis=1)


@join_branches.mistake(
    "The ReLU is before the second convolution. It comes after it.",
)
def _(X, W1, W2):
    one, two = (
        np.einsum("oc,nchw->nohw", W, V) for W, V in ((W1, X), (W2, np.maximum(X, 0)))
    )
    return np.concatenate([one, two, X], axis=1)


@join_branches.mistake(
    "The first two branches are exchanged: W1's comes first, then W2's.",
)
def _(X, W1, W2):
    one, two = (np.einsum("oc,nchw->nohw", W, X) for W in (W1, W2))
    return np.concatenate([np.maximum(two, 0), one, X], axis=1)


@join_branches.mistake(
    "The channels stand last. They are the second axis: (N, A + B + C, H, W).",
)
def _(X, W1, W2):
    one, two = (np.einsum("oc,nchw->nohw", W, X) for W in (W1, W2))
    return np.concatenate([one, np.maximum(two, 0), X], axis=1).transpose(0, 2, 3, 1)


@join_branches.mistake(
    "The products are averaged over the input channels. Add them up.",
)
def _(X, W1, W2):
    one, two = (np.einsum("oc,nchw->nohw", W, X) / X.shape[1] for W in (W1, W2))
    return np.concatenate([one, np.maximum(two, 0), X], axis=1)


@join_branches.alternative(framework="torch")
def _(X, W1, W2):
    import torch

    one, two = (torch.einsum("oc,nchw->nohw", W, X) for W in (W1, W2))
    return torch.cat([one, torch.relu(two), X], dim=1)


@join_branches.alternative(framework="torch")
def _(X, W1, W2):
    import torch
    from torch.nn.functional import conv2d

    return torch.cat(
        [
            conv2d(X, W1[:, :, None, None]),
            conv2d(X, W2[:, :, None, None]).clamp(min=0),
            X,
        ],
        1,
    )


@join_branches.alternative(framework="mxnet")
def _(X, W1, W2):
    from dlkit.mx import nd

    def mix(W):
        kernel = W.reshape((*W.shape, 1, 1))
        return nd.Convolution(
            X, kernel, no_bias=True, kernel=(1, 1), num_filter=W.shape[0]
        )

    return nd.concat(mix(W1), nd.relu(mix(W2)), X, dim=1)


join_branches.equivalent(
    "num_filter=W.shape[0] -> num_filter=kernel.shape[0]",
    why="The kernel has as many filters as W has rows.",
)
join_branches.equivalent(
    "relu(mix(W2)), X, dim=1) -> relu(mix(W2)), X)",
    why="`nd.concat` joins along axis 1 by default.",
)


# 4. How many channels -----------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "Within a block every layer adds `growth` channels to what came in. A "
        "transition then keeps half, rounded down.",
        "There is a transition between blocks, none after the last.",
    ],
    explanation="""
        DenseNet-121 is dense_channels(64, [6, 12, 24, 16], 32) = [256, 512, 1024, 1024], with
        transitions to 128, 256 and 512 between them. Without transitions it would be 64 + 58 x 32 =
        1,920 channels at the end, and the work would grow with the square.
    """,
)
def dense_channels(channels, layers, growth):
    """The number of channels that leaves each dense block of a DenseNet; after every block but the
    last a transition keeps half, rounded down.

    channels: into the first block; layers: list, number of layers of each block; growth: channels
    that each layer adds; whole numbers  ->  list
    """
    leaving = []
    for number in layers:
        channels += number * growth
        leaving.append(channels)
        channels //= 2
    return leaving


example(dense_channels, 10, [2, 3], 5, weight=0.5)
example(dense_channels, 64, [6, 12, 24, 16], 32, weight=0.5)


@dense_channels.probe(weight=1)
def one_block(rng):
    return int(rng.integers(5, 30)), [int(rng.integers(2, 7))], int(rng.integers(3, 13))


@dense_channels.probe(weight=0.5)
def small_blocks(rng):
    """A transition halves few channels, too."""
    return int(rng.integers(2, 6)), [1, 2, 1, 1], 1


@dense_channels.probe(weight=1.5, repeat=3)
def several_blocks(rng):
    return (
        int(rng.integers(5, 30)),
        [int(k) for k in rng.permutation([2, 3, 5, 7])],
        2 * int(rng.integers(2, 7)) + 1,
    )


@dense_channels.probe(weight=0.5)
def odd_numbers_to_halve(rng):
    """Whether halves are rounded down, up or to an even number makes a difference at once."""
    channels = 4 * int(rng.integers(2, 7)) + 1
    return channels, [2, 1, 3], 4 * int(rng.integers(1, 4)) + 1


@dense_channels.probe(weight=0.5)
def many_blocks(rng):
    return int(rng.integers(5, 30)), [int(k) for k in rng.integers(1, 9, 14)], 12


@dense_channels.mistake(
    "The transitions are missing: between two blocks half of the channels remain."
)
def _(channels, layers, growth):
    return [channels + growth * sum(layers[: i + 1]) for i in range(len(layers))]


@dense_channels.mistake(
    "Half of an odd number of channels is rounded up. A transition rounds down."
)
def _(channels, layers, growth):
    leaving = []
    for number in layers:
        channels += number * growth
        leaving.append(channels)
        channels = -(-channels // 2)
    return leaving


@dense_channels.mistake(
    "The list should hold what leaves each block, before the transition halves it."
)
def _(channels, layers, growth):
    leaving = []
    for number in layers:
        channels = (channels + number * growth) // 2
        leaving.append(channels)
    return leaving


@dense_channels.mistake(
    "The input of a block is not kept: number * growth channels are added to those that came in."
)
def _(channels, layers, growth):
    return [number * growth for number in layers]


@dense_channels.mistake(
    "Every block adds only `growth` channels. Each of its *layers* does."
)
def _(channels, layers, growth):
    leaving = []
    for _ in layers:
        channels += growth
        leaving.append(channels)
        channels //= 2
    return leaving


@dense_channels.mistake(
    "The channels are halved before the first block too. A transition stands between two "
    "blocks only.",
)
def _(channels, layers, growth):
    leaving = []
    for layer_count in layers:
        channels //= 2
        channels += layer_count * growth
        leaving.append(channels)
    return leaving


@dense_channels.mistake(
    "Half of an odd number of channels is not rounded down. Channels are whole: use `//`.",
)
def _(channels, layers, growth):
    leaving = []
    for layer_count in layers:
        channels += layer_count * growth
        leaving.append(channels)
        channels /= 2
    return leaving


@dense_channels.mistake(
    "Every block has a layer too few. Each of its layers adds `growth` channels.",
)
def _(channels, layers, growth):
    leaving = []
    for layer_count in layers:
        channels += (layer_count - 1) * growth
        leaving.append(channels)
        channels //= 2
    return leaving


@dense_channels.mistake(
    "Only the last block is there. Return one number for each block.",
)
def _(channels, layers, growth):
    for block, layer_count in enumerate(layers):
        channels = (channels // 2 if block else channels) + layer_count * growth
    return [channels]


@dense_channels.mistake(
    "The channels that go in stand in the list. Return one number for each block, what leaves it.",
)
def _(channels, layers, growth):
    leaving = [channels]
    for block, layer_count in enumerate(layers):
        channels = (channels // 2 if block else channels) + layer_count * growth
        leaving.append(channels)
    return leaving


@dense_channels.mistake(
    "All blocks but the last are counted after their transition. Count what leaves a block "
    "before it is halved.",
)
def _(channels, layers, growth):
    leaving = []
    for layer_count in layers:
        channels += layer_count * growth
        leaving.append(channels)
        channels //= 2
    return [number // 2 for number in leaving[:-1]] + leaving[-1:]


@dense_channels.alternative()
def _(channels, layers, growth):
    leaving = []
    for number in layers:
        for _ in range(growth):
            channels += number
        leaving += [channels]
        channels >>= 1
    return leaving


@dense_channels.alternative(framework="torch")
def _(channels, layers, growth):
    leaving = [channels + layers[0] * growth]
    for number in layers[1:]:
        leaving.append(leaving[-1] // 2 + number * growth)
    return leaving


@dense_channels.alternative(framework="mxnet")
def _(channels, layers, growth):
    leaving = []
    for number in layers:
        for _ in range(number):
            channels = channels + growth
        leaving.append(channels)
        channels = int(channels / 2)
    return leaving


dense_channels.equivalent(
    "channels / 2 -> channels // 2", why="The result is made a whole number anyway."
)


# 5. A bottleneck counted --------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "A convolution without bias has outputs * inputs * kernel * kernel weights; a "
        "normalisation of c channels has 2c parameters.",
        "The three convolutions: inputs -> middle (1x1), middle -> middle (3x3), middle -> "
        "outputs (1x1), each followed by a normalisation.",
        "The projection, inputs -> outputs (1x1) with its normalisation, exists if stride is "
        "not 1, or inputs and outputs differ.",
    ],
    explanation="""
        The first block of ResNet-50's second stage, bottleneck_parameters(256, 128, 512, 2), has
        379,392 parameters, of which the projection is a third. The stride itself has no parameters;
        it only decides whether the identity still fits.
    """,
)
def bottleneck_parameters(inputs, middle, outputs, stride):
    """The number of parameters of a bottleneck block: 1x1 to `middle` channels, 3x3 with the
    stride, 1x1 to `outputs`; normalised each; no biases.

    If stride != 1 or inputs != outputs, the shortcut is a projection: a 1x1 convolution,
    normalised; else the identity.
    """
    kernels = inputs * middle + 9 * middle * middle + middle * outputs
    scales = 4 * middle + 2 * outputs
    projection = (inputs + 2) * outputs if stride != 1 or inputs != outputs else 0
    return kernels + scales + projection


example(bottleneck_parameters, 4, 2, 4, 1, weight=0.5)
example(bottleneck_parameters, 4, 2, 4, 2, weight=0.5)


@bottleneck_parameters.probe(weight=1, repeat=2)
def identity(rng):
    outputs = int(rng.integers(10, 30))
    return outputs, int(rng.integers(3, 9)), outputs, 1


@bottleneck_parameters.probe(weight=1, repeat=2)
def other_channels(rng):
    return (
        int(rng.integers(10, 20)),
        int(rng.integers(3, 9)),
        int(rng.integers(21, 40)),
        1,
    )


@bottleneck_parameters.probe(weight=1)
def other_channels_and_a_stride(rng):
    return int(rng.integers(10, 20)), 1, int(rng.integers(21, 40)), 2


@bottleneck_parameters.probe(weight=1)
def fewer_channels(rng):
    return (
        int(rng.integers(21, 40)),
        int(rng.integers(3, 9)),
        int(rng.integers(10, 20)),
        1,
    )


@bottleneck_parameters.probe(weight=1)
def stride_of_two(rng):
    outputs = int(rng.integers(10, 30))
    return outputs, int(rng.integers(3, 9)), outputs, 2


@bottleneck_parameters.probe(weight=1)
def stride_of_three(rng):
    outputs = int(rng.integers(10, 30))
    return outputs, int(rng.integers(3, 9)), outputs, 3


@bottleneck_parameters.mistake(
    "The projection is never counted. Where the identity does not fit, the shortcut has parameters."
)
def _(inputs, middle, outputs, stride):
    return (
        inputs * middle
        + 9 * middle * middle
        + middle * outputs
        + 4 * middle
        + 2 * outputs
    )


@bottleneck_parameters.mistake(
    "The projection is always counted. With stride 1 and equal "
    "channels the shortcut is the identity."
)
def _(inputs, middle, outputs, stride):
    return (
        inputs * middle
        + 9 * middle * middle
        + middle * outputs
        + 4 * middle
        + 4 * outputs
        + inputs * outputs
    )


@bottleneck_parameters.mistake(
    "A stride of 2 with equal channels needs a projection, too: the image shrinks."
)
def _(inputs, middle, outputs, stride):
    body = (
        inputs * middle
        + 9 * middle * middle
        + middle * outputs
        + 4 * middle
        + 2 * outputs
    )
    return body + ((inputs + 2) * outputs if inputs != outputs else 0)


@bottleneck_parameters.mistake(
    "With stride 1 a projection is still needed where the numbers of channels differ."
)
def _(inputs, middle, outputs, stride):
    body = (
        inputs * middle
        + 9 * middle * middle
        + middle * outputs
        + 4 * middle
        + 2 * outputs
    )
    return body + ((inputs + 2) * outputs if stride != 1 else 0)


@bottleneck_parameters.mistake(
    "A projection is counted only where the stride is not 1 and the channels differ as well. One "
    "of the two is enough."
)
def _(inputs, middle, outputs, stride):
    kernels = inputs * middle + 9 * middle * middle + middle * outputs
    projection = (inputs + 2) * outputs if stride != 1 and inputs != outputs else 0
    return kernels + 4 * middle + 2 * outputs + projection


@bottleneck_parameters.mistake(
    "The normalisation behind the projection is missing: it has a scale and a shift a channel, too."
)
def _(inputs, middle, outputs, stride):
    kernels = inputs * middle + 9 * middle * middle + middle * outputs
    projection = inputs * outputs if stride != 1 or inputs != outputs else 0
    return kernels + 4 * middle + 2 * outputs + projection


@bottleneck_parameters.mistake(
    "The normalisations are left out: each has a scale and a shift a channel."
)
def _(inputs, middle, outputs, stride):
    body = inputs * middle + 9 * middle * middle + middle * outputs
    return body + (inputs * outputs if stride != 1 or inputs != outputs else 0)


@bottleneck_parameters.mistake(
    "The convolutions have no biases here: the normalisation behind them has a shift."
)
def _(inputs, middle, outputs, stride):
    body = (
        inputs * middle
        + 9 * middle * middle
        + middle * outputs
        + 6 * middle
        + 3 * outputs
    )
    return body + ((inputs + 3) * outputs if stride != 1 or inputs != outputs else 0)


@bottleneck_parameters.mistake(
    "The normalisations of the body are left out: each has a scale and a shift a channel.",
)
def _(inputs, middle, outputs, stride):
    count = inputs * middle + 9 * middle**2 + middle * outputs
    if stride != 1 or inputs != outputs:
        count += inputs * outputs + 2 * outputs
    return count


@bottleneck_parameters.mistake(
    "A normalisation is counted with one number a channel. It has two, a scale and a shift.",
)
def _(inputs, middle, outputs, stride):
    count = inputs * middle + 9 * middle**2 + middle * outputs + 2 * middle + outputs
    if stride != 1 or inputs != outputs:
        count += inputs * outputs + outputs
    return count


@bottleneck_parameters.mistake(
    "A normalisation is counted with four numbers a channel. Running means and variances are "
    "not trained.",
)
def _(inputs, middle, outputs, stride):
    count = (
        inputs * middle + 9 * middle**2 + middle * outputs + 8 * middle + 4 * outputs
    )
    if stride != 1 or inputs != outputs:
        count += inputs * outputs + 4 * outputs
    return count


@bottleneck_parameters.mistake(
    "The 3x3 convolution is counted with 3 weights for each pair of channels. It has 9.",
)
def _(inputs, middle, outputs, stride):
    count = (
        inputs * middle + 3 * middle**2 + middle * outputs + 4 * middle + 2 * outputs
    )
    if stride != 1 or inputs != outputs:
        count += inputs * outputs + 2 * outputs
    return count


@bottleneck_parameters.mistake(
    "The last convolution is counted as 3x3. Only the middle one is.",
)
def _(inputs, middle, outputs, stride):
    count = (
        inputs * middle
        + 9 * middle**2
        + 9 * middle * outputs
        + 4 * middle
        + 2 * outputs
    )
    if stride != 1 or inputs != outputs:
        count += inputs * outputs + 2 * outputs
    return count


@bottleneck_parameters.mistake(
    "The shortcut's convolution is counted as 3x3. It is 1x1.",
)
def _(inputs, middle, outputs, stride):
    count = (
        inputs * middle + 9 * middle**2 + middle * outputs + 4 * middle + 2 * outputs
    )
    if stride != 1 or inputs != outputs:
        count += 9 * inputs * outputs + 2 * outputs
    return count


@bottleneck_parameters.mistake(
    "The stride multiplies the 3x3 weights. It changes the size of the maps, not the number "
    "of weights.",
)
def _(inputs, middle, outputs, stride):
    count = (
        inputs * middle
        + 9 * stride * middle**2
        + middle * outputs
        + 4 * middle
        + 2 * outputs
    )
    if stride != 1 or inputs != outputs:
        count += inputs * outputs + 2 * outputs
    return count


@bottleneck_parameters.mistake(
    "The normalisation of the shortcut is counted by its inputs. It follows the convolution: "
    "`outputs` channels.",
)
def _(inputs, middle, outputs, stride):
    count = (
        inputs * middle + 9 * middle**2 + middle * outputs + 4 * middle + 2 * outputs
    )
    if stride != 1 or inputs != outputs:
        count += inputs * outputs + 2 * inputs
    return count


@bottleneck_parameters.mistake(
    "The 3x3 convolution is counted from `inputs`. The first convolution has made `middle` "
    "channels of them.",
)
def _(inputs, middle, outputs, stride):
    count = (
        inputs * middle
        + 9 * inputs * middle
        + middle * outputs
        + 4 * middle
        + 2 * outputs
    )
    if stride != 1 or inputs != outputs:
        count += inputs * outputs + 2 * outputs
    return count


@bottleneck_parameters.alternative()
def _(inputs, middle, outputs, stride):
    count = 0
    for before, after, size in zip(
        [inputs, middle, middle], [middle, middle, outputs], [1, 3, 1], strict=True
    ):
        count += after * before * size**2 + 2 * after
    if (stride, inputs) != (1, outputs):
        count += outputs * inputs + 2 * outputs
    return count


@bottleneck_parameters.alternative(framework="torch")
def _(inputs, middle, outputs, stride):
    from torch import nn

    def size(before, after, kernel):
        layers = nn.Sequential(
            nn.Conv2d(before, after, kernel, bias=False), nn.BatchNorm2d(after)
        )
        return sum(parameter.numel() for parameter in layers.parameters())

    body = size(inputs, middle, 1) + size(middle, middle, 3) + size(middle, outputs, 1)
    return (
        body if stride == 1 and inputs == outputs else body + size(inputs, outputs, 1)
    )


@bottleneck_parameters.alternative(framework="mxnet")
def _(inputs, middle, outputs, stride):
    count = middle * (inputs + 2) + middle * (9 * middle + 2) + outputs * (middle + 2)
    if stride == 1 and inputs == outputs:
        return count
    return count + outputs * (inputs + 2)


bottleneck_parameters.equivalent(
    "nn.Conv2d(before, after -> nn.Conv2d(after, before",
    why="Without a bias, a kernel has as many weights in either direction.",
)
bottleneck_parameters.equivalent(
    "kernel, bias=False), nn.BatchNorm2d(after)) -> nn.BatchNorm2d(after), "
    "nn.Conv2d(before, after, kernel, bias=False))",
    why="The layers are only counted, whatever their order.",
)


# 6. A residual net --------------------------------------------------------------------------------


@question(
    points=3,
    framework="torch",
    frameworks=NETWORKS,
    driver="network",
    seconds=30,
    atol=1e-4,
    hints=[
        "Write a class for the block: it gets a body and a shortcut, and its forward is "
        "relu(body(X) + shortcut(X)). The two blocks differ only in what they are given.",
        "The first block's shortcut is a 1x1 convolution with stride 2, from 4 to 6 channels; "
        "the second's is the identity. No ReLU at the end of a body.",
        "PyTorch: nn.AdaptiveAvgPool2d(1), nn.Flatten() before the dense layer; Gluon: "
        "nn.GlobalAvgPool2D(). Every convolution has bias=False (use_bias=False).",
    ],
    explanation="""
        The stride and the new number of channels make a projection necessary in the first block; in
        the second everything fits, and the identity costs nothing. A real residual net would
        normalise after each convolution; that is left out here so that the net has fewer parts.
    """,
)
def build_residual():
    """A small residual net, untrained: (N, 1, 12, 12) images to (N, 10) logits.

    Convolution to 4 maps; a block that halves the image, 4 to 8 to 6 maps; a block 6 to 5 to 6; the
    mean of every map; dense 10.
    """
    import torch
    from torch import nn

    def conv(inputs, outputs, stride=1):
        return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)

    class Block(nn.Module):
        def __init__(self, *body):
            super().__init__()
            self.body = nn.Sequential(*body)
            self.shortcut = nn.Identity()

        def forward(self, X):
            return torch.relu(self.body(X) + self.shortcut(X))

    halving = Block(conv(4, 8, 2), nn.ReLU(), conv(8, 6))  # (N, 6, 6, 6)
    halving.shortcut = nn.Conv2d(4, 6, 1, 2, bias=False)
    keeping = Block(conv(6, 5), nn.ReLU(), conv(5, 6))  # (N, 6, 6, 6)
    return nn.Sequential(
        conv(1, 4),
        nn.ReLU(),
        halving,
        keeping,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 10),
    )


_SHAPES = [
    (4, 1, 3, 3),
    (8, 4, 3, 3),
    (6, 8, 3, 3),
    (6, 4, 1, 1),
    (5, 6, 3, 3),
    (6, 5, 3, 3),
    (10, 6),
    (10,),
]
"""Of the net's weights: no two alike, so that they can be given in any order."""


@build_residual.probe(weight=1)
def shapes_of_the_parameters(rng):
    return [], gaussian(rng, 2, 1, 12, 12), rng.integers(0, 10, 2)


def _away_from_kinks(rng, count):
    """Rounding must not decide which way a gradient goes: draw until no ReLU's input is near 0."""
    while True:
        images = gaussian(rng, count, 1, 12, 12)
        weights = [
            gaussian(rng, *shape, scale=np.sqrt(2 / np.prod(shape[1:])))
            for shape in _SHAPES
        ]
        if _distance_to_kink(images, weights) > 1e-5:
            return weights, images, rng.permutation(10)[:count]


@build_residual.probe(weight=1.5, repeat=2)
def logits_and_gradients(rng):
    return _away_from_kinks(rng, 2)


@build_residual.probe(weight=0.5)
def of_a_single_image(rng):
    return _away_from_kinks(rng, 1)


def _distance_to_kink(images, weights):
    """The smallest |input| of a ReLU of the net."""
    stem, first, second, projection, third, fourth, _, _ = (
        weight.astype(np.float64) for weight in weights
    )
    before = [_convolve(images, stem)]
    X = before[-1].clip(0)
    before.append(_convolve(X, first, 2))
    before.append(_convolve(before[-1].clip(0), second) + _convolve(X, projection, 2))
    X = before[-1].clip(0)
    before.append(_convolve(X, third))
    before.append(_convolve(before[-1].clip(0), fourth) + X)
    return min(np.abs(part).min() for part in before)


def _convolve(X, kernel, stride=1):
    """(N, C, H, W) by (O, C, k, k), padded by k // 2."""
    size = kernel.shape[-1]
    X = np.pad(X, [(0, 0), (0, 0), (size // 2,) * 2, (size // 2,) * 2])
    windows = np.lib.stride_tricks.sliding_window_view(X, (size, size), axis=(2, 3))[
        :, :, ::stride, ::stride
    ]
    return np.einsum("nchwij,ocij->nohw", windows, kernel)


@build_residual.mistake(
    "Nothing is added: the shortcuts do not reach the output of their blocks."
)
def _():
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, *layers, project):
            super().__init__()
            self.body, self.project = nn.Sequential(*layers), project

        def forward(self, X):
            return torch.relu(self.body(X) + 0 * self.project(X))

    pad = {"padding": 1, "bias": False}
    halving = [nn.Conv2d(4, 8, 3, 2, **pad), nn.ReLU(), nn.Conv2d(8, 6, 3, **pad)]
    keeping = [nn.Conv2d(6, 5, 3, **pad), nn.ReLU(), nn.Conv2d(5, 6, 3, **pad)]
    blocks = [
        Block(*halving, project=nn.Conv2d(4, 6, 1, 2, bias=False)),
        Block(*keeping, project=nn.Identity()),
    ]
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, **pad),
        nn.ReLU(),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 10),
    )


@build_residual.mistake(
    "A block ends in a ReLU after the sum; yours ends in the bare sum."
)
def _():
    from torch import nn

    class Block(nn.Module):
        def __init__(self, *layers, project):
            super().__init__()
            self.body, self.project = nn.Sequential(*layers), project

        def forward(self, X):
            return self.body(X) + self.project(X)

    pad = {"padding": 1, "bias": False}
    halving = [nn.Conv2d(4, 8, 3, 2, **pad), nn.ReLU(), nn.Conv2d(8, 6, 3, **pad)]
    keeping = [nn.Conv2d(6, 5, 3, **pad), nn.ReLU(), nn.Conv2d(5, 6, 3, **pad)]
    blocks = [
        Block(*halving, project=nn.Conv2d(4, 6, 1, 2, bias=False)),
        Block(*keeping, project=nn.Identity()),
    ]
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, **pad),
        nn.ReLU(),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 10),
    )


@build_residual.mistake("The last ReLU is on the body alone. It comes after the sum.")
def _():
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, *layers, project):
            super().__init__()
            self.body, self.project = nn.Sequential(*layers), project

        def forward(self, X):
            return torch.relu(self.body(X)) + self.project(X)

    pad = {"padding": 1, "bias": False}
    halving = [nn.Conv2d(4, 8, 3, 2, **pad), nn.ReLU(), nn.Conv2d(8, 6, 3, **pad)]
    keeping = [nn.Conv2d(6, 5, 3, **pad), nn.ReLU(), nn.Conv2d(5, 6, 3, **pad)]
    blocks = [
        Block(*halving, project=nn.Conv2d(4, 6, 1, 2, bias=False)),
        Block(*keeping, project=nn.Identity()),
    ]
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, **pad),
        nn.ReLU(),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 10),
    )


@build_residual.mistake(
    "There is a ReLU at the end of the body. The sum comes first: "
    "the body may give negative numbers."
)
def _():
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, *layers, project):
            super().__init__()
            self.body, self.project = nn.Sequential(*layers), project

        def forward(self, X):
            return torch.relu(self.body(X) + self.project(X))

    pad = {"padding": 1, "bias": False}
    halving = [
        nn.Conv2d(4, 8, 3, 2, **pad),
        nn.ReLU(),
        nn.Conv2d(8, 6, 3, **pad),
        nn.ReLU(),
    ]
    keeping = [
        nn.Conv2d(6, 5, 3, **pad),
        nn.ReLU(),
        nn.Conv2d(5, 6, 3, **pad),
        nn.ReLU(),
    ]
    blocks = [
        Block(*halving, project=nn.Conv2d(4, 6, 1, 2, bias=False)),
        Block(*keeping, project=nn.Identity()),
    ]
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, **pad),
        nn.ReLU(),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 10),
    )


@build_residual.mistake("The ReLU after the first convolution of the net is missing.")
def _():
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, *layers, project):
            super().__init__()
            self.body, self.project = nn.Sequential(*layers), project

        def forward(self, X):
            return torch.relu(self.body(X) + self.project(X))

    pad = {"padding": 1, "bias": False}
    halving = [nn.Conv2d(4, 8, 3, 2, **pad), nn.ReLU(), nn.Conv2d(8, 6, 3, **pad)]
    keeping = [nn.Conv2d(6, 5, 3, **pad), nn.ReLU(), nn.Conv2d(5, 6, 3, **pad)]
    blocks = [
        Block(*halving, project=nn.Conv2d(4, 6, 1, 2, bias=False)),
        Block(*keeping, project=nn.Identity()),
    ]
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, **pad),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 10),
    )


@build_residual.mistake("The ReLU between the two convolutions of a body is missing.")
def _():
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, *layers, project):
            super().__init__()
            self.body, self.project = nn.Sequential(*layers), project

        def forward(self, X):
            return torch.relu(self.body(X) + self.project(X))

    pad = {"padding": 1, "bias": False}
    halving = [nn.Conv2d(4, 8, 3, 2, **pad), nn.Conv2d(8, 6, 3, **pad)]
    keeping = [nn.Conv2d(6, 5, 3, **pad), nn.Conv2d(5, 6, 3, **pad)]
    blocks = [
        Block(*halving, project=nn.Conv2d(4, 6, 1, 2, bias=False)),
        Block(*keeping, project=nn.Identity()),
    ]
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, **pad),
        nn.ReLU(),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 10),
    )


@build_residual.mistake(
    "The convolutions have biases. Here only the dense layer has one."
)
def _():
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, *layers, project):
            super().__init__()
            self.body, self.project = nn.Sequential(*layers), project

        def forward(self, X):
            return torch.relu(self.body(X) + self.project(X))

    pad = {"padding": 1, "bias": True}
    halving = [nn.Conv2d(4, 8, 3, 2, **pad), nn.ReLU(), nn.Conv2d(8, 6, 3, **pad)]
    keeping = [nn.Conv2d(6, 5, 3, **pad), nn.ReLU(), nn.Conv2d(5, 6, 3, **pad)]
    blocks = [
        Block(*halving, project=nn.Conv2d(4, 6, 1, 2, bias=True)),
        Block(*keeping, project=nn.Identity()),
    ]
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, **pad),
        nn.ReLU(),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 10),
    )


@build_residual.mistake(
    "The second block has a projection. Its input and output have one shape: "
    "the identity will do, and has no parameters."
)
def _():
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, *layers, project):
            super().__init__()
            self.body, self.project = nn.Sequential(*layers), project

        def forward(self, X):
            return torch.relu(self.body(X) + self.project(X))

    pad = {"padding": 1, "bias": False}
    halving = [nn.Conv2d(4, 8, 3, 2, **pad), nn.ReLU(), nn.Conv2d(8, 6, 3, **pad)]
    keeping = [nn.Conv2d(6, 5, 3, **pad), nn.ReLU(), nn.Conv2d(5, 6, 3, **pad)]
    blocks = [
        Block(*halving, project=nn.Conv2d(4, 6, 1, 2, bias=False)),
        Block(*keeping, project=nn.Conv2d(6, 6, 1, bias=False)),
    ]
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, **pad),
        nn.ReLU(),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 10),
    )


@build_residual.mistake(
    "The largest number of every map is taken. The task asks for the mean."
)
def _():
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, *layers, project):
            super().__init__()
            self.body, self.project = nn.Sequential(*layers), project

        def forward(self, X):
            return torch.relu(self.body(X) + self.project(X))

    pad = {"padding": 1, "bias": False}
    halving = [nn.Conv2d(4, 8, 3, 2, **pad), nn.ReLU(), nn.Conv2d(8, 6, 3, **pad)]
    keeping = [nn.Conv2d(6, 5, 3, **pad), nn.ReLU(), nn.Conv2d(5, 6, 3, **pad)]
    blocks = [
        Block(*halving, project=nn.Conv2d(4, 6, 1, 2, bias=False)),
        Block(*keeping, project=nn.Identity()),
    ]
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, **pad),
        nn.ReLU(),
        *blocks,
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 10),
    )


@build_residual.mistake(
    "The pixels of every map are added up. The task asks for their mean.",
)
def _():
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            pad = {"padding": 1, "bias": False}
            self.stem = nn.Conv2d(1, 4, 3, **pad)
            self.halve, self.after = (
                nn.Conv2d(4, 8, 3, 2, **pad),
                nn.Conv2d(8, 6, 3, 1, **pad),
            )
            self.project = nn.Conv2d(4, 6, 1, 2, bias=False)
            self.narrow, self.widen = (
                nn.Conv2d(6, 5, 3, **pad),
                nn.Conv2d(5, 6, 3, **pad),
            )
            self.dense = nn.Linear(6, 10)

        def forward(self, X):
            X = torch.relu(self.stem(X))
            X = torch.relu(self.after(torch.relu(self.halve(X))) + self.project(X))
            X = torch.relu(self.widen(torch.relu(self.narrow(X))) + X)
            return self.dense(X.sum(dim=(2, 3)))

    return Net()


@build_residual.mistake(
    "The shortcut of block B is missing: its input is to be added, as it is.",
)
def _():
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            pad = {"padding": 1, "bias": False}
            self.stem = nn.Conv2d(1, 4, 3, **pad)
            self.halve, self.after = (
                nn.Conv2d(4, 8, 3, 2, **pad),
                nn.Conv2d(8, 6, 3, 1, **pad),
            )
            self.project = nn.Conv2d(4, 6, 1, 2, bias=False)
            self.narrow, self.widen = (
                nn.Conv2d(6, 5, 3, **pad),
                nn.Conv2d(5, 6, 3, **pad),
            )
            self.dense = nn.Linear(6, 10)

        def forward(self, X):
            X = torch.relu(self.stem(X))
            X = torch.relu(self.after(torch.relu(self.halve(X))) + self.project(X))
            X = torch.relu(self.widen(torch.relu(self.narrow(X))))
            return self.dense(X.mean(dim=(2, 3)))

    return Net()


@build_residual.mistake(
    "The shortcut of block A has a ReLU of its own. The ReLU comes after the sum.",
)
def _():
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            pad = {"padding": 1, "bias": False}
            self.stem = nn.Conv2d(1, 4, 3, **pad)
            self.halve, self.after = (
                nn.Conv2d(4, 8, 3, 2, **pad),
                nn.Conv2d(8, 6, 3, 1, **pad),
            )
            self.project = nn.Conv2d(4, 6, 1, 2, bias=False)
            self.narrow, self.widen = (
                nn.Conv2d(6, 5, 3, **pad),
                nn.Conv2d(5, 6, 3, **pad),
            )
            self.dense = nn.Linear(6, 10)

        def forward(self, X):
            X = torch.relu(self.stem(X))
            X = torch.relu(
                self.after(torch.relu(self.halve(X))) + torch.relu(self.project(X))
            )
            X = torch.relu(self.widen(torch.relu(self.narrow(X))) + X)
            return self.dense(X.mean(dim=(2, 3)))

    return Net()


@build_residual.mistake(
    "Block A ends in the bare sum. A ReLU follows it, as in block B.",
)
def _():
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            pad = {"padding": 1, "bias": False}
            self.stem = nn.Conv2d(1, 4, 3, **pad)
            self.halve, self.after = (
                nn.Conv2d(4, 8, 3, 2, **pad),
                nn.Conv2d(8, 6, 3, 1, **pad),
            )
            self.project = nn.Conv2d(4, 6, 1, 2, bias=False)
            self.narrow, self.widen = (
                nn.Conv2d(6, 5, 3, **pad),
                nn.Conv2d(5, 6, 3, **pad),
            )
            self.dense = nn.Linear(6, 10)

        def forward(self, X):
            X = torch.relu(self.stem(X))
            X = self.after(torch.relu(self.halve(X))) + self.project(X)
            X = torch.relu(self.widen(torch.relu(self.narrow(X))) + X)
            return self.dense(X.mean(dim=(2, 3)))

    return Net()


@build_residual.mistake(
    "Block B ends in the bare sum. A ReLU follows it, as in block A.",
)
def _():
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            pad = {"padding": 1, "bias": False}
            self.stem = nn.Conv2d(1, 4, 3, **pad)
            self.halve, self.after = (
                nn.Conv2d(4, 8, 3, 2, **pad),
                nn.Conv2d(8, 6, 3, 1, **pad),
            )
            self.project = nn.Conv2d(4, 6, 1, 2, bias=False)
            self.narrow, self.widen = (
                nn.Conv2d(6, 5, 3, **pad),
                nn.Conv2d(5, 6, 3, **pad),
            )
            self.dense = nn.Linear(6, 10)

        def forward(self, X):
            X = torch.relu(self.stem(X))
            X = torch.relu(self.after(torch.relu(self.halve(X))) + self.project(X))
            X = self.widen(torch.relu(self.narrow(X))) + X
            return self.dense(X.mean(dim=(2, 3)))

    return Net()


@build_residual.mistake(
    "The net ends in a softmax. Return raw logits: the loss applies the softmax itself.",
)
def _():
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            pad = {"padding": 1, "bias": False}
            self.stem = nn.Conv2d(1, 4, 3, **pad)
            self.halve, self.after = (
                nn.Conv2d(4, 8, 3, 2, **pad),
                nn.Conv2d(8, 6, 3, 1, **pad),
            )
            self.project = nn.Conv2d(4, 6, 1, 2, bias=False)
            self.narrow, self.widen = (
                nn.Conv2d(6, 5, 3, **pad),
                nn.Conv2d(5, 6, 3, **pad),
            )
            self.dense = nn.Linear(6, 10)

        def forward(self, X):
            X = torch.relu(self.stem(X))
            X = torch.relu(self.after(torch.relu(self.halve(X))) + self.project(X))
            X = torch.relu(self.widen(torch.relu(self.narrow(X))) + X)
            return torch.softmax(self.dense(X.mean(dim=(2, 3))), dim=1)

    return Net()


@build_residual.mistake(
    "There is a ReLU after the dense layer. Logits may be negative: nothing comes behind them.",
)
def _():
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            pad = {"padding": 1, "bias": False}
            self.stem = nn.Conv2d(1, 4, 3, **pad)
            self.halve, self.after = (
                nn.Conv2d(4, 8, 3, 2, **pad),
                nn.Conv2d(8, 6, 3, 1, **pad),
            )
            self.project = nn.Conv2d(4, 6, 1, 2, bias=False)
            self.narrow, self.widen = (
                nn.Conv2d(6, 5, 3, **pad),
                nn.Conv2d(5, 6, 3, **pad),
            )
            self.dense = nn.Linear(6, 10)

        def forward(self, X):
            X = torch.relu(self.stem(X))
            X = torch.relu(self.after(torch.relu(self.halve(X))) + self.project(X))
            X = torch.relu(self.widen(torch.relu(self.narrow(X))) + X)
            return torch.relu(self.dense(X.mean(dim=(2, 3))))

    return Net()


@build_residual.mistake(
    "The stride of block A's body is in its second convolution. It belongs to the first.",
)
def _():
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            pad = {"padding": 1, "bias": False}
            self.stem = nn.Conv2d(1, 4, 3, **pad)
            self.halve, self.after = (
                nn.Conv2d(4, 8, 3, 1, **pad),
                nn.Conv2d(8, 6, 3, 2, **pad),
            )
            self.project = nn.Conv2d(4, 6, 1, 2, bias=False)
            self.narrow, self.widen = (
                nn.Conv2d(6, 5, 3, **pad),
                nn.Conv2d(5, 6, 3, **pad),
            )
            self.dense = nn.Linear(6, 10)

        def forward(self, X):
            X = torch.relu(self.stem(X))
            X = torch.relu(self.after(torch.relu(self.halve(X))) + self.project(X))
            X = torch.relu(self.widen(torch.relu(self.narrow(X))) + X)
            return self.dense(X.mean(dim=(2, 3)))

    return Net()


@build_residual.alternative(framework="torch")
def _():
    from torch import nn
    from torch.nn import functional as F

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.dense = nn.Linear(6, 10)
            self.project = nn.Conv2d(4, 6, 1, stride=2, bias=False)
            self.stem = nn.Conv2d(1, 4, 3, padding=1, bias=False)
            self.first = nn.Conv2d(4, 8, 3, stride=2, padding=1, bias=False)
            self.second = nn.Conv2d(8, 6, 3, padding=1, bias=False)
            self.third = nn.Conv2d(6, 5, 3, padding=1, bias=False)
            self.fourth = nn.Conv2d(5, 6, 3, padding=1, bias=False)

        def forward(self, X):
            X = F.relu(self.stem(X))
            X = F.relu(self.second(F.relu(self.first(X))) + self.project(X))
            X = F.relu(self.fourth(F.relu(self.third(X))) + X)
            return self.dense(X.flatten(2).mean(dim=-1))

    return Net()


@build_residual.alternative(framework="mxnet")
def _():
    from dlkit.mx import gluon

    def conv(outputs, stride=1):
        return gluon.nn.Conv2D(outputs, 3, stride, padding=1, use_bias=False)

    class Block(gluon.HybridBlock):
        def __init__(self, middle, outputs, stride, project):
            super().__init__()
            self.body = gluon.nn.HybridSequential()
            self.body.add(
                conv(middle, stride), gluon.nn.Activation("relu"), conv(outputs)
            )
            self.project = (
                gluon.nn.Conv2D(outputs, 1, stride, use_bias=False) if project else None
            )

        def hybrid_forward(self, F, X):
            return F.relu(self.body(X) + (self.project(X) if self.project else X))

    net = gluon.nn.HybridSequential()
    net.add(
        conv(4),
        gluon.nn.Activation("relu"),
        Block(8, 6, 2, True),
        Block(5, 6, 1, False),
    )
    net.add(gluon.nn.GlobalAvgPool2D(), gluon.nn.Dense(10))
    return net


# 7. A thin net that learns ------------------------------------------------------------------------

JUDGED = ByAccuracy("digits", needed=0.9, guessing=0.2, most_parameters=8_000)


@question(
    points=3,
    framework="torch",
    frameworks=NETWORKS,
    driver="fit_predict",
    forbids=ready_made.DATA,
    forbids_in_words=ready_made.DATA_IN_WORDS,
    seconds=120,
    hints=[
        "Take the tower of the lesson: a convolution to 12 maps, blocks of two convolutions "
        "with a shortcut, the mean of every map, a dense layer. Two blocks fit.",
        "Normalise after every convolution. SGD with momentum 0.9 and lr 0.1, or Adam with "
        "0.01, falling towards the end, learns this in about ten epochs.",
        "If it falls short: train for longer, shuffle in every epoch, and let one block halve "
        "the image so that a position sees more of the digit.",
    ],
    explanation="""
        The mean over all positions replaces a dense layer on the flattened maps: it spends no
        parameters, and does not mind where a digit lies. Nearly all 8,000 parameters can go into
        kernels, and the shortcuts let you stack as many thin layers of them as you like.
    """,
)
def train(train_images, train_labels):
    """A net of at most 8,000 trainable parameters, trained to tell digits apart, right on at least
    90 % of 500 images that it has not seen.

    train_images: (1200, 1, 12, 12) float32 in [0, 1]; train_labels: (1200,) int64 in 0, ..., 9
    Returns the net: (N, 1, 12, 12) -> (N, 10) logits.
    """
    import torch
    from torch import nn

    torch.manual_seed(0)
    num_epochs, batch_size = 12, 40

    class Block(nn.Module):
        def __init__(self, channels):
            super().__init__()
            convs = [
                nn.Conv2d(channels, channels, 3, padding=1, bias=False)
                for _ in range(2)
            ]
            self.body = nn.Sequential(
                convs[0],
                nn.BatchNorm2d(channels),
                nn.ReLU(),
                convs[1],
                nn.BatchNorm2d(channels),
            )

        def forward(self, X):
            return torch.relu(X + self.body(X))

    stem = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU()
    )
    net = nn.Sequential(
        stem,
        Block(12),
        nn.MaxPool2d(2),
        Block(12),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 10),
    )
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
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
    """Real digits, divided anew by every seed, 8 x 8 pixels on a 12 x 12 canvas: moved by up to
    2 pixels from the centre, with noise; all turned alike, and numbered anew.
    """
    from dlkit.data import digits

    data = digits()
    images = np.concatenate([data.train_images, data.val_images, data.test_images])
    labels = np.concatenate([data.train_labels, data.val_labels, data.test_labels])
    chosen = rng.permutation(len(images))[:1700]
    canvas = np.zeros((1700, 1, 12, 12), np.float32)
    for place, image, (row, column) in zip(
        canvas, images[chosen], rng.integers(0, 5, (1700, 2)), strict=True
    ):
        place[:, row : row + 8, column : column + 8] = image
    canvas = (canvas + rng.normal(0, 0.1, canvas.shape)).clip(0, 1).astype(np.float32)
    canvas, labels = disguised(rng, canvas, labels[chosen])
    return Inputs((canvas[:1200], labels[:1200], canvas[1200:]), secret=labels[1200:])


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
    return nn.Sequential(
        nn.Conv2d(1, 8, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 10),
    )


@train.mistake(
    "The net has learnt, but too little. Train for more epochs or with a larger lr; a net "
    "without convolutions hardly gets there.",
    recognise=JUDGED.learnt_too_little,
)
def _(train_images, train_labels):
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(200, 10)
    )
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    for _ in range(5):
        for rows in torch.randperm(len(train_images)).split(50):
            optimizer.zero_grad()
            loss(net(train_images[rows]), train_labels[rows]).backward()
            optimizer.step()
    return net


@train.mistake(
    "The net has more than 8,000 parameters. Use fewer channels: the "
    "parameters of a convolution grow with their square.",
    recognise=JUDGED.is_too_large,
)
def _(train_images, train_labels):
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
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
    num_epochs, batch_size = 12, 40

    def layers(channels, last):
        net = gluon.nn.HybridSequential()
        net.add(
            gluon.nn.Conv2D(channels, 3, padding=1, use_bias=False),
            gluon.nn.BatchNorm(),
        )
        if not last:
            net.add(gluon.nn.Activation("relu"))
        return net

    class Block(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.first, self.second = layers(12, False), layers(12, True)

        def hybrid_forward(self, F, X):
            return F.relu(X + self.second(self.first(X)))

    net = gluon.nn.HybridSequential()
    net.add(
        layers(12, False),
        Block(),
        gluon.nn.MaxPool2D(2),
        Block(),
        gluon.nn.GlobalAvgPool2D(),
        gluon.nn.Dense(10),
    )
    net.initialize(init.Xavier())
    softmax_loss = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.02})
    for epoch in range(num_epochs):
        trainer.set_learning_rate(0.02 * (1 - epoch / num_epochs))
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
    """Channels kept and appended, as in a dense block."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    num_epochs, batch_size = 15, 40

    class Keep(nn.Module):
        def __init__(self, inputs):
            super().__init__()
            self.body = nn.Sequential(
                nn.BatchNorm2d(inputs),
                nn.ReLU(),
                nn.Conv2d(inputs, 8, 3, padding=1, bias=False),
            )

        def forward(self, X):
            return torch.cat([X, self.body(X)], dim=1)

    stem = nn.Conv2d(1, 8, 3, padding=1)
    layers = [
        stem,
        Keep(8),
        Keep(16),
        nn.MaxPool2d(2),
        Keep(24),
        Keep(32),
        nn.BatchNorm2d(40),
        nn.ReLU(),
    ]
    net = nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(40, 10)
    )
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_epochs)
    for _ in range(num_epochs):
        for rows in torch.randperm(len(train_images)).split(batch_size):
            optimizer.zero_grad()
            loss(net(train_images[rows]), train_labels[rows]).backward()
            optimizer.step()
        schedule.step()
    return net
