"""What an answer imports is not its time, and is imported to its end."""

from __future__ import annotations

import importlib
import sys
import threading
import time

import pytest

from autograder.answers import imports
from autograder.answers.run import run_contained

WORK = """
import time
end = time.process_time() + {seconds}
while time.process_time() < end:
    pass
"""
FIND_AND_LOAD = sys.modules["_frozen_importlib"]._find_and_load


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module and gives its name, which nothing has imported yet."""
    monkeypatch.syspath_prepend(tmp_path)
    names = []

    def write(source, *more):
        for text in (source, *more):
            names.append(f"imported_{tmp_path.name}_{len(names)}".replace("-", "_"))
            (tmp_path / f"{names[-1]}.py").write_text(f"{text}\nwhole = True\n")
        importlib.invalidate_caches()
        return names[-1]

    yield write
    for name in names:
        sys.modules.pop(name, None)


def outcome_of(answer, seconds=5.0, **more):
    return run_contained(answer, "call", "numpy", (), seconds, **more)


def busy(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


@pytest.mark.parametrize("how", [importlib.import_module, __import__])
def test_an_import_is_not_the_answers_time(module, how):
    name = module(WORK.format(seconds=0.3))
    outcome = outcome_of(lambda: how(name).whole, seconds=0.15)
    assert (outcome.kind, outcome.value) == ("value", True)
    assert outcome.seconds < 0.15 and outcome.imported >= 0.3


def test_what_an_import_imports_is_counted_once(module):
    inner = module(WORK.format(seconds=0.2))
    outer = module(f"import {inner}")
    outcome = outcome_of(lambda: importlib.import_module(outer).whole, seconds=0.15)
    assert outcome.value is True and 0.2 <= outcome.imported < 0.4


def test_no_time_by_the_clock_is_taken_for_an_import_that_waits(module):
    name = module("import time\ntime.sleep(0.4)")
    outcome = outcome_of(lambda: importlib.import_module(name).whole, wall=0.2)
    assert outcome.value is True


def test_an_answer_out_of_time_is_stopped_behind_the_import_and_not_in_it(module):
    name = module(WORK.format(seconds=0.2))

    def answer():
        busy(0.05)
        importlib.import_module(name)
        busy(60)

    outcome = outcome_of(answer, seconds=0.1)
    assert outcome.kind == "timeout" and outcome.lines[-2].endswith(": busy(60)")
    assert sys.modules[name].whole


def test_an_answer_that_goes_on_after_its_time_is_not_stopped_in_an_import_either(
    module,
):
    name = module(WORK.format(seconds=0.6))
    seen = []

    def answer():
        try:
            busy(60)
        except BaseException:
            seen.append(importlib.import_module(name).whole)
        busy(60)

    assert outcome_of(answer, seconds=0.05).kind == "timeout" and seen == [True]


def test_an_import_without_end_ends(module, monkeypatch):
    monkeypatch.setattr(imports, "MOST_WORK", 0.2)
    name = module("while True:\n    pass")
    assert (
        outcome_of(lambda: importlib.import_module(name), seconds=0.1).kind == "timeout"
    )


def test_an_import_that_fails_is_not_the_answers_time_and_fails_as_ever(module):
    name = module(WORK.format(seconds=0.2) + "raise LookupError('why')")
    outcome = outcome_of(lambda: importlib.import_module(name), seconds=0.15)
    assert (outcome.error, outcome.message) == ("LookupError", "why")
    missing = outcome_of(lambda: __import__("no_module_of_that_name"))
    assert missing.error == "ModuleNotFoundError" and len(missing.lines) == 1
    assert outcome_of(lambda: busy(60), seconds=0.05).kind == "timeout"


def test_the_imports_of_another_thread_are_work(module):
    name = module(WORK.format(seconds=0.2))

    def answer():
        thread = threading.Thread(target=importlib.import_module, args=(name,))
        thread.start()
        thread.join()

    outcome = outcome_of(answer)
    assert outcome.seconds >= 0.2 and outcome.imported < 0.1


def test_the_machinery_of_imports_is_as_it_was():
    outcome_of(lambda: 1)
    outcome_of(lambda: outcome_of(lambda: 1).value)
    outcome_of(lambda: 1 / 0)
    assert sys.modules["_frozen_importlib"]._find_and_load is FIND_AND_LOAD
