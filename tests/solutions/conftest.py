"""`pytest tests/solutions --changed` judges the questions of chapters that differ from the main
branch, on one seed; none if nothing does.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from changed import NoHistory, changed_chapters, changed_files

from autograder.questions.definition import Question

ROOT = Path(__file__).parents[2]
CHANGED = pytest.StashKey[set[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--changed",
        action="store_true",
        help="only the questions of chapters that differ from the main branch, on one seed",
    )


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("--changed"):
        return
    try:
        config.stash[CHANGED] = changed_chapters(ROOT, changed_files(ROOT))
    except NoHistory as error:
        raise pytest.UsageError(
            f"--changed needs the project's history: {error}"
        ) from None
    if not config.stash[CHANGED]:
        pytest.exit("No chapter has changed.", returncode=pytest.ExitCode.OK)


def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    # of several processes, one says it
    if CHANGED in config.stash and not hasattr(config, "workerinput"):
        config.get_terminal_writer().line(
            f"Changed chapters: {', '.join(sorted(config.stash[CHANGED]))}."
        )


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    if CHANGED not in config.stash:
        return
    kept = [item for item in items if _chapter(item) in config.stash[CHANGED]]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def _chapter(item: pytest.Item) -> str | None:
    """The chapter of the question that a test is about."""
    question = (
        item.callspec.params.get("question") if hasattr(item, "callspec") else None
    )
    return question.name.partition(".")[0] if isinstance(question, Question) else None


@pytest.fixture
def one_seed(request: pytest.FixtureRequest) -> bool:
    """Whether one seed is enough this time."""
    return CHANGED in request.config.stash
