"""What a net that an answer has trained says of inputs that it has not seen, and whether that
comes from its parameters.

The first means that the net is asked for one input at a time, so that nothing can be learnt from
the others. For the second it is asked again with random numbers in its parameters' place, and the
numbers that it computes with are counted where they are used, wherever they are kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder.answers.networks import Gluon, Torch, backend_of

_MOVES = 4
"""How often the parameters are moved: a small net may say nearly the same once, by chance."""

_ASKED_AGAIN = 64
"""How many inputs the net is asked for again after a move."""


def observe_net(net: Any, X_new: Any) -> dict[str, Any]:
    """Ask a trained net for its logits, and look at where they come from.

    X_new: (N, ...). Returns

    ``logits``           (N, ...), each input asked for alone, in prediction mode
    ``alone``            the shape of the net's result for one input
    ``parameter_count``  how many numbers its parameters hold, frozen ones included
    ``hidden_count``     how many more numbers it computes with, which are neither parameters nor
                         statistics of normalisation
    ``moved``            its logits for the first inputs after each move of its parameters

    The net's parameters are as before when it returns. Raises NotANetwork for what is none.
    """
    backend = backend_of(net)
    one_input = X_new[:1]
    first = backend.forward(net, one_input)
    parameters = backend.parameters(net, one_input, trainable=False)
    counts = [int(np.prod(parameter.shape)) for parameter in parameters]
    return {
        "logits": _each_alone(backend, net, X_new),
        "alone": list(np.shape(first)),
        "parameter_count": sum(counts),
        "hidden_count": backend.hidden_count(net, one_input),
        "moved": _after_moves(backend, net, parameters, X_new[:_ASKED_AGAIN]),
    }


def _each_alone(backend: Torch | Gluon, net: Any, X: Any) -> np.ndarray:
    """The results for one input each, one below the other."""
    results = []
    for place in range(len(X)):
        one_input = X[place : place + 1]
        result = backend.forward(net, one_input)
        results.append(np.atleast_1d(result))
    return np.concatenate(results)


def _after_moves(
    backend: Torch | Gluon, net: Any, parameters: list, X: Any
) -> list[np.ndarray]:
    """The net's results with random numbers in its parameters' place, of the size of the old."""
    if not parameters:
        return []
    learned = [backend.get(parameter) for parameter in parameters]
    results = []
    try:
        for move in range(_MOVES):
            rng = np.random.default_rng(move)
            for parameter, value in zip(parameters, learned, strict=True):
                drawn = _random_like(value, rng)
                backend.set(parameter, backend.array(drawn))
            results.append(_each_alone(backend, net, X))
    finally:
        for parameter, value in zip(parameters, learned, strict=True):
            backend.set(parameter, backend.array(value))
    return results


def _random_like(value: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Normal numbers of the same shape, dtype and mean square; of any size where all are 0."""
    size = 0.0
    if value.size:
        squares = np.square(value, dtype=float)
        size = np.sqrt(np.mean(squares))
    drawn = rng.normal(0, size or 1.0, value.shape)
    return drawn.astype(value.dtype)
