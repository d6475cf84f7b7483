"""Architecture search: what a net costs, specs mutated at random, rewards against the others of a
batch, dominance, hypervolume, crowding, ensembles, and a few nets that stand for a front.
"""

import numpy as np

from autograder import Inputs, Measurement, NotADraw, question
from solutions.examples import example, floats
from solutions.inputs import gaussian

# 1. What a spec costs -----------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "One number of the output is a sum of how many products? As many as one output channel "
        "has weights: kernel · kernel · channels that come in.",
        "How many such numbers are there? outputs · size · size, with the size *after* the "
        "stride, which the line above has computed.",
    ],
    explanation="""
        Parameters do not depend on the size of the image, multiply-adds do: the same layer costs a
        quarter after each halving. So the two rank nets differently, and a search that counts one
        of them will move layers to where they are cheap by that count.
    """,
)
def net_cost(spec, channels, size):
    """(parameters, multiply-adds) of a chain of convolutions without biases, for one square image.

    spec: a list of (kernel, outputs, stride), kernel odd, padded by kernel // 2 on all sides;
    channels, size: of the image. Returns two whole numbers.
    """
    parameters = multiply_adds = 0
    for kernel, outputs, stride in spec:
        weights = kernel * kernel * channels * outputs
        size = (size - 1) // stride + 1
        parameters += weights
        multiply_adds += weights * size * size
        channels = outputs
    return parameters, multiply_adds


@net_cost.probe(weight=2, repeat=3)
def several_layers(rng):
    spec = [
        (int(rng.choice([3, 5, 7])), int(rng.integers(4, 12)), int(rng.integers(1, 4)))
        for _ in range(3)
    ]
    spec[1] = (*spec[1][:2], 2)
    return spec, int(rng.integers(2, 4)), int(rng.integers(33, 48))


@net_cost.probe(weight=1)
def one_layer(rng):
    return [(5, int(rng.integers(6, 9)), 3)], 2, int(rng.integers(17, 24))


@net_cost.probe(weight=0.25)
def more_than_32_bits_hold(rng):
    return [(3, 512, 1), (3, int(rng.integers(200, 500)), 2)], 256, 224


@net_cost.probe(weight=0.25)
def many_layers_down_to_one_place(rng):
    spec = [(int(rng.choice([1, 3])), int(rng.integers(2, 7)), 1) for _ in range(9)]
    return [(1, 3, 4), *spec, (3, 5, 9), (1, 2, 2)], 1, int(rng.integers(13, 17))


example(net_cost, [(3, 8, 1), (5, 4, 2)], 1, 9, weight=0.5)


@net_cost.mistake(
    "The multiply-adds count the image's size before the stride. An output is "
    "computed at the places that the stride leaves."
)
def _(spec, channels, size):
    parameters = multiply_adds = 0
    for kernel, outputs, stride in spec:
        weights = kernel * kernel * channels * outputs
        parameters += weights
        multiply_adds += weights * size * size
        size = (size - 1) // stride + 1
        channels = outputs
    return parameters, multiply_adds


@net_cost.mistake(
    "The size is divided by the stride and rounded down. With this padding it is rounded up: a "
    "row of 5 with stride 2 has 3 places."
)
def _(spec, channels, size):
    parameters = multiply_adds = 0
    for kernel, outputs, stride in spec:
        weights = kernel * kernel * channels * outputs
        size = size // stride
        parameters += weights
        multiply_adds += weights * size * size
        channels = outputs
    return parameters, multiply_adds


@net_cost.mistake(
    "The channels that come in are always the image's. Each layer gets what the one before gives."
)
def _(spec, channels, size):
    parameters = multiply_adds = 0
    for kernel, outputs, stride in spec:
        weights = kernel * kernel * channels * outputs
        size = (size - 1) // stride + 1
        parameters += weights
        multiply_adds += weights * size * size
    return parameters, multiply_adds


@net_cost.mistake(
    "A layer has size · size places, not size. Both sides of the image count."
)
def _(spec, channels, size):
    parameters = multiply_adds = 0
    for kernel, outputs, stride in spec:
        weights = kernel * kernel * channels * outputs
        size = (size - 1) // stride + 1
        parameters += weights
        multiply_adds += weights * size
        channels = outputs
    return parameters, multiply_adds


@net_cost.mistake(
    "The multiply-adds are those of the last layer alone: `=` forgets "
    "the others. Add each layer's with `+=`."
)
def _(spec, channels, size):
    parameters = multiply_adds = 0
    for kernel, outputs, stride in spec:
        weights = kernel * kernel * channels * outputs
        size = (size - 1) // stride + 1
        parameters += weights
        multiply_adds = weights * size * size
        channels = outputs
    return parameters, multiply_adds


@net_cost.mistake(
    "Each layer's places are multiplied by the parameters of all layers so "
    "far. They use the layer's own `weights` only."
)
def _(spec, channels, size):
    parameters = multiply_adds = 0
    for kernel, outputs, stride in spec:
        parameters += kernel * kernel * channels * outputs
        size = (size - 1) // stride + 1
        multiply_adds += parameters * size * size
        channels = outputs
    return parameters, multiply_adds


@net_cost.mistake(
    "Multiplications and additions are counted as two. A multiply-add is one of each together."
)
def _(spec, channels, size):
    parameters = multiply_adds = 0
    for kernel, outputs, stride in spec:
        weights = kernel * kernel * channels * outputs
        size = (size - 1) // stride + 1
        parameters += weights
        multiply_adds += 2 * weights * size * size
        channels = outputs
    return parameters, multiply_adds


@net_cost.mistake(
    "The multiply-adds are only the parameters. Each weight is used at every place of the output."
)
def _(spec, channels, size):
    parameters = 0
    for kernel, outputs, _stride in spec:
        parameters += kernel * kernel * channels * outputs
        channels = outputs
    return parameters, parameters


@net_cost.mistake(
    "Only places are counted. At each place all weights of the layer are used."
)
def _(spec, channels, size):
    parameters = places = 0
    for kernel, outputs, stride in spec:
        size = (size - 1) // stride + 1
        parameters += kernel * kernel * channels * outputs
        places += size * size
        channels = outputs
    return parameters, places


@net_cost.mistake(
    "The places are multiplied by the outputs once more. The weights have them already."
)
def _(spec, channels, size):
    parameters = multiply_adds = 0
    for kernel, outputs, stride in spec:
        weights = kernel * kernel * channels * outputs
        size = (size - 1) // stride + 1
        parameters += weights
        multiply_adds += weights * outputs * size * size
        channels = outputs
    return parameters, multiply_adds


@net_cost.mistake(
    "The size is that of a layer without padding: size - kernel + 1. With padding it stays."
)
def _(spec, channels, size):
    parameters = multiply_adds = 0
    for kernel, outputs, stride in spec:
        weights = kernel * kernel * channels * outputs
        size = (size - 1) // stride + 1
        parameters += weights
        multiply_adds += weights * (size - kernel + 1) ** 2
        channels = outputs
    return parameters, multiply_adds


@net_cost.mistake(
    "Every layer is counted at the size of the image. After a stride there are fewer places."
)
def _(spec, channels, size):
    parameters = multiply_adds = 0
    for kernel, outputs, _stride in spec:
        weights = kernel * kernel * channels * outputs
        parameters += weights
        multiply_adds += weights * size * size
        channels = outputs
    return parameters, multiply_adds


@net_cost.mistake(
    "The kernel counts once. It has kernel times kernel weights for each pair of channels."
)
def _(spec, channels, size):
    parameters = multiply_adds = 0
    for kernel, outputs, stride in spec:
        size = (size - 1) // stride + 1
        parameters += kernel * kernel * channels * outputs
        multiply_adds += kernel * channels * outputs * size * size
        channels = outputs
    return parameters, multiply_adds


@net_cost.mistake(
    "Biases are counted among the multiply-adds. The convolutions have none."
)
def _(spec, channels, size):
    parameters = multiply_adds = 0
    for kernel, outputs, stride in spec:
        weights = kernel * kernel * channels * outputs
        size = (size - 1) // stride + 1
        parameters += weights
        multiply_adds += (weights + outputs) * size * size
        channels = outputs
    return parameters, multiply_adds


@net_cost.mistake(
    "The channels that come in are left out of the multiply-adds. The weights have them."
)
def _(spec, channels, size):
    parameters = multiply_adds = 0
    for kernel, outputs, stride in spec:
        size = (size - 1) // stride + 1
        parameters += kernel * kernel * channels * outputs
        multiply_adds += kernel * kernel * outputs * size * size
        channels = outputs
    return parameters, multiply_adds


