"""Trains every family of nets of lessons 04 to 07 in both frameworks with several seeds, and writes
what `dlkit.tables.comparison.TABLE` reads.

    python -m experiments.families

The rules are those of `dlkit.tables.comparison`; the nets are the functions ``<name>_torch`` and
``<name>_gluon`` in the cells tagged "net" of the lessons.

- Each family's learning rate is chosen first, with PyTorch and a seed of its own, by validation
accuracy; both frameworks then use it.
- Every training is a process of its own, with one thread. The processes are forked from one that
    has imported both frameworks and computed nothing.
- The file is written anew after each training, and what stands in it is not computed again: stop
  when you like, and go on with the same command. A family whose net has changed since is measured
  anew. Rows of other versions, rules or images, or of another processor, are not mixed with new
  ones.

About twenty minutes of processor time for everything.
"""

from __future__ import annotations

import functools
import hashlib
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from dlkit import seed_everything
from dlkit.tables import comparison, stored
from dlkit.tables.comparison import (
    IMAGE_SHAPE,
    RATE_SEED,
    RATES,
    SEEDS,
    TRAINING,
    Result,
)
from experiments import provenance
from experiments.lessons import ROOT, SUFFIXES, NoSuchNet, digest, find_net

FAMILIES: Mapping[str, tuple[str, str]] = {
    "LeNet": ("04-training-deep-networks", "lenet"),
    "AlexNet": ("05-deeper-alexnet-vgg", "alexnet"),
    "VGG": ("05-deeper-alexnet-vgg", "vgg"),
    "Inception": ("06-branches-and-shortcuts", "inception"),
    "ResNet": ("06-branches-and-shortcuts", "residual"),
    "DenseNet": ("06-branches-and-shortcuts", "dense"),
    "MobileNet": ("07-small-and-fast", "depthwise"),
    "ShuffleNet": ("07-small-and-fast", "shuffle"),
}
"""Family -> the lesson that builds it, and the name of its net there."""


class ComparisonError(RuntimeError):
    """The comparison cannot be made; the message says why."""


@dataclass(frozen=True)
class Job:
    """One training: the net `name` of the notebook `lesson`, with one learning rate and one
    seed.
    """

    lesson: Path
    name: str
    family: str
    framework: str
    seed: int
    lr: float


