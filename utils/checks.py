"""Self-checks for the exercises: ✅ solved, ❌ with a case that fails, ⏳ not tried yet.

An exercise is a function to be completed; while it returns ``...`` it counts as not tried.
"""

from collections.abc import Callable, Iterable

import numpy as np

from utils import rle


def check(function: Callable, cases: Iterable[tuple], same: Callable | None = None) -> bool | None:
    """Try a learner's function on cases and print the verdict.

    Parameters
    ----------
    function : callable
        What the learner wrote.
    cases : iterable of (tuple, object)
        Arguments, and the result expected for them.
    same : callable, optional
        Whether a result is as good as the expected one: ``same(result, expected) -> bool``. By default numbers
        and arrays agree to 1e-6 and have the same shape; all else is equal.

    Returns
    -------
    bool or None
        True: solved; False: a case fails; None: not tried.
    """
    for arguments, expected in cases:
        call = f"{function.__name__}({', '.join(map(_show, arguments))})"
        try:
            result = function(*arguments)
        except Exception as error:  # whatever a learner's code raises is shown to the learner
            print(f"❌ {call} raises {type(error).__name__}: {error}")
            return False
        if result is ...:
            print(f"⏳ {function.__name__}: replace the ... and run this cell again.")
            return None
        if not (same or _same)(result, expected):
            given, wanted = _show(result), _show(expected)
            if given == wanted:
                given, wanted = f"{given} {_kind(result)}", f"{wanted} {_kind(expected)}"
            print(f"❌ {call} gives {given}, expected {wanted}")
            return False
    print(f"✅ {function.__name__}: well done.")
    return True


def _same(result, expected):
    if isinstance(expected, str | dict | type(None)):
        return result == expected
    try:
        return np.shape(result) == np.shape(expected) and np.allclose(result, expected, rtol=0, atol=1e-6)
    except (TypeError, ValueError):
        return False


def _show(value):
    """A value on one line, cut where it gets long."""
    if isinstance(value, np.ndarray):
        text = " ".join(np.array2string(value, separator=", ", threshold=40).split())
    else:
        with np.printoptions(legacy="1.25"):  # 0.69, not np.float64(0.69)
            text = getattr(value, "__name__", repr(value))
    return text if len(text) <= 120 else text[:117] + "..."


def _kind(value):
    """What two values that print alike may differ in."""
    shape = f", shape {value.shape}" if isinstance(value, np.ndarray) else ""
    return f"({getattr(value, 'dtype', type(value).__name__)}{shape})"


# --- 01: get the data -------------------------------------------------------------------------------


def exercise_01_1(car_share: Callable) -> bool | None:
    """The share of pixels that are not zero, whatever the mask's numbers."""
    small = np.array([[0, 1, 1, 0], [0, 1, 0, 0]])
    masks = [small.astype(bool), small, small * np.uint8(255), np.zeros((2, 3), np.uint8), np.ones((3, 2), bool)]
    return check(car_share, [((mask,), np.count_nonzero(mask) / mask.size) for mask in masks])


def exercise_01_2(mirrored_view: Callable) -> bool | None:
    """The view that a mirrored photo looks like."""
    return check(mirrored_view, [((view,), 18 - view if view > 1 else 1) for view in (5, 13, 9, 1, *range(1, 17))])


def exercise_01_3(cars_on_both_sides: Callable) -> bool | None:
    """The sorted list of the car ids in both lists of file names."""
    red, blue, green = "0ab1c2d3e4f5", "7f00aa11bb22", "0ab1ffffffff"
    return check(
        cars_on_both_sides,
        [
            (([f"{red}_01.jpg", f"{red}_02.jpg"], [f"{red}_03.jpg"]), [red]),
            (([f"{red}_01.jpg"], [f"{blue}_01.jpg", f"{green}_01.jpg"]), []),
            (([f"{blue}_01.jpg", f"{red}_16.jpg"], [f"{red}_04.jpg", f"{blue}_05.jpg", f"{blue}_06.jpg"]), [red, blue]),
        ],
        same=lambda result, expected: type(result) is list and result == expected,
    )


