"""All attacks that are to be tested are graded together, once, with honest neighbors among them;
each test then looks at its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from attacks.harness import (
    Attack,
    Bait,
    Session,
    attacks_in,
    baited,
    grade_all,
    grade_by_nbgrader,
    grading,
)


@pytest.fixture(scope="package")
def bait(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bait]:
    """What an attacker would like to reach."""
    with baited(tmp_path_factory.mktemp("attacks")) as bait:
        yield bait


@pytest.fixture(scope="package")
def graded(bait: Bait, request: pytest.FixtureRequest) -> Session:
    """The whole class, graded: the attacks of all selected tests."""
    with grading(bait):
        return grade_all(bait, _selected(request, "attack"))


@pytest.fixture(scope="package")
def graded_by_nbgrader(bait: Bait, request: pytest.FixtureRequest) -> Session:
    """Some of them, graded by nbgrader's own command."""
    with grading(bait):
        return grade_by_nbgrader(bait, _selected(request, "nbgrader_attack"))


def _selected(request: pytest.FixtureRequest, name: str) -> list[Attack]:
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    return list(
        dict.fromkeys(
            call.params[name] for call in calls if call and name in call.params
        )
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `attack` is made once for each attack of its module; one that takes
    `nbgrader_attack` for each that nbgrader's command meets as well.
    """
    for name in {"attack", "nbgrader_attack"} & set(metafunc.fixturenames):
        found = [
            attack
            for attack in attacks_in(metafunc.module)
            if attack.nbgrader or name == "attack"
        ]
        metafunc.parametrize(
            name,
            [
                pytest.param(attack, marks=pytest.mark.slow, id=attack.name)
                for attack in found
            ],
        )
