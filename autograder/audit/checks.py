"""What is examined of one question: its declarations, right answers and harmless variants of them;
and, in the modules beside this one, wrong answers and mutants.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autograder.answers.outcome import Outcome
from autograder.audit.card import QuestionCard
from autograder.audit.mutant_trial import mutants_of
from autograder.audit.peers import (
    fingerprint,
    is_float,
    label_of,
    map_arrays,
    parameters_of,
    peer_of,
    recorded,
)
from autograder.audit.search import search_inputs
from autograder.audit.untried import never_tried
from autograder.audit.wrong_answers import VISIBLE, known_mistakes, wrong_answers
from autograder.errors import BadQuestion
from autograder.judge.examination import examine, examine_answer, expected
from autograder.judge.trial import strategy_of
from autograder.questions.definition import Answer, Case, Probe, Question, seed_for
from autograder.values import frameworks
from autograder.verdict import Status

TRIES = 3
"""Fresh seeds for every right answer and every mistake, unless more are asked for; training,
which takes seconds, gets one.
"""

LEAST_DECLARED = 2
"""Alternatives, and known mistakes, that a question must have."""

_MUTANT_SLOWDOWN = 20
"""How many times longer than a right answer a mutant may take."""


def audit(
    question: Question,
    *,
    sample: int | None = None,
    repeat: int = 1,
    forks: int = 1,
    seeds: Sequence[int] = (),
    search: bool = True,
) -> QuestionCard:
    """Examine everything that `question` promises.

    sample: this many mutants instead of all, the same ones every time; 0 leaves them and what was
    declared of them out.
    repeat: fresh seeds on which right answers must pass and mistakes must fail. seeds: these
        instead.
    search: whether inputs are looked for that tell near misses from right answers.
    forks:  processes that try mutants. Runs the answers of the question in this process: not for a
            stranger's questions.
    """
    tries = max(repeat, 1 if question.trains else TRIES)
    fresh = list(seeds) or fresh_seeds(question, tries)
    blank = QuestionCard(question.name, question.points)
    fault = _unavailable(question) or _fault(question)
    if fault:
        return replace(blank, errors=(fault,))

    right = _runnable((question.reference, *question.alternatives))
    rejected, times = _right_answers(question, right, fresh)
    accepted = [answer for answer in right if answer not in rejected]
    slowest = max(times)
    seconds = min(question.seconds, max(2.0, _MUTANT_SLOWDOWN * slowest))
    incomplete = replace(
        blank,
        errors=(*_incomplete(question), *_called_wrongly(question, accepted, fresh[0])),
        notes=tuple(_left_out(question)),
        untried=_untried(question, fresh),
    )
    right_answers = replace(
        blank,
        alternatives=len(right) - 1,
        false_rejects=tuple(rejected.values()),
        median_check_s=statistics.median(times),
        slowest_check_s=slowest,
    )
    searched = search_inputs(question, accepted, fresh[:TRIES]) if search else blank
    return (
        incomplete
        + searched
        + right_answers
        + mutants_of(question, accepted, sample=sample, seconds=seconds, forks=forks)
        + known_mistakes(question, fresh)
        + harmless_variants(question, accepted, fresh[0])
        + wrong_answers(question, fresh)
    )


def _runnable(answers: Iterable[Answer]) -> list[Answer]:
    """Those whose framework is there."""
    return [answer for answer in answers if frameworks.available(answer.framework)]


def _unavailable(question: Question) -> str | None:
    """Why nothing can be said of the question on this machine."""
    framework = question.reference.framework
    if frameworks.available(framework):
        return None
    return f"{framework}, in which the reference is written, is not available on this machine."


def _left_out(question: Question) -> Iterator[str]:
    """A sentence for each framework that is not there."""
    answers = (question.reference, *question.alternatives, *question.mistakes)
    names = {answer.framework for answer in answers}
    for framework in sorted(names):
        if not frameworks.available(framework):
            yield (
                f"{framework} is not available on this machine: what is written in it was left out."
            )


def fresh_seeds(question: Question, count: int) -> list[int]:
    """`count` seeds that nobody has seen the question's inputs of, the same ones every time."""
    return [
        seed_for("audit, fresh", question.name, str(number)) for number in range(count)
    ]


