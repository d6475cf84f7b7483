"""The face for those who test questions judges as a check does, and names what is wrong."""

from __future__ import annotations

import time

import numpy as np
import pytest

from autograder import question, testing
from autograder.errors import UnknownQuestion
from autograder.learner.judge_process import PUBLIC
from autograder.questions import catalogue
from autograder.questions.definition import seed_for
from autograder.verdict import Status

pytestmark = pytest.mark.usefixtures("small_course")

SOURCE = "import numpy as np\ndef ordered(values):\n    return np.sort(values)\n"


def own_order(values):
    return np.array(sorted(values.tolist()))


def test_a_question_tells_what_a_test_needs_to_know():
    asked, defined = testing.question("small.total"), catalogue.find("small.total")
    assert (asked.name, asked.function_name) == ("small.total", "total")
    assert (asked.points, asked.seconds) == (defined.points, defined.seconds)
    assert asked.measurement is None


def test_there_is_numpy_everywhere():
    assert testing.available("numpy")
    assert not testing.available("no_such_framework")


def test_the_seed_at_home_is_the_one_of_a_check_at_home():
    assert testing.seed("small.total") == seed_for(PUBLIC, "small.total")


def test_every_imagined_student_has_a_seed_of_their_own():
    seeds = {testing.seed("small.total", student) for student in (None, "1", "2")}
    assert len(seeds) == 3


def test_code_is_read_for_forbidden_calls():
    at_home = testing.seed("small.ordered")
    verdict = testing.examine(
        "small.ordered", own_order, source=SOURCE, framework="numpy", seed=at_home
    )
    assert (verdict.status, verdict.earned) == (Status.INCORRECT, 0)
    assert "numpy.sort" in verdict.headline
    own = "def ordered(values):\n    return sorted(values.tolist())\n"
    assert (
        testing.examine(
            "small.ordered", own_order, source=own, framework="numpy"
        ).earned
        == 2
    )


def test_patience_stretches_the_time():
    @question(points=1, seconds=0.05)
    def plus_one(number):
        return number + 1

    plus_one.probe()(lambda rng: (1,))

    def slow(number):
        end = time.process_time() + 0.1
        while time.process_time() < end:
            pass
        return number + 1

    def status(patience):
        return testing.examine(
            plus_one, slow, framework="numpy", patience=patience
        ).status

    assert status(1.0) is Status.TIMEOUT
    assert status(100.0) is Status.CORRECT


def test_a_question_that_does_not_exist_is_named():
    for call in (
        testing.question,
        lambda name: testing.examine(name, len, framework="numpy"),
    ):
        with pytest.raises(UnknownQuestion, match=r"small\.total"):
            call("small.totals")
