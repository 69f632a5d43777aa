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


def redrawn(model, seed=0):
    """The same model with weights drawn by NumPy: the same start on every engine of Keras."""
    rng = np.random.default_rng(seed)

    def drawn(weight):
        fans = np.prod(weight.shape[:-2]) * sum(weight.shape[-2:])  # in and out, as Glorot and Bengio count them
        return rng.normal(0, np.sqrt(2 / fans), weight.shape)

    model.set_weights([drawn(weight) if weight.ndim > 1 else weight for weight in model.get_weights()])
    return model
