"""Self-checks and hints of chapter 06: train a U-Net."""

from collections.abc import Callable

import numpy as np

from utils.checks.core import check

#: Exercise to its hints, each a little clearer than the one before.
HINTS: dict[str, tuple[str, ...]] = {}


def exercise_06_1(shapes: Callable) -> bool | None:
    """Height, width and channels of a U-Net's levels, the bottom last."""
    return check(
        shapes,
        [
            ((128, 8, 1), [(128, 128, 8), (64, 64, 16)]),
            ((128, 8, 4), [(128, 128, 8), (64, 64, 16), (32, 32, 32), (16, 16, 64), (8, 8, 128)]),
            ((96, 3, 2), [(96, 96, 3), (48, 48, 6), (24, 24, 12)]),
        ],
    )


def exercise_06_2(flip_average: Callable) -> bool | None:
    """The mean of the answers to a photo and to its mirror image, the second one flipped back."""
    photos = np.array([[[10.0, 20, 30], [40, 50, 60]], [[1, 2, 3], [4, 5, 7]]])

    def left_half(photos):  # an answer that depends on where a pixel lies
        return photos * np.array([1.0, 0.5, 0.0])

    def same(photos):
        return photos

    expected = photos * 0.5
    return check(
        flip_average,
        [((same, photos), photos), ((left_half, photos), expected), ((left_half, photos[:1]), expected[:1])],
    )


def exercise_06_3(fitting_size: Callable) -> bool | None:
    """The smallest size, no smaller than the one given, that a U-Net can halve often enough."""
    return check(
        fitting_size,
        [
            ((128, 4, 1), 128),
            ((129, 4, 1), 144),
            ((1918, 6, 1), 1920),
            ((1280, 4, 4), 1280),
            ((1918, 4, 4), 1920),
            ((5, 3, 2), 16),
            ((100, 0, 1), 100),
        ],
    )
