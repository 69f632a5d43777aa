"""The product: the car without its background, and the car on another one. Taught in chapter 12."""

from __future__ import annotations  # else naming a class of SciPy would load it

import cv2
import numpy as np
import scipy
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

    Notes
    -----
    Taught in ``notebooks/12_build_the_product.ipynb``.
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

    Notes
    -----
    After Porter and Duff, "Compositing digital images", SIGGRAPH 1984, doi:10.1145/800031.808606. Taught in
    ``notebooks/12_build_the_product.ipynb``.
    """
    alpha = _alpha(image, probability)[..., None]
    return np.rint(alpha * image + (1 - alpha) * cover(background, image.shape[:2])).astype(np.uint8)


def cover(background: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Scale a photo, uint8 ``(h, w, 3)``, to cover ``shape`` (height, width), and crop what sticks out."""
    size = shape[1], shape[0]
    return np.asarray(ImageOps.fit(Image.fromarray(background), size, Image.Resampling.BILINEAR))


def place(image: np.ndarray, probability: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Put the car on another background the way a shop would: fine edges, and its own shadow on the new floor.

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

    Notes
    -----
    Taught in ``notebooks/12_build_the_product.ipynb``.
    """
    alpha = matte(image, probability)
    shaded = cover(background, alpha.shape) * shadow(image, alpha)[..., None]
    return composite(estimate_foreground(image, alpha), alpha, np.rint(shaded).astype(np.uint8))


def paint(name: str, shape: tuple[int, int]) -> np.ndarray:
    """Paint a background for a car of the studio: its floor goes back as the studio's does.

    Parameters
    ----------
    name : {"studio", "road", "checkerboard"}
    shape : (int, int)
        Height and width in pixels.

    Returns
    -------
    ndarray of uint8, (h, w, 3)

    Raises
    ------
    CourseError
        There is no background of that name.

    Notes
    -----
    Drawn twice as large, then averaged, so that lines are smooth: ``notebooks/03_resize_and_augment.ipynb``.
    """
    if name not in BACKGROUNDS:
        raise CourseError(f"There is no background {name!r}. There are: {', '.join(BACKGROUNDS)}.")
    height, width = shape
    places = np.mgrid[: 2 * height, : 2 * width].astype(np.float32) / (2 * height)
    picture = BACKGROUNDS[name](*_floor(*places))
    return cv2.resize(np.clip(picture, 0, 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_AREA)


def _floor(y, x):
    """Height in the photo and place across it, -1 to 1; on the floor, ways ahead and aside in heights of the camera."""
    ahead, right = 1 / np.maximum(y - HORIZON, 1e-3), x[0, -1]
    return y, 2 * x / right - 1, ahead, (x - right / 2) * ahead


def _studio(y, x, ahead, aside):
    light = np.exp(-((x / 0.9) ** 2) - ((y - 0.62) / 0.4) ** 2)
    wall, ground = _mix(light, (150, 168, 190), (46, 58, 78)), _mix(light, (214, 217, 221), (84, 94, 108))
    return _mix(1 / (1 + np.exp((0.42 - y) / 0.006)), ground, wall)


def _road(y, x, ahead, aside):
    rough = np.random.default_rng(0).normal(0.5, 0.06, y.shape).astype(np.float32)
    hills = HORIZON - 0.035 - 0.02 * np.sin(3 * x + 1) - 0.012 * np.sin(7 * x)
    asphalt, grass = _mix(rough, (134, 135, 138), (92, 94, 98)), _mix(rough, (136, 150, 92), (100, 120, 70))
    picture = np.where((ahead < 5.4)[..., None], asphalt, grass)
    picture = np.where(((ahead > 4.9) & (ahead < 5.1))[..., None], 232, picture)
    picture = np.where((y < HORIZON)[..., None], (96, 118, 104), picture)
    return np.where((y < hills)[..., None], _mix(y / HORIZON, (224, 234, 242), (92, 150, 210)), picture)


def _checkerboard(y, x, ahead, aside):
    tiles = (np.floor(1.6 * aside) + np.floor(1.6 * ahead)) % 2
    ground = _mix(tiles * np.exp(-ahead / 12), (232, 230, 226), (92, 98, 106))
    return np.where((y < 0.4)[..., None], _mix(y / 0.4, (236, 234, 230), (206, 204, 200)), ground)


def _mix(share, this, other):
    """``share`` of one colour and the rest of another."""
    return share[..., None] * np.float32(this) + (1 - share[..., None]) * np.float32(other)


HORIZON = 0.29  # of the height: where the lines along the studio's cars meet, at the height of the camera
BACKGROUNDS = {"studio": _studio, "road": _road, "checkerboard": _checkerboard}


def largest_component(mask: np.ndarray, hole: int | None = None) -> np.ndarray:
    """Keep the largest connected part of a mask, and fill its small holes.

    Parameters
    ----------
    mask : ndarray of bool, (h, w)
    hole : int, optional
        A hole of up to so many pixels is filled; a larger one may be a view through the car. By default 40, and more in
        photos of more than 960 pixels.

    Returns
    -------
    ndarray of bool, (h, w)

    Notes
    -----
    Pixels that touch by a corner only are not connected. Taught in ``notebooks/12_build_the_product.ipynb``.
    """
    if not mask.any():
        return mask
    parts, sizes = _parts(mask)
    car = parts == 1 + sizes[1:].argmax()
    holes, sizes = _parts(~car)
    small = sizes <= (40 * _scale(mask.shape) ** 2 if hole is None else hole)
    small[0] = False  # part 0 is the car
    return car | small[holes]


def _parts(mask):
    """The number of each pixel's part, 0 outside the mask, int ``(h, w)``, and the size of each part."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    return parts, stats[:, cv2.CC_STAT_AREA]


def _scale(shape):
    """By how much to lengthen what is made for photos of up to 960 pixels."""
    return max(1, max(shape) / 960)


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

    Notes
    -----
    Taught in ``notebooks/12_build_the_product.ipynb``.
    """
    car = largest_component(probability > 0.5)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    near = cv2.dilate(car.astype(np.uint8), cross, iterations=round(3 * _scale(car.shape)))
    filled = car & (probability <= 0.5)
    alpha = np.clip(gain * (probability - 0.5) + 0.5, 0, 1) * near
    return np.where(filled, 1, alpha).astype(np.float32)


def matte(image: np.ndarray, probability: np.ndarray, reach: int | None = None, rounds: int = 2) -> np.ndarray:
    """Find the car's opacity: `clean_edge`, then its edge anew in the colours of the photo.

    Parameters
    ----------
    image : ndarray of uint8, (h, w, 3)
    probability : ndarray of float, (h, w), 0-1
    reach : int, optional
        How far the edge may lie from where it is assumed, in pixels; by default a 480th of the longer side.
    rounds : int
        How often it is looked for, each time around the last find.

    Returns
    -------
    ndarray of float32, (h, w), 0-1

    Raises
    ------
    CourseError
        Image and probability differ in size.

    Notes
    -----
    Taught in ``notebooks/12_build_the_product.ipynb``.
    """
    alpha = clean_edge(_alpha(image, probability))
    for _ in range(rounds):
        alpha = closed_form(image, trimap(alpha, reach or max(1, round(max(alpha.shape) / 480))), alpha)
    return alpha


def trimap(alpha: np.ndarray, reach: int) -> np.ndarray:
    """Say where the car's edge may be: 1 is surely car, 0 surely not, and 0.5 not known.

    Parameters
    ----------
    alpha : ndarray of float, (h, w), 0-1
        A first guess; its edge is where it passes 0.5.
    reach : int
        How far the edge may lie from there, in pixels.

    Returns
    -------
    ndarray of float32, (h, w)

    Notes
    -----
    Taught in ``notebooks/12_build_the_product.ipynb``.
    """
    car = (alpha > 0.5).astype(np.float32)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    return (cv2.erode(car, disc) + cv2.dilate(car, disc)) / 2


def closed_form(
    image: np.ndarray, trimap: np.ndarray, prior: np.ndarray, trust: float = 0.1, smoothness: float = 1e-5
) -> np.ndarray:
    """Closed-form matting: the opacity that is, in each window of 3 x 3 pixels, most nearly linear in the colours.

    Parameters
    ----------
    image : ndarray of uint8, (h, w, 3)
    trimap : ndarray of float, (h, w)
        1 and 0 are kept; what is 0.5 is sought.
    prior : ndarray of float, (h, w), 0-1
        What to expect where colours say little.
    trust : float
        The weight of ``prior``.
    smoothness : float
        Keeps opacities smooth where a window has one colour but for noise; about 9 times the variance of that noise,
        with colours from 0 to 1.

    Returns
    -------
    ndarray of float32, (h, w), 0-1

    Notes
    -----
    After Levin, Lischinski and Weiss, "A closed-form solution to natural image matting", TPAMI 2008,
    doi:10.1109/TPAMI.2007.1177. ``trust`` here and the band of `matte` were chosen on the five validation cars of
    `data.course_split`, rendered with opacities: ``python -m data.studio --out FOLDER --cars 64 --only N --views 3
    --size 960x640 --samples 8 --alpha`` with N = 1, 25, 36, 52, 56. Taught in ``notebooks/12_build_the_product.ipynb``.
    """
    alpha, unknown = trimap.flatten(), np.flatnonzero(trimap == 0.5)
    rows = matting_laplacian(image, trimap == 0.5, smoothness)[unknown]
    alpha[unknown] = 0
    system = rows[:, unknown] + trust * scipy.sparse.eye_array(len(unknown))
    found = scipy.sparse.linalg.spsolve(system.tocsc(), trust * prior.ravel()[unknown] - rows @ alpha)
    alpha[unknown] = np.clip(found, 0, 1)
    return alpha.reshape(trimap.shape)


def matting_laplacian(image: np.ndarray, unknown: np.ndarray, smoothness: float = 1e-5) -> scipy.sparse.csr_array:
    """The matrix L of closed-form matting: a' L a says how far opacities a are from linear in the colours.

    Parameters
    ----------
    image : ndarray of uint8, (h, w, 3)
    unknown : ndarray of bool, (h, w)
        Only windows of 3 x 3 pixels that hold one of these count.
    smoothness : float
        As in `closed_form`.

    Returns
    -------
    scipy.sparse.csr_array of float, (h * w, h * w)

    Notes
    -----
    Taught in ``notebooks/12_build_the_product.ipynb``.
    """
    height, width = unknown.shape
    inside = np.pad(np.ones((max(0, height - 2), max(0, width - 2)), bool), 1)[:height, :width]
    centres = np.flatnonzero(inside & (cv2.dilate(unknown.astype(np.uint8), np.ones((3, 3))) > 0))
    windows = centres[:, None] + (width * np.arange(-1, 2)[:, None] + np.arange(-1, 2)).ravel()
    colours = image.reshape(-1, 3)[windows] / 255
    offset = colours - colours.mean(axis=1, keepdims=True)
    spread = offset.transpose(0, 2, 1) @ offset + smoothness * np.eye(3)
    blocks = np.eye(9) - 1 / 9 - offset @ np.linalg.solve(spread, offset.transpose(0, 2, 1))
    places = windows.repeat(9, axis=1).ravel(), np.tile(windows, 9).ravel()
    return scipy.sparse.coo_array((blocks.ravel(), places), (unknown.size, unknown.size)).tocsr()


def estimate_foreground(image: np.ndarray, alpha: np.ndarray, radii: tuple[int, ...] = (20, 6)) -> np.ndarray:
    """Estimate the car's own colour where it is not opaque, so that no wall shines through.

    Parameters
    ----------
    image : ndarray of uint8, (h, w, 3)
    alpha : ndarray of float, (h, w), 0-1
    radii : tuple of int
        Of the windows, in pixels, from which colours of car and wall are taken, one after the other; longer in photos
        of more than 960 pixels.

    Returns
    -------
    ndarray of uint8, (h, w, 3)
        The photo where ``alpha`` is 0 or 1.

    Notes
    -----
    After Forte, "Approximate fast foreground colour estimation", ICIP 2021, doi:10.1109/ICIP42928.2021.9506164. Taught
    in ``notebooks/12_build_the_product.ipynb``.
    """
    share = alpha[..., None]
    car = wall = image.astype(np.float32)
    for radius in (round(each * _scale(alpha.shape)) for each in radii):
        car, wall = _mean_around(car, share, radius), _mean_around(wall, 1 - share, radius)
        car = np.clip(car + share * (image - share * car - (1 - share) * wall), 0, 255)
    return np.where(share > 0, np.rint(car), image).astype(np.uint8)


def _mean_around(colours, weight, radius):
    """Means of the colours in square windows, float32 ``(h, w, 3)``, with weights ``(h, w, 1)``."""
    size = (2 * radius + 1,) * 2
    return cv2.blur(colours * weight, size) / np.maximum(cv2.blur(weight, size), 1e-4)[..., None]


def shadow(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Find the car's shadow in the photo: how bright the floor is, relative to where no shadow falls.

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
    the floor) and close to the lower half of the car. Taught in ``notebooks/12_build_the_product.ipynb``.
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
