"""The warm process that kernels are forked from: PyTorch, torchvision, MXNet and ipykernel are
imported once, and a kernel starts in a tenth of a second.

    grader ── zygote ── warden ── kernel (process 1 behind its wall)
                   └─── worker (an ordinary process of the grader's, for `course grade --workers`)

The zygote is started by ``python -P -m autograder.sandbox.zygote FD`` with an environment of its
own, holds no secret and never imports a question. It ends with the grader, the wardens with it, the
kernels with their wardens; a kernel ends with whoever asked for it. Requests come over a Unix
socket as JSON with descriptors.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import itertools
import json
import os
import re
import resource
import select
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.sandbox import linux, slim_imports, wall
from autograder.values import frameworks
from autograder.values.frameworks import ONE_THREAD

IDLE = 900.0
"""Seconds without a kernel after which the zygote ends: nobody misses it, and the next kernel
starts another.
"""

WATCH = 0.2
"""Seconds between two looks at the memory that a kernel's processes use."""

WORKER, WARDEN, KERNEL = "grading-worker", "grading-warden", "grading-kernel"
"""What `ps` calls the processes that are forked from the zygote."""

PRELOADED = ("torch", "matplotlib.pyplot", "PIL.Image", "tqdm")
MENTIONED = {
    "optim": "torch._dynamo",  # which the first optimiser imports
    "torchvision": "torchvision",
    "optuna": "optuna",
    "sklearn": "sklearn.datasets",
    "digits": "sklearn.datasets",  # which `dlkit.data.digits` imports
}
"""Words in a notebook's code to what it will want then: imported before the first kernel that
runs such a notebook, and kept.
"""

_MACHINERY = (
    "ipykernel.kernelapp",
    "ipykernel.zmqshell",
    "ipykernel.debugger",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.extensions.storemagic",
    "tornado.platform.asyncio",
    "matplotlib_inline.backend_inline",
    "autograder.learner.client",
    "autograder.answers.run",
)
_SOCKET = 300 * 2**10
"""Bytes that may wait in one socket of the default size, with what the kernel needs to keep
them.
"""

_MAX_REQUEST = 2**18
_MEGABYTE = 2**20


# --- both sides


def send(
    sock: socket.socket, message: dict[str, Any], descriptors: list[int] | None = None
) -> None:
    """Send one message (a datagram of JSON) and copies of `descriptors`."""
    ancillary = (
        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors or []))]
        if descriptors
        else []
    )
    sock.sendmsg([json.dumps(message).encode()], ancillary)


