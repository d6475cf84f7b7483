"""kill -9 of anything at any moment: no finished grade is lost, none is there twice, and the
next run does what is missing.
"""

from __future__ import annotations

import contextlib
import random
import time

import psutil
import pytest
from classroom import NAME

from autograder.sandbox.warden import KERNEL
from autograder.sandbox.zygote import WORKER
from faults.class_of_forty import all_verdicts, gradebook, notebooks, run, start

KILLS = 5


def victims(command, kind):
    """The processes of a running `course grade` that are of this kind: "command", "worker",
    "zygote" or "kernel".
    """
    if kind == "command":
        return [psutil.Process(command.pid)] if command.poll() is None else []
    with contextlib.suppress(psutil.NoSuchProcess):
        children = psutil.Process(command.pid).children(recursive=True)
        return [process for process in children if _kind(process, command.pid) == kind]
    return []


def _kind(process, command):
    with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        return (
            "zygote"
            if process.ppid() == command
            else {WORKER: "worker", KERNEL: "kernel"}.get(process.name())
        )


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "kinds"),
    [
        pytest.param(1, ["worker"], id="workers", marks=pytest.mark.night),
        pytest.param(2, ["command"], id="command", marks=pytest.mark.night),
        pytest.param(3, ["zygote"], id="zygote", marks=pytest.mark.night),
        pytest.param(4, ["worker", "command", "zygote", "kernel"], id="any"),
    ],
)
def test_random_kills(ungraded, undisturbed, seed, kinds):
    rng = random.Random(seed)
    kills, finished, seen = 0, {}, []
    command = start(ungraded, "--workers", "2")
    try:
        while kills < KILLS:
            goal = len(finished) + rng.randint(1, 5)
            wait_for(
                lambda goal=goal, command=command: (
                    len(notebooks(ungraded)) >= goal or command.poll() is not None
                ),
                120,
            )
            time.sleep(rng.uniform(0, 0.3))
            kind = rng.choice(kinds)
            targets = victims(command, kind) or victims(command, "command")
            seen += victims(command, "worker")
            if not targets:  # it has ended meanwhile: all that could be graded is
                break
            target = rng.choice(targets)
            with contextlib.suppress(psutil.NoSuchProcess):
                target.kill()
            kills += 1
            if target.pid == command.pid:
                command.communicate()
                command = start(ungraded, "--workers", "2")
            now = notebooks(ungraded)
            assert finished.items() <= now.items(), (
                "a finished grade is gone, or was made twice"
            )
            finished = now
        command.kill()
    finally:
        command.kill()
        command.communicate()
    assert kills >= 3
    wait_for(
        lambda: (
            not any(
                process.is_running() and process.status() != psutil.STATUS_ZOMBIE
                for process in seen
            )
        ),
        20,
    )
    before = notebooks(ungraded)
    code, out, err = run(ungraded, "--workers", "2")
    assert (code, err) == (0, ""), err
    assert (
        f"40 of 40 submissions graded. {len(before)} of them had been graded before"
        in out
    )
    assert before.items() <= notebooks(ungraded).items()
    assert gradebook(ungraded) == gradebook(undisturbed)
    assert all_verdicts(ungraded) == all_verdicts(undisturbed)
    assert ungraded.errors().get(NAME, {}) == {}
    assert not list(ungraded.root.rglob("*.new"))
