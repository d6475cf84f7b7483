"""The training loop of lesson 03, for any net, once for each framework: later lessons import it, so
that only their own subject fills the page.

``train_torch(net, data, ...)`` and ``train_gluon(net, data, ...)`` see the same batches in the same
order; after ``initialize_torch(net, seed)`` and ``initialize_gluon(net, seed)`` two nets that
define the same layers in the same order start from the same weights, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlkit.data import batches
from dlkit.data.images import ImageSet


@dataclass(frozen=True)
class Run:
    """What one training gave.

    losses: (steps,) float, the loss of every batch; val_accuracies: (num_epochs,) float, the
    fraction of the validation images read right
    """

    losses: np.ndarray
    val_accuracies: np.ndarray


def constant(progress: float) -> float:
    """The learning rate stays what it is."""
    return 1.0


def cosine(progress: float) -> float:
    """The learning rate falls along half a cosine, from all of it to nothing (I. Loshchilov and
    F. Hutter, 2017, SGDR, without restarts).
    """
    return 0.5 * (1 + math.cos(math.pi * progress))


def train_torch(
    net: Any,
    data: ImageSet,
    *,
    num_epochs: int,
    lr: float,
    batch_size: int = 64,
    seed: int = 0,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    schedule: Callable[[float], float] = constant,
) -> Run:
    """Stochastic gradient descent with momentum on the cross-entropy of a `torch.nn.Module`;
    changes `net`, and leaves it in training mode.

    net:          (N, C, H, W) float32 -> logits (N, num_classes)
    seed:         of the order of the batches
    weight_decay: of weights and biases alike
    schedule:     the factor of `lr` at every step, by the fraction of training that is done, 0 <=
                  progress < 1
    """
    import torch

    rng = np.random.default_rng(seed)
    optimizer = torch.optim.SGD(
        net.parameters(), lr=lr, momentum=momentum, weight_decay=weight_decay
    )
    num_steps = num_epochs * math.ceil(len(data.train_images) / batch_size)
    losses: list[float] = []
    accuracies: list[float] = []
    for _ in range(num_epochs):
        net.train()
        for X, y in batches(data.train_images, data.train_labels, batch_size, rng):
            optimizer.param_groups[0]["lr"] = lr * schedule(len(losses) / num_steps)
            loss = torch.nn.functional.cross_entropy(
                net(torch.from_numpy(X)), torch.from_numpy(y)
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        accuracies.append(
            np.mean(predict_torch(net, data.val_images) == data.val_labels)
        )
    net.train()
    return Run(np.array(losses), np.array(accuracies))


def train_gluon(
    net: Any,
    data: ImageSet,
    *,
    num_epochs: int,
    lr: float,
    batch_size: int = 64,
    seed: int = 0,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    schedule: Callable[[float], float] = constant,
) -> Run:
    """The same of an initialised `gluon.Block`. Gluon keeps the learning rate inside its
    momentum, so a falling rate brakes later than PyTorch's.
    """
    from dlkit.mx import autograd, gluon, nd

    rng = np.random.default_rng(seed)
    loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(
        net.collect_params(),
        "sgd",
        {"learning_rate": lr, "momentum": momentum, "wd": weight_decay},
    )
    num_steps = num_epochs * math.ceil(len(data.train_images) / batch_size)
    losses: list[float] = []
    accuracies: list[float] = []
    for _ in range(num_epochs):
        for X, y in batches(data.train_images, data.train_labels, batch_size, rng):
            trainer.set_learning_rate(lr * schedule(len(losses) / num_steps))
            with autograd.record():
                loss = loss_of(net(nd.array(X)), nd.array(y))  # (N,)
            loss.backward()
            trainer.step(len(y))
            # Waits for the result: MXNet's queue has no end.
            losses.append(loss.mean().asscalar())
        accuracies.append(
            np.mean(predict_gluon(net, data.val_images) == data.val_labels)
        )
    return Run(np.array(losses, dtype=float), np.array(accuracies))


def predict_torch(net: Any, images: np.ndarray, batch_size: int = 256) -> np.ndarray:
    """The class with the largest logit, (N,) int64, in evaluation mode, in which `net` stays."""
    import torch

    net.eval()
    with torch.no_grad():
        parts = [
            net(torch.from_numpy(images[i : i + batch_size])).argmax(dim=1).numpy()
            for i in range(0, len(images), batch_size)
        ]
    return np.concatenate(parts)


def predict_gluon(net: Any, images: np.ndarray, batch_size: int = 256) -> np.ndarray:
    """The class with the largest logit, (N,) int64. Outside `record`, Gluon's layers are in
    evaluation mode.
    """
    from dlkit.mx import nd

    parts = [
        net(nd.array(images[i : i + batch_size])).asnumpy().argmax(axis=1)
        for i in range(0, len(images), batch_size)
    ]
    return np.concatenate(parts)


def initialize_torch(net: Any, seed: int) -> Any:
    """Draw the weights of every convolution and dense layer anew, normal with variance 2 / fan_in,
    and set biases to 0. Returns `net`.

    Source: K. He et al. (2015), Delving Deep into Rectifiers. Scales and shifts of normalisation
        become 1 and 0, its running mean and variance 0 and 1.
    """
    import torch

    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(
                module,
                torch.nn.BatchNorm1d | torch.nn.BatchNorm2d | torch.nn.BatchNorm3d,
            ):
                module.reset_parameters()
        for name, parameter in net.named_parameters():
            if parameter.ndim > 1:
                parameter.copy_(
                    torch.from_numpy(_he_normal(rng, tuple(parameter.shape)))
                )
            elif name.endswith("bias"):
                parameter.zero_()
    return net


def initialize_gluon(
    net: Any, seed: int, image_shape: tuple[int, int, int] | None = None
) -> Any:
    """The same for a `gluon.Block`, from the same numbers.

    image_shape: (C, H, W), needed where layers are to learn the number of their inputs from the
        first batch
    """
    from dlkit.mx import init, nd

    rng = np.random.default_rng(seed)
    # Layers set the scales of normalisation to 1 themselves.
    net.initialize(init.Zero(), force_reinit=True)
    if image_shape is not None:
        net(nd.zeros((1, *image_shape)))
    for parameter in net.collect_params().values():
        if len(parameter.shape) > 1:
            parameter.set_data(nd.array(_he_normal(rng, parameter.shape)))
    return net


def _he_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """float32 of `shape` (outputs, inputs, ...): normal, mean 0, variance 2 / (the numbers that
    one output is the sum of).
    """
    return rng.normal(0, math.sqrt(2 / math.prod(shape[1:])), shape).astype(np.float32)
