"""Hypergradients: of weight decay from a solved system, of ridge regression's penalty and scale,
Hessian-vector products by central differences, conjugate gradient, the Neumann series, the learning
rate's through truncated training, and a penalty for every feature.
"""

import math

import numpy as np

from autograder import Inputs, Measurement, question
from solutions.examples import example, floats
from solutions.inputs import gaussian

# 1. From the solved system to the hypergradient ---------------------------------------------------


@question(
    points=2,
    hints=[
        "How does the training gradient of a layer change with the logarithm of its decay? Its "
        "penalty is e^rho / 2 times the sum of squares of `w`.",
        "The gradient of the penalty is e^rho w, and so is the derivative of that by rho. The "
        "hypergradient is minus the scalar product of this with `v`.",
    ],
    explanation="""
        A penalty of e^rho / 2 |w|^2 has the gradient e^rho w, and the derivative of that by rho is
        e^rho w again. The minus comes from the implicit function theorem: the weights move so as to
        undo what the change of rho did to the gradient. One solved system serves all layers.
    """,
)
def decay_hypergradient(weights, solved, log_decays):
    """The derivative of the validation loss by the logarithm of each layer's weight decay.

    weights: a list of the layers' weights, float32 of any shapes; solved: a list of arrays of the
    same shapes, the parts of the solution v of H v = (gradient of the validation loss)
    log_decays: a list of numbers rho, one a layer; the training loss contains e^rho / 2 times the
    sum of the layer's squared weights Returns a list of numbers.
    """
    result = []
    for w, v, rho in zip(weights, solved, log_decays, strict=True):
        decay = np.e**rho
        result.append(-decay * (w * v).sum())
    return result


@decay_hypergradient.probe(weight=2, repeat=3)
def several_layers(rng):
    shapes = [(4, 3), (5,), (2, 6)]
    signs = rng.permutation([-1, 1, 1])
    return (
        *_pairs(rng, shapes, signs),
        [
            float(rho)
            for rho in rng.permutation([-1.5, 0.4, -0.6]) + rng.uniform(-0.2, 0.2, 3)
        ],
    )


@decay_hypergradient.probe(weight=1)
def one_layer(rng):
    return *_pairs(rng, [(3, 5)], [-1]), [float(rng.uniform(-2, -1))]


for _rho in (0, math.log(2)):
    example(decay_hypergradient, [floats(1, 2)], [floats(3, -1)], [_rho])


def _pairs(rng, shapes, signs):
    """Two lists of arrays. The scalar product of two has the sign that is given and is far from
    zero, but some of their products have another one.
    """
    weights, solved = [], []
    for shape, sign in zip(shapes, signs, strict=True):
        w = rng.choice([-1, 1], shape) * rng.uniform(0.4, 1.6, shape)
        v = sign * np.sign(w) * rng.uniform(0.4, 1.6, shape)
        v.flat[0] *= -0.4
        weights.append(w.astype(np.float32))
        solved.append((rng.choice([0.6, 1.7]) * v).astype(np.float32))
    return weights, solved


@decay_hypergradient.mistake(
    "The sign is the wrong way round. The weights move so as to undo the "
    "change of the gradient, hence the minus."
)
def _(weights, solved, log_decays):
    return [
        np.exp(rho) * (w * v).sum()
        for w, v, rho in zip(weights, solved, log_decays, strict=True)
    ]


@decay_hypergradient.mistake(
    "This is the derivative by the decay. By its logarithm there is "
    "one more factor, the decay itself."
)
def _(weights, solved, log_decays):
    return [-(w * v).sum() for w, v in zip(weights, solved, strict=True)]


@decay_hypergradient.mistake(
    "The decay is multiplied as if `rho` were it. `rho` is its logarithm."
)
def _(weights, solved, log_decays):
    return [
        -rho * (w * v).sum()
        for w, v, rho in zip(weights, solved, log_decays, strict=True)
    ]


@decay_hypergradient.mistake(
    "Twice too much: the penalty has a factor of one half, which its gradient uses up."
)
def _(weights, solved, log_decays):
    return [
        -2 * np.exp(rho) * (w * v).sum()
        for w, v, rho in zip(weights, solved, log_decays, strict=True)
    ]


@decay_hypergradient.mistake(
    "Half too little: the gradient of e^rho / 2 times w squared is e^rho times w."
)
def _(weights, solved, log_decays):
    return [
        -np.exp(rho) / 2 * (w * v).sum()
        for w, v, rho in zip(weights, solved, log_decays, strict=True)
    ]


@decay_hypergradient.mistake(
    "The products of weights and `v` are averaged. A scalar product adds them up."
)
def _(weights, solved, log_decays):
    return [
        -np.exp(rho) * (w * v).mean()
        for w, v, rho in zip(weights, solved, log_decays, strict=True)
    ]


@decay_hypergradient.mistake(
    "The weights are multiplied by themselves. It is v times w: what the system was solved for."
)
def _(weights, solved, log_decays):
    return [
        -np.exp(rho) * (w * w).sum() for w, rho in zip(weights, log_decays, strict=True)
    ]


@decay_hypergradient.mistake(
    "The products are not added up. Each layer has one number."
)
def _(weights, solved, log_decays):
    pairs = zip(weights, solved, log_decays, strict=True)
    return [-np.exp(rho) * v * w for w, v, rho in pairs]


@decay_hypergradient.mistake(
    "w is squared. The gradient of the decay is exp(rho) w, without a square."
)
def _(weights, solved, log_decays):
    pairs = zip(weights, solved, log_decays, strict=True)
    return [-np.exp(rho) / 2 * (v * w**2).sum() for w, v, rho in pairs]


@decay_hypergradient.mistake(
    "Every layer gets the sum over all layers. Each has the product of its own v and w."
)
def _(weights, solved, log_decays):
    pairs = zip(weights, solved, log_decays, strict=True)
    numbers = [-np.exp(rho) * (v * w).sum() for w, v, rho in pairs]
    return [sum(numbers)] * len(numbers)


@decay_hypergradient.mistake(
    "The weights are missing: the gradient of the decay is exp(rho) w."
)
def _(weights, solved, log_decays):
    return [-np.exp(rho) * v.sum() for v, rho in zip(solved, log_decays, strict=True)]


@decay_hypergradient.mistake("This divides by the decay. It multiplies.")
def _(weights, solved, log_decays):
    pairs = zip(weights, solved, log_decays, strict=True)
    return [-(v * w).sum() / np.exp(rho) for w, v, rho in pairs]


@decay_hypergradient.mistake(
    "The sums are multiplied. Multiply v and w number by number, and add up then."
)
def _(weights, solved, log_decays):
    pairs = zip(weights, solved, log_decays, strict=True)
    return [-np.exp(rho) * v.sum() * w.sum() for w, v, rho in pairs]


@decay_hypergradient.alternative(framework="torch")
def _(weights, solved, log_decays):
    import torch

    decays = torch.tensor(log_decays).exp()
    return [
        -(torch.flatten(w) @ torch.flatten(v) * d)
        for w, v, d in zip(weights, solved, decays, strict=True)
    ]


@decay_hypergradient.alternative(framework="mxnet")
def _(weights, solved, log_decays):
    return [
        -(w * v).sum().asscalar() * np.exp(rho)
        for w, v, rho in zip(weights, solved, log_decays, strict=True)
    ]


decay_hypergradient.equivalent(
    "for w, v, rho -> for v, w, rho",
    why="The product of the two is the same either way.",
)
decay_hypergradient.equivalent(
    "for w, v, d -> for v, w, d", why="The product of the two is the same either way."
)


# 2. Two hyperparameters of ridge regression -------------------------------------------------------


@question(
    points=3,
    hints=[
        "The training gradient is s X'(s X w - y) / n + penalty w with X' the transpose. Its "
        "Hessian is H = s² X'X / n + penalty I, and w solves H w = s X'y / n.",
        "With v the solution of H v = s X_val'(s X_val w - y_val) / m, each hypergradient is "
        "minus v times the derivative of the training gradient by that "
        "hyperparameter: by the penalty this is w.",
        "By the scale it is X'(2 s X w - y) / n. And the validation loss contains the scale "
        "itself: add its own derivative at fixed w, the mean of "
        "(s X_val w - y_val) times X_val w.",
    ],
    explanation="""
        The penalty is felt by the validation loss only through the weights. The scale is felt
        directly as well: change it, and the predictions change before any weight moves. A total
        derivative has both parts, and the direct one is easily forgotten because for a penalty it
        is zero.
    """,
)
def ridge_hypergradients(X, y, X_val, y_val, penalty, scale):
    """The derivatives of the validation loss by the penalty and by the scale of the inputs, with
    the weights at the minimum of the training loss.

    Training loss: mean of (scale * X w - y) squared, over 2, plus penalty / 2 times w squared.
    Validation loss: mean of (scale * X_val w - y_val) squared, over 2.
    X: (n, d), y: (n,), X_val: (m, d), y_val: (m,), all float32; penalty, scale: positive numbers.
    Returns two numbers, by the penalty first.
    """
    A, B = scale * X, scale * X_val
    H = A.T @ A / len(y) + penalty * np.eye(X.shape[1])
    w = np.linalg.solve(H, A.T @ y / len(y))
    error = B @ w - y_val
    v = np.linalg.solve(H, B.T @ error / len(y_val))
    direct = error @ (X_val @ w) / len(y_val)
    mixed = X.T @ (2 * A @ w - y) / len(y)
    return -v @ w, direct - v @ mixed


@ridge_hypergradients.probe(weight=2, repeat=3)
def more_rows_than_columns(rng):
    return _regression(
        rng, int(rng.integers(9, 13)), int(rng.integers(5, 8)), int(rng.integers(2, 5))
    )


@ridge_hypergradients.probe(weight=1)
def fewer_rows_than_columns(rng):
    return _regression(rng, 4, 6, 7)


