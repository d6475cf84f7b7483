"""A forbidden library call is found under any name, by reading the code or when it runs; what
only looks like one costs nothing.
"""

from __future__ import annotations

import ast
import gc
import itertools
import sys
import textwrap
import threading
import time
from dataclasses import dataclass

import classroom
import nbformat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder import testing
from autograder.answers.run import run_contained
from autograder.judge.code.code_reader import Code, may_not, read
from autograder.questions.definition import question
from autograder.values import frameworks

FORBIDS = (
    "torch.conv2d",
    "torch.nn.functional.conv2d",
    "torch.nn.Conv2d",
    "torch.nn.functional.max_pool2d",
    "torch.ops.aten.conv2d",
    "torch.ops.aten.convolution",
    "mxnet.nd.Convolution",
    "mxnet.gluon.nn.Conv2D",
    "scipy.signal",
)
X, K = np.ones((1, 1, 4, 4), np.float32), np.ones((1, 1, 2, 2), np.float32)


@pytest.fixture(autouse=True)
def libraries_stay_as_they_are(monkeypatch):
    """Cells below change libraries, in this very process: whatever they set is put back, for the
    tests of other files.
    """
    monkeypatch.setattr(np.linalg, "norm", np.linalg.norm)
    monkeypatch.setattr(np, "g", None, raising=False)
    monkeypatch.setattr(np, "int", int, raising=False)
    if frameworks.available("torch"):
        cudnn = frameworks.module("torch").backends.cudnn
        monkeypatch.setattr(cudnn, "deterministic", cudnn.deterministic)


def cells(*sources):
    return [textwrap.dedent(source).strip() for source in sources]


def read_cells(*sources, name="f"):
    return read(Code(cells(*sources), name), FORBIDS)


def run_cells(*sources, framework="torch"):
    """What the watch sees of the call: the outcome of running the cells and then the answer."""
    space = {}
    for source in cells(*sources):
        exec(source, space)
    outcome = run_contained(space["f"], "call", framework, (X, K), 20.0, FORBIDS)
    assert outcome.kind == "value", (outcome.error, outcome.message)
    return outcome


@dataclass(frozen=True)
class Evasion:
    """One way around: its cells, and whether it is seen by reading as well as by running."""

    cells: tuple
    by_reading: bool = True
    framework: str = "torch"


def running_only(*sources):
    return Evasion(sources, by_reading=False)


def both(*sources, framework="torch"):
    return Evasion(sources, framework=framework)


