"""MXNet 1.9.1, the last release, made to import beside a current NumPy; or stand-ins where it is
not installed.

    from dlkit.mx import autograd, gluon, init, mx, nd

MXNet 1.9.1 was written for NumPy 1 and looks for some thirty names that NumPy 2 took out. NumPy is
lent them for the time of the import and has them taken away again; the few modules of MXNet that
ask for one later are given a NumPy of their own that has them. Two modules that write numbers as
text are given a `str` that writes NumPy's as NumPy 1 did. An array with one number becomes a number
of Python's by `float`, `int`, and as an index, as PyTorch's and NumPy's do. And importing MXNet
lowers the number of OpenMP threads of the whole process, PyTorch's too: PyTorch, if it is there
already, gets back what it had. MXNet itself keeps to one thread, as while a class is graded: that
is settled when it is imported, and two are slower for nets of this size. For a class that nobody
uses any more and for tests of its own MXNet imports scikit-learn and SciPy's statistics where it
finds them: it is not shown them, which halves the time.

Without MXNet the five names are stand-ins. To use one raises MXNetMissing; in IPython, cells that
would use one, or a name that such a cell should have made, are skipped and say so in one line (see
`SkipCells`).
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
import symtable
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType, SimpleNamespace
from typing import Any, NoReturn

import numpy as np

__all__ = ["MXNetMissing", "autograd", "available", "gluon", "init", "mx", "nd"]

NEEDS_MXNET = (
    "this cell needs MXNet 1.9.1, which runs on Linux x86-64 only (`course gluon` installs it "
    "there); everything in PyTorch works without it."
)


class MXNetMissing(ImportError):
    """MXNet is not installed, or does not load, and something used it."""

    def _render_traceback_(self) -> list[str]:
        """What IPython prints: the line alone, since the stack says nothing more."""
        return [f"MXNetMissing: {self}"]


class Placeholder:
    """Stands where a module of MXNet would be. Its attributes and calls raise MXNetMissing."""

    def __init__(self, name: str, reason: str) -> None:
        self._name, self._reason = name, reason

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            # Python, pickle and IPython ask any object for these, and take this answer for a plain
            # no.
            raise AttributeError(name)
        self()

    def __call__(self, *args: object, **kwargs: object) -> NoReturn:
        raise MXNetMissing(f"{self._name}: {NEEDS_MXNET} ({self._reason})")

    def __repr__(self) -> str:
        return f"<{self._name}: MXNet is missing>"


def available() -> bool:
    """Whether MXNet can be used on this machine: it is installed and its shared libraries load.

    Only an import can tell, and this module has made it: where MXNet is installed, importing
    ``dlkit.mx`` takes its four seconds.
    """
    return not isinstance(mx, Placeholder)


def _import_mxnet() -> ModuleType:
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else None
    os.environ.setdefault("MXNET_OMP_MAX_THREADS", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with (
            _lent_to_numpy(LOST_IN_NUMPY_2),
            _without("sklearn"),
            _without("scipy.stats"),
        ):
            import mxnet
    numpy_1 = ModuleType("numpy")
    vars(numpy_1).update(LOST_IN_NUMPY_2 | vars(np))
    for module, name in ASK_LATER.items():
        if module in sys.modules:
            setattr(sys.modules[module], name, numpy_1)
    for module in CALL_BY_TEXT:
        vars(sys.modules[module])["str"] = _text
    _give_numbers(mxnet.nd.NDArray)
    if torch and torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    return mxnet


def _text(value: object) -> str:
    """What `str` gives, but a NumPy number in a list or tuple is written as a plain one: ``(0.1,
    0.1)``, not ``(np.float64(0.1), np.float64(0.1))``.
    """
    return str(_plain(value))


def _plain(value: object) -> object:
    if type(value) is list:
        return [_plain(item) for item in value]
    if type(value) is tuple:
        return tuple(_plain(item) for item in value)
    return value.item() if isinstance(value, np.generic) else value


def _give_numbers(arrays: type) -> None:
    """Let `float`, `int` and an index take an array with one number."""
    for name, convert in (
        ("__float__", float),
        ("__int__", int),
        ("__index__", _as_index),
    ):
        if not hasattr(arrays, name):
            setattr(arrays, name, _of_one_number(convert))


def _of_one_number(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def number(array: Any) -> Any:
        if array.size != 1:
            raise TypeError(
                f"only an array of size 1 becomes a number, and this one has shape {array.shape}"
            )
        return convert(array.asnumpy().item())

    return number


def _as_index(number: float) -> int:
    """A place in a list. MXNet's whole numbers are floats, where `argmax` gives them."""
    if int(number) != number:
        raise TypeError(f"an index must be a whole number, and {number} is not")
    return int(number)


