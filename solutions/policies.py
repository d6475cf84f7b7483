"""Learned augmentation policies: log-probabilities of choices and their gradient, REINFORCE, a
moving baseline, a policy applied to a batch, choices and operations drawn at random, and a policy
from noisy rewards.
"""

import numpy as np

from autograder import Inputs, Measurement, NotADraw, question

# 1. The logarithm of a policy's probability -------------------------------------------------------


@question(
    points=2,
    hints=[
        "The loop multiplies the probabilities of the choices, which are made independently. "
        "What is asked for is not yet that product.",
        "The missing line takes its logarithm. Another way, which does not underflow with "
        "thousands of decisions, adds up logarithms: the log-softmax of `logits`, from which "
        "`[range(len(choices)), choices]` takes one number of each row.",
    ],
    explanation="""
        Six choices with five options each make 15,625 policies, and the controller still needs only
        30 numbers: its probability of a policy is a product, the logarithm a sum. That independence
        is also what it cannot express: that one operation is good only if another came first.
    """,
)
def log_probability(logits, choices):
    """The logarithm of the probability that a controller makes these choices, each independently,
    from the softmax of its own row.

    logits: (D, K) float32, a row for each decision; choices: (D,) int64, from 0 to K - 1. Returns a
    number.
    """
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return log_p[range(len(choices)), choices].sum()


@log_probability.probe(weight=2, repeat=3)
def several_decisions(rng):
    return _controller(rng, *_sizes(rng))


@log_probability.probe(weight=1)
def one_decision(rng):
    return _controller(rng, 1, 4)


@log_probability.probe(weight=0.5)
def the_table_of_the_statement(rng):
    return np.float32([[0, 0, 0], [np.log(2), 0, 0]]), np.array([2, 0])


@log_probability.probe(weight=1)
def an_unlikely_policy(rng):
    """Of every decision the least likely option, some e ** -11 each, some e ** -75 together."""
    logits = rng.uniform(4.5, 5, (7, 4)).astype(np.float32)
    choices = rng.integers(0, 4, 7)
    logits[np.arange(7), choices] = rng.uniform(-5, -4.7, 7)
    return logits, choices


def _is_limited(inputs, value):
    """Whether the logarithm is that of a probability to which a small power of ten was added, or
    which was made no smaller than one: as a whole, or for each decision.
    """
    logits, choices = inputs.args
    exps = np.exp(np.asarray(logits, np.float64))
    shares = (exps / exps.sum(axis=1, keepdims=True))[np.arange(len(choices)), choices]
    limits = 10.0 ** -np.arange(4, 40)[:, None]
    logs = [
        np.log(limit(p, limits)).sum(axis=1)
        for limit in (np.add, np.maximum)
        for p in (shares, shares.prod(keepdims=True))
    ]
    return bool(np.isclose(float(np.squeeze(value)), logs, rtol=1e-4).any())


@log_probability.mistake(
    "A small number added before the logarithm, against infinity, limits how unlikely a policy "
    "can be. Add up log-probabilities instead.",
    recognise=_is_limited,
)
def _(logits, choices):
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return np.log(p[range(len(choices)), choices].prod() + 1e-8)


@log_probability.mistake(
    "This is the probability of the policy. Its logarithm is asked for, "
    "the sum of the choices' log-probabilities."
)
def _(logits, choices):
    return np.exp(
        (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))[
            range(len(choices)), choices
        ].sum()
    )


@log_probability.mistake(
    "The choices' log-probabilities are averaged. All decisions "
    "together make one policy: add them up."
)
def _(logits, choices):
    return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))[
        range(len(choices)), choices
    ].mean()


@log_probability.mistake(
    "The probabilities are added up and then the logarithm is taken. The "
    "probability of the policy is their product."
)
def _(logits, choices):
    return np.log(
        (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))[
            range(len(choices)), choices
        ].sum()
    )


@log_probability.mistake(
    "The logits of the choices are added up as they are. Take the log-softmax of each row first."
)
def _(logits, choices):
    return logits[range(len(choices)), choices].sum()


@log_probability.mistake(
    "The softmax runs over the decisions. Each row is one decision: it runs over the options."
)
def _(logits, choices):
    return (logits - np.log(np.exp(logits).sum(axis=0)))[
        range(len(choices)), choices
    ].sum()


@log_probability.mistake(
    "All options are added up. Only the option that was chosen counts in each row."
)
def _(logits, choices):
    return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).sum()


@log_probability.mistake("The logarithm is the one to base 2. Take the natural one.")
def _(logits, choices):
    shifted = logits - logits.max(axis=1, keepdims=True)
    shares = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    return np.log2(shares[np.arange(len(choices)), choices]).sum()


@log_probability.mistake("The logarithm is the one to base 10. Take the natural one.")
def _(logits, choices):
    shifted = logits - logits.max(axis=1, keepdims=True)
    shares = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    return np.log10(shares[np.arange(len(choices)), choices]).sum()


@log_probability.mistake(
    "The sign is wrong: this is minus the logarithm, as a loss has it."
)
def _(logits, choices):
    shifted = logits - logits.max(axis=1, keepdims=True)
    shares = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    return -np.log(shares[np.arange(len(choices)), choices]).sum()


@log_probability.mistake(
    "1 is added to the probability before the logarithm: `log1p`. Take `log`."
)
def _(logits, choices):
    shifted = logits - logits.max(axis=1, keepdims=True)
    shares = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    return np.log1p(np.prod(shares[np.arange(len(choices)), choices]))


@log_probability.mistake(
    "The logarithms are multiplied. The probabilities are; their logarithms are added up."
)
def _(logits, choices):
    shifted = logits - logits.max(axis=1, keepdims=True)
    shares = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    return np.prod(np.log(shares[np.arange(len(choices)), choices]))


@log_probability.mistake(
    "Only the last decision counts. Go on with what `total` is already."
)
def _(logits, choices):
    shifted = logits - logits.max(axis=1, keepdims=True)
    shares = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    return np.log(shares[-1, choices[-1]])


@log_probability.alternative(framework="torch")
def _(logits, choices):
    from torch.distributions import Categorical

    return Categorical(logits=logits).log_prob(choices).sum()


@log_probability.alternative(framework="mxnet")
def _(logits, choices):
    from dlkit.mx import nd

    return nd.pick(nd.log_softmax(logits), choices).sum()


@log_probability.alternative()
def _(logits, choices):
    exps = np.e**logits
    total = 1.0
    for row, choice in zip(
        exps / exps.sum(axis=1, keepdims=True), choices, strict=True
    ):
        total = total * row[choice]
    total = np.log(total)
    return total


log_probability.equivalent(
    "len(choices) -> len(logits)", why="There is one choice for each row of logits."
)
log_probability.equivalent(
    "len(choices) -> len(log_p)", why="There is one choice for each row of logits."
)


# 2. Its gradient ----------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "Each row depends on its own decision only. For one row, differentiate "
        "z_c - log(sum of exp(z_k)) by each z_k.",
        "The first term gives 1 where k is the choice and 0 elsewhere; "
        "the second gives minus the softmax.",
        "Check it: every row of the result adds up to 0, and only the "
        "chosen option's number is positive.",
    ],
    explanation="""
        One-hot minus softmax: what was chosen becomes likelier, all else less likely, and the more
        so the less it had been expected. Cross-entropy's gradient is the same with the other sign,
        since a classifier's loss is the negative logarithm of the probability of its label.
    """,
)
def log_probability_gradient(logits, choices):
    """The gradient of question 1's result with respect to the logits.

    logits: (D, K) float32; choices: (D,) int64. Returns (D, K).
    """
    exps = np.exp(logits)
    return np.eye(logits.shape[1])[choices] - exps / exps.sum(axis=1, keepdims=True)


@log_probability_gradient.probe(weight=2, repeat=3)
def several_decisions_to_differentiate(rng):
    return _controller(rng, *_sizes(rng))


@log_probability_gradient.probe(weight=1)
def one_decision_to_differentiate(rng):
    return _controller(rng, 1, 4)


@log_probability_gradient.probe(weight=0.5)
def the_example_of_the_statement(rng):
    return np.log(np.float32([[0.5, 0.3, 0.2]])), np.array([1])


@log_probability_gradient.mistake(
    "The softmax is missing: this is one-hot alone. Subtract each row's softmax from it."
)
def _(logits, choices):
    return np.eye(logits.shape[1])[choices]


@log_probability_gradient.mistake(
    "The sign is wrong: this is the gradient of the negative logarithm, "
    "which makes what was chosen less likely."
)
def _(logits, choices):
    exps = np.exp(logits)
    return exps / exps.sum(axis=1, keepdims=True) - np.eye(logits.shape[1])[choices]


@log_probability_gradient.mistake(
    "This is the gradient of the policy's probability. The logarithm's has no factor in front."
)
def _(logits, choices):
    exps = np.exp(logits)
    p = exps / exps.sum(axis=1, keepdims=True)
    return p[np.arange(len(choices)), choices].prod() * (
        np.eye(logits.shape[1])[choices] - p
    )


