"""Grades one class by stock nbgrader and by ``course grade``, alternately, and says how much
faster, how far above the floor, and in how much memory.

``make bench``, or ``python -m benchmarks.grading --help`` in the project's folder. The last line
printed is JSON.

- *Stock* is nbgrader without a line of configuration: its kernel, a fresh one for each submission,
  and test cells that ask the same questions in the notebook. They draw the inputs that the judge
  draws for the same student, compute what is expected by the reference, as hidden tests do, compare
  by the same rule, and end in the points, which nbgrader takes for partial credit. To import the
  questions and call the references takes less than a tenth of a second a submission, about one per
  cent of its time; known mistakes are not looked for.
- *Ours* is ``course grade``, which does look for them, behind its walls.
- Every run grades a fresh copy of the course, as a whole command that starts cold: what an earlier
    command left running is ended before.
- In a first round memory is looked at and nothing is timed: looking takes time. It also fills the
    caches of the disk for all alike.
- The *floor* is what the students' own code costs in a warm process (see `benchmarks.floor`).
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.table import Table

from autograder.values import frameworks
from benchmarks.classroom import (
    ASSIGNMENT,
    ROOT,
    Points,
    differences,
    lay_out_ours,
    lay_out_stock,
    points,
    students,
)
from benchmarks.watch import Memory, Ran, TooLong, clean_environment, run
from experiments.provenance import processor, version_of

QUICK = 3
PATIENCE = 120.0
"""Seconds that a command may take for itself and for each submission before it is given up."""


class BenchmarkError(RuntimeError):
    """The benchmark cannot be made; the message says why."""


@dataclass(frozen=True)
class Timing:
    """Seconds of one run: the whole command, and of that starting and ending, and each further
    submission (told from when the graded notebooks were written).
    """

    whole: float
    fixed: float
    further: float


@dataclass
class Contender:
    """A way to grade the class, and what was found out about it. course: what each run gets a
    copy of.
    """

    name: str
    course: Path
    command: list[str]
    workers: int = 1
    timings: list[Timing] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)
    problems: list[str] = field(default_factory=list)

    def median(
        self, of: Callable[[Timing], float] = lambda timing: timing.whole
    ) -> float:
        """The median over the rounds, of the whole command unless said otherwise."""
        return statistics.median(of(timing) for timing in self.timings)


@dataclass
class Floor:
    """What `benchmarks.floor` said, by round: for each submission the seconds of its cells, and
    of the calls of its answers.
    """

    rounds: list[list[tuple[float, float]]] = field(default_factory=list)

    @property
    def by_round(self) -> list[float]:
        """The class's seconds."""
        return [sum(map(sum, submissions)) for submissions in self.rounds]

    @property
    def whole(self) -> float:
        """The median of these."""
        return statistics.median(self.by_round)

    @property
    def in_calls(self) -> float:
        """The part of it in which the checks call the answers."""
        return statistics.median(
            sum(calls for _, calls in submissions) for submissions in self.rounds
        )

    @property
    def range(self) -> tuple[float, float]:
        """The cheapest and the dearest submission."""
        seconds = [
            sum(submission) for submissions in self.rounds for submission in submissions
        ]
        return min(seconds), max(seconds)


@dataclass(frozen=True)
class Bench:
    """One class, laid out in `folder`, and those who grade it."""

    folder: Path
    environment: dict[str, str]
    size: int
    made: Points
    stock: Contender
    one: Contender
    two: Contender
    floor: Floor = field(default_factory=Floor)

    @property
    def contenders(self) -> tuple[Contender, ...]:
        """In the order in which they take turns."""
        return self.stock, self.one, self.two


