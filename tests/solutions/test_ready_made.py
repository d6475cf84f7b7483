"""The lists of ready-made things: what they name is noticed, and no right answer needs it."""

from __future__ import annotations

import numpy as np
import pytest

from autograder.answers.call_watch import find
from autograder.answers.operator_watch import _operators
from autograder.judge.code.reaches import reaches
from autograder.questions import catalogue
from autograder.values import frameworks
from solutions import ready_made

QUESTIONS = [
    question
    for chapter in catalogue.chapters().values()
    for question in chapter.values()
]
FORBIDDING = [question for question in QUESTIONS if question.forbids]


@pytest.mark.parametrize("question", FORBIDDING, ids=lambda question: question.name)
def test_no_answer_reaches_for_what_is_told(question):
    for answer in (question.reference, *question.alternatives, *question.mistakes):
        assert reaches({"": answer.source(question.function_name)}) == []


def test_of_each_family_an_operator_is_watched():
    if not frameworks.available("torch"):
        pytest.skip("torch is not available on this machine")
    families = {
        question.name: _operators(question.forbids, False)
        for question in FORBIDDING
        if question.forbids != tuple(ready_made.DATA)
    }
    without = {name for name, found in families.items() if not found.get("aten")}
    assert without == {
        "first_steps.confusion_matrix",
        "neurons.backward_pass",
    }


def call(source):
    def answer(question, *args, framework="torch"):
        from autograder.answers.run import run_contained

        space = {"np": np}
        exec(source, space)
        forbids = catalogue.find(question).forbids
        return run_contained(space["f"], "call", framework, args, 30.0, forbids)

    return answer


IMAGE, KERNEL = (
    np.arange(20, dtype=np.float32).reshape(4, 5),
    np.ones((2, 2), np.float32),
)
LOGITS, LABELS = np.eye(3, dtype=np.float32), np.array([0, 2, 1])
READY_MADE = {
    "np.correlate": (
        "convolution.cross_correlate",
        "np.correlate(x.ravel(), k.ravel())",
    ),
    "np.convolve": ("convolution.cross_correlate", "np.convolve(x.ravel(), k.ravel())"),
    "SciPy": ("convolution.channels", "scipy.ndimage.correlate1d(x, k[0])"),
    "a gradient of a convolution": (
        "convolution.pad_and_stride",
        "torch.nn.grad.conv2d_input((1, 1, 5, 6), t(k), t(x))",
    ),
    "deformable": (
        "small_nets.depthwise",
        "torchvision.ops.deform_conv2d(t(x), torch.zeros(1, 8, 3, 4), t(k))",
    ),
    "area": (
        "convolution.pool",
        "torch.nn.functional.interpolate(t(x), scale_factor=0.5, mode='area')",
    ),
    "SciPy's filters": ("convolution.pool", "scipy.ndimage.maximum_filter1d(x, 2)"),
    "the smallest of the negative": (
        "convolution.pool",
        "scipy.ndimage.minimum_filter1d(-x, 2)",
    ),
    "windows as columns": (
        "convolution.im2col",
        "torch.nn.functional.unfold(t(x), (2, 2))",
    ),
    "a loss by its operator": (
        "lenet.softmax_cross_entropy",
        "torch.ops.aten.nll_loss_forward(t(x)[0, 0, :3], torch.tensor([0, 2, 1]), None, 1, -100)",
    ),
    "a divergence": (
        "mixing.soft_cross_entropy",
        "torch.nn.functional.kl_div(t(x), torch.softmax(t(x), 1))",
    ),
    "a normalising layer": ("training.batch_norm", "torch.nn.InstanceNorm2d(1)(t(x))"),
    "a fused step": (
        "training.momentum_step",
        "torch.optim.SGD([torch.nn.Parameter(t(x))], 0.1, fused=True)",
    ),
}


@pytest.mark.parametrize("case", READY_MADE.values(), ids=READY_MADE)
def test_what_is_ready_made_is_noticed(case):
    name, expression = case
    if not frameworks.available("torch"):
        pytest.skip("torch is not available on this machine")
    question = catalogue.find(name)
    source = (
        "import scipy.ndimage, torch, torchvision\n"
        "def t(x): return torch.as_tensor(x)[None, None]\n"
        f"def f(x, k): return {expression}"
    )
    outcome = call(source)(name, IMAGE, KERNEL, framework="numpy")
    assert outcome.forbidden in question.forbids, outcome


def test_what_is_named_is_there_in_some_library():
    """A name that no installed library has is a slip of the pen, or a name of another version."""
    if not frameworks.available("torch") or not frameworks.available("mxnet"):
        pytest.skip("torch and mxnet are both needed")
    import functorch  # noqa: F401
    import scipy.signal
    import scipy.stats  # noqa: F401
    import torchvision  # noqa: F401

    names = {name for question in FORBIDDING for name in question.forbids}
    of_torch = {
        name for name in names if name.startswith(("torch.nn.", "torch.ops.aten."))
    }
    missing = sorted(name for name in of_torch if find(name) is None)
    assert len(missing) <= 0.2 * len(of_torch), missing
