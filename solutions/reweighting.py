"""Instance reweighting: from a domain classifier to weights, their effective number, clipping, a
weighted loss, an estimate for the target, a weighted line, and weights from examples alone.
"""

import numpy as np

from autograder import Inputs, Measurement, question
from solutions.examples import example, floats
from solutions.inputs import gaussian

# 1. From a domain classifier to weights -----------------------------------------------------------


@question(
    points=2,
    hints=[
        "`weights` are so far the odds, P(target | x) / P(source | x), among the examples that "
        "the classifier was trained on. With 900 source and 300 target examples, what would the "
        "odds be if it could tell nothing?",
        "Bayes' rule: P(target | x) / P(source | x) = p(x | target) / p(x | source) times "
        "num_target / num_source. The weight is the first of the two factors.",
    ],
    explanation="""
        A classifier's odds hold two things: how much likelier x is in the target, and how many
        target examples the classifier was shown. The second says nothing about x and is divided
        out. Where there are as many of both, odds and weights are the same, which is why the step
        is so easily forgotten.
    """,
)
def domain_weights(logits, num_source, num_target):
    """The weights p(x | target) / p(x | source) of examples, from the logits of a domain
    classifier.

    logits: (N, 2) float32, column 0 for "source", column 1 for "target"; num_source, num_target:
    how many examples of each the classifier was trained on.
    Returns (N,).
    """
    # (N,), so far the odds P(target | x) / P(source | x)
    weights = np.e ** (logits[:, 1] - logits[:, 0])
    weights = weights * num_source / num_target
    return weights


@domain_weights.probe(weight=1)
def as_many_of_both(rng):
    return gaussian(rng, 5, 2), 40, 40


@domain_weights.probe(weight=1.5, repeat=3)
def more_of_one(rng):
    num_source, num_target = (
        int(n) for n in rng.permutation([rng.integers(20, 60), rng.integers(100, 300)])
    )
    return gaussian(rng, int(rng.integers(3, 9)), 2, scale=1.5), num_source, num_target


@domain_weights.probe(weight=0.5)
def deep_in_the_target(rng):
    """A weight of more than a thousand, of odds that p / (1 - p) still gives in float32."""
    logits = floats([-rng.uniform(2, 2.5), rng.uniform(3.2, 3.5)])
    return logits, int(rng.integers(1100, 1300)), 150


example(domain_weights, floats([0, 0]), 50, 50)
example(domain_weights, floats([0, 0], [1, 3]), 100, 50)


@domain_weights.mistake(
    "These are the odds: they still say how many examples of each the "
    "classifier was shown. Divide that out."
)
def _(logits, num_source, num_target):
    return np.exp(logits[:, 1] - logits[:, 0])


@domain_weights.mistake(
    "The correction is upside down. Many target examples make the odds "
    "large, so they must make the weights smaller."
)
def _(logits, num_source, num_target):
    return np.exp(logits[:, 1] - logits[:, 0]) * num_target / num_source


@domain_weights.mistake(
    "This is the ratio the wrong way round: it favours what is common in the source. Target, "
    "column 1, belongs above the line."
)
def _(logits, num_source, num_target):
    return np.exp(logits[:, 0] - logits[:, 1]) * num_target / num_source


@domain_weights.mistake(
    'This is the probability of "target", which never exceeds 1. The '
    "weight is made of the odds, p / (1 - p)."
)
def _(logits, num_source, num_target):
    return 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))


@domain_weights.mistake(
    'The probability of "target" is corrected here. Correct the odds, p / (1 - p).'
)
def _(logits, num_source, num_target):
    return num_source / num_target / (1 + np.exp(logits[:, 0] - logits[:, 1]))


@domain_weights.mistake(
    "The odds are only multiplied by `num_source`. Divide by `num_target` too.",
)
def _(logits, num_source, num_target):
    return np.e ** (logits[:, 1] - logits[:, 0]) * num_source


@domain_weights.mistake(
    "The odds are only divided by `num_target`. Multiply by `num_source` too.",
)
def _(logits, num_source, num_target):
    return np.e ** (logits[:, 1] - logits[:, 0]) / num_target


@domain_weights.mistake(
    "The correction is by the share of one part in all examples. Bayes' rule asks for the "
    "ratio of the two parts, num_source / num_target.",
)
def _(logits, num_source, num_target):
    return (
        np.e ** (logits[:, 1] - logits[:, 0]) * num_source / (num_source + num_target)
    )


@domain_weights.mistake(
    "The correction is all examples by those of the target. Bayes' rule asks for num_source / "
    "num_target.",
)
def _(logits, num_source, num_target):
    return (
        np.e ** (logits[:, 1] - logits[:, 0]) * (num_source + num_target) / num_target
    )


@domain_weights.mistake(
    "The weights are divided by their mean. Return them as Bayes' rule gives them.",
)
def _(logits, num_source, num_target):
    weights = np.e ** (logits[:, 1] - logits[:, 0])
    return weights / weights.mean()


@domain_weights.mistake(
    "The weights add up to 1. Return them as Bayes' rule gives them.",
)
def _(logits, num_source, num_target):
    weights = np.e ** (logits[:, 1] - logits[:, 0])
    return weights / weights.sum()


@domain_weights.mistake(
    "These are logarithms of the weights.",
)
def _(logits, num_source, num_target):
    return logits[:, 1] - logits[:, 0] + np.log(num_source / num_target)


