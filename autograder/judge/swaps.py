"""Finds what gives a name another meaning behind the back of whoever reads code: another code
object for a function, another value in a notebook's names.

The syntax tree is asked, and only of code that runs: statements of a cell, and the bodies of
functions and classes that such code, or the answer, mentions by name. A comment, a text that is
printed, a function that nobody calls, or a look at a function's defaults swaps nothing.
"""

from __future__ import annotations

import ast
import builtins
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
    "print", "display", "pprint", "repr", "str", "len", "list", "sorted", "set", "tuple", "type",
    "id", "bool", "Markdown", "HTML", "getLogger", "run_path", "run_module", "help", "isinstance",
}  # fmt: skip
"""Calls of these do not change what they are given, and run no text."""
_IMPORTS = {"import_module", "__import__"}
_COMPARES = {"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__"}
"""Where a cell defines one of these, a comparison hands what is compared to code of the cell's
own.
"""
_HINT = re.compile(
    "|".join([*sorted(_WORDS), r"\bpush\b", *(rf"\b{name}\b" for name in sorted(_NAMES))])
)
"""A text without any of these holds no swap, and need not be parsed."""

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def find_swap(
    trees: Sequence[ast.Module],
    answer: str,
    parse: Callable[[str], ast.Module | None],
    rebound: frozenset[str] = frozenset(),
) -> tuple[str, ast.AST] | None:
    """The first swap in cells, given as trees in their order: what it uses, and the node where.
    `answer` is the name that is called from outside.

    parse: text to tree, None for what is no Python. rebound: names that code around these trees
    binds. Raises RecursionError for what is nested too deeply.
    """
    run = _Run(trees, answer, rebound)
    look = _Look(run, parse)
    for tree in trees:
        for node in sorted(run.nodes_of(tree), key=_position):
            what = look.at(node)
            if what is not None:
                return what, node
    return None


