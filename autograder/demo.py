"""A class to grade: submissions made from the questions' own definitions, each with the points that
it was made to earn.

Every right answer, every known mistake and everything else that arrives in a real class is turned
into a notebook; grading them is the proof of the whole path.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbformat import NotebookNode

from autograder.grading.course import Course, CourseError
from autograder.grading.submissions.cells import question_of
from autograder.grading.submissions.submission import fingerprint
from autograder.judge.examination import examine_answer
from autograder.questions.definition import Answer, Mistake, Question, seed_for
from autograder.questions.material import CONFIG
from autograder.values import frameworks

if TYPE_CHECKING:
    from autograder.report.results import ClassResults

SECRET, SECRET_FILE = "demonstration", ".course_secret"


@dataclass
class DemoSubmission:
    """One student's work on one assignment: the notebook, and what it must earn by question (and
    which mistake must be named).

    raw: replaces the whole file, for submissions that are no notebooks.
    """

    notebook: NotebookNode
    earns: dict[str, float] = field(default_factory=dict)
    mistakes: dict[str, str] = field(default_factory=dict)
    raw: str | None = None

    @property
    def text(self) -> str:
        """The content of the notebook's file."""
        if self.raw is not None:
            return self.raw
        return str(nbformat.writes(self.notebook))

    @property
    def points(self) -> float:
        """What the whole submission must earn."""
        return round(sum(self.earns.values()), 2)


@dataclass(frozen=True)
class DemoStudent:
    """A student of the demonstration class: ``work(draft)`` writes the submission into a draft
    of the untouched exercise.
    """

    name: str
    story: str
    work: Callable[[Draft], None]


class Draft:
    """The exercise's notebook on its way to becoming a submission of `student`."""

    def __init__(self, source: NotebookNode, assignment: str, student: str):
        self.notebook = copy.deepcopy(source)
        self.assignment, self.student = assignment, student
        asked = map(question_of, self.notebook.cells)
        self.questions = [question for question in asked if question]
        self.earns = {question.name: 0.0 for question in self.questions}
        self.mistakes: dict[str, str] = {}
        self._made: list[tuple[Question, Mistake]] = []

    def answer_cell(self, question: Question) -> NotebookNode:
        """The cell that the answer goes into."""
        return self._cell(f"answer-{question.function_name}")

    def check_cell(self, question: Question) -> NotebookNode:
        """The locked cell that checks it."""
        return self._cell(question.grade_id)

    def write(
        self, question: Question, answer: Answer, before: str = "", after: str = ""
    ) -> None:
        """Answer `question` by `answer`, with more code around it; it earns full points unless
        said otherwise.
        """
        source = answer.source(question.function_name)
        self.answer_cell(question).source = (
            f'use("{answer.framework}")\n{before}\n\n{source}\n{after}'.strip() + "\n"
        )
        self.earns[question.name] = question.points

    def write_all(
        self,
        style: Callable[[Question], Answer | None],
        *,
        before: str = "",
        skip: tuple[Question, ...] = (),
    ) -> None:
        """Answer every question that `style` has an answer to."""
        for question in self.questions:
            answer = None if question in skip else style(question)
            if answer:
                self.write(question, answer, before)

    def fails(
        self, question: Question, earns: float = 0.0, mistake: str | None = None
    ) -> None:
        """Note that `question` must earn only `earns`, and which mistake must be named."""
        self.earns[question.name] = earns
        if mistake:
            self.mistakes[question.name] = mistake

    def makes(self, question: Question, mistake: Mistake) -> None:
        """Note that the answer to `question` is this mistake, which must be named."""
        self.fails(question, mistake=mistake.message)
        self._made.append((question, mistake))

    def settle(self, hand_in: str) -> None:
        """Work out what the mistakes earn: their inputs depend on all that is handed in, of which
        `hand_in` is the fingerprint.
        """
        for question, mistake in self._made:
            seed = seed_for(
                SECRET, self.assignment, self.student, hand_in, question.name
            )
            # A mistake may well warn; that it is wrong is nothing new.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                verdict = examine_answer(
                    question, mistake.function, mistake.framework, seed=seed
                )
            self.earns[question.name] = verdict.earned

    def _cell(self, grade_id: str) -> NotebookNode:
        return next(
            cell
            for cell in self.notebook.cells
            if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id
        )


