"""Formulas as MathML, which browsers show and screen readers read by themselves: a page with them
needs nothing from the network.
"""

from __future__ import annotations

import html
import re

from latex2mathml import converter
from nbconvert.filters.markdown_mistune import IPythonRenderer

_TEXT = re.compile(r"\\text\{[^{}]*\}")


def as_mathml(formula: str, display: str) -> str:
    """The LaTeX `formula` as MathML, "inline" or as a "block"; what cannot be turned into it, as
    it was written.
    """
    # Within text the converter leaves the backslash of an escaped underscore.
    plain = _TEXT.sub(lambda text: text.group().replace(r"\_", "_"), formula)
    try:
        return converter.convert(plain, display=display)
    except (
        Exception
    ):  # a student's formula may be anything, and has no error of its own
        return f"<code>{html.escape(formula)}</code>"


class FormulaRenderer(IPythonRenderer):
    """nbconvert's Markdown, with formulas as MathML."""

    def block_math(self, body: str) -> str:
        return as_mathml(body, "block")

    def inline_math(self, body: str) -> str:
        return as_mathml(body, "inline")

    def latex_environment(self, name: str, body: str) -> str:
        return as_mathml(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")
