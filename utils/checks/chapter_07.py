"""Self-checks and hints of chapter 07: losses and boundaries."""

from collections.abc import Callable

import numpy as np

from utils.checks.core import check

#: Exercise to its hints, each a little clearer than the one before.
HINTS: dict[str, tuple[str, ...]] = {}


def exercise_07_1(lowest_bce: Callable) -> bool | None:
    """The lowest cross-entropy that any answer can reach on a soft mask: its mean entropy."""
    masks = [[[0.5]], [[0.25, 0.75]], [[0.0, 1.0]], [[0.0, 0.1, 0.9, 1.0], [0.3, 1.0, 0.0, 0.0]]]
    floors = [np.log(2), -0.25 * np.log(0.25) - 0.75 * np.log(0.75), 0.0, 0.1576288]
    return check(lowest_bce, [((np.array(mask),), floor) for mask, floor in zip(masks, floors)])


def exercise_07_2(tversky_loss: Callable) -> bool | None:
    """Dice loss with plain sums, in which missed car and false alarms have weights of their own."""
    truth, answer = np.array([[1, 1, 0, 0]], float), np.array([[1, 0, 0, 0.5]])
    soft = np.array([[0.2, 0.6], [1.0, 0.0]])
    return check(
        tversky_loss,
        [
            ((truth, answer, 0.5, 0.5), 1 - 1 / 1.75),
            ((truth, answer, 0.9, 0.1), 1 - 1 / 1.95),
            ((truth, answer, 0.0, 1.0), 1 - 1 / 1.5),
            ((truth, truth, 0.7, 0.3), 0.0),
            ((truth, 1 - truth, 0.7, 0.3), 1.0),
            ((soft, soft[::-1], 0.6, 0.4), 1 - 0.4 / 1.8),
        ],
    )


def exercise_07_3(errors_near_edge: Callable) -> bool | None:
    """The share of the wrong pixels that lie within reach of the true edge."""
    car, corner, tip = np.zeros((1, 9), bool), np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    car[0, 2:7] = corner[2:, 2:] = tip[1, 1] = True

    def flipped(*places):
        answer = car.copy()
        answer[0, list(places)] ^= True
        return answer

    return check(
        errors_near_edge,
        [
            ((car, flipped(2), 1), 1.0),
            ((car, flipped(4), 2), 0.0),
            ((car, flipped(4), 3), 1.0),
            ((car, flipped(0, 2, 4), 1), 1 / 3),
            ((car, flipped(0, 2, 4), 2), 2 / 3),
            ((car, flipped(1, 6, 8), 1), 2 / 3),
            ((car, car, 3), 0.0),
            ((corner, corner ^ tip, 1), 0.0),
            ((corner, corner ^ tip, 1.5), 1.0),
        ],
    )
