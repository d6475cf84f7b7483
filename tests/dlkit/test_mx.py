"""MXNet is itself where it is installed; where it is not, a lesson runs to its end without it."""

import ast
import json
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest

from dlkit import mx as shim
from dlkit.mx import MXNetMissing, Placeholder, SkipCells

with_mxnet = pytest.mark.skipif(not shim.available(), reason="MXNet is not installed")

# Run before anything else in a process, this makes a machine without MXNet.
BLOCK = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "mxnet":
            raise {error}

sys.meta_path.insert(0, Block())
"""
MISSING = BLOCK.format(
    error="""ModuleNotFoundError("No module named 'mxnet'", name="mxnet")"""
)


def python(code: str) -> str:
    """What a process of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# With MXNet


@with_mxnet
def test_the_names_are_the_real_modules():
    import mxnet

    assert shim.mx is mxnet
    assert (shim.autograd, shim.gluon, shim.init, shim.nd) == (
        mxnet.autograd,
        mxnet.gluon,
        mxnet.init,
        mxnet.nd,
    )
    assert shim.nd.ones((2, 3)).sum().asscalar() == 6


@with_mxnet
@pytest.mark.parametrize("shape", [(1,), (1, 1, 1)])
def test_an_array_with_one_number_becomes_a_number(shape):
    array = shim.nd.full(shape, 2.0)
    assert float(array + 0.5) == 2.5 and int(array + 0.5) == 2 and "abc"[array] == "c"
    assert list(range(shim.nd.array([2], dtype="int64"))) == [0, 1]
    with pytest.raises(TypeError, match="whole number"):
        "abc"[array + 0.5]


@with_mxnet
@pytest.mark.parametrize("convert", [float, int, range])
def test_an_array_with_several_numbers_becomes_none(convert):
    for shape in [(2,), (1, 2)]:
        with pytest.raises(TypeError, match="size 1"):
            convert(shim.nd.ones(shape))


@with_mxnet
@pytest.mark.parametrize(
    "rule",
    [
        {"learning_rate": np.float64(0.5), "wd": np.float64(0.1)},
        {"learning_rate": np.float32(0.5), "wd": 0.1},
    ],
)
def test_numbers_of_numpy_are_numbers_to_an_operator(rule):
    """NumPy 2 writes them otherwise where they stand in a list, as the rates of several
    parameters do.
    """
    weights = []
    for numbers in (rule, {name: float(value) for name, value in rule.items()}):
        net = shim.gluon.nn.Dense(2, in_units=3)
        net.initialize(shim.init.One(), force_reinit=True)
        trainer = shim.gluon.Trainer(
            net.collect_params(), "sgd", numbers | {"momentum": np.float64(0.9)}
        )
        with shim.autograd.record():
            loss = net(shim.nd.ones((1, 3))).sum()
        loss.backward()
        trainer.step(1)
        weights.append(net.weight.data().asnumpy())
    assert np.array_equal(*weights) and not np.array_equal(weights[0], np.ones((2, 3)))
    x = shim.nd.arange(6).reshape((np.int64(2), np.int64(3)))
    assert shim.nd.slice(
        x, begin=(np.int64(0), None), end=(np.int64(1), np.int64(2))
    ).asnumpy().tolist() == [[0, 1]]
    assert shim.mx.sym.reshape(
        shim.mx.sym.var("x"), shape=[np.int64(3), -1]
    ).infer_shape(x=(2, 3))[1] == [(3, 2)]


@with_mxnet
@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "threads"),
    [(None, "1"), ("2", "2")],
    ids=["as it comes", "as its user says"],
)
def test_mxnet_keeps_to_one_thread_unless_told_otherwise(said, threads):
    """On a machine with many processors it would take half of them; its own engine's threads are
    asked what they were given.
    """
    printed = python(f"""
        import ctypes, os
        os.environ.pop("OMP_NUM_THREADS", None)
        os.environ.pop("MXNET_OMP_MAX_THREADS", None)
        {f'os.environ["MXNET_OMP_MAX_THREADS"] = "{said}"' if said else ""}
        from dlkit.mx import mx, nd
        library = next(line.split()[-1] for line in open("/proc/self/maps") if "gomp" in line)
        given = []
        task = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(
            lambda *_: given.append(ctypes.CDLL(library).omp_get_max_threads())
        )
        cpu = (ctypes.c_int * 2)(1, 0)
        push = mx.base._LIB.MXEnginePushSync
        assert push(task, None, None, cpu, None, 0, None, 0, None, 0, b"asked") == 0
        nd.waitall()
        print(*given)
    """)
    assert printed == f"{threads}\n"


