"""The learner's side: what a notebook calls. It holds no reference, no expected value, no seed; it
calls the answer when the judge asks and shows what the judge says.

While a class is graded, the judge is the grader, reached over a descriptor that the kernel
inherited (AUTOGRADER_FD); otherwise it is a helper process of the learner's own, started at the
first check and kept.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

from autograder.answers.live import Live, screen
from autograder.answers.outcome import Outcome
from autograder.answers.run import run_contained
from autograder.feedback.render import Feedback, note
from autograder.learner import judges
from autograder.learner.shown import running_shell, show
from autograder.processes import as_last_words, last_line
from autograder.questions.definition import FRAMEWORKS
from autograder.values import frameworks
from autograder.values.channel import Channel, Closed, Message
from autograder.values.plain_values import Malformed

_settings = {"framework": ""}
"""What `use` has said; nothing before it is called."""

_DEFAULT = "torch"
_judge: _Judge | None = None
last_found: dict[str, bool] = {}
"""Whether the last check of a question found the answer right, of those checked here."""

_NOT_ON_WINDOWS = (
    "Windows cannot hand a connection to another process, which a check needs: install the "
    "course in WSL2 (Ubuntu, x86-64), where all of it works."
)
_MOST_CODE = 10**6  # characters; a message has room for them however they are written


def use(framework: str) -> None:
    """Choose the framework that you answer in: "torch", "mxnet" or "numpy". Checks hand your
    functions arrays of it.
    """
    if framework not in FRAMEWORKS:
        raise ValueError(f'use("{framework}"): choose "torch", "mxnet" or "numpy"')
    if not frameworks.available(framework):
        _tell_grader(framework)
        raise ImportError(
            f'use("{framework}"): {framework} cannot be imported on this machine; choose another '
            "framework (`course doctor` says more)"
        )
    _settings["framework"] = framework
    if not _being_graded():
        judges.warm_up()


def _framework() -> str:
    return _settings["framework"] or _DEFAULT


def check(question: str, answer: Any = ...) -> Feedback:
    """Check `answer`, your function or your network, against the question's probes. In a notebook
    the verdict shows itself.

    Example: ``check("convolution.cross_correlate", cross_correlate)``
    """
    if answer is ... or not isinstance(question, str):
        return _told(note(_how_to_check(question, answer)))
    framework = _framework()
    frameworks.module(framework)  # an import is not part of the answer's time
    feedback = _ask(
        "check",
        answer,
        question=question,
        framework=framework,
        chosen=bool(_settings["framework"]),
        **_code(answer),
    )
    last_found[question] = feedback.correct
    # nbgrader alone (its Validate button, say) takes a cell without an error for a passed test.
    if _by_nbgrader() and not feedback.correct:
        raise AssertionError(feedback.text)
    return _told(feedback)


def _how_to_check(question: Any, answer: Any) -> str:
    """How check is called, where the question's name is missing or stands in the wrong place."""
    name = answer if isinstance(answer, str) else "chapter.question"
    function = "your_function"
    if isinstance(question, str):
        name = question
    elif callable(question):
        function = str(getattr(question, "__name__", function))
    return (
        "check takes two things: the name of the question, in quotation marks, and then your "
        f'answer: `check("{name[:80]}", {function[:80]})`'
    )


def _by_nbgrader() -> bool:
    """Whether nbgrader runs the notebook by itself, without the judge of a class."""
    return bool(os.environ.get("NBGRADER_EXECUTION")) and not _being_graded()


def _told(feedback: Feedback) -> Feedback:
    """`feedback`, shown at once to a learner who works in a notebook. Where a notebook is executed
    for a class, its last lines show what they give.
    """
    if _being_graded() or _by_nbgrader():
        return feedback
    return show(feedback)


def _code(answer: Any) -> dict[str, Any]:
    """The code around `answer`, for questions that forbid a library call: the cells run so far,
    or the script. While a class is graded, the judge has its own.
    """
    if _being_graded():
        return {}
    shell = running_shell()
    cells = _cells_run(shell) if shell else _script_of(answer)
    if sum(map(len, cells)) > _MOST_CODE:
        cells = []
    return {"cells": cells, "name": str(getattr(answer, "__name__", ""))}


def _cells_run(shell: Any) -> list[str]:
    """The cells that a notebook has run, by IPython's own record: the name `In` may be taken."""
    history = getattr(shell, "history_manager", None)
    cells = getattr(history, "input_hist_parsed", ())
    return [cell for cell in cells if isinstance(cell, str)]


def _script_of(answer: Any) -> list[str]:
    """The file that defines `answer`; nothing where there is none to read."""
    try:
        file = inspect.getsourcefile(inspect.unwrap(answer)) or ""
        return [Path(file).read_text(encoding="utf-8")]
    except (OSError, TypeError, ValueError):
        return []


def _being_graded() -> bool:
    """Whether this is a submission's process, whose judge is the grader's."""
    return "AUTOGRADER_FD" in os.environ


