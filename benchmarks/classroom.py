"""A class of submissions in two frameworks, and the two courses that grade it: an ordinary
nbgrader course, and this project's.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.demo import SECRET, SECRET_FILE, Draft
from autograder.grading.course import CONFIG
from autograder.grading.submissions.cells import PLOT_CELL_PREFIX, question_of
from autograder.grading.submissions.submission import digests, fingerprint
from autograder.questions import catalogue
from autograder.questions.definition import Answer, Mistake, Question

ROOT = Path(__file__).parents[1]
CHAPTER, ASSIGNMENT = "convolution", "02-convolution"
FRAMEWORKS = ("mxnet", "torch")

# What an answer's cell begins with: the exercise asks for `array`.
_BEFORE = {
    "torch": "import torch\narray = torch.tensor",
    "mxnet": "from dlkit.mx import nd\narray = nd.array",
    "numpy": "array = np.array",
}

_STOCK_SETUP = """\
import numpy as np

framework = "torch"


def use(name):
    global framework
    framework = name
"""

Points = dict[tuple[str, str], float]
"""Points by student and question."""


@dataclass(frozen=True)
class Student:
    """A student and what they answer, by question; a question that is not there is left as it
    was handed out.
    """

    name: str
    answers: dict[str, Answer]


def students(count: int) -> list[Student]:
    """The first `count` students of an endless class, always the same one."""
    questions = list(catalogue.chapters()[CHAPTER].values())
    return [
        Student(f"student_{number + 1:02}", _answers(number, questions))
        for number in range(count)
    ]


def _answers(number: int, questions: list[Question]) -> dict[str, Answer]:
    """Gluon and PyTorch in turn, every right answer in turn; each third student makes two known
    mistakes (in NumPy), each eighth leaves two questions out.
    """
    answers = {}
    for place, question in enumerate(questions):
        right = question.answers(FRAMEWORKS[(number + place) % 2])
        answers[question.name] = right[number // 2 % len(right)]
    if number % 3 == 2:
        for place in (number, number + 1):
            question = questions[place % len(questions)]
            answers[question.name] = question.mistakes[number % len(question.mistakes)]
    if number % 8 == 5:
        for question in questions[-2:]:
            del answers[question.name]
    return answers


def lay_out_ours(folder: Path, members: list[Student]) -> Points:
    """This project's course in `folder`, with the class's submissions, not released. Returns
    what they must earn.
    """
    folder.mkdir(parents=True)
    shutil.copy(ROOT / CONFIG, folder)
    (folder / SECRET_FILE).write_text(SECRET + "\n", encoding="ascii")
    return _hand_in(folder, "exercises", _exercise(), members)


def lay_out_stock(folder: Path, members: list[Student]) -> Points:
    """An ordinary nbgrader course in `folder`, without a line of configuration, whose test cells
    grade the same questions in the notebook.
    """
    return _hand_in(folder, "source", _with_tests(_exercise()), members)


def _exercise() -> NotebookNode:
    """The exercise without its pictures, which stock nbgrader would draw and `course grade`
    leaves out: both do the same work.
    """
    notebook = nbformat.read(
        ROOT / "exercises" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb", as_version=4
    )
    notebook.cells = [
        cell
        for cell in notebook.cells
        if not cell.metadata.get("nbgrader", {})
        .get("grade_id", "")
        .startswith(PLOT_CELL_PREFIX)
    ]
    return notebook


def _with_tests(notebook: NotebookNode) -> NotebookNode:
    """The exercise with hidden tests in place of its checks. Learners' own conveniences, which
    would start a judge, are left out.
    """
    tests = Path(__file__).with_name("hidden_tests.py").read_text(encoding="utf-8")
    notebook.cells = [cell for cell in notebook.cells if cell.source != "progress()"]
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "setup":
            cell.source = _STOCK_SETUP
        if question := question_of(cell):
            name = question.function_name
            cell.source = (
                f"{tests}\n\nfrom solutions import "
                f"{CHAPTER}\n\nearned({question.name}, {name}, framework, {SECRET!r})"
            )
    return notebook


def _hand_in(
    folder: Path, source: str, exercise: NotebookNode, members: list[Student]
) -> Points:
    _write(folder / source / ASSIGNMENT, exercise)
    points = {}
    for student in members:
        draft = Draft(exercise, ASSIGNMENT, student.name)
        for question in draft.questions:
            if answer := student.answers.get(question.name):
                _write_answer(draft, question, answer)
        handed_in = folder / "submitted" / student.name / ASSIGNMENT
        _write(handed_in, draft.notebook)
        draft.settle(fingerprint(digests(handed_in)))
        points |= {(student.name, name): earned for name, earned in draft.earns.items()}
    return points


def _write_answer(draft: Draft, question: Question, answer: Answer) -> None:
    draft.write(question, answer, before=_BEFORE[answer.framework])
    if isinstance(answer, Mistake):
        draft.makes(question, answer)


def _write(folder: Path, notebook: NotebookNode) -> None:
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{ASSIGNMENT}.ipynb")


def points(folder: Path) -> Points:
    """What the gradebook of the course in `folder` says; a question without points is missing."""
    from nbgrader.api import Gradebook

    names = {
        question.grade_id: question.name
        for question in catalogue.chapters()[CHAPTER].values()
    }
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        return {
            (submission.student_id, names[grade.name]): grade.auto_score
            for submission in gradebook.assignment_submissions(ASSIGNMENT)
            for notebook in submission.notebooks
            for grade in notebook.grades
            if grade.name in names and grade.auto_score is not None
        }


def differences(made: Points, graded: Points, grader: str) -> list[str]:
    """Where `graded` is not what the class was made to earn, a line each."""
    lines = []
    for key in sorted(made.keys() | graded.keys()):
        expected, found = made.get(key), graded.get(key)
        if expected is None or found is None or abs(expected - found) > 0.005:
            lines.append(
                f"{grader}: {key[0]}, {key[1]}: {_as_text(found)} instead of {_as_text(expected)}"
            )
    return lines


def _as_text(value: float | None) -> str:
    return "nothing" if value is None else f"{value:g}"
