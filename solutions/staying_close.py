"""Staying close: a penalty on the distance from the source weights, its step, the drift of each
part, the exact minimiser, early stopping, and a net that must not forget.
"""

import numpy as np

from autograder import Inputs, Measurement, question
from solutions import ready_made
from solutions.examples import example, floats
from solutions.inputs import gaussian, renumbered

NETWORKS = ("torch", "mxnet")


# 1. The penalty -----------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "The lines for the new layer are given. Yours has the same form; "
        "only, what is squared is not the weight.",
        "What is squared is the distance of each weight from its start, `w - "
        "w0`. Half of alpha stands before the sum.",
    ],
    explanation="""
        Copied weights are pulled to where they began, which holds what the source task has taught;
        new ones have no such place, and are pulled to zero. With the halves, the gradients are
        alpha (w - w0) and beta w, without a factor of two.
    """,
)
def penalty(weights, start, new, alpha, beta):
    """Half of alpha times the squared distance of `weights` from `start`, plus half of beta times
    the squares of `new` (L2-SP).

    weights, start: lists of float32 arrays of the same shapes; new: list of float32 arrays, perhaps
    empty; alpha, beta: numbers  ->  a number
    """
    total = 0
    for w in new:
        total = total + beta / 2 * (w**2).sum()
    for w, w0 in zip(weights, start, strict=True):
        total = total + alpha / 2 * ((w - w0) ** 2).sum()
    return total


@penalty.probe(weight=2, repeat=3)
def copied_and_new(rng):
    shapes = [(int(rng.integers(2, 5)), 3, 2, 2), (int(rng.integers(5, 8)),), (4, 3)]
    return (
        *_weights_and_start(rng, shapes),
        [gaussian(rng, 3, 7), gaussian(rng, 5)],
        *_rates(rng),
    )


@penalty.probe(weight=1)
def nothing_new(rng):
    return (*_weights_and_start(rng, [(3, 5), (7,)]), [], *_rates(rng))


@penalty.probe(weight=0.5)
def nothing_has_moved(rng):
    start = [gaussian(rng, 2, 4), gaussian(rng, 3)]
    return [w0.copy() for w0 in start], start, [gaussian(rng, 5)], *_rates(rng)


example(penalty, [floats(3, 1)], [floats(1, 2)], [floats(2)], 0.1, 0.5, weight=0.5)


@penalty.mistake(
    "This pulls the copied weights to zero, which is plain weight "
    "decay. Take their distance from `start`."
)
def _(weights, start, new, alpha, beta):
    return alpha / 2 * sum((w**2).sum() for w in weights) + beta / 2 * sum(
        (w**2).sum() for w in new
    )


@penalty.mistake(
    "The half before alpha is missing. With it, the gradient is "
    "alpha (w - w0), without a factor of two."
)
def _(weights, start, new, alpha, beta):
    total = beta / 2 * sum((w**2).sum() for w in new)
    return total + alpha * sum(
        ((w - w0) ** 2).sum() for w, w0 in zip(weights, start, strict=True)
    )


@penalty.mistake(
    "This takes the mean of the squares in each array. The penalty is their sum: "
    "an array with more weights counts for more."
)
def _(weights, start, new, alpha, beta):
    total = beta / 2 * sum((w**2).sum() for w in new)
    return total + alpha / 2 * sum(
        ((w - w0) ** 2).mean() for w, w0 in zip(weights, start, strict=True)
    )


@penalty.mistake(
    "The root of each sum is taken. The penalty is the squared distance, "
    "whose gradient falls to zero at the start."
)
def _(weights, start, new, alpha, beta):
    total = beta / 2 * sum((w**2).sum() for w in new)
    return total + alpha / 2 * sum(
        ((w - w0) ** 2).sum() ** 0.5 for w, w0 in zip(weights, start, strict=True)
    )


@penalty.mistake(
    "Distances are added up without their squares, as absolute values. L2-SP squares each."
)
def _(weights, start, new, alpha, beta):
    total = beta / 2 * sum((w**2).sum() for w in new)
    return total + alpha / 2 * sum(
        np.abs(w - w0).sum() for w, w0 in zip(weights, start, strict=True)
    )


@penalty.mistake(
    "Only the last of the arrays counts: `total =` begins anew each "
    "time. Add to what `total` is already."
)
def _(weights, start, new, alpha, beta):
    return alpha / 2 * ((weights[-1] - start[-1]) ** 2).sum()


@penalty.mistake("The copied weights are multiplied by beta. Theirs is alpha.")
def _(weights, start, new, alpha, beta):
    new_part = sum((w**2).sum() for w in new)
    moved = sum(((w - w0) ** 2).sum() for w, w0 in zip(weights, start, strict=True))
    return beta / 2 * (new_part + moved)


@penalty.mistake(
    "The distances are added up first and squared then, so that they cancel. Square each, "
    "then add up."
)
def _(weights, start, new, alpha, beta):
    total = beta / 2 * sum((w**2).sum() for w in new)
    return total + alpha / 2 * sum(
        (w - w0).sum() ** 2 for w, w0 in zip(weights, start, strict=True)
    )


@penalty.mistake(
    "This is the difference of the squares. Take the difference of w and w0 first, and square it."
)
def _(weights, start, new, alpha, beta):
    total = beta / 2 * sum((w**2).sum() for w in new)
    return total + alpha / 2 * sum(
        (w**2 - w0**2).sum() for w, w0 in zip(weights, start, strict=True)
    )


@penalty.mistake(
    "The start is added to the weights. What is squared is their distance, w - w0."
)
def _(weights, start, new, alpha, beta):
    total = beta / 2 * sum((w**2).sum() for w in new)
    return total + alpha / 2 * sum(
        ((w + w0) ** 2).sum() for w, w0 in zip(weights, start, strict=True)
    )


@penalty.mistake(
    "The part of the copied weights is subtracted. Both parts of the penalty are added."
)
def _(weights, start, new, alpha, beta):
    total = beta / 2 * sum((w**2).sum() for w in new)
    return total - alpha / 2 * sum(
        ((w - w0) ** 2).sum() for w, w0 in zip(weights, start, strict=True)
    )


@penalty.mistake(
    "alpha is squared with the distance. It stands before the squares: alpha / 2 (w - w0)^2."
)
def _(weights, start, new, alpha, beta):
    total = beta / 2 * sum((w**2).sum() for w in new)
    return total + sum(
        ((alpha * (w - w0)) ** 2).sum() / 2
        for w, w0 in zip(weights, start, strict=True)
    )


@penalty.alternative(framework="torch")
def _(weights, start, new, alpha, beta):
    import torch

    moved = torch.cat(
        [(w - w0).flatten() for w, w0 in zip(weights, start, strict=True)]
    )
    return 0.5 * alpha * moved @ moved + 0.5 * beta * sum(w.square().sum() for w in new)


@penalty.alternative(framework="mxnet")
def _(weights, start, new, alpha, beta):
    total = 0
    for w in new:
        total = total + beta / 2 * (w**2).sum()
    for i, w0 in enumerate(start):
        total = total + alpha / 2 * (weights[i] - w0).square().sum()
    return total


