"""No script, handler, frame or remote resource of a student's survives into a page that somebody
reads.
"""

from __future__ import annotations

import base64
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from autograder.grading.submissions.sanitize import markdown, sanitize_cell

PIXELS = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()
PAYLOADS = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<img src=https://evil.example/pixel.png>",
    "<iframe src=https://evil.example></iframe>",
    "<svg onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<style>@import url(https://evil.example/x.css)</style>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<object data=https://evil.example></object><embed src=https://evil.example>",
    "<form action=https://evil.example><input autofocus onfocus=alert(1)></form>",
    "<base href=https://evil.example/>",
    "<!--<img src=x onerror=alert(1)>-->",
    "![pixel](https://evil.example/pixel.png)",
    "![pixel](//evil.example/pixel.png 'title')",
    "![pixel][reference]\n\n[reference]: https://evil.example/pixel.png",
    "[![x](https://evil.example/a.png)](https://evil.example)",
    "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)",
    "![gone](attachment:gone.png)",
    "[click](javascript:alert(1))",
    "[click](JaVaScRiPt&colon;alert(1))",
    "[click](java\tscript:alert(1))",
    "[click](<java\tscript:alert(1)>)",
    "[click][reference]\n\n[reference]:\n  javascript:alert(1)",
    "[click](vbscript:x) [click](data:text/html,<script>alert(1)</script>)",
    "```mermaid\ngraph LR; A-->B; click A href "
    '"javascript:alert(1)"\n</pre><script>alert(1)</script>\n```',
    "> ~~~ mermaid\n> </pre><img src=x onerror=alert(1)>\n> ~~~",
    "$$\\href{javascript:alert(1)}{click}$$",
    "| <script>alert(1)</script> | b |\n|---|---|\n| ![x](http://evil.example/p.png) | d |",
]


class Reader(HTMLParser):
    """Collects what a browser would run or fetch."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        if tag in (
            "script",
            "iframe",
            "object",
            "embed",
            "link",
            "meta",
            "base",
            "form",
            "svg",
            "style",
            "frame",
        ):
            self.found.append(tag)
        for name, value in attrs:
            target = "".join((value or "").lower().split())
            remote = name in (
                "src",
                "srcset",
                "data",
                "background",
                "poster",
                "action",
            ) and not target.startswith(("data:image/png", "data:image/jpeg"))
            if (
                name.startswith("on")
                or remote
                or target.startswith(("javascript:", "vbscript:", "data:text"))
            ):
                self.found.append(f"{tag} {name}={value}")


def found_in(html):
    reader = Reader()
    reader.feed(html)
    return reader.found


def body(cell):
    """The page's own part that shows the cell, without nbconvert's head and scripts."""
    page, _ = HTMLExporter(template_name="basic").from_notebook_node(
        new_notebook(cells=[cell])
    )
    return page


@pytest.mark.parametrize("payload", PAYLOADS)
def test_markdown_is_shown_not_obeyed(payload):
    cell = new_markdown_cell(payload)
    sanitize_cell(cell)
    html = body(cell)
    assert found_in(html) == []
    assert "\\href" not in html
    assert "mermaid" not in html


def test_the_reader_finds_what_nbconvert_lets_through():
    """The test's own instrument: before disarming, most of the payloads are live."""
    live = [
        payload
        for payload in PAYLOADS
        if "attachment" not in payload and found_in(body(new_markdown_cell(payload)))
    ]
    assert len(live) >= 17


@given(st.text(alphabet="<>!/[]()`~$\\ \n\tascriptmgonhref=:.\"'&;x", max_size=60))
def test_no_markdown_makes_a_tag(text):
    cell = new_markdown_cell(text)
    sanitize_cell(cell)
    assert found_in(body(cell)) == []


def test_what_was_written_still_reads_the_same():
    source = (
        "For $a<b$ and `x<y`, **bold**, [a link](https://example.org), a "
        "< b, 1<2 and a list:\n\n- one\n- two"
    )
    assert markdown(source).replace("\u200b", "") == source
    cell = new_markdown_cell(source)
    sanitize_cell(cell)
    html = body(cell)
    assert "<strong>bold</strong>" in html
    assert 'href="https://example.org"' in html
    assert "<li>one</li>" in html


