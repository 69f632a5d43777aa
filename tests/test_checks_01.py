"""The self-checks of chapter 01 accept a right answer and refuse typical wrong ones."""

import numpy as np
import pytest

from utils import checks


def ids(names):
    return {name.split("_")[0] for name in names}


ANSWERS = [
    (checks.exercise_01_1, {
        lambda mask: (mask > 0).mean(): True,
        lambda mask: np.count_nonzero(mask) / mask.size: True,
        lambda mask: mask.mean(): False,  # 0/255
        lambda mask: mask.mean() / 255: False,  # 0/1
        lambda mask: (mask == 1).mean(): False,
        lambda mask: (mask > 0).sum(): False,
        lambda mask: mask.no_such: False,
        lambda mask: ...: None,
    }),
    (checks.exercise_01_2, {
        lambda view: (17 - view) % 16 + 1: True,
        lambda view: 1 if view == 1 else 18 - view: True,
        lambda view: 18 - view: False,  # 01 becomes 17
        lambda view: 17 - view: False,
        lambda view: (view + 7) % 16 + 1: False,  # the opposite view
        lambda view: view: False,
        lambda view: ...: None,
    }),
    (checks.exercise_01_3, {
        lambda train, val: sorted(ids(train) & ids(val)): True,
        lambda train, val: sorted({name[:12] for name in train} & {name[:12] for name in val}): True,
        lambda train, val: sorted(set(train) & set(val)): False,  # compares file names
        lambda train, val: [name[:12] for name in val if name[:12] in ids(train)]: False,  # twice, not sorted
        lambda train, val: sorted({name[:4] for name in train} & {name[:4] for name in val}): False,
        lambda train, val: ids(train) & ids(val): False,  # a set
        lambda train, val: ...: None,
    }),
]


@pytest.mark.parametrize("exercise, answer, verdict",
                         [(exercise, *pair) for exercise, answers in ANSWERS for pair in answers.items()])
def test_verdict(exercise, answer, verdict, capsys):
    assert exercise(answer) is verdict
    assert capsys.readouterr().out[0] == {True: "✅", False: "❌", None: "⏳"}[verdict]
