"""What lesson 08 says of drawn letters and logos holds on photographs, too: hands that show the
digits 0 to 9 (Sign-Language-Digits, Apache-2.0), about a minute in all.

The functions are those of the lesson's cells tagged "net". The photographs are looked for beside
the project; nothing is downloaded.
"""

from __future__ import annotations

import functools
import tarfile
from pathlib import Path

import numpy as np
import pytest

from dlkit import data
from dlkit import mx as shim
from dlkit.nets import training
from dlkit.stats import interval
from dlkit.tables import transfer
from experiments.lessons import lesson_nets
from experiments.transfer import LESSON

ARCHIVE = Path(__file__).parents[2] / "shared" / "data" / "sign-language-digits.tar.gz"
DRAWS = range(5)
RATES = {"frozen": 0.2, "fine-tuned": 0.1, "from scratch": 0.1}

pytestmark = [
    pytest.mark.night,
    pytest.mark.skipif(
        not ARCHIVE.is_file(),
        reason="Sign-Language-Digits does not lie beside the project",
    ),
]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    place = tmp_path_factory.mktemp("photographs")
    with tarfile.open(ARCHIVE) as archive:
        # Since Python 3.11.4.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(place)
    (found,) = {folder.parent for folder in place.rglob("9") if folder.is_dir()}
    return found


@pytest.fixture(scope="module")
def hands(unpacked):
    return data.folder(unpacked)


@pytest.fixture(scope="module")
def accuracies(hands):
    """(way, labels a class, draws) -> (draws,) accuracies on the test photographs; each training
    is done once.
    """
    import torch

    torch.set_num_threads(1)
    lesson = lesson_nets(LESSON)

    @functools.cache
    def of(way, count, draw):
        images, labels = transfer.few(
            hands.train_images, hands.train_labels, count, draw
        )
        plan = {"num_steps": transfer.steps(count)} | {
            name: value
            for name, value in transfer.WAYS[way].items()
            if name != "pretrained"
        }
        net = lesson["new_net_torch"](10, seed=draw, pretrained=way != "from scratch")
        lesson["fine_tune_torch"](net, images, labels, lr=RATES[way], seed=draw, **plan)
        return np.mean(
            training.predict_torch(net, hands.test_images) == hands.test_labels
        )

    return lambda way, count, draws=DRAWS: np.array(
        [of(way, count, draw) for draw in draws]
    )


def test_the_folder_is_read(hands):
    assert hands.class_names == tuple("0123456789")
    counts = [
        np.bincount(labels, minlength=10)
        for labels in (hands.train_labels, hands.val_labels, hands.test_labels)
    ]
    assert sum(counts).sum() == 2062 and sum(counts).min() > 200
    assert all(abs(part / part.sum() - 0.1).max() < 0.01 for part in counts)
    assert (
        hands.train_images.shape[1:] == (3, 32, 32)
        and 0.2 < hands.train_images.mean() < 0.9
    )


def test_fine_tuning_beats_training_from_scratch_in_every_draw(accuracies):
    assert min(accuracies("fine-tuned", 10) - accuracies("from scratch", 10)) > 0.05


def test_features_frozen_to_the_last_part_are_not_enough(accuracies):
    assert accuracies("fine-tuned", 10).mean() > accuracies("frozen", 10).mean() + 0.1
    assert accuracies("frozen", 10).min() > 0.3  # guessing: 0.1


def test_frozen_features_are_ahead_of_scratch_with_two_labels(accuracies):
    mean, half = interval(accuracies("frozen", 2) - accuracies("from scratch", 2))
    assert mean > half


def test_fine_tuning_pays_less_the_more_labels_there_are(accuracies):
    """From two labels to ten. What fifty give would take longer than all of the rest."""
    gap = {
        count: accuracies("fine-tuned", count) - accuracies("from scratch", count)
        for count in (2, 10)
    }
    mean, half = interval(gap[2] - gap[10])
    assert mean > half


def test_gluon_does_as_well(hands, accuracies):
    """On average over the draws: a single training moves by ten points with its rounding."""
    if not shim.available():
        pytest.skip("MXNet is not installed")
    lesson = lesson_nets(LESSON)

    def accuracy(draw):
        images, labels = transfer.few(hands.train_images, hands.train_labels, 10, draw)
        net = lesson["new_net_gluon"](10, seed=draw)
        lesson["fine_tune_gluon"](
            net, images, labels, lr=RATES["fine-tuned"], seed=draw
        )
        return np.mean(
            training.predict_gluon(net, hands.test_images) == hands.test_labels
        )

    in_gluon = np.array([accuracy(draw) for draw in DRAWS])
    mean, half = interval(in_gluon - accuracies("fine-tuned", 10))
    assert abs(mean) < max(0.05, half)


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