IMPORT = "import torch"
F = "import torch.nn.functional as F"
EVASIONS = {
    "plain": both(IMPORT, "def f(x, k): return torch.nn.functional.conv2d(x, k)"),
    "another name of the same": both(IMPORT, "def f(x, k): return torch.conv2d(x, k)"),
    "another path to the same": both(
        IMPORT, "def f(x, k): return torch.nn.modules.conv.F.conv2d(x, k)"
    ),
    "the operator below it": both(
        IMPORT, "def f(x, k): return torch.ops.aten.conv2d(x, k)"
    ),
    "a module alias": both(F, "def f(x, k): return F.conv2d(x, k)"),
    "imported under another name": both(
        "from torch.nn.functional import conv2d as slide",
        "def f(x, k): return slide(x, k)",
    ),
    "imported inside": both(
        "def f(x, k):\n    from torch import conv2d\n    return conv2d(x, k)"
    ),
    "a star import": both(
        "from torch.nn.functional import *", "def f(x, k): return conv2d(x, k)"
    ),
    "assigned": both(F, "g = F.conv2d", "def f(x, k): return g(x, k)"),
    "assigned twice, in a branch": both(
        F, "g = None\nif True:\n    g = F.conv2d", "def f(x, k): return g(x, k)"
    ),
    "unpacked": both(F, "g, h = F.conv2d, 1", "def f(x, k): return g(x, k)"),
    "bound by a loop": both(
        F, "def f(x, k):\n    for g in [F.conv2d]:\n        return g(x, k)"
    ),
    "bound by :=": both(F, "def f(x, k): return (g := F.conv2d)(x, k)"),
    "in a dictionary": both(
        F,
        "table = {}\ntable['slide'] = F.conv2d",
        "def f(x, k): return table['slide'](x, k)",
    ),
    "appended to a list": both(
        F, "table = []\ntable.append(F.conv2d)", "def f(x, k): return table[0](x, k)"
    ),
    "as an attribute": both(
        F, "def h(): pass\nh.g = F.conv2d", "def f(x, k): return h.g(x, k)"
    ),
    "as an attribute of a library": running_only(
        F, "import numpy as np\nnp.g = F.conv2d", "def f(x, k): return np.g(x, k)"
    ),
    "set by setattr": both(
        F, "def h(): pass\nsetattr(h, 'g', F.conv2d)", "def f(x, k): return h.g(x, k)"
    ),
    "set in globals()": both(
        F, "globals()['g'] = F.conv2d", "def f(x, k): return g(x, k)"
    ),
    "set by a function": both(
        F,
        "g = None\ndef setup():\n    global g\n    g = F.conv2d\nsetup()",
        "def f(x, k): return g(x, k)",
    ),
    "a default argument": both(F, "def f(x, k, g=F.conv2d): return g(x, k)"),
    "a keyword-only default": both(F, "def f(x, k, *, g=F.conv2d): return g(x, k)"),
    "a decorator": both(
        F,
        "def use(g):\n    return lambda h: lambda x, k: g(x, k)\n@use(F.conv2d)\ndef f(x, k): pass",
    ),
    "a lambda": both(F, "f = lambda x, k: F.conv2d(x, k)"),
    "a helper": both(
        F, "def g(x, k): return F.conv2d(x, k)", "def f(x, k): return g(x, k)"
    ),
    "a helper's helper": both(
        F,
        "def a(x, k): return F.conv2d(x, k)",
        "def b(*args): return a(*args)",
        "def f(x, k): return b(x, k)",
    ),
    "a helper that gives it": both(
        F, "def g(): return F", "def f(x, k): return g().conv2d(x, k)"
    ),
    "a method": both(
        F,
        "class A:\n    def g(self, x, k): return F.conv2d(x, k)",
        "a = A()",
        "def f(x, k): return a.g(x, k)",
    ),
    "a property of a base class": both(
        F,
        "class A:\n    @property\n    def g(self): return F.conv2d",
        "class B(A): pass",
        "def f(x, k): return B().g(x, k)",
    ),
    "a static method": both(
        F, "class A:\n    g = staticmethod(F.conv2d)", "def f(x, k): return A.g(x, k)"
    ),
    "the answer is a class": both(
        F, "class f:\n    def __new__(cls, x, k): return F.conv2d(x, k)"
    ),
    "inside a nested function": both(
        F, "def f(x, k):\n    def g(): return F.conv2d(x, k)\n    return g()"
    ),
    "inside a comprehension": both(
        F, "def f(x, k): return [F.conv2d(y, k) for y in [x]][0]"
    ),
    "behind a name of a comprehension": both(
        F, "def f(x, k):\n    [0 for F in range(2)]\n    return F.conv2d(x, k)"
    ),
    "a layer": both(IMPORT, "def f(x, k): return torch.nn.Conv2d(1, 1, 2)(x).detach()"),
    "a subclass of a layer": both(
        IMPORT,
        "class A(torch.nn.Conv2d): pass",
        "def f(x, k): return A(1, 1, 2)(x).detach()",
    ),
    "a function made by a factory": both(F, "def f(x, k): return F.max_pool2d(x, 2)"),
    "getattr": both(F, "def f(x, k): return getattr(F, 'conv2d')(x, k)"),
    "getattr, added up": running_only(
        F, "def f(x, k): return getattr(F, 'conv' + '2' + 'd')(x, k)"
    ),
    "getattr, formatted": running_only(
        F, "n = 2", "def f(x, k): return getattr(F, f'conv{n}d')(x, k)"
    ),
    "getattr, joined": running_only(
        F, "def f(x, k): return getattr(F, ''.join(['conv', '2', 'd']))(x, k)"
    ),
    "getattr, from chr": running_only(
        F, "def f(x, k): return getattr(F, chr(99) + 'onv2' + chr(100))(x, k)"
    ),
    "getattr, computed": running_only(
        F, "def f(x, k): return getattr(F, 'd2vnoc'[::-1])(x, k)"
    ),
    "getattr, a choice": running_only(
        F, "def f(x, k): return getattr(F, 'conv2d' if x.ndim == 4 else 'pad')(x, k)"
    ),
    "getattr, another name": both(
        F, "look = getattr", "def f(x, k): return look(F, 'conv2d')(x, k)"
    ),
    "getattr, in a helper": running_only(
        F,
        "def look(a, b): return getattr(a, b)",
        "def f(x, k): return look(F, 'conv2d')(x, k)",
    ),
    "getattr, handed on": running_only(
        IMPORT,
        "import functools",
        "def f(x, k): return functools.reduce(getattr, ['nn', "
        "'functional', 'conv2d'], torch)(x, k)",
    ),
    "__getattribute__": running_only(
        F, "def f(x, k): return F.__getattribute__('conv2d')(x, k)"
    ),
    "object.__getattribute__": running_only(
        F, "def f(x, k): return object.__getattribute__(F, 'conv2d')(x, k)"
    ),
    "vars": running_only(F, "def f(x, k): return vars(F)['conv2d'](x, k)"),
    "__dict__": running_only(F, "def f(x, k): return F.__dict__['conv2d'](x, k)"),
    "__dict__.get": running_only(
        F, "def f(x, k): return F.__dict__.get('conv2d')(x, k)"
    ),
    "__dict__, computed": running_only(
        F, "def f(x, k): return F.__dict__['CONV2D'.lower()](x, k)"
    ),
    "globals": running_only(F, "def f(x, k): return globals()['F'].conv2d(x, k)"),
    "attrgetter": running_only(
        IMPORT,
        "from operator import attrgetter",
        "def f(x, k): return attrgetter('nn.functional.conv2d')(torch)(x, k)",
    ),
    "methodcaller": running_only(
        F,
        "import operator",
        "def f(x, k): return operator.methodcaller('conv2d', x, k)(F)",
    ),
    "import_module": both(
        "import importlib",
        "def f(x, k): return importlib.import_module('torch.nn.functional').conv2d(x, k)",
    ),
    "import_module, relative": running_only(
        "import importlib",
        "def f(x, k): return importlib.import_module('.functional', 'torch.nn').conv2d(x, k)",
    ),
    "import_module, computed": running_only(
        "import importlib",
        "def f(x, k): return importlib.import_module('hcrot'[::-1]).conv2d(x, k)",
    ),
    "__import__": both("def f(x, k): return __import__('torch').conv2d(x, k)"),
    "sys.modules": running_only(
        IMPORT,
        "import sys",
        "def f(x, k): return sys.modules['torch.nn.functional'].conv2d(x, k)",
    ),
    "pydoc.locate": running_only(
        "import pydoc", "def f(x, k): return pydoc.locate('torch.conv2d')(x, k)"
    ),
    "eval": running_only(F, "def f(x, k): return eval('F.conv2d(x, k)')"),
    "eval, added up": running_only(
        F, "def f(x, k): return eval('F.conv' + '2d')(x, k)"
    ),
    "eval, computed": running_only(
        F, "def f(x, k): return eval(')k ,x(d2vnoc.F'[::-1])"
    ),
    "eval in eval": running_only(
        F, """def f(x, k): return eval('eval("F.conv2d")')(x, k)"""
    ),
    "eval, another name": running_only(
        F, "run = eval", "def f(x, k): return run('F.conv2d')(x, k)"
    ),
    "eval, by way of builtins": running_only(
        F, "import builtins", "def f(x, k): return builtins.eval('F.conv2d')(x, k)"
    ),
    "eval, handed on": running_only(
        F, "def f(x, k): return list(map(eval, ['F.conv2d']))[0](x, k)"
    ),
    "exec": running_only(
        "def f(x, k):\n    space = {}\n    exec('from torch import conv2d as "
        "g', space)\n    return space['g'](x, k)"
    ),
    "exec of the answer": running_only(
        "exec('import torch\\ndef f(x, k): return torch.conv2d(x, k)')"
    ),
    "compile": running_only(
        F,
        "code = compile('F.conv2d', '', 'eval')",
        "def f(x, k): return eval(code)(x, k)",
    ),
    "partial": both(
        F,
        "from functools import partial",
        "def f(x, k): return partial(F.conv2d, x)(k)",
    ),
    "map": both(F, "def f(x, k): return next(map(F.conv2d, [x], [k]))"),
    "a thread": both(
        F,
        "import threading",
        """
        def f(x, k):
            out = []
            thread = threading.Thread(target=lambda: out.append(F.conv2d(x, k)))
            thread.start()
            thread.join()
            return out[0]
        """,
    ),
    "a forbidden module": both(
        "import scipy.signal as s",
        "def f(x, k): return s.correlate2d(x[0, 0], k[0, 0])",
    ),
    "a forbidden module, lazily": both(
        "import scipy", "def f(x, k): return scipy.signal.correlate2d(x[0, 0], k[0, 0])"
    ),
    "from a forbidden module": both(
        "def f(x, k):\n    from scipy.signal import correlate2d as "
        "g\n    return g(x[0, 0], k[0, 0])"
    ),
    "found in a list of functions": running_only(
        F,
        "import inspect",
        "def f(x, k): return [g for n, g in inspect.getmembers(F) if n[:4] "
        "== 'conv' and n[4:] == '2d'][0](x, k)",
    ),
    "a library found by what is in it": running_only(
        F,
        "import inspect",
        "def f(x, k): return inspect.getmodule(F.softmax).conv2d(x, k)",
    ),
    "a function of a library that calls it": running_only(
        "from torch.nn.utils.fusion import torch as t",
        "def f(x, k): return t.nn.modules.conv._ConvNd.__subclasses__()[1](1, 1, 2)(x).detach()",
    ),
    "MXNet, through the shim": both(
        "from dlkit.mx import nd",
        "def f(x, k): return nd.Convolution(x, k, kernel=(2, 2), num_filter=1, no_bias=True)",
        framework="mxnet",
    ),
    "MXNet, another module": both(
        "from dlkit.mx import mx",
        "def f(x, k): return mx.ndarray.op.Convolution(x, k, "
        "kernel=(2, 2), num_filter=1, no_bias=True)",
        framework="mxnet",
    ),
    "another function's code": both(
        IMPORT,
        "def f(x, k): return x",
        "def g(x, k): return torch.conv2d(x, k)",
        "f.__code__ = g.__code__",
    ),
    "the names of the notebook": running_only(
        IMPORT, "def f(x, k): return x", "globals().update(f=torch.conv2d)"
    ),
    "another library's function, by setattr": running_only(
        "import numpy, torch",
        "setattr(numpy.linalg, 'norm', torch.conv2d)",
        "def f(x, k): return numpy.linalg.norm(x, k)",
    ),
    "another library's function": running_only(
        "import numpy, torch",
        "numpy.linalg.norm = torch.conv2d",
        "def f(x, k): return numpy.linalg.norm(x, k)",
    ),
    "MXNet, a layer": both(
        "from dlkit.mx import gluon",
        "def f(x, k):\n    layer = gluon.nn.Conv2D(1, 2)\n    "
        "layer.initialize()\n    return layer(x)",
        framework="mxnet",
    ),
}


