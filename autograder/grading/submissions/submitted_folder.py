"""A stranger's folder, read once: by descriptors, without following links, and never more than may
be there. Every error on the way is the submission's, and nobody else's.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

from autograder.errors import Unfit
from autograder.grading.submissions.hand_in_time import TIMESTAMP
from autograder.text import plain

MEGABYTES = 50
"""The most that a submission may hold, all files together, where nothing else is said; what cells
once printed does not count.
"""

WITH_OUTPUTS = 4
"""How many times as large a submission's notebooks may be with what their cells once printed."""

MOST_FILES = 1000
MOST_ENTRIES = 5000
"""Files and folders together, before any is opened."""

MOST_DEPTH = 16
MOST_PATH = 1000
"""Bytes of a file's path in the submission: it is put below other folders, and no path is longer
than some thousand bytes.
"""

NOT_HANDED_IN = {
    ".git",
    ".hg",
    ".svn",
    ".ipynb_checkpoints",
    ".venv",
    ".DS_Store",
    "__MACOSX",
    "__pycache__",
    "Thumbs.db",
}
"""What version control, notebook servers and file managers leave: nobody has handed it in."""

_BLOCK = 2**20
_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_OPEN_FILE = _OPEN | getattr(os, "O_NONBLOCK", 0)  # a pipe is not waited for
_OPEN_FOLDER = _OPEN | getattr(os, "O_DIRECTORY", 0)

T = TypeVar("T")


@dataclass(frozen=True)
class Visited(Generic[T]):
    """What was made of each file, by its path in the folder, sorted.

    left_out: files and folders that no name can be said of; nobody looks at them.
    """

    files: dict[str, T]
    left_out: tuple[str, ...]


def visit(
    folder: Path, take: Callable[[BinaryIO], T], megabytes: float = MEGABYTES
) -> Visited[T]:
    """`take` of each file of a submission. Raises `Unfit` for what is no ordinary folder of
    ordinary files, or too large.

    Links are not followed, pipes and devices not opened, and a file that has another name on the
    disk is refused: whoever copies such a folder would copy what its owner was never given.
    """
    visit_ = _Visit(take, megabytes)
    student = _open_top(folder.parent, "student's")
    try:
        assignment = _open_top(folder, "assignment's", student)
        try:
            visit_.folder(assignment, "", 0)
        finally:
            os.close(assignment)
    finally:
        os.close(student)
    return Visited(dict(sorted(visit_.files.items())), tuple(visit_.left_out))


