"""Almost right answers of chapters 16 to 20 fail for every student."""

import math

import numpy as np
import pytest
from near_misses import NearMisses, lenient_students

near = NearMisses()


# 16 By hand, on a grid, at random -----------------------------------------------------------------


@near.of("searching.grid", "at most three names")
def _(space):
    names = [*space, None, None, None][:3]
    values = [space.get(name, [None]) for name in names]
    return [
        {
            name: value
            for name, value in zip(names, (a, b, c), strict=True)
            if name is not None
        }
        for a in values[0]
        for b in values[1]
        for c in values[2]
    ]


@near.of("searching.grid", "equal values count once")
def _(space):
    configurations = [{}]
    for name, values in space.items():
        configurations = [
            {**c, name: v} for c in configurations for v in dict.fromkeys(values)
        ]
    return configurations


@near.of("searching.grid", "a value of 0 is none")
def _(space):
    configurations = [{}]
    for name, values in space.items():
        configurations = [
            {**c, name: v or None} for c in configurations for v in values
        ]
    return configurations


for _most in (100, 1000):

    @near.of("searching.tries_needed", f"gives up at {_most}")
    def _(share, confidence, most=_most):
        for n in range(1, most):
            if 1 - (1 - share) ** n >= confidence:
                return n
        return most


def _best_of(scores, parameters, equal=lambda one, best: one == best):
    usable = [i for i, score in enumerate(scores) if score == score]
    if not usable:
        return None
    best = max(scores[i] for i in usable)
    return min(
        (i for i in usable if equal(scores[i], best)), key=lambda i: parameters[i]
    )


@near.of("searching.best_try", "medians")
def _(accuracies, parameters):
    return _best_of(np.median(accuracies, axis=1).tolist(), parameters)


@near.of("searching.best_try", "equal as `isclose` has it")
def _(accuracies, parameters):
    return _best_of(accuracies.mean(axis=1).tolist(), parameters, np.isclose)


@near.of("searching.best_try", "the best begins at 0, and nothing reaches it")
def _(accuracies, parameters):
    best, found = (0.0, 0), None
    for i, mean in enumerate(accuracies.mean(axis=1).tolist()):
        if mean > 0 and (mean, -parameters[i]) > best:
            best, found = (mean, -parameters[i]), i
    return found


for _place in (0, -1):

    @near.of("searching.best_try", f"of equals number {_place}")
    def _(accuracies, parameters, place=_place):
        means = accuracies.mean(axis=1)
        if np.isnan(means).all():
            return None
        return int(np.flatnonzero(means == np.nanmax(means))[place])


@near.of("searching.one_standard_error", "on the limit as `isclose` has it")
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    best = means.argmax()
    limit = means[best] - accuracies[best].std(ddof=1) / np.sqrt(accuracies.shape[1])
    close = np.flatnonzero((means >= limit) | np.isclose(means, limit))
    return close[parameters[close].argmin()]


@near.of("searching.nested_estimate", "chosen among rounded accuracies")
def _(inner, outer, sizes):
    chosen = np.round(inner, 6).argmax(axis=1)
    return (sizes * outer[np.arange(len(sizes)), chosen]).sum() / sizes.sum()


for _bits in (16, 32):

    @near.of("searching.best_try", f"parameters are kept in {_bits} bits")
    def _(accuracies, parameters, bits=_bits):
        means, sizes = accuracies.mean(axis=1), parameters % 2**bits
        alive = np.flatnonzero(~np.isnan(means))
        return (
            int(min(alive, key=lambda i: (-means[i], sizes[i]))) if len(alive) else None
        )


@near.of("searching.nested_estimate", "a fold with one example does not judge")
def _(inner, outer, sizes):
    judges = np.flatnonzero(sizes > 1)
    reached = outer[judges, inner[judges].argmax(axis=1)]
    return (reached * sizes[judges]).sum() / sizes[judges].sum()


# 17 Bayesian optimisation -------------------------------------------------------------------------


