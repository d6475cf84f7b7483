"""Whether what a net says comes from its parameters: nothing that is looked up counts as learnt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

SAME = 0.9
"""Two results are nearly the same from this correlation on. A net of eleven parameters reaches 0.8
where random numbers take their place.
"""


def why_not_learnt(report: Mapping[str, Any]) -> str | None:
    """What shows that the net did not learn what it says, as one sentence without its full stop;
    None where nothing does.

    report: what `autograder.answers.trained.observe_net` gave. Raises for what has another form.
    """
    alone = tuple(int(length) for length in report["alone"])
    if not alone or alone[0] != 1:
        return (
            f"asked for one input alone, the net gave an array of shape {alone}: the first axis "
            "stays, with length 1"
        )
    if report["parameter_count"] == 0 and report["hidden_count"] > 0:
        return (
            f"the net has no parameters, and computes with {report['hidden_count']:,} other "
            "numbers. Are its layers in a plain list? Put them into `nn.Sequential` or "
            "`nn.ModuleList` (Gluon: `nn.Sequential`), where they are found"
        )
    if report["parameter_count"] == 0:
        return "the net has no parameters, so it cannot have learnt anything"
    if not _follows(report["logits"], report["moved"]):
        return (
            "the net's parameters do not matter: with random numbers in their place it says "
            "the same. "
            "What it knows must be learnt, and lie in its parameters"
        )
    return None


def _follows(logits: np.ndarray, moved: list[np.ndarray]) -> bool:
    """Whether the results changed with the parameters, in one of the moves at least."""
    for again in moved:
        before = logits[: len(again)]
        if not _nearly_the_same(before, again):
            return True
    return False


def _nearly_the_same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two results for the same inputs, (N, C) each, order the inputs, or for each of them
    the classes, in nearly the same way.
    """
    if one.shape != other.shape:
        return False
    one_class = one.shape[-1] == 1
    axis = 0 if one_class else -1
    first = _centred(one, axis)
    second = _centred(other, axis)
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    if not np.isfinite(lengths):
        return False
    if lengths == 0:
        # A net that says the same of everything, before and after, does not follow either.
        return bool(np.array_equal(first, second))
    product = float(np.vdot(first, second))
    return abs(product) >= SAME * lengths


def _centred(values: np.ndarray, axis: int) -> np.ndarray:
    exact = values.astype(float)
    centred: np.ndarray = exact - exact.mean(axis=axis, keepdims=True)
    return centred
