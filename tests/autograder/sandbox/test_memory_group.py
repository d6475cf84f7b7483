"""Where a control group can be made, Linux keeps the limit on memory at every instant."""

from __future__ import annotations

import os
import signal

import pytest

from autograder.sandbox import memory_group

MEGABYTE = 2**20


@pytest.fixture
def group(monkeypatch):
    monkeypatch.setattr(memory_group, "BEYOND", 10 * MEGABYTE)
    made = memory_group.make(40 * MEGABYTE)
    if made is None:
        pytest.skip("no control group with a limit on memory can be made here")
    yield made
    made.remove()
    assert not made.folder.exists()


def ended_with(group, megabytes):
    """How a process of the group ends that takes so much at once."""
    child = os.fork()
    if child == 0:
        group.take_in(os.getpid())
        bytearray(megabytes * MEGABYTE)[::4096] = b"x" * (megabytes * 256)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


@pytest.mark.alone
def test_what_is_more_than_the_group_may_have_is_not_given(group):
    assert ended_with(group, 20) == 0
    assert not group.killed()
    assert ended_with(group, 200) == -signal.SIGKILL
    assert group.killed()


def test_what_does_not_fit_is_not_moved_to_swap_either(group):
    memory_and_swap = group.folder / "memory.memsw.limit_in_bytes"
    swap_alone = group.folder / "memory.swap.max"
    if memory_and_swap.exists():
        assert int(memory_and_swap.read_text(encoding="ascii")) == 50 * MEGABYTE
    elif swap_alone.exists():
        assert int(swap_alone.read_text(encoding="ascii")) == 0
    else:
        pytest.skip("Linux does not count swap for groups here")


def test_a_group_that_a_warden_of_the_same_number_has_left_is_replaced(group):
    again = memory_group.make(30 * MEGABYTE)
    assert again == group
    limits = [
        (group.folder / name).read_text(encoding="ascii").strip()
        for name in ("memory.limit_in_bytes", "memory.max")
        if (group.folder / name).exists()
    ]
    assert limits == [str(40 * MEGABYTE)]


def test_what_a_warden_that_was_killed_has_left_is_removed(group):
    gone = os.fork()
    if gone == 0:
        os._exit(0)
    os.waitpid(gone, 0)
    left = group.folder.with_name(f"{memory_group.PREFIX}{gone}")
    left.mkdir()
    memory_group._remove_left_behind(group.folder.parent)
    assert not left.exists()
    assert group.folder.exists()
