"""Adapters: the module, what it costs, what has changed in a frozen net, its gradients, training
the head alone, folding, and a task that needs one.
"""

import numpy as np

from autograder import Inputs, Measurement, question
from solutions.examples import example, floats
from solutions.inputs import gaussian

NETWORKS = ("torch", "mxnet")


# 1. The adapter -----------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "After the loop `Y` should be X, the bias, and what every hidden unit adds. `hidden` is "
        "one map, (N, 1, H, W); which numbers of `up` say what it adds to each channel?",
        "Unit j adds `hidden * up[c, j]` to channel c. The numbers for all channels are column "
        "j, `up[:, j]`, of shape (C,).",
        "To multiply (N, 1, H, W) by one number a channel, give these the shape "
        "(1, C, 1, 1): `.reshape((1, -1, 1, 1))`.",
    ],
    explanation="""
        A 1x1 convolution down, a ReLU, a 1x1 convolution up, and the input added. Nothing looks at
        neighbours: seeing is left to the backbone. With `up` and its bias at zero the adapter is
        the identity, and the adapted net starts as the backbone.
    """,
)
def adapter(X, down, down_bias, up, up_bias):
    """X plus what a bottleneck of r hidden maps adds: a 1x1 convolution down, ReLU, a 1x1
    convolution up.

    X: (N, C, H, W) float32; down: (r, C); down_bias: (r,); up: (C, r); up_bias: (C,), all float32
    ->  (N, C, H, W)
    """
    Y = X + up_bias.reshape((1, -1, 1, 1))
    for j in range(len(down)):
        hidden = (X * down[j].reshape((1, -1, 1, 1))).sum(
            axis=1, keepdims=True
        ) + down_bias[j]  # (N, 1, H, W)
        hidden = hidden * (hidden > 0)
        Y = Y + hidden * up[:, j].reshape((1, -1, 1, 1))
    return Y


@adapter.probe(weight=1)
def one_hidden_map(rng):
    return _adapter_inputs(rng, (2, 3, 2, 4), 1)


@adapter.probe(weight=3, repeat=3)
def random_adapters(rng):
    channels, height, width = rng.permutation([4, 5, 6])
    return _adapter_inputs(
        rng, (3, int(channels), int(height), int(width)), int(rng.integers(2, 4))
    )


@adapter.probe(weight=1)
def wider_than_its_input(rng):
    return _adapter_inputs(rng, (2, 3, 5, 4), 7)


@adapter.probe(weight=1)
def a_new_adapter(rng):
    """`up` and its bias are zero: the output is X."""
    X, down, down_bias, up, up_bias = _adapter_inputs(rng, (2, 5, 3, 4), 3)
    return X, down, down_bias, 0 * up, 0 * up_bias


def _adapter_inputs(rng, shape, r):
    c = shape[1]
    return (
        gaussian(rng, *shape),
        gaussian(rng, r, c),
        gaussian(rng, r),
        gaussian(rng, c, r),
        gaussian(rng, c),
    )


@adapter.probe(weight=1)
def as_many_hidden_maps_as_channels(rng):
    """Then rows of `up` are as long as its columns."""
    return _adapter_inputs(rng, (2, 4, 3, 2), 4)


for _pixel in ((1, 2), (1, -4)):
    example(
        adapter,
        floats([[[number]] for number in _pixel]),
        floats([3, 1]),
        floats(0),
        floats([10], [-1]),
        floats(0, 0),
    )


@adapter.mistake(
    "Row j of `up` is taken. Hidden map j is spread by *column* j, `up[:, j]`: `up[c, j]` says "
    "what it adds to channel c."
)
def _(X, down, down_bias, up, up_bias):
    Y = X + up_bias.reshape((1, -1, 1, 1))
    for j in range(len(down)):
        hidden = (X * down[j].reshape((1, -1, 1, 1))).sum(
            axis=1, keepdims=True
        ) + down_bias[j]
        Y = Y + np.maximum(hidden, 0) * up[j].reshape((1, -1, 1, 1))
    return Y


@adapter.mistake(
    "`Y` holds only what the last hidden map adds. Add each contribution to what is there."
)
def _(X, down, down_bias, up, up_bias):
    hidden = np.maximum(
        (X * down[-1][:, None, None]).sum(axis=1, keepdims=True) + down_bias[-1], 0
    )
    return hidden * up[:, -1][:, None, None]


@adapter.mistake(
    "X is missing in the sum. An adapter adds to its input; a new "
    "one, with `up` at zero, must pass it on."
)
def _(X, down, down_bias, up, up_bias):
    hidden = np.maximum(
        np.einsum("rc,nchw->nrhw", down, X) + down_bias[:, None, None], 0
    )
    return np.einsum("cr,nrhw->nchw", up, hidden) + up_bias[:, None, None]


@adapter.mistake(
    "X is added once for every hidden map. It is in `Y` before the loop already."
)
def _(X, down, down_bias, up, up_bias):
    hidden = np.maximum(
        np.einsum("rc,nchw->nrhw", down, X) + down_bias[:, None, None], 0
    )
    return (
        X * (1 + len(down))
        + np.einsum("cr,nrhw->nchw", up, hidden)
        + up_bias[:, None, None]
    )


@adapter.mistake(
    "The ReLU between the two projections is missing: without it both together are one linear map."
)
def _(X, down, down_bias, up, up_bias):
    hidden = np.einsum("rc,nchw->nrhw", down, X) + down_bias[:, None, None]
    return X + np.einsum("cr,nrhw->nchw", up, hidden) + up_bias[:, None, None]


@adapter.mistake(
    "A ReLU is put on the output. Only the hidden maps go through "
    "it; what is added may be negative."
)
def _(X, down, down_bias, up, up_bias):
    hidden = np.maximum(
        np.einsum("rc,nchw->nrhw", down, X) + down_bias[:, None, None], 0
    )
    return np.maximum(
        X + np.einsum("cr,nrhw->nchw", up, hidden) + up_bias[:, None, None], 0
    )


@adapter.mistake(
    "Every channel is given the same numbers of `up`. Channel c has its own row, `up[c]`."
)
def _(X, down, down_bias, up, up_bias):
    hidden = np.maximum(
        np.einsum("rc,nchw->nrhw", down, X) + down_bias[:, None, None], 0
    )
    return X + np.einsum("r,nrhw->nhw", up[0], hidden)[:, None] + up_bias[:, None, None]


@adapter.mistake(
    "What a map contributes is not added to Y: each map begins again with X, and only the "
    "last counts."
)
def _(X, down, down_bias, up, up_bias):
    Y = X + up_bias.reshape((1, -1, 1, 1))
    for j in range(len(down)):
        summed = (X * down[j].reshape((1, -1, 1, 1))).sum(axis=1, keepdims=True)
        hidden = np.maximum(summed + down_bias[j], 0)
        Y = X + hidden * up[:, j].reshape((1, -1, 1, 1))
    return Y


@adapter.mistake(
    "The hidden maps are added as they are. Channel c gets map j multiplied by up[c, j]."
)
def _(X, down, down_bias, up, up_bias):
    Y = X + up_bias.reshape((1, -1, 1, 1))
    for j in range(len(down)):
        summed = (X * down[j].reshape((1, -1, 1, 1))).sum(axis=1, keepdims=True)
        Y = Y + np.maximum(summed + down_bias[j], 0)
    return Y


@adapter.mistake(
    "The sign is turned: what the hidden maps contribute is added, not subtracted."
)
def _(X, down, down_bias, up, up_bias):
    Y = X + up_bias.reshape((1, -1, 1, 1))
    for j in range(len(down)):
        summed = (X * down[j].reshape((1, -1, 1, 1))).sum(axis=1, keepdims=True)
        Y = Y - np.maximum(summed + down_bias[j], 0) * up[:, j].reshape((1, -1, 1, 1))
    return Y


@adapter.mistake(
    "The bias of `up` is added once for each hidden map. It is in Y already."
)
def _(X, down, down_bias, up, up_bias):
    Y = X + up_bias.reshape((1, -1, 1, 1))
    for j in range(len(down)):
        summed = (X * down[j].reshape((1, -1, 1, 1))).sum(axis=1, keepdims=True)
        hidden = np.maximum(summed + down_bias[j], 0)
        Y = Y + (
            hidden * up[:, j].reshape((1, -1, 1, 1)) + up_bias.reshape((1, -1, 1, 1))
        )
    return Y


