"""Results that are kept: what is written is read back, and a file is whole or not there."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

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
    assert stored.read(tmp_path / "out.csv", Row) == (
        FACTS,
        [ROWS[0], ROWS[2], ROWS[1]],
    )


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


def test_a_table_gives_the_rows_and_the_provenance_that_were_stored(
    tmp_path, monkeypatch
):
    stored.write(tmp_path / "out.csv", Row, FACTS, ROWS)
    monkeypatch.setattr(stored, "files", lambda package: tmp_path)
    table = stored.Table("out.csv", Row)
    assert (table.provenance(), table.rows()) == stored.read(tmp_path / "out.csv", Row)


def test_every_table_that_ships_is_read_by_a_module_and_says_how_it_came_about():
    folder = Path(stored.__file__).parent
    modules = [
        import_module(f"dlkit.tables.{path.stem}") for path in folder.glob("[a-z]*.py")
    ]
    tables = [module.TABLE for module in modules if hasattr(module, "TABLE")]
    assert {table.name for table in tables} == {
        path.name for path in folder.glob("*.csv")
    }
    for table in tables:
        assert table.rows()
        assert {"command", "python", "processor", "date"} <= table.provenance().keys()
