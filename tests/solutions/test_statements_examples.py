"""What a statement works out as its example is one of the inputs, in every chapter that has begun
to say so.
"""

import sys

import pytest

from autograder.questions import catalogue

WITHOUT_EXAMPLE = {"searching.mended", "case_studies.lloyd_step"}
"""The statement of one shows code to be mended, that of the other a picture."""

UNDER_ANOTHER_NAME = {
    "deeper.output_shapes": "alexnet",
    "first_steps.leaked": "example_of_the_statement",
}
"""The probes that go on where the example of their statement ends, or need a set of images."""


def _compared_by_call():
    for name, chapter in catalogue.chapters().items():
        if not hasattr(sys.modules[f"solutions.{name}"], "example"):
            continue
        for question in chapter.values():
            if question.driver == "call" and question.measurement is None:
                yield question


@pytest.mark.parametrize(
    "question", list(_compared_by_call()), ids=lambda question: question.name
)
def test_the_statements_own_example_is_an_input(question):
    name = UNDER_ANOTHER_NAME.get(question.name, "the_statement_says")
    examples = [probe for probe in question.probes if probe.name.startswith(name)]
    assert bool(examples) != (question.name in WITHOUT_EXAMPLE)
    share = sum(probe.weight for probe in examples) / sum(
        probe.weight for probe in question.probes
    )
    assert share < 1 / 4, "whoever knows the examples by heart earns too much"
