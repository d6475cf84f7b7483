"""Random operations: right answers pass whatever they draw first, and each way of drawing
wrongly is told as what it is.
"""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from autograder import NotADraw, question, testing
from autograder.answers.run import LocalAnswer
from autograder.audit.checks import audit
from autograder.judge.examination import examine
from autograder.judge.samples import permutation_test
from autograder.judge.samples.permutation_test import log_chance
from autograder.judge.samples.sample import sample
from autograder.judge.samples.sample_differences import Quantity, differences, looks_at
from autograder.values import frameworks
from autograder.verdict import Status

SEEDS = range(8)


@question(points=2, hints=["Draw two arrays of N whole numbers."], driver="sampled")
def random_crop(images, margin, rng):
    """Cut a window out of each image of a batch, at a place drawn for it.

    images: (N, H, W) float32; the window leaves out `margin` rows and as many columns, and each of
    the (margin + 1) ** 2 places is as likely.
    """
    count, height, width = images.shape
    tops, lefts = rng.integers(0, margin + 1, count), rng.integers(0, margin + 1, count)
    windows = [
        image[top : top + height - margin, left : left + width - margin]
        for image, top, left in zip(images, tops, lefts, strict=True)
    ]
    return np.stack(windows)


@random_crop.probe()
def rectangles(rng):
    return (
        rng.normal(size=(12, *rng.permutation([7, 8]))).astype(np.float32),
        int(rng.integers(1, 4)),
    )


@random_crop.recover
def _(crops, images, margin):
    return find(crops, images, margin)


def find(crops, images, margin):
    _, height, width = crops.shape
    # (N, margin + 1, margin + 1, height, width)
    windows = np.lib.stride_tricks.sliding_window_view(
        images, (height, width), axis=(1, 2)
    )
    same = (
        np.isclose(windows, crops[:, None, None], atol=1e-4)
        .all(axis=(3, 4))
        .reshape(len(images), -1)
    )
    if not same.any(axis=1).all():
        raise NotADraw(
            f"Image {int(same.any(axis=1).argmin())} is no window of what was given."
        )
    tops, lefts = np.divmod(same.argmax(axis=1), windows.shape[2])
    return {"the top row": tops, "the left column": lefts}


def cut(images, margin, tops, lefts):
    _, height, width = images.shape
    return np.stack(
        [
            image[t : t + height - margin, left : left + width - margin]
            for image, t, left in zip(images, tops, lefts, strict=True)
        ]
    )


@random_crop.alternative()
def one_by_one(images, margin, rng):
    windows = []
    for image in images:
        left, top = (int((margin + 1) * rng.random()) for _ in range(2))
        windows.append(
            image[
                top : image.shape[0] - margin + top,
                left : image.shape[1] - margin + left,
            ]
        )
    return np.array(windows)


@random_crop.alternative(framework="torch")
def with_torch(images, margin, rng):
    import torch

    places = torch.from_numpy(rng.integers(0, margin + 1, (len(images), 2)))
    height, width = images.shape[1] - margin, images.shape[2] - margin
    return torch.stack(
        [
            image[top:, left:][:height, :width]
            for image, (top, left) in zip(images, places, strict=True)
        ]
    )


@random_crop.alternative(framework="mxnet")
def with_gluon(images, margin, rng):
    from dlkit.mx import nd

    height, width = images.shape[1] - margin, images.shape[2] - margin
    windows = []
    for index in range(images.shape[0]):
        top, left = (int(place) for place in rng.integers(0, margin + 1, size=2))
        windows.append(images[index, top : top + height, left : left + width])
    return nd.stack(*windows)


@random_crop.mistake(
    "All images of a batch are cut at one place: draw a place for each."
)
def one_place(images, margin, rng):
    top, left = rng.integers(0, margin + 1, 2)
    return cut(images, margin, [top] * len(images), [left] * len(images))


@random_crop.mistake(
    "The last row and column are never the first of a window: the "
    "upper end of `integers` is left out."
)
def end_missing(images, margin, rng):
    return cut(images, margin, *rng.integers(0, margin, (2, len(images))))


