"""The wall where an ordinary user grades: some of the attacks once more, by a run of pytest that
is not root's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from classroom import ROOT

from autograder.sandbox import linux, wall

USER = 23456
CHOSEN = (
    "read-gradebook",
    "read-home",
    "search-everything",
    "see-processes",
    "read-other-memory",
    "send-by-tcp",
    "connect-to-path",
    "escape-root",
    "endless-answer",
    "take-memory-by-many",
    "many-processes",
    "large-file",
    "fill-socket-folder",
    "signal-everything",
    "outlive",
    "become-root",
    "change-course",
    "change-the-program",
    "take-hold-of-the-grader",
)

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(
        wall.supported() is not None, reason="no wall on this kind of machine"
    ),
    pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() != 0,
        reason="who runs the tests is an ordinary user already",
    ),
]


@pytest.fixture
def home():
    """A folder of the user's own, below folders that everybody may enter."""
    folder = Path("/tmp", f"ordinary-{os.getpid()}")
    folder.mkdir()
    os.chown(folder, USER, USER)
    yield folder
    shutil.rmtree(folder)


def test_the_wall_stands_for_an_ordinary_user(home):
    done = _as_ordinary_user(
        home,
        [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-p",
            "no:cacheprovider",
            f"--basetemp={home}/pytest",
        ]
        + [f"{ROOT}/tests/attacks/test_{module}.py" for module in ("secrets", "harm")]
        + ["-k", " or ".join(CHOSEN)],
    )
    if done.returncode == NO_NAMESPACES:
        pytest.skip("ordinary users of this machine may not make user namespaces")
    assert done.returncode == 0, done.stdout[-5000:]
    assert f"{len(CHOSEN)} passed" in done.stdout


NO_NAMESPACES = 77


def _as_ordinary_user(home: Path, command: list[str]) -> subprocess.CompletedProcess:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home),
        "PYTHONPATH": os.environ["PYTHONPATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [sys.executable, "-P", __file__, *command],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


def _open_the_way(path: Path) -> None:
    """In this mount namespace, let everybody reach `path`: a folder on the way that is closed is
    covered by an open one that has only the way in it.
    """
    closed = next(
        (
            parent
            for parent in reversed(path.parents)
            if not parent.stat().st_mode & 0o001
        ),
        None,
    )
    if closed is None:
        return
    target = os.open(path, os.O_PATH)
    linux.mount(
        "tmpfs",
        str(closed),
        "tmpfs",
        linux.MS_NOSUID | linux.MS_NODEV,
        "size=64k,mode=755",
    )
    path.mkdir(parents=True)
    linux.mount(
        f"/proc/self/fd/{target}", str(path), flags=linux.MS_BIND | linux.MS_REC
    )
    os.close(target)


def _own_the_program() -> None:
    """In this mount namespace, let Python's program belong to the user, as it does where users
    install Python for themselves.
    """
    program = Path(sys.executable).resolve()
    copy = Path(os.environ["HOME"], "python")
    shutil.copy(program, copy)
    os.chown(copy, USER, USER)
    linux.mount(str(copy), str(program), flags=linux.MS_BIND)
    assert program.stat().st_uid == USER


def _main(command: list[str]) -> None:
    """Become an ordinary user who can read the installation, and run `command`."""
    linux.unshare(linux.CLONE_NEWNS)
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    for path in dict.fromkeys(map(Path, (sys.base_prefix, sys.prefix, ROOT))):
        _open_the_way(path)
    _own_the_program()
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    os.umask(0o022)
    child = os.fork()
    if child == 0:
        try:
            linux.unshare(linux.CLONE_NEWUSER)
            os._exit(0)
        except OSError:
            os._exit(1)
    if os.waitpid(child, 0)[1]:
        sys.exit(NO_NAMESPACES)
    os.execv(command[0], command)


if __name__ == "__main__":
    _main(sys.argv[1:])
