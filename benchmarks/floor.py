"""What the students' own code costs where everything is warm: ``python -m benchmarks.floor
SUBMISSION.ipynb ...`` prints, as JSON, a pair for each submission: the seconds of its cells, and of
the calls of its answers.

One process imports both frameworks and runs the untouched exercise, so that nothing is left to be
imported or looked up for the first time. For each submission a fork of it runs the notebook's cells
and in place of each check calls the answer on the inputs that the judge would send. Nothing is
judged, no reference is called, nobody talks to another process, and the fork and the drawing of the
inputs are not counted.
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

from autograder.answers.run import is_stub, run
from autograder.demo import SECRET
from autograder.grading.submissions.cells import question_of, to_run
from autograder.learner import client
from autograder.questions.definition import Question, seed_for
from autograder.values import frameworks
from benchmarks.classroom import ASSIGNMENT, FRAMEWORKS, ROOT

Inputs = dict[str, list[tuple]]
"""The arguments of every call, by question."""


def main(paths: list[str]) -> None:
    """Measure the submissions and print the result."""
    out, null = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)  # what the notebooks print is nobody's business
    shell = _warm()
    seconds = [_measure(shell, Path(path)) for path in paths]
    with os.fdopen(out, "w") as stream:
        json.dump(seconds, stream)


def _warm() -> InteractiveShell:
    for framework in FRAMEWORKS:
        frameworks.module(framework)
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    os.environ["MPLBACKEND"] = (
        # figures are rendered at the end of their cell, as in a kernel
        "module://matplotlib_inline.backend_inline"
    )
    _execute(
        shell,
        nbformat.read(
            ROOT / "exercises" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb", as_version=4
        ),
        {},
    )
    return shell


def _measure(shell: InteractiveShell, path: Path) -> tuple[float, float]:
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(
        target=_serve, args=(shell, path, theirs)
    )
    child.start()
    theirs.close()
    seconds = ours.recv()
    child.join()
    return seconds


def _serve(shell: InteractiveShell, path: Path, answer: Connection) -> None:
    notebook = nbformat.read(path, as_version=4)
    inputs = _inputs(notebook, student=path.parents[1].name)
    shell.reset(new_session=False)
    answer.send(_execute(shell, notebook, inputs))


def _inputs(notebook: NotebookNode, student: str) -> Inputs:
    questions = [question for cell in notebook.cells if (question := question_of(cell))]
    return {
        question.name: [
            case.inputs.args
            for case in question.cases(
                seed_for(SECRET, ASSIGNMENT, student, question.name)
            )
        ]
        for question in questions
    }


def _execute(
    shell: InteractiveShell, notebook: NotebookNode, inputs: Inputs
) -> tuple[float, float]:
    """Run the cells and call the answers; returns the seconds of both."""
    in_cells = in_calls = 0.0
    for cell in notebook.cells:
        # The learner's map would start a judge.
        if not to_run(cell) or cell.source == "progress()":
            continue
        start = time.perf_counter()
        if question := question_of(cell):
            _call(
                question,
                shell.user_ns[question.function_name],
                inputs.get(question.name, []),
            )
            in_calls += time.perf_counter() - start
        else:
            shell.run_cell(cell.source)
            in_cells += time.perf_counter() - start
    return in_cells, in_calls


def _call(question: Question, answer: Any, calls: list[tuple]) -> None:
    for args in calls:
        outcome = run(answer, question.driver, client._settings["framework"], args)
        if is_stub(outcome, question.name):  # the judge goes no further either
            return


if __name__ == "__main__":
    main(sys.argv[1:])
