"""The progress as a learner sees it, in a terminal and in a notebook."""

from __future__ import annotations

import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from made_courses import copy_for_learner, write_course, write_exercise

from autograder.errors import UsageError
from autograder.learner import course_map, journal, progress
from autograder.learner.journal import record
from autograder.learner.standing import History, Standing

ROOT = Path(__file__).parents[4]


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of three chapters with a learner's copy in `work`; one stands beside it."""
    monkeypatch.setattr(journal, "_unwritten", [])
    root = write_course(tmp_path / "course")
    copy_for_learner(root, root / "work")
    monkeypatch.chdir(root)
    return root


def checked(question, status="correct", earned=1.0):
    record("check", question, status=status, earned=earned)


def lines(chapter=None):
    return list(journal.as_lines(chapter))


def chapters_shown(shown):
    """The lines of chapters: those that stand at the margin with a sign."""
    return [line for line in shown if line[:1] in "✓◐○" and line[:1].strip()]


def test_one_line_a_chapter_and_the_current_one_unfolded(course):
    assert lines() == [
        "○ 01 Sums                                  ░░░░░░░░░░        0 / 4  70 min left",
        "    ○ 1. Add                                                  0 / 1",
        "    ○ 2. Add many                                             0 / 3",
        "    Lesson:   work/lessons/01-sums.ipynb",
        "    Exercise: work/exercises/01-sums/01-sums.ipynb",
        "",
        "○ 02 Products                              ░░░░░░░░░░        0 / 4  45 min left",
        "○ 03 Powers                                ░░░░░░░░░░        0 / 1",
        "  All 3 chapters                           ░░░░░░░░░░        0 / 9     2 h left",
        "",
        "Next: read lesson 01 Sums (30 minutes), then do exercise 01",
        "      work/lessons/01-sums.ipynb",
        "      `course next` opens it.",
    ]


def test_the_chapter_worked_at_last_stands_first_and_others_under_way_are_unfolded(
    course,
):
    checked("sums.add")
    checked("products.multiply", "partly correct", 0.666666)
    checked("products.multiply", "not correct", 0)
    shown = lines()
    assert shown[0].startswith("◐ 02 Products")
    assert shown[0].split()[4:] == ["0.67", "/", "4", "20", "min", "left"]
    assert shown[1].split() == [
        "◐",
        "1.",
        "Multiply",
        "0.67",
        "/",
        "2",
        "2",
        "attempts",
    ]
    assert [line[:7] for line in chapters_shown(shown)] == [
        "◐ 02 Pr",
        "◐ 01 Su",
        "○ 03 Po",
    ]
    assert "    ✓ 1. Add" in "\n".join(shown)
    [last] = [line for line in shown if line.startswith("Next: ")]
    assert last == "Next: 02 Products, 1. Multiply, about 10 minutes"


@pytest.mark.parametrize(
    ("status", "earned", "sign"),
    [
        ("correct", 1.0, "✓"),
        ("partly correct", 0.5, "◐"),
        ("not correct", 0.0, "✗"),
        ("not attempted", 0.0, "○"),
    ],
)
def test_the_sign_says_how_a_question_stands(course, status, earned, sign):
    checked("sums.add", status, earned)
    [line] = [line for line in lines("1") if "1. Add " in line]
    assert line.split()[0] == sign
    assert ("1 attempt" in line) == (sign in "◐✗")
    assert "1 attempts" not in line


def test_running_the_checks_of_stubs_begins_no_chapter(course):
    checked("products.multiply", "not attempted", 0)
    shown = lines()
    assert shown[0].startswith("○ 02 Products")
    assert "45 min left" in shown[0]
    assert "Next: read lesson 02 Products (25 minutes), then do exercise 02" in shown
    record("hint", "products.multiply")
    assert lines()[0].startswith("◐ 02 Products")


def test_answers_in_words_count(course):
    checked("products.multiply", earned=2.0)
    record("written", "products.written_why", earned=1.5)
    shown = lines()
    [line] = [line for line in shown if "02 Products" in line]
    assert line.split() == ["✓", "02", "Products", "████████░░", "3.5", "/", "4"]
    assert "Next: 03 Powers, 1. Square" in shown
    assert "    ✓ 2. In words" in "\n".join(lines("02"))


def test_no_question_gives_more_than_it_has(course):
    checked("sums.add", earned=70.0)
    assert lines("01")[1].split()[-3:] == ["1", "/", "1"]
    assert lines("01")[0].split()[4:7] == ["1", "/", "4"]


def test_where_all_is_solved_it_is_said(course):
    for entry in course_map.entries():
        checked(entry.name, earned=entry.points)
    shown = lines()
    assert shown[-1] == "Every question is solved."
    assert all(line.startswith("✓") for line in shown[:3])
    assert "9 / 9" in shown[3]
    assert "left" not in "".join(shown)
    assert "Every question is solved." in journal.as_feedback().html


def test_one_chapter_alone_is_unfolded(course):
    shown = lines("products")
    assert [line.split()[0] for line in shown[:3]] == ["○", "○", "○"]
    assert len(chapters_shown(shown)) == 1
    with pytest.raises(UsageError):
        lines("nothing")


