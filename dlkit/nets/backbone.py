"""A small residual net for colour images, pretrained on CIFAR-10, the same in both frameworks: what
lessons 08 to 12 start from.

``backbone_torch()`` and ``backbone_gluon()`` turn images (N, 3, H, W) in [0, 1], best of 32 x 32,
into features (N, 96); put a dense layer after it for classes of your own. ``classifier_torch()``
and ``classifier_gluon()`` have the dense layer for CIFAR-10's ten classes. It ships with the course
(``backbone.safetensors``) with a model card, ``backbone.md``: data, command, accuracy, licence of
the data. ``experiments/pretrain.py`` makes both.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Any

import numpy as np

WIDTHS = (24, 24, 48, 96)
"""Channels of the stem and of each of the three stages."""

PARTS = (
    "stem",
    "block 1",
    "block 2",
    "block 3",
    "block 4",
    "block 5",
    "block 6",
    "pool",
)
"""What the entries of the backbone, a sequence, are: ``backbone[1:3]`` is the first stage.
Blocks 3 and 5 halve height and width.
"""

FEATURES = WIDTHS[-1]
"""How many numbers the backbone says of an image."""

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
"""CIFAR-10's, in the order of the classifier's logits."""

SHA256 = "f6234082265f12da458e8f3f8ceba38ee28d2b92cda51ad2af30e47b13264cb9"
"""Of ``backbone.safetensors``."""


class DamagedWeights(RuntimeError):
    """The file of weights is missing, or is not the one that belongs to this version of the
    course.
    """

    def _render_traceback_(self) -> list[str]:
        """What IPython prints: the line alone, since the stack says nothing more."""
        return [f"DamagedWeights: {self}"]


def backbone_torch(pretrained: bool = True) -> Any:
    """A `torch.nn.Sequential` of `PARTS`: (N, 3, H, W) float32 in [0, 1] -> (N, 96) float32, in
    evaluation mode if it is pretrained.

    pretrained: False leaves PyTorch's own random start. Raises DamagedWeights when the file with
        the weights has changed.
    """
    return classifier_torch(pretrained)[0]


def backbone_gluon(pretrained: bool = True) -> Any:
    """The same as a `gluon.nn.HybridSequential`; not pretrained, it is left for you to
    initialise.
    """
    return classifier_gluon(pretrained)[0]


def classifier_torch(pretrained: bool = True) -> Any:
    """The backbone and a dense layer: images -> logits (N, 10) for `CLASSES`."""
    from torch import nn

    def conv(
        inputs: int, outputs: int, kernel: int, stride: int = 1
    ) -> list[nn.Module]:
        return [
            nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
        ]

    class Residual(nn.Module):
        """K. He et al. (2015), Deep Residual Learning: the basic block."""

        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                *conv(inputs, outputs, 3, stride), nn.ReLU(), *conv(outputs, outputs, 3)
            )
            self.shortcut = nn.Sequential(
                *(conv(inputs, outputs, 1, stride) if stride > 1 else [])
            )

        def forward(self, X: Any) -> Any:
            return (self.body(X) + self.shortcut(X)).relu()

    stem = nn.Sequential(*conv(3, WIDTHS[0], 3), nn.ReLU(), nn.MaxPool2d(2))
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    net = nn.Sequential(
        nn.Sequential(stem, *(Residual(*sizes) for sizes in _blocks()), pool),
        nn.Linear(FEATURES, len(CLASSES)),
    )
    if pretrained:
        import torch

        net.load_state_dict(
            net.state_dict()
            | {name: torch.from_numpy(array) for name, array in weights().items()}
        )
        net.eval()
    return net


def classifier_gluon(pretrained: bool = True) -> Any:
    """The same for Gluon."""
    from dlkit.mx import gluon, nd

    nn = gluon.nn

    def sequence(*layers: Any) -> Any:
        together = nn.HybridSequential()
        together.add(*layers)
        return together

    def conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[Any]:
        return [
            nn.Conv2D(
                outputs, kernel, stride, kernel // 2, use_bias=False, in_channels=inputs
            ),
            nn.BatchNorm(in_channels=outputs),
        ]

    class Residual(gluon.HybridBlock):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.body = sequence(
                *conv(inputs, outputs, 3, stride),
                nn.Activation("relu"),
                *conv(outputs, outputs, 3),
            )
            self.shortcut = sequence(
                *(conv(inputs, outputs, 1, stride) if stride > 1 else [])
            )

        def hybrid_forward(self, F: Any, X: Any) -> Any:
            return F.relu(self.body(X) + self.shortcut(X))

    stem = sequence(*conv(3, WIDTHS[0], 3), nn.Activation("relu"), nn.MaxPool2D(2))
    pool = sequence(nn.GlobalAvgPool2D(), nn.Flatten())
    net = sequence(
        sequence(stem, *(Residual(*sizes) for sizes in _blocks()), pool),
        nn.Dense(len(CLASSES), in_units=FEATURES),
    )
    if pretrained:
        net.initialize()
        names = {"gamma": "weight", "beta": "bias"}
        stored = weights()
        for name, parameter in net._collect_params_with_prefix().items():
            place, _, kind = name.rpartition(".")
            parameter.set_data(nd.array(stored[f"{place}.{names.get(kind, kind)}"]))
    return net


def _blocks() -> list[tuple[int, int, int]]:
    """Input channels, output channels and stride of the six blocks."""
    stages = zip(WIDTHS, WIDTHS[1:], (1, 2, 2), strict=False)
    return [
        block
        for inputs, outputs, stride in stages
        for block in ((inputs, outputs, stride), (outputs, outputs, 1))
    ]


def weights() -> dict[str, np.ndarray]:
    """The stored arrays by PyTorch's names, float32. Raises DamagedWeights unless the file is
    the very one that its model card describes.
    """
    from safetensors.numpy import load

    place = files("dlkit.nets").joinpath("backbone.safetensors")
    try:
        stored = place.read_bytes()
    except OSError as error:
        raise DamagedWeights(
            f"The backbone's weights cannot be read ({error}). Install the course again."
        ) from None
    if hashlib.sha256(stored).hexdigest() != SHA256:
        raise DamagedWeights(
            f"{place} is not the file that belongs to this version of the "
            "course. Install the course again."
        )
    return load(stored)
