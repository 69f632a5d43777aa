"""The self-checks of notebook 08 tell right from wrong answers."""

import math

import numpy as np
import pytest

from utils import checks


def rates(scores, rate, factor, patience, again=True):
    found, best, waited = [], -math.inf, 0
    for score in scores:
        found.append(rate)
        waited = 0 if score > best else waited + 1
        best = max(best, score)
        if waited == patience:
            rate, waited = rate * factor, 0 if again else -math.inf
    return found


def against_the_last(scores, rate, factor, patience):
    found, last, waited = [], -math.inf, 0
    for score in scores:
        found.append(rate)
        waited, last = (0 if score > last else waited + 1), score
        if waited == patience:
            rate, waited = rate * factor, 0
    return found


def never_in_a_row(scores, rate, factor, patience):
    found, best, waited = [], -math.inf, 0
    for score in scores:
        found.append(rate)
        waited, best = waited + (score <= best), max(best, score)
        if waited == patience:
            rate, waited = rate * factor, 0
    return found


def steps(momentum, left):
    return math.ceil(math.log(left) / math.log(momentum))


def labels(one, other, most):
    return np.where(abs(one - other) <= most, np.rint(255 * (one + other) / 2), 128).astype(np.uint8)


CASES = [
    (checks.exercise_08_1, rates,
     [lambda *a: rates(*a, again=False), against_the_last, never_in_a_row, lambda s, r, f, p: rates(s, r, f, p + 1),
      lambda s, r, f, p: [r] * len(s), lambda s, r, f, p: rates([*s, 9], r, f, p)[1:]]),
    (checks.exercise_08_2, steps,
     [lambda m, left: math.floor(math.log(left) / math.log(m)), lambda m, left: math.log(left) / math.log(m),
      lambda m, left: steps(m, left) + 1, lambda m, left: round(1 / (1 - m)),
      lambda m, left: math.ceil((1 - left) / (1 - m))]),
    (checks.exercise_08_3, labels,
     [lambda a, b, most: np.where(abs(a - b) <= most, 255 * (a + b) / 2, 128).astype(np.uint8),
      lambda a, b, most: labels(a, b, most).astype(int), lambda a, b, most: labels(a, b, 1),
      lambda a, b, most: np.where(a - b <= most, np.rint(255 * (a + b) / 2), 128).astype(np.uint8),
      lambda a, b, most: np.where(abs(a - b) <= most, 255 * ((a + b) > 1), 128).astype(np.uint8),
      lambda a, b, most: np.where(abs(a - b) < most / 2, np.rint(255 * (a + b) / 2), 128).astype(np.uint8)]),
]  # fmt: skip


@pytest.mark.parametrize(("check", "right", "wrong"), CASES, ids=[case[0].__name__ for case in CASES])
def test_exercise(check, right, wrong, judge):
    judge(check, right, wrong)


def test_a_loop_that_multiplies_and_an_array_are_as_good():
    def by_loop(momentum, left):
        share, count = 1.0, 0
        while share > left:
            share, count = share * momentum, count + 1
        return count

    assert checks.exercise_08_2(by_loop) is True
    assert checks.exercise_08_1(lambda *a: np.array(rates(*a))) is True


def test_what_prints_alike_is_told_apart(capsys):
    assert checks.exercise_08_3(lambda *a: labels(*a).astype(int)) is False
    told = capsys.readouterr().out
    assert "(int64, shape (2, 3)), expected" in told and told.endswith("(uint8, shape (2, 3))\n")


def test_numbers_print_as_numbers(capsys):
    assert checks.exercise_08_2(lambda momentum, left: np.float64(0.5)) is False
    assert "gives 0.5, expected 2" in capsys.readouterr().out
    assert checks.check(lambda x: [np.float64(0.25), x], [((np.float32(3),), 4)]) is False
    assert "(3.0) gives [0.25, 3.0], expected 4" in capsys.readouterr().out


def test_the_rates_are_those_of_keras():
    """The solution lowers the rate where `ReduceLROnPlateau` does."""
    import keras

    scores = np.random.default_rng(0).integers(0, 1000, 60) / 1000
    callback = keras.callbacks.ReduceLROnPlateau("score", factor=0.5, patience=4, mode="max", min_delta=0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    callback.set_model(model)
    callback.on_train_begin()
    found = []
    for epoch, score in enumerate(scores):
        found.append(float(model.optimizer.learning_rate))
        callback.on_epoch_end(epoch, {"score": score})
    assert found[-1] < 1
    np.testing.assert_allclose(rates(scores, 1.0, 0.5, 4), found)
