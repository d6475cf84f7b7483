"""What a net lacks is said in its own words, before a loss or a gradient fails on it."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import nn

from autograder.answers.drivers import DRIVERS
from autograder.answers.net_checks import are_logits
from autograder.answers.run import run
from autograder.values import frameworks
from autograder.values.frameworks import to_framework
from autograder.values.plain_values import Refused

needs_mxnet = pytest.mark.skipif(
    not frameworks.available("mxnet"), reason="MXNet is not installed"
)
FRAMEWORKS = ["torch", pytest.param("mxnet", marks=needs_mxnet)]
LABELS = np.array([0, 3, 1])
IMAGES = np.random.default_rng(0).normal(size=(3, 1, 4, 4)).astype(np.float32)


def weights_of(*shapes):
    return [np.full(shape, 0.5, np.float32) for shape in shapes]


DENSE = weights_of((4, 16), (4,))


def report(answer, framework="torch", weights=DENSE):
    args = to_framework((weights, IMAGES, LABELS), framework)
    return DRIVERS["network"](answer, framework, *args)


class InAList(nn.Module):
    """Its layer is in a plain list, where PyTorch does not see it."""

    def __init__(self):
        super().__init__()
        self.layers = [nn.Flatten(), nn.Linear(16, 4)]

    def forward(self, X):
        for layer in self.layers:
            X = layer(X)
        return X


class Through(nn.Module):
    """A dense layer, and something done to the logits."""

    def __init__(self, then):
        super().__init__()
        self.dense, self.then = nn.Linear(16, 4), then

    def forward(self, X):
        return self.then(self.dense(X.flatten(1)))


def test_a_net_without_parameters_is_told_where_they_may_be():
    for weights in (DENSE, []):
        with pytest.raises(
            Refused, match=r"no parameters: are its layers in a plain list\?"
        ):
            report(InAList, weights=weights)
    frozen = nn.Sequential(nn.Flatten(), nn.Linear(16, 4)).requires_grad_(False)
    with pytest.raises(Refused, match="all of them are frozen"):
        report(frozen)


@needs_mxnet
def test_a_block_without_parameters_is_told_so_too():
    gluon = frameworks.module("mxnet").gluon.nn
    with pytest.raises(Refused, match="no parameters"):
        report(lambda: gluon.Flatten(), "mxnet")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_logits_with_axes_too_many_are_reported_and_no_gradient_is_asked(framework):
    if framework == "torch":
        answer = lambda: Through(lambda logits: logits[..., None, None])  # noqa: E731
    else:
        gluon = frameworks.module("mxnet").gluon.nn

        def answer():
            net = gluon.HybridSequential()
            net.add(gluon.Dense(4, in_units=16))
            net.add(
                gluon.HybridLambda(lambda F, logits: F.reshape(logits, (0, 0, 1, 1)))
            )
            return net

    found = report(answer, framework)
    assert found["logits"].shape == (3, 4, 1, 1)
    assert "gradients" not in found


@pytest.mark.parametrize(
    ("shape", "fit"),
    [((3, 4), True), ((3, 9), True), ((3, 3), False), ((3,), False), ((1, 4), False)],
)
def test_logits_have_a_row_for_each_label_and_a_column_for_each_class(shape, fit):
    assert are_logits(np.zeros(shape), torch.tensor(LABELS)) == fit


def test_a_net_that_gives_no_array_is_told_what_it_gives():
    with pytest.raises(Refused, match="the net gives a tuple"):
        report(lambda: Through(lambda logits: (logits, logits)))


@pytest.mark.parametrize(
    "then", [torch.Tensor.detach, lambda logits: torch.tensor(logits.detach().numpy())]
)
def test_a_net_that_hides_its_computation_is_told_so(then):
    with pytest.raises(Refused, match="cannot be computed"):
        report(lambda: Through(then))


def test_a_parameter_that_is_not_used_has_a_gradient_of_zero():
    class Idle(Through):
        def __init__(self):
            super().__init__(lambda logits: logits)
            self.other = nn.Linear(1, 2)

    found = report(Idle, weights=[*DENSE, *weights_of((2, 1), (2,))])
    assert not found["gradients"]["weight 2"].any()
    assert found["gradients"]["weight 0"].any()


def shared(framework, twice):
    """A net of two dense layers that are one and the same, or not."""
    if framework == "torch":
        layer = nn.Linear(16, 16)
        return nn.Sequential(nn.Flatten(), layer, layer if twice else nn.Linear(16, 16))
    gluon = frameworks.module("mxnet").gluon.nn
    layer, net = gluon.Dense(16, in_units=16), gluon.Sequential()
    net.add(layer, layer if twice else gluon.Dense(16, in_units=16))
    return net


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_layer_that_stands_twice_in_a_net_is_told(framework):
    with pytest.raises(Refused, match="used more than once"):
        report(lambda: shared(framework, twice=True), framework)
    found = report(lambda: shared(framework, twice=False), framework)
    assert found["parameter_count"] == 2 * (16 * 16 + 16)


def test_a_layer_with_two_names_that_is_used_once_is_not_shared():
    net = Through(lambda logits: logits)
    net.again = nn.Sequential(net.dense)
    assert report(net, weights=weights_of((5, 5)))["parameter_count"] == 68


def test_a_net_that_does_not_run_is_told_by_its_own_error():
    outcome = run(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(9, 4)),
        "network",
        "torch",
        (weights_of((4, 9), (4,)), IMAGES, LABELS),
    )
    assert (outcome.kind, outcome.lines) == ("raised", ())
    assert re.search("shapes cannot be multiplied", outcome.message)


@pytest.mark.parametrize("given", [None, 3, nn.Linear])
def test_what_is_no_network_is_refused(given):
    outcome = run(lambda: given, "network", "torch", (DENSE, IMAGES, LABELS))
    assert outcome.kind == "refused"
    assert ("`return` missing" in outcome.message) == (given is None)
