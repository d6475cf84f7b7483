"""The unit tier keeps its promise by itself: a test that starts a process, imports a framework
or takes a second there fails.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
pytestmark = pytest.mark.slow

TRIED = """
import os, subprocess, sys, threading, time
import pytest

def test_is_quick_and_pure(): assert True
def test_sleeps(): time.sleep(1.2)
def test_computes():
    end = time.process_time() + 1.1
    while time.process_time() < end: pass
def test_forks():
    if os.fork() == 0: os._exit(0)
    os.wait()
def test_starts_a_program(): subprocess.run([sys.executable, "-S", "-c", ""])
def test_spawns():
    child = os.posix_spawn(sys.executable, [sys.executable, "-S", "-c", ""], {})
    os.waitpid(child, 0)
def test_asks_a_shell(): os.system("true")
def test_imports_a_framework(): import mxnet
def test_imports_nothing_new(): import mxnet
"""
PURE = {"test_is_quick_and_pure", "test_sleeps", "test_imports_nothing_new"}


@pytest.fixture
def run(tmp_path):
    """Runs test files in a tier that is as the real one, where an empty module stands for a
    framework; returns what pytest printed.
    """
    (tmp_path / "mxnet.py").touch()
    shutil.copy(TESTS / "unit" / "conftest.py", tmp_path)

    def run(**files):
        for name, source in files.items():
            (tmp_path / f"{name}.py").write_text(source)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-rA",
            "--tb=line",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(tmp_path),
            str(tmp_path),
        ]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False
        ).stdout

    return run


def test_what_does_not_belong_there_fails(run):
    printed = run(test_tried=TRIED)
    failed = set(re.findall(r"^ERROR \S+::(\w+)", printed, re.MULTILINE))
    assert failed == set(re.findall(r"^def (\w+)", TRIED, re.MULTILINE)) - PURE, printed


def test_a_file_that_imports_a_framework_fails_as_a_whole(run):
    printed = run(
        test_impure="import mxnet\n\ndef test_it(): pass\n",
        test_pure="def test_it(): pass\n",
    )
    assert "test_impure.py imports mxnet: it belongs into another tier" in printed
    assert "test_pure.py imports" not in printed


def test_the_tiers_own_files_import_no_framework():
    program = (
        "import pytest, sys; pytest.main(['--collect-only', '-q', 'tests/unit']); "
        "print(*{'torch', 'torchvision', 'mxnet'} & sys.modules.keys(), 'end')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == "end", done.stdout[-2000:]
