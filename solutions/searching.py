"""Searching by hand, on a grid, at random: configurations, log-uniform draws, how many tries,
the best of them, one standard error, a leak, nested validation, a plan.
"""

import numpy as np

from autograder import Measurement, NotADraw, question
from solutions.examples import example, floats

# 1. A grid ----------------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "After the first name the list holds one configuration for each of its values; after "
        "the second, one for each pair. So the new list comes from the old one and the values.",
        "Two loops in one comprehension, `for configuration in configurations for value in "
        "values`: the one on the right runs fastest.",
        "A new dictionary with one more entry is `{**configuration, name: value}`.",
    ],
    explanation="""
        The list grows by a factor with every name: three values for each of d hyperparameters are 3
        to the power of d configurations. It begins with one empty configuration, not with none: a
        product of nothing is one.
    """,
)
def grid(space):
    """All configurations of a grid; the values of the last name change fastest, those of the first
    slowest.

    space: dict from name to a list of values, numbers or strings. Returns a list of dicts from name
    to value; of an empty space one empty dict.
    """
    configurations = [{}]
    for name, values in space.items():
        configurations = [
            {**configuration, name: value}
            for configuration in configurations
            for value in values
        ]
    return configurations


@grid.probe(weight=2, repeat=2)
def three_names(rng):
    sizes = rng.permutation([2, 3, 4])
    return (
        {
            name: rng.normal(size=size).tolist()
            for name, size in zip(
                ("lr", "weight_decay", "momentum"), sizes, strict=True
            )
        },
    )


@grid.probe(weight=1)
def strings_and_one_value(rng):
    return (
        {
            "activation": ["relu", "tanh", "sigmoid"],
            "width": [int(rng.integers(8, 99))],
            "lr": rng.random(2).tolist(),
        },
    )


@grid.probe(weight=1)
def as_many_values(rng):
    return ({"lr": rng.random(3).tolist(), "dropout": rng.random(3).tolist()},)


@grid.probe(weight=1)
def nothing_to_choose(rng):
    return ({},)


@grid.probe(weight=1)
def a_name_without_values(rng):
    return ({"lr": rng.random(3).tolist(), "width": []},)


@grid.probe(weight=0.5)
def six_names(rng):
    return ({f"width of layer {i}": rng.integers(8, 99, 2).tolist() for i in range(6)},)


@grid.probe(weight=0.5)
def one_name_with_zero_and_a_value_twice(rng):
    return ({"dropout": [0, float(rng.random()), 0]},)


example(grid, {"lr": [0.1, 0.01], "activation": ["relu", "tanh"]}, weight=0.5)


@grid.mistake(
    "`update` changes a dictionary and returns None. Make a new one: `{**configuration, name: "
    "value}`."
)
def _(space):
    configurations = [{}]
    for name, values in space.items():
        configurations = [
            c.update({name: value}) for c in configurations for value in values
        ]
    return configurations


@grid.mistake(
    "The values are paired, first with first, second with second. A grid holds every combination."
)
def _(space):
    return [
        dict(zip(space, values, strict=True))
        for values in zip(*space.values(), strict=False)
    ]


@grid.mistake(
    "All combinations are there, in another order. The values of the last name change fastest."
)
def _(space):
    configurations = [{}]
    for name, values in space.items():
        configurations = [
            {**configuration, name: value}
            for value in values
            for configuration in configurations
        ]
    return configurations


@grid.mistake(
    "Each configuration holds one name only. Keep what the configuration held "
    "before: `{**configuration, name: value}`."
)
def _(space):
    configurations = [{}]
    for name, values in space.items():
        configurations = [{name: value} for _ in configurations for value in values]
    return configurations


@grid.mistake(
    "The same dictionary is changed again and again, so all configurations are "
    "equal in the end. Make a new one for each."
)
def _(space):
    configurations = [{}]
    for name, values in space.items():
        grown = []
        for configuration in configurations:
            for value in values:
                configuration[name] = value
                grown.append(configuration)
        configurations = grown
    return configurations


@grid.mistake(
    "One hyperparameter is varied at a time, the others stay at their first "
    "values. A grid holds every combination."
)
def _(space):
    first = {name: values[0] for name, values in space.items() if values}
    return [
        {**first, name: value} for name, values in space.items() for value in values
    ]


@grid.mistake(
    "A name without values is passed over. With it there is no configuration at all."
)
def _(space):
    configurations = [{}]
    for name, values in space.items():
        if values:
            configurations = [
                {**one, name: value} for one in configurations for value in values
            ]
    return configurations


@grid.mistake(
    "With no name there is no configuration here. There is one, the empty one."
)
def _(space):
    configurations = [{}]
    for name, values in space.items():
        configurations = [
            {**one, name: value} for one in configurations for value in values
        ]
    return configurations if space else []


@grid.mistake("Only the first value of each name is used. Use all of them.")
def _(space):
    configurations = [{}]
    for name, values in space.items():
        configurations = [
            {**one, name: value} for one in configurations for value in values[:1]
        ]
    return configurations


@grid.mistake(
    "The configurations without the new name are kept besides. Only those with it go on."
)
def _(space):
    configurations = [{}]
    for name, values in space.items():
        more = [{**one, name: value} for one in configurations for value in values]
        configurations = configurations + more
    return configurations


@grid.mistake("The values are sorted. They come in the order in which they are given.")
def _(space):
    configurations = [{}]
    for name, values in space.items():
        values = sorted(values, key=str)
        configurations = [
            {**one, name: value} for one in configurations for value in values
        ]
    return configurations


@grid.mistake(
    "These are lists of values. A configuration is a dictionary from name to value."
)
def _(space):
    configurations = [{}]
    for name, values in space.items():
        configurations = [
            {**one, name: value} for one in configurations for value in values
        ]
    return [list(one.values()) for one in configurations]


@grid.mistake("All values have become strings. Keep them as they are.")
def _(space):
    configurations = [{}]
    for name, values in space.items():
        configurations = [
            {**one, name: str(value)} for one in configurations for value in values
        ]
    return configurations


@grid.mistake("Values such as 0 are left out. They are values like others.")
def _(space):
    configurations = [{}]
    for name, values in space.items():
        configurations = [
            {**one, name: value} for one in configurations for value in values if value
        ]
    return configurations


@grid.mistake("These are pairs of name and value. A configuration is a dictionary.")
def _(space):
    configurations = [{}]
    for name, values in space.items():
        configurations = [
            {**one, name: value} for one in configurations for value in values
        ]
    return [tuple(one.items()) for one in configurations]


@grid.mistake("The list is the other way round. The first values come first.")
def _(space):
    configurations = [{}]
    for name, values in space.items():
        configurations = [
            {**one, name: value} for one in configurations for value in values
        ]
    return configurations[::-1]


@grid.mistake("The names are sorted. The last name of `space` changes fastest.")
def _(space):
    configurations = [{}]
    for name, values in sorted(space.items()):
        configurations = [
            {**one, name: value} for one in configurations for value in values
        ]
    return configurations


@grid.alternative(framework="torch")
def _(space):
    import itertools

    return [
        dict(zip(space, values, strict=True))
        for values in itertools.product(*space.values())
    ]


@grid.alternative(framework="mxnet")
def _(space):
    sizes = [len(values) for values in space.values()]
    return [
        {name: space[name][k] for name, k in zip(space, places, strict=True)}
        for places in np.ndindex(*sizes)
    ]


# 2. Log-uniform draws -----------------------------------------------------------------------------


@question(
    points=3,
    driver="sampled",
    calls=200,
    each="number",
    hints=[
        "What is to be uniform is the logarithm. Draw it between log(low) "
        "and log(high), then undo the logarithm.",
        "`np.log` is undone by `np.exp`, `np.log10` by `10 **`. Do not mix the two.",
        "`rng.uniform(a, b, count)` draws `count` numbers between a and b.",
    ],
    explanation="""
        Each factor of ten gets as many draws as any other. Drawn uniformly between 0.0001 and 1,
        nine of ten learning rates would lie above 0.1, and one in a thousand below 0.001.
    """,
)
def log_uniform(low, high, count, rng):
    """Numbers between `low` and `high` whose logarithm is uniformly distributed, independent of
    each other.

    low, high: numbers, 0 < low < high; count: whole number; rng: np.random.Generator. Returns
    (count,) floats.
    """
    return low * (high / low) ** rng.random(count)


@log_uniform.probe(weight=2)
def learning_rates(rng):
    """So low that nothing may be added before the logarithm."""
    low = 10 ** rng.uniform(-11, -9)
    return (
        float(low),
        float(low * 10 ** rng.uniform(2.2, 3.8)),
        int(rng.integers(48, 65)),
    )


@log_uniform.probe(weight=1)
def above_one(rng):
    low = rng.uniform(2, 9)
    return float(low), float(low * rng.uniform(40, 70)), int(rng.integers(48, 65))


