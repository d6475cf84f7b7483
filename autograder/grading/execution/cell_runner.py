"""Runs one cell at a time on a kernel, within its time and its output.

Time is counted in processor seconds, as for an answer, with a limit by the clock behind it. A
kernel's messages are a stranger's: the limits hold whatever it sends.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from nbclient.client import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograder.answers.time_limit import patience
from autograder.errors import Disturbed
from autograder.grading.execution.context import error_of
from autograder.grading.execution.judge_session import JudgeSession
from autograder.grading.execution.kernels import Kernel
from autograder.logs import log

KERNEL_STOPPED = "Python stopped in this cell."
DEAF = "Python did not stop when it was interrupted, and was ended."

NOTEBOOK_OUTPUT = 8
"""How many times the output of one cell a whole notebook's may be."""

MOST_OUTPUTS = 20_000
"""Outputs of a whole notebook: each takes kilobytes of whoever records them, however small it is.
Text that is printed without a pause is one.
"""

HEEDS_INTERRUPT = 20.0
"""Seconds that a kernel has, once its cell's time is over, to end the cell and answer. One that is
still busy then is ended, even if it keeps this process busy with messages.
"""

RESPONDS = 15.0
"""Seconds that a kernel has for an answer between two cells."""

LEAST = 0.1
"""Seconds that any cell gets, however little is left of its notebook's time."""

_OUTPUTS = {"stream", "display_data", "execute_result", "error", "update_display_data"}


class NotebookTime:
    """What a whole notebook may take: `seconds` of work on all its kernels, and here on what they
    send; and the time by the clock that goes with them.
    """

    def __init__(self, seconds: float):
        self.seconds, self.by_clock = seconds, patience(seconds)
        self._end = time.monotonic() + self.by_clock
        self._earlier_kernels = self._this_kernel = 0.0
        self._clock: Callable[[], float] = lambda: 0.0
        self._clock_failed = False

    def kernel_started(self, worked: Callable[[], float]) -> None:
        """From now on another kernel works, whose processor time is `worked`."""
        self._earlier_kernels += self._this_kernel
        self._this_kernel = 0.0
        self._clock, self._clock_failed = worked, False

    def worked(self) -> float:
        """Processor seconds so far, as far as they could be measured: the time by the clock is
        limited, too.
        """
        # A kernel that is gone has no clock any more.
        self._this_kernel = max(self._this_kernel, self._measured())
        return self._earlier_kernels + self._this_kernel

    def _measured(self) -> float:
        """Of this kernel; 0 where that fails. It must not end the thread that keeps a deadline."""
        try:
            return self._clock()
        except Exception:
            if not self._clock_failed:
                self._clock_failed = True
                log.warning("a kernel's work cannot be measured", exc_info=True)
            return 0.0

    def used_up(self) -> str:
        """That no time is left, in a sentence; "" while there is some."""
        if self.worked() >= self.seconds:
            return f"The notebook's time, {self.seconds:g} seconds, was used up."
        if time.monotonic() > self._end:
            return f"The notebook's time by the clock, {self.by_clock:g} seconds, was used up."
        return ""

    def of_cell(self, seconds: float, by_clock: float) -> CellTime:
        """The time of a cell that starts now; no more than is left of the notebook's."""
        worked, now = self.worked(), time.monotonic()
        return CellTime(
            self,
            seconds,
            by_clock,
            stop_worked=worked + min(seconds, max(self.seconds - worked, LEAST)),
            stop_at=now + min(by_clock, max(self._end - now, LEAST)),
        )


@dataclass(frozen=True)
class CellTime:
    """What one cell may take: `seconds` of work, `by_clock` by the clock."""

    notebook: NotebookTime
    seconds: float
    by_clock: float
    stop_worked: float
    stop_at: float

    def left(self) -> float:
        """Seconds that the cell has at least: it cannot have used up its work before as many
        have passed.
        """
        work_left = self.stop_worked - self.notebook.worked()
        time_left = self.stop_at - time.monotonic()
        return min(work_left, time_left)

    def over(self) -> str:
        """Which of its limits the cell has reached, or its notebook has, in a sentence."""
        if whole_notebook := self.notebook.used_up():
            return whole_notebook
        if self.notebook.worked() >= self.stop_worked:
            return f"The cell ran longer than {self.seconds:g} seconds and was stopped."
        return (
            f"The cell had not ended after {self.by_clock:g} seconds by the clock "
            "and was stopped."
        )


