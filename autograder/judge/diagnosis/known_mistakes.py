"""Names the known mistake that an answer makes, or offers the one that it may be.

A name is a claim about somebody's code, made from a few results. So a mistake is named only if it
gives what the answer gives on every input, if what they have in common is more than chance gives,
and if no other known mistake does as well. What is less sure is offered as what it looks like.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autograder.answers.outcome import Outcome
from autograder.judge.compared import Compared
from autograder.judge.diagnosis.evidence import as_key, is_no_accident
from autograder.judge.diagnosis.nearest import Twin, nearest
from autograder.judge.samples.sample import Sample
from autograder.judge.strategy import Observation, Strategy, log_failure
from autograder.judge.trial import Trial, agrees
from autograder.questions.definition import Mistake, Question
from autograder.values import frameworks

_MOST_OFFERED = 2
"""Of more known mistakes that give the same, none is worth reading."""

_LEAST_KINDS_OF_RESULT = 2
"""So many different wrong results that could be chance are none."""


@dataclass(frozen=True)
class Known:
    """What known mistakes say of an answer.

    name:   the message of the one that it makes, None where none is certain.
    likely: the one that it may be, as a sentence; empty where there is none.
    """

    name: str | None = None
    likely: str = ""


def known_mistake(
    question: Question, strategy: Strategy, trials: Sequence[Trial]
) -> Known:
    """Which known mistake does exactly what the answer does, on every input."""
    failed = [trial for trial in trials if not trial.passed]
    if trials[-1].outcome.is_last or not failed:
        return Known()
    twins = [
        _twin(question, strategy, mistake, trials)
        for mistake in question.mistakes
        if frameworks.available(mistake.framework)
    ]
    made = _surest([twin for twin in twins if twin.explains_all])
    messages = list(dict.fromkeys(twin.mistake.message for twin in made))
    if len(messages) == 1:
        return _said(question, made, messages[0])
    if messages:
        return Known(likely=_one_of(messages))
    if isinstance(strategy, Compared):
        return Known(likely=_nearest(question, strategy, trials, twins))
    return Known()


def _surest(made: list[Twin]) -> list[Twin]:
    """Of several, those that give the same: what a question only recognises may be true of them,
    too.
    """
    same = [twin for twin in made if twin.gives_the_same]
    return same or made


def _nearest(
    question: Question,
    strategy: Compared,
    trials: Sequence[Trial],
    twins: Sequence[Twin],
) -> str:
    try:
        return nearest(strategy, trials, twins)
    # The values are a stranger's: whatever they break, nothing is offered.
    except Exception:
        log_failure(question, trials[0].case, "no known mistake could be offered")
        return ""


def _said(question: Question, made: Sequence[Twin], message: str) -> Known:
    if _only_parameters(question, made):
        return Known(likely=f"Its parameters are those of this: {message}")
    if any(map(_is_certain, made)):
        return Known(name=message)
    return Known(likely=f"It looks like this: {message}")


def _one_of(messages: Sequence[str]) -> str:
    if len(messages) > _MOST_OFFERED:
        return ""
    listed = " Or: ".join(messages)
    return f"Several known mistakes give what this gives. {listed}"


def _twin(
    question: Question, strategy: Strategy, mistake: Mistake, trials: Sequence[Trial]
) -> Twin:
    """What the mistake gives; of random operations only as long as it gives what the answer
    gives.
    """
    if mistake.recognise and not _is_recognised(question, mistake, trials):
        return Twin(mistake)
    if not strategy.comparable:
        return Twin(mistake, explains_all=mistake.recognise is not None)
    seen: dict[Trial, Observation] = {}
    alike = True
    # Failed inputs first: there most mistakes part from the answer.
    for trial in sorted(trials, key=lambda trial: trial.passed):
        if not alike and not isinstance(strategy, Compared) and not mistake.recognise:
            break
        outcome = strategy.run(question, mistake, trial.case)
        mistaken = strategy.observe(question, trial.case, outcome, trial.expected)
        seen[trial] = mistaken
        alike = alike and _alike(question, strategy, trial, mistaken)
    if mistake.recognise:
        wrong = [trial for trial in seen if not trial.passed]
        explains = all(_has_its_form(trial, seen[trial]) for trial in wrong)
        return Twin(mistake, seen, explains, gives_the_same=alike)
    explains = alike and _is_told_by_a_value(seen)
    return Twin(mistake, seen, explains, gives_the_same=alike)


def _alike(
    question: Question, strategy: Strategy, trial: Trial, mistaken: Observation
) -> bool:
    """Whether the mistake gives what the answer gives. One error has many names: what is a
    ValueError in NumPy is a RuntimeError in PyTorch.
    """
    if mistaken.outcome.kind != trial.outcome.kind:
        return False
    if trial.outcome.is_value:
        return agrees(question, strategy.same, trial.seen, mistaken)
    return True


def _is_told_by_a_value(seen: dict[Trial, Observation]) -> bool:
    """Whether a wrong value is among what both give: errors alone have too many causes."""
    return any(trial.outcome.is_value and not trial.passed for trial in seen)


# Recognised by what a question says


def _is_recognised(
    question: Question, mistake: Mistake, trials: Sequence[Trial]
) -> bool:
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


def _has_its_form(trial: Trial, mistaken: Observation) -> bool:
    """Of random operations: whether the results have the form that the mistake's have. What is
    wrong with another form is not told by what was drawn.
    """
    got = trial.seen.result
    other = mistaken.result
    if not isinstance(got, Sample):
        return True
    if not isinstance(other, Sample):
        return False
    share_a_shape = bool(got.shapes & other.shapes)
    return share_a_shape and _form(got) == _form(other)


def _form(sample: Sample) -> tuple[bool, ...]:
    return sample.finite, sample.changed, sample.repeatable


# What is more than chance


def _only_parameters(question: Question, made: Sequence[Twin]) -> bool:
    """Of nets: whether no weights fitted, so that only the shapes of parameters were seen, which
    many nets have.
    """
    if question.driver != "network":
        return False
    for twin in made:
        for outcome in _wrong_outcomes(twin):
            if isinstance(outcome.value, dict) and "logits" in outcome.value:
                return False
    return True


def _is_certain(twin: Twin) -> bool:
    """Whether what is alike is more than chance gives."""
    if not twin.seen:
        return True  # What is measured is recognised by its question alone.
    if not twin.gives_the_same:
        return False
    failed = [trial for trial in twin.seen if not trial.passed]
    if any(isinstance(trial.seen.result, Sample) for trial in failed):
        # Of results that no draw gives, little more than their mean and spread is compared.
        return not all(twin.seen[trial].result.problem for trial in failed)
    values = [outcome.value for outcome in _wrong_outcomes(twin)]
    if any(map(is_no_accident, values)):
        return True
    different = set(map(as_key, values))
    return len(different) >= _LEAST_KINDS_OF_RESULT


def _wrong_outcomes(twin: Twin) -> Iterator[Outcome]:
    for trial in twin.seen:
        if trial.outcome.is_value and not trial.passed:
            yield trial.outcome
