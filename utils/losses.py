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


def focal_loss(y_true: Tensor, y_pred: Tensor, gamma: float = 2.0) -> Tensor:
    """Cross-entropy in which a pixel counts the less, the closer prediction and truth already are.

    Each pixel's cross-entropy is multiplied by ``|y_true - y_pred| ** gamma``.

    Parameters
    ----------
    y_true, y_pred : tensor of float, (n, h, w, 1), 0-1
    gamma : float
        0 or more; 0 is `bce`.

    Returns
    -------
    tensor of float, (n,)
        0 where prediction and truth agree, even if the truth is soft.

    Notes
    -----
    After Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017 (arXiv:1708.02002), whose factor
    ``(1 - p_t) ** gamma`` is the same for a truth of 0 or 1; for soft truth after Li et al., "Generalized Focal Loss",
    NeurIPS 2020 (arXiv:2006.04388). Taught in ``notebooks/07_losses_and_boundaries.ipynb``.
    """
    distance = ops.abs(ops.cast(y_true, y_pred.dtype) - y_pred)
    return ops.mean(distance**gamma * _cross_entropy(y_true, y_pred), axis=IMAGE_AXES)


def lovasz_loss(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """One minus the IoU, made continuous: each pixel's error counts by what it costs the IoU.

    The pixels of an image are sorted by their error ``|y_true - y_pred|``, the largest first. Each is multiplied by the
    amount by which the IoU falls when this pixel, too, becomes wrong.

    Parameters
    ----------
    y_true : tensor of float, (n, h, w, 1), 0-1
        Soft masks count as car above one half.
    y_pred : tensor of float, (n, h, w, 1), 0-1

    Returns
    -------
    tensor of float, (n,), 0-1
        Exactly ``1 - IoU`` where all predictions are 0 or 1.

    Notes
    -----
    After Berman, Rannen Triki and Blaschko, "The Lovász-Softmax loss", CVPR 2018 (arXiv:1705.08790), for one class and
    image by image. Taught in ``notebooks/07_losses_and_boundaries.ipynb``.
    """
    y_true = ops.reshape(ops.cast(y_true, y_pred.dtype), (ops.shape(y_true)[0], -1))
    car = ops.cast(y_true > 0.5, y_pred.dtype)
    errors = ops.abs(car - ops.reshape(y_pred, ops.shape(car)))
    largest_first = ops.argsort(-errors, axis=1)
    car = ops.take_along_axis(car, largest_first, axis=1)
    left = ops.sum(car, axis=1, keepdims=True) - ops.cumsum(car, axis=1)  # the intersection without the pixels so far
    lost = 1 - left / (left + ops.cumsum(ops.ones_like(car), axis=1))  # 1 - IoU with these pixels wrong
    costs = ops.diff(ops.pad(lost, ((0, 0), (1, 0))), axis=1)
    return ops.sum(ops.take_along_axis(errors, largest_first, axis=1) * costs, axis=1)


def boundary_loss(y_true: Tensor, y_pred: Tensor, reach: int = 16) -> Tensor:
    """The mean over the pixels of prediction times signed distance: what lies far outside costs most.

    Parameters
    ----------
    y_true, y_pred : tensor of float, (n, h, w, 1), 0-1
    reach : int
        As for `signed_distance`.

    Returns
    -------
    tensor of float, (n,)
        In pixels; lowest, and below 0, where exactly the car is predicted.

    Raises
    ------
    CourseError
        As for `signed_distance`.

    Notes
    -----
    After Kervadec et al., "Boundary loss for highly unbalanced segmentation", MIDL 2019 (arXiv:1812.07032), equation 5.
    The authors always add it to a loss of regions, as `bce_dice_boundary` does. Their distances are not cut off.
    Taught in ``notebooks/07_losses_and_boundaries.ipynb``.
    """
    distance = ops.cast(signed_distance(y_true, reach), y_pred.dtype)
    return ops.mean(distance * y_pred, axis=IMAGE_AXES)


def bce_dice_boundary(y_true: Tensor, y_pred: Tensor, weight: float = 0.1, reach: int = 16) -> Tensor:
    """`bce_dice` plus ``weight`` times `boundary_loss`.

    Parameters
    ----------
    y_true, y_pred : tensor of float, (n, h, w, 1), 0-1
    weight : float
        0 or more.
    reach : int
        As for `signed_distance`.

    Returns
    -------
    tensor of float, (n,)

    Raises
    ------
    CourseError
        As for `signed_distance`.

    Notes
    -----
    Taught in ``notebooks/07_losses_and_boundaries.ipynb``.
    """
    return bce_dice(y_true, y_pred) + weight * boundary_loss(y_true, y_pred, reach)


def signed_distance(y_true: Tensor, reach: int = 16) -> Tensor:
    """Euclidean distance of each pixel to the edge of the mask, negative inside; cut off at ``reach``.

    Parameters
    ----------
    y_true : tensor of float, (n, h, w, 1), 0-1
        Soft masks count as car above one half.
    reach : int
        In pixels. What is farther away gets ``reach - 0.5``, with its sign.

    Returns
    -------
    tensor of float32, (n, h, w, 1)
        The edge runs between two pixels, which get -0.5 and 0.5: the distance to the nearest pixel of the other kind,
        less one half.

    Raises
    ------
    CourseError
        ``reach`` is below 1.

    Notes
    -----
    Squared distances are lowered along rows, then along columns, as in Felzenszwalb and Huttenlocher, "Distance
    Transforms of Sampled Functions", Theory of Computing 2012; the masks may be augmented at random, since nothing is
    computed beforehand. Taught in ``notebooks/07_losses_and_boundaries.ipynb``.
    """
    if reach < 1:
        raise CourseError(f"reach={reach} is no distance: use a whole number of pixels, 1 or more.")
    car = ops.cast(y_true, "float32") > 0.5
    targets = ops.concatenate([car, ops.logical_not(car)], axis=-1)  # what outside and inside pixels look for
    squared = ops.where(targets, 0.0, float(reach**2))
    for axis in (1, 2):
        squared = _lower_along(squared, reach, axis)
    outside, inside = ops.split(ops.sqrt(squared), 2, axis=-1)
    return ops.where(car, 0.5 - inside, outside - 0.5)


def _lower_along(squared, reach, axis):
    """The least of squared distances plus squared steps, over all steps of at most ``reach`` along one axis."""
    length = squared.shape[axis]
    padded = ops.pad(
        squared, [(reach, reach) if each == axis else (0, 0) for each in range(4)], constant_values=reach**2
    )
    for step in range(-reach, reach + 1):
        window = [slice(reach + step, reach + step + length) if each == axis else slice(None) for each in range(4)]
        squared = ops.minimum(squared, padded[tuple(window)] + step**2)
    return squared


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
