"""The learner's progress as it is shown: one line a chapter, the chapters under way unfolded, and
what comes next.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.learner import course_map, learner_folder
from autograder.learner.course_map import Chapter, Course, Entry
from autograder.learner.next_step import NextStep, current_chapter, next_step
from autograder.learner.standing import History, Standing

if TYPE_CHECKING:
    from autograder.feedback.render import Feedback

WIDTH = 80
"""Columns of a terminal."""
_BAR = 10
_TITLE = 40
_QUESTION = 52
_ALL_DONE = "Every question is solved."


@dataclass(frozen=True)
class QuestionRow:
    """One question as it is shown."""

    label: str
    mark: str
    meaning: str
    """What the mark says, for those who do not see it."""
    points: str
    attempts: str


@dataclass(frozen=True)
class ChapterRow:
    """One chapter as it is shown."""

    name: str
    label: str
    mark: str
    meaning: str
    share: float
    """Of its points, from 0 to 1."""
    points: str
    minutes: int
    """Left, the lesson's included where the chapter has not been begun."""
    is_current: bool
    is_under_way: bool
    questions: tuple[QuestionRow, ...]
    lesson: str
    exercise: str
    """Where the notebooks are, from here; "" where there are none."""

    @property
    def time_left(self) -> str:
        """What of its time is left, in words."""
        return f"{self.minutes} min left" if self.minutes else ""


@dataclass(frozen=True)
class Overview:
    """All that is shown. The current chapter stands first, the others in course order."""

    chapters: tuple[ChapterRow, ...]
    share: float
    points: str
    minutes: int
    step: NextStep | None
    notebook: str
    """The next step's, from here; "" where there is none."""
    remarks: tuple[str, ...]

    @property
    def time_left(self) -> str:
        """What of the whole time is left, in words."""
        if not self.minutes:
            return ""
        if self.minutes < 100:
            return f"{self.minutes} min left"
        return f"{round(self.minutes / 60)} h left"

    @property
    def total(self) -> str:
        """What the last line is about."""
        count = len(self.chapters)
        return f"All {count} chapters" if count != 1 else "In all"


def as_feedback(history: History) -> Feedback:
    """The progress as text, and as HTML with links for the notebook that is worked in."""
    # Both take what the text alone does without.
    from autograder.feedback.render import Feedback
    from autograder.pages import template

    here = Path.cwd()
    course = course_map.course()
    page = template("learner", "progress.html.j2")
    view = overview(course, history, here, links=True)
    html = page.render(view=view, all_done=_ALL_DONE)
    return Feedback("\n".join(lines(overview(course, history, here))), html)


def as_lines(history: History, chapter: str | None = None) -> Iterator[str]:
    """The progress for a terminal; of one chapter only, if it is named. Raises `UsageError` for
    a name that no chapter has.
    """
    here = Path.cwd()
    course = course_map.course()
    if chapter is None:
        return lines(overview(course, history, here))
    alone = course_map.chapter_of(chapter)
    view = overview(course, history, here)
    [row] = [row for row in view.chapters if row.name == alone.name]
    return _chapter_lines(row, unfolded=True)


def overview(
    course: Course, history: History, here: Path, *, links: bool = False
) -> Overview:
    """What is shown of a course to who stands in the folder `here`: paths as they are typed
    there, or `links` for a page.
    """
    chapters = course.chapters
    folder = learner_folder.find(chapters, here)
    place = learner_folder.link if links else learner_folder.shown

    def seen(notebook: str) -> str:
        path = folder / notebook if folder and notebook else None
        return place(path, here) if path and path.is_file() else ""

    current = current_chapter(chapters, history)
    rows = []
    for chapter in chapters:
        lesson, exercise = seen(chapter.lesson), seen(chapter.exercise)
        is_current = chapter is current
        rows.append(_chapter_row(chapter, history, is_current, lesson, exercise))
    earned = sum(_earned(chapter.entries, history) for chapter in chapters)
    points = sum(chapter.points for chapter in chapters)
    step = next_step(chapters, history)
    missing = [
        c.exercise for c in chapters if c.exercise and folder and not seen(c.exercise)
    ]
    return Overview(
        tuple(sorted(rows, key=lambda row: not row.is_current)),
        earned / points if points else 0.0,
        _of(earned, points),
        sum(row.minutes for row in rows),
        step,
        seen(step.notebook) if step else "",
        (*course.left_out, *_about_missing(missing)),
    )