@net_cost.alternative(framework="torch")
def _(spec, channels, size):
    import torch
    from torch import nn

    X = torch.empty(1, channels, size, size)
    parameters = multiply_adds = 0
    for kernel, outputs, stride in spec:
        layer = nn.Conv2d(X.shape[1], outputs, kernel, stride, kernel // 2)
        X = layer(X)
        parameters += layer.weight.numel()
        multiply_adds += X.numel() * kernel**2 * layer.in_channels
    return parameters, multiply_adds


@net_cost.alternative(framework="mxnet")
def _(spec, channels, size):
    from dlkit.mx import gluon, nd

    X = nd.empty((1, channels, size, size))
    parameters = multiply_adds = 0
    for kernel, outputs, stride in spec:
        layer = gluon.nn.Conv2D(outputs, kernel, stride, kernel // 2)
        layer.initialize()
        inputs, X = X.shape[1], layer(X)
        parameters += layer.weight.data().size
        multiply_adds += X.size * kernel**2 * inputs
    return parameters, multiply_adds


@net_cost.alternative()
def _(spec, channels, size):
    inputs = [channels, *(outputs for _, outputs, _ in spec)]
    weights = []
    products = []
    for (kernel, outputs, stride), entering in zip(spec, inputs, strict=False):
        size = len(range(0, size, stride))
        weights.append(kernel**2 * entering * outputs)
        products.append(weights[-1] * size**2)
    return sum(weights), sum(products)


# 2. Mutation --------------------------------------------------------------------------------------


@question(
    points=2,
    driver="sampled",
    calls=200,
    each="spec",
    hints=[
        "Two draws for each spec: the place, from 0 to D − 1, and by how much the option moves, "
        "from 1 to num_options − 1. Then the new option is (old + step) "
        "modulo num_options, and never the old one.",
        "`places = rng.integers(D, size=N)`, `steps = rng.integers(1, "
        "num_options, N)`: the upper end is left out.",
        "Work on a copy: `new = specs.copy()` in NumPy and Gluon, `specs.clone()` in PyTorch; "
        "then `new[i, places[i]] = ...` in a loop over i.",
    ],
    explanation="""
        Among the other options only: a mutation that may leave the spec as it is trains the parent
        again once in num_options times, and pays for it as for a new net.
    """,
)
def mutate(specs, num_options, rng):
    """Change one decision of each spec, at a place drawn uniformly, to one of the other options,
    drawn uniformly.

    specs: (N, D) int64 from 0 to num_options - 1, not to be changed; rng: a np.random.Generator,
    from which everything is drawn. Returns (N, D).
    """
    rows = np.arange(len(specs))
    places = rng.integers(specs.shape[1], size=len(specs))
    steps = rng.integers(1, num_options, size=len(specs))
    children = specs.copy()
    children[rows, places] = (children[rows, places] + steps) % num_options
    return children


@mutate.recover
def _(result, specs, num_options):
    result = np.asarray(result)
    if result.shape != specs.shape:
        raise NotADraw(
            f"One call gives an array of shape {result.shape}; it should be {specs.shape}."
        )
    if not np.isin(result, np.arange(num_options)).all():
        raise NotADraw(f"An option lies outside 0 to {num_options - 1}.")
    changed = result != specs
    place = np.where(changed.any(axis=1), changed.argmax(axis=1), -1)
    step = ((result - specs) % num_options)[np.arange(len(specs)), place]
    return {
        "the number of changed decisions": changed.sum(axis=1),
        "the place (−1: nothing changes)": place,
        "how far the option moves": step,
        # where the old options are mixed, steps hide one that is never drawn
        "the new option": result[np.arange(len(specs)), place],
    }


@mutate.probe()
def three_decisions(rng):
    return _all_options(rng, 3, 5), 5


@mutate.probe()
def four_decisions(rng):
    return _all_options(rng, 4, 4), 4


def _all_options(rng, decisions, options):
    """16 specs; in each decision all options occur about equally often."""
    return rng.permuted(np.resize(np.arange(options), (decisions, 16)), axis=1).T.copy()


def _repeats(inputs, output):
    """Whether all calls gave the same, though each had another `rng`."""
    first, *others = map(np.asarray, output["draws"])
    return all(np.array_equal(first, other) for other in others)


def _changed(inputs, output):
    return [
        np.asarray(result) != np.asarray(inputs.args[1])
        for result in output["draws"]
        if np.shape(result) == np.shape(inputs.args[1])
    ]


def _one_place(inputs, output):
    calls = _changed(inputs, output)
    places = [set(changed.argmax(axis=1)[changed.any(axis=1)]) for changed in calls]
    return (
        bool(calls)
        and all(len(place) <= 1 for place in places)
        and len(set().union(*places)) > 1
        and all(changed.any(axis=1).sum() > 1 for changed in calls)
    )


def _neighbours(inputs, output):
    specs, options = np.asarray(inputs.args[1]), inputs.args[2]
    moves = [
        np.abs(np.asarray(result) - specs)
        for result in output["draws"]
        if np.shape(result) == specs.shape
    ]
    one = any((move == 1).any() for move in moves) and all(
        (move > 0).sum(axis=1).max() <= 1 for move in moves
    )
    return bool(one and all(np.isin(move, (0, 1, options - 1)).all() for move in moves))


def _whole_columns(inputs, output):
    """Whether each call changes the same places of all specs, and does so by one step, or to one
    option, for a place.
    """
    calls = [np.asarray(result) for result in output["draws"]]
    specs, options = np.asarray(inputs.args[1]), inputs.args[2]
    steps = [(call - specs) % options for call in calls]
    same = all(
        (np.ptp(step[:, k]) == 0) | (np.ptp(call[:, k]) == 0)
        for call, step in zip(calls, steps, strict=True)
        for k in range(specs.shape[1])
    )
    return bool(same and any((step != 0).any(axis=0).sum() > 1 for step in steps))


def _one_spec(inputs, output):
    """Whether no call changes more than one spec, and some do."""
    changed = [calls.any(axis=1).sum() for calls in _changed(inputs, output)]
    return bool(changed) and max(changed) == 1


@mutate.mistake(
    "Only one spec of the batch is changed. Change each of them, at a place of its own.",
    recognise=_one_spec,
)
def _(specs, num_options, rng):
    children = specs.copy()
    row, place = rng.integers(len(specs)), rng.integers(specs.shape[1])
    children[row, place] = (
        children[row, place] + rng.integers(1, num_options)
    ) % num_options
    return children


@mutate.mistake(
    "The new option may be the old one, and then nothing has changed. Draw among the others."
)
def _(specs, num_options, rng):
    n = len(specs)
    children, places = specs.copy(), rng.integers(specs.shape[1], size=n)
    rows = np.arange(n)
    children[rows, places] = (
        children[rows, places] + rng.integers(num_options, size=n)
    ) % num_options
    return children


@mutate.mistake(
    "All decisions of a spec are drawn anew. A mutation changes one of them."
)
def _(specs, num_options, rng):
    return rng.integers(num_options, size=specs.shape)


@mutate.mistake("Every decision of a spec is changed. A mutation changes one of them.")
def _(specs, num_options, rng):
    return (specs + rng.integers(1, num_options, specs.shape)) % num_options


@mutate.mistake(
    "The same places are changed in all specs, as `children[:, places]` does. One place in each "
    "row is `children[np.arange(N), places]`.",
    recognise=_whole_columns,
)
def _(specs, num_options, rng):
    n = len(specs)
    children, places = specs.copy(), rng.integers(specs.shape[1], size=n)
    children[:, places] = (
        children[:, places] + rng.integers(1, num_options, n)
    ) % num_options
    return children


@mutate.mistake(
    "One place is drawn for all specs. Draw one for each.", recognise=_one_place
)
def _(specs, num_options, rng):
    n = len(specs)
    children, places = specs.copy(), np.full(n, rng.integers(specs.shape[1]))
    rows = np.arange(n)
    children[rows, places] = (
        children[rows, places] + rng.integers(1, num_options, n)
    ) % num_options
    return children


@mutate.mistake(
    "An option moves by one only, to its neighbours. All other options are equally likely.",
    recognise=_neighbours,
)
def _(specs, num_options, rng):
    n = len(specs)
    children, places = specs.copy(), rng.integers(specs.shape[1], size=n)
    rows = np.arange(n)
    children[rows, places] = (
        children[rows, places] + rng.choice([-1, 1], n)
    ) % num_options
    return children


@mutate.mistake(
    "`specs` itself is changed: a second name for it is no copy. Begin with "
    "`specs.copy()`, in PyTorch `specs.clone()`."
)
def _(specs, num_options, rng):
    n = len(specs)
    children, places = specs, rng.integers(specs.shape[1], size=n)
    rows = np.arange(n)
    children[rows, places] = (
        children[rows, places] + rng.integers(1, num_options, n)
    ) % num_options
    return children


@mutate.mistake(
    "Each decision is changed with the probability 1 / D: sometimes none is, sometimes several "
    "are. Draw one place for each spec."
)
def _(specs, num_options, rng):
    changed = rng.random(specs.shape) < 1 / specs.shape[1]
    return np.where(
        changed,
        (specs + rng.integers(1, num_options, specs.shape)) % num_options,
        specs,
    )


@mutate.mistake(
    "The last option is never drawn. The upper end of `rng.integers` is left out already."
)
def _(specs, num_options, rng):
    children = specs.copy()
    for child, place in zip(
        children, rng.integers(specs.shape[1], size=len(specs)), strict=True
    ):
        old = child[place]
        while child[place] == old:
            child[place] = rng.integers(num_options - 1)
    return children


@mutate.mistake(
    "The last decision is never changed. `rng.integers(D)` draws from 0 to D "
    "− 1: its upper end is left out already."
)
def _(specs, num_options, rng):
    n = len(specs)
    children, places = specs.copy(), rng.integers(specs.shape[1] - 1, size=n)
    rows = np.arange(n)
    children[rows, places] = (
        children[rows, places] + rng.integers(1, num_options, n)
    ) % num_options
    return children


@mutate.mistake(
    "The draws come from a generator other than `rng`. Draw from "
    "`rng`: otherwise nothing can be repeated."
)
def _(specs, num_options, rng):
    n = len(specs)
    children, places = specs.copy(), np.random.randint(specs.shape[1], size=n)
    rows = np.arange(n)
    children[rows, places] = (
        children[rows, places] + np.random.randint(1, num_options, n)
    ) % num_options
    return children


@mutate.mistake(
    "Each call makes a generator of its own with a fixed seed, and "
    "draws the same again. Draw from `rng`.",
    recognise=_repeats,
)
def _(specs, num_options, rng):
    own, n = np.random.default_rng(0), len(specs)
    children, places = specs.copy(), own.integers(specs.shape[1], size=n)
    rows = np.arange(n)
    children[rows, places] = (
        children[rows, places] + own.integers(1, num_options, n)
    ) % num_options
    return children


@mutate.mistake(
    "The option becomes the next one, and the last becomes 0. All other options are equally likely."
)
def _(specs, num_options, rng):
    children = specs.copy()
    rows = np.arange(len(specs))
    places = rng.integers(specs.shape[1], size=len(specs))
    children[rows, places] = (children[rows, places] + 1) % num_options
    return children


@mutate.mistake(
    "How far the option moves is drawn once for all specs. Draw a new option for each."
)
def _(specs, num_options, rng):
    children = specs.copy()
    rows = np.arange(len(specs))
    places = rng.integers(specs.shape[1], size=len(specs))
    step = rng.integers(1, num_options)
    children[rows, places] = (children[rows, places] + step) % num_options
    return children


@mutate.mistake(
    "Every place comes equally often in a batch, as in a shuffled pack. Draw each spec's place "
    "independently of the others'."
)
def _(specs, num_options, rng):
    children = specs.copy()
    rows = np.arange(len(specs))
    places = rng.permutation(rows % specs.shape[1])
    steps = rng.integers(1, num_options, size=len(specs))
    children[rows, places] = (children[rows, places] + steps) % num_options
    return children


@mutate.alternative(framework="torch")
def _(specs, num_options, rng):
    import torch

    places = torch.from_numpy(rng.integers(specs.shape[1], size=len(specs)))[:, None]
    steps = torch.from_numpy(rng.integers(1, num_options, size=len(specs)))[:, None]
    return specs.scatter(1, places, (specs.gather(1, places) + steps) % num_options)


@mutate.alternative(framework="mxnet")
def _(specs, num_options, rng):
    from dlkit.mx import nd

    places = nd.array(rng.integers(specs.shape[1], size=len(specs)))
    steps = nd.array(rng.integers(1, num_options, size=len(specs)))
    moved = nd.one_hot(places, specs.shape[1]) * steps.expand_dims(1)
    return (specs.astype("float32") + moved) % num_options


@mutate.alternative()
def _(specs, num_options, rng):
    children = []
    for spec in specs.tolist():
        place = rng.choice(len(spec))
        others = [option for option in range(num_options) if option != spec[place]]
        spec[place] = rng.choice(others)
        children.append(spec)
    return np.array(children)


mutate.equivalent(
    "+ moved -> - moved",
    why="The step is uniform over all others, and so is its negative.",
)
mutate.equivalent(
    "+ steps -> - steps",
    why="The step is uniform over all others, and so is its negative.",
)


# 3. Rewards against the others' -------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "First the rewards, then what each is compared with: the mean of the "
        "*other* rewards, (sum − own) / (B − 1).",
        "The factor is (cost / target) to the power `exponent` where the cost is above the "
        "target, and 1 elsewhere. `np.where`, `torch.where`, `nd.where`, or: the cost divided "
        "by the target, at least 1, to the power.",
    ],
    explanation="""
        A baseline must not depend on the choices that it is used for. The mean of the whole batch
        contains the net's own reward, and shrinks every advantage by (B − 1) / B; the mean of the
        others does not. The factor is MnasNet's (Tan et al. 2019), with the exponent 0 below the
        target; the paper searched with −0.07 on both sides.
    """,
)
def advantages(accuracies, costs, target, exponent):
    """The reward of each net of a batch, less the mean reward of the others.

    The reward is accuracy · (cost / target) ** exponent where the cost is larger than the target,
    and the accuracy elsewhere.
    accuracies, costs: (B,) float32, B >= 2; target: a number; exponent: a negative number. Returns
    (B,).
    """
    rewards = accuracies * np.maximum(costs / target, 1) ** exponent
    others = (rewards.sum() - rewards) / (len(rewards) - 1)
    return rewards - others


