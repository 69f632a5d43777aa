"""The self-checks of notebook 02 tell right from wrong answers."""

import numpy as np
import pytest
from pycocotools import mask as coco

from utils import checks, rle

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # pycocotools under NumPy 2


def numbers(text):
    return [int(token) for token in text.split()]


def to_kaggle(counts, first=1):
    ends = np.cumsum(counts)
    pairs = [(ends[index - 1] + first, counts[index]) for index in range(1, len(counts), 2)]
    return " ".join(f"{start} {length}" for start, length in pairs)


def to_coco(text, shape):
    return {"counts": rle.to_counts(rle.decode(text, shape).T), "size": list(shape)}


def spans(text):
    starts, lengths = np.array(numbers(text), int).reshape(-1, 2).T
    return starts, starts + lengths


def dice_of_strings(truth, answer):
    """Car pixels of the answer before each place, at the ends of the truth's runs minus at their starts."""
    (starts, ends), (others, other_ends) = spans(truth), spans(answer)
    edges, so_far = [0], [0]
    for start, end in zip(others, other_ends):
        edges += [start, end]
        so_far += [so_far[-1], so_far[-1] + end - start]
    shared = (np.interp(ends, edges, so_far) - np.interp(starts, edges, so_far)).sum()
    area = (ends - starts).sum() + (other_ends - others).sum()
    return 2 * shared / area if area else 1


def dice_run_by_run(truth, answer):
    """Each run against all others, one at a time."""
    (starts, ends), (others, other_ends) = spans(truth), spans(answer)
    shared = sum(
        (np.minimum(end, other_ends) - np.maximum(start, others)).clip(0).sum() for start, end in zip(starts, ends)
    )
    area = (ends - starts).sum() + (other_ends - others).sum()
    return 2 * shared / area if area else 1


def dice_of_all_pairs(truth, answer):
    (starts, ends), (others, other_ends) = spans(truth), spans(answer)
    shared = np.minimum(ends[:, None], other_ends) - np.maximum(starts[:, None], others)
    area = (ends - starts).sum() + (other_ends - others).sum()
    return 2 * shared.clip(0).sum() / area if area else 1


def dice_by_merging(truth, answer):
    """Along both lists of runs at once."""
    one, other = (list(zip(*spans(text))) for text in (truth, answer))
    area, shared, i, j = sum(end - start for start, end in one + other), 0, 0, 0
    while i < len(one) and j < len(other):
        shared += max(0, min(one[i][1], other[j][1]) - max(one[i][0], other[j][0]))
        i, j = (i + 1, j) if one[i][1] < other[j][1] else (i, j + 1)
    return 2 * shared / area if area else 1.0


def dice_of_sets(truth, answer):
    one, other = (
        {pixel for start, end in zip(*spans(text)) for pixel in range(start, end)} for text in (truth, answer)
    )
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 1


def dice_of_drawn_masks(truth, answer):
    one, other = (rle.decode(text, (1280, 1918)) for text in (truth, answer))
    return 2 * (one & other).sum() / (one.sum() + other.sum()) if one.any() or other.any() else 1


def with_size(text, shape, size):
    return to_coco(text, shape) | {"size": size}


def packed(text, shape):
    return coco.encode(np.asfortranarray(rle.decode(text, shape)))


CASES = [
    (
        checks.exercise_02_1,
        to_kaggle,
        [
            lambda counts: to_kaggle(counts, first=0),  # numbers from 0
            lambda counts: to_kaggle([0, *counts]),  # ones first
            lambda counts: " ".join(map(str, counts)),
            lambda counts: to_kaggle(counts) or "1 0",
            lambda counts: to_kaggle(counts) if counts[0] else to_kaggle(counts[1:]),  # drops a leading 0
        ],
    ),
    (
        checks.exercise_02_2,
        to_coco,
        [
            lambda text, shape: text,
            lambda text, shape: rle.to_counts(rle.decode(text, shape).T),  # counts without a size
            lambda text, shape: {"counts": rle.to_counts(rle.decode(text, shape)), "size": list(shape)},  # by rows
            lambda text, shape: {"counts": numbers(text), "size": list(shape)},
            packed,
            lambda text, shape: with_size(text, shape, shape[::-1]),
            lambda text, shape: {"counts": rle.to_counts(1 - rle.decode(text, shape).T), "size": list(shape)},
            lambda text, shape: {"counts": rle.to_counts(rle.decode(text, shape[::-1])), "size": list(shape)},
        ],
    ),
    (
        checks.exercise_02_3,
        dice_of_strings,
        [
            lambda truth, answer: float(truth == answer),
            lambda truth, answer: dice_of_strings(truth, answer) if truth or answer else 0.0,
            lambda truth, answer: (lambda dice: dice / (2 - dice))(dice_of_strings(truth, answer)),  # IoU
            lambda truth, answer: len(set(zip(*spans(truth))) & set(zip(*spans(answer)))),  # equal runs only
            dice_of_sets,
            dice_of_drawn_masks,
            dice_of_all_pairs,
        ],
    ),
]


@pytest.mark.parametrize(("check", "right", "wrong"), CASES, ids=[case[0].__name__ for case in CASES])
def test_exercise(check, right, wrong, judge):
    judge(check, right, wrong)


@pytest.mark.parametrize(
    "check, answer, message",
    [
        (checks.exercise_02_2, lambda text, shape: with_size(text, shape, shape[::-1]), "height, then width"),
        (
            checks.exercise_02_2,
            lambda text, shape: {"counts": [1], "size": shape},
            "add up to 1 pixels; the mask has 8",
        ),
        (checks.exercise_02_2, lambda text, shape: [], "a dictionary with the keys"),
        (checks.exercise_02_2, packed, "gives COCO's packed bytes"),
        (checks.exercise_02_3, dice_of_drawn_masks, "bytes, where 613,760 are allowed: draw no mask"),
        (checks.exercise_02_3, dice_of_sets, "draw no mask"),
        (checks.exercise_02_3, dice_of_all_pairs, "do not compare every run with every other"),
        (checks.exercise_02_3, lambda *strings: 0.5, "the drawn masks have Dice 0.571429"),
    ],
)
def test_a_wrong_answer_is_told_why(check, answer, message, capsys):
    assert check(answer) is False
    assert message in capsys.readouterr().out


@pytest.mark.parametrize("answer", [dice_by_merging, dice_run_by_run])
def test_other_scorers_are_as_good(answer):
    assert checks.exercise_02_3(answer) is True


def test_the_large_masks_have_as_many_runs_as_a_car():
    assert len(spans(rle.encode(checks.chapter_02._ellipse(900)))[0]) == 651


def test_the_check_for_coco_agrees_with_pycocotools():
    """What it accepts is what pycocotools draws as the mask."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        mask = rng.integers(0, 2, rng.integers(1, 8, size=2), np.uint8)
        given = to_coco(rle.encode(mask), mask.shape)
        assert checks.chapter_02._not_coco(given, mask) is None
        np.testing.assert_array_equal(coco.decode(coco.frPyObjects(given, *mask.shape)), mask)


@pytest.mark.parametrize("exercise", ["02_1", "02_2", "02_3"])
def test_each_exercise_has_hints(exercise):
    assert len(checks.chapter_02.HINTS[exercise]) in (2, 3)