@pytest.mark.parametrize("evasion", EVASIONS.values(), ids=EVASIONS.keys())
def test_a_way_around_is_found(evasion):
    if not frameworks.available(evasion.framework):
        pytest.skip(f"{evasion.framework} is not available on this machine")
    assert evasion.by_reading == (read_cells(*evasion.cells) is not None)
    assert run_cells(*evasion.cells, framework=evasion.framework).forbidden in FORBIDS


def test_a_module_beside_the_notebook_is_read():
    beside = {
        "helper": "import torch\nfrom tools.small import double\n"
        "def conv(x, k): return torch.conv2d(x, k)\n"
        "def same(x): return double(x)",
        "tools": "",
        "tools.small": "def double(x): return x * 2\nfrom torch import conv2d as slide",
    }

    def found(use):
        return read(
            Code([f"{use}\ndef f(x, k): return g(x, k)"], "f", beside=beside), FORBIDS
        )

    assert (
        found("from helper import conv as g").line
        == "def conv(x, k): return torch.conv2d(x, k)"
    )
    assert found("import helper\ndef g(x, k): return helper.conv(x, k)") is not None
    assert found("from helper import *\ndef g(x, k): return conv(x, k)") is not None
    assert found("import helper\ndef g(x, k): return helper.same(x)") is None
    assert (
        found("import tools.small\ndef g(x, k): return tools.small.slide(x, k)")
        is not None
    )
    assert (
        found("import tools.small\ndef g(x, k): return tools.small.double(x)") is None
    )
    assert found("import helper\ndef g(x, k): return x") is None


