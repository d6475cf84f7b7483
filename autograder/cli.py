"""The command line: ``course``. Commands import what they need when they run, so that ``course
--help`` answers at once.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from json import dumps as to_json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer

from autograder import logs
from autograder.errors import AutograderError, MachineError, UsageError
from autograder.sandbox.slim_imports import IRI_GRAMMAR, blocked
from autograder.text import one_line, plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from autograder.grading.course import Course

GRADED, DIFFERENT, MISUSE, INCOMPLETE, BUG = 0, 1, 2, 3, 70
"""Exit codes: all graded; the demonstration's table or the audit's card is not as it should be; a
wrong command or course; some submissions could not be graded; a bug of the course itself
(EX_SOFTWARE of sysexits.h).
"""

STOPPED, UNREAD = 130, 141
"""As shells say it: ended by Ctrl-C, or because nobody reads what is printed."""

SPARSELY = 30.0
"""Seconds between two lines about progress where there is no terminal."""

P = ParamSpec("P")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        help=(
            "Processes that run and judge submissions; as many as there "
            "are cores, unless said otherwise."
        ),
    ),
]
CourseDir = Annotated[
    Path,
    typer.Argument(help="The nbgrader course: the folder with nbgrader_config.py."),
]


_debug = False
"""Whether whatever ends a command is printed with its traceback."""

OURS = ("autograder", "dlkit")
"""Packages whose failing import is a bug; that of another one is the installation's fault."""


def _print_version(wanted: bool) -> None:
    if wanted:
        from autograder import __version__

        print(f"course {__version__}")
        raise typer.Exit