# --- 02: run-length encoding ------------------------------------------------------------------------


def exercise_02_1(count_pixels: Callable) -> bool | None:
    """Foreground pixels of a start-length string, without drawing it."""
    cases = {"7 3": 3, "1 2 4 1": 3, "": 0, "879386 40 881253 141 883140 205": 386}
    return check(count_pixels, [((text,), count) for text, count in cases.items()])


def exercise_02_2(to_kaggle: Callable) -> bool | None:
    """Zeros-first counts as a start-length string."""
    cases = {(6, 3, 2): "7 3", (0, 2, 1, 1, 2): "1 2 4 1", (2, 4): "3 4", (11,): "", (0, 11): "1 11"}
    return check(to_kaggle, [((list(counts),), text) for counts, text in cases.items()])


def exercise_02_3(by_columns: Callable) -> bool | None:
    """A row-by-row string, numbered column by column instead."""
    masks = [
        np.array(mask)
        for mask in (
            [[0, 1, 1, 0], [0, 1, 0, 0]],
            [[1, 0], [0, 0], [1, 1]],
            [[1, 1, 1, 1]] * 2,
            [[0, 0, 0]] * 2,
            [[1, 0, 1]],
        )
    ]
    return check(by_columns, [((rle.encode(mask), mask.shape), rle.encode(mask.T)) for mask in masks])


# --- 03: resize and augment -------------------------------------------------------------------------


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


# --- 05: a baseline CNN -----------------------------------------------------------------------------


def exercise_05_1(dice: Callable) -> bool | None:
    """Dice of two boolean masks; 1 where both are empty."""
    car, half, none = np.array([[1, 1], [0, 0]], bool), np.array([[1, 0], [0, 0]], bool), np.zeros((2, 2), bool)
    return check(
        dice,
        [
            ((car, car), 1.0),
            ((car, half), 2 / 3),
            ((car, ~car), 0.0),
            ((car, none), 0.0),
            ((none, half), 0.0),
            ((none, none), 1.0),
        ],
    )


def exercise_05_2(best_blind_mask: Callable) -> bool | None:
    """The mask that has the highest accuracy as an answer to every photo."""
    masks, best = np.array([[[1, 0, 0, 1]], [[1, 1, 0, 0]], [[0, 1, 0, 1]]], bool), np.array([[1, 1, 0, 1]], bool)
    return check(best_blind_mask, [((masks,), best), ((masks[:1],), masks[0]), ((~masks,), ~best)])


def exercise_05_3(receptive_field: Callable) -> bool | None:
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


# --- 06: train a U-Net ------------------------------------------------------------------------------


def exercise_06_1(shapes: Callable) -> bool | None:
    """Height, width and channels of a U-Net's levels, the bottom last."""
    return check(
        shapes,
        [
            ((128, 8, 1), [(128, 128, 8), (64, 64, 16)]),
            ((128, 8, 4), [(128, 128, 8), (64, 64, 16), (32, 32, 32), (16, 16, 64), (8, 8, 128)]),
            ((96, 3, 2), [(96, 96, 3), (48, 48, 6), (24, 24, 12)]),
        ],
    )


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


def exercise_06_3(fitting_size: Callable) -> bool | None:
    """The smallest size, no smaller than the one given, that a U-Net can halve often enough."""
    return check(
        fitting_size,
        [
            ((128, 4, 1), 128),
            ((129, 4, 1), 144),
            ((1918, 6, 1), 1920),
            ((1280, 4, 4), 1280),
            ((1918, 4, 4), 1920),
            ((5, 3, 2), 16),
            ((100, 0, 1), 100),
        ],
    )


# --- 07: losses and boundaries ----------------------------------------------------------------------


