"""Messages arrive as they were sent: their types, enums and paths included."""

from __future__ import annotations

import os

import pytest

from autograder.sandbox import messages
from autograder.sandbox.messages import (
    Cause,
    EndReason,
    KernelEnded,
    KernelFailed,
    KernelReady,
    KernelRequest,
    KernelSetting,
    KernelStarted,
    WorkerFailed,
    WorkerRequest,
    WorkerSetting,
    WorkerStarted,
)
from autograder.sandbox.wall import Limits

ALL = (
    KernelRequest(("optuna", "torchvision")),
    KernelSetting(
        connection={"ip": "/sockets/s", "shell_port": 1, "key": "k"},
        mount_point="/tmp/kernel-1",
        folder=None,
        hidden=("/course",),
        packages=(),
        limits=Limits(memory_mb=512, output_mb=1),
    ),
    WorkerRequest("module:function"),
    WorkerSetting(
        {"PATH": "/bin", "NAME": "not UTF-8: \udcff"}, "/course", ["", "/lib"]
    ),
    WorkerStarted(12),
    WorkerFailed("Resource temporarily unavailable"),
    KernelStarted(13),
    KernelReady(),
    KernelFailed(Cause.FOLDER, "the folder is too large"),
    KernelEnded(-9, EndReason.MEMORY),
)


@pytest.mark.parametrize("message", ALL, ids=lambda message: type(message).__name__)
def test_a_message_arrives_as_it_was_sent(message):
    received = messages.decode(messages.encode(message))
    assert received == message
    assert type(received) is type(message)


def test_all_kinds_of_message_are_tried():
    assert {type(message) for message in ALL} == set(messages.Message.__subclasses__())


def test_causes_and_reasons_arrive_as_such():
    failed = messages.decode(messages.encode(KernelFailed(Cause.WALL, "")))
    ended = messages.decode(messages.encode(KernelEnded(0, EndReason.OVER)))
    assert failed.cause is Cause.WALL
    assert ended.reason is EndReason.OVER


def test_descriptors_travel_beside_a_message():
    ours, theirs = messages.pair()
    reading, writing = os.pipe()
    with ours, theirs:
        messages.send(ours, WorkerStarted(1), [reading])
        received = messages.receive(theirs)
        os.close(reading)
        assert received is not None
        message, [copy] = received
        os.write(writing, b"x")
        os.close(writing)
        assert (message, os.read(copy, 2)) == (WorkerStarted(1), b"x")
        os.close(copy)


def test_messages_stay_apart_and_end_with_the_other_side():
    ours, theirs = messages.pair()
    with theirs:
        with ours:
            messages.send(ours, WorkerStarted(1))
            messages.send(ours, WorkerStarted(2))
        assert messages.receive(theirs) == (WorkerStarted(1), [])
        assert messages.receive(theirs) == (WorkerStarted(2), [])
        assert messages.receive(theirs) is None


def test_a_file_holds_a_message_and_is_gone_after_it_was_read():
    setting = WorkerSetting({"PATH": "/bin"}, "/course", [])
    with messages.in_file(setting) as descriptor:
        assert messages.read_from_file(os.dup(descriptor)) == setting
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
