"""Self-checks and hints of chapter 02: run-length encoding."""

from collections.abc import Callable

import numpy as np

from utils import rle
from utils.checks.core import check

#: Exercise to its hints, each a little clearer than the one before.
HINTS: dict[str, tuple[str, ...]] = {}


def exercise_02_1(count_pixels: Callable) -> bool | None:
    """Foreground pixels of a start-length string, without drawing it."""
    cases = {"7 3": 3, "1 2 4 1": 3, "": 0, "879386 40 881253 141 883140 205": 386}
    return check(count_pixels, [((text,), count) for text, count in cases.items()])


def exercise_02_2(to_kaggle: Callable) -> bool | None:
    """Zeros-first counts as a start-length string."""
    cases = {(6, 3, 2): "7 3", (0, 2, 1, 1, 2): "1 2 4 1", (2, 4): "3 4", (11,): "", (0, 11): "1 11"}
    return check(to_kaggle, [((list(counts),), text) for counts, text in cases.items()])


def exercise_02_3(by_columns: Callable) -> bool | None:
    """A row-by-row string, numbered column by column instead."""
    masks = [
        np.array(mask)
        for mask in (
            [[0, 1, 1, 0], [0, 1, 0, 0]],
            [[1, 0], [0, 0], [1, 1]],
            [[1, 1, 1, 1]] * 2,
            [[0, 0, 0]] * 2,
            [[1, 0, 1]],
        )
    ]
    return check(by_columns, [((rle.encode(mask), mask.shape), rle.encode(mask.T)) for mask in masks])
