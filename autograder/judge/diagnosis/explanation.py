"""What is said of an answer that is not right: status, headline, details."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.answers.drivers import DRIVERS
from autograder.answers.outcome import Outcome
from autograder.answers.run import is_stub
from autograder.answers.time_limit import patience
from autograder.judge.compared import Compared
from autograder.judge.diagnosis.relations import Result, relations
from autograder.judge.diagnosis.variants import variant_made, wrong_where_oblong
from autograder.judge.differences import ALL_ZERO
from autograder.judge.strategy import Strategy, log_failure
from autograder.judge.trial import Trial
from autograder.questions.definition import Question
from autograder.verdict import Failure, Status

HANGS = 0.75
"""The part of a question's time that one input takes where the answer hangs and is not only
slow.
"""

_NEARLY_ALL = 0.99
"""The part of a question's time that counts as all of it: no clock is exact."""

_MOST_KINDS = 3
"""Of more kinds of input that are wrong, the names say nothing."""

_WRONG_ARRAYS = ("TypeError", "AttributeError")
"""Errors that arrays of another framework may cause, where their message names such arrays."""

_NAMES_ARRAYS = re.compile(
    r"ndarray|NDArray|[Tt]ensor\b|numpy|torch|mxnet|unsupported operand|invalid combination"
)

_NEEDS_NETWORK = re.compile(
    r"URLError|gaierror|ConnectionError|name resolution|Name or service not known|"
    r"Network is unreachable|Max retries exceeded"
)


@dataclass(frozen=True)
class Explanation:
    """What a verdict says of an answer that is not right."""

    status: Status
    headline: str
    details: tuple[str, ...] = ()


def explain(
    question: Question,
    strategy: Strategy,
    trials: Sequence[Trial],
    failed: Trial,
    framework: str,
    *,
    named: bool = False,
    in_tests: bool = False,
) -> Explanation:
    """Told by the last trial if it ended the examination, else by `failed`.

    framework: what `use` said, empty if it was not called.
    named: whether a known mistake says already what all wrong results have in common.
    in_tests: whether to count tests, as a learner does, and not kinds of input, as points do.
    """
    last = trials[-1].outcome
    if last.kind == "timeout":
        headline = _out_of_time(question, trials)
        return Explanation(Status.TIMEOUT, headline, _where_stopped(last))
    if last.kind == "lost":
        details = (last.message,) if last.message else ()
        return Explanation(
            Status.CRASHED, "Python stopped while it ran this answer.", details
        )
    score = _score(trials, in_tests)
    outcome = failed.outcome
    if outcome.kind == "raised":
        if is_stub(outcome, question.name):
            headline = (
                f"{score} A part of the function is still open: there it comes to "
                "`raise NotImplementedError`."
            )
            return Explanation(
                Status.ERROR, headline, _open_part(question, trials, failed)
            )
        who = _who(question, outcome)
        headline = f"{score} {who} raised {_error(outcome)}"
        about = _about_error(question, trials, failed, framework)
        return Explanation(Status.ERROR, headline, about)
    if outcome.kind == "refused":
        return _not_right(trials, score, (_sentence(outcome.message),), in_tests)
    sentences = _differences(question, strategy, trials, failed)
    if overwritten := _overwritten(question, failed):
        others = (sentence for sentence in sentences if sentence != ALL_ZERO)
        sentences = (overwritten, *others)
    if not named:
        sentences = (*_in_common(question, strategy, trials), *sentences)
    return _not_right(trials, score, (*sentences, *_kinds_that_fail(trials)), in_tests)


def _not_right(
    trials: Sequence[Trial], score: str, sentences: tuple[str, ...], in_tests: bool
) -> Explanation:
    """A learner is told no score of a single result: the headline is what is wrong with it."""
    if in_tests and len(trials) == 1 and sentences:
        first, *others = sentences
        return Explanation(Status.INCORRECT, first, tuple(others))
    return Explanation(Status.INCORRECT, score, sentences)


def failure_of(question: Question, strategy: Strategy, trial: Trial) -> Failure:
    """The input of a failed trial, with what it gave and should have given."""
    args = trial.case.inputs.args
    names = _argument_names(question, len(args))
    inputs = tuple(zip(names, args, strict=True))
    probe = trial.case.probe.name.replace("_", " ")
    failure = Failure(probe, inputs, trial.outcome, trial.expected)
    return strategy.evidence(failure)


def _score(trials: Sequence[Trial], in_tests: bool) -> str:
    total = len(trials)
    if total == 1:
        return "Not right yet."
    passed = sum(trial.passed for trial in trials)
    if in_tests:
        return f"Right in {passed} of {total} tests."
    by_kind = _score_by_kind(trials)
    return f"Right on {passed} of {total} inputs{by_kind}."


def _score_by_kind(trials: Sequence[Trial]) -> str:
    """How many kinds of input are all right: the points go by kind."""
    kinds = {trial.case.probe for trial in trials}
    wrong = {trial.case.probe for trial in trials if not trial.passed}
    right = len(kinds) - len(wrong)
    if right == 0:
        return ""
    return f", and on every input of {right} of {len(kinds)} kinds"


