"""Bayesian optimisation: a kernel matrix, a Gaussian process's posterior and its evidence, expected
improvement, a confidence bound, the next point to try, and the minima of functions that are known
by a few noisy values.
"""

import numpy as np

from autograder import Inputs, Measurement, question
from solutions.examples import example, floats
from solutions.inputs import gaussian

# 1. A kernel matrix -------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "`squared[i, j]` holds, so far, the d coordinates of A[i] - B[j]. Divide them by "
        "`length`; what then is the squared distance?",
        "A squared distance is a sum of squares over the last axis: square first, then add up.",
    ],
    explanation="""
        The length scale is a unit of distance: differences are divided by it before they are
        squared, so r squared holds 1 over the length squared. With a length for each direction the
        same line serves, by broadcasting; a direction with a very long one has no influence.
    """,
)
def kernel_matrix(A, B, length, variance):
    """The squared-exponential kernel of each point of A with each point of B: variance times
    exp(-r^2 / 2), r the distance in units of the length scale.

    A: (n, d), B: (m, d) float32; length, variance: positive numbers. Returns (n, m).
    """
    # (n, m, d), so far the differences of the coordinates
    squared = A[:, None] - B[None]
    squared = ((squared / length) ** 2).sum(axis=2)
    return variance * np.e ** (-squared / 2)


@kernel_matrix.probe(weight=2, repeat=3)
def random_points(rng):
    """One point is in both, and another one lies far away."""
    n, m, d = (int(n) for n in rng.permutation([2, 4, 5]))
    A, B, length = gaussian(rng, n, d), gaussian(rng, m, d), float(rng.uniform(1.5, 3))
    B[0] = A[0]
    B[1] = A[1] + np.float32([4.8 * length, *np.zeros(d - 1)])
    return A, B, length, float(rng.uniform(2, 5))


@kernel_matrix.probe(weight=1)
def one_direction_and_a_short_length(rng):
    A = gaussian(rng, 5, 1, scale=0.5)
    return (
        A,
        A[:3] + floats([0.1], [-0.2], [4.0]),
        float(rng.uniform(0.3, 0.6)),
        float(rng.uniform(0.2, 0.6)),
    )


for _a, _b, _length, _variance in (
    ((0, 0), (0, 0), 1, 3),
    ((0, 0), (3, 4), 5, 1),
    ((1, 2), (3, 1), 2, 2),
):
    example(kernel_matrix, floats(_a), floats(_b), _length, _variance, weight=0.2)


@kernel_matrix.mistake(
    "The length scale is not squared: divide the differences by it, before they are squared."
)
def _(A, B, length, variance):
    return variance * np.exp(-((A[:, None] - B[None]) ** 2).sum(axis=2) / length / 2)


@kernel_matrix.mistake(
    "This is the distance, not its square: no root is taken in this kernel."
)
def _(A, B, length, variance):
    return variance * np.exp(
        -np.sqrt((((A[:, None] - B[None]) / length) ** 2).sum(axis=2)) / 2
    )


@kernel_matrix.mistake(
    "The coordinates' differences are added up and then squared, so "
    "that opposite signs cancel. Square first."
)
def _(A, B, length, variance):
    return variance * np.exp(-(((A[:, None] - B[None]) / length).sum(axis=2) ** 2) / 2)


@kernel_matrix.mistake(
    "The squared differences are averaged over the coordinates. A squared distance is their sum."
)
def _(A, B, length, variance):
    return variance * np.exp(-(((A[:, None] - B[None]) / length) ** 2).mean(axis=2) / 2)


@kernel_matrix.mistake("The length scale has no effect: divide the differences by it.")
def _(A, B, length, variance):
    return variance * np.exp(-((A[:, None] - B[None]) ** 2).sum(axis=2) / 2)


@kernel_matrix.mistake("The absolute differences are added up, not their squares.")
def _(A, B, length, variance):
    return variance * np.exp(-np.abs((A[:, None] - B[None]) / length).sum(axis=2) / 2)


@kernel_matrix.mistake("The differences are not squared.")
def _(A, B, length, variance):
    return variance * np.exp(-((A[:, None] - B[None]) / length).sum(axis=2) / 2)


@kernel_matrix.mistake(
    "The sum goes over the points of B. It goes over the coordinates, the last axis: `axis=2`."
)
def _(A, B, length, variance):
    squared = (((A[:, None] - B[None]) / length) ** 2).sum(axis=1)
    return variance * np.exp(-squared / 2)


@kernel_matrix.mistake("r² is divided by 2 already here, and again in the line below.")
def _(A, B, length, variance):
    squared = (((A[:, None] - B[None]) / length) ** 2).sum(axis=2) / 2
    return variance * np.exp(-squared / 2)


@kernel_matrix.mistake(
    "r² is twice as large as it should be: it is divided by 2 in the line below only."
)
def _(A, B, length, variance):
    squared = 2 * (((A[:, None] - B[None]) / length) ** 2).sum(axis=2)
    return variance * np.exp(-squared / 2)


@kernel_matrix.mistake(
    "Only the largest difference of a coordinate counts. Add up the squares of all of them."
)
def _(A, B, length, variance):
    squared = (((A[:, None] - B[None]) / length) ** 2).max(axis=2)
    return variance * np.exp(-squared / 2)


@kernel_matrix.mistake("The differences are multiplied by the length. Divide by it.")
def _(A, B, length, variance):
    squared = (((A[:, None] - B[None]) * length) ** 2).sum(axis=2)
    return variance * np.exp(-squared / 2)


@kernel_matrix.mistake("The result is transposed: A has the rows, B the columns.")
def _(A, B, length, variance):
    squared = (((A[:, None] - B[None]) / length) ** 2).sum(axis=2)
    return (variance * np.exp(-squared / 2)).T


@kernel_matrix.mistake(
    "The variance is squared. It stands before the exponential as it is."
)
def _(A, B, length, variance):
    squared = (((A[:, None] - B[None]) / length) ** 2).sum(axis=2)
    return variance**2 * np.exp(-squared / 2)


@kernel_matrix.mistake(
    "Only the first coordinate counts. Add up the squares over all of them, the last axis."
)
def _(A, B, length, variance):
    squared = ((A[:, None, 0] - B[None, :, 0]) / length) ** 2
    return variance * np.exp(-squared / 2)


@kernel_matrix.alternative(framework="torch")
def _(A, B, length, variance):
    import torch

    return variance * torch.exp(-(torch.cdist(A, B) ** 2) / (2 * length**2))


@kernel_matrix.alternative(framework="mxnet")
def _(A, B, length, variance):
    differences = (A.expand_dims(1) - B) / length
    return variance * (-0.5 * differences.square().sum(axis=2)).exp()


@kernel_matrix.alternative()
def _(A, B, length, variance):
    squares = (A**2).sum(axis=1)[:, None] + (B**2).sum(axis=1) - 2 * A @ B.T
    return np.exp(np.log(variance) - squares / (2 * length**2))


# 2. The posterior ---------------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "The noise belongs to the measured values: add it to the "
        "diagonal of K, and to nothing else.",
        "With S = K + noise I the mean is K_new S^-1 y. Let `solve(S, y)` compute S^-1 y; the "
        "variance needs S^-1 K_new^T, of shape (n, m).",
        "Of K_new S^-1 K_new^T only the diagonal is asked for: multiply K_new with the "
        "transpose of S^-1 K_new^T number by number, and add up each row.",
    ],
    explanation="""
        The mean is a weighted sum of the measured values; the variance is what was known before
        minus what the trials tell, and does not depend on the values at all. It is that of the
        function; a new measurement there would vary by the noise besides. With a Cholesky factor L
        of S the subtracted part is the squared length of L^-1 k, never negative.
    """,
)
def posterior(K, K_new, y, prior, noise):
    """Mean and variance of a function at m new points, given noisy values at n points, under a
    Gaussian process with mean 0.

    K: (n, n) float32, the kernel of the points where y was measured; K_new: (m, n) float32, of the
    new points with those; y: (n,) float32;
    prior: the variance of the function at each new point before anything was measured; noise: the
    variance of the noise of y.
    Returns (mean, variance), (m,) each, of the function itself.
    """
    # (n, 1 + m)
    solved = np.linalg.solve(K + noise * np.eye(len(K)), np.column_stack([y, K_new.T]))
    return K_new @ solved[:, 0], prior - (K_new * solved[:, 1:].T).sum(axis=1)


