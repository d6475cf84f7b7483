"""The lock and the requirements exported from it name the same packages, and nothing holds NumPy
back.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def locked():
    """Version -> hashes of what is locked, by package; the project itself aside."""
    files = {}
    for package in LOCK["package"]:
        if "registry" in package["source"]:
            hashes = {
                file["hash"]
                for file in [
                    *package.get("wheels", []),
                    *filter(None, [package.get("sdist")]),
                ]
            }
            files.setdefault(package["name"], {})[package["version"]] = hashes
    return files


def required(file):
    """The same, read from a file of requirements."""
    files = {}
    for block in re.split(r"\n(?=[a-z])", (ROOT / file).read_text(encoding="utf-8")):
        if match := re.match(r"([a-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", block):
            files.setdefault(match[1], {})[match[2]] = set(
                re.findall(r"--hash=(sha256:[0-9a-f]{64})", block)
            )
    return files


def test_the_requirements_are_the_lock():
    ours, theirs = required("requirements-dev.txt"), locked()
    assert {name: set(versions) for name, versions in ours.items()} == {
        name: set(versions) for name, versions in theirs.items()
    }
    for name, versions in ours.items():
        for version, hashes in versions.items():
            assert hashes and hashes <= theirs[name][version], name


def test_learners_install_part_of_it_without_the_tools_of_authors():
    learner, everything = required("requirements.txt"), required("requirements-dev.txt")
    assert all(everything[name] == versions for name, versions in learner.items())
    assert {"mxnet", "torch", "jupyterlab", "nbgrader", "numpy"} <= set(learner)
    assert not {
        "mutmut",
        "libcst",
        "pytest",
        "textual",
        "ruff",
        "mypy",
        "hypothesis",
        "jupytext",
    } & set(learner)


def test_every_dependency_has_a_lower_bound_that_the_lock_keeps():
    extras = PROJECT["project"]["optional-dependencies"].values()
    wanted = [
        *PROJECT["project"]["dependencies"],
        *(requirement for extra in extras for requirement in extra),
    ]
    for requirement in wanted:
        if requirement.startswith("deep-learning-course"):
            continue
        name, lowest = re.match(r"([a-z0-9-]+)>=([0-9.]+)", requirement).groups()
        for version in locked()[name]:
            assert [int(part) for part in re.findall(r"\d+", version)] >= [
                int(part) for part in lowest.split(".")
            ], requirement


def test_numpy_is_2():
    assert {version.partition(".")[0] for version in locked()["numpy"]} == {"2"}
    assert not [
        line
        for line in PROJECT["project"]["dependencies"]
        if line.startswith("numpy") and "<" in line
    ]
