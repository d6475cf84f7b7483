"""The drivers: a network computes the same in both frameworks, and its gradients are those that
finite differences give.
"""

from __future__ import annotations

import numpy as np
import pytest
import strategies as some
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import examples

from autograder.answers import drivers, networks
from autograder.answers.drivers import DRIVERS
from autograder.answers.networks import NotANetwork, build_network, is_network
from autograder.values import frameworks
from autograder.values.frameworks import to_framework

FRAMEWORKS = [
    "torch",
    pytest.param(
        "mxnet",
        marks=pytest.mark.skipif(
            not frameworks.available("mxnet"), reason="MXNet is not installed"
        ),
    ),
]
LAYERS = [["conv", 1, 3, 2], ["tanh"], ["flatten"], ["dense", 27, 4]]
SHAPES = [(3, 1, 2, 2), (3,), (4, 27), (4,)]


def drawn(seed: int, *shapes: tuple) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(np.float32) * 0.5 for shape in shapes]


def logits_of(weights: list, X: np.ndarray) -> np.ndarray:
    """LAYERS in NumPy, in double precision: the oracle."""
    kernel, kernel_bias, weight, bias = (
        np.asarray(part, np.float64) for part in weights
    )
    # (N, 1, 3, 3, 2, 2)
    windows = np.lib.stride_tricks.sliding_window_view(
        X.astype(np.float64), (2, 2), axis=(2, 3)
    )
    # (N, 3, 3, 3)
    maps = np.einsum("ncijab,mcab->nmij", windows, kernel) + kernel_bias[:, None, None]
    return np.tanh(maps).reshape(len(X), -1) @ weight.T + bias


def loss_of(weights: list, X: np.ndarray, y: np.ndarray) -> float:
    logits = logits_of(weights, X)
    return float(
        (np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y]).mean()
    )


def finite_differences(
    weights: list, X: np.ndarray, y: np.ndarray, step: float = 1e-5
) -> list[np.ndarray]:
    gradients = []
    for index, weight in enumerate(weights):
        gradient = np.zeros(weight.shape)
        for position in np.ndindex(*weight.shape):
            changed = [np.array(part, np.float64) for part in weights]
            changed[index][position] += step
            above = loss_of(changed, X, y)
            changed[index][position] -= 2 * step
            gradient[position] = (above - loss_of(changed, X, y)) / (2 * step)
        gradients.append(gradient)
    return gradients


def drive(name: str, answer, framework: str, *args):
    return DRIVERS[name](answer, framework, *to_framework(args, framework))


def untrained(framework: str, layers: list):
    """An answer that builds `layers` and leaves its parameters as they come; Gluon learns the
    input sizes from the first batch.
    """
    if framework == "torch":
        return lambda: networks.TORCH.sequential(layers)
    nn = frameworks.module("mxnet").gluon.nn

    def answer():
        net = nn.Sequential()
        net.add(nn.Conv2D(3, 2), nn.Activation("tanh"), nn.Dense(4))
        return net

    return answer


# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framework", FRAMEWORKS)
@given(seed=some.seeds)
@settings(max_examples=examples(5))
def test_logits_and_gradients_are_those_of_the_transplanted_weights(framework, seed):
    *weights, X = drawn(seed, *SHAPES, (5, 1, 4, 4))
    y = np.random.default_rng(seed).integers(0, 4, 5)
    report = drive("network", untrained(framework, LAYERS), framework, weights, X, y)
    assert report["parameter_shapes"] == [list(shape) for shape in sorted(SHAPES)]
    assert report["parameter_count"] == sum(np.prod(shape) for shape in SHAPES)
    np.testing.assert_allclose(
        report["logits"], logits_of(weights, X), rtol=1e-5, atol=1e-5
    )
    for index, gradient in enumerate(finite_differences(weights, X, y)):
        np.testing.assert_allclose(
            report["gradients"][f"weight {index}"], gradient, rtol=1e-4, atol=1e-5
        )


