"""What hides is told: in which cell, which line, and what it is; what is honest is not."""

from __future__ import annotations

import time

import pytest

from autograder.judge.code import reach_names
from autograder.judge.code.code_reader import Code, read
from autograder.judge.code.reaches import Reach, reaches

ANSWER = "def f(x, k): return x"


def told(*cells):
    return reaches({f"cell {number}": cell for number, cell in enumerate(cells, 1)})


def kinds(*cells):
    return {reach.what for reach in told(*cells)}


REACHES = {
    "import subprocess": reach_names.PROCESS,
    "import os\nos.fork()": reach_names.PROCESS,
    "from os import system as run\nrun('ls')": reach_names.PROCESS,
    "import multiprocessing as m": reach_names.PROCESS,
    "__import__('subprocess').run(['ls'])": reach_names.PROCESS,
    "import importlib\nimportlib.import_module('subprocess')": reach_names.PROCESS,
    "import threading": reach_names.THREAD,
    "import concurrent.futures, signal": reach_names.THREAD,
    "from concurrent.futures import ThreadPoolExecutor": reach_names.THREAD,
    "import ctypes": reach_names.FOREIGN,
    "from numba import njit": reach_names.FOREIGN,
    "import pickle": reach_names.BYTES,
    "from marshal import loads": reach_names.BYTES,
    "import numpy as np\nnp.load('a', allow_pickle=True)": reach_names.BYTES,
    "exec(open('pick.txt').read())": reach_names.TEXT,
    "text = 'f.x'\neval(text)": reach_names.TEXT,
    "run = exec\nlist(map(run, texts))": reach_names.TEXT,
    "%run pick.py": reach_names.TEXT,
    "get_ipython().run_cell(text)": reach_names.TEXT,
    "import types\nh = types.FunctionType(code, {})": reach_names.TEXT,
    "import signal\nsignal.signal(signal.SIGUSR1, g)": reach_names.SIGNAL,
    "import sys\nsys.setprofile(None)": reach_names.HOOK,
    "import sys\nsys.setprofile = lambda function: None": reach_names.HOOK,
    "import sys as s\ntrace = s.settrace": reach_names.HOOK,
    "from sys import setprofile as off": reach_names.HOOK,
    "import sys\ngetattr(sys, 'setprofile')(None)": reach_names.HOOK,
    "import sys\ngetattr(sys, 'set' + 'profile')(None)": reach_names.COMPUTED,
    "import sys\nvars(sys)[name](None)": reach_names.COMPUTED,
    "import sys\nsys.modules[name]": reach_names.COMPUTED,
    "ip = get_ipython()\nip.ast_transformers.append(g)": reach_names.HOOK,
    "import gc\ngc.get_objects()": reach_names.FRAMES,
    "import inspect\ninspect.currentframe()": reach_names.FRAMES,
    "g = lambda number, frame: frame.f_locals": reach_names.FRAMES,
    "import autograder.answers.run": reach_names.ENGINE,
    "from autograder.learner import client": reach_names.ENGINE,
    "import autograder\nautograder.learner.client": reach_names.ENGINE,
    "import sys\nsys.modules['autograder.answers.run']": reach_names.ENGINE,
    "g = globals()\ng['pick'] = sorted": reach_names.NAMES,
    "import builtins\nbuiltins.pick = sorted": reach_names.BUILTINS,
    "import builtins as b\nsetattr(b, 'pick', sorted)": reach_names.BUILTINS,
    "__builtins__.pick = sorted": reach_names.BUILTINS,
    "from dlkit.mx import mx\nmx.sym.load_json(text)": reach_names.GRAPH,
    "import torch\ntorch.jit.load('net.pt')": reach_names.GRAPH,
    "import torch\ntorch._C._nn": reach_names.INSIDES,
    "x = " + "+".join(["1"] * 400): reach_names.DEEP,
}


@pytest.mark.parametrize("cell", REACHES)
def test_what_no_exercise_needs_is_told(cell):
    assert REACHES[cell] in kinds(ANSWER, cell)


