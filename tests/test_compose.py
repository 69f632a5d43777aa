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


@pytest.mark.parametrize("seed", range(8))
def test_parts_and_holes_are_those_of_scipy(seed):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(70, 90)), 1.5)
    mask = noise > -0.03
    parts, _ = ndimage.label(mask)
    largest = parts == 1 + np.bincount(parts.ravel())[1:].argmax()
    holes, number = ndimage.label(~largest)
    sizes = np.bincount(holes.ravel(), minlength=number + 1)
    expected = largest | ((holes > 0) & (sizes[holes] <= 40))
    assert number > 1 and not np.array_equal(expected, largest)
    np.testing.assert_array_equal(compose.largest_component(mask), expected)


def test_a_larger_photo_has_larger_holes_and_a_longer_rim():
    probability = np.where(BODY, 1.0, 0.45)
    large = probability.repeat(24, axis=0).repeat(24, axis=1)  # 2400 pixels wide: 2.5 times 960
    large[700:716, 700:715] = 0.45  # a hole of 240 pixels
    assert compose.largest_component(large > 0.5)[700:716, 700:715].all()
    assert not compose.largest_component(large[:900, :900] > 0.5)[700:716, 700:715].any()
    rims = [(compose.clean_edge(each)[30 * n] > 0).sum() - 60 * n for n, each in ((1, probability), (24, large))]
    assert rims == [2 * 3, 2 * 8]


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


def test_a_trimap_does_not_know_what_is_near_the_edge():
    guess = np.where(blot((2, 5, 2, 8), shape=(7, 10)), 0.8, 0.3)
    expected = np.array(
        [
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            [0, 0, 1, 1, 1, 1, 1, 1, 0, 0],
            [0, 1, 1, 1, 1, 1, 1, 1, 1, 0],
            [0, 1, 1, 2, 2, 2, 2, 1, 1, 0],
            [0, 1, 1, 1, 1, 1, 1, 1, 1, 0],
            [0, 0, 1, 1, 1, 1, 1, 1, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ]
    )
    found = compose.trimap(guess, 1)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(2 * found, expected)
    inside, outside = (compose.trimap(np.full((4, 5), value), 2) for value in (1.0, 0.0))
    np.testing.assert_array_equal(inside, 1)  # the border of the photo is no edge
    np.testing.assert_array_equal(outside, 0)


def laplacian_by_hand(image, smoothness):
    """Equation 12 of the paper, a window after the other, a pair of pixels after the other."""
    height, width = image.shape[:2]
    found, colours = np.zeros((height * width,) * 2), image.reshape(-1, 3) / 255
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            window = [(row + y) * width + column + x for y in (-1, 0, 1) for x in (-1, 0, 1)]
            mean = colours[window].mean(axis=0)
            spread = np.cov(colours[window].T, bias=True) + smoothness / 9 * np.eye(3)
            for i in window:
                for j in window:
                    likeness = (1 + (colours[i] - mean) @ np.linalg.inv(spread) @ (colours[j] - mean)) / 9
                    found[i, j] += (i == j) - likeness
    return found


def test_the_matting_laplacian_is_that_of_the_paper():
    image = np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    found = compose.matting_laplacian(image, np.ones((5, 6), bool), 1e-3).toarray()
    np.testing.assert_allclose(found, laplacian_by_hand(image, 1e-3), atol=1e-9)
    part = compose.matting_laplacian(image, blot((0, 1, 0, 1), shape=(5, 6)), 1e-3).toarray()
    assert part.any() and not part[21:].any() and not part[:, 21:].any()  # one window holds the corner


def test_opacities_that_are_linear_in_the_colours_cost_nothing():
    image = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    laplacian = compose.matting_laplacian(image, np.ones((8, 9), bool), 1e-9).toarray()
    linear = (image @ [0.2, -0.5, 0.9] + 30).ravel() / 255
    assert abs(linear @ laplacian @ linear) < 1e-6 < 0.1 < linear[::-1] @ laplacian @ linear[::-1]
    assert np.linalg.eigvalsh(laplacian).min() > -1e-9


def mixture(alpha, noise=0.0):
    """A red car before a grey wall: the colours of each, and the photo."""
    y, x = np.indices(alpha.shape)
    car = np.dstack([180 + x % 20, 30 + y % 10, 40 + 0 * x])
    wall = np.dstack([200 - y % 30] * 3)
    photo = alpha[..., None] * car + (1 - alpha[..., None]) * wall
    photo = photo + np.random.default_rng(0).normal(0, noise, photo.shape)
    return car, wall, np.rint(photo.clip(0, 255)).astype(np.uint8)


SOFT_BODY = ndimage.gaussian_filter(np.where(BODY, 1.0, 0.0), 1.0).astype(np.float32)


def test_closed_form_matting_finds_the_opacity_of_two_colours():
    trimap = compose.trimap(SOFT_BODY, 4)
    photo = mixture(SOFT_BODY)[-1]
    found = compose.closed_form(photo, trimap, np.full_like(trimap, 0.5), trust=1e-4)
    assert found.dtype == np.float32 and 0 <= found.min() <= found.max() <= 1
    np.testing.assert_array_equal(found[trimap != 0.5], trimap[trimap != 0.5])
    assert abs(found - SOFT_BODY)[trimap == 0.5].mean() < 0.03
    blind = compose.closed_form(np.full_like(photo, 100), trimap, SOFT_BODY, trust=10)
    np.testing.assert_allclose(blind[trimap == 0.5], SOFT_BODY[trimap == 0.5], atol=0.2)  # no colours: the prior


@pytest.mark.parametrize("rolled", [(30, 0), (-30, 0), (0, 50), (0, -50)])
def test_closed_form_matting_neither_wraps_nor_fails_at_the_border(rolled):
    """The car goes out of the photo on one side; what is on the other side is none of its business."""
    wide = np.pad(BODY, 50)
    soft = np.roll(ndimage.gaussian_filter(wide.astype(float), 1.0), rolled, axis=(0, 1))[50:-50, 50:-50]
    photo, trimap = mixture(soft)[-1], compose.trimap(soft, 4)
    border = np.ones_like(BODY)
    border[1:-1, 1:-1] = False
    assert (border & (trimap == 0.5)).any()
    found = compose.closed_form(photo, trimap, np.full_like(trimap, 0.5), trust=1e-4)
    assert abs(found - soft)[border & (trimap == 0.5)].mean() < 0.05
    other = photo.copy()
    other[~ndimage.binary_dilation(trimap == 0.5, np.ones((5, 5)))] = 0
    np.testing.assert_allclose(
        compose.closed_form(other, trimap, np.full_like(trimap, 0.5), trust=1e-4), found, atol=1e-5
    )


def test_a_matte_mends_an_edge_that_lies_off():
    photo = mixture(SOFT_BODY, noise=2)[-1]
    guess = np.roll(SOFT_BODY, 1, axis=1)
    found, guessed = (abs(each - SOFT_BODY).mean() for each in (compose.matte(photo, guess, 2), guess))
    assert found < 0.5 * guessed
    assert compose.matte(photo, np.zeros_like(guess)).max() == 0
    np.testing.assert_array_equal(compose.matte(photo, np.ones_like(guess)), 1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2), (3, 3), (2, 50)])
