"""The product: the car without its background, and the car on another one."""

import inspect

import cv2
import numpy as np
import scipy
import skimage
from PIL import Image, ImageOps

from utils import CourseError


def cutout(image: np.ndarray, probability: np.ndarray) -> np.ndarray:
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


def composite(image: np.ndarray, probability: np.ndarray, background: np.ndarray) -> np.ndarray:
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


def cover(background: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Scale a photo, uint8 ``(h, w, 3)``, to cover ``shape`` (height, width), and crop what sticks out."""
    size = shape[1], shape[0]
    return np.asarray(ImageOps.fit(Image.fromarray(background), size, Image.Resampling.BILINEAR))


def place(image: np.ndarray, probability: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Put the car on another background the way a shop would: clean edges, and its own shadow on the new floor.

    Parameters
    ----------
    image, probability, background : ndarray
        As in `composite`; the car stands on a plain, bright floor.

    Returns
    -------
    ndarray of uint8, (h, w, 3)

    Raises
    ------
    CourseError
        Image and probability differ in size.
    """
    alpha = clean_edge(_alpha(image, probability))
    shaded = cover(background, alpha.shape) * shadow(image, alpha)[..., None]
    return composite(estimate_foreground(image, alpha), alpha, np.rint(shaded).astype(np.uint8))


def largest_component(mask: np.ndarray, hole: int = 40) -> np.ndarray:
    """Keep the largest connected part of a mask, and fill its small holes.

    Parameters
    ----------
    mask : ndarray of bool, (h, w)
    hole : int
        A hole of up to so many pixels is filled; a larger one may be a view through the car.

    Returns
    -------
    ndarray of bool, (h, w)
    """
    if not mask.any():
        return mask
    parts = skimage.measure.label(mask, connectivity=1)
    return _fill_holes(parts == np.bincount(parts[mask]).argmax(), hole)


def _fill_holes(mask, size):
    """Fill holes of up to ``size`` pixels, in the words of either scikit-image: they changed in 0.26."""
    fill = skimage.morphology.remove_small_holes
    renamed = "max_size" in inspect.signature(fill).parameters
    return fill(mask, **({"max_size": size} if renamed else {"area_threshold": size + 1}))


def clean_edge(probability: np.ndarray, gain: float = 3) -> np.ndarray:
    """Make an opacity of probabilities: of one car only, with a narrower edge, still soft.

    Parameters
    ----------
    probability : ndarray of float, (h, w), 0-1
    gain : float
        How much narrower the edge becomes.

    Returns
    -------
    ndarray of float32, (h, w), 0-1
    """
    car = largest_component(probability > 0.5)
    alpha = np.clip(gain * (probability - 0.5) + 0.5, 0, 1) * scipy.ndimage.binary_dilation(car, iterations=3)
    return np.where(car & (probability <= 0.5), 1, alpha).astype(np.float32)


def estimate_foreground(image: np.ndarray, alpha: np.ndarray, reach: float = 3) -> np.ndarray:
    """Estimate the car's own colour at its edge: that of the nearest pixel wholly in the car. No wall shines through.

    Parameters
    ----------
    image : ndarray of uint8, (h, w, 3)
    alpha : ndarray of float, (h, w), 0-1
    reach : float
        In pixels. Where no sure pixel is that near, the network is at a loss, and the photo is the better guess.

    Returns
    -------
    ndarray of uint8, (h, w, 3)
    """
    inner = scipy.ndimage.binary_erosion(alpha == 1)
    if not inner.any():
        return image
    distance, places = scipy.ndimage.distance_transform_edt(~inner, return_indices=True)
    return np.where((distance <= reach)[..., None], image[tuple(places)], image)


def shadow(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Find the car's shadow in the photo: the share of light that arrives on the floor.

    Parameters
    ----------
    image : ndarray of uint8, (h, w, 3)
    alpha : ndarray of float, (h, w), 0-1

    Returns
    -------
    ndarray of float32, (h, w), 0-1
        1 where there is no shadow. Multiply a new background by it.

    Notes
    -----
    A row of floor is as bright as its brighter quarter. What is darker is shadow if it is broad (thin lines belong to
    the floor) and close to the lower half of the car.
    """
    free, grey = alpha == 0, image.mean(axis=-1, dtype=np.float32)
    if free.all() or not free.any():
        return np.ones_like(alpha)
    height, width = alpha.shape
    light = np.array([np.percentile(row[open_], 75) if open_.any() else 255 for row, open_ in zip(grey, free)])
    arriving = _nearest(np.clip(grey / np.maximum(light, 1)[:, None], 0, 1), free).astype(np.float32)
    line = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * (width // 120) + 1,) * 2)
    arriving = cv2.GaussianBlur(cv2.morphologyEx(arriving, cv2.MORPH_CLOSE, line), (0, 0), width / 240)
    rows = np.flatnonzero((~free).any(axis=1))
    low = np.clip((np.arange(height) - rows.mean()) / (np.ptp(rows) / 4 + 1), 0, 1)[:, None]
    near = np.exp(-((scipy.ndimage.distance_transform_edt(free) / (0.06 * width)) ** 2))
    return (1 - (1 - arriving) * low * near).astype(np.float32)


def _nearest(values, known):
    """Each value that is not known, from the nearest that is."""
    return values[tuple(scipy.ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True))]


def _alpha(image, probability):
    if probability.shape != image.shape[:2]:
        raise CourseError(f"The image is {image.shape[:2]}, the probability {probability.shape}: predict at its size.")
    return np.clip(probability, 0, 1).astype(np.float32)
