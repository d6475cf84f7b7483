"""Chapter 02, convolution: output sizes, cross-correlation, padding and stride, pooling,
channels, receptive fields, im2col, an edge detector.
"""

import numpy as np

from autograder import Inputs, Measurement, question
from solutions import ready_made
from solutions.examples import example
from solutions.inputs import gaussian

# --------------------------------------------------------------------------------------------------


@question(
    points=1,
    hints=[
        "Lay the spread-out kernel on the leftmost place. By how many "
        "pixels can it still move to the right?",
        "It moves in jumps of `stride`, and a jump that does not "
        "fit is not made: divide with `//`.",
        "Count the places, not the jumps: the first place costs no jump.",
    ],
    explanation="""
    The kernel covers `dilation * (kernel - 1) + 1` pixels, so it can move by what is left of the
    padded input. Each whole stride in that room gives one more place, and the starting place is one
    of its own: floor(room / stride) + 1.
    """,
)
def output_size(size, kernel, padding, stride, dilation):
    """Count the places where a kernel fits along one axis.

    size: pixels of the input; kernel: taps of the kernel; padding: pixels added at each of the two
    ends; stride: pixels from one place to the next;
    dilation: pixels from one tap to the next (1 = side by side). All are integers, and the kernel
        always fits at least once.
    Returns an integer.
    """
    covered = dilation * (kernel - 1) + 1  # pixels from the first tap to the last
    room = size + 2 * padding - covered  # how far the kernel can move
    return room // stride + 1


example(output_size, 10, 3, 1, 4, 1)
example(output_size, 5, 3, 0, 2, 2)
example(output_size, 224, 7, 3, 2, 1)
example(output_size, 8, 3, 0, 1, 1)


@output_size.probe(weight=0.5)
def a_kernel_of_one_tap(rng):
    """However far apart its taps would be, it covers one pixel."""
    return 2 * int(rng.integers(3, 7)) + 1, 1, 0, 2, int(rng.integers(2, 6))


@output_size.probe(weight=0.5)
def a_remainder_of_more_than_half_a_stride(rng):
    kernel, dilation = 4, int(rng.integers(4, 7))
    covered = dilation * (kernel - 1) + 1
    return covered + 5 * int(rng.integers(2, 6)) + 4, kernel, 0, 5, dilation


@output_size.probe(weight=0.5)
def no_remainder(rng):
    return 3 + 3 * int(rng.integers(3, 9)), 5, 1, 3, 1


@output_size.probe(weight=0.5)
def a_long_row(rng):
    return int(rng.integers(3000, 4000)), 3, 3, 1, 2


@output_size.probe(weight=2, repeat=8)
def random_layers(rng):
    kernel, padding, stride, dilation = (
        int(rng.integers(low, high)) for low, high in ((2, 6), (0, 4), (1, 5), (1, 4))
    )
    covered = dilation * (kernel - 1) + 1
    return (
        max(1, covered - 2 * padding) + int(rng.integers(0, 25)),
        kernel,
        padding,
        stride,
        dilation,
    )


@output_size.mistake("One place is missing: n jumps lead to n + 1 places.")
def _(size, kernel, padding, stride, dilation):
    covered = dilation * (kernel - 1) + 1
    room = size + 2 * padding - covered
    return room // stride