@random_crop.mistake(
    "One number serves as row and as column: windows lie on the diagonal only."
)
def diagonal(images, margin, rng):
    places = rng.integers(0, margin + 1, len(images))
    return cut(images, margin, places, places)


@random_crop.mistake(
    "The places come from NumPy's own generator: another run gives others. Draw from `rng`."
)
def another_generator(images, margin, rng):
    return cut(
        images,
        margin,
        *np.random.default_rng().integers(0, margin + 1, (2, len(images))),
    )


@random_crop.mistake(
    "Every call makes the same generator, and so draws the same places."
)
def same_generator(images, margin, rng):
    return cut(
        images,
        margin,
        *np.random.default_rng(0).integers(0, margin + 1, (2, len(images))),
    )


@random_crop.mistake("The images that were given are changed.")
def in_place(images, margin, rng):
    crops = cut(images, margin, *rng.integers(0, margin + 1, (2, len(images))))
    images[:, 0] = 0
    return crops


@random_crop.mistake("Of each image nothing is left but its brightness.")
def averaged(images, margin, rng):
    crops = cut(images, margin, *rng.integers(0, margin + 1, (2, len(images))))
    return np.broadcast_to(crops.mean(axis=(1, 2), keepdims=True), crops.shape)


@random_crop.mistake("The window has the size of the margin.")
def another_size(images, margin, rng):
    return images[:, :margin, :margin]


@pytest.mark.parametrize(
    "answer",
    [random_crop.reference, *random_crop.alternatives],
    ids=lambda answer: answer.function.__name__,
)
def test_right_answers_pass_whatever_they_draw_first(answer):
    if not frameworks.available(answer.framework):
        pytest.skip(f"{answer.framework} is not installed")
    for seed in SEEDS:
        verdict = testing.examine(
            random_crop, answer.function, framework=answer.framework, seed=seed
        )
        assert verdict.status is Status.CORRECT, verdict


@pytest.mark.parametrize(
    "mistake", random_crop.mistakes, ids=lambda mistake: mistake.function.__name__
)
def test_mistakes_are_named(mistake):
    for seed in range(5):
        verdict = testing.examine(
            random_crop, mistake.function, framework=mistake.framework, seed=seed
        )
        # Where nothing is recovered, what is compared tells too little to be sure.
        offered = verdict.details[0].removeprefix("It looks like this: ")
        assert (verdict.earned, verdict.mistake or offered) == (0, mistake.message), (
            verdict
        )


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (
            lambda rng, n, m: rng.integers(0, m + 1, (2, n)) * [[1], [0]],
            "it should be in about 3",
        ),
        (
            lambda rng, n, m: rng.integers(0, m, (2, n)),
            "in 0% of the draws; it should be in about",
        ),
        (
            lambda rng, n, m: np.tile(rng.integers(0, m + 1, (2, 1)), n),
            "of one image tells that of another in the batch",
        ),
        (
            lambda rng, n, m: np.tile(rng.integers(0, m + 1, n), (2, 1)),
            "The top row and the left column hang together",
        ),
        (
            lambda rng, n, m: np.random.default_rng(n).integers(0, m + 1, (2, n)),
            "Every call draws the same",
        ),
        (
            lambda rng, n, m: np.random.default_rng().integers(0, m + 1, (2, n)),
            "gives another result the second time",
        ),
    ],
)
def test_what_is_wrong_with_the_draws_is_said(draw, said):
    verdict = testing.examine(
        random_crop,
        lambda images, margin, rng: cut(
            images, margin, *draw(rng, len(images), margin)
        ),
        framework="numpy",
    )
    assert verdict.status is Status.INCORRECT and said in " ".join(verdict.details)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda images, margin, rng: images, "One call gives an array of shape (12, "),
        (
            lambda images, margin, rng: images[:, margin:, margin:] * 1.01,
            "Image 0 is no window of what was given.",
        ),
        (
            lambda images, margin, rng: (images[:, margin:, margin:], 3),
            "One call gives (an array of shape (12, ",
        ),
        (lambda images, margin, rng: "crop", "One call gives str"),
        (lambda images, margin, rng: [], "One call gives an array of shape (0,)"),
        (
            lambda images, margin, rng: images[:, margin:, margin:] * np.nan,
            "is no window",
        ),
    ],
)
def test_a_result_of_another_kind_fails_and_breaks_nothing(wrong, said):
    verdict = testing.examine(random_crop, wrong, framework="numpy")
    assert verdict.status is Status.INCORRECT and said in " ".join(verdict.details), (
        verdict
    )