@advantages.probe(weight=2, repeat=3)
def dear_and_cheap_nets(rng):
    B = int(rng.integers(5, 9))
    costs = rng.permutation(
        np.r_[
            rng.uniform(1.3, 3, 2), rng.uniform(0.3, 0.8, 2), rng.uniform(0.3, 3, B - 4)
        ]
    )
    return (
        rng.uniform(0.4, 0.9, B).astype(np.float32),
        (7 * costs).astype(np.float32),
        7.0,
        -float(rng.uniform(0.1, 0.5)),
    )


@advantages.probe(weight=1)
def two_nets(rng):
    accuracies = (rng.uniform(0.4, 0.5) + np.array([0, 0.3])).astype(np.float32)
    return (
        accuracies,
        rng.uniform((2, 12), (4, 20)).astype(np.float32),
        5.0,
        -float(rng.uniform(0.1, 0.5)),
    )


@advantages.probe(weight=0.5)
def all_cheap_and_nothing_right(rng):
    accuracies = rng.uniform(0.4, 0.9, 4).astype(np.float32)
    accuracies[rng.integers(4)] = 0
    return accuracies, rng.uniform(0.01, 3, 4).astype(np.float32), 3, -1


example(advantages, floats(0.8, 0.6, 0.5), floats(40, 5, 10), 10, -0.5, weight=0.5)


@advantages.mistake(
    "The mean of all rewards is subtracted, the net's own included. "
    "Its baseline is the mean of the others."
)
def _(accuracies, costs, target, exponent):
    rewards = accuracies * np.maximum(costs / target, 1) ** exponent
    return rewards - rewards.mean()


@advantages.mistake(
    "Cheap nets are rewarded for being cheap. Below the target the reward is the accuracy."
)
def _(accuracies, costs, target, exponent):
    rewards = accuracies * (costs / target) ** exponent
    return rewards - (rewards.sum() - rewards) / (len(rewards) - 1)


@advantages.mistake(
    "The cost is not looked at: a net above the target loses part of its reward."
)
def _(accuracies, costs, target, exponent):
    return accuracies - (accuracies.sum() - accuracies) / (len(accuracies) - 1)


@advantages.mistake(
    "The factor is the wrong way round: it makes dear nets better. With a "
    "negative exponent it is cost / target."
)
def _(accuracies, costs, target, exponent):
    rewards = accuracies * np.minimum(target / costs, 1) ** exponent
    return rewards - (rewards.sum() - rewards) / (len(rewards) - 1)


@advantages.mistake(
    "The sum of the others' rewards is divided by B. There are B − 1 of them."
)
def _(accuracies, costs, target, exponent):
    rewards = accuracies * np.maximum(costs / target, 1) ** exponent
    return rewards - (rewards.sum() - rewards) / len(rewards)


@advantages.mistake("These are the rewards. Subtract from each the mean of the others.")
def _(accuracies, costs, target, exponent):
    return accuracies * np.maximum(costs / target, 1) ** exponent


@advantages.mistake(
    "The factor punishes the nets that are cheaper than the target, and leaves the dear ones alone."
)
def _(accuracies, costs, target, exponent):
    rewards = accuracies * np.minimum(costs / target, 1) ** -exponent
    return rewards - (rewards.sum() - rewards) / (len(rewards) - 1)


@advantages.mistake(
    "The mean of the others' accuracies is subtracted. Subtract the mean of "
    "their rewards, which the cost has lowered."
)
def _(accuracies, costs, target, exponent):
    rewards = accuracies * np.maximum(costs / target, 1) ** exponent
    return rewards - (accuracies.sum() - accuracies) / (len(rewards) - 1)


@advantages.mistake(
    "These are the means of the others' rewards. Subtract them from each net's own reward."
)
def _(accuracies, costs, target, exponent):
    rewards = accuracies * np.maximum(costs / target, 1) ** exponent
    return (rewards.sum() - rewards) / (len(rewards) - 1)


@advantages.mistake("The others' rewards are added up. Take their mean.")
def _(accuracies, costs, target, exponent):
    factor = np.where(costs > target, (costs / target) ** exponent, 1)
    rewards = accuracies * factor
    return rewards - (rewards.sum() - rewards)


@advantages.mistake(
    "The rewards are divided by their spread as well. Only the mean of the others is subtracted."
)
def _(accuracies, costs, target, exponent):
    factor = np.where(costs > target, (costs / target) ** exponent, 1)
    rewards = accuracies * factor
    return (rewards - rewards.mean()) / (rewards.std() + 1e-8)


@advantages.mistake(
    "A net above the target gets nothing. It gets accuracy times (cost / target) ** exponent."
)
def _(accuracies, costs, target, exponent):
    rewards = np.where(costs > target, 0, accuracies)
    return rewards - (rewards.sum() - rewards) / (len(rewards) - 1)


@advantages.mistake(
    "The median of the rewards is subtracted. Subtract the mean of the others."
)
def _(accuracies, costs, target, exponent):
    factor = np.where(costs > target, (costs / target) ** exponent, 1)
    rewards = accuracies * factor
    return rewards - np.median(rewards)


@advantages.mistake(
    "The accuracy of dear nets is lost: their reward is accuracy times the factor."
)
def _(accuracies, costs, target, exponent):
    rewards = np.where(costs > target, (costs / target) ** exponent, accuracies)
    return rewards - (rewards.sum() - rewards) / (len(rewards) - 1)


@advantages.mistake("The best of the others is subtracted. Subtract their mean.")
def _(accuracies, costs, target, exponent):
    factor = np.where(costs > target, (costs / target) ** exponent, 1)
    rewards = accuracies * factor
    return rewards - np.array(
        [np.delete(rewards, i).max() for i in range(len(rewards))]
    )


@advantages.alternative(framework="torch")
def _(accuracies, costs, target, exponent):
    import torch

    rewards = torch.where(
        costs > target, accuracies * (costs / target) ** exponent, accuracies
    )
    return (rewards - rewards.mean()) * len(rewards) / (len(rewards) - 1)


