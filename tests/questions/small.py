"""Questions that are answered in one line."""

import numpy as np

from autograder import Inputs, Measurement, question


@question(
    points=1,
    hints=[
        "It has one line.",
        "Look for a method of arrays.",
        "The method is called sum.",
    ],
    explanation="Addition.",
)
def total(values):
    """The sum of all values. values: (n,) float32 -> a number"""
    return values.sum()


@total.probe()
def one_value(rng):
    return (rng.normal(size=1).astype(np.float32) + 10,)


@total.probe(repeat=2)
def several_values(rng):
    return (rng.uniform(1, 2, size=5).astype(np.float32),)


@total.mistake("This is the mean, not the sum.")
def _(values):
    return values.mean()


@total.mistake("The first value is left out.")
def _(values):
    return values[1:].sum()


@total.alternative(framework="torch")
def _(values):
    return values.sum()


@total.alternative(framework="mxnet")
def _(values):
    return values.sum()


@question(points=4, hints=["Rows become columns."])
def turn(image):
    """The image with rows and columns swapped. image: (H, W) float32 -> (W, H)"""
    return image.T


@turn.probe(weight=1)
def one_pixel(rng):
    return (rng.normal(size=(1, 1)).astype(np.float32),)


@turn.probe(weight=1)
def square(rng):
    return (rng.normal(size=(3, 3)).astype(np.float32),)


@turn.probe(weight=2, repeat=2)
def oblong(rng):
    return (rng.normal(size=(2, 4)).astype(np.float32),)


@turn.mistake("The image is given back as it came.")
def _(image):
    return image


@question(points=2, seconds=1.0)
def patient(number):
    """The number plus one, within a second."""
    return number + 1


@patient.probe(repeat=2)
def numbers(rng):
    return (int(rng.integers(1, 100)),)


@question(points=3)
def locate(image):
    """The position (row, column) of the bright pixel, at most one pixel off."""
    return np.unravel_index(image.argmax(), image.shape)


@locate.probe(repeat=2)
def one_bright_pixel(rng):
    row, column = (int(n) for n in rng.integers(2, 7, 2))
    image = np.zeros((9, 9), np.float32)
    image[row, column] = 1
    return Inputs((image,), secret=(row, column))


@locate.measure
def distance(inputs, position):
    row, column = position
    off = max(abs(int(row) - inputs.secret[0]), abs(int(column) - inputs.secret[1]))
    return Measurement(off <= 1, f"The position is {off} pixels off.")


@locate.mistake(
    "Row and column are swapped.",
    recognise=lambda inputs, position: (
        tuple(int(n) for n in position) == inputs.secret[::-1]
    ),
)
def _(image):
    row, column = np.unravel_index(image.argmax(), image.shape)
    return column, row


@question(
    points=2,
    forbids=["numpy.sort", "statistics"],
    forbids_in_words="a library's own sorting (`numpy.sort`) and the module `statistics`",
)
def ordered(values):
    """The values, smallest first. values: (n,) float32 -> (n,)"""
    values = list(values)
    return np.array([values.pop(values.index(min(values))) for _ in range(len(values))])


@ordered.probe(repeat=2)
def a_few_values(rng):
    return (rng.normal(size=5).astype(np.float32),)


@ordered.mistake("The largest comes first.")
def _(values):
    return -np.array(sorted(-values))
