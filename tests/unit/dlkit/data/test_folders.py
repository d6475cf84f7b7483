"""A folder of pictures becomes an ImageSet, and whatever is wrong with it is said in one line
that names the place.
"""

import io

import numpy as np
import pytest
from PIL import Image
from sklearn import model_selection  # noqa: F401  dlkit imports it at its first use, which no test here should pay for

from dlkit import data
from dlkit.data.folders import read_folder

COLOURS = {"apple": (200, 40, 30), "leaf": (30, 160, 60), "sea": (20, 60, 200)}


@pytest.fixture
def pictures(tmp_path):
    """Three classes of 10, 15 and 20 pictures of one colour each, in several formats and shapes."""
    root = tmp_path / "pictures"
    for count, (name, colour) in zip((10, 15, 20), COLOURS.items(), strict=True):
        (root / name).mkdir(parents=True)
        for number in range(count):
            suffix = (".png", ".JPG", ".bmp")[number % 3]
            Image.new("RGB", (40 + number, 64 - number), colour).save(
                root / name / f"{number:02}{suffix}", quality=95
            )
    return root


def complaint(root):
    with pytest.raises(data.UnusableFolder) as error:
        data.folder(root)
    assert "\n" not in str(error.value)
    assert error.value._render_traceback_() == [f"UnusableFolder: {error.value}"]
    return str(error.value)


def test_pictures_are_divided_each_class_in_proportion(pictures):
    found = data.folder(pictures, size=24)
    assert found.class_names == tuple(COLOURS) and found.name == "pictures"
    parts = [
        (found.train_images, found.train_labels),
        (found.val_images, found.val_labels),
        (found.test_images, found.test_labels),
    ]
    assert [np.bincount(labels).tolist() for _, labels in parts] == [
        [6, 9, 12],
        [2, 3, 4],
        [2, 3, 4],
    ]
    for images, labels in parts:
        assert (
            images.shape == (len(labels), 3, 24, 24)
            and images.dtype == np.float32
            and labels.dtype == np.int64
        )
        expected = np.array(list(COLOURS.values()))[labels] / 255
        # JPEG changes a colour a little
        assert np.abs(images - expected[:, :, None, None]).max() < 0.02


def test_the_seed_decides_the_division_and_nothing_else(pictures):
    one, same, other = (
        data.folder(pictures, seed=1),
        data.folder(pictures, seed=1),
        data.folder(pictures, seed=2),
    )
    assert np.array_equal(one.train_images, same.train_images) and np.array_equal(
        one.test_labels, same.test_labels
    )
    assert not np.array_equal(one.train_labels, other.train_labels)


def test_the_largest_square_in_the_middle_is_taken(tmp_path):
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 255
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.fromarray(wide).save(tmp_path / name / "wide.png")
        Image.fromarray(wide.transpose(1, 0, 2)).save(tmp_path / name / "tall.png")
    images, labels, names = read_folder(tmp_path, 10)
    # averaging mixes the rim with what lies beyond it
    assert images[:, :, 1:-1, 1:-1].min() == 1 and images.min() > 0.8
    assert labels.tolist() == [0, 0, 1, 1] and names == ("a", "b")


