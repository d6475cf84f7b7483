"""What the students' own code costs where everything is warm: ``python -m benchmarks.floor SUBMISSION.ipynb ...`` prints seconds by submission, as JSON.

One process imports both frameworks and runs the untouched exercise, so that nothing is left to be imported or looked up for the first time. For each submission
a fork of it runs the notebook's cells, pictures included, and in place of each check calls the answer on the inputs that the judge would send. Nothing is judged,
no reference is called, nobody talks to another process, and the fork and the drawing of the inputs are not counted.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import nbformat
from IPython.core.interactiveshell import InteractiveShell
from nbformat import NotebookNode

from autograder import client, frameworks
from autograder.demo import SECRET
from autograder.grader import question_of
from autograder.questions import seed_for
from autograder.run import is_stub, run
from benchmarks.classroom import ASSIGNMENT, FRAMEWORKS, ROOT

Inputs = dict[str, list[tuple]]
"""The arguments of every call, by question."""


def main(paths: list[str]) -> None:
    """Measure the submissions and print the result."""
    out, null = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)  # what the notebooks print is nobody's business
    shell = _warm()
    seconds = {path: _measure(shell, Path(path)) for path in paths}
    with os.fdopen(out, "w") as stream:
        json.dump(seconds, stream)


def _warm() -> InteractiveShell:
    for framework in FRAMEWORKS:
        frameworks.module(framework)
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # figures are rendered at the end of their cell, as in a kernel
    _execute(shell, nbformat.read(ROOT / "exercises" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb", as_version=4), {})
    return shell


def _measure(shell: InteractiveShell, path: Path) -> float:
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_serve, args=(shell, path, theirs))
    child.start()
    theirs.close()
    seconds = ours.recv()
    child.join()
    return seconds


def _serve(shell: InteractiveShell, path: Path, answer: Connection) -> None:
    notebook = nbformat.read(path, as_version=4)
    inputs = _inputs(notebook, student=path.parents[1].name)
    shell.reset(new_session=False)
    start = time.perf_counter()
    _execute(shell, notebook, inputs)
    answer.send(time.perf_counter() - start)


def _inputs(notebook: NotebookNode, student: str) -> Inputs:
    questions = [question for cell in notebook.cells if (question := question_of(cell))]
    return {
        question.name: [case.inputs.args for case in question.cases(seed_for(SECRET, ASSIGNMENT, student, question.name))]
        for question in questions
    }


def _execute(shell: InteractiveShell, notebook: NotebookNode, inputs: Inputs) -> None:
    for cell in notebook.cells:
        if cell.cell_type != "code" or cell.source == "progress()":  # the learner's map would start a judge
            continue
        if question := question_of(cell):
            _call(question, shell.user_ns[question.function_name], inputs.get(question.name, []))
        else:
            shell.run_cell(cell.source)


def _call(question: Any, answer: Any, calls: list[tuple]) -> None:
    for args in calls:
        outcome = run(answer, question.driver, client._settings["framework"], args)
        if is_stub(outcome, question.name):  # the judge goes no further either
            return


if __name__ == "__main__":
    main(sys.argv[1:])
