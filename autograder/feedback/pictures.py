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
_MOST_INPUTS = 2
"""The most inputs that are drawn."""

# Pixels.
_SIDE = 200
_GAP = 12
_TITLE = 22
_LARGEST_FONT = 14

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
_LONG = 99999.5
"""From here on a number is written with an exponent."""
_RESULTS = ("yours", "expected")
"""The matrices that are drawn on one scale of colours."""
_LUMINANCE = np.array([0.299, 0.587, 0.114])
_Plane: TypeAlias = tuple[str, np.ndarray]
"""A matrix with its name."""
_Number: TypeAlias = tuple[float, float, str, str]
"""Column, row, text and colour of a number in a picture."""


@dataclass(frozen=True)
class Picture:
    """A picture as an SVG in base64, and what it shows in words."""

    alt: str
    svg: str


@dataclass(frozen=True)
class _Panel:
    """One matrix of a picture. cell, font: pixels of one entry and of its digits."""

    title: str
    description: str
    png: str
    rows: int
    columns: int
    cell: float
    font: float
    numbers: list[_Number]


def picture(failure: Failure) -> Picture | None:
    """The input, yours, expected and their difference side by side; None where there is nothing
    to look at.
    """
    if failure.outcome.kind != "value":
        return None
    expected = as_array(failure.expected)
    got = as_array(failure.outcome.value)
    if expected is None or got is None:
        return None
    if got.dtype.kind == "c":
        return None
    results = _results(expected, got)
    if results is None:
        return None
    inputs = _inputs(failure)
    return _draw(inputs[:_MOST_INPUTS] + results)


def warm_up() -> None:
    """Do what the first picture would have to wait for: its template is read and compiled."""
    example = np.eye(3)
    _draw([("yours", example)])


def _inputs(failure: Failure) -> list[_Plane]:
    """The inputs that can be drawn."""
    planes = []
    for name, value in failure.inputs:
        if not isinstance(value, np.ndarray):
            continue
        plane = _plane(value)
        if plane is not None:
            planes.append((name, plane))
    return planes


def _results(expected: np.ndarray, got: np.ndarray) -> list[_Plane] | None:
    """Both results, and their difference where they have one shape; None where they cannot be
    drawn.
    """
    same_shape = expected.shape == got.shape
    at = _first_wrong_plane(expected, got) if same_shape else ()
    yours = _plane(got, at)
    right = _plane(expected, at)
    if yours is None or right is None:
        return None
    planes = [("yours", yours), ("expected", right)]
    if same_shape:
        difference = yours - right
        planes.append(("difference", difference))
    return planes


def _first_wrong_plane(expected: np.ndarray, got: np.ndarray) -> tuple[int, ...]:
    """Where in a stack of matrices the first with a wrong entry is; () for a single matrix."""
    if expected.ndim <= 2:
        return ()
    expected = expected.astype(float)
    got = got.astype(float)
    near = np.isclose(got, expected, rtol=1e-3, atol=1e-5)
    wrong = np.argwhere(~near)
    if len(wrong) == 0:
        return ()
    *stacked, _row, _column = wrong[0].tolist()
    return tuple(stacked)


def _plane(value: np.ndarray, at: tuple[int, ...] = ()) -> np.ndarray | None:
    """The matrix to draw of an array: the array itself, or the plane `at` (by default the first)
    of a stack.
    """
    if value.ndim < 2:
        return None
    if value.size == 0:
        return None
    *stacked, rows, columns = value.shape
    if max(rows, columns) > _LARGEST_PICTURE:
        return None
    if rows == columns == 1:
        return None
    if len(at) != len(stacked):
        at = (0,) * len(stacked)
    plane = value[at]
    return plane.astype(float)


def _draw(planes: list[_Plane]) -> Picture:
    """Yours and expected on one scale of colours, everything else on its own."""
    results = [plane for name, plane in planes if name in _RESULTS]
    panels = []
    for name, plane in planes:
        scale = results if name in _RESULTS else [plane]
        panel = _panel(name, plane, scale)
        panels.append(panel)
    heights = [panel.rows * panel.cell for panel in panels]
    page = template("feedback", "picture.svg.j2")
    svg = page.render(
        panels=panels,
        height=_TITLE + max(heights),
        side=_SIDE,
        gap=_GAP,
        title=_TITLE,
    )
    descriptions = [panel.description for panel in panels]
    return Picture(
        alt="; ".join(descriptions),
        svg=_base64(svg.encode()),
    )