def _process(rng, n, m, noise, spread=1, like_the_new=()):
    """K, K_new, y, prior, noise, of random points of two variables. At those that were measured
    the function varies less than at the new ones, but for some, if there are such.
    """
    X, prior = rng.normal(0, spread, (n + m, 2)), rng.uniform(1.5, 3)
    height = np.concatenate([rng.uniform(0.6, 0.9, n), np.ones(m)])
    height[list(like_the_new)] = 1
    K = (
        prior
        * np.exp(-((X[:, None] - X) ** 2).sum(axis=2) / 2)
        * np.outer(height, height)
    )
    return (
        K[:n, :n].astype(np.float32),
        K[n:, :n].astype(np.float32),
        1 + gaussian(rng, n),
        float(prior),
        noise,
    )


@posterior.probe(weight=2, repeat=3)
def new_points(rng):
    n, m = (int(n) for n in rng.permutation([4, 6]))
    return _process(rng, n, m, float(rng.uniform(0.3, 0.8)))


@posterior.probe(weight=1)
def where_it_was_measured(rng):
    K, _, y, prior, noise = _process(
        rng, 6, 1, float(rng.uniform(0.2, 0.5)), like_the_new=(4, 1, 2)
    )
    return K, K[[4, 1, 2]], y, prior, noise


@posterior.probe(weight=1)
def one_of_each(rng):
    return _process(rng, 1, 1, float(rng.uniform(0.3, 0.8)))


@posterior.probe(weight=0.5)
def many_new_points(rng):
    return _process(rng, 1, 4, float(rng.uniform(0.3, 0.8)))


@posterior.probe(weight=0.5)
def one_new_point(rng):
    return _process(rng, 5, 1, float(rng.uniform(1.2, 2)))


example(posterior, floats([2]), floats([1]), floats(3), 2, 1, weight=0.5)


@posterior.mistake(
    "The diagonal of K stands in place of `prior`. The function may vary more at the new points "
    "than where it was measured."
)
def _(K, K_new, y, prior, noise):
    solved = np.linalg.solve(K + noise * np.eye(len(K)), np.column_stack([y, K_new.T]))
    return K_new @ solved[:, 0], K[0, 0] - (K_new * solved[:, 1:].T).sum(axis=1)


@posterior.mistake(
    "The noise is added to the variance of the new points. That would be the variance of a new "
    "measurement; the function's is asked for."
)
def _(K, K_new, y, prior, noise):
    S = K + noise * np.eye(len(K))
    return K_new @ np.linalg.solve(S, y), prior + noise - (
        K_new @ np.linalg.solve(S, K_new.T)
    ).diagonal()


@posterior.mistake(
    "This variance is the one from before anything was measured. Subtract what the trials tell."
)
def _(K, K_new, y, prior, noise):
    return K_new @ np.linalg.solve(K + noise * np.eye(len(K)), y), np.full(
        len(K_new), prior
    )


@posterior.mistake("The noise is left out: it belongs on the diagonal of K.")
def _(K, K_new, y, prior, noise):
    inverse = np.linalg.inv(K)
    return K_new @ inverse @ y, prior - (K_new @ inverse @ K_new.T).diagonal()


@posterior.mistake(
    "The noise is added to every element of K. It belongs on the "
    "diagonal: each measurement has its own."
)
def _(K, K_new, y, prior, noise):
    S = K + noise
    return K_new @ np.linalg.solve(S, y), prior - (
        K_new @ np.linalg.solve(S, K_new.T)
    ).diagonal()


@posterior.mistake(
    "The noise is squared. It is a variance already: add it to the diagonal as it is."
)
def _(K, K_new, y, prior, noise):
    S = K + noise**2 * np.eye(len(K))
    return K_new @ np.linalg.solve(S, y), prior - (
        K_new @ np.linalg.solve(S, K_new.T)
    ).diagonal()


@posterior.mistake("This is the standard deviation. The variance is asked for.")
def _(K, K_new, y, prior, noise):
    S = K + noise * np.eye(len(K))
    return K_new @ np.linalg.solve(S, y), np.sqrt(
        np.maximum(prior - (K_new @ np.linalg.solve(S, K_new.T)).diagonal(), 0)
    )


@posterior.mistake(
    "This is only what the trials tell. The variance is `prior` minus that."
)
def _(K, K_new, y, prior, noise):
    S = K + noise * np.eye(len(K))
    return K_new @ np.linalg.solve(S, y), (
        K_new @ np.linalg.solve(S, K_new.T)
    ).diagonal()


@posterior.mistake("The variance comes first. Return (mean, variance).")
def _(K, K_new, y, prior, noise):
    S = K + noise * np.eye(len(y))
    weights = np.linalg.solve(S, K_new.T).T
    return prior - (weights * K_new).sum(axis=1), weights @ y


@posterior.mistake("The variance begins with 1 in place of `prior`.")
def _(K, K_new, y, prior, noise):
    S = K + noise * np.eye(len(y))
    weights = np.linalg.solve(S, K_new.T).T
    return weights @ y, 1 - (weights * K_new).sum(axis=1)


@posterior.mistake(
    "The second result is the matrix of all covariances. Asked for is its diagonal, (m,)."
)
def _(K, K_new, y, prior, noise):
    S = K + noise * np.eye(len(y))
    weights = np.linalg.solve(S, K_new.T).T
    return weights @ y, prior - weights @ K_new.T


@posterior.mistake(
    "What the measurements tell is added to the prior. It makes the variance smaller: subtract it."
)
def _(K, K_new, y, prior, noise):
    S = K + noise * np.eye(len(y))
    weights = np.linalg.solve(S, K_new.T).T
    return weights @ y, prior + (weights * K_new).sum(axis=1)


@posterior.mistake(
    "`prior` is added to the mean. It is a variance; the mean before any measurement is 0."
)
def _(K, K_new, y, prior, noise):
    S = K + noise * np.eye(len(y))
    weights = np.linalg.solve(S, K_new.T).T
    return prior + weights @ y, prior - (weights * K_new).sum(axis=1)


@posterior.mistake("The noise is subtracted from the variance. It counts in S alone.")
def _(K, K_new, y, prior, noise):
    S = K + noise * np.eye(len(y))
    weights = np.linalg.solve(S, K_new.T).T
    return weights @ y, prior - noise - (weights * K_new).sum(axis=1)


@posterior.mistake("The inverse of S is missing in the variance.")
def _(K, K_new, y, prior, noise):
    S = K + noise * np.eye(len(y))
    return np.linalg.solve(S, K_new.T).T @ y, prior - (K_new**2).sum(axis=1)


@posterior.mistake(
    "The mean of y is subtracted before, and added again. Here the function has mean 0: take "
    "y as it is."
)
def _(K, K_new, y, prior, noise):
    S = K + noise * np.eye(len(y))
    weights = np.linalg.solve(S, K_new.T).T
    return weights @ (y - y.mean()) + y.mean(), prior - (weights * K_new).sum(axis=1)


@posterior.mistake(
    "All new points get the variance of the first. Each has its own row of K_new."
)
def _(K, K_new, y, prior, noise):
    S = K + noise * np.eye(len(y))
    weights = np.linalg.solve(S, K_new.T).T
    variance = prior - (weights * K_new).sum(axis=1)
    return weights @ y, np.full(len(variance), variance[0])


@posterior.mistake("The mean has two axes. Return (m,), one number for each new point.")
def _(K, K_new, y, prior, noise):
    S = K + noise * np.eye(len(y))
    weights = np.linalg.solve(S, K_new.T).T
    return (weights @ y)[:, None], prior - (weights * K_new).sum(axis=1)


@posterior.alternative(framework="torch")
def _(K, K_new, y, prior, noise):
    import torch

    L = torch.linalg.cholesky(K + noise * torch.eye(len(K)))
    V = torch.linalg.solve_triangular(L, K_new.T, upper=False)  # (n, m)
    weights = torch.cholesky_solve(y[:, None], L)  # (n, 1)
    return (K_new @ weights).flatten(), prior - (V**2).sum(dim=0)


@posterior.alternative(framework="mxnet")
def _(K, K_new, y, prior, noise):
    from dlkit.mx import nd

    inverse = nd.linalg.inverse(K + noise * nd.eye(len(K)))
    weights = nd.dot(K_new, inverse)  # (m, n)
    return nd.dot(weights, y), prior - (weights * K_new).sum(axis=1)


