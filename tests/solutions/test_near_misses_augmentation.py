"""Almost right answers of chapters 13 to 15 fail for every student."""

import numpy as np
import pytest
from near_misses import NearMisses, lenient_students

near = NearMisses()


for _deviations in (2.5, 3):

    @near.of(
        "classical.prepare", f"noise is cut off at {_deviations} standard deviations"
    )
    def _(images, sigma, train, rng, deviations=_deviations):
        noise = rng.standard_normal(images.shape).clip(-deviations, deviations)
        return (images + sigma * noise).clip(0, 1) if train else images


@near.of("classical.prepare", "noise is a sum of uniform numbers")
def _(images, sigma, train, rng):
    if not train:
        return images
    sums = rng.random((12, *images.shape)).sum(axis=0)
    return (images + sigma * (sums - 6)).clip(0, 1)


@near.of("classical.prepare", "white pixels stay white")
def _(images, sigma, train, rng):
    noise = rng.standard_normal(images.shape) * (images < 1)
    return (images + sigma * noise).clip(0, 1) if train else images


@near.of("mixing.cutout", "half of the side is rounded to the nearest even number")
def _(images, rows, columns, size):
    images = images.copy()
    for image, row, column in zip(images, rows, columns, strict=True):
        top, left = int(row) - round(size / 2), int(column) - round(size / 2)
        image[
            :, max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)
        ] = 0
    return images


@near.of("mixing.cutmix", "pixels are counted that look otherwise than before")
def _(images, labels, partners, boxes):
    mixed, new = images.copy(), labels.copy()
    H, W = images.shape[2:]
    for i, (top, left, height, width) in enumerate(boxes):
        rows = slice(max(top, 0), max(min(top + height, H), 0))
        columns = slice(max(left, 0), max(min(left + width, W), 0))
        mixed[i, :, rows, columns] = images[partners[i], :, rows, columns]
        share = (mixed[i] != images[i]).any(axis=0).mean()
        new[i] = (1 - share) * labels[i] + share * labels[partners[i]]
    return mixed, new


@near.of("policies.log_probability", "a least probability")
def _(logits, choices):
    exps = np.exp(logits)
    shares = exps / exps.sum(axis=1, keepdims=True)
    return np.log(max(np.prod(shares[np.arange(len(choices)), choices]), 1e-30))


@near.of("policies.advantages", "a baseline of 0 is none")
def _(rewards, decay):
    baseline, moved = 0.0, []
    for reward in rewards.tolist():
        if baseline == 0:
            baseline = reward
        moved.append(reward - baseline)
        baseline = decay * baseline + (1 - decay) * reward
    return np.array(moved)


@near.of("policies.sample_policies", "the rarest option of a decision never comes")
def _(logits, num_policies, rng):
    shares = np.exp(logits.astype(float))
    shares /= shares.sum(axis=1, keepdims=True)
    shares[shares < 0.015] = 0
    shares /= shares.sum(axis=1, keepdims=True)
    return np.stack([rng.choice(len(p), num_policies, p=p) for p in shares], axis=1)


@near.of("policies.advantages", "a decay of 0 is none")
def _(rewards, decay):
    decay, moved, baseline = decay or 0.9, [], rewards[0]
    for reward in rewards:
        moved.append(reward - baseline)
        baseline = decay * baseline + (1 - decay) * reward
    return np.array(moved)


@pytest.mark.parametrize(
    "near_miss",
    near.all,
    ids=lambda miss: f"{miss.question}: {miss.why}".replace(" ", "_"),
)
def test_an_answer_of_augmentation_that_is_almost_right_fails_for_every_student(
    near_miss,
):
    assert lenient_students(near_miss) == []
