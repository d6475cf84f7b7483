"""The images are what their docstrings promise, and the same whenever they are asked for."""

import itertools
import os
import shutil
import string
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits, load_sample_image
from strategies import examples

from dlkit import data
from dlkit.data import ImageSet, Nuisances
from dlkit.data.glyphs import FONTS, HELD_OUT_FONTS

SHARED = Path(__file__).parents[4] / "shared" / "data"
PARTS = ("train", "val", "test")
SOURCES = {
    "digits": lambda seed=0: data.digits(seed=seed),
    "glyphs": lambda seed=0: data.glyphs(30, 20, 20, seed=seed),
    "coloured glyphs": lambda seed=0: data.glyphs(
        30, 20, 20, seed=seed, nuisances=Nuisances(30, 0.2, 3, 1, 0.1, 0.5, True)
    ),
    "brands": lambda seed=0: data.brands(14, 7, 7, seed=seed),
}


def images(source: ImageSet) -> dict[str, np.ndarray]:
    return {part: getattr(source, f"{part}_images") for part in PARTS}


def labels(source: ImageSet) -> dict[str, np.ndarray]:
    return {part: getattr(source, f"{part}_labels") for part in PARTS}


def same(first: ImageSet, second: ImageSet) -> bool:
    return all(
        np.array_equal(images(first)[part], images(second)[part]) for part in PARTS
    ) and all(
        np.array_equal(labels(first)[part], labels(second)[part]) for part in PARTS
    )


def assert_well_formed(source: ImageSet, shape: tuple[int, int, int]) -> None:
    for part in PARTS:
        X, y = images(source)[part], labels(source)[part]
        assert X.shape == (len(y), *shape)
        assert X.dtype == np.float32 and y.dtype == np.int64
        assert X.min() >= 0 and X.max() <= 1
        assert X.flags.c_contiguous and X.flags.writeable
        assert set(y) <= set(range(len(source.class_names)))


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_the_same_seed_gives_the_same_arrays_whatever_the_global_state(make):
    np.random.seed(1)
    first = make()
    np.random.seed(2)
    np.random.rand(5)
    before = np.random.get_state()[1].copy()
    second = make()
    assert same(first, second)
    # and the global state stays what it was
    assert np.array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_another_seed_gives_other_images(make):
    assert not np.array_equal(make(0).train_images, make(1).train_images)


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_changing_an_array_changes_no_later_call(make):
    first = make()
    kept = first.train_images.copy()
    first.train_images[:] = 0
    assert np.array_equal(make().train_images, kept)


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_parts_share_no_image(make):
    parts = [{image.tobytes() for image in X} for X in images(make()).values()]
    assert all(not (one & other) for one, other in itertools.combinations(parts, 2))


def test_an_image_set_says_what_it_is():
    assert (
        repr(data.glyphs(10, 10, 20))
        == "ImageSet(glyphs: 10 train, 10 val, 20 test images of 1 x 28 x 28, 10 classes)"
    )


# Digits


def test_digits_are_all_of_scikit_learns_divided_by_16():
    source, split = load_digits(), data.digits()
    assert_well_formed(split, (1, 8, 8))
    expected = Counter(
        (image.astype(np.float32).tobytes(), label)
        for image, label in zip(source.images / 16, source.target, strict=True)
    )
    found = Counter(
        (image[0].tobytes(), label)
        for part in PARTS
        for image, label in zip(images(split)[part], labels(split)[part], strict=True)
    )
    assert found == expected


@pytest.mark.parametrize("seed", [0, 1, 17])
def test_digits_are_split_60_20_20_in_every_class(seed):
    source, split = load_digits(), data.digits(seed=seed)
    for part, share in zip(PARTS, (0.6, 0.2, 0.2), strict=True):
        counts = np.bincount(labels(split)[part], minlength=10)
        assert np.abs(counts - share * np.bincount(source.target)).max() <= 1.5


@pytest.mark.parametrize("size", [5, 12, 28])
def test_larger_and_smaller_digits_are_those_of_torchs_bilinear_interpolation(size):
    torch = pytest.importorskip("torch")
    small, resized = data.digits(), data.digits(size)
    assert_well_formed(resized, (1, size, size))
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(small.val_images),
        (size, size),
        mode="bilinear",
        antialias=size < 8,
    )
    np.testing.assert_allclose(resized.val_images, expected, atol=1e-6)
    assert np.array_equal(resized.val_labels, small.val_labels)