@log_probability_gradient.mistake(
    "Each row is multiplied by its choice's probability: so it is for the "
    "probability, and not for its logarithm."
)
def _(logits, choices):
    exps = np.exp(logits)
    p = exps / exps.sum(axis=1, keepdims=True)
    return p[np.arange(len(choices)), choices][:, None] * (
        np.eye(logits.shape[1])[choices] - p
    )


@log_probability_gradient.mistake(
    "The options that were not chosen have gradients, too: raising their "
    "logits lowers the choice's probability."
)
def _(logits, choices):
    exps = np.exp(logits)
    one_hot = np.eye(logits.shape[1])[choices]
    return one_hot * (1 - exps / exps.sum(axis=1, keepdims=True))


@log_probability_gradient.mistake(
    "This divides by the number of decisions, as if their "
    "log-probabilities were averaged. They are added up."
)
def _(logits, choices):
    exps = np.exp(logits)
    return (
        np.eye(logits.shape[1])[choices] - exps / exps.sum(axis=1, keepdims=True)
    ) / len(choices)


@log_probability_gradient.mistake(
    "The softmax runs over the decisions. Each row is one decision: it runs over the options."
)
def _(logits, choices):
    exps = np.exp(logits)
    return np.eye(logits.shape[1])[choices] - exps / exps.sum(axis=0)


@log_probability_gradient.mistake(
    "The one-hot part is missing: this is the softmax alone."
)
def _(logits, choices):
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exps / exps.sum(axis=1, keepdims=True)


@log_probability_gradient.mistake(
    "The logits themselves are subtracted. Subtract their softmax."
)
def _(logits, choices):
    return np.eye(logits.shape[1], dtype=logits.dtype)[choices] - logits


@log_probability_gradient.mistake(
    "All options are taken to be equally likely. Subtract each row's softmax."
)
def _(logits, choices):
    return np.eye(logits.shape[1], dtype=logits.dtype)[choices] - 1 / logits.shape[1]


@log_probability_gradient.mistake(
    "The softmax goes over the whole table. Each row has one of its own."
)
def _(logits, choices):
    exps = np.exp(logits - logits.max())
    return np.eye(logits.shape[1], dtype=logits.dtype)[choices] - exps / exps.sum()


@log_probability_gradient.mistake(
    "The choices are counted from 1. Option 0 is the first."
)
def _(logits, choices):
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.eye(logits.shape[1])[choices - 1] - exps / exps.sum(axis=1, keepdims=True)


@log_probability_gradient.mistake(
    "Only the first decision has a gradient. All of them have."
)
def _(logits, choices):
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    gradient = np.eye(logits.shape[1])[choices] - exps / exps.sum(axis=1, keepdims=True)
    gradient[1:] = 0
    return gradient


@log_probability_gradient.mistake(
    "The rows are added up. Return the gradient of each logit, (D, K)."
)
def _(logits, choices):
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    gradient = np.eye(logits.shape[1])[choices] - exps / exps.sum(axis=1, keepdims=True)
    return gradient.sum(axis=0)


@log_probability_gradient.alternative(framework="torch")
def _(logits, choices):
    from torch.func import grad

    return grad(lambda z: z.log_softmax(dim=1).gather(1, choices[:, None]).sum())(
        logits
    )


@log_probability_gradient.alternative(framework="mxnet")
def _(logits, choices):
    from dlkit.mx import nd

    return nd.one_hot(choices, logits.shape[1]) - nd.softmax(logits)


@log_probability_gradient.alternative()
def _(logits, choices):
    result = -np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    for row, choice in enumerate(choices):
        result[row, choice] += 1
    return result


# 3. REINFORCE -------------------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "Two things for each policy: how much better it was than the baseline, (B,), and "
        "one-hot minus softmax, (B, D, K). The mean over the policies of one times the other.",
        "`np.eye(K)[choices]` is (B, D, K); PyTorch and Gluon have `one_hot`. The softmax, (D, "
        "K), is the same for all policies.",
        "`(rewards - baseline)[:, None, None]` has the shape (B, 1, 1) and multiplies a whole "
        "(D, K) for each policy. With autograd: differentiate the mean of "
        "(reward - baseline) times log-probability.",
    ],
    explanation="""
        The gradient of the log-probability has mean zero under the controller's own draws, so a
        baseline leaves the mean of the estimate as it is and takes away noise, provided that it
        does not depend on the choices that it is used for. The mean of this batch does depend on
        them: with it the estimate shrinks by the factor (B - 1) / B.
    """,
)
def reinforce_gradient(logits, choices, rewards, baseline):
    """REINFORCE's estimate of the gradient of the expected reward: the mean over the policies of
    (reward - baseline) times the gradient of log-probability.

    logits: (D, K) float32; choices: (B, D) int64, the choices of B policies; rewards: (B,) float32;
    baseline: a number. Returns (D, K).
    """
    exps = np.exp(logits)
    # (B, D, K)
    gradients = np.eye(logits.shape[1])[choices] - exps / exps.sum(
        axis=1, keepdims=True
    )
    return ((rewards - baseline)[:, None, None] * gradients).mean(axis=0)


@reinforce_gradient.probe(weight=2, repeat=3)
def a_few_policies(rng):
    return _policies(rng, int(rng.integers(7, 10)), *_sizes(rng))


@reinforce_gradient.probe(weight=1)
def one_policy(rng):
    return _policies(rng, 1, 4, 3)


@reinforce_gradient.probe(weight=0.5)
def the_table_of_the_statement_of_reinforce(rng):
    rewards = np.float32([0.6, 0.3, 0.1])
    return np.float32([[0, 0]]), np.array([[0], [1], [1]]), rewards, 0.4


@reinforce_gradient.probe(weight=0.5)
def a_baseline_of_zero(rng):
    logits, choices, rewards, _ = _policies(rng, 6, *_sizes(rng))
    return logits, choices, rewards, 0.0


@reinforce_gradient.mistake(
    "The mean of these rewards serves as baseline, and each policy's own "
    "is in it. Use the baseline that is given."
)
def _(logits, choices, rewards, baseline):
    exps = np.exp(logits)
    scores = np.eye(logits.shape[1])[choices] - exps / exps.sum(axis=1, keepdims=True)
    return ((rewards - rewards.mean())[:, None, None] * scores).mean(axis=0)


@reinforce_gradient.mistake(
    "There is no baseline: the estimate is right on average, but far noisier than it need be."
)
def _(logits, choices, rewards, baseline):
    exps = np.exp(logits)
    scores = np.eye(logits.shape[1])[choices] - exps / exps.sum(axis=1, keepdims=True)
    return (rewards[:, None, None] * scores).mean(axis=0)


@reinforce_gradient.mistake(
    "The estimates of the policies are added up. Take their mean."
)
def _(logits, choices, rewards, baseline):
    exps = np.exp(logits)
    scores = np.eye(logits.shape[1])[choices] - exps / exps.sum(axis=1, keepdims=True)
    return ((rewards - baseline)[:, None, None] * scores).sum(axis=0)


@reinforce_gradient.mistake(
    "The sign is wrong: following this, the reward falls. A policy better "
    "than the baseline is to become likelier."
)
def _(logits, choices, rewards, baseline):
    exps = np.exp(logits)
    scores = np.eye(logits.shape[1])[choices] - exps / exps.sum(axis=1, keepdims=True)
    return ((baseline - rewards)[:, None, None] * scores).mean(axis=0)


@reinforce_gradient.mistake(
    "The decisions of a policy are averaged. Its log-probability is their sum."
)
def _(logits, choices, rewards, baseline):
    exps = np.exp(logits)
    scores = np.eye(logits.shape[1])[choices] - exps / exps.sum(axis=1, keepdims=True)
    return ((rewards - baseline)[:, None, None] * scores).mean(axis=0) / len(logits)


@reinforce_gradient.mistake(
    "Each policy counts in proportion to its probability. It was drawn with this "
    "probability already: leave the factor out."
)
def _(logits, choices, rewards, baseline):
    exps = np.exp(logits)
    p = exps / exps.sum(axis=1, keepdims=True)
    chances = p[np.arange(len(p)), choices].prod(axis=1)
    return (
        ((rewards - baseline) * chances)[:, None, None]
        * (np.eye(logits.shape[1])[choices] - p)
    ).mean(axis=0)


@reinforce_gradient.mistake("The baseline is added to the rewards. Subtract it.")
def _(logits, choices, rewards, baseline):
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    pulls = np.eye(logits.shape[1])[choices] - exps / exps.sum(axis=1, keepdims=True)
    return ((rewards + baseline)[:, None, None] * pulls).mean(axis=0)


@reinforce_gradient.mistake("The softmax is not subtracted: this is one-hot alone.")
def _(logits, choices, rewards, baseline):
    hot = np.eye(logits.shape[1])[choices]
    return ((rewards - baseline)[:, None, None] * hot).mean(axis=0)


@reinforce_gradient.mistake(
    "Policies below the baseline are left out. They push the other way, and count as well."
)
def _(logits, choices, rewards, baseline):
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    pulls = np.eye(logits.shape[1])[choices] - exps / exps.sum(axis=1, keepdims=True)
    return (np.maximum(rewards - baseline, 0)[:, None, None] * pulls).mean(axis=0)