def main(
    submissions: Annotated[
        int, typer.Option(min=2, help="The size of the class.")
    ] = 48,
    rounds: Annotated[
        int, typer.Option(min=1, help="How many times each of them is timed.")
    ] = 2,
    keep: Annotated[
        Path | None,
        typer.Option(
            help="Keep all courses and outputs in this folder, which must be new or empty."
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help=f"{QUICK} submissions, one round, weighed as it is timed: does it work at all?",
        ),
    ] = False,
) -> None:
    """Grade one class by stock nbgrader and by course grade, alternately, and compare times,
    memory and points.
    """
    if (load := os.getloadavg()[0]) > 0.5:
        print(
            f"bench: the machine is busy (load {load:.1f}): the "
            "times will say less than they could",
            file=sys.stderr,
        )
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
            bench = lay_out(
                _empty(keep) if keep else Path(temporary),
                QUICK if quick else submissions,
            )
            take_turns(bench, 0 if quick else rounds, keep=keep is not None)
    except (BenchmarkError, TooLong) as error:
        print(f"bench: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    show(bench)
    problems = [
        problem for contender in bench.contenders for problem in contender.problems
    ]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(json.dumps(summary(bench)))
    raise typer.Exit(1 if problems else 0)


def lay_out(folder: Path, size: int) -> Bench:
    """Make the class and both courses in `folder`, and release the assignment in each."""
    if missing := [
        name for name in ("torch", "mxnet") if not frameworks.available(name)
    ]:
        raise BenchmarkError(
            f"the class answers in both frameworks, and {' and '.join(missing)} cannot be "
            "imported here: see `course doctor`"
        )
    environment = clean_environment(folder / "home")
    members = students(size)
    stock, ours = folder / "stock", folder / "ours"
    lay_out_stock(stock, members)
    made = lay_out_ours(ours, members)
    for course in (stock, ours):
        _must(
            run(
                ["nbgrader", "generate_assignment", ASSIGNMENT],
                course,
                environment,
                limit=PATIENCE,
            )
        )
    grade = ["course", "grade", ".", ASSIGNMENT]
    has_workers = (
        "--workers"
        in run(["course", "grade", "--help"], ours, environment, limit=PATIENCE).output
    )

    def with_workers(number: int) -> list[str]:
        return [*grade, "--workers", str(number), "--regrade"] if has_workers else grade

    return Bench(
        folder,
        environment,
        size,
        made,
        Contender("stock nbgrader", stock, ["nbgrader", "autograde", ASSIGNMENT]),
        Contender("course grade, one worker", ours, with_workers(1)),
        Contender("course grade, two workers", ours, with_workers(2), workers=2),
    )


def take_turns(bench: Bench, rounds: int, *, keep: bool) -> None:
    """One round to weigh, then `rounds` to time; with none of these, the first one's times must
    do.
    """
    for number in range(rounds + 1):
        for contender in bench.contenders:
            _grade(bench, contender, number, timed=number > 0 or not rounds, keep=keep)
        if number > 0 or not rounds:
            bench.floor.rounds.append(_floor(bench))


def _grade(
    bench: Bench, contender: Contender, number: int, *, timed: bool, keep: bool
) -> None:
    folder = (
        bench.folder / f"{contender.name.replace(', ', ' ').replace(' ', '-')}-{number}"
    )
    shutil.copytree(contender.course, folder)
    ran = run(
        contender.command,
        folder,
        bench.environment,
        limit=PATIENCE * (bench.size + 1),
        weigh=number == 0,
    )
    _must(ran)
    said = f"round {number}, {contender.name}: {ran.seconds:.1f} s"
    if ran.memory:
        contender.memory = ran.memory
        said += f", {ran.memory.shared_once:.0f} MB"
    if timed:
        contender.timings.append(_timing(ran, folder, contender.workers))
    if ran.left:
        said += f"; {ran.left} processes outlived the command, and were ended"
    print(said, file=sys.stderr)
    found = differences(bench.made, points(folder), contender.name)
    contender.problems += [
        problem for problem in found if problem not in contender.problems
    ]
    if not keep:
        shutil.rmtree(folder)


def _timing(ran: Ran, folder: Path, workers: int) -> Timing:
    finished = sorted(
        path.stat().st_mtime - ran.began
        for path in folder.glob(f"autograded/*/{ASSIGNMENT}/{ASSIGNMENT}.ipynb")
    )
    if len(finished) < 2 or finished[0] < 0 or finished[-1] > ran.seconds + 1:
        raise BenchmarkError(
            f"the notebooks in {folder / 'autograded'} do not say when they were graded"
        )
    # so many are the first ones, done at about the same time
    first = min(workers, len(finished) - 1)
    further = (finished[-1] - finished[first - 1]) / (len(finished) - first)
    return Timing(ran.seconds, ran.seconds - len(finished) * further, further)


def _floor(bench: Bench) -> list[tuple[float, float]]:
    notebooks = sorted(
        bench.one.course.glob(f"submitted/*/{ASSIGNMENT}/{ASSIGNMENT}.ipynb")
    )
    environment = bench.environment | {
        "MXNET_ENGINE_TYPE": "NaiveEngine",
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
    }
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(ROOT), environment.get("PYTHONPATH")])
    )
    command = [sys.executable, "-m", "benchmarks.floor", *map(str, notebooks)]
    ran = run(command, bench.folder, environment, limit=PATIENCE * (bench.size + 1))
    _must(ran)
    return [(cells, calls) for cells, calls in json.loads(ran.output.splitlines()[-1])]


