"""Notebooks as people hand them in, by both ways of grading: `course grade` and ``nbgrader
autograde``. What a student wrote is used or named, never dropped in silence.
"""

from __future__ import annotations

import base64
import inspect
import json
import textwrap

import classroom
import nbformat
import numpy as np
import pytest
from classroom import NAME, RIGHT
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Gradebook

from autograder.answers.run import LocalAnswer
from autograder.grading.execution.context import BELOW, NO_NETWORK
from autograder.grading.layout import METADATA_KEY
from autograder.grading.nbgrader_steps import WRITTEN_ELSEWHERE
from autograder.grading.submissions.cells import added_note
from autograder.judge.examination import examine
from autograder.questions import catalogue
from autograder.report.results import State, collect
from autograder.sandbox.notebook_shell import NO_COMMANDS

pytestmark = pytest.mark.slow

WRITTEN = "written-why"
PLACEHOLDER = "*Your answer here.*"
TEXT = "The order of adding does not matter."
PIXELS = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()
COMMANDS = [
    "!pip install -q something",
    "%pip install something",
    "%conda install something",
    "listed = !ls",
    "%system ls",
    "!!ls",
    "%%bash\nls",
    "%%script sh\nls",
]


def exercise():
    """The small course's exercise with a statement, a picture of the course's, and a written
    answer; no framework is chosen in its locked cell.
    """
    notebook = classroom.exercise()
    notebook.cells[0].source = "import numpy as np\nfrom autograder import check, use"
    notebook.cells.insert(1, new_code_cell('use("numpy")'))
    plot = {"grade_id": "plot-total", "locked": True, "grade": False, "solution": False}
    notebook.cells.append(new_code_cell("total(3)", metadata={"nbgrader": full(plot)}))
    notebook.cells.append(new_markdown_cell("## In words\n\nWhy is it so?"))
    written = {
        "grade_id": WRITTEN,
        "grade": True,
        "solution": True,
        "points": 2,
        "locked": False,
    }
    notebook.cells.append(
        new_markdown_cell(PLACEHOLDER, metadata={"nbgrader": full(written)})
    )
    return notebook


def full(facts):
    return {"schema_version": 3, "task": False} | facts


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOGRADER_QUESTIONS", "questions")
        catalogue.chapters.cache_clear()
        course = classroom.lay_out(
            tmp_path_factory.mktemp("handed-in") / "course",
            config="c.JudgedExecute.output_mb = 1\n",
        )
        nbformat.write(exercise(), course.root / "exercises" / NAME / f"{NAME}.ipynb")
        course.release(NAME)
        yield course
    catalogue.chapters.cache_clear()


class Graded:
    """What both ways of grading made of a notebook: the same."""

    def __init__(self, course, student):
        self.course, self.student = course, student
        path = course.root / "autograded" / student / NAME / f"{NAME}.ipynb"
        self.notebook = json.loads(path.read_text(encoding="utf-8"))
        nbformat.validate(self.notebook)
        self.cells = self.notebook["cells"]
        self.verdicts = {
            verdict["question"].partition(".")[2]: verdict
            for verdict in self.notebook["metadata"][METADATA_KEY]["verdicts"]
        }

    def agreed(self):
        """What both ways must agree in."""
        told = [
            (verdict["headline"], verdict["earned"])
            for verdict in self.verdicts.values()
        ]
        cells = [
            (cell["source"], self.shown(cell), cell.get("attachments"))
            for cell in self.cells
        ]
        return told, cells, self.by_hand(), self.state()

    def shown(self, cell):
        """What a cell printed, and the kinds of what it displayed; how much of it came in one
        message is the kernel's own business.
        """
        outputs = cell.get("outputs", [])
        printed = ["".join(output.get("text", "")) for output in outputs]
        kinds = [sorted(output["data"]) for output in outputs if "data" in output]
        errors = [output["evalue"] for output in outputs if "evalue" in output]
        return "".join(printed), kinds, errors

    def by_hand(self):
        with Gradebook(f"sqlite:///{self.course.root / 'gradebook.db'}") as gradebook:
            grade = gradebook.find_grade(WRITTEN, NAME, NAME, self.student)
            comment = gradebook.find_comment(WRITTEN, NAME, NAME, self.student)
            return grade.needs_manual_grade, grade.auto_score, comment.auto_comment

    def state(self):
        return collect(self.course.root).find(self.student, NAME).state

    def with_source(self, source):
        """Where the cell with that source stands."""
        return ["".join(cell["source"]) for cell in self.cells].index(source)


@pytest.fixture
def graded(course, request):
    """Hand a notebook in and grade it both ways."""
    student = request.node.name.replace("[", "-").replace("]", "")[-60:]

    def grade(notebook, **saved):
        raw = json.loads(nbformat.writes(notebook)) | saved
        classroom.hand_in(course, student, raw=json.dumps(raw))
        by_course = classroom.grade_here(course, student)
        assert by_course.reason is None, by_course.reason
        found = Graded(course, student)
        result = course._run(lambda api: api.autograde(NAME, student))
        assert result["success"], result.get("log")
        assert Graded(course, student).agreed() == found.agreed()
        return found

    return grade


