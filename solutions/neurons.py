"""Chapter 01, neurons to networks: a threshold unit, the perceptron rule, a net of two layers
forward and backward, a staircase, and a small net that learns.
"""

import numpy as np

from autograder import Inputs, question
from solutions import ready_made
from solutions.accuracy import ByAccuracy
from solutions.examples import example
from solutions.inputs import gaussian

# 1. A threshold unit ------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "`answers` holds the sums so far, one an example. A unit "
        "fires where its sum is greater than 0.",
        "A comparison such as `answers > 0` gives one True or False "
        "an example, and True counts as 1.",
    ],
    explanation="""
        The line on which the sum is exactly 0 belongs to the side on which the unit is silent. The
        bias is minus the threshold: w·x > threshold is w·x - threshold > 0.
    """,
)
def fire(X, weights, bias):
    """Which examples make a unit fire: 1 where the weighted sum of the inputs plus the bias is
    greater than 0, else 0.

    X: (N, d) float32; weights: (d,) float32; bias: a number. Returns (N,).
    """
    answers = (X * weights).sum(axis=1) + bias  # (N,) the sums, so far
    answers = answers > 0
    return answers


example(
    fire,
    np.array([[1, 0], [1, 1], [0, 3]], dtype=np.float32),
    np.array([2, -1], np.float32),
    -1,
    weight=1,
)


@fire.probe(weight=0.5)
def many_examples_and_inputs(rng):
    """Only the last input says anything, and the last example fires."""
    X, weights = _whole(rng, 16, 30), np.zeros(30, dtype=np.float32)
    X[:, -1], weights[-1] = [2, -1, 0, 1] * 4, 1
    return X, weights, 0.0


@fire.probe(weight=0.25)
def hardly_above_0(rng):
    """One sum is 2**-14, exactly: who allows for a tolerance takes it for 0."""
    weights = rng.choice([1.0, 2.0], 3).astype(np.float32)
    X = np.array([[1, 0, 0], [0, 1, -3], [0, -2, 0]], dtype=np.float32)
    return X, weights, float(2.0**-14 - weights[0])


@fire.probe(weight=1.25, repeat=3)
def random_units(rng):
    """The bias decides for some examples, and would decide otherwise if it were a threshold. One
    sum is a quarter above 0, one a quarter below.
    """
    while True:
        examples, inputs = int(rng.integers(8, 12)), int(rng.integers(2, 6))
        X, weights = _whole(rng, examples, inputs), _whole(rng, inputs) + 0.5
        above, below = rng.permutation(examples)[:2]
        place = rng.integers(inputs)
        weights[place] = 0.5
        X[below] = X[above]
        X[below, place] -= 1
        sums = X @ weights
        bias = 0.25 - float(sums[above])
        fires = sums + bias > 0
        if (fires != (sums > 0)).any() and (fires != (sums > bias)).any():
            return X, weights, bias


@fire.probe(weight=1)
def on_the_line(rng):
    """Some sums are exactly 0."""
    X = _whole(rng, 6, 3)
    weights = np.array([1, -2, 1], dtype=np.float32)
    X[1] = [2, 3, 2]
    X[4] = [5, 3, -1]
    X[3] = [1.5, 2, 1]  # half a unit above the line
    X[2] = [1, 0, 0]  # above the line, and not if the bias were the threshold
    X[5] = [-1, 2, 1]  # below it
    return X, weights, 2.0


@fire.probe(weight=1)
def barely(rng):
    """Sums of a millionth, and of a millionth of that: above 0, below, and 0 itself; and one of
    three quarters.
    """
    X = _whole(rng, 7, 3)
    X[:, 1] = [2**-20, 0, -(2**-20), 2**-40, -(2**-40), 0.75, 1]
    X[3:5, 0] = 0
    X[:6, 2] = 2 * X[:6, 0]
    return X, np.array([2, 1, -1], dtype=np.float32), 0.0


@fire.probe(weight=0.5)
def one_input(rng):
    return (
        np.array([[-2], [1], [3], [-1]], dtype=np.float32),
        np.array([-1.5], dtype=np.float32),
        -1.5 + float(rng.uniform(0.1, 0.4)),
    )


@fire.probe(weight=0.5)
def one_example(rng):
    """It fires, though only for its bias."""
    X, weights = _whole(rng, 1, 3), _whole(rng, 3)
    total = float((X[0] * weights).sum())
    if total > 0:
        weights = -weights
    return X, weights, abs(total) + float(rng.integers(2, 5))


@fire.probe(weight=0.5)
def nothing_learnt_yet(rng):
    """All weights and the bias are 0: nobody fires."""
    return _whole(rng, 1, 4), np.zeros(4, dtype=np.float32), 0.0


@fire.mistake(
    "The unit also fires where the sum is exactly 0. It should be greater than 0."
)
def _(X, weights, bias):
    return (X * weights).sum(axis=1) + bias >= 0


@fire.mistake(
    "The bias is taken for the threshold: the sum is compared with it. Add "
    "the bias to the sum and compare with 0."
)
def _(X, weights, bias):
    return (X * weights).sum(axis=1) > bias


@fire.mistake("The bias is left out.")
def _(X, weights, bias):
    return (X * weights).sum(axis=1) > 0


@fire.mistake(
    "These are the sums. The unit answers 1 where its sum is greater than 0, and 0 elsewhere."
)
def _(X, weights, bias):
    return (X * weights).sum(axis=1) + bias


@fire.mistake(
    "Sums above 0 are left as they are. A unit that fires gives 1, however large its sum is."
)
def _(X, weights, bias):
    return np.maximum((X * weights).sum(axis=1) + bias, 0)


@fire.mistake(
    "This is the sign of the sums, which is -1 below 0. A unit that does not fire gives 0."
)
def _(X, weights, bias):
    return np.sign((X * weights).sum(axis=1) + bias)


@fire.mistake("The answers are 1 and -1. A unit that does not fire gives 0.")
def _(X, weights, bias):
    return np.where((X * weights).sum(axis=1) + bias > 0, 1, -1)


@fire.mistake("The unit is turned round: it fires where the sum is negative.")
def _(X, weights, bias):
    return (X * weights).sum(axis=1) + bias < 0


