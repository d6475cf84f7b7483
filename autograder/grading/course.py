"""An nbgrader course on disk, driven through nbgrader's own API: what the CLI and formgrader do,
one submission at a time.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import glob
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
from typing import Any

from autograder import logs
from autograder.errors import CourseError, MachineError, Unfit
from autograder.grading.layout import ERRORS, LOCK, METADATA_KEY, SCRATCH, SECRET_FILE, two_deep
from autograder.grading.submission import MEGABYTES, check_name, fingerprint, read
from autograder.questions.material import CONFIG
from autograder.text import one_line

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
"""The errors of `OSError` that are a disk's or a folder's, and not of this process's own lines
to others.
"""


@dataclass(frozen=True)
class Graded:
    """What grading one submission came to: `reason` is None where it was graded, else why not,
    in one line; `share` is what its judged answers earned, 0 to 1.
    """

    student: str
    assignment: str
    reason: str | None = None
    share: float | None = None


@dataclass(frozen=True)
class Outline:
    """The course's side of grading one assignment: plain data that any process can work with.

    release: the course's cells by notebook (see `grader.released`); version: its fingerprint.
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

    def job(self, student: str) -> dict[str, Any]:
        """What `worker.examine` has to know, JSON-ready."""
        own = {
            "root": str(self.root),
            "folder": str(self.folder(student)),
            "student": student,
            "assignment": self.assignment,
        }
        course = {
            "release": self.release,
            "files": self.files,
            "config": self.config,
            "gradebook": self.gradebook,
        }
        return own | course | {"megabytes": self.megabytes}