@pytest.mark.skipif(not frameworks.available("mxnet"), reason="MXNet is not installed")
@pytest.mark.parametrize(
    ("layers", "shapes"),
    [
        (LAYERS, SHAPES),
        (
            [
                ["conv", 1, 4, 2],
                ["batchnorm", 4],
                ["relu"],
                ["flatten"],
                ["dense", 36, 4],
            ],
            [(4, 1, 2, 2), (4,), (4,), (4,), (4, 36), (4,)],
        ),
        (
            [["conv", 1, 4, 3], ["relu"], ["maxpool", 2], ["flatten"], ["dense", 4, 4]],
            [(4, 1, 3, 3), (4,), (4, 4), (4,)],
        ),
        (
            [
                ["avgpool", 2],
                ["flatten"],
                ["dense", 4, 5],
                ["dropout", 0.0],
                ["dense", 5, 4],
            ],
            [(5, 4), (5,), (4, 5), (4,)],
        ),
        (
            [["dense", 4, 3], ["tanh"], ["flatten"], ["dense", 12, 4]],
            [(3, 4), (3,), (4, 12), (4,)],
        ),
    ],
    ids=lambda value: value[0][0] if isinstance(value[0], list) else "",
)
def test_a_built_network_is_the_same_in_both_frameworks(layers, shapes):
    *weights, X = drawn(3, *shapes, (6, 1, 4, 4))
    y = np.arange(6) % 4
    reports = {}
    for framework in ("torch", "mxnet"):
        net = build_network(layers, to_framework(weights, framework), framework)
        reports[framework] = drive("network", net, framework, weights, X, y)
    one, other = reports["torch"], reports["mxnet"]
    assert one["parameter_shapes"] == other["parameter_shapes"]
    np.testing.assert_allclose(one["logits"], other["logits"], rtol=1e-5, atol=1e-5)
    assert (
        one["gradients"].keys()
        == other["gradients"].keys()
        == {f"weight {index}" for index in range(len(shapes))}
    )
    for name, gradient in one["gradients"].items():
        np.testing.assert_allclose(
            gradient, other["gradients"][name], rtol=1e-4, atol=1e-5, err_msg=name
        )


@given(st.permutations(range(3)))
@settings(max_examples=examples(6))
def test_the_order_in_which_layers_are_defined_is_free(order):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            layers = {
                "conv": torch.nn.Conv2d(1, 3, 2),
                "hidden": torch.nn.Linear(27, 5),
                "out": torch.nn.Linear(5, 4),
            }
            for index in order:
                name = list(layers)[index]
                setattr(self, name, layers[name])

        def forward(self, X):
            return self.out(
                torch.tanh(self.hidden(torch.tanh(self.conv(X)).flatten(1)))
            )

    *weights, X = drawn(
        1, (3, 1, 2, 2), (3,), (5, 27), (5,), (4, 5), (4,), (2, 1, 4, 4)
    )
    report = drive("network", Net, "torch", weights, X, np.array([0, 1]))
    hidden = np.tanh(logits_of(weights[:4], X))
    np.testing.assert_allclose(
        report["logits"], hidden @ weights[4].T + weights[5], rtol=1e-5, atol=1e-5
    )
    assert {name: gradient.shape for name, gradient in report["gradients"].items()} == {
        f"weight {index}": weight.shape for index, weight in enumerate(weights)
    }


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_weights_that_do_not_fit_give_the_shapes_alone(framework):
    X, y = np.zeros((2, 1, 4, 4), np.float32), np.array([0, 1])
    for weights in [
        [],
        drawn(0, *SHAPES[:-1]),
        drawn(0, *SHAPES, (4,)),
        drawn(0, *SHAPES[:-1], (5,)),
    ]:
        report = drive(
            "network", untrained(framework, LAYERS), framework, weights, X, y
        )
        assert report == {
            "parameter_shapes": [list(shape) for shape in sorted(SHAPES)],
            "parameter_count": 127,
        }


