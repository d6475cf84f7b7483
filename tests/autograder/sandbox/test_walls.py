"""The warm process and the walls of the kernels forked from it: started when needed, replaced
when stale or dead, refused where it cannot be safe.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pytest
from classroom import NAME, RIGHT, grade, grade_here, hand_in, lay_out, points

from autograder.sandbox import wall, zygote_client
from autograder.values import frameworks

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(wall.supported() is not None, reason="no walls on this machine"),
]
COMMAND = [sys.executable, "-c", "from autograder.cli import app; app()"]


@pytest.fixture
def course(small_course, tmp_path):
    course = lay_out(tmp_path)
    course.release(NAME)
    return course


def gone(pid, seconds=5):
    """Whether process `pid` ends within `seconds`."""
    end = time.monotonic() + seconds
    while (
        psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    ):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def zygote():
    """The process id of the warm process that this one uses."""
    return zygote_client.warm()._process.pid


def test_a_wall_stands_here():
    assert wall.trial() is None


BEHIND_A_WALL = """
import json, os, sys, tempfile
from autograder.sandbox import preload, wall

shown, hidden, source, warm = json.loads(sys.argv[1])
if warm:
    preload.warm_up()
with tempfile.TemporaryDirectory() as mount_point:
    wall.enter_process_namespace()
    pid = os.fork()
    if pid == 0:
        try:
            paths = (*wall.installation(["autograder"]), *shown)
            view = wall.View(paths, tuple(hidden), None, mount_point)
            wall.enclose(view, wall.Limits(), os.getpid())
            exec(source)
            sys.stdout.flush()
            os._exit(0)
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
    os.waitpid(pid, 0)
"""
"""Raises a wall and runs some source behind it."""


def behind_a_wall(source, shown=(), hidden=(), warm=False):
    """What the source prints behind a wall; `warm`: in a fork that has the frameworks."""
    view = json.dumps([[*map(str, shown)], [*map(str, hidden)], source, warm])
    done = subprocess.run(
        [sys.executable, "-P", "-c", BEHIND_A_WALL, view],
        stdout=subprocess.PIPE,
        stderr=None if warm else subprocess.STDOUT,  # the frameworks warn there
        text=True,
        timeout=120,
        check=False,
        env=zygote_client.zygote_environment(),
    )
    return done.stdout


@pytest.fixture
def installed():
    """A folder with a module and a secret one, and a second name of the folder above it: outside of
    /tmp, where every wall has a folder of its own.
    """
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        packages = Path(folder).resolve() / "real" / "installed"
        (packages / "questions").mkdir(parents=True)
        (packages / "questions" / "secret.py").write_text("seed = 7", encoding="utf-8")
        (packages / "answers.key").write_text("seed = 7", encoding="utf-8")
        (packages / "public.py").write_text("open to all", encoding="utf-8")
        (Path(folder) / "link").symlink_to("real")
        yield packages


def test_what_is_hidden_cannot_be_seen_through_a_link_either(installed):
    by_link = installed.parents[1] / "link" / "installed"
    hidden = [installed / "questions", installed / "answers.key"]
    source = f"""
for folder in {str(installed)!r}, {str(by_link)!r}:
    print(open(folder + "/public.py").read(), os.listdir(folder + "/questions"))
    print(os.stat(folder + "/answers.key").st_size)
"""
    assert (
        behind_a_wall(source, [installed, by_link], hidden) == "open to all []\n0\n" * 2
    )


def test_only_the_notebooks_folder_and_scratch_folders_are_mounted_writable():
    source = """
for line in open("/proc/self/mounts"):
    place, options = line.split()[1], line.split()[3].split(",")
    if "rw" in options:
        print(place)
"""
    writable = set(behind_a_wall(source).split())
    devices = {f"/dev/{name}" for name in ("null", "full", "random", "urandom")}
    assert writable - devices == {"/notebook", "/tmp", "/dev/shm", "/sockets"}


FILES = """
import pathlib, shutil, tarfile, tempfile, zipfile
os.chdir("/tmp")
pathlib.Path("one").mkdir(mode=0o755)
pathlib.Path("one/data.csv").write_text("1,2")
pathlib.Path("one/data.csv").touch()
shutil.copy("one/data.csv", "copy.csv")
shutil.copytree("one", "two")
for kind in ("zip", "tar"):
    shutil.unpack_archive(shutil.make_archive(f"packed-{kind}", kind, "one"), f"three-{kind}")
with tempfile.TemporaryDirectory() as folder:
    shutil.move("copy.csv", folder)
    os.chmod(folder, 0o700)
print([path.read_text() for path in sorted(pathlib.Path().glob("t*/data.csv"))])
"""
"""Ways of keeping files that also copy rights and times, which cannot be changed by name."""


def test_files_are_copied_packed_and_moved_behind_a_wall():
    assert behind_a_wall(FILES) == "['1,2', '1,2', '1,2']\n"


PROCESSES = """
import multiprocessing
from multiprocessing import shared_memory
context = multiprocessing.get_context("fork")
with context.Pool(2) as pool:
    print(pool.map(abs, [-1, -2]))
value, array, queue = context.Value("i", 0), context.Array("d", 3), context.Queue()
def fill():
    value.value, array[1] = 7, 2.5
    queue.put("sent")
