"""The self-checks of chapter 02 accept a right answer and refuse typical wrong ones."""

import numpy as np
import pytest

from utils import checks, rle


def numbers(text):
    return [int(token) for token in text.split()]


def to_kaggle(counts, first=1):
    ends = np.cumsum(counts)
    pairs = [(ends[index - 1] + first, counts[index]) for index in range(1, len(counts), 2)]
    return " ".join(f"{start} {length}" for start, length in pairs)


ANSWERS = [
    (checks.exercise_02_1, {
        lambda text: sum(numbers(text)[1::2]): True,
        lambda text: sum(numbers(text)[::2]): False,  # adds the starts
        lambda text: sum(int(digit) for digit in text[2::4]): False,  # reads characters
        lambda text: sum(int(token) for token in text.split(" ")[1::2]) if text else None: False,
        lambda text: len(numbers(text)) // 2: False,  # counts runs
        lambda text: ...: None,
    }),
    (checks.exercise_02_2, {
        to_kaggle: True,
        lambda counts: to_kaggle(counts, first=0): False,  # numbers from 0
        lambda counts: to_kaggle([0, *counts]): False,  # ones first
        lambda counts: " ".join(map(str, counts)): False,
        lambda counts: to_kaggle(counts) or "1 0": False,
        lambda counts: ...: None,
    }),
    (checks.exercise_02_3, {
        lambda text, shape: rle.encode(rle.decode(text, shape).T): True,
        lambda text, shape: text: False,
        lambda text, shape: rle.encode(rle.decode(text, shape[::-1])): False,
        lambda text, shape: rle.encode(rle.decode(text, shape[::-1]).T): False,
        lambda text, shape: rle.encode(rle.decode(text, shape)[::-1]): False,
        lambda text, shape: ...: None,
    }),
]


@pytest.mark.parametrize("exercise, answer, verdict",
                         [(exercise, *pair) for exercise, answers in ANSWERS for pair in answers.items()])
def test_verdict(exercise, answer, verdict, capsys):
    assert exercise(answer) is verdict
    assert capsys.readouterr().out[0] == {True: "✅", False: "❌", None: "⏳"}[verdict]
