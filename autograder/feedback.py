"""What a learner sees of a verdict: text for a terminal, HTML with a picture for a notebook.

Everything a student wrote is escaped; the HTML has no script, and its picture is part of it.
"""

from __future__ import annotations

import base64
import functools
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup, escape

from autograder.compare import as_array
from autograder.verdict import Failure, Status, Verdict

MARKS = {Status.CORRECT: "✓", Status.NOT_ATTEMPTED: "○", Status.PARTIAL: "◐"}
_LARGEST_PICTURE = 128
_READABLE = 60


@dataclass(frozen=True)
class Feedback:
    """A rendered verdict. In a notebook it shows its HTML, elsewhere its text. `correct` and `earned` are for programs."""

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
    return Feedback(as_text(verdict), as_html(verdict), verdict.status is Status.CORRECT, verdict.earned)


def as_text(verdict: Verdict) -> str:
    """The verdict for a terminal."""
    lines = [f"{MARKS.get(verdict.status, '✗')} {verdict.question}: {verdict.status}, {_points(verdict)}", f"  {verdict.headline}"]
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
    return template("feedback.html.j2").render(
        verdict=verdict,
        mark=MARKS.get(verdict.status, "✗"),
        tone={Status.CORRECT: "right", Status.NOT_ATTEMPTED: "open", Status.PARTIAL: "part"}.get(verdict.status, "wrong"),
        points=_points(verdict),
        rows=_rows(failure) if failure else [],
        picture=_picture(failure) if failure else None,
    )


def note(text: str) -> Feedback:
    """A short message (a hint, a refusal) in the same two forms."""
    return Feedback(text, template("note.html.j2").render(text=text))


def code(title: str, source: str, explanation: str) -> Feedback:
    """A piece of code with a title and an explanation: how solutions are shown."""
    text = "\n\n".join(part for part in (title, source.rstrip(), explanation) if part)
    return Feedback(text, template("solution.html.j2").render(title=title, source=source.rstrip(), explanation=explanation))


@functools.cache
def template(name: str):
    from jinja2 import Environment, PackageLoader

    environment = Environment(loader=PackageLoader("autograder"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["prose"] = prose
    return environment.get_template(name)


def prose(text: str) -> Markup:
    """`text` escaped, with what stands between backticks as code."""
    parts = str(text).split("`")
    if len(parts) % 2 == 0:  # a backtick without its other half
        return escape(text)
    return Markup("").join(Markup("<code>{}</code>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts))


def _points(verdict: Verdict) -> str:
    return f"{verdict.earned:g} of {verdict.points:g} point{'' if verdict.points == 1 else 's'}"


def _rows(failure: Failure) -> list[tuple[str, str]]:
    """What to read of a failure: the input, the two results, the learner's own lines, what was printed."""
    rows = [(f"input {name}", _readable(value)) for name, value in failure.inputs]
    if failure.outcome.kind == "value" and failure.expected is not None:
        rows += [("yours", _readable(failure.outcome.value)), ("expected", _readable(failure.expected))]
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
            return f"array of shape {value.shape}, {value.dtype}, from {value.min():.4g} to {value.max():.4g}"
        return np.array2string(value, precision=4, suppress_small=True, max_line_width=100, separator=", ")
    if isinstance(value, np.ndarray):
        return f"{value.item():.6g}" if value.dtype.kind == "f" else str(value.item())
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_brief(item)}" for key, item in list(value.items())[:12])
    if isinstance(value, (list, tuple)) and any(isinstance(item, np.ndarray) for item in value):
        return "\n".join(_brief(item) for item in value[:4]) + (f"\nand {len(value) - 4} more" if len(value) > 4 else "")
    text = f"{value:.6g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 300 else text[:300] + " ..."


def _brief(value: Any) -> str:
    """A part of a larger result, on one line."""
    if isinstance(value, dict):
        return f"{len(value)} entries"
    if isinstance(value, np.ndarray) and value.size > 4:
        return f"array of shape {value.shape}" + (f", from {value.min():.4g} to {value.max():.4g}" if value.dtype.kind in "iuf" else "")
    return _readable(value)


def _picture(failure: Failure) -> str | None:
    """The input, yours, expected and their difference side by side, as a PNG in base64; None where there is nothing to look at."""
    if failure.outcome.kind != "value":
        return None
    expected, got = as_array(failure.expected), as_array(failure.outcome.value)
    if expected is None or got is None or got.dtype.kind == "c":
        return None
    panels = [(name, plane) for name, value in failure.inputs if isinstance(value, np.ndarray) and (plane := _plane(value)) is not None][:2]
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


def _first_wrong_plane(expected: np.ndarray, got: np.ndarray) -> tuple[int, ...]:
    wrong = np.argwhere(~np.isclose(got.astype(float), expected.astype(float), rtol=1e-3, atol=1e-5))
    return tuple(int(i) for i in wrong[0][:-2]) if len(wrong) and expected.ndim > 2 else ()


def _plane(value: np.ndarray, at: tuple[int, ...] = ()) -> np.ndarray | None:
    """The matrix to draw of an array: the array itself, or the plane `at` (by default the first) of a stack."""
    if value.ndim < 2 or value.size == 0 or max(value.shape[-2:]) > _LARGEST_PICTURE or value.shape[-2:] == (1, 1):
        return None
    return value[at if len(at) == value.ndim - 2 else (0,) * (value.ndim - 2)].astype(float)


def _draw(panels: list[tuple[str, np.ndarray]]) -> str:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.9 * len(panels), 2.15), dpi=110)
    figure.subplots_adjust(
        left=0.01, right=0.99, bottom=0.02, top=0.88, wspace=0.06
    )  # a layout engine would take twice the time of all the rest
    shared = [plane for name, plane in panels if name in ("yours", "expected")]
    for axes, (name, plane) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
        _draw_panel(axes, name, plane, shared if name in ("yours", "expected") else [plane])
    out = io.BytesIO()
    FigureCanvasAgg(figure).print_png(out, metadata={"Software": None})
    return base64.b64encode(out.getvalue()).decode()


def _draw_panel(axes: Any, name: str, plane: np.ndarray, scale: list[np.ndarray]) -> None:
    finite = np.concatenate([p[np.isfinite(p)] for p in scale])
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    if name == "difference":
        high = max(abs(low), abs(high)) or 1.0
        low = -high
    axes.imshow(plane, cmap="RdBu_r" if name == "difference" else "viridis", vmin=low, vmax=high)
    axes.set_title(f"{name}  {plane.shape[0]}×{plane.shape[1]}", fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
    if max(plane.shape) > 7:
        return
    digits = 3 if plane.shape[1] <= 5 else 2
    for (row, column), value in np.ndenumerate(plane):
        position = (value - low) / ((high - low) or 1)
        light = 0.25 < position < 0.75 if name == "difference" else position > 0.6
        axes.text(
            column,
            row,
            f"{value:.{digits}g}",
            ha="center",
            va="center",
            fontsize=6.5,
            color="black" if light else "white",
            parse_math=False,
        )