@log_uniform.probe(weight=1)
def a_narrow_range(rng):
    low = rng.uniform(0.2, 0.4)
    return float(low), float(low * rng.uniform(2.7, 2.9)), int(rng.integers(48, 65))


@log_uniform.recover
def _(values, low, high, count):
    values = np.asarray(values, float)
    if values.shape != (count,):
        raise NotADraw(
            f"The result should have the shape ({count},), not {values.shape}."
        )
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise NotADraw("A value is not positive, or not finite: undo the logarithm.")
    return {"the logarithm to base ten": np.log10(values)}


@log_uniform.mistake(
    "The values themselves are uniform: nearly all lie within a factor of "
    "ten of `high`. Their logarithm should be."
)
def _(low, high, count, rng):
    return rng.uniform(low, high, count)


@log_uniform.mistake(
    "A natural logarithm is undone with 10 to the power of it. `np.log` goes "
    "with `np.exp`, `np.log10` with `10 **`."
)
def _(low, high, count, rng):
    return 10 ** rng.uniform(np.log(low), np.log(high), count)


@log_uniform.mistake(
    "A logarithm to base ten is undone with `np.exp`. `np.log10` goes "
    "with `10 **`, `np.log` with `np.exp`."
)
def _(low, high, count, rng):
    return np.exp(rng.uniform(np.log10(low), np.log10(high), count))


@log_uniform.mistake("These are the logarithms. Undo the logarithm at the end.")
def _(low, high, count, rng):
    return rng.uniform(np.log(low), np.log(high), count)


@log_uniform.mistake(
    "Only a few values ever come: the exponents are whole numbers. Between them are numbers, too."
)
def _(low, high, count, rng):
    exponents = rng.integers(0, int(np.log10(high / low)), count, endpoint=True)
    return low * 10.0**exponents


@log_uniform.mistake("All numbers of a call are the same. Draw one for each.")
def _(low, high, count, rng):
    return np.full(count, low * (high / low) ** rng.random())


@log_uniform.mistake(
    "The values do not come from `rng`: the same state of it gives other numbers."
)
def _(low, high, count, rng):
    return low * (high / low) ** np.random.default_rng().random(count)


@log_uniform.alternative(framework="torch")
def _(low, high, count, rng):
    import torch

    logarithms = torch.tensor([low, high]).log()
    return torch.from_numpy(rng.uniform(*logarithms.tolist(), count)).exp()


@log_uniform.alternative(framework="mxnet")
def _(low, high, count, rng):
    import math

    from dlkit.mx import nd

    exponents = nd.array(rng.random(count)) * (
        math.log10(high) - math.log10(low)
    ) + math.log10(low)
    return 10**exponents


@log_uniform.alternative()
def _(low, high, count, rng):
    from scipy.stats import loguniform

    return loguniform.rvs(low, high, size=count, random_state=rng)


# 3. How many tries --------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "How likely is it that one try misses? And that n independent ones all do?",
        "All miss with probability (1 - share) ** n. Look for the first n for which this is at "
        "most 1 - confidence: with a loop, or with logarithms, rounded up.",
    ],
    explanation="""
        A try misses the best 5 % with probability 0.95, and 59 tries all miss with 0.95 to the
        power of 59, just below 5 %. The number of hyperparameters does not occur: the best 5 % are
        5 % in any number of dimensions. How good they are is another question.
    """,
)
def tries_needed(share, confidence):
    """How many random tries it takes until at least one is among the best `share` of all
    configurations with probability at least `confidence`.

    share, confidence: numbers strictly between 0 and 1. Returns a whole number.
    """
    return int(np.ceil(np.log(1 - confidence) / np.log(1 - share)))


def _above_whole(share, confidence, part):
    """share, and a confidence near the given one for which the tries needed, before they are
    rounded up, have the fraction `part`.
    """
    whole = int(np.log(1 - confidence) / np.log(1 - share))
    return float(share), float(1 - (1 - share) ** (whole + part))


@tries_needed.probe(weight=3, repeat=4)
def small_shares(rng):
    return _above_whole(
        rng.uniform(0.01, 0.09), rng.uniform(0.85, 0.995), rng.uniform(0.6, 0.9)
    )


@tries_needed.probe(weight=1, repeat=2)
def large_shares(rng):
    return _above_whole(
        rng.uniform(0.3, 0.45), rng.uniform(0.9, 0.97), rng.uniform(0.1, 0.4)
    )


@tries_needed.probe(weight=1)
def a_share_as_large_as_the_confidence(rng):
    share = int(rng.integers(13, 52)) / 64  # 1 - share is exact
    return share, share


@tries_needed.probe(weight=1)
def a_share_larger_than_the_confidence(rng):
    """Exchanged they give fewer tries than the number after which all have hit."""
    return float(rng.uniform(0.85, 0.9)), float(rng.uniform(0.5, 0.55))


@tries_needed.probe(weight=1)
def thousands_of_tries(rng):
    """A fraction of about one half: room for whoever computes in float32."""
    share, confidence = rng.uniform(0.0009, 0.0012), rng.uniform(0.93, 0.97)
    return _above_whole(share, confidence, rng.uniform(0.45, 0.55))


example(tries_needed, 0.5, 0.7)
example(tries_needed, 0.05, 0.95)


@tries_needed.mistake(
    "Shares are added up. Tries overlap: two of them hit with probability 1 - (1 "
    "- share) ** 2, less than twice the share."
)
def _(share, confidence):
    return int(np.ceil(confidence / share))


@tries_needed.mistake(
    "This is the mean number of tries until the first hit. It says nothing about `confidence`."
)
def _(share, confidence):
    return int(np.ceil(1 / share))


@tries_needed.mistake(
    "This rounds down: with so many tries the probability is still a little too small."
)
def _(share, confidence):
    return max(1, int(np.log(1 - confidence) / np.log(1 - share)))


@tries_needed.mistake(
    "This rounds to the nearest whole number, which may be one try too few. Round up."
)
def _(share, confidence):
    return round(np.log(1 - confidence) / np.log(1 - share))


@tries_needed.mistake(
    "Where a whole number of tries gives exactly `confidence`, this asks for one more. Rounding "
    "up leaves a whole number as it is; `int(x) + 1` does not."
)
def _(share, confidence):
    return int(np.log(1 - confidence) / np.log(1 - share)) + 1


@tries_needed.mistake("Share and confidence have changed places.")
def _(share, confidence):
    return int(np.ceil(np.log(1 - share) / np.log(1 - confidence)))


@tries_needed.mistake(
    "This asks that all tries hit: share ** n. Ask that not all miss: 1 - (1 - share) ** n."
)
def _(share, confidence):
    return int(np.ceil(np.log(1 - confidence) / np.log(share)))


@tries_needed.mistake("The number is not whole. Round it up.")
def _(share, confidence):
    return np.log(1 - confidence) / np.log(1 - share)


@tries_needed.mistake(
    "One try too many: the next whole number is taken, and 1 added besides."
)
def _(share, confidence):
    import math

    return max(1, math.ceil(math.log1p(-confidence) / math.log1p(-share))) + 1


@tries_needed.mistake(
    "The logarithm is that of the confidence. All n miss with probability 1 - confidence at most."
)
def _(share, confidence):
    import math

    return max(1, math.ceil(math.log(confidence) / math.log1p(-share)))


@tries_needed.mistake(
    "The number of tries is cut off at a thousand. It may be any size."
)
def _(share, confidence):
    import math

    return min(1000, max(1, math.ceil(math.log1p(-confidence) / math.log1p(-share))))


@tries_needed.mistake(
    "At least two tries are made. One is enough where the share is as large as the confidence."
)
def _(share, confidence):
    import math

    return max(2, math.ceil(math.log1p(-confidence) / math.log1p(-share)))


@tries_needed.mistake(
    "The logarithm of 1 - share is taken for - share. That is near only for small shares."
)
def _(share, confidence):
    import math

    return max(1, math.ceil(math.log1p(-confidence) / -share))


@tries_needed.alternative(framework="torch")
def _(share, confidence):
    import torch

    share, confidence = torch.tensor([share, confidence])
    return int((torch.log1p(-confidence) / torch.log1p(-share)).ceil())


@tries_needed.alternative(framework="mxnet")
def _(share, confidence):
    n, missed = 1, 1 - share
    while missed > 1 - confidence:
        n, missed = n + 1, missed * (1 - share)
    return n


@tries_needed.alternative()
def _(share, confidence):
    import itertools

    return next(n for n in itertools.count(1) if (1 - share) ** n <= 1 - confidence)


@tries_needed.alternative()
def _(share, confidence):
    n = 1
    while 1 - (1 - share) ** n < confidence:
        n += 1
    return n


tries_needed.equivalent(
    "count(1) -> count(0)",
    why="Without a try nothing is found: the condition is false for 0.",
)
tries_needed.equivalent(
    "n = 1 -> n = 0", why="Without a try nothing is found: the condition is true for 0."
)


