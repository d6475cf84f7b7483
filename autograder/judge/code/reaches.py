"""What the cells of a submission reach for that no exercise needs, and by which something could be
hidden from whoever reads an answer or watches it: processes, threads, code in texts and files, the
engine's own modules, names that are bound out of sight.

It is told to the instructor, who looks; it is no verdict, and no list of it is whole. Only names
are read, as they were imported and assigned; nothing is run.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import autograder
from autograder.judge.code import name_binding, reach_names
from autograder.judge.code.cell_syntax import LONGEST_LINE, parsed, text_of

_MOST = 20
"""Beyond so many nobody reads on."""

_DEEPEST_TREE = 150
"""Nodes within nodes, beyond what anybody writes by hand."""

_LONGEST_PATH = 12
"""Parts of a dotted name beyond which it is not followed."""

_RUN_FILE = re.compile(r"^[ \t]*%run\b.*", re.MULTILINE)
_RUNS = {"eval", "exec", "compile"}
_IMPORTS = {"__import__", "importlib.import_module", "importlib.__import__"}
_SHELL = "get_ipython()"
_MAIN = "__main__"
_LOOKS = {
    "print", "display", "len", "sorted", "list", "set", "tuple", "type", "repr", "str", "bool",
    "dict", "timeit", "repeat", "getLogger", "getattr", "hasattr", "help", "isinstance",
}  # fmt: skip
"""Calls of these only look at what they are given."""

_OWN_NAMES = {"globals", "locals", "vars"}
_LOOKS_AT_NAMES = {"get", "keys", "items", "values", "copy"}
_LITERALS = (ast.Constant, ast.Dict, ast.List, ast.Set, ast.Tuple)
_COMPARES = {"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__"}
"""Where a cell defines one of these, to compare is to hand on."""
_PUBLIC = set(autograder.__all__)


@dataclass(frozen=True)
class Reach:
    """Something to look at: in which cell (counted from 1; the name of a file beside the notebook),
    the line of code, and what it is.
    """

    where: str
    line: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: {self.line}"


def reaches(cells: Mapping[str, str]) -> list[Reach]:
    """What the sources in `cells`, by where they stand, reach for; each kind once a cell."""
    trees = {where: parsed(source) for where, source in cells.items()}
    names = _Names(tree for tree in trees.values() if tree is not None)
    found: dict[tuple[str, str], Reach] = {}
    for where, source in cells.items():
        for match in _RUN_FILE.finditer(source):
            line = match.group().strip()[:LONGEST_LINE]
            reach = Reach(where, line, reach_names.TEXT)
            found.setdefault((where, reach.what), reach)
        tree = trees[where]
        if tree is None:
            continue
        for what, line in _Reader(tree, names).found():
            found.setdefault((where, what), Reach(where, line, what))
    return list(found.values())[:_MOST]


class _Names:
    """The dotted names that names in the cells go by, wherever they are imported or assigned.

    own: the names that are given a meaning in the cells.
    """

    def __init__(self, trees: Iterable[ast.Module]):
        self._paths: dict[str, str] = {}
        self.own: set[str] = set()
        assigned = []
        for tree in trees:
            for node in ast.walk(tree):
                self._note_import(node)
                if isinstance(node, ast.stmt):
                    self.own.update(name_binding.bound_by(node))
                assigned += list(name_binding.pairs(node))
        # A name of a name of a name is enough.
        for _ in range(3):
            for target, value in assigned:
                path = self.path(value)
                if isinstance(target, ast.Name) and path:
                    self._paths.setdefault(target.id, path)
        self.own -= set(self._paths) - _LOOKS

    def _note_import(self, node: ast.AST) -> None:
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    top, _, _ = alias.name.partition(".")
                    path = alias.name if alias.asname else top
                    self._paths[alias.asname or top] = path
            case ast.ImportFrom(module=str(module), names=aliases):
                for alias in aliases:
                    path = f"{module}.{alias.name}"
                    name = alias.asname or alias.name
                    self._paths[name] = path.removeprefix("builtins.")

    def path(self, node: ast.AST, depth: int = 0) -> str:
        """The dotted name of something that is not one's own; "" where it is."""
        match node:
            case ast.Name(name):
                own = name if name in _RUNS | _IMPORTS | _OWN_NAMES else ""
                return self._paths.get(name, own)
            case ast.Attribute(owner, name) if depth < _LONGEST_PATH:
                path = self.path(owner, depth + 1)
                if not path:
                    return ""
                return f"{path}.{name}".removeprefix("builtins.")
            case ast.Call(func=function) if (
                name_binding.name_of(function) == "get_ipython"
            ):
                return _SHELL
            case ast.Call(func=ast.Name() | ast.Attribute()) if (
                self.path(node.func) in _IMPORTS
            ):
                return name_binding.first_text(node)
            case ast.Call(
                ast.Name("getattr"), [ast.Name() as owner, ast.Constant(str(name)), *_]
            ):
                path = self.path(owner)
                return f"{path}.{name}" if path else ""
        return ""


