"""A notebook's cells: which check a question, which are run, and what becomes of those that were
handed in. Plain functions on notebooks, without a kernel, a gradebook or nbgrader.

What the gradebook keeps of a release is made into plain cells (`course_cells`, `released`), and
`prepare` puts them into what was handed in. See
docs/decisions/02-notebooks-are-put-back-from-the-gradebook.md.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterable
from keyword import iskeyword
from typing import Any

from nbformat import NotebookNode, from_dict
from nbformat.corpus.words import generate_corpus_id as random_cell_id
from nbformat.v4 import new_code_cell, new_markdown_cell

from autograder.grading.submissions.sanitize import INVISIBLE
from autograder.questions import catalogue
from autograder.questions.definition import Question

PLOT_CELL_PREFIX = "plot-"
"""How the grade id begins of a locked cell of the course's own that draws what a learner's answers
do. It earns nothing, and grading leaves it out.
"""

_NOTE_BEGINS = "*In your notebook the course's cell"

_SENTENCE = re.compile(r"(?:[^\W\d_]+,? ){5}")
"""Words in a row, as no line of code has them that does not begin with one of Python's own."""

CourseCells = dict[str, tuple[NotebookNode, bool]]
"""The course's cells by grade id, in order, each with whether its source is the course's to say."""

Release = dict[str, Any]
"""What was released of one notebook, in plain JSON: see `released`."""


def metadata_of(cell: NotebookNode) -> dict[str, Any]:
    """What nbgrader knows of a cell; {} where it knows nothing."""
    return cell.metadata.get("nbgrader", {})


def is_graded(cell: NotebookNode) -> bool:
    """Whether nbgrader gives points for what happens when the cell is run."""
    if cell.cell_type != "code":
        return False
    metadata = metadata_of(cell)
    is_answer = metadata.get("solution")
    return bool(metadata.get("grade") and not is_answer)


def question_of(cell: NotebookNode) -> Question | None:
    """The question that a check cell grades; None for any other cell."""
    if not is_graded(cell):
        return None
    grade_id = metadata_of(cell).get("grade_id", "")
    try:
        return catalogue.of_grade_id(grade_id)
    except catalogue.UnknownQuestion:
        return None


def to_run(cell: NotebookNode) -> bool:
    """Whether grading runs the cell: code, and no picture."""
    if cell.cell_type != "code":
        return False
    if not cell.source.strip():
        return False
    metadata = metadata_of(cell)
    grade_id = metadata.get("grade_id", "")
    earns_nothing = metadata.get("locked") and not metadata.get("grade")
    is_picture = earns_nothing and grade_id.startswith(PLOT_CELL_PREFIX)
    return not is_picture


def fault_of(cell: NotebookNode) -> str | None:
    """What is wrong with a cell that is graded automatically, None if nothing is: it must check a
    question that there is, for as many points.

    nbgrader itself would give full marks for any such cell that merely ends without an error.
    """
    if not is_graded(cell):
        return None
    metadata = metadata_of(cell)
    grade_id = str(metadata.get("grade_id", ""))
    try:
        question = catalogue.of_grade_id(grade_id)
    except catalogue.UnknownQuestion as error:
        package = catalogue.package_name()
        return (
            f"the cell {grade_id} is graded automatically, and the package {package} "
            "has no question of that name (with a dot for the hyphen)."
            f" {error} Was it renamed, or is AUTOGRADER_QUESTIONS not set?"
        )
    if not question.probes:
        return f"{question.name} could not be judged: it has no probes"
    points = metadata.get("points", 0)
    if float(points) != question.points:
        return (
            f"the cell {grade_id} gives {points:g} points, its question "
            f"{question.points:g}: make them equal, and release the assignment again"
        )
    quoted_name = json.dumps(question.name)
    call = f"check({quoted_name}, {question.function_name})"
    source = cell.source.strip()
    if source != call:
        return f"the cell {grade_id} must be `{call}` and nothing else"
    return None