def _fault(question: Question) -> str | None:
    """What keeps the question from being audited at all: no probe, or a probe or a reference
    that fails.
    """
    if not question.probes:
        return "The question has no probes."
    try:
        question.check_complete()
    except BadQuestion as error:
        return f"{error}."
    for probe in question.probes:
        fault = _fault_of_probe(question, probe)
        if fault is not None:
            return fault
    return None


def _fault_of_probe(question: Question, probe: Probe) -> str | None:
    alone = replace(question, probes=[probe])
    try:
        cases = list(alone.cases(VISIBLE))
        cases_again = list(alone.cases(VISIBLE))
        for case in cases:
            expected(question, case)
    except Exception as error:  # a probe is the question's own code
        kind = type(error).__name__
        return (
            f"The probe {probe.name!r} gives no inputs, or the reference no result for them: "
            f"{kind}: {error}"
        )
    if _fingerprint_of_cases(cases) != _fingerprint_of_cases(cases_again):
        return (
            f"The probe {probe.name!r} draws other inputs from the same seed: it must use no "
            "randomness but `rng`, or a regrade gives other verdicts."
        )
    return None


def _fingerprint_of_cases(cases: list[Case]) -> str:
    inputs = tuple(case.inputs.args for case in cases)
    return fingerprint(inputs)


def _incomplete(question: Question) -> Iterator[str]:
    """What a question must have before a clean card can mean anything."""
    alternatives = len(question.alternatives)
    mistakes = len(question.mistakes)
    if alternatives < LEAST_DECLARED:
        yield (
            f"It has {alternatives} alternatives: with fewer than two, nothing "
            "shows that its check is not too strict."
        )
    if mistakes < LEAST_DECLARED:
        yield (
            f"It has {mistakes} known mistakes: give at least two that people make, "
            "so that they can be named."
        )
    counts = Counter(mistake.message for mistake in question.mistakes)
    for message, count in sorted(counts.items()):
        if count > 1:
            yield (
                f'Two known mistakes have the message "{message}": whoever '
                "reads it cannot tell which it is."
            )


# Right answers ------------------------------------------------------------------------------------


def _untried(question: Question, seeds: list[int]) -> tuple[str, ...]:
    """The kinds of input and result that are in none of the probes."""
    if question.driver != "call" or not strategy_of(question).comparable:
        return ()
    cases = [case for seed in seeds for case in question.cases(seed)]
    results = [expected(question, case) for case in cases]
    return never_tried([case.inputs.args for case in cases], results)


def _right_answers(
    question: Question, right: list[Answer], fresh: list[int]
) -> tuple[dict[Answer, str], list[float]]:
    """A sentence for each that is rejected on any of the seeds, and the processor time of every
    check.
    """
    rejected = {}
    times = []
    # What is expected is worked out for the first answer and kept for the others.
    for seed in fresh:
        for answer in right:
            if answer in rejected:
                continue
            start = time.process_time()
            verdict = examine_answer(
                question, answer.function, answer.framework, seed=seed
            )
            times.append(time.process_time() - start)
            if verdict.status is not Status.CORRECT:
                label = label_of(question, answer)
                reason = " ".join((verdict.headline, *verdict.details))
                rejected[answer] = f"{label}, seed {seed}: {reason}"
    return rejected, times


