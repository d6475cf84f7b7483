"""Seven invented logos in photographs, as a camera might meet them: aslant, in uneven light,
partly hidden.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from dlkit.data.images import ImageSet, balanced, check_sizes, from_parts

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

RED, BLUE, GREEN, YELLOW = "#d03434", "#2a5fb4", "#2f9152", "#f2c230"
INK, WHITE = "#26262b", "#faf8f2"
CANVAS = 240  # logos are drawn on 240 x 240 pixels
FINER = 2  # and pasted on a grid this much finer than the image, then averaged


def brands(
    train: int = 700, val: int = 210, test: int = 350, size: int = 64, seed: int = 0
) -> ImageSet:
    """Seven invented brands. Colour alone does not tell them apart: Arvo and Benta are red discs,
    two others are blue, two green.

    train, val, test: images in each part; the classes of a part differ by one image at most
    size: height and width in pixels
    seed: of everything

    Each image shows one logo on a crop of one of the two photographs of `photographs`. Its width is
    45 to 75 % of the image; it is turned by up to 20 degrees and its corners are moved by up to 10
    % of its width (perspective); a ramp of light crosses the image; in half of the images a strip
    cut from the photograph hides up to 30 % of the logo's height or width. Images are (N, 3, size,
    size).
    """
    check_sizes("brands", train=train, val=val, test=test, size=size)
    names = tuple(LOGOS)
    return from_parts(
        [
            _draw_part((seed, number), size, count)
            for number, count in enumerate((train, val, test))
        ],
        names,
        "brands",
    )


def _draw_part(
    seed: tuple[int, int], size: int, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Images (count, 3, size, size) and labels (count,)."""
    rng = np.random.default_rng(seed)
    labels = balanced(count, len(LOGOS), rng)
    signs = [logo(name) for name in LOGOS]
    corners = np.stack([_corners(size * FINER, rng) for _ in labels])
    scenes = zip(labels, corners, _perspectives(corners), strict=True)
    images = np.stack(
        [
            _scene(signs[label], size, place, perspective, rng)
            for label, place, perspective in scenes
        ]
    )
    return images.transpose(0, 3, 1, 2).copy(), labels


def _scene(
    sign: Image.Image,
    size: int,
    corners: np.ndarray,
    perspective: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """One image, (size, size, 3) float32 in [0, 1]: the logo on a photograph, perhaps partly
    hidden, then light, blur and noise.
    """
    from PIL import Image, ImageFilter

    fine = size * FINER
    pasted = sign.transform(
        (fine, fine),
        Image.Transform.PERSPECTIVE,
        perspective.tolist(),
        Image.Resampling.BICUBIC,
    )
    scene = _crop(fine, rng)
    scene.paste(pasted, mask=pasted.getchannel("A"))
    if rng.random() < 0.5:
        _hide(scene, corners, rng)
    scene = scene.reduce(FINER).filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.5)))
    image = np.asarray(scene, np.float32) / 255 * _light(size, rng) + rng.normal(
        0, 0.015, (size, size, 3)
    )
    return image.clip(0, 1).astype(np.float32)


