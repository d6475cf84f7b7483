"""Lines for IPython are left out, and what they time is kept."""

from __future__ import annotations

import ast

import pytest

from autograder.judge.code.cell_syntax import parsed, text_of

CELLS = {
    "%matplotlib inline\nx = 1": "pass\nx = 1",
    "!pip list\nx = 1": "pass\nx = 1",
    "files = !ls": "files = None",
    "f?": "pass",
    "?f": "pass",
    "%time y = f(x)": "y = f(x)",
    "for i in x:\n    %timeit -n 1 f(i)": "for i in x:\n    f(i)",
    "%%time\nx = 1": "x = 1",
    "%%bash\nls": "",
    "x = '''\n%time\n'''": "x = '''\n%time\n'''",
    "x = 5\\\n% 3": "x = 5 % 3",
}


@pytest.mark.parametrize("cell", CELLS)
def test_the_python_of_a_cell_is_left(cell):
    assert ast.dump(parsed(cell)) == ast.dump(ast.parse(CELLS[cell]))


def test_each_node_knows_its_line():
    tree = parsed("%%time\nx = 1\nif x:\n    y = 2  # two")
    assert [
        text_of(node) for node in ast.walk(tree) if isinstance(node, ast.Assign)
    ] == [
        "x = 1",
        "y = 2  # two",
    ]


@pytest.mark.parametrize("cell", ["def broken(:", "\0", "(" * 500, "1 +", "print 'x'"])
def test_what_python_would_not_run_is_no_tree(cell):
    assert parsed(cell) is None