@fire.mistake(
    "The unit is turned round: it fires where the sum is not above 0.",
)
def _(X, weights, bias):
    return ((X * weights).sum(axis=1) + bias) <= 0


@fire.mistake(
    "These are sigmoids of the sums. A unit gives exactly 1 or 0.",
)
def _(X, weights, bias):
    return 1 / (1 + np.exp(-((X * weights).sum(axis=1) + bias).clip(-80, 80)))


@fire.mistake(
    "The unit fires only above 0.5. The sum itself is compared with 0.",
)
def _(X, weights, bias):
    return ((X * weights).sum(axis=1) + bias) > 0.5


@fire.mistake(
    "The unit fires wherever the sum is not 0, below it too. It fires where the sum is "
    "greater than 0.",
)
def _(X, weights, bias):
    return ((X * weights).sum(axis=1) + bias) != 0


@fire.mistake(
    "There is one answer for all examples together. Give one for each.",
)
def _(X, weights, bias):
    return (((X * weights).sum(axis=1) + bias) > 0).all()


@fire.mistake(
    "The sum is cut off to a whole number before it is compared. Compare it as it is.",
)
def _(X, weights, bias):
    return ((X * weights).sum(axis=1) + bias).astype(int) > 0


@fire.alternative()
def _(X, weights, bias):
    return [int(row @ weights + bias > 0) for row in X]


@fire.alternative(framework="torch")
def _(X, weights, bias):
    return X @ weights + bias > 0


@fire.alternative(framework="mxnet")
def _(X, weights, bias):
    from dlkit.mx import nd

    sums = nd.dot(X, weights) + bias  # (N,)
    return sums > 0


# 2. The perceptron rule ---------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "First let the unit answer: 1 if w·x + b > 0, else 0. Then take "
        "label minus answer, which is 0, 1 or -1.",
        "The weights move by that number times x, the bias by that number itself. Return both.",
    ],
    explanation="""
        After a mistake the sum for the same example changes by |x|² + 1 in the right direction, so
        sooner or later the example is right; where a line exists, the rule finds one after finitely
        many mistakes (Novikoff 1962). Nothing in the rule says how wrong the unit was: a mistake by
        little and one by much move the weights alike.
    """,
)
def perceptron_step(weights, bias, x, label):
    """The weights and the bias after the perceptron rule has seen one example.

    weights: (d,) float32; bias: a number; x: (d,) float32; label: 0 or 1. Returns the pair
    (weights, bias).
    The unit answers 1 if weights·x + bias > 0, else 0; both change by (label - answer), the weights
    times x.
    """
    answer = float((weights * x).sum() + bias > 0)
    return weights + (label - answer) * x, bias + (label - answer)


def _example(rng, label, answer):
    """Weights and an example for which the unit answers `answer`, though only just, and neither
    for its bias nor for its weights alone.
    """
    while True:
        size = int(rng.integers(3, 6))
        weights, x, bias = gaussian(rng, size), gaussian(rng, size), float(rng.normal())
        total = float((weights * x).sum()) + bias
        others = [bias, float((weights * x).mean()) + bias, float(weights.sum()) + bias]
        if not answer:
            others.append(float((weights * x).max()) + bias)
        if (
            (total > 0) == answer
            and 0.2 < abs(total) < 0.9
            and all((other > 0) != answer and abs(other) > 0.01 for other in others)
        ):
            return weights, bias, x, label


example(
    perceptron_step,
    np.array([2, -1], np.float32),
    -1,
    np.array([0, 3], np.float32),
    1,
    weight=0.25,
)
example(
    perceptron_step,
    np.array([2, -1], np.float32),
    -1,
    np.array([1, 0], np.float32),
    0,
    weight=0.25,
)
example(
    perceptron_step,
    np.array([2, -1], np.float32),
    -1,
    np.array([1, 1], np.float32),
    0,
    weight=0.25,
)


@perceptron_step.probe(weight=1, repeat=2)
def should_have_fired(rng):
    return _example(rng, 1, False)


@perceptron_step.probe(weight=1, repeat=2)
def should_not_have_fired(rng):
    return _example(rng, 0, True)


@perceptron_step.probe(weight=1)
def right_and_firing(rng):
    return _example(rng, 1, True)


@perceptron_step.probe(weight=1)
def right_and_silent(rng):
    return _example(rng, 0, False)


def _positive(rng):
    return np.abs(gaussian(rng, 3)) + 0.2


@perceptron_step.probe(weight=0.5)
def silent_for_its_bias(rng):
    weights, x = _positive(rng), _positive(rng)
    return weights, -float((weights * x).sum()) - 0.5, x, 1


@perceptron_step.probe(weight=0.5)
def firing_for_its_bias(rng):
    weights, x = _positive(rng), _positive(rng)
    return -weights, float((weights * x).sum()) + 0.5, x, 0


def _on_the_line(rng):
    """A sum of exactly 0, which is above 0 without the bias."""
    weights = rng.permutation([1, -2, 3]).astype(np.float32)
    x = rng.integers(1, 5, 3).astype(np.float32)
    bias = -float((weights * x).sum())
    return (weights, bias, x) if bias < 0 else _on_the_line(rng)


@perceptron_step.probe(weight=0.5)
def on_the_line_and_should_fire(rng):
    return *_on_the_line(rng), 1


@perceptron_step.probe(weight=0.5)
def on_the_line_and_should_not(rng):
    return *_on_the_line(rng), 0


@perceptron_step.probe(weight=0.5)
def the_first_example_should_fire(rng):
    """All weights 0: the sum is exactly 0, and the unit is silent."""
    return np.zeros(3, dtype=np.float32), 0.0, gaussian(rng, 3), 1


@perceptron_step.probe(weight=0.5)
def the_first_example_should_not(rng):
    return np.zeros(3, dtype=np.float32), 0.0, gaussian(rng, 3), 0


@perceptron_step.probe(weight=0.5)
def one_input(rng):
    """A sum of about a millionth fires."""
    weight, bias = np.array([1 + 2**-20], dtype=np.float32), -float(rng.integers(1, 4))
    return weight, bias, np.array([-bias], dtype=np.float32), 0


