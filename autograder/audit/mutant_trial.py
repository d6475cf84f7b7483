"""What becomes of the mutants of a question's right answers."""

from __future__ import annotations

import inspect
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from autograder.answers.run import LocalAnswer
from autograder.audit.card import QuestionCard, Survivor
from autograder.audit.fork_pool import map_in_forks
from autograder.audit.mutants import Mutant, mutants
from autograder.audit.peers import CONSTRUCTED, label_of
from autograder.judge.examination import expected
from autograder.judge.trial import judge, strategy_of
from autograder.questions.definition import Answer, Case, Question, seed_for

SEEDS = 10
"""Seeds of a question: a mutant must fail on one of them, drawn for it; one that does not is
tried on all.
"""

_Expected: TypeAlias = tuple[Case, Any]
"""An input, and the outcome of the reference."""


@dataclass(frozen=True)
class _Candidate:
    """A mutant of one function of an answer, with all that is needed to run it.

    name: of the answer. sources: of the helper functions that it calls and of itself, the mutated
        one among them, in the order of their definition.
    """

    mutant: Mutant
    answer: Answer
    name: str
    sources: tuple[str, ...]

    def function(self) -> Callable:
        """The mutated answer, in a copy of the module that the answer stands in."""
        original = self.answer.function
        module = inspect.getmodule(original)
        closure = inspect.getclosurevars(original)
        names = {**vars(module), **closure.nonlocals}
        for source in self.sources:
            code = compile(source, "<mutant>", "exec")
            exec(code, names)
        return names[self.name]


def _candidates(question: Question, right: list[Answer]) -> list[_Candidate]:
    """All mutants of all right answers, each program once."""
    candidates: dict[tuple[str, tuple[str, ...]], _Candidate] = {}
    name = question.function_name
    for answer in right:
        sources = (*_helpers(answer.function), answer.source(name))
        for place, source in enumerate(sources):
            for mutant in mutants(source):
                changed = list(sources)
                changed[place] = mutant.source
                program = tuple(changed)
                candidate = _Candidate(mutant, answer, name, program)
                candidates.setdefault((answer.framework, program), candidate)
    return list(candidates.values())


def _has_source(answer: Answer) -> bool:
    try:
        answer.source("answer")
    # A lambda, or what was typed at a prompt.
    except (
        AttributeError,
        OSError,
        SyntaxError,
    ):
        return False
    return True


def _helpers(function: Callable) -> list[str]:
    """The sources of the functions beside an answer that it calls, and of those that they call."""
    helpers: dict[Callable, None] = {}

    def collect(function: Callable) -> None:
        if not isinstance(function, types.FunctionType):
            return
        for helper in inspect.getclosurevars(function).globals.values():
            is_function = isinstance(helper, types.FunctionType)
            if not is_function or helper.__module__ != function.__module__:
                continue
            if helper not in helpers:
                helpers[helper] = None
                collect(helper)

    collect(function)
    return [inspect.getsource(helper) for helper in helpers]


def mutants_of(
    question: Question,
    accepted: list[Answer],
    *,
    sample: int | None,
    seconds: float,
    forks: int,
) -> QuestionCard:
    """What becomes of the mutants of the answers that are accepted."""
    card = QuestionCard(question.name, question.points)
    if not strategy_of(question).comparable:
        note = (
            "No mutants: answers are judged by what they achieve, so a "
            "mutant that achieves it is right."
        )
        return replace(card, notes=(note,))
    if sample == 0:
        return replace(card, notes=("No mutants: none were asked for.",))
    mutable = []
    notes = []
    for answer in accepted:
        if _has_source(answer):
            mutable.append(answer)
        else:
            label = label_of(question, answer)
            notes.append(f"No mutants of {label}: write it with `def`, in a file.")
    everything = _candidates(question, mutable)
    tried = _chosen(everything, sample)
    trial = _MutantTrial(question, _drawn(question), seconds, forks)
    return replace(card, notes=tuple(notes)) + _survivors(trial, everything, tried)


def _chosen(everything: list[_Candidate], sample: int | None) -> list[_Candidate]:
    """As many as are asked for, the same ones every time, in their order."""
    shuffled = sorted(everything, key=lambda candidate: seed_for(*candidate.sources))
    chosen = set(shuffled[:sample])
    return [candidate for candidate in everything if candidate in chosen]


def _drawn(question: Question) -> list[list[_Expected]]:
    """Inputs with what is expected of them, for each of the seeds that mutants are tried on."""
    drawn = []
    for number in range(SEEDS):
        seed = seed_for("audit, mutants", question.name, str(number))
        cases = question.cases(seed)
        drawn.append([(case, expected(question, case)) for case in cases])
    return drawn


