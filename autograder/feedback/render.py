"""What a learner sees of a verdict: text for a terminal, HTML with a picture for a notebook.

Everything a student wrote is escaped; the HTML has no script, and its picture is part of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.feedback.pictures import picture
from autograder.pages import template
from autograder.text import key_as_text
from autograder.verdict import Failure, Status, Verdict

MARKS = {Status.CORRECT: "✓", Status.NOT_ATTEMPTED: "○", Status.PARTIAL: "◐"}
_WRONG = "✗"
_OF_THE_CODE = (
    "NameError",
    "AttributeError",
    "UnboundLocalError",
    "ImportError",
    "ModuleNotFoundError",
)
"""Errors that the input does not explain."""
TONES = {Status.CORRECT: "right", Status.NOT_ATTEMPTED: "open", Status.PARTIAL: "part"}
_READABLE = 60
"""The most numbers of an array that are printed."""
_MOST_ENTRIES = 12
"""The most entries of a dict that are printed."""
_MOST_ITEMS = 4
"""The most items that are printed of a list with arrays."""
_SHORT = 60
"""The most characters of an input that is told beside a picture."""
_LONGEST = 300
"""The most characters of any other value that are printed."""


@dataclass(frozen=True)
class Feedback:
    """A rendered verdict. In a notebook it shows its HTML, elsewhere its text. `correct` and
    `earned` are for programs.
    """

    text: str
    html: str
    correct: bool = False
    earned: float = 0.0

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html


def render(verdict: Verdict, title: str = "", digits: int = 2) -> Feedback:
    """The verdict as text and as HTML.

    title: what the question is called beside its name. digits: of the points, behind the point.
    """
    return Feedback(
        text=as_text(verdict, title, digits),
        html=as_html(verdict, title, digits),
        correct=verdict.status is Status.CORRECT,
        earned=verdict.earned,
    )


def as_text(verdict: Verdict, title: str = "", digits: int = 2) -> str:
    """The verdict for a terminal."""
    mark = MARKS.get(verdict.status, _WRONG)
    points = _points(verdict, digits)
    name = _called(verdict, title)
    lines = [f"{mark} {name}: {verdict.status}, {points}"]
    lines.append(f"  {verdict.headline}")
    if verdict.mistake:
        lines.append(f"  {verdict.mistake}")
    for detail in verdict.details:
        lines.append(f"  {detail}")
    if verdict.failure:
        for name, text in _rows(verdict.failure):
            lines.append(_aligned(f"  {name}: ", text))
    return "\n".join(lines)


def _aligned(label: str, text: str) -> str:
    """`text` after its label, with further lines below the first."""
    margin = " " * len(label)
    indented = text.replace("\n", f"\n{margin}")
    return label + indented


def _called(verdict: Verdict, title: str) -> str:
    return f"{title} · {verdict.question}" if title else verdict.question


def as_html(verdict: Verdict, title: str = "", digits: int = 2) -> str:
    """The verdict for a notebook."""
    failure = verdict.failure
    page = template("feedback", "feedback.html.j2")
    return page.render(
        verdict=verdict,
        mark=MARKS.get(verdict.status, _WRONG),
        tone=TONES.get(verdict.status, "wrong"),
        name=_called(verdict, title),
        points=_points(verdict, digits),
        given=_given(failure) if failure else "",
        rows=_rows(failure) if failure else [],
        picture=picture(failure) if failure else None,
    )


def note(text: str) -> Feedback:
    """A short message (a hint, a refusal) in the same two forms."""
    page = template("feedback", "note.html.j2")
    return Feedback(text, page.render(text=text))


def code(title: str, source: str, explanation: str) -> Feedback:
    """A piece of code with a title and an explanation: how solutions are shown."""
    source = source.rstrip()
    parts = [title, source, explanation]
    filled = [part for part in parts if part]
    text = "\n\n".join(filled)
    page = template("feedback", "solution.html.j2")
    html = page.render(title=title, source=source, explanation=explanation)
    return Feedback(text, html)


def _points(verdict: Verdict, digits: int) -> str:
    """What was earned, rounded to the side of what is left to do: a part is neither nothing nor
    all.
    """
    most = verdict.points
    unit = "point" if most == 1 else "points"
    step = 10.0**-digits
    earned = verdict.earned
    is_part = 0 < earned < most
    if is_part:
        earned = max(math.floor(round(earned / step, 6)) * step, step)
    return f"{round(earned, digits):g} of {most:g} {unit}"


def _given(failure: Failure) -> str:
    """The inputs that are no arrays, such as "padding = (2, 1)": a picture does not show them."""
    short = []
    for name, value in failure.inputs:
        if isinstance(value, np.ndarray) and value.ndim:
            continue
        text = _readable(value)
        if "\n" not in text and len(text) <= _SHORT:
            short.append(f"{name} = {text}")
    return ", ".join(short)


def _rows(failure: Failure) -> list[tuple[str, str]]:
    """What to read of a failure: the input, the two results, the learner's own lines, what was
    printed.
    """
    outcome = failure.outcome
    rows = []
    # A name that is not there is not there for any input.
    inputs = failure.inputs if outcome.error not in _OF_THE_CODE else ()
    for name, value in inputs:
        text = _readable(value)
        rows.append((f"input {name}", text))
    if outcome.kind == "value" and failure.expected is not None:
        yours = _readable(outcome.value)
        rows.append(("yours", yours))
        expected = _readable(failure.expected)
        rows.append(("expected", expected))
    if outcome.lines:
        where = "\n".join(outcome.lines)
        rows.append(("where", where))
    if outcome.printed:
        printed = outcome.printed.rstrip()
        rows.append(("printed", printed))
    return rows


def _readable(value: Any) -> str:
    """A value in a few short lines; a large array by its shape and range."""
    if isinstance(value, np.ndarray):
        return _readable_array(value)
    if isinstance(value, dict):
        return _readable_dict(value)
    if isinstance(value, (list, tuple)) and _holds_array(value):
        return _readable_list(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    text = repr(value)
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + " ..."
    return text


def _holds_array(items: Sequence[Any]) -> bool:
    return any(isinstance(item, np.ndarray) for item in items)


def _readable_dict(entries: dict[str, Any]) -> str:
    """The first entries of a dict, one a line."""
    lines = []
    for key in list(entries)[:_MOST_ENTRIES]:
        item = _brief(entries[key])
        lines.append(f"{key_as_text(key)}: {item}")
    return "\n".join(lines)


def _readable_list(items: Sequence[Any]) -> str:
    """The first items of a list, one a line."""
    shown = items[:_MOST_ITEMS]
    lines = [_brief(item) for item in shown]
    hidden = len(items) - len(shown)
    if hidden:
        lines.append(f"and {hidden} more")
    return "\n".join(lines)


def _readable_array(array: np.ndarray) -> str:
    if array.ndim == 0:
        return _readable_number(array)
    if array.size == 0:
        return f"an empty array of shape {array.shape}"
    if array.size > _READABLE:
        return f"array of shape {array.shape}, {array.dtype}, {_range(array)}"
    return np.array2string(
        array,
        precision=4,
        suppress_small=True,
        max_line_width=100,
        separator=", ",
    )


def _readable_number(array: np.ndarray) -> str:
    number = array.item()
    if array.dtype.kind == "f":
        return f"{number:.6g}"
    return str(number)


def _brief(value: Any) -> str:
    """A part of a larger result, on one line."""
    if isinstance(value, dict):
        return f"{len(value)} entries"
    if not isinstance(value, np.ndarray):
        return _readable(value)
    if value.size <= 4:
        return _readable_array(value)
    description = f"array of shape {value.shape}"
    if value.dtype.kind in "iuf":
        description += f", {_range(value)}"
    return description


def _range(array: np.ndarray) -> str:
    least = array.min()
    greatest = array.max()
    return f"from {least:.4g} to {greatest:.4g}"
