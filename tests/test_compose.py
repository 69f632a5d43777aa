"""Cut-outs and composites against arithmetic done by hand."""

import numpy as np
import pytest
import shapes
from skimage.transform import resize

from utils import CourseError, compose

PHOTO, MASK = shapes.draw(shapes.car_id(0), 1)
SOFT = np.random.default_rng(0).random(MASK.shape).astype(np.float32)


def test_a_cutout_keeps_the_colours_and_takes_the_probability_as_alpha():
    found = compose.cutout(PHOTO, SOFT)
    assert (found.shape, found.dtype) == ((64, 96, 4), np.uint8)
    np.testing.assert_array_equal(found[..., :3], PHOTO)
    np.testing.assert_allclose(found[..., 3], SOFT * 255, atol=0.5)


def test_a_composite_mixes_by_the_probability():
    other = PHOTO[::-1]
    found = compose.composite(PHOTO, SOFT, other)
    assert (found.shape, found.dtype) == (PHOTO.shape, np.uint8)
    np.testing.assert_allclose(found, SOFT[..., None] * PHOTO + (1 - SOFT[..., None]) * other, atol=0.51)


def test_certain_pixels_are_one_photo_or_the_other():
    other = np.full_like(PHOTO, 7)
    found = compose.composite(PHOTO, MASK.astype(float), other)
    np.testing.assert_array_equal(found, np.where(MASK[..., None], PHOTO, 7))


def test_probabilities_a_little_outside_do_not_wrap_around():
    found = compose.cutout(PHOTO, np.where(MASK, 1.01, -0.01))
    np.testing.assert_array_equal(found[..., 3], MASK * 255)


@pytest.mark.parametrize("shape", [(64, 96), (128, 192), (30, 200), (200, 30), (1, 1), (65, 97), (63, 95), (3, 1000)])
def test_a_background_of_any_size_covers_the_image(shape):
    found = compose.cover(np.full((*shape, 3), 9, np.uint8), (64, 96))
    np.testing.assert_array_equal(found, np.full((64, 96, 3), 9))


def test_covering_keeps_the_proportions_and_the_middle():
    circle = np.hypot(*np.mgrid[-50:50, -150:150]) < 30
    found = compose.cover(np.repeat(circle[..., None] * np.uint8(255), 3, -1), (50, 50))[..., 0]
    y, x = np.mgrid[:50, :50][:, found > 127]
    assert abs(y.mean() - 24.5) < 1 and abs(x.mean() - 24.5) < 1
    assert abs(np.ptp(y) - np.ptp(x)) <= 1
    assert abs(len(y) / (np.pi * 15**2) - 1) < 0.05


@pytest.mark.parametrize("scale", [2, 4])
def test_a_large_background_is_averaged_down(scale):
    noise = np.random.default_rng(0).integers(0, 256, (64 * scale, 96 * scale, 3), dtype=np.uint8)
    blocks = noise.reshape(64, scale, 96, scale, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(compose.cover(noise, (64, 96)), blocks, atol=1)


def test_a_small_background_is_enlarged_smoothly():
    found = compose.cover(PHOTO, (128, 192))
    np.testing.assert_allclose(found, resize(PHOTO / 255, (128, 192), order=1, mode="edge") * 255, atol=1.5)


@pytest.mark.parametrize("shape", [(64, 95), (32, 48), (96, 64)])
def test_a_probability_of_another_size_is_refused(shape):
    for act in (compose.cutout, lambda image, alpha: compose.composite(image, alpha, PHOTO)):
        with pytest.raises(CourseError, match=r"\(64, 96\).*predict at its size"):
            act(PHOTO, np.zeros(shape))