def test_an_untouched_stub_is_not_attempted():
    def stub(images, margin, rng):
        raise NotImplementedError(random_crop.name)

    assert (
        testing.examine(random_crop, stub, framework="numpy").status
        is Status.NOT_ATTEMPTED
    )


@question(
    points=1, hints=["Draw as many numbers as there are pixels."], driver="sampled"
)
def add_noise(images, strength, rng):
    """Gaussian noise of mean 0 and standard deviation `strength` on every pixel. images: (N, H,
    W) float32
    """
    return images + strength * rng.standard_normal(images.shape, dtype=np.float32)


@add_noise.probe()
def noisy(rng):
    return (rng.normal(size=(16, 3, 5)).astype(np.float32), float(rng.uniform(0.5, 2)))


@add_noise.recover
def _(noisy, images, strength):
    noise = (noisy - images) / strength
    return {
        "the noise of the first pixel": noise[:, 0, 0],
        "the noise of the last pixel": noise[:, -1, -1],
        "its mean": noise.mean(axis=(1, 2)),
    }


def test_continuous_draws_are_compared_by_rank():
    for seed in SEEDS:
        assert (
            testing.examine(
                add_noise, add_noise.reference.function, framework="numpy", seed=seed
            ).status
            is Status.CORRECT
        )

    def told(noise):
        verdict = testing.examine(
            add_noise,
            lambda images, strength, rng: images + strength * noise(rng, images.shape),
            framework="numpy",
        )
        return " ".join(verdict.details)

    assert "The noise of the first pixel is distributed otherwise" in told(
        lambda rng, shape: rng.uniform(-3.3, 3.3, shape)
    )
    assert "lies between" in told(lambda rng, shape: 2 * rng.standard_normal(shape))
    assert "Its mean lies between" in told(
        lambda rng, shape: rng.standard_normal((shape[0], 1, 1))
    )