G = "def g(x, k): return torch.conv2d(x, k)"
SWAPS = {
    "another code object": "f.__code__ = g.__code__",
    "by setattr": "setattr(f, '__code__', g.__code__)",
    "by a method": "f.__setattr__('__code__', g.__code__)",
    "by object's method": "object.__setattr__(f, '__code__', g.__code__)",
    "as the target of a loop": "for f.__code__ in [g.__code__]: pass",
    "defaults": "f.__defaults__ = (g,)",
    "keyword-only defaults": "f.__kwdefaults__ = {'h': g}",
    "one keyword-only default": "f.__kwdefaults__['h'] = g",
    "defaults under another name": "d = f.__kwdefaults__\nd['h'] = g",
    "a function's globals": "f.__globals__['f'] = g",
    "a function's globals, handed on": "dict.update(f.__globals__, f=g)",
    "taken back": "del f.__code__",
    "in a function that is called": "def swap():\n    f.__code__ = g.__code__\nswap()",
    "in a function that is called by one": (
        "def swap():\n    f.__code__ = g.__code__\ndef run(): swap()\nrun()"
    ),
    "in a function that is handed on": (
        "def swap(_):\n    f.__code__ = g.__code__\nlist(map(swap, [1]))"
    ),
    "in a function under another name": (
        "def swap():\n    f.__code__ = g.__code__\nother = swap\nother()"
    ),
    "in a function that is looked up": (
        "def swap():\n    f.__code__ = g.__code__\nglobals()['swap']()"
    ),
    "in a method": "class A:\n    def swap(self):\n        f.__code__ = g.__code__\nA().swap()",
    "in a method that Python calls": (
        "class A:\n    def __init__(self):\n        f.__code__ = g.__code__\nA()"
    ),
    "in a class's body": "class A:\n    f.__code__ = g.__code__",
    "in a decorated function": "@apply\ndef swap():\n    f.__code__ = g.__code__",
    "in a default": "def swap(_=setattr(f, '__code__', g.__code__)): pass",
    "in a lambda": "(lambda: setattr(f, '__code__', g.__code__))()",
    "in a comprehension": "[setattr(f, '__code__', c) for c in [g.__code__]]",
    "in a branch": "try:\n    pass\nfinally:\n    f.__code__ = g.__code__",
    "in a text that is run": "exec('f.__code__ = g.__code__')",
    "in a text that is kept and run": "text = 'f.__code__ = g.__code__'\nrun = exec\nrun(text)",
    "in a text that is filled in": "exec(f'{name}.__code__ = g.__code__')",
    "in a text that is formatted": "exec('%s.__code__ = g.__code__' % name)",
    "in a text, indented": "exec('''\n    f.__code__ = g.__code__\n''')",
    "in a text in a text": "exec('exec(\"f.__code__ = g.__code__\")')",
    "by IPython": "get_ipython().run_cell('f.__code__ = g.__code__')",
    "in a timed cell": "%%time\nf.__code__ = g.__code__",
    "in a timed line": "%time f.__code__ = g.__code__",
    "the notebook's names": "globals().update(f=g)",
    "the notebook's names, by vars": "vars().update(f=g)",
    "the part's name kept": "part = '__code__'\nsetattr(f, part, g.__code__)",
    "the part's name kept in a loop": "for part in ['__code__']:\n    setattr(f, part, g.__code__)",
    "the part's name kept on the way": "setattr(f, (part := '__code__'), g.__code__)",
    "the part's name by a choice": "setattr(f, '__code__' if f else '', g.__code__)",
    "the part's name in a list of arguments": "setattr(*[f, '__code__', g.__code__])",
    "the part's name in a map": "list(map(setattr, [f], ['__code__'], [g.__code__]))",
    "the part's name in a dictionary": (
        "way = {'part': '__code__'}\nsetattr(f, way['part'], g.__code__)"
    ),
    "under a harmless name": "help = setattr\nhelp(f, '__code__', g.__code__)",
    "under a harmless name, imported": (
        "from builtins import exec as print\nprint('f.__code__ = g.__code__')"
    ),
    "under a harmless name, defined": (
        "def display(o, n, v): object.__setattr__(o, n, v)\ndisplay(f, '__code__', g.__code__)"
    ),
    "under a harmless name, a lambda": (
        "list = lambda names: names.update(f=g)\nlist(f.__globals__)"
    ),
    "in a comparison of its own": (
        "class A:\n    def __eq__(self, names): names.update(f=g)\nA() == f.__globals__"
    ),
    "in a function whose name is not written": (
        "def hack():\n    f.__code__ = g.__code__\n[v for k, v in "
        "globals().items() if k.startswith('ha')][0]()"
    ),
    "the notebook's names, handed on": "dict.update(globals(), f=g)",
    "the notebook's names, in a list": "for names in [globals()]:\n    names.update(f=g)",
    "the notebook's names, to a lambda": "(lambda names: names.update(f=g))(globals())",
    "the notebook's names, one": "globals().__setitem__('f', g)",
    "the notebook's names, before they are there": (
        "globals().setdefault('sorted', g)\nprint(sorted([2, 1]))"
    ),
    "a helper's name, before it is there": "globals().setdefault('helper', g)\nhelper(1, 2)",
    "the answer's name, before it is there": "globals().setdefault('f', g)",
    "the notebook's names, whatever they are": "globals().setdefault(name, g)",
    "the notebook's names, kept": "names = globals()\nnames.update(f=g)",
    "IPython's names": "get_ipython().user_ns['f'] = g",
    "IPython's names, updated": "get_ipython().user_ns.update(f=g)",
    "IPython's names, kept": "ip = get_ipython()\nip.user_global_ns['f'] = g",
    "pushed": "get_ipython().push({'f': g})",
    "pushed by a shell that was kept": "ip = get_ipython()\nip.push({'f': g})",
    "pushed by the kernel's shell": "get_ipython().kernel.shell.push({'f': g})",
    "the main module": "import __main__\n__main__.f = g",
    "the main module, another name": "import __main__ as m\nm.f = g",
    "the main module, imported by name": (
        "import importlib\nimportlib.import_module('__main__').f = g"
    ),
    "the main module, by __import__": "__import__('__main__').f = g",
    "the main module, among the modules": "import sys\nsys.modules['__main__'].f = g",
    "the main module, got": "import sys\nsys.modules.get('__main__').f = g",
    "the module of this name": "import sys\nsys.modules[__name__].f = g",
    "a module that is looked up": "import __main__ as m\nm.f = torch.conv2d",
    # Whether somebody calls it is not followed: to look costs nothing.
    "in a function that nobody calls": "def never():\n    f.__code__ = g.__code__",
    "in a method of a class that nobody uses": (
        "class Never:\n    def swap(self):\n        f.__code__ = g.__code__"
    ),
}


