"""The networks of the course: functions that return a `keras.Model`.

Every model takes images as uint8 or float, 0-255, ``(n, h, w, 3)``, rescales inside, and returns the
probability of "car" for each pixel, float32, ``(n, h, w, 1)``.
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers, ops

from utils import CourseError

Size = int | tuple[int, int]
Rates = Sequence[int]  # of dilation
STEM_CHANNELS = 16  # at half the resolution, inside a stem of 4


def baseline_cnn(size: Size = 128, filters: Sequence[int] = (32, 64, 128)) -> keras.Model:
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
    Taught in ``notebooks/05_baseline_cnn.ipynb``.
    """
    inputs = keras.Input((*_check_size(size, 2 ** len(filters)), 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    for channels in filters:
        x = layers.Conv2D(channels, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(1, 1)(x)
    x = layers.UpSampling2D(2 ** len(filters), interpolation="bilinear")(x)
    return keras.Model(inputs, _sigmoid(x), name="baseline_cnn")


def unet(
    size: Size = 128, base: int = 8, levels: int = 4, stem: int = 1, skips: bool = True, dilations: Rates = (1, 1)
) -> keras.Model:
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
        The U-Net proper works at ``1 / stem`` of the resolution: strided convolutions lead down to it, a transposed
        one leads back.
    skips : bool
        Whether the decoder sees the encoder's features. False only serves to show what they are for: as many
        channels come from below instead, so that the network has no fewer weights.
    dilations : sequence of int
        Dilation rates of the bottleneck's convolutions, one each.

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
    fewer channels. Taught in ``notebooks/06_train_a_unet.ipynb``; ``dilations`` in ``notebooks/09_transunet.ipynb``.
    """
    if stem not in (1, 2, 4):
        raise CourseError(f"stem={stem} is not known: use 1 (none), 2 or 4.")
    inputs = keras.Input((*_check_size(size, stem * 2**levels), 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)

    half = x = _conv(x, STEM_CHANNELS, strides=2) if stem == 4 else x
    if stem > 1:
        x = _conv(x, base, strides=2)

    x, features = _encoder(x, base, levels)
    x = _block(x, base * 2**levels, dilations)  # the bottleneck
    x = _decoder(x, features, skips)

    if stem == 4:
        x = _conv(_up(x, half, skips), STEM_CHANNELS)
    x = layers.Conv2DTranspose(1, 2, strides=2)(x) if stem > 1 else layers.Conv2D(1, 1)(x)
    return keras.Model(inputs, _sigmoid(x), name="unet")


def carvana_unet(size: Size = 1024, base: int = 16, levels: int = 6) -> keras.Model:
    """The deep U-Net of the competition: two convolutions a level on the way down, three on the way up.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the input (an int: both), divisible by ``2 ** levels``.
    base : int
        Channels of the first level; each level below has twice as many.
    levels : int
        How often the encoder halves the resolution.

    Returns
    -------
    keras.Model

    Raises
    ------
    CourseError
        A size the network cannot halve often enough.

    Notes
    -----
    Taught in ``notebooks/08_competition_tricks.ipynb``.
    """
    inputs = keras.Input((*_check_size(size, 2**levels), 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x, features = _encoder(x, base, levels)
    x = _block(x, base * 2**levels)
    for skip in reversed(features):
        x = layers.Concatenate()([layers.UpSampling2D(interpolation="bilinear")(x), skip])
        x = _block(x, skip.shape[-1], (1, 1, 1))
    return keras.Model(inputs, _sigmoid(layers.Conv2D(1, 1)(x)), name="carvana_unet")


def trans_unet(size: Size = 128, base: int = 8, levels: int = 4, dilations: Rates = (1, 2, 4),
               transformers: int = 2, heads: int = 4, grid: int = 8) -> keras.Model:  # fmt: skip
    """A U-Net with a transformer in its bottleneck: self-attention between all places of the image.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the input (an int: both), divisible by ``2 ** levels``.
    base : int
        Channels of the first level; each level below has twice as many.
    levels : int
        How often the encoder halves the resolution; a token is a place of the bottleneck, ``2 ** levels`` pixels wide.
    dilations : sequence of int
        Dilation rates of the first block's convolutions, one each.
    transformers : int
        Transformer blocks; their attention layers are named ``attention_1``, ``attention_2``, ...
    heads : int
        Attention heads of each; divides the ``base * 2 ** levels`` channels of the bottleneck.
    grid : int
        The positions are learned on a grid of this many rows and columns, whatever the size: the weights of one
        size serve every other.

    Returns
    -------
    keras.Model

    Raises
    ------
    CourseError
        A size the network cannot halve often enough, or heads that do not divide the channels.

    Notes
    -----
    After Chen et al., "TransUNet", 2021, figure 1, in small, and with convolutions all the way down to the tokens.
    Taught in ``notebooks/09_transunet.ipynb``.
    """
    inputs = keras.Input((*_check_size(size, 2**levels), 3))
    channels = base * 2**levels
    if heads < 1 or channels % heads:
        raise CourseError(
            f"heads={heads}: the {channels} channels of the bottleneck cannot be shared out evenly. "
            f"Use a divisor of {channels}."
        )
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x, features = _encoder(x, base, levels, dilations)
    x = _block(x, channels)
    height, width = x.shape[1:3]
    x = layers.Reshape((height * width, channels))(Positions(grid)(x))
    for number in range(1, transformers + 1):
        x = _transformer(x, heads, f"attention_{number}")
    x = layers.Reshape((height, width, channels))(x)
    x = _decoder(x, features)
    return keras.Model(inputs, _sigmoid(layers.Conv2D(1, 1)(x)), name="trans_unet")


@keras.saving.register_keras_serializable("carvana")
class Positions(layers.Layer):
    """A learned positional embedding, added to the features: attention by itself knows no order.

    Learned on a square grid, and interpolated to the height and width of the features ``(n, h, w, channels)``.

    Parameters
    ----------
    grid : int
        Rows and columns of the grid.

    Notes
    -----
    Taught in ``notebooks/09_transunet.ipynb``.
    """

    def __init__(self, grid=8, **settings):
        super().__init__(**settings)
        self.grid = grid

    def build(self, shape):
        self.table = self.add_weight(
            shape=(1, self.grid, self.grid, shape[-1]),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
            name="table",
        )

    def call(self, x):
        table = ops.convert_to_tensor(self.table)  # JAX resizes no variable
        table = ops.image.resize(table, x.shape[1:3], "bilinear", data_format="channels_last")
        return x + ops.cast(table, x.dtype)

    def get_config(self):
        return super().get_config() | {"grid": self.grid}


def _transformer(x, heads, name):
    """Self-attention between the tokens ``(n, tokens, channels)``, then a small MLP on each; both are residual."""
    channels = x.shape[-1]
    normal = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.MultiHeadAttention(heads, channels // heads, name=name)(normal, normal)])
    hidden = layers.Dense(2 * channels, activation="gelu")(layers.LayerNormalization()(x))
    return layers.Add()([x, layers.Dense(channels)(hidden)])


def _sigmoid(x):
    """The last layer of every network, in float32 under mixed precision too."""
    return layers.Activation("sigmoid", name="probability", dtype="float32")(x)


def _encoder(x, base, levels, first=(1, 1)):
    """The input of the bottleneck, and the features of each level for the skip connections, finest first."""
    features = []
    for level in range(levels):
        features.append(_block(x, base * 2**level, (1, 1) if level else first))
        x = layers.MaxPooling2D()(features[-1])
    return x, features


def _decoder(x, features, skips=True):
    """From the bottleneck up the levels, with or without skip connections to the encoder's features."""
    for skip in reversed(features):
        x = _block(_up(x, skip, skips), skip.shape[-1])
    return x


def _up(x, skip, skips):
    """Twice the resolution, with ``skip`` beside as many channels from below; without skips all come from below."""
    channels = skip.shape[-1] if skips else 2 * skip.shape[-1]
    x = layers.UpSampling2D(interpolation="bilinear")(_conv(x, channels, kernel=1))
    return layers.Concatenate()([x, skip]) if skips else x


def _block(x, channels, dilations=(1, 1)):
    """One convolution a dilation."""
    for dilation in dilations:
        x = _conv(x, channels, dilation=dilation)
    return x


def _conv(x, channels, kernel=3, strides=1, dilation=1):
    """Convolution, batch normalisation, ReLU. Short trainings need a momentum below Keras' 0.99."""
    settings = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    x = layers.Conv2D(channels, kernel, strides, dilation_rate=dilation, **settings)(x)
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
