"""The course's cells come back, whatever was done to a notebook: shuffled, dropped, doubled, cut
into pieces, with metadata that lies.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from types import SimpleNamespace

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat import NotebookNode, from_dict
from strategies import examples

from autograder.grading.submissions import submission
from autograder.grading.submissions.cells import (
    _place_after,
    _place_for,
    added_note,
    course_cells,
    fingerprint,
    is_graded,
    own_texts,
    released,
    restore,
)
from autograder.grading.submissions.sanitize import markdown

TYPES = ("code", "markdown", "raw")


def course_cell(
    name,
    source,
    cell_type="code",
    *,
    fixed=True,
    grade=False,
    solution=False,
    points=None,
):
    """One of the course's cells, and whether its source is the course's to say."""
    facts = {
        "grade_id": name,
        "grade": grade,
        "solution": solution,
        "task": False,
        "locked": fixed,
        "schema_version": 3,
    }
    facts |= {"cell_type": cell_type, "checksum": "0"} | (
        {} if points is None else {"points": points}
    )
    cell = NotebookNode(
        cell_type=cell_type, source=source, metadata=from_dict({"nbgrader": facts})
    )
    return name, (cell, fixed)


COURSE = dict(
    [
        course_cell("setup", "from autograder import check"),
        course_cell(
            "answer-total", "def total(x):\n    ...", fixed=False, solution=True
        ),
        course_cell(
            "small-total", 'check("small.total", total)', grade=True, points=1.0
        ),
        course_cell("plot-total", "plot(total)"),
        course_cell(
            "why",
            "Why?",
            "markdown",
            fixed=False,
            grade=True,
            solution=True,
            points=2.0,
        ),
        course_cell("answer-turn", "def turn(x):\n    ...", fixed=False, solution=True),
        course_cell("small-turn", 'check("small.turn", turn)', grade=True, points=4.0),
    ]
)
FIXED = [name for name, (_, fixed) in COURSE.items() if fixed]
CHECKS = ["small-total", "small-turn"]
KEPT = [
    name
    for name, (cell, fixed) in COURSE.items()
    if fixed or cell.metadata.nbgrader.grade
]
"""What is always there afterwards: a stub that was deleted stays deleted."""


@dataclass(frozen=True)
class Cell:
    """A submitted cell: what it says of itself under "nbgrader", and its source."""

    source: str
    facts: object = None
    cell_type: str = "code"
    more: dict = field(default_factory=dict)

    def node(self):
        metadata = (
            dict(self.more)
            if self.facts is None
            else {**self.more, "nbgrader": self.facts}
        )
        return from_dict(
            {
                "cell_type": self.cell_type,
                "source": self.source,
                "metadata": metadata,
                "outputs": [{"anything": 1}],
            }
        )


def as_released(name):
    """The cell `name` as the student got it."""
    cell, _ = COURSE[name]
    return Cell(cell.source, dict(cell.metadata.nbgrader), cell.cell_type)


def restored(cells):
    """What becomes of these submitted cells."""
    notebook = NotebookNode(
        metadata=NotebookNode(language_info={"name": "lies"}),
        cells=[cell.node() for cell in cells],
    )
    return restore(notebook, COURSE).cells


def names(cells):
    """The grade ids of restored cells, None for a student's own."""
    return [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in cells]


def check_what_must_hold(submitted, cells):
    """The rules that no submission breaks."""
    there = names(cells)
    for name in KEPT:
        assert there.count(name) == 1
    for cell, name in zip(cells, there, strict=True):
        assert set(cell.metadata) == ({"nbgrader"} if name else set())
        assert cell.get("outputs", []) == []
        if name:
            ours, fixed = COURSE[name]
            assert (cell.cell_type, cell.metadata) == (ours.cell_type, ours.metadata)
            assert cell.source == ours.source or not fixed
    assert len({cell.id for cell in cells}) == len(cells)
    kept = lines_of(cells)
    assert not lines_of(submitted) - kept, "nothing that a student wrote is dropped"


def lines_of(cells):
    """What the cells say, line by line."""
    return {line.strip() for cell in cells for line in cell.source.split("\n")} - {""}


