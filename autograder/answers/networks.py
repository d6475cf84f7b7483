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
        if not kind.__module__.startswith(("torch.nn.", "mxnet.gluon.")):
            continue
        if kind.__name__ in ("Module", "Block"):
            return True
    return False


def build_network(layers: list, weights: Sequence, framework: str) -> Any:
    """A sequential net of `framework` with `weights` as its trainable parameters, in order (weight,
    then bias, layer by layer).

    Layers: ["conv", in, out, kernel] (with bias, no padding), ["dense", in, out], ["batchnorm",
    channels], ["relu"], ["tanh"], ["maxpool", size], ["avgpool", size], ["flatten"], ["dropout",
    rate], ["frozen", layer], whose parameters are not trained, and ["block", *layers], a class of
    its own that holds them and cannot be looped over. A single block is the net itself.
    """
    backend = TORCH if framework == "torch" else GLUON
    net = backend.sequential(layers)
    parameters = backend.parameters(net, None, trainable=False)
    for parameter, weight in zip(parameters, weights, strict=True):
        backend.set(parameter, weight)
    return net


def backend_of(net: Any) -> Torch | Gluon:
    """What speaks the language of `net`. Raises NotANetwork for what is none."""
    kind = type(net)
    if not is_network(net):
        raise NotANetwork(
            f"a network was expected (torch.nn.Module or gluon.Block), not {kind.__name__}"
        )
    for ancestor in kind.__mro__:
        if ancestor.__module__.startswith("torch.nn."):
            return TORCH
    return GLUON


class Torch:
    """What the drivers need of PyTorch."""

    def sequential(self, layers: list) -> Any:
        torch = frameworks.module("torch")
        built = [self._layer(*layer) for layer in layers]
        if len(layers) == 1 and layers[0][0] == "block":
            return built[0]
        return torch.nn.Sequential(*built)

    def _layer(self, kind: str, *args: Any) -> Any:
        nn = frameworks.module("torch").nn
        if kind == "frozen":
            layer = self._layer(*args[0])
            return layer.requires_grad_(False)
        if kind == "block":
            return self._block(self.sequential(list(args)))
        layers = {
            "conv": nn.Conv2d,
            "dense": nn.Linear,
            "batchnorm": nn.BatchNorm2d,
            "relu": nn.ReLU,
            "tanh": nn.Tanh,
            "maxpool": nn.MaxPool2d,
            "avgpool": nn.AvgPool2d,
            "flatten": nn.Flatten,
            "dropout": nn.Dropout,
        }
        make = layers[kind]
        return make(*args)

    def _block(self, body: Any) -> Any:
        torch = frameworks.module("torch")

        class Block(torch.nn.Module):  # type: ignore[name-defined, misc]
            def __init__(self) -> None:
                super().__init__()
                self.body = body

            def forward(self, X: Any) -> Any:
                return self.body(X)

        return Block()

    def parameters(self, net: Any, X: Any, trainable: bool = True) -> list:
        # Lazy layers learn their shapes from the first batch.
        if X is not None and self._is_lazy(net):
            self.forward(net, X)
        parameters = list(net.parameters())
        if not trainable:
            return parameters
        return [parameter for parameter in parameters if parameter.requires_grad]

    def _is_lazy(self, net: Any) -> bool:
        lazy = frameworks.module("torch").nn.UninitializedParameter
        return any(isinstance(parameter, lazy) for parameter in net.parameters())

    def set(self, parameter: Any, value: Any) -> None:
        torch = frameworks.module("torch")
        with torch.no_grad():
            parameter.copy_(value)

    def forward(self, net: Any, X: Any) -> np.ndarray:
        torch = frameworks.module("torch")
        was_training = net.training
        net.eval()
        with torch.no_grad():
            logits = net(X)
        net.train(was_training)
        return _torch_array(logits)

    def gradients(self, net: Any, parameters: list, X: Any, y: Any) -> list[np.ndarray]:
        torch = frameworks.module("torch")
        net.train()
        cross_entropy = torch.nn.functional.cross_entropy
        logits = net(X)
        loss = cross_entropy(logits, y)
        gradients = torch.autograd.grad(loss, parameters)
        return [_torch_array(gradient) for gradient in gradients]