@reinforce_gradient.mistake(
    "Policies below the baseline push like those above: their sign is lost."
)
def _(logits, choices, rewards, baseline):
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    pulls = np.eye(logits.shape[1])[choices] - exps / exps.sum(axis=1, keepdims=True)
    return (np.abs(rewards - baseline)[:, None, None] * pulls).mean(axis=0)


@reinforce_gradient.mistake("Only the first policy counts. Take the mean over all B.")
def _(logits, choices, rewards, baseline):
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    pulls = np.eye(logits.shape[1])[choices[0]] - exps / exps.sum(axis=1, keepdims=True)
    return (rewards[0] - baseline) * pulls


@reinforce_gradient.mistake(
    "All policies get the mean reward. Each has a reward of its own."
)
def _(logits, choices, rewards, baseline):
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    pulls = np.eye(logits.shape[1])[choices] - exps / exps.sum(axis=1, keepdims=True)
    return (rewards.mean() - baseline) * pulls.mean(axis=0)


@reinforce_gradient.mistake(
    "The baseline is subtracted from the estimate. Subtract it from each reward."
)
def _(logits, choices, rewards, baseline):
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    pulls = np.eye(logits.shape[1])[choices] - exps / exps.sum(axis=1, keepdims=True)
    return (rewards[:, None, None] * pulls).mean(axis=0) - baseline


@reinforce_gradient.mistake("The sum is divided by B - 1. The mean divides by B.")
def _(logits, choices, rewards, baseline):
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    pulls = np.eye(logits.shape[1])[choices] - exps / exps.sum(axis=1, keepdims=True)
    return ((rewards - baseline)[:, None, None] * pulls).sum(axis=0) / max(
        len(rewards) - 1, 1
    )


@reinforce_gradient.mistake(
    "The sum is divided by the number of options. The mean divides by B, the number of policies."
)
def _(logits, choices, rewards, baseline):
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    pulls = np.eye(logits.shape[1])[choices] - exps / exps.sum(axis=1, keepdims=True)
    return ((rewards - baseline)[:, None, None] * pulls).sum(axis=0) / logits.shape[1]


@reinforce_gradient.mistake(
    "A baseline of 0 is replaced by the mean reward. It is a number like others."
)
def _(logits, choices, rewards, baseline):
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    pulls = np.eye(logits.shape[1])[choices] - exps / exps.sum(axis=1, keepdims=True)
    return ((rewards - (baseline or rewards.mean()))[:, None, None] * pulls).mean(
        axis=0
    )


@reinforce_gradient.alternative(framework="torch")
def _(logits, choices, rewards, baseline):
    from torch.func import grad

    return grad(
        lambda z: (
            z.log_softmax(dim=1)[range(z.shape[0]), choices].sum(dim=1)
            * (rewards - baseline)
        ).mean()
    )(logits)


@reinforce_gradient.alternative(framework="mxnet")
def _(logits, choices, rewards, baseline):
    from dlkit.mx import nd

    scores = nd.one_hot(choices, logits.shape[1]) - nd.softmax(logits)  # (B, D, K)
    return nd.dot(rewards - baseline, scores) / len(rewards)


@reinforce_gradient.alternative()
def _(logits, choices, rewards, baseline):
    p = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    total = 0.0
    for chosen, reward in zip(choices, rewards, strict=True):
        gradient = -p
        gradient[np.arange(len(p)), chosen] += 1
        total = total + (reward - baseline) / len(rewards) * gradient
    return total


reinforce_gradient.equivalent(
    "len(rewards) -> len(choices)", why="There is one reward for each policy."
)


# 4. A moving baseline -----------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "A loop with one variable: subtract the baseline from the reward first, then move it.",
        "baseline = decay * baseline + (1 - decay) * reward; it starts as the "
        "first reward, so the first advantage is 0.",
        "A list of advantages becomes one array by `torch.stack(result)` or, in Gluon, where "
        "each of them has the shape (1,), by `nd.concat(*result, dim=0)`.",
    ],
    explanation="""
        A search that trains one child at a time has no other rewards at hand, and keeps an average
        of the past. It must be read before it is moved: then it knows nothing of the choices that
        it is used for, and the estimate stays right on average. As the controller improves, the
        baseline follows.
    """,
)
def advantages(rewards, decay):
    """Each reward minus a moving average of those before it.

    The baseline starts as the first reward; after each reward it becomes decay * baseline + (1 -
    decay) * reward.
    rewards: (T,) float32, T >= 1; decay: a number between 0 and 1. Returns (T,); the first is 0.
    """
    baseline, result = rewards[0], []
    for reward in rewards:
        result.append(reward - baseline)
        baseline = decay * baseline + (1 - decay) * reward
    return np.array(result)


@advantages.probe(weight=2, repeat=3)
def many_rewards(rng):
    return rng.uniform(0.2, 0.9, int(rng.integers(6, 12))).astype(np.float32), float(
        rng.uniform(0.6, 0.9)
    )


@advantages.probe(weight=1)
def two_rewards(rng):
    return rng.uniform(0.2, 0.9, 2).astype(np.float32), float(rng.uniform(0.6, 0.9))


@advantages.probe(weight=0.25)
def nothing_kept(rng):
    """The baseline is the reward before."""
    return rng.uniform(0.2, 0.9, 6).astype(np.float32), 0.0


@advantages.probe(weight=0.25)
def one_reward(rng):
    return rng.uniform(0.2, 0.9, 1).astype(np.float32), float(rng.uniform(0.6, 0.9))


@advantages.probe(weight=0.25)
def begins_with_nothing(rng):
    """A reward of 0 is a reward, and a baseline of 0 is a baseline."""
    rewards = rng.uniform(0.2, 0.9, 6).astype(np.float32)
    rewards[:2] = 0
    return rewards, float(rng.uniform(0.6, 0.9))


@advantages.probe(weight=0.5)
def the_table_of_the_statement_of_advantages(rng):
    return np.float32([0.5, 0.6, 0.4]), 0.8


@advantages.mistake(
    "The baseline is moved before it is subtracted, so the policy's "
    "own reward is in it. Subtract first."
)
def _(rewards, decay):
    baseline, result = rewards[0], []
    for reward in rewards:
        baseline = decay * baseline + (1 - decay) * reward
        result.append(reward - baseline)
    return np.array(result)


@advantages.mistake(
    "decay and 1 - decay are exchanged. `decay` weighs the old baseline."
)
def _(rewards, decay):
    baseline, result = rewards[0], []
    for reward in rewards:
        result.append(reward - baseline)
        baseline = (1 - decay) * baseline + decay * reward
    return np.array(result)


@advantages.mistake("The baseline starts at 0. It starts as the first reward.")
def _(rewards, decay):
    baseline, result = 0.0, []
    for reward in rewards:
        result.append(reward - baseline)
        baseline = decay * baseline + (1 - decay) * reward
    return np.array(result)


@advantages.mistake("These are the baselines. Subtract them from the rewards.")
def _(rewards, decay):
    baseline, result = rewards[0], []
    for reward in rewards:
        result.append(baseline)
        baseline = decay * baseline + (1 - decay) * reward
    return np.array(result)


@advantages.mistake("The sign is wrong: an advantage is the reward minus the baseline.")
def _(rewards, decay):
    baseline, result = rewards[0], []
    for reward in rewards:
        result.append(baseline - reward)
        baseline = decay * baseline + (1 - decay) * reward
    return np.array(result)


@advantages.mistake(
    "The mean of all rewards is subtracted, those to come included. Each "
    "reward meets an average of those before it."
)
def _(rewards, decay):
    return rewards - rewards.mean()


@advantages.mistake(
    "The baseline is the mean of all earlier rewards. It moves by decay."
)
def _(rewards, decay):
    moved, baseline = [], rewards[0]
    for t, reward in enumerate(rewards):
        moved.append(reward - baseline)
        baseline = rewards[: t + 1].mean()
    return np.array(moved)


@advantages.mistake(
    "The baseline is the reward before. It is a moving average of all of them."
)
def _(rewards, decay):
    return rewards - np.concatenate([rewards[:1], rewards[:-1]])


@advantages.mistake(
    "The baseline stays at the first reward. After each reward it moves."
)
def _(rewards, decay):
    return rewards - rewards[0]


@advantages.mistake("The baseline moves by the advantage in place of the reward.")
def _(rewards, decay):
    moved, baseline = [], rewards[0]
    for reward in rewards:
        moved.append(reward - baseline)
        baseline = decay * baseline + (1 - decay) * (reward - baseline)
    return np.array(moved)


@advantages.mistake(
    "The reward is added whole to the baseline. Its share is 1 - decay."
)
def _(rewards, decay):
    moved, baseline = [], rewards[0]
    for reward in rewards:
        moved.append(reward - baseline)
        baseline = decay * baseline + reward
    return np.array(moved)


@advantages.mistake(
    "The baseline is the largest reward so far. It is a moving average."
)
def _(rewards, decay):
    best = np.maximum.accumulate(rewards)
    return rewards - np.concatenate([rewards[:1], best[:-1]])


