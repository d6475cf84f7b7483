"""Files of results that grow: what is missing is computed, and the same command goes on where it
was stopped.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from dlkit.tables import stored
from experiments import provenance

Key = tuple
"""The first fields of a row, by which it is known."""

WRITE_EVERY = 5.0
"""Seconds."""


def complete(
    path: Path,
    kind: type,
    facts: Mapping[str, str],
    stages: Sequence[Callable[[list], Iterable[Key]]],
    measure: Callable[[Key], Any],
    seconds: float = float("inf"),
) -> bool:
    """Measure what the file does not hold yet, for so many seconds at most. Returns whether all is
    there.

    kind:    a row's dataclass; `measure(key)` returns one that begins with the key.
    facts:   how new rows come about. Rows that came about otherwise are not mixed with them:
             ValueError.
    stages:  each gives the keys that are wanted, from the rows of the stages before it.
    """
    end = time.monotonic() + seconds
    facts, rows = dict(facts), []
    if path.exists():
        known, found = stored.read(path, kind)
        if name := provenance.differing(known, facts):
            was, now = (fact.get(name, "nothing said") for fact in (known, facts))
            raise ValueError(
                f"{path} has another {name}: {was}, now {now}. Delete it to begin anew, or "
                "measure into another file with --out."
            )
        facts, rows = known, found
    wanted: dict[Key, Any] = {}
    with Progress(transient=True) as progress:
        for stage in stages:
            keys = list(stage(list(wanted.values())))
            there = {astuple(row)[: len(keys[0])]: row for row in rows} if keys else {}
            bar, written = (
                progress.add_task("measured", total=len(keys)),
                time.monotonic(),
            )
            for key in keys:
                if key not in there:
                    if time.monotonic() > end:
                        stored.write(path, kind, facts, rows)
                        return False
                    there[key] = measure(key)
                    rows.append(there[key])
                    if time.monotonic() > written + WRITE_EVERY:
                        stored.write(path, kind, facts, rows)
                        written = time.monotonic()
                wanted[key] = there[key]
                progress.advance(bar)
    stored.write(path, kind, facts, wanted.values())
    return True


def command(default: Path, complete: Callable[[Path, float], bool]) -> None:
    """The command line of a script that completes one file; one thread."""

    def main(
        out: Annotated[
            Path, typer.Option(help="The file to make or to complete.")
        ] = default,
        seconds: Annotated[
            float,
            typer.Option(help="Stop after so long; the same command goes on later."),
        ] = float("inf"),
    ) -> None:
        """Measure what the file does not hold yet."""
        os.environ["OMP_NUM_THREADS"] = "1"  # before anything imports a framework
        try:
            done = complete(out, seconds)
        except ValueError as error:
            print(error, file=sys.stderr)
            raise typer.Exit(2) from None
        print(
            f"{out} is {'complete' if done else 'not complete yet: run the same command again'}.",
            file=sys.stderr,
        )

    typer.run(main)
