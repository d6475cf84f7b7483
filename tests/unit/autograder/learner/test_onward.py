"""What follows a verdict: hints and the solution, or the explanation and the next question."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from types import ModuleType

import pytest

from autograder.feedback.render import note
from autograder.learner import onward
from autograder.learner.onward import Next, Onward, with_onward
from autograder.questions import catalogue
from autograder.verdict import Status, Verdict

pytestmark = pytest.mark.usefixtures("small_course")

OWN = ["import numpy", "def total(values):\n    'Mine.'\n    return values.sum()\n"]


@dataclass(frozen=True)
class Entry:
    name: str
    number: int
    title: str
    minutes: int
    chapter: str


@dataclass(frozen=True)
class Chapter:
    name: str
    title: str
    lesson: str


ENTRIES = [
    Entry("small.total", 1, "Adding up", 3, "one"),
    Entry("small.turn", 2, "Turning", 8, "one"),
    Entry("small.patient", 1, "Waiting", 1, "two"),
]


@pytest.fixture
def course_map(monkeypatch):
    found = ModuleType("autograder.learner.course_map")
    found.entry = lambda name: next((e for e in ENTRIES if e.name == name), None)
    found.after = lambda name: dict(
        zip([e.name for e in ENTRIES], ENTRIES[1:], strict=False)
    ).get(name)
    found.chapters = lambda: (Chapter("two", "Second", "lessons/two.ipynb"),)
    monkeypatch.setitem(sys.modules, found.__name__, found)


def onward_from(status, name="small.total", seen=0, cells=OWN):
    question = catalogue.find(name)
    verdict = Verdict(name, status, 1, 0, "Said.")
    shown = question.answers("numpy")
    return onward.onward(question, verdict, seen, shown, cells)


def text_of(what):
    return with_onward(note("Said."), what).text.splitlines()[1:]


def html_of(what):
    return with_onward(note(""), what).html


NOT_RIGHT = [status for status in Status if status is not Status.CORRECT]


@pytest.mark.parametrize("status", NOT_RIGHT)
def test_what_is_not_right_offers_hints_and_after_an_attempt_the_solution(status):
    what = onward_from(status)
    attempted = status is not Status.NOT_ATTEMPTED
    assert what.offers_solution == attempted
    lines = ['  hint("small.total") gives hint 1 of 3.']
    if attempted:
        lines.append('  solution("small.total") shows an answer, and why it is right.')
    assert text_of(what) == lines


def test_hints_lie_in_each_other_and_those_asked_for_are_open():
    html = html_of(onward_from(Status.INCORRECT, seen=2))
    opened = [" open" in tag for tag in re.findall(r"<details[^>]*>", html)]
    assert opened == [True, True, False]
    assert re.search(
        r"Hint 1 of 3.*Hint 2 of 3.*Hint 3 of 3.*</details>\s*</div></details>\s*</div>"
        r"</details>",
        html,
        re.DOTALL,
    )


def test_who_has_had_all_hints_is_offered_the_solution_alone():
    what = onward_from(Status.INCORRECT, seen=3)
    assert text_of(what) == [
        '  solution("small.total") shows an answer, and why it is right.'
    ]


def test_what_is_right_is_explained_and_leads_to_the_next_question(course_map):
    what = onward_from(Status.CORRECT)
    assert text_of(what) == ["  Addition.", "  Next: 2. Turning, about 8 minutes"]
    assert "Hint" not in html_of(what)


def test_a_new_chapter_begins_with_its_lesson(course_map, tmp_path, monkeypatch):
    exercise = tmp_path / "exercises" / "one"
    exercise.mkdir(parents=True)
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "two.ipynb").touch()
    monkeypatch.chdir(exercise)
    what = onward_from(Status.CORRECT, "small.turn")
    assert what.next == Next(
        "the lesson “Second”, then 1. Waiting, about 1 minute",
        "../../lessons/two.ipynb",
        "the lesson “Second”",
    )
    link = 'Next: <a href="../../lessons/two.ipynb">the lesson “Second”</a>, then 1. Waiting'
    assert link in html_of(what)


def test_a_lesson_that_is_not_there_is_named_without_a_link(
    course_map, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    html = html_of(onward_from(Status.CORRECT, "small.turn"))
    assert "<a " not in html
    assert "Next: the lesson “Second”, then 1. Waiting" in html


def test_nothing_follows_the_last_question(course_map):
    assert onward_from(Status.CORRECT, "small.patient").next is None


def test_a_title_is_what_the_exercise_calls_the_question(course_map):
    assert onward.title_of("small.turn") == "Turning"
    assert onward.title_of("small.unknown") == ""


def test_another_way_is_not_the_learners_own():
    assert onward_from(Status.CORRECT).other_way == ""
    loop = ["def total(values):\n    for value in values: s += value\n    return s"]
    assert onward_from(Status.CORRECT, cells=loop).other_way == (
        "def total(values):\n    return values.sum()\n"
    )


def test_a_long_way_is_not_shown(monkeypatch):
    monkeypatch.setattr(onward, "MOST_LINES", 1)
    loop = ["def total(values):\n    return sum(values)"]
    assert onward_from(Status.CORRECT, cells=loop).other_way == ""


def test_where_the_learners_own_way_is_not_known_there_is_no_other():
    assert onward_from(Status.CORRECT, cells=[]).other_way == ""


def test_what_is_added_is_text():
    hostile = "<script>1</script>"
    what = Onward(
        "small.total",
        hints=[hostile],
        explanation=hostile,
        other_way=hostile,
        next=Next(hostile),
    )
    assert "<script" not in html_of(what)
