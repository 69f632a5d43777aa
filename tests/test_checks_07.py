"""The self-checks of notebook 07 tell right from wrong answers."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.special import entr

from utils import checks


def floor(mask):
    return (entr(mask) + entr(1 - mask)).mean()


def floor_without_care(mask):
    with np.errstate(divide="ignore", invalid="ignore"):
        return -(mask * np.log(mask) + (1 - mask) * np.log(1 - mask)).mean()


def tversky(truth, answer, miss, alarm):
    both = (truth * answer).sum()
    return 1 - both / (both + miss * (truth * (1 - answer)).sum() + alarm * ((1 - truth) * answer).sum())


def near(truth, answer, reach, distance=lambda mask: ndimage.distance_transform_edt(mask)):
    wrong = truth != answer
    apart = np.where(truth, distance(truth), distance(~truth))
    return (apart[wrong] <= reach).mean() if wrong.any() else 0.0


CASES = [
    (checks.exercise_07_1, floor,
     [floor_without_care, lambda mask: 0.0, lambda mask: floor(mask) / np.log(2), lambda mask: entr(mask).mean(),
      lambda mask: (entr(mask) + entr(1 - mask)).sum(), lambda mask: floor(mask > 0.5)]),
    (checks.exercise_07_2, tversky,
     [lambda truth, answer, miss, alarm: tversky(truth, answer, alarm, miss),
      lambda truth, answer, miss, alarm: tversky(truth, answer, 0.5, 0.5),
      lambda truth, answer, miss, alarm: 1 - tversky(truth, answer, miss, alarm),
      lambda truth, answer, miss, alarm: tversky(truth > 0.5, answer > 0.5, miss, alarm)]),
    (checks.exercise_07_3, near,
     [lambda truth, answer, reach: near(truth, answer, reach - 1),
      lambda truth, answer, reach: near(truth, answer, reach, lambda m: ndimage.distance_transform_cdt(m, "taxicab")),
      lambda truth, answer, reach: near(truth, answer, reach, lambda m: ndimage.distance_transform_cdt(m)),
      lambda truth, answer, reach: near(answer, truth, reach),
      lambda truth, answer, reach: near(truth, answer, reach) * (truth != answer).mean()]),
]  # fmt: skip


@pytest.mark.parametrize(("check", "right", "wrong"), CASES, ids=[case[0].__name__ for case in CASES])
def test_exercise(check, right, wrong, judge):
    judge(check, right, wrong)
