"""The seccomp filter in a real process: what it denies fails with the error that it says, and what
every answer needs goes on.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from autograder.sandbox import wall

pytestmark = pytest.mark.skipif(
    wall.supported() is not None, reason="no walls on this kind of machine"
)
SCRIPT = """
import ctypes, errno, json, mmap, os, platform, resource, socket, subprocess, sys, threading
from autograder.sandbox import linux, seccomp

libc = ctypes.CDLL(None, use_errno=True)
linux.set_seccomp_filter(seccomp.filter_for(platform.machine()))
column = seccomp.ARCHITECTURES[platform.machine()].column

def call(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    return "works" if result >= 0 else errno.errorcode[ctypes.get_errno()]

def attempt(action):
    try:
        action()
        return "works"
    except OSError as error:
        return errno.errorcode[error.errno]

def read_what_is_in_memory():
    with open(sys.executable, "rb") as file:
        os.preadv(file.fileno(), [bytearray(16)], 0, os.RWF_NOWAIT)

def use_a_thread():
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()

print(json.dumps({
    "denied": [call(seccomp.NUMBERS[name][column], -1, 0, 0, 0, 0)
               for name in ("ptrace", "quotactl_fd", "memfd_create", "statmount",
                            "vmsplice")],
    "newer": [call(number, -1, 0, 0, 0, 0) for number in (463, 467, 470, 1000)],
    "what is in memory": attempt(read_what_is_in_memory),
    "own time": attempt(lambda: resource.prlimit(0, resource.RLIMIT_CPU, (1, 1))),
    "shared memory": attempt(lambda: mmap.mmap(-1, 4096)),
    "memory": attempt(lambda: mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE)),
    "clone3": call(seccomp.NUMBERS["clone3"][column], 0, 0),
    "network": attempt(lambda: socket.socket(socket.AF_INET)),
    "namespace": attempt(lambda: linux.unshare(linux.CLONE_NEWUSER)),
    "unix": attempt(lambda: socket.socketpair(socket.AF_UNIX)),
    "process": attempt(lambda: subprocess.run([sys.executable, "-S", "-c", ""], check=True)),
    "thread": attempt(use_a_thread),
}))
"""


def test_what_the_filter_denies_fails_and_the_rest_goes_on():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "denied": ["EPERM"] * 5,
        "newer": ["ENOSYS"] * 4,
        "what is in memory": "ENOTSUP",
        "own time": "EPERM",
        "shared memory": "EPERM",
        "memory": "works",
        "clone3": "ENOSYS",
        "network": "ENOTSUP",  # Linux's other name of EOPNOTSUPP
        "namespace": "EPERM",
        "unix": "works",
        "process": "works",
        "thread": "works",
    }