HONEST = {
    "Python's own names beside a star": (
        "from scipy.signal import *",
        "def f(x, k):\n    y = x\n    for i in range(2):\n        y = y + max(i, 1)\n    return y",
    ),
    "an old name put back": (
        "import numpy as np\nnp.int = int",
        "def f(x, k): return x * np.int(2)",
    ),
    "differentiation switched off": (
        "import torch",
        "def f(x, k):\n    with torch.no_grad():\n        return x",
    ),
    "a module's setting": (
        IMPORT,
        "torch.backends.cudnn.deterministic = True",
        "def f(x, k): return x",
    ),
    "a library changed elsewhere": (
        "import numpy, torch",
        "numpy.linalg.norm = max",
        "def f(x, k): return x",
    ),
    "run as a program": (
        "def f(x, k): return x",
        "if __name__ == '__main__':\n    print(f(1, 2))",
    ),
    "loops": (
        "def f(x, k):\n    out = x[..., 1:, 1:] * 0\n    for i in "
        "range(2):\n        out = out + i\n    return out",
    ),
    "a word in a comment and a docstring": (
        "def f(x, k):\n    '''Not torch.nn.functional.conv2d.'''\n  "
        "  # F.conv2d(x, k)\n    return x",
    ),
    "a string": ("def f(x, k):\n    name = 'torch.conv2d'\n    return x",),
    "a variable of that name": ("def f(x, k):\n    conv2d = x * 2\n    return conv2d",),
    "a helper of that name": (
        F,
        "def conv2d(x, k): return x + k.sum()",
        "def f(x, k): return conv2d(x, k)",
    ),
    "a class of that name": (
        IMPORT,
        "class Conv2d:\n    def __call__(self, x): return x",
        "def f(x, k): return Conv2d()(x)",
    ),
    "a method of that name": (
        "class A:\n    def conv2d(self, x): return x",
        "def f(x, k): return A().conv2d(x)",
    ),
    "an argument of that name": (
        "def g(x, conv2d): return x * conv2d",
        "def f(x, k): return g(x, conv2d=2)",
    ),
    "other things of the same modules": (
        F,
        IMPORT,
        "def f(x, k): return F.pad(torch.einsum('ncij->ncij', x), (1, 1))",
    ),
    "something that begins like it": (
        IMPORT,
        "def f(x, k): return torch.nn.functional.max_pool1d(x[0], 2)",
    ),
    "a sibling made by the same factory": (
        F,
        "def f(x, k): return F.adaptive_max_pool2d(x, 2)",
    ),
    "a comparison in another cell": (
        F,
        "def f(x, k): return x",
        "def compare(x, k): return f(x, k) - F.conv2d(x, k)",
    ),
    "a comparison with names of its own": (
        F,
        "def f(x, k):\n    expected = x * 2\n    return expected",
        "import torch\nx = k = torch.ones(1, 1, 2, 2)\nexpected = "
        "F.conv2d(x, k)\nassert f(x, k).shape == x.shape",
    ),
    "a comparison by a library's function": (
        "import numpy as np",
        F,
        "def f(x, k): return np.asarray(x)",
        "import torch\nnp.testing.assert_allclose(4, F.conv2d(torch.ones(1, "
        "1, 2, 2), torch.ones(1, 1, 2, 2))[0, 0])",
    ),
    "an import that the answer does not use": (
        "from torch.nn.functional import conv2d",
        "import scipy.signal",
        "def f(x, k): return x",
    ),
    "an earlier try, written over": (
        F,
        "def f(x, k): return F.conv2d(x, k)",
        "def f(x, k): return x",
    ),
    "a name used again": (
        F,
        "g = F.conv2d",
        "def g(x, k): return x",
        "def f(x, k): return g(x, k)",
    ),
    "a library that imports it": (
        "def f(x, k):\n    import scipy.ndimage\n    return x",
    ),
    "a question about the type": (
        IMPORT,
        "def f(x, k):\n    assert not isinstance(k, torch.nn.Conv2d)\n    return x",
    ),
    "an annotation": (
        IMPORT,
        "def f(x, k, layer: torch.nn.Conv2d = None) -> torch.Tensor: return x",
    ),
    "getattr of something else": (
        IMPORT,
        "def f(x, k): return getattr(torch, 'flip' if x.ndim == 4 else 'roll')(x, (0,))",
    ),
    "getattr of an array": (
        "def f(x, k):\n    for name in ('sum', 'mean'):\n        y "
        "= getattr(x, name)()\n    return y"
    ),
    "eval of a sum": ("def f(x, k): return x * eval('1 + 1')",),
    "a method called eval": (
        "class A:\n    def eval(self, x): return x",
        "def f(x, k): return A().eval(x)",
    ),
    "a library under another name in the function": (
        "def f(x, k):\n    import torch as t\n    lib = t\n    return lib.flip(x, (0,))",
    ),
    "a function of a library, handed on": (
        IMPORT,
        "def f(x, k): return list(map(torch.flatten, [x]))[0]",
    ),
    "a type of a library, handed on": (
        IMPORT,
        "def f(x, k): return x.to(torch.float64)",
    ),
    "a text that is no name": (
        "def f(x, k):\n    table = {'conv2d': x}\n    return table['conv2d']",
    ),
    "recursion": (
        "def g(n): return 0 if n == 0 else g(n - 1)",
        "def f(x, k): return x * g(3)",
    ),
    "a name bound to itself": (
        "def f(x, k):\n    y = x\n    for _ in range(3):\n        y, x = x, y\n    return y",
    ),
}


