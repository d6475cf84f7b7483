"""What may be changed in one node of an answer's syntax tree: mutmut's general operators, and those
that people who work with arrays need.

An operator is ``operator(node) -> nodes to put in its place``, as in mutmut.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import libcst as cst
from mutmut.mutation import mutators

_REDUCTIONS = {
    "sum": ("mean", "max"),
    "mean": ("sum", "max"),
    "max": ("min", "mean"),
    "min": ("max",),
    "prod": ("sum", "max"),
    "amax": ("amin",),
    "amin": ("amax",),
    "argmax": ("argmin",),
    "argmin": ("argmax",),
    "maximum": ("minimum",),
    "minimum": ("maximum",),
    "any": ("all",),
    "all": ("any",),
    "std": ("var",),
    "var": ("std",),
    "cumsum": ("cumprod",),
    "cumprod": ("cumsum",),
    "floor": ("ceil",),
    "ceil": ("floor",),
    "hstack": ("vstack",),
    "vstack": ("hstack",),
    "stack": ("concatenate",),
}
_LAYERS = {
    "ReLU": ("Tanh", "Sigmoid"),
    "relu": ("tanh", "sigmoid"),
    "tanh": ("relu",),
    "sigmoid": ("relu",),
    "MaxPool2d": ("AvgPool2d",),
    "AvgPool2d": ("MaxPool2d",),
    "MaxPool2D": ("AvgPool2D",),
    "AvgPool2D": ("MaxPool2D",),
    "max_pool2d": ("avg_pool2d",),
    "avg_pool2d": ("max_pool2d",),
    "train": ("eval",),
    "eval": ("train",),
    "train_mode": ("predict_mode",),
    "predict_mode": ("train_mode",),
    "zeros": ("ones",),
    "ones": ("zeros",),
    "zeros_like": ("ones_like",),
    "ones_like": ("zeros_like",),
}
_LEAVABLE = frozenset(
    [
        "T",
        "transpose",
        "permute",
        "swapaxes",
        "movedim",
        "moveaxis",
        "copy",
        "clone",
        "detach",
        "contiguous",
        "reshape",
        "view",
        "flatten",
        "ravel",
        "squeeze",
        "unsqueeze",
        "expand_dims",
        "abs",
        "exp",
        "log",
        "sqrt",
        "square",
        "astype",
        "float",
        "double",
        "int",
        "long",
        "round",
        "floor",
        "ceil",
        "clip",
        "clamp",
        "relu",
        "flip",
        "sort",
        "cumsum",
        "softmax",
        "log_softmax",
        "unfold",
        "tile",
        "repeat",
    ]
)
"""Calls that may be forgotten: what they are given has the form of what they give."""

_AXES = frozenset({"axis", "axes", "dim", "dims"})


def _name(node: cst.CSTNode) -> str:
    """The last part of a dotted name."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        return node.attr.value
    return ""


def _renamed(node: cst.BaseExpression, name: str) -> cst.CSTNode:
    if isinstance(node, cst.Name):
        return node.with_changes(value=name)
    return node.with_changes(attr=cst.Name(name))


def _in_parentheses_of(
    node: cst.BaseExpression, new: cst.BaseExpression
) -> cst.BaseExpression:
    if new.lpar or not node.lpar:
        return new
    return new.with_changes(lpar=node.lpar, rpar=node.rpar)


def _in_parentheses(node: cst.BaseExpression) -> cst.BaseExpression:
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def _is_keyword(arg: cst.Arg, names: Collection[str]) -> bool:
    """Whether an argument is given by one of the names."""
    return arg.keyword is not None and arg.keyword.value in names


_BIND_LOOSELY = (cst.IfExp, cst.Lambda, cst.BooleanOperation, cst.Comparison)


def _plus(expression: cst.BaseExpression, sign: cst.BaseBinaryOp) -> cst.BaseExpression:
    left = expression
    if isinstance(expression, _BIND_LOOSELY) and not expression.lpar:
        left = _in_parentheses(expression)
    return cst.BinaryOperation(left, sign, cst.Integer("1"))