@adapter.mistake(
    "The hidden map is multiplied by `down`, by which it was made. On the way back it is "
    "`up`: up[c, j]."
)
def _(X, down, down_bias, up, up_bias):
    Y = X + up_bias.reshape((1, -1, 1, 1))
    for j in range(len(down)):
        summed = (X * down[j].reshape((1, -1, 1, 1))).sum(axis=1, keepdims=True)
        hidden = np.maximum(summed + down_bias[j], 0)
        Y = Y + hidden * down[j].reshape((1, -1, 1, 1))
    return Y


@adapter.mistake(
    "Every hidden map is multiplied by the first column of `up`. Map j has column j, `up[:, j]`."
)
def _(X, down, down_bias, up, up_bias):
    Y = X + up_bias.reshape((1, -1, 1, 1))
    for j in range(len(down)):
        summed = (X * down[j].reshape((1, -1, 1, 1))).sum(axis=1, keepdims=True)
        Y = Y + np.maximum(summed + down_bias[j], 0) * up[:, 0].reshape((1, -1, 1, 1))
    return Y


@adapter.mistake(
    "A second ReLU goes over what is added. The only ReLU is over the hidden maps."
)
def _(X, down, down_bias, up, up_bias):
    Y = X + up_bias.reshape((1, -1, 1, 1))
    for j in range(len(down)):
        summed = (X * down[j].reshape((1, -1, 1, 1))).sum(axis=1, keepdims=True)
        hidden = np.maximum(summed + down_bias[j], 0)
        Y = Y + np.maximum(hidden * up[:, j].reshape((1, -1, 1, 1)), 0)
    return Y


@adapter.mistake(
    "The numbers of `up` are taken in the order of another shape. Map j has column j: `up[:, j]`."
)
def _(X, down, down_bias, up, up_bias):
    Y = X + up_bias.reshape((1, -1, 1, 1))
    for j in range(len(down)):
        summed = (X * down[j].reshape((1, -1, 1, 1))).sum(axis=1, keepdims=True)
        hidden = np.maximum(summed + down_bias[j], 0)
        Y = Y + hidden * up.reshape(len(down), -1)[j].reshape((1, -1, 1, 1))
    return Y


@adapter.alternative(framework="torch")
def _(X, down, down_bias, up, up_bias):
    from torch.nn.functional import conv2d

    hidden = conv2d(X, down[:, :, None, None], down_bias).relu()
    return X + conv2d(hidden, up[:, :, None, None], up_bias)


@adapter.alternative(framework="mxnet")
def _(X, down, down_bias, up, up_bias):
    from dlkit.mx import nd

    r, c = down.shape
    hidden = nd.relu(
        nd.Convolution(
            X, down.reshape((r, c, 1, 1)), down_bias, kernel=(1, 1), num_filter=r
        )
    )
    return X + nd.Convolution(
        hidden, up.reshape((c, r, 1, 1)), up_bias, kernel=(1, 1), num_filter=c
    )


@adapter.alternative()
def _(X, down, down_bias, up, up_bias):
    pixels = X.transpose(0, 2, 3, 1)  # (N, H, W, C)
    hidden = np.maximum(pixels @ down.T + down_bias, 0)
    return (pixels + hidden @ up.T + up_bias).transpose(0, 3, 1, 2)


for _given in (
    "Y = X + up_bias.reshape((1, -2, 1, 1))",
    "down[j].reshape((1, -2, 1, 1))",
    "up[:, j].reshape((1, -2, 1, 1))",
):
    adapter.equivalent(_given, why="NumPy works out the size at any negative number.")
adapter.equivalent(
    "len(down) -> len(down_bias)", why="Every row of `down` has one bias."
)
adapter.equivalent(
    "hidden > 0 -> hidden >= 0",
    why="Where they differ, `hidden` is 0, times 1 or times 0.",
)
adapter.equivalent(
    "np.maximum(0, pixels @ down.T + down_bias)",
    why="The larger of two numbers, whichever is named first.",
)


# 2. What adapters cost ----------------------------------------------------------------------------


@question(
    points=2,
    rtol=1e-5,
    atol=0.0,  # counts in the thousands beside a part below 1
    hints=[
        "Go place by place. With c channels there, how many numbers are in "
        "down, in its bias, in up, and in its bias?",
        "A place with c channels has width · c + width + c · width + c parameters. The head has "
        "a weight for each feature and class, and a bias for each class.",
    ],
    explanation="""
        2 · c · width for the two projections, width and c for their biases. Without the bottleneck,
        a 1x1 convolution has c² weights, a ninth of a 3x3's; with it, the cost grows in proportion
        to c, so that the widest places gain most.
    """,
)
def adapter_cost(channels, width, num_classes, backbone):
    """What is trained when a bottleneck adapter stands at each place of a frozen backbone, and a
    dense layer behind it, the head.

    channels: a list, the number of channels at each place; the head sees as many features as the
    last place has channels.
    width: hidden maps of every adapter; backbone: its number of parameters. All layers have biases.
    Returns (parameters of all adapters, parameters of the head, parameters of the adapters divided
    by the backbone's).
    """
    adapters = sum(2 * c * width + width + c for c in channels)
    head = (channels[-1] + 1) * num_classes
    return adapters, head, adapters / backbone


@adapter_cost.probe(weight=1)
def the_backbone_of_the_course(rng):
    return [24, 24, 48, 48, 96, 96], 8, 10, 391_704


@adapter_cost.probe(weight=3, repeat=4)
def random_backbones(rng):
    width, num_classes = (int(n) for n in rng.permutation(np.arange(2, 20))[:2])
    channels = rng.integers(20, 99, int(rng.integers(2, 7)))
    return channels.tolist(), width, num_classes, int(rng.integers(100_000, 900_000))


@adapter_cost.probe(weight=1)
def one_place(rng):
    return [int(rng.integers(20, 40))], int(rng.integers(3, 9)), 11, 50_000


@adapter_cost.probe(weight=0.5)
def the_smallest_of_all(rng):
    return [1, 1], 1, 1, int(rng.integers(2, 9))


example(adapter_cost, [5, 10], 3, 4, 1000, weight=0.5)


@adapter_cost.mistake(
    "The biases of the adapters are left out: `width` of the projection "
    "down and c of the one up, at each place."
)
def _(channels, width, num_classes, backbone):
    adapters = sum(2 * c * width for c in channels)
    return adapters, (channels[-1] + 1) * num_classes, adapters / backbone


@adapter_cost.mistake(
    "The biases of the projections up are left out: one for each of the c channels."
)
def _(channels, width, num_classes, backbone):
    adapters = sum(2 * c * width + width for c in channels)
    return adapters, (channels[-1] + 1) * num_classes, adapters / backbone


@adapter_cost.mistake(
    "Only one of the two projections is counted. There is one down and one up."
)
def _(channels, width, num_classes, backbone):
    adapters = sum(c * width + width + c for c in channels)
    return adapters, (channels[-1] + 1) * num_classes, adapters / backbone


@adapter_cost.mistake("The head has a bias for each class as well.")
def _(channels, width, num_classes, backbone):
    adapters = sum(2 * c * width + width + c for c in channels)
    return adapters, channels[-1] * num_classes, adapters / backbone


@adapter_cost.mistake(
    "The part counts the head too. It is asked for the adapters alone."
)
def _(channels, width, num_classes, backbone):
    adapters, head = (
        sum(2 * c * width + width + c for c in channels),
        (channels[-1] + 1) * num_classes,
    )
    return adapters, head, (adapters + head) / backbone


@adapter_cost.mistake(
    "The adapters are divided by all parameters of the adapted net. Divide by the backbone's."
)
def _(channels, width, num_classes, backbone):
    adapters, head = (
        sum(2 * c * width + width + c for c in channels),
        (channels[-1] + 1) * num_classes,
    )
    return adapters, head, adapters / (adapters + backbone)


@adapter_cost.mistake(
    "All biases are left out. Each layer has them: down, up and head."
)
def _(channels, width, num_classes, backbone):
    adapters = sum(2 * c * width for c in channels)
    return adapters, channels[-1] * num_classes, adapters / backbone


@adapter_cost.mistake(
    "The biases of the projections down are left out: `width` numbers at each place."
)
def _(channels, width, num_classes, backbone):
    adapters = sum(2 * c * width + c for c in channels)
    return adapters, (channels[-1] + 1) * num_classes, adapters / backbone


