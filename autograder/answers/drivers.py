"""How an answer is exercised. A driver runs in the process that holds the answer: the student's for
a submission, the judge's for the reference.

A driver is ``driver(answer, framework, *args) -> plain or framework value``; `args` are already
arrays of the framework. Drivers know the frameworks and no particular question; what they return is
judged elsewhere.

Networks that are handed to an answer are described by a plain list of layers (`build_network`)::

    [["conv", 1, 4, 3], ["batchnorm", 4], ["relu"], ["maxpool", 2], ["flatten"], ["dense", 36, 10],
    ...]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograder.values import frameworks
from autograder.values.agreement import agree
from autograder.values.plain_values import to_plain


class NotANetwork(TypeError):
    """The answer should have given a network and gave something else."""


def call(answer: Callable, framework: str, *args: Any) -> Any:
    """``answer(*args)``."""
    return answer(*args)


def network(answer: Callable, framework: str, weights: Sequence, X: Any, y: Any) -> dict[str, Any]:
    """Build a net, give it `weights`, and report what it computes.

    weights: arrays, one a parameter; a parameter takes the first unused one of its own shape, so
    that the order of definition is free.
    X: (N, C, H, W) float32; y: (N,) int64 class labels.
    Returns ``parameter_shapes`` (sorted), ``parameter_count``, ``logits`` (N, num_classes), and
    ``gradients`` of the mean cross-entropy (in training mode), by the position of the weight that
    the parameter took. With weights that do not fit, only the shapes and the count.
    """
    net = answer() if not is_network(answer) else answer
    backend = _backend(net)
    parameters = backend.parameters(net, X)
    shapes = [tuple(int(n) for n in parameter.shape) for parameter in parameters]
    report: dict[str, Any] = {
        "parameter_shapes": [list(shape) for shape in sorted(shapes)],
        "parameter_count": int(sum(np.prod(shape, dtype=int) for shape in shapes)),
    }
    taken = _assign(shapes, [tuple(weight.shape) for weight in weights])
    if taken is None:
        return report
    for parameter, index in zip(parameters, taken, strict=True):
        backend.set(parameter, weights[index])
    report["logits"] = backend.forward(net, X)
    gradients = backend.gradients(net, parameters, X, y)
    report["gradients"] = {
        f"weight {index}": gradient
        for index, gradient in sorted(zip(taken, gradients, strict=True), key=lambda p: p[0])
    }
    return report


def with_network(
    answer: Callable, framework: str, layers: list, weights: Sequence, *args: Any
) -> Any:
    """``answer(net, *args)`` where `net` is built from `layers` with `weights`."""
    return answer(build_network(layers, weights, framework), *args)


def change_network(
    answer: Callable, framework: str, layers: list, weights: Sequence, X: Any, *args: Any
) -> dict[str, Any]:
    """Let ``answer(net, *args)`` change a net built from `layers`, and report what the net (or
    the net that it returned) then computes on X.
    """
    net = build_network(layers, weights, framework)
    returned = answer(net, *args)
    net = returned if is_network(returned) else net
    return {"logits": _backend(net).forward(net, X)}


def fit_predict(
    answer: Callable, framework: str, X: Any, y: Any, X_new: Any, *args: Any
) -> dict[str, Any]:
    """``net = answer(X, y, *args)``, then the net's logits on X_new (which the answer never sees)
    and its number of parameters, frozen ones included.

    Evaluated in batches of 256 in prediction mode.
    """
    net = answer(X, y, *args)
    if not is_network(net):
        raise NotANetwork(
            f"a network was expected (torch.nn.Module or gluon.Block), not {type(net).__name__}"
        )
    backend = _backend(net)
    logits = np.concatenate(
        [backend.forward(net, X_new[i : i + 256]) for i in range(0, len(X_new), 256)]
    )
    shapes = [
        tuple(parameter.shape) for parameter in backend.parameters(net, X_new[:1], trainable=False)
    ]
    return {
        "logits": logits,
        "parameter_count": int(sum(np.prod(shape, dtype=int) for shape in shapes)),
    }


def sampled(answer: Callable, framework: str, seeds: list[int], *args: Any) -> dict[str, Any]:
    """``answer(*args, rng)`` once for each seed, with a NumPy generator made of it: what a random
    operation does, many times over.

    Every call gets arrays of its own. Returns ``draws`` (the results), ``again`` (those of the
    first seeds once more), and ``changed`` (whether a call changed what it was given).
    """
    given = to_plain(args)
    draws, changed = [], False
    for seed in (*seeds, *seeds[:3]):
        arrays = frameworks.to_framework(given, framework)
        draws.append(to_plain(answer(*arrays, np.random.default_rng(seed))))
        changed = changed or not agree(given, to_plain(arrays), 0, 0)
    return {"draws": draws[: len(seeds)], "again": draws[len(seeds) :], "changed": changed}


DRIVERS: dict[str, Callable] = {
    "call": call,
    "sampled": sampled,
    "network": network,
    "with_network": with_network,
    "change_network": change_network,
    "fit_predict": fit_predict,
}


def is_network(value: Any) -> bool:
    """Whether `value` is a `torch.nn.Module` or a `gluon.Block`. Imports neither."""
    return any(
        kind.__module__.startswith(("torch.nn.", "mxnet.gluon."))
        and kind.__name__ in ("Module", "Block")
        for kind in type(value).__mro__
    )


def build_network(layers: list, weights: Sequence, framework: str) -> Any:
    """A sequential net of `framework` with `weights` as its trainable parameters, in order (weight,
    then bias, layer by layer).

    Layers: ["conv", in, out, kernel] (with bias, no padding), ["dense", in, out], ["batchnorm",
    channels], ["relu"], ["tanh"], ["maxpool", size], ["avgpool", size], ["flatten"], ["dropout",
    rate], and ["frozen", layer], whose parameters are not trained.
    """
    backend = _TORCH if framework == "torch" else _GLUON
    net = backend.sequential(layers)
    for parameter, weight in zip(
        backend.parameters(net, None, trainable=False), weights, strict=True
    ):
        backend.set(parameter, weight)
    return net


def _assign(shapes: list[tuple], given: list[tuple]) -> list[int] | None:
    """For each parameter, the first unused weight of its shape; None where they do not pair up."""
    if sorted(shapes) != sorted(given):
        return None
    free = list(range(len(given)))
    taken = []
    for shape in shapes:
        index = next(i for i in free if given[i] == shape)
        free.remove(index)
        taken.append(index)
    return taken


def _backend(net: Any) -> _Torch | _Gluon:
    if not is_network(net):
        raise NotANetwork(
            f"a network was expected (torch.nn.Module or gluon.Block), not {type(net).__name__}"
        )
    return (
        _TORCH
        if any(kind.__module__.startswith("torch.nn.") for kind in type(net).__mro__)
        else _GLUON
    )


class _Torch:
    """What the drivers need of PyTorch."""

    def sequential(self, layers: list) -> Any:
        return frameworks.module("torch").nn.Sequential(*(self._layer(*layer) for layer in layers))

    def _layer(self, kind: str, *args: Any) -> Any:
        nn = frameworks.module("torch").nn
        if kind == "frozen":
            return self._layer(*args[0]).requires_grad_(False)
        return {
            "conv": nn.Conv2d,
            "dense": nn.Linear,
            "batchnorm": nn.BatchNorm2d,
            "relu": nn.ReLU,
            "tanh": nn.Tanh,
            "maxpool": nn.MaxPool2d,
            "avgpool": nn.AvgPool2d,
            "flatten": nn.Flatten,
            "dropout": nn.Dropout,
        }[kind](*args)

    def parameters(self, net: Any, X: Any, trainable: bool = True) -> list:
        if X is not None and any(
            isinstance(p, frameworks.module("torch").nn.UninitializedParameter)
            for p in net.parameters()
        ):
            self.forward(net, X)  # lazy layers learn their shapes from the first batch
        return [p for p in net.parameters() if p.requires_grad or not trainable]

    def set(self, parameter: Any, value: Any) -> None:
        with frameworks.module("torch").no_grad():
            parameter.copy_(value)

    def forward(self, net: Any, X: Any) -> np.ndarray:
        was_training = net.training
        net.eval()
        with frameworks.module("torch").no_grad():
            out = net(X).detach().cpu().numpy()
        net.train(was_training)
        return out

    def gradients(self, net: Any, parameters: list, X: Any, y: Any) -> list[np.ndarray]:
        torch = frameworks.module("torch")
        net.train()
        loss = torch.nn.functional.cross_entropy(net(X), y)
        return [g.detach().cpu().numpy() for g in torch.autograd.grad(loss, parameters)]


class _Gluon:
    """What the drivers need of MXNet."""

    def sequential(self, layers: list) -> Any:
        net = frameworks.module("mxnet").gluon.nn.Sequential()
        for layer in layers:
            net.add(self._layer(*layer))
        net.initialize()
        return net

    def _layer(self, kind: str, *args: Any) -> Any:
        nn = frameworks.module("mxnet").gluon.nn
        if kind == "frozen":
            layer = self._layer(*args[0])
            layer.collect_params().setattr("grad_req", "null")
            return layer
        return {
            "conv": lambda inputs, outputs, size: nn.Conv2D(outputs, size, in_channels=inputs),
            "dense": lambda inputs, outputs: nn.Dense(outputs, in_units=inputs, flatten=False),
            "batchnorm": lambda channels: nn.BatchNorm(in_channels=channels, epsilon=1e-5),
            "relu": lambda: nn.Activation("relu"),
            "tanh": lambda: nn.Activation("tanh"),
            "maxpool": nn.MaxPool2D,
            "avgpool": nn.AvgPool2D,
            "flatten": nn.Flatten,
            "dropout": nn.Dropout,
        }[kind](*args)

    def parameters(self, net: Any, X: Any, trainable: bool = True) -> list:
        everything = list(net.collect_params().values())
        if any(p._data is None and not p._deferred_init for p in everything):
            net.initialize()
        if X is not None and any(p._data is None for p in everything):
            self.forward(net, X)  # deferred initialisation learns the shapes from the first batch
        if trainable:
            return [p for p in everything if p.grad_req != "null"]
        return [p for p in everything if not p.name.endswith(("running_mean", "running_var"))]

    def set(self, parameter: Any, value: Any) -> None:
        parameter.set_data(value)

    def forward(self, net: Any, X: Any) -> np.ndarray:
        return net(X).asnumpy()

    def gradients(self, net: Any, parameters: list, X: Any, y: Any) -> list[np.ndarray]:
        mxnet = frameworks.module("mxnet")
        # In prediction mode MXNet's max pooling keeps no record of where its maxima were, and its
        # gradients come out wrong without a word.
        with mxnet.autograd.record(train_mode=True):
            loss = mxnet.gluon.loss.SoftmaxCrossEntropyLoss()(net(X), y).mean()
        loss.backward()
        return [p.grad().asnumpy() for p in parameters]


_TORCH, _GLUON = _Torch(), _Gluon()