@domain_weights.mistake(
    "`//` rounds the ratio of the two numbers down. Divide with `/`.",
)
def _(logits, num_source, num_target):
    return np.e ** (logits[:, 1] - logits[:, 0]) * (num_source // num_target)


@domain_weights.mistake(
    "The correction is added. Bayes' rule multiplies.",
)
def _(logits, num_source, num_target):
    return np.e ** (logits[:, 1] - logits[:, 0]) + num_source / num_target


@domain_weights.mistake(
    "The two numbers are multiplied. Bayes' rule asks for their ratio.",
)
def _(logits, num_source, num_target):
    return np.e ** (logits[:, 1] - logits[:, 0]) * num_source * num_target


@domain_weights.mistake(
    "The ratio is taken for one that is always above 1. It is num_source / num_target, "
    "whichever is larger.",
)
def _(logits, num_source, num_target):
    ratio = max(num_source, num_target) / min(num_source, num_target)
    return np.e ** (logits[:, 1] - logits[:, 0]) * ratio


@domain_weights.mistake(
    "The exponential is missing: a difference of logits is the logarithm of the odds.",
)
def _(logits, num_source, num_target):
    return (logits[:, 1] - logits[:, 0]) * num_source / num_target


@domain_weights.alternative(framework="torch")
def _(logits, num_source, num_target):
    p = logits.softmax(dim=1)
    return p[:, 1] / p[:, 0] / (num_target / num_source)


@domain_weights.alternative(framework="mxnet")
def _(logits, num_source, num_target):
    return (logits[:, 1] - logits[:, 0]).exp() * (num_source / num_target)


@domain_weights.alternative()
def _(logits, num_source, num_target):
    return np.exp(logits[:, 1] - logits[:, 0] + np.log(num_source) - np.log(num_target))


# 2. The effective sample size ---------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "The square of the sum, over the sum of the squares.",
        "Four equal weights give 4, whatever they are; three zeros and one "
        "other give 1. Try your function on both.",
    ],
    explanation="""
        The variance of a weighted mean of independent values is that of one value times the sum of
        squares over the squared sum (Kish 1965). A mean of n values has one n-th of it; so the
        weighted mean is as uncertain as one of that many equal examples. It depends on the spread
        of the weights alone, not on their scale.
    """,
)
def effective_sample_size(weights):
    """The number of equally weighted examples whose mean would be as uncertain: (sum of weights)
    squared over the sum of squared weights.

    weights: (N,) float32, none negative, at least one positive. Returns a number.
    """
    return weights.sum() ** 2 / (weights**2).sum()


@effective_sample_size.probe(weight=2, repeat=3)
def random_weights(rng):
    return (np.exp(gaussian(rng, int(rng.integers(5, 12)), scale=1.2)),)


@effective_sample_size.probe(weight=1)
def equal_weights(rng):
    return (np.full(int(rng.integers(200, 300)), rng.uniform(2, 5), np.float32),)


@effective_sample_size.probe(weight=1)
def some_are_zero(rng):
    return (
        np.float32([0, rng.uniform(1, 2), 0, rng.uniform(3, 4), rng.uniform(5, 6)])[
            rng.permutation(5)
        ],
    )


@effective_sample_size.probe(weight=0.5)
def small_weights(rng):
    """The scale of the weights does not matter: nothing needs to be added below the line."""
    return (np.exp(gaussian(rng, 7)) * np.float32(1e-5),)


@effective_sample_size.probe(weight=0.25)
def a_single_weight(rng):
    return (rng.uniform(2, 5, 1).astype(np.float32),)


for _weights in ((2, 2, 2, 2, 2), (5, 1, 2, 1, 1), (10, 0, 0, 0, 0)):
    example(effective_sample_size, floats(*_weights), weight=0.2)


@effective_sample_size.mistake(
    "This is a part of the examples, between 0 and 1. Their number is asked for."
)
def _(weights):
    return weights.sum() ** 2 / (weights**2).sum() / len(weights)


@effective_sample_size.mistake(
    "The quotient is upside down: the square of the sum belongs above the line."
)
def _(weights):
    return (weights**2).sum() / weights.sum() ** 2


@effective_sample_size.mistake(
    "The sum above the line is not squared, so the result changes when all weights are doubled."
)
def _(weights):
    return weights.sum() / (weights**2).sum()


@effective_sample_size.mistake(
    "This is the sum over the largest weight. All weights count below the line, by their squares."
)
def _(weights):
    return weights.sum() / weights.max()


@effective_sample_size.mistake(
    "This counts the weights that are not zero. Two weights of 1 and "
    "100 are hardly more than one example."
)
def _(weights):
    return (weights > 0).sum()


@effective_sample_size.mistake(
    "This is the number of all examples, whatever their weights.",
)
def _(weights):
    return len(weights)


@effective_sample_size.mistake(
    "This is the sum of the weights. Square it, and divide by the sum of the squares.",
)
def _(weights):
    return weights.sum()


@effective_sample_size.mistake(
    "Above and below the line stands the same, so this is always 1. Below it, square each "
    "weight first, then add.",
)
def _(weights):
    return weights.sum() ** 2 / weights.sum() ** 2


@effective_sample_size.mistake(
    "This is the root of the effective size: square the sum of the weights above the line.",
)
def _(weights):
    return weights.sum() / (weights**2).sum() ** 0.5


@effective_sample_size.mistake(
    "The result is rounded down. It need not be a whole number.",
)
def _(weights):
    return int(weights.sum() ** 2 / (weights**2).sum())


@effective_sample_size.mistake(
    "Below the line stand squares of shares, above it the weights as they are. Use one of the "
    "two in both places.",
)
def _(weights):
    return weights.sum() ** 2 / ((weights / weights.sum()) ** 2).sum()


@effective_sample_size.alternative(framework="torch")
def _(weights):
    shares = weights / weights.sum()
    return 1 / (shares @ shares)


@effective_sample_size.alternative(framework="mxnet")
def _(weights):
    return (weights.sum() ** 2 / weights.square().sum()).asscalar()


@effective_sample_size.alternative()
def _(weights):
    return len(weights) / (1 + weights.var() / weights.mean() ** 2)


# 3. Clipping --------------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "Two steps, in this order: no weight above `limit`, then "
        "divide by the mean of what came out.",
        "The smaller of weight and limit: `np.minimum(weights, limit)`; in PyTorch "
        "`weights.clamp(max=limit)`, in Gluon `nd.minimum(weights, limit)`.",
    ],
    explanation="""
        A clipped example counts for less than it should, a bias; in return no single example
        decides alone, and variance falls. Dividing by the mean afterwards keeps the weighted loss
        as large as the plain one, so that the learning rate means what it did.
    """,
)
def clip_weights(weights, limit):
    """Weights above `limit` become `limit`; then all are divided by their new mean.

    weights: (N,) float32, none negative, at least one positive; limit: a positive number. Returns
    (N,), with mean 1.
    """
    clipped = np.minimum(weights, limit)
    return clipped / clipped.mean()


@clip_weights.probe(weight=2, repeat=3)
def some_are_clipped(rng):
    weights = np.exp(gaussian(rng, int(rng.integers(6, 12))))
    low, high = np.sort(weights)[-4:-2]
    return weights, float((low + high) / 2)


@clip_weights.probe(weight=1)
def none_is_clipped(rng):
    return np.exp(gaussian(rng, 5)), 1000.0


@clip_weights.probe(weight=1)
def all_are_clipped(rng):
    return rng.uniform(3, 9, 7).astype(np.float32), float(rng.uniform(0.5, 2))


@clip_weights.probe(weight=1)
def small_weights_and_none(rng):
    weights = np.exp(gaussian(rng, 9)) * np.float32(1e-4)
    weights[rng.permutation(9)[:3]] = 0
    return weights, float(np.sort(weights)[-3:-1].mean())