@pytest.mark.parametrize("sources", HONEST.values(), ids=HONEST.keys())
def test_what_only_looks_like_it_costs_nothing(sources):
    sources = (sources,) if isinstance(sources, str) else sources
    assert read_cells(*sources) is None
    assert run_cells(*sources).forbidden == ""


@pytest.mark.parametrize(
    "cell",
    [
        "def broken(:",
        "\0",
        "(" * 500,
        "%matplotlib inline",
        "!pip list",
        "f?",
        "await x",
        "%%bash\nls",
        "1 +",
        "from . import g",
        "print 'x'",
        "",
    ],
)
def test_a_cell_that_is_not_python_hides_nothing_and_hurts_nothing(cell):
    assert read_cells(cell, "def f(x, k): return x", cell) is None
    assert read_cells(cell, F, "def f(x, k): return F.conv2d(x, k)", cell) is not None


def test_lines_for_ipython_are_read():
    assert (
        read_cells(
            "%matplotlib inline\nfrom torch import conv2d as g",
            "%%time\ndef f(x, k):\n    return g(x, k)",
        )
        is not None
    )


@pytest.mark.parametrize(
    "cell",
    [
        "f = eval('x' * 3)",
        "x = 'exec(x)'\nexec(x)",
        "def f(): return f() + f()",
        "f = [f for f in f]",
    ],
)
def test_reading_ends(cell):
    read_cells(
        cell,
        "def g(x): return eval(x)\ns = 'g(s)'",
        "def f(x, k):\n    s = 'exec(s)'\n    exec(s)\n    return g(s + 'a')",
    )