@with_mxnet
@pytest.mark.slow
def test_the_import_warns_of_nothing_and_leaves_torch_its_threads():
    printed = python("""
        import warnings
        import torch
        torch.set_num_threads(2)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            from dlkit.mx import nd
        print(torch.get_num_threads(), [str(warning.message) for warning in caught])
    """)
    assert printed.strip() == "2 []"


@with_mxnet
def test_numpy_is_lent_its_old_names_for_the_import_only():
    from mxnet.gluon.contrib.estimator import EarlyStoppingHandler

    assert not {"Inf", "NaN", "int", "compat", "msort", "npv"} & set(vars(np))
    handler = EarlyStoppingHandler(shim.mx.metric.Accuracy(), mode="max")
    handler.train_begin(None)
    assert handler.best == -np.inf  # it asks for np.Inf when training begins
    # asks for np.compat
    assert shim.mx.np.pad(
        shim.mx.np.ones((2, 2)), ((1, 1), (0, 0)), mode="constant"
    ).shape == (
        4,
        2,
    )


@with_mxnet
def test_every_name_that_mxnet_asks_numpy_for_is_there_or_lent():
    """Read in MXNet's source, so that a newer NumPy that drops another name is noticed here and
    not in a lesson.
    """
    missing = {}
    for file in Path(shim.mx.__file__).parent.rglob("*.py"):
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(file.read_text(encoding="utf-8"))
        imports = [
            alias
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        ]
        own_names = {
            alias.asname or alias.name for alias in imports if alias.name == "numpy"
        }
        for node in ast.walk(tree):
            asked = (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in own_names
            )
            if (
                asked
                and node.attr not in shim.LOST_IN_NUMPY_2
                and not hasattr(np, node.attr)
            ):
                missing.setdefault(node.attr, f"{file}:{node.lineno}")
    assert missing == {}


# Without MXNet, in a script


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            """ModuleNotFoundError("No module named 'mxnet'")""",
            "No module named 'mxnet'",
        ),
        (
            """OSError("libgomp.so.1: cannot open shared object file")""",
            "libgomp.so.1: cannot open shared object file",
        ),
        (
            """RuntimeError("Cannot find the MXNet library.\\nList of candidates:")""",
            "Cannot find the MXNet library.",
        ),
    ],
    ids=["not installed", "no system library", "no library of its own"],
)
def test_use_raises_one_line_that_says_what_to_know(error, reason):
    printed = python(
        BLOCK.format(error=error)
        + textwrap.dedent("""
        from dlkit import mx as shim
        from dlkit.mx import MXNetMissing, autograd, gluon, init, mx, nd
        import json
        said = []
        uses = [lambda: nd.ones(2), lambda: gluon.nn.Dense(3), lambda: mx.cpu()]
        for use in (*uses, lambda: init(), lambda: autograd.record()):
            try:
                use()
            except MXNetMissing as error:
                said.append(str(error))
        print(json.dumps([shim.available(), said]))
        """)
    )
    available, said = json.loads(printed)
    assert available is False
    assert [line.partition(":")[0] for line in said] == [
        "nd",
        "gluon",
        "mx",
        "init",
        "autograd",
    ]
    for line in said:
        assert (
            "needs MXNet 1.9.1" in line
            and "runs on Linux x86-64 only (`course gluon` installs it there)" in line
            and "PyTorch works without it" in line
        )
        assert line.endswith(f"({reason})") and "\n" not in line


def test_a_placeholder_can_be_looked_at():
    stand_in = Placeholder("nd", "No module named 'mxnet'")
    assert repr(stand_in) == "<nd: MXNet is missing>"
    # a notebook asks, and must not be told an ImportError
    assert not hasattr(stand_in, "_repr_html_")
    assert issubclass(MXNetMissing, ImportError)


# Without MXNet, in a notebook


@pytest.fixture
def run():
    """Run cells one after another as IPython would; returns which of them were skipped."""
    namespace = {
        name: Placeholder(name, "missing")
        for name in ("autograd", "gluon", "init", "mx", "nd")
    }
    namespace |= {"torch": object(), "print": lambda text: said.append(text)}
    skip_cells, said = SkipCells(namespace), []

    def cells(*sources: str) -> list[bool]:
        skipped = []
        for source in sources:
            said.clear()
            tree = skip_cells.visit(ast.parse(textwrap.dedent(source)))
            exec(compile(ast.fix_missing_locations(tree), "<cell>", "exec"), namespace)
            skipped.append(any(line.startswith("Skipped") for line in said))
        return skipped

    return cells


