"""A channel outlives a forked child of its process."""

from __future__ import annotations

import os
import socket

import pytest

from autograder.values.channel import Channel


@pytest.mark.alone
def test_the_descriptor_survives_a_forked_child_that_ends():
    one, other = map(Channel, socket.socketpair())
    if (child := os.fork()) == 0:
        os._exit(0)
    os.waitpid(child, 0)
    one.send("still here")
    assert other.receive(5).kind == "still here"
    one.close()
    other.close()
