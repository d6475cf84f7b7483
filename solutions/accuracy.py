"""How the open questions measure a net that a learner has trained: by its accuracy on images
whose labels only the judge has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.questions.definition import Inputs, Measurement


@dataclass(frozen=True)
class ByAccuracy:
    """What the net must reach; `measure` and what recognises a mistake take the question's inputs,
    whose secret is the labels, and the driver's output.

    of:              what is told apart, in the plural: "digits"
    needed:          the least accuracy, a fraction
    guessing:        an accuracy below this counts as chance
    num_classes:     how many logits the net gives for an input
    most_parameters: how many numbers it may compute with, if that is limited
    """

    of: str
    needed: float
    guessing: float
    num_classes: int = 10
    most_parameters: int | None = None

    def measure(self, inputs: Inputs, output: Any) -> Measurement:
        """Whether the net reaches it, in a sentence with the figures."""
        shape, asked = np.shape(output["logits"]), self._shape(inputs)
        if shape != asked:
            return Measurement(
                False,
                f"For {asked[0]} {self.of} the net gave an array of "
                f"shape {shape}; it should be {asked}.",
            )
        if not np.isfinite(output["logits"]).all():
            return Measurement(
                False,
                "The net gives numbers that are infinite or not a number: the training blew up. "
                "Take a smaller learning rate.",
            )
        count, accuracy = _numbers(output), self._accuracy(inputs, output)
        message = f"{accuracy:.1%} of {asked[0]} unseen {self.of} are right"
        if self.most_parameters is not None:
            message += f", with {count:,} parameters"
        if self.is_too_large(inputs, output):
            return Measurement(
                False, f"{message}; {self.most_parameters:,} are allowed."
            )
        message += f"; {self.needed:.0%} are needed."
        if accuracy >= self.needed:
            return Measurement(True, message)
        if never := self._never_answered(output):
            message += f" It never answers {never} of the {self.num_classes} classes."
        return Measurement(False, message)

    def has_another_number_of_outputs(self, inputs: Inputs, output: Any) -> bool:
        """Whether the logits have the wrong shape."""
        return np.shape(output["logits"]) != self._shape(inputs)

    def is_too_large(self, inputs: Inputs, output: Any) -> bool:
        """Whether the net has more parameters than it may have."""
        if self.most_parameters is None or self.has_another_number_of_outputs(
            inputs, output
        ):
            return False
        return _numbers(output) > self.most_parameters

    def guesses(self, inputs: Inputs, output: Any) -> bool:
        """Whether the net is no better than chance."""
        return (
            self._is_judged_by_accuracy(inputs, output)
            and self._accuracy(inputs, output) < self.guessing
        )

    def learnt_too_little(self, inputs: Inputs, output: Any) -> bool:
        """Whether the net is better than chance, and not good enough; one that never answers a
        quarter of the classes or more has another fault than too little training.
        """
        return (
            self._is_judged_by_accuracy(inputs, output)
            and self.guessing <= self._accuracy(inputs, output) < self.needed
            and self._never_answered(output) < self.num_classes / 4
        )

    def _is_judged_by_accuracy(self, inputs: Inputs, output: Any) -> bool:
        if self.has_another_number_of_outputs(inputs, output) or self.is_too_large(
            inputs, output
        ):
            return False
        return bool(np.isfinite(output["logits"]).all())

    def _shape(self, inputs: Inputs) -> tuple[int, int]:
        return len(inputs.secret), self.num_classes

    def _never_answered(self, output: Any) -> int:
        """How many classes the net gives to no input."""
        return self.num_classes - len(np.unique(np.argmax(output["logits"], axis=1)))

    def _accuracy(self, inputs: Inputs, output: Any) -> float:
        return float((np.argmax(output["logits"], axis=1) == inputs.secret).mean())


def _numbers(output: Any) -> int:
    """How many numbers the net computes with: its parameters, and what it keeps beside them."""
    return int(output["parameter_count"] + output["hidden_count"])
