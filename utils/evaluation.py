"""How good a model is at each photo's own size, which threshold serves it best, and labels of its own."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from utils import CourseError, data, metrics
from utils.inference import Models, predict

THRESHOLDS = [percent / 100 for percent in range(20, 81)]


def evaluate(
    model: Models, frame: pd.DataFrame, tta: bool = False, threshold: float = 0.5, progress: bool = False
) -> pd.DataFrame:
    """Score a model at each image's original size.

    Parameters
    ----------
    model : Model or list of Model
        As in `utils.inference.predict`.
    frame : pandas.DataFrame
        Rows of `utils.data.open_data` that have masks.
    tta : bool
        Test-time augmentation: average with the prediction for the mirror image.
    threshold : float
        A pixel is car where its probability is above.
    progress : bool

    Returns
    -------
    pandas.DataFrame
        A row an image: ``id, view, dice, iou, precision, recall, specificity, accuracy``.

    Raises
    ------
    CourseError
        An image has no mask, or a file cannot be read.

    Notes
    -----
    Taught in ``notebooks/06_train_a_unet.ipynb``.
    """
    rows = frame.to_dict("records")
    found = predict(model, frame["image"], tta, progress=progress)
    scores = [score(row, probability > threshold) for row, probability in zip(rows, found, strict=True)]
    return pd.concat([frame[["id", "view"]].reset_index(drop=True), pd.DataFrame(scores)], axis=1)


def score(row: dict, prediction: np.ndarray) -> dict[str, float]:
    """Scores of one predicted mask, bool ``(height, width)``, against the truth of its row, as a dict."""
    truth = data.read_mask(row) > 127
    return {name: float(value) for name, value in metrics.scores(*metrics.confusion_matrix(truth, prediction)).items()}


def interval(values: Sequence[float], rounds: int = 10_000, seed: int = 0, level: float = 0.95) -> tuple[float, float]:
    """How far the choice of cars moves a mean: its interval by the bootstrap.

    Parameters
    ----------
    values : sequence of float
        One number a car: its mean score, or the difference of two models on its photos (a paired comparison).
    rounds : int
        How often as many cars are drawn, with repetition.
    seed : int
    level : float, 0-1
        Which share of the means lies within the interval. Of many intervals that are looked at together some leave out
        the truth by chance: take 0.99 there.

    Returns
    -------
    low, high : float
        The middle of the means: by default 95 % of them.

    Notes
    -----
    After Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics, 1979: the percentile method.
    With few cars it is a little too narrow. Taught in ``notebooks/01_get_the_data.ipynb``.
    """
    values = np.asarray(values, float)
    means = np.random.default_rng(seed).choice(values, (rounds, len(values))).mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def best_threshold(model: Models, frame: pd.DataFrame, tta: bool = False) -> pd.DataFrame:
    """Score every threshold from 0.20 to 0.80 at each image's original size.

    Parameters
    ----------
    model : Model or list of Model
        As in `utils.inference.predict`.
    frame : pandas.DataFrame
        Rows of `utils.data.open_data` that have masks. Take validation images: a threshold that is chosen on the
        images it is then scored on looks better than it is.
    tta : bool
        Test-time augmentation: average with the prediction for the mirror image.

    Returns
    -------
    pandas.DataFrame
        Column ``dice``, the mean over the images; the index is ``threshold``. ``found["dice"].idxmax()`` is the best.

    Raises
    ------
    CourseError
        No image; an image has no mask, or a file cannot be read.

    Notes
    -----
    Taught in ``notebooks/08_competition_tricks.ipynb``.
    """
    if not len(frame):
        raise CourseError("There is no image to search a threshold on: use the validation images.")
    found = zip(frame.to_dict("records"), predict(model, frame["image"], tta), strict=True)
    dice = [_dice_at_thresholds(data.read_mask(row) > 127, probability) for row, probability in found]
    return pd.DataFrame({"dice": np.mean(dice, axis=0)}, index=pd.Index(THRESHOLDS, name="threshold"))


def _dice_at_thresholds(truth, probability):
    """Dice of ``probability > threshold`` at each of `THRESHOLDS`, from one histogram of car and one of background."""
    tp, fp = _above_thresholds(probability[truth]), _above_thresholds(probability[~truth])
    car = np.count_nonzero(truth)
    return metrics.scores(tp, fp, car - tp, truth.size - car - fp)["dice"]


def _above_thresholds(values):
    """How many values lie above each of `THRESHOLDS`, which round to the values' own precision, as in a comparison."""
    thresholds_below = np.searchsorted(np.asarray(THRESHOLDS, values.dtype), values)
    histogram = np.bincount(thresholds_below, minlength=len(THRESHOLDS) + 1)
    return values.size - histogram.cumsum()[:-1]


def pseudo_labels(
    model: Models,
    frame: pd.DataFrame,
    size: int | tuple[int, int],
    confidence: float = 0.95,
    tta: bool = False,
    progress: bool = False,
) -> np.ndarray:
    """Label photos with a model's own answers: soft masks, with the ignore label where it is not sure.

    Parameters
    ----------
    model : Model or list of Model
        As in `utils.inference.predict`.
    frame : pandas.DataFrame
        Rows of `utils.data.open_data`; masks are not looked at.
    size : int or (int, int)
        Height and width of the labels (an int: both).
    confidence : float, above 0.5, at most 1
        A pixel gets its probability as its label where that of "car" or of "background" is at least ``confidence``.
    tta : bool
        Test-time augmentation: average with the prediction for the mirror image.
    progress : bool

    Returns
    -------
    ndarray of uint8, (n, h, w), 0-255
        255 times the probability of "car"; `losses.IGNORE_LABEL` where the model is not sure. To train on them together
        with true masks, pass ``losses.ignoring(loss)``.

    Raises
    ------
    CourseError
        ``confidence`` is out of range; no image; a file cannot be read.

    Notes
    -----
    After Lee, "Pseudo-Label", ICML workshop 2013, pixel by pixel and soft.
    Taught in ``notebooks/08_competition_tricks.ipynb``.
    """
    if not 0.5 < confidence <= 1:
        raise CourseError(f"confidence={confidence}: the probability a label must have is above 0.5 and at most 1.")
    if not len(frame):
        raise CourseError("There is no image to label: check the folder and the cars.")
    maps = predict(model, frame["image"], tta, progress=progress)
    return np.stack([_label(data.resize(probability, size), confidence) for probability in maps])


def _label(probability, confidence):
    from utils import losses  # here alone: a model is scored without Keras

    confident = np.maximum(probability, 1 - probability) >= confidence
    return np.where(confident, np.rint(255 * probability), losses.IGNORE_LABEL).astype(np.uint8)