def _error(outcome: Outcome) -> str:
    """An error's name, with its message if it has one."""
    if not outcome.message:
        return outcome.error
    return f"{outcome.error}: {outcome.message}"


def _who(question: Question, outcome: Outcome) -> str:
    """Whose error it is: where none of the learner's lines is on the way to it, a net failed that
    the function had made.
    """
    made_a_net = question.driver in _GIVES_A_NET
    return "The net" if made_a_net and not outcome.lines else "The function"


_GIVES_A_NET = ("network", "change_network", "fit_predict")


def _about_error(
    question: Question, trials: Sequence[Trial], failed: Trial, framework: str
) -> tuple[str, ...]:
    """What the error does not say itself."""
    outcome = failed.outcome
    if wrong_call := _wrong_number_of_arguments(question, outcome):
        return (wrong_call,)
    names = _argument_names(question, len(failed.case.inputs.args))
    if oblong := wrong_where_oblong(trials, names):
        return (oblong,)
    text = _error(outcome)
    if _NEEDS_NETWORK.search(text):
        return (
            "Grading has no network: an answer that downloads something fails there.",
        )
    may_be_of_arrays = outcome.error in _WRONG_ARRAYS
    names_arrays = _NAMES_ARRAYS.search(outcome.message)
    is_given_one = _holds_array(failed.case.inputs.args)
    if framework and may_be_of_arrays and names_arrays and is_given_one:
        return (
            f'The check hands over arrays of {framework}: use("{framework}") is in force.',
        )
    return ()


_TAKES = re.compile(r" takes (?:from \d+ to )?(\d+) positional arguments? but (\d+) ")
_MISSES = re.compile(r" missing (\d+) required positional argument")


def _wrong_number_of_arguments(question: Question, outcome: Outcome) -> str:
    """That the function cannot be called with what it is given; empty where that is not the error.
    Errors from within it have a line of the learner's.
    """
    if outcome.error != "TypeError" or outcome.lines:
        return ""
    given = list(inspect.signature(question.reference.function).parameters)
    if found := _TAKES.search(outcome.message):
        # An object that is called counts itself.
        itself = int(found[2]) - len(given)
        takes = int(found[1]) - itself
    elif found := _MISSES.search(outcome.message):
        takes, itself = len(given) + int(found[1]), 0
    else:
        return ""
    if itself not in (0, 1):
        return ""
    plural = "" if takes == 1 else "s"
    names = f": {', '.join(given)}" if given else ""
    return f"Your function takes {takes} argument{plural}; it is given {len(given)}{names}."


def _open_part(
    question: Question, trials: Sequence[Trial], failed: Trial
) -> tuple[str, ...]:
    """Which of its arguments leads to the part that is still the stub, if it is one alone."""
    is_open = [is_stub(trial.outcome, question.name) for trial in trials]
    names = _argument_names(question, len(failed.case.inputs.args))
    found = []
    for place, name in enumerate(names):
        value = failed.case.inputs.args[place]
        if not isinstance(value, (str, bool, int, type(None))):
            continue
        values = [trial.case.inputs.args[place] for trial in trials]
        has_value = [type(one) is type(value) and one == value for one in values]
        if has_value == is_open:
            found.append(f"It is the part for {name} = {value!r}.")
    return tuple(found) if len(found) == 1 else ()


def _overwritten(question: Question, failed: Trial) -> str:
    """That the answer has changed what it was given."""
    names = _argument_names(question, len(failed.case.inputs.args))
    changed = [
        f"`{names[place]}`" for place in failed.outcome.changed if place < len(names)
    ]
    if not changed:
        return ""
    listed = " and ".join(changed)
    return f"The function overwrites {listed}, which it is given: work on a copy."


def _holds_array(value: Any) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return any(map(_holds_array, value))
    return isinstance(value, np.ndarray)


def _sentence(text: str) -> str:
    capital = text[:1].upper()
    rest = text[1:]
    end = "" if text.endswith("?") else "."
    return f"{capital}{rest}{end}"


def _differences(
    question: Question, strategy: Strategy, trials: Sequence[Trial], failed: Trial
) -> tuple[str, ...]:
    none_is_expected = any(trial.expected is None for trial in trials)
    other_results = any(trial.outcome.value is not None for trial in trials)
    none_is_a_result = none_is_expected and other_results
    if failed.outcome.value is None and other_results and not none_is_expected:
        return (_SOMETIMES_NONE,)
    try:
        sentences = strategy.differences(failed.expected, failed.seen, none_is_a_result)
        return tuple(sentences)
    except Exception:  # The value is a stranger's: whatever it breaks, it only fails.
        log_failure(question, failed.case, "the differences could not be told")
        return ("The result cannot be compared with what is expected.",)


