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
        "Do not deal photos, deal cars; then look up the fold of each photo's car.",
        "np.unique(cars, return_inverse=True) numbers the cars and says which number each photo's car has.",
        "np.random.default_rng(seed).permutation(number of cars) gives each car a place; take it modulo folds.",
    ),
    "01_3": (
        "Which part of a photo is the same in all photos of a session in the studio, and never shows the car?",
        "Take the top six rows of each photo as numbers, and find for each photo of the second set the smallest "
        "difference from a photo of the first.",
        "Below which difference is it the same session? Find out on `photos`, whose cars you know: compare the "
        "smallest differences within cars and between cars. As a root mean square, 0.75 separates most of them.",
    ),
}


def exercise_01_1(mirrored_view: Callable) -> bool | None:
    """The view that a mirrored photo looks like."""
    return check(mirrored_view, [((view,), 18 - view if view > 1 else 1) for view in (5, 13, 9, 1, *range(1, 17))])


def exercise_01_2(group_folds: Callable) -> bool | None:
    """Folds that keep the photos of a car together, dealt anew by each seed."""

    def judge(cars, folds, seed):
        def complaint(result):
            if wrong := _torn_or_uneven(np.asarray(result), cars, folds):
                return wrong
            if not np.array_equal(result, group_folds(cars, folds, seed)):
                return "gives other folds when it is called again: let the seed alone decide"
            if np.array_equal(result, group_folds(cars, folds, seed + 1)) and len(cars) > 9:
                return f"gives the same folds as with seed {seed + 1}: shuffle the cars"
            return None

        return complaint

    many = [f"car{number % 23}" for number in range(115)]
    trials = [(list("aabcb"), 3, 0), (many, 4, 0), (many, 5, 7), (many[:60], 23, 3)]
    return examine(group_folds, [(trial, judge(*trial)) for trial in trials])


def _torn_or_uneven(result, cars, folds):
    if result.shape != (len(cars),):
        return f"gives shape {result.shape}, expected a fold for each photo: shape ({len(cars)},)"
    if not set(result.tolist()) <= set(range(folds)):
        return f"gives folds {sorted(set(result.tolist()))[:9]}, expected whole numbers from 0 to {folds - 1}"
    folds_of = {car: sorted({fold for fold, other in zip(result.tolist(), cars) if other == car}) for car in cars}
    if torn := [car for car, found in folds_of.items() if len(found) > 1]:
        return f"puts photos of car {torn[0]!r} into the folds {folds_of[torn[0]]}"
    cars_in = np.bincount([found[0] for found in folds_of.values()], minlength=folds)
    if np.ptp(cars_in) > 1:
        return f"deals {cars_in.tolist()} cars to the folds: they differ by more than one"
    return None


def exercise_01_3(leaked: Callable) -> bool | None:
    """Which photos show a car that is in the other set, too, judged on rendered cars."""

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
    """Photos of 20 cars; 60 photos, of which so many show one of those cars; whether each does."""
    frame = data.open_data(data.PROJECT / "data" / "sample")
    photos, car = np.asarray(data.load_images(frame, (48, 72))), frame["id"].factorize()[0]
    rng = np.random.default_rng(seed)
    order = rng.permutation(car.max() + 1)
    same, other = (rng.permutation(np.flatnonzero(np.isin(car, cars))) for cars in (order[:20], order[20:40]))
    asked = rng.permutation(np.concatenate([same[:leaks], other[: 60 - leaks]]))
    return (photos[same[100:]], photos[asked]), np.isin(asked, same)
