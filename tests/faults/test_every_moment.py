"""kill -9 at every moment of entering a grade: it is there or it is not, never in part."""

from __future__ import annotations

import itertools
import os
import signal
import sys

import pytest
from classroom import NAME

from autograder.grading.messages import Ungradable
from autograder.grading.worker import examine
from faults.class_of_forty import gradebook

pytestmark = pytest.mark.alone
EVENTS = (
    "open",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.chmod",
    "shutil.rmtree",
    "sqlite3.connect",
    "sqlalchemy.commit",
)


def killed_at(moment, step):
    """Do `step` in a process that is killed when it is about to change something for the
    `moment`-th time. Returns whether it came to that.
    """
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    try:
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        moments = itertools.count(1)

        def happens(name, details=()):
            writes = name != "open" or (
                isinstance(details[2], int) and details[2] & (os.O_WRONLY | os.O_RDWR)
            )
            if name in EVENTS and writes and next(moments) == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(Engine, "commit", lambda connection: happens("sqlalchemy.commit"))
        sys.addaudithook(happens)
        step()
    finally:
        os._exit(0)


def test_a_kill_at_every_moment_of_entering_a_grade(ungraded, undisturbed):
    """First of a new grade, then of one that could not be given before: all its files, all its
    commits.
    """
    student, broken = "student01", "student02"
    snapshot = ungraded.snapshot(NAME)
    with ungraded._here():
        found = examine(snapshot.job(student))
        found_broken = examine(snapshot.job(broken))
    ungraded.record(snapshot, broken, Ungradable("it was broken"))
    right = [row for row in gradebook(undisturbed) if row[0] in (student, broken)]

    def enter():
        ungraded.record(snapshot, student, found)
        ungraded.record(snapshot, broken, found_broken)

    done_at = []
    for moment in itertools.count(1):
        was_killed = killed_at(moment, enter)
        there = ungraded.graded_before(snapshot, [student, broken])
        done_at.append(len(there))
        for name in there:
            assert [row for row in gradebook(ungraded) if row[0] == name] == [
                row for row in right if row[0] == name
            ]
            assert name not in ungraded.errors()[NAME]
        if not was_killed:
            break
        assert moment < 200
        for name, what in ((student, found), (broken, found_broken)):  # the next run
            if name not in there:
                ungraded.record(snapshot, name, what)
        assert gradebook(ungraded) == right
        assert ungraded.errors()[NAME] == {}
        for name in (student, broken):  # and everything from the start again
            for path in (ungraded.root / "autograded" / name).rglob("*.ipynb"):
                path.unlink()
        ungraded.record(snapshot, broken, Ungradable("it was broken"))
    assert done_at[-1] == 2
    assert 0 in done_at and 1 in done_at, "no kill struck in the middle"
    assert len(done_at) > 10
