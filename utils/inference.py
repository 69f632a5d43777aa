"""From a model, a Keras one or an ONNX file, to probabilities at each photo's own size."""

import json
import logging
import os
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

import utils
from utils import CourseError, data

# To predict with one model after the other is what a course does; TensorFlow warns of it as of a mistake.
logging.getLogger("tensorflow").addFilter(lambda record: "retracing" not in record.getMessage())


class Model(Protocol):
    """What predicting asks of a network: a `keras.Model` has it, and so has an `OnnxModel`."""

    input_shape: tuple[int | None, ...]

    def predict_on_batch(self, images: np.ndarray) -> np.ndarray: ...


Models = Model | list[Model]


class OnnxModel:
    """A network in an ONNX file, which ONNX Runtime runs on the CPU: no Keras, and a start of milliseconds.

    Parameters
    ----------
    path : path
        An ``.onnx`` file; it may go once it is open.

    Attributes
    ----------
    input_shape, output_shape : tuple
        As Keras gives them: None where any length goes, a list where there are several inputs or outputs.
    metadata : dict of str
        What the file says of itself, such as the cars it was trained on.
    content : bytes
        The file.
    """

    def __init__(self, path: str | os.PathLike):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # errors are raised, not printed as well
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads wait, and burn nothing
        self.content = Path(path).read_bytes()
        self.session = onnxruntime.InferenceSession(self.content, options, providers=["CPUExecutionProvider"])
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        self.input_shape, self.output_shape = _shape(inputs), _shape(outputs)
        self.metadata = self.session.get_modelmeta().custom_metadata_map
        self.input = inputs[0].name
        if {node.type for node in inputs + outputs} != {"tensor(float)"}:
            raise ValueError("its input or its output is not of float32")

    def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
        """Answer a batch of images, uint8 or float, 0-255."""
        return self.session.run(None, {self.input: images.astype(np.float32, copy=False)})[0]


def _shape(nodes):
    shapes = [tuple(side if isinstance(side, int) else None for side in node.shape) for node in nodes]
    return shapes[0] if len(shapes) == 1 else shapes


def load_model(path: str | os.PathLike) -> Model:
    """Load a model of the course, ready to predict.

    Parameters
    ----------
    path : path
        A ``.keras`` file, or an ``.onnx`` file made of one by `utils.export.to_onnx`.

    Returns
    -------
    keras.Model or OnnxModel

    Raises
    ------
    CourseError
        No such file, no model, or not one from images to masks.

    Notes
    -----
    Keras, which takes seconds to start, is imported for a ``.keras`` file alone.
    """
    path = Path(path)
    if not path.is_file():
        raise CourseError(f"No model at {path}. Train one: python -m utils train --model unet --size 128 --out {path}")
    kind, load = ("an ONNX", OnnxModel) if path.suffix == ".onnx" else ("a Keras", _load_keras)
    try:
        model = load(path)
    except ModuleNotFoundError as error:
        raise CourseError(f"{path} needs {error.name}, which is not installed: pip install {error.name}") from error
    except Exception as error:  # their readers raise many kinds
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CourseError(f"{path} is not {kind} model that can be used ({reason}). Give another file.") from error
    source, target = getattr(model, "input_shape", ()), getattr(model, "output_shape", ())
    if not (_is_batch(source, 3) and _is_batch(target, 1) and None not in source[1:]):
        raise CourseError(
            f"{path} maps {source} to {target}; a model of this course maps images (n, h, w, 3) of one size to "
            "probabilities (n, h, w, 1)."
        )
    if isinstance(model, OnnxModel):
        _try_out(model, path)
    return model


def _try_out(model, path):
    """Notice before the first photo a network that cannot run, or whose answers are no probabilities."""
    try:
        answers = model.predict_on_batch(np.full((1, *model.input_shape[1:]), 127, np.uint8))
        lowest, highest = answers.min(), answers.max()
    except Exception as error:  # ONNX Runtime raises many kinds
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CourseError(f"{path} is a network that does not run ({reason}). Give another file.") from error
    if not -0.01 <= lowest <= highest <= 1.01:  # 8 bits round
        raise CourseError(
            f"{path} is another network: it answers a grey photo with numbers from {lowest:.3g} to {highest:.3g}, "
            "and probabilities lie between 0 and 1. Give another file."
        )


def _load_keras(path):
    import keras

    import utils.models  # noqa: F401  registers the layers that a file may hold

    return keras.saving.load_model(path, compile=False)


def _is_batch(shape, channels):
    """Whether a shape is that of any number of pictures with so many channels."""
    return len(shape) == 4 and shape[0] is None and shape[-1] == channels


