"""Runs an answer once and says what it came to. Used where the answer lives: in the student's
process for a submission, in the judge's for the reference.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import traceback
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autograder.answers.call_watch import ForbiddenCall, watching
from autograder.answers.drivers import DRIVERS
from autograder.answers.networks import is_network
from autograder.answers.outcome import Outcome
from autograder.answers.switches import cause, room_to_run, unswitched
from autograder.answers.time_limit import Limit, OutOfTime, patience
from autograder.values import frameworks
from autograder.values.plain_values import Refused, to_plain

if TYPE_CHECKING:
    from autograder.answers.live import Live

MAX_PRINTED = 1000
MAX_TAIL = 2000
_NEAR = 0.7
"""How alike two names must be for one to be meant by the other."""
_ENGINE = str(Path(__file__).parents[1])


def run(answer: Any, driver: str, framework: str, args: tuple) -> Outcome:
    """Exercise `answer` through `driver` with `args` (plain values, turned into arrays of
    `framework`).

    Whatever it raises or returns ends in the `Outcome`; only KeyboardInterrupt and `OutOfTime`
    pass.
    """
    if driver == "call" and not callable(answer):
        refusal = (
            f"check takes the function itself, not {to_name(answer)}: "
            "leave out the call's parentheses"
        )
        return Outcome("refused", message=refusal)
    if _is_own_class(answer) and driver != "network":
        refusal = f"check takes a function here, and {answer.__name__[:60]} is a class"
        return Outcome("refused", message=refusal)
    try:
        drive = DRIVERS[driver]
        with unswitched():
            arrays = frameworks.to_framework(args, framework)
            before = _numbers(arrays) if driver == "call" else []
        returned = drive(answer, framework, *arrays)
        with unswitched():
            value = to_plain(returned)
            changed = _changed(before, arrays)
    except Refused as error:
        return Outcome("refused", message=str(error))
    except (KeyboardInterrupt, OutOfTime):
        raise
    # SystemExit too: an answer that exits is an answer that failed.
    except BaseException as error:
        return _raised(error, framework)
    return Outcome("value", value=value, changed=changed)


def _is_own_class(answer: Any) -> bool:
    """Whether it is a class of the learner's: `int` and the like serve as functions."""
    return isinstance(answer, type) and answer.__module__ not in ("builtins", "numpy")


def _numbers(arrays: Sequence[Any]) -> list[np.ndarray | None]:
    """What the arrays among the arguments hold now, None for other arguments."""
    plain = map(to_plain, arrays)
    return [value.copy() if isinstance(value, np.ndarray) else None for value in plain]


def _changed(
    before: Sequence[np.ndarray | None], arrays: Sequence[Any]
) -> tuple[int, ...]:
    """The places of the arguments that hold other numbers than before. An answer may have made
    anything of them: what cannot be read any more is not told.
    """
    places = []
    for place, (then, array) in enumerate(zip(before, arrays, strict=False)):
        with contextlib.suppress(Exception):
            if then is not None and not _same_bytes(then, to_plain(array)):
                places.append(place)
    return tuple(places)


