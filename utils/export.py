"""A trained model as an ONNX file, which predicts without Keras: checked against the original, and quantised."""

import json
import os
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from utils import CourseError, data, inference, replacing

TOLERANCE = 1e-3  # of a probability
SAMPLE = data.PROJECT / "data" / "sample" / "train"
NEEDS = "pip install -r utils/export.txt"


def to_onnx(model: inference.Model, path: str | os.PathLike, cars: Iterable[str] = ()) -> float:
    """Write a Keras model as an ONNX file that gives the same answers, or none.

    Parameters
    ----------
    model : keras.Model
        From images to probabilities, as in `utils.models`.
    path : path
        Ends in ``.onnx``. What lies there stays if anything goes wrong.
    cars : iterable of str
        Ids of the cars trained on, kept in the file: `utils.inference.training_cars` reads them.

    Returns
    -------
    float
        The largest difference of a probability between the two, on a few photos of ``data/sample``: below 0.001.

    Raises
    ------
    CourseError
        The exporter is not installed, or fails, or lacks an operation (the GELU of `utils.models.trans_unet`); the
        file answers otherwise than the model; a full disk.

    Notes
    -----
    The file takes float32 ``(n, h, w, 3)``, 0-255, for any ``n``, and returns float32 ``(n, h, w, 1)``, 0-1. The
    exporter is Keras' own, `keras.Model.export`. It needs packages that predicting does not: ``utils/export.txt``.
    Taught in ``notebooks/12_build_the_product.ipynb``.
    """
    check_suffix(path)
    if isinstance(model, inference.OnnxModel):
        raise CourseError("This is an ONNX model already: give the Keras model that it was made of.")
    images = read_photos(sorted(SAMPLE.glob("*.jpg"))[::200], model)
    expected = inference.probabilities(model, images)  # Keras exports only a model that has been called
    with replacing(path, room=4 * model.count_params()) as temporary:
        _convert(model, temporary, cars)
        try:
            exported = inference.load_model(temporary)
        except CourseError as error:
            raise CourseError(f"{path} is not written: it would be of no use. {error}") from error
        difference = float(abs(inference.probabilities(exported, images) - expected).max())
        if not difference < TOLERANCE:
            raise CourseError(
                f"{path} is not written: it would differ from the model by {difference:.2g} of a probability, "
                f"{TOLERANCE} is allowed. Try other versions of what utils/export.txt names."
            )
    return difference


def _convert(model, path, cars):
    """Keras' exporter, and a word in the file on what it is."""
    try:
        import onnx

        with warnings.catch_warnings(action="ignore"):  # of NumPy, about the exporter
            model.export(str(path), format="onnx", verbose=False)
    except ImportError as error:
        raise CourseError(f"Exporting takes packages that predicting does not ({error}): {NEEDS}") from error
    except Exception as error:  # the exporter's many parts raise many kinds
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CourseError(f"Keras cannot export the model ({reason}).") from error
    file = onnx.load(path)
    file.doc_string = "Photos, RGB, float32, 0-255, (n, h, w, 3), to probabilities of car, (n, h, w, 1)."
    onnx.helper.set_model_props(file, {"cars": json.dumps(sorted(cars))})
    onnx.save(file, path)


def quantise(path: str | os.PathLike, out: str | os.PathLike, photos: Iterable[str | os.PathLike]) -> None:
    """Write an ONNX file that computes with integers of 8 bits: a quarter of the size, for a price in quality.

    Parameters
    ----------
    path : path
        An ``.onnx`` file.
    out : path
        Ends in ``.onnx``. What lies there stays if anything goes wrong.
    photos : iterable of path
        A few dozen of the kind the model will see: how large the numbers inside it become, they show.

    Raises
    ------
    CourseError
        No photo, or one that cannot be read; no ONNX model; the packages for it are not installed; a full disk.

    Notes
    -----
    Static quantisation of weights, channel by channel, and of activations: Jacob et al., "Quantization and Training of
    Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018, arXiv:1712.05877.
    `python -m benchmarks.engines` measures what it costs and what it brings. Taught in
    ``notebooks/12_build_the_product.ipynb``.
    """
    check_suffix(out)
    model = inference.load_model(path)
    images = read_photos(photos, model)
    try:
        from onnxruntime import quantization
    except ImportError as error:
        raise CourseError(f"Quantising takes packages that predicting does not ({error}): {NEEDS}") from error
    # Half the range for weights: products of two full ones overflow on processors without instructions made for them.
    integers = {"activation_type": quantization.QuantType.QUInt8, "per_channel": True, "reduce_range": True}

    class Reader(quantization.CalibrationDataReader):
        batches = iter(images[:, None].astype(np.float32))

        def get_next(self):
            batch = next(self.batches, None)
            return None if batch is None else {model.input: batch}

    with replacing(out, room=len(model.content)) as temporary, tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quantization.quant_pre_process(path, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(prepared, temporary, Reader(), **integers)


def read_photos(paths: Iterable[str | os.PathLike], model: inference.Model) -> np.ndarray:
    """Photos at a model's size, uint8 ``(n, h, w, 3)``; a `CourseError` if there is none."""
    images = [data.read_image(path, model.input_shape[1:3]) for path in paths]
    if not images:
        raise CourseError("There is no photo to try the model on: check the folder (git checkout data/sample).")
    return np.stack(images)


def check_suffix(path: str | os.PathLike) -> None:
    """Refuse with a `CourseError` the name of an ONNX file that does not end in ``.onnx``."""
    if Path(path).suffix != ".onnx":
        raise CourseError(f"{path}: the name of an ONNX file ends in .onnx, e.g. models/unet.onnx")