def _position(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


class _Run:
    """Which nodes of the trees run, each one's parent, and which names stand for the notebook's
    names or its shell.
    """

    def __init__(self, trees: Sequence[ast.Module], answer: str, rebound: frozenset[str]):
        self.parent: dict[ast.AST, ast.AST] = {}
        self._tree: dict[ast.AST, ast.Module] = {}
        self._defined: dict[str, list[_Definition]] = {}
        for tree in trees:
            for node in ast.walk(tree):
                self._tree[node] = tree
                self.parent |= dict.fromkeys(ast.iter_child_nodes(node), node)
                if isinstance(node, _DEFINITIONS):
                    self._defined.setdefault(node.name, []).append(node)
        self._nodes: dict[ast.AST, None] = {}
        self._entered: set[ast.AST] = set()
        self._waiting: list[ast.AST] = [statement for tree in trees for statement in tree.body]
        self.bound = rebound.union(*(_binds(node) for node in self._tree))
        self._mention(answer)
        self._execute_all()
        # A function may then be called without its name being written.
        if any(self._opens_all_names(node) for node in self._nodes):
            for definitions in self._defined.values():
                for definition in definitions:
                    self._enter(definition)
            self._execute_all()
        calls = {_last_name(node.func) for node in self._nodes if isinstance(node, ast.Call)}
        self.meant = {answer, *dir(builtins), *self._defined, *calls}  # names that a call may be of
        self.namespaces = set(self._bound_to(self.gives_names))
        self.shells = {*self._bound_to(lambda node: _plain_call(node, {"get_ipython"}))} | (
            {"shell"} - self.bound
        )

    def nodes_of(self, tree: ast.Module) -> list[ast.AST]:
        """The nodes of `tree` that run."""
        return [node for node in self._nodes if self._tree[node] is tree]

    def gives_names(self, node: ast.AST | None) -> bool:
        """Whether `node` is a call that gives the notebook's names: in a function, `locals` and
        `vars` give the function's own.
        """
        if not _plain_call(node, _NAMES):
            return False
        return _plain_call(node, {"globals"}) or not self._in_function(node)

    def looks(self, function: ast.AST) -> bool:
        """Whether a call of `function` only looks at what it is given: by its name, which no
        cell has given to something else.
        """
        return (name := _last_name(function)) in _LOOKS and name not in self.bound

    def _in_function(self, node: ast.AST | None) -> bool:
        while (node := self.parent.get(node) if node else None) is not None:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                return True
        return False

    def _opens_all_names(self, node: ast.AST) -> bool:
        """Whether `node` gets at functions by names that are not written here."""
        if not (
            self.gives_names(node) or (_plain_call(node, {"dir"}) and not self._in_function(node))
        ):
            return False
        match self.parent[node]:
            case ast.Subscript(slice=ast.Constant()):
                return False
        return True

    def _execute_all(self) -> None:
        while self._waiting:
            self._execute(self._waiting.pop())

    def _execute(self, node: ast.AST) -> None:
        """What is run when `node` is: all that is in it, but for the bodies of functions, which
        wait until somebody mentions them.
        """
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

    def _enter(self, definition: _Definition) -> None:
        if definition in self._entered:
            return
        self._entered.add(definition)
        if not isinstance(definition, ast.ClassDef):
            self._waiting += definition.body
            return
        for inner in definition.body:
            if isinstance(inner, _DEFINITIONS):  # Python calls methods by itself, too
                self._enter(inner)

    def _bound_to(self, chosen: Callable[[ast.AST | None], bool]) -> Iterator[str]:
        """The names that are assigned a value which is `chosen`."""
        for node in self._nodes:
            if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and chosen(node.value):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                yield from (target.id for target in targets if isinstance(target, ast.Name))


def _binds(node: ast.AST) -> set[str]:
    """The names that `node` itself gives a meaning to."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
            return {name}
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            # Under its own name a thing is what it always is.
            return {
                alias.asname
                for alias in aliases
                if alias.asname and alias.asname != alias.name.rpartition(".")[2]
            }
        case (
            ast.ExceptHandler(name=str(name))
            | ast.MatchAs(name=str(name))
            | ast.MatchStar(name=str(name))
        ):
            return {name}
        case ast.MatchMapping(rest=str(name)):
            return {name}
    return set()


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    children: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        children = [*node.decorator_list, node.args]
    for child in children:
        yield from _executed(child)


def _plain_call(node: ast.AST | None, functions: set[str]) -> bool:
    """Whether `node` calls one of `functions` by its name, without arguments."""
    return (
        isinstance(node, ast.Call)
        and _last_name(node.func) in functions
        and not node.args
        and not node.keywords
    )


def _last_name(node: ast.AST) -> str:
    """``g`` of ``g`` and of ``a.b.g``, "" for anything else."""
    match node:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
    return ""


class _Look:
    """Looks at one node that runs."""

    def __init__(self, run: _Run, parse: Callable[[str], ast.Module | None]):
        self._run, self._parse = run, parse

    def at(self, node: ast.AST) -> str | None:
        """What swaps at `node`, as it is written; None where nothing does."""
        match node:
            case ast.Attribute(attr=name, ctx=ast.Store() | ast.Del()) if (
                name in _PARTS | _DICTIONARIES
            ):
                return name
            case ast.Attribute(attr=name) if name in _DICTIONARIES and not self._only_looked_at(
                node
            ):
                return name
            case ast.Attribute(value=owner, attr=name) if not isinstance(
                self._run.parent[node], ast.Expr
            ):
                return self._attribute(node, owner, name)
            case ast.Import(names=aliases) if any(alias.name == _MAIN for alias in aliases):
                return f"import {_MAIN}"
            case ast.ImportFrom(module=module, level=0) if module == _MAIN:
                return f"from {_MAIN} import"
            case ast.Name("__name__") if self._names_a_module(node):
                return _MAIN
            case ast.Call() if self._run.gives_names(node) and self._handed_on(node):
                return ast.unparse(node)
            case ast.Constant(str(text)):
                return self._text(node, text)
            case ast.JoinedStr(parts):
                return self._code(
                    "".join(
                        str(part.value) if isinstance(part, ast.Constant) else "_" for part in parts
                    ),
                    node,
                )
        return None

    def _attribute(self, node: ast.AST, owner: ast.AST, name: str) -> str | None:
        if name == "setdefault" and self._makes_no_function(node):
            return None
        if name in _WRITES and (
            self._run.gives_names(owner) or _last_name(owner) in self._run.namespaces
        ):
            return f"{ast.unparse(owner)}.{name}"
        kept = isinstance(owner, ast.Name) and owner.id in self._run.shells
        if name == "push" and (
            kept or _plain_call(owner, {"get_ipython"}) or getattr(owner, "attr", "") == "shell"
        ):
            return f"{ast.unparse(owner)}.push"
        return None

    def _makes_no_function(self, node: ast.AST) -> bool:
        """Whether the call of the method `node` makes a name that no code calls, as who keeps
        results between cells may do.
        """
        match self._run.parent[node]:
            case ast.Call(func=function, args=[ast.Constant(str(key)), *_]) if function is node:
                return key not in self._run.meant
        return False

    def _only_looked_at(self, node: ast.AST) -> bool:
        """Whether the value of `node` is shown or compared as a whole, and not handed to
        anything that could keep or change it.
        """
        match self._run.parent[node]:
            case ast.Call(func=function, args=args):
                return node in args and self._run.looks(function)
            case ast.Compare():
                return not _COMPARES & self._run.bound
            case ast.Expr() | ast.FormattedValue():
                return True
            case ast.BoolOp() as either:  # (f.__kwdefaults__ or {}).get("a")
                return isinstance(self._run.parent[either], ast.Attribute) and self._only_looked_at(
                    either
                )
            case ast.Attribute(attr="keys" | "items" | "values" | "copy" | "get"):
                return True
        return False

    def _handed_on(self, node: ast.AST) -> bool:
        """Whether the notebook's names are put where they can be changed under another name."""
        match self._run.parent[node]:
            case ast.List() | ast.Tuple() | ast.Set() | ast.Dict():
                return True
            case ast.Call(func=function):
                return _last_name(function) in _WRITES or isinstance(function, ast.Lambda)
        return False

    def _names_a_module(self, node: ast.AST) -> bool:
        """Whether `node` says which module is meant: in a notebook, ``__name__`` is the
        notebook's own.
        """
        match self._run.parent[node]:
            case ast.Subscript(value=value):
                return _last_name(value) == "modules"
            case ast.Call(func=function):
                return _last_name(function) in _IMPORTS
        return False

    def _text(self, node: ast.AST, text: str) -> str | None:
        parent = self._run.parent[node]
        if text == _MAIN:
            named = isinstance(parent, ast.Subscript) or (
                isinstance(parent, (ast.Call, ast.keyword)) and not self._harmless(node, parent)
            )
            return text if named else None
        if text in _WORDS:
            return None if self._only_said(node, text, parent) else text
        return None if isinstance(parent, ast.JoinedStr) else self._code(text, node)

    def _only_said(self, node: ast.AST, text: str, parent: ast.AST) -> bool:
        """Whether the name of a function's part is shown, compared or looked up where it stands,
        and not kept for a call that could change it.
        """
        match parent:
            case ast.Expr() | ast.JoinedStr():
                return True
            case ast.Compare():
                return not _COMPARES & self._run.bound
            case ast.Call(
                func=ast.Name(id="getattr" | "hasattr" as function), args=[_, second, *_]
            ):
                return second is node and text in _PARTS and function not in self._run.bound
        return self._harmless(node, parent)

    def _code(self, text: str, node: ast.AST) -> str | None:
        """What swaps in a text that may be run as code: a filled-in part counts as a name."""
        parent = self._run.parent[node]
        if not _HINT.search(text) or isinstance(parent, ast.Expr) or self._harmless(node, parent):
            return None
        tree = self._parse(textwrap.dedent(re.sub(r"%[sr]|\{\w*\}", "_", text)).strip())
        found = find_swap([tree], "", self._parse, self._run.bound) if tree is not None else None
        return found[0] if found else None

    def _harmless(self, node: ast.AST, parent: ast.AST) -> bool:
        if isinstance(parent, ast.keyword):
            parent = self._run.parent[parent]
        return isinstance(parent, ast.Call) and self._run.looks(parent.func)