def _regression(rng, n, m, d):
    """With hypergradients that are not small differences of large numbers."""
    while True:
        X, X_val, truth = (
            gaussian(rng, n, d),
            gaussian(rng, m, d),
            gaussian(rng, d, scale=1.5),
        )
        y, y_val = X @ truth + gaussian(rng, n), X_val @ truth + gaussian(rng, m)
        penalty, scale = float(rng.uniform(0.2, 0.6)), float(rng.uniform(1.3, 2))
        A, B = scale * X, scale * X_val
        H = A.T @ A / n + penalty * np.eye(d)
        w = np.linalg.solve(H, A.T @ y / n)
        error = B @ w - y_val
        v = np.linalg.solve(H, B.T @ error / m)
        direct, indirect = error @ X_val @ w / m, v @ (X.T @ (2 * A @ w - y)) / n
        sizes = np.abs([v @ w, direct, indirect, direct - indirect])
        if sizes.min() > max(0.1, sizes.max() / 8):
            return X, y, X_val, y_val, penalty, scale


example(
    ridge_hypergradients,
    floats([1]),
    floats(2),
    floats([1]),
    floats(0.5),
    1,
    1,
    weight=0.5,
)


@ridge_hypergradients.mistake(
    "By the scale, a part is missing: either the direct one, as the validation loss changes with "
    "the scale even where the weights stay, or X'y, which the scale multiplies as well. At the "
    "minimum both are equally large."
)
def _(X, y, X_val, y_val, penalty, scale):
    A, B = scale * X, scale * X_val
    H = A.T @ A / len(y) + penalty * np.eye(X.shape[1])
    w = np.linalg.solve(H, A.T @ y / len(y))
    v = np.linalg.solve(H, B.T @ (B @ w - y_val) / len(y_val))
    return -v @ w, -v @ (X.T @ (2 * A @ w - y)) / len(y)


@ridge_hypergradients.mistake(
    "By the scale, only the direct part is there. The weights move with the scale, too."
)
def _(X, y, X_val, y_val, penalty, scale):
    A, B = scale * X, scale * X_val
    H = A.T @ A / len(y) + penalty * np.eye(X.shape[1])
    w = np.linalg.solve(H, A.T @ y / len(y))
    error = B @ w - y_val
    v = np.linalg.solve(H, B.T @ error / len(y_val))
    return -v @ w, error @ (X_val @ w) / len(y_val)


@ridge_hypergradients.mistake(
    "The part that comes through the weights has the wrong sign: the "
    "implicit function theorem brings a minus."
)
def _(X, y, X_val, y_val, penalty, scale):
    A, B = scale * X, scale * X_val
    H = A.T @ A / len(y) + penalty * np.eye(X.shape[1])
    w = np.linalg.solve(H, A.T @ y / len(y))
    error = B @ w - y_val
    v = np.linalg.solve(H, B.T @ error / len(y_val))
    return v @ w, error @ (X_val @ w) / len(y_val) + v @ (X.T @ (2 * A @ w - y)) / len(
        y
    )


@ridge_hypergradients.mistake(
    "Everything is twice too large: both losses have a factor of one half."
)
def _(X, y, X_val, y_val, penalty, scale):
    A, B = scale * X, scale * X_val
    H = A.T @ A / len(y) + penalty * np.eye(X.shape[1])
    w = np.linalg.solve(H, A.T @ y / len(y))
    error = B @ w - y_val
    v = 2 * np.linalg.solve(H, B.T @ error / len(y_val))
    return -v @ w, 2 * error @ (X_val @ w) / len(y_val) - v @ (
        X.T @ (2 * A @ w - y)
    ) / len(y)


@ridge_hypergradients.mistake(
    "The derivative of the training gradient by the scale is not complete. The scale stands in "
    "it twice, before the residual and inside it: X'(2 s X w - y) / n."
)
def _(X, y, X_val, y_val, penalty, scale):
    A, B = scale * X, scale * X_val
    H = A.T @ A / len(y) + penalty * np.eye(X.shape[1])
    w = np.linalg.solve(H, A.T @ y / len(y))
    error = B @ w - y_val
    v = np.linalg.solve(H, B.T @ error / len(y_val))
    return -v @ w, error @ (X_val @ w) / len(y_val) - v @ (X.T @ (A @ w - y)) / len(y)


@ridge_hypergradients.mistake(
    "These are the right numbers in the wrong order: by the penalty first."
)
def _(X, y, X_val, y_val, penalty, scale):
    A, B = scale * X, scale * X_val
    H = A.T @ A / len(y) + penalty * np.eye(X.shape[1])
    w = np.linalg.solve(H, A.T @ y / len(y))
    error = B @ w - y_val
    v = np.linalg.solve(H, B.T @ error / len(y_val))
    return error @ (X_val @ w) / len(y_val) - v @ (X.T @ (2 * A @ w - y)) / len(
        y
    ), -v @ w


@ridge_hypergradients.mistake(
    "The first is the derivative by the logarithm of the penalty, as in "
    "question 1. Here it is by the penalty itself."
)
def _(X, y, X_val, y_val, penalty, scale):
    A, B = scale * X, scale * X_val
    H = A.T @ A / len(y) + penalty * np.eye(X.shape[1])
    w = np.linalg.solve(H, A.T @ y / len(y))
    error = B @ w - y_val
    v = np.linalg.solve(H, B.T @ error / len(y_val))
    return -penalty * (v @ w), error @ (X_val @ w) / len(y_val) - v @ (
        X.T @ (2 * A @ w - y)
    ) / len(y)


def _is_near(inputs, output):
    return np.allclose(
        np.asarray(output, float), ridge_hypergradients(*inputs.args), rtol=0.06, atol=0
    )


@ridge_hypergradients.mistake(
    "Nearly right: digits are lost. Finite differences in float32 or with a poor step do that, "
    "and so does an iteration that stops early.",
    recognise=_is_near,
)
def _(X, y, X_val, y_val, penalty, scale):
    def loss(penalty, scale):
        A = np.float32(scale) * X
        H = A.T @ A / len(y) + np.float32(penalty) * np.eye(
            X.shape[1], dtype=np.float32
        )
        w = np.linalg.solve(H, A.T @ y / len(y))
        return float(np.mean((np.float32(scale) * X_val @ w - y_val) ** 2) / 2)

    h = 1e-3
    return (loss(penalty + h, scale) - loss(penalty - h, scale)) / (2 * h), (
        loss(penalty, scale + h) - loss(penalty, scale - h)
    ) / (2 * h)


@ridge_hypergradients.mistake(
    "The derivative by the penalty has the wrong sign: it is - v w."
)
def _(X, y, X_val, y_val, penalty, scale):
    n, m = len(X), len(X_val)
    H = scale**2 * X.T @ X / n + penalty * np.eye(X.shape[1])
    w = np.linalg.solve(H, scale * X.T @ y / n)
    rest = scale * X_val @ w - y_val
    v = np.linalg.solve(H, scale * X_val.T @ rest / m)
    direct = rest @ (X_val @ w) / m
    return v @ w, direct - v @ (2 * scale * X.T @ (X @ w) - X.T @ y) / n


@ridge_hypergradients.mistake("The validation loss is not divided by m.")
def _(X, y, X_val, y_val, penalty, scale):
    n = len(X)
    H = scale**2 * X.T @ X / n + penalty * np.eye(X.shape[1])
    w = np.linalg.solve(H, scale * X.T @ y / n)
    rest = scale * X_val @ w - y_val
    v = np.linalg.solve(H, scale * X_val.T @ rest)
    direct = rest @ (X_val @ w)
    return -v @ w, direct - v @ (2 * scale * X.T @ (X @ w) - X.T @ y) / n


@ridge_hypergradients.mistake("The training loss is not divided by n.")
def _(X, y, X_val, y_val, penalty, scale):
    m = len(X_val)
    H = scale**2 * X.T @ X + penalty * np.eye(X.shape[1])
    w = np.linalg.solve(H, scale * X.T @ y)
    rest = scale * X_val @ w - y_val
    v = np.linalg.solve(H, scale * X_val.T @ rest / m)
    direct = rest @ (X_val @ w) / m
    return -v @ w, direct - v @ (2 * scale * X.T @ (X @ w) - X.T @ y)


@ridge_hypergradients.mistake(
    "The scale is left out of the validation loss. It stands there, too."
)
def _(X, y, X_val, y_val, penalty, scale):
    n, m = len(X), len(X_val)
    H = scale**2 * X.T @ X / n + penalty * np.eye(X.shape[1])
    w = np.linalg.solve(H, scale * X.T @ y / n)
    v = np.linalg.solve(H, X_val.T @ (X_val @ w - y_val) / m)
    return -v @ w, -v @ (2 * scale * X.T @ (X @ w) - X.T @ y) / n


@ridge_hypergradients.mistake(
    "The indirect part of dV/ds has the wrong sign: it is - v times the derivative of the gradient."
)
def _(X, y, X_val, y_val, penalty, scale):
    n, m = len(X), len(X_val)
    H = scale**2 * X.T @ X / n + penalty * np.eye(X.shape[1])
    w = np.linalg.solve(H, scale * X.T @ y / n)
    rest = scale * X_val @ w - y_val
    v = np.linalg.solve(H, scale * X_val.T @ rest / m)
    direct = rest @ (X_val @ w) / m
    return -v @ w, direct + v @ (2 * scale * X.T @ (X @ w) - X.T @ y) / n


@ridge_hypergradients.mistake("The direct part of dV/ds is subtracted. It is added.")
def _(X, y, X_val, y_val, penalty, scale):
    n, m = len(X), len(X_val)
    H = scale**2 * X.T @ X / n + penalty * np.eye(X.shape[1])
    w = np.linalg.solve(H, scale * X.T @ y / n)
    rest = scale * X_val @ w - y_val
    v = np.linalg.solve(H, scale * X_val.T @ rest / m)
    direct = rest @ (X_val @ w) / m
    return -v @ w, -direct - v @ (2 * scale * X.T @ (X @ w) - X.T @ y) / n


@ridge_hypergradients.mistake(
    "The scale is not squared in H: both X of X'X are multiplied by it."
)
def _(X, y, X_val, y_val, penalty, scale):
    n, m = len(X), len(X_val)
    H = scale * X.T @ X / n + penalty * np.eye(X.shape[1])
    w = np.linalg.solve(H, scale * X.T @ y / n)
    rest = scale * X_val @ w - y_val
    v = np.linalg.solve(H, scale * X_val.T @ rest / m)
    direct = rest @ (X_val @ w) / m
    return -v @ w, direct - v @ (2 * scale * X.T @ (X @ w) - X.T @ y) / n