def receive(sock: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next message and its descriptors; None when the other side is gone."""
    try:
        data, descriptors, _, _ = socket.recv_fds(sock, _MAX_REQUEST, 8)
    except ConnectionError:
        return None
    return (json.loads(data), list(descriptors)) if data else None


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected sockets that keep messages apart."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def wanted(code: str) -> list[str]:
    """The modules of `MENTIONED` that code in a notebook makes likely."""
    words = set(re.findall(r"\w+", code))
    return sorted({module for word, module in MENTIONED.items() if word in words})


# --- the zygote


def main() -> None:
    """Warm up, then serve the descriptor given as the only argument."""
    grader = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(grader.fileno(), False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the grader's to handle
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096) if hard > 0 else 4096), hard)
    )
    warm_up()
    _Zygote(grader, wall.installation(["autograder", *frameworks.packages()])).serve()


def warm_up() -> None:
    """Import what submissions will use, and do what is slow once."""
    for name in _MACHINERY:
        importlib.import_module(name)
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for package in frameworks.packages():
        _import_all(package)
    frameworks.available("mxnet")
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
        torch.zeros(1, requires_grad=True).sum().backward()
    _settle()


def _settle() -> None:
    """Have the collector leave alone what is there now, so that forks go on sharing its pages."""
    gc.collect()
    gc.freeze()


def _import_all(package: str) -> None:
    for folder in wall.locations(package):
        for path in sorted(folder.glob("*.py")):
            with contextlib.suppress(
                Exception
            ):  # a module that cannot be imported is the submission's to find out
                importlib.import_module(
                    package if path.stem == "__init__" else f"{package}.{path.stem}"
                )


class _Zygote:
    """The serving loop."""

    def __init__(self, grader: socket.socket, shown: tuple[str, ...]):
        self._grader, self._shown = grader, shown
        self._selector = selectors.DefaultSelector()
        self._selector.register(grader, selectors.EVENT_READ)
        self._woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        cpus = sorted(os.sched_getaffinity(0))
        first = os.getpid() % len(
            cpus
        )  # several graders on one machine do not all begin with the same one
        self._cpus = cpus[first:] + cpus[:first]
        self._places: dict[
            socket.socket, int
        ] = {}  # who asks for kernels -> which of the processors theirs run on
        self._wardens: set[int] = set()
        self._workers: set[int] = set()

    def serve(self) -> None:
        """Fork what is asked for, until the grader is gone or nothing happened for long."""
        last = time.monotonic()
        while self._wardens or self._workers or time.monotonic() - last < IDLE:
            for key, _ in self._selector.select(timeout=60.0):
                last = time.monotonic()
                client = key.fileobj
                if client == self._woken:  # a child has ended
                    os.read(client, 4096)
                    continue
                request = receive(client)
                if request is not None:
                    self._fork(client, *request)
                elif client is self._grader:
                    return
                else:
                    self._selector.unregister(client)
                    self._places.pop(client, None)
                    client.close()
            self._reap()

    def _fork(self, client: socket.socket, request: dict[str, Any], descriptors: list[int]) -> None:
        worker = request["kind"] == "worker"
        if worker and not self._workers:
            with slim_imports.without(slim_imports.IRI_GRAMMAR):
                importlib.import_module(request["main"].partition(":")[0])  # once for all workers
            _settle()
        for module in set(request.get("wanted", ())) & set(MENTIONED.values()) - set(sys.modules):
            with contextlib.suppress(Exception):  # the submission's to find out
                importlib.import_module(module)
            _settle()
        line = pair() if worker else None  # a worker asks for kernels itself
        try:
            pid = os.fork()
        except (
            OSError
        ) as error:  # too many processes just now: whoever asked for a kernel sees its line close
            for descriptor in descriptors:
                os.close(descriptor)
            if worker:
                send(client, {"failed": error.strerror})
            return
        if pid == 0:
            try:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                if worker:
                    _be_worker(request["main"], descriptors, line[1])
                else:
                    _be_warden(request, descriptors, self._shown, self._processor(client))
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        if worker:
            line[1].close()
            self._selector.register(line[0], selectors.EVENT_READ)
            self._places[line[0]] = next(
                place for place in itertools.count() if place not in self._places.values()
            )
            self._workers.add(pid)
            descriptor = os.pidfd_open(pid)
            with contextlib.suppress(OSError):
                send(client, {"pid": pid}, [descriptor])
            os.close(descriptor)
        else:
            self._wardens.add(pid)
        for descriptor in descriptors:
            os.close(descriptor)

    def _reap(self) -> None:
        while self._wardens or self._workers:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._wardens.discard(pid)
            self._workers.discard(pid)

    def _processor(self, client: socket.socket) -> int:
        """The processor that a kernel which `client` asks for is confined to if it takes too
        much: each worker's another one, so that none takes another's time.
        """
        return self._cpus[self._places.get(client, 0) % len(self._cpus)]


def _keep_only(*kept: int) -> None:
    """Close every other descriptor above standard error."""
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > 2 and descriptor not in kept:
            with contextlib.suppress(OSError):  # the one that listed them
                os.close(descriptor)


# --- a worker


def _be_worker(main: str, descriptors: list[int], line: socket.socket) -> None:
    linux.die_with_parent()
    linux.name_process(WORKER)
    channel, log, setting = descriptors
    os.dup2(log, 1)
    os.dup2(log, 2)
    _keep_only(channel, line.fileno(), setting)
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.lseek(setting, 0, os.SEEK_SET)
    with os.fdopen(setting, "rb") as file:
        grader = json.load(file)
    os.environ.clear()
    os.environ.update(grader["environment"] | ONE_THREAD)
    os.chdir(grader["folder"])
    sys.path[:] = grader["path"]
    from autograder.sandbox.provisioner import adopt

    adopt(line)
    module, _, function = main.partition(":")
    getattr(importlib.import_module(module), function)(channel)
    os._exit(0)


# --- a warden and its kernel


def _be_warden(
    request: dict[str, Any], descriptors: list[int], shown: tuple[str, ...], cpu: int
) -> None:
    linux.name_process(WARDEN)
    judge, control = descriptors
    _keep_only(judge, control)
    grader = socket.socket(fileno=control)
    try:
        wall.enter_process_namespace()
        linux.die_with_parent()
        number = os.getpid()
        warden = os.pidfd_open(number)
        pid = os.fork()
    except OSError as error:
        send(
            grader,
            {
                "kind": "failed",
                "cause": "wall",
                "message": (
                    "no wall can stand around submissions here: "
                    f"{error.strerror}{wall.advice(error)}"
                ),
            },
        )
        os._exit(1)
    if pid == 0:
        _be_kernel(request, judge, grader, shown, warden, number)
    os.close(judge)
    os.close(warden)
    kernel = os.pidfd_open(pid)
    send(grader, {"kind": "kernel", "pid": pid}, [kernel])
    reason = _watch(grader, pid, kernel, request["limits"]["memory"], cpu)
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(kernel, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):
        send(grader, {"kind": "ended", "code": os.waitstatus_to_exitcode(status), "reason": reason})
    os._exit(0)


def _watch(grader: socket.socket, pid: int, kernel: int, most: int, cpu: int) -> str:
    """Wait until the kernel ends or must end; returns why: "over" (by itself), "released" (nobody
    waits for it), or "memory".

    A kernel whose processes use more than one processor's worth is confined to `cpu` from then on.
    Until then it may run where there is room: confined from the beginning it would wait for the
    next kernels of its own worker.
    """
    with contextlib.suppress(OSError):  # should the machine run out of memory, this goes first
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000", encoding="ascii")
    looked, spent = time.monotonic(), 0.0
    while True:
        ready, _, _ = select.select([grader, kernel], [], [], WATCH)
        if kernel in ready:
            return "over"
        if grader in ready:
            return "released"
        # What it began with does not count. Of each page that nobody has written to since the fork,
        # its processes have as much each as this one, which writes little. Sharing pages out takes
        # milliseconds; counting each in full takes no time, and is never too little.
        processes, room = _family(pid), most * _MEGABYTE - _sockets_of(pid) * _SOCKET
        before, looked, earlier, spent = (
            looked,
            time.monotonic(),
            spent,
            _total(_processor_seconds, processes),
        )
        if spent - earlier > 1.25 * (looked - before):
            _confine(processes, cpu)
        if (
            _total(_pages, processes) > room
            and _total(_share, processes) - len(processes) * _share(os.getpid()) > room
        ):
            return "memory"


def _family(pid: int) -> list[int]:
    """Process `pid` and its descendants."""
    found = [pid]
    for process in found:
        with contextlib.suppress(
            OSError
        ):  # it may end while we read, and so may each of its threads
            for thread in os.listdir(f"/proc/{process}/task"):
                with contextlib.suppress(OSError):
                    found += [
                        int(child)
                        for child in Path(f"/proc/{process}/task/{thread}/children")
                        .read_text()
                        .split()
                    ]
    return found


def _confine(processes: list[int], cpu: int) -> None:
    """Let every thread of theirs run on processor `cpu` only. What they start later is confined
    with them, and none can undo it from inside.
    """
    for process in processes:
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{process}/task"):
                with contextlib.suppress(OSError):
                    os.sched_setaffinity(int(thread), {cpu})


def _total(measure: Callable[[int], float], processes: list[int]) -> float:
    """What they have by `measure`, together; one that has ended has nothing."""
    total = 0
    for process in processes:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            total += measure(process)
    return total


def _processor_seconds(process: int) -> float:
    """Seconds of processor time of a process and of its children that have ended."""
    fields = (
        Path(f"/proc/{process}/stat")
        .read_text(encoding="ascii", errors="replace")
        .rpartition(")")[2]
        .split()
    )
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _pages(process: int) -> int:
    """Bytes of its resident pages, each counted in full."""
    return int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf(
        "SC_PAGE_SIZE"
    )


def _share(process: int) -> int:
    """Bytes of its resident pages that stand for no file on a disk, each divided by the number
    of processes that have it.
    """
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except PermissionError:  # whoever hides its pages has them counted in full
        return _pages(process)
    return sum(
        int(line.split()[1]) * 1024
        for line in lines
        if line.startswith(("Pss_Anon:", "Pss_Shmem:"))
    )


def _sockets_of(pid: int) -> int:
    """How many sockets there are in the network namespace of process `pid`."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/net/sockstat").read_text().split()[2])
    return 0


