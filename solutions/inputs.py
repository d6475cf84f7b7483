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
