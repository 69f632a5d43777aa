"""Self-checks and hints of chapter 10: evaluate and submit."""

from collections.abc import Callable
from itertools import combinations

import numpy as np

from utils.checks.core import check, examine, same_value, show

#: Exercise to its hints, each a little clearer than the one before.
HINTS: dict[str, tuple[str, ...]] = {
    "10_1": (
        "All photos of a car are left out together: its other photos would give it away.",
        "For each car, keep the scores whose car is another one, and take their mean.",
        "With arrays: {car: scores[cars != car].mean() for car in cars}.",
    ),
    "10_2": (
        "itertools.combinations(range(len(first)), public) goes through every choice of public cars.",
        "What counts is the mean of first - second over the public cars, and over all others.",
        "It is a swap where these two means have different signs: their product is below 0.",
    ),
    "10_3": (
        "Sigmoid and logit undo each other. On the scale of logits, most faults are a shift and a stretch.",
        "Return a function sigmoid(a * logit(p) + b), with the a and b that make the cross-entropy on the given pixels "
        "lowest. Keep p away from 0 and 1.",
        "scipy.optimize.minimize finds a and b from a start of (1, 0): the loss is "
        "-np.mean(is_car * np.log(q) + (1 - is_car) * np.log(1 - q)).",
    ),
}

PIXELS = 20_000  # in each half of a trial
SPOILT = {  # how the logits of true probabilities are spoilt: stretch and shift
    "all logits raised by 1.5": (1, 1.5),
    "too certain, logits three times as large": (3, 0),
    "too cautious and shifted": (0.4, -0.5),
    "not spoilt at all": (1, 0),
}


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


def exercise_10_2(swap_odds: Callable) -> bool | None:
    """The share of all splits in which the order on the public board is not that on the private one."""
    rng = np.random.default_rng(0)
    one_car = [0.98, 0.98, 0.98, 0.98, 0.98], [0.979, 0.979, 0.979, 0.979, 0.99]
    level = [0.9, 0.8, 0.7], [0.9, 0.8, 0.7]
    many = rng.normal(0.98, 0.004, 9)
    cases = [(*one_car, 2), (*one_car, 1), (*level, 1), ([0.9, 0.8, 0.9], [0.8, 0.9, 0.9], 1)]
    cases += [(many.round(4).tolist(), (many + rng.normal(0, 0.001, 9)).round(4).tolist(), public) for public in (2, 4)]
    return check(swap_odds, [(case, _swap_odds(*case)) for case in cases])


def exercise_10_3(calibrator: Callable) -> bool | None:
    """A function that corrects probabilities, judged by its cross-entropy on pixels that were not given."""
    return examine(calibrator, [_calibration_trial(*how, seed) for seed, how in enumerate(SPOILT.items())])


def _swap_odds(first, second, public):
    ahead = np.round(np.subtract(first, second), 9)
    swaps = []
    for chosen in combinations(range(len(ahead)), public):
        on_public = np.isin(np.arange(len(ahead)), chosen)
        swaps.append(ahead[on_public].sum().round(9) * ahead[~on_public].sum().round(9) < 0)
    return np.mean(swaps)


def _calibration_trial(name, spoiling, seed):
    """Spoilt probabilities of pixels and what they show; and what is wrong with a correction of such."""
    stretch, shift = spoiling
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 3, 2 * PIXELS)
    true = 1 / (1 + np.exp(-logits))
    spoilt = 1 / (1 + np.exp(-(stretch * logits + shift)))
    is_car = (rng.random(2 * PIXELS) < true).astype(int)
    given, rest = slice(PIXELS), slice(PIXELS, None)

    def fault(result):
        if not callable(result):
            return f"gives {show(result)}; return a function, which takes probabilities and returns better ones"
        corrected = np.asarray(result(spoilt[rest]), float)
        if corrected.shape != (PIXELS,):
            return f"gives a function that turns {PIXELS:,} probabilities into an array of shape {corrected.shape}"
        if not np.all((corrected >= 0) & (corrected <= 1)):
            return "gives a function whose results are not all between 0 and 1; are some not a number?"
        if not np.isfinite(result(np.array([0.0, 1.0]))).all():
            return "gives a function that fails at the probabilities 0 and 1: keep them away from the ends first"
        found, best = (_cross_entropy(p, is_car[rest]) for p in (corrected, true[rest]))
        if found > best + 0.005:
            before = _cross_entropy(spoilt[rest], is_car[rest])
            return (
                f"({name}) has a cross-entropy of {found:.3f} on the other pixels: uncorrected it is {before:.3f}, "
                f"with the true probabilities {best:.3f}; come within 0.005"
            )

    return (spoilt[given], is_car[given]), fault


def _cross_entropy(p, is_car):
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return -np.mean(is_car * np.log(p) + (1 - is_car) * np.log(1 - p))
