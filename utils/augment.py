"""Image and mask under the same random transform: the classic generator, and a fast batch pipeline."""

import cv2
import keras
import numpy as np

# Settings published with a U-Net for this challenge; rotation in degrees, the others as shares.
PUBLISHED = {
    "rotation_range": 90,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "shear_range": 0.2,
    "zoom_range": 0.2,
    "horizontal_flip": True,
    "fill_mode": "nearest",
}

# Settings of a team that finished 10th on the public leaderboard.
COMPETITION = {"flip": 0.5, "shift": 0.0625, "scale": 0.1, "hsv": (50, 5, 15)}


def generator_pairs(images, masks, batch=16, seed=0, settings=PUBLISHED):
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
        Arguments of ``ImageDataGenerator``.

    Yields
    ------
    x : ndarray of float32, (batch, h, w, 3), 0-255
    y : ndarray of float32, (batch, h, w, 1), 0-1

    Notes
    -----
    Taught in ``notebooks/03_resize_and_augment.ipynb``, which also shows what goes wrong with two generators.
    """
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    generator = ImageDataGenerator(**settings)
    rng = np.random.default_rng(seed)
    while True:
        for rows in _batches(rng.permutation(len(images)), batch):
            x = np.empty((len(rows), *images.shape[1:]), np.float32)
            y = np.empty((len(rows), *masks.shape[1:], 1), np.float32)
            for i, row in enumerate(rows):
                drawn = generator.get_random_transform(images.shape[1:], seed=int(rng.integers(2**31)))
                x[i] = generator.apply_transform(images[row].astype(np.float32), drawn)
                geometry = {name: value for name, value in drawn.items() if name not in COLOUR}
                y[i] = generator.apply_transform(masks[row, ..., None] / np.float32(255), geometry)
            yield x, y


COLOUR = {"brightness", "channel_shift_intensity"}


def transform(image, mask, rng, flip=0.5, shift=0.0, scale=0.0, rotate=0.0, shear=0.0, hsv=(0, 0, 0)):
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

    Returns
    -------
    image : ndarray of uint8, (h, w, 3)
    mask : ndarray of uint8, (h, w)
        New arrays. What comes in from outside repeats the nearest pixel; both are interpolated bilinearly.

    Notes
    -----
    Taught in ``notebooks/03_resize_and_augment.ipynb``.
    """
    matrix = _affine(rng, image.shape[:2], flip, shift, scale, rotate, shear)
    return _shift_hsv(_warp(image, matrix), rng, hsv), _warp(mask, matrix)


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


def _warp(array, matrix):
    return cv2.warpAffine(array, matrix, array.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _shift_hsv(image, rng, limits):
    if not any(limits):
        return image
    hue, saturation, value = (round(rng.uniform(-limit, limit)) for limit in limits)
    levels = np.arange(256)
    table = np.stack(
        [(levels + hue) % 180, np.clip(levels + saturation, 0, 255), np.clip(levels + value, 0, 255)], axis=-1
    )
    hsv = cv2.LUT(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), table[None].astype(np.uint8))
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


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
    epoch : int
        The first epoch; for training that goes on after a stop.
    **settings
        Arguments of `transform`; without any the pairs stay as they are.

    Notes
    -----
    Shuffled, a last batch that is not full is dropped; in order, it is kept. An item is ``x`` uint8
    (batch, h, w, 3), 0-255, and ``y`` float32 (batch, h, w, 1), 0-1.
    Taught in ``notebooks/03_resize_and_augment.ipynb``.
    """

    def __init__(self, images, masks, batch=16, seed=0, shuffle=True, epoch=0, **settings):
        super().__init__()
        self.images, self.masks = images, masks
        self.batch = min(batch, len(images))
        self.seed, self.shuffle, self.epoch = seed, shuffle, epoch
        self.settings = settings

    def __len__(self):
        full, rest = divmod(len(self.images), self.batch)
        return full + (rest > 0 and not self.shuffle)

    def __getitem__(self, index):
        rng = np.random.default_rng((self.seed, self.epoch, index))
        rows = self._order()[index * self.batch : (index + 1) * self.batch]
        x, y = self.images[np.sort(rows)], self.masks[np.sort(rows)]
        if self.settings:
            pairs = [transform(image, mask, rng, **self.settings) for image, mask in zip(x, y, strict=True)]
            x, y = (np.stack(side) for side in zip(*pairs, strict=True))
        return x, y[..., None] / np.float32(255)

    def on_epoch_end(self):
        self.epoch += 1

    def _order(self):
        rows = np.arange(len(self.images))
        return np.random.default_rng((self.seed, self.epoch)).permutation(rows) if self.shuffle else rows


def _batches(rows, size):
    return (rows[start : start + size] for start in range(0, len(rows), size))
