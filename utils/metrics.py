"""Scores of masks, booleans ``(..., h, w)``: one an image. Only `dice_score`, for ``model.compile``, needs Keras."""

from collections import namedtuple
from typing import Any

import cv2
import numpy as np
from scipy.ndimage import binary_dilation, binary_erosion, generate_binary_structure, iterate_structure

from utils import CourseError

Scores = float | np.ndarray
Tensor = Any  # of Keras' backend
ConfusionMatrix = namedtuple("ConfusionMatrix", "tp fp fn tn")


def confusion_matrix(truth: np.ndarray, prediction: np.ndarray) -> ConfusionMatrix:
    """Count the pixels of each kind: true and false positives, false and true negatives. Positive is the car.

    Parameters
    ----------
    truth, prediction : ndarray of bool, (..., h, w)

    Returns
    -------
    ConfusionMatrix
        ``tp, fp, fn, tn``, each an int or an ndarray of int, (...).

    Raises
    ------
    CourseError
        Shapes differ, or a mask is not boolean.

    Examples
    --------
    >>> import numpy as np
    >>> [int(count) for count in confusion_matrix(np.array([[True, True]]), np.array([[True, False]]))]
    [1, 0, 1, 0]

    Notes
    -----
    Taught in ``notebooks/05_baseline_cnn.ipynb``.
    """
    _check(truth, prediction)
    both, car, found = (_count(mask) for mask in (truth & prediction, truth, prediction))
    pixels = truth.shape[-2] * truth.shape[-1]
    return ConfusionMatrix(tp=both, fp=found - both, fn=car - both, tn=pixels - car - found + both)


def scores(tp: int | np.ndarray, fp: int | np.ndarray, fn: int | np.ndarray, tn: int | np.ndarray) -> dict[str, Scores]:
    """Everything that follows from a `confusion_matrix`: `dice`, `iou`, and so on, by name.

    Parameters
    ----------
    tp, fp, fn, tn : int or ndarray of int

    Returns
    -------
    dict of float, or of ndarray of float, 0-1
    """
    return {
        "dice": _ratio(2 * tp, 2 * tp + fp + fn),
        "iou": _ratio(tp, tp + fp + fn),
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "specificity": _ratio(tn, tn + fp),
        "accuracy": _ratio(tp + tn, tp + fp + fn + tn),
    }


def dice(truth: np.ndarray, prediction: np.ndarray) -> Scores:
    """The challenge's score: twice the overlap over the sum of both areas; 1 where both are empty.

    Parameters
    ----------
    truth, prediction : ndarray of bool, (..., h, w)

    Returns
    -------
    float or ndarray of float, (...), 0-1

    Raises
    ------
    CourseError
        Shapes differ, or a mask is not boolean.

    Examples
    --------
    >>> import numpy as np
    >>> float(dice(np.array([[True, True]]), np.array([[True, False]])).round(3))
    0.667

    Notes
    -----
    Taught in ``notebooks/05_baseline_cnn.ipynb``.
    """
    return scores(*confusion_matrix(truth, prediction))["dice"]


def iou(truth: np.ndarray, prediction: np.ndarray) -> Scores:
    """Intersection over union (the Jaccard index); 1 where both are empty. Arguments as for `dice`."""
    return scores(*confusion_matrix(truth, prediction))["iou"]


def precision(truth: np.ndarray, prediction: np.ndarray) -> Scores:
    """Share of the predicted car that is car; 1 where nothing is predicted. Arguments as for `dice`."""
    return scores(*confusion_matrix(truth, prediction))["precision"]


def recall(truth: np.ndarray, prediction: np.ndarray) -> Scores:
    """Share of the car that is found; 1 where there is none. Arguments as for `dice`."""
    return scores(*confusion_matrix(truth, prediction))["recall"]


def specificity(truth: np.ndarray, prediction: np.ndarray) -> Scores:
    """Share of the background that is left alone; 1 where there is none. Arguments as for `dice`."""
    return scores(*confusion_matrix(truth, prediction))["specificity"]


def accuracy(truth: np.ndarray, prediction: np.ndarray) -> Scores:
    """Share of all pixels that are right: high for anyone who says "background". Arguments as for `dice`."""
    return scores(*confusion_matrix(truth, prediction))["accuracy"]