def first_answer(framework: str, question: Question) -> Answer | None:
    """The first right answer written in `framework`."""
    return next(iter(question.answers(framework)), None)


def quick_answer(question: Question) -> Answer | None:
    """The answer that runs fastest, for students whose story is about something else: none where
    it would have to train.
    """
    if question.trains:
        return None
    return first_answer("numpy", question) or first_answer("torch", question)


def last_answer(question: Question) -> Answer | None:
    """The right answer that looks least like the reference."""
    usable = [
        answer
        for answer in (question.reference, *question.alternatives)
        if frameworks.available(answer.framework)
    ]
    return None if question.trains else usable[-1]


def _everything(
    style: Callable[[Question], Answer | None], before: str = ""
) -> Callable[[Draft], None]:
    return lambda draft: draft.write_all(style, before=before)


_NOISE = """\
import logging, sys, warnings
import matplotlib.pyplot as plt
print("training ...\\n" * 50)
warnings.warn("this is only a warning")
logging.warning("and so is this")
print("written to stderr", file=sys.stderr)
plt.plot([1, 3, 2])
plt.show()
"""


def _noisy(draft: Draft) -> None:
    for question in draft.questions:
        if answer := quick_answer(question):
            draft.write(question, answer, before=_NOISE)
            cell = draft.answer_cell(question)
            cell.source = _print_inside(cell.source, question.function_name)


def _print_inside(source: str, name: str) -> str:
    """The same function, called through another that prints and warns at every call."""
    return (
        f"{source}\n_quiet = {name}\n\ndef {name}(*args, _quiet=_quiet):\n"
        '    import sys, warnings\n    print("called with", len(args), "arguments")\n'
        '    warnings.warn("careful")\n    print("note", '
        "file=sys.stderr)\n    return _quiet(*args)\n"
    )


def _mistaken(number: int, draft: Draft) -> None:
    """The `number`-th known mistake of every question that has one that does not train."""
    for question in draft.questions:
        usable = [
            mistake
            for mistake in question.mistakes
            if frameworks.available(mistake.framework)
        ]
        if question.trains or not usable:
            continue
        mistake = usable[number % len(usable)]
        draft.write(question, mistake)
        draft.makes(question, mistake)


def _half_done(draft: Draft) -> None:
    half = len(draft.questions) // 2
    second_half = tuple(draft.questions[half:])
    draft.write_all(quick_answer, skip=second_half)


def _with_fault(
    at: int, fault: Callable[[Draft, Question], None]
) -> Callable[[Draft], None]:
    """All right, except that `fault` befalls question number `at`."""

    def work(draft: Draft) -> None:
        draft.write_all(quick_answer)
        question = draft.questions[at]
        draft.fails(question)
        fault(draft, question)

    return work


def _syntax_error(draft: Draft, question: Question) -> None:
    draft.answer_cell(
        question
    ).source = f"def {question.function_name}(image, kernel)\n    return image\n"


def _import_error(draft: Draft, question: Question) -> None:
    cell = draft.answer_cell(question)
    cell.source = "import a_package_that_is_not_installed\n" + cell.source


def _endless_loop(draft: Draft, question: Question) -> None:
    _rewrite(
        draft,
        question,
        f"def {question.function_name}(*args):\n    while True:\n        pass\n",
    )


def _crash(draft: Draft, question: Question) -> None:
    _rewrite(
        draft,
        question,
        f"def {question.function_name}(*args):\n    import ctypes\n    return "
        "ctypes.string_at(0)  # reads address zero\n",
    )


