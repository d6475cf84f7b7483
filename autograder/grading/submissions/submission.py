"""What a stranger handed in: a folder that may hold anything, read once and with suspicion,
before anything else looks at it.
"""

from __future__ import annotations

import codecs
import glob
import hashlib
import json
import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from autograder.errors import Unfit
from autograder.grading.submissions.cells import claimed_grade_id
from autograder.grading.submissions.hand_in_time import TIMESTAMP, decoded_time
from autograder.grading.submissions.notebook_json import (
    MOST_CELLS,
    too_many_cells,
    without_outputs,
)
from autograder.grading.submissions.submitted_folder import (
    MEGABYTES,
    content,
    digest,
    is_notebook,
    too_large_with,
    visit,
)
from autograder.text import one_line, plain

_PACKED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
_ALMOST = (".ipynb.json", ".ipynb.txt", ".ipynb.html")
_MOST_NAMED = 100  # characters of a list of files in a reason


@dataclass(frozen=True)
class Submission:
    """What a student handed in.

    files:     the content of all files but for the assignment's notebooks, by their path.
    notebooks: the assignment's, by the names that they have in the assignment, without suffix.
    digest:    the fingerprint of everything as it was handed in.
    time:      when, as ``timestamp.txt`` says; None where it says nothing.
    remarks:   what was left out, or taken for something else, a sentence for each.
    """

    files: dict[str, bytes]
    notebooks: dict[str, Any]
    digest: str
    time: datetime | None
    remarks: tuple[str, ...] = ()


def receive(
    folder: Path,
    student: str,
    expected: Mapping[str, Iterable[str]],
    megabytes: float = MEGABYTES,
) -> Submission:
    """The submission in `folder`. Raises `Unfit` for one that cannot be graded, whoever grades it.

    expected: the assignment's notebooks by name without suffix, with their cells' grade ids.
    """
    check_name(student)
    visited = visit(folder, content, megabytes)
    files = visited.files
    digests = {name: _sha256(text) for name, text in files.items()}
    written = files.get(TIMESTAMP)
    time = None if written is None else decoded_time(written)
    remarks = [
        f"{name} was left out: its name cannot be printed" for name in visited.left_out
    ]
    notebooks, taken = _notebooks(files, expected)
    if taken:
        remarks.append(taken)
    others = {name: text for name, text in files.items() if not is_notebook(name)}
    _check_size(others, files, megabytes)
    return Submission(others, notebooks, fingerprint(digests), time, tuple(remarks))


def read(folder: Path, megabytes: float = MEGABYTES) -> dict[str, bytes]:
    """All files of a submission by their path in it, sorted. Raises `Unfit` for what is no ordinary
    folder of ordinary files, or too large.
    """
    return visit(folder, content, megabytes).files


def digests(folder: Path, megabytes: float = MEGABYTES) -> dict[str, str]:
    """The digests of all files of a submission by their path in it; no file is kept in memory.
    Raises `Unfit`.
    """
    return visit(folder, digest, megabytes).files


