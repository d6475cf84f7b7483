"""Where the grader's judge sits: one thread that serves one kernel, and answers the check that
is due and no other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from autograder.judge.code_reader import Code
from autograder.judge.judging import examine
from autograder.judge.remote_answer import RemoteAnswer
from autograder.logs import log
from autograder.questions.definition import FRAMEWORKS, Question
from autograder.text import one_line, plain
from autograder.values import frameworks
from autograder.values.channel import Channel, Closed
from autograder.values.plain_values import Malformed
from autograder.verdict import Verdict

PATIENCE = 5.0
"""Seconds to wait for a verdict after the check's cell has ended."""

STUCK = 60.0
"""Seconds after which, with nobody left to wait for, the judge itself is taken to be stuck: a
reference, a mistake or a measurement that does not end.
"""


class Desk:
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
        self._due: tuple[Question, int, Code | None] | None = None
        self._verdict: Verdict | None = None
        self.fault: str | None = None
        self.stuck = False
        self.missing: str | None = None
        self._idle = threading.Condition()
        self._busy, self._judging = False, ""
        threading.Thread(target=self._serve, daemon=True).start()

    def expect(self, question: Question, seed: int, code: Code | None = None) -> None:
        """From now on, one check of `question` is due; its answer stands in `code`."""
        with self._idle:
            self._due, self._verdict = (question, seed, code), None

    def verdict(self) -> Verdict | None:
        """The verdict on the question that was due, None if it was never asked; nothing is due
        any more.
        """
        with self._idle:
            self._due = None
            if not self._idle.wait_for(lambda: not self._busy, PATIENCE):
                # the cell has ended, its check goes on: what comes now could be meant for another
                # question
                self._channel.close()
                if not self._idle.wait_for(lambda: not self._busy, STUCK):
                    self.stuck = True
                    self.fault = (
                        f"{self._judging} could not be judged: its reference, a known mistake or "
                        "its measurement does not come to an end"
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
                request = self._channel.receive()
                framework = plain(str(request.fields.get("framework"))[:20])
                if (
                    request.kind == "missing"
                    and framework in FRAMEWORKS
                    and not frameworks.available(framework)
                ):  # a claim that can be looked into
                    self.missing = framework
                if request.kind == "check":
                    self._check(str(request.fields.get("question")), framework)
                self._channel.send(
                    "feedback",
                    text="Not shown while a class is graded.",
                    html="",
                    correct=False,
                    earned=0.0,
                )
        except (Closed, Malformed):
            pass
        finally:  # whatever ended the service, the kernel must not wait for it
            self._channel.close()

    def _check(self, name: str, framework: str) -> None:
        with self._idle:
            if self._due is None or self._due[0].name != name:
                return
            (question, seed, code), self._due, self._busy, self._judging = (
                self._due,
                None,
                True,
                name,
            )
        verdict = None
        try:
            answer = RemoteAnswer(self._channel, question.forbids, self._worked)
            verdict = examine(question, answer, seed=seed, framework=framework, code=code)
        except Exception as error:  # the course's fault, not the student's: nobody may pay for it
            log.exception("%s could not be judged", question.name)
            self.fault = (
                f"{question.name} could not be judged: {type(error).__name__}: {one_line(error)}"
            )
        finally:
            with self._idle:
                self._verdict, self._busy = verdict, False
                self._idle.notify_all()
        if self._channel.closed:
            self._give_up()