def own(source):
    return Cell(source)


ODD = (
    None,
    True,
    0,
    -1,
    2.5,
    1e308,
    10**30,
    "",
    "small-total",
    "é\x00",
    [],
    {},
    [["x"]],
    {"nbgrader": {"grade_id": "setup"}},
)
json_values = st.sampled_from(ODD)
any_json = st.recursive(
    json_values,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
)
ids = st.sampled_from([*COURSE, "no-such-cell", ""]) | json_values
lies = st.fixed_dictionaries(
    {},
    optional={
        "grade_id": ids,
        "grade": json_values,
        "solution": json_values,
        "locked": json_values,
        "task": json_values,
        "points": json_values,
        "checksum": json_values,
        "schema_version": st.sampled_from([0, 1, 2, 3, 4, 99, "3"]) | json_values,
        "cell_type": st.sampled_from(TYPES) | json_values,
    },
)
numbers = iter(range(10**9))


@st.composite
def strangers(draw):
    """A cell with any source, and anything that JSON can hold for its metadata."""
    sources = st.sampled_from(
        [*(cell.source for cell, _ in COURSE.values()), "", "x = 1", "é\n"]
    )
    facts = draw(st.none() | lies | json_values)
    more = draw(
        st.dictionaries(
            st.sampled_from(["tags", "deletable", "autograder", "x"]),
            json_values,
            max_size=2,
        )
    )
    return Cell(draw(sources), facts, draw(st.sampled_from(TYPES)), more)


def _without(cells, index):
    return cells[:index] + cells[index + 1 :]


@st.composite
def in_order(draw):
    """A submission whose cells stand in the course's order: some dropped, edited, doubled on the
    spot or cut in two, the student's own between them.
    """
    cells = []
    for name in COURSE:
        cells += [own(f"own {next(numbers)}") for _ in range(draw(st.integers(0, 2)))]
        one = as_released(name)
        match draw(
            st.sampled_from(["kept", "kept", "dropped", "edited", "doubled", "cut"])
        ):
            case "kept":
                cells.append(one)
            case "edited":
                cells.append(Cell(f"answer {next(numbers)}", one.facts, one.cell_type))
            case "doubled":
                cells += [
                    one,
                    Cell(f"answer {next(numbers)}", one.facts, one.cell_type),
                ]
            case "cut":
                half = len(one.source) // 2
                cells += [
                    Cell(one.source[:half], one.facts, one.cell_type),
                    Cell(one.source[half:], one.facts, one.cell_type),
                ]
    return cells


def untouched():
    return [as_released(name) for name in COURSE]


# --- whatever was handed in -----------------------------------------------------------------------


def test_a_submission_as_it_was_released_stays_as_it_is():
    cells = restored(untouched())
    assert names(cells) == list(COURSE)
    assert [cell.source for cell in cells] == [
        cell.source for cell, _ in COURSE.values()
    ]


def test_of_nothing_everything_comes_back_but_the_stubs():
    assert names(restored([])) == KEPT


@settings(max_examples=examples(30))
@given(st.lists(strangers(), max_size=4))
def test_any_cells_with_any_metadata(submitted):
    check_what_must_hold(submitted, restored(submitted))


@given(any_json, st.sampled_from(TYPES))
def test_one_cell_with_whatever_json_can_hold(facts, cell_type):
    submitted = [*untouched(), Cell("mine", facts, cell_type)]
    check_what_must_hold(submitted, restored(submitted))


@given(st.permutations(untouched()), st.lists(st.integers(0, 6), max_size=4))
def test_shuffled_and_dropped(submitted, dropped):
    for index in dropped:
        submitted = _without(submitted, index)
    cells = restored(submitted)
    check_what_must_hold(submitted, cells)
    there = names(cells)
    moved = [cell.facts["grade_id"] for cell in submitted]
    assert [
        name for name in there if name in moved
    ] == moved  # what is there stays where the student put it


