"""nbgrader's own autograde, with three of its steps replaced: the course's cells are put back, the
judge sits outside the kernel, and the score is the judge's.

A course switches it on in its ``nbgrader_config.py``::

    from autograder import configure

    c = get_config()
    configure(c)
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import math
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

from nbclient.client import NotebookClient
from nbconvert.exporters.exporter import ResourcesDict
from nbconvert.preprocessors import ClearMetadataPreprocessor
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
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
    SaveAutoGrades,
    SaveCells,
)
from nbgrader.utils import compute_checksum
from sqlalchemy.exc import SAWarning
from traitlets import Bool, Float, Integer, List, Unicode

from autograder.errors import JudgeFault
from autograder.grading.execution.cell_runner import CellRunner
from autograder.grading.execution.kernels import (
    Kernel,
    Setting,
    TrustedKernel,
    WalledKernel,
)
from autograder.grading.execution.notebook_run import Author, NotebookRun, undisturbed
from autograder.grading.feedback_page import FeedbackExporter
from autograder.grading.hand_grades import (
    answers_file,
    graded_answers,
    remember_answers,
)
from autograder.grading.layout import METADATA_KEY
from autograder.grading.secret import course_secret
from autograder.grading.submissions import submission
from autograder.grading.submissions.cells import (
    Release,
    fault_of,
    fingerprint,
    metadata_of,
    own_texts,
    prepare,
    question_of,
    released,
    released_notebook,
)
from autograder.grading.submissions.hand_in_time import existing_timestamp
from autograder.grading.submissions.look_at import things_to_look_at
from autograder.grading.submissions.sanitize import sanitize_cell
from autograder.grading.versions import judged_by
from autograder.judge.code.modules_beside import modules_beside
from autograder.logs import GRADING, about, kept_in
from autograder.questions import catalogue
from autograder.sandbox import wall
from autograder.verdict import Verdict

ORIGIN_KEY = f"{METADATA_KEY}-origin"
"""Where `resources` say what was examined: the fingerprints of the submitted files and of the
released assignment.
"""

VERSIONS_KEY = f"{METADATA_KEY}-versions"
"""Where `resources` say by what the submission was judged, see `versions.judged_by`, and whether
it ran without walls.
"""

RELEASE_KEY = f"{METADATA_KEY}-release"
"""Where `resources` say what was released of the notebook, so that no step need ask the
gradebook.
"""


HAND_IN_KEY = f"{METADATA_KEY}-hand-in"
"""Where `resources` give the fingerprint of what was handed in."""

WRITTEN_ELSEWHERE = (
    "The cell is as it was handed out, and there is text of the student's own elsewhere in the "
    "notebook: it awaits hand grading."
)


def configure(c: Any, questions: str | None = None) -> None:
    """Make nbgrader release notebooks as they are and grade them by the judge. `c` is the object of
    nbgrader's ``get_config()``.

    questions: the package with the course's questions, where several are installed or none is
    """
    catalogue.choose(questions)
    if questions is not None:
        c.JudgedExecute.questions = questions
    # nbgrader's own business with SQLAlchemy 2
    warnings.filterwarnings("ignore", message="Object of type", category=SAWarning)
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
        CheckCellMetadata,
    ]
    c.Autograde.autograde_preprocessors = [
        JudgedExecute,
        SanitizeCells,
        IgnorePattern,
        ClearMetadataPreprocessor,
        LimitOutput,
        SaveVerdicts,
        AssignLatePenalties,
        CheckCellMetadata,
    ]
    c.GenerateFeedback.exporter_class = FeedbackExporter
    # nbgrader reads it before any step is asked, by a reader whose time grows with the square of
    # the text, and waits for a pipe.
    CourseDirectory.get_existing_timestamp = _existing_timestamp


def _existing_timestamp(_: CourseDirectory, folder: str) -> datetime | None:
    return existing_timestamp(folder)


class CheckedQuestions(NbGraderPreprocessor):
    """Refuses to release a cell that is graded automatically and is not a question's check."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: ResourcesDict, cell_index: int
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Raise ValueError for what `fault_of` finds."""
        fault = fault_of(cell)
        if fault is not None:
            raise ValueError(fault)
        return cell, resources


class CourseCells(NbGraderPreprocessor):
    """Replaces what a submission says about its cells, and its kernelspec, by what the course
    says.

    Tags and metadata that arrive are dropped; a cell keeps its grade id if the course has it (the
    first of several); locked and check cells get the course's source back; deleted ones are put
    back: checks before the next course cell that is still there, others after the last one before
    them.
    """

    max_megabytes = Float(
        submission.MEGABYTES,
        help="The most that a submission may hold, all files together.",
    ).tag(config=True)

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Rewrite the notebook. Raises `Unfit` for a submission that cannot be graded."""
        release = resources.get(RELEASE_KEY)
        if release is None:
            release = self._release(resources)
        return prepare(nb, release), resources

    def _release(self, resources: ResourcesDict) -> Release:
        """What was released, where nbgrader converts a submission that nobody has looked at."""
        names = resources["nbgrader"]
        folder = _submitted_folder(self, names)
        if folder is not None:
            expected: dict[str, tuple[str, ...]] = {names["notebook"]: ()}
            submission.receive(folder, names["student"], expected, self.max_megabytes)
        with Gradebook(names["db_url"]) as gradebook:
            return released_notebook(
                gradebook.find_notebook(names["notebook"], names["assignment"])
            )