# 4. The best of the tries -------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "NaN spreads: the mean of a row that holds one is NaN, and that is what marks a failed "
        "try. No comparison with NaN is true; `mean != mean` is for NaN alone.",
        "First the numbers of the tries that did not fail. Of an empty "
        "list there is no best: return `None`.",
        "Python compares tuples place by place: `max(..., key=lambda i: (mean of i, "
        "-parameters[i]))` settles ties by the second.",
    ],
    explanation="""
        `argmax` takes NaN for the largest of all, so that a search would end with the run that
        diverged. To leave failed seeds out of the mean is no better: a configuration that fails in
        one of four runs is not as good as its three others.
    """,
)
def best_try(accuracies, parameters):
    """The number of the try with the largest mean accuracy over its seeds; of equally good ones
    that with fewest parameters.

    accuracies: (tries, seeds) float32, NaN where a run failed; a try with a failed run is out of
    question.
    parameters: (tries,) int64, all different. Returns a whole number, or None if every try has
    failed.
    """
    means = accuracies.mean(axis=1)
    finished = [i for i in range(len(means)) if not np.isnan(means[i])]
    return max(finished, key=lambda i: (means[i], -parameters[i]), default=None)


def _sizes(rng, count):
    return rng.permutation(np.arange(100, 100 + 37 * count, 37)).astype(np.int64)


@best_try.probe(weight=2, repeat=3)
def no_failures(rng):
    """The best has one bad run, and another one a better median."""
    tries, seeds = int(rng.integers(6, 10)), int(rng.integers(3, 5))
    accuracies = rng.uniform(0.1, 0.5, (tries, seeds))
    best, other = rng.permutation(tries)[:2]
    accuracies[best] = rng.permutation([0.6, 0.62, 0.99, 0.97][:seeds])
    accuracies[other] = rng.permutation([0.1, 0.84, 0.85, 0.86][:seeds])
    accuracies += rng.uniform(-0.005, 0.005, accuracies.shape)
    return accuracies.astype(np.float32), _sizes(rng, tries)


@best_try.probe(weight=2, repeat=3)
def some_runs_failed(rng):
    accuracies = rng.uniform(0.2, 0.8, (8, 3)).astype(np.float32)
    failed = int(rng.integers(7))
    others = [i for i in range(8) if i not in (failed, failed + 1)]
    also_failed, one_lucky_run = rng.permutation(others)[:2]
    # the best comes right after one that failed
    accuracies[failed], accuracies[failed + 1] = (
        0.95,
        rng.uniform(0.82, 0.9, 3),
    )
    accuracies[failed, rng.integers(3)] = accuracies[also_failed, rng.integers(3)] = (
        np.nan
    )
    accuracies[one_lucky_run, rng.integers(3)] = 0.97
    return accuracies, _sizes(rng, 8)


@best_try.probe(weight=2, repeat=4)
def equally_good(rng):
    """Of three, neither the first nor the last is the smallest, and a worse one is smaller. The
    large ones are so large that their last 16 bits, or 32, are small.
    """
    accuracies = rng.integers(0, 3, (7, 4)) / np.float32(8)
    same = np.float32([4, 5, 6, 7]) / 8
    tied = np.sort(rng.permutation(7)[:3])
    for i in tied:
        accuracies[i] = rng.permutation(same)
    sizes = np.sort(_sizes(rng, 7))
    parameters = np.empty(7, np.int64)
    others = rng.permutation(np.setdiff1d(np.arange(7), tied))
    parameters[[others[0], tied[1], *others[1:], *tied[[0, 2]]]] = sizes
    parameters[tied[[0, 2]]] = 2**32 + rng.permutation(2)
    return accuracies.astype(np.float32), parameters


@best_try.probe(weight=1)
def better_by_a_hair(rng):
    """In one of four runs by 2 ** -20: the means, exact in float32, are not equal."""
    accuracies = rng.uniform(0.1, 0.4, (6, 4)).astype(np.float32)
    first, second = rng.permutation(6)[:2]
    accuracies[first] = accuracies[second] = np.float32([4, 5, 6, 7]) / 8
    accuracies[first, rng.integers(4)] += np.float32(2.0**-20)
    parameters = _sizes(rng, 6)
    parameters[[first, second]] = np.sort(parameters[[first, second]])[::-1]
    return accuracies, parameters


@best_try.probe(weight=0.5)
def nothing_right(rng):
    return np.zeros((4, 3), np.float32), np.array([300, 700, 100, 200])[
        rng.permutation(4)
    ]


@best_try.probe(weight=0.25)
def a_single_try(rng):
    return rng.random((1, 1), np.float32), _sizes(rng, 1)


example(
    best_try,
    floats([0.75, 0.5, 0.25], [0.9, np.nan, 0.9], [0.5, 0.5, 0.5]),
    np.array([800, 200, 300]),
    weight=0.5,
)


@best_try.mistake("The median of the seeds decides. A try is judged by their mean.")
def _(accuracies, parameters):
    middles = [float(np.median(row)) for row in accuracies]
    return max(
        (i for i in range(len(middles)) if middles[i] == middles[i]),
        key=lambda i: (middles[i], -parameters[i]),
        default=None,
    )


@best_try.probe(weight=1)
def all_have_failed(rng):
    accuracies = rng.random((4, 3), np.float32)
    accuracies[np.arange(4), rng.integers(3, size=4)] = np.nan
    return accuracies, _sizes(rng, 4)


@best_try.probe(weight=1)
def the_first_is_the_best(rng):
    accuracies = rng.uniform(0.1, 0.6, (5, 2)).astype(np.float32)
    accuracies[0] = 0.7
    return accuracies, _sizes(rng, 5)


@best_try.probe(weight=1)
def the_last_is_the_best(rng):
    accuracies = rng.uniform(0.1, 0.6, (6, 2)).astype(np.float32)
    accuracies[2, 1], accuracies[5] = 0.9, 0.8
    return accuracies, _sizes(rng, 6)


@best_try.mistake(
    "A try that failed has won: `argmax` takes NaN for the largest "
    "number. Leave out tries whose mean is NaN."
)
def _(accuracies, parameters):
    return int(accuracies.mean(axis=1).argmax())


@best_try.mistake(
    "The seeds that failed are left out of the mean. A try with a failed run is out of question."
)
def _(accuracies, parameters):
    means = [
        np.mean(row[np.isfinite(row)]) if np.isfinite(row).any() else -1
        for row in accuracies
    ]
    return max(range(len(means)), key=lambda i: (means[i], -parameters[i]))


@best_try.mistake(
    "Of equally good tries the first is taken. Take the one with fewest parameters."
)
def _(accuracies, parameters):
    means = [float(row.mean()) for row in accuracies]
    return max(
        (i for i in range(len(means)) if means[i] == means[i]),
        key=lambda i: means[i],
        default=None,
    )


@best_try.mistake(
    "Of equally good tries the one with most parameters is taken. Take the one with fewest."
)
def _(accuracies, parameters):
    means = [float(row.mean()) for row in accuracies]
    return max(
        (i for i in range(len(means)) if means[i] == means[i]),
        key=lambda i: (means[i], parameters[i]),
        default=None,
    )


@best_try.mistake(
    "The single best run decides. A try is judged by the mean of its seeds."
)
def _(accuracies, parameters):
    tops = [float(row.max()) for row in accuracies]
    return max(
        (i for i in range(len(tops)) if tops[i] == tops[i]),
        key=lambda i: (tops[i], -parameters[i]),
        default=None,
    )


@best_try.mistake("The smallest mean wins. Accuracies are good when they are large.")
def _(accuracies, parameters):
    means = [float(row.mean()) for row in accuracies]
    return min(
        (i for i in range(len(means)) if means[i] == means[i]),
        key=lambda i: (means[i], parameters[i]),
        default=None,
    )


@best_try.mistake(
    "A failed run counts as an accuracy of 0. A try with a failed run is out of question."
)
def _(accuracies, parameters):
    means = np.nan_to_num(accuracies).mean(axis=1)
    return int(min(np.flatnonzero(means == means.max()), key=lambda i: parameters[i]))


@best_try.mistake("If every try has failed the result is -1. Return None.")
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    alive = np.flatnonzero(~np.isnan(means))
    if not len(alive):
        return -1
    return int(min(alive, key=lambda i: (-means[i], parameters[i])))


@best_try.mistake(
    "If every try has failed the result is 0, the number of a try. Return None."
)
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    alive = np.flatnonzero(~np.isnan(means))
    if not len(alive):
        return 0
    return int(min(alive, key=lambda i: (-means[i], parameters[i])))


@best_try.mistake("The worst run decides. A try is judged by the mean of its seeds.")
def _(accuracies, parameters):
    means = accuracies.min(axis=1)
    alive = np.flatnonzero(~np.isnan(means))
    return (
        int(min(alive, key=lambda i: (-means[i], parameters[i])))
        if len(alive)
        else None
    )


@best_try.mistake(
    "The try with fewest parameters is taken, however good it is. They decide between equal "
    "means only."
)
def _(accuracies, parameters):
    alive = np.flatnonzero(~np.isnan(accuracies).any(axis=1))
    return int(min(alive, key=lambda i: parameters[i])) if len(alive) else None


