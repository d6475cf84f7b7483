"""The judge: draws the inputs, has the answer called, and compares what comes back with the
reference. It never runs in the student's process.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autograder.answers.drivers import DRIVERS
from autograder.answers.run import Peer, in_process, is_stub, run
from autograder.answers.time_limit import patience
from autograder.judge import sampled
from autograder.judge.code_reader import Code, Finding, may_not, read
from autograder.logs import log
from autograder.questions.definition import Answer, Case, Measurement, Mistake, Probe, Question
from autograder.values import frameworks
from autograder.values.agreement import agree, differences
from autograder.verdict import Failure, Outcome, Status, Verdict

MOST = 0.75
"""The part of a question's time that one input takes where the answer hangs and is not only
slow.
"""


def examine(
    question: Question, peer: Peer, *, seed: int, framework: str, code: Code | None = None
) -> Verdict:
    """Judge the answer behind `peer`, which is given arrays of `framework`, on the inputs that
    `seed` gives; `code` is where it is written.

    A probe's weight is earned if all its inputs pass. An answer that hangs or kills its process
    earns nothing, one that is the untouched stub is "not attempted". One that uses what the
    question forbids, by what is read in its code or seen while it runs, earns nothing either.
    """
    if code is not None and (finding := read(code, question.forbids)):
        return _refused(question, finding, 0.0, [])
    spent = waited = (
        # the answer's own time, in work and by the clock; what the reference and the imports take
        # is not the student's
        0.0
    )
    trials: list[_Trial] = []
    cases = (
        question.cases(seed)
        if question.measurement
        else _cases(question, seed, tuple(question.probes))
    )
    for case in cases:
        start = time.monotonic()
        outcome = peer(
            question.driver,
            case.inputs.args,
            question.seconds - spent,
            patience(question.seconds) - waited,
        )
        spent, waited = spent + outcome.seconds, waited + time.monotonic() - start
        if not trials and is_stub(outcome, question.name):
            return _verdict(
                question,
                Status.NOT_ATTEMPTED,
                spent,
                [],
                headline=(
                    "Put your answer in place of the line with `raise "
                    "NotImplementedError`, then run both cells."
                ),
            )
        if framework not in question.frameworks:
            choices = " or ".join(f'use("{name}")' for name in question.frameworks)
            return _verdict(
                question,
                Status.ERROR,
                spent,
                [],
                headline=f"This is not answered in {framework}: choose {choices} before the check.",
            )
        if outcome.forbidden:
            return _refused(question, Finding(may_not(outcome.forbidden)), spent, trials)
        trials.append(_trial(question, case, outcome, expected_outcome(question, case)))
        if outcome.kind in ("timeout", "lost"):
            break
    return _conclude(question, trials, spent, framework)


def examine_answer(question: Question, answer: Any, framework: str, *, seed: int = 0) -> Verdict:
    """Judge an answer that lives in this process: the reference, a mistake, a test's own. Not
    for a stranger's code.
    """
    return examine(
        question, in_process(answer, framework, question.forbids), seed=seed, framework=framework
    )


@dataclass(frozen=True, eq=False)
class _Trial:
    """One input, what came back, and whether that is right."""

    case: Case
    outcome: Outcome
    passed: bool
    expected: Any = None
    measured: Measurement | None = None


@functools.lru_cache(maxsize=4)
def _cases(question: Question, seed: int, probes: tuple[Probe, ...]) -> tuple[Case, ...]:
    """Kept for whoever checks the same answer again after a change; not where they are measured,
    which may use up what it is given.
    """
    return tuple(question.cases(seed))


def expected_outcome(question: Question, case: Case) -> Outcome | None:
    """The reference's, which an outcome is compared with; None where it is measured instead.
    Raises RuntimeError if the reference itself fails.
    """
    return None if question.measurement else _expected(question, case, question.recovery)


@functools.lru_cache(maxsize=64)
def _expected(question: Question, case: Case, recovery: Callable | None) -> Outcome:
    """Kept as long as the cases are; while a class is graded, with other inputs for each
    student, that is some ten megabytes for nothing.
    """
    expected = _outcome_of(question, question.reference, case)
    if expected.kind != "value":
        raise RuntimeError(
            f"the reference of {question.name} fails on its own probe {case.probe.name}: "
            f"{expected.error} {expected.message}"
        )
    if question.recovery:
        expected = _sampled(question, case, expected)
        if expected.kind != "value" or expected.value.problem:
            why = expected.message or expected.value.fault or expected.value.problem
            raise RuntimeError(
                f"of the reference of {question.name} nothing is recovered on "
                f"its own probe {case.probe.name}: {why}"
            )
    return expected


def _sampled(question: Question, case: Case, outcome: Outcome, like: Any = None) -> Outcome:
    """The same, of a random operation, with the sample of its draws as the value."""
    if outcome.kind != "value":
        return outcome
    try:
        return replace(
            outcome, value=sampled.sample(question.recovery, case.inputs.args, outcome.value, like)
        )
    except Exception:  # the value is a stranger's: whatever it breaks, it only fails
        _log_failure(question, case, "its draws could not be recovered")
        return replace(
            outcome,
            kind="refused",
            value=None,
            message="the result does not have the form that the task asks for",
        )


def passes(question: Question, case: Case, outcome: Outcome, expected: Outcome | None) -> bool:
    """Whether what came back on one input is right; `expected` is what `expected_outcome` gives."""
    return _trial(question, case, outcome, expected).passed


def _trial(question: Question, case: Case, outcome: Outcome, expected: Outcome | None) -> _Trial:
    if expected is None:
        measured = _measure(question, case, outcome) if outcome.kind == "value" else None
        return _Trial(case, outcome, bool(measured and measured.passed), measured=measured)
    if question.recovery:
        outcome = _sampled(question, case, outcome, expected.value.like)
    return _Trial(
        case,
        outcome,
        outcome.kind == "value" and _agrees(question, expected, outcome),
        expected.value,
    )


def _agrees(question: Question, expected: Outcome, outcome: Outcome) -> bool:
    try:
        if question.recovery:
            return sampled.alike(expected.value, outcome.value)
        return agree(expected.value, outcome.value, question.rtol, question.atol)
    # the value is a stranger's: whatever it breaks, it only fails, and is not the question's fault
    except Exception:
        log.warning("%s: a result could not be compared", question.name, exc_info=True)
        return False


def _differences(question: Question, failed: _Trial, none_is_a_result: bool) -> list[str]:
    try:
        if question.recovery:
            return sampled.differences(failed.expected, failed.outcome.value, question.each)
        return differences(
            failed.expected,
            failed.outcome.value,
            question.rtol,
            question.atol,
            none_is_a_result=none_is_a_result,
        )[:4]
    except Exception:  # as in _agrees
        _log_failure(question, failed.case, "the differences could not be told")
        return ["The result cannot be compared with what is expected."]


def _measure(question: Question, case: Case, outcome: Outcome) -> Measurement:
    try:
        measured = question.measurement(case.inputs, outcome.value)
    except Exception:  # the output is a stranger's: whatever it breaks, it only fails
        _log_failure(
            question,
            case,
            "its measurement failed on a result, by the result's fault or by its own",
        )
        return Measurement(False, "The result does not have the form that the task asks for.")
    if not isinstance(measured, Measurement):
        raise TypeError(
            f"the measurement of {question.name} must return a "
            f"Measurement, and not {type(measured).__name__}"
        )
    return measured


def _log_failure(question: Question, case: Case, what: str) -> None:
    """Keep the traceback for whoever maintains the question: nobody can tell whether the
    stranger's value or the question broke it.
    """
    log.warning("%s, probe %s: %s", question.name, case.probe.name, what, exc_info=True)


def _outcome_of(question: Question, answer: Answer, case: Case) -> Outcome:
    args = case.inputs.args
    if (
        question.recovery
    ):  # seeds of its own, so that its draws have nothing to do with the student's
        args = ([seed + 2**32 for seed in args[0]], *args[1:])
    with np.errstate(all="ignore"):  # a known mistake may overflow: that is what it is there for
        return run(answer.function, question.driver, answer.framework, args)


def _conclude(question: Question, trials: list[_Trial], spent: float, framework: str) -> Verdict:
    if not trials:
        raise RuntimeError(f"{question.name} has no probes")
    failures = [trial for trial in trials if not trial.passed]
    if not failures:
        measured = [trial.measured.message for trial in trials if trial.measured]
        headline = measured[-1] if measured else f"Correct on all {len(trials)} inputs."
        return _verdict(
            question, Status.CORRECT, spent, trials, headline=headline, earned=question.points
        )

    failed = (
        next((trial for trial in failures if _drawable(trial)), failures[0])
        if failures[0].outcome.kind == "value"
        else failures[0]
    )
    earned = _earned(question, trials)
    mistake = _known_mistake(question, trials)
    status, headline, details = _what_failed(question, trials, failed, framework)
    if status in (Status.INCORRECT, Status.ERROR) and earned:
        status = Status.PARTIAL
    return _verdict(
        question,
        status,
        spent,
        trials,
        headline=headline,
        details=details,
        earned=earned,
        mistake=mistake,
        failure=_failure(question, failed),
    )


def _drawable(trial: _Trial, most: int = 12) -> bool:
    """Whether there is something to see: a result of more than one row and column, small enough
    to read.
    """
    expected = trial.expected
    return (
        trial.outcome.kind == "value"
        and isinstance(expected, np.ndarray)
        and expected.ndim >= 2
        and 2 <= min(expected.shape[-2:]) <= max(expected.shape) <= most
    )


def _what_failed(
    question: Question, trials: list[_Trial], failed: _Trial, framework: str
) -> tuple[Status, str, list[str]]:
    """Status, headline and details, told by the last trial if it ended the examination, else by
    the first that failed.
    """
    passed = sum(trial.passed for trial in trials)
    score = (
        f"Right on {passed} of {len(trials)} inputs{_kinds(trials)}."
        if len(trials) > 1
        else "Not right yet."
    )
    if trials[-1].outcome.kind == "timeout":
        return Status.TIMEOUT, _out_of_time(question, trials), _where_stopped(trials[-1].outcome)
    if trials[-1].outcome.kind == "lost":
        return (
            Status.CRASHED,
            "Python stopped while it ran this answer.",
            [trials[-1].outcome.message] if trials[-1].outcome.message else [],
        )
    outcome = failed.outcome
    if outcome.kind == "raised":
        given = (
            []
            if outcome.error not in ("TypeError", "AttributeError", "MXNetError")
            else [f'The check hands over arrays of {framework}: use("{framework}") is in force.']
        )
        return (
            Status.ERROR,
            f"{score} The function raised "
            f"{outcome.error}{': ' + outcome.message if outcome.message else ''}",
            given,
        )
    if outcome.kind == "refused":
        return Status.INCORRECT, score, [f"{outcome.message[:1].upper()}{outcome.message[1:]}."]
    if failed.measured:
        return Status.INCORRECT, score, [failed.measured.message]
    none_is_a_result = any(trial.expected is None for trial in trials) and any(
        trial.outcome.value is not None for trial in trials
    )
    return Status.INCORRECT, score, _differences(question, failed, none_is_a_result)


def _out_of_time(question: Question, trials: list[_Trial]) -> str:
    """Which limit was hit, how far the answer was, and what that looks like."""
    last = trials[-1].outcome
    spent = sum(trial.outcome.seconds for trial in trials)
    said = f"{_allowed(question, trials, spent)}{_before(trials)}"
    if last.last:
        return f"{said} The last that it printed is: {last.last}"
    if last.seconds > MOST * question.seconds:
        return f"{said} Is there an endless loop?"
    return said


def _allowed(question: Question, trials: list[_Trial], spent: float) -> str:
    several = len(trials) > 1
    allowed = (
        f"{question.seconds:g} second{'' if question.seconds == 1 else 's'} of a processor's time"
    )
    if spent < 0.99 * question.seconds:
        at = f" It was at input {len(trials)}." if several else ""
        waited = f"{patience(question.seconds):g} seconds, {spent:.2g} of which it worked"
        return f"No result within {waited}: it waits for something, or the machine is too busy.{at}"
    if several:
        alone = trials[-1].outcome.seconds
        taken = f": that one alone took {alone:.3g}" if alone > MOST * question.seconds else ""
        return (
            f"All inputs together have {allowed}, and they were used "
            f"up at number {len(trials)}{taken}."
        )
    return f"No result within {allowed}."


def _before(trials: list[_Trial]) -> str:
    """What came of the inputs before the last one, as the next sentence."""
    if len(trials) == 1:
        return ""
    if error := next((trial.outcome for trial in trials if trial.outcome.kind == "raised"), None):
        return (
            " Before, the function raised "
            f"{error.error}{': ' + error.message if error.message else '.'}"
        )
    passed, before = sum(trial.passed for trial in trials), len(trials) - 1
    if before == 1:
        return f" The result before it is {'right' if passed else 'wrong'}."
    return f" {passed} of the {before} results before it are right."


def _where_stopped(outcome: Outcome) -> list[str]:
    """The learner's own line that it was in."""
    if not outcome.lines:
        return []
    place, _, code = outcome.lines[-1].partition(": ")
    return [f"It was stopped in {place}: `{code}`"]


