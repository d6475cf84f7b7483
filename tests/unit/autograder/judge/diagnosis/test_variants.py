"""What the reference gives for changed inputs is recognised in an answer where two sizes show it,
and nowhere else.
"""

from __future__ import annotations

import numpy as np
import pytest

from autograder import question, testing


def correlate(image, kernel, bias, stride):
    """Windows of `image`, each times `kernel`, and `bias`."""
    down, across = stride
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    chosen = windows[::down, ::across]
    return np.einsum("ijab,ab->ij", chosen, kernel) + bias.sum()


def question_on(*sizes, strides=((1, 2), (2, 1))):
    made = question(points=3)(correlate)
    for number, (image, kernel) in enumerate(sizes):

        def probe(rng, image=image, kernel=kernel, stride=strides[number % 2]):
            bias = rng.normal(size=2)
            return rng.normal(size=image), rng.normal(size=kernel), bias, stride

        probe.__name__ = f"probe_{number}"
        made.probe()(probe)
    return made


ANSWERS = {
    "This is what a transposed `kernel` gives": lambda i, k, b, s: correlate(
        i, k.T, b, s
    ),
    "This is what `kernel` upside down gives": lambda i, k, b, s: correlate(
        i, k[::-1], b, s
    ),
    "This is what `kernel` mirrored gives": lambda i, k, b, s: correlate(
        i, k[:, ::-1], b, s
    ),
    "all of `bias` is zero": lambda i, k, b, s: correlate(i, k, 0 * b, s),
    "the two numbers of `stride` are exchanged": lambda i, k, b, s: correlate(
        i, k, b, s[::-1]
    ),
}
TWO_SIZES = [((7, 9), (3, 3)), ((9, 8), (2, 2)), ((8, 7), (3, 3))]


def details(asked, answer):
    return testing.examine(asked, answer, framework="numpy").details


@pytest.mark.parametrize(("said", "answer"), ANSWERS.items(), ids=list(ANSWERS))
def test_what_two_sizes_show_is_said(said, answer):
    assert said in details(question_on(*TWO_SIZES), answer)[0]


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=list(ANSWERS))
def test_what_one_size_shows_may_be_chance(answer):
    asked = question_on(((7, 9), (3, 3)), ((7, 9), (3, 3)), strides=((1, 2),) * 2)
    assert not any("This is what" in detail for detail in details(asked, answer))


def test_what_holds_for_most_results_only_is_not_said():
    def sometimes(image, kernel, bias, stride):
        changed = kernel.T if len(image) > 7 else kernel + 1
        return correlate(image, changed, bias, stride)

    assert not any(
        "This is what" in detail
        for detail in details(question_on(*TWO_SIZES), sometimes)
    )


def test_another_mistake_is_given_no_such_name():
    for answer in [
        lambda i, k, b, s: correlate(i, k, b, s) ** 2,
        lambda i, k, b, s: correlate(i, np.abs(k), b, s),
    ]:
        said = details(question_on(*TWO_SIZES), answer)
        assert not any("This is what" in detail for detail in said)


def height_and_width_exchanged(image, kernel, bias, stride):
    w, h = kernel.shape
    windows = np.lib.stride_tricks.sliding_window_view(image, (h, w))
    chosen = windows[:: stride[0], :: stride[1]]
    return np.einsum("ijab,ab->ij", chosen, kernel) + bias.sum()


def test_what_fails_exactly_where_the_kernel_is_oblong_is_said():
    asked = question_on(
        ((7, 9), (3, 3)), ((9, 8), (2, 3)), ((8, 8), (3, 1)), ((6, 6), (2, 2))
    )
    said = details(asked, height_and_width_exchanged)
    assert said[0] == (
        "It is wrong exactly where `kernel` is oblong: are height and width exchanged?"
    )


def test_where_oblong_kernels_are_right_too_nothing_of_the_kind_is_said():
    asked = question_on(((7, 9), (3, 3)), ((9, 8), (2, 3)), ((8, 9), (3, 1)))

    def wrong_for_large(image, kernel, bias, stride):
        return correlate(image, kernel, bias, stride) * (1 + (len(image) == 9))

    assert not any("oblong" in detail for detail in details(asked, wrong_for_large))


def test_a_result_as_large_as_the_input_is_said():
    asked = question_on(((7, 9), (3, 3)), ((9, 8), (4, 3)), strides=((1, 1),) * 2)

    def padded(image, kernel, bias, stride):
        h, w = kernel.shape
        rows, columns = (h - 1) // 2, (w - 1) // 2
        around = (rows, h - 1 - rows), (columns, w - 1 - columns)
        return correlate(np.pad(image, around), kernel, bias, stride)

    assert details(asked, padded)[0].startswith("The result is as large as the input")
