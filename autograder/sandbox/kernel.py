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

from autograder.sandbox import wall
from autograder.values.frameworks import ONE_THREAD

LANGUAGE = "C.UTF-8"
_ERROR = 4000  # characters of one line of an error


class OutputLimit(RuntimeError):
    """What a cell printed or displayed is more than it may."""


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

    os.environ.clear()
    os.environ.update(environment(judge))
    os.set_inheritable(judge, True)
    sys.argv = ["kernel"]
    # Last, not first: a file beside the notebook may be imported, but hides no module.
    sys.path[:] = [*(path for path in sys.path if path not in ("", ".")), wall.HOME]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    file = Path(wall.SCRATCH, "kernel.json")
    file.write_text(json.dumps(connection), encoding="utf-8")
    config = Config({"HistoryManager": {"enabled": False}})
    app = App.instance(
        config=config, capture_fd_output=False, log_level="CRITICAL", connection_file=str(file)
    )
    app.initialize([])
    _cut_off(app, limits.output * 2**20)
    assert app.shell is not None  # initialize() made it
    app.shell.ask_exit = lambda: (
        None
    )  # exit() would end the kernel a little later, in a cell that is not to blame
    app.start()


def _cut_off(app: Any, most: int) -> None:
    """Let each cell print and display `most` bytes; then raise `OutputLimit` where more is made.
    Errors always get through, shortened.
    """
    lock, made = threading.Lock(), 0

    def count(size: int) -> None:
        nonlocal made
        with lock:
            made += size
            if made > most:
                raise OutputLimit(
                    f"the cell printed or displayed more than {most / 2**20:g} MB, the limit"
                )

    def counted(write: Callable[[str], int]) -> Callable[[str], int]:
        def limited(text: str) -> int:
            count(len(text))  # before it waits in a buffer
            return write(text)

        return limited

    def start_again(*_: Any) -> None:
        nonlocal made
        made = 0

    app.shell.events.register("pre_execute", start_again)
    for stream in (sys.stdout, sys.stderr):
        stream.write = counted(stream.write)  # type: ignore[method-assign]
    send = app.session.send

    def limited_send(
        stream: Any, message: Any, content: Any = None, *args: Any, **options: Any
    ) -> Any:
        kind, said = (
            (message["msg_type"], message["content"])
            if isinstance(message, dict)
            else (message, content)
        )
        if kind in ("display_data", "update_display_data", "execute_result"):
            count(len(str(said)))
        if isinstance(said, dict) and "evalue" in said:
            said |= {
                "evalue": str(said["evalue"])[:_ERROR],
                "traceback": [str(line)[:_ERROR] for line in said.get("traceback", [])][-40:],
            }
        return send(stream, message, content, *args, **options)

    app.session.send = limited_send
