"""The learner's room as a browser shows it: a Jupyter server with a workspace, a page of it, and a
notebook in that page, driven by keys and clicks.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "build" / "browser"
"""Where the screenshots land that are there to be looked at."""

START_SECONDS = 120.0
"""Seconds that a server, a kernel or a page may take to be there on a busy machine."""

_FLAGS = (
    "--no-sandbox",  # Chromium's own needs more than a container allows
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def chromium() -> str:
    """The browser's program. Skips the test, with what to do, where there is none."""
    pytest.importorskip("playwright", reason="Playwright is not installed: make test")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("there is no Chromium: `make browser` installs Debian's")
    return found


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    program = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=program, args=list(_FLAGS))
        try:
            yield running
        finally:
            running.close()


def faults_of_access(page: Any, within: str | None = None) -> list[str]:
    """What axe finds wrong, by WCAG 2.2 AA, in the page or in what lies `within` a selector."""
    from axe_playwright_python.sync_playwright import Axe

    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = Axe().run(page, context=within, options={"runOnly": tags})
    return [
        f"{fault['id']}: {node['html'][:120]}"
        for fault in found.response["violations"]
        for node in fault["nodes"]
    ]


@dataclass(frozen=True)
class Room:
    """A running server.

    app:       "lab", or "notebook" (Jupyter Notebook 7).
    workspace: the folder that it shows.
    log:       the learner's progress.
    """

    app: str
    address: str
    token: str
    workspace: Path
    log: Path

    def url(self, notebook: str) -> str:
        """Where a browser finds the notebook at this path of the workspace."""
        tree = "lab/tree" if self.app == "lab" else "notebooks"
        return f"{self.address}/{tree}/{notebook}?token={self.token}"

    def events(self) -> list[dict[str, Any]]:
        """What the learner's log holds."""
        if not self.log.exists():
            return []
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line]


@contextlib.contextmanager
def room(folder: Path, app: str) -> Iterator[Room]:
    """A Jupyter server in `folder`, with a new workspace and nobody's settings."""
    workspace, log = folder / "work", folder / "progress.jsonl"
    environment = os.environ | {
        "COURSE_PROGRESS": str(log),
        "HOME": str(folder / "home"),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "PYTHONPATH": "",
    }
    course = [sys.executable, "-m", "autograder"]
    subprocess.run(
        [*course, "workspace", str(workspace)], check=True, env=environment, cwd=ROOT
    )
    token, port = secrets.token_hex(16), _free_port()
    command = [
        *(sys.executable, "-m", "jupyter", app, "--no-browser", "--allow-root"),
        *(f"--port={port}", f"--IdentityProvider.token={token}"),
        *(f"--notebook-dir={workspace}", "--expose-app-in-browser"),
    ]
    with (folder / "server.log").open("wb") as output:
        server = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=output, stderr=output
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(f"{address}/api?token={token}", server)
            yield Room(app, address, token, workspace, log)
        finally:
            server.terminate()
            server.wait()


def _free_port() -> int:
    with socket.socket() as any_free:
        any_free.bind(("127.0.0.1", 0))
        return any_free.getsockname()[1]


def _wait_for(url: str, server: subprocess.Popen) -> None:
    end = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), urllib.request.urlopen(url):
            return
        time.sleep(0.1)
    raise AssertionError("the Jupyter server did not start")


