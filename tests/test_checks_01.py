"""The self-checks of notebook 01 tell right from wrong answers."""

import numpy as np
import pytest

from utils import checks


def ids(names):
    return {name.split("_")[0] for name in names}


CASES = [
    (
        checks.exercise_01_1,
        lambda mask: (mask > 0).mean(),
        [
            lambda mask: mask.mean(),  # 0/255
            lambda mask: mask.mean() / 255,  # 0/1
            lambda mask: (mask == 1).mean(),
            lambda mask: (mask > 0).sum(),
            lambda mask: mask.no_such,
        ],
    ),
    (
        checks.exercise_01_2,
        lambda view: (17 - view) % 16 + 1,
        [
            lambda view: 18 - view,  # 01 becomes 17
            lambda view: 17 - view,
            lambda view: (view + 7) % 16 + 1,  # the opposite view
            lambda view: view,
        ],
    ),
    (
        checks.exercise_01_3,
        lambda train, val: sorted(ids(train) & ids(val)),
        [
            lambda train, val: sorted(set(train) & set(val)),  # compares file names
            lambda train, val: [name[:12] for name in val if name[:12] in ids(train)],  # twice, not sorted
            lambda train, val: sorted({name[:4] for name in train} & {name[:4] for name in val}),
            lambda train, val: ids(train) & ids(val),  # a set
        ],
    ),
]


@pytest.mark.parametrize(("check", "right", "wrong"), CASES, ids=[case[0].__name__ for case in CASES])
def test_exercise(check, right, wrong, judge):
    judge(check, right, wrong)


def test_other_ways_are_as_good(capsys):
    assert checks.exercise_01_1(lambda mask: np.count_nonzero(mask) / mask.size) is True
    assert checks.exercise_01_2(lambda view: 1 if view == 1 else 18 - view) is True
