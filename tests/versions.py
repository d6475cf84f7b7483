"""Questions, lessons and exercises on the lowest and on the newest versions that pyproject.toml
allows: ``python -m tests.versions``.

Each set of versions gets an environment of its own in ``build/versions/``. The lowest are tried on
the oldest Python of `PYTHONS` that is found on this machine, the newest on the newest. Two
environments take some ten gigabytes and twenty minutes of downloading and installing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "versions"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# As in `make questions`: an answer's time is that of all its threads.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)
TESTS = ("tests/solutions", "tests/notebooks", "tests/dlkit", "tests/unit")


@dataclass(frozen=True)
class Versions:
    """One choice among the versions that are allowed: uv's name for it, and the Pythons to try
    it on, best first.
    """

    resolution: str
    pythons: tuple[str, ...]


LOWEST = Versions("lowest-direct", PYTHONS)
NEWEST = Versions("highest", PYTHONS[::-1])


def main() -> None:
    """Test both; exit with 1 if a test fails on either, with 2 if an environment cannot be made."""
    failed = [
        versions.resolution for versions in (LOWEST, NEWEST) if not _test(versions)
    ]
    print(
        "Failed on: " + ", ".join(failed)
        if failed
        else "All pass on the lowest and on the newest versions."
    )
    sys.exit(bool(failed))


def _test(versions: Versions) -> bool:
    python = _environment(versions)
    shown = (
        "import platform, numpy, torch; print('Python', platform.python_version(), 'NumPy', "
        "numpy.__version__, 'torch', torch.__version__)"
    )
    print(f"--- {versions.resolution}:", flush=True)
    subprocess.run([python, "-c", shown], check=True)
    tests = [python, "-m", "pytest", "-n", "2", "--dist", "worksteal", *TESTS]
    environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(tests, cwd=ROOT, env=environment, check=False).returncode == 0


def _environment(versions: Versions) -> Path:
    """Make, or bring up to date, the environment for `versions`; returns its Python."""
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    folder = FOLDER / versions.resolution
    python = folder / "bin" / "python"
    if not python.exists():
        _run(
            [
                uv,
                "venv",
                "--quiet",
                "--python",
                _first_found(uv, versions.pythons),
                folder,
            ]
        )
    choose = ["--resolution", versions.resolution, "--upgrade", "--python", python]
    _run([uv, "pip", "install", "--quiet", *choose, "--editable", f"{ROOT}[dev]"])
    _run([uv, "pip", "install", "--quiet", "--no-deps", "--python", python, *_mxnet()])
    return python


def _first_found(uv: str, pythons: tuple[str, ...]) -> str:
    """The first of `pythons` that is on this machine."""
    for version in pythons:
        found = subprocess.run(
            [uv, "python", "find", "--no-python-downloads", version],
            capture_output=True,
            text=True,
            check=False,
        )
        if found.returncode == 0:
            return found.stdout.strip()
    sys.exit(f"none of Python {', '.join(pythons)} is on this machine")


def _mxnet() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return project["dependency-groups"]["gluon"]


def _run(command: list[str | Path]) -> None:
    if subprocess.run(command, check=False).returncode:
        print(f"failed: {' '.join(map(str, command))}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
