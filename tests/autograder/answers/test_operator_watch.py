"""An operator is noticed whatever calls it, and nothing else is changed by the watch."""

from __future__ import annotations

import numpy as np
import pytest

from autograder.answers.run import run_contained
from autograder.values import frameworks

CONVOLUTIONS = (
    "torch.ops.aten.convolution",
    "torch.ops.aten.convolution_backward",
    "torch.ops.aten.max_pool2d_with_indices",
    "torch.ops.torchvision.deform_conv2d",
    "mxnet.nd.Convolution",
)
X, K = np.ones((1, 1, 4, 4), np.float32), np.full((1, 1, 2, 2), 0.5, np.float32)


def called(source, framework, forbids=CONVOLUTIONS):
    if not frameworks.available(framework):
        pytest.skip(f"{framework} is not available on this machine")
    space = {}
    exec(source, space)
    outcome = run_contained(space["f"], "call", framework, (X, K), 60.0, forbids)
    assert outcome.kind == "value", outcome
    return outcome.forbidden


TORCH = {
    "in a pickle": """
import pickle
def f(x, k): return next(map(pickle.loads(b"ctorch\\nconv2d\\n."), [x], [k]))
""",
    "a layer": """
import torch
net = torch.nn.LazyConv2d(1, 2)
def f(x, k): return net(x).detach()
""",
    "transposed": """
import torch
def f(x, k): return torch.conv_transpose2d(x, k)
""",
    "for each of a batch": """
import torch
def f(x, k): return torch.func.vmap(lambda one: torch.conv2d(one, k))(x[None])
""",
    "in an older thread": """
import torch, concurrent.futures
pool = concurrent.futures.ThreadPoolExecutor(1)
pool.submit(int).result()
def f(x, k): return pool.submit(torch.conv2d, x, k).result()
""",
    "the gradient of one": """
import torch.nn.grad
def f(x, k): return torch.nn.grad.conv2d_weight(x, k.shape, torch.ones(1, 1, 3, 3))
""",
    "pooled": """
import torch
def f(x, k): return torch.nn.AdaptiveMaxPool2d(2, True)(x)[0] + torch.max_pool2d(x, 2)
""",
    "by a name that nobody lists": """
import torch, torchvision
def f(x, k): return torchvision.ops.deform_conv2d(x, torch.zeros(1, 8, 3, 3), k)
""",
}
MXNET = {
    "imperative": """
from dlkit.mx import nd
def f(x, k): return nd.Convolution(x, k, kernel=(2, 2), num_filter=1, no_bias=True)
""",
    "under its name in numpy's style": """
from dlkit.mx import mx
def f(x, k):
    x, k = x.as_np_ndarray(), k.as_np_ndarray()
    y = mx.npx.convolution(x, k, kernel=(2, 2), num_filter=1, no_bias=True)
    return y.asnumpy()
""",
    "a layer": """
from dlkit.mx import gluon
net = gluon.nn.Conv2D(1, 2)
net.initialize()
def f(x, k): return net(x)
""",
    "a graph made of a layer": """
from dlkit.mx import gluon, nd
net = gluon.nn.Conv2D(1, 2)
net.initialize()
net.hybridize()
net(nd.ones((1, 1, 4, 4)))
def f(x, k): return net(x)
""",
    "a graph in a text": """
import json
from dlkit.mx import mx
def f(x, k):
    nodes = [
        {"op": "null", "name": "x", "inputs": []},
        {"op": "null", "name": "k", "inputs": []},
        {"op": "Convolution", "name": "c", "inputs": [[0, 0, 0], [1, 0, 0]],
         "attrs": {"kernel": "(2, 2)", "num_filter": "1", "no_bias": "True"}},
    ]
    graph = {"nodes": nodes, "arg_nodes": [0, 1], "node_row_ptr": [0, 1, 2, 3],
             "heads": [[2, 0, 0]], "attrs": {"mxnet_version": ["int", 10901]}}
    return mx.sym.load_json(json.dumps(graph)).eval(x=x, k=k)[0]
""",
}


