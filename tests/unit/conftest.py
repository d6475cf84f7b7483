"""The unit tier: what is tested here needs no framework and no process, and is told in less than a
second.

A test that breaks this fails, whatever it asserts: its time is counted in processor seconds, so
that a busy machine fails nothing.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import find, settings
from hypothesis import strategies as st

AT_NIGHT = os.environ.get("HYPOTHESIS_PROFILE") == "night"
if not AT_NIGHT:
    # A tenth of a second a test, so that a busy machine does not make a second of it.
    settings.register_profile("unit", settings.default, max_examples=20)
    settings.load_profile("unit")

HERE = Path(__file__).parent
LIMIT = float("inf") if AT_NIGHT else 1.0
"""Processor seconds that a test may take, all threads together."""

FRAMEWORKS = {"torch", "torchvision", "mxnet"}
STARTS = (
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.exec",
    "os.spawn",
    "os.system",
    "subprocess.Popen",
)
"""Audit events of a process that begins."""

started: list[str] = []


def _notice(event: str, arguments: tuple) -> None:
    if event in STARTS:
        started.append(event)


# it cannot be taken away again: outside this tier nobody looks at what it notices
sys.addaudithook(_notice)


class _Collections:
    """The processor seconds that the garbage collector has taken. Its long rounds come when all
    tests together have made enough, and are no single test's work.
    """

    def __init__(self) -> None:
        self.seconds = self._start = 0.0

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._start = time.process_time()
        else:
            self.seconds += time.process_time() - self._start


collections = _Collections()
gc.callbacks.append(collections)


def loaded() -> set[str]:
    """The frameworks that this process has imported."""
    return FRAMEWORKS & sys.modules.keys()


@pytest.fixture(scope="session", autouse=True)
def characters() -> None:
    """Hypothesis makes a table of all characters the first time on a machine, which takes longer
    than a unit test may.
    """
    find(st.text(), lambda text: True)


@pytest.fixture(autouse=True)
def unit() -> Iterator[None]:
    """Fails a test that starts a process, imports a framework or takes longer than `LIMIT`."""
    before = loaded()
    started.clear()
    start = time.process_time() - collections.seconds
    yield
    seconds = time.process_time() - collections.seconds - start
    assert not started, (
        f"a unit test started a process ({', '.join(started)}): it belongs into another tier"
    )
    assert loaded() == before, (
        f"a unit test imported {', '.join(sorted(loaded() - before))}: it belongs into another tier"
    )
    assert seconds < LIMIT, (
        f"a unit test took {seconds:.1f} processor seconds: make it "
        "smaller, or it belongs into another tier"
    )


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A file that imports a framework by itself fails as a whole."""
    before = loaded()
    report = yield
    if isinstance(collector, pytest.Module) and loaded() != before:
        report.outcome = "failed"
        report.longrepr = (
            f"{collector.path.name} imports "
            f"{', '.join(sorted(loaded() - before))}: it belongs into another tier"
        )
    return report