@clip_weights.probe(weight=0.5)
def zeros_beside_weights_of_usual_size(rng):
    weights = np.exp(gaussian(rng, 8))
    weights[rng.permutation(8)[:3]] = 0
    return weights, float(np.sort(weights)[-3:-1].mean())


@clip_weights.probe(weight=0.25)
def a_single_weight(rng):
    return rng.uniform(2, 5, 1).astype(np.float32), 1.5


example(clip_weights, floats(1, 1, 2, 16), 4, weight=0.5)


@clip_weights.mistake(
    "The mean is no longer 1 after clipping: divide by the mean of the clipped weights."
)
def _(weights, limit):
    return np.minimum(weights, limit)


@clip_weights.mistake(
    "The weights are divided by their mean before clipping. Clip first: "
    "`limit` is meant for the weights as they come."
)
def _(weights, limit):
    return np.minimum(weights / weights.mean(), limit)


@clip_weights.mistake(
    "The weights above the limit are dropped. They are to become "
    "`limit`: those examples matter most."
)
def _(weights, limit):
    kept = np.where(weights < limit, weights, 0)
    return kept / max(kept.mean(), 1e-9)


@clip_weights.mistake(
    "The clipped weights are divided by the mean of the old ones. Their own mean is to be 1."
)
def _(weights, limit):
    return np.minimum(weights, limit) / weights.mean()


@clip_weights.mistake(
    "The small weights are raised to the limit. The large ones are to be lowered."
)
def _(weights, limit):
    clipped = np.maximum(weights, limit)
    return clipped / clipped.mean()


@clip_weights.mistake("The weights add up to 1 here. Their mean is to be 1.")
def _(weights, limit):
    clipped = np.minimum(weights, limit)
    return clipped / clipped.sum()


@clip_weights.mistake(
    "The weights are divided by the limit. Divide by the mean of the clipped ones.",
)
def _(weights, limit):
    return np.minimum(weights, limit) / limit


@clip_weights.mistake(
    "The weights are divided by the largest of them. Divide by their mean.",
)
def _(weights, limit):
    return np.minimum(weights, limit) / np.minimum(weights, limit).max()


@clip_weights.mistake(
    "The weights are divided by their median. Divide by their mean.",
)
def _(weights, limit):
    clipped = np.minimum(weights, limit)
    return clipped / np.median(clipped)


@clip_weights.mistake(
    "Weights of 0 are left out of the mean. They are weights like the others.",
)
def _(weights, limit):
    clipped = np.minimum(weights, limit)
    return clipped / clipped[clipped > 0].mean()


@clip_weights.mistake(
    "Examples above the limit are taken out of the list. Their weights become `limit`; all N stay.",
)
def _(weights, limit):
    kept = weights[weights <= limit]
    return kept / kept.mean() if len(kept) and kept.mean() else kept


@clip_weights.mistake(
    "Only the clipped weights are divided by the mean. Divide all of them.",
)
def _(weights, limit):
    clipped = np.minimum(weights, limit)
    return np.where(weights > limit, clipped / clipped.mean(), clipped)


@clip_weights.mistake(
    "Only the weights below the limit are divided by the mean. Divide all of them.",
)
def _(weights, limit):
    clipped = np.minimum(weights, limit)
    return np.where(weights <= limit, clipped / clipped.mean(), clipped)


@clip_weights.mistake(
    "The weights are divided by their mean before they are clipped too, so `limit` is in "
    "units of that mean. Clip them as they come, then divide.",
)
def _(weights, limit):
    clipped = np.minimum(weights, limit * weights.mean())
    return clipped / clipped.mean()


@clip_weights.mistake(
    "After the division the weights are clipped again, so their mean is below 1. Clip once, "
    "then divide.",
)
def _(weights, limit):
    clipped = np.minimum(weights, limit)
    return np.minimum(clipped / clipped.mean(), limit)


@clip_weights.alternative(framework="torch")
def _(weights, limit):
    clipped = weights.clamp(max=limit)
    return clipped * len(clipped) / clipped.sum()


@clip_weights.alternative(framework="mxnet")
def _(weights, limit):
    from dlkit.mx import nd

    clipped = nd.minimum(weights, limit)
    return clipped / clipped.mean()


@clip_weights.alternative()
def _(weights, limit):
    clipped = weights.clip(max=limit)
    return clipped / np.average(clipped)


clip_weights.equivalent(
    "minimum(weights, limit) -> minimum(limit, weights)",
    why="The smaller of the two is the same either way.",
)


