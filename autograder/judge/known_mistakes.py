"""Names the known mistake that an answer makes."""

from __future__ import annotations

from collections.abc import Sequence

from autograder.judge.strategy import Judging, log_failure
from autograder.judge.trial import Trial, agrees
from autograder.questions.definition import Mistake, Question
from autograder.values import frameworks


def known_mistake(question: Question, judging: Judging, trials: Sequence[Trial]) -> str | None:
    """The message of the first known mistake that does exactly what the answer does, on every
    input.
    """
    if trials[-1].outcome.is_last:
        return None
    for mistake in question.mistakes:
        if not frameworks.available(mistake.framework):
            continue
        if _is_made(question, judging, mistake, trials):
            return mistake.message
    return None


def _is_made(
    question: Question, judging: Judging, mistake: Mistake, trials: Sequence[Trial]
) -> bool:
    if mistake.recognise:
        return _is_recognised(question, mistake, trials)
    return judging.comparable and _does_the_same(question, judging, mistake, trials)


def _is_recognised(question: Question, mistake: Mistake, trials: Sequence[Trial]) -> bool:
    failed = [trial for trial in trials if not trial.passed]
    return all(_recognises(question, mistake, trial) for trial in failed)


def _recognises(question: Question, mistake: Mistake, trial: Trial) -> bool:
    if not trial.outcome.is_value or mistake.recognise is None:
        return False
    try:
        return bool(mistake.recognise(trial.case.inputs, trial.outcome.value))
    except Exception:  # The value is a stranger's: whatever it breaks, it only fails.
        what = f"a known mistake could not be recognised ({mistake.message})"
        log_failure(question, trial.case, what)
        return False


def _does_the_same(
    question: Question, judging: Judging, mistake: Mistake, trials: Sequence[Trial]
) -> bool:
    """Whether the mistake's outcomes are the answer's.

    One error has many names: what is a ValueError in NumPy is a RuntimeError in PyTorch. Errors of
    other names tell the mistake only where an equal wrong value elsewhere tells it as well.
    """
    another_name = False
    equal_wrong_value = False
    # Failed inputs first: there most mistakes part from the answer, and need not run on the rest.
    failed_first = sorted(trials, key=lambda trial: trial.passed)
    for trial in failed_first:
        outcome = judging.run(question, mistake, trial.case)
        mistaken = judging.observe(question, trial.case, outcome, trial.expected)
        if mistaken.outcome.kind != trial.outcome.kind:
            return False
        if trial.outcome.is_value:
            if not agrees(question, judging.same, trial.seen, mistaken):
                return False
            equal_wrong_value |= not trial.passed
        elif trial.outcome.kind == "raised":
            another_name |= trial.outcome.error != mistaken.outcome.error
    return equal_wrong_value or not another_name
