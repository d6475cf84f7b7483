"""How an answer is exercised. A driver runs in the process that holds the answer: the student's for
a submission, the judge's for the reference.

A driver is ``driver(answer, framework, *args) -> plain or framework value``; `args` are already
arrays of the framework. Drivers know the frameworks and no particular question; what they return is
judged elsewhere.

Networks that are handed to an answer are described by a plain list of layers
(`autograder.answers.networks.build_network`)::

    [["conv", 1, 4, 3], ["batchnorm", 4], ["relu"], ["maxpool", 2], ["flatten"], ["dense", 36, 10],
    ...]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograder.answers.networks import backend_of, build_network, is_network
from autograder.values import frameworks
from autograder.values.agreement import agree
from autograder.values.plain_values import to_plain

_BATCH = 256


def call(answer: Callable, framework: str, *args: Any) -> Any:
    """``answer(*args)``."""
    return answer(*args)


def network(answer: Callable, framework: str, weights: Sequence, X: Any, y: Any) -> dict[str, Any]:
    """Build a net, give it `weights`, and report what it computes.

    weights: arrays, one a parameter; a parameter takes the first unused one of its own shape, so
    that the order of definition is free.
    X: (N, C, H, W) float32; y: (N,) int64 class labels.
    Returns ``parameter_shapes`` (sorted), ``parameter_count``, ``logits`` (N, num_classes), and
    ``gradients`` of the mean cross-entropy (in training mode), by the position of the weight that
    the parameter took. With weights that do not fit, only the shapes and the count.
    """
    net = answer() if not is_network(answer) else answer
    backend = backend_of(net)
    parameters = backend.parameters(net, X)
    shapes = [tuple(int(n) for n in parameter.shape) for parameter in parameters]
    report: dict[str, Any] = {
        "parameter_shapes": [list(shape) for shape in sorted(shapes)],
        "parameter_count": _count(shapes),
    }
    taken = _assign(shapes, [tuple(weight.shape) for weight in weights])
    if taken is None:
        return report
    for parameter, index in zip(parameters, taken, strict=True):
        backend.set(parameter, weights[index])
    report["logits"] = backend.forward(net, X)
    gradients = backend.gradients(net, parameters, X, y)
    by_weight = dict(zip(taken, gradients, strict=True))
    report["gradients"] = {f"weight {index}": by_weight[index] for index in sorted(by_weight)}
    return report


def with_network(
    answer: Callable, framework: str, layers: list, weights: Sequence, *args: Any
) -> Any:
    """``answer(net, *args)`` where `net` is built from `layers` with `weights`."""
    return answer(build_network(layers, weights, framework), *args)


def change_network(
    answer: Callable, framework: str, layers: list, weights: Sequence, X: Any, *args: Any
) -> dict[str, Any]:
    """Let ``answer(net, *args)`` change a net built from `layers`, and report what the net (or
    the net that it returned) then computes on X.
    """
    net = build_network(layers, weights, framework)
    returned = answer(net, *args)
    net = returned if is_network(returned) else net
    return {"logits": backend_of(net).forward(net, X)}


def fit_predict(
    answer: Callable, framework: str, X: Any, y: Any, X_new: Any, *args: Any
) -> dict[str, Any]:
    """``net = answer(X, y, *args)``, then the net's logits on X_new (which the answer never sees)
    and its number of parameters, frozen ones included.

    Evaluated in batches of `_BATCH` in prediction mode.
    """
    net = answer(X, y, *args)
    backend = backend_of(net)
    starts = range(0, len(X_new), _BATCH)
    batches = [X_new[start : start + _BATCH] for start in starts]
    logits = np.concatenate([backend.forward(net, batch) for batch in batches])
    parameters = backend.parameters(net, X_new[:1], trainable=False)
    shapes = [tuple(parameter.shape) for parameter in parameters]
    return {"logits": logits, "parameter_count": _count(shapes)}


def sampled(answer: Callable, framework: str, seeds: list[int], *args: Any) -> dict[str, Any]:
    """``answer(*args, rng)`` once for each seed, with a NumPy generator made of it: what a random
    operation does, many times over.

    Every call gets arrays of its own. Returns ``draws`` (the results), ``again`` (those of the
    first seeds once more), and ``changed`` (whether a call changed what it was given).
    """
    given = to_plain(args)
    draws, changed = [], False
    for seed in (*seeds, *seeds[:3]):
        arrays = frameworks.to_framework(given, framework)
        draws.append(to_plain(answer(*arrays, np.random.default_rng(seed))))
        changed = changed or not agree(given, to_plain(arrays), 0, 0)
    return {"draws": draws[: len(seeds)], "again": draws[len(seeds) :], "changed": changed}


DRIVERS: dict[str, Callable] = {
    "call": call,
    "sampled": sampled,
    "network": network,
    "with_network": with_network,
    "change_network": change_network,
    "fit_predict": fit_predict,
}


def _count(shapes: Sequence[tuple[int, ...]]) -> int:
    """How many numbers arrays of these shapes hold."""
    return int(sum(np.prod(shape, dtype=int) for shape in shapes))


def _assign(shapes: list[tuple], given: list[tuple]) -> list[int] | None:
    """For each parameter, the first unused weight of its shape; None where they do not pair up."""
    if sorted(shapes) != sorted(given):
        return None
    free = list(range(len(given)))
    taken = []
    for shape in shapes:
        index = next(i for i in free if given[i] == shape)
        free.remove(index)
        taken.append(index)
    return taken
