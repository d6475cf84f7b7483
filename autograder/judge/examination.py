"""The judge: draws the inputs, has the answer called, judges what comes back, and concludes. It
never runs in the student's process.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from autograder.answers.outcome import Outcome
from autograder.answers.run import CallAnswer, LocalAnswer, is_stub
from autograder.answers.time_limit import patience
from autograder.judge.code.code_reader import Code, ForbiddenUse, may_not, read
from autograder.judge.code.slips import early_return, has_open_branch, other_order
from autograder.judge.diagnosis.evidence import is_degenerate
from autograder.judge.diagnosis.explanation import explain, failure_of
from autograder.judge.diagnosis.known_mistakes import Known, known_mistake
from autograder.judge.strategy import Strategy
from autograder.judge.trial import Trial, judge, strategy_of
from autograder.logs import log
from autograder.questions.definition import Case, Probe, Question
from autograder.verdict import Failure, Status, Verdict

NOT_ATTEMPTED = (
    "Put your answer in place of the line with `raise NotImplementedError`, "
    "then run both cells."
)


def _nothing() -> None:
    """What is done where nobody waits."""


def examine(
    question: Question,
    answer: CallAnswer,
    *,
    seed: int,
    framework: str,
    code: Code | None = None,
    chosen: bool = True,
    in_tests: bool = False,
    answered: Callable[[], None] = _nothing,
) -> Verdict:
    """Judge `answer`, which is given arrays of `framework`, on the inputs that `seed` gives; `code`
    is where it is written.

    answered: called once the answer has been called for the last time, before anything that came
        back is looked at: how long that takes says whether it was right.

    A probe's weight is earned if all its inputs pass. An answer that hangs or kills its process
    earns nothing, one that is the untouched stub is "not attempted". One that uses what the
    question forbids, by what is read in its code or seen while it runs, earns nothing either.

    chosen: whether the framework was, by `use`. Where it was not, the answer may have been written
        for another one, and what looks like a known mistake need not be one.

    in_tests: whether the headline counts tests, and not the kinds of input that points go by.
    """
    forbidden_use = read(code, question.forbids) if code is not None else None
    if forbidden_use:
        return _refused(question, forbidden_use, _Run(question))
    strategy, run = strategy_of(question), _Run(question, chosen, in_tests)
    outcomes: list[tuple[Case, Outcome]] = []
    for case in _draw(question, strategy, seed):
        outcome = run.call(answer, case)
        if not outcomes and _is_untouched(question, outcome, code):
            return _verdict(run, Status.NOT_ATTEMPTED, NOT_ATTEMPTED)
        if framework not in question.frameworks:
            return _verdict(run, Status.ERROR, _other_framework(question, framework))
        if outcome.forbidden:
            return _refused(
                question,
                ForbiddenUse(may_not(outcome.forbidden), outcome.forbidden_line),
                run,
            )
        outcomes.append((case, outcome))
        if outcome.is_last:
            break
    answered()
    for case, outcome in outcomes:
        run.trials.append(judge(question, case, outcome, expected(question, case)))
    return _conclude(strategy, run, framework, code)


def examine_answer(
    question: Question, answer: Any, framework: str, *, seed: int = 0
) -> Verdict:
    """Judge an answer that lives in this process: the reference, a mistake, a test's own. Not
    for a stranger's code.
    """
    local = LocalAnswer(answer, framework, question.forbids)
    return examine(question, local, seed=seed, framework=framework)


def expected(question: Question, case: Case) -> Any:
    """What an answer is held against on one input, None where it is measured instead. Raises
    RuntimeError if the reference itself fails.
    """
    strategy = strategy_of(question)
    return _expected(question, case, strategy) if strategy.comparable else None


@functools.lru_cache(maxsize=64)
def _expected(question: Question, case: Case, strategy: Strategy) -> Any:
    """Kept as long as the cases are; while a class is graded, with other inputs for each student,
    that is some ten megabytes for nothing.
    """
    return strategy.expected(question, case)


def _draw(question: Question, strategy: Strategy, seed: int) -> Iterable[Case]:
    if strategy.comparable:
        return _kept_cases(question, seed, tuple(question.probes))
    return question.cases(seed)


@functools.lru_cache(maxsize=4)
def _kept_cases(
    question: Question, seed: int, probes: tuple[Probe, ...]
) -> tuple[Case, ...]:
    """Kept for whoever checks the same answer again after a change."""
    return tuple(question.cases(seed))


class _Run:
    """The calls of one answer: its own time, in work and by the clock, and its trials. What the
    reference and the imports take is not the student's.
    """

    def __init__(self, question: Question, chosen: bool = True, in_tests: bool = False):
        self.question, self.chosen, self.in_tests = question, chosen, in_tests
        self.trials: list[Trial] = []
        self.spent = self._waited = 0.0

    def call(self, answer: CallAnswer, case: Case) -> Outcome:
        seconds = self.question.seconds
        start = time.monotonic()
        outcome = answer(
            self.question.driver,
            case.inputs.args,
            seconds - self.spent,
            patience(seconds) - self._waited,
        )
        self.spent += outcome.seconds
        self._waited += time.monotonic() - start
        return outcome


def _conclude(
    strategy: Strategy, run: _Run, framework: str, code: Code | None
) -> Verdict:
    question, trials = run.question, run.trials
    if not trials:
        raise RuntimeError(f"{question.name} has no probes")
    failures = [trial for trial in trials if not trial.passed]
    if not failures:
        headline = strategy.praise([trial.seen for trial in trials])
        return _verdict(run, Status.CORRECT, headline, earned=question.points)
    failed = _most_telling(failures)
    earned = _earned(question, trials)
    known = known_mistake(question, strategy, trials) if run.chosen else Known()
    in_force = framework if run.chosen else ""
    named = bool(known.name or known.likely)
    explanation = explain(
        question,
        strategy,
        trials,
        failed,
        in_force,
        named=named,
        in_tests=run.in_tests,
    )
    slip = _slip(question, code, named=named) if code else ""
    before = known.likely, slip, _not_chosen(run, framework)
    details = (*before, *explanation.details)
    status = explanation.status
    if earned and status in (Status.INCORRECT, Status.ERROR):
        status = Status.PARTIAL
    return _verdict(
        run,
        status,
        explanation.headline,
        details=tuple(filter(None, details)),
        earned=earned,
        mistake=known.name,
        failure=failure_of(question, strategy, failed),
    )


def _is_untouched(question: Question, outcome: Outcome, code: Code | None) -> bool:
    """Whether the first call tells that nothing is answered: it came to the stub, and not by one
    of several branches.
    """
    if not is_stub(outcome, question.name):
        return False
    try:
        return code is None or not has_open_branch(code.cells, code.name)
    # The code is a stranger's: what cannot be read counts as it ran.
    except Exception:
        log.warning("the code of %s could not be read", question.name, exc_info=True)
        return True


def _slip(question: Question, code: Code, *, named: bool) -> str:
    """What is seen in the code of an answer that is not right; empty where nothing is."""
    given = list(inspect.signature(question.reference.function).parameters)
    try:
        order = other_order(code.cells, code.name, given)
        return order if order or named else early_return(code.cells, code.name)
    # The code is a stranger's: of what cannot be read nothing is said.
    except Exception:
        log.warning("the code of %s could not be read", question.name, exc_info=True)
        return ""


def _not_chosen(run: _Run, framework: str) -> str:
    if run.chosen or len(run.question.frameworks) == 1:
        return ""
    other_frameworks = [name for name in run.question.frameworks if name != framework]
    others = " or ".join(other_frameworks)
    return (
        f"No `use(...)` was run, so the check handed over arrays of {framework}. If you answer in "
        f"{others}, put the cell with `use(...)` back."
    )


def _most_telling(failures: Sequence[Trial]) -> Trial:
    """The first that can be drawn, or, where the first failure gave no value, that one. An input of
    a single pixel is shown only if there is no other.
    """
    first = failures[0]
    if not first.outcome.is_value:
        return first
    ordinary = [
        trial for trial in failures if not is_degenerate(trial.case.inputs.args)
    ]
    telling = [trial for trial in ordinary if trial.outcome.is_value] or list(failures)
    return next((trial for trial in telling if trial.drawable), telling[0])


def _earned(question: Question, trials: Sequence[Trial]) -> float:
    if trials[-1].outcome.is_last:
        return 0.0
    failed = {trial.case.probe for trial in trials if not trial.passed}
    total = sum(probe.weight for probe in question.probes)
    kept = sum(probe.weight for probe in question.probes if probe not in failed)
    return round(question.points * kept / total, 2)


def _other_framework(question: Question, framework: str) -> str:
    choices = " or ".join(f'use("{name}")' for name in question.frameworks)
    return f"This is not answered in {framework}: choose {choices} before the check."


def _refused(question: Question, forbidden_use: ForbiddenUse, run: _Run) -> Verdict:
    details = [question.prohibition]
    if forbidden_use.line:
        details.append(f"The line is `{forbidden_use.line}`")
    return _verdict(
        run, Status.INCORRECT, forbidden_use.sentence, details=tuple(details)
    )


def _verdict(
    run: _Run,
    status: Status,
    headline: str,
    *,
    details: tuple[str, ...] = (),
    earned: float = 0.0,
    mistake: str | None = None,
    failure: Failure | None = None,
) -> Verdict:
    return Verdict(
        question=run.question.name,
        status=status,
        points=run.question.points,
        earned=earned,
        headline=headline,
        tried=len(run.trials),
        passed=sum(trial.passed for trial in run.trials),
        details=details,
        mistake=mistake,
        failure=failure,
        seconds=run.spent,
    )