@perceptron_step.mistake(
    "The weights move the wrong way: towards what should not "
    "fire. The factor is label minus answer."
)
def _(weights, bias, x, label):
    answer = float((weights * x).sum() + bias > 0)
    return weights - (label - answer) * x, bias - (label - answer)


@perceptron_step.mistake(
    "The weights move after right answers too. Where the answer is right, "
    "label minus answer is 0 and nothing changes."
)
def _(weights, bias, x, label):
    sign = 2 * label - 1
    return weights + sign * x, bias + sign


@perceptron_step.mistake(
    "The bias stays what it was. It moves by label minus answer, as if its input were always 1."
)
def _(weights, bias, x, label):
    answer = float((weights * x).sum() + bias > 0)
    return weights + (label - answer) * x, bias


@perceptron_step.mistake(
    "The answer leaves the bias out. The unit fires if weights·x + bias > 0."
)
def _(weights, bias, x, label):
    answer = float((weights * x).sum() > 0)
    return weights + (label - answer) * x, bias + (label - answer)


@perceptron_step.mistake(
    "The difference is taken from the sum itself, not from the unit's answer. The answer is 0 or 1."
)
def _(weights, bias, x, label):
    error = label - ((weights * x).sum() + bias)
    return weights + error * x, bias + error


@perceptron_step.mistake(
    "A sum of exactly 0 is taken for firing. The unit fires only if the sum is greater than 0."
)
def _(weights, bias, x, label):
    answer = float((weights * x).sum() + bias >= 0)
    return weights + (label - answer) * x, bias + (label - answer)


@perceptron_step.mistake(
    "With labels -1 and 1 a step is made where label times sum is below 0. A sum of exactly 0 is "
    "answered with 0, which is wrong for label 1: that makes a step too."
)
def _(weights, bias, x, label):
    sign = 2 * label - 1
    wrong = sign * float((weights * x).sum() + bias) < 0
    return weights + wrong * sign * x, bias + wrong * sign


@perceptron_step.mistake(
    "The weights move the wrong way, the bias the right one. Both move by label minus answer.",
)
def _(weights, bias, x, label):
    answer = weights @ x + bias > 0
    return weights - (label - answer) * x, bias + (label - answer)


@perceptron_step.mistake(
    "The bias moves the wrong way, the weights the right one. Both move by label minus answer.",
)
def _(weights, bias, x, label):
    answer = weights @ x + bias > 0
    return weights + (label - answer) * x, bias - (label - answer)


@perceptron_step.mistake(
    "A unit that does not fire is counted as -1. Its answer is 0.",
)
def _(weights, bias, x, label):
    answer = 1 if weights @ x + bias > 0 else -1
    return weights + (label - answer) * x, bias + (label - answer)


@perceptron_step.mistake(
    "The answer is a sigmoid of the sum. The unit answers 1 or 0, as in question 1.",
)
def _(weights, bias, x, label):
    answer = 1 / (1 + np.exp(-np.clip(weights @ x + bias, -80, 80)))
    return weights + (label - answer) * x, bias + (label - answer)


@perceptron_step.mistake(
    "Nothing happens where the label is 0. A unit that fires for such an example is wrong "
    "too: the difference is -1.",
)
def _(weights, bias, x, label):
    answer = weights @ x + bias > 0
    step = label - answer if label == 1 else 0
    return weights + step * x, bias + step


@perceptron_step.mistake(
    "Nothing happens where the label is 1. A unit that does not fire for such an example is "
    "wrong too: the difference is 1.",
)
def _(weights, bias, x, label):
    answer = weights @ x + bias > 0
    step = label - answer if label == 0 else 0
    return weights + step * x, bias + step


@perceptron_step.mistake(
    "The example is added whenever its label is 1, whatever the unit answers. The factor is "
    "label minus answer.",
)
def _(weights, bias, x, label):
    return weights + label * x, bias + label


@perceptron_step.mistake(
    "All weights move by the same. Each moves by the difference times its input.",
)
def _(weights, bias, x, label):
    answer = weights @ x + bias > 0
    return weights + (label - answer), bias + (label - answer)


@perceptron_step.mistake(
    "The difference is multiplied by the weights themselves. Multiply it by the example.",
)
def _(weights, bias, x, label):
    answer = weights @ x + bias > 0
    return weights + (label - answer) * weights, bias + (label - answer)


@perceptron_step.mistake(
    "The change of the bias is multiplied by the sum of the inputs. It is label minus answer "
    "alone.",
)
def _(weights, bias, x, label):
    answer = weights @ x + bias > 0
    return weights + (label - answer) * x, bias + (label - answer) * x.sum()


@perceptron_step.mistake(
    "The step is halved. It is label minus answer, with no rate before it.",
)
def _(weights, bias, x, label):
    answer = weights @ x + bias > 0
    return weights + 0.5 * (label - answer) * x, bias + 0.5 * (label - answer)


@perceptron_step.mistake(
    "The label has no say: the difference is 1 minus the answer. It is label minus answer.",
)
def _(weights, bias, x, label):
    answer = weights @ x + bias > 0
    return weights + (1 - answer) * x, bias + (1 - answer)


@perceptron_step.alternative(framework="torch")
def _(weights, bias, x, label):
    fires = bool(weights.dot(x) + bias > 0)
    if label == 1 and not fires:
        return weights + x, bias + 1
    if label == 0 and fires:
        return weights - x, bias - 1
    return weights, bias


@perceptron_step.alternative(framework="mxnet")
def _(weights, bias, x, label):
    answer = 1 if (weights * x).sum().asscalar() + bias > 0 else 0
    return weights + (label - answer) * x, bias + label - answer


@perceptron_step.alternative()
def _(weights, bias, x, label):
    total = bias
    for i in range(len(x)):
        total = total + weights[i] * x[i]
    step = label - int(total > 0)
    return [w + step * value for w, value in zip(weights, x, strict=True)], bias + step


perceptron_step.equivalent(
    "float((weights * x).sum() -> float((weights @ x).sum()",
    why="The product of two vectors is the sum already.",
)


