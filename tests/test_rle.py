"""Run-length encoding against hand-worked cases, a plain Python loop, pycocotools and real masks."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image
from pycocotools import mask as coco

from utils import CourseError, rle

SHARED = Path(__file__).parents[2] / "shared" / "data"
KAGGLE = (1280, 1918)
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # pycocotools under NumPy 2
masks = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 1))


def loop_encode(mask):
    """Kaggle's format, one pixel at a time."""
    runs, previous = [], 0
    for number, value in enumerate((value for row in mask.tolist() for value in row), start=1):
        if value and not previous:
            runs.append([number, 0])
        if value:
            runs[-1][1] += 1
        previous = value
    return " ".join(f"{start} {length}" for start, length in runs)


def loop_counts(mask):
    counts, value = [0], 0
    for pixel in (pixel for row in mask.tolist() for pixel in row):
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


def car_mask():
    """A car's outline at Kaggle's size: body, cabin, two wheels, a ragged edge and see-through windows."""
    y, x = np.ogrid[: KAGGLE[0], : KAGGLE[1]]
    x = x + np.random.default_rng(0).integers(-2, 3, (KAGGLE[0], 1))
    body = ((x - 960) / 700) ** 4 + ((y - 700) / 170) ** 4 < 1
    cabin = ((x - 1000) / 400) ** 2 + ((y - 560) / 200) ** 2 < 1
    window = (abs(x - 1000) < 250) & (abs(y - 480) < 60) & (abs(x - 1000) > 20)
    wheels = ((abs(x - 960) - 430) ** 2 + (y - 840) ** 2) < 120**2
    return ((body | cabin | wheels) & ~window).astype(np.uint8)


def real_masks(folder, every=1):
    files = sorted((SHARED / folder / "train_masks").glob("*.gif"))[::every]
    if not files:
        pytest.skip(f"{SHARED / folder} is not here")
    return files


@pytest.mark.parametrize(
    "rows, text, counts",
    [
        (["000", "000"], "", [6]),
        (["111", "111"], "1 6", [0, 6]),
        (["100", "000"], "1 1", [0, 1, 5]),
        (["000", "001"], "6 1", [5, 1]),
        (["100", "001"], "1 1 6 1", [0, 1, 4, 1]),
        (["010", "000"], "2 1", [1, 1, 4]),
        (["011", "110"], "2 4", [1, 4, 1]),
        (["1"], "1 1", [0, 1]),
        (["0"], "", [1]),
        (["00000011100"], "7 3", [6, 3, 2]),
    ],
)
def test_by_hand(rows, text, counts):
    mask = np.array([[int(pixel) for pixel in row] for row in rows], np.uint8)
    assert rle.encode(mask) == text
    assert rle.to_counts(mask) == counts
    for again in rle.decode(text, mask.shape), rle.from_counts(counts, mask.shape):
        assert again.dtype == np.uint8
        np.testing.assert_array_equal(again, mask)


def test_first_row_of_the_kaggle_csv():
    mask = rle.decode("879386 40 881253 141 883140 205", KAGGLE)
    assert mask.shape == KAGGLE and mask.sum() == 40 + 141 + 205
    assert np.argwhere(mask)[0].tolist() == [458, 941]
    assert mask[458, 941:981].all() and not mask[458, 940] and not mask[458, 981]


def test_an_empty_csv_cell_is_an_empty_mask():
    for empty in "", "  ", float("nan"), np.float64("nan"):
        np.testing.assert_array_equal(rle.decode(empty, (2, 3)), np.zeros((2, 3)))


def test_a_run_may_begin_where_the_one_before_ends():
    np.testing.assert_array_equal(rle.decode("1 2 3 4", (2, 4)), rle.decode("1 6", (2, 4)))


@given(masks)
def test_against_a_loop_and_back(mask):
    text = rle.encode(mask)
    assert text == loop_encode(mask) == rle.encode(mask.astype(bool)) == rle.encode(mask.astype(np.int64))
    np.testing.assert_array_equal(rle.decode(text, mask.shape), mask)
    counts = rle.to_counts(mask)
    assert counts == loop_counts(mask) and sum(counts) == mask.size
    np.testing.assert_array_equal(rle.from_counts(counts, mask.shape), mask)


@given(
    st.lists(st.sampled_from([1, 9, 10, 99, 100, 999, 1000, 1001, 10**6 - 1, 10**6]), max_size=4),
    st.sampled_from([" ", "  ", "\t", "\n", " +", " 0", "\u00a0"]),
)
def test_numbers_of_any_length_are_written_and_read(lengths, between):
    lengths = np.array(lengths, int)
    ends = np.cumsum(1 + lengths)
    starts = ends - lengths
    mask = np.zeros((1, ends.max(initial=1)), np.uint8)
    for start, end in zip(starts, ends):
        mask[0, start:end] = 1
    expected = [number for start, end in zip(starts.tolist(), ends.tolist()) for number in (start + 1, end - start)]
    assert rle.encode(mask) == " ".join(map(str, expected))
    np.testing.assert_array_equal(rle.decode(between.join(map(str, expected)), mask.shape), mask)


