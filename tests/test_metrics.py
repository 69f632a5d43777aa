"""Scores against sets of pixels and cases worked by hand. Passes on every backend."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from keras import ops

from utils import CourseError, metrics

ALL = [
    metrics.dice, metrics.iou, metrics.precision, metrics.recall, metrics.specificity, metrics.accuracy,
    metrics.boundary_f, metrics.boundary_offset,
]  # fmt: skip
pairs = array_shapes(min_dims=2, max_dims=2, max_side=7).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape))
)


def mask(*lines):
    return np.array([[character == "#" for character in line] for line in lines])


def pixels(mask):
    return set(zip(*np.nonzero(mask)))


def share(part, whole):
    return part / whole if whole else 1.0


@given(pairs)
def test_counts_and_scores_are_those_of_sets_of_pixels(pair):
    truth, prediction = pair
    t, p = map(pixels, pair)
    expected = {"tp": len(t & p), "fp": len(p - t), "fn": len(t - p), "tn": truth.size - len(t | p)}
    assert metrics.confusion_matrix(truth, prediction)._asdict() == expected
    assert metrics.dice(truth, prediction) == pytest.approx(share(2 * len(t & p), len(t) + len(p)))
    assert metrics.iou(truth, prediction) == pytest.approx(share(len(t & p), len(t | p)))
    assert metrics.precision(truth, prediction) == pytest.approx(share(len(t & p), len(p)))
    assert metrics.recall(truth, prediction) == pytest.approx(share(len(t & p), len(t)))
    assert metrics.specificity(truth, prediction) == pytest.approx(share(truth.size - len(t | p), truth.size - len(t)))
    assert metrics.accuracy(truth, prediction) == pytest.approx(1 - len(t ^ p) / truth.size)


@given(pairs)
def test_dice_and_iou_are_one_number_in_two_guises(pair):
    overlap = metrics.iou(*pair)
    assert metrics.dice(*pair) == pytest.approx(2 * overlap / (1 + overlap))


@given(pairs, st.integers(0, 3))
def test_outlines_are_compared_as_sets(pair, tolerance):
    outlines = [outline(mask) for mask in pair]
    if not all(outlines):
        expected = float(np.array_equal(*pair))
    else:
        found, right = (
            np.mean([any(abs(y - v) + abs(x - u) <= tolerance for v, u in other) for y, x in one])
            for one, other in (outlines, outlines[::-1])
        )
        expected = 2 * found * right / (found + right) if found + right else 0
    assert metrics.boundary_f(*pair, tolerance=tolerance) == pytest.approx(expected)


def outline(mask):
    """Pixels of the mask with a neighbour, above, below, left or right, that is in the image and not in the mask."""
    inside, all_pixels = pixels(mask), pixels(mask | True)
    return [(y, x) for y, x in inside if {(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)} & all_pixels - inside]


@pytest.mark.parametrize(
    "truth, prediction, dice, iou, precision, recall, specificity, accuracy",
    [
        (["##..", "##.."], [".##.", ".##."], 0.5, 1 / 3, 0.5, 0.5, 0.5, 0.5),
        (["#...", "...."], ["####", "...."], 0.4, 0.25, 0.25, 1, 4 / 7, 5 / 8),
        (["####", "####"], ["##..", "...."], 0.4, 0.25, 1, 0.25, 1, 0.25),
        (["....", "...."], ["....", "...."], 1, 1, 1, 1, 1, 1),
        (["....", "...."], ["#...", "...."], 0, 0, 0, 1, 7 / 8, 7 / 8),
        (["#...", "...."], ["....", "...."], 0, 0, 1, 0, 1, 7 / 8),
        (["####", "####"], ["####", "####"], 1, 1, 1, 1, 1, 1),
    ],
)
def test_cases_worked_by_hand(truth, prediction, dice, iou, precision, recall, specificity, accuracy):
    found = [metric(mask(*truth), mask(*prediction)) for metric in ALL[:6]]
    assert found == pytest.approx([dice, iou, precision, recall, specificity, accuracy])


SQUARE = np.zeros((20, 20), bool)
SQUARE[5:15, 5:15] = True


@pytest.mark.parametrize(
    "shift, tolerance, expected", [(0, 0, 1), (2, 2, 1), (1, 0, 18 / 36), (3, 2, None), (8, 1, None)]
)
def test_a_shifted_square_loses_its_outline_beyond_the_tolerance(shift, tolerance, expected):
    found = metrics.boundary_f(SQUARE, np.roll(SQUARE, shift, axis=1), tolerance=tolerance)
    if expected is None:
        assert 0 < found < 0.8
    else:
        assert found == pytest.approx(expected)


def test_boundary_cases():
    empty, full = np.zeros((9, 9), bool), np.ones((9, 9), bool)
    dot = empty.copy()
    dot[4, 4] = True
    assert metrics.boundary_f(empty, empty) == 1
    assert metrics.boundary_f(full, full) == 1
    assert metrics.boundary_f(dot, empty) == metrics.boundary_f(empty, dot) == 0
    assert metrics.boundary_f(dot, np.roll(dot, 2, 0)) == 1
    assert metrics.boundary_f(dot, np.roll(dot, (2, 1), (0, 1))) == 0  # three steps away
    half = empty.copy()
    half[:, :4] = True  # the border of the image is no outline
    assert metrics.boundary_f(half, np.roll(half, 1, 1) | half, tolerance=0) == 0


def test_a_hole_costs_the_boundary_score_and_hardly_the_dice():
    holed = SQUARE.copy()
    holed[9:11, 9:11] = False
    assert metrics.dice(SQUARE, holed) > 0.97
    assert metrics.boundary_f(SQUARE, holed) == pytest.approx(0.9)  # 36 of 44 pixels of the outline are right


def square(grown=0):
    """8 x 8 pixels in the middle of 40 x 40, with its sides moved out by so many pixels."""
    mask = np.zeros((40, 40), bool)
    mask[16 - grown : 24 + grown, 16 - grown : 24 + grown] = True
    return mask


@pytest.mark.parametrize("grown, area", [(-2, -48), (-1, -28), (0, 0), (1, 36), (3, 132)])
def test_the_offset_is_the_area_between_the_outlines_over_their_length(grown, area):
    assert metrics.boundary_offset(square(), square(grown), reach=5) == pytest.approx(area / 28)


def test_the_offset_looks_no_farther_than_its_reach():
    stray, hole = square(), square()
    stray[16, 29], hole[19, 19] = True, False  # 6 pixels from the car; 4 from the background
    assert metrics.boundary_offset(square(), stray, reach=5.9) == 0
    assert metrics.boundary_offset(square(), stray, reach=6) == pytest.approx(1 / 28)
    assert metrics.boundary_offset(square(), hole, reach=3.9) == 0
    assert metrics.boundary_offset(square(), hole, reach=4) == pytest.approx(-1 / 28)
    assert metrics.boundary_offset(np.zeros((5, 5), bool), np.ones((5, 5), bool)) == 0


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,)])
def test_stacks_of_masks_are_scored_one_by_one(metric, shape):
    rng = np.random.default_rng(0)
    truth, prediction = rng.random((2, *shape, 6, 5)) > 0.5
    found = metric(truth, prediction)
    assert np.shape(found) == shape
    for place in np.ndindex(shape):
        assert np.asarray(found)[place] == pytest.approx(metric(truth[place], prediction[place]))


def test_a_stack_has_a_confusion_matrix_an_image():
    truth, prediction = np.random.default_rng(0).random((2, 3, 4, 6, 5)) > 0.5
    found = metrics.confusion_matrix(truth, np.asfortranarray(prediction))
    for place in np.ndindex(3, 4):
        assert [count[place] for count in found] == list(metrics.confusion_matrix(truth[place], prediction[place]))
    assert (sum(found) == 30).all()


@pytest.mark.parametrize("metric", ALL)
def test_a_single_score_is_a_plain_number(metric):
    assert isinstance(metric(SQUARE, SQUARE), float)


@pytest.mark.parametrize("metric", [*ALL, metrics.confusion_matrix])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int64])
def test_masks_must_be_boolean(metric, dtype):
    with pytest.raises(CourseError, match=f"truth.*{np.dtype(dtype)}.*threshold"):
        metric(SQUARE.astype(dtype), SQUARE)
    with pytest.raises(CourseError, match=f"prediction.*{np.dtype(dtype)}.*threshold"):
        metric(SQUARE, SQUARE.astype(dtype))


@pytest.mark.parametrize("metric", [*ALL, metrics.confusion_matrix])
def test_masks_must_have_one_shape(metric):
    for other in (SQUARE[None], SQUARE[:10], SQUARE[:, :1]):
        with pytest.raises(CourseError, match=r"\(20, 20\).*original size"):
            metric(SQUARE, other)


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_the_training_metric_thresholds_both_sides(seed):
    rng = np.random.default_rng(seed)
    truth, probability = rng.random((2, 3, 4, 5, 1)).astype(np.float32)
    truth[1], probability[1] = 0, 0
    found = ops.convert_to_numpy(metrics.dice_score(ops.convert_to_tensor(truth), ops.convert_to_tensor(probability)))
    expected = metrics.dice(truth[..., 0] > 0.5, probability[..., 0] > 0.5)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found[1] == 1
