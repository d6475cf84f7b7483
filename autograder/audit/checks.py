"""What is examined of one question: right answers and harmless variants of them, known mistakes,
memorisers, tolerance, mutants.
"""

from __future__ import annotations

import inspect
import statistics
import time
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autograder.answers.outcome import Outcome
from autograder.answers.run import CallAnswer, LocalAnswer, run
from autograder.audit.card import QuestionCard, Survivor
from autograder.audit.fork_pool import work_off
from autograder.audit.mutants import Mutant, mutants
from autograder.errors import BadQuestion
from autograder.judge.judging import examine, examine_answer, expected
from autograder.judge.trial import judge, judging_of
from autograder.questions.definition import Answer, Case, Question, seed_for
from autograder.values import frameworks
from autograder.values.plain_values import pack
from autograder.verdict import Status

SEEDS = 10
"""Seeds of a question: a mutant must fail on one of them, drawn for it; one that does not is
tried on all.
"""

TRIES = 3
"""Fresh seeds for every right answer and every mistake, unless more are asked for; training,
which takes seconds, gets one.
"""

VISIBLE = 0
"""The seed of whoever has seen the inputs."""

LEAST_DECLARED = 2
"""Alternatives, and known mistakes, that a question must have."""

_PATIENCE = 20
"""How many times longer than a right answer a mutant may take."""


_SQUARE, _SYMMETRIC = "right for square inputs only", "right for symmetric inputs only"
"""What is no error where only such inputs have a meaning; a question declares it with
`Question.equivalent`.
"""


def audit(
    question: Question,
    *,
    sample: int | None = None,
    repeat: int = 1,
    hands: int = 1,
    seeds: Sequence[int] = (),
) -> QuestionCard:
    """Examine everything that `question` promises.

    sample: this many mutants instead of all, the same ones every time; 0 leaves them and what was
    declared of them out.
    repeat: fresh seeds on which right answers must pass and mistakes must fail. seeds: these
        instead.
    hands:  processes that try mutants. Runs the answers of the question in this process: not for a
            stranger's questions.
    """
    fault = _unavailable(question) or _fault(question)
    if fault:
        return QuestionCard(question.name, question.points, errors=(fault,))
    fresh = list(seeds) or fresh_seeds(question, max(repeat, 1 if question.trains else TRIES))
    right = [answer for answer in _right(question) if frameworks.available(answer.framework)]
    rejected, times = _right_answers(question, right, fresh)
    accepted = [answer for answer in right if answer not in rejected]
    mutation = _mutation(question, accepted, sample=sample, slowest=max(times), hands=hands)
    named, misnamed, missed = _mistakes(question, fresh)
    wrong, stale = _wrong_answers(question, fresh[0])
    rejected_variants, raising_variants = _variants(question, accepted, fresh[0])
    return QuestionCard(
        name=question.name,
        points=question.points,
        mutants=mutation.mutants,
        killed=mutation.killed,
        equivalent=mutation.equivalent,
        survivors=mutation.survivors,
        alternatives=len(right) - 1,
        false_rejects=(*rejected.values(), *rejected_variants),
        false_accepts=(*missed, *wrong, *_constant(question, fresh)),
        mistakes=named + len(misnamed),
        mistakes_named=named,
        misnamed=tuple(misnamed),
        errors=(
            *_incomplete(question),
            *mutation.errors,
            *_keywords(question, accepted, fresh[0]),
            *_unmatched(question, stale),
        ),
        notes=(*_left_out(question), *mutation.notes, *raising_variants),
        median_check_s=statistics.median(times),
        slowest_check_s=max(times),
    )


def _right(question: Question) -> tuple[Answer, ...]:
    return question.reference, *question.alternatives


def _unavailable(question: Question) -> str:
    """What keeps the reference from running on this machine; empty where nothing does."""
    framework = question.reference.framework
    if frameworks.available(framework):
        return ""
    return f"{framework}, in which the reference is written, is not available on this machine."