@advantages.alternative(framework="mxnet")
def _(accuracies, costs, target, exponent):
    from dlkit.mx import nd

    rewards = accuracies * nd.maximum(costs / target, 1) ** exponent
    n = len(rewards)
    return rewards - (rewards.sum() - rewards) / (n - 1)


@advantages.alternative()
def _(accuracies, costs, target, exponent):
    rewards = [
        float(a) * (c / target) ** exponent if c > target else float(a)
        for a, c in zip(accuracies, costs, strict=True)
    ]
    return np.array(
        [
            reward - np.mean(rewards[:i] + rewards[i + 1 :])
            for i, reward in enumerate(rewards)
        ]
    )


advantages.equivalent(
    "np.maximum(costs / target, 1) -> np.maximum(1, costs / target)",
    why="The larger of two, in either order.",
)
advantages.equivalent(
    "nd.maximum(costs / target, 1) -> nd.maximum(1, costs / target)",
    why="The larger of two, in either order.",
)
advantages.equivalent(
    "costs > target -> costs >= target", why="At the target itself the factor is 1."
)
advantages.equivalent(
    "c > target -> c >= target", why="At the target itself the factor is 1."
)


# 4. Dominance -------------------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "Write down when a dominates b: a is nowhere larger (`all`), and somewhere smaller "
        "(`any`). A point cannot dominate itself or its copy then.",
        "All pairs at once: `a = points[:, None]`, `b = points[None]` have the differences a − "
        "b of shape (N, N, M). In Gluon use `expand_dims` and `broadcast_lesser_equal`.",
        "A point is on the front if no row of the table of dominance has a True in its column.",
    ],
    explanation="""
        "Nowhere worse and somewhere better": without the second half two equal points dominate each
        other and both vanish; with "better everywhere" a net that is as accurate as another and
        dearer would stay on the front.
    """,
)
def on_front(points):
    """Which points no other dominates. All objectives are minimised: a dominates b where a is
    nowhere larger than b, and smaller somewhere.

    points: (N, M) float32, N points, M objectives. Returns (N,): 1 or True where a point is on the
    front, 0 or False where not.
    """
    a, b = points[:, None], points[None]
    # (N, N): row dominates column
    dominates = (a <= b).all(axis=2) & (a < b).any(axis=2)
    return ~dominates.any(axis=0)


@on_front.probe(weight=2, repeat=2)
def two_objectives(rng):
    return (_cloud(rng, int(rng.integers(9, 13)), 2),)


@on_front.probe(weight=1, repeat=2)
def three_objectives(rng):
    return (_cloud(rng, int(rng.integers(9, 13)), 3),)


@on_front.probe(weight=2, repeat=2)
def equal_points(rng):
    points = _cloud(rng, 7, 2)
    front = points[np.asarray(on_front(points))]
    return (rng.permutation(np.concatenate([points, front[:1], points[:2]])),)


@on_front.probe(weight=2, repeat=2)
def equal_in_one_objective(rng):
    points = _cloud(rng, 6, 3)
    front = points[np.asarray(on_front(points))]
    worse = np.repeat(front[:1], 3, axis=0)
    worse[range(3), rng.permutation(3)] += rng.uniform(0.1, 0.3, 3).astype(np.float32)
    return (rng.permutation(np.concatenate([points, worse[:2]])),)


@on_front.probe(weight=1)
def one_point(rng):
    return (_cloud(rng, 1, 2),)


@on_front.probe(weight=1)
def worse_by_a_hair(rng):
    """In the last bit of one objective. Five objectives, some below zero."""
    points = _cloud(rng, 6, 5) - 1
    worse = points[np.flatnonzero(np.asarray(on_front(points)))[:1]].copy()
    place = (0, int(rng.integers(5)))
    worse[place] = np.nextafter(worse[place], np.float32(np.inf))
    return (rng.permutation(np.concatenate([points, worse])),)


@on_front.probe(weight=0.5)
def all_equal(rng):
    return (np.repeat(gaussian(rng, 1, 2), 3, axis=0),)


_SIX = floats([1, 4], [2, 2], [2, 3], [3, 2], [4, 1], [4, 4])
example(on_front, _SIX)
example(on_front, np.concatenate([_SIX, _SIX[1:2]]))


@on_front.mistake(
    "Equal points dominate each other here, so both are lost. To "
    "dominate, a point must be smaller somewhere."
)
def _(points):
    a, b = points[:, None], points[None]
    return ~((a <= b).all(axis=2) & ~np.eye(len(points), dtype=bool)).any(axis=0)


@on_front.mistake(
    "No point is left, since each is taken to dominate itself. To "
    "dominate, a point must be smaller somewhere."
)
def _(points):
    return ~(points[:, None] <= points[None]).all(axis=2).any(axis=0)


@on_front.mistake(
    "Here a point must be smaller in every objective to dominate. To be "
    "equal in some and smaller in one is enough."
)
def _(points):
    return ~(points[:, None] < points[None]).all(axis=2).any(axis=0)


@on_front.mistake(
    "These are the points that dominate no other: the objectives are maximised. "
    "Small is good here, as errors and costs are."
)
def _(points):
    a, b = points[:, None], points[None]
    return ~((a >= b).all(axis=2) & (a > b).any(axis=2)).any(axis=0)


@on_front.mistake("These are the dominated points. The front is the others.")
def _(points):
    a, b = points[:, None], points[None]
    return ((a <= b).all(axis=2) & (a < b).any(axis=2)).any(axis=0)


@on_front.mistake(
    "Only the points that are best in some single objective are "
    "kept. The front also has those between."
)
def _(points):
    return (points == points.min(axis=0)).any(axis=1)


@on_front.mistake(
    "Of equal points only the first is kept. None of them dominates the others: all stay."
)
def _(points):
    kept = np.zeros(len(points), bool)
    for i, point in enumerate(points):
        better = (points <= point).all(axis=1) & (points < point).any(axis=1)
        kept[i] = not better.any() and not (points[:i] == point).all(axis=1).any()
    return kept


@on_front.mistake(
    "These are the numbers of the points on the front. Say of each "
    "point whether it is there: N values."
)
def _(points):
    a, b = points[:, None], points[None]
    return np.flatnonzero(~((a <= b).all(axis=2) & (a < b).any(axis=2)).any(axis=0))


@on_front.mistake(
    "This goes along the first objective and looks at the second: it keeps one of equal points, "
    "and never sees a third objective."
)
def _(points):
    kept, lowest = np.zeros(len(points), bool), np.inf
    for i in np.lexsort((points[:, 1], points[:, 0])):
        kept[i] = points[i, 1] < lowest
        lowest = min(lowest, points[i, 1])
    return kept


@on_front.mistake(
    "A point dominates here as soon as it is smaller in one objective. It must be nowhere larger."
)
def _(points):
    return ~(points[:, None] < points[None]).any(axis=2).any(axis=0)


@on_front.mistake("Only the first two objectives are looked at. All of them count.")
def _(points):
    a, b = points[:, None, :2], points[None, :, :2]
    return ~((a <= b).all(axis=2) & (a < b).any(axis=2)).any(axis=0)


@on_front.mistake(
    "These are the points themselves. Say of each point whether it is on the front."
)
def _(points):
    a, b = points[:, None], points[None]
    return points[~((a <= b).all(axis=2) & (a < b).any(axis=2)).any(axis=0)]


@on_front.mistake(
    "Only points that come earlier are asked whether they dominate. Ask all of them."
)
def _(points):
    a, b = points[:, None], points[None]
    dominates = (a <= b).all(axis=2) & (a < b).any(axis=2)
    return ~np.triu(dominates).any(axis=0)


@on_front.mistake(
    "The sums of the objectives are compared. A point dominates in each objective for itself."
)
def _(points):
    total = points.sum(axis=1)
    worse = (points[:, None] <= points[None]).any(axis=2) & (total[:, None] < total)
    return ~worse.any(axis=0)


@on_front.mistake("A single point is never on the front. Nothing dominates it.")
def _(points):
    a, b = points[:, None], points[None]
    dominates = (a <= b).all(axis=2) & (a < b).any(axis=2)
    return ~dominates.any(axis=0) & (len(points) > 1)


@on_front.mistake(
    "Points that are hardly smaller do not dominate. Any that is smaller does."
)
def _(points):
    a, b = points[:, None], points[None]
    dominates = (a <= b).all(axis=2) & (a < b - 1e-4).any(axis=2)
    return ~dominates.any(axis=0)


@on_front.alternative(framework="torch")
def _(points):
    import torch

    found = [
        ((points <= point).all(dim=1) & (points < point).any(dim=1)).any()
        for point in points
    ]
    return ~torch.stack(found)


@on_front.alternative(framework="mxnet")
def _(points):
    from dlkit.mx import nd

    a, b = points.expand_dims(1), points
    nowhere_larger = nd.broadcast_lesser_equal(a, b).min(axis=2)
    somewhere_smaller = nd.broadcast_lesser(a, b).max(axis=2)
    return 1 - (nowhere_larger * somewhere_smaller).max(axis=0)


@on_front.alternative()
def _(points):
    rows = points.tolist()
    kept = []
    for b in rows:
        kept.append(
            not any(
                a != b and all(x <= y for x, y in zip(a, b, strict=True)) for a in rows
            )
        )
    return np.array(kept)