for _most in (10, 18):

    @near.of("bayesian.kernel_matrix", f"squared distances are cut off at {_most}")
    def _(A, B, length, variance, most=_most):
        squared = (((A[:, None] - B) / length) ** 2).sum(axis=2)
        return variance * np.exp(-np.minimum(squared, most) / 2)


@near.of("bayesian.posterior", "the diagonal of K in place of `prior`")
def _(K, K_new, y, prior, noise):
    S = K + noise * np.eye(len(y))
    explained = (K_new * np.linalg.solve(S, K_new.T).T).sum(axis=1)
    return K_new @ np.linalg.solve(S, y), K.diagonal().mean() - explained


@near.of("bayesian.log_evidence", "the logarithm of the determinant in float64")
def _(K, y, noise):
    S = K.astype(float) + noise * np.eye(len(K))
    with np.errstate(divide="ignore"):
        determinant = np.log(np.linalg.det(S))
    return -(y @ np.linalg.solve(S, y) + determinant + len(y) * np.log(2 * np.pi)) / 2


def _improvement(mean, std, best, xi, certain):
    from scipy.stats import norm

    gain = best - mean - xi
    with np.errstate(divide="ignore", invalid="ignore"):
        z = gain / std
        improvement = gain * norm.cdf(z) + std * norm.pdf(z)
    return np.where(certain(std), np.maximum(gain, 0), improvement)


@near.of("bayesian.expected_improvement", "a small std is none")
def _(mean, std, best, xi):
    return _improvement(mean, std, best, xi, lambda std: std < 1e-3)


@near.of("bayesian.expected_improvement", "a `best` of 0 is none")
def _(mean, std, best, xi):
    return _improvement(mean, std, best or mean.min(), xi, lambda std: std == 0)


@near.of("bayesian.optimistic_bound", "variance over its root")
def _(mean, variance, kappa, minimise):
    with np.errstate(invalid="ignore"):
        spread = kappa * variance / np.sqrt(variance)
    return spread - mean if minimise else spread + mean


@near.of("bayesian.optimistic_bound", "a kappa of 0 is none")
def _(mean, variance, kappa, minimise):
    spread = (kappa or 2) * np.sqrt(variance)
    return spread - mean if minimise else spread + mean


def _next(acquisition, known, least=-np.inf):
    return -1 if known.all() else int(np.where(known, least, acquisition).argmax())


def _known(candidates, tried):
    return (candidates[:, None] == tried).all(axis=2).any(axis=1)


for _why, _compare in {
    "by `isclose`": lambda c, t: np.isclose(c[:, None], t).all(axis=2).any(axis=1),
    "by sums": lambda c, t: np.isin(c.sum(axis=1), t.sum(axis=1)),
    "by lengths": lambda c, t: np.isin((c**2).sum(axis=1), (t**2).sum(axis=1)),
    "by six digits": lambda c, t: _known(np.round(c, 6), np.round(t, 6)),
    "by first coordinates": lambda c, t: np.isin(c[:, 0], t[:, 0]),
    "by the first two": lambda c, t: _known(c[:, :2], t[:, :2]),
    "by their number": lambda c, t: _known(c, t) | (len(t) >= len(c)),
}.items():

    @near.of("bayesian.next_point", f"what was tried is known {_why}")
    def _(acquisition, candidates, tried, compare=_compare):
        return _next(acquisition, compare(candidates, tried))


for _least in (-1e3, -1e9, -1e30):

    @near.of("bayesian.next_point", f"{_least:g} for minus infinity")
    def _(acquisition, candidates, tried, least=_least):
        return _next(acquisition, _known(candidates, tried), least)


@near.of("bayesian.next_point", "acquisitions are equal as rounded")
def _(acquisition, candidates, tried):
    return _next(np.round(acquisition, 6), _known(candidates, tried))


# 18 Stopping early --------------------------------------------------------------------------------