penalty.equivalent(
    "w, w0 in zip -> w0, w in zip",
    why="A squared distance is the same from either end.",
)


# 2. A step ----------------------------------------------------------------------------------------


@question(
    points=3,
    forbids=ready_made.OPTIMISERS,
    forbids_in_words=ready_made.OPTIMISERS_IN_WORDS,
    hints=[
        "What is the gradient of alpha / 2 (w - w0)^2? Add it to the gradient of "
        "the loss, then make the step as always.",
        "A copied array moves by -lr (gradient + alpha (w - w0)), a new one by -lr (gradient + "
        "beta w). `None` in `start` says which is which.",
        "`if w0 is None:` asks for a new array. (`w0 == None` compares an "
        "array with None, number by number.)",
    ],
    explanation="""
        Both pulls are the same formula with another centre: w0 where there is one, zero where there
        is none. At the first step nothing has moved, so that the penalty of the copied weights is
        silent; it begins to speak once they leave.
    """,
)
def one_step(parameters, gradients, start, lr, alpha, beta):
    """The parameters after one step of gradient descent with L2-SP.

    parameters, gradients: lists of float32 arrays of the same shapes; start: a list of such arrays,
    or None where an array is new  ->  list of arrays
    """
    moved = []
    for w, gradient, w0 in zip(parameters, gradients, start, strict=True):
        pull = beta * w if w0 is None else alpha * (w - w0)
        moved.append(w - lr * (gradient + pull))
    return moved


@one_step.probe(weight=1)
def all_copied(rng):
    shapes = [(int(rng.integers(3, 6)), 2, 3), (int(rng.integers(6, 9)),)]
    return _for_a_step(rng, shapes, new=())


@one_step.probe(weight=2, repeat=3)
def copied_and_new_ones(rng):
    shapes = [
        (4, int(rng.integers(2, 4)), 3, 3),
        (4,),
        (int(rng.integers(5, 8)), 4),
        (9,),
    ]
    return _for_a_step(rng, shapes, new=rng.choice(4, 2, replace=False))


@one_step.probe(weight=0.5)
def one_that_began_at_zero(rng):
    """It was copied all the same."""
    weights, gradients, start, *rates = _for_a_step(rng, [(3, 2), (4,), (5,)], new=[2])
    start[1] = 0 * start[1]
    return weights, gradients, start, *rates


@one_step.probe(weight=0.5)
def all_new(rng):
    return _for_a_step(rng, [(int(rng.integers(3, 6)), 2), (4,)], new=(0, 1))


example(
    one_step,
    [floats(3), floats(3)],
    [floats(4), floats(4)],
    [floats(1), None],
    0.1,
    0.5,
    2,
)


@one_step.mistake(
    "The penalty is not in the step: the gradients are those of the loss alone."
)
def _(parameters, gradients, start, lr, alpha, beta):
    return [
        w - lr * gradient for w, gradient in zip(parameters, gradients, strict=True)
    ]


@one_step.mistake(
    "The copied arrays are pulled to zero, which is plain weight decay. Their centre is `start`."
)
def _(parameters, gradients, start, lr, alpha, beta):
    moved = []
    for w, gradient, w0 in zip(parameters, gradients, start, strict=True):
        moved.append(w - lr * (gradient + (beta if w0 is None else alpha) * w))
    return moved


@one_step.mistake(
    "The pull has the wrong sign: it drives the weights away from their start. The gradient of "
    "the penalty is alpha (w - w0)."
)
def _(parameters, gradients, start, lr, alpha, beta):
    moved = []
    for w, gradient, w0 in zip(parameters, gradients, start, strict=True):
        pull = beta * w if w0 is None else alpha * (w0 - w)
        moved.append(w - lr * (gradient + pull))
    return moved


@one_step.mistake(
    "The pull is not multiplied by lr. It is part of the gradient, and the whole gradient is."
)
def _(parameters, gradients, start, lr, alpha, beta):
    moved = []
    for w, gradient, w0 in zip(parameters, gradients, start, strict=True):
        pull = beta * w if w0 is None else alpha * (w - w0)
        moved.append(w - lr * gradient - pull)
    return moved


@one_step.mistake(
    "The pull is twice as large as it should be. The penalty has a half, so "
    "that its gradient has no factor of two."
)
def _(parameters, gradients, start, lr, alpha, beta):
    moved = []
    for w, gradient, w0 in zip(parameters, gradients, start, strict=True):
        pull = 2 * beta * w if w0 is None else 2 * alpha * (w - w0)
        moved.append(w - lr * (gradient + pull))
    return moved


@one_step.mistake(
    "The new arrays are not pulled at all. They are decayed towards zero, with beta."
)
def _(parameters, gradients, start, lr, alpha, beta):
    moved = []
    for w, gradient, w0 in zip(parameters, gradients, start, strict=True):
        pull = 0 if w0 is None else alpha * (w - w0)
        moved.append(w - lr * (gradient + pull))
    return moved


@one_step.mistake("The new arrays are pulled with alpha. Theirs is beta.")
def _(parameters, gradients, start, lr, alpha, beta):
    moved = []
    for w, gradient, w0 in zip(parameters, gradients, start, strict=True):
        moved.append(w - lr * (gradient + alpha * (w - (0 if w0 is None else w0))))
    return moved


@one_step.mistake(
    "alpha and beta are exchanged: alpha holds the copied arrays, beta the new ones."
)
def _(parameters, gradients, start, lr, alpha, beta):
    moved = []
    for w, gradient, w0 in zip(parameters, gradients, start, strict=True):
        pull = alpha * w if w0 is None else beta * (w - w0)
        moved.append(w - lr * (gradient + pull))
    return moved


@one_step.mistake(
    "The copied arrays are pulled to zero with beta besides. They are pulled to their start alone."
)
def _(parameters, gradients, start, lr, alpha, beta):
    moved = []
    for w, gradient, w0 in zip(parameters, gradients, start, strict=True):
        pull = beta * w if w0 is None else alpha * (w - w0) + beta * w
        moved.append(w - lr * (gradient + pull))
    return moved


@one_step.mistake(
    "The copied arrays are not pulled at all. They are pulled to their start, with alpha."
)
def _(parameters, gradients, start, lr, alpha, beta):
    moved = []
    for w, gradient, w0 in zip(parameters, gradients, start, strict=True):
        pull = beta * w if w0 is None else 0
        moved.append(w - lr * (gradient + pull))
    return moved


@one_step.mistake("The step goes uphill. Subtract lr times the gradient.")
def _(parameters, gradients, start, lr, alpha, beta):
    moved = []
    for w, gradient, w0 in zip(parameters, gradients, start, strict=True):
        pull = beta * w if w0 is None else alpha * (w - w0)
        moved.append(w + lr * (gradient + pull))
    return moved


@one_step.mistake(
    "The pull is half as large as it should be. The half is in the penalty; its gradient has none."
)
def _(parameters, gradients, start, lr, alpha, beta):
    moved = []
    for w, gradient, w0 in zip(parameters, gradients, start, strict=True):
        pull = beta * w / 2 if w0 is None else alpha * (w - w0) / 2
        moved.append(w - lr * (gradient + pull))
    return moved


