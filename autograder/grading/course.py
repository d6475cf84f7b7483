"""An nbgrader course on disk, driven through nbgrader's own API: what the CLI and formgrader do,
one submission at a time.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import glob
import html
import itertools
import json
import logging
import os
import platform
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from autograder import logs
from autograder.errors import CourseError, MachineError, Unfit
from autograder.grading.layout import (
    ERRORS,
    LOCK,
    METADATA_KEY,
    SCRATCH,
    SECRET_FILE,
    two_deep,
)
from autograder.grading.messages import (
    CourseFault,
    Examined,
    Job,
    Result,
    Ungradable,
    share,
)
from autograder.grading.submissions.submission import (
    MEGABYTES,
    check_name,
    digests,
    fingerprint,
)
from autograder.questions.material import CONFIG
from autograder.questions.names import grade_id

_NAMES = {
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENOTEMPTY,
    errno.ENAMETOOLONG,
}
"""Values of errno which may come from what files are called."""

_DISK = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EFBIG,
    errno.ENAMETOOLONG,
}
"""Values of errno which say that the disk or a folder cannot be used.
"""


_MOST_LOOKED_AT = 200
"""Entries of a student's folder that are looked at for one that was meant to be a submission."""


@dataclass(frozen=True)
class Graded:
    """What grading one submission came to: `reason` is None where it was graded, else why not,
    in one line; `share` is what its judged answers earned, 0 to 1; `remarks` say what of it was
    left out, or taken for something else.
    """

    student: str
    assignment: str
    reason: str | None = None
    share: float | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class AssignmentSnapshot:
    """The course's side of grading one assignment: plain data that any process can work with.

    release: the course's cells by notebook (see `cells.released`); version: its fingerprint.
    files:   the course's own files beside the notebook, to their paths.
    config:  what is added to the course's configuration.
    gradebook: the address of the course's gradebook, for steps of the course's own that look
        something up.
    """

    root: Path
    assignment: str
    release: dict[str, dict[str, Any]]
    version: str
    files: dict[str, str]
    config: dict[str, Any]
    megabytes: float
    gradebook: str

    def folder(self, student: str) -> Path:
        """Where `student` hands in."""
        return self.root / "submitted" / student / self.assignment

    def job(self, student: str) -> Job:
        """What examining the student's submission takes."""
        return Job(
            root=str(self.root),
            folder=str(self.folder(student)),
            student=student,
            assignment=self.assignment,
            release=self.release,
            files=self.files,
            config=self.config,
            megabytes=self.megabytes,
            gradebook=self.gradebook,
        )