def _corners(side: int, rng: np.random.Generator) -> np.ndarray:
    """Where the corners of the logo come to lie in the image, (4, 2) as x, y in pixels,
    clockwise from the top left.
    """
    width = side * rng.uniform(0.45, 0.75)
    angle = np.radians(rng.uniform(-20, 20))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    square = np.array(
        [[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]
    ) + rng.uniform(-0.1, 0.1, (4, 2))
    room = (side - width) / 2
    return square @ turn.T * width + side / 2 + rng.uniform(-room, room, 2)


def _perspectives(corners: np.ndarray) -> np.ndarray:
    """Pillow's coefficients (N, 8) for corners (N, 4, 2).

    The pixel (x, y) is taken from ((a x + b y + c) / w, (d x + e y + f) / w) of the logo, where w =
    g x + h y + 1.
    """
    targets = CANVAS * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    x, y = corners[..., 0], corners[..., 1]  # (N, 4)
    u, v = (np.broadcast_to(axis, x.shape) for axis in targets.T)
    one, zero = np.ones_like(x), np.zeros_like(x)
    # (N, 4, 8)
    for_u = np.stack([x, y, one, zero, zero, zero, -u * x, -u * y], axis=-1)
    for_v = np.stack([zero, zero, zero, x, y, one, -v * x, -v * y], axis=-1)
    return np.linalg.solve(
        np.concatenate([for_u, for_v], axis=1),
        np.concatenate([u, v], axis=1)[..., None],
    )[..., 0]


def _crop(side: int, rng: np.random.Generator) -> Image.Image:
    """A square piece of a photograph, perhaps mirrored."""
    from PIL import Image, ImageOps

    photograph = _photographs()[rng.integers(2)]
    width = int(rng.integers(100, 300))
    left, top = (
        int(rng.integers(photograph.width - width)),
        int(rng.integers(photograph.height - width)),
    )
    piece = photograph.resize(
        (side, side), Image.Resampling.BILINEAR, (left, top, left + width, top + width)
    )
    return ImageOps.mirror(piece) if rng.random() < 0.5 else piece


def _hide(scene: Image.Image, corners: np.ndarray, rng: np.random.Generator) -> None:
    """Lay a horizontal or vertical strip of another crop over the logo."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    axis = rng.integers(2)
    thickness = rng.uniform(0.1, 0.3) * (high - low)[axis]
    low[axis] = rng.uniform(low[axis], high[axis] - thickness)
    high[axis] = low[axis] + thickness
    left, top, right, bottom = (
        int(value) for value in np.clip([*low, *high], 0, scene.width)
    )
    box = (left, top, right, bottom)
    scene.paste(_crop(scene.width, rng).crop(box), box)


def _light(side: int, rng: np.random.Generator) -> np.ndarray:
    """(side, side, 1): a ramp of brightness in a random direction, between 0.6 and 1.25."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    ramp = np.cos(angle) * x + np.sin(angle) * y
    return (rng.uniform(0.8, 1.05) + rng.uniform(0, 0.15) * ramp)[..., None]


@functools.cache
def _photographs() -> list[Image.Image]:
    from PIL import Image
    from sklearn.datasets import load_sample_images

    return [Image.fromarray(image) for image in load_sample_images().images]


@functools.cache
def logo(name: str) -> Image.Image:
    """The logo of a brand as its designer drew it: an RGBA picture, 240 x 240. Raises KeyError
    for an unknown name.
    """
    from PIL import Image, ImageDraw

    # Transparent white, not transparent black, which would tint the edges when the logo is scaled.
    picture = Image.new("RGBA", (CANVAS, CANVAS), (255, 255, 255, 0))
    LOGOS[name](ImageDraw.Draw(picture))
    return picture


def _arvo(draw: ImageDraw.ImageDraw) -> None:
    """A peak on a red disc."""
    draw.ellipse((5, 5, 235, 235), fill=RED)
    draw.polygon([(120, 50), (190, 170), (50, 170)], fill=WHITE)


def _benta(draw: ImageDraw.ImageDraw) -> None:
    """A bar on a red disc."""
    draw.ellipse((5, 5, 235, 235), fill=RED)
    draw.rectangle((40, 95, 200, 145), fill=WHITE)


def _cairn(draw: ImageDraw.ImageDraw) -> None:
    """Three green stones on one another, on a white card."""
    draw.rounded_rectangle((5, 5, 235, 235), 30, fill=WHITE)
    for left, top in ((80, 25), (55, 90), (25, 155)):
        draw.ellipse((left, top, CANVAS - left, top + 58), fill=GREEN)


def _dorn(draw: ImageDraw.ImageDraw) -> None:
    """A blue triangle around a white one."""
    draw.polygon([(120, 8), (236, 225), (4, 225)], fill=BLUE)
    draw.polygon([(120, 95), (172, 190), (68, 190)], fill=WHITE)


def _elva(draw: ImageDraw.ImageDraw) -> None:
    """Three white waves on a blue card."""
    draw.rounded_rectangle((5, 5, 235, 235), 30, fill=BLUE)
    x = np.linspace(25, 215, 60)
    for y in (70, 120, 170):
        draw.line(
            list(zip(x, y + 16 * np.sin((x - 25) / 190 * 4 * np.pi), strict=True)),
            fill=WHITE,
            width=20,
            joint="curve",
        )


def _faro(draw: ImageDraw.ImageDraw) -> None:
    """Two dark chevrons on a yellow card."""
    draw.rounded_rectangle((5, 5, 235, 235), 30, fill=YELLOW)
    for y in (50, 120):
        draw.polygon(
            [
                (35, y + 60),
                (120, y),
                (205, y + 60),
                (205, y + 95),
                (120, y + 38),
                (35, y + 95),
            ],
            fill=INK,
        )


def _gyra(draw: ImageDraw.ImageDraw) -> None:
    """A green ring around a dot, on a white disc."""
    draw.ellipse((5, 5, 235, 235), fill=WHITE, outline=GREEN, width=42)
    draw.ellipse((88, 88, 152, 152), fill=GREEN)


LOGOS: dict[str, Callable[[ImageDraw.ImageDraw], None]] = {
    "Arvo": _arvo,
    "Benta": _benta,
    "Cairn": _cairn,
    "Dorn": _dorn,
    "Elva": _elva,
    "Faro": _faro,
    "Gyra": _gyra,
}