@best_try.mistake(
    "Of equally good tries the last is taken. Take the one with fewest parameters."
)
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    alive = np.flatnonzero(~np.isnan(means))
    return int(max(alive, key=lambda i: (means[i], i))) if len(alive) else None


@best_try.mistake("This is the largest mean. Return the number of the try.")
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    return None if np.isnan(means).all() else float(np.nanmax(means))


@best_try.mistake("The tries are counted from 1. The first is number 0.")
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    alive = np.flatnonzero(~np.isnan(means))
    return (
        int(min(alive, key=lambda i: (-means[i], parameters[i]))) + 1
        if len(alive)
        else None
    )


@best_try.mistake(
    "The number counts only the tries without a failed run. Return that among all of them."
)
def _(accuracies, parameters):
    whole = np.flatnonzero(~np.isnan(accuracies).any(axis=1))
    means = accuracies[whole].mean(axis=1)
    order = range(len(whole))
    return (
        min(order, key=lambda i: (-means[i], parameters[whole[i]]))
        if len(whole)
        else None
    )


@best_try.mistake(
    "Only the first seed is asked whether it failed. Any failed run rules a try out."
)
def _(accuracies, parameters):
    means = np.nanmean(np.where(np.isnan(accuracies[:, :1]), 0, accuracies), axis=1)
    alive = np.flatnonzero(~np.isnan(accuracies[:, 0]))
    return (
        int(min(alive, key=lambda i: (-means[i], parameters[i])))
        if len(alive)
        else None
    )


@best_try.alternative(framework="torch")
def _(accuracies, parameters):
    means = accuracies.mean(dim=1).tolist()
    finished = [
        (-mean, size, i)
        for i, (mean, size) in enumerate(zip(means, parameters.tolist(), strict=True))
        if mean == mean
    ]
    return sorted(finished)[0][2] if finished else None


@best_try.alternative(framework="mxnet")
def _(accuracies, parameters):
    ranked = []
    for i, (row, size) in enumerate(zip(accuracies, parameters, strict=True)):
        mean = row.mean().asscalar()
        if mean == mean:  # NaN is not equal to itself
            ranked.append((-mean, size.asscalar(), i))
    return min(ranked)[2] if ranked else None


best_try.equivalent(
    "mean -> sum",
    why="All tries have as many seeds: sums are in the same order as means.",
)
best_try.equivalent(
    "range(len(means) -> range(len(parameters)", why="There are as many."
)


# 5. One standard error ----------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "Three steps: the largest mean; the standard error of that row's mean; of all rows "
        "whose mean is at most so much less, the one with fewest parameters.",
        "The standard error of a mean is the standard deviation, with folds - 1 below the line, "
        "divided by the root of folds.",
    ],
    explanation="""
        Differences smaller than the uncertainty of the best are no reason to take a larger net. The
        rule is from Breiman, Friedman, Olshen and Stone's book of 1984; it makes the choice
        steadier and the net smaller, and leans to the simple side on purpose.
    """,
)
def one_standard_error(accuracies, parameters):
    """The number of the configuration with fewest parameters whose mean is at least the largest
    mean less one standard error of that mean.

    accuracies: (configurations, folds) float32, at least 3 folds; parameters: (configurations,)
    int64, all different. Returns a whole number.
    """
    means = accuracies.mean(axis=1)
    best = means.argmax()
    error = accuracies[best].std(ddof=1) / np.sqrt(accuracies.shape[1])
    close = np.flatnonzero(means >= means[best] - error)
    return close[parameters[close].argmin()]


def _graded(rng, configurations, folds, step, first=None):
    """Means that fall in steps of `step` standard errors of the best, whose limit lies between two
    of them; the smaller the mean, the fewer parameters, but for the worst, which has most. first:
    which of them, from the best, stands first.
    """
    best = rng.normal(0.8, 0.05, folds)
    error = best.std(ddof=1) / np.sqrt(folds)
    rows = [best]
    for i in range(1, configurations):
        row = rng.normal(0, 0.05 * rng.choice([0.4, 2.5]), folds)
        rows.append(row - row.mean() + best.mean() - (i - 0.5) * step * error)
    order = rng.permutation(configurations)
    if first is not None:
        order = np.concatenate([[first], order[order != first]])
    sizes = np.arange(configurations, 0, -1) * 53 + 11
    sizes[-1] += sizes[0]
    return np.array(rows, np.float32)[order], sizes[order].astype(np.int64)


@one_standard_error.probe(weight=3, repeat=4)
def many_close_ones(rng):
    return _graded(rng, 48, int(rng.integers(4, 7)), step=1 / 20)


@one_standard_error.probe(weight=1)
def three_folds(rng):
    return _graded(rng, 41, 3, step=1 / 15, first=15)


@one_standard_error.probe(weight=1)
def the_best_never_varies(rng):
    accuracies = rng.integers(3, 6, (7, 4)) / np.float32(8)
    accuracies[rng.integers(1, 7)] = (
        0.75  # not the first, where an empty choice may end
    )
    return accuracies, _sizes(rng, 7)


@one_standard_error.probe(weight=1)
def one_lies_on_the_limit(rng):
    """Of four values 3, -1, -1 and -1 apart from their mean the standard error is 1. All of it
    is exact in 5/64, and what a roundabout way of computing rounds falls above. A smaller one
    lies below the limit by 2 ** -20.
    """
    accuracies = np.full((7, 4), 0.625, np.float32)
    accuracies[0], accuracies[1:3] = (
        0.75 + rng.permutation([3, -1, -1, -1]) * 5 / 64,
        0.671875,
    )
    accuracies[5] = 0.671875 - 2.0**-20
    return accuracies[[3, 0, 4, 1, 5, 2, 6]], np.array(
        [61, 733, 98, 347, 135, 421, 172]
    )


@one_standard_error.probe(weight=1, repeat=2)
def sizes_in_any_order(rng):
    accuracies, _ = _graded(rng, 12, 5, step=1 / 4)
    return accuracies, _sizes(rng, 12)


@one_standard_error.probe(weight=1)
def only_the_best_is_good_enough(rng):
    accuracies, parameters = _graded(rng, 9, 5, step=3, first=0)
    return accuracies[::-1].copy(), parameters[::-1].copy()


@one_standard_error.probe(weight=0.25)
def a_single_configuration(rng):
    return rng.uniform(0.5, 0.9, (1, 4)).astype(np.float32), _sizes(rng, 1)


for _last in ([0.8, 0.82, 0.84], [0.7, 0.82, 0.94]):
    example(
        one_standard_error,
        floats([0.7, 0.7, 0.7], [0.8, 0.7, 0.9], _last),
        np.array([100, 200, 300]),
    )


@one_standard_error.mistake(
    "This is the configuration with the largest mean. Look for a "
    "smaller one within a standard error of it."
)
def _(accuracies, parameters):
    return int(accuracies.mean(axis=1).argmax())


@one_standard_error.mistake(
    "This is the standard deviation of the folds. The standard error of their mean is smaller: "
    "divide by the root of their number."
)
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    close = np.flatnonzero(
        means >= means.max() - accuracies[means.argmax()].std(ddof=1)
    )
    return close[parameters[close].argmin()]


@one_standard_error.mistake(
    "The standard deviation is divided by folds, not by folds - 1. Of "
    "a few folds it comes out too small."
)
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    error = accuracies[means.argmax()].std() / np.sqrt(accuracies.shape[1])
    close = np.flatnonzero(means >= means.max() - error)
    return close[parameters[close].argmin()]


@one_standard_error.mistake(
    "Each configuration is given its own standard error. Take that of the best for all."
)
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    close = np.flatnonzero(
        means
        >= means.max() - accuracies.std(axis=1, ddof=1) / np.sqrt(accuracies.shape[1])
    )
    return close[parameters[close].argmin()]


@one_standard_error.mistake(
    "Among those that are good enough the worst is taken. Take the one with fewest parameters."
)
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    limit = means.max() - accuracies[means.argmax()].std(ddof=1) / np.sqrt(
        accuracies.shape[1]
    )
    return int(np.where(means >= limit, means, np.inf).argmin())


@one_standard_error.mistake(
    "Among those that are good enough the largest is taken. Take the one with fewest parameters."
)
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    limit = means.max() - accuracies[means.argmax()].std(ddof=1) / np.sqrt(
        accuracies.shape[1]
    )
    close = np.flatnonzero(means >= limit)
    return close[parameters[close].argmax()]


@one_standard_error.mistake(
    "One that lies on the limit itself is left out. At least means that equal is good enough."
)
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    close = np.flatnonzero(
        means
        > means.max()
        - accuracies[means.argmax()].std(ddof=1) / np.sqrt(accuracies.shape[1])
    )
    return close[parameters[close].argmin()]