@one_step.mistake(
    "The pull is computed after the step of the loss. Both gradients are those of the same weights."
)
def _(parameters, gradients, start, lr, alpha, beta):
    moved = []
    for w, gradient, w0 in zip(parameters, gradients, start, strict=True):
        stepped = w - lr * gradient
        pull = beta * stepped if w0 is None else alpha * (stepped - w0)
        moved.append(stepped - lr * pull)
    return moved


@one_step.mistake(
    "The pull is only a sign, as for absolute values. The penalty is made of squares."
)
def _(parameters, gradients, start, lr, alpha, beta):
    moved = []
    for w, gradient, w0 in zip(parameters, gradients, start, strict=True):
        pull = beta * np.sign(w) if w0 is None else alpha * np.sign(w - w0)
        moved.append(w - lr * (gradient + pull))
    return moved


@one_step.mistake(
    "The copied arrays come first, and the new ones behind them. Keep the order of `parameters`."
)
def _(parameters, gradients, start, lr, alpha, beta):
    copied, new = [], []
    for w, gradient, w0 in zip(parameters, gradients, start, strict=True):
        if w0 is None:
            new.append(w - lr * (gradient + beta * w))
        else:
            copied.append(w - lr * (gradient + alpha * (w - w0)))
    return copied + new


@one_step.mistake(
    "A copied array that began at zero is taken for a new one. New are those whose start is None."
)
def _(parameters, gradients, start, lr, alpha, beta):
    result = []
    for w, gradient, w0 in zip(parameters, gradients, start, strict=True):
        is_new = w0 is None or not w0.any()
        pull = beta * w if is_new else alpha * (w - w0)
        result.append(w - lr * (gradient + pull))
    return result


@one_step.alternative(framework="torch")
def _(parameters, gradients, start, lr, alpha, beta):
    result = []
    for i, w in enumerate(parameters):
        pull = beta * w
        if start[i] is not None:
            pull = alpha * (w - start[i])
        result.append(w - lr * gradients[i] - lr * pull)
    return result


@one_step.alternative(framework="mxnet")
def _(parameters, gradients, start, lr, alpha, beta):
    moved = []
    for w, gradient, w0 in zip(parameters, gradients, start, strict=True):
        rate, centre = (beta, 0) if w0 is None else (alpha, w0)
        moved.append((1 - lr * rate) * w + lr * rate * centre - lr * gradient)
    return moved


# 3. The drift of each part ------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "The part of a name is what stands before its first dot: "
        '`name.split(".")[0]`. A part may have many arrays.',
        "For each part add up two sums over all its arrays: of the squares of w - w0, and of "
        "the squares of w0. Divide, and take the root once, at the end.",
        "Go over the names of `start`: arrays that are in `parameters` "
        "alone are new and have no distance.",
    ],
    explanation="""
        Norms of several arrays are joined by their squares: they behave as one long vector.
        Relative distances can be compared between parts of different sizes, and show which of them
        a training has used.
    """,
)
def drift(parameters, start):
    """How far each part of a net has moved, relative to where it began: the norm of the difference
    divided by the norm of the start.

    parameters, start: dicts from names such as "4.body.0.weight" to float32 arrays; the part is
    what stands before the first dot. Names that are in `parameters` alone are passed over. Returns
    a dict from part to number.
    """
    sums = {}
    for name, w0 in start.items():
        part = name.split(".")[0]
        moved, size = sums.get(part, (0, 0))
        sums[part] = (
            moved + float(((parameters[name] - w0) ** 2).sum()),
            size + float((w0**2).sum()),
        )
    return {part: (moved / size) ** 0.5 for part, (moved, size) in sums.items()}


@drift.probe(weight=1)
def one_array_a_part(rng):
    return _net_and_start(rng, ["stem.weight", "dense.weight"])


@drift.probe(weight=2, repeat=2)
def several_arrays(rng):
    return _net_and_start(
        rng,
        [
            "0.weight",
            "1.body.0.weight",
            "1.body.0.bias",
            "1.body.1.weight",
            "2.weight",
            "2.bias",
        ],
    )


@drift.probe(weight=1)
def ten_parts_and_more(rng):
    return _net_and_start(
        rng, ["1.weight", "1.bias", "10.weight", "10.body.bias", "11.weight"]
    )


@drift.probe(weight=1)
def a_new_layer(rng):
    parameters, start = _net_and_start(
        rng, ["body.0.weight", "body.0.bias", "body.1.weight"]
    )
    return {
        "head.weight": gaussian(rng, 3, 4),
        **parameters,
        "body.1.bias": gaussian(rng, 6),
    }, start


@drift.probe(weight=1)
def a_bias_that_began_at_zero(rng):
    """As biases do. Its part does not."""
    parameters, start = _net_and_start(
        rng, ["0.weight", "0.bias", "1.weight", "1.bias"]
    )
    parameters["0.bias"] = parameters["0.bias"] - start["0.bias"]
    start["0.bias"] = 0 * start["0.bias"]
    return dict(reversed(parameters.items())), start


@drift.probe(weight=0.5)
def a_part_that_stands_still(rng):
    parameters, start = _net_and_start(
        rng, ["stem.weight", "layer1.weight", "layer10.weight"]
    )
    parameters["layer1.weight"] = start["layer1.weight"].copy()
    return parameters, start


@drift.probe(weight=0.5)
def parts_in_turn(rng):
    """The arrays of a part do not stand together: a dict may hold all weights first."""
    names = [
        f"{part}.{kind}" for kind in ("weight", "bias") for part in ("3", "12", "7")
    ]
    return _net_and_start(rng, names)


_BEGAN = {
    "4.body.weight": floats(3, 0),
    "4.body.bias": floats(4),
    "10.weight": floats(2),
}
_NOW = {
    "4.body.weight": floats(3, 1),
    "4.body.bias": floats(6),
    "10.weight": floats(1),
    "10.bias": floats(7),
}
example(drift, _NOW, _BEGAN, weight=0.5)


@drift.mistake(
    "The keys are whole numbers. The parts' names are strings, as they are in the names."
)
def _(parameters, start):
    moved, size = {}, {}
    for name, w0 in start.items():
        part = name.split(".")[0]
        part = int(part) if part.isdigit() else part
        moved[part] = moved.get(part, 0) + float(((parameters[name] - w0) ** 2).sum())
        size[part] = size.get(part, 0) + float((w0**2).sum())
    return {part: (moved[part] / size[part]) ** 0.5 for part in size}


@drift.mistake(
    "This divides by nothing: it is the distance itself. Divide by the norm of the start."
)
def _(parameters, start):
    moved = {}
    for name, w0 in start.items():
        part = name.split(".")[0]
        moved[part] = moved.get(part, 0) + float(((parameters[name] - w0) ** 2).sum())
    return {part: moved[part] ** 0.5 for part in moved}


