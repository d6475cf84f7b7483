"""An answer in another process may send anything: forged, doubled, late or broken results change
nothing but its own verdict.
"""

from __future__ import annotations

import itertools
import json
import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress

import numpy as np
import pytest
import strategies as some
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import examples

from autograder.judge import remote_answer as remote_module
from autograder.judge.remote_answer import RemoteAnswer
from autograder.values.channel import Channel, Closed
from autograder.values.plain_values import Malformed

GOOD = {
    "outcome": "value",
    "error": "",
    "message": "",
    "lines": [],
    "printed": "",
    "last": "",
    "seconds": 0.0,
}
WALL = 60.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(remote_module, "GRACE", 0.2)
    monkeypatch.setattr(remote_module, "MOST_WORK", 0.5)


@contextmanager
def student(behaviour, worked=None):
    """The peer of a student's process that does `behaviour(channel)`, in a thread, over a real
    socket; `worked` measures it.
    """
    ours, theirs = socket.socketpair()
    judge, channel = Channel(ours), Channel(theirs)

    def live():
        with suppress(Closed, Malformed):
            behaviour(channel)

    thread = threading.Thread(target=live)
    thread.start()
    try:
        yield RemoteAnswer(judge, worked=worked), judge
    finally:
        judge.close()
        thread.join(5)
        channel.close()


def answering(change):
    """A behaviour that answers every call with ``change(call)``: a list of (kind, value, fields)
    to send.
    """

    def behaviour(channel):
        while True:
            call = channel.receive()
            for kind, value, fields in change(call):
                channel.send(kind, value, **fields)

    return behaviour


def good(call, **changed):
    return "result", call.value[0], {"id": call.fields["id"], **GOOD, **changed}


def test_calls_and_values_cross():
    with student(answering(lambda call: [good(call)])) as (peer, judge):
        for value in (np.arange(6).reshape(2, 3), 3.5, None, [1, "a"]):
            outcome = peer("call", (value,), 5.0, WALL)
            assert outcome.kind == "value"
            np.testing.assert_equal(outcome.value, value)
        assert not judge.closed


def test_the_call_says_how_it_is_driven_and_how_long_it_may_take():
    def check(call):
        assert call.kind == "call" and call.fields == {
            "id": 1,
            "driver": "network",
            "seconds": 5.0,
            "wall": WALL,
        }
        return [good(call)]

    with student(answering(check)) as (peer, _):
        assert peer("network", (1,), 5.0, WALL).value == 1