@one_standard_error.mistake(
    "This number counts only the configurations that are good enough. The "
    "number among all of them is asked for."
)
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    limit = means.max() - accuracies[means.argmax()].std(ddof=1) / np.sqrt(
        accuracies.shape[1]
    )
    return parameters[means >= limit].argmin()


@one_standard_error.mistake(
    "The standard deviation is that of all accuracies. Take that of the best configuration's folds."
)
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    limit = means.max() - accuracies.std(ddof=1) / np.sqrt(accuracies.shape[1])
    return int(min(np.flatnonzero(means >= limit), key=lambda i: parameters[i]))


@one_standard_error.mistake(
    "The standard deviation is that of the means. Take that of the best configuration's folds."
)
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    limit = means.max() - means.std(ddof=1) / np.sqrt(accuracies.shape[1])
    return int(min(np.flatnonzero(means >= limit), key=lambda i: parameters[i]))


@one_standard_error.mistake(
    "The first that is good enough is taken. Take the one with fewest parameters."
)
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    error = accuracies[means.argmax()].std(ddof=1) / np.sqrt(accuracies.shape[1])
    return int(np.flatnonzero(means >= means.max() - error)[0])


@one_standard_error.mistake(
    "The smallest configuration of all is taken, however good it is."
)
def _(accuracies, parameters):
    return int(parameters.argmin())


@one_standard_error.mistake(
    "The standard deviation is divided by the number of folds. Divide by its root."
)
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    error = accuracies[means.argmax()].std(ddof=1) / accuracies.shape[1]
    good = np.flatnonzero(means >= means.max() - error)
    return int(min(good, key=lambda i: parameters[i]))


@one_standard_error.mistake(
    "It is divided by the root of the number of configurations. Divide by the root of the folds."
)
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    error = accuracies[means.argmax()].std(ddof=1) / np.sqrt(len(accuracies))
    good = np.flatnonzero(means >= means.max() - error)
    return int(min(good, key=lambda i: parameters[i]))


@one_standard_error.mistake(
    "The variance is taken for the standard deviation: its root is missing."
)
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    error = accuracies[means.argmax()].var(ddof=1) / np.sqrt(accuracies.shape[1])
    good = np.flatnonzero(means >= means.max() - error)
    return int(min(good, key=lambda i: parameters[i]))


@one_standard_error.mistake(
    "This is the number of parameters. Return the number of the configuration."
)
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    error = accuracies[means.argmax()].std(ddof=1) / np.sqrt(accuracies.shape[1])
    return int(parameters[means >= means.max() - error].min())


@one_standard_error.mistake("The largest median is taken for the largest mean.")
def _(accuracies, parameters):
    means = np.median(accuracies, axis=1)
    error = accuracies[means.argmax()].std(ddof=1) / np.sqrt(accuracies.shape[1])
    good = np.flatnonzero(means >= means.max() - error)
    return int(min(good, key=lambda i: parameters[i]))


@one_standard_error.mistake(
    "It is divided by the root of folds - 1. The folds - 1 are in the standard deviation already."
)
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    error = accuracies[means.argmax()].std(ddof=1) / np.sqrt(accuracies.shape[1] - 1)
    good = np.flatnonzero(means >= means.max() - error)
    return int(min(good, key=lambda i: parameters[i]))


@one_standard_error.mistake(
    "The limit is 1.96 standard errors below the largest mean. It is one."
)
def _(accuracies, parameters):
    means = accuracies.mean(axis=1)
    error = accuracies[means.argmax()].std(ddof=1) / np.sqrt(accuracies.shape[1])
    good = np.flatnonzero(means >= means.max() - 1.96 * error)
    return int(min(good, key=lambda i: parameters[i]))


@one_standard_error.alternative(framework="torch")
def _(accuracies, parameters):
    import torch

    means, folds = accuracies.mean(dim=1), accuracies.shape[1]
    best = accuracies[means.argmax()]
    error = best.std() / folds**0.5
    (close,) = torch.where(means >= best.mean() - error)
    return int(close[parameters[close].argmin()])


@one_standard_error.alternative(framework="mxnet")
def _(accuracies, parameters):
    means = [row.mean().asscalar() for row in accuracies]
    best = accuracies[means.index(max(means))]
    folds = len(best)
    limit = (
        best.mean() - (((best - best.mean()) ** 2).sum() / (folds - 1) / folds).sqrt()
    ).asscalar()
    close = [i for i, mean in enumerate(means) if mean >= limit]
    return min(close, key=lambda i: parameters[i].asscalar())


@one_standard_error.alternative()
def _(accuracies, parameters):
    from scipy.stats import sem

    best = max(accuracies.tolist(), key=sum)
    for i in np.argsort(parameters):
        if accuracies[i].mean() >= np.mean(best) - sem(best):
            return i


# 6. A leak to mend --------------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "Ask of every number that is computed from data: may it see these examples? Mean and "
        "standard deviation of the columns belong to the model, as its weights do.",
        "Test examples may be touched once, at the end, by a choice that is already made. So "
        "`best` is chosen by the error on the validation part.",
        "Scale all three parts by the mean and standard deviation of the training part. In "
        "Gluon, where arrays have no `std`: the root of the mean of `(X - mean) ** 2`.",
    ],
    explanation="""
        Two leaks: the scaling had seen all rows, and alpha was chosen by the number that was then
        reported. The first often does little harm, the second always some, and more the more is
        tried. A report is honest when the test part could have been collected after everything else
        was fixed.
    """,
)
def mended(train, val, test, alphas):
    """Ridge regression whose alpha is chosen by validation: (the chosen alpha, the mean squared
    error on the test part).

    train, val, test: (X, y) each, X (n, d) float32 with n different in each, y (n,) float32;
    alphas: list of positive numbers.
    Columns are scaled to mean 0 and standard deviation 1 in the training part; w = (A'A + alpha
    I)^-1 A'y with A the scaled training part.
    """
    mean, spread = train[0].mean(axis=0), train[0].std(axis=0)
    A, B, C = ((X - mean) / spread for X, _ in (train, val, test))
    found = []
    for alpha in alphas:
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ train[1])
        found.append(
            (((B @ w - val[1]) ** 2).mean(), alpha, ((C @ w - test[1]) ** 2).mean())
        )
    return min(found)[1:]


def _three_parts(rng, shifted=False):
    d = int(rng.integers(3, 6))
    w, scales, centre = rng.normal(size=d), rng.uniform(0.5, 3, d), rng.normal(size=d)
    parts = []
    for n, far in zip(rng.permutation([9, 11, 13]), (0, 1.5, -2), strict=True):
        X = centre + shifted * far + scales * rng.normal(size=(n, d))
        parts.append(
            (
                X.astype(np.float32),
                ((X - centre) / scales @ w + rng.normal(0, 1.5, n)).astype(np.float32),
            )
        )
    return parts


ALPHAS = (0.03, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


def _choices(train, val, test):
    """The alphas that training, validation and test part would choose, and how clear the
    validation's choice is.
    """
    mean, spread = train[0].mean(axis=0), train[0].std(axis=0)
    A = (train[0] - mean) / spread
    errors = []
    for alpha in ALPHAS:
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ train[1])
        errors.append(
            [
                ((((X - mean) / spread) @ w - y) ** 2).mean()
                for X, y in (train, val, test)
            ]
        )
    errors = np.array(errors)
    low = np.sort(errors[:, 1])
    return errors.argmin(axis=0), low[1] / low[0] - 1


def _where_choices_differ(rng, **kwargs):
    while True:
        parts = _three_parts(rng, **kwargs)
        (by_train, by_val, by_test), clear = _choices(*parts)
        if len({by_train, by_val, by_test}) == 3 and clear > 0.002:
            return (*parts, [float(alpha) for alpha in rng.permutation(ALPHAS)])


@mended.probe(weight=2, repeat=3)
def validation_and_test_disagree(rng):
    return _where_choices_differ(rng)


@mended.probe(weight=1, repeat=2)
def the_parts_lie_apart(rng):
    return _where_choices_differ(rng, shifted=True)


@mended.probe(weight=1)
def one_alpha(rng):
    return (*_three_parts(rng), [float(rng.uniform(0.5, 5))])


@mended.mistake(
    "Both leaks are still there: scaling has seen all rows, and the test part chooses alpha."
)
def _(train, val, test, alphas):
    rows = np.concatenate([train[0], val[0], test[0]])
    A, C = ((X - rows.mean(axis=0)) / rows.std(axis=0) for X, _ in (train, test))
    found = []
    for alpha in alphas:
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ train[1])
        found.append(
            (((C @ w - test[1]) ** 2).mean(), alpha, ((C @ w - test[1]) ** 2).mean())
        )
    return min(found)[1:]


@mended.mistake(
    "The test part still chooses alpha. Let the validation part "
    "choose; then look at the test part once."
)
def _(train, val, test, alphas):
    mean, spread = train[0].mean(axis=0), train[0].std(axis=0)
    A, C = ((X - mean) / spread for X, _ in (train, test))
    found = []
    for alpha in alphas:
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ train[1])
        found.append(
            (((C @ w - test[1]) ** 2).mean(), alpha, ((C @ w - test[1]) ** 2).mean())
        )
    return min(found)[1:]