# 5. Hypervolume -----------------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "Sort the points by their first objective and go along them. Each adds a rectangle that "
        "the points before have not covered yet.",
        "Remember the smallest second objective so far; at first it is the reference's. A point "
        "that is lower adds (reference − first) · (lowest − second), and becomes the lowest; "
        "one that is not lower adds nothing.",
        "A point beyond the reference must not add anything: leave out, before sorting, what is "
        "not smaller than the reference in both objectives.",
    ],
    explanation="""
        One number for a whole front, larger for a better one (Zitzler and Thiele 1999). It depends
        on the reference and on the units of the objectives: fix both before comparing.
    """,
)
def hypervolume(points, reference):
    """The area that is dominated by at least one of the points and lies below the reference. Two
    objectives, both minimised.

    points: (N, 2) float32, in any order; some may be dominated, equal, or not below the reference;
    reference: (2,) float32. Returns a number, 0 if no point is below.
    """
    area, lowest = 0.0, reference[1]
    for first, second in sorted(points.tolist()):
        if first < reference[0] and second < lowest:
            area += (reference[0] - first) * (lowest - second)
            lowest = second
    return area


@hypervolume.probe(weight=2, repeat=2)
def a_front(rng):
    points = _front(rng, int(rng.integers(4, 7)))
    return rng.permutation(points), np.array([1.5, 2.5], np.float32)


@hypervolume.probe(weight=1, repeat=2)
def with_dominated_points(rng):
    points = _front(rng, 5)
    more = points[rng.permutation(5)[:3]] + rng.uniform(0.05, 0.3, (3, 2)).astype(
        np.float32
    )
    return rng.permutation(np.concatenate([points, more, points[:1]])), np.array(
        [1.5, 2.5], np.float32
    )


@hypervolume.probe(weight=1, repeat=2)
def some_beyond_the_reference(rng):
    points = rng.permutation(_front(rng, 4))
    beyond = np.array([[0.02, 2.3], [1.7, 0.1], [1.9, 2.4]], np.float32)
    return rng.permutation(np.concatenate([points, beyond])), np.array(
        [1.3, 1.9], np.float32
    )


@hypervolume.probe(weight=1)
def no_point_below(rng):
    return np.array([[0.2, 1.6], [1.3, 0.3]], np.float32), np.array(
        [1.1, 1.4], np.float32
    )


@hypervolume.probe(weight=1, repeat=2)
def equal_in_one_objective(rng):
    """Pairs of points that are equal in the first, or in the second. Some lie below zero."""
    points = _front(rng, 4)
    gap = rng.uniform(0.05, 0.3, 4).astype(np.float32)
    above, beside = points.copy(), points.copy()
    above[:, 1] += gap
    beside[:, 0] += gap
    all_of_them = np.concatenate([above, points, beside]) - np.float32(1)
    return rng.permutation(all_of_them), floats(0.6, 1.3)


@hypervolume.probe(weight=0.5)
def one_point(rng):
    return gaussian(rng, 1, 2, scale=0.3), floats(2, 3)


@hypervolume.probe(weight=0.25)
def on_the_border(rng):
    """Two points are on it and count for nothing. One is a hair below, and the area is wide."""
    return floats([900, 0.2], [0.3, 1], [1, 1 - 2.0**-11]), floats(900, 1)


_CORNERS = floats([1, 4], [2, 2], [4, 1], [3, 3], [0.5, 5.6])
example(hypervolume, _CORNERS, floats(5, 5), weight=0.5)


@hypervolume.mistake(
    "Of points that are equal in the first objective only one counts. The lower one makes a larger "
    "rectangle, in whatever order they come."
)
def _(points, reference):
    first = {}
    for x, y in points.tolist():
        first.setdefault(x, y)
    area, lowest = 0.0, reference[1]
    for x, y in sorted(first.items()):
        if x < reference[0] and y < lowest:
            area += (reference[0] - x) * (lowest - y)
            lowest = y
    return area


@hypervolume.mistake(
    "The points' whole rectangles are added up, and what several cover counts several times."
)
def _(points, reference):
    return np.maximum(reference - points, 0).prod(axis=1).sum()


@hypervolume.mistake(
    "The points are taken as they come. Sort them by the first objective first."
)
def _(points, reference):
    area, lowest = 0.0, reference[1]
    for first, second in points.tolist():
        if first < reference[0] and second < lowest:
            area += (reference[0] - first) * (lowest - second)
            lowest = second
    return area


@hypervolume.mistake(
    "Points beyond the reference add or take away an area. They count for nothing."
)
def _(points, reference):
    area, lowest = 0.0, reference[1]
    for first, second in sorted(points.tolist()):
        if second < lowest or second > reference[1]:
            area += (reference[0] - first) * (lowest - second)
            lowest = min(second, lowest)
    return area


@hypervolume.mistake(
    "A dominated point takes area away or adds some again. It adds nothing: "
    "skip what is not lower than all before."
)
def _(points, reference):
    area, lowest = 0.0, reference[1]
    for first, second in sorted(points.tolist()):
        if first < reference[0] and second < reference[1]:
            area += (reference[0] - first) * (lowest - second)
            lowest = second
    return area


@hypervolume.mistake(
    "This is the area from the origin to the front. Wanted is what "
    "lies between the front and the reference."
)
def _(points, reference):
    area, lowest = 0.0, reference[1]
    for first, second in sorted(points.tolist()):
        if first < reference[0] and second < lowest:
            area += (reference[0] - first) * (lowest - second)
            lowest = second
    return reference[0] * reference[1] - area


@hypervolume.mistake(
    "This is the largest rectangle of a single point. The front's steps together cover more."
)
def _(points, reference):
    return np.maximum(reference - points, 0).prod(axis=1).max()


@hypervolume.mistake(
    "A point to the right of the reference takes area away, as its width is negative. Leave it out."
)
def _(points, reference):
    area, lowest = 0.0, reference[1]
    for first, second in sorted(points.tolist()):
        if second < lowest:
            area += (reference[0] - first) * (lowest - second)
            lowest = second
    return area


@hypervolume.mistake(
    "The strip between the last point of the front and the reference is missing."
)
def _(points, reference):
    below = points[(points < reference).all(axis=1)]
    below = below[below[:, 0].argsort()]
    lowest = np.minimum.accumulate(below[:, 1])
    return np.diff(below[:, 0]) @ (reference[1] - lowest[:-1])


@hypervolume.mistake(
    "The reference is not used: the largest values of the points stand in its place."
)
def _(points, reference):
    corner = points.max(axis=0)
    area, low = 0.0, corner[1]
    for x, y in sorted(points.tolist()):
        if y < low:
            area, low = area + (corner[0] - x) * (low - y), y
    return area


@hypervolume.mistake(
    "This is the share of the whole rectangle. Return the area itself."
)
def _(points, reference):
    area, low = 0.0, reference[1]
    for x, y in sorted(points.tolist()):
        if x < reference[0] and y < low:
            area, low = area + (reference[0] - x) * (low - y), y
    return area / (reference[0] * reference[1])


@hypervolume.mistake("Each step is halved, as a triangle. They are rectangles.")
def _(points, reference):
    area, low = 0.0, reference[1]
    for x, y in sorted(points.tolist()):
        if x < reference[0] and y < low:
            area, low = area + (reference[0] - x) * (low - y) / 2, y
    return area


@hypervolume.mistake(
    "The upper part begins at the highest point. It begins at the reference."
)
def _(points, reference):
    area, low = 0.0, points[:, 1].max()
    for x, y in sorted(points.tolist()):
        if x < reference[0] and y < low:
            area, low = area + (reference[0] - x) * (low - y), y
    return area


@hypervolume.mistake(
    "Where no point is below the reference the result is None. The area is 0 there."
)
def _(points, reference):
    area, low = 0.0, reference[1]
    for x, y in sorted(points.tolist()):
        if x < reference[0] and y < low:
            area, low = area + (reference[0] - x) * (low - y), y
    return area or None


@hypervolume.mistake(
    "From the last point to the first each adds its strip up to the one before, dominated or not, "
    "so that what others cover counts or is lost. Leave out whatever another point dominates."
)
def _(points, reference):
    area, right = 0.0, float(reference[0])
    for first, second in sorted(points.tolist(), reverse=True):
        area += max(right - first, 0) * max(float(reference[1]) - second, 0)
        right = first
    return area


@hypervolume.alternative(framework="torch")
def _(points, reference):
    below = points[(points < reference).all(dim=1)]
    below = below[below[:, 0].argsort()]
    lowest = below[:, 1].cummin(dim=0).values
    widths = below[:, 0].diff(append=reference[:1])
    return widths @ (reference[1] - lowest)


@hypervolume.alternative(framework="mxnet")
def _(points, reference):
    right, lowest = reference.asnumpy().tolist()
    area = 0.0
    for x, y in sorted(points.asnumpy().tolist()):
        if x < right and y < lowest:
            area, lowest = area + (right - x) * (lowest - y), y
    return area


@hypervolume.alternative()
def _(points, reference):
    """Every cell of the grid that the points' coordinates make, if some point lies to the lower
    left of it.
    """
    xs, ys = (
        np.unique(np.append(points[:, k], reference[k]).clip(max=reference[k]))
        for k in (0, 1)
    )
    first, second = points[:, 0], points[:, 1]
    covered = (
        (first[:, None, None] <= xs[:-1, None]) & (second[:, None, None] <= ys[:-1])
    ).any(axis=0)
    return np.diff(xs) @ covered @ np.diff(ys)


hypervolume.equivalent(
    "first < reference[0] -> first <= reference[0]",
    why="At the reference itself a rectangle has no width, and nothing follows.",
)
hypervolume.equivalent(
    "np.append(points[:, k], reference[k]) -> np.append(reference[k], points[:, k])",
    why="They are sorted afterwards.",
)
hypervolume.equivalent(
    "x < right -> x <= right",
    why="At the reference itself a rectangle has no width, and nothing follows.",
)
hypervolume.equivalent(
    "second < lowest -> second <= lowest",
    why="A point that is as low as the lowest adds a rectangle without height.",
)
hypervolume.equivalent(
    "y < lowest -> y <= lowest",
    why="A point that is as low as the lowest adds a rectangle without height.",
)
hypervolume.equivalent(
    "points < reference -> points <= reference",
    why="At the reference itself a rectangle has no width or no height.",
)
hypervolume.equivalent("cummin(dim=0) -> cummin(dim=-1)", why="There is one axis.")


