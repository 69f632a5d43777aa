"""Image and mask move together, stay in range, repeat with the seed, and come fast enough."""

import colorsys
import itertools
import threading

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter, label

from utils import CourseError
from utils.augment import COMPETITION, PUBLISHED, STRONG, Batches, generator_pairs, transform

GEOMETRY = {"flip": 0.5, "shift": 0.2, "scale": 0.2, "rotate": 90, "shear": 12}


class Always:
    """A random generator whose every draw is the highest (or the lowest) possible."""

    def __init__(self, highest=True):
        self.highest = highest

    def random(self):
        return 0.5

    def uniform(self, low, high, size=None):
        drawn = high if self.highest else low
        return drawn if size is None else np.full(size, drawn)


def soft_masks(n, height, width, seed=0):
    """Smooth shapes with grey edges, 0-255."""
    noise = np.random.default_rng(seed).integers(0, 256, (n, 5, 5), dtype=np.uint8)
    big = [cv2.resize(each, (width, height), interpolation=cv2.INTER_CUBIC).astype(float) for each in noise]
    return np.clip((np.stack(big) - 118) * 8, 0, 255).astype(np.uint8)


def own_masks(n=6, height=48, width=48):
    """Images whose channels are their mask."""
    masks = soft_masks(n, height, width)
    return np.repeat(masks[..., None], 3, axis=-1), masks


def numbered(n=10):
    """Images and masks that hold their own number, from 2."""
    numbers = np.arange(2, n + 2, dtype=np.uint8)
    return np.tile(numbers[:, None, None, None], (1, 8, 8, 3)), np.tile(numbers[:, None, None], (1, 8, 8))


def pixels(height, width, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), np.uint8), rng.integers(0, 256, (height, width), np.uint8)


# --- transform: cases worked by hand ------------------------------------------------------------------


def moved(array, right, down):
    """Shift by whole pixels; what comes in repeats the edge."""
    rows = np.clip(np.arange(array.shape[0]) - down, 0, array.shape[0] - 1)
    columns = np.clip(np.arange(array.shape[1]) - right, 0, array.shape[1] - 1)
    return array[rows][:, columns]


def slanted(array):
    """Shear by 45 degrees about the middle: each row moves by its distance from it."""
    middle = array.shape[0] // 2
    return np.stack([moved(row[None], y - middle, 0)[0] for y, row in enumerate(array)])


def doubled(array):
    """Twice the size about the middle, for an odd size: every second pixel is one of the original."""
    quarter = array.shape[0] // 4
    return array[quarter:-quarter, quarter:-quarter]


@pytest.mark.parametrize(
    "options, expected, shape",
    [
        ({"flip": 0}, lambda a: a, (12, 20)),
        ({"flip": 1}, lambda a: a[:, ::-1], (12, 20)),
        ({"flip": 1}, lambda a: a[:, ::-1], (13, 21)),
        ({"flip": 0, "shift": 0.25}, lambda a: moved(a, 5, 3), (12, 20)),
        ({"flip": 0, "rotate": 180}, lambda a: a[::-1, ::-1], (12, 20)),
        ({"flip": 0, "rotate": 90}, lambda a: np.rot90(a, -1), (16, 16)),
        ({"flip": 1, "rotate": 180}, lambda a: a[::-1], (12, 20)),
        ({"flip": 0, "shear": 45}, slanted, (15, 21)),
        ({"flip": 1, "shift": 0.25}, lambda a: moved(a[:, ::-1], 5, 3), (12, 20)),
    ],
)
def test_whole_pixel_moves_are_exact(options, expected, shape):
    image, mask = pixels(*shape)
    result = transform(image, mask, Always(), **options)
    for got, array in zip(result, (image, mask)):
        assert got.dtype == np.uint8 and np.array_equal(got, expected(array))


def test_lowest_draws_go_the_other_way():
    image, mask = pixels(16, 16)
    for options, expected in [({"shift": 0.25}, moved(mask, -4, -4)), ({"rotate": 90}, np.rot90(mask))]:
        assert np.array_equal(transform(image, mask, Always(False), flip=0, **options)[1], expected)


def test_scale_two_keeps_the_centre_and_halves_the_view():
    image, mask = pixels(17, 17)
    for got, array in zip(transform(image, mask, Always(), flip=0, scale=1), (image, mask)):
        assert np.array_equal(got[::2, ::2], doubled(array))


