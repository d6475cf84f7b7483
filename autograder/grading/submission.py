"""What a stranger handed in: a folder that may hold anything, read once and with suspicion,
before anything else looks at it.
"""

from __future__ import annotations

import codecs
import glob
import hashlib
import json
import os
import stat
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.errors import Unfit
from autograder.text import one_line, plain

MEGABYTES = 50
"""The most that a submission may hold, all files together, where nothing else is said."""

MOST_FILES = 1000


@dataclass(frozen=True)
class Submission:
    """What a student handed in: the content of all files by their path, and the assignment's
    notebooks among them by name without suffix.
    """

    files: dict[str, bytes]
    notebooks: dict[str, Any]


def receive(
    folder: Path, student: str, expected: list[str], megabytes: float = MEGABYTES
) -> Submission:
    """The submission in `folder`, of which notebooks of these names are expected. Raises `Unfit`
    for one that cannot be graded, whoever grades it.
    """
    check_name(student)
    files = read(folder, megabytes)
    parsed = notebooks(files, expected)
    return Submission(files, parsed)


def read(folder: Path, megabytes: float = MEGABYTES) -> dict[str, bytes]:
    """All files of a submission by their path in it, sorted. Raises `Unfit` for what is no ordinary
    folder of ordinary files, or too large.

    Links are not followed, pipes and devices not opened: whoever copies such a folder would copy
    what its owner was never given.
    """
    _check_folder(folder.parent, "student's")
    _check_folder(folder, "assignment's")
    most = megabytes * 2**20
    prefix = f"{folder}{os.sep}"
    files: dict[str, bytes] = {}
    size = 0
    for entry in _walk(folder):
        name = entry.path.removeprefix(prefix)
        shown = plain(name)
        _check_entry(entry, name)
        status = entry.stat(follow_symlinks=False)
        size += status.st_size
        if size > most:
            raise Unfit(
                f"it is larger than {megabytes:g} MB (with {shown}): hand in less, or raise "
                "c.CourseCells.max_megabytes"
            )
        if len(files) == MOST_FILES:
            raise Unfit(
                f"it holds more than {MOST_FILES} files: hand in the notebook and what it needs"
            )
        files[name] = _content(entry.path, shown, size)
    _check_time(files.get("timestamp.txt"))
    return dict(sorted(files.items()))


def _check_folder(path: Path, whose: str) -> None:
    status = _status(path, f"the {whose} folder")
    if not stat.S_ISDIR(status.st_mode):
        kind = _kind(path)
        raise Unfit(f"the {whose} folder is {kind}: hand in a folder with the files themselves")


def _walk(top: Path) -> Iterator[os.DirEntry]:
    """All entries below a folder but for the folders between; one that is called like a notebook
    is an entry, too.
    """
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        for entry in _entries(folder, top):
            is_notebook = entry.name.endswith(".ipynb")
            if entry.is_dir(follow_symlinks=False) and not is_notebook:
                waiting.append(Path(entry.path))
            else:
                yield entry


def _check_entry(entry: os.DirEntry, name: str) -> None:
    shown = plain(name)
    if not entry.is_file(follow_symlinks=False):
        path = Path(entry.path)
        kind = _kind(path)
        raise Unfit(f"{shown} is not a file but {kind}: hand in the file itself")
    if not name.isprintable():
        raise Unfit(f"{shown} has a name that cannot be printed: rename the file")


def _check_time(content: bytes | None) -> None:
    """nbgrader gives up on the whole course where ``timestamp.txt`` is no time."""
    from nbgrader.utils import parse_utc

    if content is None:
        return
    try:
        text = content.decode("utf-8").strip()
        if text:
            parse_utc(text)
    except (ValueError, OverflowError):
        raise Unfit(
            "timestamp.txt holds no date: remove it, or write one such as 2026-01-31 23:59:00 UTC"
        ) from None


def check_name(student: str) -> None:
    """Raise `Unfit` for an id that nbgrader takes for a pattern, or cannot find."""
    is_pattern = glob.has_magic(student)
    has_margin = student != student.strip()
    if is_pattern or has_margin or not student.isprintable():
        raise Unfit(
            "nbgrader cannot find a student whose id has * ? [, a line break, "
            "or a space at an end: rename the folder"
        )


