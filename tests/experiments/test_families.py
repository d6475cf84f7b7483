"""The comparison of lessons 04 to 07: nets are found in lessons, nothing is computed twice, and
what was written is read back.
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from rich.console import Console

from dlkit import mx as shim
from dlkit.nets import cost
from dlkit.tables import comparison, stored
from dlkit.tables.comparison import RATE_SEED, RATES, Result
from experiments import families, provenance
from experiments.families import ComparisonError, Store, compare
from experiments.lessons import NoSuchNet, digest, find_net

pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]
LESSON = "07-small-and-fast"
TORCH = """
from torch import nn

def depthwise_torch():
    return nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(16, SIZE))
"""
GLUON = """
from dlkit.mx import gluon

class Pooled(gluon.nn.HybridSequential):
    pass

def depthwise_gluon():
    net = Pooled()
    net.add(gluon.nn.AvgPool2D(8), gluon.nn.Dense(SIZE))
    return net
"""


def write_lesson(folder, *sources, classes=10):
    """A lesson whose cells tagged "net" hold `sources`; another cell fails when it is executed."""
    cells = [
        new_code_cell(f"SIZE = {classes}", metadata={"tags": ["net"]}),
        new_code_cell("1 / 0"),
    ]
    cells += [new_code_cell(source, metadata={"tags": ["net"]}) for source in sources]
    nbformat.write(new_notebook(cells=cells), folder / f"{LESSON}.ipynb")


def size(job):
    return cost.total(
        cost.layers_torch(
            find_net(job.lesson, job.name, "torch")(), comparison.IMAGE_SHAPE
        )
    )


@pytest.fixture
def lessons(tmp_path):
    folder = tmp_path / "lessons"
    folder.mkdir()
    write_lesson(folder, TORCH, GLUON)
    return folder


@pytest.fixture
def trained(monkeypatch):
    """Every job that was trained; the training itself is played: the middle learning rate is the
    best.
    """
    if not shim.available():
        pytest.skip("MXNet is not installed")
    jobs = []

    def each(wanted, workers):
        for job in wanted:
            jobs.append(job)
            parameters, multiply_adds = size(job)
            accuracy = 0.8 if job.lr == RATES[1] else 0.7
            yield Result(
                job.family,
                job.framework,
                job.seed,
                job.lr,
                parameters,
                multiply_adds,
                accuracy,
                0.1 * job.seed,
                1.5,
            )

    monkeypatch.setattr(families, "_each", each)
    return jobs


def run(
    path, lessons, seeds=(0, 1), frameworks=("torch", "mxnet"), names=("MobileNet",)
):
    return compare(
        Store.open(path),
        names,
        frameworks,
        seeds,
        lessons=lessons,
        workers=1,
        console=Console(file=io.StringIO()),
    )


def test_the_best_rate_of_a_seed_of_its_own_is_used_for_every_training(
    tmp_path, lessons, trained
):
    assert run(tmp_path / "out.csv", lessons) == []
    searches, runs = trained[: len(RATES)], trained[len(RATES) :]
    assert {(job.lr, job.seed, job.framework) for job in searches} == {
        (lr, RATE_SEED, "torch") for lr in RATES
    }
    assert {(job.framework, job.seed) for job in runs} == {
        (framework, seed) for framework in ("torch", "mxnet") for seed in (0, 1)
    }
    assert {job.lr for job in runs} == {RATES[1]}


def test_what_is_in_the_file_is_not_computed_again(tmp_path, lessons, trained):
    path = tmp_path / "out.csv"
    run(path, lessons, seeds=[1], frameworks=["torch"])
    before = stored.read(path, Result)[1]
    trained.clear()
    run(path, lessons)
    assert [(job.framework, job.seed) for job in trained] == [
        ("torch", 0),
        ("mxnet", 0),
        ("mxnet", 1),
    ]
    after = stored.read(path, Result)[1]
    assert len(after) == 4 and set(before) < set(after)
    trained.clear()
    run(path, lessons)
    assert trained == []


def test_a_net_of_another_size_is_measured_anew(tmp_path, lessons, trained):
    path = tmp_path / "out.csv"
    run(path, lessons)
    trained.clear()
    write_lesson(lessons, TORCH, GLUON, classes=12)
    run(path, lessons)
    assert len(trained) == len(RATES) + 4
    assert {row.parameters for row in stored.read(path, Result)[1]} == {17 * 12}


@pytest.mark.parametrize(
    ("change", "measured_anew"),
    [
        (("nn.AvgPool2d(8)", "nn.MaxPool2d(8)"), True),
        (("AvgPool2D(8)", "MaxPool2D(8)"), True),
        (("gluon.nn.HybridSequential", "gluon.nn.Sequential"), True),
        (("    return net", "    # that is all\n\n    return net"), False),
        (("def depthwise", "def another():\n    return 0\n\ndef depthwise"), False),
    ],
)
def test_a_net_of_the_same_size_that_is_another_is_measured_anew(
    tmp_path, lessons, trained, change, measured_anew
):
    path = tmp_path / "out.csv"
    run(path, lessons, seeds=[0])
    trained.clear()
    write_lesson(lessons, TORCH.replace(*change), GLUON.replace(*change))
    run(path, lessons, seeds=[0])
    assert len(trained) == (len(RATES) + 2 if measured_anew else 0)


def test_the_file_says_how_it_came_about_and_is_sorted(tmp_path, lessons, trained):
    path = tmp_path / "out.csv"
    run(path, lessons, seeds=[1, 0])
    facts, rows = stored.read(path, Result)
    assert {
        "command",
        "torch",
        "mxnet",
        "numpy",
        "python",
        "processor",
        "threads",
        "date",
    } <= set(facts)
    assert facts["rate of MobileNet"] == "0.02 gives 0.7, 0.05 gives 0.8, 0.1 gives 0.7"
    assert [(row.framework, row.seed) for row in rows] == [
        ("mxnet", 0),
        ("mxnet", 1),
        ("torch", 0),
        ("torch", 1),
    ]


def test_rows_of_another_version_are_not_mixed_with_new_ones(
    tmp_path, lessons, trained, monkeypatch
):
    path = tmp_path / "out.csv"
    run(path, lessons)
    monkeypatch.setattr(provenance, "version_of", lambda package: "99.0")
    with pytest.raises(ComparisonError, match=r"torch .* 99\.0"):
        run(path, lessons)


def test_a_family_without_a_net_is_named_with_its_lesson_and_left_out(
    tmp_path, lessons, trained
):
    problems = run(
        tmp_path / "out.csv", lessons, names=("LeNet", "ShuffleNet", "MobileNet")
    )
    assert len(problems) == 2
    assert "04-training-deep-networks" in problems[0] and "lenet_" in problems[0]
    assert (
        LESSON in problems[1]
        and "shuffle_" in problems[1]
        and "depthwise_torch" in problems[1]
    )
    assert {job.family for job in trained} == {"MobileNet"}


def test_only_cells_tagged_net_are_executed(lessons):
    assert (
        find_net(lessons / f"{LESSON}.ipynb", "depthwise", "torch")()[2].out_features
        == 10
    )
    with pytest.raises(NoSuchNet):
        find_net(lessons / f"{LESSON}.ipynb", "shuffle", "torch")


def test_a_net_that_needs_other_cells_is_named_with_its_cell(
    tmp_path, lessons, trained
):
    write_lesson(lessons, TORCH, GLUON.replace("from dlkit.mx import gluon", ""))
    (problem,) = run(tmp_path / "out.csv", lessons)
    assert LESSON in problem and "NameError" in problem and "gluon" in problem


@pytest.mark.parametrize("family", families.FAMILIES)
def test_what_is_stored_is_complete_and_of_the_net_that_the_lesson_shows(family):
    lesson, name = families.FAMILIES[family]
    path = ROOT / "lessons" / f"{lesson}.ipynb"
    rows = [row for row in comparison.TABLE.rows() if row.family == family]
    wanted = {
        (framework, seed)
        for framework in families.SUFFIXES
        for seed in comparison.SEEDS
    }
    assert {(row.framework, row.seed) for row in rows} == wanted, (
        "run python -m experiments.families"
    )
    assert {(row.parameters, row.multiply_adds) for row in rows} == {
        size(families.Job(path, name, family, "torch", RATE_SEED, 0.0))
    }
    assert comparison.TABLE.provenance()[f"net of {family}"] == digest(path, name), (
        "run python -m experiments.families"
    )


def test_what_is_stored_was_measured_by_the_rules_that_hold_now():
    known, now = comparison.TABLE.provenance(), families._facts()
    for name in ("training", "images"):
        assert known[name] == now[name], "run python -m experiments.families"
    for family in families.FAMILIES:
        assert list(provenance.rates_from_words(known[f"rate of {family}"])) == list(
            RATES
        )


@pytest.mark.slow
def test_the_command_trains(tmp_path, lessons):
    command = [
        sys.executable,
        "-m",
        "experiments.families",
        "--out",
        str(tmp_path / "out.csv"),
        "--lessons",
        str(lessons),
        "--workers",
        "1",
    ]
    ended = subprocess.run(
        [*command, "--families", "MobileNet", "--frameworks", "torch", "--seeds", "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    facts, (row,) = stored.read(tmp_path / "out.csv", Result)
    assert facts["rate of MobileNet"].count("gives") == len(RATES)
    assert (row.family, row.framework, row.seed, row.parameters, row.multiply_adds) == (
        "MobileNet",
        "torch",
        0,
        170,
        160,
    )
    # blurred to 4 x 4 pixels, a letter is hard to read
    assert 0.1 < row.test_accuracy < 0.6 and row.seconds > 0


@pytest.mark.slow
def test_a_typing_error_is_explained(tmp_path):
    command = [
        sys.executable,
        "-m",
        "experiments.families",
        "--out",
        str(tmp_path / "out.csv"),
        "--families",
        "Resnet",
    ]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 2
    assert (
        "Resnet" in ended.stderr
        and "ResNet" in ended.stderr
        and "Traceback" not in ended.stderr
    )
