"""Image and mask under the same random transform: the classic generator, and a fast batch pipeline."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import cv2
import keras
import numpy as np

from utils import CourseError
from utils.compose import composite

# Settings published with a U-Net for this challenge. Rotation and shear are in degrees, the others are shares.
PUBLISHED = {
    "rotation_range": 90,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "shear_range": 0.2,
    "zoom_range": 0.2,
    "horizontal_flip": True,
    "fill_mode": "nearest",
}

# Settings of `transform` used by a team that came 10th on the public leaderboard and 51st on the private one.
COMPETITION = {"flip": 0.5, "shift": 0.0625, "scale": 0.1, "hsv": (50, 5, 15)}

# Settings of `transform` for cars and cameras unlike those of the training set: what stays is the shape of a car.
STRONG = {
    "flip": 0.5,
    "shift": 0.1,
    "scale": 0.25,
    "rotate": 4,
    "hsv": (90, 50, 30),
    "tone": 0.5,
    "blur": 1.2,
    "noise": 10,
    "backdrop": 0.4,
    "coarse_dropout": 0.3,
}


def generator_pairs(
    images: np.ndarray, masks: np.ndarray, batch: int = 16, seed: int = 0, settings: dict = PUBLISHED
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Endless batches of augmented pairs from Keras' ``ImageDataGenerator``.

    One set of transform parameters is drawn for each pair and applied to both, so that image and mask cannot
    drift apart, whatever is drawn.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3)
    masks : ndarray of uint8, (n, h, w)
        0-255, soft or hard.
    batch : int
    seed : int
        Seeds the order and the transforms.
    settings : dict
        Arguments of ``ImageDataGenerator``. What changes colours is applied to the image alone.

    Yields
    ------
    x : ndarray of float32, (batch, h, w, 3), 0-255
    y : ndarray of float32, (batch, h, w, 1), 0-1
        The last batch of an epoch may be smaller.

    Raises
    ------
    CourseError
        No images; images and masks that do not fit together; masks of 0 and 1.

    Notes
    -----
    Keras draws from NumPy's global generator, which is seeded anew for each pair.
    Taught in ``notebooks/03_resize_and_augment.ipynb``, which also shows what goes wrong with two generators.
    """
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    _check_pairs(images, masks)
    on_image, on_mask = ImageDataGenerator(**settings), ImageDataGenerator(**settings | {"cval": 0})
    rng = np.random.default_rng(seed)
    while True:
        for rows in _batches(rng.permutation(len(images)), batch):
            x = np.empty((len(rows), *images.shape[1:]), np.float32)
            y = np.empty((len(rows), *masks.shape[1:], 1), np.float32)
            for i, row in enumerate(rows):
                drawn = on_image.get_random_transform(images.shape[1:], seed=int(rng.integers(2**31)))
                geometry = {name: value for name, value in drawn.items() if name not in COLOUR}
                x[i] = on_image.standardize(on_image.apply_transform(images[row].astype(np.float32), drawn))
                y[i] = on_mask.apply_transform(masks[row, ..., None] / np.float32(255), geometry)
            yield x, y


COLOUR = {"brightness", "channel_shift_intensity"}