def _panel(name: str, plane: np.ndarray, scale: list[np.ndarray]) -> _Panel:
    colours = _colours(name, plane, scale)
    rows, columns = plane.shape
    longest_side = max(rows, columns)
    cell = _SIDE / longest_side
    numbers = _numbers(plane, colours) if longest_side <= _NUMBERED else []
    return _Panel(
        title=f"{name}  {rows}×{columns}",
        description=f"{name}: {rows} by {columns}{_span(plane)}",
        png=_png(colours),
        rows=rows,
        columns=columns,
        cell=cell,
        font=_font(cell, numbers),
        numbers=numbers,
    )


def _span(plane: np.ndarray) -> str:
    """The range of the matrix's numbers, in words."""
    known = np.isfinite(plane)
    if not known.any():
        return ""
    least = plane[known].min()
    greatest = plane[known].max()
    return f", from {least:.3g} to {greatest:.3g}"


def _font(cell: float, numbers: list[_Number]) -> float:
    """The size of the digits, so that the longest number fits into a cell."""
    longest = 1
    for _column, _row, text, _ink in numbers:
        longest = max(longest, len(text))
    highest = 0.3 * cell
    # A digit is a little more than half as wide as it is high.
    widest = 1.5 * cell / longest
    return min(highest, widest, _LARGEST_FONT)


def _colours(name: str, plane: np.ndarray, scale: list[np.ndarray]) -> np.ndarray:
    """The colour of each entry, (h, w, 3); a difference has zero in the middle of its colours."""
    low, high = _limits(scale)
    stops = _SEQUENTIAL
    if name == "difference":
        stops = _DIVERGING
        high = max(abs(low), abs(high)) or 1.0
        low = -high
    # Equal numbers all have the lowest level.
    span = (high - low) or 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        level = (plane - low) / span
        level = np.clip(level, 0, 1)
    unknown = ~np.isfinite(plane)
    level[unknown] = np.nan
    return _coloured(level, stops)


def _limits(planes: list[np.ndarray]) -> tuple[float, float]:
    """The least and the greatest finite number of these matrices."""
    parts = []
    for plane in planes:
        known = np.isfinite(plane)
        parts.append(plane[known])
    finite = np.concatenate(parts)
    if not finite.size:
        return 0.0, 1.0
    low = float(finite.min())
    high = float(finite.max())
    return low, high


def _numbers(plane: np.ndarray, colours: np.ndarray) -> list[_Number]:
    """The numbers in a matrix, in the middle of their entries."""
    columns = plane.shape[1]
    digits = 3 if columns <= 5 else 2
    luminances = colours @ _LUMINANCE
    dark = luminances < 128
    numbers = []
    for (row, column), value in np.ndenumerate(plane):
        ink = "white" if dark[row, column] else "black"
        text = _digits(value, digits)
        across = column + 0.5
        down = row + 0.5
        numbers.append((across, down, text, ink))
    return numbers


def _digits(value: float, digits: int) -> str:
    """A number with so many digits, or a few more: 103 is shorter than 1e+02."""
    rounded = f"{value:.{digits}g}"
    if "e+" not in rounded or abs(value) >= _LONG:
        return rounded
    return f"{value:.0f}"


def _coloured(level: np.ndarray, colours: tuple[str, ...]) -> np.ndarray:
    """Colours (h, w, 3), uint8, for levels (h, w) from 0 to 1; white for what is no number."""
    stops = np.array([_rgb(colour) for colour in colours])
    places = np.linspace(0, 1, len(stops))
    unknown = ~np.isfinite(level)
    level = np.where(unknown, 0, level)
    channels = []
    for values in stops.T:
        channel = np.interp(level, places, values)
        channels.append(channel)
    mixed = np.stack(channels, axis=-1)
    mixed[unknown] = 255
    return mixed.astype(np.uint8)


def _rgb(colour: str) -> tuple[int, ...]:
    """Red, green and blue of six hexadecimal digits."""
    return tuple(bytes.fromhex(colour))


def _png(colours: np.ndarray) -> str:
    from PIL import Image

    out = io.BytesIO()
    image = Image.fromarray(colours)
    image.save(out, "PNG")
    return _base64(out.getvalue())


def _base64(content: bytes) -> str:
    encoded = base64.b64encode(content)
    return encoded.decode()
