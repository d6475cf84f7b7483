"""The course's secret, from which the inputs of its checks derive: whoever knows it knows them."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from pathlib import Path

from autograder.errors import CourseError
from autograder.files import put_in_place


def course_secret(path: Path) -> str:
    """The course's secret; made at first use, whole or not at all, readable by its owner only."""
    with contextlib.suppress(FileNotFoundError):
        return _read(path)
    # A temporary file is readable by its owner only.
    with tempfile.NamedTemporaryFile(
        "w", encoding="ascii", dir=path.parent, prefix=".secret-"
    ) as draft:
        draft.write(secrets.token_hex(32) + "\n")
        draft.flush()
        with contextlib.suppress(FileExistsError):  # another process was first
            put_in_place(Path(draft.name), path)
    return _read(path)


def _read(path: Path) -> str:
    secret = path.read_text(encoding="ascii").strip()
    if not secret:
        raise CourseError(
            f"{path.absolute()} is empty, and so the probes would be known: put "
            "it back from a backup, or remove it."
        )
    return secret
