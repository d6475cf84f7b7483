"""What lessons 04 to 07 say of letters that a program draws holds on photographs of clothes, too: part of Fashion-MNIST (Xiao, Rasul, Vollgraf 2017), a minute in all.

The nets are those of the lessons' cells tagged "net". The data are looked for beside the project; nothing is downloaded.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.families import FAMILIES, ROOT, lesson_nets
from dlkit import cost, seed_everything, training
from dlkit import mx as shim
from dlkit.comparison import IMAGE_SHAPE, TRAINING
from dlkit.data import ImageSet, load

SHARED = Path(__file__).parents[2] / "shared" / "data"
RATE = {"LeNet": 0.05, "ResNet": 0.1, "MobileNet": 0.1}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (SHARED / "FashionMNIST").is_dir(), reason="Fashion-MNIST does not lie beside the project"),
]


@pytest.fixture(scope="module")
def clothes():
    """3,000 images to train on and 2,000 to test, with a border of two pixels: 32 x 32."""

    def framed(images, count):
        return np.pad(images[:count], ((0, 0), (0, 0), (2, 2), (2, 2)))

    everything = load("FashionMNIST", SHARED)
    return ImageSet(
        *(framed(everything.train_images, 3000), everything.train_labels[:3000]),
        *(framed(everything.val_images, 500), everything.val_labels[:500]),
        *(framed(everything.test_images, 2000), everything.test_labels[:2000]),
        class_names=everything.class_names,
        name="part of Fashion-MNIST",
    )


@pytest.fixture(scope="module")
def measured(clothes):
    """(family, framework) -> accuracy on the test images, parameters, multiply-adds; after five epochs, with seed 0."""
    import torch

    torch.set_num_threads(1)
    rules = {**TRAINING, "num_epochs": 5}
    found = {}
    for family, rate in RATE.items():
        lesson, name = FAMILIES[family]
        nets = lesson_nets(ROOT / "lessons" / f"{lesson}.ipynb")
        seed_everything(0)
        net = training.initialize_torch(nets[f"{name}_torch"](), 0)
        size = cost.total(cost.layers_torch(net, IMAGE_SHAPE))
        training.train_torch(net, clothes, lr=rate, **rules)
        found[family, "torch"] = np.mean(training.predict_torch(net, clothes.test_images) == clothes.test_labels), *size
        if shim.available():
            seed_everything(0)
            net = training.initialize_gluon(nets[f"{name}_gluon"](), 0, IMAGE_SHAPE)
            size = cost.total(cost.layers_gluon(net, IMAGE_SHAPE))
            training.train_gluon(net, clothes, lr=rate, **rules)
            found[family, "mxnet"] = np.mean(training.predict_gluon(net, clothes.test_images) == clothes.test_labels), *size
    return found


def test_every_net_learns_to_tell_clothes_apart(measured):
    assert min(accuracy for accuracy, _, _ in measured.values()) > 0.75  # guessing: 0.1


def test_the_frameworks_agree(measured):
    if not shim.available():
        pytest.skip("MXNet is not installed")
    for family in RATE:
        (accuracy, *size), (other, *other_size) = measured[family, "torch"], measured[family, "mxnet"]
        assert size == other_size
        assert abs(accuracy - other) < 0.03  # two standard errors of 2,000 images are 0.016


def test_shortcuts_buy_the_accuracy_of_lenet_with_a_quarter_of_its_parameters(measured):
    for framework in {framework for _, framework in measured}:
        lenet, residual = measured["LeNet", framework], measured["ResNet", framework]
        assert residual[1] < lenet[1] / 4
        assert residual[0] > lenet[0] - 0.03


def test_depthwise_convolutions_cost_a_little_accuracy_and_save_most_of_the_work(measured):
    for framework in {framework for _, framework in measured}:
        lenet, depthwise = measured["LeNet", framework], measured["MobileNet", framework]
        assert depthwise[1] < lenet[1] / 15
        assert depthwise[2] < lenet[2] / 3
        assert lenet[0] - 0.07 < depthwise[0] < lenet[0]