def fingerprint(digests: Mapping[str, str]) -> str:
    """SHA-256 of the files' names and digests."""
    listed = json.dumps(dict(sorted(digests.items())))
    return _sha256(listed.encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def check_name(student: str) -> None:
    """Raise `Unfit` for an id that nbgrader takes for a pattern, or cannot find."""
    is_pattern = glob.has_magic(student)
    has_margin = student != student.strip()
    if is_pattern or has_margin or not student.isprintable():
        raise Unfit(
            "nbgrader cannot find a student whose id has * ? [, a line break, "
            "or a space at an end: rename the folder"
        )


def _notebooks(
    files: Mapping[str, bytes], expected: Mapping[str, Iterable[str]]
) -> tuple[dict[str, Any], str]:
    """The assignment's notebooks among `files`, by their names in the assignment, and a remark
    about one that has another name here, "" where none has. Raises `Unfit`.
    """
    there = {}
    for expected_name in sorted(expected):
        file = f"{expected_name}.ipynb"
        if file in files:
            there[expected_name] = parse(file, files[file])
    if there:
        return there, ""
    outer = [file for file in files if is_notebook(file) and os.sep not in file]
    if len(outer) != 1:
        raise Unfit(_why_no_notebook(files, sorted(expected)))
    [file] = outer
    notebook = parse(file, files[file])
    name = _assignments_name(notebook, expected)
    if name is None:
        raise Unfit(_why_no_notebook(files, sorted(expected)))
    return {
        name: notebook
    }, f"{file} was taken for {name}.ipynb: it is the only notebook there"


def _assignments_name(
    notebook: Any, expected: Mapping[str, Iterable[str]]
) -> str | None:
    """Which of the assignment's notebooks this one is, by the cells that it has of it; None where
    it has none.
    """
    grade_ids = map(claimed_grade_id, notebook.cells)
    claimed = set(filter(None, grade_ids))
    best, most = None, 0
    for name, ids in expected.items():
        common = len(claimed.intersection(ids))
        if common > most:
            best, most = name, common
    return best


def _why_no_notebook(files: Iterable[str], expected: list[str]) -> str:
    """What is there instead of the notebook, and what to do about it."""
    wanted = " or ".join(f"{name}.ipynb" for name in expected)
    notebooks = [file for file in files if is_notebook(file)]
    outer = [file for file in notebooks if os.sep not in file]
    if outer:
        return f"there is no {wanted} in it, only {_few(outer)}: rename the notebook"
    if notebooks:
        folder = os.path.dirname(notebooks[0])
        return f"the notebook is in the folder {folder}/: move it up"
    endings = (".ipynb", *_ALMOST)
    almost = [file for file in files if file.lower().endswith(endings)]
    if almost:
        return f"{_few(almost[:1])}: rename it to {wanted}"
    packed = [file for file in files if file.lower().endswith(_PACKED)]
    if packed:
        return f"{_few(packed[:1])}: unpack it"
    others = [file for file in files if file != TIMESTAMP]
    only = f", only {_few(others)}" if others else ""
    return f"there is no notebook in the submission{only}: hand in {wanted}"


def _few(files: Iterable[str]) -> str:
    return plain(", ".join(files))[:_MOST_NAMED]


def _check_size(
    others: Mapping[str, bytes], files: Mapping[str, bytes], megabytes: float
) -> None:
    """Raise `Unfit` for a submission that is too large without what its cells once printed."""
    size = sum(map(len, others.values()))
    for name, text in files.items():
        if is_notebook(name):
            size += len(without_outputs(name, text))
        if size > megabytes * 2**20:
            raise Unfit(too_large_with(name, megabytes))


def parse(name: str, content: bytes) -> Any:
    """A notebook in format 4 whose every cell has a known type and text; what is in its outputs
    is never looked at. Raises `Unfit`.
    """
    import nbformat

    raw = _json(name, without_outputs(name, content))
    _check_format(name, raw)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            notebook = nbformat.reads(
                json.dumps(_without_outputs(raw), ensure_ascii=False), as_version=4
            )
    # Whatever nbformat raises, the file is not a notebook that can be graded.
    except Exception as error:
        problem = f"{type(error).__name__}: {one_line(error)}"
        raise Unfit(f"{name} is not a valid notebook ({problem})") from None
    _check_cells(name, notebook)
    return notebook


def _check_format(name: str, raw: Any) -> None:
    problem = _format_problem(raw)
    if problem:
        raise Unfit(f"{name} is not a valid notebook ({problem})")
    if raw["nbformat"] == 4:
        _check_cells(name, raw)


def _check_cells(name: str, notebook: Any) -> None:
    problem = _cells_problem(notebook)
    if problem:
        raise Unfit(f"{name} is not a valid notebook ({problem})")
    if len(notebook["cells"]) > MOST_CELLS:
        raise Unfit(too_many_cells(name))


def _json(name: str, content: bytes) -> Any:
    """What the JSON file of that name says. Raises `Unfit`."""
    try:
        return json.loads(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise Unfit(f"{name} is not UTF-8 text") from None
    except RecursionError:
        raise Unfit(
            f"{name} is not a notebook: invalid JSON (nested too deeply)"
        ) from None
    except ValueError as error:
        if not content.strip():
            raise Unfit(f"{name} is empty") from None
        if content.startswith(codecs.BOM_UTF8):
            raise Unfit(
                f"{name} starts with a byte order mark: save it as plain UTF-8"
            ) from None
        raise Unfit(f"{name} is not a notebook: invalid JSON ({error})") from None


def _format_problem(raw: Any) -> str | None:
    if not isinstance(raw, dict):
        kind = "nothing" if raw is None else type(raw).__name__
        return f"it is JSON, but {kind} instead of an object"
    version = raw.get("nbformat")
    if type(version) is not int:
        return "it does not say its format"
    if not 1 <= version <= 4:
        return f"its format is {version}, and 4 is the newest there is"
    return None


def _cells_problem(notebook: dict[str, Any]) -> str | None:
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        return "it has no list of cells"
    metadata = notebook.get("metadata", {})
    if not isinstance(metadata, dict):
        return f"it has {type(metadata).__name__} for its metadata"
    for number, cell in enumerate(cells, start=1):
        problem = _cell_problem(cell)
        if problem:
            return f"cell {number} {problem}"
    return None


def _cell_problem(cell: Any) -> str | None:
    if not isinstance(cell, dict):
        return "is none of code, markdown and raw"
    if cell.get("cell_type") not in ("code", "markdown", "raw"):
        return "is none of code, markdown and raw"
    source = cell.get("source")
    lines: list = source if isinstance(source, list) else [source]
    if not all(isinstance(line, str) for line in lines):
        return f"has {type(source).__name__} for its source, not text"
    metadata = cell.get("metadata", {})
    if not isinstance(metadata, dict):
        return f"has {type(metadata).__name__} for its metadata"
    text = "".join(lines)
    try:
        text.encode()
    except UnicodeEncodeError:
        return "has half a character in its source, which is no text"
    return None


def _without_outputs(raw: Any) -> Any:
    """The same notebook, of any format, as if it had never been run."""
    sheets = None
    if isinstance(raw, dict):
        sheets = raw.get("worksheets", [raw])
    for sheet in _dictionaries(sheets):
        cells = sheet.get("cells")
        for cell in _dictionaries(cells):
            _drop_outputs(cell)
    return raw


def _drop_outputs(cell: dict[str, Any]) -> None:
    if "outputs" in cell:
        cell["outputs"] = []
    attachments = cell.get("attachments")
    if not isinstance(attachments, dict):
        cell.pop("attachments", None)


def _dictionaries(values: Any) -> list[dict[str, Any]]:
    """Those values of a list that are dictionaries; none of what is no list."""
    if not isinstance(values, list):
        return []
    return [value for value in values if isinstance(value, dict)]