def prepare(nb: NotebookNode, release: Release) -> NotebookNode:
    """A submitted notebook as it is run, whoever grades: with the course's cells and with the
    kernelspec that was released.
    """
    course: CourseCells = {}
    for grade_id, (cell, fixed) in release["cells"].items():
        course[grade_id] = from_dict(cell), fixed
    nb = restore(nb, course)
    kernelspec = release["kernelspec"]
    if kernelspec:
        nb.metadata["kernelspec"] = from_dict(kernelspec)
    return nb


def restore(nb: NotebookNode, course: CourseCells) -> NotebookNode:
    """Put the course's cells back into a submitted notebook, and drop what it says about itself."""
    known = ("code", "markdown", "raw")
    submitted = [cell for cell in nb.cells if cell.get("cell_type") in known]
    # Every cell gets an id, which formats before 4.5 do not know: Colab and VS Code save those.
    nb.nbformat, nb.nbformat_minor = 4, 5
    nb.metadata = NotebookNode()
    nb.cells = _restored(submitted, course)
    return nb


def own_texts(cells: Iterable[NotebookNode], handed_out: Iterable[str]) -> list[str]:
    """What a student wrote outside the course's cells in plain language: Markdown, and cells of
    code that hold none.

    handed_out: the sources of the cells that were handed out.
    """
    known = {_comparable(source) for source in handed_out}
    texts = []
    for cell in cells:
        text = _comparable(cell.source)
        is_prose = cell.cell_type != "code" or _is_prose(cell.source)
        was_handed_out = bool(metadata_of(cell)) or text in known
        is_own = not was_handed_out and not _is_generated(text)
        if text and is_prose and is_own:
            texts.append(text)
    return texts


def _comparable(source: str) -> str:
    """A text as it reads: spaces of any kind are one, and those that are not seen are none (see
    `autograder.grading.submissions.sanitize`).
    """
    return " ".join(source.replace(INVISIBLE, "").split())


def _is_generated(text: str) -> bool:
    """Whether nobody wrote a text: the line above what was added to a cell, and the badge that
    Colab puts on top.
    """
    return text.startswith(_NOTE_BEGINS) or "colab-badge" in text


def _is_prose(source: str) -> bool:
    """Whether a cell of code holds a text instead: comments alone, one string, or a sentence.

    It is not parsed: that takes more than time of what a stranger wrote.
    """
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    if not lines:
        return False
    first_word = lines[0].partition(" ")[0]
    is_comment = all(line.startswith("#") for line in lines)
    opening = lines[0][0]
    closing = lines[-1][-1]
    is_string = opening in "'\"" and closing == opening
    is_sentence = _SENTENCE.match(lines[0]) and not iskeyword(first_word)
    return bool(is_comment or is_string or is_sentence)


def course_cells(notebook: Any) -> CourseCells:
    """A notebook's cells, from what the gradebook keeps of its release."""
    points = {}
    for worth in (*notebook.grade_cells, *notebook.task_cells):
        points[worth.name] = worth.max_score
    grades = _names(notebook.grade_cells)
    answers = _names(notebook.solution_cells)
    tasks = _names(notebook.task_cells)
    cells: CourseCells = {}
    for source in notebook.source_cells:
        name = source.name
        locked = bool(source.locked)
        metadata = {
            "grade_id": name,
            "grade": name in grades,
            "solution": name in answers,
            "task": name in tasks,
            "locked": locked,
            "schema_version": 3,
            "cell_type": source.cell_type,
            "checksum": source.checksum,
        }
        if name in points:
            metadata["points"] = points[name]
        fixed = locked and name not in answers
        cell = _checked_cell(source.cell_type, source.source, metadata)
        cells[name] = cell, fixed
    return cells


def _names(cells: Any) -> set[str]:
    return {cell.name for cell in cells}


def _checked_cell(
    cell_type: str, source: str, metadata: dict[str, Any]
) -> NotebookNode:
    """A cell with nbgrader's `metadata`, without an id: that would be drawn anew each time, and
    the graded notebook's cells get theirs when they are put in place.
    """
    make = new_code_cell if cell_type == "code" else new_markdown_cell
    of_cell = {"nbgrader": metadata}
    cell = make(source, metadata=of_cell)
    del cell["id"]
    return cell