@drift.mistake(
    "The norms of a part's arrays are added up. Add their squares, and take the root of the sum."
)
def _(parameters, start):
    moved, size = {}, {}
    for name, w0 in start.items():
        part = name.split(".")[0]
        moved[part] = moved.get(part, 0) + float(
            ((parameters[name] - w0) ** 2).sum() ** 0.5
        )
        size[part] = size.get(part, 0) + float((w0**2).sum() ** 0.5)
    return {part: moved[part] / size[part] for part in size}


@drift.mistake(
    "This is the mean of the ratios of a part's arrays, in which a small bias counts as much as "
    "a large kernel. Take one ratio a part."
)
def _(parameters, start):
    ratios = {}
    for name, w0 in start.items():
        ratios.setdefault(name.split(".")[0], []).append(
            np.linalg.norm(parameters[name] - w0) / np.linalg.norm(w0)
        )
    return {part: float(np.mean(ratios[part])) for part in ratios}


@drift.mistake("The root is missing: this is the ratio of the squares.")
def _(parameters, start):
    moved, size = {}, {}
    for name, w0 in start.items():
        part = name.split(".")[0]
        moved[part] = moved.get(part, 0) + float(((parameters[name] - w0) ** 2).sum())
        size[part] = size.get(part, 0) + float((w0**2).sum())
    return {part: moved[part] / size[part] for part in size}


@drift.mistake(
    "Each part has kept one array only, the last. Add up over all arrays of the part."
)
def _(parameters, start):
    ratios = {}
    for name, w0 in start.items():
        ratios[name.split(".")[0]] = float(
            (((parameters[name] - w0) ** 2).sum() / (w0**2).sum()) ** 0.5
        )
    return ratios


@drift.mistake(
    "The part is taken for the first character of the name. It is "
    "all that stands before the first dot."
)
def _(parameters, start):
    moved, size = {}, {}
    for name, w0 in start.items():
        part = name[0]
        moved[part] = moved.get(part, 0) + float(((parameters[name] - w0) ** 2).sum())
        size[part] = size.get(part, 0) + float((w0**2).sum())
    return {part: (moved[part] / size[part]) ** 0.5 for part in size}


@drift.mistake(
    "This divides by the norm of the weights as they are now. Divide by the norm of the start."
)
def _(parameters, start):
    moved, size = {}, {}
    for name, w0 in start.items():
        part = name.split(".")[0]
        moved[part] = moved.get(part, 0) + float(((parameters[name] - w0) ** 2).sum())
        size[part] = size.get(part, 0) + float((parameters[name] ** 2).sum())
    return {part: (moved[part] / size[part]) ** 0.5 for part in size}


@drift.mistake(
    "The part is what stands before the last dot. It is what stands before the first."
)
def _(parameters, start):
    sums = {}
    for name, w0 in start.items():
        part = name.rsplit(".", 1)[0]
        moved, size = sums.get(part, (0, 0))
        sums[part] = (
            moved + float(((parameters[name] - w0) ** 2).sum()),
            size + float((w0**2).sum()),
        )
    return {part: (moved / size) ** 0.5 for part, (moved, size) in sums.items() if size}


@drift.mistake(
    "The ratios of a part's arrays are added up. All arrays of a part together have one ratio."
)
def _(parameters, start):
    sums = {}
    for name, w0 in start.items():
        part = name.split(".")[0]
        size = float((w0**2).sum()) or 1.0
        moved = float(((parameters[name] - w0) ** 2).sum())
        sums[part] = sums.get(part, 0) + (moved / size) ** 0.5
    return sums


@drift.mistake(
    "Only the weights are looked at. Biases and all other arrays belong to their part as well."
)
def _(parameters, start):
    sums = {}
    for name, w0 in start.items():
        part = name.split(".")[0]
        moved, size = sums.get(part, (0, 0))
        if name.endswith("weight"):
            moved += float(((parameters[name] - w0) ** 2).sum())
            size += float((w0**2).sum())
        sums[part] = moved, size
    return {part: (moved / size) ** 0.5 for part, (moved, size) in sums.items() if size}


@drift.mistake(
    "The new layers are in it. A name that is not in `start` is passed over."
)
def _(parameters, start):
    sums = {}
    for name, w in parameters.items():
        part = name.split(".")[0]
        w0 = start.get(name, 0 * w)
        moved, size = sums.get(part, (0, 0))
        sums[part] = moved + float(((w - w0) ** 2).sum()), size + float((w0**2).sum())
    return {part: (moved / size) ** 0.5 for part, (moved, size) in sums.items() if size}


@drift.mistake(
    "Names that begin alike are put together: part 1 has got those of part 10, too. Compare "
    "whole parts."
)
def _(parameters, start):
    drifts = {}
    for part in {name.split(".")[0] for name in start}:
        own = [name for name in start if name.startswith(part)]
        moved = sum(
            float(((parameters[name] - start[name]) ** 2).sum()) for name in own
        )
        size = sum(float((start[name] ** 2).sum()) for name in own)
        drifts[part] = (moved / size) ** 0.5
    return drifts


@drift.mistake(
    "Each array has a drift of its own here. All arrays of a part together have one."
)
def _(parameters, start):
    drifts = {}
    for name, w0 in start.items():
        size = float((w0**2).sum()) or 1.0
        drifts[name] = (float(((parameters[name] - w0) ** 2).sum()) / size) ** 0.5
    return drifts


@drift.mistake(
    "This compares the lengths of the weights before and after. Take the length of their "
    "difference."
)
def _(parameters, start):
    sums = {}
    for name, w0 in start.items():
        part = name.split(".")[0]
        now, size = sums.get(part, (0, 0))
        sums[part] = (
            now + float((parameters[name] ** 2).sum()),
            size + float((w0**2).sum()),
        )
    return {
        part: abs(now - size) ** 0.5 / size**0.5 for part, (now, size) in sums.items()
    }


@drift.mistake(
    "Only arrays that follow each other are taken for one part: `groupby` wants them sorted. The "
    "names come in any order."
)
def _(parameters, start):
    import itertools

    found = {}
    for part, group in itertools.groupby(start, lambda name: name.split(".")[0]):
        names = list(group)
        moved = sum(((parameters[name] - start[name]) ** 2).sum() for name in names)
        found[part] = (moved / sum((start[name] ** 2).sum() for name in names)) ** 0.5
    return found


@drift.alternative(framework="torch")
def _(parameters, start):
    import torch

    result = {}
    for part in {name.partition(".")[0] for name in start}:
        names = [name for name in start if name.partition(".")[0] == part]
        before = torch.cat([start[name].flatten() for name in names])
        after = torch.cat([parameters[name].flatten() for name in names])
        result[part] = (after - before).norm() / before.norm()
    return result


@drift.alternative(framework="mxnet")
def _(parameters, start):
    squares = {}
    for name in start:
        pair = squares.setdefault(name[: name.index(".")], [0, 0])
        pair[0] = pair[0] + (parameters[name] - start[name]).square().sum()
        pair[1] = pair[1] + start[name].square().sum()
    return {
        part: (pair[0] / pair[1]).sqrt().asscalar() for part, pair in squares.items()
    }