def _left_out(question: Question) -> Iterator[str]:
    """A note for each framework that is missing."""
    used = {answer.framework for answer in (*_right(question), *question.mistakes)}
    for framework in sorted(used):
        if not frameworks.available(framework):
            yield f"{framework} is not available on this machine: what is written in it was left out."


def fresh_seeds(question: Question, count: int) -> list[int]:
    """`count` seeds that nobody has seen the question's inputs of, the same ones every time."""
    return [seed_for("audit, fresh", question.name, str(number)) for number in range(count)]


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
        alone = replace(question, probes=[probe])
        try:
            drawn = [list(alone.cases(VISIBLE)) for _ in range(2)]
            for case in drawn[0]:
                expected(question, case)
        except Exception as error:  # a probe is the question's own code
            return (
                f"The probe {probe.name!r} gives no inputs, or the reference no result for them: "
                f"{type(error).__name__}: {error}"
            )
        if len({_fingerprint(tuple(case.inputs.args for case in cases)) for cases in drawn}) > 1:
            return (
                f"The probe {probe.name!r} draws other inputs from the same seed: it must use no "
                "randomness but `rng`, or a regrade gives other verdicts."
            )
    return None


def _constant(question: Question, seeds: list[int]) -> Iterator[str]:
    """A sentence for each argument that is the same in every input: an answer that never looks
    at it passes.
    """
    if question.driver != "call" or not judging_of(question).comparable:
        return
    drawn = [case.inputs.args for seed in seeds for case in question.cases(seed)]
    for number, name in enumerate(inspect.signature(question.reference.function).parameters):
        if len({_fingerprint((args[number],)) for args in drawn if number < len(args)}) == 1:
            yield (
                "Accepted although wrong: an answer that never looks at "
                f"`{name}`, which is the same in every input."
            )


def _incomplete(question: Question) -> Iterator[str]:
    """What a question must have before a clean card can mean anything."""
    if len(question.alternatives) < LEAST_DECLARED:
        yield (
            f"It has {len(question.alternatives)} alternatives: with fewer than two, nothing "
            "shows that its check is not too strict."
        )
    if len(question.mistakes) < LEAST_DECLARED:
        yield (
            f"It has {len(question.mistakes)} known mistakes: give at least two that people make, "
            "so that they can be named."
        )
    messages = [mistake.message for mistake in question.mistakes]
    for message in sorted({message for message in messages if messages.count(message) > 1}):
        yield (
            f'Two known mistakes have the message "{message}": whoever '
            "reads it cannot tell which it is."
        )


# Right answers ------------------------------------------------------------------------------------


def _right_answers(
    question: Question, right: list[Answer], fresh: list[int]
) -> tuple[dict[Answer, str], list[float]]:
    """A sentence for each that is rejected on any of the seeds, and the processor time of every
    check.
    """
    rejected, times = {}, []
    # What is expected is worked out for the first answer and kept for the others.
    for seed in fresh:
        for answer in right:
            if answer in rejected:
                continue
            start = time.process_time()
            verdict = examine_answer(question, answer.function, answer.framework, seed=seed)
            times.append(time.process_time() - start)
            if verdict.status is not Status.CORRECT:
                rejected[answer] = (
                    f"{_label(question, answer)}, seed {seed}: "
                    f"{' '.join((verdict.headline, *verdict.details))}"
                )
    return rejected, times


def _label(question: Question, answer: Answer) -> str:
    if answer is question.reference:
        return "reference"
    return f"alternative {question.alternatives.index(answer) + 1} ({answer.framework})"


def _variants(question: Question, right: list[Answer], seed: int) -> tuple[list[str], list[str]]:
    """The same answers given other arrays of the same numbers, and results with the noise of
    another order of summation: a sentence for each rejected.

    And one for each that raises. That is no fault of the check, which gives an answer only what the
    statement promises; but students may write such an answer.
    """
    rejected, raised = [], []
    for answer in right:
        for name, before, after in _harmless(question, answer):
            outcomes: list[Outcome] = []
            peer = _recorded(_peer(question, answer, before=before, after=after), outcomes)
            verdict = examine(question, peer, seed=seed, framework=answer.framework)
            errors = [outcome for outcome in outcomes if outcome.kind == "raised"]
            if errors:
                raised.append(
                    f"{_label(question, answer)}, {name}, raises "
                    f"{errors[0].error}: {errors[0].message}".rstrip(": ")
                )
            elif verdict.status is not Status.CORRECT:
                rejected.append(
                    f"{_label(question, answer)}, {name}: "
                    f"{verdict.headline} {' '.join(verdict.details)}".rstrip()
                )
    return rejected, raised


