"""Self-checks and hints of chapter 09: TransUNet."""

from collections.abc import Callable

import numpy as np

from utils.checks.core import check

#: Exercise to its hints, each a little clearer than the one before.
HINTS: dict[str, tuple[str, ...]] = {}


def exercise_09_1(receptive_field: Callable) -> bool | None:
    """The receptive field of a stack of (kernel, stride, dilation)."""
    first, pool, plain = [(3, 1, 1), (3, 1, 2), (3, 1, 4)], (2, 2, 1), (3, 1, 1)
    cases = [
        ([plain], 3),
        ([(3, 1, 2)], 5),
        (first, 15),
        ([plain, pool, plain], 8),
        ([pool, pool, (3, 1, 2)], 20),
        ([(5, 2, 1), (3, 1, 3)], 17),
        ([], 1),
    ]
    return check(receptive_field, [((stack,), seen) for stack, seen in cases])


def exercise_09_2(ignores_order: Callable) -> bool | None:
    """Whether shuffled tokens give the same answers, shuffled alike."""
    tokens = np.random.default_rng(0).normal(size=(6, 2))

    def double_each(tokens):
        return 2 * tokens

    def attend(tokens):
        shares = np.exp(tokens @ tokens.T)
        return shares / shares.sum(axis=1, keepdims=True) @ tokens

    def attend_with_positions(tokens):
        return attend(tokens + np.arange(len(tokens))[:, None])

    def add_up_so_far(tokens):
        return np.cumsum(tokens, axis=0)

    def add_both_neighbours(tokens):  # does not notice a reversal
        return tokens + np.pad(tokens, ((1, 0), (0, 0)))[:-1] + np.pad(tokens, ((0, 1), (0, 0)))[1:]

    def add_the_next_in_the_ring(tokens):  # does not notice a rotation
        return tokens + np.roll(tokens, 1, axis=0)

    answers = {
        double_each: True,
        attend: True,
        attend_with_positions: False,
        add_up_so_far: False,
        add_both_neighbours: False,
        add_the_next_in_the_ring: False,
    }
    return check(ignores_order, [((layer, tokens), answer) for layer, answer in answers.items()])


def exercise_09_3(lowest_loss: Callable) -> bool | None:
    """The lowest mean cross-entropy where a sigmoid's answer is squeezed by a second sigmoid."""
    on_car, beside = -np.log(1 / (1 + np.exp(-1))), -np.log(0.5)
    return check(lowest_loss, [((share,), share * on_car + (1 - share) * beside) for share in (1.0, 0.0, 0.5, 0.21)])
