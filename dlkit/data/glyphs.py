"""Letters drawn with known nuisances, so that an experiment can change one factor and leave all
the others as they were.
"""

from __future__ import annotations

import functools
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dlkit.data.images import ImageSet, balanced, check_sizes, from_parts, resize

if TYPE_CHECKING:
    from PIL import Image

LETTERS = tuple("ABCDEFGHIJ")

# The fonts of matplotlib that hold Latin letters; the others hold mathematical symbols.
FONTS = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    *(
        "DejaVuSansMono",
        "DejaVuSansMono-Bold",
        "DejaVuSansMono-Oblique",
        "DejaVuSansMono-BoldOblique",
    ),
    *(
        "DejaVuSerif",
        "DejaVuSerif-Bold",
        "DejaVuSerif-Italic",
        "DejaVuSerif-BoldItalic",
    ),
    *("cmr10", "cmb10", "cmti10", "cmmi10", "cmsy10"),
)
HELD_OUT_FONTS = (
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "STIXGeneralBolIta",
    "cmss10",
    "cmtt10",
)
# In the places of its small letters stand brackets and other signs.
CAPITALS_ONLY = ("cmsy10",)

# Letters are drawn on a grid this much finer and averaged, which keeps their edges smooth.
FINER = 4
CAPITAL = 0.6  # height of a capital as a fraction of the image


@dataclass(frozen=True)
class Nuisances:
    """How strongly each image is disturbed in ways that do not change its letter. `Nuisances()`
    disturbs nothing.

    rotation: degrees; the angle is uniform in [-rotation, rotation]
    scale: fraction; the letter's size is multiplied by a factor uniform in [1 - scale, 1 + scale],
    0 <= scale < 1
    shift: pixels; the offsets across and down are uniform in [-shift, shift], each
    blur: pixels; the standard deviation of the Gaussian filter is uniform in [0, blur]
    noise: standard deviation of the Gaussian noise on every pixel, on the scale where black is 0
        and white is 1
    background: strength of a smooth pattern behind the letter, uniform at its nodes in [0,
        background], 0 <= background <= 1
    colour: a colour for the letter, two darker ones for what is behind it; images have three
    channels then

    Raises ValueError for a strength outside its range.
    """

    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    background: float = 0.0
    colour: bool = False

    def __post_init__(self) -> None:
        for name in ("rotation", "scale", "shift", "blur", "noise", "background"):
            if getattr(self, name) < 0:
                raise ValueError(
                    f"Nuisances: {name} must not be negative, and {getattr(self, name)} is."
                )
        if self.scale >= 1 or self.background > 1:
            raise ValueError(
                "Nuisances: scale must be below 1 and background at most 1; they "
                f"are {self.scale} and {self.background}."
            )


MODERATE = Nuisances(
    rotation=10, scale=0.1, shift=2, blur=0.5, noise=0.05, background=0.3
)


def glyphs(
    train: int = 1000,
    val: int = 200,
    test: int = 200,
    size: int = 28,
    seed: int = 0,
    nuisances: Nuisances = MODERATE,
    test_nuisances: Nuisances | None = None,
    held_out_fonts: bool = False,
    letters: Sequence[str] = LETTERS,
) -> ImageSet:
    """Letters, capitals A to J unless others are asked for, light on dark, in matplotlib's fonts:
    23 faces of DejaVu, STIX and Computer Modern.

    train, val, test: images in each part; the classes of a part differ by one image at most
    size: height and width in pixels
    seed: of everything. Each factor has its own stream of random numbers, so under one seed a
        change of `nuisances` changes that factor and leaves the letters, fonts and all other draws
        as they were.
    nuisances: of the training and validation images, and of the test images unless `test_nuisances`
        is given
    held_out_fonts: test images use six fonts (STIX, and Computer Modern's sans and typewriter) that
        no other image uses
    letters: other letters for the classes, in this order, as "bdpq". Each sits about in the middle
        of its image, above no common line, so that b upside down looks like p. Where lower-case
        ones are among them, a face that has none is left out.

    Images are (N, 1, size, size), or (N, 3, size, size) with `colour`. Raises ValueError when only
    one of the parts would have colour, or `letters` are not at least two different ones of A to Z
    and a to z; TypeError when they are not strings.
    """
    check_sizes("glyphs", train=train, val=val, test=test, size=size)
    test_nuisances = nuisances if test_nuisances is None else test_nuisances
    if test_nuisances.colour != nuisances.colour:
        raise ValueError(
            "glyphs: nuisances and test_nuisances must agree about colour, "
            "which decides the number of channels."
        )
    letters = tuple(letters) if isinstance(letters, Iterable) else (letters,)
    if not all(isinstance(letter, str) for letter in letters):
        raise TypeError(
            "glyphs: letters must be a string or a sequence of strings, and "
            f"{', '.join(map(repr, letters))} is not."
        )
    if len(set(letters)) < max(2, len(letters)) or not all(
        letter in string.ascii_letters and len(letter) == 1 for letter in letters
    ):
        raise ValueError(
            "glyphs: letters must be at least two different ones of A to Z and a "
            f"to z, and {''.join(letters)!r} are not."
        )
    fonts: tuple[str, ...] = FONTS if held_out_fonts else FONTS + HELD_OUT_FONTS
    if not set(letters) <= set(string.ascii_uppercase):
        fonts = tuple(face for face in fonts if face not in CAPITALS_ONLY)
    test_fonts = HELD_OUT_FONTS if held_out_fonts else fonts
    parts = (
        (train, fonts, nuisances),
        (val, fonts, nuisances),
        (test, test_fonts, test_nuisances),
    )
    return from_parts(
        [
            _draw_part((seed, number), size, letters, *part)
            for number, part in enumerate(parts)
        ],
        letters,
        "glyphs",
    )


