"""nbgrader's own autograde, with three of its steps replaced: the course's cells are put back, the
judge sits outside the kernel, and the score is the judge's.

A course switches it on in its ``nbgrader_config.py``::

    from autograder import configure

    c = get_config()
    configure(c)
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.util
import json
import math
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import zmq
from jupyter_client.utils import run_sync
from nbclient.client import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbconvert.exporters.exporter import ResourcesDict
from nbconvert.preprocessors import ClearMetadataPreprocessor
from nbformat import NotebookNode, from_dict
from nbformat.v4 import new_code_cell, new_output
from nbgrader.api import Gradebook
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearOutput,
    ComputeChecksums,
    Execute,
    IgnorePattern,
    IncludeHeaderFooter,
    LimitOutput,
    LockCells,
    NbGraderPreprocessor,
    OverwriteKernelspec,
    SaveAutoGrades,
    SaveCells,
)
from sqlalchemy.exc import SAWarning
from traitlets import Bool, Float, Integer, List, Unicode
from traitlets.utils.importstring import import_item

from autograder.answers.time_limit import patience
from autograder.errors import (
    AutograderError,
    CannotBeGradedHere,
    CourseError,
    Disturbed,
    JudgeFault,
    NotJudged,
)
from autograder.feedback.render import render
from autograder.files import put_in_place
from autograder.grading import submission
from autograder.grading.cells import course_cells, fingerprint, released, restore
from autograder.grading.judge_session import Desk
from autograder.grading.layout import METADATA_KEY
from autograder.grading.sanitize import harmless
from autograder.grading.versions import judged_by
from autograder.judge.code_reader import Code
from autograder.logs import GRADING, about, kept_in, log
from autograder.processes import work_of
from autograder.questions import catalogue
from autograder.questions.definition import Question, seed_for
from autograder.sandbox import preload, provisioner, wall
from autograder.text import one_line
from autograder.values.channel import Channel
from autograder.values.frameworks import ONE_THREAD
from autograder.verdict import Status, Verdict

ORIGIN = f"{METADATA_KEY}-origin"
"""Where `resources` say what was examined: the fingerprints of the submitted files and of the
released assignment.
"""

VERSIONS = f"{METADATA_KEY}-versions"
"""Where `resources` say by what the submission was judged: see `versions.judged_by`."""

RELEASE = f"{METADATA_KEY}-release"
"""Where `resources` say what was released (one notebook of `released`), so that no step need ask
the gradebook.
"""

PATIENCE = 300.0
"""Seconds beyond its question's own that a check cell may take: the judge keeps the question's
time, this is for when the judge itself is stuck.
"""

ATTEMPTS = 3
"""How many times a submission is run from the beginning when the warm process was killed under
it.
"""

GROWTH = 2**30
"""Bytes by which this process may grow while it listens to one kernel."""

NOTEBOOK_OUTPUT = 8
"""How many times the output of one cell a whole notebook's may be."""

STOPPED = "Python stopped in this cell."

PICTURE = "plot-"
"""How the grade id of a picture begins: a locked cell of the course's own that draws what a
learner's answers do. It earns nothing, and grading leaves it out.
"""


def configure(c: Any, questions: str | None = None) -> None:
    """Make nbgrader release notebooks as they are and grade them by the judge. `c` is the object of
    nbgrader's ``get_config()``.

    questions: the package with the course's questions, where several are installed or none is
    """
    catalogue.choose(questions)
    if questions is not None:
        c.JudgedExecute.questions = questions
    warnings.filterwarnings(
        "ignore", message="Object of type", category=SAWarning
    )  # nbgrader's own business with SQLAlchemy 2
    c.GenerateAssignment.preprocessors = [
        IncludeHeaderFooter,
        CheckedQuestions,
        LockCells,
        ClearOutput,
        CheckCellMetadata,
        ComputeChecksums,
        SaveCells,
    ]
    c.GenerateAssignment.create_assignment = True
    c.Autograde.sanitize_preprocessors = [
        ClearOutput,
        CourseCells,
        CourseKernelspec,
        CheckCellMetadata,
    ]
    c.Autograde.autograde_preprocessors = [
        JudgedExecute,
        HarmlessCells,
        IgnorePattern,
        ClearMetadataPreprocessor,
        LimitOutput,
        SaveVerdicts,
        AssignLatePenalties,
        CheckCellMetadata,
    ]


