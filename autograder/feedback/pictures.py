"""The picture of a failure: matrices side by side, as an SVG that needs nothing else."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from autograder.pages import template
from autograder.values.agreement import as_array
from autograder.verdict import Failure

_LARGEST_PICTURE = 128
"""The most rows or columns of a matrix that is drawn."""
_NUMBERED = 7
"""The most rows or columns that are drawn with their numbers."""
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
_Plane: TypeAlias = tuple[str, np.ndarray]
"""A matrix with its name."""


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
    description: str
    png: str
    rows: int
    columns: int
    cell: float
    font: float
    numbers: list[tuple[float, float, str, str]]


def picture(failure: Failure) -> Picture | None:
    """The input, yours, expected and their difference side by side; None where there is nothing
    to look at.
    """
    if failure.outcome.kind != "value":
        return None
    expected, got = as_array(failure.expected), as_array(failure.outcome.value)
    if expected is None or got is None or got.dtype.kind == "c":
        return None
    results = _results(expected, got)
    if results is None:
        return None
    return _draw([*_inputs(failure)[:2], *results])


def warm_up() -> None:
    """Do what the first picture would have to wait for: its template is read and compiled."""
    _draw([("yours", np.eye(3))])


def _inputs(failure: Failure) -> list[_Plane]:
    """The inputs that can be drawn."""
    planes = []
    for name, value in failure.inputs:
        plane = _plane(value) if isinstance(value, np.ndarray) else None
        if plane is not None:
            planes.append((name, plane))
    return planes


def _results(expected: np.ndarray, got: np.ndarray) -> list[_Plane] | None:
    """Both results, and their difference where they have one shape; None where they cannot be
    drawn.
    """
    same_shape = expected.shape == got.shape
    at = _first_wrong_plane(expected, got) if same_shape else ()
    mine, right = _plane(got, at), _plane(expected, at)
    if mine is None or right is None:
        return None
    planes = [("yours", mine), ("expected", right)]
    if same_shape:
        planes.append(("difference", mine - right))
    return planes


def _first_wrong_plane(expected: np.ndarray, got: np.ndarray) -> tuple[int, ...]:
    if expected.ndim <= 2:
        return ()
    near = np.isclose(got.astype(float), expected.astype(float), rtol=1e-3, atol=1e-5)
    wrong = np.argwhere(~near)
    return tuple(int(index) for index in wrong[0][:-2]) if len(wrong) else ()


def _plane(value: np.ndarray, at: tuple[int, ...] = ()) -> np.ndarray | None:
    """The matrix to draw of an array: the array itself, or the plane `at` (by default the first)
    of a stack.
    """
    if value.ndim < 2 or value.size == 0:
        return None
    *stacked, rows, columns = value.shape
    if max(rows, columns) > _LARGEST_PICTURE or rows == columns == 1:
        return None
    if len(at) != len(stacked):
        at = (0,) * len(stacked)
    return value[at].astype(float)


def _draw(planes: list[_Plane]) -> Picture:
    """Yours and expected on one scale of colours, everything else on its own."""
    shared = [plane for name, plane in planes if name in ("yours", "expected")]
    panels = []
    for name, plane in planes:
        scale = shared if name in ("yours", "expected") else [plane]
        panels.append(_panel(name, plane, scale))
    height = _TITLE + max(panel.rows * panel.cell for panel in panels)
    svg = template("feedback", "picture.svg.j2").render(
        panels=panels, height=height, side=_SIDE, gap=_GAP, title=_TITLE
    )
    description = "; ".join(panel.description for panel in panels)
    return Picture(description, base64.b64encode(svg.encode()).decode())


def _panel(name: str, plane: np.ndarray, scale: list[np.ndarray]) -> _Panel:
    colours = _colours(name, plane, scale)
    rows, columns = plane.shape
    cell = _SIDE / max(rows, columns)
    numbers = _numbers(plane, colours) if max(rows, columns) <= _NUMBERED else []
    finite = plane[np.isfinite(plane)]
    span = f", from {finite.min():.3g} to {finite.max():.3g}" if finite.size else ""
    longest = max((len(number) for _, _, number, _ in numbers), default=1)
    # A digit is a little more than half as wide as it is high.
    font = min(0.3 * cell, 1.5 * cell / longest, 14)
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


def _colours(name: str, plane: np.ndarray, scale: list[np.ndarray]) -> np.ndarray:
    """The colour of each entry, (h, w, 3); a difference has zero in the middle of its colours."""
    finite = np.concatenate([part[np.isfinite(part)] for part in scale])
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    stops = _SEQUENTIAL
    if name == "difference":
        stops = _DIVERGING
        high = max(abs(low), abs(high)) or 1.0
        low = -high
    with np.errstate(over="ignore", invalid="ignore"):
        level = np.clip((plane - low) / ((high - low) or 1.0), 0, 1)
    return _coloured(np.where(np.isfinite(plane), level, np.nan), stops)


def _numbers(plane: np.ndarray, colours: np.ndarray) -> list[tuple[float, float, str, str]]:
    """Column, row, text and colour of each number."""
    digits = 3 if plane.shape[1] <= 5 else 2
    numbers = []
    for (row, column), value in np.ndenumerate(plane):
        is_dark = colours[row, column] @ _LUMINANCE < 128
        ink = "white" if is_dark else "black"
        numbers.append((column + 0.5, row + 0.5, f"{value:.{digits}g}", ink))
    return numbers


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