class _Visit(Generic[T]):
    """One walk through a folder, and what it has counted so far."""

    def __init__(self, take: Callable[[BinaryIO], T], megabytes: float):
        self.files: dict[str, T] = {}
        self.left_out: list[str] = []
        self._take = take
        self._megabytes = megabytes
        self._entries = 0
        self._bytes = self._bytes_of_notebooks = 0

    def folder(self, descriptor: int, prefix: str, depth: int) -> None:
        """Visit what lies in an open folder, whose path is `prefix`."""
        if depth > MOST_DEPTH:
            raise Unfit(
                f"{plain(prefix)} lies too deep: hand in a folder with fewer levels"
            )
        for entry in self._names(descriptor, prefix):
            name = prefix + entry
            if entry in NOT_HANDED_IN:
                continue
            if not entry.isprintable():
                self.left_out.append(plain(name))
                continue
            _check_path(name)
            with _errors_of(name):
                mode = os.stat(entry, dir_fd=descriptor, follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode) and not _stands_for_a_file(name):
                with _errors_of(name):
                    inner = os.open(entry, _OPEN_FOLDER, dir_fd=descriptor)
                try:
                    self.folder(inner, f"{name}{os.sep}", depth + 1)
                finally:
                    os.close(inner)
            else:
                self._file(descriptor, entry, name, mode)

    def _names(self, descriptor: int, prefix: str) -> list[str]:
        """What lies in an open folder; no more of it is listed than may be there."""
        with _errors_of(prefix or "."), os.scandir(descriptor) as entries:
            few = list(itertools.islice(entries, MOST_ENTRIES + 1 - self._entries))
        self._entries += len(few)
        if self._entries > MOST_ENTRIES:
            raise Unfit(
                f"it holds more than {MOST_ENTRIES} files and folders: hand in the notebook and "
                "what it needs"
            )
        return sorted(entry.name for entry in few)

    def _file(self, descriptor: int, entry: str, name: str, mode: int) -> None:
        if not stat.S_ISREG(mode):
            raise Unfit(_not_a_file(name, mode))
        if len(self.files) == MOST_FILES:
            raise Unfit(
                f"it holds more than {MOST_FILES} files: hand in the notebook and what it needs"
            )
        with _errors_of(name):
            opened = os.open(entry, _OPEN_FILE, dir_fd=descriptor)
            with os.fdopen(opened, "rb") as file:
                self._check(name, os.fstat(opened))
                self.files[name] = self._take(file)

    def _check(self, name: str, status: os.stat_result) -> None:
        """Raise `Unfit` for an open file that is not to be read."""
        shown = plain(name)
        if not stat.S_ISREG(status.st_mode):
            raise Unfit(_not_a_file(name, status.st_mode))
        if status.st_nlink > 1:
            raise Unfit(
                f"{shown} has more than one name on this disk (a hard link): hand in a copy"
            )
        most = self._megabytes * 2**20
        if is_notebook(name):
            self._bytes_of_notebooks += status.st_size
            too_large = self._bytes_of_notebooks > WITH_OUTPUTS * most
        else:
            self._bytes += status.st_size
            too_large = self._bytes > most
        if too_large:
            raise Unfit(too_large_with(name, self._megabytes))


def is_notebook(name: str) -> bool:
    """Whether the file of that path is called as a notebook."""
    return name.endswith(".ipynb")


def too_large_with(name: str, megabytes: float) -> str:
    """That a submission is too large, with its file of that path."""
    return (
        f"it is larger than {megabytes:g} MB (with {plain(name)}): hand in less, or raise "
        "c.CourseCells.max_megabytes"
    )


def content(file: BinaryIO) -> bytes:
    """All of an open file, as long as it was when it was opened: it may be growing."""
    return b"".join(_blocks(file))


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    left = os.fstat(file.fileno()).st_size
    while left > 0:
        block = file.read(min(left, _BLOCK))
        if not block:
            return
        left -= len(block)
        yield block


def digest(file: BinaryIO) -> str:
    """SHA-256 of an open file, of which no more than a block is in memory."""
    found = hashlib.sha256()
    for block in _blocks(file):
        found.update(block)
    return found.hexdigest()


def _stands_for_a_file(name: str) -> bool:
    """Whether a folder of that path is in the place of a file that is looked for."""
    return is_notebook(name) or name == TIMESTAMP


def _not_a_file(name: str, mode: int) -> str:
    if name == TIMESTAMP and stat.S_ISDIR(mode):
        return f"{TIMESTAMP} is a folder: remove it, or hand in a file with the date"
    return f"{plain(name)} is not a file but {_kind(mode)}: hand in the file itself"


def _check_path(name: str) -> None:
    if len(os.fsencode(name)) > MOST_PATH:
        raise Unfit(f"{plain(name)[:100]}... has too long a name: shorten it")


def _open_top(path: Path, whose: str, parent: int | None = None) -> int:
    """Open the student's or the assignment's folder, in the open folder `parent`."""
    with _errors_of(f"the {whose} folder"):
        name = path if parent is None else path.name
        mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
        if not stat.S_ISDIR(mode):
            raise Unfit(
                f"the {whose} folder is {_kind(mode)}: hand in a folder with the files themselves"
            )
        return os.open(name, _OPEN_FOLDER, dir_fd=parent)


@contextlib.contextmanager
def _errors_of(name: str) -> Iterator[None]:
    """An error of the operating system inside the block is told as the submission's."""
    try:
        yield
    except OSError as error:
        raise Unfit(f"{plain(name)} cannot be read: {error.strerror}") from None


def _kind(mode: int) -> str:
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