@posterior.alternative()
def _(K, K_new, y, prior, noise):
    S = K + noise * np.eye(len(K))
    mean = [row @ np.linalg.solve(S, y) for row in K_new]
    return np.array(mean), np.array(
        [prior - row @ np.linalg.solve(S, row) for row in K_new]
    )


# 3. The evidence ----------------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "Three terms: the fit, the determinant, the constant. All are halved and subtracted.",
        "The determinant itself may be far too small for a float. `slogdet` gives its "
        "logarithm; so does a Cholesky factor L: log det = 2 * sum of log of L's diagonal.",
    ],
    explanation="""
        The first term rewards kernels under which y is no surprise, the second charges kernels
        under which much else would have been possible, too. Their balance chooses length scale and
        noise without any validation set. A determinant is a product of n numbers; only its
        logarithm is sure to fit into a float.
    """,
)
def log_evidence(K, y, noise):
    """The logarithm of the normal density of y, with mean 0 and covariance S = K + noise *
    identity: -(y S^-1 y + log det S + n log(2 pi)) / 2.

    K: (n, n) float32; y: (n,) float32; noise: a positive number. Returns a number, also where the
    determinant of S is too small for a float.
    """
    S = K + noise * np.eye(len(K))
    return (
        -(
            y @ np.linalg.solve(S, y)
            + np.linalg.slogdet(S)[1]
            + len(y) * np.log(2 * np.pi)
        )
        / 2
    )


TINY = 1e-6
"""The determinant of 80 rows of this size is 0 to a float."""


@log_evidence.probe(weight=2, repeat=3)
def values_of_a_process(rng):
    K, _, y, _, noise = _process(
        rng, int(rng.integers(4, 8)), 1, float(rng.uniform(0.3, 0.8))
    )
    return K, y, noise


@log_evidence.probe(weight=1)
def one_value(rng):
    K, _, y, _, noise = _process(rng, 1, 1, float(rng.uniform(0.3, 0.8)))
    return K, y, noise


@log_evidence.probe(weight=1)
def a_tiny_determinant(rng):
    # far apart: without noise, too, K can be inverted
    K, _, y, _, noise = _process(rng, 80, 1, float(rng.uniform(0.3, 0.8)), spread=20)
    # Rows of different sizes: some libraries' solvers fail on equal eigenvalues.
    sizes = rng.uniform(0.5, 2, 80).astype(np.float32)
    K = K * np.float32(TINY) * np.outer(sizes, sizes)
    return K, y * np.float32(TINY**0.5) * sizes, noise * TINY


example(log_evidence, floats([2]), floats(3), 1, weight=0.5)


@log_evidence.mistake(
    "The determinant of a large matrix is too small for a float, and its logarithm infinite. Use "
    "`slogdet`, or a Cholesky factor's diagonal."
)
def _(K, y, noise):
    S = K + noise * np.eye(len(K))
    with np.errstate(all="ignore"):
        return (
            -(
                y @ np.linalg.solve(S, y)
                + np.log(np.linalg.det(S))
                + len(y) * np.log(2 * np.pi)
            )
            / 2
        )


@log_evidence.mistake(
    "The sum of the logarithms on the Cholesky factor's diagonal is half of "
    "log det S already. It is halved twice here."
)
def _(K, y, noise):
    S = K + noise * np.eye(len(K))
    return (
        -(
            y @ np.linalg.solve(S, y)
            + np.log(np.linalg.cholesky(S).diagonal()).sum()
            + len(y) * np.log(2 * np.pi)
        )
        / 2
    )


@log_evidence.mistake("The determinant's term is not halved.")
def _(K, y, noise):
    S = K + noise * np.eye(len(K))
    return (
        -(
            y @ np.linalg.solve(S, y)
            + 2 * np.linalg.slogdet(S)[1]
            + len(y) * np.log(2 * np.pi)
        )
        / 2
    )


@log_evidence.mistake("The sign is wrong: this is minus the logarithm of the density.")
def _(K, y, noise):
    S = K + noise * np.eye(len(K))
    return (
        y @ np.linalg.solve(S, y) + np.linalg.slogdet(S)[1] + len(y) * np.log(2 * np.pi)
    ) / 2


@log_evidence.mistake(
    "The determinant's term has the wrong sign: flexible kernels are charged, not rewarded."
)
def _(K, y, noise):
    S = K + noise * np.eye(len(K))
    return (
        -(
            y @ np.linalg.solve(S, y)
            - np.linalg.slogdet(S)[1]
            + len(y) * np.log(2 * np.pi)
        )
        / 2
    )


@log_evidence.mistake("The noise is left out: it belongs on the diagonal of K.")
def _(K, y, noise):
    return (
        -(
            y @ np.linalg.solve(K, y)
            + np.linalg.slogdet(K)[1]
            + len(y) * np.log(2 * np.pi)
        )
        / 2
    )


@log_evidence.mistake("The constant, n log(2 pi) / 2, is missing.")
def _(K, y, noise):
    S = K + noise * np.eye(len(K))
    return -(y @ np.linalg.solve(S, y) + np.linalg.slogdet(S)[1]) / 2


@log_evidence.mistake(
    "The constant is there once. It is (n / 2) log 2π, once for each value."
)
def _(K, y, noise):
    S = K.astype(np.float64) + noise * np.eye(len(y))
    fit = y @ np.linalg.solve(S, y)
    return -(fit + np.linalg.slogdet(S)[1] + np.log(2 * np.pi)) / 2


@log_evidence.mistake("The noise is squared. It is a variance already.")
def _(K, y, noise):
    S = K.astype(np.float64) + noise**2 * np.eye(len(y))
    fit = y @ np.linalg.solve(S, y)
    return -(fit + np.linalg.slogdet(S)[1] + len(y) * np.log(2 * np.pi)) / 2


@log_evidence.mistake(
    "The first term has the wrong sign: values far from what was expected make y less likely."
)
def _(K, y, noise):
    S = K.astype(np.float64) + noise * np.eye(len(y))
    fit = y @ np.linalg.solve(S, y)
    return (fit - np.linalg.slogdet(S)[1] - len(y) * np.log(2 * np.pi)) / 2


@log_evidence.mistake("The inverse of S is missing in the first term.")
def _(K, y, noise):
    S = K.astype(np.float64) + noise * np.eye(len(y))
    return -(y @ y + np.linalg.slogdet(S)[1] + len(y) * np.log(2 * np.pi)) / 2


@log_evidence.mistake("The half before the first term is missing.")
def _(K, y, noise):
    S = K.astype(np.float64) + noise * np.eye(len(y))
    fit = y @ np.linalg.solve(S, y)
    return -fit - (np.linalg.slogdet(S)[1] + len(y) * np.log(2 * np.pi)) / 2


@log_evidence.mistake("This is the density itself. Asked for is its logarithm.")
def _(K, y, noise):
    S = K.astype(np.float64) + noise * np.eye(len(y))
    fit = y @ np.linalg.solve(S, y)
    return np.exp(-(fit + np.linalg.slogdet(S)[1] + len(y) * np.log(2 * np.pi)) / 2)


@log_evidence.mistake(
    "The determinant is taken for the product of the diagonal, as if S had no other numbers."
)
def _(K, y, noise):
    S = K.astype(np.float64) + noise * np.eye(len(y))
    fit = y @ np.linalg.solve(S, y)
    return -(fit + np.log(np.diag(S)).sum() + len(y) * np.log(2 * np.pi)) / 2


@log_evidence.mistake(
    "This is the mean over the n values. Asked for is the logarithm of the density of all of y."
)
def _(K, y, noise):
    S = K.astype(np.float64) + noise * np.eye(len(y))
    fit = y @ np.linalg.solve(S, y)
    return -(fit + np.linalg.slogdet(S)[1] + len(y) * np.log(2 * np.pi)) / 2 / len(y)


@log_evidence.mistake("The constant has log π. It is log 2π.")
def _(K, y, noise):
    S = K.astype(np.float64) + noise * np.eye(len(y))
    fit = y @ np.linalg.solve(S, y)
    return -(fit + np.linalg.slogdet(S)[1] + len(y) * np.log(np.pi)) / 2


