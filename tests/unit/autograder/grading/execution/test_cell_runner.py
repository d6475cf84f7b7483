"""A cell's limits hold whatever its kernel sends: on a kernel that is none, without a process."""

from __future__ import annotations

import math
import threading
import time

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from autograder.errors import Disturbed
from autograder.grading.execution import cell_runner
from autograder.grading.execution.cell_runner import (
    DEAF,
    KERNEL_STOPPED,
    CellRunner,
    NotebookTime,
    limit_of,
)
from autograder.sandbox import wall


class Channel:
    """One that always has a message, which belongs to no cell, until its kernel is gone."""

    def __init__(self, kernel):
        self.kernel, self.socket = kernel, self

    async def get_msg(self, timeout=None):
        if self.kernel.gone.is_set():
            raise RuntimeError("nothing comes any more")
        return {
            "parent_header": {"msg_id": "another"},
            "msg_type": "status",
            "content": {},
        }

    async def poll(self, milliseconds):
        return True


class Flood:
    """A kernel, its manager, its client and its judge's session in one: sends without pause."""

    ended_for = ""
    closed = False

    def __init__(self, reason="over"):
        self.gone = threading.Event()
        self.reason = reason
        self.manager = self.client = self
        self.shell_channel = self.iopub_channel = Channel(self)
        self.setting = self
        self.limits = wall.Limits()

    def execute(self, source, **options):
        return "this cell"

    def worked(self):
        return 0.0

    def why_ended(self):
        return self.reason

    def alive(self):
        return not self.gone.is_set()

    is_alive = alive

    def interrupt_kernel(self):
        """It is deaf."""

    def end_for(self, reason):
        self.ended_for = self.ended_for or reason
        self.gone.set()


def runner_on(kernel, seconds=600.0, first_attempt=True):
    runner = CellRunner(
        new_notebook(cells=[new_code_cell("while True: pass")]),
        seconds=seconds,
        output_mb=1,
        first_attempt=first_attempt,
        jupyter={"iopub_timeout": 0},
    )
    runner.use(kernel, kernel)
    return runner


def test_a_kernel_that_sends_without_pause_is_ended_when_its_time_is_over(monkeypatch):
    """Its messages keep busy the loop in which all of Jupyter's timers run."""
    monkeypatch.setattr(cell_runner, "HEEDS_INTERRUPT", 0.1)
    kernel = Flood()
    runner = runner_on(kernel)
    started = time.monotonic()
    lost = runner.run(runner.nb.cells[0], 0, seconds=30, by_clock=0.2)
    assert 0.2 < time.monotonic() - started < 5
    assert (
        lost == "The cell had not ended after 0.2 seconds by the clock and was stopped."
    )
    assert kernel.gone.is_set()


def test_the_work_that_a_kernels_messages_make_here_is_its_cells(monkeypatch):
    """They cost whoever reads them more than whoever sends them."""
    monkeypatch.setattr(cell_runner, "HEEDS_INTERRUPT", 0.1)
    kernel = Flood()
    kernel.worked = lambda: 0.0
    runner = runner_on(kernel)
    started = time.thread_time()
    lost = runner.run(runner.nb.cells[0], 0, seconds=0.2, by_clock=100)
    assert lost == "The cell ran longer than 0.2 seconds and was stopped."
    assert 0.2 <= time.thread_time() - started < 5
    assert runner.time.worked() == pytest.approx(runner._listening.seconds())


def test_a_cell_whose_work_cannot_be_measured_is_ended_by_the_clock(monkeypatch):
    monkeypatch.setattr(cell_runner, "HEEDS_INTERRUPT", 0.1)
    kernel = Flood()

    def worked():
        raise OSError("no /proc here")

    kernel.worked = worked
    runner = runner_on(kernel)
    lost = runner.run(runner.nb.cells[0], 0, seconds=30, by_clock=0.2)
    assert (
        lost == "The cell had not ended after 0.2 seconds by the clock and was stopped."
    )
    assert kernel.gone.is_set()


@pytest.mark.parametrize(
    ("worked", "waited", "sentence"),
    [
        (31, 0, "The cell ran longer than 30 seconds and was stopped."),
        (
            1,
            161,
            "The cell had not ended after 160 seconds by the clock and was stopped.",
        ),
        (600, 0, "The notebook's time, 600 seconds, was used up."),
        (1, 4000, "The notebook's time by the clock, 3010 seconds, was used up."),
    ],
    ids=["work", "clock", "notebook's work", "notebook's clock"],
)
def test_which_limit_was_met_is_said(monkeypatch, worked, waited, sentence):
    now = 0.0
    monkeypatch.setattr(cell_runner.time, "monotonic", lambda: now)
    notebook = NotebookTime(600)
    work = 0.0
    notebook.kernel_started(lambda: work)
    cell = notebook.of_cell(30, 160)
    assert cell.left() == 30
    work, now = float(worked), float(waited)
    assert cell.left() <= 0
    assert cell.over() == sentence


def test_a_cell_gets_no_more_than_its_notebook_has_left():
    notebook = NotebookTime(600)
    notebook.kernel_started(lambda: 590.0)
    assert notebook.of_cell(30, 160).left() == pytest.approx(10, abs=1)
    assert not notebook.used_up()


def test_the_work_of_a_kernel_that_is_gone_counts():
    notebook = NotebookTime(600)
    clock = [5.0]
    notebook.kernel_started(lambda: clock[0])
    assert notebook.worked() == 5
    clock[0] = 0.0  # as of a process that is no more
    assert notebook.worked() == 5
    notebook.kernel_started(lambda: 2.0)
    assert notebook.worked() == 7


def test_why_a_kernel_is_gone():
    assert runner_on(Flood("over")).cause() == KERNEL_STOPPED
    assert "used more than 2048 MB of memory" in runner_on(Flood("memory")).cause()
    with pytest.raises(Disturbed):
        runner_on(Flood("lost"), first_attempt=False).cause()
    with pytest.raises(Disturbed):
        runner_on(Flood("killed")).cause()
    assert runner_on(Flood("killed"), first_attempt=False).cause() == KERNEL_STOPPED
    assert runner_on(Flood())._deaf() == DEAF


def test_no_limit_for_a_cell_is_written_in_any_of_nbclients_ways():
    assert [limit_of(timeout) for timeout in (None, -1, 0)] == [math.inf] * 3
    assert limit_of(30) == 30


def message(kind, **content):
    header = {"msg_type": kind}
    return {
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
    } | header


def test_outputs_beyond_the_notebooks_limit_are_left_out_but_not_that_a_cell_failed(
    monkeypatch,
):
    monkeypatch.setattr(cell_runner, "MOST_OUTPUTS", 3)
    runner = runner_on(Flood())
    runner.clear_before_next_output = False  # as where a cell begins
    cell = runner.nb.cells[0]
    display = message(
        "display_data", data={"text/plain": ""}, metadata={}, transient={}
    )
    for _ in range(10):
        runner.process_message(display, cell, 0)
    error = message("error", ename="NameError", evalue="x", traceback=[])
    for _ in range(2):
        runner.process_message(error, cell, 0)
    kinds = [output.output_type for output in cell.outputs]
    assert kinds == ["display_data"] * 3 + ["stream", "error"]
    assert cell.outputs[3].text.endswith(
        "more than 3 outputs: what came later is left out.\n"
    )
