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


def make(limit: int) -> MemoryGroup | None:
    """A group that may have `limit` bytes and `BEYOND`; None where none can be made. Named after
    this process, which removes it.
    """
    for parent, setting in _places():
        _remove_left_behind(parent)
        folder = parent / f"{PREFIX}{os.getpid()}"
        try:
            folder.mkdir()
            (folder / setting).write_text(str(limit + BEYOND), encoding="ascii")
        except OSError:
            with contextlib.suppress(OSError):
                folder.rmdir()
            continue
        return MemoryGroup(folder)
    return None


def _places() -> list[tuple[Path, str]]:
    """Folders in which a group may be made, and the file there that takes its limit: of the first
    version below this process's own group, of the second beside it, because there no group has
    both processes and groups with limits in it.
    """
    places = []
    with contextlib.suppress(OSError):
        own = dict(
            line.split(":", 2)[1:]
            for line in Path("/proc/self/cgroup")
            .read_text(encoding="utf-8")
            .splitlines()
        )
        if "memory" in own:
            folder = Path("/sys/fs/cgroup/memory" + own["memory"])
            places.append((folder, "memory.limit_in_bytes"))
        elif own.get("", "/") != "/":
            folder = Path("/sys/fs/cgroup" + own[""]).parent
            places.append((folder, "memory.max"))
    return places


def _remove_left_behind(parent: Path) -> None:
    """Remove the groups of wardens that were killed."""
    for folder in parent.glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX)
        if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
            with contextlib.suppress(OSError):
                folder.rmdir()
