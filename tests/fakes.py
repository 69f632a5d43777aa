"""A model whose answers are easy to work out, as a Keras model and as an ONNX file."""

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


def fake_onnx(path, height=16, width=24, batch="n", channels=3, classes=1, kind=1, inputs=1, outputs=1, steepness=1,
              **metadata):  # fmt: skip
    """The same in an ONNX file, written byte by byte: each colour times a ramp of its own, then their sum.

    ``kind`` 1 is float32, 11 is float64. More than one of ``inputs`` and ``outputs`` is there and no more.
    """
    ramp = np.zeros((1, 1, width if isinstance(width, int) else 1, channels), ["float32", "float64"][kind == 11])
    ramp[0, 0, :, 0] = steepness * np.linspace(1, 0, ramp.shape[2]) / 255
    scaled = _node("Mul", ["x0", "ramp"], "scaled")
    summed = _node("ReduceSum", ["scaled"], "y0", axes=[3])
    grown = _node("Concat", ["y0"] * classes, "y", axis=3)
    constant = [*(_field(1, n) for n in ramp.shape), _field(2, kind), _field(8, "ramp"), _field(9, ramp.tobytes())]
    given = [_value(f"x{i}", kind, (batch, height, width, channels)) for i in range(inputs)]
    taken = [_value(name, kind, (batch, height, width, n)) for name, n in (("y", classes), ("y0", 1))[:outputs]]
    graph = [(1, scaled), (1, summed), (1, grown), (2, "fake"), (5, b"".join(constant))]
    graph = [*graph, *((11, each) for each in given), *((12, each) for each in taken)]
    model = [(1, 8), (7, _message(*graph)), (8, _message((1, ""), (2, 12)))]
    model += [(14, _message((1, key), (2, value))) for key, value in metadata.items()]
    path.write_bytes(_message(*model))
    return path


def _node(kind, inputs, output, **attributes):
    """One operation; an attribute is an integer or a list of integers."""
    told = [(5, _message((1, name), (8, value[0]), (20, 7)) if isinstance(value, list)
             else _message((1, name), (3, value), (20, 2))) for name, value in attributes.items()]  # fmt: skip
    return _message(*((1, name) for name in inputs), (2, output), (4, kind), *told)


def _value(name, kind, shape):
    """An input or an output; a length is a number or a name."""
    sides = [(1, _message((1 if isinstance(side, int) else 2, side))) for side in shape]
    return _message((1, name), (2, _message((1, _message((1, kind), (2, _message(*sides)))))))


def _message(*fields):
    """Numbered fields as protocol buffers write them: https://protobuf.dev/programming-guides/encoding"""
    return b"".join(_field(*each) for each in fields)


def _field(number, value):
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    value = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value):
    digits = []
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


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
