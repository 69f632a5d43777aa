"""Self-checks and hints of chapter 10: evaluate and submit."""

from collections.abc import Callable

import numpy as np

from utils.checks.core import check, same_value

#: Exercise to its hints, each a little clearer than the one before.
HINTS: dict[str, tuple[str, ...]] = {}


def exercise_10_1(without_each_car: Callable) -> bool | None:
    """The mean score of all photos but a car's own, for each car."""

    def rest(scores, cars, left_out):
        return np.mean([score for score, car in zip(scores, cars) if car != left_out])

    def same(result, expected):
        alike = isinstance(result, dict) and result.keys() == expected.keys()
        return alike and all(same_value(result[car], mean) for car, mean in expected.items())

    cases = [
        ([0.9, 0.8, 1.0, 0.6], ["a", "a", "b", "c"]),
        ([1.0, 0.0, 0.5], ["x", "y", "z"]),
        ([0.2, 0.4, 0.9, 0.9, 0.9], ["p", "q", "p", "q", "q"]),
    ]
    return check(without_each_car, [(case, {car: rest(*case, car) for car in case[1]}) for case in cases], same)


def exercise_10_2(faults: Callable) -> bool | None:
    """Names that are missing, that come more than once, and that do not belong."""

    def same(result, expected):
        return isinstance(result, tuple | list) and [*map(list, result)] == [*map(list, expected)]

    a, b, c, x = "a_01.jpg", "b_01.jpg", "b_02.jpg", "x_09.jpg"
    cases = [
        (([a, b, c], [a, b, c]), ([], [], [])),
        (([a, b, c], [c]), ([a, b], [], [])),
        (([a], []), ([a], [], [])),
        (([a, b, c], [a, b, b, c]), ([], [b], [])),
        (([a, b, c], [x, c, c, c, a]), ([b], [c], [x])),
    ]
    return check(faults, cases, same)


def exercise_10_3(unmix: Callable) -> bool | None:
    """The car's colour in pixels that are part car, part wall."""
    wall, car = np.array([[230.0, 230, 235]] * 4), np.array([[200.0, 10, 20], [0, 0, 0], [90, 255, 90], [40, 50, 60]])
    alpha = np.array([1.0, 0.5, 0.25, 0.0])
    pixel = alpha[:, None] * car + (1 - alpha[:, None]) * wall
    brighter = np.minimum(pixel + 30, 255)  # not a mixture of anything: the answer has to be cut to 0-255
    apart = np.zeros((4, 3))
    apart[:3] = np.clip((brighter[:3] - (1 - alpha[:3, None]) * wall[:3]) / alpha[:3, None], 0, 255)
    return check(
        unmix,
        [
            ((pixel, alpha, wall), np.where(alpha[:, None] > 0, car, 0)),
            ((brighter, alpha, wall), apart),
            ((pixel[:1], alpha[:1], wall[:1]), car[:1]),
        ],
    )
