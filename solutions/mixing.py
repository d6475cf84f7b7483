"""Erasing and mixing: blended images and labels, holes, pasted boxes, a loss for soft labels,
calibration, two random operations, and digits with a hole.
"""

import numpy as np

from autograder import Inputs, NotADraw, question
from solutions import ready_made
from solutions.accuracy import ByAccuracy
from solutions.inputs import disguised

NETWORKS = ("torch", "mxnet")


# 1. Mixup with given draws ------------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "Labels are mixed as images are: the same lam, the same partners. What is missing is 1 "
        "- lam of the partner's label.",
        "`labels[partners]` are the partners' labels, (N, num_classes). So "
        "1 - lam must be (N, 1), as `own` is.",
    ],
    explanation="""
        The label has to say what is in the picture: 30 % of one, 70 % of the other. The loss then
        asks for exactly these probabilities, and between two images the net learns to go from one
        answer to the other in a straight line (Zhang et al. 2018).
    """,
)
def mix(images, labels, partners, lam):
    """Blend each image and label with those of its partner: lam of its own, 1 - lam of the
    partner's.

    images: (N, C, H, W) float32; labels: (N, num_classes) float32; partners: (N,) int64; lam: (N,)
    float32. Returns (images, labels), mixed.
    """
    own = lam.reshape(-1, 1)
    weight = lam.reshape(-1, 1, 1, 1)
    mixed_images = weight * images + (1 - weight) * images[partners]
    # (N, num_classes), so far only what each keeps of its own
    mixed_labels = own * labels
    mixed_labels = mixed_labels + (1 - own) * labels[partners]
    return mixed_images, mixed_labels


@mix.probe(weight=2, repeat=2)
def other_partners(rng):
    n, num_classes = int(rng.integers(5, 8)), 4
    return (
        _images(rng, n, 3, 4, 5),
        _soft(rng, n, num_classes),
        _cycle(rng, n),
        _shares(rng, n),
    )


@mix.probe(weight=1)
def some_are_their_own_partners(rng):
    partners = np.array([0, 2, 3, 1, 4])
    return _images(rng, 5, 1, 6, 3), _one_hot(rng, 5, 6), partners, _shares(rng, 5)


@mix.probe(weight=0.5)
def the_table_of_the_statement(rng):
    images = np.linspace(0.1, 0.9, 24, dtype=np.float32).reshape(4, 1, 2, 3)
    labels = np.float32([[1, 0, 0], [0, 0.5, 0.5], [0, 1, 0], [0, 0.5, 0.5]])
    return images, labels, np.array([2, 3, 0, 1]), np.float32([0.7, 0.2, 0, 1])


@mix.probe(weight=0.5)
def one_image(rng):
    return _images(rng, 1, 2, 3, 4), _soft(rng, 1, 3), np.array([0]), np.float32([0.3])


@mix.mistake(
    "The images are blended, the labels are not. A picture that is 30 % of "
    "another class needs a label that says so."
)
def _(images, labels, partners, lam):
    weight = lam.reshape(-1, 1, 1, 1)
    return weight * images + (1 - weight) * images[partners], labels


@mix.mistake(
    "In the labels lam and 1 - lam are exchanged: lam belongs to the "
    "example itself, in images and labels alike."
)
def _(images, labels, partners, lam):
    weight, of_labels = lam.reshape(-1, 1, 1, 1), lam.reshape(-1, 1)
    return weight * images + (1 - weight) * images[partners], (
        1 - of_labels
    ) * labels + of_labels * labels[partners]


@mix.mistake(
    "Each label is that of the larger part alone. Keep both, with lam and 1 - lam."
)
def _(images, labels, partners, lam):
    weight = lam.reshape(-1, 1, 1, 1)
    return weight * images + (1 - weight) * images[partners], np.where(
        lam[:, None] >= 0.5, labels, labels[partners]
    )


@mix.mistake(
    "The partner's label is added whole. Its share is 1 - lam, so that each label adds up to 1."
)
def _(images, labels, partners, lam):
    weight = lam.reshape(-1, 1, 1, 1)
    return weight * images + (1 - weight) * images[partners], lam.reshape(
        -1, 1
    ) * labels + labels[partners]


@mix.mistake(
    "The partner's label has the share lam, which is that of the image's own. It is 1 - lam."
)
def _(images, labels, partners, lam):
    weight, own = lam.reshape(-1, 1, 1, 1), lam.reshape(-1, 1)
    return weight * images + (1 - weight) * images[
        partners
    ], own * labels + own * labels[partners]


@mix.mistake(
    "The partner's part is taken from `mixed_labels`, which has a "
    "share already. Take `labels[partners]`."
)
def _(images, labels, partners, lam):
    weight, own = lam.reshape(-1, 1, 1, 1), lam.reshape(-1, 1)
    return weight * images + (1 - weight) * images[partners], own * labels + (
        1 - own
    ) * (own * labels)[partners]


@mix.mistake(
    "The partner's part of the labels is missing. Add 1 - lam times its label."
)
def _(images, labels, partners, lam):
    weight = lam.reshape(-1, 1, 1, 1)
    return weight * images + (1 - weight) * images[partners], lam.reshape(
        -1, 1
    ) * labels


@mix.mistake(
    "One lam is used for the labels of the whole batch. Each label has its own."
)
def _(images, labels, partners, lam):
    weight = lam.reshape(-1, 1, 1, 1)
    return weight * images + (1 - weight) * images[partners], lam[0] * labels + (
        1 - lam[0]
    ) * labels[partners]


@mix.mistake(
    "The labels are mixed with another partner than the images: the "
    "neighbour in the batch. Take `labels[partners]`."
)
def _(images, labels, partners, lam):
    weight, of_labels = lam.reshape(-1, 1, 1, 1), lam.reshape(-1, 1)
    return weight * images + (1 - weight) * images[partners], of_labels * labels + (
        1 - of_labels
    ) * np.roll(labels, 1, axis=0)


@mix.mistake(
    "What each label keeps of its own is lost: `mixed_labels =` begins anew. Add to what is there."
)
def _(images, labels, partners, lam):
    own, weight = lam.reshape(-1, 1), lam.reshape(-1, 1, 1, 1)
    return weight * images + (1 - weight) * images[partners], (1 - own) * labels[
        partners
    ]


@mix.mistake(
    "The partner's own lam is used. The shares of a label are lam and 1 - lam of the image itself."
)
def _(images, labels, partners, lam):
    own, weight = lam.reshape(-1, 1), lam.reshape(-1, 1, 1, 1)
    mixed = own * labels + (1 - own[partners]) * labels[partners]
    return weight * images + (1 - weight) * images[partners], mixed


@mix.mistake("The partner's part of the labels is subtracted. Add it.")
def _(images, labels, partners, lam):
    own, weight = lam.reshape(-1, 1), lam.reshape(-1, 1, 1, 1)
    mixed = own * labels - (1 - own) * labels[partners]
    return weight * images + (1 - weight) * images[partners], mixed


@mix.mistake(
    "The partners are read the other way round in the labels: i's partner is partners[i]."
)
def _(images, labels, partners, lam):
    own, weight = lam.reshape(-1, 1), lam.reshape(-1, 1, 1, 1)
    mixed = own * labels + (1 - own) * labels[np.argsort(partners)]
    return weight * images + (1 - weight) * images[partners], mixed


@mix.mistake("The batch is reversed for the partners' labels. Take `labels[partners]`.")
def _(images, labels, partners, lam):
    own, weight = lam.reshape(-1, 1), lam.reshape(-1, 1, 1, 1)
    mixed = own * labels + (1 - own) * labels[::-1]
    return weight * images + (1 - weight) * images[partners], mixed


@mix.alternative(framework="torch")
def _(images, labels, partners, lam):
    import torch

    return torch.lerp(images[partners], images, lam[:, None, None, None]), torch.lerp(
        labels[partners], labels, lam[:, None]
    )


@mix.alternative(framework="mxnet")
def _(images, labels, partners, lam):
    other_images, other_labels = images.take(partners), labels.take(partners)
    mixed_images = other_images + lam.reshape(images.shape[0], 1, 1, 1) * (
        images - other_images
    )
    return mixed_images, other_labels + lam.expand_dims(1) * (labels - other_labels)


@mix.alternative()
def _(images, labels, partners, lam):
    mixed_images, mixed_labels = images.copy(), labels.copy()
    for i, partner in enumerate(partners):
        mixed_images[i] = lam[i] * images[i] + (1 - lam[i]) * images[partner]
        mixed_labels[i] = lam[i] * labels[i] + (1 - lam[i]) * labels[partner]
    return mixed_images, mixed_labels


mix.equivalent(
    "lam.reshape(-1, 1, 1, 1) -> own.reshape(-1, 1, 1, 1)",
    why="The same numbers, in one column.",
)
mix.equivalent("images.shape[0] -> labels.shape[0]", why="There are as many of both.")
mix.equivalent(
    "reshape(-1 -> reshape(-2",
    why="NumPy takes any negative size for the one that is left.",
)


# 2. Cutout with given centres ---------------------------------------------------------------------