@log_evidence.mistake(
    "The constant has the logarithm to base 10. All logarithms are natural ones."
)
def _(K, y, noise):
    S = K.astype(np.float64) + noise * np.eye(len(y))
    fit = y @ np.linalg.solve(S, y)
    return -(fit + np.linalg.slogdet(S)[1] + len(y) * np.log10(2 * np.pi)) / 2


@log_evidence.alternative(framework="torch")
def _(K, y, noise):
    import torch

    S = K + noise * torch.eye(len(K))
    return torch.distributions.MultivariateNormal(torch.zeros(len(y)), S).log_prob(y)


@log_evidence.alternative(framework="mxnet")
def _(K, y, noise):
    from dlkit.mx import nd

    L = nd.linalg.potrf(K + noise * nd.eye(len(K)))
    z = nd.linalg.trsm(L, y.expand_dims(1))  # (n, 1)
    return -(
        z.square().sum() / 2 + nd.log(nd.diag(L)).sum() + len(y) * np.log(2 * np.pi) / 2
    )


@log_evidence.alternative()
def _(K, y, noise):
    values, vectors = np.linalg.eigh(K + noise * np.eye(len(y)))
    z = y @ vectors
    return -0.5 * (z**2 / values + np.log(2 * np.pi * values)).sum()


@log_evidence.alternative()
def _(K, y, noise):
    from scipy.stats import multivariate_normal

    covariance = K.astype(float) + noise * np.eye(len(y))
    return multivariate_normal(np.zeros(len(y)), covariance).logpdf(y)


log_evidence.equivalent("len(K) -> len(y)", why="K has as many rows as y has values.")
log_evidence.equivalent("len(y) -> len(K)", why="K has as many rows as y has values.")
log_evidence.equivalent(
    "right for square inputs only", why="The kernel matrix is square."
)
log_evidence.equivalent(
    "right for symmetric inputs only", why="The kernel matrix is symmetric."
)


# 4. Expected improvement --------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "gain = best - mean - xi: by how much the mean lies below "
        "what is to be beaten. z = gain / std.",
        "phi(z) = exp(-z^2 / 2) / sqrt(2 pi); Phi(z) = (1 + erf(z / sqrt(2))) / 2, with "
        "`torch.erf`, `nd.erf` or `scipy.special.erf`; `scipy.stats.norm` has both.",
        "0 / 0 is not a number. Divide by std only where it is positive, by some other number "
        "elsewhere, and choose with `where` between the formula and max(gain, 0).",
    ],
    explanation="""
        gain * Phi(z) is what the mean promises, std * phi(z) what the uncertainty adds. Without
        uncertainty only a mean below the mark promises anything. xi moves the mark down: small
        improvements no longer count, so that more is explored.
    """,
)
def expected_improvement(mean, std, best, xi):
    """What a trial would on average fall below best - xi; no improvement counts as 0. For
    minimising.

    mean, std: (N,) float32, of the posterior, no std negative and some 0, where the value is
    certain; best: the smallest value so far; xi: a number >= 0. Returns (N,).
    """
    from scipy.stats import norm

    gain = best - mean - xi
    # Where std is 0: so far from 0 that Phi is 0 or 1, and phi 0.
    z = gain / std.clip(1e-12)
    return gain * norm.cdf(z) + std * norm.pdf(z)


@expected_improvement.probe(weight=2, repeat=3)
def uncertain_values(rng):
    mean, best = (
        1 + gaussian(rng, int(rng.integers(5, 9))),
        float(rng.uniform(0.5, 1.5)),
    )
    return (
        mean,
        rng.uniform(0.5, 2, len(mean)).astype(np.float32),
        best,
        float(rng.uniform(0.1, 0.4)),
    )


@expected_improvement.probe(weight=1, repeat=2)
def some_are_certain(rng):
    # exact in any float
    best, xi = (
        float(rng.integers(17, 32) / 16),
        float(rng.integers(2, 5) / 16),
    )
    mean = best + np.float32([-0.9, -0.6, -0.4, 0.5, 0.8, -0.7, 0.3, -xi])
    mean[:7] += gaussian(rng, 7, scale=0.02)
    std = np.float32([0, 0, 0.7, 0, 0, 1.3, 0.6, 0])
    order = rng.permutation(8)
    return mean[order], std[order], best, xi


@expected_improvement.probe(weight=1)
def no_margin(rng):
    return (
        gaussian(rng, 6),
        rng.uniform(0.3, 1, 6).astype(np.float32),
        float(rng.uniform(-0.5, 0.5)),
        0.0,
    )


@expected_improvement.probe(weight=1)
def small_numbers_around_zero(rng):
    """A std of 0.00005 is not 0, and a `best` of 0 is a number."""
    scale = np.float32(1e-4)
    return (
        scale * gaussian(rng, 7),
        scale * rng.uniform(0.3, 1, 7).astype(np.float32),
        0.0,
        0.0,
    )


@expected_improvement.probe(weight=0.5)
def far_above_and_far_below(rng):
    std = rng.uniform(0.5, 1, 4).astype(np.float32)
    return floats(30, -25, 1, 60) * std, std, float(rng.uniform(-0.5, 0.5)), 0.25


example(expected_improvement, floats(1, 2), floats(1, 1), 1, 0)
example(expected_improvement, floats(0.5, 2), floats(0, 0), 1, 0.1)


@expected_improvement.mistake(
    "Where std is 0 the formula divides by it, and gives what is not a number. There the "
    "improvement is max(best - mean - xi, 0)."
)
def _(mean, std, best, xi):
    from scipy.stats import norm

    with np.errstate(all="ignore"):
        z = (best - mean - xi) / std
        return np.where(std > 0, std * (z * norm.cdf(z) + norm.pdf(z)), np.nan)


@expected_improvement.mistake(
    "Where std and best - mean - xi are both 0, 0 / 0 is not a number. There the improvement is "
    "0: choose with `where` between the formula and max(gain, 0)."
)
def _(mean, std, best, xi):
    from scipy.stats import norm

    gain = best - mean - xi
    with np.errstate(all="ignore"):
        z = gain / std
    return gain * norm.cdf(z) + std * norm.pdf(z)


@expected_improvement.mistake(
    "Where std is 0 this is always 0. A certain value below best - xi is an improvement, too."
)
def _(mean, std, best, xi):
    from scipy.stats import norm

    z = (best - mean - xi) / np.where(std > 0, std, 1)
    return std * (z * norm.cdf(z) + norm.pdf(z))


@expected_improvement.mistake(
    "Where std is 0 the difference is returned even where it is "
    "negative. No improvement counts as 0."
)
def _(mean, std, best, xi):
    from scipy.stats import norm

    z = (best - mean - xi) / np.where(std > 0, std, 1)
    return np.where(std > 0, std * (z * norm.cdf(z) + norm.pdf(z)), best - mean - xi)


@expected_improvement.mistake(
    "This is for maximising: it expects values above `best`. To fall below is what counts."
)
def _(mean, std, best, xi):
    from scipy.stats import norm

    z = (mean - best - xi) / np.where(std > 0, std, 1)
    return np.where(
        std > 0, std * (z * norm.cdf(z) + norm.pdf(z)), np.maximum(mean - best - xi, 0)
    )


@expected_improvement.mistake(
    "xi has the wrong sign: it moves the mark down, to best - xi."
)
def _(mean, std, best, xi):
    from scipy.stats import norm

    z = (best - mean + xi) / np.where(std > 0, std, 1)
    return np.where(
        std > 0, std * (z * norm.cdf(z) + norm.pdf(z)), np.maximum(best - mean + xi, 0)
    )


@expected_improvement.mistake("xi has no effect: what is to be beaten is best - xi.")
def _(mean, std, best, xi):
    from scipy.stats import norm

    z = (best - mean) / np.where(std > 0, std, 1)
    return np.where(
        std > 0, std * (z * norm.cdf(z) + norm.pdf(z)), np.maximum(best - mean, 0)
    )


@expected_improvement.mistake(
    "This is the probability of an improvement, which says nothing of its size."
)
def _(mean, std, best, xi):
    from scipy.stats import norm

    gain = best - mean - xi
    return np.where(std > 0, norm.cdf(gain / np.where(std > 0, std, 1)), gain > 0)