# 4. The exact minimiser ---------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "Set the gradient to zero: what is the gradient of each of the two terms by w?",
        "X^T (X w - y) + alpha (w - start) = 0. Bring everything with w to the left.",
        "(X^T X + alpha I) w = X^T y + alpha start: a system of d equations, for "
        "`np.linalg.solve`, `torch.linalg.solve` or `nd.linalg.inverse`.",
    ],
    explanation="""
        Where the examples say nothing, X^T X has a zero and w stays exactly at its start, however
        small alpha is; where they say much, alpha hardly counts. Equivalently: fit what the start
        leaves unexplained, y - X start, by ridge regression, and add the start.
    """,
)
def nearest_fit(X, y, start, alpha):
    """The w that minimises half of the sum of squares of X w - y, plus half of alpha times the
    squared distance of w from `start`.

    X: (N, d) float32, often N < d; y: (N,) float32; start: (d,) float32; alpha: a positive number
    ->  (d,)
    """
    d = X.shape[1]
    return np.linalg.solve(X.T @ X + alpha * np.eye(d), X.T @ y + alpha * start)


@nearest_fit.probe(weight=2, repeat=2)
def fewer_examples_than_weights(rng):
    n = int(rng.integers(2, 5))
    return _for_a_fit(rng, n, n + int(rng.integers(2, 5)))


@nearest_fit.probe(weight=1, repeat=2)
def more_examples_than_weights(rng):
    d = int(rng.integers(2, 5))
    return _for_a_fit(rng, d + int(rng.integers(3, 8)), d)


@nearest_fit.probe(weight=0.5)
def one_weight(rng):
    return _for_a_fit(rng, int(rng.integers(1, 3)), 1)


example(nearest_fit, floats([1, 2]), floats(5), floats(3, 2), 1, weight=0.5)


@nearest_fit.mistake(
    "This pulls to zero: it is ridge regression. The start is missing on the right-hand side."
)
def _(X, y, start, alpha):
    return np.linalg.solve(X.T @ X + alpha * np.eye(X.shape[1]), X.T @ y)


@nearest_fit.mistake("The start stands on the right-hand side without its alpha.")
def _(X, y, start, alpha):
    return np.linalg.solve(X.T @ X + alpha * np.eye(X.shape[1]), X.T @ y + start)


@nearest_fit.mistake(
    "This adds the start to a ridge regression of y. Regress what the start leaves unexplained, "
    "y - X start, and then add it."
)
def _(X, y, start, alpha):
    return start + np.linalg.solve(X.T @ X + alpha * np.eye(X.shape[1]), X.T @ y)


@nearest_fit.mistake(
    "alpha is multiplied by N, as for the mean of the squares. Here the loss is their sum."
)
def _(X, y, start, alpha):
    alpha = alpha * len(X)
    return np.linalg.solve(
        X.T @ X + alpha * np.eye(X.shape[1]), X.T @ y + alpha * start
    )


@nearest_fit.mistake(
    "alpha is added to every number of X^T X. It belongs on the diagonal alone."
)
def _(X, y, start, alpha):
    return np.linalg.lstsq(X.T @ X + alpha, X.T @ y + alpha * start, rcond=None)[0]


@nearest_fit.mistake("alpha is twice as large as it should be, as if it had no half.")
def _(X, y, start, alpha):
    return np.linalg.solve(
        X.T @ X + 2 * alpha * np.eye(X.shape[1]), X.T @ y + 2 * alpha * start
    )


@nearest_fit.mistake(
    "The pull to the start is hardly there: this fits as well as it can, and alpha does not count."
)
def _(X, y, start, alpha):
    d = X.shape[1]
    return np.linalg.solve(X.T @ X + 1e-4 * np.eye(d), X.T @ y + 1e-4 * start)


@nearest_fit.mistake(
    "alpha is half as large as it should be. The halves of both sums cancel."
)
def _(X, y, start, alpha):
    d = X.shape[1]
    return np.linalg.solve(X.T @ X + alpha / 2 * np.eye(d), X.T @ y + alpha / 2 * start)


@nearest_fit.mistake(
    "The start is subtracted on the right-hand side. It is added: X^T y + alpha start."
)
def _(X, y, start, alpha):
    d = X.shape[1]
    return np.linalg.solve(X.T @ X + alpha * np.eye(d), X.T @ y - alpha * start)


@nearest_fit.mistake("alpha is squared. The gradient of its part is alpha (w - start).")
def _(X, y, start, alpha):
    d = X.shape[1]
    return np.linalg.solve(X.T @ X + alpha**2 * np.eye(d), X.T @ y + alpha**2 * start)


@nearest_fit.mistake("alpha is not used: this is the answer for alpha 1.")
def _(X, y, start, alpha):
    d = X.shape[1]
    return np.linalg.solve(X.T @ X + np.eye(d), X.T @ y + start)


@nearest_fit.mistake("w has two axes, (d, 1). Return (d,).")
def _(X, y, start, alpha):
    d = X.shape[1]
    w = np.linalg.solve(X.T @ X + alpha * np.eye(d), X.T @ y + alpha * start)
    return w[:, None]


@nearest_fit.alternative(framework="torch")
def _(X, y, start, alpha):
    from torch.linalg import solve

    rest = y - X @ start
    inside = X @ X.T  # (N, N), the smaller system where N < d
    inside.diagonal().add_(alpha)
    return start + X.T @ solve(inside, rest)


@nearest_fit.alternative(framework="mxnet")
def _(X, y, start, alpha):
    from dlkit.mx import nd

    left = nd.dot(X, X, transpose_a=True) + alpha * nd.eye(X.shape[1])
    right = nd.dot(X.T, y) + alpha * start
    return nd.dot(nd.linalg.inverse(left), right)


nearest_fit.equivalent(
    "nd.dot(nd.linalg.inverse(left), right) -> nd.dot(right, nd.linalg.inverse(left))",
    why="The matrix is symmetric, and so is its inverse.",
)


# 5. Early stopping --------------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "Go through the losses once and remember the position of the least so "
        "far. Nothing that comes later may be used.",
        "At position i, i - kept evaluations in a row have brought "
        "nothing better. When do you stop?",
        "The number of evaluations made is i + 1 where training stops, "
        "and all of them where it does not.",
    ],
    explanation="""
        Early stopping keeps a net that is near its start because it has not had the time to go far.
        It may miss a better net beyond a plateau longer than its patience: that is the price of not
        going there.
    """,
)
def stop_early(losses, patience):
    """Which evaluation is kept, and how many were made, when training stops after `patience`
    evaluations in a row that were no better than the best.

    losses: (num_evaluations,) float32, as they would come if training never stopped; patience:
    whole number, at least 1 Returns (position of the one that is kept, number of evaluations made).
    """
    kept = 0
    for i, loss in enumerate(losses):
        if loss < losses[kept]:
            kept = i
        elif i - kept == patience:
            return kept, i + 1
    return kept, len(losses)


