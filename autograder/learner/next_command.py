"""``course next``: what comes next, and where it is; it opens there where it can."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from autograder.learner import course_map, journal, learner_folder, open_notebook
from autograder.learner.course_map import Chapter
from autograder.learner.next_step import next_step
from autograder.learner.progress import step_lines


def go_on(here: Path, *, only_print: bool = False) -> Iterator[str]:
    """Say what comes next to who stands in the folder `here`; open it where a server and a browser
    are there, unless it is only to be printed.
    """
    chapters = course_map.chapters()
    step = next_step(chapters, journal.history())
    if step is None or not step.notebook:
        yield from step_lines(step, "")
        return
    folder = learner_folder.find(chapters, here)
    notebook = folder / step.notebook if folder else None
    is_here = notebook is not None and notebook.is_file()
    shown = learner_folder.shown(notebook, here) if notebook and is_here else ""
    yield from step_lines(step, shown)
    if step.reads_lesson and folder and is_here:
        yield f"      {learner_folder.shown(folder / step.chapter.exercise, here)}"
    servers = open_notebook.running_servers()
    if folder is None or notebook is None or not is_here:
        folder = _served(chapters, servers)
        notebook = folder / step.notebook if folder else None
    if folder is None or notebook is None or not notebook.is_file():
        yield "`course workspace` lays out the notebooks in work/, your own folder."
        return
    yield from _opened(folder, notebook, here, servers, only_print)


def _served(
    chapters: Sequence[Chapter], servers: Sequence[Mapping[str, Any]]
) -> Path | None:
    """The learner's folder as far as a running server shows it."""
    for server in servers:
        root = server.get("root_dir")
        found = learner_folder.find(chapters, Path(root)) if root else None
        if found:
            return found
    return None


def _opened(
    folder: Path,
    notebook: Path,
    here: Path,
    servers: Sequence[Mapping[str, Any]],
    only_print: bool,
) -> Iterator[str]:
    url = open_notebook.address(notebook, servers)
    if url is None:
        command = open_notebook.how_to_start(folder, notebook, here)
        yield f"JupyterLab is not running for this folder. Start it: {command}"
        return
    yield url
    if only_print or not open_notebook.has_browser():
        return
    if open_notebook.show(url):
        yield "It opens in your browser."
