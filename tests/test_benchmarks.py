"""A benchmark that was stopped goes on where it was."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import shapes

from benchmarks import __main__ as main
from benchmarks import architectures, common, losses, recipe, tricks
from utils import data, training


@pytest.fixture
def measured(tmp_path, monkeypatch, shapes_root):
    """What was trained, in order; the training itself is left out, and stopped by hand where it says so."""
    done = []

    def measure(loss, seed, train, val, test):
        if len(done) == measure.stop:
            raise KeyboardInterrupt
        done.append((loss.__name__, seed))
        return pd.DataFrame({"car": ["a", "b"], "searched": False, "dice": 0.9, "boundary_f": 0.5, "offset": 0.1})

    monkeypatch.setattr(losses, "RESULTS", tmp_path / "results" / "losses.csv")
    monkeypatch.setattr(losses, "measure", measure)
    monkeypatch.setattr("sys.argv", ["losses", "--data", str(shapes_root)])
    return done, measure


def test_each_training_is_run_once_whatever_stops_it(measured, shapes_root):
    done, measure = measured
    for measure.stop in (5, 6):
        with pytest.raises(KeyboardInterrupt):
            losses.main()
        assert len(pd.read_csv(losses.RESULTS)) == 2 * measure.stop
    measure.stop = None
    for _ in range(2):
        losses.main()
    table = pd.read_csv(losses.RESULTS)
    assert list(zip(table["loss"], table["seed"]))[::2] == done
    assert len(done) == len(set(done)) == 21
    assert set(table["data"]) == {shapes_root.name}


def test_other_weights_are_another_comparison(measured, monkeypatch):
    done, measure = measured
    measure.stop = None
    losses.main()
    monkeypatch.setattr(common, "checksum", lambda path: "0123456789ab")
    losses.main()
    table = pd.read_csv(losses.RESULTS)
    assert len(done) == 42 and len(table) == 42 and set(table["weights"]) == {"0123456789ab"}


def test_the_same_time_buys_photos_by_their_cost(tmp_path, monkeypatch, shapes_root):
    begun, costs = [], {"U-Net": 10.0, "dilated U-Net": 10.0, "the name alone": 12.5, "TransUNet": 20.0}

    def measure(name, seed, steps, train, val, test):
        if len(begun) == measure.stop:
            raise KeyboardInterrupt
        begun.append((name, seed))
        return {"dice": 0.9, "photos": steps * architectures.EPOCHS * architectures.BATCH}

    def measure_costs():
        assert not begun
        return pd.Series(costs, name="ms").rename_axis("network").to_frame()

    monkeypatch.setattr(architectures, "RESULTS", tmp_path)
    monkeypatch.setattr(architectures, "measure", measure)
    monkeypatch.setattr(architectures, "measure_costs", measure_costs)
    monkeypatch.setattr("sys.argv", ["architectures", "--data", str(shapes_root)])
    for measure.stop in (5, 6):
        with pytest.raises(KeyboardInterrupt):
            architectures.main()
    measure.stop = None
    architectures.main()
    table = pd.read_csv(tmp_path / "architectures.csv")
    assert list(zip(table["network"], table["seed"])) == begun
    assert len(begun) == len(set(begun)) == 12
    milliseconds = table["photos"] * table["network"].map(costs)
    assert milliseconds.values == pytest.approx(10 * architectures.PHOTOS, rel=0.02)


def test_benchmarks_share_helpers_through_common_alone():
    names = "|".join([*main.ALL, *main.BY_NAME])
    wrong = re.compile(rf"^\s*(from|import) (notebooks|utils\.__main__|benchmarks\.({names})\b)", re.M)
    assert wrong.search("from benchmarks.tricks import load") and not wrong.search("from benchmarks.common import load")
    files = Path(common.__file__).parent.glob("*.py")
    assert not [path.name for path in files if wrong.search(path.read_text())]


def test_named_cars_are_trained_on_and_all_others_are_scored(shapes_root, tmp_path):
    frame = data.open_data(shapes_root)
    cars = sorted(frame["id"].unique())
    (tmp_path / "cars.txt").write_text("\n".join(cars[:3]))
    ours, others = common.sides(shapes_root, tmp_path / "cars.txt")
    assert sorted(ours["id"].unique()) == cars[:3] and sorted(others["id"].unique()) == cars[3:]
    ours, others = common.sides(shapes_root)
    assert not set(ours["id"]) & set(others["id"]) and len(ours) + len(others) == len(frame)


@pytest.fixture
def small_tricks(tmp_path, monkeypatch, shapes_root):
    """The ablation with tiny networks; each training is noted and left out, and stopped by hand where it says so."""
    begun = []

    def fit(model, train, val, minutes, checkpoint, loss=None, **settings):
        if len(begun) == fit.stop:
            raise KeyboardInterrupt
        begun.append((checkpoint.stem, minutes, len(train.images), getattr(loss, "__name__", None)))
        training.compile_model(model, loss or tricks.losses.bce_dice, "adam")
        training.save_model(model, checkpoint)
        return pd.DataFrame({"seconds": [100.0, 1000.0]})

    monkeypatch.setattr(tricks, "RESULTS", tmp_path / "tricks.csv")
    monkeypatch.setattr(tricks, "MODELS", tmp_path / "models")
    monkeypatch.setattr(tricks, "FIRST", {"size": 16, "base": 1, "levels": 1})
    monkeypatch.setattr(tricks, "SECOND", {"size": 8, "base": 1, "levels": 1})
    monkeypatch.setattr(tricks.training, "fit", fit)
    cars = tmp_path / "cars.txt"
    cars.write_text("\n".join(sorted(data.open_data(shapes_root)["id"].unique())[:6]))
    arguments = ["tricks", "--data", str(shapes_root), "--cars", str(cars), "--minutes", "12"]
    monkeypatch.setattr("sys.argv", arguments)
    return begun, fit


@pytest.mark.slow
def test_the_ablation_goes_on_where_it_was_stopped(small_tricks, shapes_root):
    begun, fit = small_tricks
    fit.stop = 2
    with pytest.raises(KeyboardInterrupt):
        tricks.main()
    assert len(pd.read_csv(tricks.RESULTS)) == 8
    fit.stop = None
    tricks.main()
    table = pd.read_csv(tricks.RESULTS)
    names, minutes, photos, loss = zip(*begun)
    assert names == ("base", "larger", "pseudo", "longer")
    assert minutes == pytest.approx([4, 8, 2, 2])
    assert photos == (5 * 16, 5 * 16, 7 * 16, 5 * 16)  # two cars of test/ join in
    assert loss == (None, None, "ignoring_bce_dice", "ignoring_bce_dice")
    assert table["row"].is_unique and len(table) == 10
    assert table.columns.tolist() == ["data", "row", "dice", "seconds", "command", "machine"]
    assert (
        table["command"] == f"python -m benchmarks.tricks --data {shapes_root.name} --minutes 12 --cars cars.txt"
    ).all()
    assert table["dice"].between(0, 1).all()
    trained = table.set_index("row")["seconds"] // 1000
    assert trained.to_dict() == {
        "base": 1, "flip": 1, "threshold": 1, "flip + threshold": 1,
        "larger": 2, "larger + flip": 2, "larger + flip + threshold": 2, "ensemble of both sizes + flip": 2,
        "larger + pseudo-labels + flip": 3, "larger + longer training + flip": 3,
    }  # fmt: skip
    tricks.main()
    assert pd.read_csv(tricks.RESULTS).equals(table)


def test_scored_cars_are_those_that_are_not_named(small_tricks, shapes_root, tmp_path):
    train, val, test, unlabelled = tricks.parts(shapes_root, tmp_path / "cars.txt")
    named = (tmp_path / "cars.txt").read_text().split()
    assert sorted({*train["id"], *val["id"]}) == named
    assert not set(train["id"]) & set(val["id"])
    assert len(test["id"].unique()) == 2 and not set(test["id"]) & set(named)
    assert set(unlabelled["id"]) == set(data.open_data(shapes_root, "test")["id"])


def test_without_a_test_folder_the_scored_photos_are_labelled(tmp_path):
    root = shapes.write_data(tmp_path / "data", cars=5)
    _, _, test, unlabelled = tricks.parts(root, None)
    assert unlabelled["image"].tolist() == test["image"].tolist()


# --- recipe -----------------------------------------------------------------------------------------


@pytest.fixture
def fitted(monkeypatch):
    """What `fit` was asked for, one (model, batches, settings) a call; nothing is trained, the networks are tiny."""
    calls = []

    def fit(model, train, val, **settings):
        calls.append((model, train, settings))

    monkeypatch.setattr(recipe, "NETWORK", {"size": 256, "base": 1, "stem": 4, "levels": 1})
    monkeypatch.setattr(recipe.training, "fit", fit)
    return calls


@pytest.fixture
def photos(shapes_root):
    frame = data.open_data(shapes_root)
    return frame.iloc[:16], frame.iloc[16:18]


def test_a_variant_changes_what_its_name_says(fitted, photos):
    recipe.VARIANTS["as it is"](*photos, 2)
    recipe.VARIANTS["batch 16"](*photos, 2)
    recipe.VARIANTS["base 16"](*photos, 2)
    assert [settings["minutes"] for *_, settings in fitted] == [2, 2, 2]
    assert [batches.batch for _, batches, _ in fitted] == [8, 16, 8] and fitted[0][1].settings == {"flip": 0.5}
    weights = [model.count_params() for model, *_ in fitted]
    assert weights[0] == weights[1] < weights[2]


def test_separable_convolutions_save_weights_and_nothing_else(fitted, photos):
    usual, separable = (recipe.VARIANTS[name](*photos, 1) for name in ("as it is", "separable convolutions"))
    shapes_of = [[layer.output.shape for layer in model.layers] for model in (usual, separable)]
    assert shapes_of[0] == shapes_of[1]
    assert separable.count_params() < usual.count_params()


def test_hard_masks_are_hard(fitted, photos):
    recipe.VARIANTS["as it is"](*photos, 1)
    recipe.VARIANTS["hard masks"](*photos, 1)
    soft, hard = (batches.masks for _, batches, _ in fitted)
    assert len(np.unique(soft)) > 2 and ((soft > 127) * 255 == hard).all()


def test_the_first_bias_answers_with_the_share_of_car_pixels(fitted, photos):
    model = recipe.VARIANTS["first bias"](*photos, 1)
    grey = np.full((1, 256, 256, 3), 127.5, np.float32)  # 0 inside the network: only the bias speaks
    assert model.predict_on_batch(grey) == pytest.approx(recipe.FOREGROUND, abs=1e-3)


def test_growing_hands_its_weights_on(fitted, photos):
    model = recipe.VARIANTS["128, then 256 pixels"](*photos, 3)
    (small, _, first), (large, _, then) = fitted
    assert large is model and [small.input_shape[1], large.input_shape[1]] == [128, 256]
    assert first["minutes"] + then["minutes"] == pytest.approx(3)
    for ours, theirs in zip(large.get_weights(), small.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_settings_are_chosen_without_a_look_at_the_cars_that_judge_them(shapes_root, tmp_path, monkeypatch):
    cars, seen = sorted(data.open_data(shapes_root)["id"].unique())[:6], set()

    def learn(train, val, minutes):
        seen.update(train["id"], val["id"])
        return SimpleNamespace(count_params=lambda: 7, optimizer=SimpleNamespace(iterations=9))

    def score(model, test):
        seen.update(test["id"])
        return pd.DataFrame({"dice": [0.25, 0.75]})

    (tmp_path / "cars.txt").write_text("\n".join(cars))
    monkeypatch.setattr(recipe, "RESULTS", tmp_path / "recipe.csv")
    monkeypatch.setattr(recipe, "VARIANTS", {"as it is": learn})
    monkeypatch.setattr(recipe.evaluation, "evaluate", score)
    monkeypatch.setattr("sys.argv", ["recipe", "--data", str(shapes_root), "--cars", str(tmp_path / "cars.txt")])
    recipe.main()
    assert seen == set(cars)
    row = pd.read_csv(recipe.RESULTS).iloc[0]
    assert (row["variant"], row["dice"], row["parameters"], row["steps"]) == ("as it is", 0.5, 7, 9)