@given(in_order())
def test_what_is_not_moved_comes_back_in_the_course_s_order(submitted):
    cells = restored(submitted)
    check_what_must_hold(submitted, cells)
    there = [name for name in names(cells) if name]
    assert there == [name for name in COURSE if name in there]


@given(in_order())
def test_restoring_twice_changes_nothing_more(submitted):
    once = restored(submitted)
    twice = restore(
        NotebookNode(metadata=NotebookNode(), cells=copy.deepcopy(once)), COURSE
    ).cells
    assert [(cell.source, cell.metadata) for cell in twice] == [
        (cell.source, cell.metadata) for cell in once
    ]


@given(in_order())
def test_every_source_of_the_student_s_is_kept_in_its_order(submitted):
    marked = [
        cell.source for cell in submitted if cell.source.startswith(("own", "answer "))
    ]
    assert [
        cell.source for cell in restored(submitted) if cell.source in marked
    ] == marked


@settings(max_examples=examples(20))
@given(st.lists(strangers(), max_size=2), st.permutations(untouched()))
def test_what_a_cell_says_of_its_points_and_its_lock_is_not_believed(strange, ours):
    lying = [
        Cell(
            cell.source,
            {
                **cell.facts,
                "points": 10**6,
                "locked": False,
                "grade": False,
                "solution": True,
            },
        )
        for cell in ours
    ]
    cells = restored([*strange, *lying])
    check_what_must_hold([*strange, *lying], cells)
    assert (
        sum(cell.metadata.get("nbgrader", {}).get("points", 0) for cell in cells) == 7.0
    )


@given(st.integers(1, 3), st.booleans())
def test_a_check_keeps_the_course_s_text_and_is_asked_once(copies, edited):
    source = (
        'check("small.total", lambda x: 1)'
        if edited
        else COURSE["small-total"][0].source
    )
    check = Cell(source, as_released("small-total").facts)
    cells = restored([*untouched()[:2], *[check] * copies])
    graded = [
        cell
        for cell in cells
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "small-total"
    ]
    assert [cell.source for cell in graded] == ['check("small.total", total)']


def test_of_several_cells_with_one_id_the_course_s_own_stands_for_it():
    """A check that was copied and edited: the copy is the student's, and runs; the original is
    the course's.
    """
    facts = as_released("small-total").facts
    cells = restored([Cell("check(mine)", facts), as_released("small-total")])
    assert [cell.source for cell in cells if cell.source.startswith("check(mine)")] == [
        "check(mine)"
    ]
    at = names(cells).index("small-total")
    assert cells[at - 1].source == "check(mine)"


def test_an_answer_that_was_cut_in_two_is_whole_and_in_its_place():
    facts = as_released("answer-total").facts
    pieces = [
        Cell("import math", facts),
        Cell("def total(x):\n    return x.sum()", facts),
    ]
    cells = restored([as_released("setup"), *pieces, as_released("small-total")])
    assert [cell.source for cell in cells][1:4] == [
        "import math",
        "def total(x):\n    return x.sum()",
        'check("small.total", total)',
    ]
    assert names(cells)[1:3] == ["answer-total", None]


def test_the_first_of_several_answers_with_one_id_stands_for_it_where_none_is_the_stub():
    facts = as_released("answer-total").facts
    cells = restored([Cell("first", facts), Cell("second", facts)])
    assert (
        names(cells)[[cell.source for cell in cells].index("first")] == "answer-total"
    )
    assert names(cells)[[cell.source for cell in cells].index("second")] is None


def test_a_deleted_check_comes_after_all_that_may_answer_it():
    """Before the next of the course's cells that is there: the answer may stand in cells of the
    student's own.
    """
    submitted = [
        as_released("setup"),
        own("def total(x): ..."),
        own("more"),
        as_released("answer-turn"),
        as_released("small-turn"),
    ]
    cells = restored(submitted)
    sources = [cell.source for cell in cells]
    assert sources.index('check("small.total", total)') > sources.index("more")
    assert sources.index('check("small.total", total)') < sources.index(
        "def turn(x):\n    ..."
    )


def test_a_deleted_cell_that_others_build_on_comes_before_them():
    cells = restored([own("first"), *untouched()[1:]])
    assert names(cells)[0] == "setup"


