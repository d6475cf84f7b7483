"""The cells of exercises that draw with a learner's answer: they draw with a right answer, draw and
say so with a wrong one, and never end in an error.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import nbformat
import pytest

from autograder.learner import client
from autograder.learner.picture import picture_of

ROOT = Path(__file__).parents[3]
EXERCISES = sorted((ROOT / "exercises").glob("*/*.ipynb"))


def cells_of(path):
    return [
        cell
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code"
    ]


def checked(path) -> dict[str, str]:
    """The functions that an exercise checks, and their questions."""
    found = {}
    for cell in cells_of(path):
        for name, function in re.findall(
            r'^check\("([\w.]+)", (\w+)\)', cell.source, re.MULTILINE
        ):
            found[function] = name
    return found


def with_answers(path):
    """The drawing cells that call what the learner writes, and the questions that they name."""
    functions = checked(path)
    for cell in cells_of(path):
        if not cell.metadata.get("nbgrader", {}).get("grade_id", "").startswith("plot"):
            continue
        tree = ast.parse(cell.source)
        called = {
            functions[node.func.id]
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in functions
        }
        if called:
            yield cell, tree, called


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_whatever_draws_with_an_answer_is_a_picture_of_it(path):
    for cell, tree, called in with_answers(path):
        [draw] = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        [decorator] = draw.decorator_list
        assert decorator.func.id == "picture_of", cell.id
        assert {argument.value for argument in decorator.args} == called, cell.id
        outside = [node for node in tree.body if node is not draw]
        names = {
            node.id
            for statement in outside
            for node in ast.walk(statement)
            if isinstance(node, ast.Name)
        }
        assert not names & set(checked(path)), f"{cell.id} calls it outside"


def test_there_are_such_pictures():
    assert sum(len(list(with_answers(path))) for path in EXERCISES) >= 7


RUN = """
import io, json, sys
from contextlib import redirect_stdout
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
plt.show = lambda: None

path, kind = sys.argv[1:]
cells = [c for c in json.load(open(path))["cells"] if c["cell_type"] == "code"]
told = {}
space = {}
for cell in cells:
    source = "".join(cell["source"])
    grade = cell["metadata"].get("nbgrader", {})
    name = grade.get("grade_id", "")
    if grade.get("grade") or "progress()" in source:
        continue
    if name.startswith("plot"):
        drawn = len(plt.get_fignums())
        with redirect_stdout(io.StringIO()) as out:
            exec(compile(source, cell["id"], "exec"), space)
        told[cell["id"]] = [out.getvalue(), len(plt.get_fignums()) - drawn]
    elif not grade.get("solution"):
        exec(compile(source, cell["id"], "exec"), space)
    else:
        exec(compile(source, cell["id"], "exec"), space)
        from autograder.questions import catalogue
        for question in catalogue.names():
            function = question.rpartition(".")[2]
            if f"def {function}(" not in source:
                continue
            found = catalogue.find(question)
            torch = found.answers("torch") or found.answers("numpy")
            answers = {
                "right": lambda *args, f=torch[0].function: f(*args),
                "none": lambda *args: None,
                "flat": lambda *args: [1.0],
                "words": lambda *args: "words",
            }
            if kind != "stub":
                space[function] = answers[kind]
print(json.dumps(told))
"""


def told_by(path, kind, tmp_path) -> dict[str, list]:
    script = tmp_path / "run.py"
    script.write_text(RUN)
    done = subprocess.run(
        [sys.executable, str(script), str(path), kind],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    drawing = {cell.id for cell, _, _ in with_answers(path)}
    return {name: said for name, said in told.items() if name in drawing}


WITH_ANSWERS = [path for path in EXERCISES if list(with_answers(path))]


@pytest.mark.slow
@pytest.mark.parametrize("path", WITH_ANSWERS, ids=lambda path: path.stem)
def test_with_the_course_s_own_answers_every_picture_is_drawn(path, tmp_path):
    """A fault of the drawing itself would be told as the answer's: it fails here."""
    for name, (said, figures) in told_by(path, "right", tmp_path).items():
        assert figures > 0, (name, said)
        assert "picture" not in said, (name, said)


@pytest.mark.slow
@pytest.mark.parametrize("path", WITH_ANSWERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("kind", ["stub", "none", "flat", "words"])
def test_no_answer_ends_a_picture_s_cell_in_an_error(path, kind, tmp_path):
    for name, (said, figures) in told_by(path, kind, tmp_path).items():
        if kind == "stub":
            assert said.startswith("The picture appears when "), name
        assert said.count("\n") <= 1, (name, said)
        assert bool(figures) != ("The picture" in said), (name, said)


# The decorator itself


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def half_drawn():
    plt.figure()
    raise ValueError("the first line\nthe second")


def test_half_a_picture_is_none_and_the_reason_is_one_line(capsys):
    kept = plt.figure().number
    picture_of("convolution.im2col")(half_drawn)
    assert plt.get_fignums() == [kept]
    assert capsys.readouterr().out == (
        "The picture could not be drawn from your answer (ValueError: the first line). The check "
        "above says more.\n"
    )


def test_a_stub_is_told_by_the_names_of_its_questions(capsys):
    def draw():
        raise NotImplementedError("convolution.im2col")

    picture_of("convolution.channels", "convolution.im2col")(draw)
    assert capsys.readouterr().out == (
        "The picture appears when channels and im2col are answered: run this cell again then.\n"
    )


def test_a_picture_of_a_wrong_answer_says_so(monkeypatch, capsys):
    monkeypatch.setattr(client, "last_found", {"a.b": False, "a.c": True})
    picture_of("a.c", "a.d")(lambda: None)
    assert capsys.readouterr().out == ""
    picture_of("a.c", "a.b")(lambda: None)
    assert "the last check did not find right" in capsys.readouterr().out


class Silent(Exception):
    def __str__(self):
        raise ValueError


def test_an_exception_that_cannot_say_what_it_is_is_named(capsys):
    def draw():
        raise Silent

    picture_of("a.b")(draw)
    assert "(Silent)" in capsys.readouterr().out


def test_an_interrupt_is_the_learners():
    def draw():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        picture_of("a.b")(draw)