@ridge_hypergradients.mistake(
    "The system with H is not solved for v: the gradient of V itself stands in its place."
)
def _(X, y, X_val, y_val, penalty, scale):
    n, m = len(X), len(X_val)
    H = scale**2 * X.T @ X / n + penalty * np.eye(X.shape[1])
    w = np.linalg.solve(H, scale * X.T @ y / n)
    rest = scale * X_val @ w - y_val
    v = scale * X_val.T @ rest / m
    direct = rest @ (X_val @ w) / m
    return -v @ w, direct - v @ (2 * scale * X.T @ (X @ w) - X.T @ y) / n


@ridge_hypergradients.mistake(
    "The training loss is divided by m where the scale acts on it. It has n rows."
)
def _(X, y, X_val, y_val, penalty, scale):
    n, m = len(X), len(X_val)
    H = scale**2 * X.T @ X / n + penalty * np.eye(X.shape[1])
    w = np.linalg.solve(H, scale * X.T @ y / n)
    rest = scale * X_val @ w - y_val
    v = np.linalg.solve(H, scale * X_val.T @ rest / m)
    direct = rest @ (X_val @ w) / m
    return -v @ w, direct - v @ (2 * scale * X.T @ (X @ w) - X.T @ y) / m


@ridge_hypergradients.mistake(
    "The direct part of dV/ds is multiplied by the scale. It is the residual times X_val w, by m."
)
def _(X, y, X_val, y_val, penalty, scale):
    n, m = len(X), len(X_val)
    H = scale**2 * X.T @ X / n + penalty * np.eye(X.shape[1])
    w = np.linalg.solve(H, scale * X.T @ y / n)
    rest = scale * X_val @ w - y_val
    v = np.linalg.solve(H, scale * X_val.T @ rest / m)
    direct = scale * rest @ (X_val @ w) / m
    return -v @ w, direct - v @ (2 * scale * X.T @ (X @ w) - X.T @ y) / n


@ridge_hypergradients.alternative(framework="torch")
def _(X, y, X_val, y_val, penalty, scale):
    """Autograd through the solver."""
    import torch

    penalty, scale = (
        torch.tensor(float(value), requires_grad=True) for value in (penalty, scale)
    )
    A = scale * X
    w = torch.linalg.solve(
        A.T @ A / len(y) + penalty * torch.eye(X.shape[1]), A.T @ y / len(y)
    )
    loss = ((scale * (X_val @ w) - y_val) ** 2).mean() / 2
    return torch.autograd.grad(loss, (penalty, scale))


@ridge_hypergradients.alternative(framework="mxnet")
def _(X, y, X_val, y_val, penalty, scale):
    from dlkit.mx import nd

    (n, d), m = X.shape, len(X_val)
    root = nd.linalg.potrf(scale**2 / n * nd.dot(X.T, X) + penalty * nd.eye(d))

    def solve(b):
        half = nd.linalg.trsm(root, b.expand_dims(1))
        return nd.linalg.trsm(root, half, transpose=True)[:, 0]

    w = solve(nd.dot(y, X)) * (scale / n)
    outputs = nd.dot(X_val, w)
    error = scale * outputs - y_val
    v = solve(nd.dot(error, X_val)) * (scale / m)
    through_weights = ((2 * scale * nd.dot(X, w) - y) * nd.dot(X, v)).sum() / n
    return -nd.dot(v, w), (error * outputs).mean() - through_weights


@ridge_hypergradients.alternative()
def _(X, y, X_val, y_val, penalty, scale):
    """Central differences in float64."""

    X, y, X_val = (array.astype(np.float64) for array in (X, y, X_val))

    def loss(penalty, scale):
        A, targets = scale * X, y
        w = np.linalg.solve(
            A.T @ A + len(y) * penalty * np.eye(X.shape[1]), A.T @ targets
        )
        return np.mean((scale * X_val @ w - y_val) ** 2) / 2

    h = 1e-4
    return (loss(penalty + h, scale) - loss(penalty - h, scale)) / (2 * h), (
        loss(penalty, scale + h) - loss(penalty, scale - h)
    ) / (2 * h)


for many, inputs in (("y", "X"), ("y_val", "X_val")):
    ridge_hypergradients.equivalent(
        f"len({many}) -> len({inputs})", why="There are as many targets as rows."
    )
ridge_hypergradients.equivalent(
    "m = X.shape, len(X_val) -> m = X.shape, len(y_val)",
    why="There are as many targets as rows.",
)
ridge_hypergradients.equivalent("[:, 0] -> [:, -1]", why="There is one column.")
ridge_hypergradients.equivalent("nd.dot(v, w) -> nd.dot(w, v)", why="A scalar product.")


# 3. A Hessian-vector product without second derivatives -------------------------------------------


@question(
    points=2,
    hints=[
        "The difference of two gradients, at w + step v and at w - step v, "
        "divided by how far apart the two points are.",
        "Write the gradient as a function of the weights first. With p = sigmoid(X w) it is "
        "X'((p - y) p (1 - p)) / n; the penalty adds penalty times w.",
    ],
    explanation="""
        Two gradients, no second derivatives, and no matrix: that is what Gluon needs. The error
        falls with the square of the step, where that of a one-sided difference falls only with the
        step itself, until rounding takes over: small steps ask for float64.
    """,
)
def hessian_vector_product(w, v, X, y, penalty, step):
    """The Hessian of the training loss at w times v, as the central difference of two gradients.

    The loss is the mean of (p - y) squared, over 2, with p = sigmoid(X w), plus penalty / 2 times
    the sum of w squared; its gradient is X.T ((p - y) p (1 - p)) / n + penalty w.
    w, v: (d,) float32; X: (n, d) float32; y: (n,) float32, zeros and ones; penalty, step: positive
    numbers. Returns (d,): the gradient at w + step v minus that at w - step v, over 2 step.
    """

    def gradient(w):
        p = 1 / (1 + np.exp(-X @ w))
        return X.T @ ((p - y) * p * (1 - p)) / len(y) + penalty * w

    return (gradient(w + step * v) - gradient(w - step * v)) / (2 * step)


@hessian_vector_product.probe(weight=2, repeat=3)
def a_wide_step(rng):
    return _logistic(
        rng,
        int(rng.integers(6, 10)),
        int(rng.integers(3, 6)),
        float(rng.uniform(0.6, 0.9)),
    )


@hessian_vector_product.probe(weight=1)
def a_smaller_step(rng):
    return _logistic(rng, 5, 7, float(rng.uniform(0.1, 0.2)))


