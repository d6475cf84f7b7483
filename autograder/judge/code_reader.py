"""Reads an answer for library calls that its task forbids, whatever they are called in it. Nothing
of what it reads is run.

It starts at the answer's definition and follows the learner's own functions, classes and variables
that the answer uses, through all cells; a cell that the answer does not use, one that compares with
a library's result, say, is not looked at. Names are followed through imports, assignments,
`getattr`, `importlib`, `eval` and the like as far as constants go; where a name is computed
otherwise and could be a forbidden one, that is refused as such. What cannot be seen by reading is
seen when it runs: `autograder.answers.call_watch`.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from autograder.answers.call_watch import find
from autograder.judge.swaps import find_swap
from autograder.logs import log
from autograder.questions.definition import FRAMEWORKS
from autograder.values import frameworks

_MOST = 64  # readings of one expression beyond which it counts as computed
_LONGEST = 10_000  # characters of a text that is put together
_NEVER = (
    "sys.setprofile",
    "sys.settrace",
    "threading.setprofile",
    "threading.settrace",
    "torch.jit.CompilationUnit",
    "torch._C",
)
"""What would switch the watch off, or call what it cannot see: forbidden wherever anything is."""
_TRIES = 20
"""How often a text is parsed before it counts as unreadable. Python 3.11 counts the depth of all
trees under construction in one place: when another thread builds one meanwhile, which takes a
finalizer that lets it run, both may end in a SystemError without any fault of the text's
(python/cpython#106905).
"""
_ROUNDS = (
    4  # times that the code is read again with what was learnt of the arguments of its functions
)


@dataclass(frozen=True)
class Code:
    """The code around an answer.

    cells:    sources in the order in which they were run; lines for IPython (`%time`) may be among
              them.
    name:     what the answer is called in them.
    complete: whether nothing is missing, so that an answer which is not found in them hides.
    beside:   modules that lie beside the notebook, in files which are not read.
    """

    cells: Sequence[str]
    name: str
    complete: bool = False
    beside: Sequence[str] = ()


@dataclass(frozen=True)
class Finding:
    """What must not be there: one sentence, and the line of code in which it stands."""

    sentence: str
    line: str = ""


def may_not(name: str) -> str:
    """What to say about a forbidden call."""
    return f"This task asks for your own code: `{name}` may not be used here."


def read(code: Code, forbids: Sequence[str]) -> Finding | None:
    """The first thing in the answer that `forbids` (dotted names; what is below a name is
    forbidden with it) rules out.
    """
    if not forbids:
        return None
    reader = _Reader((*forbids, *_NEVER, *code.beside))
    try:
        trees = [tree for cell in code.cells if (tree := _parsed(cell)) is not None]
        if swap := find_swap(trees, code.name, _parsed):
            what, node = swap
            return Finding(
                f"This task asks for your own code, and `{what}` may put "
                "other code in its place: leave it out.",
                _text_of(node),
            )
        for cell in code.cells:
            reader.add(cell)
        for cell in code.cells:
            reader.forbid_changes(cell)
        found = reader.follow(code.name)
    except RecursionError:
        return Finding(
            "This task asks for your own code, and this is nested too deeply to be read."
        )
    # the code is a stranger's: a gap in the reader must neither stop a class nor let anything
    # through
    except Exception as error:
        log.warning(
            "the code around %s could not be read for what is forbidden", code.name, exc_info=True
        )
        return Finding(
            "This task asks for your own code, and this could not be read "
            f"({type(error).__name__}): write it more simply."
        )
    if reader.findings:
        return reader.findings[0]
    if code.complete and not found:
        return Finding(
            "This task forbids some library calls, so your code is read as well: define "
            f"`{code.name}` in a cell, with `def`."
        )
    return None


# What an expression may stand for. Everything that is not one of these, or a constant, is computed.


@dataclass(frozen=True)
class _Path:
    """Something of a library, by its dotted name."""

    name: str


@dataclass(frozen=True)
class _Names:
    """The dictionary of names of a module (`vars(torch)`), of all modules ("": `sys.modules`),
    or the learner's own (None: `globals()`).
    """

    of: str | None


@dataclass(frozen=True, eq=False)
class _Items:
    """A list, tuple, set, or the values of a dictionary: for each item, what it may be."""

    items: tuple[Values, ...]


@dataclass(frozen=True)
class _Getter:
    """`operator.attrgetter(name)`."""

    names: Values


@dataclass(frozen=True, eq=False)
class _Own:
    """A function, class or lambda of the learner's, and where it was defined."""

    node: Any
    scope: _Scope


@dataclass(eq=False)
class _Scope:
    """What names are bound to: each to values, or to expressions in a scope."""

    parent: _Scope | None = None
    is_class: bool = False
    names: dict[str, list[tuple[Any, _Scope]]] = field(default_factory=dict)
    elsewhere: dict[str, _Scope] = field(default_factory=dict)  # declared global or nonlocal
    stars: list[str] = field(default_factory=list)


Values = frozenset
_COMPUTED = object()
_UNKNOWN: Values = frozenset([_COMPUTED])
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_FILLS = {"append", "extend", "insert", "add", "update", "setdefault"}
_IMPORTS = {
    "builtins.__import__",
    "importlib.import_module",
    "importlib.__import__",
    "pydoc.locate",
    "pkgutil.resolve_name",
}
_GETTERS = {"operator.attrgetter", "operator.methodcaller"}
_RUNS = {"builtins.eval", "builtins.exec", "builtins.compile"}
_FOLLOWED = (
    _IMPORTS | _GETTERS | _RUNS | {"builtins.getattr"}
)  # only where they are called, not where they are handed on


class _Reader:
    """Reads one answer: `add` its cells, then `follow` its name."""

    def __init__(self, forbids: tuple[str, ...]):
        self.findings: list[Finding] = []
        self._forbids = forbids
        self._globals = _Scope()
        self._passed: dict[
            tuple[int, str], set
        ] = {}  # what calls hand to the learner's own functions
        self._forget()

    def _forget(self) -> None:
        self.findings.clear()
        self._known: dict[tuple[int, int], Values] = {}
        self._scopes: dict[int, _Scope] = {}
        self._texts: dict[str, Values] = {}
        self._returns: dict[int, list[ast.expr]] = {}
        self._named: dict[tuple[str, int, int], Values] = {}
        self._trees: list[ast.AST] = []  # kept, because their ids are remembered

    def add(self, cell: str) -> None:
        """Note what the names are that a cell binds."""
        if (tree := _parsed(cell)) is not None:
            self._declare(tree.body, self._globals, sure=True)

    def forbid_changes(self, cell: str) -> None:
        """What `cell` puts into a library (`numpy.sort = mine`) is no longer what its name says:
        forbid it to the answer.
        """
        for node in ast.walk(_parsed(cell) or ast.Module([], [])):
            match node:
                case ast.Assign(targets=targets) if not isinstance(
                    node.value, (ast.Constant, ast.UnaryOp)
                ):
                    self._forbids += tuple(filter(None, map(self._library_path, targets)))
                case ast.Call(func=ast.Name("setattr"), args=[owner, ast.Constant(str(name)), _]):
                    self._forbids += tuple(
                        filter(None, [self._library_path(ast.Attribute(owner, name))])
                    )

    def _library_path(self, target: ast.AST) -> str | None:
        """The dotted name of an attribute of a library, None for anything else."""
        attributes: list[str] = []
        while isinstance(target, ast.Attribute):
            attributes.insert(0, target.attr)
            target = target.value
        if not attributes or not isinstance(target, ast.Name):
            return None
        bound = [
            value
            for what, _ in self._globals.names.get(target.id, ())
            if isinstance(what, frozenset)
            for value in what
        ]
        return next(
            (".".join([value.name, *attributes]) for value in bound if isinstance(value, _Path)),
            None,
        )

    def follow(self, name: str) -> bool:
        """Read everything that `name` uses, into `findings`; returns whether it is the learner's
        own.
        """
        for _ in range(_ROUNDS):
            self._forget()
            passed = sum(map(len, self._passed.values()))
            values = self._name(name, self._globals)
            if sum(map(len, self._passed.values())) == passed:
                break
        return name in self._globals.names and not all(isinstance(value, _Path) for value in values)

    # Names and what they are bound to

    def _declare(self, body: Iterable[ast.AST], scope: _Scope, sure: bool = False) -> None:
        nodes = [
            (node, sure and node is statement) for statement in body for node in _walk(statement)
        ]
        for node, _ in nodes:
            if isinstance(node, (ast.Global, ast.Nonlocal)):
                owner = self._globals if isinstance(node, ast.Global) else scope.parent
                scope.elsewhere |= dict.fromkeys(node.names, owner or self._globals)
        for node, alone in nodes:
            self._declare_one(node, scope, alone)

    def _declare_one(self, node: ast.AST, scope: _Scope, sure: bool) -> None:
        match node:
            case ast.Import():
                for alias in node.names:
                    top = alias.name if alias.asname else alias.name.partition(".")[0]
                    self._bind(alias.asname or top, Values([_Path(top)]), scope, sure)
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                scope.stars.append(node.module or "")
            case ast.ImportFrom():
                for alias in node.names:
                    self._bind(
                        alias.asname or alias.name,
                        Values([_Path(_dotted(node, alias))]),
                        scope,
                        sure,
                    )
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self._bind(node.name, Values([_Own(node, scope)]), scope, sure)
                if scope is self._globals and any(
                    isinstance(inner, ast.Global) for inner in ast.walk(node)
                ):
                    self._declare(
                        node.body if not isinstance(node, ast.ClassDef) else [], _Scope(scope)
                    )
            case ast.Assign():
                for target in node.targets:
                    self._bind_target(target, node.value, scope, sure)
            case ast.AnnAssign(value=ast.expr()) | ast.NamedExpr():
                self._bind_target(node.target, node.value, scope, sure)
            case ast.AugAssign():
                self._bind_target(node.target, node.value, scope, False)
            case ast.For() | ast.AsyncFor():
                self._bind_target(node.target, _item_of(node.iter), scope, False)
            case ast.withitem(optional_vars=ast.expr()):
                self._bind_target(node.optional_vars, node.context_expr, scope, False)
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                self._bind(name, _UNKNOWN, scope, False)
            case ast.Call(func=ast.Name("setattr"), args=[owner, ast.Constant(str(name)), value]):
                self._bind_target(ast.Attribute(owner, name), value, scope, False)
            case ast.Call(func=ast.Attribute(ast.Name(name), attr), args=args) if attr in _FILLS:
                if not self._is_library(name, scope):
                    for value in (*args, *(keyword.value for keyword in node.keywords)):
                        self._bind(name, value, scope, False)
            case ast.Call(
                func=ast.Attribute(attr="run_cell_magic"), args=[_, _, ast.Constant(str(text))]
            ) if scope is self._globals:
                self.add(text)
            case ast.Call(func=ast.Name("exec"), args=[ast.Constant(str(text)), *_]) if (
                scope is self._globals
            ):
                self.add(text)

    def _bind(self, name: str, what: Any, scope: _Scope, sure: bool) -> None:
        owner = scope.elsewhere.get(name, scope)
        if sure:
            owner.names[name] = []
        owner.names.setdefault(name, []).append((what, scope))

    def _bind_target(self, target: ast.AST, value: ast.expr, scope: _Scope, sure: bool) -> None:
        match target:
            case ast.Name(name):
                self._bind(name, value, scope, sure)
            case ast.Starred(inner):
                self._bind_target(inner, value, scope, sure)
            case ast.Tuple(targets) | ast.List(targets):
                values = (
                    value.elts
                    if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(targets)
                    else None
                )
                for index, inner in enumerate(targets):
                    self._bind_target(
                        inner, values[index] if values else _item_of(value), scope, sure
                    )
            case ast.Attribute(ast.Name(name), attribute):
                self._bind(f"{name}.{attribute}", value, scope, False)
            case ast.Subscript(ast.Call(ast.Name("globals")), ast.Constant(str(name))):
                self._bind(name, value, self._globals, False)
            case ast.Subscript(ast.Name(name)) if not self._is_library(name, scope):
                self._bind(name, value, scope, False)

    def _is_library(self, name: str, scope: _Scope) -> bool:
        bound = [what for what, _ in scope.names.get(name, ())]
        return any(
            isinstance(what, frozenset) and any(isinstance(value, _Path) for value in what)
            for what in bound
        )

    def _lookup(self, name: str, scope: _Scope) -> list[tuple[Any, _Scope]] | None:
        place: _Scope | None = scope
        while place is not None:
            if name in place.names and (place is scope or not place.is_class):
                return place.names[name]
            place = place.parent
        return None

    def _name(self, name: str, scope: _Scope, node: ast.AST | None = None) -> Values:
        bound = self._lookup(name, scope)
        key = name, id(scope), len(bound or ())
        if key in self._named:
            values = [self._named[key]]
        elif bound is not None:
            values = [
                what if isinstance(what, frozenset) else self._value(what, at)
                for what, at in list(bound)
            ]
        else:
            values = [
                Values([_Path(f"{module}.{name}")]) for module in self._globals.stars + scope.stars
            ]
            values += [Values([_Path(f"builtins.{name}")])] if hasattr(builtins, name) else []
        for value in itertools.chain(*values):
            if isinstance(value, _Path):
                self._mention(value.name, node)
            elif isinstance(value, _Own):
                self._enter(value)
        self._trees.append(scope)
        self._named[key] = _few(_union(values))
        return self._named[key]

    # Statements

    def _enter(self, own: _Own) -> _Scope:
        """Read a function, class or lambda of the learner's, once."""
        node = own.node
        if id(node) in self._scopes:
            return self._scopes[id(node)]
        inner = self._scopes[id(node)] = _Scope(own.scope, is_class=isinstance(node, ast.ClassDef))
        for decorator in getattr(node, "decorator_list", []):
            self._use(decorator, own.scope)
        if isinstance(node, _FUNCTIONS):
            self._declare_parameters(node, inner, own.scope)
        else:
            self._visit_children([*node.bases, *node.keywords], own.scope)
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        self._declare(body, inner)
        self._visit_children(body, inner)
        return inner

    def _declare_parameters(self, node: Any, inner: _Scope, outer: _Scope) -> None:
        arguments = node.args
        names = [*arguments.posonlyargs, *arguments.args]
        defaults = dict(
            zip(
                [name.arg for name in names[len(names) - len(arguments.defaults) :]],
                arguments.defaults,
                strict=True,
            )
        )
        defaults |= {
            name.arg: default
            for name, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if default
        }
        for name in (*names, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
            if name is not None:
                passed = self._passed.get((id(node), name.arg))
                self._bind(name.arg, Values(passed) if passed else _UNKNOWN, inner, True)
        for name, default in defaults.items():
            self._use(default, outer)
            inner.names[name].append((default, outer))

    def _visit_children(self, nodes: Iterable[ast.AST], scope: _Scope) -> None:
        for node in nodes:
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    self._enter(_Own(node, scope))
                case ast.Import():
                    for alias in node.names:
                        self._mention(alias.name, node)
                case ast.ImportFrom():
                    for alias in node.names:
                        self._mention(_dotted(node, alias), node)
                case ast.Assign(
                    value=ast.Name() | ast.Attribute()
                ):  # another name for something: it is followed where it is used
                    self._value(node.value, scope)
                case ast.AnnAssign():
                    self._visit_children([node.value] if node.value else [], scope)
                case ast.expr():
                    self._use(node, scope)
                case _:
                    self._visit_children(ast.iter_child_nodes(node), scope)

    def _mention(self, name: str, node: ast.AST | None) -> None:
        if forbidden := self._forbidden(name):
            self._find(may_not(forbidden), node)

    def _forbidden(self, name: str) -> str | None:
        for forbidden in self._forbids:
            if name == forbidden or name.startswith(forbidden + "."):
                return forbidden
        for forbidden in (
            self._forbids
        ):  # the same thing at another place of a library: told by the thing itself
            top = forbidden.partition(".")[0]
            if name.rpartition(".")[2] != forbidden.rpartition(".")[2] or (
                top in FRAMEWORKS and not frameworks.available(top)
            ):
                continue
            if (thing := find(name)) is not None and thing is find(forbidden):
                return forbidden
        return None

    def _find(self, sentence: str, node: ast.AST | None) -> None:
        self.findings.append(Finding(sentence, _text_of(node)))

    # Expressions

    def _use(self, node: ast.expr, scope: _Scope) -> Values:
        """The values of an expression that is used as a value, not called: what runs or looks up
        code must not be handed on, it could not be followed.
        """
        values = self._value(node, scope)
        for value in values:
            if isinstance(value, _Path) and value.name in _FOLLOWED:
                self._find(
                    f"`{value.name.removeprefix('builtins.')}` must be called directly here, so "
                    "that your code can be read.",
                    node,
                )
        return values

    def _value(self, node: ast.expr, scope: _Scope) -> Values:
        """What an expression may stand for."""
        key = id(node), id(scope)
        if key not in self._known:
            self._known[key] = _UNKNOWN  # for an expression that leads back to itself
            self._trees += [node, scope]
            values = self._read(node, scope)
            self._known[key] = _few(values)
        return self._known[key]

    def _read(self, node: ast.expr, scope: _Scope) -> Values:
        match node:
            case ast.Constant(str() | int()):
                return Values([node.value])
            case ast.Name(name):
                return self._name(name, scope, node)
            case ast.Attribute(inner, attribute):
                own = (
                    self._lookup(f"{inner.id}.{attribute}", scope)
                    if isinstance(inner, ast.Name)
                    else None
                )
                set_here = [self._value(what, at) for what, at in own or ()]
                return _union(
                    [
                        *set_here,
                        *(
                            self._attribute(value, attribute, node)
                            for value in self._value(inner, scope)
                        ),
                    ]
                )
            case ast.Call():
                return self._call(node, scope)
            case ast.Subscript(inner, index):
                bases, keys = self._value(inner, scope), self._use(index, scope)
                return _union(self._item(base, keys, node) for base in bases)
            case ast.BinOp(left, ast.Add(), right):
                return _joined(self._use(left, scope), self._use(right, scope))
            case ast.JoinedStr(parts):
                return _folded(
                    [
                        self._use(
                            part.value if isinstance(part, ast.FormattedValue) else part, scope
                        )
                        for part in parts
                    ]
                )
            case ast.IfExp(test, first, second):
                self._use(test, scope)
                return self._use(first, scope) | self._use(second, scope)
            case ast.BoolOp(values=values):
                return _union(self._use(value, scope) for value in values)
            case ast.NamedExpr(value=value) | ast.Starred(value=value):
                return self._use(value, scope)
            case ast.List(items) | ast.Tuple(items) | ast.Set(items):
                return Values([_Items(tuple(self._use(item, scope) for item in items))])
            case ast.Dict(keys, values):
                self._visit_children([key for key in keys if key], scope)
                return Values([_Items(tuple(self._use(value, scope) for value in values))])
            case ast.Lambda():
                own = _Own(node, scope)
                self._enter(own)
                return Values([own])
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node, scope)
        self._visit_children(ast.iter_child_nodes(node), scope)
        return _UNKNOWN

    def _comprehension(self, node: Any, scope: _Scope) -> Values:
        inner = _Scope(scope)
        for part in node.generators:
            self._bind_target(part.target, _item_of(part.iter), inner, False)
            self._visit_children([part.iter, *part.ifs], inner)
        made = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        return Values(
            [_Items((_union(self._use(item, inner) for item in made) | _UNKNOWN,))]
        )  # how many there are is not known

    def _attribute(self, of: Any, name: str, node: ast.AST) -> Values:
        if not isinstance(of, _Path):
            return _UNKNOWN
        full = f"{of.name}.{name}"
        if name == "__dict__":
            return Values([_Names(of.name)])
        if full == "sys.modules":
            return Values([_Names("")])
        self._mention(full, node)
        return Values([_Path(full)])

    def _item(self, of: Any, keys: Values, node: ast.AST) -> Values:
        if isinstance(of, _Names):
            return self._looked_up(of, keys, node)
        if isinstance(of, _Items):
            places = [
                key for key in keys if type(key) is int and -len(of.items) <= key < len(of.items)
            ]
            return (
                _union(of.items[place] for place in places)
                if len(places) == len(keys)
                else _union(of.items)
            )
        return _UNKNOWN

    def _looked_up(self, of: _Path | _Names, names: Values, node: ast.AST) -> Values:
        """What `getattr` or a dictionary of names gives for `names`."""
        place = of.name if isinstance(of, _Path) else of.of
        found = []
        for name in names:
            if not isinstance(name, str):
                if place == "" or (
                    place and any(forbidden.startswith(place + ".") for forbidden in self._forbids)
                ):
                    self._find(
                        f"What is taken from `{place or 'sys.modules'}` must be "
                        "named in the code here, not computed.",
                        node,
                    )
                found.append(_UNKNOWN)
            elif place is None:
                found.append(self._name(name, self._globals, node))
            elif place == "":
                self._mention(name, node)
                found.append(Values([_Path(name)]))
            else:
                values = Values([_Path(place)])
                for part in name.split("."):
                    values = _union(self._attribute(value, part, node) for value in values)
                found.append(values)
        return _union(found)

    # Calls

    def _call(self, node: ast.Call, scope: _Scope) -> Values:
        functions = self._value(node.func, scope)
        names = {function.name for function in functions if isinstance(function, _Path)}
        if names & {"builtins.isinstance", "builtins.issubclass"}:
            self._visit_children(node.args[:1], scope)
            return _UNKNOWN
        args = [self._use(arg, scope) for arg in node.args]
        keywords = {keyword.arg: self._use(keyword.value, scope) for keyword in node.keywords}
        results = [self._method(node, args, scope)] if isinstance(node.func, ast.Attribute) else []
        for function in functions:
            if isinstance(function, _Own):
                results.append(self._call_own(function, node, args, keywords))
            elif isinstance(function, _Getter):
                results += [
                    self._looked_up(value, function.names, node)
                    for value in _union(args[:1])
                    if isinstance(value, _Path)
                ]
            elif isinstance(function, _Path):
                results.append(
                    self._call_library(function.name, node, [*args, *keywords.values()], scope)
                )
        return _union(results)

    def _method(self, node: ast.Call, args: list[Values], scope: _Scope) -> Values:
        """A method of a constant, or of a dictionary of names."""
        found = []
        for value in self._value(node.func.value, scope):
            if (
                isinstance(value, _Names)
                and node.func.attr in ("get", "__getitem__", "pop", "setdefault")
                and args
            ):
                found += [self._looked_up(value, args[0], node), *args[1:]]
            elif (
                isinstance(value, _Path)
                and node.func.attr in ("__getattribute__", "__getattr__")
                and len(args) == 1
            ):
                found.append(self._looked_up(value, args[0], node))
            elif value == "" and node.func.attr == "join" and args:
                found += [
                    _folded(item.items) if isinstance(item, _Items) else _UNKNOWN
                    for item in args[0]
                ]
            else:
                found.append(_UNKNOWN)
        return _union(found) if any(part != _UNKNOWN for part in found) else _UNKNOWN

    def _call_own(self, own: _Own, node: ast.Call, args: list[Values], keywords: dict) -> Values:
        if not isinstance(own.node, _FUNCTIONS):
            return _UNKNOWN
        arguments = own.node.args
        names = [name.arg for name in (*arguments.posonlyargs, *arguments.args)]
        for name, values in (*zip(names, args, strict=False), *keywords.items()):
            if name is not None:
                self._passed.setdefault((id(own.node), name), set()).update(values)
        inner = self._enter(own)
        if isinstance(own.node, ast.Lambda):
            return self._value(own.node.body, inner)
        if id(own.node) not in self._returns:
            parts = (part for statement in own.node.body for part in _walk(statement))
            self._returns[id(own.node)] = [
                part.value for part in parts if isinstance(part, ast.Return) and part.value
            ]
        return _union(self._value(value, inner) for value in self._returns[id(own.node)])

    def _call_library(self, name: str, node: ast.Call, args: list[Values], scope: _Scope) -> Values:
        first = args[0] if args else Values()
        if name == "builtins.getattr" or (name.endswith(".__getattribute__") and len(args) == 2):
            found = [
                self._looked_up(value, args[1], node)
                for value in first
                if isinstance(value, _Path) and len(args) > 1
            ]
            return _union([*found, *args[2:]])
        if name in ("builtins.globals", "builtins.locals") or (
            name == "builtins.vars" and not args
        ):
            return Values([_Names(None)])
        if name == "builtins.vars":
            return (
                Values([_Names(value.name) for value in first if isinstance(value, _Path)])
                or _UNKNOWN
            )
        if name in _IMPORTS:
            return self._imported(args, node)
        if name in _GETTERS:
            return Values([_Getter(first)])
        if name in _RUNS:
            return self._run(name, first, node, scope)
        if name in ("builtins.str", "builtins.list", "builtins.tuple", "builtins.iter"):
            return first or _UNKNOWN
        if name == "builtins.chr":
            return (
                Values(chr(n) if type(n) is int and 0 <= n < 0x110000 else _COMPUTED for n in first)
                or _UNKNOWN
            )
        return _UNKNOWN

    def _imported(self, args: list[Values], node: ast.AST) -> Values:
        paths = set()
        for name in args[0] if args else ():
            if not isinstance(name, str):
                self._find("What is imported must be named in the code here, not computed.", node)
                continue
            packages = (
                [package for package in _union(args[1:2]) if isinstance(package, str)]
                if name.startswith(".")
                else [""]
            )
            for package in packages:
                full = (package + name).replace(":", ".")
                self._mention(full, node)
                paths |= {
                    _Path(full),
                    _Path(full.partition(".")[0]),
                }  # `__import__` gives the top module
        return Values(paths) or _UNKNOWN

    def _run(self, name: str, texts: Values, node: ast.AST, scope: _Scope) -> Values:
        """`eval`, `exec` and `compile`; what compile gives is read where it is run, as the text
        that it was.
        """
        if name == "builtins.compile" and all(isinstance(text, str) for text in texts):
            return texts
        found = []
        for text in texts:
            if not isinstance(text, str):
                self._find(
                    f"`{name.removeprefix('builtins.')}` of a text that is made while it runs "
                    "cannot be read: write the code itself.",
                    node,
                )
                continue
            if text not in self._texts:
                self._texts[text] = _UNKNOWN
                tree = _parsed(text.strip())
                inner = _Scope(scope)
                self._trees += [tree, inner]
                self._declare(tree.body if tree else [], inner)
                self._visit_children(tree.body if tree else [], inner)
                if tree and len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr):
                    self._texts[text] = self._value(tree.body[0].value, inner)
            found.append(self._texts[text])
        return _union(found)


