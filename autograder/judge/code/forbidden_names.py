"""Which dotted names a question rules out."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from autograder.answers.call_watch import find
from autograder.questions.definition import FRAMEWORKS
from autograder.values import frameworks


class ForbiddenNames:
    """The names that a question forbids, each with all that is below it, and the same things
    under other names of their library.
    """

    def __init__(self, forbids: Sequence[str]):
        self._forbids = forbids
        self._last_parts: dict[str, list[str]] = {}
        for name in forbids:
            _, _, last = name.rpartition(".")
            self._last_parts.setdefault(last, []).append(name)
        self.rule_out = functools.cache(self._rule_out)

    def _rule_out(self, path: str) -> str | None:
        """The forbidden name that `path` goes by, if it does."""
        for name in self._forbids:
            if path == name or path.startswith(f"{name}."):
                return name
        _, _, last = path.rpartition(".")
        for name in self._last_parts.get(last, ()):
            if _same_thing(path, name):
                return name
        return None


def _same_thing(path: str, name: str) -> bool:
    """Whether both names are of one object, as `torch.conv2d` has several."""
    library, _, _ = name.partition(".")
    if library in FRAMEWORKS and not frameworks.available(library):
        return False
    thing = find(path)
    return thing is not None and thing is find(name)