@expected_improvement.mistake(
    "Density and distribution function are exchanged: z belongs to Phi, the distribution function."
)
def _(mean, std, best, xi):
    from scipy.stats import norm

    z = (best - mean - xi) / np.where(std > 0, std, 1)
    return np.where(
        std > 0, std * (z * norm.pdf(z) + norm.cdf(z)), np.maximum(best - mean - xi, 0)
    )


@expected_improvement.mistake("The second term, std times the density, is missing.")
def _(mean, std, best, xi):
    from math import erf

    gain = best - mean - xi
    z = gain / np.where(std > 0, std, 1)
    share = 0.5 * (1 + np.array([erf(v / 2**0.5) for v in z]))
    return np.where(std > 0, gain * share, np.maximum(gain, 0))


@expected_improvement.mistake(
    "This is the probability of an improvement. Asked for is its expected size."
)
def _(mean, std, best, xi):
    from math import erf

    gain = best - mean - xi
    z = gain / np.where(std > 0, std, 1)
    share = 0.5 * (1 + np.array([erf(v / 2**0.5) for v in z]))
    return np.where(std > 0, share, np.maximum(gain, 0))


@expected_improvement.mistake("The density is not divided by the root of 2π.")
def _(mean, std, best, xi):
    from math import erf

    gain = best - mean - xi
    z = gain / np.where(std > 0, std, 1)
    share = 0.5 * (1 + np.array([erf(v / 2**0.5) for v in z]))
    return np.where(
        std > 0, gain * share + std * np.exp(-(z**2) / 2), np.maximum(gain, 0)
    )


@expected_improvement.mistake(
    "In Φ z is not divided by the root of 2, which `erf` wants."
)
def _(mean, std, best, xi):
    from math import erf

    gain = best - mean - xi
    z = gain / np.where(std > 0, std, 1)
    density = np.exp(-(z**2) / 2) / (2 * np.pi) ** 0.5
    share = 0.5 * (1 + np.array([erf(v) for v in z]))
    return np.where(std > 0, gain * share + std * density, np.maximum(gain, 0))


@expected_improvement.mistake("The density is not multiplied by std.")
def _(mean, std, best, xi):
    from math import erf

    gain = best - mean - xi
    z = gain / np.where(std > 0, std, 1)
    density = np.exp(-(z**2) / 2) / (2 * np.pi) ** 0.5
    share = 0.5 * (1 + np.array([erf(v / 2**0.5) for v in z]))
    return np.where(std > 0, gain * share + density, np.maximum(gain, 0))


@expected_improvement.mistake(
    "The second term is subtracted. It is added: uncertainty makes an improvement likelier."
)
def _(mean, std, best, xi):
    from math import erf

    gain = best - mean - xi
    z = gain / np.where(std > 0, std, 1)
    density = np.exp(-(z**2) / 2) / (2 * np.pi) ** 0.5
    share = 0.5 * (1 + np.array([erf(v / 2**0.5) for v in z]))
    return np.where(std > 0, gain * share - std * density, np.maximum(gain, 0))


@expected_improvement.mistake(
    "Where std is 0 xi is forgotten. The gain is best - mean - xi there as well."
)
def _(mean, std, best, xi):
    from math import erf

    gain = best - mean - xi
    z = gain / np.where(std > 0, std, 1)
    density = np.exp(-(z**2) / 2) / (2 * np.pi) ** 0.5
    share = 0.5 * (1 + np.array([erf(v / 2**0.5) for v in z]))
    return np.where(std > 0, gain * share + std * density, np.maximum(gain + xi, 0))


@expected_improvement.mistake("xi is in z alone. The gain before Φ has it, too.")
def _(mean, std, best, xi):
    from math import erf

    gain = best - mean - xi
    z = gain / np.where(std > 0, std, 1)
    density = np.exp(-(z**2) / 2) / (2 * np.pi) ** 0.5
    share = 0.5 * (1 + np.array([erf(v / 2**0.5) for v in z]))
    return np.where(std > 0, (gain + xi) * share + std * density, np.maximum(gain, 0))


@expected_improvement.mistake(
    "The gain before Φ is cut off at 0. It may be negative where std is above 0."
)
def _(mean, std, best, xi):
    from math import erf

    gain = best - mean - xi
    z = gain / np.where(std > 0, std, 1)
    density = np.exp(-(z**2) / 2) / (2 * np.pi) ** 0.5
    share = 0.5 * (1 + np.array([erf(v / 2**0.5) for v in z]))
    return np.where(
        std > 0, np.maximum(gain, 0) * share + std * density, np.maximum(gain, 0)
    )


@expected_improvement.mistake("xi is subtracted twice.")
def _(mean, std, best, xi):
    from math import erf

    gain = best - mean - 2 * xi
    z = gain / np.where(std > 0, std, 1)
    density = np.exp(-(z**2) / 2) / (2 * np.pi) ** 0.5
    share = 0.5 * (1 + np.array([erf(v / 2**0.5) for v in z]))
    return np.where(std > 0, gain * share + std * density, np.maximum(gain, 0))


@expected_improvement.mistake(
    "`std` is taken for a variance: its root stands in its place."
)
def _(mean, std, best, xi):
    from math import erf

    gain, spread = best - mean - xi, np.sqrt(std)
    z = gain / np.where(spread > 0, spread, 1)
    density = np.exp(-(z**2) / 2) / (2 * np.pi) ** 0.5
    share = 0.5 * (1 + np.array([erf(v / 2**0.5) for v in z]))
    return np.where(spread > 0, gain * share + spread * density, np.maximum(gain, 0))


@expected_improvement.mistake(
    "In z the gain is divided by the square of std. Divide by std."
)
def _(mean, std, best, xi):
    from math import erf

    gain = best - mean - xi
    z = gain / np.where(std > 0, std, 1) ** 2
    density = np.exp(-(z**2) / 2) / (2 * np.pi) ** 0.5
    share = 0.5 * (1 + np.array([erf(v / 2**0.5) for v in z]))
    return np.where(std > 0, gain * share + std * density, np.maximum(gain, 0))


@expected_improvement.mistake(
    "This is for maximising, and 0 where std is 0. To fall below `best` is what counts, by "
    "max(best - mean - xi, 0) where a value is certain."
)
def _(mean, std, best, xi):
    from scipy.stats import norm

    gain = mean - best - xi
    z = gain / np.where(std > 0, std, 1)
    return np.where(std > 0, gain * norm.cdf(z) + std * norm.pdf(z), 0)


@expected_improvement.mistake(
    "xi is taken from the expected improvement. It belongs into the gain, best - mean - xi."
)
def _(mean, std, best, xi):
    from scipy.stats import norm

    gain = best - mean
    z = gain / np.where(std > 0, std, 1)
    certain = np.maximum(gain, 0)
    return np.where(std > 0, gain * norm.cdf(z) + std * norm.pdf(z), certain) - xi


@expected_improvement.alternative(framework="torch")
def _(mean, std, best, xi):
    import torch

    gain = best - mean - xi
    z = gain / std
    improvement = std * (
        z * torch.special.ndtr(z) + torch.exp(-(z**2) / 2) / (2 * np.pi) ** 0.5
    )
    return torch.where(std > 0, improvement, gain.relu())


@expected_improvement.alternative(framework="mxnet")
def _(mean, std, best, xi):
    from dlkit.mx import nd

    gain = best - xi - mean
    z = gain / (std + 1e-12)
    density = nd.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return gain * (1 + nd.erf(z / np.sqrt(2))) / 2 + std * density


@expected_improvement.alternative()
def _(mean, std, best, xi):
    from math import erf, exp, pi, sqrt

    result = []
    for m, s in zip(mean.tolist(), std.tolist(), strict=True):
        gain = best - xi - m
        if s == 0:
            result.append((gain + abs(gain)) / 2)
        else:
            result.append(
                gain * (1 + erf(gain / s / sqrt(2))) / 2
                + s * exp(-((gain / s) ** 2) / 2) / sqrt(2 * pi)
            )
    return np.array(result)