def test_an_answer_of_another_type_gets_the_course_s_type_and_keeps_its_text():
    cells = restored(
        [
            Cell("Because.", as_released("why").facts, "code"),
            Cell("x = 1", as_released("answer-turn").facts, "markdown"),
        ]
    )
    by_name = dict(zip(names(cells), cells, strict=True))
    assert (by_name["why"].cell_type, by_name["why"].source) == ("markdown", "Because.")
    assert (by_name["answer-turn"].cell_type, by_name["answer-turn"].source) == (
        "code",
        "x = 1",
    )


def test_what_is_no_cell_of_a_notebook_is_left_out():
    notebook = NotebookNode(
        metadata=NotebookNode(),
        cells=[from_dict({"cell_type": "heading", "source": "x", "metadata": {}})],
    )
    assert "x" not in [cell.source for cell in restore(notebook, COURSE).cells]


@pytest.mark.parametrize(
    "metadata",
    [None, 3, "x", [], {"nbgrader": None}, {"nbgrader": {"grade_id": ["small-total"]}}],
)
def test_metadata_of_any_type(metadata):
    notebook = NotebookNode(
        metadata=NotebookNode(),
        cells=[NotebookNode(cell_type="code", source="mine", metadata=metadata)],
    )
    assert [cell.source for cell in restore(notebook, COURSE).cells].count("mine") == 1


@given(st.sampled_from([1, 2, 3, 99, "old"]), st.sampled_from(CHECKS))
def test_cells_of_other_schema_versions_are_known_by_their_id(version, name):
    facts = {"grade_id": name, "schema_version": version}
    cells = restored([Cell("edited", facts)])
    at = [cell.source for cell in cells].index("edited")
    assert names(cells)[at : at + 2] == [None, name]
    assert names(cells).count(name) == 1


# --- what was added to a cell of the course's ---------------------------------------------------

code_lines = st.lists(
    st.sampled_from(
        [
            "import math",
            "x = 1",
            "def total(x):",
            "    return x",
            "",
            "# why",
            'check("a")',
        ]
    ),
    min_size=1,
    max_size=5,
)


@given(st.sampled_from(FIXED), code_lines, st.booleans())
def test_what_was_added_to_a_fixed_cell_runs_directly_before_it_and_is_named(
    name, lines, below
):
    ours = as_released(name)
    added = "\n".join(lines)
    both = [ours.source, added] if below else [added, ours.source]
    position = list(COURSE).index(name)
    submitted = untouched()
    submitted[position] = Cell("\n".join(both), ours.facts)
    cells = restored(submitted)
    check_what_must_hold(submitted, cells)
    at = names(cells).index(name)
    if not added.strip():
        assert names(cells) == list(COURSE)
        return
    assert names(cells)[at - 2 : at] == [None, None]
    assert (cells[at - 2].cell_type, cells[at - 2].source) == (
        "markdown",
        added_note(name),
    )
    assert (cells[at - 1].cell_type, cells[at - 1].metadata) == ("code", {})
    own = cells[at - 1].source
    assert (
        own.strip("\n") == added.strip("\n")
        if name in CHECKS
        else own == "\n".join(both)
    )


@given(st.sampled_from(CHECKS), st.sampled_from(["lambda x: 1", "turn", "", "5"]))
def test_a_check_that_was_edited_runs_as_the_student_s_and_counts_as_the_course_s(
    name, argument
):
    edited = Cell(f'check("small.total", {argument})', as_released(name).facts)
    cells = restored([edited])
    check_what_must_hold([edited], cells)
    assert [cell.source for cell in cells].count(edited.source) == 1
    assert not is_graded(next(cell for cell in cells if cell.source == edited.source))