@given(masks)
def test_against_coco_on_the_transposed_mask(mask):
    height, width = mask.shape
    theirs = coco.frPyObjects({"size": [width, height], "counts": rle.to_counts(mask)}, width, height)
    assert theirs["counts"] == coco.encode(np.asfortranarray(mask.T))["counts"]
    np.testing.assert_array_equal(coco.decode(theirs).T, mask)


@given(masks)
def test_memory_layout_does_not_matter(mask):
    assert rle.encode(np.asfortranarray(mask)) == rle.encode(mask)
    assert rle.encode(mask.T) == rle.encode(mask.T.copy())


@given(st.lists(st.integers(-3, 14), max_size=8), st.integers(1, 3), st.integers(1, 4))
def test_any_list_of_numbers_is_decoded_or_explained(numbers, height, width):
    starts, lengths = numbers[::2], numbers[1::2]
    pixels = [pixel for start, length in zip(starts, lengths) for pixel in range(start, start + length)]
    valid = (
        len(starts) == len(lengths)
        and all(length > 0 for length in lengths)
        and pixels == sorted(set(pixels))
        and all(1 <= pixel <= height * width for pixel in pixels)
    )
    text = " ".join(map(str, numbers))
    if valid:
        assert (np.flatnonzero(rle.decode(text, (height, width))) + 1).tolist() == pixels
    else:
        with pytest.raises(CourseError):
            rle.decode(text, (height, width))


@pytest.mark.parametrize(
    "text, says",
    [
        ("1 2 5", "this one has 3"),
        ("1 0", "'1 0', has a length under 1"),
        ("1 2 5 -2", "Run 2, '5 -2', has a length under 1"),
        ("0 3", "starts before the first pixel"),
        ("5 2 1 2", "Run 2, '1 2', starts before the run ahead of it has ended"),
        ("1 3 3 2", "Run 2, '3 2', starts before the run ahead of it has ended"),
        ("11 3", "ends after pixel 12, the last of a mask 3 high and 4 wide"),
        ("9223372036854775807 5", "ends after pixel 12"),
        ("1 2.5", "'2.5' is not one"),
        ("1 two", "'two' is not one"),
        ("1 99999999999999999999", "'99999999999999999999' is not one"),
        ("1 \udc80", "is not one"),
        ([1, 2], "this is a list"),
        (None, "this is a NoneType"),
        (1.0, "this is a float"),
    ],
)
def test_decode_explains(text, says):
    with pytest.raises(CourseError, match=says):
        rle.decode(text, (3, 4))


@pytest.mark.parametrize(
    "counts, says",
    [
        ([6, 3], "add up to 9 pixels, but a mask 3 high and 4 wide has 12"),
        ([6, 7], "add up to 13"),
        ([2**62] * 4 + [12], "add up to"),
        ([6, -3, 9], "-3 is negative"),
        ([6.0, 6.0], "6.0 is not one"),
        (["a", "b"], "'a' is not one"),
        ([], "add up to 0"),
    ],
)
def test_from_counts_explains(counts, says):
    with pytest.raises(CourseError, match=says):
        rle.from_counts(counts, (3, 4))


@pytest.mark.parametrize("shape", [(3,), (3, 4, 1), (0, 4), (3, -4)])
def test_a_wrong_shape_is_explained(shape):
    for draw in (lambda: rle.decode("1 1", shape), lambda: rle.from_counts([12], shape)):
        with pytest.raises(CourseError, match=r"shape \(height, width\)"):
            draw()


@pytest.mark.parametrize(
    "mask, says",
    [
        (np.full((3, 4), 255, np.uint8), r"from 255 to 255.*encode\(mask > 127\)"),
        (np.array([[0, 2]]), "from 0 to 2"),
        (np.array([[0, -1]]), "from -1 to 0"),
        (np.zeros((3, 4)), r"holds float64.*encode\(probabilities > 0.5\)"),
        (np.array([["0", "1"]]), "holds <U1"),
        (np.zeros((3, 4, 1), bool), r"\(3, 4, 1\).*mask\[..., 0\]"),
        (np.zeros(12, bool), r"\(12,\)"),
        (np.zeros((0, 4), bool), r"\(0, 4\)"),
    ],
)
def test_a_wrong_mask_is_explained(mask, says):
    for write in rle.encode, rle.to_counts:
        with pytest.raises(CourseError, match=says):
            write(mask)


@pytest.mark.parametrize("folder, every", [("carvana_fullres", 1), ("carvana512", 8)])
def test_round_trip_of_real_masks(folder, every):
    for file in real_masks(folder, every):
        mask = np.asarray(Image.open(file))
        text, counts = rle.encode(mask), rle.to_counts(mask)
        for again in rle.decode(text, mask.shape), rle.from_counts(counts, mask.shape):
            np.testing.assert_array_equal(again, mask, err_msg=file.name)


def test_a_car_at_kaggles_size_is_what_coco_draws():
    mask = car_mask()
    counts = coco.encode(np.asfortranarray(mask.T))
    np.testing.assert_array_equal(coco.decode(counts).T, rle.decode(rle.encode(mask), KAGGLE))