# 5. A confidence bound ----------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "Optimism in both directions: how good might it be? When minimising, a good value is a "
        "low one, so look at mean - kappa * std.",
        "The result is always maximised. When minimising, return minus the lower bound.",
    ],
    explanation="""
        Optimism under uncertainty: a point is worth what it might reasonably be. Uncertainty always
        adds, whether one minimises or maximises; only the mean turns its sign. With kappa 0 nothing
        is explored.
    """,
)
def optimistic_bound(mean, variance, kappa, minimise):
    """An acquisition function, of which the *largest* value says where to try next: mean plus kappa
    standard deviations, or, if we minimise, minus (mean minus kappa of them).

    mean, variance: (N,) float32, of the posterior, no variance negative; kappa: a number >= 0;
    minimise: True or False. Returns (N,).
    """
    return (-mean if minimise else mean) + kappa * variance**0.5


@optimistic_bound.probe(weight=1, repeat=2)
def to_be_minimised(rng):
    mean = 1 + gaussian(rng, int(rng.integers(4, 9)))
    return (
        mean,
        rng.uniform(0.3, 4, len(mean)).astype(np.float32),
        float(rng.uniform(1.5, 3)),
        True,
    )


@optimistic_bound.probe(weight=1, repeat=2)
def to_be_maximised(rng):
    mean = 1 + gaussian(rng, int(rng.integers(4, 9)))
    return (
        mean,
        rng.uniform(0.3, 4, len(mean)).astype(np.float32),
        float(rng.uniform(1.5, 3)),
        False,
    )


@optimistic_bound.probe(weight=0.5)
def some_are_certain(rng):
    return gaussian(rng, 5), floats(0, 2, 0, 0.25, 3)[rng.permutation(5)], 1.5, False


@optimistic_bound.probe(weight=0.5)
def some_are_certain_to_be_minimised(rng):
    return gaussian(rng, 5), floats(0, 2, 0, 0.25, 3)[rng.permutation(5)], 1.5, True


@optimistic_bound.probe(weight=0.5)
def no_optimism(rng):
    return gaussian(rng, 1), rng.uniform(0.5, 4, 1).astype(np.float32), 0, True


for _minimise in (False, True):
    example(optimistic_bound, floats(1, 2), floats(4, 0.25), 2, _minimise)


@optimistic_bound.mistake(
    "kappa is multiplied by the variance. Standard deviations are meant, its root."
)
def _(mean, variance, kappa, minimise):
    return (-mean if minimise else mean) + kappa * variance


@optimistic_bound.mistake(
    "The root is taken of kappa, too. Take it of the variance alone, then multiply by kappa."
)
def _(mean, variance, kappa, minimise):
    return (-mean if minimise else mean) + np.sqrt(kappa * variance)


@optimistic_bound.mistake(
    "When minimising, this is the lower bound itself, whose *smallest* "
    "value would be the best. Turn its sign."
)
def _(mean, variance, kappa, minimise):
    return mean + (-kappa if minimise else kappa) * variance**0.5


@optimistic_bound.mistake(
    "When minimising, uncertainty is punished here. Minus (mean - "
    "kappa * std) is -mean + kappa * std."
)
def _(mean, variance, kappa, minimise):
    return -mean - kappa * variance**0.5 if minimise else mean + kappa * variance**0.5


@optimistic_bound.mistake(
    "`minimise` has no effect: when minimising, the mean counts with the other sign."
)
def _(mean, variance, kappa, minimise):
    return mean + kappa * variance**0.5


@optimistic_bound.mistake(
    "The two cases are exchanged: the sign of the mean is turned when we minimise."
)
def _(mean, variance, kappa, minimise):
    return (mean if minimise else -mean) + kappa * variance**0.5


@optimistic_bound.mistake(
    "The variance is squared. The standard deviation is its root."
)
def _(mean, variance, kappa, minimise):
    bound = kappa * variance**2
    return bound - mean if minimise else mean + bound


@optimistic_bound.mistake(
    "To maximise, the bound is a cautious one: mean - kappa std. Add the standard deviations."
)
def _(mean, variance, kappa, minimise):
    bound = kappa * np.sqrt(variance)
    return bound - mean if minimise else mean - bound


@optimistic_bound.mistake(
    "The bound is negated in both cases. It is negated only to minimise."
)
def _(mean, variance, kappa, minimise):
    bound = kappa * np.sqrt(variance)
    return bound - mean if minimise else -(mean + bound)


@optimistic_bound.mistake(
    "Only the place of the best point is returned. Return the acquisition of all points."
)
def _(mean, variance, kappa, minimise):
    bound = kappa * np.sqrt(variance)
    return np.argmax(bound - mean if minimise else mean + bound)


@optimistic_bound.mistake(
    "kappa is squared. It multiplies the standard deviation as it is."
)
def _(mean, variance, kappa, minimise):
    bound = kappa**2 * np.sqrt(variance)
    return bound - mean if minimise else mean + bound


@optimistic_bound.mistake("To maximise, the mean is missing: mean + kappa std.")
def _(mean, variance, kappa, minimise):
    bound = kappa * np.sqrt(variance)
    return bound - mean if minimise else bound


@optimistic_bound.mistake(
    "All points get one standard deviation, that of the mean variance. Each has its own."
)
def _(mean, variance, kappa, minimise):
    bound = kappa * np.sqrt(variance.mean())
    return bound - mean if minimise else mean + bound


@optimistic_bound.alternative(framework="torch")
def _(mean, variance, kappa, minimise):
    std = variance.sqrt()
    return -(mean - kappa * std) if minimise else mean + kappa * std


@optimistic_bound.alternative(framework="mxnet")
def _(mean, variance, kappa, minimise):
    bound = variance.sqrt() * kappa
    return bound - mean if minimise else bound + mean


@optimistic_bound.alternative()
def _(mean, variance, kappa, minimise):
    sign = 1 - 2 * int(minimise)
    return kappa * np.sqrt(variance) + sign * mean


# 6. The next point --------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "A candidate was tried if some row of `tried` equals it in *all* coordinates.",
        "Acquisition values may all be negative: what was tried must get minus infinity, not 0, "
        "before the largest is looked for.",
    ],
    explanation="""
        Without noise a point that was tried has nothing more to tell, yet rounding can leave it the
        largest acquisition, and a loop that tries it again never ends. On a grid, ties are common;
        a rule for them makes a search repeatable.
    """,
)
def next_point(acquisition, candidates, tried):
    """The row number of the candidate with the largest acquisition among those that were not tried;
    the smallest number of several that are equal; -1 if all were tried.

    acquisition: (N,) float32, any numbers; candidates: (N, d) float32, all different; tried: (T, d)
    float32, T >= 1, rows of `candidates`, some perhaps twice. Returns a whole number.
    """
    known = (candidates[:, None] == tried[None]).all(axis=2).any(axis=1)  # (N,)
    return -1 if known.all() else np.where(known, -np.inf, acquisition).argmax()


def _grid(rng):
    """(40, 2): a grid, in random order."""
    sides = [rng.normal(size=size) for size in rng.permutation([5, 8])]
    return rng.permutation(
        np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    ).astype(np.float32)


@next_point.probe(weight=2, repeat=4)
def the_best_were_tried(rng):
    candidates, acquisition = _grid(rng), rng.uniform(1, 3, 40).astype(np.float32)
    return (
        acquisition,
        candidates,
        candidates[
            rng.permutation([*np.argsort(acquisition)[-2:], np.argmax(acquisition)])
        ],
    )


@next_point.probe(weight=1, repeat=3)
def negative_values(rng):
    candidates, acquisition = _grid(rng), -rng.uniform(1, 3, 40).astype(np.float32)
    return (
        acquisition,
        candidates,
        candidates[rng.permutation(np.argsort(acquisition)[[0, 2, 39]])],
    )


@next_point.probe(weight=1, repeat=4)
def ties(rng):
    places = np.sort(rng.choice(np.arange(1, 40), 30, replace=False))
    candidates, acquisition = _grid(rng), rng.uniform(0, 1, 40).astype(np.float32)
    acquisition[places] = 2
    return acquisition, candidates, candidates[places[[0, 2]]]


@next_point.probe(weight=1)
def its_coordinates_were_tried_apart(rng):
    """Both coordinates of the best occur in what was tried, in different points."""
    candidates, acquisition, best = (
        _grid(rng),
        rng.uniform(1, 3, 40).astype(np.float32),
        int(rng.integers(40)),
    )
    acquisition[best] = 4
    # (40, 2)
    in_line = (candidates == candidates[best]) & (np.arange(40) != best)[:, None]
    return (
        acquisition,
        candidates,
        candidates[[rng.choice(np.flatnonzero(column)) for column in in_line.T]],
    )