@mended.mistake(
    "The scaling has still seen validation and test rows. Take mean and "
    "standard deviation of the training part alone."
)
def _(train, val, test, alphas):
    rows = np.concatenate([train[0], val[0], test[0]])
    A, B, C = (
        (X - rows.mean(axis=0)) / rows.std(axis=0) for X, _ in (train, val, test)
    )
    found = []
    for alpha in alphas:
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ train[1])
        found.append(
            (((B @ w - val[1]) ** 2).mean(), alpha, ((C @ w - test[1]) ** 2).mean())
        )
    return min(found)[1:]


@mended.mistake(
    "Each part is scaled by its own mean and standard deviation. The model has learnt those of "
    "the training part: use them for all."
)
def _(train, val, test, alphas):
    A, B, C = ((X - X.mean(axis=0)) / X.std(axis=0) for X, _ in (train, val, test))
    found = []
    for alpha in alphas:
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ train[1])
        found.append(
            (((B @ w - val[1]) ** 2).mean(), alpha, ((C @ w - test[1]) ** 2).mean())
        )
    return min(found)[1:]


@mended.mistake(
    "The training error chooses alpha: it always takes the "
    "smallest. Let the validation part choose."
)
def _(train, val, test, alphas):
    mean, spread = train[0].mean(axis=0), train[0].std(axis=0)
    A, C = ((X - mean) / spread for X, _ in (train, test))
    found = []
    for alpha in alphas:
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ train[1])
        found.append(
            (((A @ w - train[1]) ** 2).mean(), alpha, ((C @ w - test[1]) ** 2).mean())
        )
    return min(found)[1:]


@mended.mistake(
    "The error that is returned is that of the validation part, by which alpha was chosen. "
    "Return the error on the test part."
)
def _(train, val, test, alphas):
    mean, spread = train[0].mean(axis=0), train[0].std(axis=0)
    A, B = ((X - mean) / spread for X, _ in (train, val))
    found = []
    for alpha in alphas:
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ train[1])
        found.append(
            (((B @ w - val[1]) ** 2).mean(), alpha, ((B @ w - val[1]) ** 2).mean())
        )
    return min(found)[1:]


@mended.mistake(
    "The standard deviations have n - 1 below the line, as those of "
    "`torch.std` have by default. Pass `correction=0`."
)
def _(train, val, test, alphas):
    mean, spread = train[0].mean(axis=0), train[0].std(axis=0, ddof=1)
    A, B, C = ((X - mean) / spread for X, _ in (train, val, test))
    found = []
    for alpha in alphas:
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ train[1])
        found.append(
            (((B @ w - val[1]) ** 2).mean(), alpha, ((C @ w - test[1]) ** 2).mean())
        )
    return min(found)[1:]


@mended.mistake(
    "The scaling has seen the validation rows. They choose alpha; mean and standard deviation "
    "are learnt from the training part alone."
)
def _(train, val, test, alphas):
    rows = np.concatenate([train[0], val[0]])
    A, B, C = (
        (X - rows.mean(axis=0)) / rows.std(axis=0) for X, _ in (train, val, test)
    )
    found = []
    for alpha in alphas:
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ train[1])
        found.append(
            (((B @ w - val[1]) ** 2).mean(), alpha, ((C @ w - test[1]) ** 2).mean())
        )
    return min(found)[1:]


@mended.mistake(
    "Scaling and model were learnt again, from training and validation rows. Return the test "
    "error of those from the training part alone."
)
def _(train, val, test, alphas):
    def error(alpha, rows, judged):
        mean, spread = rows[0].mean(axis=0), rows[0].std(axis=0)
        A, B = (rows[0] - mean) / spread, (judged[0] - mean) / spread
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ rows[1])
        return ((B @ w - judged[1]) ** 2).mean()

    alpha = min(alphas, key=lambda alpha: error(alpha, train, val))
    return alpha, error(
        alpha, [np.concatenate(arrays) for arrays in zip(train, val, strict=True)], test
    )


@mended.mistake(
    "The model was fitted again, on training and validation rows. Return the test error of the w "
    "from the training part alone."
)
def _(train, val, test, alphas):
    mean, spread = train[0].mean(axis=0), train[0].std(axis=0)
    A, B, C = ((X - mean) / spread for X, _ in (train, val, test))
    found = []
    for alpha in alphas:
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ train[1])
        found.append((((B @ w - val[1]) ** 2).mean(), alpha))
    alpha, rows, y = (
        min(found)[1],
        np.concatenate([A, B]),
        np.concatenate([train[1], val[1]]),
    )
    w = np.linalg.solve(rows.T @ rows + alpha * np.eye(rows.shape[1]), rows.T @ y)
    return alpha, ((C @ w - test[1]) ** 2).mean()


@mended.mistake(
    "The test error is that of the last w that was fitted. Keep the w of "
    "the alpha that is chosen, or fit it again."
)
def _(train, val, test, alphas):
    mean, spread = train[0].mean(axis=0), train[0].std(axis=0)
    A, B, C = ((X - mean) / spread for X, _ in (train, val, test))
    found = []
    for alpha in alphas:
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ train[1])
        found.append((((B @ w - val[1]) ** 2).mean(), alpha))
    return min(found)[1], ((C @ w - test[1]) ** 2).mean()


@mended.mistake(
    "The two results have changed places: alpha comes first, then the error."
)
def _(train, val, test, alphas):
    mean, spread = train[0].mean(axis=0), train[0].std(axis=0)
    A, B, C = ((X - mean) / spread for X, _ in (train, val, test))
    found = []
    for alpha in alphas:
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ train[1])
        found.append(
            (((B @ w - val[1]) ** 2).mean(), ((C @ w - test[1]) ** 2).mean(), alpha)
        )
    return min(found)[1:]


@mended.mistake(
    "Nothing is scaled. Subtract the training mean and divide by the training standard deviation."
)
def _(train, val, test, alphas):
    (A, y), (V, v), (T, t) = train, val, test
    best = None
    for alpha in alphas:
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ y)
        error = ((V @ w - v) ** 2).mean()
        if best is None or error < best[0]:
            best = error, alpha, w
    return best[1], ((T @ best[2] - t) ** 2).mean()


@mended.mistake(
    "This is the root of the mean squared error. Return the mean of the squares."
)
def _(train, val, test, alphas):
    mean, spread = train[0].mean(axis=0), train[0].std(axis=0)
    A, V, T = ((part[0] - mean) / spread for part in (train, val, test))
    best = None
    for alpha in alphas:
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ train[1])
        error = ((V @ w - val[1]) ** 2).mean()
        if best is None or error < best[0]:
            best = error, alpha, w
    return best[1], np.sqrt(((T @ best[2] - test[1]) ** 2).mean())


@mended.mistake("The squared errors are added up. Return their mean.")
def _(train, val, test, alphas):
    mean, spread = train[0].mean(axis=0), train[0].std(axis=0)
    A, V, T = ((part[0] - mean) / spread for part in (train, val, test))
    best = None
    for alpha in alphas:
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ train[1])
        error = ((V @ w - val[1]) ** 2).mean()
        if best is None or error < best[0]:
            best = error, alpha, w
    return best[1], ((T @ best[2] - test[1]) ** 2).sum()


@mended.mistake(
    "alpha is multiplied by the number of rows. The formula adds alpha itself to the diagonal."
)
def _(train, val, test, alphas):
    mean, spread = train[0].mean(axis=0), train[0].std(axis=0)
    A, V, T = ((part[0] - mean) / spread for part in (train, val, test))
    best = None
    for alpha in alphas:
        w = np.linalg.solve(
            A.T @ A + alpha * len(A) * np.eye(A.shape[1]), A.T @ train[1]
        )
        error = ((V @ w - val[1]) ** 2).mean()
        if best is None or error < best[0]:
            best = error, alpha, w
    return best[1], ((T @ best[2] - test[1]) ** 2).mean()


@mended.mistake(
    "The worst alpha of the validation is chosen. Errors are good when they are small."
)
def _(train, val, test, alphas):
    mean, spread = train[0].mean(axis=0), train[0].std(axis=0)
    A, V, T = ((part[0] - mean) / spread for part in (train, val, test))
    best = None
    for alpha in alphas:
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ train[1])
        error = ((V @ w - val[1]) ** 2).mean()
        if best is None or error > best[0]:
            best = error, alpha, w
    return best[1], ((T @ best[2] - test[1]) ** 2).mean()


@mended.mistake(
    "The mean of y is subtracted before and added after. The formula has y as it is."
)
def _(train, val, test, alphas):
    mean, spread = train[0].mean(axis=0), train[0].std(axis=0)
    A, V, T = ((part[0] - mean) / spread for part in (train, val, test))
    middle = train[1].mean()
    best = None
    for alpha in alphas:
        w = np.linalg.solve(
            A.T @ A + alpha * np.eye(A.shape[1]), A.T @ (train[1] - middle)
        )
        error = ((V @ w + middle - val[1]) ** 2).mean()
        if best is None or error < best[0]:
            best = error, alpha, w
    return best[1], ((T @ best[2] + middle - test[1]) ** 2).mean()


