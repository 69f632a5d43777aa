"""The self-checks of chapter 01 tell right from wrong answers."""

import numpy as np
import pytest

from utils import checks


def mirrored_view(view):
    return (17 - view) % 16 + 1


def group_folds(cars, folds, seed):
    """In plain Python: shuffle the names, put each into the fold with the fewest photos."""
    names, photos_in, fold_of = sorted(set(cars)), [0] * folds, {}
    for name in np.random.default_rng(seed).permutation(names).tolist():
        fold_of[name] = photos_in.index(min(photos_in))
        photos_in[fold_of[name]] += cars.count(name)
    return np.array([fold_of[car] for car in cars])


def smallest_difference(known, held_out, rows):
    known, held_out = (photos[:, :rows].reshape(len(photos), -1).astype(float) for photos in (known, held_out))
    return np.sqrt([((known - photo) ** 2).mean(axis=1).min() for photo in held_out])


def leaked(known, held_out):
    return smallest_difference(known, held_out, 6) < 0.75


def by_photo(cars, folds, seed):
    return np.random.default_rng(seed).permutation(len(cars)) % folds


def not_shuffled(cars, folds, seed):
    return np.unique(cars, return_inverse=True)[1] % folds


def dealt(cars, folds, seed):
    """As even in cars as can be, but not in photos."""
    names, number = np.unique(cars, return_inverse=True)
    return np.random.default_rng(seed).permutation(len(names))[number] % folds


def largest_first(cars, folds, seed):
    """Cars of equal size keep their shuffled order."""
    names, number, counts = np.unique(cars, return_inverse=True, return_counts=True)
    shuffled = np.random.default_rng(seed).permutation(len(names))
    photos_in, fold_of = np.zeros(folds), np.zeros(len(names), int)
    for car in shuffled[np.argsort(-counts[shuffled], kind="stable")]:
        fold_of[car] = photos_in.argmin()
        photos_in[fold_of[car]] += counts[car]
    return fold_of[number]


def drawn(cars, folds, seed):
    """A fold drawn for each car: some folds get many, others none."""
    number = np.unique(cars, return_inverse=True)[1]
    return np.random.default_rng(seed).integers(folds, size=number.max() + 1)[number]


CASES = [
    (
        checks.exercise_01_1,
        mirrored_view,
        [
            lambda view: 18 - view,  # 01 becomes 17
            lambda view: 17 - view,
            lambda view: (view + 7) % 16 + 1,  # the opposite view
            lambda view: view,
        ],
    ),
    (
        checks.exercise_01_2,
        group_folds,
        [
            by_photo,
            not_shuffled,
            dealt,
            drawn,
            lambda cars, folds, seed: group_folds(cars, folds, 0),
            lambda cars, folds, seed: group_folds(cars, folds, None),  # another one at every call
            lambda cars, folds, seed: group_folds(cars, folds, seed) + 1,
            lambda cars, folds, seed: group_folds(cars, folds, seed)[:3],
            lambda cars, folds, seed: group_folds(cars, folds, seed) / 2,
            lambda cars, folds, seed: np.zeros(len(cars), int),
            lambda cars, folds, seed: cars.no_such,
        ],
    ),
    (
        checks.exercise_01_3,
        leaked,
        [
            lambda known, held_out: smallest_difference(known, held_out, 48) < 30,  # whole photos
            lambda known, held_out: smallest_difference(known, held_out, 6) < 5,
            lambda known, held_out: smallest_difference(known, held_out, 6) == 0,  # equal files alone
            lambda known, held_out: smallest_difference(known, held_out, 6),
            lambda known, held_out: np.zeros(len(held_out), bool),
            lambda known, held_out: np.ones(len(held_out), bool),
            lambda known, held_out: leaked(held_out, known),
        ],
    ),
]


@pytest.mark.parametrize(("check", "right", "wrong"), CASES, ids=[case[0].__name__ for case in CASES])
def test_exercise(check, right, wrong, judge):
    judge(check, right, wrong)


def test_other_ways_are_as_good():
    assert checks.exercise_01_1(lambda view: 1 if view == 1 else 18 - view) is True
    assert checks.exercise_01_2(largest_first) is True
    assert checks.exercise_01_2(lambda *arguments: group_folds(*arguments).tolist()) is True
    assert checks.exercise_01_3(lambda *sets: list(smallest_difference(*sets, 5) < 0.72)) is True


@pytest.mark.parametrize(
    ("check", "wrong", "told"),
    [
        (checks.exercise_01_2, by_photo, "puts photos of car 'a' into the folds"),
        (checks.exercise_01_2, not_shuffled, "the same folds as with seed 1"),
        (checks.exercise_01_2, dealt, "more than the 16 of the largest car"),
        (checks.exercise_01_2, drawn, "photos into the folds"),
        (checks.exercise_01_3, CASES[2][2][2], "it misses 30 of 30 that leaked and accuses 0 of 30"),
        (checks.exercise_01_3, CASES[2][2][3], "expected bool"),
    ],
)
def test_a_wrong_answer_is_told_why(check, wrong, told, capsys):
    assert check(wrong) is False
    assert told in capsys.readouterr().out


@pytest.mark.parametrize("exercise", ["01_1", "01_2", "01_3"])
def test_hints_grow(exercise, capsys):
    for step in (1, 2, 3):
        checks.hint(exercise, step)
    assert "Hint 3 of 3" in capsys.readouterr().out
