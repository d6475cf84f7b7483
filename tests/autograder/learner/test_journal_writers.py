"""The progress log with several writers at a time."""

from __future__ import annotations

import subprocess
import sys

import pytest

from autograder.learner.journal import Standing, standings

pytestmark = pytest.mark.usefixtures("small_course")


def test_writers_at_the_same_time_lose_nothing():
    source = (
        "from autograder.learner.journal import record\nfor n in range(200): record('hint', "
        "'small.total', note='x' * 500, n=n)"
    )
    writers = [subprocess.Popen([sys.executable, "-c", source]) for _ in range(3)]
    assert [writer.wait(30) for writer in writers] == [0, 0, 0]
    assert standings() == {"small.total": Standing(hints=600)}
