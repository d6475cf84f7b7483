"""When a submission was handed in: what is clear to people is understood, what may be two moments
or none is refused, and nothing takes long.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from autograder.errors import Unfit
from autograder.grading.submissions.hand_in_time import (
    AS_NBGRADER_WRITES,
    as_nbgrader_writes,
    existing_timestamp,
    read_time,
)

TEN = datetime(2026, 11, 5, 10, tzinfo=UTC)
NINE, EIGHT = TEN.replace(hour=9), TEN.replace(hour=8)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-05 10:00:00 UTC", TEN),
        ("2026-11-05 10:00:00.000000 UTC\n", TEN),
        ("2026-11-05 10:00:00", TEN),
        ("2026-11-05T10:00:00Z", TEN),
        ("20261105T100000Z", TEN),
        ("2026/11/05 10:00", TEN),
        ("05.11.2026 10:00", TEN),
        ("5.11.2026, 10:00", TEN),
        ("2026-11-05 10:00:00 CEST", EIGHT),
        ("2026-11-05 10:00:00 MEZ", NINE),
        ("2026-11-05 10:00:00 +0100", NINE),
        ("2026-11-05T10:00:00+01:00", NINE),
        ("2026-11-05 10:00:00 UTC+1", NINE),
        ("2026-11-05 10:00:00 Europe/Berlin", NINE),
        ("Thu Nov  5 10:00:00 CET 2026", NINE),
        ("Thu, 05 Nov 2026 10:00:00 +0100", NINE),
        ("Thu Nov 05 2026 10:00:00 GMT+0100 (Central European Standard Time)", NINE),
        ("November 5th, 2026 10:00 AM", TEN),
        ("5 November 2026, 10:00 am", TEN),
        ("5 Nov 2026 10:00 PM", TEN.replace(hour=22)),
        ("2026-11-05", TEN.replace(hour=0)),
        ("25/11/2026 10:00", TEN.replace(day=25)),
        ("11/25/2026 10:00", TEN.replace(day=25)),
        ("11/11/2026 10:00", TEN.replace(day=11)),
    ],
)
def test_what_is_clear_to_people_is_understood(text, moment):
    assert read_time(text) == moment


@pytest.mark.parametrize("text", ["", " ", "\n\t\n", " " * 100_000])
def test_nothing_says_nothing(text):
    assert read_time(text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not a time", "holds no date"),
        ("1." * 1_000_000, "holds no date"),
        ("2026-11-05 10:00:00" + " " * 2000 + "CEST", "holds no date"),
        ("9" * 100, "holds no date"),
        ("2026-13-05 10:00", "holds no date"),
        ("2026-11-05 25:00", "holds no date"),
        ("2026-11-05 13:00 PM", "holds no date"),
        ("9999-12-31 23:59:00 -1200", "holds no date"),
        ("2026-11-05 10:00:00 ../../etc/passwd", "holds no date"),
        ("5/11/2026 10:00", r"can be read in two ways \(5/11\)"),
        ("2026-11-05 10:00:00 IST", r"several or none \(IST\)"),
        ("2026-11-05 10:00:00 Europe/Atlantis", r"several or none \(Europe/Atlantis\)"),
    ],
)
def test_what_may_be_two_moments_or_none_is_refused_with_what_to_write(text, said):
    with pytest.raises(Unfit, match=said) as caught:
        read_time(text)
    assert "write one such as 2026-01-31 23:59:00 UTC" in str(caught.value)
    assert len(str(caught.value)) < 200


def test_what_is_written_down_is_read_again_as_the_same():
    for moment in (TEN, TEN.replace(microsecond=123456)):
        written = as_nbgrader_writes(moment)
        assert read_time(written) == moment
        assert AS_NBGRADER_WRITES.fullmatch(written.encode())


@pytest.mark.parametrize(
    ("content", "moment"),
    [
        (b"2026-01-31 23:59:00.500000 UTC", datetime(2026, 1, 31, 23, 59, 0, 500000)),
        (b"2026-01-31 23:59:00 CET\n", datetime(2026, 1, 31, 22, 59)),
        (b" \n", None),
    ],
)
def test_nbgrader_is_given_the_moment_in_utc(tmp_path, content, moment):
    (tmp_path / "timestamp.txt").write_bytes(content)
    assert existing_timestamp(tmp_path) == moment


def test_no_file_says_nothing(tmp_path):
    assert existing_timestamp(tmp_path) is None


def _link_to_a_date(path):
    path.with_name("date.txt").write_text("2026-01-31 23:59:00 UTC")
    path.symlink_to("date.txt")


def _sparse(path):
    with open(path, "wb") as file:
        file.truncate(2**40)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_bytes(b"1." * 10**6),
        lambda path: path.write_bytes(b"\xff"),
        lambda path: path.mkdir(),
        os.mkfifo,
        _link_to_a_date,
        _sparse,
    ],
    ids=["points", "no text", "a folder", "a pipe", "a link", "a terabyte"],
)
def test_what_holds_no_date_is_refused_at_once(tmp_path, make):
    make(tmp_path / "timestamp.txt")
    with pytest.raises(Unfit):
        existing_timestamp(tmp_path)
