"""Finds what gives a name another meaning behind the back of whoever reads code: another code object for a function, another value in a notebook's names.

The syntax tree is asked, and only of code that runs: statements of a cell, and the bodies of functions and classes that such code, or the answer, mentions by
name. A comment, a text that is printed, a function that nobody calls, or a look at a function's defaults swaps nothing.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence

_PARTS = {"__code__", "__defaults__"}
"""Of a function; they cannot be changed in themselves, only be replaced."""
_DICTIONARIES = {"__kwdefaults__", "__globals__", "user_ns", "user_global_ns"}
"""What holds such a dictionary may change it; only a look at the whole is harmless."""
_MAIN = "__main__"
_WORDS = _PARTS | _DICTIONARIES | {_MAIN}
_NAMES = {"globals", "locals", "vars"}
_WRITES = {"update", "setdefault", "__setitem__", "__ior__", "__delitem__", "__setattr__"}
_LOOKS = {
    "print", "display", "pprint", "repr", "str", "len", "list", "sorted", "set", "tuple", "type", "id", "bool", "Markdown", "HTML", "getLogger",
    "run_path", "run_module", "help", "isinstance",
}  # fmt: skip
"""Calls of these do not change what they are given, and run no text."""
_IMPORTS = {"import_module", "__import__"}
_HINT = re.compile("|".join([*sorted(_WORDS), r"\bpush\b", *(rf"\b{name}\b" for name in sorted(_NAMES))]))
"""A text without any of these holds no swap, and need not be parsed."""

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def find_swap(trees: Sequence[ast.Module], answer: str, parse: Callable[[str], ast.Module | None]) -> tuple[str, ast.AST] | None:
    """The first swap in cells, given as trees in their order: what it uses, and the node where. `answer` is the name that is called from outside.

    parse: text to tree, None for what is no Python. Raises RecursionError for what is nested too deeply.
    """
    run = _Run(trees, answer)
    for tree in trees:
        for node in sorted(run.nodes_of(tree), key=lambda node: (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))):
            if (what := _Look(run, parse).at(node)) is not None:
                return what, node
    return None


class _Run:
    """Which nodes of the trees run, each one's parent, and which names stand for the notebook's names or its shell."""

    def __init__(self, trees: Sequence[ast.Module], answer: str):
        self.parent: dict[ast.AST, ast.AST] = {
            child: node for tree in trees for node in ast.walk(tree) for child in ast.iter_child_nodes(node)
        }
        self._tree = {node: tree for tree in trees for node in ast.walk(tree)}
        self._defined: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]] = {}
        for node in self._tree:
            if isinstance(node, _DEFINITIONS):
                self._defined.setdefault(node.name, []).append(node)
        self._nodes: dict[ast.AST, None] = {}
        self._entered: set[ast.AST] = set()
        self._waiting: list[ast.AST] = [statement for tree in trees for statement in tree.body]
        self._mention(answer)
        while self._waiting:
            self._execute(self._waiting.pop())
        self.namespaces = set(self._bound_to(_NAMES))
        self.shells = {"shell", *self._bound_to({"get_ipython"})}

    def nodes_of(self, tree: ast.Module) -> list[ast.AST]:
        """The nodes of `tree` that run."""
        return [node for node in self._nodes if self._tree[node] is tree]

    def _execute(self, node: ast.AST) -> None:
        """What is run when `node` is: all that is in it, but for the bodies of functions, which wait until somebody mentions them."""
        for inner in _executed(node):
            self._nodes[inner] = None
            match inner:
                case ast.Name(name) | ast.Attribute(attr=name) | ast.Constant(str(name)):
                    self._mention(name)
            if isinstance(inner, _DEFINITIONS) and inner.decorator_list:  # which may call it
                self._enter(inner)

    def _mention(self, name: str) -> None:
        for definition in self._defined.get(name, ()):
            self._enter(definition)

    def _enter(self, definition: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        if definition in self._entered:
            return
        self._entered.add(definition)
        if not isinstance(definition, ast.ClassDef):
            self._waiting += definition.body
            return
        for inner in definition.body:
            if isinstance(inner, _DEFINITIONS):  # Python calls methods by itself, too
                self._enter(inner)

    def _bound_to(self, functions: set[str]) -> Iterator[str]:
        """The names that are assigned what a call of one of `functions`, without arguments, gives."""
        for node in self._nodes:
            if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and _plain_call(node.value, functions):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                yield from (target.id for target in targets if isinstance(target, ast.Name))


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    children: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        children = [*node.decorator_list, node.args]
    for child in children:
        yield from _executed(child)


def _plain_call(node: ast.AST | None, functions: set[str]) -> bool:
    """Whether `node` calls one of `functions` by its name, without arguments."""
    return isinstance(node, ast.Call) and _last_name(node.func) in functions and not node.args and not node.keywords


def _last_name(node: ast.AST) -> str:
    """``g`` of ``g`` and of ``a.b.g``, "" for anything else."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