@adapter_cost.mistake(
    "The head is computed with the channels of the first place. It stands behind the last."
)
def _(channels, width, num_classes, backbone):
    adapters = sum(2 * c * width + width + c for c in channels)
    return adapters, (channels[0] + 1) * num_classes, adapters / backbone


@adapter_cost.mistake(
    "The head is computed with the channels of all places. It sees those of the last place alone."
)
def _(channels, width, num_classes, backbone):
    adapters = sum(2 * c * width + width + c for c in channels)
    return adapters, (sum(channels) + 1) * num_classes, adapters / backbone


@adapter_cost.mistake(
    "The head is computed with `width`. It sees as many features as the last place has channels."
)
def _(channels, width, num_classes, backbone):
    adapters = sum(2 * c * width + width + c for c in channels)
    return adapters, (width + 1) * num_classes, adapters / backbone


@adapter_cost.mistake(
    "The third number is a percentage. It is asked for as a share, the quotient itself."
)
def _(channels, width, num_classes, backbone):
    adapters = sum(2 * c * width + width + c for c in channels)
    return adapters, (channels[-1] + 1) * num_classes, 100 * adapters / backbone


@adapter_cost.mistake(
    "The quotient is upside down: the adapters are divided by the backbone."
)
def _(channels, width, num_classes, backbone):
    adapters = sum(2 * c * width + width + c for c in channels)
    return adapters, (channels[-1] + 1) * num_classes, backbone / adapters


@adapter_cost.mistake(
    "The quotient is rounded down to a whole number: `//` in place of `/`."
)
def _(channels, width, num_classes, backbone):
    adapters = sum(2 * c * width + width + c for c in channels)
    return adapters, (channels[-1] + 1) * num_classes, adapters // backbone


@adapter_cost.mistake(
    "Places with as many channels as another are counted once. Each has an adapter of its own."
)
def _(channels, width, num_classes, backbone):
    adapters = sum(2 * c * width + width + c for c in set(channels))
    return adapters, (channels[-1] + 1) * num_classes, adapters / backbone


@adapter_cost.mistake(
    "The head is computed with the most channels of all places. It stands behind the last."
)
def _(channels, width, num_classes, backbone):
    adapters = sum(2 * c * width + width + c for c in channels)
    return adapters, (max(channels) + 1) * num_classes, adapters / backbone


@adapter_cost.alternative(framework="torch")
def _(channels, width, num_classes, backbone):
    from torch import nn

    layers = [
        layer
        for c in channels
        for layer in (nn.Conv2d(c, width, 1), nn.Conv2d(width, c, 1))
    ]
    adapters = sum(p.numel() for layer in layers for p in layer.parameters())
    head = sum(p.numel() for p in nn.Linear(channels[-1], num_classes).parameters())
    return adapters, head, adapters / backbone


@adapter_cost.alternative(framework="mxnet")
def _(channels, width, num_classes, backbone):
    adapters = 0
    for c in channels:
        adapters += (c + 1) * width
        adapters += (width + 1) * c
    return adapters, channels[-1] * num_classes + num_classes, adapters / backbone


@adapter_cost.alternative()
def _(channels, width, num_classes, backbone):
    adapters = (2 * width + 1) * sum(channels) + width * len(channels)
    return adapters, num_classes * (1 + channels[-1]), adapters / backbone


adapter_cost.equivalent(
    "(nn.Conv2d(width, c, 1), nn.Conv2d(c, width, 1))",
    why="The order in which they are counted does not matter.",
)


# 3. What has changed ------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "Go through the names; look up each array in both dictionaries by its "
        "name, since they may come in another order.",
        "`torch.equal(a, b)` and `np.array_equal(a, b)` compare exactly. In Gluon: `(a != "
        "b).sum().asscalar() > 0`, or NumPy's on `a.asnumpy()`.",
        "Collect the names whose arrays are not equal, and return them `sorted`.",
    ],
    explanation="""
        `net.state_dict()` before and after is such a pair of dictionaries (Gluon: the `data()` of
        `collect_params()`), buffers included: what no optimiser knows is there, too. Nothing that
        is frozen has a reason to move, so no tolerance is needed, and a tolerance is where a slow
        drift hides.
    """,
)
def changed(before, after):
    """Names, sorted, of the arrays that are not equal bit for bit.

    before, after: dicts name -> array, float32 or int64, the same names with the same shapes.
    Returns a list of strings, empty if nothing has changed.
    """
    return sorted(
        name for name in before if not np.array_equal(before[name], after[name])
    )


@changed.probe(weight=2, repeat=2)
def one_bit(rng):
    """One number is the next one that float32 has."""
    before, after = _states(rng)
    for name in _some(rng, _of_floats(before)):
        _moved(rng, after[name])
    return before, after


@changed.probe(weight=0.25, repeat=2)
def one_bit_of_a_small_number(rng):
    """So small a change that no tolerance, in proportion or not, of a number or of a mean, sees it;
    beside one that everybody sees.
    """
    before, after = _states(rng)
    small, plain = _some(rng, _of_floats(before))
    before[small].flat[0] = np.float32(2.0**-40)
    after[small].flat[0] = np.nextafter(before[small].flat[0], np.float32(1))
    after[plain] += np.float32(0.25)
    return before, after


@changed.probe(weight=2, repeat=2)
def statistics_alone(rng):
    """One number of each."""
    before, after = _states(rng)
    for name in _some(rng, [name for name in before if "running" in name]):
        after[name][0] += np.float32(0.25)
    return before, after


@changed.probe(weight=1)
def numbers_that_change_places(rng):
    before, after = _states(rng)
    first, second = _some(rng, [name for name in before if before[name].ndim > 1])
    after[first][...] = after[first][::-1]
    after[second][...] = after[second][..., ::-1]
    return before, after


@changed.probe(weight=1, repeat=2)
def counters(rng):
    """So large that float32 has not all of the whole numbers there. Beside them two arrays have
    changed that everybody sees.
    """
    before, after = _states(rng)
    for name in _some(rng, [name for name in before if before[name].dtype == np.int64]):
        after[name] += 1
    for name in _some(rng, _of_floats(before)):
        after[name] += np.float32(0.25)
    return before, after


@changed.probe(weight=1)
def everything(rng):
    before, after = _states(rng)
    for name in after:
        # As much as any float shows: who sees floats alone is told from who compares in floats.
        after[name] += after[name].dtype.type(4096)
    return before, after


@changed.probe(weight=1)
def nothing(rng):
    return _states(rng)


def _states(rng):
    """What two normalised convolutions hold, twice, with the names in another order the second
    time. All floats are eighths: their sums are exact.
    """
    before = {}
    for layer in ("stem", "block 1", "block 2"):
        c, *shape = (int(size) for size in rng.permutation([2, 3, 4, 5]))
        for part, size in {
            "conv.weight": (c, *shape),
            "norm.weight": (c,),
            "norm.bias": (c,),
            "norm.running_mean": (c,),
        }.items():
            before[f"{layer}.{part}"] = (
                rng.permutation(np.arange(1, 1 + np.prod(size))).reshape(size) / 8
            ).astype(np.float32)
        before[f"{layer}.norm.running_var"] = (
            rng.integers(1, 40, c).astype(np.float32) / 8
        )
        before[f"{layer}.norm.num_batches"] = rng.integers(10**8, 10**9, 1)
    return before, {
        name: before[name].copy() for name in rng.permutation(list(before)).tolist()
    }


def _of_floats(state):
    return [name for name in state if state[name].dtype == np.float32]


def _some(rng, names):
    return rng.permutation(names)[:2].tolist()


def _moved(rng, array):
    """Changed in place: one number becomes the next one, not the first nor the last of many."""
    inner = max(array.size - 2, 1)
    place = np.unravel_index(
        min(1, array.size - 1) + int(rng.integers(inner)), array.shape
    )
    array[place] = np.nextafter(array[place], np.float32(np.inf))


@changed.probe(weight=0.25)
def in_the_midst_of_a_large_array(rng):
    """Where NumPy prints three dots."""
    before, after = _states(rng)
    before["head.weight"] = rng.integers(1, 9, (36, 40)).astype(np.float32) / 8
    after["head.weight"] = before["head.weight"].copy()
    after["head.weight"][rng.integers(10, 26), rng.integers(10, 30)] += np.float32(0.5)
    return before, after


