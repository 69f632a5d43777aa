"""Cut-outs and composites against arithmetic done by hand."""

import numpy as np
import pytest
import shapes
from scipy import ndimage
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
    """Each pixel is a mean of its surroundings, less of what is farther away, down to nothing at the next pixel."""
    noise = np.random.default_rng(0).integers(0, 256, (64 * scale, 96 * scale, 3), dtype=np.uint8)
    rows, columns = (triangles(side, scale) for side in (64, 96))
    expected = np.einsum("iy,jx,yxc->ijc", rows, columns, noise, optimize=True)
    np.testing.assert_allclose(compose.cover(noise, (64, 96)), expected, atol=1)


def triangles(side, scale):
    """Weights (side, side * scale) of the pixels that each of the smaller image is made of."""
    distance = np.arange(side * scale) + 0.5 - (np.arange(side)[:, None] + 0.5) * scale
    weights = np.clip(1 - abs(distance) / scale, 0, None)
    return weights / weights.sum(axis=1, keepdims=True)


def test_a_small_background_is_enlarged_smoothly():
    found = compose.cover(PHOTO, (128, 192))
    np.testing.assert_allclose(found, resize(PHOTO / 255, (128, 192), order=1, mode="edge") * 255, atol=1.5)


@pytest.mark.parametrize("shape", [(64, 95), (32, 48), (96, 64)])
def test_a_probability_of_another_size_is_refused(shape):
    for act in (compose.cutout, lambda image, alpha: compose.composite(image, alpha, PHOTO)):
        with pytest.raises(CourseError, match=r"\(64, 96\).*predict at its size"):
            act(PHOTO, np.zeros(shape))


# --- the product ------------------------------------------------------------------------------------


def blot(*boxes, shape=(60, 100)):
    mask = np.zeros(shape, bool)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


BODY = blot((20, 45, 20, 80))


def test_the_largest_component_comes_without_its_small_holes():
    window, pinhole, speck = blot((25, 33, 30, 40)), blot((30, 32, 60, 62)), blot((5, 9, 5, 9))
    np.testing.assert_array_equal(compose.largest_component(BODY & ~window & ~pinhole | speck), BODY & ~window)
    np.testing.assert_array_equal(compose.largest_component(BODY & ~window, hole=80), BODY)
    corner = blot((45, 50, 80, 85))  # touches the body by a corner only: another part
    np.testing.assert_array_equal(compose.largest_component(BODY | corner), BODY)
    bay = blot((35, 45, 40, 45))  # open to one side: no hole
    np.testing.assert_array_equal(compose.largest_component(BODY & ~bay), BODY & ~bay)


def test_holes_are_filled_by_the_scikit_image_of_old_and_new(monkeypatch):
    """Up to 0.25 the size was called area_threshold, and a hole of just that size was left."""

    def old(ar, area_threshold=64, connectivity=1, *, out=None):
        holes, number = ndimage.label(~ar)
        small = [part for part in range(1, number + 1) if (holes == part).sum() < area_threshold]
        return ar | np.isin(holes, small)

    holed = BODY & ~blot((25, 30, 30, 38)) & ~blot((25, 30, 50, 58), (30, 31, 50, 51))  # of 40 and of 41 pixels
    expected = BODY & ~blot((25, 30, 50, 58), (30, 31, 50, 51))
    np.testing.assert_array_equal(compose.largest_component(holed), expected)
    monkeypatch.setattr("skimage.morphology.remove_small_holes", old)
    np.testing.assert_array_equal(compose.largest_component(holed), expected)


@pytest.mark.parametrize("mask", [np.zeros((4, 5), bool), np.ones((4, 5), bool)])
def test_the_largest_component_of_nothing_and_of_everything(mask):
    np.testing.assert_array_equal(compose.largest_component(mask), mask)


