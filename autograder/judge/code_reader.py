"""Reads an answer for library calls that its task forbids, whatever they are called in it. Nothing
of what it reads is run.

It starts at the answer's definition and goes through the learner's own functions, classes and
variables that the answer mentions by name, through all cells; a cell that the answer does not use,
one that compares with a library's result, say, is not looked at. The rule for that code is a rule
on its syntax:

- What is forbidden must not be mentioned, by whatever name it was imported or assigned.
- A library that holds something forbidden is used by its attributes, ``library.name``, and not
  handed on, because what is then taken from it cannot be seen.
- What looks up or runs code by a text (`getattr`, `import_module`, `eval`) is called directly, with
  the text written there.

What cannot be seen by reading is seen when it runs: `autograder.answers.call_watch`.
"""

from __future__ import annotations

import ast
import builtins
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
_NAMESPACES = {"builtins.globals", "builtins.locals", "builtins.vars"}
_CALLED_DIRECTLY = _IMPORTS | _RUNS | {_GETATTR} | _NAMESPACES
_TYPE_TESTS = {"builtins.isinstance", "builtins.issubclass"}
_LOOKUPS = {"__dict__", "__getattribute__", "__getattr__"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


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
        kind = type(error).__name__
        return Finding(
            "This task asks for your own code, and this could not be read "
            f"({kind}): write it more simply."
        )


def _read(code: Code, forbids: Sequence[str]) -> Finding | None:
    parsed = [_parsed(cell) for cell in code.cells]
    trees = [tree for tree in parsed if tree is not None]
    swap = find_swap(trees, code.name, _parsed)
    if swap is not None:
        name, node = swap
        return Finding(
            f"This task asks for your own code, and `{name}` may put "
            "other code in its place: leave it out.",
            _text_of(node),
        )
    reader = _Reader((*forbids, *_NEVER, *code.beside), trees)
    is_own = reader.follow(code.name)
    if reader.findings:
        return reader.findings[0]
    if code.complete and not is_own:
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


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef

Binding = ast.AST | _Path
"""What gives a name its meaning: something of a library, or code of the learner's."""


@dataclass
class _Scope:
    """Names of the notebook, or of one of its functions, each with all that may be bound to it."""

    parent: _Scope | None = None
    names: dict[str, list[Binding]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)

    def bind(self, name: str, what: Binding, replace: bool = False) -> None:
        if replace:
            self.names[name] = []
        self.names.setdefault(name, []).append(what)

    def lookup(self, name: str) -> tuple[list[Binding], _Scope]:
        scope = self
        while name not in scope.names and scope.parent is not None:
            scope = scope.parent
        return scope.names.get(name, []), scope

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
            _declare_import(node, scope, sure)
        case ast.ImportFrom():
            _declare_import_from(node, scope, sure)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            scope.bind(name, node, sure)
            if scope.parent is None:
                _declare_globals(node, scope)
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                _bind_target(target, value, scope, sure)
        case (
            ast.AnnAssign(target=target, value=ast.expr() as value)
            | ast.NamedExpr(target=target, value=value)
        ):
            _bind_target(target, value, scope, sure)
        case ast.AugAssign(target=target, value=value) | ast.For(target=target, iter=value):
            _bind_target(target, value, scope)
        case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
            _bind_target(target, value, scope)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            scope.bind(name, ast.Constant(None))
        case ast.Expr(ast.Call() as call):
            _declare_call(call, scope)


def _declare_import(node: ast.Import, scope: _Scope, sure: bool) -> None:
    for alias in node.names:
        if alias.asname:
            scope.bind(alias.asname, _Path(alias.name), sure)
        else:
            top = alias.name.partition(".")[0]
            scope.bind(top, _Path(top), sure)


def _declare_import_from(node: ast.ImportFrom, scope: _Scope, sure: bool) -> None:
    for alias in node.names:
        if alias.name == "*":
            scope.stars.append(node.module or "")
            continue
        name = alias.asname or alias.name
        path = _Path(_dotted(node, alias))
        scope.bind(name, path, sure)


def _declare_call(call: ast.Call, scope: _Scope) -> None:
    """A statement that is a call may fill something: ``table.append(...)``, ``setattr(h, ...)``."""
    match call:
        case ast.Call(
            func=ast.Attribute(attr="run_cell_magic"), args=[_, _, ast.Constant(str(text))]
        ):
            _declare(_body(text), scope)
        case ast.Call(func=ast.Name("exec"), args=[ast.Constant(str(text)), *_]):
            _declare(_body(text), scope)
        case (
            ast.Call(func=ast.Name("setattr"), args=[owner, *_])
            | ast.Call(func=ast.Attribute(value=owner))
        ):
            name = _root(owner)
            if name and not scope.is_library(name):
                scope.bind(name, call)


def _bind_target(target: ast.AST, value: ast.AST, scope: _Scope, sure: bool = False) -> None:
    match target:
        case ast.Name(name):
            scope.bind(name, value, sure)
        case ast.Starred(inner):
            _bind_target(inner, value, scope, sure)
        case ast.Tuple(targets) | ast.List(targets):
            for inner in targets:
                _bind_target(inner, value, scope, sure)
        case ast.Subscript(ast.Call(ast.Name("globals")), ast.Constant(str(name))):
            scope.bind(name, value)
        case ast.Attribute() | ast.Subscript():
            owner = _root(target)
            if owner and not scope.is_library(owner):
                scope.bind(owner, value)


def _declare_arguments(arguments: ast.arguments, scope: _Scope) -> None:
    """The names of a function's arguments, each with its default if it has one."""
    for node in ast.walk(arguments):
        if isinstance(node, ast.arg):
            scope.bind(node.arg, ast.Constant(None))
    positional = [*arguments.posonlyargs, *arguments.args]
    first_default = len(positional) - len(arguments.defaults)
    with_default = positional[first_default:]
    for argument, default in zip(with_default, arguments.defaults, strict=True):
        scope.bind(argument.arg, default)


def _declare_globals(function: ast.AST, scope: _Scope) -> None:
    """What a function binds among the notebook's names, by ``global``."""
    declared = _global_names(function)
    if not declared:
        return
    inner = _Scope()
    _declare(ast.iter_child_nodes(function), inner)
    for name in declared & inner.names.keys():
        for binding in inner.names[name]:
            scope.bind(name, binding)


def _global_names(function: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Global):
            names.update(node.names)
    return names


class _Reader:
    """Reads one answer: `follow` its name."""

    def __init__(self, forbids: tuple[str, ...], trees: Sequence[ast.Module]):
        self.findings: list[Finding] = []
        self._forbids = forbids
        self._globals = _Scope()
        self._read: set[int] = set()
        self._resolving: set[int] = set()
        self._kept: list[ast.AST] = [*trees]
        for tree in trees:
            _declare(tree.body, self._globals, sure=True)
        for tree in trees:
            self._forbid_changes(tree)

    def _forbid_changes(self, tree: ast.Module) -> None:
        """What a cell puts into a library (``numpy.sort = mine``) is no longer what its name says:
        forbid it to the answer.
        """
        for node in ast.walk(tree):
            match node:
                case ast.Assign(targets=targets, value=value):
                    if not isinstance(value, (ast.Constant, ast.UnaryOp)):
                        self._forbid(targets)
                case ast.Call(func=ast.Name("setattr"), args=[owner, ast.Constant(str(name)), _]):
                    self._forbid([ast.Attribute(owner, name)])

    def _forbid(self, targets: Sequence[ast.expr]) -> None:
        for target in targets:
            if isinstance(target, ast.Attribute):
                paths = self._paths(target, self._globals)
                self._forbids += tuple(paths)

    def follow(self, name: str) -> bool:
        """Read everything that `name` uses, into `findings`; returns whether it is the learner's
        own.
        """
        answer = ast.Name(name, ast.Load())
        self._visit(answer, self._globals)
        bindings = self._globals.names.get(name, ())
        return any(not isinstance(binding, _Path) for binding in bindings)

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
                self._use(node, scope)
                self._follow_name(name, scope)
            case ast.Attribute():
                self._attribute(node, scope)
                return
            case ast.Call():
                self._call(node, scope)
                return
            case ast.Assign(value=value) if self._is_alias(value, scope):
                for target in node.targets:
                    self._visit(target, scope)
                self._check(value, scope)
                return
        for child in _read_children(node):
            self._visit(child, scope)

    def _enter(self, node: Definition, outer: _Scope) -> None:
        """Read a function, class or lambda of the learner's, once."""
        if id(node) in self._read:
            return
        self._read.add(id(node))
        inner = _Scope(outer)
        if isinstance(node, _FUNCTIONS):
            _declare_arguments(node.args, inner)
        body = node.body if isinstance(node.body, list) else [node.body]
        _declare(body, inner)
        for name in _global_names(node):
            inner.names.pop(name, None)
        for child in _read_children(node):
            self._visit(child, inner)

    def _follow_name(self, name: str, scope: _Scope) -> None:
        bindings, owner = scope.lookup(name)
        for binding in bindings:
            if isinstance(binding, _Path) or id(binding) in self._read:
                continue
            if not isinstance(binding, (*_FUNCTIONS, ast.ClassDef)):
                self._read.add(id(binding))
            if self._is_alias(binding, owner):
                self._check(binding, owner)
            else:
                self._visit(binding, owner)

    def _is_alias(self, node: ast.AST, scope: _Scope) -> bool:
        if not isinstance(node, (ast.Name, ast.Attribute)):
            return False
        return bool(self._paths(node, scope))

    def _check(self, node: ast.AST, scope: _Scope) -> None:
        for path in self._paths(node, scope):
            self._mention(path, node)

    def _attribute(self, node: ast.Attribute, scope: _Scope) -> None:
        """An attribute of a library by its path, of anything else by reading that."""
        self._use(node, scope)
        owner: ast.expr = node
        while isinstance(owner, ast.Attribute):
            looks_up = owner.attr in _LOOKUPS
            owner = owner.value
            for path in sorted(self._paths(owner, scope)):
                self._mention(path, node)
                if looks_up and self._holds_forbidden(path):
                    self._refuse_lookup(path, node)
        if isinstance(owner, ast.Name):
            self._follow_name(owner.id, scope)
        else:
            self._visit(owner, scope)

    def _use(self, node: ast.AST, scope: _Scope) -> None:
        """A value that is handed on: a library that holds something forbidden, or what looks up or
        runs code, could not be followed.
        """
        for path in sorted(self._paths(node, scope)):
            self._mention(path, node)
            if path in _CALLED_DIRECTLY:
                name = path.removeprefix("builtins.")
                self._find(
                    f"`{name}` must be called directly here, so that your code can be read.", node
                )
            elif path == "sys.modules" or self._holds_forbidden(path):
                self._refuse_lookup(path, node)

    def _call(self, node: ast.Call, scope: _Scope) -> None:
        functions = self._paths(node.func, scope)
        args = [*node.args, *(keyword.value for keyword in node.keywords)]
        if functions & _TYPE_TESTS:
            args = node.args[:1]
        elif _GETATTR in functions:
            self._check_lookup(node, scope)
            is_of_library = self._paths(node.args[0], scope)
            args = args[2:] if is_of_library else args
        elif functions & _IMPORTS:
            self._import(node, scope)
        elif functions & _RUNS:
            self._run(node, min(functions & _RUNS), scope)
        elif functions & _NAMESPACES:
            path = min(functions & _NAMESPACES)
            name = path.removeprefix("builtins.")
            self._find(f"`{name}` hides what your code uses: write the names themselves.", node)
        else:
            self._visit(node.func, scope)
        for arg in args:
            self._visit(arg, scope)

    def _import(self, node: ast.Call, scope: _Scope) -> None:
        paths = self._paths(node, scope)
        if not paths:
            self._find("What is imported must be named in the code here, not computed.", node)
        for path in paths:
            self._mention(path, node)

    def _check_lookup(self, node: ast.Call, scope: _Scope) -> None:
        paths = self._paths(node.args[0], scope) if node.args else set()
        if not paths:
            return
        names = _texts(node.args[1]) if len(node.args) > 1 else None
        for path in paths:
            if names is not None:
                for name in names:
                    self._mention(f"{path}.{name}", node)
            elif self._holds_forbidden(path):
                self._refuse_lookup(path, node)

    def _run(self, node: ast.Call, path: str, scope: _Scope) -> None:
        text = _constant_text(node.args[0]) if node.args else None
        if text is None:
            name = path.removeprefix("builtins.")
            self._find(
                f"`{name}` of a text that is made while it runs cannot be read: write the code "
                "itself.",
                node,
            )
            return
        body = _body(text.strip())
        self._kept += body
        inner = _Scope(scope)
        _declare(body, inner)
        for statement in body:
            self._visit(statement, inner)

    # Paths

    def _paths(self, node: ast.AST, scope: _Scope) -> set[str]:
        """The dotted names of what `node` may stand for in a library; none for anything else."""
        if id(node) in self._resolving:
            return set()
        self._resolving.add(id(node))
        try:
            return self._resolved(node, scope)
        finally:
            self._resolving.discard(id(node))

    def _resolved(self, node: ast.AST, scope: _Scope) -> set[str]:
        match node:
            case ast.Name(name):
                return self._paths_of_name(name, scope)
            case ast.Attribute(owner, attribute):
                owners = self._paths(owner, scope)
                return {f"{path}.{attribute}" for path in owners}
            case ast.NamedExpr(value=value):
                return self._paths(value, scope)
            case ast.IfExp(body=body, orelse=otherwise):
                return self._paths(body, scope) | self._paths(otherwise, scope)
            case ast.Call():
                return self._paths_of_call(node, scope)
            case ast.Subscript(owner, ast.Constant(str(name))):
                is_module = "sys.modules" in self._paths(owner, scope)
                return {name} if is_module else set()
        return set()

    def _paths_of_call(self, call: ast.Call, scope: _Scope) -> set[str]:
        """What `getattr` or an import gives. Which function is called is looked up only where the
        arguments fit: every look-up may follow all that a name is bound to.
        """
        match call.args:
            case [owner, name, *_] if _GETATTR in self._paths(call.func, scope):
                owners = self._paths(owner, scope)
                names = _texts(name) or []
                return {f"{path}.{text}" for path in owners for text in names}
            case [ast.Constant(str(module)), *rest] if self._paths(call.func, scope) & _IMPORTS:
                return _imported(module, rest)
        return set()

    def _paths_of_name(self, name: str, scope: _Scope) -> set[str]:
        bindings, owner = scope.lookup(name)
        if not bindings:
            return self._paths_of_unbound(name, scope)
        paths: set[str] = set()
        for binding in bindings:
            if isinstance(binding, _Path):
                paths.add(binding.name)
            else:
                paths |= self._paths(binding, owner)
        return paths

    def _paths_of_unbound(self, name: str, scope: _Scope) -> set[str]:
        """A name that no code binds is a builtin's, or comes of an ``import *``."""
        stars = self._globals.stars + scope.stars
        paths = {f"{module}.{name}" for module in stars}
        if hasattr(builtins, name):
            paths.add(f"builtins.{name}")
        return paths

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
        for forbidden in self._forbids:
            if _is_the_same_thing(path, forbidden):
                return forbidden
        return None

    def _refuse_lookup(self, path: str, node: ast.AST) -> None:
        self._find(f"What is taken from `{path}` must be named in the code here.", node)

    def _find(self, sentence: str, node: ast.AST) -> None:
        self.findings.append(Finding(sentence, _text_of(node)))


def _is_the_same_thing(path: str, forbidden: str) -> bool:
    """Whether what is forbidden stands at another place of a library: the thing itself tells."""
    if path.rpartition(".")[2] != forbidden.rpartition(".")[2]:
        return False
    top = forbidden.partition(".")[0]
    if top in FRAMEWORKS and not frameworks.available(top):
        return False
    thing = find(path)
    return thing is not None and thing is find(forbidden)


def _read_children(node: ast.AST) -> Iterator[ast.AST]:
    """What is in `node`, without annotations."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        children = value if isinstance(value, list) else [value]
        for child in children:
            if isinstance(child, ast.AST):
                yield child


def _constant_text(node: ast.AST) -> str | None:
    """The text that `node` is, None for anything else."""
    match node:
        case ast.Constant(str(text)):
            return text
    return None


def _texts(node: ast.AST) -> list[str] | None:
    """The texts that `node` may be, put together of constants; None where it is computed."""
    match node:
        case ast.Constant(str(text)):
            return [text]
        case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
            return _texts(value)
        case ast.IfExp(body=body, orelse=otherwise):
            texts = _texts(body)
            other_texts = _texts(otherwise)
            if texts is None or other_texts is None:
                return None
            return texts + other_texts
        case ast.BinOp(left, ast.Add(), right):
            return _joined([left, right])
        case (
            ast.JoinedStr(parts)
            | ast.Call(func=ast.Attribute(ast.Constant(""), "join"), args=[ast.List(parts)])
        ):
            return _joined(parts)
    return None


def _joined(parts: Sequence[ast.AST]) -> list[str] | None:
    texts = [""]
    for part in parts:
        following = _texts(part)
        if following is None:
            return None
        if len(texts) * len(following) > _MOST:
            return None
        texts = [text + more for text in texts for more in following]
    return texts


def _imported(name: str, rest: Sequence[ast.expr]) -> set[str]:
    """What `import_module(name, *rest)` gives; `__import__` gives the top module."""
    packages = [arg.value for arg in rest if isinstance(arg, ast.Constant)]
    if name.startswith(".") and packages:
        package = str(packages[0])
        name = package + name
    top = name.partition(".")[0]
    return {name.replace(":", "."), top}


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
    dots = "." * node.level
    name = node.module or ""
    module = dots + name
    if alias.name == "*":
        return module
    return f"{module}.{alias.name}"


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
    if tree is not None:
        _note_lines(tree, cell)
    return tree


def _note_lines(tree: ast.Module, source: str) -> None:
    """Give each node the line in which it stands."""
    lines = source.splitlines()
    for node in ast.walk(tree):
        number = getattr(node, "lineno", 0)
        if 0 < number <= len(lines):
            line = lines[number - 1].strip()
            vars(node)["text"] = line[:_LONGEST_LINE]


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
