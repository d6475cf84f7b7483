"""What a learner sees: any verdict can be shown, and what a student wrote is shown as text."""

from __future__ import annotations

import base64
from html.parser import HTMLParser

import numpy as np
import pytest
import strategies as some
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.feedback import Feedback, code, note, render
from autograder.verdict import Failure, Outcome, Status, Verdict

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp;</pre></details>{{ 7 * 7 }}\x00\x1b[31m"
ALLOWED = {"div", "span", "img", "details", "summary", "table", "tr", "td", "pre"}


class Page(HTMLParser):
    """What a browser would make of the HTML."""

    def __init__(self, html: str):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *attr) for attr in attrs]

    def handle_data(self, data):
        self.text += data

    @property
    def harmless(self) -> bool:
        handlers = [name for _, name, _ in self.attributes if name.startswith("on")]
        sources = [value for _, name, value in self.attributes if name in ("src", "href")]
        return set(self.tags) <= ALLOWED and not handlers and all(source.startswith("data:image/png;base64,") for source in sources)


def verdict(expected=None, got=None, status=Status.INCORRECT, inputs=(), mistake=None, **outcome) -> Verdict:
    failure = Failure("random shapes", tuple(inputs), Outcome(**{"kind": "value", "value": got} | outcome), expected)
    return Verdict("small.total", status, 2, 0.5, "Right on 1 of 3 inputs.", 3, 1, ("A detail.",), mistake, failure)


def test_a_right_answer_is_a_tick_and_its_points():
    feedback = render(Verdict("small.total", Status.CORRECT, 1, 1, "Correct on all 3 inputs.", 3, 3))
    assert feedback.text == "✓ small.total: correct, 1 of 1 point\n  Correct on all 3 inputs."
    assert (feedback.correct, feedback.earned) == (True, 1)
    assert repr(feedback) == feedback.text and feedback._repr_html_() == feedback.html
    assert "Correct on all 3 inputs." in Page(feedback.html).text


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_mark_and_a_colour(status):
    feedback = render(verdict(1.0, 2.0, status))
    assert feedback.text[0] in "✓○◐✗" and str(status) in feedback.text
    assert (feedback.text[0] == "✓") == feedback.correct == (status is Status.CORRECT)
    assert Page(feedback.html).harmless


def test_a_failure_shows_input_yours_and_expected():
    feedback = render(
        verdict(np.array([3.0]), np.array([4.5]), inputs=[("image", np.array([1.0, 2.0])), ("stride", 2)], mistake="It is the mean.")
    )
    for words in ("input image: [1., 2.]", "input stride: 2", "yours: [4.5]", "expected: [3.]", "It is the mean.", "A detail."):
        assert words in feedback.text
    page = Page(feedback.html)
    for words in ("input image", "[1., 2.]", "yours", "[4.5]", "expected", "[3.]", "It is the mean.", "A detail.", "random shapes"):
        assert words in page.text


def test_an_exception_shows_the_line_and_what_was_printed():
    feedback = render(verdict(kind="raised", error="ValueError", lines=("line 3: return a @ b", "line 9: x"), printed="shape (3,)\n"))
    assert "where: line 3: return a @ b\n         line 9: x" in feedback.text
    assert "printed: shape (3,)" in feedback.text
    assert "yours" not in feedback.text


def test_hostile_strings_are_text():
    found = verdict(HOSTILE, HOSTILE, inputs=[(HOSTILE, HOSTILE)], message=HOSTILE, lines=(HOSTILE,), printed=HOSTILE)
    found = Verdict(HOSTILE, Status.ERROR, 1, 0, HOSTILE, details=(HOSTILE,), mistake=HOSTILE, failure=found.failure)
    for feedback in (render(found), note(HOSTILE), code(HOSTILE, HOSTILE, HOSTILE)):
        page = Page(feedback.html)
        assert page.harmless and "49" not in page.text
        assert "<script>alert(1)</script>" in page.text


@given(st.text(max_size=60))
def test_any_text_of_a_student_is_text(text):
    page = Page(render(verdict({text: text}, {text: [text]}, printed=text, message=text, lines=(text,))).html)
    assert page.harmless


@given(some.plain_values(6), some.plain_values(6), some.plain_values(6))
@settings(max_examples=20)
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::numpy.ComplexWarning")
def test_any_output_can_be_shown(expected, got, value):
    feedback = render(verdict(expected, got, inputs=[("x", value)]))
    assert Page(feedback.html).harmless
    assert len(feedback.text) < 30_000


EXTREME = np.array([[1e308, -1e308, 0], [np.nan, np.inf, -np.inf], [5e-324, 1, -1]])


@pytest.mark.parametrize(
    "got",
    [
        EXTREME,
        np.full((3, 3), np.nan),
        np.full((3, 3), np.inf),
        np.full((3, 3), -1e308),
        np.zeros((3, 3), bool),
        np.full((3, 3), 2**64 - 1, np.uint64),
        np.zeros((3, 3), np.float16),
        np.zeros((3, 3), np.complex64),
        np.zeros((0, 3)),
        np.zeros((1, 3, 3)),
        np.zeros((500, 500)),
        [np.zeros((3, 3))] * 20,
        {"a": {"b": [np.zeros((3, 3))]}},
        10**400,
        "x" * 100_000,
        [0] * 100_000,
    ],
    ids=range(16),
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::numpy.ComplexWarning")
def test_extreme_outputs_are_shown_in_a_few_lines(got):
    for expected in (EXTREME, 1.0):
        feedback = render(verdict(expected, got))
        assert len(feedback.text) < 5_000 and Page(feedback.html).harmless


def pictures(feedback: Feedback) -> list[bytes]:
    return [
        base64.b64decode(value.partition(",")[2]) for tag, name, value in Page(feedback.html).attributes if (tag, name) == ("img", "src")
    ]


def test_images_are_drawn():
    [picture] = pictures(render(verdict(np.eye(4), np.ones((4, 4)), inputs=[("image", np.ones((5, 5)))])))
    assert picture.startswith(b"\x89PNG")
    [wrong_shape] = pictures(render(verdict(np.eye(4), np.ones((3, 4)))))
    assert wrong_shape.startswith(b"\x89PNG")


def test_numbers_and_vectors_and_huge_images_are_not_drawn():
    for expected, got in [(1.0, 2.0), (np.ones(3), np.zeros(3)), (np.ones((500, 500)), np.zeros((500, 500))), (np.eye(3), None)]:
        assert pictures(render(verdict(expected, got))) == []


def test_the_picture_shows_the_plane_that_is_wrong():
    """Two stacks that differ in one plane give another picture than two that differ nowhere in it."""
    right, wrong = np.zeros((3, 4, 4)), np.zeros((3, 4, 4))
    wrong[2, 1, 1] = 1
    assert pictures(render(verdict(right, wrong))) == pictures(render(verdict(right[2], wrong[2])))


def test_a_solution_shows_its_code_and_its_explanation():
    feedback = code("small.total, in numpy", "def total(values):\n    return values.sum()\n", "Addition.")
    assert feedback.text == "small.total, in numpy\n\ndef total(values):\n    return values.sum()\n\nAddition."
    assert "def total(values):\n    return values.sum()" in Page(feedback.html).text