def test_every_setting_draws_within_its_limit():
    mask = np.zeros((101, 101), np.uint8)
    mask[50, 50] = 255
    rng, places = np.random.default_rng(0), []
    for _ in range(200):
        places.append(np.argwhere(transform(mask[..., None].repeat(3, -1), mask, rng, shift=0.1)[1] > 60).mean(0) - 50)
    places = np.array(places)
    assert np.abs(places).max() <= 10.6 and np.abs(places).max() > 9
    assert np.all(np.abs(places.mean(0)) < 1.5)


# --- transform: what always holds ---------------------------------------------------------------------

limits = st.fixed_dictionaries(
    {
        "flip": st.floats(0, 1),
        "shift": st.floats(0, 0.5),
        "scale": st.floats(0, 0.5),
        "rotate": st.floats(0, 180),
        "shear": st.floats(0, 45),
    }
)
masks_of_any_kind = arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)))


@settings(deadline=None, max_examples=80)
@given(masks_of_any_kind, limits, st.integers(0, 2**32))
def test_an_image_that_is_its_own_mask_stays_its_own_mask(mask, options, seed):
    image = mask[..., None].repeat(3, axis=-1)
    kept = mask.copy()
    new_image, new_mask = transform(image, mask, np.random.default_rng(seed), **options)
    assert new_image.shape == image.shape and new_mask.shape == mask.shape
    assert np.array_equal(new_image, new_mask[..., None].repeat(3, axis=-1))
    assert mask.min() <= new_mask.min() and new_mask.max() <= mask.max()
    assert np.array_equal(mask, kept) and np.array_equal(image[..., 0], kept)


@settings(deadline=None, max_examples=40)
@given(limits, st.integers(0, 2**32))
def test_colour_changes_leave_the_mask_alone(options, seed):
    image, mask = pixels(20, 30)
    plain = transform(image, mask, np.random.default_rng(seed), **options)
    coloured = transform(image, mask, np.random.default_rng(seed), **options, hsv=(50, 50, 50))
    assert np.array_equal(plain[1], coloured[1]) and not np.array_equal(plain[0], coloured[0])


def test_soft_masks_stay_soft():
    image, mask = own_masks(1, 64, 64)[0][0], own_masks(1, 64, 64)[1][0]
    rng = np.random.default_rng(0)
    grey = np.mean((mask > 0) & (mask < 255))
    for _ in range(20):
        new = transform(image, mask, rng, **GEOMETRY)[1]
        assert grey / 3 < np.mean((new > 0) & (new < 255)) < 3 * grey


def test_same_draws_same_pair_and_read_only_views_are_welcome():
    image, mask = pixels(24, 24)
    image.flags.writeable = mask.flags.writeable = False
    once, again, other = (
        transform(image[:, ::-1], mask[:, ::-1], np.random.default_rng(s), **GEOMETRY, hsv=(9, 9, 9)) for s in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(once, again))
    assert not any(np.array_equal(a, b) for a, b in zip(once, other))


# --- hue, saturation, value ---------------------------------------------------------------------------


def recoloured(rgb, hue, saturation, value):
    """The reference, in floating point."""
    h, s, v = colorsys.rgb_to_hsv(*(rgb / 255))
    shifted = (h + hue / 180) % 1, np.clip(s + saturation / 255, 0, 1), np.clip(v + value / 255, 0, 1)
    return np.multiply(colorsys.hsv_to_rgb(*shifted), 255)


@pytest.mark.parametrize("highest", [True, False])
@pytest.mark.parametrize("hsv", [(50, 0, 0), (0, 40, 0), (0, 0, 60), (90, 30, 15), (180, 0, 0)])
def test_colour_shift_is_that_of_colorsys(hsv, highest):
    image, mask = pixels(16, 16)
    shifts = np.array(hsv) if highest else -np.array(hsv)
    result = transform(image, mask, Always(highest), flip=0, hsv=hsv)[0].reshape(-1, 3)
    expected = np.array([recoloured(rgb, *shifts) for rgb in image.reshape(-1, 3)])
    difference = np.abs(result - expected)
    assert difference.max() <= 8 and difference.mean() < 1.5  # OpenCV keeps hue in steps of two degrees