def _kinds(trials: list[_Trial]) -> str:
    """How many kinds of input are all right: the points go by kind."""
    kinds = {trial.case.probe for trial in trials}
    right = kinds - {trial.case.probe for trial in trials if not trial.passed}
    return f", and on every input of {len(right)} of {len(kinds)} kinds" if right else ""


def _earned(question: Question, trials: list[_Trial]) -> float:
    if trials[-1].outcome.kind in ("timeout", "lost"):
        return 0.0
    lost = {trial.case.probe for trial in trials if not trial.passed}
    total = sum(probe.weight for probe in question.probes)
    kept = sum(probe.weight for probe in question.probes if probe not in lost)
    return round(question.points * kept / total, 2)


def _known_mistake(question: Question, trials: list[_Trial]) -> str | None:
    """The message of the first known mistake that does exactly what the answer does, on every
    input.
    """
    if trials[-1].outcome.kind in ("timeout", "lost"):
        return None
    for mistake in question.mistakes:
        if frameworks.available(mistake.framework) and _makes(question, mistake, trials):
            return mistake.message
    return None


def _makes(question: Question, mistake: Mistake, trials: list[_Trial]) -> bool:
    if mistake.recognise:
        failed = [trial for trial in trials if not trial.passed]
        return all(
            trial.outcome.kind == "value" and _recognises(question, mistake, trial)
            for trial in failed
        )
    if question.measurement:
        return False
    # One error has many names: what is a ValueError in NumPy is a RuntimeError in PyTorch. An equal
    # wrong value elsewhere tells the mistake as well.
    another_name = equal_wrong_value = False
    for trial in sorted(
        trials, key=lambda trial: trial.passed
    ):  # where it failed first: there most mistakes part from it, and need not run on the rest
        one, other = trial.outcome, _outcome_of(question, mistake, trial.case)
        if question.recovery:
            other = _sampled(question, trial.case, other, trial.expected.like)
        if not _same(question, one, other):
            return False
        another_name |= one.kind == "raised" and one.error != other.error
        equal_wrong_value |= not trial.passed and one.kind == "value"
    return equal_wrong_value or not another_name


