"""Reads an answer for library calls that its task forbids, whatever they are called in it. Nothing
of what it reads is run.

It starts at the answer's definition and goes through the learner's own functions, classes and
variables that the answer mentions by name, through all cells; a cell that the answer does not use,
one that compares with a library's result, say, is not looked at. Each expression is asked which
things of a library, and which of the learner's own functions, it may stand for. The rule is:

- What is forbidden must not be mentioned, by whatever name it was imported or assigned.
- A library that holds something forbidden is followed wherever it is kept, and into the learner's
  own functions; it is not handed to anything else, because what is then taken from it cannot be
  seen.
- What looks up or runs code by a text (`getattr`, `import_module`, `eval`) is called directly, with
  a text that constants make.

What cannot be seen by reading is seen when it runs: `autograder.answers.call_watch`.
"""

from __future__ import annotations

import ast
import builtins
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from autograder.answers.call_watch import find
from autograder.judge.swaps import find_swap
from autograder.logs import log
from autograder.questions.definition import FRAMEWORKS
from autograder.values import frameworks

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

_MOST = 64
"""Readings of one text beyond which it counts as computed."""

_LONGEST_TEXT = 10_000
"""Characters of a text beyond which it counts as computed."""

_MOST_MEANINGS = 1000
"""More than anybody writes by hand."""

_LONGEST_LINE = 160
"""So much of a line of code is said with a finding."""

_IMPORTS = {
    "builtins.__import__",
    "importlib.import_module",
    "importlib.__import__",
    "pydoc.locate",
    "pkgutil.resolve_name",
}
_RUNS = {"builtins.eval", "builtins.exec", "builtins.compile"}
_GETATTR = "builtins.getattr"
_MUST_BE_CALLED = _IMPORTS | _RUNS | {_GETATTR}
_NAMESPACES = {"builtins.globals", "builtins.locals", "builtins.vars"}
_OWN_NAMES = "globals()"
"""Stands for the dictionary of the learner's own names."""
_MODULES = "sys.modules"
_TABLES = {_OWN_NAMES, _MODULES}
_LOOKS_AT_TABLE = {"get", "setdefault", "keys", "__contains__"}
_LOOKUPS = {"__dict__", "__getattribute__", "__getattr__"}
_BUILT_IN_LOOKS = {
    "print", "repr", "str", "type", "id", "bool", "len", "hash", "format", "callable", "dir",
    "hasattr", "isinstance", "issubclass", "help", "ascii", "any", "all",
}  # fmt: skip
_LOOKS = {f"builtins.{name}" for name in _BUILT_IN_LOOKS} | {
    "inspect.ismodule",
    "inspect.isfunction",
    "inspect.isclass",
    "inspect.isbuiltin",
    "inspect.getsource",
    "inspect.getfile",
    "logging.debug",
    "logging.info",
    "logging.warning",
    "logging.error",
    "warnings.warn",
    "pprint.pprint",
    "IPython.display.display",
    "sys.getsizeof",
    "typing.get_type_hints",
}
"""Functions that only look at what they are given."""
_LOOK_METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log", "format"}
_COLLECTS = {
    f"builtins.{name}"
    for name in (
        "list", "tuple", "set", "frozenset", "dict", "iter", "zip", "enumerate", "reversed",
        "sorted",
    )
} | {"itertools.chain", "itertools.product", "collections.OrderedDict"}  # fmt: skip
_GIVES_ITEM = {"builtins.next", "builtins.min", "builtins.max", "random.choice"}
_GIVES_BACK = {
    "builtins.staticmethod",
    "builtins.classmethod",
    "contextlib.nullcontext",
    "copy.copy",
    "importlib.reload",
    "typing.cast",
}
_PARTIAL = "functools.partial"
_MAPS = {"builtins.map", "builtins.filter"}
"""Their first argument is a function, which is given the items of the others."""
_SORTS = {"builtins.sorted", "builtins.min", "builtins.max"}
_FILLS = {"append", "extend", "insert", "add", "update", "setdefault"}
_TAKES = {"get", "pop", "__getitem__", "setdefault", "popitem"}
_VIEWS = {"items", "values", "keys", "copy"}
_ROUNDS = 100
"""The code is read until nothing more is learnt of what its names stand for, at most so often."""
_DEEPEST = 10
"""Parts of a dotted name beyond which it is not followed."""
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_DEFINITIONS = (*_FUNCTIONS, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)


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
    try:
        return _read(code, forbids)
    except RecursionError:
        return Finding(
            "This task asks for your own code, and this is nested too deeply to be read."
        )
    # The code is a stranger's: a gap in the reader must neither stop a class nor let anything
    # through.
    except Exception as error:
        log.warning(
            "the code around %s could not be read for what is forbidden", code.name, exc_info=True
        )
        return Finding(
            "This task asks for your own code, and this could not be read "
            f"({type(error).__name__}): write it more simply."
        )


def _read(code: Code, forbids: Sequence[str]) -> Finding | None:
    if sum(map(_steps_of_transforming, code.cells)) > _MOST_STEPS:
        raise ValueError("long cells with many of IPython's own commands")
    trees = [tree for cell in code.cells if (tree := _parsed(cell)) is not None]
    swap = find_swap(trees, code.name, _parsed)
    if swap:
        what, node = swap
        return Finding(
            f"This task asks for your own code, and `{what}` may put "
            "other code in its place: leave it out.",
            _text_of(node),
        )
    reader = _Reader((*forbids, *_NEVER, *code.beside), trees)
    found = reader.follow(code.name)
    if reader.findings:
        return reader.findings[0]
    if code.complete and not found:
        return Finding(
            "This task forbids some library calls, so your code is read as well: define "
            f"`{code.name}` in a cell, with `def`."
        )
    return None


# What names are bound to


@dataclass(frozen=True)
class _Path:
    """Something of a library, by its dotted name."""

    name: str


@dataclass(frozen=True)
class _Item:
    """Something that a list, a tuple or a dictionary holds."""

    value: _Path | Definition