@output_size.mistake(
    "The division is rounded up, so the last place hangs over the edge. A jump "
    "that does not fit is not made: round down."
)
def _(size, kernel, padding, stride, dilation):
    covered = dilation * (kernel - 1) + 1
    room = size + 2 * padding - covered
    return -(-room // stride) + 1


@output_size.mistake(
    "The result is not a whole number where the stride does not divide the "
    "room. Divide with `//`, which rounds down."
)
def _(size, kernel, padding, stride, dilation):
    covered = dilation * (kernel - 1) + 1
    room = size + 2 * padding - covered
    return room / stride + 1


@output_size.mistake(
    "The padding is counted once. It is added at both ends of the axis."
)
def _(size, kernel, padding, stride, dilation):
    covered = dilation * (kernel - 1) + 1
    return (size + padding - covered) // stride + 1


@output_size.mistake(
    "The dilation is ignored. With gaps between its taps the kernel "
    "covers dilation * (kernel - 1) + 1 pixels."
)
def _(size, kernel, padding, stride, dilation):
    return (size + 2 * padding - kernel) // stride + 1


@output_size.mistake(
    "The dilated kernel is taken to cover dilation * kernel pixels. "
    "There is no gap after the last tap."
)
def _(size, kernel, padding, stride, dilation):
    return (size + 2 * padding - dilation * kernel) // stride + 1


@output_size.mistake(
    "The stride divides the whole input instead of the room that the kernel has to move in."
)
def _(size, kernel, padding, stride, dilation):
    return (size + 2 * padding) // stride


@output_size.mistake(
    "The padding is left out. It is added at both ends of the axis.",
)
def _(size, kernel, padding, stride, dilation):
    return max(0, size - dilation * (kernel - 1) - 1) // stride + 1


@output_size.mistake(
    "The stride is ignored: every place is counted. The kernel moves by `stride` pixels.",
)
def _(size, kernel, padding, stride, dilation):
    return size + 2 * padding - dilation * (kernel - 1)


@output_size.mistake(
    "The last jump is rounded to the nearest whole number. A jump that does not fit is not "
    "made: round down.",
)
def _(size, kernel, padding, stride, dilation):
    return round((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1


@output_size.mistake(
    "The number of free pixels is divided before the 1 is added: with n jumps there are n + 1 "
    "places, `room // stride + 1`.",
)
def _(size, kernel, padding, stride, dilation):
    return (size + 2 * padding - dilation * (kernel - 1)) // stride


@output_size.mistake(
    "`dilation` is taken for the pixels between two taps. With dilation 1 the taps stand side "
    "by side.",
)
def _(size, kernel, padding, stride, dilation):
    return (size + 2 * padding - (dilation + 1) * (kernel - 1) - 1) // stride + 1


@output_size.alternative()
def _(size, kernel, padding, stride, dilation):
    last = size + 2 * padding - (dilation * (kernel - 1) + 1)
    return len(range(0, last + 1, stride))


@output_size.alternative(framework="torch")
def _(size, kernel, padding, stride, dilation):
    import torch

    # Only their shapes matter.
    X, weight = (
        torch.empty(1, size),
        torch.empty(1, 1, kernel),
    )
    return torch.nn.functional.conv1d(
        X, weight, stride=stride, padding=padding, dilation=dilation
    ).shape[1]


@output_size.alternative(framework="mxnet")
def _(size, kernel, padding, stride, dilation):
    from dlkit.mx import nd

    # Only their shapes matter.
    X, weight = (
        nd.empty((1, 1, size)),
        nd.empty((1, 1, kernel)),
    )
    out = nd.Convolution(
        X,
        weight,
        kernel=(kernel,),
        stride=(stride,),
        pad=(padding,),
        dilate=(dilation,),
        num_filter=1,
        no_bias=True,
    )
    return out.shape[2]


output_size.equivalent(
    "torch.empty(1, 1, kernel) -> torch.empty(2, 1, kernel)",
    why="A second output channel is as long.",
)
output_size.equivalent(
    "nd.empty((1, 1, size)) -> nd.empty((2, 1, size))",
    why="A second image's result is as long.",
)


# --------------------------------------------------------------------------------------------------


@question(
    points=3,
    forbids=ready_made.CONVOLUTION,
    forbids_in_words=ready_made.CONVOLUTION_IN_WORDS,
    hints=[
        "How many rows of the image can be the top row of a window "
        "that has as many rows as the kernel?",
        "The window at (i, j) is image[i : i + h, j : j + w]. Multiply "
        "it by the kernel number by number.",
        "Fill an array of zeros of shape (H - h + 1, W - w + 1) in two "
        "loops, over its rows and over its columns.",
    ],
    explanation="""
    Every output pixel is the sum of the products of the kernel and the window below it. The window
    starts at the output's own position, and the last one must still fit, hence H - h + 1 rows.
    Deep-learning libraries call this convolution, although nothing is flipped.
    """,
)
def cross_correlate(image, kernel):
    """Slide `kernel` over `image` without flipping it.

    image: (H, W) float32; kernel: (h, w) float32, with 1 <= h <= H and 1 <= w <= W. Returns (H - h
    + 1, W - w + 1):
    out[i, j] is the sum of kernel[a, b] * image[i + a, j + b] over all a and b.
    """
    H, W = image.shape
    h, w = kernel.shape
    out = np.zeros((H - h + 1, W - w + 1))
    for i in range(H - h + 1):
        for j in range(W - w + 1):
            out[i, j] = (image[i : i + h, j : j + w] * kernel).sum()
    return out


def _distinct(rng, *shape):
    """Whole numbers 1, 2, 3, ... in random order: no two values are interchangeable, and a
    person can check a product.
    """
    return (rng.permutation(int(np.prod(shape))) + 1).reshape(shape).astype(np.float32)


example(
    cross_correlate,
    np.arange(1, 10, dtype=np.float32).reshape(3, 3),
    np.array([[1, 2], [0, -1]], np.float32),
    weight=1,
)


@cross_correlate.probe(weight=1)
def kernel_as_large_as_the_image(rng):
    # All of one sign: the one sum must not be small beside its products, or float32 rounds right
    # answers apart.
    return _distinct(rng, 3, 5), rng.uniform(0.5, 1.5, (3, 5)).astype(np.float32)


@cross_correlate.probe(weight=1)
def one_row_kernel(rng):
    return _distinct(rng, 4, 6), np.array([[1, -3, 2]], np.float32)


@cross_correlate.probe(weight=1)
def one_column_kernel(rng):
    return _distinct(rng, 5, 3), np.array([[1], [4], [-2]], np.float32)


@cross_correlate.probe(weight=1)
def square_kernel(rng):
    return _distinct(rng, 6, 4), np.array(
        [[1, 2, -1], [0, 3, 5], [-4, 7, 6]], np.float32
    )


@cross_correlate.probe(weight=3, repeat=5)
def random_shapes(rng):
    (h, w), (more_rows, more_columns) = (
        rng.choice([(2, 3), (3, 2), (1, 2), (3, 4), (4, 2)]),
        rng.permutation(5)[:2],
    )
    return gaussian(rng, h + more_rows + 1, w + more_columns + 1), gaussian(rng, h, w)


@cross_correlate.probe(weight=1)
def kernel_of_one_pixel(rng):
    return _distinct(rng, 3, 4), np.array([[2.5]], np.float32)


@cross_correlate.probe(weight=0.5)
def image_of_one_pixel(rng):
    return np.array([[7]], np.float32), np.array(
        [[rng.integers(2, 9) + 0.5]], np.float32
    )


@cross_correlate.probe(weight=0.5)
def larger_picture(rng):
    return gaussian(rng, 19, 24), gaussian(rng, 6, 5)


@cross_correlate.mistake(
    "The kernel is flipped: this is convolution as mathematics defines it. "
    "Cross-correlation lays the kernel down as it is."
)
def _(image, kernel):
    kernel = kernel[::-1, ::-1]
    H, W = image.shape
    h, w = kernel.shape
    out = np.zeros((H - h + 1, W - w + 1))
    for i in range(H - h + 1):
        for j in range(W - w + 1):
            out[i, j] = (image[i : i + h, j : j + w] * kernel).sum()
    return out


@cross_correlate.mistake(
    "The kernel is transposed. Its first axis runs down the image, its second across."
)
def _(image, kernel):
    kernel = kernel.T
    H, W = image.shape
    h, w = kernel.shape
    out = np.zeros((H - h + 1, W - w + 1))
    for i in range(H - h + 1):
        for j in range(W - w + 1):
            out[i, j] = (image[i : i + h, j : j + w] * kernel).sum()
    return out


@cross_correlate.mistake(
    "Rows and columns of the output are swapped. The shape of an "
    "image is (height, width): rows first."
)
def _(image, kernel):
    H, W = image.shape
    h, w = kernel.shape
    out = np.zeros((W - w + 1, H - h + 1))
    for x in range(W - w + 1):
        for y in range(H - h + 1):
            out[x, y] = (image[y : y + h, x : x + w] * kernel).sum()
    return out


@cross_correlate.mistake(
    "The last row and the last column are missing. The kernel fits at "
    "H - h + 1 heights: both ends count."
)
def _(image, kernel):
    H, W = image.shape
    h, w = kernel.shape
    out = np.zeros((H - h, W - w))
    for i in range(H - h):
        for j in range(W - w):
            out[i, j] = (image[i : i + h, j : j + w] * kernel).sum()
    return out


@cross_correlate.mistake(
    "The output is as large as the image: zeros were added around it. Here the kernel stays inside."
)
def _(image, kernel):
    H, W = image.shape
    h, w = kernel.shape
    image = np.pad(image, (((h - 1) // 2, h // 2), ((w - 1) // 2, w // 2)))
    out = np.zeros((H, W))
    for i in range(H):
        for j in range(W):
            out[i, j] = (image[i : i + h, j : j + w] * kernel).sum()
    return out


@cross_correlate.mistake(
    "Height and width are mixed up, which is right for square images and kernels only: h and H "
    "belong to the rows, w and W to the columns."
)
def _(image, kernel):
    H, h = image.shape[0], kernel.shape[0]
    out = np.zeros((H - h + 1, H - h + 1))
    for i in range(H - h + 1):
        for j in range(H - h + 1):
            out[i, j] = (image[i : i + h, j : j + h] * kernel).sum()
    return out


@cross_correlate.mistake(
    "The pixels of each window are added up as they are. Multiply each by the kernel's number "
    "above it first."
)
def _(image, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return windows.sum(axis=(2, 3))


@cross_correlate.mistake("The products are averaged. They have to be summed.")
def _(image, kernel):
    H, W = image.shape
    h, w = kernel.shape
    out = np.zeros((H - h + 1, W - w + 1))
    for i in range(H - h + 1):
        for j in range(W - w + 1):
            out[i, j] = (image[i : i + h, j : j + w] * kernel).mean()
    return out


@cross_correlate.mistake(
    "The window and the kernel are multiplied as matrices (`@`). Multiply "
    "them number by number (`*`), then sum."
)
def _(image, kernel):
    H, W = image.shape
    h, w = kernel.shape
    out = np.zeros((H - h + 1, W - w + 1))
    for i in range(H - h + 1):
        for j in range(W - w + 1):
            out[i, j] = (image[i : i + h, j : j + w] @ kernel).sum()
    return out


@cross_correlate.mistake(
    "The output array holds integers, so everything after the decimal "
    "point is lost. Make it an array of floats."
)
def _(image, kernel):
    H, W = image.shape
    h, w = kernel.shape
    out = np.zeros((H - h + 1, W - w + 1), dtype=int)
    for i in range(H - h + 1):
        for j in range(W - w + 1):
            out[i, j] = (image[i : i + h, j : j + w] * kernel).sum()
    return out


@cross_correlate.mistake(
    "The kernel is turned upside down. Lay it down as it is.",
)
def _(image, kernel):
    h, w = kernel.shape
    windows = np.lib.stride_tricks.sliding_window_view(image, (h, w))
    return np.einsum("ijab,ab->ij", windows, kernel[::-1])


@cross_correlate.mistake(
    "The kernel is mirrored, left and right. Lay it down as it is.",
)
def _(image, kernel):
    h, w = kernel.shape
    windows = np.lib.stride_tricks.sliding_window_view(image, (h, w))
    return np.einsum("ijab,ab->ij", windows, kernel[:, ::-1])


@cross_correlate.mistake(
    "The kernel hangs over the edge: the output is larger than the image. Here the kernel "
    "stays inside.",
)
def _(image, kernel):
    h, w = kernel.shape
    padded = np.pad(image, ((h - 1, h - 1), (w - 1, w - 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (h, w))
    return np.einsum("ijab,ab->ij", windows, kernel)


@cross_correlate.mistake(
    "Negative sums are set to 0. Keep them: nothing comes behind the sum.",
)
def _(image, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.maximum(np.einsum("ijab,ab->ij", windows, kernel), 0)


@cross_correlate.mistake(
    "The signs are lost: the result is an absolute value. Keep negative sums as they are.",
)
def _(image, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.abs(np.einsum("ijab,ab->ij", windows, kernel))


@cross_correlate.alternative()
def _(image, kernel):
    # (H - h + 1, W - w + 1, h, w)
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.einsum("ijab,ab->ij", windows, kernel)


@cross_correlate.alternative(framework="torch")
def _(image, kernel):
    import torch

    H, W = image.shape
    h, w = kernel.shape
    out = torch.zeros(H - h + 1, W - w + 1)
    for i in range(H - h + 1):
        for j in range(W - w + 1):
            out[i, j] = (image[i : i + h, j : j + w] * kernel).sum()
    return out


@cross_correlate.alternative(framework="torch")
def _(image, kernel):
    h, w = kernel.shape
    windows = image.unfold(0, h, 1).unfold(1, w, 1)  # (H - h + 1, W - w + 1, h, w)
    return (windows * kernel).sum(dim=(2, 3))


@cross_correlate.alternative(framework="mxnet")
def _(image, kernel):
    from dlkit.mx import nd

    H, W = image.shape
    h, w = kernel.shape
    out = nd.zeros((H - h + 1, W - w + 1))
    for i in range(H - h + 1):
        for j in range(W - w + 1):
            out[i, j] = (image[i : i + h, j : j + w] * kernel).sum()
    return out


@cross_correlate.alternative(framework="mxnet")
def _(image, kernel):
    H, W = image.shape
    h, w = kernel.shape
    # The whole image at once, moved up by a and left by b, for every number of the kernel.
    return sum(
        kernel[a, b].asscalar() * image[a : a + H - h + 1, b : b + W - w + 1]
        for a in range(h)
        for b in range(w)
    )


cross_correlate.equivalent(
    "zeros( -> ones(", why="Every pixel of the output is overwritten."
)
cross_correlate.equivalent(
    "dim=(2, 3) -> dim=(3, 2)",
    why="A sum over two axes does not depend on their order.",
)


# --------------------------------------------------------------------------------------------------


@question(
    points=3,
    forbids=ready_made.CONVOLUTION,
    forbids_in_words=ready_made.CONVOLUTION_IN_WORDS,
    hints=[
        "Make the larger image first: an array of zeros of shape (H + 2 * rows, W + 2 * "
        "columns), with the image put in its middle.",
        "The output has as many rows as `output_size` says; the two axes are "
        "counted each with its own padding and stride.",
        "Output pixel (i, j) looks at the window that starts at row i * stride[0] and column j "
        "* stride[1] of the padded image.",
    ],
    explanation="""
    Padding changes the image, striding changes which windows are looked at: output pixel (i, j)
    belongs to the window that starts at (i * down, j * across). Computing every window and keeping
    each stride-th one gives the same numbers at a higher price.
    """,
)
def pad_and_stride(image, kernel, padding, stride):
    """Cross-correlate with zero padding and a stride.

    image: (H, W) float32; kernel: (h, w) float32, not flipped.
    padding: (rows, columns), two integers >= 0: rows of zeros added at the top and again at the
        bottom, columns at the left and again at the right.
    stride: (down, across), two integers >= 1: from one window to the one below it, and to the one
        on its right.
    Returns ((H + 2 rows - h) // down + 1, (W + 2 columns - w) // across + 1). The kernel always
    fits into the padded image.
    """
    (rows, columns), (down, across) = padding, stride
    H, W = image.shape
    h, w = kernel.shape
    padded = np.zeros((H + 2 * rows, W + 2 * columns))
    padded[rows : rows + H, columns : columns + W] = image
    out = np.zeros(
        ((padded.shape[0] - h) // down + 1, (padded.shape[1] - w) // across + 1)
    )
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            top, left = i * down, j * across
            out[i, j] = (padded[top : top + h, left : left + w] * kernel).sum()
    return out


example(
    pad_and_stride,
    np.arange(1, 7, dtype=np.float32).reshape(2, 3),
    np.array([[1, 2], [3, -1]], np.float32),
    (1, 0),
    (2, 1),
    weight=1,
)


@pad_and_stride.probe(weight=1)
def neither(rng):
    return (
        _distinct(rng, 6, 4),
        np.array([[1, -2], [3, 5], [0, 4]], np.float32),
        (0, 0),
        (1, 1),
    )


@pad_and_stride.probe(weight=2)
def padding_only(rng):
    return (
        _distinct(rng, 3, 4),
        np.array([[1, 2, -1], [4, 3, 5]], np.float32),
        (1, 2),
        (1, 1),
    )


@pad_and_stride.probe(weight=2)
def stride_only(rng):
    return _distinct(rng, 6, 9), np.array([[1, 2], [-3, 4]], np.float32), (0, 0), (3, 2)


@pad_and_stride.probe(weight=1)
def image_of_one_pixel(rng):
    return (
        np.array([[3]], np.float32),
        np.array([[1, 2, 4], [5, 7, -6], [9, 8, -3]], np.float32),
        (2, 2),
        (2, 1),
    )


@pad_and_stride.probe(weight=1)
def padding_wider_than_the_kernel(rng):
    return (
        _distinct(rng, 2, 3),
        np.array([[2, -1, 3], [4, 1, -5]], np.float32),
        (4, 5),
        (4, 2),
    )


@pad_and_stride.probe(weight=0.5)
def a_kernel_of_one_pixel(rng):
    """Padded all the same; and one row is left, which stays a row."""
    return _distinct(rng, 2, 3), np.array([[3]], np.float32), (0, 2), (2, 1)


@pad_and_stride.probe(weight=2.5, repeat=5)
def random_layers(rng):
    h, w = rng.permutation([1, 2, 3, 4])[:2]
    padding = tuple(int(n) for n in rng.permutation([0, 1, 2])[:2])
    stride = tuple(int(n) for n in rng.permutation([1, 2, 3])[:2])
    return (
        gaussian(rng, h + rng.integers(1, 4), w + rng.integers(2, 6)),
        gaussian(rng, h, w),
        padding,
        stride,
    )


@pad_and_stride.probe(weight=1)
def padding_of_the_columns_only(rng):
    kernel = np.array([[2, -1], [3, 5], [1, 4]], np.float32)
    return _distinct(rng, 6, 4), kernel, (0, 2), (1, 3)


@pad_and_stride.probe(weight=1)
def stride_wider_than_the_kernel(rng):
    """Down, two rows are left over."""
    return (
        _distinct(rng, 10, 8),
        np.array([[4, -2], [1, 3]], np.float32),
        (0, 1),
        (3, 4),
    )


@pad_and_stride.mistake(
    "The stride is ignored: every window is used. Windows start `stride` pixels apart."
)
def _(image, kernel, padding, stride):
    rows, columns = padding
    h, w = kernel.shape
    padded = np.pad(image, ((rows, rows), (columns, columns)))
    out = np.zeros((padded.shape[0] - h + 1, padded.shape[1] - w + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = (padded[i : i + h, j : j + w] * kernel).sum()
    return out


@pad_and_stride.mistake(
    "The output is as small as the stride asks, but its windows are neighbours. Window (i, j) "
    "starts at row i * down, column j * across."
)
def _(image, kernel, padding, stride):
    (rows, columns), (down, across) = padding, stride
    h, w = kernel.shape
    padded = np.pad(image, ((rows, rows), (columns, columns)))
    out = np.zeros(
        ((padded.shape[0] - h) // down + 1, (padded.shape[1] - w) // across + 1)
    )
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = (padded[i : i + h, j : j + w] * kernel).sum()
    return out


@pad_and_stride.mistake(
    "The zeros stand on one side only, at the top and the left. Add "
    "as many at the bottom and the right."
)
def _(image, kernel, padding, stride):
    (rows, columns), (down, across) = padding, stride
    h, w = kernel.shape
    padded = np.pad(image, ((rows, 0), (columns, 0)))
    out = np.zeros(
        ((padded.shape[0] - h) // down + 1, (padded.shape[1] - w) // across + 1)
    )
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = (
                padded[i * down : i * down + h, j * across : j * across + w] * kernel
            ).sum()
    return out


@pad_and_stride.mistake(
    "The padding repeats the pixels of the border. It should be zeros."
)
def _(image, kernel, padding, stride):
    (rows, columns), (down, across) = padding, stride
    h, w = kernel.shape
    padded = np.pad(image, ((rows, rows), (columns, columns)), mode="edge")
    out = np.zeros(
        ((padded.shape[0] - h) // down + 1, (padded.shape[1] - w) // across + 1)
    )
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = (
                padded[i * down : i * down + h, j * across : j * across + w] * kernel
            ).sum()
    return out


@pad_and_stride.mistake(
    "The padding is missing. Surround the image with zeros before the kernel slides."
)
def _(image, kernel, padding, stride):
    down, across = stride
    H, W = image.shape
    h, w = kernel.shape
    out = np.zeros(((H - h) // down + 1, (W - w) // across + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = (
                image[i * down : i * down + h, j * across : j * across + w] * kernel
            ).sum()
    return out


@pad_and_stride.mistake(
    "The last windows hang over the edge: the output's size is rounded up. "
    "A window that does not fit is not used."
)
def _(image, kernel, padding, stride):
    (rows, columns), (down, across) = padding, stride
    h, w = kernel.shape
    padded = np.pad(image, ((rows, rows), (columns, columns)))
    out = np.zeros(
        (-(-(padded.shape[0] - h) // down) + 1, -(-(padded.shape[1] - w) // across) + 1)
    )
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            window = padded[i * down : i * down + h, j * across : j * across + w]
            out[i, j] = (window * kernel[: window.shape[0], : window.shape[1]]).sum()
    return out


@pad_and_stride.mistake(
    "The two numbers of the stride are swapped. The first says how "
    "far down, the second how far across."
)
def _(image, kernel, padding, stride):
    (rows, columns), (across, down) = padding, stride
    h, w = kernel.shape
    padded = np.pad(image, ((rows, rows), (columns, columns)))
    out = np.zeros(
        ((padded.shape[0] - h) // down + 1, (padded.shape[1] - w) // across + 1)
    )
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = (
                padded[i * down : i * down + h, j * across : j * across + w] * kernel
            ).sum()
    return out


@pad_and_stride.mistake(
    "The two numbers of the padding are swapped. The first counts "
    "rows, at the top and at the bottom."
)
def _(image, kernel, padding, stride):
    (columns, rows), (down, across) = padding, stride
    h, w = kernel.shape
    padded = np.pad(image, ((rows, rows), (columns, columns)))
    out = np.zeros(
        ((padded.shape[0] - h) // down + 1, (padded.shape[1] - w) // across + 1)
    )
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = (
                padded[i * down : i * down + h, j * across : j * across + w] * kernel
            ).sum()
    return out


@pad_and_stride.mistake(
    "The kernel is flipped. Cross-correlation lays it down as it is."
)
def _(image, kernel, padding, stride):
    (rows, columns), (down, across) = padding, stride
    kernel = np.flip(kernel)
    h, w = kernel.shape
    padded = np.pad(image, ((rows, rows), (columns, columns)))
    out = np.zeros(
        ((padded.shape[0] - h) // down + 1, (padded.shape[1] - w) // across + 1)
    )
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = (
                padded[i * down : i * down + h, j * across : j * across + w] * kernel
            ).sum()
    return out


@pad_and_stride.mistake(
    "Padding and stride are both swapped. The first number of each belongs to the rows.",
)
def _(image, kernel, padding, stride):
    padded = np.pad(image, ((padding[1],) * 2, (padding[0],) * 2))
    if min(padded.shape[0] - kernel.shape[0], padded.shape[1] - kernel.shape[1]) < 0:
        return np.zeros((0, 0))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)
    return np.einsum("ijab,ab->ij", windows, kernel)[:: stride[1], :: stride[0]]


@pad_and_stride.mistake(
    "The zeros stand on one side only, at the bottom and the right. Add as many at the top "
    "and the left.",
)
def _(image, kernel, padding, stride):
    padded = np.pad(image, ((0, padding[0]), (0, padding[1])))
    if min(padded.shape[0] - kernel.shape[0], padded.shape[1] - kernel.shape[1]) < 0:
        return np.zeros((0, 0))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)
    return np.einsum("ijab,ab->ij", windows, kernel)[:: stride[0], :: stride[1]]


@pad_and_stride.mistake(
    "The padding is shared between the two ends. So many zeros stand at each of them.",
)
def _(image, kernel, padding, stride):
    (rows, columns) = padding
    padded = np.pad(
        image, ((rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2))
    )
    if min(padded.shape[0] - kernel.shape[0], padded.shape[1] - kernel.shape[1]) < 0:
        return np.zeros((0, 0))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)
    return np.einsum("ijab,ab->ij", windows, kernel)[:: stride[0], :: stride[1]]


@pad_and_stride.mistake(
    "Around the image stand ones. The padding should be zeros.",
)
def _(image, kernel, padding, stride):
    padded = np.pad(image, ((padding[0],) * 2, (padding[1],) * 2), constant_values=1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)
    return np.einsum("ijab,ab->ij", windows, kernel)[:: stride[0], :: stride[1]]


@pad_and_stride.mistake(
    "The first number of the stride is used in both directions. The second says how far across.",
)
def _(image, kernel, padding, stride):
    padded = np.pad(image, ((padding[0],) * 2, (padding[1],) * 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)
    return np.einsum("ijab,ab->ij", windows, kernel)[:: stride[0], :: stride[0]]


@pad_and_stride.mistake(
    "The first number of the padding is used on all sides. The second belongs to the columns.",
)
def _(image, kernel, padding, stride):
    padded = np.pad(image, padding[0])
    if padded.shape[1] < kernel.shape[1]:
        return np.zeros((0, 0))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)
    return np.einsum("ijab,ab->ij", windows, kernel)[:: stride[0], :: stride[1]]


@pad_and_stride.mistake(
    "The last window is missing where the stride does not divide: the shape is (H + 2 rows - "
    "h) // down + 1, the 1 added after the division.",
)
def _(image, kernel, padding, stride):
    padded = np.pad(image, ((padding[0],) * 2, (padding[1],) * 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)
    out = np.einsum("ijab,ab->ij", windows, kernel)
    height, width = out.shape[0] // stride[0], out.shape[1] // stride[1]
    return out[:: stride[0], :: stride[1]][:height, :width]


@pad_and_stride.mistake(
    "The image is thinned out first, and the kernel laid on what is left. A window sees "
    "neighbouring pixels; only its starts are `stride` apart.",
)
def _(image, kernel, padding, stride):
    padded = np.pad(
        image[:: stride[0], :: stride[1]], ((padding[0],) * 2, (padding[1],) * 2)
    )
    if min(padded.shape[0] - kernel.shape[0], padded.shape[1] - kernel.shape[1]) < 0:
        return np.zeros((0, 0))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)
    return np.einsum("ijab,ab->ij", windows, kernel)


@pad_and_stride.alternative()
def _(image, kernel, padding, stride):
    padded = np.pad(image, [(n, n) for n in padding])
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)
    return np.einsum("ijab,ab->ij", windows[:: stride[0], :: stride[1]], kernel)


@pad_and_stride.alternative(framework="torch")
def _(image, kernel, padding, stride):
    import torch

    (rows, columns), (down, across) = padding, stride
    H, W = image.shape
    h, w = kernel.shape
    padded = torch.zeros(H + 2 * rows, W + 2 * columns)
    padded[rows : rows + H, columns : columns + W] = image
    out = torch.zeros(
        (padded.shape[0] - h) // down + 1, (padded.shape[1] - w) // across + 1
    )
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            top, left = i * down, j * across
            out[i, j] = (padded[top : top + h, left : left + w] * kernel).sum()
    return out


@pad_and_stride.alternative(framework="torch")
def _(image, kernel, padding, stride):
    import torch

    (rows, columns), (down, across) = padding, stride
    padded = torch.nn.functional.pad(image, (columns, columns, rows, rows))
    windows = padded.unfold(0, kernel.shape[0], down).unfold(1, kernel.shape[1], across)
    return torch.einsum("ijab,ab->ij", windows, kernel)


@pad_and_stride.alternative(framework="mxnet")
def _(image, kernel, padding, stride):
    from dlkit.mx import nd

    (rows, columns), (down, across) = padding, stride
    H, W = image.shape
    h, w = kernel.shape
    padded = nd.zeros((H + 2 * rows, W + 2 * columns))
    padded[rows : rows + H, columns : columns + W] = image
    out = nd.zeros(
        ((padded.shape[0] - h) // down + 1, (padded.shape[1] - w) // across + 1)
    )
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            top, left = i * down, j * across
            out[i, j] = (padded[top : top + h, left : left + w] * kernel).sum()
    return out


@pad_and_stride.alternative(framework="mxnet")
def _(image, kernel, padding, stride):
    (rows, columns), (down, across) = padding, stride
    h, w = kernel.shape
    H, W = image.shape[0] + 2 * rows, image.shape[1] + 2 * columns
    X = image.reshape((1, 1, *image.shape))  # MXNet pads arrays of four axes
    padded = X.pad(
        mode="constant", pad_width=(0, 0, 0, 0, rows, rows, columns, columns)
    ).reshape((H, W))
    moved = (
        (a, b, padded[a : a + H - h + 1, b : b + W - w + 1])
        for a in range(h)
        for b in range(w)
    )
    return sum(
        kernel[a, b].asscalar() * picture[::down, ::across] for a, b, picture in moved
    )


pad_and_stride.equivalent(
    "out = np.zeros( -> out = np.ones(", why="Every pixel of the output is overwritten."
)
pad_and_stride.equivalent(
    "out = torch.zeros( -> out = torch.ones(",
    why="Every pixel of the output is overwritten.",
)
pad_and_stride.equivalent(
    "out = nd.zeros( -> out = nd.ones(", why="Every pixel of the output is overwritten."
)


# --------------------------------------------------------------------------------------------------


@question(
    points=2,
    forbids=ready_made.POOLING,
    forbids_in_words=ready_made.POOLING_IN_WORDS,
    hints=[
        "It is the loop of `pad_and_stride` without a kernel: cut the "
        "window out, and reduce it to one number.",
        "What is the largest of -3 and -5? Take the maximum of the window "
        "itself, with nothing else to start from.",
        "The average divides by the number of pixels in the window, h * w.",
    ],
    explanation="""
    Pooling slides a window as a convolution does, and replaces the weighted sum by a maximum or a
    mean. There is nothing to learn in it.
    """,
)
def pool(image, window, stride, mode):
    """Reduce every window of `image` to its maximum or its average.

    image: (H, W) float32, of any sign; window: (h, w), two integers; stride: (down, across), two
    integers; mode: "max" or "average".
    No padding; windows that would hang over the edge are left out. Returns ((H - h) // down + 1, (W
    - w) // across + 1).
    """
    (h, w), (down, across) = window, stride
    H, W = image.shape
    out = np.zeros(((H - h) // down + 1, (W - w) // across + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            part = image[i * down : i * down + h, j * across : j * across + w]
            out[i, j] = part.max() if mode == "max" else part.mean()
    return out


_POOLED = np.array([[-1, -2, 5, 0, 9], [-3, -4, 7, 0, 9]], np.float32)
example(pool, _POOLED, (2, 2), (2, 2), "max", weight=0.5)
example(pool, _POOLED, (2, 2), (2, 2), "average", weight=0.5)


@pool.probe(weight=1)
def maximum_of_the_tutorials(rng):
    return _distinct(rng, 4, 6), (2, 2), (2, 2), "max"


@pool.probe(weight=1)
def maximum_below_zero(rng):
    """So far below that no search may begin at -1000."""
    return -_distinct(rng, 5, 4) - 5000, (2, 3), (1, 1), "max"


@pool.probe(weight=1)
def average_of_the_tutorials(rng):
    return _distinct(rng, 4, 6), (2, 2), (2, 2), "average"


@pool.probe(weight=0.5)
def one_window(rng):
    return _distinct(rng, 2, 5), (2, 5), (3, 1), "average"


@pool.probe(weight=0.5)
def one_window_and_its_maximum(rng):
    return _distinct(rng, 4, 3), (4, 3), (1, 2), "max"


@pool.probe(weight=0.5)
def pixels_between_the_windows(rng):
    return _distinct(rng, 9, 8), (2, 1), (3, 4), "average"


@pool.probe(weight=0.5)
def windows_of_one_pixel(rng):
    return _distinct(rng, 3, 5) - 7, (1, 1), (2, 1), "max"


@pool.probe(weight=1)
def windows_that_overlap_and_leave_a_remainder(rng):
    return _distinct(rng, 6, 9), (3, 2), (2, 3), "max"


@pool.probe(weight=2, repeat=4)
def random_maxima(rng):
    return _random_pool(rng, "max")


@pool.probe(weight=2, repeat=4)
def random_averages(rng):
    return _random_pool(rng, "average")


def _random_pool(rng, mode):
    """Sizes that leave a row or a column over; windows that do not lie side by side; more negative
    numbers than positive ones.
    """
    while True:
        h, w = (int(n) for n in rng.permutation([1, 2, 3])[:2])
        down, across = (int(n) for n in rng.permutation([1, 2, 3])[:2])
        rest_down = int(rng.integers(0, down)) if down <= h else 0
        rest_across = int(rng.integers(0, across)) if across <= w else 0
        if (rest_down or rest_across) and (h, w) != (down, across):
            H = h + down * int(rng.integers(1, 3)) + rest_down
            W = w + across * int(rng.integers(1, 3)) + rest_across
            return gaussian(rng, H, W) - 1, (h, w), (down, across), mode


@pool.mistake(
    "The search for the maximum starts at zero, so a window of negative numbers "
    "gives 0. Start from a value of the window."
)
def _(image, window, stride, mode):
    (h, w), (down, across) = window, stride
    H, W = image.shape
    out = np.zeros(((H - h) // down + 1, (W - w) // across + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            part = image[i * down : i * down + h, j * across : j * across + w]
            out[i, j] = max(0, part.max()) if mode == "max" else part.mean()
    return out


@pool.mistake(
    "The average divides by the wrong number: by the square of the "
    "window's height. A window has h * w pixels."
)
def _(image, window, stride, mode):
    (h, w), (down, across) = window, stride
    H, W = image.shape
    out = np.zeros(((H - h) // down + 1, (W - w) // across + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            part = image[i * down : i * down + h, j * across : j * across + w]
            out[i, j] = part.max() if mode == "max" else part.sum() / h**2
    return out


@pool.mistake(
    "The average is a sum: it is not divided by the number of pixels in the window."
)
def _(image, window, stride, mode):
    (h, w), (down, across) = window, stride
    H, W = image.shape
    out = np.zeros(((H - h) // down + 1, (W - w) // across + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            part = image[i * down : i * down + h, j * across : j * across + w]
            out[i, j] = part.max() if mode == "max" else part.sum()
    return out


@pool.mistake(
    "The stride is ignored: the windows are laid side by side. They start "
    "`stride` pixels apart and may overlap."
)
def _(image, window, stride, mode):
    h, w = window
    H, W = image.shape
    out = np.zeros((H // h, W // w))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            part = image[i * h : (i + 1) * h, j * w : (j + 1) * w]
            out[i, j] = part.max() if mode == "max" else part.mean()
    return out


@pool.mistake(
    "The stride's numbers are swapped. Its first says how far down, its second how far across."
)
def _(image, window, stride, mode):
    (h, w), (across, down) = window, stride
    H, W = image.shape
    out = np.zeros(((H - h) // down + 1, (W - w) // across + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            part = image[i * down : i * down + h, j * across : j * across + w]
            out[i, j] = part.max() if mode == "max" else part.mean()
    return out


@pool.mistake("The stride is taken to be 1. Windows start `stride` pixels apart.")
def _(image, window, stride, mode):
    h, w = window
    H, W = image.shape
    out = np.zeros((H - h + 1, W - w + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            part = image[i : i + h, j : j + w]
            out[i, j] = part.max() if mode == "max" else part.mean()
    return out


@pool.mistake(
    "Windows that hang over the edge are used as well: the output's "
    "size is rounded up. Leave them out."
)
def _(image, window, stride, mode):
    (h, w), (down, across) = window, stride
    H, W = image.shape
    out = np.zeros((-(-(H - h) // down) + 1, -(-(W - w) // across) + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            part = image[i * down : i * down + h, j * across : j * across + w]
            out[i, j] = part.max() if mode == "max" else part.mean()
    return out


@pool.mistake(
    'The maximum is taken whatever the mode. Look at what happens for "average".'
)
def _(image, window, stride, mode):
    (h, w), (down, across) = window, stride
    H, W = image.shape
    out = np.zeros(((H - h) // down + 1, (W - w) // across + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = image[
                i * down : i * down + h, j * across : j * across + w
            ].max()
    return out


@pool.mistake(
    "The two numbers of the window are swapped. The first is its height, the second its width."
)
def _(image, window, stride, mode):
    (w, h), (down, across) = window, stride
    H, W = image.shape
    out = np.zeros(((H - h) // down + 1, (W - w) // across + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            part = image[i * down : i * down + h, j * across : j * across + w]
            out[i, j] = part.max() if mode == "max" else part.mean()
    return out


@pool.mistake(
    'The two modes are exchanged: "max" gives averages, "average" gives maxima.',
)
def _(image, window, stride, mode):
    windows = np.lib.stride_tricks.sliding_window_view(image, window)
    windows = windows[:: stride[0], :: stride[1]]
    return windows.mean(axis=(2, 3)) if mode == "max" else windows.max(axis=(2, 3))


@pool.mistake(
    'The average is taken whatever the mode. Look at what happens for "max".',
)
def _(image, window, stride, mode):
    windows = np.lib.stride_tricks.sliding_window_view(image, window)
    windows = windows[:: stride[0], :: stride[1]]
    return windows.mean(axis=(2, 3))


@pool.mistake(
    'The smallest pixel of a window is taken. "max" leaves the largest.',
)
def _(image, window, stride, mode):
    windows = np.lib.stride_tricks.sliding_window_view(image, window)
    windows = windows[:: stride[0], :: stride[1]]
    return windows.min(axis=(2, 3)) if mode == "max" else windows.mean(axis=(2, 3))


@pool.mistake(
    "The largest absolute value is taken. Among negative numbers the largest is the one "
    "nearest to 0, with its sign.",
)
def _(image, window, stride, mode):
    windows = np.lib.stride_tricks.sliding_window_view(image, window)
    windows = windows[:: stride[0], :: stride[1]]
    return (
        np.abs(windows).max(axis=(2, 3)) if mode == "max" else windows.mean(axis=(2, 3))
    )


@pool.mistake(
    "The average is a median, the number in the middle. Add the pixels up and divide by their "
    "number.",
)
def _(image, window, stride, mode):
    windows = np.lib.stride_tricks.sliding_window_view(image, window)
    windows = windows[:: stride[0], :: stride[1]]
    return (
        windows.max(axis=(2, 3)) if mode == "max" else np.median(windows, axis=(2, 3))
    )


@pool.mistake(
    "The first number of the stride is used in both directions. The second says how far across.",
)
def _(image, window, stride, mode):
    windows = np.lib.stride_tricks.sliding_window_view(image, window)
    windows = windows[:: stride[0], :: stride[0]]
    return windows.max(axis=(2, 3)) if mode == "max" else windows.mean(axis=(2, 3))


@pool.mistake(
    "The last window is missing: the shape is (H - h) // down + 1, the 1 added after the division.",
)
def _(image, window, stride, mode):
    windows = np.lib.stride_tricks.sliding_window_view(image, window)
    height, width = windows.shape[0] // stride[0], windows.shape[1] // stride[1]
    windows = windows[:: stride[0], :: stride[1]][:height, :width]
    return windows.max(axis=(2, 3)) if mode == "max" else windows.mean(axis=(2, 3))


@pool.alternative()
def _(image, window, stride, mode):
    windows = np.lib.stride_tricks.sliding_window_view(image, window)[
        :: stride[0], :: stride[1]
    ]
    return {"max": np.max, "average": np.mean}[mode](windows, axis=(2, 3))


@pool.alternative(framework="torch")
def _(image, window, stride, mode):
    import torch

    (h, w), (down, across) = window, stride
    H, W = image.shape
    out = torch.zeros((H - h) // down + 1, (W - w) // across + 1)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            part = image[i * down : i * down + h, j * across : j * across + w]
            out[i, j] = part.max() if mode == "max" else part.mean()
    return out


@pool.alternative(framework="torch")
def _(image, window, stride, mode):
    # (rows, columns, h, w)
    windows = image.unfold(0, window[0], stride[0]).unfold(1, window[1], stride[1])
    return windows.amax(dim=(2, 3)) if mode == "max" else windows.mean(dim=(2, 3))


@pool.alternative(framework="mxnet")
def _(image, window, stride, mode):
    from dlkit.mx import nd

    (h, w), (down, across) = window, stride
    H, W = image.shape
    out = nd.zeros(((H - h) // down + 1, (W - w) // across + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            part = image[i * down : i * down + h, j * across : j * across + w]
            out[i, j] = part.max() if mode == "max" else part.mean()
    return out


@pool.alternative(framework="mxnet")
def _(image, window, stride, mode):
    from dlkit.mx import nd

    (h, w), (down, across) = window, stride
    H, W = image.shape
    pixels = nd.stack(
        *[
            image[a : a + H - h + 1, b : b + W - w + 1][::down, ::across]
            for a in range(h)
            for b in range(w)
        ]
    )
    return pixels.max(axis=0) if mode == "max" else pixels.mean(axis=0)


pool.equivalent("zeros( -> ones(", why="Every pixel of the output is overwritten.")
pool.equivalent(
    "axis=(2, 3) -> axis=(3, 2)",
    why="Neither a maximum nor a mean over two axes depends on their order.",
)
pool.equivalent(
    "dim=(2, 3) -> dim=(3, 2)",
    why="Neither a maximum nor a mean over two axes depends on their order.",
)


# --------------------------------------------------------------------------------------------------


@question(
    points=3,
    forbids=ready_made.CONVOLUTION,
    forbids_in_words=ready_made.CONVOLUTION_IN_WORDS,
    hints=[
        "kernels[o] has shape (C_in, h, w): one small picture for each input channel. All of "
        "them together make output channel o.",
        "Output channel o is the sum over c of the cross-correlation of X[c] with kernels[o, c].",
        "bias[o] is a single number. Add it once, to all pixels of output channel o.",
    ],
    explanation="""
    A kernel of a convolutional layer is as deep as its input: it looks at all input channels at
    once and adds up what it sees, and the bias is added once to that sum. With a 1x1 kernel this is
    a dense layer applied at every pixel.
    """,
)
def channels(X, kernels, bias):
    """Cross-correlate an image of several channels with a bank of kernels: one convolutional layer
    on one image, no padding, stride 1.

    X: (C_in, H, W) float32; kernels: (C_out, C_in, h, w) float32, not flipped; bias: (C_out,)
    float32.
    Returns (C_out, H - h + 1, W - w + 1): out[o] is bias[o] plus the sum over c of X[c]
    cross-correlated with kernels[o, c].
    """
    _, H, W = X.shape
    C_out, _, h, w = kernels.shape
    out = np.zeros((C_out, H - h + 1, W - w + 1))
    for o in range(C_out):
        for i in range(H - h + 1):
            for j in range(W - w + 1):
                out[o, i, j] = (X[:, i : i + h, j : j + w] * kernels[o]).sum() + bias[o]
    return out


@channels.probe(weight=1)
def kernel_of_one_pixel(rng):
    return (
        _distinct(rng, 3, 2, 4),
        gaussian(rng, 2, 3, 1, 1),
        np.array([10, -20], np.float32),
    )


@channels.probe(weight=1)
def more_channels_in_than_out(rng):
    return (
        _distinct(rng, 4, 4, 3),
        gaussian(rng, 2, 4, 2, 3),
        np.array([3, -7], np.float32),
    )


@channels.probe(weight=1)
def as_many_channels_out_as_columns(rng):
    return (
        _distinct(rng, 2, 4, 5),
        gaussian(rng, 3, 2, 2, 3),
        np.array([1, -30, 200], np.float32),
    )


@channels.probe(weight=1)
def as_many_channels_out_as_in(rng):
    return (
        _distinct(rng, 2, 5, 4),
        gaussian(rng, 2, 2, 3, 2),
        np.array([-4, 9], np.float32),
    )


@channels.probe(weight=3, repeat=4)
def random_layers(rng):
    C_in, C_out = rng.permutation([2, 3, 4])[:2]
    h, w = rng.permutation([1, 2, 3])[:2]
    more_rows, more_columns = rng.permutation([0, 1, 2, 3])[:2]
    return (
        gaussian(rng, C_in, h + more_rows, w + more_columns),
        gaussian(rng, C_out, C_in, h, w),
        3 * gaussian(rng, C_out),
    )


@channels.probe(weight=1)
def one_channel_in_and_out(rng):
    return (
        _distinct(rng, 1, 3, 5),
        np.array([[[[1, 3], [-2, 4]]]], np.float32),
        np.array([0.5], np.float32),
    )


example(
    channels,
    np.arange(1, 9, dtype=np.float32).reshape(2, 2, 2),
    np.array([[[[10]], [[-1]]]], np.float32),
    np.array([0.5], np.float32),
    weight=1,
)


@channels.probe(weight=0.5)
def one_channel_in_and_many_out(rng):
    return gaussian(rng, 1, 4, 3), gaussian(rng, 11, 1, 2, 2), 3 * gaussian(rng, 11)


@channels.probe(weight=0.5)
def biases_of_zero(rng):
    return gaussian(rng, 3, 4, 5), gaussian(rng, 2, 3, 2, 3), np.zeros(2, np.float32)


@channels.mistake("Only the first input channel is used. Sum over all of them.")
def _(X, kernels, bias):
    _, H, W = X.shape
    C_out, _, h, w = kernels.shape
    out = np.zeros((C_out, H - h + 1, W - w + 1))
    for o in range(C_out):
        for i in range(H - h + 1):
            for j in range(W - w + 1):
                out[o, i, j] = (
                    X[0, i : i + h, j : j + w] * kernels[o, 0]
                ).sum() + bias[o]
    return out


@channels.mistake(
    "The sum over the input channels is missing: there is one map for every "
    "pair of an input and an output channel."
)
def _(X, kernels, bias):
    C_in, H, W = X.shape
    C_out, _, h, w = kernels.shape
    out = np.zeros((C_out, C_in, H - h + 1, W - w + 1))
    for i in range(H - h + 1):
        for j in range(W - w + 1):
            out[:, :, i, j] = (X[:, i : i + h, j : j + w] * kernels).sum(
                axis=(2, 3)
            ) + bias[:, None]
    return out


@channels.mistake(
    "Every loop over an input channel starts the output anew, so only the "
    "last channel is left. Add to it (`+=`)."
)
def _(X, kernels, bias):
    C_in, H, W = X.shape
    C_out, _, h, w = kernels.shape
    out = np.zeros((C_out, H - h + 1, W - w + 1))
    for o in range(C_out):
        for c in range(C_in):
            for i in range(H - h + 1):
                for j in range(W - w + 1):
                    out[o, i, j] = (
                        X[c, i : i + h, j : j + w] * kernels[o, c]
                    ).sum() + bias[o]
    return out


@channels.mistake("The input channels are averaged. They have to be summed.")
def _(X, kernels, bias):
    C_in, H, W = X.shape
    C_out, _, h, w = kernels.shape
    out = np.zeros((C_out, H - h + 1, W - w + 1))
    for o in range(C_out):
        for i in range(H - h + 1):
            for j in range(W - w + 1):
                out[o, i, j] = (
                    X[:, i : i + h, j : j + w] * kernels[o]
                ).sum() / C_in + bias[o]
    return out


@channels.mistake(
    "The bias is added once for every input channel. Each output channel gets it once."
)
def _(X, kernels, bias):
    C_in, H, W = X.shape
    C_out, _, h, w = kernels.shape
    out = np.zeros((C_out, H - h + 1, W - w + 1))
    for o in range(C_out):
        for c in range(C_in):
            for i in range(H - h + 1):
                for j in range(W - w + 1):
                    out[o, i, j] += (
                        X[c, i : i + h, j : j + w] * kernels[o, c]
                    ).sum() + bias[o]
    return out


@channels.mistake(
    "The bias is added to every product. It is added once, after the sum."
)
def _(X, kernels, bias):
    _, H, W = X.shape
    C_out, _, h, w = kernels.shape
    out = np.zeros((C_out, H - h + 1, W - w + 1))
    for o in range(C_out):
        for i in range(H - h + 1):
            for j in range(W - w + 1):
                out[o, i, j] = (X[:, i : i + h, j : j + w] * kernels[o] + bias[o]).sum()
    return out


@channels.mistake(
    "The output channels are added up. Each kernel of the bank gives a map of its own: C_out maps."
)
def _(X, kernels, bias):
    windows = np.lib.stride_tricks.sliding_window_view(
        X, kernels.shape[2:], axis=(1, 2)
    )
    maps = np.einsum("cijab,ocab->oij", windows, kernels) + bias[:, None, None]
    return maps.sum(axis=0)


@channels.mistake(
    "The bias is missing. Add bias[o] to every pixel of output channel o."
)
def _(X, kernels, bias):
    _, H, W = X.shape
    C_out, _, h, w = kernels.shape
    out = np.zeros((C_out, H - h + 1, W - w + 1))
    for o in range(C_out):
        for i in range(H - h + 1):
            for j in range(W - w + 1):
                out[o, i, j] = (X[:, i : i + h, j : j + w] * kernels[o]).sum()
    return out


@channels.mistake(
    "`out + bias` lines the bias up with the columns, not with the "
    "channels. Give it the shape (C_out, 1, 1) first."
)
def _(X, kernels, bias):
    _, H, W = X.shape
    C_out, _, h, w = kernels.shape
    out = np.zeros((C_out, H - h + 1, W - w + 1))
    for o in range(C_out):
        for i in range(H - h + 1):
            for j in range(W - w + 1):
                out[o, i, j] = (X[:, i : i + h, j : j + w] * kernels[o]).sum()
    return out + bias


@channels.mistake(
    "The kernels are read as (C_in, C_out, h, w). Output channels come first: kernels[o, c]."
)
def _(X, kernels, bias):
    kernels = kernels.swapaxes(0, 1)
    _, H, W = X.shape
    C_out, _, h, w = kernels.shape
    out = np.zeros((C_out, H - h + 1, W - w + 1))
    for o in range(C_out):
        for i in range(H - h + 1):
            for j in range(W - w + 1):
                out[o, i, j] = (X[:, i : i + h, j : j + w] * kernels[o]).sum() + bias[o]
    return out


@channels.mistake(
    "The kernels are flipped. Cross-correlation lays them down as they are.",
)
def _(X, kernels, bias):
    h, w = kernels.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(X, (h, w), axis=(1, 2))
    out = np.einsum("cijab,ocab->oij", windows, kernels[:, :, ::-1, ::-1])
    return out + bias[:, None, None]


@channels.mistake(
    "The bias is subtracted. Add it.",
)
def _(X, kernels, bias):
    h, w = kernels.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(X, (h, w), axis=(1, 2))
    out = np.einsum("cijab,ocab->oij", windows, kernels)
    return out - bias[:, None, None]


@channels.mistake(
    "Every output channel gets the first bias. Channel o gets bias[o].",
)
def _(X, kernels, bias):
    h, w = kernels.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(X, (h, w), axis=(1, 2))
    out = np.einsum("cijab,ocab->oij", windows, kernels)
    return out + bias[0]


@channels.mistake(
    "The output channels stand last. They come first: (C_out, rows, columns).",
)
def _(X, kernels, bias):
    h, w = kernels.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(X, (h, w), axis=(1, 2))
    out = np.einsum("cijab,ocab->oij", windows, kernels)
    return (out + bias[:, None, None]).transpose(1, 2, 0)


@channels.mistake(
    "Axes of length 1 are gone. With one output channel the result is (1, rows, columns).",
)
def _(X, kernels, bias):
    h, w = kernels.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(X, (h, w), axis=(1, 2))
    out = np.einsum("cijab,ocab->oij", windows, kernels)
    return (out + bias[:, None, None]).squeeze()


@channels.mistake(
    "Negative numbers are set to 0. The layer ends with the bias: no ReLU.",
)
def _(X, kernels, bias):
    h, w = kernels.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(X, (h, w), axis=(1, 2))
    out = np.einsum("cijab,ocab->oij", windows, kernels)
    return np.maximum(out + bias[:, None, None], 0)


@channels.mistake(
    "One kernel serves all input channels. Channel c has a kernel of its own, kernels[o, c].",
)
def _(X, kernels, bias):
    h, w = kernels.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(X, (h, w), axis=(1, 2))
    out = np.einsum(
        "cijab,ocab->oij", windows, np.repeat(kernels[:, :1], kernels.shape[1], axis=1)
    )
    return out + bias[:, None, None]


@channels.mistake(
    "The same kernels serve all output channels. Channel o has its own, kernels[o].",
)
def _(X, kernels, bias):
    h, w = kernels.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(X, (h, w), axis=(1, 2))
    out = np.einsum(
        "cijab,ocab->oij", windows, np.repeat(kernels[:1], len(kernels), axis=0)
    )
    return out + bias[:, None, None]


@channels.alternative()
def _(X, kernels, bias):
    # (C_in, H', W', h, w)
    windows = np.lib.stride_tricks.sliding_window_view(
        X, kernels.shape[2:], axis=(1, 2)
    )
    return np.einsum("cijab,ocab->oij", windows, kernels) + bias[:, None, None]


@channels.alternative(framework="torch")
def _(X, kernels, bias):
    import torch

    _, H, W = X.shape
    C_out, _, h, w = kernels.shape
    out = torch.zeros(C_out, H - h + 1, W - w + 1)
    for o in range(C_out):
        for i in range(H - h + 1):
            for j in range(W - w + 1):
                out[o, i, j] = (X[:, i : i + h, j : j + w] * kernels[o]).sum() + bias[o]
    return out


@channels.alternative(framework="torch")
def _(X, kernels, bias):
    import torch

    # (C_in, H', W', h, w)
    windows = X.unfold(1, kernels.shape[2], 1).unfold(2, kernels.shape[3], 1)
    return torch.einsum("cijab,ocab->oij", windows, kernels) + bias[:, None, None]


@channels.alternative(framework="mxnet")
def _(X, kernels, bias):
    from dlkit.mx import nd

    _, H, W = X.shape
    C_out, _, h, w = kernels.shape
    out = nd.zeros((C_out, H - h + 1, W - w + 1))
    for o in range(C_out):
        for i in range(H - h + 1):
            for j in range(W - w + 1):
                out[o, i, j] = (X[:, i : i + h, j : j + w] * kernels[o]).sum() + bias[o]
    return out


@channels.alternative(framework="mxnet")
def _(X, kernels, bias):
    from dlkit.mx import nd

    C_in, H, W = X.shape
    C_out, _, h, w = kernels.shape
    moved = [
        X[c, a : a + H - h + 1, b : b + W - w + 1]
        for c in range(C_in)
        for a in range(h)
        for b in range(w)
    ]
    # The kernels as rows of a matrix, times a stack of moved pictures: (C_out, n) with (n, H', W').
    return nd.dot(kernels.reshape((C_out, -1)), nd.stack(*moved)) + bias.reshape(
        (C_out, 1, 1)
    )


channels.equivalent("zeros( -> ones(", why="Every pixel of the output is overwritten.")


# --------------------------------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "Follow two neighbouring pixels of a layer's output back to the image. How far apart "
        "are their centres? Call it `step`; before the first layer it is 1.",
        "A layer widens the field by dilation * (kernel - 1) pixels of its own input, and each "
        "of those is `step` pixels of the image.",
        "After a layer, `step` is multiplied by its stride. The order matters: a layer's own "
        "stride acts only on the layers after it.",
    ],
    explanation="""
    A kernel with k taps reaches dilation * (k - 1) pixels further on its own input, and one pixel
    there is `step` pixels of the image, where `step` is the product of the strides of all earlier
    layers. That product is why strided layers widen the view so fast.
    """,
)
def receptive_field(layers):
    """How many pixels of the image, along one axis, one output pixel of a stack of layers can see,
    from the first to the last.

    layers: a list of (kernel, stride, dilation) tuples of integers, the layer next to the image
        first. A pooling layer counts like a convolution.
    An empty list gives 1: the pixel itself. Returns an integer.
    """
    field = step = 1
    for kernel, stride, dilation in layers:
        field += dilation * (kernel - 1) * step
        step *= stride
    return field


example(receptive_field, [])
example(receptive_field, [(3, 1, 1)])
example(receptive_field, [(3, 2, 1), (3, 1, 1)])
example(receptive_field, [(3, 1, 1), (3, 1, 2), (3, 1, 4)])


@receptive_field.probe(weight=1)
def one_dilated_layer(rng):
    return ([(5, 2, 3)],)


@receptive_field.probe(weight=1)
def two_small_kernels_for_a_large_one(rng):
    return ([(3, 1, 1), (3, 1, 1)],)


@receptive_field.probe(weight=1)
def lenet(rng):
    return ([(5, 1, 1), (2, 2, 1), (5, 1, 1), (2, 2, 1)],)


@receptive_field.probe(weight=1)
def dilation_doubled_from_layer_to_layer(rng):
    return ([(3, 1, 1), (3, 1, 2), (3, 1, 4), (3, 1, 8)],)


@receptive_field.probe(weight=1)
def strides_of_three(rng):
    return ([(3, 3, 1), (2, 3, 2), (4, 1, 1)],)


@receptive_field.probe(weight=3, repeat=6)
def random_stacks(rng):
    return (
        [
            tuple(int(rng.integers(1, high)) for high in (6, 4, 4))
            for _ in range(int(rng.integers(4, 7)))
        ],
    )


@receptive_field.probe(weight=1)
def kernels_of_one_pixel(rng):
    """They see no more themselves; their strides make the next layer see more."""
    return ([(1, int(rng.integers(2, 5)), 3), (3, 1, 1), (1, 1, 2)],)


@receptive_field.probe(weight=1)
def a_deep_stack(rng):
    strides = rng.permutation([1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3])
    return ([(int(rng.integers(2, 5)), int(stride), 1) for stride in strides],)


@receptive_field.mistake(
    "The strides are added up. They multiply: a stride of 2 after a "
    "stride of 3 makes steps of 6 pixels."
)
def _(layers):
    field, step = 1, 1
    for kernel, stride, dilation in layers:
        field += dilation * (kernel - 1) * step
        step += stride - 1
    return field


@receptive_field.mistake(
    "The strides are ignored. After a strided layer, one pixel "
    "stands for several pixels of the image."
)
def _(layers):
    field = 1
    for kernel, _, dilation in layers:
        field += dilation * (kernel - 1)
    return field


@receptive_field.mistake(
    "Only the stride of the layer just before counts. The steps of all earlier layers multiply."
)
def _(layers):
    field, previous = 1, 1
    for kernel, stride, dilation in layers:
        field += dilation * (kernel - 1) * previous
        previous = stride
    return field


@receptive_field.mistake(
    "The dilation is ignored. Taps that are `dilation` pixels apart "
    "reach dilation * (kernel - 1) pixels."
)
def _(layers):
    field, step = 1, 1
    for kernel, stride, _ in layers:
        field += (kernel - 1) * step
        step *= stride
    return field


@receptive_field.mistake(
    "A layer's own stride widens its own view. It acts only on the "
    "layers after it: update the step last."
)
def _(layers):
    field, step = 1, 1
    for kernel, stride, dilation in layers:
        step *= stride
        field += dilation * (kernel - 1) * step
    return field


@receptive_field.mistake(
    "One pixel is missing. Before any layer the field is one pixel wide, not zero."
)
def _(layers):
    field, step = 0, 1
    for kernel, stride, dilation in layers:
        field += dilation * (kernel - 1) * step
        step *= stride
    return field


@receptive_field.mistake(
    "Every layer adds its whole kernel. The first tap stands on a pixel that is "
    "seen already: add dilation * (kernel - 1)."
)
def _(layers):
    field, step = 1, 1
    for kernel, stride, dilation in layers:
        field += dilation * kernel * step
        step *= stride
    return field


@receptive_field.mistake(
    "The layers are taken in the wrong order. The list begins at the image."
)
def _(layers):
    field, step = 1, 1
    for kernel, stride, dilation in reversed(layers):
        field += dilation * (kernel - 1) * step
        step *= stride
    return field


@receptive_field.mistake(
    "The kernels are multiplied. A layer adds dilation * (kernel - 1) steps to the field.",
)
def _(layers):
    field = 1
    for kernel, _, dilation in layers:
        field *= dilation * (kernel - 1) + 1
    return field


@receptive_field.mistake(
    "`dilation` is taken for the pixels between two taps. With dilation 1 the taps stand side "
    "by side.",
)
def _(layers):
    field, step = 1, 1
    for kernel, stride, dilation in layers:
        field, step = field + (kernel - 1) * (dilation + 1) * step, step * stride
    return field


@receptive_field.mistake(
    "A dilated kernel is taken to cover dilation * kernel pixels. From its first tap to its "
    "last it covers dilation * (kernel - 1) + 1.",
)
def _(layers):
    field, step = 1, 1
    for kernel, stride, dilation in layers:
        field, step = field + (kernel * dilation - 1) * step, step * stride
    return field


@receptive_field.mistake(
    "The dilation widens the steps of the later layers too. Only strides do that.",
)
def _(layers):
    field, step = 1, 1
    for kernel, stride, dilation in layers:
        field, step = field + (kernel - 1) * dilation * step, step * stride * dilation
    return field


@receptive_field.alternative()
def _(layers):
    # walk back from the output: this many pixels of the layer above need how many of the layer
    # below?
    field = 1
    for kernel, stride, dilation in reversed(layers):
        field = (field - 1) * stride + dilation * (kernel - 1) + 1
    return field


@receptive_field.alternative()
def _(layers):
    strides = [1, *(stride for _, stride, _ in layers)]
    steps = np.cumprod(strides)
    return 1 + sum(
        int(steps[i]) * dilation * (kernel - 1)
        for i, (kernel, _, dilation) in enumerate(layers)
    )


@receptive_field.alternative(framework="torch")
def _(layers):
    import torch

    out = torch.empty(
        1,
        1,
        # one output pixel; a transposed convolution spreads it over all that it sees, and only the
        # shapes matter
    )
    for kernel, stride, dilation in reversed(layers):
        out = torch.nn.functional.conv_transpose1d(
            out, torch.empty(1, 1, kernel), stride=stride, dilation=dilation
        )
    return out.shape[1]


@receptive_field.alternative(framework="mxnet")
def _(layers):
    field = step = 1
    for kernel, stride, dilation in layers:
        field += dilation * (kernel - 1) * step
        step *= stride
    return field


@receptive_field.alternative(framework="mxnet")
def _(layers):
    from dlkit.mx import nd

    # A transposed convolution spreads one output pixel over all that it sees; only shapes matter.
    out = nd.empty((1, 1, 1))
    for kernel, stride, dilation in reversed(layers):
        out = nd.Deconvolution(
            out,
            nd.empty((1, 1, kernel)),
            kernel=(kernel,),
            stride=(stride,),
            dilate=(dilation,),
            num_filter=1,
        )
    return out.shape[2]


receptive_field.equivalent(
    "nd.empty((1, 1, 1)) -> nd.empty((2, 1, 1))",
    why="What a second output pixel sees is as long.",
)


# --------------------------------------------------------------------------------------------------


@question(
    points=3,
    forbids=ready_made.IM2COL,
    forbids_in_words=ready_made.IM2COL_IN_WORDS,
    hints=[
        "Column number i * (W - w + 1) + j of the result is the window X[:, i : i + h, j : j + "
        "w], written as one long column.",
        "`reshape(-1)` on a window of shape (C, h, w) already gives the order that is asked "
        "for: channel slowest, column fastest.",
        "Collect the columns in a list, for i outside and j inside, and stack them along axis 1.",
    ],
    explanation="""
    Once every window is a column, the whole convolutional layer is one matrix product,
    `kernels.reshape(C_out, -1) @ im2col(X, window)`, which computers do fastest. The price is
    memory: each pixel is stored up to h * w times.
    """,
)
def im2col(X, window):
    """Write every window of `X` as a column of a matrix.

    X: (C, H, W) float32; window: (h, w), two integers; no padding, stride 1; with H' = H - h + 1
    and W' = W - w + 1.
    Returns (C * h * w, H' * W'): the value X[c, i + a, j + b] stands in row (c * h + a) * w + b and
    column i * W' + j.
    """
    C, H, W = X.shape
    h, w = window
    columns = np.zeros((C * h * w, (H - h + 1) * (W - w + 1)))
    for i in range(H - h + 1):
        for j in range(W - w + 1):
            columns[:, i * (W - w + 1) + j] = X[:, i : i + h, j : j + w].reshape(-1)
    return columns


example(im2col, np.arange(1, 10, dtype=np.float32).reshape(1, 3, 3), (2, 2), weight=1)


@im2col.probe(weight=1)
def window_of_one_pixel(rng):
    return _distinct(rng, 2, 3, 4), (1, 1)


@im2col.probe(weight=1)
def window_as_large_as_the_image(rng):
    return _distinct(rng, 2, 3, 4), (3, 4)


@im2col.probe(weight=1)
def one_channel(rng):
    return _distinct(rng, 1, 3, 5), (2, 3)


@im2col.probe(weight=1)
def square_matrix(rng):
    # six windows of six pixels: a transposed result has the right shape
    return _distinct(rng, 1, 4, 3), (
        3,
        2,
    )


@im2col.probe(weight=1)
def several_channels(rng):
    return _distinct(rng, 3, 4, 5), (2, 3)


@im2col.probe(weight=3, repeat=4)
def random_shapes(rng):
    h, w = (int(n) for n in rng.permutation([2, 3, 4])[:2])
    more_rows, more_columns = rng.permutation([1, 2, 3])[:2]
    return gaussian(rng, int(rng.integers(2, 5)), h + more_rows, w + more_columns), (
        h,
        w,
    )


@im2col.mistake(
    "The matrix is transposed: each window is a row. Each window should be a column."
)
def _(X, window):
    C, H, W = X.shape
    h, w = window
    columns = np.zeros(((H - h + 1) * (W - w + 1), C * h * w))
    for i in range(H - h + 1):
        for j in range(W - w + 1):
            columns[i * (W - w + 1) + j] = X[:, i : i + h, j : j + w].reshape(-1)
    return columns


@im2col.mistake(
    "The windows are in the wrong order: down the image first. Go along "
    "a row of windows, then to the next row."
)
def _(X, window):
    _, H, W = X.shape
    h, w = window
    parts = [
        X[:, i : i + h, j : j + w].reshape(-1)
        for j in range(W - w + 1)
        for i in range(H - h + 1)
    ]
    return np.stack(parts, axis=1)


@im2col.mistake(
    "Within a column the channel changes fastest. It should change slowest: "
    "all of channel 0, then all of channel 1."
)
def _(X, window):
    _, H, W = X.shape
    h, w = window
    parts = [
        X[:, i : i + h, j : j + w].transpose(1, 2, 0).reshape(-1)
        for i in range(H - h + 1)
        for j in range(W - w + 1)
    ]
    return np.stack(parts, axis=1)


@im2col.mistake(
    "Within a column the windows are read down their columns. Read "
    "them row by row: b changes fastest."
)
def _(X, window):
    _, H, W = X.shape
    h, w = window
    parts = [
        X[:, i : i + h, j : j + w].transpose(0, 2, 1).reshape(-1)
        for i in range(H - h + 1)
        for j in range(W - w + 1)
    ]
    return np.stack(parts, axis=1)


@im2col.mistake(
    "The shape is right but the numbers are shuffled: `reshape` does not reorder axes. Move the "
    "axes (`transpose`) before you merge them."
)
def _(X, window):
    C, H, W = X.shape
    h, w = window
    # (C, H', W', h, w)
    windows = np.lib.stride_tricks.sliding_window_view(X, window, axis=(1, 2))
    return windows.reshape(C * h * w, (H - h + 1) * (W - w + 1))


@im2col.mistake(
    "The windows of the last row and of the last column are missing. "
    "There are H - h + 1 by W - w + 1 windows."
)
def _(X, window):
    C, H, W = X.shape
    h, w = window
    columns = np.zeros((C * h * w, (H - h) * (W - w)))
    for i in range(H - h):
        for j in range(W - w):
            columns[:, i * (W - w) + j] = X[:, i : i + h, j : j + w].reshape(-1)
    return columns


@im2col.mistake(
    "The windows do not overlap: each starts where the one before it ends. With stride 1 the "
    "next one starts a pixel further."
)
def _(X, window):
    _, H, W = X.shape
    h, w = window
    parts = [
        X[:, i : i + h, j : j + w].reshape(-1)
        for i in range(0, H - h + 1, h)
        for j in range(0, W - w + 1, w)
    ]
    return np.stack(parts, axis=1)


@im2col.mistake(
    "Only the first channel is there. A column holds the window of "
    "every channel, one below the other."
)
def _(X, window):
    _, H, W = X.shape
    h, w = window
    parts = [
        X[0, i : i + h, j : j + w].reshape(-1)
        for i in range(H - h + 1)
        for j in range(W - w + 1)
    ]
    return np.stack(parts, axis=1)


@im2col.mistake(
    "The two numbers of the window are swapped. The first is its height, the second its width.",
)
def _(X, window):
    windows = (
        np.lib.stride_tricks.sliding_window_view(X, window[::-1], axis=(1, 2))
        if (X.shape[1] >= window[1] and X.shape[2] >= window[0])
        else np.zeros((1, 1, 1, 1, 1))
    )
    rows = windows.transpose(0, 3, 4, 1, 2)
    return rows.reshape(-1, windows.shape[1] * windows.shape[2])


@im2col.mistake(
    "The pixels within a window come last first. Read them from the top left.",
)
def _(X, window):
    windows = np.lib.stride_tricks.sliding_window_view(X, window, axis=(1, 2))
    rows = windows.transpose(0, 3, 4, 1, 2)
    return rows.reshape(-1, windows.shape[1] * windows.shape[2])[::-1]


@im2col.mistake(
    "The image has been padded with zeros. Here windows stay inside it.",
)
def _(X, window):
    padded = np.pad(X, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, window, axis=(1, 2))
    rows = windows.transpose(0, 3, 4, 1, 2)
    return rows.reshape(-1, windows.shape[1] * windows.shape[2])


@im2col.alternative()
def _(X, window):
    # (C, H', W', h, w)
    windows = np.lib.stride_tricks.sliding_window_view(X, window, axis=(1, 2))
    C, rows, columns, h, w = windows.shape
    return windows.transpose(0, 3, 4, 1, 2).reshape(C * h * w, rows * columns)


@im2col.alternative(framework="torch")
def _(X, window):
    import torch

    _, H, W = X.shape
    h, w = window
    parts = [
        X[:, i : i + h, j : j + w].reshape(-1)
        for i in range(H - h + 1)
        for j in range(W - w + 1)
    ]
    return torch.stack(parts, dim=1)


@im2col.alternative(framework="torch")
def _(X, window):
    h, w = window
    windows = X.unfold(1, h, 1).unfold(2, w, 1)  # (C, H', W', h, w)
    return windows.permute(0, 3, 4, 1, 2).reshape(len(X) * h * w, -1)


@im2col.alternative(framework="mxnet")
def _(X, window):
    from dlkit.mx import nd

    _, H, W = X.shape
    h, w = window
    parts = [
        X[:, i : i + h, j : j + w].reshape(-1)
        for i in range(H - h + 1)
        for j in range(W - w + 1)
    ]
    return nd.stack(*parts, axis=1)


@im2col.alternative(framework="mxnet")
def _(X, window):
    from dlkit.mx import nd

    C, H, W = X.shape
    h, w = window
    # Row (c, a, b) of the matrix is the picture of channel c, moved up by a and left by b.
    rows = [
        X[c, a : a + H - h + 1, b : b + W - w + 1].reshape(-1)
        for c in range(C)
        for a in range(h)
        for b in range(w)
    ]
    return nd.stack(*rows)


im2col.equivalent("zeros( -> ones(", why="Every column is overwritten.")
im2col.equivalent(
    "+ j] = X[:, i : i + h, j : j + w].reshape(-2)",
    why="NumPy takes any one negative size for the size that is left.",
)
im2col.equivalent(
    "C, rows, columns, h, w -> C, columns, rows, h, w",
    why="Only the product of the two is used.",
)
im2col.equivalent(
    "C, rows, columns, h, w -> C, rows, columns, w, h",
    why="Only the product of the two is used.",
)


# --------------------------------------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "A vertical edge is a change from left to right. What do you subtract from what? On a "
        "flat region, bright or dark, the result should be 0.",
        "Along a vertical edge all rows agree about the edge and disagree "
        "about the noise. Let many rows have a say.",
        "The columns further from the edge know its sides as well: a kernel of five rows and "
        "five columns, negative left, positive right, sums to zero.",
    ],
    explanation="""
    Differences from left to right see vertical edges, and a sum of zero makes flat regions vanish
    at any brightness. Adding up five rows and two columns a side averages the noise away: ten
    pixels against ten have a tenth of the variance of one against one.
    """,
)
def edge_detector():
    """Design a kernel that finds vertical edges, where dark meets bright from left to right or from
    right to left.

    Takes nothing and returns the kernel: (h, w) numbers, 1 <= h <= 5, 1 <= w <= 5. It is tried on
    images that you have not seen; the strength of an edge is the absolute value of the
    cross-correlation, the larger one of the two pixels that meet at the edge.
    """
    return np.array([[-1, -1, 0, 1, 1]] * 5)


_QUIET, _NOISY = (
    0.05,
    0.2,
    # standard deviation of the noise; the images go from 0 to 1 and their weakest edge is a step of
    # 0.25
)
_REQUIRED = {_QUIET: 0.97, _NOISY: 0.935}


def _scenes(rng, noise):
    """Images of three rectangles on a background, at four different levels of brightness:
    (clean, noisy) stacks of shape (96, 32, 40).
    """
    clean = np.empty((96, 32, 40))
    for scene in clean:
        background, *levels = rng.permutation(4) / 4 + rng.uniform(0, 0.25)
        scene[:] = background
        for level in levels:
            h, w = rng.integers(10, 15, size=2)
            top, left = rng.integers(2, 31 - h), rng.integers(2, 39 - w)
            scene[top : top + h, left : left + w] = level
    return clean, clean + rng.normal(0, noise, clean.shape)


@edge_detector.probe(weight=2, repeat=2)
def little_noise(rng):
    return Inputs(args=(), secret=(*_scenes(rng, _QUIET), _REQUIRED[_QUIET]))


@edge_detector.probe(weight=1, repeat=2)
def much_noise(rng):
    return Inputs(args=(), secret=(*_scenes(rng, _NOISY), _REQUIRED[_NOISY]))


@edge_detector.measure
def _(inputs, output):
    clean, noisy, required = inputs.secret
    kernel = _as_kernel(output)
    if kernel is None:
        return Measurement(
            False,
            "A kernel of at most 5 rows and 5 columns of finite numbers was expected.",
        )
    strength = _strength(noisy, kernel)
    vertical, horizontal, flat = _places(clean)
    against_flat = _separation(strength[vertical], strength[flat])
    against_horizontal = _separation(strength[vertical], strength[horizontal])
    figures = (
        f"Vertical edges against flat places: {against_flat:.3f}; against "
        f"horizontal edges: {against_horizontal:.3f}"
    )
    return Measurement(
        min(against_flat, against_horizontal) >= required,
        f"{figures} (at least {required:.3g} each).",
    )


def _as_kernel(output):
    """The output as a float array scaled to a largest value of 1, or None where it is no kernel
    of an allowed size.
    """
    try:
        kernel = np.asarray(output)
    except ValueError:  # rows of different lengths
        return None
    if (
        kernel.dtype.kind not in "biuf"
        or kernel.ndim != 2
        or not all(1 <= n <= 5 for n in kernel.shape)
        or not np.isfinite(kernel).all()
    ):
        return None
    kernel = kernel.astype(np.float64)
    return kernel / (np.abs(kernel).max() or 1.0)


def _strength(images, kernel):
    """|cross-correlation| at every pair of horizontal neighbours, two pixels away from the
    border: (N, H - 4, W - 5).
    """
    h, w = kernel.shape
    _, H, W = images.shape
    response = np.zeros((len(images), H - h + 1, W - w + 1))
    for (i, j), weight in np.ndenumerate(kernel):
        response += weight * images[:, i : i + H - h + 1, j : j + W - w + 1]
    response = np.abs(response)
    # So that the kernel's middle lies on the pixel.
    top, left = (
        2 - (h - 1) // 2,
        2 - (w - 1) // 2,
    )
    response = response[:, top : top + H - 4, left : left + W - 4]
    return np.maximum(response[:, :, :-1], response[:, :, 1:])


def _places(clean):
    """What lies within two pixels of each pair of neighbours: one straight vertical edge between
    the two, one horizontal edge, or nothing.
    """
    across, down = np.diff(clean, axis=2) != 0, np.diff(clean, axis=1) != 0
    # (N, H - 4, W - 5)
    steps_across, steps_down = (
        _count(across, 5, 5),
        _count(down, 4, 6),
    )
    middle = _count(across, 5, 1)[:, :, 2:-2]
    rows = _count(down, 1, 6)[:, 1:-1]
    vertical = (middle == 5) & (steps_across == 5) & (steps_down == 0)
    horizontal = (
        ((rows[:, :-1] == 6) | (rows[:, 1:] == 6))
        & (steps_down == 6)
        & (steps_across == 0)
    )
    return vertical, horizontal, (steps_across == 0) & (steps_down == 0)


def _count(steps, h, w):
    """How many steps lie in each block of h rows and w columns."""
    # of all above and to the left
    total = np.zeros(
        (len(steps), steps.shape[1] + 1, steps.shape[2] + 1), dtype=np.int32
    )
    steps.cumsum(axis=1, dtype=np.int32).cumsum(axis=2, out=total[:, 1:, 1:])
    return total[:, h:, w:] - total[:, :-h, w:] - total[:, h:, :-w] + total[:, :-h, :-w]


def _separation(edges, others):
    """The probability that an edge answers more strongly than another place, ties counting half:
    the area under the ROC curve.
    """
    others = np.sort(others)
    below, not_above = (
        np.searchsorted(others, edges, "left"),
        np.searchsorted(others, edges, "right"),
    )
    return float((below + not_above).mean() / (2 * len(others)))


def _sums(output):
    """(sum of all, largest column sum, largest row sum), relative to the sum of magnitudes."""
    kernel = _as_kernel(output)
    size = np.abs(kernel).sum() or 1.0
    return (
        abs(kernel.sum()) / size,
        np.abs(kernel.sum(axis=0)).max() / size,
        np.abs(kernel.sum(axis=1)).max() / size,
    )


def _is_blur(inputs, output):
    kernel = _as_kernel(output)
    return kernel.any() and ((kernel >= 0).all() or (kernel <= 0).all())


def _does_not_sum_to_zero(inputs, output):
    kernel = _as_kernel(output)
    return (kernel > 0).any() and (kernel < 0).any() and _sums(output)[0] > 0.02


def _is_horizontal(inputs, output):
    total, columns, rows = _sums(output)
    return total <= 0.02 and rows > 0.05 and columns < 1e-6


def _looks_both_ways(inputs, output):
    total, columns, rows = _sums(output)
    kernel = _as_kernel(output)
    square = kernel.shape[0] == kernel.shape[1]
    return (
        total <= 0.02
        and rows > 0.05
        and columns > 0.05
        and square
        and np.allclose(kernel, kernel.T)
    )


def _is_diagonal(inputs, output):
    total, columns, rows = _sums(output)
    kernel = _as_kernel(output)
    square = kernel.shape[0] == kernel.shape[1]
    return (
        total <= 0.02
        and rows > 0.05
        and columns > 0.05
        and square
        and np.allclose(kernel, -kernel.T)
    )


def _hears_too_few_pixels(inputs, output):
    total, columns, rows = _sums(output)
    return total <= 0.02 and columns > 0.05 and rows < 1e-6


@edge_detector.mistake(
    "This kernel finds horizontal edges: it compares above with below. Transpose it.",
    recognise=_is_horizontal,
)
def _():
    return np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])


@edge_detector.mistake(
    "All weights have the same sign: this is a blur, and it answers to "
    "brightness. An edge is a difference.",
    recognise=_is_blur,
)
def _():
    return np.ones((3, 3)) / 9


@edge_detector.mistake(
    "The weights do not sum to zero, so a bright flat region "
    "answers like an edge. Balance both sides.",
    recognise=_does_not_sum_to_zero,
)
def _():
    return np.array([[-1, 0, 2], [-2, 0, 4], [-1, 0, 2]])


@edge_detector.mistake(
    "The kernel answers to edges of every direction. Look from left to right only.",
    recognise=_looks_both_ways,
)
def _():
    return np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])


@edge_detector.mistake(
    "The kernel looks along a diagonal, so horizontal edges answer as strongly "
    "as vertical ones. Make all its rows alike.",
    recognise=_is_diagonal,
)
def _():
    return np.array([[0, 1, 2], [-1, 0, 1], [-2, -1, 0]])


@edge_detector.mistake(
    "The direction is right, but so few pixels have a say that the noise drowns "
    "the edge. Use more rows and more columns.",
    recognise=_hears_too_few_pixels,
)
def _():
    return np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])


@edge_detector.alternative()
def _():
    across = [-1, -1, 0, 1, 1]
    return [across for _ in range(5)]


@edge_detector.alternative()
def _():
    return np.outer([1, 1, 1, 1, 1], [-1, -2, 0, 2, 1])


@edge_detector.alternative(framework="torch")
def _():
    import torch

    return torch.tensor([-1.0, -1.0, 0.0, 1.0, 1.0]).repeat(5, 1)


@edge_detector.alternative(framework="mxnet")
def _():
    from dlkit.mx import nd

    return nd.tile(nd.array([1, 1, 0, -1, -1]), reps=(5, 1))
