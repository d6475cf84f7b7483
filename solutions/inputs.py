"""What many probes draw: arrays of random numbers, and the shapes of a described net's
parameters.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def gaussian(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray:
    """float32 of `shape`: normal, with mean 0 and standard deviation `scale`."""
    return rng.normal(0, scale, shape).astype(np.float32)


def parameter_shapes(layers: list) -> Iterator[tuple[int, ...]]:
    """Of the net that `autograder.answers.networks.build_network` makes of `layers`: the weight,
    then the bias, layer by layer.
    """
    for kind, *args in layers:
        if kind in ("frozen", "block"):
            yield from parameter_shapes(args)
        elif kind == "conv":
            inputs, outputs, size = args
            yield from [(outputs, inputs, size, size), (outputs,)]
        elif kind == "dense":
            inputs, outputs = args
            yield from [(outputs, inputs), (outputs,)]
        elif kind == "batchnorm":
            yield from [(args[0],), (args[0],)]


def renumbered(rng: np.random.Generator, *labels: np.ndarray) -> list[np.ndarray]:
    """The same classes under other numbers, in all of `labels` alike, so that nobody can know them
    but from the training labels. labels: whole numbers from 0 on, each class in the first.
    """
    numbers = rng.permutation(int(labels[0].max()) + 1)
    return [numbers[each].astype(each.dtype) for each in labels]


def disguised(
    rng: np.random.Generator, images: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A public set that cannot be looked up: all images in the same one of eight positions (turned
    by quarters, mirrored), the classes under other numbers. To learn from it is no harder.

    images: (..., H, H); labels: (N,), each class in it.
    """
    turned = np.rot90(images, int(rng.integers(4)), axes=(-2, -1))
    if rng.integers(2):
        turned = turned[..., ::-1]
    (numbers,) = renumbered(rng, labels)
    return np.ascontiguousarray(turned), numbers