def _be_kernel(
    request: dict[str, Any],
    judge: int,
    grader: socket.socket,
    shown: tuple[str, ...],
    warden: int,
    number: int,
) -> None:
    """Raise the wall, then be an ordinary ipykernel."""
    try:
        os.setsid()
        linux.name_process(KERNEL)
        _discard_output()
        shown = tuple(
            dict.fromkeys(
                [
                    *shown,
                    *(
                        str(path)
                        for package in request["packages"]
                        for path in wall.locations(package)
                    ),
                ]
            )
        )
        view = wall.View(shown, tuple(request["hidden"]), request["folder"], request["place"])
        try:
            wall.enclose(view, wall.Limits(**request["limits"]), number)
        except BaseException as error:
            cause = {wall.NoWall: "wall", wall.FolderRefused: "folder"}.get(type(error), "start")
            send(
                grader,
                {
                    "kind": "failed",
                    "cause": cause,
                    "message": str(error) if cause != "start" else repr(error),
                },
            )
            os._exit(1)
        if select.select([warden], [], [], 0)[0]:  # it ended before its end was ours
            os._exit(1)
        os.close(warden)
        sockets = os.open(wall.SOCKETS, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        send(grader, {"kind": "ready"}, [sockets])
        os.close(sockets)
        wall.limit_files(wall.Limits(**request["limits"]))
        grader.close()
        from autograder.sandbox.kernel import run_kernel

        run_kernel(request["connection"], judge, wall.Limits(**request["limits"]))
    finally:
        os._exit(1)


def _discard_output() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


if __name__ == "__main__":
    main()
