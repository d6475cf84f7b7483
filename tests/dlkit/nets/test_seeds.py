"""seed_everything makes all generators that are in use repeat themselves, and imports nothing."""

import random
import subprocess
import sys

import numpy as np
import pytest

import dlkit


def test_python_and_numpy_repeat():
    def draw():
        dlkit.seed_everything(3)
        return random.random(), np.random.rand()

    first = draw()
    random.random(), np.random.rand()
    assert draw() == first


def test_torch_repeats():
    torch = pytest.importorskip("torch")
    dlkit.seed_everything(3)
    first = torch.rand(4)
    dlkit.seed_everything(3)
    assert torch.equal(torch.rand(4), first)


def test_mxnet_repeats():
    mx = pytest.importorskip("dlkit.mx")
    if not mx.available():
        pytest.skip("MXNet is not installed")
    dlkit.seed_everything(3)
    first = mx.nd.random.uniform(shape=4).asnumpy()
    dlkit.seed_everything(3)
    assert np.array_equal(mx.nd.random.uniform(shape=4).asnumpy(), first)


def test_seeds_differ():
    dlkit.seed_everything(0)
    first = random.random(), np.random.rand()
    dlkit.seed_everything(1)
    second = random.random(), np.random.rand()
    assert first[0] != second[0] and first[1] != second[1]


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_impossible_seeds_are_refused_in_one_line(seed):
    with pytest.raises(ValueError, match=r"seed must be from 0 to 4294967295") as error:
        dlkit.seed_everything(seed)
    assert "\n" not in str(error.value)


def test_the_library_itself_imports_nothing_heavy():
    heavy = [
        "numpy",
        "torch",
        "torchvision",
        "mxnet",
        "matplotlib",
        "sklearn",
        "scipy",
        "PIL",
        "IPython",
    ]
    code = (
        "import sys, dlkit; dlkit.seed_everything(0); print([name for "
        f"name in {heavy} if name in sys.modules])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


def test_the_modules_import_nothing_heavy_but_numpy():
    heavy = [
        "torch",
        "torchvision",
        "mxnet",
        "matplotlib",
        "sklearn",
        "scipy",
        "PIL",
        "IPython",
    ]
    code = (
        "import sys, dlkit.data, dlkit.plots; print([name for name "
        f"in {heavy} if name in sys.modules])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )
