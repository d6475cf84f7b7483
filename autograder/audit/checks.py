"""What is examined of one question: right answers and harmless variants of them, known mistakes,
memorisers, tolerance, mutants.
"""

from __future__ import annotations

import inspect
import statistics
import time
import types
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from autograder.answers.outcome import Outcome
from autograder.answers.run import CallAnswer, LocalAnswer, run
from autograder.audit.card import QuestionCard, Survivor
from autograder.audit.fork_pool import map_in_forks
from autograder.audit.mutants import Mutant, mutants
from autograder.errors import BadQuestion
from autograder.judge.judging import examine, examine_answer, expected
from autograder.judge.trial import judge, judging_of
from autograder.questions.definition import Answer, Case, Mistake, Probe, Question, seed_for
from autograder.values import frameworks
from autograder.values.plain_values import pack
from autograder.verdict import Status, Verdict

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

_MUTANT_SLOWDOWN = 20
"""How many times longer than a right answer a mutant may take."""

_Expected: TypeAlias = tuple[Case, Any]
"""An input, and the outcome of the reference."""

_SQUARE, _SYMMETRIC = "right for square inputs only", "right for symmetric inputs only"
"""What is no error where only such inputs have a meaning; a question declares it with
`Question.equivalent`.
"""


def audit(
    question: Question,
    *,
    sample: int | None = None,
    repeat: int = 1,
    forks: int = 1,
    seeds: Sequence[int] = (),
) -> QuestionCard:
    """Examine everything that `question` promises.

    sample: this many mutants instead of all, the same ones every time; 0 leaves them and what was
    declared of them out.
    repeat: fresh seeds on which right answers must pass and mistakes must fail. seeds: these
        instead.
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
        blank, errors=tuple(_incomplete(question)), notes=tuple(_left_out(question))
    )
    right_answers = replace(
        blank,
        alternatives=len(right) - 1,
        false_rejects=tuple(rejected.values()),
        median_check_s=statistics.median(times),
        slowest_check_s=slowest,
    )
    return (
        incomplete
        + right_answers
        + _mutants(question, accepted, sample=sample, seconds=seconds, forks=forks)
        + _mistakes(question, fresh)
        + _variants(question, accepted, fresh[0])
        + _wrong_answers(question, accepted, fresh)
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
    return _fingerprint(inputs)


def _constant(question: Question, seeds: list[int]) -> Iterator[str]:
    """A sentence for each argument that is the same in every input: an answer that never looks
    at it passes.
    """
    if question.driver != "call" or not judging_of(question).comparable:
        return
    inputs = [case.inputs.args for seed in seeds for case in question.cases(seed)]
    for number, name in enumerate(_parameters(question)):
        values = {_fingerprint((args[number],)) for args in inputs if number < len(args)}
        if len(values) == 1:
            yield (
                "Accepted although wrong: an answer that never looks at "
                f"`{name}`, which is the same in every input."
            )


def _parameters(question: Question) -> list[str]:
    """What the reference calls its arguments."""
    signature = inspect.signature(question.reference.function)
    return list(signature.parameters)


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
            verdict = examine_answer(question, answer.function, answer.framework, seed=seed)
            times.append(time.process_time() - start)
            if verdict.status is not Status.CORRECT:
                label = _label(question, answer)
                reason = " ".join((verdict.headline, *verdict.details))
                rejected[answer] = f"{label}, seed {seed}: {reason}"
    return rejected, times


def _label(question: Question, answer: Answer) -> str:
    if answer is question.reference:
        return "reference"
    number = question.alternatives.index(answer) + 1
    return f"alternative {number} ({answer.framework})"


def _variants(question: Question, right: list[Answer], seed: int) -> QuestionCard:
    """The same answers given other arrays of the same numbers, and results with the noise of
    another order of summation: a sentence for each rejected.

    And a note of each that raises. That is no fault of the check, which gives an answer only what
    the statement promises; but students may write such an answer.
    """
    rejected = []
    raised = []
    for answer in right:
        for name, before, after in _harmless(question, answer):
            variant = f"{_label(question, answer)}, {name}"
            outcomes: list[Outcome] = []
            peer = _recorded(_peer(question, answer, before=before, after=after), outcomes)
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
        question.name, question.points, false_rejects=tuple(rejected), notes=tuple(raised)
    )


def _harmless(
    question: Question, answer: Answer
) -> Iterator[tuple[str, Callable | None, Callable | None]]:
    if question.driver == "call" and answer.framework in ("numpy", "torch"):
        yield "given views that are not contiguous", _strided, None
        yield "given the other width of float", _other_width, None
    if judging_of(question).comparable and answer is question.reference:
        yield "with its result in float32", None, lambda value: _map(value, _narrowed)
        yield "with its result in lists", None, lambda value: _map(value, _in_lists)
        yield "with the noise of float32", None, lambda value: _map(value, _noisy)


def _narrowed(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if _is_float(array) else array


def _in_lists(array: np.ndarray) -> Any:
    return array.tolist()


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
        widths = {"float32": np.float64, "float64": np.float32}
        return array.astype(widths.get(array.dtype.name, array.dtype))
    torch = frameworks.module("torch")
    other = {torch.float32: torch.float64, torch.float64: torch.float32}
    return array.to(other.get(array.dtype, array.dtype))


def _noisy(array: np.ndarray) -> np.ndarray:
    """What another order of summation changes: a little of each number, and a little of the
    largest one.
    """
    if not _is_float(array) or not array.size:
        return array
    known = np.isfinite(array)
    largest = np.abs(array[known]).max(initial=0)
    of_each, of_largest = np.random.default_rng(0).normal(size=(2, *array.shape))
    noise = 5e-7 * of_each * np.where(known, array, 0) + 2e-7 * of_largest * largest
    return array + noise


def _keywords(question: Question, right: list[Answer], seed: int) -> Iterator[str]:
    """Whoever calls an answer by the names in the statement must be served: a sentence for each
    right answer that is not written so.
    """
    if question.driver != "call":
        return
    names = _parameters(question)
    listed = ", ".join(names)
    for answer in right:
        by_name = Answer(_called_by_name(answer.function, names), answer.framework)
        verdict = examine(question, _peer(question, by_name), seed=seed, framework=answer.framework)
        if verdict.status is not Status.CORRECT:
            label = _label(question, answer)
            yield f"{label}, called by the names {listed}: {verdict.headline}"


def _called_by_name(function: Callable, names: list[str]) -> Callable:
    """`function`, given every argument by its name."""

    def by_name(*args: Any) -> Any:
        named = dict(zip(names, args, strict=True))
        return function(**named)

    return by_name


# Wrong answers ------------------------------------------------------------------------------------


def _mistakes(question: Question, fresh: list[int]) -> QuestionCard:
    """How many known mistakes are named as themselves, a sentence for each other one, and one
    for each that is accepted.
    """
    accepted = []
    misnamed = []
    verdicts = _verdicts_on_mistakes(question, fresh)
    for mistake, of_mistake in verdicts.items():
        if any(verdict.status is Status.CORRECT for verdict in of_mistake):
            accepted.append(f'Accepted although it is a known mistake: "{mistake.message}"')
        others = [verdict for verdict in of_mistake if not verdict.tells(mistake.message)]
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
    )


def _verdicts_on_mistakes(question: Question, fresh: list[int]) -> dict[Mistake, list[Verdict]]:
    """For each known mistake that can be run, one verdict a seed."""
    mistakes = [mistake for mistake in question.mistakes if frameworks.available(mistake.framework)]
    verdicts: dict[Mistake, list[Verdict]] = {mistake: [] for mistake in mistakes}
    for seed in fresh:  # what is expected is worked out once a seed
        for mistake in mistakes:
            verdict = examine_answer(question, mistake.function, mistake.framework, seed=seed)
            verdicts[mistake].append(verdict)
    return verdicts


def _wrong_answers(question: Question, right: list[Answer], fresh: list[int]) -> QuestionCard:
    """A sentence for each answer that is wrong by construction and accepted; and the errors in
    what the question says of its answers' arguments and of what is right after all.
    """
    seed = fresh[0]
    framework = question.reference.framework
    fragments = {equivalent.fragment for equivalent in question.equivalents}
    excused = fragments & {_SQUARE, _SYMMETRIC}
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
        errors=(*_keywords(question, right, seed), *_unmatched(question, declared)),
    )


def _stub(name: str) -> Callable:
    def stub(*args: Any) -> Any:
        raise NotImplementedError(name)

    return stub


def _wrong(question: Question) -> Iterator[tuple[str, CallAnswer]]:
    if not judging_of(question).comparable:
        return
    cases = list(question.cases(VISIBLE))
    inputs = [case.inputs.args for case in cases]
    if any(_has_floats(expected(question, case)) for case in cases):
        off = _peer(question, question.reference, after=lambda value: _map(value, _off))
        yield "off by one part in a thousand", off
    yield "zeros of the right shape", _right_only(question, lambda args: False)
    if any(inputs):
        visible = {_fingerprint(args) for args in inputs}
        memoriser = _right_only(question, lambda args: _fingerprint(args) in visible)
        yield "right for the visible inputs only", memoriser
    if question.driver == "call" and any(map(_has_matrix, inputs)):
        yield _SQUARE, _right_only(question, lambda args: all(map(_is_square, _arrays(args))))
        yield _SYMMETRIC, _right_only(question, lambda args: all(map(_is_symmetric, _arrays(args))))


def _off(array: np.ndarray) -> np.ndarray:
    return array * (1 + 1e-3) if _is_float(array) else array


def _has_matrix(args: tuple) -> bool:
    return any(array.ndim >= 2 for array in _arrays(args))


def _right_only(question: Question, where: Callable[[tuple], bool]) -> CallAnswer:
    """The reference where the inputs are of one kind, elsewhere nothing but zeros of the right
    shape.
    """
    reference = _peer(question, question.reference)

    def peer(driver: str, args: tuple, seconds: float, wall: float) -> Outcome:
        outcome = reference(driver, args, seconds, wall)
        if where(args):
            return outcome
        return replace(outcome, value=_map(outcome.value, np.zeros_like))

    return peer


def _is_square(array: np.ndarray) -> bool:
    return array.ndim < 2 or array.shape[-1] == array.shape[-2]


def _is_symmetric(array: np.ndarray) -> bool:
    if array.ndim < 2:
        return True
    if not _is_square(array):
        return False
    transposed = np.swapaxes(array, -1, -2)
    return bool((array == transposed).all())


def _fingerprint(args: tuple) -> str:
    tree, arrays = pack(args)
    contents = [(array.dtype.name, array.shape, array.tobytes()) for array in arrays]
    return repr((tree, contents))


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
                program = (*sources[:place], mutant.source, *sources[place + 1 :])
                candidate = _Candidate(mutant, answer, name, program)
                candidates.setdefault((answer.framework, program), candidate)
    return list(candidates.values())


def _has_source(answer: Answer) -> bool:
    try:
        answer.source("answer")
    except (AttributeError, OSError, SyntaxError):  # a lambda, or what was typed at a prompt
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


def _mutants(
    question: Question, accepted: list[Answer], *, sample: int | None, seconds: float, forks: int
) -> QuestionCard:
    """What becomes of the mutants of the answers that are accepted."""
    card = QuestionCard(question.name, question.points)
    if not judging_of(question).comparable:
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
            label = _label(question, answer)
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
    again = [candidate for candidate in tried if candidate in alive or candidate in declared]
    lasting = trial.accepted_on_every_seed(again)

    survivors = []
    errors = []
    equivalent = 0
    for candidate in again:
        mutant = candidate.mutant
        is_lasting = candidate in lasting
        if candidate not in declared:
            framework = candidate.answer.framework
            survivor = Survivor(mutant.operator, framework, mutant.diff, flaky=not is_lasting)
            survivors.append(survivor)
        elif is_lasting:
            equivalent += 1
        else:
            fragment = declared[candidate]
            errors.append(f"Declared equivalent by {fragment!r}, but killed: {mutant.diff}")
    return QuestionCard(
        question.name,
        question.points,
        mutants=len(tried),
        killed=len(tried) - len(survivors) - equivalent,
        equivalent=equivalent,
        survivors=tuple(survivors),
        errors=(*errors, *_stale(question, everything)),
    )


def _declared(question: Question, everything: list[_Candidate]) -> dict[_Candidate, str]:
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
            return _is_accepted(self.question, candidate, self.drawn[number], self.seconds)

        return self._accepted(is_accepted, candidates, self.seconds + 5)

    def accepted_on_every_seed(self, candidates: list[_Candidate]) -> set[_Candidate]:
        """Those that the check takes for right on all seeds."""

        def is_accepted(candidate: _Candidate) -> bool:
            return all(
                _is_accepted(self.question, candidate, cases, self.seconds) for cases in self.drawn
            )

        return self._accepted(is_accepted, candidates, SEEDS * self.seconds + 5)

    def _accepted(
        self, is_accepted: Callable[[_Candidate], bool], candidates: list[_Candidate], limit: float
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
    """Declarations that tell of no mutant; those that name a wrong answer are looked at by
    `_unmatched`.
    """
    for equivalent in question.equivalents:
        fragment = equivalent.fragment
        if fragment in (_SQUARE, _SYMMETRIC):
            continue
        if not any(candidate.mutant.shows(fragment) for candidate in everything):
            yield f"Declared equivalent, but no mutant is such: {fragment!r}"


def _unmatched(question: Question, declared: set[str]) -> Iterator[str]:
    """Declared wrong answers that are rejected; where there can be no mutants, every other
    declaration.
    """
    has_mutants = judging_of(question).comparable
    for equivalent in question.equivalents:
        fragment = equivalent.fragment
        names_wrong_answer = fragment in (_SQUARE, _SYMMETRIC)
        if fragment in declared or (has_mutants and not names_wrong_answer):
            continue
        yield f"Declared equivalent, but nothing accepted is such: {fragment!r}"


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

    function = answer.function if before is None else _given_other(answer.function, before)

    def peer(driver: str, args: tuple, seconds: float, wall: float) -> Outcome:
        outcome = run(function, driver, answer.framework, args)
        if after and outcome.kind == "value":
            return replace(outcome, value=after(outcome.value))
        return outcome

    return peer


def _given_other(function: Callable, change: Callable) -> Callable:
    """`function`, with every array of its arguments changed."""

    def changed(*args: Any) -> Any:
        return function(*_map(args, change))

    return changed


def _recorded(peer: CallAnswer, outcomes: list[Outcome]) -> CallAnswer:
    def recorded(*args: Any) -> Outcome:
        outcomes.append(peer(*args))
        return outcomes[-1]

    return recorded


def _map(value: Any, change: Callable) -> Any:
    """`value` with every array changed, and every float as an array of none but itself."""
    to_zeros = change is np.zeros_like
    if isinstance(value, (list, tuple)):
        return type(value)(_map(item, change) for item in value)
    if isinstance(value, dict):
        return {key: _map(item, change) for key, item in value.items()}
    if isinstance(value, float):
        return change(np.asarray(value))
    if to_zeros and isinstance(value, int) and not isinstance(value, bool):
        return change(np.asarray(value))
    if to_zeros and isinstance(value, str):
        return ""
    return change(value) if hasattr(value, "ndim") else value


def _arrays(value: Any) -> list[np.ndarray]:
    _, arrays = pack(value)
    return arrays


def _is_float(array: np.ndarray) -> bool:
    return array.dtype.kind in "fc"


def _has_floats(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_has_floats, value))
    if isinstance(value, dict):
        return any(map(_has_floats, value.values()))
    if isinstance(value, np.ndarray):
        return _is_float(value)
    return isinstance(value, float)
