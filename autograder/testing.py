"""For those who test questions: judges answers in this very process, as a learner's check does.

    from autograder import testing

    source = "import numpy as np\ndef total(values):\n    return np.sum(values)\n"
    verdict = testing.examine(
        "small.total",
        total,
        source=source,
        framework="numpy",
        seed=testing.seed("small.total"),
    )
    assert verdict.earned == testing.question("small.total").points

What stands here is stable: nothing else of the engine is needed to try an answer. An answer is run
as it is, without a wall: for one's own answers, never for a stranger's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from autograder.answers.run import LocalAnswer
from autograder.judge.code.code_reader import Code
from autograder.judge.examination import examine as _examine
from autograder.questions import catalogue
from autograder.questions.definition import Inputs, Measurement, seed_for
from autograder.questions.definition import Question as _Question
from autograder.values import frameworks
from autograder.verdict import Verdict

__all__ = ["Question", "Verdict", "available", "examine", "question", "seed"]

_HOME = "public"
"""In place of a course's secret at home: everybody who practises gets the same inputs."""

_CLASS = "cases"
"""In place of a course's secret for imagined students."""


@dataclass(frozen=True)
class Question:
    """What whoever tests a question needs to know of it.

    points:        what a full answer earns.
    seconds:       of a processor's time for all calls together.
    function_name: what an answer is called.
    measurement:   the question's own measure where answers are judged by what they achieve, None
                   where they are compared.
    """

    name: str
    points: float
    seconds: float
    function_name: str
    measurement: Callable[[Inputs, Any], Measurement] | None


def available(framework: str) -> bool:
    """Whether `framework` ("torch", "mxnet" or "numpy") can be imported on this machine."""
    return frameworks.available(framework)


def question(name: str) -> Question:
    """The question called `name`, "chapter.function". Raises UnknownQuestion, a LookupError, with
    the nearest name, and BrokenQuestions if no question can be loaded.
    """
    found = catalogue.find(name)
    return Question(
        name=found.name,
        points=found.points,
        seconds=found.seconds,
        function_name=found.function_name,
        measurement=found.measurement,
    )


def seed(name: str, student: str | None = None) -> int:
    """The seed of a check of `name`: the one at home, or that of an imagined student."""
    if student is None:
        return seed_for(_HOME, name)
    return seed_for(_CLASS, student, name)


def examine(
    name: str | _Question,
    answer: Any,
    *,
    source: str | None = None,
    framework: str,
    seed: int = 0,
    patience: float = 1.0,
) -> Verdict:
    """The verdict on `answer` to the question called `name`.

    name:      or a question itself, which need not be in a chapter.
    answer:    the function, or class, that answers.
    source:    the code that defines it under the question's function name; it is read for calls
               that the question forbids. None: it is only watched while it runs.
    framework: whose arrays it is given. It is imported before the clock runs.
    seed:      which inputs are drawn; see `seed`.
    patience:  by how much its time is stretched, since a busy machine is not the answer's fault.

    Raises UnknownQuestion as `question` does, ImportError if the framework cannot be imported, and
    RuntimeError if the question's own reference fails.
    """
    asked = catalogue.find(name) if isinstance(name, str) else name
    if patience != 1.0:
        asked = replace(asked, seconds=asked.seconds * patience)
    frameworks.module(framework)
    local = LocalAnswer(answer, framework, asked.forbids)
    code = None if source is None else Code([source], asked.function_name)
    return _examine(asked, local, seed=seed, framework=framework, code=code)
