"""Installs MXNet beside the NumPy that is there: ``course gluon``.

MXNet's own metadata ask for NumPy before 2, which pip would install; it runs on NumPy 2 with the
names that ``dlkit.mx`` lends it. So it is installed without them.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys

from autograder.errors import MachineError

MXNET = "mxnet==1.9.1"
BESIDE = (
    "requests>=2.32",
    "graphviz>=0.20",
    "setuptools>=70,<80; python_version >= '3.12'",
)
"""What MXNet imports, from its metadata but for NumPy; and distutils, which Python 3.12 took out
and setuptools before 80 brings back.
"""


class CannotInstall(MachineError):
    """MXNet cannot be installed here; the message says why and what to do."""


def runs_here() -> bool:
    """Whether MXNet 1.9.1 has a wheel that works on this machine."""
    return (platform.system(), platform.machine()) == ("Linux", "x86_64")


def install() -> str:
    """Install MXNet into this environment, try it, and say so in one line. Raises
    `CannotInstall`.
    """
    if not runs_here():
        raise CannotInstall(
            f"MXNet 1.9.1 has no wheel that works on {platform.system()} "
            f"{platform.machine()}, only on Linux x86-64;"
            " the course works without it but for the Gluon cells"
        )
    installer = _installer()
    # In this order pip does not complain of MXNet's metadata.
    for packages in (BESIDE, ["--no-deps", MXNET]):
        if subprocess.run([*installer, *packages], check=False).returncode:
            raise CannotInstall(
                f"{' '.join([*installer, *packages])} failed; what it printed stands above"
            )
    # In a process of its own: this one may have found out already that there is no MXNet.
    trial = (
        "from autograder.values import frameworks; "
        "print(frameworks.module('mxnet').__version__)"
    )
    tried = subprocess.run(
        [sys.executable, "-c", trial], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        said = tried.stderr.strip().splitlines()[-1:]
        raise CannotInstall(
            f"MXNet is installed but does not load: {''.join(said)}; "
            "`course doctor` says what to do"
        )
    return (
        f"MXNet {tried.stdout.strip()} is installed and loads: the Gluon cells run. (pip may say "
        "later that it wants NumPy before 2: it does not.)"
    )


def _installer() -> list[str]:
    """The command that installs into this environment: pip, or uv where the environment was made
    without pip.
    """
    if not subprocess.run(
        [sys.executable, "-m", "pip", "--version"], capture_output=True, check=False
    ).returncode:
        return [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    raise CannotInstall(
        "this environment has no pip: run `python -m ensurepip`, then `course gluon` again"
    )