def _harmless(
    question: Question, answer: Answer
) -> Iterator[tuple[str, Callable | None, Callable | None]]:
    if question.driver == "call" and answer.framework in ("numpy", "torch"):
        yield "given views that are not contiguous", _strided, None
        yield "given the other width of float", _other_width, None
    if judging_of(question).comparable and answer is question.reference:
        yield (
            "with its result in float32",
            None,
            lambda value: _map(value, lambda a: a.astype(np.float32) if _is_float(a) else a),
        )
        yield "with its result in lists", None, lambda value: _map(value, lambda a: a.tolist())
        yield "with the noise of float32", None, lambda value: _map(value, _noisy)


def _strided(array: Any) -> Any:
    if array.ndim == 0:
        return _plain_number(array)
    if isinstance(array, np.ndarray):
        return np.repeat(array, 2, axis=-1)[..., ::2]
    return array.repeat_interleave(2, dim=-1)[..., ::2]


def _plain_number(array: Any) -> Any:
    """A number that `_map` handed over as an array, as what the answer would be given."""
    return array.item() if isinstance(array, np.ndarray) else array


def _other_width(array: Any) -> Any:
    if array.ndim == 0:
        return _plain_number(array)
    if isinstance(array, np.ndarray):
        return array.astype(
            {"float32": np.float64, "float64": np.float32}.get(array.dtype.name, array.dtype)
        )
    torch = frameworks.module("torch")
    return array.to(
        {torch.float32: torch.float64, torch.float64: torch.float32}.get(array.dtype, array.dtype)
    )


def _noisy(array: np.ndarray) -> np.ndarray:
    """What another order of summation changes: a little of each number, and a little of the
    largest one.
    """
    if not _is_float(array) or not array.size:
        return array
    finite = np.abs(array[np.isfinite(array)])
    noise = np.random.default_rng(0).normal(size=(2, *array.shape))
    return (
        array
        + 5e-7 * noise[0] * np.where(np.isfinite(array), array, 0)
        + 2e-7 * noise[1] * finite.max(initial=0)
    )


def _keywords(question: Question, right: list[Answer], seed: int) -> Iterator[str]:
    """Whoever calls an answer by the names in the statement must be served: a sentence for each
    right answer that is not written so.
    """
    if question.driver != "call":
        return
    names = list(inspect.signature(question.reference.function).parameters)
    for answer in right:
        given = answer.function
        by_name = Answer(
            lambda *args, given=given: given(**dict(zip(names, args, strict=True))),
            answer.framework,
        )
        verdict = examine(question, _peer(question, by_name), seed=seed, framework=answer.framework)
        if verdict.status is not Status.CORRECT:
            yield (
                f"{_label(question, answer)}, called by the names "
                f"{', '.join(names)}: {verdict.headline}"
            )


# Wrong answers ------------------------------------------------------------------------------------


def _mistakes(question: Question, fresh: list[int]) -> tuple[int, list[str], list[str]]:
    """How many known mistakes are named as themselves, a sentence for each other one, and one
    for each that is accepted.
    """
    named, misnamed, accepted = 0, [], []
    made = [mistake for mistake in question.mistakes if frameworks.available(mistake.framework)]
    judged = [
        [
            examine_answer(question, mistake.function, mistake.framework, seed=seed)
            for mistake in made
        ]
        for seed in fresh
    ]
    for mistake, *verdicts in zip(made, *judged, strict=True):
        if any(verdict.status is Status.CORRECT for verdict in verdicts):
            accepted.append(f'Accepted although it is a known mistake: "{mistake.message}"')
        if other := next(
            (verdict for verdict in verdicts if verdict.mistake != mistake.message), None
        ):
            misnamed.append(
                f'Known mistake "{mistake.message}" is told as {other.mistake or other.headline!r}'
            )
        else:
            named += 1
    return named, misnamed, accepted