def test_a_line_that_was_written_below_a_use_of_a_locked_cell_s_import_still_has_it():
    """Two cells merged: the lines stay together."""
    merged = 'from autograder import check\nuse = print\nuse("numpy")'
    cells = restored([Cell(merged, as_released("setup").facts)])
    assert [cell.source for cell in cells][1] == merged


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("setup", "from autograder import check\n\n"),
        ("setup", "from autograder import check  \r\n"),
        ("setup", "from autograder import (\n    check,\n)"),
        ("setup", " \n"),
        ("small-total", "check('small.total', total)"),
        ("small-total", '\ncheck(\n    "small.total",\n    total,\n)\n'),
    ],
)
def test_a_locked_cell_that_was_emptied_or_formatted_was_not_added_to(name, source):
    position = list(COURSE).index(name)
    submitted = untouched()
    submitted[position] = Cell(source, submitted[position].facts)
    cells = restored(submitted)
    assert names(cells) == list(COURSE)
    assert cells[position].source == COURSE[name][0].source


def test_a_comment_in_a_locked_cell_is_the_student_s_and_stays():
    source = "from autograder import check  # the checks"
    cells = restored([Cell(source, as_released("setup").facts), *untouched()[1:]])
    assert cells[1].source == source


@settings(max_examples=examples(20))
@given(st.lists(strangers(), max_size=4), st.integers(0, 5), st.booleans())
def test_a_restored_notebook_is_valid_whatever_format_it_was_saved_in(
    submitted, minor, with_ids
):
    """Colab and VS Code give cells ids while they say a format that knows none."""
    notebook = from_dict(
        {"nbformat": 4, "nbformat_minor": minor, "metadata": {}, "cells": []}
    )
    notebook.cells = [cell.node() for cell in submitted]
    for number, cell in enumerate(notebook.cells if with_ids else []):
        cell.id = f"cell-{number}"
    nbformat.validate(restore(notebook, COURSE))


# --- text of the student's own -------------------------------------------------------------------

STATEMENTS = [
    "# Sums",
    "Why? $a<b$ <b>bold</b> [here](x.ipynb)",
    "![p](https://x.org/p.png)",
]
words = st.text("abc <>![]()\\$`\n", min_size=1, max_size=30).filter(str.strip)


def own_cell(source, cell_type="markdown"):
    return NotebookNode(cell_type=cell_type, source=source, metadata=NotebookNode())


@given(st.lists(words, max_size=4), st.randoms(use_true_random=False))
def test_statements_are_not_the_student_s_own_text_however_they_were_disarmed(
    statements, random
):
    cells = [own_cell(markdown(source)) for source in statements]
    cells += [own_cell(source.replace(" ", "\n ") + "\n") for source in statements]
    random.shuffle(cells)
    assert own_texts(cells, statements) == []


@given(st.integers(0, len(STATEMENTS)), st.sampled_from(["markdown", "raw"]))
def test_a_text_of_the_student_s_own_is_found_wherever_it_stands(place, cell_type):
    cells = [own_cell(source) for source in STATEMENTS]
    cells.insert(place, own_cell("One kernel serves every place.", cell_type))
    assert own_texts(cells, STATEMENTS) == ["One kernel serves every place."]


@pytest.mark.parametrize(
    ("source", "is_text"),
    [
        ("One kernel serves every place, because a pattern may appear anywhere.", True),
        ("# one kernel\n# serves every place", True),
        ('"""One kernel serves every place."""', True),
        ("from a import b as c", False),
        ("x = 1  # one kernel serves every place we know", False),
        ('def f():\n    """One kernel serves every place we know."""', False),
        ("%pip install one two three four five six", False),
        ("", False),
    ],
)
def test_a_cell_of_code_may_hold_a_text(source, is_text):
    assert bool(own_texts([own_cell(source, "code")], [])) == is_text


def test_what_nobody_wrote_is_no_text_of_the_student_s():
    badge = (
        '<a href="https://colab.research.google.com/github/x">'
        '<img src="https://colab.research.google.com/assets/colab-badge.svg"/></a>'
    )
    cells = [
        own_cell(badge),
        own_cell(markdown(badge)),
        own_cell(added_note("setup")),
        own_cell(" "),
    ]
    cells += [cell for cell, _ in COURSE.values()]
    assert own_texts(cells, []) == []


# --- where a deleted cell goes --------------------------------------------------------------------

