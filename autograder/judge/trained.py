"""Whether what a net says comes from its parameters: nothing that is looked up counts as learnt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

SAME = 0.9
"""Two results are nearly the same from this correlation on. A net of eleven parameters reaches 0.8
where random numbers take their place.
"""

LINEAR = 0.95
"""Of the variance of a net's results with random parameters: from this share on they are a linear
function of its results before. In all four moves at once an honest net of two outputs came to 0.4,
one of ten outputs to 0.75; what is looked up and then goes through a linear layer comes to 1.
"""

_WIDER = 2
"""So many times as many numbers as a result must an input have, so that of a linear net's results
those before explain half at the most.
"""

ROOM = 4
"""So many times the numbers of one input a net may always keep beside its parameters: means and
standard deviations of the inputs, say.
"""


def why_not_learnt(report: Mapping[str, Any], input_size: int) -> str | None:
    """What shows that the net did not learn what it says, as one sentence without its full stop;
    None where nothing does.

    report: what `autograder.answers.trained.observe_net` gave. Raises for what has another form.
    input_size: how many numbers one input has.
    """
    return (
        _wrong_for_one_input(report)
        or _kept_elsewhere(report, input_size)
        or _why_not_followed(report, input_size)
    )


def _wrong_for_one_input(report: Mapping[str, Any]) -> str | None:
    alone = tuple(int(length) for length in report["alone"])
    if not alone or alone[0] != 1:
        return (
            f"asked for one input alone, the net gave an array of shape {alone}: the first axis "
            "stays, with length 1"
        )
    return None


def _kept_elsewhere(report: Mapping[str, Any], input_size: int) -> str | None:
    """That the net's numbers are not its parameters: kept data, or layers in a plain list."""
    count, hidden = report["parameter_count"], report["hidden_count"]
    if count == 0 and hidden == 0:
        return "the net has no parameters, so it cannot have learnt anything"
    if count > 0 and hidden <= max(count, ROOM * input_size):
        return None
    many = f"{count:,}" if count else "no"
    has = "1 parameter" if count == 1 else f"{many} parameters"
    return (
        f"the net has {has}, and computes with {hidden:,} other numbers. What it knows must lie "
        "in its parameters, so it keeps no data. Are its layers in a plain list? Put them into "
        "`nn.Sequential` or `nn.ModuleList` (Gluon: `nn.Sequential`), where they are found"
    )


def _why_not_followed(report: Mapping[str, Any], input_size: int) -> str | None:
    """That the results did not change with the parameters, in any of the moves."""
    pairs = [
        (report["logits"][: len(again)], np.asarray(again)) for again in report["moved"]
    ]
    if all(_nearly_the_same(*pair) for pair in pairs):
        return (
            "the net's parameters do not matter: with random numbers in their place it says "
            "the same. "
            "What it knows must be learnt, and lie in its parameters"
        )
    if _could_not_be_linear(report, input_size) and all(
        _linear(*pair) for pair in pairs
    ):
        return (
            "the net knows its answers before its parameters come in: with random numbers in "
            "their place its results are the old ones, mixed. "
            "What it knows must be learnt, and lie in its parameters"
        )
    return None


def _could_not_be_linear(report: Mapping[str, Any], input_size: int) -> bool:
    """Whether an honest net's results are no linear function of those before. A linear net's are,
    where inputs have no more numbers than results: there the one tells all of the input.
    """
    outputs = np.shape(report["logits"])[-1]
    return bool(input_size >= _WIDER * outputs)


def _linear(before: np.ndarray, again: np.ndarray) -> bool:
    """Whether results for the same inputs, (N, C) each, are a linear function of those before, as
    far as N results can tell.
    """
    if before.shape != again.shape or not np.isfinite(again).all():
        return False
    known = np.concatenate([before, np.ones((len(before), 1))], axis=1).astype(float)
    spare = len(known) - known.shape[1]
    centred = _centred(again, axis=0)
    size = float(np.square(centred).sum())
    if size == 0 or spare < known.shape[1]:
        return False
    rest = centred - known @ np.linalg.lstsq(known, centred, rcond=None)[0]
    # By chance alone, too, a part is explained: as much for each known column.
    unexplained = float(np.square(rest).sum()) / spare / (size / (len(known) - 1))
    return bool(1 - unexplained >= LINEAR)


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