def test_a_photograph_of_a_derivation_stays_and_a_drawing_with_scripts_goes():
    svg = base64.b64encode(b"<svg onload='alert(1)'/>").decode()
    cell = new_markdown_cell(
        "![mine](attachment:mine.png) "
        "![theirs](attachment:theirs.svg) ![liar](attachment:liar.png)",
        attachments={
            "mine.png": {"image/png": PIXELS},
            "theirs.svg": {"image/svg+xml": svg},
            "liar.png": {"image/png": svg},
        },
    )
    sanitize_cell(cell)
    assert list(cell.attachments) == ["mine.png"]
    html = body(cell)
    assert html.count("data:image/png") == 1
    assert found_in(html) == []


@pytest.mark.parametrize(
    ("kind", "start"),
    [
        ("image/png", b"\x89PNG\r\n\x1a\n"),
        ("image/jpeg", b"\xff\xd8\xff"),
        ("image/gif", b"GIF89a"),
        ("image/webp", b"RIFF"),
    ],
)
def test_a_picture_that_is_pasted_stays_as_jupyter_attaches_it_and_as_colab_writes_it(
    kind, start
):
    pixels = base64.b64encode(start + bytes(20)).decode()
    cell = new_markdown_cell(
        f"![one](attachment:embedded-1.png) ![two](data:{kind};base64,{pixels}) and more",
        attachments={"embedded-1.png": {kind: pixels}},
    )
    sanitize_cell(cell)
    assert [dict(kept) for kept in cell.attachments.values()] == [{kind: pixels}] * 2
    html = body(cell)
    assert html.count(f"data:{kind};base64,{pixels}") == 2
    assert "and more" in html


@pytest.mark.parametrize("kind", ["image/png", "image/svg+xml", "text/html"])
def test_a_picture_in_the_text_that_is_none_is_shown_as_text(kind):
    script = base64.b64encode(b"<svg onload='alert(1)'/>").decode()
    cell = new_markdown_cell(f"![x](data:{kind};base64,{script})")
    sanitize_cell(cell)
    assert "attachments" not in cell
    assert found_in(body(cell)) == []
    assert "<img" not in body(cell)


@pytest.mark.parametrize(
    "piece", ["`", "~", "``` ", "~~~\n", "![", "](", "![x](data:image/png;base64,"]
)
def test_a_text_that_repeats_a_piece_without_end_is_read_in_one_go(piece):
    """A line of backticks took time that grew with the square of its length."""
    text = piece * 50_000
    assert markdown(text).replace("\u200b", "") == text


@pytest.mark.parametrize(
    "data",
    [
        {"text/html": "<script>alert(1)</script>"},
        {"application/javascript": "alert(1)"},
        {"image/svg+xml": "<svg onload='alert(1)'/>"},
        {"text/markdown": "<img src=x onerror=alert(1)>"},
        {"text/latex": "$\\href{javascript:alert(1)}{x}$"},
        {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}},
        {"image/png": '"><script>alert(1)</script>'},
        {"image/jpeg": ["not", "text"]},
        {"image/gif": PIXELS},
        "not a bundle",
    ],
)
def test_outputs_keep_text_and_pixels_only(data):
    cell = new_code_cell("x")
    cell.outputs = [
        NotebookNode(
            output_type="display_data", data=data, metadata={"width": '"><script>'}
        )
    ]
    sanitize_cell(cell)
    assert cell.outputs == []


def test_text_and_pictures_of_outputs_stay():
    outputs = [
        new_output("stream", name="stdout", text="<b>5</b>"),
        new_output(
            "display_data",
            {"text/plain": "<Figure>", "image/png": PIXELS, "text/html": "<script>"},
            metadata={"image/png": {"width": '"x'}},
        ),
        new_output(
            "error",
            ename="<b>",
            evalue="<script>",
            traceback=["<script>alert(1)</script>"],
        ),
    ]
    cell = new_code_cell(
        "x = '<script>'",
        outputs=outputs,
        metadata={"tags": ["<script>"], "jupyter": {"source_hidden": True}},
    )
    sanitize_cell(cell)
    assert [output.output_type for output in cell.outputs] == [
        "stream",
        "display_data",
        "error",
    ]
    html = body(cell)
    assert found_in(html) == []
    assert "&lt;b&gt;5&lt;/b&gt;" in html
    assert "data:image/png" in html
    assert "tags" not in cell.metadata
