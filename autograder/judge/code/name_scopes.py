"""What is known of names while cells are read: scopes, attributes, and what functions return."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Definition: TypeAlias = (
    ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
)
Value: TypeAlias = str | Definition
"""The dotted name of something in a library, or a function or class of one's own."""


@dataclass(eq=False)
class Scope:
    """The names of a module, or of a function or class (`definition`).

    waiting: of a module's names, the statements that bind them, which are read when one of them is
        used.
    stars:   modules of which everything is imported.
    """

    parent: Scope | None = None
    definition: Definition | None = None
    names: dict[str, set[Value]] = field(default_factory=dict)
    waiting: dict[str, list[ast.AST]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)

    def owner_of(self, name: str) -> Scope:
        """The scope that binds `name`, the module's where none does."""
        scope = self
        while name not in scope.names and scope.parent is not None:
            scope = scope.parent
        return scope

    def seen_from_inside(self) -> Scope:
        """What a function that is defined here sees: a class's names are not among it."""
        if isinstance(self.definition, ast.ClassDef) and self.parent is not None:
            return self.parent
        return self


@dataclass(frozen=True)
class Arguments:
    """What a call gives: by place, by name, and by a star, which may go anywhere."""

    places: Sequence[set[Value]] = ()
    words: Mapping[str, set[Value]] = field(default_factory=dict)
    starred: frozenset[Value] = frozenset()

    def all(self) -> set[Value]:
        """Everything that is given."""
        return set().union(*self.places, *self.words.values(), self.starred)


@dataclass(frozen=True)
class Task:
    """A statement to be read, or the body of a definition."""

    node: ast.AST
    scope: Scope
    is_body: bool = False


class Knowledge:
    """What names, attributes and functions stand for, as far as it is learnt.

    grew:    whether anything was learnt since it was set to False.
    tasks:   what the answer uses.
    methods: functions that are given their object first.
    """

    def __init__(self) -> None:
        self.grew = False
        self.tasks: dict[Task, None] = {}
        self.methods: set[Definition] = set()
        self._members: dict[str, set[Value]] = {}
        self._returned: dict[Definition, set[Value]] = {}

    def use(self, task: Task) -> None:
        """From now on `task` is read in each round."""
        if task not in self.tasks:
            self.tasks[task] = None
            self.grew = True

    def bind(self, name: str, values: Iterable[Value], scope: Scope) -> None:
        """`name`, as it is seen in `scope`, may stand for `values`."""
        owner = scope.owner_of(name)
        self._learn(owner.names.setdefault(name, set()), values)
        if isinstance(owner.definition, ast.ClassDef):
            self.set_member(name, values)

    def members(self, name: str) -> set[Value]:
        """What an attribute of that name stands for, whatever of one's own it belongs to."""
        return self._members.setdefault(name, set())

    def set_member(self, name: str, values: Iterable[Value]) -> None:
        """Some object or class of one's own has this attribute."""
        self._learn(self.members(name), values)

    def returned(self, function: Definition) -> set[Value]:
        """What a call of `function` gives."""
        return self._returned.setdefault(function, set())

    def give_back(self, scope: Scope, values: Iterable[Value]) -> None:
        """The function around `scope` returns `values`."""
        inner: Scope | None = scope
        while inner is not None and inner.definition is None:
            inner = inner.parent
        if inner is not None and inner.definition is not None:
            self._learn(self.returned(inner.definition), values)

    def _learn(self, known: set[Value], values: Iterable[Value]) -> None:
        before = len(known)
        known.update(values)
        if len(known) > before:
            self.grew = True
