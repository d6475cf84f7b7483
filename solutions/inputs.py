"""What many probes draw: arrays of random numbers, and the shapes of a described net's
parameters.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np

from autograder.questions.definition import Question


def try_examples(question: Question, *examples: tuple, weight: float = 1.0) -> None:
    """Let `question` be tried on what its statement shows: every row of a table, a worked example.

    They are the same for everybody and can be looked up, so all together have one `weight`.
    """
    for number, args in enumerate(examples, 1):

        def example(rng: np.random.Generator, args: tuple = args) -> tuple:
            return copy.deepcopy(args)

        example.__name__ = f"example_{number}_of_the_statement"
        question.probe(weight=weight / len(examples))(example)


def gaussian(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray:
    """float32 of `shape`: normal, with mean 0 and standard deviation `scale`."""
    return rng.normal(0, scale, shape).astype(np.float32)


def parameter_shapes(layers: list) -> Iterator[tuple[int, ...]]:
    """Of the net that `autograder.answers.networks.build_network` makes of `layers`: the weight,
    then the bias, layer by layer.
    """
    for kind, *args in layers:
        if kind in ("frozen", "block"):
            yield from parameter_shapes(args)
        elif kind == "conv":
            inputs, outputs, size = args
            yield from [(outputs, inputs, size, size), (outputs,)]
        elif kind == "dense":
            inputs, outputs = args
            yield from [(outputs, inputs), (outputs,)]
        elif kind == "batchnorm":
            yield from [(args[0],), (args[0],)]