def _parsed(cell: str) -> ast.Module | None:
    """The cell's tree, each node with its line as `text`; None for what Python would not run
    either.
    """
    tree = _tree(cell)
    if tree is None:
        try:
            from IPython.core.inputtransformer2 import TransformerManager

            cell = TransformerManager().transform_cell(cell)
        except (ImportError, SyntaxError):
            return None
        tree = _tree(cell)
    lines = cell.splitlines()
    for node in ast.walk(tree) if tree else ():
        if 0 < getattr(node, "lineno", 0) <= len(lines):
            node.text = lines[node.lineno - 1].strip()[:160]
    return tree


def _text_of(node: ast.AST | None) -> str:
    """The line of code in which a node of `_parsed` stands."""
    return getattr(node, "text", "")


def _tree(text: str) -> ast.Module | None:
    for attempt in range(1, _TRIES + 1):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(text)
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return None
        except SystemError:
            if attempt == _TRIES:
                raise
    return None


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """`node` and what is in it, without the insides of functions, lambdas and classes: they bind
    names of their own.
    """
    yield node
    if not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        for child in ast.iter_child_nodes(node):
            yield from _walk(child)


def _dotted(node: ast.ImportFrom, alias: ast.alias) -> str:
    return f"{'.' * node.level}{node.module or ''}" + (
        "" if alias.name == "*" else f".{alias.name}"
    )