def test_code_that_is_nested_beyond_reading_costs_nothing_by_reading():
    assert (
        read_cells(IMPORT, f"def f(x, k): return {'x + ' * 100}torch.conv2d(x, k)")
        is not None
    )
    assert read_cells(f"def f(x, k): return {'x + ' * 1500}x") is None


def test_an_answer_that_is_not_in_the_notebook_costs_nothing_by_reading():
    """What it calls is seen when it runs, and that it hides is told: `test_look_at.py`."""
    assert read_cells("__import__('builtins').f = 1") is None
    assert read_cells("from somewhere import f") is None
    assert read_cells("f = __import__('functools').partial(lambda y, x: x, 1)") is None


def test_what_is_found_is_said_with_its_line():
    finding = read_cells(
        F, "def f(x, k):\n    y = x\n    return F.conv2d(y, k)  # quick"
    )
    assert (finding.sentence, finding.line) == (
        may_not("torch.nn.functional.conv2d"),
        "return F.conv2d(y, k)  # quick",
    )


def test_nothing_is_read_or_watched_where_nothing_is_forbidden():
    assert (
        read(Code(["import torch\ndef f(x, k): return torch.conv2d(x, k)"], "f"), ())
        is None
    )
    seen = []
    run_contained(lambda: seen.append(sys.getprofile()), "call", "numpy", (), 5.0)
    assert seen == [None]


@given(
    st.lists(st.integers(0, 6), max_size=3).map(sorted),
    st.sampled_from(["+", "join", "format"]),
)
def test_a_name_in_pieces_is_the_name(cuts, how):
    """Whatever a name is put together from, the call is seen, with its line."""
    places = [0, *cuts, 6]
    pieces = ["conv2d"[start:end] for start, end in itertools.pairwise(places)]
    expression = {
        "+": " + ".join(map(repr, pieces)),
        "join": f"''.join({pieces!r})",
        "format": "f'"
        + "".join(f"{{{piece!r}}}" for piece in pieces).replace("'", '"')
        + "'",
    }[how]
    assert eval(expression) == "conv2d"
    assert run_cells(F, f"def f(x, k): return getattr(F, {expression})(x, k)").forbidden


@given(st.integers(0, 6), st.booleans())
def test_the_length_of_a_chain_of_helpers_does_not_matter(length, uses):
    helpers = [f"def g{n}(x, k): return g{n + 1}(x, k)" for n in range(length)]
    last = f"def g{length}(x, k): return {'F.conv2d(x, k)' if uses else 'x'}"
    assert (
        read_cells(F, last, *helpers, "def f(x, k): return g0(x, k)") is not None
    ) == uses


# The watch


