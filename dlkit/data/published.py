"""Published data sets and published weights by name. torchvision (or Gluon's model zoo)
downloads them and checks their sums; sets become an ImageSet.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import io
import os
import shutil
import tempfile
import textwrap
import urllib.error
import urllib.request
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlkit.data.images import ImageSet, stratified

VARIABLE = "COURSE_DATA"
VALIDATION = 0.1  # of the published training set
PATIENCE = 5.0  # seconds until a server that does not answer is given up


@dataclass(frozen=True)
class _Published:
    """Where torchvision keeps a set under its root, and what must lie there; of each tuple of
    `needs`, one file is enough.
    """

    folder: str
    needs: tuple[tuple[str, ...], ...]


def _idx_files(folder: str) -> _Published:
    names = (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    )
    return _Published(f"{folder}/raw", tuple((name, f"{name}.gz") for name in names))


PUBLISHED = {
    "FashionMNIST": _idx_files("FashionMNIST"),
    "MNIST": _idx_files("MNIST"),
    "CIFAR10": _Published(".", (("cifar-10-batches-py", "cifar-10-python.tar.gz"),)),
}


class DataUnavailable(OSError):
    """A published data set, or a net's published weights, are neither on this machine nor to be
    had.
    """

    def _render_traceback_(self) -> list[str]:
        """What IPython prints: the line alone, since the stack says nothing more."""
        return [f"DataUnavailable: {self}"]


def load(
    name: str, root: str | os.PathLike[str] | None = None, seed: int = 0
) -> ImageSet:
    """A published data set: the test part as published, a tenth of the training part set aside to
    validate, each class in proportion.

    name: "FashionMNIST" (Xiao, Rasul, Vollgraf 2017; 28 x 28, grey), "MNIST" (LeCun, Cortes, Burges
        1998; 28 x 28, grey) or "CIFAR10" (Krizhevsky 2009; 32 x 32, colour)
    root: the folder that torchvision's data sets live in. None means the environment variable
        COURSE_DATA, or where that is not set the user's cache. What is missing there is downloaded
        to it. A folder that holds the set may be read-only.
    seed: of the validation part

    Pixels are divided by 255. Raises ValueError for another name, and DataUnavailable when the set
    is neither there nor downloadable.
    """
    if name not in PUBLISHED:
        near = {known.lower(): known for known in PUBLISHED}
        guess = difflib.get_close_matches(
            name.lower().replace("-", ""), near, n=1, cutoff=0
        )
        raise ValueError(
            f"load: there is no data set {name!r}. Did you mean "
            f"{near[guess[0]]!r}? There are {', '.join(PUBLISHED)}."
        )
    folder = Path(root or os.environ.get(VARIABLE) or _cache()).expanduser()
    train, test = _fetch(name, folder)
    labels = _labels(train)
    kept, val = stratified(labels, round(VALIDATION * len(labels)), seed)
    pixels = _pixels(train)
    return ImageSet(
        *(
            _scaled(pixels[kept]),
            labels[kept],
            _scaled(pixels[val]),
            labels[val],
            _scaled(_pixels(test)),
            _labels(test),
        ),
        # MNIST: "0 - zero"
        class_names=tuple(label.partition(" - ")[0] for label in train.classes),
        name=name,
    )


def pretrained_torch(name: str) -> Any:
    """torchvision's classifier `name`, such as "resnet18", with its newest published weights, in
    evaluation mode.

    PyTorch keeps what it downloads in its cache. Raises ValueError for a name that there is none
    of, and DataUnavailable when the weights are neither there nor downloadable.
    """
    import torch
    from torchvision import models

    _check_net("pretrained_torch", name, models.list_models(module=models))
    url = models.get_model_weights(name).DEFAULT.url
    kept = Path(torch.hub.get_dir(), "checkpoints", url.rpartition("/")[2])
    return _fetch_net(
        "pretrained_torch",
        name,
        kept.exists(),
        url,
        lambda: models.get_model(name, weights="DEFAULT"),
    ).eval()


def pretrained_gluon(name: str) -> Any:
    """The same of Gluon's model zoo, such as "resnet18_v1". Its nets need no evaluation mode:
    they are in it whenever nothing is recorded.
    """
    from dlkit.mx import gluon

    zoo = gluon.model_zoo
    _check_net("pretrained_gluon", name, zoo.model_store._model_sha1)
    kept = Path("~/.mxnet/models").expanduser().glob(f"{name}-*.params")
    return _fetch_net(
        "pretrained_gluon",
        name,
        any(kept),
        gluon.utils._get_repo_url(),
        lambda: zoo.vision.get_model(name, pretrained=True),
    )


def _check_net(caller: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        guess = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0)
        raise ValueError(
            f"{caller}: there are no weights for {name!r}. Did you mean {guess[0]!r}?"
        )


def _fetch_net(
    caller: str, name: str, kept: bool, url: str, make: Callable[[], Any]
) -> Any:
    try:
        if not kept:
            _call_at(url)
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            return make()
    except (OSError, RuntimeError) as error:
        reason = textwrap.shorten(
            str(getattr(error, "reason", error)) or type(error).__name__, 100
        )
        raise DataUnavailable(
            f"{caller}: the weights of {name} are not on this machine and cannot be downloaded "
            f"({reason}). Run this with a network."
        ) from None


def _call_at(url: str) -> None:
    """Raise OSError unless the server answers, with whatever it may be: the libraries themselves
    would wait for minutes, or try five times.
    """
    with (
        contextlib.suppress(urllib.error.HTTPError),
        urllib.request.urlopen(
            urllib.request.Request(url, method="HEAD"), timeout=PATIENCE
        ),
    ):
        pass


def _cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("deep-learning-course")


def _fetch(name: str, folder: Path) -> tuple[Any, Any]:
    """torchvision's training and test set."""
    writable = _writable(folder / PUBLISHED[name].folder)
    if not writable and not _complete(name, folder):
        raise _unavailable(name, f"{folder} is read-only and does not hold it")
    try:
        return _open(name, folder) if writable else _open_copy(name, folder)
    except (OSError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise _unavailable(
            name, f"{folder} does not hold it whole, and its download failed ({reason})"
        ) from None


def _unavailable(name: str, what: str) -> DataUnavailable:
    return DataUnavailable(
        f"load: {name} is not available: {what}. Set {VARIABLE} to a folder that holds it, or to "
        "one that you can write to and run this with a network."
    )


def _writable(place: Path) -> bool:
    """Whether files may be made in `place`, or in the nearest folder above it that exists.

    The mode counts as well as the right: root may write to a folder that is marked read-only, and
    should not.
    """
    nearest = next(
        folder for folder in (place, *place.absolute().parents) if folder.exists()
    )
    return bool(nearest.stat().st_mode & 0o222) and os.access(nearest, os.W_OK)


def _open(name: str, folder: Path) -> tuple[Any, Any]:
    from torchvision import datasets

    folder.mkdir(parents=True, exist_ok=True)
    dataset = getattr(datasets, name)
    # One printed line a mirror that does not answer; the error says it all.
    with contextlib.redirect_stdout(io.StringIO()):
        return dataset(folder, train=True, download=True), dataset(
            folder, train=False, download=True
        )


def _open_copy(name: str, folder: Path) -> tuple[Any, Any]:
    """torchvision unpacks archives where they lie. A copy lets it do so, where a link would let
    it repair, and so change, the original.
    """
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch, PUBLISHED[name].folder)
        place.mkdir(parents=True, exist_ok=True)
        for file in _found(name, folder):
            copy = (
                functools.partial(shutil.copytree, copy_function=shutil.copyfile)
                if file.is_dir()
                else shutil.copyfile
            )
            copy(file, place / file.name)
        return _open(name, Path(scratch))


def _found(name: str, folder: Path) -> list[Path]:
    """The first of each set of alternatives that `folder` holds."""
    place = folder / PUBLISHED[name].folder
    choices = (
        [place / file for file in files if (place / file).exists()]
        for files in PUBLISHED[name].needs
    )
    return [files[0] for files in choices if files]


def _complete(name: str, folder: Path) -> bool:
    return len(_found(name, folder)) == len(PUBLISHED[name].needs)


def _pixels(dataset: Any) -> np.ndarray:
    """(N, C, H, W) uint8."""
    pixels = np.asarray(dataset.data)
    return pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)


def _labels(dataset: Any) -> np.ndarray:
    return np.asarray(dataset.targets, np.int64)


def _scaled(pixels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(pixels) / np.float32(255)
