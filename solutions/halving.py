"""Stopping early: the rungs of successive halving, Hyperband's brackets, promotion, the epochs that
are paid for, ASHA's next job, median stopping, and a forecast of learning curves.
"""

import numpy as np

from autograder import Inputs, Measurement, question
from solutions.examples import example, floats

# 1. Rungs -----------------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "Two things change from rung to rung: there are fewer "
        "configurations, and each gets more epochs.",
        "`n // eta` rounds down, as the statement asks. What must not happen "
        "when 2 configurations are divided by 3?",
    ],
    explanation="""
        Each rung costs about as much as the one before: a third as many configurations, three times
        as many epochs. Rounding down and the floor of one configuration are why the costs are only
        about the same.
    """,
)
def rungs(n, r, R, eta):
    """The rungs of successive halving: how many configurations, and how many epochs each has had in
    all at the end of the rung.

    The first is (n, r). From rung to rung 1/eta of the configurations are kept, rounded down, at
    least one, and get eta times as many epochs, which never exceed R.
    n, r, R, eta: whole numbers, n >= 1, 1 <= r <= R, eta >= 2. Returns a list of pairs.
    """
    found = []
    while r <= R:
        found.append((n, r))
        n, r = n // eta or 1, r * eta
    return found


@rungs.probe(weight=2, repeat=3)
def as_many_as_divide(rng):
    eta, r, steps = (
        int(rng.integers(2, 5)),
        int(rng.integers(1, 4)),
        int(rng.integers(2, 4)),
    )
    return eta**steps, r, r * eta**steps, eta


@rungs.probe(weight=2, repeat=4)
def with_a_remainder(rng):
    eta, r = int(rng.integers(3, 6)), int(rng.integers(1, 5))
    return (
        int(rng.integers(eta**2, 3 * eta**2)) * eta + eta - 1,
        r,
        r * eta**2 + int(rng.integers(1, eta)),
        eta,
    )


@rungs.probe(weight=1, repeat=2)
def fewer_configurations_than_rungs(rng):
    r = int(rng.integers(2, 5))
    return int(rng.integers(2, 5)), r, r * 30, 3


@rungs.probe(weight=1)
def one_rung_only(rng):
    r = int(rng.integers(5, 9))
    return int(rng.integers(10, 20)), r, r + 2, 3


@rungs.probe(weight=0.5)
def a_power_that_logarithms_miss(rng):
    return int(rng.integers(250, 260)), 1, 243, 3


@rungs.probe(weight=0.5)
def many_rungs(rng):
    return (
        int(rng.integers(700_000, 900_000)),
        1,
        int(rng.integers(2**20, 2**20 + 99)),
        2,
    )


@rungs.probe(weight=0.5)
def one_configuration_and_no_more_epochs(rng):
    r = int(rng.integers(5, 9))
    return 1, r, r, 2


for _row in ((27, 1, 27, 3), (10, 2, 20, 3), (2, 1, 9, 3)):
    example(rungs, *_row)


@rungs.mistake("There is a rung without configurations. At least one is always kept.")
def _(n, r, R, eta):
    found = []
    while r <= R:
        found.append((n, r))
        n, r = n // eta, r * eta
    return found