def _survivors(
    trial: _MutantTrial, everything: list[_Candidate], tried: list[_Candidate]
) -> QuestionCard:
    """How many of the mutants `tried` are killed, and which are not; what the question declares
    equivalent of `everything` must live.
    """
    question = trial.question
    declared = _declared(question, everything)
    alive = trial.accepted_on_one_seed(tried)
    to_try_again = {*alive, *declared}
    again = [candidate for candidate in tried if candidate in to_try_again]
    lasting = trial.accepted_on_every_seed(again)

    survivors = []
    errors = []
    equivalent = 0
    for candidate in again:
        mutant = candidate.mutant
        is_lasting = candidate in lasting
        if candidate not in declared:
            framework = candidate.answer.framework
            survivor = Survivor(
                mutant.operator, framework, mutant.diff, flaky=not is_lasting
            )
            survivors.append(survivor)
        elif is_lasting:
            equivalent += 1
        else:
            fragment = declared[candidate]
            errors.append(
                f"Declared equivalent by {fragment!r}, but killed: {mutant.diff}"
            )
    return QuestionCard(
        question.name,
        question.points,
        mutants=len(tried),
        killed=len(tried) - len(survivors) - equivalent,
        equivalent=equivalent,
        survivors=tuple(survivors),
        errors=(*errors, *_stale(question, everything)),
    )


def _declared(
    question: Question, everything: list[_Candidate]
) -> dict[_Candidate, str]:
    """The mutants that the question declares equivalent, each with the declaration."""
    declared = {}
    for candidate in everything:
        for equivalent in question.equivalents:
            if candidate.mutant.shows(equivalent.fragment):
                declared[candidate] = equivalent.fragment
    return declared


@dataclass(frozen=True)
class _MutantTrial:
    """Tries mutants in forks. drawn: by seed; seconds: for one mutant on one seed."""

    question: Question
    drawn: list[list[_Expected]]
    seconds: float
    forks: int

    def accepted_on_one_seed(self, candidates: list[_Candidate]) -> set[_Candidate]:
        """Those that the check takes for right on a seed that is drawn for each."""

        def is_accepted(candidate: _Candidate) -> bool:
            number = seed_for(self.question.name, *candidate.sources) % SEEDS
            return _is_accepted(
                self.question, candidate, self.drawn[number], self.seconds
            )

        return self._accepted(is_accepted, candidates, self.seconds + 5)

    def accepted_on_every_seed(self, candidates: list[_Candidate]) -> set[_Candidate]:
        """Those that the check takes for right on all seeds."""

        def is_accepted(candidate: _Candidate) -> bool:
            return all(
                _is_accepted(self.question, candidate, cases, self.seconds)
                for cases in self.drawn
            )

        return self._accepted(is_accepted, candidates, SEEDS * self.seconds + 5)

    def _accepted(
        self,
        is_accepted: Callable[[_Candidate], bool],
        candidates: list[_Candidate],
        limit: float,
    ) -> set[_Candidate]:
        """Those accepted within `limit` seconds; whatever ends its process is not."""
        verdicts = map_in_forks(
            lambda index: is_accepted(candidates[index]),
            len(candidates),
            seconds=limit,
            on_failure=False,
            forks=self.forks,
        )
        judged = zip(candidates, verdicts, strict=True)
        return {candidate for candidate, accepted in judged if accepted}


def _is_accepted(
    question: Question,
    candidate: _Candidate,
    drawn: list[_Expected],
    seconds: float,
) -> bool:
    """Whether the check takes a mutant for right: the first input that it fails on is enough to
    tell.
    """
    try:
        peer = LocalAnswer(candidate.function(), candidate.answer.framework)
    except Exception:  # it fails where it is defined
        return False
    end = time.monotonic() + seconds
    for case, right in drawn:
        left = end - time.monotonic()
        outcome = peer(question.driver, case.inputs.args, left, left)
        if not judge(question, case, outcome, right).passed:
            return False
    return True


def _stale(question: Question, everything: list[_Candidate]) -> Iterator[str]:
    """Declarations that tell of no mutant; those that name a wrong answer are looked at where those
    are tried.
    """
    for equivalent in question.equivalents:
        fragment = equivalent.fragment
        if fragment in CONSTRUCTED:
            continue
        if not any(candidate.mutant.shows(fragment) for candidate in everything):
            yield f"Declared equivalent, but no mutant is such: {fragment!r}"
