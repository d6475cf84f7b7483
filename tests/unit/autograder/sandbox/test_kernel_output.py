"""What a cell prints and displays is cut where its limit is, and the cell goes on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.sandbox.kernel import (
    ENDLESS,
    OutputLimit,
    _counted,
    _limited,
    _OutputBudget,
)

LIMIT = 20
texts = st.lists(st.text("xyz", min_size=1, max_size=15), max_size=8)


@given(texts)
def test_what_is_printed_is_kept_up_to_the_limit_and_the_cut_is_said_once(made):
    kept, said = [], []
    write = _counted(kept.append, _OutputBudget(LIMIT, said.append))
    assert [write(text) for text in made] == [len(text) for text in made]
    assert "".join(kept) == "".join(made)[:LIMIT]
    is_cut = len("".join(made)) > LIMIT
    assert len(said) == is_cut
    assert all("what came later is left out" in text for text in said)


@given(
    texts, st.sampled_from(["display_data", "update_display_data", "execute_result"])
)
def test_a_display_is_sent_whole_or_not_at_all(made, kind):
    sent, said = [], []

    def send(stream, message, content=None):
        sent.append(message["content"])

    limited = _limited(send, _OutputBudget(LIMIT, said.append))
    for text in made:
        limited(None, {"msg_type": kind, "content": text})
    assert sum(map(len, sent)) <= LIMIT
    assert sent == made[: len(sent)]
    assert (len(sent) < len(made)) == bool(said)


def test_an_error_gets_through_when_there_is_no_room_left():
    sent = []
    budget = _OutputBudget(1, lambda text: None)
    limited = _limited(lambda stream, message, content: sent.append(message), budget)
    limited(None, {"msg_type": "display_data", "content": "xx"})
    limited(
        None, {"msg_type": "error", "content": {"evalue": "no", "traceback": ["no"]}}
    )
    assert [message["msg_type"] for message in sent] == ["error"]


def test_each_cell_has_the_whole_limit():
    kept, said = [], []
    budget = _OutputBudget(LIMIT, said.append)
    write = _counted(kept.append, budget)
    for _ in range(2):
        budget.start_again()
        write("x" * (LIMIT + 1))
    assert kept == ["x" * LIMIT] * 2
    assert len(said) == 2


def test_a_loop_without_end_is_ended_and_the_next_cell_is_not():
    kept = []
    budget = _OutputBudget(LIMIT, lambda text: None)
    write = _counted(kept.append, budget)
    for _ in range(ENDLESS):
        write("x" * LIMIT)
    with pytest.raises(OutputLimit):
        write("x")
    budget.start_again()
    write("y")
    assert kept == ["x" * LIMIT, "y"]


def test_one_text_may_be_as_long_as_it_is():
    kept = []
    write = _counted(kept.append, _OutputBudget(LIMIT, lambda text: None))
    write("x" * LIMIT * ENDLESS * 2)
    assert kept == ["x" * LIMIT]