def _logistic(rng, n, d, step):
    y = np.float32(rng.permutation(n) < n // 2)
    return (
        gaussian(rng, d),
        gaussian(rng, d, scale=1.5),
        gaussian(rng, n, d),
        y,
        float(rng.uniform(0.2, 0.5)),
        step,
    )


@hessian_vector_product.probe(weight=0.5)
def all_of_one_class(rng):
    w, v, X, y, penalty, step = _logistic(rng, 6, 3, float(rng.uniform(0.6, 0.9)))
    return w, v, X, 0 * y, penalty, step


example(
    hessian_vector_product,
    floats(0),
    floats(1),
    floats([1]),
    floats(1),
    1e-6,
    1,
    weight=0.5,
)


@hessian_vector_product.mistake(
    "This is a one-sided difference, from w to w + step v. Take "
    "the points w + step v and w - step v."
)
def _(w, v, X, y, penalty, step):
    def gradient(w):
        p = 1 / (1 + np.exp(-X @ w))
        return X.T @ ((p - y) * p * (1 - p)) / len(y) + penalty * w

    return (gradient(w + step * v) - gradient(w)) / step


@hessian_vector_product.mistake("Twice too large: the two points are 2 step v apart.")
def _(w, v, X, y, penalty, step):
    def gradient(w):
        p = 1 / (1 + np.exp(-X @ w))
        return X.T @ ((p - y) * p * (1 - p)) / len(y) + penalty * w

    return (gradient(w + step * v) - gradient(w - step * v)) / step


@hessian_vector_product.mistake(
    "The penalty is missing: its part of the product is penalty times v."
)
def _(w, v, X, y, penalty, step):
    def gradient(w):
        p = 1 / (1 + np.exp(-X @ w))
        return X.T @ ((p - y) * p * (1 - p)) / len(y)

    return (gradient(w + step * v) - gradient(w - step * v)) / (2 * step)


@hessian_vector_product.mistake(
    "The gradients are added up over the examples. The loss is their mean."
)
def _(w, v, X, y, penalty, step):
    def gradient(w):
        p = 1 / (1 + np.exp(-X @ w))
        return X.T @ ((p - y) * p * (1 - p)) + penalty * w

    return (gradient(w + step * v) - gradient(w - step * v)) / (2 * step)


@hessian_vector_product.mistake(
    "The sign is turned: the gradient at w + step v comes first."
)
def _(w, v, X, y, penalty, step):
    def gradient(w):
        p = 1 / (1 + np.exp(-X @ w))
        return X.T @ ((p - y) * p * (1 - p)) / len(y) + penalty * w

    return (gradient(w - step * v) - gradient(w + step * v)) / (2 * step)


@hessian_vector_product.mistake(
    "The direction is scaled to length 1, so the length of v is lost: "
    "the Hessian times 2v is twice as much."
)
def _(w, v, X, y, penalty, step):
    def gradient(w):
        p = 1 / (1 + np.exp(-X @ w))
        return X.T @ ((p - y) * p * (1 - p)) / len(y) + penalty * w

    unit = v / np.linalg.norm(v)
    return (gradient(w + step * unit) - gradient(w - step * unit)) / (2 * step)


@hessian_vector_product.mistake(
    "The step is divided by the length of v, as in the lesson. Here the "
    "two points are w + step v and w - step v."
)
def _(w, v, X, y, penalty, step):
    def gradient(w):
        p = 1 / (1 + np.exp(-X @ w))
        return X.T @ ((p - y) * p * (1 - p)) / len(y) + penalty * w

    step = step / np.linalg.norm(v)
    return (gradient(w + step * v) - gradient(w - step * v)) / (2 * step)


@hessian_vector_product.mistake(
    "This is the exact product. The central difference with the given "
    "step is asked for, which differs a little."
)
def _(w, v, X, y, penalty, step):
    p = 1 / (1 + np.exp(-X @ w))
    curvature = p * (1 - p) * (p * (1 - p) + (p - y) * (1 - 2 * p))
    return X.T @ (curvature * (X @ v)) / len(y) + penalty * v


@hessian_vector_product.mistake("The difference is not divided by the step.")
def _(w, v, X, y, penalty, step):
    def gradient(at):
        p = 1 / (1 + np.exp(-X @ at))
        return X.T @ ((p - y) * p * (1 - p)) / len(X) + penalty * at

    return (gradient(w + step * v) - gradient(w - step * v)) / 2


@hessian_vector_product.mistake(
    "The difference is halved and multiplied by the step: `/ 2 * step`. Divide by (2 * step)."
)
def _(w, v, X, y, penalty, step):
    def gradient(at):
        p = 1 / (1 + np.exp(-X @ at))
        return X.T @ ((p - y) * p * (1 - p)) / len(X) + penalty * at

    return (gradient(w + step * v) - gradient(w - step * v)) / 2 * step


@hessian_vector_product.mistake(
    "The factor p (1 - p) of the sigmoid is missing in the gradient."
)
def _(w, v, X, y, penalty, step):
    def gradient(at):
        p = 1 / (1 + np.exp(-X @ at))
        return X.T @ (p - y) / len(X) + penalty * at

    return (gradient(w + step * v) - gradient(w - step * v)) / (2 * step)


@hessian_vector_product.mistake(
    "This is the gradient at w. Asked for is how it changes along v."
)
def _(w, v, X, y, penalty, step):
    p = 1 / (1 + np.exp(-X @ w))
    return X.T @ ((p - y) * p * (1 - p)) / len(X) + penalty * w


@hessian_vector_product.mistake(
    "The penalty's part of the gradient is half as large as it should be: it is penalty times w."
)
def _(w, v, X, y, penalty, step):
    def gradient(at):
        p = 1 / (1 + np.exp(-X @ at))
        return X.T @ ((p - y) * p * (1 - p)) / len(X) + penalty / 2 * at

    return (gradient(w + step * v) - gradient(w - step * v)) / (2 * step)


@hessian_vector_product.mistake(
    "This is the backward difference. The central one goes a step to either side."
)
def _(w, v, X, y, penalty, step):
    def gradient(at):
        p = 1 / (1 + np.exp(-X @ at))
        return X.T @ ((p - y) * p * (1 - p)) / len(X) + penalty * at

    return (gradient(w) - gradient(w - step * v)) / step


@hessian_vector_product.mistake(
    "The steps are half as wide as they should be: the points are w + step v and w - step v."
)
def _(w, v, X, y, penalty, step):
    def gradient(at):
        p = 1 / (1 + np.exp(-X @ at))
        return X.T @ ((p - y) * p * (1 - p)) / len(X) + penalty * at

    return (gradient(w + step / 2 * v) - gradient(w - step / 2 * v)) / step


@hessian_vector_product.mistake(
    "The first part of the gradient is twice as large as it should be: the loss has the half."
)
def _(w, v, X, y, penalty, step):
    def gradient(at):
        p = 1 / (1 + np.exp(-X @ at))
        return 2 * X.T @ ((p - y) * p * (1 - p)) / len(X) + penalty * at

    return (gradient(w + step * v) - gradient(w - step * v)) / (2 * step)


@hessian_vector_product.mistake(
    "The difference is divided by the square of the step. Divide by 2 step."
)
def _(w, v, X, y, penalty, step):
    def gradient(at):
        p = 1 / (1 + np.exp(-X @ at))
        return X.T @ ((p - y) * p * (1 - p)) / len(X) + penalty * at

    return (gradient(w + step * v) - gradient(w - step * v)) / step**2


@hessian_vector_product.mistake("The result is multiplied by v once more.")
def _(w, v, X, y, penalty, step):
    def gradient(at):
        p = 1 / (1 + np.exp(-X @ at))
        return X.T @ ((p - y) * p * (1 - p)) / len(X) + penalty * at

    return (gradient(w + step * v) - gradient(w - step * v)) / (2 * step) * v


@hessian_vector_product.alternative(framework="torch")
def _(w, v, X, y, penalty, step):
    import torch

    def gradient(at):
        at.requires_grad_()
        loss = ((torch.sigmoid(X @ at) - y) ** 2).mean() / 2 + penalty / 2 * (at @ at)
        loss.backward()
        return at.grad

    ahead, behind = gradient(w + v * step), gradient(w - v * step)
    return (ahead - behind) / 2 / step


@hessian_vector_product.alternative(framework="mxnet")
def _(w, v, X, y, penalty, step):
    from dlkit.mx import autograd, nd

    gradients = []
    for sign in (1, -1):
        at = w + sign * step * v
        at.attach_grad()
        with autograd.record():
            loss = (
                nd.square(nd.sigmoid(nd.dot(X, at)) - y).mean() / 2
                + penalty / 2 * nd.square(at).sum()
            )
        loss.backward()
        gradients.append(at.grad)
    return (gradients[0] - gradients[1]) / (2 * step)


hessian_vector_product.equivalent(
    "/ len(y) -> / len(X)", why="There are as many targets as rows."
)
hessian_vector_product.equivalent(
    "/ len(y) + -> / len(y) - 1 +",
    why="What both gradients have more cancels in their difference.",
)


# 4. Conjugate gradient ----------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "x = 0, r = b, p = b. In each step: a = (r . r) / (p . H p), x + a p, r - a H p, and "
        "then the new direction p = new r + beta p.",
        "beta is the squared length of the new residual over that of the old one. "
        "Keep the old one until beta is computed.",
        "H p is X'(X p) / n + penalty p. Before each step compare the length of r with "
        "`tolerance`, and stop when it is not larger: r may be zero, and then p . H p is too.",
    ],
    explanation="""
        Each direction is conjugate to all before it: what a step has set right no later one spoils.
        After d steps nothing is left, but for rounding; with a good tolerance it is done much
        earlier. Without the early stop a residual of zero is divided by zero.
    """,
)
def conjugate_gradient(X, b, penalty, num_steps, tolerance):
    """The solution x of H x = b after at most `num_steps` steps of conjugate gradient from x = 0,
    where H = X'X / n + penalty I is the Hessian of ridge regression.

    Before each step, stop if the length of the residual b - H x is at most `tolerance`.
    X: (n, d) float32; b: (d,) float32; penalty: a positive number; num_steps: whole, from 0;
    tolerance: a positive number. Returns (d,).
    """
    x, r, p = 0 * b, b, b
    for _ in range(num_steps):
        squared = r @ r
        if squared**0.5 <= tolerance:
            break
        Ap = X.T @ (X @ p) / len(X) + penalty * p
        step = squared / (p @ Ap)
        x, r = x + step * p, r - step * Ap
        p = r + (r @ r) / squared * p
    return x


@conjugate_gradient.probe(weight=3, repeat=3)
def three_steps(rng):
    """The second has a direction that is no residual, and the third goes on from it."""
    return *_system(rng, int(rng.integers(5, 8))), 3, 1e-6


@conjugate_gradient.probe(weight=0.5, repeat=2)
def stops_at_the_tolerance(rng):
    """After two of four steps; the lengths are far above 1, so that their powers tell."""
    lengths = [1, 1, 1]
    while lengths[1] < 1.3 * lengths[2]:
        X, b, penalty = _system(rng, 6)
        H = X.T @ X / len(X) + penalty * np.eye(6)
        lengths = [np.linalg.norm(b - H @ _krylov(H, b, k)) for k in range(3)]
    scale = 50 / lengths[2]
    return X, np.float32(scale * b), penalty, 4, 51.0


@conjugate_gradient.probe(weight=0.25)
def shorter_in_each_number(rng):
    """After one step every number of the residual is below the tolerance, and its length above."""
    largest, length = 1.0, 1.0
    while length < 1.4 * largest:
        X, b, penalty = _system(rng, 6)
        H = X.T @ X / len(X) + penalty * np.eye(6)
        residual = b - H @ _krylov(H, b, 1)
        largest, length = np.abs(residual).max(), np.linalg.norm(residual)
    scale = 50 / length
    return (
        X,
        np.float32(scale * b),
        penalty,
        4,
        float(scale * np.sqrt(largest * length)),
    )


@conjugate_gradient.probe(weight=0.25)
def as_long_as_the_tolerance(rng):
    """Which is short enough. One number is not zero, so that the length is exact."""
    X, _, penalty = _system(rng, 3)
    return X, rng.permutation(floats(0, 2, 0)), penalty, 3, 2.0


@conjugate_gradient.probe(weight=1)
def b_is_zero(rng):
    X, b, penalty = _system(rng, 4)
    return X, 0 * b, penalty, 3, 1e-6


@conjugate_gradient.probe(weight=1)
def no_step(rng):
    return *_system(rng, 5), 0, 1e-6


def _system(rng, d):
    """X (n, d) and a penalty, so that the eigenvalues of X'X / n + penalty I run from about 1 to
    4, and b with a part along each eigenvector.
    """
    n = d + int(rng.integers(2, 5))
    left, right = (np.linalg.qr(rng.normal(size=(size, size)))[0] for size in (n, d))
    penalty = float(rng.uniform(0.3, 0.8))
    X = left[:, :d] * np.sqrt(n * np.linspace(0.5, 3.4, d)) @ right
    return (
        X.astype(np.float32),
        (rng.uniform(0.8, 2, d) @ right).astype(np.float32),
        penalty,
    )


def _krylov(H, b, k):
    """Where k steps of conjugate gradient arrive: the best point of the space of b, H b, ..., in
    the norm of H.
    """
    if k == 0:
        return np.zeros(len(b))
    basis = np.linalg.qr(
        np.stack(
            [
                np.linalg.matrix_power(np.asarray(H, np.float64), j) @ b
                for j in range(k)
            ],
            axis=1,
        )
    )[0]
    return basis @ np.linalg.solve(basis.T @ H @ basis, basis.T @ b)


@conjugate_gradient.probe(weight=0.5)
def more_steps_than_needed(rng):
    return *_system(rng, 4), 40, 1e-4


example(
    conjugate_gradient, floats([1, 0], [0, 1]), floats(1, 2), 0.5, 5, 1e-6, weight=0.5
)


