"""What a trained net says, and whether that comes from its parameters, is seen in both
frameworks.
"""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from autograder.answers.networks import NotANetwork
from autograder.answers.numbers_used import torch_hidden
from autograder.answers.trained import observe_net
from dlkit.mx import available, gluon, init, nd

FRAMEWORKS = ["torch", *(["mxnet"] if available() else [])]
X = np.random.default_rng(0).random((5, 1, 6, 6), np.float32)
DENSE = 36 * 20 + 20  # the numbers of a dense layer of twenty outputs


def arrays(framework):
    return torch.from_numpy(X) if framework == "torch" else nd.array(X)


def plain_net(framework):
    """Convolution, normalisation, and in Gluon hybridised: nothing lies beside the parameters."""
    if framework == "torch":
        layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()]
        return nn.Sequential(*layers, nn.Linear(64, 10))
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Conv2D(4, 3), gluon.nn.BatchNorm(), gluon.nn.Activation("relu"))
    net.add(gluon.nn.Dense(10))
    net.initialize(init.Xavier())
    net.hybridize()
    return net


def net_with_layers_in_a_list(framework):
    if framework == "torch":

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = [nn.Flatten(), nn.Linear(36, 20), nn.ReLU()]
                self.head = nn.Linear(20, 10)

            def forward(self, X):
                for layer in self.layers:
                    X = layer(X)
                return self.head(X)

        return Net()

    class Block(gluon.Block):
        def __init__(self):
            super().__init__()
            self.layers = [gluon.nn.Dense(20, activation="relu")]
            self.layers[0].initialize()
            self.head = gluon.nn.Dense(10)

        def forward(self, X):
            for layer in self.layers:
                X = layer(X)
            return self.head(X)

    net = Block()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MXNet says so itself
        net.initialize()
    return net


def net_with_a_table(framework):
    """A table in an attribute, reached through views, beside a layer."""
    table = np.ones((30, 36), np.float32)
    if framework == "torch":

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.register_buffer("table", torch.from_numpy(table))
                self.head = nn.Linear(36, 10)

            def forward(self, X):
                flat = X.flatten(1)
                nearest = torch.cdist(flat, self.table)[:, :10]
                return self.head(flat) + nearest + torch.eye(10)[:1]

        return Net()

    class Block(gluon.Block):
        def __init__(self):
            super().__init__()
            self.table = nd.array(table)
            self.head = gluon.nn.Dense(10)

        def forward(self, X):
            flat = X.reshape((0, -1))
            nearest = nd.dot(flat[0 : len(flat)], self.table.T)[:, 0:10]
            return self.head(flat) + nearest + nd.eye(10)[0:1]

    net = Block()
    net.initialize()
    return net


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_each_input_is_asked_for_alone(framework):
    net = plain_net(framework)
    report = observe_net(net, arrays(framework))
    one_by_one = [
        observe_net(net, arrays(framework)[i : i + 1])["logits"] for i in range(5)
    ]
    np.testing.assert_allclose(
        report["logits"], np.concatenate(one_by_one), rtol=1e-5, atol=1e-6
    )
    assert report["alone"] == [1, 10]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_ordinary_net_hides_nothing_and_keeps_its_parameters(framework):
    net = plain_net(framework)
    first = observe_net(net, arrays(framework))
    second = observe_net(net, arrays(framework))
    assert first["parameter_count"] == 4 * 9 + 4 + 8 + 650
    assert first["hidden_count"] == 0
    np.testing.assert_array_equal(first["logits"], second["logits"])


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_the_net_says_moves_with_its_parameters(framework):
    report = observe_net(plain_net(framework), arrays(framework))
    assert len(report["moved"]) >= 3
    for moved in report["moved"]:
        assert not np.allclose(moved, report["logits"])


@pytest.mark.filterwarnings("ignore:.*unregistered container")
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("build", "hidden"),
    [(net_with_layers_in_a_list, DENSE), (net_with_a_table, 30 * 36)],
)
def test_numbers_beside_the_parameters_are_counted(framework, build, hidden):
    assert observe_net(build(framework), arrays(framework))["hidden_count"] == hidden


def test_weights_that_have_become_buffers_are_counted():
    net = plain_net("torch")
    for layer in net.modules():
        for name, weight in list(layer.named_parameters(recurse=False)):
            delattr(layer, name)
            layer.register_buffer(name, weight.detach())
    # The scales and shifts of normalisation, too, but not its statistics.
    hidden = 4 * 9 + 4 + 8 + 650
    assert torch_hidden(net, arrays("torch"), lambda: net(arrays("torch"))) == hidden


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_following_a_prediction_leaves_the_framework_as_it_was(framework):
    if framework == "torch":
        from torch.utils._python_dispatch import _get_current_dispatch_mode

        observe_net(plain_net(framework), arrays(framework))
        assert _get_current_dispatch_mode() is None
        return
    from mxnet.ndarray import _internal, register

    before = register._imperative_invoke, _internal.CachedOp.__call__
    observe_net(plain_net(framework), arrays(framework))
    assert (register._imperative_invoke, _internal.CachedOp.__call__) == before


def test_a_squeezed_result_is_seen():
    class Squeezed(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(36, 10)

        def forward(self, X):
            return self.head(X.flatten(1)).squeeze()

    assert observe_net(Squeezed(), arrays("torch"))["alone"] == [10]


def test_what_is_no_net_is_named():
    with pytest.raises(NotANetwork, match="ndarray"):
        observe_net(X, arrays("torch"))