def _about_missing(notebooks: list[str]) -> list[str]:
    if not notebooks:
        return []
    others = f" and {len(notebooks) - 1} more" if len(notebooks) > 1 else ""
    return [
        f"Not in your folder: {notebooks[0]}{others}. `course workspace` brings it back."
    ]


def _chapter_row(
    chapter: Chapter, history: History, is_current: bool, lesson: str, exercise: str
) -> ChapterRow:
    standings = [history.of(entry.name) for entry in chapter.entries]
    begun = any(history.has_begun(entry.name) for entry in chapter.entries)
    solved = all(standing.solved for standing in standings)
    earned, points = _earned(chapter.entries, history), chapter.points
    mark, meaning = ("◐", "begun") if begun else ("○", "not begun")
    if solved:
        mark, meaning = "✓", "solved"
    rows = [
        _question_row(entry, standing)
        for entry, standing in zip(chapter.entries, standings, strict=True)
    ]
    return ChapterRow(
        chapter.name,
        chapter.label,
        mark,
        meaning,
        earned / points if points else 0.0,
        _of(earned, points),
        _minutes_left(chapter, standings, begun),
        is_current,
        begun and not solved,
        tuple(rows),
        lesson,
        exercise,
    )


def _question_row(entry: Entry, standing: Standing) -> QuestionRow:
    mark, meaning = _mark(standing)
    attempts = standing.attempts
    told = bool(attempts) and not standing.solved
    counted = f"{attempts} attempt{'s' if attempts != 1 else ''}"
    return QuestionRow(
        entry.label,
        mark,
        meaning,
        _of(min(standing.earned, entry.points), entry.points),
        counted if told else "",
    )


def _mark(standing: Standing) -> tuple[str, str]:
    """The sign of a standing, and what it means."""
    if standing.solved:
        return "✓", "solved"
    if standing.earned:
        return "◐", "partly correct"
    return ("✗", "not correct yet") if standing.attempts else ("○", "open")


def _earned(entries: Sequence[Entry], history: History) -> float:
    """The points of these questions; none gives more than it has, whatever a log says."""
    return sum(min(history.of(entry.name).earned, entry.points) for entry in entries)


def _minutes_left(chapter: Chapter, standings: list[Standing], begun: bool) -> int:
    """The open questions' share of the chapter's time; and the lesson's time before that."""
    points = sum(
        entry.points
        for entry, standing in zip(chapter.entries, standings, strict=True)
        if not standing.solved
    )
    share = points / chapter.points if chapter.points else 0
    exercise = chapter.minutes * share
    return round(exercise if begun else exercise + chapter.lesson_minutes)


def _of(earned: float, points: float) -> str:
    return f"{round(earned, 2):g} / {round(points, 2):g}"


def lines(view: Overview) -> Iterator[str]:
    """The progress as lines of text, at most `WIDTH` columns wide."""
    for row in view.chapters:
        yield from _chapter_lines(row, unfolded=row.is_current or row.is_under_way)
    yield _line(" ", view.total, view.share, view.points, view.time_left)
    for remark in view.remarks:
        yield from _wrapped(remark)
    yield ""
    yield from step_lines(view.step, view.notebook)
    if view.notebook:
        yield "      `course next` opens it."


def step_lines(step: NextStep | None, notebook: str) -> Iterator[str]:
    """What comes next, and in which notebook."""
    if step is None:
        yield _ALL_DONE
        return
    yield from _wrapped(step.sentence)
    if notebook:
        yield f"      {notebook}"


def _chapter_lines(row: ChapterRow, *, unfolded: bool) -> Iterator[str]:
    yield _line(row.mark, row.label, row.share, row.points, row.time_left)
    if not unfolded:
        return
    for question in row.questions:
        title = _cut(question.label, _QUESTION)
        cells = f"    {question.mark} {title:<{_QUESTION}} {question.points:>8}"
        yield f"{cells} {question.attempts}".rstrip()
    if row.lesson:
        yield f"    Lesson:   {row.lesson}"
    if row.exercise:
        yield f"    Exercise: {row.exercise}"
    yield ""


def _line(mark: str, label: str, share: float, points: str, time_left: str) -> str:
    full = _full(share, _BAR)
    bar = "█" * full + "░" * (_BAR - full)
    title = _cut(label, _TITLE)
    return f"{mark} {title:<{_TITLE}} {bar} {points:>12} {time_left:>12}".rstrip()


def _full(share: float, most: int) -> int:
    """How much of a bar is full: something where anything is earned, all only where all is."""
    full = int(share * most)
    return max(full, 1) if share else 0


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="      ") or [""]