@advantages.mistake(
    "The first advantage is the first reward. The baseline starts as that reward, so it is 0."
)
def _(rewards, decay):
    moved, baseline = [], rewards[0]
    for reward in rewards:
        moved.append(reward - baseline)
        baseline = decay * baseline + (1 - decay) * reward
    return np.array([rewards[0], *moved[1:]])


@advantages.mistake("The sign of the advantages is lost.")
def _(rewards, decay):
    moved, baseline = [], rewards[0]
    for reward in rewards:
        moved.append(abs(reward - baseline))
        baseline = decay * baseline + (1 - decay) * reward
    return np.array(moved)


@advantages.mistake(
    "The first advantage is left out. There are as many as rewards; the first is 0."
)
def _(rewards, decay):
    moved, baseline = [], rewards[0]
    for reward in rewards:
        moved.append(reward - baseline)
        baseline = decay * baseline + (1 - decay) * reward
    return np.array(moved[1:])


@advantages.mistake("The decay is always 0.9. It is an argument.")
def _(rewards, decay):
    moved, baseline = [], rewards[0]
    for reward in rewards:
        moved.append(reward - baseline)
        baseline = 0.9 * baseline + 0.1 * reward
    return np.array(moved)


@advantages.mistake(
    "A baseline of 0 is taken for none, and begins anew with the next reward. It is a number like "
    "others: ask `is None`."
)
def _(rewards, decay):
    baseline, result = None, []
    for reward in rewards.tolist():
        baseline = baseline or reward
        result.append(reward - baseline)
        baseline = decay * baseline + (1 - decay) * reward
    return np.array(result)


@advantages.alternative(framework="torch")
def _(rewards, decay):
    import torch

    baseline, result = rewards[0], []
    for reward in rewards:
        result.append(reward - baseline)
        baseline = baseline + (1 - decay) * result[-1]
    return torch.stack(result)


@advantages.alternative(framework="mxnet")
def _(rewards, decay):
    from dlkit.mx import nd

    baseline, result = None, []
    for reward in rewards.asnumpy():
        baseline = reward if baseline is None else baseline
        result.append(reward - baseline)
        baseline += (1 - decay) * result[-1]
    return nd.array(result)


@advantages.alternative(framework="mxnet")
def _(rewards, decay):
    from dlkit.mx import nd

    baseline, result = rewards[0], []
    for reward in rewards:
        result.append(reward - baseline)
        baseline = decay * baseline + (1 - decay) * reward
    return nd.concat(*result, dim=0)


@advantages.alternative()
def _(rewards, decay):
    result = np.zeros(len(rewards))
    for t in range(1, len(rewards)):
        weights = (1 - decay) * decay ** np.arange(t - 1, -1, -1)  # of rewards[:t]
        weights[0] = decay ** (t - 1)
        result[t] = rewards[t] - weights @ rewards[:t]
    return result


advantages.equivalent(
    "dim=0) -> dim=-1)", why="Arrays of the shape (1,) have one axis."
)


# 5. A policy applied to a batch -------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "A loop over the steps of the policy; within a step no loop over images is needed. "
        "Column k of `gates` and of `amounts` belongs to step k.",
        "How strongly: `amounts[:, k] * magnitude * largest`, (N,), reshaped to (N, 1, 1, 1). "
        "Compute the changed batch, then choose image by image with `where`.",
        "Clip after each step and use the result in the next one: order "
        "matters, because what has been clipped is lost.",
    ],
    explanation="""
        Every image has its own decision and its own amount. One decision for the batch would give
        each step of training one kind of image; the policy would be the same on average, and the
        batches far less varied. Magnitudes are given as fractions so that all operations share one
        scale for the controller to choose from.
    """,
)
def apply_policy(images, policy, gates, amounts):
    """Apply a policy to a batch, with the draws given.

    images: (N, C, H, W) float32 in [0, 1]; policy: a list of (operation, probability, magnitude),
    applied in this order
    gates: (N, len(policy)) in [0, 1); step k changes image i where gates[i, k] < probability, and
    leaves it as it is elsewhere
    amounts: (N, len(policy)) in [-1, 1); step k uses v = amounts[i, k] * magnitude * largest; the
    largest is 0.5 for "brightness" and 0.8 for "contrast" "brightness" gives image + v, "contrast"
    gives 0.5 + (1 + v) * (image - 0.5); each is clipped to [0, 1] at once. Returns (N, C, H, W).
    """
    largest = {"brightness": 0.5, "contrast": 0.8}
    for k, (operation, probability, magnitude) in enumerate(policy):
        v = (amounts[:, k] * magnitude * largest[operation])[:, None, None, None]
        changed = (
            images + v if operation == "brightness" else 0.5 + (1 + v) * (images - 0.5)
        )
        picked = (gates[:, k] < probability)[:, None, None, None]
        images = np.where(picked, changed.clip(0, 1), images)
    return images


def _batch(rng, policy):
    """Eight images; the gates of a step are all eighths below 1, one of which is its probability.
    The first image is left alone by the first step; the second is changed by all, from beyond the
    range back into it.
    """
    n = 8
    images = rng.random((n, int(rng.integers(1, 4)), 3, 5), dtype=np.float32)
    gates = np.stack(
        [np.insert(rng.permutation(np.arange(1, n)), 1, 0) / n for _ in policy], axis=1
    ).astype(np.float32)
    gates[:, 0] = np.append([n - 1, 0], rng.permutation(np.arange(1, n - 1))) / n
    signs = rng.choice([-1.0, 1.0], (n, len(policy)))
    amounts = (signs * rng.uniform(0.5, 1, (n, len(policy)))).astype(np.float32)
    amounts[1] = [0.9, -0.9][: len(policy)]
    return images, policy, gates, amounts


@apply_policy.probe(weight=1, repeat=2)
def brightness_alone(rng):
    return _batch(
        rng,
        [
            (
                "brightness",
                float(rng.choice([0.375, 0.625])),
                float(rng.uniform(0.6, 0.9)),
            )
        ],
    )


@apply_policy.probe(weight=1, repeat=2)
def contrast_alone(rng):
    return _batch(
        rng,
        [("contrast", float(rng.choice([0.375, 0.625])), float(rng.uniform(0.6, 0.9)))],
    )


@apply_policy.probe(weight=1)
def brightness_before_contrast(rng):
    return _batch(
        rng,
        [
            ("brightness", 0.625, float(rng.uniform(0.8, 1))),
            ("contrast", 0.75, float(rng.uniform(0.8, 1))),
        ],
    )


@apply_policy.probe(weight=1)
def contrast_before_brightness(rng):
    return _batch(
        rng,
        [
            ("contrast", 0.625, float(rng.uniform(0.8, 1))),
            ("brightness", 0.75, float(rng.uniform(0.8, 1))),
        ],
    )


@apply_policy.probe(weight=0.5)
def the_example_of_the_statement_of_a_policy(rng):
    gates, amounts = (
        np.float32([[0.2, 0.4], [0.2, 0.7]]),
        np.float32([[0.6, -1], [0.6, -1]]),
    )
    images = np.full((2, 1, 1, 1), 0.9, np.float32)
    return images, [("brightness", 0.5, 1.0), ("contrast", 0.5, 0.5)], gates, amounts


@apply_policy.probe(weight=0.5)
def an_operation_twice(rng):
    """Three steps: never, always, and one that was there before; one without any strength."""
    n = 5
    policy = [
        ("brightness", 0.0, 0.9),
        ("contrast", 1.0, 0.8),
        ("brightness", 0.625, 0.7),
    ]
    policy.append(("contrast", 1.0, 0.0))
    gates = (rng.permuted(np.tile(np.arange(n), (4, 1)), axis=1).T / 8).astype(
        np.float32
    )
    amounts = rng.uniform(-1, 1, (n, 4)).astype(np.float32)
    return rng.random((n, 2, 3, 4), dtype=np.float32), policy, gates, amounts


@apply_policy.mistake(
    "One decision is made for the whole batch. Each image has its own gate."
)
def _(images, policy, gates, amounts):
    for k, (operation, probability, magnitude) in enumerate(policy):
        v = (
            amounts[:, k] * magnitude * {"brightness": 0.5, "contrast": 0.8}[operation]
        )[:, None, None, None]
        changed = (
            images + v if operation == "brightness" else 0.5 + (1 + v) * (images - 0.5)
        )
        images = np.where(gates[0, k] < probability, changed.clip(0, 1), images)
    return images


@apply_policy.mistake("One amount is used for the whole batch. Each image has its own.")
def _(images, policy, gates, amounts):
    for k, (operation, probability, magnitude) in enumerate(policy):
        v = np.full(
            len(images),
            amounts[0, k] * magnitude * {"brightness": 0.5, "contrast": 0.8}[operation],
        )[:, None, None, None]
        changed = (
            images + v if operation == "brightness" else 0.5 + (1 + v) * (images - 0.5)
        )
        images = np.where(
            (gates[:, k] < probability)[:, None, None, None], changed.clip(0, 1), images
        )
    return images