# 4. A weighted loss -------------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "First the cross-entropy of each example, (N,), without any mean: "
        '`cross_entropy(logits, y, reduction="none")`, in Gluon '
        "`SoftmaxCrossEntropyLoss()(logits, y)`.",
        "Then the sum of weights times losses, divided by the sum of the weights.",
        "By hand: subtract each row's largest logit, or `exp` overflows; the loss is then "
        "log(sum of exp) minus the logit of the label.",
    ],
    explanation="""
        Each example has its own loss and its own weight; multiply them before anything is averaged.
        Dividing by the sum of the weights makes it a weighted mean: equal weights, of whatever
        size, give the ordinary cross-entropy.
    """,
)
def weighted_loss(logits, y, weights):
    """The weighted mean of the examples' cross-entropies: the sum of weight times loss over the sum
    of the weights.

    logits: (N, num_classes) float32, of any size; y: (N,) int64 labels; weights: (N,) float32, none
    negative, at least one positive. Returns a number.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]  # (N,)
    return weights @ losses / weights.sum()


@weighted_loss.probe(weight=3, repeat=3)
def random_weights_and_logits(rng):
    n = int(rng.integers(5, 9))
    return (
        gaussian(rng, n, 4, scale=2.0),
        rng.integers(0, 4, n),
        np.exp(gaussian(rng, n)),
    )


@weighted_loss.probe(weight=1)
def equal_weights_not_one(rng):
    return (
        gaussian(rng, 6, 3),
        rng.integers(0, 3, 6),
        np.full(6, rng.uniform(2, 5), np.float32),
    )


@weighted_loss.probe(weight=1)
def weights_of_zero(rng):
    return (
        gaussian(rng, 6, 5, scale=3.0),
        rng.permutation(5)[[0, 1, 2, 3, 4, 0]],
        np.float32([0, 3, 0, 1.5, 0, 0.7])[rng.permutation(6)],
    )


@weighted_loss.probe(weight=1)
def large_logits(rng):
    """Two labels have probabilities that are 0 to a float, one of them also in float64."""
    logits = rng.permuted(np.float32([[0, 1, 2]] * 5), axis=1) + gaussian(rng, 5, 3)
    y = rng.integers(0, 3, 5)
    logits[[0, 1], y[:2]] -= np.float32([300, rng.uniform(1100, 1400)])
    logits += np.float32([[400], [0], [-900], [-300], [1000]])
    order = rng.permutation(5)
    return logits[order], y[order], rng.uniform(0.5, 2, 5).astype(np.float32)


@weighted_loss.probe(weight=0.5)
def a_label_that_is_hardly_possible(rng):
    """Its probability is about exp(-40), which float32 holds well."""
    logits, y = gaussian(rng, 6, 4), rng.integers(0, 4, 6)
    logits[2, y[2]] -= np.float32(rng.uniform(38, 42))
    return logits, y, rng.uniform(0.5, 2, 6).astype(np.float32)


@weighted_loss.probe(weight=0.25)
def a_single_example(rng):
    return (
        gaussian(rng, 1, 3),
        rng.integers(0, 3, 1),
        rng.uniform(2, 5, 1).astype(np.float32),
    )


example(
    weighted_loss, floats([0, 0], [2, 0]), np.array([0, 1]), floats(1, 3), weight=0.5
)


@weighted_loss.mistake(
    "The weights are taken for weights of the classes. Here there is one for each example."
)
def _(logits, y, weights):
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]
    own = weights[: logits.shape[1]][y]
    with np.errstate(invalid="ignore"):
        return (own * losses).sum() / own.sum()


@weighted_loss.mistake(
    "A small number is added to the probabilities before the logarithm, which hides large losses. "
    "Take the logarithm of the softmax as a whole: a function for it, or logit minus logsumexp."
)
def _(logits, y, weights):
    shifted = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    losses = -np.log(p[np.arange(len(y)), y] + np.float32(1e-12))
    return (weights * losses).sum() / weights.sum()


@weighted_loss.mistake(
    "The weights have no effect: losses and weights are each averaged before "
    "they meet. Multiply example by example."
)
def _(logits, y, weights):
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]
    return losses.mean()


@weighted_loss.mistake(
    "This is the mean loss times the mean weight: each loss met all weights. In Gluon, give "
    "weights of shape (N, 1) to a loss, not (N,)."
)
def _(logits, y, weights):
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]
    return losses.mean() * weights.mean()


@weighted_loss.mistake(
    "The sum is divided by the number of examples. Divide by the sum of the "
    "weights: equal weights must give the plain mean."
)
def _(logits, y, weights):
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]
    return (weights * losses).mean()


@weighted_loss.mistake(
    "The weighted losses are added up. Divide by the sum of the weights."
)
def _(logits, y, weights):
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]
    return (weights * losses).sum()


@weighted_loss.mistake(
    "The logits are multiplied by the weights, which changes what the model "
    "says. The weights belong to the losses."
)
def _(logits, y, weights):
    logits = logits * weights[:, None]
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]
    return losses.mean()


@weighted_loss.mistake(
    "Large logits overflow in `exp`. Subtract each row's largest "
    "first, or use the library's cross-entropy."
)
def _(logits, y, weights):
    with np.errstate(all="ignore"):
        losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y]
        return (weights * losses).sum() / weights.sum()


@weighted_loss.mistake(
    "The sign is wrong: a cross-entropy is positive.",
)
def _(logits, y, weights):
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]
    return -(weights * losses).sum() / weights.sum()


@weighted_loss.mistake(
    "The weights are squared above the line. Each loss is multiplied by its weight once.",
)
def _(logits, y, weights):
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]
    return (weights**2 * losses).sum() / weights.sum()


@weighted_loss.mistake(
    "The sum is divided by the number of weights that are not 0. Divide by the sum of the weights.",
)
def _(logits, y, weights):
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]
    return (weights * losses).sum() / (weights > 0).sum()


@weighted_loss.mistake(
    "The sum is divided by the largest weight. Divide by the sum of the weights.",
)
def _(logits, y, weights):
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]
    return (weights * losses).sum() / weights.max()


@weighted_loss.mistake(
    "The weights are scaled to mean 1 and the losses added up. Divide by their number as well.",
)
def _(logits, y, weights):
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]
    return (weights * losses).sum() / weights.mean()


@weighted_loss.mistake(
    "The logit of the label is not subtracted.",
)
def _(logits, y, weights):
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) + logits.max(axis=1)
    return (weights * losses).sum() / weights.sum()


@weighted_loss.mistake(
    "The largest logit of a row is subtracted. Subtract the one of the label.",
)
def _(logits, y, weights):
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1))
    return (weights * losses).sum() / weights.sum()


@weighted_loss.mistake(
    "The loss is one minus the probability of the label. The cross-entropy is minus its logarithm.",
)
def _(logits, y, weights):
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]
    return (weights * (1 - np.exp(-losses))).sum() / weights.sum()


@weighted_loss.mistake(
    "These are the weighted losses, one for each example. Add them up: one number is asked for.",
)
def _(logits, y, weights):
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]
    return weights * losses / weights.sum()


@weighted_loss.mistake(
    "The largest logit of the whole batch is subtracted. In a row far below it every exp is "
    "0, and its log infinite: subtract each row's own largest.",
)
def _(logits, y, weights):
    shifted = logits - logits.max()
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]
    return (weights * losses).sum() / weights.sum()


@weighted_loss.alternative(framework="torch")
def _(logits, y, weights):
    from torch.nn.functional import cross_entropy

    losses = cross_entropy(logits, y, reduction="none")
    return losses @ weights / weights.sum()


@weighted_loss.alternative(framework="mxnet")
def _(logits, y, weights):
    from dlkit.mx import gluon

    losses = gluon.loss.SoftmaxCrossEntropyLoss()(logits, y, weights.expand_dims(1))
    return losses.sum() / weights.sum()


@weighted_loss.alternative(framework="torch")
def _(logits, y, weights):
    chosen = logits.log_softmax(dim=1)[range(len(y)), y]
    return -(weights / weights.sum()) @ chosen


@weighted_loss.alternative()
def _(logits, y, weights):
    return np.average(
        np.logaddexp.reduce(logits, axis=1) - logits[np.arange(len(y)), y],
        weights=weights,
    )


weighted_loss.equivalent(
    "len(y) -> len(logits)", why="There is one label for each row of logits."
)
weighted_loss.equivalent(
    "len(y) -> len(weights)", why="There is one label for each weight."
)


# 5. An estimate for the target --------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "The estimate is a weighted mean: sum of weight times loss, over the sum of the weights.",
        "For the standard error take each loss's distance from the estimate, multiply it by its "
        "weight, square that, add up, take the root; divide by the sum of the weights.",
    ],
    explanation="""
        So labelled source images say how well a model will do in the target, where there are no
        labels (Sugiyama 2007 chooses models by it). The standard error grows with the spread of the
        weights; with equal weights it is the ordinary one. It is an approximation for many
        examples, and knows nothing of errors in the weights.
    """,
)
def target_estimate(losses, weights):
    """The mean loss in the target, estimated from losses in the source, and its standard error.

    losses: (N,) float32; weights: (N,) float32, none negative, at least two positive. Returns
    (estimate, standard error): the weighted mean m, and the root of the sum of (weight * (loss -
    m)) squared, over the sum of the weights.
    """
    total = weights.sum()
    estimate = weights @ losses / total
    return estimate, ((weights * (losses - estimate)) ** 2).sum() ** 0.5 / total


@target_estimate.probe(weight=3, repeat=3)
def random_losses(rng):
    n = int(rng.integers(6, 12))
    return (2 + gaussian(rng, n)), np.exp(gaussian(rng, n))


@target_estimate.probe(weight=1, repeat=2)
def right_or_wrong(rng):
    return np.float32([0, 1, 1, 0, 1, 1, 0, 1, 1])[rng.permutation(9)], rng.uniform(
        0.2, 4, 9
    ).astype(np.float32)


@target_estimate.probe(weight=1)
def equal_weights_for_all(rng):
    return (3 + gaussian(rng, 7)), np.full(7, rng.uniform(2, 4), np.float32)


@target_estimate.probe(weight=1)
def some_weigh_nothing(rng):
    weights = np.exp(gaussian(rng, 7))
    weights[rng.permutation(7)[:3]] = 0
    return 2 + gaussian(rng, 7), weights


@target_estimate.probe(weight=0.5)
def small_weights_and_losses_below_zero(rng):
    return -3 + gaussian(rng, 6), np.exp(gaussian(rng, 6)) * np.float32(1e-4)


@target_estimate.probe(weight=0.5)
def all_right(rng):
    """Then nothing varies; all of it is exact."""
    return np.ones(4, np.float32), rng.permutation(floats(4, 2, 1, 1))


example(target_estimate, floats(1, 0, 0), floats(2, 1, 1), weight=0.5)


@target_estimate.mistake(
    "The sum of weight times loss is divided by the number of "
    "examples. Divide by the sum of the weights."
)
def _(losses, weights):
    estimate = (weights * losses).mean()
    return estimate, np.sqrt(((weights * (losses - estimate)) ** 2).sum()) / len(losses)


@target_estimate.mistake(
    "The second number is a standard deviation of one loss. The standard error is that of the mean."
)
def _(losses, weights):
    estimate = np.average(losses, weights=weights)
    return estimate, np.sqrt(np.average((losses - estimate) ** 2, weights=weights))


@target_estimate.mistake(
    "The standard error is that of an unweighted mean. Unequal weights make it larger: each "
    "distance is multiplied by its weight."
)
def _(losses, weights):
    return np.average(losses, weights=weights), losses.std() / np.sqrt(len(losses))


@target_estimate.mistake(
    "In the standard error the weights are not squared: multiply each "
    "distance by its weight first, then square."
)
def _(losses, weights):
    estimate = np.average(losses, weights=weights)
    return estimate, np.sqrt((weights * (losses - estimate) ** 2).sum()) / weights.sum()


@target_estimate.mistake(
    "The distances are taken from the unweighted mean. Take them from the estimate."
)
def _(losses, weights):
    return np.average(losses, weights=weights), np.sqrt(
        ((weights * (losses - losses.mean())) ** 2).sum()
    ) / weights.sum()


@target_estimate.mistake(
    "The estimate is the unweighted mean: it speaks of the source."
)
def _(losses, weights):
    estimate = np.average(losses, weights=weights)
    return losses.mean(), np.sqrt(
        ((weights * (losses - estimate)) ** 2).sum()
    ) / weights.sum()


@target_estimate.mistake(
    "The second number is the variance of the estimate. The standard error is its root."
)
def _(losses, weights):
    estimate = np.average(losses, weights=weights)
    return estimate, ((weights * (losses - estimate)) ** 2).sum() / weights.sum() ** 2


@target_estimate.mistake(
    "The two results are the wrong way round: the estimate first, then its standard error.",
)
def _(losses, weights):
    mean = (weights * losses).sum() / weights.sum()
    distances = losses - mean
    return ((weights * distances) ** 2).sum() ** 0.5 / weights.sum(), mean


@target_estimate.mistake(
    "In the standard error the root is missing above the line.",
)
def _(losses, weights):
    mean = (weights * losses).sum() / weights.sum()
    distances = losses - mean
    return mean, ((weights * distances) ** 2).sum() / weights.sum()


@target_estimate.mistake(
    "The standard error is divided by the number of examples. Divide by the sum of the weights.",
)
def _(losses, weights):
    mean = (weights * losses).sum() / weights.sum()
    distances = losses - mean
    return mean, ((weights * distances) ** 2).sum() ** 0.5 / len(losses)


@target_estimate.mistake(
    "The standard error is divided by the root of the number of examples. Divide by the sum "
    "of the weights.",
)
def _(losses, weights):
    mean = (weights * losses).sum() / weights.sum()
    distances = losses - mean
    return mean, ((weights * distances) ** 2).sum() ** 0.5 / len(losses) ** 0.5


@target_estimate.mistake(
    "The standard error is not divided by the sum of the weights.",
)
def _(losses, weights):
    mean = (weights * losses).sum() / weights.sum()
    distances = losses - mean
    return mean, ((weights * distances) ** 2).sum() ** 0.5


@target_estimate.mistake(
    "The estimate is not subtracted in the standard error: take distances from it.",
)
def _(losses, weights):
    mean = (weights * losses).sum() / weights.sum()
    return mean, ((weights * losses) ** 2).sum() ** 0.5 / weights.sum()


@target_estimate.mistake(
    "These are the ends of an interval. Return the estimate and its standard error.",
)
def _(losses, weights):
    mean = (weights * losses).sum() / weights.sum()
    distances = losses - mean
    se = ((weights * distances) ** 2).sum() ** 0.5 / weights.sum()
    return (mean - 1.96 * se, mean + 1.96 * se)


@target_estimate.mistake(
    "The second number is 1.96 standard errors. Return one.",
)
def _(losses, weights):
    mean = (weights * losses).sum() / weights.sum()
    distances = losses - mean
    return mean, 1.96 * ((weights * distances) ** 2).sum() ** 0.5 / weights.sum()


@target_estimate.mistake(
    "The weighted distances are added up before they are squared, and cancel. Square each, "
    "then add.",
)
def _(losses, weights):
    mean = (weights * losses).sum() / weights.sum()
    distances = losses - mean
    return mean, abs((weights * distances).sum()) / weights.sum()


@target_estimate.mistake(
    "The standard error is a mean of absolute distances. Square them, add, take the root.",
)
def _(losses, weights):
    mean = (weights * losses).sum() / weights.sum()
    distances = losses - mean
    return mean, np.abs(weights * distances).sum() / weights.sum()


@target_estimate.mistake(
    "A bracket is missing: the estimate is subtracted from weight times loss. Subtract it "
    "from the loss, then multiply.",
)
def _(losses, weights):
    mean = (weights * losses).sum() / weights.sum()
    return mean, ((weights * losses - mean) ** 2).sum() ** 0.5 / weights.sum()


@target_estimate.mistake(
    "The standard error is a weighted standard deviation by the root of the effective sample "
    "size. The formula multiplies each distance by its weight, then squares.",
)
def _(losses, weights):
    mean = (weights * losses).sum() / weights.sum()
    distances = losses - mean
    deviation = (weights * distances**2).sum() / weights.sum()
    return mean, (deviation / (weights.sum() ** 2 / (weights**2).sum())) ** 0.5


@target_estimate.mistake(
    "The standard error divides by the root of the sum of the squared weights. Divide by the "
    "sum of the weights.",
)
def _(losses, weights):
    mean = (weights * losses).sum() / weights.sum()
    distances = losses - mean
    return mean, ((weights * distances) ** 2).sum() ** 0.5 / (weights**2).sum() ** 0.5


@target_estimate.alternative(framework="torch")
def _(losses, weights):
    import torch

    shares = weights / weights.sum()
    estimate = shares @ losses
    return estimate, torch.linalg.norm(shares * (losses - estimate))


@target_estimate.alternative(framework="mxnet")
def _(losses, weights):
    shares = weights / weights.sum()
    estimate = (shares * losses).sum()
    return estimate, (shares * (losses - estimate)).norm()


@target_estimate.alternative()
def _(losses, weights):
    estimate = np.average(losses, weights=weights)
    return estimate, np.sqrt(
        np.average(weights * (losses - estimate) ** 2, weights=weights) / weights.sum()
    )


# 6. A weighted line -------------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "The weighted means of x and y first: the line passes through that point.",
        "slope = sum of w (x - mean x) (y - mean y), over the sum of w (x - mean x) squared. "
        "The intercept is mean y - slope * mean x.",
        "Library routines differ in what they call a weight: `np.polyfit` multiplies the "
        "*residual* by it, before squaring. It wants the root.",
    ],
    explanation="""
        Weighted least squares is ordinary least squares with means, variance and covariance
        replaced by weighted ones. A weight of 3 does what three copies of the example would.
    """,
)
def weighted_line(x, y, weights):
    """The line y = slope * x + intercept for which the sum of weight times squared residual is
    smallest.

    x, y: (N,) float32; weights: (N,) float32, none negative; at least two different x have a
    positive weight. Returns (slope, intercept).
    """
    total = weights.sum()
    x_mean, y_mean = weights @ x / total, weights @ y / total
    pull = weights * (x - x_mean)
    slope = pull @ y / (pull @ x)
    return slope, y_mean - slope * x_mean


@weighted_line.probe(weight=3, repeat=3)
def a_curve(rng):
    n = int(rng.integers(7, 13))
    x = rng.uniform(0.3, 2, n).astype(np.float32)
    return (
        x,
        (x**3 - 2 * x + 1.5 + rng.normal(0, 0.2, n)).astype(np.float32),
        rng.uniform(0.1, 3, n).astype(np.float32),
    )


@weighted_line.probe(weight=1)
def only_three_count(rng):
    return (
        1 + gaussian(rng, 6),
        2 + gaussian(rng, 6),
        np.float32([0, 2, 0, 0.5, 3, 0])[rng.permutation(6)],
    )


@weighted_line.probe(weight=1)
def all_count_the_same(rng):
    return (
        1 + gaussian(rng, 7),
        2 + gaussian(rng, 7),
        np.full(7, rng.uniform(2, 4), np.float32),
    )


@weighted_line.probe(weight=0.5)
def two_places_that_count(rng):
    """Several examples stand at one of them."""
    x = floats(1, 1, 2, 3, 3) + np.float32(rng.uniform(-3, 3))
    return x, 2 + gaussian(rng, 5), floats(1, 2, 0, 0.5, 0)


example(weighted_line, floats(0, 1, 2), floats(0, 0, 3), floats(1, 1, 2), weight=0.5)


@weighted_line.mistake(
    "The residuals are multiplied by the weights and then squared, so a weight of 3 counts as 9: "
    "give `polyfit` and its like the roots."
)
def _(x, y, weights):
    slope, intercept = np.polyfit(x, y, 1, w=weights)
    return slope, intercept


@weighted_line.mistake("This is the line without weights.")
def _(x, y, weights):
    slope, intercept = np.polyfit(x, y, 1)
    return slope, intercept


@weighted_line.mistake(
    "The distances are taken from the unweighted means. A weighted "
    "line passes through the weighted means."
)
def _(x, y, weights):
    slope = (weights * (x - x.mean()) * (y - y.mean())).sum() / (
        weights * (x - x.mean()) ** 2
    ).sum()
    return slope, y.mean() - slope * x.mean()


@weighted_line.mistake(
    "The intercept is made of the unweighted means. A weighted line "
    "passes through the weighted means."
)
def _(x, y, weights):
    slope, _ = np.polyfit(x, y, 1, w=np.sqrt(weights))
    return slope, y.mean() - slope * x.mean()


@weighted_line.mistake(
    "The two numbers are the wrong way round: slope first, then intercept."
)
def _(x, y, weights):
    slope, intercept = np.polyfit(x, y, 1, w=np.sqrt(weights))
    return intercept, slope


@weighted_line.mistake(
    "The roots of the weights stand in the place of the weights. Only a routine that squares "
    "them, such as `polyfit`, wants roots.",
)
def _(x, y, weights):
    weights = np.sqrt(weights)
    total = weights.sum()
    mean_x, mean_y = (weights * x).sum() / total, (weights * y).sum() / total
    covariance = (weights * (x - mean_x) * (y - mean_y)).sum()
    slope = covariance / (weights * (x - mean_x) ** 2).sum()
    return slope, mean_y - slope * mean_x


@weighted_line.mistake(
    "The intercept has a wrong sign: it is the mean of y minus slope times the mean of x.",
)
def _(x, y, weights):
    total = weights.sum()
    mean_x, mean_y = (weights * x).sum() / total, (weights * y).sum() / total
    covariance = (weights * (x - mean_x) * (y - mean_y)).sum()
    slope = covariance / (weights * (x - mean_x) ** 2).sum()
    return slope, mean_y + slope * mean_x


@weighted_line.mistake(
    "The intercept is the mean of y. Subtract slope times the mean of x.",
)
def _(x, y, weights):
    total = weights.sum()
    mean_x, mean_y = (weights * x).sum() / total, (weights * y).sum() / total
    covariance = (weights * (x - mean_x) * (y - mean_y)).sum()
    slope = covariance / (weights * (x - mean_x) ** 2).sum()
    return slope, mean_y


@weighted_line.mistake(
    "The line goes through the origin. It has an intercept.",
)
def _(x, y, weights):
    return (weights * x * y).sum() / (weights * x * x).sum(), 0.0


@weighted_line.mistake(
    "The slope is divided by the spread of y. Divide by that of x.",
)
def _(x, y, weights):
    total = weights.sum()
    mean_x, mean_y = (weights * x).sum() / total, (weights * y).sum() / total
    covariance = (weights * (x - mean_x) * (y - mean_y)).sum()
    slope = covariance / (weights * (y - mean_y) ** 2).sum()
    return slope, mean_y - slope * mean_x


@weighted_line.mistake(
    "The slope is a correlation. Divide by the spread of x alone.",
)
def _(x, y, weights):
    total = weights.sum()
    mean_x, mean_y = (weights * x).sum() / total, (weights * y).sum() / total
    covariance = (weights * (x - mean_x) * (y - mean_y)).sum()
    slope = covariance / np.sqrt(
        (weights * (x - mean_x) ** 2).sum() * (weights * (y - mean_y) ** 2).sum()
    )
    return slope, mean_y - slope * mean_x


@weighted_line.mistake(
    "The slope is that of the line without weights. Only the intercept has them.",
)
def _(x, y, weights):
    slope = np.polyfit(x, y, 1)[0]
    return slope, (weights * (y - slope * x)).sum() / weights.sum()


@weighted_line.mistake(
    "x and y are multiplied by the weights, and a plain line is fitted. The weights belong to "
    "the squared residuals.",
)
def _(x, y, weights):
    return np.polyfit(weights * x, weights * y, 1)


@weighted_line.mistake(
    "All examples with a weight above 0 count alike. A weight of 3 counts three times.",
)
def _(x, y, weights):
    kept = weights > 0
    return np.polyfit(x[kept], y[kept], 1)


@weighted_line.mistake(
    "The means are divided by the number of points. Divide by the sum of the weights.",
)
def _(x, y, weights):
    total = len(x)
    mean_x, mean_y = (weights * x).sum() / total, (weights * y).sum() / total
    covariance = (weights * (x - mean_x) * (y - mean_y)).sum()
    slope = covariance / (weights * (x - mean_x) ** 2).sum()
    return slope, mean_y - slope * mean_x


@weighted_line.alternative()
def _(x, y, weights):
    slope, intercept = np.polyfit(x, y, 1, w=np.sqrt(weights))
    return slope, intercept


@weighted_line.alternative(framework="torch")
def _(x, y, weights):
    import torch

    root = weights.sqrt()
    slope, intercept = torch.linalg.pinv(torch.stack([root * x, root], dim=1)) @ (
        root * y
    )
    return slope, intercept


@weighted_line.alternative(framework="mxnet")
def _(x, y, weights):
    shares = weights / weights.sum()
    x_mean, y_mean = (shares * x).sum(), (shares * y).sum()
    pull = weights * (x - x_mean)
    slope = (pull * y).sum() / (pull * x).sum()
    return slope, y_mean - slope * x_mean


weighted_line.equivalent(
    "pull = weights -> pull = shares",
    why="The slope is a quotient, from which any factor cancels.",
)


# 7. Weights from examples alone -------------------------------------------------------------------

CORRELATION = 0.93
MEANS = (0.65, 1.35)

LEVEL = 0.6
"""The correlation that what follows the target roughly does not reach, and what levels off does."""


@question(
    points=3,
    hints=[
        "Train a classifier to tell target from source points, and use what you wrote in "
        "question 1. There are twice as many source points.",
        "A classifier that is linear in x can only see that the target has moved, not that it "
        "is narrower. Give it the squares and the product of the coordinates as well.",
        "Six features, two classes: a few hundred steps of gradient descent on all points at "
        "once, or a Gaussian fitted to each set and the quotient of their densities.",
    ],
    explanation="""
        For two Gaussians the logarithm of the density ratio is quadratic in x, so a logistic
        regression on quadratic features can be exactly right. A linear one leaves out the change in
        spread. Fitting a density to each set works here as well, in two dimensions; for images it
        does not, and the classifier does.
    """,
    seconds=30,
)
def estimate_weights(source, target):
    """Weights for the source points that make them stand for the target: an estimate of p(x |
    target) / p(x | source) at each of them.

    source: (800, 2) float32, target: (400, 2) float32, drawn from two distributions that you do not
    know. Returns (800,) numbers, none negative.
    Their correlation with the true ratio must reach 0.93, and their mean lie between 0.65 and
    1.35.
    """
    X = np.concatenate([source, target]).astype(np.float64)
    # (1200, 6)
    X = np.stack(
        [
            np.ones(len(X)),
            X[:, 0],
            X[:, 1],
            X[:, 0] ** 2,
            X[:, 1] ** 2,
            X[:, 0] * X[:, 1],
        ],
        axis=1,
    )
    is_target = np.arange(len(X)) >= len(source)
    parameters = np.zeros(6)
    for _ in range(12):  # Newton's method
        p = 1 / (1 + np.exp(-X @ parameters))
        curvature = (X * (p * (1 - p))[:, None]).T @ X + 1e-3 * np.eye(6)
        parameters -= np.linalg.solve(
            curvature, X.T @ (p - is_target) + 1e-3 * parameters
        )
    return np.exp(X[: len(source)] @ parameters) * len(source) / len(target)


@estimate_weights.probe(repeat=2)
def a_narrower_target_somewhere_else(rng):
    """So narrow that probabilities, which level off at 1, do not pass for the ratio."""
    angle, distance, spread = (
        rng.uniform(0, 2 * np.pi),
        rng.uniform(0.9, 1.1),
        rng.uniform(0.3, 0.33),
    )
    centre = distance * np.array([np.cos(angle), np.sin(angle)])
    source, target = (
        rng.normal(size=(800, 2)),
        centre + spread * rng.normal(size=(400, 2)),
    )
    squares = ((source - centre) ** 2).sum(axis=1) / spread**2
    ratio = np.exp(0.5 * (source**2).sum(axis=1) - 0.5 * squares) / spread**2
    return Inputs((source.astype(np.float32), target.astype(np.float32)), secret=ratio)


@estimate_weights.measure
def _(inputs, output):
    weights = _as_weights(inputs, output)
    if weights is None:
        shape = (
            np.shape(output) if isinstance(output, np.ndarray) else inputs.secret.shape
        )
        other = shape != inputs.secret.shape
        what = f" The shape is {shape}; it should be (800,)." if other else ""
        return Measurement(
            False,
            "800 weights were expected, numbers of which none is negative and not all are equal."
            + what,
        )
    correlation, mean = _correlation(inputs, weights), weights.mean()
    figures = (
        f"Correlation with the true ratio {correlation:.2f} (at least {CORRELATION}), mean "
        f"{mean:.2f} (from {MEANS[0]} to {MEANS[1]})."
    )
    return Measurement(
        bool(correlation >= CORRELATION and MEANS[0] <= mean <= MEANS[1]), figures
    )


def _as_weights(inputs, output):
    """The output as float64 numbers, or None where it cannot be weights that differ."""
    try:
        weights = np.asarray(output)
    except ValueError:  # rows of different lengths
        return None
    if (
        weights.dtype.kind not in "biuf"
        or weights.shape != inputs.secret.shape
        or not np.isfinite(weights).all()
    ):
        return None
    weights = weights.astype(np.float64)
    return (
        weights
        if weights.min() >= 0 and np.ptp(weights) > 1e-6 * weights.max()
        else None
    )


def _correlation(inputs, weights):
    return float(np.corrcoef(weights, inputs.secret)[0, 1])


def _judged(inputs, output):
    """(correlation, mean), or two nans."""
    weights = _as_weights(inputs, output)
    return (
        (np.nan, np.nan)
        if weights is None
        else (_correlation(inputs, weights), weights.mean())
    )


def _is_the_odds(inputs, output):
    correlation, mean = _judged(inputs, output)
    return correlation >= CORRELATION and MEANS[0] <= 2 * mean <= MEANS[1]


def _is_upside_down(inputs, output):
    return _judged(inputs, output)[0] < 0


def _sees_the_shift_only(inputs, output):
    correlation, mean = _judged(inputs, output)
    return 0 <= correlation < LEVEL and MEANS[0] <= mean <= MEANS[1]


def _levels_off(inputs, output):
    correlation, _ = _judged(inputs, output)
    return LEVEL <= correlation < CORRELATION


def _does_not_differ(inputs, output):
    return (
        np.shape(output) == inputs.secret.shape
        and np.ptp(np.asarray(output, float)) == 0
    )


@estimate_weights.mistake(
    "These are about half as large as they should be, as the odds of a classifier are that saw 800 "
    "source and 400 target points. Divide the numbers out.",
    recognise=_is_the_odds,
)
def _(source, target):
    densities = []
    for points in (target.astype(np.float64), source.astype(np.float64)):
        away, cov = source - points.mean(axis=0), np.cov(points.T)
        densities.append(
            np.exp(-0.5 * (away @ np.linalg.inv(cov) * away).sum(axis=1))
            / np.sqrt(np.linalg.det(cov))
        )
    return densities[0] / densities[1] / 2


@estimate_weights.mistake(
    "The weights are large where target points are rare: the ratio is upside down.",
    recognise=_is_upside_down,
)
def _(source, target):
    return ((source - target.mean(axis=0)) ** 2).sum(axis=1)


@estimate_weights.mistake(
    "The weights follow the target only roughly. Besides having moved it is narrower, which a "
    "classifier sees only if it is given squares of the coordinates.",
    recognise=_sees_the_shift_only,
)
def _(source, target):
    weights = np.exp((source @ target.mean(axis=0)).astype(np.float64))
    return weights / weights.mean()


@estimate_weights.mistake(
    "The weights rise where the target is, but not enough. Are they made of the classifier's "
    "*probability*, which never exceeds 1? The ratio is made of the odds, p / (1 - p). Or is the "
    "estimate smoothed too much?",
    recognise=_levels_off,
)
def _(source, target):
    densities = []
    for points in (target.astype(np.float64), source.astype(np.float64)):
        away, cov = source - points.mean(axis=0), np.cov(points.T)
        densities.append(
            np.exp(-0.5 * (away @ np.linalg.inv(cov) * away).sum(axis=1))
            / np.sqrt(np.linalg.det(cov))
        )
    p = densities[0] / (densities[0] + 2 * densities[1])
    return p / p.mean()


@estimate_weights.mistake(
    "All weights are equal, so nothing of the target is in them.",
    recognise=_does_not_differ,
)
def _(source, target):
    return np.ones(len(source))


@estimate_weights.alternative()
def _(source, target):
    def log_density(points):
        away, cov = source - points.mean(axis=0), np.cov(points.T)
        return -0.5 * (away @ np.linalg.inv(cov) * away).sum(axis=1) - 0.5 * np.log(
            np.linalg.det(cov)
        )

    return np.exp(log_density(target) - log_density(source))


@estimate_weights.alternative(framework="torch")
def _(source, target):
    """Logistic regression on coordinates, squares and product."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    X = torch.cat([source, target]).float()
    y = (torch.arange(len(X)) >= len(source)).long()
    X = torch.stack(
        [X[:, 0], X[:, 1], X[:, 0] ** 2, X[:, 1] ** 2, X[:, 0] * X[:, 1]], dim=1
    )
    net = nn.Linear(5, 2)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(X), y).backward()
        optimizer.step()
    logits = net(X[: len(source)]).detach()
    return (logits[:, 1] - logits[:, 0]).exp() * len(source) / len(target)


@estimate_weights.alternative(framework="mxnet")
def _(source, target):
    from dlkit.mx import autograd, nd

    X = nd.concat(source, target, dim=0)
    X = nd.stack(
        X[:, 0],
        X[:, 1],
        X[:, 0] ** 2,
        X[:, 1] ** 2,
        X[:, 0] * X[:, 1],
        nd.ones(len(X)),
        axis=1,
    )
    is_target = nd.concat(nd.zeros(len(source)), nd.ones(len(target)), dim=0)
    parameters = nd.zeros(6)
    parameters.attach_grad()
    for _ in range(1500):
        with autograd.record():
            z = nd.dot(X, parameters)
            loss = (nd.relu(z) - z * is_target + nd.log(1 + nd.exp(-nd.abs(z)))).mean()
        loss.backward()
        parameters -= 0.4 * parameters.grad
        loss.wait_to_read()
    return nd.exp(nd.dot(X[: len(source)], parameters)) * len(source) / len(target)
