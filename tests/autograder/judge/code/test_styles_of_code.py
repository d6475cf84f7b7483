"""Styles of code that read honest to a teacher cost nothing, in any framework; the same styles
around a forbidden call are found: by reading, or when they run.
"""

from __future__ import annotations

import numpy as np
import pytest

from autograder.answers.run import run_contained
from autograder.judge.code import reach_names
from autograder.judge.code.code_reader import Code, read
from autograder.judge.code.reaches import reaches
from autograder.values import frameworks

IMPORTS = "import torch\nimport numpy as np\n"
FORBIDS = {
    "torch": (
        "torch.conv2d",
        "torch.nn.functional.conv2d",
        "torch.nn.Conv2d",
        "torch.ops.aten.convolution",
    ),
    "numpy": ("numpy.conv2d", "numpy.sort"),
    "mxnet": ("mxnet.conv2d", "mxnet.nd.Convolution", "mxnet.gluon.nn.Conv2D"),
}


def in_framework(code: str, framework: str) -> str:
    """The same code with another framework in the place of PyTorch."""
    if framework == "numpy":
        code = code.replace("numpy", "math")
    return code.replace("torch", framework)


def finding(code: str, framework: str = "torch"):
    cells = [in_framework(IMPORTS, framework), in_framework(code, framework)]
    return read(Code(cells, "f"), FORBIDS[framework])