def number(node: cst.Integer) -> Iterator[cst.BaseExpression]:
    """One less; mutmut's gives one more."""
    value = node.evaluated_value - 1
    size = cst.Integer(repr(abs(value)))
    if value >= 0:
        yield size
    else:
        yield cst.UnaryOperation(cst.Minus(), size)


def other_operator(node: cst.BinaryOperation) -> Iterator[cst.BaseExpression]:
    """Sums for products, ``*`` for ``@``, and a division that rounds up."""
    others = {
        cst.Add: (cst.Multiply,),
        cst.Multiply: (cst.Add, cst.MatrixMultiply),
        cst.MatrixMultiply: (cst.Multiply,),
        cst.Divide: (cst.FloorDivide,),
    }
    for other in others.get(type(node.operator), ()):
        yield node.with_changes(operator=other())
    if isinstance(node.operator, cst.FloorDivide):
        yield _rounded_up(node)


def _rounded_up(node: cst.BinaryOperation) -> cst.BaseExpression:
    """``-(-a // b)`` for ``a // b``."""
    left = node.left
    if not left.lpar:
        left = cst.parse_expression(f"({_code(left)})")
    negative = cst.UnaryOperation(cst.Minus(), left)
    quotient = cst.BinaryOperation(negative, cst.FloorDivide(), node.right)
    return cst.UnaryOperation(cst.Minus(), _in_parentheses(quotient))


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


def term(
    node: cst.BinaryOperation | cst.BooleanOperation,
) -> Iterator[cst.BaseExpression]:
    """A term or factor is forgotten."""
    yield _in_parentheses_of(node, node.left)
    yield _in_parentheses_of(node, node.right)


def comparison(node: cst.ComparisonTarget) -> Iterator[cst.ComparisonTarget]:
    """The wrong direction; mutmut's are off by the equal case."""
    others: dict[type[cst.BaseCompOp], Callable[[], cst.BaseCompOp]] = {
        cst.LessThan: cst.GreaterThan,
        cst.LessThanEqual: cst.GreaterThanEqual,
        cst.GreaterThan: cst.LessThan,
        cst.GreaterThanEqual: cst.LessThanEqual,
    }
    other = others.get(type(node.operator))
    if other is not None:
        yield node.with_changes(operator=other())


def condition(node: cst.If | cst.IfExp) -> Iterator[cst.CSTNode]:
    """A branch that is always taken, or never."""
    if isinstance(node, cst.If):
        for value in ("True", "False"):
            yield node.with_changes(test=cst.Name(value))


def comprehension_condition(node: cst.CompFor) -> Iterator[cst.CompFor]:
    """A filter that is forgotten."""
    if node.ifs:
        yield node.with_changes(ifs=[])


def _neighbours(items: Sequence) -> Iterator[tuple[int, Any, Any]]:
    """Every two items that stand side by side, with the place of the first."""
    for place, (first, second) in enumerate(itertools.pairwise(items)):
        yield place, first, second


def _swapped(items: Sequence, place: int, part: str) -> list:
    """`items`, where the item at `place` and the next one have exchanged what they hold in
    `part`.
    """
    swapped = list(items)
    first, second = items[place], items[place + 1]
    of_first = {part: getattr(first, part)}
    of_second = {part: getattr(second, part)}
    swapped[place] = first.with_changes(**of_second)
    swapped[place + 1] = second.with_changes(**of_first)
    return swapped


def arguments(node: cst.Call) -> Iterator[cst.Call]:
    """Two neighbouring positional arguments change places."""
    for place, first, second in _neighbours(node.args):
        if first.keyword or second.keyword or first.star or second.star:
            continue
        yield node.with_changes(args=_swapped(node.args, place, "value"))


def argument(node: cst.Call) -> Iterator[cst.Call]:
    """mutmut's dropped arguments; None in place of one only where it has a name, as in
    ``axis=None``: elsewhere it only crashes.
    """
    if len(node.args) == 1 and node.args[0].keyword:
        yield node.with_changes(args=[])
    for new in mutators.operator_arg_removal(node):
        if len(new.args) < len(node.args):
            yield new.with_changes(args=_ended_as(node.args, new.args))
            continue
        pairs = zip(node.args, new.args, strict=False)
        changed = [before for before, after in pairs if before is not after]
        if changed and _is_keyword(changed[0], _AXES):
            yield new