def _torch_array(tensor: Any) -> np.ndarray:
    on_cpu = tensor.detach().cpu()
    return on_cpu.numpy()


class Gluon:
    """What the drivers need of MXNet."""

    def sequential(self, layers: list) -> Any:
        mxnet = frameworks.module("mxnet")
        if len(layers) == 1 and layers[0][0] == "block":
            net = self._layer(*layers[0])
        else:
            net = mxnet.gluon.nn.Sequential()
            for layer in layers:
                built = self._layer(*layer)
                net.add(built)
        net.initialize()
        return net

    def _layer(self, kind: str, *args: Any) -> Any:
        nn = frameworks.module("mxnet").gluon.nn
        if kind == "frozen":
            layer = self._layer(*args[0])
            layer.collect_params().setattr("grad_req", "null")
            return layer
        if kind == "block":
            return self._block(list(args))
        layers = {
            "conv": lambda inputs, outputs, size: nn.Conv2D(outputs, size, in_channels=inputs),
            "dense": lambda inputs, outputs: nn.Dense(outputs, in_units=inputs, flatten=False),
            "batchnorm": lambda channels: nn.BatchNorm(in_channels=channels, epsilon=1e-5),
            "relu": lambda: nn.Activation("relu"),
            "tanh": lambda: nn.Activation("tanh"),
            "maxpool": nn.MaxPool2D,
            "avgpool": nn.AvgPool2D,
            "flatten": nn.Flatten,
            "dropout": nn.Dropout,
        }
        make = layers[kind]
        return make(*args)

    def _block(self, layers: list) -> Any:
        body = frameworks.module("mxnet").gluon.nn.Sequential()
        for layer in layers:
            built = self._layer(*layer)
            body.add(built)

        class Block(frameworks.module("mxnet").gluon.Block):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.body = body

            def forward(self, X: Any) -> Any:
                return self.body(X)

        return Block()

    def parameters(self, net: Any, X: Any, trainable: bool = True) -> list:
        by_name = net.collect_params()
        parameters = list(by_name.values())
        if any(map(_is_untouched, parameters)):
            net.initialize()
        # Deferred initialisation learns the shapes from the first batch.
        is_deferred = any(map(_is_empty, parameters))
        if is_deferred and X is not None:
            self.forward(net, X)
        if trainable:
            return [parameter for parameter in parameters if parameter.grad_req != "null"]
        return [parameter for parameter in parameters if not _is_statistic(parameter)]

    def set(self, parameter: Any, value: Any) -> None:
        parameter.set_data(value)

    def forward(self, net: Any, X: Any) -> np.ndarray:
        logits = net(X)
        return logits.asnumpy()

    def gradients(self, net: Any, parameters: list, X: Any, y: Any) -> list[np.ndarray]:
        mxnet = frameworks.module("mxnet")
        cross_entropy = mxnet.gluon.loss.SoftmaxCrossEntropyLoss()
        # In prediction mode MXNet's max pooling keeps no record of where its maxima were, and its
        # gradients come out wrong without a word.
        with mxnet.autograd.record(train_mode=True):
            logits = net(X)
            losses = cross_entropy(logits, y)
            loss = losses.mean()
        loss.backward()
        return [parameter.grad().asnumpy() for parameter in parameters]


def _is_empty(parameter: Any) -> bool:
    return parameter._data is None


def _is_untouched(parameter: Any) -> bool:
    """Whether the parameter has no numbers, and nobody has said how it gets them."""
    return _is_empty(parameter) and not parameter._deferred_init


def _is_statistic(parameter: Any) -> bool:
    """Whether the parameter is what batch normalisation has seen, which is not learned."""
    return parameter.name.endswith(("running_mean", "running_var"))


TORCH = Torch()
GLUON = Gluon()