def _gone(name: str) -> Callable[..., NoReturn]:
    """One of the financial functions, for which NumPy 2 has nothing in their place."""

    def function(*args: object, **kwargs: object) -> NoReturn:
        raise NotImplementedError(
            f"mx.np.{name}: NumPy took this function out; the package numpy-financial has it"
        )

    return function


LOST_IN_NUMPY_2: dict[str, Any] = {
    "int": int,
    **{
        "PZERO": 0.0,
        "NZERO": -0.0,
        "PINF": np.inf,
        "NINF": -np.inf,
        "Inf": np.inf,
        "NaN": np.nan,
        "NAN": np.nan,
    },
    **{
        "alltrue": np.all,
        "sometrue": np.any,
        "product": np.prod,
        "round_": np.round,
        "in1d": np.isin,
        "trapz": np.trapezoid,
    },
    "msort": lambda a: np.sort(a, axis=0),
    "compat": SimpleNamespace(basestring=str),
    **{name: _gone(name) for name in ("mirr", "npv", "pmt", "ppmt", "pv", "rate")},
}
"""Every name of NumPy's that MXNet 1.9.1 mentions and NumPy 2 lacks, found by reading its
source. ``np.bool``, which NumPy 2 has again, is left as it is.
"""

ASK_LATER = {
    "mxnet.ndarray.numpy._op": "_np",
    "mxnet.symbol.numpy._symbol": "_np",
    "mxnet.gluon.contrib.estimator.event_handler": "np",
    "mxnet.test_utils": "np",
}
"""The modules of MXNet that use such a name when they are called, and what they call NumPy."""

CALL_BY_TEXT = ("mxnet._ctypes.ndarray", "mxnet._ctypes.symbol")
"""The modules of MXNet that hand the arguments of an operator on as text. NumPy 2 writes its
numbers in lists otherwise than MXNet reads them: a learning rate of `numpy.float64` would stop the
first step.
"""


@contextlib.contextmanager
def _lent_to_numpy(names: Mapping[str, Any]) -> Iterator[None]:
    """In here NumPy has those of `names` that it lacks."""
    # Asking by `hasattr` would make NumPy warn.
    missing = {name: value for name, value in names.items() if name not in vars(np)}
    vars(np).update(missing)
    try:
        yield
    finally:
        for name in missing:
            delattr(np, name)


@contextlib.contextmanager
def _without(module: str) -> Iterator[None]:
    """In here an import of `module` fails as if it were not installed, unless it was imported
    before.
    """
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # the import system's own sign for "there is none"
    try:
        yield
    finally:
        del sys.modules[module]


class SkipCells(ast.NodeTransformer):
    """An IPython transformer that skips the cells which cannot run without MXNet, so that "Run all"
    gets through a lesson.

    A cell is skipped when it reads a placeholder, a name that a skipped cell should have bound, or
    imports ``mxnet`` itself. Its names are then missing as well, until a cell that runs binds them
    anew. Imports in a skipped cell are still made: later cells may need them. Names are followed in
    the order in which statements run; a function counts as reading, where it is defined, all its
    global names.
    """

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self.namespace = namespace
        self.missing: set[str] = set()

    def visit_Module(self, cell: ast.Module) -> ast.Module:
        names = _Names()
        names.visit(cell)
        placeholders = {
            name
            for name, value in self.namespace.items()
            if isinstance(value, Placeholder)
        }
        wanted = (
            names.read & (self.missing | placeholders | names.placeholders)
            | names.mxnet
        )
        if not wanted:
            self.missing -= names.bound
            return cell
        self.missing = (self.missing | names.bound) - names.imported
        imports = [
            line
            for line in cell.body
            if isinstance(line, (ast.Import, ast.ImportFrom))
            and not _imports_mxnet(line)
        ]
        note = f"Skipped, for want of {', '.join(sorted(wanted))}: {NEEDS_MXNET}"
        return ast.Module(
            imports + ast.parse(f"print({note!r})").body, type_ignores=cell.type_ignores
        )


