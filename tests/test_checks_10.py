"""The self-checks of chapter 10 tell right from wrong answers."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit

from utils import checks
from utils.checks import chapter_10


def without(scores, cars):
    scores, cars = np.array(scores), np.array(cars)
    return {car: scores[cars != car].mean() for car in cars}


def own(scores, cars):
    scores, cars = np.array(scores), np.array(cars)
    return {car: scores[cars == car].mean() for car in cars}


def mean_of_cars(scores, cars):
    means = own(scores, cars)
    return {car: np.mean([mean for other, mean in means.items() if other != car]) for car in means}


def swap_odds(first, second, public):
    ahead = [round(a - b, 9) for a, b in zip(first, second)]
    total, swaps = sum(ahead), 0
    for chosen in combinations(ahead, public):
        swaps += round(sum(chosen), 9) * round(total - sum(chosen), 9) < 0
    return swaps / comb(len(ahead), public)


def ties_are_swaps(first, second, public):
    ahead = np.round(np.subtract(first, second), 9)
    signs = [
        (np.sign(ahead[list(chosen)].sum().round(9)), np.sign((ahead.sum() - ahead[list(chosen)].sum()).round(9)))
        for chosen in combinations(range(len(ahead)), public)
    ]
    return np.mean([a <= 0 or b <= 0 for a, b in signs])


def against_all_cars(first, second, public):
    ahead = np.round(np.subtract(first, second), 9)
    return np.mean([sum(chosen) * ahead.sum() < 0 for chosen in combinations(ahead, public)])


def with_replacement(first, second, public):
    ahead, rng = np.subtract(first, second), np.random.default_rng(0)
    rows = rng.integers(len(ahead), size=(2000, len(ahead)))
    return np.mean(ahead[rows[:, :public]].mean(1) * ahead[rows[:, public:]].mean(1) < 0)


def safe(p):
    return np.clip(p, 1e-6, 1 - 1e-6)


def platt(predicted, is_car, shift=True):
    def loss(weights):
        q = safe(expit(weights[0] * logit(safe(predicted)) + shift * weights[1]))
        return -np.mean(is_car * np.log(q) + (1 - is_car) * np.log(1 - q))

    a, b = minimize(loss, (1, 0)).x
    return lambda p: expit(a * logit(safe(p)) + shift * b)


def by_gradient_descent(predicted, is_car):
    x, a, b = logit(safe(predicted)), 1.0, 0.0
    for _ in range(3000):
        error = expit(a * x + b) - is_car
        a, b = a - 0.1 * np.mean(error * x), b - 0.3 * np.mean(error)
    return lambda p: expit(a * logit(safe(p)) + b)


def by_bins(predicted, is_car, bins=60):
    """No formula: the observed share in each of many bins of equal size."""
    order = np.argsort(predicted)
    centres = [part.mean() for part in np.array_split(predicted[order], bins)]
    shares = [part.mean() for part in np.array_split(np.asarray(is_car, float)[order], bins)]
    return lambda p: np.interp(p, centres, shares)


CASES = [
    (checks.exercise_10_1, without, [own, mean_of_cars, lambda scores, cars: {}, lambda scores, cars: np.mean(scores)]),
    (
        checks.exercise_10_2,
        swap_odds,
        [
            ties_are_swaps,
            against_all_cars,
            with_replacement,
            lambda first, second, public: 1 - swap_odds(first, second, public),
            lambda first, second, public: swap_odds(first, second, len(first) - public) / 2,
        ],
    ),
    (
        checks.exercise_10_3,
        platt,
        [
            lambda predicted, is_car: lambda p: p,  # does nothing
            lambda predicted, is_car: lambda p: np.full_like(p, np.mean(is_car)),  # calibrated, and of no use
            lambda predicted, is_car: platt(predicted, is_car)(predicted),  # no function
            lambda predicted, is_car: platt(predicted, is_car, shift=False),
            lambda predicted, is_car: lambda p: expit(logit(p) - np.mean(logit(predicted) > 0)),
            lambda predicted, is_car: lambda p: (p > 0.5).astype(float),
            lambda predicted, is_car: lambda p: 2 * p,
            lambda predicted, is_car: lambda p: platt(predicted, is_car)(p)[:5],
        ],
    ),
]


@pytest.mark.parametrize(("check", "right", "wrong"), CASES, ids=[case[0].__name__ for case in CASES])
def test_exercise(check, right, wrong, judge):
    judge(check, right, wrong)


@pytest.mark.parametrize("answer", [by_gradient_descent, by_bins])
def test_any_good_calibrator_is_accepted(answer):
    assert checks.exercise_10_3(answer) is True


def test_complaints_about_a_calibrator_say_how_far_it_is(capsys):
    checks.exercise_10_3(lambda predicted, is_car: lambda p: p)
    assert "uncorrected it is" in capsys.readouterr().out
    checks.exercise_10_3(lambda predicted, is_car: 0.5)
    assert "return a function" in capsys.readouterr().out

    def dies_at_the_ends(predicted, is_car):
        right = platt(predicted, is_car)
        return lambda p: np.where((p == 0) | (p == 1), np.nan, right(p))

    assert checks.exercise_10_3(dies_at_the_ends) is False
    assert "0 and 1" in capsys.readouterr().out


def test_a_swap_is_counted_by_hand():
    """One of three cars is public; the first entry leads by 1 on two and is behind by 3 on one: always a swap."""
    for odds in (swap_odds, chapter_10._swap_odds):
        assert odds([2, 2, 0], [1, 1, 3], 1) == 1
        assert odds([2, 2, 2], [1, 1, 1], 1) == 0
