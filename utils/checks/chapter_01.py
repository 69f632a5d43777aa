"""Self-checks and hints of chapter 01: get the data."""

from collections.abc import Callable

import numpy as np

from utils import data
from utils.checks.core import check, examine

#: Exercise to its hints, each a little clearer than the one before.
HINTS: dict[str, tuple[str, ...]] = {
    "01_1": (
        "Look at the figure with the sixteen views: which one is the mirror image of 02?",
        "Views 2 and 16 change places, so do 3 and 15, and 5 and 13. What do the two numbers of a pair add up to?",
        "18 minus the view is right for all views but one.",
    ),
    "01_2": (
        "Give a fold to each car, not to each photo; then look up the fold of each photo's car.",
        "Shuffle the cars, take them one by one, and put each into the fold that holds the fewest photos so far.",
        "np.unique(cars, return_inverse=True, return_counts=True) numbers the cars, says which number each photo's car "
        "has, and how many photos each car has. Keep the photos of each fold in an array; its argmin() comes next.",
    ),
    "01_3": (
        "Which part of a photo is the same in all photos of a session in the studio, and never shows the car?",
        "Take the top six rows of each photo as numbers, and find for each photo of the second set the smallest "
        "difference from a photo of the first.",
        "Below which difference is it the same session? Find out on `photos`, whose cars you know: compare the "
        "smallest differences within cars and between cars. As a root mean square, 0.75 separates most of those.",
    ),
}


def exercise_01_1(mirrored_view: Callable) -> bool | None:
    """The view that a mirrored photo looks like."""
    return check(mirrored_view, [((view,), 18 - view if view > 1 else 1) for view in (5, 13, 9, 1, *range(1, 17))])


def exercise_01_2(group_folds: Callable) -> bool | None:
    """Folds that keep the photos of a car together, dealt anew by each seed."""

    def judge(cars, folds, seed):
        def complaint(result):
            if wrong := _torn_or_uneven(np.asarray(result), np.asarray(cars), folds):
                return wrong
            if not np.array_equal(result, group_folds(cars, folds, seed)):
                return "gives other folds when it is called again: let the seed alone decide"
            if len(cars) > 9 and np.array_equal(result, group_folds(cars, folds, seed + 1)):
                return f"gives the same folds as with seed {seed + 1}: shuffle the cars"
            return None

        return complaint

    equal = [f"car{number % 23}" for number in range(115)]
    unequal = [f"car{number}" for number in range(60) for _ in range(16 if number % 2 else 2)]
    trials = [(list("aabcb"), 3, 0), (equal, 4, 0), (unequal, 5, 7), (unequal[::-1], 8, 3)]
    return examine(group_folds, [(trial, judge(*trial)) for trial in trials])


def _torn_or_uneven(result, cars, folds):
    """What is wrong with the fold of each photo, or None."""
    if result.shape != (len(cars),):
        return f"gives shape {result.shape}, expected a fold for each photo: shape ({len(cars)},)"
    if not set(result.tolist()) <= set(range(folds)):
        return f"gives folds {sorted(set(result.tolist()))[:9]}, expected whole numbers from 0 to {folds - 1}"
    names, counts = np.unique(cars, return_counts=True)
    for name in names.tolist():
        if len(found := np.unique(result[cars == name])) > 1:
            return f"puts photos of car {name!r} into the folds {found.tolist()}"
    photos_in = np.bincount(result.astype(int), minlength=folds)
    if np.ptp(photos_in) > counts.max():
        return (
            f"puts {photos_in.tolist()} photos into the folds: the fullest and the emptiest differ by "
            f"{np.ptp(photos_in)}, more than the {counts.max()} of the largest car"
        )
    return None


def exercise_01_3(leaked: Callable) -> bool | None:
    """Which photos show a car that is in the other set, too, judged on the rendered test cars."""

    def judge(expected):
        def complaint(result):
            result = np.asarray(result)
            if result.shape != expected.shape or result.dtype != bool:
                return f"gives {result.dtype} of shape {result.shape}, expected bool of shape {expected.shape}"
            missed, accused = np.count_nonzero(expected & ~result), np.count_nonzero(result & ~expected)
            if missed + accused <= 0.1 * len(expected):
                return None
            leaks, others = np.count_nonzero(expected), np.count_nonzero(~expected)
            return (
                f"is wrong for {missed + accused} of {len(expected)} photos, one in ten is allowed: "
                f"it misses {missed} of {leaks} that leaked and accuses {accused} of {others} that did not"
            )

        return complaint

    trials = ((arguments, judge(expected)) for arguments, expected in map(_two_sets, range(3), (30, 0, 60)))
    return examine(leaked, trials)


def _two_sets(seed, leaks):
    """Photos of 8 test cars; 60 photos, of which so many show one of those cars; whether each does."""
    frame = data.open_data(data.PROJECT / "data" / "sample", "test")
    photos, car = np.asarray(data.load_images(frame, (48, 72))), frame["id"].factorize()[0]
    rng = np.random.default_rng(seed)
    order = rng.permutation(car.max() + 1)
    same, other = (rng.permutation(np.flatnonzero(np.isin(car, cars))) for cars in (order[:8], order[8:]))
    asked = rng.permutation(np.concatenate([same[:leaks], other[: 60 - leaks]]))
    return (photos[same[60:]], photos[asked]), np.isin(asked, same)
