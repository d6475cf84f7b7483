"""Measured results that are kept: a CSV whose first lines, ``# name: value``, say how it came
about.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row = TypeVar("Row", bound="DataclassInstance")


def read(path: Path, kind: type[Row]) -> tuple[dict[str, str], list[Row]]:
    """(facts, rows) of a file that `write` made: how it came about, and its lines as instances
    of `kind`, a dataclass of str, int and float.
    """
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    head = list(itertools.takewhile(lambda line: line.startswith("# "), lines))
    facts = dict(line.removeprefix("# ").rstrip("\n").split(": ", 1) for line in head)
    kinds = get_type_hints(kind)
    table = csv.DictReader(lines[len(head) :])
    return facts, [
        kind(**{name: kinds[name](value) for name, value in row.items()}) for row in table
    ]


def read_shipped(name: str, kind: type[Row]) -> tuple[dict[str, str], list[Row]]:
    """The same of the file `name` that comes with this package."""
    with as_file(files("dlkit.tables").joinpath(name)) as path:
        return read(path, kind)


def write(path: Path, kind: type[Row], facts: Mapping[str, str], rows: Iterable[Row]) -> None:
    """Lines ``# name: value``, then a CSV with a column for each field of `kind`, sorted. The
    file is never half written. Raises ValueError for a fact of more lines.
    """
    if broken := next(
        (name for name, value in facts.items() if "\n" in f"{name}{value}" or ": " in name), None
    ):
        raise ValueError(f"the fact {broken!r} does not fit on one line of its own")
    text = io.StringIO()
    text.writelines(f"# {name}: {value}\n" for name, value in facts.items())
    table = csv.writer(text, lineterminator="\n")
    table.writerow(kind.__annotations__)
    table.writerows(sorted(astuple(row) for row in rows))
    beside = path.with_suffix(".part")
    beside.write_text(text.getvalue(), encoding="utf-8")
    beside.replace(path)