def with_answers(**answers):
    notebook = exercise()
    for cell in notebook.cells:
        function = (
            cell.metadata.get("nbgrader", {})
            .get("grade_id", "")
            .removeprefix("answer-")
        )
        cell.source = answers.get(function, cell.source)
    return notebook


def cell_of(notebook, grade_id):
    return next(
        cell
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id
    )


def test_what_was_written_into_locked_cells_runs_before_them_and_is_named(graded):
    notebook = with_answers(total="def total(values):\n    return math.fsum(values)")
    setup = cell_of(notebook, "setup")
    setup.source = f'{setup.source}\nimport math\nuse("numpy")'
    notebook.cells.remove(cell_of(notebook, "answer-turn"))
    check = cell_of(notebook, "small-turn")
    check.source = f"{RIGHT['turn']}\n\n{check.source}"
    plot = cell_of(notebook, "plot-total")
    plot.source = "print('mine')"
    found = graded(notebook, nbformat_minor=4)
    assert {name: verdict["status"] for name, verdict in found.verdicts.items()} == {
        "total": "correct",
        "turn": "correct",
    }
    for name, source in {"setup": setup.source, "small-turn": RIGHT["turn"]}.items():
        at = found.with_source(source)
        assert "".join(found.cells[at - 1]["source"]) == added_note(name)
        assert found.cells[at]["metadata"] == {}
        assert found.cells[at + 1]["metadata"]["nbgrader"]["grade_id"] == name
    assert found.shown(found.cells[found.with_source(plot.source)]) == (
        "mine\n",
        [],
        [],
    )
    assert found.state() is State.GRADED


def test_a_line_for_a_shell_prints_a_sentence_and_its_cell_goes_on(graded):
    notebook = with_answers(total=f"!ls\n{RIGHT['total']}", turn=RIGHT["turn"])
    at = 2
    for command in COMMANDS:
        goes_on = "" if command.startswith("%%") else "\nprint('on')"
        notebook.cells.insert(at, new_code_cell(command + goes_on))
    notebook.cells.insert(at + len(COMMANDS), new_code_cell("print(len(listed))"))
    found = graded(notebook)
    assert [verdict["status"] for verdict in found.verdicts.values()] == ["correct"] * 2
    for command, cell in zip(reversed(COMMANDS), found.cells[at:], strict=False):
        printed, _, errors = found.shown(cell)
        goes_on = "" if command.startswith("%%") else "on\n"
        assert (printed, errors) == (f"{NO_COMMANDS}\n{goes_on}", []), command
    assert found.shown(found.cells[at + len(COMMANDS)])[0] == "0\n"


def test_plots_appear_as_at_home_and_output_beyond_the_limit_is_cut(graded):
    notebook = with_answers(
        total=f"for _ in range(300):\n    print('x' * 10_000)\n{RIGHT['total']}",
        turn=f"for _ in range(3):\n    display('y' * 500_000)\n{RIGHT['turn']}",
    )
    show = "import matplotlib.pyplot as plt\n\nplt.plot([1, 3, 2])\nplt.show()"
    display = "figure, ax = plt.subplots()\nax.plot([1, 3, 2])\ndisplay(figure)"
    drawing = f"%config InlineBackend.figure_format = 'svg'\n{show}"
    at = len(notebook.cells)
    notebook.cells += map(new_code_cell, [show, display, drawing, "print('on')"])
    found = graded(notebook)
    for cell in found.cells[at : at + 3]:
        assert any("image/png" in kinds for kinds in found.shown(cell)[1])
    assert found.shown(found.cells[at + 3]) == ("on\n", [], []), (
        "no picture is shown twice"
    )
    assert [verdict["status"] for verdict in found.verdicts.values()] == ["correct"] * 2
    for name in ("answer-total", "answer-turn"):
        cell = cell_of(nbformat.from_dict(found.notebook), name)
        printed, _, errors = found.shown(cell)
        assert "more than 1 MB: what came later is left out" in printed
        assert len(json.dumps(cell.outputs)) < 2 * 2**20
        assert errors == []


def test_an_answer_below_its_check_is_told_so(graded):
    notebook = with_answers()
    notebook.cells.remove(cell_of(notebook, "answer-total"))
    notebook.cells += [new_code_cell(RIGHT["total"]), new_code_cell(RIGHT["turn"])]
    found = graded(notebook)
    for verdict in found.verdicts.values():
        assert verdict["earned"] == 0
        assert verdict["headline"].endswith(BELOW), verdict


def test_a_download_is_told_that_there_is_no_network(graded):
    download = (
        "import urllib.request\nurllib.request.urlopen('https://example.org/x')\n"
    )
    inside = "def turn(image):\n    import socket\n    socket.create_connection(('1.1.1.1', 80))"
    found = graded(with_answers(total=download + RIGHT["total"], turn=inside))
    for verdict in found.verdicts.values():
        assert verdict["headline"].startswith(NO_NETWORK), verdict