def test_frozen_parameters_are_not_counted():
    layers = [["frozen", ["conv", 1, 3, 2]], ["tanh"], ["flatten"], ["dense", 27, 4]]
    weights = drawn(0, *SHAPES)
    for framework in ["torch"] + ["mxnet"] * frameworks.available("mxnet"):
        net = build_network(layers, to_framework(weights, framework), framework)
        *_, X = drawn(0, (2, 1, 4, 4))
        report = drive("network", net, framework, weights[2:], X, np.array([0, 1]))
        assert report["parameter_count"] == 4 * 27 + 4
        assert report["gradients"].keys() == {"weight 0", "weight 1"}
        np.testing.assert_allclose(
            report["logits"], logits_of(weights, X), rtol=1e-5, atol=1e-5
        )


def test_a_block_computes_as_its_layers_do_and_cannot_be_looped_over():
    inner = ["block", ["conv", 1, 3, 2], ["tanh"]]
    layers = [["block", inner, ["flatten"], ["dense", 27, 4]]]
    weights = drawn(0, *SHAPES)
    for framework in ["torch"] + ["mxnet"] * frameworks.available("mxnet"):
        net = build_network(layers, to_framework(weights, framework), framework)
        with pytest.raises(TypeError):
            iter(net)
        *_, X = drawn(0, (2, 1, 4, 4))
        report = drive("network", net, framework, weights, X, np.array([0, 1]))
        np.testing.assert_allclose(
            report["logits"], logits_of(weights, X), rtol=1e-5, atol=1e-5
        )


def test_a_lazy_layer_learns_its_shape_from_the_batch():
    def answer():
        return torch.nn.Sequential(
            torch.nn.LazyConv2d(3, 2),
            torch.nn.Tanh(),
            torch.nn.Flatten(),
            torch.nn.LazyLinear(4),
        )

    *weights, X = drawn(0, *SHAPES, (2, 1, 4, 4))
    report = drive("network", answer, "torch", weights, X, np.array([0, 1]))
    np.testing.assert_allclose(
        report["logits"], logits_of(weights, X), rtol=1e-5, atol=1e-5
    )


def test_prediction_leaves_the_mode_of_the_net_as_it_was():
    net = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.Linear(16, 2)
    )
    for mode in (True, False):
        net.train(mode)
        one, other = (
            networks.TORCH.forward(net, torch.ones(4, 1, 4, 4)) for _ in range(2)
        )
        np.testing.assert_array_equal(one, other)
        assert net.training is mode


# --------------------------------------------------------------------------------------------------


