"""A question whose answer is a network."""

import numpy as np

from autograder import question

SHAPES = [(3, 1, 2, 2), (3,), (4, 27), (4,)]


@question(
    points=2,
    framework="torch",
    frameworks=("torch", "mxnet"),
    driver="network",
    atol=1e-4,
)
def build():
    """(N, 1, 4, 4) images to (N, 4) logits: a convolution to 3 maps with a 2 x 2 kernel, tanh,
    one dense layer.
    """
    from torch import nn

    return nn.Sequential(nn.Conv2d(1, 3, 2), nn.Tanh(), nn.Flatten(), nn.Linear(27, 4))


@build.probe()
def transplanted_weights(rng):
    weights = [rng.normal(size=shape).astype(np.float32) for shape in SHAPES]
    return (
        weights,
        rng.normal(size=(5, 1, 4, 4)).astype(np.float32),
        rng.integers(0, 4, 5),
    )


@build.mistake("The tanh is missing.")
def _():
    from torch import nn

    return nn.Sequential(nn.Conv2d(1, 3, 2), nn.Flatten(), nn.Linear(27, 4))


@build.alternative(framework="mxnet")
def _():
    from dlkit.mx import gluon

    net = gluon.nn.Sequential()
    net.add(gluon.nn.Conv2D(3, 2), gluon.nn.Activation("tanh"), gluon.nn.Dense(4))
    return net