# 3. Forward ---------------------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "Hidden sums first: (N, d) times the transpose of (h, d) is (N, "
        "h). Add the biases, then take tanh.",
        "The logit of an example is the sum over the hidden units of unit times weight, plus "
        "the last bias. Nothing comes behind it.",
        "NumPy and PyTorch: `X @ W1.T`. MXNet: `nd.dot(X, W1.T)`, and "
        "`.tanh()` works on arrays of both libraries.",
    ],
    explanation="""
        W1 is stored (h, d), a row for each hidden unit, as both libraries do. Without the tanh the
        result would be X (W1ᵀ w2) plus a constant: one single unit again, whatever h is.
    """,
)
def forward_pass(X, W1, b1, w2, b2):
    """The logits of a net with one hidden layer of tanh units.

    X: (N, d); W1: (h, d), b1: (h,): the hidden layer; w2: (h,), b2: a number: the output. All
    arrays float32. Returns (N,).
    """
    H = np.tanh(X @ W1.T + b1)  # (N, h)
    return H @ w2 + b2


def _net(rng, examples, inputs, hidden):
    W1, b1, w2 = (
        gaussian(rng, hidden, inputs, scale=0.8),
        gaussian(rng, hidden, scale=0.7),
        gaussian(rng, hidden),
    )
    return gaussian(rng, examples, inputs), W1, b1, w2, float(rng.normal())


def _net_of_the_statement():
    X, W1 = np.array([[1, 2]], np.float32), np.array([[1, 0], [1, -1]], np.float32)
    return X, W1, np.array([0, 0.5], np.float32), np.array([2, 4], np.float32), 1


example(forward_pass, *_net_of_the_statement(), weight=1)


@forward_pass.probe(weight=2, repeat=3)
def random_nets(rng):
    return _net(rng, int(rng.integers(5, 8)), 3, int(rng.integers(8, 11)))


@forward_pass.probe(weight=1)
def as_many_units_as_inputs(rng):
    return _net(rng, 5, 3, 3)


@forward_pass.probe(weight=0.5)
def one_example(rng):
    return _net(rng, 1, 4, 5)


@forward_pass.probe(weight=0.5)
def one_unit(rng):
    return _net(rng, 6, 4, 1)


@forward_pass.probe(weight=0.5)
def one_of_each(rng):
    """Its hidden sum is neither so small that a tanh changes nothing, nor so large that it is 1."""
    while True:
        X, W1, b1, *last = _net(rng, 1, 1, 1)
        if 0.5 < abs(float((X @ W1.T + b1)[0, 0])) < 2:
            return X, W1, b1, *last


@forward_pass.probe(weight=0.5)
def biases_of_zero(rng):
    X, W1, b1, w2, _ = _net(rng, 4, 3, 5)
    return X, W1, np.zeros_like(b1), w2, 0.0


@forward_pass.mistake(
    "The tanh is missing: without it the two layers are together one linear unit."
)
def _(X, W1, b1, w2, b2):
    return (X @ W1.T + b1) @ w2 + b2


@forward_pass.mistake("The hidden biases b1 are left out.")
def _(X, W1, b1, w2, b2):
    return np.tanh(X @ W1.T) @ w2 + b2


@forward_pass.mistake(
    "b1 is added after the tanh. It belongs to the hidden sums, inside."
)
def _(X, W1, b1, w2, b2):
    return (np.tanh(X @ W1.T) + b1) @ w2 + b2


@forward_pass.mistake("The last bias b2 is left out.")
def _(X, W1, b1, w2, b2):
    return np.tanh(X @ W1.T + b1) @ w2


@forward_pass.mistake(
    "There is a tanh at the end, too. Logits are plain sums: nothing comes behind them."
)
def _(X, W1, b1, w2, b2):
    return np.tanh(np.tanh(X @ W1.T + b1) @ w2 + b2)


@forward_pass.mistake(
    "These are probabilities. The task asks for the logits, before the sigmoid."
)
def _(X, W1, b1, w2, b2):
    return 1 / (1 + np.exp(-(np.tanh(X @ W1.T + b1) @ w2 + b2)))


@forward_pass.mistake("The hidden units are ReLUs. The task asks for tanh.")
def _(X, W1, b1, w2, b2):
    return (X @ W1.T + b1).clip(0) @ w2 + b2


@forward_pass.mistake("The hidden units are sigmoids. The task asks for tanh.")
def _(X, W1, b1, w2, b2):
    return 1 / (1 + np.exp(-(X @ W1.T + b1))) @ w2 + b2


@forward_pass.mistake("The result is (N, 1), a column. One logit an example is (N,).")
def _(X, W1, b1, w2, b2):
    return np.tanh(X @ W1.T + b1) @ w2[:, None] + b2


@forward_pass.mistake(
    "These are answers, 0 or 1. The task asks for the logits themselves.",
)
def _(X, W1, b1, w2, b2):
    return (np.tanh(X @ W1.T + b1) @ w2 + b2) > 0


@forward_pass.mistake(
    "These are the hidden units. The output is still missing: their sum, weighted by w2, plus b2.",
)
def _(X, W1, b1, w2, b2):
    return np.tanh(X @ W1.T + b1)


@forward_pass.mistake(
    "b2 is added once for each hidden unit. It is added once, to the sum.",
)
def _(X, W1, b1, w2, b2):
    return (np.tanh(X @ W1.T + b1) * w2 + b2).sum(axis=1)


@forward_pass.mistake(
    "The weighted hidden units are averaged. Add them up.",
)
def _(X, W1, b1, w2, b2):
    return (np.tanh(X @ W1.T + b1) * w2).mean(axis=1) + b2


@forward_pass.mistake(
    "b1 is subtracted. It is added to the hidden sums.",
)
def _(X, W1, b1, w2, b2):
    return np.tanh(X @ W1.T - b1) @ w2 + b2


@forward_pass.mistake(
    "Every hidden unit gets the sum of all biases. Unit i gets b1[i].",
)
def _(X, W1, b1, w2, b2):
    return np.tanh(X @ W1.T + b1.sum()) @ w2 + b2


