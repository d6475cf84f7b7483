"""The benchmark works and what it compares is the same work. How long anything takes is not
asked here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.night


def test_both_graders_give_the_points_that_the_class_was_made_to_earn(tmp_path):
    command = [
        sys.executable,
        "-m",
        "benchmarks.grading",
        "--quick",
        "--keep",
        str(tmp_path / "kept"),
    ]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
    )
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    found = json.loads(ended.stdout.splitlines()[-1])
    assert list(found) == [
        "speedup_one_worker",
        "speedup_two_workers",
        "over_warm_floor",
        "resident_mb_one",
        "resident_mb_two",
        "submissions",
        "verdicts_equal",
    ]
    assert found["verdicts_equal"] is True
    assert found["submissions"] == 3
    assert all(found[name] > 0 for name in found)


def test_a_class_graded_again_has_the_same_verdicts():
    command = [sys.executable, "-m", "benchmarks.regrades", "--times", "4"]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert (
        "4 gradings of 7 submissions: the same 56 verdicts every time." in ended.stdout
    )
