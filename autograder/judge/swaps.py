"""Finds code that rebinds a name invisibly to whoever reads it: it gives a function another code
object, or a notebook's name another value.

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
"""Attributes of a function that can only be replaced, not changed."""
_DICTIONARIES = {"__kwdefaults__", "__globals__", "user_ns", "user_global_ns"}
"""Code that keeps such a dictionary can change it; reading it whole is safe."""
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
_WHOLE_WORDS = [rf"\b{name}\b" for name in ("push", *sorted(_NAMES))]
_HINT = re.compile("|".join([*sorted(_WORDS), *_WHOLE_WORDS]))
"""A text without any of these holds no swap, and need not be parsed."""
_PLACE_HOLDER = re.compile(r"%[sr]|\{\w*\}")

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
    reader = _SwapReader(run, parse)
    for tree in trees:
        nodes = run.nodes_of(tree)
        for node in sorted(nodes, key=_position):
            swap = reader.swap_at(node)
            if swap is not None:
                return swap, node
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
        self._nodes: dict[ast.AST, None] = {}
        self._entered: set[ast.AST] = set()
        self._waiting: list[ast.AST] = []
        for tree in trees:
            self._add(tree)
            self._waiting += tree.body
        self.bound = rebound.union(*map(_binds, self._tree))
        self._mention(answer)
        self._execute_all()
        # A function may then be called without its name being written.
        if any(map(self._opens_all_names, self._nodes)):
            self._enter_all()
            self._execute_all()
        self.meant = self._meant(answer)
        self.namespaces = self._bound_to(self.gives_names)
        self.shells = self._bound_to(_gives_shell) | ({"shell"} - self.bound)

    def _add(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            self._tree[node] = tree
            for child in ast.iter_child_nodes(node):
                self.parent[child] = node
            if isinstance(node, _DEFINITIONS):
                self._defined.setdefault(node.name, []).append(node)

    def _meant(self, answer: str) -> set[str]:
        """The names that a call may be of."""
        calls = [node for node in self._nodes if isinstance(node, ast.Call)]
        called = {_last_name(call.func) for call in calls}
        return {answer, *dir(builtins), *self._defined, *called}

    def nodes_of(self, tree: ast.Module) -> list[ast.AST]:
        """The nodes of `tree` that run."""
        return [node for node in self._nodes if self._tree[node] is tree]

    def gives_names(self, node: ast.AST | None) -> bool:
        """Whether `node` is a call that gives the notebook's names: in a function, `locals` and
        `vars` give the function's own.
        """
        if _plain_call(node, {"globals"}):
            return True
        return _plain_call(node, _NAMES) and not self._in_function(node)

    def looks(self, function: ast.AST) -> bool:
        """Whether a call of `function` only looks at what it is given: by its name, which no
        cell has given to something else.
        """
        name = _last_name(function)
        return name in _LOOKS and name not in self.bound

    def _in_function(self, node: ast.AST | None) -> bool:
        outer = self.parent.get(node) if node else None
        while outer is not None:
            if isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                return True
            outer = self.parent.get(outer)
        return False

    def _opens_all_names(self, node: ast.AST) -> bool:
        """Whether `node` gets at functions by names that are not written here."""
        lists_names = _plain_call(node, {"dir"}) and not self._in_function(node)
        if not lists_names and not self.gives_names(node):
            return False
        parent = self.parent[node]
        name_is_written = isinstance(parent, ast.Subscript) and isinstance(
            parent.slice, ast.Constant
        )
        return not name_is_written

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
            # A decorator may call what it is given.
            if isinstance(inner, _DEFINITIONS) and inner.decorator_list:
                self._enter(inner)

    def _mention(self, name: str) -> None:
        for definition in self._defined.get(name, ()):
            self._enter(definition)

    def _enter_all(self) -> None:
        for name in self._defined:
            self._mention(name)

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

    def _bound_to(self, chosen: Callable[[ast.AST | None], bool]) -> set[str]:
        """The names that are assigned a value which is `chosen`."""
        names = set()
        for node in self._nodes:
            if not isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
                continue
            if not chosen(node.value):
                continue
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
        return names


def _binds(node: ast.AST) -> set[str]:
    """The names that `node` itself gives a meaning to."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
            return {name}
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return _renamed(aliases)
        case (
            ast.ExceptHandler(name=str(name))
            | ast.MatchAs(name=str(name))
            | ast.MatchStar(name=str(name))
        ):
            return {name}
        case ast.MatchMapping(rest=str(name)):
            return {name}
    return set()


def _renamed(aliases: Sequence[ast.alias]) -> set[str]:
    """The new names of what is imported under another than its own: under that a thing is what
    it always is.
    """
    names = set()
    for alias in aliases:
        own_name = alias.name.rpartition(".")[2]
        if alias.asname and alias.asname != own_name:
            names.add(alias.asname)
    return names


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    children: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        children = [*node.decorator_list, node.args]
    for child in children:
        yield from _executed(child)


def _plain_call(node: ast.AST | None, functions: set[str]) -> bool:
    """Whether `node` calls one of `functions` by its name, without arguments."""
    if not isinstance(node, ast.Call):
        return False
    if node.args or node.keywords:
        return False
    return _last_name(node.func) in functions