def question_of(cell: NotebookNode) -> Question | None:
    """The question that a check cell grades, known by its grade id ("chapter-function"); None
    for any other cell.
    """
    facts = cell.metadata.get("nbgrader", {})
    if cell.cell_type != "code" or not facts.get("grade") or facts.get("solution"):
        return None
    try:
        return catalogue.find(facts.get("grade_id", "").replace("-", ".", 1))
    except catalogue.UnknownQuestion:
        return None


def to_run(cell: NotebookNode) -> bool:
    """Whether grading runs the cell: code, and no picture."""
    facts = cell.metadata.get("nbgrader", {})
    picture = (
        facts.get("locked")
        and not facts.get("grade")
        and facts.get("grade_id", "").startswith(PICTURE)
    )
    return cell.cell_type == "code" and bool(cell.source.strip()) and not picture


def fault_of(cell: NotebookNode) -> str | None:
    """What is wrong with a cell that is graded automatically, None if nothing is: it must check a
    question that there is, for as many points.

    nbgrader itself would give full marks for any such cell that merely ends without an error.
    """
    facts = cell.metadata.get("nbgrader", {})
    if cell.cell_type != "code" or not facts.get("grade") or facts.get("solution"):
        return None
    name = str(facts.get("grade_id", ""))
    try:
        question = catalogue.find(name.replace("-", ".", 1))
    except catalogue.UnknownQuestion as error:
        return (
            f"the cell {name} is graded automatically, and the package {catalogue.package_name()} "
            "has no question of that name (with a dot for the hyphen)."
            f" {error} Was it renamed, or is AUTOGRADER_QUESTIONS not set?"
        )
    if not question.probes:
        return f"{question.name} could not be judged: it has no probes"
    if float(facts.get("points", 0)) != question.points:
        return (
            f"the cell {name} gives {facts.get('points', 0):g} points, its question "
            f"{question.points:g}: make them equal, and release the assignment again"
        )
    call = f"check({json.dumps(question.name)}, {question.function_name})"
    return (
        None
        if cell.source.strip() == call
        else f"the cell {name} must be `{call}` and nothing else"
    )


class CheckedQuestions(NbGraderPreprocessor):
    """Refuses to release a cell that is graded automatically and is not a question's check."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: ResourcesDict, cell_index: int
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Raise ValueError for what `fault_of` finds."""
        if fault := fault_of(cell):
            raise ValueError(fault)
        return cell, resources


class CourseCells(NbGraderPreprocessor):
    """Replaces what a submission says about its cells by what the course says.

    Tags and metadata that arrive are dropped; a cell keeps its grade id if the course has it (the
    first of several); locked and check cells get the course's source back; deleted ones are put
    back: checks before the next course cell that is still there, others after the last one before
    them.
    """

    max_megabytes = Float(
        submission.MEGABYTES, help="The most that a submission may hold, all files together."
    ).tag(config=True)

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Rewrite the notebook's cells."""
        if RELEASE in resources:
            cells = {
                grade_id: (from_dict(cell), fixed)
                for grade_id, (cell, fixed) in resources[RELEASE]["cells"].items()
            }
            return restore(nb, cells), resources
        facts = resources["nbgrader"]
        if (folder := _handed_in(self, facts)) is not None:
            submission.read(
                folder, self.max_megabytes
            )  # refuses links and the like, which nbgrader would follow
        with Gradebook(facts["db_url"]) as gradebook:
            course = course_cells(gradebook.find_notebook(facts["notebook"], facts["assignment"]))
        return restore(nb, course), resources


class CourseKernelspec(OverwriteKernelspec):
    """Gives a submission the kernelspec that was released."""

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Write it into the notebook's metadata, if there is one."""
        if RELEASE not in resources:
            return super().preprocess(nb, resources)
        if kernelspec := resources[RELEASE]["kernelspec"]:
            nb.metadata["kernelspec"] = from_dict(kernelspec)
        return nb, resources


def configured(config: Any, steps: str) -> list[Any]:
    """One of nbgrader's lists of steps, as a course's configuration has it: classes and
    functions. Raises `CourseError` for a name that cannot be imported.
    """
    found = []
    for step in config.Autograde.get(steps, []):
        try:
            found.append(import_item(step) if isinstance(step, str) else step)
        except ImportError as error:
            raise CourseError(
                f"c.Autograde.{steps} names {step!r}, which cannot be imported: {one_line(error)}"
            ) from error
    return found