def _ended_as(before: Sequence, after: Sequence) -> list:
    """`after` with the comma, or none, that `before` ends with: only for looks."""
    if not after:
        return []
    *first, last = after
    ended = last.with_changes(comma=before[-1].comma)
    return [*first, ended]


def elements(node: cst.Tuple | cst.List) -> Iterator[cst.BaseExpression]:
    """Two neighbours change places: sizes in a shape, axes, names on the left of an assignment."""
    for place, first, second in _neighbours(node.elements):
        if isinstance(first, cst.Element) and isinstance(second, cst.Element):
            yield node.with_changes(elements=_swapped(node.elements, place, "value"))


def element(node: cst.List) -> Iterator[cst.List]:
    """One element of a list is forgotten."""
    items = list(node.elements)
    if len(items) < 2:
        return
    for place in range(len(items)):
        others = list(items)
        del others[place]
        yield node.with_changes(elements=_ended_as(items, others))


def axes(node: cst.Arg) -> Iterator[cst.Arg]:
    """One of several axes is forgotten."""
    if not _is_keyword(node, _AXES) or not isinstance(node.value, cst.Tuple):
        return
    several = node.value.elements
    if len(several) > 1:
        for axis in several:
            yield node.with_changes(value=axis.value)


def indices(node: cst.Subscript) -> Iterator[cst.Subscript]:
    """Two neighbouring indices or slices change places."""
    for place, _, _ in _neighbours(node.slice):
        yield node.with_changes(slice=_swapped(node.slice, place, "slice"))


def index(node: cst.Index) -> Iterator[cst.Index]:
    """The element before, and the one behind."""
    if not isinstance(node.value, (cst.Name, cst.BinaryOperation)):
        return
    if _name(node.value) == "None":
        return
    yield node.with_changes(value=_plus(node.value, cst.Subtract()))
    yield node.with_changes(value=_plus(node.value, cst.Add()))


def piece(node: cst.Slice) -> Iterator[cst.Slice]:
    """A slice without its start, stop or step, or off by one at an end that is not a plain
    number (mutmut's and `number` change those).
    """
    for end in ("lower", "upper"):
        bound = getattr(node, end)
        if bound is None:
            continue
        yield node.with_changes(**{end: None})
        if not isinstance(bound, (cst.Integer, cst.UnaryOperation)):
            yield node.with_changes(**{end: _plus(bound, cst.Subtract())})
            yield node.with_changes(**{end: _plus(bound, cst.Add())})
    if node.step is not None:
        yield node.with_changes(step=None, second_colon=cst.MaybeSentinel.DEFAULT)


def counted(node: cst.Call) -> Iterator[cst.BaseExpression]:
    """A range that starts or stops one too early or too late, a length that is off by one."""
    name = _name(node.func)
    is_spread = any(arg.star for arg in node.args)
    if name == "range" and node.args and not is_spread:
        yield from _other_ranges(node)
    if name == "len":
        yield cst.BinaryOperation(node, cst.Subtract(), cst.Integer("1"))


def _other_ranges(node: cst.Call) -> Iterator[cst.Call]:
    args = list(node.args)
    stop = 0 if len(args) == 1 else 1
    for sign in (cst.Subtract(), cst.Add()):
        changed = list(args)
        value = _plus(args[stop].value, sign)
        changed[stop] = args[stop].with_changes(value=value)
        yield node.with_changes(args=changed)
    if len(args) == 1:
        comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        start = cst.Arg(cst.Integer("1"), comma=comma)
        yield node.with_changes(args=[start, *args])


def reduction(node: cst.Call) -> Iterator[cst.Call]:
    """Another reduction."""
    for name in _REDUCTIONS.get(_name(node.func), ()):
        yield node.with_changes(func=_renamed(node.func, name))


def layer(node: cst.Call) -> Iterator[cst.Call]:
    """Another activation, pooling, mode or filling."""
    for name in _LAYERS.get(_name(node.func), ()):
        yield node.with_changes(func=_renamed(node.func, name))


