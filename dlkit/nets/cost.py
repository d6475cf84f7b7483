"""What a net costs: its layers with their output shapes, parameters and multiply-adds, counted
while one image passes through.

A multiply-add is one product that is added to a sum. Those of convolutions and dense layers are
counted, as papers do; biases, normalisation, activations and pooling are not, though they take
time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Layer:
    """One layer. name: where it sits in the net; kind: its class; output: shape for one image,
    without the batch axis.
    """

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    multiply_adds: int


def layers_torch(net: Any, image_shape: tuple[int, int, int]) -> list[Layer]:
    """The layers of a `torch.nn.Module` in the order in which an image of `image_shape`, (C, H, W),
    meets them.

    A layer that is met twice is listed twice, the second time without parameters. A net on the
    device "meta" is counted without computing anything.
    """
    import torch

    summing = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d, torch.nn.Linear)
    counted: set[int] = set()
    met: list[Layer] = []

    def note(name: str, module: Any, output: Any) -> None:
        own = [
            parameter
            for parameter in module.parameters(recurse=False)
            if id(parameter) not in counted
        ]
        counted.update(map(id, own))
        size = sum(parameter.numel() for parameter in own)
        products = (
            _products(output.shape, module.weight.shape)
            if isinstance(module, summing)
            else 0
        )
        met.append(
            Layer(name, type(module).__name__, tuple(output.shape[1:]), size, products)
        )

    handles = [
        module.register_forward_hook(
            lambda module, inputs, output, name=name: note(name, module, output)
        )
        for name, module in net.named_modules()
        if not any(module.children())
        or any(True for _ in module.parameters(recurse=False))
    ]
    device = next(
        (parameter.device for parameter in net.parameters()), torch.device("cpu")
    )
    was_training = net.training
    # batch normalisation of one image has no variance, and its running statistics stay as they are
    net.eval()
    try:
        with torch.no_grad():
            net(torch.zeros(1, *image_shape, device=device))
    finally:
        net.train(was_training)
        for handle in handles:
            handle.remove()
    return met


def layers_gluon(net: Any, image_shape: tuple[int, int, int]) -> list[Layer]:
    """The layers of an initialised `gluon.Block`, likewise. A hybridized net runs as one piece and
    shows no layers: count first, hybridize then.

    Raises ValueError for a net of which any part is hybridized.
    """
    from dlkit.mx import gluon, nd

    summing = (gluon.nn.Conv1D, gluon.nn.Conv2D, gluon.nn.Conv3D, gluon.nn.Dense)
    if _hybridized(net):
        raise ValueError(
            "layers_gluon: the net is hybridized and shows no layers; count "
            "its layers before net.hybridize()."
        )
    counted: set[str] = set()
    met: list[Layer] = []

    def note(name: str, block: Any, output: Any) -> None:
        if not isinstance(output, nd.NDArray):
            # a block that works out its shapes from the first batch is called once more, with
            # symbols
            return
        own = [
            parameter
            for parameter in block._reg_params.values()
            if parameter.name not in counted
        ]
        counted.update(parameter.name for parameter in own)
        size = sum(
            math.prod(p.shape)
            for p in own
            if not p.name.endswith(("running_mean", "running_var"))
        )
        products = (
            _products(output.shape, block.weight.shape)
            if isinstance(block, summing)
            else 0
        )
        met.append(
            Layer(name, type(block).__name__, tuple(output.shape[1:]), size, products)
        )

    handles = [
        block.register_forward_hook(
            lambda block, inputs, output, name=name: note(name, block, output)
        )
        for name, block in _blocks(net)
    ]
    try:
        net(nd.zeros((1, *image_shape)))
    finally:
        for handle in handles:
            handle.detach()
    return met


def total(layers: Sequence[Layer]) -> tuple[int, int]:
    """(parameters, multiply-adds) of all layers together."""
    return sum(layer.parameters for layer in layers), sum(
        layer.multiply_adds for layer in layers
    )


def _products(output: Sequence[int], weight: Sequence[int]) -> int:
    """Of a weight (outputs, inputs / groups, ...) for one image: each number of output (N, ...)
    sums as many products as one output has weights.
    """
    return math.prod(output[1:]) * math.prod(weight[1:])


def _hybridized(block: Any) -> bool:
    return getattr(block, "_active", False) or any(
        map(_hybridized, block._children.values())
    )


def _blocks(block: Any, name: str = "") -> list[tuple[str, Any]]:
    """Every block inside that computes something itself: it has parameters of its own, or
    nothing inside.
    """
    inside = [
        pair
        for key, child in block._children.items()
        for pair in _blocks(child, f"{name}.{key}".lstrip("."))
    ]
    return [(name, block), *inside] if block._reg_params or not inside else inside