@changed.probe(weight=0.25)
def the_last_number(rng):
    """Of each of two arrays, and by little beside the others."""
    before, after = _states(rng)
    for name in _some(rng, _of_floats(before)):
        after[name][(-1,) * after[name].ndim] += np.float32(2.0**-17)
    return before, after


example(
    changed,
    {
        "norm.weight": floats(1, 2),
        "norm.running_mean": floats(0.5, 1),
        "conv.weight": floats([1, 2], [3, 4]),
    },
    {
        "norm.weight": floats(1, 2),
        "norm.running_mean": floats(0.5, 1.0000001),
        "conv.weight": floats([3, 4], [1, 2]),
    },
    weight=0.5,
)


@changed.mistake(
    "Arrays that differ a little are taken for equal. Nothing that is frozen may "
    "move at all: compare without a tolerance."
)
def _(before, after):
    return sorted(name for name in before if not np.allclose(before[name], after[name]))


@changed.mistake(
    "Only weights and biases are looked at. Running statistics and counters are "
    "stored as well, and no gradient guards them."
)
def _(before, after):
    names = [name for name in before if name.endswith(("weight", "bias"))]
    return sorted(
        name for name in names if not np.array_equal(before[name], after[name])
    )


@changed.mistake(
    "Sums are compared. They stay when numbers change places: compare number by number."
)
def _(before, after):
    return sorted(name for name in before if before[name].sum() != after[name].sum())


@changed.mistake(
    "An array is named only where all of its numbers differ. One that differs is enough."
)
def _(before, after):
    return sorted(name for name in before if (before[name] != after[name]).all())


@changed.mistake(
    "The arrays are paired by their places in the dictionaries. Look "
    "each up by its name: the order may differ."
)
def _(before, after):
    pairs = zip(before.items(), after.values(), strict=True)
    return sorted(name for (name, old), new in pairs if not np.array_equal(old, new))


@changed.mistake(
    "These are the names of the arrays that are equal. The others are wanted."
)
def _(before, after):
    return sorted(name for name in before if np.array_equal(before[name], after[name]))


@changed.mistake("The right names, but not sorted.")
def _(before, after):
    return [name for name in before if not np.array_equal(before[name], after[name])]


@changed.mistake(
    "Only the sorted numbers are compared. Numbers that have changed places are a change as well."
)
def _(before, after):
    return sorted(
        name
        for name in before
        if not np.array_equal(
            np.sort(before[name], axis=None), np.sort(after[name], axis=None)
        )
    )


@changed.mistake(
    "Counters become float32 before they are compared, so large ones that differ by one are equal."
)
def _(before, after):
    return sorted(
        name
        for name in before
        if (
            np.asarray(before[name], np.float32) != np.asarray(after[name], np.float32)
        ).any()
    )


@changed.mistake("The names are joined to one string. Return a list of them.")
def _(before, after):
    return ", ".join(
        sorted(name for name in before if (before[name] != after[name]).any())
    )


@changed.mistake(
    "The names lack what stands after their last dot. Return them as they stand in the "
    "dictionaries."
)
def _(before, after):
    return sorted(
        name.rsplit(".", 1)[0] for name in before if (before[name] != after[name]).any()
    )


@changed.mistake("Where nothing has changed the result is None. Return an empty list.")
def _(before, after):
    return (
        sorted(name for name in before if (before[name] != after[name]).any()) or None
    )


@changed.mistake("Only the first row of each array is compared. Compare all of it.")
def _(before, after):
    return sorted(
        name for name in before if (before[name][:1] != after[name][:1]).any()
    )


@changed.mistake("Counters are left out. All that is stored is compared.")
def _(before, after):
    return sorted(
        name
        for name in before
        if before[name].dtype == np.float32 and (before[name] != after[name]).any()
    )


@changed.mistake(
    "Arrays are told apart by the mean of their differences, which may be as small as you like. "
    "Compare number by number, without a tolerance."
)
def _(before, after):
    return sorted(
        name for name in before if np.abs(before[name] - after[name]).mean() > 1e-9
    )


@changed.alternative(framework="torch")
def _(before, after):
    import torch

    return sorted(
        name for name, array in after.items() if not torch.equal(array, before[name])
    )


@changed.alternative(framework="mxnet")
def _(before, after):
    return sorted(
        name for name in before if (before[name] != after[name]).sum().asscalar() > 0
    )


@changed.alternative()
def _(before, after):
    names = []
    for name in sorted(before):
        if before[name].tobytes() != after[name].tobytes():
            names.append(name)
    return names


for _walk in ("name in before -> name in after", "sorted(before) -> sorted(after)"):
    changed.equivalent(
        _walk, why="Both dictionaries have the same names, and the result is sorted."
    )
for _swap in (
    "np.array_equal(after[name], before[name])",
    "torch.equal(before[name], array)",
):
    changed.equivalent(
        _swap, why="Two arrays are equal in whatever order they are named."
    )
for _any in (".mean()", ".max()"):
    changed.equivalent(
        f".sum() -> {_any}",
        why="Where one number differs, their sum, mean and maximum are all above 0.",
    )


# 4. The gradients ---------------------------------------------------------------------------------


@question(
    points=4,
    atol=1e-4,
    hints=[
        "Write the forward pass in steps: Z = X downᵀ, H = relu(Z), Y = X + H upᵀ. Go back "
        "through them one by one, beginning with G at Y.",
        "The gradient at H is G up, (N, r); at Z it is the same where Z > 0 and 0 "
        "elsewhere. The gradient of `up` is Gᵀ H.",
        "The gradient of `down` is (gradient at Z)ᵀ X. X is used twice, so two gradients arrive "
        "there: G by the shortcut, and (gradient at Z) down.",
    ],
    explanation="""
        The gradient of `up` contains H, the one of `down` contains `up`. With `up` = 0 only `up`
        moves in the first step, and `down` from the second on. With both at zero H is zero too, and
        neither ever moves: one of the two must start at random.
    """,
)
def adapter_gradients(X, down, up, G):
    """The gradients of an adapter on vectors, Y = X + relu(X downᵀ) upᵀ, without biases.

    X: (N, C) float32; down: (r, C); up: (C, r); G: (N, C), the gradient of the loss by Y. Returns
    the gradients of the loss by down, by up and by X.
    """
    Z = X @ down.T  # (N, r)
    passes = Z > 0
    at_Z = (G @ up) * passes
    return at_Z.T @ X, G.T @ (Z * passes), G + at_Z @ down


@adapter_gradients.probe(weight=3, repeat=3)
def random_adapters(rng):
    n, c, r = (int(size) for size in rng.permutation([3, 4, 5, 6, 7])[:3])
    return (
        gaussian(rng, n, c),
        gaussian(rng, r, c),
        gaussian(rng, c, r),
        gaussian(rng, n, c),
    )


@adapter_gradients.probe(weight=1)
def a_new_adapter(rng):
    """`up` is zero: only `up` has a gradient."""
    return (
        gaussian(rng, 5, 4),
        gaussian(rng, 3, 4),
        np.zeros((4, 3), np.float32),
        gaussian(rng, 5, 4),
    )


@adapter_gradients.probe(weight=1)
def hidden_numbers_of_exactly_zero(rng):
    """And hardly above it, where the gradient passes. Whole numbers and a power of two, so that
    the zeros are zeros in any order of summation.
    """
    X = floats([1, 2, 0], [0, 0, 0], [2, -1, 3], [-1, 1, 1], [2.0**-20, 0, 0])
    down = floats([2, -1, 1], [1, 1, -1])
    return X, down, gaussian(rng, 3, 2), 1 + gaussian(rng, 5, 3)


example(
    adapter_gradients,
    floats([1, 2]),
    floats([3, 1]),
    floats([10], [-1]),
    floats([1, 1]),
    weight=0.5,
)


@adapter_gradients.mistake(
    "The ReLU is forgotten on the way back: where Z is not positive, no gradient passes."
)
def _(X, down, up, G):
    at_Z = G @ up
    return at_Z.T @ X, G.T @ np.maximum(X @ down.T, 0), G + at_Z @ down


@adapter_gradients.mistake("The gradient by X lacks G, which arrives by the shortcut.")
def _(X, down, up, G):
    Z = X @ down.T
    at_Z = (G @ up) * (Z > 0)
    return at_Z.T @ X, G.T @ np.maximum(Z, 0), at_Z @ down