class Steps:
    """What a course's configuration has done to a submission, in its order: `before` it is run,
    the step that `judges` it, and what is done `after`.
    """

    def __init__(self, config: Any):
        sanitizing, steps = (
            configured(config, name)
            for name in ("sanitize_preprocessors", "autograde_preprocessors")
        )
        at = next(
            index
            for index, step in enumerate(steps)
            if isinstance(step, type) and issubclass(step, JudgedExecute)
        )
        self.before, self.judges, self.after = (
            [*sanitizing, *steps[:at]],
            steps[at],
            steps[at + 1 :],
        )
        self._config = config

    def prepare(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Take a submitted notebook through the steps before it is run, as ``nbgrader
        autograde`` does. Raises `NotJudged` where one fails.
        """
        for step in self.before:
            try:
                nb, resources = (step(config=self._config) if isinstance(step, type) else step)(
                    nb, resources
                )
            except AutograderError:
                raise
            except Exception as error:
                name = getattr(step, "__name__", type(step).__name__)
                log.exception("the step %s of the course's configuration failed", name)
                said = f"{type(error).__name__}: {one_line(error)}"
                raise NotJudged(
                    f"the step {name} of the course's configuration failed: "
                    f"{said}; its traceback is in {GRADING}"
                ) from error
        return nb, resources


def _coursedir(preprocessor: NbGraderPreprocessor) -> Any:
    """The course that nbgrader is converting a submission of; None where the preprocessor runs
    outside a converter.
    """
    return getattr(getattr(preprocessor.parent, "parent", None), "coursedir", None)


def _handed_in(preprocessor: NbGraderPreprocessor, facts: dict[str, str]) -> Path | None:
    """The folder that nbgrader is converting; None where the preprocessor runs outside a
    converter.
    """
    coursedir = _coursedir(preprocessor)
    return coursedir and Path(
        coursedir.format_path(coursedir.submitted_directory, facts["student"], facts["assignment"])
    )


def _modules_in(folder: str | None) -> tuple[str, ...]:
    """The modules that a submission's files beside its notebook would be imported as: those that
    are not installed, which come first.
    """
    names = (
        {path.stem for path in Path(folder).iterdir() if path.is_dir() or path.suffix == ".py"}
        if folder
        else set()
    )
    return tuple(sorted(name for name in names if name.isidentifier() and not _installed(name)))


def _installed(name: str) -> bool:
    """Whether `name` would be imported from elsewhere than the notebook's folder."""
    try:
        return importlib.util.find_spec(name) is not None
    except (
        ImportError,
        ValueError,
    ):  # `__main__`, and other modules that are loaded without having been found
        return name in sys.modules


class HarmlessCells(NbGraderPreprocessor):
    """Leaves nothing in what a student wrote that a reader's browser would run or fetch (see
    `autograder.grading.sanitize`); what the course and the judge wrote stays.
    """

    def preprocess_cell(
        self, cell: NotebookNode, resources: ResourcesDict, cell_index: int
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Disarm the cell in place."""
        facts = cell.metadata.get("nbgrader", {})
        ours = (
            question_of(cell)
            if cell.cell_type == "code"
            else facts.get("locked") and not facts.get("solution")
        )
        if not ours:
            harmless(cell)
        return cell, resources


class JudgedExecute(Execute):
    """Runs a submission in a kernel of its own behind a wall, and has every check cell judged from
    this side of a private channel.

    What happens in a cell costs that cell: after a crash, a limit or a hang that no interrupt ends,
    a new kernel is started and what ran before is run again without the cell at fault.
    """

    secret_file = Unicode(
        ".course_secret",
        help=(
            "File with the course's secret, from which the probes' seeds derive; made when "
            "missing. Relative to the course."
        ),
    ).tag(config=True)
    max_revivals = Integer(
        3,
        help=(
            "How many times a submission's kernel is started again before "
            "its remaining questions are given up."
        ),
    ).tag(config=True)
    trust_submissions = Bool(
        False,
        help=(
            "Run submissions as ordinary processes of yours, with access to all that you can "
            "read and write. Only for code that you would run yourself."
        ),
    ).tag(config=True)
    notebook_seconds = Float(
        600.0,
        min=1.0,
        help=(
            "Seconds of a processor's time that a whole notebook may take; each question has a "
            "time of its own besides. By the clock it has five times as many, and ten."
        ),
    ).tag(config=True)
    memory_mb = Integer(
        wall.Limits.memory_mb,
        min=128,
        help=(
            "MB of memory for all processes of a submission, beyond what every kernel starts with."
        ),
    ).tag(config=True)
    processes = Integer(
        wall.Limits.processes, min=16, help="Processes and threads of a submission at one time."
    ).tag(config=True)
    file_mb = Integer(
        wall.Limits.file_mb, min=1, help="MB that one file written by a submission may have."
    ).tag(config=True)
    disk_mb = Integer(
        wall.Limits.disk_mb,
        min=1,
        help="MB for all files that a submission writes, and the copy of its folder.",
    ).tag(config=True)
    output_mb = Integer(
        wall.Limits.output_mb, min=1, help="MB that a cell may print and display."
    ).tag(config=True)
    packages = List(
        Unicode(),
        help=(
            "Packages that submissions may import though they are not "
            "installed in Python's own folders."
        ),
    ).tag(config=True)

    questions = Unicode(
        None,
        allow_none=True,
        help="The package with the course's questions, as `configure` was told.",
    ).tag(config=True)

    _ahead: tuple[provisioner.WalledKernelManager, socket.socket] | None = None

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict, km: Any = None
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Execute and judge; the verdicts go to ``resources["autograder"]``, by grade id."""
        facts, coursedir = resources["nbgrader"], _coursedir(self)
        log_file = (
            kept_in(Path(coursedir.root) / GRADING) if coursedir else contextlib.nullcontext()
        )
        with log_file, about(f"{facts['assignment']}, {facts['student']}"):
            return self._judged(nb, resources, km)

    def _judged(
        self, nb: NotebookNode, resources: ResourcesDict, km: Any
    ) -> tuple[NotebookNode, ResourcesDict]:
        catalogue.choose(self.questions)
        if fault := next(filter(None, map(fault_of, nb.cells)), None):
            raise JudgeFault(f"{resources['nbgrader']['assignment']}: {fault}")
        sources = [cell.source for cell in nb.cells]
        for attempt in range(1, ATTEMPTS + 1):
            self._number = attempt
            try:
                resources[METADATA_KEY] = verdicts = self._attempt(nb, resources, km)
                resources[VERSIONS] = judged_by(verdict.question for verdict in verdicts.values())
                return nb, resources
            except Disturbed:  # not the submission's doing: once more, from the beginning
                if attempt == ATTEMPTS:
                    raise
                time.sleep(2 * attempt - 1)  # what disturbed it may pass
                for cell, source in zip(nb.cells, sources, strict=True):
                    cell.source = source
        raise AssertionError("unreachable")

    def _attempt(self, nb: NotebookNode, resources: ResourcesDict, km: Any) -> dict[str, Verdict]:
        NotebookClient.__init__(self, nb, km)
        self.reset_execution_trackers()
        self._check_assign_resources(resources)
        self._secret = course_secret(Path(self.secret_file))
        self._beside = _modules_in(resources["metadata"].get("path"))
        self._left_out: set[int] = set()
        self._revivals = 0
        self._end = time.monotonic() + patience(self.notebook_seconds)
        self._worked_before = self._worked_now = 0.0
        self._why = ""
        self._kept, self._slow = 0, False
        verdicts: dict[str, Verdict] = {}
        try:
            self._start()
            nb.metadata["language_info"] = {
                "name": "python",
                "file_extension": ".py",
                "mimetype": "text/x-python",
                "pygments_lexer": "ipython3",
            }
            for index, cell in enumerate(nb.cells):
                if not to_run(cell):
                    continue
                if question := question_of(cell):
                    verdict = self._judge(question, cell, index)
                    verdicts[cell.metadata.nbgrader.grade_id] = verdict
                    _show(cell, verdict)
                else:
                    self._run(cell, index)
        finally:
            self._stop()
        return verdicts

    def _judge(self, question: Question, cell: NotebookNode, index: int) -> Verdict:
        if self.kc is None:
            return _without_result(
                question, Status.TIMEOUT if self._used_up() else Status.CRASHED, self._why
            )
        facts = self.resources["nbgrader"]
        self._desk.expect(
            question,
            seed_for(self._secret, facts["assignment"], facts["student"], question.name),
            self._code(question, index),
        )
        # Run the check itself, not the cell: a notebook may have given the name `check` to
        # something else.
        call = new_code_cell(
            f'__import__("autograder").check({question.name!r}, {question.function_name})'
        )
        died = self._execute(
            call, index, seconds=math.inf, wall=patience(question.seconds) + PATIENCE
        )
        verdict = self._desk.verdict()
        if self._desk.stuck:
            raise JudgeFault(self._desk.fault)
        if self._desk.fault:
            raise NotJudged(
                f"{self._desk.fault}. That is a fault of the course, not of the "
                f"submission: its traceback is in {GRADING}"
            )
        if not died and self._desk.closed:  # the exchange broke after the cell had ended
            died = self._cause()
        if died:
            self._revive(index, leave_out=None)
        if died == STOPPED and verdict is not None:
            return verdict
        if died and (verdict is None or verdict.status is Status.CRASHED):
            return _without_result(
                question,
                Status.CRASHED,
                "Python stopped while it ran this answer." if died == STOPPED else died,
            )
        if verdict is not None:
            return replace(verdict, details=(*verdict.details, *self._limits_hit(verdict.headline)))
        status, headline = _why_not_asked(question, call, self.nb.cells[:index])
        return replace(
            _without_result(question, status, headline), details=tuple(self._limits_hit(headline))
        )

    def _limits_hit(self, error: str) -> list[str]:
        """The limit that an error comes from, in one line; nothing where it comes from none."""
        limits = self._limits()
        told = (
            (
                r"\bMemoryError\b|can't allocate memory|bad_alloc|Failed to allocate",
                f"All its processes together have {limits.memory_mb} MB of memory.",
            ),
            (r"\[Errno 27\]", f"A file may have {limits.file_mb} MB."),
            (r"\[Errno 28\]", f"All its files together may have {limits.disk_mb} MB."),
            (r"\[Errno 24\]", f"It may have {limits.open_files} files open."),
            (
                r"\[Errno 11\]|can't start new thread",
                f"It may have {limits.processes} processes and threads at one time.",
            ),
        )
        return [
            f"That is a limit of grading. {line}"
            for pattern, line in told
            if not self.trust_submissions and re.search(pattern, error)
        ]

    def _limits(self) -> wall.Limits:
        return wall.Limits(
            self.memory_mb,
            self.processes,
            file_mb=self.file_mb,
            disk_mb=self.disk_mb,
            output_mb=self.output_mb,
        )

    def _code(self, question: Question, index: int) -> Code:
        """What was run before cell `index`."""
        earlier = [
            cell
            for at, cell in enumerate(self.nb.cells[:index])
            if cell.cell_type == "code" and at not in self._left_out
        ]
        return Code(
            [cell.source for cell in earlier],
            question.function_name,
            complete=True,
            beside=self._beside,
        )

    def _run(self, cell: NotebookNode, index: int) -> None:
        died = self._execute(cell, index) if self.kc is not None else ""
        if self.kc is not None and (missing := self._desk.missing):
            raise CannotBeGradedHere(
                f"it answers in {missing}, which cannot be imported on this machine: grade it "
                "where it can (`course doctor`)"
            )
        told = [f"{died} Grading went on without this cell."] if died else []
        if (error := _error_of(cell)) is not None:
            told += self._limits_hit(_plain(error))
            if error.ename == "OutputLimit":
                error.traceback = [_plain(error)]  # the lines are none of the student's
        if self._slow and not died:
            told.append(f"The cell ran longer than {self.timeout:g} seconds and was stopped.")
        if told:
            cell.outputs.append(new_output("stream", name="stderr", text="\n".join(told) + "\n"))
        if died:
            self._revive(index, leave_out=index)

    def _execute(
        self,
        cell: NotebookNode,
        index: int,
        seconds: float | None = None,
        wall: float | None = None,
    ) -> str:
        """Run one cell, for `seconds` of work or as long as any cell may take, and `wall` seconds
        by the clock.

        Returns why its kernel is lost (dead, deaf to an interrupt, or to the judge), else "".
        """
        seconds = seconds or self.timeout or math.inf
        now, worked = time.monotonic(), self._worked()
        self._stop_at = now + min(wall or patience(seconds), max(self._end - now, 0.1))
        self._stop_worked = worked + min(seconds, max(self.notebook_seconds - worked, 0.1))
        self.timeout_func = lambda cell: self._left()
        self._heard, self._slow = 0, False
        in_place = self.nb.cells[index]
        try:
            self.execute_cell(cell, index, store_history=True)
        except DeadKernelError:
            return self._cause()
        except CellTimeoutError:
            return self._cause() or "Python did not stop when it was interrupted, and was ended."
        except (
            Exception
        ):  # what a stranger's kernel sends need not be what Jupyter's library expects
            log.warning(
                "a kernel sent what is no message, or Jupyter's library failed on it", exc_info=True
            )
            self._too_much = "Python sent what is no message, and was stopped."
            self._kill()
            return self._too_much
        finally:
            self.nb.cells[index] = (
                in_place  # nbclient puts what it runs there; that may be a stand-in
            )
        if self._used_up():
            return f"The notebook's time, {self.notebook_seconds:g} seconds, was used up."
        if (
            self._desk.closed
            or not run_sync(self.km.is_alive)()
            or (self._slow and not self._responds())
        ):
            return self._cause()
        return ""

    def _worked(self) -> float:
        """Processor seconds that this notebook's kernels have worked so far."""
        self._worked_now = max(
            self._worked_now, self._clock()
        )  # one that is gone has no clock any more
        return self._worked_before + self._worked_now

    def _left(self) -> float:
        """Seconds that the cell has at least: it cannot have used up its work before as many
        have passed.
        """
        return min(self._stop_worked - self._worked(), self._stop_at - time.monotonic())

    def _used_up(self) -> bool:
        """Whether the notebook has no time left."""
        return self._worked() >= self.notebook_seconds or time.monotonic() > self._end

    async def _async_handle_timeout(
        self, timeout: int, cell: NotebookNode | None = None
    ) -> dict[str, Any] | None:
        """nbclient's, which interrupts the cell, once the cell's time is over; until then it is
        waited for, and looked after.
        """
        while (left := self._left()) > 0:
            if await self.kc.shell_channel.socket.poll(1000 * max(min(left, 1.0), 0.01)):
                return None
            await self._async_check_alive()
        self._slow = True
        return await super()._async_handle_timeout(timeout, cell)

    def _cause(self) -> str:
        """Why the kernel is gone, in a sentence. Raises `Disturbed` where that was nothing it
        did.
        """
        if self._too_much:
            return self._too_much
        reason = "over" if self.trust_submissions else run_sync(self.km.provisioner.why)()
        if reason == "lost" or (
            reason == "killed" and self._number == 1
        ):  # the second time it may be the submission that somebody objects to
            raise Disturbed("the warm process ended while it graded")
        if reason == "memory":
            return f"Python used more than {self.memory_mb} MB of memory and was stopped."
        return STOPPED

    def process_message(
        self, msg: dict, cell: NotebookNode, cell_index: int
    ) -> NotebookNode | None:
        """Collect an output, as nbclient does, up to the limit: the kernel cuts off what honest
        code prints, this is for one that does not.
        """
        if msg["msg_type"] in (
            "stream",
            "display_data",
            "execute_result",
            "error",
            "update_display_data",
        ):
            self._heard += len(str(msg["content"]))
            if self._heard > 2 * self.output_mb * 2**20:
                self._flooded(self._killer())
                return None
            before, self._kept = self._kept, self._kept + len(str(msg["content"]))
            most = NOTEBOOK_OUTPUT * self.output_mb
            if self._kept > most * 2**20:
                if before <= most * 2**20:
                    text = (
                        f"The notebook printed or displayed more than {most} MB: "
                        "what came later is left out.\n"
                    )
                    cell.outputs.append(new_output("stream", name="stderr", text=text))
                return None
        return super().process_message(msg, cell, cell_index)

    def _responds(self) -> bool:
        request = self.kc.kernel_info()
        try:
            run_sync(self._shell_reply)(request)
        except Exception:  # too late, dead, or no message at all
            log.debug("a kernel did not answer", exc_info=True)
            return False
        return True

    async def _shell_reply(self, request: str, seconds: float = 5.0) -> None:
        async def wait() -> None:
            while True:
                message = await self.kc.shell_channel.get_msg(timeout=None)
                if message["parent_header"].get("msg_id") == request:
                    return

        await asyncio.wait_for(wait(), seconds)

    def _revive(self, index: int, leave_out: int | None) -> None:
        """A new kernel in the state before cell `index`, without the cells that killed the old
        one; no kernel after too many.
        """
        if leave_out is not None:
            self._left_out.add(leave_out)
        self._stop()
        if self._used_up():
            self._why = f"The notebook's time, {self.notebook_seconds:g} seconds, was used up."
            return
        if self._revivals >= self.max_revivals:
            self._why = "Python was stopped too often by this notebook to go on."
            return
        self._revivals += 1
        self._start()
        for earlier, cell in enumerate(self.nb.cells[:index]):
            if to_run(cell) and earlier not in self._left_out and question_of(cell) is None:
                copy = new_code_cell(cell.source)
                if self._execute(copy, earlier):
                    return self._revive(index, leave_out=earlier)
        return None

    def start_ahead(self, nb: NotebookNode, resources: ResourcesDict) -> None:
        """Have the kernel for `nb` started while something else is done; `preprocess` of the
        same notebook takes it, or `give_up` ends it.
        """
        if not self.trust_submissions:
            self._ahead = run_sync(self._launch)(nb, resources)

    def give_up(self) -> None:
        """End a kernel that was started ahead and is not wanted any more."""
        if self._ahead:
            (manager, judge), self._ahead = self._ahead, None
            judge.close()
            manager.provisioner.end()
            run_sync(manager.cleanup_resources)()

    def _start(self) -> None:
        self._heard, self._too_much, self._guard = 0, "", None
        self._worked_before, self._worked_now = self._worked_before + self._worked_now, 0.0
        judge = run_sync(self._start_trusted if self.trust_submissions else self._start_walled)()
        self._clock = work_of(self.km.provisioner.pid)
        self._desk = Desk(Channel(judge), give_up=self._killer(), worked=self._clock)

    async def _launch(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[provisioner.WalledKernelManager, socket.socket]:
        """Ask for a kernel; returns its manager, and our end of the channel to the judge."""
        manager = provisioner.WalledKernelManager()
        # A kernel's messages are a stranger's: none may be larger than all that it may print, and
        # few may wait.
        manager.context.setsockopt(zmq.MAXMSGSIZE, (self.output_mb + 1) * 2**20)
        manager.context.setsockopt(zmq.RCVHWM, 64)
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                await manager.start_kernel(
                    cwd=resources["metadata"].get("path") or None,
                    judge=theirs.fileno(),
                    limits=self._limits(),
                    hidden=wall.hidden(catalogue.packages(), [Path.cwd()]),
                    packages=self.packages,
                    wanted=preload.wanted(
                        "\n".join(cell.source for cell in nb.cells if cell.cell_type == "code")
                    ),
                    ahead=True,
                )
        except BaseException:
            ours.close()
            await manager.cleanup_resources()
            raise
        return manager, ours

    async def _start_walled(self) -> socket.socket:
        started, self._ahead = self._ahead or await self._launch(self.nb, self.resources), None
        self.km, judge = started
        try:
            self.km.provisioner.ready()
            self._guard = provisioner.Guard(
                GROWTH, functools.partial(self._flooded, self._killer())
            )
            await self._connect()
        except BaseException:
            judge.close()
            raise
        return judge

    def _flooded(self, kill: Callable[[], None]) -> None:
        self._too_much = f"The cell printed or displayed more than {self.output_mb} MB, the limit."
        kill()

    async def _start_trusted(self) -> socket.socket:
        self.create_kernel_manager()
        # Sockets in a folder of our own: nobody else on the machine can talk to the kernel, as they
        # could over TCP.
        self._sockets = tempfile.TemporaryDirectory(prefix="kernel-")
        self.km.transport, self.km.ip = "ipc", f"{self._sockets.name}/socket"
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("COURSE_")
        }
        ours, theirs = socket.socketpair()
        with theirs:
            environment |= {"AUTOGRADER_FD": str(theirs.fileno()), **ONE_THREAD}
            await self.async_start_new_kernel(
                env=environment,
                pass_fds=[theirs.fileno()],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        await self.async_start_new_kernel_client()
        return ours

    async def _connect(self) -> None:
        """Open the channels, and wait until a request is answered on both: jupyter_client's own
        way takes a fifth of a second more.
        """
        self.kc = self.km.client()
        self.kc.allow_stdin = False
        self.kc.start_channels(hb=False, stdin=False)
        end = time.monotonic() + self.startup_timeout
        patience = 0.02
        while time.monotonic() < end:
            request = self.kc.kernel_info()
            with contextlib.suppress(asyncio.TimeoutError):
                await self._shell_reply(request, 0.5)
                await asyncio.wait_for(self._heard_idle(request), patience)
                return
            patience = min(
                2 * patience, 0.5
            )  # what it published before it knew that we listen is lost: ask again
            if not await self.km.is_alive():
                break
        raise Disturbed(f"a kernel did not answer within {self.startup_timeout} seconds")

    async def _heard_idle(self, request: str) -> None:
        while True:
            message = await self.kc.iopub_channel.get_msg(timeout=None)
            if (
                message["parent_header"].get("msg_id") == request
                and message["content"].get("execution_state") == "idle"
            ):
                return

    def _stop(self) -> None:
        if self.km is None:
            return
        if getattr(self, "_desk", None):
            self._desk.close()
        self._kill()
        if self.trust_submissions:
            self._cleanup_kernel()
            self._sockets.cleanup()
        else:
            if self._guard:
                self._guard.stop()
            if self.kc is not None:
                self.kc.stop_channels()
            run_sync(self.km.cleanup_resources)()
        self.km = self.kc = None

    def _kill(self) -> None:
        self._killer()()

    def _killer(self) -> Callable[[], None]:
        """What ends this kernel, and not one that comes after it."""
        if self.trust_submissions:
            return functools.partial(
                _kill, getattr(getattr(self.km, "provisioner", None), "process", None)
            )
        return self.km.provisioner.end if self.km.provisioner else lambda: None


def _kill(process: subprocess.Popen | None) -> None:
    """End a trusted kernel's process at once, and with it what it started, even if it is gone
    itself.
    """
    if process is None:
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    except PermissionError:
        process.kill()


def _show(cell: NotebookNode, verdict: Verdict) -> None:
    """Make the judge's words the cell's only output."""
    feedback = render(verdict)
    cell.outputs = [
        new_output("display_data", {"text/plain": feedback.text, "text/html": feedback.html})
    ]
    cell.execution_count = None


def _why_not_asked(
    question: Question, call: NotebookNode, earlier: list[NotebookNode]
) -> tuple[Status, str]:
    """Why the judge was never asked: most often there is nothing of the right name."""
    name = question.function_name
    error = _error_of(call)
    if error is None:
        return Status.ERROR, "The check did not reach the judge."
    if error.ename == "NameError" and name in error.evalue:
        defining = re.compile(rf"^\s*(?:def|class)\s+{name}\b|^{name}\s*=", flags=re.MULTILINE)
        broken = [
            found
            for cell in earlier
            if cell.cell_type == "code"
            and defining.search(cell.source)
            and (found := _error_of(cell))
        ]
        if broken:
            return (
                Status.ERROR,
                f"There is no `{name}`: the cell that defines it failed. {_plain(broken[-1])}",
            )
        return (
            Status.ERROR,
            f"There is no `{name}`: it was renamed, or the cell that "
            "defines it was not run to its end.",
        )
    return Status.ERROR, _plain(error)


def _error_of(cell: NotebookNode) -> NotebookNode | None:
    return next((output for output in cell.outputs if output.output_type == "error"), None)


def _plain(error: NotebookNode) -> str:
    """An error output's last line, without its colors."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", f"{error.ename}: {error.evalue}")
    return next(iter(text.splitlines()), "")[:300]


def _without_result(question: Question, status: Status, headline: str) -> Verdict:
    return Verdict(question.name, status, question.points, 0.0, headline)


def course_secret(path: Path) -> str:
    """The course's secret; made at first use, whole or not at all, readable by its owner only."""
    with contextlib.suppress(FileNotFoundError):
        return _read_secret(path)
    with tempfile.NamedTemporaryFile(
        "w", encoding="ascii", dir=path.parent, prefix=".secret-"
    ) as draft:  # readable by its owner only
        draft.write(secrets.token_hex(32) + "\n")
        draft.flush()
        with contextlib.suppress(FileExistsError):  # another process was first
            put_in_place(Path(draft.name), path)
    return _read_secret(path)


def _read_secret(path: Path) -> str:
    secret = path.read_text(encoding="ascii").strip()
    if not secret:
        raise CourseError(
            f"{path.absolute()} is empty, and so the probes would be known: put "
            "it back from a backup, or remove it."
        )
    return secret


class SaveVerdicts(SaveAutoGrades):
    """Writes the judge's points to the gradebook, and the verdicts into the notebook for
    feedback and reports. Cell outputs are not read.
    """

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Save all scores of the notebook."""
        nb, resources = super().preprocess(nb, resources)
        verdicts = [verdict.summary() for verdict in resources[METADATA_KEY].values()]
        nb.metadata[METADATA_KEY] = (
            {"verdicts": verdicts} | self._origin(resources) | resources[VERSIONS]
        )
        if self.config.get("JudgedExecute", {}).get("trust_submissions", False):
            nb.metadata[METADATA_KEY]["trusted"] = True
        return nb, resources

    def _origin(self, resources: ResourcesDict) -> dict[str, str]:
        """What the verdicts were made from, by which `course grade` knows whether it has to be
        graded again.
        """
        facts = resources["nbgrader"]
        if ORIGIN in resources or (folder := _handed_in(self, facts)) is None:
            return resources.get(ORIGIN, {})
        with Gradebook(facts["db_url"]) as gradebook:
            release = released(gradebook.find_assignment(facts["assignment"]))
        return {
            "files": submission.fingerprint(submission.read(folder, math.inf)),
            "release": fingerprint(release),
        }

    def _add_score(self, cell: NotebookNode, resources: ResourcesDict) -> None:
        grade_id = cell.metadata["nbgrader"]["grade_id"]
        verdict = resources[METADATA_KEY].get(grade_id)
        if (
            verdict is None
        ):  # graded by hand, or an ordinary nbgrader test of a course that has some
            super()._add_score(cell, resources)
            return
        grade = self.gradebook.find_grade(
            grade_id, self.notebook_id, self.assignment_id, self.student_id
        )
        grade.auto_score = verdict.earned
        grade.needs_manual_grade = grade.manual_score is not None
        self.gradebook.db.commit()
