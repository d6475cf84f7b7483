"""The page of feedback on one submission, made in a process of its own that has limits: what a
student wrote is turned into HTML by programs whose time grows with the square of some texts.

`configure` gives it to nbgrader, so that ``nbgrader generate_feedback`` makes pages with it, too.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import os
import select
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import pass_context
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import MarkdownWithMath
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from traitlets import Float, default

from autograder.grading import limits_of_worker
from autograder.grading.formulas import FormulaRenderer
from autograder.grading.submissions.cells import metadata_of, question_of
from autograder.logs import log
from autograder.text import plain

NOT_SHOWN = "This takes too long to be shown here. It stands in the notebook that was handed in."

_STYLE = """
a { color: #1f4e79; text-decoration: underline }
li a { display: inline-block; min-width: 24px; min-height: 24px; line-height: 24px }
div.nbgrader_cell .panel-heading a { color: inherit !important }
pre, .input_area, .highlight { background: #ffffff !important }
.highlight .ow, .highlight .nd { color: #8a00e6 }
.highlight .c, .highlight .c1, .highlight .cm { color: #2f6464 }
.ansi-red-fg, .highlight .ne { color: #a82a24 }
"""
_TEMPLATES = str(Path(__file__).parent / "templates")
_MEGABYTES = 1536
_CLOCK = 5
"""How many times its processor seconds a page may take by the clock."""

_BLOCK = 2**16
_WHOLE, _FAILED = b"\0", b"\1"
"""The last byte of what the other process says: a page, or why there is none."""


class FeedbackExporter(HTMLExporter):
    """nbconvert's, in a process of its own, with nothing loaded from the network. A notebook that
    cannot be shown within the limits is shown without what the student wrote; the judge's words and
    the points stay.
    """

    seconds = Float(
        60.0,
        min=1.0,
        help="Seconds of a processor's time that the page of one submission may take.",
    ).tag(config=True)

    @default("template_paths")
    def _template_paths(
        self, prune: bool = True, root_dirs: list[str] | None = None
    ) -> list[str]:
        """Ours first: one of nbconvert's loads MathJax from elsewhere."""
        return [_TEMPLATES, *super()._template_paths(prune, root_dirs)]

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        """Markdown as HTML, formulas as MathML."""
        cell = context.get("cell", {})
        metadata = context.get("resources", {}).get("metadata", {})
        renderer = FormulaRenderer(
            escape=False,
            attachments=cell.get("attachments", {}),
            embed_images=self.embed_images,
            path=metadata.get("path", ""),
            anchor_link_text=self.anchor_link_text,
            exclude_anchor_links=self.exclude_anchor_links,
            **self.lexer_options,
        )
        return MarkdownWithMath(renderer=renderer).render(source)

    def from_notebook_node(
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **more: Any
    ) -> tuple[str, dict[str, Any]]:
        """The page as text."""
        make = super().from_notebook_node
        if not hasattr(os, "fork"):  # Windows, where no class is graded
            return make(nb, resources, **more)
        _import_all()
        for shown in (nb, _without_students_own(nb)):
            as_page = functools.partial(make, shown, resources, **more)
            page, why_not = _made_apart(as_page, self.seconds)
            if page is not None:
                return _accessible(page), self._init_resources(resources)
            log.warning("a page of feedback could not be made: %s", why_not)
        raise RuntimeError(
            f"the page could not be made: {plain(why_not.splitlines()[-1])}"
        )


def _accessible(page: str) -> str:
    """The page with its language, letters that stand out enough and links that are large enough to
    be hit (WCAG 2.2, AA): nbgrader's template has none of these.
    """
    with_language = page.replace("<html>", '<html lang="en">', 1)
    return with_language.replace("</head>", f"<style>{_STYLE}</style></head>", 1)


@functools.cache
def _import_all() -> None:
    """Make a page of our own here, once: what nbconvert imports for it, a hundred modules, no
    page's process has to import again. What fails here fails there, too, and is told there.
    """
    shown = new_output("display_data", {"text/html": "<b>1</b>", "text/plain": "1"})
    cells = [new_markdown_cell("`1`"), new_code_cell("1", outputs=[shown])]
    with contextlib.suppress(Exception):
        HTMLExporter().from_notebook_node(new_notebook(cells=cells))


def _without_students_own(nb: NotebookNode) -> NotebookNode:
    """The notebook with a line in place of each text that is the student's to write."""
    shown = copy.deepcopy(nb)
    for cell in shown.cells:
        is_fixed = metadata_of(cell).get("locked") and not metadata_of(cell).get(
            "solution"
        )
        if is_fixed or question_of(cell) is not None:
            continue
        cell.pop("attachments", None)
        if cell.cell_type == "code":
            cell.source, cell.outputs = f"# {NOT_SHOWN}", []
        else:
            cell.source = NOT_SHOWN
    return shown


def _made_apart(
    make: Callable[[], tuple[str, Any]], seconds: float
) -> tuple[str | None, str]:
    """The text that `make` returns in a fork of this process; None where it fails or reaches a
    limit, and why.
    """
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        _make_and_end(make, writing, seconds)
    os.close(writing)
    try:
        said = _read(reading, time.monotonic() + _CLOCK * seconds)
    finally:
        os.close(reading)
        # It has ended, or must; nobody else waits for it.
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    text, end = said[:-1].decode("utf-8", "replace"), said[-1:]
    if end == _WHOLE:
        return text, ""
    return (
        None,
        text
        if end == _FAILED
        else f"it took more than {seconds:g} seconds, or its memory",
    )


def _make_and_end(
    make: Callable[[], tuple[str, Any]], writing: int, seconds: float
) -> None:
    """Never returns."""
    try:
        try:
            with (
                limits_of_worker.memory(_MEGABYTES),
                limits_of_worker.processor(seconds),
            ):
                said, end = make()[0], _WHOLE
        except Exception:
            said, end = traceback.format_exc(), _FAILED
        with open(writing, "wb") as out:
            out.write(said.encode("utf-8", "replace") + end)
    finally:
        os._exit(0)


def _read(reading: int, end: float) -> bytes:
    """All that comes, until nothing can come any more or the time is over."""
    parts = []
    while (left := end - time.monotonic()) > 0:
        ready, _, _ = select.select([reading], [], [], left)
        part = os.read(reading, _BLOCK) if ready else b""
        if not part:
            break
        parts.append(part)
    return b"".join(parts)
