"""Pretrains the backbone that ships with the course on CIFAR-10, and writes its weights and its
model card into `dlkit`.

    python -m experiments.pretrain FOLDER

FOLDER holds ``train/<class>/`` and ``test/<class>/`` with the pictures of CIFAR-10. About half an
hour on one core. Stopped, it writes nothing.
"""

from __future__ import annotations

import hashlib
import math
import platform
import re
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.progress import track

from dlkit import seed_everything
from dlkit.data import batches
from dlkit.data.folders import read_folder
from dlkit.nets import backbone
from dlkit.nets.training import cosine, initialize_torch, predict_torch

ROOT = Path(__file__).parents[1]
BATCH_SIZE, LR, MOMENTUM, WEIGHT_DECAY, SHIFT = 128, 0.1, 0.9, 5e-4, 4

CARD = """\
# Model card: the course's backbone

A residual net (K. He et al., 2015) \
of six basic blocks with {widths} channels for colour images of 32 x 32 \
pixels, pretrained on CIFAR-10. It reads pixels in [0, 1].
For teaching transfer: what it says of an image is a fair start for other small images, and \
no more than that.

| | |
|---|---|
| file | `backbone.safetensors`, {size:,} bytes, float32, \
sha256 `{sha256}`; checked each time it is loaded |
| parameters | {parameters:,}, the classifier's dense layer among them |
| data | CIFAR-10 (A. Krizhevsky, 2009, *Learning Multiple Layers of Features from Tiny \
Images*): 50,000 images to train on, in a copy stored as JPEG of quality 75, \
which loses a little |
| licence of the data | made for research; its author asks to be cited. It is a labelled \
part of the 80 Million Tiny Images, which their makers withdrew in 2020 because of \
offensive labels and pictures in that larger set |
| command | `python -m experiments.pretrain FOLDER --num-epochs {num_epochs} --seed {seed}` |
| training | SGD, batches of {batch_size}, lr {lr} falling along a cosine, momentum {momentum}, \
weight decay {weight_decay}; random shifts of up to {shift} pixels and mirroring. \
The last epoch is kept; nothing was chosen by the test images |
| accuracy | {accuracy:.2%} of the 10,000 test images (JPEG as well: \
not to be compared with published accuracies) |
| made with | Python {python}, torch {torch}, {machine}, {date}; {minutes:.0f} minutes |
"""


def shifted(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each of (N, C, H, W) shifted by up to SHIFT pixels (zeros move in), and mirrored half the
    time.
    """
    count, _, height, width = images.shape
    padded = np.pad(images, ((0, 0), (0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)))
    rows = rng.integers(0, 2 * SHIFT + 1, (count, 1)) + np.arange(height)
    columns = rng.integers(0, 2 * SHIFT + 1, (count, 1)) + np.arange(width)
    mirror = rng.random(count) < 0.5
    columns[mirror] = columns[mirror, ::-1]
    # The shifted windows: (N, H, W, C).
    moved = padded[
        np.arange(count)[:, None, None], :, rows[:, :, None], columns[:, None, :]
    ]
    return np.ascontiguousarray(moved.transpose(0, 3, 1, 2))


def main(
    folder: Annotated[
        Path, typer.Argument(help="Holds train/ and test/, a folder a class in each.")
    ],
    num_epochs: int = 12,
    seed: int = 0,
) -> None:
    """Pretrain, measure, write."""
    import torch
    from safetensors.numpy import save

    start = time.monotonic()
    images, labels, names = read_folder(folder / "train", 32)
    test_images, test_labels, test_names = read_folder(folder / "test", 32)
    if names != backbone.CLASSES or test_names != names:
        raise typer.BadParameter(
            f"{folder} does not hold CIFAR-10: its classes are {', '.join(names)}."
        )

    seed_everything(seed)
    rng = np.random.default_rng(seed)
    net = initialize_torch(backbone.classifier_torch(pretrained=False), seed)
    optimizer = torch.optim.SGD(
        net.parameters(), lr=LR, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
    )
    num_steps, step = num_epochs * math.ceil(len(images) / BATCH_SIZE), 0
    for epoch in range(num_epochs):
        net.train()
        total = 0.0
        for X, y in track(
            batches(images, labels, BATCH_SIZE, rng),
            f"epoch {epoch + 1}",
            num_steps // num_epochs,
            transient=True,
        ):
            optimizer.param_groups[0]["lr"] = LR * cosine(step / num_steps)
            loss = torch.nn.functional.cross_entropy(
                net(torch.from_numpy(shifted(X, rng))), torch.from_numpy(y)
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step, total = step + 1, total + loss.item() * len(y)
        print(
            f"epoch {epoch + 1}: loss {total / len(images):.4f}, "
            f"{(time.monotonic() - start) / 60:.1f} min",
            flush=True,
        )

    accuracy = float(np.mean(predict_torch(net, test_images) == test_labels))
    stored = save(
        {name: value.numpy() for name, value in net.state_dict().items() if value.ndim}
    )
    sha256 = hashlib.sha256(stored).hexdigest()
    facts = {
        "widths": ", ".join(map(str, backbone.WIDTHS[1:])),
        "size": len(stored),
        "sha256": sha256,
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "num_epochs": num_epochs,
        "seed": seed,
        "batch_size": BATCH_SIZE,
        "lr": LR,
        "momentum": MOMENTUM,
        "weight_decay": WEIGHT_DECAY,
        "shift": SHIFT,
        "accuracy": accuracy,
        "python": platform.python_version(),
        "torch": version("torch"),
        "machine": platform.machine(),
        "date": date.today(),
        "minutes": (time.monotonic() - start) / 60,
    }
    (ROOT / "dlkit/nets/backbone.safetensors").write_bytes(stored)
    (ROOT / "dlkit/nets/backbone.md").write_text(CARD.format(**facts), encoding="utf-8")
    module = ROOT / "dlkit/nets/backbone.py"
    module.write_text(
        re.sub(
            r'^SHA256 = ".*"$',
            f'SHA256 = "{sha256}"',
            module.read_text(encoding="utf-8"),
            flags=re.M,
        ),
        encoding="utf-8",
    )
    print(
        f"{accuracy:.2%} of the test images; written to "
        "dlkit/nets/backbone.safetensors and dlkit/nets/backbone.md"
    )


if __name__ == "__main__":
    typer.run(main)
