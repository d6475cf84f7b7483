"""A copy of the notebooks that is killed half way."""

from __future__ import annotations

import subprocess
import sys

import pytest
from workspaces import WHOLE, files, write_project

from autograder.learner.workspace import fill


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path / "project")


def test_a_killed_copy_leaves_no_half_notebook(project, tmp_path):
    script = (
        "import os, shutil, sys\nfrom pathlib import Path\nfrom "
        "autograder.learner import workspace\n"
        "def half(source, draft):\n    Path(draft).write_text('hal')\n    os._exit(9)\n"
        "workspace.shutil.copyfile = half\nworkspace.fill(Path(sys.argv[1]), Path(sys.argv[2]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(project), str(tmp_path / "work")],
        check=False,
    )
    assert done.returncode == 9
    assert not list((tmp_path / "work").rglob("[!.]*.ipynb"))
    assert fill(project, tmp_path / "work") == (2, 0)
    assert WHOLE.items() <= files(tmp_path / "work").items()
