"""The self-checks of notebook 03 tell right from wrong answers."""

import numpy as np
import pytest

from utils import checks


def soft_mask(mask, factor):
    height, width = mask.shape
    return mask.reshape(height // factor, factor, width // factor, factor).mean(axis=(1, 3))


def axes_mixed_up(mask, factor):
    height, width = mask.shape
    return mask.reshape(factor, height // factor, factor, width // factor).mean(axis=(0, 2))


def is_aligned(pipeline, masks):
    twins = np.repeat(masks[..., None], 3, axis=-1)
    x, y = pipeline(twins, masks)
    return np.array_equal(x[..., 0], y)


def compares_with_the_originals(pipeline, masks):
    x, y = pipeline(np.repeat(masks[..., None], 3, axis=-1), masks)
    return np.array_equal(y, masks)


def looks_at_one_pair(pipeline, masks):
    x, y = pipeline(np.repeat(masks[..., None], 3, axis=-1), masks)
    return x[0, 0, 0, 0] == y[0, 0, 0]


CASES = [
    (
        checks.exercise_03_1,
        soft_mask,
        [
            lambda mask, factor: mask[::factor, ::factor],
            axes_mixed_up,
            lambda mask, factor: soft_mask(mask, factor) > 0.5,
            lambda mask, factor: factor**2 * soft_mask(mask, factor),
        ],
    ),
    (
        checks.exercise_03_2,
        lambda hue, by: (hue.astype(int) + by) % 180,
        [
            lambda hue, by: (hue + by) % 180,
            lambda hue, by: np.clip(hue.astype(int) + by, 0, 179),
            lambda hue, by: (hue.astype(int) + by) % 256,
            lambda hue, by: hue,
        ],
    ),
    (
        checks.exercise_03_3,
        is_aligned,
        [compares_with_the_originals, looks_at_one_pair, lambda *_: True, lambda *_: False],
    ),
]


@pytest.mark.parametrize(("check", "right", "wrong"), CASES, ids=[case[0].__name__ for case in CASES])
def test_exercise(check, right, wrong, judge):
    judge(check, right, wrong)
