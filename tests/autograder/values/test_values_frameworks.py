"""What the arrays of PyTorch and MXNet become when they cross, and which are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from strategies import identical

from autograder.values import frameworks
from autograder.values.plain_values import Refused, to_plain


def test_what_to_plain_gives_does_not_change_with_the_array_it_came_from():
    source, tensor = np.zeros(3), torch.zeros(3)
    plain = to_plain([source, tensor])
    source += 1
    tensor += 1
    assert [array.tolist() for array in plain] == [[0, 0, 0], [0, 0, 0]]


TENSORS = {
    "with gradient": torch.arange(6.0).reshape(2, 3).requires_grad_(),
    "parameter": torch.nn.Parameter(torch.randn(2, 3)),
    "not contiguous": torch.arange(6).reshape(2, 3).T,
    "expanded": torch.arange(3).expand(4, 3),
    "conjugated view": torch.tensor([1 + 2j, 3 - 1j]).conj(),
    "negative view": torch.tensor([1 + 2j, 3 - 1j]).conj().imag,
    "no dimensions": torch.tensor(2.5),
    "empty": torch.zeros(0, 3),
    "bool": torch.tensor([True, False]),
    "float16": torch.tensor([1.5, -2], dtype=torch.float16),
    "bfloat16": torch.tensor([1.5, -2], dtype=torch.bfloat16),
    "uint8": torch.tensor([0, 255], dtype=torch.uint8),
}


@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_becomes_the_array_of_its_numbers(name):
    plain = to_plain(TENSORS[name])
    assert type(plain) is np.ndarray
    assert plain.tolist() == TENSORS[name].tolist()


def test_bfloat16_becomes_float32():
    assert to_plain(TENSORS["bfloat16"]).dtype == np.float32


@pytest.mark.skipif(not frameworks.available("mxnet"), reason="MXNet is not installed")
def test_mxnet_arrays_become_arrays_of_their_dtype():
    mx = frameworks.module("mxnet")
    for made, expected in [
        (mx.nd.array([[1, 2], [3, 4]], dtype="int64"), np.array([[1, 2], [3, 4]])),
        (mx.nd.ones((2, 1)), np.ones((2, 1), np.float32)),
        (mx.nd.array([1.0, 2.0]).sum(), np.array([3.0], np.float32)),
        (mx.np.array([1.0, 2.0], dtype="float32"), np.array([1.0, 2.0], np.float32)),
    ]:
        assert identical(to_plain(made), expected)


class _Tensor(torch.Tensor):
    def detach(self):
        raise AssertionError("a subclass was asked")

    cpu = numpy = resolve_conj = __array__ = detach

    @classmethod
    def __torch_function__(cls, *args, **kwargs):
        raise AssertionError("a subclass was asked")


def test_a_subclass_of_a_tensor_is_a_tensor_and_not_asked():
    plain = to_plain([torch.arange(3.0).as_subclass(_Tensor), torch.ones(2, 3).shape])
    assert plain[0].tolist() == [0, 1, 2] and identical(plain[1], (2, 3))


def test_the_named_results_of_pytorch_are_tuples():
    values, places = to_plain(torch.tensor([[1.0, 3.0]]).max(dim=1))
    assert (values.tolist(), places.tolist()) == ([3], [1])


REFUSED = {
    "sparse tensor": lambda: torch.eye(3).to_sparse(),
    "compressed sparse tensor": lambda: torch.eye(3).to_sparse_csr(),
    "quantized tensor": lambda: torch.quantize_per_tensor(
        torch.ones(3), 0.1, 0, torch.qint8
    ),
    "tensor without data": lambda: torch.zeros(3, device="meta"),
    "tensor of 8-bit floats": lambda: torch.zeros(3).to(torch.float8_e4m3fn),
    "tensor of short complex numbers": lambda: torch.zeros(3, dtype=torch.complex32),
    "network": lambda: torch.nn.ReLU(),
    "dict with tensors as keys": lambda: {torch.tensor(1): 3},
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings(
    "ignore::UserWarning",
    "ignore::PendingDeprecationWarning",
    "ignore::DeprecationWarning",
)
def test_a_tensor_that_cannot_cross_is_refused_with_a_sentence(name):
    with pytest.raises(Refused) as refusal:
        to_plain(REFUSED[name]())
    assert 10 < len(str(refusal.value)) < 200
