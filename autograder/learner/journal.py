"""What a learner has done so far: a log that only grows, one JSON line an event, so that a
killed kernel or two open notebooks lose nothing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder import logs
from autograder.learner import progress
from autograder.learner.standing import History, Standing

if TYPE_CHECKING:
    from autograder.feedback.render import Feedback

_unwritten: list[str] = []
"""Lines that could not be written: they count until this judge ends."""


def log_path() -> Path:
    """The log's file: the environment variable COURSE_PROGRESS, else one file in the user's data
    folder.
    """
    chosen = os.environ.get("COURSE_PROGRESS")
    return Path(chosen) if chosen else logs.user_folder() / "progress.jsonl"


def record(event: str, question: str, **facts: Any) -> None:
    """Append one event. A log that cannot be written (a full or read-only disk) never stops a
    learner.
    """
    line = json.dumps(
        {"time": round(time.time(), 1), "event": event, "question": question, **facts}
    )
    try:
        path = log_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        # One write, appended whole; on a line of its own even where the last one is torn.
        with path.open("ab", buffering=0) as log:
            log.write(f"\n{line}\n".encode())
    except OSError:
        _unwritten.append(line)


def standing(question: str) -> Standing:
    """How the learner stands with one question, also where there is nothing of it yet."""
    return history().of(question)


def standings() -> dict[str, Standing]:
    """How the learner stands, by question."""
    return history().standings


def history() -> History:
    """What the log tells; lines that do not parse (a torn last line, say) are passed over."""
    found: dict[str, Standing] = {}
    worked: dict[str, None] = {}
    solved: dict[str, None] = {}
    for event in _events():
        name = event["question"]
        standing = _after(found.get(name, Standing()), event)
        if standing is None:
            continue
        found[name] = standing
        _put_last(worked, name)
        if _solves(event):
            _put_last(solved, name)
    return History(found, tuple(worked), tuple(solved))


def _put_last(names: dict[str, None], name: str) -> None:
    names.pop(name, None)
    names[name] = None


def _after(before: Standing, event: dict[str, Any]) -> Standing | None:
    """The standing after an event; None where it is of a kind that says nothing about one."""
    earned = _number(event.get("earned"))
    match event["event"]:
        case "check":
            tried = event.get("status") != "not attempted"
            return replace(
                before,
                attempts=before.attempts + tried,
                earned=max(before.earned, earned),
                solved=before.solved or _solves(event),
            )
        case "written":
            # Who ticks again corrects what was ticked before.
            attempts = before.attempts + 1
            solved = _solves(event)
            return replace(before, attempts=attempts, earned=earned, solved=solved)
        case "hint":
            return replace(before, hints=before.hints + 1)
        case "solution":
            return replace(before, solutions=before.solutions + 1)
    return None


def _solves(event: dict[str, Any]) -> bool:
    """Whether a question is done with this event. A written answer is, once something of its
    rubric is ticked: a person's judgement need not give all points.
    """
    if event["event"] == "written":
        return _number(event.get("earned")) > 0
    return event["event"] == "check" and event.get("status") == "correct"


def _events() -> list[dict[str, Any]]:
    try:
        lines = log_path().read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    events = []
    for line in lines + _unwritten:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(event, dict):
            continue
        names = event.get("question"), event.get("event")
        if all(isinstance(name, str) for name in names):
            events.append(event)
    return events


def _number(value: Any) -> float:
    if not isinstance(value, (int, float)) or not 0 <= value < 1e6:
        return 0.0
    return float(value)


def as_lines(chapter: str | None = None) -> Iterator[str]:
    """The learner's progress for a terminal; of one chapter only, if it is named."""
    return progress.as_lines(history(), chapter)


def as_feedback() -> Feedback:
    """The learner's progress as text and HTML."""
    return progress.as_feedback(history())
