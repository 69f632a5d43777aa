"""The self-checks of chapter 07 tell right from wrong answers."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
from keras import ops
from scipy import ndimage

from utils import checks, losses
from utils.checks import chapter_07


def near(truth, answer, reach, distance=lambda mask: ndimage.distance_transform_edt(mask)):
    wrong = truth != answer
    apart = np.where(truth, distance(truth), distance(~truth))
    return (apart[wrong] <= reach).mean() if wrong.any() else 0.0


def tversky(y_true, y_pred, miss, alarm, axes=(1, 2, 3)):
    both = ops.sum(y_true * y_pred, axes)
    missed, false_alarms = ops.sum(y_true * (1 - y_pred), axes), ops.sum((1 - y_true) * y_pred, axes)
    return 1 - both / (both + miss * missed + alarm * false_alarms)


def train(loss, steps=60, answer=None):
    def miss_less(network, images, masks):
        network.compile(keras.optimizers.Adam(0.05), loss)
        for _ in range(steps):
            network.train_on_batch(images, masks)
        return answer(network) if answer else network

    return miss_less


def priced(miss, alarm):
    return train(lambda y_true, y_pred: tversky(y_true, y_pred, miss, alarm))


CASES = [
    (checks.exercise_07_1, near,
     [lambda truth, answer, reach: near(truth, answer, reach - 1),
      lambda truth, answer, reach: near(truth, answer, reach, lambda m: ndimage.distance_transform_edt(m) - 0.5),
      lambda truth, answer, reach: near(truth, answer, reach, lambda m: ndimage.distance_transform_cdt(m, "taxicab")),
      lambda truth, answer, reach: near(truth, answer, reach, lambda m: ndimage.distance_transform_cdt(m)),
      lambda truth, answer, reach: near(answer, truth, reach),
      lambda truth, answer, reach: near(truth, answer, reach) * (truth != answer).mean()]),
    (checks.exercise_07_2, tversky,
     [lambda y_true, y_pred, miss, alarm: tversky(y_true, y_pred, alarm, miss),
      lambda y_true, y_pred, miss, alarm: tversky(y_true, y_pred, 0.5, 0.5),
      lambda y_true, y_pred, miss, alarm: 1 - tversky(y_true, y_pred, miss, alarm),
      lambda y_true, y_pred, miss, alarm: tversky(np.rint(y_true), np.rint(y_pred), miss, alarm),
      lambda y_true, y_pred, miss, alarm: tversky(y_true, y_pred, miss, alarm, axes=None),
      lambda y_true, y_pred, miss, alarm: ops.mean(tversky(y_true, y_pred, miss, alarm))]),
    (checks.exercise_07_3, priced(0.8, 0.2),
     [lambda network, images, masks: network,
      lambda network, images, masks: None,
      train(losses.bce),
      train(losses.dice_loss),
      priced(0.2, 0.8),
      priced(1.0, 0.0),
      train(losses.dice_loss, steps=5, answer=lambda network: network.get_weights())]),
]  # fmt: skip


@pytest.mark.parametrize(("check", "right", "wrong"), CASES, ids=[case[0].__name__ for case in CASES])
def test_exercise(check, right, wrong, judge):
    judge(check, right, wrong)


def test_a_wrong_answer_is_told_what_is_wrong_with_it(capsys):
    checks.exercise_07_3(lambda network, images, masks: network)
    assert "still misses 26% of the car: make a missed pixel more expensive" in capsys.readouterr().out
    checks.exercise_07_3(priced(1.0, 0.0))
    assert "false alarms need a price" in capsys.readouterr().out
    checks.exercise_07_3(lambda network, images, masks: None)
    assert "returns NoneType: return the network itself" in capsys.readouterr().out


@pytest.mark.parametrize("prices", [(0.7, 0.3), (0.9, 0.1)])
def test_other_prices_will_do(prices):
    assert checks.exercise_07_3(priced(*prices)) is True


def test_the_network_to_be_trained_is_the_one_cross_entropy_leads_to():
    network = chapter_07._timid_network()
    before = network.get_weights()
    train(losses.bce, steps=200)(network, *chapter_07._faint_cars(seed=2, images=64))
    for old, new in zip(before, network.get_weights()):
        np.testing.assert_allclose(new, old, rtol=0.15)


def test_every_exercise_has_hints():
    assert set(chapter_07.HINTS) == {"07_1", "07_2", "07_3"}
    assert all(2 <= len(steps) <= 3 for steps in chapter_07.HINTS.values())