class CourseKernelspec(NbGraderPreprocessor):
    """What `CourseCells` does since 0.2; a course's own list of steps may still name it."""

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Change nothing."""
        return nb, resources


def _coursedir(preprocessor: NbGraderPreprocessor) -> Any:
    """The course that nbgrader is converting a submission of; None where the preprocessor runs
    outside a converter.
    """
    return getattr(getattr(preprocessor.parent, "parent", None), "coursedir", None)


def _submitted_folder(
    preprocessor: NbGraderPreprocessor, names: dict[str, str]
) -> Path | None:
    """The folder that nbgrader is converting; None where the preprocessor runs outside a
    converter.
    """
    coursedir = _coursedir(preprocessor)
    if coursedir is None:
        return None
    return Path(
        coursedir.format_path(
            coursedir.submitted_directory, names["student"], names["assignment"]
        )
    )


def _modules_of(nb: NotebookNode, folder: str | None) -> dict[str, str]:
    """The modules beside the notebook that its cells import."""
    sources = [cell.source for cell in nb.cells if cell.cell_type == "code"]
    return modules_beside(Path(folder), sources) if folder else {}


class SanitizeCells(NbGraderPreprocessor):
    """Leaves nothing in what a student wrote that a reader's browser would run or fetch (see
    `autograder.grading.submissions.sanitize`); what the course and the judge wrote stays.
    """

    def preprocess_cell(
        self, cell: NotebookNode, resources: ResourcesDict, cell_index: int
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Disarm the cell in place."""
        metadata = metadata_of(cell)
        if cell.cell_type == "code":
            trusted = question_of(cell) is not None
        else:
            trusted = bool(metadata.get("locked") and not metadata.get("solution"))
        if not trusted:
            sanitize_cell(cell)
        return cell, resources


HarmlessCells = SanitizeCells
"""Its name before 0.2, which a course's own list of steps may still hold."""


