"""What the drivers need of networks, in the language of either framework."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograder.answers.net_checks import NOT_RECORDED, refuse_other_than
from autograder.answers.numbers_used import gluon_hidden, torch_hidden
from autograder.answers.switches import arrays_of_mxnet
from autograder.values import frameworks
from autograder.values.plain_values import Refused


class NotANetwork(Refused):
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
    if net is None:
        raise NotANetwork(
            "a network was expected, not None (NoneType): is a `return` missing?"
        )
    if isinstance(net, type):
        name = net.__name__[:60]
        raise NotANetwork(
            f"a network was expected, and {name} is a class: `{name}()` makes one of it"
        )
    if not is_network(net):
        raise NotANetwork(
            f"a network was expected (torch.nn.Module or gluon.Block), not {kind.__name__}"
        )
    for ancestor in kind.__mro__:
        if ancestor.__module__.startswith("torch.nn."):
            return TORCH
    return GLUON


def _is_one_block(layers: list) -> bool:
    if len(layers) != 1:
        return False
    kind, *_ = layers[0]
    return kind == "block"


class Torch:
    """What the drivers need of PyTorch."""

    def sequential(self, layers: list) -> Any:
        torch = frameworks.module("torch")
        built = [self._layer(*layer) for layer in layers]
        if _is_one_block(layers):
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

    def get(self, parameter: Any) -> np.ndarray:
        return _torch_array(parameter).copy()

    def array(self, value: np.ndarray) -> Any:
        return frameworks.module("torch").from_numpy(value)

    def hidden_count(self, net: Any, X: Any) -> int:
        return torch_hidden(net, X, lambda: self.forward(net, X))

    def set(self, parameter: Any, value: Any) -> None:
        torch = frameworks.module("torch")
        with torch.no_grad():
            parameter.copy_(value)

    def forward(self, net: Any, X: Any) -> np.ndarray:
        torch = frameworks.module("torch")
        was_training = net.training
        net.eval()
        with torch.no_grad():
            logits = net(self._at_home(net, X))
        net.train(was_training)
        refuse_other_than(torch.Tensor, logits)
        return _torch_array(logits)

    def gradients(self, net: Any, parameters: list, X: Any, y: Any) -> list[np.ndarray]:
        torch = frameworks.module("torch")
        net.train()
        cross_entropy = torch.nn.functional.cross_entropy
        logits = net(self._at_home(net, X))
        loss = cross_entropy(logits, y.to(logits.device))
        if not loss.requires_grad:
            raise Refused(NOT_RECORDED)
        # Of a parameter that is not used it is None.
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        pairs = zip(gradients, parameters, strict=True)
        arrays = []
        for gradient, parameter in pairs:
            filled = torch.zeros_like(parameter) if gradient is None else gradient
            arrays.append(_torch_array(filled))
        return arrays

    def _at_home(self, net: Any, X: Any) -> Any:
        """X on the device, and in the precision, of the net's first parameter."""
        first = next(iter(net.parameters()), None)
        if first is None:
            return X
        both_real = first.is_floating_point() and X.is_floating_point()
        return X.to(first.device, first.dtype if both_real else X.dtype)


def _torch_array(tensor: Any) -> np.ndarray:
    on_cpu = tensor.detach().cpu()
    # NumPy has no such numbers.
    if on_cpu.dtype is frameworks.module("torch").bfloat16:
        on_cpu = on_cpu.float()
    return on_cpu.numpy()


class Gluon:
    """What the drivers need of MXNet."""

    def sequential(self, layers: list) -> Any:
        mxnet = frameworks.module("mxnet")
        if _is_one_block(layers):
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
            "conv": lambda inputs, outputs, size: nn.Conv2D(
                outputs, size, in_channels=inputs
            ),
            "dense": lambda inputs, outputs: nn.Dense(
                outputs, in_units=inputs, flatten=False
            ),
            "batchnorm": lambda channels: nn.BatchNorm(
                in_channels=channels, epsilon=1e-5
            ),
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
            return [
                parameter for parameter in parameters if parameter.grad_req != "null"
            ]
        return [parameter for parameter in parameters if not _is_statistic(parameter)]

    def get(self, parameter: Any) -> np.ndarray:
        value: np.ndarray = parameter.data().asnumpy()
        return value

    def array(self, value: np.ndarray) -> Any:
        return frameworks.module("mxnet").nd.array(value, dtype=value.dtype)

    def hidden_count(self, net: Any, X: Any) -> int:
        return gluon_hidden(net, X, lambda: self.forward(net, X))

    def set(self, parameter: Any, value: Any) -> None:
        with self._arrays_of(parameter._data):
            parameter.set_data(
                value.as_np_ndarray() if _is_new(parameter._data) else value
            )

    def forward(self, net: Any, X: Any) -> np.ndarray:
        first = self._first_data(net)
        with self._arrays_of(first):
            logits = net(self._at_home(first, X))
        refuse_other_than(frameworks.module("mxnet").nd.NDArray, logits)
        return logits.asnumpy()

    def gradients(self, net: Any, parameters: list, X: Any, y: Any) -> list[np.ndarray]:
        mxnet = frameworks.module("mxnet")
        cross_entropy = mxnet.gluon.loss.SoftmaxCrossEntropyLoss()
        first = self._first_data(net)
        with self._arrays_of(first):
            X, y = self._at_home(first, X), self._at_home(first, y)
            # In prediction mode MXNet's max pooling keeps no record of where its maxima were, and
            # its gradients come out wrong without a word.
            with mxnet.autograd.record(train_mode=True):
                losses = cross_entropy(net(X), y)
                loss = losses.mean()
            try:
                loss.backward()
            except mxnet.MXNetError as error:
                if "computational graph" not in str(error):
                    raise
                raise Refused(NOT_RECORDED) from error
        return [parameter.grad().asnumpy() for parameter in parameters]

    def _first_data(self, net: Any) -> Any:
        """What the first parameter that has numbers keeps them in, None where none has any."""
        every = (parameter._data for parameter in net.collect_params().values())
        return next((data for data in every if data), None)

    def _at_home(self, data: Any, X: Any) -> Any:
        """X in the kind of array, on the device and in the precision of a parameter's `data`."""
        if not data:
            return X
        X = X.as_np_ndarray() if _is_new(data) else X
        first = data[0]
        kinds = {np.dtype(array.dtype).kind for array in (X, first)}
        dtype = first.dtype if kinds == {"f"} else X.dtype
        return X.as_in_context(first.context).astype(dtype)

    def _arrays_of(self, data: Any) -> Any:
        """A context in which MXNet computes with the arrays that a parameter's `data` are."""
        return arrays_of_mxnet(frameworks.module("mxnet"), new=_is_new(data))


def _is_new(data: Any) -> bool:
    """Whether a parameter's `data`, if it has any, are MXNet's new arrays, those of `mxnet.np`."""
    if not data:
        return False
    mxnet = frameworks.module("mxnet")
    return isinstance(data[0], mxnet.np.ndarray)


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
