"""What a learner sees of a verdict: text for a terminal, HTML with a picture for a notebook.

Everything a student wrote is escaped; the HTML has no script, and its picture is part of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.feedback.pictures import picture
from autograder.pages import template
from autograder.verdict import Failure, Status, Verdict

MARKS = {Status.CORRECT: "✓", Status.NOT_ATTEMPTED: "○", Status.PARTIAL: "◐"}
TONES = {Status.CORRECT: "right", Status.NOT_ATTEMPTED: "open", Status.PARTIAL: "part"}
_READABLE = 60
"""The most numbers of an array that are printed."""


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


def render(verdict: Verdict) -> Feedback:
    """The verdict as text and as HTML."""
    return Feedback(
        as_text(verdict), as_html(verdict), verdict.status is Status.CORRECT, verdict.earned
    )


def as_text(verdict: Verdict) -> str:
    """The verdict for a terminal."""
    mark = MARKS.get(verdict.status, "✗")
    lines = [
        f"{mark} {verdict.question}: {verdict.status}, {_points(verdict)}",
        f"  {verdict.headline}",
    ]
    if verdict.mistake:
        lines.append(f"  {verdict.mistake}")
    lines += [f"  {detail}" for detail in verdict.details]
    if verdict.failure:
        for name, text in _rows(verdict.failure):
            indented = text.replace("\n", "\n" + " " * (len(name) + 4))
            lines.append(f"  {name}: {indented}")
    return "\n".join(lines)


def as_html(verdict: Verdict) -> str:
    """The verdict for a notebook."""
    failure = verdict.failure
    return template("feedback", "feedback.html.j2").render(
        verdict=verdict,
        mark=MARKS.get(verdict.status, "✗"),
        tone=TONES.get(verdict.status, "wrong"),
        points=_points(verdict),
        rows=_rows(failure) if failure else [],
        picture=picture(failure) if failure else None,
    )


def note(text: str) -> Feedback:
    """A short message (a hint, a refusal) in the same two forms."""
    return Feedback(text, template("feedback", "note.html.j2").render(text=text))


def code(title: str, source: str, explanation: str) -> Feedback:
    """A piece of code with a title and an explanation: how solutions are shown."""
    text = "\n\n".join(part for part in (title, source.rstrip(), explanation) if part)
    return Feedback(
        text,
        template("feedback", "solution.html.j2").render(
            title=title, source=source.rstrip(), explanation=explanation
        ),
    )


def _points(verdict: Verdict) -> str:
    unit = "point" if verdict.points == 1 else "points"
    return f"{verdict.earned:g} of {verdict.points:g} {unit}"


def _rows(failure: Failure) -> list[tuple[str, str]]:
    """What to read of a failure: the input, the two results, the learner's own lines, what was
    printed.
    """
    rows = [(f"input {name}", _readable(value)) for name, value in failure.inputs]
    if failure.outcome.kind == "value" and failure.expected is not None:
        rows += [
            ("yours", _readable(failure.outcome.value)),
            ("expected", _readable(failure.expected)),
        ]
    if failure.outcome.lines:
        rows.append(("where", "\n".join(failure.outcome.lines)))
    if failure.outcome.printed:
        rows.append(("printed", failure.outcome.printed.rstrip()))
    return rows


def _readable(value: Any) -> str:
    """A value in a few short lines; a large array by its shape and range."""
    if isinstance(value, np.ndarray):
        return _readable_array(value)
    if isinstance(value, dict):
        shown = list(value.items())[:12]
        return "\n".join(f"{key}: {_brief(item)}" for key, item in shown)
    if isinstance(value, (list, tuple)) and any(isinstance(item, np.ndarray) for item in value):
        lines = [_brief(item) for item in value[:4]]
        if len(value) > 4:
            lines.append(f"and {len(value) - 4} more")
        return "\n".join(lines)
    text = f"{value:.6g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 300 else text[:300] + " ..."


def _readable_array(array: np.ndarray) -> str:
    if array.ndim == 0:
        return f"{array.item():.6g}" if array.dtype.kind == "f" else str(array.item())
    if array.size == 0:
        return f"an empty array of shape {array.shape}"
    if array.size > _READABLE:
        return f"array of shape {array.shape}, {array.dtype}, {_range(array)}"
    return np.array2string(
        array, precision=4, suppress_small=True, max_line_width=100, separator=", "
    )


def _brief(value: Any) -> str:
    """A part of a larger result, on one line."""
    if isinstance(value, dict):
        return f"{len(value)} entries"
    if not isinstance(value, np.ndarray) or value.size <= 4:
        return _readable(value)
    if value.dtype.kind not in "iuf":
        return f"array of shape {value.shape}"
    return f"array of shape {value.shape}, {_range(value)}"


def _range(array: np.ndarray) -> str:
    return f"from {array.min():.4g} to {array.max():.4g}"
