"""Self-checks and hints of chapter 07: losses and boundaries."""

from collections.abc import Callable

import numpy as np

from utils.checks.core import check, examine

#: Exercise to its hints, each a little clearer than the one before.
HINTS: dict[str, tuple[str, ...]] = {
    "07_1": (
        "Which pixels are wrong? And how far is each of them from the nearest pixel of the other kind?",
        "ndimage.distance_transform_edt(truth) is that distance inside the car; outside it is that of ~truth.",
        "distance = np.where(truth, inside, outside); then the mean of distance[truth != answer] <= reach.",
    ),
    "07_2": (
        "Three sums over each image, like the ones in dice_loss; one number an image remains.",
        "both = ops.sum(y_true * y_pred, axis=(1, 2, 3)); the other two replace a factor by 1 minus it.",
        "return 1 - both / (both + miss * missed + alarm * false_alarms)",
    ),
    "07_3": (
        "Which price has to be the higher one, so that missing the car gets expensive?",
        "compile needs a function of (y_true, y_pred): a lambda can set miss and alarm, e.g. to 0.8 and 0.2.",
        "network.compile(keras.optimizers.Adam(0.05), loss), then network.train_on_batch(images, masks) 60 times, "
        "then return network.",
    ),
}


def exercise_07_1(errors_near_edge: Callable) -> bool | None:
    """The share of the wrong pixels that lie within reach of the true edge."""
    car, corner, tip = np.zeros((1, 9), bool), np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    car[0, 2:7] = corner[2:, 2:] = tip[1, 1] = True

    def flipped(*places):
        answer = car.copy()
        answer[0, list(places)] ^= True
        return answer

    return check(
        errors_near_edge,
        [
            ((car, flipped(2), 1), 1.0),
            ((car, flipped(4), 2), 0.0),
            ((car, flipped(4), 3), 1.0),
            ((car, flipped(0, 2, 4), 1), 1 / 3),
            ((car, flipped(0, 2, 4), 2), 2 / 3),
            ((car, flipped(1, 6, 8), 1), 2 / 3),
            ((car, car, 3), 0.0),
            ((corner, corner ^ tip, 1), 0.0),
            ((corner, corner ^ tip, 1.5), 1.0),
        ],
    )


def exercise_07_2(tversky_loss: Callable) -> bool | None:
    """Dice loss without squares, in which missed car and false alarms have prices of their own."""
    truth, prediction = _image(1, 1, 0, 0), _image(1, 0, 0, 0.5)
    soft, other = _image(0.2, 0.6, 1.0, 0.0), _image(1.0, 0.0, 0.2, 0.6)
    batch = np.concatenate([truth, soft]), np.concatenate([prediction, other])
    cases = [
        ((truth, prediction, 0.5, 0.5), [1 - 1 / 1.75]),
        ((truth, prediction, 0.9, 0.1), [1 - 1 / 1.95]),
        ((truth, prediction, 0.0, 1.0), [1 - 1 / 1.5]),
        ((truth, truth, 0.7, 0.3), [0.0]),
        ((truth, 1 - truth, 0.7, 0.3), [1.0]),
        ((*batch, 0.6, 0.4), [1 - 1 / 1.8, 1 - 0.4 / 1.8]),
    ]

    def in_numpy(*arguments):
        result = tversky_loss(*arguments)
        return result if result is ... else np.asarray(result)

    in_numpy.__name__ = tversky_loss.__name__
    return check(in_numpy, [(arguments, np.float32(expected)) for arguments, expected in cases])


def exercise_07_3(miss_less: Callable) -> bool | None:
    """Train a network that misses a quarter of the car until it misses a tenth at most."""

    def trained():
        return miss_less(_timid_network(), *_faint_cars(seed=0))

    trained.__name__ = miss_less.__name__
    return examine(trained, [((), _misses_little)])


def _misses_little(network):
    """Judged on cars that were not trained on."""
    if not hasattr(network, "predict_on_batch"):
        return f"returns {type(network).__name__}: return the network itself."
    images, masks = _faint_cars(seed=1)
    found, car = network.predict_on_batch(images) > 0.5, masks > 0.5
    missed = (car & ~found).sum() / car.sum()
    dice = 2 * (car & found).sum() / (car.sum() + found.sum())
    if missed > 0.1:
        return f"still misses {missed:.0%} of the car: make a missed pixel more expensive, or train longer."
    if dice < 0.6:
        return f"misses only {missed:.0%} of the car, but its Dice is {dice:.2f}: false alarms need a price, too."
    return None


def _faint_cars(seed, images=16, size=24):
    """Noisy photos, float32 ``(n, h, w, 3)``, in which the car, a quarter of each, is brighter than the background."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((images, size, size, 1), np.float32)
    for mask in masks:
        top, left = rng.integers(0, size // 2, 2)
        mask[top : top + size // 2, left : left + size // 2] = 1
    grey = 100 + 70 * masks + 30 * rng.standard_normal(masks.shape, np.float32)
    return np.repeat(grey, 3, axis=-1), masks


def _timid_network():
    """One weight and one bias, as cross-entropy would set them: a pixel is car where that is the more probable."""
    import keras  # not every chapter that checks answers needs it

    brightness = keras.layers.Conv2D(1, 1, activation="sigmoid")
    inputs = keras.Input((None, None, 3))
    network = keras.Model(inputs, brightness(keras.layers.Rescaling(1 / 30)(inputs)), name="network")
    slope = 70 / 30
    bias = np.log(1 / 3) - slope * 135 / 30
    brightness.set_weights([np.full((1, 1, 3, 1), slope / 3), np.array([bias])])
    return network


def _image(*pixels):
    """A batch of one image with these pixels in a row."""
    return np.array(pixels, np.float32).reshape(1, 1, -1, 1)
