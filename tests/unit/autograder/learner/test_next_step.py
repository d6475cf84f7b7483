"""What comes next, after whatever was done before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.learner.course_map import Chapter, Entry
from autograder.learner.next_step import current_chapter, next_step
from autograder.learner.standing import History, Standing


def chapter(name, titles, lesson="", minutes=60, lesson_minutes=30):
    prefix = name.partition("-")[2]
    entries = [
        Entry(f"{prefix}.{title}", number, title, 1, 8, False, name)
        for number, title in enumerate(titles, 1)
    ]
    exercise = f"exercises/{name}/{name}.ipynb"
    title = prefix.capitalize()
    return Chapter(
        name, title, lesson, exercise, minutes, tuple(entries), lesson_minutes
    )


COURSE = (
    chapter("01-one", "abc", lesson="lessons/01-one.ipynb"),
    chapter("02-two", "abc", lesson="lessons/02-two.ipynb"),
    chapter("03-three", "ab"),
)
NAMES = [entry.name for chapter in COURSE for entry in chapter.entries]


def history(*events):
    """What a log tells after "one.a" was solved, and "-one.b" tried in vain."""
    standings, worked, solved = {}, {}, {}
    for event in events:
        name = event.removeprefix("-")
        done = event == name or (name in standings and standings[name].solved)
        standings[name] = Standing(attempts=1, earned=float(done), solved=done)
        worked.pop(name, None)
        worked[name] = None
        if event == name:
            solved.pop(name, None)
            solved[name] = None
    return History(standings, tuple(worked), tuple(solved))


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], "one.a"),
        (["one.a"], "one.b"),
        (["one.a", "-one.b"], "one.b"),
        (["one.a", "-one.b", "-one.c"], "one.b"),
        (["one.a", "one.c"], "two.a"),
        (["one.b"], "one.c"),
        (["one.a", "one.b", "one.c"], "two.a"),
        (["one.a", "-two.b"], "two.a"),
        (["two.a", "one.a", "-two.c"], "two.b"),
        (["three.a", "three.b"], "one.a"),
        (["three.a", "three.b", "one.a"], "one.b"),
        (["one.a", "elsewhere.x"], "one.b"),
        (["-elsewhere.x"], "one.a"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_the_first_open_question_behind_the_one_solved_last(events, expected):
    assert next_step(COURSE, history(*events)).entry.name == expected


def test_where_all_is_solved_nothing_comes_next():
    assert next_step(COURSE, history(*NAMES)) is None
    assert current_chapter(COURSE, history(*NAMES)) is None
    assert next_step((), history()) is None


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], "01-one"),
        (["one.a", "-two.c"], "02-two"),
        (["-two.c", "one.a"], "01-one"),
        (["one.a", "one.b", "one.c"], "02-two"),
        (["three.a", "three.b"], "01-one"),
    ],
)
def test_the_current_chapter_is_the_one_worked_at_while_it_is_open(events, expected):
    assert current_chapter(COURSE, history(*events)).name == expected


@given(st.lists(st.sampled_from(NAMES + [f"-{name}" for name in NAMES])))
def test_whatever_was_done_the_next_step_is_the_nearest_open_question(events):
    told = history(*events)
    solved = {name for name, standing in told.standings.items() if standing.solved}
    step, current = next_step(COURSE, told), current_chapter(COURSE, told)
    if solved == set(NAMES):
        assert step is None and current is None
        return
    assert step.entry.name not in solved
    assert step.entry in step.chapter.entries
    assert any(entry.name not in solved for entry in current.entries)
    if told.solved and told.worked[-1] == told.solved[-1]:
        after = NAMES.index(told.solved[-1]) + 1
        ahead = [*NAMES[after:], *NAMES[:after]]
        assert step.entry.name == next(name for name in ahead if name not in solved)


# --- in words -------------------------------------------------------------------------------------


def test_before_the_first_question_of_a_chapter_its_lesson_is_read():
    step = next_step(COURSE, history("one.a", "one.b", "one.c"))
    assert step.sentence == "Next: read lesson 02 Two (30 minutes), then do exercise 02"
    assert step.notebook == "lessons/02-two.ipynb"


def test_once_a_chapter_is_begun_its_questions_come_next():
    step = next_step(COURSE, history("one.a", "-two.a"))
    assert step.sentence == "Next: 02 Two, 1. a, about 8 minutes"
    assert step.notebook == "exercises/02-two/02-two.ipynb"


def test_a_chapter_without_a_lesson_begins_with_its_exercise():
    step = next_step(COURSE, history("two.a", "two.b", "two.c"))
    assert step.sentence == "Next: 03 Three, 1. a, about 8 minutes"


def test_where_no_time_is_known_none_is_said():
    unknown = Chapter(
        *("sums", "Sums", "lessons/sums.ipynb", "exercises/sums/sums.ipynb", 0),
        entries=(Entry("sums.add", 1, "Add", 1, 0, False, "sums"),),
    )
    step = next_step((unknown,), history())
    assert step.sentence == "Next: read lesson Sums, then do its exercise"
    assert next_step((unknown,), history("-sums.add")).sentence == "Next: Sums, 1. Add"


def test_one_minute_is_one():
    short = chapter("01-one", "a", lesson="lessons/01-one.ipynb", lesson_minutes=1)
    assert "(1 minute)" in next_step((short,), history()).sentence