class _Names(ast.NodeVisitor):
    """The global names of a cell, by what it does with them."""

    def __init__(self) -> None:
        self.read: set[str] = set()  # before the cell itself binds them
        self.bound: set[str] = set()
        self.imported: set[str] = set()
        self.mxnet: set[str] = set()  # imported from mxnet itself, which cannot succeed
        # Imported from this module, which always does.
        self.placeholders: set[str] = set()

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.read |= {node.id} - self.bound
        else:
            self.bound.add(node.id)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        names = {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module == __name__:
            self.placeholders |= {
                alias.asname or alias.name
                for alias in node.names
                if alias.name not in ("available", "MXNetMissing")
            }
            return
        self.bound |= names
        if _imports_mxnet(node):
            self.mxnet |= names
        else:
            self.imported |= names

    visit_Import = visit_ImportFrom = _import

    def _value_first(
        self, node: ast.Assign | ast.AnnAssign | ast.NamedExpr | ast.For | ast.AsyncFor
    ) -> None:
        """Visit what is read before the names that it is bound to; the order of the fields is
        that of the source.
        """
        first = node.iter if isinstance(node, (ast.For, ast.AsyncFor)) else node.value
        for child in [
            first,
            *(child for child in ast.iter_child_nodes(node) if child is not first),
        ]:
            if child is not None:
                self.visit(child)

    visit_Assign = visit_AnnAssign = visit_NamedExpr = visit_For = visit_AsyncFor = (
        _value_first
    )

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        if isinstance(node.target, ast.Name):
            self.read |= {node.target.id} - self.bound
        self.visit(node.target)

    def _scope(self, node: ast.AST) -> None:
        """A node with names of its own: Python's symbol table says which of the others are
        global.
        """
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self.bound.add(node.name)
        source = ast.unparse(node)
        if isinstance(node, ast.expr):
            # From Python 3.12 on, names of a comprehension are among those that stand around it.
            source = f"lambda: ({source})"
        top = symtable.symtable(source, "<cell>", "exec")
        reads = {
            symbol.get_name()
            for table in _tables(top)
            for symbol in table.get_symbols()
            if _is_global_read(table, symbol)
        }
        self.read |= reads - self.bound

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = _scope
    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _scope

    def visit_Call(self, node: ast.Call) -> None:
        """IPython turns ``%%time`` and ``%timeit`` into calls that hold the code as text."""
        if isinstance(node.func, ast.Attribute) and node.func.attr in (
            "run_cell_magic",
            "run_line_magic",
        ):
            for argument in node.args[1:]:
                if isinstance(argument, ast.Constant) and isinstance(
                    argument.value, str
                ):
                    self._magic(argument.value)
        self.generic_visit(node)

    def _magic(self, text: str) -> None:
        try:
            self.visit(ast.parse(text))
        except SyntaxError:  # options, as in %timeit -n 10: any word may be a name
            self.read |= set(re.findall(r"[^\W\d]\w*", text)) - self.bound


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _tables(child)


def _is_global_read(table: symtable.SymbolTable, symbol: symtable.Symbol) -> bool:
    return symbol.is_referenced() and (
        table.get_type() == "module" or symbol.is_global()
    )


def _imports_mxnet(node: ast.Import | ast.ImportFrom) -> bool:
    modules = (
        [node.module or ""]
        if isinstance(node, ast.ImportFrom)
        else [alias.name for alias in node.names]
    )
    return any(module.partition(".")[0] == "mxnet" for module in modules)


def _skip_cells_in_ipython() -> None:
    """Only where IPython runs already; a script gets MXNetMissing instead."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        shell.ast_transformers.append(SkipCells(shell.user_ns))


try:
    mx = _import_mxnet()
    from mxnet import autograd, gluon, init, nd
except (ImportError, OSError, RuntimeError, AttributeError) as error:
    # OSError: a shared library of the system is missing. RuntimeError: libmxnet.so is.
    # AttributeError: a NumPy that lacks yet another name.
    _reason = (str(error).splitlines() or [type(error).__name__])[0]
    autograd, gluon, init, mx, nd = (  # type: ignore[assignment]
        Placeholder(name, _reason) for name in ("autograd", "gluon", "init", "mx", "nd")
    )
    _skip_cells_in_ipython()