@adapter_gradients.mistake(
    "The gradient by X is G alone. X also goes through the "
    "projections: add what comes back from there."
)
def _(X, down, up, G):
    Z = X @ down.T
    at_Z = (G @ up) * (Z > 0)
    return at_Z.T @ X, G.T @ np.maximum(Z, 0), G


@adapter_gradients.mistake(
    "The gradients of `down` and `up` are averaged over the batch. G already "
    "says how the loss depends on each row: sum."
)
def _(X, down, up, G):
    Z = X @ down.T
    at_Z = (G @ up) * (Z > 0)
    return at_Z.T @ X / len(X), G.T @ np.maximum(Z, 0) / len(X), G + at_Z @ down


@adapter_gradients.mistake(
    "The gradient of `up` is computed with Z, before the ReLU. What `up` multiplies is relu(Z)."
)
def _(X, down, up, G):
    Z = X @ down.T
    at_Z = (G @ up) * (Z > 0)
    return at_Z.T @ X, G.T @ Z, G + at_Z @ down


@adapter_gradients.mistake(
    "The first two are in the wrong order: `down` comes first, then `up`, then X."
)
def _(X, down, up, G):
    Z = X @ down.T
    at_Z = (G @ up) * (Z > 0)
    return G.T @ np.maximum(Z, 0), at_Z.T @ X, G + at_Z @ down


@adapter_gradients.mistake(
    "A gradient passes where Z is exactly 0. It passes only where Z is positive."
)
def _(X, down, up, G):
    Z = X @ down.T
    D = (G @ up) * (Z >= 0)
    return D.T @ X, G.T @ np.maximum(Z, 0), G + D @ down


@adapter_gradients.mistake(
    "The gradient by X forgets the ReLU on its way back: multiply by where Z is positive "
    "there, too."
)
def _(X, down, up, G):
    Z = X @ down.T
    D = (G @ up) * (Z > 0)
    return D.T @ X, G.T @ np.maximum(Z, 0), G + G @ up @ down


@adapter_gradients.mistake("The order is X, down, up. Asked for is down, up, X.")
def _(X, down, up, G):
    Z = X @ down.T
    D = (G @ up) * (Z > 0)
    return G + D @ down, D.T @ X, G.T @ np.maximum(Z, 0)


@adapter_gradients.mistake(
    "The gradients by `down` and `up` are transposed. Each has the shape of what it belongs to."
)
def _(X, down, up, G):
    Z = X @ down.T
    D = (G @ up) * (Z > 0)
    return X.T @ D, np.maximum(Z, 0).T @ G, G + D @ down


@adapter_gradients.mistake(
    "X is added to the gradient by X. What arrives by the shortcut is G."
)
def _(X, down, up, G):
    Z = X @ down.T
    D = (G @ up) * (Z > 0)
    return D.T @ X, G.T @ np.maximum(Z, 0), X + D @ down


@adapter_gradients.mistake(
    "The gradient on the way to `down` does not use G: it comes back as G times `up`."
)
def _(X, down, up, G):
    Z = X @ down.T
    D = (np.ones_like(G) @ up) * (Z > 0)
    return D.T @ X, G.T @ np.maximum(Z, 0), G + D @ down


@adapter_gradients.mistake(
    "Only the first example has a share in the gradients of `down` and `up`. Add up over all "
    "of them."
)
def _(X, down, up, G):
    Z = X @ down.T
    D = (G @ up) * (Z > 0)
    return D[:1].T @ X[:1], G[:1].T @ np.maximum(Z[:1], 0), G + D @ down


@adapter_gradients.mistake(
    "Where Z is not positive a small gradient passes, as in a leaky ReLU. None does."
)
def _(X, down, up, G):
    Z = X @ down.T
    D = (G @ up) * np.where(Z > 0, 1, 0.01)
    return D.T @ X, G.T @ np.maximum(Z, 0), G + D @ down


@adapter_gradients.alternative(framework="torch")
def _(X, down, up, G):
    import torch

    X, down, up = (part.requires_grad_() for part in (X, down, up))
    Y = X + (X @ down.T).relu() @ up.T
    return torch.autograd.grad(Y, (down, up, X), G)


@adapter_gradients.alternative(framework="mxnet")
def _(X, down, up, G):
    from dlkit.mx import nd

    Z = nd.dot(X, down, transpose_b=True)
    at_Z = nd.dot(G, up) * (Z > 0)
    return (
        nd.dot(at_Z, X, transpose_a=True),
        nd.dot(G, nd.relu(Z), transpose_a=True),
        G + nd.dot(at_Z, down),
    )


@adapter_gradients.alternative()
def _(X, down, up, G):
    by_down, by_up, by_X = np.zeros_like(down), np.zeros_like(up), G.copy()
    for n in range(len(X)):
        for j in range(len(down)):
            z = down[j] @ X[n]
            if z > 0:
                by_up[:, j] += z * G[n]
                by_down[j] += up[:, j] @ G[n] * X[n]
                by_X[n] += up[:, j] @ G[n] * down[j]
    return by_down, by_up, by_X


# 5. Only the head ---------------------------------------------------------------------------------