@conjugate_gradient.mistake(
    "Nothing stops it: once the residual is zero, it divides by zero; "
    "and steps are taken beyond the tolerance."
)
def _(X, b, penalty, num_steps, tolerance):
    with np.errstate(all="ignore"):
        x, r, p = 0 * b, b, b
        for _ in range(num_steps):
            squared = r @ r
            Ap = X.T @ (X @ p) / len(X) + penalty * p
            step = squared / (p @ Ap)
            x, r = x + step * p, r - step * Ap
            p = r + (r @ r) / squared * p
        return x


@conjugate_gradient.mistake(
    "beta is upside down: the new residual's squared length over the old one's."
)
def _(X, b, penalty, num_steps, tolerance):
    x, r, p = 0 * b, b, b
    for _ in range(num_steps):
        squared = r @ r
        if squared**0.5 <= tolerance:
            break
        Ap = X.T @ (X @ p) / len(X) + penalty * p
        step = squared / (p @ Ap)
        x, r = x + step * p, r - step * Ap
        p = r + squared / (r @ r) * p
    return x


@conjugate_gradient.mistake(
    "beta is always 1: the old residual was overwritten before its length was used."
)
def _(X, b, penalty, num_steps, tolerance):
    x, r, p = 0 * b, b, b
    for _ in range(num_steps):
        squared = r @ r
        if squared**0.5 <= tolerance:
            break
        Ap = X.T @ (X @ p) / len(X) + penalty * p
        step = squared / (p @ Ap)
        x, r = x + step * p, r - step * Ap
        p = r + p
    return x


@conjugate_gradient.mistake(
    "Each direction is the residual alone: that is steepest "
    "descent. Add beta times the last direction."
)
def _(X, b, penalty, num_steps, tolerance):
    x, r, p = 0 * b, b, b
    for _ in range(num_steps):
        squared = r @ r
        if squared**0.5 <= tolerance:
            break
        Ap = X.T @ (X @ p) / len(X) + penalty * p
        step = squared / (p @ Ap)
        x, r = x + step * p, r - step * Ap
        p = r
    return x


@conjugate_gradient.mistake(
    "beta is the quotient of the lengths. It is that of the squared lengths."
)
def _(X, b, penalty, num_steps, tolerance):
    x, r, p = 0 * b, b, b
    for _ in range(num_steps):
        squared = r @ r
        if squared**0.5 <= tolerance:
            break
        Ap = X.T @ (X @ p) / len(X) + penalty * p
        step = squared / (p @ Ap)
        x, r = x + step * p, r - step * Ap
        p = r + ((r @ r) / squared) ** 0.5 * p
    return x


@conjugate_gradient.mistake(
    "The squared length of the residual is compared with the tolerance. Compare its length."
)
def _(X, b, penalty, num_steps, tolerance):
    x, r, p = 0 * b, b, b
    for _ in range(num_steps):
        squared = r @ r
        if squared <= tolerance:
            break
        Ap = X.T @ (X @ p) / len(X) + penalty * p
        step = squared / (p @ Ap)
        x, r = x + step * p, r - step * Ap
        p = r + (r @ r) / squared * p
    return x


@conjugate_gradient.mistake(
    "The tolerance is multiplied by the length of b, as in the lesson. Here the residual's "
    "length is compared with it as it stands."
)
def _(X, b, penalty, num_steps, tolerance):
    x, r, p = 0 * b, b, b
    for _ in range(num_steps):
        squared = r @ r
        if squared**0.5 <= tolerance * np.linalg.norm(b):
            break
        Ap = X.T @ (X @ p) / len(X) + penalty * p
        step = squared / (p @ Ap)
        x, r = x + step * p, r - step * Ap
        p = r + (r @ r) / squared * p
    return x


@conjugate_gradient.mistake(
    "The penalty is missing from the products: H p is X'(X p) / n plus penalty times p."
)
def _(X, b, penalty, num_steps, tolerance):
    x, r, p = 0 * b, b, b
    for _ in range(num_steps):
        squared = r @ r
        if squared**0.5 <= tolerance:
            break
        Ap = X.T @ (X @ p) / len(X)
        step = squared / (p @ Ap)
        x, r = x + step * p, r - step * Ap
        p = r + (r @ r) / squared * p
    return x


@conjugate_gradient.mistake(
    "This is the exact solution. What `num_steps` steps reach is asked for."
)
def _(X, b, penalty, num_steps, tolerance):
    return np.linalg.solve(X.T @ X / len(X) + penalty * np.eye(len(b)), b)


@conjugate_gradient.mistake(
    "The products are not divided by the number of rows: H p is X'(X p) / n plus penalty times p."
)
def _(X, b, penalty, num_steps, tolerance):
    x, r, p = 0 * b, b, b
    for _ in range(num_steps):
        squared = r @ r
        if squared**0.5 <= tolerance:
            break
        Ap = X.T @ (X @ p) + penalty * p
        step = squared / (p @ Ap)
        x, r = x + step * p, r - step * Ap
        p = r + (r @ r) / squared * p
    return x


@conjugate_gradient.mistake(
    "r and p are one array, and `r -= ...` changes both. Copy b for each, or write `r = r - ...`."
)
def _(X, b, penalty, num_steps, tolerance):
    x = 0 * b
    r = p = b
    for _ in range(num_steps):
        squared = r @ r
        if squared**0.5 <= tolerance:
            break
        Ap = X.T @ (X @ p) / len(X) + penalty * p
        step = squared / (p @ Ap)
        x += step * p
        r -= step * Ap
        p = r + (r @ r) / squared * p
    return x


@conjugate_gradient.mistake(
    "The residual is looked at only after a step. Look before the first one, too: "
    "b may be zero, and then the step is 0 / 0."
)
def _(X, b, penalty, num_steps, tolerance):
    x, r, p = 0 * b, b, b
    for _ in range(num_steps):
        squared = r @ r
        Ap = X.T @ (X @ p) / len(X) + penalty * p
        step = squared / (p @ Ap)
        x, r = x + step * p, r - step * Ap
        if (r @ r) ** 0.5 <= tolerance:
            break
        p = r + (r @ r) / squared * p
    return x


@conjugate_gradient.mistake("One step too many is taken: at most `num_steps`.")
def _(X, b, penalty, num_steps, tolerance):
    x, r, p = 0 * b, b, b
    for _ in range(num_steps + 1):
        if np.linalg.norm(r) <= tolerance:
            break
        Hp = X.T @ (X @ p) / len(X) + penalty * p
        a = r @ r / (p @ Hp)
        x, new = x + a * p, r - a * Hp
        p, r = new + new @ new / (r @ r) * p, new
    return x


@conjugate_gradient.mistake(
    "One step too few is taken: `num_steps` of them, if the tolerance does not stop it."
)
def _(X, b, penalty, num_steps, tolerance):
    x, r, p = 0 * b, b, b
    for _ in range(num_steps - 1):
        if np.linalg.norm(r) <= tolerance:
            break
        Hp = X.T @ (X @ p) / len(X) + penalty * p
        a = r @ r / (p @ Hp)
        x, new = x + a * p, r - a * Hp
        p, r = new + new @ new / (r @ r) * p, new
    return x


@conjugate_gradient.mistake(
    "The largest number of the residual is compared with the tolerance. Take its length."
)
def _(X, b, penalty, num_steps, tolerance):
    x, r, p = 0 * b, b, b
    for _ in range(num_steps):
        if np.abs(r).max() <= tolerance:
            break
        Hp = X.T @ (X @ p) / len(X) + penalty * p
        a = r @ r / (p @ Hp)
        x, new = x + a * p, r - a * Hp
        p, r = new + new @ new / (r @ r) * p, new
    return x


@conjugate_gradient.mistake("This is the residual. Return x.")
def _(X, b, penalty, num_steps, tolerance):
    x, r, p = 0 * b, b, b
    for _ in range(num_steps):
        if np.linalg.norm(r) <= tolerance:
            break
        Hp = X.T @ (X @ p) / len(X) + penalty * p
        a = r @ r / (p @ Hp)
        x, new = x + a * p, r - a * Hp
        p, r = new + new @ new / (r @ r) * p, new
    return r


@conjugate_gradient.mistake("x moves along the residual. It moves along p.")
def _(X, b, penalty, num_steps, tolerance):
    x, r, p = 0 * b, b, b
    for _ in range(num_steps):
        if np.linalg.norm(r) <= tolerance:
            break
        Hp = X.T @ (X @ p) / len(X) + penalty * p
        a = r @ r / (p @ Hp)
        x, new = x + a * r, r - a * Hp
        p, r = new + new @ new / (r @ r) * p, new
    return x


@conjugate_gradient.mistake(
    "At least one step is taken. With `num_steps` 0 the result is x = 0."
)
def _(X, b, penalty, num_steps, tolerance):
    x, r, p = 0 * b, b, b
    for _ in range(max(num_steps, 1)):
        if np.linalg.norm(r) <= tolerance:
            break
        Hp = X.T @ (X @ p) / len(X) + penalty * p
        a = r @ r / (p @ Hp)
        x, new = x + a * p, r - a * Hp
        p, r = new + new @ new / (r @ r) * p, new
    return x


@conjugate_gradient.mistake(
    "A residual as long as the tolerance does not stop it. At most the tolerance is short enough."
)
def _(X, b, penalty, num_steps, tolerance):
    x, r, p = 0 * b, b, b
    for _ in range(num_steps):
        if np.linalg.norm(r) < tolerance or not r.any():
            break
        Hp = X.T @ (X @ p) / len(X) + penalty * p
        a = r @ r / (p @ Hp)
        x, new = x + a * p, r - a * Hp
        p, r = new + new @ new / (r @ r) * p, new
    return x


@conjugate_gradient.alternative(framework="torch")
def _(X, b, penalty, num_steps, tolerance):
    import torch

    x, r, p = torch.zeros_like(b), b, b
    while num_steps > 0 and r.norm() > tolerance:
        squared, image = r.dot(r), X.T.mv(X.mv(p)) / X.shape[0] + penalty * p
        x = x + squared / p.dot(image) * p
        r = b - X.T.mv(X.mv(x)) / X.shape[0] - penalty * x
        p = r + r.dot(r) / squared * p
        num_steps -= 1
    return x


