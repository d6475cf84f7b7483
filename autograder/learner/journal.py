"""What a learner has done so far: a log that only grows, one JSON line an event, so that a
killed kernel or two open notebooks lose nothing.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder import logs
from autograder.feedback.render import Feedback
from autograder.pages import template
from autograder.questions import catalogue

_unwritten: list[str] = []
"""Lines that could not be written: they count until this judge ends."""


@dataclass(frozen=True)
class Standing:
    """How a learner stands on one question: the best of all attempts, and counts of what was
    asked for.
    """

    attempts: int = 0
    earned: float = 0.0
    solved: bool = False
    hints: int = 0
    solutions: int = 0


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
    return standings().get(question, Standing())


def standings() -> dict[str, Standing]:
    """How the learner stands, by question; lines that do not parse (a torn last line, say) are
    passed over.
    """
    attempts: Counter[str] = Counter()
    hints: Counter[str] = Counter()
    solutions: Counter[str] = Counter()
    best: dict[str, float] = {}
    solved: set[str] = set()
    for event in _events():
        name = event["question"]
        match event["event"]:
            case "check":
                status = event.get("status")
                attempts[name] += status != "not attempted"
                earned = _number(event.get("earned"))
                best[name] = max(best.get(name, 0.0), earned)
                if status == "correct":
                    solved.add(name)
            case "hint":
                hints[name] += 1
            case "solution":
                solutions[name] += 1
    done = {}
    for name in {*attempts, *best, *hints, *solutions}:
        done[name] = Standing(
            attempts[name],
            best.get(name, 0.0),
            name in solved,
            hints[name],
            solutions[name],
        )
    return done


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


def rows() -> list[dict[str, Any]]:
    """The map of the course: one row a question, in course order, with the learner's standing."""
    done = standings()
    return [
        {
            "chapter": chapter,
            "question": question.name,
            "points": question.points,
            "standing": done.get(question.name, Standing()),
        }
        for chapter, questions in catalogue.chapters().items()
        for question in questions.values()
    ]


def _line(row: dict[str, Any]) -> str:
    standing = row["standing"]
    mark = _mark(standing)
    attempts = _attempts(standing)
    question, points = row["question"], row["points"]
    return f"{mark} {question:<34} {standing.earned:>5g} / {points:<4g} {attempts}"


def as_feedback() -> Feedback:
    """The map as text and HTML."""
    table = rows()
    earned = sum(row["standing"].earned for row in table)
    points = sum(row["points"] for row in table)
    lines = [_line(row) for row in table]
    lines.append(
        f"  {'in all':<34} {earned:>5g} / {points:<4g} without the written answers"
    )
    html = template("learner", "progress.html.j2").render(
        rows=table, earned=earned, points=points, mark=_mark, attempts=_attempts
    )
    return Feedback("\n".join(lines), html)


def _mark(standing: Standing) -> str:
    if standing.solved:
        return "✓"
    if standing.earned:
        return "◐"
    return "✗" if standing.attempts else "○"


def _attempts(standing: Standing) -> str:
    if standing.solved:
        return ""
    return (
        f"{standing.attempts} attempt{'s' if standing.attempts != 1 else ''}"
        if standing.attempts
        else ""
    )
