"""Messages over a real socket: whole, capped, and nonsense is recognised."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time

import numpy as np
import pytest
import strategies as some
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import examples, identical

from autograder.values.channel import MAX_BODY, MAX_HEADER, Channel, Closed
from autograder.values.plain_values import MAX_ITEMS, Malformed

PATIENCE = 4.0
"""Seconds within which a busy machine, too, comes back to whoever waited a quarter of a second;
below the five that nobody should have waited.
"""


@pytest.fixture
def pair():
    one, other = map(Channel, socket.socketpair())
    yield one, other
    one.close()
    other.close()


@pytest.fixture
def stranger():
    """A bare socket, and the channel at its other end."""
    ours, theirs = socket.socketpair()
    channel = Channel(theirs)
    yield ours, channel
    ours.close()
    channel.close()


def frame(header: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">II", len(header), len(body)) + header + body


@settings(max_examples=examples(20))
@given(
    some.plain_values(),
    st.dictionaries(
        st.text(max_size=5).filter(lambda key: key not in ("self", "kind", "value")),
        some.scalars,
    ),
)
def test_a_message_arrives_as_it_was_sent(value, fields):
    one, other = map(Channel, socket.socketpair())
    one.send("greeting", value, **fields)
    message = other.receive(5)
    one.close()
    other.close()
    assert message.kind == "greeting"
    assert identical(message.fields, fields)
    assert identical(message.value, value)


def test_messages_arrive_one_by_one_in_order(pair):
    one, other = pair
    for number in range(5):
        one.send("count", np.full(number, number), number=number)
    assert [other.receive(5).fields["number"] for _ in range(5)] == [0, 1, 2, 3, 4]


def test_a_message_larger_than_the_sockets_buffer_arrives_whole(pair):
    one, other = pair
    value = np.arange(3_000_000, dtype=np.float32)
    sender = threading.Thread(target=one.send, args=("large", value))
    sender.start()
    assert identical(other.receive(20).value, value)
    sender.join()


def test_a_value_over_the_limit_is_refused_before_anything_is_sent(pair):
    one, other = pair
    with pytest.raises(ValueError, match="limit 256 MB"):
        one.send("large", np.broadcast_to(np.zeros(1), MAX_BODY // 8 + 1))
    one.send("small")
    assert other.receive(5).kind == "small"


HOSTILE = {
    "not JSON": b"hello",
    "not text": b"\xff\xfe\x00",
    "empty": b"",
    "a list": b"[]",
    "a number": b"NaN",
    "no kind": b'{"fields": {}}',
    "kind of the wrong type": b'{"kind": 1, "fields": {}, "arrays": []}',
    "no fields": b'{"kind": "result", "arrays": []}',
    "fields of the wrong type": b'{"kind": "result", "fields": [], "arrays": []}',
    "no arrays": b'{"kind": "result", "fields": {}}',
    "deeply nested": b'{"kind": "result", "fields": {}, "arrays": [], "value": '
    + b'{"list": [' * 50_000
    + b"]}" * 50_000
    + b"}",
    "nested beyond JSON's own depth": b"[" * 1_000_000,
    "too many items": json.dumps(
        {
            "kind": "r",
            "fields": {},
            "arrays": [],
            "value": {"list": [0] * (MAX_ITEMS + 1)},
        }
    ).encode(),
    "an integer of a million digits": b'{"kind": "result", "fields": {}, "arrays": [], "value": '
    + b"9" * 1_000_000
    + b"}",
    "an array that was not sent": (
        b'{"kind": "result", "fields": {}, "arrays": [], "value": {"array": 0}}'
    ),
    "a shape of NaN": (
        b'{"kind": "result", "fields": {}, "arrays": [{"dtype": "int8", "shape": [NaN]}]}'
    ),
    "an array of objects": (
        b'{"kind": "result", "fields": {}, "arrays": [{"dtype": "object", "shape": [0]}]}'
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_header_that_the_protocol_does_not_know_is_malformed(stranger, name):
    ours, channel = stranger
    threading.Thread(target=ours.sendall, args=(frame(HOSTILE[name]),)).start()
    with pytest.raises(Malformed):
        channel.receive(5)


@given(
    some.json_values,
    st.lists(some.array_descriptions, max_size=2),
    st.binary(max_size=40),
)
def test_any_header_is_read_or_malformed(value, arrays, body):
    ours, theirs = socket.socketpair()
    channel = Channel(theirs)
    ours.sendall(
        frame(
            json.dumps(
                {"kind": "result", "fields": {}, "value": value, "arrays": arrays}
            ).encode(),
            body,
        )
    )
    try:
        channel.receive(5)
    except Malformed:
        pass
    finally:
        ours.close()
        channel.close()


@pytest.mark.parametrize(
    "lengths", [(MAX_HEADER + 1, 0), (10, MAX_BODY + 1), (2**32 - 1, 2**32 - 1)]
)
def test_a_message_over_the_limit_is_malformed_at_its_first_eight_bytes(
    stranger, lengths
):
    ours, channel = stranger
    ours.sendall(struct.pack(">II", *lengths))
    start = time.monotonic()
    with pytest.raises(Malformed):
        channel.receive(5)
    assert time.monotonic() - start < PATIENCE


@pytest.mark.parametrize(
    "sent", [b"", b"\0\0", frame(b'{"kind": "result"', b"123")[:-2], frame(b"{}")[:9]]
)
def test_a_message_that_breaks_off_is_closed(stranger, sent):
    ours, channel = stranger
    ours.sendall(sent)
    ours.close()
    with pytest.raises(Closed):
        channel.receive(5)


@pytest.mark.parametrize("sent", [b"", b"\0\0\0", frame(b"{}")[:9]])
def test_who_sends_nothing_or_half_a_message_is_not_waited_for(stranger, sent):
    ours, channel = stranger
    ours.sendall(sent)
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        channel.receive(0.1)
    assert 0.09 < time.monotonic() - start < PATIENCE


def test_who_sends_a_byte_now_and_then_does_not_gain_time(stranger):
    ours, channel = stranger
    stop = threading.Event()

    def drip():
        while not stop.wait(0.05):
            ours.send(b"\0")

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        start = time.monotonic()
        with pytest.raises((TimeoutError, Malformed)):
            channel.receive(0.25)
        assert time.monotonic() - start < PATIENCE
    finally:
        stop.set()
        dripping.join()


def test_sending_to_a_closed_end_is_closed(pair):
    one, other = pair
    other.close()

    def send_more_than_fits():
        for _ in range(3):
            one.send("hello", np.zeros(100_000))

    with pytest.raises(Closed):
        send_more_than_fits()


def test_closing_wakes_whoever_waits(pair):
    one, other = pair
    threading.Timer(0.1, one.close).start()
    with pytest.raises(Closed):
        other.receive(10)
    assert one.closed
