"""The page of feedback is made apart, and is nbconvert's own where nothing is wrong."""

import pytest
from nbconvert.exporters import HTMLExporter
from nbformat.v4 import new_markdown_cell, new_notebook

from autograder.grading import feedback_page, limits_of_worker
from autograder.grading.feedback_page import NOT_SHOWN, FeedbackExporter

LOCKED = {"nbgrader": {"grade_id": "task", "locked": True, "solution": False}}


def notebook(own):
    return new_notebook(cells=[new_markdown_cell("A task.", metadata=LOCKED), own])


def test_an_ordinary_page_is_nbconverts_own():
    nb = notebook(new_markdown_cell("An *answer* \u2713"))
    page, resources = FeedbackExporter().from_notebook_node(nb)
    expected, other = HTMLExporter().from_notebook_node(nb)
    assert page == expected
    assert resources["output_extension"] == other["output_extension"] == ".html"


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