@forward_pass.mistake(
    "W1 is brought into shape by `reshape`, which mixes its rows. Transpose it: `W1.T`.",
)
def _(X, W1, b1, w2, b2):
    return np.tanh(X @ W1.reshape(X.shape[1], -1) + b1) @ w2 + b2


@forward_pass.alternative(framework="torch")
def _(X, W1, b1, w2, b2):
    import torch

    H = torch.tanh(torch.nn.functional.linear(X, W1, b1))
    return (H * w2).sum(dim=1) + b2


@forward_pass.alternative(framework="mxnet")
def _(X, W1, b1, w2, b2):
    from dlkit.mx import nd

    H = (nd.dot(X, W1.T) + b1).tanh()  # (N, h)
    return nd.dot(H, w2) + b2


@forward_pass.alternative()
def _(X, W1, b1, w2, b2):
    """Unit by unit."""
    z = np.full(len(X), b2)
    for row, bias, weight in zip(W1, b1, w2, strict=True):
        z = z + weight * np.tanh((X * row).sum(axis=1) + bias)
    return z


# 4. Backward --------------------------------------------------------------------------------------


@question(
    points=4,
    forbids=ready_made.DIFFERENTIATION,
    forbids_in_words=(
        "a library's automatic differentiation (`backward`, "
        "`torch.autograd.grad`, `autograd.record` and the like)"
    ),
    hints=[
        "Go from the right to the left through the picture of the lesson. dz = (p - y) / N has "
        "one number an example, and p is the sigmoid of the logits.",
        "dw2 adds up dz times H over the examples, db2 adds up dz. dZ is (N, h): dz of the "
        "example, times w2 of the unit, times 1 - H².",
        "dW1 is (h, d) like W1: the transpose of dZ times X. db1 adds up dZ over the examples.",
    ],
    explanation="""
        Every line is the derivative of one line of the forward pass: a product with a matrix
        becomes a product with its transpose, a sum that was spread over the examples (a bias)
        becomes a sum over the examples, and tanh becomes a factor 1 - tanh². This is all that
        autograd does.
    """,
)
def backward_pass(X, y, W1, b1, w2, b2):
    """The gradients of the mean cross-entropy of a net with one hidden layer of tanh units, for its
    weights and biases.

    X: (N, d); y: (N,) of 0 and 1; W1: (h, d), b1: (h,), w2: (h,), b2: a number. All arrays float32.
    Returns (dW1, db1, dw2, db2), each of the shape of what it belongs to.
    """
    H = np.tanh(X @ W1.T + b1)  # (N, h)
    p = 1 / (1 + np.exp(-(H @ w2 + b2)))  # (N,)
    dz = (p - y) / len(y)
    dZ = dz[:, None] * w2 * (1 - H**2)  # (N, h)
    return dZ.T @ X, dZ.sum(axis=0), dz @ H, dz.sum()


def _net_with_labels(rng, examples, inputs, hidden):
    """Labels of both kinds; drawn until no gradient is near zero."""
    while True:
        X, *weights = _net(rng, examples, inputs, hidden)
        y = rng.permutation(np.arange(examples) % 3 == 0).astype(np.float32)
        if min(np.abs(part).max() for part in backward_pass(X, y, *weights)) > 0.03:
            return X, y, *weights


def _with_label(X, *weights):
    return X, np.array([1], np.float32), *weights


example(backward_pass, *_with_label(*_net_of_the_statement()), weight=1)


@backward_pass.probe(weight=2, repeat=3)
def larger_nets(rng):
    return _net_with_labels(rng, int(rng.integers(5, 8)), 3, int(rng.integers(8, 11)))


@backward_pass.probe(weight=1)
def square_weights(rng):
    return _net_with_labels(rng, 5, 4, 4)


@backward_pass.probe(weight=1)
def one_example(rng):
    return _net_with_labels(rng, 1, 3, 2)


@backward_pass.probe(weight=0.5)
def as_many_examples_as_units(rng):
    return _net_with_labels(rng, 4, 3, 4)


@backward_pass.probe(weight=0.5)
def one_unit(rng):
    return _net_with_labels(rng, 5, 1, 1)


@backward_pass.mistake(
    "The gradients are those of the summed loss. The loss is a "
    "mean: divide by the number of examples."
)
def _(X, y, W1, b1, w2, b2):
    H = np.tanh(X @ W1.T + b1)
    dz = 1 / (1 + np.exp(-(H @ w2 + b2))) - y
    dZ = dz[:, None] * w2 * (1 - H**2)
    return dZ.T @ X, dZ.sum(axis=0), dz @ H, dz.sum()


@backward_pass.mistake(
    "All signs are turned round. The gradient at the logits is p - y, not y - p."
)
def _(X, y, W1, b1, w2, b2):
    H = np.tanh(X @ W1.T + b1)
    dz = (y - 1 / (1 + np.exp(-(H @ w2 + b2)))) / len(y)
    dZ = dz[:, None] * w2 * (1 - H**2)
    return dZ.T @ X, dZ.sum(axis=0), dz @ H, dz.sum()


@backward_pass.mistake(
    "The derivative of tanh, 1 - H², is missing on the way to the hidden sums."
)
def _(X, y, W1, b1, w2, b2):
    H = np.tanh(X @ W1.T + b1)
    dz = (1 / (1 + np.exp(-(H @ w2 + b2))) - y) / len(y)
    dZ = dz[:, None] * w2
    return dZ.T @ X, dZ.sum(axis=0), dz @ H, dz.sum()


@backward_pass.mistake(
    "The derivative of tanh is taken as H (1 - H), which is that of "
    "the sigmoid. For tanh it is 1 - H²."
)
def _(X, y, W1, b1, w2, b2):
    H = np.tanh(X @ W1.T + b1)
    dz = (1 / (1 + np.exp(-(H @ w2 + b2))) - y) / len(y)
    dZ = dz[:, None] * w2 * H * (1 - H)
    return dZ.T @ X, dZ.sum(axis=0), dz @ H, dz.sum()


