"""The self-checks of notebook 05 tell right from wrong answers."""

import numpy as np
import pytest

from utils import checks


def dice(truth, prediction):
    total = truth.sum() + prediction.sum()
    return 2 * (truth & prediction).sum() / total if total else 1.0


def iou(truth, prediction):
    either = (truth | prediction).sum()
    return (truth & prediction).sum() / either if either else 1.0


def empty_is_zero(truth, prediction):
    return 2 * (truth & prediction).sum() / max((truth | prediction).sum() + (truth & prediction).sum(), 1)


def accuracy(truth, prediction):
    return (truth == prediction).mean()


def field(stack):
    size, step = 1, 1
    for kernel, stride in stack:
        size, step = size + (kernel - 1) * step, step * stride
    return size


def stride_counts_at_once(stack):
    size, step = 1, 1
    for kernel, stride in stack:
        step *= stride
        size += (kernel - 1) * step
    return size


CASES = [
    (checks.exercise_05_1, dice, [iou, empty_is_zero, accuracy, lambda t, p: t.overlap]),
    (
        checks.exercise_05_2,
        lambda masks: masks.mean(axis=0) > 0.5,
        [
            lambda masks: masks[0],
            lambda masks: masks.any(axis=0),
            lambda masks: np.zeros(masks.shape[1:], bool),
            lambda masks: masks.mean() > 0.5,
        ],
    ),
    (checks.exercise_05_3, field, [stride_counts_at_once, lambda stack: 1 + sum(k - 1 for k, _ in stack), lambda s: 3]),
]


@pytest.mark.parametrize(("check", "right", "wrong"), CASES, ids=[case[0].__name__ for case in CASES])
def test_exercise(check, right, wrong, judge):
    judge(check, right, wrong)
