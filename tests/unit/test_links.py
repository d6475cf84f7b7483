"""No notebook and no page refers to what is not there."""

from __future__ import annotations

import nbformat
import pytest
from links import ROOT, dead_links
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PAGES = sorted(
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "lessons/*.ipynb",
        "exercises/*/*.ipynb",
        "dlkit/**/*.md",
    )
    for path in ROOT.glob(pattern)
)


@pytest.mark.parametrize(
    "path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_everything_that_is_referred_to_is_there(path):
    assert dead_links(path) == []


@pytest.fixture
def dead(tmp_path):
    """The dead links of a lesson with this text, beside another lesson, an exercise and a
    picture.
    """
    (tmp_path / "lessons").mkdir()
    (tmp_path / "exercises" / "02-other").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    other = new_notebook(
        cells=[
            new_markdown_cell("# Convolution\n\n## What to notice: edges"),
            new_code_cell("# Not a heading"),
        ]
    )
    for place in ("lessons/02-other.ipynb", "exercises/02-other/02-other.ipynb"):
        nbformat.write(other, tmp_path / place)
    (tmp_path / "docs" / "edges of it.png").touch()

    def dead(text):
        lesson = new_notebook(
            cells=[
                new_markdown_cell("# This lesson"),
                new_markdown_cell(text),
                new_code_cell("'[no](link.md)'"),
            ]
        )
        nbformat.write(lesson, tmp_path / "lessons" / "01-this.ipynb")
        return dead_links(tmp_path / "lessons" / "01-this.ipynb", tmp_path)

    return dead


@pytest.mark.parametrize(
    "text",
    [
        "[next](02-other.ipynb)",
        "[answer](../exercises/02-other/02-other.ipynb) and "
        "![edges](<../docs/edges%20of%20it.png> 'title')",
        "[there](02-other.ipynb#Convolution) "
        "[there](02-other.ipynb#what-to-notice-edges) [here](#This-lesson)",
        "[the web](https://example.org/gone.ipynb) <mailto:a@example.org> "
        "![pasted](attachment:x.png) [data](data:text/plain,x)",
        "<img src='../docs/edges of it.png'> <a href=\"02-other.ipynb\">next</a>",
        "[next][other]\n\n[other]: 02-other.ipynb 'the next one'",
        "`lessons/02-other.ipynb`, `02-other.ipynb`, `a.b` and `gone.py` are code; `$[x](y)$` "
        "and $f[i](x)$ and `[x](y)` are no links",
        "```python\na[i](x)\n```\n\nand\n\n~~~\n[x](gone.md)\n~~~",
        "<a id='start'></a> [up](#start)",
    ],
)
def test_what_is_there_is_found(dead, text):
    assert dead(text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[next](03-other.ipynb)", "03-other.ipynb"),
        ("[next](lessons/02-other.ipynb)", "lessons/02-other.ipynb"),
        ("![edges](edges.png 'title')", "edges.png"),
        ("[there](02-other.ipynb#Pooling)", "02-other.ipynb#Pooling"),
        ("[here](#Convolution)", "#Convolution"),
        ("[code](02-other.ipynb#Not-a-heading)", "02-other.ipynb#Not-a-heading"),
        ("<img alt='x' src='edges.png'>", "edges.png"),
        ("[next][other]\n\n[other]: <03-other.ipynb>", "03-other.ipynb"),
        ("see `lessons/03-other.ipynb`", "lessons/03-other.ipynb"),
        ("run `python lessons/other.py --all`", "lessons/other.py"),
    ],
)
def test_what_is_not_there_is_told(dead, text, found):
    assert dead(text) == [found]