# Photographs


def test_photographs_are_scikit_learns_with_channels_first():
    photographs = data.photographs()
    assert list(photographs) == ["china", "flower"]
    for name, image in photographs.items():
        assert image.shape == (3, 427, 640) and image.dtype == np.float32
        np.testing.assert_array_equal(
            np.rint(image * 255).transpose(1, 2, 0), load_sample_image(f"{name}.jpg")
        )


@given(size=st.integers(1, 100))
@settings(max_examples=examples(10), deadline=None)
def test_a_small_photograph_is_the_middle_square_averaged(size):
    small, full = data.photographs(size)["china"], data.photographs()["china"]
    assert small.shape == (3, size, size) and small.dtype == np.float32
    assert small.min() >= 0 and small.max() <= 1
    # 427 x 427; 213 columns are left over.
    middle = full[:, :, 106:533].mean(axis=(1, 2))
    np.testing.assert_allclose(
        small.mean(axis=(1, 2)), middle, atol=0.06 if size < 8 else 0.01
    )


# Glyphs


@given(
    size=st.integers(1, 40),
    colour=st.booleans(),
    count=st.integers(1, 25),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=examples(20), deadline=None)
def test_glyphs_have_any_size(size, colour, count, seed):
    source = data.glyphs(
        count, 1, 2, size, seed, Nuisances(40, 0.5, 3, 1, 0.2, 0.5, colour)
    )
    assert_well_formed(source, (3 if colour else 1, size, size))
    assert (
        len(source.train_labels) == count
        and len(source.val_labels) == 1
        and len(source.test_labels) == 2
    )
    counts = np.bincount(source.train_labels, minlength=10)
    assert counts.max() - counts.min() <= 1


def test_glyphs_are_letters_that_a_plain_classifier_reads():
    from sklearn.linear_model import LogisticRegression

    source = data.glyphs(600, 1, 200, nuisances=Nuisances())
    model = LogisticRegression(max_iter=300).fit(
        source.train_images.reshape(600, -1), source.train_labels
    )
    assert model.score(source.test_images.reshape(200, -1), source.test_labels) > 0.95
    assert source.class_names == tuple("ABCDEFGHIJ")


def centres(X: np.ndarray) -> np.ndarray:
    """Centre of each image's light, (N, 2) as row, column."""
    weights = X[:, 0] / X[:, 0].sum(axis=(1, 2), keepdims=True)
    rows, columns = np.indices(X.shape[2:])
    return np.stack(
        [(weights * rows).sum(axis=(1, 2)), (weights * columns).sum(axis=(1, 2))],
        axis=1,
    )


def plain(**strengths) -> np.ndarray:
    return data.glyphs(200, 1, 1, nuisances=Nuisances(**strengths)).train_images


def test_each_nuisance_does_what_its_unit_says_and_leaves_the_rest_alone():
    calm = plain()
    shifts = centres(plain(shift=3)) - centres(calm)
    # pixels, up to the limit; drawing on a grid costs a tenth
    assert 2.5 < np.abs(shifts).max() < 3.1
    assert np.abs(shifts.mean(axis=0)).max() < 0.5

    noise = plain(noise=0.1) - calm
    assert noise[(calm == 0)].max() > 0.2
    # Where the image is black only the positive half is left: its root mean square is that of the
    # whole over the root of 2.
    assert np.sqrt((noise[calm == 0] ** 2).mean()) == pytest.approx(
        0.1 / np.sqrt(2), rel=0.05
    )

    behind = plain(background=0.4)
    assert behind[calm == 0].max() <= 0.4 and behind[calm == 0].max() > 0.35
    assert np.allclose(behind[calm == 1], 1)

    # area, the square of the factor
    light = plain(scale=0.3).sum(axis=(1, 2, 3)) / calm.sum(axis=(1, 2, 3))
    assert 0.7**2 * 0.97 <= light.min() < 0.6 and 1.5 < light.max() <= 1.3**2 * 1.03

    blurred = plain(blur=2)
    # light is spread, not lost
    assert np.allclose(blurred.sum(axis=(1, 2, 3)), calm.sum(axis=(1, 2, 3)), rtol=0.02)
    assert blurred.std() < calm.std()


