"""The product: the car without its background, and the car on another one."""

import cv2
import numpy as np

from utils import CourseError


def cutout(image, probability):
    """Make the background transparent.

    Parameters
    ----------
    image : ndarray of uint8, (h, w, 3)
    probability : ndarray of float, (h, w), 0-1
        Soft edges stay soft.

    Returns
    -------
    ndarray of uint8, (h, w, 4)
        RGB and alpha.

    Raises
    ------
    CourseError
        The two differ in size.
    """
    return np.dstack([image, np.rint(_alpha(image, probability) * 255).astype(np.uint8)])


def composite(image, probability, background):
    """Put the car on another background.

    Parameters
    ----------
    image : ndarray of uint8, (h, w, 3)
    probability : ndarray of float, (h, w), 0-1
    background : ndarray of uint8, (any height, any width, 3)
        Scaled to cover the image and cropped around its centre.

    Returns
    -------
    ndarray of uint8, (h, w, 3)

    Raises
    ------
    CourseError
        Image and probability differ in size.
    """
    alpha = _alpha(image, probability)[..., None]
    return np.rint(alpha * image + (1 - alpha) * cover(background, image.shape[:2])).astype(np.uint8)


def cover(background, shape):
    """Scale a photo, uint8 ``(h, w, 3)``, to cover ``shape`` (height, width), and crop what sticks out."""
    height, width = shape
    scale = max(height / background.shape[0], width / background.shape[1])
    size = [max(target, round(side * scale)) for target, side in zip(shape, background.shape, strict=False)]
    resized = cv2.resize(background, size[::-1], interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return resized[top : top + height, left : left + width]


def _alpha(image, probability):
    if probability.shape != image.shape[:2]:
        raise CourseError(f"The image is {image.shape[:2]}, the probability {probability.shape}: predict at its size.")
    return np.clip(probability, 0, 1).astype(np.float32)
