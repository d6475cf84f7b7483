"""What an import loads: the frameworks come when they are needed, not before."""

import subprocess
import sys

import pytest

from solutions import CHAPTERS


@pytest.mark.parametrize(
    "module",
    [
        "autograder",
        "autograder.cli",
        "dlkit",
        *(f"solutions.{chapter}" for chapter in CHAPTERS),
    ],
)
def test_imports_are_light(module):
    heavy = {
        "torch",
        "torchvision",
        "mxnet",
        "matplotlib",
        "sklearn",
        "nbgrader",
        "pandas",
        "scipy",
    }
    program = f"import sys, {module}; print(*sorted({heavy!r} & set(sys.modules)))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.split()
    assert loaded == []