@stop_early.probe(weight=4, repeat=3)
def a_better_one_too_late(rng):
    patience, falls = int(rng.integers(2, 5)), int(rng.integers(3, 6))
    first = np.sort(rng.uniform(1, 2, falls))[::-1]
    bump = rng.uniform(2, 3, patience - 1)
    second = np.sort(rng.uniform(0.5, 0.9, int(rng.integers(2, 5))))[::-1]
    wait = rng.uniform(1, 3, patience + 2)
    return np.concatenate([first, bump, second, wait, rng.uniform(0, 0.4, 3)]).astype(
        np.float32
    ), patience


@stop_early.probe(weight=1, repeat=2)
def never_stops(rng):
    patience = int(rng.integers(3, 6))
    falling = np.sort(rng.uniform(1, 3, int(rng.integers(4, 9))))[::-1]
    return np.concatenate([falling, rng.uniform(3, 4, patience - 1)]).astype(
        np.float32
    ), patience


@stop_early.probe(weight=1)
def the_last_is_the_best(rng):
    return np.concatenate([rng.uniform(1, 2, 5), [0.5]]).astype(np.float32), int(
        rng.integers(5, 8)
    )


@stop_early.probe(weight=1)
def a_single_evaluation(rng):
    return rng.uniform(1, 2, 1).astype(np.float32), int(rng.integers(1, 4))


def _rises_at_the_end(rng, more):
    """Falls, and is no better for as long as training waits; then comes what is never seen."""
    patience = int(rng.integers(2, 4))
    falling = np.sort(rng.uniform(1, 3, int(rng.integers(3, 6))))[::-1]
    losses = np.concatenate(
        [falling, rng.uniform(3, 4, patience), rng.uniform(0, 1, more)]
    )
    return losses.astype(np.float32), patience


@stop_early.probe(weight=1)
def stops_at_the_end(rng):
    return _rises_at_the_end(rng, 0)


@stop_early.probe(weight=1)
def stops_just_before_the_end(rng):
    return _rises_at_the_end(rng, 1)


@stop_early.probe(weight=1)
def better_by_a_hair(rng):
    """Each is the next smaller float: training goes on. Small numbers, whose floats are dense."""
    losses = [np.float32(rng.uniform(0.002, 0.004))]
    for _ in range(6):
        losses.append(np.nextafter(losses[-1], np.float32(0)))
    return np.array([*losses, 1.0, 2.0], np.float32), 2


@stop_early.probe(weight=1)
def large_losses(rng):
    """None is below a million, and the best is in the middle."""
    falling = np.sort(rng.uniform(1, 2, 5))[::-1]
    return np.float32(1e6) * np.concatenate([falling, rng.uniform(2, 3, 4)]).astype(
        np.float32
    ), 4


@stop_early.probe(weight=0.5)
def losses_below_zero(rng):
    return -np.sort(rng.uniform(1, 3, 6)).astype(np.float32), 1


@stop_early.probe(weight=0.5)
def patience_of_one(rng):
    first = np.sort(rng.uniform(1, 3, 4))[::-1]
    return np.concatenate([first, [3, 0.5]]).astype(np.float32), 1


@stop_early.probe(weight=0.5)
def a_long_training(rng):
    """It pays to wait for the thousandth evaluation and more, three hundred of them in a row."""
    falling = np.linspace(3, 2, 700) + rng.uniform(0, 1e-4)
    losses = np.concatenate([falling, np.full(300, 4.0), np.linspace(1, 0.5, 60)])
    return losses.astype(np.float32), 301


example(stop_early, floats(2.0, 1.5, 1.6, 1.1, 1.3, 1.1, 0.7, 0.9), 2, weight=0.5)


@stop_early.probe(weight=1)
def the_first_is_the_best(rng):
    return np.concatenate([[0.5], rng.uniform(1, 2, 7)]).astype(np.float32), int(
        rng.integers(1, 5)
    )


@stop_early.probe(weight=1, repeat=4)
def equal_losses(rng):
    best = rng.integers(1, 4) / 4
    later = np.array(
        [best + 2, best + 1, best, best, best, best, best - 0.5, best + 3], np.float32
    )
    return later[int(rng.integers(0, 2)) * 2 :], int(rng.integers(2, 4))


@stop_early.mistake(
    "This looks at losses that come after training has stopped. Only "
    "what has been seen until then can be kept."
)
def _(losses, patience):
    kept = 0
    for i in range(len(losses)):
        if losses[i] < losses[kept]:
            kept = i
        elif i - kept == patience:
            return int(np.argmin(losses)), i + 1
    return int(np.argmin(losses)), len(losses)


@stop_early.mistake(
    "This never stops. After `patience` evaluations in a row without a better one no more are "
    "made, and what they would give is not known."
)
def _(losses, patience):
    return int(np.argmin(losses)), len(losses)


@stop_early.mistake(
    "The last evaluation is kept. Keep the best: the ones after it "
    "only served to find out that it was."
)
def _(losses, patience):
    kept = 0
    for i in range(len(losses)):
        if losses[i] < losses[kept]:
            kept = i
        elif i - kept == patience:
            return i, i + 1
    return len(losses) - 1, len(losses)


@stop_early.mistake(
    "An equal loss counts as better here, and training goes on. Better means less."
)
def _(losses, patience):
    kept = 0
    for i in range(len(losses)):
        if losses[i] <= losses[kept]:
            kept = i
        elif i - kept == patience:
            return kept, i + 1
    return kept, len(losses)


@stop_early.mistake(
    "The count of evaluations that were no better is not set back to zero "
    "by a better one. They must be in a row."
)
def _(losses, patience):
    kept, bad = 0, 0
    for i in range(1, len(losses)):
        if losses[i] < losses[kept]:
            kept = i
        else:
            bad += 1
            if bad == patience:
                return kept, i + 1
    return kept, len(losses)


@stop_early.mistake(
    "Each loss is compared with the one before it. Compare it with the best so far."
)
def _(losses, patience):
    kept, bad = 0, 0
    for i in range(1, len(losses)):
        bad = bad + 1 if losses[i] >= losses[i - 1] else 0
        if losses[i] < losses[kept]:
            kept = i
        if bad == patience:
            return kept, i + 1
    return kept, len(losses)


@stop_early.mistake(
    "Training stops one evaluation too late: it stops as soon as "
    "`patience` of them in a row were no better."
)
def _(losses, patience):
    kept = 0
    for i in range(len(losses)):
        if losses[i] < losses[kept]:
            kept = i
        elif i - kept > patience:
            return kept, i + 1
    return kept, len(losses)


@stop_early.mistake(
    "The second number is the position at which training stopped. Asked for is "
    "how many evaluations were made, one more."
)
def _(losses, patience):
    kept = 0
    for i in range(len(losses)):
        if losses[i] < losses[kept]:
            kept = i
        elif i - kept == patience:
            return kept, i
    return kept, len(losses) - 1


@stop_early.mistake(
    "Each loss is compared with the one before it, and so is the count. Compare with the best "
    "so far."
)
def _(losses, patience):
    kept, bad = 0, 0
    for position in range(1, len(losses)):
        better = losses[position] < losses[position - 1]
        kept, bad = (position, 0) if better else (kept, bad + 1)
        if bad == patience:
            return kept, position + 1
    return kept, len(losses)


