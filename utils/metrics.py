"""Scores of masks. All but `dice_score` take booleans ``(..., h, w)`` and return one value an image."""

import numpy as np
from keras import ops
from scipy.ndimage import binary_dilation, binary_erosion, generate_binary_structure, iterate_structure

from utils import CourseError


def dice(truth, prediction):
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
    Taught in ``notebooks/04_baseline_cnn.ipynb``.
    """
    both, either = _counts(truth, prediction)
    return _ratio(2 * both, both + either)


def iou(truth, prediction):
    """Intersection over union (the Jaccard index); 1 where both are empty. Arguments as for `dice`."""
    return _ratio(*_counts(truth, prediction))


def precision(truth, prediction):
    """Share of the predicted car that is car; 1 where nothing is predicted. Arguments as for `dice`."""
    both, _ = _counts(truth, prediction)
    return _ratio(both, _area(prediction))


def recall(truth, prediction):
    """Share of the car that is found; 1 where there is none. Arguments as for `dice`."""
    both, _ = _counts(truth, prediction)
    return _ratio(both, _area(truth))


def specificity(truth, prediction):
    """Share of the background that is left alone; 1 where there is none. Arguments as for `dice`."""
    _, either = _counts(truth, prediction)
    pixels = truth.shape[-2] * truth.shape[-1]
    return _ratio(pixels - either, pixels - _area(truth))


def accuracy(truth, prediction):
    """Share of all pixels that are right: high for anyone who says "background". Arguments as for `dice`."""
    _check(truth, prediction)
    return np.mean(truth == prediction, axis=(-2, -1))


def boundary_f(truth, prediction, tolerance=2):
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
    Taught in ``notebooks/06_losses_and_boundaries.ipynb``.
    """
    _check(truth, prediction)
    pairs = zip(truth.reshape(-1, *truth.shape[-2:]), prediction.reshape(-1, *truth.shape[-2:]), strict=True)
    scores = [_boundary_f(*pair, tolerance) for pair in pairs]
    return np.reshape(scores, truth.shape[:-2])[()]


def dice_score(y_true, y_pred):
    """`dice` of both masks thresholded at one half, for ``model.compile(metrics=[...])``.

    Parameters
    ----------
    y_true, y_pred : tensor of float, (n, h, w, 1), 0-1

    Returns
    -------
    tensor of float, (n,), 0-1
    """
    truth, prediction = (ops.cast(mask > 0.5, "float32") for mask in (y_true, y_pred))
    overlap = ops.sum(truth * prediction, axis=(1, 2, 3))
    total = ops.sum(truth + prediction, axis=(1, 2, 3))
    return ops.where(total > 0, 2 * overlap / ops.maximum(total, 1), 1.0)


def _boundary_f(truth, prediction, tolerance):
    outlines = [mask & ~binary_erosion(mask, border_value=1) for mask in (truth, prediction)]
    if not (outlines[0].any() and outlines[1].any()):
        return float(np.array_equal(truth, prediction))
    reach = iterate_structure(generate_binary_structure(2, 1), tolerance) if tolerance else np.ones((1, 1))
    near = [binary_dilation(outline, reach) for outline in outlines]
    found, right = (outlines[0] & near[1]).sum() / outlines[0].sum(), (outlines[1] & near[0]).sum() / outlines[1].sum()
    return 2 * found * right / max(found + right, 1e-12)


def _counts(truth, prediction):
    """Pixels in both masks, pixels in either."""
    _check(truth, prediction)
    return _area(truth & prediction), _area(truth | prediction)


def _area(mask):
    return np.count_nonzero(mask, axis=(-2, -1))


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