@app.callback()
def course(
    context: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", help="Print the traceback of what went wrong.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and end.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Learn, teach and grade the course.

    Exit code 70 of any command: a bug of the course itself; the line that says so names the file
    with its traceback.
    """
    global _debug
    _debug = debug
    logs.log.setLevel(logging.DEBUG if debug else logging.WARNING)
    context.with_resource(blocked(IRI_GRAMMAR))


def _reporting(command: Callable[P, int]) -> Callable[P, None]:
    """A command that returns its exit code. What a user can cause ends in one line on standard
    error; what they cannot, in the log, and in one line that says so.

    The log of a command that is about a course, which it calls ``course_dir``, is there.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        course_dir = kwargs.get("course_dir")
        try:
            with logs.kept_in(_log_file(course_dir)) as file:
                code = _code(lambda: command(*args, **kwargs), file)
        except BrokenPipeError:
            # Whoever reads us has read enough: what there was to say is lost.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = UNREAD
        raise typer.Exit(code)

    return run


def _log_file(course_dir: object) -> Path:
    if isinstance(course_dir, Path):
        from autograder.questions.material import CONFIG

        if (course_dir / CONFIG).is_file():
            return course_dir / logs.GRADING
    return logs.at_home()


@app.command()
@_reporting
def demo(
    out: Annotated[
        Path,
        typer.Option(
            help="Where the demonstration course is laid out; what is there is replaced."
        ),
    ] = Path("build/demo"),
    only: Annotated[
        str | None, typer.Option(help="Grade this assignment only.")
    ] = None,
    workers: Workers = None,
) -> int:
    """Make a class, grade it through nbgrader, and compare every grade with what it was made to
    earn.
    """

    _needs_unix("a class is graded")

    from autograder import demo as demonstration
    from autograder.questions import material
    from autograder.report.tables import write

    course = demonstration.lay_out(material.find(), out)
    known = demonstration.assignments(course)
    names = [name for name in known if only in (None, name)]
    if not names:
        raise UsageError(
            f"there is no assignment {only!r}: the assignments are {', '.join(known)}"
        )
    made = _grade_class(course, names, workers)
    pages = write(course.root)
    wrong = _compare(course.root, made)
    total = sum(map(len, made.values()))
    written = ", ".join(page.name for page in pages)
    print(f"\nGradebook, pages and tables: {_short(course.root)}: ", end="")
    print(f"gradebook.db, {written}, feedback/")
    print(
        "Written answers are left to the teacher; networks are trained by the first two "
        "students only, which takes time."
    )
    if len(demonstration.students()) < len(demonstration.CLASS):
        print("MXNet cannot be imported here: the submission in Gluon was left out.")
    if wrong:
        sentence = (
            f"{wrong} of {total} submissions did not earn what they were made to earn."
        )
        print(sentence, file=sys.stderr)
        return DIFFERENT
    print(f"All {total} submissions earned exactly what they were made to earn.")
    return GRADED


def _grade_class(
    course: Course, names: list[str], workers: int | None
) -> dict[str, Any]:
    """Hand in, grade and give feedback; what was handed in, by assignment and student."""
    from autograder import demo as demonstration
    from autograder.grading import batch

    made = {}
    with _progress("making notebooks", len(names)) as show:
        for name in names:
            course.release(name)
            made[name] = demonstration.hand_in(course, name)
            show(None)
    work = [(name, student) for name in names for student in made[name]]
    with _progress("grading", len(work)) as show:
        batch.grade(course, work, workers=workers, show=show)
    with _progress("writing feedback", len(work)) as show:
        for item in work:
            course.feedback(*item)
            show(None)
    return made


@app.command()
@_reporting
def grade(
    course_dir: CourseDir,
    assignment: Annotated[
        str, typer.Argument(help="The assignment's name, for example 02-convolution.")
    ],
    student: Annotated[
        str | None, typer.Option(help="Grade this student only.")
    ] = None,
    workers: Workers = None,
    regrade: Annotated[
        bool, typer.Option("--regrade", help="Grade again what has its grade already.")
    ] = False,
    trust_submissions: Annotated[
        bool,
        typer.Option(
            "--trust-submissions",
            help=(
                "Run submissions without walls, as yourself: only code that you would run yourself."
            ),
        ),
    ] = False,
) -> int:
    """Grade the submissions of an assignment: those that have no grade yet, or were handed in or
    released anew since.

    What is recorded stays, whatever happens; the next run does the rest.

    Exit code 0: all are graded; 3: some could not be, each with its reason; 2: a wrong command, or
    a course, gradebook or disk that cannot be used; 130: stopped.
    """

    _needs_unix("a class is graded")

    from autograder.sandbox import zygote_client

    zygote_client.begin()  # before the other imports

    from autograder.grading import batch
    from autograder.grading.course import Course

    course = Course(course_dir, trust=trust_submissions)
    name = assignment.rstrip("/")  # as a shell completes it
    overlooked = course.overlooked(name)
    work = [(name, who) for who in _asked_for(course, name, student)]
    with _progress("grading", len(work)) as show:
        results, before = batch.grade(
            course, work, workers=workers, regrade=regrade, show=show
        )
    failed = [result for result in results if result.reason]
    _print_points(course.root, name, [result.student for result in results])
    earlier = (
        f" {before} of them had been graded before; --regrade grades them again."
        if before
        else ""
    )
    count = len(results)
    graded = count - len(failed)
    print(f"{graded} of {count} submissions graded.{earlier}")
    for result in failed:
        _print_remark(result.student, result.reason or "")
    for result in results:
        for remark in result.remarks:
            _print_remark(result.student, remark)
    for sentence in overlooked:
        print(f"  not looked at: {plain(sentence)}", file=sys.stderr)
    return INCOMPLETE if failed else GRADED


def _asked_for(course: Course, assignment: str, student: str | None) -> list[str]:
    """All who have handed in, or `student` alone."""
    students = course.submissions(assignment)
    if student is None:
        return students
    if student not in students:
        raise UsageError(
            f"{student} has not handed in {assignment}: there are {len(students)} submissions in "
            f"{_short(course.root / 'submitted')}"
        )
    return [student]


@app.command()
@_reporting
def audit(
    question: Annotated[
        list[str] | None,
        typer.Argument(
            help=(
                "Questions (chapter.function) or chapters; all of the "
                "course, unless said otherwise."
            )
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(help="Write the figures into this file.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(help="Write the report card as a page into this file."),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Try this many mutants of a question, the same ones every time, instead of all.",
        ),
    ] = None,
    repeat: Annotated[
        int,
        typer.Option(
            min=1,
            help="Fresh seeds on which every right answer must pass and every mistake must fail.",
        ),
    ] = 1,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes that try answers.")
    ] = 2,
) -> int:
    """Prove the grader right: try every check on right answers, known mistakes and mutants, and
    print its report card.

    Exit code 0: every threshold is met; 1: some are not, each with its reason; 2: a wrong command;
    130: stopped.
    """

    _needs_unix("questions are audited")

    from rich.console import Console

    from autograder.audit import audit_all
    from autograder.audit.render import as_page, as_terminal
    from autograder.questions import catalogue

    names = catalogue.select(question or [])
    # Before minutes of work are done for nothing.
    for file in filter(None, (json, html)):
        file.touch()
    with _progress("auditing", len(names)) as show:
        card = audit_all(
            names, sample=sample, repeat=repeat, workers=workers, show=show
        )
    if json:
        json.write_text(to_json(card.as_json(), indent=2) + "\n", encoding="utf-8")
    if html:
        html.write_text(as_page(card), encoding="utf-8")
    Console(width=None if sys.stdout.isatty() else 150).print(as_terminal(card))
    return GRADED if card.clean else DIFFERENT


@app.command()
@_reporting
def report(course_dir: CourseDir) -> int:
    """Write grades.csv and report.html into the course's folder."""

    from autograder.report.tables import write

    for page in write(course_dir):
        print(_short(page))
    return GRADED


@app.command()
@_reporting
def progress(
    chapter: Annotated[
        str | None,
        typer.Argument(help="One chapter, unfolded: its number or name, as 05."),
    ] = None,
) -> int:
    """Print how far you are: one line a chapter, what is open, and what comes next."""

    from autograder.learner.journal import as_lines

    for line in as_lines(chapter):
        print(line)
    return GRADED


@app.command("next")
@_reporting
def next_(
    only_print: Annotated[
        bool, typer.Option("--print", help="Say it, and open nothing.")
    ] = False,
) -> int:
    """Say what comes next in the course, and open it in the JupyterLab that runs."""

    from autograder.learner.next_command import go_on

    for line in go_on(Path.cwd(), only_print=only_print):
        print(line)
    return GRADED


@app.command()
@_reporting
def doctor() -> int:
    """Say what is installed, what works on this machine, and what to do about the rest."""

    from rich.console import Console

    from autograder.doctor import as_table, examine_machine, sound

    findings = examine_machine()
    Console().print(as_table(findings))
    return INCOMPLETE if not sound(findings) else GRADED


@app.command()
@_reporting
def workspace(
    folder: Annotated[Path, typer.Argument(help="The learner's own folder.")] = Path(
        "work"
    ),
) -> int:
    """Copy lessons and exercises into a folder of your own; what is already there is never
    overwritten.
    """

    from autograder.learner.workspace import fill
    from autograder.questions import material

    added, kept = fill(material.find(), folder)
    notebooks = "notebook" if added == 1 else "notebooks"
    print(
        f"{_short(folder)}: {added} {notebooks} added, {kept} of yours left as they are."
    )
    return GRADED


@app.command()
@_reporting
def gluon() -> int:
    """Install MXNet for the Gluon cells, beside the NumPy that is there (Linux on x86-64)."""

    from autograder import gluon

    print(gluon.install())
    return GRADED


def _needs_unix(what: str) -> None:
    if sys.platform == "win32":
        raise MachineError(
            f"{what} on Linux or macOS, and this is Windows: install the "
            "course in WSL2 (Ubuntu, x86_64)."
        )


def _code(command: Callable[[], int], file: Path) -> int:
    """The exit code of `command`; whatever stops it is said."""
    try:
        return command()
    except BrokenPipeError:
        raise
    except AutograderError as error:
        return _complain(str(error), MISUSE)
    except OSError as error:
        return _complain(_about_the_machine(error), MISUSE)
    except ImportError as error:
        if (error.name or "").partition(".")[0] in OURS:
            return _own_up(error, file)
        return _complain(f"{error}; `course doctor` says what is missing", MISUSE)
    except KeyboardInterrupt:
        return _complain("stopped; what was graded is kept", STOPPED)
    except Exception as error:
        return _own_up(error, file)


def _complain(sentence: str, code: int) -> int:
    if _debug:
        traceback.print_exc()
    print(f"course: {sentence}", file=sys.stderr)
    return code


def _own_up(error: Exception, file: Path) -> int:
    """Say that the course itself is wrong, and where to read on."""
    logs.log.exception("course %s", " ".join(sys.argv[1:]))
    where = (
        f"its traceback is in {_short(file)}"
        if file.exists()
        else "`course --debug` before the command prints its traceback"
    )
    return _complain(
        "a bug of the course, not of what you did: "
        f"{type(error).__name__}: {one_line(error)}; {where}",
        BUG,
    )


def _about_the_machine(error: OSError) -> str:
    """One sentence of what the operating system refuses."""
    if error.strerror is None:
        return str(error)
    places = " and ".join(
        str(place) for place in (error.filename, error.filename2) if place is not None
    )
    return (
        f"{places}: {error.strerror}"
        if places
        else f"the system says: {error.strerror}"
    )


@contextlib.contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[Any], None]]:
    """A live bar with what is done, the running mean of the class, and the time left; where
    nobody watches, a line now and then. Gives what to call with a result.
    """
    from rich.console import Console

    console = Console(stderr=True)
    shares: list[float] = []
    done, spoken = itertools.count(1), time.monotonic()
    with _bar(console) as bar:
        task = bar.add_task(what, total=total, mean="")

        def show(result: Any) -> None:
            nonlocal spoken
            if (share := getattr(result, "share", None)) is not None:
                shares.append(share)
            mean = _mean(shares)
            bar.update(task, advance=1, mean=mean)
            number = next(done)
            if not console.is_terminal and time.monotonic() - spoken > SPARSELY:
                spoken = time.monotonic()
                said = filter(None, [f"{what} {number} of {total}", mean])
                print(", ".join(said), file=sys.stderr)

        yield show


