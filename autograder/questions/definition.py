"""What a question is: one reference answer, its probes, its known mistakes, its hints.

A chapter is a module of questions. ``@question`` turns a reference answer into a `Question`; the
question's own decorators attach the rest::

    @question(points=2, hints=["Start with the output shape."])
    def cross_correlate(image, kernel): ...

    @cross_correlate.probe(weight=1, repeat=3)
    def rectangular(rng):
        return rng.normal(size=(5, 7)), rng.normal(size=(2, 3))

    @cross_correlate.mistake("The kernel is flipped: that is convolution.")
    def _(image, kernel): ...

    @cross_correlate.alternative(framework="torch")
    def _(image, kernel): ...

Answers import the framework they use inside the function, so that opening a chapter loads no
framework and each answer reads on its own.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import math
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import Any

import numpy as np

from autograder.errors import BadQuestion
from autograder.questions.names import grade_id
from autograder.values.plain_values import to_plain

FRAMEWORKS = ("torch", "mxnet", "numpy")

_TWICE, _THREE_TIMES = 8, 4
"""Of the seeds of a random operation so many come at least twice, and so many of these again."""


@dataclass(frozen=True)
class Answer:
    """One implementation, right or wrong.

    function:  the implementation; takes and returns arrays of `framework`.
    framework: "torch", "mxnet" or "numpy".
    """

    function: Callable
    framework: str

    def source(self, name: str) -> str:
        """The implementation as a learner would have written it: no decorators, called `name`."""
        text = textwrap.dedent(inspect.getsource(self.function))
        definition = ast.parse(text).body[0]
        lines = text.splitlines()[definition.lineno - 1 :]
        # AttributeError for what is no definition: a lambda has no source of its own.
        written = definition.name  # type: ignore[attr-defined]
        lines[0] = lines[0].replace(f"def {written}", f"def {name}", 1)
        return "\n".join(lines).rstrip() + "\n"


@dataclass(frozen=True)
class Mistake(Answer):
    """A wrong implementation that people really write.

    message:    what went wrong, at most two sentences, said to the learner.
    recognise:  for measured questions, where two runs never give equal outputs, and for what many
                random operations have in common: ``recognise(inputs, output) -> bool``, of what the
                driver gave.
    """

    message: str = ""
    recognise: Callable[[Inputs, Any], bool] | None = None


@dataclass(frozen=True)
class Inputs:
    """What one call of the answer gets.

    args:   positional arguments: NumPy arrays, numbers, strings, lists, tuples, dicts with string
            keys.
    secret: what the judge needs to measure the output (held-out labels, say); it never leaves the
    judge.
    """

    args: tuple
    secret: Any = None


@dataclass(frozen=True)
class Probe:
    """A named source of inputs. ``make(rng)`` returns a tuple of arguments, or `Inputs`; it is
    called `repeat` times.
    """

    name: str
    make: Callable[[np.random.Generator], tuple | Inputs]
    weight: float
    repeat: int


@dataclass(frozen=True, eq=False)
class Case:
    """One input drawn from a probe. Two are never equal, not even those of one seed."""

    probe: Probe
    inputs: Inputs


@dataclass(frozen=True)
class Measurement:
    """How good an output is, for questions graded by a result: `passed`, and one sentence with
    the figure.
    """

    passed: bool
    message: str


@dataclass(frozen=True)
class Equivalent:
    """A change of a right answer that leaves it right, which the audit would otherwise call a
    survivor.

    fragment: a piece of the changed line, ``piece before -> piece after``, or the name of one of
        the audit's wrong answers. why: one line.
    """

    fragment: str
    why: str


@dataclass(eq=False)
class Question:
    """A task with everything needed to judge an answer to it.

    points:      what a full answer earns.
    frameworks:  the frameworks an answer may be written in.
    driver:      how the answer is exercised (see `autograder.answers.drivers`): "call" hands over
                 the arguments and takes the result, "sampled" adds a generator and calls it `calls`
                 times.
    each:        in one word what a "sampled" batch is made of, for sentences such as "the angle of
                 one image tells that of another".
    rtol, atol:  tolerances; `atol` is relative to the largest magnitude in the expected array.
    seconds:     of a processor's time for all calls together; see `autograder.answers.time_limit`.
    forbids:     dotted names of functions, classes and modules (with all that is in them) that an
                 answer may not use.
    forbids_in_words: what they are, for learners, as in "a library's own convolution"; by default
    their names.
    """

    name: str
    points: float
    reference: Answer
    hints: tuple[str, ...] = ()
    explanation: str = ""
    frameworks: tuple[str, ...] = FRAMEWORKS
    driver: str = "call"
    calls: int = 100
    each: str = "image"
    rtol: float = 1e-4
    atol: float = 1e-5
    seconds: float = 10.0
    forbids: tuple[str, ...] = ()
    forbids_in_words: str = ""
    probes: list[Probe] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    alternatives: list[Answer] = field(default_factory=list)
    equivalents: list[Equivalent] = field(default_factory=list)
    measurement: Callable[[Inputs, Any], Measurement] | None = None
    recovery: Callable[..., Mapping[str, Any]] | None = None

    @property
    def function_name(self) -> str:
        """The name that the learner's answer bears: ``cross_correlate`` of
        ``convolution.cross_correlate``.
        """
        return self.name.rpartition(".")[2]

    @property
    def grade_id(self) -> str:
        """The id of the notebook cell that checks it: ``convolution-cross_correlate``."""
        return grade_id(self.name)

    @property
    def trains(self) -> bool:
        """Whether an answer trains a network, which takes seconds."""
        return self.driver == "fit_predict"

    @property
    def statement(self) -> str:
        """The reference's docstring."""
        return inspect.getdoc(self.reference.function) or ""

    @property
    def prohibition(self) -> str:
        """One sentence that says what an answer may not use, also meant for the exercise's own
        statement; empty if nothing is forbidden.
        """
        if not self.forbids:
            return ""
        *most, last = [f"`{name}`" for name in self.forbids]
        named = f"{', '.join(most)} or {last}" if most else last
        return f"Write it yourself, without {self.forbids_in_words or named}."

    def __call__(self, *args: Any) -> Any:
        """The reference answer's result."""
        return self.reference.function(*args)

    def __repr__(self) -> str:
        return f"Question({self.name!r}, points={self.points})"

    def probe(self, *, weight: float = 1.0, repeat: int = 1) -> Callable:
        """Attach a source of inputs: ``make(rng) -> tuple of arguments`` (or `Inputs`), seeded by
        the judge.

        weight: its share of the points, by the sum of all weights; more than 0.
        repeat: how many inputs are drawn; a whole number, 1 or more.

        Raises BadQuestion, a ValueError, for others.
        """
        _number("weight", weight, above=0)
        _whole("repeat", repeat)

        def attach(make: Callable) -> Callable:
            self.probes.append(Probe(make.__name__, make, weight, repeat))
            return make

        return attach

    def mistake(
        self,
        message: str,
        *,
        framework: str | None = None,
        recognise: Callable[[Inputs, Any], bool] | None = None,
    ) -> Callable:
        """Attach a known wrong implementation and what to say to whoever wrote it. Raises
        BadQuestion for an unknown framework.
        """
        _known(framework)

        def attach(function: Callable) -> Callable:
            self.mistakes.append(
                Mistake(
                    function, framework or self.reference.framework, message, recognise
                )
            )
            return function

        return attach

    def alternative(self, *, framework: str | None = None) -> Callable:
        """Attach another right implementation: the proof that the check is not too strict.
        Raises BadQuestion for an unknown framework.
        """
        _known(framework)

        def attach(function: Callable) -> Callable:
            self.alternatives.append(
                Answer(function, framework or self.reference.framework)
            )
            return function

        return attach

    def equivalent(self, fragment: str, *, why: str) -> None:
        """Declare, for `course audit`, that a change of a right answer leaves it right; it is tried
        again on ten times the inputs.

        Example: ``q.equivalent("range(n) -> range(n + 1)", why="The last turn adds an empty
            window.")``
        """
        self.equivalents.append(Equivalent(fragment, why))

    def measure(self, function: Callable[[Inputs, Any], Measurement]) -> Callable:
        """Judge outputs by a measured result instead of by comparison with the reference's.

        Raises BadQuestion, a ValueError, where the question is judged by what is drawn.
        """
        if self.driver == "sampled":
            raise BadQuestion(
                f'{self.name}: the driver "sampled" judges by what is drawn (`recover`), '
                "and cannot be measured as well"
            )
        self.measurement = function
        return function

    def recover(self, function: Callable[..., Mapping[str, Any]]) -> Callable:
        """Say what was drawn for a result of a random operation: ``recover(result, *args) ->
        {"shift down": (N,), ...}``, one value for each image.

        For the driver "sampled": answers are judged by the distribution of these values
        (`autograder.judge.sampled`). It raises `NotADraw` for what no draw gives.

        Raises BadQuestion, a ValueError, for another driver.
        """
        if self.driver != "sampled":
            raise BadQuestion(
                f'{self.name}: what was drawn is recovered for the driver "sampled" only, '
                f"and not for {self.driver!r}"
            )
        self.recovery = function
        return function

    def check_complete(self) -> None:
        """Raise BadQuestion where the question draws at random and nothing recovers what was drawn:
        the one thing that cannot be told before the whole question is written down.
        """
        if self.driver == "sampled" and self.recovery is None:
            raise BadQuestion(
                f'{self.name}: the driver "sampled" needs a function that recovers what was drawn '
                "(`recover`)"
            )

    def cases(self, seed: int) -> Iterator[Case]:
        """The inputs that `seed` gives, the same ones every time: one generator for each draw,
        so that probes do not disturb each other.
        """
        for index, probe in enumerate(self.probes):
            for draw in range(probe.repeat):
                rng = np.random.default_rng([seed, index, draw])
                made = probe.make(rng)
                if not isinstance(made, (Inputs, tuple)):
                    raise TypeError(
                        f"the probe {probe.name!r} must return a tuple of arguments, `(x,)` for "
                        f"one, and not {type(made).__name__}"
                    )
                inputs = made if isinstance(made, Inputs) else Inputs(made)
                args = tuple(inputs.args)
                if self.driver == "sampled":
                    args = (_seeds(rng, self.calls), *args)
                # A NumPy scalar, say, becomes what can cross.
                yield Case(probe, replace(inputs, args=to_plain(args)))

    def answers(self, framework: str) -> list[Answer]:
        """The right answers written in `framework`, the reference first."""
        return [
            answer
            for answer in (self.reference, *self.alternatives)
            if answer.framework == framework
        ]


