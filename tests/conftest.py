"""Shared fixtures. No test touches the user's own progress; the engine's tests run on the small
question package beside this file.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from hypothesis import settings

from autograder.learner import client
from autograder.questions import catalogue

HERE = Path(__file__).parent

# The same examples at every run: what passes once passes again. The night looks for new ones.
settings.register_profile(
    "course", deadline=None, max_examples=50, database=None, derandomize=True
)
settings.register_profile(
    "night", settings.get_profile("course"), max_examples=2000, derandomize=False
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "course"))


# The same for every test, so that one warm process serves all that grade.
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), str(HERE.parent)])


LONGEST = ("notebooks/test_execution.py", "solutions/test_questions.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest tests first, so that two workers end together."""
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONGEST))


@pytest.fixture(autouse=True)
def progress_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The learner's log, in a folder of the test's own. It does not exist yet."""
    path = tmp_path / "progress" / "progress.jsonl"
    monkeypatch.setenv("COURSE_PROGRESS", str(path))
    return path


@pytest.fixture
def facts_of_another_lesson(
    tmp_path: Path,
) -> Callable[[ModuleType, str, str], dict[str, str]]:
    """``(experiment, line, other)``: what the experiment would say of its results if a line in its
    lesson's net cells were another.
    """

    def facts(experiment: ModuleType, line: str, other: str) -> dict[str, str]:
        lesson = nbformat.read(experiment.LESSON, as_version=4)
        cells = [
            cell
            for cell in lesson.cells
            if line in cell.source and "net" in cell.metadata.get("tags", [])
        ]
        assert cells, f"no net cell holds {line!r}"
        cells[0].source = cells[0].source.replace(line, other)
        nbformat.write(lesson, tmp_path / "lesson.ipynb")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(experiment, "LESSON", tmp_path / "lesson.ipynb")
            return experiment._facts()

    return facts


@pytest.fixture
def small_course(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package `questions` of this folder in place of the course, in this process and in
    those that it starts.
    """
    monkeypatch.setenv("AUTOGRADER_QUESTIONS", "questions")
    catalogue.chapters.cache_clear()
    yield
    catalogue.chapters.cache_clear()


@pytest.fixture
def learner(small_course: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process as a learner's: answers in NumPy, no judge yet; the judge that a test started
    ends with it.
    """
    monkeypatch.setattr(client, "_judge", None)
    monkeypatch.setitem(client._settings, "framework", "numpy")
    yield
    if client._judge is not None:
        client._judge.stop()


@pytest.fixture
def run_script(small_course: None, tmp_path: Path) -> Callable[[str], str]:
    """Run a learner's script in a process of its own and return what it printed; it must end
    well and keep standard error clean.
    """

    def run(source: str) -> str:
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(source))
        done = subprocess.run(
            [sys.executable, str(script)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        return done.stdout

    return run
