"""The backbone says the same in both frameworks, is the one that its card describes, and is
refused when it is not.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from dlkit import mx as shim
from dlkit.data import folders
from dlkit.nets import backbone, training
from experiments.pretrain import SHIFT, shifted

SHARED = Path(__file__).parents[4] / "shared" / "data"
CARD = files("dlkit.nets").joinpath("backbone.md").read_text(encoding="utf-8")
STORED = files("dlkit.nets").joinpath("backbone.safetensors").read_bytes()

needs_mxnet = pytest.mark.skipif(not shim.available(), reason="MXNet is not available")


def random_images(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def torch_outputs(net, images):
    import torch

    with torch.no_grad():
        return net(torch.from_numpy(images)).numpy()


def gluon_outputs(net, images):
    return net(shim.nd.array(images)).asnumpy()


@needs_mxnet
@pytest.mark.parametrize("size", [32, 28, 45])
def test_both_frameworks_give_the_same_logits_and_features(size):
    images = random_images(5, 3, size, size)
    for torch_net, gluon_net in (
        (backbone.classifier_torch(), backbone.classifier_gluon()),
        (backbone.backbone_torch(), backbone.backbone_gluon()),
    ):
        expected = torch_outputs(torch_net, images)
        assert np.abs(gluon_outputs(gluon_net, images) - expected).max() < 1e-4
        assert expected.std() > 0.1


@needs_mxnet
@pytest.mark.parametrize("part", range(1, 1 + len(backbone.PARTS)))
def test_the_parts_agree_one_by_one(part):
    images = random_images(2, 3, 32, 32)
    expected = torch_outputs(backbone.backbone_torch()[:part], images)
    assert (
        np.abs(gluon_outputs(backbone.backbone_gluon()[:part], images) - expected).max()
        < 1e-4
    )


def test_every_stored_array_is_used():
    fresh, loaded = (
        backbone.classifier_torch(pretrained=False),
        backbone.classifier_torch(),
    )
    stored = backbone.weights()
    assert set(stored) == {
        name for name, value in fresh.state_dict().items() if value.ndim
    }
    for name, value in loaded.state_dict().items():
        if value.ndim:
            np.testing.assert_array_equal(value.numpy(), stored[name], err_msg=name)
    assert not loaded.training
    assert fresh.training


def test_it_says_96_features_and_what_its_parts_are():
    net = backbone.backbone_torch()
    assert len(net) == len(backbone.PARTS)
    assert torch_outputs(net, random_images(2, 3, 32, 32)).shape == (
        2,
        backbone.FEATURES,
    )
    sizes = [
        torch_outputs(net[:count], random_images(1, 3, 32, 32)).shape[2]
        for count in range(1, 8)
    ]
    assert sizes == [16, 16, 16, 8, 8, 4, 4]


def test_the_card_describes_the_file():
    assert hashlib.sha256(STORED).hexdigest() == backbone.SHA256
    assert backbone.SHA256 in CARD
    assert f"{len(STORED):,} bytes" in CARD
    assert len(STORED) < 2_000_000
    parameters = sum(
        parameter.numel()
        for parameter in backbone.classifier_torch(pretrained=False).parameters()
    )
    assert f"{parameters:,}" in CARD
    for needed in ("CIFAR-10", "Krizhevsky", "licence", "experiments.pretrain"):
        assert needed in CARD


def test_a_changed_file_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(backbone, "SHA256", "0" * 64)
    with pytest.raises(
        backbone.DamagedWeights, match="not the file that belongs to this version"
    ) as refused:
        backbone.backbone_torch()
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_told_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(backbone, "files", lambda package: tmp_path)
    with pytest.raises(backbone.DamagedWeights, match="cannot be read") as refused:
        backbone.weights()
    assert "\n" not in str(refused.value)


def test_shifted_moves_and_mirrors_and_loses_nothing_else():
    image = np.arange(1, 1 + 3 * 9 * 7, dtype=np.float32).reshape(1, 3, 9, 7)
    padded = np.pad(image[0], ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)))
    crops = {
        padded[:, row : row + 9, column : column + 7][:, :, ::step].tobytes()
        for row in range(2 * SHIFT + 1)
        for column in range(2 * SHIFT + 1)
        for step in (1, -1)
    }
    moved = shifted(np.repeat(image, 400, axis=0), np.random.default_rng(0))
    assert moved.dtype == np.float32
    seen = {np.ascontiguousarray(one).tobytes() for one in moved}
    assert seen <= crops
    assert len(seen) > 100  # of 162


@pytest.mark.night
@pytest.mark.skipif(
    not (SHARED / "cifar10-images-jpeg.tar.gz").is_file(),
    reason="CIFAR-10 does not lie beside the project",
)
def test_the_cards_accuracy_is_measured_again(tmp_path):
    with tarfile.open(SHARED / "cifar10-images-jpeg.tar.gz") as archive:
        # Since Python 3.11.4.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(
            tmp_path, [member for member in archive if "/test/" in member.name]
        )
    images, labels, names = folders.read_folder(next(tmp_path.glob("**/test")), 32)
    assert names == backbone.CLASSES
    accuracy = np.mean(
        training.predict_torch(backbone.classifier_torch(), images) == labels
    )
    stated = float(re.search(r"\| accuracy \| ([\d.]+)%", CARD)[1]) / 100
    # one image or two, whose logits are equal to the last digits
    assert abs(accuracy - stated) < 2e-4
    if shim.available():
        part = slice(None, None, 10)
        of_gluon = training.predict_gluon(backbone.classifier_gluon(), images[part])
        of_torch = training.predict_torch(backbone.classifier_torch(), images[part])
        assert np.mean(of_gluon == of_torch) > 0.998