@question(
    points=3,
    framework="torch",
    frameworks=NETWORKS,
    driver="change_network",
    seconds=30,
    atol=1e-4,
    hints=[
        "Two things could move that must not: the parameters of the other layers, and the "
        "running mean and variance of the normalisation.",
        "Give the optimiser (Gluon: the Trainer) the parameters of `net[-1]` only.",
        "PyTorch: `net.eval()` before the first step. Gluon: "
        "`autograd.record(train_mode=False)`, and `backward(train_mode=False)`. Normalisation "
        "then uses the running values and leaves them alone.",
    ],
    explanation="""
        An optimiser that does not know a parameter cannot change it; but the running mean and
        variance are no parameters, and batches change them in training mode. With everything but
        the last layer still, its inputs are always the same: they could be computed once, which is
        what lesson 08 does.
    """,
)
def train_head(net, X, y, lr, num_steps):
    """Train the last layer of a net in place; nothing else of the net may change, running means and
    variances of its normalisation included.

    net: a Sequential, its last layer `net[-1]` is dense; X: (N, C, H, W) float32; y: (N,) int64.
    Takes `num_steps` steps of gradient descent without momentum, with learning rate `lr`, on the
    mean cross-entropy of all of X; normalisation uses its running mean and variance.
    """
    import torch

    net.eval()
    optimizer = torch.optim.SGD(net[-1].parameters(), lr=lr)
    for _ in range(num_steps):
        loss = torch.nn.functional.cross_entropy(net(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@train_head.probe(weight=2, repeat=3)
def with_batch_normalisation(rng):
    maps = int(rng.integers(3, 6))
    layers = [
        ["conv", 2, maps, 3],
        ["batchnorm", maps],
        ["relu"],
        ["avgpool", 2],
        ["flatten"],
        ["dense", maps * 6, 4],
    ]
    norm = [
        rng.uniform(0.5, 1.5, maps).astype(np.float32),
        gaussian(rng, maps, scale=0.3),
    ]
    weights = [
        gaussian(rng, maps, 2, 3, 3, scale=0.4),
        gaussian(rng, maps),
        *norm,
        gaussian(rng, 4, maps * 6, scale=0.3),
        gaussian(rng, 4),
    ]
    return layers, weights, gaussian(rng, 3, 2, 6, 8), *_lesson(rng, 7, (2, 6, 8), 4)


@train_head.probe(weight=1)
def without(rng):
    """And with a dense layer that is no head, and more images than a small batch has."""
    layers = [
        ["conv", 1, 3, 2],
        ["avgpool", 2],
        ["tanh"],
        ["flatten"],
        ["dense", 6, 5],
        ["tanh"],
        ["dense", 5, 3],
    ]
    weights = [
        gaussian(rng, 3, 1, 2, 2),
        gaussian(rng, 3),
        gaussian(rng, 5, 6, scale=0.5),
        gaussian(rng, 5),
        gaussian(rng, 3, 5),
        gaussian(rng, 3),
    ]
    return layers, weights, gaussian(rng, 4, 1, 4, 5), *_lesson(rng, 40, (1, 4, 5), 3)


@train_head.probe(weight=0.5)
def one_image_and_one_step(rng):
    layers = [
        ["conv", 1, 2, 2],
        ["batchnorm", 2],
        ["tanh"],
        ["flatten"],
        ["dense", 12, 3],
    ]
    norm = [rng.uniform(0.5, 1.5, 2).astype(np.float32), gaussian(rng, 2, scale=0.3)]
    weights = [gaussian(rng, 2, 1, 2, 2), gaussian(rng, 2), *norm]
    weights += [gaussian(rng, 3, 12, scale=0.3), gaussian(rng, 3)]
    X, y, lr, _ = _lesson(rng, 1, (1, 3, 4), 3)
    return layers, weights, gaussian(rng, 4, 1, 3, 4), X, y, lr, 1


def _lesson(rng, count, shape, num_classes):
    """Images, labels, a learning rate and a number of steps."""
    # The last class does not occur.
    labels = rng.permutation(np.arange(count) % (num_classes - 1))
    return (
        1.5 * gaussian(rng, count, *shape) + 0.4,
        labels,
        float(rng.uniform(0.1, 0.3)),
        int(rng.integers(3, 6)),
    )


@train_head.mistake(
    "The whole net runs under `autograd.record()`, where normalisation uses the batch and stores "
    "what it sees. Compute the features before you record, or record with `train_mode=False`.",
    framework="mxnet",
)
def _(net, X, y, lr, num_steps):
    from dlkit.mx import autograd, gluon

    trainer = gluon.Trainer(net[-1].collect_params(), "sgd", {"learning_rate": lr})
    for _ in range(num_steps):
        with autograd.record():
            loss = gluon.loss.SoftmaxCrossEntropyLoss()(net(X), y)
        loss.backward()
        trainer.step(len(y))


@train_head.mistake(
    "All layers are trained. Give the Trainer the parameters of the head: "
    "`net[-1].collect_params()`.",
    framework="mxnet",
)
def _(net, X, y, lr, num_steps):
    from dlkit.mx import autograd, gluon

    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": lr})
    for _ in range(num_steps):
        with autograd.record(train_mode=False):
            loss = gluon.loss.SoftmaxCrossEntropyLoss()(net(X), y)
        loss.backward()
        trainer.step(len(y))


@train_head.mistake(
    "All layers are trained, and under `autograd.record()` normalisation uses the batch as well. "
    "Only `net[-1]` may change.",
    framework="mxnet",
)
def _(net, X, y, lr, num_steps):
    from dlkit.mx import autograd, gluon

    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": lr})
    for _ in range(num_steps):
        with autograd.record():
            loss = gluon.loss.SoftmaxCrossEntropyLoss()(net(X), y)
        loss.backward()
        trainer.step(len(y))


@train_head.mistake(
    "The gradient is divided by the number of images twice, so the steps are too short. In "
    "Gluon, after `.mean()` it is `trainer.step(1)`."
)
def _(net, X, y, lr, num_steps):
    import torch

    net.eval()
    optimizer = torch.optim.SGD(net[-1].parameters(), lr=lr)
    for _ in range(num_steps):
        optimizer.zero_grad()
        (torch.nn.functional.cross_entropy(net(X), y) / len(y)).backward()
        optimizer.step()


@train_head.mistake(
    "The last layer alone is trained, but batch normalisation is in training mode: its running "
    "mean and variance move, and with them all outputs."
)
def _(net, X, y, lr, num_steps):
    import torch

    net.train()
    optimizer = torch.optim.SGD(net[-1].parameters(), lr=lr)
    for _ in range(num_steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(X), y).backward()
        optimizer.step()


@train_head.mistake(
    "All layers are trained. The optimiser should get the parameters of `net[-1]` only."
)
def _(net, X, y, lr, num_steps):
    import torch

    net.eval()
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    for _ in range(num_steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(X), y).backward()
        optimizer.step()


@train_head.mistake(
    "All layers are trained, and in training mode. Only `net[-1]` may "
    "change, and the normalisation stays as it is."
)
def _(net, X, y, lr, num_steps):
    import torch

    net.train()
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    for _ in range(num_steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(X), y).backward()
        optimizer.step()


@train_head.mistake(
    "Gradients pile up from step to step. Set them to zero before each `backward`."
)
def _(net, X, y, lr, num_steps):
    import torch

    net.eval()
    optimizer = torch.optim.SGD(net[-1].parameters(), lr=lr)
    for _ in range(num_steps):
        torch.nn.functional.cross_entropy(net(X), y).backward()
        optimizer.step()


@train_head.mistake(
    "The loss is the sum over the images, so the steps are too long. In Gluon, "
    "`trainer.step` gets the number of images."
)
def _(net, X, y, lr, num_steps):
    import torch

    net.eval()
    optimizer = torch.optim.SGD(net[-1].parameters(), lr=lr)
    for _ in range(num_steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(X), y, reduction="sum").backward()
        optimizer.step()


@train_head.mistake("One step is taken. The task asks for `num_steps`.")
def _(net, X, y, lr, num_steps):
    import torch

    net.eval()
    optimizer = torch.optim.SGD(net[-1].parameters(), lr=lr)
    torch.nn.functional.cross_entropy(net(X), y).backward()
    optimizer.step()


@train_head.mistake(
    "The net that you were given is unchanged. Train it, not a copy of it, and let the optimiser "
    "take a step after each `backward`."
)
def _(net, X, y, lr, num_steps):
    return net


@train_head.mistake("One step too few is taken. The task asks for `num_steps`.")
def _(net, X, y, lr, num_steps):
    import torch

    net.eval()
    optimizer = torch.optim.SGD(net[-1].parameters(), lr=lr)
    for _ in range(num_steps - 1):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(X), y).backward()
        optimizer.step()


@train_head.mistake(
    "The optimiser has momentum. The task asks for plain gradient descent."
)
def _(net, X, y, lr, num_steps):
    import torch

    net.eval()
    optimizer = torch.optim.SGD(net[-1].parameters(), lr=lr, momentum=0.9)
    for _ in range(num_steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(X), y).backward()
        optimizer.step()


@train_head.mistake(
    "The bias of the head stays as it was. The whole last layer is trained, weight and bias."
)
def _(net, X, y, lr, num_steps):
    import torch

    net.eval()
    optimizer = torch.optim.SGD([net[-1].weight], lr=lr)
    for _ in range(num_steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(X), y).backward()
        optimizer.step()


@train_head.mistake(
    "The features are computed once, but in training mode: normalisation uses the batch, and its "
    "running mean and variance move. `net.eval()` comes first."
)
def _(net, X, y, lr, num_steps):
    import torch

    net.train()
    with torch.no_grad():
        features = net[:-1](X)
    optimizer = torch.optim.SGD(net[-1].parameters(), lr=lr)
    for _ in range(num_steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net[-1](features), y).backward()
        optimizer.step()


@train_head.alternative(framework="mxnet")
def _(net, X, y, lr, num_steps):
    from dlkit.mx import autograd, gluon

    loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(net[-1].collect_params(), "sgd", {"learning_rate": lr})
    for _ in range(num_steps):
        with autograd.record(train_mode=False):
            loss = loss_of(net(X), y)
        loss.backward(train_mode=False)
        trainer.step(len(y))


@train_head.alternative(framework="mxnet")
def _(net, X, y, lr, num_steps):
    from dlkit.mx import autograd, gluon

    features = X
    for layer in net[:-1]:
        # outside `record`, normalisation uses its running mean and variance
        features = layer(features)
    trainer = gluon.Trainer(net[-1].collect_params(), "sgd", {"learning_rate": lr})
    for _ in range(num_steps):
        with autograd.record():
            loss = gluon.loss.SoftmaxCrossEntropyLoss()(net[-1](features), y).mean()
        loss.backward()
        trainer.step(1)


@train_head.alternative(framework="torch")
def _(net, X, y, lr, num_steps):
    import torch

    net.eval()
    # Whatever graph hangs on it, the steps below are outside of it.
    features = net[:-1](X)
    head, right = net[-1], torch.nn.functional.one_hot(y, net[-1].out_features)
    for _ in range(num_steps):
        with torch.no_grad():
            error = (head(features).softmax(dim=1) - right) / len(y)
            head.weight -= lr * error.T @ features
            head.bias -= lr * error.sum(dim=0)


train_head.equivalent(
    "loss.backward(train_mode=False) -> loss.backward()",
    why="Nothing but the head is trained, so no gradient that is used passes a normalisation.",
)
train_head.equivalent(
    "backward(train_mode=True)",
    why="Nothing but the head is trained, so no gradient that is used passes a normalisation.",
)
train_head.equivalent("len(y) -> len(X)", why="There is one label for each image.")


# 6. Folding a linear adapter ----------------------------------------------------------------------


@question(
    points=2,
    atol=1e-4,
    hints=[
        "At each position the convolution gives O numbers z, and the adapter makes (1 + A) z of "
        "them, 1 the identity matrix. What is that, written with the kernels?",
        "Output o becomes z_o plus the sum over p of A[o, p] z_p. z is linear in kernel and "
        "bias, so new kernel o is kernel o plus the sum over p of A[o, p] times kernel p.",
        "Flatten the kernels to (O, C · h · w), multiply by A from the left, add, and reshape "
        "back. The bias, (O,), is treated in the same way.",
    ],
    explanation="""
        Linear after linear is linear: a residual adapter without a ReLU costs nothing once training
        is over, since it disappears into the weights it follows. So a copy of the folded layer is
        needed for each task, or the adapter is kept apart and little is stored: one has to choose.
        A bottleneck with a ReLU inside cannot be folded.
    """,
)
def fold(kernel, bias, A):
    """A convolution and a linear residual adapter behind it, Z + A Z at each position, as one
    convolution.

    kernel: (O, C, h, w) float32; bias: (O,); A: (O, O), a 1x1 convolution without a bias. Returns
    the kernel and the bias of the one convolution.
    """
    both = np.eye(len(A)) + A
    return np.tensordot(both, kernel, 1), both @ bias


@fold.probe(weight=3, repeat=3)
def random_layers(rng):
    o, c, h, w = rng.permutation([2, 3, 4, 5]).tolist()
    return gaussian(rng, o, c, h, w), gaussian(rng, o), gaussian(rng, o, o)


@fold.probe(weight=1)
def as_many_outputs_as_inputs(rng):
    return gaussian(rng, 4, 4, 3, 2), gaussian(rng, 4), gaussian(rng, 4, 4)


@fold.probe(weight=1)
def a_new_adapter(rng):
    """A is zero: the convolution stays."""
    return gaussian(rng, 5, 2, 3, 3), gaussian(rng, 5), np.zeros((5, 5), np.float32)


@fold.probe(weight=0.5)
def a_single_output(rng):
    return gaussian(rng, 1, 3, 2, 2), gaussian(rng, 1), gaussian(rng, 1, 1)


example(
    fold, floats([[[2]]], [[[3]]]), floats(1, 0), floats([0, 1], [10, 0]), weight=0.5
)


@fold.mistake("The identity is missing: the adapter adds A Z to Z.")
def _(kernel, bias, A):
    return np.tensordot(A, kernel, 1), A @ bias


@fold.mistake("A is transposed: row o of A says what is added to output o.")
def _(kernel, bias, A):
    both = np.eye(len(A), dtype=A.dtype) + A.T
    return np.tensordot(both, kernel, 1), both @ bias


@fold.mistake("The bias is left as it was. It goes through the adapter as well.")
def _(kernel, bias, A):
    return kernel + np.tensordot(A, kernel, 1), bias


@fold.mistake("In the kernel the identity is there, in the bias it is missing.")
def _(kernel, bias, A):
    return kernel + np.tensordot(A, kernel, 1), A @ bias


@fold.mistake(
    "The kernel is multiplied by each output's own factor only, the "
    "diagonal of A. The adapter mixes the outputs."
)
def _(kernel, bias, A):
    own = 1 + np.diag(A)
    return kernel * own[:, None, None, None], bias * own


@fold.mistake("The kernel and the bias are in the wrong order.")
def _(kernel, bias, A):
    whole = np.eye(len(A)) + A
    return whole @ bias, np.tensordot(whole, kernel, axes=1)


@fold.mistake(
    "The bias is there twice. With the identity in it, nothing else is added."
)
def _(kernel, bias, A):
    whole = np.eye(len(A)) + A
    return np.tensordot(whole, kernel, axes=1), bias + whole @ bias


@fold.mistake("In the bias A is transposed: row o of A says what is added to output o.")
def _(kernel, bias, A):
    whole = np.eye(len(A)) + A
    return np.tensordot(whole, kernel, axes=1), whole.T @ bias


@fold.mistake(
    "In the kernel A is transposed: row o of A says what is added to output o."
)
def _(kernel, bias, A):
    whole = np.eye(len(A)) + A
    return np.tensordot(whole.T, kernel, axes=1), whole @ bias


@fold.mistake(
    "1 is added to every number of A. The identity has ones on its diagonal alone."
)
def _(kernel, bias, A):
    whole = 1 + A
    return np.tensordot(whole, kernel, axes=1), whole @ bias


@fold.mistake("The adapter is subtracted. It is added: Z + A Z.")
def _(kernel, bias, A):
    whole = np.eye(len(A)) - A
    return np.tensordot(whole, kernel, axes=1), whole @ bias


@fold.mistake(
    "A ReLU is put over A. There is none between the convolution and the adapter, nor in it."
)
def _(kernel, bias, A):
    whole = np.eye(len(A)) + np.maximum(A, 0)
    return np.tensordot(whole, kernel, axes=1), whole @ bias


@fold.mistake(
    "Each output is multiplied by 1 and the sum of its row of A. A mixes different outputs."
)
def _(kernel, bias, A):
    factor = 1 + A.sum(axis=1)
    return kernel * factor[:, None, None, None], (np.eye(len(A)) + A) @ bias


@fold.mistake(
    "Only the middle of the kernel goes through the adapter. All of its places do."
)
def _(kernel, bias, A):
    folded, whole = kernel.copy(), np.eye(len(A)) + A
    row, column = kernel.shape[2] // 2, kernel.shape[3] // 2
    folded[:, :, row, column] = whole @ kernel[:, :, row, column]
    return folded, whole @ bias


@fold.alternative(framework="torch")
def _(kernel, bias, A):
    import torch

    return kernel + torch.einsum("op,pchw->ochw", A, kernel), bias + A @ bias


@fold.alternative(framework="mxnet")
def _(kernel, bias, A):
    from dlkit.mx import nd

    return kernel + nd.dot(A, kernel), bias + nd.dot(A, bias)


@fold.alternative()
def _(kernel, bias, A):
    new_kernel, new_bias = kernel.copy(), bias.copy()
    for (o, p), a in np.ndenumerate(A):
        new_kernel[o] += a * kernel[p]
        new_bias[o] += a * bias[p]
    return new_kernel, new_bias


fold.equivalent(
    "len(A) -> len(bias)", why="A has a row for each output, and so has the bias."
)


# 7. Open task -------------------------------------------------------------------------------------

MOST_PARAMETERS = 500
ACCURACY = 0.9
FEATURES, CLASSES = 12, 4


@question(
    points=3,
    seconds=60,
    hints=[
        "Draw `down` at random (variance 2 / 12), let `up` and all biases be zero, and train "
        "the six arrays together on the cross-entropy of minibatches.",
        "r hidden numbers cost 25 r + 12 parameters and the head 52, so r may be as large as "
        "17. Two for each class are needed, since a ReLU sees one of two opposite clusters; "
        "a few more, and training hardly ever misses one.",
        "Adam with lr 0.02, batches of 32, 30 epochs is plenty. PyTorch: `torch.randn(16, 12)` "
        "and the like with `requires_grad_()`; Gluon: `attach_grad()`, "
        "or layers whose `weight` you return.",
    ],
    explanation="""
        Each class is two opposite clusters, as white letters on black and black ones on white would
        be. Their mean is the same for all classes, so a head alone guesses. ReLUs of an adapter see
        each cluster by itself; what they add turns opposite features into equal ones, and the head
        does the rest.
    """,
)
def fit_adapter(features, labels):
    """An adapter and a head, at most 500 numbers in all, trained on features of a frozen backbone;
    right on at least 90 % of 500 unseen ones.

    features: (600, 12) float32; labels: (600,) int64 in 0, ..., 3 Returns down (r, 12), down_bias
    (r,), up (12, r), up_bias (12,), weight (4, 12), bias (4,): the check computes F = features +
    relu(features downᵀ + down_bias) upᵀ + up_bias, and the logits F weightᵀ + bias.
    """
    import torch

    torch.manual_seed(0)
    r, num_epochs = 16, 30
    down = torch.randn(r, 12) * (2 / 12) ** 0.5
    down_bias, up, up_bias = torch.zeros(r), torch.zeros(12, r), torch.zeros(12)
    weight, bias = 0.1 * torch.randn(4, 12), torch.zeros(4)
    parameters = [
        part.requires_grad_() for part in (down, down_bias, up, up_bias, weight, bias)
    ]
    optimizer = torch.optim.Adam(parameters, lr=0.02)
    X, y = torch.as_tensor(features), torch.as_tensor(labels)
    for epoch in range(num_epochs):
        optimizer.param_groups[0]["lr"] = 0.02 * (1 - epoch / num_epochs)
        for rows in torch.randperm(len(X)).split(32):
            adapted = X[rows] + (X[rows] @ down.T + down_bias).relu() @ up.T + up_bias
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(
                adapted @ weight.T + bias, y[rows]
            ).backward()
            optimizer.step()
    return [part.detach().numpy() for part in parameters]


@fit_adapter.probe()
def opposite_clusters(rng):
    """Every class is two clusters, opposite each other, in directions that every seed draws
    anew.
    """
    directions = np.linalg.qr(rng.normal(size=(FEATURES, FEATURES)))[0][:CLASSES]
    labels = rng.permutation(np.arange(1100) % CLASSES)
    sides = rng.choice([-3.75, 3.75], len(labels))
    features = (
        rng.normal(0.5, 1, (len(labels), FEATURES))
        + sides[:, None] * directions[labels]
    ).astype(np.float32)
    return Inputs((features[:600], labels[:600]), secret=(features[600:], labels[600:]))


@fit_adapter.measure
def _(inputs, output):
    fault = _wrong_shapes(output)
    if fault:
        return Measurement(False, fault)
    count, accuracy = sum(np.size(part) for part in output), _accuracy(inputs, output)
    message = (
        f"{accuracy:.1%} of {len(inputs.secret[1])} unseen images are "
        f"right, with {count} trained numbers"
    )
    if count > MOST_PARAMETERS:
        return Measurement(False, f"{message}; {MOST_PARAMETERS} are allowed.")
    return Measurement(accuracy >= ACCURACY, f"{message}; {ACCURACY:.0%} are needed.")


def _wrong_shapes(output):
    """A sentence on what is wrong with the six arrays, or nothing."""
    if not isinstance(output, (list, tuple)) or len(output) != 6:
        return (
            "Six arrays are to be returned: down, down_bias, up, up_bias, weight, bias."
        )
    shapes = [tuple(int(n) for n in np.shape(part)) for part in output]
    r = shapes[0][0] if shapes[0] else 0
    right = [
        (r, FEATURES),
        (r,),
        (FEATURES, r),
        (FEATURES,),
        (CLASSES, FEATURES),
        (CLASSES,),
    ]
    return (
        ""
        if shapes == right
        else f"The arrays have the shapes {shapes}; they should be {right}, for any r."
    )


def _accuracy(inputs, output):
    down, down_bias, up, up_bias, weight, bias = (
        np.asarray(part, np.float64) for part in output
    )
    features, labels = inputs.secret
    adapted = features + np.maximum(features @ down.T + down_bias, 0) @ up.T + up_bias
    return float(((adapted @ weight.T + bias).argmax(axis=1) == labels).mean())


def _is_judged_by_accuracy(inputs, output):
    return (
        not _wrong_shapes(output)
        and sum(np.size(part) for part in output) <= MOST_PARAMETERS
    )


def _guesses(inputs, output):
    return _is_judged_by_accuracy(inputs, output) and _accuracy(inputs, output) < 0.5


def _learnt_too_little(inputs, output):
    return (
        _is_judged_by_accuracy(inputs, output)
        and 0.5 <= _accuracy(inputs, output) < ACCURACY
    )


def _is_too_large(inputs, output):
    return (
        not _wrong_shapes(output)
        and sum(np.size(part) for part in output) > MOST_PARAMETERS
    )


def _has_other_shapes(inputs, output):
    return bool(_wrong_shapes(output))


@fit_adapter.mistake(
    "This is hardly better than guessing, as the head alone would be. Is the adapter trained, "
    "and does `down` start at random, not at zero?",
    recognise=_guesses,
)
def _(features, labels):
    """Least squares by the head; the adapter stays as it began, at zero."""
    X, targets = np.asarray(features), np.eye(4)[np.asarray(labels)]
    solution = np.linalg.lstsq(np.c_[X, np.ones(len(X))], targets, rcond=None)[0]
    zeros = np.zeros((1, 12)), np.zeros(1), np.zeros((12, 1)), np.zeros(12)
    return [*zeros, solution[:-1].T, solution[-1]]


@fit_adapter.mistake(
    "The adapter has learnt, but too little. Are there at least two hidden numbers for each "
    "class, and enough epochs at a sensible lr?",
    recognise=_learnt_too_little,
)
def _(features, labels):
    """Hidden numbers drawn at random and never trained, with least squares behind them."""
    X, targets = np.asarray(features, np.float64), np.eye(4)[np.asarray(labels)]
    down = np.random.default_rng(0).normal(0, 0.4, (16, 12))
    hidden = np.maximum(X @ down.T, 0)
    solution = np.linalg.lstsq(np.c_[hidden, np.ones(len(X))], targets, rcond=None)[0]
    up = np.zeros((12, 16))
    # So much larger than the features that they no longer count.
    up[:4] = 1000 * solution[:-1].T
    return [down, np.zeros(16), up, np.zeros(12), np.eye(4, 12), 1000 * solution[-1]]


@fit_adapter.mistake(
    "More than 500 numbers were trained. r hidden numbers cost 25 r + 12, the head 52.",
    recognise=_is_too_large,
)
def _(features, labels):
    return [
        np.zeros(shape) for shape in [(18, 12), (18,), (12, 18), (12,), (4, 12), (4,)]
    ]


@fit_adapter.mistake(
    "The arrays do not have the shapes of the statement, or are not six. `down` is (r, 12) and "
    "`up` (12, r): as libraries keep them, outputs first.",
    recognise=_has_other_shapes,
)
def _(features, labels):
    return [np.zeros(shape) for shape in [(12, 8), (8,), (8, 12), (12,), (12, 4), (4,)]]


@fit_adapter.alternative(framework="mxnet")
def _(features, labels):
    from dlkit.mx import autograd, gluon, init, mx, nd

    mx.random.seed(0)
    num_epochs, batch_size = 30, 50
    down, up, head = (
        gluon.nn.Dense(16, in_units=12),
        gluon.nn.Dense(12, in_units=16),
        gluon.nn.Dense(4, in_units=12),
    )
    net = gluon.nn.Sequential()
    net.add(down, up, head)  # only to hold the three together
    net.initialize(init.Xavier())
    up.initialize(init.Zero(), force_reinit=True)
    trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.02})
    for epoch in range(num_epochs):
        trainer.set_learning_rate(0.02 * (1 - epoch / num_epochs))
        order = nd.random.shuffle(nd.arange(len(features)))
        for start in range(0, len(features), batch_size):
            rows = order[start : start + batch_size]
            X = features.take(rows)
            with autograd.record():
                loss = gluon.loss.SoftmaxCrossEntropyLoss()(
                    head(X + up(nd.relu(down(X)))), labels.take(rows)
                )
            loss.backward()
            trainer.step(batch_size)
            loss.wait_to_read()
    return [
        part.data() for layer in (down, up, head) for part in (layer.weight, layer.bias)
    ]


@fit_adapter.alternative(framework="torch")
def _(features, labels):
    """Layers, full batches, and SGD with momentum."""
    import torch
    from torch import nn

    torch.manual_seed(1)
    down, up, head = nn.Linear(12, 12), nn.Linear(12, 12), nn.Linear(12, 4)
    nn.init.zeros_(up.weight)
    nn.init.zeros_(up.bias)
    parameters = [
        part for layer in (down, up, head) for part in (layer.weight, layer.bias)
    ]
    optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9)
    for _ in range(300):
        optimizer.zero_grad()
        nn.functional.cross_entropy(
            head(features + up(down(features).relu())), labels
        ).backward()
        optimizer.step()
    return [part.detach() for part in parameters]
