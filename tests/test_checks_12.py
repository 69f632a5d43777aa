"""The self-checks of chapter 12 tell right from wrong answers."""

import cv2
import numpy as np
import pytest

from utils import checks, compose
from utils.checks import chapter_12


def unmix(pixel, alpha, wall):
    share = alpha[:, None]
    car = (pixel - (1 - share) * wall) / np.where(share > 0, share, 1)
    return np.where(share > 0, np.clip(car, 0, 255), 0)


def not_cut(pixel, alpha, wall):
    share = alpha[:, None]
    return np.where(share > 0, (pixel - (1 - share) * wall) / np.where(share > 0, share, 1), 0)


def wall_where_no_car(pixel, alpha, wall):
    return np.where(alpha[:, None] > 0, unmix(pixel, alpha, wall), wall)


def quantise(weights, levels=127, rounded=np.round, axis=(0, 1, 2)):
    most = abs(weights).max(axis=axis)
    scales = np.where(most > 0, most / levels, 1)
    return rounded(weights / scales).astype(np.int8), scales


def one_scale_for_all(weights):
    scale = abs(weights).max() / 127
    return np.round(weights / scale).astype(np.int8), np.full(weights.shape[-1], scale)


def no_guard(weights):
    with np.errstate(invalid="ignore"):
        scales = abs(weights).max(axis=(0, 1, 2)) / 127
        return np.round(weights / scales).astype(np.int8), scales


def improve(photo, guess, reach=7):
    """The share of the way from the wall's colour to the car's, both taken from sure pixels around."""
    unknown, colours = compose.trimap(guess, reach) == 0.5, photo / 255

    def around(sure):
        weight = (sure & ~unknown).astype(float)
        return cv2.blur(colours * weight[..., None], (31, 31)) / (cv2.blur(weight, (31, 31)) + 1e-6)[..., None]

    car, wall = around(guess > 0.5), around(guess <= 0.5)
    share = ((colours - wall) * (car - wall)).sum(-1) / (((car - wall) ** 2).sum(-1) + 1e-6)
    return np.where(unknown, np.clip(share, 0, 1), guess > 0.5)


CASES = [
    (
        checks.exercise_12_1,
        unmix,
        [
            not_cut,
            wall_where_no_car,
            lambda pixel, alpha, wall: pixel,
            lambda pixel, alpha, wall: np.clip(pixel - (1 - alpha[:, None]) * wall, 0, 255),
        ],
    ),
    (
        checks.exercise_12_2,
        quantise,
        [
            one_scale_for_all,
            no_guard,
            lambda weights: quantise(weights, levels=128),  # the largest weight does not fit
            lambda weights: quantise(weights, levels=100),
            lambda weights: quantise(weights, rounded=np.asarray),  # cut off, not rounded
            lambda weights: quantise(weights, axis=(0, 1)),  # a scale for each pair of channels
            lambda weights: quantise(weights)[0],
            lambda weights: (quantise(weights)[0].astype(int), quantise(weights)[1]),
        ],
    ),
    (
        checks.exercise_12_3,
        improve,
        [
            lambda photo, guess: guess,
            lambda photo, guess: guess > 0.5,
            lambda photo, guess: compose.clean_edge(guess),
            lambda photo, guess: improve(photo, guess, reach=1),
            lambda photo, guess: improve(photo, guess)[None],
            lambda photo, guess: improve(photo, guess) * np.nan,
            lambda photo, guess: 1 - improve(photo, guess),
        ],
    ),
]


@pytest.mark.parametrize(("check", "right", "wrong"), CASES, ids=[case[0].__name__ for case in CASES])
def test_exercise(check, right, wrong, judge):
    judge(check, right, wrong)


def test_closed_form_matting_is_an_answer_too():
    assert (
        checks.exercise_12_3(
            lambda photo, guess: compose.closed_form(photo, compose.trimap(guess, 7), guess, trust=0.01)
        )
        is True
    )


def test_complaints_say_how_far_it_is(capsys):
    checks.exercise_12_3(lambda photo, guess: guess)
    assert "the guess has" in capsys.readouterr().out
    checks.exercise_12_2(no_guard)
    assert "a channel of zeros" in capsys.readouterr().out
    checks.exercise_12_2(one_scale_for_all)
    assert "in channel" in capsys.readouterr().out


def test_every_exercise_has_hints():
    assert set(chapter_12.HINTS) == {"12_1", "12_2", "12_3"}
    assert all(len(hints) == 3 for hints in chapter_12.HINTS.values())