@apply_policy.mistake(
    "The steps are applied in the reverse order. Brightness before "
    "contrast is not contrast before brightness."
)
def _(images, policy, gates, amounts):
    for k, (operation, probability, magnitude) in reversed(list(enumerate(policy))):
        v = (
            amounts[:, k] * magnitude * {"brightness": 0.5, "contrast": 0.8}[operation]
        )[:, None, None, None]
        changed = (
            images + v if operation == "brightness" else 0.5 + (1 + v) * (images - 0.5)
        )
        images = np.where(
            (gates[:, k] < probability)[:, None, None, None], changed.clip(0, 1), images
        )
    return images


@apply_policy.mistake(
    "The magnitude is used as it is. It is a fraction of the largest value that the operation has."
)
def _(images, policy, gates, amounts):
    for k, (operation, probability, magnitude) in enumerate(policy):
        v = (amounts[:, k] * magnitude)[:, None, None, None]
        changed = (
            images + v if operation == "brightness" else 0.5 + (1 + v) * (images - 0.5)
        )
        images = np.where(
            (gates[:, k] < probability)[:, None, None, None], changed.clip(0, 1), images
        )
    return images


@apply_policy.mistake(
    "The gates are read the wrong way round: a step changes an image "
    "where its gate is below the probability."
)
def _(images, policy, gates, amounts):
    for k, (operation, probability, magnitude) in enumerate(policy):
        v = (
            amounts[:, k] * magnitude * {"brightness": 0.5, "contrast": 0.8}[operation]
        )[:, None, None, None]
        changed = (
            images + v if operation == "brightness" else 0.5 + (1 + v) * (images - 0.5)
        )
        images = np.where(
            (gates[:, k] >= probability)[:, None, None, None],
            changed.clip(0, 1),
            images,
        )
    return images


@apply_policy.mistake(
    "Values are clipped to [0, 1] at the end only, or never. Clip after each step."
)
def _(images, policy, gates, amounts):
    for k, (operation, probability, magnitude) in enumerate(policy):
        v = (
            amounts[:, k] * magnitude * {"brightness": 0.5, "contrast": 0.8}[operation]
        )[:, None, None, None]
        changed = (
            images + v if operation == "brightness" else 0.5 + (1 + v) * (images - 0.5)
        )
        images = np.where(
            (gates[:, k] < probability)[:, None, None, None], changed, images
        )
    return images.clip(0, 1)


@apply_policy.mistake(
    "A step changes an image where its gate is below the probability, and "
    "leaves it alone where the two are equal."
)
def _(images, policy, gates, amounts):
    for k, (operation, probability, magnitude) in enumerate(policy):
        v = (
            amounts[:, k] * magnitude * {"brightness": 0.5, "contrast": 0.8}[operation]
        )[:, None, None, None]
        changed = (
            images + v if operation == "brightness" else 0.5 + (1 + v) * (images - 0.5)
        )
        images = np.where(
            (gates[:, k] <= probability)[:, None, None, None],
            changed.clip(0, 1),
            images,
        )
    return images


@apply_policy.mistake(
    "Contrast is changed about the mean of each image. The centre is 0.5 for all of them."
)
def _(images, policy, gates, amounts):
    for k, (operation, probability, magnitude) in enumerate(policy):
        v = (
            amounts[:, k] * magnitude * {"brightness": 0.5, "contrast": 0.8}[operation]
        )[:, None, None, None]
        middle = images.mean(axis=(1, 2, 3), keepdims=True)
        changed = (
            images + v
            if operation == "brightness"
            else middle + (1 + v) * (images - middle)
        )
        images = np.where(
            (gates[:, k] < probability)[:, None, None, None], changed.clip(0, 1), images
        )
    return images


@apply_policy.mistake(
    "Contrast multiplies by v. The factor is 1 + v: with v = 0 the image stays as it is."
)
def _(images, policy, gates, amounts):
    for k, (operation, probability, magnitude) in enumerate(policy):
        v = (
            amounts[:, k] * magnitude * {"brightness": 0.5, "contrast": 0.8}[operation]
        )[:, None, None, None]
        changed = images + v if operation == "brightness" else 0.5 + v * (images - 0.5)
        images = np.where(
            (gates[:, k] < probability)[:, None, None, None], changed.clip(0, 1), images
        )
    return images


@apply_policy.mistake("Every step changes every image: the probabilities are not used.")
def _(images, policy, gates, amounts):
    for k, (operation, _, magnitude) in enumerate(policy):
        v = (
            amounts[:, k] * magnitude * {"brightness": 0.5, "contrast": 0.8}[operation]
        )[:, None, None, None]
        changed = (
            images + v if operation == "brightness" else 0.5 + (1 + v) * (images - 0.5)
        )
        images = changed.clip(0, 1)
    return images


@apply_policy.mistake(
    "The magnitude is not used: v = amount times magnitude times largest."
)
def _(images, policy, gates, amounts):
    largest = {"brightness": 0.5, "contrast": 0.8}
    for k, (operation, probability, _magnitude) in enumerate(policy):
        v = (amounts[:, k] * largest[operation])[:, None, None, None]
        changed = (
            images + v if operation == "brightness" else 0.5 + (1 + v) * (images - 0.5)
        )
        picked = (gates[:, k] < probability)[:, None, None, None]
        images = np.where(picked, changed.clip(0, 1), images)
    return images


@apply_policy.mistake(
    "The two largest values are exchanged: 0.5 is that of brightness, 0.8 that of contrast."
)
def _(images, policy, gates, amounts):
    largest = {"brightness": 0.8, "contrast": 0.5}
    for k, (operation, probability, magnitude) in enumerate(policy):
        v = (amounts[:, k] * magnitude * largest[operation])[:, None, None, None]
        changed = (
            images + v if operation == "brightness" else 0.5 + (1 + v) * (images - 0.5)
        )
        picked = (gates[:, k] < probability)[:, None, None, None]
        images = np.where(picked, changed.clip(0, 1), images)
    return images


@apply_policy.mistake(
    "Contrast has the largest value of brightness, 0.5. Its own is 0.8."
)
def _(images, policy, gates, amounts):
    for k, (operation, probability, magnitude) in enumerate(policy):
        v = (amounts[:, k] * magnitude * 0.5)[:, None, None, None]
        changed = (
            images + v if operation == "brightness" else 0.5 + (1 + v) * (images - 0.5)
        )
        picked = (gates[:, k] < probability)[:, None, None, None]
        images = np.where(picked, changed.clip(0, 1), images)
    return images


@apply_policy.mistake(
    "Contrast multiplies the image itself. It multiplies the distance from 0.5."
)
def _(images, policy, gates, amounts):
    largest = {"brightness": 0.5, "contrast": 0.8}
    for k, (operation, probability, magnitude) in enumerate(policy):
        v = (amounts[:, k] * magnitude * largest[operation])[:, None, None, None]
        changed = images + v if operation == "brightness" else (1 + v) * images
        picked = (gates[:, k] < probability)[:, None, None, None]
        images = np.where(picked, changed.clip(0, 1), images)
    return images


@apply_policy.mistake("Brightness multiplies. It adds v.")
def _(images, policy, gates, amounts):
    largest = {"brightness": 0.5, "contrast": 0.8}
    for k, (operation, probability, magnitude) in enumerate(policy):
        v = (amounts[:, k] * magnitude * largest[operation])[:, None, None, None]
        changed = (
            images * (1 + v)
            if operation == "brightness"
            else 0.5 + (1 + v) * (images - 0.5)
        )
        picked = (gates[:, k] < probability)[:, None, None, None]
        images = np.where(picked, changed.clip(0, 1), images)
    return images


@apply_policy.mistake(
    "Each step begins with the images as they were given. It goes on with what the step "
    "before gave."
)
def _(images, policy, gates, amounts):
    largest, first = {"brightness": 0.5, "contrast": 0.8}, images
    for k, (operation, probability, magnitude) in enumerate(policy):
        v = (amounts[:, k] * magnitude * largest[operation])[:, None, None, None]
        changed = (
            first + v if operation == "brightness" else 0.5 + (1 + v) * (first - 0.5)
        )
        picked = (gates[:, k] < probability)[:, None, None, None]
        images = np.where(picked, changed.clip(0, 1), images)
    return images


@apply_policy.mistake("Only the first step is applied. Apply all of them.")
def _(images, policy, gates, amounts):
    largest = {"brightness": 0.5, "contrast": 0.8}
    for k, (operation, probability, magnitude) in enumerate(policy[:1]):
        v = (amounts[:, k] * magnitude * largest[operation])[:, None, None, None]
        changed = (
            images + v if operation == "brightness" else 0.5 + (1 + v) * (images - 0.5)
        )
        picked = (gates[:, k] < probability)[:, None, None, None]
        images = np.where(picked, changed.clip(0, 1), images)
    return images


@apply_policy.mistake("All steps use the gates of the first. Step k has column k.")
def _(images, policy, gates, amounts):
    largest = {"brightness": 0.5, "contrast": 0.8}
    for k, (operation, probability, magnitude) in enumerate(policy):
        v = (amounts[:, k] * magnitude * largest[operation])[:, None, None, None]
        changed = (
            images + v if operation == "brightness" else 0.5 + (1 + v) * (images - 0.5)
        )
        picked = (gates[:, 0] < probability)[:, None, None, None]
        images = np.where(picked, changed.clip(0, 1), images)
    return images


