"""The arithmetic of a layer by hand, the rates, and that the twin in PyTorch computes the same."""

from concurrent.futures import Future

import keras
import numpy as np
import pandas as pd
import pytest

from benchmarks import common, throughput
from utils import CourseError, losses, models, training


def test_operations_of_a_network_by_hand():
    inputs = keras.Input((8, 6, 3))
    x = keras.layers.Conv2D(5, 3, padding="same")(inputs)
    x = keras.layers.Conv2D(7, 2, strides=2)(keras.layers.ReLU()(x))
    x = keras.layers.Conv2DTranspose(1, 2, strides=2)(x)
    first = 2 * (8 * 6) * (3 * 3 * 3) * 5
    second = 2 * (4 * 3) * (2 * 2 * 5) * 7
    third = 2 * (8 * 6) * 7  # each pixel comes from one place, whose 7 channels are multiplied and added
    assert throughput.operations(keras.Model(inputs, x)) == first + second + third


def test_a_network_twice_as_wide_computes_almost_four_times_as_much():
    narrow, wide = (throughput.operations(models.unet(64, base)) for base in (16, 32))
    assert 3.8 < wide / narrow < 4


def test_rates_and_fractions():
    keys = {"t": ("net", "training", "PyTorch"), "p": ("net", "prediction", "PyTorch")}
    times = pd.DataFrame({"t": [2.0, 1.0, 4.0], "p": [0.5, 0.5, 0.5], "matrices": [0.1, 0.1, 0.3]})
    table = throughput.rates(times, keys, {"net": 1e9}).set_index("work")
    rate = 2 * common.SIDE**3 / 0.1
    images = {work: np.prod(throughput.WORK[work]) for work in throughput.WORK}
    assert table.loc["training", ["images_per_s", "min", "max"]].tolist() == [
        images["training"] / 2, images["training"] / 4, images["training"]
    ]  # fmt: skip
    assert table.loc["training", "fraction"] == pytest.approx(3 * 1e9 * images["training"] / 2 / rate)
    assert table.loc["prediction", "fraction"] == pytest.approx(1e9 * images["prediction"] / 0.5 / rate)


def test_the_rate_of_the_machine_counts_multiplications_and_additions(monkeypatch):
    taken = iter([0.5, 0.1, 0.2])
    monkeypatch.setattr(common, "SIDE", 64)
    monkeypatch.setattr(common, "seconds", lambda task: task() or next(taken))
    assert common.gflops(repeats=3) == pytest.approx(2 * 64**3 / 0.2 / 1e9)


@pytest.mark.parametrize("change, words", [("count", "parameters"), ("map", "probabilities"), ("loss", "loss")])
def test_engines_that_compute_different_things_are_not_timed(change, words):
    def prepare(engine):
        count, loss, probabilities = 100, 0.5, np.full((2, 4, 4, 1), 0.25)
        if engine == "off" and change == "count":
            count += 1
        if engine == "off" and change == "map":
            probabilities[1, 2, 3] += 2e-4
        if engine == "off" and change == "loss":
            loss = np.nan
        return count, 1e6, [], (probabilities, loss)

    class Worker:
        def submit(self, _, engine, *rest):
            future = Future()
            future.set_result(prepare(engine))
            return future

    worker = Worker()
    assert throughput.check_same({"first": worker, "other": worker}, "net", (64, 8, 1)) == 1e6
    with pytest.raises(CourseError, match=f"{words}.*off|off.*{words}"):
        throughput.check_same({"first": worker, "off": worker}, "net", (64, 8, 1))


@pytest.mark.parametrize("stem", [1, 2, 4])
def test_the_twin_in_pytorch_predicts_and_learns_the_same(stem):
    pytest.importorskip("torch")
    from benchmarks import torch_unet

    keras.utils.set_random_seed(1)
    model = models.unet(64, 4, stem=stem)
    training.compile_model(model, losses.bce_dice, keras.optimizers.Adam(1e-3))
    pair = throughput.batch(64, 2)
    model.train_on_batch(*pair)
    training.compile_model(model, losses.bce_dice, keras.optimizers.Adam(1e-3))  # Adam forgets that step
    net = torch_unet.TorchUNet(model)
    train = torch_unet.train_on_batch(net)
    assert net.count_params() == model.count_params()
    found = torch_unet.predict_on_batch(net, pair[0])
    np.testing.assert_allclose(found, model.predict_on_batch(pair[0]), atol=1e-4)
    found, expected = [], []
    for _ in range(4):
        model.reset_metrics()
        found.append(train(*pair))
        expected.append(float(model.train_on_batch(*pair)[0]))
    assert expected[0] - expected[-1] > 0.01  # it learns
    np.testing.assert_allclose(found, expected, atol=1e-3)
