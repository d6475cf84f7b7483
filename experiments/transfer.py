"""Trains what lesson 08 compares, with five draws of the labels, and writes what
`dlkit.tables.transfer.TABLE` reads.

    python -m experiments.transfer

The rules are those of `dlkit.tables.transfer`; ``new_net_torch`` and ``fine_tune_torch`` are the
functions in the lesson's cells tagged "net".

- The learning rate of each way on each target is chosen first, with a draw of its own and the
    validation images, among `RATES`.
- The file is written anew after each training, and what stands in it is not computed again, unless
  the backbone, the lesson's functions or the versions are others: then all of it is. Stop when you
  like, and go on with the same command.

About fifteen minutes of processor time.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from dlkit.nets.backbone import PARTS, SHA256
from dlkit.tables import stored, transfer
from dlkit.tables.transfer import (
    COUNTS,
    DRAWS,
    FEW,
    RATE_DRAW,
    RATES,
    TARGETS,
    WAYS,
    Result,
)
from experiments import provenance
from experiments.lessons import ROOT, digest, lesson_nets

LESSON = ROOT / "lessons" / "08-fine-tuning.ipynb"

Key = tuple[str, str, int, int, int]  # target, way, count, frozen, draw


def train(key: Key, lr: float, part: str = "test") -> Result:
    """One training, and its accuracy on one part of the target."""
    import numpy as np
    import torch

    from dlkit.nets.training import predict_torch

    torch.set_num_threads(1)
    name, way, count, frozen, draw = key
    data, lesson, rules = (
        transfer.target(name),
        lesson_nets(LESSON),
        {**WAYS[way], "num_frozen": frozen},
    )
    pretrained, num_steps = (
        rules.pop("pretrained", True),
        rules.pop("num_steps", transfer.steps(count)),
    )
    start = time.process_time()
    net = lesson["new_net_torch"](
        len(data.class_names), seed=draw, pretrained=pretrained
    )
    images, labels = transfer.few(data.train_images, data.train_labels, count, draw)
    lesson["fine_tune_torch"](
        net, images, labels, lr=lr, num_steps=num_steps, seed=draw, **rules
    )
    seconds = time.process_time() - start
    accuracy = np.mean(
        predict_torch(net, getattr(data, f"{part}_images"))
        == getattr(data, f"{part}_labels")
    )
    return Result(*key, num_steps, lr, round(float(accuracy), 4), round(seconds, 2))


def wanted() -> list[Key]:
    """The three curves, the sweep over the number of frozen parts, and a rate for each part;
    those with few labels first.
    """
    keys = [
        (name, way, count, WAYS[way].get("num_frozen", 0), draw)
        for count in COUNTS
        for name in TARGETS
        for way in WAYS
        for draw in DRAWS
        if not way.startswith("by part") or count == FEW
    ]
    keys += [
        (name, "fine-tuned", FEW, frozen, draw)
        for name in TARGETS
        for frozen in range(1, len(PARTS) - 1)
        for draw in DRAWS
    ]
    return sorted(keys, key=lambda key: (key[2] != FEW, key[2]))


def complete(path: Path, workers: int, seconds: float = float("inf")) -> bool:
    """Train what is missing, for so many seconds at most. Returns whether all is there."""
    facts = _facts()
    rows: dict[Key, Result] = {}
    if path.exists():
        known, found = stored.read(path, Result)
        if not provenance.differing(known, facts):
            facts, rows = (
                known,
                {
                    (row.target, row.way, row.count, row.frozen, row.draw): row
                    for row in found
                },
            )
    searches = [
        (name, way)
        for name in TARGETS
        for way in WAYS
        if f"rate of {name}, {way}" not in facts
    ]
    end = time.monotonic() + seconds
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["torch", "torch._dynamo", "dlkit.mx", "dlkit.tables.transfer"]
    )
    with (
        Progress(transient=True) as progress,
        ProcessPoolExecutor(workers, mp_context=context) as pool,
    ):
        bar = progress.add_task("learning rates", total=len(searches) * len(RATES))
        for name, way in searches:
            key = name, way, FEW, WAYS[way].get("num_frozen", 0), RATE_DRAW
            found = {
                result.lr: result.accuracy
                for result in pool.map(
                    train, [key] * len(RATES), RATES, ["val"] * len(RATES)
                )
            }
            facts[f"rate of {name}, {way}"] = provenance.rates_in_words(found)
            stored.write(path, Result, facts, rows.values())
            progress.advance(bar, len(RATES))
            if time.monotonic() > end:
                return False
        missing = [key for key in wanted() if key not in rows]
        progress.update(bar, description="trainings", completed=0, total=len(missing))
        for start in range(0, len(missing), 2 * workers):
            if time.monotonic() > end:
                return False
            futures = [
                pool.submit(train, key, _best_rate(facts, key))
                for key in missing[start : start + 2 * workers]
            ]
            for future in as_completed(futures):
                result: Any = future.result()
                rows[
                    result.target, result.way, result.count, result.frozen, result.draw
                ] = result
                progress.advance(bar)
            stored.write(path, Result, facts, rows.values())
    return True


def _facts() -> dict[str, str]:
    """How new rows come about."""
    lesson = ", ".join(digest(LESSON, name) for name in ("new_net", "fine_tune"))
    return provenance.facts(
        "python -m experiments.transfer",
        ("torch", "numpy"),
        backbone=SHA256,
        lesson=lesson,
    )


def _best_rate(facts: dict[str, str], key: Key) -> float:
    target, way, *_ = key
    return provenance.best_rate(
        provenance.rates_from_words(facts[f"rate of {target}, {way}"])
    )


def main(
    out: Annotated[Path, typer.Option(help="The file to make or to complete.")] = ROOT
    / "dlkit/tables/transfer.csv",
    workers: Annotated[
        int, typer.Option(help="Trainings at the same time.", min=1)
    ] = 2,
    seconds: Annotated[
        float, typer.Option(help="Stop after so long; the same command goes on later.")
    ] = float("inf"),
) -> None:
    """Train what the file does not hold yet."""
    os.environ["OMP_NUM_THREADS"] = "1"  # before anything imports a framework
    done = complete(out, workers, seconds)
    print(
        f"{out} is {'complete' if done else 'not complete yet: run the same command again'}.",
        file=sys.stderr,
    )


if __name__ == "__main__":
    typer.run(main)
