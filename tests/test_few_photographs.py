"""What lesson 12 says of a few dozen made-up pictures holds on photographs, too: two signs of
Sign-Language-Digits (Mavi 2020), 48 at a time.

The functions are those of the lesson's cells tagged "net". The photographs are looked for beside
the project; nothing is downloaded.
"""

from __future__ import annotations

import re
import tarfile
from itertools import islice
from pathlib import Path

import nbformat
import numpy as np
import pytest

from dlkit.data.folders import read_folder
from dlkit.stats import interval
from experiments.lessons import ROOT, lesson_names

ARCHIVE = Path(__file__).parents[2] / "shared" / "data" / "sign-language-digits.tar.gz"
LESSON = ROOT / "lessons" / "12-case-studies.ipynb"
SIGNS = ("4", "5")  # four fingers and five
FEW, DRAWS = 48, 60

pytestmark = [
    pytest.mark.night,
    pytest.mark.skipif(
        not ARCHIVE.is_file(),
        reason="Sign-Language-Digits does not lie beside the project",
    ),
]


@pytest.fixture(scope="module")
def lesson():
    return lesson_names(LESSON)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    place = tmp_path_factory.mktemp("signs")
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            path = Path(member.name)
            if member.isfile() and path.suffix == ".JPG" and path.parent.name in SIGNS:
                (place / path.parent.name).mkdir(exist_ok=True)
                (place / path.parent.name / path.name).write_bytes(
                    archive.extractfile(member).read()
                )
    return place


@pytest.fixture(scope="module")
def photographs(lesson, unpacked):
    """(inner products of the features, a table for each of three depths; labels -1 and 1) of all
    photographs of the two signs.
    """
    images, labels, names = read_folder(unpacked, 32)
    assert names == SIGNS
    assert len(images) > 8 * FEW
    return lesson["inner_products"](images, (1, 3, 6)), np.where(labels == 1, 1.0, -1.0)


@pytest.fixture(scope="module")
def measured(lesson, photographs):
    """For each draw of 48, with three blocks and lambda 0.1: the accuracy on all others, and
    that on each of 5 x 8 folds.
    """
    products, signs = photographs
    setting = products[1:2], lesson["LAMBDAS"][3:4]
    rng, found = np.random.default_rng(0), []
    for _ in range(DRAWS):
        rows = lesson["draw_rows"](signs, FEW, rng)
        folds = np.concatenate(
            [
                lesson["cross_validate"](rows, signs, 8, rng, *setting)[:, 0]
                for _ in range(5)
            ]
        )
        others = np.setdiff1d(np.arange(len(signs)), rows)
        found.append(
            (
                np.mean(
                    lesson["predict"](rows, others, signs, *setting) == signs[others]
                ),
                folds,
            )
        )
    return np.array([truth for truth, _ in found]), np.stack(
        [folds for _, folds in found]
    )


def test_a_few_dozen_photographs_are_enough_to_tell_two_signs_apart(measured):
    truth, _ = measured
    assert truth.mean() > 0.8


def test_wilsons_interval_holds_the_truth_and_the_spread_of_folds_does_not(
    lesson, measured
):
    truth, folds = measured
    low, high = lesson["wilson"](folds.mean(axis=1), FEW)
    mean, half = interval(folds.T)
    by_wilson = np.mean((low <= truth) & (truth <= high))
    by_spread = np.mean(np.abs(mean - truth) <= half)
    assert by_wilson > 0.85  # the folds are not independent
    assert by_spread < by_wilson - 0.2


@pytest.mark.parametrize("coin", [False, True], ids=["real labels", "a coin's labels"])
def test_the_best_of_many_settings_claims_too_much_and_a_nested_choice_does_not(
    lesson, photographs, coin
):
    products, real = photographs
    rng, claims = np.random.default_rng(1), []
    for _ in range(25):
        signs = rng.permutation(real) if coin else real
        claims.append(
            lesson["best_and_nested"](
                lesson["draw_rows"](signs, FEW, rng), signs, rng, products
            )
        )
    best, nested, truth = np.mean(claims, axis=0)
    assert best > truth + 0.01
    assert nested < truth + 0.03
    if coin:
        assert best > 0.55
        assert abs(nested - 0.5) < 0.06


def test_the_lines_for_ones_own_pictures_serve_any_number_of_them(
    lesson, unpacked, tmp_path, monkeypatch
):
    text = "\n".join(
        cell.source
        for cell in nbformat.read(LESSON, as_version=4).cells
        if cell.cell_type == "markdown"
    )
    (lines,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    for sign in SIGNS:
        (tmp_path / "my_photographs" / sign).mkdir(parents=True)
        for photograph in islice(sorted((unpacked / sign).iterdir()), 29):
            (tmp_path / "my_photographs" / sign / photograph.name).symlink_to(
                photograph
            )
    monkeypatch.chdir(tmp_path)
    names = dict(lesson)
    exec(lines, names)
    assert names["class_names"] == SIGNS and names["own"].shape == (58, 3, 32, 32)
    assert names["right"].shape == (6, 1) and names["right"].mean() > 0.6
