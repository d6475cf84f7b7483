"""A control group with a limit on memory that Linux itself keeps, at every instant: where whoever
grades may make one. Elsewhere there is the warden's watch alone.

Sources: Linux's Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

PREFIX = "grading-"

BEYOND = 512 * 2**20
"""Bytes that a group may have beyond what the submission may: what a fork of the warm process takes
when it first writes where it shares, and what Linux keeps for processes and files. The watch, which
does not count these, comes first where memory is taken slowly.
"""


@dataclass(frozen=True)
class MemoryGroup:
    """A group of processes, by its folder."""

    folder: Path

    def take_in(self, process: int) -> None:
        """From now on what `process` and its later children take counts for the group."""
        (self.folder / "cgroup.procs").write_text(str(process), encoding="ascii")

    def killed(self) -> bool:
        """Whether Linux has killed one of its processes, because there was no more memory."""
        for name in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(OSError):
                lines = (self.folder / name).read_text(encoding="ascii").splitlines()
                counts = dict(line.split(maxsplit=1) for line in lines)
                return int(counts.get("oom_kill", 0)) > 0
        return False

    def remove(self) -> None:
        """Remove it, if all its processes are gone."""
        with contextlib.suppress(OSError):
            self.folder.rmdir()


@dataclass(frozen=True)
class _Place:
    """Where a group may be made.

    parent:     the folder in which it is one.
    limit_file: takes the limit on memory.
    swap_file:  takes a limit on swap, without which memory would only be moved there. Missing where
                Linux does not count swap for groups.
    swap_counts_memory: whether that limit is one on memory and swap together.
    """

    parent: Path
    limit_file: str
    swap_file: str
    swap_counts_memory: bool

    def make(self, limit: int) -> MemoryGroup:
        """A group of `limit` bytes, named after this process. Raises OSError."""
        folder = self.parent / f"{PREFIX}{os.getpid()}"
        with contextlib.suppress(OSError):
            folder.rmdir()  # of a warden that was killed, and had our number
        folder.mkdir()
        try:
            (folder / self.limit_file).write_text(str(limit), encoding="ascii")
        except OSError:
            folder.rmdir()
            raise
        swap_limit = limit if self.swap_counts_memory else 0
        if (folder / self.swap_file).exists():
            with contextlib.suppress(OSError):
                (folder / self.swap_file).write_text(str(swap_limit), encoding="ascii")
        return MemoryGroup(folder)


def make(limit: int) -> MemoryGroup | None:
    """A group that may have `limit` bytes and `BEYOND`; None where none can be made. Whoever makes
    it removes it.
    """
    place = _place()
    if place is None:
        return None
    _remove_left_behind(place.parent)
    try:
        return place.make(limit + BEYOND)
    except OSError:
        return None


def _place() -> _Place | None:
    """Where this process may make groups: in the first version of control groups below its own one,
    in the second beside it, because there no group has both processes and groups with limits in
    it.
    """
    try:
        text = Path("/proc/self/cgroup").read_text(encoding="utf-8")
    except OSError:
        return None
    own_groups = dict(line.split(":", 2)[1:] for line in text.splitlines())
    if "memory" in own_groups:
        return _Place(
            parent=Path("/sys/fs/cgroup/memory" + own_groups["memory"]),
            limit_file="memory.limit_in_bytes",
            swap_file="memory.memsw.limit_in_bytes",
            swap_counts_memory=True,
        )
    if own_groups.get("", "/") != "/":
        return _Place(
            parent=Path("/sys/fs/cgroup" + own_groups[""]).parent,
            limit_file="memory.max",
            swap_file="memory.swap.max",
            swap_counts_memory=False,
        )
    return None


def _remove_left_behind(parent: Path) -> None:
    """Remove the groups of wardens that were killed."""
    for folder in parent.glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX)
        if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
            with contextlib.suppress(OSError):
                folder.rmdir()
