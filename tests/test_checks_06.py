"""The self-checks of notebook 06 tell right from wrong answers."""

import numpy as np
import pytest

from utils import checks


def shapes(size, base, levels):
    return [(size // 2**level, size // 2**level, base * 2**level) for level in range(levels + 1)]


def average(predict, photos):
    return (predict(photos) + predict(photos[:, :, ::-1])[:, :, ::-1]) / 2


def not_flipped_back(predict, photos):
    return (predict(photos) + predict(photos[:, :, ::-1])) / 2


def upside_down(predict, photos):
    return (predict(photos) + predict(photos[:, ::-1])[:, ::-1]) / 2


def sum_of_both(predict, photos):
    return predict(photos) + predict(photos[:, :, ::-1])[:, :, ::-1]


def fit(size, levels, stem):
    return -(-size // (stem * 2**levels)) * stem * 2**levels


CASES = [
    (
        checks.exercise_06_1,
        shapes,
        [
            lambda *a: shapes(*a)[:-1],
            lambda size, base, n: [(size // 2**i, size // 2**i, base) for i in range(n + 1)],
            lambda size, base, n: [(size, size, base)],
        ],
    ),
    (checks.exercise_06_2, average, [not_flipped_back, upside_down, sum_of_both, lambda predict, x: predict(x)]),
    (
        checks.exercise_06_3,
        fit,
        [
            lambda size, levels, stem: size // (stem * 2**levels) * stem * 2**levels,
            lambda size, levels, stem: (size // (stem * 2**levels) + 1) * stem * 2**levels,
            lambda size, levels, stem: -(-size // 2**levels) * 2**levels,
        ],
    ),
]


@pytest.mark.parametrize(("check", "right", "wrong"), CASES, ids=[case[0].__name__ for case in CASES])
def test_exercise(check, right, wrong, judge):
    judge(check, right, wrong)


def test_a_list_of_lists_is_as_good_as_tuples(capsys):
    assert checks.exercise_06_1(lambda *a: [list(shape) for shape in shapes(*a)]) is True
    assert checks.exercise_06_1(lambda *a: np.array(shapes(*a))) is True