@dataclass(frozen=True)
class _Given:
    """What `node` stands for in another scope: an argument, where it is called."""

    node: ast.AST
    scope: _Scope


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef

Value = _Path | _Item | Definition
"""What an expression may stand for, as far as it is of any interest."""

Binding = ast.AST | _Path | _Given
"""What gives a name its meaning: something of a library, or code of the learner's."""


@dataclass(eq=False)
class _Scope:
    """Names of the notebook, or of one of its functions, each with all that may be bound to it."""

    parent: _Scope | None = None
    names: dict[str, list[Binding]] = field(default_factory=dict)
    fills: dict[str, list[ast.AST]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)

    def bind(self, name: str, what: Binding, replace: bool = False) -> None:
        if replace:
            self.names[name] = []
        self.names.setdefault(name, []).append(what)

    def lookup(self, name: str) -> tuple[list[Binding], _Scope]:
        scope = self
        filled = scope.given(name)
        while name not in scope.names and scope.parent is not None:
            scope = scope.parent
            filled += scope.given(name)
        return [*scope.names.get(name, ()), *filled], scope

    def given(self, name: str) -> list[_Given]:
        """What is put into a list or an object of this name here, wherever that was made."""
        return [_Given(what, self) for what in self.fills.get(name, ())]

    def is_library(self, name: str) -> bool:
        bound, _ = self.lookup(name)
        return any(isinstance(what, _Path) for what in bound)


def _declare(nodes: Iterable[ast.AST], scope: _Scope, sure: bool = False) -> None:
    """Note what names `nodes` bind; sure: they are run one after another, each for certain."""
    for node in nodes:
        for inner in _same_scope(node):
            _declare_one(inner, scope, sure and inner is node)


def _declare_one(node: ast.AST, scope: _Scope, sure: bool) -> None:
    match node:
        case ast.Import():
            for alias in node.names:
                top = alias.name if alias.asname else alias.name.partition(".")[0]
                scope.bind(alias.asname or top, _Path(top), sure)
        case ast.ImportFrom():
            for alias in node.names:
                if alias.name == "*":
                    scope.stars.append(node.module or "")
                else:
                    scope.bind(alias.asname or alias.name, _Path(_dotted(node, alias)), sure)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            scope.bind(name, node, sure)
            if scope.parent is None:
                _declare_globals(node, scope)
        case ast.Assign() | ast.AnnAssign() | ast.NamedExpr():
            for target, value in _assigned(node):
                _bind_target(target, value, scope, sure)
        case ast.AugAssign() | ast.For() | ast.AsyncFor() | ast.withitem():
            for target, value in _assigned(node):
                _bind_target(target, value, scope)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            scope.bind(name, ast.Constant(None))
        case ast.Expr(ast.Call() as call):
            _declare_call(call, scope, of_statement=True)
        case ast.Call():
            _declare_call(node, scope)


def _declare_call(call: ast.Call, scope: _Scope, of_statement: bool = False) -> None:
    """A call may fill something: ``table.append(...)``, ``setattr(h, ...)``; one that is a
    statement does little else.
    """
    match call:
        case ast.Call(
            func=ast.Attribute(attr="run_cell_magic"), args=[_, _, ast.Constant(str(text))]
        ) if of_statement:
            _declare(_body(text), scope)
        case ast.Call(func=ast.Name("exec"), args=[ast.Constant(str(text)), *_]) if of_statement:
            _declare(_body(text), scope)
        case ast.Call(func=ast.Name("setattr"), args=[owner, *_]):
            _bind_owner(owner, call, scope)
        case ast.Call(func=ast.Attribute(value=owner, attr=method)):
            if of_statement or method in _FILLS:
                _bind_owner(owner, call, scope)


def _bind_owner(owner: ast.AST, what: ast.AST, scope: _Scope) -> None:
    name = _root(owner)
    if name and not scope.is_library(name):
        if scope.parent is None:
            scope.bind(name, what)
        else:
            scope.fills.setdefault(name, []).append(what)


def _assigned(node: ast.AST) -> list[tuple[ast.AST, ast.AST]]:
    """What `node` itself assigns: targets, each with what it is bound to; the same each time."""
    if "assigned" not in vars(node):
        vars(node)["assigned"] = list(_assignments(node))
    pairs: list[tuple[ast.AST, ast.AST]] = vars(node)["assigned"]
    return pairs