def _must(ran: Ran) -> None:
    if ran.code:
        raise BenchmarkError(
            f"a command failed with exit code {ran.code}, and ended with:\n"
            + "\n".join(ran.output.splitlines()[-12:])
        )


def _empty(folder: Path) -> Path:
    if folder.exists() and any(folder.iterdir()):
        raise BenchmarkError(f"{folder} is not empty: name an empty or a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def summary(bench: Bench) -> dict[str, float | int | bool]:
    """The last line: whole commands, medians over the rounds."""
    whole = bench.stock.median()
    return {
        "speedup_one_worker": round(whole / bench.one.median(), 2),
        "speedup_two_workers": round(whole / bench.two.median(), 2),
        "over_warm_floor": round(bench.one.median() / bench.floor.whole, 2),
        "resident_mb_one": round(bench.one.memory.shared_once, 1),
        "resident_mb_two": round(bench.two.memory.shared_once, 1),
        "submissions": bench.size,
        "verdicts_equal": not any(contender.problems for contender in bench.contenders),
    }


def show(bench: Bench) -> None:
    """Print the tables and what they mean."""
    console = Console(width=None if sys.stdout.isatty() else 150, highlight=False)
    console.print(_machine(), style="dim")
    console.print(_times(bench), _memories(bench))
    each, further = bench.one.median(), bench.one.median(lambda timing: timing.further)
    floor, (least, most) = bench.floor.whole, bench.floor.range
    console.print(
        f"The floor is the students' own code in a warm process: {floor:.2f} s for the class, "
        f"{floor / bench.size:.3f} s a submission "
        f"(from {least:.2f} to {most:.2f}), {bench.floor.in_calls / bench.size:.3f} of it in the "
        "calls that the checks make, the rest in the cells.\n"
        f"Above it, with one worker: {each / floor:.2f} times for the whole command "
        "(`over_warm_floor`, the start included), "
        f"{further / (floor / bench.size):.2f} times for each further submission.\n"
        "For a class of n: start and end + n times each further one."
    )
    if "--workers" not in bench.one.command:
        console.print(
            "This `course grade` has no --workers yet: both lines are one after another."
        )


def _times(bench: Bench) -> Table:
    table = Table(
        title=f"{bench.size} submissions in PyTorch and Gluon: whole commands, seconds",
        title_justify="left",
    )
    table.add_column("")
    for name in (
        "rounds",
        "median",
        "a submission",
        "times faster",
        "start and end",
        "each further one",
        "times faster",
    ):
        table.add_column(name, justify="right")
    stock = bench.stock
    for contender in bench.contenders:
        further, fixed = (
            contender.median(lambda timing: timing.further),
            contender.median(lambda timing: timing.fixed),
        )
        table.add_row(
            contender.name,
            " ".join(f"{timing.whole:.1f}" for timing in contender.timings),
            f"{contender.median():.1f}",
            f"{contender.median() / bench.size:.2f}",
            f"{stock.median() / contender.median():.1f}",
            f"{fixed:.1f}",
            f"{further:.2f}",
            f"{stock.median(lambda timing: timing.further) / further:.1f}",
        )
    rounds = " ".join(f"{seconds:.1f}" for seconds in bench.floor.by_round)
    table.add_row(
        "the floor",
        rounds,
        f"{bench.floor.whole:.1f}",
        f"{bench.floor.whole / bench.size:.2f}",
        "",
        "",
        "",
        "",
    )
    return table


def _memories(bench: Bench) -> Table:
    table = Table(
        title="Memory: the largest total of the command and all that it started, MB",
        title_justify="left",
    )
    table.add_column("")
    table.add_column("shared pages once (PSS)", justify="right")
    table.add_column("in each process (RSS)", justify="right")
    for contender in bench.contenders:
        table.add_row(
            contender.name,
            f"{contender.memory.shared_once:.0f}",
            f"{contender.memory.summed:.0f}",
        )
    return table


def _machine() -> str:
    packages = ", ".join(
        f"{name} {version_of(name)}"
        for name in ("torch", "mxnet", "nbgrader", "ipykernel")
    )
    memory = psutil.virtual_memory().total / 1e9
    return (
        f"{os.cpu_count()} cores ({processor()}), {memory:.0f} GB, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, {packages}"
    )


if __name__ == "__main__":
    typer.run(main)
