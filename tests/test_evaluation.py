"""Scores, thresholds and pseudo-labels at the original size against sums done by hand. Passes on every backend."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import scipy.stats
import shapes
from fakes import fake_model
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from keras import layers, ops
from PIL import Image

from utils import CourseError, data, evaluation, inference, losses, training
from utils.augment import Batches


@pytest.fixture(scope="module")
def model():
    return fake_model()


@pytest.mark.parametrize("threshold", [0.2, 0.3])
@pytest.mark.parametrize("part", ["train", "test"])
def test_evaluation_equals_the_sums_done_by_hand(model, shapes_root, part, threshold):
    frame = data.open_data(shapes_root, part)[5:30:6]
    found = evaluation.evaluate(model, frame, tta=True, threshold=threshold)
    assert found[["id", "view"]].values.tolist() == frame[["id", "view"]].values.tolist()
    for row, probability in zip(found.itertuples(), inference.predict(model, frame["image"], tta=True), strict=True):
        truth, prediction = shapes.draw(row.id, row.view)[1], probability > threshold
        both, areas = (truth & prediction).sum(), truth.sum() + prediction.sum()
        assert 0 < prediction.sum() < prediction.size
        assert row.dice == pytest.approx(2 * both / areas)
        assert row.iou == pytest.approx(both / (areas - both))
        assert row.precision == pytest.approx(both / prediction.sum())
        assert row.recall == pytest.approx(both / truth.sum())
        assert row.specificity == pytest.approx((~truth & ~prediction).sum() / (~truth).sum())
        assert row.accuracy == pytest.approx((truth == prediction).mean())


def test_evaluation_thresholds_at_one_half(model, shapes_root):
    frame = data.open_data(shapes_root)[:40:5]
    at_half = evaluation.evaluate(model, frame, threshold=0.5)
    assert evaluation.evaluate(model, frame).equals(at_half)
    assert not evaluation.evaluate(model, frame, threshold=0.45).equals(at_half)


def test_evaluation_needs_masks(model, tmp_path):
    root = shapes.write_data(tmp_path / "data", test_cars=1)
    (root / "solution.csv").unlink()
    with pytest.raises(CourseError, match="_01.jpg has no mask"):
        evaluation.evaluate(model, data.open_data(root, "test"))


def test_an_ensemble_is_evaluated_like_a_model(model, shapes_root):
    frame = data.open_data(shapes_root)[:40:5]
    models = [model, fake_model(32, 32)]
    assert evaluation.evaluate([model, model], frame).equals(evaluation.evaluate(model, frame))
    assert evaluation.evaluate([model], frame, tta=True).equals(evaluation.evaluate(model, frame, tta=True))
    found = evaluation.evaluate(models, frame, threshold=0.3)["dice"]
    for score, path, truth in zip(found, frame["image"], map(data.read_mask, frame.to_dict("records")), strict=True):
        prediction = np.mean([next(inference.predict(each, [path])) for each in models], axis=0) > 0.3
        assert score == pytest.approx(2 * (prediction & (truth > 127)).sum() / (prediction.sum() + (truth > 127).sum()))


# --- thresholds and pseudo-labels -----------------------------------------------------------------------


@pytest.mark.parametrize("tta", [False, True])
@pytest.mark.parametrize("sizes", [[(16, 24)], [(16, 24), (8, 8)]])
def test_every_threshold_is_scored_as_an_evaluation_would(shapes_root, sizes, tta):
    frame = data.open_data(shapes_root)[:40:9]
    model = [fake_model(*size) for size in sizes]
    found = evaluation.best_threshold(model, frame, tta=tta)
    assert found.index.name == "threshold"
    np.testing.assert_allclose(found.index, np.arange(0.2, 0.805, 0.01))
    for threshold in (0.2, 0.25, 0.5, 0.8):
        expected = evaluation.evaluate(model, frame, tta=tta, threshold=threshold)["dice"].mean()
        assert found.loc[threshold, "dice"] == pytest.approx(expected)


@given(st.data(), st.sampled_from([np.float32, np.float64]))
def test_one_pass_finds_what_each_threshold_finds_by_itself(drawn, dtype):
    """Probabilities on a threshold, the next number below and above it, and any other."""
    on = np.array([0, 1, *evaluation.THRESHOLDS], dtype)
    on = np.concatenate([on, np.nextafter(on, dtype(0)), np.nextafter(on, dtype(1))])
    shape = drawn.draw(array_shapes(min_dims=2, max_dims=2, max_side=8))
    values = st.sampled_from(on.tolist()) | st.floats(0, 1, width=np.finfo(dtype).bits)
    probability, truth = drawn.draw(arrays(dtype, shape, elements=values)), drawn.draw(arrays(bool, shape))
    found = evaluation._dice_at_thresholds(truth, probability)
    for dice, threshold in zip(found, evaluation.THRESHOLDS, strict=True):
        prediction = probability > threshold
        areas = truth.sum() + prediction.sum()
        assert dice == (2 * (truth & prediction).sum() / areas if areas else 1)


def test_the_best_threshold_is_the_one_that_separates_car_from_wall(tmp_path):
    """Photos whose grey value is 0.6 of white on the car, 0.45 and 0.05 beside it."""
    root = shapes.write_data(tmp_path / "data", cars=1, views=2)
    frame = data.open_data(root)
    for row in frame.to_dict("records"):
        truth = shapes.draw(row["id"], row["view"])[1]
        grey = np.where(truth, 0.6, np.where(np.arange(96) < 48, 0.45, 0.05))
        Image.fromarray(np.repeat(np.uint8(255 * grey)[..., None], 3, axis=2)).save(row["image"], quality=100)
    inputs = keras.Input((64, 96, 3))
    model = keras.Model(inputs, layers.Rescaling(1 / 255)(inputs[..., :1]))
    found = evaluation.best_threshold(model, frame)["dice"]
    assert 0.45 <= found.idxmax() < 0.6
    assert found.max() > 0.99
    assert found[0.3] < 0.9 > found[0.7]


def test_thresholds_and_labels_need_images(model, shapes_root):
    none = data.open_data(shapes_root)[:0]
    with pytest.raises(CourseError, match="no image"):
        evaluation.best_threshold(model, none)
    with pytest.raises(CourseError, match="no image"):
        evaluation.pseudo_labels(model, none, 16)


@pytest.mark.parametrize("confidence", [0.7, 0.9, 1])
@pytest.mark.parametrize("tta", [False, True])
def test_labels_are_the_answers_where_they_are_confident(model, shapes_root, confidence, tta):
    frame = data.open_data(shapes_root, "test")[:3]
    found = evaluation.pseudo_labels(model, frame, (16, 24), confidence=confidence, tta=tta)
    assert found.dtype == np.uint8
    assert found.shape == (3, 16, 24)
    for label, probability in zip(found, inference.predict(model, frame["image"], tta=tta), strict=True):
        small = probability.astype(float).reshape(16, 4, 24, 4).mean(axis=(1, 3))  # 64 x 96, by areas of 4 x 4
        distance = np.maximum(small, 1 - small) - confidence
        clear = abs(distance) > 1e-4
        confident = clear & (distance > 0)
        assert (label[clear & (distance < 0)] == losses.IGNORE_LABEL).all()
        assert (label[confident] != losses.IGNORE_LABEL).all()
        np.testing.assert_allclose(label[confident], 255 * small[confident], atol=0.51)
    assert (found == losses.IGNORE_LABEL).any()


def test_an_ensemble_labels_what_it_agrees_on(shapes_root):
    """One model sees car everywhere, the other one nowhere: together they are sure of nothing."""
    inputs = keras.Input((16, 16, 3))
    yes, no = (keras.Model(inputs, ops.zeros_like(inputs[..., :1]) + value) for value in (1.0, 0.0))
    frame = data.open_data(shapes_root)[:2]
    assert (evaluation.pseudo_labels([yes, no], frame, 8) == losses.IGNORE_LABEL).all()
    assert (evaluation.pseudo_labels([yes, yes], frame, 8) == 255).all()
    assert (evaluation.pseudo_labels(no, frame, 8) == 0).all()


@pytest.mark.parametrize("confidence", [0, 0.5, 1.01, float("nan")])
def test_a_confidence_that_means_nothing_is_refused(model, shapes_root, confidence):
    with pytest.raises(CourseError, match="above 0.5"):
        evaluation.pseudo_labels(model, data.open_data(shapes_root)[:1], 16, confidence=confidence)


def test_labels_need_no_masks(model, tmp_path):
    root = shapes.write_data(tmp_path / "data", test_cars=1)
    (root / "solution.csv").unlink()
    frame = data.open_data(root, "test")
    assert evaluation.pseudo_labels(model, frame, 16).shape == (len(frame), 16, 16)


def test_ignored_patches_stay_ignored_under_augmentation():
    masks = np.zeros((4, 48, 48), np.uint8)
    masks[:, :, 24:] = 255
    masks[:, 16:32, 16:32] = losses.IGNORE_LABEL
    moving = {"flip": 0.5, "shift": 0.1, "scale": 0.1, "rotate": 10, "hsv": (50, 5, 15)}
    for batches in (
        Batches(np.zeros((4, 48, 48, 3), np.uint8), masks, batch=4, seed=seed, **moving) for seed in range(5)
    ):
        y = batches[0][1]
        ignored = np.isclose(255 * y, losses.IGNORE_LABEL, atol=1e-3).sum(axis=(1, 2, 3))
        assert ((0.6 * 256 < ignored) & (ignored < 1.5 * 256)).all()


class Guess(layers.Layer):
    """A free number for each pixel, whatever the image; at first the probability is one half everywhere."""

    def build(self, shape):
        self.table = self.add_weight(shape=(1, *shape[1:3], 1), initializer="zeros")

    def call(self, x):
        return ops.sigmoid(self.table + 0 * x[..., :1])


@pytest.mark.slow
@pytest.mark.parametrize("loss", [losses.bce, losses.bce_dice])
def test_training_leaves_ignored_pixels_alone(loss):
    images = np.zeros((8, 16, 16, 3), np.uint8)
    masks = np.zeros((8, 16, 16), np.uint8)
    masks[:, :8] = 255
    masks[:, :, 8:] = losses.IGNORE_LABEL
    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, Guess()(inputs))
    training.fit(
        model,
        Batches(images, masks, batch=4),
        (images, masks),
        epochs=20,
        optimizer=keras.optimizers.Adam(0.2),
        loss=losses.ignoring(loss),
        verbose=False,
    )
    found = inference.probabilities(model, images[:1])[0]
    assert (found[:8, :8] > 0.8).all()
    assert (found[8:, :8] < 0.2).all()
    np.testing.assert_allclose(found[:, 8:], 0.5, atol=1e-6)


# --- intervals --------------------------------------------------------------------------------------


def test_the_interval_is_that_of_scipys_bootstrap_and_near_that_of_theory():
    values = np.random.default_rng(3).normal(0.9, 0.02, 60)
    low, high = evaluation.interval(values)
    theirs = scipy.stats.bootstrap([values], np.mean, method="percentile", rng=1).confidence_interval
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=4e-4)
    half = 1.96 * values.std(ddof=1) / np.sqrt(60)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=6e-4)
    assert (low, high) == evaluation.interval(list(values))


def test_a_wider_interval_holds_more_of_the_means():
    values = np.random.default_rng(4).normal(0.9, 0.02, 60)
    mean, half = values.mean(), 2.576 * values.std(ddof=1) / np.sqrt(60)
    assert evaluation.interval(values, level=0.99) == pytest.approx((mean - half, mean + half), abs=9e-4)
    assert evaluation.interval(values, level=0.95) == evaluation.interval(values)


def test_an_interval_of_equal_values_is_that_value():
    assert evaluation.interval([0.5, 0.5, 0.5]) == (0.5, 0.5)