def boundary_f(truth: np.ndarray, prediction: np.ndarray, tolerance: int = 2) -> Scores:
    """F-score of the two outlines: how much of each lies within ``tolerance`` pixels of the other.

    Parameters
    ----------
    truth, prediction : ndarray of bool, (..., h, w)
    tolerance : int
        City-block distance in pixels.

    Returns
    -------
    float or ndarray of float, (...), 0-1
        1 where both are empty, 0 where one is.

    Notes
    -----
    After Csurka, Larlus and Perronnin, "What is a good evaluation measure for semantic segmentation?", BMVC 2013.
    Taught in ``notebooks/07_losses_and_boundaries.ipynb``.
    """
    _check(truth, prediction)
    return _image_by_image(_boundary_f, truth, prediction, tolerance)


def boundary_offset(truth: np.ndarray, prediction: np.ndarray, reach: float = 10) -> Scores:
    """How far the predicted outline lies outside (above 0) or inside (below 0) of the true one, on average.

    False positives less false negatives, both counted up to ``reach`` pixels from the true edge, over the length of
    the true outline.

    Parameters
    ----------
    truth, prediction : ndarray of bool, (..., h, w)
    reach : float
        In pixels. What is wrong farther away is no matter of the outline.

    Returns
    -------
    float or ndarray of float, (...)
        In pixels; 0 where there is no outline.

    Raises
    ------
    CourseError
        Shapes differ, or a mask is not boolean.

    Notes
    -----
    Taught in ``notebooks/07_losses_and_boundaries.ipynb``.
    """
    _check(truth, prediction)
    return _image_by_image(_boundary_offset, truth, prediction, reach)


def dice_score(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """`dice` of both masks thresholded at one half, for ``model.compile(metrics=[...])``.

    Parameters
    ----------
    y_true, y_pred : tensor of float, (n, h, w, 1), 0-1

    Returns
    -------
    tensor of float, (n,), 0-1
    """
    from keras import ops

    truth, prediction = (ops.cast(mask > 0.5, "float32") for mask in (y_true, y_pred))
    overlap = ops.sum(truth * prediction, axis=(1, 2, 3))
    total = ops.sum(truth + prediction, axis=(1, 2, 3))
    return ops.where(total > 0, 2 * overlap / ops.maximum(total, 1), 1.0)


def _image_by_image(score, truth, prediction, *settings):
    pairs = zip(truth.reshape(-1, *truth.shape[-2:]), prediction.reshape(-1, *truth.shape[-2:]), strict=True)
    return np.reshape([score(*pair, *settings) for pair in pairs], truth.shape[:-2])[()]


def _boundary_f(truth, prediction, tolerance):
    outlines = [_outline(mask) for mask in (truth, prediction)]
    if not (outlines[0].any() and outlines[1].any()):
        return float(np.array_equal(truth, prediction))
    reach = iterate_structure(generate_binary_structure(2, 1), tolerance) if tolerance else np.ones((1, 1))
    near = [binary_dilation(outline, reach) for outline in outlines]
    found, right = (outlines[0] & near[1]).sum() / outlines[0].sum(), (outlines[1] & near[0]).sum() / outlines[1].sum()
    return 2 * found * right / max(found + right, 1e-12)


def _outline(mask):
    """The car's pixels that have a background pixel above, below or beside them."""
    return mask & ~binary_erosion(mask, border_value=1)


def _boundary_offset(truth, prediction, reach):
    def near(side, wrong):
        """How many pixels of one side of the edge are wrong and within reach of the other side."""
        distance = cv2.distanceTransform(side.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        return np.count_nonzero(wrong & (distance <= reach))

    length = np.count_nonzero(_outline(truth))
    return (near(~truth, prediction & ~truth) - near(truth, truth & ~prediction)) / length if length else 0.0


def _count(mask):
    """Pixels of each mask; `np.count_nonzero` is fast without an axis only."""
    counts = [np.count_nonzero(each) for each in mask.reshape(-1, *mask.shape[-2:])]
    return np.array(counts, int).reshape(mask.shape[:-2])[()]


def _ratio(part, whole):
    return np.where(whole == 0, 1.0, part / np.maximum(whole, 1))[()]


def _check(truth, prediction):
    for name, mask in (("truth", truth), ("prediction", prediction)):
        if mask.dtype != bool:
            raise CourseError(f"{name} must be boolean, not {mask.dtype}: threshold first, e.g. probabilities > 0.5.")
    if truth.shape != prediction.shape:
        raise CourseError(
            f"truth {truth.shape} and prediction {prediction.shape} differ in shape: score at the original size."
        )