class _Reader:
    """Reads one cell."""

    def __init__(self, tree: ast.Module, names: _Names):
        self._names = names
        self._parent: dict[ast.AST, ast.AST] = {}
        self._nodes: list[ast.AST] = []
        self._depth: dict[ast.AST, int] = {tree: 0}
        waiting: list[ast.AST] = [tree]
        while waiting:
            node = waiting.pop()
            self._nodes.append(node)
            for child in ast.iter_child_nodes(node):
                self._parent[child] = node
                self._depth[child] = self._depth[node] + 1
                waiting.append(child)

    def found(self) -> Iterator[tuple[str, str]]:
        """(what, line) of all that is to be looked at, in the order of the lines."""
        in_order = sorted(self._nodes, key=lambda node: getattr(node, "lineno", 0))
        for node in in_order:
            for what in (*self._imported(node), self._what(node)):
                if what:
                    yield what, text_of(node)
            if self._depth[node] > _DEEPEST_TREE:
                yield reach_names.DEEP, text_of(node)
            for text in self._texts_run_by(node):
                inner = parsed(textwrap.dedent(text).strip())
                if inner is not None:
                    yield from _Reader(inner, self._names).found()

    def _imported(self, node: ast.AST) -> Iterator[str]:
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    yield _what_is(alias.name)
            case ast.ImportFrom(module=str(module), names=aliases):
                for alias in aliases:
                    yield _what_is(f"{module}.{alias.name}")

    def _what(self, node: ast.AST) -> str:
        match node:
            case ast.Name() | ast.Attribute():
                return self._of_name(node)
            case ast.Call():
                return self._of_call(node)
            case ast.Subscript():
                return self._of_item(node)
            case ast.Constant(str(text)) if text in reach_names.REPLACED:
                return "" if self._is_looked_at(node) else reach_names.PARTS
            case ast.keyword(arg="allow_pickle", value=ast.Constant(True)):
                return reach_names.BYTES
        return ""

    def _of_name(self, node: ast.Name | ast.Attribute) -> str:
        is_changed = isinstance(node.ctx, (ast.Store, ast.Del))
        if isinstance(node, ast.Attribute):
            if node.attr in reach_names.REPLACED:
                return reach_names.PARTS if is_changed else ""
            if node.attr in reach_names.ATTRIBUTES:
                is_looked_at = not is_changed and self._is_looked_at(node)
                return "" if is_looked_at else reach_names.ATTRIBUTES[node.attr]
            if is_changed and self._is_builtins(node.value):
                return reach_names.BUILTINS
        elif node.id == "__builtins__":
            return reach_names.BUILTINS
        path = self._names.path(node)
        if path in _RUNS and not is_changed:
            return self._of_run(node)
        return _what_is(path)

    def _is_builtins(self, node: ast.AST) -> bool:
        return self._names.path(node) == "builtins"

    def _of_run(self, node: ast.AST) -> str:
        """`eval` and the like: where what is run stands there, that is read."""
        match self._parent[node]:
            case ast.Call(func=function, args=[ast.Constant(), *_]) if function is node:
                return ""
            case ast.Assign():
                return ""
        return reach_names.TEXT

    def _texts_run_by(self, node: ast.AST) -> Iterator[str]:
        if not isinstance(node, ast.Call):
            return
        path = self._names.path(node.func)
        if path not in _RUNS and not path.startswith(f"{_SHELL}.run_"):
            return
        text = name_binding.longest_text(node)
        if text:
            yield text

    def _of_call(self, node: ast.Call) -> str:
        path = self._names.path(node.func)
        if path in _RUNS:
            return "" if name_binding.first_text(node) else reach_names.TEXT
        if path in _IMPORTS:
            named = name_binding.first_text(node)
            return _what_is(named) if named else reach_names.COMPUTED
        if path in _OWN_NAMES:
            return self._of_own_names(node, path)
        match node:
            case ast.Call(ast.Name("setattr"), [owner, *_]) if self._is_builtins(owner):
                return reach_names.BUILTINS
            case ast.Call(ast.Name("getattr"), [owner, key, *_]):
                is_written = isinstance(key, ast.Constant)
                if is_written:
                    return _what_is(self._names.path(node))
                return reach_names.COMPUTED if self._is_guarded(owner) else ""
            case ast.Call(ast.Attribute(owner, _), [ast.Constant("__main__")]):
                is_modules = self._names.path(owner) == "sys.modules"
                return reach_names.NAMES if is_modules else ""
        return ""

    def _is_guarded(self, owner: ast.AST) -> bool:
        """Whether things to look at are taken from this module."""
        return self._names.path(owner) in reach_names.GUARDED

    def _of_own_names(self, node: ast.Call, function: str) -> str:
        if function == "vars" and node.args:
            return reach_names.COMPUTED if self._is_guarded(node.args[0]) else ""
        if function != "globals" and self._in_function(node):
            return ""
        match self._parent[node]:
            case ast.Subscript(slice=ast.Constant()) | ast.Compare() | ast.Expr():
                return ""
            case ast.Attribute(attr=method) if method in _LOOKS_AT_NAMES:
                return ""
            case ast.Attribute(attr="setdefault") as method:
                return "" if self._keeps_a_value(method) else reach_names.NAMES
            case ast.keyword(arg="globals" | None):
                return ""
        return "" if self._is_looked_at(node) else reach_names.NAMES

    def _keeps_a_value(self, method: ast.Attribute) -> bool:
        """Whether ``setdefault`` keeps a list or a number, as who keeps results between cells."""
        match self._parent[method]:
            case ast.Call(args=[ast.Constant(), value]):
                return isinstance(value, _LITERALS)
        return False

    def _in_function(self, node: ast.AST) -> bool:
        outer = self._parent.get(node)
        while outer is not None and not isinstance(outer, name_binding.FUNCTIONS):
            outer = self._parent.get(outer)
        return outer is not None

    def _of_item(self, node: ast.Subscript) -> str:
        path = self._names.path(node.value)
        if path != "sys.modules":
            is_changed = isinstance(node.ctx, (ast.Store, ast.Del))
            return reach_names.BUILTINS if is_changed and path == "__dict__" else ""
        match node.slice:
            case ast.Constant(str(name)):
                return reach_names.NAMES if name == _MAIN else _what_is(name)
            case ast.Name("__name__"):
                return reach_names.NAMES
        return reach_names.COMPUTED

    def _is_looked_at(self, node: ast.AST) -> bool:
        """Whether `node` is only shown, compared or looked up."""
        parent = self._parent[node]
        if isinstance(parent, ast.keyword):
            parent = self._parent[parent]
        match parent:
            case ast.Call(func=function):
                return name_binding.name_of(function) in _LOOKS - self._names.own
            case ast.Attribute(attr=method):
                return method in _LOOKS_AT_NAMES
            case ast.BoolOp():
                return self._is_looked_at(parent)
            case ast.Compare():
                return not _COMPARES & self._names.own
        return isinstance(parent, (ast.Expr, ast.FormattedValue, ast.JoinedStr))


def _what_is(path: str) -> str:
    """What a dotted name is, by itself or what it is below; "" for what anybody may use."""
    top, _, rest = path.partition(".")
    if top == "autograder" and rest:
        return "" if rest.partition(".")[0] in _PUBLIC else reach_names.ENGINE
    while path:
        if path in reach_names.WHAT:
            return reach_names.WHAT[path]
        path, _, _ = path.rpartition(".")
    return ""
