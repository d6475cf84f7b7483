"""A learner's first exercise in JupyterLab and in Notebook: a wrong answer, a hint, a right answer,
and how far one is; what goes wrong on the way.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from browser.room import OpenNotebook, Room

EXERCISE = "exercises/02-convolution/02-convolution.ipynb"

ANSWER, CHECK = "answer-cross-correlate", "check-cross-correlate"

FLIPPED = """def cross_correlate(image, kernel):
    h, w = kernel.shape
    flipped = torch.flip(kernel, [0, 1])
    rows = image.shape[0] - h + 1
    columns = image.shape[1] - w + 1
    out = torch.zeros(rows, columns)
    for i in range(rows):
        for j in range(columns):
            out[i, j] = (image[i : i + h, j : j + w] * flipped).sum()
    return out"""

RIGHT = FLIPPED.replace("* flipped", "* kernel")

ENDLESS = """def cross_correlate(image, kernel):
    while True:
        pass"""


@pytest.fixture
def exercise(page: Any, room: Room) -> Iterator[OpenNotebook]:
    """The exercise as it was copied, open, with its first cells run."""
    copy = room.workspace / EXERCISE
    before = copy.read_bytes()
    notebook = OpenNotebook(page, room, EXERCISE)
    notebook.run("setup")
    notebook.run("use")
    yield notebook
    copy.write_bytes(before)


def answer(notebook: OpenNotebook, source: str) -> str:
    """Answer and check; returns what is read below the check."""
    notebook.write(ANSWER, source)
    notebook.run(ANSWER)
    return notebook.run(CHECK).inner_text()


def test_a_wrong_answer_a_hint_a_right_one(exercise, room):
    exercise.run(ANSWER)
    assert "Not attempted" in exercise.run(CHECK).inner_text()
    assert "The kernel is flipped" in answer(exercise, FLIPPED)
    exercise.picture(f"{room.app}-wrong")
    hint = exercise.run_new(CHECK, 'hint("convolution.cross_correlate")')
    assert "Hint 1 of" in hint.inner_text()
    assert "3 of 3 points" in answer(exercise, RIGHT)
    exercise.picture(f"{room.app}-right")
    statuses = [event.get("status") for event in room.events()]
    assert "partly correct" in statuses
    assert statuses[-1] == "correct"
    exercise.run("progress")
    exercise.picture(f"{room.app}-progress")


def test_an_endless_loop_is_interrupted_and_the_next_check_is_a_check(exercise):
    exercise.write(ANSWER, ENDLESS)
    exercise.run(ANSWER)
    exercise.start(CHECK)
    exercise.page.wait_for_timeout(1000)
    exercise.interrupt()
    exercise.wait_for(CHECK)
    assert "Interrupted: nothing was judged." in exercise.output(CHECK).inner_text()
    assert "3 of 3 points" in answer(exercise, RIGHT)


def test_a_restarted_kernel_checks_again(exercise):
    answer(exercise, FLIPPED)
    exercise.restart()
    exercise.run("setup")
    exercise.run("use")
    assert "3 of 3 points" in answer(exercise, RIGHT)


def test_a_verdict_is_read_where_nothing_is_trusted(exercise, room):
    answer(exercise, FLIPPED)
    exercise.save()
    _make_anothers(room.workspace / EXERCISE)
    page = exercise.page.context.browser.new_page()
    anothers = OpenNotebook(page, room, EXERCISE)
    shown = anothers.output(CHECK)
    assert "The kernel is flipped" in shown.inner_text()
    assert shown.locator("img").count() == 1
    anothers.picture(f"{room.app}-untrusted")
    page.close()


def _make_anothers(notebook: Path) -> None:
    """Change the file outside of Jupyter, which then takes it for somebody else's."""
    nb = nbformat.read(notebook, as_version=4)
    nb.metadata.title = "not signed"
    nbformat.write(nb, notebook)


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_verdicts_are_accessible(exercise, room, theme):
    exercise.choose_theme(theme)
    answer(exercise, FLIPPED)
    exercise.picture(f"{room.app}-{theme.split()[-1].lower()}")
    assert exercise.faults_of_access(CHECK) == []
    answer(exercise, RIGHT)
    assert exercise.faults_of_access(CHECK) == []
    exercise.run_new(CHECK, 'hint("convolution.pool")')
    exercise.run("progress")
    assert exercise.faults_of_access("progress") == []


def test_keys_alone_are_enough(exercise):
    """From the answer to the verdict's folded part and back without a mouse."""
    answer(exercise, FLIPPED)
    page = exercise.page
    folded = exercise.output(CHECK).locator("details").first
    was_open = folded.evaluate("node => node.open")
    exercise.cell(CHECK)
    for _ in range(40):
        page.keyboard.press("Tab")
        if folded.evaluate("node => node.contains(document.activeElement)"):
            break
    page.keyboard.press("Enter")
    assert folded.evaluate("node => node.open") != was_open