@stop_early.mistake(
    "Positions are counted from 1. The first evaluation has position 0."
)
def _(losses, patience):
    kept, bad = 0, 0
    for position in range(1, len(losses)):
        kept, bad = (
            (position, 0) if losses[position] < losses[kept] else (kept, bad + 1)
        )
        if bad == patience:
            return kept + 1, position + 1
    return kept + 1, len(losses)


@stop_early.mistake(
    "The two numbers are in the wrong order: first the position that is kept, then how many "
    "were made."
)
def _(losses, patience):
    kept, bad = 0, 0
    for position in range(1, len(losses)):
        kept, bad = (
            (position, 0) if losses[position] < losses[kept] else (kept, bad + 1)
        )
        if bad == patience:
            return position + 1, kept
    return len(losses), kept


@stop_early.mistake(
    "The second number is always the position kept, patience and one. Training may end before that."
)
def _(losses, patience):
    kept, bad = 0, 0
    for position in range(1, len(losses)):
        kept, bad = (
            (position, 0) if losses[position] < losses[kept] else (kept, bad + 1)
        )
        if bad == patience:
            break
    return kept, kept + patience + 1


@stop_early.mistake(
    "A loss that is only a little smaller does not count as better. Any that is strictly less does."
)
def _(losses, patience):
    kept, bad = 0, 0
    for position in range(1, len(losses)):
        better = losses[position] < losses[kept] - 0.001
        kept, bad = (position, 0) if better else (kept, bad + 1)
        if bad == patience:
            return kept, position + 1
    return kept, len(losses)


@stop_early.alternative(framework="torch")
def _(losses, patience):
    seen = []
    for loss in losses.tolist():
        seen.append(loss)
        kept = seen.index(min(seen))  # the first of equals
        if len(seen) - kept > patience:
            break
    return kept, len(seen)


@stop_early.alternative(framework="mxnet")
def _(losses, patience):
    kept, left = 0, patience
    for i in range(1, len(losses)):
        left -= 1
        if losses[i].asscalar() < losses[kept].asscalar():
            kept, left = i, patience
        if left == 0:
            return kept, i + 1
    return kept, len(losses)


# 6. Slanted digits, and the upright ones not forgotten --------------------------------------------

SLANTED = UPRIGHT = 0.7
"""What every right method reaches for all students: penalties of several strengths, averaged
weights, the source's answers kept, and training that stops early lie some four standard deviations
of the draw above. Weight decay, or the source left as it is, lies as far below.
"""

HIDDEN = 64


