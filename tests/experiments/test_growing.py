"""Files of results that grow: nothing is measured twice, nothing is lost, nothing is mixed."""

from dataclasses import dataclass

import pytest

from dlkit.tables import stored
from experiments import growing


@dataclass(frozen=True)
class Row:
    net: str
    seed: int
    accuracy: float


KEYS = [("LeNet", seed) for seed in range(3)]
FACTS = {"torch": "2.0", "date": "today"}


@pytest.fixture
def grow(tmp_path):
    measured = []

    def measure(key):
        measured.append(key)
        return Row(*key, 0.5)

    def run(stages=(lambda rows: KEYS,), facts=FACTS, seconds=float("inf")):
        measured.clear()
        done = growing.complete(
            tmp_path / "out.csv", Row, facts, stages, measure, seconds
        )
        return done, list(measured), stored.read(tmp_path / "out.csv", Row)

    return run


def test_what_is_there_is_not_measured_again(grow):
    assert grow([lambda rows: KEYS[:1]])[:2] == (True, KEYS[:1])
    done, measured, (facts, rows) = grow()
    assert (
        done
        and measured == KEYS[1:]
        and facts == FACTS
        and [row.seed for row in rows] == [0, 1, 2]
    )
    assert grow()[1] == []


def test_where_the_time_is_over_what_was_measured_is_kept(grow):
    done, measured, (_, rows) = grow(seconds=-1)
    assert (done, measured, rows) == (False, [], [])
    grow([lambda rows: KEYS[:2]])
    done, measured, (_, rows) = grow(seconds=-1)
    assert not done and measured == [] and len(rows) == 2
    assert grow()[:2] == (True, KEYS[2:])


def test_an_interruption_loses_no_more_than_a_few_seconds(tmp_path, monkeypatch):
    monkeypatch.setattr(growing, "WRITE_EVERY", 0.0)

    def measure(key):
        if key[1] == 2:
            raise KeyboardInterrupt
        return Row(*key, 0.5)

    with pytest.raises(KeyboardInterrupt):
        growing.complete(tmp_path / "out.csv", Row, FACTS, [lambda rows: KEYS], measure)
    assert len(stored.read(tmp_path / "out.csv", Row)[1]) == 2


def test_rows_of_another_version_are_neither_mixed_nor_lost(grow):
    grow()
    with pytest.raises(
        ValueError, match=r"has another torch: 2\.0, now 2\.1\. Delete it to begin anew"
    ):
        grow(facts=FACTS | {"torch": "2.1"})
    assert grow(facts=FACTS | {"date": "tomorrow"})[1] == []


def test_a_later_stage_asks_for_what_the_earlier_ones_found(grow):
    stages = [lambda rows: KEYS, lambda rows: [("best", max(row.seed for row in rows))]]
    assert grow(stages)[1] == [*KEYS, ("best", 2)]


def test_what_is_no_longer_wanted_is_dropped(grow):
    grow()
    assert [row.seed for row in grow([lambda rows: KEYS[:2]])[2][1]] == [0, 1]
