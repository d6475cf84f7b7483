"""Runs a whole notebook and has its check cells judged.

What happens in a cell costs that cell: after a crash, a limit or a hang that no interrupt ends, a
new kernel is started and what ran before is run again without the cell at fault.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output

from autograder.answers.time_limit import patience
from autograder.errors import CannotBeGradedHere, Disturbed, JudgingStuck, NotJudged
from autograder.feedback.render import render
from autograder.grading.execution.cell_runner import KERNEL_STOPPED, CellRunner
from autograder.grading.execution.context import (
    NO_NETWORK,
    Context,
    error_of,
    is_offline,
    last_line,
    reworded,
    why_not_asked,
    without_result,
)
from autograder.grading.execution.judge_session import JudgeSession
from autograder.grading.execution.kernels import Kernel
from autograder.grading.submissions.cells import question_of, to_run
from autograder.judge.code.code_reader import Code
from autograder.logs import GRADING
from autograder.questions.definition import Question, seed_for
from autograder.values.channel import Channel
from autograder.verdict import Status, Verdict

ATTEMPTS = 3
"""How many times a submission is run from the beginning when the warm process was killed under
it.
"""

CHECK_SECONDS_BY_CLOCK = 300.0
"""Seconds beyond its question's own that a check cell may take: the judge keeps the question's
time, this is for when the judge itself is stuck.
"""


@dataclass(frozen=True)
class Author:
    """Whose answers are judged, and what besides the cells belongs to them.

    secret:  the course's, from which the probes' seeds derive.
    modules: the sources of the modules beside the notebook, by their names.
    hand_in: the fingerprint of what was handed in: another hand-in is asked for other inputs, so
             that what the feedback on one has shown earns nothing in the next.
    """

    secret: str
    assignment: str
    student: str
    modules: Mapping[str, str] = field(default_factory=dict)
    hand_in: str = ""

    def seed(self, question: Question) -> int:
        """From which the inputs of this hand-in's check derive."""
        whose = (self.secret, self.assignment, self.student, self.hand_in)
        return seed_for(*whose, question.name)


def undisturbed(
    nb: NotebookNode, run: Callable[[int], NotebookRun]
) -> dict[str, Verdict]:
    """The verdicts of ``run(attempt)``, begun anew where the warm process was killed under it:
    nothing that the submission did. What was judged by then is not judged again: the first answer
    to a question counts.
    """
    sources = [cell.source for cell in nb.cells]
    first: dict[str, Verdict] = {}
    for attempt in range(1, ATTEMPTS):
        try:
            return run(attempt).verdicts(first)
        except Disturbed:
            time.sleep(2 * attempt - 1)  # what disturbed it may pass
            for cell, source in zip(nb.cells, sources, strict=True):
                cell.source = source
    return run(ATTEMPTS).verdicts(first)


