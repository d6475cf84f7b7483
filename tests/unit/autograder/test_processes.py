"""How much a process has worked, also where the machine does not tell."""

from __future__ import annotations

import os
import time

import psutil
import pytest

from autograder.processes import work_of

NOBODYS = 2**22 + 1
"""More than the largest number that Linux gives a process."""


class Clock:
    """A clock that the test sets."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("autograder.processes.time", clock)
    return clock


def hidden(process):
    """psutil.Process where /proc does not show other processes."""
    raise psutil.NoSuchProcess(process)


def refused(process):
    raise psutil.AccessDenied()


def test_work_is_processor_time():
    worked = work_of(os.getpid())
    before = worked()
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    assert 0.02 <= worked() - before < 0.5


def test_a_process_that_is_gone_has_not_worked():
    assert work_of(NOBODYS)() == 0.0


@pytest.mark.parametrize("error", [hidden, refused])
def test_unknown_work_counts_by_the_clock(error, clock, monkeypatch):
    monkeypatch.setattr(psutil, "Process", error)
    worked = work_of(os.getpid())
    clock.now += 3.0
    assert worked() == 3.0


def test_work_that_can_no_longer_be_read_counts_by_the_clock(clock, monkeypatch):
    worked = work_of(os.getpid())
    before = worked()
    monkeypatch.setattr(psutil.Process, "cpu_times", refused)
    clock.now += before + 5.0
    assert worked() == pytest.approx(before + 5.0)


def test_a_process_that_is_gone_has_worked_what_was_last_seen(clock, monkeypatch):
    """Whoever has its number by then."""
    worked = work_of(os.getpid())
    before = worked()
    assert before > 0
    monkeypatch.setattr(psutil.Process, "cpu_times", hidden)
    clock.now += before + 5.0
    assert worked() == before


def test_the_work_of_another_process_with_its_number_is_not_its_own(monkeypatch):
    worked = work_of(os.getpid())
    before = worked()
    times = psutil.Process().cpu_times()._replace(user=before + 100.0)
    monkeypatch.setattr(psutil.Process, "cpu_times", lambda process: times)
    monkeypatch.setattr(psutil.Process, "is_running", lambda process: False)
    assert worked() == before
