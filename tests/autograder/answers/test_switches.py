"""Whatever a notebook has switched in its frameworks: the drivers do what they did, and the switch
is as it was afterwards.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings

import numpy as np
import pytest
import torch

from autograder.answers import networks
from autograder.answers.run import run_contained
from autograder.answers.switches import unswitched
from autograder.values import frameworks
from autograder.values.frameworks import to_framework

with_mxnet = pytest.mark.skipif(
    not frameworks.available("mxnet"), reason="MXNet is not installed"
)
FRAMEWORKS = ["torch", pytest.param("mxnet", marks=with_mxnet)]
LAYERS = [["conv", 1, 3, 2], ["batchnorm", 3], ["relu"], ["flatten"], ["dense", 27, 4]]
SHAPES = [(3, 1, 2, 2), (3,), (3,), (3,), (4, 27), (4,)]
RNG = np.random.default_rng(5)
WEIGHTS = [RNG.normal(size=shape).astype(np.float32) for shape in SHAPES]
X = RNG.normal(size=(5, 1, 4, 4)).astype(np.float32)
Y = np.arange(5) % 4


@contextlib.contextmanager
def numpy_raises():
    with np.errstate(all="raise"):
        yield


@contextlib.contextmanager
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@contextlib.contextmanager
def few_calls_inside_each_other():
    before = sys.getrecursionlimit()
    depth = len(list(_frames()))
    sys.setrecursionlimit(depth + 40)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _frames():
    frame = sys._getframe()
    while frame:
        yield frame
        frame = frame.f_back


@contextlib.contextmanager
def another_dtype(dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def another_device():
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextlib.contextmanager
def new_arrays_of_mxnet():
    npx = frameworks.module("mxnet").npx
    npx.set_np()
    try:
        yield
    finally:
        npx.reset_np()


def recording_of_mxnet():
    autograd = frameworks.module("mxnet").autograd
    return autograd.record()


EACH = {
    "no gradients": torch.no_grad,
    "inference": torch.inference_mode,
    "double": lambda: another_dtype(torch.float64),
    "half": lambda: another_dtype(torch.float16),
    "device": another_device,
    "numpy raises": numpy_raises,
    "warnings are errors": warnings_are_errors,
    "few calls": few_calls_inside_each_other,
}
OF_MXNET = {"new arrays": new_arrays_of_mxnet, "recording": recording_of_mxnet}
SWITCHES = [pytest.param(switch, id=name) for name, switch in EACH.items()]
SWITCHES += [
    pytest.param(switch, id=name, marks=with_mxnet) for name, switch in OF_MXNET.items()
]


def state():
    mxnet = sys.modules.get("mxnet")
    of_mxnet = mxnet and (
        mxnet.util.is_np_array(),
        mxnet.util.is_np_shape(),
        mxnet.autograd.is_recording(),
        mxnet.autograd.is_training(),
    )
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_default_dtype(),
        torch.get_default_device(),
        np.geterr(),
        sys.getrecursionlimit(),
        of_mxnet,
    )


def made(framework):
    """A net of `LAYERS`, as an answer would have made it before anything was switched."""
    with unswitched(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return networks.build_network(
            LAYERS, to_framework(WEIGHTS, framework), framework
        )


def outcome(answer, driver, framework, *args):
    return run_contained(answer, driver, framework, args, 20.0)


def reports(framework):
    """What comes of an answer with every driver. What the answers do, they do the same way
    whatever is switched.
    """
    layers = [layer for layer in LAYERS if layer[0] != "batchnorm"]
    weights = [*WEIGHTS[:2], *WEIGHTS[4:]]
    net = made(framework)
    calls = {
        "network": outcome(net, "network", framework, WEIGHTS, X, Y),
        "change": outcome(
            lambda net: None, "change_network", framework, layers, weights, X
        ),
        "fit": outcome(lambda X, y: net, "fit_predict", framework, X, Y, X),
        "call": outcome(lambda values: values, "call", framework, X),
        "overflow": outcome(
            lambda: np.exp(np.array([-1000.0, 1000.0])), "call", framework
        ),
        "sampled": outcome(lambda X, rng: X, "sampled", framework, [1, 2], X),
    }
    return {
        name: (found.kind, found.message, found.value) for name, found in calls.items()
    }


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("switch", SWITCHES)
def test_no_switch_reaches_a_driver_and_each_is_as_it_was_afterwards(framework, switch):
    expected = reports(framework)
    with switch():
        before = state()
        found = reports(framework)
        assert state() == before
    for name, (kind, message, value) in expected.items():
        assert (kind, found[name][:2]) == ("value", (kind, message)), name
        np.testing.assert_equal(found[name][2], value, err_msg=name)


def test_a_check_runs_in_any_folder(tmp_path):
    before = outcome(lambda values: values + 1, "call", "torch", X).value
    gone = tmp_path / "gone"
    gone.mkdir()
    with contextlib.chdir(tmp_path):
        os.chdir(gone)
        gone.rmdir()
        np.testing.assert_equal(
            outcome(lambda values: values + 1, "call", "torch", X).value, before
        )


@pytest.mark.parametrize("dtype", ["double", "half", "bfloat16"])
def test_a_net_of_another_precision_computes_in_its_own(dtype):
    expected = outcome(
        lambda X, y: made("torch"), "fit_predict", "torch", X, Y, X
    ).value
    found = outcome(
        lambda X, y: getattr(made("torch"), dtype)(), "fit_predict", "torch", X, Y, X
    )
    assert found.kind == "value", found.message
    tolerance = {"double": 1e-4, "half": 0.05, "bfloat16": 0.5}[dtype]
    np.testing.assert_allclose(
        found.value["logits"], expected["logits"], atol=tolerance
    )
    inside = outcome(getattr(made("torch"), dtype)(), "network", "torch", WEIGHTS, X, Y)
    assert inside.kind == "value", inside.message
    assert inside.value["gradients"].keys() == {
        f"weight {index}" for index in range(len(SHAPES))
    }


@with_mxnet
def test_a_gluon_net_of_another_precision_computes_in_its_own():
    def doubled(*_):
        net = made("mxnet")
        net.cast("float64")
        return net

    expected = outcome(
        lambda X, y: made("mxnet"), "fit_predict", "mxnet", X, Y, X
    ).value
    found = outcome(doubled, "fit_predict", "mxnet", X, Y, X)
    assert found.kind == "value", found.message
    np.testing.assert_allclose(found.value["logits"], expected["logits"], atol=1e-4)
    assert outcome(doubled(), "network", "mxnet", WEIGHTS, X, Y).kind == "value"


@with_mxnet
def test_a_net_of_mxnets_new_arrays_is_given_such():
    mxnet = frameworks.module("mxnet")
    layers = [["flatten"], ["dense", 16, 4]]
    weights = [RNG.normal(size=(4, 16)).astype(np.float32), np.zeros(4, np.float32)]
    with new_arrays_of_mxnet():

        def answer(*_):
            net = mxnet.gluon.nn.HybridSequential()
            net.add(mxnet.gluon.nn.Flatten(), mxnet.gluon.nn.Dense(4, in_units=16))
            net.initialize()
            return net

        trained = outcome(answer, "fit_predict", "mxnet", X, Y, X)
        found = outcome(answer, "network", "mxnet", weights, X, Y)
    assert trained.kind == "value", trained.message
    assert found.kind == "value", found.message
    with unswitched():
        net = networks.build_network(layers, to_framework(weights, "mxnet"), "mxnet")
    expected = outcome(net, "network", "mxnet", weights, X, Y).value
    np.testing.assert_allclose(found.value["logits"], expected["logits"], atol=1e-5)
    for name, gradient in expected["gradients"].items():
        np.testing.assert_allclose(found.value["gradients"][name], gradient, atol=1e-5)


def backward(X):
    weight = torch.ones(X.shape, requires_grad=True)
    (X * weight).sum().backward()
    return weight.grad


def multiply(X):
    return X.reshape(5, 16) @ torch.ones(16, 3)


@pytest.mark.parametrize(
    ("switch", "answer", "word"),
    [
        (torch.no_grad, backward, "set_grad_enabled"),
        (lambda: another_dtype(torch.float64), multiply, "set_default_dtype"),
    ],
    ids=["gradients", "dtype"],
)
def test_a_switch_that_stops_an_answer_is_named_in_one_line(switch, answer, word):
    assert outcome(answer, "call", "torch", X).kind == "value"
    with switch():
        stopped = outcome(answer, "call", "torch", X)
    assert stopped.kind == "raised"
    assert word in stopped.message.splitlines()[-1]
    assert "\n" not in outcome(lambda X: 1 / 0, "call", "torch", X).message


def test_what_a_switch_has_nothing_to_do_with_is_not_put_down_to_it():
    with torch.no_grad():
        assert (
            outcome(lambda X: 1 / 0, "call", "torch", X).message == "division by zero"
        )


@with_mxnet
def test_mxnets_other_arrays_are_named_where_an_answer_fails():
    with new_arrays_of_mxnet():
        mixed = outcome(
            lambda X: frameworks.module("mxnet").np.exp(X), "call", "mxnet", X
        )
    assert mixed.kind == "raised" and "npx.set_np()" in mixed.message.splitlines()[-1]