def _item_of(value: ast.expr) -> ast.expr:
    """An expression for any one item of `value`."""
    return ast.Subscript(value, ast.Constant(None))


def _union(values: Iterable[Values]) -> Values:
    return Values(itertools.chain.from_iterable(values)) or _UNKNOWN


def _few(values: Values) -> Values:
    """`values` without the constants where they are many. Raises OverflowError for more than
    anybody writes by hand.
    """
    if len(values) <= _MOST:
        return values
    kept = Values(value for value in values if isinstance(value, (_Path, _Names, _Getter, _Own)))
    if len(kept) > 4 * _MOST:
        raise OverflowError("one name has too many meanings")
    return kept | _UNKNOWN


def _joined(left: Values, right: Values) -> Values:
    """The sums of what can be added: texts, numbers, lists."""
    if len(left) * len(right) > _MOST:
        return _UNKNOWN
    return _union(Values([_sum(one, other)]) for one in left for other in right)


def _sum(one: Any, other: Any) -> Any:
    if (
        isinstance(one, _Items)
        and isinstance(other, _Items)
        and len(one.items) + len(other.items) <= _LONGEST
    ):
        return _Items(one.items + other.items)
    if isinstance(one, str) and isinstance(other, str) and len(one) + len(other) <= _LONGEST:
        return one + other
    return (
        one + other
        if type(one) is type(other) is int and abs(one) + abs(other) < 2**40
        else _COMPUTED
    )


def _folded(parts: Sequence[Values]) -> Values:
    """The texts that `parts` make when put one after another."""
    text = Values([""])
    for part in parts:
        text = _joined(
            text, Values(str(item) if isinstance(item, (str, int)) else item for item in part)
        )
    return text
