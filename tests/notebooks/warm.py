"""Kernels that are forked from one process which has imported the frameworks: as clean as any, and
there at once.

``start(folder)`` starts that process and writes a kernel called ``NAME`` below `folder`, which is
to be on JUPYTER_PATH. Jupyter starts the kernel's command as any other; it hands the connection
file over and lives as long as the fork that serves it.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

NAME = "warm"
IMPORTED = (
    "torch",
    "torchvision",
    "dlkit.mx",
    "matplotlib.pyplot",
    "matplotlib_inline.backend_inline",
    "sklearn",
    "ipykernel.kernelapp",
)

COMMAND = """
import json, os, socket, sys
warm = socket.socket(socket.AF_UNIX)
warm.connect(sys.argv[1])
warm.sendall(json.dumps([sys.argv[2], os.getcwd(), dict(os.environ)]).encode() + b"\\n")
warm.recv(1)  # until the fork has ended
"""


def start(folder: Path) -> subprocess.Popen:
    """The warm process, which is to be killed in the end."""
    address = folder / "warm.socket"
    kernel = folder / "kernels" / NAME
    kernel.mkdir(parents=True)
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        COMMAND,
        str(address),
        "{connection_file}",
    ]
    (kernel / "kernel.json").write_text(
        json.dumps({"argv": command, "display_name": NAME, "language": "python"}),
        encoding="utf-8",
    )
    process = subprocess.Popen(
        [sys.executable, __file__, str(address)], stdout=subprocess.PIPE
    )
    process.stdout.readline()  # it listens
    return process


def main(address: str) -> None:
    """Import the frameworks, then fork a kernel for everybody who connects."""
    for name in IMPORTED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the forks are nobody's to wait for
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen()
    print("ready", flush=True)
    while True:
        client, _ = server.accept()
        connection_file, directory, environment = json.loads(
            client.makefile().readline()
        )
        if os.fork() == 0:
            server.close()
            _be_kernel(client, connection_file, directory, environment)
        client.close()


def _be_kernel(
    client: socket.socket,
    connection_file: str,
    directory: str,
    environment: dict[str, str],
) -> None:
    from ipykernel.kernelapp import IPKernelApp

    def end_with_it() -> None:
        client.recv(1)
        os._exit(1)

    threading.Thread(target=end_with_it, daemon=True).start()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # ipykernel would end with another parent than this.
    environment.pop("JPY_PARENT_PID", None)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[0] = ""  # as a kernel that was started here
    IPKernelApp.launch_instance(argv=["-f", connection_file])
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
