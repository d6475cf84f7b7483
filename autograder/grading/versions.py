"""By what a submission was judged: the version of the engine, and of the questions that it was
asked.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
from collections.abc import Iterable
from pathlib import Path

import autograder
from autograder.questions import catalogue

DIGITS = 12


def judged_by(questions: Iterable[str]) -> dict[str, str]:
    """What is stored with verdicts on the questions of these names: ``{"engine": "0.2.0",
    "questions": "solutions 1f0c..."}``.
    """
    chapters = frozenset(name.partition(".")[0] for name in questions)
    return {
        "engine": autograder.__version__,
        "questions": _questions(catalogue.package_name(), chapters) if chapters else "",
    }


@functools.cache
def _questions(package: str, asked: frozenset[str]) -> str:
    """The package's name and a digest of the sources that decide: of the chapters `asked`, and of
    what is no chapter and may be shared.

    A digest, because questions are edited where they are installed, without a new version; not of
    all, because another chapter's questions change no grade here.
    """
    # a wheel's notebooks, which a clone keeps elsewhere
    others = {
        *catalogue.chapters().keys() - asked,
        "course",
    }
    digest = hashlib.sha256()
    for folder in map(Path, importlib.import_module(package).__path__):
        for path in sorted(folder.rglob("*.py")):
            name = path.relative_to(folder)
            if name.parts[0].removesuffix(".py") not in others:
                digest.update(
                    f"{name.as_posix()}\n".encode()
                    + hashlib.sha256(path.read_bytes()).digest()
                )
    return f"{package} {digest.hexdigest()[:DIGITS]}"
