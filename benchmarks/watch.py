"""Runs a command as a user does, from a cold start, and says how long it took and how much
memory all its processes took together.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

MB = 1e6
EVERY = 0.2
"""Seconds from one look at the memory to the next."""

_BECOME_SUBREAPER = 36  # prctl's PR_SET_CHILD_SUBREAPER


@dataclass(frozen=True)
class Memory:
    """The largest totals seen, in MB. shared_once: pages that several processes share count once
    (PSS); summed: in each of them (RSS).
    """

    shared_once: float = 0.0
    summed: float = 0.0


@dataclass(frozen=True)
class Ran:
    """One run of a command.

    began: the clock (`time.time`) at its start. left: how many processes outlived it (they were
        ended). memory: None where nobody looked.
    """

    code: int
    seconds: float
    began: float
    output: str
    left: int = 0
    memory: Memory | None = None


class TooLong(RuntimeError):
    """A command did not end in the time that it may take."""


def run(
    command: list[str],
    folder: Path,
    environment: dict[str, str],
    *,
    limit: float,
    weigh: bool = False,
) -> Ran:
    """Run `command` in `folder`. To look at the memory takes time of its own, so a run that is
    weighed is no run to time.
    """
    _adopt_orphans()
    log = folder / "output.log"
    with log.open("wb") as stream, _ended_afterwards() as left:
        began, start = time.time(), time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        with _scales(process.pid, weigh) as memory:
            try:
                code = process.wait(limit)
            except subprocess.TimeoutExpired:
                raise TooLong(
                    f"`{' '.join(command)}` was not done after {limit:g} seconds: with --keep, "
                    f"{log.name} in its folder says how far it came"
                ) from None
        seconds = time.perf_counter() - start
    return Ran(
        code,
        seconds,
        began,
        log.read_text(encoding="utf-8", errors="replace"),
        len(left),
        memory[-1] if memory else None,
    )


def _adopt_orphans() -> None:
    """What a command leaves running becomes this process's child, so that it is found: the next
    run must start cold.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_BECOME_SUBREAPER, 1, 0, 0, 0)


@contextlib.contextmanager
def _ended_afterwards(patience: float = 1.0) -> Iterator[list[psutil.Process]]:
    """Afterwards, whatever was started inside the block is gone; the list then holds what had to
    be ended.
    """
    before = {child.pid for child in psutil.Process().children()}
    left: list[psutil.Process] = []
    try:
        yield left
    finally:
        started = [
            child
            for child in psutil.Process().children(recursive=True)
            if child.pid not in before
        ]
        _, alive = psutil.wait_procs(started, timeout=patience)
        left += alive
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(alive, timeout=patience)


@contextlib.contextmanager
def _scales(pid: int, weigh: bool) -> Iterator[list[Memory]]:
    """Look at the memory of the process `pid` and all that it started until the block ends; the
    list then holds the largest totals.
    """
    largest: list[Memory] = []
    if not weigh:
        yield largest
        return
    done = threading.Event()

    def look() -> None:
        most = Memory()
        while True:
            now = _total()
            most = Memory(
                max(most.shared_once, now.shared_once), max(most.summed, now.summed)
            )
            if done.wait(EVERY):
                largest.append(most)
                return

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield largest
    finally:
        done.set()
        watcher.join()


def _total() -> Memory:
    """Of everything that this process has started."""
    sizes = [
        size
        for process in psutil.Process().children(recursive=True)
        if (size := _size(process.pid))
    ]
    return Memory(
        sum(size.shared_once for size in sizes), sum(size.summed for size in sizes)
    )


def _size(pid: int) -> Memory | None:
    """A process's memory; where its shares cannot be read, all that it has counts as its own.
    None where it is gone.
    """
    try:
        lines = (
            Path(f"/proc/{pid}/smaps_rollup")
            .read_text(encoding="ascii")
            .splitlines()[1:]
        )
        sizes = {line.split()[0]: int(line.split()[1]) * 1024 / MB for line in lines}
        return Memory(sizes["Pss:"], sizes["Rss:"])
    except (OSError, LookupError):
        with contextlib.suppress(psutil.Error):
            whole = psutil.Process(pid).memory_info().rss / MB
            return Memory(whole, whole)
        return None


def clean_environment(scratch: Path) -> dict[str, str]:
    """This process's environment as on a machine with nothing set up: no user's configuration,
    no log of a learner's, this Python's scripts first on the PATH.
    """
    ours = ("AUTOGRADER_", "COURSE_", "JUPYTER_", "IPYTHON", "MXNET_", "OMP_", "MKL_")
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(ours)
    }
    folders = {
        "JUPYTER_CONFIG_DIR": "jupyter",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
    }
    return (
        kept
        | {name: str(scratch / folder) for name, folder in folders.items()}
        | {
            "COURSE_PROGRESS": str(scratch / "progress.jsonl"),
            "PATH": os.pathsep.join(
                [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
            ),
        }
    )
