"""Images for the lessons, as NumPy arrays: the same for either framework.

Without a network: ``digits`` and ``photographs`` (real, from scikit-learn), ``glyphs`` and
``brands`` (drawn), and ``folder``, pictures of your own. With one: ``load``. All are deterministic:
the same arguments give the same arrays, whatever the global random generators have been doing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

import numpy as np

from dlkit.data.brands import brands
from dlkit.data.folders import UnusableFolder, folder
from dlkit.data.glyphs import Nuisances, glyphs
from dlkit.data.images import ImageSet, check_sizes, from_parts, resize, stratified
from dlkit.data.published import DataUnavailable, load

__all__ = [
    "DataUnavailable",
    "ImageSet",
    "Nuisances",
    "UnusableFolder",
    "batches",
    "brands",
    "digits",
    "folder",
    "glyphs",
    "load",
    "photographs",
]


def digits(size: int = 8, seed: int = 0) -> ImageSet:
    """Handwritten digits 0 to 9: 1,797 real grey images, 60 % to train, 20 % to validate, 20 % to
    test, each class in proportion.

    size: height and width in pixels. The originals have 8; any other size is interpolated
    bilinearly.
    seed: of the division into parts

    Source: E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI,
    doi:10.24432/C50P49; the test part of it, which scikit-learn ships. Its pixels count the dark
    ones of 4 x 4 in a scan, 0 to 16; here they are divided by 16.
    """
    from sklearn.datasets import load_digits

    check_sizes("digits", size=size)
    source = load_digits()
    images = resize((source.images / 16).astype(np.float32), size)[:, None]
    labels = source.target.astype(np.int64)
    fifth = round(0.2 * len(labels))
    rest, test = stratified(labels, fifth, seed)
    train, val = (rest[part] for part in stratified(labels[rest], fifth, seed))
    return from_parts(
        [(images[rows], labels[rows]) for rows in (train, val, test)],
        tuple("0123456789"),
        "digits",
    )


def photographs(size: int | None = None) -> dict[str, np.ndarray]:
    """Two colour photographs by name, "china" (a temple's roofs) and "flower" (a dahlia): (3, H, W)
    float32 in [0, 1].

    size: None leaves them as they are, (3, 427, 640). A number takes the largest square in the
        middle and interpolates it, with averaging, to (3, size, size).

    Source: scikit-learn's sample images, by Giuseppe Milo ("china") and dany13 ("flower"), both CC
        BY 2.0.
    """
    from sklearn.datasets import load_sample_images

    source = load_sample_images()
    images = {
        PurePath(path).stem: np.ascontiguousarray(image.transpose(2, 0, 1))
        / np.float32(255)  # (H, W, 3) -> (3, H, W)
        for path, image in zip(source.filenames, source.images, strict=True)
    }
    if size is None:
        return images
    check_sizes("photographs", size=size)
    return {name: resize(_middle_square(image), size) for name, image in images.items()}


def batches(
    images: np.ndarray,
    labels: np.ndarray,
    batch_size: int,
    rng: np.random.Generator | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """One pass over the data in minibatches (X, y); the last one is smaller when `batch_size` does
    not divide N.

    images: (N, ...), labels: (N, ...)
    rng: shuffles the pass when given, a new order each time it is passed in; None keeps the order

    Raises ValueError when the lengths differ or `batch_size` is not positive.
    """
    if len(images) != len(labels):
        raise ValueError(f"batches: {len(images)} images but {len(labels)} labels.")
    if batch_size < 1:
        raise ValueError(
            f"batches: batch_size must be at least 1, and {batch_size} is not."
        )
    order = np.arange(len(images)) if rng is None else rng.permutation(len(images))
    chunks = (
        order[start : start + batch_size] for start in range(0, len(order), batch_size)
    )
    return ((images[rows], labels[rows]) for rows in chunks)


def _middle_square(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[..., top : top + side, left : left + side]
