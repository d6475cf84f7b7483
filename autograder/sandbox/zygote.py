"""The warm process that kernels are forked from: PyTorch, torchvision, MXNet and ipykernel are
imported once, and a kernel starts in a tenth of a second.

    grader ── zygote ── warden ── kernel (process 1 behind its wall)
                   └─── worker (an ordinary process of the grader's, for `course grade --workers`)

The zygote is started by ``python -P -m autograder.sandbox.zygote FD`` with an environment of its
own, holds no secret and never imports a question. It ends with the grader, the wardens with it, the
kernels with their wardens; a kernel ends with whoever asked for it. What is imported before the
forks stands in `preload`, what a warden does in `warden`, what is sent in `messages`.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import resource
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable

from autograder.sandbox import linux, preload, wall
from autograder.sandbox.messages import (
    KernelRequest,
    Message,
    WorkerFailed,
    WorkerRequest,
    WorkerSetting,
    WorkerStarted,
    pair,
    read_from_file,
    receive,
    send,
)
from autograder.sandbox.warden import be_warden, close_all_but
from autograder.values import frameworks
from autograder.values.frameworks import ONE_THREAD

IDLE = 900.0
"""Seconds without a kernel after which the zygote ends: nobody misses it, and the next kernel
starts another.
"""

WORKER = "grading-worker"
"""What `ps` calls a worker."""

_OPEN_FILES = 4096


def main() -> None:
    """Warm up, then serve the descriptor given as the only argument."""
    grader = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(grader.fileno(), False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the grader's to handle
    _raise_open_files()
    preload.warm_up()
    shown = wall.installation(["autograder", *frameworks.packages()])
    Server(grader, shown).serve()


def _raise_open_files() -> None:
    """Allow this process as many open files as the descriptors of many kernels need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    possible = min(hard, _OPEN_FILES) if hard > 0 else _OPEN_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, possible), hard))


class Server:
    """The serving loop.

    grader: the line to whoever started the zygote; its end is the zygote's end.
    shown:  what a kernel sees of the machine, see `wall.View`.
    """

    def __init__(self, grader: socket.socket, shown: tuple[str, ...]):
        self._grader = grader
        self._shown = shown
        self._selector = selectors.DefaultSelector()
        self._selector.register(grader, selectors.EVENT_READ)
        self._child_ended = _wake_when_a_child_ends()
        self._selector.register(self._child_ended, selectors.EVENT_READ)
        self._processors = _processors()
        self._worker_numbers: dict[socket.socket, int] = {}
        self._wardens: set[int] = set()
        self._workers: set[int] = set()

    def serve(self) -> None:
        """Fork what is asked for, until the grader is gone or nothing happened for long."""
        last = time.monotonic()
        while self._wardens or self._workers or time.monotonic() - last < IDLE:
            for key, _ in self._selector.select(timeout=60.0):
                last = time.monotonic()
                if key.fileobj == self._child_ended:
                    os.read(self._child_ended, 4096)
                    continue
                assert isinstance(key.fileobj, socket.socket)
                if not self._listen(key.fileobj):
                    return
            self._reap()

    def _listen(self, client: socket.socket) -> bool:
        """Do what `client` asks for; False when it is the grader and gone."""
        request = receive(client)
        if request is not None:
            self._handle(client, *request)
        elif client is self._grader:
            return False
        else:
            self._selector.unregister(client)
            self._worker_numbers.pop(client, None)
            client.close()
        return True

    def _handle(
        self, client: socket.socket, request: Message, descriptors: list[int]
    ) -> None:
        try:
            match request:
                case KernelRequest():
                    self._fork_kernel(client, request, descriptors)
                case WorkerRequest():
                    self._fork_worker(client, request, descriptors)
                case _:
                    raise TypeError(f"nobody asks a zygote for {request}")
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _fork_kernel(
        self, client: socket.socket, request: KernelRequest, descriptors: list[int]
    ) -> None:
        preload.import_mentioned(request.modules)
        processor = self._processor(client)
        judge, line, setting = descriptors
        # With too many processes there is no fork. Whoever asked for the kernel sees its line
        # close.
        with contextlib.suppress(OSError):
            pid = _fork(lambda: be_warden(setting, judge, line, self._shown, processor))
            self._wardens.add(pid)

    def _fork_worker(
        self, client: socket.socket, request: WorkerRequest, descriptors: list[int]
    ) -> None:
        if not self._workers:
            preload.import_for_workers(request.main.partition(":")[0])
        channel, log, setting = descriptors
        ours, theirs = pair()  # a worker asks for kernels itself
        try:
            pid = _fork(lambda: _be_worker(request.main, channel, log, setting, theirs))
        except OSError as error:
            ours.close()
            send(client, WorkerFailed(error.strerror or repr(error)))
            return
        finally:
            theirs.close()
        self._selector.register(ours, selectors.EVENT_READ)
        self._worker_numbers[ours] = self._free_number()
        self._workers.add(pid)
        worker = os.pidfd_open(pid)
        with contextlib.suppress(OSError):
            send(client, WorkerStarted(pid), [worker])
        os.close(worker)

    def _free_number(self) -> int:
        """The smallest number that no worker has."""
        taken = self._worker_numbers.values()
        return next(number for number in itertools.count() if number not in taken)

    def _processor(self, client: socket.socket) -> int:
        """The processor that a kernel which `client` asks for is confined to if it takes too
        much: each worker's another one, so that none takes another's time.
        """
        number = self._worker_numbers.get(client, 0)
        return self._processors[number % len(self._processors)]

    def _reap(self) -> None:
        while self._wardens or self._workers:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._wardens.discard(pid)
            self._workers.discard(pid)


def _wake_when_a_child_ends() -> int:
    """A descriptor that can be read once a child has ended."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading


def _processors() -> list[int]:
    """This process's processors, in an order of its own: several graders on one machine do not
    all begin with the same one.
    """
    processors = sorted(os.sched_getaffinity(0))
    first = os.getpid() % len(processors)
    return processors[first:] + processors[:first]


def _fork(in_child: Callable[[], None]) -> int:
    """Fork a process that does `in_child` and ends; returns its number. Raises OSError."""
    pid = os.fork()
    if pid != 0:
        return pid
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        in_child()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def _be_worker(
    main: str, channel: int, log: int, setting: int, line: socket.socket
) -> None:
    """Become what `main` ("module:function") does with the channel and a line to the zygote."""
    linux.die_with_parent()
    linux.name_process(WORKER)
    os.dup2(log, 1)
    os.dup2(log, 2)
    close_all_but(channel, line.fileno(), setting)
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _take_over(setting)
    module, _, function = main.partition(":")
    getattr(importlib.import_module(module), function)(channel, line)
    os._exit(0)


def _take_over(descriptor: int) -> None:
    """Have the environment, working folder and path of the grader, as the file says."""
    setting = read_from_file(descriptor)
    assert isinstance(setting, WorkerSetting)
    os.environ.clear()
    os.environ.update(setting.environment | ONE_THREAD)
    os.chdir(setting.folder)
    sys.path[:] = setting.path


if __name__ == "__main__":
    main()