def test_a_bar_is_full_only_where_everything_is_earned_and_empty_where_nothing_is(
    course,
):
    checked("sums.add", "partly correct", 0.01)
    assert lines("01")[0].count("█") == 1
    checked("sums.add", "correct", 1.0)
    checked("sums.add_many", "partly correct", 2.99)
    assert lines("01")[0].count("█") == 9
    checked("sums.add_many", "correct", 3.0)
    assert lines("01")[0].count("█") == 10
    assert lines("02")[0].count("█") == 0


def test_what_is_left_out_and_what_is_missing_is_one_line_each(course):
    write_exercise(course, "04-broken", []).write_text("{")
    (course / "work/exercises/02-products/02-products.ipynb").unlink()
    shown = lines()
    assert (
        "exercises/04-broken/04-broken.ipynb: it cannot be read as a notebook" in shown
    )
    [missing] = [line for line in shown if line.startswith("Not in your folder")]
    assert "exercises/02-products/02-products.ipynb." in missing
    assert "    Exercise: work/exercises/02" not in "\n".join(shown)


def test_paths_lead_from_where_one_stands(course, monkeypatch):
    monkeypatch.chdir(course / "work/exercises/02-products")
    assert "    Exercise: ../01-sums/01-sums.ipynb" in lines("1")
    assert "    Exercise: 02-products.ipynb" in lines("2")


def test_where_there_is_no_copy_no_path_is_shown(course, tmp_path, monkeypatch):
    (tmp_path / "copy").mkdir()
    shutil.move(course, tmp_path / "site")
    package = tmp_path / "site" / "shown_questions"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "shown_questions")
    monkeypatch.chdir(tmp_path / "copy")
    shown = lines()
    assert len(chapters_shown(shown)) == 3
    assert ".ipynb" not in "".join(shown)


# --- the real course ------------------------------------------------------------------------------


@pytest.fixture
def real(monkeypatch):
    monkeypatch.setattr(journal, "_unwritten", [])
    monkeypatch.chdir(ROOT)
    return course_map.chapters()


@pytest.mark.parametrize("attempts", [0, 12, 123])
def test_the_real_course_fits_a_terminal_in_every_state(real, attempts):
    standings = {
        entry.name: Standing(attempts, entry.points / 3)
        for entry in course_map.entries()
        if attempts
    }
    told = History(standings, tuple(standings), ())
    shown = list(progress.as_lines(told))
    assert len(chapters_shown(shown)) == len(real)
    for chapter in real:
        unfolded = list(progress.as_lines(told, chapter.number))
        assert len(unfolded) > len(chapter.entries) + 1
        shown += unfolded
    # A path is as long as it is.
    wide = [line for line in shown if len(line) > 80 and ".ipynb" not in line]
    assert wide == []


# --- in a notebook --------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a page holds; every element is closed where it should be."""

    def __init__(self, html):
        super().__init__()
        self._open, self.elements, self.words = [], [], []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self._open.append(tag)
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.words.append(data.strip())

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def test_chapters_are_unfolded_by_a_click_and_the_current_one_is_open(course):
    checked("sums.add")
    checked("products.multiply", "not correct", 0)
    page = Page(journal.as_feedback().html)
    assert ["open" in attrs for attrs in page.all("details")] == [True, False, False]
    assert len(page.all("summary")) == 3
    assert "02 Products" in page.words[page.words.index("◐") + 1]
    assert page.all("script") == []


def test_bars_and_signs_are_said_in_words(course):
    checked("sums.add")
    page = Page(journal.as_feedback().html)
    told = [attrs["aria-label"] for attrs in page.all("span") if "role" in attrs]
    assert {attrs["role"] for attrs in page.all("span") if "role" in attrs} == {"img"}
    assert told.count("25 % of the points") == 1
    assert told.count("0 % of the points") == 2
    assert {"solved", "open", "begun", "not begun"} <= set(told)


def test_every_link_leads_to_a_notebook(course, monkeypatch):
    here = course / "work/exercises/03-powers"
    monkeypatch.chdir(here)
    page = Page(journal.as_feedback().html)
    links = [attrs["href"] for attrs in page.all("a")]
    assert len(links) == 6  # two lessons, three exercises, the next step
    assert all((here / unquote(link)).is_file() for link in links)
    assert links[-1] == "../../lessons/01-sums.ipynb"


def test_a_link_is_quoted_and_titles_are_escaped(tmp_path, monkeypatch):
    root = write_course(tmp_path / "my course")
    text = (root / "exercises/01-sums/01-sums.ipynb").read_text()
    name = "04-a b#c?&"
    write_exercise(root, name, []).write_text(
        text.replace("Sums", "<b>Sums</b>").replace("sums.", "others.")
    )
    monkeypatch.chdir(root)
    html = journal.as_feedback().html
    assert "<b>" not in html and "&lt;b&gt;" in html
    links = [attrs["href"] for attrs in Page(html).all("a")]
    assert f"exercises/{name}/{name}.ipynb" in map(unquote, links)
    assert all((root / unquote(link)).is_file() for link in links)


def test_text_and_page_name_the_same_chapters_and_the_same_next_step(real):
    feedback = journal.as_feedback()
    page = " ".join(filter(None, Page(feedback.html).words))
    for chapter in real:
        assert chapter.label in feedback.text and chapter.label in page
    assert "Next: read lesson 00" in feedback.text
    assert "Next: read lesson 00" in page
