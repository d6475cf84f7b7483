"""How the grader's side lets go of a kernel while other threads may still want to end it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import pytest

from autograder.sandbox import provisioner


@pytest.fixture
def signalled(monkeypatch):
    """The descriptors that are sent a signal, which goes nowhere."""
    descriptors = []
    monkeypatch.setattr(
        signal,
        "pidfd_send_signal",
        lambda descriptor, number: descriptors.append(descriptor),
    )
    return descriptors


def test_a_kernel_is_forgotten_before_its_descriptor_is_closed(signalled, monkeypatch):
    """Once it is closed, its number may be another kernel's."""
    kernel, sockets = os.pipe()
    one = provisioner.WalledProvisioner()
    one._kernel, one._sockets = kernel, sockets
    close, closed = os.close, []

    def close_while_another_thread_ends_it(descriptor):
        close(descriptor)
        closed.append(descriptor)
        thread = threading.Thread(target=one.end)
        thread.start()
        thread.join()

    monkeypatch.setattr(provisioner.os, "close", close_while_another_thread_ends_it)
    asyncio.run(one.cleanup())
    assert {kernel, sockets} <= set(closed)
    assert signalled == [kernel]  # by the end of `cleanup`'s own, while it was open


def test_a_kernel_is_not_closed_while_another_thread_signals_it(monkeypatch):
    kernel, other = os.pipe()
    one = provisioner.WalledProvisioner()
    one._kernel = kernel
    signalling, may_go_on, open_at_the_end = threading.Event(), threading.Event(), []

    def signal_slowly(descriptor, number):
        if threading.current_thread() is ending:
            signalling.set()
            may_go_on.wait(5)
            os.fstat(descriptor)
            open_at_the_end.append(descriptor)

    monkeypatch.setattr(signal, "pidfd_send_signal", signal_slowly)
    ending = threading.Thread(target=one.end)
    ending.start()
    assert signalling.wait(5)
    threading.Timer(0.1, may_go_on.set).start()
    asyncio.run(one.cleanup())
    ending.join()
    assert open_at_the_end == [kernel]
    os.close(other)


def test_a_guard_that_is_stopped_has_done_what_it_does(monkeypatch):
    grown, acting, may_end, acted = *(threading.Event() for _ in range(3)), []
    monkeypatch.setattr(
        provisioner, "_own_memory", lambda: 2**20 if grown.is_set() else 0
    )

    def act():
        acting.set()
        may_end.wait(5)
        acted.append(threading.current_thread())
        guard.stop()  # by its own thread: does not wait for itself

    guard = provisioner.Guard(2**10, act)
    grown.set()
    assert acting.wait(5)
    threading.Timer(0.1, may_end.set).start()
    guard.stop()
    assert acted == [guard]