def _same_bytes(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and one.tobytes() == other.tobytes()


def _raised(error: BaseException, framework: str) -> Outcome:
    frames = traceback.extract_tb(error.__traceback__)
    switch = cause(error, framework)
    message = _first_lines(error)
    return Outcome(
        "raised",
        error=type(error).__name__,
        message=f"{message}\n{switch}" if switch else message,
        lines=_own_lines(frames),
    )


def run_contained(
    answer: Any,
    driver: str,
    framework: str,
    args: tuple,
    seconds: float,
    forbids: Sequence[str] = (),
    *,
    wall: float | None = None,
    live: Live | None = None,
) -> Outcome:
    """`run` for an answer that may print, warn or never end: what it prints is kept (the beginning,
    and the last line), warnings are dropped, time is limited.

    seconds: of work; see `autograder.answers.time_limit`. wall: seconds by the clock, by default
    what `patience` gives. live: who shows how it gets on.
    Calls of what `forbids` names are noticed while the answer itself runs; what a driver does with
    its result is not its own.

    Standard output and the warning filters belong to the whole process: for the process that holds
    the answer, not for the judge's.
    """
    printed = Printed()
    called: list[ForbiddenCall] = []
    if live:
        live.follow(printed)
    is_function = callable(answer) and not is_network(answer)
    # A class is refused as what it is; only of a net it may be the answer.
    if _is_own_class(answer) and driver != "network":
        is_function = False
    if forbids and is_function:
        answer = _watched(answer, forbids, called)
    if wall is None:
        wall = patience(seconds)
    limit = Limit(seconds, wall, live)
    try:
        with (
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
            room_to_run(),
            limit,
        ):
            warnings.simplefilter("ignore")
            outcome = run(answer, driver, framework, args)
    except OutOfTime as stopped:
        outcome = Outcome("timeout", lines=_own_lines(stopped.stack))
    return replace(
        outcome,
        printed=printed.text,
        last="".join(printed.last_lines(1)),
        forbidden=called[0].name if called else "",
        forbidden_line=called[0].line if called else "",
        seconds=limit.seconds,
        imported=limit.imported,
    )


def _watched(
    answer: Callable, forbids: Sequence[str], called: list[ForbiddenCall]
) -> Callable:
    def watched(*args: Any) -> Any:
        with watching(forbids, called):
            return answer(*args)

    return watched


def to_name(value: Any) -> str:
    """What `value` is, in two words."""
    if value is None:
        return "None"
    kind = type(value).__name__[:60]
    return f"the {kind} that it returned"


class Printed(io.TextIOBase):
    """A text stream that keeps its first `MAX_PRINTED` characters and its last `MAX_TAIL`."""

    def __init__(self) -> None:
        self.text = self._tail = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        room = MAX_PRINTED - len(self.text)
        if room > 0:
            self.text += text[:room]
        tail = self._tail + text[-MAX_TAIL:]
        self._tail = tail[-MAX_TAIL:]
        return len(text)

    def last_lines(self, most: int) -> list[str]:
        """The last lines that are not empty; what a carriage return would overwrite counts as a
        line.
        """
        lines = self._tail.replace("\r", "\n").split("\n")
        stripped = [line.strip() for line in lines]
        filled = [line for line in stripped if line]
        return filled[-most:]


def _first_lines(error: BaseException, most: int = 6) -> str:
    try:
        lines = _words(error).strip().splitlines()
    except Exception:
        return "(an exception that cannot say what it is)"
    text = "\n".join(lines[:most])
    return text[:600]


def _words(error: BaseException) -> str:
    """What an exception says; of a name that is not there also the one that may be meant, as Python
    itself adds where it prints an exception.
    """
    said = str(error)
    if not isinstance(error, (NameError, AttributeError)) or not error.name:
        return said
    near = difflib.get_close_matches(error.name, _names_there(error), 1, _NEAR)
    return f"{said}. Did you mean: {near[0]!r}?" if near else said


def _names_there(error: NameError | AttributeError) -> list[str]:
    """The names among which one was looked for."""
    if isinstance(error, AttributeError):
        return dir(error.obj)
    if error.__traceback__ is None:
        return []
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return [*frame.f_locals, *frame.f_globals, *frame.f_builtins]


def _own_lines(frames: Iterable[traceback.FrameSummary]) -> tuple[str, ...]:
    """The frames of the learner's own code: neither the engine's nor an installed library's."""
    own = [frame for frame in frames if _is_own(frame)]
    innermost = own[-4:]
    return tuple(f"line {frame.lineno}: {frame.line}" for frame in innermost)


def _is_own(frame: traceback.FrameSummary) -> bool:
    if "site-packages" in frame.filename:
        return False
    if frame.filename.startswith((_ENGINE, "<frozen", "<__array_function__")):
        return False
    return bool(frame.line)


def is_stub(outcome: Outcome, name: str) -> bool:
    """Whether the answer is the stub that students get: ``raise
    NotImplementedError("<question>")``, or without words. Libraries raise it with other words.
    """
    if outcome.kind != "raised":
        return False
    if outcome.error != "NotImplementedError":
        return False
    return outcome.message in ("", name)


CallAnswer = Callable[[str, tuple[Any, ...], float, float], Outcome]
"""``call(driver, args, seconds, wall) -> Outcome``: an answer that can be called, wherever it
is; `seconds` of work and `wall` seconds by the clock are left to it.
"""


@dataclass(frozen=True, eq=False)
class LocalAnswer:
    """An answer in this very process: for references, mistakes and tests, never for a stranger's
    code. It is watched for calls of what `forbids` names.
    """

    answer: Any
    framework: str
    forbids: Sequence[str] = ()

    def __call__(
        self, driver: str, args: tuple[Any, ...], seconds: float, wall: float
    ) -> Outcome:
        return run_contained(
            self.answer, driver, self.framework, args, seconds, self.forbids, wall=wall
        )