child = context.Process(target=fill)
child.start()
print(queue.get(), child.join(), value.value, array[:])
block = shared_memory.SharedMemory(create=True, size=2**20)
other = shared_memory.SharedMemory(block.name)
block.buf[:3] = b"abc"
print(bytes(other.buf[:3]))
other.close()
block.close()
block.unlink()
"""
"""Each way in which Python's processes share memory."""


def test_processes_share_memory_behind_a_wall():
    told = "[1, 2]\nsent None 7 [0.0, 2.5, 0.0]\nb'abc'\n"
    assert behind_a_wall("os.chdir('/tmp')\n" + PROCESSES) == told


LOADERS = {
    "torch": """
from torch.utils.data import DataLoader, TensorDataset
data = TensorDataset(torch.arange(1000.0).reshape(100, 10))
batches = [x for (x,) in DataLoader(data, batch_size=10, num_workers=2)]
print(sum(float(x.sum()) for x in batches), torch.zeros(9).share_memory_().is_shared())
""",
    "mxnet": """
from mxnet import gluon, nd
data = gluon.data.ArrayDataset(nd.arange(1000).reshape((100, 10)))
batches = list(gluon.data.DataLoader(data, batch_size=10, num_workers=2))
print(sum(float(x.sum().asscalar()) for x in batches), len(batches) == 10)
""",
}
"""Batches that other processes make and hand over in shared memory."""


@pytest.mark.parametrize("framework", LOADERS)
def test_workers_load_data_behind_a_wall(framework):
    if not frameworks.available(framework):
        pytest.skip(f"{framework} is not installed")
    source = f"os.chdir('/tmp')\nimport {framework}\n{LOADERS[framework]}"
    assert behind_a_wall(source, warm=True) == "499500.0 True\n"


def test_one_warm_process_serves_all(course):
    first = zygote()
    for student in ("amy", "bob"):
        hand_in(course, student, **RIGHT)
        assert grade(course, student).reason is None
    assert zygote() == first


def test_a_dead_warm_process_is_replaced(course):
    first = zygote()
    os.kill(first, signal.SIGKILL)
    assert gone(first)
    hand_in(course, "amy", **RIGHT)
    assert grade(course, "amy").reason is None
    assert zygote() != first
    assert points(course, "amy") == 5


def test_a_stale_warm_process_is_replaced(monkeypatch, tmp_path):
    first = zygote()
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([os.environ["PYTHONPATH"], str(tmp_path)])
    )
    assert zygote() != first
    assert gone(first)


def test_a_submission_whose_warm_process_is_killed_is_run_again(course):
    """Nothing that a submission did, and not its loss."""
    hand_in(
        course,
        "amy",
        total="import time\ntime.sleep(1.5)\n" + RIGHT["total"],
        turn=RIGHT["turn"],
    )
    first = zygote()

    def kill_when_busy():
        end = time.monotonic() + 60
        while (
            len(psutil.Process(first).children(recursive=True)) < 2
            and time.monotonic() < end
        ):
            time.sleep(0.02)
        os.kill(first, signal.SIGKILL)

    killer = threading.Thread(target=kill_when_busy)
    killer.start()
    result = grade_here(course, "amy")
    killer.join()
    assert result.reason is None
    assert points(course, "amy") == 5
    assert zygote() != first


def test_the_warm_process_ends_with_the_grader():
    script = (
        "import time; from autograder.sandbox import zygote_client; "
        "print(zygote_client.warm()._process.pid, flush=True); time.sleep(60)"
    )
    grader = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    )
    pid = int(grader.stdout.readline())
    grader.kill()
    grader.communicate()
    assert gone(pid, 60)  # at once, or when it has warmed up


def test_a_folder_larger_than_the_disk_is_refused_in_one_line(course):
    with (course.root / "nbgrader_config.py").open("a", encoding="utf-8") as config:
        config.write("c.JudgedExecute.disk_mb = 1\n")
    path = hand_in(course, "amy", **RIGHT)
    (path.parent / "data.bin").write_bytes(bytes(2 * 2**20))
    reason = grade(course, "amy").reason
    assert (
        reason
        == "the submission's files cannot be copied: No space left on device (limit 1 MB in all)"
    )


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs util-linux")
def test_without_walls_nothing_is_graded_unless_submissions_are_trusted(course):
    """A machine on which no network namespace can be made, as in many containers."""
    hand_in(course, "amy", **RIGHT)

    def grade(*options):
        line = 'echo 0 > /proc/sys/user/max_net_namespaces && exec "$@"'
        command = [
            "unshare",
            "-Ur",
            "sh",
            "-c",
            line,
            "sh",
            *COMMAND,
            "grade",
            str(course.root),
            NAME,
            "--workers",
            "1",
            *options,
        ]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False
        )

    refused = grade()
    assert refused.returncode == 2
    assert "unshare: No space left on device" in refused.stderr
    assert "--trust-submissions" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (course.root / "autograded").exists()

    trusted = grade("--trust-submissions")
    assert (trusted.returncode, points(course, "amy")) == (0, 5), trusted.stderr
    subprocess.run(
        [*COMMAND, "report", str(course.root)],
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert "without walls" in (course.root / "report.html").read_text(encoding="utf-8")
