"""What all sources of images share: the form that they return, and the few operations that they
need.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral

import numpy as np


@dataclass(frozen=True, eq=False, repr=False)
class ImageSet:
    """Labelled images in three parts that share no image. The arrays are the caller's own: changing
    them changes no later call.

    *_images: (N, C, H, W) float32 in [0, 1], C = 1 (grey) or 3 (red, green, blue)
    *_labels: (N,) int64, indices into `class_names`
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    val_images: np.ndarray
    val_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    class_names: tuple[str, ...]
    name: str

    def __repr__(self) -> str:
        parts = (
            f"{len(self.train_labels)} train, {len(self.val_labels)} "
            f"val, {len(self.test_labels)} test"
        )
        shape = " x ".join(map(str, self.train_images.shape[1:]))
        return f"ImageSet({self.name}: {parts} images of {shape}, {len(self.class_names)} classes)"


def from_parts(
    parts: Iterable[tuple[np.ndarray, np.ndarray]],
    class_names: tuple[str, ...],
    name: str,
) -> ImageSet:
    """The set of these (images, labels): training, validation, test."""
    (
        (train_images, train_labels),
        (val_images, val_labels),
        (test_images, test_labels),
    ) = parts
    return ImageSet(
        train_images,
        train_labels,
        val_images,
        val_labels,
        test_images,
        test_labels,
        class_names,
        name,
    )


def resize(images: np.ndarray, size: int) -> np.ndarray:
    """(..., H, W) float32 -> (..., size, size), bilinear; when it shrinks, each pixel averages
    those that it covers.
    """
    from PIL import Image

    if images.shape[-2:] == (size, size):
        return images
    planes = images.reshape(-1, *images.shape[-2:])
    resized = np.empty((len(planes), size, size), np.float32)
    for place, plane in zip(resized, planes, strict=True):
        place[:] = np.asarray(
            Image.fromarray(plane).resize((size, size), Image.Resampling.BILINEAR)
        )
    return resized.reshape(*images.shape[:-2], size, size)


def stratified(
    labels: np.ndarray, held_out: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Indices (rest, held out): `held_out` of them set aside, each class in proportion."""
    from sklearn.model_selection import train_test_split

    return tuple(
        train_test_split(
            np.arange(len(labels)),
            test_size=held_out,
            stratify=labels,
            random_state=seed,
        )
    )


def balanced(count: int, num_classes: int, rng: np.random.Generator) -> np.ndarray:
    """(count,) int64 labels in random order, the numbers of any two classes differing by at most
    one.
    """
    return rng.permutation(np.arange(count, dtype=np.int64) % num_classes)


def check_sizes(caller: str, **sizes: int) -> None:
    """Raise TypeError unless each of `sizes` is a whole number, ValueError unless it is at least
    1.
    """
    for name, value in sizes.items():
        if not isinstance(value, Integral):
            raise TypeError(
                f"{caller}: {name} must be a whole number, and {value!r} is not."
            )
        if value < 1:
            raise ValueError(
                f"{caller}: {name} must be at least 1, and {value} is not."
            )