class Course:
    """An nbgrader course directory with its configuration loaded."""

    def __init__(self, root: Path, *, trust: bool = False):
        self.root = Path(root).resolve()
        if not (self.root / CONFIG).is_file():
            raise CourseError(
                f"{self.root} is not an nbgrader course: it has no {CONFIG}. "
                "`course demo` makes one to look at."
            )
        self._added_settings = (
            {"JudgedExecute": {"trust_submissions": True}} if trust else {}
        )
        self._api: Any = None

    def release(self, assignment: str) -> None:
        """Make the release version of `assignment` and enter its questions in the gradebook
        (``nbgrader generate_assignment``).
        """
        result = self._run(
            lambda api: api.generate_assignment(assignment, force=True, create=True)
        )
        if not result["success"]:
            _log_failure(f"{assignment} could not be released", result)
            raise CourseError(
                f"{assignment} could not be released: {_last_error(result)}"
            )

    def submissions(self, assignment: str) -> list[str]:
        """The students who handed in `assignment`, sorted; what they handed in need not even be
        a folder.
        """
        folder = self.root / "submitted"
        handed_in = list(two_deep(folder))
        students = sorted(
            path.parent.name for path in handed_in if path.name == assignment
        )
        if not students:
            there = sorted(
                {
                    path.name
                    for path in handed_in
                    if path.is_dir() and not path.is_symlink()
                }
            )
            known = (
                f" There are submissions of: {', '.join(there)}."
                if there
                else f" Submissions are looked for in {folder}."
            )
            raise CourseError(f"Nobody has handed in {assignment!r}.{known}")
        return students

    def overlooked(self, assignment: str) -> list[str]:
        """A sentence for everything in `submitted/` that looks as if it was meant to be a
        submission of `assignment` and is not found as one.
        """
        released = (self.root / "release").glob("*")
        known = {assignment, *(path.name for path in released)}
        sentences = []
        for path in sorted(self.root.glob("submitted/[!.]*")):
            if path.is_dir():
                sentence = _folder_overlooked(path, assignment, known)
            else:
                sentence = f"{path.name} belongs in a folder STUDENT/{assignment}/"
            if sentence is not None:
                sentences.append(sentence)
        return sentences

    @property
    def log_file(self) -> Path:
        """The course's log, for whoever maintains it. The first failure creates it."""
        return self.root / logs.GRADING

    def snapshot(self, assignment: str) -> AssignmentSnapshot:
        """What examining and recording submissions of `assignment` takes from the course."""
        from nbgrader.utils import find_all_files

        from autograder.grading.secret import course_secret
        from autograder.grading.settings import Steps
        from autograder.grading.submissions.cells import fingerprint as fingerprint_of

        with self._here():
            api = self._nbgrader()
            coursedir = api.coursedir
            Steps(api.config).check()
            release = self._released(assignment)
            if release:  # made here, not by several workers at once
                with self._own_faults():
                    course_secret(
                        Path(api.config.JudgedExecute.get("secret_file", SECRET_FILE))
                    )
            source = coursedir.format_path(coursedir.source_directory, ".", assignment)
            kept = api.config.Autograde.get("exclude_overwriting", {}).get(
                assignment, []
            )
            paths = find_all_files(source, [*coursedir.ignore, "*.ipynb"])
            files = {os.path.relpath(path, source): path for path in paths}
        if not release:
            raise CourseError(
                f"{assignment} is not released: run `nbgrader generate_assignment "
                f"{assignment}` in {self.root} first."
            )
        return AssignmentSnapshot(
            root=self.root,
            assignment=assignment,
            release=release,
            version=fingerprint_of(release),
            files={name: path for name, path in files.items() if name not in kept},
            config=self._added_settings,
            megabytes=float(api.config.CourseCells.get("max_megabytes", MEGABYTES)),
            gradebook=coursedir.db_url,
        )

    def _released(self, assignment: str) -> dict[str, Any]:
        """The released notebooks by name, {} where the assignment is not released."""
        from nbgrader.api import MissingEntry

        from autograder.grading.submissions.cells import released

        with (
            self._own_faults(),
            contextlib.closing(self._nbgrader().gradebook) as gradebook,
        ):
            try:
                return released(gradebook.find_assignment(assignment))
            except MissingEntry:
                return {}

    @contextlib.contextmanager
    def _own_faults(self) -> Iterator[None]:
        """What its owner must put right is raised as `CourseError`, with what to do."""
        try:
            yield
        except Exception as error:
            fault = self._fault(error)
            if fault is None:
                raise
            raise fault from error

    def graded_before(
        self, snapshot: AssignmentSnapshot, students: list[str]
    ) -> dict[str, Graded]:
        """Those of `students` whose grade is there, whole, and was made from what lies in
        ``submitted`` and in ``release`` now.
        """
        with (
            self._here(),
            self._own_faults(),
            contextlib.closing(self._nbgrader().gradebook) as gradebook,
        ):
            scores = _scores(gradebook, snapshot.assignment)
        done = {}
        for student in students:
            graded = _existing_grade(snapshot, student, scores.get(student, {}))
            if graded is not None:
                # A reason may be left from before, if the last run was killed.
                self._remember(snapshot.assignment, student, None)
                done[student] = graded
        return done

    def record(
        self, snapshot: AssignmentSnapshot, student: str, result: Result
    ) -> Graded:
        """Enter what examining a submission came to. Only one process at a time may do so (see
        `locked`). Raises `CourseError` for what stops everybody's grading.
        """
        assignment = snapshot.assignment
        match result:
            case CourseFault(reason, remedy):
                raise CourseError(". ".join(filter(None, [reason, remedy])))
            case Ungradable(reason):
                graded = Graded(student, assignment, reason)
            case Examined():
                why_not = self._enter(snapshot, student, result)
                share = None if why_not else result.share()
                remarks = () if why_not else result.remarks
                graded = Graded(student, assignment, why_not, share, remarks)
        self._remember(assignment, student, graded.reason)
        return graded

    def _enter(
        self, snapshot: AssignmentSnapshot, student: str, examined: Examined
    ) -> str | None:
        """Let nbgrader write the gradebook and the autograded notebook; returns why it could
        not, if it is the submission's fault.
        """
        from autograder.grading.record import record

        if not _unchanged(snapshot, student, examined):
            return "it changed while it was graded: grade it again"
        assignment, version = snapshot.assignment, snapshot.version
        result = self._run(
            lambda api: record(api, assignment, student, examined, version)
        )
        if result["success"]:
            return None
        error = result["exception"]
        fault = None
        if error is not None and not _of_the_submission(error, snapshot, student):
            fault = self._fault(error)
        if fault is not None:
            raise fault from error
        _log_failure(
            f"nbgrader could not enter the grade of {student}, {assignment}", result
        )
        return f"{_last_error(result)} (see {logs.GRADING})"

    @contextlib.contextmanager
    def locked(self) -> Iterator[Path]:
        """Be the only one that grades this course; gives a folder for what is needed meanwhile.
        Left-overs of a run that was killed are cleared away.
        """
        try:
            import fcntl
        except ImportError:
            raise MachineError(
                "a class is graded on Linux or macOS, and this is "
                f"{platform.system()}: install the course in WSL2."
            ) from None
        try:
            lock = open(self.root / LOCK, "a+", encoding="utf-8")  # noqa: SIM115 -- closed below
        except OSError as error:
            self._raise_fault(error)
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise CourseError(
                    f"{self.root} is being graded by another `course grade`: "
                    "wait until it has ended, or stop it."
                ) from None
            lock.seek(0)
            _clear_scratch(Path(lock.read().strip()))
            scratch = tempfile.mkdtemp(prefix=SCRATCH)
            try:
                lock.truncate(0)
                lock.write(scratch)
                lock.flush()
                yield Path(scratch)
            except OSError as error:
                self._raise_fault(error)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)

    def feedback(self, assignment: str, student: str) -> None:
        """Write the feedback page of one submission (``nbgrader generate_feedback``); of one
        that could not be graded, a page that says why.
        """
        reason = self.errors().get(assignment, {}).get(student)
        if reason is None:
            result = self._run(
                lambda api: api.generate_feedback(assignment, student, force=True)
            )
            if not result["success"]:
                _log_failure(f"no feedback for {student}, {assignment}", result)
                raise CourseError(
                    f"no feedback for {student}, {assignment}: {_last_error(result)}"
                )
            return
        from autograder.feedback.render import note

        folder = self.root / "feedback" / student / assignment
        folder.mkdir(parents=True, exist_ok=True)
        words = note(f"{assignment} could not be graded: {reason}").html
        text = (
            f'<!doctype html><html lang="en"><meta charset="utf-8">'
            f"<title>{html.escape(assignment)}</title>{words}</html>"
        )
        for name in self._notebooks(assignment) or [assignment]:
            (folder / f"{name}.html").write_text(text, encoding="utf-8")

    def _notebooks(self, assignment: str) -> list[str]:
        """The names of an assignment's notebooks, as released: a page of feedback bears the name
        of its notebook.
        """
        with self._here():
            return sorted(self._released(assignment))

    def errors(self) -> dict[str, dict[str, str]]:
        """The submissions that could not be graded: assignment, student, reason."""
        try:
            return json.loads((self.root / ERRORS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def _fault(self, error: BaseException) -> CourseError | None:
        """What the course's owner must put right before anybody can be graded; None where it is
        the submission's own.
        """
        database_error = _database_error(error)
        if database_error is not None:
            first_line, *_ = str(database_error.orig or database_error).splitlines()
            said = first_line[:200]
            return CourseError(
                f"the gradebook of {self.root} cannot be used: {said}. "
                f"{_remedy(said)}; what was graded before is kept."
            )
        if isinstance(error, OSError) and error.errno in _DISK:
            place = error.filename if isinstance(error.filename, str) else self.root
            return CourseError(
                f"{place} cannot be written: {error.strerror}. Make room or allow "
                "writing; what was graded before is kept."
            )
        return None

    def _remember(self, assignment: str, student: str, reason: str | None) -> None:
        errors = self.errors()
        of_assignment = errors.setdefault(assignment, {})
        if of_assignment.get(student) == reason:
            return
        of_assignment.pop(student, None)
        if reason is not None:
            of_assignment[student] = reason
        draft = self.root / f"{ERRORS}.new"
        try:
            text = json.dumps(errors, indent=1, sort_keys=True)
            draft.write_text(f"{text}\n", encoding="utf-8")
            os.replace(draft, self.root / ERRORS)
        except OSError as error:
            draft.unlink(missing_ok=True)
            self._raise_fault(error)

    def _raise_fault(self, error: OSError) -> NoReturn:
        """Raise what the owner of the course can put right; the error itself where it is neither
        the disk's nor a folder's.
        """
        fault = self._fault(error)
        if fault is None:
            raise error
        raise fault from error

    @contextlib.contextmanager
    def _here(self) -> Iterator[None]:
        """As nbgrader wants it: in the course's folder, its scripts on the PATH, nothing drawn
        over a progress bar.
        """
        if glob.has_magic(str(self.root)):
            raise CourseError(
                f"{self.root} has one of * ? [ in its name, which nbgrader "
                "takes for a pattern: rename the folder."
            )
        with _quiet(), contextlib.chdir(self.root), _path_to_scripts():
            yield

    def _run(self, step: Any) -> dict[str, Any]:
        with self._here():
            result = step(self._nbgrader())
        # nbgrader reports Ctrl-C as one more failed submission
        if result.get("error", "").rstrip().endswith("\nKeyboardInterrupt"):
            raise KeyboardInterrupt
        return result

    def _nbgrader(self) -> Any:
        from autograder.questions import catalogue

        if self._api is None:
            from nbgrader.apps import NbGraderAPI

            from autograder.grading.settings import configuration

            self._api = NbGraderAPI(
                config=configuration(self.root, self._added_settings)
            )
        # another course may have chosen meanwhile
        catalogue.choose(self._api.config.JudgedExecute.get("questions"))
        return self._api


def _database_error(error: BaseException) -> Any:
    """The gradebook's error that `error` is, or was raised for; None where there is none.
    nbgrader says of some that the entry is invalid.
    """
    from sqlalchemy.exc import DatabaseError

    cause: BaseException | None = error
    seen: list[BaseException] = []  # an error may be its own cause
    while (
        cause is not None and cause not in seen and not isinstance(cause, DatabaseError)
    ):
        seen.append(cause)
        cause = cause.__cause__ or cause.__context__
    return cause if isinstance(cause, DatabaseError) else None


def _log_failure(what: str, result: dict[str, Any]) -> None:
    """Keep what nbgrader said of a step that failed."""
    logs.log.error("%s:\n%s", what, result.get("log") or result.get("error"))


def _of_the_submission(
    error: BaseException, snapshot: AssignmentSnapshot, student: str
) -> bool:
    """Whether an error comes from the names of a student's own files: it says nothing about the
    disk, or the course's folders.
    """
    if not isinstance(error, OSError) or error.errno not in _NAMES:
        return False
    graded = snapshot.root / "autograded" / student / snapshot.assignment
    named = [
        name for name in (error.filename, error.filename2) if isinstance(name, str)
    ]
    return any(graded in Path(name).parents for name in named)


def _unchanged(snapshot: AssignmentSnapshot, student: str, examined: Examined) -> bool:
    """Whether the submission still is what was examined."""
    try:
        found = digests(snapshot.folder(student), snapshot.megabytes)
    except Unfit:
        return False
    return fingerprint(found) == examined.files


def _folder_overlooked(folder: Path, assignment: str, known: set[str]) -> str | None:
    """What is wrong with a folder among the students', None if nothing is.

    known: the names of assignments.
    """
    if folder.name in known:
        return (
            f"{folder.name}/ stands where students' folders stand: it "
            f"should be STUDENT/{folder.name}/"
        )
    children = (
        []
        if folder.is_symlink()
        else itertools.islice(folder.iterdir(), _MOST_LOOKED_AT)
    )
    inside = sorted(child.name for child in children)
    if not inside:
        return f"{folder.name}/ is empty"
    if assignment in inside:
        return None
    near = difflib.get_close_matches(assignment, set(inside) - known, n=1)
    if near:
        return f"{folder.name}/{near[0]}: is {assignment} meant?"
    if not known & set(inside):
        return f"{folder.name}/ has no folder {assignment}"
    return None


def _scores(
    gradebook: Any, assignment: str
) -> dict[str, dict[str, list[tuple[str, float | None]]]]:
    """By student and notebook, every row of the gradebook: its cell and its automatic score."""
    from nbgrader import api

    rows = (
        gradebook.db.query(
            api.SubmittedAssignment.student_id,
            api.Notebook.name,
            api.BaseCell.name,
            api.Grade.auto_score,
        )
        .select_from(api.Grade)
        .join(api.BaseCell, api.Grade.cell_id == api.BaseCell.id)
        .join(api.SubmittedNotebook, api.Grade.notebook_id == api.SubmittedNotebook.id)
        .join(api.Notebook, api.SubmittedNotebook.notebook_id == api.Notebook.id)
        .join(
            api.SubmittedAssignment,
            api.SubmittedNotebook.assignment_id == api.SubmittedAssignment.id,
        )
        .join(
            api.Assignment, api.SubmittedAssignment.assignment_id == api.Assignment.id
        )
        .filter(api.Assignment.name == assignment)
    )
    scores: dict[str, dict[str, list[tuple[str, float | None]]]] = {}
    for student, notebook, cell, score in rows:
        scores.setdefault(student, {}).setdefault(notebook, []).append((cell, score))
    return scores


def _existing_grade(
    snapshot: AssignmentSnapshot,
    student: str,
    scores: dict[str, list[tuple[str, float | None]]],
) -> Graded | None:
    """The grade that a submission has, if it is whole and was made from the very same files and
    release.
    """
    graded = snapshot.root / "autograded" / student / snapshot.assignment
    if not scores or not graded.is_dir():
        return None
    try:
        check_name(student)
        files = digests(snapshot.folder(student), snapshot.megabytes)
        origin = {"files": fingerprint(files), "release": snapshot.version}
        names = [name for name in snapshot.release if f"{name}.ipynb" in files]
        if not names:  # one of another name was taken for it
            names = [
                name for name in snapshot.release if (graded / f"{name}.ipynb").exists()
            ]
        verdicts = [
            verdict
            for name in names
            for verdict in _recorded(
                graded / f"{name}.ipynb", origin, dict(scores[name])
            )
        ]
        earned = share((verdict["earned"], verdict["points"]) for verdict in verdicts)
    except (
        Unfit,
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
    ):
        return None
    return Graded(student, snapshot.assignment, share=earned) if names else None


def _recorded(
    path: Path, origin: dict[str, str], scores: dict[str, float | None]
) -> list[dict[str, Any]]:
    """The verdicts in an autograded notebook. Raises ValueError where it was made from something
    else, or the gradebook says otherwise.
    """
    metadata = json.loads(path.read_bytes())["metadata"][METADATA_KEY]
    if {key: metadata[key] for key in origin} != origin:
        raise ValueError(f"{path} was made from other files, or for another release")
    verdicts = metadata["verdicts"]
    for verdict in verdicts:
        if scores[grade_id(verdict["question"])] != verdict["earned"]:
            raise ValueError(f"{path} and the gradebook differ")
    return verdicts


def _remedy(said: str) -> str:
    """What to do about a database's complaint."""
    if "locked" in said:
        return (
            "Wait until no other program is writing to it, or close what holds it, "
            "then grade again"
        )
    if "readonly" in said:
        return "Allow writing to it and to its folder, then grade again"
    if "full" in said or "I/O" in said:
        return "Make room on the disk, then grade again"
    return "Restore it from a backup, or move it away and release the assignments again"


def _clear_scratch(folder: Path) -> None:
    """Remove what a killed run left, if it is what it seems to be."""
    with contextlib.suppress(OSError):
        ours = (
            folder.name.startswith(SCRATCH)
            and str(folder.parent) == tempfile.gettempdir()
            and folder.lstat().st_uid == os.getuid()
        )
        if ours and folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """nbgrader logs every step, and its libraries warn; what went wrong comes back in its
    results. Nothing else may draw over a progress bar.
    """
    logging.disable(logging.NOTSET)
    loggers = [
        logging.getLogger(name)
        for name in ("traitlets", "nbgrader", "py.warnings", "tornado.application")
    ]
    handlers = [(logger, logger.handlers[:], logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [logging.NullHandler()], False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, old, propagate in handlers:
            logger.handlers, logger.propagate = old, propagate


@contextlib.contextmanager
def _path_to_scripts() -> Iterator[None]:
    """nbgrader calls `alembic` by its name: it is beside this Python, whose folder need not be
    on the PATH.
    """
    before = os.environ.get("PATH")
    os.environ["PATH"] = os.pathsep.join(
        [str(Path(sys.executable).parent), os.defpath if before is None else before]
    )
    try:
        yield
    finally:
        if before is None:
            del os.environ["PATH"]
        else:
            os.environ["PATH"] = before


def _last_error(result: dict[str, Any]) -> str:
    """The cause in nbgrader's log, in one line: the last exception in a traceback, else the last
    logged error.
    """
    log = result.get("log") or result.get("error") or ""
    causes = re.findall(
        r"^\s*((?:autograder\.errors\.\w+|(?:\w+\.)*\w*(?:Error|Exception|Entry)): .+)$",
        log,
        flags=re.MULTILINE,
    )
    causes = [
        cause for cause in causes if "NbGraderException" not in cause
    ] or re.findall(r"^\[ERROR\] (.+)$", log, flags=re.MULTILINE)
    return causes[-1][:300] if causes else "nbgrader gave no reason"