@backward_pass.mistake(
    "The sigmoid is missing: the logits z themselves are compared "
    "with the labels. The gradient is p - y."
)
def _(X, y, W1, b1, w2, b2):
    H = np.tanh(X @ W1.T + b1)
    dz = (H @ w2 + b2 - y) / len(y)
    dZ = dz[:, None] * w2 * (1 - H**2)
    return dZ.T @ X, dZ.sum(axis=0), dz @ H, dz.sum()


@backward_pass.mistake(
    "The gradient is multiplied by p (1 - p) as for a squared error. With the cross-entropy that "
    "factor cancels: it is p - y."
)
def _(X, y, W1, b1, w2, b2):
    H = np.tanh(X @ W1.T + b1)
    p = 1 / (1 + np.exp(-(H @ w2 + b2)))
    dz = (p - y) * p * (1 - p) / len(y)
    dZ = dz[:, None] * w2 * (1 - H**2)
    return dZ.T @ X, dZ.sum(axis=0), dz @ H, dz.sum()


@backward_pass.mistake(
    "The hidden units pass through tanh a second time on the way back. Its derivative is 1 - H², "
    "and H is the tanh already."
)
def _(X, y, W1, b1, w2, b2):
    H = np.tanh(X @ W1.T + b1)
    dz = (1 / (1 + np.exp(-(H @ w2 + b2))) - y) / len(y)
    dZ = dz[:, None] * w2 * (1 - np.tanh(H) ** 2)
    return dZ.T @ X, dZ.sum(axis=0), dz @ H, dz.sum()


@backward_pass.mistake("dW1 is transposed: (d, h) instead of (h, d), the shape of W1.")
def _(X, y, W1, b1, w2, b2):
    H = np.tanh(X @ W1.T + b1)
    dz = (1 / (1 + np.exp(-(H @ w2 + b2))) - y) / len(y)
    dZ = dz[:, None] * w2 * (1 - H**2)
    return X.T @ dZ, dZ.sum(axis=0), dz @ H, dz.sum()


@backward_pass.mistake(
    "w2 is missing on the way back: what reaches a hidden unit is the error "
    "times the weight that the unit was given."
)
def _(X, y, W1, b1, w2, b2):
    H = np.tanh(X @ W1.T + b1)
    dz = (1 / (1 + np.exp(-(H @ w2 + b2))) - y) / len(y)
    dZ = dz[:, None] * (1 - H**2)
    return dZ.T @ X, dZ.sum(axis=0), dz @ H, dz.sum()


@backward_pass.mistake(
    "The derivative of tanh is taken as 1 - H. It is 1 - H²: square the hidden units.",
)
def _(X, y, W1, b1, w2, b2):
    hidden = np.tanh(X @ W1.T + b1)
    p = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    dz = (p - y) / len(X)
    dZ = np.outer(dz, w2) * (1 - hidden)
    return dZ.T @ X, dZ.sum(axis=0), hidden.T @ dz, dz.sum()


@backward_pass.mistake(
    "The hidden layer is gone back through as if it were ReLUs. The derivative of tanh is 1 - H².",
)
def _(X, y, W1, b1, w2, b2):
    hidden = np.tanh(X @ W1.T + b1)
    p = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    dz = (p - y) / len(X)
    dZ = np.outer(dz, w2) * (hidden > 0)
    return dZ.T @ X, dZ.sum(axis=0), hidden.T @ dz, dz.sum()


@backward_pass.mistake(
    "The bias gradients are averaged, and dz is divided by N already. A bias gets the sum of "
    "what arrives.",
)
def _(X, y, W1, b1, w2, b2):
    hidden = np.tanh(X @ W1.T + b1)
    p = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    dz = (p - y) / len(X)
    dZ = np.outer(dz, w2) * (1 - hidden**2)
    return dZ.T @ X, dZ.mean(axis=0), hidden.T @ dz, dz.mean()


@backward_pass.mistake(
    "db2 is averaged, and dz is divided by N already. A bias gets the sum of what arrives.",
)
def _(X, y, W1, b1, w2, b2):
    hidden = np.tanh(X @ W1.T + b1)
    p = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    dz = (p - y) / len(X)
    dZ = np.outer(dz, w2) * (1 - hidden**2)
    return dZ.T @ X, dZ.sum(axis=0), hidden.T @ dz, dz.mean()


@backward_pass.mistake(
    "db1 is averaged, and dz is divided by N already. A bias gets the sum of what arrives.",
)
def _(X, y, W1, b1, w2, b2):
    hidden = np.tanh(X @ W1.T + b1)
    p = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    dz = (p - y) / len(X)
    dZ = np.outer(dz, w2) * (1 - hidden**2)
    return dZ.T @ X, dZ.mean(axis=0), hidden.T @ dz, dz.sum()


@backward_pass.mistake(
    "All is twice too large: this loss is no squared error, so there is no factor 2.",
)
def _(X, y, W1, b1, w2, b2):
    hidden = np.tanh(X @ W1.T + b1)
    p = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    dz = 2 * (p - y) / len(X)
    dZ = np.outer(dz, w2) * (1 - hidden**2)
    return dZ.T @ X, dZ.sum(axis=0), hidden.T @ dz, dz.sum()


@backward_pass.mistake(
    "dw2 is made of the hidden sums, before the tanh. It is made of H, what the tanh gives.",
)
def _(X, y, W1, b1, w2, b2):
    hidden = np.tanh(X @ W1.T + b1)
    p = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    dz = (p - y) / len(X)
    dZ = np.outer(dz, w2) * (1 - hidden**2)
    return dZ.T @ X, dZ.sum(axis=0), (X @ W1.T + b1).T @ dz, dz.sum()


@backward_pass.mistake(
    "The order is dW1, db1, dw2, db2. Here those of the output come first.",
)
def _(X, y, W1, b1, w2, b2):
    hidden = np.tanh(X @ W1.T + b1)
    p = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    dz = (p - y) / len(X)
    dZ = np.outer(dz, w2) * (1 - hidden**2)
    return hidden.T @ dz, dz.sum(), dZ.T @ X, dZ.sum(axis=0)