def released(assignment: Any) -> dict[str, Release]:
    """The course's side of an assignment by notebook."""
    notebooks = sorted(assignment.notebooks, key=lambda notebook: notebook.name)
    return {notebook.name: released_notebook(notebook) for notebook in notebooks}


def released_notebook(notebook: Any) -> Release:
    """A notebook's cells (see `course_cells`) and its kernelspec, from the gradebook."""
    kernelspec = None
    if notebook.kernelspec:
        kernelspec = json.loads(notebook.kernelspec)
    return {
        "cells": course_cells(notebook),
        "kernelspec": kernelspec,
    }


def fingerprint(release: dict[str, Release]) -> str:
    """SHA-256 of a released version; another release of the same cells has the same."""
    canonical = json.dumps(release, sort_keys=True)
    digest = hashlib.sha256(canonical.encode())
    return digest.hexdigest()


def _restored(submitted: list[NotebookNode], course: CourseCells) -> list[NotebookNode]:
    """The submitted cells with the course's in place of those that stand for them, and with the
    deleted ones that grading needs. What was added to a fixed one stands directly before it.
    """
    chosen = _chosen(submitted, course)
    cells: list[NotebookNode] = []
    # Where each of the course's cells stands, and where what was added to it begins.
    place: dict[str, int] = {}
    front: dict[str, int] = {}
    for index, cell in enumerate(submitted):
        name = chosen.get(index)
        if name is None:
            cells.append(_own_cell(cell))
            continue
        ours, fixed = course[name]
        front[name] = len(cells)
        if fixed:
            cells += _added_to(name, cell, ours)
        place[name] = len(cells)
        cells.append(_course_cell(cell, ours, fixed))
    order = list(course)
    for name, (ours, fixed) in course.items():
        graded = ours.metadata["nbgrader"]["grade"]
        # A deleted stub stays deleted: the answer may stand in a cell of the student's own.
        is_needed = fixed or graded
        if name in place or not is_needed:
            continue
        if graded:
            at = _place_for(name, order, front, len(cells))
        else:
            at = _place_after(name, order, place)
        place, front = _moved(place, at), _moved(front, at)
        place[name] = front[name] = at
        restored = _plain_cell(ours.cell_type, ours.source, ours.metadata)
        cells.insert(at, restored)
    return cells


def _moved(place: dict[str, int], at: int) -> dict[str, int]:
    """Where the cells stand once another is inserted at `at`."""
    moved = {}
    for name, index in place.items():
        if index >= at:
            index += 1
        moved[name] = index
    return moved


def _own_cell(cell: NotebookNode) -> NotebookNode:
    """A cell of the student's own, without what it says about itself."""
    attachments = cell.get("attachments")
    return _plain_cell(cell.cell_type, cell.source, attachments=attachments)


def _added_to(
    name: str, submitted: NotebookNode, ours: NotebookNode
) -> list[NotebookNode]:
    """What a student wrote into a cell whose source is the course's to say: a line that says so,
    and a cell of their own; nothing where the cell is as it was handed out.
    """
    added = _added(submitted.source, ours)
    if not added:
        return []
    own = _own_cell(submitted)
    own.source = added
    return [_plain_cell("markdown", added_note(name)), own]


def _added(source: str, ours: NotebookNode) -> str:
    """What of `source` is not the course's; "" where nothing is.

    Of a check, all but the call itself: what is judged is the course's own. Other cells are kept
    whole, since their lines may build on each other: `use(...)` after its import.
    """
    if _reads_as(source, ours.source):
        return ""
    call = ours.source.strip()
    is_one_call = is_graded(ours) and "\n" not in call
    # Its first line says what the rest is.
    is_cell_magic = source.lstrip().startswith("%%")
    if is_one_call and not is_cell_magic:
        lines = [line for line in source.split("\n") if line.rstrip() != call]
        rest = "\n".join(lines)
        return rest.strip("\r\n") if rest.strip() else ""
    return source


