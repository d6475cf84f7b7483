"""What may be changed in one node of an answer's syntax tree: mutmut's general operators, and those
that people who work with arrays need.

An operator is ``operator(node) -> nodes to put in its place``, as in mutmut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

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
    return (
        node.value
        if isinstance(node, cst.Name)
        else node.attr.value
        if isinstance(node, cst.Attribute)
        else ""
    )


def _renamed(node: cst.BaseExpression, name: str) -> cst.CSTNode:
    return (
        node.with_changes(value=name)
        if isinstance(node, cst.Name)
        else node.with_changes(attr=cst.Name(name))
    )


def _in_parentheses_of(node: cst.BaseExpression, new: cst.BaseExpression) -> cst.BaseExpression:
    return new.with_changes(lpar=node.lpar, rpar=node.rpar) if node.lpar and not new.lpar else new


def _plus(expression: cst.BaseExpression, sign: cst.BaseBinaryOp) -> cst.BaseExpression:
    loose = (
        isinstance(expression, (cst.IfExp, cst.Lambda, cst.BooleanOperation, cst.Comparison))
        and not expression.lpar
    )
    left = (
        expression.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        if loose
        else expression
    )
    return cst.BinaryOperation(left, sign, cst.Integer("1"))


def number(node: cst.Integer) -> Iterator[cst.BaseExpression]:
    """One less; mutmut's gives one more."""
    value = node.evaluated_value - 1
    yield (
        cst.Integer(repr(value))
        if value >= 0
        else cst.UnaryOperation(cst.Minus(), cst.Integer(repr(-value)))
    )


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
        minus = cst.UnaryOperation(
            cst.Minus(),
            node.left if node.left.lpar else cst.parse_expression(f"({_code(node.left)})"),
        )
        yield cst.UnaryOperation(
            cst.Minus(),
            cst.BinaryOperation(
                minus,
                cst.FloorDivide(),
                node.right,
                lpar=[cst.LeftParen()],
                rpar=[cst.RightParen()],
            ),
        )


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


def term(node: cst.BinaryOperation | cst.BooleanOperation) -> Iterator[cst.BaseExpression]:
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
    if other := others.get(type(node.operator)):
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


def arguments(node: cst.Call) -> Iterator[cst.Call]:
    """Two neighbouring positional arguments change places."""
    args = list(node.args)
    for i in range(len(args) - 1):
        one, two = args[i], args[i + 1]
        if not (one.keyword or two.keyword or one.star or two.star):
            swapped = [
                *args[:i],
                one.with_changes(value=two.value),
                two.with_changes(value=one.value),
                *args[i + 2 :],
            ]
            yield node.with_changes(args=swapped)


def argument(node: cst.Call) -> Iterator[cst.Call]:
    """mutmut's dropped arguments; None in place of one only where it has a name, as in
    ``axis=None``: elsewhere it only crashes.
    """
    if len(node.args) == 1 and node.args[0].keyword:
        yield node.with_changes(args=[])
    for new in mutators.operator_arg_removal(node):
        changed = [one for one, two in zip(node.args, new.args, strict=False) if one is not two]
        if len(new.args) < len(node.args):
            yield new.with_changes(args=_ended_as(node.args, new.args))
        elif changed and changed[0].keyword and changed[0].keyword.value in _AXES:
            yield new


def _ended_as(before: Sequence, after: Sequence) -> list:
    """`after` with the comma, or none, that `before` ends with: only for looks."""
    return [*after[:-1], *(item.with_changes(comma=before[-1].comma) for item in after[-1:])]


def elements(node: cst.Tuple | cst.List) -> Iterator[cst.BaseExpression]:
    """Two neighbours change places: sizes in a shape, axes, names on the left of an assignment."""
    items = list(node.elements)
    for i in range(len(items) - 1):
        one, two = items[i], items[i + 1]
        if isinstance(one, cst.Element) and isinstance(two, cst.Element):
            yield node.with_changes(
                elements=[
                    *items[:i],
                    one.with_changes(value=two.value),
                    two.with_changes(value=one.value),
                    *items[i + 2 :],
                ]
            )


def element(node: cst.List) -> Iterator[cst.List]:
    """One element of a list is forgotten."""
    items = list(node.elements)
    for i in range(len(items) if len(items) > 1 else 0):
        yield node.with_changes(
            elements=_ended_as(items, [item for j, item in enumerate(items) if j != i])
        )