@apply_policy.mistake("All steps use the amounts of the first. Step k has column k.")
def _(images, policy, gates, amounts):
    largest = {"brightness": 0.5, "contrast": 0.8}
    for k, (operation, probability, magnitude) in enumerate(policy):
        v = (amounts[:, 0] * magnitude * largest[operation])[:, None, None, None]
        changed = (
            images + v if operation == "brightness" else 0.5 + (1 + v) * (images - 0.5)
        )
        picked = (gates[:, k] < probability)[:, None, None, None]
        images = np.where(picked, changed.clip(0, 1), images)
    return images


@apply_policy.mistake(
    "The sign of the amounts is lost: negative ones darken, or flatten."
)
def _(images, policy, gates, amounts):
    largest = {"brightness": 0.5, "contrast": 0.8}
    for k, (operation, probability, magnitude) in enumerate(policy):
        v = (np.abs(amounts[:, k]) * magnitude * largest[operation])[
            :, None, None, None
        ]
        changed = (
            images + v if operation == "brightness" else 0.5 + (1 + v) * (images - 0.5)
        )
        picked = (gates[:, k] < probability)[:, None, None, None]
        images = np.where(picked, changed.clip(0, 1), images)
    return images


@apply_policy.mistake("Nothing is clipped. Clip to [0, 1] after each step.")
def _(images, policy, gates, amounts):
    largest = {"brightness": 0.5, "contrast": 0.8}
    for k, (operation, probability, magnitude) in enumerate(policy):
        v = (amounts[:, k] * magnitude * largest[operation])[:, None, None, None]
        changed = (
            images + v if operation == "brightness" else 0.5 + (1 + v) * (images - 0.5)
        )
        picked = (gates[:, k] < probability)[:, None, None, None]
        images = np.where(picked, changed, images)
    return images


@apply_policy.mistake(
    "Only brightness does something. Contrast gives 0.5 + (1 + v) (image - 0.5)."
)
def _(images, policy, gates, amounts):
    for k, (operation, probability, magnitude) in enumerate(policy):
        v = (amounts[:, k] * magnitude * 0.5)[:, None, None, None]
        changed = images + v if operation == "brightness" else images
        picked = (gates[:, k] < probability)[:, None, None, None]
        images = np.where(picked, changed.clip(0, 1), images)
    return images


@apply_policy.alternative(framework="torch")
def _(images, policy, gates, amounts):
    import torch

    for (operation, probability, magnitude), gate, amount in zip(
        policy, gates.T, amounts.T, strict=True
    ):
        v = (amount * magnitude)[:, None, None, None]
        changed = (
            images + v / 2
            if operation == "brightness"
            else torch.lerp(torch.full_like(images, 0.5), images, 1 + 0.8 * v)
        )
        images = torch.where(
            (gate < probability)[:, None, None, None], changed.clamp(0, 1), images
        )
    return images


@apply_policy.alternative(framework="mxnet")
def _(images, policy, gates, amounts):
    for k, (operation, probability, magnitude) in enumerate(policy):
        picked = (gates[:, k] < probability)[:, None, None, None]
        v = (amounts[:, k] * magnitude)[:, None, None, None]
        changed = (
            images + 0.5 * v
            if operation == "brightness"
            else 0.5 + (1 + 0.8 * v) * (images - 0.5)
        )
        images = picked * changed.clip(0, 1) + (1 - picked) * images
    return images


@apply_policy.alternative()
def _(images, policy, gates, amounts):
    result = []
    for image, image_gates, image_amounts in zip(images, gates, amounts, strict=True):
        for (operation, probability, magnitude), gate, amount in zip(
            policy, image_gates, image_amounts, strict=True
        ):
            if gate < probability:
                v = magnitude * amount
                image = (
                    image + 0.5 * v
                    if operation == "brightness"
                    else (image - 0.5) * (1 + 0.8 * v) + 0.5
                ).clip(0, 1)
        result.append(image)
    return np.stack(result)


# 6. Policies drawn at random ----------------------------------------------------------------------


@question(
    points=2,
    driver="sampled",
    calls=200,
    each="policy",
    hints=[
        "Softmax of each row first. Then one draw for each policy and each decision: "
        "`rng.choice(K, size=num_policies, p=...)` for every decision gives a column.",
        "Without a loop: `rng.random((num_policies, D, 1))` against the cumulated "
        "probabilities, (D, K): the choice is the number of sums that the draw exceeds.",
        "`rng` is a NumPy generator. In PyTorch take `logits.softmax(1).numpy()`, in Gluon "
        "`nd.softmax(logits).asnumpy()`; a NumPy array may be returned.",
    ],
    explanation="""
        Every choice needs a number of its own. One number for all decisions of a policy makes them
        hang together, and the gradient of the log-probability, which takes them to be independent,
        no longer belongs to what is drawn.
    """,
)
def sample_policies(logits, num_policies, rng):
    """Draw policies: every decision of every policy independently, from the softmax of the
    decision's row of logits.

    logits: (D, K) float32; num_policies: a whole number; rng: a np.random.Generator, from which
    everything is drawn.
    Returns (num_policies, D) whole numbers from 0 to K - 1.
    """
    exps = np.exp(logits)
    p = exps / exps.sum(axis=1, keepdims=True)
    return np.stack([rng.choice(len(row), num_policies, p=row) for row in p], axis=1)


@sample_policies.recover
def _(result, logits, num_policies):
    choices = np.asarray(result)
    if choices.shape != (num_policies, len(logits)):
        raise NotADraw(
            f"One call gives an array of shape {choices.shape}; it should "
            f"be {(num_policies, len(logits))}."
        )
    if choices.min() < 0 or choices.max() >= logits.shape[1]:
        raise NotADraw(
            f"Choices lie between {choices.min()} and {choices.max()}; options are numbered from "
            f"0 to {logits.shape[1] - 1}."
        )
    return {f"choice {d + 1}": choices[:, d] for d in range(len(logits))}


@sample_policies.probe()
def a_controller(rng):
    heights = np.array([-1.2, 0.3, 1.0, -0.4])
    return np.stack([rng.permutation(heights) + 1 + 2 * d for d in range(3)]).astype(
        np.float32
    ), 120


@sample_policies.probe(weight=0.5)
def options_that_are_rare(rng):
    """Each decision has one of about 1 % and one of about 3 %."""
    heights = np.array([-1.7, -0.6, 1.0, 2.6])
    rows = [rng.permutation(heights) - 1 + 2 * d for d in range(2)]
    return np.stack(rows).astype(np.float32), 160


def _repeats(inputs, output):
    """Whether all calls gave the same, though each had another `rng`."""
    first, *others = map(np.asarray, output["draws"])
    return all(np.array_equal(first, other) for other in others)


@sample_policies.mistake("One policy is drawn, and repeated. Draw each of them anew.")
def _(logits, num_policies, rng):
    p = np.exp(logits.astype(float))
    numbers = rng.random((1, len(logits), 1)) * p.sum(axis=1, keepdims=True)
    return np.repeat((numbers < p.cumsum(axis=1)).argmax(axis=2), num_policies, axis=0)


@sample_policies.mistake(
    "All decisions of a policy share one random number, so they hang "
    "together. Draw one for each decision."
)
def _(logits, num_policies, rng):
    p = np.exp(logits.astype(float))
    numbers = rng.random((num_policies, 1, 1))
    return (numbers * p.sum(axis=1, keepdims=True) < p.cumsum(axis=1)).argmax(axis=2)


@sample_policies.mistake(
    "Always the likeliest option is taken. Draw from the "
    "probabilities, or nothing else will ever be tried."
)
def _(logits, num_policies, rng):
    return np.tile(logits.argmax(axis=1), (num_policies, 1))


@sample_policies.mistake("All options are equally likely: the logits are not used.")
def _(logits, num_policies, rng):
    return rng.integers(logits.shape[1], size=(num_policies, len(logits)))


@sample_policies.mistake(
    "The probabilities are in proportion to 2 ** logit. Softmax takes the exponential, exp(logit)."
)
def _(logits, num_policies, rng):
    p = 2.0 ** logits.astype(float)
    numbers = rng.random((num_policies, len(logits), 1))
    return (numbers * p.sum(axis=1, keepdims=True) < p.cumsum(axis=1)).argmax(axis=2)


@sample_policies.mistake(
    "The noise that is added to the logits is normal: its largest does not follow the softmax. "
    "Add Gumbel noise, `rng.gumbel`, or draw from the softmax.",
)
def _(logits, num_policies, rng):
    noise = rng.normal(0, np.pi / 6**0.5, (num_policies, *logits.shape))
    return (logits + noise).argmax(axis=2)


@sample_policies.mistake(
    "The probabilities are in proportion to something other than "
    "exp(logit). Take the softmax of each row."
)
def _(logits, num_policies, rng):
    positive = logits.astype(float) - logits.min(axis=1, keepdims=True)
    numbers = rng.random((num_policies, len(logits), 1))
    return (
        numbers * positive.sum(axis=1, keepdims=True) < positive.cumsum(axis=1)
    ).argmax(axis=2)