class JudgedExecute(Execute):
    """Runs a submission in a kernel of its own behind a wall, and has every check cell judged from
    this side of a private channel (see `notebook_run`).
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
        wall.Limits.processes,
        min=16,
        help="Processes and threads of a submission at one time.",
    ).tag(config=True)
    file_mb = Integer(
        wall.Limits.file_mb,
        min=1,
        help="MB that one file written by a submission may have.",
    ).tag(config=True)
    disk_mb = Integer(
        wall.Limits.disk_mb,
        min=1,
        help="MB for all files that a submission writes, and the copy of its folder.",
    ).tag(config=True)
    output_mb = Integer(
        wall.Limits.output_mb, min=1, help="MB that a cell may print and display."
    ).tag(config=True)
    judge_mb = Integer(
        4096,
        min=256,
        help=(
            "MB of memory that the process which judges may take for one submission, beyond what "
            "it has before."
        ),
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

    _kernel_ahead: Kernel | None = None

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict, km: Any = None
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Execute and judge; the verdicts go to ``resources["autograder"]``, by grade id."""
        names, coursedir = resources["nbgrader"], _coursedir(self)
        log_file: Any = contextlib.nullcontext()
        if coursedir is not None:
            log_file = kept_in(Path(coursedir.root) / GRADING)
        with log_file, about(f"{names['assignment']}, {names['student']}"):
            catalogue.choose(self.questions)
            self._refuse_faults(nb, names["assignment"])
            verdicts = undisturbed(
                nb, functools.partial(self._notebook_run, nb, resources)
            )
            resources[METADATA_KEY] = verdicts
            modules = _modules_of(nb, resources["metadata"].get("path"))
            look_at = things_to_look_at(nb, modules, verdicts)
            resources[VERSIONS_KEY] = self._versions(verdicts) | {"look_at": look_at}
        return nb, resources

    def start_ahead(self, nb: NotebookNode, resources: ResourcesDict) -> None:
        """Have the kernel for `nb` started while something else is done; `preprocess` of the
        same notebook takes it, or `give_up` ends it.
        """
        kernel = self._kernel(nb, resources)
        kernel.begin()
        self._kernel_ahead = kernel

    def give_up(self) -> None:
        """End a kernel that was started ahead and is not wanted any more."""
        kernel, self._kernel_ahead = self._kernel_ahead, None
        if kernel is not None:
            kernel.stop()

    def _notebook_run(
        self, nb: NotebookNode, resources: ResourcesDict, attempt: int
    ) -> NotebookRun:
        names, folder = resources["nbgrader"], resources["metadata"].get("path")
        author = Author(
            secret=course_secret(Path(self.secret_file)),
            assignment=names["assignment"],
            student=names["student"],
            modules=_modules_of(nb, folder),
            hand_in=resources.get(HAND_IN_KEY) or self._hand_in(names),
        )
        jupyter = NotebookClient.class_trait_names(config=True)
        runner = CellRunner(
            nb,
            seconds=self.notebook_seconds,
            output_mb=self.output_mb,
            first_attempt=attempt == 1,
            jupyter={name: getattr(self, name) for name in jupyter},
        )
        new_kernel = functools.partial(self._next_kernel, nb, resources)
        return NotebookRun(runner, new_kernel, author, self.max_revivals)

    def _hand_in(self, names: dict[str, str]) -> str:
        """The fingerprint of what was handed in, where nbgrader converts it; "" elsewhere."""
        folder = _submitted_folder(self, names)
        if folder is None:
            return ""
        return submission.fingerprint(submission.digests(folder, math.inf))

    def try_kernel(self, folder: str) -> None:
        """Start a kernel in `folder` and stop it. Raises `Disturbed` or `NoWall` where none can
        be kept running here.
        """
        resources = ResourcesDict(None, {"metadata": {"path": folder}})
        kernel = self._kernel(new_notebook(), resources)
        try:
            kernel.begin()
            kernel.connect()
        finally:
            kernel.stop()

    def _next_kernel(self, nb: NotebookNode, resources: ResourcesDict) -> Kernel:
        """The one that was started ahead, or another."""
        kernel, self._kernel_ahead = self._kernel_ahead, None
        if kernel is None:
            kernel = self._kernel(nb, resources)
            kernel.begin()
        return kernel

    def _kernel(self, nb: NotebookNode, resources: ResourcesDict) -> Kernel:
        kind = self._kind_of_kernel()
        return kind(
            Setting(
                folder=resources["metadata"].get("path") or None,
                exercise=_exercise(nb, resources),
                limits=self._limits(),
                packages=self.packages,
                seconds=self.startup_timeout,
                name=self.kernel_name
                or nb.metadata.get("kernelspec", {}).get("name", ""),
                arguments=(
                    *self.extra_arguments,
                    "--HistoryManager.hist_file=:memory:",
                ),
                config=self.config,
            )
        )

    def _kind_of_kernel(self) -> type[Kernel]:
        return TrustedKernel if self.trust_submissions else WalledKernel

    def _limits(self) -> wall.Limits:
        return wall.Limits(
            self.memory_mb,
            self.processes,
            file_mb=self.file_mb,
            disk_mb=self.disk_mb,
            output_mb=self.output_mb,
        )

    def _refuse_faults(self, nb: NotebookNode, assignment: str) -> None:
        """Raise `JudgeFault` for a released cell that nobody can be graded with."""
        for cell in nb.cells:
            fault = fault_of(cell)
            if fault is not None:
                raise JudgeFault(f"{assignment}: {fault}")

    def _versions(self, verdicts: dict[str, Verdict]) -> dict[str, Any]:
        versions: dict[str, Any] = dict(
            judged_by(verdict.question for verdict in verdicts.values())
        )
        if not self._kind_of_kernel().walled:
            versions["trusted"] = True
        return versions


def _exercise(nb: NotebookNode, resources: ResourcesDict) -> str:
    """The text of the course's own cells, as released; of those that are put back where the release
    is not at hand.
    """
    release = resources.get(RELEASE_KEY)
    if release is not None:
        cells = [cell for cell, _fixed in release["cells"].values()]
        return "\n".join(cell["source"] for cell in cells)
    locked = (cell for cell in nb.cells if metadata_of(cell).get("locked"))
    return "\n".join(cell.source for cell in locked)


