"""A folder of one's own pictures, one folder a class, as torchvision's ``ImageFolder`` has it;
here they become an ImageSet.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dlkit.data.images import ImageSet, check_sizes, from_parts, stratified

if TYPE_CHECKING:
    import PIL.Image

SUFFIXES = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jfif",
        ".png",
        ".bmp",
        ".gif",
        ".ppm",
        ".pgm",
        ".tif",
        ".tiff",
        ".webp",
    }
)
# What programs that pack and show folders leave behind.
LEFT_BEHIND = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})
LEAST = 5  # pictures of a class, so that each part gets one


class UnusableFolder(ValueError):
    """A folder of pictures is not as it must be; the message names the place and what to do."""

    def _render_traceback_(self) -> list[str]:
        """What IPython prints: the line alone, since the stack says nothing more."""
        return [f"UnusableFolder: {self}"]


def folder(path: str | os.PathLike[str], size: int = 32, seed: int = 0) -> ImageSet:
    """The pictures in ``path/<class>/``: 60 % to train, 20 % to validate, 20 % to test, each class
    in proportion.

    size: height and width in pixels. The largest square in the middle of each picture is taken, and
        interpolated with averaging.
    seed: of the division into parts

    Grey pictures become colour, of 16 bits of grey the upper 8 are kept, and what is transparent
    shows white. Classes and files are taken in the order of their names; names that begin with a
    dot are passed over. Raises UnusableFolder when there is no such folder, a class is empty or has
    fewer than five pictures, a file cannot be read as a picture, or one lies where none belongs.
    """
    if not isinstance(seed, Integral) or seed < 0:
        raise ValueError(
            f"folder: seed must be a whole number, 0 or more, and {seed!r} is not."
        )
    images, labels, class_names = read_folder(path, size)
    for label, name in enumerate(class_names):
        if (count := int(np.sum(labels == label))) < LEAST:
            raise UnusableFolder(
                f"folder: {Path(path, name)} has {count} pictures; a class needs at least {LEAST} "
                "to be divided in three parts."
            )
    fifth = round(0.2 * len(labels))
    rest, test = stratified(labels, fifth, seed)
    train, val = (rest[part] for part in stratified(labels[rest], fifth, seed))
    return from_parts(
        [(images[rows], labels[rows]) for rows in (train, val, test)],
        class_names,
        Path(path).name,
    )


def read_folder(
    path: str | os.PathLike[str], size: int
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """All pictures in ``path/<class>/``, undivided: (N, 3, size, size) float32 in [0, 1], (N,)
    int64 labels, and the names of the classes.

    Raises UnusableFolder as `folder` does, but for classes with few pictures.
    """
    check_sizes("folder", size=size)
    root = Path(path).expanduser()
    if not root.is_dir():
        raise UnusableFolder(f"folder: there is no folder {root}.")
    classes = list(_visible(root))
    for entry in classes:
        if not entry.is_dir():
            raise UnusableFolder(
                f"folder: {entry} lies beside the classes. Put it into the "
                "folder of its class, or elsewhere."
            )
    if len(classes) < 2:
        raise UnusableFolder(
            f"folder: {root} has {len(classes)} folders; it needs one for "
            "each class, and two classes at least."
        )
    files = [
        (file, label)
        for label, place in enumerate(classes)
        for file in _pictures(place)
    ]
    images = np.empty((len(files), 3, size, size), np.float32)
    for row, (file, _) in zip(images, files, strict=True):
        row[:] = _read(file, size)
    return (
        images,
        np.array([label for _, label in files], np.int64),
        tuple(place.name for place in classes),
    )


def _visible(place: Path) -> Iterator[Path]:
    return (
        entry
        for entry in sorted(place.iterdir())
        if not entry.name.startswith(".") and entry.name not in LEFT_BEHIND
    )


def _pictures(place: Path) -> list[Path]:
    files = list(_visible(place))
    if not files:
        raise UnusableFolder(
            f"folder: {place} is empty. Put pictures of its class there, or remove it."
        )
    for file in files:
        if file.is_dir() or file.suffix.lower() not in SUFFIXES:
            raise UnusableFolder(
                f"folder: {file} is not in a format that is read here "
                f"({', '.join(sorted(SUFFIXES))}). Convert it, or move it elsewhere."
            )
    return files


def _colour(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Any picture as red, green and blue of 8 bits: what is transparent shows white behind it,
    16 bits of grey become 8.
    """
    from PIL import Image

    # `convert` would cut off at 255: measuring cameras' pictures would be white.
    if picture.mode.startswith("I"):
        return Image.fromarray(
            (np.asarray(picture, np.float32) / 257).clip(0, 255).astype(np.uint8)
        ).convert("RGB")
    if picture.has_transparency_data:
        whole = picture.convert("RGBA")
        return Image.alpha_composite(
            Image.new("RGBA", whole.size, "white"), whole
        ).convert("RGB")
    return picture.convert("RGB")


def _read(file: Path, size: int) -> np.ndarray:
    """(3, size, size) float32 in [0, 1]."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            # The warning names no file; what is really too large is an error.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file) as picture:
                if picture.mode == "F" or (
                    picture.mode == "I" and picture.format != "PNG"
                ):
                    raise UnusableFolder(
                        f"folder: {file} holds numbers and not greys of 8 or 16 bits. Convert it."
                    )
                upright = _colour(ImageOps.exif_transpose(picture))
    except Image.DecompressionBombError:
        raise UnusableFolder(
            f"folder: {file} has more than "
            f"{2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels. Make it smaller."
        ) from None
    except UnusableFolder:
        raise
    except (OSError, ValueError, SyntaxError) as error:
        raise UnusableFolder(
            f"folder: {file} cannot be read as a picture "
            f"({str(error).splitlines()[0]}). Replace or remove it."
        ) from None
    square = ImageOps.fit(upright, (size, size), Image.Resampling.BILINEAR)
    return np.asarray(square, np.float32).transpose(2, 0, 1) / np.float32(255)
