"""One browser and one server of each kind for all tests here; a page of its own for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from browser import room as rooms


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    with rooms.browser() as running:
        yield running


@pytest.fixture(scope="session", params=["lab", "notebook"])
def room(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[rooms.Room]:
    rooms.chromium()
    with rooms.room(tmp_path_factory.mktemp(request.param), request.param) as running:
        yield running


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()
