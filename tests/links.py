"""Links of a page to what should be there: other notebooks and files of the project, and
headings.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import nbformat

ROOT = Path(__file__).parents[1]
_FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_MATH = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL)
_LINK = re.compile(r"\]\(\s*<?([^)\s>]*)>?[^)]*\)")
_REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)", re.MULTILINE)
_HTML = re.compile(r"<(?:a|img)\b[^>]*?\b(?:href|src)=[\"']([^\"']*)[\"']")
_ANCHOR = re.compile(
    r"<\w+\b[^>]*?\b(?:id|name)=[\"']([^\"']+)[\"']|^\(([\w-]+)\)=\s*$", re.MULTILINE
)
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)
_FILE = re.compile(r"(?:[\w.-]+/)+[\w.-]+\.(?:ipynb|py|md|csv|toml|png|jpg|html|yml)")
"""A file of the project, named with its folder in code: `experiments/transfer.py`."""


def dead_links(path: Path, root: Path = ROOT) -> list[str]:
    """What the Markdown of a notebook or page at `path` refers to and is not there: links as they
    are written, files as they are named.

    Addresses on the web are not looked at. Links are relative to the page; files named in code to
    the page or to `root`.
    """
    text = markdown(path)
    prose = _FENCE.sub("", text)
    # which stands for any
    files = [
        name
        for code in _CODE.findall(prose)
        for name in _FILE.findall(code)
        if "NAME" not in name
    ]
    plain = _MATH.sub("", _CODE.sub("", prose))
    links = [*_LINK.findall(plain), *_REFERENCE.findall(plain), *_HTML.findall(plain)]
    return [link for link in links if not _leads_somewhere(link, path)] + [
        name
        for name in files
        if not any((folder / name).exists() for folder in (path.parent, root))
    ]


def markdown(path: Path) -> str:
    """The prose of a notebook, or the text of a page."""
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def _leads_somewhere(link: str, page: Path) -> bool:
    # https:, mailto:, data:, attachment:
    if re.match(r"[a-z][a-z0-9+.-]*:|//", link, re.IGNORECASE):
        return True
    file, _, anchor = link.partition("#")
    target = page.parent / unquote(file) if file else page
    if not target.exists():
        return False
    return (
        not anchor
        or target.suffix not in (".ipynb", ".md")
        or unquote(anchor).lower() in _anchors(markdown(target))
    )


def _anchors(text: str) -> set[str]:
    """What a link may point to within a page: its headings, as Jupyter and as GitHub write them,
    and anchors of its own; in lower case.
    """
    prose = _FENCE.sub("", text)
    headings = [heading.lower() for heading in _HEADING.findall(prose)]
    jupyter = {heading.replace(" ", "-") for heading in headings}
    github = {
        re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings
    }
    return (
        jupyter
        | github
        | {name.lower() for pair in _ANCHOR.findall(prose) for name in pair if name}
    )
