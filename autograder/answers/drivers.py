"""How an answer is exercised. A driver runs in the process that holds the answer: the student's for
a submission, the judge's for the reference.

A driver is ``driver(answer, framework, *args) -> plain or framework value``; `args` are already
arrays of the framework. An answer runs as its notebook has switched its frameworks; all else that
a driver does is done `unswitched`. Drivers know the frameworks and no particular question; what
they return is judged elsewhere.

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

from autograder.answers.net_checks import (
    are_logits,
    refuse_shared_layers,
    refuse_without_parameters,
)
from autograder.answers.networks import backend_of, build_network, is_network
from autograder.answers.switches import unswitched
from autograder.answers.trained import observe_net
from autograder.values import frameworks
from autograder.values.agreement import agree
from autograder.values.plain_values import to_plain

USED_AGAIN = 3
"""The call of a random operation with a seed that it has had before twice, and every further one,
gets the arrays that an earlier such call has used.
"""


def call(answer: Callable, framework: str, *args: Any) -> Any:
    """``answer(*args)``."""
    return answer(*args)


def network(
    answer: Callable, framework: str, weights: Sequence, X: Any, y: Any
) -> dict[str, Any]:
    """Build a net, give it `weights`, and report what it computes.

    weights: arrays, one a parameter; a parameter takes the first unused one of its own shape, so
    that the order of definition is free.
    X: (N, C, H, W) float32; y: (N,) int64 class labels.
    Returns ``parameter_shapes`` (sorted), ``parameter_count``, ``logits`` (N, num_classes), and
    ``gradients`` of the mean cross-entropy (in training mode), by the position of the weight that
    the parameter took. With weights that do not fit, only the shapes and the count; with logits
    of which no loss can be taken, no gradients.
    """
    net = answer if is_network(answer) else answer()
    with unswitched():
        return _computed(net, weights, X, y)


def _computed(net: Any, weights: Sequence, X: Any, y: Any) -> dict[str, Any]:
    """What `network` reports of a net."""
    backend = backend_of(net)
    parameters = backend.parameters(net, X)
    refuse_without_parameters(net, parameters)
    shapes = _shapes(parameters)
    report: dict[str, Any] = {
        "parameter_shapes": [list(shape) for shape in sorted(shapes)],
        "parameter_count": _count(shapes),
    }
    taken = _assign(shapes, _shapes(weights))
    if taken is None:
        refuse_shared_layers(net, backend.forward, X)
        return report
    for parameter, index in zip(parameters, taken, strict=True):
        backend.set(parameter, weights[index])
    report["logits"] = backend.forward(net, X)
    if not are_logits(report["logits"], y):
        return report
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
    with unswitched():
        net = build_network(layers, weights, framework)
    return answer(net, *args)


def change_network(
    answer: Callable,
    framework: str,
    layers: list,
    weights: Sequence,
    X: Any,
    *args: Any,
) -> dict[str, Any]:
    """Let ``answer(net, *args)`` change a net built from `layers` in place, and report what this
    net then computes on X, whatever came back.
    """
    with unswitched():
        net = build_network(layers, weights, framework)
    answer(net, *args)
    with unswitched():
        logits = backend_of(net).forward(net, X)
    return {"logits": logits}


def fit_predict(
    answer: Callable, framework: str, X: Any, y: Any, X_new: Any, *args: Any
) -> dict[str, Any]:
    """``net = answer(X, y, *args)``, then what the net says of X_new (which the answer never sees),
    each input alone, and what that comes from: see `autograder.answers.trained.observe_net`.
    """
    net = answer(X, y, *args)
    with unswitched():
        return observe_net(net, X_new)


def sampled(
    answer: Callable, framework: str, seeds: list[int], *args: Any
) -> dict[str, Any]:
    """``answer(*args, rng)`` once for each seed, with a NumPy generator made of it: what a random
    operation does, many times over.

    Every call gets arrays of its own, but for those with a seed that comes for the third time: they
    share theirs, so that whoever gets the results sees what such a call did to them. Returns
    ``draws`` (the results), and ``changed`` (whether a call changed what it was given, as far as
    the answer's own process tells).
    """
    with unswitched():
        given = to_plain(args)
        shared = frameworks.to_framework(given, framework)
    calls: dict[int, int] = {}
    results = []
    changed = False
    for seed in seeds:
        calls[seed] = calls.get(seed, 0) + 1
        is_shared = calls[seed] >= USED_AGAIN
        with unswitched():
            arrays = shared if is_shared else frameworks.to_framework(given, framework)
        rng = np.random.default_rng(seed)
        drawn = answer(*arrays, rng)
        with unswitched():
            results.append(to_plain(drawn))
            if not changed:
                changed = not agree(given, to_plain(arrays), rtol=0, atol=0)
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