def test_a_tiny_photo_has_a_matte(shape):
    rng = np.random.default_rng(0)
    found = compose.matte(rng.integers(0, 256, (*shape, 3), dtype=np.uint8), rng.random(shape).astype(np.float32))
    assert found.shape == shape and np.isfinite(found).all()


def test_the_edge_takes_the_cars_own_colour():
    car, _, photo = mixture(SOFT_BODY)
    found = compose.estimate_foreground(photo, SOFT_BODY)
    assert found.dtype == np.uint8
    sure = (SOFT_BODY == 0) | (SOFT_BODY == 1)
    np.testing.assert_array_equal(found[sure], photo[sure])
    wrong, before = (SOFT_BODY[..., None] * abs(each - 1.0 * car) for each in (found, photo))
    edge = ~sure & (SOFT_BODY > 0.01)
    assert wrong[edge].mean() < before[edge].mean() / 4
    for alpha in (np.zeros_like(SOFT_BODY), np.ones_like(SOFT_BODY)):
        np.testing.assert_array_equal(compose.estimate_foreground(photo, alpha), photo)


@pytest.mark.parametrize("name", compose.BACKGROUNDS)
def test_a_painted_background_looks_alike_at_every_size(name):
    small, large = compose.paint(name, (80, 120)), compose.paint(name, (160, 240))
    assert (small.shape, small.dtype) == ((80, 120, 3), np.uint8)
    shrunk = large.reshape(80, 2, 120, 2, 3).mean(axis=(1, 3))
    assert abs(shrunk - small).mean() < 4 < small.std()
    assert small[-10:].mean() != pytest.approx(small[:10].mean(), abs=5)  # a floor and what is behind it


def test_only_backgrounds_that_exist_are_painted():
    with pytest.raises(CourseError, match="'beach'. There are: studio, road, checkerboard"):
        compose.paint("beach", (4, 6))


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
    np.testing.assert_allclose(found[CAR], image[CAR], atol=3)
    np.testing.assert_allclose(found[82, 70:130], 60, atol=18)
    np.testing.assert_allclose(found[100:], 120, atol=3)


def test_the_product_needs_a_probability_of_the_size_of_the_photo():
    with pytest.raises(CourseError, match="predict at its size"):
        compose.place(FLOOR, np.zeros((60, 100)), FLOOR)
