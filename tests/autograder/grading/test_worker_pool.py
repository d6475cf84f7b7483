"""The process that records watches those that examine: one that overstays its time is ended and
replaced, and only the submission that it was at is given up.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from multiprocessing.connection import Connection

import pytest

from autograder.grading import batch
from autograder.grading.batch import WorkerPool
from autograder.grading.messages import (
    Job,
    Ready,
    Report,
    Ungradable,
    Working,
    decode,
    encode,
)

STUDENTS = ("amy", "bob", "cem", "dot", "eve")


def job(student):
    return Job("/", "/", student, "sums", {}, {}, {}, 50.0, "")


class Process:
    """A worker that this process plays: `play` is what it says, by the line that it is given."""

    def __init__(self, play, end):
        self._end, self._ended = end, threading.Event()
        self._line = Connection(os.dup(end.fileno()))
        self._thread = threading.Thread(target=self._run, args=(play,), daemon=True)
        self._thread.start()

    def _run(self, play):
        try:
            play(self._line, self._ended)
        except (EOFError, OSError):
            pass
        finally:
            self.kill()
            self._line.close()

    def wait(self, seconds):
        return self._ended.wait(seconds)

    def kill(self):
        self._ended.set()
        with contextlib.suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._thread.join(5)
        self._end.close()

    def disturbed(self):
        return False


def played(play_by_number, monkeypatch):
    """Have `start_worker` start players: the first, the second, then the last for ever."""
    started = []

    def start(log):
        ours, theirs = socket.socketpair()
        log.touch()
        play = play_by_number[min(len(started), len(play_by_number) - 1)]
        process = Process(play, theirs)
        started.append(process)
        return process, Connection(ours.detach())

    monkeypatch.setattr(batch, "start_worker", start)
    monkeypatch.setattr(batch, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(batch, "EXIT_SECONDS", 0.2)
    return started


def say(line, message):
    line.send_bytes(encode(message))


def sound(line, ended):
    """Examines one after the other, and names whose it was."""
    say(line, Ready())
    number = 0
    while True:
        student = decode(line.recv_bytes()).student
        say(line, Working(number, "read", 60))
        say(line, Working(number, "run", 60))
        say(line, Report(Ungradable(f"examined {student}"), []))
        number += 1


def stuck_at(stage, at="bob", silent=False):
    """Does the same, until it comes to somebody and hangs there."""

    def play(line, ended):
        say(line, Ready())
        number = 0
        while True:
            student = decode(line.recv_bytes()).student
            if student == at:
                if not silent:
                    say(line, Working(number, stage, 0.1))
                ended.wait(60)
                return
            say(line, Report(Ungradable(f"examined {student}"), []))
            number += 1

    return play


def reads_ahead(line, ended):
    """Hangs while it reads the second before it has run the first, as a worker does."""
    say(line, Ready())
    for number in range(2):
        decode(line.recv_bytes())
        say(line, Working(number, "read", 60 if number == 0 else 0.1))
    ended.wait(60)


def leaves(line, ended):
    """Says after its first submission that it is lost."""
    say(line, Ready())
    student = decode(line.recv_bytes()).student
    say(line, Report(Ungradable(f"examined {student}"), [], leaving=True))
    ended.wait(60)


def graded(tmp_path, workers=1):
    pool = WorkerPool(
        {("sums", name): job(name) for name in STUDENTS}, workers, tmp_path
    )
    try:
        return {key[1]: report.result.reason for key, report in pool.reports()}
    finally:
        pool.close()


@pytest.mark.parametrize("stage", ["read", "run"])
def test_one_that_overstays_its_time_costs_its_submission_and_nobody_else(
    tmp_path, monkeypatch, stage
):
    started = played([stuck_at(stage), sound], monkeypatch)
    reasons = graded(tmp_path)
    assert reasons.pop("bob").startswith(
        "the process that examined it was ended after 0 seconds"
    )
    assert reasons == {name: f"examined {name}" for name in STUDENTS if name != "bob"}
    assert len(started) == 2


def test_one_that_says_nothing_has_a_time_too(tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "GIVE_SECONDS", 5.0)
    played([stuck_at("", at="amy", silent=True), sound], monkeypatch)
    reasons = graded(tmp_path)
    assert "was ended" in reasons.pop("amy")
    assert len(reasons) == 4 and not any(
        "ended" in reason for reason in reasons.values()
    )


def test_one_that_never_is_ready_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "START_SECONDS", 0.1)
    played([lambda line, ended: ended.wait(60), sound], monkeypatch)
    assert list(graded(tmp_path).values()) == [f"examined {name}" for name in STUDENTS]


def test_who_is_read_ahead_is_to_blame_and_not_who_waits_to_be_run(
    tmp_path, monkeypatch
):
    played([reads_ahead, sound], monkeypatch)
    reasons = graded(tmp_path)
    assert "while it was read" in reasons.pop("bob")
    assert reasons == {name: f"examined {name}" for name in STUDENTS if name != "bob"}


def test_one_that_says_that_it_is_lost_is_replaced(tmp_path, monkeypatch):
    started = played([leaves, sound], monkeypatch)
    assert graded(tmp_path) == {name: f"examined {name}" for name in STUDENTS}
    assert len(started) == 2


def dies(line, ended):
    """Is killed by whatever it is given."""
    say(line, Ready())
    decode(line.recv_bytes())
    say(line, Working(0, "run", 60))


def test_many_that_kill_their_workers_cost_themselves_alone(tmp_path, monkeypatch):
    """However many: they do not add up to a machine that ends processes."""
    monkeypatch.setattr(batch, "MOST_DISTURBANCES", batch.ATTEMPTS)
    played([dies], monkeypatch)
    reasons = graded(tmp_path)
    assert list(reasons) == list(STUDENTS)
    assert all(
        "was killed 2 times while it was run and judged" in said
        for said in reasons.values()
    )


def test_a_worker_is_ended_while_something_else_is_waited_for(tmp_path, monkeypatch):
    """The watch is a thread of its own: recording may take long."""
    monkeypatch.setattr(batch, "GIVE_SECONDS", 1.0)
    started = played([stuck_at("run"), sound], monkeypatch)
    pool = WorkerPool({("sums", name): job(name) for name in STUDENTS}, 1, tmp_path)
    try:
        for _ in pool.reports():
            assert started[0].wait(30)
    finally:
        pool.close()


def test_descriptors_are_given_back(tmp_path, monkeypatch):
    played([stuck_at("run"), sound], monkeypatch)
    before = len(os.listdir("/proc/self/fd"))
    graded(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before