@conjugate_gradient.alternative(framework="mxnet")
def _(X, b, penalty, num_steps, tolerance):
    from dlkit.mx import nd

    x, r, p = nd.zeros_like(b), b, b
    for _ in range(num_steps):
        squared = nd.square(r).sum()
        if squared.asscalar() <= tolerance**2:
            return x
        image = nd.dot(X.T, nd.dot(X, p)) / len(X) + penalty * p
        step = squared / (p * image).sum()
        x, r = x + step * p, r - step * image
        p = r + nd.square(r).sum() / squared * p
    return x


for _one, _other in (("r @ r", "p @ r"), ("r @ r", "r @ p")):
    conjugate_gradient.equivalent(
        f"squared = {_one} -> squared = {_other}",
        why="p is r plus what is orthogonal to r.",
    )
conjugate_gradient.equivalent(
    "p @ Ap -> r @ Ap", why="p is r plus what is conjugate to p."
)
for _one, _other in (("r.dot(r)", "p.dot(r)"), ("r.dot(r)", "r.dot(p)")):
    conjugate_gradient.equivalent(
        f"squared, image = {_one} -> squared, image = {_other}",
        why="p is r plus what is orthogonal to r.",
    )
conjugate_gradient.equivalent(
    "p.dot(image) -> r.dot(image)", why="p is r plus what is conjugate to p."
)
conjugate_gradient.equivalent(
    "(p * image) -> (r * image)", why="p is r plus what is conjugate to p."
)
conjugate_gradient.equivalent(
    "<= tolerance -> < tolerance",
    why="The two are never equal, but for a residual of zero, and the tolerance is positive.",
)
conjugate_gradient.equivalent(
    "r.norm() > tolerance -> r.norm() >= tolerance", why="The two are never equal."
)
conjugate_gradient.equivalent(
    "x, r, p = 0 * b, b, b -> x, p, r = 0 * b, b, b", why="Both begin at b."
)
conjugate_gradient.equivalent(
    "x, r, p = torch.zeros_like(b), b, b -> x, p, r = torch.zeros_like(b), b, b",
    why="Both begin at b.",
)
conjugate_gradient.equivalent(
    "x, r, p = nd.zeros_like(b), b, b -> x, p, r = nd.zeros_like(b), b, b",
    why="Both begin at b.",
)


# 5. The Neumann series ----------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "The first term is lr times g. Each next one is the last times (I - lr H): subtract lr "
        "H times it, where H times a vector is X'(X vector) / n + penalty vector.",
        "num_terms counts the first one, so the loop turns num_terms - 1 times. Return the sum "
        "of all the terms, not the last.",
    ],
    explanation="""
        1 / (1 - q) = 1 + q + q² + ..., for matrices with q = I - lr H. It converges while lr is
        below 2 over H's largest eigenvalue, and each term does for the hypergradient what one more
        step, remembered, does in a truncated unrolled training.
    """,
)
def neumann(X, g, penalty, lr, num_terms):
    """The first `num_terms` terms of the Neumann series for the solution of H v = g: lr times the
    sum of (I - lr H)^j g, j = 0 ... num_terms - 1.

    H = X'X / n + penalty I. X: (n, d) float32; g: (d,) float32; penalty, lr: positive numbers;
    num_terms: whole, at least 1. Returns (d,).
    """
    term = total = lr * g
    for _ in range(num_terms - 1):
        term = term - lr * (X.T @ (X @ term) / len(X) + penalty * term)
        total = total + term
    return total


@neumann.probe(weight=2, repeat=3)
def a_few_terms(rng):
    return (
        *_system(rng, int(rng.integers(4, 7))),
        float(rng.uniform(0.1, 0.25)),
        int(rng.integers(3, 7)),
    )


@neumann.probe(weight=1)
def one_term(rng):
    return *_system(rng, 5), float(rng.uniform(0.1, 0.25)), 1


@neumann.probe(weight=0.5)
def many_terms(rng):
    return *_system(rng, 4), float(rng.uniform(0.01, 0.02)), int(rng.integers(101, 130))


for _terms in (1, 2, 3):
    example(neumann, floats([1]), floats(1), 1, 0.25, _terms, weight=0.2)


@neumann.mistake("There is one term too many: the first, lr times g, counts.")
def _(X, g, penalty, lr, num_terms):
    term = total = lr * g
    for _ in range(num_terms):
        term = term - lr * (X.T @ (X @ term) / len(X) + penalty * term)
        total = total + term
    return total


@neumann.mistake(
    "The factor lr before the sum is missing, so the result is too large by 1 / lr."
)
def _(X, g, penalty, lr, num_terms):
    term = total = g
    for _ in range(num_terms - 1):
        term = term - lr * (X.T @ (X @ term) / len(X) + penalty * term)
        total = total + term
    return total


@neumann.mistake("This is the last term alone. Add them all up.")
def _(X, g, penalty, lr, num_terms):
    term = lr * g
    for _ in range(num_terms - 1):
        term = term - lr * (X.T @ (X @ term) / len(X) + penalty * term)
    return term


@neumann.mistake(
    "The terms are powers of I - H: lr belongs before H inside the bracket as well."
)
def _(X, g, penalty, lr, num_terms):
    term = total = lr * g
    for _ in range(num_terms - 1):
        term = term - (X.T @ (X @ term) / len(X) + penalty * term)
        total = total + term
    return total


@neumann.mistake(
    "The terms are powers of I + lr H, which grow. The bracket is I minus lr H."
)
def _(X, g, penalty, lr, num_terms):
    term = total = lr * g
    for _ in range(num_terms - 1):
        term = term + lr * (X.T @ (X @ term) / len(X) + penalty * term)
        total = total + term
    return total


@neumann.mistake(
    "The penalty is missing from the products: H has penalty times I in it."
)
def _(X, g, penalty, lr, num_terms):
    term = total = lr * g
    for _ in range(num_terms - 1):
        term = term - lr * (X.T @ (X @ term) / len(X))
        total = total + term
    return total


@neumann.mistake(
    "This is the exact solution, the sum of all terms. The first `num_terms` are asked for."
)
def _(X, g, penalty, lr, num_terms):
    return np.linalg.solve(X.T @ X / len(X) + penalty * np.eye(len(g)), g)


@neumann.mistake(
    "The products are not divided by the number of rows: H is X'X / n plus penalty times I."
)
def _(X, g, penalty, lr, num_terms):
    term = total = lr * g
    for _ in range(num_terms - 1):
        term = term - lr * (X.T @ (X @ term) + penalty * term)
        total = total + term
    return total


@neumann.mistake(
    "The sum and its term are one array, which `-=` and `+=` change "
    "together. Copy it, or write `term = term - ...`."
)
def _(X, g, penalty, lr, num_terms):
    term = total = lr * g
    for _ in range(num_terms - 1):
        term -= lr * (X.T @ (X @ term) / len(X) + penalty * term)
        total += term
    return total


@neumann.mistake(
    "The first term is lost and the second counts twice: sum and term were one array, and `term "
    "-= ...` changed both. Write `term = term - ...`."
)
def _(X, g, penalty, lr, num_terms):
    term = total = lr * g
    for _ in range(num_terms - 1):
        term -= lr * (X.T @ (X @ term) / len(X) + penalty * term)
        total = total + term
    return total


@neumann.mistake("There is a term too few: `num_terms` counts the first one as well.")
def _(X, g, penalty, lr, num_terms):
    term, total = lr * g, lr * g
    for _ in range(num_terms - 2):
        term = term - lr * (X.T @ (X @ term) / len(X) + penalty * term)
        total = total + term
    return total


@neumann.mistake("The penalty's part is not multiplied by lr. The whole of H is.")
def _(X, g, penalty, lr, num_terms):
    term, total = lr * g, lr * g
    for _ in range(num_terms - 1):
        term = term - lr * (X.T @ (X @ term) / len(X)) - penalty * term
        total = total + term
    return total


@neumann.mistake(
    "Later terms are multiplied by lr once more. It stands before each term once."
)
def _(X, g, penalty, lr, num_terms):
    term, total = lr * g, lr * g
    for _ in range(num_terms - 1):
        term = term - lr * (X.T @ (X @ term) / len(X) + penalty * term)
        total = total + lr * term
    return total


@neumann.mistake("The terms are averaged. Add them up.")
def _(X, g, penalty, lr, num_terms):
    term, total = lr * g, lr * g
    for _ in range(num_terms - 1):
        term = term - lr * (X.T @ (X @ term) / len(X) + penalty * term)
        total = total + term
    return total / num_terms


@neumann.mistake(
    "X'X is divided by the number of features. Divide by n, the number of rows."
)
def _(X, g, penalty, lr, num_terms):
    term, total = lr * g, lr * g
    for _ in range(num_terms - 1):
        term = term - lr * (X.T @ (X @ term) / X.shape[1] + penalty * term)
        total = total + term
    return total


@neumann.mistake(
    "Each term begins with g again. The next one is (I - lr H) times the one before."
)
def _(X, g, penalty, lr, num_terms):
    term, total = lr * g, lr * g
    for _ in range(num_terms - 1):
        term = g - lr * (X.T @ (X @ term) / len(X) + penalty * term)
        total = total + term
    return total


@neumann.mistake(
    "The first part of H is twice as large as it should be: H is X'X / n + penalty I."
)
def _(X, g, penalty, lr, num_terms):
    term, total = lr * g, lr * g
    for _ in range(num_terms - 1):
        term = term - lr * (2 * X.T @ (X @ term) / len(X) + penalty * term)
        total = total + term
    return total


@neumann.alternative(framework="torch")
def _(X, g, penalty, lr, num_terms):
    """Gradient descent on v H v / 2 - g v, from zero."""
    v = g * 0
    for _ in range(num_terms):
        v = v - lr * (X.T @ (X @ v) / X.shape[0] + penalty * v - g)
    return v


@neumann.alternative(framework="mxnet")
def _(X, g, penalty, lr, num_terms):
    from dlkit.mx import nd

    terms = [lr * g]
    while len(terms) < num_terms:
        last = terms[-1]
        terms.append(
            (1 - lr * penalty) * last - lr / X.shape[0] * nd.dot(X.T, nd.dot(X, last))
        )
    return nd.add_n(*terms)


# 6. The learning rate's hypergradient, truncated --------------------------------------------------


