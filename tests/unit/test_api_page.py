"""The page for authors says what the docstrings say."""

import importlib.util
from pathlib import Path

import autograder

SCRIPT = Path(__file__).parents[2] / "docs" / "make_api.py"
spec = importlib.util.spec_from_file_location("make_api", SCRIPT)
make_api = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_api)
MADE = make_api.page()  # which imports all that is public


def test_the_page_is_up_to_date():
    assert make_api.PAGE.read_text(encoding="utf-8") == MADE, "run make format"


def test_every_public_name_has_its_words():
    for name in autograder.__all__:
        _, _, section = MADE.partition(f"### `{name}`\n")
        assert section
        assert not section.partition("```text\n")[2].startswith("\n```"), (
            f"{name} has no docstring"
        )


def test_a_module_that_is_not_there_is_left_out(monkeypatch):
    monkeypatch.setattr(
        make_api, "MODULES", ("autograder", "autograder.no_such_module")
    )
    assert "no_such_module" not in make_api.page()