# 6. Crowding --------------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "One objective after the other. `order = points[:, m].argsort()`; the neighbours of "
        "`order[i]` are `order[i - 1]` and `order[i + 1]`.",
        "Without a loop over the points: `values = points[order, m]`, and `result[order[1:-1]] "
        "+= (values[2:] - values[:-2]) / (values[-1] - values[0])`.",
        "The two ends of each objective get 10 for it. Inside functions of "
        "Gluon, `.asnumpy()` and NumPy are fine.",
    ],
    explanation="""
        NSGA-II (Deb et al. 2002) fills its next generation front by front; when the last front has
        too many points, those with the largest distance stay, so that the front is kept wide and
        even; the paper gives the ends infinity. Dividing by the range makes a percent of error and
        a million multiply-adds comparable.
    """,
)
def crowding_distance(points):
    """NSGA-II's crowding distance of the points of one front.

    For each objective: 10 for its smallest and its largest point; for every other the gap between
    the next larger and the next smaller value, divided by the objective's range. The distance is
    the sum over the objectives.
    points: (N, M) float32, N >= 2, no two values of an objective equal. Returns (N,) floats.
    """
    result = np.zeros(len(points))
    for values in points.T:
        order = values.argsort()
        values = values[order]
        result[order[1:-1]] += (values[2:] - values[:-2]) / (values[-1] - values[0])
        result[order[[0, -1]]] += 10
    return result


@crowding_distance.probe(weight=2, repeat=2)
def two_objectives_of_a_front(rng):
    return (
        rng.permutation(_front(rng, int(rng.integers(6, 9))))
        * np.array([3, 50], np.float32),
    )


@crowding_distance.probe(weight=2, repeat=2)
def three_objectives_of_a_front(rng):
    N = int(rng.integers(9, 12))
    return (
        np.stack(
            [rng.permutation(_spread(rng, N)) * scale for scale in (1, 30, 400)], axis=1
        ).astype(np.float32),
    )


@crowding_distance.probe(weight=1)
def only_two_points(rng):
    return (_front(rng, 2),)


@crowding_distance.probe(weight=0.5)
def fewer_points_than_objectives(rng):
    columns = [rng.permutation(_spread(rng, 3)) * scale for scale in (1, 30, 400, 2, 5)]
    return (np.stack(columns, axis=1).astype(np.float32),)


@crowding_distance.probe(weight=0.5)
def small_numbers_below_zero(rng):
    return ((rng.permutation(_front(rng, 5)) - 2) * floats(1e-4, 1),)


example(crowding_distance, floats([0, 40], [1, 20], [10, 0], [4, 10]), weight=0.5)


@crowding_distance.mistake(
    "The gaps are not divided by the objective's range, so the objective "
    "with the largest numbers decides alone."
)
def _(points):
    result = np.zeros(len(points))
    for values in points.T:
        order = values.argsort()
        values = values[order]
        result[order[1:-1]] += values[2:] - values[:-2]
        result[order[[0, -1]]] += 10
    return result


@crowding_distance.mistake(
    "The distances stand in the order of the sorted points. They "
    "belong to the points in their own order."
)
def _(points):
    result = np.zeros(len(points))
    for values in points.T:
        values = np.sort(values)
        result[1:-1] += (values[2:] - values[:-2]) / (values[-1] - values[0])
        result[[0, -1]] += 10
    return result


@crowding_distance.mistake(
    "The gap is that to one neighbour. It reaches from the next smaller to the next larger value."
)
def _(points):
    result = np.zeros(len(points))
    for values in points.T:
        order = values.argsort()
        values = values[order]
        result[order[1:-1]] += (values[2:] - values[1:-1]) / (values[-1] - values[0])
        result[order[[0, -1]]] += 10
    return result


@crowding_distance.mistake(
    "The ends of an objective get nothing here. They get 10: they are kept "
    "before all others, or the front would shrink."
)
def _(points):
    result = np.zeros(len(points))
    for values in points.T:
        order = values.argsort()
        values = values[order]
        result[order[1:-1]] += (values[2:] - values[:-2]) / (values[-1] - values[0])
    return result


@crowding_distance.mistake(
    "The sum is divided by the number of objectives. It is a sum here."
)
def _(points):
    result = np.zeros(len(points))
    for values in points.T:
        order = values.argsort()
        values = values[order]
        result[order[1:-1]] += (values[2:] - values[:-2]) / (values[-1] - values[0])
        result[order[[0, -1]]] += 10
    return result / points.shape[1]


@crowding_distance.mistake(
    "The gaps are half of what they should be: from the next smaller to the next larger value, "
    "not the mean of the two steps."
)
def _(points):
    result = np.zeros(len(points))
    for values in points.T:
        order = values.argsort()
        values = values[order]
        result[order[1:-1]] += (values[2:] - values[:-2]) / 2 / (values[-1] - values[0])
        result[order[[0, -1]]] += 10
    return result


@crowding_distance.mistake(
    "The ends are set to 10, and what other objectives gave them is lost. Add with `+= 10`."
)
def _(points):
    result = np.zeros(len(points))
    for values in points.T:
        order = values.argsort()
        values = values[order]
        result[order[1:-1]] += (values[2:] - values[:-2]) / (values[-1] - values[0])
        result[order[[0, -1]]] = 10
    return result


@crowding_distance.mistake(
    "The ends get infinity, as in the paper. Here they get 10 for each objective."
)
def _(points):
    result = np.zeros(len(points))
    for values in points.T:
        order = values.argsort()
        values = values[order]
        result[order[1:-1]] += (values[2:] - values[:-2]) / (values[-1] - values[0])
        result[order[[0, -1]]] = np.inf
    return result


@crowding_distance.mistake(
    "The sorted gaps are read with `[order]`, which mixes them once more. `result[order] += "
    "gaps` puts each where it belongs."
)
def _(points):
    result = np.zeros(len(points))
    for values in points.T:
        order = values.argsort()
        values = values[order]
        result += np.r_[10, (values[2:] - values[:-2]) / (values[-1] - values[0]), 10][
            order
        ]
    return result


@crowding_distance.mistake(
    "The points are sorted by the first objective only. Sort them for each objective anew."
)
def _(points):
    order = points[:, 0].argsort()
    values = points[order]
    result = np.full(len(points), 10.0 * points.shape[1])
    result[order[1:-1]] = (
        np.abs(values[2:] - values[:-2]) / np.ptp(values, axis=0)
    ).sum(axis=1)
    return result


@crowding_distance.mistake(
    "The gap is that to the nearer neighbour. It reaches from the next smaller to the next "
    "larger value."
)
def _(points):
    distance = np.zeros(len(points))
    for column in points.T:
        order = column.argsort()
        value = column[order]
        distance[order[[0, -1]]] += 10
        gaps = np.minimum(np.diff(value)[1:], np.diff(value)[:-1])
        distance[order[1:-1]] += gaps / (value[-1] - value[0])
    return distance


@crowding_distance.mistake(
    "The gaps are divided by the largest value. The range is largest minus smallest."
)
def _(points):
    distance = np.zeros(len(points))
    for column in points.T:
        order = column.argsort()
        value = column[order]
        distance[order[[0, -1]]] += 10
        distance[order[1:-1]] += (value[2:] - value[:-2]) / value[-1]
    return distance


@crowding_distance.mistake(
    "The gaps are divided by the standard deviation. Divide by the range, largest minus smallest."
)
def _(points):
    distance = np.zeros(len(points))
    for column in points.T:
        order = column.argsort()
        value = column[order]
        distance[order[[0, -1]]] += 10
        distance[order[1:-1]] += (value[2:] - value[:-2]) / column.std()
    return distance


@crowding_distance.mistake(
    "Only the smallest value of an objective gets 10. The largest gets it, too."
)
def _(points):
    distance = np.zeros(len(points))
    for column in points.T:
        order = column.argsort()
        value = column[order]
        distance[order[0]] += 10
        distance[order[1:-1]] += (value[2:] - value[:-2]) / (value[-1] - value[0])
    return distance


@crowding_distance.mistake(
    "The points are not sorted: their neighbours in the table are taken. Sort for each objective."
)
def _(points):
    distance = np.zeros(len(points))
    for value in points.T:
        distance[[0, -1]] += 10
        distance[1:-1] += (value[2:] - value[:-2]) / np.ptp(value)
    return distance


@crowding_distance.mistake("The gaps are squared. Add them up as they are.")
def _(points):
    distance = np.zeros(len(points))
    for column in points.T:
        order = column.argsort()
        value = column[order]
        distance[order[[0, -1]]] += 10
        distance[order[1:-1]] += (
            (value[2:] - value[:-2]) / (value[-1] - value[0])
        ) ** 2
    return distance


@crowding_distance.mistake(
    "The largest gap of a point is taken. Its distance is the sum over the objectives."
)
def _(points):
    distance = np.zeros(len(points))
    for column in points.T:
        order = column.argsort()
        value = column[order]
        gaps = (value[2:] - value[:-2]) / (value[-1] - value[0])
        distance[order[[0, -1]]] += 10
        distance[order[1:-1]] = np.maximum(distance[order[1:-1]], gaps)
    return distance


@crowding_distance.mistake(
    "Only the first two objectives are looked at. The distance is the sum over all of them."
)
def _(points):
    distance = np.zeros(len(points))
    for column in points.T[:2]:
        order = column.argsort()
        value = column[order]
        distance[order[[0, -1]]] += 10
        distance[order[1:-1]] += (value[2:] - value[:-2]) / (value[-1] - value[0])
    return distance