def _tell_grader(framework: str) -> None:
    """Say that the submission cannot be graded on this machine, while a class is graded; to a
    learner the exception says it.
    """
    if _being_graded():
        _ask("missing", framework=framework)


def hint(question: str) -> Feedback:
    """The next hint for `question`; each call gives one more."""
    return _told(_ask("hint", question=_name(question)))


def solution(question: str) -> Feedback:
    """A right answer to `question` with a short explanation: after an attempt, or when asked
    twice.
    """
    name = _name(question)
    return _told(_ask("solution", question=name, framework=_framework()))


def progress() -> Feedback:
    """The map of the course: what is solved, what is open, points so far."""
    return _told(_ask("progress"))


def _name(question: Any) -> str:
    """The name that was given; of a function given in its place, its own, which is looked up."""
    return str(getattr(question, "__name__", question))


def _ask(kind: str, answer: Any = None, **fields: Any) -> Feedback:
    """Send a request, serve the calls that the judge makes on `answer`, and return its feedback."""
    global _judge
    if sys.platform == "win32":
        return note(_NOT_ON_WINDOWS)
    if _judge is None or not _judge.alive():
        _judge = _connect()
    judge = _judge  # an answer that calls check itself ends this one
    live = _live(fields["question"]) if kind == "check" else None
    outcome: Outcome | None = None
    try:
        judge.channel.send(kind, **fields)
        while (message := judge.channel.receive()).kind == "call":
            outcome = _call(answer, fields["framework"], message, live)
            _reply(judge.channel, message.fields["id"], outcome)
    except (Closed, Malformed):
        reason = judge.last_words()
        _judge = None
        # The outcome came so late that the judge had given up.
        if outcome is not None and outcome.kind == "timeout":
            return note(_too_late(outcome))
        return note(
            f"The judge stopped before it had an answer{reason}. Run the cell again; `course "
            "doctor` says whether the installation is sound."
        )
    except KeyboardInterrupt:
        judge.stop()
        _judge = None
        return note("Interrupted: nothing was judged.")
    finally:
        if live:
            live.close()
    return Feedback(**message.fields)


def _live(question: str) -> Live | None:
    """What shows the learner how a check gets on, if there is one who looks: not while a class
    is graded.
    """
    seen = None if _being_graded() else screen()
    return Live(question, seen) if seen else None


def _too_late(outcome: Outcome) -> str:
    where = f" It was at {outcome.lines[-1]}." if outcome.lines else ""
    return (
        "Out of time: one call went on long after its limit, and could not be stopped before it "
        f"returned.{where} Nothing was judged."
    )


def _call(answer: Any, framework: str, message: Message, live: Live | None) -> Outcome:
    fields = message.fields
    if live and not live.allowed:  # the first call is told what all have together
        live.allowed = fields["seconds"]
    # A kernel that grades has one thread from the beginning.
    threads = contextlib.nullcontext() if _being_graded() else frameworks.one_thread()
    with threads:
        return run_contained(
            answer,
            fields["driver"],
            framework,
            message.value,
            fields["seconds"],
            fields.get("forbids", ()),
            wall=fields["wall"],
            live=live,
        )


def _reply(channel: Channel, number: int, outcome: Outcome) -> None:
    facts = {
        "outcome": outcome.kind,
        "error": outcome.error,
        "message": outcome.message,
        "lines": list(outcome.lines),
        "printed": outcome.printed,
        "last": outcome.last,
        "seconds": outcome.seconds,
        "imported": outcome.imported,
        "changed": list(outcome.changed),
        "forbidden": outcome.forbidden,
        "forbidden_line": outcome.forbidden_line,
    }
    try:
        channel.send("result", outcome.value, id=number, **facts)
    except ValueError as error:  # larger than a message may be
        channel.send(
            "result",
            id=number,
            **(facts | {"outcome": "refused", "message": str(error)}),
        )


def _connect() -> _Judge:
    inherited = os.environ.get("AUTOGRADER_FD")
    if inherited is not None:
        return _Judge(Channel(socket.socket(fileno=int(inherited))))
    log = tempfile.TemporaryFile()  # noqa: SIM115 -- lives as long as the judge
    return _Judge(*judges.start(log), log)


class _Judge:
    """The connection to the judge, and its process where it is the learner's own."""

    def __init__(
        self,
        channel: Channel,
        process: judges.JudgeProcess | None = None,
        log: IO[bytes] | None = None,
    ):
        self.channel = channel
        self._process = process
        self._log = log
        self._owner = os.getpid()

    def alive(self) -> bool:
        """Whether it can be asked: running, and started by this process rather than inherited by
        a fork of it.
        """
        return self._process is None or (
            self._owner == os.getpid() and self._process.poll() is None
        )

    def stop(self) -> None:
        """End it; the next request starts another."""
        self.channel.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def last_words(self) -> str:
        """The last line that it wrote to its standard error, as the end of a sentence."""
        self.stop()
        return as_last_words(last_line(self._log))
