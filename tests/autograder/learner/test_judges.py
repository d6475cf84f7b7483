"""All kernels of a learner have judges of one server: warm, apart from each other, never stale."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from autograder.learner import judges

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere each kernel starts a judge of its own"
)


@pytest.fixture(autouse=True)
def runtime(learner, tmp_path_factory, monkeypatch):
    """A folder of this test's own for addresses; its servers end with the test."""
    folder = tmp_path_factory.mktemp("run")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder
    for process in psutil.process_iter(["cmdline"]):
        if _is_server(process) and _runtime_of(process) == str(folder):
            process.kill()


def _is_server(process: psutil.Process) -> bool:
    return "autograder.learner.judge_server" in (process.info["cmdline"] or [])


def _runtime_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("XDG_RUNTIME_DIR")
    except psutil.Error:
        return None


def parent(judge) -> int:
    return psutil.Process(judge.pid).ppid()


@pytest.fixture
def ask():
    """Start a judge, as a kernel does."""
    opened = []

    def start():
        log = tempfile.TemporaryFile()  # noqa: SIM115 -- lives as long as the judge
        channel, judge = judges.start(log)
        opened.append((channel, judge, log))
        return channel, judge

    yield start
    for channel, judge, log in opened:
        channel.close()
        judge.kill()
        judge.wait()
        log.close()


def answers(channel) -> bool:
    channel.send("hint", question="small.total")
    return "Hint" in channel.receive(timeout=60).fields["text"]


def test_two_kernels_have_judges_of_one_server_that_share_its_memory(ask):
    pytest.importorskip("torch")
    (first_channel, first), (second_channel, second) = ask(), ask()
    assert answers(first_channel) and answers(second_channel)
    assert first.pid != second.pid
    assert parent(first) == parent(second)
    own = psutil.Process(second.pid).memory_full_info().uss
    server = psutil.Process(parent(second)).memory_full_info().rss
    assert own < server / 4


def test_a_judge_has_its_kernels_folder_and_environment(ask, monkeypatch, tmp_path):
    ask()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "mine.jsonl"))
    channel, judge = ask()
    assert answers(channel)
    assert os.readlink(f"/proc/{judge.pid}/cwd") == str(tmp_path)
    channel.send("hint", question="small.total")
    channel.receive(timeout=60)
    assert (tmp_path / "mine.jsonl").exists()


def test_who_would_import_other_things_has_another_server(ask, monkeypatch):
    _, first = ask()
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", "") + ":/nowhere")
    _, second = ask()
    assert parent(first) != parent(second)


def test_after_a_change_of_the_questions_there_is_a_new_server(
    ask, monkeypatch, tmp_path
):
    package = tmp_path / "changing"
    package.mkdir()
    (package / "__init__.py").write_text("CHAPTERS = ()")
    monkeypatch.setenv("PYTHONPATH", f"{os.environ['PYTHONPATH']}:{tmp_path}")
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "changing")
    (_, first), (_, second) = ask(), ask()
    assert parent(first) == parent(second)
    (package / "__init__.py").write_text("CHAPTERS = []  # another")
    _, third = ask()
    assert parent(third) != parent(first)
    assert first.poll() is None, "judges of the old one go on"


def test_a_killed_server_is_replaced(ask):
    _, first = ask()
    server = parent(first)
    os.kill(server, signal.SIGKILL)
    while psutil.pid_exists(server) and not _is_zombie(server):
        time.sleep(0.01)
    channel, second = ask()
    assert answers(channel)
    assert parent(second) != server


def _is_zombie(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_judge_ends_with_its_channel(ask):
    channel, judge = ask()
    channel.close()
    judge.wait()
    assert judge.poll() is not None


@pytest.mark.parametrize("fault", ["open to others", "a file", "a link"])
def test_without_a_safe_folder_a_judge_is_started_for_this_kernel_alone(
    ask, runtime, fault
):
    folder = runtime / f"deep-learning-course-{os.getuid()}"
    if fault == "open to others":
        folder.mkdir()
        folder.chmod(0o777)
    elif fault == "a file":
        folder.write_text("")
    else:
        (runtime / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(runtime / "elsewhere")
    channel, judge = ask()
    assert parent(judge) == os.getpid()
    assert answers(channel)


def test_a_server_that_nobody_asks_ends_and_takes_its_address_away(tmp_path):
    address = tmp_path / "judge"
    code = (
        "from autograder.learner import judge_server as server;"
        "server.IDLE = 0.2; server.main()"
    )
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen()
        number = listener.fileno()
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", code, str(number)], pass_fds=[number]
        )
    assert process.wait(timeout=120) == 0
    assert not Path(address).exists()


def test_it_is_warm_before_it_is_asked(ask):
    judges.warm_up()
    judges.warm_up()
    assert len(judges._servers) > 0
    server = judges._servers[-1].pid
    _, judge = ask()
    assert parent(judge) == server
