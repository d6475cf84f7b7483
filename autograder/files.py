"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def put_in_place(draft: Path, target: Path) -> None:
    """Give the finished file `draft` the name `target` as well. Raises FileExistsError where
    something is there, OSError where it cannot be written.

    A hard link does that in one step. Where the file system has none (USB sticks, some shares), the
    file is made exclusively and copied: nothing that is there is replaced either, but a process
    that is killed meanwhile leaves the beginning.
    """
    try:
        os.link(draft, target)
        return
    except FileExistsError:
        raise
    except OSError:
        pass
    exclusively = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(target, exclusively, os.stat(draft).st_mode & 0o777)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(Path(draft).read_bytes())
    except BaseException:
        Path(target).unlink(missing_ok=True)
        raise
