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

from utils import CourseError, losses, metrics, training

ALL = [
    losses.bce,
    losses.dice_loss,
    losses.bce_dice,
    losses.boundary_weighted_bce,
    losses.boundary_bce_dice,
    losses.focal_loss,
    losses.lovasz_loss,
    losses.boundary_loss,
    losses.bce_dice_boundary,
]


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
        (losses.focal_loss, [1], [0.5], 0.25 * 0.693147),
        (losses.focal_loss, [1, 0], [0.5, 0.25], (0.25 * 0.693147 + 0.0625 * 0.287682) / 2),
        (losses.focal_loss, [0.7, 0.2], [0.7, 0.2], 0),
        (losses.lovasz_loss, [1, 0], [0.5, 0.25], 0.5),  # the car's one pixel wrong: IoU 0; the other adds nothing
        (losses.lovasz_loss, [1, 1], [0.8, 0.4], 0.6 / 2 + 0.2 / 2),
        (losses.lovasz_loss, [1, 1, 0], [1, 0.5, 0.5], 0.5 * 2 / 3),  # both wrong: IoU 1 / 3
        (losses.lovasz_loss, [0, 0], [0.3, 0.1], 0.3),  # no car: whatever is found first makes the IoU 0
        (losses.boundary_loss, [0, 1, 1, 0], [0, 1, 1, 0], (-0.5 - 0.5) / 4),
        (losses.boundary_loss, [1, 0, 0, 0], [0.5, 0, 0, 1], (-0.25 + 2.5) / 4),
        (losses.bce_dice_boundary, [1, 0], [0.5, 0], 0.346574 + 1 - 2 / 2.25 + 0.1 * -0.125),
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


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0])
def test_the_focal_factor_of_hard_truth_is_that_of_the_paper(gamma):
    truth, probability = pair(3)
    truth = np.rint(truth)
    of_the_truth = np.where(truth > 0.5, probability, 1 - probability).astype(float)
    expected = ((1 - of_the_truth) ** gamma * -np.log(of_the_truth)).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(value(losses.focal_loss, truth, probability, gamma=gamma), expected, rtol=1e-4)


def lovasz_by_thresholds(truth, probability):
    """The Lovász extension as an integral over levels of 1 - IoU, all pixels whose error is above the level wrong."""
    car, errors = truth > 0.5, np.abs((truth > 0.5) - probability.astype(float))
    levels = np.unique([0, *errors.ravel()])
    return sum((high - low) * (1 - metrics.iou(car, car ^ (errors > low))) for low, high in zip(levels, levels[1:]))


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([0, 0.5, 1]))
def test_lovasz_is_the_integral_over_levels(seed, ties):
    truth, probability = pair(seed, (1, 5, 6, 1))
    probability = np.where(np.random.default_rng(seed).random(truth.shape) < ties, probability.round(1), probability)
    expected = lovasz_by_thresholds(truth[0, ..., 0], probability[0, ..., 0])
    np.testing.assert_allclose(value(losses.lovasz_loss, truth, probability), [expected], atol=1e-5)


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_lovasz_of_hard_predictions_is_one_minus_iou(seed):
    truth, probability = np.random.default_rng(seed).integers(0, 2, (2, 3, 6, 5, 1))
    expected = 1 - metrics.iou(truth[..., 0] == 1, probability[..., 0] == 1)
    found = value(losses.lovasz_loss, np.float32(truth), np.float32(probability))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def distance_to_the_edge(mask, reach):
    outside, inside = ndimage.distance_transform_edt(~mask), ndimage.distance_transform_edt(mask)
    return np.where(mask, 0.5 - inside.clip(max=reach), outside.clip(max=reach) - 0.5)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.sampled_from([1, 2, 5, 40]), st.sampled_from([0.03, 0.5, 0.97]))
def test_the_signed_distance_is_scipys(seed, reach, share):
    truth = np.random.default_rng(seed).random((2, 12, 17, 1)) < share
    truth[:, 0, 0], truth[:, 0, 1] = True, False  # SciPy knows no distance to nothing
    found = ops.convert_to_numpy(losses.signed_distance(ops.convert_to_tensor(np.float32(truth)), reach))
    expected = [distance_to_the_edge(mask, reach) for mask in truth[..., 0]]
    np.testing.assert_allclose(found[..., 0], expected, atol=1e-5)


def test_without_an_edge_all_is_as_far_as_the_distances_reach():
    for truth, expected in ((0.0, 3.5), (1.0, -3.5)):
        found = ops.convert_to_numpy(losses.signed_distance(ops.full((1, 5, 6, 1), truth), 4))
        np.testing.assert_allclose(found, np.full((1, 5, 6, 1), expected))


@pytest.mark.parametrize("reach", [0, -2])
def test_a_distance_that_reaches_nowhere_is_refused(reach):
    truth, probability = map(ops.convert_to_tensor, pair(0))
    for loss in (losses.boundary_loss, losses.bce_dice_boundary):
        with pytest.raises(CourseError, match=f"reach={reach} "):
            loss(truth, probability, reach=reach)


def test_the_boundary_loss_is_the_mean_of_distance_times_prediction():
    truth, probability = pair(8, (2, 20, 18, 1))
    distance = np.stack([distance_to_the_edge(mask > 0.5, 16) for mask in truth[..., 0]])
    expected = (distance * probability[..., 0]).mean(axis=(1, 2))
    np.testing.assert_allclose(value(losses.boundary_loss, truth, probability), expected, rtol=1e-4)
    both = value(losses.bce_dice_boundary, truth, probability, weight=0.5)
    np.testing.assert_allclose(both, value(losses.bce_dice, truth, probability) + 0.5 * expected, rtol=1e-4)
    assert (value(losses.boundary_loss, truth, np.rint(truth)) < value(losses.boundary_loss, truth, truth)).all()


def in_numpy(loss, truth, probability):
    """One image's loss in float64, from a definition of its own."""
    cross = entropy(truth, probability)
    if loss is losses.focal_loss:
        return (np.abs(truth - probability) ** 2 * cross).mean()
    if loss is losses.lovasz_loss:
        return lovasz_by_thresholds(truth, probability)
    if loss is losses.boundary_loss:
        return (distance_to_the_edge(truth > 0.5, 16) * probability).mean()
    if loss is losses.dice_loss:
        return 1 - (2 * (truth * probability).sum() + 1) / ((truth**2 + probability**2).sum() + 1)
    return cross.mean()


@pytest.mark.parametrize("loss", [losses.bce, losses.dice_loss, losses.focal_loss, losses.lovasz_loss,
                                  losses.boundary_loss])  # fmt: skip
def test_gradients_are_those_of_finite_differences(loss):
    truth, probability = (each[0, ..., 0].astype(float) for each in pair(11, (1, 4, 5, 1)))
    expected, step = np.empty(truth.shape), 1e-6
    for place in np.ndindex(truth.shape):
        moved = np.zeros(truth.shape)
        moved[place] = step
        up, down = (in_numpy(loss, truth, probability + sign * moved) for sign in (1, -1))
        expected[place] = (up - down) / (2 * step)
    np.testing.assert_allclose(gradient(loss, truth, probability), expected, rtol=2e-3, atol=1e-5)


def gradient(loss, truth, probability):
    """Of one image, on any backend: one step of plain gradient descent, at a rate of 1, goes that far back."""
    inputs = keras.Input((*truth.shape, 1))
    model = keras.Model(inputs, Table()(inputs))
    model.compile(keras.optimizers.SGD(1.0), loss)
    model.train_on_batch(probability[None, ..., None], truth[None, ..., None])
    return -model.get_weights()[0][..., 0]


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