class _Look:
    """Looks at one node that runs."""

    def __init__(self, run: _Run, parse: Callable[[str], ast.Module | None]):
        self._run, self._parse = run, parse

    def at(self, node: ast.AST) -> str | None:
        """What swaps at `node`, as it is written; None where nothing does."""
        match node:
            case ast.Attribute(attr=name, ctx=ast.Store() | ast.Del()) if name in _PARTS | _DICTIONARIES:
                return name
            case ast.Attribute(attr=name) if name in _DICTIONARIES and not self._only_looked_at(node):
                return name
            case ast.Attribute(value=owner, attr=name) if not isinstance(self._run.parent[node], ast.Expr):
                return self._attribute(owner, name)
            case ast.Import(names=aliases) if any(alias.name == _MAIN for alias in aliases):
                return f"import {_MAIN}"
            case ast.ImportFrom(module=module, level=0) if module == _MAIN:
                return f"from {_MAIN} import"
            case ast.Name("__name__") if self._names_a_module(node):
                return _MAIN
            case ast.Constant(str(text)):
                return self._text(node, text)
            case ast.JoinedStr(parts):
                return self._code("".join(str(part.value) if isinstance(part, ast.Constant) else "_" for part in parts), node)
        return None

    def _attribute(self, owner: ast.AST, name: str) -> str | None:
        if name in _WRITES and (_plain_call(owner, _NAMES) or _last_name(owner) in self._run.namespaces):
            return f"{ast.unparse(owner)}.{name}"
        if name == "push" and (_plain_call(owner, {"get_ipython"}) or _last_name(owner) in self._run.shells):
            return f"{ast.unparse(owner)}.push"
        return None

    def _only_looked_at(self, node: ast.AST) -> bool:
        """Whether the value of `node` is shown or compared as a whole, and not handed to anything that could keep or change it."""
        match self._run.parent[node]:
            case ast.Call(func=function, args=args):
                return node in args and _last_name(function) in _LOOKS
            case ast.Expr() | ast.FormattedValue() | ast.Compare():
                return True
            case ast.Attribute(attr="keys" | "items" | "values" | "copy"):
                return True
        return False

    def _names_a_module(self, node: ast.AST) -> bool:
        """Whether `node` says which module is meant: in a notebook, ``__name__`` is the notebook's own."""
        match self._run.parent[node]:
            case ast.Subscript(value=value):
                return _last_name(value) == "modules"
            case ast.Call(func=function):
                return _last_name(function) in _IMPORTS
        return False

    def _text(self, node: ast.AST, text: str) -> str | None:
        parent = self._run.parent[node]
        if text in _WORDS:
            named = isinstance(parent, ast.Subscript) or (isinstance(parent, (ast.Call, ast.keyword)) and not self._harmless(node, parent))
            looked_up = isinstance(parent, ast.Call) and _last_name(parent.func) in ("getattr", "hasattr") and text in _PARTS
            return text if named and not looked_up else None
        return None if isinstance(parent, ast.JoinedStr) else self._code(text, node)

    def _code(self, text: str, node: ast.AST) -> str | None:
        """What swaps in a text that may be run as code: a filled-in part counts as a name."""
        parent = self._run.parent[node]
        if not _HINT.search(text) or isinstance(parent, ast.Expr) or self._harmless(node, parent):
            return None
        tree = self._parse(textwrap.dedent(re.sub(r"%[sr]|\{\w*\}", "_", text)).strip())
        found = find_swap([tree], "", self._parse) if tree is not None else None
        return found[0] if found else None

    def _harmless(self, node: ast.AST, parent: ast.AST) -> bool:
        if isinstance(parent, ast.keyword):
            parent = self._run.parent[parent]
        return isinstance(parent, ast.Call) and _last_name(parent.func) in _LOOKS
