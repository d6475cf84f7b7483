"""Answers that are wrong: known mistakes, and what is wrong by construction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from autograder.answers.outcome import Outcome
from autograder.answers.run import CallAnswer, LocalAnswer
from autograder.audit.card import QuestionCard
from autograder.audit.peers import (
    CONSTRUCTED,
    SQUARE,
    SYMMETRIC,
    arrays_in,
    fingerprint,
    has_floats,
    is_float,
    map_arrays,
    parameters_of,
    peer_of,
)
from autograder.judge.examination import examine, examine_answer, expected
from autograder.judge.trial import strategy_of
from autograder.questions.definition import Mistake, Question
from autograder.values import frameworks
from autograder.verdict import Status, Verdict

VISIBLE = 0
"""The seed of whoever has seen the inputs."""


def known_mistakes(question: Question, fresh: list[int]) -> QuestionCard:
    """How many known mistakes are named as themselves, a sentence for each other one, and one
    for each that is accepted.
    """
    accepted = []
    misnamed = []
    verdicts = _verdicts_on_mistakes(question, fresh)
    for mistake, of_mistake in verdicts.items():
        if any(verdict.status is Status.CORRECT for verdict in of_mistake):
            accepted.append(
                f'Accepted although it is a known mistake: "{mistake.message}"'
            )
        others = [
            verdict for verdict in of_mistake if not verdict.tells(mistake.message)
        ]
        if others:
            told = others[0].mistake or others[0].headline
            misnamed.append(f'Known mistake "{mistake.message}" is told as {told!r}')
    return QuestionCard(
        question.name,
        question.points,
        false_accepts=tuple(accepted),
        mistakes=len(verdicts),
        mistakes_named=len(verdicts) - len(misnamed),
        misnamed=tuple(misnamed),
        unsteady=tuple(_unsteady(question, verdicts)),
    )


def _unsteady(
    question: Question, verdicts: dict[Mistake, list[Verdict]]
) -> Iterator[str]:
    """A sentence for each known mistake that costs some students more than others."""
    for mistake, of_mistake in verdicts.items():
        earned = sorted({verdict.earned for verdict in of_mistake})
        if len(earned) > 1:
            yield (
                f'Known mistake "{mistake.message}" earns {earned[0]:g} to {earned[-1]:g} of '
                f"{question.points:g} points, by the student."
            )


def _verdicts_on_mistakes(
    question: Question, fresh: list[int]
) -> dict[Mistake, list[Verdict]]:
    """For each known mistake that can be run, one verdict a seed."""
    mistakes = [
        mistake
        for mistake in question.mistakes
        if frameworks.available(mistake.framework)
    ]
    verdicts: dict[Mistake, list[Verdict]] = {mistake: [] for mistake in mistakes}
    for seed in fresh:  # what is expected is worked out once a seed
        for mistake in mistakes:
            verdict = examine_answer(
                question, mistake.function, mistake.framework, seed=seed
            )
            verdicts[mistake].append(verdict)
    return verdicts


def wrong_answers(question: Question, fresh: list[int]) -> QuestionCard:
    """A sentence for each answer that is wrong by construction and accepted, and for each
    declaration that such a one is right after all where it is not.
    """
    seed = fresh[0]
    framework = question.reference.framework
    fragments = {equivalent.fragment for equivalent in question.equivalents}
    excused = fragments.intersection(CONSTRUCTED)
    accepted = []
    declared = set()
    for name, peer in _wrong(question):
        verdict = examine(question, peer, seed=seed, framework=framework)
        if verdict.status is not Status.CORRECT:
            continue
        if name in excused:
            declared.add(name)
        else:
            accepted.append(f"Accepted although wrong: an answer that is {name}.")
    stub = LocalAnswer(_stub(question.name), framework)
    status = examine(question, stub, seed=seed, framework=framework).status
    if status is not Status.NOT_ATTEMPTED:
        accepted.append(f'The untouched stub is "{status}" instead of "not attempted".')
    return QuestionCard(
        question.name,
        question.points,
        false_accepts=(*accepted, *_constant(question, fresh)),
        errors=tuple(_unmatched(question, declared)),
    )


def _stub(name: str) -> Callable:
    def stub(*args: Any) -> Any:
        raise NotImplementedError(name)

    return stub


def _wrong(question: Question) -> Iterator[tuple[str, CallAnswer]]:
    if not strategy_of(question).comparable:
        return
    cases = list(question.cases(VISIBLE))
    inputs = [case.inputs.args for case in cases]
    if any(has_floats(expected(question, case)) for case in cases):
        off = peer_of(
            question, question.reference, after=lambda value: map_arrays(value, _off)
        )
        yield "off by one part in a thousand", off
    yield "zeros of the right shape", _right_only(question, lambda args: False)
    if any(inputs):
        visible = {fingerprint(args) for args in inputs}
        memoriser = _right_only(question, lambda args: fingerprint(args) in visible)
        yield "right for the visible inputs only", memoriser
    if question.driver == "call" and any(map(_has_matrix, inputs)):
        yield SQUARE, _right_only(question, lambda args: _all_are(_is_square, args))
        yield (
            SYMMETRIC,
            _right_only(question, lambda args: _all_are(_is_symmetric, args)),
        )


def _off(array: np.ndarray) -> np.ndarray:
    return array * (1 + 1e-3) if is_float(array) else array


def _all_are(kind: Callable[[np.ndarray], bool], args: tuple) -> bool:
    return all(kind(array) for array in arrays_in(args))


def _has_matrix(args: tuple) -> bool:
    return any(array.ndim >= 2 for array in arrays_in(args))


def _right_only(question: Question, where: Callable[[tuple], bool]) -> CallAnswer:
    """The reference where the inputs are of one kind, elsewhere nothing but zeros of the right
    shape.
    """
    reference = peer_of(question, question.reference)

    def peer(driver: str, args: tuple, seconds: float, wall: float) -> Outcome:
        outcome = reference(driver, args, seconds, wall)
        if where(args):
            return outcome
        return replace(outcome, value=map_arrays(outcome.value, np.zeros_like))

    return peer


def _is_square(array: np.ndarray) -> bool:
    if array.ndim < 2:
        return True
    rows, columns = array.shape[-2:]
    return bool(rows == columns)


def _is_symmetric(array: np.ndarray) -> bool:
    if array.ndim < 2:
        return True
    if not _is_square(array):
        return False
    transposed = np.swapaxes(array, -1, -2)
    return bool((array == transposed).all())


def _unmatched(question: Question, declared: set[str]) -> Iterator[str]:
    """Declared wrong answers that are rejected; where there can be no mutants, every other
    declaration.
    """
    has_mutants = strategy_of(question).comparable
    for equivalent in question.equivalents:
        fragment = equivalent.fragment
        names_wrong_answer = fragment in CONSTRUCTED
        if fragment in declared or (has_mutants and not names_wrong_answer):
            continue
        yield f"Declared equivalent, but nothing accepted is such: {fragment!r}"


def _constant(question: Question, seeds: list[int]) -> Iterator[str]:
    """A sentence for each argument that is the same in every input: an answer that never looks
    at it passes.
    """
    if question.driver != "call" or not strategy_of(question).comparable:
        return
    inputs = []
    for seed in seeds:
        inputs += [case.inputs.args for case in question.cases(seed)]
    for number, name in enumerate(parameters_of(question)):
        given = [args[number] for args in inputs if number < len(args)]
        values = {fingerprint((value,)) for value in given}
        if len(values) == 1:
            yield (
                "Accepted although wrong: an answer that never looks at "
                f"`{name}`, which is the same in every input."
            )