orders = st.lists(
    st.text("abcdefgh", min_size=1, max_size=1), min_size=1, max_size=8, unique=True
)


@given(orders, st.data())
def test_a_place_lies_between_the_neighbours_that_are_there(order, data):
    name = data.draw(st.sampled_from(order))
    there = data.draw(
        st.lists(st.sampled_from(order), unique=True).map(
            lambda chosen: [other for other in order if other in chosen]
        )
    )
    there = [other for other in there if other != name]
    gaps = data.draw(
        st.lists(st.integers(1, 3), min_size=len(there), max_size=len(there))
    )
    place = {other: sum(gaps[: index + 1]) for index, other in enumerate(there)}
    end = sum(gaps) + 1
    earlier = [other for other in there if order.index(other) < order.index(name)]
    later = [other for other in there if order.index(other) > order.index(name)]
    assert _place_for(name, order, place, end) == (place[later[0]] if later else end)
    assert _place_after(name, order, place) == (
        place[earlier[-1]] + 1 if earlier else 0
    )
    assert _place_after(name, order, place) <= _place_for(name, order, place, end)


# --- what the gradebook keeps ---------------------------------------------------------------------


def row(**facts):
    return SimpleNamespace(**facts)


def gradebook_notebook(locked=True, cell_type="code"):
    """As nbgrader's gradebook has a notebook: an answer, a check, a task."""
    sources = [
        ("answer", "code", "def f(): ...", False),
        ("small-total", cell_type, "check()", locked),
        ("task", "markdown", "Do it.", True),
    ]
    return row(
        name="sums",
        kernelspec='{"name": "python3"}',
        grade_cells=[row(name="small-total", max_score=2.5)],
        solution_cells=[row(name="answer")],
        task_cells=[row(name="task", max_score=3.0)],
        source_cells=[
            row(name=n, cell_type=kind, source=text, locked=lock, checksum="c")
            for n, kind, text, lock in sources
        ],
    )


def test_cells_from_the_gradebook_keep_order_points_and_what_they_are():
    cells = course_cells(gradebook_notebook())
    assert list(cells) == ["answer", "small-total", "task"]
    facts = {name: cell.metadata.nbgrader for name, (cell, _) in cells.items()}
    assert {name: cell.cell_type for name, (cell, _) in cells.items()} == {
        "answer": "code",
        "small-total": "code",
        "task": "markdown",
    }
    assert [
        (f["grade"], f["solution"], f["task"], f.get("points")) for f in facts.values()
    ] == [
        (False, True, False, None),
        (True, False, False, 2.5),
        (False, False, True, 3.0),
    ]


@pytest.mark.parametrize(
    ("locked", "fixed"), [(True, [False, True, True]), (False, [False, False, True])]
)
def test_a_cell_s_text_is_the_course_s_where_it_is_locked_and_no_answer(locked, fixed):
    assert [
        is_fixed for _, is_fixed in course_cells(gradebook_notebook(locked)).values()
    ] == fixed


def test_a_release_is_plain_json_and_the_same_release_has_the_same_fingerprint():
    release, again = (released(row(notebooks=[gradebook_notebook()])) for _ in range(2))
    assert release["sums"]["kernelspec"] == {"name": "python3"}
    assert fingerprint(release) == fingerprint(again)
    other = released(row(notebooks=[gradebook_notebook(locked=False)]))
    assert fingerprint(other) != fingerprint(release)


# --- from the file itself -------------------------------------------------------------------------


@settings(max_examples=examples(20))
@given(st.lists(strangers(), max_size=3))
def test_a_file_that_is_taken_for_a_notebook_is_restored(submitted):
    """`submission.parse` lets nothing through that `restore` cannot take."""
    cells = [
        {
            "cell_type": c.cell_type,
            "source": c.source,
            "metadata": {**c.more, "nbgrader": c.facts},
        }
        for c in submitted
    ]
    raw = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    try:
        notebook = submission.parse("sums.ipynb", json.dumps(raw).encode())
    except submission.Unfit:
        return
    check_what_must_hold(submitted, restore(notebook, COURSE).cells)