def test_rotation_is_in_degrees():
    from scipy.ndimage import rotate

    calm, turned = plain(), plain(rotation=60)

    def angle(before: np.ndarray, after: np.ndarray) -> int:
        candidates = range(-70, 71, 5)
        return min(
            candidates,
            key=lambda degrees: np.square(
                rotate(before, degrees, reshape=False, order=1) - after
            ).sum(),
        )

    angles = np.array(
        [
            angle(before[0], after[0])
            for before, after in zip(calm[:40], turned[:40], strict=True)
        ]
    )
    assert np.abs(angles).max() <= 60 and angles.max() > 40 and angles.min() < -40


def test_changing_one_strength_leaves_letters_and_fonts_as_they_were():
    before = data.glyphs(50, 10, 10, nuisances=Nuisances(shift=2))
    after = data.glyphs(50, 10, 10, nuisances=Nuisances(shift=2, noise=1e-6))
    np.testing.assert_allclose(before.train_images, after.train_images, atol=1e-5)
    assert np.array_equal(before.train_labels, after.train_labels)


def test_training_and_test_images_can_differ_in_their_nuisances():
    still = data.glyphs(50, 20, 20, nuisances=Nuisances())
    mixed = data.glyphs(
        50, 20, 20, nuisances=Nuisances(), test_nuisances=Nuisances(rotation=90)
    )
    assert np.array_equal(still.train_images, mixed.train_images) and np.array_equal(
        still.val_images, mixed.val_images
    )
    assert not np.array_equal(still.test_images, mixed.test_images)
    assert np.array_equal(still.test_labels, mixed.test_labels)


def test_held_out_fonts_are_seen_in_the_test_part_only():
    split = data.glyphs(400, 200, 200, nuisances=Nuisances(), held_out_fonts=True)
    # undisturbed: one image a letter and font
    letters = {
        part: {image.tobytes() for image in X} for part, X in images(split).items()
    }
    assert letters["train"] & letters["val"]
    assert not letters["test"] & (letters["train"] | letters["val"])
    assert not set(FONTS) & set(HELD_OUT_FONTS)


def test_all_letters_of_all_fonts_are_different_pictures():
    source = data.glyphs(10_000, 1, 1, nuisances=Nuisances())
    distinct = {
        (image.tobytes(), label)
        for image, label in zip(source.train_images, source.train_labels, strict=True)
    }
    assert len(distinct) == 10 * len(FONTS + HELD_OUT_FONTS)
    assert len({image for image, _ in distinct}) == len(distinct)


def test_glyphs_of_other_letters():
    some = data.glyphs(300, 20, 20, nuisances=Nuisances(), letters="bdpqx")
    assert some.class_names == ("b", "d", "p", "q", "x") and set(
        some.train_labels
    ) == set(range(5))
    assert (
        len(
            {
                image.tobytes()
                for image in data.glyphs(
                    5000, 1, 1, nuisances=Nuisances(), letters="bdpqx"
                ).train_images
            }
        )
        == 5 * 22
    )
    again = data.glyphs(300, 20, 20, nuisances=Nuisances(), letters=tuple("bdpqx"))
    assert np.array_equal(some.train_images, again.train_images) and np.array_equal(
        some.test_labels, again.test_labels
    )


@pytest.mark.parametrize("letters", [[1, 2], None, 3, ["a", None]])
def test_letters_that_are_no_strings_are_refused_in_words(letters):
    with pytest.raises(
        TypeError, match="glyphs: letters must be a string or a sequence of strings"
    ):
        data.glyphs(10, 1, 1, letters=letters)


def test_ten_letters_are_the_default_and_one_other_changes_its_own_images_only():
    ten, named, other = (
        data.glyphs(60, 10, 10),
        data.glyphs(60, 10, 10, letters="ABCDEFGHIJ"),
        data.glyphs(60, 10, 10, letters="ABCDEFGHIZ"),
    )
    assert np.array_equal(ten.train_images, named.train_images) and np.array_equal(
        ten.train_labels, other.train_labels
    )
    changed = (ten.train_images != other.train_images).any(axis=(1, 2, 3))
    assert np.array_equal(changed, ten.train_labels == 9)


def test_lower_case_letters_sit_in_the_middle_and_are_cut_off_nowhere():
    images = data.glyphs(
        2000, 1, 1, nuisances=Nuisances(), letters=string.ascii_lowercase
    ).train_images[:, 0]
    assert max(images[:, [0, -1]].max(), images[:, :, [0, -1]].max()) == 0
    # (N, 28): columns, rows
    for ink in (
        images.max(axis=1) > 0.05,
        images.max(axis=2) > 0.05,
    ):
        middle = (ink.argmax(axis=1) + 27 - ink[:, ::-1].argmax(axis=1)) / 2
        # an italic one leans out of its box, as capitals do
        assert np.abs(middle - 13.5).max() <= 2.5