def _rewrite(draft: Draft, question: Question, source: str) -> None:
    """Another answer, in the framework that was chosen: in another one it might not even be
    called.
    """
    cell = draft.answer_cell(question)
    chosen = cell.source.splitlines()[0]
    cell.source = f"{chosen}\n\n{source}"


def _renamed(draft: Draft, question: Question) -> None:
    cell = draft.answer_cell(question)
    cell.source = cell.source.replace(
        f"def {question.function_name}(", "def my_function("
    )


def _edited_check(draft: Draft, question: Question) -> None:
    draft.answer_cell(question).source = "# nothing here\n"
    cell = draft.check_cell(question)
    cell.source = 'print("all correct, full marks")'
    cell.metadata["tags"] = ["skip-execution"]
    cell.metadata["nbgrader"]["points"] = 100


def _deleted_check(draft: Draft) -> None:
    draft.write_all(quick_answer)
    draft.notebook.cells.remove(draft.check_cell(draft.questions[0]))


CLASS: tuple[DemoStudent, ...] = (
    DemoStudent(
        "all_torch",
        "all right, in PyTorch",
        _everything(functools.partial(first_answer, "torch")),
    ),
    DemoStudent(
        "all_gluon",
        "all right, in Gluon",
        _everything(functools.partial(first_answer, "mxnet")),
    ),
    DemoStudent(
        "all_numpy",
        "all right, in NumPy where it is allowed",
        _everything(functools.partial(first_answer, "numpy")),
    ),
    DemoStudent("other_style", "all right, in another style", _everything(last_answer)),
    DemoStudent("noisy", "all right, with prints, warnings and plots", _noisy),
    DemoStudent(
        "mistake_1",
        "a known mistake in every question",
        functools.partial(_mistaken, 0),
    ),
    DemoStudent("mistake_2", "another", functools.partial(_mistaken, 1)),
    DemoStudent("mistake_3", "a third", functools.partial(_mistaken, 2)),
    DemoStudent("untouched", "not attempted", lambda draft: None),
    DemoStudent("half_done", "half done", _half_done),
    DemoStudent(
        "syntax_error", "a syntax error in one answer", _with_fault(1, _syntax_error)
    ),
    DemoStudent(
        "import_error",
        "an exception at import in one cell",
        _with_fault(0, _import_error),
    ),
    DemoStudent(
        "endless_loop", "an endless loop in one answer", _with_fault(0, _endless_loop)
    ),
    DemoStudent("crash", "one answer kills Python", _with_fault(2, _crash)),
    DemoStudent("check_deleted", "all right, a check cell deleted", _deleted_check),
    DemoStudent(
        "check_edited",
        "a check cell edited to praise, and tagged to be skipped",
        _with_fault(0, _edited_check),
    ),
    DemoStudent("renamed", "one function renamed", _with_fault(1, _renamed)),
    DemoStudent("broken_file", "a file cut off in the middle", lambda draft: None),
)


WHOLE_CLASS = ("02-convolution", "03-lenet-three-ways")
"""The assignments that everybody hands in; the others are handed in by `FEW`: all right in
either framework, and all wrong.
"""

FEW = ("all_torch", "all_gluon", "mistake_1")


def students(assignment: str | None = None) -> list[DemoStudent]:
    """Who hands in `assignment`, or the class; without the student who needs MXNet where there
    is none.
    """
    everybody = assignment is None or assignment in WHOLE_CLASS
    there = [
        student
        for student in CLASS
        if student.name != "all_gluon" or frameworks.available("mxnet")
    ]
    return [student for student in there if everybody or student.name in FEW]