def _gives_shell(node: ast.AST | None) -> bool:
    return _plain_call(node, {"get_ipython"})


def _last_name(node: ast.AST) -> str:
    """``g`` of ``g`` and of ``a.b.g``, "" for anything else."""
    match node:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
    return ""


class _SwapReader:
    """Reads one node that runs."""

    def __init__(self, run: _Run, parse: Callable[[str], ast.Module | None]):
        self._run = run
        self._parse = parse

    def swap_at(self, node: ast.AST) -> str | None:
        """What swaps at `node`, as it is written; None where nothing does."""
        match node:
            case ast.Attribute():
                return self._attribute(node)
            case ast.Import() | ast.ImportFrom():
                return self._import(node)
            case ast.Name("__name__"):
                return _MAIN if self._names_a_module(node) else None
            case ast.Call():
                gives_away = self._run.gives_names(node) and self._handed_on(node)
                return ast.unparse(node) if gives_away else None
            case ast.Constant(str(text)):
                return self._text(node, text)
            case ast.JoinedStr(parts):
                return self._code(_filled_in(parts), node)
        return None

    def _import(self, node: ast.Import | ast.ImportFrom) -> str | None:
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
            return f"import {_MAIN}" if _MAIN in modules else None
        if node.module == _MAIN and node.level == 0:
            return f"from {_MAIN} import"
        return None

    def _attribute(self, node: ast.Attribute) -> str | None:
        name = node.attr
        is_changed = isinstance(node.ctx, (ast.Store, ast.Del))
        if is_changed and name in _PARTS | _DICTIONARIES:
            return name
        if name in _DICTIONARIES and not self._only_looked_at(node):
            return name
        if isinstance(self._run.parent[node], ast.Expr):
            return None
        return self._method(node)

    def _method(self, node: ast.Attribute) -> str | None:
        """A method that writes names into a notebook."""
        owner = node.value
        writes = node.attr in _WRITES and self._holds_names(owner)
        if writes and not self._makes_no_function(node):
            return ast.unparse(node)
        if node.attr == "push" and self._is_shell(owner):
            return ast.unparse(node)
        return None

    def _holds_names(self, owner: ast.expr) -> bool:
        return self._run.gives_names(owner) or _last_name(owner) in self._run.namespaces

    def _is_shell(self, owner: ast.expr) -> bool:
        if isinstance(owner, ast.Name) and owner.id in self._run.shells:
            return True
        if isinstance(owner, ast.Attribute) and owner.attr == "shell":
            return True
        return _gives_shell(owner)

    def _makes_no_function(self, node: ast.Attribute) -> bool:
        """Whether `node` is called as ``setdefault`` and makes a name that no code calls, as who
        keeps results between cells may do.
        """
        if node.attr != "setdefault":
            return False
        match self._run.parent[node]:
            case ast.Call(func=function, args=[ast.Constant(str(key)), *_]) if function is node:
                return key not in self._run.meant
        return False

    def _only_looked_at(self, node: ast.AST) -> bool:
        """Whether the value of `node` is shown or compared as a whole, and not handed to
        anything that could keep or change it.
        """
        parent = self._run.parent[node]
        match parent:
            case ast.Call(func=function, args=args):
                return node in args and self._run.looks(function)
            case ast.Compare():
                return not _COMPARES & self._run.bound
            case ast.Expr() | ast.FormattedValue():
                return True
            case ast.BoolOp():  # (f.__kwdefaults__ or {}).get("a")
                is_owner = isinstance(self._run.parent[parent], ast.Attribute)
                return is_owner and self._only_looked_at(parent)
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
            return text if self._looks_up_main(node, parent) else None
        if text in _WORDS:
            return None if self._only_said(node, text, parent) else text
        if isinstance(parent, ast.JoinedStr):
            return None
        return self._code(text, node)

    def _looks_up_main(self, node: ast.AST, parent: ast.AST) -> bool:
        if isinstance(parent, ast.Subscript):
            return True
        if not isinstance(parent, (ast.Call, ast.keyword)):
            return False
        return not self._harmless(node, parent)

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
        if not _HINT.search(text):
            return None
        parent = self._run.parent[node]
        if isinstance(parent, ast.Expr) or self._harmless(node, parent):
            return None
        filled_in = _PLACE_HOLDER.sub("_", text)
        source = textwrap.dedent(filled_in).strip()
        tree = self._parse(source)
        if tree is None:
            return None
        found = find_swap([tree], "", self._parse, self._run.bound)
        if found is None:
            return None
        swap, _ = found
        return swap

    def _harmless(self, node: ast.AST, parent: ast.AST) -> bool:
        if isinstance(parent, ast.keyword):
            parent = self._run.parent[parent]
        return isinstance(parent, ast.Call) and self._run.looks(parent.func)


def _filled_in(parts: Sequence[ast.expr]) -> str:
    """The text of an f-string, with a name where a value goes."""
    texts = []
    for part in parts:
        text = str(part.value) if isinstance(part, ast.Constant) else "_"
        texts.append(text)
    return "".join(texts)