def test_the_profile_functions_are_put_back():
    def ours(*event):
        pass

    sys.setprofile(ours)
    threading.setprofile(ours)
    try:
        run_contained(lambda: 1, "call", "numpy", (), 5.0, FORBIDS)
        run_contained(lambda: 1 / 0, "call", "numpy", (), 5.0, FORBIDS)
        found = sys.getprofile(), threading.getprofile()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    assert found == (ours, ours)


def test_a_watched_answer_runs_out_of_time_and_raises_as_any_other():
    def endless():
        while True:
            len("")

    assert run_contained(endless, "call", "numpy", (), 0.2, FORBIDS).kind == "timeout"
    assert (
        run_contained(lambda: 1 / 0, "call", "numpy", (), 5.0, FORBIDS).error
        == "ZeroDivisionError"
    )


def test_the_call_is_seen_also_when_the_answer_fails_afterwards():
    import torch

    def answer(x, k):
        torch.conv2d(x, k)
        raise ValueError("and now?")

    outcome = run_contained(answer, "call", "torch", (X, K), 5.0, FORBIDS)
    assert (outcome.kind, outcome.forbidden) == ("raised", "torch.conv2d")
    assert outcome.forbidden_line == "torch.conv2d(x, k)"


def test_names_of_things_that_are_not_installed_are_no_trouble():
    forbids = [
        "no_such_package",
        "no_such_package.function",
        "torch.no_such_function",
        "numpy.no.such.thing",
    ]
    assert run_contained(lambda: 3, "call", "numpy", (), 5.0, forbids).value == 3


# The question and its verdict


@pytest.mark.parametrize(
    "forbids",
    [
        "torch.conv2d",
        [""],
        ["torch..conv2d"],
        ["torch.conv2d()"],
        [3],
        ["*"],
        ["torch.*.conv2d"],
        ["2d"],
    ],
)
def test_what_is_no_list_of_dotted_names_is_refused_when_the_question_is_made(forbids):
    with pytest.raises(ValueError, match="forbids"):
        question(points=1, forbids=forbids)


def make(**facts):
    @question(points=3, **facts)
    def largest(values):
        return np.sort(values)[-1]

    largest.probe(repeat=2)(lambda rng: (rng.normal(size=4),))
    return largest


def test_a_question_says_what_it_forbids():
    assert make().prohibition == ""
    assert (
        make(forbids=["numpy.max"]).prohibition
        == "Write it yourself, without `numpy.max`."
    )
    assert (
        make(forbids=["numpy.max", "scipy.*", "numpy.max"]).prohibition
        == "Write it yourself, without `numpy.max` or `scipy`."
    )
    assert (
        make(forbids=["numpy.max"], forbids_in_words="a ready-made maximum").prohibition
        == "Write it yourself, without a ready-made maximum."
    )


def test_a_forbidden_call_earns_nothing_and_is_named():
    verdict = testing.examine(
        make(forbids=["numpy.max"]), lambda values: np.max(values), framework="numpy"
    )
    assert (str(verdict.status), verdict.earned, verdict.headline) == (
        "not correct",
        0.0,
        may_not("numpy.max"),
    )
    prohibition, line = verdict.details
    assert prohibition == "Write it yourself, without `numpy.max`."
    assert line.startswith("The line is `") and "np.max(values)" in line
    assert (
        testing.examine(make(forbids=["numpy.max"]), max, framework="numpy").earned == 3
    )


def test_a_learner_is_told_at_the_check(run_script):
    printed = run_script(
        """
        import numpy as np
        from autograder import check, use

        use("numpy")


        def ordered(values):
            smallest_first = np.sort
            return smallest_first(values)


        def compared(values):
            return np.array(sorted(values.tolist()))


        print(check("small.ordered", ordered))
        print(check("small.ordered", compared))
        print(check("small.ordered", eval("lambda values: np.sort(values)")))
        """
    )
    told = [
        "✗ small.ordered: not correct, 0 of 2 points",
        f"  {may_not('numpy.sort')}",
        "  Write it yourself, without a library's own sorting "
        "(`numpy.sort`) and the module `statistics`.",
    ]
    expected = [
        *told,
        "  The line is `smallest_first = np.sort`",
        "✓ small.ordered: correct, 2 of 2 points",
        "  Correct on all 2 inputs.",
        *told,  # what has no source is seen when it runs
    ]
    verdicts = [line for line in printed.splitlines() if line in expected]
    assert verdicts == expected  # between them stands what to do next