def test_grey_transparent_and_turned_pictures_are_read(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("L", (30, 30), 102).save(tmp_path / name / "1 grey.png")
        Image.new("RGBA", (30, 30), (102, 102, 102, 255)).save(
            tmp_path / name / "2 opaque.png"
        )
        half = np.zeros((30, 30, 3), np.uint8)
        half[:15] = 255  # white above; turned by a camera that was held upright
        exif = Image.Exif()
        exif[274] = 6
        Image.fromarray(half).save(tmp_path / name / "3 turned.png", exif=exif)
    images, _, _ = read_folder(tmp_path, 30)
    assert np.allclose(images[:2], 0.4, atol=1e-6)
    assert images[2, :, :, 20:].min() == 1 and images[2, :, :, :10].max() == 0


def test_transparent_is_white_and_sixteen_bits_keep_their_greys(tmp_path):
    ramp = np.linspace(0, 65535, 30, dtype=np.uint16)[None].repeat(30, axis=0)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("RGBA", (30, 30), (0, 0, 0, 0)).save(
            tmp_path / name / "1 invisible.png"
        )
        Image.new("LA", (30, 30), (0, 51)).save(
            tmp_path / name / "2 a fifth of black.png"
        )
        Image.fromarray(ramp).save(tmp_path / name / "3 measured.png")
        Image.fromarray(ramp).save(tmp_path / name / "4 measured.tif")
    images, _, _ = read_folder(tmp_path, 30)
    assert images[0].min() == 1
    assert np.allclose(images[1], 0.8, atol=0.01)
    for measured in images[2:4]:
        assert np.abs(measured - ramp / 65535).max() < 0.01


def test_hidden_files_are_passed_over(pictures):
    (pictures / ".DS_Store").write_bytes(b"what a computer leaves behind")
    (pictures / "leaf" / ".thumbnail.txt").write_text("the same")
    (pictures / ".cache").mkdir()
    (pictures / "__MACOSX").mkdir()
    (pictures / "leaf" / "Thumbs.db").write_bytes(b"small pictures of the pictures")
    assert len(data.folder(pictures).class_names) == 3


def test_a_folder_that_is_not_there(tmp_path):
    assert "there is no folder" in complaint(tmp_path / "nowhere")


def test_an_empty_class_is_named(pictures):
    (pictures / "cloud").mkdir()
    said = complaint(pictures)
    assert str(pictures / "cloud") in said and "empty" in said


def test_a_class_of_four_is_too_small(pictures):
    for file in sorted((pictures / "leaf").iterdir())[4:]:
        file.unlink()
    said = complaint(pictures)
    assert str(pictures / "leaf") in said and "4 pictures" in said


def test_one_class_is_no_task(tmp_path):
    (tmp_path / "only").mkdir()
    assert "two classes" in complaint(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no picture at all", "half"])
def test_a_broken_picture_is_named(pictures, content):
    broken = pictures / "sea" / "03.png"
    if content == "half":
        whole = io.BytesIO()
        Image.fromarray(
            np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        ).save(whole, "png")
        content = whole.getvalue()[: len(whole.getvalue()) // 2]
    broken.write_bytes(content)
    said = complaint(pictures)
    assert str(broken) in said and "cannot be read" in said


@pytest.mark.parametrize("place", ["labels.csv", "apple/notes.txt", "apple/more/"])
def test_what_does_not_belong_there_is_named(pictures, place):
    stray = pictures / place
    if place.endswith("/"):
        stray.mkdir()
    else:
        stray.write_text("not a picture")
    assert str(stray) in complaint(pictures)


def test_pictures_of_measured_numbers_are_refused(pictures):
    for name, numbers in (
        ("float", np.linspace(0, 1, 900, dtype=np.float32)),
        ("int", np.arange(900, dtype=np.int32)),
    ):
        file = pictures / "sea" / f"{name}.tif"
        Image.fromarray(numbers.reshape(30, 30)).save(file)
        said = complaint(pictures)
        assert str(file) in said and "greys of 8 or 16 bits" in said
        file.unlink()


def test_a_picture_of_too_many_pixels_is_named(pictures, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    said = complaint(pictures)
    assert str(pictures / "apple" / "00.png") in said and "2,000 pixels" in said


@pytest.mark.parametrize(
    "arguments",
    [
        {"size": "32"},
        {"size": None},
        {"size": 32.0},
        {"size": 0},
        {"seed": -1},
        {"seed": "0"},
    ],
)
def test_wrong_arguments_are_named(pictures, arguments):
    with pytest.raises(
        (TypeError, ValueError), match=f"folder: {next(iter(arguments))} must be"
    ):
        data.folder(pictures, **arguments)