@backward_pass.mistake(
    "db2 has one number an example. Add them up: a bias gets the sum of what arrives.",
)
def _(X, y, W1, b1, w2, b2):
    hidden = np.tanh(X @ W1.T + b1)
    p = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    dz = (p - y) / len(X)
    dZ = np.outer(dz, w2) * (1 - hidden**2)
    return dZ.T @ X, dZ.sum(axis=0), hidden.T @ dz, dz


@backward_pass.mistake(
    "All weights and biases are divided by N once more: dz is divided already.",
)
def _(X, y, W1, b1, w2, b2):
    hidden = np.tanh(X @ W1.T + b1)
    dz = (1 / (1 + np.exp(-(hidden @ w2 + b2))) - y) / len(X) ** 2
    dZ = np.outer(dz, w2) * (1 - hidden**2)
    return dZ.T @ X, dZ.sum(axis=0), hidden.T @ dz, dz.sum()


@backward_pass.mistake(
    "The order is dW1, db1, dw2, db2. Here db1 and dw2 are exchanged.",
)
def _(X, y, W1, b1, w2, b2):
    hidden = np.tanh(X @ W1.T + b1)
    dz = (1 / (1 + np.exp(-(hidden @ w2 + b2))) - y) / len(X)
    dZ = np.outer(dz, w2) * (1 - hidden**2)
    return dZ.T @ X, hidden.T @ dz, dZ.sum(axis=0), dz.sum()


@backward_pass.mistake(
    "The answers, 0 or 1, stand in the place of the probabilities. The gradient is p - y, "
    "with p from the sigmoid.",
)
def _(X, y, W1, b1, w2, b2):
    hidden = np.tanh(X @ W1.T + b1)
    dz = ((hidden @ w2 + b2 > 0) - y) / len(X)
    dZ = np.outer(dz, w2) * (1 - hidden**2)
    return dZ.T @ X, dZ.sum(axis=0), hidden.T @ dz, dz.sum()


@backward_pass.alternative(framework="torch")
def _(X, y, W1, b1, w2, b2):
    import torch

    H = torch.tanh(X @ W1.T + b1)
    dz = (torch.sigmoid(H @ w2 + b2) - y) / len(y)
    dZ = torch.outer(dz, w2) * (1 - H.square())
    return dZ.T @ X, dZ.sum(0), H.T @ dz, dz.sum()


@backward_pass.alternative(framework="mxnet")
def _(X, y, W1, b1, w2, b2):
    from dlkit.mx import nd

    H = (nd.dot(X, W1.T) + b1).tanh()
    dz = ((nd.dot(H, w2) + b2).sigmoid() - y) / len(y)
    dZ = dz.expand_dims(1) * w2 * (1 - H**2)
    return nd.dot(dZ.T, X), dZ.sum(axis=0), nd.dot(dz, H), dz.sum()


@backward_pass.alternative()
def _(X, y, W1, b1, w2, b2):
    """Example by example."""
    parts = []
    for x, label in zip(X, y, strict=True):
        h = np.tanh(W1 @ x + b1)
        error = 1 / (1 + np.exp(-(h @ w2 + b2))) - label
        dh = error * w2 * (1 - h**2)
        parts.append((np.outer(dh, x), dh, error * h, error))
    return [np.mean(part, axis=0) for part in zip(*parts, strict=True)]


backward_pass.equivalent("len(y) -> len(X)", why="There is one label for each example.")


# 5. A staircase of units --------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "Left of the first edge no unit fires: what must the output be there? That is the bias.",
        "Crossing an edge, one more unit fires, and the output jumps from one height to the "
        "next: the weight of that unit is the jump.",
    ],
    explanation="""
        Every unit that has fired keeps firing further to the right, so the weights are differences
        of neighbouring heights and the output adds them up again. With cells narrow enough this
        comes as near as you like to any continuous function on a closed interval: the universal
        approximation theorem, by hand.
    """,
)
def staircase(heights):
    """The output layer that makes n - 1 step units into a staircase of n given heights.

    heights: (n,) float32, n >= 2. Unit i (of 0, ..., n - 2) fires, with value 1, to the right of
    edge i, and gives 0 to the left of it; edges go up.
    Returns the pair (weights, bias): (n - 1,) and a number, such that bias + sum of weights[i] *
    unit i is heights[0] left of all edges, heights[1] between the first two, and so on up to
    heights[n - 1].
    """
    return heights[1:] - heights[:-1], heights[0]


example(staircase, np.array([2, 5, 4], np.float32), weight=1)


@staircase.probe(weight=2, repeat=3)
def random_heights(rng):
    return (gaussian(rng, int(rng.integers(4, 9))) + 0.5,)


@staircase.probe(weight=1)
def two_heights(rng):
    return (gaussian(rng, 2) + 1,)


@staircase.probe(weight=1)
def flat_places(rng):
    return (np.repeat(gaussian(rng, 3) - 1, 2),)


@staircase.probe(weight=0.5)
def from_the_ground_and_down_to_it(rng):
    """The first and the last height are 0."""
    return (np.concatenate([[0], gaussian(rng, 4) - 1, [0]]).astype(np.float32),)


@staircase.probe(weight=0.5)
def many_heights(rng):
    return (gaussian(rng, int(rng.integers(60, 80))) - 0.5,)


@staircase.mistake(
    "The weights are the heights themselves. A unit that has fired keeps firing, so heights "
    "would pile up: a weight is the jump at its edge."
)
def _(heights):
    return heights[1:], heights[0]


@staircase.mistake(
    "The jumps have the wrong sign: going up is the next height minus this one."
)
def _(heights):
    return heights[:-1] - heights[1:], heights[0]


@staircase.mistake(
    "The bias is 0, so all is too low by the first height. Left "
    "of all edges only the bias is there."
)
def _(heights):
    return heights[1:] - heights[:-1], 0.0


@staircase.mistake(
    "There is a weight too many. Between n heights there are n - 1 "
    "jumps, and the first height is the bias."
)
def _(heights):
    return np.diff(heights, prepend=0), 0.0


@staircase.mistake(
    "The bias is the last height. Left of all edges, where no unit fires, the output is the first."
)
def _(heights):
    return heights[1:] - heights[:-1], heights[-1]


