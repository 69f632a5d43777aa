"""Self-checks and hints of chapter 05: a baseline CNN."""

from collections.abc import Callable

import keras
import numpy as np

from utils.checks.core import check, examine, show
from utils.evaluation import interval
from utils.metrics import dice

#: Exercise to its hints, each a little clearer than the one before.
HINTS: dict[str, tuple[str, ...]] = {
    "05_1": (
        "Two steps: one number a car, then how far the choice of cars moves their mean.",
        "The gain on each photo is b - a. Average it within each car first: pd.Series(b - a).groupby(cars).mean().",
        "interval(...) of these gains, one a car, gives both ends; their plain mean is the first number.",
    ),
    "05_2": (
        "Follow the cell that adds up the baseline's view, with the kernel in place of the 3 and the stride of the 2.",
        "A layer widens the view by (kernel - 1) positions of its input; how many pixels is one of them wide?",
        "Keep two numbers, the field and the width of a position; a stride changes the width for the layers after it.",
    ),
    "05_3": (
        "Another round of convolution and pooling nearly doubles the view. Mind the up-sampling, and the weights.",
        "Most weights lie between the layers with the most channels: 3 * 3 * channels in * channels out.",
        "Try four rounds with 16, 32, 64 and 128 channels, then a 1 x 1 convolution, up-sampling by 16, a sigmoid.",
    ),
}


def exercise_05_1(compare: Callable) -> bool | None:
    """The mean gain over cars, and its interval by the bootstrap over cars."""
    rng = np.random.default_rng(0)
    photos = rng.integers(2, 9, 20)  # of each car
    cars = np.repeat([f"car {number:02d}" for number in range(len(photos))], photos)
    a = np.repeat(rng.uniform(0.6, 0.95, len(photos)), photos)
    b = a + np.repeat(rng.normal(0.01, 0.02, len(photos)), photos) + rng.normal(0, 0.003, len(cars))
    by_hand = np.array([0.5, 0.5, 0.5, 0.75]), np.array([0.5, 0.5, 0.5, 0.875]), np.array(["x", "x", "x", "y"])
    return examine(
        compare, [(each, lambda result, each=each: _miscompared(result, *each)) for each in (by_hand, (a, b, cars))]
    )


def _miscompared(result, a, b, cars):
    if np.shape(result) != (3,):
        return f"returns {show(result)}, expected three numbers: the gain and both ends of its interval"
    gains = np.array([(b - a)[cars == car].mean() for car in np.unique(cars)])
    gain, *ends = result
    if not np.isclose(gain, gains.mean(), rtol=0, atol=1e-6):
        told = f"gives a mean gain of {gain:+.4f}, expected {gains.mean():+.4f}"
        return f"{told}: b minus a, averaged within each car and then over the cars"
    wanted = interval(gains)
    if not np.allclose(ends, wanted, rtol=0, atol=0.1 * np.ptp(wanted)):
        told = "gives an interval from {:+.4f} to {:+.4f}, expected {:+.4f} to {:+.4f}".format(*ends, *wanted)
        return f"{told}, give or take a tenth of its width: draw cars, not photos, and the gain of each"
    return None


def exercise_05_2(receptive_field: Callable) -> bool | None:
    """The receptive field of a stack of (kernel, stride)."""
    return check(
        receptive_field,
        [
            (([(3, 1)],), 3),
            (([(3, 1), (3, 1)],), 5),
            (([(3, 1), (2, 2)],), 4),
            (([(3, 2), (3, 1)],), 7),
            (([(3, 1), (2, 2)] * 3,), 22),
            (([],), 1),
        ],
    )


def exercise_05_3(build: Callable) -> bool | None:
    """A network that sees at least 40 columns with at most 150,000 weights, and that can learn."""
    size = 96
    return examine(build, [((size,), lambda model: _complaint(model, size))])


def _complaint(model, size):
    if not isinstance(model, keras.Model):
        return f"returns {type(model).__name__}, expected a keras.Model"
    if model.output_shape != (None, size, size, 1):
        return f"maps to {model.output_shape}, expected {(None, size, size, 1)}: one number for every pixel"
    if model.count_params() > 150_000:
        return f"has {model.count_params():,} weights, 150,000 are allowed"
    photos, masks = _discs(size)
    first = model.predict_on_batch(photos[:4])
    if first.min() < 0 or first.max() > 1:
        return f"gives numbers from {first.min():.2f} to {first.max():.2f}, expected probabilities: is there a sigmoid?"
    if (seen := _columns_seen(model, size)) < 40:
        return f"has an answer in the middle that sees {seen} columns, expected at least 40"
    model.compile(keras.optimizers.Adam(2e-3), "binary_crossentropy", jit_compile=False)
    model.fit(photos, masks, batch_size=8, epochs=8, verbose=0, shuffle=False)
    score = dice(masks[..., 0] > 0.5, model.predict_on_batch(photos)[..., 0] > 0.5).mean()
    if score < 0.8:
        return f"reaches a Dice of {score:.2f} on bright discs it was trained on, expected 0.80: can it learn?"
    return None


def _discs(size):
    """32 photos of a bright disc on a dark, noisy ground, and their masks."""
    rng = np.random.default_rng(0)
    centre, radius = rng.uniform(0.3, 0.7, (2, 32, 1, 1)) * size, rng.uniform(0.15, 0.3, (32, 1, 1)) * size
    rows, columns = np.mgrid[:size, :size]
    masks = np.hypot(rows - centre[0], columns - centre[1]) < radius
    photos = rng.integers(0, 100, (*masks.shape, 3)) + 120 * masks[..., None]
    return photos.astype(np.uint8), masks[..., None].astype(np.float32)


def _columns_seen(model, size):
    """How many columns of a photo of noise change the probability in the middle when they are inverted."""
    photo = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    photos, columns = np.repeat(photo[None], size + 1, axis=0), np.arange(size)
    photos[columns, :, columns] = 255 - photos[columns, :, columns]
    middle = model.predict_on_batch(photos)[:, size // 2, size // 2, 0]
    return int((~np.isclose(middle[:-1], middle[-1], rtol=0, atol=1e-7)).sum())