def exercise_07_1(lowest_bce: Callable) -> bool | None:
    """The lowest cross-entropy that any answer can reach on a soft mask: its mean entropy."""
    masks = [[[0.5]], [[0.25, 0.75]], [[0.0, 1.0]], [[0.0, 0.1, 0.9, 1.0], [0.3, 1.0, 0.0, 0.0]]]
    floors = [np.log(2), -0.25 * np.log(0.25) - 0.75 * np.log(0.75), 0.0, 0.1576288]
    return check(lowest_bce, [((np.array(mask),), floor) for mask, floor in zip(masks, floors)])


def exercise_07_2(tversky_loss: Callable) -> bool | None:
    """Dice loss with plain sums, in which missed car and false alarms have weights of their own."""
    truth, answer = np.array([[1, 1, 0, 0]], float), np.array([[1, 0, 0, 0.5]])
    soft = np.array([[0.2, 0.6], [1.0, 0.0]])
    return check(
        tversky_loss,
        [
            ((truth, answer, 0.5, 0.5), 1 - 1 / 1.75),
            ((truth, answer, 0.9, 0.1), 1 - 1 / 1.95),
            ((truth, answer, 0.0, 1.0), 1 - 1 / 1.5),
            ((truth, truth, 0.7, 0.3), 0.0),
            ((truth, 1 - truth, 0.7, 0.3), 1.0),
            ((soft, soft[::-1], 0.6, 0.4), 1 - 0.4 / 1.8),
        ],
    )


def exercise_07_3(errors_near_edge: Callable) -> bool | None:
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


# --- 08: competition tricks -------------------------------------------------------------------------


def exercise_08_1(learning_rates: Callable) -> bool | None:
    """The learning rate of each epoch, lowered on plateaus."""
    climb, stuck = [0.5, 0.6, 0.7, 0.8], [0.9, 0.95, 0.94, 0.95, 0.93, 0.92, 0.96, 0.95]
    return check(
        learning_rates,
        [
            ((climb, 1.0, 0.1, 1), [1.0] * 4),
            ((stuck, 1.0, 0.1, 4), [1.0] * 6 + [0.1] * 2),
            (([0.9] * 6, 8.0, 0.5, 2), [8.0, 8.0, 8.0, 4.0, 4.0, 2.0]),
            (([], 1.0, 0.1, 4), []),
            (([0.7, 0.6, 0.8, 0.7, 0.75], 1.0, 0.1, 2), [1.0] * 5),
            (([0.7, 0.5, 0.6, 0.65], 1.0, 0.1, 2), [1.0, 1.0, 1.0, 0.1]),
        ],
    )


def exercise_08_2(steps_to_forget: Callable) -> bool | None:
    """The steps after which a running average has forgotten its start, but for a share."""
    cases = {(0.5, 0.25): 2, (0.5, 0.2): 3, (0.9, 0.1): 22, (0.99, 0.1): 230, (0.999, 0.5): 693, (0.9, 1.0): 0}
    return check(steps_to_forget, [(arguments, steps) for arguments, steps in cases.items()])


def exercise_08_3(agreed_labels: Callable) -> bool | None:
    """Soft labels where two networks agree, 128 where they do not."""

    def same(result, expected):
        return getattr(result, "dtype", None) == expected.dtype and np.array_equal(result, expected)

    one, other = np.array([[0.9, 0.1, 1.0], [0.9, 0.5, 0.0]]), np.array([[0.8, 0.8, 0.99], [0.2, 0.6, 0.0]])
    return check(
        agreed_labels,
        [
            ((one, other, 0.2), np.array([[217, 128, 254], [128, 140, 0]], np.uint8)),
            ((other, one, 0.05), np.array([[128, 128, 254], [128, 128, 0]], np.uint8)),
            ((one[0], other[0], 1.0), np.array([217, 115, 254], np.uint8)),
        ],
        same,
    )


# --- 09: TransUNet ----------------------------------------------------------------------------------