class OpenNotebook:
    """A notebook in a page.

    Cells are named by their ids. What is done with them is done as a learner does it, by keys; only
    finding a cell and waiting for it goes through Jupyter's own objects.
    """

    def __init__(self, page: Any, room: Room, notebook: str):
        self.page = page
        page.set_default_timeout(START_SECONDS * 1000)
        page.goto(room.url(notebook))
        self.wait_for_kernel()

    def wait_for_kernel(self) -> None:
        """Wait until the kernel has nothing to do."""
        self.page.wait_for_function(
            """() => {
                const panel = window.jupyterapp?.shell?.currentWidget;
                const kernel = panel?.sessionContext?.session?.kernel;
                return panel?.content?.widgets?.length && kernel?.status === "idle";
            }"""
        )

    def cell(self, name: str) -> Any:
        """Make the cell the active one, in command mode, and bring it into view."""
        found = self.page.evaluate(
            """async (name) => {
                const notebook = window.jupyterapp.shell.currentWidget.content;
                const index = notebook.widgets.findIndex(c => c.model.id === name);
                if (index < 0) return false;
                notebook.deselectAll();
                notebook.activeCellIndex = index;
                notebook.mode = "command";
                notebook.activate();
                await notebook.scrollToItem(index, "center");
                notebook.widgets[index].node.dataset.cell = name;
                return true;
            }""",
            name,
        )
        assert found, f"there is no cell {name!r}"
        return self.page.locator(f'[data-cell="{name}"]')

    def write(self, name: str, source: str) -> None:
        """Put `source` in place of what the cell holds."""
        self.cell(name)
        self.page.keyboard.press("Enter")
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(source)
        self.page.keyboard.press("Escape")

    def start(self, name: str) -> None:
        """Begin to run the cell."""
        self.cell(name)
        self.page.evaluate(
            """() => {
                const { model } = window.jupyterapp.shell.currentWidget.content.activeCell;
                model.executionCount = null;
            }"""
        )
        self.page.keyboard.press("Control+Enter")

    def run(self, name: str) -> Any:
        """Run the cell to its end; returns what it shows below it."""
        self.start(name)
        self.wait_for(name)
        return self.output(name)

    def wait_for(self, name: str) -> None:
        """Wait until the cell that was started has run."""
        self.page.wait_for_function(
            """(name) => {
                const panel = window.jupyterapp.shell.currentWidget;
                const cell = panel.content.widgets.find(c => c.model.id === name);
                return cell.model.executionCount !== null
                    && cell.model.executionState !== "running"
                    && panel.sessionContext.session?.kernel?.status === "idle";
            }""",
            arg=name,
        )

    def run_new(self, below: str, source: str) -> Any:
        """Write a cell of one's own below another and run it; returns what it shows."""
        self.cell(below)
        self.page.keyboard.press("b")
        name = self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.content.activeCell.model.id"
        )
        self.write(name, source)
        return self.run(name)

    def output(self, name: str) -> Any:
        """What the cell shows below it."""
        return self.cell(name).locator(".jp-OutputArea")

    def interrupt(self) -> None:
        """Press the key that interrupts a kernel."""
        self.page.keyboard.press("i")
        self.page.keyboard.press("i")

    def restart(self) -> None:
        """Press the key that restarts the kernel, and say yes."""
        self.page.evaluate(
            """() => {
                const panel = window.jupyterapp.shell.currentWidget;
                window.restarted = false;
                panel.sessionContext.statusChanged.connect((_, status) => {
                    window.restarted ||= status === "restarting";
                });
            }"""
        )
        self.page.keyboard.press("0")
        self.page.keyboard.press("0")
        self.page.locator(".jp-Dialog button.jp-mod-accept").click()
        self.page.wait_for_function("() => window.restarted")
        self.wait_for_kernel()

    def save(self) -> None:
        """Save by the key for it, and wait until it is done."""
        self.page.keyboard.press("Control+s")
        self.page.wait_for_function(
            "() => !window.jupyterapp.shell.currentWidget.context.model.dirty"
        )

    def choose_theme(self, theme: str) -> None:
        """Have Jupyter in another theme, such as "JupyterLab Dark"."""
        self.page.evaluate(
            """(theme) =>
                window.jupyterapp.commands.execute("apputils:change-theme", {theme})""",
            theme,
        )
        light = "true" if theme.endswith("Light") else "false"
        self.page.wait_for_selector(
            f'body[data-jp-theme-light="{light}"]', state="attached"
        )

    def faults_of_access(self, name: str) -> list[str]:
        """What axe finds wrong, by WCAG 2.2 AA, in what the cell shows below it."""
        self.cell(name)
        # Jupyter's body has no height, and axe takes for hidden what lies in such a one.
        self.page.add_style_tag(content="body { width: 100vw; height: 100vh; }")
        return faults_of_access(
            self.page, f'[data-cell="{name}"] .jp-OutputArea-output'
        )

    def picture(self, name: str) -> None:
        """Keep what is seen now, to be looked at."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png")
