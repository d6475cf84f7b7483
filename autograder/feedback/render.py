"""What a learner sees of a verdict: text for a terminal, HTML with a picture for a notebook.

Everything a student wrote is escaped; the HTML has no script, and its picture is part of it.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.pages import template
from autograder.values.agreement import as_array
from autograder.verdict import Failure, Status, Verdict

MARKS = {Status.CORRECT: "✓", Status.NOT_ATTEMPTED: "○", Status.PARTIAL: "◐"}
_LARGEST_PICTURE = 128
_NUMBERED = 7  # the most rows or columns that are drawn with their numbers
_SIDE, _GAP, _TITLE = 200, 12, 22  # pixels

# Nine colours each of matplotlib's viridis (S. van der Walt, N. Smith, 2015) and of ColorBrewer's
# RdBu (C. Brewer, 2002): matplotlib itself would take half a second to import, and a seventh of a
# second for each picture.
_SEQUENTIAL = (
    "440154",
    "472d7b",
    "3b528b",
    "2c728e",
    "21918c",
    "28ae80",
    "5ec962",
    "addc30",
    "fde725",
)
_DIVERGING = (
    "2166ac",
    "4393c3",
    "92c5de",
    "d1e5f0",
    "f7f7f7",
    "fddbc7",
    "f4a582",
    "d6604d",
    "b2182b",
)
_LUMINANCE = np.array([0.299, 0.587, 0.114])
_READABLE = 60


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


@dataclass(frozen=True)
class Picture:
    """A picture as an SVG in base64, and what it shows in words."""

    alt: str
    svg: str


@dataclass(frozen=True)
class _Panel:
    """One matrix of a picture. numbers: (column, row, text, colour) of the numbers in it; cell,
    font: pixels of one entry and of its digits.
    """

    title: str
    said: str
    png: str
    rows: int
    columns: int
    cell: float
    font: float
    numbers: list[tuple[float, float, str, str]]


def render(verdict: Verdict) -> Feedback:
    """The verdict as text and as HTML."""
    return Feedback(
        as_text(verdict), as_html(verdict), verdict.status is Status.CORRECT, verdict.earned
    )


def as_text(verdict: Verdict) -> str:
    """The verdict for a terminal."""
    lines = [
        f"{MARKS.get(verdict.status, '✗')} {verdict.question}: "
        f"{verdict.status}, {_points(verdict)}",
        f"  {verdict.headline}",
    ]
    if verdict.mistake:
        lines.append(f"  {verdict.mistake}")
    lines += [f"  {detail}" for detail in verdict.details]
    if verdict.failure:
        for name, text in _rows(verdict.failure):
            lines.append(f"  {name}: " + text.replace("\n", "\n" + " " * (len(name) + 4)))
    return "\n".join(lines)


def as_html(verdict: Verdict) -> str:
    """The verdict for a notebook."""
    failure = verdict.failure
    return template("feedback", "feedback.html.j2").render(
        verdict=verdict,
        mark=MARKS.get(verdict.status, "✗"),
        tone={Status.CORRECT: "right", Status.NOT_ATTEMPTED: "open", Status.PARTIAL: "part"}.get(
            verdict.status, "wrong"
        ),
        points=_points(verdict),
        rows=_rows(failure) if failure else [],
        picture=_picture(failure) if failure else None,
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
    return f"{verdict.earned:g} of {verdict.points:g} point{'' if verdict.points == 1 else 's'}"


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
    if isinstance(value, np.ndarray) and value.ndim:
        if value.size == 0:
            return f"an empty array of shape {value.shape}"
        if value.size > _READABLE:
            return (
                f"array of shape {value.shape}, {value.dtype}, from "
                f"{value.min():.4g} to {value.max():.4g}"
            )
        return np.array2string(
            value, precision=4, suppress_small=True, max_line_width=100, separator=", "
        )
    if isinstance(value, np.ndarray):
        return f"{value.item():.6g}" if value.dtype.kind == "f" else str(value.item())
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_brief(item)}" for key, item in list(value.items())[:12])
    if isinstance(value, (list, tuple)) and any(isinstance(item, np.ndarray) for item in value):
        return "\n".join(_brief(item) for item in value[:4]) + (
            f"\nand {len(value) - 4} more" if len(value) > 4 else ""
        )
    text = f"{value:.6g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 300 else text[:300] + " ..."


def _brief(value: Any) -> str:
    """A part of a larger result, on one line."""
    if isinstance(value, dict):
        return f"{len(value)} entries"
    if isinstance(value, np.ndarray) and value.size > 4:
        return f"array of shape {value.shape}" + (
            f", from {value.min():.4g} to {value.max():.4g}" if value.dtype.kind in "iuf" else ""
        )
    return _readable(value)


def _picture(failure: Failure) -> Picture | None:
    """The input, yours, expected and their difference side by side; None where there is nothing
    to look at.
    """
    if failure.outcome.kind != "value":
        return None
    expected, got = as_array(failure.expected), as_array(failure.outcome.value)
    if expected is None or got is None or got.dtype.kind == "c":
        return None
    panels = [
        (name, plane)
        for name, value in failure.inputs
        if isinstance(value, np.ndarray) and (plane := _plane(value)) is not None
    ][:2]
    if expected.shape == got.shape:
        at = _first_wrong_plane(expected, got)
        mine, right = _plane(got, at), _plane(expected, at)
        difference = None if mine is None or right is None else mine - right
    else:
        mine, right, difference = _plane(got), _plane(expected), None
    if mine is None or right is None:
        return None
    panels += [("yours", mine), ("expected", right)]
    if difference is not None:
        panels.append(("difference", difference))
    return _draw(panels)


def warm_up() -> None:
    """Do what the first picture would have to wait for: its template is read and compiled."""
    _draw([("yours", np.eye(3))])


def _first_wrong_plane(expected: np.ndarray, got: np.ndarray) -> tuple[int, ...]:
    wrong = np.argwhere(
        ~np.isclose(got.astype(float), expected.astype(float), rtol=1e-3, atol=1e-5)
    )
    return tuple(int(i) for i in wrong[0][:-2]) if len(wrong) and expected.ndim > 2 else ()


def _plane(value: np.ndarray, at: tuple[int, ...] = ()) -> np.ndarray | None:
    """The matrix to draw of an array: the array itself, or the plane `at` (by default the first)
    of a stack.
    """
    if (
        value.ndim < 2
        or value.size == 0
        or max(value.shape[-2:]) > _LARGEST_PICTURE
        or value.shape[-2:] == (1, 1)
    ):
        return None
    return value[at if len(at) == value.ndim - 2 else (0,) * (value.ndim - 2)].astype(float)


def _draw(panels: list[tuple[str, np.ndarray]]) -> Picture:
    shared = [plane for name, plane in panels if name in ("yours", "expected")]
    drawn = [
        _panel(name, plane, shared if name in ("yours", "expected") else [plane])
        for name, plane in panels
    ]
    height = _TITLE + max(panel.rows * panel.cell for panel in drawn)
    svg = template("feedback", "picture.svg.j2").render(
        panels=drawn, height=height, side=_SIDE, gap=_GAP, title=_TITLE
    )
    return Picture(
        "; ".join(panel.said for panel in drawn), base64.b64encode(svg.encode()).decode()
    )


def _panel(name: str, plane: np.ndarray, scale: list[np.ndarray]) -> _Panel:
    finite = np.concatenate([p[np.isfinite(p)] for p in scale])
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if name == "difference":
        high = max(abs(low), abs(high)) or 1.0
        low = -high
    with np.errstate(over="ignore", invalid="ignore"):
        level = np.where(
            np.isfinite(plane), np.clip((plane - low) / ((high - low) or 1.0), 0, 1), np.nan
        )
    colours = _coloured(level, _DIVERGING if name == "difference" else _SEQUENTIAL)
    rows, columns = plane.shape
    cell = _SIDE / max(rows, columns)
    digits = 3 if columns <= 5 else 2
    numbers = [
        (
            column + 0.5,
            row + 0.5,
            f"{value:.{digits}g}",
            "white" if colours[row, column] @ _LUMINANCE < 128 else "black",
        )
        for (row, column), value in (
            np.ndenumerate(plane) if max(rows, columns) <= _NUMBERED else ()
        )
    ]
    own = plane[np.isfinite(plane)]
    span = f", from {own.min():.3g} to {own.max():.3g}" if own.size else ""
    longest = max((len(number) for _, _, number, _ in numbers), default=1)
    font = min(
        0.3 * cell, 1.5 * cell / longest, 14
    )  # a digit is a little more than half as wide as it is high
    return _Panel(
        f"{name}  {rows}×{columns}",
        f"{name}: {rows} by {columns}{span}",
        _png(colours),
        rows,
        columns,
        cell,
        font,
        numbers,
    )


def _coloured(level: np.ndarray, colours: tuple[str, ...]) -> np.ndarray:
    """Colours (h, w, 3), uint8, for levels (h, w) from 0 to 1; white for what is no number."""
    stops = np.array([[int(colour[i : i + 2], 16) for i in (0, 2, 4)] for colour in colours])
    known = np.isfinite(level)
    places = np.linspace(0, 1, len(stops))
    mixed = np.stack(
        [np.interp(np.where(known, level, 0), places, stops[:, channel]) for channel in range(3)],
        axis=-1,
    )
    return np.where(known[..., None], mixed, 255).astype(np.uint8)


def _png(colours: np.ndarray) -> str:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(colours).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()