def _wrong_answers(question: Question, seed: int) -> tuple[list[str], set[str]]:
    """A sentence for each answer that is wrong by construction and accepted; and the names of
    those that were declared to be right after all.
    """
    accepted, declared = [], set()
    for name, peer in _wrong(question):
        verdict = examine(question, peer, seed=seed, framework=question.reference.framework)
        excused = name in (_SQUARE, _SYMMETRIC) and any(
            name == equivalent.fragment for equivalent in question.equivalents
        )
        if verdict.status is Status.CORRECT and excused:
            declared.add(name)
        elif verdict.status is Status.CORRECT:
            accepted.append(f"Accepted although wrong: an answer that is {name}.")
    stub = LocalAnswer(_stub(question.name), question.reference.framework)
    if (
        status := examine(question, stub, seed=seed, framework=question.reference.framework).status
    ) is not Status.NOT_ATTEMPTED:
        accepted.append(f'The untouched stub is "{status}" instead of "not attempted".')
    return accepted, declared


def _stub(name: str) -> Callable:
    def stub(*args: Any) -> Any:
        raise NotImplementedError(name)

    return stub


def _wrong(question: Question) -> Iterator[tuple[str, CallAnswer]]:
    if not judging_of(question).comparable:
        return
    reference, cases = question.reference, list(question.cases(VISIBLE))
    off = _peer(
        question,
        reference,
        after=lambda value: _map(value, lambda a: a * (1 + 1e-3) if _is_float(a) else a),
    )
    if any(_has_floats(expected(question, case)) for case in cases):
        yield "off by one part in a thousand", off
    yield "zeros of the right shape", _right_only(question, lambda args: False)
    visible = {_fingerprint(case.inputs.args) for case in cases}
    if any(case.inputs.args for case in cases):
        yield (
            "right for the visible inputs only",
            _right_only(question, lambda args: _fingerprint(args) in visible),
        )
    if question.driver == "call" and any(
        array.ndim >= 2 for case in cases for array in _arrays(case.inputs.args)
    ):
        yield _SQUARE, _right_only(question, lambda args: all(map(_is_square, _arrays(args))))
        yield _SYMMETRIC, _right_only(question, lambda args: all(map(_is_symmetric, _arrays(args))))


def _right_only(question: Question, where: Callable[[tuple], bool]) -> CallAnswer:
    """The reference where the inputs are of one kind, elsewhere nothing but zeros of the right
    shape.
    """
    reference = _peer(question, question.reference)

    def peer(driver: str, args: tuple, seconds: float, wall: float) -> Outcome:
        outcome = reference(driver, args, seconds, wall)
        return (
            outcome if where(args) else replace(outcome, value=_map(outcome.value, np.zeros_like))
        )

    return peer


def _is_square(array: np.ndarray) -> bool:
    return array.ndim < 2 or array.shape[-1] == array.shape[-2]


def _is_symmetric(array: np.ndarray) -> bool:
    return array.ndim < 2 or (
        _is_square(array) and bool((array == np.swapaxes(array, -1, -2)).all())
    )


def _fingerprint(args: tuple) -> str:
    tree, arrays = pack(args)
    return repr((tree, [(array.dtype.name, array.shape, array.tobytes()) for array in arrays]))


# Mutants ------------------------------------------------------------------------------------------


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
        names = {
            **vars(inspect.getmodule(self.answer.function)),
            **inspect.getclosurevars(self.answer.function).nonlocals,
        }
        for source in self.sources:
            exec(compile(source, "<mutant>", "exec"), names)
        return names[self.name]

    def survivor(self, flaky: bool) -> Survivor:
        """What the card says where the check takes it for right."""
        return Survivor(self.mutant.operator, self.answer.framework, self.mutant.diff, flaky=flaky)