@sample_policies.mistake(
    "The draws come from a generator other than `rng`. Draw from "
    "`rng`: otherwise nothing can be repeated."
)
def _(logits, num_policies, rng):
    p = np.exp(logits.astype(float))
    numbers = np.random.random((num_policies, len(logits), 1))
    return (numbers * p.sum(axis=1, keepdims=True) < p.cumsum(axis=1)).argmax(axis=2)


@sample_policies.mistake(
    "Each call makes a generator of its own with a fixed seed, and "
    "draws the same again. Draw from `rng`.",
    recognise=_repeats,
)
def _(logits, num_policies, rng):
    p = np.exp(logits.astype(float))
    numbers = np.random.default_rng(0).random((num_policies, len(logits), 1))
    return (numbers * p.sum(axis=1, keepdims=True) < p.cumsum(axis=1)).argmax(axis=2)


@sample_policies.mistake(
    "Options that are rare are never drawn. Every option has its share, however small."
)
def _(logits, num_policies, rng):
    p = np.exp(logits.astype(float))
    p /= p.sum(axis=1, keepdims=True)
    p = np.where(p < 0.02, 0, p)
    numbers = rng.random((num_policies, len(logits), 1))
    return (numbers * p.sum(axis=1, keepdims=True) < p.cumsum(axis=1)).argmax(axis=2)


@sample_policies.alternative(framework="torch")
def _(logits, num_policies, rng):
    import torch

    # the largest of logits plus Gumbel noise is a draw from their softmax
    gumbel = torch.from_numpy(rng.gumbel(size=(num_policies, *logits.shape)))
    return (logits + gumbel).argmax(dim=2)


@sample_policies.alternative(framework="mxnet")
def _(logits, num_policies, rng):
    from dlkit.mx import nd

    return np.array(
        [
            [rng.choice(len(row), p=row) for row in nd.softmax(logits).asnumpy()]
            for _ in range(num_policies)
        ]
    )


@sample_policies.alternative(framework="mxnet")
def _(logits, num_policies, rng):
    from dlkit.mx import nd

    gumbel = nd.array(rng.gumbel(size=(num_policies, *logits.shape)))
    return (logits + gumbel).argmax(axis=2)  # Gluon's argmax gives floats


@sample_policies.alternative()
def _(logits, num_policies, rng):
    exps = np.exp(logits)
    numbers = rng.random((num_policies, len(exps), 1))
    return (numbers * exps.sum(axis=1, keepdims=True) < exps.cumsum(axis=1)).argmax(
        axis=2
    )


sample_policies.equivalent(
    "keepdims=True) < exps -> keepdims=True) <= exps",
    why="That the two are equal has the probability 0.",
)


# 7. An operation applied at random ----------------------------------------------------------------


@question(
    points=2,
    driver="sampled",
    calls=200,
    hints=[
        "Two draws an image: whether (`rng.random(N) < probability`) and "
        "how much (`rng.uniform(low, high, N)`).",
        "Where an image is left alone its amount is 0: multiply, or use `where`. Give the "
        "amounts the shape (N, 1, 1, 1) before adding.",
        "In PyTorch bring the draws over by `torch.from_numpy(...)`, in Gluon by `nd.array(...)`.",
    ],
    explanation="""
        Whether and how much are two decisions, and each image has its own two. Clipping cuts what
        lies outside [0, 1]; rescaling the image to fit would change all of its pixels.
    """,
)
def brighten_randomly(images, probability, low, high, rng):
    """With the given probability, image by image, add one amount to all pixels of an image, uniform
    in [low, high], and clip to [0, 1].

    images: (N, C, H, W) float32 in [0, 1], not to be changed; rng: a np.random.Generator, from
    which everything is drawn. Returns (N, C, H, W) floats.
    """
    amounts = rng.uniform(low, high, len(images)) * (
        rng.random(len(images)) < probability
    )
    return (images + amounts[:, None, None, None]).clip(0, 1)


@brighten_randomly.recover
def _(result, images, probability, low, high):
    result = np.asarray(result, float)
    if result.shape != images.shape:
        raise NotADraw(
            f"One call gives an array of shape {result.shape}; it should be {images.shape}."
        )
    inside = ((result > 1e-5) & (result < 1 - 1e-5)).reshape(len(images), -1)
    # a pixel of each image that was not clipped
    every, free = (
        np.arange(len(images)),
        inside.argmax(axis=1),
    )
    amounts = np.where(
        inside[every, free], (result - images).reshape(inside.shape)[every, free], 9.0
    )
    # of NaN neither is true
    if (
        not np.abs(np.clip(images + amounts.reshape(-1, 1, 1, 1), 0, 1) - result).max()
        <= 1e-4
    ):
        raise NotADraw(
            "No single amount, added to all pixels of an image and "
            "clipped to [0, 1], gives this result."
        )
    # Nothing smaller can be told from the noise of float32.
    amounts[np.abs(amounts) < 1e-5] = 0
    return {
        "whether an image is changed": (amounts != 0).astype(float),
        "the amount": amounts,
    }


@brighten_randomly.probe()
def most_images_are_changed(rng):
    return (
        _all_brightnesses(rng),
        float(rng.uniform(0.6, 0.75)),
        float(rng.uniform(-0.2, -0.1)),
        float(rng.uniform(0.3, 0.4)),
    )


@brighten_randomly.probe()
def few_images_are_changed(rng):
    return (
        _all_brightnesses(rng),
        float(rng.uniform(0.2, 0.35)),
        float(rng.uniform(-0.4, -0.3)),
        float(rng.uniform(0.1, 0.2)),
    )


def _amounts(inputs, output):
    return [
        brighten_randomly.recovery(result, *inputs.args[1:])["the amount"]
        for result in output["draws"]
    ]


def _decides_once(inputs, output):
    shares = np.array([np.mean(amounts != 0) for amounts in _amounts(inputs, output)])
    return (
        np.abs(shares - 0.5) > 0.45
    ).all() and 0.05 < shares.mean() < 0.95  # an amount may by chance be nearly 0


def _draws_one_amount(inputs, output):
    return all(
        np.ptp(amounts[amounts != 0]) < 1e-4
        for amounts in _amounts(inputs, output)
        if amounts.any()
    )


@brighten_randomly.mistake(
    "One decision is made for the whole batch. Draw one for each image.",
    recognise=_decides_once,
)
def _(images, probability, low, high, rng):
    n = len(images)
    amounts = np.where(rng.random() < probability, rng.uniform(low, high, n), 0)
    return np.clip(images + amounts.reshape(-1, 1, 1, 1), 0, 1)


@brighten_randomly.mistake(
    "All images that are changed get the same amount. Draw one for each image.",
    recognise=_draws_one_amount,
)
def _(images, probability, low, high, rng):
    n = len(images)
    amounts = np.where(
        rng.random(n) < probability, np.full(n, rng.uniform(low, high)), 0
    )
    return np.clip(images + amounts.reshape(-1, 1, 1, 1), 0, 1)


@brighten_randomly.mistake(
    "The amount is never negative: the lower end, `low`, is not used."
)
def _(images, probability, low, high, rng):
    n = len(images)
    amounts = np.where(rng.random(n) < probability, rng.uniform(0, high, n), 0)
    return np.clip(images + amounts.reshape(-1, 1, 1, 1), 0, 1)


@brighten_randomly.mistake(
    "Images are changed with the probability 1 - p: a number below `probability` means yes."
)
def _(images, probability, low, high, rng):
    n = len(images)
    amounts = np.where(rng.random(n) > probability, rng.uniform(low, high, n), 0)
    return np.clip(images + amounts.reshape(-1, 1, 1, 1), 0, 1)


@brighten_randomly.mistake("Every image is changed: the probability is not used.")
def _(images, probability, low, high, rng):
    n = len(images)
    amounts = rng.uniform(low, high, n)
    return np.clip(images + amounts.reshape(-1, 1, 1, 1), 0, 1)


@brighten_randomly.mistake("The result is not clipped to [0, 1].")
def _(images, probability, low, high, rng):
    n = len(images)
    return images + np.where(
        rng.random(n) < probability, rng.uniform(low, high, n), 0
    ).reshape(-1, 1, 1, 1)


@brighten_randomly.mistake(
    "Only `low` and `high` themselves are added, never anything between "
    "them. The amount is uniform in [low, high]."
)
def _(images, probability, low, high, rng):
    n = len(images)
    amounts = np.where(rng.random(n) < probability, rng.choice([low, high], n), 0)
    return np.clip(images + amounts.reshape(-1, 1, 1, 1), 0, 1)


@brighten_randomly.mistake(
    "The draws come from a generator other than `rng`. Draw from "
    "`rng`: otherwise nothing can be repeated."
)
def _(images, probability, low, high, rng):
    n = len(images)
    amounts = np.where(
        np.random.random(n) < probability, np.random.uniform(low, high, n), 0
    )
    return np.clip(images + amounts.reshape(-1, 1, 1, 1), 0, 1)


