"""What is looked up, hidden or copied from the neighbours earns nothing in the open questions, in
either framework; the inputs cannot be looked up, and are drawn anew by each check.
"""

import inspect

import numpy as np
import pytest

from autograder import testing
from autograder.learner.judge_process import home_seed
from autograder.questions import catalogue
from autograder.questions.definition import seed_for
from dlkit.data import batches, brands, digits, glyphs
from solutions import ready_made
from solutions.inputs import disguised, renumbered

QUESTIONS = [
    question
    for chapter in catalogue.chapters().values()
    for question in chapter.values()
]
TRAINED = [question for question in QUESTIONS if question.trains]
MEASURED = [question for question in QUESTIONS if question.measurement]
QUICK = [
    question
    for question in MEASURED
    if question.reference.framework == "numpy" and question.seconds <= 40
]

LOOKED_UP = """
import torch
from torch import nn
class Memory(nn.Module):
    def __init__(self, X, y):
        super().__init__()
        self.X, self.y = X.flatten(1), y
        self.scale = nn.Parameter(torch.ones(1))
    def forward(self, Z):
        nearest = torch.cdist(Z.flatten(1), self.X).argmin(1)
        return self.scale * nn.functional.one_hot(self.y[nearest], 10)
def train(X, y):
    return Memory(X, y)
"""

LOOKED_UP_IN_GLUON = """
from dlkit.mx import gluon, nd
class Memory(gluon.Block):
    def __init__(self, X, y):
        super().__init__()
        self.X, self.y = X.reshape((0, -1)), y
        self.scale = self.params.get("scale", shape=(1,), init="ones")
    def forward(self, Z):
        Z = Z.reshape((0, -1))
        distances = ((Z.expand_dims(1) - self.X.expand_dims(0)) ** 2).sum(axis=2)
        nearest = distances.argmin(axis=1)
        return self.scale.data() * nd.one_hot(self.y[nearest], 10)
def train(X, y):
    net = Memory(X, y)
    net.initialize()
    return net
"""

WITHOUT_PARAMETERS = """
import torch
from torch import nn
class Seer(nn.Module):
    def __init__(self, X, y):
        super().__init__()
        self.seen = [X.flatten(1), torch.eye(10)[y]]
    def forward(self, Z):
        X, known = self.seen
        return torch.exp(-torch.cdist(Z.flatten(1), X) ** 2) @ known
def train(X, y):
    return Seer(X, y)
"""

OUT_OF_THE_FRAMEWORK_S_SIGHT = """
import numpy as np
import torch
from torch import nn
class Memory(nn.Module):
    def __init__(self, X, y):
        super().__init__()
        self.seen = X.flatten(1).numpy(), np.eye(10, dtype=np.float32)[y.numpy()]
        self.head = nn.Linear(10, 10)
    def forward(self, Z):
        X, known = self.seen
        away = ((Z.flatten(1).numpy()[:, None] - X) ** 2).sum(2)
        near = np.exp(-4 * (away - away.min(1, keepdims=True)))
        return self.head(torch.from_numpy(near @ known))
def train(X, y):
    net = Memory(X, y)
    nn.init.eye_(net.head.weight)
    return net
"""

LAYERS_IN_A_LIST = """
from torch import nn
class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = [nn.Linear(64, 150), nn.Tanh()]
        self.head = nn.Linear(150, 10)
    def forward(self, X):
        X = X.flatten(1)
        for layer in self.hidden:
            X = layer(X)
        return self.head(X)
def train(X, y):
    return Small()
"""


def verdict(name, source, framework):
    names = {}
    exec(source, names)
    return testing.examine(
        name, names["train"], source=source, framework=framework, seed=1
    )


@pytest.mark.parametrize(
    ("source", "framework", "words"),
    [
        (LOOKED_UP, "torch", "1 parameter, and computes with 78,000 other"),
        pytest.param(
            LOOKED_UP_IN_GLUON,
            "mxnet",
            "1 parameter, and computes with",
            marks=pytest.mark.skipif(
                not testing.available("mxnet"), reason="needs MXNet"
            ),
        ),
        (WITHOUT_PARAMETERS, "torch", "no parameters"),
        (OUT_OF_THE_FRAMEWORK_S_SIGHT, "torch", "before its parameters come in"),
        (LAYERS_IN_A_LIST, "torch", "`nn.ModuleList`"),
    ],
    ids=["torch", "gluon", "without parameters", "NumPy", "list"],
)
def test_a_look_up_is_no_training(source, framework, words):
    seen = verdict("first_steps.train", source, framework)
    assert seen.earned == 0
    assert words in " ".join([seen.headline, *seen.details])
    assert seen.mistake is None


