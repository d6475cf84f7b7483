"""What the drivers need of networks, in the language of either framework."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograder.values import frameworks


class NotANetwork(TypeError):
    """The answer should have given a network and gave something else."""


def is_network(value: Any) -> bool:
    """Whether `value` is a `torch.nn.Module` or a `gluon.Block`. Imports neither."""
    for kind in type(value).__mro__:
        of_framework = kind.__module__.startswith(("torch.nn.", "mxnet.gluon."))
        if of_framework and kind.__name__ in ("Module", "Block"):
            return True
    return False


def build_network(layers: list, weights: Sequence, framework: str) -> Any:
    """A sequential net of `framework` with `weights` as its trainable parameters, in order (weight,
    then bias, layer by layer).

    Layers: ["conv", in, out, kernel] (with bias, no padding), ["dense", in, out], ["batchnorm",
    channels], ["relu"], ["tanh"], ["maxpool", size], ["avgpool", size], ["flatten"], ["dropout",
    rate], and ["frozen", layer], whose parameters are not trained.
    """
    backend = TORCH if framework == "torch" else GLUON
    net = backend.sequential(layers)
    parameters = backend.parameters(net, None, trainable=False)
    for parameter, weight in zip(parameters, weights, strict=True):
        backend.set(parameter, weight)
    return net


def backend_of(net: Any) -> Torch | Gluon:
    """What speaks the language of `net`. Raises NotANetwork for what is none."""
    if not is_network(net):
        raise NotANetwork(
            f"a network was expected (torch.nn.Module or gluon.Block), not {type(net).__name__}"
        )
    modules = [kind.__module__ for kind in type(net).__mro__]
    is_torch = any(module.startswith("torch.nn.") for module in modules)
    return TORCH if is_torch else GLUON


class Torch:
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


class Gluon:
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


TORCH, GLUON = Torch(), Gluon()
