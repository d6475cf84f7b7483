"""Whether this machine can do what the course needs: every part is tried, not only looked for,
and what is missing comes with one line of advice.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from autograder import gluon
from autograder.errors import BrokenQuestions

# What else is examined is imported where it is examined: it may be what is missing.
from autograder.sandbox import wall
from autograder.values import frameworks

OLDEST_PYTHON = (3, 11)
NEEDED_DISK = 2.0
"""Gigabytes free: a data set, checkpoints, a class's notebooks."""
PACKAGES = {
    "numpy": "numpy",
    "torch": "torch",
    "torchvision": "torchvision",
    "scikit-learn": "sklearn",
    "matplotlib": "matplotlib",
    "optuna": "optuna",
    "jupyterlab": "jupyterlab",
    "ipykernel": "ipykernel",
    "nbgrader": "nbgrader",
    "nbclient": "nbclient",
    "nbformat": "nbformat",
}
"""The packages to stand on: name on PyPI, name to import."""

_REINSTALL = (
    "Install the course again in this environment, as you installed "
    "it (`make`, or pip with its wheel)."
)
_SECONDS = 60.0


@dataclass(frozen=True)
class Finding:
    """One thing that was examined.

    ok:     True; False for what the course cannot do without; None for what it can.
    detail: what was found.
    advice: what to do about it, in one line; empty where there is nothing to do.
    """

    name: str
    ok: bool | None
    detail: str
    advice: str = ""


class Found(NamedTuple):
    """What one check has to say: a `Finding` without its name."""

    ok: bool | None
    detail: str
    advice: str = ""


def examine_machine(deep: bool = True) -> list[Finding]:
    """Examine this installation. ``deep=False`` leaves out what takes seconds: the frameworks'
    computations and the judge.
    """
    slow = (
        {
            "torch computes": _torch,
            "MXNet computes": _mxnet,
            "the judge": _judge,
            "walls around submissions": _walls,
        }
        if deep
        else {}
    )
    checks: dict[str, Callable[[], Found]] = {
        "Python": _python,
        **{name: functools.partial(_package, name) for name in PACKAGES},
        "pictures and fonts": _drawing,
        "Jupyter kernel python3": _kernelspec,
        "nbgrader's alembic": _alembic,
        "questions": _questions,
        **slow,
        "disk space": _disk,
        "progress log": _progress_log,
    }
    return [Finding(name, *_contained(check)) for name, check in checks.items()]


def sound(findings: list[Finding]) -> bool:
    """Whether nothing that the course needs is missing."""
    return all(finding.ok is not False for finding in findings)


