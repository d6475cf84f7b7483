"""The report's pictures, as SVG that is part of the page."""

from __future__ import annotations

import base64
import io
import math
from statistics import median
from typing import Any

from autograder.report.results import (
    Assignment,
    ClassResults,
    Kind,
    Mark,
    SubmissionResult,
    Task,
)

COLOURS = {
    Kind.SOLVED: "#2a8c82",
    Kind.PARTLY: "#e3b94f",
    Kind.WRONG: "#cf6a4c",
    Kind.ERROR: "#775a8f",
    Kind.OPEN: "#d3d9df",
    Kind.BY_HAND: "#8fb3d9",
}
_INK = "#25303b"
_FAINT = "#8a94a0"
_GRID = "#e8ebee"
_BAR = "#5b8db8"
_DARK = (Kind.SOLVED, Kind.WRONG, Kind.ERROR)
"""The kinds whose colour is so dark that what stands on it is white."""
_GOLDEN_RATIO = 0.618034


def picture(figure: Any) -> str:
    """A figure as the address of an inline SVG; the same figure gives the same text."""
    import matplotlib

    out = io.BytesIO()
    settings = {"svg.hashsalt": "report", "svg.fonttype": "path"}
    no_metadata = {"Date": None, "Creator": None}
    with matplotlib.rc_context(settings):
        figure.savefig(out, format="svg", transparent=True, metadata=no_metadata)
    encoded = base64.b64encode(out.getvalue())
    return "data:image/svg+xml;base64," + encoded.decode()


def _literal(text: str, most: int = 44) -> str:
    """`text` as matplotlib draws it unchanged: no formulas between dollar signs, nothing that
    cannot be encoded, not endless.
    """
    if len(text) > most:
        text = text[: most - 1] + "…"
    encoded = text.encode("utf-8", "backslashreplace")
    text = encoded.decode()
    return text.replace("$", r"\$")


def _tidy(axes: Any) -> None:
    borders = axes.spines
    borders[["top", "right", "left"]].set_visible(False)
    borders["bottom"].set_color(_FAINT)
    axes.tick_params(length=0, labelsize=9, labelcolor=_INK)
    axes.set_axisbelow(True)


def _name_below(axes: Any, name: str) -> None:
    axes.set_xlabel(name, fontsize=9, color=_INK)