def test_a_clean_edge_is_narrower_and_still_soft():
    soft = resize(BODY.astype(float), (15, 25), order=1, anti_aliasing=True)
    soft = resize(soft, BODY.shape, order=1).astype(np.float32)
    found = compose.clean_edge(soft)
    assert found.dtype == np.float32 and found.min() == 0 and found.max() == 1
    np.testing.assert_array_equal(found > 0.5, soft > 0.5)
    between = ((found > 0.02) & (found < 0.98)).sum(), ((soft > 0.02) & (soft < 0.98)).sum()
    assert 0 < between[0] < 0.6 * between[1]
    order = np.argsort(soft, axis=None)
    assert (np.diff(found.ravel()[order]) >= 0).all()


def test_a_clean_edge_has_no_specks_and_no_pinholes():
    probability = np.where(BODY & ~blot((30, 32, 60, 62)) | blot((5, 9, 5, 9)), 0.9, 0.1)
    np.testing.assert_array_equal(compose.clean_edge(probability), BODY)
    assert not compose.clean_edge(np.full((8, 8), 0.3)).any()


def test_the_edge_takes_the_colour_of_the_nearest_inner_pixel():
    alpha = np.where(BODY, 1.0, 0.0)
    alpha[20:45, 80:82] = 0.4
    image = np.where(BODY[..., None], np.indices(BODY.shape).sum(0)[..., None], 255).astype(np.uint8)
    found = compose.estimate_foreground(image, alpha)
    inner = BODY & ~blot((20, 21, 20, 80), (44, 45, 20, 80), (20, 45, 20, 21), (20, 45, 79, 80))
    np.testing.assert_array_equal(found[inner], image[inner])
    np.testing.assert_array_equal(found[21:44, 79:81], np.repeat(image[21:44, 78:79], 2, axis=1))
    np.testing.assert_array_equal(found[20, 21:78], image[21, 21:78])
    np.testing.assert_array_equal(found[:, 90:], image[:, 90:])  # far from the car, the photo stays
    np.testing.assert_array_equal(compose.estimate_foreground(image, alpha * 0.9), image)


FLOOR = np.full((120, 200, 3), 200, np.uint8)
CAR = blot((40, 80, 60, 140), shape=(120, 200))


def test_the_shadow_is_the_light_that_is_missing():
    image = FLOOR.copy()
    image[80:86, 60:140] = 100
    image[CAR] = (30, 60, 90)
    found = compose.shadow(image, CAR.astype(np.float32))
    assert found.dtype == np.float32 and found.shape == CAR.shape
    assert 0 <= found.min() and found.max() <= 1
    np.testing.assert_allclose(found[81:84, 70:130], 0.5, atol=0.15)
    np.testing.assert_allclose(found[95:, :], 1, atol=0.02)
    np.testing.assert_allclose(found[:60], 1, atol=1e-6)


def test_thin_lines_and_what_hangs_on_the_wall_cast_no_shadow():
    image = FLOOR.copy()
    image[83] = 90
    image[10:50, 145:160] = 20
    image[CAR] = (30, 60, 90)
    np.testing.assert_allclose(compose.shadow(image, CAR.astype(np.float32)), 1, atol=0.03)


def test_no_car_no_shadow():
    for alpha in (np.zeros((120, 200), np.float32), np.ones((120, 200), np.float32)):
        np.testing.assert_array_equal(compose.shadow(FLOOR // 2, alpha), 1)


@pytest.mark.parametrize("shape", [(120, 200), (3, 5), (500, 300)])
def test_the_product_darkens_the_new_floor_and_keeps_the_car(shape):
    image = FLOOR.copy()
    image[80:86, 60:140] = 100
    image[CAR] = (30, 60, 90)
    found = compose.place(image, CAR.astype(float), np.full((*shape, 3), 120, np.uint8))
    assert (found.shape, found.dtype) == (image.shape, np.uint8)
    np.testing.assert_array_equal(found[CAR], image[CAR])
    np.testing.assert_allclose(found[82, 70:130], 60, atol=18)
    np.testing.assert_allclose(found[100:], 120, atol=3)


def test_the_product_needs_a_probability_of_the_size_of_the_photo():
    with pytest.raises(CourseError, match="predict at its size"):
        compose.place(FLOOR, np.zeros((60, 100)), FLOOR)
