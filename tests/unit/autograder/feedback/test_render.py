"""What a learner sees: any verdict can be shown, and what a student wrote is shown as text."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import strategies as some
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from strategies import examples

from autograder import feedback, learner
from autograder.answers.outcome import Outcome
from autograder.feedback.render import Feedback, code, note, render
from autograder.verdict import Failure, Status, Verdict

HOSTILE = (
    "<script>alert(1)</script><img src=x "
    "onerror=alert(1)>\"'&amp;</pre></details>{{ 7 * 7 }}\x00\x1b[31m"
)
SVG = "{http://www.w3.org/2000/svg}"
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
        sources = [
            value for _, name, value in self.attributes if name in ("src", "href")
        ]
        return (
            set(self.tags) <= ALLOWED
            and not handlers
            and all(
                source.startswith("data:image/svg+xml;base64,") for source in sources
            )
        )


def verdict(
    expected=None, got=None, status=Status.INCORRECT, inputs=(), mistake=None, **outcome
) -> Verdict:
    failure = Failure(
        "random shapes",
        tuple(inputs),
        Outcome(**{"kind": "value", "value": got} | outcome),
        expected,
    )
    return Verdict(
        "small.total",
        status,
        2,
        0.5,
        "Right on 1 of 3 inputs.",
        3,
        1,
        ("A detail.",),
        mistake,
        failure,
    )


def test_a_right_answer_is_a_tick_and_its_points():
    feedback = render(
        Verdict("small.total", Status.CORRECT, 1, 1, "Correct on all 3 inputs.", 3, 3)
    )
    assert (
        feedback.text
        == "✓ small.total: correct, 1 of 1 point\n  Correct on all 3 inputs."
    )
    assert (feedback.correct, feedback.earned) == (True, 1)
    assert repr(feedback) == feedback.text and feedback._repr_html_() == feedback.html
    assert "Correct on all 3 inputs." in Page(feedback.html).text


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_mark_and_a_colour(status):
    feedback = render(verdict(1.0, 2.0, status))
    assert feedback.text[0] in "✓○◐✗" and str(status) in feedback.text
    assert (feedback.text[0] == "✓") == feedback.correct == (status is Status.CORRECT)
    assert Page(feedback.html).harmless


def luminance(colour: str) -> float:
    """As WCAG 2 defines it, of "#rrggbb"."""
    channels = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(
        channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
    )
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("status", Status)
def test_the_word_of_a_verdict_is_legible_on_white_and_on_black(status):
    html = render(verdict(1.0, 2.0, status)).html
    ground, letters = re.search(r"background:(#\w{6});color:(#\w{6})", html).groups()
    assert contrast(ground, letters) >= 4.5
    edge = re.search(r"border-left:4px solid (#\w{6})", html).group(1)
    assert min(contrast(edge, page) for page in ("#ffffff", "#111111")) >= 3


def test_all_other_words_of_feedback_have_the_colour_of_the_page():
    folders = Path(feedback.__file__).parent, Path(learner.__file__).parent
    for template in [path for folder in folders for path in folder.rglob("*.html.j2")]:
        source = template.read_text(encoding="utf-8")
        letters = re.findall(r"(?<![-\w])color:\s*([^;\"]+)", source)
        assert set(letters) <= {"#ffffff", "inherit", "currentColor"}, template


def test_no_one_has_all_points_or_none_for_a_part():
    for earned, said in [(0.38, "0.3"), (0.01, "0.1"), (2.99, "2.9"), (3, "3")]:
        found = Verdict("small.total", Status.PARTIAL, 3, earned, "Right.")
        assert f"{said} of 3 points" in render(found, digits=1).text
        assert f"{earned:g} of 3 points" in render(found).text


def test_the_title_of_a_question_stands_beside_its_name():
    shown = render(verdict(1.0, 2.0), title="Adding <up>")
    assert "Adding <up> · small.total" in shown.text
    assert "Adding &lt;up&gt; · small.total" in shown.html


def test_inputs_that_no_picture_shows_are_told_beside_it():
    given = [("image", np.ones((5, 5))), ("padding", (2, 1)), ("mode", "max")]
    unfolded, _, _ = render(
        verdict(np.eye(3), np.ones((3, 3)), inputs=given)
    ).html.partition("<details")
    assert "with padding = (2, 1), mode = &#39;max&#39;" in unfolded


def test_a_name_that_is_not_there_is_not_explained_by_the_input():
    given = [("values", np.ones(3))]
    for error, told in [("NameError", False), ("ValueError", True)]:
        shown = render(verdict(inputs=given, kind="raised", error=error)).text
        assert ("input values" in shown) == told


def test_a_failure_shows_input_yours_and_expected():
    feedback = render(
        verdict(
            np.array([3.0]),
            np.array([4.5]),
            inputs=[("image", np.array([1.0, 2.0])), ("stride", 2)],
            mistake="It is the mean.",
        )
    )
    for words in (
        "input image: [1., 2.]",
        "input stride: 2",
        "yours: [4.5]",
        "expected: [3.]",
        "It is the mean.",
        "A detail.",
    ):
        assert words in feedback.text
    page = Page(feedback.html)
    for words in (
        "input image",
        "[1., 2.]",
        "yours",
        "[4.5]",
        "expected",
        "[3.]",
        "It is the mean.",
        "A detail.",
        "random shapes",
    ):
        assert words in page.text


def test_keys_that_look_like_numbers_are_told_apart():
    feedback = render(verdict({0: 1.5, "weight": 2.5}, {"0": 1.5, "weight": 2.5}))
    for line in ("0: 1.5", "'0': 1.5", "weight: 2.5"):
        assert line in feedback.text


def test_an_exception_shows_the_line_and_what_was_printed():
    feedback = render(
        verdict(
            kind="raised",
            error="ValueError",
            lines=("line 3: return a @ b", "line 9: x"),
            printed="shape (3,)\n",
        )
    )
    assert "where: line 3: return a @ b\n         line 9: x" in feedback.text
    assert "printed: shape (3,)" in feedback.text
    assert "yours" not in feedback.text


def test_hostile_strings_are_text():
    found = verdict(
        HOSTILE,
        HOSTILE,
        inputs=[(HOSTILE, HOSTILE)],
        message=HOSTILE,
        lines=(HOSTILE,),
        printed=HOSTILE,
    )
    found = Verdict(
        HOSTILE,
        Status.ERROR,
        1,
        0,
        HOSTILE,
        details=(HOSTILE,),
        mistake=HOSTILE,
        failure=found.failure,
    )
    for feedback in (render(found), note(HOSTILE), code(HOSTILE, HOSTILE, HOSTILE)):
        page = Page(feedback.html)
        assert page.harmless and "49" not in page.text
        assert "<script>alert(1)</script>" in page.text


@given(st.text(max_size=60))
def test_any_text_of_a_student_is_text(text):
    page = Page(
        render(
            verdict(
                {text: text}, {text: [text]}, printed=text, message=text, lines=(text,)
            )
        ).html
    )
    assert page.harmless


@given(some.plain_values(6), some.plain_values(6), some.plain_values(6))
@settings(max_examples=examples(20))
@pytest.mark.filterwarnings(
    "ignore::RuntimeWarning", "ignore::numpy.exceptions.ComplexWarning"
)
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
@pytest.mark.filterwarnings(
    "ignore::RuntimeWarning", "ignore::numpy.exceptions.ComplexWarning"
)
def test_extreme_outputs_are_shown_in_a_few_lines(got):
    for expected in (EXTREME, 1.0):
        feedback = render(verdict(expected, got))
        assert len(feedback.text) < 5_000 and Page(feedback.html).harmless


def pictures(feedback: Feedback) -> list[bytes]:
    return [
        base64.b64decode(value.partition(",")[2])
        for tag, name, value in Page(feedback.html).attributes
        if (tag, name) == ("img", "src")
    ]


def test_images_are_drawn():
    [picture] = pictures(
        render(verdict(np.eye(4), np.ones((4, 4)), inputs=[("image", np.ones((5, 5)))]))
    )
    assert titles(picture) == [
        "image  5×5",
        "yours  4×4",
        "expected  4×4",
        "difference  4×4",
    ]
    [wrong_shape] = pictures(render(verdict(np.eye(4), np.ones((3, 4)))))
    assert titles(wrong_shape) == ["yours  3×4", "expected  4×4"]


def titles(picture: bytes) -> list[str]:
    """The panels of an SVG that a parser takes: those of its texts that are no numbers."""
    return [
        text.text
        for text in ElementTree.fromstring(picture).iter(f"{SVG}text")
        if "×" in text.text
    ]


def matrices(picture: bytes) -> list[np.ndarray]:
    """The colours of its panels."""
    images = ElementTree.fromstring(picture).iter(f"{SVG}image")
    return [
        np.asarray(
            Image.open(
                io.BytesIO(base64.b64decode(image.get("href").partition(",")[2]))
            )
        )
        for image in images
    ]


def test_a_picture_has_a_colour_for_every_number_and_none_for_what_is_no_number():
    got = np.array([[0.0, 1.0, 2.0], [np.nan, np.inf, -np.inf]])
    [picture] = pictures(render(verdict(np.zeros((2, 3)), got)))
    yours, expected, difference = matrices(picture)
    assert (
        yours[0].tolist()
        == [[0x44, 0x01, 0x54], [0x21, 0x91, 0x8C], [0xFD, 0xE7, 0x25]]
        and (yours[1] == 255).all()
    )
    assert (expected == yours[0, 0]).all()  # on one scale
    assert difference[0, 0].tolist() == [0xF7] * 3 and difference[0, 2].tolist() == [
        0xB2,
        0x18,
        0x2B,
    ]
    numbers = [
        text.text
        for text in ElementTree.fromstring(picture).iter(f"{SVG}text")
        if "×" not in text.text
    ]
    assert numbers[:6] == ["0", "1", "2", "nan", "inf", "-inf"]


def test_a_number_that_fits_is_written_out():
    got = np.array([[103.0, 140.0, 0.125, 99999.0, 1e6, -2500.0]] * 2)
    [picture] = pictures(render(verdict(np.zeros((2, 6)), got)))
    numbers = [
        text.text
        for text in ElementTree.fromstring(picture).iter(f"{SVG}text")
        if "×" not in text.text
    ]
    assert numbers[:6] == ["103", "140", "0.12", "99999", "1e+06", "-2500"]


def test_a_picture_is_said_in_words():
    alts = [
        value
        for _, name, value in Page(
            render(verdict(np.eye(2), np.ones((2, 2)))).html
        ).attributes
        if name == "alt"
    ]
    assert alts == [
        "yours: 2 by 2, from 1 to 1; expected: 2 by 2, from 0 to 1; difference: 2 by 2, from 0 to 1"
    ]


def test_numbers_and_vectors_and_huge_images_are_not_drawn():
    for expected, got in [
        (1.0, 2.0),
        (np.ones(3), np.zeros(3)),
        (np.ones((500, 500)), np.zeros((500, 500))),
        (np.eye(3), None),
    ]:
        assert pictures(render(verdict(expected, got))) == []


def test_the_picture_shows_the_plane_that_is_wrong():
    """Two stacks that differ in one plane give another picture than two that differ nowhere in
    it.
    """
    right, wrong = np.zeros((3, 4, 4)), np.zeros((3, 4, 4))
    wrong[2, 1, 1] = 1
    assert pictures(render(verdict(right, wrong))) == pictures(
        render(verdict(right[2], wrong[2]))
    )


def test_a_solution_shows_its_code_and_its_explanation():
    feedback = code(
        "small.total, in numpy",
        "def total(values):\n    return values.sum()\n",
        "Addition.",
    )
    assert (
        feedback.text
        == "small.total, in numpy\n\ndef total(values):\n    return values.sum()\n\nAddition."
    )
    assert "def total(values):\n    return values.sum()" in Page(feedback.html).text