def test_without_use_class_and_home_say_the_same(graded):
    """The judge says it, which knows that no framework was chosen; no mistake is named that was
    not made.
    """

    def turn(image):
        return np.transpose(image.astype(float))

    source = textwrap.dedent(inspect.getsource(turn))
    notebook = with_answers(turn=source)
    notebook.cells = [cell for cell in notebook.cells if cell.source != 'use("numpy")']
    in_class = graded(notebook).verdicts["turn"]
    question = catalogue.find("small.turn")
    answer = LocalAnswer(turn, "torch")
    at_home = examine(question, answer, seed=0, framework="torch", chosen=False)
    assert in_class["details"] == list(at_home.details)
    assert in_class["details"][0].startswith("No `use(...)` was run")
    assert (in_class["headline"], in_class["mistake"]) == (at_home.headline, None)


def below(notebook):
    notebook.cells.append(new_markdown_cell(TEXT))


def as_code(notebook):
    notebook.cells.append(new_code_cell(TEXT))


def without_metadata(notebook):
    cell_of(notebook, WRITTEN).source = TEXT
    for cell in notebook.cells:
        cell.metadata = {}


def in_the_statement(notebook):
    notebook.cells[-2].source += f"\n\n{TEXT}"


@pytest.mark.parametrize("write", [below, as_code, without_metadata, in_the_statement])
def test_a_written_answer_outside_its_cell_awaits_hand_grading(graded, write):
    notebook = with_answers(**RIGHT)
    write(notebook)
    found = graded(notebook)
    assert found.by_hand() == (True, None, WRITTEN_ELSEWHERE)
    assert found.state() is State.BY_HAND
    assert [verdict["status"] for verdict in found.verdicts.values()] == ["correct"] * 2


def test_a_written_answer_that_nobody_wrote_awaits_nothing(graded):
    notebook = with_answers(**RIGHT)
    notebook.cells.append(new_code_cell("x = 1  # a note"))
    assert graded(notebook).by_hand() == (False, 0.0, "No response.")


@pytest.mark.parametrize("minor", [0, 4])
def test_pasted_pictures_stay_whatever_format_it_was_saved_in(graded, minor):
    notebook = with_answers()
    written = cell_of(notebook, WRITTEN)
    written.source = f"![a](attachment:a.png) ![b](data:image/png;base64,{PIXELS})"
    written.attachments = {
        "a.png": {"image/png": PIXELS},
        "script.svg": {"image/svg+xml": "<svg onload='alert(1)'/>"},
    }
    found = graded(notebook, nbformat_minor=minor)
    cell = cell_of(nbformat.from_dict(found.notebook), WRITTEN)
    assert list(cell.attachments.values()) == [{"image/png": PIXELS}] * 2
    found.course.feedback(NAME, found.student)
    page = found.course.root / "feedback" / found.student / NAME / f"{NAME}.html"
    assert (
        page.read_text(encoding="utf-8").count(f"data:image/png;base64,{PIXELS}") == 2
    )


def test_a_regrade_asks_for_hand_grades_again_only_where_the_answer_changed(course):
    def regrade(written, code="", by=classroom.grade_here):
        notebook = with_answers(**RIGHT)
        cell_of(notebook, WRITTEN).source = written
        notebook.cells.append(new_code_cell(f"x = 1{code}"))
        classroom.hand_in(course, "regraded", raw=nbformat.writes(notebook))
        by(course, "regraded")
        return asked()

    def by_nbgrader(course, student):
        assert course._run(lambda api: api.autograde(NAME, student))["success"]

    def asked(**scores):
        """Whether hand grades are asked for, once a hand has given these."""
        with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}") as gradebook:
            grades = {
                name: gradebook.find_grade(name, NAME, NAME, "regraded")
                for name in (WRITTEN, "small-total")
            }
            for name, score in scores.items():
                grade = grades[name.replace("_", "-")]
                grade.manual_score, grade.needs_manual_grade = score, False
            gradebook.db.commit()
            return [grade.needs_manual_grade for grade in grades.values()]

    assert regrade(TEXT) == [True, False]
    assert asked(written_why=1.5, small_total=0.5) == [False, False]
    assert regrade(TEXT) == [False, False]
    assert regrade(TEXT, by=by_nbgrader) == [False, False]
    assert regrade(TEXT, code="0") == [False, True], (
        "code that the override was for may have changed"
    )
    assert regrade(f"{TEXT} Really.") == [True, True]
    assert regrade(f"{TEXT} Really.") == [True, True], "nobody has looked yet"
    assert asked(written_why=2.0, small_total=1.0) == [False, False]
    assert regrade(f"{TEXT} Really.") == [False, False]
    assert regrade(PLACEHOLDER, by=by_nbgrader) == [True, False]
