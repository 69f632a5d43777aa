"""Self-checks and hints of chapter 03: resize and augment."""

from collections.abc import Callable

import numpy as np

from utils.checks.core import check, examine

#: Exercise to its hints, each a little clearer than the one before.
HINTS: dict[str, tuple[str, ...]] = {
    "03_1": (
        "A boolean counts as 0 or 1, so the share of car in a block is the mean of the block.",
        "Give the blocks axes of their own: (rows of blocks, rows in a block, columns of blocks, columns in a block).",
        "mask.reshape(h // factor, factor, w // factor, factor), then the mean over axes 1 and 3.",
    ),
    "03_2": (
        "What could you feed as images, so that you know what must come out?",
        "Images whose three channels are their own mask: np.repeat(masks[..., None], 3, axis=-1).",
        "Run the pipeline on them, and subtract y from a channel of x, as floats: no pixel may differ by more than 1.",
    ),
    "03_3": (
        "Draw three numbers from rng: the share, and where the window begins, down and across.",
        "The window is int(share * h) high; its top lies between 0 and h minus that. The same for columns.",
        "Cut image[top : top + rows, left : left + columns] and the same of mask; cv2.resize each to (w, h).",
    ),
}


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


def exercise_03_2(is_aligned: Callable) -> bool | None:
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

    def drop_half_a_grey_level_of_the_images(images, masks):
        return np.maximum(images - np.float32(0.5), 0), masks.astype(np.float32)

    def round_the_images_down(images, masks):
        return images - (images > 0), masks

    def whiten_the_last_pixel(images, masks):
        images = images.copy()
        images[-1, -1, -1] = 255
        return images, masks

    masks = np.random.default_rng(0).integers(0, 256, (3, 4, 4), dtype=np.uint8)
    masks[-1, -1, -1] = 200
    answers = {
        mirror_both: True,
        mirror_the_last_image_only: False,
        change_nothing: True,
        lower_images_by_one_pixel: False,
        turn_both: True,
        give_the_mask_of_the_next_image: False,
        drop_half_a_grey_level_of_the_images: True,
        round_the_images_down: True,
        whiten_the_last_pixel: False,
    }
    return check(is_aligned, [((pipeline, masks), answer) for pipeline, answer in answers.items()])


def exercise_03_3(random_zoom: Callable) -> bool | None:
    """A window of 60 to 100 % of the pair at a random place, enlarged to the old size."""
    height, width = 80, 120
    down, across = np.mgrid[:height, :width].astype(np.uint8)
    image = np.stack([2 * across, 2 * down, across + down], axis=-1)
    twins = np.repeat(down[..., None] + across[..., None], 3, axis=-1)
    windows = []

    def keeps_form(result):
        zoomed, mask = result
        for name, array, old in [("image", zoomed, image), ("mask", mask, across)]:
            if np.shape(array) != old.shape or array.dtype != np.uint8:
                return f"returns its {name} as {array.dtype} {np.shape(array)}, expected uint8 {old.shape}"
        left, right = zoomed[..., 0].min() / 2, zoomed[..., 0].max() / 2
        top, bottom = zoomed[..., 1].min() / 2, zoomed[..., 1].max() / 2
        wide, high = (right - left + 1) / width, (bottom - top + 1) / height
        if abs(wide - high) > 0.04:
            return f"shows {wide:.0%} of the width and {high:.0%} of the height: take the same share of both"
        if not 0.56 < wide < 1.01:
            return f"shows {wide:.0%} of the width, expected 60 to 100 %"
        if abs(int(zoomed[-1, -1, 0]) - int(zoomed[0, 0, 0]) - 2 * (right - left)) > 2:
            return "does not run evenly from the left of its window to the right: is the whole window enlarged?"
        windows.append((wide, left / max(1, width * (1 - wide)), top / max(1, height * (1 - high))))

    def stays_together(result):
        difference = np.abs(result[0][..., 0].astype(int) - result[1]).max()
        if difference > 8:
            return f"tears a picture that is its own mask apart, by up to {difference} grey levels"

    def repeats(result):
        if not all(map(np.array_equal, result, random_zoom(image, across, _Seeded(0)))):
            return (
                "gives two results with the same rng: draw every number from rng, and leave the arguments as they are"
            )

    def varies(result):
        wide, left, top = np.array(windows).T
        if np.ptp(wide) < 0.2:
            return f"shows {wide.min():.0%} to {wide.max():.0%} of the width in {len(wide)} draws: draw the share, too"
        for place, name in [(left, "column"), (top, "row")]:
            if np.ptp(place[wide < 0.9]) < 0.5:
                return f"cuts its windows near the same {name}: draw the place, too"

    trials = [((image, across, _Seeded(seed)), keeps_form) for seed in range(40)]
    trials += [((twins, twins[..., 0], _Seeded(seed)), stays_together) for seed in range(5)]
    return examine(
        random_zoom, trials + [((image, across, _Seeded(0)), repeats), ((image, across, _Seeded(1)), varies)]
    )


class _Seeded(np.random.Generator):
    """``np.random.default_rng(seed)`` that prints as such."""

    def __init__(self, seed):
        super().__init__(np.random.PCG64(seed))
        self.seed = seed

    def __repr__(self):
        return f"default_rng({self.seed})"
