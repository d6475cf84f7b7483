"""The page of feedback is made apart, and is nbconvert's own where nothing is wrong."""

import re
from pathlib import Path

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import MarkdownWithMath
from nbformat.v4 import new_markdown_cell, new_notebook

from autograder.grading import feedback_page, limits_of_worker
from autograder.grading.feedback_page import NOT_SHOWN, FeedbackExporter
from autograder.grading.formulas import FormulaRenderer

ROOT = Path(__file__).parents[3]

LOCKED = {"nbgrader": {"grade_id": "task", "locked": True, "solution": False}}


def notebook(own):
    return new_notebook(cells=[new_markdown_cell("A task.", metadata=LOCKED), own])


def body(page):
    return page[page.index("</head>") :]


def test_an_ordinary_page_is_nbconverts_own():
    nb = notebook(new_markdown_cell("An *answer* \u2713"))
    page, resources = FeedbackExporter().from_notebook_node(nb)
    expected, other = HTMLExporter().from_notebook_node(nb)
    assert body(page) == body(expected)
    assert resources["output_extension"] == other["output_extension"] == ".html"


def test_formulas_are_in_the_page():
    text = "Of $\\alpha_i$:\n\n$$\\frac{1}{2}$$\n\n\\begin{align} a &= b \\end{align}"
    page, _ = FeedbackExporter().from_notebook_node(notebook(new_markdown_cell(text)))
    assert page.count("<math") == 3
    assert "<mfrac>" in page
    assert "\u03b1" in page


def test_a_formula_that_is_none_is_shown_as_it_was_written():
    cell = new_markdown_cell("$\\left<b>$ and more")
    page, _ = FeedbackExporter().from_notebook_node(notebook(cell))
    assert "<code>\\left&lt;b&gt;</code> and more" in page


NOTEBOOKS = sorted(ROOT.glob("exercises/*/*.ipynb")) + sorted(
    ROOT.glob("lessons/*.ipynb")
)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_formula_of_the_course_becomes_mathml(path):
    texts = [
        cell.source
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "markdown"
    ]
    page = MarkdownWithMath(renderer=FormulaRenderer(escape=False)).render(
        "\n\n".join(texts)
    )
    formulas = re.findall(r"<math.*?</math>", page, re.DOTALL)
    assert not [formula for formula in formulas if "\\" in formula]
    assert "<code>\\" not in page


TABLE = "|a" * 100_000 + "|\n" + "|-" * 100_000 + "|\n" + "|a" * 100_000


@pytest.mark.parametrize(
    ("own", "seconds"),
    [("\\begin{a}" * 50_000, 1.0), (TABLE, 60.0)],
    ids=["takes too long", "takes too much memory"],
)
def test_what_cannot_be_shown_within_the_limits_is_left_out(own, seconds, monkeypatch):
    monkeypatch.setattr("autograder.grading.feedback_page._MEGABYTES", 64)
    exporter = FeedbackExporter(seconds=seconds)
    page, _ = exporter.from_notebook_node(notebook(new_markdown_cell(own)))
    assert NOT_SHOWN in page
    assert "A task." in page


def test_a_fault_that_is_not_the_students_is_raised(monkeypatch):
    def broken(*_):
        raise LookupError("no template")

    feedback_page._import_all.cache_clear()  # as in a process that made no page yet
    monkeypatch.setattr(HTMLExporter, "from_notebook_node", broken)
    with pytest.raises(
        RuntimeError, match="the page could not be made: LookupError: no template"
    ):
        FeedbackExporter().from_notebook_node(notebook(new_markdown_cell("x")))


def test_no_limit_is_left_in_this_process():
    resource = limits_of_worker.resource
    before = resource.getrlimit(resource.RLIMIT_CPU)
    FeedbackExporter().from_notebook_node(notebook(new_markdown_cell("x")))
    assert resource.getrlimit(resource.RLIMIT_CPU) == before