def _draw_part(
    seed: tuple[int, int],
    size: int,
    letters: tuple[str, ...],
    count: int,
    fonts: tuple[str, ...],
    nuisances: Nuisances,
) -> tuple[np.ndarray, np.ndarray]:
    """Images (count, C, size, size) and labels (count,)."""
    streams = np.random.SeedSequence(seed).spawn(9)
    letter, font, rotation, scale, shift, background, colour, blur, noise = (
        np.random.default_rng(stream) for stream in streams
    )
    labels = balanced(count, len(letters), letter)
    faces = font.choice(fonts, count)
    angles = nuisances.rotation * rotation.uniform(-1, 1, count)
    factors = 1 + nuisances.scale * scale.uniform(-1, 1, count)
    offsets = nuisances.shift * shift.uniform(-1, 1, (count, 2))

    poses = zip(labels, faces, angles, factors, offsets, strict=True)
    masks = np.stack(
        [_place(face, letters[label], size, *pose) for label, face, *pose in poses]
    )[:, None]
    behind = nuisances.background * resize(
        background.random((count, 1, 5, 5), dtype=np.float32), size
    )
    images = (
        _paint(masks, behind, colour)
        if nuisances.colour
        else masks + (1 - masks) * behind
    )

    images = _blur(images, nuisances.blur * blur.random(count))
    images = images + nuisances.noise * noise.standard_normal(
        images.shape, dtype=np.float32
    )
    return images.clip(0, 1).astype(np.float32), labels


@functools.cache
def _letter(face: str, letter: str, height: int) -> Image.Image:
    """The letter as a mask, cropped to its ink; a capital of most faces is about `height` pixels
    high.
    """
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{face}.ttf")
    # DejaVu's capitals have 0.73 of the size of the font.
    font = ImageFont.truetype(path, height / 0.73)
    left, top, right, bottom = font.getbbox(letter)
    # Whole numbers: a box of pixels.
    mask = Image.new("L", (int(right - left), int(bottom - top)))
    ImageDraw.Draw(mask).text((-left, -top), letter, font=font, fill=255)
    return mask


def _place(
    face: str, letter: str, size: int, angle: float, factor: float, offset: np.ndarray
) -> np.ndarray:
    """A letter turned by `angle`, scaled by `factor`, moved by `offset` pixels from the middle:
    (size, size) float32 in [0, 1].
    """
    from PIL import Image

    # Drawn at the size that it will have, so that sampling it misses no thin stroke; of at least 16
    # pixels, to be a letter at all.
    height = max(16, round(CAPITAL * size * FINER))
    mask = _letter(face, letter, height)
    # Pillow asks where in the source each point of the result comes from: the inverse of what
    # happens to the letter.
    zoom = height / (CAPITAL * size * FINER * factor)
    cos, sin = zoom * np.cos(np.radians(angle)), zoom * np.sin(np.radians(angle))
    x, y = FINER * (size / 2 + offset)
    matrix = (
        cos,
        -sin,
        mask.width / 2 - cos * x + sin * y,
        sin,
        cos,
        mask.height / 2 - sin * x - cos * y,
    )
    fine = mask.transform(
        (size * FINER, size * FINER),
        Image.Transform.AFFINE,
        matrix,
        Image.Resampling.BILINEAR,
    )
    return np.asarray(fine.reduce(FINER), np.float32) / 255


def _paint(
    masks: np.ndarray, behind: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Grey masks and patterns (N, 1, H, W) in colour (N, 3, H, W): bright ink, dark paper, a
    pattern of a third colour on it.
    """
    ink, paper, pattern = rng.random((3, len(masks), 3, 1, 1), dtype=np.float32)
    # The strongest channel is full: a letter is never dim.
    ink = 0.35 + 0.65 * ink / ink.max(axis=1, keepdims=True)
    return masks * ink + (1 - masks) * (0.3 * paper + 0.7 * pattern * behind)


def _blur(images: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return np.stack(
        [
            gaussian_filter(image, (0, sigma, sigma))
            for image, sigma in zip(images, sigmas, strict=True)
        ]
    )
