"""Mutants of an answer: its syntax tree with one small change, such as people make. Source in,
mutants out; nothing is run here.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from autograder.audit.operators import OPERATORS


@dataclass(frozen=True)
class Mutant:
    """An answer with one change.

    operator: the kind of change. line: where, counted from the function's first line. original,
        source: the function before and after.
    """

    operator: str
    line: int
    original: str
    source: str

    @property
    def diff(self) -> str:
        """The change as a unified diff without its header."""
        before = self.original.splitlines()
        after = self.source.splitlines()
        header_and_change = difflib.unified_diff(before, after, n=1, lineterm="")
        change = list(header_and_change)[2:]
        return "\n".join(change)

    def shows(self, fragment: str) -> bool:
        """Whether the change is the one that `fragment` tells: a piece of a changed line, or
        ``piece before -> piece after``.
        """
        added = self._changed_lines("+")
        before, arrow, after = fragment.partition("->")
        if not arrow:
            return _one_space(fragment) in added
        removed = self._changed_lines("-")
        return _one_space(before) in removed and _one_space(after) in added

    def _changed_lines(self, sign: str) -> str:
        """The lines of the difference that have this sign, in one."""
        changed = []
        for line in self.diff.splitlines():
            if line[0] == sign:
                changed.append(_one_space(line[1:]))
        return " ".join(changed)


def mutants(source: str) -> list[Mutant]:
    """Every mutant of the one function or class in `source`, in the order of its lines; none equals
    the original or another.

    Left alone: docstrings, annotations, parameters, decorators, imports, what is raised, and
    ``strict=`` of zip, which guards against what no caller here does.
    """
    module = cst.parse_module(source)
    positions = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
    seen = {_meaning(source)}
    found = []
    for operator, node, new in _changes(module, positions):
        try:
            changed = cst.ensure_type(module.deep_replace(node, new), cst.Module).code
        except Exception:  # libcst says in many ways that the new tree is no program
            continue
        meaning = _meaning(changed)
        if meaning is None or meaning in seen:
            continue
        seen.add(meaning)
        line = positions[node].start.line
        found.append(Mutant(operator, line, source, changed))
    return sorted(found, key=lambda mutant: mutant.line)


def _one_space(text: str) -> str:
    """With one space for any white space."""
    return " ".join(text.split())


def _meaning(source: str) -> str | None:
    """The canonical form of a program, without its layout; None where it does not parse."""
    try:
        return ast.dump(ast.parse(source))
    except SyntaxError:
        return None


def _changes(
    module: cst.Module, positions: Mapping
) -> Iterator[tuple[str, cst.CSTNode, cst.CSTNode]]:
    for node, names in _nodes(module, _Names(), positions):
        for operator, kinds, change in OPERATORS:
            if not isinstance(node, kinds):
                continue
            try:
                changed = list(change(node))
            except cst.CSTValidationError:  # of `-x` without its minus before `**`, say
                continue
            for new in changed:
                yield operator, node, new
        if isinstance(node, cst.Name):
            line = positions[node].start.line
            for name in names.beside(node.value, line):
                yield "stale", node, node.with_changes(value=name)


@dataclass(frozen=True)
class _Names:
    """The variables in sight in the order of their first binding, each with the line from which
    it has a value.
    """

    bound: tuple[tuple[str, int], ...] = ()

    def and_(self, more: Iterable[tuple[str, int]]) -> _Names:
        first: dict[str, int] = {}
        for name, line in (*self.bound, *more):
            first.setdefault(name, line)
        return _Names(tuple(first.items()))

    def beside(self, name: str, line: int) -> list[str]:
        """The variables bound just before and just behind `name` that have a value above `line`:
        those that are most easily taken for it.
        """
        order = [known for known, _ in self.bound]
        if name not in order:
            return []
        place = order.index(name)
        before = max(0, place - 1)
        found = []
        for known, since in self.bound[before : place + 2]:
            if known != name and since < line:
                found.append(known)
        return found


_SKIPPED = (
    cst.Annotation,
    cst.Decorator,
    cst.Raise,
    cst.Import,
    cst.ImportFrom,
    cst.Comment,
)


def _nodes(
    node: cst.CSTNode, names: _Names, positions: Mapping
) -> Iterator[tuple[cst.CSTNode, _Names]]:
    """The nodes that may be changed, each with the variables in sight."""
    if isinstance(node, _SKIPPED) or _is_text(node) or _is_strict(node):
        return
    if isinstance(node, cst.FunctionDef):
        names = names.and_(_parameters(node)).and_(_bindings(node.body, positions))
        yield from _nodes(node.body, names, positions)
        return
    if isinstance(node, (cst.GeneratorExp, cst.ListComp, cst.SetComp, cst.DictComp)):
        names = names.and_(_loop_variables(node.for_in))
    if isinstance(node, cst.Call) and any(map(_is_strict, node.args)):
        yield from _nodes(node.func, names, positions)
        for arg in node.args:
            yield from _nodes(arg, names, positions)
        return
    yield node, names
    for child in node.children:
        if _is_label(node, child):
            continue
        if isinstance(node, _BINDERS) and child is node.target:
            yield from _of_target(child, names, positions)
        else:
            yield from _nodes(child, names, positions)


_BINDERS = (cst.AssignTarget, cst.For, cst.CompFor, cst.AugAssign, cst.AnnAssign)


def _is_strict(node: cst.CSTNode) -> bool:
    """``strict=`` of zip."""
    if not isinstance(node, cst.Arg) or node.keyword is None:
        return False
    return node.keyword.value == "strict"


def _is_label(node: cst.CSTNode, child: cst.CSTNode) -> bool:
    """`b` of `a.b` and of `b=a` is no variable."""
    if isinstance(node, cst.Arg) and child is node.keyword:
        return True
    return child is getattr(node, "attr", None)


def _parameters(function: cst.FunctionDef) -> list[tuple[str, int]]:
    """The names of a function's parameters, which have a value from the beginning."""
    names = [parameter.name.value for parameter in function.params.params]
    return [(name, 0) for name in names if name != "self"]


