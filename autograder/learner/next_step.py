"""What a learner does next: the chapter that they are in, and the first open question there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autograder.learner.course_map import Chapter, Entry
from autograder.learner.standing import History


@dataclass(frozen=True)
class NextStep:
    """The question that comes next. Where its chapter has not been begun, the lesson is read
    first.
    """

    chapter: Chapter
    entry: Entry
    reads_lesson: bool

    @property
    def notebook(self) -> str:
        """What to open, relative to the learner's folder."""
        return self.chapter.lesson if self.reads_lesson else self.chapter.exercise

    @property
    def what(self) -> str:
        """What to do, without its time."""
        if self.reads_lesson:
            return f"read lesson {self.chapter.label}"
        return f"{self.chapter.label}, {self.entry.label}"

    @property
    def more(self) -> str:
        """How long it takes, and what follows."""
        if not self.reads_lesson:
            minutes = minutes_text(self.entry.minutes)
            return f", about {minutes}" if minutes else ""
        minutes = minutes_text(self.chapter.lesson_minutes)
        time = f" ({minutes})" if minutes else ""
        number = self.chapter.number
        exercise = f"exercise {number}" if number else "its exercise"
        return f"{time}, then do {exercise}"

    @property
    def sentence(self) -> str:
        """All of it."""
        return f"Next: {self.what}{self.more}"


def minutes_text(minutes: int) -> str:
    """A time in words; "" where it is not known."""
    if not minutes:
        return ""
    return f"{minutes} minute{'s' if minutes != 1 else ''}"


def current_chapter(chapters: Sequence[Chapter], history: History) -> Chapter | None:
    """The chapter that was worked at last, while it is open; else the one of the next step. None
    where all is solved.
    """
    last = _last_worked(chapters, history)
    if last and any(_is_open(entry, history) for entry in last.entries):
        return last
    step = next_step(chapters, history)
    return step.chapter if step else None


def next_step(chapters: Sequence[Chapter], history: History) -> NextStep | None:
    """The first open question behind the one solved last, in the chapter worked at last; after
    the end of the course those that were left open before. None where all is solved.
    """
    in_order = [(chapter, entry) for chapter in chapters for entry in chapter.entries]
    start = _start(in_order, chapters, history)
    for chapter, entry in in_order[start:] + in_order[:start]:
        if _is_open(entry, history):
            reads_lesson = bool(chapter.lesson) and not _begun(chapter, history)
            return NextStep(chapter, entry, reads_lesson)
    return None


def _start(
    in_order: list[tuple[Chapter, Entry]], chapters: Sequence[Chapter], history: History
) -> int:
    """Where to look from: behind the question solved last where that is in the chapter worked at
    last, else at that chapter's beginning.
    """
    last = _last_worked(chapters, history)
    if last is None:
        return 0
    places = {entry.name: place for place, (_, entry) in enumerate(in_order)}
    solved = next((name for name in reversed(history.solved) if name in places), None)
    if solved and solved in {entry.name for entry in last.entries}:
        return places[solved] + 1
    return places[last.entries[0].name]


def _last_worked(chapters: Sequence[Chapter], history: History) -> Chapter | None:
    of = {entry.name: chapter for chapter in chapters for entry in chapter.entries}
    return next((of[name] for name in reversed(history.worked) if name in of), None)


def _begun(chapter: Chapter, history: History) -> bool:
    return any(history.has_begun(entry.name) for entry in chapter.entries)


def _is_open(entry: Entry, history: History) -> bool:
    return not history.of(entry.name).solved
