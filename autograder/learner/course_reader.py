"""Reads a course from its notebooks: chapters, their questions, points and minutes.

The notebooks are read as JSON, with the standard library alone, so that a learner's progress is
there at once: no framework, no notebook library and no question has to be imported for it.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autograder.questions.names import question_name

_CHECK = re.compile(r"""\bcheck\(\s*(["'])([\w.-]+)\1""")
_FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r"^# +(?:(?:Exercise +)?\d+[a-z]?\b[:.]? *)?(.+?) *$", re.MULTILINE)
_HEADING = re.compile(
    r"^##+ +(?:(?P<number>\d+)[.:)] *)?(?P<title>.+?)(?P<points> *\([\d.]+ points?\))? *$",
    re.MULTILINE,
)
_NUMBER = re.compile(r"^\d+[a-z]?(?=-|$)")
_MARKUP = re.compile(r"[`*$]")


@dataclass(frozen=True)
class Entry:
    """One question. `minutes` is its share of the chapter's, by points; 0 where none are told."""

    name: str
    number: int
    title: str
    points: float
    minutes: int
    is_written: bool
    chapter: str

    @property
    def label(self) -> str:
        """How it is called in its chapter: "4. Pooling"."""
        return f"{self.number}. {self.title}"


@dataclass(frozen=True)
class Chapter:
    """An exercise and its lesson. The paths are relative to the folder that holds `lessons` and
    `exercises`; "" where there is no such notebook.
    """

    name: str
    title: str
    lesson: str
    exercise: str
    minutes: int
    entries: tuple[Entry, ...]
    lesson_minutes: int = 0

    @property
    def number(self) -> str:
        """The number that its name begins with, as it stands there ("02"); "" if there is none."""
        found = _NUMBER.match(self.name)
        return found.group() if found else ""

    @property
    def label(self) -> str:
        """How it is called in the course: "02 Convolution"."""
        return f"{self.number} {self.title}".strip()

    @property
    def points(self) -> float:
        """All that its questions give."""
        return sum(entry.points for entry in self.entries)


@dataclass(frozen=True)
class Course:
    """All chapters, and a sentence for each notebook that was left out of them."""

    chapters: tuple[Chapter, ...] = ()
    left_out: tuple[str, ...] = ()


@functools.cache
def read(folder: Path) -> Course:
    """The course whose notebooks lie in `folder`. A notebook that cannot be read, or in which
    there is no question, is left out and told.

    A question belongs to the first notebook that has it: a copy beside it adds nothing.
    """
    found: list[Chapter] = []
    left_out = []
    known: set[str] = set()
    for path in _exercises(folder):
        try:
            chapter = _chapter(folder, path, known)
        except _LeftOut as reason:
            left_out.append(f"{path.relative_to(folder).as_posix()}: {reason}")
            continue
        known |= {entry.name for entry in chapter.entries}
        found.append(chapter)
    return Course(tuple(found), tuple(left_out))


def _exercises(folder: Path) -> list[Path]:
    """The notebooks of exercises in course order; the one that is named like its folder comes
    before others in there.
    """
    notebooks = (folder / "exercises").glob("*/*.ipynb")
    visible = [path for path in notebooks if not path.parent.name.startswith(".")]
    return sorted(
        visible,
        key=lambda path: (path.parent.name, path.stem != path.parent.name, path.stem),
    )


def _chapter(folder: Path, path: Path, known: set[str]) -> Chapter:
    """The chapter that an exercise at `path` tells. Raises `_LeftOut` with the reason why it is
    none.
    """
    notebook = _read_notebook(path)
    name = path.stem
    graded = {question.name: question for question in _questions(notebook, name)}
    if not graded:
        raise _LeftOut("there is no question in it")
    fresh = [question for question in graded.values() if question.name not in known]
    if not fresh:
        raise _LeftOut("it is a copy: all its questions stand in another notebook")
    total = sum(question.points for question in fresh)
    entries = []
    for question in fresh:
        share = question.points / total if total else 0
        minutes = round(notebook.minutes * share)
        if notebook.minutes and share:
            minutes = max(minutes, 1)
        entries.append(replace(question, minutes=minutes))
    lesson = folder / "lessons" / f"{name}.ipynb"
    return Chapter(
        name,
        _chapter_title(notebook) or _words(_NUMBER.sub("", name)),
        lesson.relative_to(folder).as_posix() if lesson.is_file() else "",
        path.relative_to(folder).as_posix(),
        notebook.minutes,
        tuple(entries),
        _minutes_of(lesson),
    )


def _minutes_of(lesson: Path) -> int:
    """The minutes that a lesson says it takes; 0 where it says none or cannot be read."""
    try:
        return _read_notebook(lesson).minutes
    except _LeftOut:
        return 0


class _LeftOut(Exception):
    """A notebook that tells no chapter, and why."""


@dataclass(frozen=True)
class _Cell:
    is_markdown: bool
    source: str
    facts: dict[str, Any]
    """What nbgrader notes on it."""


@dataclass(frozen=True)
class _Notebook:
    cells: list[_Cell]
    minutes: int


def _read_notebook(path: Path) -> _Notebook:
    """What is needed of the notebook at `path`, whatever somebody has made of the file."""
    try:
        content = json.loads(path.read_bytes())
        cells = [_read_cell(cell) for cell in content["cells"]]
        told = content.get("metadata", {}).get("course", {}).get("minutes")
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise _LeftOut("it cannot be read as a notebook") from error
    except RecursionError as error:
        raise _LeftOut("it cannot be read as a notebook") from error
    return _Notebook(cells, round(_number(told)))


def _read_cell(cell: dict[str, Any]) -> _Cell:
    source = cell["source"]
    facts = cell.get("metadata", {}).get("nbgrader")
    return _Cell(
        cell["cell_type"] == "markdown",
        source if isinstance(source, str) else "".join(source),
        facts if isinstance(facts, dict) else {},
    )


def _number(value: Any) -> float:
    """`value` where it is a sensible number, else 0: a file may hold anything."""
    if not isinstance(value, (int, float)) or not 0 <= value < 1e6:
        return 0.0
    return float(value)


def _questions(notebook: _Notebook, chapter: str) -> Iterator[Entry]:
    """The graded cells of an exercise, each with the heading before it. Minutes are not shared
    out yet.
    """
    prefix = _prefix(notebook) or _identifier(_NUMBER.sub("", chapter))
    heading: re.Match[str] | None = None
    position = 0
    for cell in notebook.cells:
        if cell.is_markdown:
            heading = _heading(cell.source, heading)
        if not (cell.facts.get("grade") is True or cell.facts.get("task") is True):
            continue
        position += 1
        is_written = _is_written(cell)
        name = _written_name(cell, prefix) if is_written else _checked_name(cell)
        title = heading["title"] if heading else _words(name.partition(".")[2] or name)
        number = heading["number"] if heading else None
        yield Entry(
            name,
            int(number) if number else position,
            _MARKUP.sub("", title),
            _number(cell.facts.get("points")),
            0,
            is_written,
            chapter,
        )
        heading = None


def _heading(source: str, before: re.Match[str] | None) -> re.Match[str] | None:
    """The heading of the question that comes next: the last one, but one with points is not
    replaced by one without.
    """
    for found in _HEADING.finditer(_FENCE.sub("", source)):
        if found["points"] or not (before and before["points"]):
            before = found
    return before


def _is_written(cell: _Cell) -> bool:
    """Whether a person grades the cell."""
    return cell.is_markdown or cell.facts.get("solution") is True


def _checked_name(cell: _Cell) -> str:
    called = _CHECK.search(cell.source)
    return called[2] if called else question_name(_grade_id(cell))


def _written_name(cell: _Cell, prefix: str) -> str:
    return f"{prefix}.{_grade_id(cell).replace('-', '_')}"


def _grade_id(cell: _Cell) -> str:
    return str(cell.facts.get("grade_id", ""))


def _prefix(notebook: _Notebook) -> str:
    """The chapter that the names of an exercise's questions begin with."""
    for cell in notebook.cells:
        if cell.facts.get("grade") is True and not _is_written(cell):
            return _checked_name(cell).partition(".")[0]
    return ""


def _chapter_title(notebook: _Notebook) -> str:
    """What stands in the first heading behind "Exercise 02:"; "" where there is none."""
    for cell in notebook.cells:
        found = _TITLE.search(_FENCE.sub("", cell.source)) if cell.is_markdown else None
        if found:
            title = _MARKUP.sub("", found[1])
            return title[:1].upper() + title[1:]
    return ""


def _words(name: str) -> str:
    """The words of a file's or a function's name, as a title."""
    words = re.sub(r"[-_]+", " ", name).strip()
    return words[:1].upper() + words[1:]


def _identifier(name: str) -> str:
    return _words(name).lower().replace(" ", "_")
