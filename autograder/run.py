"""Runs an answer once and says what it came to. Used where the answer lives: in the student's process for a submission, in the judge's for the reference."""

from __future__ import annotations

import contextlib
import io
import signal
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from autograder import frameworks
from autograder.drivers import DRIVERS, is_network
from autograder.values import Refused, to_plain
from autograder.verdict import Outcome
from autograder.watch import watching

MAX_PRINTED = 1000
_ENGINE = str(Path(__file__).parent)


class OutOfTime(BaseException):
    """The answer took longer than it may. Not an Exception, so that an answer's own `except Exception` does not swallow it."""


def run(answer: Any, driver: str, framework: str, args: tuple) -> Outcome:
    """Exercise `answer` through `driver` with `args` (plain values, turned into arrays of `framework`).

    Whatever it raises or returns ends in the `Outcome`; only KeyboardInterrupt and `OutOfTime` pass.
    """
    if driver == "call" and not callable(answer):
        return Outcome("refused", message=f"check takes the function itself, not {to_name(answer)}: leave out the call's parentheses")
    try:
        return Outcome("value", value=to_plain(DRIVERS[driver](answer, framework, *frameworks.to_framework(args, framework))))
    except Refused as error:
        return Outcome("refused", message=str(error))
    except (KeyboardInterrupt, OutOfTime):
        raise
    except BaseException as error:  # SystemExit too: an answer that exits is an answer that failed
        return Outcome("raised", error=type(error).__name__, message=_first_lines(error), lines=_own_lines(error))


def run_contained(answer: Any, driver: str, framework: str, args: tuple, seconds: float, forbids: Sequence[str] = ()) -> Outcome:
    """`run` for an answer that may print, warn or never end: what it prints is kept (the beginning), warnings are dropped, time is limited.

    Calls of what `forbids` names are noticed while the answer itself runs; what a driver does with its result is not its own.

    Standard output and the warning filters belong to the whole process: for the process that holds the answer, not for the judge's.
    """
    printed = _Beginning(MAX_PRINTED)
    called: list[str] = []
    if forbids and callable(answer) and not is_network(answer):
        answer = _watched(answer, forbids, called)
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings(), _limit(seconds):
            warnings.simplefilter("ignore")
            outcome = run(answer, driver, framework, args)
    except OutOfTime:
        outcome = Outcome("timeout")
    return replace(outcome, printed=printed.text, forbidden=called[0] if called else "")


def _watched(answer: Callable, forbids: Sequence[str], called: list[str]) -> Callable:
    def watched(*args: Any) -> Any:
        with watching(forbids, called):
            return answer(*args)

    return watched


def to_name(value: Any) -> str:
    """What `value` is, in two words."""
    return f"the {type(value).__name__[:60]} that it returned" if value is not None else "None"


class _Beginning(io.TextIOBase):
    """A text stream that keeps its first `limit` characters and drops the rest."""

    def __init__(self, limit: int):
        self.limit, self.text = limit, ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text[: max(0, self.limit - len(self.text))]
        return len(text)


@contextlib.contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` inside the block after `seconds`. Signals reach the main thread only; elsewhere the judge's own deadline must do."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(signum: int, frame: Any) -> None:
        raise OutOfTime

    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _first_lines(error: BaseException, most: int = 6) -> str:
    try:
        lines = str(error).strip().splitlines()
    except Exception:
        return "(an exception that cannot say what it is)"
    text = "\n".join(lines[:most])
    return text[:600]


def _own_lines(error: BaseException) -> tuple[str, ...]:
    """The frames of the learner's own code: neither the engine's nor an installed library's."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_ENGINE) and "site-packages" not in frame.filename and frame.line]
    own = [frame for frame in own if not frame.filename.startswith(("<frozen", "<__array_function__"))]
    return tuple(f"line {frame.lineno}: {frame.line}" for frame in own[-4:])


def is_stub(outcome: Outcome, name: str) -> bool:
    """Whether the answer is the stub that students get: ``raise NotImplementedError("<question>")``, or without words. Libraries raise it with other words."""
    return outcome.kind == "raised" and outcome.error == "NotImplementedError" and outcome.message in ("", name)


Peer = Callable[[str, tuple, float], Outcome]
"""``peer(driver, args, seconds) -> Outcome``: an answer that can be called, wherever it is."""


def in_process(answer: Any, framework: str, forbids: Sequence[str] = ()) -> Peer:
    """An answer in this very process: for references, mistakes and tests, never for a stranger's code."""

    def peer(driver: str, args: tuple, seconds: float) -> Outcome:
        return run_contained(answer, driver, framework, args, seconds, forbids)

    return peer