@question(
    points=3,
    hints=[
        "Train as always. Beside w carry z, the derivative of w by lr: differentiate w - lr "
        "X'(X w - y) / n by lr, where w depends on lr, too.",
        "z becomes z - lr X'(X z) / n - gradient, with the gradient at the w before the step. "
        "At the end the hypergradient is (w - target) times z, added up.",
        "Truncation: as long as more than `last` steps are still to come, z stays zero.",
    ],
    explanation="""
        Each step adds its own gradient, the direct part, and passes on what it got, times I - lr H.
        With last = 1 only the direct part of the last step is left, which is how some methods adapt
        the rate while training; it sees none of what a rate does to later steps, hence its bias.
    """,
)
def lr_hypergradient(X, y, w, target, lr, num_steps, last):
    """The derivative by lr of half the squared distance between the trained w and `target`, through
    the last `last` steps only.

    Training: w becomes w - lr X'(X w - y) / n, `num_steps` times. The w with which the last `last`
        steps begin is taken as given, as if it did not depend on lr.
    X: (n, d), y: (n,), w, target: (d,), all float32; lr: a positive number; num_steps, last: whole,
    1 <= last <= num_steps. Returns a number.
    """
    z = 0.0 * w
    for t in range(num_steps):
        gradient = X.T @ (X @ w - y) / len(X)
        if t >= num_steps - last:
            z = z - lr * (X.T @ (X @ z)) / len(X) - gradient
        w = w - lr * gradient
    return (w - target) @ z


@lr_hypergradient.probe(weight=2, repeat=3)
def the_whole_training(rng):
    num_steps = int(rng.integers(3, 6))
    return _training(rng, num_steps, num_steps)


@lr_hypergradient.probe(weight=2, repeat=3)
def truncated(rng):
    return _training(rng, int(rng.integers(5, 7)), int(rng.integers(2, 4)))


@lr_hypergradient.probe(weight=1)
def one_step_from_zero(rng):
    X, y, w, target, *rest = _training(rng, 1, 1)
    return X, (y - X @ w).astype(np.float32), 0 * w, target - w, *rest


def _training(rng, num_steps, last):
    """Slow enough that every step matters, and far from where the hypergradient is zero."""
    X, direction, _ = _system(rng, int(rng.integers(3, 6)))
    w = gaussian(rng, len(direction))
    # training moves along `direction`
    y = (X @ (w + 2 * direction) + gaussian(rng, len(X), scale=0.5)).astype(np.float32)
    target = w + 4 * direction + gaussian(rng, len(direction), scale=0.3)
    return X, y, w, target, float(rng.uniform(0.08, 0.13)), num_steps, last


@lr_hypergradient.probe(weight=0.25)
def many_steps(rng):
    return _training(rng, 30, 25)


@lr_hypergradient.probe(weight=0.25)
def the_last_step_only(rng):
    return _training(rng, int(rng.integers(4, 6)), 1)


for _last in (2, 1):
    example(
        lr_hypergradient, floats([1]), floats(1), floats(0), floats(1), 0.5, 2, _last
    )


@lr_hypergradient.mistake(
    "The whole training is differentiated. Only its last steps count: before them, z stays zero."
)
def _(X, y, w, target, lr, num_steps, last):
    z = 0.0 * w
    for _ in range(num_steps):
        gradient = X.T @ (X @ w - y) / len(X)
        z = z - lr * (X.T @ (X @ z)) / len(X) - gradient
        w = w - lr * gradient
    return (w - target) @ z


@lr_hypergradient.mistake(
    "The first steps are differentiated instead of the last ones."
)
def _(X, y, w, target, lr, num_steps, last):
    z = 0.0 * w
    for t in range(num_steps):
        gradient = X.T @ (X @ w - y) / len(X)
        if t < last:
            z = z - lr * (X.T @ (X @ z)) / len(X) - gradient
        w = w - lr * gradient
    return (w - target) @ z


@lr_hypergradient.mistake(
    "The gradients of the steps are added up, but no step passes on what came before: a later "
    "gradient depends on lr through w."
)
def _(X, y, w, target, lr, num_steps, last):
    z = 0.0 * w
    for t in range(num_steps):
        gradient = X.T @ (X @ w - y) / len(X)
        if t >= num_steps - last:
            z = z - gradient
        w = w - lr * gradient
    return (w - target) @ z


@lr_hypergradient.mistake(
    "The gradient is taken after the step. The direct part of a step "
    "is the gradient that the step used."
)
def _(X, y, w, target, lr, num_steps, last):
    z = 0.0 * w
    for t in range(num_steps):
        gradient = X.T @ (X @ w - y) / len(X)
        w = w - lr * gradient
        gradient = X.T @ (X @ w - y) / len(X)
        if t >= num_steps - last:
            z = z - lr * (X.T @ (X @ z)) / len(X) - gradient
    return (w - target) @ z


@lr_hypergradient.mistake(
    "The sign is turned. A larger lr moves w against the gradient, so z loses the gradient; and "
    "the result is `(w - target) @ z`."
)
def _(X, y, w, target, lr, num_steps, last):
    z = 0.0 * w
    for t in range(num_steps):
        gradient = X.T @ (X @ w - y) / len(X)
        if t >= num_steps - last:
            z = z - lr * (X.T @ (X @ z)) / len(X) + gradient
        w = w - lr * gradient
    return (w - target) @ z


@lr_hypergradient.mistake(
    "The derivative of lr times the gradient by lr is the gradient, not lr times it."
)
def _(X, y, w, target, lr, num_steps, last):
    z = 0.0 * w
    for t in range(num_steps):
        gradient = X.T @ (X @ w - y) / len(X)
        if t >= num_steps - last:
            z = z - lr * (X.T @ (X @ z)) / len(X) - lr * gradient
        w = w - lr * gradient
    return (w - target) @ z


@lr_hypergradient.mistake(
    "What a step passes on is not divided by the number of examples, as the gradient is."
)
def _(X, y, w, target, lr, num_steps, last):
    z = 0.0 * w
    for t in range(num_steps):
        gradient = X.T @ (X @ w - y) / len(X)
        if t >= num_steps - last:
            z = z - lr * (X.T @ (X @ z)) - gradient
        w = w - lr * gradient
    return (w - target) @ z


@lr_hypergradient.mistake(
    "Only `last` steps are taken. Train for all `num_steps`, and "
    "differentiate through the last of them."
)
def _(X, y, w, target, lr, num_steps, last):
    z = 0.0 * w
    for _ in range(last):
        gradient = X.T @ (X @ w - y) / len(X)
        z = z - lr * (X.T @ (X @ z)) / len(X) - gradient
        w = w - lr * gradient
    return (w - target) @ z


@lr_hypergradient.mistake(
    "One step too few is differentiated: where t counts from 0, the "
    "last steps begin at t = num_steps - last."
)
def _(X, y, w, target, lr, num_steps, last):
    z = 0.0 * w
    for t in range(num_steps):
        gradient = X.T @ (X @ w - y) / len(X)
        if t > num_steps - last:
            z = z - lr * (X.T @ (X @ z)) / len(X) - gradient
        w = w - lr * gradient
    return (w - target) @ z


@lr_hypergradient.mistake("One step too many is differentiated.")
def _(X, y, w, target, lr, num_steps, last):
    z = np.zeros_like(w)
    for step in range(num_steps):
        gradient = X.T @ (X @ w - y) / len(X)
        if step >= num_steps - last - 1:
            z = z - lr * (X.T @ (X @ z) / len(X)) - gradient
        w = w - lr * gradient
    return (w - target) @ z


@lr_hypergradient.mistake(
    "Only the very last step is differentiated, whatever `last` is."
)
def _(X, y, w, target, lr, num_steps, last):
    for _ in range(num_steps):
        gradient = X.T @ (X @ w - y) / len(X)
        w = w - lr * gradient
    return -(w - target) @ gradient


@lr_hypergradient.mistake(
    "The result is twice as large as it should be: the half of the squared distance takes the "
    "2 away."
)
def _(X, y, w, target, lr, num_steps, last):
    z = np.zeros_like(w)
    for step in range(num_steps):
        gradient = X.T @ (X @ w - y) / len(X)
        if step >= num_steps - last:
            z = z - lr * (X.T @ (X @ z) / len(X)) - gradient
        w = w - lr * gradient
    return 2 * (w - target) @ z


@lr_hypergradient.mistake(
    "X'X and X'y are not divided by n, as the gradient of a mean is."
)
def _(X, y, w, target, lr, num_steps, last):
    z = np.zeros_like(w)
    for step in range(num_steps):
        gradient = X.T @ (X @ w - y)
        if step >= num_steps - last:
            z = z - lr * (X.T @ (X @ z)) - gradient
        w = w - lr * gradient
    return (w - target) @ z


@lr_hypergradient.mistake(
    "This is the derivative of the training loss. The end is judged by its distance from `target`."
)
def _(X, y, w, target, lr, num_steps, last):
    z = np.zeros_like(w)
    for step in range(num_steps):
        gradient = X.T @ (X @ w - y) / len(X)
        if step >= num_steps - last:
            z = z - lr * (X.T @ (X @ z) / len(X)) - gradient
        w = w - lr * gradient
    return (X.T @ (X @ w - y) / len(X)) @ z


@lr_hypergradient.mistake(
    "This is half the squared distance itself. Asked for is its derivative by lr."
)
def _(X, y, w, target, lr, num_steps, last):
    for _ in range(num_steps):
        w = w - lr * X.T @ (X @ w - y) / len(X)
    return 0.5 * ((w - target) ** 2).sum()


@lr_hypergradient.mistake(
    "lr is missing where the derivative of w goes through a step: it becomes (I - lr H) z - "
    "gradient."
)
def _(X, y, w, target, lr, num_steps, last):
    z = np.zeros_like(w)
    for step in range(num_steps):
        gradient = X.T @ (X @ w - y) / len(X)
        if step >= num_steps - last:
            z = z - X.T @ (X @ z) / len(X) - gradient
        w = w - lr * gradient
    return (w - target) @ z


@lr_hypergradient.mistake(
    "The result is divided by the number of weights. The squared distance is a sum."
)
def _(X, y, w, target, lr, num_steps, last):
    z = np.zeros_like(w)
    for step in range(num_steps):
        gradient = X.T @ (X @ w - y) / len(X)
        if step >= num_steps - last:
            z = z - lr * (X.T @ (X @ z) / len(X)) - gradient
        w = w - lr * gradient
    return (w - target) @ z / len(w)