@pytest.mark.parametrize("wrong", ["b", "bb", "b1", "äb", "", ("bd", "p")])
def test_only_different_latin_letters_are_letters(wrong):
    with pytest.raises(ValueError, match=r"^glyphs: letters must be"):
        data.glyphs(10, 10, 10, letters=wrong)


@pytest.mark.parametrize(
    "wrong", [{"rotation": -1}, {"scale": 1}, {"background": 1.5}, {"noise": -0.1}]
)
def test_impossible_nuisances_are_refused(wrong):
    with pytest.raises(ValueError, match=r"^Nuisances: "):
        Nuisances(**wrong)


def test_parts_must_agree_about_colour():
    with pytest.raises(ValueError, match="agree about colour"):
        data.glyphs(
            10, 10, 10, nuisances=Nuisances(), test_nuisances=Nuisances(colour=True)
        )


@pytest.mark.parametrize("make", [data.glyphs, data.brands])
@pytest.mark.parametrize("wrong", ["train", "val", "test", "size"])
def test_nothing_is_not_a_size(make, wrong):
    with pytest.raises(ValueError, match=f"{wrong} must be at least 1"):
        make(**{wrong: 0})


# Brands


@given(size=st.integers(2, 70), count=st.integers(1, 9), seed=st.integers(0, 2**32))
@settings(max_examples=examples(10), deadline=None)
def test_brands_have_any_size(size, count, seed):
    source = data.brands(count, 1, 1, size, seed)
    assert_well_formed(source, (3, size, size))
    assert len(source.class_names) == 7


def test_a_brand_shows_its_colour_in_the_middle_of_its_images():
    source = data.brands(140, 1, 1)
    red, _, blue = source.train_images[:, :, 16:48, 16:48].mean(axis=(2, 3)).T
    mean = {
        name: (red - blue)[source.train_labels == label].mean()
        for label, name in enumerate(source.class_names)
    }
    assert min(mean["Arvo"], mean["Benta"], mean["Faro"]) > max(
        mean["Dorn"], mean["Elva"]
    )


def test_red_alone_does_not_tell_two_brands_apart():
    from dlkit.data.brands import logo

    arvo, benta = (np.asarray(logo(name)).reshape(-1, 4) for name in ("Arvo", "Benta"))
    assert {tuple(pixel) for pixel in arvo} == {tuple(pixel) for pixel in benta}
    assert not np.array_equal(arvo, benta)


# Batches


@given(
    count=st.integers(0, 30),
    batch_size=st.integers(1, 12),
    seed=st.none() | st.integers(0, 99),
)
def test_batches_visit_everything_once_and_keep_pairs_together(count, batch_size, seed):
    X, y = np.arange(count * 2, dtype=np.float32).reshape(count, 2), np.arange(count)
    rng = None if seed is None else np.random.default_rng(seed)
    found = list(data.batches(X, y, batch_size, rng))
    assert [len(rows) for _, rows in found] == [
        min(batch_size, count - start) for start in range(0, count, batch_size)
    ]
    order = np.concatenate([rows for _, rows in found]) if found else y
    assert sorted(order) == list(range(count))
    assert all(np.array_equal(images, X[rows]) for images, rows in found)
    if rng is None:
        assert np.array_equal(order, y)


def test_a_generator_shuffles_every_pass_anew_and_its_seed_repeats_them():
    X = np.arange(100)

    def passes(seed):
        rng = np.random.default_rng(seed)
        return [
            np.concatenate([y for _, y in data.batches(X, X, 7, rng)]).tolist()
            for _ in range(2)
        ]

    assert passes(0) == passes(0) and passes(0) != passes(1)
    assert passes(0)[0] != passes(0)[1] != X.tolist()


@pytest.mark.parametrize(
    ("count", "size", "message"),
    [(3, 2, "4 images but 3 labels"), (4, 0, "batch_size must be at least 1")],
)
def test_batches_refuse_at_the_call(count, size, message):
    with pytest.raises(ValueError, match=message):
        data.batches(np.zeros((4, 1)), np.zeros(count), size)


# Published sets


def copy_of(name: str, folder: Path) -> Path:
    if not (SHARED / name).is_dir():
        pytest.skip(f"no real data: {SHARED / name} is not there")
    for file in sorted((SHARED / name / "raw").glob("*.gz")):
        (folder / name / "raw").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / name / "raw" / file.name)
    return folder


