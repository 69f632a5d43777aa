"""Losses for masks: truth in [0, 1] (soft or hard) against probabilities, both ``(n, h, w, 1)``; one value an image."""

from collections.abc import Callable
from typing import Any

from keras import ops

from utils import CourseError

Tensor = Any  # of the backend in use
IMAGE_AXES = (1, 2, 3)
EPSILON = 1e-7
IGNORE_LABEL = 128  # the grey value, in masks of 0-255, that `ignoring` leaves out


def bce(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Binary cross-entropy: the mean over the pixels of each image.

    Parameters
    ----------
    y_true, y_pred : tensor of float, (n, h, w, 1), 0-1

    Returns
    -------
    tensor of float, (n,)
        At least the entropy of ``y_true``: 0 only where the truth is 0 or 1 everywhere.

    Notes
    -----
    Taught in ``notebooks/07_losses_and_boundaries.ipynb``.
    """
    return ops.mean(_cross_entropy(y_true, y_pred), axis=IMAGE_AXES)


def dice_loss(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """One minus the soft Dice coefficient, with squares in the denominator.

    With squares the loss of a soft mask is 0 exactly where prediction and truth agree; with plain sums it would
    pull soft edges towards 0 or 1.

    Parameters
    ----------
    y_true, y_pred : tensor of float, (n, h, w, 1), 0-1

    Returns
    -------
    tensor of float, (n,), 0-1

    Notes
    -----
    After Milletari, Navab and Ahmadi, "V-Net", 3DV 2016, section 3.
    Taught in ``notebooks/07_losses_and_boundaries.ipynb``.
    """
    y_true = ops.cast(y_true, y_pred.dtype)
    overlap = ops.sum(y_true * y_pred, axis=IMAGE_AXES)
    total = ops.sum(ops.square(y_true) + ops.square(y_pred), axis=IMAGE_AXES)
    return 1 - (2 * overlap + 1) / (total + 1)


def bce_dice(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """`bce` plus `dice_loss`: sure of each pixel, and right about the shape.

    Parameters
    ----------
    y_true, y_pred : tensor of float, (n, h, w, 1), 0-1

    Returns
    -------
    tensor of float, (n,)

    Notes
    -----
    Taught in ``notebooks/07_losses_and_boundaries.ipynb``.
    """
    return bce(y_true, y_pred) + dice_loss(y_true, y_pred)


def boundary_bce_dice(y_true: Tensor, y_pred: Tensor, width: int = 11, weight: float = 2.0) -> Tensor:
    """`boundary_weighted_bce` plus `dice_loss`.

    Parameters
    ----------
    y_true, y_pred : tensor of float, (n, h, w, 1), 0-1
    width, weight : int, float
        As for `boundary_weights`.

    Returns
    -------
    tensor of float, (n,)

    Raises
    ------
    CourseError
        As for `boundary_weights`.

    Notes
    -----
    Taught in ``notebooks/07_losses_and_boundaries.ipynb``.
    """
    return boundary_weighted_bce(y_true, y_pred, width, weight) + dice_loss(y_true, y_pred)


def boundary_weighted_bce(y_true: Tensor, y_pred: Tensor, width: int = 11, weight: float = 2.0) -> Tensor:
    """Cross-entropy that counts pixels near the edge of the mask more: a weighted mean over each image.

    Parameters
    ----------
    y_true, y_pred : tensor of float, (n, h, w, 1), 0-1
    width, weight : int, float
        As for `boundary_weights`.

    Returns
    -------
    tensor of float, (n,)

    Raises
    ------
    CourseError
        As for `boundary_weights`.

    Notes
    -----
    Taught in ``notebooks/07_losses_and_boundaries.ipynb``.
    """
    weights = boundary_weights(ops.cast(y_true, y_pred.dtype), width, weight)
    total = ops.sum(weights * _cross_entropy(y_true, y_pred), axis=IMAGE_AXES)
    return total / ops.sum(weights, axis=IMAGE_AXES)


def boundary_weights(y_true: Tensor, width: int = 11, weight: float = 2.0) -> Tensor:
    """How much each pixel counts: more, the more mixed its neighbourhood.

    With the local mean ``m`` of the mask, ``1 + weight * 4 m (1 - m)``: 1 where all of the neighbourhood is car or
    all is background, ``1 + weight`` where it is half and half.

    Parameters
    ----------
    y_true : tensor of float, (n, h, w, 1), 0-1
    width : int
        Side of the square neighbourhood in pixels, odd. At the border of the image only what lies inside counts.
    weight : float
        0 or more.

    Returns
    -------
    tensor of float, (n, h, w, 1), 1 to ``1 + weight``

    Raises
    ------
    CourseError
        ``width`` is even or below 1: such a square has no pixel in its middle.

    Notes
    -----
    Taught in ``notebooks/07_losses_and_boundaries.ipynb``.
    """
    if width < 1 or width % 2 == 0:
        raise CourseError(f"width={width} has no pixel in its middle: use an odd number, e.g. 5 or 11.")
    mean = ops.average_pool(y_true, width, strides=1, padding="same")
    return 1 + weight * 4 * mean * (1 - mean)


def ignoring(loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """Make a loss leave out the pixels that carry the ignore label.

    Parameters
    ----------
    loss : callable
        `bce`, `dice_loss` or their sum.

    Returns
    -------
    callable
        The loss with truth and prediction set to 0, a background that was found, wherever the truth is
        `IGNORE_LABEL` / 255.

    Notes
    -----
    `IGNORE_LABEL` is the value in the middle: in a soft mask it says "half car". A true mask has it in about one
    pixel of 256 along its edge, which is then left out as well. Where augmentation moves a mask by parts of a pixel,
    the rim of an ignored patch mixes with its neighbours and counts as a soft label.
    Taught in ``notebooks/08_competition_tricks.ipynb``.
    """

    def labelled_pixels(y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        labelled = ops.cast(abs(255 * y_true - IGNORE_LABEL) > 0.25, y_pred.dtype)
        return loss(labelled * y_true, labelled * y_pred)

    labelled_pixels.__name__ = f"ignoring_{loss.__name__}"
    return labelled_pixels


def _cross_entropy(y_true, y_pred):
    y_true = ops.cast(y_true, y_pred.dtype)
    y_pred = ops.clip(y_pred, EPSILON, 1 - EPSILON)
    return -(y_true * ops.log(y_pred) + (1 - y_true) * ops.log(1 - y_pred))
