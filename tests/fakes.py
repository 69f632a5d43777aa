"""A model whose answers are easy to work out."""

import keras
import numpy as np
from keras import layers, ops


class Brightness(layers.Layer):
    """The red channel as a probability, more sure of it to the left: easy to work out, and not the same mirrored."""

    def call(self, x):
        ramp = ops.reshape(ops.linspace(1.0, 0.0, x.shape[2]), (1, 1, -1, 1))
        return x[..., :1] / 255 * ramp


def fake_model(height=16, width=24):
    inputs = keras.Input((height, width, 3))
    return keras.Model(inputs, Brightness()(inputs))


def answer(image):
    """What the fake model says, in NumPy: image (h, w, 3)."""
    return image[..., 0] / 255 * np.linspace(1, 0, image.shape[1])
