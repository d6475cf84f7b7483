"""What a notebook's code makes likely is imported before its kernel is forked."""

from __future__ import annotations

import pytest

from autograder.sandbox.preload import MENTIONED, wanted


@pytest.mark.parametrize(
    ("code", "modules"),
    [
        ("", []),
        ("import numpy as np", []),
        ("import optuna", ["optuna"]),
        ("torch.optim.SGD(net.parameters())", ["torch._dynamo"]),
        ("from sklearn.datasets import load_digits\ndigits()", ["sklearn.datasets"]),
        ("import torchvision, optuna", ["optuna", "torchvision"]),
        ("optimism = sklearning", []),
    ],
)
def test_words_in_the_code_name_modules(code, modules):
    assert wanted(code) == modules


def test_only_whole_words_count():
    for word in MENTIONED:
        assert wanted(f"x{word} {word}x _{word}") == []
        assert wanted(f"a.{word}(1)") == [MENTIONED[word]]