@mended.mistake("The first alpha is taken. Try all of them on the validation part.")
def _(train, val, test, alphas):
    mean, spread = train[0].mean(axis=0), train[0].std(axis=0)
    A, T = ((part[0] - mean) / spread for part in (train, test))
    w = np.linalg.solve(A.T @ A + alphas[0] * np.eye(A.shape[1]), A.T @ train[1])
    return alphas[0], ((T @ w - test[1]) ** 2).mean()


@mended.mistake(
    "This is the place of the chosen alpha in the list. Return alpha itself."
)
def _(train, val, test, alphas):
    mean, spread = train[0].mean(axis=0), train[0].std(axis=0)
    A, V, T = ((part[0] - mean) / spread for part in (train, val, test))
    best = None
    for k, alpha in enumerate(alphas):
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ train[1])
        error = ((V @ w - val[1]) ** 2).mean()
        if best is None or error < best[0]:
            best = error, k, w
    return best[1], ((T @ best[2] - test[1]) ** 2).mean()


@mended.mistake(
    "The mean is not subtracted. Scaled rows have the training mean taken away."
)
def _(train, val, test, alphas):
    spread = train[0].std(axis=0)
    A, V, T = (part[0] / spread for part in (train, val, test))
    best = None
    for alpha in alphas:
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ train[1])
        error = ((V @ w - val[1]) ** 2).mean()
        if best is None or error < best[0]:
            best = error, alpha, w
    return best[1], ((T @ best[2] - test[1]) ** 2).mean()


@mended.mistake("The rows are not divided by the standard deviation.")
def _(train, val, test, alphas):
    mean = train[0].mean(axis=0)
    A, V, T = (part[0] - mean for part in (train, val, test))
    best = None
    for alpha in alphas:
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ train[1])
        error = ((V @ w - val[1]) ** 2).mean()
        if best is None or error < best[0]:
            best = error, alpha, w
    return best[1], ((T @ best[2] - test[1]) ** 2).mean()


@mended.mistake(
    "One standard deviation is taken of all numbers. Each column has its own."
)
def _(train, val, test, alphas):
    mean, spread = train[0].mean(axis=0), train[0].std()
    A, V, T = ((part[0] - mean) / spread for part in (train, val, test))
    best = None
    for alpha in alphas:
        w = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ train[1])
        error = ((V @ w - val[1]) ** 2).mean()
        if best is None or error < best[0]:
            best = error, alpha, w
    return best[1], ((T @ best[2] - test[1]) ** 2).mean()


@mended.alternative(framework="torch")
def _(train, val, test, alphas):
    import torch

    mean, spread = train[0].mean(dim=0), train[0].std(dim=0, correction=0)
    A, y = (train[0] - mean) / spread, train[1]

    def fit(alpha):
        return torch.linalg.solve(A.T @ A + alpha * torch.eye(A.shape[1]), A.T @ y)

    def error(alpha, X, y):
        return ((X - mean) / spread @ fit(alpha) - y).square().mean().item()

    alpha = min(alphas, key=lambda alpha: error(alpha, *val))
    return alpha, error(alpha, *test)


@mended.alternative(framework="mxnet")
def _(train, val, test, alphas):
    from dlkit.mx import nd

    mean = train[0].mean(axis=0)
    spread = ((train[0] - mean) ** 2).mean(axis=0).sqrt()
    A, B, C = ((X - mean) / spread for X, _ in (train, val, test))
    least, result = float("inf"), None
    for alpha in alphas:
        w = nd.dot(
            nd.linalg.inverse(nd.dot(A.T, A) + alpha * nd.eye(A.shape[1])),
            nd.dot(A.T, train[1]),
        )
        error = ((nd.dot(B, w) - val[1]) ** 2).mean().asscalar()
        if error < least:
            least, result = (
                error,
                (alpha, ((nd.dot(C, w) - test[1]) ** 2).mean().asscalar()),
            )
    return result


mended.equivalent(
    "np.eye(A.shape -> np.eye(B.shape", why="All parts have as many columns."
)
mended.equivalent(
    "nd.eye(A.shape -> nd.eye(B.shape", why="All parts have as many columns."
)
mended.equivalent(
    "- val[1]) ** 2).mean -> - val[1]) ** 2).sum",
    why="Sums over the same rows are in the same order as means.",
)
mended.equivalent(
    "error < least -> error <= least", why="No two alphas have the same error."
)
mended.equivalent(
    "w = nd.dot(nd.linalg -> w = nd.dot(nd.dot(A.T, train[1]), nd.linalg",
    why="The matrix is symmetric: from the left and from the right it does the same to a vector.",
)


# 7. Nested validation -----------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "Each outer fold is a small test: which configuration would have been chosen without "
        "it? `inner[k].argmax()`, for fold k alone.",
        "Look up how that configuration did on the fold, `outer[k, ...]`. Then the mean over "
        "folds, weighted with their sizes.",
    ],
    explanation="""
        What is estimated is the whole procedure, choice included, and so each fold may choose
        another configuration. The fold that judges has had no part in the choice; that, and not the
        averaging, makes the estimate honest.
    """,
)
def nested_estimate(inner, outer, sizes):
    """The accuracy that nested validation reports: each outer fold judges the configuration that
    the inner validation chose without it.

    inner: (folds, configurations) float32, mean accuracies of the inner validation, made without
    the fold; no two of a row are equal.
    outer: (folds, configurations) float32, accuracies on the fold of nets trained on all others.
        sizes: (folds,) int64, the examples of each fold.
    Returns a number: the share of all examples that are right.
    """
    right = 0
    for size, before, on_fold in zip(sizes, inner, outer, strict=True):
        right += size * on_fold[before.argmax()]
    return right / sizes.sum()


@nested_estimate.probe(weight=2, repeat=3)
def unequal_folds(rng):
    shape = (int(rng.integers(3, 6)), int(rng.integers(6, 10)))
    return (
        rng.random(shape, np.float32),
        rng.random(shape, np.float32),
        rng.integers(10, 90, shape[0]),
    )


@nested_estimate.probe(weight=1)
def equal_folds(rng):
    return (
        rng.random((5, 7), np.float32),
        rng.random((5, 7), np.float32),
        np.full(5, 24),
    )


@nested_estimate.probe(weight=1)
def one_wins_everywhere(rng):
    inner = rng.uniform(0.2, 0.6, (4, 6)).astype(np.float32)
    inner[:, rng.integers(6)] = rng.uniform(0.7, 0.9, 4)
    return inner, rng.random((4, 6), np.float32), rng.integers(10, 90, 4)


@nested_estimate.probe(weight=0.5)
def better_by_a_hair(rng):
    """The next larger float was the best without the fold. One fold has one example."""
    inner = rng.uniform(0.2, 0.6, (3, 5)).astype(np.float32)
    inner[:, 1] = 0.75
    inner[:, 3] = np.nextafter(np.float32(0.75), np.float32(1))
    return inner, rng.random((3, 5), np.float32), rng.permutation([1, 2, 3])


example(
    nested_estimate,
    floats([0.8, 0.7], [0.6, 0.9]),
    floats([0.5, 1.0], [0.75, 0.25]),
    np.array([10, 30]),
    weight=0.5,
)


@nested_estimate.mistake(
    "Each fold chooses the configuration that is best on itself, which is the "
    "leak that nesting is to stop. `inner` chooses."
)
def _(inner, outer, sizes):
    return (sizes * outer.max(axis=1)).sum() / sizes.sum()


@nested_estimate.mistake(
    "These are the inner accuracies of the winners, by which they were chosen. "
    "Report how the winners did on the outer fold."
)
def _(inner, outer, sizes):
    return (sizes * inner.max(axis=1)).sum() / sizes.sum()


@nested_estimate.mistake(
    "One configuration is chosen for all folds; so each fold has taken part in the choice that "
    "it judges. Choose for each fold anew."
)
def _(inner, outer, sizes):
    return (sizes * outer[:, inner.mean(axis=0).argmax()]).sum() / sizes.sum()


@nested_estimate.mistake(
    "This is the largest mean of the outer accuracies: the configuration "
    "was chosen by the number that is reported."
)
def _(inner, outer, sizes):
    return (sizes @ outer / sizes.sum()).max()


@nested_estimate.mistake(
    "All folds count the same. A fold with more examples weighs more."
)
def _(inner, outer, sizes):
    return outer[np.arange(len(sizes)), inner.argmax(axis=1)].mean()


@nested_estimate.mistake(
    "The worst configuration of the inner validation is taken. These "
    "are accuracies: the largest is best."
)
def _(inner, outer, sizes):
    return (
        sizes * outer[np.arange(len(sizes)), inner.argmin(axis=1)]
    ).sum() / sizes.sum()


