"""Self-checks and hints of chapter 06: train a U-Net."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from utils.checks.core import check, examine

#: Exercise to its hints, each a little clearer than the one before.
HINTS: dict[str, tuple[str, ...]] = {
    "06_1": (
        "Which number must divide both sides? Each level halves them once.",
        "The smallest addition to a side is `-side % 2**levels`; for 100 and 4 levels that is 12.",
        'np.pad with mode="edge" takes (before, after) for each axis: nothing before, and nothing at the colours.',
    ),
    "06_2": (
        "Ask twice: about the photos, and about their mirror images.",
        "The width is the last axis: photos[:, :, ::-1]. The answer to a mirror image is mirrored, too.",
        "Flip the second answer back before you take the mean of both.",
    ),
    "06_3": (
        "Begin with the cells of this chapter, in their order; only the merge and the number of levels change.",
        "On the way down, the channels of a level are 8 * 2**level; those of the bottom 8 * 2**levels.",
        "layers.Add()([x, skip]) wants equal shapes: the 1 x 1 convolution before it sees to the channels.",
    ),
}


def exercise_06_1(padded: Callable) -> bool | None:
    """A photo with its last row and column repeated until both sides can be halved so many times."""
    rng = np.random.default_rng(0)
    sizes = [(5, 6, 1), (8, 12, 2), (13, 3, 3), (4, 5, 0)]
    photos = [(rng.integers(0, 256, (height, width, 3), np.uint8), levels) for height, width, levels in sizes]
    return examine(padded, [(arguments, partial(_padding, *arguments)) for arguments in photos])


def _padding(photo, levels, result):
    divisor, (height, width) = 2**levels, photo.shape[:2]
    shape = (height + -height % divisor, width + -width % divisor, 3)
    case = f"for a photo of {photo.shape} and levels={levels}"
    if np.shape(result) != shape:
        return f"has shape {np.shape(result)}, expected {shape} {case}"
    if not np.array_equal(result[:height, :width], photo):
        return f"does not begin with the photo itself {case}: pad at the right and lower border alone"
    nearest = np.ix_(np.minimum(range(shape[0]), height - 1), np.minimum(range(shape[1]), width - 1))
    if not np.array_equal(result, photo[nearest]):
        return f"adds other values than those of the last row and column {case}"
    return None


def exercise_06_2(flip_average: Callable) -> bool | None:
    """The mean of the answers to a photo and to its mirror image, the second one flipped back."""
    photos = np.array([[[10.0, 20, 30], [40, 50, 60]], [[1, 2, 3], [4, 5, 7]]])

    def left_half(photos):  # an answer that depends on where a pixel lies
        return photos * np.array([1.0, 0.5, 0.0])

    def same(photos):
        return photos

    expected = photos * 0.5
    return check(
        flip_average,
        [((same, photos), photos), ((left_half, photos), expected), ((left_half, photos[:1]), expected[:1])],
    )


def exercise_06_3(build: Callable) -> bool | None:
    """A U-Net that adds its skips: its shapes, its weights, and a loss that falls on drawn discs."""
    return examine(build, [((48, 3), partial(_adding, 48, 3)), ((32, 2), partial(_adding, 32, 2, train=True))])


def _adding(size, levels, model, train=False):
    import keras  # the other checks need no network

    from utils import models

    if not isinstance(model, keras.Model):
        return f"gives {type(model).__name__}, expected a keras.Model"
    shapes = model.input_shape[1:], model.output_shape[1:]
    if shapes != ((size, size, 3), (size, size, 1)):
        return f"maps {shapes[0]} to {shapes[1]}, expected {(size, size, 3)} to {(size, size, 1)}"
    merges = [operation for operation in model.operations if type(operation).__name__ == "Add"]
    if any(type(operation).__name__ == "Concatenate" for operation in model.operations):
        return "concatenates: add the skip to what comes from below"
    found, wanted = sorted(merge.output.shape[1] for merge in merges), [size // 2**level for level in range(levels)]
    if found != wanted[::-1]:
        return f"adds features at the widths {found}, expected one skip at each of {wanted[::-1]}"
    lowest = min(operation.output.shape[1] for operation in model.operations if len(operation.output.shape) == 4)
    if lowest != size // 2**levels:
        return f"is {lowest} pixels wide at the bottom, expected {size // 2**levels}"
    most = models.unet(size, levels=levels).count_params()
    if not 0.6 * most < model.count_params() < most:
        weights = model.count_params()
        return (
            f"has {weights:,} weights, expected fewer than the {most:,} of models.unet, but more than {0.6 * most:,.0f}"
        )
    return _discs(model, size) if train else None


def _discs(model: Any, size: int) -> str | None:
    """Train on eight bright discs for a few steps: what is wrong with the answers, or with the loss."""
    import keras

    from utils import losses

    rng, (y, x) = np.random.default_rng(0), np.mgrid[:size, :size]
    centres = rng.uniform(0.3, 0.7, (8, 2)) * size
    masks = np.stack([(y - row) ** 2 + (x - column) ** 2 < (size / 4) ** 2 for row, column in centres])[..., None]
    images = np.where(masks, 180, 80) + rng.normal(0, 20, (*masks.shape[:3], 3))
    images, masks = images.clip(0, 255).astype(np.float32), masks.astype(np.float32)
    answer = model.predict_on_batch(images)
    if answer.min() < 0 or answer.max() > 1:
        return f"answers numbers from {answer.min():.1f} to {answer.max():.1f}: probabilities need a sigmoid at the end"
    model.compile(keras.optimizers.Adam(5e-3), losses.bce_dice)
    first, *_, last = (float(model.train_on_batch(images, masks)) for _ in range(30))
    if not last < 0.5 * first:
        return f"does not learn: on drawn discs its loss went from {first:.2f} to {last:.2f} in 30 steps"
    return None