@lr_hypergradient.alternative(framework="torch")
def _(X, y, w, target, lr, num_steps, last):
    """Autograd, with the earlier steps cut off."""
    import torch

    rate = torch.tensor(float(lr), requires_grad=True)
    for t in range(num_steps):
        if t == num_steps - last:
            w = w.detach()
        w = w - rate * (X.T @ (X @ w - y)) / X.shape[0]
    ((w - target) ** 2).sum().div(2).backward()
    return rate.grad


@lr_hypergradient.alternative(framework="mxnet")
def _(X, y, w, target, lr, num_steps, last):
    """Backwards."""
    from dlkit.mx import nd

    path = [w]
    for _ in range(num_steps):
        path.append(path[-1] - lr * nd.dot(X.T, nd.dot(X, path[-1]) - y) / X.shape[0])
    alpha, total = path[-1] - target, 0
    for w in path[num_steps - last : num_steps][::-1]:
        total = total - (nd.dot(X, alpha) * (nd.dot(X, w) - y)).sum() / X.shape[0]
        alpha = alpha - lr * nd.dot(X.T, nd.dot(X, alpha)) / X.shape[0]
    return total


lr_hypergradient.equivalent("0.0 * w -> 0.0 * target", why="Zeros of the same shape.")
lr_hypergradient.equivalent(
    "/ len(X) -> / len(y)", why="There are as many targets as rows."
)
lr_hypergradient.equivalent(
    "/ X.shape[0] -> / y.shape[0]", why="There are as many targets as rows."
)


# 7. Thirty penalties ------------------------------------------------------------------------------

NEEDED = 0.6  # of the excess error that the best common penalty has
LIMIT = 12.0


@question(
    points=3,
    hints=[
        "One w and one solved system give the hypergradients of all thirty: with v from H v = "
        "(validation gradient), minus e^rho v w, number by number.",
        "Start with all rho at -2 and take a few hundred steps of gradient descent on the "
        "validation loss; a step of 3 times the hypergradient is not too long.",
        "A penalty of noise wants to grow without end: keep each rho between, say, -8 and 8.",
    ],
    explanation="""
        A grid of two values for each feature has 2^30 points. The hypergradient of all thirty costs
        one solved system more than the fit. 200 validation examples bear thirty hyperparameters
        here; with thirty examples they would be overfitted like weights. (With so few weights, to
        fit all 240 examples and penalise what comes out small mostly does, too.)
    """,
    seconds=30,
)
def tune_penalties(X, y, X_val, y_val):
    """The logarithm of a penalty for each feature, with which ridge regression finds the true
    weights.

    X: (40, 30), y: (40,), X_val: (200, 30), y_val: (200,), all float32. Returns (30,) numbers rho
    between -12 and 12.
    Judged by w, the solution of (X'X / n + diag(e^rho)) w = X'y / n: its squared distance from the
    truth must be at most 0.6 of what the best common penalty gives.
    """
    rho = np.full(X.shape[1], -2.0)
    for _ in range(300):
        H = X.T @ X / len(y) + np.diag(np.exp(rho))
        w = np.linalg.solve(H, X.T @ y / len(y))
        v = np.linalg.solve(H, X_val.T @ (X_val @ w - y_val) / len(y_val))
        rho = np.clip(rho + 3 * np.exp(rho) * v * w, -8, 8)
    return rho


@tune_penalties.probe(repeat=2)
def six_features_of_thirty_matter(rng):
    truth = np.zeros(30)
    truth[rng.permutation(30)[:6]] = rng.choice([-1, 1], 6) * rng.uniform(1, 2, 6)
    X, X_val = gaussian(rng, 40, 30), gaussian(rng, 200, 30)
    y, y_val = (np.float32(A @ truth + rng.normal(0, 2, len(A))) for A in (X, X_val))
    return Inputs((X, y, X_val, y_val), secret=truth)


@tune_penalties.measure
def _(inputs, output):
    rho = _thirty(output)
    if rho is None:
        return Measurement(
            False, f"30 numbers between {-LIMIT:g} and {LIMIT:g} were expected."
        )
    if np.abs(rho).max() > LIMIT:
        return Measurement(
            False,
            f"The numbers run from {rho.min():.3g} to {rho.max():.3g}; each must "
            f"lie between {-LIMIT:g} and {LIMIT:g}.",
        )
    ratio = _ratio(inputs, rho)
    return Measurement(
        ratio <= NEEDED,
        f"The excess error is {ratio:.2f} of that of the best common penalty (at most {NEEDED}).",
    )


def _thirty(output):
    """The output as thirty finite numbers, or None."""
    try:
        rho = np.asarray(output)
    except ValueError:  # rows of different lengths
        return None
    return (
        rho.astype(float)
        if rho.dtype.kind in "biuf" and rho.shape == (30,) and np.isfinite(rho).all()
        else None
    )


def _ratio(inputs, rho):
    """The squared distance from the truth, over that of the best common penalty."""
    return float(
        _excess(inputs, rho)
        / min(_excess(inputs, np.full(30, common)) for common in np.linspace(-8, 5, 40))
    )


def _excess(inputs, rho):
    X, y = (np.float64(part) for part in inputs.args[:2])
    w = np.linalg.solve(
        X.T @ X / len(y) + np.diag(np.exp(np.float64(rho))), X.T @ y / len(y)
    )
    return ((w - inputs.secret) ** 2).sum()


def _kind(inputs, output):
    """What is wrong with thirty penalties, in a word or two."""
    rho = _thirty(output)
    if rho is None:
        return "not thirty"
    if np.ptp(rho) < 1e-6:
        return "common"
    if rho.min() >= 0:
        return "penalties"
    ratio = _ratio(inputs, rho.clip(-LIMIT, LIMIT))
    return (
        "turned" if ratio > 3 else "outside" if np.abs(rho).max() > LIMIT else "halfway"
    )


@tune_penalties.mistake(
    "All thirty penalties are the same. Give each feature its own hypergradient.",
    recognise=lambda inputs, output: _kind(inputs, output) == "common",
)
def _(X, y, X_val, y_val):
    losses = {}
    for rho in np.linspace(-6, 3, 40):
        w = np.linalg.solve(
            X.T @ X / len(y) + np.exp(rho) * np.eye(30), X.T @ y / len(y)
        )
        losses[rho] = ((X_val @ w - y_val) ** 2).mean()
    return np.full(30, min(losses, key=losses.get))


@tune_penalties.mistake(
    "The penalties are worse than a common one. Does the hypergradient have "
    "its minus, and does rho go *against* it?",
    recognise=lambda inputs, output: _kind(inputs, output) == "turned",
)
def _(X, y, X_val, y_val):
    rho = np.full(30, -2.0)
    for _ in range(300):
        H = X.T @ X / len(y) + np.diag(np.exp(rho))
        w = np.linalg.solve(H, X.T @ y / len(y))
        v = np.linalg.solve(H, X_val.T @ (X_val @ w - y_val) / len(y_val))
        rho = np.clip(rho - 3 * np.exp(rho) * v * w, -8, 8)
    return rho


@tune_penalties.mistake(
    "The penalties differ, but not by enough yet: more steps, or longer ones.",
    recognise=lambda inputs, output: _kind(inputs, output) == "halfway",
)
def _(X, y, X_val, y_val):
    rho = np.full(30, -1.0)
    H = X.T @ X / len(y) + np.diag(np.exp(rho))
    w = np.linalg.solve(H, X.T @ y / len(y))
    v = np.linalg.solve(H, X_val.T @ (X_val @ w - y_val) / len(y_val))
    rho = rho + 0.5 * np.exp(rho) * v * w
    return rho


@tune_penalties.mistake(
    "Some of the thirty lie outside -12 to 12, where a penalty is as good as zero or infinity "
    "and going on changes nothing. Clip rho in every step.",
    recognise=lambda inputs, output: _kind(inputs, output) == "outside",
)
def _(X, y, X_val, y_val):
    rho = np.full(30, -2.0)
    for _ in range(300):
        H = X.T @ X / len(y) + np.diag(np.exp(rho))
        w = np.linalg.solve(H, X.T @ y / len(y))
        v = np.linalg.solve(H, X_val.T @ (X_val @ w - y_val) / len(y_val))
        rho = rho + 100 * np.exp(rho) * v * w
    return rho


@tune_penalties.mistake(
    "None of these is negative: they look like the penalties themselves. Return their logarithms.",
    recognise=lambda inputs, output: _kind(inputs, output) == "penalties",
)
def _(X, y, X_val, y_val):
    return np.exp(np.linspace(-6, 6, 30))


@tune_penalties.mistake(
    "These are not thirty numbers, or not finite ones. Where e^rho "
    "overflows, take shorter steps or clip rho.",
    recognise=lambda inputs, output: _kind(inputs, output) == "not thirty",
)
def _(X, y, X_val, y_val):
    return np.full(30, np.nan)


@tune_penalties.alternative(framework="torch")
def _(X, y, X_val, y_val):
    """Autograd through the solver, and Adam."""
    import torch

    rho = torch.full((30,), -2.0, requires_grad=True)
    optimizer = torch.optim.Adam([rho], lr=0.1)
    for _ in range(200):
        w = torch.linalg.solve(
            X.T @ X / len(y) + torch.diag(rho.exp()), X.T @ y / len(y)
        )
        optimizer.zero_grad()
        ((X_val @ w - y_val) ** 2).mean().backward()
        optimizer.step()
    return rho.detach().clamp(-8, 8)


@tune_penalties.alternative(framework="mxnet")
def _(X, y, X_val, y_val):
    from dlkit.mx import nd

    rho = nd.full((30,), -2)
    for _ in range(200):
        inverse = nd.linalg.inverse(nd.dot(X.T, X) / len(y) + nd.diag(rho.exp()))
        w = nd.dot(inverse, nd.dot(X.T, y)) / len(y)
        v = nd.dot(inverse, nd.dot(X_val.T, nd.dot(X_val, w) - y_val)) / len(y_val)
        rho = (rho + 4 * rho.exp() * v * w).clip(-8, 8)
        rho.wait_to_read()
    return rho
