"""The committed photos with known opacity are complete and consistent."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from utils import data

ROOT = Path(__file__).parents[1] / "data" / "sample_alpha"
SIZE = (960, 640)
NAMES = sorted(path.stem for path in (ROOT / "test").iterdir())


def test_nothing_but_what_belongs():
    tables = {"train_masks.csv", "sample_submission.csv", "solution.csv", "metadata.csv"}
    assert {path.name for path in ROOT.iterdir()} - {"test_masks"} == {"test", "test_alphas"} | tables
    assert sorted(path.name for path in (ROOT / "test_alphas").iterdir()) == [f"{name}_alpha.png" for name in NAMES]
    assert sum(path.stat().st_size for path in ROOT.rglob("*.[jp][pn]g")) < 1e6


def test_all_are_test_cars_of_the_sample():
    cars = [name[:12] for name in NAMES]
    sample = {path.name[:12] for path in (ROOT.with_name("sample") / "test").iterdir()}
    assert len(set(cars)) == len(cars) == 8 and set(cars) <= sample
    assert set(pd.read_csv(ROOT / "metadata.csv").id) == set(cars)


@pytest.mark.parametrize("name", NAMES)
def test_the_opacity_is_that_of_the_photo(name):
    with (
        Image.open(ROOT / "test" / f"{name}.jpg") as photo,
        Image.open(ROOT / "test_alphas" / f"{name}_alpha.png") as file,
    ):
        assert (photo.size, photo.mode, file.size, file.mode) == (SIZE, "RGB", SIZE, "L")
        alpha = np.asarray(file) / 255
    frame = data.open_data(ROOT, "test")
    (row,) = frame[frame["image"].str.contains(name)].to_dict("records")
    mask = data.read_mask(row) > 127
    assert ((alpha > 0.5) != mask).mean() < 0.002
    assert 0.1 < (alpha == 1).mean() < 0.5 and 0.001 < ((alpha > 0) & (alpha < 1)).mean() < 0.03