SUBTLE = {
    "the first image is never changed": lambda rng, n: np.concatenate(
        [[False], rng.random(n - 1) < 0.5]
    ),
    "the last image is always changed": lambda rng, n: np.concatenate(
        [rng.random(n - 1) < 0.5, [True]]
    ),
    "the second half repeats the first": lambda rng, n: np.tile(
        rng.random(n // 2) < 0.5, 2
    ),
    "each is what it was two places before": lambda rng, n: np.tile(
        rng.random(2) < 0.5, n // 2
    ),
    "exactly half of a batch": lambda rng, n: rng.permutation(n) < n // 2,
    "neighbors are opposites": lambda rng, n: (
        np.repeat(rng.random(n // 2) < 0.5, 2) ^ (np.arange(n) % 2 == 1)
    ),
    "too often": lambda rng, n: rng.random(n) < 0.65,
}


@question(
    points=1, hints=["Compare a number for each image with 1/2."], driver="sampled"
)
def random_flip(images, rng):
    """Mirror each image with probability 1/2. images: (N, W) float32"""
    return np.where((rng.random(len(images)) < 0.5)[:, None], images[:, ::-1], images)


@random_flip.probe()
def rows(rng):
    return (rng.normal(size=(16, 5)).astype(np.float32),)


@random_flip.recover
def _(result, images):
    return {"the flip": np.isclose(result, images[:, ::-1]).all(axis=1)}


@pytest.mark.parametrize("name", SUBTLE)
def test_dependence_within_a_batch_is_found_wherever_it_is(name):
    def answer(images, rng):
        return np.where(
            SUBTLE[name](rng, len(images))[:, None], images[:, ::-1], images
        )

    verdicts = [
        testing.examine(random_flip, answer, framework="numpy", seed=seed)
        for seed in SEEDS
    ]
    assert {verdict.status for verdict in verdicts} == {Status.INCORRECT}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_opposite_use_of_the_same_numbers_is_right(seed):
    def answer(images, rng):
        return np.where(
            (rng.random(len(images)) < 0.5)[:, None], images, images[:, ::-1]
        )

    assert (
        testing.examine(random_flip, answer, framework="numpy", seed=seed).status
        is Status.CORRECT
    )


def of(draw, rng, calls=100):
    """A sample of what `draw(rng)` gives."""
    results = [draw(rng) for _ in range(calls)]
    value = {"draws": results, "changed": False}
    found = sample(
        lambda result: {str(number): part for number, part in enumerate(result)},
        (list(range(calls)),),
        value,
    )
    assert not found.problem
    return found


RIGHT = {
    "counted, of all kinds": lambda rng: (
        rng.integers(0, 3, 12),
        rng.random(12) < 0.5,
        rng.integers(0, 9, 12),
    ),
    "rare": lambda rng: tuple(
        rng.random((4, 16)) < np.array([[0.1], [0.01], [0.003], [0.001]])
    ),
    "ranked": lambda rng: (
        rng.normal(size=12),
        rng.beta(0.2, 0.2, 12),
        rng.exponential(size=12),
    ),
    "one for a batch": lambda rng: (
        np.full(12, rng.beta(0.2, 0.2)),
        np.full(12, rng.random() < 0.5),
        rng.random(12),
    ),
    "equal but for rounding": lambda rng: (
        lam := rng.beta(0.2, 0.2, 12),
        lam + 1e-6 * rng.normal(size=12),
    ),
    "four turns, recovered roughly": lambda rng: (
        90 * rng.integers(0, 4, 12) + 1e-5 * rng.normal(size=12),
    ),
    "a permutation": lambda rng: (rng.permutation(12),),
    "batches of one": lambda rng: (rng.integers(0, 3, 1), rng.random(1)),
    "all or none of a batch": lambda rng: (
        (rng.random() < 0.7) * rng.uniform(0.5, 1, 16),
        np.full(16, rng.integers(4)) + 0.1 * rng.random(16),
    ),
    "pairs": lambda rng: (np.repeat(rng.integers(0, 5, 8), 2),),
    "drawn for some only": lambda rng: (
        (rng.random(16) < 0.3) * rng.uniform(0.5, 1, 16),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_samples_of_one_distribution_are_alike(name):
    rng = np.random.default_rng(0)
    found = [differences(of(RIGHT[name], rng), of(RIGHT[name], rng)) for _ in range(60)]
    assert not any(found), [sentences for sentences in found if sentences]


def refused(draw, times, rng):
    """How many of so many right answers are told apart from others of their kind."""
    return sum(
        bool(differences(of(draw, rng, calls=120), of(draw, rng, calls=30)))
        for _ in range(times)
    )


@pytest.mark.parametrize("name", RIGHT)
def test_no_more_right_answers_are_refused_than_the_budget_says(name, monkeypatch):
    """With a budget that is large enough to be seen; five standard deviations above it."""
    budget, times = 0.05, 40
    monkeypatch.setattr(permutation_test, "BUDGET", budget)
    most = times * budget + 5 * np.sqrt(times * budget)
    assert refused(RIGHT[name], times, np.random.default_rng()) <= most


def least_chances(draw, times, rng):
    """Of so many right answers the least chance that any test gives, times the number of tests,
    in logarithms; 0 where nothing deviates much.

    An answer is 30 of 150 calls, chosen at random; what is counted is counted once.
    """
    one, other = of(draw, rng, calls=120), of(draw, rng, calls=30)
    quantities = [
        Quantity(name, drawn, other.drawn[name], "image")
        for name, drawn in one.drawn.items()
    ]
    found = [
        part for look in looks_at(quantities, "image").all() for part in look.parts
    ]
    whole = [part for part in found if len(part.got) == 30]
    counts = np.concatenate(
        [np.concatenate([p.expected, p.got]) for p in whole], axis=1
    )
    away = counts - counts.mean(axis=0)
    scale = np.sqrt((away**2).sum(axis=0) * 30 * 120 / 150 / 149)
    away /= np.where(scale > 1e-9, scale, np.inf)
    least = np.zeros(times)
    for start in range(0, times, 1_000):
        chosen = rng.random((1_000, 150)).argsort(axis=1) < 30
        for trial, test in np.argwhere(
            np.abs(chosen @ away) > permutation_test.SURELY_COMMON
        ):
            picked = chosen[trial]
            chance = log_chance(counts[~picked, test], counts[picked, test])
            least[start + trial] = min(least[start + trial], chance)
    return np.minimum(least + np.log(counts.shape[1]), 0)


def hold_the_budget(least):
    for budget in (1e-2, 1e-3, 1e-4):
        most = len(least) * budget
        assert (least < np.log(budget)).sum() <= most + 5 * np.sqrt(most) + 1
    assert (least >= np.log(permutation_test.BUDGET)).all()


@pytest.mark.parametrize("name", ["counted, of all kinds", "rare", "ranked"])
def test_chances_are_no_smaller_than_they_should_be(name):
    hold_the_budget(least_chances(RIGHT[name], 3_000, np.random.default_rng()))


@pytest.mark.night
@pytest.mark.parametrize("name", RIGHT)
def test_the_budget_holds_among_a_hundred_thousand_right_answers(name):
    hold_the_budget(least_chances(RIGHT[name], 100_000, np.random.default_rng()))


@pytest.mark.night
@pytest.mark.parametrize("name", RIGHT)
def test_the_budget_holds_among_many_right_answers(name, monkeypatch):
    budget, times = 0.05, 2_000
    monkeypatch.setattr(permutation_test, "BUDGET", budget)
    most = times * budget + 5 * np.sqrt(times * budget)
    assert refused(RIGHT[name], times, np.random.default_rng()) <= most


def stratified(rng, size):
    return rng.permutation((np.arange(size) + rng.random(size)) / size)


def never_the_middle(rng, size):
    numbers = rng.random(size) * 0.96
    return np.where(numbers < 0.48, numbers, numbers + 0.04)


def nine_times_in_ten(rng, size):
    return np.where(rng.random(size) < 0.9, rng.random(size), rng.random(size) ** 3)


def without_replacement(rng, size):
    return np.divmod(rng.choice(54, size, replace=False), 9)


def but_for_one_place(rng, size):
    places = rng.integers(48, size=size)
    return np.divmod(places + (places >= 24), 7)


WRONG = {
    "Laplace's for the normal one": (
        lambda rng: (rng.normal(size=200),),
        lambda rng: (rng.laplace(0, 0.5**0.5, 200),),
    ),
    "a normal one cut off at two deviations": (
        lambda rng: (rng.normal(size=200),),
        lambda rng: (rng.normal(size=200).clip(-2, 2),),
    ),
    "beta with twice the parameters": (
        lambda rng: (rng.beta(0.35, 0.35, 16),),
        lambda rng: (rng.beta(0.7, 0.7, 16),),
    ),
    "beta with twice the parameters, about half": (
        lambda rng: (rng.beta(6, 6, 16),),
        lambda rng: (rng.beta(12, 12, 16),),
    ),
    "stratified": (
        lambda rng: (rng.random(16),),
        lambda rng: (stratified(rng, 16),),
    ),
    "never the middle": (
        lambda rng: (rng.random(48),),
        lambda rng: (never_the_middle(rng, 48),),
    ),
    "nine times in ten": (
        lambda rng: (rng.random(48),),
        lambda rng: (nine_times_in_ten(rng, 48),),
    ),
    "without replacement": (
        lambda rng: (rng.integers(6, size=14), rng.integers(9, size=14)),
        lambda rng: without_replacement(rng, 14),
    ),
    "but for one place of many": (
        lambda rng: np.divmod(rng.integers(49, size=12), 7),
        lambda rng: but_for_one_place(rng, 12),
    ),
    "the sign balanced in each batch": (
        lambda rng: (rng.normal(size=16),),
        lambda rng: (
            abs(rng.normal(size=16)) * rng.permutation(np.resize([-1, 1], 16)),
        ),
    ),
    "the same for two images in a row": (
        lambda rng: (rng.random(16),),
        lambda rng: (np.repeat(rng.random(8), 2),),
    ),
}
"""The right distribution, and another one of much the same range and spread."""


@pytest.mark.parametrize("name", WRONG)
def test_another_distribution_is_refused_on_every_seed(name):
    right, wrong = WRONG[name]
    rng = np.random.default_rng()
    for _ in range(4):
        assert differences(of(right, rng, calls=800), of(wrong, rng, calls=200))


@pytest.mark.night
@pytest.mark.parametrize("name", WRONG)
def test_another_distribution_is_refused_199_times_in_200(name):
    right, wrong = WRONG[name]
    rng = np.random.default_rng()
    found = [
        bool(differences(of(right, rng, calls=800), of(wrong, rng, calls=200)))
        for _ in range(400)
    ]
    assert sum(found) >= 398


def test_wrong_shares_are_not_called_dependence():
    """Of independent draws with other probabilities the shares are told, and nothing else."""
    rng = np.random.default_rng()

    def of_shares(*shares):
        return lambda rng: (rng.choice(3, 16, p=shares), rng.choice(3, 16, p=shares))

    for other in ((0.6, 0.3, 0.1), (0.55, 0.32, 0.13), (0.53, 0.34, 0.13)):
        said = differences(
            of(of_shares(0.5, 0.35, 0.15), rng, calls=400), of(of_shares(*other), rng)
        )
        assert all(
            "of the draws; it should be in about" in sentence for sentence in said
        ), said


def denied(answer):
    """An answer whose process says that everything is as it should be."""
    local = LocalAnswer(answer, "numpy", ())

    def call(driver, args, seconds, wall):
        outcome = local(driver, args, seconds, wall)
        draws = outcome.value["draws"]
        return replace(
            outcome, value={"draws": draws, "again": draws[:3], "changed": False}
        )

    return call


@pytest.mark.parametrize("answer", [another_generator, in_place, same_generator])
def test_what_the_answers_process_says_of_itself_earns_nothing(answer):
    for seed in range(3):
        verdict = examine(random_crop, denied(answer), seed=seed, framework="numpy")
        assert verdict.earned == 0, verdict


def test_a_right_answer_needs_no_word_of_its_process():
    call = denied(random_crop.reference.function)
    assert (
        examine(random_crop, call, seed=0, framework="numpy").status is Status.CORRECT
    )


def test_some_seeds_come_two_and_three_times_and_nobody_foresees_where():
    orders = [next(random_crop.cases(seed)).inputs.args[0] for seed in range(6)]
    for seeds in orders:
        times = Counter(Counter(seeds).values())
        assert times[1] == random_crop.calls - 8 and times[2] == times[3] == 4
    first_repeats = {
        next(place for place, seed in enumerate(seeds) if seed in seeds[:place])
        for seeds in orders
    }
    assert len(first_repeats) > 1


def test_rounding_is_no_difference():
    """float32 may put all values of one sample a little above, and those of the other below,
    what both mean.
    """
    rng = np.random.default_rng(0)

    def rounded(by):
        return lambda rng: tuple(
            values + by * rng.random(12)
            for values in (
                np.full(12, 0.5),
                (rng.random(12) < 0.5) * rng.random(12),
                rng.integers(0, 3, 12),
            )
        )

    assert differences(of(rounded(4e-7), rng), of(rounded(-4e-7), rng)) == []


def test_what_is_drawn_for_some_only_is_compared_among_those():
    """Two of three images are left alone; for the others uniform and bell-shaped amounts of the
    same range are told apart.
    """
    rng = np.random.default_rng(0)

    def amounts(draw):
        return lambda rng: ((rng.random(80) < 1 / 3) * draw(rng),)

    uniform, bell = (
        amounts(lambda rng: rng.random(80)),
        amounts(lambda rng: rng.beta(3, 3, 80)),
    )
    said = differences(of(uniform, rng), of(bell, rng))
    assert (
        len(said) == 1
        and "distributed otherwise than it should be" in said[0]
        and "where it is not 0, with a spread" in said[0]
    )
    rarely = amounts(lambda rng: (rng.random(80) < 0.3) * rng.random(80))
    assert (
        "is 0 in 90% of the draws; it should be in about 67%"
        in differences(of(uniform, rng), of(rarely, rng))[0]
    )


def test_a_shape_that_is_drawn_may_be_rare():
    def widths(least):
        def draw(rng):
            return np.zeros((2, least + rng.binomial(8, 0.5)))

        results = [draw(rng) for _ in range(100)]
        value = {"draws": results, "changed": False}
        return sample(
            lambda result: {"the width": [result.shape[1]]}, (list(range(100)),), value
        )

    rng = np.random.default_rng(0)
    assert not any(differences(widths(1), widths(1)) for _ in range(20))
    assert "width" in differences(widths(1), widths(3))[0]
    assert differences(widths(1), widths(20))[0].startswith(
        "One call gives an array of shape (2, 2"
    )


def test_a_batch_need_not_be_made_of_images():
    rng = np.random.default_rng(0)
    said = differences(
        of(lambda rng: (rng.random(12),), rng),
        of(lambda rng: (np.full(12, rng.random()),), rng),
        "number",
    )
    assert any(
        "of one number tells that of another in the batch: draw one value for each number"
        in sentence
        for sentence in said
    )


def test_a_value_that_should_be_one_for_the_batch_must_be_one():
    rng = np.random.default_rng(0)
    assert (
        "is one value for the whole batch"
        in differences(
            of(lambda rng: (np.full(12, rng.random()),), rng),
            of(lambda rng: (rng.random(12),), rng),
        )[0]
    )


@question(points=1, hints=["Two arrays."], driver="sampled")
def jitter(x, rng):
    """Each number and a whole one that is drawn for it. x: (N,) floats. Returns (x + noise,
    numbers).
    """
    return x + rng.normal(size=x.shape), rng.integers(0, 5, len(x))


@jitter.probe()
def numbers(rng):
    return (rng.normal(size=12),)


@jitter.recover
def _(result, x):
    return {"the noise": result[0] - x, "the number": result[1]}


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (
            lambda x, rng: [x + rng.normal(size=x.shape), rng.integers(0, 5, len(x))],
            True,
        ),
        (
            lambda x, rng: (
                list(x + rng.normal(size=x.shape)),
                rng.integers(0, 5, len(x)).astype(np.float32),
            ),
            True,
        ),
        (
            lambda x, rng: (
                x + rng.normal(size=x.shape),
                rng.integers(0, 5, len(x)) + 0.001,
            ),
            False,
        ),
        (
            lambda x, rng: np.stack(
                [x + rng.normal(size=x.shape), rng.integers(0, 5, len(x))]
            ),
            False,
        ),
        (
            lambda x, rng: (
                (x + rng.normal(size=x.shape))
                * np.where(np.arange(len(x)) > 3, 1, np.nan),
                rng.integers(0, 5, len(x)),
            ),
            False,
        ),
    ],
)
def test_forms_that_stand_for_each_other_elsewhere_do_so_here(answer, right):
    verdict = testing.examine(jitter, answer, framework="numpy")
    assert (verdict.status is Status.CORRECT) == right, verdict


@pytest.mark.slow
def test_the_audit_mutates_random_operations():
    card = audit(random_crop, sample=80)
    assert (
        card.mutants == 80
        and not card.errors
        and not card.false_rejects
        and not card.false_accepts
    )
    assert card.mistakes_named == len(random_crop.mistakes)
    changed = [
        "".join(line for line in survivor.diff.splitlines() if line[:1] in "+-")
        for survivor in card.survivors
    ]
    equivalent = (
        "lefts, tops",
        "for image, left, top in",
        "top, left = (int(",
        "left:, top:",
        "(left, top)",
        "left, top = (int(",
        "integers(margin + 1, size",
    )
    # which of the two is drawn first does not matter
    assert all(any(part in line for part in equivalent) for line in changed), changed
    assert len(changed) < 9
