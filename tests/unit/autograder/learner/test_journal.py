"""The progress log: nothing that was done is lost, and nothing in it stops a learner."""

from __future__ import annotations

import json

import pytest
import strategies as some
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.learner import journal
from autograder.learner.journal import Standing, record, standings

pytestmark = pytest.mark.usefixtures("small_course")


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, tmp_path):
    monkeypatch.setattr(journal, "_unwritten", [])
    monkeypatch.chdir(tmp_path)  # no notebooks of another course are here


def checked(question="small.total", status="not correct", earned=0.0):
    record("check", question, status=status, earned=earned, points=1)


def test_nobody_has_done_anything_at_first(progress_log):
    assert standings() == {} and not progress_log.exists()


def test_the_best_attempt_counts():
    for status, earned in [
        ("partly correct", 0.5),
        ("correct", 1.0),
        ("not correct", 0.0),
    ]:
        checked(status=status, earned=earned)
    assert standings() == {"small.total": Standing(attempts=3, earned=1.0, solved=True)}


def test_what_was_not_attempted_is_no_attempt():
    checked(status="not attempted")
    assert standings()["small.total"].attempts == 0


def test_hints_and_solutions_are_counted_by_question():
    for event, question in [
        ("hint", "small.total"),
        ("hint", "small.total"),
        ("solution", "small.turn"),
    ]:
        record(event, question)
    assert standings() == {
        "small.total": Standing(hints=2),
        "small.turn": Standing(solutions=1),
    }


def test_a_rubric_that_is_ticked_again_counts_as_it_was_ticked_last():
    for earned in (2.0, 1.5):
        record("written", "small.written_why", earned=earned)
    assert standings() == {
        "small.written_why": Standing(attempts=2, earned=1.5, solved=True)
    }
    record("written", "small.written_why", earned=0)
    assert not standings()["small.written_why"].solved


def test_what_was_worked_at_and_what_was_solved_last_stands_at_the_end():
    checked("small.total", "correct", 1.0)
    checked("small.turn")
    record("hint", "small.patient")
    record("written", "small.written_why", earned=1)
    checked("small.turn")
    record("pause", "small.total")
    told = journal.history()
    assert told.worked == (
        "small.total",
        "small.patient",
        "small.written_why",
        "small.turn",
    )
    assert told.solved == ("small.total", "small.written_why")
    assert told.standings.keys() == set(told.worked)


def test_an_event_is_one_line_of_json_and_old_lines_stay(progress_log):
    checked()
    before = progress_log.read_bytes()
    record("hint", "small.turn")
    after = progress_log.read_bytes()
    assert after.startswith(before)
    assert json.loads(after.splitlines()[-1])["event"] == "hint"


@pytest.mark.parametrize(
    "torn",
    [
        b'{"time": 1, "event": "check", "ques',
        b"{",
        b"\xff\xfe\x00",
        b'{"time": 1}',
        b"\n\n",
    ],
)
def test_a_torn_last_line_costs_itself_only(progress_log, torn):
    checked(status="correct", earned=1.0)
    with progress_log.open("ab") as log:
        log.write(torn)
    assert standings()["small.total"] == Standing(attempts=1, earned=1.0, solved=True)
    record("hint", "small.total")
    assert standings()["small.total"] == Standing(
        attempts=1, earned=1.0, solved=True, hints=1
    )


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["event", "question", "status", "earned", "time"]),
            some.json_values,
        )
        | some.json_values,
        max_size=4,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_that_make_no_sense_are_passed_over(progress_log, lines):
    progress_log.parent.mkdir(exist_ok=True)
    progress_log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    checked("small.turn", "correct", 4.0)
    assert standings()["small.turn"].solved
    journal.as_feedback()


@pytest.mark.parametrize(
    "earned", [None, "much", [], {}, True, float("nan"), float("inf"), -3, 10**400]
)
def test_points_that_are_no_points_do_not_count(progress_log, earned):
    checked(earned=1.0)
    record("check", "small.total", status="not correct", earned=earned)
    assert standings()["small.total"].earned == 1.0
    assert (
        "inf" not in journal.as_feedback().text
        and "nan" not in journal.as_feedback().text
    )


@pytest.fixture(
    params=[
        "a file where the folder should be",
        "a folder where the file should be",
        "no name at all",
    ]
)
def unwritable(request, tmp_path, monkeypatch):
    blocked = tmp_path / "blocked"
    if request.param == "a file where the folder should be":
        blocked.write_text("")
        blocked = blocked / "progress.jsonl"
    elif request.param == "a folder where the file should be":
        blocked.mkdir()
    else:
        blocked = tmp_path / ("x" * 300)
    monkeypatch.setenv("COURSE_PROGRESS", str(blocked))


def test_a_place_that_cannot_be_written_stops_nobody_and_counts_until_the_end(
    unwritable,
):
    assert standings() == {}
    record("hint", "small.total")
    checked(status="correct", earned=1.0)
    assert standings()["small.total"] == Standing(
        attempts=1, earned=1.0, solved=True, hints=1
    )
