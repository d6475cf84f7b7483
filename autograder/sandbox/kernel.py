"""The inside of a walled kernel: an ordinary ipykernel in a bare environment, whose output is
cut off where it arises.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.sandbox import notebook_shell, wall
from autograder.values.frameworks import ONE_THREAD

LANGUAGE = "C.UTF-8"
_DISPLAYS = ("display_data", "update_display_data", "execute_result")
_LONGEST_LINE = 4000  # characters of a line of an error
_MOST_LINES = 40  # of a traceback


ENDLESS = 100
"""How many times its limit a cell may print and display before it is ended: a loop without end
would go on until its time is over.
"""


class OutputLimit(RuntimeError):
    """What a cell printed or displayed has no end."""


def environment(judge: int) -> dict[str, str]:
    """The whole environment of a walled kernel. `judge` is the descriptor of the channel to the
    judge.
    """
    return {
        "PATH": f"{os.path.dirname(sys.executable)}:/usr/bin:/bin",
        "HOME": wall.SCRATCH,
        "TMPDIR": wall.SCRATCH,
        "IPYTHONDIR": f"{wall.SCRATCH}/.ipython",
        "LANG": LANGUAGE,
        "PYTHONDONTWRITEBYTECODE": "1",
        "AUTOGRADER_FD": str(judge),
        **ONE_THREAD,
    }


def _become_a_kernel(judge: int) -> None:
    """Forget what this process was started with; keep the line to the judge."""
    os.environ.clear()
    os.environ.update(environment(judge))
    os.set_inheritable(judge, True)
    sys.argv = ["kernel"]
    own_folder = ("", ".", wall.HOME)
    sys.path[:] = [path for path in sys.path if path not in own_folder]
    signal.signal(signal.SIGINT, signal.default_int_handler)


def run_kernel(connection: dict[str, Any], judge: int, limits: wall.Limits) -> None:
    """Serve as the kernel of `connection` (Jupyter's connection information) until killed."""
    from ipykernel.kernelapp import IPKernelApp
    from traitlets.config import Config

    class App(IPKernelApp):
        """Reads no command line and no configuration, which take time and could be the
        submission's own.
        """

        def parse_command_line(self, argv: Any = None) -> None:
            pass

        def load_config_file(self, *args: Any, **options: Any) -> None:
            pass

    _become_a_kernel(judge)
    file = Path(wall.SCRATCH, "kernel.json")
    file.write_text(json.dumps(connection), encoding="utf-8")
    config = Config(
        {"HistoryManager": {"enabled": False}, "IPKernelApp": {"ignore_cwd": True}}
    )
    app = App.instance(
        config=config,
        capture_fd_output=False,
        log_level="CRITICAL",
        connection_file=str(file),
    )
    app.initialize([])
    notebook_shell.prepare(app.shell)
    _cut_off(app, limits.output_mb * 2**20)
    assert app.shell is not None  # initialize() made it
    # exit() would end the kernel a little later, in a cell that is not to blame.
    app.shell.ask_exit = lambda: None
    # After IPython's own start, which looks for extensions and would take the submission's: nothing
    # of its folder is imported before its first cell. Last, not first: a file beside the notebook
    # may be imported, but hides no module.
    sys.path.append(wall.HOME)
    app.start()


class _OutputBudget:
    """Counts what one cell prints and displays, up to `limit` bytes; raises `OutputLimit` once it
    is `ENDLESS` times as many.
    """

    def __init__(self, limit: int, say: Callable[[str], Any]):
        self._limit, self._say = limit, say
        self._made = 0
        self._lock = threading.Lock()

    def start_again(self, *_: Any) -> None:
        """A cell begins."""
        self._made = 0

    def room(self, size: int) -> int:
        """How much may be made of `size` more bytes; says once that the rest is left out."""
        with self._lock:
            left = max(self._limit - self._made, 0)
            is_first_cut = self._made <= self._limit < self._made + size
            self._made += size
            is_endless = self._made > ENDLESS * self._limit
        megabytes = self._limit / 2**20
        if is_first_cut:
            self._say(
                f"The cell printed or displayed more than {megabytes:g} MB: "
                "what came later is left out.\n"
            )
        if is_endless and not left:
            raise OutputLimit(
                f"the cell printed or displayed more than {ENDLESS * megabytes:g} MB"
            )
        return min(size, left)


def _cut_off(app: Any, limit: int) -> None:
    """Let each cell print and display `limit` bytes; what comes later is left out, and the cell
    goes on, unless it has no end. Errors always get through, shortened.
    """
    budget = _OutputBudget(limit, say=sys.stderr.write)
    app.shell.events.register("pre_execute", budget.start_again)
    for stream in (sys.stdout, sys.stderr):
        stream.write = _counted(stream.write, budget)  # type: ignore[method-assign]
    app.session.send = _limited(app.session.send, budget)


def _counted(
    write: Callable[[str], int], budget: _OutputBudget
) -> Callable[[str], int]:
    """`write` of a stream, counted before the text waits in a buffer."""

    def counted(text: str) -> int:
        if room := budget.room(len(text)):
            write(text[:room])
        return len(text)

    return counted


def _limited(send: Callable[..., Any], budget: _OutputBudget) -> Callable[..., Any]:
    """`send` of a Jupyter session, with counted displays and shortened errors."""

    def limited(
        stream: Any, message: Any, content: Any = None, *args: Any, **options: Any
    ) -> Any:
        kind, body = message, content
        if isinstance(message, dict):
            kind, body = message["msg_type"], message["content"]
        if kind in _DISPLAYS:
            size = len(str(body))
            if budget.room(size) < size:
                return None
        if isinstance(body, dict) and "evalue" in body:
            _shorten(body)
        return send(stream, message, content, *args, **options)

    return limited


def _shorten(error: dict[str, Any]) -> None:
    lines = [str(line)[:_LONGEST_LINE] for line in error.get("traceback", [])]
    error["traceback"] = lines[-_MOST_LINES:]
    error["evalue"] = str(error["evalue"])[:_LONGEST_LINE]
