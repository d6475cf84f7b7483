"""The grader's judge of one kernel: a thread that serves the kernel's channel, and answers the
check that is open and no other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from autograder.judge.code.code_reader import Code
from autograder.judge.examination import examine
from autograder.judge.remote_answer import RemoteAnswer
from autograder.logs import log
from autograder.questions.definition import FRAMEWORKS, Question
from autograder.text import one_line, plain
from autograder.values import frameworks
from autograder.values.channel import Channel, Closed, Message
from autograder.values.plain_values import Malformed
from autograder.verdict import Verdict

VERDICT_SECONDS = 5.0
"""Seconds in which the last call of the answer must end after the check's cell has."""

STUCK = 60.0
"""Seconds that are enough to look at what came back; a judge that is not done by then is stuck: a
comparison, a mistake or a measurement that does not end.
"""


@dataclass(frozen=True)
class OpenCheck:
    """The check that the kernel may ask for. code: where the answer stands."""

    question: Question
    seed: int
    code: Code | None


class JudgeSession:
    """Serves the channel of one kernel until it closes.

    fault:   what went wrong on the judge's own side, if anything did; stuck: that it does not come
             to an end, and its thread is lost.
    missing: the framework that the submission asked for and this machine does not have, if there is
        one.
    worked:  how long the kernel has worked so far, in processor seconds, see `RemoteAnswer`.
    give_up: called when the kernel broke the exchange (no answer in time, nonsense): nothing that
        it says from then on can be believed.
    """

    def __init__(
        self,
        channel: Channel,
        give_up: Callable[[], None],
        worked: Callable[[], float] | None = None,
    ):
        self._channel, self._give_up, self._worked = channel, give_up, worked
        self._open: OpenCheck | None = None
        self._verdict: Verdict | None = None
        self.fault: str | None = None
        self.stuck = False
        self.missing: str | None = None
        self._idle = threading.Condition()
        self._busy_with = self._calling = ""
        threading.Thread(target=self._serve, daemon=True).start()

    def open_check(
        self, question: Question, seed: int, code: Code | None = None
    ) -> None:
        """From now on, one check of `question` is answered; its answer stands in `code`."""
        with self._idle:
            self._open, self._verdict = OpenCheck(question, seed, code), None

    def close_check(self) -> Verdict | None:
        """The verdict on the question that was open, None if it was never asked; none is open
        any more.
        """
        with self._idle:
            self._open = None
            # The cell has ended. If its check still calls the answer, what comes now could be meant
            # for another question.
            if not self._idle.wait_for(lambda: not self._calling, VERDICT_SECONDS):
                self._channel.close()
            if not self._idle.wait_for(lambda: not self._busy_with, STUCK):
                self._channel.close()
                self.stuck = True
                self.fault = (
                    f"{self._busy_with} could not be judged: reading it, comparing it or measuring "
                    "it does not come to an end"
                )
            return self._verdict

    @property
    def closed(self) -> bool:
        """Whether the kernel is out of reach: it hung up, or broke the exchange."""
        return self._channel.closed

    def close(self) -> None:
        """Stop serving."""
        self._channel.close()

    def _serve(self) -> None:
        try:
            while True:
                self._answer(self._channel.receive())
        except (Closed, Malformed):
            pass
        finally:  # whatever ended the service, the kernel must not wait for it
            self._channel.close()

    def _answer(self, request: Message) -> None:
        framework = plain(str(request.fields.get("framework"))[:20])
        if request.kind == "missing" and _is_missing(framework):
            self.missing = framework
        if request.kind == "check":
            chosen = request.fields.get("chosen") is not False
            self._check(str(request.fields.get("question")), framework, chosen)
        self._channel.send(
            "feedback",
            text="Not shown while a class is graded.",
            html="",
            correct=False,
            earned=0.0,
        )

    def _check(self, name: str, framework: str, chosen: bool) -> None:
        with self._idle:
            check = self._open
            if check is None or check.question.name != name:
                return
            self._open, self._busy_with, self._calling = None, name, name
        # In a thread of its own: while it looks at what came back, which takes longer where that is
        # wrong, whatever the kernel asks for is answered at once.
        called = threading.Event()
        threading.Thread(
            target=self._examine,
            args=(check, framework, chosen, called.set),
            daemon=True,
        ).start()
        called.wait()

    def _examine(
        self, check: OpenCheck, framework: str, chosen: bool, called: Callable[[], None]
    ) -> None:
        name, verdict = check.question.name, None

        def answered() -> None:
            self._stop_calling()
            called()

        try:
            verdict = self._judged(check, framework, chosen, answered)
        except (
            Exception
        ) as error:  # the course's fault, not the student's: nobody may pay for it
            log.exception("%s could not be judged", name)
            self.fault = (
                f"{name} could not be judged: {type(error).__name__}: {one_line(error)}"
            )
        finally:
            self._conclude(verdict)
            called()

    def _stop_calling(self) -> None:
        """The answer is called no more."""
        try:
            # Before anybody is told: afterwards the kernel may be stopped, and its number
            # another's.
            if self._channel.closed:
                self._give_up()
        finally:
            with self._idle:
                self._calling = ""
                self._idle.notify_all()

    def _conclude(self, verdict: Verdict | None) -> None:
        self._stop_calling()
        with self._idle:
            self._verdict, self._busy_with = verdict, ""
            self._idle.notify_all()

    def _judged(
        self,
        check: OpenCheck,
        framework: str,
        chosen: bool,
        answered: Callable[[], None],
    ) -> Verdict:
        answer = RemoteAnswer(self._channel, check.question.forbids, self._worked)
        return examine(
            check.question,
            answer,
            seed=check.seed,
            framework=framework,
            code=check.code,
            chosen=chosen,
            answered=answered,
        )


def _is_missing(framework: str) -> bool:
    """Whether a submission is right that it cannot have this framework here."""
    return framework in FRAMEWORKS and not frameworks.available(framework)