def as_table(findings: list[Finding]) -> Any:
    """The findings as a rich table: a mark, the name, what was found, and below it what to do."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("")
    table.add_column("", no_wrap=True)
    table.add_column("found", overflow="fold")
    marks = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("○", "yellow")}
    for finding in findings:
        mark, style = marks[finding.ok]
        # A Text, not markup: details may hold square brackets.
        said = Text(finding.detail)
        if finding.advice:
            said.append(f"\n{finding.advice}", style=style)
        table.add_row(Text(mark, style=style), Text(finding.name), said)
    return table


def _contained(check: Callable[[], Found]) -> Found:
    """A check that breaks is a finding too."""
    try:
        return check()
    except Exception as error:
        return Found(False, _one_line(error), _REINSTALL)


def _one_line(error: BaseException | str) -> str:
    said = re.sub(r"\s+", " ", str(error)).strip()
    said = (
        said
        if isinstance(error, str)
        else f"{type(error).__name__}: {said}"
        if said
        else type(error).__name__
    )
    return said if len(said) <= 240 else said[:240] + " ..."


# --- Python and packages --------------------------------------------------------------------------


def _python() -> Found:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info[:2] >= OLDEST_PYTHON:
        return Found(True, found)
    return Found(
        False,
        found,
        "Install Python 3.11 or newer and make the environment anew with it.",
    )


def _package(name: str) -> Found:
    try:
        found = version(name)
    except PackageNotFoundError:
        return Found(False, "not installed", _REINSTALL)
    if importlib.util.find_spec(PACKAGES[name]) is None:
        return Found(
            False,
            f"{found}, but its files are missing",
            f"Install it again: pip install --force-reinstall {name}",
        )
    return Found(True, found)


def _torch() -> Found:
    torch = frameworks.module("torch")
    weight = torch.eye(3, requires_grad=True)
    (weight @ torch.arange(3.0)).sum().backward()
    if weight.grad.tolist() != [[0.0, 1.0, 2.0]] * 3:
        return Found(
            False,
            f"a wrong gradient: {weight.grad.tolist()}",
            "Install it again: pip install --force-reinstall torch",
        )
    where = ""
    if torch.cuda.is_available():
        where = f", and {torch.cuda.get_device_name(0)}"
    return Found(True, f"a product and its gradient, on the CPU{where}")


def _mxnet() -> Found:
    """MXNet is optional: without it, the Gluon cells say so and everything else works."""
    try:
        mxnet = frameworks.module("mxnet")
        weight = mxnet.nd.ones((3, 3))
        weight.attach_grad()
        with mxnet.autograd.record():
            column = mxnet.nd.arange(3).reshape((3, 1))
            loss = mxnet.nd.dot(weight, column).sum()
        loss.backward()
        gradient = weight.grad.asnumpy().tolist()
        right = gradient == [[0.0, 1.0, 2.0]] * 3
    # A failed native import raises OSError, a wrong NumPy AttributeError, and so on.
    except Exception as error:
        return Found(None, _one_line(error), mxnet_advice(error))
    if not right:
        return Found(
            None,
            "a wrong gradient",
            "Install it again: pip install --force-reinstall --no-deps mxnet==1.9.1",
        )
    return Found(True, f"{mxnet.__version__}: a product and its gradient, on the CPU")


def mxnet_advice(error: BaseException) -> str:
    """What to do about an MXNet that does not work, on this platform, in one line."""
    without = "The course works without it but for the Gluon cells; for those,"
    system, machine, said = platform.system(), platform.machine(), str(error)
    if system == "Windows":
        return (
            f"{without} install the course in WSL2 (Ubuntu, x86-64): "
            "MXNet 1.9.1 has no wheel for Windows."
        )
    if system == "Darwin":
        return (
            f"{without} run the course in a linux/amd64 container: MXNet 1.9.1 "
            "has no wheel that works on this Mac."
        )
    if not gluon.runs_here():
        return (
            f"{without} use a Linux x86-64 machine or container: MXNet 1.9.1 has "
            f"no working wheel for {system} {machine}."
        )
    if library := re.search(r"lib(gomp|quadmath)\.so", said):
        package = {
            "gomp": "libgomp1 (Fedora: libgomp)",
            "quadmath": "libquadmath0 (Fedora: libquadmath)",
        }[library[1]]
        return (
            f"{without} install the system package {package}: sudo "
            f"apt-get install {package.split()[0]}"
        )
    if "No module named 'mxnet'" in said or "distutils" in said:
        return f"{without} install it: course gluon"
    return f"{without} install it again: course gluon"


# --- the course's own machinery -------------------------------------------------------------------


def _kernelspec() -> Found:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    advice = "Register this Python: python -m ipykernel install --sys-prefix"
    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        return Found(False, "there is no such kernel", advice)
    program = shutil.which(spec.argv[0])
    if program is None:
        return Found(False, f"it starts {spec.argv[0]}, which does not exist", advice)
    same = (
        spec.argv[0] in ("python", "python3")
        or os.path.samefile(program, sys.executable)
        or Path(program).parent == Path(sys.executable).parent
    )
    if not same:
        return Found(None, f"it starts another Python: {program}", advice)
    return Found(True, spec.resource_dir)


def _alembic() -> Found:
    """nbgrader makes a new gradebook by calling the command `alembic`."""
    if found := shutil.which("alembic"):
        return Found(True, found)
    advice = (
        "`course` finds it. Before you call nbgrader itself, activate the environment, or put "
        f"{Path(sys.executable).parent} on PATH."
    )
    return Found(
        None, "not on PATH: nbgrader by itself cannot make a new gradebook", advice
    )


def _questions() -> Found:
    from autograder.questions import catalogue

    try:
        package = catalogue.package_name()
        chapters = catalogue.chapters()
    except BrokenQuestions as error:
        named = os.environ.get("AUTOGRADER_QUESTIONS")
        advice = (
            "Install the package that holds the questions, or correct "
            f"AUTOGRADER_QUESTIONS, which is {named!r}."
            if named
            else _REINSTALL
        )
        return Found(False, _one_line(str(error)), advice)
    count = sum(len(questions) for questions in chapters.values())
    if not count:
        return Found(False, f"the package {package} holds none", _REINSTALL)
    return Found(True, f"{count} in {len(chapters)} chapters of the package {package}")


def _judge() -> Found:
    """Start a judge as `autograder.learner.client` does, and ask it for something that changes
    nothing.
    """
    if platform.system() == "Windows":
        return Found(
            False,
            "Windows cannot hand a connection to another process",
            "Install the course in WSL2 (Ubuntu, x86_64).",
        )
    from autograder.learner import judges

    with tempfile.TemporaryFile() as log:
        channel, process = judges.start(log)
        try:
            # It has read every question when it says that there is none of this name.
            channel.send("hint", question="")
            channel.receive(timeout=_SECONDS)
        # Closed and TimeoutError are OSErrors, Malformed is a ValueError.
        except (OSError, ValueError) as error:
            return Found(False, _last_words(log) or _one_line(error), _REINSTALL)
        finally:
            channel.close()
            process.kill()
            process.wait()
    return Found(True, "started, and answered")


def _walls() -> Found:
    """Raise one, in a process of its own."""
    if (why := wall.trial()) is not None:
        return Found(
            None,
            why,
            "Learners need none; other people's code cannot be graded "
            "here, except with --trust-submissions.",
        )
    return Found(True, "one was raised")


def _last_words(log: Any) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return _one_line(lines[-1]) if lines else ""


# --- the machine ----------------------------------------------------------------------------------


def _drawing() -> Found:
    from matplotlib import font_manager
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1, 1))
    figure.text(0.5, 0.5, "A")
    FigureCanvasAgg(figure).draw()
    font = font_manager.findfont("DejaVu Sans", fallback_to_default=False)
    return Found(True, f"matplotlib draws, with {Path(font).name}")


def _disk() -> Found:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    if free >= NEEDED_DISK:
        return Found(True, f"{free:.0f} GB free here")
    return Found(
        None,
        f"{free:.1f} GB free here",
        f"Make room: data sets and checkpoints need about {NEEDED_DISK:.0f} GB.",
    )


def _progress_log() -> Found:
    from autograder.learner import journal

    path = journal.log_path()
    advice = (
        "Progress is not kept. Allow writing there, or set "
        "COURSE_PROGRESS to a file that you may write."
    )
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    right_kind = existing.is_file() if existing == path else existing.is_dir()
    if not right_kind or not os.access(existing, os.W_OK):
        return Found(None, f"{path} cannot be written", advice)
    return Found(True, str(path))
