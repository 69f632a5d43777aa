"""Self-checks and hints of chapter 08: competition tricks."""

from collections.abc import Callable

import numpy as np

from utils.checks.core import check

#: Exercise to its hints, each a little clearer than the one before.
HINTS: dict[str, tuple[str, ...]] = {}


def exercise_08_1(learning_rates: Callable) -> bool | None:
    """The learning rate of each epoch, lowered on plateaus."""
    climb, stuck = [0.5, 0.6, 0.7, 0.8], [0.9, 0.95, 0.94, 0.95, 0.93, 0.92, 0.96, 0.95]
    return check(
        learning_rates,
        [
            ((climb, 1.0, 0.1, 1), [1.0] * 4),
            ((stuck, 1.0, 0.1, 4), [1.0] * 6 + [0.1] * 2),
            (([0.9] * 6, 8.0, 0.5, 2), [8.0, 8.0, 8.0, 4.0, 4.0, 2.0]),
            (([], 1.0, 0.1, 4), []),
            (([0.7, 0.6, 0.8, 0.7, 0.75], 1.0, 0.1, 2), [1.0] * 5),
            (([0.7, 0.5, 0.6, 0.65], 1.0, 0.1, 2), [1.0, 1.0, 1.0, 0.1]),
        ],
    )


def exercise_08_2(steps_to_forget: Callable) -> bool | None:
    """The steps after which a running average has forgotten its start, but for a share."""
    cases = {(0.5, 0.25): 2, (0.5, 0.2): 3, (0.9, 0.1): 22, (0.99, 0.1): 230, (0.999, 0.5): 693, (0.9, 1.0): 0}
    return check(steps_to_forget, [(arguments, steps) for arguments, steps in cases.items()])


def exercise_08_3(agreed_labels: Callable) -> bool | None:
    """Soft labels where two networks agree, 128 where they do not."""

    def same(result, expected):
        return getattr(result, "dtype", None) == expected.dtype and np.array_equal(result, expected)

    one, other = np.array([[0.9, 0.1, 1.0], [0.9, 0.5, 0.0]]), np.array([[0.8, 0.8, 0.99], [0.2, 0.6, 0.0]])
    return check(
        agreed_labels,
        [
            ((one, other, 0.2), np.array([[217, 128, 254], [128, 140, 0]], np.uint8)),
            ((other, one, 0.05), np.array([[128, 128, 254], [128, 128, 0]], np.uint8)),
            ((one[0], other[0], 1.0), np.array([217, 115, 254], np.uint8)),
        ],
        same,
    )