@crowding_distance.mistake(
    "All objectives are divided by one range, that of all numbers. Each has its own."
)
def _(points):
    distance = np.zeros(len(points))
    for column in points.T:
        order = column.argsort()
        value = column[order]
        distance[order[[0, -1]]] += 10
        distance[order[1:-1]] += (value[2:] - value[:-2]) / np.ptp(points)
    return distance


@crowding_distance.mistake(
    "A point at an end of one objective gets 10 in all. What the other objectives give is added."
)
def _(points):
    distance = np.zeros(len(points))
    for column in points.T:
        order = column.argsort()
        value = column[order]
        distance[order[[0, -1]]] += 10
        distance[order[1:-1]] += (value[2:] - value[:-2]) / (value[-1] - value[0])
    return np.minimum(distance, 10)


@crowding_distance.mistake(
    "Only as many objectives as there are points are looked at. Go over all columns."
)
def _(points):
    distance = np.zeros(len(points))
    for column in points.T[: len(points)]:
        order = column.argsort()
        value = column[order]
        distance[order[[0, -1]]] += 10
        distance[order[1:-1]] += (value[2:] - value[:-2]) / (value[-1] - value[0])
    return distance


@crowding_distance.alternative(framework="torch")
def _(points):
    import torch

    ranks = points.argsort(dim=0).argsort(dim=0)
    values = points.sort(dim=0).values
    gaps = torch.full_like(points, 10)
    gaps[1:-1] = (values[2:] - values[:-2]) / (values[-1] - values[0])
    return gaps.gather(0, ranks).sum(dim=1)


@crowding_distance.alternative(framework="mxnet")
def _(points):
    array = points.asnumpy()
    result = []
    for point in array:
        distance = 0.0
        for own, values in zip(point, array.T, strict=True):
            larger, smaller = values[values > own], values[values < own]
            inside = len(larger) and len(smaller)
            distance += (
                (larger.min() - smaller.max()) / np.ptp(values) if inside else 10
            )
        result.append(distance)
    return np.array(result)


@crowding_distance.alternative()
def _(points):
    distance = [0.0] * len(points)
    for values in points.T.tolist():
        order = sorted(range(len(values)), key=values.__getitem__)
        distance[order[0]] += 10
        distance[order[-1]] += 10
        for before, here, after in zip(order, order[1:], order[2:], strict=False):
            distance[here] += (values[after] - values[before]) / (
                values[order[-1]] - values[order[0]]
            )
    return distance


crowding_distance.equivalent(
    "order[[0, -1]] -> order[[-1, 0]]", why="Both ends get the same."
)
crowding_distance.equivalent(
    "len(values) -> len(distance)", why="There is one distance for each point."
)


# 7. An ensemble -----------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "Softmax of every member's logits over the classes, the last axis; then "
        "the mean over the members, the first axis.",
        "Subtract the largest logit of each image first, or exp overflows: `np.exp(logits - "
        "logits.max(axis=2, keepdims=True))`. The frameworks' softmax does so itself.",
    ],
    explanation="""
        The mean of probabilities is a mixture: a member that is unsure has little to say. The
        softmax of mean logits is the normalised geometric mean: one member that is very sure that a
        class is wrong forbids it to all.
    """,
)
def ensemble(logits):
    """The mean of the members' probabilities.

    logits: (K, N, C) float32 of K nets for N images and C classes, between -200 and 200. Returns
    (N, C).
    """
    exps = np.exp(logits - logits.max(axis=2, keepdims=True))
    return (exps / exps.sum(axis=2, keepdims=True)).mean(axis=0)


@ensemble.probe(weight=2, repeat=2)
def several_members(rng):
    K, N, C = (int(n) for n in rng.permutation([3, 5, 4]))
    return (gaussian(rng, K, N, C, scale=2.0) + 1,)


@ensemble.probe(weight=1)
def sure_members(rng):
    height = np.stack(
        [rng.permutation(np.array([180, -180, 180, -180])) for _ in range(3)]
    )[:, None].repeat(5, axis=1)
    height[:, 2] = -180
    return (gaussian(rng, 3, 5, 4) + height.astype(np.float32),)


@ensemble.probe(weight=1)
def one_member(rng):
    return (gaussian(rng, 1, 5, 3),)


@ensemble.probe(weight=0.5)
def one_image(rng):
    return (gaussian(rng, 4, 1, 12, scale=2.0) - 3,)


example(ensemble, np.log(floats([[1, 3]], [[9, 1]])), weight=0.5)


@ensemble.mistake(
    "The logits are averaged before the softmax. Average the probabilities."
)
def _(logits):
    logits = logits.mean(axis=0)
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exps / exps.sum(axis=1, keepdims=True)


@ensemble.mistake(
    "This is the mean of the logits. They must become "
    "probabilities first, each member's for itself."
)
def _(logits):
    return logits.mean(axis=0)


@ensemble.mistake(
    "exp overflows for large logits. Subtract the largest of each "
    "image first, or use a library's softmax."
)
def _(logits):
    with np.errstate(over="ignore", invalid="ignore"):
        exps = np.exp(logits)
        return (exps / exps.sum(axis=2, keepdims=True)).mean(axis=0)


@ensemble.mistake(
    "The probabilities of the members are added up. Their mean is a distribution again."
)
def _(logits):
    exps = np.exp(logits - logits.max(axis=2, keepdims=True))
    return (exps / exps.sum(axis=2, keepdims=True)).sum(axis=0)


@ensemble.mistake(
    "The members vote: these are the shares of their first choices. Average their probabilities."
)
def _(logits):
    return np.eye(logits.shape[2])[logits.argmax(axis=2)].mean(axis=0)


@ensemble.mistake(
    "The softmax runs over the members, the first axis. It runs over the classes, the last one."
)
def _(logits):
    exps = np.exp(logits - logits.max(axis=0))
    return (exps / exps.sum(axis=0)).mean(axis=0)


@ensemble.mistake(
    "The softmax runs over the images, the middle axis. It runs over the classes, the last one."
)
def _(logits):
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (exps / exps.sum(axis=1, keepdims=True)).mean(axis=0)


@ensemble.mistake(
    "One maximum is subtracted for all: an image far below it gets zeros from "
    "exp, and 0 / 0. Subtract each image's own."
)
def _(logits):
    with np.errstate(invalid="ignore"):
        exps = np.exp(logits - logits.max())
        return (exps / exps.sum(axis=2, keepdims=True)).mean(axis=0)


@ensemble.mistake("This is the largest of the members' probabilities. Take their mean.")
def _(logits):
    exps = np.exp(logits - logits.max(axis=2, keepdims=True))
    return (exps / exps.sum(axis=2, keepdims=True)).max(axis=0)


@ensemble.mistake("This is the median of the members' probabilities. Take their mean.")
def _(logits):
    exps = np.exp(logits - logits.max(axis=2, keepdims=True))
    return np.median(exps / exps.sum(axis=2, keepdims=True), axis=0)


@ensemble.mistake("Only the first member is asked. Average over all of them.")
def _(logits):
    exps = np.exp(logits[0] - logits[0].max(axis=1, keepdims=True))
    return exps / exps.sum(axis=1, keepdims=True)


@ensemble.mistake(
    "The mean is taken over the images. It goes over the members, the first axis."
)
def _(logits):
    exps = np.exp(logits - logits.max(axis=2, keepdims=True))
    return (exps / exps.sum(axis=2, keepdims=True)).mean(axis=1)


@ensemble.mistake("These are the classes. Return the mean probabilities, (N, C).")
def _(logits):
    exps = np.exp(logits - logits.max(axis=2, keepdims=True))
    return (exps / exps.sum(axis=2, keepdims=True)).mean(axis=0).argmax(axis=1)


@ensemble.mistake(
    "The logits are cut to a range, so large ones become equal. Subtract each image's largest "
    "instead."
)
def _(logits):
    exps = np.exp(np.clip(logits, -50, 50))
    return (exps / exps.sum(axis=2, keepdims=True)).mean(axis=0)


@ensemble.mistake(
    "A second softmax goes over the mean. The mean of probabilities adds up to 1 already."
)
def _(logits):
    exps = np.exp(logits - logits.max(axis=2, keepdims=True))
    mean = np.exp((exps / exps.sum(axis=2, keepdims=True)).mean(axis=0))
    return mean / mean.sum(axis=1, keepdims=True)


@ensemble.mistake(
    "Each class counts as a yes or no of its own: a sigmoid. Take the softmax over the classes."
)
def _(logits):
    return (1 / (1 + np.exp(-logits.clip(-80, 80)))).mean(axis=0)


@ensemble.mistake(
    "The exponentials are averaged before they are divided by their sum. Each member has a softmax."
)
def _(logits):
    exps = np.exp(logits - logits.max(axis=2, keepdims=True)).mean(axis=0)
    return exps / exps.sum(axis=1, keepdims=True)


@ensemble.mistake(
    "This is the geometric mean of the probabilities. Take the arithmetic one."
)
def _(logits):
    exps = np.exp(logits - logits.max(axis=2, keepdims=True))
    shares = exps / exps.sum(axis=2, keepdims=True)
    return np.exp(np.log(shares + 1e-30).mean(axis=0))


@ensemble.alternative(framework="torch")
def _(logits):
    return logits.softmax(dim=2).mean(dim=0)


@ensemble.alternative(framework="mxnet")
def _(logits):
    from dlkit.mx import nd

    return nd.softmax(logits).mean(axis=0)