@brighten_randomly.mistake(
    "Each call makes a generator of its own with a fixed seed, and "
    "draws the same again. Draw from `rng`.",
    recognise=_repeats,
)
def _(images, probability, low, high, rng):
    own, n = np.random.default_rng(0), len(images)
    amounts = np.where(own.random(n) < probability, own.uniform(low, high, n), 0)
    return np.clip(images + amounts.reshape(-1, 1, 1, 1), 0, 1)


@brighten_randomly.mistake(
    "One number decides both whether and how much, so the two hang together. Draw two."
)
def _(images, probability, low, high, rng):
    numbers = rng.random(len(images))
    amounts = np.where(numbers < probability, low + (high - low) * numbers, 0)
    return np.clip(images + amounts.reshape(-1, 1, 1, 1), 0, 1)


@brighten_randomly.mistake(
    "Every pixel has an amount of its own. Draw one for each image."
)
def _(images, probability, low, high, rng):
    chosen = rng.random((len(images), 1, 1, 1)) < probability
    return np.clip(images + chosen * rng.uniform(low, high, images.shape), 0, 1)


@brighten_randomly.mistake(
    "The amounts are normally distributed. Draw them uniformly between `low` and `high`, by "
    "`rng.uniform`."
)
def _(images, probability, low, high, rng):
    is_changed = rng.random(len(images)) < probability
    middle, spread = (low + high) / 2, (high - low) / 12**0.5
    amounts = is_changed * rng.normal(middle, spread, len(images))
    return (images + amounts[:, None, None, None]).clip(0, 1)


@brighten_randomly.mistake(
    "In every batch the same number of images is changed. Decide for each image independently of "
    "the others, with `rng.random(N) < probability`."
)
def _(images, probability, low, high, rng):
    N = len(images)
    is_changed = np.zeros(N)
    is_changed[rng.permutation(N)[: round(probability * N)]] = 1
    amounts = is_changed * rng.uniform(low, high, N)
    return (images + amounts[:, None, None, None]).clip(0, 1)


@brighten_randomly.alternative(framework="torch")
def _(images, probability, low, high, rng):
    import torch

    chosen = torch.from_numpy(rng.random(len(images)) < probability)
    amounts = torch.from_numpy(rng.uniform(low, high, len(images)))
    return torch.where(
        chosen[:, None, None, None],
        (images + amounts[:, None, None, None]).clamp(0, 1),
        images,
    )


@brighten_randomly.alternative(framework="mxnet")
def _(images, probability, low, high, rng):
    from dlkit.mx import nd

    amounts = nd.array(
        rng.binomial(1, probability, len(images)) * rng.uniform(low, high, len(images))
    )
    return (images + amounts[:, None, None, None]).clip(0, 1)


@brighten_randomly.alternative()
def _(images, probability, low, high, rng):
    result = images.copy()
    for image in result:
        if rng.random() < probability:
            image += low + (high - low) * rng.random()
    return result.clip(0, 1)


brighten_randomly.equivalent(
    "len(images)) < probability -> len(images)) <= probability",
    why="That the two are equal has the probability 0.",
)
brighten_randomly.equivalent(
    "rng.random() < probability -> rng.random() <= probability",
    why="That the two are equal has the probability 0.",
)


# 8. A policy from noisy rewards -------------------------------------------------------------------

SETTINGS = 30
NEEDED = 0.95


@question(
    points=2,
    hints=[
        "The largest of 2,700 noisy rewards is large because its noise was. Take the mean of "
        "the three rewards of each policy first.",
        "A mean of three is still noisy, and there are 900 of them. But each first setting was "
        "tried with 30 partners, three times: the mean of 90 rewards is hardly noisy at all.",
        "Here a policy gives what its first setting gives plus what its second gives. Find the "
        "best first setting and the best second one, each by its mean.",
    ],
    explanation="""
        Choosing the best of many noisy numbers selects for noise. Repeating helps; so does a model
        that pools what belongs together, here one number for each setting. The controller of the
        lesson has the same structure: it learns about an operation from all policies that contain
        it.
    """,
)
def find_policy(rewards):
    """A policy whose true mean reward is high, from three noisy rewards of each.

    rewards: (30, 30, 3) float32; rewards[i, j] are those of three children trained with setting i
    and then setting j.
    Returns two whole numbers, i and j. The true mean of this policy must be at least 95 % of that
    of the best.
    """
    means = rewards.mean(axis=2)
    return means.mean(axis=1).argmax(), means.mean(axis=0).argmax()


@find_policy.probe(repeat=6)
def a_noisy_table(rng):
    levels = np.append(np.linspace(0, 0.6, SETTINGS - 1), 1)
    first, second = 0.2 * rng.permutation(levels), 0.2 * rng.permutation(levels)
    truth = 0.3 + first[:, None] + second
    rewards = truth[:, :, None] + rng.normal(0, 0.12, (SETTINGS, SETTINGS, 3))
    return Inputs((rewards.astype(np.float32),), secret=truth)


@find_policy.measure
def _(inputs, output):
    pair = _as_pair(output)
    if pair is None:
        return Measurement(
            False, f"Two whole numbers from 0 to {SETTINGS - 1} were expected."
        )
    share = inputs.secret[pair] / inputs.secret.max()
    return Measurement(
        bool(share >= NEEDED),
        f"The policy's true mean is {share:.1%} of the best one's; {NEEDED:.0%} are needed.",
    )


def _as_pair(output):
    """The output as two ints in range, or None."""
    if not isinstance(output, (tuple, list)) and np.shape(output) != (2,):
        return None
    try:
        numbers = [np.asarray(number).item() for number in output]
    except (ValueError, TypeError):  # more than one number in it
        return None
    if len(numbers) != 2 or not all(
        isinstance(n, (int, float)) and n == n // 1 and 0 <= n < SETTINGS
        for n in numbers
    ):
        return None
    return int(numbers[0]), int(numbers[1])


def _share(inputs, output, swap=False):
    pair = _as_pair(output)
    if pair is None:
        return 1.0
    return inputs.secret[pair[::-1] if swap else pair] / inputs.secret.max()


def _is_the_largest_reward(inputs, output):
    rewards = np.asarray(inputs.args[0])
    return _as_pair(output) == tuple(
        int(n)
        for n in np.unravel_index(rewards.max(axis=2).argmax(), rewards.shape[:2])
    )


def _is_the_largest_mean(inputs, output):
    rewards = np.asarray(inputs.args[0])
    return _as_pair(output) == tuple(
        int(n)
        for n in np.unravel_index(rewards.mean(axis=2).argmax(), rewards.shape[:2])
    )


def _is_swapped(inputs, output):
    return _share(inputs, output) < NEEDED <= _share(inputs, output, swap=True)


@find_policy.mistake(
    "This is the policy with the largest single reward, which mostly "
    "had luck. Look at more than one reward.",
    recognise=_is_the_largest_reward,
)
def _(rewards):
    i, j = np.unravel_index(rewards.max(axis=2).argmax(), rewards.shape[:2])
    return i, j


@find_policy.mistake(
    "This is the policy with the largest mean of three rewards. Of 900 such means the largest "
    "still had luck: use what its settings gave with other partners.",
    recognise=_is_the_largest_mean,
)
def _(rewards):
    i, j = np.unravel_index(rewards.mean(axis=2).argmax(), rewards.shape[:2])
    return i, j


@find_policy.mistake(
    "The two numbers are exchanged: the first setting belongs to the first axis.",
    recognise=_is_swapped,
)
def _(rewards):
    means = rewards.mean(axis=2)
    return means.mean(axis=0).argmax(), means.mean(axis=1).argmax()


@find_policy.alternative(framework="torch")
def _(rewards):
    return int(rewards.mean(dim=(1, 2)).argmax()), int(
        rewards.mean(dim=(0, 2)).argmax()
    )


@find_policy.alternative(framework="mxnet")
def _(rewards):
    return int(rewards.mean(axis=(1, 2)).argmax(axis=0).asscalar()), int(
        rewards.mean(axis=(0, 2)).argmax(axis=0).asscalar()
    )


@find_policy.alternative()
def _(rewards):
    """The largest of what an additive model says, fitted by least squares."""
    table = rewards.mean(axis=2, dtype=float)
    fitted = table.mean(axis=1, keepdims=True) + table.mean(axis=0) - table.mean()
    i, j = divmod(int(fitted.argmax()), len(table))
    return i, j


# Inputs -------------------------------------------------------------------------------------------


def _sizes(rng):
    """Decisions and options, never as many of one as of the other."""
    decisions, options = (
        int(n) for n in rng.permutation([rng.integers(3, 5), rng.integers(5, 7)])
    )
    return decisions, options


def _controller(rng, decisions, options):
    return rng.normal(0.5, 1, (decisions, options)).astype(np.float32), rng.integers(
        0, options, decisions
    )


def _all_brightnesses(rng):
    images = rng.random((64, 2, 4, 3), dtype=np.float32)
    images[:, :, 0, 0], images[:, :, 1, 1] = 0, 1
    return images


def _policies(rng, count, decisions, options):
    logits, _ = _controller(rng, decisions, options)
    rewards = rng.uniform(0.3, 0.9, count).astype(np.float32)
    return (
        logits,
        rng.integers(0, options, (count, decisions)),
        rewards,
        float(rng.uniform(0.35, 0.45)),
    )
