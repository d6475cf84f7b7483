"""What ``timestamp.txt`` says: a date as people, programs and learning platforms write it. What can
be read in two ways is not guessed, because lateness costs points.
"""

from __future__ import annotations

import os
import re
import stat
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from autograder.errors import Unfit

LONGEST = 100
"""Characters that a date has at most: nothing longer is looked at."""

TIMESTAMP = "timestamp.txt"

_MOST_BYTES = 5000
_NO_LINK_NO_PIPE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)

HOW_TO_WRITE = "write one such as 2026-01-31 23:59:00 UTC"

AS_NBGRADER_WRITES = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})? UTC\s*")
"""A moment as `as_nbgrader_writes` writes it, or without parts of a second."""

_HOURS = {
    "Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MEZ": 1, "MESZ": 2,
    "EET": 2, "EEST": 3, "MSK": 3, "SGT": 8, "HKT": 8, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11,
    "NZST": 12, "NZDT": 13, "EST": -5, "EDT": -4, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8,
    "PDT": -7, "AKST": -9, "AKDT": -8, "HST": -10,
}  # fmt: skip
"""Time zones whose letters stand for one zone only, in hours from UTC: not BST, CST and IST, which
stand for several.
"""

_MONTHS = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)

_TIME = re.compile(
    r"(?<![\d:.])(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?"
    r"(?: ?(?P<half>[AaPp]\.?[Mm]\b\.?))?(?![\d:])"
)
_ZONE = re.compile(
    r"(?:(?P<name>[A-Za-z]{1,30}(?:/[A-Za-z_]{1,30}){0,2})?(?P<offset>[+-]\d{1,2}(?::?\d{2})?)?)"
)
_DATES = (
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})",
    r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})",
    r"(?P<one>\d{1,2})[-/](?P<other>\d{1,2})[-/](?P<year>\d{4})",
    r"(?:[A-Za-z]{3,9},? )?(?P<day>\d{1,2})(?:st|nd|rd|th|\.)?[ -](?P<name>[A-Za-z]{3,9})\.?,?"
    r"[ -](?P<year>\d{4})",
    r"(?:[A-Za-z]{3,9},? )?(?P<name>[A-Za-z]{3,9})\.? (?P<day>\d{1,2})(?:st|nd|rd|th)?,? "
    r"(?P<year>\d{4})",
)


def read_time(text: str) -> datetime | None:
    """The moment that `text` says, in UTC; None where it says nothing. One without a zone is in
    UTC, as always in nbgrader. Raises `Unfit` for what is no date, or may be two.
    """
    words = " ".join(text[: LONGEST + 1].split())
    if not words:
        return None
    if len(words) > LONGEST or len(text) > 10 * LONGEST:
        raise _no_date()
    try:
        return _moment(words).astimezone(UTC)
    except Unfit:  # which is a ValueError, and says more
        raise
    except (ValueError, OverflowError):
        raise _no_date() from None