class SaveVerdicts(SaveAutoGrades):
    """Writes the judge's points to the gradebook, and the verdicts into the notebook for
    feedback and reports. Cell outputs are not read.

    A written answer that stands outside its cell awaits hand grading, and what was graded by hand
    is asked for again only where the answer has changed.
    """

    def preprocess(
        self, nb: NotebookNode, resources: ResourcesDict
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Save all scores of the notebook."""
        names = resources["nbgrader"]
        self._elsewhere = own_texts(nb.cells, _handed_out(self, names))
        code = [cell.source for cell in nb.cells if cell.cell_type == "code"]
        self._code = hashlib.sha256(f"[{json.dumps(code)}".encode())
        file = _answers_file(self, names)
        self._graded_before = graded_answers(file, names["notebook"]) if file else {}
        self._graded_now: dict[str, str] = {}
        nb, resources = super().preprocess(nb, resources)
        if file:
            remember_answers(file, names["notebook"], self._graded_now)
        verdicts = [verdict.summary() for verdict in resources[METADATA_KEY].values()]
        origin = resources.get(ORIGIN_KEY)
        if origin is None:
            origin = self._origin(names)
        nb.metadata[METADATA_KEY] = {
            "verdicts": verdicts,
            **origin,
            **resources[VERSIONS_KEY],
        }
        return nb, resources

    def _origin(self, names: dict[str, str]) -> dict[str, str]:
        """What the verdicts were made from, by which `course grade` knows whether it has to be
        graded again.
        """
        folder = _submitted_folder(self, names)
        if folder is None:
            return {}
        with Gradebook(names["db_url"]) as gradebook:
            release = released(gradebook.find_assignment(names["assignment"]))
        return {
            "files": submission.fingerprint(submission.digests(folder, math.inf)),
            "release": fingerprint(release),
        }

    def _add_score(self, cell: NotebookNode, resources: ResourcesDict) -> None:
        grade_id = metadata_of(cell)["grade_id"]
        grade = self.gradebook.find_grade(
            grade_id, self.notebook_id, self.assignment_id, self.student_id
        )
        was_asked_for = grade.needs_manual_grade
        verdict = resources[METADATA_KEY].get(grade_id)
        if verdict is not None:
            grade.auto_score = verdict.earned
            grade.needs_manual_grade = grade.manual_score is not None
        else:
            # Graded by hand, or an ordinary nbgrader test of a course that has some.
            super()._add_score(cell, resources)
            if self._stands_elsewhere(cell):
                grade.auto_score, grade.needs_manual_grade = None, True
        answer = self._fingerprint(cell, verdict)
        is_unchanged = self._graded_before.get(grade_id) == answer
        if grade.manual_score is not None and is_unchanged:
            grade.needs_manual_grade = was_asked_for
        self._graded_now[grade_id] = answer
        self.gradebook.db.commit()

    def _add_comment(self, cell: NotebookNode, resources: ResourcesDict) -> None:
        """nbgrader's, which says "No response." of a cell that is as it was handed out; that is
        not so where the answer stands elsewhere.
        """
        super()._add_comment(cell, resources)
        if self._stands_elsewhere(cell):
            comment = self.gradebook.find_comment(
                metadata_of(cell)["grade_id"],
                self.notebook_id,
                self.assignment_id,
                self.student_id,
            )
            comment.auto_comment = WRITTEN_ELSEWHERE
            self.gradebook.db.commit()

    def _stands_elsewhere(self, cell: NotebookNode) -> bool:
        """Whether a written answer's cell is as it was handed out, and there is text of the
        student's own elsewhere in the notebook.
        """
        metadata = metadata_of(cell)
        is_written = metadata.get("grade") and metadata.get("solution")
        is_untouched = metadata.get("checksum") == compute_checksum(cell)
        return bool(is_written and is_untouched and self._elsewhere)

    def _fingerprint(self, cell: NotebookNode, verdict: Verdict | None) -> str:
        """SHA-256 of an answer: of what its cell holds and, where that is nothing, of what
        stands elsewhere; of a judged one all code, and its points.
        """
        if verdict is not None:  # all code is gone through once, not for each answer
            found = self._code.copy()
            found.update(f", {json.dumps(verdict.earned)}]".encode())
            return found.hexdigest()
        parts: list[Any] = [cell.source, cell.get("attachments")]
        if self._stands_elsewhere(cell):
            parts.append(self._elsewhere)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _handed_out(preprocessor: NbGraderPreprocessor, names: dict[str, str]) -> list[str]:
    """The sources of the cells that students were given; [] where the notebook is not there."""
    coursedir = _coursedir(preprocessor)
    if coursedir is None:
        return []
    sources: list[str] = []
    for folder in (coursedir.release_directory, coursedir.source_directory):
        place = coursedir.format_path(folder, ".", names["assignment"])
        with contextlib.suppress(
            OSError, ValueError, LookupError, AttributeError, TypeError
        ):
            notebook = json.loads(
                Path(place, f"{names['notebook']}.ipynb").read_bytes()
            )
            sources += ["".join(cell["source"]) for cell in notebook["cells"]]
    return sources


def _answers_file(
    preprocessor: NbGraderPreprocessor, names: dict[str, str]
) -> Path | None:
    """Where it is kept which answers a student's grades are for; None outside a converter."""
    coursedir = _coursedir(preprocessor)
    if coursedir is None:
        return None
    graded = coursedir.format_path(
        coursedir.autograded_directory, names["student"], names["assignment"]
    )
    return answers_file(Path(graded))