def draw_distribution(results: ClassResults, assignments: list[Assignment]) -> Any:
    """How many submissions reached which share of the points: one histogram an assignment."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    shares = _shares(results, assignments)
    count = max(len(shares), 1)
    columns = min(count, 3)
    rows = math.ceil(count / columns)
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08)
    figure = Figure(figsize=(9.6, 2.5 * rows), layout=layout)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    panels = grid.ravel()
    for axes, (name, values) in zip(panels, shares.items(), strict=False):
        _draw_histogram(axes, name, values)
    for axes in grid[:, 0]:
        axes.set_ylabel("submissions", fontsize=9, color=_INK)
    unused = panels[len(shares) :]
    for axes in unused:
        axes.set_visible(False)
    return figure


def _shares(
    results: ClassResults, assignments: list[Assignment]
) -> dict[str, list[float]]:
    """The shares of the points that were reached, by assignment; only those that have a grade."""
    shares = {}
    for assignment in assignments:
        submissions = results.of(assignment)
        every = [results.share(submission) for submission in submissions]
        known = [share for share in every if share is not None]
        if known:
            shares[assignment.name] = known
    return shares


def _draw_histogram(axes: Any, name: str, values: list[float]) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    middle = median(values)
    tenths = [i / 10 for i in range(11)]
    dashed = (0, (4, 3))
    summary = f"median {middle:.0%}, n = {len(values)}"
    _tidy(axes)
    axes.hist(values, bins=tenths, color=_BAR, rwidth=0.9)
    axes.axvline(middle, color=_INK, linewidth=1.1, linestyle=dashed)
    axes.set_title(
        _literal(name),
        loc="left",
        fontsize=10,
        color=_INK,
        fontweight="bold",
    )
    axes.set_title(summary, loc="right", fontsize=8.5, color=_FAINT)
    share_format = PercentFormatter(1)
    axes.xaxis.set_major_formatter(share_format)
    whole_numbers = MaxNLocator(4, integer=True, min_n_ticks=1)
    axes.yaxis.set_major_locator(whole_numbers)
    axes.grid(axis="y", color=_GRID)
    axes.set_xlim(-0.01, 1.01)
    _name_below(axes, "share of the points")


def draw_questions(assignment: Assignment, graded: list[SubmissionResult]) -> Any:
    """Left, what became of the answers to each question; right, how long the judge's calls of
    each took.
    """
    from matplotlib.figure import Figure

    marks = _marks_by_task(assignment, graded)
    height = 0.34 * len(marks) + 1.05
    figure = Figure(figsize=(9.6, height), layout="constrained")
    answers, seconds = figure.subplots(1, 2, sharey=True, width_ratios=(5, 3))
    _draw_answers(answers, marks, len(graded))
    _draw_seconds(seconds, marks)
    labels = short_labels([task.label for task in marks])
    literal_labels = [_literal(label) for label in labels]
    answers.set_yticks(range(len(marks)), literal_labels)
    answers.set_ylim(len(marks) - 0.45, -0.55)
    handles, kinds = answers.get_legend_handles_labels()
    figure.legend(
        handles,
        kinds,
        loc="outside upper left",
        ncols=6,
        frameon=False,
        fontsize=8.5,
        handlelength=1,
        columnspacing=1.4,
        labelcolor=_INK,
    )
    return figure


def _marks_by_task(
    assignment: Assignment, graded: list[SubmissionResult]
) -> dict[Task, list[Mark]]:
    """All marks for each of the assignment's tasks, in the submissions' order."""
    by_task: dict[Task, list[Mark]] = {}
    for task in assignment.tasks:
        by_task[task] = []
    for submission in graded:
        for mark in submission.marks:
            if mark.task in by_task:
                of_task = by_task[mark.task]
                of_task.append(mark)
    return by_task


def _draw_answers(axes: Any, marks: dict[Task, list[Mark]], submissions: int) -> None:
    from matplotlib.ticker import MaxNLocator

    _tidy(axes)
    rows = range(len(marks))
    start = [0] * len(marks)
    for kind, colour in COLOURS.items():
        counts = [_count(kind, of_task) for of_task in marks.values()]
        if not any(counts):
            continue
        axes.barh(
            rows,
            counts,
            left=start,
            color=colour,
            height=0.72,
            label=str(kind),
            edgecolor="white",
            linewidth=0.8,
        )
        ink = "white" if kind in _DARK else _INK
        _write_counts(axes, start, counts, least=submissions / 40, ink=ink)
        start = [left + count for left, count in zip(start, counts, strict=True)]
    axes.set_xlim(0, submissions)
    whole_numbers = MaxNLocator(5, integer=True, min_n_ticks=1)
    axes.xaxis.set_major_locator(whole_numbers)
    _name_below(axes, "submissions")


def _count(kind: Kind, marks: list[Mark]) -> int:
    return sum(mark.kind is kind for mark in marks)


def _write_counts(
    axes: Any, start: list[int], counts: list[int], least: float, ink: str
) -> None:
    """Write each count in the middle of its bar, unless the bar is too short for a figure."""
    for row, count in enumerate(counts):
        if count == 0 or count < least:
            continue
        axes.text(
            start[row] + count / 2,
            row,
            count,
            ha="center",
            va="center",
            fontsize=8,
            color=ink,
        )


def _draw_seconds(axes: Any, marks: dict[Task, list[Mark]]) -> None:
    """One dot an answer, its height spread by a fixed pattern; a stroke at the median."""
    from matplotlib.ticker import FuncFormatter, NullLocator

    _tidy(axes)
    axes.set_xscale("log")
    times: list[float] = []
    heights: list[float] = []
    colours: list[str] = []
    for row, of_task in enumerate(marks.values()):
        judged = [mark for mark in of_task if _seconds(mark) > 0]
        seconds = [_seconds(mark) for mark in judged]
        times += seconds
        heights += _spread(row, len(judged))
        colours += [COLOURS[mark.kind] for mark in judged]
        if seconds:
            _draw_median(axes, row, median(seconds))
    axes.scatter(
        times,
        heights,
        s=13,
        c=colours,
        linewidths=0,
        alpha=0.85,
        zorder=2,
    )
    shortest = min(times, default=0.1)
    longest = max(times, default=10)
    axes.set_xlim(shortest / 1.6, longest * 1.6)
    axes.xaxis.set_major_formatter(FuncFormatter(_seconds_label))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="x", color=_GRID)
    _name_below(axes, "time in the judge")


def _seconds(mark: Mark) -> float:
    """How long the judge's calls took; 0 where it made none."""
    verdict = mark.verdict
    if verdict is None or not verdict.tried:
        return 0.0
    return verdict.seconds


def _seconds_label(value: float, _position: int) -> str:
    return f"{value:g} s"


def _spread(row: int, count: int) -> list[float]:
    """Heights of dots around a row, by steps of the golden ratio: neighbours never coincide, and
    there is no chance in it.
    """
    heights = []
    for index in range(count):
        fraction = (index * _GOLDEN_RATIO) % 1
        heights.append(row + 0.5 * (fraction - 0.5))
    return heights


def _draw_median(axes: Any, row: int, seconds: float) -> None:
    axes.plot(
        [seconds, seconds],
        [row - 0.34, row + 0.34],
        color=_INK,
        linewidth=1.4,
        solid_capstyle="butt",
        zorder=3,
    )


def short_labels(labels: list[str]) -> list[str]:
    """The labels without the chapter where all share it."""
    chapters = {label.partition(".")[0] for label in labels if "." in label}
    if len(chapters) != 1:
        return labels
    short = []
    for label in labels:
        _chapter, _, name = label.partition(".")
        short.append(name or label)
    return short
