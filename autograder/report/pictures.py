"""The report's pictures, as SVG that is part of the page."""

from __future__ import annotations

import base64
import io
from statistics import median
from typing import Any

from autograder.report.results import Assignment, ClassResults, Kind, Mark, Submission, Task

COLOURS = {
    Kind.SOLVED: "#2a8c82",
    Kind.PARTLY: "#e3b94f",
    Kind.WRONG: "#cf6a4c",
    Kind.ERROR: "#775a8f",
    Kind.OPEN: "#d3d9df",
    Kind.BY_HAND: "#8fb3d9",
}
_INK, _FAINT = "#25303b", "#8a94a0"


def picture(figure: Any) -> str:
    """A figure as the address of an inline SVG; the same figure gives the same text."""
    import matplotlib

    out = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "report", "svg.fonttype": "path"}):
        figure.savefig(
            out, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
    return "data:image/svg+xml;base64," + base64.b64encode(out.getvalue()).decode()


def _literal(text: str, most: int = 44) -> str:
    """`text` as matplotlib draws it unchanged: no formulas between dollar signs, nothing that
    cannot be encoded, not endless.
    """
    text = text if len(text) <= most else text[: most - 1] + "…"
    return text.encode("utf-8", "backslashreplace").decode().replace("$", r"\$")


def _tidy(axes: Any) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_FAINT)
    axes.tick_params(length=0, labelsize=9, labelcolor=_INK)
    axes.set_axisbelow(True)


def draw_distribution(results: ClassResults, assignments: list[Assignment]) -> Any:
    """How many submissions reached which share of the points: one histogram an assignment."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    shares = {}
    for assignment in assignments:
        every = [results.share(submission) for submission in results.of(assignment)]
        known = [share for share in every if share is not None]
        if known:
            shares[assignment.name] = known
    columns = min(len(shares), 3) or 1
    rows = -(-len(shares) // columns) or 1
    figure = Figure(
        figsize=(9.6, 2.5 * rows), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08)
    )
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes, (name, values) in zip(panels, shares.items(), strict=False):
        _tidy(axes)
        axes.hist(values, bins=[i / 10 for i in range(11)], color="#5b8db8", rwidth=0.9)
        axes.axvline(median(values), color=_INK, linewidth=1.1, linestyle=(0, (4, 3)))
        axes.set_title(_literal(name), loc="left", fontsize=10, color=_INK, fontweight="bold")
        axes.set_title(
            f"median {median(values):.0%}, n = {len(values)}",
            loc="right",
            fontsize=8.5,
            color=_FAINT,
        )
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
        axes.grid(axis="y", color="#e8ebee")
        axes.set_xlim(-0.01, 1.01)
        axes.set_xlabel("share of the points", fontsize=9, color=_INK)
    for axes in panels[:: columns or 1]:
        axes.set_ylabel("submissions", fontsize=9, color=_INK)
    for axes in panels[len(shares) :]:
        axes.set_visible(False)
    return figure


def draw_questions(assignment: Assignment, graded: list[Submission]) -> Any:
    """Left, what became of the answers to each question; right, how long the judge's calls of
    each took.
    """
    from matplotlib.figure import Figure

    marks = {
        task: [mark for submission in graded for mark in submission.marks if mark.task == task]
        for task in assignment.tasks
    }
    height = 0.34 * len(marks) + 1.05
    figure = Figure(figsize=(9.6, height), layout="constrained")
    answers, seconds = figure.subplots(1, 2, sharey=True, width_ratios=(5, 3))
    _draw_answers(answers, marks, len(graded))
    _draw_seconds(seconds, marks)
    answers.set_yticks(
        range(len(marks)),
        [_literal(label) for label in short_labels([task.label for task in marks])],
    )
    answers.set_ylim(len(marks) - 0.45, -0.55)
    figure.legend(
        *answers.get_legend_handles_labels(),
        loc="outside upper left",
        ncols=6,
        frameon=False,
        fontsize=8.5,
        handlelength=1,
        columnspacing=1.4,
        labelcolor=_INK,
    )
    return figure


def _draw_answers(axes: Any, marks: dict[Task, list[Mark]], submissions: int) -> None:
    from matplotlib.ticker import MaxNLocator

    _tidy(axes)
    start = [0] * len(marks)
    for kind, colour in COLOURS.items():
        counts = [sum(mark.kind is kind for mark in of_task) for of_task in marks.values()]
        if not any(counts):
            continue
        axes.barh(
            range(len(marks)),
            counts,
            left=start,
            color=colour,
            height=0.72,
            label=str(kind),
            edgecolor="white",
            linewidth=0.8,
        )
        ink = "white" if kind in (Kind.SOLVED, Kind.WRONG, Kind.ERROR) else _INK
        for row, count in enumerate(counts):
            if count and count >= submissions / 40:  # else there is no room for the figure
                axes.text(
                    start[row] + count / 2,
                    row,
                    count,
                    ha="center",
                    va="center",
                    fontsize=8,
                    color=ink,
                )
        start = [a + b for a, b in zip(start, counts, strict=True)]
    axes.set_xlim(0, submissions)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axes.set_xlabel("submissions", fontsize=9, color=_INK)


def _draw_seconds(axes: Any, marks: dict[Task, list[Mark]]) -> None:
    """One dot an answer, its height spread by a fixed pattern; a stroke at the median."""
    from matplotlib.ticker import FuncFormatter, NullLocator

    _tidy(axes)
    axes.set_xscale("log")
    times, heights, colours = [], [], []
    for row, of_task in enumerate(marks.values()):
        judged = [
            mark
            for mark in of_task
            if mark.verdict and mark.verdict.tried and mark.verdict.seconds > 0
        ]
        seconds = [mark.verdict.seconds for mark in judged if mark.verdict]
        times += seconds
        # Steps of the golden ratio: neighbours never coincide, and there is no chance in it.
        heights += [row + 0.5 * ((index * 0.618034) % 1 - 0.5) for index in range(len(judged))]
        colours += [COLOURS[mark.kind] for mark in judged]
        if seconds:
            axes.plot(
                [median(seconds)] * 2,
                [row - 0.34, row + 0.34],
                color=_INK,
                linewidth=1.4,
                solid_capstyle="butt",
                zorder=3,
            )
    axes.scatter(times, heights, s=13, c=colours, linewidths=0, alpha=0.85, zorder=2)
    axes.set_xlim(min(times, default=0.1) / 1.6, max(times, default=10) * 1.6)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} s"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="x", color="#e8ebee")
    axes.set_xlabel("time in the judge", fontsize=9, color=_INK)


def short_labels(labels: list[str]) -> list[str]:
    """The labels without the chapter where all share it."""
    chapters = {label.partition(".")[0] for label in labels if "." in label}
    return [label.partition(".")[2] or label for label in labels] if len(chapters) == 1 else labels
