"""A right result is right in every form in which people hand it in, and whatever their notebook
has switched.
"""

from __future__ import annotations

import collections
import contextlib
import os
import sys
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch

from autograder.answers.outcome import Outcome
from autograder.answers.run import run_contained
from autograder.judge.examination import expected
from autograder.judge.strategy import Observation
from autograder.judge.trial import strategy_of
from autograder.learner.judge_process import PUBLIC
from autograder.questions import catalogue
from autograder.questions.definition import seed_for
from autograder.values import frameworks
from autograder.values.plain_values import to_plain

QUESTIONS = [
    question
    for chapter in catalogue.chapters().values()
    for question in chapter.values()
]
COMPARED = [
    question
    for question in QUESTIONS
    if not (question.measurement or question.driver == "sampled")
]
RETURNED = [
    question for question in COMPARED if question.driver in ("call", "with_network")
]
"""Those whose answers return what is judged, and no driver's report on it."""


def in_form(value, *, array, number, sequence=list, mapping=dict):
    """`value` with its arrays, numbers, lists and dicts made anew."""
    again = {"array": array, "number": number, "sequence": sequence, "mapping": mapping}
    if isinstance(value, np.ndarray):
        return number(value.item()) if value.shape == () else array(value)
    if isinstance(value, bool | int | float):
        return number(value)
    if isinstance(value, list | tuple):
        return sequence([in_form(item, **again) for item in value])
    if isinstance(value, dict):
        return mapping({key: in_form(item, **again) for key, item in value.items()})
    return value


def listed(number, sequence=list):
    """Turns an array into sequences in sequences of numbers."""

    def convert(array):
        if array.ndim == 0:
            return number(array.item())
        return sequence([convert(row) for row in array])

    return convert


def same(value):
    return value


def named(items):
    names = [f"item{index}" for index in range(len(items))]
    return collections.namedtuple("Named", names)(*items)


def with_a_default(items):
    return collections.defaultdict(float, items)


def with_strings_of_numpy(items):
    return collections.OrderedDict(
        (np.str_(key) if isinstance(key, str) else np.int64(key), item)
        for key, item in items.items()
    )


class Listed(list):
    """A list by inheritance."""


class Kept(np.ndarray):
    """An array by inheritance."""


def fraction(number):
    is_exact = isinstance(number, float) and np.isfinite(number)
    return Fraction(number) if is_exact else number


def wider(array):
    return array.astype(np.longdouble) if array.dtype.kind == "f" else array


def matrix(array):
    return np.asmatrix(array) if array.ndim == 2 else array


def no_mask(array):
    return np.ma.masked_array(array)


def tensor(array):
    return torch.from_numpy(np.array(array))


def parameter(array):
    made = tensor(array)
    return torch.nn.Parameter(made) if made.is_floating_point() else made


def old_array(value):
    """An array of MXNet's, which has none without axes and none without numbers."""
    array = np.atleast_1d(value)
    if array.size == 0:
        return array
    dtype = np.float32 if array.dtype.kind == "f" else array.dtype
    dtype = np.uint8 if array.dtype.kind == "b" else dtype
    return frameworks.module("mxnet").nd.array(array, dtype=dtype)


FORMS = {
    "lists": dict(array=listed(same), number=same),
    "tuples": dict(array=listed(same, tuple), number=same, sequence=tuple),
    "kinds of lists and dicts": dict(
        array=listed(np.float64, Listed),
        number=same,
        sequence=named,
        mapping=with_a_default,
    ),
    "NumPy": dict(array=wider, number=np.float64, mapping=with_strings_of_numpy),
    "kinds of arrays": dict(array=lambda array: array.view(Kept), number=fraction),
    "matrices": dict(array=matrix, number=np.longdouble),
    "masks": dict(array=no_mask, number=no_mask),
    "tensors": dict(array=tensor, number=torch.tensor),
    "parameters": dict(array=parameter, number=parameter),
    "tensors in lists": dict(array=listed(torch.tensor), number=torch.tensor),
    "MXNet": dict(array=old_array, number=old_array),
    "MXNet's numbers in lists": dict(array=listed(old_array), number=old_array),
}


@pytest.mark.slow
@pytest.mark.parametrize("question", RETURNED, ids=lambda question: question.name)
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_right_result_is_right_in_every_form(question):
    strategy = strategy_of(question)
    refused = []
    for case in question.cases(seed_for(PUBLIC, question.name)):
        right = expected(question, case)
        for name, form in FORMS.items():
            if name.startswith("MXNet") and not frameworks.available("mxnet"):
                continue
            if count_of(right) > 2000 and "list" in name:
                continue
            handed_in = Observation(Outcome("value"), to_plain(in_form(right, **form)))
            if not strategy.passes(right, handed_in):
                refused.append((case.probe.name, name, right))
    assert not refused


def count_of(value):
    """How many numbers a result holds."""
    if isinstance(value, list | tuple):
        return sum(map(count_of, value))
    if isinstance(value, dict):
        return sum(map(count_of, value.values()))
    return np.size(value)


@contextlib.contextmanager
def strict(folder):
    """What a notebook may have switched that changes nothing of what is computed."""
    before = sys.getrecursionlimit()
    with (
        np.errstate(all="raise"),
        np.printoptions(precision=1, threshold=2),
        warnings.catch_warnings(),
        contextlib.chdir(folder),
    ):
        warnings.simplefilter("error")
        sys.setrecursionlimit(200)
        try:
            yield
        finally:
            sys.setrecursionlimit(before)


@contextlib.contextmanager
def evaluating(_):
    """Gradients are off, and new tensors in double precision."""
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def new_arrays(_):
    npx = frameworks.module("mxnet").npx
    npx.set_np()
    try:
        yield
    finally:
        npx.reset_np()


SWITCHES = {
    "numpy": [strict],
    "torch": [strict, evaluating],
    "mxnet": [strict, new_arrays],
}
NAMED = ("torch.set_grad_enabled", "torch.set_default_dtype", "npx.set_np")


@pytest.mark.slow
@pytest.mark.parametrize("question", COMPARED, ids=lambda question: question.name)
def test_a_right_answer_is_right_whatever_is_switched_or_the_switch_is_named(
    question, tmp_path
):
    """One input of each kind; an answer that itself needs a gradient cannot have one where its
    notebook has switched them off.
    """
    os.environ.setdefault("MPLBACKEND", "agg")
    strategy = strategy_of(question)
    firsts = {case.probe: case for case in reversed(list(question.cases(1)))}
    for framework in filter(frameworks.available, question.frameworks):
        answer = question.answers(framework)[0].function
        for switch in SWITCHES[framework]:
            for case in firsts.values():
                right = expected(question, case)
                with switch(tmp_path):
                    found = run_contained(
                        answer, question.driver, framework, case.inputs.args, 60
                    )
                if found.kind == "raised" and switch is not strict:
                    assert any(name in found.message for name in NAMED), (
                        framework,
                        found,
                    )
                    break
                assert found.is_value, (framework, switch.__name__, found)
                seen = strategy.observe(question, case, found, right)
                assert strategy.passes(right, seen), (
                    framework,
                    switch.__name__,
                    case.probe.name,
                )


def test_no_switch_reaches_a_reference(tmp_path):
    """Not even where judge and answer are one process, as in a test of questions."""
    question = catalogue.find("fine_tuning.fine_tune_step")
    case, again = (next(iter(question.cases(1))) for _ in range(2))
    right = expected(question, case)
    with evaluating(tmp_path):
        np.testing.assert_equal(expected(question, again), right)
