"""Losses against values worked by hand and NumPy. Passes on every backend."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from scipy import ndimage, optimize

from utils import CourseError, losses, training

ALL = [losses.bce, losses.dice_loss, losses.bce_dice, losses.boundary_weighted_bce, losses.boundary_bce_dice]


def pair(seed, shape=(3, 6, 5, 1)):
    """Soft masks with whole pixels among them, and probabilities."""
    rng = np.random.default_rng(seed)
    truth = np.clip(rng.uniform(-0.5, 1.5, shape), 0, 1)
    return truth.astype(np.float32), rng.uniform(0.01, 0.99, shape).astype(np.float32)


def value(loss, truth, probability, **settings):
    return ops.convert_to_numpy(loss(ops.convert_to_tensor(truth), ops.convert_to_tensor(probability), **settings))


def image(*pixels):
    """One image with these pixels in a row."""
    return np.array(pixels, np.float32).reshape(1, 1, -1, 1)


def entropy(truth, probability):
    truth, probability = truth.astype(float), probability.astype(float)
    return -truth * np.log(probability) - (1 - truth) * np.log1p(-probability)


@pytest.mark.parametrize("loss", ALL)
def test_one_value_an_image(loss):
    truth, probability = pair(0)
    found = value(loss, truth, probability)
    assert found.shape == (3,)
    for number in range(3):
        one = slice(number, number + 1)
        np.testing.assert_allclose(value(loss, truth[one], probability[one]), found[one], rtol=1e-5)


@pytest.mark.parametrize(
    "loss, truth, probability, expected",
    [
        (losses.bce, [1], [0.5], 0.693147),
        (losses.bce, [1, 0], [0.5, 0.25], 0.490415),  # (ln 2 + ln 4/3) / 2
        (losses.bce, [0.5], [0.25], 0.836988),  # (ln 4 + ln 4/3) / 2
        (losses.dice_loss, [1, 0], [1, 0], 0),
        (losses.dice_loss, [1, 1, 0, 0], [1, 0, 1, 0], 0.4),  # 1 - (2 + 1) / (2 + 2 + 1)
        (losses.dice_loss, [0, 0], [0, 0], 0),
        (losses.dice_loss, [1, 0, 0, 0], [0, 1, 1, 1], 0.8),  # 1 - 1 / (1 + 3 + 1)
        (losses.dice_loss, [0.5, 0], [1, 0], 1 - 2 / 2.25),
        (losses.bce_dice, [1], [0.5], 0.693147 + 1 - 2 / 2.25),
    ],
)
def test_values_worked_by_hand(loss, truth, probability, expected):
    np.testing.assert_allclose(value(loss, image(*truth), image(*probability)), [expected], atol=2e-6)


def test_certain_and_wrong_is_finite():
    found = value(losses.bce, image(1, 0), image(0, 1))
    assert 10 < found[0] < 20
    for loss in ALL:
        for truth, probability in ((image(1, 0), image(0, 1)), (image(1, 0), image(1, 0))):
            assert np.isfinite(value(loss, truth, probability)).all()


@pytest.mark.parametrize("seed", range(3))
def test_numpy_agrees(seed):
    truth, probability = pair(seed)
    t, p = truth.astype(float), probability.astype(float)
    cross = entropy(truth, probability).mean(axis=(1, 2, 3))
    overlap = 1 - (2 * (t * p).sum(axis=(1, 2, 3)) + 1) / ((t * t + p * p).sum(axis=(1, 2, 3)) + 1)
    np.testing.assert_allclose(value(losses.bce, truth, probability), cross, rtol=1e-4)
    np.testing.assert_allclose(value(losses.dice_loss, truth, probability), overlap, rtol=1e-4)
    np.testing.assert_allclose(value(losses.bce_dice, truth, probability), cross + overlap, rtol=1e-4)


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_the_dice_loss_is_least_where_the_answer_is_the_soft_truth(seed):
    truth, probability = pair(seed, (1, 4, 4, 1))
    np.testing.assert_allclose(value(losses.dice_loss, truth, truth), [0], atol=1e-6)
    assert 0 < value(losses.dice_loss, truth, probability)[0] <= 1
    hard = (truth > 0.5).astype(np.float32)
    if (hard != truth).any():
        assert value(losses.dice_loss, truth, hard)[0] > 0


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_cross_entropy_is_least_at_the_entropy_of_the_truth(seed):
    truth, probability = pair(seed, (1, 4, 4, 1))
    inside = truth.clip(1e-6, 1 - 1e-6)
    least = value(losses.bce, truth, truth)[0]
    np.testing.assert_allclose(least, entropy(inside, inside).mean(), atol=1e-4)
    assert value(losses.bce, truth, probability)[0] > least


def test_a_search_for_the_least_dice_loss_ends_at_the_truth():
    truth = np.array([0.2, 0.7, 1.0, 0.4])

    def loss(probability):
        return value(losses.dice_loss, image(*truth).astype("float64"), np.reshape(probability, (1, 1, 4, 1)))[0]

    found = optimize.minimize(loss, np.full(4, 0.5), method="Nelder-Mead", bounds=[(0, 1)] * 4, tol=1e-10)
    np.testing.assert_allclose(found.x, truth, atol=0.05)  # in float32 the bottom is flat


@pytest.mark.parametrize("width", [3, 5, 11])
def test_weights_follow_the_local_mean(width):
    truth, _ = pair(0, (2, 30, 24, 1))
    found = ops.convert_to_numpy(losses.boundary_weights(ops.convert_to_tensor(truth), width, 3.0))
    inside = slice(width // 2, -(width // 2))
    for number in range(2):
        mean = ndimage.uniform_filter(truth[number, ..., 0].astype(float), width)
        expected = 1 + 3.0 * 4 * mean * (1 - mean)
        np.testing.assert_allclose(found[number, inside, inside, 0], expected[inside, inside], atol=1e-4)


def test_at_the_border_only_pixels_of_the_image_count():
    truth = np.zeros((1, 9, 9, 1), np.float32)
    truth[:, :2] = 1
    found = ops.convert_to_numpy(losses.boundary_weights(ops.convert_to_tensor(truth), 5, 2.0))
    mean = 2 / 3  # rows 0, 1 and 2 are in reach of a corner
    np.testing.assert_allclose(found[0, 0, 0, 0], 1 + 2 * 4 * mean * (1 - mean), atol=1e-5)
    np.testing.assert_allclose(found[0, 8, 8, 0], 1, atol=1e-5)


def test_pixels_at_the_edge_weigh_most_and_far_ones_one():
    truth = np.zeros((1, 32, 32, 1), np.float32)
    truth[:, :, 16:] = 1
    found = ops.convert_to_numpy(losses.boundary_weights(ops.convert_to_tensor(truth), 5, 2.0))[0, 16, :, 0]
    np.testing.assert_allclose(found[[0, 12, 20, 31]], 1, atol=1e-5)
    assert found.argmax() in (15, 16)
    np.testing.assert_allclose(found[15], 1 + 2 * 4 * 0.4 * 0.6, atol=1e-5)


def test_the_weighted_loss_is_a_weighted_mean():
    truth, probability = pair(5, (2, 16, 16, 1))
    weights = ops.convert_to_numpy(losses.boundary_weights(ops.convert_to_tensor(truth), 11, 2.0))
    for number in range(2):
        expected = np.average(entropy(truth[number], probability[number]), weights=weights[number])
        found = value(losses.boundary_weighted_bce, truth, probability)[number]
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    plain = value(losses.boundary_weighted_bce, truth, probability, weight=0.0)
    np.testing.assert_allclose(plain, value(losses.bce, truth, probability), rtol=1e-4)


@pytest.mark.parametrize("width, weight", [(3, 1.0), (5, 4.0)])
def test_width_and_weight_reach_the_sum_of_both(width, weight):
    truth, probability = pair(6, (2, 20, 18, 1))
    found = value(losses.boundary_bce_dice, truth, probability, width=width, weight=weight)
    covered = ndimage.uniform_filter(np.ones((20, 18)), width, mode="constant")
    for number in range(2):
        t, p = truth[number, ..., 0].astype(float), probability[number, ..., 0].astype(float)
        mean = ndimage.uniform_filter(t, width, mode="constant") / covered
        weights = 1 + weight * 4 * mean * (1 - mean)
        cross = (weights * -np.log(p**t * (1 - p) ** (1 - t))).sum()
        dice = 1 - (2 * (t * p).sum() + 1) / ((t**2).sum() + (p**2).sum() + 1)
        np.testing.assert_allclose(found[number], cross / weights.sum() + dice, rtol=1e-4)


@pytest.mark.parametrize("loss", [losses.boundary_weights, losses.boundary_weighted_bce, losses.boundary_bce_dice])
@pytest.mark.parametrize("width", [0, 4, -3])
def test_a_neighbourhood_without_a_middle_is_refused(loss, width):
    truth, probability = map(ops.convert_to_tensor, pair(0))
    arguments = (truth,) if loss is losses.boundary_weights else (truth, probability)
    with pytest.raises(CourseError, match=f"width={width} .*odd"):
        loss(*arguments, width=width)


@pytest.mark.parametrize("loss", ALL)
def test_truth_may_be_float64_or_bytes(loss):
    _, probability = pair(0)
    truth = (probability > 0.5).astype(np.uint8)
    expected = value(loss, truth.astype(np.float32), probability)
    np.testing.assert_allclose(value(loss, truth, probability), expected, rtol=1e-5)
    np.testing.assert_allclose(value(loss, truth.astype(np.float64), probability), expected, rtol=1e-5)


@pytest.mark.parametrize("loss", ALL)
def test_descent_by_the_loss_finds_the_truth(loss):
    truth = np.zeros((1, 8, 8, 1), np.float32)
    truth[:, 2:6, 3:7] = 1
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, keras.layers.Activation("sigmoid")(Table()(inputs)))
    training.compile_model(model, loss, keras.optimizers.Adam(0.3))
    for _ in range(60):
        model.train_on_batch(truth * 0, truth)
    np.testing.assert_array_equal(model.predict_on_batch(truth * 0) > 0.5, truth > 0.5)


def scattered(seed, ignored):
    """A pair with some pixels marked, and the same pair without these pixels, an image at a time."""
    truth, probability = pair(seed, (3, 1, 40, 1))
    marked = np.random.default_rng(seed).permuted(np.tile(np.arange(40) < ignored, (3, 1)), axis=1)
    kept = [[array[number, 0, ~marked[number], 0] for array in (truth, probability)] for number in range(3)]
    truth[:, 0, :, 0][marked] = np.float32(losses.IGNORE_LABEL) / np.float32(255)
    return truth, probability, marked, kept


@pytest.mark.parametrize("ignored", [0, 11, 40])
def test_ignored_pixels_are_left_out(ignored):
    truth, probability, _, kept = scattered(0, ignored)
    for number, (t, p) in enumerate(kept):
        one = slice(number, number + 1)
        cross = entropy(t, p).sum() / 40
        overlap = 1 - (2 * (t * p).sum() + 1) / ((t**2 + p**2).sum() + 1)
        expected = {losses.bce: cross, losses.dice_loss: overlap, losses.bce_dice: cross + overlap}
        for loss, charge in expected.items():
            found = value(losses.ignoring(loss), truth[one], probability[one])
            np.testing.assert_allclose(found, [charge], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("loss", [losses.bce, losses.dice_loss, losses.bce_dice])
def test_what_is_said_of_ignored_pixels_does_not_matter_and_of_others_does(loss):
    truth, probability, marked, _ = scattered(1, 11)
    loss, other = losses.ignoring(loss), probability.copy()
    other[:, 0, :, 0][marked] = 1 - other[:, 0, :, 0][marked]
    np.testing.assert_array_equal(value(loss, truth, other), value(loss, truth, probability))
    other[:, 0, :, 0][~marked] *= 0.9
    assert (value(loss, truth, other) != value(loss, truth, probability)).all()


def test_only_the_one_grey_value_is_ignored():
    greys = np.arange(256, dtype=np.uint8)
    truth = greys / np.float32(255)
    loss = losses.ignoring(losses.bce)
    free = [value(loss, image(grey), image(0.1)) == value(loss, image(grey), image(0.9)) for grey in truth]
    assert greys[np.ravel(free)].tolist() == [losses.IGNORE_LABEL]


def test_the_name_of_the_loss_says_so():
    assert losses.ignoring(losses.bce_dice).__name__ == "ignoring_bce_dice"


class Table(keras.layers.Layer):
    """A free number for each pixel."""

    def build(self, shape):
        self.table = self.add_weight(shape=shape[1:], initializer="zeros")

    def call(self, x):
        return x + self.table