def submission(
    student: DemoStudent, assignment: str, source: NotebookNode
) -> DemoSubmission:
    """What `student` hands in for `assignment`."""
    draft = Draft(source, assignment, student.name)
    student.work(draft)
    raw = None
    if student.name == "broken_file":
        whole = nbformat.writes(draft.notebook)
        raw = whole[:2000]
    work = DemoSubmission(draft.notebook, draft.earns, draft.mistakes, raw)
    content = hashlib.sha256(work.text.encode()).hexdigest()
    draft.settle(fingerprint({f"{assignment}.ipynb": content}))
    return work


def lay_out(project: Path, folder: Path) -> Course:
    """A fresh course in `folder`: the project's configuration and exercises, nothing graded.
    Raises `CourseError` rather than replace anything else.
    """
    if folder.exists() and any(folder.iterdir()) and not _is_demonstration(folder):
        raise CourseError(
            f"{folder} holds something else than a demonstration course, and stays "
            "as it is: name an empty or a new folder."
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / SECRET_FILE).write_text(SECRET + "\n", encoding="ascii")
    shutil.copy(project / CONFIG, folder)
    shutil.copytree(
        project / "exercises",
        folder / "exercises",
        ignore=shutil.ignore_patterns(".ipynb_checkpoints"),
    )
    return Course(folder)


def _is_demonstration(folder: Path) -> bool:
    secret = folder / SECRET_FILE
    return (
        secret.is_file()
        and secret.read_text(encoding="utf-8", errors="replace").strip() == SECRET
    )


def assignments(course: Course) -> list[str]:
    """The names of the course's exercises."""
    return sorted(
        path.name
        for path in (course.root / "exercises").iterdir()
        if (path / f"{path.name}.ipynb").is_file()
    )


def hand_in(course: Course, assignment: str) -> dict[str, DemoSubmission]:
    """Write every student's submission of `assignment`; returns them by student."""
    source = nbformat.read(
        course.root / "release" / assignment / f"{assignment}.ipynb", as_version=4
    )
    made = {}
    for student in students(assignment):
        made[student.name] = work = submission(student, assignment, source)
        folder = course.root / "submitted" / student.name / assignment
        path = folder / f"{assignment}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(work.text, encoding="utf-8")
    return made


@dataclass(frozen=True)
class Comparison:
    """One line of the demonstration's table; `problem` is empty where the grade is what it was
    made to be.
    """

    assignment: str
    student: str
    earned: str
    expected: str
    problem: str = ""


def compare(
    results: ClassResults, made: dict[str, dict[str, DemoSubmission]]
) -> list[Comparison]:
    """Hold what the gradebook says against what the submissions were made to earn, question by
    question and mistake by mistake.
    """
    return [
        _compare_one(results, assignment, student, work)
        for assignment, works in made.items()
        for student, work in works.items()
    ]


def _compare_one(
    results: ClassResults, assignment: str, student: str, work: DemoSubmission
) -> Comparison:
    graded = results.find(student, assignment)
    marks = graded.marks if graded else ()
    in_all = sum(mark.auto or 0.0 for mark in marks)
    earned = f"{in_all:g}" if marks else "not graded"
    if work.raw is not None:
        return Comparison(
            assignment, student, earned, "not graded", "was graded" if marks else ""
        )
    if not marks:
        return Comparison(
            assignment,
            student,
            earned,
            f"{work.points:g}",
            graded.reason if graded else "is missing",
        )
    found = {mark.verdict.question: mark for mark in marks if mark.verdict}
    problems = []
    for name, points in work.earns.items():
        mark = found.get(name)
        if mark is None or mark.auto is None or mark.verdict is None:
            problems.append(f"{name}: no verdict")
        elif abs(mark.auto - points) > 0.005:
            problems.append(f"{name}: {mark.auto:g} instead of {points:g}")
        elif name in work.mistakes and not mark.verdict.tells(work.mistakes[name]):
            problems.append(f"{name}: the mistake is not named")
    if earned != f"{work.points:g}":
        problems.append(f"{earned} in all instead of {work.points:g}")
    return Comparison(
        assignment, student, earned, f"{work.points:g}", "; ".join(problems)
    )