HONEST = {
    "a library by a choice": """
import torch
import numpy as np
def f(x, k):
    xp = torch if isinstance(x, torch.Tensor) else np
    return xp.exp(x)
""",
    "a library in a tuple": """
def f(x, k):
    t, n = torch, 3
    return t.flip(x, (0,)) * n
""",
    "a library with an annotation": """
lib: object = torch
def f(x, k): return lib.exp(x)
""",
    "a guarded import": """
try:
    import torch
except ImportError:
    torch = None
def f(x, k):
    if torch is not None and isinstance(x, torch.Tensor):
        return torch.exp(x)
    return x
""",
    "a library among the modules": """
import sys
def f(x, k):
    if 'torch' in sys.modules:
        return torch.exp(x)
    return x
""",
    "print": """
def f(x, k):
    print(torch)
    return x
""",
    "repr": """
class A:
    def __repr__(self): return str(vars(self))
def f(x, k): return A() and x
""",
    "locals": """
def f(x, k):
    print(locals())
    return x
""",
    "a library given to a helper": """
def act(xp, x): return xp.tanh(x)
def f(x, k): return act(torch, x)
""",
    "act kw": """
def act(x, *, xp=np): return xp.tanh(x)
def f(x, k): return act(x, xp=torch)
""",
    "default lib": """
def f(x, k, lib=torch): return lib.exp(x)
""",
    "namespace func": """
def get_xp(x):
    if isinstance(x, torch.Tensor):
        return torch
    return np
def f(x, k):
    xp = get_xp(x)
    return xp.exp(x)
""",
    "namespace lambda": """
get_xp = lambda x: torch if hasattr(x, 'detach') else np
def f(x, k): return get_xp(x).exp(x)
""",
    "table of libs": """
LIBS = {'torch': torch, 'numpy': np}
def f(x, k):
    lib = LIBS['torch']
    return lib.exp(x)
""",
    "table of libs get": """
LIBS = {'torch': torch, 'numpy': np}
def f(x, k):
    lib = LIBS.get('torch', np)
    return lib.exp(x)
""",
    "table items": """
LIBS = {'torch': torch, 'numpy': np}
def f(x, k):
    for name, lib in LIBS.items():
        if name == 'torch':
            return lib.exp(x)
""",
    "for libs": """
def f(x, k):
    for lib in (torch, np):
        try:
            return lib.exp(x)
        except TypeError:
            pass
""",
    "for pairs": """
def f(x, k):
    for lib, n in ((torch, 1), (np, 2)):
        y = lib.exp(x) + n
    return y
""",
    "self.xp": """
class Net:
    def __init__(self, xp): self.xp = xp
    def __call__(self, x): return self.xp.tanh(x)
def f(x, k): return Net(torch)(x)
""",
    "self.xp default": """
class Net:
    def __init__(self, n, xp=torch):
        self.n, self.xp = n, xp
    def forward(self, x): return self.xp.tanh(x) * self.n
def f(x, k): return Net(3).forward(x)
""",
    "class attr": """
class Net:
    lib = torch
    def forward(self, x): return self.lib.tanh(x)
def f(x, k): return Net().forward(x)
""",
    "classmethod": """
class Ops:
    @classmethod
    def of(cls, xp):
        o = cls()
        o.xp = xp
        return o
    @staticmethod
    def act(xp, x): return xp.tanh(x)
    def go(self, x): return self.xp.tanh(x) + Ops.act(self.xp, x)
def f(x, k): return Ops.of(torch).go(x)
""",
    "property": """
class A:
    @property
    def xp(self): return torch
    def go(self, x): return self.xp.exp(x)
def f(x, k): return A().go(x)
""",
    "dataclass": """
from dataclasses import dataclass, field
@dataclass
class Layer:
    w: torch.Tensor
    xp: object = torch
    names: list = field(default_factory=list)
    def __call__(self, x): return self.xp.tanh(x) * self.w
def f(x, k): return Layer(2.0)(x) + Layer(2.0, torch)(x)
""",
    "partial": """
from functools import partial
flip = partial(torch.flip, dims=(0,))
def f(x, k): return flip(x)
""",
    "partial own": """
from functools import partial
def act(xp, x): return xp.tanh(x)
g = partial(act, torch)
def f(x, k): return g(x)
""",
    "map libs": """
def f(x, k): return list(map(lambda lib: lib.exp(x), [torch]))[0]
""",
    "star": """
from torch import *
from math import *
def f(x, k): return exp(x) * sqrt(4)
""",
    "local import": """
def f(x, k):
    import torch
    import torch.nn.functional as F
    from torch import nn
    return F.relu(x) + nn.functional.relu(x) + torch.exp(x)
""",
    "annotations": """
from typing import Optional, Callable
def f(x: torch.Tensor, k: Optional[torch.Tensor], g: 'torch.nn.Module' = None) -> torch.Tensor:
    y: torch.Tensor = x * 2
    return y
""",
    "decorator": """
import functools
def timed(fn):
    @functools.wraps(fn)
    def inner(*args, **kwargs): return fn(*args, **kwargs)
    return inner
@timed
def f(x, k): return torch.exp(x)
""",
    "decorator lib": """
def with_lib(fn):
    def inner(x, k): return fn(torch, x, k)
    return inner
@with_lib
def f(lib, x, k): return lib.exp(x)
""",
    "no_grad": """
@torch.no_grad()
def f(x, k):
    with torch.no_grad():
        return torch.exp(x)
""",
    "lambda table": """
ACT = {'relu': lambda x: torch.relu(x), 'tanh': torch.tanh, 'id': lambda x: x}
def f(x, k): return ACT['relu'](x) + ACT.get('tanh')(x)
""",
    "logging": """
import logging
log = logging.getLogger(__name__)
def f(x, k):
    log.info('using %s', torch)
    logging.info('x %s', torch.__name__)
    log.debug(f'{torch} {locals()}')
    return x
""",
    "format locals": """
def f(x, k):
    s = '{x} {k}'.format(**locals())
    return x
""",
    "vars update": """
class A:
    def __init__(self, a, b):
        self.__dict__.update(locals())
        vars(self).update(a=a)
    def go(self, x): return torch.exp(x) * self.a
def f(x, k): return A(1, 2).go(x)
""",
    "globals check": """
def f(x, k):
    if 'counter' not in globals():
        globals()['counter'] = 0
    return x
""",
    "globals get helper": """
def helper(x): return torch.exp(x)
def f(x, k): return globals()['helper'](x) + globals().get('helper')(x)
""",
    "locals item": """
def f(x, k):
    t = locals()
    return t['x']
""",
    "modules get": """
import sys
def f(x, k):
    t = sys.modules['torch']
    u = sys.modules.get('torch')
    return t.exp(x) + u.exp(x)
""",
    "import_module": """
import importlib
def f(x, k):
    t = importlib.import_module('torch')
    return t.exp(x)
""",
    "import name variable": """
import importlib
NAME = 'torch'
lib = importlib.import_module(NAME)
def f(x, k): return lib.exp(x)
""",
    "dunder import": """
lib = __import__('torch')
def f(x, k): return lib.exp(x)
""",
    "getattr loop": """
def f(x, k):
    for name in ('exp', 'tanh'):
        x = getattr(torch, name)(x)
    return x
""",
    "getattr const var": """
def f(x, k):
    name = 'exp'
    return getattr(torch, name)(x)
""",
    "getattr helper": """
def apply(lib, name, x): return getattr(lib, name)(x)
def f(x, k): return apply(torch, 'exp', x)
""",
    "getattr dict": """
OPS = {'a': 'exp', 'b': 'tanh'}
def f(x, k): return getattr(torch, OPS['a'])(x)
""",
    "getattr default": """
def f(x, k): return getattr(torch, 'exp', None)(x)
""",
    "hasattr": """
def f(x, k):
    if hasattr(torch, 'exp'):
        return torch.exp(x)
    return x
""",
    "walrus": """
def f(x, k): return (t := torch).exp(x) + t.tanh(x)
""",
    "bool": """
def f(x, k):
    lib = torch or np
    if torch and np:
        return lib.exp(x)
""",
    "not": """
def f(x, k):
    if not torch:
        raise ImportError
    assert torch
    return torch.exp(x)
""",
    "is": """
def f(x, k):
    xp = torch
    if xp is np or xp == np or xp in (np, torch):
        return xp.exp(x)
    return x
""",
    "name": """
def f(x, k):
    return x if torch.__name__ == 'torch' else None
""",
    "fstring": """
def f(x, k):
    s = f'{torch.__version__} {torch}' + '%s' % torch
    return x
""",
    "comprehension": """
def f(x, k): return [lib.exp(x) for lib in (torch,)][0]
""",
    "append": """
libs = []
libs.append(torch)
def f(x, k): return libs[0].exp(x)
""",
    "append inside": """
def f(x, k):
    libs = []
    libs.append(torch)
    return libs[-1].exp(x)
""",
    "kwargs": """
def act(x, **kw): return kw['xp'].exp(x)
def f(x, k): return act(x, xp=torch)
""",
    "args": """
def act(*args):
    xp, x = args
    return xp.exp(x)
def f(x, k): return act(torch, x)
""",
    "starred call": """
def act(xp, x): return xp.exp(x)
def f(x, k):
    args = (torch, x)
    return act(*args) + act(**{'xp': torch, 'x': x})
""",
    "nested helper chain": """
def a(xp, x): return b(xp, x)
def b(xp, x): return c(x, xp=xp)
def c(x, xp): return xp.exp(x)
def f(x, k): return a(torch, x)
""",
    "closure": """
def make(xp):
    def g(x): return xp.exp(x)
    return g
g = make(torch)
def f(x, k): return g(x)
""",
    "callable param": """
def act(xp, x): return xp.exp(x)
def apply(fn, lib, x): return fn(lib, x)
def f(x, k): return apply(act, torch, x)
""",
    "recursion lib": """
def pw(xp, x, n): return x if n == 0 else xp.exp(pw(xp, x, n - 1))
def f(x, k): return pw(torch, x, 2)
""",
    "SimpleNamespace": """
from types import SimpleNamespace
B = SimpleNamespace(xp=torch, n=3)
def f(x, k): return B.xp.exp(x) * B.n
""",
    "namedtuple": """
from collections import namedtuple
Backend = namedtuple('Backend', 'xp name')
B = Backend(torch, 'torch')
def f(x, k): return B.xp.exp(x)
""",
    "NamedTuple": """
from typing import NamedTuple
class Backend(NamedTuple):
    xp: object
    name: str
B = Backend(torch, 'torch')
def f(x, k): return B.xp.exp(x)
""",
    "inherit": """
class Base:
    def __init__(self, xp): self.xp = xp
class Net(Base):
    def __init__(self, xp, n):
        super().__init__(xp)
        self.n = n
    def go(self, x): return self.xp.exp(x)
class Other(Base):
    def go(self, x): return self.xp.exp(x)
def f(x, k): return Net(torch, 2).go(x) + Other(torch).go(x)
""",
    "module nn": """
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)
    def forward(self, x): return self.lin(x)
def f(x, k): return Net()(x).detach()
""",
    "return lib call": """
def backend(): return torch
def f(x, k):
    return backend().exp(x)
""",
    "cache": """
import functools
@functools.lru_cache
def backend(name='torch'):
    import importlib
    return importlib.import_module('torch')
def f(x, k): return backend().exp(x)
""",
    "setattr own": """
class A: pass
a = A()
setattr(a, 'xp', torch)
a.n = 2
def f(x, k): return a.xp.exp(x) * a.n
""",
    "sub module alias": """
nn, F = torch.nn, torch.nn.functional
def f(x, k): return F.relu(x) + nn.functional.relu(x)
""",
    "np funcs": """
def f(x, k):
    y = np.add(np.asarray(x), 1)
    y = np.append(y, y)
    y = np.copy(y)
    return y.sum() * np.insert(y, 0, 1)[0]
""",
    "torch add": """
def f(x, k):
    y = torch.add(x, x)
    z = torch.stack([y, y])
    return helper(z[0])
def helper(z): return z.sum()
""",
    "dict libs loop": """
LIBS = [('torch', torch)]
def f(x, k): return dict(LIBS)['torch'].exp(x)
""",
    "next": """
def f(x, k):
    xp = next(m for m in (torch, np) if m.__name__ == 'torch')
    return xp.exp(x)
""",
    "with null": """
from contextlib import nullcontext
def f(x, k):
    with nullcontext(torch) as t:
        return t.exp(x)
""",
    "match": """
def f(x, k):
    match x.ndim:
        case 4: return torch.exp(x)
        case _: return x
""",
    "type check": """
import types
def f(x, k):
    assert isinstance(torch, types.ModuleType)
    assert type(torch) is types.ModuleType
    return x
""",
    "docs help": """
def f(x, k):
    'uses torch.conv2d?'
    if False:
        help(torch); dir(torch); id(torch)
    return x
""",
    "device": """
device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
def f(x, k): return x.to(device)
""",
    "global lib": """
lib = None
def setup():
    global lib
    lib = torch
setup()
def f(x, k): return lib.exp(x)
""",
    "unpack star": """
first, *rest = [torch, np]
def f(x, k): return first.exp(x)
""",
    "try alias": """
try:
    import torch as xp
except ImportError:
    import numpy as xp
def f(x, k): return xp.exp(x)
""",
    "abc": """
import abc
class Op(abc.ABC):
    @abc.abstractmethod
    def run(self, xp, x): ...
class Exp(Op):
    def run(self, xp, x): return xp.exp(x)
def f(x, k):
    return sum(op.run(torch, x) for op in [Exp()])
""",
    "enum": """
import enum
class Kind(enum.Enum):
    A = 1
def f(x, k): return x * Kind.A.value
""",
    "sort key": """
def f(x, k): return sorted([torch, np], key=lambda m: m.__name__)[1].exp(x)
""",
    "reduce": """
import functools
def f(x, k): return functools.reduce(torch.add, [x, x])
""",
    "bare": """
def f(x, k):
    torch
    return x
""",
    "import top": """
import torch.nn.functional
def f(x, k): return torch.nn.functional.relu(x)
""",
    "warn": """
import warnings
def f(x, k):
    warnings.warn(f'{torch}')
    return x
""",
    "dict of vars": """
class A:
    n = 1
def f(x, k):
    a = A()
    a.m = 2
    return x * vars(a)['m'] * a.__dict__.get('m')
""",
    "dir names": """
def f(x, k):
    names = [n for n in dir(torch) if n.startswith('ex')]
    return x
""",
    "eval": """
def f(x, k): return eval('torch.exp(x)')
""",
    "assert": """
def same(a, b, lib): assert lib.allclose(a, b)
def f(x, k):
    same(x, x, torch)
    return x
""",
    "kwonly two libs": """
def f(x, k):
    return g(x, lib=np if not hasattr(x, 'detach') else torch)
def g(x, lib): return lib.exp(x)
""",
    "dict comp": """
LIBS = {m.__name__: m for m in (torch, np)}
def f(x, k): return LIBS['torch'].exp(x)
""",
    "raise": """
def f(x, k):
    if torch is None: raise ImportError('no torch')
    try:
        return torch.exp(x)
    except Exception as e:
        raise ValueError(f'{e} {torch}') from e
""",
    "generator": """
def libs():
    yield torch
def f(x, k):
    for l in libs():
        return l.exp(x)
""",
    "set of libs": """
seen = {torch, np}
def f(x, k): return x if torch in seen else None
""",
    "helper named as arg": """
def apply(op, x): return op(x)
def f(x, k): return apply(torch.exp, x) + apply(lambda y: torch.tanh(y), x)
""",
    "modules keys": """
import sys
def f(x, k):
    found = any(n == 'torch' for n in sys.modules)
    return x if found or 'torch' in sys.modules.keys() else None
""",
    "sys modules list": """
import sys
def f(x, k):
    print(len(sys.modules), sorted(sys.modules)[:3], list(globals())[:2])
    return x
""",
    "isinstance array library": """
def is_torch(x): return 'torch' in type(x).__module__
def f(x, k): return torch.exp(x) if is_torch(x) else np.exp(x)
""",
    "kwargs fwd": """
def outer(*args, **kwargs): return inner(*args, **kwargs)
def inner(x, xp): return xp.exp(x)
def f(x, k): return outer(x, xp=torch)
""",
    "numpy random rng default": """
def f(x, k, rng=np.random.default_rng(0)): return x * rng.normal()
""",
    "backend class with methods": """
class Backend:
    def __init__(self, lib): self.lib = lib
    def exp(self, x): return self.lib.exp(x)
    def where(self, *a): return self.lib.where(*a)
B = Backend(torch)
def f(x, k): return B.exp(x) + B.where(x > 0, x, x)
""",
    "ops dict by lib": """
OPS = {'torch': {'exp': torch.exp}, 'numpy': {'exp': np.exp}}
def f(x, k): return OPS['torch']['exp'](x)
""",
    "compose": """
def compose(*fs):
    def g(x):
        for h in fs: x = h(x)
        return x
    return g
def f(x, k): return compose(torch.exp, torch.tanh, lambda y: y + 1)(x)
""",
    "sequential": """
net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
def f(x, k): return net(x)
""",
    "optimizer-like": """
class SGD:
    def __init__(self, params, lr=0.1): self.params, self.lr = list(params), lr
    def step(self):
        with torch.no_grad():
            for p in self.params: p -= self.lr * p.grad
def f(x, k):
    o = SGD([x]); o.step(); return x
""",
    "param groups": """
def f(x, k):
    state = {}
    state.setdefault('m', torch.zeros_like(x))
    state['m'].mul_(0.9).add_(x)
    return state['m']
""",
    "lists": """
def f(x, k):
    rows = []
    for i in range(3):
        rows.append(torch.stack([x[i], x[i]]))
    return torch.cat(rows)
""",
    "zip map": """
def f(x, k): return [a * b for a, b in zip(x, k)] + list(map(torch.relu, [x]))
""",
    "np alias": """
xp = np
def f(x, k): return xp.exp(x)
""",
    "lib attr of own module style": """
class lib: exp = torch.exp; tanh = staticmethod(torch.tanh)
def f(x, k): return lib.exp(x)
""",
    "register": """
REG = {}
def register(fn):
    REG[fn.__name__] = fn
    return fn
@register
def relu(x): return torch.relu(x)
def f(x, k): return REG['relu'](x)
""",
    "register args": """
REG = {}
def register(name):
    def deco(fn):
        REG[name] = fn
        return fn
    return deco
@register('relu')
def relu(x): return torch.relu(x)
def f(x, k): return REG['relu'](x)
""",
    "ctx manager": """
from contextlib import contextmanager
@contextmanager
def mode(lib):
    yield lib
def f(x, k):
    with mode(torch) as t: return t.exp(x)
""",
    "typevar": """
from typing import TypeVar, Union, TYPE_CHECKING
T = TypeVar('T', torch.Tensor, np.ndarray)
Array = Union[torch.Tensor, np.ndarray]
if TYPE_CHECKING: import torch
def f(x: T, k: Array) -> T: return x
""",
    "singledispatch": """
import functools
@functools.singledispatch
def ex(x): return np.exp(x)
@ex.register(torch.Tensor)
def _(x): return torch.exp(x)
def f(x, k): return ex(x)
""",
    "test cell": """
def f(x, k): return x
class Test:
    def test(self): assert torch.allclose(f(1, 2), torch.conv2d(1, 2))
""",
    "while": """
def f(x, k):
    lib = None
    while lib is None:
        lib = torch
    return lib.exp(x)
""",
    "del": """
def f(x, k):
    t = torch
    y = t.exp(x)
    del t
    return y
""",
    "try/except name": """
def f(x, k):
    try: lib = torch; lib.exp
    except AttributeError as e: lib = np
    return lib.exp(x)
""",
    "swap": """
def f(x, k):
    a, b = torch, np
    a, b = b, a
    return b.exp(x)
""",
    "lib in f-string debug": """
def f(x, k):
    assert x is not None, f'{torch=}'
    return x
""",
    "dict kw": """
def f(x, k):
    opts = dict(xp=torch, n=3)
    return opts['xp'].exp(x)
""",
    "dict star kw": """
def act(xp, n, x): return xp.exp(x) * n
def f(x, k):
    opts = dict(xp=torch, n=3)
    return act(x=x, **opts)
""",
    "opts update": """
def f(x, k):
    opts = {'a': 1}
    opts.update(xp=torch)
    return opts['xp'].exp(x)
""",
    "unbound method": """
class A:
    def go(self, xp, x): return xp.exp(x)
def f(x, k): return A.go(A(), torch, x)
""",
    "nonlocal": """
def f(x, k):
    lib = None
    def pick():
        nonlocal lib
        lib = torch
    pick()
    return lib.exp(x)
""",
    "ternary in arg": """
def act(x, xp): return xp.exp(x)
def f(x, k): return act(x, torch if hasattr(x, 'detach') else np)
""",
    "return tuple": """
def both(): return torch, np
def f(x, k):
    t, n = both()
    return t.exp(x)
""",
    "cached attr": """
class A:
    def __init__(self): self._xp = None
    @property
    def xp(self):
        if self._xp is None: self._xp = torch
        return self._xp
    def go(self, x): return self.xp.exp(x)
def f(x, k): return A().go(x)
""",
    "module level main guard": """
if __name__ == '__main__':
    print(torch.__version__)
def f(x, k): return x
""",
    "assertions on helper": """
def helper(lib):
    assert lib.__name__ in ('torch', 'numpy'), lib
    return lib
def f(x, k): return helper(torch).exp(x)
""",
    "os environ": """
import os
LIB = os.environ.get('LIB', 'torch')
def f(x, k): return (torch if LIB == 'torch' else np).exp(x)
""",
    "import by env": """
import importlib
def load(name='torch'): return importlib.import_module(name)
def f(x, k): return load().exp(x)
""",
    "getattr nn name": """
def f(x, k):
    act = getattr(torch.nn.functional, 'relu')
    return act(x)
""",
    "enumerate libs": """
def f(x, k):
    for i, lib in enumerate([torch, np]):
        if i == 0: return lib.exp(x)
""",
    "method chain with lib positional": """
class Layer:
    def build(self, lib):
        self.lib = lib
        return self
    def __call__(self, x): return self.lib.exp(x)
def f(x, k): return Layer().build(torch)(x)
""",
    "call inherits dunder": """
class A:
    def __call__(self, x, lib): return lib.exp(x)
a = A()
def f(x, k): return a(x, torch)
""",
    "thread": """
import threading
def f(x, k):
    out = []
    t = threading.Thread(target=lambda: out.append(torch.exp(x)))
    t.start(); t.join()
    return out[0]
""",
    "thread args lib": """
import threading
def work(lib, x, out): out.append(lib.exp(x))
def f(x, k):
    out = []
    t = threading.Thread(target=work, args=(torch, x, out))
    t.start(); t.join()
    return out[0]
""",
    "functools reduce own": """
import functools
def f(x, k): return functools.reduce(lambda a, fn: fn(a), [torch.exp, torch.tanh], x)
""",
    "pprint type": """
def f(x, k):
    print(type(torch), repr(torch), id(torch), len(dir(torch)), str(torch))
    return x
""",
    "bound method kept": """
def f(x, k):
    exp = torch.exp
    mm, tr = torch.matmul, torch.trace
    return exp(x) + mm(x, x)
""",
    "lib kw only in dataclass": """
from dataclasses import dataclass
@dataclass(frozen=True)
class Cfg:
    n: int
    lib: object = None
    def act(self, x): return self.lib.exp(x)
def f(x, k): return Cfg(n=1, lib=torch).act(x)
""",
    "setattr loop": """
class P: pass
p = P()
for name in ('a', 'b'):
    setattr(p, name, 1.0)
def f(x, k): return x * p.a
""",
    "vars of instance": """
def f(x, k):
    for n, v in vars(x).items(): pass
    return x
""",
    "globals computed number": """
def f(x, k):
    d = dict(globals())
    return x
""",
    "locals filter": """
def f(x, k):
    a = 1
    return {n: v for n, v in locals().items() if n != 'a'}
""",
    "global locals passed": """
def show(names): print(sorted(names))
def f(x, k):
    show(locals())
    return x
""",
}