class _Listening:
    """The processor seconds that this thread takes for what a kernel sends while a cell runs. They
    are the cell's: messages cost whoever reads them more than whoever sends them.
    """

    def __init__(self) -> None:
        self._earlier = self._began = 0.0
        self._clock: int | None = None

    def seconds(self) -> float:
        """So far; from any thread."""
        if self._clock is None:
            return self._earlier
        return self._earlier + time.clock_gettime(self._clock) - self._began

    @contextlib.contextmanager
    def to_a_cell(self) -> Iterator[None]:
        """In here a cell runs."""
        if hasattr(time, "pthread_getcpuclockid"):  # not on macOS
            self._clock = time.pthread_getcpuclockid(threading.get_ident())
            self._began = time.clock_gettime(self._clock)
        try:
            yield
        finally:
            self._earlier, self._clock = self.seconds(), None


def limit_of(timeout: float | None) -> float:
    """Seconds that nbclient's setting `timeout` gives a cell: no number, and one that is not
    positive, are no limit.
    """
    return timeout if timeout is not None and timeout > 0 else math.inf


class _Deadline(threading.Thread):
    """Calls `act` once no time has been `left` for longer than `grace` seconds.

    A thread, because a kernel that sends without pause can keep the loop busy that everything else
    runs in, timers included.
    """

    def __init__(
        self, left: Callable[[], float], act: Callable[[], None], grace: float
    ):
        super().__init__(daemon=True)
        self._left, self._act, self._grace = left, act, grace
        self._done = threading.Event()

    def run(self) -> None:
        while (left := self._left()) > 0:
            if self._done.wait(min(max(left, 0.01), 1.0)):
                return
        if not self._done.wait(self._grace):
            self._act()

    def __enter__(self) -> _Deadline:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()


