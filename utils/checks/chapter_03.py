"""Self-checks and hints of chapter 03: resize and augment."""

from collections.abc import Callable

import numpy as np

from utils.checks.core import check

#: Exercise to its hints, each a little clearer than the one before.
HINTS: dict[str, tuple[str, ...]] = {}


def exercise_03_1(soft_mask: Callable) -> bool | None:
    """The share of car in each block of factor x factor pixels."""
    stairs = np.array([[0, 0, 0, 1], [0, 0, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1]], bool)
    wide = np.arange(6 * 12).reshape(6, 12) % 5 < 2
    cases = {2: [[0, 0.75], [0.5, 1]], 4: [[0.5625]], 1: stairs}
    return check(
        soft_mask,
        [((stairs, factor), np.array(soft, float)) for factor, soft in cases.items()]
        + [((wide, 3), np.array([[wide[y : y + 3, x : x + 3].mean() for x in (0, 3, 6, 9)] for y in (0, 3)]))],
    )


def exercise_03_2(shift_hue: Callable) -> bool | None:
    """Hue, 0-179 in uint8, turned around the colour wheel."""
    hues = np.array([[0, 10, 90], [170, 179, 60]], np.uint8)
    return check(shift_hue, [((hues, by), (hues.astype(int) + by) % 180) for by in (5, 50, 100, -50, -180)])


def exercise_03_3(is_aligned: Callable) -> bool | None:
    """Whether a pipeline moves image and mask together."""

    def mirror_both(images, masks):
        return images[:, :, ::-1], masks[:, :, ::-1]

    def mirror_the_last_image_only(images, masks):
        return np.concatenate([images[:-1], images[-1:, :, ::-1]]), masks

    def lower_images_by_one_pixel(images, masks):
        return np.roll(images, 1, axis=1), masks

    def give_the_mask_of_the_next_image(images, masks):
        return images, np.roll(masks, 1, axis=0)

    def change_nothing(images, masks):
        return images, masks

    def turn_both(images, masks):
        return np.rot90(images, axes=(1, 2)), np.rot90(masks, axes=(1, 2))

    masks = np.random.default_rng(0).integers(0, 256, (3, 4, 4), dtype=np.uint8)
    answers = {
        mirror_both: True,
        mirror_the_last_image_only: False,
        change_nothing: True,
        lower_images_by_one_pixel: False,
        turn_both: True,
        give_the_mask_of_the_next_image: False,
    }
    return check(is_aligned, [((pipeline, masks), answer) for pipeline, answer in answers.items()])