@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS)
def test_what_swaps_a_function_s_code_or_meaning_is_told_and_costs_nothing_by_reading(
    swap,
):
    cells = ["import torch", G, ANSWER, swap]
    found = told(*cells)
    assert found and {reach.where for reach in found} == {"cell 4"}
    assert all(reach.line.strip() in swap for reach in found)
    assert read(Code(cells, "f"), ["torch.nn.Conv2d"]) is None


NO_SWAPS = {
    "a comment": "# bytecode is in f.__code__, names are in get_ipython().user_ns",
    "a docstring": "def helper():\n    '''f.__code__ = g.__code__'''\nhelper()",
    "a text": "menu = ['shell.push', 'globals().update', 'The module __main__ is the notebook.']",
    "a text that is printed": "print('f.__code__ = g.__code__')",
    "a text of code that swaps nothing": "sources = ['f.__code__', 'globals()', 'x = vars()']",
    "a look at defaults": "print(f.__defaults__)",
    "a look at keyword-only defaults": "print(f.__kwdefaults__)\nf.__kwdefaults__",
    "a comparison of defaults": "assert f.__defaults__ == (1,) and f.__kwdefaults__ is None",
    "a look at code": "names = f.__code__.co_varnames\nimport dis\ndis.dis(f.__code__)",
    "a look by name": "getattr(f, '__code__', None)",
    "results kept between cells": "globals().setdefault('told', {})['ran'] = 1",
    "results kept between cells under their name": (
        "told = globals().setdefault('told', {})\nprint(told)"
    ),
    "a look at the names": "print(len(globals()), sorted(get_ipython().user_ns))",
    "run as a program": "if __name__ == '__main__':\n    print(f(1, 2))",
    "a logger": "import logging\nlog = logging.getLogger('__main__')\nlogging.getLogger(__name__)",
    "another thing's push": "heap.push(3)",
    "a shell of one's own": (
        "class Shell:\n    def push(self, x): pass\nshell = Shell()\nshell.push(3)"
    ),
    "a function's own names": (
        "def helper():\n    state = locals()\n    state.update(x=1)\n    return state\nhelper()"
    ),
    "a name that a function has for its own names": (
        "def helper():\n    state = locals()\n    return "
        "state\nhelper()\nstate = {}\nstate.update(a=1)"
    ),
    "a default, looked up": "(f.__kwdefaults__ or {}).get('a')",
    "timed with the notebook's names": (
        "import timeit\ntimeit.timeit('f(1)', globals=globals(), number=1)"
    ),
    "another thing's update": "settings.update(f=1)\nvars(settings).update(f=1)",
    "a cell that does not parse": "f.__code__ = = g.__code__",
    "a line for IPython": "%timeit -n 1 f(x, k)",
    "a word in a name": "class Settings:\n    __codename__ = 'f'\n    def mypush(self): pass",
}


@pytest.mark.parametrize("cell", NO_SWAPS.values(), ids=NO_SWAPS)
def test_what_only_looks_like_a_swap_is_not_told(cell):
    assert told(cell, "def f(x, k=1): return x", cell) == []


def test_it_is_said_where_and_once_a_kind():
    cells = {
        "cell 3": "x = 1\nimport threading\nthreading.Thread()",
        "helper.py": "import pickle",
    }
    assert reaches(cells) == [
        Reach("cell 3", "import threading", reach_names.THREAD),
        Reach("helper.py", "import pickle", reach_names.BYTES),
    ]


def test_code_that_is_long_or_deep_is_read_in_its_time():
    for cell in (
        "deep = values" + ".T" * 50_000,
        "deep = " + "-" * 10**5 + "1",
        "if 1: pass\n" + "elif 1: pass\n" * 10**4,
        "x = 1\n" * 20_000 + "%time y\n" * 300,
        "\n" * 100_000,
    ):
        before = time.process_time()
        told(cell)
        read(Code([cell, ANSWER], "f"), ["torch.conv2d"])
        assert time.process_time() - before < 20.0


def test_no_line_is_told_in_full_that_has_no_end():
    """What is told of one submission stands in the report on all."""
    long = "a" * 10**6
    found = told(f"%run {long}", f"import subprocess\nsubprocess.run('{long}')")
    assert [reach.where for reach in found] == ["cell 1", "cell 2"]
    assert max(len(str(reach)) for reach in found) < 300