@next_point.probe(weight=1)
def the_first_row(rng):
    candidates, acquisition = _grid(rng), rng.uniform(1, 3, 40).astype(np.float32)
    acquisition[0] = 4
    return (
        acquisition,
        candidates,
        candidates[rng.choice(np.arange(1, 40), 4, replace=False)],
    )


@next_point.probe(weight=1)
def the_last_row(rng):
    candidates, acquisition = _grid(rng), -rng.uniform(1, 3, 40).astype(np.float32)
    acquisition[-1] = -0.5
    return (
        acquisition,
        candidates,
        candidates[rng.choice(np.arange(39), 4, replace=False)],
    )


@next_point.probe(weight=1)
def all_were_tried(rng):
    candidates = _grid(rng)
    return gaussian(rng, 40), candidates, rng.permutation(candidates)


@next_point.probe(weight=1)
def neighbours_by_a_hair(rng):
    """What was tried differs from the best in the last bit of one coordinate, and the best from
    the second in the last bit of its acquisition.
    """
    candidates, acquisition = _grid(rng), rng.uniform(1, 3, 40).astype(np.float32)
    tried, best, second = (int(i) for i in rng.permutation(40)[:3])
    second, best = sorted((second, best))
    candidates[best] = candidates[tried]
    candidates[best, 1] = np.nextafter(candidates[tried, 1], np.float32(np.inf))
    acquisition[second] = 4
    acquisition[best] = np.nextafter(np.float32(4), np.float32(5))
    acquisition[tried] = 5
    return acquisition, candidates, candidates[[tried]]


@next_point.probe(weight=1)
def hardly_any_acquisition(rng):
    """All are far below zero: nothing but minus infinity is lower. Three coordinates, of which the
    best shares two with each of the two that were tried.
    """
    places = rng.permutation(
        np.stack(np.meshgrid(*[[0, 1]] * 3), axis=-1).reshape(8, 3)
    )
    best = places[0]
    tried = np.array([[*best[:2], 1 - best[2]], [1 - best[0], *best[1:]]])
    acquisition = np.float32(-1e36) * rng.uniform(2, 2.4, 8).astype(np.float32)
    acquisition[0] *= np.float32(0.8)  # nearer to zero than all that were not tried
    for row in tried:
        acquisition[(places == row).all(axis=1)] *= np.float32(0.1)
    order = rng.permutation(8)
    candidates = places.astype(np.float32) * rng.uniform(1, 4, 3).astype(np.float32)
    chosen = (places[order][:, None] == tried).all(axis=2).any(axis=1)
    return acquisition[order], candidates[order], candidates[order][chosen]


@next_point.probe(weight=0.5)
def some_were_tried_again_and_again(rng):
    """There are as many trials as candidates, and one is left. One coordinate."""
    candidates = rng.permutation(np.arange(5)).astype(np.float32)[:, None]
    left = int(rng.integers(5))
    tried = np.delete(np.arange(5), left)
    return gaussian(rng, 5), candidates, candidates[[*tried, *tried[:2]]]


@next_point.probe(weight=0.25)
def the_only_one_was_tried(rng):
    return gaussian(rng, 1), floats([1, 2]), floats([1, 2])


example(
    next_point,
    floats(-3, -1, -2, -2),
    floats([0, 0], [0, 1], [1, 0], [1, 1]),
    floats([0, 1]),
    weight=0.5,
)


@next_point.mistake("What was tried is chosen again. Leave those candidates out.")
def _(acquisition, candidates, tried):
    return acquisition.argmax()


@next_point.mistake(
    "A candidate counts as tried here when one of its coordinates occurs in a tried point. All "
    "must be equal, in the same point."
)
def _(acquisition, candidates, tried):
    known = (candidates[:, None] == tried[None]).any(axis=2).any(axis=1)
    return -1 if known.all() else np.where(known, -np.inf, acquisition).argmax()


@next_point.mistake(
    "A candidate counts as tried here when each of its coordinates occurs anywhere in `tried`, "
    "as `isin` tells. All must occur in one and the same row."
)
def _(acquisition, candidates, tried):
    known = np.isin(candidates, tried).all(axis=1)
    return -1 if known.all() else np.where(known, -np.inf, acquisition).argmax()


@next_point.mistake(
    "What was tried gets the value 0, and wins where all others are "
    "negative. Minus infinity is what never wins."
)
def _(acquisition, candidates, tried):
    known = (candidates[:, None] == tried[None]).all(axis=2).any(axis=1)
    return -1 if known.all() else np.where(known, 0, acquisition).argmax()


@next_point.mistake(
    "Of several that are equal, this is the last. The smallest number is asked for: `argmax` "
    "gives it, the end of `argsort` does not."
)
def _(acquisition, candidates, tried):
    known = (candidates[:, None] == tried[None]).all(axis=2).any(axis=1)
    return (
        -1 if known.all() else 39 - np.where(known, -np.inf, acquisition)[::-1].argmax()
    )


@next_point.mistake(
    "When all were tried, this gives the number of a candidate. It should give -1."
)
def _(acquisition, candidates, tried):
    known = (candidates[:, None] == tried[None]).all(axis=2).any(axis=1)
    return np.where(known, -np.inf, acquisition).argmax()


@next_point.mistake(
    "This number counts only the candidates that were not tried. The row "
    "number among all of them is asked for."
)
def _(acquisition, candidates, tried):
    known = (candidates[:, None] == tried[None]).all(axis=2).any(axis=1)
    return -1 if known.all() else acquisition[~known].argmax()


@next_point.mistake("The smallest acquisition is taken. The largest comes next.")
def _(acquisition, candidates, tried):
    free = ~(candidates[:, None] == tried).all(axis=2).any(axis=1)
    return int(np.where(free, acquisition, np.inf).argmin()) if free.any() else -1


@next_point.mistake(
    "Candidates very near to one that was tried are taken for tried. Only exactly equal ones are."
)
def _(acquisition, candidates, tried):
    near = (
        np.isclose(candidates[:, None], tried, rtol=1e-4, atol=1e-5)
        .all(axis=2)
        .any(axis=1)
    )
    return -1 if near.all() else int(np.where(near, -np.inf, acquisition).argmax())


@next_point.mistake(
    "Only the first coordinate is compared. A candidate was tried where all of them are equal."
)
def _(acquisition, candidates, tried):
    seen = (candidates[:, None, 0] == tried[:, 0]).any(axis=1)
    return -1 if seen.all() else int(np.where(seen, -np.inf, acquisition).argmax())


@next_point.mistake("Only the last trial is left out. None that was tried comes again.")
def _(acquisition, candidates, tried):
    seen = (candidates == tried[-1]).all(axis=1)
    return -1 if seen.all() else int(np.where(seen, -np.inf, acquisition).argmax())


@next_point.mistake("This is the candidate itself. Return the number of its row.")
def _(acquisition, candidates, tried):
    seen = (candidates[:, None] == tried).all(axis=2).any(axis=1)
    return (
        -1 if seen.all() else candidates[np.where(seen, -np.inf, acquisition).argmax()]
    )


@next_point.mistake(
    "This is the largest acquisition itself. Return the number of its row."
)
def _(acquisition, candidates, tried):
    seen = (candidates[:, None] == tried).all(axis=2).any(axis=1)
    return -1 if seen.all() else acquisition[~seen].max()


@next_point.mistake("Where all were tried the result is None. Return -1.")
def _(acquisition, candidates, tried):
    seen = (candidates[:, None] == tried).all(axis=2).any(axis=1)
    return None if seen.all() else int(np.where(seen, -np.inf, acquisition).argmax())


@next_point.mistake(
    "Tried ones get a low number in place of their acquisition, and others may be lower. "
    "Leave them out."
)
def _(acquisition, candidates, tried):
    seen = (candidates[:, None] == tried).all(axis=2).any(axis=1)
    return -1 if seen.all() else int(np.where(seen, -1000, acquisition).argmax())


@next_point.mistake(
    "Of several that are equal the last is taken. The one with the smallest row number comes next."
)
def _(acquisition, candidates, tried):
    free = [
        row
        for row, candidate in enumerate(candidates)
        if not (tried == candidate).all(axis=1).any()
    ]
    return max(free, key=lambda row: (acquisition[row], row), default=-1)