@question(
    points=2,
    hints=[
        "The square of one image covers the rows from row - size // 2 up to, but not including, "
        "row - size // 2 + size. Some of them may not exist.",
        "A slice may end beyond the image, but must not begin below 0: `images[i, :, -2:1]` "
        "counts from the end. Take `max(0, ...)`.",
        "Or without a loop: a row r is covered where 0 <= r - (row - size // 2) < size; the "
        "square is where rows and columns both are.",
    ],
    explanation="""
        Whoever moves the square back into the image never hides the outermost pixels alone, and
        always hides as much. Cutout lets it be cut off at the border, so some images lose only a
        corner (DeVries and Taylor 2017 found this to matter).
    """,
)
def cutout(images, rows, columns, size):
    """Blacken a square of each image, centred at a given pixel; what lies beyond the border is
    lost.

    images: (N, C, H, W) float32; rows, columns: (N,) int64; size: side of the square. Returns (N,
    C, H, W).
    """
    _, _, height, width = images.shape
    below, right = (
        np.arange(height) - (rows - size // 2)[:, None],
        np.arange(width) - (columns - size // 2)[:, None],
    )
    in_rows, in_columns = (below >= 0) & (below < size), (right >= 0) & (right < size)
    return np.where(in_rows[:, None, :, None] & in_columns[:, None, None, :], 0, images)


@cutout.probe(weight=1)
def inside(rng):
    n = int(rng.integers(3, 6))
    return (
        _images(rng, n, 2, 9, 13),
        rng.permutation(np.arange(2, 7))[:n],
        rng.permutation(np.arange(2, 11))[:n],
        4,
    )


@cutout.probe(weight=2)
def over_the_border(rng):
    """Of a side whose half is not rounded to the same number down and to the nearest even one."""
    rows, columns = np.array([0, 8, 4, 1, 7]), np.array([5, 12, 0, 11, 1])
    order = rng.permutation(5)
    return _images(rng, 5, 1, 9, 13), rows[order], columns[order], 7


@cutout.probe(weight=1)
def an_even_square_in_a_corner(rng):
    order = rng.permutation(4)
    return (
        _images(rng, 4, 3, 10, 7),
        np.array([0, 9, 0, 9])[order],
        np.array([6, 0, 0, 6])[order],
        int(rng.choice([4, 6])),
    )


@cutout.probe(weight=1)
def a_single_pixel(rng):
    return _images(rng, 3, 2, 5, 8), rng.permutation(5)[:3], rng.permutation(8)[:3], 1


@cutout.probe(weight=0.5)
def as_large_as_the_image(rng):
    rows, columns = np.array([0, 3, 5]), np.array([6, 3, 0])
    order = rng.permutation(3)
    return _images(rng, 3, 2, 6, 7), rows[order], columns[order], 6


@cutout.mistake(
    "Squares at the border are moved back into the image. They are to "
    "be cut off: what lies outside is lost."
)
def _(images, rows, columns, size):
    result = images.copy()
    _, _, height, width = images.shape
    for i in range(len(rows)):
        top, left = (
            min(max(c - size // 2, 0), most - size)
            for c, most in ((rows[i], height), (columns[i], width))
        )
        result[i, :, top : top + size, left : left + size] = 0
    return result


@cutout.mistake(
    "The given pixel is taken for the upper left corner of the square. It is its centre."
)
def _(images, rows, columns, size):
    result = images.copy()
    for i in range(len(rows)):
        result[i, :, rows[i] : rows[i] + size, columns[i] : columns[i] + size] = 0
    return result


@cutout.mistake(
    "Squares over the upper or left border are wrong: a slice that begins "
    "below 0 counts from the end. Begin at 0 there."
)
def _(images, rows, columns, size):
    result = images.copy()
    for i in range(len(rows)):
        top, left = rows[i] - size // 2, columns[i] - size // 2
        result[i, :, top : top + size, left : left + size] = 0
    return result


@cutout.mistake(
    "All images have the same hole, that of the first. Each has its own centre."
)
def _(images, rows, columns, size):
    result = images.copy()
    top, left = rows[0] - size // 2, columns[0] - size // 2
    result[:, :, max(top, 0) : top + size, max(left, 0) : left + size] = 0
    return result


@cutout.mistake(
    "Rows and columns are exchanged. Axis 2 of the images holds the rows, axis 3 the columns."
)
def _(images, rows, columns, size):
    result = images.copy()
    for i in range(len(rows)):
        top, left = columns[i] - size // 2, rows[i] - size // 2
        result[
            i, :, max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)
        ] = 0
    return result


@cutout.mistake(
    "The square is one pixel too large: from centre - size // 2 it has `size` rows and columns."
)
def _(images, rows, columns, size):
    result = images.copy()
    for i in range(len(rows)):
        top, left = rows[i] - size // 2, columns[i] - size // 2
        result[i, :, max(top, 0) : top + size + 1, max(left, 0) : left + size + 1] = 0
    return result


@cutout.mistake(
    "For odd sizes the square lacks its last row and column: it ends at row - "
    "size // 2 + size, not at row + size // 2."
)
def _(images, rows, columns, size):
    result = images.copy()
    for i in range(len(rows)):
        result[
            i,
            :,
            max(rows[i] - size // 2, 0) : rows[i] + size // 2,
            max(columns[i] - size // 2, 0) : columns[i] + size // 2,
        ] = 0
    return result


@cutout.mistake(
    "For even sizes the square has a row and a column too many: it ends at row - size // 2 + "
    "size, not at row + size // 2 + 1."
)
def _(images, rows, columns, size):
    result = images.copy()
    for i in range(len(rows)):
        result[
            i,
            :,
            max(rows[i] - size // 2, 0) : rows[i] + size // 2 + 1,
            max(columns[i] - size // 2, 0) : columns[i] + size // 2 + 1,
        ] = 0
    return result


@cutout.mistake("Only the first channel has a hole. It goes through all of them.")
def _(images, rows, columns, size):
    result = images.copy()
    for i in range(len(rows)):
        top, left = rows[i] - size // 2, columns[i] - size // 2
        result[i, 0, max(top, 0) : top + size, max(left, 0) : left + size] = 0
    return result


@cutout.mistake(
    "Half of an even size is rounded down too far: a square begins `size // 2` before its centre."
)
def _(images, rows, columns, size):
    images = images.copy()
    for image, row, column in zip(images, rows, columns, strict=True):
        top, left = row - (size - 1) // 2, column - (size - 1) // 2
        image[
            :, max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)
        ] = 0
    return images


@cutout.mistake("The hole is grey. It is black: zeros.")
def _(images, rows, columns, size):
    images = images.copy()
    for image, row, column in zip(images, rows, columns, strict=True):
        top, left = row - size // 2, column - size // 2
        image[:, max(top, 0) : top + size, max(left, 0) : left + size] = 0.5
    return images


@cutout.mistake("The hole has the mean of the image. It is black: zeros.")
def _(images, rows, columns, size):
    images = images.copy()
    for image, row, column in zip(images, rows, columns, strict=True):
        top, left = row - size // 2, column - size // 2
        image[:, max(top, 0) : top + size, max(left, 0) : left + size] = image.mean()
    return images


@cutout.mistake(
    "Only the square is left, and all else is black. It is the other way round."
)
def _(images, rows, columns, size):
    kept = np.zeros_like(images)
    for i, (row, column) in enumerate(zip(rows, columns, strict=True)):
        top, left = max(row - size // 2, 0), max(column - size // 2, 0)
        down, right = row - size // 2 + size, column - size // 2 + size
        kept[i, :, top:down, left:right] = images[i, :, top:down, left:right]
    return kept


@cutout.mistake(
    "Whole rows are black. The square has columns as well: from column - size // 2, `size` of them."
)
def _(images, rows, columns, size):
    images = images.copy()
    for image, row in zip(images, rows, strict=True):
        image[:, max(row - size // 2, 0) : row - size // 2 + size] = 0
    return images


@cutout.mistake(
    "A square that is cut off at the top or at the left is as large as the others: it ends "
    "too late."
)
def _(images, rows, columns, size):
    images = images.copy()
    for image, row, column in zip(images, rows, columns, strict=True):
        top, left = max(row - size // 2, 0), max(column - size // 2, 0)
        image[:, top : top + size, left : left + size] = 0
    return images


@cutout.mistake("The hole is round. It is a square.")
def _(images, rows, columns, size):
    images = images.copy()
    down, across = np.ogrid[: images.shape[2], : images.shape[3]]
    for image, row, column in zip(images, rows, columns, strict=True):
        image[:, (down - row) ** 2 + (across - column) ** 2 <= (size / 2) ** 2] = 0
    return images


@cutout.alternative(framework="torch")
def _(images, rows, columns, size):
    import torch

    _, _, height, width = images.shape
    below, right = (
        torch.arange(height) - (rows[:, None] - size // 2),
        torch.arange(width) - (columns[:, None] - size // 2),
    )
    in_rows, in_columns = (below >= 0) & (below < size), (right >= 0) & (right < size)
    return images.masked_fill(
        (in_rows[:, :, None] & in_columns[:, None, :])[:, None], 0
    )


@cutout.alternative(framework="mxnet")
def _(images, rows, columns, size):
    from dlkit.mx import nd

    _, _, height, width = images.shape
    below = nd.arange(height) - (rows.astype("float32") - size // 2).expand_dims(1)
    right = nd.arange(width) - (columns.astype("float32") - size // 2).expand_dims(1)
    in_rows, in_columns = (below >= 0) * (below < size), (right >= 0) * (right < size)
    return images * (
        1 - in_rows.expand_dims(2) * in_columns.expand_dims(1)
    ).expand_dims(1)


cutout.equivalent(
    "size // 2 -> size / 2",
    why="Pixels lie at whole numbers: half a one more or less covers the same.",
)

# 3. CutMix with given boxes -----------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "First cut the box off at the border: its rows go from max(top, 0) "
        "to min(top + height, H). Then paste.",
        "The partner's share of the label is the number of pixels that were pasted, divided by "
        "H times W. The box as it was drawn may be larger.",
        "new label = (1 - share) * label + share * label of the "
        "partner, for each image with its own share.",
    ],
    explanation="""
        Boxes that reach over the border lose part of their area; on average the image keeps 70 % of
        its pixels where the draw said 50 %. A label made of the drawn area would promise more of
        the partner than there is to see (Yun et al. 2019 correct it in the same way).
    """,
)
def cutmix(images, labels, partners, boxes):
    """Paste a box of its partner, at the same place, into each image; a label's share is its share
    of the pixels.

    images: (N, C, H, W) float32; labels: (N, num_classes) float32; partners: (N,) int64; boxes: (N,
    4) int64, rows of (top, left, height, width), which may reach over any border. Returns (images,
    labels), new ones.
    """
    tops, lefts, heights, widths = boxes.T[:, :, None]  # (N, 1) each
    below, right = np.arange(images.shape[2]) - tops, np.arange(images.shape[3]) - lefts
    in_rows, in_columns = (
        (below >= 0) & (below < heights),
        (right >= 0) & (right < widths),
    )
    share = (in_rows.mean(axis=1) * in_columns.mean(axis=1))[:, None]
    inside = in_rows[:, None, :, None] & in_columns[:, None, None, :]
    return np.where(inside, images[partners], images), (
        1 - share
    ) * labels + share * labels[partners]


@cutmix.probe(weight=1)
def boxes_inside(rng):
    n = int(rng.integers(3, 6))
    boxes = np.stack(
        [
            rng.integers(0, 3, n),
            rng.integers(0, 4, n),
            rng.integers(2, 6, n),
            rng.integers(3, 8, n),
        ],
        axis=1,
    )
    return _images(rng, n, 2, 8, 11), _one_hot(rng, n, 6), _cycle(rng, n), boxes


@cutmix.probe(weight=2)
def boxes_over_every_border(rng):
    boxes = np.array(
        [[-2, 3, 5, 4], [6, -1, 7, 6], [-1, 8, 4, 9], [5, 7, 4, 5], [-3, -2, 12, 5]]
    )[rng.permutation(5)]
    return _images(rng, 5, 3, 7, 10), _soft(rng, 5, 4), _cycle(rng, 5), boxes


@cutmix.probe(weight=1)
def no_pixel_at_all(rng):
    """Boxes of no height, inside and beyond every border: nothing is pasted, no label changes."""
    boxes = np.array(
        [[-3, 1, 0, 4], [9, 2, 0, 3], [2, -5, 0, 3], [-1, 11, 0, 6], [6, 0, 0, 9]]
    )
    return (
        _images(rng, 5, 2, 6, 9),
        _one_hot(rng, 5, 3),
        _cycle(rng, 5),
        boxes[rng.permutation(5)],
    )


@cutmix.probe(weight=0.5)
def the_example_of_the_statement(rng):
    labels = np.float32([[1, 0], [0, 1]])
    boxes = np.array([[-1, 3, 3, 4], [0, 0, 1, 1]])
    images = np.linspace(0.1, 0.9, 40, dtype=np.float32).reshape(2, 1, 4, 5)
    return images, labels, np.array([1, 0]), boxes


@cutmix.probe(weight=1)
def nothing_and_everything(rng):
    """All images are black at one end: a pixel that is pasted there looks as it did."""
    boxes = np.array([[1, 2, 0, 3], [-1, -2, 9, 20], [2, 1, 3, 2]])[rng.permutation(3)]
    images = _images(rng, 3, 1, 6, 9)
    images[:, :, 2:5, :3] = 0
    return images, _one_hot(rng, 3, 5), _cycle(rng, 3), boxes


@cutmix.mistake(
    "The share is that of the box as it was drawn. What lies beyond the border "
    "was not pasted: count the pixels that were."
)
def _(images, labels, partners, boxes):
    tops, lefts, heights, widths = boxes.T[:, :, None]
    below, right = np.arange(images.shape[2]) - tops, np.arange(images.shape[3]) - lefts
    in_rows, in_columns = (
        (below >= 0) & (below < heights),
        (right >= 0) & (right < widths),
    )
    pasted = np.where(
        in_rows[:, None, :, None] & in_columns[:, None, None, :],
        images[partners],
        images,
    )
    share = heights * widths / (images.shape[2] * images.shape[3])
    return pasted, (1 - share) * labels + share * labels[partners]


@cutmix.mistake(
    "The two shares are exchanged: the box belongs to the partner, the rest to the image itself."
)
def _(images, labels, partners, boxes):
    tops, lefts, heights, widths = boxes.T[:, :, None]
    below, right = np.arange(images.shape[2]) - tops, np.arange(images.shape[3]) - lefts
    in_rows, in_columns = (
        (below >= 0) & (below < heights),
        (right >= 0) & (right < widths),
    )
    pasted = np.where(
        in_rows[:, None, :, None] & in_columns[:, None, None, :],
        images[partners],
        images,
    )
    share = in_rows.mean(axis=1, keepdims=True) * in_columns.mean(axis=1, keepdims=True)
    return pasted, share * labels + (1 - share) * labels[partners]


@cutmix.mistake(
    "The labels are left as they were, although a part of the picture is another's."
)
def _(images, labels, partners, boxes):
    tops, lefts, heights, widths = boxes.T[:, :, None]
    below, right = np.arange(images.shape[2]) - tops, np.arange(images.shape[3]) - lefts
    in_rows, in_columns = (
        (below >= 0) & (below < heights),
        (right >= 0) & (right < widths),
    )
    pasted = np.where(
        in_rows[:, None, :, None] & in_columns[:, None, None, :],
        images[partners],
        images,
    )
    return pasted, labels


@cutmix.mistake(
    "Each label is that of the larger part alone. It holds both, by their shares of the pixels."
)
def _(images, labels, partners, boxes):
    tops, lefts, heights, widths = boxes.T[:, :, None]
    below, right = np.arange(images.shape[2]) - tops, np.arange(images.shape[3]) - lefts
    in_rows, in_columns = (
        (below >= 0) & (below < heights),
        (right >= 0) & (right < widths),
    )
    pasted = np.where(
        in_rows[:, None, :, None] & in_columns[:, None, None, :],
        images[partners],
        images,
    )
    share = in_rows.mean(axis=1, keepdims=True) * in_columns.mean(axis=1, keepdims=True)
    return pasted, np.where(share <= 0.5, labels, labels[partners])


@cutmix.mistake(
    "One share, the mean of the batch, is used for all labels. Each image has its own box."
)
def _(images, labels, partners, boxes):
    tops, lefts, heights, widths = boxes.T[:, :, None]
    below, right = np.arange(images.shape[2]) - tops, np.arange(images.shape[3]) - lefts
    in_rows, in_columns = (
        (below >= 0) & (below < heights),
        (right >= 0) & (right < widths),
    )
    pasted = np.where(
        in_rows[:, None, :, None] & in_columns[:, None, None, :],
        images[partners],
        images,
    )
    share = in_rows.mean(axis=1, keepdims=True) * in_columns.mean(axis=1, keepdims=True)
    return pasted, (1 - share.mean()) * labels + share.mean() * labels[partners]


@cutmix.mistake(
    "The last two numbers of a box are taken for its bottom and right "
    "edge. They are its height and width."
)
def _(images, labels, partners, boxes):
    tops, lefts, bottoms, rights = boxes.T[:, :, None]
    below, right = np.arange(images.shape[2]) - tops, np.arange(images.shape[3]) - lefts
    in_rows, in_columns = (
        (below >= 0) & (below < bottoms - tops),
        (right >= 0) & (right < rights - lefts),
    )
    pasted = np.where(
        in_rows[:, None, :, None] & in_columns[:, None, None, :],
        images[partners],
        images,
    )
    share = in_rows.mean(axis=1, keepdims=True) * in_columns.mean(axis=1, keepdims=True)
    return pasted, (1 - share) * labels + share * labels[partners]


@cutmix.mistake(
    "Boxes are not cut off at the border: a slice that begins below 0 counts from the end. Begin "
    "at 0 there, and count what is pasted."
)
def _(images, labels, partners, boxes):
    pasted, size = images.copy(), images.shape[2] * images.shape[3]
    for i, (top, left, height, width) in enumerate(boxes):
        pasted[i, :, top : top + height, left : left + width] = images[
            partners[i], :, top : top + height, left : left + width
        ]
    share = (boxes[:, 2] * boxes[:, 3] / size)[:, None]
    return pasted, (1 - share) * labels + share * labels[partners]


@cutmix.mistake(
    "A partner that has a box already is pasted, or its mixed label is taken. Take both from the "
    "batch as it was given: write into a copy."
)
def _(images, labels, partners, boxes):
    images = images.copy()
    share = np.zeros((len(images), 1))
    for i, (top, left, height, width) in enumerate(boxes):
        rows, columns = (
            slice(max(top, 0), top + height),
            slice(max(left, 0), left + width),
        )
        images[i, :, rows, columns] = images[partners[i], :, rows, columns]
        share[i] = images[i, 0, rows, columns].size / images[i, 0].size
    return images, (1 - share) * labels + share * labels[partners]


@cutmix.mistake(
    "The partner's upper left corner is pasted. Take the box from the same place of the partner."
)
def _(images, labels, partners, boxes):
    pasted, share = images.copy(), np.zeros((len(images), 1))
    for i, (top, left, height, width) in enumerate(boxes):
        target = pasted[i, :, max(top, 0) : top + height, max(left, 0) : left + width]
        target[:] = images[partners[i], :, : target.shape[1], : target.shape[2]]
        share[i] = target[0].size / images[i, 0].size
    return pasted, (1 - share) * labels + share * labels[partners]


@cutmix.mistake(
    "The four numbers of a box are read as (left, top, width, height). They begin with the row."
)
def _(images, labels, partners, boxes):
    mixed, new = images.copy(), labels.copy()
    H, W = images.shape[2:]
    for i, (left, top, width, height) in enumerate(boxes):
        rows = slice(max(top, 0), max(min(top + height, H), 0))
        columns = slice(max(left, 0), max(min(left + width, W), 0))
        mixed[i, :, rows, columns] = images[partners[i], :, rows, columns]
        share = mixed[i, 0, rows, columns].size / (H * W)
        new[i] = (1 - share) * labels[i] + share * labels[partners[i]]
    return mixed, new


@cutmix.mistake(
    "A box is taken to be given by its middle. `boxes` begin with top and left."
)
def _(images, labels, partners, boxes):
    mixed, new = images.copy(), labels.copy()
    H, W = images.shape[2:]
    for i, (middle, centre, height, width) in enumerate(boxes):
        top, left = middle - height // 2, centre - width // 2
        rows = slice(max(top, 0), max(min(top + height, H), 0))
        columns = slice(max(left, 0), max(min(left + width, W), 0))
        mixed[i, :, rows, columns] = images[partners[i], :, rows, columns]
        share = mixed[i, 0, rows, columns].size / (H * W)
        new[i] = (1 - share) * labels[i] + share * labels[partners[i]]
    return mixed, new


@cutmix.mistake("Each label is half and half. The shares are those of the pixels.")
def _(images, labels, partners, boxes):
    mixed = images.copy()
    H, W = images.shape[2:]
    for i, (top, left, height, width) in enumerate(boxes):
        rows = slice(max(top, 0), max(min(top + height, H), 0))
        columns = slice(max(left, 0), max(min(left + width, W), 0))
        mixed[i, :, rows, columns] = images[partners[i], :, rows, columns]
    return mixed, (labels + labels[partners]) / 2


@cutmix.mistake("Only the first channel is pasted. A box goes through all channels.")
def _(images, labels, partners, boxes):
    mixed, new = images.copy(), labels.copy()
    H, W = images.shape[2:]
    for i, (top, left, height, width) in enumerate(boxes):
        rows = slice(max(top, 0), max(min(top + height, H), 0))
        columns = slice(max(left, 0), max(min(left + width, W), 0))
        mixed[i, 0, rows, columns] = images[partners[i], 0, rows, columns]
        share = mixed[i, 0, rows, columns].size / (H * W)
        new[i] = (1 - share) * labels[i] + share * labels[partners[i]]
    return mixed, new


@cutmix.mistake("The box is blackened. Paste that of the partner.")
def _(images, labels, partners, boxes):
    mixed, new = images.copy(), labels.copy()
    H, W = images.shape[2:]
    for i, (top, left, height, width) in enumerate(boxes):
        rows = slice(max(top, 0), max(min(top + height, H), 0))
        columns = slice(max(left, 0), max(min(left + width, W), 0))
        mixed[i, :, rows, columns] = 0
        share = mixed[i, 0, rows, columns].size / (H * W)
        new[i] = (1 - share) * labels[i] + share * labels[partners[i]]
    return mixed, new


@cutmix.mistake("All images have the box of the first. Each has its own.")
def _(images, labels, partners, boxes):
    mixed, new = images.copy(), labels.copy()
    H, W = images.shape[2:]
    top, left, height, width = boxes[0]
    for i in range(len(images)):
        rows = slice(max(top, 0), max(min(top + height, H), 0))
        columns = slice(max(left, 0), max(min(left + width, W), 0))
        mixed[i, :, rows, columns] = images[partners[i], :, rows, columns]
        share = mixed[i, 0, rows, columns].size / (H * W)
        new[i] = (1 - share) * labels[i] + share * labels[partners[i]]
    return mixed, new


@cutmix.mistake(
    "The image's own box is pasted into its partner. The partner's is pasted into the image."
)
def _(images, labels, partners, boxes):
    mixed, new = images.copy(), labels.copy()
    H, W = images.shape[2:]
    for i, (top, left, height, width) in enumerate(boxes):
        rows = slice(max(top, 0), max(min(top + height, H), 0))
        columns = slice(max(left, 0), max(min(left + width, W), 0))
        mixed[partners[i], :, rows, columns] = images[i, :, rows, columns]
        share = mixed[i, 0, rows, columns].size / (H * W)
        new[i] = (1 - share) * labels[i] + share * labels[partners[i]]
    return mixed, new


@cutmix.mistake("A box has one row too many: its last one is top + height - 1.")
def _(images, labels, partners, boxes):
    mixed, new = images.copy(), labels.copy()
    H, W = images.shape[2:]
    for i, (top, left, height, width) in enumerate(boxes):
        rows = slice(max(top, 0), max(min(top + height + 1, H), 0))
        columns = slice(max(left, 0), max(min(left + width, W), 0))
        mixed[i, :, rows, columns] = images[partners[i], :, rows, columns]
        share = mixed[i, 0, rows, columns].size / (H * W)
        new[i] = (1 - share) * labels[i] + share * labels[partners[i]]
    return mixed, new


@cutmix.mistake(
    "The pixels are divided by the height squared. An image has H · W of them."
)
def _(images, labels, partners, boxes):
    mixed, new = images.copy(), labels.copy()
    H, W = images.shape[2:]
    for i, (top, left, height, width) in enumerate(boxes):
        rows = slice(max(top, 0), max(min(top + height, H), 0))
        columns = slice(max(left, 0), max(min(left + width, W), 0))
        mixed[i, :, rows, columns] = images[partners[i], :, rows, columns]
        share = mixed[i, 0, rows, columns].size / (H * H)
        new[i] = (1 - share) * labels[i] + share * labels[partners[i]]
    return mixed, new


@cutmix.mistake(
    "A partner that has a box already is pasted with it. Partners paste their images as they were "
    "given: write into a copy. (The labels are right.)"
)
def _(images, labels, partners, boxes):
    H, W = images.shape[2:]
    images, mixed = images.copy(), labels.copy()
    for i, (top, left, height, width) in enumerate(boxes.tolist()):
        rows = slice(max(top, 0), max(min(top + height, H), 0))
        columns = slice(max(left, 0), max(min(left + width, W), 0))
        images[i, :, rows, columns] = images[partners[i], :, rows, columns]
        share = images[i, 0, rows, columns].size / (H * W)
        mixed[i] = (1 - share) * labels[i] + share * labels[partners[i]]
    return images, mixed


@cutmix.mistake(
    "The partner's label is taken after it was mixed itself. Take it from the batch as it was "
    "given. (The images are right.)"
)
def _(images, labels, partners, boxes):
    H, W = images.shape[2:]
    pasted, labels = images.copy(), labels.copy()
    for i, (top, left, height, width) in enumerate(boxes.tolist()):
        rows = slice(max(top, 0), max(min(top + height, H), 0))
        columns = slice(max(left, 0), max(min(left + width, W), 0))
        pasted[i, :, rows, columns] = images[partners[i], :, rows, columns]
        share = images[i, 0, rows, columns].size / (H * W)
        labels[i] = (1 - share) * labels[i] + share * labels[partners[i]]
    return pasted, labels


@cutmix.alternative(framework="torch")
def _(images, labels, partners, boxes):
    import torch

    tops, lefts, heights, widths = boxes.T[:, :, None]
    below, right = (
        torch.arange(images.shape[2]) - tops,
        torch.arange(images.shape[3]) - lefts,
    )
    in_rows, in_columns = (
        (below >= 0) & (below < heights),
        (right >= 0) & (right < widths),
    )
    inside = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    share = inside.float().flatten(1).mean(dim=1, keepdim=True)
    return torch.where(inside, images[partners], images), labels + share * (
        labels[partners] - labels
    )


@cutmix.alternative(framework="mxnet")
def _(images, labels, partners, boxes):
    from dlkit.mx import nd

    # (N, 1) each
    tops, lefts, heights, widths = boxes.astype("float32").T.expand_dims(2)
    below, right = nd.arange(images.shape[2]) - tops, nd.arange(images.shape[3]) - lefts
    in_rows, in_columns = (
        (below >= 0) * (below < heights),
        (right >= 0) * (right < widths),
    )
    # (N, 1, H, W)
    inside = (in_rows.expand_dims(2) * in_columns.expand_dims(1)).expand_dims(1)
    share = in_rows.mean(axis=1, keepdims=True) * in_columns.mean(axis=1, keepdims=True)
    return inside * images[partners] + (1 - inside) * images, (
        1 - share
    ) * labels + share * labels[partners]


# 4. Cross-entropy with soft labels ----------------------------------------------------------------


@question(
    points=2,
    forbids=ready_made.LOSSES,
    forbids_in_words=ready_made.LOSSES_IN_WORDS,
    hints=[
        "log p of all classes first: each row minus its largest logit, then minus the logarithm "
        "of the sum of exp of the row.",
        "Multiply by the labels, add up over the classes, change the "
        "sign; then the mean over the examples.",
    ],
    explanation="""
        The loss is linear in the label: that of a mixed label is the mix of the two hard losses. It
        is smallest where the probabilities equal the label, and not zero there.
    """,
)
def soft_cross_entropy(logits, labels):
    """The mean over the examples of minus the sum over the classes of label times log probability.

    logits: (N, num_classes) float32, of any size; labels: (N, num_classes) float32, each row adds
    up to 1. Returns a number.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -(labels * log_p).sum(axis=1).mean()


@soft_cross_entropy.probe(weight=2, repeat=2)
def mixed_labels(rng):
    n = int(rng.integers(5, 9))
    return _normal(rng, n, 4, scale=2.0), _soft(rng, n, 4)


@soft_cross_entropy.probe(weight=1)
def hard_labels(rng):
    return _normal(rng, 6, 3), _one_hot(rng, 6, 3)


@soft_cross_entropy.probe(weight=1)
def large_logits(rng):
    heights = np.float32([[-900], [-300], [0], [400], [1000]])[rng.permutation(5)]
    spreads = np.float32([[-300, 20, 250]] + 4 * [[0, 1, 2]])
    return heights + spreads + _normal(rng, 5, 3), _soft(rng, 5, 3)


@soft_cross_entropy.probe(weight=0.5)
def the_table_of_the_statement_of_the_loss(rng):
    return np.float32([[0, 0], [2, 0]]), np.float32([[0.3, 0.7], [0.25, 0.75]])


@soft_cross_entropy.probe(weight=0.5)
def one_example(rng):
    return _normal(rng, 1, 5, scale=3.0), _soft(rng, 1, 5)


@soft_cross_entropy.mistake(
    "Only the class with the largest share counts here. All classes do, each by its share."
)
def _(logits, labels):
    log_p = logits - logits.max(axis=1, keepdims=True)
    log_p = log_p - np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(labels)), labels.argmax(axis=1)].mean()


@soft_cross_entropy.mistake(
    "The mean is taken over classes, too. Add up over the classes, "
    "and average over the examples alone."
)
def _(logits, labels):
    log_p = logits - logits.max(axis=1, keepdims=True)
    log_p = log_p - np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    return -(labels * log_p).mean()


@soft_cross_entropy.mistake(
    "The losses are added up over the examples. Their mean is asked for."
)
def _(logits, labels):
    log_p = logits - logits.max(axis=1, keepdims=True)
    log_p = log_p - np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    return -(labels * log_p).sum()


@soft_cross_entropy.mistake(
    "The sign is missing: logarithms of probabilities are negative, the loss is not."
)
def _(logits, labels):
    log_p = logits - logits.max(axis=1, keepdims=True)
    log_p = log_p - np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    return (labels * log_p).sum(axis=1).mean()


@soft_cross_entropy.mistake(
    "This is minus the log of the probability that the labels give the net's "
    "answers: the logarithm belongs inside the sum."
)
def _(logits, labels):
    log_p = logits - logits.max(axis=1, keepdims=True)
    log_p = log_p - np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    return -np.log((labels * np.exp(log_p)).sum(axis=1) + 1e-30).mean()


@soft_cross_entropy.mistake(
    "Large logits give infinity or nothing at all: `exp` overflows. "
    "Subtract each row's largest logit first."
)
def _(logits, labels):
    with np.errstate(all="ignore"):
        return (
            -(labels * (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))))
            .sum(axis=1)
            .mean()
        )


@soft_cross_entropy.mistake(
    "The logarithm of a softmax that is too small for float32 is minus infinity. Take "
    "`log_softmax`, or subtract before you take `exp`."
)
def _(logits, labels):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    with np.errstate(divide="ignore"):
        return -(labels * np.log(p / p.sum(axis=1, keepdims=True))).sum(axis=1).mean()


@soft_cross_entropy.mistake(
    "A small number added to the softmax, against infinity, limits how "
    "large a loss can be. Take `log_softmax`."
)
def _(logits, labels):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (
        -(labels * np.log(p / p.sum(axis=1, keepdims=True) + 1e-12)).sum(axis=1).mean()
    )


@soft_cross_entropy.mistake(
    "The softmax goes over the examples. It goes over the classes: `axis=1`."
)
def _(logits, labels):
    shifted = logits - logits.max(axis=0, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=0, keepdims=True))
    return -(labels * log_p).sum(axis=1).mean()


@soft_cross_entropy.mistake(
    "One maximum is subtracted for the whole batch: rows far below it come to log(0). Each "
    "has its own."
)
def _(logits, labels):
    shifted = logits - logits.max()
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -(labels * log_p).sum(axis=1).mean()


@soft_cross_entropy.mistake(
    "The entropy of the labels is subtracted, as in the Kullback-Leibler divergence. Leave it out."
)
def _(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return (labels * (np.log(np.maximum(labels, 1e-30)) - log_p)).sum(axis=1).mean()


@soft_cross_entropy.mistake(
    "The logarithm of the sum of the exponentials is missing: these are shifted logits."
)
def _(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return -(labels * shifted).sum(axis=1).mean()


@soft_cross_entropy.mistake(
    "The softmax is taken twice. Its logarithm is all that is needed."
)
def _(logits, labels):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = np.exp(p / p.sum(axis=1, keepdims=True))
    return -(labels * np.log(p / p.sum(axis=1, keepdims=True))).sum(axis=1).mean()


@soft_cross_entropy.mistake(
    "Each class counts as a yes or no of its own. The cross-entropy has q log p alone."
)
def _(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    no = np.log(np.maximum(1 - np.exp(log_p), 1e-12))
    return -(labels * log_p + (1 - labels) * no).sum(axis=1).mean()


@soft_cross_entropy.mistake(
    "The logits are cut to a range before the exponential. Subtract each row's largest one instead."
)
def _(logits, labels):
    shifted = np.clip(logits, -80, 80)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -(labels * log_p).sum(axis=1).mean()


@soft_cross_entropy.alternative(framework="torch")
def _(logits, labels):
    return -(labels * logits.log_softmax(dim=1)).sum(dim=1).mean()


@soft_cross_entropy.alternative(framework="mxnet")
def _(logits, labels):
    return -(labels * logits.log_softmax()).sum(axis=1).mean()


@soft_cross_entropy.alternative(framework="torch")
def _(logits, labels):
    import torch

    return (torch.logsumexp(logits, dim=1) - (labels * logits).sum(dim=1)).mean()


# 5. Expected calibration error --------------------------------------------------------------------


@question(
    points=3,
    hints=[
        "Confidence: the largest probability of a row. Right: whether "
        "its place is the label. Both are (N,).",
        "The bin of a confidence c is the whole part of c * num_bins, but a confidence of "
        "exactly 1 belongs to the last bin: at most num_bins - 1.",
        "For each bin that is not empty: how many, times the distance of share right and mean "
        "confidence. Divide the sum by N.",
    ],
    explanation="""
        In each bin the confidence promises a share of right answers; the error is how far the
        promise is off, on average over the images (Guo et al. 2017). Being too sure and not being
        sure enough count alike. With few images a bin the distances are partly chance, so that even
        a perfect net has an error above 0.
    """,
)
def calibration_error(probabilities, labels, num_bins):
    """The mean distance of accuracy and confidence over `num_bins` bins of equal width, weighted by
    the number of images in them.

    probabilities: (N, num_classes) float32, rows add up to 1, no two largest equal; labels: (N,)
    int64; num_bins: whole number. Returns a number.
    """
    confidence, right = (
        probabilities.max(axis=1),
        probabilities.argmax(axis=1) == labels,
    )
    bins = (confidence * num_bins).astype(int).clip(max=num_bins - 1)
    return np.abs(np.bincount(bins, right - confidence)).sum() / len(labels)


@calibration_error.probe(weight=3, repeat=3)
def some_bins_are_empty(rng):
    n, num_classes, num_bins = (
        int(rng.integers(30, 50)),
        int(rng.integers(3, 6)),
        int(rng.choice([7, 9, 11])),
    )
    return *_forecasts(rng, n, num_classes, num_bins), num_bins


@calibration_error.probe(weight=1)
def quite_sure(rng):
    """Ten of them wrong with a confidence of exactly 1, while the others of the last bin are
    right.
    """
    probabilities, labels = _forecasts(rng, 35, 4, 6)
    labels = np.where(
        probabilities.max(axis=1) > 5 / 6, probabilities.argmax(axis=1), labels
    )
    sure = rng.permutation(35)[:10]
    probabilities[sure] = np.eye(4, dtype=np.float32)[
        (labels[sure] + rng.integers(1, 4, 10)) % 4
    ]
    return probabilities, labels, 6


@calibration_error.probe(weight=1)
def on_the_edge_of_bins(rng):
    """Confidences of just 4, 5, 6 or 7 eighths, which are right and belong to the bin above, and
    some a little lower, which are wrong.
    """
    eighths = rng.permutation(np.repeat([4, 5, 6, 7], 3) - np.tile([0, 0.3, 0.3], 4))[
        :, None
    ]
    answers, others = rng.integers(5, size=12), rng.integers(1, 5, size=12)
    probabilities = np.where(np.eye(5)[answers] > 0, eighths / 8, (1 - eighths / 8) / 4)
    return (
        probabilities.astype(np.float32),
        np.where(eighths[:, 0] % 1 == 0, answers, (answers + others) % 5),
        8,
    )


@calibration_error.probe(weight=1)
def one_bin(rng):
    return *_forecasts(rng, 20, 3, 5), 1


@calibration_error.probe(weight=0.5)
def the_table_of_the_statement_of_calibration(rng):
    probabilities = np.float32([[0.4, 0.3, 0.3], [0.1, 0.9, 0], [0, 0, 1]])
    return probabilities, np.array([0, 1, 0]), 2


@calibration_error.probe(weight=0.5)
def one_image_that_is_sure(rng):
    return np.float32([[0, 1, 0]]), rng.choice([0, 2], 1), 5


@calibration_error.mistake(
    "Every bin counts the same, however many images are in it. "
    "Weight each by its share of the images."
)
def _(probabilities, labels, num_bins):
    confidence, right = (
        probabilities.max(axis=1),
        probabilities.argmax(axis=1) == labels,
    )
    bins = np.minimum((confidence * num_bins).astype(int), num_bins - 1)
    number = np.bincount(bins, minlength=num_bins)
    accuracy = np.bincount(bins, right, num_bins) / np.maximum(number, 1)
    confidence = np.bincount(bins, confidence, num_bins) / np.maximum(number, 1)
    return np.abs(accuracy - confidence)[number > 0].mean()


@calibration_error.mistake(
    "Images with a confidence of exactly 1 are lost. They belong to the last bin."
)
def _(probabilities, labels, num_bins):
    confidence, right = (
        probabilities.max(axis=1),
        probabilities.argmax(axis=1) == labels,
    )
    gaps = np.where(confidence < 1, right - confidence, 0)
    return np.abs(np.bincount((confidence * num_bins).astype(int), gaps)).sum() / len(
        labels
    )


@calibration_error.mistake(
    "A confidence on the edge of two bins is counted in the lower one. The "
    "bin is the whole part of c * num_bins."
)
def _(probabilities, labels, num_bins):
    confidence, right = (
        probabilities.max(axis=1),
        probabilities.argmax(axis=1) == labels,
    )
    bins = np.ceil(confidence * num_bins).astype(int) - 1
    return np.abs(np.bincount(bins, right - confidence)).sum() / len(labels)


@calibration_error.mistake(
    "This is the distance in the worst bin. The mean over all is asked "
    "for, weighted by the number of images."
)
def _(probabilities, labels, num_bins):
    confidence, right = (
        probabilities.max(axis=1),
        probabilities.argmax(axis=1) == labels,
    )
    bins = np.minimum((confidence * num_bins).astype(int), num_bins - 1)
    number = np.bincount(bins, minlength=num_bins)
    accuracy = np.bincount(bins, right, num_bins) / np.maximum(number, 1)
    confidence = np.bincount(bins, confidence, num_bins) / np.maximum(number, 1)
    return np.abs(accuracy - confidence).max()


@calibration_error.mistake(
    "Distances of opposite sign cancel here. Take the absolute value in each bin, before adding up."
)
def _(probabilities, labels, num_bins):
    return abs(
        (probabilities.argmax(axis=1) == labels).mean()
        - probabilities.max(axis=1).mean()
    )


@calibration_error.mistake(
    "The probability of the true class is taken for the confidence. It is "
    "that of the answer, the largest of the row."
)
def _(probabilities, labels, num_bins):
    own, right = (
        probabilities[np.arange(len(labels)), labels],
        probabilities.argmax(axis=1) == labels,
    )
    bins = np.minimum(np.floor(own * num_bins), num_bins - 1)
    return sum(
        abs((right[bins == i] - own[bins == i]).sum()) for i in range(num_bins)
    ) / len(labels)


@calibration_error.mistake(
    "The middle of each bin is taken for its confidence. Take the "
    "mean of the confidences that are in it."
)
def _(probabilities, labels, num_bins):
    confidence, right = (
        probabilities.max(axis=1),
        probabilities.argmax(axis=1) == labels,
    )
    bins = np.minimum((confidence * num_bins).astype(int), num_bins - 1)
    number = np.bincount(bins, minlength=num_bins)
    accuracy = np.bincount(bins, right, num_bins) / np.maximum(number, 1)
    return (
        number * np.abs(accuracy - (np.arange(num_bins) + 0.5) / num_bins)
    ).sum() / len(labels)


@calibration_error.mistake(
    "The confidences are rounded to the nearest bin. A bin is the whole part of c * num_bins."
)
def _(probabilities, labels, num_bins):
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum(np.rint(confidence * num_bins), num_bins - 1).astype(int)
    return np.abs(np.bincount(bins, right - confidence)).sum() / len(labels)


@calibration_error.mistake("The distances are squared. Take their absolute values.")
def _(probabilities, labels, num_bins):
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum(confidence * num_bins, num_bins - 1).astype(int)
    counts = np.maximum(np.bincount(bins), 1)
    return (np.bincount(bins, right - confidence) ** 2 / counts).sum() / len(labels)


@calibration_error.mistake(
    "Every image has a distance of its own here. Average in each bin before you take the distance."
)
def _(probabilities, labels, num_bins):
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    return np.abs(right - confidence).mean()


@calibration_error.mistake(
    "An empty bin makes the whole result NaN. Bins without images count nothing."
)
def _(probabilities, labels, num_bins):
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum(confidence * num_bins, num_bins - 1).astype(int)
    counts = np.bincount(bins, minlength=num_bins)
    if (counts == 0).any():
        return float("nan")
    return np.abs(np.bincount(bins, right - confidence)).sum() / len(labels)


@calibration_error.mistake("The bins hold equally many images. They are equally wide.")
def _(probabilities, labels, num_bins):
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = confidence.argsort().argsort() * num_bins // len(labels)
    return np.abs(np.bincount(bins, right - confidence)).sum() / len(labels)


@calibration_error.mistake("The answers that are wrong are counted as right.")
def _(probabilities, labels, num_bins):
    confidence = probabilities.max(axis=1)
    wrong = probabilities.argmax(axis=1) != labels
    bins = np.minimum(confidence * num_bins, num_bins - 1).astype(int)
    return np.abs(np.bincount(bins, wrong - confidence)).sum() / len(labels)


@calibration_error.mistake(
    "Each of the bins counts the same, also the empty ones. Weight each by its share of the images."
)
def _(probabilities, labels, num_bins):
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum(confidence * num_bins, num_bins - 1).astype(int)
    counts = np.maximum(np.bincount(bins), 1)
    return np.abs(np.bincount(bins, right - confidence) / counts).sum() / num_bins


@calibration_error.mistake(
    "Distances keep their sign here, and cancel. Take the absolute value in each bin."
)
def _(probabilities, labels, num_bins):
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    return (right - confidence).mean()


@calibration_error.mistake(
    "The bins hold equally many images. They are of equal width, and some may be empty."
)
def _(probabilities, labels, num_bins):
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    parts = np.array_split(np.argsort(confidence), num_bins)
    return sum(
        abs((right[part] - confidence[part]).sum()) for part in parts if len(part)
    ) / len(labels)


@calibration_error.mistake(
    "c * num_bins is rounded to the nearest whole number. The bin is its whole part."
)
def _(probabilities, labels, num_bins):
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.round(confidence * num_bins).astype(int)
    return sum(
        abs((right[bins == b] - confidence[bins == b]).sum()) for b in np.unique(bins)
    ) / len(labels)


@calibration_error.alternative(framework="torch")
def _(probabilities, labels, num_bins):
    import torch

    confidence, answers = probabilities.max(dim=1)
    bins = (confidence * num_bins).long().clamp(max=num_bins - 1)
    # (N, num_bins)
    members = torch.nn.functional.one_hot(bins, num_bins).to(confidence.dtype)
    return (
        torch.where(answers == labels, 1 - confidence, -confidence) @ members
    ).abs().sum() / len(labels)


@calibration_error.alternative(framework="mxnet")
def _(probabilities, labels, num_bins):
    from dlkit.mx import nd

    confidence = probabilities.max(axis=1)
    gap = (probabilities.argmax(axis=1) == labels.astype("float32")) - confidence
    # (N, num_bins)
    members = nd.one_hot(nd.minimum(confidence * num_bins, num_bins - 1), num_bins)
    return nd.dot(gap, members).abs().sum() / len(labels)


calibration_error.equivalent(
    "one_hot(bins, num_bins) -> one_hot(bins)",
    why="What is left out are empty bins at the end.",
)
calibration_error.equivalent(
    "len(labels) -> len(probabilities)", why="There are as many of both."
)
calibration_error.equivalent(
    "minimum(confidence * num_bins, num_bins - 1) -> minimum(num_bins - 1, confidence * num_bins)",
    why="The smaller of the two is the same either way.",
)


# 6. Random holes ----------------------------------------------------------------------------------


@question(
    points=2,
    driver="sampled",
    calls=200,
    hints=[
        "`rng.integers(0, n, size=N)` draws N whole numbers from 0 to n - 1: one "
        "call for the rows, one for the columns.",
        "The rest is question 2: give the centres that you drew to `cutout`.",
    ],
    explanation="""
        Every pixel is equally likely to be the centre, so that pixels at the border are hidden less
        often than those in the middle. A hole drawn once for the whole batch would tell the net to
        read batches, not images.
    """,
)
def random_cutout(images, size, rng):
    """Blacken a square of each image, centred at a pixel that is drawn for it: all H * W are
    equally likely; what lies beyond the border is left out.

    images: (N, C, H, W) float32, all above 0; size: side of the square; rng: np.random.Generator.
    Returns (N, C, H, W).
    """
    n, _, height, width = images.shape
    tops, lefts = (
        rng.integers(height, size=(n, 1)) - size // 2,
        rng.integers(width, size=(n, 1)) - size // 2,
    )
    below, right = np.arange(height) - tops, np.arange(width) - lefts
    in_rows, in_columns = (below >= 0) & (below < size), (right >= 0) & (right < size)
    return np.where(in_rows[:, None, :, None] & in_columns[:, None, None, :], 0, images)


@random_cutout.probe(weight=1)
def wide_images(rng):
    return _images(rng, 14, 2, 6, 9), int(rng.choice([2, 4]))


@random_cutout.probe(weight=1)
def tall_images(rng):
    return _images(rng, 16, 1, 8, 5), 3


@random_cutout.recover
def _(result, images, size):
    if np.shape(result) != images.shape:
        raise NotADraw(
            f"One call gives {np.shape(result)}; it should be {images.shape}."
        )
    black = result.max(axis=1) < 0.01  # (N, H, W)
    in_rows, in_columns = black.any(axis=2), black.any(axis=1)
    if not in_rows.any(axis=1).all():
        in_any = (result < 0.01).any(axis=(1, 2, 3))
        if in_any.all():
            raise NotADraw(
                "The hole is not in all channels of an image: blacken the square in each of them."
            )
        raise NotADraw("An image has no hole.")
    tops, lefts = _first(in_rows, size), _first(in_columns, size)
    if not np.allclose(
        result,
        _with_holes(images, size, tops + size // 2, lefts + size // 2),
        atol=1e-5,
    ):
        raise NotADraw(
            "An image is not what was given with one black square of the "
            "given side, cut off at the border."
        )
    return {
        "the row of the centre": tops + size // 2,
        "the column of the centre": lefts + size // 2,
    }


def _first_channel_alone(result, images):
    """Whether images of several channels have their holes in the first one."""
    black = (result < 0.01).any(axis=(2, 3))  # (N, C)
    return bool(black.shape[1] > 1 and black[:, 0].all() and not black[:, 1:].any())


def _first(covered, size):
    """Where stretches of `size` places begin of which (N, n) shows the part that is not cut off."""
    begins, lengths = covered.argmax(axis=1), covered.sum(axis=1)
    return np.where(begins > 0, begins, lengths - size)


def _with_holes(images, size, rows, columns):
    _, _, height, width = images.shape
    below, right = (
        np.arange(height) - (rows - size // 2)[:, None],
        np.arange(width) - (columns - size // 2)[:, None],
    )
    in_rows, in_columns = (below >= 0) & (below < size), (right >= 0) & (right < size)
    return np.where(
        in_rows[:, None, :, None] & in_columns[:, None, None, :], np.float32(0), images
    )


@random_cutout.mistake(
    "One centre is drawn for the whole batch. Draw as many as there are images."
)
def _(images, size, rng):
    n, _, height, width = images.shape
    rows, columns = (
        np.repeat(rng.integers(height), n),
        np.repeat(rng.integers(width), n),
    )
    below, right = (
        np.arange(height) - (rows - size // 2)[:, None],
        np.arange(width) - (columns - size // 2)[:, None],
    )
    inside = ((below >= 0) & (below < size))[:, None, :, None] & (
        (right >= 0) & (right < size)
    )[:, None, None, :]
    return np.where(inside, 0, images)


@random_cutout.mistake(
    "What is drawn is the upper left corner of each square, not its centre. "
    "Squares begin `size // 2` before the centre."
)
def _(images, size, rng):
    n, _, height, width = images.shape
    result = images.copy()
    for image, top, left in zip(
        result, rng.integers(height, size=n), rng.integers(width, size=n), strict=True
    ):
        image[:, top : top + size, left : left + size] = 0
    return result


@random_cutout.mistake(
    "Only the first channel has a hole. It goes through all of them.",
    recognise=lambda inputs, value: all(
        _first_channel_alone(np.asarray(result), inputs.args[1])
        for result in value["draws"]
    ),
)
def _(images, size, rng):
    n, _, height, width = images.shape
    result = images.copy()
    for image, row, column in zip(
        result, rng.integers(height, size=n), rng.integers(width, size=n), strict=True
    ):
        top, left = row - size // 2, column - size // 2
        image[0, max(top, 0) : top + size, max(left, 0) : left + size] = 0
    return result


@random_cutout.mistake("Some images have no hole. Every image gets one.")
def _(images, size, rng):
    n, _, height, width = images.shape
    rows, columns = rng.integers(height, size=n), rng.integers(width, size=n)
    below, right = (
        np.arange(height) - (rows - size // 2)[:, None],
        np.arange(width) - (columns - size // 2)[:, None],
    )
    inside = ((below >= 0) & (below < size))[:, None, :, None] & (
        (right >= 0) & (right < size)
    )[:, None, None, :]
    return np.where(inside & (rng.random((n, 1, 1, 1)) < 0.5), 0, images)


@random_cutout.mistake(
    "The last row and the last column are never a centre: "
    "`rng.integers(0, n)` leaves n out already."
)
def _(images, size, rng):
    n, _, height, width = images.shape
    rows, columns = rng.integers(0, height - 1, n), rng.integers(0, width - 1, n)
    below, right = (
        np.arange(height) - (rows - size // 2)[:, None],
        np.arange(width) - (columns - size // 2)[:, None],
    )
    inside = ((below >= 0) & (below < size))[:, None, :, None] & (
        (right >= 0) & (right < size)
    )[:, None, None, :]
    return np.where(inside, 0, images)


@random_cutout.mistake(
    "Squares lie wholly inside. Every pixel may be the centre, also one at the border."
)
def _(images, size, rng):
    n, _, height, width = images.shape
    rows, columns = (
        rng.integers(0, most - size + 1, n) + size // 2 for most in (height, width)
    )
    below, right = (
        np.arange(height) - (rows - size // 2)[:, None],
        np.arange(width) - (columns - size // 2)[:, None],
    )
    inside = ((below >= 0) & (below < size))[:, None, :, None] & (
        (right >= 0) & (right < size)
    )[:, None, None, :]
    return np.where(inside, 0, images)


@random_cutout.mistake(
    "Squares at the border are moved back into the image, so that the "
    "outermost places come up too often. Cut them off."
)
def _(images, size, rng):
    n, _, height, width = images.shape
    rows, columns = (
        np.clip(rng.integers(0, most, n), size // 2, most - size + size // 2)
        for most in (height, width)
    )
    below, right = (
        np.arange(height) - (rows - size // 2)[:, None],
        np.arange(width) - (columns - size // 2)[:, None],
    )
    inside = ((below >= 0) & (below < size))[:, None, :, None] & (
        (right >= 0) & (right < size)
    )[:, None, None, :]
    return np.where(inside, 0, images)


@random_cutout.mistake(
    "The draws do not come from `rng`, and another run gives other holes."
)
def _(images, size, rng):
    n, _, height, width = images.shape
    own = np.random.default_rng()
    rows, columns = own.integers(0, height, n), own.integers(0, width, n)
    below, right = (
        np.arange(height) - (rows - size // 2)[:, None],
        np.arange(width) - (columns - size // 2)[:, None],
    )
    inside = ((below >= 0) & (below < size))[:, None, :, None] & (
        (right >= 0) & (right < size)
    )[:, None, None, :]
    return np.where(inside, 0, images)


@random_cutout.mistake(
    "Each call makes a generator of its own with a fixed seed, and draws "
    "the same holes again. Draw from `rng`."
)
def _(images, size, rng):
    n, _, height, width = images.shape
    own = np.random.default_rng(0)
    rows, columns = own.integers(0, height, n), own.integers(0, width, n)
    below, right = (
        np.arange(height) - (rows - size // 2)[:, None],
        np.arange(width) - (columns - size // 2)[:, None],
    )
    inside = ((below >= 0) & (below < size))[:, None, :, None] & (
        (right >= 0) & (right < size)
    )[:, None, None, :]
    return np.where(inside, 0, images)


@random_cutout.mistake("The images that were given are changed. Work on a copy.")
def _(images, size, rng):
    n, _, height, width = images.shape
    rows, columns = rng.integers(0, height, n), rng.integers(0, width, n)
    below, right = (
        np.arange(height) - (rows - size // 2)[:, None],
        np.arange(width) - (columns - size // 2)[:, None],
    )
    inside = ((below >= 0) & (below < size))[:, None, :, None] & (
        (right >= 0) & (right < size)
    )[:, None, None, :]
    images[np.broadcast_to(inside, images.shape)] = 0
    return images


@random_cutout.alternative(framework="torch")
def _(images, size, rng):
    import torch

    n, _, height, width = images.shape
    tops, lefts = (
        torch.from_numpy(rng.integers(most, size=(n, 1))) - size // 2
        for most in (height, width)
    )
    below, right = torch.arange(height) - tops, torch.arange(width) - lefts
    in_rows, in_columns = (below >= 0) & (below < size), (right >= 0) & (right < size)
    return images.masked_fill(
        (in_rows[:, :, None] & in_columns[:, None, :])[:, None], 0
    )


@random_cutout.alternative(framework="mxnet")
def _(images, size, rng):
    from dlkit.mx import nd

    n, _, height, width = images.shape
    below, right = (
        nd.arange(most) - nd.array(rng.integers(most, size=(n, 1)) - size // 2)
        for most in (height, width)
    )
    in_rows, in_columns = (below >= 0) * (below < size), (right >= 0) * (right < size)
    return images * (
        1 - in_rows.expand_dims(2) * in_columns.expand_dims(1)
    ).expand_dims(1)


random_cutout.equivalent(
    "size // 2 -> size / 2",
    why="Pixels lie at whole numbers: half a one more or less covers the same.",
)


# 7. Random mixup ----------------------------------------------------------------------------------


@question(
    points=2,
    driver="sampled",
    calls=200,
    hints=[
        "Two draws: `rng.permutation(N)` for the partners, `rng.beta(alpha, "
        "alpha, N)` for lam, one for each image.",
        "The rest is question 1: give what you drew to `mix`. In PyTorch "
        "`torch.from_numpy(...)`, in Gluon `nd.array(...)` makes "
        "arrays of it; lam should be float32.",
    ],
    explanation="""
        A small alpha gives lam near 0 or 1, images that are nearly pure; a large one gives halves.
        By a permutation each image is used twice, once as itself and once as a partner, so that no
        class is seen more often than before.
    """,
)
def random_mixup(images, labels, alpha, rng):
    """Blend each image and label with those of a partner: partners are a random order of the batch,
    lam is drawn from Beta(alpha, alpha) for each image.

    images: (N, C, H, W) float32; labels: (N, num_classes) float32; alpha: number; rng:
    np.random.Generator. Returns (images, labels), mixed.
    """
    partners = rng.permutation(len(images))
    lam = rng.beta(alpha, alpha, (len(images), 1))
    weight = lam[:, :, None, None]
    return weight * images + (1 - weight) * images[partners], lam * labels + (
        1 - lam
    ) * labels[partners]


@random_mixup.probe(weight=1)
def nearly_pure(rng):
    return _images(rng, 16, 1, 5, 4), _soft(rng, 16, 6), float(rng.uniform(0.3, 0.4))


@random_mixup.probe(weight=1)
def about_half(rng):
    return _images(rng, 14, 3, 2, 3), _soft(rng, 14, 5), float(rng.uniform(5, 8))


@random_mixup.recover
def _(result, images, labels, alpha):
    mixed_images, mixed_labels = result
    n = len(images)
    flat, mixed = (
        images.reshape(n, -1).astype(float),
        mixed_images.reshape(n, -1).astype(float),
    )
    # (N, N, pixels), from each possible partner to the image
    way = flat[:, None] - flat[None]
    lengths = np.maximum((way**2).sum(axis=2), 1e-12)
    lam = ((mixed[:, None] - flat[None]) * way).sum(
        axis=2
    ) / lengths  # (N, N); 0 where an image is its own partner
    misses = np.abs(mixed[:, None] - flat[None] - lam[:, :, None] * way).max(axis=2)
    partners = misses.argmin(axis=1)
    # Its partner is itself, or cannot be told.
    same = np.abs(mixed - flat).max(axis=1) < 1e-5
    partners = np.where(same, np.arange(n), partners)
    lam = lam[np.arange(n), partners]
    if misses.min(axis=1).max() > 1e-4 or lam.min() < -1e-4 or lam.max() > 1 + 1e-4:
        raise NotADraw("An image is no blend of itself and another of the batch.")
    own, of_partner = lam[:, None] * labels, (1 - lam[:, None]) * labels[partners]
    if np.abs(mixed_labels - own - of_partner).max() > 2e-3:
        raise NotADraw(_of_labels(mixed_labels, labels, partners, lam, ~same))
    return {
        "the number of places to the partner": (partners - np.arange(n)) % n,
        "the number of partners that come up again": [
            np.sum(~same) - len(set(partners[~same]))
        ],
        "lam": np.round(_those_of_others(lam, same), 3),
    }


def _of_labels(mixed, labels, partners, lam, told):
    """In which way labels are blended otherwise than images, which have these partners and lam,
    where they can be told.
    """
    own, mixed, weight = labels[told], mixed[told], lam[told, None]
    exchanged = (1 - weight) * own + weight * labels[partners[told]]
    if np.abs(mixed - exchanged).max(initial=0) <= 2e-3:
        return "In the labels lam and 1 - lam are exchanged."
    with_others = weight[:, None] * own[:, None] + (1 - weight[:, None]) * labels[None]
    misses = np.abs(mixed[:, None] - with_others).max(axis=2).min(axis=1)
    if misses.max(initial=0) <= 2e-3:
        return "The labels have the lam of their images, and other partners. Draw partners once."
    return "A label is not blended as its image is: with the same partner and the same lam."


def _those_of_others(lam, same):
    """lam, and where it cannot be told, since an image is its own partner, that of the image before
    it.
    """
    if same.all():
        return np.full(len(lam), 0.5)
    told = np.flatnonzero(~same)
    before = np.searchsorted(told, np.arange(len(lam)), "right") - 1
    return lam[told[before]]


def _same_partners(inputs, value):
    """Whether every call gives each image the same partner, as far as partners can be told."""
    _, images, labels, alpha = inputs.args
    calls = [
        random_mixup.recovery(result, images, labels, alpha)[
            "the number of places to the partner"
        ]
        for result in value["draws"][:20]
    ]
    places = np.ma.masked_equal(np.array(calls), 0)
    return bool((places.max(axis=0) - places.min(axis=0)).max() == 0)


@random_mixup.mistake(
    "One lam is drawn for the whole batch. Draw as many as there are images."
)
def _(images, labels, alpha, rng):
    lam, partners = rng.beta(alpha, alpha), rng.permutation(len(images))
    return lam * images + (1 - lam) * images[partners], lam * labels + (
        1 - lam
    ) * labels[partners]


@random_mixup.mistake(
    "lam is drawn evenly from 0 to 1, whatever alpha is. Draw it from Beta(alpha, alpha)."
)
def _(images, labels, alpha, rng):
    partners, lam = rng.permutation(len(images)), rng.random(len(images))
    a, b = lam[:, None, None, None], lam[:, None]
    return a * images + (1 - a) * images[partners], b * labels + (1 - b) * labels[
        partners
    ]


@random_mixup.mistake(
    "lam is drawn from Beta(alpha, 1), which is not symmetric. Both parameters are alpha."
)
def _(images, labels, alpha, rng):
    partners, lam = rng.permutation(len(images)), rng.beta(alpha, 1, len(images))
    a, b = lam[:, None, None, None], lam[:, None]
    return a * images + (1 - a) * images[partners], b * labels + (1 - b) * labels[
        partners
    ]


@random_mixup.mistake(
    "The partner is always the neighbour in the batch. Partners are a "
    "random order, `rng.permutation(N)`."
)
def _(images, labels, alpha, rng):
    partners, lam = (
        np.roll(np.arange(len(images)), 1),
        rng.beta(alpha, alpha, len(images)),
    )
    a, b = lam[:, None, None, None], lam[:, None]
    return a * images + (1 - a) * images[partners], b * labels + (1 - b) * labels[
        partners
    ]


@random_mixup.mistake(
    "The partners are the same in every call. Draw a random order of the "
    "batch anew each time: `rng.permutation(N)`.",
    recognise=_same_partners,
)
def _(images, labels, alpha, rng):
    partners, lam = np.arange(len(images))[::-1], rng.beta(alpha, alpha, len(images))
    a, b = lam[:, None, None, None], lam[:, None]
    return a * images + (1 - a) * images[partners], b * labels + (1 - b) * labels[
        partners
    ]


@random_mixup.mistake(
    "Images and labels have partners of their own. Draw the partners once, and use them for both."
)
def _(images, labels, alpha, rng):
    n = len(images)
    partners, others, lam = (
        rng.permutation(n),
        rng.permutation(n),
        rng.beta(alpha, alpha, n),
    )
    a, b = lam[:, None, None, None], lam[:, None]
    return a * images + (1 - a) * images[partners], b * labels + (1 - b) * labels[
        others
    ]


@random_mixup.mistake(
    "Partners are drawn with repetition: some images are used often, others "
    "never. Take a random order of the batch."
)
def _(images, labels, alpha, rng):
    partners, lam = (
        rng.integers(0, len(images), len(images)),
        rng.beta(alpha, alpha, len(images)),
    )
    a, b = lam[:, None, None, None], lam[:, None]
    return a * images + (1 - a) * images[partners], b * labels + (1 - b) * labels[
        partners
    ]


@random_mixup.mistake(
    "No image is its own partner. In a random order of the batch one may well be."
)
def _(images, labels, alpha, rng):
    n = len(images)
    partners, lam = rng.permutation(n), rng.beta(alpha, alpha, n)
    while (partners == np.arange(n)).any():
        partners = rng.permutation(n)
    a, b = lam[:, None, None, None], lam[:, None]
    return a * images + (1 - a) * images[partners], b * labels + (1 - b) * labels[
        partners
    ]


@random_mixup.mistake(
    "The labels stay as they were. They are blended as the images are."
)
def _(images, labels, alpha, rng):
    partners, a = (
        rng.permutation(len(images)),
        rng.beta(alpha, alpha, len(images))[:, None, None, None],
    )
    return a * images + (1 - a) * images[partners], labels


@random_mixup.mistake("In the labels lam and 1 - lam are exchanged.")
def _(images, labels, alpha, rng):
    partners, lam = rng.permutation(len(images)), rng.beta(alpha, alpha, len(images))
    a, b = lam[:, None, None, None], lam[:, None]
    return a * images + (1 - a) * images[partners], (1 - b) * labels + b * labels[
        partners
    ]


@random_mixup.mistake(
    "Labels have draws of their own: another partner, another lam than their "
    "images. Draw once, and use it for both."
)
def _(images, labels, alpha, rng):
    partners, others = rng.permutation(len(images)), rng.permutation(len(images))
    a, b = (
        rng.beta(alpha, alpha, len(images))[:, None, None, None],
        rng.beta(alpha, alpha, len(images))[:, None],
    )
    return a * images + (1 - a) * images[partners], b * labels + (1 - b) * labels[
        others
    ]


@random_mixup.mistake("The draws do not come from `rng`, and another run gives others.")
def _(images, labels, alpha, rng):
    own = np.random.default_rng()
    partners, lam = own.permutation(len(images)), own.beta(alpha, alpha, len(images))
    a, b = lam[:, None, None, None], lam[:, None]
    return a * images + (1 - a) * images[partners], b * labels + (1 - b) * labels[
        partners
    ]


@random_mixup.mistake("The images that were given are changed. Work on a copy.")
def _(images, labels, alpha, rng):
    partners, lam = rng.permutation(len(images)), rng.beta(alpha, alpha, len(images))
    a, b = lam[:, None, None, None], lam[:, None]
    images[:] = a * images + (1 - a) * images[partners]
    return images, b * labels + (1 - b) * labels[partners]


@random_mixup.mistake(
    "lam is made at least one half. Here it is used as Beta(alpha, alpha) gives it."
)
def _(images, labels, alpha, rng):
    partners = rng.permutation(len(images))
    lam = rng.beta(alpha, alpha, len(images))
    lam = np.maximum(lam, 1 - lam)
    weight, own = lam[:, None, None, None], lam[:, None]
    return (
        weight * images + (1 - weight) * images[partners],
        own * labels + (1 - own) * labels[partners],
    )


@random_mixup.mistake(
    "The batch is moved on by a random number of places, so that one partner tells all others. "
    "Take a random order of the batch, `rng.permutation(N)`."
)
def _(images, labels, alpha, rng):
    N = len(images)
    partners = (np.arange(N) + rng.integers(N)) % N
    lam = rng.beta(alpha, alpha, N)
    weight, own = lam[:, None, None, None], lam[:, None]
    return (
        weight * images + (1 - weight) * images[partners],
        own * labels + (1 - own) * labels[partners],
    )


@random_mixup.alternative(framework="torch")
def _(images, labels, alpha, rng):
    import torch

    partners = torch.from_numpy(rng.permutation(len(images)))
    lam = torch.from_numpy(rng.beta(alpha, alpha, len(images))).float()
    mixed_labels = labels[partners] + lam[:, None] * (labels - labels[partners])
    return torch.lerp(images[partners], images, lam.reshape(-1, 1, 1, 1)), mixed_labels


@random_mixup.alternative(framework="mxnet")
def _(images, labels, alpha, rng):
    from dlkit.mx import nd

    n = images.shape[0]
    partners, lam = nd.array(rng.permutation(n)), nd.array(rng.beta(alpha, alpha, n))
    weight, of_labels = lam.reshape((n, 1, 1, 1)), lam.reshape((n, 1))
    return weight * images + (1 - weight) * images.take(
        partners
    ), of_labels * labels + (1 - of_labels) * labels.take(partners)


@random_mixup.alternative()
def _(images, labels, alpha, rng):
    order = rng.permutation(len(images))
    pairs = []
    for i, partner in enumerate(order):
        lam = np.float32(rng.beta(alpha, alpha))
        pairs.append(
            (
                lam * images[i] + (1 - lam) * images[partner],
                lam * labels[i] + (1 - lam) * labels[partner],
            )
        )
    return np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])


random_mixup.equivalent("len(images) -> len(labels)", why="There are as many of both.")
random_mixup.equivalent(
    "images.shape[0] -> labels.shape[0]", why="There are as many of both."
)
random_mixup.equivalent(
    "lam[:, :, None, None] -> lam[:, None, :, None]",
    why="lam is (N, 1): both are (N, 1, 1, 1).",
)
random_mixup.equivalent(
    "i, partner in enumerate -> partner, i in enumerate",
    why="The inverse of a random order is a random order.",
)


# 8. Digits with a hole ----------------------------------------------------------------------------

JUDGED = ByAccuracy("digits with a hole", needed=0.6, guessing=0.2)
HOLE = 4


@question(
    points=2,
    framework="torch",
    frameworks=NETWORKS,
    driver="fit_predict",
    forbids=ready_made.DATA,
    forbids_in_words=ready_made.DATA_IN_WORDS,
    seconds=60,
    hints=[
        "The training digits are whole, the unseen ones have a black square of 4 x 4 somewhere. "
        "Which of the five methods makes training images like those?",
        "In each step give the net new holes: `random_cutout` of "
        "question 6, on each image of the batch.",
        "Conv 16 of 3 x 3, pool, conv 32 of 3 x 3, pool, dense 64, dense 10; SGD with lr 0.05 "
        "and momentum 0.9, 400 steps on batches of 50.",
    ],
    explanation="""
        An augmentation helps where it brings training images closer to those that will come. Here
        Cutout does just this, and without it the net has never seen a digit of which a part is
        missing. Holes have to be drawn anew in every step: a hundred fixed ones would be a hundred
        other images.
    """,
)
def fit_digits(train_images, train_labels):
    """A net that reads digits of which a square of 4 x 4 pixels is black, trained on whole ones;
    right on at least 60 % of 600 that it has not seen.

    train_images: (100, 1, 8, 8) float32 in [0, 1], whole digits; train_labels: (100,) int64 in 0,
    ..., 9 Returns the net: (N, 1, 8, 8) -> (N, 10) logits.
    """
    import torch
    from torch import nn

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        *[
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ],
        *[nn.Flatten(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)],
    )
    optimizer = torch.optim.SGD(
        net.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4
    )
    for _ in range(400):
        rows = rng.permutation(100)[:50]
        X = train_images[rows]
        for image, top, left in zip(X, *rng.integers(0, 5, (2, 50)), strict=True):
            image[:, top : top + 4, left : left + 4] = 0
        loss = nn.functional.cross_entropy(net(X), train_labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net


@fit_digits.probe()
def unseen_digits_with_a_hole(rng):
    """The digits of the course, divided, turned and numbered anew by every seed."""
    from dlkit.data import digits

    data = digits()
    images = np.concatenate([data.train_images, data.val_images, data.test_images])
    labels = np.concatenate([data.train_labels, data.val_labels, data.test_labels])
    chosen = rng.permutation(len(images))[:700]
    images, labels = disguised(rng, images[chosen], labels[chosen])
    unseen = images[100:].copy()
    for image, top, left in zip(
        unseen, *rng.integers(0, 9 - HOLE, (2, 600)), strict=True
    ):
        image[:, top : top + HOLE, left : left + HOLE] = 0
    return Inputs((images[:100], labels[:100], unseen), secret=labels[100:])


fit_digits.measure(JUDGED.measure)


@fit_digits.mistake(
    "The net reads too few digits with a hole; trained on whole ones alone it stays near 40 %. "
    "Hide a part of every training image, anew in each step.",
    recognise=JUDGED.learnt_too_little,
)
def _(train_images, train_labels):
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(
        *[
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ],
        *[nn.Flatten(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)],
    )
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(train_images), train_labels).backward()
        optimizer.step()
    return net


@fit_digits.mistake(
    "The net guesses. Is `optimizer.step()` (Gluon: `trainer.step`) called after every "
    "`backward`, and do images and labels stay together?",
    recognise=JUDGED.guesses,
)
def _(train_images, train_labels):
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    with torch.no_grad():
        net[1].weight.zero_()
    return net


@fit_digits.mistake(
    "The net does not give ten numbers an image. Its last layer is a dense layer with ten outputs.",
    recognise=JUDGED.has_another_number_of_outputs,
)
def _(train_images, train_labels):
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12))


@fit_digits.alternative(framework="mxnet")
def _(train_images, train_labels):
    from dlkit.mx import autograd, gluon, init, mx, nd

    mx.random.seed(0)
    rng = np.random.default_rng(0)
    net = gluon.nn.HybridSequential()
    net.add(
        gluon.nn.Conv2D(24, 3, padding=1, activation="relu"),
        gluon.nn.MaxPool2D(2),
        gluon.nn.Conv2D(32, 3, padding=1, activation="relu"),
    )
    net.add(
        gluon.nn.MaxPool2D(2), gluon.nn.Dense(64, activation="relu"), gluon.nn.Dense(10)
    )
    net.initialize(init.Xavier())
    net.hybridize()
    loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(
        net.collect_params(), "sgd", {"learning_rate": 0.05, "momentum": 0.9}
    )
    images = train_images.asnumpy()
    for _ in range(300):
        X = images.copy()
        for image, top, left in zip(X, *rng.integers(0, 5, (2, len(X))), strict=True):
            image[:, top : top + 4, left : left + 4] = 0
        with autograd.record():
            loss = loss_of(net(nd.array(X)), train_labels)
        loss.backward()
        trainer.step(len(X))
        loss.mean().asscalar()
    return net


@fit_digits.alternative(framework="torch")
def _(train_images, train_labels):
    """Ten copies with fixed holes, and a net with a dense layer more and no convolution but one."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    X, y = train_images.repeat(20, 1, 1, 1), train_labels.repeat(20)
    for image, top, left in zip(X, *rng.integers(-1, 6, (2, len(X))), strict=True):
        image[:, max(top, 0) : top + 4, max(left, 0) : left + 4] = 0
    net = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(512, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=0.002)
    for _ in range(10):
        for rows in torch.randperm(len(X)).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(X[rows]), y[rows]).backward()
            optimizer.step()
    return net


# Inputs and common parts --------------------------------------------------------------------------


def _normal(rng, *shape, scale=1.0):
    return rng.normal(0, scale, shape).astype(np.float32)


def _images(rng, *shape):
    return rng.uniform(0.1, 1, shape).astype(np.float32)


def _cycle(rng, n):
    """A random order in which nobody is in their own place, and the neighbours are not all
    partners.
    """
    order = rng.permutation(n)
    partners = np.empty(n, int)
    partners[order] = np.roll(order, 2)
    return partners


def _shares(rng, n):
    """Around and on both sides of a half, none of them near it."""
    return rng.permutation(
        np.concatenate(
            [rng.uniform(0.1, 0.4, n // 2), rng.uniform(0.6, 0.9, n - n // 2)]
        )
    ).astype(np.float32)


def _one_hot(rng, n, num_classes):
    """As many different classes as there are."""
    return np.eye(num_classes, dtype=np.float32)[
        rng.permutation(np.arange(n) % num_classes)
    ]


def _soft(rng, n, num_classes):
    return rng.dirichlet(np.full(num_classes, 0.8), n).astype(np.float32)


def _forecasts(rng, n, num_classes, num_bins):
    """Probabilities in float32 whose confidences keep clear of the edges of bins, and labels:
    right in every other bin, wrong in the others, for the most part.
    """
    while True:
        logits = rng.normal(0, 2, (n, num_classes))
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        places = probabilities.max(axis=1) * num_bins
        right = (rng.random(n) < 0.9) == (places.astype(int) % 2 == num_bins % 2)
        labels = (
            probabilities.argmax(axis=1)
            + np.where(right, 0, rng.integers(1, num_classes, n))
        ) % num_classes
        if np.abs(places - places.round()).min() > 1e-4:
            return probabilities.astype(np.float32), labels