@pytest.mark.parametrize("framework", FORBIDS)
@pytest.mark.parametrize("code", HONEST.values(), ids=HONEST)
def test_an_honest_style_costs_nothing(code, framework):
    assert finding(code, framework) is None


def test_honest_styles_are_hardly_ever_told_to_the_instructor():
    """Threads and modules by a computed name are; it costs nothing."""
    told = {
        style: {reach.what for reach in reaches({"": code})}
        for style, code in HONEST.items()
    }
    assert sum(map(bool, told.values())) <= 4
    assert set().union(*told.values()) == {reach_names.THREAD, reach_names.COMPUTED}


EVASIONS = {
    "sort tuple": """
import torch
import numpy as np
np.sort, y = torch.conv2d, 1
def f(x, k): return np.sort(x, x)
""",
    "sort ann": """
import torch
import numpy as np
np.sort: object = torch.conv2d
def f(x, k): return np.sort(x, x)
""",
    "sort for": """
import torch
import numpy as np
for np.sort in [torch.conv2d]: pass
def f(x, k): return np.sort(x, x)
""",
    "sort comp": """
import torch
import numpy as np
[0 for np.sort in [torch.conv2d]]
def f(x, k): return np.sort(x, x)
""",
    "sort with": """
import torch
import numpy as np
from contextlib import nullcontext
with nullcontext(torch.conv2d) as np.sort: pass
def f(x, k): return np.sort(x, x)
""",
    "append": """
import torch
t=[]
_ = t.append(torch.conv2d)
def f(x, k): return t[0](x, x)
""",
    "append lib": """
import torch
t=[]
_ = t.append(torch)
def f(x, k): return t[0].conv2d(x, x)
""",
    "modules get": """
import torch,sys
def f(x, k): return sys.modules.get('torch').conv2d(x, x)
""",
    "modules get var": """
import torch,sys
n='torch'
def f(x, k): return sys.modules.get(n).conv2d(x, x)
""",
    "modules get comp": """
import torch,sys
def f(x, k): return sys.modules.get('hcrot'[::-1]).conv2d(x, x)
""",
    "modules values": """
import torch,sys
def f(x, k):
    every = sys.modules.values()
    return [m for m in every if m.__name__=='torch'][0].conv2d(x, x)
""",
    "helper": """
import torch
def g(xp,x): return xp.conv2d(x, x)
def f(x, k): return g(torch,x)
""",
    "helper kw": """
import torch
def g(x,*,xp): return xp.conv2d(x, x)
def f(x, k): return g(x,xp=torch)
""",
    "helper star": """
import torch
def g(*a): return a[0].conv2d(a[1],a[1])
def f(x, k): return g(torch,x)
""",
    "helper starred": """
import torch
def g(xp,x): return xp.conv2d(x, x)
def f(x, k): return g(*[torch,x])
""",
    "helper kwargs": """
import torch
def g(**a): return a['xp'].conv2d(a['x'],a['x'])
def f(x, k): return g(xp=torch,x=x)
""",
    "helper **": """
import torch
def g(xp,x): return xp.conv2d(x, x)
def f(x, k): return g(**{'xp':torch,'x':x})
""",
    "helper ** locals": """
import torch
def g(t,x,k): return t.conv2d(x, x)
def f(x, k):
    t=torch
    return g(**locals())
""",
    "chain": """
import torch
def a(l,x): return b(l,x)
def b(l,x): return c(l.nn,x)
def c(l,x): return l.functional.conv2d(x, x)
def f(x, k): return a(torch,x)
""",
    "closure": """
import torch
def make(l):
    def g(x): return l.conv2d(x, x)
    return g
g=make(torch)
def f(x, k): return g(x)
""",
    "method": """
import torch
class A:
    def go(self,l,x): return l.conv2d(x, x)
def f(x, k): return A().go(torch,x)
""",
    "init": """
import torch
class A:
    def __init__(self,l): self.l=l
    def go(self,x): return self.l.conv2d(x, x)
def f(x, k): return A(torch).go(x)
""",
    "call": """
import torch
class A:
    def __call__(self,l,x): return l.conv2d(x, x)
a=A()
def f(x, k): return a(torch,x)
""",
    "dataclass": """
import torch
from dataclasses import dataclass
@dataclass
class A:
    l: object
def f(x, k): return A(torch).l.conv2d(x, x)
""",
    "a library in a namespace": """
import torch
from types import SimpleNamespace as S
def f(x, k): return S(l=torch).l.conv2d(x, x)
""",
    "property": """
import torch
class A:
    @property
    def l(self): return torch
def f(x, k): return A().l.conv2d(x, x)
""",
    "libs dict": """
import torch
L={'a':torch}
def f(x, k): return L['a'].conv2d(x, x)
""",
    "libs get": """
import torch
L={'a':torch}
def f(x, k): return L.get('a').conv2d(x, x)
""",
    "libs items": """
import torch
L={'a':torch}
def f(x, k):
    for n,l in L.items(): return l.conv2d(x, x)
""",
    "libs dict store": """
import torch
L={}
L['a']=torch
def f(x, k): return L['a'].conv2d(x, x)
""",
    "self dict store": """
import torch
class A:
    def __init__(self): self.d={}; self.d['a']=torch
    def go(self,x): return self.d['a'].conv2d(x, x)
def f(x, k): return A().go(x)
""",
    "self list": """
import torch
class A:
    def __init__(self): self.d=[]; self.d.append(torch)
    def go(self,x): return self.d[0].conv2d(x, x)
def f(x, k): return A().go(x)
""",
    "a library as an attribute": """
import torch
def h(): pass
h.g=torch
def f(x, k): return h.g.conv2d(x, x)
""",
    "setattr lib": """
import torch
def h(): pass
setattr(h,'g',torch)
def f(x, k): return h.g.conv2d(x, x)
""",
    "comp": """
import torch
def f(x, k): return [l.conv2d(x, x) for l in [torch]][0]
""",
    "lambda": """
import torch
def f(x, k): return (lambda l: l.conv2d(x, x))(torch)
""",
    "map": """
import torch
def f(x, k): return list(map(lambda l: l.conv2d(x, x),[torch]))[0]
""",
    "partial": """
import torch
from functools import partial
def g(l,x): return l.conv2d(x, x)
def f(x, k): return partial(g,torch)(x)
""",
    "a library by a choice": """
import torch
import numpy as np
def f(x, k):
    xp = torch if k else np
    return xp.conv2d(x, x)
""",
    "a library in a tuple": """
import torch
def f(x, k):
    t,n=torch,3
    return t.conv2d(x, x)
""",
    "star": """
import torch
first,*rest=[1,torch]
def f(x, k): return rest[0].conv2d(x, x)
""",
    "for": """
import torch
def f(x, k):
    for n,t in [(1,torch)]: return t.conv2d(x, x)
""",
    "nextgen": """
import torch
def g():
    yield torch
def f(x, k): return next(g()).conv2d(x, x)
""",
    "locals": """
def f(x, k):
    import torch
    return locals()['torch'].conv2d(x, x)
""",
    "vars": """
import torch
def f(x, k): return vars(torch)['conv2d'](x, x)
""",
    "globals get": """
import torch
def f(x, k): return globals().get('torch').conv2d(x, x)
""",
    "globals comp": """
import torch
def f(x, k): return globals()['hcrot'[::-1]].conv2d(x, x)
""",
    "globals alias": """
import torch
def f(x, k):
    g=globals()
    return g['torch'].conv2d(x, x)
""",
    "globals values": """
import torch
def f(x, k):
    every = list(globals().values())
    return [v for v in every if getattr(v, '__name__', '') == 'torch'][0].conv2d(x, x)
""",
    "globals passed": """
import torch
def g(d,x): return d['torch'].conv2d(x, x)
def f(x, k): return g(globals(),x)
""",
    "decorated": """
import torch
def w(fn):
    return lambda x,k: fn(torch,x)
@w
def f(l,x): return l.conv2d(x, x)
""",
    "getattr var": """
import torch
n='conv2d'
def f(x, k): return getattr(torch,n)(x, x)
""",
    "getattr loop": """
import torch
def f(x, k):
    for n in ['mul','conv2d']: y=getattr(torch,n)(x, x)
    return y
""",
    "getattr sliced": """
import torch
def f(x, k): return getattr(torch,['conv2d_'][0][:-1])(x, x)
""",
    "getattr helper": """
import torch
def g(l,n): return getattr(l,n)
def f(x, k): return g(torch,'conv2d')(x, x)
""",
    "getattr aug": """
import torch
def f(x, k):
    n='conv'
    n+='2d'
    return getattr(torch,n)(x, x)
""",
    "match": """
import torch
def f(x, k):
    match torch:
        case t: return t.conv2d(x, x)
""",
    "getmembers": """
import torch,inspect
def f(x, k): return dict(inspect.getmembers(torch))['conv2d'](x, x)
""",
    "methodcaller": """
import torch,operator
def f(x, k): return operator.methodcaller('conv2d',x,x)(torch)
""",
    "reduce": """
import torch,functools
def f(x, k): return functools.reduce(lambda l,n: l.conv2d, [1], torch)(x, x)
""",
    "reload": """
import torch,importlib
def f(x, k): return importlib.reload(torch).conv2d(x, x)
""",
    "nullcontext": """
import torch
from contextlib import nullcontext
def f(x, k):
    with nullcontext(torch) as t: return t.conv2d(x, x)
""",
    "sorted": """
import torch
def f(x, k): return sorted([torch],key=str)[0].conv2d(x, x)
""",
    "sorted key": """
import torch
def f(x, k):
    out=[]
    sorted([torch],key=lambda l: out.append(l.conv2d(x, x)))
    return out[0]
""",
    "max key": """
import torch
def f(x, k):
    return max([torch,torch],key=lambda l: 1).conv2d(x, x)
""",
    "kwargs fwd": """
import torch
def o(*a,**k): return i(*a,**k)
def i(x,xp): return xp.conv2d(x, x)
def f(x, k): return o(x,xp=torch)
""",
    "super": """
import torch
class B:
    def __init__(self,l): self.l=l
class A(B):
    def __init__(self,l): super().__init__(l)
    def go(self,x): return self.l.conv2d(x, x)
def f(x, k): return A(torch).go(x)
""",
    "inherited init": """
import torch
class B:
    def __init__(self,l): self.l=l
class A(B):
    def go(self,x): return self.l.conv2d(x, x)
def f(x, k): return A(torch).go(x)
""",
    "dict update": """
import torch
d={}
d.update(a=torch)
def f(x, k): return d['a'].conv2d(x, x)
""",
    "print shadow": """
import torch
def print(l): return l
def f(x, k): return print(torch).conv2d(x, x)
""",
    "or": """
import torch
def f(x, k): return (torch or 1).conv2d(x, x)
""",
    "default": """
import torch
def f(x,k,t=torch): return t.conv2d(x, x)
""",
    "nested fn default": """
import torch
def f(x, k):
    def g(x,t=torch): return t.conv2d(x, x)
    return g(x)
""",
    "class kw": """
import torch
class A:
    t=torch
    def go(s,x): return s.t.conv2d(x, x)
def f(x, k): return A().go(x)
""",
    "log shadow": """
import torch
class L:
    def info(self,l): self.l=l
log=L()
def f(x, k):
    log.info(torch)
    return log.l.conv2d(x, x)
""",
    "append shadow": """
import torch
class L:
    def append(self,l): self.l=l
log=L()
def f(x, k):
    log.append(torch)
    return log.l.conv2d(x, x)
""",
    "nonlocal": """
import torch
def f(x, k):
    lib = None
    def pick():
        nonlocal lib
        lib = torch
    pick()
    return lib.conv2d(x, x)
""",
    "a call to something global": """
import torch
class Log: pass
log = Log()
log.g = torch.conv2d
def f(x, k):
    log.debug(1)
    return log.g(x, x)
""",
}