def _in_common(
    question: Question, strategy: Strategy, trials: Sequence[Trial]
) -> tuple[str, ...]:
    """What all wrong results have in common, if something is sure."""
    if not isinstance(strategy, Compared):
        return ()
    if not all(trial.outcome.is_value for trial in trials):
        return ()
    results = [
        Result(trial.expected, trial.outcome.value, trial.case.inputs.args)
        for trial in trials
    ]
    names = _argument_names(question, len(trials[0].case.inputs.args))
    try:
        common = relations(results, strategy.rtol, strategy.atol)
        if not common:
            made = variant_made(question, strategy, trials, names)
            common = [made or wrong_where_oblong(trials, names)]
        return tuple(filter(None, common))
    # The values are a stranger's: whatever they break, nothing is said.
    except Exception:
        log_failure(
            question, trials[0].case, "what wrong results have in common was not told"
        )
        return ()


def _kinds_that_fail(trials: Sequence[Trial]) -> tuple[str, ...]:
    """The few kinds of input that are wrong, where most inputs are right: their names say what is
    special about them.
    """
    failed = [trial for trial in trials if not trial.passed]
    kinds = {trial.case.probe.name for trial in trials}
    wrong = dict.fromkeys(trial.case.probe.name for trial in failed)
    most_are_right = 2 * len(failed) <= len(trials)
    all_are_wrong = len(wrong) == len(kinds)
    if all_are_wrong or not most_are_right or len(wrong) > _MOST_KINDS:
        return ()
    names = [name.replace("_", " ") for name in wrong]
    listed = "; ".join(names)
    if len(names) == 1:
        return (f"Only this kind of input is wrong: {listed}.",)
    return (f"Only these kinds of input are wrong: {listed}.",)


_SOMETIMES_NONE = (
    "The function returned None here, and something on other inputs: is there a way through it "
    "without a `return`?"
)


# An answer that runs out of time


def _out_of_time(question: Question, trials: Sequence[Trial]) -> str:
    """Which limit was hit, how far the answer was, and what that looks like."""
    last = trials[-1].outcome
    limit = f"{_limit(question, trials)}{_before(trials)}"
    if last.last:
        return f"{limit} The last that it printed is: {last.last}"
    if last.seconds > HANGS * question.seconds:
        return f"{limit} Is there an endless loop?"
    return limit


def _limit(question: Question, trials: Sequence[Trial]) -> str:
    spent = sum(trial.outcome.seconds for trial in trials)
    if spent < _NEARLY_ALL * question.seconds:
        return _waited(question, trials, spent)
    plural = "" if question.seconds == 1 else "s"
    allowed = f"{question.seconds:g} second{plural} of a processor's time"
    count = len(trials)
    if count == 1:
        return f"No result within {allowed}."
    alone = trials[-1].outcome.seconds
    taken = ""
    if alone > HANGS * question.seconds:
        taken = f": that one alone took {alone:.3g}"
    return f"All inputs together have {allowed}, and they were used up at number {count}{taken}."


def _waited(question: Question, trials: Sequence[Trial], spent: float) -> str:
    count = len(trials)
    where = f" It was at input {count}." if count > 1 else ""
    seconds = patience(question.seconds)
    waited = f"{seconds:g} seconds, {spent:.2g} of which it worked"
    return f"No result within {waited}: it waits for something, or the machine is too busy.{where}"


def _before(trials: Sequence[Trial]) -> str:
    """What came of the inputs before the last one, as the next sentence."""
    before = len(trials) - 1
    if before == 0:
        return ""
    for trial in trials:
        outcome = trial.outcome
        if outcome.kind == "raised":
            end = "" if outcome.message else "."
            return f" Before, the function raised {_error(outcome)}{end}"
    passed = sum(trial.passed for trial in trials)
    if before == 1:
        verdict = "right" if passed else "wrong"
        return f" The result before it is {verdict}."
    return f" {passed} of the {before} results before it are right."


def _where_stopped(outcome: Outcome) -> tuple[str, ...]:
    """The learner's own line that it was in."""
    if not outcome.lines:
        return ()
    place, _, code = outcome.lines[-1].partition(": ")
    return (f"It was stopped in {place}: `{code}`",)


# Names of arguments


def _argument_names(question: Question, count: int) -> list[str]:
    """What the arguments are called: by the driver where it takes them itself, by the reference
    where they are passed on.
    """
    signature = inspect.signature(question.reference.function)
    names = list(signature.parameters)
    if question.driver == "sampled":
        names = ["seeds", *names]
    elif question.driver != "call":
        names = _driver_argument_names(question.driver, names, count)
    for number in range(len(names) + 1, count + 1):
        names.append(f"argument {number}")
    return names[:count]


def _driver_argument_names(driver: str, names: list[str], count: int) -> list[str]:
    """The driver's own arguments, then those of the reference that are passed on."""
    taken = _taken_by_driver(driver)
    passed_on = count - len(taken)
    if passed_on <= 0:
        return taken
    return taken + names[-passed_on:]


def _taken_by_driver(driver: str) -> list[str]:
    """The arguments that a driver takes itself, without the answer and the framework."""
    signature = inspect.signature(DRIVERS[driver])
    named = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.kind != parameter.VAR_POSITIONAL
    ]
    return named[2:]