def _seeds(rng: np.random.Generator, calls: int) -> list[int]:
    """So many seeds, a few of them two or three times, in an order that nobody foresees."""
    seeds = rng.integers(2**32, size=calls)
    again = [seeds[:_TWICE], seeds[:_THREE_TIMES]]
    every = np.concatenate([seeds, *again])
    mixed: list[int] = rng.permutation(every).tolist()
    return mixed


def _number(name: str, value: Any, above: float | None = None) -> None:
    """Refuse what is no finite number of at least 0, or not more than `above`."""
    if (
        not isinstance(value, Real)
        or isinstance(value, bool)
        or not math.isfinite(value)
    ):
        raise BadQuestion(f"{name} must be a number, and {value!r} is not")
    if value < 0 or (above is not None and value <= above):
        least = "0 or more" if above is None else f"more than {above:g}"
        raise BadQuestion(f"{name} must be {least}, and {value:g} is not")


def _whole(name: str, value: Any) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise BadQuestion(
            f"{name} must be a whole number, 1 or more, and {value!r} is not"
        )


def _check_choices(
    frameworks: Sequence[str], driver: str, hints: Sequence[str]
) -> None:
    # Imported here, because whoever only opens a chapter of questions needs no driver.
    from autograder.answers.drivers import DRIVERS

    if isinstance(frameworks, str) or not frameworks:
        raise BadQuestion(
            f"frameworks={frameworks!r}: a list of at least one framework is needed"
        )
    for framework in frameworks:
        _known(framework)
    if driver not in DRIVERS:
        raise BadQuestion(
            f"there is no driver {driver!r}: there are {', '.join(DRIVERS)}"
        )
    if isinstance(hints, str):
        raise BadQuestion(f"hints={hints!r}: a list of texts is needed, even for one")


