"""The self-checks of chapter 05 tell right from wrong answers."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from scipy import stats

from utils import checks, evaluation, models


def field(stack):
    size, step = 1, 1
    for kernel, stride in stack:
        size, step = size + (kernel - 1) * step, step * stride
    return size


def stride_counts_at_once(stack):
    size, step = 1, 1
    for kernel, stride in stack:
        step *= stride
        size += (kernel - 1) * step
    return size


def by_car(scores, cars):
    return pd.Series(scores).groupby(cars).mean()


def compare(a, b, cars):
    gains = by_car(b - a, cars)
    return gains.mean(), *evaluation.interval(gains)


def compare_by_resampling(a, b, cars):
    """With SciPy's bootstrap, fewer rounds and no seed."""
    gains = [np.mean((b - a)[cars == car]) for car in dict.fromkeys(cars)]
    drawn = stats.bootstrap((gains,), np.mean, n_resamples=3000, method="percentile").confidence_interval
    return np.array([np.mean(gains), drawn.low, drawn.high])


def photos_drawn(a, b, cars):
    return by_car(b - a, cars).mean(), *evaluation.interval(b - a)


def photos_averaged(a, b, cars):
    return (b - a).mean(), *evaluation.interval(by_car(b - a, cars))


def unpaired(a, b, cars):
    (low_a, high_a), (low_b, high_b) = evaluation.interval(by_car(a, cars)), evaluation.interval(by_car(b, cars))
    return by_car(b - a, cars).mean(), low_b - high_a, high_b - low_a


def spread_of_cars(a, b, cars):
    gains = by_car(b - a, cars)
    return gains.mean(), *np.percentile(gains, [2.5, 97.5])


CASES = [
    (
        checks.exercise_05_1,
        compare,
        [
            photos_drawn,
            photos_averaged,
            unpaired,
            spread_of_cars,
            lambda a, b, cars: compare(b, a, cars),
            lambda a, b, cars: by_car(b - a, cars).mean(),
            lambda a, b, cars: (by_car(b - a, cars).mean(), evaluation.interval(by_car(b - a, cars))),
        ],
    ),
    (checks.exercise_05_2, field, [stride_counts_at_once, lambda stack: 1 + sum(k - 1 for k, _ in stack), lambda s: 3]),
]


@pytest.mark.parametrize(("check", "right", "wrong"), CASES, ids=[case[0].__name__ for case in CASES])
def test_exercise(check, right, wrong, judge):
    judge(check, right, wrong)


def test_another_bootstrap_will_do():
    assert checks.exercise_05_1(compare_by_resampling) is True


COMPLAINTS = {
    "three numbers": lambda a, b, cars: by_car(b - a, cars).mean(),
    "expected +0.0625": lambda a, b, cars: compare(b, a, cars),
    "averaged within each car": photos_averaged,
    "not photos": photos_drawn,
}


@pytest.mark.parametrize(("complaint", "wrong"), COMPLAINTS.items(), ids=COMPLAINTS)
def test_a_wrong_comparison_is_told_why(complaint, wrong, capsys):
    assert checks.exercise_05_1(wrong) is False
    assert complaint in capsys.readouterr().out


def network(size, rounds=(16, 32, 64, 128), dilation=1, up=None, last="sigmoid"):
    inputs = keras.Input((size, size, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    for channels in rounds:
        x = layers.Conv2D(channels, 3, padding="same", activation="relu", dilation_rate=dilation)(x)
        x = layers.MaxPooling2D()(x)
    x = layers.UpSampling2D(up or 2 ** len(rounds), interpolation="bilinear")(layers.Conv2D(1, 1)(x))
    return keras.Model(inputs, layers.Activation(last)(x))


def frozen(size):
    model = network(size)
    model.trainable = False
    return model


def dilated(size):
    return network(size, (32, 64, 128), dilation=2)


WRONG = {
    "expected a keras.Model": lambda size: "a network",
    "one number for every pixel": lambda size: network(size, up=8),
    "weights, 150,000 are allowed": lambda size: network(size, (32, 64, 128, 128)),
    "is there a sigmoid": lambda size: network(size, last="linear"),
    "sees 30 columns": models.baseline_cnn,
    "can it learn": frozen,
}


@pytest.mark.slow
@pytest.mark.parametrize("right", [network, dilated])
def test_networks_that_see_more(right):
    keras.utils.set_random_seed(0)
    assert checks.exercise_05_3(right) is True


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
@pytest.mark.parametrize(("complaint", "wrong"), WRONG.items(), ids=WRONG)
def test_networks_that_do_not_do(complaint, wrong, capsys):
    keras.utils.set_random_seed(0)
    assert checks.exercise_05_3(wrong) is False
    told = capsys.readouterr().out
    assert "❌" in told and complaint in told


def test_the_untouched_network_waits(capsys):
    assert checks.exercise_05_3(lambda size: ...) is None
    assert "⏳" in capsys.readouterr().out


@pytest.mark.parametrize("exercise", ["05_1", "05_2", "05_3"])
def test_hints_get_clearer_step_by_step(exercise, capsys):
    checks.hint(exercise)
    checks.hint(exercise, 3)
    first, last = capsys.readouterr().out.split("Hint 3")
    assert first.startswith("Hint 1 of 3") and f'checks.hint("{exercise}", 2)' in first and last.startswith(" of 3")