@staircase.mistake(
    "Each weight is the rise from the first height. The units before have already lifted the "
    "output: only the last jump is missing."
)
def _(heights):
    return heights[1:] - heights[0], heights[0]


@staircase.mistake(
    "The weights are jumps without their sign. Where the staircase goes down, the weight is "
    "negative.",
)
def _(heights):
    return np.abs(np.diff(heights)), heights[0]


@staircase.mistake(
    "There is one weight too many: the first height is the bias, so n heights need n - 1 weights.",
)
def _(heights):
    return np.diff(heights, prepend=0), heights[0]


@staircase.mistake(
    "The bias comes first. Return the weights, then the bias.",
)
def _(heights):
    return heights[0], np.diff(heights)


@staircase.mistake(
    "The bias is the mean height. Left of all edges, where no unit fires, the output is the first.",
)
def _(heights):
    return np.diff(heights), heights.mean()


@staircase.mistake(
    "The bias is the lowest height. Left of all edges, where no unit fires, the output is the "
    "first.",
)
def _(heights):
    return np.diff(heights), heights.min()


@staircase.mistake(
    "The heights are added up. A weight is the jump from one height to the next.",
)
def _(heights):
    return np.cumsum(heights)[:-1], heights[0]


@staircase.mistake(
    "The heights were sorted first. Leave them in their order: the staircase may go down.",
)
def _(heights):
    return np.diff(np.sort(heights)), heights[0]


@staircase.mistake(
    "The weights come from right to left. Weight i belongs to edge i, from the left.",
)
def _(heights):
    return np.diff(heights)[::-1], heights[0]


@staircase.mistake(
    "Each weight is a ratio of heights. A unit adds: the weight is their difference.",
)
def _(heights):
    return heights[1:] / heights[:-1], heights[0]


@staircase.alternative(framework="torch")
def _(heights):
    return heights.diff(), heights[0]


@staircase.alternative(framework="mxnet")
def _(heights):
    return heights[1:] - heights[:-1], heights[0]


@staircase.alternative()
def _(heights):
    """Solve for them: row i of the system is the output right of edge i - 1."""
    n = len(heights)
    units = np.tril(np.ones((n, n)))  # the first column is the bias
    bias, *weights = np.linalg.solve(units, heights)
    return weights, bias


# 6. XOR, learned ----------------------------------------------------------------------------------

# Below 15 % the classes are learnt, and exchanged: a line, or chance, is right on 28 % and more.
JUDGED = ByAccuracy("points", needed=0.9, guessing=0.15, num_classes=2)


@question(
    points=3,
    framework="torch",
    frameworks=("torch", "mxnet"),
    driver="fit_predict",
    seconds=60,
    hints=[
        "Two inputs, one hidden layer with a bend (tanh or ReLU), two outputs. "
        "With 8 hidden units that is 42 weights.",
        "The labels are 0 and 1, so ten classes become two: `CrossEntropyLoss` (Gluon: "
        "`SoftmaxCrossEntropyLoss`) as in lesson 00.",
        "All 300 points fit into one batch. A few hundred steps of "
        "Adam with lr 0.05 take about a second.",
    ],
    explanation="""
        A single unit cannot do better than three clouds of four. A few hidden units draw the two
        lines that are needed, wherever the picture is turned, and a few more than needed make sure
        that training finds them: lesson 01 counted how often it gets stuck.
    """,
)
def train(points, labels):
    """A net that tells the two classes of a turned, noisy XOR apart: right on at least 90 % of 500
    points that it has not seen.

    points: (300, 2) float32; labels: (300,) int64, 0 or 1
    Returns the net: (N, 2) -> (N, 2) logits, one a class.
    """
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss(net(points), labels).backward()
        optimizer.step()
    return net


@train.probe()
def turned_xor(rng):
    """Four clouds at the corners of a square that is turned by any angle; opposite corners are
    of one class.
    """
    labels = rng.integers(0, 2, 800)
    # the classes a quarter turn apart
    angle = (
        rng.uniform(0, 2 * np.pi) + np.pi / 2 * labels + np.pi * rng.integers(0, 2, 800)
    )
    centres = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = (1.5 * centres + rng.normal(0, 0.45, (800, 2))).astype(np.float32)
    return Inputs((points[:300], labels[:300], points[300:]), secret=labels[300:])


train.measure(JUDGED.measure)


@train.mistake(
    "A single line gets about 72 % at most: up to there, is there a hidden layer, wide enough, "
    "with tanh or ReLU behind it? Above, train until the loss is low.",
    recognise=JUDGED.learnt_too_little,
)
def _(points, labels):
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 16), nn.Linear(16, 2))
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss(net(points), labels).backward()
        optimizer.step()
    return net


@train.mistake(
    "The net has learnt the classes the wrong way round: output 0 is for class 0.",
    recognise=JUDGED.guesses,
)
def _(points, labels):
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss(net(points), 1 - labels).backward()
        optimizer.step()
    return net


@train.mistake(
    "The net does not give two numbers a point. Its last layer is a "
    "dense layer with two outputs, one a class.",
    recognise=JUDGED.has_another_number_of_outputs,
)
def _(points, labels):
    from torch import nn

    return nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))


@train.alternative(framework="mxnet")
def _(points, labels):
    from dlkit.mx import autograd, gluon, init, mx

    mx.random.seed(0)
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Dense(16, activation="tanh"), gluon.nn.Dense(2))
    net.initialize(init.Xavier())
    net.hybridize()
    loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.05})
    for _ in range(300):
        with autograd.record():
            loss = loss_of(net(points), labels)
        loss.backward()
        trainer.step(len(points))
        loss.wait_to_read()
    return net


@train.alternative(framework="torch")
def _(points, labels):
    """ReLU, two hidden layers, plain gradient descent."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(2, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 2)
    )
    optimizer = torch.optim.SGD(net.parameters(), lr=0.3)
    for _ in range(600):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(points), labels).backward()
        optimizer.step()
    return net


# Inputs -------------------------------------------------------------------------------------------


def _whole(rng, *shape):
    return rng.integers(-4, 5, shape).astype(np.float32)
