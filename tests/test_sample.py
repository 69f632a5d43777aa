"""The committed data set is complete and consistent."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1] / "data" / "sample"
VIEWS = range(1, 17)
SIZE = (480, 320)
PARTS = ("train", "test")


def decode(rle, shape):
    """Row-major start-length pairs to a bool mask, written out so that the test stands alone."""
    mask = np.zeros(shape[0] * shape[1], bool)
    numbers = [int(word) for word in rle.split()]
    for start, length in zip(numbers[::2], numbers[1::2]):
        mask[start - 1 : start - 1 + length] = True
    return mask.reshape(shape)


def cars(part):
    """Ids of the cars of a part."""
    return sorted({path.name[:12] for path in (ROOT / part).iterdir()})


def table(name):
    """A csv file with every cell as text."""
    return pd.read_csv(ROOT / name, dtype=str, keep_default_na=False)


def read_mask(part, car, view):
    """A mask as stored: 0 and 1."""
    with Image.open(ROOT / f"{part}_masks" / f"{car}_{view:02d}_mask.gif") as image:
        assert image.mode == "P"
        return np.array(image)


def test_counts():
    assert (len(cars("train")), len(cars("test"))) == (48, 16)


def test_nothing_but_what_belongs():
    names = {path.name for path in ROOT.iterdir()}
    names.discard("test_masks")  # left by the studio, not in git
    tables = {"train_masks.csv", "sample_submission.csv", "solution.csv", "metadata.csv"}
    assert names == {"train", "train_masks", "test"} | tables


@pytest.mark.parametrize("part", PARTS)
def test_every_car_has_every_view(part):
    expected = [f"{car}_{view:02d}.jpg" for car in cars(part) for view in VIEWS]
    assert sorted(path.name for path in (ROOT / part).iterdir()) == expected
    assert all(re.fullmatch(r"[0-9a-f]{12}", car) for car in cars(part))


def test_no_car_on_both_sides():
    assert not set(cars("train")) & set(cars("test"))


@pytest.mark.parametrize("part", PARTS)
def test_pictures_open_and_have_one_size(part):
    for path in (ROOT / part).iterdir():
        with Image.open(path) as image:
            assert (image.size, image.mode, image.format) == (SIZE, "RGB", "JPEG"), path


def test_masks_are_binary_and_hold_a_car():
    for car in cars("train"):
        for view in VIEWS:
            mask = read_mask("train", car, view)
            assert mask.shape == SIZE[::-1] and set(np.unique(mask)) == {0, 1}, (car, view)
            assert 0.04 < mask.mean() < 0.5, (car, view)


def test_palette_is_black_and_white():
    car = cars("train")[0]
    with Image.open(ROOT / "train_masks" / f"{car}_01_mask.gif") as image:
        assert set(np.unique(image.convert("L"))) == {0, 255}


def test_csv_equals_gif():
    rows = table("train_masks.csv")
    assert list(rows.columns) == ["img", "rle_mask"]
    assert sorted(rows.img) == [f"{car}_{view:02d}.jpg" for car in cars("train") for view in VIEWS]
    for name, rle in rows.itertuples(index=False):
        assert np.array_equal(decode(rle, SIZE[::-1]), read_mask("train", name[:12], int(name[13:15]))), name


def test_sample_submission():
    rows = table("sample_submission.csv")
    assert list(rows.columns) == ["img", "rle_mask"] and set(rows.rle_mask) == {"1 1"}
    assert sorted(rows.img) == [f"{car}_{view:02d}.jpg" for car in cars("test") for view in VIEWS]


def test_solution():
    rows = table("solution.csv")
    assert list(rows.columns) == ["img", "rle_mask", "usage"]
    assert sorted(rows.img) == sorted(table("sample_submission.csv").img)
    assert set(rows.usage) == {"public", "private"}
    assert rows.groupby(rows.img.str[:12]).usage.nunique().max() == 1
    for rle in rows.rle_mask:
        assert 0.04 < decode(rle, SIZE[::-1]).mean() < 0.5


def test_metadata():
    rows = table("metadata.csv")
    assert list(rows.columns) == ["id", "year", "make", "model", "trim1", "trim2"]
    assert sorted(rows.id) == sorted(cars("train") + cars("test"))
    assert (rows.year != "").all() and (rows == "").any().any()


def test_one_kind_is_only_on_the_private_board():
    kinds = table("metadata.csv").set_index("id").model
    usage = table("solution.csv")
    private = {kinds[name[:12]] for name in usage.img[usage.usage == "private"]}
    seen = {kinds[name[:12]] for name in usage.img[usage.usage == "public"]} | {kinds[car] for car in cars("train")}
    assert {"Hako", "Hauler"} & private and not {"Hako", "Hauler"} & seen


def test_size():
    assert sum(path.stat().st_size for path in ROOT.rglob("*") if path.is_file()) < 40e6


def test_one_car_at_full_size():
    full = ROOT.with_name("sample_fullsize")
    rows = pd.read_csv(full / "train_masks.csv")
    assert len(rows) == len(list((full / "train").iterdir())) == 16
    for name, rle in rows.itertuples(index=False):
        gif = full / "train_masks" / f"{name[:-4]}_mask.gif"
        with Image.open(full / "train" / name) as image, Image.open(gif) as mask:
            assert image.size == mask.size == (1918, 1280)
            assert np.array_equal(decode(rle, (1280, 1918)), np.array(mask)), name