@dataclass
class Store:
    """The file that grows. rates: family -> learning rate -> accuracy on the validation images
    of `RATE_SEED`; nets: family -> digest of its nets.
    """

    path: Path
    facts: dict[str, str]
    rates: dict[str, dict[float, float]] = field(default_factory=dict)
    rows: dict[tuple[str, str, int], Result] = field(default_factory=dict)
    nets: dict[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> Store:
        """What is there already. Raises ComparisonError where it came about differently than new
        rows would.
        """
        store = cls(path, _facts())
        if not path.exists():
            return store
        known, rows = stored.read(path, Result)
        if name := provenance.differing(known, store.facts):
            raise ComparisonError(
                f"{path} was made with {name} {known.get(name)}, and this is {store.facts[name]}: "
                "give another --out, or remove the file."
            )
        for name, value in known.items():
            if name.startswith("rate of "):
                store.rates[name.removeprefix("rate of ")] = (
                    provenance.rates_from_words(value)
                )
            if name.startswith("net of "):
                store.nets[name.removeprefix("net of ")] = value
        store.rows = {(row.family, row.framework, row.seed): row for row in rows}
        return store

    def forget(self, family: str) -> None:
        """Everything of a net that is no longer what it was."""
        self.rates.pop(family, None)
        self.rows = {key: row for key, row in self.rows.items() if row.family != family}

    def add(self, row: Result) -> None:
        """Keep a finished training, on the disk, too."""
        if row.seed == RATE_SEED:
            self.rates.setdefault(row.family, {})[row.lr] = row.val_accuracy
        else:
            self.rows[row.family, row.framework, row.seed] = row
        rates = {
            f"rate of {family}": provenance.rates_in_words(found)
            for family, found in sorted(self.rates.items())
        }
        nets = {
            f"net of {family}": digest for family, digest in sorted(self.nets.items())
        }
        stored.write(self.path, Result, self.facts | nets | rates, self.rows.values())


def train(job: Job) -> Result:
    """Train one net by the rules of the comparison."""
    import numpy as np

    from dlkit.nets import cost, training

    data = comparison.images(job.seed)
    net = find_net(job.lesson, job.name, job.framework)()
    seed_everything(job.seed)  # for dropout
    start = time.process_time()
    if job.framework == "torch":
        import torch

        torch.set_num_threads(1)
        training.initialize_torch(net, job.seed)
        run = training.train_torch(net, data, lr=job.lr, seed=job.seed, **TRAINING)
        seconds = time.process_time() - start
        layers, read = (
            cost.layers_torch(net, IMAGE_SHAPE),
            training.predict_torch(net, data.test_images),
        )
    else:
        training.initialize_gluon(net, job.seed, IMAGE_SHAPE)
        run = training.train_gluon(net, data, lr=job.lr, seed=job.seed, **TRAINING)
        seconds = time.process_time() - start
        layers, read = (
            cost.layers_gluon(net, IMAGE_SHAPE),
            training.predict_gluon(net, data.test_images),
        )
    parameters, multiply_adds = cost.total(layers)
    return Result(
        family=job.family,
        framework=job.framework,
        seed=job.seed,
        lr=job.lr,
        parameters=parameters,
        multiply_adds=multiply_adds,
        val_accuracy=round(float(run.val_accuracies[-1]), 4),
        test_accuracy=round(float(np.mean(read == data.test_labels)), 4),
        seconds=round(seconds, 1),
    )


def compare(
    store: Store,
    families: Sequence[str],
    frameworks: Sequence[str],
    seeds: Sequence[int],
    *,
    lessons: Path,
    workers: int,
    console: Console,
) -> list[str]:
    """Train what is missing from the store. Returns a line for each net that no lesson has; its
    family is left out.
    """
    from dlkit import mx

    if "mxnet" in frameworks and not mx.available():
        raise ComparisonError("MXNet is not installed here: give --frameworks torch.")
    problems, ready = [], []
    for family in families:
        lesson, name = FAMILIES[family]
        job = Job(lessons / f"{lesson}.ipynb", name, family, "torch", RATE_SEED, 0.0)
        try:
            for framework in {"torch", *frameworks}:
                find_net(job.lesson, name, framework)
        except NoSuchNet as error:
            problems.append(f"{family}: {error}")
            continue
        now = digest(job.lesson, name)
        if store.nets.setdefault(family, now) != now:
            console.print(
                f"{family}: the lesson's net has changed since it was "
                "measured; it is measured anew."
            )
            store.forget(family)
            store.nets[family] = now
        ready.append(job)

    searches = [
        replace(job, lr=lr)
        for job in ready
        for lr in RATES
        if lr not in store.rates.get(job.family, {})
    ]
    wanted = [
        (job, framework, seed)
        for job in ready
        for framework in frameworks
        for seed in seeds
    ]
    wanted = [
        (job, framework, seed)
        for job, framework, seed in wanted
        if (job.family, framework, seed) not in store.rows
    ]
    searches = [
        job
        for job in searches
        if any(job.family == other.family for other, _, _ in wanted)
    ]
    with _progress(console) as progress:
        bar = progress.add_task("trainings", total=len(searches) + len(wanted))
        for row in _each(searches, workers):
            store.add(row)
            progress.update(
                bar,
                advance=1,
                description=f"{row.family}, lr {row.lr:g}: {row.val_accuracy:.1%} of validation",
            )
        runs = [
            replace(
                job,
                framework=framework,
                seed=seed,
                lr=provenance.best_rate(store.rates[job.family]),
            )
            for job, framework, seed in wanted
        ]
        for row in _each(runs, workers):
            store.add(row)
            progress.update(
                bar,
                advance=1,
                description=(
                    f"{row.family}, {row.framework}, seed {row.seed}: "
                    f"{row.test_accuracy:.1%} of test"
                ),
            )
    return problems


def _each(jobs: Sequence[Job], workers: int) -> Iterator[Result]:
    """The results in the order in which they are finished, each from a process of its own."""
    if not jobs:
        return
    context = multiprocessing.get_context("forkserver")
    # The first optimiser wants torch._dynamo.
    context.set_forkserver_preload(
        ["torch", "torch._dynamo", "dlkit.mx", "dlkit.tables.comparison"]
    )
    with ProcessPoolExecutor(
        workers, mp_context=context, max_tasks_per_child=1
    ) as pool:
        futures: list[Future[Result]] = [pool.submit(train, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _progress(console: Console) -> Progress:
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    return Progress(*columns, console=console)


def _facts() -> dict[str, str]:
    """How new rows come about."""
    rules = ", ".join(
        f"{name} {getattr(value, '__name__', value)}"
        for name, value in TRAINING.items()
    )
    return provenance.facts(
        "python -m experiments.families",
        ("torch", "mxnet", "numpy"),
        training=rules,
        images=_images(),
    )


@functools.cache
def _images() -> str:
    """A digest of one seed's images, by which a change of the drawing program is noticed."""
    return hashlib.sha256(
        comparison.images(RATE_SEED).train_images.tobytes()
    ).hexdigest()[:12]


def _check(given: Sequence[str], known: Sequence[str], option: str) -> list[str]:
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ComparisonError(
            f"{option} {unknown[0]}: choose among {', '.join(known)}."
        )
    return list(given or known)


def main(
    out: Annotated[Path, typer.Option(help="The file to make or to complete.")] = ROOT
    / "dlkit/tables/families.csv",
    families: Annotated[
        list[str] | None,
        typer.Option(
            help="Such as LeNet; may be given several times. All, if not given."
        ),
    ] = None,
    frameworks: Annotated[
        list[str] | None, typer.Option(help="torch or mxnet; both, if not given.")
    ] = None,
    seeds: Annotated[
        list[int] | None, typer.Option(help="0 to 4, if not given.")
    ] = None,
    workers: Annotated[
        int, typer.Option(help="Trainings at the same time.", min=1)
    ] = 2,
    lessons: Annotated[Path, typer.Option(help="Where the notebooks are.")] = ROOT
    / "lessons",
) -> None:
    """Train every family, framework and seed that the file does not hold yet."""
    os.environ["OMP_NUM_THREADS"] = "1"  # before anything imports a framework
    console = Console(stderr=True)
    try:
        asked = (
            _check(families or [], list(FAMILIES), "--families"),
            _check(frameworks or [], list(SUFFIXES), "--frameworks"),
        )
        if RATE_SEED in (seeds or []):
            raise ComparisonError(
                f"--seeds {RATE_SEED}: this seed chooses the learning rates and nothing else."
            )
        problems = compare(
            Store.open(out),
            *asked,
            seeds or list(SEEDS),
            lessons=lessons,
            workers=workers,
            console=console,
        )
    except ComparisonError as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(2) from None
    for problem in problems:
        console.print(problem, style="red", markup=False, highlight=False)
    if problems:
        raise typer.Exit(1)
    print(f"{out} is complete.", file=sys.stderr)


if __name__ == "__main__":
    typer.run(main)
