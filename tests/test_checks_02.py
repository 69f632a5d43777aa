"""The self-checks of notebook 02 tell right from wrong answers."""

import numpy as np
import pytest

from utils import checks, rle


def numbers(text):
    return [int(token) for token in text.split()]


def to_kaggle(counts, first=1):
    ends = np.cumsum(counts)
    pairs = [(ends[index - 1] + first, counts[index]) for index in range(1, len(counts), 2)]
    return " ".join(f"{start} {length}" for start, length in pairs)


CASES = [
    (
        checks.exercise_02_1,
        lambda text: sum(numbers(text)[1::2]),
        [
            lambda text: sum(numbers(text)[::2]),  # adds the starts
            lambda text: sum(int(digit) for digit in text[2::4]),  # reads characters
            lambda text: sum(int(token) for token in text.split(" ")[1::2]) if text else None,
            lambda text: len(numbers(text)) // 2,  # counts runs
        ],
    ),
    (
        checks.exercise_02_2,
        to_kaggle,
        [
            lambda counts: to_kaggle(counts, first=0),  # numbers from 0
            lambda counts: to_kaggle([0, *counts]),  # ones first
            lambda counts: " ".join(map(str, counts)),
            lambda counts: to_kaggle(counts) or "1 0",
        ],
    ),
    (
        checks.exercise_02_3,
        lambda text, shape: rle.encode(rle.decode(text, shape).T),
        [
            lambda text, shape: text,
            lambda text, shape: rle.encode(rle.decode(text, shape[::-1])),
            lambda text, shape: rle.encode(rle.decode(text, shape[::-1]).T),
            lambda text, shape: rle.encode(rle.decode(text, shape)[::-1]),
        ],
    ),
]


@pytest.mark.parametrize(("check", "right", "wrong"), CASES, ids=[case[0].__name__ for case in CASES])
def test_exercise(check, right, wrong, judge):
    judge(check, right, wrong)
