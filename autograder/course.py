"""An nbgrader course on disk, driven through nbgrader's own API: what the CLI and formgrader do, one submission at a time."""

from __future__ import annotations

import contextlib
import glob
import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONFIG = "nbgrader_config.py"
ERRORS = "grading_errors.json"


class CourseError(Exception):
    """Something about the course that its owner can put right; the message says what."""


@dataclass(frozen=True)
class Graded:
    """What grading one submission came to: `reason` is None where it was graded, else why not, in one line."""

    student: str
    assignment: str
    reason: str | None = None


def find_root(start: Path | None = None) -> Path:
    """The course's folder: the nearest one at or above `start` that holds an ``nbgrader_config.py``."""
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / CONFIG).is_file():
            return folder
    raise CourseError(f"{start} is not inside a course: no {CONFIG} here or above. Change to the course's folder, or name it.")


class Course:
    """An nbgrader course directory with its configuration loaded."""

    def __init__(self, root: Path):
        self.root = Path(root).resolve()
        if not (self.root / CONFIG).is_file():
            raise CourseError(f"{self.root} is not an nbgrader course: it has no {CONFIG}. `course demo` makes one to look at.")
        self._api: Any = None

    def release(self, assignment: str) -> None:
        """Make the release version of `assignment` and enter its questions in the gradebook (``nbgrader generate_assignment``)."""
        result = self._run(lambda api: api.generate_assignment(assignment, force=True, create=True))
        if not result["success"]:
            raise CourseError(f"{assignment} could not be released: {_last_error(result)}")

    def submissions(self, assignment: str) -> list[str]:
        """The students who handed in `assignment`, sorted."""
        folder = self.root / "submitted"
        handed_in = [path for path in folder.glob("*/*") if path.is_dir()]
        students = sorted(path.parent.name for path in handed_in if path.name == assignment)
        if not students:
            there = sorted({path.name for path in handed_in})
            known = f" There are submissions of: {', '.join(there)}." if there else f" Submissions are looked for in {folder}."
            raise CourseError(f"Nobody has handed in {assignment!r}.{known}")
        return students

    def grade(self, assignment: str, student: str) -> Graded:
        """Grade one submission (``nbgrader autograde``). What is wrong with it is a result; what is wrong with the course raises `CourseError`."""
        reason = self._unreadable(assignment, student)
        if reason is None:
            result = self._run(lambda api: api.autograde(assignment, student, force=True))
            reason = None if result["success"] else _last_error(result)
        if fault := self._fault(assignment, reason or ""):
            raise CourseError(fault)
        self._remember(assignment, student, reason)
        return Graded(student, assignment, reason)

    def feedback(self, assignment: str, student: str) -> None:
        """Write the feedback page of one submission (``nbgrader generate_feedback``); of one that could not be graded, a page that says why."""
        reason = self.errors().get(assignment, {}).get(student)
        if reason is None:
            result = self._run(lambda api: api.generate_feedback(assignment, student, force=True))
            if not result["success"]:
                raise CourseError(f"no feedback for {student}, {assignment}: {_last_error(result)}")
            return
        from autograder.feedback import note

        page = self.root / "feedback" / student / assignment / f"{assignment}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(
            f'<!doctype html><meta charset="utf-8">{note(f"{assignment} could not be graded: {reason}").html}', encoding="utf-8"
        )

    def errors(self) -> dict[str, dict[str, str]]:
        """The submissions that could not be graded: assignment, student, reason."""
        try:
            return json.loads((self.root / ERRORS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def _fault(self, assignment: str, reason: str) -> str | None:
        """What the course's owner must put right before anybody can be graded; None where it is the submission's own."""
        cause, _, said = reason.partition(": ")
        if cause.endswith("JudgeFault"):
            return f"{said}. Mend the question and grade again; what was graded before is kept."
        if cause.endswith("MissingEntry") and said.startswith("No such assignment"):
            return f"{assignment} is not released: run `nbgrader generate_assignment {assignment}` in {self.root} first."
        if cause in ("sqlalchemy.exc.DatabaseError", "sqlalchemy.exc.OperationalError"):
            return f"the gradebook of {self.root} cannot be used: {said}. Close what else writes to it, allow writing, or restore it from a backup."
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
        draft.write_text(json.dumps(errors, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        os.replace(draft, self.root / ERRORS)

    def _unreadable(self, assignment: str, student: str) -> str | None:
        """Why a submitted notebook cannot even be opened; None if all can."""
        import nbformat

        if glob.has_magic(student) or student != student.strip() or not student.isprintable():
            return "nbgrader cannot find a student whose id has * ? [, a line break, or a space at an end: rename the folder"
        notebooks = sorted((self.root / "submitted" / student / assignment).glob("*.ipynb"))
        if not notebooks:
            return "there is no notebook in the submission"
        for path in notebooks:
            try:
                if not path.is_file():
                    return f"{path.name} is not a file"
                json.loads(path.read_text(encoding="utf-8"))
            except OSError as error:
                return f"{path.name} cannot be read: {error.strerror}"
            except UnicodeDecodeError:
                return f"{path.name} is not UTF-8 text"
            except (ValueError, RecursionError) as error:
                return f"{path.name} is not a notebook: invalid JSON ({error})"
            try:
                with _quiet():
                    nbformat.read(path, as_version=4)
            except Exception as error:  # whatever nbformat finds, the file is not a notebook that can be graded
                return f"{path.name} is not a valid notebook ({_first_line(error)})"
        return None

    def _run(self, step: Any) -> dict[str, Any]:
        if glob.has_magic(str(self.root)):
            raise CourseError(f"{self.root} has one of * ? [ in its name, which nbgrader takes for a pattern: rename the folder.")
        with _quiet(), contextlib.chdir(self.root), _path_to_scripts():
            result = step(self._nbgrader())
        if result.get("error", "").rstrip().endswith("\nKeyboardInterrupt"):  # nbgrader reports Ctrl-C as one more failed submission
            raise KeyboardInterrupt
        return result

    def _nbgrader(self) -> Any:
        if self._api is None:
            from nbgrader.apps import NbGraderAPI
            from traitlets.config import Config
            from traitlets.config.loader import PyFileConfigLoader

            try:
                config = Config(PyFileConfigLoader(CONFIG, path=str(self.root)).load_config())
            except (Exception, SystemExit) as error:  # it is a program, and may fail in any way
                raise CourseError(f"{self.root / CONFIG} cannot be loaded: {type(error).__name__}: {_first_line(error)}") from error
            config.CourseDirectory.root = str(self.root)
            self._api = NbGraderAPI(config=config)
        return self._api


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """nbgrader logs every step, and its libraries warn; what went wrong comes back in its results. Nothing else may draw over a progress bar."""
    logging.disable(logging.NOTSET)
    loggers = [logging.getLogger(name) for name in ("traitlets", "nbgrader", "py.warnings")]
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
    """nbgrader calls `alembic` by its name: it is beside this Python, whose folder need not be on the PATH."""
    before = os.environ.get("PATH")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.defpath if before is None else before])
    try:
        yield
    finally:
        if before is None:
            del os.environ["PATH"]
        else:
            os.environ["PATH"] = before


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:160]


def _last_error(result: dict[str, Any]) -> str:
    """The cause in nbgrader's log, in one line: the last exception in a traceback, else the last logged error."""
    log = result.get("log") or result.get("error") or ""
    causes = re.findall(r"^\s*((?:\w+\.)*\w*(?:Error|Exception|Entry|Fault|Here|Question)\b: .+)$", log, flags=re.MULTILINE)
    causes = [cause for cause in causes if "NbGraderException" not in cause] or re.findall(r"^\[ERROR\] (.+)$", log, flags=re.MULTILINE)
    if causes and "CannotBeGradedHere: " in causes[-1]:
        return causes[-1].partition("CannotBeGradedHere: ")[2][:300]
    return causes[-1][:300] if causes else "nbgrader gave no reason"
