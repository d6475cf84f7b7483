"""How a stored result came about: what all of them say, and how they tell which learning rate
was chosen.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def facts(command: str, packages: tuple[str, ...], **more: str) -> dict[str, str]:
    """The command, the versions of packages and of Python, the processor, one thread, what else
    is given, and today's date.
    """
    return {
        "command": command,
        **{name: version_of(name) for name in packages},
        "python": platform.python_version(),
        "processor": processor(),
        "threads": "1",
        **more,
        "date": date.today().isoformat(),
    }


def differing(stored: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    """The name of the first fact, but for the date, by which rows that are stored came about
    otherwise than new ones would; None where they may be mixed.
    """
    return next(
        (
            name
            for name, value in now.items()
            if name != "date" and stored.get(name) != value
        ),
        None,
    )


def version_of(package: str) -> str:
    """The version that is installed, or "none"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (
            line.split(":", 1)[1].strip()
            for line in lines
            if line.startswith("model name")
        ),
        platform.machine(),
    )


def rates_in_words(found: Mapping[float, float]) -> str:
    """ "0.02 gives 0.75, 0.05 gives 0.1": learning rates and the validation accuracy that each
    gave.
    """
    return ", ".join(
        f"{lr:g} gives {accuracy:g}" for lr, accuracy in sorted(found.items())
    )


def rates_from_words(text: str) -> dict[float, float]:
    """The inverse of `rates_in_words`."""
    pairs = (pair.split(" gives ") for pair in text.split(", "))
    return {float(lr): float(accuracy) for lr, accuracy in pairs}


def best_rate(found: Mapping[float, float]) -> float:
    """The most accurate; the smallest of several that are equal."""
    return max(sorted(found), key=found.__getitem__)