def _bar(console: Console) -> Progress:
    from rich import progress

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[mean]}"),
        progress.TimeElapsedColumn(),
        progress.TextColumn("so far,"),
        progress.TimeRemainingColumn(),
        progress.TextColumn("left"),
        console=console,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not console.is_terminal,
    )


def _mean(shares: list[float]) -> str:
    if not shares:
        return ""
    mean = sum(shares) / len(shares)
    return f"mean {mean:.0%}"


def _print_remark(student: str, sentence: str) -> None:
    print(f"  {plain(student)}: {plain(sentence)}", file=sys.stderr)


def _print_points(course_dir: Path, assignment: str, students: list[str]) -> None:
    """One line for each student just graded."""
    from autograder.report.results import State, collect

    results = collect(course_dir)
    most = next((of.points for of in results.assignments if of.name == assignment), 0.0)
    for student in students:
        submission = results.find(student, assignment)
        if submission and submission.points is not None:
            print(
                f"  {plain(student)}: {submission.points:g} of "
                f"{most:g}{', awaits hand grading' if submission.state is State.BY_HAND else ''}"
            )


def _compare(course_dir: Path, made: dict) -> int:
    """Print the class's points beside what they should be; returns how many submissions differ."""
    from rich.console import Console
    from rich.table import Table

    from autograder import demo as demonstration
    from autograder.report.results import collect

    stories = {student.name: student.story for student in demonstration.students()}
    rows = demonstration.compare(collect(course_dir), made)
    table = Table(
        title="What each submission earned, and what it was made to earn",
        title_justify="left",
    )
    for name in ("assignment", "student", "story"):
        table.add_column(name)
    for name in ("earned", "made to earn"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for row in rows:
        table.add_row(
            row.assignment,
            row.student,
            stories[row.student],
            row.earned,
            row.expected,
            "✓" if not row.problem else f"✗ {row.problem}",
        )
    Console(width=None if sys.stdout.isatty() else 150).print(table)
    return sum(bool(row.problem) for row in rows)


def _short(path: Path) -> str:
    """The path as seen from here."""
    path = Path(path).resolve()
    here = Path.cwd()
    if path.is_relative_to(here):
        path = path.relative_to(here)
    return str(path)