@pytest.mark.parametrize("question", TRAINED, ids=lambda question: question.name)
def test_classes_of_a_public_set_are_numbered_anew(question):
    """Whatever the probe takes from the course's data sets: digits, letters, brands."""
    for probe in question.probes:
        source = inspect.getsource(probe.make)
        assert (
            "dlkit.data" not in source
            or "disguised(" in source
            or "renumbered(" in source
        )


@pytest.mark.parametrize("question", MEASURED, ids=lambda question: question.name)
def test_nobody_learns_from_the_sets_that_the_inputs_come_from(question):
    """The sets are forbidden; a seed of what is drawn is one of too many to be tried."""
    for probe in question.probes:
        source = inspect.getsource(probe.make)
        if "dlkit.data" in source:
            assert set(ready_made.DATA) <= set(question.forbids)
        if "glyphs(" in source or "brands(" in source:
            assert "2**31" in source


@pytest.mark.parametrize(
    "draw",
    [digits, lambda: glyphs(10, 1, 1), lambda: brands(10, 1, 1)],
    ids=["digits", "glyphs", "brands"],
)
def test_who_uses_a_set_of_the_course_is_told_so(draw):
    seen = testing.examine("first_steps.train", lambda X, y: draw(), framework="torch")
    assert seen.earned == 0
    assert "may not be used here" in seen.headline
    assert "def " not in " ".join(seen.details)


def test_batches_of_the_course_may_be_used():
    def train(X, y):
        next(batches(X.numpy(), y.numpy(), 32))

    seen = testing.examine("first_steps.train", train, framework="torch")
    assert "may not be used" not in seen.headline


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_what_is_measured_is_drawn_anew_by_each_check_at_home(question):
    seeds = {home_seed(question, attempts) for attempts in range(4)}
    assert len(seeds) == (4 if question.measurement else 1)


@pytest.mark.parametrize("question", QUICK, ids=lambda question: question.name)
def test_who_passes_is_told_the_bound(question):
    """That of a trained net: see test_accuracy_measure.py."""
    seen = testing.examine(
        question.name, question.reference.function, framework="numpy"
    )
    assert seen.earned == question.points
    said = " ".join([seen.headline, *seen.details])
    assert any(word in said for word in ("needed", "at least", "at most")), said


def test_who_knows_the_digits_does_not_know_their_numbers():
    """Every image is found again in the public set; what it is called there tells nothing."""
    public = digits()
    names = {
        image.tobytes(): label
        for image, label in zip(*_all_digits(public), strict=True)
    }
    question = catalogue.find("first_steps.train")
    orders = set()
    for student in range(3):
        images, labels, *_ = next(
            iter(question.cases(seed_for("tests", str(student))))
        ).inputs.args
        known = [_name(image, names) for image in images]
        order = dict(zip(known, labels.tolist(), strict=True))
        assert len(set(zip(known, labels.tolist(), strict=True))) == 10
        orders.add(tuple(order[digit] for digit in range(10)))
    assert len(orders) == 3


def _all_digits(public):
    images = np.concatenate(
        [public.train_images, public.val_images, public.test_images]
    )
    labels = np.concatenate(
        [public.train_labels, public.val_labels, public.test_labels]
    )
    return images, labels.tolist()


def _name(image, names):
    """What the public set calls an image, however it was turned."""
    for k in range(4):
        turned = np.rot90(image, k, axes=(-2, -1))
        for way in (turned, turned[..., ::-1]):
            if way.tobytes() in names:
                return names[way.tobytes()]
    raise AssertionError("the image is not in the public set")


def test_a_disguise_keeps_images_with_their_labels():
    data = digits()
    images, labels = data.train_images, data.train_labels
    turned, numbers = disguised(np.random.default_rng(5), images, labels)
    assert turned.shape == images.shape and turned.dtype == images.dtype
    assert numbers.dtype == labels.dtype
    # One number a class, and one class a number.
    assert len(set(zip(labels.tolist(), numbers.tolist(), strict=True))) == 10
    # Every image is turned in the same way.
    ways = [np.rot90(images, k, axes=(-2, -1)) for k in range(4)]
    ways += [way[..., ::-1] for way in ways]
    assert sum(np.array_equal(way, turned) for way in ways) == 1


def test_all_labels_get_the_same_numbers():
    first, second = renumbered(
        np.random.default_rng(0), np.arange(10), np.array([3, 3, 7])
    )
    assert second.tolist() == [first[3], first[3], first[7]]
