"""The networks of the course: functions that return a `keras.Model`.

Every model takes images as uint8 or float, 0-255, ``(n, h, w, 3)``, rescales inside, and returns the
probability of "car" for each pixel, float32, ``(n, h, w, 1)``.
"""

import keras
import numpy as np
from keras import layers

from utils import CourseError

FINE_CHANNELS = 16  # at half the resolution, inside a stem of 4


def baseline_cnn(size=128, filters=(32, 64, 128)):
    """Three convolutions, each followed by max-pooling; then up-sampling back to the image.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the input (an int: both), divisible by 2 for each filter count.
    filters : sequence of int
        Channels of the convolutions.

    Returns
    -------
    keras.Model

    Raises
    ------
    CourseError
        ``size`` is not divisible by ``2 ** len(filters)``.

    Notes
    -----
    Taught in ``notebooks/04_baseline_cnn.ipynb``.
    """
    inputs = keras.Input((*_check_size(size, 2 ** len(filters)), 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    for channels in filters:
        x = layers.Conv2D(channels, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(1, 1)(x)
    x = layers.UpSampling2D(2 ** len(filters), interpolation="bilinear")(x)
    return keras.Model(inputs, _probability(x), name="baseline_cnn")


def unet(size=128, base=8, levels=4, stem=1, skips=True):
    """A U-Net, with an optional strided stem that makes large inputs cheap.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the input (an int: both), divisible by ``stem * 2 ** levels``.
    base : int
        Channels of the first level; each level below has twice as many.
    levels : int
        How often the encoder halves the resolution, after the stem.
    stem : {1, 2, 4}
        The U-Net proper works at ``1 / stem`` of the resolution: strided convolutions lead down to it, and the
        last features are spread out into pixels again.
    skips : bool
        Whether the decoder sees the encoder's features. False only serves to show what they are for.

    Returns
    -------
    keras.Model

    Raises
    ------
    CourseError
        A size the network cannot halve often enough, or a stem it does not know.

    Notes
    -----
    After Ronneberger, Fischer and Brox, "U-Net", MICCAI 2015, figure 1, with padding, batch normalisation and
    fewer channels. Taught in ``notebooks/05_train_a_unet.ipynb``.
    """
    if stem not in (1, 2, 4):
        raise CourseError(f"stem={stem} is not known: use 1 (none), 2 or 4.")
    inputs = keras.Input((*_check_size(size, stem * 2**levels), 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)

    fine = []
    if stem == 4:
        x = _conv(x, FINE_CHANNELS, strides=2)
        fine.append(x)
    if stem > 1:
        x = _conv(x, base, strides=2)

    encoder = []
    for level in range(levels):
        x = _block(x, base * 2**level)
        encoder.append(x)
        x = layers.MaxPooling2D()(x)
    x = _block(x, base * 2**levels)
    for features in reversed(encoder):
        x = _block(_up(x, features, skips), features.shape[-1])

    for features in fine:
        x = _conv(_up(x, features, skips), FINE_CHANNELS)
    x = layers.Conv2DTranspose(1, 2, strides=2)(x) if stem > 1 else layers.Conv2D(1, 1)(x)
    return keras.Model(inputs, _probability(x), name="unet")


def _probability(x):
    """Sigmoid, in float32 under mixed precision too."""
    return layers.Activation("sigmoid", name="probability", dtype="float32")(x)


def _up(x, features, skip):
    """Twice the resolution and the channels of ``features``, which join in where there is a skip connection."""
    x = layers.UpSampling2D(interpolation="bilinear")(_conv(x, features.shape[-1], kernel=1))
    return layers.Concatenate()([x, features]) if skip else x


def _block(x, channels):
    return _conv(_conv(x, channels), channels)


def _conv(x, channels, kernel=3, strides=1):
    """Convolution, batch normalisation, ReLU. Short trainings need a momentum below Keras' 0.99."""
    x = layers.Conv2D(channels, kernel, strides, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))


def _check_size(size, divisor):
    """Height and width, both divisible by ``divisor``."""
    shape = (size, size) if np.ndim(size) == 0 else tuple(size)
    if any(side <= 0 or side % divisor for side in shape):
        near = [max(divisor, round(side / divisor) * divisor) for side in shape]
        raise CourseError(
            f"size={size} does not fit: this network halves the image down to 1/{divisor}, so height and width must "
            f"be multiples of {divisor}. The nearest that fits: {near[0]} x {near[1]}."
        )
    return shape
