"""The inside of a walled kernel: an ordinary ipykernel in a bare environment, whose output is cut off where it arises."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from autograder import wall

LANGUAGE = "C.UTF-8"


class OutputLimit(RuntimeError):
    """What a cell printed or displayed is more than may be kept."""


def environment(judge: int) -> dict[str, str]:
    """The whole environment of a walled kernel. `judge` is the descriptor of the channel to the judge."""
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


ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MXNET_ENGINE_TYPE": "NaiveEngine"}
"""One CPU's worth of threads, and an MXNet whose errors appear at their line; to be set before the frameworks are imported."""


def run_kernel(connection: dict[str, Any], judge: int, limits: wall.Limits) -> None:
    """Serve as the kernel of `connection` (Jupyter's connection information) until killed."""
    from ipykernel.kernelapp import IPKernelApp
    from traitlets.config import Config

    class App(IPKernelApp):
        """Reads no command line and no configuration, which take time and could be the submission's own."""

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
    app = App.instance(config=config, capture_fd_output=False, log_level="CRITICAL", connection_file=str(file))
    app.initialize([])
    _cut_off(app.iopub_thread, limits.output * 2**20)
    app.start()


def _cut_off(thread: Any, most: int) -> None:
    """Let streams and displays through `thread` (ipykernel's IOPubThread) up to `most` bytes; then raise `OutputLimit` where more is made."""
    send, lock, sent = thread.send_multipart, threading.Lock(), 0

    def limited(parts: list[bytes], *args: Any, **options: Any) -> None:
        nonlocal sent
        topic = bytes(parts[0])
        if not topic.endswith((b"stdout", b"stderr", b"display_data", b"execute_result", b"error")):
            return send(parts, *args, **options)
        with lock:
            sent += sum(len(part) for part in parts)
            if sent <= most:
                return send(parts, *args, **options)
        raise OutputLimit(f"the notebook printed or displayed more than {most / 2**20:g} MB, the limit")

    thread.send_multipart = limited