def test_colour_shift_by_hand():
    red, grey = np.array([[[255, 0, 0]]], np.uint8), np.array([[[100, 100, 100]]], np.uint8)
    mask = np.array([[7]], np.uint8)
    assert transform(red, mask, Always(), flip=0, hsv=(60, 0, 0))[0].tolist() == [[[0, 255, 0]]]
    assert transform(red, mask, Always(False), flip=0, hsv=(60, 0, 0))[0].tolist() == [[[0, 0, 255]]]
    assert transform(grey, mask, Always(), flip=0, hsv=(0, 0, 15))[0].tolist() == [[[115, 115, 115]]]
    assert transform(grey, mask, Always(), flip=0, hsv=(0, 0, 200))[0].tolist() == [[[255, 255, 255]]]


# --- beyond the studio: tone, blur, noise, backdrop, coarse dropout -----------------------------------------------


def test_tone_is_one_rising_curve_a_channel_that_keeps_black_and_white():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, -1)
    curves = []
    for seed in range(40):
        bent, mask = transform(ramp, ramp[..., 0], np.random.default_rng(seed), flip=0, tone=1)
        curve = bent.reshape(256, 3).astype(int)
        assert np.all(np.diff(curve, axis=0) >= 0) and np.array_equal(curve[[0, -1]], [[0] * 3, [255] * 3])
        assert np.array_equal(mask, ramp[..., 0])
        curves.append(curve[128])
    curves = np.array(curves)
    lowest, highest = 255 * (128 / 255) ** np.array([2**1.25, 2**-1.25])
    assert lowest - 1 <= curves.min() < 80 and 175 < curves.max() <= highest + 1
    assert np.ptp(curves, axis=1).max() > 10  # tinted, too


def test_blur_is_scipys():
    image, mask = pixels(40, 40)
    blurred, kept = transform(image, mask, Always(), flip=0, blur=1.5)
    expected = gaussian_filter(image.astype(float), (1.5, 1.5, 0), mode="mirror")
    assert np.abs(blurred - expected).max() < 3 and np.array_equal(kept, mask)


def test_noise_has_at_most_the_deviation_asked_for():
    grey = np.full((200, 200, 3), 128, np.uint8)
    draws = (transform(grey, grey[..., 0], np.random.default_rng(seed), noise=10)[0] for seed in range(30))
    deviations = [draw.astype(float).std() for draw in draws]
    assert max(deviations) < 10.3 and min(deviations) < 3 and 4 < np.mean(deviations) < 6


def test_a_backdrop_leaves_the_car_and_replaces_the_rest():
    image, mask = pixels(64, 96)[0], soft_masks(1, 64, 96)[0]
    scenes = []
    for seed in range(10):
        new, kept = transform(image, mask, np.random.default_rng(seed), flip=0, backdrop=1)
        assert np.array_equal(kept, mask) and np.array_equal(new[mask == 255], image[mask == 255])
        assert np.mean(new[mask == 0] == image[mask == 0]) < 0.1
        scenes.append(new[mask == 0])
    assert all(np.mean(a == b) < 0.1 for a, b in zip(scenes, scenes[1:]))
    edge = (mask > 100) & (mask < 155)
    assert np.all(np.abs(new[edge].astype(int) - image[edge]) <= 156)  # half of the car is left in the mix


def test_coarse_dropout_covers_flat_patches_of_the_image_alone():
    image, mask = pixels(80, 80)
    shares = []
    for seed in range(40):
        new, kept = transform(image, mask, np.random.default_rng(seed), flip=0, coarse_dropout=1)
        changed = np.any(new != image, axis=-1)
        assert np.array_equal(kept, mask) and label(changed)[1] <= 8
        assert len(np.unique(new[changed], axis=0)) <= 4
        shares.append(changed.mean())
    assert 0 < min(shares) and 0.03 < np.mean(shares) < 0.2 and max(shares) < 0.35


def test_what_happens_by_chance_happens_as_often_as_asked():
    image, mask = pixels(16, 16)
    for setting in ("backdrop", "coarse_dropout"):
        rng = np.random.default_rng(0)
        draws = (transform(image, mask, rng, flip=0, **{setting: 0.3})[0] for _ in range(300))
        assert 0.2 < np.mean([not np.array_equal(draw, image) for draw in draws]) < 0.4


@settings(deadline=None, max_examples=60)
@given(masks_of_any_kind, st.integers(0, 2**32))
def test_strong_settings_take_any_size_and_repeat_with_the_seed(mask, seed):
    image = mask[..., None].repeat(3, axis=-1)
    once, again = (transform(image, mask, np.random.default_rng(seed), **STRONG) for _ in range(2))
    assert all(np.array_equal(a, b) and a.dtype == np.uint8 for a, b in zip(once, again))
    assert once[0].shape == image.shape and once[1].shape == mask.shape


