"""Self-checks and hints of chapter 04: watch a network learn."""

import itertools
from collections.abc import Callable
from functools import partial

import numpy as np

from utils.checks.core import check, examine

MOST_WEIGHTS = 1000  # of the network of exercise 3
BAR = 0.2  # the loss it must fall below

#: Exercise to its hints, each a little clearer than the one before.
HINTS: dict[str, tuple[str, ...]] = {
    "04_1": (
        "The slope of a pixel's cross-entropy by its logit is simple: you saw it in a table of this chapter.",
        "A weight acts on the logit through its feature: (probability - truth) times that feature, for each pixel.",
        "Compute (p - truth)[..., None] * features and take the mean over both axes of the pixels.",
    ),
    "04_2": (
        "Make all pixels 10 times as bright: the prediction grows 10 times, and the gradient 100 times.",
        "So the rate must shrink with the mean square of the pixels under each weight, (windows**2).mean(axis=0).",
        "One over the sum of (windows**2).mean(axis=0) never overshoots. The exact limit is 2 over the largest "
        "eigenvalue of 2 * windows.T @ windows / len(windows).",
    ),
    "04_3": (
        "A pixel must see a good part of the car: pool, or use strides, before you spend weights on filters.",
        "Three layers of 6 filters, or four of 5, with pooling in between, a 1 x 1 convolution, and up-sampling back "
        "to 64 x 96 fit into 1,000 weights.",
        "Follow `network` from the beginning of the chapter with fewer channels; print model.count_params().",
    ),
}


def exercise_04_1(gradient_1x1: Callable) -> bool | None:
    """The gradient of the mean cross-entropy of a 1 x 1 convolution with a sigmoid, by its weights."""
    rng = np.random.default_rng(0)
    cases = []
    for shape in ((1, 1, 1), (2, 3, 2), (8, 6, 5)):
        features, weights = rng.normal(size=shape).round(2), rng.normal(size=shape[-1]).round(2)
        truth = np.round(rng.random(shape[:2]), 1)
        error = 1 / (1 + np.exp(-features @ weights)) - truth
        cases.append(((features, weights, truth), (error[..., None] * features).mean(axis=(0, 1))))
    return check(gradient_1x1, cases)


def exercise_04_2(learning_rate: Callable) -> bool | None:
    """A learning rate that never overshoots, whatever the photo and the scale of its pixels, and gets somewhere."""
    noise = np.random.default_rng(0).random((24, 24))
    grey = _eight_photos()[0][6].mean(axis=-1) / 255  # the photo of the chapter
    photos = {"noise": noise, "a bright photo": 0.8 + 0.2 * noise, "the red car": grey}
    trials = []
    for (name, photo), scale in itertools.product(photos.items(), (1, 255, 0.1)):
        windows = np.lib.stride_tricks.sliding_window_view(scale * photo, (3, 3)).reshape(-1, 9)
        trial = partial(_bad_rate, windows=windows, photo=f"{name}, pixels up to {scale}", bright="bright" in name)
        trials.append(((windows,), trial))
    return examine(learning_rate, trials)


def _bad_rate(rate, windows, photo, bright):
    """What is wrong with a learning rate over 100 steps towards an edge filter; None if nothing is."""
    if np.ndim(rate) or not np.isfinite(rate) or rate <= 0:
        return f"gives {rate!r}: a learning rate is one number above 0"
    weights, target = np.zeros(9), windows @ np.array([-1, 0, 1, -2, 0, 2, -1, 0, 1]) / 4
    first = last = np.mean(target**2)
    for step in range(1, 101):
        weights = weights - rate * 2 * windows.T @ (windows @ weights - target) / len(windows)
        loss = np.mean((windows @ weights - target) ** 2)
        if loss > last + 1e-9 * first:
            return f"gives {rate:.3g}: on {photo}, the loss rises in step {step}: it is too large"
        last = loss
    if not bright and last > first / 2:  # the valley of a bright photo is so narrow that no rate gets far
        return f"gives {rate:.3g}: on {photo}, {last / first:.0%} of the loss are left: it is too small"
    return None


def exercise_04_3(small_network: Callable) -> bool | None:
    """A network of few weights that learns eight photos in 200 steps."""
    import keras

    def trials():
        keras.utils.set_random_seed(0)
        yield (), _does_not_learn

    return examine(small_network, trials())


def _does_not_learn(model):
    """What keeps a network from solving exercise 3: its size, its shapes, its values, or its loss."""
    import keras

    if not isinstance(model, keras.Model):
        return f"gives {type(model).__name__}, not a keras.Model: did you forget to return it?"
    if model.input_shape[1:] != (64, 96, 3) or model.output_shape[1:] != (64, 96, 1):
        return f"maps {model.input_shape[1:]} to {model.output_shape[1:]}, not (64, 96, 3) to (64, 96, 1)"
    if model.count_params() > MOST_WEIGHTS:
        return f"has {model.count_params():,} weights; {MOST_WEIGHTS:,} are allowed"
    photos, truth = _eight_photos()
    answers = model.predict(photos, verbose=0)
    if answers.min() < 0 or answers.max() > 1:
        return f"answers with numbers from {answers.min():.3g} to {answers.max():.3g}: end it with a sigmoid"
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", jit_compile=False)
    model.fit(photos, truth, batch_size=4, epochs=100, verbose=0)
    loss = float(model.evaluate(photos, truth, verbose=0))
    return None if loss < BAR else f"ends with a loss of {loss:.3f}; the bar is {BAR}"


def _eight_photos():
    """The photos of the chapter, from the embedded data whatever data set is in use, and their masks as 0-1."""
    from utils import data

    train, _, _ = data.course_split(data.PROJECT / "data/sample")
    eight = train.groupby("id").sample(1, random_state=0)[:8]
    return np.array(data.load_images(eight, (64, 96))), data.load_masks(eight, (64, 96))[..., None] / 255
