"""The weights that come with the course: small, on their card, and good on cars they never saw."""

import hashlib
import re

import keras
import pandas as pd
import pytest
from PIL import Image

from benchmarks import weights
from utils import data, evaluation, inference, metrics, models, training
from utils.__main__ import SHIPPED, main


@pytest.fixture(scope="module")
def model():
    return inference.load_model(SHIPPED)


def test_they_are_small_and_their_card_tells_where_they_come_from():
    assert max(path.stat().st_size for path in SHIPPED.parent.iterdir()) <= 6e6
    card = (SHIPPED.parent / "README.md").read_text()
    command = re.search(r"^python -m utils train .*--data data/sample .*$", card, re.MULTILINE)
    assert command and "--augment strong" in command[0]
    for heading in ("## Data", "## Recipe", "## Scores", "## Limits"):
        assert heading in card


def test_the_onnx_file_says_what_the_keras_file_says(model):
    original = SHIPPED.with_suffix(".keras")
    photos = data.open_data("data/sample", part="test")["image"].iloc[::43]
    for tta in (False, True):
        pairs = zip(*(inference.predict(each, photos, tta) for each in (model, inference.load_model(original))))
        assert max(abs(ours - theirs).max() for ours, theirs in pairs) < 1e-4
    cars = inference.training_cars(SHIPPED)
    assert cars == inference.training_cars(original)
    assert not set(cars or ()) & set(data.open_data("data/sample", part="test")["id"])


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


# --- the card ---------------------------------------------------------------------------------------


def test_every_file_has_a_row_on_the_card_with_its_checksum():
    rows = re.findall(r"^\| (\S+) \| ([0-9a-f]{12}) \|", (SHIPPED.parent / "README.md").read_text(), re.MULTILINE)
    files = {path.name: path.read_bytes() for path in SHIPPED.parent.iterdir() if path.name != "README.md"}
    assert dict(rows) == {name: hashlib.sha256(content).hexdigest()[:12] for name, content in files.items()}
    assert len(rows) == len(files) and weights.card()["checksum"].to_dict() == dict(rows)
    assert (weights.card().loc[["unet.keras", "unet.onnx"], "sample/test"] > 0.97).all()


@pytest.fixture
def one_file(tmp_path, monkeypatch, shapes_root):
    """A folder with a tiny network and no card yet; what it scores on the test cars of plain shapes."""
    keras.utils.set_random_seed(0)
    network = models.unet(16, 1, 1)
    training.save_model(network, tmp_path / "weights" / "tiny.keras")
    monkeypatch.setattr(weights, "WEIGHTS", tmp_path / "weights")
    monkeypatch.setattr(weights, "SETS", {"sample/test": shapes_root, "street/test": shapes_root})
    monkeypatch.setattr(weights.common, "RESULTS", tmp_path / "results")
    monkeypatch.setattr("sys.argv", ["weights"])
    return evaluation.evaluate(network, data.open_data(shapes_root, "test"))["dice"].mean()


def write_card(*rows, checksum=None):
    digits = checksum or hashlib.sha256((weights.WEIGHTS / "tiny.keras").read_bytes()).hexdigest()[:12]
    lines = [f"| {name} | {digits} | {sample} | {street} |" for name, sample, street in rows]
    (weights.WEIGHTS / "README.md").write_text("\n".join(["# Card", *lines]))


def why_it_failed():
    with pytest.raises(SystemExit) as stopped:
        weights.common.run(weights.main)
    return stopped.value.code


def test_a_card_that_is_right_passes(one_file, shapes_root, monkeypatch):
    write_card(("tiny.keras", f"{one_file + 0.0004:.5f}", "-"))
    monkeypatch.setattr("sys.argv", ["weights", "--data", str(shapes_root)])
    weights.common.run(weights.main)
    table = pd.read_csv(weights.common.RESULTS / "weights.csv")
    assert table["data"].tolist() == ["sample/test", "street/test", shapes_root.name]
    assert table["images"].tolist() == [32, 32, 128]
    assert table["dice"].iloc[0] == table["dice"].iloc[1] == pytest.approx(one_file, abs=1e-4)
    assert table["card"].notna().tolist() == [True, False, False]


@pytest.mark.parametrize("column", [1, 2])
def test_a_score_that_is_off_fails(one_file, column):
    row = ["tiny.keras", "-", "-"]
    row[column] = f"{one_file + 0.0006:.5f}"
    write_card(row)
    set_name = ["sample/test", "street/test"][column - 1]
    assert re.search(rf"tiny.keras on {set_name}: 0\.\d{{4}}, not 0\.\d{{4}}\.$", why_it_failed())


def test_a_card_that_does_not_fit_its_folder_fails(one_file):
    write_card(("tiny.keras", "-", "-"), checksum="0123456789ab")
    assert "tiny.keras has the checksum" in why_it_failed()
    write_card(("tiny.keras", "-", "-"), ("gone.keras", "-", "-"))
    assert "gone.keras is missing" in why_it_failed()
    write_card()
    assert "tiny.keras has no row" in why_it_failed()


def test_a_missing_data_set_is_named(one_file, tmp_path, monkeypatch):
    write_card(("tiny.keras", "-", "-"))
    monkeypatch.setitem(weights.SETS, "street/test", tmp_path / "street")
    assert why_it_failed() == f"{tmp_path / 'street'} has no test images. Get them back: git checkout data/street"
