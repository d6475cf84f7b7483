"""What names in cells may stand for: things of a library, and functions and classes of one's own.

It starts at the answer and goes through the learner's own functions, classes and variables that
the answer mentions; a cell that the answer does not use, one that compares with a library's result,
say, is not looked at. The order of statements is not followed, and a list, a dictionary or an
object stands for all that is put into it, so that a name may stand for several things. The code in
use is read again until nothing more is learnt of its names.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable, Iterator, Mapping

from autograder.judge.code import name_binding
from autograder.judge.code.name_scopes import (
    Arguments,
    Definition,
    Knowledge,
    Scope,
    Task,
    Value,
)

_ROUNDS = 40
"""How often the code is read; more than what anybody hands on by hand needs."""

_MOST_NODES = 400_000
"""Expressions that are looked at in all rounds together: some two seconds."""

_DEEPEST = 10
"""Parts of a dotted name beyond which it is not followed."""

_IMPORTS = {"importlib.import_module", "__import__"}
_TYPE_TESTS = {"isinstance", "issubclass"}
_VIEWS = {"get", "pop", "items", "values", "copy"}
"""Methods that give what is in a list or a dictionary."""

_PROPERTIES = {"property", "cached_property"}
_OF_AN_INSTANCE = ("__init__", "__new__", "__call__", "forward")
"""Methods that a call of a class, or of an instance, runs."""


class NameFlow:
    """Reads cells, and the modules beside them.

    rule_out: gives the forbidden name that a dotted name goes by, None for what is allowed.
    mention:  the first forbidden name that is used, and where.
    """

    def __init__(
        self,
        cells: Iterable[ast.Module],
        beside: Mapping[str, ast.Module],
        rule_out: Callable[[str], str | None],
    ):
        self.mention: tuple[str, ast.AST] | None = None
        self._rule_out = rule_out
        self._known = Knowledge()
        self._nodes_left = _MOST_NODES
        self._scopes: dict[ast.AST, Scope] = {}
        self._setters: dict[ast.AST, Definition] = {}
        self._globals = Scope()
        self._modules = {name: Scope() for name in beside}
        for name, tree in beside.items():
            self._declare(tree, self._modules[name])
        for tree in cells:
            self._declare(tree, self._globals)

    def follow(self, name: str) -> None:
        """Read the definition of `name` and all that it uses, until something forbidden is
        mentioned or nothing more is learnt.
        """
        for _ in range(_ROUNDS):
            self._known.grew = False
            self._look_up(name, self._globals)
            for task in _growing(self._known.tasks):
                self._perform(task)
                if self.mention or self._nodes_left <= 0:
                    return
            if not self._known.grew:
                return

    # What a module binds

    def _declare(self, tree: ast.Module, scope: Scope) -> None:
        """Note which statements of a module give its names their meaning; none is read yet."""
        for statement in tree.body:
            for node in name_binding.statements([statement]):
                self._declare_one(node, scope, is_certain=node is statement)

    def _declare_one(self, node: ast.AST, scope: Scope, is_certain: bool) -> None:
        if isinstance(node, ast.ImportFrom) and _imports_all(node):
            scope.stars.append(node.module or "")
            return
        for name in name_binding.bound_by(node):
            if is_certain:
                scope.waiting[name] = []
            scope.waiting.setdefault(name, []).append(node)
        for name in name_binding.filled_by(node):
            bound = scope.waiting.setdefault(name, [])
            if not any(map(_is_import, bound)):
                bound.append(node)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for inner in name_binding.statements(node.body):
                if isinstance(inner, ast.Global):
                    self._declare_global(inner, node, scope)

    def _declare_global(
        self, node: ast.Global, function: Definition, scope: Scope
    ) -> None:
        self._setters[node] = function
        for name in node.names:
            scope.waiting.setdefault(name, []).append(node)

    # Statements

    def _perform(self, task: Task) -> None:
        node, scope = task.node, task.scope
        if not task.is_body:
            self._execute(node, scope)
        elif isinstance(node, ast.Lambda):
            self._known.give_back(scope, self._values(node.body, scope))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for statement in name_binding.statements(node.body):
                self._execute(statement, scope)

    def _execute(self, node: ast.AST, scope: Scope) -> None:
        """Read one statement, but for the statements in it."""
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self._known.bind(node.name, self._decorated(node, scope), scope)
            case ast.Import() | ast.ImportFrom():
                self._import(node, scope)
            case ast.Global() if node in self._setters:
                self._open(self._setters[node], scope)
            case ast.Return(ast.expr() as value):
                self._known.give_back(scope, self._values(value, scope))
            case ast.With(items=items) | ast.AsyncWith(items=items):
                for item in items:
                    self._assign_or_look(item, scope)
            case ast.Match(subject=subject, cases=cases):
                values = self._values(subject, scope)
                for case in cases:
                    for name in name_binding.bound_by(case):
                        self._known.bind(name, values, scope)
            case _:
                self._assign_or_look(node, scope)

    def _assign_or_look(self, node: ast.AST, scope: Scope) -> None:
        assigned = list(name_binding.pairs(node))
        for target, value in assigned:
            self._assign(target, value, scope)
        if not assigned:
            for expression in name_binding.own_expressions(node):
                self._values(expression, scope)

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        for alias in node.names:
            if isinstance(node, ast.Import):
                top, _, _ = alias.name.partition(".")
                path = alias.name if alias.asname else top
                name = alias.asname or top
            elif alias.name != "*":
                path = f"{node.module}.{alias.name}"
                name = alias.asname or alias.name
            else:
                continue
            self._known.bind(name, self._at(path), scope)

    def _assign(self, target: ast.expr, value: ast.expr, scope: Scope) -> None:
        for inner, part in name_binding.unpacked(target, value):
            self._put(inner, self._values(part, scope), scope)

    def _put(self, target: ast.expr, values: set[Value], scope: Scope) -> None:
        """Let `target`, or what it is an item of, stand for `values`."""
        match target:
            case ast.Name(name):
                self._known.bind(name, values, scope)
            case ast.Starred(inner) | ast.Subscript(inner):
                self._put(inner, values, scope)
            case ast.Tuple(parts) | ast.List(parts):
                for part in parts:
                    self._put(part, values, scope)
            case ast.Attribute(_, name):
                self._known.set_member(name, values)

    # Definitions

    def _define(self, node: Definition, scope: Scope) -> None:
        """Make the scope of a function or class, and bind what its head says."""
        if node not in self._scopes:
            inner = Scope(scope.seen_from_inside(), node)
            inner.names = {name: set() for name in name_binding.local_names(node)}
            self._scopes[node] = inner
        if isinstance(node, ast.ClassDef):
            for base in node.bases:
                self._values(base, scope)
            return
        for parameter, default in name_binding.defaults(node.args):
            self._known.bind(
                parameter, self._values(default, scope), self._scopes[node]
            )

    def _decorated(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, scope: Scope
    ) -> set[Value]:
        self._define(node, scope)
        values: set[Value] = {node}
        for decorator in node.decorator_list:
            functions = self._values(decorator, scope)
            values |= self._call_own(functions, Arguments([{node}]))
        if isinstance(scope.definition, ast.ClassDef):
            if not name_binding.decorated_with(node, {"staticmethod"}):
                self._known.methods.add(node)
            # Python calls methods by itself, too.
            self._open(node, scope)
        return values

    def _open(self, definition: Definition, scope: Scope) -> None:
        """The body of `definition` is in use."""
        if definition not in self._scopes:
            self._define(definition, scope)
        self._known.use(Task(definition, self._scopes[definition], is_body=True))

    # Names and attributes

    def _look_up(self, name: str, scope: Scope) -> set[Value]:
        owner = scope.owner_of(name)
        for node in owner.waiting.get(name, ()):
            self._known.use(Task(node, owner))
        values = set(owner.names.get(name, ()))
        if name not in owner.names and name not in owner.waiting:
            # Python's own names are not taken from a star.
            if hasattr(builtins, name):
                return {name}
            for module in owner.stars:
                values |= self._at(f"{module}.{name}")
        for value in values:
            if not isinstance(value, str):
                self._open(value, owner)
        return values

    def _at(self, path: str) -> set[Value]:
        """What a dotted name stands for, in a library or in a module beside the notebook."""
        path = path.removeprefix("builtins.")
        module, _, name = path.rpartition(".")
        if module in self._modules and path not in self._modules:
            return self._look_up(name, self._modules[module])
        return {path} if path.count(".") < _DEEPEST else set()

    def _attribute(self, owners: set[Value], name: str) -> set[Value]:
        paths = [owner for owner in owners if isinstance(owner, str)]
        values: set[Value] = set()
        for path in paths:
            values |= self._at(f"{path}.{name}")
        if len(paths) < len(owners) or not paths:
            values |= self._known.members(name)
        for value in list(values):
            if name_binding.decorated_with(value, _PROPERTIES):
                assert not isinstance(value, str)
                values |= self._known.returned(value)
        return values

    # Expressions

    def _values(self, node: ast.AST, scope: Scope) -> set[Value]:
        """What an expression may stand for; a mention of something forbidden is noted."""
        self._nodes_left -= 1
        match node:
            case ast.Name(name):
                return self._checked(self._look_up(name, scope), node)
            case ast.Attribute(owner, name):
                found = self._attribute(self._values(owner, scope), name)
                return self._checked(found, node)
            case ast.Call():
                return self._checked(self._call(node, scope), node)
            case ast.Lambda():
                self._define(node, scope)
                self._open(node, scope)
                return {node}
            case ast.NamedExpr(target, value):
                self._assign(target, value, scope)
                return self._values(target, scope)
        for generator in getattr(node, "generators", ()):
            self._assign(generator.target, generator.iter, scope)
            self._all_values(generator.ifs, scope)
        values = self._all_values(name_binding.own_expressions(node), scope)
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            self._known.give_back(scope, values)
        return values

    def _all_values(self, nodes: Iterable[ast.expr], scope: Scope) -> set[Value]:
        return set().union(*[self._values(node, scope) for node in nodes])

    def _checked(self, values: set[Value], node: ast.AST) -> set[Value]:
        paths = [value for value in values if isinstance(value, str)]
        for path in sorted(paths):
            name = self._rule_out(path)
            if name is not None and self.mention is None:
                self.mention = name, node
        return values

    # Calls

    def _call(self, node: ast.Call, scope: Scope) -> set[Value]:
        functions = self._values(node.func, scope)
        names = {value for value in functions if isinstance(value, str)}
        text = name_binding.first_text(node)
        if names & _TYPE_TESTS:
            return set()
        if names & _IMPORTS:
            return self._at(text) if text else set()
        given = self._arguments(node, scope)
        if "getattr" in names and given.places:
            return self._attribute(given.places[0], text) if text else set()
        if len(names) < len(functions):
            return self._call_own(functions, given)
        if "setattr" in names and text:
            self._known.set_member(text, given.all())
        match node.func:
            case ast.Attribute(owner, method) if method in name_binding.FILLS:
                self._put(owner, given.all(), scope)
            case ast.Attribute(owner, method) if method in _VIEWS:
                return self._values(owner, scope) | given.all()
        return self._hand_on(given)

    def _arguments(self, node: ast.Call, scope: Scope) -> Arguments:
        places = []
        words = {}
        spread: list[ast.expr] = []
        for arg in node.args:
            if isinstance(arg, ast.Starred):
                spread.append(arg)
            else:
                places.append(self._values(arg, scope))
        for word in node.keywords:
            if word.arg is None:
                spread.append(word.value)
            else:
                words[word.arg] = self._values(word.value, scope)
        starred = self._all_values(spread, scope)
        return Arguments(places, words, frozenset(starred))

    def _hand_on(self, given: Arguments) -> set[Value]:
        """What another's function gives: something of what it is given, or what a function that
        it is given makes of that.
        """
        values = given.all()
        functions = {value for value in values if not isinstance(value, str)}
        others = Arguments(starred=frozenset(values - functions))
        return values | self._call_own(functions, others)

    def _call_own(self, functions: Iterable[Value], given: Arguments) -> set[Value]:
        """What a call of one's own functions gives; they are given the arguments."""
        values: set[Value] = set()
        for function in functions:
            if isinstance(function, str):
                continue
            self._open(function, self._globals)
            if isinstance(function, ast.ClassDef):
                values |= self._call_class(function, given)
            else:
                self._give(function, given)
                values |= self._known.returned(function)
        return values

    def _call_class(self, node: ast.ClassDef, given: Arguments) -> set[Value]:
        values: set[Value] = {node}
        fields = name_binding.fields(node)
        by_place = zip(fields, given.places, strict=False)
        for name, got in (*by_place, *given.words.items()):
            if name in fields:
                self._known.set_member(name, got)
        for name in _OF_AN_INSTANCE:
            for method in self._methods(node, name, depth=0):
                self._give(method, given)
                values |= self._known.returned(method)
        return values

    def _methods(
        self, node: ast.ClassDef, name: str, depth: int
    ) -> Iterator[Definition]:
        """The methods of that name of a class, or of what it inherits from."""
        inner = self._scopes[node]
        bound = inner.names.get(name, set())
        found = [value for value in bound if isinstance(value, name_binding.FUNCTIONS)]
        yield from found
        if found or depth > _DEEPEST or inner.parent is None:
            return
        for base in self._all_values(node.bases, inner.parent):
            if isinstance(base, ast.ClassDef):
                yield from self._methods(base, name, depth + 1)

    def _give(self, function: Definition, given: Arguments) -> None:
        """Bind a function's parameters."""
        inner = self._scopes[function]
        names, by_name, with_star = name_binding.parameters(function)
        is_method = function in self._known.methods
        # A method is given its object by Python.
        if is_method and len(given.places) < len(names):
            names = names[1:]
        for name, values in zip(names, given.places, strict=False):
            self._known.bind(name, values, inner)
        for name, values in given.words.items():
            if name in inner.names:
                self._known.bind(name, values, inner)
        not_given = names[len(given.places) :]
        for name in (*not_given, *by_name):
            self._known.bind(name, given.starred, inner)
        for name in with_star:
            self._known.bind(name, given.all(), inner)


def _imports_all(node: ast.ImportFrom) -> bool:
    return node.names[0].name == "*"


def _is_import(node: ast.AST) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom))


def _growing(tasks: dict[Task, None]) -> Iterator[Task]:
    """All tasks, also those that are added meanwhile."""
    done = 0
    while done < len(tasks):
        for task in list(tasks)[done:]:
            done += 1
            yield task
