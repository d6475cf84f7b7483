"""What lessons 06 and 07 say of digits and of drawn letters, tried on photographs of clothes: part
of Fashion-MNIST (Xiao, Rasul, Vollgraf 2017).

What holds: a plain net of 32 layers trains worse than one of 8, and shortcuts mend it; both
frameworks agree; depthwise convolutions do with an eighteenth of LeNet's parameters and a third of
its work, for a few points of accuracy. What does not: on letters the residual net reads ten points
more than LeNet, on clothes about as many; and on digits a residual net of 32 layers trains better
than one of 8, on clothes not within three epochs.

The nets are those of the lessons' cells tagged "net". Learning rates are those that the comparison
chose on letters, and lesson 06's: none was tuned on clothes. The data are looked for beside the
project; nothing is downloaded. A minute and a half in all.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dlkit import mx as shim
from dlkit import seed_everything
from dlkit.data import ImageSet, load
from dlkit.nets import cost, training
from dlkit.tables import comparison
from dlkit.tables.comparison import IMAGE_SHAPE, TRAINING
from experiments.families import FAMILIES
from experiments.lessons import ROOT, lesson_nets

SHARED = Path(__file__).parents[2] / "shared" / "data"
RATE = {row.family: row.lr for row in comparison.TABLE.rows()}
RUNS = [("torch", 0), ("torch", 1), *([("mxnet", 0)] if shim.available() else [])]
"""Framework and seed of what is trained."""

pytestmark = [
    pytest.mark.night,
    pytest.mark.skipif(
        not (SHARED / "FashionMNIST").is_dir(),
        reason="Fashion-MNIST does not lie beside the project",
    ),
]


def part(change, train, val, test):
    """The first images of each part of Fashion-MNIST, changed."""
    everything = load("FashionMNIST", SHARED)
    return ImageSet(
        *(change(everything.train_images[:train]), everything.train_labels[:train]),
        *(change(everything.val_images[:val]), everything.val_labels[:val]),
        *(change(everything.test_images[:test]), everything.test_labels[:test]),
        class_names=everything.class_names,
        name="part of Fashion-MNIST",
    )


def framed(images):
    """(N, 1, 28, 28) with a border of two pixels: (N, 1, 32, 32), as large as the letters."""
    return np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2)))


def shrunk(images):
    """(N, 1, 28, 28) without its border, means of 3 x 3 pixels: (N, 1, 8, 8), as large as the
    digits.
    """
    return images[:, :, 2:26, 2:26].reshape(-1, 1, 8, 3, 8, 3).mean(axis=(3, 5))


@pytest.fixture(scope="module")
def measured():
    """(family, framework, seed) -> accuracy on 2,000 images, parameters, multiply-adds; after
    five epochs on 3,000 images.
    """
    import torch

    torch.set_num_threads(1)
    clothes = part(framed, 3000, 500, 2000)
    rules = {**TRAINING, "num_epochs": 5}
    found = {}
    for family in ("LeNet", "ResNet", "MobileNet"):
        lesson, name = FAMILIES[family]
        nets = lesson_nets(ROOT / "lessons" / f"{lesson}.ipynb")
        for framework, seed in RUNS:
            seed_everything(seed)
            if framework == "torch":
                net = training.initialize_torch(nets[f"{name}_torch"](), seed)
                size = cost.total(cost.layers_torch(net, IMAGE_SHAPE))
                training.train_torch(net, clothes, lr=RATE[family], seed=seed, **rules)
                read = training.predict_torch(net, clothes.test_images)
            else:
                net = training.initialize_gluon(
                    nets[f"{name}_gluon"](), seed, IMAGE_SHAPE
                )
                size = cost.total(cost.layers_gluon(net, IMAGE_SHAPE))
                training.train_gluon(net, clothes, lr=RATE[family], seed=seed, **rules)
                read = training.predict_gluon(net, clothes.test_images)
            found[family, framework, seed] = np.mean(read == clothes.test_labels), *size
    return found


def test_every_net_learns_to_tell_clothes_apart(measured):
    assert min(accuracy for accuracy, _, _ in measured.values()) > 0.75  # guessing: 0.1


def test_the_frameworks_agree(measured):
    if not shim.available():
        pytest.skip("MXNet is not installed")
    for family in ("LeNet", "ResNet", "MobileNet"):
        (accuracy, *size), (other, *other_size) = (
            measured[family, "torch", 0],
            measured[family, "mxnet", 0],
        )
        assert size == other_size
        # Two standard errors of 2,000 images are 0.016.
        assert abs(accuracy - other) < 0.03


def test_shortcuts_buy_the_accuracy_of_lenet_with_a_quarter_of_its_parameters(measured):
    for run in RUNS:
        lenet, residual = measured["LeNet", *run], measured["ResNet", *run]
        assert residual[1] < lenet[1] / 4
        assert residual[0] > lenet[0] - 0.03


def test_depthwise_convolutions_cost_a_little_accuracy_and_save_most_of_the_work(
    measured,
):
    lost = []
    for run in RUNS:
        lenet, depthwise = measured["LeNet", *run], measured["MobileNet", *run]
        assert depthwise[1] < lenet[1] / 15
        assert depthwise[2] < lenet[2] / 3
        lost.append(lenet[0] - depthwise[0])
    assert 0 < np.mean(lost) < 0.05


def test_a_deep_net_trains_only_with_shortcuts():
    """As on the digits of lesson 06, by its plan, on 1,000 images: the losses are those of
    training.
    """
    import torch

    torch.set_num_threads(1)
    tower = lesson_nets(ROOT / "lessons" / "06-branches-and-shortcuts.ipynb")[
        "tower_torch"
    ]
    clothes = part(shrunk, 1000, 100, 100)
    last = {}
    for depth, shortcuts in [(8, False), (32, False), (32, True)]:
        for seed in (0, 1):
            net = training.initialize_torch(tower(depth, shortcuts), seed)
            run = training.train_torch(
                net,
                clothes,
                num_epochs=3,
                lr=0.03,
                batch_size=32,
                seed=seed,
                schedule=training.cosine,
            )
            # of the last epoch
            last.setdefault((depth, shortcuts), []).append(
                run.losses.reshape(3, -1)[-1].mean()
            )
    assert min(last[32, False]) > max(last[32, True]) + 0.2
    assert min(last[32, False]) > max(last[8, False]) + 0.2