class CellRunner(NotebookClient):
    """Runs the cells of one notebook, on the kernel that it was given last.

    stopped: how the last cell came to be interrupted, in a sentence; "" where it was not.
    """

    def __init__(
        self,
        nb: NotebookNode,
        *,
        seconds: float,
        output_mb: int,
        first_attempt: bool,
        jupyter: dict[str, Any],
    ):
        super().__init__(nb, **jupyter)
        self._first_attempt = first_attempt
        self.time = NotebookTime(seconds)
        self.stopped = ""
        self._listening = _Listening()
        self._most_output = output_mb * 2**20
        self._output_of_cell = self._output_of_notebook = 0
        self._outputs_before = 0
        self._outputs_cut_off = False
        self._output_mb = output_mb
        self._kernel: Kernel | None = None
        self._session: JudgeSession | None = None

    def use(self, kernel: Kernel, session: JudgeSession) -> None:
        """From now on run cells on `kernel`, whose checks `session` judges."""
        self._kernel, self._session = kernel, session
        self.km, self.kc = kernel.manager, kernel.client
        listened = self._listening.seconds()
        self.time.kernel_started(
            lambda: kernel.worked() + self._listening.seconds() - listened
        )

    def release(self) -> None:
        """Forget the kernel, which is stopped."""
        self._kernel = self._session = self.km = self.kc = None

    def run(
        self,
        cell: NotebookNode,
        index: int,
        *,
        seconds: float | None = None,
        by_clock: float | None = None,
    ) -> str:
        """Run a cell in the place of cell `index`, for `seconds` of work or as long as any cell
        may take, and `by_clock` seconds by the clock.

        Returns why the kernel is lost (dead, deaf to an interrupt, or to the judge), else "".
        """
        assert self._kernel is not None
        seconds = seconds or limit_of(self.timeout)
        self._cell_time = self.time.of_cell(seconds, by_clock or patience(seconds))
        self.timeout_func = self._seconds_left
        self._output_of_cell, self.stopped = 0, ""
        grace = HEEDS_INTERRUPT + self.iopub_timeout
        deadline = _Deadline(self._cell_time.left, self._end_overdue, grace)
        with self._listening.to_a_cell(), deadline:
            lost = self._executed(cell, index) or self.time.used_up() or self._lost()
        self._outputs_before += len(cell.get("outputs", []))
        return lost

    def cause(self) -> str:
        """Why the kernel is gone, in a sentence. Raises `Disturbed` where that was nothing it
        did.
        """
        assert self._kernel is not None
        if self._kernel.ended_for:
            return self._kernel.ended_for
        reason = self._kernel.why_ended()
        # Retry once; a second kill from outside may be aimed at this submission.
        if reason == "lost" or (reason == "killed" and self._first_attempt):
            raise Disturbed("the warm process ended while it graded")
        if reason == "memory":
            memory = self._kernel.setting.limits.memory_mb
            return f"Python used more than {memory} MB of memory and was stopped."
        return KERNEL_STOPPED

    def process_message(
        self, msg: dict, cell: NotebookNode, cell_index: int
    ) -> NotebookNode | None:
        """Collect an output, as nbclient does, up to the limit: the kernel cuts off what honest
        code prints, this is for one that does not.
        """
        if msg["msg_type"] in _OUTPUTS and not self._has_room(msg, cell):
            return None
        return super().process_message(msg, cell, cell_index)

    def _seconds_left(self, cell: NotebookNode) -> Any:
        """What nbclient waits for first: it wants a whole number, and works with any."""
        return max(self._cell_time.left(), 0.01)

    def _executed(self, cell: NotebookNode, index: int) -> str:
        """Run it; returns why the kernel is lost, else ""."""
        assert self._kernel is not None
        with self._in_place(index):
            try:
                self.execute_cell(cell, index, store_history=True)
            except DeadKernelError:
                return self.cause()
            except CellTimeoutError:
                return self._deaf()
            except Exception:
                # What a stranger's kernel sends need not be what Jupyter's library expects.
                log.warning(
                    "a kernel sent what is no message, or Jupyter's library failed on it",
                    exc_info=True,
                )
                self._kernel.end_for("Python sent what is no message, and was stopped.")
                return self._kernel.ended_for
        return ""

    @contextlib.contextmanager
    def _in_place(self, index: int) -> Iterator[None]:
        """nbclient puts what it runs into the notebook; that may be a stand-in."""
        own = self.nb.cells[index]
        try:
            yield
        finally:
            self.nb.cells[index] = own

    def _lost(self) -> str:
        """Why the kernel cannot go on after a cell: it is dead, talks no more to the judge, or
        does not answer after it was interrupted; "" where it can.
        """
        assert self._kernel is not None and self._session is not None
        if self._session.closed or not self._kernel.alive():
            return self.cause()
        return "" if not self.stopped or self._responds() else self._deaf()

    def _deaf(self) -> str:
        """Why the kernel did not answer after it was interrupted."""
        assert self._kernel is not None and self._session is not None
        if self._kernel.ended_for or self._session.closed or not self._kernel.alive():
            return self.cause()
        return DEAF

    def _responds(self) -> bool:
        assert self._kernel is not None
        try:
            return self._kernel.responds(RESPONDS)
        except Exception:  # dead, or no message at all
            log.debug("a kernel did not answer", exc_info=True)
            return False

    def _end_overdue(self) -> None:
        """End a kernel that goes on after its cell's time; from any thread."""
        assert self._kernel is not None
        self._kernel.end_for(self._cell_time.over())

    def _has_room(self, msg: dict, cell: NotebookNode) -> bool:
        """Count an output. What is too much for a cell ends the kernel, what is too much for the
        notebook is left out.
        """
        assert self._kernel is not None
        size = len(str(msg["content"]))
        self._output_of_cell += size
        if self._output_of_cell > 2 * self._most_output:
            self._kernel.end_as_flood()
            return False
        self._output_of_notebook += size
        if self._output_of_notebook > NOTEBOOK_OUTPUT * self._most_output:
            return self._cut_off(cell, f"{NOTEBOOK_OUTPUT * self._output_mb} MB")
        is_full = self._outputs_before + len(cell.outputs) >= MOST_OUTPUTS
        # That a cell failed is told in any case.
        if is_full and (msg["msg_type"] != "error" or error_of(cell) is not None):
            return self._cut_off(cell, f"{MOST_OUTPUTS} outputs")
        return True

    def _cut_off(self, cell: NotebookNode, limit: str) -> bool:
        """Say once, in the cell's outputs, that what comes is left out; there is no room for it."""
        if not self._outputs_cut_off:
            made_more = f"The notebook printed or displayed more than {limit}"
            text = f"{made_more}: what came later is left out.\n"
            cell.outputs.append(new_output("stream", name="stderr", text=text))
        self._outputs_cut_off = True
        return False

    async def _async_handle_timeout(
        self, timeout: int, cell: NotebookNode | None = None
    ) -> dict[str, Any] | None:
        """nbclient's, which interrupts the cell, once the cell's time is over; until then it is
        waited for, and looked after.
        """
        while (left := self._cell_time.left()) > 0:
            milliseconds = 1000 * max(min(left, 1.0), 0.01)
            assert self.kc is not None
            if await self.kc.shell_channel.socket.poll(milliseconds):
                return None
            await self._async_check_alive()
        self.stopped = self._cell_time.over()
        return await super()._async_handle_timeout(timeout, cell)