@pytest.mark.parametrize(
    "cell",
    [
        "X = nd.ones((2, 3))",
        "for _ in range(2):\n    nd.waitall()",
        "def forward(X):\n    return nd.relu(X)",
        "forward = lambda X: nd.relu(X)",
        "class Net(gluon.Block):\n    pass",
        "[nd.ones(n) for n in range(3)]",
        "with autograd.record():\n    pass",
        "nd = nd",
        "nd += 1",
        "import mxnet as mx2",
        "from mxnet.gluon import nn",
        "from dlkit.mx import gluon as g\nnet = g.nn.Dense(1)",
        "get_ipython().run_cell_magic('time', '', 'net = gluon.nn.Dense(3)\\n')",
        "get_ipython().run_line_magic('timeit', '-n 10 nd.ones(3)')",
    ],
)
def test_a_cell_that_uses_mxnet_is_skipped(run, cell):
    assert run(cell) == [True]


@pytest.mark.parametrize(
    "cell",
    [
        "from dlkit.mx import autograd, gluon, nd",
        "X = 1\nX + 1",
        "def train(init, nd=3):\n    return init + nd",
        "f = lambda mx: mx + 1",
        "squares = [nd ** 2 for nd in range(3)]",
        "init = 3\ninit + 1",
        "for nd in range(3):\n    nd + 1",
        "'nd.ones(3)'  # nd.ones",
        "{}.get('gluon')",
        "def gradient():\n    gluon = 3\n    return gluon",
        "",
    ],
)
def test_a_cell_that_only_has_a_name_in_common_is_run(run, cell):
    assert run(cell) == [False]


def test_what_a_skipped_cell_should_have_made_is_missing_too(run):
    assert run("net = gluon.nn.Dense(3)", "y = net(1)", "y + 1", "z = 2") == [
        True,
        True,
        True,
        False,
    ]


def test_a_cell_that_binds_a_name_anew_has_it_back(run):
    assert run("net = gluon.nn.Dense(3)", "net = abs\nnet(1)", "net(2)") == [
        True,
        False,
        False,
    ]
    assert run("net = gluon.nn.Dense(3)", "net = net or abs", "net(2)") == [
        True,
        True,
        True,
    ]


def test_a_name_of_pytorchs_that_a_skipped_cell_rebinds_is_missing(run):
    assert run("net = abs", "net(1)", "net = gluon.nn.Dense(3)", "net(1)") == [
        False,
        False,
        True,
        True,
    ]


def test_functions_and_classes_of_a_skipped_cell_are_missing(run):
    assert run(
        "def train():\n    nd.waitall()\nclass Net(gluon.Block):\n    pass",
        "train()",
        "Net()",
    ) == [True, True, True]


def test_a_skipped_cell_still_imports(run):
    assert run(
        "import math\nfrom json import dumps\nX = nd.ones(2)", "math.pi, dumps(1)", "X"
    ) == [
        True,
        False,
        True,
    ]


def test_a_notebook_runs_to_its_end():
    cells = [
        "from dlkit.mx import autograd, gluon, nd",
        "shape = (2, 3)",
        "X = nd.ones(shape)",
        "print(X.sum())",
        "%time net = gluon.nn.Dense(1)",
        "%%time\nnet(X)",
        "net = len\nprint(net(shape))",
        "print(net(shape) + 1)",
        "gluon",
        "await_me = [nd.ones(1)]\nawait_me",
        "import asyncio\nawait asyncio.sleep(0)\nprint('awaited')",
    ]
    printed = python(
        MISSING
        + textwrap.dedent(f"""
        import io, json
        from contextlib import redirect_stdout
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance(colors="nocolor")
        shell.autoawait, outcome = True, []
        for cell in {cells!r}:
            with redirect_stdout(io.StringIO()) as out:
                result = shell.run_cell(cell)
            outcome.append([result.success, out.getvalue()])
        with redirect_stdout(io.StringIO()) as out:
            shell.run_cell("import dlkit.mx\\ndlkit.mx.nd.ones(2)")  # behind the transformer's back
        print(json.dumps([outcome, out.getvalue()]))
        """)
    )
    outcome, raised = json.loads(printed.splitlines()[-1])
    assert all(success for success, _ in outcome), outcome
    said = [text.strip() for _, text in outcome]
    skipped = [
        number
        for number, text in enumerate(said)
        if text.startswith("Skipped, for want of ")
    ]
    assert skipped == [2, 3, 4, 5, 8, 9]
    assert all(
        len(said[number].splitlines()) == 1 and "MXNet 1.9.1" in said[number]
        for number in skipped
    )
    assert said[5].startswith("Skipped, for want of X, net: ")
    assert (
        said[0] == said[1] == "" and said[6:8] == ["2", "3"] and said[10] == "awaited"
    )
    assert (
        raised.strip().startswith("MXNetMissing: nd: this cell needs MXNet 1.9.1")
        and "Traceback" not in raised
    )
