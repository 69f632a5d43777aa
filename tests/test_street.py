"""The committed street pictures are complete and consistent."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from utils import data, rle

ROOT = Path(__file__).parents[1] / "data" / "street"
SIZE = (640, 427)


def table(name):
    """A csv file with every cell as text."""
    return pd.read_csv(ROOT / name, dtype=str, keep_default_na=False)


def names(part):
    return sorted(path.name for path in (ROOT / part).iterdir())


def test_nothing_but_what_belongs():
    tables = {"train_masks.csv", "sample_submission.csv", "solution.csv", "metadata.csv"}
    assert {path.name for path in ROOT.iterdir()} - {"test_masks"} == {"train", "train_masks", "test"} | tables
    assert sum(path.stat().st_size for path in ROOT.rglob("*") if path.is_file()) < 8e6


def test_cars_are_whole_and_on_one_side():
    cars = {part: {name[:12] for name in names(part)} for part in ("train", "test")}
    assert (len(cars["train"]), len(cars["test"])) == (18, 6)
    assert not cars["train"] & cars["test"]
    for part, ids in cars.items():
        assert names(part) == [f"{car}_{view:02d}.jpg" for car in sorted(ids) for view in (1, 2)]
    assert set(table("metadata.csv").id) == cars["train"] | cars["test"]


def test_no_car_is_in_the_sample():
    sample = pd.read_csv(ROOT.with_name("sample") / "metadata.csv")
    assert not set(table("metadata.csv").id) & set(sample.id)


def test_pictures_open_and_have_one_size():
    for path in [*(ROOT / "train").iterdir(), *(ROOT / "test").iterdir()]:
        with Image.open(path) as image:
            assert (image.size, image.mode, image.format) == (SIZE, "RGB", "JPEG"), path


def test_masks_hold_a_car_and_equal_the_table():
    rows = table("train_masks.csv")
    assert sorted(rows.img) == names("train")
    for name, text in rows.itertuples(index=False):
        with Image.open(ROOT / "train_masks" / name.replace(".jpg", "_mask.gif")) as image:
            mask = np.array(image)
        assert image.mode == "P" and set(np.unique(mask)) == {0, 1}, name
        assert np.array_equal(rle.decode(text, SIZE[::-1]), mask), name
        assert 0.01 < mask.mean() < 0.85, name


def test_solution():
    rows = table("solution.csv")
    assert list(rows.columns) == ["img", "rle_mask", "usage"]
    assert sorted(rows.img) == sorted(table("sample_submission.csv").img) == names("test")
    assert set(rows.usage) == {"public", "private"}
    assert rows.groupby(rows.img.str[:12]).usage.nunique().max() == 1
    for text in rows.rle_mask:
        assert 0.01 < rle.decode(text, SIZE[::-1]).mean() < 0.85


def test_the_course_reads_it():
    frame = data.open_data(ROOT)
    assert len(frame) == 36 and frame.id.nunique() == 18 and set(frame.view) == {1, 2}
    masks = data.load_masks(frame.iloc[:2], (64, 96))
    assert masks.max() == 255 and masks.min() == 0
