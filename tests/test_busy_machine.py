"""A right answer that trains a net is right on a busy machine too: a learner's script with
default threads, and four processes beside it that never rest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.questions import catalogue
from autograder.values import frameworks

pytestmark = [pytest.mark.night, pytest.mark.alone]
BUSY = 4

SCRIPT = """
import torch
from autograder import check, use

use({framework!r})
{source}
threads = torch.get_num_threads()
feedback = check("first_steps.train", train)
print(feedback.correct, torch.get_num_threads() == threads)
print(feedback)
"""


@pytest.fixture
def busy() -> Iterator[None]:
    working = [
        subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"])
        for _ in range(BUSY)
    ]
    yield
    for process in working:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "framework",
    [
        "torch",
        pytest.param(
            "mxnet",
            marks=pytest.mark.skipif(
                not frameworks.available("mxnet"), reason="MXNet is not installed"
            ),
        ),
    ],
)
def test_a_training_question_passes_beside_busy_processes(
    busy: None, tmp_path: Path, framework: str
) -> None:
    train = catalogue.find("first_steps.train")
    script = tmp_path / "answer.py"
    script.write_text(
        SCRIPT.format(
            framework=framework, source=train.answers(framework)[0].source("train")
        )
    )
    # As a learner starts it: nobody has said how many threads there shall be.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OMP_", "OPENBLAS_", "MKL_", "MXNET_"))
    }
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.stdout.startswith("True True\n"), textwrap.shorten(
        done.stdout + done.stderr, 2000
    )