# --- Batches ------------------------------------------------------------------------------------------


def everything(batches):
    x, y = zip(*(batches[i] for i in range(len(batches))))
    return np.concatenate(x), np.concatenate(y)


def test_batches_hold_aligned_pairs_in_the_ranges_promised():
    batches = Batches(*own_masks(32), **GEOMETRY)
    for x, y in (batches[0], batches[1]):
        assert x.shape == (16, 48, 48, 3) and x.dtype == np.uint8
        assert y.shape == (16, 48, 48, 1) and y.dtype == np.float32
        assert np.array_equal(x[..., :1], np.rint(255 * y)) and 0 <= y.min() and y.max() <= 1
        assert np.mean((y > 0.02) & (y < 0.98)) > 0.02


def test_without_settings_the_pairs_stay_as_they_are():
    images, masks = own_masks(6)
    x, y = Batches(images, masks, batch=4, shuffle=False)[1]
    assert np.array_equal(x, images[4:]) and np.array_equal(y[..., 0], masks[4:] / np.float32(255))
    x, _ = Batches(images, masks, batch=4, shuffle=False, flip=0, shift=0)[0]
    assert np.array_equal(x, images[:4])


def test_shuffled_batches_are_full_and_in_order_ones_complete():
    images, masks = numbered(10)
    shuffled, ordered = Batches(images, masks, batch=4), Batches(images, masks, batch=4, shuffle=False)
    assert len(shuffled) == 2 and len(ordered) == 3
    seen = everything(shuffled)[0][:, 0, 0, 0]
    assert len(set(seen.tolist())) == 8
    assert everything(ordered)[0][:, 0, 0, 0].tolist() == list(range(2, 12))
    assert [len(ordered[i][0]) for i in range(3)] == [4, 4, 2]
    assert len(Batches(images, masks, batch=16)) == 1 and len(Batches(images, masks, batch=16)[0][0]) == 10


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 30), st.integers(1, 12), st.booleans())
def test_an_epoch_shows_no_image_twice(n, batch, shuffle):
    batches = Batches(*numbered(n), batch=batch, shuffle=shuffle)
    seen = everything(batches)[0][:, 0, 0, 0].tolist()
    assert len(set(seen)) == len(seen) == (n if not shuffle else n // min(batch, n) * min(batch, n))


@pytest.mark.parametrize("shuffle", [True, False])
def test_an_epoch_may_be_cut_short(shuffle):
    whole, cut = (Batches(*numbered(10), batch=3, shuffle=shuffle, steps=steps) for steps in (None, 2))
    assert len(cut) == 2 < len(whole)
    assert all(np.array_equal(cut[index][0], whole[index][0]) for index in range(2))
    assert len(Batches(*numbered(10), batch=3, shuffle=shuffle, steps=99)) == len(whole)


def test_epochs_differ_and_repeat_with_the_seed():
    pairs = own_masks(8)
    one, two = (Batches(*pairs, batch=4, seed=3, **COMPETITION) for _ in range(2))
    first = one[0]
    assert all(np.array_equal(a, b) for a, b in zip(first, two[0]))
    assert np.array_equal(one[1][0], two[1][0]) and np.array_equal(one[0][0], first[0])  # whatever the order of asking
    assert not np.array_equal(first[0], Batches(*pairs, batch=4, seed=4, **COMPETITION)[0][0])
    one.on_epoch_end()
    assert not np.array_equal(one[0][0], first[0])


@pytest.mark.parametrize("step, workers", [(0, 1), (0, 3), (3, 2)])
def test_a_stream_is_each_epoch_in_turn_from_any_step_on(step, workers):
    batches, expected = Batches(*own_masks(8), batch=4, seed=3, **COMPETITION), []
    for _ in range(4):
        expected += [batches[0], batches[1]]
        batches.on_epoch_end()
    found = list(itertools.islice(batches.stream(step, workers), 5))
    for (x, y), (expected_x, expected_y) in zip(found, expected[step:]):
        assert np.array_equal(x, expected_x) and np.array_equal(y, expected_y)


def test_workers_make_batches_at_the_same_time():
    both = threading.Barrier(2, timeout=20)

    class Met(Batches):
        def at(self, step):
            both.wait()  # passes once two threads are here
            return super().at(step)

    assert len(list(itertools.islice(Met(*own_masks(8), batch=4).stream(workers=2), 2))) == 2


def test_what_is_left_over_takes_its_turn():
    batches, seen = Batches(*numbered(5), batch=4), set()
    for _ in range(12):
        seen |= set(batches[0][0][:, 0, 0, 0].tolist())
        batches.on_epoch_end()
    assert seen == {2, 3, 4, 5, 6}


def test_memory_mapped_arrays_are_read_and_not_written(tmp_path):
    images, masks = own_masks(8)
    np.save(tmp_path / "x.npy", images)
    np.save(tmp_path / "y.npy", masks)
    mapped = [np.load(tmp_path / name, mmap_mode="r") for name in ("x.npy", "y.npy")]
    x, y = Batches(*mapped, batch=8, **GEOMETRY)[0]
    x2, y2 = Batches(images, masks, batch=8, **GEOMETRY)[0]
    assert np.array_equal(x, x2) and np.array_equal(y, y2)
    assert np.array_equal(np.load(tmp_path / "x.npy"), images)


def faulty():
    images, masks = own_masks(3, 8, 8)
    yield images / 255.0, masks, "float64"
    yield images, masks[..., None], r"\(3, 8, 8, 1\)"
    yield images, masks[:2], r"\(2, 8, 8\)"
    yield images[..., :1], masks, r"\(3, 8, 8, 1\)"
    yield images, masks > 127, "bool"
    yield images, (masks > 127).astype(np.uint8), "multiply them by 255"
    yield images[:0], masks[:0], "no images"


@pytest.mark.parametrize("images, masks, told", list(faulty()))
@pytest.mark.parametrize("make", [Batches, lambda *pairs: next(generator_pairs(*pairs))])
def test_pairs_that_do_not_fit_are_refused(make, images, masks, told):
    with pytest.raises(CourseError, match=told):
        make(images, masks)


# --- ImageDataGenerator pairs -------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [{}, {"vertical_flip": True, "shear_range": 30}, {"fill_mode": "reflect"}])
def test_generator_moves_image_and_mask_together(extra):
    pairs = generator_pairs(*own_masks(6), batch=6, settings=PUBLISHED | extra)
    for x, y in (next(pairs), next(pairs)):
        assert x.shape == (6, 48, 48, 3) and y.shape == (6, 48, 48, 1) and x.dtype == y.dtype == np.float32
        assert np.allclose(x, 255 * y, atol=0.01)
        assert 0 <= y.min() and y.max() <= 1
        assert np.mean((y > 0.02) & (y < 0.98)) > 0.02  # soft masks stay soft


def test_colour_options_change_the_image_alone():
    pairs, seed = own_masks(6), 5
    plain = next(generator_pairs(*pairs, seed=seed))
    for option in ({"brightness_range": (0.2, 0.5)}, {"rescale": 1 / 255}, {"channel_shift_range": 60.0}):
        x, y = next(generator_pairs(*pairs, seed=seed, settings=PUBLISHED | option))
        assert np.array_equal(y, plain[1]) and not np.allclose(x, plain[0], atol=1)


def test_a_constant_fill_of_the_image_is_background_in_the_mask():
    images, masks = np.full((4, 32, 32, 3), 200, np.uint8), np.full((4, 32, 32), 255, np.uint8)
    x, y = next(generator_pairs(images, masks, settings={"width_shift_range": 0.4, "fill_mode": "constant", "cval": 9}))
    assert x.min() == 9 and y.min() == 0 and y.max() == 1
    assert np.array_equal(x[..., :1] < 199, y < 0.99)


def test_generator_without_settings_is_the_identity():
    images, masks = numbered(5)
    x, y = next(generator_pairs(images, masks, batch=5, settings={}))
    assert sorted(x[:, 0, 0, 0]) == [2, 3, 4, 5, 6] and np.allclose(255 * y, x[..., :1])


def test_generator_gives_every_image_once_an_epoch_and_repeats_with_the_seed():
    one, two, other = (generator_pairs(*numbered(10), batch=4, seed=seed) for seed in (0, 0, 1))
    epochs = [[next(one) for _ in range(3)] for _ in range(2)]
    orders = [np.concatenate([x[:, 4, 4, 0] for x, _ in epoch]).tolist() for epoch in epochs]
    assert [len(x) for x, _ in epochs[0]] == [4, 4, 2]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(2, 12)) and orders[0] != orders[1]
    again = next(two)
    assert all(np.array_equal(a, b) for a, b in zip(epochs[0][0], again))
    assert not np.array_equal(next(other)[0], again[0])