FORGED = {
    "an id that was not asked": lambda call: [
        ("result", 1, {**GOOD, "id": call.fields["id"] + 1})
    ],
    "an id of another type": lambda call: [
        ("result", 1, {**GOOD, "id": str(call.fields["id"])})
    ],
    "no id": lambda call: [("result", 1, GOOD)],
    "another kind": lambda call: [("verdict", 1, {**GOOD, "id": call.fields["id"]})],
    "a check instead of a result": lambda call: [
        ("check", None, {"question": "small.total", "framework": "numpy"})
    ],
    "an outcome that only the judge gives": lambda call: [good(call, outcome="lost")],
    "an outcome of another type": lambda call: [good(call, outcome=["value"])],
    "no outcome": lambda call: [("result", 1, {"id": call.fields["id"]})],
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_result_loses_the_exchange(name):
    with student(answering(FORGED[name])) as (peer, judge):
        assert peer("call", (1.0,), 5.0, WALL).kind == "lost"
        assert judge.closed
        assert peer("call", (1.0,), 5.0, WALL).kind == "lost"


def test_a_doubled_result_is_not_taken_for_the_next_calls():
    with student(answering(lambda call: [good(call), good(call)])) as (peer, _):
        assert peer("call", (1.0,), 5.0, WALL).value == 1.0
        assert peer("call", (2.0,), 5.0, WALL).kind == "lost"


def test_a_late_result_is_not_taken_for_the_next_calls():
    def late(call):
        time.sleep(0.5)
        return [good(call)]

    with student(answering(late)) as (peer, judge):
        assert peer("call", (1.0,), 5.0, 0.1).kind == "timeout"
        assert judge.closed
        time.sleep(0.5)
        assert peer("call", (2.0,), 5.0, WALL).kind == "lost"


def test_silence_is_waited_for_until_the_clock_has_gone_on_by_the_wall_limit():
    with student(lambda channel: channel.receive() and channel.receive()) as (peer, _):
        start = time.monotonic()
        assert peer("call", (1.0,), 5.0, 0.2).kind == "timeout"
        assert time.monotonic() - start >= 0.4


def silent(channel):
    channel.receive() and channel.receive()


def trickling(channel):
    call = channel.receive()
    kind, value, fields = good(call)
    ours, theirs = socket.socketpair()
    Channel(ours).send(kind, value, **fields)
    for byte in theirs.recv(10_000):
        with suppress(OSError):
            channel._socket.sendall(bytes([byte]))
        time.sleep(0.01)


def test_imports_are_no_work_as_far_as_they_may_go():
    """How long they took is known from the process alone, which may say what it likes."""

    def importing(call):
        return [good(call, imported=0.3)]

    clock = itertools.count(10.0, 0.5)  # half a second of work in each call
    with student(answering(importing), worked=lambda: next(clock)) as (peer, _):
        seconds = [peer("call", (1.0,), 5.0, WALL).seconds for _ in range(3)]
    whole = seconds[2]
    assert seconds[0] == pytest.approx(whole - 0.3)
    assert seconds[1] == pytest.approx(whole - 0.2)


@pytest.mark.parametrize(
    "said", [-1.0, float("inf"), float("nan"), "1", None, True, [1.0]]
)
def test_what_is_no_time_of_imports_is_none(said):
    clock = itertools.count(10.0, 0.5)
    behaviour = answering(lambda call: [good(call, imported=said)])
    with student(behaviour, worked=lambda: next(clock)) as (peer, _):
        one, other = (peer("call", (1.0,), 5.0, WALL) for _ in range(2))
    assert one.seconds == other.seconds > 0


@pytest.mark.parametrize("behaviour", [silent, trickling], ids=["silent", "trickling"])
def test_who_works_too_much_is_not_waited_for_however_long_the_wall_limit_is(behaviour):
    """Its own process would have said so by then, if it told the truth."""
    clock = itertools.count(10.0, 0.5)  # half a second of work between two looks
    with student(behaviour, worked=lambda: next(clock)) as (peer, judge):
        outcome = peer("call", (1.0,), 1.0, 10_000.0)
        assert outcome.kind == "timeout" and outcome.seconds > 1.0
        assert judge.closed


def test_who_does_not_work_has_the_whole_wall_limit():
    def late(call):
        time.sleep(0.5)
        return [good(call)]

    with student(answering(late), worked=lambda: 7.0) as (peer, _):
        assert peer("call", (1.0,), 0.01, WALL).kind == "value"


@pytest.mark.parametrize(
    ("said", "measured", "used"),
    [(0.0, 1.5, 1.5), (1.5, 0.0, 1.5), (-1.0, 0.25, 0.25), (True, 0.5, 0.5)],
)
def test_of_two_times_the_longer_counts(said, measured, used):
    clock = iter([10.0, *[10.0] * 1, *[10.0 + measured] * 10])
    with student(
        answering(lambda call: [good(call, seconds=said)]), worked=lambda: next(clock)
    ) as (peer, _):
        assert peer("call", (1.0,), 2.0, WALL).seconds == used


@given(
    some.json_values
    | st.sampled_from([float("nan"), float("inf"), -1.0, 10**400, 1e308])
)
@settings(max_examples=examples(25))
def test_whatever_is_said_for_a_time_it_shortens_only_the_time_of_who_says_it(seconds):
    with student(answering(lambda call: [good(call, seconds=seconds)])) as (peer, _):
        outcome = peer("call", (1.0,), 5.0, WALL)
    assert 0 <= outcome.seconds < float("inf")
    assert outcome.kind == ("value" if outcome.seconds <= 5.2 else "timeout")


def test_a_result_that_comes_after_its_time_is_none():
    with student(answering(lambda call: [good(call, seconds=3.0, last="epoch 9")])) as (
        peer,
        judge,
    ):
        outcome = peer("call", (1.0,), 1.0, WALL)
        assert (outcome.kind, outcome.value, outcome.last, outcome.seconds) == (
            "timeout",
            None,
            "epoch 9",
            3.0,
        )
        assert not judge.closed


def test_without_time_left_nothing_is_asked():
    with student(lambda channel: channel.receive()) as (peer, judge):
        for seconds, wall in [(0.0, WALL), (-1.0, WALL), (1.0, 0.0), (1.0, -1.0)]:
            assert peer("call", (1.0,), seconds, wall).kind == "timeout"
        assert not judge.closed


def test_a_process_that_dies_is_lost():
    with student(lambda channel: channel.receive() and channel.close()) as (peer, _):
        assert peer("call", (1.0,), 5.0, WALL).kind == "lost"


@given(
    st.binary(max_size=40)
    | some.json_values.map(lambda value: json.dumps(value).encode())
)
@settings(max_examples=examples(25))
def test_any_bytes_are_survived(junk):
    def behaviour(channel):
        channel.receive()
        channel._socket.sendall(struct.pack(">II", len(junk), 0) + junk)

    with student(behaviour) as (peer, _):
        outcome = peer("call", (1.0,), 1.0, WALL)
        assert outcome.kind == "lost" and outcome.value is None


@given(
    st.fixed_dictionaries(
        {
            name: some.json_values
            for name in ("error", "message", "lines", "printed", "last")
        }
    )
)
@settings(max_examples=examples(25))
def test_words_of_any_type_arrive_as_short_text_that_can_be_written_to_a_file(words):
    with student(answering(lambda call: [good(call, outcome="raised", **words)])) as (
        peer,
        _,
    ):
        outcome = peer("call", (1.0,), 5.0, WALL)
    assert outcome.kind == "raised" and outcome.value is None
    assert "\n" not in outcome.last
    for text in (
        outcome.error,
        outcome.message,
        outcome.printed,
        outcome.last,
        *outcome.lines,
    ):
        assert isinstance(text, str) and len(text) <= 1000
        text.encode("utf-8")
    assert len(outcome.lines) <= 4


@pytest.mark.parametrize("field", ["error", "message", "printed", "last"])
def test_words_are_cut(field):
    with student(
        answering(lambda call: [good(call, outcome="raised", **{field: "x" * 100_000})])
    ) as (peer, _):
        assert 0 < len(getattr(peer("call", (1.0,), 5.0, WALL), field)) <= 1000


def test_half_a_surrogate_pair_in_words_or_values_can_be_written_to_a_file():
    with student(
        answering(
            lambda call: [
                (
                    "result",
                    "\udcff",
                    {
                        "id": call.fields["id"],
                        **GOOD,
                        "printed": "\ud800",
                        "lines": ["\udfff"],
                    },
                )
            ]
        )
    ) as (
        peer,
        _,
    ):
        outcome = peer("call", (1.0,), 5.0, WALL)
    f"{outcome.printed}{outcome.lines}".encode()


def test_a_value_that_did_not_come_as_a_value_is_not_kept():
    with student(answering(lambda call: [good(call, outcome="refused")])) as (peer, _):
        assert peer("call", (1.0,), 5.0, WALL).value is None
