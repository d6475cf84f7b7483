"""Which names a statement binds, and which it only puts something into: by its syntax alone."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

Pair: TypeAlias = tuple[ast.expr, ast.expr]
"""A target, and what is assigned to it."""

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
DEFINITIONS = (*FUNCTIONS, ast.ClassDef)
FILLS = {
    "append",
    "appendleft",
    "extend",
    "insert",
    "add",
    "update",
    "setdefault",
    "put",
}
"""Methods that put something into what they are called on."""

_PARTS_OF_STATEMENTS = (ast.stmt, ast.ExceptHandler, ast.match_case)


def statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All statements in `body`, also those in branches and loops, not those in definitions."""
    return _below(body, lambda child: isinstance(child, _PARTS_OF_STATEMENTS))


def expressions(statement: ast.AST) -> Iterator[ast.AST]:
    """`statement` and the expressions that are its own, outermost first."""
    return _below(
        [statement], lambda child: not isinstance(child, _PARTS_OF_STATEMENTS)
    )


def _below(
    nodes: Iterable[ast.AST], wanted: Callable[[ast.AST], bool]
) -> Iterator[ast.AST]:
    """`nodes` and the wanted ones in them, in their order; definitions are not entered."""
    waiting = [*nodes][::-1]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, DEFINITIONS):
            children = [child for child in ast.iter_child_nodes(node) if wanted(child)]
            waiting += children[::-1]


def pairs(node: ast.AST) -> Iterator[Pair]:
    """What `node` itself assigns."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield target, value
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield target, value
        case (
            ast.AugAssign(target=target, value=value)
            | ast.NamedExpr(target=target, value=value)
        ):
            yield target, value
        case (
            ast.For(target=target, iter=value)
            | ast.AsyncFor(target=target, iter=value)
            | ast.comprehension(target=target, iter=value)
        ):
            yield target, value
        case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
            yield target, value


def bound_by(statement: ast.AST) -> Iterator[str]:
    """The names that `statement` gives a meaning to."""
    for node in expressions(statement):
        match node:
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    top, _, _ = alias.name.partition(".")
                    yield alias.asname or top
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.ExceptHandler(name=str(name)):
                yield name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
            case _ if not isinstance(node, ast.comprehension):
                for target, _ in pairs(node):
                    yield from names_in(target)


def names_in(target: ast.expr) -> Iterator[str]:
    """The names that an assignment to `target` binds; ``globals()["g"]`` binds one."""
    match target:
        case ast.Name(name):
            yield name
        case ast.Tuple(parts) | ast.List(parts):
            for part in parts:
                yield from names_in(part)
        case ast.Starred(inner):
            yield from names_in(inner)
        case ast.Subscript(ast.Call(ast.Name("globals")), ast.Constant(str(name))):
            yield name


def filled_by(statement: ast.AST) -> Iterator[str]:
    """The names of what `statement` puts something into."""
    for node in expressions(statement):
        match node:
            case ast.Call(func=ast.Attribute(value=owner, attr=method)) if (
                method in FILLS
            ):
                yield from _root(owner)
            case ast.Call(func=ast.Name("setattr"), args=[owner, *_]):
                yield from _root(owner)
        for target, _ in pairs(node):
            for place in places_in(target):
                yield from _root(place)


def places_in(target: ast.expr) -> Iterator[ast.Attribute | ast.Subscript]:
    """The attributes and items that an assignment to `target` sets."""
    match target:
        case ast.Attribute() | ast.Subscript():
            yield target
        case ast.Tuple(parts) | ast.List(parts):
            for part in parts:
                yield from places_in(part)
        case ast.Starred(inner):
            yield from places_in(inner)


def local_names(definition: ast.AST) -> set[str]:
    """The names that are a function's or a class's own."""
    names: set[str] = set()
    if isinstance(definition, FUNCTIONS):
        names |= set().union(*parameters(definition))
    if isinstance(definition, ast.Lambda):
        return names
    assert isinstance(definition, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    elsewhere: set[str] = set()
    for node in statements(definition.body):
        names |= set(bound_by(node))
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            elsewhere |= set(node.names)
    return names - elsewhere


def defaults(args: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    """The parameters that have a default, each with it."""
    positional = [*args.posonlyargs, *args.args]
    with_default = positional[len(positional) - len(args.defaults) :]
    for arg, default in zip(with_default, args.defaults, strict=True):
        yield arg.arg, default
    for arg, keyword_default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        if keyword_default is not None:
            yield arg.arg, keyword_default


def fields(node: ast.ClassDef) -> list[str]:
    """The names with an annotation in a class's body, which a dataclass is called with."""
    names = []
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(
            statement.target, ast.Name
        ):
            names.append(statement.target.id)
    return names


def parameters(function: ast.AST) -> tuple[list[str], list[str], list[str]]:
    """Those that are given by their place, those by their name alone, and those with a star."""
    assert isinstance(function, FUNCTIONS)
    args = function.args
    stars = [arg for arg in (args.vararg, args.kwarg) if arg is not None]
    places = [*args.posonlyargs, *args.args]
    return _names_of(places), _names_of(args.kwonlyargs), _names_of(stars)


def _names_of(args: list[ast.arg]) -> list[str]:
    return [arg.arg for arg in args]


def decorated_with(definition: object, names: set[str]) -> bool:
    """Whether a function has a decorator of one of these names."""
    decorators = getattr(definition, "decorator_list", ())
    return any(name_of(decorator) in names for decorator in decorators)


def own_expressions(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions directly in `node`, without annotations."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        children = value if isinstance(value, list) else [value]
        for child in children:
            if isinstance(child, ast.expr):
                yield child


def unpacked(target: ast.expr, value: ast.expr) -> Iterator[Pair]:
    """What each part of `target` is assigned, as far as it is written there."""
    match target, value:
        case (
            (ast.Tuple(targets) | ast.List(targets)),
            (ast.Tuple(values) | ast.List(values)),
        ):
            parts = (*targets, *values)
            has_star = any(isinstance(part, ast.Starred) for part in parts)
            if len(targets) == len(values) and not has_star:
                for inner, part in zip(targets, values, strict=True):
                    yield from unpacked(inner, part)
                return
    yield target, value


def name_of(node: ast.AST) -> str:
    """``g`` of ``g`` and of ``a.b.g``, "" for anything else."""
    match node:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
    return ""


def first_text(call: ast.Call) -> str:
    """The first argument that is a text, "" without one."""
    return next(_texts(call), "")


def longest_text(call: ast.Call) -> str:
    """The argument that is the longest text, "" without one."""
    return max(_texts(call), key=len, default="")


def _texts(call: ast.Call) -> Iterator[str]:
    for arg in call.args:
        if isinstance(arg, ast.Constant) and isinstance(arg.value, str):
            yield arg.value


def _root(node: ast.AST) -> Iterator[str]:
    """``table`` of ``table.rows[3]``."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id
