"""What a student wrote, made harmless for whoever reads the graded notebook: the teacher in
formgrader, the student in the feedback page.

Both pages are made by nbconvert, which passes HTML in Markdown cells and in outputs through as it
is. Here nothing of it is left that a browser would run or fetch.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from nbformat import NotebookNode

_PICTURES = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
"""Kinds of pictures that are pixels and nothing else, and how their files begin."""

INVISIBLE = "\u200b"
"""What keeps a piece of text from being obeyed, and is not seen."""

_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_PICTURE = re.compile(r"!(?=\[)(?:(?=\[[^\[\]]*\]\(attachment:([^()\s]+)\)))?")
_EMBEDDED = re.compile(
    r"!\[([^\[\]]*)\]\(data:(image/[a-z]+);base64,([A-Za-z0-9+/=]+)\)"
)
"""A picture in the text itself, which is what Colab makes of one that is pasted."""

_LINK = re.compile(
    r"\](?=\(\s*(?!https?://|mailto:|#|attachment:)|:\s*(?!https?://|mailto:|#))"
)
# From where a fence begins, and without going back: a line of a million backticks takes no longer
# than any other.
_DIAGRAM = re.compile(r"((?<!`)`{3,}+|(?<!~)~{3,}+)(\s*+)mermaid")
_TEX_COMMAND = re.compile(
    r"\\(?=(?:href|url|style|class|cssId|require|html\w*|data|unicode|mml\w*|bbox|def|gdef|edef|xdef|let|futurelet|DeclareMathOperator|DeclarePairedDelimiter\w*"
    r"|newcommand|renewcommand|providecommand|newenvironment|renewenvironment|csname)(?![A-Za-z]))"
)


def sanitize_cell(cell: NotebookNode) -> None:
    """Disarm `cell` in place. Its source still reads as it was written; HTML is shown instead of
    obeyed, pictures from elsewhere are links.
    """
    cell.metadata = NotebookNode(
        {key: value for key, value in cell.metadata.items() if key == "nbgrader"}
    )
    if cell.cell_type == "code":
        cell.outputs = [kept for output in cell.outputs if (kept := _output(output))]
        cell.execution_count = (
            cell.execution_count if isinstance(cell.execution_count, int) else None
        )
        return
    pictures = {
        str(name): kept
        for name, data in _items(cell.get("attachments"))
        if (kept := _pictures(data))
    }
    source = _attached(cell.source, pictures)
    cell.source = markdown(source, frozenset(pictures))
    cell.pop("attachments", None)
    if pictures:
        cell.attachments = NotebookNode(pictures)


def _attached(source: str, pictures: dict[str, NotebookNode]) -> str:
    """The source with pictures that stand in its text added to those that are attached."""

    def attach(found: re.Match) -> str:
        title, kind, coded = found.groups()
        kept = _pictures({kind: coded})
        if not kept:
            return found[0]
        name = f"embedded-{len(pictures)}.{kind.removeprefix('image/')}"
        while name in pictures:
            name = f"another-{name}"
        pictures[name] = kept
        return f"![{title}](attachment:{name})"

    return _EMBEDDED.sub(attach, source)


def markdown(source: str, attached: frozenset[str] = frozenset()) -> str:
    """Markdown without tags, diagrams, pictures other than those `attached`, links other than to
    the web, and TeX commands that make links or macros: an invisible space keeps each from being
    one.
    """

    def picture(found: re.Match) -> str:
        return found[0] if found[1] in attached else "!" + INVISIBLE

    source = _TAG.sub("<" + INVISIBLE, source)
    source = _PICTURE.sub(picture, source)
    source = _LINK.sub("]" + INVISIBLE, source)
    source = _DIAGRAM.sub(r"\1\2text", source)
    return _TEX_COMMAND.sub(lambda _: "\\" + INVISIBLE, source)


def _output(output: Any) -> NotebookNode | None:
    kind = output.get("output_type")
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return NotebookNode(
            output_type="stream", name=name, text=_text(output.get("text"))
        )
    if kind == "error":
        lines = output.get("traceback")
        return NotebookNode(
            output_type="error",
            ename=_text(output.get("ename")),
            evalue=_text(output.get("evalue")),
            traceback=[_text(line) for line in lines]
            if isinstance(lines, list)
            else [],
        )
    data = output.get("data")
    kept = _pictures(data)
    if isinstance(data, dict) and isinstance(data.get("text/plain"), str):
        kept["text/plain"] = data["text/plain"]
    return (
        NotebookNode(output_type="display_data", metadata=NotebookNode(), data=kept)
        if kept
        else None
    )


def _pictures(data: Any) -> NotebookNode:
    """The entries of a MIME bundle that are what they say: pictures as pixels."""
    kept = NotebookNode()
    for kind, start in _PICTURES.items():
        coded = dict(_items(data)).get(kind)
        if isinstance(coded, str):
            try:
                pixels = base64.b64decode("".join(coded.split()), validate=True)
            except (binascii.Error, ValueError):
                continue
            if pixels.startswith(start):
                kept[kind] = base64.b64encode(pixels).decode()
    return kept


def _items(mapping: Any) -> list:
    return list(mapping.items()) if isinstance(mapping, dict) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