class Course:
    """An nbgrader course directory with its configuration loaded."""

    def __init__(self, root: Path, *, trust: bool = False):
        self.root = Path(root).resolve()
        if not (self.root / CONFIG).is_file():
            raise CourseError(
                f"{self.root} is not an nbgrader course: it has no {CONFIG}. "
                "`course demo` makes one to look at."
            )
        self.trust = trust  # whether submissions run without walls
        self._api: Any = None

    def release(self, assignment: str) -> None:
        """Make the release version of `assignment` and enter its questions in the gradebook
        (``nbgrader generate_assignment``).
        """
        result = self._run(lambda api: api.generate_assignment(assignment, force=True, create=True))
        if not result["success"]:
            logs.log.error(
                "%s could not be released:\n%s",
                assignment,
                result.get("log") or result.get("error"),
            )
            raise CourseError(f"{assignment} could not be released: {_last_error(result)}")

    def submissions(self, assignment: str) -> list[str]:
        """The students who handed in `assignment`, sorted; what they handed in need not even be
        a folder.
        """
        folder = self.root / "submitted"
        handed_in = list(two_deep(folder))
        students = sorted(path.parent.name for path in handed_in if path.name == assignment)
        if not students:
            there = sorted(
                {path.name for path in handed_in if path.is_dir() and not path.is_symlink()}
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
        known = {path.name for path in (self.root / "release").glob("*")} | {assignment}
        found = []
        for path in sorted(self.root.glob("submitted/[!.]*")):
            inside = (
                []
                if path.is_symlink() or not path.is_dir()
                else sorted(child.name for child in path.iterdir())
            )
            if not path.is_dir():
                found.append(f"{path.name} belongs in a folder STUDENT/{assignment}/")
            elif path.name in known:
                found.append(
                    f"{path.name}/ stands where students' folders stand: it "
                    f"should be STUDENT/{path.name}/"
                )
            elif not inside:
                found.append(f"{path.name}/ is empty")
            elif assignment not in inside and (
                near := difflib.get_close_matches(assignment, set(inside) - known, n=1)
            ):
                found.append(f"{path.name}/{near[0]}: is {assignment} meant?")
            elif assignment not in inside and not known & set(inside):
                found.append(f"{path.name}/ has no folder {assignment}")
        return found

    def grade(self, assignment: str, student: str) -> Graded:
        """Grade one submission in this process. What is wrong with it is a result; what is wrong
        with the course raises `CourseError`.
        """
        from autograder.grading.worker import examine

        with logs.kept_in(self.log_file):
            outline = self.outline(assignment)
            with self._here():
                found = examine(outline.job(student))
            with self.locked():
                return self.record(outline, student, found)

    @property
    def log_file(self) -> Path:
        """What went wrong here that no reason can hold, for whoever maintains the course; it is
        there once something did.
        """
        return self.root / logs.GRADING

    def outline(self, assignment: str) -> Outline:
        """What examining and recording submissions of `assignment` takes from the course."""
        from nbgrader.api import MissingEntry
        from nbgrader.utils import find_all_files

        from autograder.grading import execute

        with self._here():
            api = self._nbgrader()
            coursedir = api.coursedir
            try:
                with contextlib.closing(api.gradebook) as gradebook:
                    release = execute.released(gradebook.find_assignment(assignment))
                execute.course_secret(
                    Path(api.config.JudgedExecute.get("secret_file", SECRET_FILE))
                )  # made here, not by several workers at once
            except MissingEntry:
                release = {}
            except Exception as error:
                raise self._fault(error) or error from error
            source = coursedir.format_path(coursedir.source_directory, ".", assignment)
            kept = api.config.Autograde.get("exclude_overwriting", {}).get(assignment, [])
            files = {
                os.path.relpath(path, source): path
                for path in find_all_files(source, [*coursedir.ignore, "*.ipynb"])
            }
        if not release:
            raise CourseError(
                f"{assignment} is not released: run `nbgrader generate_assignment "
                f"{assignment}` in {self.root} first."
            )
        return Outline(
            root=self.root,
            assignment=assignment,
            release=release,
            version=execute.fingerprint(release),
            files={name: path for name, path in files.items() if name not in kept},
            config={"JudgedExecute": {"trust_submissions": True}} if self.trust else {},
            megabytes=float(api.config.CourseCells.get("max_megabytes", MEGABYTES)),
            gradebook=coursedir.db_url,
        )

    def graded_before(self, outline: Outline, students: list[str]) -> dict[str, Graded]:
        """Those of `students` whose grade is there, whole, and was made from what lies in
        ``submitted`` and in ``release`` now.
        """
        with self._here():
            try:
                with contextlib.closing(self._nbgrader().gradebook) as gradebook:
                    scores = _scores(gradebook, outline.assignment)
            except Exception as error:
                raise self._fault(error) or error from error
        done = {}
        for student in students:
            found = _standing(outline, student, scores.get(student, {}))
            if found:
                self._remember(
                    outline.assignment, student, None
                )  # a reason may be left from before, if the last run was killed
                done[student] = found
        return done

    def record(self, outline: Outline, student: str, found: dict[str, Any]) -> Graded:
        """Enter what examining a submission came to. Only one process at a time may do so (see
        `locked`).
        """
        if "fault" in found:
            raise CourseError(". ".join(filter(None, [found["fault"], found.get("remedy")])))
        reason, share = found.get("reason"), None
        if reason is None:
            reason, share = self._enter(outline, student, found), _share(found)
        self._remember(outline.assignment, student, reason)
        return Graded(student, outline.assignment, reason, None if reason else share)

    def _enter(self, outline: Outline, student: str, found: dict[str, Any]) -> str | None:
        """Let nbgrader write the gradebook and the autograded notebook; returns why it could
        not, if it is the submission's fault.
        """
        from autograder.grading.record import record

        try:
            unchanged = (
                fingerprint(read(outline.folder(student), outline.megabytes)) == found["files"]
            )
        except Unfit:
            unchanged = False
        if not unchanged:
            return "it changed while it was graded: grade it again"
        origin = {"files": found["files"], "release": outline.version}
        result = self._run(
            lambda api: record(api, outline.assignment, student, found["notebooks"], origin)
        )
        if result["success"]:
            return None
        if (error := result["exception"]) is not None and (fault := self._fault(error)):
            raise fault from error
        logs.log.error(
            "nbgrader could not enter the grade of %s, %s:\n%s",
            student,
            outline.assignment,
            result.get("log") or result.get("error"),
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
            raise self._fault(error) or error from error
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
                raise self._fault(error) or error from error
            finally:
                shutil.rmtree(scratch, ignore_errors=True)

    def feedback(self, assignment: str, student: str) -> None:
        """Write the feedback page of one submission (``nbgrader generate_feedback``); of one
        that could not be graded, a page that says why.
        """
        reason = self.errors().get(assignment, {}).get(student)
        if reason is None:
            result = self._run(lambda api: api.generate_feedback(assignment, student, force=True))
            if not result["success"]:
                logs.log.error(
                    "no feedback for %s, %s:\n%s",
                    student,
                    assignment,
                    result.get("log") or result.get("error"),
                )
                raise CourseError(f"no feedback for {student}, {assignment}: {_last_error(result)}")
            return
        from autograder.feedback.render import note

        folder = self.root / "feedback" / student / assignment
        folder.mkdir(parents=True, exist_ok=True)
        text = (
            "<!doctype html><meta "
            f'charset="utf-8">{note(f"{assignment} could not be graded: {reason}").html}'
        )
        for name in self._notebooks(assignment) or [assignment]:
            (folder / f"{name}.html").write_text(text, encoding="utf-8")

    def _notebooks(self, assignment: str) -> list[str]:
        """The names of an assignment's notebooks, as released: a page of feedback bears the name
        of its notebook.
        """
        from nbgrader.api import MissingEntry

        with self._here():
            try:
                with contextlib.closing(self._nbgrader().gradebook) as gradebook:
                    return sorted(
                        notebook.name
                        for notebook in gradebook.find_assignment(assignment).notebooks
                    )
            except MissingEntry:
                return []
            except Exception as error:
                raise self._fault(error) or error from error

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
        from sqlalchemy.exc import DatabaseError

        wrapped = error
        while wrapped is not None and not isinstance(
            wrapped, DatabaseError
        ):  # nbgrader says of some that the entry is invalid
            wrapped = wrapped.__cause__ or wrapped.__context__
        if wrapped is not None:
            said = str(wrapped.orig or wrapped).splitlines()[0][:200]
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
            draft.write_text(json.dumps(errors, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            os.replace(draft, self.root / ERRORS)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise self._fault(error) or error from error

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
        if (
            result.get("error", "").rstrip().endswith("\nKeyboardInterrupt")
        ):  # nbgrader reports Ctrl-C as one more failed submission
            raise KeyboardInterrupt
        return result

    def _nbgrader(self) -> Any:
        from autograder.questions import catalogue

        if self._api is None:
            from nbgrader.apps import NbGraderAPI

            config = configuration(
                self.root, {"JudgedExecute": {"trust_submissions": True}} if self.trust else {}
            )
            self._api = NbGraderAPI(config=config)
        catalogue.choose(
            self._api.config.JudgedExecute.get("questions")
        )  # another course may have chosen meanwhile
        return self._api


def configuration(root: Path, more: dict[str, Any]) -> Any:
    """The course's ``nbgrader_config.py``, and what is added to it."""
    from traitlets.config import Config
    from traitlets.config.loader import PyFileConfigLoader

    try:
        config = Config(PyFileConfigLoader(CONFIG, path=str(root)).load_config())
    except (Exception, SystemExit) as error:  # it is a program, and may fail in any way
        raise CourseError(
            f"{root / CONFIG} cannot be loaded: {type(error).__name__}: {one_line(error)}"
        ) from error
    if not _has_step(config, "autograde_preprocessors", "JudgedExecute"):
        raise CourseError(
            f"{root / CONFIG} does not switch the judge on, and nbgrader alone "
            "gives points for cells that merely end:"
            " add `from autograder import configure` and `configure(c)`."
        )
    if not _has_step(config, "sanitize_preprocessors", "CourseCells"):
        raise CourseError(
            f"{root / CONFIG} leaves CourseCells out of c.Autograde.sanitize_preprocessors: "
            "nothing else puts the checks back."
        )
    config.CourseDirectory.root = str(root)
    config.merge(Config(more))
    _check_settings(root, config)
    return config


def _has_step(config: Any, steps: str, name: str) -> bool:
    """Whether a list of nbgrader's steps holds one of our own, or a class that is made of it."""
    from autograder.grading import execute

    return any(
        isinstance(step, type) and issubclass(step, getattr(execute, name))
        for step in execute.configured(config, steps)
    )


def _check_settings(root: Path, config: Any) -> None:
    """Refuse settings of ours that do not exist, which traitlets would ignore, and values that
    they cannot have.
    """
    from nbgrader.preprocessors import Execute
    from traitlets import TraitError

    from autograder.grading.execute import CourseCells, JudgedExecute
    from autograder.sandbox import wall

    for name in config:
        ours = {
            "JudgedExecute",
            "CourseCells",
            "Execute",
            "CourseDirectory",
            "Autograde",
            "GenerateAssignment",
        }
        if name not in ours and (near := difflib.get_close_matches(name, ours, n=1, cutoff=0.8)):
            raise CourseError(
                f"{root / CONFIG}: there is no `c.{name}`. Did you mean `c.{near[0]}`?"
            )
    for package in config.get("JudgedExecute", {}).get("packages", ()):
        if not wall.locations(str(package)):
            raise CourseError(
                f"{root / CONFIG}: `c.JudgedExecute.packages` names {package!r}, "
                "and there is no such package here."
            )
    for kind in (JudgedExecute, CourseCells, Execute):
        known = kind.class_trait_names(config=True)
        for name in config.get(kind.__name__, {}):
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                meant = (
                    f" Did you mean `{near[0]}`?"
                    if near
                    else f" There are: {', '.join(sorted(known))}."
                )
                raise CourseError(
                    f"{root / CONFIG}: `c.{kind.__name__}.{name}` is no setting.{meant}"
                )
    for kind in (JudgedExecute, CourseCells):
        try:
            kind(config=config)
        except TraitError as error:
            raise CourseError(f"{root / CONFIG}: {one_line(error)}") from error


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
        .join(api.Assignment, api.SubmittedAssignment.assignment_id == api.Assignment.id)
        .filter(api.Assignment.name == assignment)
    )
    scores: dict[str, dict[str, list[tuple[str, float | None]]]] = {}
    for student, notebook, cell, score in rows:
        scores.setdefault(student, {}).setdefault(notebook, []).append((cell, score))
    return scores


def _standing(
    outline: Outline, student: str, scores: dict[str, list[tuple[str, float | None]]]
) -> Graded | None:
    """The grade that a submission has, if it is whole and was made from the very same files and
    release.
    """
    graded = outline.root / "autograded" / student / outline.assignment
    if not scores or not graded.is_dir():
        return None
    try:
        check_name(student)
        files = read(outline.folder(student), outline.megabytes)
        origin = {"files": fingerprint(files), "release": outline.version}
        verdicts = []
        if not any(f"{name}.ipynb" in files for name in outline.release):
            return None
        for name in outline.release:
            if f"{name}.ipynb" not in files:
                continue
            notebook = json.loads((graded / f"{name}.ipynb").read_bytes())
            facts = notebook["metadata"][METADATA_KEY]
            rows = dict(scores[name])
            judged = {
                verdict["question"].replace(".", "-", 1): verdict for verdict in facts["verdicts"]
            }
            if {key: facts[key] for key in origin} != origin or any(
                rows[cell] != verdict["earned"] for cell, verdict in judged.items()
            ):
                return None
            verdicts += judged.values()
    except (Unfit, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return Graded(student, outline.assignment, share=_part(verdicts)) if files else None


def _share(found: dict[str, Any]) -> float | None:
    return _part(
        [
            verdict
            for notebook in found["notebooks"].values()
            for verdict in notebook["verdicts"].values()
        ]
    )


def _part(verdicts: list[dict[str, Any]]) -> float | None:
    points = sum(verdict["points"] for verdict in verdicts)
    return sum(verdict["earned"] for verdict in verdicts) / points if points else None


def _remedy(said: str) -> str:
    """What to do about a database's complaint."""
    if "locked" in said:
        return (
            "Wait until no other program is writing to it, or close what holds it, then grade again"
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
        r"^\s*((?:\w+\.)*\w*(?:Error|Exception|Entry|Fault|Here|Question|Unfit)\b: .+)$",
        log,
        flags=re.MULTILINE,
    )
    causes = [cause for cause in causes if "NbGraderException" not in cause] or re.findall(
        r"^\[ERROR\] (.+)$", log, flags=re.MULTILINE
    )
    return causes[-1][:300] if causes else "nbgrader gave no reason"