@near.of("halving.rungs", "their number by a logarithm")
def _(n, r, R, eta):
    return [
        (max(n // eta**k, 1), r * eta**k) for k in range(int(math.log(R / r, eta)) + 1)
    ]


@near.of("halving.rungs", "ten at most")
def _(n, r, R, eta):
    return [(max(n // eta**k, 1), r * eta**k) for k in range(10) if r * eta**k <= R]


@near.of("halving.brackets", "ten at most")
def _(R, eta):
    s_max = max(s for s in range(10) if eta**s <= R)
    return [
        (-(-(s_max + 1) * eta**s // (s + 1)), R // eta**s) for s in range(s_max, -1, -1)
    ]


def _usable(accuracies, key=lambda accuracy: -accuracy):
    usable = [i for i, accuracy in enumerate(accuracies) if accuracy == accuracy]
    return sorted(usable, key=lambda i: key(accuracies[i]))


@near.of("halving.promote", "None where all have diverged")
def _(accuracies, eta):
    return _usable(accuracies)[: max(1, len(accuracies) // eta)] or None


@near.of("halving.promote", "one of N is not counted")
def _(accuracies, eta):
    return _usable(accuracies)[: max(1, (len(accuracies) - 1) // eta)]


@near.of("halving.promote", "equal as rounded")
def _(accuracies, eta):
    ranked = _usable(accuracies, lambda accuracy: -round(accuracy, 6))
    return ranked[: max(1, len(accuracies) // eta)]


@near.of("halving.epochs_paid", "equal jobs count once")
def _(jobs, resume):
    if resume:
        return sum(dict(sorted(jobs)).values())
    return sum(epochs for _, epochs in set(map(tuple, jobs)))


@near.of("halving.epochs_paid", "configurations in 8 bits")
def _(jobs, resume):
    most = {}
    for configuration, epochs in jobs:
        most.setdefault(configuration % 256, []).append(epochs)
    return sum(max(times) if resume else sum(times) for times in most.values())


def _ready(rungs, promoted, eta):
    for k in range(len(rungs) - 1):
        best = sorted(rungs[k], key=rungs[k].get, reverse=True)[: len(rungs[k]) // eta]
        yield from (
            (rungs[k][name], name, k) for name in best if name not in promoted[k]
        )


for _choice in (max, min):

    @near.of("halving.next_job", f"the {_choice.__name__} of all rungs")
    def _(rungs, promoted, eta, choice=_choice):
        found = list(_ready(rungs, promoted, eta))
        return choice(found)[1:] if found else None


@near.of("halving.brackets", "a logarithm with a little added")
def _(R, eta):
    s_max = int(math.log(R) / math.log(eta) + 1e-3)
    return [
        (-(-(s_max + 1) * eta**s // (s + 1)), R // eta**s) for s in range(s_max, -1, -1)
    ]


for _alive, _why in (
    (
        lambda accuracy: accuracy == accuracy and accuracy,
        "an accuracy of 0 has diverged",
    ),
    (lambda accuracy: accuracy < 1, "an accuracy of 1 has diverged"),
):

    @near.of("halving.promote", _why)
    def _(accuracies, eta, alive=_alive):
        order = [i for i, accuracy in enumerate(accuracies) if alive(accuracy)]
        order.sort(key=lambda i: -accuracies[i])
        return order[: max(1, len(accuracies) // eta)]


@near.of("halving.promote", "all that are as good as the last go on")
def _(accuracies, eta):
    order = [i for i, accuracy in enumerate(accuracies) if accuracy == accuracy]
    order.sort(key=lambda i: -accuracies[i])
    first = order[: max(1, len(accuracies) // eta)]
    return [i for i in order if accuracies[i] >= accuracies[first[-1]]] if first else []


@near.of("halving.next_job", "accuracies are rounded")
def _(rungs, promoted, eta):
    for k in reversed(range(len(rungs) - 1)):
        order = sorted(rungs[k], key=lambda name: -round(rungs[k][name], 3))
        for name in order[: len(rungs[k]) // eta]:
            if name not in promoted[k]:
                return name, k
    return None


@near.of("halving.next_job", "configuration 0 is none")
def _(rungs, promoted, eta):
    found = max(
        _ready(rungs, promoted, eta), key=lambda job: (job[2], job[0]), default=None
    )
    return found[1:] if found and found[1] else None


def _first(below, T):
    return int(below.argmax()) + 1 if below.any() else T


@near.of("halving.stopped_at", "the median of all numbers")
def _(curve, completed):
    return _first(np.maximum.accumulate(curve) < np.median(completed), len(curve))


@near.of("halving.stopped_at", "behind by more than a hair")
def _(curve, completed):
    below = np.maximum.accumulate(curve) < np.median(completed, axis=0) - 1e-6
    return _first(below, len(curve))


# 19 Hypergradients --------------------------------------------------------------------------------


@near.of("hypergradients.decay_hypergradient", "the absolute values of the products")
def _(weights, solved, log_decays):
    return [
        -math.exp(rho) * np.abs(w * v).sum()
        for w, v, rho in zip(weights, solved, log_decays, strict=True)
    ]


@near.of("hypergradients.decay_hypergradient", "always below zero")
def _(weights, solved, log_decays):
    return [
        -math.exp(rho) * abs((w * v).sum())
        for w, v, rho in zip(weights, solved, log_decays, strict=True)
    ]


for _length, _why in (
    (lambda r: np.abs(r).max(), "the largest number of the residual"),
    (lambda r: np.sqrt((r**2).mean()), "the root of the mean square of the residual"),
    (
        lambda r: np.linalg.norm(r) * (1 + 1e-4),
        "a residual as long as the tolerance goes on",
    ),
):

    @near.of("hypergradients.conjugate_gradient", _why)
    def _(X, b, penalty, num_steps, tolerance, length=_length):
        x, r, p = 0 * b, b, b
        for _ in range(num_steps):
            if length(r) <= tolerance:
                break
            Hp = X.T @ (X @ p) / len(X) + penalty * p
            a = r @ r / (p @ Hp)
            x, new = x + a * p, r - a * Hp
            p, r = new + new @ new / (r @ r) * p, new
        return x


@near.of(
    "hypergradients.conjugate_gradient", "directions are joined to the residual before"
)
def _(X, b, penalty, num_steps, tolerance):
    x, r, p = 0 * b, b, b
    for _ in range(num_steps):
        if np.linalg.norm(r) <= tolerance:
            break
        Hp = X.T @ (X @ p) / len(X) + penalty * p
        a = r @ r / (p @ Hp)
        x, new = x + a * p, r - a * Hp
        p, r = new + new @ new / (r @ r) * r, new
    return x


@near.of("hypergradients.lr_hypergradient", "ten steps at most")
def _(X, y, w, target, lr, num_steps, last):
    z = np.zeros_like(w)
    for step in range(num_steps):
        gradient = X.T @ (X @ w - y) / len(X)
        if step >= num_steps - min(last, 10):
            z = z - lr * (X.T @ (X @ z) / len(X)) - gradient
        w = w - lr * gradient
    return (w - target) @ z


@near.of("hypergradients.conjugate_gradient", "no stop where the solution is reached")
def _(X, b, penalty, num_steps, tolerance):
    x, r, p = 0 * b, b, b
    for _ in range(num_steps if b.any() else 0):
        if 1e-12 < np.linalg.norm(r) <= tolerance:
            break
        image = X.T @ (X @ p) / len(X) + penalty * p
        with np.errstate(invalid="ignore", divide="ignore"):
            step = r @ r / (p @ image)
            x, old, r = x + step * p, r, r - step * image
            p = r + (r @ r) / (old @ old) * p
    return x


@near.of("hypergradients.neumann", "a hundred terms at most")
def _(X, g, penalty, lr, num_terms):
    term = total = lr * g
    for _ in range(min(num_terms, 100) - 1):
        term = term - lr * (X.T @ (X @ term) / len(X) + penalty * term)
        total = total + term
    return total


@near.of("hypergradients.lr_hypergradient", "the last two steps at least")
def _(X, y, w, target, lr, num_steps, last):
    z = 0.0 * w
    for t in range(num_steps):
        gradient = X.T @ (X @ w - y) / len(X)
        if t >= num_steps - max(last, min(2, num_steps)):
            z = z - lr * (X.T @ (X @ z)) / len(X) - gradient
        w = w - lr * gradient
    return (w - target) @ z


# 20 Architecture search ---------------------------------------------------------------------------


@near.of("architectures.net_cost", "a kernel is never 1")
def _(spec, channels, size):
    parameters = multiply_adds = 0
    for kernel, outputs, stride in spec:
        weights = max(kernel, 3) ** 2 * channels * outputs
        size = (size - 1) // stride + 1
        parameters, multiply_adds = (
            parameters + weights,
            multiply_adds + weights * size**2,
        )
        channels = outputs
    return parameters, multiply_adds


@near.of("architectures.on_front", "equal as `isclose` has it")
def _(points):
    a, b = points[:, None], points[None]
    equal = np.isclose(a, b)
    dominates = ((a < b) | equal).all(axis=2) & ((a < b) & ~equal).any(axis=2)
    return ~dominates.any(axis=0)


def _hypervolume(points, reference):
    area, lowest = 0.0, reference[1]
    for x, y in points:
        if x < reference[0] and y < lowest:
            area += (reference[0] - x) * (lowest - y)
            lowest = y
    return area


@near.of(
    "architectures.hypervolume", "of equals in the first objective the first counts"
)
def _(points, reference):
    first = {}
    for x, y in points.tolist():
        first.setdefault(x, y)
    return _hypervolume(sorted(first.items()), reference)


@near.of(
    "architectures.hypervolume", "of equals in the second objective the first counts"
)
def _(points, reference):
    first = {}
    for x, y in points.tolist():
        first.setdefault(y, x)
    return _hypervolume(sorted((x, y) for y, x in first.items()), reference)


@near.of("architectures.hypervolume", "points below zero are cut off")
def _(points, reference):
    return _hypervolume(sorted(points.clip(0).tolist()), reference)


@near.of("architectures.net_cost", "32 bits")
def _(spec, channels, size):
    parameters = multiply_adds = 0
    for kernel, outputs, stride in spec:
        weights = kernel * kernel * channels * outputs
        size = (size - 1) // stride + 1
        parameters += weights
        multiply_adds += weights * size * size
        channels = outputs
    return parameters, multiply_adds % 2**31


@near.of("architectures.hypervolume", "points that are hardly lower are passed over")
def _(points, reference):
    area, low = 0.0, reference[1]
    for x, y in sorted(points.tolist()):
        if x < reference[0] and y < low - 1e-3:
            area, low = area + (reference[0] - x) * (low - y), y
    return area


@near.of("architectures.crowding_distance", "a small number below the line")
def _(points):
    result = np.zeros(len(points))
    for values in points.T:
        order = values.argsort()
        values = values[order]
        result[order[1:-1]] += (values[2:] - values[:-2]) / (
            values[-1] - values[0] + 1e-6
        )
        result[order[[0, -1]]] += 10
    return result


@near.of("architectures.crowding_distance", "as many objectives as points at most")
def _(points):
    result = np.zeros(len(points))
    for number in range(min(points.shape)):
        values = points[:, number]
        order = values.argsort()
        values = values[order]
        result[order[1:-1]] += (values[2:] - values[:-2]) / (values[-1] - values[0])
        result[order[[0, -1]]] += 10
    return result


@near.of("architectures.ensemble", "squeezed")
def _(logits):
    exps = np.exp(logits - logits.max(axis=2, keepdims=True))
    return (exps / exps.sum(axis=2, keepdims=True)).mean(axis=0).squeeze()


@pytest.mark.parametrize(
    "near_miss",
    near.all,
    ids=lambda miss: f"{miss.question}: {miss.why}".replace(" ", "_"),
)
def test_an_answer_of_search_that_is_almost_right_fails_for_every_student(near_miss):
    assert lenient_students(near_miss) == []
