"""Self-checks and hints of chapter 12: build the product."""

from collections.abc import Callable

import cv2
import numpy as np

from utils.checks.core import check, examine, show

#: Exercise to its hints, each a little clearer than the one before.
HINTS: dict[str, tuple[str, ...]] = {
    "12_1": (
        "Write down the mixture, pixel = alpha * car + (1 - alpha) * wall, and solve it for car.",
        "Keep what you get between 0 and 255, and mind the pixels whose alpha is 0: nothing can be divided by it.",
        "share = alpha[:, None] has the shape that NumPy needs; divide by np.where(share > 0, share, 1).",
    ),
    "12_2": (
        "As `quantised` in this chapter, but each output channel, weights[..., i], has a scale of its own.",
        "A scale is the largest absolute weight of its channel divided by 127. abs(weights).max(axis=(0, 1, 2)) finds "
        "all of them at once.",
        "Round before you convert to int8, which cuts digits off; give a channel of zeros a scale of 1.",
    ),
    "12_3": (
        "Near the edge the guess is wrong, a few pixels away it is right: compose.trimap tells these apart.",
        "In the unknown part, ask which share of the way from the wall's colour to the car's the pixel has gone.",
        "Take the car's colour as the mean of sure car pixels in a window of some 31 pixels (cv2.blur of colours times "
        "weight, divided by cv2.blur of weight), the wall's alike; then "
        "((photo - wall) * (car - wall)).sum(-1) / ((car - wall) ** 2).sum(-1), clipped to 0-1.",
    ),
}

SHAPE = 80, 120  # of the photos of exercise 3
SCENES = {  # colours of car and wall, and how far the guess lies off, down and right
    "red before grey": ((200, 40, 50), (190, 195, 200), (2, -3)),
    "dark blue before beige": ((30, 40, 90), (205, 195, 170), (-3, 2)),
    "white before black": ((245, 245, 240), (25, 28, 30), (3, 3)),
}


def exercise_12_1(unmix: Callable) -> bool | None:
    """The car's colour in pixels that are part car, part wall."""
    wall, car = np.array([[230.0, 230, 235]] * 4), np.array([[200.0, 10, 20], [0, 0, 0], [90, 255, 90], [40, 50, 60]])
    alpha = np.array([1.0, 0.5, 0.25, 0.0])
    pixel = alpha[:, None] * car + (1 - alpha[:, None]) * wall
    brighter = np.minimum(pixel + 30, 255)  # not a mixture of anything: the answer has to be cut to 0-255
    apart = np.zeros((4, 3))
    apart[:3] = np.clip((brighter[:3] - (1 - alpha[:3, None]) * wall[:3]) / alpha[:3, None], 0, 255)
    return check(
        unmix,
        [
            ((pixel, alpha, wall), np.where(alpha[:, None] > 0, car, 0)),
            ((brighter, alpha, wall), apart),
            ((pixel[:1], alpha[:1], wall[:1]), car[:1]),
        ],
    )


def exercise_12_2(quantise: Callable) -> bool | None:
    """Weights as integers of 8 bits, with a scale for each output channel."""
    rng = np.random.default_rng(0)
    uneven = rng.normal(size=(3, 3, 4, 8)) * 10.0 ** rng.uniform(-3, 1, 8)
    silent = uneven.copy()
    silent[..., 5] = 0
    return examine(
        quantise, [((weights,), _step_fault(weights)) for weights in (uneven, uneven[:1, :1, :, :2], silent)]
    )


def _step_fault(weights):
    """What is wrong with integers and scales for these weights."""
    most = abs(weights).max(axis=(0, 1, 2))

    def fault(result):
        if not (isinstance(result, tuple) and len(result) == 2):
            return f"gives {show(result)}; return two arrays: integers, scales"
        integers, scales = map(np.asarray, result)
        if integers.dtype != np.int8 or integers.shape != weights.shape:
            return f"gives integers of {integers.dtype}, shape {integers.shape}; expected int8, {weights.shape}"
        if scales.shape != most.shape:
            return f"gives scales of shape {scales.shape}; expected one a channel, {most.shape}"
        if not np.all((scales > 0) & (scales < np.inf)):
            return f"gives the scales {show(scales)}; all must be above 0: is there a channel of zeros?"
        wrong = abs(integers * scales - weights).max(axis=(0, 1, 2))
        if np.any(worse := wrong > 0.501 * most / 127):
            channel = int(np.argmax(worse))
            return (
                f"is off by up to {wrong[channel]:.2g} in channel {channel}; with the best scale for that channel, and "
                f"rounding, it would be {0.5 * most[channel] / 127:.2g} at most"
            )

    return fault


def exercise_12_3(improve: Callable) -> bool | None:
    """A better opacity than a guess that lies a few pixels off, by the colours of the photo."""
    scenes = [(name, *_draw(seed, *colours)) for seed, (name, colours) in enumerate(SCENES.items())]
    return examine(improve, [((photo, guess), _edge_fault(name, truth, guess)) for name, photo, truth, guess in scenes])


def _draw(seed, car, wall, off):
    """A car-like blob before a wall: the photo, its true opacity, and a guess that is blurred and lies off."""
    rng, (height, width), finer = np.random.default_rng(seed), SHAPE, 4
    y, x = np.mgrid[: height * finer, : width * finer] / (height * finer)
    blob = ((x - 0.75) / 0.5) ** 4 + ((y - 0.6) / 0.22) ** 4 < 1
    blob |= ((x - 0.8) / 0.27) ** 2 + ((y - 0.42) / 0.22) ** 2 < 1
    truth = cv2.resize(blob.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    light = 1 + 0.1 * (np.arange(width) / width - 0.5)[:, None]
    mixed = truth[..., None] * np.array(car) * light + (1 - truth[..., None]) * np.array(wall) / light
    photo = np.clip(mixed + rng.normal(0, 2, mixed.shape), 0, 255).round().astype(np.uint8)
    return photo, truth, np.roll(cv2.GaussianBlur(truth, (0, 0), 2), off, axis=(0, 1))


def _edge_fault(name, truth, guess):
    """What is wrong with an opacity for this scene."""

    def fault(result):
        result = np.asarray(result, float)
        if result.shape != truth.shape:
            return f"({name}) gives shape {result.shape}; expected an opacity for each pixel, {truth.shape}"
        if not np.all((result >= 0) & (result <= 1)):
            return f"({name}) gives opacities that are not all between 0 and 1; are some not a number?"
        found, before = (1000 * abs(each - truth).mean() for each in (result, guess))
        if found > before / 4:
            return (
                f"({name}) has an alpha error of {found:.1f} thousandths; the guess has {before:.1f}: come below a "
                "quarter of that"
            )

    return fault