def _known(framework: str | None) -> None:
    if framework is not None and framework not in FRAMEWORKS:
        raise BadQuestion(
            f"there is no framework {framework!r}: there are {', '.join(FRAMEWORKS)}"
        )


def _first_of_its_name(reference: Callable) -> None:
    """Refuse what would replace a question without a word. In a notebook a cell may run again."""
    other = getattr(sys.modules.get(reference.__module__), reference.__name__, None)
    if (
        not isinstance(other, Question)
        or not hasattr(reference, "__code__")
        or not hasattr(other.reference.function, "__code__")
    ):
        return
    first, second = other.reference.function.__code__, reference.__code__
    if (
        first.co_filename == second.co_filename
        and first.co_firstlineno != second.co_firstlineno
    ):
        raise BadQuestion(
            f"{reference.__name__} is a question twice: in line "
            f"{first.co_firstlineno} and in line {second.co_firstlineno}"
        )


def question(
    *,
    points: float,
    hints: Sequence[str] = (),
    explanation: str = "",
    framework: str = "numpy",
    frameworks: Sequence[str] = FRAMEWORKS,
    driver: str = "call",
    calls: int = 100,
    each: str = "image",
    rtol: float = 1e-4,
    atol: float = 1e-5,
    seconds: float = 10.0,
    forbids: Sequence[str] = (),
    forbids_in_words: str = "",
) -> Callable[[Callable], Question]:
    """Make the decorated reference answer, written in `framework`, a question named
    ``<module>.<function>``.

    Raises BadQuestion, a ValueError, for a `forbids` that is not a list of dotted names such as
    "torch.conv2d" or "scipy.signal.*", for an unknown framework or driver, for numbers that make no
    sense (no points or negative ones, no time, a negative tolerance), for hints that are one text
    instead of a list, and for a second question of the same name in one file.
    """
    forbidden = _dotted_names(forbids)
    _known(framework)
    _check_choices(frameworks, driver, hints)
    _number("points", points, above=0)
    _number("seconds", seconds, above=0)
    _number("rtol", rtol)
    _number("atol", atol)
    _whole("calls", calls)

    def make(reference: Callable) -> Question:
        _first_of_its_name(reference)
        return Question(
            name=f"{reference.__module__.rpartition('.')[2]}.{reference.__name__}",
            points=points,
            reference=Answer(reference, framework),
            hints=tuple(hints),
            explanation=inspect.cleandoc(explanation),
            frameworks=tuple(frameworks),
            driver=driver,
            calls=calls,
            each=each,
            rtol=rtol,
            atol=atol,
            seconds=seconds,
            forbids=forbidden,
            forbids_in_words=forbids_in_words,
        )

    return make


def _dotted_names(names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise BadQuestion(f"forbids={names!r}: a list of names is needed, even for one")
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(
            r"[^\W\d]\w*(\.[^\W\d]\w*)*(\.\*)?", name
        ):
            raise BadQuestion(
                f'forbids: {name!r} is not a dotted name such as "torch.conv2d" or "scipy.signal.*"'
            )
    return tuple(dict.fromkeys(name.removesuffix(".*") for name in names))


def seed_for(*parts: str) -> int:
    """A 64-bit seed from the course's secret, the assignment, the student, the question: the
    same parts, the same inputs.
    """
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big")
