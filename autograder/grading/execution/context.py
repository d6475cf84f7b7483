"""What a verdict says of the notebook around an answer, which the judge never sees: that the answer
stands below its check, that a cell needed the network. Plain functions on cells that have been run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nbformat import NotebookNode

from autograder.questions.definition import Question
from autograder.verdict import Status, Verdict

NO_NETWORK = "Grading has no network: hand in the files that the notebook needs."
BELOW = "it is defined below the check, which runs first: move it above."

_OFFLINE = re.compile(
    r"name resolution|Name or service not known|getaddrinfo|gaierror|NameResolutionError"
    r"|Failed to resolve|[Cc]ould not resolve host|[Nn]etwork is unreachable|Errno (?:95|101)\b"
    r"|Address family not supported|couldn't connect to|check your (?:internet )?connection"
)
"""What an error says that comes from a missing network."""


@dataclass(frozen=True)
class Context:
    """The cells around a check.

    earlier, later: those before it, which have been run, and those after it.
    offline: whether they are run without a network.
    """

    earlier: Sequence[NotebookNode]
    later: Sequence[NotebookNode]
    offline: bool = True


def why_not_asked(question: Question, call: NotebookNode, context: Context) -> Verdict:
    """The verdict where `call`, the check's own cell, never asked the judge: most often there is
    nothing of the right name.
    """
    name = question.function_name
    error = error_of(call)
    if error is None:
        headline = "The check did not reach the judge."
    elif error.ename != "NameError" or name not in error.evalue:
        headline = last_line(error)
    else:
        headline = f"There is no `{name}`: {_why_missing(name, context)}"
    return without_result(question, Status.ERROR, headline)


def _why_missing(name: str, context: Context) -> str:
    errors = _errors(definitions(name, context.earlier))
    if errors:
        return f"the cell that defines it failed. {last_line(errors[-1])}"
    if definitions(name, context.later):
        return BELOW
    return "it was renamed, or the cell that defines it was not run to its end."


def reworded(verdict: Verdict, question: Question, context: Context) -> Verdict:
    """The verdict with what the notebook around the answer explains; its points stay."""
    if verdict.status is Status.CORRECT:
        return verdict
    name = question.function_name
    if verdict.status is Status.NOT_ATTEMPTED:
        if not definitions(name, context.later):
            return verdict
        headline = f"Above this check there is only the stub of `{name}`: {BELOW}"
        return without_result(question, Status.ERROR, headline)
    if context.offline:
        return _told_of_network(verdict, name, context.earlier)
    return verdict


def _told_of_network(
    verdict: Verdict, name: str, earlier: Sequence[NotebookNode]
) -> Verdict:
    of_answer = _errors(definitions(name, earlier))
    if _OFFLINE.search(verdict.headline) or any(map(is_offline, of_answer)):
        return replace(verdict, headline=f"{NO_NETWORK} {verdict.headline}")
    failed_before = any(map(is_offline, _errors(earlier)))
    if verdict.status is Status.ERROR and failed_before:
        return replace(verdict, details=(*verdict.details, NO_NETWORK))
    return verdict


def without_result(question: Question, status: Status, headline: str) -> Verdict:
    """A verdict on what was never judged."""
    return Verdict(question.name, status, question.points, 0.0, headline)


def definitions(name: str, cells: Sequence[NotebookNode]) -> list[NotebookNode]:
    """Those cells that define `name`."""
    defining = re.compile(
        rf"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+{name}\b|^{name}[ \t]*=",
        re.MULTILINE,
    )
    code = [cell for cell in cells if cell.cell_type == "code"]
    return [cell for cell in code if defining.search(cell.source)]


def is_offline(error: NotebookNode) -> bool:
    """Whether an error output comes from a missing network; what was raised for that may be
    another, and the traceback names the first.
    """
    said = f"{error.ename} {error.evalue} {error.traceback}"
    return bool(_OFFLINE.search(said))


def error_of(cell: NotebookNode) -> NotebookNode | None:
    """The error in a cell's outputs, if there is one."""
    return next(
        (output for output in cell.outputs if output.output_type == "error"), None
    )


def _errors(cells: Sequence[NotebookNode]) -> list[NotebookNode]:
    errors = [error_of(cell) for cell in cells if cell.cell_type == "code"]
    return [error for error in errors if error is not None]


def last_line(error: NotebookNode) -> str:
    """An error output's last line, without its colors and with a place that a reader finds: for
    IPython a cell is a file, called by a number.
    """
    text = re.sub(r"\x1b\[[0-9;]*m", "", f"{error.ename}: {error.evalue}")
    text = re.sub(r"\(\d+\.py, line (\d+)\)", r"(line \1 of its cell)", text)
    lines = text.splitlines() or [""]
    return lines[0][:300]
