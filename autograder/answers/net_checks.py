"""What is looked at of a net before it is computed with: what a net lacks is said in its own words,
and not by an error of the loss or of the gradients that the check takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autograder.values.plain_values import Refused, to_plain

NOT_RECORDED = (
    "the gradients of the net cannot be computed: from the input to the logits it must use the "
    "framework's own operations, without `detach`, `no_grad` or NumPy"
)


def refuse_without_parameters(net: Any, parameters: Sequence) -> None:
    """Raise Refused for a net that has no trained parameters."""
    if parameters:
        return
    if _has_parameters(net):
        raise Refused("no parameter of the net is trained: all of them are frozen")
    raise Refused(
        "the net has no parameters: are its layers in a plain list? Put them into "
        "`nn.Sequential`, or make each an attribute of its own"
    )


def _has_parameters(net: Any) -> bool:
    collect = getattr(net, "collect_params", None)
    every = collect().values() if collect else net.parameters()
    return any(True for _ in every)


def refuse_shared_layers(net: Any, forward: Any, X: Any) -> None:
    """Raise Refused for a net in which a layer with weights is used more than once for an input.

    forward: computes the net's output for X.
    """
    used: Counter[int] = Counter()
    hooks = [_count_uses(layer, used) for layer in _layers_with_weights(net)]
    try:
        forward(net, X)
    except Exception:  # A net that does not run shares nothing that could be seen.
        return
    finally:
        for hook in hooks:
            # PyTorch's, or Gluon's.
            remove = getattr(hook, "remove", None) or hook.detach
            remove()
    if any(count > 1 for count in used.values()):
        raise Refused(
            "a layer is used more than once in the net, and so its weights are shared: make a "
            "layer of its own for each place"
        )


def _count_uses(layer: Any, used: Counter[int]) -> Any:
    def count(*_: Any) -> None:
        used[id(layer)] += 1

    return layer.register_forward_hook(count)


def _layers_with_weights(net: Any) -> Iterator[Any]:
    """Each layer that holds weights itself, once."""
    waiting, met = [net], {id(net)}
    while waiting:
        layer = waiting.pop()
        own = getattr(layer, "_parameters", None) or getattr(layer, "_reg_params", None)
        if own:
            yield layer
        inner = (
            getattr(layer, "_modules", None) or getattr(layer, "_children", None) or {}
        )
        for child in inner.values():
            if child is not None and id(child) not in met:
                met.add(id(child))
                waiting.append(child)


def are_logits(logits: np.ndarray, y: Any) -> bool:
    """Whether a loss can be taken of them: a row for each label, with a column for each class."""
    labels = np.asarray(to_plain(y))
    if logits.ndim != 2 or len(logits) != len(labels):
        return False
    return logits.shape[1] > int(labels.max(initial=0))


def refuse_other_than(kind: type, output: Any) -> None:
    """Raise Refused for an output of a net that is no array of its framework."""
    if not isinstance(output, kind):
        name = type(output).__name__
        raise Refused(f"the net gives a {name}, where an array of logits was expected")
