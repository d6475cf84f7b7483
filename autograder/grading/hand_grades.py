"""Which answers a student's grades are for, so that a regrade asks for hand grades again only
where an answer has changed. A file beside the graded folder, which nbgrader removes at each
regrade.
"""

from __future__ import annotations

import json
import os
from pathlib import Path


def answers_file(graded: Path) -> Path:
    """Where it is kept for what is graded in the folder ``STUDENT/ASSIGNMENT``."""
    return graded.parent / f".{graded.name}-answers.json"


def graded_answers(file: Path, notebook: str) -> dict[str, str]:
    """The fingerprints of the answers that were graded last, by grade id; {} where none are
    known.
    """
    answers = _content(file).get(notebook)
    return answers if isinstance(answers, dict) else {}


def remember_answers(file: Path, notebook: str, answers: dict[str, str]) -> None:
    """Keep the fingerprints of a notebook's answers, beside those of the assignment's others."""
    content = _content(file) | {notebook: answers}
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    text = json.dumps(content, indent=1, sort_keys=True)
    draft.write_text(f"{text}\n", encoding="utf-8")
    os.replace(draft, file)


def _content(file: Path) -> dict[str, object]:
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