def _recognises(question: Question, mistake: Mistake, trial: _Trial) -> bool:
    try:
        value = trial.outcome.value
        return bool(
            mistake.recognise(
                trial.case.inputs, value.output if isinstance(value, sampled.Sample) else value
            )
        )
    except Exception:  # as in _measure: the output is a stranger's
        _log_failure(
            question, trial.case, f"a known mistake could not be recognised ({mistake.message})"
        )
        return False


def _same(question: Question, one: Outcome, other: Outcome) -> bool:
    """Whether two outcomes are of one kind and, if values, equal (or, of a random operation, of
    one distribution).
    """
    return one.kind == other.kind and (one.kind != "value" or _agrees(question, other, one))


def _failure(question: Question, trial: _Trial) -> Failure:
    args = trial.case.inputs.args
    inputs = tuple(zip(_names(question, len(args)), args, strict=True))
    probe = trial.case.probe.name.replace("_", " ")
    if (
        question.recovery
    ):  # many results, none of which should equal one of the reference's; nobody reads the seeds
        return Failure(probe, inputs[1:], replace(trial.outcome, value=None))
    return Failure(probe, inputs, trial.outcome, trial.expected)


def _names(question: Question, count: int) -> list[str]:
    """What the arguments are called: by the driver where it takes them itself, by the reference
    where they are passed on.
    """
    own = list(inspect.signature(question.reference.function).parameters)
    if question.driver == "sampled":
        own = ["seeds", *own]
    elif question.driver != "call":
        drivers = [
            p.name
            for p in inspect.signature(DRIVERS[question.driver]).parameters.values()
            if p.kind is not p.VAR_POSITIONAL
        ][2:]
        own = drivers + (own[len(drivers) - count :] if count > len(drivers) else [])
    return [*own, *(f"argument {i + 1}" for i in range(len(own), count))][:count]


def _refused(question: Question, finding: Finding, spent: float, trials: list[_Trial]) -> Verdict:
    line = [f"The line is `{finding.line}`"] if finding.line else []
    return _verdict(
        question,
        Status.INCORRECT,
        spent,
        trials,
        headline=finding.sentence,
        details=[question.prohibition, *line],
    )


def _verdict(
    question: Question,
    status: Status,
    spent: float,
    trials: list[_Trial],
    *,
    headline: str,
    earned: float = 0.0,
    details=(),
    **more,
) -> Verdict:
    return Verdict(
        question=question.name,
        status=status,
        points=question.points,
        earned=earned,
        headline=headline,
        tried=len(trials),
        passed=sum(trial.passed for trial in trials),
        details=tuple(details),
        seconds=spent,
        **more,
    )