def _loop_variables(loop: cst.CompFor) -> Iterator[tuple[str, int]]:
    for inner in _loops(loop):
        for name in _targets(inner.target):
            yield name, 0


def _of_target(
    node: cst.CSTNode, names: _Names, positions: Mapping
) -> Iterator[tuple[cst.CSTNode, _Names]]:
    """On the left of an assignment names may change places; another name there is another
    program.
    """
    if isinstance(node, cst.Tuple):
        yield node, names
        for item in node.elements:
            yield from _of_target(item.value, names, positions)
    elif not isinstance(node, cst.Name):
        yield from _nodes(node, names, positions)


def _is_text(node: cst.CSTNode) -> bool:
    """A docstring, or any other string that stands alone."""
    if not isinstance(node, cst.SimpleStatementLine):
        return False
    first = node.body[0]
    if not isinstance(first, cst.Expr):
        return False
    return isinstance(first.value, (cst.SimpleString, cst.ConcatenatedString))


def _loops(loop: cst.CompFor | None) -> Iterator[cst.CompFor]:
    while loop is not None:
        yield loop
        loop = loop.inner_for_in


def _targets(node: cst.CSTNode) -> Iterator[str]:
    if isinstance(node, cst.Name):
        yield node.value
    elif isinstance(node, (cst.Tuple, cst.List)):
        for item in node.elements:
            yield from _targets(item.value)


def _bindings(body: cst.CSTNode, positions: Mapping) -> Iterator[tuple[str, int]]:
    """The names that the statements of a function bind, each with its line."""
    finder = _Bindings()
    body.visit(finder)
    for target in finder.targets:
        line = positions[target].start.line
        for name in _targets(target):
            yield name, line


class _Bindings(cst.CSTVisitor):
    def __init__(self) -> None:
        self.targets: list[cst.CSTNode] = []

    def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
        self.targets.append(node.target)

    def visit_For(self, node: cst.For) -> None:
        self.targets.append(node.target)

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False  # its variables are its own
