"""The self-checks of notebook 10 tell right from wrong answers."""

import numpy as np
import pytest

from utils import checks


def without(scores, cars):
    scores, cars = np.array(scores), np.array(cars)
    return {car: scores[cars != car].mean() for car in cars}


def own(scores, cars):
    scores, cars = np.array(scores), np.array(cars)
    return {car: scores[cars == car].mean() for car in cars}


def mean_of_cars(scores, cars):
    means = own(scores, cars)
    return {car: np.mean([mean for other, mean in means.items() if other != car]) for car in means}


def faults(expected, found):
    twice = {name for name in found if found.count(name) > 1}
    return sorted(set(expected) - set(found)), sorted(twice), sorted(set(found) - set(expected))


def doubles_listed_twice(expected, found):
    return faults(expected, found)[0], sorted(n for n in found if found.count(n) > 1), faults(expected, found)[2]


def unmix(pixel, alpha, wall):
    share = alpha[:, None]
    car = (pixel - (1 - share) * wall) / np.where(share > 0, share, 1)
    return np.where(share > 0, np.clip(car, 0, 255), 0)


def not_cut(pixel, alpha, wall):
    share = alpha[:, None]
    return np.where(share > 0, (pixel - (1 - share) * wall) / np.where(share > 0, share, 1), 0)


def wall_where_no_car(pixel, alpha, wall):
    return np.where(alpha[:, None] > 0, unmix(pixel, alpha, wall), wall)


CASES = [
    (checks.exercise_10_1, without, [own, mean_of_cars, lambda scores, cars: {}, lambda scores, cars: np.mean(scores)]),
    (
        checks.exercise_10_2,
        faults,
        [doubles_listed_twice, lambda e, f: faults(f, e), lambda e, f: faults(e, f)[:2], lambda e, f: ([], [], [])],
    ),
    (
        checks.exercise_10_3,
        unmix,
        [
            not_cut,
            wall_where_no_car,
            lambda pixel, alpha, wall: pixel,
            lambda pixel, alpha, wall: np.clip(pixel - (1 - alpha[:, None]) * wall, 0, 255),
        ],
    ),
]


@pytest.mark.parametrize(("check", "right", "wrong"), CASES, ids=[case[0].__name__ for case in CASES])
def test_exercise(check, right, wrong, judge):
    judge(check, right, wrong)