def _reads_as(source: str, ours: str) -> bool:
    """Whether a source is the course's but for spaces and the style of an automatic formatter, or
    nothing at all.
    """
    if not source.strip():
        return True
    if _filled_lines(source) == _filled_lines(ours):
        return True
    is_longer = len(source) > 2 * len(ours) + 1000
    if is_longer or source.count("#") != ours.count("#"):
        return False
    try:
        tree = ast.dump(ast.parse(source))
        our_tree = ast.dump(ast.parse(ours))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return tree == our_tree


def _filled_lines(source: str) -> list[str]:
    lines = [line.rstrip() for line in source.split("\n")]
    return [line for line in lines if line]


def added_note(name: str) -> str:
    """The line above what a student wrote into the course's cell `name`."""
    return (
        f"{_NOTE_BEGINS} `{name}` holds this: it stands here as a cell of your own, "
        "and the course's cell follows as it was handed out.*"
    )


def _course_cell(
    submitted: NotebookNode, ours: NotebookNode, fixed: bool
) -> NotebookNode:
    """A cell of the course's, with the student's text where that is theirs to write."""
    if fixed:
        return _plain_cell(ours.cell_type, ours.source, ours.metadata)
    attachments = submitted.get("attachments")
    return _plain_cell(ours.cell_type, submitted.source, ours.metadata, attachments)


def _place_for(name: str, order: list[str], place: dict[str, int], end: int) -> int:
    """Where a deleted check goes: before the next of the course's cells that is there, so that
    it comes after all that may answer it.
    """
    position = order.index(name)
    for later in order[position:]:
        if later in place:
            return place[later]
    return end


def _place_after(name: str, order: list[str], place: dict[str, int]) -> int:
    """Where a deleted cell that others build on goes: after the last of the course's cells
    before it that is there, else to the top.
    """
    position = order.index(name)
    before = order[:position]
    for earlier in reversed(before):
        if earlier in place:
            return place[earlier] + 1
    return 0


def _chosen(submitted: list[NotebookNode], course: CourseCells) -> dict[int, str]:
    """Which submitted cell stands for which of the course's."""
    candidates: dict[str, list[int]] = {}
    for index, cell in enumerate(submitted):
        name = claimed_grade_id(cell)
        if name is None or name not in course:
            continue
        indices = candidates.setdefault(name, [])
        indices.append(index)
    chosen = {}
    for name, indices in candidates.items():
        ours, _fixed = course[name]
        index = _most_faithful(indices, submitted, ours.source)
        chosen[index] = name
    return chosen


def _most_faithful(
    candidates: list[int], submitted: list[NotebookNode], source: str
) -> int:
    """Of several cells with one grade id, the first with the course's own source, else the
    first.
    """
    for index in candidates:
        if submitted[index].source == source:
            return index
    return candidates[0]


def claimed_grade_id(cell: NotebookNode) -> str | None:
    """The grade id that a submitted cell says it has, whatever its metadata look like; None where
    it says none.
    """
    metadata = cell.get("metadata")
    if not isinstance(metadata, dict):
        return None
    nbgrader = metadata.get("nbgrader")
    if not isinstance(nbgrader, dict):
        return None
    grade_id = nbgrader.get("grade_id")
    if not isinstance(grade_id, str):
        return None
    return grade_id


def _plain_cell(
    cell_type: str, source: str, metadata: dict | None = None, attachments: Any = None
) -> NotebookNode:
    """A fresh cell. nbformat's own makers check each against the schema, which takes longer than
    all the rest.
    """
    fields = {
        "id": random_cell_id(),
        "metadata": from_dict(metadata or {}),
        "source": source,
    }
    if cell_type == "code":
        return NotebookNode(
            cell_type="code", execution_count=None, outputs=[], **fields
        )
    if isinstance(attachments, dict) and attachments:
        fields["attachments"] = attachments
    return NotebookNode(cell_type="markdown", **fields)