def transform(
    image: np.ndarray,
    mask: np.ndarray,
    rng: np.random.Generator,
    flip: float = 0.5,
    shift: float = 0.0,
    scale: float = 0.0,
    rotate: float = 0.0,
    shear: float = 0.0,
    hsv: tuple[float, float, float] = (0, 0, 0),
    tone: float = 0.0,
    blur: float = 0.0,
    noise: float = 0.0,
    backdrop: float = 0.0,
    coarse_dropout: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Move, stretch and recolour one image, and its mask with it.

    Parameters
    ----------
    image : ndarray of uint8, (h, w, 3)
    mask : ndarray of uint8, (h, w)
        0-255, soft or hard.
    rng : numpy.random.Generator
    flip : float
        Probability of a mirror image, left to right.
    shift : float
        Largest shift, as a share of width and height.
    scale : float
        Largest change of scale: 0.1 draws from 0.9 to 1.1.
    rotate, shear : float
        Largest angle, in degrees.
    hsv : (float, float, float)
        Largest shift of hue, saturation and value, on OpenCV's scale: 0-180, 0-255, 0-255.
    tone : float
        Largest change of gamma, drawn for each colour channel: 0.5 bends dark and bright apart by up to half.
    blur : float
        Largest standard deviation of a Gaussian blur, in pixels.
    noise : float
        Largest standard deviation of the noise of each pixel, in grey levels.
    backdrop : float
        Probability that all but the car is replaced by an invented scene.
    coarse_dropout : float
        Probability that rectangles of flat colour cover parts of the image; the mask stays.

    Returns
    -------
    image : ndarray of uint8, (h, w, 3)
    mask : ndarray of uint8, (h, w)
        New arrays. What comes in from outside repeats the nearest pixel; both are interpolated bilinearly.

    Notes
    -----
    Taught in ``notebooks/03_resize_and_augment.ipynb``.
    """
    pair = cv2.merge([image, mask])  # the mask rides along as a fourth channel
    matrix = _affine(rng, mask.shape, flip, shift, scale, rotate, shear)
    size = mask.shape[::-1]
    pair = cv2.warpAffine(pair, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    image, mask = _shift_hsv(pair, rng, hsv), cv2.extractChannel(pair, 3)
    if rng.random() < backdrop:
        image = composite(image, mask / np.float32(255), _scene(rng, mask.shape))
    if tone:
        image = _bend(image, rng, tone)
    if rng.random() < coarse_dropout:
        _drop_rectangles(image, rng)
    if blur:
        image = cv2.GaussianBlur(image, None, rng.uniform(0.1, blur))
    if noise:
        grain = rng.uniform(0, noise) * rng.standard_normal((*mask.shape, 1), np.float32)
        image = np.rint(image + grain).clip(0, 255).astype(np.uint8)
    return image, mask


def _affine(rng, shape, flip, shift, scale, rotate, shear):
    """The 2 x 3 matrix of one random transform about the centre of the image."""
    height, width = shape
    mirror = -1.0 if rng.random() < flip else 1.0
    zoom = 1 + rng.uniform(-scale, scale)
    angle, slant = np.radians(rng.uniform(-rotate, rotate)), np.radians(rng.uniform(-shear, shear))
    linear = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = linear @ np.array([[mirror, np.tan(slant)], [0.0, 1.0]])
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    offset = centre - linear @ centre + rng.uniform(-shift, shift, 2) * (width, height)
    return np.column_stack([linear, offset])


def _shift_hsv(pair, rng, limits):
    """The image of a pair, with hue, saturation and value shifted."""
    if not any(limits):
        return cv2.cvtColor(pair, cv2.COLOR_RGBA2RGB)
    hue, saturation, value = (round(rng.uniform(-limit, limit)) for limit in limits)
    levels = np.arange(256)
    table = np.stack([(levels + hue) % 180, levels + saturation, levels + value], axis=-1).clip(0, 255)
    hsv = cv2.LUT(cv2.cvtColor(pair, cv2.COLOR_RGB2HSV), table[None].astype(np.uint8))
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def _bend(image, rng, limit):
    """Gamma of each channel: most of it shared, a little of its own."""
    gamma = 2 ** (rng.uniform(-limit, limit) + rng.uniform(-limit, limit, 3) / 4)
    levels = np.arange(256)[:, None] / 255
    return cv2.LUT(image, np.rint(255 * levels**gamma).astype(np.uint8)[None])


def _drop_rectangles(image, rng):
    """Up to four rectangles of flat colour, in place."""
    size = np.array(image.shape[1::-1])
    for _ in range(rng.integers(1, 5)):
        corner = (rng.uniform(0, 1, 2) * size).astype(int)
        end = corner + (rng.uniform(0.05, 0.25, 2) * size).astype(int)
        cv2.rectangle(image, corner.tolist(), end.tolist(), _colour(rng), cv2.FILLED)


def _scene(rng, shape):
    """An invented background, uint8 ``(h, w, 3)``: clouds above and below a horizon, some shapes, all blurred."""
    height, width = shape
    scene = _clouds(rng, shape)
    horizon = round(rng.uniform(0.2, 0.8) * height)
    scene[horizon:] = _clouds(rng, shape)[horizon:]
    for _ in range(rng.integers(0, 12)):
        corners = rng.uniform(0, 1, 2) + rng.uniform(-0.3, 0.3, (rng.integers(3, 6), 2))
        cv2.fillPoly(scene, [(corners * (width, height)).astype(np.int32)], _colour(rng))
    return cv2.GaussianBlur(scene, None, rng.uniform(0.1, 3))


def _clouds(rng, shape):
    """One colour with soft lights and shadows, coarse or fine."""
    light = rng.uniform(0, 60) * rng.standard_normal((*rng.integers(2, 24, 2), 1))
    coarse = (_colour(rng) + light).clip(0, 255).astype(np.uint8)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def _colour(rng):
    """Any grey, tinted."""
    return (rng.uniform(0, 255) + 30 * rng.standard_normal(3)).clip(0, 255).tolist()


class Batches(keras.utils.PyDataset):
    """Shuffled batches for training, each pair under its own `transform`.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3)
    masks : ndarray of uint8, (n, h, w)
        0-255, soft or hard.
    batch : int
    seed : int
        Fixes order and transforms: epoch ``e`` is the same in every run.
    shuffle : bool
        In a new order every epoch, full batches only: what is left over takes its turn in another epoch. Else
        every image in order, with a smaller last batch.
    steps : int, optional
        Batches an epoch, where all would be too many.
    **settings
        Arguments of `transform`; without any the pairs stay as they are.

    Raises
    ------
    CourseError
        No images; images and masks that do not fit together; masks of 0 and 1.

    Notes
    -----
    An item is ``x`` uint8 (batch, h, w, 3), 0-255, and ``y`` float32 (batch, h, w, 1), 0-1.
    Taught in ``notebooks/03_resize_and_augment.ipynb``.
    """

    def __init__(self, images, masks, batch=16, seed=0, shuffle=True, steps=None, **settings):
        super().__init__()
        _check_pairs(images, masks)
        self.images, self.masks = images, masks
        self.batch = max(1, min(batch, len(images)))
        self.seed, self.shuffle, self.epoch = seed, shuffle, 0
        self.steps, self.settings = steps, settings

    def __len__(self):
        spare = 0 if self.shuffle else self.batch - 1
        everything = (len(self.images) + spare) // self.batch
        return min(self.steps or everything, everything)

    def __getitem__(self, index):
        return self.at(self.epoch * len(self) + index)

    def on_epoch_end(self):
        self.epoch += 1

    def at(self, step):
        """The batch of a step of a long training, counted from 0 and through all epochs."""
        epoch, index = divmod(step, len(self))
        rng = np.random.default_rng((self.seed, epoch, index))
        rows = np.sort(self._order(epoch)[index * self.batch : (index + 1) * self.batch])
        x, y = self.images[rows], self.masks[rows]
        for i in range(len(rows) if self.settings else 0):
            x[i], y[i] = transform(x[i], y[i], rng, **self.settings)
        return x, y[..., None] / np.float32(255)

    def stream(self, step=0, workers=1):
        """All batches from a step on, epoch after epoch, in order; ``workers`` threads make them ahead.

        Given the data set itself, Keras starts a pass at the end of an epoch, throws it away and starts another.
        """
        with ThreadPoolExecutor(workers) as pool:
            ahead = deque(pool.submit(self.at, step + number) for number in range(workers))
            for following in count(step + workers):
                ahead.append(pool.submit(self.at, following))
                yield ahead.popleft().result()

    def _order(self, epoch):
        rows = np.arange(len(self.images))
        return np.random.default_rng((self.seed, epoch)).permutation(rows) if self.shuffle else rows


def _batches(rows, size):
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _check_pairs(images, masks):
    if not len(images):
        raise CourseError("Nothing to train on: there are no images.")
    if masks.ndim != 3 or images.shape != (*masks.shape, 3) or not images.dtype == masks.dtype == np.uint8:
        raise CourseError(
            f"images {images.dtype} {images.shape} and masks {masks.dtype} {masks.shape}: expected uint8 (n, h, w, 3) "
            "and uint8 (n, h, w), as load_images and load_masks return them."
        )
    if masks[:16].max(initial=0) == 1:
        raise CourseError("The masks hold 0 and 1, expected 0 to 255: multiply them by 255.")
