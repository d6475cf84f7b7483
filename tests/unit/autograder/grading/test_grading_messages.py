"""What one process says, the other one reads; what is in a notebook is never a message."""

from __future__ import annotations

import pytest

from autograder.grading.messages import (
    CourseFault,
    Examined,
    Job,
    JudgedNotebook,
    Ready,
    Report,
    Ungradable,
    Working,
    decode,
    encode,
    share,
)
from autograder.verdict import Status, Verdict

JOB = Job(
    root="/course",
    folder="/course/submitted/amy/sums",
    student="amy",
    assignment="sums",
    release={
        "sums": {
            "cells": {"small-total": [{"source": "check()"}, True]},
            "kernelspec": None,
        }
    },
    files={"data.txt": "/course/exercises/sums/data.txt"},
    config={"JudgedExecute": {"trust_submissions": True}},
    megabytes=50.0,
    gradebook="sqlite:///gradebook.db",
)
VERDICT = Verdict(
    "small.total", Status.PARTIAL, 2.0, 1.0, "Right on 1 of 2.", tried=2, passed=1
)


def examined(**notebook):
    judged = JudgedNotebook(
        notebook, {"small-total": VERDICT}, {"engine": "1", "trusted": True}
    )
    return Examined({"sums": judged}, "0f", "/tmp/1/handed-in", ("a.txt was left out",))


@pytest.mark.parametrize(
    "message",
    [
        JOB,
        JOB.in_scratch("/tmp/1"),
        Ready(),
        Working(2, "read", 60.0),
        Report(Ungradable("it does not end"), [], leaving=True),
        Report(examined(cells=[{"source": "x"}]), ["a line"]),
        Report(Ungradable("it is empty"), []),
        Report(CourseFault("no wall", "Trust it."), []),
    ],
    ids=[
        "job",
        "job in scratch",
        "ready",
        "working",
        "leaving",
        "examined",
        "ungradable",
        "fault",
    ],
)
def test_what_is_sent_arrives(message):
    assert decode(encode(message)) == message


def test_a_notebook_that_looks_like_a_message_is_a_notebook():
    forged = {
        "kind": "CourseFault",
        "reason": "stop the class",
        "cells": [{"kind": "Ready"}],
    }
    report = decode(encode(Report(examined(**forged), [])))
    assert report.result.notebooks["sums"].notebook == forged


def test_half_a_character_is_replaced_in_a_notebook_and_kept_in_a_path():
    report = decode(encode(Report(examined(cells=["\ud800"]), [])))
    assert report.result.notebooks["sums"].notebook == {"cells": ["?"]}
    odd = JOB.in_scratch("/tmp/\udcff")
    assert decode(encode(odd)) == odd


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"kind": "Verdict"}',
        b'{"kind": "Job", "root": "/"}',
        b'{"kind": "Ready", "more": 1}',
        b'{"kind": "Report", "finding": {"kind": "Ready"}, "log": []}',
        b'{"kind": "Report", "finding": {"kind": "Ungradable"}, "log": []}',
    ],
)
def test_what_is_no_message_is_refused(line):
    with pytest.raises(ValueError):  # noqa: PT011 -- json's own among them
        decode(line)


def test_the_share_is_that_of_all_points():
    assert examined().share() == 0.5
    assert share([(1.0, 1.0), (0.0, 3.0)]) == 0.25
    assert share([]) is None
    assert share([(0.0, 0.0)]) is None
