"""kill -9 of anything at any moment: no finished grade is lost, none is there twice, and the next run does what is missing."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import sys
import time

import psutil
import pytest
from classroom import NAME
from conftest import all_verdicts, gradebook, notebooks, run, start

from autograder.worker import examine
from autograder.zygote import KERNEL, WORKER

KILLS = 5


def victims(command, kind):
    """The processes of a running `course grade` that are of this kind: "command", "worker", "zygote" or "kernel"."""
    if kind == "command":
        return [psutil.Process(command.pid)] if command.poll() is None else []
    with contextlib.suppress(psutil.NoSuchProcess):
        children = psutil.Process(command.pid).children(recursive=True)
        return [process for process in children if _kind(process, command.pid) == kind]
    return []


def _kind(process, command):
    with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        return "zygote" if process.ppid() == command else {WORKER: "worker", KERNEL: "kernel"}.get(process.name())


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "kinds"),
    [
        (1, ["worker"]),
        (2, ["command"]),
        (3, ["zygote"]),
        (4, ["worker", "command", "zygote", "kernel"]),
    ],
    ids=["workers", "command", "zygote", "any"],
)
def test_random_kills(ungraded, undisturbed, seed, kinds):
    rng = random.Random(seed)
    kills, finished, seen = 0, {}, []
    command = start(ungraded, "--workers", "2")
    try:
        while kills < KILLS:
            goal = len(finished) + rng.randint(1, 5)
            wait_for(lambda goal=goal, command=command: len(notebooks(ungraded)) >= goal or command.poll() is not None, 120)
            time.sleep(rng.uniform(0, 0.3))
            kind = rng.choice(kinds)
            targets = victims(command, kind) or victims(command, "command")
            seen += victims(command, "worker")
            if not targets:  # it has ended meanwhile: all that could be graded is
                break
            target = rng.choice(targets)
            with contextlib.suppress(psutil.NoSuchProcess):
                target.kill()
            kills += 1
            if target.pid == command.pid:
                command.communicate()
                command = start(ungraded, "--workers", "2")
            now = notebooks(ungraded)
            assert finished.items() <= now.items(), "a finished grade is gone, or was made twice"
            finished = now
        command.kill()
    finally:
        command.kill()
        command.communicate()
    assert kills >= 3
    wait_for(lambda: not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in seen), 20)
    before = notebooks(ungraded)
    code, out, err = run(ungraded, "--workers", "2")
    assert (code, err) == (0, ""), err
    assert f"40 of 40 submissions graded. {len(before)} of them had been graded before" in out
    assert before.items() <= notebooks(ungraded).items()
    assert gradebook(ungraded) == gradebook(undisturbed)
    assert all_verdicts(ungraded) == all_verdicts(undisturbed)
    assert ungraded.errors().get(NAME, {}) == {}
    assert not list(ungraded.root.rglob("*.new"))


EVENTS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "shutil.rmtree", "sqlite3.connect", "sqlalchemy.commit")


def killed_at(moment, step):
    """Do `step` in a process that is killed when it is about to change something for the `moment`-th time. Returns whether it came to that."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    try:
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        moments = itertools.count(1)

        def happens(name, details=()):
            writes = name != "open" or (isinstance(details[2], int) and details[2] & (os.O_WRONLY | os.O_RDWR))
            if name in EVENTS and writes and next(moments) == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(Engine, "commit", lambda connection: happens("sqlalchemy.commit"))
        sys.addaudithook(happens)
        step()
    finally:
        os._exit(0)


def test_a_kill_at_every_moment_of_entering_a_grade(ungraded, undisturbed):
    """First of a new grade, then of one that could not be given before: all its files, all its commits."""
    student, broken = "student01", "student02"
    outline = ungraded.outline(NAME)
    with ungraded._here():
        found = examine(outline.job(student))
        found_broken = examine(outline.job(broken))
    ungraded.record(outline, broken, {"reason": "it was broken"})
    right = [row for row in gradebook(undisturbed) if row[0] in (student, broken)]

    def enter():
        ungraded.record(outline, student, found)
        ungraded.record(outline, broken, found_broken)

    done_at = []
    for moment in itertools.count(1):
        was_killed = killed_at(moment, enter)
        there = ungraded.graded_before(outline, [student, broken])
        done_at.append(len(there))
        for name in there:
            assert [row for row in gradebook(ungraded) if row[0] == name] == [row for row in right if row[0] == name]
            assert name not in ungraded.errors()[NAME]
        if not was_killed:
            break
        assert moment < 200
        for name, what in ((student, found), (broken, found_broken)):  # the next run
            if name not in there:
                ungraded.record(outline, name, what)
        assert gradebook(ungraded) == right
        assert ungraded.errors()[NAME] == {}
        for name in (student, broken):  # and everything from the start again
            for path in (ungraded.root / "autograded" / name).rglob("*.ipynb"):
                path.unlink()
        ungraded.record(outline, broken, {"reason": "it was broken"})
    assert done_at[-1] == 2
    assert 0 in done_at and 1 in done_at, "no kill struck in the middle"
    assert len(done_at) > 10