@pytest.fixture
def offline(monkeypatch):
    """No test may fetch anything, network or not."""
    monkeypatch.setattr(
        "socket.getaddrinfo",
        lambda *_, **__: (_ for _ in ()).throw(OSError("no network in tests")),
    )
    monkeypatch.delenv("COURSE_DATA", raising=False)


def test_fashion_mnist_is_split_and_scaled(tmp_path, offline, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(copy_of("FashionMNIST", tmp_path)))
    split = data.load("FashionMNIST", seed=1)
    assert_well_formed(split, (1, 28, 28))
    assert [len(y) for y in labels(split).values()] == [54_000, 6_000, 10_000]
    assert all((np.bincount(y) == len(y) // 10).all() for y in labels(split).values())
    assert split.class_names[9] == "Ankle boot"

    from torchvision import datasets

    test = datasets.FashionMNIST(tmp_path, train=False)
    assert np.array_equal(np.rint(split.test_images[:, 0] * 255), test.data.numpy())
    assert np.array_equal(split.test_labels, test.targets.numpy())
    other = data.load("FashionMNIST", seed=2)
    assert np.array_equal(split.test_images, other.test_images) and not np.array_equal(
        split.val_images, other.val_images
    )


def test_a_read_only_folder_is_read_and_left_alone(tmp_path, offline):
    root = copy_of("MNIST", tmp_path)
    folders = [root, root / "MNIST", root / "MNIST" / "raw"]
    before = sorted(root.rglob("*"))
    for folder in folders:
        folder.chmod(0o555)
    try:
        split = data.load("MNIST", root)
        assert (
            split.class_names == tuple("0123456789")
            and len(split.test_labels) == 10_000
        )
        assert sorted(root.rglob("*")) == before
        with pytest.raises(
            data.DataUnavailable, match="is read-only and does not hold it"
        ):
            data.load("FashionMNIST", root)
    finally:
        for folder in folders:
            folder.chmod(0o755)


def write_cifar10(folder: Path) -> None:
    """A tiny set in CIFAR-10's format: 20 images a file, whose pixels tell their place."""
    import pickle

    def batch(first: int) -> dict[str, object]:
        rows = np.arange(20 * 3072, dtype=np.int64).reshape(20, 3072) + first
        return {"data": (rows % 251).astype(np.uint8), "labels": list(range(10)) * 2}

    folder = folder / "cifar-10-batches-py"
    folder.mkdir()
    for number, name in enumerate(
        [f"data_batch_{n}" for n in range(1, 6)] + ["test_batch"]
    ):
        (folder / name).write_bytes(pickle.dumps(batch(number)))
    (folder / "batches.meta").write_bytes(
        pickle.dumps({"label_names": list("abcdefghij")})
    )


def test_cifar10_has_its_channels_first(tmp_path, offline, monkeypatch):
    from torchvision import datasets

    monkeypatch.setattr(datasets.CIFAR10, "_check_integrity", lambda self: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    write_cifar10(tmp_path)
    split = data.load("CIFAR10", tmp_path)
    assert_well_formed(split, (3, 32, 32))
    assert [len(y) for y in labels(split).values()] == [90, 10, 20]
    assert np.array_equal(
        np.rint(split.test_images.reshape(20, -1) * 255),
        (np.arange(20 * 3072).reshape(20, 3072) + 5) % 251,
    )


@pytest.mark.parametrize("name", ["FashionMNIST", "CIFAR10"])
def test_without_a_network_the_error_says_in_one_line_what_to_do(
    name, tmp_path, offline
):
    with pytest.raises(data.DataUnavailable, match=r"COURSE_DATA") as error:
        data.load(name, tmp_path)
    assert str(tmp_path) in str(error.value) and name in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("fashion-mnist", "FashionMNIST"), ("Mnist", "MNIST"), ("CIFAR-100", "CIFAR10")],
)
def test_a_wrong_name_is_met_with_the_nearest(typed, meant):
    with pytest.raises(ValueError, match=f"Did you mean '{meant}'") as error:
        data.load(typed)
    assert "\n" not in str(error.value)


def test_the_cache_is_the_users_own(monkeypatch, tmp_path, offline):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / name)
    with pytest.raises(data.DataUnavailable, match=f"{os.sep}deep-learning-course "):
        data.load("MNIST")