class NotebookRun:
    """One notebook's way through as many kernels as it takes.

    new_kernel: makes the next kernel, which may have been asked for already.
    revivals:   how many more kernels than one it may have.
    """

    def __init__(
        self,
        runner: CellRunner,
        new_kernel: Callable[[], Kernel],
        author: Author,
        revivals: int,
    ):
        self.nb: NotebookNode = runner.nb
        self._runner, self._new_kernel, self._author = runner, new_kernel, author
        self._revivals_left = revivals
        self._kernel: Kernel | None = None
        self._session: JudgeSession | None = None
        self._left_out: set[int] = set()
        self._given_up = ""  # why there is no kernel any more

    def verdicts(
        self, verdicts: dict[str, Verdict] | None = None
    ) -> dict[str, Verdict]:
        """Run all cells; the judge's verdicts by the check cells' grade ids. Those that are in
        `verdicts` already stand; the others are entered there as they come.
        """
        verdicts = {} if verdicts is None else verdicts
        try:
            self._start()
            self.nb.metadata["language_info"] = _language()
            for index, cell in enumerate(self.nb.cells):
                if not to_run(cell):
                    continue
                if question := question_of(cell):
                    grade_id = cell.metadata.nbgrader.grade_id
                    if grade_id not in verdicts:
                        verdicts[grade_id] = self._judge(question, index)
                    _show(cell, verdicts[grade_id])
                else:
                    self._run(cell, index)
        finally:
            self._stop()
        return verdicts

    # --- kernels

    def _start(self) -> None:
        kernel = self._kernel = self._new_kernel()
        kernel.connect()
        assert kernel.judge is not None
        channel = Channel(kernel.judge)
        self._session = JudgeSession(channel, give_up=kernel.kill, worked=kernel.worked)
        self._runner.use(kernel, self._session)

    def _stop(self) -> None:
        session, self._session = self._session, None
        kernel, self._kernel = self._kernel, None
        self._runner.release()
        if session is not None:
            session.close()
        if kernel is not None:
            kernel.stop()

    def _revive(self, index: int, leave_out: int | None = None) -> None:
        """A new kernel in the state before cell `index`, without the cells that ended the old
        one; no kernel after too many.
        """
        while True:
            if leave_out is not None:
                self._left_out.add(leave_out)
            self._stop()
            self._given_up = self._runner.time.used_up()
            if not self._given_up and self._revivals_left <= 0:
                self._given_up = (
                    "Python was stopped too often by this notebook to go on."
                )
            if self._given_up:
                return
            self._revivals_left -= 1
            self._start()
            leave_out = self._run_again(index)
            if leave_out is None:
                return

    def _run_again(self, index: int) -> int | None:
        """Run the cells before `index` once more; the one that ended the kernel, if one did."""
        for earlier, cell in enumerate(self.nb.cells[:index]):
            is_check = question_of(cell) is not None
            is_left_out = earlier in self._left_out
            runs = to_run(cell) and not is_check and not is_left_out
            if runs and self._runner.run(new_code_cell(cell.source), earlier):
                return earlier
        return None

    # --- cells

    def _run(self, cell: NotebookNode, index: int) -> None:
        """Run a cell that checks nothing, and say in its outputs which limit it met."""
        if self._kernel is None or self._session is None:
            return
        kernel = self._kernel
        lost = self._runner.run(cell, index)
        if missing := self._session.missing:
            raise CannotBeGradedHere(
                f"it answers in {missing}, which cannot be imported on this machine: grade it "
                "where it can (`course doctor`)"
            )
        remarks = [f"{lost} Grading went on without this cell."] if lost else []
        error = error_of(cell)
        if error is not None:
            remarks += kernel.limit_hit(last_line(error))
            if kernel.walled and is_offline(error):
                remarks.append(NO_NETWORK)
            if error.ename == "OutputLimit":
                # The lines are none of the student's.
                error.traceback = [last_line(error)]
        if self._runner.stopped and not lost:
            remarks.append(self._runner.stopped)
        if remarks:
            text = "\n".join(remarks) + "\n"
            cell.outputs.append(new_output("stream", name="stderr", text=text))
        if lost:
            self._revive(index, leave_out=index)

    def _judge(self, question: Question, index: int) -> Verdict:
        """The verdict on a question, from the judge or, where it was never asked, about that."""
        if self._kernel is None:
            out_of_time = self._runner.time.used_up()
            status = Status.TIMEOUT if out_of_time else Status.CRASHED
            return without_result(question, status, self._given_up)
        kernel = self._kernel
        # Run the check itself, not the cell: a notebook may have given the name `check` to
        # something else.
        call = new_code_cell(
            f'__import__("autograder").check({question.name!r}, {question.function_name})'
        )
        verdict, lost = self._check(question, call, index)
        if lost:
            self._revive(index)
        if lost and (verdict is None or _crashed(verdict, lost)):
            stopped = "Python stopped while it ran this answer."
            headline = stopped if lost == KERNEL_STOPPED else lost
            return without_result(question, Status.CRASHED, headline)
        if lost == KERNEL_STOPPED and verdict is not None:
            return verdict
        earlier = self.nb.cells[:index]
        later = self.nb.cells[index + 1 :]
        context = Context(earlier, later, offline=kernel.walled)
        if verdict is None:
            verdict = why_not_asked(question, call, context)
        limits = kernel.limit_hit(verdict.headline)
        verdict = reworded(verdict, question, context)
        return replace(verdict, details=(*verdict.details, *limits))

    def _check(
        self, question: Question, call: NotebookNode, index: int
    ) -> tuple[Verdict | None, str]:
        """The judge's verdict, if it was asked, and why the kernel is lost, if it is."""
        session = self._session
        assert session is not None
        session.open_check(
            question, self._author.seed(question), self._code(question, index)
        )
        lost = self._runner.run(
            call,
            index,
            seconds=math.inf,
            by_clock=patience(question.seconds) + CHECK_SECONDS_BY_CLOCK,
        )
        verdict = session.close_check()
        if session.fault and session.stuck:
            raise JudgingStuck(f"{session.fault}: look at this answer")
        if session.fault:
            raise NotJudged(
                f"{session.fault}. That is a fault of the course, not of the "
                f"submission: its traceback is in {GRADING}"
            )
        if not lost and session.closed:  # the exchange broke after the cell had ended
            lost = self._runner.cause()
        return verdict, lost

    def _code(self, question: Question, index: int) -> Code:
        """What was run before cell `index`."""
        earlier = [
            cell.source
            for at, cell in enumerate(self.nb.cells[:index])
            if cell.cell_type == "code" and at not in self._left_out
        ]
        name = question.function_name
        return Code(earlier, name, beside=self._author.modules)


def _language() -> dict[str, str]:
    return {
        "name": "python",
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "pygments_lexer": "ipython3",
    }


def _crashed(verdict: Verdict, lost: str) -> bool:
    """Whether the kernel was lost by more than what the judge saw itself."""
    return verdict.status is Status.CRASHED and lost != KERNEL_STOPPED


def _show(cell: NotebookNode, verdict: Verdict) -> None:
    """Make the judge's words the cell's only output."""
    feedback = render(verdict)
    data = {"text/plain": feedback.text, "text/html": feedback.html}
    cell.outputs = [new_output("display_data", data)]
    cell.execution_count = None