@next_point.alternative(framework="torch")
def _(acquisition, candidates, tried):
    free = [
        i for i, row in enumerate(candidates) if not (tried == row).all(dim=1).any()
    ]
    return max(free, key=lambda i: acquisition[i].item(), default=-1)


@next_point.alternative(framework="mxnet")
def _(acquisition, candidates, tried):
    seen = {tuple(row) for row in tried.asnumpy().tolist()}
    best = -1
    values = acquisition.asnumpy()
    for i, row in enumerate(candidates.asnumpy().tolist()):
        if tuple(row) not in seen and (best < 0 or values[i] > values[best]):
            best = i
    return best


@next_point.alternative()
def _(acquisition, candidates, tried):
    done = set(map(tuple, tried.tolist()))
    for i in sorted(range(len(acquisition)), key=lambda i: -acquisition[i]):
        if tuple(candidates[i].tolist()) not in done:
            return i
    return -1


next_point.equivalent(
    "range(len(acquisition)) -> range(len(candidates))",
    why="Each candidate has one acquisition value.",
)


# 7. Minima from a few noisy values ----------------------------------------------------------------

NEEDED = 0.9
FUNCTIONS, TRIALS, NOISE = 150, 30, 0.7


@question(
    points=3,
    hints=[
        "With so much noise the smallest value is mostly luck. Ask for the smallest posterior "
        "*mean* over all candidates, with the functions of questions 1 and 2.",
        "Noise variance 0.49, variance 1, length 0.3 are good for all of them. Mind that a "
        "process with mean 0 draws everything towards 0: leave the values as they are.",
        "One function at a time: a matrix of 30 x 30 and one of 400 x 30.",
    ],
    explanation="""
        The smallest of thirty noisy values tells more of the noise than of the function. The
        posterior mean pools neighbours; how many, the length scale says, which may be off by a
        third without harm. Choosing it by the evidence for each function apart gains nothing here:
        thirty noisy values say little about a length scale.
    """,
    seconds=40,
)
def locate_minima(X, y, candidates):
    """For each of F unknown functions, the row number of the candidate where it is smallest, as far
    as can be told from a few noisy values.

    X: (F, 30, 2) float32, where each function was measured; y: (F, 30) float32, what was measured,
    with noise; candidates: (400, 2) float32. Returns (F,) whole numbers.
    """
    found = []
    for points, values in zip(X.astype(np.float64), y, strict=True):
        K = np.exp(
            -((points[:, None] - points) ** 2).sum(axis=2) / 0.18
        ) + 0.49 * np.eye(len(points))
        K_new = np.exp(-((candidates[:, None] - points) ** 2).sum(axis=2) / 0.18)
        found.append((K_new @ np.linalg.solve(K, values)).argmin())
    return np.array(found)


def _share(truth, chosen):
    """How far down from their mean to their minimum the functions have come, on average."""
    return float(
        (
            (truth.mean(axis=1) - truth[range(len(truth)), chosen])
            / (truth.mean(axis=1) - truth.min(axis=1))
        ).mean()
    )


@locate_minima.probe(repeat=2)
def functions_of_two_variables(rng):
    side = np.linspace(0, 1, 20, dtype=np.float32)
    candidates = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    X, truth, y = rng.random((FUNCTIONS, TRIALS, 2), np.float32), [], []
    # Random Fourier features: a draw from a process with a squared-exponential kernel.
    for points in X:
        waves = np.float32(rng.normal(size=(2, 200)) / rng.uniform(0.2, 0.4))
        phases, heights = (
            np.float32(rng.uniform(0, 2 * np.pi, 200)),
            np.float32(rng.normal(0, 0.1, 200)),
        )
        truth.append(np.cos(candidates @ waves + phases) @ heights)
        y.append(
            np.cos(points @ waves + phases) @ heights + rng.normal(0, NOISE, TRIALS)
        )
    args, truth = (X, np.float32(y), candidates), np.array(truth)
    return Inputs(
        args, secret=(truth, _share(truth, locate_minima.reference.function(*args)))
    )


def _chosen(inputs, output):
    """The output as row numbers, or None where it cannot be."""
    numbers = np.asarray(output)
    truth = inputs.secret[0]
    if (
        numbers.shape != (len(truth),)
        or numbers.dtype.kind not in "iuf"
        or not np.isfinite(numbers).all()
    ):
        return None
    inside = (numbers >= 0) & (numbers < truth.shape[1]) & (numbers == np.rint(numbers))
    return numbers.astype(int) if inside.all() else None


def _reached(inputs, output):
    """The share that the chosen points reach of what the reference reaches, or nan."""
    chosen = _chosen(inputs, output)
    return (
        np.nan
        if chosen is None
        else _share(inputs.secret[0], chosen) / inputs.secret[1]
    )


@locate_minima.measure
def _(inputs, output):
    reached = _reached(inputs, output)
    if np.isnan(reached):
        return Measurement(
            False,
            f"{FUNCTIONS} row numbers of candidates were expected, whole numbers from 0 to 399.",
        )
    return Measurement(
        bool(reached >= NEEDED),
        f"The points lie {reached:.0%} as low as those of a Gaussian "
        f"process; {NEEDED:.0%} are needed.",
    )


def _at_random(inputs, output):
    return -0.4 < _reached(inputs, output) <= 0.4


def _maxima(inputs, output):
    return _reached(inputs, output) <= -0.4


def _next_to_the_smallest_value(inputs, output):
    return 0.4 < _reached(inputs, output) < NEEDED


@locate_minima.mistake(
    "These are maxima. The smallest value is looked for.", recognise=_maxima
)
def _(X, y, candidates):
    K = np.exp(-((X[:, :, None] - X[:, None]) ** 2).sum(axis=3) / 0.18) + 0.49 * np.eye(
        X.shape[1]
    )
    K_new = np.exp(-((candidates[None, :, None] - X[:, None]) ** 2).sum(axis=3) / 0.18)
    return (K_new @ np.linalg.solve(K, y[..., None]))[..., 0].argmax(axis=1)


@locate_minima.mistake(
    "Better than chance, and not good enough. The smallest of noisy values is mostly luck, and "
    "a very short or very long length scale, or too little noise on the "
    "diagonal, does not help: average over neighbours.",
    recognise=_next_to_the_smallest_value,
)
def _(X, y, candidates):
    smallest = X[range(len(X)), y.argmin(axis=1)]
    return ((candidates - smallest[:, None]) ** 2).sum(axis=2).argmin(axis=1)


@locate_minima.mistake(
    "These points are hardly better than others. Is the noise's variance, 0.49, on the "
    "diagonal, and is it the posterior mean that is smallest there?",
    recognise=_at_random,
)
def _(X, y, candidates):
    return (
        ((candidates[None, :, None] - X[:, None]) ** 2)
        .sum(axis=3)
        .min(axis=2)
        .argmax(axis=1)
    )


@locate_minima.alternative(framework="torch")
def _(X, y, candidates):
    import torch

    X, y, candidates = X.double(), y.double(), candidates.double()
    K = torch.exp(-(torch.cdist(X, X) ** 2) / 0.18) + 0.49 * torch.eye(X.shape[1])
    K_new = torch.exp(-(torch.cdist(candidates.expand(len(X), -1, -1), X) ** 2) / 0.18)
    return (K_new @ torch.linalg.solve(K, y[..., None]))[..., 0].argmin(dim=1)


@locate_minima.alternative(framework="mxnet")
def _(X, y, candidates):
    from dlkit.mx import nd

    found = []
    for points, values in zip(X, y, strict=True):
        K = nd.exp(
            -(points.expand_dims(1) - points.expand_dims(0)).square().sum(axis=2) / 0.18
        ) + 0.49 * nd.eye(len(points))
        K_new = nd.exp(
            -(candidates.expand_dims(1) - points.expand_dims(0)).square().sum(axis=2)
            / 0.18
        )
        found.append(
            int(
                nd.dot(K_new, nd.dot(nd.linalg.inverse(K), values))
                .argmin(axis=0)
                .asscalar()
            )
        )
    return nd.array(found)


@locate_minima.alternative()
def _(X, y, candidates):
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import Matern

    process = GaussianProcessRegressor(Matern(0.35, nu=2.5), alpha=0.49, optimizer=None)
    return [
        int(process.fit(points, values).predict(candidates).argmin())
        for points, values in zip(X, y, strict=True)
    ]
