"""The learner's own copy of the notebooks."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from autograder.files import put_in_place
from autograder.questions.material import FOLDERS

CLAIM = "claim"
"""The tag of cells that prove what a lesson says. The tests run them; a learner who changes a
learning rate must not meet their AssertionError.
"""


def fill(project: Path, folder: Path) -> tuple[int, int]:
    """Copy the project's lessons and exercises into `folder`, file by file; a file that is there
    already stays. Returns (added, kept) notebooks.

    A file appears whole or not at all: it is copied under another name and then given its own,
    which fails where something is there.
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file: name a folder")
    added = kept = 0
    paths = [path for name in FOLDERS for path in (project / name).rglob("*")]
    for source in sorted(paths):
        if not source.is_file() or ".ipynb_checkpoints" in source.parts:
            continue
        target = folder / source.relative_to(project)
        fresh = _copy_if_absent(source, target)
        if target.suffix == ".ipynb":
            added += fresh
            kept += not fresh
    return added, kept


def _copy_if_absent(source: Path, target: Path) -> bool:
    if target.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        shutil.copyfile(source, draft)
        if target.suffix == ".ipynb":
            _leave_out_claims(draft)
        put_in_place(draft, target)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True


def _leave_out_claims(notebook: Path) -> None:
    """Rewrite `notebook` without the cells tagged `CLAIM`; one that has none, or is no notebook,
    stays as it is to the last byte.
    """
    try:
        content = json.loads(notebook.read_text(encoding="utf-8"))
        kept = []
        for cell in content["cells"]:
            if CLAIM not in cell["metadata"].get("tags", ()):
                kept.append(cell)
    except (ValueError, LookupError, TypeError, AttributeError):
        return
    if len(kept) == len(content["cells"]):
        return
    content["cells"] = kept
    text = json.dumps(content, indent=1, ensure_ascii=False)
    notebook.write_text(f"{text}\n", encoding="utf-8")