def _candidates(question: Question, right: list[Answer]) -> list[_Candidate]:
    """All mutants of all right answers, each program once."""
    found: dict[tuple[str, tuple[str, ...]], _Candidate] = {}
    for answer in right:
        sources = (*_helpers(answer.function), answer.source(question.function_name))
        for place, source in enumerate(sources):
            for mutant in mutants(source):
                program = (*sources[:place], mutant.source, *sources[place + 1 :])
                found.setdefault(
                    (answer.framework, program),
                    _Candidate(mutant, answer, question.function_name, program),
                )
    return list(found.values())


def _has_source(answer: Answer) -> bool:
    try:
        answer.source("answer")
    except (AttributeError, OSError, SyntaxError):  # a lambda, or what was typed at a prompt
        return False
    return True


def _helpers(function: Callable) -> list[str]:
    """The sources of the functions beside an answer that it calls, and of those that they call."""
    found: dict[Callable, None] = {}

    def collect(function: Callable) -> None:
        if not isinstance(function, types.FunctionType):
            return
        for helper in inspect.getclosurevars(function).globals.values():
            if (
                isinstance(helper, types.FunctionType)
                and helper.__module__ == function.__module__
                and helper not in found
            ):
                found[helper] = None
                collect(helper)

    collect(function)
    return [inspect.getsource(helper) for helper in found]


@dataclass(frozen=True)
class _Mutation:
    """The part of the card that tells of mutants."""

    mutants: int = 0
    killed: int = 0
    equivalent: int = 0
    survivors: tuple[Survivor, ...] = ()
    errors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def _mutation(
    question: Question, right: list[Answer], *, sample: int | None, slowest: float, hands: int
) -> _Mutation:
    """slowest: processor seconds of the slowest check of a right answer."""
    if not judging_of(question).comparable:
        note = (
            "No mutants: answers are judged by what they achieve, so a "
            "mutant that achieves it is right."
        )
        return _Mutation(notes=(note,))
    if sample == 0:
        return _Mutation(notes=("No mutants: none were asked for.",))
    seconds = min(question.seconds, max(2.0, _PATIENCE * slowest))
    mutable = [answer for answer in right if _has_source(answer)]
    notes = tuple(
        f"No mutants of {_label(question, answer)}: write it with `def`, in a file."
        for answer in right
        if answer not in mutable
    )
    return replace(_mutants(question, mutable, sample, seconds, hands), notes=notes)


def _mutants(
    question: Question, right: list[Answer], sample: int | None, seconds: float, hands: int
) -> _Mutation:
    everything = _candidates(question, right)
    declared = _declared(question, everything)
    chosen = set(sorted(everything, key=lambda candidate: seed_for(*candidate.sources))[:sample])
    tried = [candidate for candidate in everything if candidate in chosen]
    inputs = _inputs(question)

    def passes_one(candidate: _Candidate) -> bool:
        number = seed_for(question.name, *candidate.sources) % SEEDS
        return _is_accepted(question, candidate, inputs[number], seconds)

    def passes_all(candidate: _Candidate) -> bool:
        return all(_is_accepted(question, candidate, cases, seconds) for cases in inputs)

    alive = _chosen_in_forks(passes_one, tried, seconds + 5, hands)
    again = [candidate for candidate in tried if candidate in alive or candidate in declared]
    lasting = _chosen_in_forks(passes_all, again, SEEDS * seconds + 5, hands)
    survivors = tuple(
        candidate.survivor(flaky=candidate not in lasting)
        for candidate in again
        if candidate not in declared
    )
    equivalent = sum(candidate in declared for candidate in lasting)
    errors = tuple(
        f"Declared equivalent by {declared[candidate]!r}, but killed: {candidate.mutant.diff}"
        for candidate in again
        if candidate in declared and candidate not in lasting
    )
    return _Mutation(
        mutants=len(tried),
        killed=len(tried) - len(survivors) - equivalent,
        equivalent=equivalent,
        survivors=survivors,
        errors=(*errors, *_stale(question, everything)),
    )


def _declared(question: Question, everything: list[_Candidate]) -> dict[_Candidate, str]:
    """The mutants that the question declares to be right, each with the declaration."""
    return {
        candidate: equivalent.fragment
        for candidate in everything
        for equivalent in question.equivalents
        if candidate.mutant.shows(equivalent.fragment)
    }