def exercise_09_1(receptive_field: Callable) -> bool | None:
    """The receptive field of a stack of (kernel, stride, dilation)."""
    first, pool, plain = [(3, 1, 1), (3, 1, 2), (3, 1, 4)], (2, 2, 1), (3, 1, 1)
    cases = [
        ([plain], 3),
        ([(3, 1, 2)], 5),
        (first, 15),
        ([plain, pool, plain], 8),
        ([pool, pool, (3, 1, 2)], 20),
        ([(5, 2, 1), (3, 1, 3)], 17),
        ([], 1),
    ]
    return check(receptive_field, [((stack,), seen) for stack, seen in cases])


def exercise_09_2(ignores_order: Callable) -> bool | None:
    """Whether shuffled tokens give the same answers, shuffled alike."""
    tokens = np.random.default_rng(0).normal(size=(6, 2))

    def double_each(tokens):
        return 2 * tokens

    def attend(tokens):
        shares = np.exp(tokens @ tokens.T)
        return shares / shares.sum(axis=1, keepdims=True) @ tokens

    def attend_with_positions(tokens):
        return attend(tokens + np.arange(len(tokens))[:, None])

    def add_up_so_far(tokens):
        return np.cumsum(tokens, axis=0)

    def add_both_neighbours(tokens):  # does not notice a reversal
        return tokens + np.pad(tokens, ((1, 0), (0, 0)))[:-1] + np.pad(tokens, ((0, 1), (0, 0)))[1:]

    def add_the_next_in_the_ring(tokens):  # does not notice a rotation
        return tokens + np.roll(tokens, 1, axis=0)

    answers = {
        double_each: True,
        attend: True,
        attend_with_positions: False,
        add_up_so_far: False,
        add_both_neighbours: False,
        add_the_next_in_the_ring: False,
    }
    return check(ignores_order, [((layer, tokens), answer) for layer, answer in answers.items()])


def exercise_09_3(lowest_loss: Callable) -> bool | None:
    """The lowest mean cross-entropy where a sigmoid's answer is squeezed by a second sigmoid."""
    on_car, beside = -np.log(1 / (1 + np.exp(-1))), -np.log(0.5)
    return check(lowest_loss, [((share,), share * on_car + (1 - share) * beside) for share in (1.0, 0.0, 0.5, 0.21)])


# --- 10: evaluate and submit ------------------------------------------------------------------------


def exercise_10_1(without_each_car: Callable) -> bool | None:
    """The mean score of all photos but a car's own, for each car."""

    def rest(scores, cars, left_out):
        return np.mean([score for score, car in zip(scores, cars) if car != left_out])

    def same(result, expected):
        alike = isinstance(result, dict) and result.keys() == expected.keys()
        return alike and all(_same(result[car], mean) for car, mean in expected.items())

    cases = [
        ([0.9, 0.8, 1.0, 0.6], ["a", "a", "b", "c"]),
        ([1.0, 0.0, 0.5], ["x", "y", "z"]),
        ([0.2, 0.4, 0.9, 0.9, 0.9], ["p", "q", "p", "q", "q"]),
    ]
    return check(without_each_car, [(case, {car: rest(*case, car) for car in case[1]}) for case in cases], same)


def exercise_10_2(faults: Callable) -> bool | None:
    """Names that are missing, that come more than once, and that do not belong."""

    def same(result, expected):
        return isinstance(result, tuple | list) and [*map(list, result)] == [*map(list, expected)]

    a, b, c, x = "a_01.jpg", "b_01.jpg", "b_02.jpg", "x_09.jpg"
    cases = [
        (([a, b, c], [a, b, c]), ([], [], [])),
        (([a, b, c], [c]), ([a, b], [], [])),
        (([a], []), ([a], [], [])),
        (([a, b, c], [a, b, b, c]), ([], [b], [])),
        (([a, b, c], [x, c, c, c, a]), ([b], [c], [x])),
    ]
    return check(faults, cases, same)


def exercise_10_3(unmix: Callable) -> bool | None:
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