def test_a_notebooks_cells_are_read_as_they_were_run(run_script):
    printed = run_script(
        """
        from IPython.core.interactiveshell import InteractiveShell

        shell = InteractiveShell.instance()
        shell.history_manager.enabled = False
        for cell in [
            "import sys, numpy as np; from autograder import check, use; use('numpy')",
            "def ordered(values):\\n    sys.setprofile(None)\\n    return np.sort(values)",
            "check('small.ordered', ordered)",
            "def ordered(values):\\n    return np.array(sorted(values.tolist()))",
            "check('small.ordered', ordered)",
        ]:
            shell.run_cell(cell, store_history=True).raise_error()
        """
    )
    assert [line for line in printed.splitlines() if line.startswith(("✗", "✓"))] == [
        "✗ small.ordered: not correct, 0 of 2 points",
        "✓ small.ordered: correct, 2 of 2 points",
    ]


IN_CLASS = {
    "alias": "order = np.sort\ndef ordered(values):\n    return order(values)",
    "watch_off": (
        "import sys\ndef ordered(values):\n    sys.setprofile(None)\n    return np.sort(values)"
    ),
    "patched": "import autograder.learner.client as c, autograder.answers.run as r\n"
    "r.watching = None\n"
    "c.run_contained = lambda a, d, f, x, s, *_: r.run(a, d, f, x)\n"
    "def ordered(values):\n    return np.sort(values)",
    "by_a_table": (
        "def ordered(values):\n    return next(v for n, v in "
        "sorted(np.__dict__.items()) if n == 'sort')(values)"
    ),
    "only_when_it_runs": (
        "import inspect\ndef ordered(values):\n    return inspect.getmodule(np.ones).sort(values)"
    ),
    "hidden": "__import__('builtins').ordered = np.sort",
    "own_name": (
        "def sort(values):\n    return np.array(sorted(values.tolist()))\ndef ordered(values):\n "
        "   return sort(values)\nassert (np.sort([2, 1]) == [1, 2]).all()"
    ),
}


def look_at(course, student):
    """What the graded notebook tells the instructor, in one line."""
    path = (
        course.root
        / "autograded"
        / student
        / classroom.NAME
        / f"{classroom.NAME}.ipynb"
    )
    notebook = nbformat.read(path, as_version=4)
    return "; ".join(notebook.metadata["autograder"]["look_at"])


@pytest.mark.slow
def test_in_class_it_earns_nothing_and_costs_nothing_else(small_course, tmp_path):
    course = classroom.lay_out(tmp_path / "course", ("small.total", "small.ordered"))
    course.release(classroom.NAME)
    for student, source in IN_CLASS.items():
        notebook = classroom.notebook(
            ("small.total", "small.ordered"),
            total=classroom.RIGHT["total"],
            ordered=f"import numpy as np\n{source}",
        )
        classroom.hand_in(course, student, nbformat.writes(notebook))
        assert classroom.grade(course, student).reason is None
    headlines = {
        student: classroom.verdicts(course, student)["ordered"]["headline"]
        for student in IN_CLASS
    }
    assert {
        student: classroom.points(course, student) for student in IN_CLASS
    } == dict.fromkeys(IN_CLASS, 1.0) | {"own_name": 3.0}
    assert headlines.pop("own_name") == "Correct on all 2 inputs."
    assert set(headlines.values()) == {may_not("numpy.sort")}
    told = {student: look_at(course, student) for student in IN_CLASS}
    assert "hook into Python" in told["watch_off"]
    assert "the engine's own modules: import autograder" in told["patched"]
    assert "cell 4" in told["patched"]
    assert (told["alias"], told["own_name"]) == ("", "")


def test_right_code_is_read_while_another_thread_parses():
    """Finalizers that let another thread run in the middle of a parse make Python 3.11 fail it
    (python/cpython#106905).
    """
    go, stop = threading.Event(), threading.Event()

    class Yielding:
        def __init__(self):
            self.itself = self

        def __del__(self):
            go.set()
            time.sleep(0.01)

    def parse():
        while not stop.is_set():
            go.wait()
            go.clear()
            compile("f(a(b(c(d(e(1))))))", "<other>", "exec", flags=ast.PyCF_ONLY_AST)

    other = threading.Thread(target=parse)
    other.start()
    source = (
        "\n".join(
            f"def f{i}(x):\n    return sorted([y for y in x if y > {i}])"
            for i in range(40)
        )
        + "\ndef f(x, k):\n    return f1(x)"
    )
    before = gc.get_threshold()
    try:
        for _ in range(5):
            Yielding()
            gc.set_threshold(50)
            assert read_cells(source) is None
            gc.set_threshold(*before)
    finally:
        gc.set_threshold(*before)
        stop.set()
        go.set()
        other.join()