def _assignments(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _unpacked(target, value)
        case (
            ast.AnnAssign(target=target, value=ast.expr() as value)
            | ast.NamedExpr(target=target, value=value)
            | ast.withitem(context_expr=value, optional_vars=ast.expr() as target)
        ):
            yield from _unpacked(target, value)
        case (
            ast.For(target=target, iter=value)
            | ast.AsyncFor(target=target, iter=value)
            | ast.comprehension(target=target, iter=value)
        ):
            yield from _unpacked(target, _item_of(value))
        case ast.AugAssign(target=target, value=value):
            yield target, value
            yield target, ast.BinOp(value, node.op, ast.Constant(None))


def _unpacked(target: ast.AST, value: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    match target, value:
        case ast.Starred(inner), _:
            assert isinstance(value, ast.expr)
            yield from _unpacked(inner, ast.List([value], ast.Load()))
        case ((ast.Tuple(targets) | ast.List(targets)), (ast.Tuple(values) | ast.List(values))) if (
            len(targets) == len(values)
        ):
            for inner, item in zip(targets, values, strict=True):
                yield from _unpacked(inner, item)
        case ((ast.Tuple(targets) | ast.List(targets)), _):
            for inner in targets:
                yield from _unpacked(inner, _item_of(value))
        case _:
            yield target, value


def _item_of(value: ast.AST) -> ast.expr:
    """An expression for any one item of `value`."""
    assert isinstance(value, ast.expr)
    item = ast.Subscript(value, ast.Constant(None), ast.Load())
    vars(item)["text"] = _text_of(value)
    return item


def _bind_target(target: ast.AST, value: ast.AST, scope: _Scope, sure: bool = False) -> None:
    match target:
        case ast.Name(name):
            scope.bind(name, value, sure)
        case ast.Subscript(ast.Call(ast.Name("globals")), ast.Constant(str(name))):
            scope.bind(name, value)
        case ast.Attribute() | ast.Subscript():
            place = _without_subscripts(target)
            assert isinstance(target, ast.expr) and isinstance(value, ast.expr)
            if isinstance(place, ast.Attribute):
                _bind_owner(target, ast.Assign([target], value), scope)
            else:
                _bind_owner(target, ast.List([value], ast.Load()), scope)


def _declare_globals(function: ast.AST, scope: _Scope) -> None:
    """What a function binds among the notebook's names, by ``global``."""
    declared = {
        name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names
    }
    inner = _Scope()
    if declared:
        _declare(ast.iter_child_nodes(function), inner)
    for name in declared & inner.names.keys():
        for what in inner.names[name]:
            scope.bind(name, what)


class _Meanings:
    """What the expressions of a notebook may stand for.

    What calls hand to the learner's own functions, and what is put into attributes, is noted as it
    is met: `facts` counts what has been learnt, so whoever asks knows when to ask again.
    """

    def __init__(self, trees: Sequence[ast.Module]):
        self.facts = 0
        self.globals = _Scope()
        self._scopes: dict[ast.AST, _Scope] = {}
        self._fields: dict[str, dict[_Path | _Given, None]] = {}
        self._methods: set[ast.AST] = set()
        self._known: dict[tuple[ast.AST, _Scope], frozenset[Value]] = {}
        self._asked: set[tuple[ast.AST, _Scope]] = set()
        self._given: set[tuple[Definition, str, _Given]] = set()
        self._returns: dict[Definition, list[tuple[ast.expr, bool]]] = {}
        self._texts: dict[tuple[ast.AST, _Scope, int], list[str] | None] = {}
        for tree in trees:
            _declare(tree.body, self.globals, sure=True)

    def ask_again(self) -> None:
        self._asked.clear()
        self._texts.clear()

    def paths(self, node: ast.AST, scope: _Scope) -> set[str]:
        """The dotted names of what `node` may stand for in a library."""
        return {value.name for value in self.values(node, scope) if isinstance(value, _Path)}

    def values(self, node: ast.AST, scope: _Scope) -> frozenset[Value]:
        key = node, scope
        before = self._known.get(key, frozenset())
        if key in self._asked:
            return before
        self._asked.add(key)
        values = before.union(self._resolved(node, scope))
        if len(values) > _MOST_MEANINGS:
            raise OverflowError("one name has too many meanings")
        if values != before:
            self._known[key] = values
            self.facts += 1
        return values

    def _of_all(self, nodes: Iterable[ast.AST], scope: _Scope) -> set[Value]:
        return {value for node in nodes for value in self.values(node, scope)}

    def _resolved(self, node: ast.AST, scope: _Scope) -> Iterable[Value]:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() | ast.ClassDef():
                self.inside(node, scope)
                return {node}
            case ast.Name(name):
                return self._values_of_name(name, scope)
            case ast.Attribute(owner, attribute):
                return self._values_of_attribute(owner, attribute, scope)
            case ast.NamedExpr(value=value) | ast.Await(value) | ast.Starred(value):
                return self.values(value, scope)
            case ast.IfExp(body=one, orelse=other):
                return self._of_all([one, other], scope)
            case ast.BoolOp(values=parts):
                return self._of_all(parts, scope)
            case ast.BinOp(ast.List() | ast.Tuple(), _, _) | ast.BinOp(
                _, _, ast.List() | ast.Tuple()
            ):
                return self._of_all([node.left, node.right], scope)
            case ast.List(parts) | ast.Tuple(parts) | ast.Set(parts):
                return _held(self._of_all(parts, scope))
            case ast.Dict(keys, values):
                return _held(self._of_all([key for key in keys if key] + values, scope))
            case ast.ListComp(elt=made) | ast.SetComp(elt=made) | ast.GeneratorExp(elt=made):
                return _held(self.values(made, self.inside(node, scope)))
            case ast.DictComp(key=key, value=value):
                return _held(self._of_all([key, value], self.inside(node, scope)))
            case ast.Subscript(owner, index):
                return self._item(owner, index, scope)
            case ast.Call():
                return self._result(node, scope)
        return set()

    def _meant(self, what: Binding, scope: _Scope) -> Iterable[Value]:
        match what:
            case _Path():
                return {what}
            case _Given(node, at):
                return self.values(node, at)
        return self.values(what, scope)

    def _values_of_name(self, name: str, scope: _Scope) -> set[Value]:
        bound, owner = scope.lookup(name)
        if bound:
            return {value for what in list(bound) for value in self._meant(what, owner)}
        found = {f"{module}.{name}" for module in self.globals.stars + scope.stars}
        if hasattr(builtins, name):
            found.add(f"builtins.{name}")
        return {_Path(path) for path in found}

    def _values_of_attribute(self, owner: ast.AST, name: str, scope: _Scope) -> set[Value]:
        found: set[Value] = {
            _Path(f"{path}.{name}")
            for path in self.paths(owner, scope)
            if path.count(".") < _DEEPEST
        }
        for what in list(self._fields.get(name, ())):
            values = self._meant(what, self.globals)
            found.update(values)
            for value in values:
                if isinstance(value, ast.FunctionDef) and value.decorator_list:  # a property
                    found |= self._returned(value)
        return found

    def _item(self, owner: ast.AST, index: ast.AST, scope: _Scope) -> set[Value]:
        values = self.values(owner, scope)
        found = _taken(values)
        names = self.texts(index, scope) or []
        if _Path(_MODULES) in values:
            found.update(_Path(name) for name in names)
        if _Path(_OWN_NAMES) in values:
            for name in names:
                found |= self._values_of_name(name, scope) | self._values_of_name(
                    name, self.globals
                )
        return found

    # Calls

    def _result(self, node: ast.Call, scope: _Scope) -> set[Value]:
        functions = self.paths(node.func, scope)
        args = [*node.args, *(keyword.value for keyword in node.keywords)]
        if _GETATTR in functions and len(node.args) > 1:
            names = self.texts(node.args[1], scope) or []
            found: set[Value] = set(self._of_all(node.args[2:], scope))
            for name in names:
                found |= self._values_of_attribute(node.args[0], name, scope)
            return found
        if functions & _IMPORTS and node.args:
            return {
                _Path(path)
                for name in self.texts(node.args[0], scope) or []
                for path in _imported(name, node.args[1:])
            }
        if functions & _NAMESPACES and not args:
            return self._own_names(functions, scope)
        if functions & _COLLECTS:
            return _held(self._of_all(args, scope))
        if functions & _GIVES_ITEM:
            return _taken(self._of_all(args, scope))
        if functions & _GIVES_BACK:
            return self._of_all(args, scope)
        return self._result_of_method(node, scope) | {
            value
            for definition in self.own(node.func, scope)
            for value in self._returned(definition)
        }

    def _result_of_method(self, node: ast.Call, scope: _Scope) -> set[Value]:
        if not isinstance(node.func, ast.Attribute):
            return set()
        owner, method = node.func.value, node.func.attr
        values = self.values(owner, scope)
        found: set[Value] = set()
        if {_Path(_MODULES), _Path(_OWN_NAMES)} & values and method in _TAKES and node.args:
            found |= self._item(owner, node.args[0], scope)
        elif any(isinstance(value, _Path) for value in values):
            return found
        if method in _FILLS:
            found |= _held(self._of_all(node.args, scope))
            found |= _held(self._of_all([word.value for word in node.keywords], scope))
        if method in _TAKES:
            found |= _taken(values) | self._of_all(node.args[1:], scope)
        if method in _VIEWS:
            found |= _held(values)
        return found

    def _own_names(self, functions: set[str], scope: _Scope) -> set[Value]:
        if "builtins.globals" in functions or scope.parent is None:
            return {_Path(_OWN_NAMES)}
        held = {value for name in scope.names for value in self._values_of_name(name, scope)}
        return {_Path(_OWN_NAMES)} if held else set()

    def own(self, function: ast.AST, scope: _Scope) -> list[Definition]:
        """The functions and classes of the learner's that `function` may be."""
        values = self.values(function, scope)
        found = [value for value in values if isinstance(value, _DEFINITIONS)]
        if not found and not values:
            for what in self._fields.get("__call__", ()):
                found += [v for v in self._meant(what, self.globals) if isinstance(v, _FUNCTIONS)]
        return found

    def _returned(self, definition: Definition) -> set[Value]:
        if isinstance(definition, ast.ClassDef):
            return set()
        inner = self._scopes[definition]
        if isinstance(definition, ast.Lambda):
            return set(self.values(definition.body, inner))
        if definition not in self._returns:
            self._returns[definition] = list(_given_back(definition.body))
        found: set[Value] = set()
        for value, one_of_many in self._returns[definition]:
            found |= self.values(value, inner)
            if one_of_many:
                found |= _held(self.values(value, inner))
        return found

    # What is learnt

    def inside(self, node: ast.AST, outer: _Scope) -> _Scope:
        """The scope of a function, class, lambda or comprehension."""
        if node in self._scopes:
            return self._scopes[node]
        inner = self._scopes[node] = _Scope(outer)
        match node:
            case ast.ClassDef(body=body):
                _declare(body, inner)
                self._methods |= {part for part in body if isinstance(part, _FUNCTIONS)}
                for name, bound in inner.names.items():
                    for what in bound:
                        self.put(name, what, inner)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                self._declare_parameters(node.args, inner, outer)
                _declare(node.body if isinstance(node.body, list) else [node.body], inner)
                for part in ast.walk(node):
                    for name in part.names if isinstance(part, ast.Global) else ():
                        inner.names.pop(name, None)
                self._bind_nonlocal(node, inner)
            case (
                ast.ListComp(generators=parts)
                | ast.SetComp(generators=parts)
                | ast.GeneratorExp(generators=parts)
                | ast.DictComp(generators=parts)
            ):
                for number, part in enumerate(parts):
                    for target, value in _assigned(part):
                        if isinstance(target, ast.Name):
                            inner.bind(target.id, value if number else _Given(value, outer))
        return inner

    def _bind_nonlocal(self, function: ast.AST, inner: _Scope) -> None:
        """What a function binds among the names of the function around it."""
        outer = inner.parent or self.globals
        for child in ast.iter_child_nodes(function):
            for part in _same_scope(child):
                for name in part.names if isinstance(part, ast.Nonlocal) else ():
                    _, owner = outer.lookup(name)
                    for what in inner.names.pop(name, ()):
                        given = _Given(what, inner) if isinstance(what, ast.AST) else what
                        owner.bind(name, given)
                        self.facts += 1

    def _declare_parameters(self, arguments: ast.arguments, inner: _Scope, outer: _Scope) -> None:
        for argument in ast.walk(arguments):
            if isinstance(argument, ast.arg):
                inner.bind(argument.arg, ast.Constant(None))
        names = [*arguments.posonlyargs, *arguments.args]
        names = names[len(names) - len(arguments.defaults) :] + arguments.kwonlyargs
        defaults = [*arguments.defaults, *arguments.kw_defaults]
        for argument, default in zip(names, defaults, strict=True):
            if default is not None:
                inner.bind(argument.arg, _Given(default, outer))

    def put(self, name: str, what: Binding, scope: _Scope) -> None:
        """Something is put into an attribute of this name, of whatever."""
        if isinstance(what, ast.AST):
            what = _Given(what, scope)
        if what not in self._fields.setdefault(name, {}):
            self._fields[name][what] = None
            self.facts += 1

    def give(self, callee: Definition, call: ast.Call, scope: _Scope) -> bool:
        """The arguments of `call` are given to `callee`; returns whether that can be followed."""
        if isinstance(callee, ast.ClassDef):
            return self._give_class(callee, call, scope)
        arguments = callee.args
        names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
        if callee in self._methods and self._has_self(callee, call, scope):
            names = names[1:]
        rest = [argument.arg for argument in (arguments.vararg, arguments.kwarg) if argument]
        every = [*names, *(argument.arg for argument in arguments.kwonlyargs), *rest]
        for number, arg in enumerate(call.args):
            if isinstance(arg, ast.Starred):
                for name in every:
                    self._give_one(callee, name, arg, scope, items=name not in rest)
            elif number < len(names):
                self._give_one(callee, names[number], arg, scope)
            else:
                for name in rest[:1]:
                    self._give_one(callee, name, arg, scope, held=True)
        for word in call.keywords:
            if word.arg in every:
                self._give_one(callee, word.arg, word.value, scope)
            else:
                for name in rest[-1:] if word.arg else every:
                    item = word.arg is None and name not in rest
                    self._give_one(callee, name, word.value, scope, item, word.arg is not None)
        return True

    def _has_self(self, method: Definition, call: ast.Call, scope: _Scope) -> bool:
        decorators = {_last(part) for part in getattr(method, "decorator_list", ())}
        if "staticmethod" in decorators:
            return False
        by_class = isinstance(call.func, ast.Attribute) and any(
            isinstance(value, ast.ClassDef) for value in self.values(call.func.value, scope)
        )
        return not by_class or "classmethod" in decorators

    def _give_one(
        self,
        callee: Definition,
        name: str,
        node: ast.AST,
        scope: _Scope,
        items: bool = False,
        held: bool = False,
    ) -> None:
        if items or held:
            node = _made(node, "item" if items else "held")
        given = _Given(node, scope)
        if (callee, name, given) not in self._given:
            self._given.add((callee, name, given))
            self._scopes[callee].bind(name, given)
            self.facts += 1

    def _give_class(self, callee: ast.ClassDef, call: ast.Call, scope: _Scope) -> bool:
        followed = False
        inner = self._scopes[callee]
        for name in ("__init__", "__new__", "__post_init__"):
            for what in inner.names.get(name, ()):
                if isinstance(what, _FUNCTIONS):
                    self.values(what, inner)
                    followed = self.give(what, call, scope) or followed
        annotated = [
            part.target.id
            for part in callee.body
            if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
        ]
        if annotated and not followed:
            for name, arg in zip(annotated, call.args, strict=False):
                self.put(name, arg, scope)
            for word in call.keywords:
                self.put(word.arg or "", word.value, scope)
            return True
        for base in callee.bases if not followed else ():
            for value in self.values(base, inner):
                if isinstance(value, ast.ClassDef) and value is not callee:
                    followed = self._give_class(value, call, scope) or followed
        return followed

    # Texts

    def texts(self, node: ast.AST, scope: _Scope, depth: int = 0) -> list[str] | None:
        """The texts that `node` may be, put together of constants; None where it is computed.

        depth: how often an item is taken of `node` before it is a text.
        """
        key = node, scope, depth
        if key not in self._texts:
            self._texts[key] = None  # for a text that leads back to itself
            self._texts[key] = self._spelt(node, scope, depth)
        return self._texts[key]

    def _spelt(self, node: ast.AST, scope: _Scope, depth: int) -> list[str] | None:
        match node:
            case ast.Name(name):
                return self._texts_of_name(name, scope, depth)
            case ast.NamedExpr(value=value):
                return self.texts(value, scope, depth)
            case ast.IfExp(body=one, orelse=other):
                return self._any_text([one, other], scope, depth)
            case ast.Subscript(owner, ast.Slice()):
                return self.texts(owner, scope, depth) if depth else None
            case ast.Subscript(owner):
                return self.texts(owner, scope, depth + 1)
            case ast.List(parts) | ast.Tuple(parts) | ast.Set(parts) if depth:
                return self._any_text(parts, scope, depth - 1)
            case ast.Call(func=ast.Attribute(attr="append"), args=[item]) if depth:
                return self.texts(item, scope, depth - 1)
            case ast.Dict(_, values) if depth:
                return self._any_text(values, scope, depth - 1)
        if depth:
            return None
        match node:
            case ast.Constant(str() | int() as text):
                return [str(text)]
            case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
                return self.texts(value, scope)
            case ast.BinOp(left, ast.Add(), right):
                return self._joined([left, right], scope)
            case (
                ast.JoinedStr(parts)
                | ast.Call(func=ast.Attribute(ast.Constant(""), "join"), args=[ast.List(parts)])
            ):
                return self._joined(parts, scope)
        return None

    def _texts_of_name(self, name: str, scope: _Scope, depth: int) -> list[str] | None:
        bound, owner = scope.lookup(name)
        texts: list[str] = []
        for what in bound:
            if _is_nothing(what):
                continue
            if isinstance(what, _Path):
                return None
            node, at = (what.node, what.scope) if isinstance(what, _Given) else (what, owner)
            more = self.texts(node, at, depth)
            if more is None or len(texts) + len(more) > _MOST:
                return None
            texts += more
        return texts or None

    def _any_text(self, nodes: Sequence[ast.AST], scope: _Scope, depth: int) -> list[str] | None:
        texts: list[str] = []
        for node in nodes:
            more = self.texts(node, scope, depth)
            if more is None or len(texts) + len(more) > _MOST:
                return None
            texts += more
        return texts

    def _joined(self, parts: Sequence[ast.AST], scope: _Scope) -> list[str] | None:
        texts = [""]
        for part in parts:
            following = self.texts(part, scope)
            if following is None or len(texts) * len(following) > _MOST:
                return None
            texts = [text + more for text in texts for more in following]
            if max(map(len, texts), default=0) > _LONGEST_TEXT:
                return None
        return texts


class _Reader:
    """Reads one answer: `follow` its name."""

    def __init__(self, forbids: tuple[str, ...], trees: Sequence[ast.Module]):
        self.findings: list[Finding] = []
        self._forbids = forbids
        self._meanings = _Meanings(trees)
        self._globals = self._meanings.globals
        self._read: set[ast.AST] = set()
        self._bodies: dict[ast.AST, tuple[list[ast.stmt], _Scope]] = {}
        for tree in trees:
            self._forbid_changes(tree)

    def _forbid_changes(self, tree: ast.Module) -> None:
        """What a cell puts into a library (``numpy.sort = mine``) is no longer what its name says:
        forbid it to the answer.
        """
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Name("setattr"), args=[owner, ast.Constant(str(name)), _]):
                    self._forbid(ast.Attribute(owner, name))
            for target, value in _assigned(node):
                if not isinstance(value, (ast.Constant, ast.UnaryOp)):
                    self._forbid(target)

    def _forbid(self, target: ast.AST) -> None:
        if isinstance(target, ast.Attribute):
            self._forbids += tuple(self._meanings.paths(target, self._globals))

    def follow(self, name: str) -> bool:
        """Read everything that `name` uses, into `findings`; returns whether it is the learner's
        own.
        """
        answer = ast.Name(name, ast.Load())
        for _ in range(_ROUNDS):
            before = self._meanings.facts
            self.findings.clear()
            self._read.clear()
            self._meanings.ask_again()
            self._visit(answer, self._globals)
            if self._meanings.facts == before:
                return any(
                    not isinstance(what, _Path) for what in self._globals.names.get(name, ())
                )
        raise OverflowError("what the names stand for does not come to an end")

    # Code that the answer uses

    def _visit(self, node: ast.AST, scope: _Scope) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() | ast.ClassDef():
                self._enter(node, scope)
                return
            case ast.Import(names=aliases):
                for alias in aliases:
                    self._mention(alias.name, node)
            case ast.ImportFrom(names=aliases):
                for alias in aliases:
                    self._mention(_dotted(node, alias), node)
            case ast.Name(ctx=ast.Store() | ast.Del()):
                return
            case ast.Name(name):
                self._check(node, scope)
                self._refuse_handing_on_a_lookup(node, scope)
                self._follow_name(name, scope)
            case ast.Attribute():
                self._attribute(node, scope)
                return
            case ast.Call():
                self._call(node, scope)
                return
            case ast.Subscript(owner, index, ast.Load()):
                self._check_item(owner, index, node, scope)
            case ast.Match(subject=subject):
                self._hand_on([subject], node, scope)
        for target, value in _assigned(node):
            place = _without_subscripts(target)
            if isinstance(place, ast.Attribute):
                inside = isinstance(target, ast.Subscript)
                self._meanings.put(place.attr, _made(value, "held") if inside else value, scope)
        if isinstance(node, ast.Assign) and self._is_alias(node.value, scope):
            for target in node.targets:
                self._visit(target, scope)
            self._check(node.value, scope)
            return
        inner = self._meanings.inside(node, scope) if isinstance(node, _COMPREHENSIONS) else scope
        for child in _read_children(node):
            self._visit(child, inner)

    def _enter(self, node: Definition, outer: _Scope) -> None:
        """Read a function, class or lambda of the learner's, once."""
        inner = self._meanings.inside(node, outer)
        if node in self._read:
            return
        self._read.add(node)
        body = node.body if isinstance(node.body, list) else [node.body]
        for child in _read_children(node):
            if child not in body:
                self._visit(child, inner.parent or outer)
        for decorator in getattr(node, "decorator_list", ()):
            for used in self._meanings.own(decorator, inner.parent or outer):
                self._meanings.give(used, self._call_of(decorator, node), inner.parent or outer)
        for child in body:
            self._visit(child, inner)

    def _call_of(self, decorator: ast.expr, node: ast.AST) -> ast.Call:
        if "call" not in vars(decorator):
            name = ast.Name(getattr(node, "name", ""), ast.Load())
            vars(decorator)["call"] = ast.Call(decorator, [name], [])
        call: ast.Call = vars(decorator)["call"]
        return call

    def _follow_name(self, name: str, scope: _Scope) -> None:
        bound, owner = scope.lookup(name)
        for what in list(bound):
            if isinstance(what, (_Path, _Given)) or what in self._read:
                continue
            if not isinstance(what, _DEFINITIONS):
                self._read.add(what)
            if self._is_alias(what, owner):
                self._check(what, owner)
            else:
                self._visit(what, owner)

    def _is_alias(self, node: ast.AST, scope: _Scope) -> bool:
        return isinstance(node, (ast.Name, ast.Attribute)) and bool(
            self._meanings.paths(node, scope)
        )

    def _check(self, node: ast.AST, scope: _Scope) -> None:
        for path in sorted(self._meanings.paths(node, scope)):
            self._mention(path, node)

    def _attribute(self, node: ast.Attribute, scope: _Scope) -> None:
        """An attribute of a library by its path, of anything else by reading that."""
        self._check(node, scope)
        self._refuse_handing_on_a_lookup(node, scope)
        owner: ast.expr = node
        while isinstance(owner, ast.Attribute):
            attribute = owner.attr
            owner = owner.value
            for path in sorted(self._meanings.paths(owner, scope)):
                self._mention(path, node)
                if attribute in _LOOKUPS and self._holds_forbidden(path):
                    self._refuse_lookup(path, node)
                if path in _TABLES and attribute not in _LOOKS_AT_TABLE:
                    self._refuse_lookup(path, node)
        if isinstance(owner, ast.Name):
            self._follow_name(owner.id, scope)
        else:
            self._visit(owner, scope)

    def _refuse_handing_on_a_lookup(self, node: ast.AST, scope: _Scope) -> None:
        for path in sorted(self._meanings.paths(node, scope) & _MUST_BE_CALLED):
            name = path.removeprefix("builtins.")
            self._find(
                f"`{name}` must be called directly here, so that your code can be read.", node
            )

    def _hand_on(self, nodes: Iterable[ast.AST], where: ast.AST, scope: _Scope) -> None:
        """A library that holds something forbidden could not be followed from here."""
        for node in nodes:
            for value in self._meanings.values(node, scope):
                inner = value.value if isinstance(value, _Item) else value
                if isinstance(inner, _Path) and self._is_open(inner.name):
                    self._refuse_lookup(inner.name, where)

    def _is_open(self, path: str) -> bool:
        return path in _TABLES or self._holds_forbidden(path)

    def _check_item(self, owner: ast.AST, index: ast.AST, node: ast.AST, scope: _Scope) -> None:
        """What is taken from a dictionary of names."""
        tables = self._meanings.paths(owner, scope) & _TABLES
        names = self._meanings.texts(index, scope) if tables else []
        if names is None:
            self._refuse_lookup(min(tables), node)
            return
        self._check(node, scope)
        for name in names if _OWN_NAMES in tables else ():
            self._follow_name(name, scope)
            self._follow_name(name, self._globals)

    # Calls

    def _call(self, node: ast.Call, scope: _Scope) -> None:
        functions = self._meanings.paths(node.func, scope)
        args = [*node.args, *(keyword.value for keyword in node.keywords)]
        if functions & {"builtins.isinstance", "builtins.issubclass"}:
            args = node.args[:1]
        elif _GETATTR in functions:
            self._check_lookup(node, scope)
        elif functions & _IMPORTS:
            paths = self._meanings.paths(node, scope)
            if not paths:
                self._find("What is imported must be named in the code here, not computed.", node)
            for path in sorted(paths):
                self._mention(path, node)
        elif functions & _RUNS:
            self._run(node, min(functions & _RUNS), scope)
        else:
            self._visit(node.func, scope)
            self._check(node, scope)
            self._check_table(node, scope)
            self._pass(node, functions, scope)
        for arg in args:
            self._visit(arg, scope)

    def _check_table(self, node: ast.Call, scope: _Scope) -> None:
        match node:
            case ast.Call(func=ast.Attribute(owner, method), args=[index, *_]):
                if method in _TAKES:
                    self._check_item(owner, index, node, scope)

    def _pass(self, node: ast.Call, functions: set[str], scope: _Scope) -> None:
        """Arguments are followed into the learner's own functions, and looked at elsewhere."""
        args = [*node.args, *(keyword.value for keyword in node.keywords)]
        attribute = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        function, call = _called(node, functions)
        own = self._meanings.own(function, scope)
        followed = [self._meanings.give(callee, call, scope) for callee in own]
        spread = [word.value for word in node.keywords if word.arg is None]
        if functions & (_LOOKS | _COLLECTS | _GIVES_ITEM | _GIVES_BACK):
            return
        fields = self._fields_of_tuple(node.func, scope)
        for name, arg in zip(fields, node.args, strict=False):
            self._meanings.put(name, arg, scope)
        if fields or "types.SimpleNamespace" in functions:
            for word in node.keywords:
                self._meanings.put(word.arg or "", word.value, scope)
        elif "builtins.setattr" in functions and len(node.args) == 3:
            self._set(node, scope)
        elif isinstance(node.func, ast.Attribute) and not functions and self._method(node, scope):
            return
        elif not followed or not all(followed):
            if functions and all(self._is_of_a_library(path) for path in functions):
                args = [arg for arg in args if not self._is_uncertain(arg, scope)]
            if attribute not in _LOOK_METHODS or functions:
                self._hand_on(args, node, scope)
        else:
            tables = [arg for arg in args if self._meanings.paths(arg, scope) & _TABLES]
            self._hand_on([*tables, *spread], node, scope) if tables else None

    def _is_of_a_library(self, path: str) -> bool:
        return any(path.partition(".")[0] == name.partition(".")[0] for name in self._forbids)

    def _is_uncertain(self, arg: ast.AST, scope: _Scope) -> bool:
        """Whether `arg` is one of several things that were kept or handed on together, so that it
        need not be a library because another one is.
        """
        match arg:
            case ast.Name(name):
                return not scope.is_library(name)
            case ast.Starred() | ast.Subscript():
                return True
        return False

    def _fields_of_tuple(self, function: ast.AST, scope: _Scope) -> list[str]:
        """The fields where `function` is made by ``namedtuple``."""
        bound, owner = scope.lookup(function.id) if isinstance(function, ast.Name) else ([], scope)
        for what in bound:
            match what:
                case ast.Call(func=maker, args=[_, fields, *_]):
                    if "collections.namedtuple" in self._meanings.paths(maker, owner):
                        depth = int(isinstance(fields, (ast.List, ast.Tuple)))
                        texts = self._meanings.texts(fields, owner, depth) or []
                        return " ".join(texts).replace(",", " ").split()
        return []

    def _set(self, node: ast.Call, scope: _Scope) -> None:
        names = self._meanings.texts(node.args[1], scope)
        if names is None:
            self._hand_on(node.args[2:], node, scope)
        for name in names or ():
            self._meanings.put(name, node.args[2], scope)

    def _method(self, node: ast.Call, scope: _Scope) -> bool:
        """Whether a method fills, or takes from, a list or dictionary that is followed."""
        assert isinstance(node.func, ast.Attribute)
        place = _without_subscripts(node.func.value)
        if node.func.attr not in _FILLS | _TAKES or not isinstance(
            place, (ast.Name, ast.Attribute)
        ):
            return False
        if isinstance(place, ast.Attribute):
            self._meanings.put(place.attr, node, scope)
        return True

    def _check_lookup(self, node: ast.Call, scope: _Scope) -> None:
        if not node.args:
            return
        names = self._meanings.texts(node.args[1], scope) if len(node.args) > 1 else None
        for path in sorted(self._meanings.paths(node.args[0], scope)):
            if names is None and self._is_open(path):
                self._refuse_lookup(path, node)
            for name in names or ():
                self._mention(f"{path}.{name}", node)
                if name in _LOOKUPS and self._is_open(path):
                    self._refuse_lookup(path, node)

    def _run(self, node: ast.Call, path: str, scope: _Scope) -> None:
        if node not in self._bodies:
            texts = self._meanings.texts(node.args[0], scope) if node.args else None
            if texts is None:
                name = path.removeprefix("builtins.")
                self._find(
                    f"`{name}` of a text that is made while it runs cannot be read: write the code "
                    "itself.",
                    node,
                )
                return
            body = [statement for text in texts for statement in _body(text.strip())]
            inner = _Scope(scope)
            _declare(body, inner)
            self._bodies[node] = body, inner
        body, inner = self._bodies[node]
        for statement in body:
            self._visit(statement, inner)

    # Findings

    def _holds_forbidden(self, path: str) -> bool:
        return any(forbidden.startswith(f"{path}.") for forbidden in self._forbids)

    def _mention(self, path: str, node: ast.AST) -> None:
        forbidden = self._forbidden(path)
        if forbidden:
            self._find(may_not(forbidden), node)

    def _forbidden(self, path: str) -> str | None:
        for forbidden in self._forbids:
            if path == forbidden or path.startswith(f"{forbidden}."):
                return forbidden
        # The same thing at another place of a library is told by the thing itself.
        for forbidden in self._forbids:
            top = forbidden.partition(".")[0]
            if path.rpartition(".")[2] != forbidden.rpartition(".")[2]:
                continue
            if top in FRAMEWORKS and not frameworks.available(top):
                continue
            thing = find(path)
            if thing is not None and thing is find(forbidden):
                return forbidden
        return None

    def _refuse_lookup(self, path: str, node: ast.AST) -> None:
        self._find(f"What is taken from `{path}` must be named in the code here.", node)

    def _find(self, sentence: str, node: ast.AST) -> None:
        self.findings.append(Finding(sentence, _text_of(node)))


def _given_back(body: Sequence[ast.stmt]) -> Iterator[tuple[ast.expr, bool]]:
    """What a function returns or yields; and whether it is one of what it yields."""
    for statement in body:
        for node in _same_scope(statement):
            match node:
                case ast.Return(ast.expr() as value) | ast.YieldFrom(value):
                    yield value, False
                case ast.Yield(ast.expr() as value):
                    yield value, True


def _held(values: Iterable[Value]) -> set[Value]:
    """The values of a list of `values`."""
    return {value if isinstance(value, _Item) else _Item(value) for value in values}


def _taken(values: Iterable[Value]) -> set[Value]:
    """The values of an item of `values`, which may be a list itself."""
    items = [value for value in values if isinstance(value, _Item)]
    return {*items, *(item.value for item in items)}


def _called(node: ast.Call, functions: set[str]) -> tuple[ast.expr, ast.Call]:
    """The function that a call, by way of one of `functions`, calls; and the call of that."""
    if "called" in vars(node):
        called: tuple[ast.expr, ast.Call] = vars(node)["called"]
        return called
    function, args, keywords = node.func, node.args, node.keywords
    keys = [word.value for word in keywords if word.arg == "key"]
    if functions & _MAPS and args:
        function, args = args[0], [_item_of(arg) for arg in args[1:]]
    elif _PARTIAL in functions and args:
        function, args = args[0], args[1:]
    elif functions & _SORTS and keys:
        function, args, keywords = keys[0], [_item_of(arg) for arg in args[:1]], []
    elif "threading.Thread" in functions:
        words = {word.arg: word.value for word in keywords}
        given = words.get("args", ast.Tuple([], ast.Load()))
        function = words.get("target", function)
        args = given.elts if isinstance(given, ast.Tuple) else [ast.Starred(given, ast.Load())]
        keywords = []
    elif _last(function) == "submit" and not functions and args:
        function, args = args[0], args[1:]
    else:
        return function, node
    vars(node)["called"] = function, ast.Call(function, args, keywords)
    return _called(node, functions)


def _made(node: ast.AST, how: str) -> ast.AST:
    """An expression for an item of `node`, or for a list of it; the same each time."""
    if how not in vars(node):
        assert isinstance(node, ast.expr)
        inner = node.value if isinstance(node, ast.Starred) else node
        vars(node)[how] = _item_of(inner) if how == "item" else ast.List([node], ast.Load())
    made: ast.AST = vars(node)[how]
    return made


def _is_nothing(what: Binding) -> bool:
    """Whether `what` is a parameter's place, for which arguments are known."""
    return isinstance(what, ast.Constant) and what.value is None


def _last(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def _without_subscripts(node: ast.AST) -> ast.AST:
    while isinstance(node, ast.Subscript):
        node = node.value
    return node


def _read_children(node: ast.AST) -> Iterator[ast.AST]:
    """What is in `node`, without annotations."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child


def _imported(name: str, rest: Sequence[ast.expr]) -> set[str]:
    """What `import_module(name, *rest)` gives; `__import__` gives the top module."""
    packages = [arg.value for arg in rest if isinstance(arg, ast.Constant)]
    if name.startswith(".") and packages:
        name = f"{packages[0]!s}{name}"
    return {name.replace(":", "."), name.partition(".")[0]}


def _body(text: str) -> list[ast.stmt]:
    tree = _parsed(text)
    return tree.body if tree else []


def _root(node: ast.AST) -> str | None:
    """``table`` of ``table.rows[3]``."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _same_scope(node: ast.AST) -> Iterator[ast.AST]:
    """`node` and what is in it, without the insides of what binds names of its own."""
    yield node
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        return
    for child in ast.iter_child_nodes(node):
        yield from _same_scope(child)


def _dotted(node: ast.ImportFrom, alias: ast.alias) -> str:
    module = f"{'.' * node.level}{node.module or ''}"
    return module if alias.name == "*" else f"{module}.{alias.name}"


_COMMAND = re.compile(r"^\s*[%!?]|=\s*[%!]|\?\s*$")
_MOST_STEPS = 100_000
"""How much work reading IPython's own commands may be, in lines: a second or two."""


def _steps_of_transforming(cell: str) -> int:
    """The lines that IPython goes through to make Python of a cell: it begins anew at the first for
    each of its own commands.
    """
    lines = cell.splitlines()
    commands = sum(1 for line in lines if _COMMAND.search(line))
    return commands * len(lines)


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
        number = getattr(node, "lineno", 0)
        if 0 < number <= len(lines):
            vars(node)["text"] = lines[number - 1].strip()[:_LONGEST_LINE]
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
