"""The self-checks of chapter 04 tell right from wrong answers."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy.special import expit, xlog1py, xlogy

from utils import checks
from utils.checks.chapter_04 import HINTS, MOST_WEIGHTS


def slopes(features, weights, truth, nudge=1e-5):
    """The gradient by finite differences."""

    def loss(weights):
        p = expit(features @ weights)
        return -(xlogy(truth, p) + xlog1py(1 - truth, -p)).mean()

    steps = nudge * np.eye(len(weights))
    return np.array([loss(weights + step) - loss(weights - step) for step in steps]) / (2 * nudge)


def formula(features, weights, truth, error=lambda logit, truth: expit(logit) - truth, total=np.mean):
    return total(error(features @ weights, truth)[..., None] * features, axis=(0, 1))


def limit(windows):
    return 1 / np.linalg.eigvalsh(2 * windows.T @ windows / len(windows)).max()


def network(channels=(6, 6, 6), inputs=(64, 96, 3), pool=2, end="sigmoid"):
    """Convolutions with pooling in between; answers at the size of the photo."""

    def build():
        photo = keras.Input(inputs)
        x = layers.Rescaling(1 / 255)(photo)
        for number in channels:
            x = layers.Conv2D(number, 3, padding="same", activation="relu", kernel_initializer="he_normal")(x)
            x = layers.MaxPooling2D(pool)(x)
        x = layers.UpSampling2D(pool ** len(channels), interpolation="bilinear")(layers.Conv2D(1, 1)(x))
        return keras.Model(photo, layers.Activation(end)(x))

    return build


def test_gradient_of_a_1x1_convolution(judge):
    judge(checks.exercise_04_1, formula, [
        lambda f, w, t: formula(f, w, t, total=np.sum),
        lambda f, w, t: -formula(f, w, t),
        lambda f, w, t: 2 * formula(f, w, t),
        lambda f, w, t: formula(f, w, t, error=lambda logit, truth: logit - truth),
        lambda f, w, t: formula(f, w, t)[:, None],
        lambda f, w, t: (expit(f @ w) - t).mean(),
    ])  # fmt: skip
    assert checks.exercise_04_1(slopes) is True


def test_learning_rate(judge, capsys):
    judge(checks.exercise_04_2, limit, [
        lambda windows: 0.2,
        lambda windows: 1e-5,
        lambda windows: 0.3 / windows.max() ** 2,
        lambda windows: 0.2 / windows.max() ** 2,
        lambda windows: 0.2 / (windows**2).mean(),
        lambda windows: 3 * limit(windows),
        lambda windows: limit(windows) / 20,
        lambda windows: -limit(windows),
        lambda windows: np.full(9, limit(windows)),
    ])  # fmt: skip
    for right in (
        lambda windows: 1 / (windows**2).mean(axis=0).sum(),
        lambda windows: 1 / 9 / (windows**2).mean(),
        lambda windows: 1 / 9 / windows.max() ** 2,
        lambda windows: 1.9 * limit(windows),
    ):
        assert checks.exercise_04_2(right) is True
    capsys.readouterr()
    checks.exercise_04_2(lambda windows: 0.3 / windows.max() ** 2)
    assert "on a bright photo, pixels up to 1, the loss rises in step" in capsys.readouterr().out
    checks.exercise_04_2(lambda windows: limit(windows) / 20)
    assert "of the loss are left: it is too small" in capsys.readouterr().out


def test_the_networks_of_the_hint_are_small_enough():
    hint = " ".join(HINTS["04_3"])
    assert "Three layers of 6 filters, or four of 5," in hint
    for layers_, filters in [(3, 6), (4, 5)]:
        assert network((filters,) * layers_)().count_params() <= MOST_WEIGHTS
    for layers_, filters in [(3, 7), (4, 6)]:  # nor could it offer more
        assert network((filters,) * layers_)().count_params() > MOST_WEIGHTS


@pytest.mark.parametrize(
    "build, said",
    [
        (lambda: 3, "gives int, not a keras.Model"),
        (network((16, 16)), "2,785 weights; 1,000 are allowed"),
        (network((6,), inputs=(32, 32, 3)), "maps (32, 32, 3) to (32, 32, 1)"),
        (network((6,), end="linear"), "end it with a sigmoid"),
        (lambda: ..., "⏳"),
    ],
)
def test_small_network_is_looked_at_before_it_is_trained(build, said, capsys):
    assert checks.exercise_04_3(build) is not True
    assert said in capsys.readouterr().out


@pytest.mark.slow
def test_small_network_is_trained(judge, capsys):
    judge(checks.exercise_04_3, network(), [network(())])
    assert checks.exercise_04_3(network(())) is False
    assert "ends with a loss of 0." in capsys.readouterr().out