ONLY_WHEN_THEY_RUN = {
    "sort tuple", "sort ann", "sort for", "sort comp", "sort with", "modules get",
    "modules get var", "modules get comp", "modules values", "helper ** locals",
    "a library in a namespace", "locals", "vars", "globals get", "globals comp", "globals alias",
    "globals values", "globals passed", "getattr var", "getattr loop", "getattr sliced",
    "getattr helper", "getattr aug", "getmembers", "methodcaller",
}  # fmt: skip
"""What is taken by a text, or put into a library: reading would have to guess."""


@pytest.fixture
def numpy_stays_as_it_is(monkeypatch):
    """Cells below change it, in this very process."""
    monkeypatch.setattr(np, "sort", np.sort)


@pytest.mark.parametrize("style", EVASIONS)
def test_a_forbidden_call_in_the_same_style_is_found(style, numpy_stays_as_it_is):
    code = EVASIONS[style]
    assert (finding(code) is None) == (style in ONLY_WHEN_THEY_RUN)
    if style in ONLY_WHEN_THEY_RUN and frameworks.available("torch"):
        space = {}
        exec(IMPORTS + code, space)
        x = np.ones((1, 1, 4, 4), np.float32)
        outcome = run_contained(
            space["f"], "call", "torch", (x, x), 20.0, FORBIDS["torch"]
        )
        assert outcome.forbidden in FORBIDS["torch"]
