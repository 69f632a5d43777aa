"""The self-checks of notebook 09 tell right from wrong answers."""

import math

import numpy as np
import pytest

from utils import checks


def field(stack):
    strides = np.cumprod([1, *(stride for _, stride, _ in stack)])
    return 1 + sum((kernel - 1) * dilation * step for (kernel, _, dilation), step in zip(stack, strides))


def own_stride_first(stack):
    strides = np.cumprod([stride for _, stride, _ in stack])
    return 1 + sum((kernel - 1) * dilation * step for (kernel, _, dilation), step in zip(stack, strides))


def ignores(layer, tokens):
    orders = np.random.default_rng(1).permuted(np.tile(np.arange(len(tokens)), (9, 1)), axis=1)
    return all(np.allclose(layer(tokens)[order], layer(tokens[order])) for order in orders)


def ignores_one(change):
    return lambda layer, tokens: np.allclose(change(layer(tokens)), layer(change(tokens)))


def lowest(share):
    return share * math.log1p(math.exp(-1)) + (1 - share) * math.log(2)


CASES = [
    (checks.exercise_09_1, field,
     [own_stride_first, lambda stack: field([(kernel, stride, 1) for kernel, stride, _ in stack]),
      lambda stack: field([(kernel, 1, dilation) for kernel, _, dilation in stack]),
      lambda stack: field(stack) - 1, lambda stack: 1 + sum(kernel * dilation for kernel, _, dilation in stack)]),
    (checks.exercise_09_2, ignores,
     [ignores_one(lambda tokens: tokens[::-1]), ignores_one(lambda tokens: np.roll(tokens, 1, axis=0)),
      lambda layer, tokens: np.allclose(layer(tokens), layer(tokens[::-1])), lambda *_: True, lambda *_: False]),
    (checks.exercise_09_3, lowest,
     [lambda share: 0.0, lambda share: lowest(1 - share), lambda share: math.log(2),
      lambda share: -share * math.log(share or 1) - (1 - share) * math.log(1 - share or 1)]),
]  # fmt: skip


@pytest.mark.parametrize(("check", "right", "wrong"), CASES, ids=[case[0].__name__ for case in CASES])
def test_exercise(check, right, wrong, judge):
    judge(check, right, wrong)
