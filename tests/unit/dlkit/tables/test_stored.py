"""Results that are kept: what is written is read back, and a file is whole or not there."""

from dataclasses import dataclass

import pytest

from dlkit.tables import stored


@dataclass(frozen=True)
class Row:
    net: str
    seed: int
    accuracy: float


ROWS = [Row("# LeNet", 1, 0.9123), Row("LeNet", 0, 0.8), Row("AlexNet, small", 3, 1.0)]
FACTS = {"torch": "2.0: or later", "date": "2026-01-01"}


def test_what_is_written_is_read_back_sorted(tmp_path):
    stored.write(tmp_path / "out.csv", Row, FACTS, ROWS)
    assert stored.read(tmp_path / "out.csv", Row) == (FACTS, [ROWS[0], ROWS[2], ROWS[1]])


def test_a_file_without_rows_has_its_facts(tmp_path):
    stored.write(tmp_path / "out.csv", Row, FACTS, [])
    assert stored.read(tmp_path / "out.csv", Row) == (FACTS, [])


def test_a_write_that_fails_leaves_the_file_as_it_was_and_nothing_beside_it(tmp_path):
    stored.write(tmp_path / "out.csv", Row, FACTS, ROWS[:1])
    with pytest.raises(TypeError):
        stored.write(tmp_path / "out.csv", Row, FACTS, ["no row"])
    assert stored.read(tmp_path / "out.csv", Row) == (FACTS, ROWS[:1])
    assert list(tmp_path.iterdir()) == [tmp_path / "out.csv"]


def test_a_fact_that_would_break_the_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="one line"):
        stored.write(tmp_path / "out.csv", Row, {"torch": "2\n3"}, ROWS)
    assert not list(tmp_path.iterdir())
