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

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograder.answers.networks import backend_of, build_network, is_network
from autograder.values import frameworks
from autograder.values.agreement import agree
from autograder.values.plain_values import to_plain

_BATCH = 256

USED_AGAIN = 3
"""The call of a random operation with a seed that it has had before twice, and every further one,
gets the arrays that an earlier such call has used.
"""


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
    net = answer if is_network(answer) else answer()
    backend = backend_of(net)
    parameters = backend.parameters(net, X)
    shapes = _shapes(parameters)
    report: dict[str, Any] = {
        "parameter_shapes": [list(shape) for shape in sorted(shapes)],
        "parameter_count": _count(shapes),
    }
    taken = _assign(shapes, _shapes(weights))
    if taken is None:
        return report
    for parameter, index in zip(parameters, taken, strict=True):
        backend.set(parameter, weights[index])
    report["logits"] = backend.forward(net, X)
    gradients = backend.gradients(net, parameters, X, y)
    by_weight = dict(zip(taken, gradients, strict=True))
    by_name = {}
    for index in sorted(by_weight):
        by_name[f"weight {index}"] = by_weight[index]
    report["gradients"] = by_name
    return report


def with_network(
    answer: Callable, framework: str, layers: list, weights: Sequence, *args: Any
) -> Any:
    """``answer(net, *args)`` where `net` is built from `layers` with `weights`."""
    net = build_network(layers, weights, framework)
    return answer(net, *args)


def change_network(
    answer: Callable, framework: str, layers: list, weights: Sequence, X: Any, *args: Any
) -> dict[str, Any]:
    """Let ``answer(net, *args)`` change a net built from `layers`, and report what the net (or
    the net that it returned) then computes on X.
    """
    net = build_network(layers, weights, framework)
    returned = answer(net, *args)
    if is_network(returned):
        net = returned
    backend = backend_of(net)
    logits = backend.forward(net, X)
    return {"logits": logits}


def fit_predict(
    answer: Callable, framework: str, X: Any, y: Any, X_new: Any, *args: Any
) -> dict[str, Any]:
    """``net = answer(X, y, *args)``, then the net's logits on X_new (which the answer never sees)
    and its number of parameters, frozen ones included.

    Evaluated in batches of `_BATCH` in prediction mode.
    """
    net = answer(X, y, *args)
    backend = backend_of(net)
    logits = []
    for start in range(0, len(X_new), _BATCH):
        batch = X_new[start : start + _BATCH]
        logits.append(backend.forward(net, batch))
    one_input = X_new[:1]
    parameters = backend.parameters(net, one_input, trainable=False)
    shapes = _shapes(parameters)
    return {
        "logits": np.concatenate(logits),
        "parameter_count": _count(shapes),
    }


def sampled(answer: Callable, framework: str, seeds: list[int], *args: Any) -> dict[str, Any]:
    """``answer(*args, rng)`` once for each seed, with a NumPy generator made of it: what a random
    operation does, many times over.

    Every call gets arrays of its own, but for those with a seed that comes for the third time: they
    share theirs, so that whoever gets the results sees what such a call did to them. Returns
    ``draws`` (the results), and ``changed`` (whether a call changed what it was given, as far as
    the answer's own process tells).
    """
    given = to_plain(args)
    shared = frameworks.to_framework(given, framework)
    calls: dict[int, int] = {}
    results = []
    changed = False
    for seed in seeds:
        calls[seed] = calls.get(seed, 0) + 1
        is_shared = calls[seed] >= USED_AGAIN
        arrays = shared if is_shared else frameworks.to_framework(given, framework)
        rng = np.random.default_rng(seed)
        drawn = answer(*arrays, rng)
        results.append(to_plain(drawn))
        if not changed:
            afterwards = to_plain(arrays)
            changed = not agree(given, afterwards, rtol=0, atol=0)
    return {"draws": results, "changed": changed}


DRIVERS: dict[str, Callable] = {
    "call": call,
    "sampled": sampled,
    "network": network,
    "with_network": with_network,
    "change_network": change_network,
    "fit_predict": fit_predict,
}


def _shapes(arrays: Sequence) -> list[tuple[int, ...]]:
    """The shapes of parameters or weights; a framework's own kind of shape becomes a tuple."""
    shapes = []
    for array in arrays:
        lengths = [int(length) for length in array.shape]
        shapes.append(tuple(lengths))
    return shapes


def _count(shapes: Sequence[tuple[int, ...]]) -> int:
    """How many numbers arrays of these shapes hold."""
    sizes = [math.prod(shape) for shape in shapes]
    return sum(sizes)


def _assign(shapes: list[tuple], given: list[tuple]) -> list[int] | None:
    """For each parameter, the first unused weight of its shape; None where they do not pair up."""
    if sorted(shapes) != sorted(given):
        return None
    unused: list[tuple | None] = list(given)
    taken = []
    for shape in shapes:
        index = unused.index(shape)
        unused[index] = None
        taken.append(index)
    return taken
