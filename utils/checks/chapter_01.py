"""Self-checks and hints of chapter 01: get the data."""

from collections.abc import Callable

import numpy as np

from utils.checks.core import check

#: Exercise to its hints, each a little clearer than the one before.
HINTS: dict[str, tuple[str, ...]] = {}


def exercise_01_1(car_share: Callable) -> bool | None:
    """The share of pixels that are not zero, whatever the mask's numbers."""
    small = np.array([[0, 1, 1, 0], [0, 1, 0, 0]])
    masks = [small.astype(bool), small, small * np.uint8(255), np.zeros((2, 3), np.uint8), np.ones((3, 2), bool)]
    return check(car_share, [((mask,), np.count_nonzero(mask) / mask.size) for mask in masks])


def exercise_01_2(mirrored_view: Callable) -> bool | None:
    """The view that a mirrored photo looks like."""
    return check(mirrored_view, [((view,), 18 - view if view > 1 else 1) for view in (5, 13, 9, 1, *range(1, 17))])


def exercise_01_3(cars_on_both_sides: Callable) -> bool | None:
    """The sorted list of the car ids in both lists of file names."""
    red, blue, green = "0ab1c2d3e4f5", "7f00aa11bb22", "0ab1ffffffff"
    return check(
        cars_on_both_sides,
        [
            (([f"{red}_01.jpg", f"{red}_02.jpg"], [f"{red}_03.jpg"]), [red]),
            (([f"{red}_01.jpg"], [f"{blue}_01.jpg", f"{green}_01.jpg"]), []),
            (([f"{blue}_01.jpg", f"{red}_16.jpg"], [f"{red}_04.jpg", f"{blue}_05.jpg", f"{blue}_06.jpg"]), [red, blue]),
        ],
        same=lambda result, expected: type(result) is list and result == expected,
    )
