"""All attacks that are to be tested are graded together, once, with honest neighbors among them; each test then looks at its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from attacks.harness import Bait, Session, attacks_in, baited, grade_all, grading


@pytest.fixture(scope="package")
def bait(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bait]:
    """What an attacker would like to reach."""
    with baited(tmp_path_factory.mktemp("attacks")) as bait:
        yield bait


@pytest.fixture(scope="package")
def graded(bait: Bait, request: pytest.FixtureRequest) -> Session:
    """The whole class, graded: the attacks of all selected tests."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    chosen = dict.fromkeys(call.params["attack"] for call in calls if call and "attack" in call.params)
    with grading(bait):
        return grade_all(bait, chosen)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `attack` is made once for each attack of its module."""
    if "attack" in metafunc.fixturenames:
        metafunc.parametrize("attack", attacks_in(metafunc.module), ids=repr)
