"""How a module is started as a process of its own, and what is asked about a process that this one
started: how much it has worked, and its last words.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import IO


def start_module(
    module: str,
    descriptor: int,
    log: IO[bytes],
    *,
    folder: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Run `module` as ``python -P -m``, with the number of the open `descriptor`, which it
    inherits, as its only argument; what it says on standard error goes to `log`.

    -P keeps the folder of the notebook, and whatever lies in it, off its import path. In a session
    of its own: an interrupt of this process is not meant for it.
    """
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, str(descriptor)],
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=log,
        cwd=folder,
        env=environment,
        start_new_session=True,
    )


def work_of(process: int) -> Callable[[], float]:
    """A function that says how many seconds of processor time `process`, and its children that
    have ended, have used so far; once it is gone, how many it was last seen to have used, also
    where another process has its number by then.

    Where the machine does not tell (its /proc hides processes, say), the seconds by the clock since
    now count as work: what is unknown must not pass for none.
    """
    began, last = time.monotonic(), 0.0
    measure = _meter(process)

    def worked() -> float:
        nonlocal last
        try:
            seconds = measure()
        except _Unknown:
            seconds = time.monotonic() - began
        last = max(last, seconds)
        return last

    return worked


class _Unknown(Exception):
    """The machine does not tell how much a process has worked."""


def _meter(process: int) -> Callable[[], float]:
    """A function that measures the processor time of `process`; 0 once it is gone. It raises
    `_Unknown`.
    """
    import psutil  # not needed where answers run

    try:
        visible = psutil.Process(process)
    except psutil.Error:
        return lambda: _unknown_or_none(process)

    def measure() -> float:
        try:
            times = visible.cpu_times()
            is_the_same = visible.is_running()
        except psutil.NoSuchProcess:
            return 0.0
        except psutil.Error as error:
            raise _Unknown from error
        if not is_the_same:
            return 0.0
        return times.user + times.system + times.children_user + times.children_system

    return measure


def _unknown_or_none(process: int) -> float:
    """The work of a process that /proc never showed: none where there is no such process."""
    try:
        os.getpgid(process)
    except ProcessLookupError:
        return 0.0
    raise _Unknown


def last_line(log: IO[bytes] | None, most: int = 200) -> str:
    """The last line that says something in what a process wrote to `log`, shortened; "" if there
    is none.
    """
    if log is None:
        return ""
    log.seek(0)
    lines = log.read().decode("utf-8", errors="replace").strip().splitlines()
    return lines[-1][:most] if lines else ""


def as_last_words(line: str) -> str:
    """`line` as the end of a sentence about a process that ended."""
    return f" ({line})" if line else ""