def test_call_hands_over_arrays_of_the_framework_that_are_the_answers_own():
    source = np.arange(3.0, dtype=np.float32)
    for framework, kind in [("torch", torch.Tensor), ("numpy", np.ndarray)]:

        def answer(values, number, words, kind=kind):
            assert type(values) is kind and number == 2 and words == {"a": ["b"]}
            values[:] = 0
            return values

        drive("call", answer, framework, source, 2, {"a": ["b"]})
    assert source.tolist() == [0, 1, 2]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int32", "int64", "float32", "float64"]
)
@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
def test_arrays_arrive_with_their_numbers(framework, dtype, shape):
    array = (
        np.ones(shape, dtype)
        if dtype == "bool"
        else (np.arange(np.prod(shape, dtype=int)) + 3).reshape(shape).astype(dtype)
    )
    got = to_framework(array, framework)
    numbers = got.asnumpy() if framework == "mxnet" else got.numpy()
    assert numbers.ravel().tolist() == array.ravel().tolist()
    assert numbers.shape == shape or (
        framework == "mxnet" and shape == () and numbers.shape == (1,)
    )
    assert numbers.dtype == array.dtype or (framework == "mxnet" and dtype == "bool")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_change_network_reports_the_net_that_it_handed_over_whatever_comes_back(
    framework,
):
    *weights, X = drawn(2, *SHAPES, (3, 1, 4, 4))
    zeros = [np.zeros_like(weight) for weight in weights]

    def in_place(net):
        for parameter, value in zip(
            networks.backend_of(net).parameters(net, None),
            to_framework(zeros, framework),
            strict=True,
        ):
            networks.backend_of(net).set(parameter, value)

    def another(net):
        return build_network(LAYERS, to_framework(zeros, framework), framework)

    def in_place_and_another(net):
        in_place(net)
        return net[-1]

    for answer, expected in [
        (lambda net: None, logits_of(weights, X)),
        (in_place, np.zeros((3, 4))),
        (in_place_and_another, np.zeros((3, 4))),
        (another, logits_of(weights, X)),
    ]:
        report = drive("change_network", answer, framework, LAYERS, weights, X)
        np.testing.assert_allclose(report["logits"], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_with_network_hands_over_the_net_and_the_arguments(framework):
    *weights, X = drawn(2, *SHAPES, (3, 1, 4, 4))
    out = drive(
        "with_network", lambda net, X, k: net(X) * k, framework, LAYERS, weights, X, 2
    )
    np.testing.assert_allclose(
        out.detach().numpy() if framework == "torch" else out.asnumpy(),
        2 * logits_of(weights, X),
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_fit_predict_looks_at_what_the_answer_trained(framework):
    *weights, X_new = drawn(2, *SHAPES, (300, 1, 4, 4))
    X, y = np.zeros((2, 1, 4, 4), np.float32), np.array([0, 1])
    net = build_network(LAYERS, to_framework(weights, framework), framework)
    report = drive("fit_predict", lambda X, y: net, framework, X, y, X_new)
    np.testing.assert_allclose(
        report["logits"], logits_of(weights, X_new), rtol=1e-4, atol=1e-5
    )
    assert report["parameter_count"] == 127


@pytest.mark.parametrize("wrong", [None, 3, np.zeros(3), len, torch.zeros(2)], ids=repr)
def test_an_answer_that_is_not_a_network_is_named(wrong):
    X, y = np.zeros((2, 1, 4, 4), np.float32), np.array([0, 1])
    with pytest.raises(NotANetwork, match=type(wrong).__name__):
        drive("network", lambda: wrong, "torch", [], X, y)
    with pytest.raises(NotANetwork):
        drive("fit_predict", lambda X, y: wrong, "torch", X, y, X)


def test_what_counts_as_a_network():
    assert is_network(torch.nn.ReLU())
    assert not any(map(is_network, [torch.nn.ReLU, torch.zeros(1), None, len]))


def test_a_net_must_get_exactly_its_weights():
    with pytest.raises(ValueError, match="zip"):
        build_network(LAYERS, to_framework(drawn(0, *SHAPES[:-1]), "torch"), "torch")


@pytest.mark.parametrize("framework", ["numpy", *FRAMEWORKS])
def test_a_random_operation_is_called_with_a_generator_of_each_seed_and_arrays_of_its_own(
    framework,
):
    (X,) = to_framework((np.arange(6, dtype=np.float32).reshape(2, 3),), framework)

    def answer(X, add, rng):
        X[0, 0] = X[0, 0] + add
        return X + float(rng.integers(10**6))

    found = drivers.sampled(answer, framework, [3, 5, 3], X, 2)
    numbers = [int(np.random.default_rng(seed).integers(10**6)) for seed in (3, 5, 3)]
    assert [float(result[0, 0]) for result in found["draws"]] == [
        number + 2 for number in numbers
    ]
    assert found["changed"] is True
    assert (
        drivers.sampled(lambda X, add, rng: X * add, framework, [3], X, 2)["changed"]
        is False
    )


@pytest.mark.parametrize("framework", ["numpy", *FRAMEWORKS])
def test_calls_with_a_seed_that_comes_for_the_third_time_share_their_arrays(framework):
    (X,) = to_framework((np.zeros((2, 3), np.float32),), framework)

    def answer(X, rng):
        X[:] = X + 1
        return X * 1

    found = drivers.sampled(answer, framework, [3, 5, 3, 3, 5, 5, 3], X)
    assert [float(result[0, 0]) for result in found["draws"]] == [1, 1, 1, 1, 1, 2, 3]