@rungs.mistake("The configurations are rounded up. A rung keeps n // eta of them.")
def _(n, r, R, eta):
    found = []
    while r <= R:
        found.append((n, r))
        n, r = -(-n // eta), r * eta
    return found


@rungs.mistake(
    "When fewer than eta configurations are left, none goes on. The best one always does."
)
def _(n, r, R, eta):
    found = []
    while r <= R and n:
        found.append((n, r))
        n, r = n // eta, r * eta
    return found


@rungs.mistake(
    "Configurations are kept, but get no more epochs than before "
    "plus eta. Epochs are multiplied by eta."
)
def _(n, r, R, eta):
    found = []
    while r <= R:
        found.append((n, r))
        n, r = max(n // eta, 1), r + eta
    return found


@rungs.mistake("1/eta is thrown away. Only 1/eta of the configurations is kept.")
def _(n, r, R, eta):
    found = []
    while r <= R:
        found.append((n, r))
        n, r = max(n - n // eta, 1), r * eta
    return found


@rungs.mistake("n / eta is rounded to the nearest whole number. `//` rounds down.")
def _(n, r, R, eta):
    found = []
    while r <= R:
        found.append((n, r))
        n, r = max(round(n / eta), 1), r * eta
    return found


@rungs.mistake(
    "n / eta is kept as it is, with what stands behind the point. `//` gives whole configurations."
)
def _(n, r, R, eta):
    found = []
    while r <= R:
        found.append((n, r))
        n, r = max(n / eta, 1), r * eta
    return found


@rungs.mistake("eta is subtracted from n. Divide: n // eta.")
def _(n, r, R, eta):
    found = []
    while r <= R:
        found.append((n, r))
        n, r = max(n - eta, 1), r * eta
    return found


@rungs.mistake(
    "The epochs are multiplied by eta and added to those before. They are those in all: r "
    "times eta."
)
def _(n, r, R, eta):
    found = []
    while r <= R:
        found.append((n, r))
        n, r = max(n // eta, 1), r + r * eta
    return found


@rungs.mistake("The rungs are halved, whatever eta is.")
def _(n, r, R, eta):
    found = []
    while r <= R:
        found.append((n, r))
        n, r = max(n // 2, 1), r * 2
    return found


@rungs.mistake(
    "The epochs of a last rung are cut to R. A rung with more epochs than R is left out."
)
def _(n, r, R, eta):
    found = []
    while r <= R:
        found.append((n, r))
        n, r = max(n // eta, 1), min(r * eta, R) if r < R else R + 1
    return found


@rungs.mistake(
    "It ends with the first rung of one configuration. Rungs go on as long as r does not exceed R."
)
def _(n, r, R, eta):
    found = []
    while r <= R:
        found.append((n, r))
        if n == 1:
            break
        n, r = max(n // eta, 1), r * eta
    return found


@rungs.mistake("n stays as it is. From rung to rung n // eta configurations are kept.")
def _(n, r, R, eta):
    found = []
    while r <= R:
        found.append((n, r))
        r = r * eta
    return found


@rungs.mistake(
    "These are the epochs that a rung adds. Asked for are those that each has had in all."
)
def _(n, r, R, eta):
    found, before = [], 0
    while r <= R:
        found.append((n, r - before))
        before = r
        n, r = max(n // eta, 1), r * eta
    return found


@rungs.mistake("The last rung is missing where r is exactly R: `r <= R`.")
def _(n, r, R, eta):
    found = []
    while r < R:
        found.append((n, r))
        n, r = max(n // eta, 1), r * eta
    return found


@rungs.mistake(
    "One configuration too many is kept: n // eta + 1. Only where n // eta is 0 there is one."
)
def _(n, r, R, eta):
    found = []
    while r <= R:
        found.append((n, r))
        n, r = n // eta + 1, r * eta
    return found


@rungs.alternative()
def _(n, r, R, eta):
    k, found = 0, []
    while r * eta**k <= R:
        found.append([n // eta**k or 1, r * eta**k])
        k += 1
    return np.array(found)


@rungs.alternative(framework="torch")
def _(n, r, R, eta):
    import torch

    rows = [torch.tensor([n, r])]
    while rows[-1][1] * eta <= R:
        rows.append(torch.stack([(rows[-1][0] // eta).clamp(min=1), rows[-1][1] * eta]))
    return torch.stack(rows)


@rungs.alternative(framework="mxnet")
def _(n, r, R, eta):
    from dlkit.mx import nd

    counts, epochs = [n], [r]
    while epochs[-1] * eta <= R:
        counts.append(counts[-1] // eta or 1)
        epochs.append(epochs[-1] * eta)
    return nd.stack(nd.array(counts), nd.array(epochs), axis=1)


# 2. Brackets --------------------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "First s_max: the largest s for which eta ** s <= R. A loop over whole numbers is safe; "
        "`int(math.log(R, eta))` is not, try 243 and 3.",
        "Then for s = s_max, ..., 0: n = ceil((s_max + 1) * eta**s "
        "/ (s + 1)), and r = R // eta**s.",
        "Whole numbers round up by `-(-a // b)`.",
    ],
    explanation="""
        Every bracket may spend about (s_max + 1) R epochs, and a bracket of s + 1 rungs about n r
        in each of them. That gives n. The bracket with s = 0 is random search: Hyperband never does
        much worse than that, and never costs more than s_max + 1 times what the best bracket alone
        would.
    """,
)
def brackets(R, eta):
    """How Hyperband's brackets begin: (configurations, epochs) for s = s_max, ..., 0, by Algorithm
    1 of the paper.

    s_max is the largest whole number with eta ** s_max <= R. Bracket s begins with (s_max + 1) *
    eta ** s / (s + 1) configurations, rounded up, and with R / eta ** s epochs, rounded down. R,
    eta: whole numbers, R >= 1, eta >= 2. Returns a list of s_max + 1 pairs.
    """
    s_max = 0
    while eta ** (s_max + 1) <= R:
        s_max += 1
    return [
        (-(-(s_max + 1) * eta**s // (s + 1)), R // eta**s) for s in range(s_max, -1, -1)
    ]


@brackets.probe(weight=2)
def the_paper(rng):
    return 81, 3


@brackets.probe(weight=0.5)
def a_power_that_logarithms_miss(rng):
    return 243, 3


@brackets.probe(weight=0.5)
def a_power_of_ten_that_logarithms_miss(rng):
    return 1000, 10


@brackets.probe(weight=0.5)
def many_brackets(rng):
    return int(rng.integers(2**17, 2**18)), 2


@brackets.probe(weight=0.25)
def one_epoch(rng):
    return 1, int(rng.integers(2, 9))


example(brackets, 2, 3)


@brackets.probe(weight=1)
def a_power_that_its_inverse_misses(rng):
    return 49, 7


@brackets.probe(weight=2, repeat=4)
def other_budgets(rng):
    eta = int(rng.integers(2, 5))
    return int(rng.integers(eta**3 + 1, eta**4)), eta


@brackets.probe(weight=0.5)
def one_below_a_large_power(rng):
    """Where a logarithm with a little added is too large."""
    return 3**10 - 1, 3


@brackets.probe(weight=0.5)
def one_below_a_power(rng):
    eta = int(rng.integers(3, 5))
    return eta**3 - 1, eta


@brackets.probe(weight=1)
def one_bracket_only(rng):
    return int(rng.integers(2, 5)), 7


@brackets.mistake(
    "The number of brackets comes from a logarithm in floating "
    "point, which falls short at exact powers."
)
def _(R, eta):
    import math

    s_max = int(math.log(R) / math.log(eta))
    return [
        (math.ceil((s_max + 1) * eta**s / (s + 1)), R // eta**s)
        for s in range(s_max, -1, -1)
    ]


@brackets.mistake(
    "The configurations are rounded down. The paper's algorithm rounds up."
)
def _(R, eta):
    s_max = 0
    while eta ** (s_max + 1) <= R:
        s_max += 1
    return [
        ((s_max + 1) * eta**s // (s + 1), R // eta**s) for s in range(s_max, -1, -1)
    ]


@brackets.mistake(
    "(s_max + 1) / (s + 1) is rounded down before it is multiplied, as in a table printed with "
    "the paper. Algorithm 1 rounds once, in the end, and up."
)
def _(R, eta):
    s_max = 0
    while eta ** (s_max + 1) <= R:
        s_max += 1
    return [
        ((s_max + 1) // (s + 1) * eta**s, R // eta**s) for s in range(s_max, -1, -1)
    ]


@brackets.mistake(
    "eta to a negative power is not exact, and 49 * 7 ** -2 falls short of "
    "1. Divide whole numbers: R // eta ** s."
)
def _(R, eta):
    s_max = 0
    while eta ** (s_max + 1) <= R:
        s_max += 1
    return [
        (-(-(s_max + 1) * eta**s // (s + 1)), int(R * eta**-s))
        for s in range(s_max, -1, -1)
    ]


@brackets.mistake(
    "All brackets are there, the other way round. The one with the most configurations comes first."
)
def _(R, eta):
    s_max = 0
    while eta ** (s_max + 1) <= R:
        s_max += 1
    return [
        (-(-(s_max + 1) * eta**s // (s + 1)), R // eta**s) for s in range(s_max + 1)
    ]


@brackets.mistake(
    "The budget is not divided among the rungs: n is (s_max + 1) eta**s / (s + 1)."
)
def _(R, eta):
    s_max = 0
    while eta ** (s_max + 1) <= R:
        s_max += 1
    return [(eta**s, R // eta**s) for s in range(s_max, -1, -1)]


@brackets.mistake("One bracket is missing: s runs down to 0, which is random search.")
def _(R, eta):
    s_max = 0
    while eta ** (s_max + 1) <= R:
        s_max += 1
    return [
        (-(-(s_max + 1) * eta**s // (s + 1)), R // eta**s) for s in range(s_max, 0, -1)
    ]


@brackets.mistake("n is rounded to the nearest whole number. It is rounded up.")
def _(R, eta):
    s_max = 0
    while eta ** (s_max + 1) <= R:
        s_max += 1
    return [
        (round((s_max + 1) * eta**s / (s + 1)), R // eta**s)
        for s in range(s_max, -1, -1)
    ]


@brackets.mistake("The epochs are rounded up. They are rounded down.")
def _(R, eta):
    s_max = 0
    while eta ** (s_max + 1) <= R:
        s_max += 1
    return [
        (-(-(s_max + 1) * eta**s // (s + 1)), -(-R // eta**s))
        for s in range(s_max, -1, -1)
    ]


@brackets.mistake("The epochs are not rounded. They are whole: R // eta ** s.")
def _(R, eta):
    s_max = 0
    while eta ** (s_max + 1) <= R:
        s_max += 1
    return [
        (-(-(s_max + 1) * eta**s // (s + 1)), R / eta**s) for s in range(s_max, -1, -1)
    ]


@brackets.mistake("n has s_max where it should have s_max + 1.")
def _(R, eta):
    s_max = 0
    while eta ** (s_max + 1) <= R:
        s_max += 1
    return [(-(-s_max * eta**s // (s + 1)), R // eta**s) for s in range(s_max, -1, -1)]


@brackets.mistake(
    "The two numbers of each pair are in the wrong order: configurations first, then epochs."
)
def _(R, eta):
    s_max = 0
    while eta ** (s_max + 1) <= R:
        s_max += 1
    return [
        (R // eta**s, -(-(s_max + 1) * eta**s // (s + 1))) for s in range(s_max, -1, -1)
    ]


@brackets.mistake(
    "The epochs are powers of eta here. They are R // eta ** s, where R need not be a power."
)
def _(R, eta):
    s_max = 0
    while eta ** (s_max + 1) <= R:
        s_max += 1
    return [
        (-(-(s_max + 1) * eta**s // (s + 1)), eta ** (s_max - s))
        for s in range(s_max, -1, -1)
    ]


@brackets.mistake(
    "The quotient (s_max + 1) / (s + 1) is rounded up before it is multiplied. Round up at the end."
)
def _(R, eta):
    s_max = 0
    while eta ** (s_max + 1) <= R:
        s_max += 1
    return [
        (-(-(s_max + 1) // (s + 1)) * eta**s, R // eta**s) for s in range(s_max, -1, -1)
    ]


@brackets.mistake(
    "s_max is too small where R is a power of eta: eta ** s_max may be equal to R."
)
def _(R, eta):
    s_max = 0
    while eta ** (s_max + 1) < R:
        s_max += 1
    return [
        (-(-(s_max + 1) * eta**s // (s + 1)), R // eta**s) for s in range(s_max, -1, -1)
    ]


@brackets.mistake(
    "s_max is rounded up. It is the largest whole number with eta ** s_max <= R."
)
def _(R, eta):
    s_max = 0
    while eta**s_max < R:
        s_max += 1
    return [
        (-(-(s_max + 1) * eta**s // (s + 1)), R // eta**s) for s in range(s_max, -1, -1)
    ]


@brackets.mistake(
    "The epochs are not rounded down, and the number of brackets comes from a quotient of "
    "logarithms, which falls short at exact powers. Work with whole numbers: R // eta ** s."
)
def _(R, eta):
    import math

    s_max = int(math.log(R) / math.log(eta))
    return [
        (math.ceil((s_max + 1) * eta**s / (s + 1)), R * eta**-s)
        for s in range(s_max, -1, -1)
    ]


@brackets.alternative()
def _(R, eta):
    from fractions import Fraction
    from math import ceil

    powers = [1]
    while powers[-1] * eta <= R:
        powers.append(powers[-1] * eta)
    return [
        (ceil(Fraction(len(powers) * power, s + 1)), R // power)
        for s, power in reversed(list(enumerate(powers)))
    ]


@brackets.alternative(framework="torch")
def _(R, eta):
    import torch

    powers = [1]
    while powers[0] * eta <= R:
        powers.insert(0, powers[0] * eta)
    left = torch.arange(len(powers), 0, -1)
    powers = torch.tensor(powers)
    return torch.stack([(len(left) * powers + left - 1) // left, R // powers], dim=1)


@brackets.alternative(framework="mxnet")
def _(R, eta):
    from dlkit.mx import nd

    found, power = [], 1
    while power <= R:
        found.append((power, R // power))
        power *= eta
    rows = [
        nd.array([-(-len(found) * power // (s + 1)), r])
        for s, (power, r) in enumerate(found)
    ]
    return nd.stack(*rows[::-1])


brackets.equivalent(
    "s_max = 0 -> s_max = -1", why="eta to the power 0 is 1, which never exceeds R."
)
brackets.equivalent(
    "len(left) -> len(powers)", why="There is one of each for every bracket."
)


# 3. Promote ---------------------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "How many may go on: all that were tried count, the diverged as well. "
        "Who may go on: only those with a number.",
        "`sorted` keeps the order of what is equal, also with `reverse=True`. But comparing "
        "with NaN is always false, which leaves a list unsorted: take NaN out first.",
        "`[i for i, a in enumerate(accuracies) if a == a]` are the places without NaN.",
    ],
    explanation="""
        A diverged training reports NaN, and NaN has a way to the top: `np.argsort` puts it last, so
        whoever takes the last third for the best promotes what has blown up. Ties are common too,
        since an accuracy on 400 images takes only 401 values; a rule for them makes a search
        repeatable.
    """,
)
def promote(accuracies, eta):
    """The configurations that go on from a rung, the best first.

    As many as len(accuracies) // eta, but at least one. Of equal accuracies the earlier is better.
    NaN, a training that has diverged, never goes on, even if fewer are left.
    accuracies: a list of N floats, N >= 1; eta: a whole number, at least 2. Returns a list of
    indices, which may be empty.
    """
    # NaN is not equal to itself
    usable = [i for i, accuracy in enumerate(accuracies) if accuracy == accuracy]
    best = sorted(usable, key=lambda i: accuracies[i], reverse=True)
    return best[: len(accuracies) // eta or 1]


def _accuracies(rng, n):
    return [
        float(value)
        for value in rng.permutation(np.linspace(0.2, 0.9, n))
        + rng.uniform(-0.01, 0.01, n)
    ]


@promote.probe(weight=2, repeat=3)
def all_different(rng):
    eta = int(rng.integers(2, 5))
    return _accuracies(rng, int(rng.integers(3, 5)) * eta + eta - 1), eta


@promote.probe(weight=2, repeat=3)
def ties(rng):
    """The last who goes on is as good as one who does not."""
    values = [0.9, *rng.permutation([0.7] * 5 + [0.5] * 4 + [0.6, 0.4, 0.3])]
    return [float(value) for value in values], int(rng.integers(3, 5))


@promote.probe(weight=2, repeat=2)
def diverged(rng):
    values = np.array(_accuracies(rng, 14))
    values[rng.choice(14, 4, replace=False)] = np.nan
    return values.tolist(), int(rng.integers(3, 5))


@promote.probe(weight=1)
def nearly_all_diverged(rng):
    """The two that are left are right on everything, and on nothing."""
    values = np.full(12, np.nan)
    values[rng.choice(12, 2, replace=False)] = 0, 1
    return values.tolist(), 3


@promote.probe(weight=1)
def fewer_than_eta(rng):
    return _accuracies(rng, 3), 4


@promote.probe(weight=1)
def as_many_as_divide(rng):
    eta = int(rng.integers(2, 5))
    return _accuracies(rng, int(rng.integers(3, 5)) * eta), eta


@promote.probe(weight=0.5)
def better_by_a_hair(rng):
    """By the last bit of a float32; the better one comes later. Another one has 0."""
    best = np.float32(rng.integers(5, 8) / 8)
    return [0.0, float(best), 0.3, float(np.nextafter(best, np.float32(1))), 0.1], 3


@promote.probe(weight=1)
def all_diverged(rng):
    return [float("nan")] * int(rng.integers(3, 7)), 2


@promote.probe(weight=0.25)
def a_single_one(rng):
    return [float(rng.uniform(0.3, 0.9))], 3


_NAN = float("nan")
for _accuracies_of_the_row, _eta in (
    ([0.5, 0.7, 0.6, 0.7, 0.2, 0.1, 0.3], 3),
    ([0.5, _NAN, 0.6, _NAN, _NAN, 0.4], 2),
    ([0.5, _NAN, _NAN, _NAN, _NAN, _NAN], 3),
    ([0.3, 0.4], 3),
):
    example(promote, _accuracies_of_the_row, _eta)


@promote.mistake("One too few goes on where eta divides N: as many as N // eta.")
def _(accuracies, eta):
    usable = [i for i, accuracy in enumerate(accuracies) if accuracy == accuracy]
    best = sorted(usable, key=lambda i: accuracies[i], reverse=True)
    return best[: max(1, (len(accuracies) - 1) // eta)]


@promote.mistake(
    "Where all have diverged nobody goes on: return an empty list, not None."
)
def _(accuracies, eta):
    usable = [i for i, accuracy in enumerate(accuracies) if accuracy == accuracy]
    best = sorted(usable, key=lambda i: accuracies[i], reverse=True)
    return best[: len(accuracies) // eta or 1] or None


@promote.mistake("The worst go on. Larger accuracies are better.")
def _(accuracies, eta):
    usable = [i for i, accuracy in enumerate(accuracies) if accuracy == accuracy]
    return sorted(usable, key=lambda i: accuracies[i])[: max(len(accuracies) // eta, 1)]


@promote.mistake("N / eta is rounded up. It is rounded down.")
def _(accuracies, eta):
    usable = [i for i, accuracy in enumerate(accuracies) if accuracy == accuracy]
    return sorted(usable, key=lambda i: accuracies[i], reverse=True)[
        : -(-len(accuracies) // eta)
    ]


@promote.mistake(
    "NaN is taken for the best, and ties are turned round: sorting puts NaN last and the earlier "
    "of equals first, and reversing undoes both."
)
def _(accuracies, eta):
    return np.argsort(accuracies)[::-1][: max(len(accuracies) // eta, 1)]


@promote.mistake(
    "Comparing with NaN is always false, which leaves the list unsorted. Take NaN out first."
)
def _(accuracies, eta):
    return sorted(range(len(accuracies)), key=lambda i: -accuracies[i])[
        : max(len(accuracies) // eta, 1)
    ]


@promote.mistake(
    "Comparing with NaN is always false: with it the list is not "
    "sorted, reversed or not. Take NaN out first."
)
def _(accuracies, eta):
    return sorted(range(len(accuracies)), key=lambda i: accuracies[i], reverse=True)[
        : max(len(accuracies) // eta, 1)
    ]


@promote.mistake(
    "Of equal accuracies the later goes on. The earlier is to: reversing "
    "a sorted order reverses ties as well."
)
def _(accuracies, eta):
    usable = [i for i, accuracy in enumerate(accuracies) if accuracy == accuracy]
    return sorted(usable, key=lambda i: accuracies[i])[::-1][
        : max(len(accuracies) // eta, 1)
    ]


@promote.mistake(
    "Only those with a number are counted. All N are: the diverged were tried as well."
)
def _(accuracies, eta):
    usable = [i for i, accuracy in enumerate(accuracies) if accuracy == accuracy]
    return sorted(usable, key=lambda i: accuracies[i], reverse=True)[
        : max(len(usable) // eta, 1)
    ]


@promote.mistake(
    "With fewer than eta configurations nobody goes on. The best one does."
)
def _(accuracies, eta):
    usable = [i for i, accuracy in enumerate(accuracies) if accuracy == accuracy]
    return sorted(usable, key=lambda i: accuracies[i], reverse=True)[
        : len(accuracies) // eta
    ]


@promote.mistake(
    "Diverged trainings go on when too few others are left. NaN never does."
)
def _(accuracies, eta):
    return np.argsort(-np.array(accuracies), kind="stable")[
        : max(len(accuracies) // eta, 1)
    ]


@promote.mistake("They stand in the order of their indices. The best comes first.")
def _(accuracies, eta):
    alive = [i for i, accuracy in enumerate(accuracies) if accuracy == accuracy]
    alive.sort(key=lambda i: -accuracies[i])
    return sorted(alive[: max(1, len(accuracies) // eta)])


@promote.mistake("As many as eta go on. It is the part: N // eta.")
def _(accuracies, eta):
    alive = [i for i, accuracy in enumerate(accuracies) if accuracy == accuracy]
    return sorted(alive, key=lambda i: -accuracies[i])[:eta]


@promote.mistake("All but N // eta go on. N // eta is the number of those that do.")
def _(accuracies, eta):
    alive = [i for i, accuracy in enumerate(accuracies) if accuracy == accuracy]
    alive.sort(key=lambda i: -accuracies[i])
    return alive[: len(accuracies) - len(accuracies) // eta]


@promote.mistake("These are the accuracies. Return the indices.")
def _(accuracies, eta):
    alive = sorted(
        (accuracy for accuracy in accuracies if accuracy == accuracy), reverse=True
    )
    return alive[: max(1, len(accuracies) // eta)]


@promote.mistake("N / eta is rounded to the nearest whole number. `//` rounds down.")
def _(accuracies, eta):
    alive = [i for i, accuracy in enumerate(accuracies) if accuracy == accuracy]
    alive.sort(key=lambda i: -accuracies[i])
    return alive[: max(1, round(len(accuracies) / eta))]


@promote.mistake(
    "All that are as good as the last that goes on go on, too. Only N // eta do, of equal "
    "ones the earlier."
)
def _(accuracies, eta):
    alive = [i for i, accuracy in enumerate(accuracies) if accuracy == accuracy]
    alive.sort(key=lambda i: -accuracies[i])
    first = alive[: max(1, len(accuracies) // eta)]
    return [i for i in alive if accuracies[i] >= accuracies[first[-1]]] if first else []


@promote.mistake(
    "The indices count only those that have not diverged. They are those of the whole list."
)
def _(accuracies, eta):
    alive = [accuracy for accuracy in accuracies if accuracy == accuracy]
    order = sorted(range(len(alive)), key=lambda i: -alive[i])
    return order[: max(1, len(accuracies) // eta)]


@promote.mistake(
    "NaN takes places of those that go on. It is left out first; then the best of the others go on."
)
def _(accuracies, eta):
    order = sorted(
        range(len(accuracies)), key=lambda i: -np.nan_to_num(accuracies[i], nan=9.0)
    )
    first = order[: max(1, len(accuracies) // eta)]
    return [i for i in first if accuracies[i] == accuracies[i]]


@promote.mistake(
    "An index is looked up by its accuracy, which finds the first of equal ones again and again."
)
def _(accuracies, eta):
    alive = sorted(
        (accuracy for accuracy in accuracies if accuracy == accuracy), reverse=True
    )
    return [
        accuracies.index(accuracy)
        for accuracy in alive[: max(1, len(accuracies) // eta)]
    ]


@promote.mistake("At least two go on. At least one does.")
def _(accuracies, eta):
    alive = [i for i, accuracy in enumerate(accuracies) if accuracy == accuracy]
    alive.sort(key=lambda i: -accuracies[i])
    return alive[: max(2, len(accuracies) // eta)]


@promote.alternative()
def _(accuracies, eta):
    accuracies = np.array(accuracies)
    order = np.argsort(-accuracies, kind="stable")[: len(accuracies) // eta or 1]
    return order[np.isfinite(accuracies[order])]


@promote.alternative(framework="torch")
def _(accuracies, eta):
    import torch

    values = torch.tensor(accuracies)
    usable = (~values.isnan()).nonzero().flatten().tolist()
    order = sorted(usable, key=lambda i: -values[i].item())
    return torch.tensor(order[: len(values) // eta or 1])


@promote.alternative(framework="mxnet")
def _(accuracies, eta):
    pairs = sorted(
        (-accuracy, i) for i, accuracy in enumerate(accuracies) if accuracy == accuracy
    )
    places = [i for _, i in pairs]
    return places[: len(accuracies) // eta or 1]


# 4. Epochs paid -----------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "A dictionary: for each configuration, how many epochs it has had.",
        "A job costs its epochs minus those that the configuration has had already, if training "
        "resumes; all of its epochs otherwise. Asked for again, what is there costs nothing.",
    ],
    explanation="""
        With eta = 3, promotions that start anew cost up to half as much again. Papers and libraries
        count differently, so a comparison at "equal budgets" must say which book it keeps.
    """,
)
def epochs_paid(jobs, resume):
    """How many epochs a search has paid for.

    jobs: a list of pairs (configuration, epochs) in the order in which they ran: train this
        configuration until it has had so many epochs in all.
    resume: True where training goes on from the most epochs that the configuration has had before,
    so that a job that asks for no more than these costs nothing; False where every job starts anew.
    Returns a whole number.
    """
    reached, paid = {}, 0
    for configuration, epochs in jobs:
        had = reached.get(configuration, 0) if resume else 0
        if epochs > had:
            paid += epochs - had
            reached[configuration] = epochs
    return paid


def _jobs(rng, n=7):
    jobs, names = [], [int(name) for name in rng.permutation(np.arange(1, 40))[:n]]
    for name in names:
        jobs.append((name, int(rng.integers(2, 5))))
    for name in (*names[: n // 2], *names[:2]):
        jobs.append(
            (
                name,
                max(epochs for other, epochs in jobs if other == name) * 3
                + int(rng.integers(2)),
            )
        )
    # The same job twice, and two configurations that are the same number in 8 bits.
    return [*jobs, jobs[-1], jobs[n - 1], (0, 5), (256, 300), (0, 6)]


@epochs_paid.probe(weight=2, repeat=2)
def resumed(rng):
    return _jobs(rng), True


@epochs_paid.probe(weight=2, repeat=2)
def started_anew(rng):
    return _jobs(rng), False


@epochs_paid.probe(weight=1, repeat=2)
def asked_again_for_less(rng):
    jobs = _jobs(rng)
    return [
        *jobs,
        (jobs[0][0], 1 + int(rng.integers(3))),
        (jobs[0][0], 200),
        (jobs[3][0], 1),
        (jobs[2][0], 2),
    ], True


@epochs_paid.probe(weight=1)
def asked_again_for_less_anew(rng):
    jobs = _jobs(rng)
    return [*jobs, (jobs[0][0], 1 + int(rng.integers(3)))], False


@epochs_paid.probe(weight=1)
def nothing_done(rng):
    return [], True


@epochs_paid.probe(weight=1)
def nothing_done_anew(rng):
    return [], False


for _jobs_of_the_row in ([(5, 1), (8, 1), (5, 3), (5, 9)], [(5, 9), (5, 4), (5, 10)]):
    for _resume in (True, False):
        example(epochs_paid, _jobs_of_the_row, _resume, weight=0.2)


@epochs_paid.mistake(
    "Equal jobs are counted once. Where every job starts anew each is paid for."
)
def _(jobs, resume):
    if resume:
        most = {}
        for configuration, epochs in jobs:
            most[configuration] = max(epochs, most.get(configuration, 0))
        return sum(most.values())
    return sum(epochs for _, epochs in set(map(tuple, jobs)))


@epochs_paid.mistake(
    "All jobs are paid in full. Where training resumes, only what is new costs."
)
def _(jobs, resume):
    return sum(epochs for _, epochs in jobs)


@epochs_paid.mistake(
    "Promotions are counted as resumed although every job starts anew."
)
def _(jobs, resume):
    reached = {}
    for configuration, epochs in jobs:
        reached[configuration] = max(epochs, reached.get(configuration, 0))
    return sum(reached.values())


@epochs_paid.mistake("The two books are the wrong way round.")
def _(jobs, resume):
    reached = {}
    for configuration, epochs in jobs:
        reached[configuration] = max(epochs, reached.get(configuration, 0))
    return sum(epochs for _, epochs in jobs) if resume else sum(reached.values())


@epochs_paid.mistake(
    "A job that asks for fewer epochs than there were gives epochs back. It costs nothing."
)
def _(jobs, resume):
    return sum(dict(jobs).values()) if resume else sum(epochs for _, epochs in jobs)


@epochs_paid.mistake(
    "After a job for fewer epochs the larger number is forgotten. Going on "
    "starts from the most epochs that there were."
)
def _(jobs, resume):
    reached, paid = {}, 0
    for configuration, epochs in jobs:
        paid += max(epochs - (reached.get(configuration, 0) if resume else 0), 0)
        reached[configuration] = epochs
    return paid


@epochs_paid.mistake(
    "A job that asks for less than before is paid negatively. It costs nothing."
)
def _(jobs, resume):
    had, paid = {}, 0
    for name, epochs in jobs:
        paid += epochs - (had.get(name, 0) if resume else 0)
        had[name] = max(had.get(name, 0), epochs)
    return paid


@epochs_paid.mistake(
    "All configurations share their epochs. Each resumes from its own."
)
def _(jobs, resume):
    had, paid = 0, 0
    for _, epochs in jobs:
        paid += max(0, epochs - had) if resume else epochs
        had = max(had, epochs)
    return paid


@epochs_paid.mistake(
    "Training resumes only from the job directly before. The configuration may have run long ago."
)
def _(jobs, resume):
    paid, before = 0, (None, 0)
    for name, epochs in jobs:
        had = before[1] if resume and name == before[0] else 0
        paid += max(0, epochs - had)
        before = (name, max(had, epochs))
    return paid


@epochs_paid.mistake(
    "Epochs of a configuration are added up. Those of a job count what it has had in all."
)
def _(jobs, resume):
    had, paid = {}, 0
    for name, epochs in jobs:
        paid += max(0, epochs - had.get(name, 0)) if resume else epochs
        had[name] = had.get(name, 0) + epochs
    return paid


@epochs_paid.mistake(
    "A job that asks for less than before starts anew and is paid in full. It costs nothing."
)
def _(jobs, resume):
    had, paid = {}, 0
    for name, epochs in jobs:
        before = had.get(name, 0) if resume else 0
        paid += epochs - before if epochs >= before else epochs
        had[name] = max(had.get(name, 0), epochs)
    return paid


@epochs_paid.mistake(
    "Every job costs at least one epoch. One that asks for no more than before costs nothing."
)
def _(jobs, resume):
    had, paid = {}, 0
    for name, epochs in jobs:
        before = had.get(name, 0) if resume else 0
        paid += max(1, epochs - before)
        had[name] = max(had.get(name, 0), epochs)
    return paid


@epochs_paid.mistake(
    "Where there are no jobs the result is None. Nothing costs 0 epochs."
)
def _(jobs, resume):
    had, paid = {}, 0
    for name, epochs in jobs:
        paid += max(0, epochs - had.get(name, 0)) if resume else epochs
        had[name] = max(had.get(name, 0), epochs)
    return paid if jobs else None


@epochs_paid.mistake("The first job is passed over. It is paid as well.")
def _(jobs, resume):
    had, paid = {}, 0
    for name, epochs in jobs[1:]:
        paid += max(0, epochs - had.get(name, 0)) if resume else epochs
        had[name] = max(had.get(name, 0), epochs)
    return paid


@epochs_paid.mistake(
    "Configuration 0 starts anew each time, as if there were none. 0 is a number like others."
)
def _(jobs, resume):
    had, paid = {}, 0
    for name, epochs in jobs:
        before = had.get(name, 0) if resume and name else 0
        paid += max(0, epochs - before)
        had[name] = max(had.get(name, 0), epochs)
    return paid


@epochs_paid.alternative()
def _(jobs, resume):
    most = {}
    for configuration, epochs in jobs:
        most.setdefault(configuration, []).append(epochs)
    return sum(max(times) if resume else sum(times) for times in most.values())


@epochs_paid.alternative(framework="torch")
def _(jobs, resume):
    import torch

    if not resume or not jobs:
        return sum(epochs for _, epochs in jobs)
    names, epochs = torch.tensor(jobs).T
    return sum(epochs[names == name].max() for name in names.unique())


@epochs_paid.alternative(framework="mxnet")
def _(jobs, resume):
    from dlkit.mx import nd

    if not jobs:
        return 0
    array = nd.array(jobs)  # (J, 2)
    if not resume:
        return array[:, 1].sum()
    return sum(
        (array[:, 1] * (array[:, 0] == name)).max().asscalar()
        for name in {name for name, _ in jobs}
    )


epochs_paid.equivalent(
    "epochs > had -> epochs >= had", why="What is asked for and there costs nothing."
)


# 5. ASHA's next job -------------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "Begin at the highest rung from which one can be promoted, and go "
        "down: `range(len(rungs) - 2, -1, -1)`.",
        "In each rung sort the configurations by accuracy, best first, and take len(rung) // "
        "eta of them: here possibly none. The first of these that is "
        "not in `promoted[k]` is the answer.",
        "Whoever has been promoted keeps its place among the best: the "
        "rest do not move up because it has left.",
    ],
    explanation="""
        ASHA waits for nobody: a promotion may turn out wrong when better configurations arrive
        later, and the paper argues that their share vanishes as configurations become many. The top
        rung is left out, since nothing is above it; and a rung with fewer than eta results promotes
        nobody yet.
    """,
)
def next_job(rungs, promoted, eta):
    """Which configuration ASHA promotes next: a pair (configuration, rung from which it is
    promoted), or None if none is ready, and a new one is to be started.

    Rungs are looked through from the last but one down to 0. In a rung the best len(rung) // eta of
    those that have finished it are candidates, the promoted ones included; the best candidate that
    has not been promoted from there is the answer.
    rungs: a list of dictionaries, configuration -> accuracy, no two of them equal; promoted: a list
    of lists, the configurations that were promoted from each rung.
    eta: a whole number, at least 2.
    """
    for k in range(len(rungs) - 2, -1, -1):
        best = sorted(rungs[k], key=rungs[k].get, reverse=True)
        for configuration in best[: len(best) // eta]:
            if configuration not in promoted[k]:
                return configuration, k
    return None


def _tower(rng, sizes, gone, fall=1.0):
    """Rungs of so many configurations, of which the best so many have been promoted, but for
    what else stands in the rung above.

    fall: what accuracies are multiplied by from rung to rung.
    """
    names = [int(name) for name in 10 + rng.permutation(80)[: sizes[0]]]
    rungs, promoted = [], []
    for size, many in zip(sizes, gone, strict=True):
        values = np.round(
            rng.permutation(np.linspace(0.2, 0.9, size)) + rng.uniform(-0.01, 0.01), 4
        )
        values = values * fall ** len(rungs)
        rungs.append(
            {
                name: float(value)
                for name, value in zip(names[:size], values, strict=True)
            }
        )
        best = sorted(rungs[-1], key=rungs[-1].get, reverse=True)
        promoted.append(best[:many])
        names = best
    return rungs, promoted


@next_job.probe(weight=2, repeat=3)
def from_the_lowest_rung(rng):
    return *_tower(rng, (int(rng.integers(15, 18)), 2, 0), (2, 0, 0)), 3


@next_job.probe(weight=2, repeat=3)
def the_highest_first(rng):
    """Where accuracies are lower: another validation set, say."""
    return *_tower(rng, (int(rng.integers(30, 33)), 7, 1), (7, 1, 0), fall=0.2), 3


@next_job.probe(weight=1, repeat=2)
def four_rungs(rng):
    return *_tower(rng, (int(rng.integers(30, 33)), 9, 3, 0), (9, 2, 0, 0)), 3


@next_job.probe(weight=1, repeat=2)
def a_gap_among_the_best(rng):
    """One was promoted before a better one arrived."""
    rungs, promoted = _tower(rng, (13, 0, 0), (3, 0, 0))
    promoted[0] = promoted[0][1:]
    return rungs, promoted, 4


@next_job.probe(weight=1, repeat=2)
def one_that_has_fallen(rng):
    """The worst of all was promoted while few were there."""
    rungs, promoted = _tower(rng, (13, 0, 0), (3, 0, 0))
    promoted[0][1] = min(rungs[0], key=rungs[0].get)
    return rungs, promoted, 4


@next_job.probe(weight=2, repeat=3)
def nobody_is_ready(rng):
    return *_tower(rng, (int(rng.integers(28, 30)), 9, 3), (9, 3, 0)), 3


@next_job.probe(weight=1)
def too_few_yet(rng):
    return *_tower(rng, (2, 0, 0), (0, 0, 0)), 3


@next_job.probe(weight=1, repeat=2)
def one_that_came_from_below(rng):
    """The lowest rung has nobody left, and the one above can promote whom it got from there."""
    return *_tower(rng, (int(rng.integers(27, 30)), 9, 2), (9, 2, 0)), 3


@next_job.probe(weight=0.25)
def the_best_by_a_hair(rng):
    """It is better by the last bit of a float32, and stands behind the other."""
    best = np.float32(rng.integers(5, 8) / 8)
    hair = float(np.nextafter(best, np.float32(1)))
    return [{3: float(best), 5: hair, 8: 0.1}, {}], [[], []], 3


@next_job.probe(weight=0.25)
def number_zero(rng):
    """A configuration like any other, at an accuracy of 0."""
    values = (0.0, *(-rng.uniform(1, 2, 4)).tolist())
    return [dict(zip((0, 4, 2, 9, 7), values, strict=True)), {}], [[], []], 5


@next_job.probe(weight=0.25)
def a_single_rung(rng):
    return [{3: 0.5, 5: float(rng.uniform(0.6, 0.9)), 8: 0.1}], [[]], 2


_HEIGHTS = [
    {4: 0.61, 9: 0.55, 2: 0.42, 7: 0.40, 5: 0.33, 8: 0.21, 3: 0.12},
    {4: 0.70, 2: 0.62, 9: 0.58},
    {},
]
example(next_job, _HEIGHTS, [[4, 9, 2], [], []], 3)
example(next_job, _HEIGHTS, [[4, 9, 2], [4], []], 3)


@next_job.mistake(
    "Whoever was promoted from any rung is left out. One that came from a lower rung may still be "
    "promoted from this one: look at `promoted[k]` alone."
)
def _(rungs, promoted, eta):
    gone = {configuration for names in promoted for configuration in names}
    for k in range(len(rungs) - 2, -1, -1):
        best = sorted(rungs[k], key=rungs[k].get, reverse=True)
        for configuration in best[: len(best) // eta]:
            if configuration not in gone:
                return configuration, k
    return None


@next_job.mistake(
    "The best candidate of all rungs is taken. The highest rung that has one comes first, however "
    "good those below are."
)
def _(rungs, promoted, eta):
    found = []
    for k in range(len(rungs) - 1):
        best = sorted(rungs[k], key=rungs[k].get, reverse=True)[: len(rungs[k]) // eta]
        found += [(rungs[k][name], name, k) for name in best if name not in promoted[k]]
    return max(found)[1:] if found else None


@next_job.mistake(
    "The lowest rung comes first here. Look at the highest from "
    "which one can be promoted, and go down."
)
def _(rungs, promoted, eta):
    for k in range(len(rungs) - 1):
        best = sorted(rungs[k], key=rungs[k].get, reverse=True)
        for configuration in best[: len(best) // eta]:
            if configuration not in promoted[k]:
                return configuration, k
    return None


@next_job.mistake(
    "A rung always promotes at least one here. In ASHA a rung with fewer "
    "than eta results promotes nobody yet."
)
def _(rungs, promoted, eta):
    for k in range(len(rungs) - 2, -1, -1):
        best = sorted(rungs[k], key=rungs[k].get, reverse=True)
        for configuration in best[: max(len(best) // eta, 1)]:
            if configuration not in promoted[k]:
                return configuration, k
    return None


@next_job.mistake(
    "Whoever was promoted is left out before the best are taken, so that "
    "worse ones move up. They keep their places."
)
def _(rungs, promoted, eta):
    for k in range(len(rungs) - 2, -1, -1):
        best = sorted(
            (name for name in rungs[k] if name not in promoted[k]),
            key=rungs[k].get,
            reverse=True,
        )
        if best[: len(rungs[k]) // eta]:
            return best[0], k
    return None


@next_job.mistake(
    "Promotions are counted, but one that has fallen out of the best does not use up a place."
)
def _(rungs, promoted, eta):
    for k in range(len(rungs) - 2, -1, -1):
        best = sorted(
            (name for name in rungs[k] if name not in promoted[k]),
            key=rungs[k].get,
            reverse=True,
        )
        if len(rungs[k]) // eta > len(promoted[k]):
            return best[0], k
    return None


@next_job.mistake(
    "Somebody is promoted from the last rung, above which there is "
    "none. Begin with the last but one."
)
def _(rungs, promoted, eta):
    for k in range(len(rungs) - 1, -1, -1):
        best = sorted(rungs[k], key=rungs[k].get, reverse=True)
        for configuration in best[: len(best) // eta]:
            if configuration not in promoted[k]:
                return configuration, k
    return None


@next_job.mistake("The number of candidates is rounded up. It is len(rung) // eta.")
def _(rungs, promoted, eta):
    for k in range(len(rungs) - 2, -1, -1):
        best = sorted(rungs[k], key=rungs[k].get, reverse=True)
        for configuration in best[: -(-len(best) // eta)]:
            if configuration not in promoted[k]:
                return configuration, k
    return None


@next_job.mistake(
    "The worst candidate is promoted first. Take the best that has not been promoted."
)
def _(rungs, promoted, eta):
    for k in range(len(rungs) - 2, -1, -1):
        best = sorted(rungs[k], key=rungs[k].get, reverse=True)
        for configuration in best[: len(best) // eta][::-1]:
            if configuration not in promoted[k]:
                return configuration, k
    return None


@next_job.mistake(
    "The rung is that to which it is promoted. Name the one from which it comes."
)
def _(rungs, promoted, eta):
    for k in range(len(rungs) - 2, -1, -1):
        best = sorted(rungs[k], key=rungs[k].get, reverse=True)
        for configuration in best[: len(best) // eta]:
            if configuration not in promoted[k]:
                return configuration, k + 1
    return None


@next_job.mistake("The worst of a rung are taken for its candidates. The best are.")
def _(rungs, promoted, eta):
    for k in reversed(range(len(rungs) - 1)):
        order = sorted(rungs[k], key=lambda name: rungs[k][name])
        for name in order[: len(rungs[k]) // eta]:
            if name not in promoted[k]:
                return name, k
    return None


@next_job.mistake(
    "Only the configuration is returned. Return the pair with the rung from which it is promoted."
)
def _(rungs, promoted, eta):
    for k in reversed(range(len(rungs) - 1)):
        order = sorted(rungs[k], key=lambda name: -rungs[k][name])
        for name in order[: len(rungs[k]) // eta]:
            if name not in promoted[k]:
                return name
    return None


@next_job.mistake(
    "The pair is in the wrong order: the configuration first, then the rung."
)
def _(rungs, promoted, eta):
    for k in reversed(range(len(rungs) - 1)):
        order = sorted(rungs[k], key=lambda name: -rungs[k][name])
        for name in order[: len(rungs[k]) // eta]:
            if name not in promoted[k]:
                return k, name
    return None


@next_job.mistake(
    "Nobody asks who has been promoted: the best of a rung goes on again and again."
)
def _(rungs, promoted, eta):
    for k in reversed(range(len(rungs) - 1)):
        order = sorted(rungs[k], key=lambda name: -rungs[k][name])
        for name in order[: len(rungs[k]) // eta]:
            return name, k
    return None


@next_job.mistake(
    "Only the best of a rung is looked at. If it was promoted, the next candidate has its turn."
)
def _(rungs, promoted, eta):
    for k in reversed(range(len(rungs) - 1)):
        order = sorted(rungs[k], key=lambda name: -rungs[k][name])
        for name in order[: len(rungs[k]) // eta][:1]:
            if name not in promoted[k]:
                return name, k
    return None


@next_job.mistake("Rung 0 is never looked at. The rungs go down to 0.")
def _(rungs, promoted, eta):
    for k in range(len(rungs) - 2, 0, -1):
        order = sorted(rungs[k], key=lambda name: -rungs[k][name])
        for name in order[: len(rungs[k]) // eta]:
            if name not in promoted[k]:
                return name, k
    return None


@next_job.mistake(
    "The candidates are the first of the dictionary. They are the best: sort by accuracy."
)
def _(rungs, promoted, eta):
    for k in reversed(range(len(rungs) - 1)):
        for name in list(rungs[k])[: len(rungs[k]) // eta]:
            if name not in promoted[k]:
                return name, k
    return None


@next_job.mistake(
    "Where no rung has a candidate the result is an empty pair. Return None."
)
def _(rungs, promoted, eta):
    for k in reversed(range(len(rungs) - 1)):
        order = sorted(rungs[k], key=lambda name: -rungs[k][name])
        for name in order[: len(rungs[k]) // eta]:
            if name not in promoted[k]:
                return name, k
    return ()


@next_job.mistake(
    "Whoever stands in the rung above is left out. `promoted[k]` says who was promoted."
)
def _(rungs, promoted, eta):
    for k in reversed(range(len(rungs) - 1)):
        order = sorted(rungs[k], key=lambda name: -rungs[k][name])
        for name in order[: len(rungs[k]) // eta]:
            if name not in rungs[k + 1]:
                return name, k
    return None


@next_job.mistake("Where no rung has a candidate the result is -1. Return None.")
def _(rungs, promoted, eta):
    for k in reversed(range(len(rungs) - 1)):
        order = sorted(rungs[k], key=lambda name: -rungs[k][name])
        for name in order[: len(rungs[k]) // eta]:
            if name not in promoted[k]:
                return name, k
    return -1


@next_job.mistake(
    "The candidates are a share of those that have not been promoted. Take len(rung) // eta of "
    "all in the rung; whoever was promoted keeps its place."
)
def _(rungs, promoted, eta):
    for k in range(len(rungs) - 2, -1, -1):
        left = [name for name in rungs[k] if name not in promoted[k]]
        best = sorted(left, key=rungs[k].get, reverse=True)[: len(left) // eta]
        if best:
            return best[0], k
    return None


@next_job.mistake(
    "Configuration 0 is taken for none. It is a name like others: ask `is not None`."
)
def _(rungs, promoted, eta):
    for k in range(len(rungs) - 2, -1, -1):
        best = sorted(rungs[k], key=rungs[k].get, reverse=True)
        candidates = best[: len(rungs[k]) // eta]
        name = next((one for one in candidates if one not in promoted[k]), None)
        if name:
            return name, k
    return None


@next_job.alternative()
def _(rungs, promoted, eta):
    found = None
    for k, (rung, gone) in enumerate(zip(rungs[:-1], promoted, strict=False)):
        ranks = {
            name: sum(other > value for other in rung.values())
            for name, value in rung.items()
        }
        ready = [
            name for name in rung if ranks[name] < len(rung) // eta and name not in gone
        ]
        if ready:
            found = (min(ready, key=ranks.get), k)
    return found


@next_job.alternative(framework="torch")
def _(rungs, promoted, eta):
    import torch

    for k in reversed(range(len(rungs) - 1)):
        names, values = list(rungs[k]), torch.tensor(list(rungs[k].values()))
        for place in values.topk(len(names) // eta).indices.tolist():
            if names[place] not in promoted[k]:
                return names[place], k
    return None


@next_job.alternative(framework="mxnet")
def _(rungs, promoted, eta):
    for k in reversed(range(len(rungs) - 1)):
        names = [
            name
            for _, name in sorted((-value, name) for name, value in rungs[k].items())
        ]
        ready = [
            name for name in names[: len(names) // eta] if name not in set(promoted[k])
        ]
        if ready:
            return [ready[0], k]
    return None


for _known, _same in (("len(rungs)", "len(promoted)"), ("len(names)", "len(values)")):
    next_job.equivalent(f"{_known} -> {_same}", why="There are as many of both.")


# 6. Median stopping -------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "Two numbers at every epoch: the running training's best accuracy so far, and the "
        "median of one column of `completed`.",
        "`np.maximum.accumulate(curve)` and `np.median(completed, axis=0)`; the first epoch at "
        "which one is smaller than the other. Count epochs from 1.",
    ],
    explanation="""
        The best so far stands for the running training, so that one bad epoch does not stop it; the
        median stands for the others. The rule asks for no rungs and no eta. It begins mildly, and
        grows strict: whoever completes has passed it, and raises it for the next.
    """,
)
def stopped_at(curve, completed):
    """After how many epochs the median rule stops a training: the first epoch at which the best
    accuracy so far is smaller than the median, over the completed trainings, of their accuracies at
    that same epoch. If it is never stopped, all T.

    curve: (T,) float32, accuracies after epochs 1 to T; completed: (M, T) float32. M is odd.
    Returns a whole number from 1 to T.
    """
    best = -np.inf
    for epoch in range(len(curve)):
        best = max(best, float(curve[epoch]))
        column = sorted(float(row[epoch]) for row in completed)
        if best < column[len(column) // 2]:
            return epoch + 1
    return len(curve)


def _running(rng, T, M, stop):
    """A training just above the median until epoch `stop`, with a jump and two dips that must not
    stop it, and high again after it. At one epoch the worst of the others leads and the best is
    behind: the median of the bests so far is then above the running training.
    """
    median = 0.2 + 0.04 * np.arange(T) + rng.uniform(0, 0.005, T)
    # then further below than above, so that the mean is not the median
    away = np.array(
        [0, *rng.uniform(0.05, 0.15, M // 2), *-rng.uniform(0.05, 0.15, M // 2)]
    )
    completed = median + away[rng.permutation(M), None] * np.linspace(0.5, 1, T)
    completed -= 0.1 * (completed < median - 0.01)
    once = int(rng.integers(stop - 2))
    completed[completed[:, 0].argsort()[[0, -1]], once] = (
        median[once] + 0.2,
        median[once] - 0.1,
    )
    curve, jump = median + 0.01, int(rng.integers(1, stop - 3))
    curve[jump : jump + 3] = (
        median[jump + 2] + 0.005,
        median[jump + 1] - 0.02,
        median[jump + 2] - 0.02,
    )
    curve[stop - 1] -= 0.02
    curve[stop:] += 0.1
    return curve.astype(np.float32), completed.astype(np.float32)


@stopped_at.probe(weight=3, repeat=4)
def stopped_on_the_way(rng):
    T = int(rng.integers(10, 14))
    return _running(rng, T, 5 + 2 * int(rng.integers(3)), int(rng.integers(5, T - 1)))


@stopped_at.probe(weight=1)
def never_stopped(rng):
    curve, completed = _running(rng, 11, 7, 8)
    curve[7] += np.float32(0.03)
    return curve, completed


@stopped_at.probe(weight=1)
def stopped_at_once(rng):
    curve, completed = _running(rng, 9, 7, 6)
    curve[0] -= np.float32(0.1)
    return curve, completed


@stopped_at.probe(weight=1)
def stopped_at_the_last_but_one(rng):
    return _running(rng, 10, 5, 9)


@stopped_at.probe(weight=1)
def as_good_as_the_median(rng):
    """Equal is not smaller."""
    curve, completed = _running(rng, 9, 5, 7)
    curve[:3] = np.median(completed, axis=0)[:3]
    return curve, completed


@stopped_at.probe(weight=1)
def good_in_the_beginning(rng):
    """Between the median of all numbers and that of the ends, and overtaken on the way."""
    T, M = 11, 5
    medians = np.linspace(0.2, 0.7, T)
    away = rng.permutation([-0.04, -0.02, 0, 0.05, 0.06])
    return np.full(T, 0.53, np.float32), (medians + away[:M, None]).astype(np.float32)


@stopped_at.probe(weight=1)
def behind_by_a_hair(rng):
    """Equal to the median at first, and then the next smaller float."""
    _, completed = _running(rng, 10, 5, 7)
    curve, stop = np.median(completed, axis=0), int(rng.integers(4, 8))
    curve[stop] = np.nextafter(curve[stop], np.float32(0))
    curve[stop + 1 :] += np.float32(0.2)
    return curve, completed


@stopped_at.probe(weight=0.5)
def one_completed_training(rng):
    completed = (np.linspace(0.2, 0.7, 6) + rng.uniform(0, 0.03, 6))[None].astype(
        np.float32
    )
    curve = completed[0] + np.float32(0.01)
    curve[4] = curve[3]
    return curve, completed


@stopped_at.probe(weight=0.25)
def one_epoch(rng):
    return np.zeros(1, np.float32), np.zeros((3, 1), np.float32)


example(
    stopped_at,
    floats(0.2, 0.1, 0.4, 0.3, 0.5),
    floats(
        [0.1, 0.3, 0.4, 0.5, 0.6], [0.2, 0.2, 0.5, 0.6, 0.7], [0.3, 0.1, 0.2, 0.3, 0.3]
    ),
    weight=0.5,
)


@stopped_at.mistake("This is the median of all numbers. Take the median at each epoch.")
def _(curve, completed):
    below = np.maximum.accumulate(curve) < np.median(completed)
    return int(below.argmax()) + 1 if below.any() else len(curve)


@stopped_at.mistake(
    "The accuracy of the epoch is compared, so that one bad epoch "
    "is enough. Compare the best so far."
)
def _(curve, completed):
    below = curve < np.median(completed, axis=0)
    return int(below.argmax()) + 1 if below.any() else len(curve)


@stopped_at.mistake("This is the mean of the completed trainings. Take their median.")
def _(curve, completed):
    below = np.maximum.accumulate(curve) < np.mean(completed, axis=0)
    return int(below.argmax()) + 1 if below.any() else len(curve)


@stopped_at.mistake(
    "The median is taken of the trainings' accuracies in the end. Take it at the same epoch."
)
def _(curve, completed):
    below = np.maximum.accumulate(curve) < np.median(completed[:, -1])
    return int(below.argmax()) + 1 if below.any() else len(curve)


@stopped_at.mistake(
    "The best so far is for the running training only. The others "
    "count with their accuracy at this epoch."
)
def _(curve, completed):
    below = np.maximum.accumulate(curve) < np.median(
        np.maximum.accumulate(completed, axis=1), axis=0
    )
    return int(below.argmax()) + 1 if below.any() else len(curve)


@stopped_at.mistake("Epochs are counted from 0. The first is number 1.")
def _(curve, completed):
    below = np.maximum.accumulate(curve) < np.median(completed, axis=0)
    return int(below.argmax()) if below.any() else len(curve)


@stopped_at.mistake(
    "A training that is never stopped gives 1 here: `argmax` of "
    "nothing but False is 0. It should give T."
)
def _(curve, completed):
    return (
        int((np.maximum.accumulate(curve) < np.median(completed, axis=0)).argmax()) + 1
    )


@stopped_at.mistake(
    "A training that equals the median is stopped. Only a smaller accuracy stops it."
)
def _(curve, completed):
    below = np.maximum.accumulate(curve) <= np.median(completed, axis=0)
    return int(below.argmax()) + 1 if below.any() else len(curve)


@stopped_at.mistake(
    "The median is that of the trainings' averages so far. Take their accuracies at the same epoch."
)
def _(curve, completed):
    best = curve[0]
    for t in range(len(curve)):
        best = max(best, curve[t])
        if best < np.median(completed[:, : t + 1].mean(axis=1)):
            return t + 1
    return len(curve)


@stopped_at.mistake(
    "A training that is never stopped gives T, the number of its epochs. Here it gives "
    "another number."
)
def _(curve, completed):
    stop = np.maximum.accumulate(curve) < np.median(completed, axis=0)
    return int(stop.argmax()) + 1 if stop.any() else len(curve) + 1


@stopped_at.mistake(
    "It is compared with the best of the completed trainings. Take their median."
)
def _(curve, completed):
    stop = np.maximum.accumulate(curve) < completed.max(axis=0)
    return int(stop.argmax()) + 1 if stop.any() else len(curve)


@stopped_at.mistake(
    "The first epoch is never compared. The training may be stopped after it."
)
def _(curve, completed):
    stop = np.maximum.accumulate(curve) < np.median(completed, axis=0)
    stop[0] = False
    return int(stop.argmax()) + 1 if stop.any() else len(curve)


@stopped_at.mistake(
    "This is the last epoch at which it is below. It is stopped at the first."
)
def _(curve, completed):
    below = np.flatnonzero(np.maximum.accumulate(curve) < np.median(completed, axis=0))
    return int(below[-1]) + 1 if len(below) else len(curve)


@stopped_at.mistake(
    "The middle row of `completed` is taken for the median. Sort the accuracies of each epoch "
    "first."
)
def _(curve, completed):
    stop = np.maximum.accumulate(curve) < completed[len(completed) // 2]
    return int(stop.argmax()) + 1 if stop.any() else len(curve)


@stopped_at.mistake(
    "A training that is never stopped gives 0 here. It gives T, the number of its epochs."
)
def _(curve, completed):
    stop = np.maximum.accumulate(curve) < np.median(completed, axis=0)
    return int(stop.argmax()) + 1 if stop.any() else 0


@stopped_at.mistake(
    "A training that is never stopped gives None here. It gives T, the number of its epochs."
)
def _(curve, completed):
    stop = np.maximum.accumulate(curve) < np.median(completed, axis=0)
    return int(stop.argmax()) + 1 if stop.any() else None


@stopped_at.mistake(
    "A training that is hardly below the median goes on. Any that is strictly smaller is stopped."
)
def _(curve, completed):
    stop = np.maximum.accumulate(curve) < np.median(completed, axis=0) - 0.001
    return int(stop.argmax()) + 1 if stop.any() else len(curve)


@stopped_at.alternative()
def _(curve, completed):
    below = np.maximum.accumulate(curve) < np.median(completed, axis=0)
    return int(below.argmax()) + 1 if below.any() else len(curve)


@stopped_at.alternative(framework="torch")
def _(curve, completed):
    below = curve.cummax(dim=0).values < completed.median(dim=0).values
    return int(below.int().argmax()) + 1 if below.any() else len(curve)


@stopped_at.alternative(framework="mxnet")
def _(curve, completed):
    median = completed.sort(axis=0)[completed.shape[0] // 2]
    for epoch in range(len(curve)):
        if curve[: epoch + 1].max().asscalar() < median[epoch].asscalar():
            return epoch + 1
    return len(curve)


stopped_at.equivalent(
    "range(len(curve)) -> range(len(curve) - 1)",
    why="Stopped after the last epoch or never: both give T.",
)
stopped_at.equivalent(
    "max(best, float(curve[epoch])) -> max(float(curve[epoch]), best)",
    why="The larger of two numbers.",
)
stopped_at.equivalent("cummax(dim=0) -> cummax(dim=-1)", why="A curve has one axis.")


# 7. A forecast ------------------------------------------------------------------------------------

RANK = 0.7


@question(
    points=3,
    hints=[
        "The 60 complete curves show how beginnings and ends hang together: a fast start is a "
        "good end in one set, and a bad one in another. It is a regression, from 9 numbers to 1.",
        "Single epochs are noisy. Try few features: the mean of the last three epochs, how much "
        "was gained since the first three, a constant; and their ends by least squares.",
        "`np.linalg.lstsq(features, complete[:, -1], rcond=None)[0]` are the "
        "coefficients. A small ridge does no harm.",
    ],
    explanation="""
        Rank by the latest accuracy, as halving does, and the slow ones lose that would have won.
        Where finished curves are at hand, a forecast of the end is a better reason to promote:
        Domhan, Springenberg and Hutter (2015) and Klein et al. (2017) extrapolate learning curves
        in this way. It fails where a curve does what none has done before.
    """,
    seconds=20,
)
def forecast(complete, started):
    """A score for each started training, the larger the better it will be in the end.

    complete: (60, 81) float32, the accuracies of 60 trainings after epochs 1 to 81; started: (40,
    9) float32, of 40 others after epochs 1 to 9. Returns (40,) numbers.
    Their rank correlation with the accuracies after 81 epochs, which you do not see, must reach
    0.7.
    """

    def features(curves):
        early, late = curves[:, :3].mean(axis=1), curves[:, 6:9].mean(axis=1)
        return np.stack([np.ones(len(curves)), late, late - early], axis=1)

    return (
        features(started)
        @ np.linalg.lstsq(features(complete), complete[:, -1], rcond=None)[0]
    )


def _crossing(rng, n, sign):
    """(n, 81): the fast start high, the slow start low; the slow end high (sign 1) or the fast
    (-1).
    """
    slowness, quality = rng.uniform(0, 1, (2, n, 1))
    epochs = np.arange(1, 82)
    end = 0.625 + sign * 0.25 * (slowness - 0.5) + 0.05 * quality
    share = 1 - np.exp(-epochs / (2 + 14 * slowness))
    return (0.1 + (end - 0.1) * share + rng.normal(0, 0.005, (n, 81))).astype(
        np.float32
    )


def _set(rng, sign):
    curves = _crossing(rng, 100, sign)
    return Inputs((curves[:60], curves[60:, :9].copy()), secret=curves[60:, -1])


@forecast.probe(repeat=2)
def the_slow_end_high(rng):
    return _set(rng, 1)


@forecast.probe()
def the_fast_end_high(rng):
    return _set(rng, -1)


def _rank_correlation(inputs, output):
    """Spearman's, or nan where the output is not 40 finite numbers that differ."""
    try:
        scores = np.asarray(output, float)
    except (TypeError, ValueError):
        return np.nan
    if (
        scores.shape != inputs.secret.shape
        or not np.isfinite(scores).all()
        or np.ptp(scores) == 0
    ):
        return np.nan
    ranks = [
        np.array(
            [np.mean(values < value) + np.mean(values <= value) for value in values]
        )
        for values in (scores, inputs.secret)
    ]
    return float(np.corrcoef(*ranks)[0, 1])


@forecast.measure
def _(inputs, output):
    found = _rank_correlation(inputs, output)
    if np.isnan(found):
        return Measurement(
            False, "40 finite numbers were expected that are not all equal."
        )
    return Measurement(
        bool(found >= RANK),
        f"Rank correlation with the end {found:.2f} (at least {RANK}).",
    )


@forecast.mistake(
    "The order is upside down. In some sets the highest after nine epochs end highest, in "
    "others the lowest do: the complete curves tell which.",
    recognise=lambda inputs, output: _rank_correlation(inputs, output) <= -RANK,
)
def _(complete, started):
    return -started[:, -1]


@forecast.mistake(
    "The order has too little to do with the end. The complete curves show how beginnings and "
    "ends hang together: learn from them.",
    recognise=lambda inputs, output: -RANK < _rank_correlation(inputs, output) < RANK,
)
def _(complete, started):
    return np.arange(len(started))


@forecast.mistake(
    "All scores are equal, which ranks nobody.",
    recognise=lambda inputs, output: (
        np.shape(output) == inputs.secret.shape
        and np.ptp(np.asarray(output, float)) == 0
    ),
)
def _(complete, started):
    return np.full(len(started), complete[:, -1].mean())


@forecast.alternative()
def _(complete, started):
    """Ridge regression on all nine epochs."""
    X = np.c_[np.ones(len(complete)), complete[:, :9]]
    w = np.linalg.solve(X.T @ X + 1e-2 * np.eye(10), X.T @ complete[:, -1])
    return np.c_[np.ones(len(started)), started] @ w


@forecast.alternative(framework="torch")
def _(complete, started):
    """The mean end of the five curves that began most alike in level and gain."""
    import torch

    def features(curves):
        return torch.stack(
            [curves[:, 6:9].mean(dim=1), curves[:, :3].mean(dim=1)], dim=1
        )

    nearest = (
        torch.cdist(features(started), features(complete))
        .topk(5, largest=False)
        .indices
    )
    return complete[nearest, -5:].mean(dim=(1, 2))


@forecast.alternative(framework="mxnet")
def _(complete, started):
    from dlkit.mx import nd

    def features(curves):
        late = curves[:, 6:9].mean(axis=1)
        return nd.stack(
            nd.ones(len(curves)), late, late - curves[:, :3].mean(axis=1), axis=1
        )

    X = features(complete)
    A, b = nd.dot(X.T, X), nd.dot(X.T, complete[:, 72:].mean(axis=1))
    factor = nd.linalg.potrf(A + 1e-5 * nd.eye(3))
    w = nd.linalg.potri(factor)
    return nd.dot(features(started), nd.dot(w, b))
