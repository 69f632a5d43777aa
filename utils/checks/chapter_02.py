"""Self-checks and hints of chapter 02: run-length encoding."""

import tracemalloc
from collections.abc import Callable

import numpy as np

from utils import rle
from utils.checks.core import check, examine, same_value, show

#: Exercise to its hints, each a little clearer than the one before.
HINTS: dict[str, tuple[str, ...]] = {
    "02_1": (
        "Walk along the counts and keep track of the pixel you have reached, as encode_by_hand does.",
        "Counts at even places are zeros, at odd places ones; only ones are written down.",
        "for place, count in enumerate(counts): if place % 2, add the position and the count; then move on by count.",
    ),
    "02_2": (
        "Draw the mask, then look at it down its columns: which operation exchanges rows and columns?",
        "rle.to_counts of the transposed mask gives the counts; the size is that of the mask before it was transposed.",
    ),
    "02_3": (
        "Each area is the sum of the lengths. What is left to find is the number of pixels that both masks hold.",
        "How many car pixels of `answer` lie before a given place? That number at the end of a run of `truth`, minus "
        "that at its start, is what they share. (All pairs of runs take too much memory; walking along both lists "
        "does not.)",
        "At the starts and ends of `answer` that number is a cumulative sum of lengths, with a 0 in front; in between "
        "it grows evenly or not at all, so np.interp(place, edges, numbers) gives it anywhere. Think of empty strings.",
    ),
}


def exercise_02_1(to_kaggle: Callable) -> bool | None:
    """Zeros-first counts as a start-length string."""
    cases = {(6, 3, 2): "7 3", (0, 2, 1, 1, 2): "1 2 4 1", (2, 4): "3 4", (11,): "", (0, 11): "1 11"}
    drawn = {tuple(rle.to_counts(mask)): rle.encode(mask) for mask in _masks(20)}
    return check(to_kaggle, [((list(counts),), text) for counts, text in (cases | drawn).items()])


def exercise_02_2(to_coco: Callable) -> bool | None:
    """A Carvana string as COCO's counts: column by column, zeros first."""

    def fault(mask):
        return lambda result: _not_coco(result, mask)

    masks = [np.array([[0, 1, 1, 0], [0, 1, 0, 0]]), np.array([[1, 0], [0, 0], [1, 1]]), *_masks(20)]
    return examine(to_coco, [((rle.encode(mask), mask.shape), fault(mask)) for mask in masks])


def exercise_02_3(dice_of_strings: Callable) -> bool | None:
    """Dice of two masks from their strings alone."""

    def trial(truth, answer):
        def fault(result):
            if not same_value(result, expected := _dice(truth, answer)):
                return f"gives {show(result)}, but the drawn masks have Dice {expected:.6f}"
            if truth.size > 10**6 and (used := _peak_bytes(dice_of_strings, *strings)) > truth.size / 4:
                return (
                    f"uses {used:,} bytes, where {truth.size // 4:,} are allowed: "
                    "draw no mask, and do not compare every run with every other"
                )

        strings = rle.encode(truth), rle.encode(answer)
        return strings, fault

    pairs = [(np.array([[1, 1, 1, 0, 0]]), np.array([[0, 1, 1, 1, 1]]))]
    masks = list(_masks(40))
    pairs += list(zip(masks[::2], masks[1::2], strict=True))
    empty, full = np.zeros((2, 3), int), np.ones((2, 3), int)
    pairs += [(empty, empty), (empty, full), (full, empty), (full, full), (_ellipse(900), _ellipse(1000))]
    return examine(dice_of_strings, [trial(*pair) for pair in pairs])


def _masks(count):
    """Random masks, two of each shape, from nearly empty to nearly full."""
    rng = np.random.default_rng(0)
    for _ in range(count // 2):
        height, width = rng.integers(1, 8, size=2)
        for share in rng.uniform(0.1, 0.9, size=2):
            yield (rng.random((height, width)) < share).astype(np.uint8)


def _ellipse(column):
    """A mask of Kaggle's size with 651 runs, about as many as a car has."""
    y, x = np.ogrid[:1280, :1918]
    return (((y - 640) / 325.5) ** 2 + ((x - column) / 600) ** 2 < 1).astype(np.uint8)


def _dice(truth, answer):
    total = truth.sum() + answer.sum()
    return 2 * (truth & answer).sum() / total if total else 1.0


def _not_coco(result, mask):
    """What is wrong with a COCO dictionary, or None; the counts are drawn by NumPy alone."""
    if not isinstance(result, dict) or set(result) != {"counts", "size"}:
        return "is to return a dictionary with the keys 'counts' and 'size'"
    if tuple(result["size"]) != mask.shape:
        return f"gives the size {list(result['size'])}, expected {list(mask.shape)}: height, then width"
    if isinstance(result["counts"], bytes):
        return "gives COCO's packed bytes; the counts are wanted as a list of integers"
    counts = np.array(result["counts"])
    if (total := counts.sum()) != mask.size:
        return f"gives counts that add up to {total} pixels; the mask has {mask.size}"
    drawn = np.repeat(np.arange(len(counts)) % 2, counts).reshape(mask.shape, order="F")
    if not np.array_equal(drawn, mask):
        return f"gives counts {counts.tolist()}, which COCO draws as {drawn.tolist()}; the mask is {mask.tolist()}"


def _peak_bytes(function, *arguments):
    """The most memory that a call holds at a time."""
    tracemalloc.start()
    try:
        function(*arguments)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
