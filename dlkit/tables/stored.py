"""Measured results that are kept: a CSV whose first lines, ``# name: value``, say how it came
about.
"""

from __future__ import annotations

import csv
import functools
import io
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row = TypeVar("Row", bound="DataclassInstance")


@dataclass(frozen=True)
class Table(Generic[Row]):
    """A table that comes with this package.

    name: of its CSV, beside this module
    kind: the dataclass that a row is made into
    """

    name: str
    kind: type[Row]

    def rows(self) -> list[Row]:
        """What was measured and stored."""
        return list(_read_shipped(self.name, self.kind)[1])

    def provenance(self) -> dict[str, str]:
        """How the rows came about: command, versions, processor, date, and what else the table
        says of itself.
        """
        return dict(_read_shipped(self.name, self.kind)[0])


@functools.cache
def _read_shipped(name: str, kind: type[Row]) -> tuple[dict[str, str], list[Row]]:
    """A lesson asks for the same rows again and again, some of them thousands."""
    with as_file(files("dlkit.tables").joinpath(name)) as path:
        return read(path, kind)


def read(path: Path, kind: type[Row]) -> tuple[dict[str, str], list[Row]]:
    """(facts, rows) of a file that `write` made: how it came about, and its lines as instances
    of `kind`, a dataclass of str, int and float.
    """
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    head = list(itertools.takewhile(lambda line: line.startswith("# "), lines))
    facts = dict(line.removeprefix("# ").rstrip("\n").split(": ", 1) for line in head)
    converters = get_type_hints(kind)
    rows = []
    for texts in csv.DictReader(lines[len(head) :]):
        values = {name: converters[name](text) for name, text in texts.items()}
        rows.append(kind(**values))
    return facts, rows


def write(
    path: Path, kind: type[Row], facts: Mapping[str, str], rows: Iterable[Row]
) -> None:
    """Lines ``# name: value``, then a CSV with a column for each field of `kind`, sorted. The
    file is never half written. Raises ValueError for a fact of more lines.
    """
    for name, value in facts.items():
        if "\n" in name + value or ": " in name:
            raise ValueError(f"the fact {name!r} does not fit on one line of its own")
    text = io.StringIO()
    text.writelines(f"# {name}: {value}\n" for name, value in facts.items())
    table = csv.writer(text, lineterminator="\n")
    table.writerow(kind.__annotations__)
    table.writerows(sorted(astuple(row) for row in rows))
    partial = path.with_suffix(".part")
    partial.write_text(text.getvalue(), encoding="utf-8")
    partial.replace(path)
