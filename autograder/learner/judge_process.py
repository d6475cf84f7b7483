"""The learner's own judge: a helper process beside the kernel that answers checks, hints, solutions
and progress over a channel.

Forked by `autograder.learner.judge_server`, or started by `autograder.learner.judges` as
``python -P -m autograder.learner.judge_process FD``; it ends when the kernel does.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from pathlib import Path

from autograder import logs
from autograder.feedback.pictures import warm_up
from autograder.feedback.render import Feedback, code, note, render
from autograder.judge.code.code_reader import Code
from autograder.judge.code.modules_beside import modules_beside
from autograder.judge.examination import examine
from autograder.judge.remote_answer import RemoteAnswer
from autograder.learner import journal, onward
from autograder.processes import work_of
from autograder.questions import catalogue
from autograder.questions.definition import FRAMEWORKS, Answer, Question, seed_for
from autograder.values import frameworks
from autograder.values.channel import Channel, Closed, Message
from autograder.values.plain_values import Malformed, pack

PUBLIC = "public"
"""The secret of self-paced work, which is none: everybody who practises gets the same inputs."""


def judge(channel: Channel, kernel: int) -> None:
    """Serve `kernel`, the number of the process at the other end; what fails here is logged."""
    with logs.kept_in(logs.at_home()):
        try:
            serve(channel, kernel)
        except Exception:
            logs.log.exception("the judge of self-paced work stopped")
            raise


def serve(channel: Channel, kernel: int) -> None:
    """Answer requests until the other side is gone."""
    warm = False
    while True:
        try:
            request = channel.receive()
            feedback = _answer(channel, request, kernel)
            channel.send(
                "feedback",
                text=feedback.text,
                html=feedback.html,
                correct=feedback.correct,
                earned=feedback.earned,
            )
        except (Closed, Malformed):
            return
        if not warm:
            _warm_up(str(request.fields.get("framework", "numpy")))
            warm = True


def _answer(channel: Channel, request: Message, kernel: int) -> Feedback:
    if request.kind == "progress":
        return journal.as_feedback()
    try:
        question = catalogue.find(request.fields.get("question", ""))
    except catalogue.UnknownQuestion as error:
        return note(str(error))
    match request.kind:
        case "check":
            return _check(channel, question, request, kernel)
        case "hint":
            return _hint(question)
        case "solution":
            return _solution(question, str(request.fields.get("framework")))
    return note(f"The judge does not know the request {request.kind[:40]!r}.")


def _check(
    channel: Channel, question: Question, request: Message, kernel: int
) -> Feedback:
    answer = RemoteAnswer(channel, question.forbids, work_of(kernel))
    standing = journal.standing(question.name)
    framework = str(request.fields.get("framework"))
    code = _code(question, request)
    verdict = examine(
        question,
        answer,
        seed=home_seed(question, standing.attempts),
        framework=framework,
        code=code,
        chosen=request.fields.get("chosen") is not False,
        in_tests=True,
    )
    journal.record(
        "check",
        question.name,
        status=str(verdict.status),
        earned=verdict.earned,
        points=verdict.points,
    )
    shown = (_shown(question, framework), *question.answers(framework))
    feedback = render(verdict, title=onward.title_of(question.name), digits=1)
    what_next = onward.onward(question, verdict, standing.hints, shown, code.cells)
    return onward.with_onward(feedback, what_next)


def home_seed(question: Question, attempts: int) -> int:
    """The seed of a check at home, after so many attempts.

    The inputs stay while somebody looks for a mistake. What is measured is drawn anew each time:
    the figure then says how much of it is luck, and nobody tunes an answer to one draw.
    """
    if question.measurement is None or attempts == 0:
        return seed_for(PUBLIC, question.name)
    return seed_for(PUBLIC, question.name, str(attempts))


def _code(question: Question, request: Message) -> Code:
    name = request.fields.get("name")
    given = request.fields.get("cells")
    cells = []
    if isinstance(given, list):
        cells = [cell for cell in given if isinstance(cell, str)]
    is_name = isinstance(name, str) and name.isidentifier()
    return Code(
        cells,
        str(name) if is_name else question.function_name,
        beside=modules_beside(Path.cwd(), cells) if question.forbids else {},
    )


def _hint(question: Question) -> Feedback:
    standing = journal.standing(question.name)
    journal.record("hint", question.name)
    given, count = standing.hints, len(question.hints)
    if given < count:
        return note(f"Hint {given + 1} of {count}: {question.hints[given]}")
    every = []
    for number, hint in enumerate(question.hints, 1):
        every.append(f"Hint {number}: {hint}")
    every.append(
        f"There are no more hints. solution({question.name!r}) shows an answer."
    )
    return note("\n".join(every))


def _solution(question: Question, framework: str) -> Feedback:
    standing = journal.standing(question.name)
    journal.record("solution", question.name)
    if not standing.attempts and not standing.solutions:
        return note(
            f"You have not tried {question.name} yet. A hint may be enough: "
            f"hint({question.name!r}). Ask again to see the solution."
        )
    answer = _shown(question, framework)
    return code(
        f"{question.name}, in {answer.framework}",
        answer.source(question.function_name),
        question.explanation,
    )


def _shown(question: Question, framework: str) -> Answer:
    """The right answer that is most like what the learner writes: in their framework, but in plain
    Python where the function is given no arrays.
    """
    first_case = next(question.cases(seed_for(PUBLIC, question.name)))
    arguments = first_case.inputs.args
    _, arrays = pack(arguments)
    is_plain = arguments and not arrays
    if is_plain and question.reference.framework == "numpy":
        return question.reference
    return (question.answers(framework) or [question.reference])[0]


def _warm_up(framework: str) -> None:
    """Do now, while the learner reads, what the first picture and the first mistake in their
    framework would have to wait for.
    """
    frameworks.available(framework if framework in FRAMEWORKS else "numpy")
    with contextlib.suppress(Exception):
        warm_up()


def main() -> None:
    """Serve the file descriptor given as the only argument."""
    judge(Channel(socket.socket(fileno=int(sys.argv[1]))), kernel=os.getppid())


if __name__ == "__main__":
    main()