def fingerprint(files: dict[str, bytes]) -> str:
    """SHA-256 of the files' names and contents."""
    digests = {}
    for name in sorted(files):
        digests[name] = _sha256(files[name])
    listed = json.dumps(digests)
    return _sha256(listed.encode())


def _sha256(content: bytes) -> str:
    digest = hashlib.sha256(content)
    return digest.hexdigest()


def notebooks(files: dict[str, bytes], expected: list[str]) -> dict[str, Any]:
    """The notebooks among `files` that the assignment has, by name without suffix, in format 4,
    outputs dropped. Raises `Unfit`.
    """
    parsed = {}
    for name in sorted(expected):
        file = f"{name}.ipynb"
        if file in files:
            parsed[name] = parse(file, files[file])
    if not parsed:
        raise Unfit(_why_no_notebook(files, expected))
    return parsed


def _why_no_notebook(files: Iterable[str], expected: list[str]) -> str:
    others = [file for file in files if _is_outer_notebook(file)]
    if not others:
        return "there is no notebook in the submission"
    wanted = [f"{name}.ipynb" for name in expected]
    alternatives = " or ".join(wanted)
    listed = ", ".join(others)[:100]
    return f"there is no {alternatives} in it, only {listed}: rename the notebook"


def _is_outer_notebook(file: str) -> bool:
    """Whether a notebook of that path lies in the submission's folder itself."""
    if os.sep in file:
        return False
    return file.endswith(".ipynb")


def parse(name: str, content: bytes) -> Any:
    """A notebook in format 4 whose every cell has a known type and text; what is in its outputs
    is never looked at. Raises `Unfit`.
    """
    import nbformat

    raw = _json(name, content)
    problem = _format_problem(raw)
    if problem:
        raise Unfit(f"{name} is not a valid notebook ({problem})")
    try:
        without_outputs = json.dumps(_without_outputs(raw))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            notebook = nbformat.reads(without_outputs, as_version=4)
    # Whatever nbformat raises, the file is not a notebook that can be graded.
    except Exception as error:
        problem = f"{type(error).__name__}: {one_line(error)}"
        raise Unfit(f"{name} is not a valid notebook ({problem})") from None
    problem = _cells_problem(notebook)
    if problem:
        raise Unfit(f"{name} is not a valid notebook ({problem})")
    return notebook


def _json(name: str, content: bytes) -> Any:
    """What the JSON file of that name says. Raises `Unfit`."""
    try:
        return json.loads(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise Unfit(f"{name} is not UTF-8 text") from None
    except RecursionError:
        raise Unfit(f"{name} is not a notebook: invalid JSON (nested too deeply)") from None
    except ValueError as error:
        if not content.strip():
            raise Unfit(f"{name} is empty") from None
        if content.startswith(codecs.BOM_UTF8):
            raise Unfit(f"{name} starts with a byte order mark: save it as plain UTF-8") from None
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
    if version < 4:
        return None
    return _cells_problem(raw)


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


def _entries(folder: Path, top: Path) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        shown = plain(os.path.relpath(folder, top))
        raise Unfit(f"{shown} cannot be read: {error.strerror}") from None


def _content(path: str, shown: str, most: int) -> bytes:
    try:
        # A link is not followed, and a pipe is not waited for.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Unfit(f"{shown} is not a file: hand in the file itself")
            return file.read(most)
    except OSError as error:
        raise Unfit(f"{shown} cannot be read: {error.strerror}") from None


def _status(path: Path, what: str) -> os.stat_result:
    try:
        return path.lstat()
    except OSError as error:
        raise Unfit(f"{what} cannot be read: {error.strerror}") from None


def _kind(path: Path) -> str:
    mode = path.lstat().st_mode
    kinds = {
        stat.S_ISLNK: "a link",
        stat.S_ISDIR: "a folder",
        stat.S_ISFIFO: "a pipe",
        stat.S_ISSOCK: "a socket",
        stat.S_ISBLK: "a device",
        stat.S_ISCHR: "a device",
    }
    for is_of_kind, kind in kinds.items():
        if is_of_kind(mode):
            return kind
    return "a file"
