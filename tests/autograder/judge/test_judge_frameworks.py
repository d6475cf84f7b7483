"""The verdict on answers in PyTorch and Gluon, and on one that is endless."""

from __future__ import annotations

import pytest
import strategies as some
from hypothesis import given, settings
from strategies import examples

from autograder import testing
from autograder.questions import catalogue
from autograder.values import frameworks
from autograder.verdict import Status

pytestmark = pytest.mark.usefixtures("small_course")
needs_mxnet = pytest.mark.skipif(
    not frameworks.available("mxnet"), reason="MXNet is not installed"
)


def verdict_on(name: str, answer, framework: str = "numpy", seed: int = 0):
    return testing.examine(catalogue.find(name), answer, framework=framework, seed=seed)


@pytest.mark.parametrize(
    "name", ["small.total", "small.turn", "small.patient", "nets.build"]
)
def test_every_right_answer_earns_everything(name):
    asked = catalogue.find(name)
    for answer in (asked.reference, *asked.alternatives):
        if frameworks.available(answer.framework):
            verdict = testing.examine(
                asked, answer.function, framework=answer.framework, seed=1
            )
            assert (
                verdict.status,
                verdict.earned,
                verdict.failure,
                verdict.mistake,
            ) == (
                Status.CORRECT,
                asked.points,
                None,
                None,
            )
            assert verdict.tried == verdict.passed == len(list(asked.cases(1)))


@pytest.mark.parametrize(
    "name", ["small.total", "small.turn", "small.locate", "nets.build"]
)
def test_every_known_mistake_is_named_and_no_other(name):
    asked = catalogue.find(name)
    for mistake in asked.mistakes:
        verdict = testing.examine(
            asked, mistake.function, framework=mistake.framework, seed=2
        )
        assert verdict.status is not Status.CORRECT
        assert verdict.mistake == mistake.message


@needs_mxnet
def test_a_mistake_is_named_in_whichever_framework_it_is_made():
    for framework in ("torch", "mxnet", "numpy"):
        assert (
            verdict_on("small.total", lambda values: values.mean(), framework).mistake
            == "This is the mean, not the sum."
        )


@given(some.seeds)
@settings(max_examples=examples(3))
def test_a_network_that_fits_no_weights_is_told_its_shapes(seed):
    from torch import nn

    answer = lambda: nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(12, 4))  # noqa: E731
    verdict = testing.examine(
        catalogue.find("nets.build"), answer, framework="torch", seed=seed
    )
    assert verdict.status is Status.INCORRECT and verdict.earned == 0
    assert verdict.details == (
        "Missing: logits, gradients.",
    ) or "parameter shapes" in " ".join(verdict.details)
