"""Which right answer `solution(...)` shows, of the course's own questions."""

import pytest

from autograder.learner.judge_process import _shown
from autograder.questions import catalogue


@pytest.mark.parametrize("framework", ["torch", "mxnet", "numpy"])
@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("convolution.output_size", "return room // stride + 1"),
        ("deeper.conv_cost", "return"),
    ],
)
def test_numbers_alone_are_answered_in_plain_python(name, line, framework):
    source = _shown(catalogue.find(name), framework).source("answer")
    assert line in source
    assert "torch" not in source and "nd." not in source


@pytest.mark.parametrize("framework", ["torch", "mxnet", "numpy"])
def test_arrays_are_answered_in_the_learner_s_framework(framework):
    question = catalogue.find("convolution.cross_correlate")
    assert _shown(question, framework).framework == framework