def layer_name(node: cst.SimpleString) -> Iterator[cst.SimpleString]:
    """Another activation, where it is called by its name."""
    text = node.evaluated_value
    if not isinstance(text, str):
        return
    for name in _LAYERS.get(text, ()):
        yield node.with_changes(value=repr(name))


def padding(node: cst.Call) -> Iterator[cst.Call]:
    """The border repeated in place of a constant."""
    if _name(node.func) != "pad":
        return
    others = []
    for arg in node.args:
        if _is_keyword(arg, {"mode"}):
            return
        if not _is_keyword(arg, {"constant_values", "value"}):
            others.append(arg)
    # NumPy's word; libraries that call it otherwise refuse it, which any probe notices.
    mode = cst.Arg(cst.SimpleString('"edge"'), cst.Name("mode"))
    yield node.with_changes(args=[*others, mode])


def forgotten_call(node: cst.Call) -> Iterator[cst.BaseExpression]:
    """``x.m(...)`` or ``np.m(x, ...)`` becomes x."""
    function = node.func
    if _name(function) not in _LEAVABLE or not isinstance(function, cst.Attribute):
        return
    yield _in_parentheses_of(node, function.value)
    if not node.args:
        return
    first = node.args[0]
    if not first.star:
        yield _in_parentheses_of(node, first.value)


def forgotten_attribute(node: cst.Attribute) -> Iterator[cst.BaseExpression]:
    """``x.T`` becomes x."""
    if node.attr.value in ("T", "mT", "values", "real"):
        yield _in_parentheses_of(node, node.value)


def unguarded(node: cst.With) -> Iterator[cst.CSTNode]:
    """A block without what it stands under: ``no_grad``, ``record``."""
    if isinstance(node.body, cst.IndentedBlock):
        yield cst.If(test=cst.Name("True"), body=node.body)


_NEVER_FORGOTTEN = (
    cst.Return, cst.Import, cst.ImportFrom, cst.Raise, cst.Pass, cst.Break, cst.Continue,
)  # fmt: skip


def statement(node: cst.SimpleStatementLine) -> Iterator[cst.CSTNode]:
    """A line is forgotten."""
    if not isinstance(node.body[0], _NEVER_FORGOTTEN):
        yield node.with_changes(body=[cst.Pass()])


OPERATORS: tuple[tuple[str, tuple[type, ...], Callable], ...] = (
    ("number", (cst.Integer, cst.Float), mutators.operator_number),
    ("number", (cst.Integer,), number),
    ("constant", (cst.Name,), mutators.operator_name),
    ("operator", (cst.CSTNode,), mutators.operator_swap_op),
    ("operator", (cst.BinaryOperation,), other_operator),
    ("operator", (cst.AugAssign,), mutators.operator_augmented_assignment),
    ("operator", (cst.UnaryOperation,), mutators.operator_remove_unary_ops),
    ("keyword", (cst.CSTNode,), mutators.operator_keywords),
    ("branch", (cst.IfExp,), mutators.operator_if_exp),
    ("branch", (cst.If,), condition),
    ("branch", (cst.CompFor,), comprehension_condition),
    ("comparison", (cst.ComparisonTarget,), comparison),
    ("term", (cst.BinaryOperation, cst.BooleanOperation), term),
    ("argument", (cst.Call,), argument),
    ("swap", (cst.Call,), arguments),
    ("swap", (cst.Tuple, cst.List), elements),
    ("swap", (cst.Subscript,), indices),
    ("element", (cst.List,), element),
    ("axis", (cst.Arg,), axes),
    ("index", (cst.Index,), index),
    ("slice", (cst.Slice,), piece),
    ("range", (cst.Call,), counted),
    ("reduction", (cst.Call,), reduction),
    ("layer", (cst.Call,), layer),
    ("layer", (cst.SimpleString,), layer_name),
    ("padding", (cst.Call,), padding),
    ("call", (cst.Call,), forgotten_call),
    ("call", (cst.Attribute,), forgotten_attribute),
    ("guard", (cst.With,), unguarded),
    ("statement", (cst.SimpleStatementLine,), statement),
)
"""Short name, kinds of node, operator."""