def training_cars(path: str | os.PathLike) -> frozenset[str] | None:
    """Read from a model's file which cars it was trained on.

    Parameters
    ----------
    path : path
        A ``.keras`` or an ``.onnx`` file.

    Returns
    -------
    frozenset of str, or None
        Car ids; None where the file does not say.

    Raises
    ------
    CourseError
        The file cannot be read, or its list is damaged.
    """
    try:
        if Path(path).suffix == ".onnx":
            cars = json.loads(OnnxModel(path).metadata.get("cars", "[]"))
        else:
            with zipfile.ZipFile(path) as archive:
                cars = json.loads(archive.read("metadata.json")).get("cars", [])
        if not isinstance(cars, list):
            raise TypeError("not a list of cars")
        return frozenset(map(str, cars)) or None
    except Exception as error:  # a damaged archive raises whatever its reader stumbles over
        raise CourseError(f"{path}: its list of training cars cannot be read ({error!r}). Train it again.") from error


def probabilities(model: Model, images: np.ndarray, tta: bool = False, batch: int = 16) -> np.ndarray:
    """Probability of "car" for each pixel, at the model's size.

    Parameters
    ----------
    model : Model
        A `keras.Model`, or what `load_model` returns.
    images : ndarray of uint8, (n, h, w, 3), 0-255
        At the model's size.
    tta : bool
        Test-time augmentation: average with the prediction for the mirror image.
    batch : int

    Returns
    -------
    ndarray of float32, (n, h, w), 0-1

    Raises
    ------
    CourseError
        The images have another size than the model.

    Notes
    -----
    Taught in ``notebooks/06_train_a_unet.ipynb``.
    """
    if images.shape[1:] != model.input_shape[1:]:
        raise CourseError(
            f"Images are {images.shape[1:]}, the model wants {model.input_shape[1:]}: load them at the model's size."
        )
    starts = range(0, max(1, len(images)), batch)
    return np.concatenate([_predict_batch(model, images[start : start + batch], tta) for start in starts])


def _predict_batch(model, images, tta):
    straight = model.predict_on_batch(images)[..., 0]
    if not tta:
        return straight
    return (straight + model.predict_on_batch(np.flip(images, 2).copy())[:, :, ::-1, 0]) / 2


def predict(
    model: Models, paths: Iterable[str | os.PathLike], tta: bool = False, batch: int = 16, progress: bool = False
) -> Iterator[np.ndarray]:
    """Probability of "car" for each pixel, at each image's own size.

    Parameters
    ----------
    model : Model or list of Model
        Of several, an ensemble, the answers are averaged; each model sees the photo at its own size.
    paths : iterable of path
        Photos of any size.
    tta : bool
        Test-time augmentation: average with the prediction for the mirror image.
    batch : int
        Images predicted at a time.
    progress : bool
        Show how far it is.

    Yields
    ------
    ndarray of float32, (height, width), 0-1
        In the order of ``paths``; threshold at 0.5 for a mask. One at a time is held at full size.

    Raises
    ------
    CourseError
        A file is missing, damaged or no image; an ensemble of no model.

    Notes
    -----
    Probabilities are up-sampled bilinearly, then thresholded: ``notebooks/03_resize_and_augment.ipynb`` shows why.
    """
    models, paths = as_models(model), list(paths)
    bar = utils.progress(total=len(paths), unit=" photos", disable=not progress)
    with ThreadPoolExecutor() as pool, bar:
        for start in range(0, len(paths), batch):
            chunk = paths[start : start + batch]
            for path, *maps in zip(chunk, *_predict_at_model_sizes(models, chunk, tta, pool), strict=True):
                shape = data.image_shape(path)
                yield sum(upsample(each, shape) for each in maps) / np.float32(len(maps))
                bar.update()


def as_models(model: Models) -> list[Model]:
    """One model, or several, as a list; a `CourseError` if there is none."""
    models = list(model) if isinstance(model, list | tuple) else [model]
    if not models:
        raise CourseError("An ensemble needs at least one model; the list is empty.")
    return models


def _predict_at_model_sizes(models, paths, tta, pool):
    """What each model says at its own size; photos are read once a size."""
    photos = {}
    for size in {model.input_shape[1:3] for model in models}:
        photos[size] = np.stack(list(pool.map(partial(data.read_image, size=size), paths)))
    return [_predict_batch(model, photos[model.input_shape[1:3]], tta) for model in models]


def upsample(probability: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resize one probability map, float32 ``(h, w)``, bilinearly to ``shape`` (height, width)."""
    return cv2.resize(probability, shape[::-1], interpolation=cv2.INTER_LINEAR)