@question(
    points=4,
    framework="torch",
    frameworks=NETWORKS,
    driver="fit_predict",
    forbids=ready_made.DATA,
    forbids_in_words=ready_made.DATA_IN_WORDS,
    seconds=60,
    hints=[
        "Build the net, copy the source weights into it before the first step, and keep copies "
        "of them aside: training changes the net's own.",
        "Add alpha / 2 times the squared distance of all parameters from these copies to the "
        "mean cross-entropy. A hundred images make one batch.",
        "lr 0.1, momentum 0.9, 300 steps and alpha 0.01 will do. A larger alpha forgets less "
        "and learns less; try 0.001 and 0.1, too.",
    ],
    explanation="""
        The hundred slanted digits can be learnt in many ways, and most of them give up the upright
        ones, which nothing in the loss defends any more. The penalty chooses, among the nets that
        read the slanted digits, one near the source. Stopping early does something similar; weight
        decay does the opposite, since what it pulls towards is a net that knows nothing.
    """,
)
def adapt(train_images, train_labels, source):
    """A net that reads slanted digits, and upright ones still, at least 70 % of each rightly.

    train_images: (100, 64) float32 in [0, 1], slanted digits, ten of each; train_labels: (100,)
    int64
    source: [weight (64, 64), bias (64,), weight (10, 64), bias (10,)] of a net trained on upright
    digits: dense, ReLU, dense Returns a net: (N, 64) -> (N, 10) logits.
    """
    import torch
    from torch import nn

    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    with torch.no_grad():
        for parameter, w0 in zip(net.parameters(), source, strict=True):
            parameter.copy_(w0)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for _ in range(300):
        distance = sum(
            ((parameter - w0) ** 2).sum()
            for parameter, w0 in zip(net.parameters(), source, strict=True)
        )
        loss = (
            nn.functional.cross_entropy(net(train_images), train_labels)
            + 0.01 / 2 * distance
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net


@adapt.probe()
def slanted_and_upright(rng):
    """900 upright digits for the source, 100 slanted ones to learn from, and the rest, once
    slanted and once upright, to be judged by.
    """
    from dlkit.data import digits

    data = digits()
    images = np.concatenate([data.train_images, data.val_images, data.test_images])[
        :, 0
    ]
    labels = np.concatenate([data.train_labels, data.val_labels, data.test_labels])
    (labels,) = renumbered(rng, labels)
    order = rng.permutation(len(labels))
    images, labels = images[order], labels[order]
    source = _learn(images[:900].reshape(-1, 64), labels[:900], rng)
    few = np.concatenate(
        [900 + np.flatnonzero(labels[900:1350] == digit)[:10] for digit in range(10)]
    )
    few = rng.permutation(few)
    unseen = np.concatenate([_slant(images[1350:]), images[1350:]]).reshape(-1, 64)
    return Inputs(
        (_slant(images[few]).reshape(-1, 64), labels[few], unseen, source),
        secret=np.concatenate([labels[1350:]] * 2),
    )


@adapt.measure
def _(inputs, output):
    shape = np.shape(output["logits"])
    if shape != (len(inputs.secret), 10):
        return Measurement(
            False,
            f"For {len(inputs.secret)} images the net gave an array of shape {shape}; it should "
            f"be ({len(inputs.secret)}, 10).",
        )
    slanted, upright = _accuracies(inputs, output)
    message = (
        f"{slanted:.1%} of {len(inputs.secret) // 2} unseen slanted digits are "
        f"right, and {upright:.1%} of the same upright"
    )
    return Measurement(
        slanted >= SLANTED and upright >= UPRIGHT,
        f"{message}; {SLANTED:.0%} of either are needed.",
    )


def _accuracies(inputs, output):
    """Of the slanted and of the upright ones."""
    right = np.argmax(output["logits"], axis=1) == inputs.secret
    return float(right[: len(right) // 2].mean()), float(
        right[len(right) // 2 :].mean()
    )


def _is_judged_by_accuracy(inputs, output):
    return np.shape(output["logits"]) == (len(inputs.secret), 10)


def _guesses(inputs, output):
    return (
        _is_judged_by_accuracy(inputs, output)
        and max(_accuracies(inputs, output)) < 0.3
    )


def _forgot(inputs, output):
    return (
        _is_judged_by_accuracy(inputs, output)
        and _accuracies(inputs, output)[0] >= 0.7
        and _accuracies(inputs, output)[1] < UPRIGHT
    )


def _stayed(inputs, output):
    return (
        _is_judged_by_accuracy(inputs, output)
        and _accuracies(inputs, output)[0] < SLANTED
        and _accuracies(inputs, output)[1] >= UPRIGHT
    )


def _has_another_number_of_outputs(inputs, output):
    return not _is_judged_by_accuracy(inputs, output)


@adapt.mistake(
    "The net has learnt the slanted digits and forgotten the upright ones. Did it begin at the "
    "source weights, and what keeps it near them? Weight decay does not: it pulls to zero.",
    recognise=_forgot,
)
def _(train_images, train_labels, source):
    import torch
    from torch import nn

    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    with torch.no_grad():
        for parameter, w0 in zip(net.parameters(), source, strict=True):
            parameter.copy_(w0)
    optimizer = torch.optim.SGD(
        net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01
    )
    for _ in range(300):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(train_images), train_labels).backward()
        optimizer.step()
    return net


@adapt.mistake(
    "The net still reads upright digits but has not learnt the slanted ones. The penalty is too "
    "large, or training too short.",
    recognise=_stayed,
)
def _(train_images, train_labels, source):
    import torch
    from torch import nn

    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    with torch.no_grad():
        for parameter, w0 in zip(net.parameters(), source, strict=True):
            parameter.copy_(w0)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(train_images), train_labels).backward()
        optimizer.step()
    return net


@adapt.mistake(
    "The net guesses. Are the source weights copied into it, is `optimizer.step()` (Gluon: "
    "`trainer.step`) called after every `backward`, and is lr sensible?",
    recognise=_guesses,
)
def _(train_images, train_labels, source):
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    with torch.no_grad():
        net[2].weight.zero_()
    return net


@adapt.mistake(
    "The net does not give ten numbers an image. Its last layer is a dense layer with ten outputs.",
    recognise=_has_another_number_of_outputs,
)
def _(train_images, train_labels, source):
    from torch import nn

    return nn.Sequential(nn.Linear(64, 12))


@adapt.alternative(framework="mxnet")
def _(train_images, train_labels, source):
    from dlkit.mx import autograd, gluon

    net = gluon.nn.HybridSequential()
    net.add(
        gluon.nn.Dense(64, activation="relu", in_units=64),
        gluon.nn.Dense(10, in_units=64),
    )
    net.initialize()
    parameters = [net[0].weight, net[0].bias, net[1].weight, net[1].bias]
    for parameter, w0 in zip(parameters, source, strict=True):
        parameter.set_data(w0)
    softmax_loss = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(
        net.collect_params(), "sgd", {"learning_rate": 0.1, "momentum": 0.9}
    )
    for _ in range(300):
        with autograd.record():
            loss = softmax_loss(net(train_images), train_labels).mean()
            for parameter, w0 in zip(parameters, source, strict=True):
                loss = loss + 0.005 * (parameter.data() - w0).square().sum()
        loss.backward()
        trainer.step(1)
        loss.asscalar()
    return net


@adapt.alternative(framework="torch")
def _(train_images, train_labels, source):
    """The pull is added to the gradients, and the loss stays as it is."""
    import torch

    hidden, output = torch.nn.Linear(64, 64), torch.nn.Linear(64, 10)
    net = torch.nn.Sequential(hidden, torch.nn.ReLU(), output)
    names = ("0.weight", "0.bias", "2.weight", "2.bias")
    net.load_state_dict(dict(zip(names, source, strict=True)))
    for _ in range(500):
        loss = torch.nn.functional.cross_entropy(net(train_images), train_labels)
        gradients = torch.autograd.grad(loss, list(net.parameters()))
        with torch.no_grad():
            for parameter, gradient, w0 in zip(
                net.parameters(), gradients, source, strict=True
            ):
                parameter -= 0.5 * (gradient + 0.01 * (parameter - w0))
    return net


# Inputs -------------------------------------------------------------------------------------------


def _weights_and_start(rng, shapes):
    """Lists of arrays: where the weights are, and where they began, not far from there."""
    start = [gaussian(rng, *shape) for shape in shapes]
    return [w0 + gaussian(rng, *w0.shape, scale=0.7) for w0 in start], start


def _rates(rng):
    """alpha and beta, never alike."""
    return float(rng.uniform(0.2, 0.5)), float(rng.uniform(0.7, 1.2))


def _for_a_step(rng, shapes, new):
    weights, start = _weights_and_start(rng, shapes)
    gradients = [gaussian(rng, *shape) for shape in shapes]
    start = [None if place in new else w0 for place, w0 in enumerate(start)]
    return weights, gradients, start, float(rng.uniform(0.1, 0.4)), *_rates(rng)


def _net_and_start(rng, names):
    """Arrays by name, each kind of its own size and spread."""
    shapes = [
        (int(rng.integers(2, 5)), int(rng.integers(5, 8)))
        if "weight" in name
        else (int(rng.integers(3, 6)),)
        for name in names
    ]
    start = {
        name: gaussian(rng, *shape, scale=rng.uniform(0.5, 2))
        for name, shape in zip(names, shapes, strict=True)
    }
    return {
        name: w0 + gaussian(rng, *w0.shape, scale=rng.uniform(0.2, 1))
        for name, w0 in start.items()
    }, start


def _for_a_fit(rng, n, d):
    return (
        gaussian(rng, n, d),
        gaussian(rng, n, scale=2.0),
        gaussian(rng, d, scale=1.5),
        float(rng.uniform(0.3, 2.0)),
    )


def _slant(images):
    """(N, 8, 8): every row moved sideways by half a pixel more than the one above it, so that
    the middle stays.
    """
    rows = images.shape[1]
    slanted = np.zeros_like(images)
    for row in range(rows):
        moved = np.arange(rows) - 0.5 * (row - (rows - 1) / 2)
        left = np.floor(moved).astype(int)
        part = (moved - left).astype(np.float32)
        padded = np.pad(images[:, row], ((0, 0), (rows, rows)))
        slanted[:, row] = (
            padded[:, left + rows] * (1 - part) + padded[:, left + rows + 1] * part
        )
    return slanted


def _learn(X, y, rng):
    """The weights of a net of one hidden layer after 200 steps of gradient descent with
    momentum, in plain NumPy.
    """
    weights = [
        gaussian(rng, HIDDEN, 64, scale=0.18),
        np.zeros(HIDDEN),
        gaussian(rng, 10, HIDDEN, scale=0.25),
        np.zeros(10),
    ]
    velocities = [np.zeros_like(w) for w in weights]
    for _ in range(200):
        hidden = np.maximum(X @ weights[0].T + weights[1], 0)
        logits = hidden @ weights[2].T + weights[3]
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        error = (p / p.sum(axis=1, keepdims=True) - np.eye(10)[y]) / len(y)
        below = (error @ weights[2]) * (hidden > 0)
        gradients = [
            below.T @ X,
            below.sum(axis=0),
            error.T @ hidden,
            error.sum(axis=0),
        ]
        velocities = [
            0.9 * v + g + 0.0005 * w
            for v, g, w in zip(velocities, gradients, weights, strict=True)
        ]
        weights = [w - 0.3 * v for w, v in zip(weights, velocities, strict=True)]
    return [w.astype(np.float32) for w in weights]
