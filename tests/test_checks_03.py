"""The self-checks of chapter 03 tell right from wrong answers."""

import cv2
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
    return np.abs(x[..., 0].astype(float) - y).max() <= 1


def compares_every_channel(pipeline, masks):
    x, y = pipeline(np.repeat(masks[..., None], 3, axis=-1), masks)
    return np.allclose(x.astype(float), y[..., None], rtol=0, atol=1)


def compares_exactly(pipeline, masks):
    x, y = pipeline(np.repeat(masks[..., None], 3, axis=-1), masks)
    return np.array_equal(x[..., 0], y)


def subtracts_bytes(pipeline, masks):
    x, y = pipeline(np.repeat(masks[..., None], 3, axis=-1), masks)
    return np.abs(x[..., 0] - y).max() <= 1


def looks_at_the_mean(pipeline, masks):
    x, y = pipeline(np.repeat(masks[..., None], 3, axis=-1), masks)
    return np.abs(x[..., 0].astype(float) - y).mean() <= 5


def compares_with_the_originals(pipeline, masks):
    x, y = pipeline(np.repeat(masks[..., None], 3, axis=-1), masks)
    return np.array_equal(y, masks)


def looks_at_one_pair(pipeline, masks):
    x, y = pipeline(np.repeat(masks[..., None], 3, axis=-1), masks)
    return x[0, 0, 0, 0] == y[0, 0, 0]


def is_one_pair_aligned(pipeline, masks):
    x, y = pipeline(np.repeat(masks[:1, ..., None], 3, axis=-1), masks[:1])
    return np.array_equal(x[..., 0], y)


def window(shape, rng, least=0.6, share=None):
    share = rng.uniform(least, 1) if share is None else share
    rows, columns = (int(share * side) for side in shape)
    top, left = rng.integers(shape[0] - rows + 1), rng.integers(shape[1] - columns + 1)
    return np.s_[top : top + rows, left : left + columns]


def enlarge(image, edge, cut, edge_cut=None, way=cv2.INTER_LINEAR):
    size = edge.shape[::-1]
    return cv2.resize(image[cut], size), cv2.resize(edge[edge_cut or cut], size, interpolation=way)


def random_zoom(image, edge, rng):
    return enlarge(image, edge, window(edge.shape, rng))


def zoom_with_a_mask_by_nearest(image, edge, rng):
    return enlarge(image, edge, window(edge.shape, rng), way=cv2.INTER_NEAREST)


def zoom_without_loss_of_a_pixel(image, edge, rng):
    """Windows that may begin and end between pixels, by one warp."""
    height, width = edge.shape
    share = rng.uniform(0.6, 1)
    left, top = rng.uniform(0, 1 - share, 2) * (width - 1, height - 1)
    matrix = np.array([[share, 0, left], [0, share, top]])
    pair = cv2.warpAffine(
        cv2.merge([image, edge]), matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    return pair[..., :3], pair[..., 3]


def spoil(image, edge, rng):
    edge += 1
    return random_zoom(image, edge, rng)


def shares_of_its_own(image, edge, rng):
    height, width = edge.shape
    rows, columns = int(rng.uniform(0.6, 1) * height), int(rng.uniform(0.6, 1) * width)
    return enlarge(image, edge, np.s_[:rows, :columns])


def pad_instead_of_enlarging(image, edge, rng):
    cut = window(edge.shape, rng)
    image, edge = image.copy(), edge.copy()
    rows, columns = edge[cut].shape
    image[:rows, :columns], edge[:rows, :columns] = image[cut], edge[cut]
    return image, edge


def centred(shape, rng):
    share = rng.uniform(0.6, 1)
    starts = [int((1 - share) / 2 * side) for side in shape]
    return tuple(slice(start, start + int(share * side)) for start, side in zip(starts, shape))


WRONG_ZOOMS = {
    "expected uint8 (80, 120, 3)": lambda image, edge, rng: tuple(a[window(edge.shape, rng)] for a in (image, edge)),
    "float64": lambda image, edge, rng: tuple(array / 255 for array in random_zoom(image, edge, rng)),
    "the same share of both": shares_of_its_own,
    "expected 60 to 100 %": lambda image, edge, rng: enlarge(image, edge, window(edge.shape, rng, least=0.2)),
    "is the whole window enlarged": pad_instead_of_enlarging,
    "is its own mask apart": lambda image, edge, rng: enlarge(
        image, edge, window(edge.shape, rng), window(edge.shape, rng)
    ),
    "draw every number from rng": lambda image, edge, rng: random_zoom(image, edge, np.random.default_rng()),
    "leave the arguments as they are": spoil,
    "draw the share, too": lambda image, edge, rng: enlarge(image, edge, window(edge.shape, rng, share=0.8)),
    "near the same column": lambda image, edge, rng: enlarge(image, edge, centred(edge.shape, rng)),
    "100% to 100%": lambda image, edge, rng: (image, edge),
    "raises TypeError": lambda image, edge, rng: None,
}


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
        is_aligned,
        [
            compares_with_the_originals,
            compares_exactly,
            subtracts_bytes,
            looks_at_the_mean,
            looks_at_one_pair,
            is_one_pair_aligned,
            lambda *_: True,
            lambda *_: False,
        ],
    ),
    (checks.exercise_03_3, random_zoom, WRONG_ZOOMS.values()),
]


@pytest.mark.parametrize(("check", "right", "wrong"), CASES, ids=[case[0].__name__ for case in CASES])
def test_exercise(check, right, wrong, judge):
    judge(check, right, wrong)


def test_another_test_of_a_pipeline_is_right_too():
    assert checks.exercise_03_2(compares_every_channel) is True


@pytest.mark.parametrize("zoom", [zoom_with_a_mask_by_nearest, zoom_without_loss_of_a_pixel])
def test_other_ways_to_zoom_are_right_too(zoom):
    assert checks.exercise_03_3(zoom) is True


@pytest.mark.parametrize(("told", "zoom"), WRONG_ZOOMS.items(), ids=WRONG_ZOOMS)
def test_a_wrong_zoom_is_told_what_is_wrong(told, zoom, capsys):
    assert checks.exercise_03_3(zoom) is False
    assert told in capsys.readouterr().out


@pytest.mark.parametrize("exercise", ["03_1", "03_2", "03_3"])
def test_every_exercise_has_hints(exercise):
    assert len(checks.chapter_03.HINTS[exercise]) == 3