def existing_timestamp(folder: str | Path) -> datetime | None:
    """What ``timestamp.txt`` in this folder says, as nbgrader keeps it: in UTC, without saying so;
    None where there is no such file, or it says nothing. Raises `Unfit`.

    A link or a pipe is not opened, and no more is read than a date needs.
    """
    path = Path(folder, TIMESTAMP)
    try:
        opened = os.open(path, os.O_RDONLY | _NO_LINK_NO_PIPE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unfit(f"{TIMESTAMP} cannot be read: {error.strerror}") from None
    try:
        is_file = stat.S_ISREG(os.fstat(opened).st_mode)
        text = os.read(opened, _MOST_BYTES) if is_file else b""
    finally:
        os.close(opened)
    if not is_file:
        raise Unfit(
            f"{TIMESTAMP} is not a file: remove it, or hand in a file with the date"
        )
    moment = decoded_time(text)
    return moment.replace(tzinfo=None) if moment else None


def decoded_time(text: bytes) -> datetime | None:
    """As `read_time`, of what stands in a file."""
    try:
        return read_time(text[:_MOST_BYTES].decode("utf-8"))
    except UnicodeDecodeError:
        raise _no_date() from None


def as_nbgrader_writes(moment: datetime) -> str:
    """A moment in UTC, as nbgrader writes it and reads it again."""
    return f"{moment:%Y-%m-%d %H:%M:%S.%f} UTC"


def _moment(words: str) -> datetime:
    basic = re.fullmatch(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z?", words)
    if basic:
        numbers = [int(group) for group in basic.groups()]
        return datetime(*numbers, tzinfo=UTC)  # type: ignore[misc,arg-type]
    words = re.sub(r"(?<=\d)T(?=\d)", " ", words)
    time = _TIME.search(words)
    if time is None:
        return datetime(*_date(words.strip()), tzinfo=UTC)
    before = words[: time.start()].strip(" ,")
    after = words[time.end() :].strip()
    year_at_the_end = re.search(r"(?:^| )(\d{4})$", after)
    # Thu Nov 5 10:00:00 CET 2026
    if year_at_the_end and not re.search(r"\d{4}", before):
        before = f"{before} {year_at_the_end[1]}"
        after = after[: year_at_the_end.start()].strip()
    hour, minute, second, part = _clock(time)
    return datetime(*_date(before), hour, minute, second, part, tzinfo=_zone(after))


def _clock(time: re.Match[str]) -> tuple[int, int, int, int]:
    hour = int(time["hour"])
    half = time["half"]
    if half:
        if not 1 <= hour <= 12:
            raise _no_date()
        is_afternoon = half.lower().startswith("p")
        hour = hour % 12 + (12 if is_afternoon else 0)
    minute = int(time["minute"])
    second = int(time["second"] or 0)
    part = time["part"] or "0"
    microseconds = int(part[:6].ljust(6, "0"))
    return hour, minute, second, microseconds


def _date(words: str) -> tuple[int, int, int]:
    for pattern in _DATES:
        found = re.fullmatch(pattern, words)
        if found is None:
            continue
        parts = found.groupdict()
        year = int(parts["year"])
        if parts.get("one"):
            month, day = _month_and_day(int(parts["one"]), int(parts["other"]))
            return year, month, day
        if parts.get("name"):
            return year, _month(parts["name"]), int(parts["day"])
        return year, int(parts["month"]), int(parts["day"])
    raise _no_date()


def _month_and_day(one: int, other: int) -> tuple[int, int]:
    """Of two numbers that some countries write in one order and some in the other."""
    if one == other or other > 12:
        return one, other
    if one > 12:
        return other, one
    raise Unfit(
        f"timestamp.txt holds a date that can be read in two ways ({one}/{other}): {HOW_TO_WRITE}"
    )


def _month(name: str) -> int:
    short = name[:3].lower()
    if short not in _MONTHS:
        raise _no_date()
    return _MONTHS.index(short) + 1


def _zone(words: str) -> tzinfo:
    """The time zone that these words name; UTC where there are none."""
    found = _ZONE.fullmatch(re.sub(r" ?\([A-Za-z ]{1,40}\)$", "", words))
    if found is None:
        raise _no_date()
    name, offset = found["name"], found["offset"]
    if name and "/" in name and not offset:
        try:
            return ZoneInfo(name)
        except (OSError, ValueError, LookupError):
            raise _unknown_zone(name) from None
    if name and name.upper() not in _HOURS:
        raise _unknown_zone(name)
    hours = _HOURS[name.upper()] if name else 0
    from_utc = timedelta(hours=hours)
    if offset:
        from_utc += _offset(offset)
    return timezone(from_utc)


def _offset(text: str) -> timedelta:
    digits = text[1:].replace(":", "")
    hours, minutes = int(digits), 0
    if len(digits) > 2:
        hours, minutes = int(digits[:-2]), int(digits[-2:])
    if minutes > 59:
        raise _no_date()
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if text[0] == "-" else offset


def _no_date() -> Unfit:
    return Unfit(f"timestamp.txt holds no date: remove it, or {HOW_TO_WRITE}")


def _unknown_zone(name: str) -> Unfit:
    return Unfit(
        f"timestamp.txt names a time zone that may be several or none ({name}): {HOW_TO_WRITE}"
    )
