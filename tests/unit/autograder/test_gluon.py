"""`course gluon`: MXNet without its own metadata, or one line that says why not."""

import platform
import re
import subprocess
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from autograder import gluon
from autograder.gluon import CannotInstall

PROJECT = tomllib.loads(
    (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
)


@pytest.fixture
def commands(monkeypatch):
    """The commands that would be run on Linux x86-64, instead of running them; every one
    succeeds unless `failing` matches it.
    """
    ran = SimpleNamespace(all=[], failing="nothing fails")

    def run(command, **kwargs):
        ran.all.append(command)
        failed = re.search(ran.failing, " ".join(command)) is not None
        return SimpleNamespace(
            returncode=int(failed),
            stdout="1.9.1\n",
            stderr="Traceback:\nImportError: libgomp.so.1\n",
        )

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    return ran


def test_the_packages_are_those_of_the_project_file():
    assert list(gluon.BESIDE) == PROJECT["project"]["optional-dependencies"]["gluon"]
    [group] = PROJECT["dependency-groups"]["gluon"]
    assert group.partition(";")[0] == gluon.MXNET
    assert not any(
        requirement.startswith("mxnet")
        for requirement in PROJECT["project"]["dependencies"]
    )


def test_mxnet_is_installed_without_what_it_asks_for_and_then_tried(commands):
    assert gluon.install().startswith(
        "MXNet 1.9.1 is installed and loads: the Gluon cells run."
    )
    beside, mxnet, trial = (
        command for command in commands.all if "--version" not in command
    )
    assert mxnet[-2:] == ["--no-deps", "mxnet==1.9.1"]
    assert beside[-3:] == list(gluon.BESIDE)
    assert "frameworks.module('mxnet')" in trial[-1]


def test_where_there_is_no_pip_uv_installs(commands, monkeypatch):
    commands.failing = "-m pip --version"
    monkeypatch.setattr(gluon.shutil, "which", lambda name: f"/usr/bin/{name}")
    gluon.install()
    assert commands.all[1][:3] == ["/usr/bin/uv", "pip", "install"]


@pytest.mark.parametrize(
    ("failing", "said"),
    [
        ("--no-deps", "failed; what it printed stands above"),
        ("requests", "failed; what it printed stands above"),
        (
            "frameworks",
            "does not load: ImportError: libgomp.so.1; `course doctor` says what to do",
        ),
        ("-m pip --version", "python -m ensurepip"),
    ],
)
def test_what_fails_is_told_in_one_line(commands, monkeypatch, failing, said):
    monkeypatch.setattr(gluon.shutil, "which", lambda name: None)
    commands.failing = failing
    with pytest.raises(CannotInstall) as caught:
        gluon.install()
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("system", "machine"),
    [
        ("Darwin", "arm64"),
        ("Darwin", "x86_64"),
        ("Windows", "AMD64"),
        ("Linux", "aarch64"),
    ],
)
def test_elsewhere_nothing_is_tried(commands, monkeypatch, system, machine):
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(CannotInstall, match="only on Linux x86-64"):
        gluon.install()
    assert commands.all == []
