"""The weights that come with the course: small, on their card, and good on cars they never saw."""

import re

import pytest
from PIL import Image

from utils import data, evaluation, inference, metrics
from utils.__main__ import SHIPPED, main


@pytest.fixture(scope="module")
def model():
    return inference.load_model(SHIPPED)


def test_they_are_small_and_their_card_tells_where_they_come_from():
    assert SHIPPED.stat().st_size <= 6e6
    card = (SHIPPED.parent / "README.md").read_text()
    command = re.search(r"^python -m utils train .*--data data/sample .*$", card, re.MULTILINE)
    assert command and "--augment strong" in command[0]
    for heading in ("## Data", "## Recipe", "## Scores", "## Limits"):
        assert heading in card


def test_they_cut_out_rendered_cars_of_the_test_set(model):
    frame = data.open_data("data/sample", part="test").iloc[::9]
    assert evaluation.evaluate(model, frame)["dice"].mean() > 0.97


def test_they_cut_out_real_cars(model, shared):
    frame = data.without_bad_masks(data.open_data(shared("carvana512"))).iloc[::97]
    assert evaluation.evaluate(model, frame)["dice"].mean() > 0.95


def test_predict_uses_them_by_default(tmp_path):
    row = data.open_data("data/sample").iloc[5]
    assert main(["predict", row["image"], "--out", str(tmp_path)]) == 0
    with Image.open(next(tmp_path.glob("*_mask.png"))) as mask:
        found = data.read_mask(mask.filename) > 127
    assert metrics.dice(data.read_mask(row["mask"]) > 127, found) > 0.97
