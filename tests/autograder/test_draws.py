"""Random operations: right answers pass whatever they draw first, and each way of drawing wrongly is told as what it is."""

import numpy as np
import pytest

from autograder import NotADraw, frameworks, question
from autograder.audit.checks import audit
from autograder.judge import examine_answer
from autograder.verdict import Status

SEEDS = range(8)


@question(points=2, hints=["Draw two arrays of N whole numbers."], driver="sampled")
def random_crop(images, margin, rng):
    """Cut a window out of each image of a batch, at a place drawn for it.

    images: (N, H, W) float32; the window leaves out `margin` rows and as many columns, and each of the (margin + 1) ** 2 places is as likely.
    """
    count, height, width = images.shape
    tops, lefts = rng.integers(0, margin + 1, count), rng.integers(0, margin + 1, count)
    windows = [
        image[top : top + height - margin, left : left + width - margin] for image, top, left in zip(images, tops, lefts, strict=True)
    ]
    return np.stack(windows)


@random_crop.probe()
def rectangles(rng):
    return (rng.normal(size=(12, *rng.permutation([7, 8]))).astype(np.float32), int(rng.integers(1, 4)))


@random_crop.recover
def _(crops, images, margin):
    return find(crops, images, margin)


def find(crops, images, margin):
    _, height, width = crops.shape
    windows = np.lib.stride_tricks.sliding_window_view(images, (height, width), axis=(1, 2))  # (N, margin + 1, margin + 1, height, width)
    same = np.isclose(windows, crops[:, None, None], atol=1e-4).all(axis=(3, 4)).reshape(len(images), -1)
    if not same.any(axis=1).all():
        raise NotADraw(f"Image {int(same.any(axis=1).argmin())} is no window of what was given.")
    tops, lefts = np.divmod(same.argmax(axis=1), windows.shape[2])
    return {"the top row": tops, "the left column": lefts}


def cut(images, margin, tops, lefts):
    _, height, width = images.shape
    return np.stack(
        [image[t : t + height - margin, left : left + width - margin] for image, t, left in zip(images, tops, lefts, strict=True)]
    )


@random_crop.alternative()
def one_by_one(images, margin, rng):
    windows = []
    for image in images:
        left, top = (int((margin + 1) * rng.random()) for _ in range(2))
        windows.append(image[top : image.shape[0] - margin + top, left : image.shape[1] - margin + left])
    return np.array(windows)


@random_crop.alternative(framework="torch")
def with_torch(images, margin, rng):
    import torch

    places = torch.from_numpy(rng.integers(0, margin + 1, (len(images), 2)))
    height, width = images.shape[1] - margin, images.shape[2] - margin
    return torch.stack([image[top:, left:][:height, :width] for image, (top, left) in zip(images, places, strict=True)])


@random_crop.alternative(framework="mxnet")
def with_gluon(images, margin, rng):
    from dlkit.mx import nd

    height, width = images.shape[1] - margin, images.shape[2] - margin
    windows = []
    for index in range(images.shape[0]):
        top, left = (int(place) for place in rng.integers(0, margin + 1, size=2))
        windows.append(images[index, top : top + height, left : left + width])
    return nd.stack(*windows)


@random_crop.mistake("All images of a batch are cut at one place: draw a place for each.")
def one_place(images, margin, rng):
    top, left = rng.integers(0, margin + 1, 2)
    return cut(images, margin, [top] * len(images), [left] * len(images))


@random_crop.mistake("The last row and column are never the first of a window: the upper end of `integers` is left out.")
def end_missing(images, margin, rng):
    return cut(images, margin, *rng.integers(0, margin, (2, len(images))))


@random_crop.mistake("One number serves as row and as column: windows lie on the diagonal only.")
def diagonal(images, margin, rng):
    places = rng.integers(0, margin + 1, len(images))
    return cut(images, margin, places, places)


@random_crop.mistake("The places come from NumPy's own generator: another run gives others. Draw from `rng`.")
def another_generator(images, margin, rng):
    return cut(images, margin, *np.random.default_rng().integers(0, margin + 1, (2, len(images))))


@random_crop.mistake("Every call makes the same generator, and so draws the same places.")
def same_generator(images, margin, rng):
    return cut(images, margin, *np.random.default_rng(0).integers(0, margin + 1, (2, len(images))))


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


@pytest.mark.parametrize("answer", [random_crop.reference, *random_crop.alternatives], ids=lambda answer: answer.function.__name__)
def test_right_answers_pass_whatever_they_draw_first(answer):
    if not frameworks.available(answer.framework):
        pytest.skip(f"{answer.framework} is not installed")
    for seed in SEEDS:
        verdict = examine_answer(random_crop, answer.function, answer.framework, seed=seed)
        assert verdict.status is Status.CORRECT, verdict