@pytest.mark.parametrize("source", TORCH.values(), ids=TORCH)
def test_an_operator_of_pytorch_is_noticed(source):
    assert called(source, "torch") in CONVOLUTIONS


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.slow
def test_an_operator_in_torchscript_is_noticed(tmp_path):
    torch = frameworks.module("torch")
    file = tmp_path / "script.py"
    file.write_text("import torch\ndef slide(x, k):\n    return torch.conv2d(x, k)\n")
    space = {"__name__": "script"}
    exec(compile(file.read_text(), str(file), "exec"), space)
    slide = torch.jit.script(space["slide"])
    for _ in range(3):
        outcome = run_contained(slide, "call", "torch", (X, K), 60.0, CONVOLUTIONS)
        assert outcome.forbidden == "torch.ops.aten.convolution"


@pytest.mark.parametrize("source", MXNET.values(), ids=MXNET)
def test_an_operator_of_mxnet_is_noticed(source):
    assert called(source, "mxnet") == "mxnet.nd.Convolution"


OTHERS = {
    "torch": """
import torch
def f(x, k):
    y = torch.func.grad(lambda z: (z.unfold(2, 2, 1) ** 2).sum())(x)
    return torch.nn.functional.pad(y, (1, 1)) + torch.einsum("ncij->ncij", x).mean()
""",
    "mxnet": """
from dlkit.mx import autograd, gluon, nd
net = gluon.nn.Dense(2)
net.initialize()
net.hybridize()
def f(x, k):
    with autograd.pause():
        return net(x) + nd.dot(x[0, 0], x[0, 0]).sum()
""",
}


@pytest.mark.parametrize("framework", OTHERS)
def test_other_operators_cost_nothing(framework):
    assert called(OTHERS[framework], framework) == ""


def test_results_and_gradients_are_those_without_a_watch():
    torch = frameworks.module("torch")

    def f(x, k):
        x.requires_grad_()
        y = torch.nn.functional.max_pool2d(torch.conv2d(x, k) ** 2, 2)
        y.sum().backward()
        return [y.detach(), x.grad]

    alone = run_contained(f, "call", "torch", (X, K), 60.0)
    watched = run_contained(f, "call", "torch", (X, K), 60.0, CONVOLUTIONS)
    assert watched.forbidden == "torch.ops.aten.convolution"
    for one, other in zip(alone.value, watched.value, strict=True):
        assert np.array_equal(one, other)


def test_the_watch_is_gone_afterwards_also_after_an_exception():
    torch = frameworks.module("torch")
    key = torch._C.DispatchKey.BackendSelect
    operator = torch.ops.aten.convolution.default

    def f(x, k):
        assert operator.has_kernel_for_dispatch_key(key)
        torch.conv2d(x, k)
        raise ValueError("and now?")

    outcome = run_contained(f, "call", "torch", (X, K), 60.0, CONVOLUTIONS)
    assert (outcome.kind, outcome.forbidden) == ("raised", "torch.ops.aten.convolution")
    assert not operator.has_kernel_for_dispatch_key(key)
    torch.conv2d(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 2, 2))


def test_the_other_operators_are_not_watched():
    """They go their own way, without a call of Python in it, and so take no longer."""
    torch = frameworks.module("torch")
    assert torch is not None
    from torch.utils import _python_dispatch

    key = torch._C.DispatchKey.BackendSelect
    aten = torch.ops.aten
    others = (aten.select.int, aten.mul.Tensor, aten.sum.default, aten.relu.default)

    def f(x, k):
        assert aten.convolution.default.has_kernel_for_dispatch_key(key)
        hooked = [other.has_kernel_for_dispatch_key(key) for other in others]
        return [hooked, len(_python_dispatch._get_current_dispatch_mode_stack())]

    outcome = run_contained(f, "call", "torch", (X, K), 60.0, CONVOLUTIONS)
    assert outcome.value == [[False] * len(others), 0]