def _inputs(question: Question) -> list[list[tuple[Case, Any]]]:
    """For each seed of the mutants, every input with what is expected of it."""
    seeds = [seed_for("audit, mutants", question.name, str(number)) for number in range(SEEDS)]
    return [[(case, expected(question, case)) for case in question.cases(seed)] for seed in seeds]


def _chosen_in_forks(
    test: Callable[[_Candidate], bool], candidates: list[_Candidate], seconds: float, hands: int
) -> set[_Candidate]:
    """The candidates that pass `test`, each tried in a fork for at most so many seconds."""
    results = work_off(
        lambda number: test(candidates[number]),
        len(candidates),
        seconds=seconds,
        lost=False,
        hands=hands,
    )
    return {candidate for candidate, passed in zip(candidates, results, strict=True) if passed}


def _is_accepted(
    question: Question,
    candidate: _Candidate,
    drawn: list[tuple[Case, Any]],
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

    def outcome(case: Case) -> Outcome:
        left = end - time.monotonic()
        return peer(question.driver, case.inputs.args, left, left)

    return all(judge(question, case, outcome(case), right).passed for case, right in drawn)


def _stale(question: Question, everything: list[_Candidate]) -> Iterator[str]:
    """Declarations that tell of no mutant; those that name a wrong answer are looked at by
    `_unmatched`.
    """
    for equivalent in question.equivalents:
        if equivalent.fragment not in (_SQUARE, _SYMMETRIC) and not any(
            c.mutant.shows(equivalent.fragment) for c in everything
        ):
            yield f"Declared equivalent, but no mutant is such: {equivalent.fragment!r}"


def _unmatched(question: Question, declared: set[str]) -> Iterator[str]:
    """Declared wrong answers that are rejected; where there can be no mutants, every other
    declaration.
    """
    for equivalent in question.equivalents:
        if equivalent.fragment not in declared and (
            equivalent.fragment in (_SQUARE, _SYMMETRIC) or not judging_of(question).comparable
        ):
            yield f"Declared equivalent, but nothing accepted is such: {equivalent.fragment!r}"


# Peers and values ---------------------------------------------------------------------------------


def _peer(
    question: Question,
    answer: Answer,
    *,
    before: Callable | None = None,
    after: Callable | None = None,
) -> CallAnswer:
    """`answer` with every array of its arguments changed by `before`, and its plain result by
    `after`.
    """

    def peer(driver: str, args: tuple, seconds: float, wall: float) -> Outcome:
        function = (
            answer.function
            if before is None
            else lambda *given: answer.function(*_map(given, before))
        )
        outcome = run(function, driver, answer.framework, args)
        return (
            replace(outcome, value=after(outcome.value))
            if after and outcome.kind == "value"
            else outcome
        )

    return peer


def _recorded(peer: CallAnswer, outcomes: list[Outcome]) -> CallAnswer:
    def recorded(*args: Any) -> Outcome:
        outcomes.append(peer(*args))
        return outcomes[-1]

    return recorded


def _map(value: Any, change: Callable) -> Any:
    """`value` with every array changed, and every float as an array of none but itself."""
    if isinstance(value, (list, tuple)):
        return type(value)(_map(item, change) for item in value)
    if isinstance(value, dict):
        return {key: _map(item, change) for key, item in value.items()}
    if isinstance(value, float) or (
        isinstance(value, int) and not isinstance(value, bool) and change is np.zeros_like
    ):
        return change(np.asarray(value))
    if isinstance(value, str) and change is np.zeros_like:
        return ""
    return change(value) if hasattr(value, "ndim") else value


def _arrays(value: Any) -> list[np.ndarray]:
    return pack(value)[1]


def _is_float(array: np.ndarray) -> bool:
    return array.dtype.kind in "fc"


def _has_floats(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_has_floats, value))
    if isinstance(value, dict):
        return any(map(_has_floats, value.values()))
    return isinstance(value, float) or (isinstance(value, np.ndarray) and _is_float(value))
