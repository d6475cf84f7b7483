"""Opens a learner's notebook: in the Jupyter server that runs for its folder."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import webbrowser
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from autograder.learner.learner_folder import USUAL, shown
from autograder.questions.material import CONFIG


def running_servers() -> list[Mapping[str, Any]]:
    """What the Jupyter servers of this user say of themselves; nothing where there is no Jupyter,
    or where their notes cannot be read.
    """
    with contextlib.suppress(ImportError, OSError, ValueError):
        from jupyter_server.serverapp import list_running_servers

        return list(list_running_servers())
    return []


def address(notebook: Path, servers: Iterable[Mapping[str, Any]]) -> str | None:
    """Where the notebook is in one of the servers: the one whose folder is nearest to it. None
    where no server shows it.
    """
    nearest = -1
    found = None
    for server in servers:
        root, url = server.get("root_dir"), server.get("url")
        if not isinstance(root, str) or not isinstance(url, str):
            continue
        folder = Path(root).resolve()
        target = notebook.resolve()
        if not target.is_relative_to(folder) or len(folder.parts) <= nearest:
            continue
        nearest = len(folder.parts)
        path = quote(target.relative_to(folder).as_posix())
        token = server.get("token")
        query = f"?{urlencode({'token': token})}" if token else ""
        found = f"{url}lab/tree/{path}{query}"
    return found


def how_to_start(folder: Path, notebook: Path, here: Path) -> str:
    """The command that starts JupyterLab on the learner's `folder`, to be typed `here`."""
    is_clone = (here / "Makefile").is_file() and (here / CONFIG).is_file()
    if is_clone and folder in (here, here / USUAL):
        return "make lab"
    root, file = (shlex.quote(shown(path, here)) for path in (folder, notebook))
    return f"jupyter lab --notebook-dir={root} {file}"


def has_browser() -> bool:
    """Whether somebody looks, and a browser would open beside the terminal rather than in it."""
    if not sys.stdout.isatty():
        return False
    if os.environ.get("BROWSER") or sys.platform in ("darwin", "win32"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def show(url: str) -> bool:
    """Open the address in a browser; whether that was possible."""
    with contextlib.suppress(OSError, webbrowser.Error):
        return webbrowser.open(url)
    return False
