"""Stored results say of which lesson they are: by what is computed, not by how it is worded."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from experiments.lessons import digest

SOURCE = '''
from math import pi

RATE, SIZE = 0.1, 4

def layer(size):
    """One layer."""
    return RATE * size

def unused():
    return SIZE

def net_torch():
    return layer(SIZE) + pi
'''


@pytest.fixture
def digest_of(tmp_path):
    def of(source):
        cells = [
            new_code_cell(source, metadata={"tags": ["net"]}),
            new_code_cell("1 / 0"),
        ]
        nbformat.write(new_notebook(cells=cells), tmp_path / "lesson.ipynb")
        return digest(tmp_path / "lesson.ipynb", "net")

    return of


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("One layer.", "A layer,\n    in other words."),
        ('    """One layer."""\n', ""),
        ("RATE * size", "(RATE *\n        size)  # broken into lines"),
        ("    return SIZE\n", "    return 0\n"),
        ("from math import pi", "from math import pi, tau"),
    ],
)
def test_words_layout_and_what_the_net_does_not_use_do_not_count(
    digest_of, line, other
):
    assert line in SOURCE
    assert digest_of(SOURCE.replace(line, other)) == digest_of(SOURCE)


@pytest.mark.parametrize(
    ("line", "other"),
    [("0.1, 4", "0.1, 5"), ("RATE * size", "size"), ("layer(SIZE) + pi", "pi")],
)
def test_what_the_net_computes_counts(digest_of, line, other):
    assert digest_of(SOURCE.replace(line, other)) != digest_of(SOURCE)
