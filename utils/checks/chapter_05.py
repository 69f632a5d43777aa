"""Self-checks and hints of chapter 05: a baseline CNN."""

from collections.abc import Callable

import numpy as np

from utils.checks.core import check

#: Exercise to its hints, each a little clearer than the one before.
HINTS: dict[str, tuple[str, ...]] = {}


def exercise_05_1(dice: Callable) -> bool | None:
    """Dice of two boolean masks; 1 where both are empty."""
    car, half, none = np.array([[1, 1], [0, 0]], bool), np.array([[1, 0], [0, 0]], bool), np.zeros((2, 2), bool)
    return check(
        dice,
        [
            ((car, car), 1.0),
            ((car, half), 2 / 3),
            ((car, ~car), 0.0),
            ((car, none), 0.0),
            ((none, half), 0.0),
            ((none, none), 1.0),
        ],
    )


def exercise_05_2(best_blind_mask: Callable) -> bool | None:
    """The mask that has the highest accuracy as an answer to every photo."""
    masks, best = np.array([[[1, 0, 0, 1]], [[1, 1, 0, 0]], [[0, 1, 0, 1]]], bool), np.array([[1, 1, 0, 1]], bool)
    return check(best_blind_mask, [((masks,), best), ((masks[:1],), masks[0]), ((~masks,), ~best)])


def exercise_05_3(receptive_field: Callable) -> bool | None:
    """The receptive field of a stack of (kernel, stride)."""
    return check(
        receptive_field,
        [
            (([(3, 1)],), 3),
            (([(3, 1), (3, 1)],), 5),
            (([(3, 1), (2, 2)],), 4),
            (([(3, 2), (3, 1)],), 7),
            (([(3, 1), (2, 2)] * 3,), 22),
            (([],), 1),
        ],
    )
