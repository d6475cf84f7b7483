"""`pytest tests/solutions --changed` judges the questions of chapters that differ from the main branch, on one seed; none if nothing does."""

from __future__ import annotations

from pathlib import Path

import pytest
from changed import NoHistory, changed_chapters, changed_files

from autograder.questions import Question

ROOT = Path(__file__).parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--changed", action="store_true", help="only the questions of chapters that differ from the main branch, on one seed")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--changed"):
        return
    try:
        chapters = changed_chapters(ROOT, changed_files(ROOT))
    except NoHistory as error:
        raise pytest.UsageError(f"--changed needs the project's history: {error}") from None
    config.get_terminal_writer().line(f"Changed chapters: {', '.join(sorted(chapters)) or 'none'}.")
    kept = [item for item in items if _chapter(item) in chapters]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def _chapter(item: pytest.Item) -> str | None:
    """The chapter of the question that a test is about."""
    question = getattr(item, "callspec", None) and item.callspec.params.get("question")
    return question.name.partition(".")[0] if isinstance(question, Question) else None


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """That no chapter has changed is no failure."""
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and session.config.getoption("--changed"):
        session.exitstatus = pytest.ExitCode.OK


@pytest.fixture
def one_seed(request: pytest.FixtureRequest) -> bool:
    """Whether one seed is enough this time."""
    return request.config.getoption("--changed")