def axes(node: cst.Arg) -> Iterator[cst.Arg]:
    """One of several axes is forgotten."""
    if (
        node.keyword
        and node.keyword.value in _AXES
        and isinstance(node.value, cst.Tuple)
        and len(node.value.elements) > 1
    ):
        for kept in node.value.elements:
            yield node.with_changes(value=kept.value)


def indices(node: cst.Subscript) -> Iterator[cst.Subscript]:
    """Two neighbouring indices or slices change places."""
    items = list(node.slice)
    for i in range(len(items) - 1):
        one, two = items[i], items[i + 1]
        yield node.with_changes(
            slice=[
                *items[:i],
                one.with_changes(slice=two.slice),
                two.with_changes(slice=one.slice),
                *items[i + 2 :],
            ]
        )


def index(node: cst.Index) -> Iterator[cst.Index]:
    """The element before, and the one behind."""
    if isinstance(node.value, (cst.Name, cst.BinaryOperation)) and _name(node.value) != "None":
        yield node.with_changes(value=_plus(node.value, cst.Subtract()))
        yield node.with_changes(value=_plus(node.value, cst.Add()))


def piece(node: cst.Slice) -> Iterator[cst.Slice]:
    """A slice without its start, stop or step, or off by one at an end that is not a plain
    number (mutmut's and `number` change those).
    """
    for end in ("lower", "upper", "step"):
        if (bound := getattr(node, end)) is None:
            continue
        yield node.with_changes(
            **{end: None}, **({"second_colon": cst.MaybeSentinel.DEFAULT} if end == "step" else {})
        )
        if end != "step" and not isinstance(bound, (cst.Integer, cst.UnaryOperation)):
            yield node.with_changes(**{end: _plus(bound, cst.Subtract())})
            yield node.with_changes(**{end: _plus(bound, cst.Add())})


def counted(node: cst.Call) -> Iterator[cst.BaseExpression]:
    """A range that starts or stops one too early or too late, a length that is off by one."""
    name, args = _name(node.func), list(node.args)
    if name == "range" and args and not any(arg.star for arg in args):
        stop = 0 if len(args) == 1 else 1
        for sign in (cst.Subtract(), cst.Add()):
            yield node.with_changes(
                args=[
                    *args[:stop],
                    args[stop].with_changes(value=_plus(args[stop].value, sign)),
                    *args[stop + 1 :],
                ]
            )
        if len(args) == 1:
            yield node.with_changes(
                args=[
                    cst.Arg(
                        cst.Integer("1"),
                        comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")),
                    ),
                    *args,
                ]
            )
    if name == "len":
        yield cst.BinaryOperation(node, cst.Subtract(), cst.Integer("1"))


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
    for name in (
        _LAYERS.get(node.evaluated_value, ()) if isinstance(node.evaluated_value, str) else ()
    ):
        yield node.with_changes(value=repr(name))


def padding(node: cst.Call) -> Iterator[cst.Call]:
    """The border repeated in place of a constant."""
    if _name(node.func) == "pad" and not any(
        arg.keyword and arg.keyword.value == "mode" for arg in node.args
    ):
        kept = [
            arg
            for arg in node.args
            if not (arg.keyword and arg.keyword.value in ("constant_values", "value"))
        ]
        # NumPy's word; libraries that call it otherwise refuse it, which any probe notices.
        yield node.with_changes(args=[*kept, cst.Arg(cst.SimpleString('"edge"'), cst.Name("mode"))])


def forgotten_call(node: cst.Call) -> Iterator[cst.BaseExpression]:
    """``x.m(...)`` or ``np.m(x, ...)`` becomes x."""
    if _name(node.func) not in _LEAVABLE or not isinstance(node.func, cst.Attribute):
        return
    yield _in_parentheses_of(node, node.func.value)
    if node.args and not node.args[0].star:
        yield _in_parentheses_of(node, node.args[0].value)


def forgotten_attribute(node: cst.Attribute) -> Iterator[cst.BaseExpression]:
    """``x.T`` becomes x."""
    if node.attr.value in ("T", "mT", "values", "real"):
        yield _in_parentheses_of(node, node.value)


def unguarded(node: cst.With) -> Iterator[cst.CSTNode]:
    """A block without what it stands under: ``no_grad``, ``record``."""
    if isinstance(node.body, cst.IndentedBlock):
        yield cst.If(test=cst.Name("True"), body=node.body)


def statement(node: cst.SimpleStatementLine) -> Iterator[cst.CSTNode]:
    """A line is forgotten."""
    if not isinstance(
        node.body[0],
        (cst.Return, cst.Import, cst.ImportFrom, cst.Raise, cst.Pass, cst.Break, cst.Continue),
    ):
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
