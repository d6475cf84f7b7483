"""What lesson 08 says of drawn letters and logos holds on photographs, too: hands that show the digits 0 to 9 (Sign-Language-Digits, Apache-2.0), half a minute in all.

The functions are those of the lesson's cells tagged "net". The photographs are looked for beside the project; nothing is downloaded.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from benchmarks.transfer import LESSON, lesson_nets
from dlkit import data, training, transfer
from dlkit import mx as shim

ARCHIVE = Path(__file__).parents[2] / "shared" / "data" / "sign-language-digits.tar.gz"
DRAWS = range(3)
RATES = {"frozen": 0.2, "fine-tuned": 0.1, "from scratch": 0.1}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not ARCHIVE.is_file(), reason="Sign-Language-Digits does not lie beside the project"),
]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    place = tmp_path_factory.mktemp("photographs")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(place, filter="data")
    (found,) = {folder.parent for folder in place.rglob("9") if folder.is_dir()}
    return found


@pytest.fixture(scope="module")
def hands(unpacked):
    return data.folder(unpacked)


@pytest.fixture(scope="module")
def measured(hands):
    """way -> (draws,) accuracies on the test photographs, with ten labels a class."""
    import torch

    torch.set_num_threads(1)
    lesson, found = lesson_nets(LESSON), {way: [] for way in RATES}
    for draw in DRAWS:
        images, labels = transfer.few(hands.train_images, hands.train_labels, 10, draw)
        for way, lr in RATES.items():
            net = lesson["new_net_torch"](10, seed=draw, pretrained=way != "from scratch")
            lesson["fine_tune_torch"](net, images, labels, num_frozen=transfer.WAYS[way].get("num_frozen", 0), lr=lr, seed=draw)
            found[way].append(np.mean(training.predict_torch(net, hands.test_images) == hands.test_labels))
    return {way: np.array(accuracies) for way, accuracies in found.items()}


def test_the_folder_is_read(hands):
    assert hands.class_names == tuple("0123456789")
    counts = [np.bincount(labels, minlength=10) for labels in (hands.train_labels, hands.val_labels, hands.test_labels)]
    assert sum(counts).sum() == 2062 and sum(counts).min() > 200
    assert all(abs(part / part.sum() - 0.1).max() < 0.01 for part in counts)
    assert hands.train_images.shape[1:] == (3, 32, 32) and 0.2 < hands.train_images.mean() < 0.9


def test_fine_tuning_beats_training_from_scratch_in_every_draw(measured):
    assert min(measured["fine-tuned"] - measured["from scratch"]) > 0.05


def test_features_frozen_to_the_last_part_are_not_enough(measured):
    assert measured["fine-tuned"].mean() > measured["frozen"].mean() + 0.1
    assert measured["frozen"].min() > 0.3  # guessing: 0.1


def test_gluon_does_as_well(hands, measured):
    if not shim.available():
        pytest.skip("MXNet is not installed")
    lesson = lesson_nets(LESSON)
    images, labels = transfer.few(hands.train_images, hands.train_labels, 10, draw=0)
    net = lesson["new_net_gluon"](10, seed=0)
    lesson["fine_tune_gluon"](net, images, labels, lr=RATES["fine-tuned"])
    accuracy = np.mean(training.predict_gluon(net, hands.test_images) == hands.test_labels)
    assert abs(accuracy - measured["fine-tuned"][0]) < 0.1


@pytest.mark.parametrize("fault", ["empty class", "broken picture", "stray file"])
def test_a_fault_among_two_thousand_photographs_is_named(unpacked, fault):
    place = {
        "empty class": unpacked / "ten",
        "broken picture": sorted((unpacked / "0").iterdir())[7],
        "stray file": unpacked / "README.md",
    }[fault]
    before = place.read_bytes() if fault == "broken picture" else None
    try:
        if fault == "empty class":
            place.mkdir()
        else:
            place.write_bytes(b"" if before is None else before[:1000])
        with pytest.raises(data.UnusableFolder) as error:
            data.folder(unpacked)
        assert str(place) in str(error.value) and "\n" not in str(error.value)
    finally:
        if before is not None:
            place.write_bytes(before)
        elif place.is_dir():
            place.rmdir()
        else:
            place.unlink()


def test_the_untouched_folder_still_serves(unpacked):
    assert data.folder(unpacked, size=8).train_images.shape[1:] == (3, 8, 8)