@nested_estimate.mistake(
    "The examples that are right are added up, and not divided by all examples."
)
def _(inner, outer, sizes):
    chosen = inner.argmax(axis=1)
    return (outer[np.arange(len(outer)), chosen] * sizes).sum()


@nested_estimate.mistake(
    "The sum is divided by the number of folds. Divide by the number of examples."
)
def _(inner, outer, sizes):
    chosen = inner.argmax(axis=1)
    return (outer[np.arange(len(outer)), chosen] * sizes).sum() / len(outer)


@nested_estimate.mistake("The best fold is reported. Report the share of all examples.")
def _(inner, outer, sizes):
    return outer[np.arange(len(outer)), inner.argmax(axis=1)].max()


@nested_estimate.mistake(
    "Each fold is weighted by the examples of the others. Weight it by its own, sizes[k]."
)
def _(inner, outer, sizes):
    weights = sizes.sum() - sizes
    return (
        outer[np.arange(len(outer)), inner.argmax(axis=1)] * weights
    ).sum() / weights.sum()


@nested_estimate.mistake(
    "A fold judges what was chosen for another. Row k of `inner` chooses for row k of `outer`."
)
def _(inner, outer, sizes):
    rows = (np.arange(len(outer)) + 1) % len(outer)
    return (outer[rows, inner.argmax(axis=1)] * sizes).sum() / sizes.sum()


@nested_estimate.mistake("Only the first fold judges. Let all of them judge.")
def _(inner, outer, sizes):
    return outer[0, inner[0].argmax()]


@nested_estimate.mistake(
    "The sizes are squared: they weigh the folds, and stand below the line, once."
)
def _(inner, outer, sizes):
    chosen = inner.argmax(axis=1)
    return (outer[np.arange(len(outer)), chosen] * sizes**2).sum() / (sizes**2).sum()


@nested_estimate.alternative(framework="torch")
def _(inner, outer, sizes):
    chosen = outer[:, inner.argmax(dim=1)].diag()
    return (chosen * sizes).sum() / sizes.sum()


@nested_estimate.alternative(framework="mxnet")
def _(inner, outer, sizes):
    from dlkit.mx import nd

    chosen = nd.pick(outer, inner.argmax(axis=1))
    weights = sizes.astype("float32")
    return (chosen * weights).sum() / weights.sum()


@nested_estimate.alternative()
def _(inner, outer, sizes):
    return np.average(
        np.take_along_axis(outer, np.argmax(inner, axis=1)[:, None], axis=1).ravel(),
        weights=sizes,
    )


# 8. A plan for few tries --------------------------------------------------------------------------

STRIPES, SQUARES = 0.92, 0.9


@question(
    points=3,
    hints=[
        "Independent draws leave gaps by chance, and a grid by design. What would the values of "
        "one hyperparameter look like if it had all tries for itself?",
        "Cut (0, 1) into as many equal pieces as there are tries and put one value into each. "
        "That is for one hyperparameter; in what order should another take its pieces?",
        "For each column another order, drawn at random: `(rng.permutation(budget) + 0.5) / "
        "budget`. This is called a Latin hypercube.",
    ],
    explanation="""
        Projected on any one hyperparameter, a Latin hypercube (McKay, Beckman and Conover 1979) is
        an even row of all tries: a stripe wider than a piece cannot be missed. Grids put many tries
        on each value, independent draws leave gaps. Points on the diagonal would do for stripes,
        and miss the squares.
    """,
)
def plan(budget, num_dimensions, seed):
    """Which configurations to try: points whose coordinates are the hyperparameters, each scaled to
    (0, 1).

    budget, num_dimensions, seed: whole numbers; the seed is for whoever wants to draw. Returns
    (budget, num_dimensions) floats in [0, 1] that hit 92 % of the stripes, where one hyperparameter
    matters, and 90 % of the squares, where two do.
    """
    rng = np.random.default_rng(seed)
    columns = [(rng.permutation(budget) + 0.5) / budget for _ in range(num_dimensions)]
    return np.stack(columns, axis=1)


@plan.probe(weight=1)
def sixteen_tries(rng):
    return 16, 4, int(rng.integers(2**31))


@plan.probe(weight=1, repeat=2)
def other_budgets(rng):
    return (
        int(rng.choice([19, 21, 23])),
        int(rng.integers(3, 6)),
        int(rng.integers(2**31)),
    )


def _points(inputs, output):
    """The output as (budget, num_dimensions) numbers in [0, 1], or None."""
    try:
        points = np.asarray(output, float)
    except (TypeError, ValueError):
        return None
    return (
        points
        if points.shape == tuple(inputs.args[:2])
        and (points >= 0).all()
        and (points <= 1).all()
        else None
    )


def _hits(points):
    """The shares of stripes and of squares that hold a point, over all places where they may lie
    and all (pairs of) hyperparameters.
    """
    budget, d = points.shape
    hit = []
    for width in (1.6 / budget, 1.6 / budget**0.5):
        starts = np.linspace(0, 1 - width, 101)
        # (d, 101, budget)
        hit.append(
            (points.T[:, None] >= starts[:, None])
            & (points.T[:, None] <= starts[:, None] + width)
        )
    pairs = [
        (hit[1][i].astype(float) @ hit[1][j].T.astype(float) > 0).mean()
        for i in range(d)
        for j in range(i)
    ]
    return hit[0].any(axis=2).mean(), float(np.mean(pairs))


@plan.measure
def _(inputs, output):
    points = _points(inputs, output)
    if points is None:
        return Measurement(
            False,
            f"Asked for are {inputs.args[0]} points of {inputs.args[1]} "
            "coordinates, all between 0 and 1.",
        )
    stripes, squares = _hits(points)
    message = f"{stripes:.1%} of the stripes and {squares:.1%} of the squares are hit"
    return Measurement(
        stripes >= STRIPES and squares >= SQUARES,
        f"{message}; {STRIPES:.0%} and {SQUARES:.0%} are needed.",
    )


def _judged(inputs, output):
    """(stripes, squares, the most that one value of a hyperparameter occurs), or nans."""
    points = _points(inputs, output)
    if points is None:
        return np.nan, np.nan, np.nan
    counts = [
        np.unique(np.round(column, 6), return_counts=True)[1].max()
        for column in points.T
    ]
    return *_hits(points), max(counts)


def _repeats_values(inputs, output):
    stripes, _, most = _judged(inputs, output)
    return stripes < STRIPES and most > 1


def _leaves_gaps(inputs, output):
    stripes, _, most = _judged(inputs, output)
    return stripes < STRIPES and most == 1


def _moves_together(inputs, output):
    stripes, squares, _ = _judged(inputs, output)
    return stripes >= STRIPES and squares < SQUARES


@plan.mistake(
    "The same values of a hyperparameter are tried more than once, as on a grid. If it is the "
    "one that matters, these tries are lost.",
    recognise=_repeats_values,
)
def _(budget, num_dimensions, seed):
    side = max(2, int(budget ** (1 / num_dimensions)))
    points = np.stack(
        np.unravel_index(
            np.arange(budget) % side**num_dimensions, (side,) * num_dimensions
        ),
        axis=1,
    )
    return (points + 0.5) / side


@plan.mistake(
    "There are gaps in which no value of a hyperparameter lies. Independent draws leave such "
    "gaps by chance; spread the values of each evenly.",
    recognise=_leaves_gaps,
)
def _(budget, num_dimensions, seed):
    return np.random.default_rng(seed).random((budget, num_dimensions))


@plan.mistake(
    "Each hyperparameter alone is covered, but two of them move together, and most pairs are "
    "never tried. Let each run through its values in an order of its own.",
    recognise=_moves_together,
)
def _(budget, num_dimensions, seed):
    return np.repeat(
        (np.arange(budget)[:, None] + 0.5) / budget, num_dimensions, axis=1
    )


@plan.mistake(
    "The result has not the form that was asked for: one row for each try, one column for each "
    "hyperparameter, numbers from 0 to 1.",
    recognise=lambda inputs, output: _points(inputs, output) is None,
)
def _(budget, num_dimensions, seed):
    rng = np.random.default_rng(seed)
    return np.stack(
        [(rng.permutation(budget) + 0.5) / budget for _ in range(num_dimensions)]
    )


@plan.alternative(framework="torch")
def _(budget, num_dimensions, seed):
    import torch

    generator = torch.Generator().manual_seed(seed)
    orders = torch.rand(budget, num_dimensions, generator=generator).argsort(dim=0)
    return (orders + 0.5) / budget


@plan.alternative(framework="mxnet")
def _(budget, num_dimensions, seed):
    from dlkit.mx import mx, nd

    mx.random.seed(seed)
    orders = nd.random.uniform(shape=(budget, num_dimensions)).argsort(axis=0)
    return (orders + 0.5) / budget


@plan.alternative()
def _(budget, num_dimensions, seed):
    from scipy.stats import qmc

    return qmc.LatinHypercube(num_dimensions, scramble=False, rng=seed).random(budget)