@pytest.mark.parametrize("mistake", random_crop.mistakes, ids=lambda mistake: mistake.function.__name__)
def test_mistakes_are_named(mistake):
    for seed in range(5):
        verdict = examine_answer(random_crop, mistake.function, mistake.framework, seed=seed)
        assert (verdict.earned, verdict.mistake) == (0, mistake.message), verdict


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda rng, n, m: rng.integers(0, m + 1, (2, n)) * [[1], [0]], "The left column is 0 in 100% of the draws"),
        (lambda rng, n, m: rng.integers(0, m, (2, n)), "in 0% of the draws; it should be in about"),
        (lambda rng, n, m: np.tile(rng.integers(0, m + 1, (2, 1)), n), "of one image tells that of the next in the batch"),
        (lambda rng, n, m: np.tile(rng.integers(0, m + 1, n), (2, 1)), "The top row and the left column hang together"),
        (lambda rng, n, m: np.random.default_rng(n).integers(0, m + 1, (2, n)), "in one call tells that in the next"),
        (lambda rng, n, m: np.random.default_rng().integers(0, m + 1, (2, n)), "gives another result the second time"),
    ],
)
def test_what_is_wrong_with_the_draws_is_said(draw, said):
    verdict = examine_answer(random_crop, lambda images, margin, rng: cut(images, margin, *draw(rng, len(images), margin)), "numpy")
    assert verdict.status is Status.INCORRECT and said in " ".join(verdict.details)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda images, margin, rng: images, "One call gives floats (12, "),
        (lambda images, margin, rng: images[:, margin:, margin:] * 1.01, "Image 0 is no window of what was given."),
        (lambda images, margin, rng: (images[:, margin:, margin:], 3), "One call gives (floats (12, "),
        (lambda images, margin, rng: "crop", "One call gives str"),
        (lambda images, margin, rng: [], "One call gives floats (0,)"),
        (lambda images, margin, rng: images[:, margin:, margin:] * np.nan, "is no window"),
    ],
)
def test_a_result_of_another_kind_fails_and_breaks_nothing(wrong, said):
    verdict = examine_answer(random_crop, wrong, "numpy")
    assert verdict.status is Status.INCORRECT and said in " ".join(verdict.details), verdict


def test_an_untouched_stub_is_not_attempted():
    def stub(images, margin, rng):
        raise NotImplementedError(random_crop.name)

    assert examine_answer(random_crop, stub, "numpy").status is Status.NOT_ATTEMPTED


@question(points=1, hints=["Draw as many numbers as there are pixels."], driver="sampled")
def add_noise(images, strength, rng):
    """Gaussian noise of mean 0 and standard deviation `strength` on every pixel. images: (N, H, W) float32"""
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
        assert examine_answer(add_noise, add_noise.reference.function, "numpy", seed=seed).status is Status.CORRECT

    def told(noise):
        verdict = examine_answer(add_noise, lambda images, strength, rng: images + strength * noise(rng, images.shape), "numpy")
        return " ".join(verdict.details)

    assert "The noise of the first pixel is distributed otherwise" in told(lambda rng, shape: rng.uniform(-2.5, 2.5, shape))
    assert "lies between" in told(lambda rng, shape: 2 * rng.standard_normal(shape))
    assert "Its mean lies between" in told(lambda rng, shape: rng.standard_normal((shape[0], 1, 1)))


def test_samples_of_one_distribution_differ_once_in_a_hundred_million():
    rng, few = np.random.default_rng(0), 0
    from autograder import draws

    for _ in range(100):
        pair = [
            draws.Sample(
                {"a": rng.integers(0, 3, (200, 6)), "b": rng.beta(0.2, 0.2, (200, 6)), "c": np.floor(rng.random((200, 6)) + 0.03)},
                frozenset(),
                True,
                False,
            )
            for _ in range(2)
        ]
        few += bool(draws.differences(*pair))
    assert few == 0


@pytest.mark.slow
def test_the_audit_mutates_random_operations():
    card = audit(random_crop, sample=80)
    assert card.mutants == 80 and not card.errors and not card.false_rejects and not card.false_accepts
    assert card.mistakes_named == len(random_crop.mistakes)
    changed = ["".join(line for line in survivor.diff.splitlines() if line[:1] in "+-") for survivor in card.survivors]
    equivalent = (
        "lefts, tops",
        "for image, left, top in",
        "top, left = (int(",
        "left:, top:",
        "(left, top)",
        "left, top = (int(",
        "integers(margin + 1, size",
    )
    assert all(any(part in line for part in equivalent) for line in changed), changed  # which of the two is drawn first does not matter
    assert len(changed) < 9
