"""A copy of the notebooks that is killed half way."""

from __future__ import annotations

import subprocess
import sys

import pytest

from autograder.learner.workspace import fill


@pytest.fixture
def project(tmp_path):
    """A project with one lesson and one exercise that has a picture beside it."""
    root = tmp_path / "project"
    for name, text in {
        "lessons/01-first.ipynb": "lesson",
        "lessons/.ipynb_checkpoints/01-first-checkpoint.ipynb": "old",
        "exercises/01-first/01-first.ipynb": "exercise",
        "exercises/01-first/picture.png": "picture",
        "solutions/first.py": "answers",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


WHOLE = {
    "lessons/01-first.ipynb": "lesson",
    "exercises/01-first/01-first.ipynb": "exercise",
    "exercises/01-first/picture.png": "picture",
}


def test_a_killed_copy_leaves_no_half_notebook(project, tmp_path):
    script = (
        "import os, shutil, sys\nfrom pathlib import Path\nfrom "
        "autograder.learner import workspace\n"
        "def half(source, draft):\n    Path(draft).write_text('hal')\n    os._exit(9)\n"
        "workspace.shutil.copyfile = half\nworkspace.fill(Path(sys.argv[1]), Path(sys.argv[2]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(project), str(tmp_path / "work")], check=False
    )
    assert done.returncode == 9
    assert not list((tmp_path / "work").rglob("[!.]*.ipynb"))
    assert fill(project, tmp_path / "work") == (2, 0)
    assert WHOLE.items() <= files(tmp_path / "work").items()
