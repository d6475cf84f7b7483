"""What is logged can be read, says what it is about, and does not grow without end."""

from __future__ import annotations

import logging
import threading

import pytest

from autograder import logs
from autograder.logs import about, append, kept_in, log


@pytest.fixture
def file(tmp_path):
    """A log that is being kept; nothing is in it yet."""
    with kept_in(tmp_path / "grading.log") as path:
        yield path


def broken():
    return {}["nothing"]


def fail():
    """Log a failure as the engine does."""
    try:
        broken()
    except KeyError:
        log.exception("small.total could not be judged")


def test_nothing_to_say_makes_no_file(tmp_path):
    with kept_in(tmp_path / "grading.log"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_failure_is_kept_with_its_traceback_and_what_it_is_about(file):
    with about("sums, amy"):
        fail()
    first, *more = file.read_text(encoding="utf-8").splitlines()
    assert first.endswith("ERROR sums, amy: small.total could not be judged")
    assert more[0].strip() == "Traceback (most recent call last):"
    assert more[-1].strip() == "KeyError: 'nothing'"
    assert all(line.startswith("    ") for line in more)


def test_afterwards_nothing_more_is_kept(tmp_path):
    with kept_in(tmp_path / "grading.log") as file:
        fail()
    size = file.stat().st_size
    fail()
    assert file.stat().st_size == size


def test_a_log_that_is_kept_already_is_kept_once(file):
    with kept_in(file):
        fail()
    assert file.read_text(encoding="utf-8").count("Traceback") == 1
    fail()
    assert file.read_text(encoding="utf-8").count("Traceback") == 2


def test_what_it_is_about_holds_in_every_thread_and_ends(file):
    with about("sums, amy"), about("sums, bob"):
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    fail()
    first, second = [
        line
        for line in file.read_text(encoding="utf-8").splitlines()
        if "ERROR" in line
    ]
    assert "sums, bob: small" in first
    assert "ERROR small" in second


def test_a_stranger_s_text_cannot_forge_a_record_or_move_a_terminal(file, monkeypatch):
    # pytest would hand half a surrogate pair to a process that cannot write it
    monkeypatch.setattr(log, "propagate", False)
    log.error("it said %s", "x\n2026-01-01T00:00:00Z ERROR forged\r\x1b[2J\u202e\ud800")
    lines = file.read_text(encoding="utf-8").splitlines()
    assert [line.startswith("    ") for line in lines] == [False, True, True]
    assert "".join(lines).isprintable()
    assert "forged" in lines[1]


def test_a_long_record_is_cut_and_keeps_both_ends(file):
    log.error("begin %s end", "x" * 10 * logs.MOST_CHARACTERS)
    text = file.read_text(encoding="utf-8")
    assert len(text) < 1.1 * logs.MOST_CHARACTERS
    assert "begin" in text and text.rstrip().endswith("end")


def test_the_file_is_bounded(file):
    for _ in range(3 * logs.MOST_BYTES // logs.MOST_CHARACTERS):
        log.error("x" * logs.MOST_CHARACTERS)
    sizes = {path.name: path.stat().st_size for path in file.parent.iterdir()}
    assert set(sizes) == {"grading.log", "grading.log.1"}
    assert max(sizes.values()) <= logs.MOST_BYTES


@pytest.mark.parametrize("character", ["x", "\u202e"], ids=["plain", "escaped"])
def test_one_submission_cannot_push_out_what_was_said_of_others(file, character):
    with about("sums, bob"):
        log.error("bob's")
    with about("sums, amy"):
        for _ in range(3 * logs.MOST_BYTES // logs.MOST_CHARACTERS):
            with about("sums, amy"):
                log.error(character * (logs.MOST_CHARACTERS // 2))
    with about("sums, zoe"):
        log.error("zoe's")
    text = file.read_text(encoding="utf-8")
    assert len(text) < 2 * logs.MOST_OF_ONE
    assert "sums, bob: bob's" in text and "sums, zoe: zoe's" in text
    assert text.count("sums, amy: more was logged about it, which is left out") == 1


def test_what_a_record_is_about_cannot_forge_one(file):
    with about("sums, amy\n2026-01-01T00:00:00Z ERROR forged"):
        log.error("true")
    [line] = file.read_text(encoding="utf-8").splitlines()
    assert "forged" in line and line.endswith(": true")


def test_where_nothing_can_be_written_nothing_else_stops(tmp_path, capsys):
    (tmp_path / "file").touch()
    with kept_in(tmp_path / "file" / "grading.log") as path:
        fail()
    assert not path.exists()
    assert capsys.readouterr().err == ""


def test_what_another_process_collected_is_written_as_it_was(file):
    collected = logs.Collected()
    log.addHandler(collected)
    try:
        with about("sums, amy"):
            fail()
    finally:
        log.removeHandler(collected)
    before = file.read_text(encoding="utf-8")
    texts = collected.taken()
    assert collected.taken() == []
    append(texts)
    assert file.read_text(encoding="utf-8") == 2 * before


def test_one_submission_sends_so_many_records_and_no_more():
    collected = logs.Collected()
    for number in range(2 * logs.MOST_RECORDS):
        collected.emit(
            logging.LogRecord("autograder", logging.ERROR, "", 0, str(number), (), None)
        )
    assert len(collected.taken()) == logs.MOST_RECORDS
    collected.emit(
        logging.LogRecord("autograder", logging.ERROR, "", 0, "next", (), None)
    )
    assert len(collected.taken()) == 1


def test_at_home_it_is_beside_the_progress(progress_log):
    assert logs.at_home() == progress_log.parent / "course.log"
