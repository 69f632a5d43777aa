"""One clock and one score for all networks, which are what their authors describe; a stopped run goes on."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sys
import time

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

from benchmarks import common, peers, time_to_dice
from utils import data


def test_any_first_photos_come_from_all_cars_and_views():
    frame = pd.DataFrame([{"id": f"{car:03x}", "view": view} for car in range(48) for view in range(1, 17)])
    order = time_to_dice.spread_out(frame)
    assert sorted(zip(order["id"], order["view"])) == sorted(zip(frame["id"], frame["view"]))
    for count in (48, 64, 96, 500):
        first = order[:count]
        cars, views = (first[column].value_counts() for column in ("id", "view"))
        assert len(cars) == 48 and cars.max() - cars.min() <= 1
        assert len(views) == 16 and views.max() - views.min() <= 3


def test_the_clock_stands_still_while_it_is_stopped():
    clock = time_to_dice.Clock(minutes=1)
    clock.start()
    with clock.stopped():
        time.sleep(0.2)
    assert clock.seconds < 0.1
    time.sleep(0.1)
    assert 0.1 <= clock.seconds < 0.25
    assert clock.share() == pytest.approx(clock.seconds / 60, abs=0.01)


def test_scores_are_means_at_the_original_size_over_as_many_photos_as_time_allows(shapes_root):
    frame = data.open_data(shapes_root)[:40]
    rows, images = frame.to_dict("records"), np.zeros((40, 8, 8, 3), np.uint8)

    def everything(photos):
        return np.ones(photos.shape[:3], np.float32)

    def nothing(photos):
        return np.zeros(photos.shape[:3], np.float32)

    share = np.array([np.mean(data.read_mask(row) > 127) for row in rows])
    dice = 2 * share / (1 + share)
    full, empty, scored = time_to_dice.mean_dice((everything, nothing), images, rows, 60)
    assert (full, empty, scored) == (pytest.approx(dice.mean()), 0, 40)
    full, _, scored = time_to_dice.mean_dice((everything, nothing), images, rows, 0)
    assert (full, scored) == (pytest.approx(dice[:16].mean()), 16)


def tiny():
    inputs = keras.Input((16, 16, 3))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(layers.Rescaling(1 / 255)(inputs)))
    model = keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy", jit_compile=False)
    return model


@pytest.fixture
def tiny_networks(monkeypatch):
    networks = {name: peers.Network("tensorflow", 16, 8, {"flip": 0.5}, False, True, tiny) for name in ("one", "two")}
    monkeypatch.setattr(peers, "NETWORKS", networks)
    return networks


def test_statistics_of_the_batch_are_those_of_training_and_change_nothing(tiny_networks):
    model = tiny()
    network = tiny_networks["one"]._replace(build=lambda: model)
    _, parameters, (with_moving, with_batch) = time_to_dice.with_keras(network)
    images = np.random.default_rng(0).integers(0, 256, (16, 16, 16, 3), np.uint8)
    before = [weights.copy() for weights in model.get_weights()]
    moving, batch = with_moving(images), with_batch(images)
    assert all(np.array_equal(*pair) for pair in zip(before, model.get_weights()))
    assert moving == pytest.approx(np.asarray(model(images, training=False))[..., 0], abs=1e-5)
    assert batch == pytest.approx(np.asarray(model(images, training=True))[..., 0], abs=1e-5)
    assert abs(moving - batch).max() > 0.01
    assert parameters == 3 * 4 * 9 + 4 + 4 * 4 + 4 + 1


def test_a_network_is_scored_on_the_way_and_on_everything_at_the_end(tiny_networks, shapes_root, monkeypatch):
    def framework(network):
        def fit(batches, clock, after_step):
            steps = 0
            while not after_step(steps):
                steps += 1
                time.sleep(0.01)

        return fit, 7, [lambda x: np.zeros(x.shape[:3], np.float32)] * 2

    monkeypatch.setitem(time_to_dice.FRAMEWORKS, "tensorflow", framework)
    train, val = common.sides(shapes_root)
    rows = time_to_dice.measure("one", train, val, minutes=0.02)
    assert rows["seconds"].is_monotonic_increasing and rows["seconds"].iloc[-1] >= 1.2
    assert 2 <= len(rows) <= 6
    assert rows["photos"].is_monotonic_increasing and (rows["photos"] % 8 == 0).all()
    assert rows["scored"].tolist() == [min(64, len(val))] * (len(rows) - 1) + [len(val)]
    assert (rows[time_to_dice.DICE] == 0).all(axis=None)


def test_keras_trains_until_the_time_is_over(tiny_networks, shapes_root):
    train, val = common.sides(shapes_root)
    rows = time_to_dice.measure("one", train, val, minutes=0.01)
    assert rows["seconds"].iloc[-1] >= 0.6 and rows["photos"].iloc[-1] >= 8
    assert rows[time_to_dice.DICE].stack().between(0, 1).all()


def test_a_stopped_run_goes_on_and_other_data_stay(tiny_networks, tmp_path, monkeypatch, shapes_root):
    begun = []

    def run(name):
        if len(begun) == run.stop:
            raise KeyboardInterrupt
        begun.append(name)
        row = {"network": name, "framework": "tensorflow", "size": 16, "parameters": 1, "seconds": 60.0 + len(begun)}
        row |= {"photos": 600, "dice": 0.5, "dice_batch_statistics": 0.96, "scored": 9}
        row |= {"data": shapes_root.name, "minutes": 1.0}
        common.add_row(tmp_path / f"time_to_dice.{shapes_root.name}-1.partial.csv", row)

    results = tmp_path / "time_to_dice.csv"
    elsewhere = pd.DataFrame([{"network": "one", "dice": 0.1, "data": "elsewhere"}])
    elsewhere.assign(machine="a machine").to_csv(results, index=False)
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    monkeypatch.setattr(time_to_dice.plots, "FIGURES", tmp_path)
    monkeypatch.setattr(time_to_dice, "run", run)
    monkeypatch.setattr(sys, "argv", ["time_to_dice", "--data", str(shapes_root), "--minutes", "1"])
    run.stop = 1
    with pytest.raises(KeyboardInterrupt):
        time_to_dice.main()
    run.stop = None
    time_to_dice.main()
    assert begun == ["one", "two"]
    time_to_dice.main()
    assert begun == ["one", "two"] * 2
    table = pd.read_csv(results)
    assert table[["data", "network"]].values.tolist() == [
        ["elsewhere", "one"], [shapes_root.name, "one"], [shapes_root.name, "two"],
    ]  # fmt: skip
    assert (tmp_path / "bench_time_to_dice_real.png").exists()


def test_weights_that_cannot_be_fetched_end_a_network_with_a_sentence(monkeypatch, tmp_path, shapes_root):
    def offline():
        with peers.fetching("imagenet"):
            raise OSError("Failed to resolve 'huggingface.co'\nand a long traceback")

    network = peers.Network("tensorflow", 16, 8, {"flip": 0.5}, False, True, offline)
    monkeypatch.setitem(peers.PRETRAINED["imagenet"], "smp ResNet-18, ImageNet", network)
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    arguments = ["time_to_dice", "--data", str(shapes_root), "--encoder-weights", "imagenet"]
    monkeypatch.setattr(sys, "argv", [*arguments, "--only", "smp ResNet-18, ImageNet"])
    with pytest.raises(
        SystemExit, match="ResNet-18, ImageNet: The imagenet weights .*'huggingface.co'\\).* leave --enc"
    ):
        time_to_dice.main()
    assert not list(tmp_path.iterdir())


def test_peers_with_encoder_weights_run_beside_those_from_scratch(tiny_networks, monkeypatch, tmp_path, shapes_root):
    begun = []
    monkeypatch.setattr(time_to_dice, "run", lambda name: begun.append(name) or True)
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    arguments = ["time_to_dice", "--data", str(shapes_root), "--networks", "one", "--encoder-weights", "imagenet"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit, match="Left out: one, "):
        time_to_dice.main()
    assert begun == ["one", *peers.PRETRAINED["imagenet"]]


def test_a_level_is_reached_when_the_better_statistics_first_reach_it():
    rows = [("one", 10, 0.2, 0.91), ("one", 20, 0.96, 0.95), ("one", 30, 0.94, 0.93), ("two", 30, 0.95, 0.2)]
    rows = pd.DataFrame(rows, columns=["network", "seconds", *time_to_dice.DICE]).assign(photos=600, parameters=7)
    table = time_to_dice.summary(rows).set_index("network")
    assert table.index.tolist() == ["two", "one"]
    assert table.loc["one", ["to 0.9", "to 0.95", "photos/s"]].tolist() == [10, 20, 20]
    assert table.loc["one", ["Dice", "batch statistics"]].tolist() == [0.94, 0.93]
    assert np.isnan(table.loc["one", "to 0.97"])


def test_names_stand_in_the_order_of_the_ends_and_never_touch():
    frame = pd.DataFrame(
        {"slow": [0.1, 0.3], "ours": [0.9, 0.98], "near": [0.7, 0.979], "close": [0.7, 0.978]}, [15, 60]
    )
    axis = time_to_dice.plots.scores_over_time(frame, "Title", ["ours"]).axes[0]
    places = {text.get_text().split()[0]: text.get_position()[1] for text in axis.texts}
    assert sorted(places, key=places.get) == ["slow", "close", "near", "ours"]
    assert min(np.diff(sorted(places.values()))) >= 0.05
    assert len({line.get_color() for line in axis.lines}) == 2
    axis = time_to_dice.plots.scores_over_time(frame[["slow"]], "Title", []).axes[0]
    assert axis.get_ylim()[0] > axis.get_ylim()[1]  # the better, the higher, even where all end below the axis


def test_networks_have_the_parameters_their_authors_count():
    assert peers.xception_unet(classes=3).count_params() == 2_058_979  # printed in Keras' example
    assert peers.wide_unet(base=8).output_shape == (None, 128, 128, 1)


def test_the_pytorch_unet_has_31_million_parameters():
    pytest.importorskip("torch")
    model, _, _ = peers.pytorch_unet()
    assert sum(weights.numel() for weights in model.parameters()) == 31_037_633


def test_pytorch_answers_leave_the_moving_statistics_alone(monkeypatch):
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.BatchNorm2d(3), torch.nn.Conv2d(3, 1, 1))
    network = peers.Network("torch", 8, 4, {}, True, False, lambda: (model, None, None))
    _, _, (with_moving, with_batch) = time_to_dice.with_torch(network)
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    moving, batch = with_moving(images), with_batch(images)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert with_moving(images) == pytest.approx(moving)
    standard = (images - images.mean(axis=(0, 1, 2))) / np.sqrt(images.var(axis=(0, 1, 2)) + 1e-5)
    weights, bias = (value.detach().numpy() for value in model[1].parameters())
    expected = 1 / (1 + np.exp(-(standard @ weights[0, :, 0, 0] + bias)))
    assert batch == pytest.approx(expected, abs=1e-4)
    assert abs(moving - batch).max() > 0.01