@ensemble.alternative()
def _(logits):
    total = 0.0
    for member in logits:
        p = np.exp(member - np.logaddexp.reduce(member, axis=1, keepdims=True))
        total = total + p / len(logits)
    return total


# 8. A few nets for a front ------------------------------------------------------------------------

OPTIONS = 8
NEEDED = 0.83


@question(
    points=2,
    hints=[
        "Two things spoil the obvious answers. The largest rewards are large because their "
        "noise was; and the five most accurate nets are all dear, "
        "where the area also counts cheap ones.",
        "Against the noise: an error is here the sum of what its three layers contribute. The "
        "mean of the 64 nets with the same first layer is hardly noisy; the same of the second "
        "and the third. Their sum, less twice the mean of all, estimates every net.",
        "Against the rest: start with no net; five times add the one that enlarges the area of "
        "question 5 most. `errors.ravel()` and `costs.ravel()` number "
        "the nets as `i * 64 + j * 8 + k`.",
    ],
    explanation="""
        A front that is read off noisy measurements consists of the lucky nets. A model that pools
        what belongs together, here one number for every layer's option, takes most of the noise
        away; the greedy choice then is never worse than 63 % of the best possible area, and in
        practice close to it.
    """,
)
def five_nets(errors, costs):
    """Five nets whose true errors and costs dominate a large area.

    errors: (8, 8, 8) float32, noisy; costs: (8, 8, 8) float32, exact; both between 0 and 1, the
    axes are the options of three layers.
    Returns five numbers from 0 to 511: i * 64 + j * 8 + k for the net of the options i, j, k. The
    area below (1, 1), with the true errors, must be at least 83 % of that of all nets.
    """
    smooth = (
        errors.mean(axis=(1, 2))[:, None, None]
        + errors.mean(axis=(0, 2))[:, None]
        + errors.mean(axis=(0, 1))
        - 2 * errors.mean()
    )
    points, chosen = np.stack([smooth.ravel(), costs.ravel()], axis=1), []

    def area(nets):
        total, lowest = 0.0, 1.0
        for error, cost in sorted(points[nets].tolist()):
            if error < 1 and cost < lowest:
                total += (1 - error) * (lowest - cost)
                lowest = cost
        return total

    for _ in range(5):
        chosen.append(max(range(len(points)), key=lambda net: area([*chosen, net])))
    return chosen


@five_nets.probe(repeat=6)
def a_noisy_space(rng):
    levels = [
        rng.permutation(np.array([0, 0.1, 0.2, 0.32, 0.46, 0.62, 0.8, 1]))
        for _ in range(3)
    ]
    # what is good is mostly dear: costs alone do not tell what is good
    dear = [level + rng.normal(0, 0.25, OPTIONS) for level in levels]
    dear = [(level - level.min()) / np.ptp(level) for level in dear]
    truth = 0.85 - 0.7 * _summed(rng.permutation([0.5, 0.3, 0.2]), levels)
    costs = 0.1 + 0.75 * _summed(rng.permutation([0.5, 0.3, 0.2]), dear)
    errors = truth + rng.normal(0, 0.13, truth.shape)
    return Inputs(
        (errors.astype(np.float32), costs.astype(np.float32)),
        secret=np.stack([truth.ravel(), costs.ravel()], axis=1),
    )


def _summed(shares, levels):
    """(8, 8, 8), of what each layer's option contributes."""
    first, second, third = (
        share * level for share, level in zip(shares, levels, strict=True)
    )
    return first[:, None, None] + second[:, None] + third


@five_nets.measure
def _(inputs, output):
    nets = _as_nets(output)
    if nets is None:
        return Measurement(
            False, f"Five whole numbers from 0 to {OPTIONS**3 - 1} were expected."
        )
    share = _area(inputs.secret[nets]) / _area(inputs.secret)
    return Measurement(
        bool(share >= NEEDED),
        f"The five nets dominate {share:.1%} of the area that all "
        f"nets do; {NEEDED:.0%} are needed.",
    )


def _as_nets(output):
    """The output as five ints in range, or None."""
    try:
        numbers = [np.asarray(number).item() for number in output]
    except (ValueError, TypeError):
        return None
    if len(numbers) != 5 or not all(
        isinstance(n, (int, float)) and n == n // 1 and 0 <= n < OPTIONS**3
        for n in numbers
    ):
        return None
    return [int(n) for n in numbers]


def _area(points):
    """Of two objectives, below (1, 1)."""
    points = points[np.lexsort((points[:, 1], points[:, 0]))].clip(max=1)
    lowest = np.minimum.accumulate(np.append(1, points[:, 1]))
    return ((1 - points[:, 0]) * (lowest[:-1] - lowest[1:])).sum()


def _greedy(points):
    chosen = []
    for _ in range(5):
        chosen.append(
            int(
                np.argmax([_area(points[[*chosen, net]]) for net in range(len(points))])
            )
        )
    return chosen


def _pairs(inputs):
    return np.stack([np.asarray(array, float).ravel() for array in inputs.args], axis=1)


def _most_accurate(inputs, output):
    return sorted(_as_nets(output) or []) == sorted(
        np.argsort(_pairs(inputs)[:, 0], kind="stable")[:5].tolist()
    )


def _cheapest(inputs, output):
    return sorted(_as_nets(output) or []) == sorted(
        np.argsort(_pairs(inputs)[:, 1], kind="stable")[:5].tolist()
    )


def _noisy_greedy(inputs, output):
    return sorted(_as_nets(output) or []) == sorted(_greedy(_pairs(inputs)))


@five_nets.mistake(
    "These are the five nets with the smallest noisy errors. They are close to "
    "each other in cost, and were lucky besides.",
    recognise=_most_accurate,
)
def _(errors, costs):
    return np.argsort(errors.ravel(), kind="stable")[:5]


@five_nets.mistake(
    "These are the five cheapest nets. The area needs accurate ones, too.",
    recognise=_cheapest,
)
def _(errors, costs):
    return np.argsort(costs.ravel(), kind="stable")[:5]


@five_nets.mistake(
    "The nets are spread over the front, but it is a front of noisy "
    "errors: lucky nets. Smooth the errors first.",
    recognise=_noisy_greedy,
)
def _(errors, costs):
    points, chosen = (
        np.stack([errors.astype(float).ravel(), costs.astype(float).ravel()], axis=1),
        [],
    )

    def area(nets):
        total, lowest = 0.0, 1.0
        for error, cost in sorted(points[nets].tolist()):
            if error < 1 and cost < lowest:
                total += (1 - error) * (lowest - cost)
                lowest = cost
        return total

    for _ in range(5):
        chosen.append(max(range(len(points)), key=lambda net: area([*chosen, net])))
    return chosen


@five_nets.alternative(framework="torch")
def _(errors, costs):
    import torch

    smooth = (
        errors.mean(dim=(1, 2))[:, None, None]
        + errors.mean(dim=(0, 2))[:, None]
        + errors.mean(dim=(0, 1))
        - 2 * errors.mean()
    )
    width, height = 1 - smooth.flatten(), 1 - costs.flatten()
    chosen, steps = [], torch.linspace(0, 1, 401)
    # The area so far, seen from the reference: its height at each width.
    roof = torch.zeros(401)
    for _ in range(5):
        # (512, 401)
        roofs = torch.maximum(roof, height[:, None] * (steps <= width[:, None]))
        chosen.append(int(roofs.sum(dim=1).argmax()))
        roof = roofs[chosen[-1]]
    return chosen


@five_nets.alternative(framework="mxnet")
def _(errors, costs):
    e = errors.asnumpy().astype(float)
    first, second, third = e.mean(axis=(1, 2)), e.mean(axis=(0, 2)), e.mean(axis=(0, 1))
    smooth = np.array(
        [
            first[n // 64] + second[n // 8 % 8] + third[n % 8] - 2 * e.mean()
            for n in range(512)
        ]
    )
    points, chosen = np.stack([smooth, costs.asnumpy().ravel()], axis=1), []
    covered, (x, y) = (
        np.zeros((100, 100), bool),
        np.meshgrid(*[np.linspace(0, 1, 100)] * 2, indexing="ij"),
    )
    for _ in range(5):
        gains = [
            (~covered & (error <= x) & (cost <= y)).sum() for error, cost in points
        ]
        chosen.append(int(np.argmax(gains)))
        covered |= (points[chosen[-1], 0] <= x) & (points[chosen[-1], 1] <= y)
    return chosen


@five_nets.alternative()
def _(errors, costs):
    """Least squares with one column for every option of every layer."""
    layers = np.indices(errors.shape).reshape(3, -1)
    design = np.concatenate([np.eye(8)[layer] for layer in layers], axis=1)
    fitted = design @ np.linalg.lstsq(design, errors.ravel(), rcond=None)[0]
    points, chosen = np.stack([fitted, costs.ravel()], axis=1), []

    def area(nets):
        total, lowest = 0.0, 1.0
        for error, cost in sorted(points[nets].tolist()):
            if error < 1 and cost < lowest:
                total += (1 - error) * (lowest - cost)
                lowest = cost
        return total

    for _ in range(5):
        chosen.append(max(range(len(points)), key=lambda net: area([*chosen, net])))
    return chosen


# Inputs -------------------------------------------------------------------------------------------


def _spread(rng, count):
    """Increasing numbers from about 0.1 to about 1, none near another."""
    steps = rng.uniform(0.5, 1.5, count)
    return 0.1 + 0.9 * steps.cumsum() / steps.sum()


def _front(rng, count):
    return np.stack(
        [_spread(rng, count), 1.5 * _spread(rng, count)[::-1]], axis=1
    ).astype(np.float32)


def _cloud(rng, count, objectives):
    return np.stack(
        [rng.permutation(_spread(rng, count)) for _ in range(objectives)], axis=1
    ).astype(np.float32)