def harmless_variants(
    question: Question, right: list[Answer], seed: int
) -> QuestionCard:
    """The same answers given other arrays of the same numbers, and results with the noise of
    another order of summation: a sentence for each rejected.

    And a note of each that raises. That is no fault of the check, which gives an answer only what
    the statement promises; but students may write such an answer.
    """
    rejected = []
    raised = []
    for answer in right:
        for name, before, after in _harmless(question, answer):
            variant = f"{label_of(question, answer)}, {name}"
            outcomes: list[Outcome] = []
            peer = recorded(
                peer_of(question, answer, before=before, after=after), outcomes
            )
            verdict = examine(question, peer, seed=seed, framework=answer.framework)
            errors = [outcome for outcome in outcomes if outcome.kind == "raised"]
            if errors:
                first = errors[0]
                sentence = f"{variant}, raises {first.error}: {first.message}"
                raised.append(sentence.rstrip(": "))
            elif verdict.status is not Status.CORRECT:
                reason = " ".join((verdict.headline, *verdict.details))
                rejected.append(f"{variant}: {reason}".rstrip())
    return QuestionCard(
        question.name,
        question.points,
        false_rejects=tuple(rejected),
        notes=tuple(raised),
    )


def _harmless(
    question: Question, answer: Answer
) -> Iterator[tuple[str, Callable | None, Callable | None]]:
    if question.driver == "call" and answer.framework in ("numpy", "torch"):
        yield "given views that are not contiguous", _strided, None
        yield "given the other width of float", _other_width, None
    if strategy_of(question).comparable and answer is question.reference:
        yield (
            "with its result in float32",
            None,
            lambda value: map_arrays(value, _narrowed),
        )
        yield (
            "with its result in lists",
            None,
            lambda value: map_arrays(value, _in_lists),
        )
        yield "with the noise of float32", None, lambda value: map_arrays(value, _noisy)


def _narrowed(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if is_float(array) else array


def _in_lists(array: np.ndarray) -> Any:
    return array.tolist()


def _strided(array: Any) -> Any:
    if array.ndim == 0:
        return _plain_number(array)
    if isinstance(array, np.ndarray):
        return np.repeat(array, 2, axis=-1)[..., ::2]
    return array.repeat_interleave(2, dim=-1)[..., ::2]


def _plain_number(array: Any) -> Any:
    """A number that `map_arrays` handed over as an array, as what the answer would be given."""
    return array.item() if isinstance(array, np.ndarray) else array


def _other_width(array: Any) -> Any:
    if array.ndim == 0:
        return _plain_number(array)
    if isinstance(array, np.ndarray):
        widths = {"float32": np.float64, "float64": np.float32}
        return array.astype(widths.get(array.dtype.name, array.dtype))
    torch = frameworks.module("torch")
    other = {torch.float32: torch.float64, torch.float64: torch.float32}
    return array.to(other.get(array.dtype, array.dtype))


def _noisy(array: np.ndarray) -> np.ndarray:
    """What another order of summation changes: a little of each number, and a little of the
    largest one.
    """
    if not is_float(array) or not array.size:
        return array
    known = np.isfinite(array)
    largest = np.abs(array[known]).max(initial=0)
    rng = np.random.default_rng(0)
    of_each, of_largest = rng.normal(size=(2, *array.shape))
    numbers = np.where(known, array, 0)
    noise = 5e-7 * of_each * numbers + 2e-7 * of_largest * largest
    return array + noise


def _called_wrongly(
    question: Question, right: list[Answer], seed: int
) -> Iterator[str]:
    """Whoever calls an answer by the names in the statement must be served: a sentence for each
    right answer that is not written so.
    """
    if question.driver != "call":
        return
    names = parameters_of(question)
    listed = ", ".join(names)
    for answer in right:
        by_name = Answer(_called_by_name(answer.function, names), answer.framework)
        peer = peer_of(question, by_name)
        verdict = examine(question, peer, seed=seed, framework=answer.framework)
        if verdict.status is not Status.CORRECT:
            label = label_of(question, answer)
            yield f"{label}, called by the names {listed}: {verdict.headline}"


def _called_by_name(function: Callable, names: list[str]) -> Callable:
    """`function`, given every argument by its name."""

    def by_name(*args: Any) -> Any:
        named = dict(zip(names, args, strict=True))
        return function(**named)

    return by_name
