"""Run-length encoding: masks as short text, in Kaggle's start-length form and as zeros-first counts.

Pixels are numbered row by row, left to right and then down. Most competitions, and pycocotools, number them
column by column; Carvana does not. Taught in ``notebooks/02_run_length_encoding.ipynb``.
"""

import re
from collections.abc import Sequence

import numpy as np

from utils import CourseError


def encode(mask: np.ndarray) -> str:
    """Write a mask the way Kaggle wants it: ``"start length start length ..."``, starts counted from 1.

    Parameters
    ----------
    mask : (h, w) array of bool, or of integers 0 and 1

    Returns
    -------
    str
        Empty for a mask without a foreground pixel.

    Raises
    ------
    CourseError
        If the mask is not two-dimensional, is empty, holds floats, or values other than 0 and 1.

    Notes
    -----
    Taught in ``notebooks/02_run_length_encoding.ipynb``. The format is described at
    https://www.kaggle.com/c/carvana-image-masking-challenge/overview/evaluation

    Examples
    --------
    >>> import numpy as np
    >>> encode(np.array([[1, 1, 0], [1, 0, 0]]))
    '1 2 4 1'
    """
    pairs = _edges(_checked(mask)).reshape(-1, 2)
    pairs[:, 1] -= pairs[:, 0]
    pairs[:, 0] += 1
    return " ".join(map(str, pairs.ravel().tolist()))


def decode(rle: str | float, shape: tuple[int, int]) -> np.ndarray:
    """Draw the mask that a start-length string describes; the inverse of `encode`.

    A run may begin right where the one before ends ("1 2 3 4" is "1 6"): Kaggle asks for pairs that are
    sorted and positive and that name no pixel twice, and such pairs are all three.

    Parameters
    ----------
    rle : str
        NaN, which is how pandas reads an empty cell of a csv file, stands for the empty string.
    shape : (int, int)
        Height and width of the mask, as in ``mask.shape``.

    Returns
    -------
    (h, w) uint8 array of 0 and 1

    Raises
    ------
    CourseError
        If the string holds something other than integers, an odd number of them, a length under 1, runs that
        overlap or are out of order, or runs that leave the image.

    Notes
    -----
    Taught in ``notebooks/02_run_length_encoding.ipynb``.

    Examples
    --------
    >>> decode("1 2 4 1", (2, 3))
    array([[1, 1, 0],
           [1, 0, 0]], dtype=uint8)
    """
    starts, lengths = runs(rle, shape)
    edges = np.stack([starts, starts + lengths], axis=1).ravel()
    return _draw(np.diff(edges, prepend=0, append=np.prod(shape)), _size(shape))


def runs(rle: str | float, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Read a start-length string without drawing it; arguments and errors as for `decode`.

    Returns
    -------
    starts, lengths : (n,) int64 arrays
        Starts are counted from 0.

    Examples
    --------
    >>> runs("1 2 4 1", (2, 3))
    (array([0, 3]), array([2, 1]))
    """
    if isinstance(rle, float) and np.isnan(rle):
        rle = ""
    if not isinstance(rle, str):
        raise CourseError(f"A run-length encoding is a string, '1 3 10 5'; this is a {type(rle).__name__}.")
    numbers = _integers(rle.split(), "A run-length encoding", np.int64)
    if numbers.size % 2:
        raise CourseError(
            f"A run-length encoding is pairs of start and length, so an even count of numbers; "
            f"this one has {numbers.size}. Was the string cut off?"
        )
    height, width = _size(shape)
    size = height * width
    starts, lengths = numbers[::2] - 1, numbers[1::2]
    _refuse(lengths < 1, numbers, "has a length under 1; every run holds at least one pixel")
    _refuse(starts < 0, numbers, "starts before the first pixel, which is number 1")
    _refuse(
        lengths > size - starts, numbers, f"ends after pixel {size}, the last of a mask {height} high and {width} wide"
    )
    ends = starts + lengths
    _refuse(
        starts < np.append(0, ends[:-1]),
        numbers,
        "starts before the run ahead of it has ended; runs come in order and share no pixel",
    )
    return starts, lengths


def to_counts(mask: np.ndarray) -> list[int]:
    """Count pixels of equal value, row by row and zeros first: ``632`` is ``00000011100``.

    Parameters
    ----------
    mask : (h, w) array of bool, or of integers 0 and 1

    Returns
    -------
    list of int
        Zeros, ones, zeros, ...; the first is 0 if the first pixel is foreground. They sum to h * w.

    Raises
    ------
    CourseError
        As `encode` does.

    Notes
    -----
    Taught in ``notebooks/02_run_length_encoding.ipynb``. COCO counts the same way, but down the columns:
    its counts of the transposed mask are these (https://github.com/cocodataset/cocoapi).

    Examples
    --------
    >>> import numpy as np
    >>> to_counts(np.array([[0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0]]))
    [6, 3, 2]
    """
    mask = _checked(mask)
    counts = np.diff(_edges(mask), prepend=0, append=mask.size).tolist()
    return counts if counts[-1] else counts[:-1]


def from_counts(counts: Sequence[int], shape: tuple[int, int]) -> np.ndarray:
    """Draw the mask that zeros-first counts describe; the inverse of `to_counts`.

    Parameters
    ----------
    counts : sequence of int
        Lengths of runs of zeros, ones, zeros, ... A count of 0 is an empty run.
    shape : (int, int)
        Height and width of the mask.

    Returns
    -------
    (h, w) uint8 array of 0 and 1

    Raises
    ------
    CourseError
        If a count is negative or not an integer, or if the counts do not sum to h * w.

    Notes
    -----
    Taught in ``notebooks/02_run_length_encoding.ipynb``.

    Examples
    --------
    >>> from_counts([6, 3, 2], (1, 11))
    array([[0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0]], dtype=uint8)
    """
    counts = _integers(counts, "A list of counts")
    height, width = _size(shape)
    if (counts < 0).any():
        raise CourseError(f"A count says how many pixels a run holds; {counts.min()} is negative.")
    total = sum(counts.tolist())
    if total != height * width:
        raise CourseError(
            f"The counts add up to {total} pixels, but a mask {height} high and {width} wide has {height * width}."
        )
    return _draw(counts, (height, width))


def _edges(mask):
    """Where runs of ones start and end, alternately: indices into the flat mask, an even number of them."""
    flat = mask.ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    return np.concatenate([[0] * flat[0], changes, [flat.size] * flat[-1]]).astype(np.int64)


def _draw(counts, shape):
    """A mask from valid zeros-first counts."""
    values = np.zeros(counts.size, np.uint8)
    values[1::2] = 1
    return np.repeat(values, counts).reshape(shape)


def _checked(mask):
    mask = np.asarray(mask)
    if mask.ndim != 2 or not mask.size:
        raise CourseError(
            f"A mask has the shape (height, width), at least (1, 1); this has {mask.shape}. "
            "Encode one mask at a time, and drop a channel axis with mask[..., 0]."
        )
    if mask.dtype == bool:
        return mask.view(np.uint8)
    if mask.dtype.kind not in "iu":
        raise CourseError(
            f"A mask holds booleans or the integers 0 and 1; this one holds {mask.dtype}. "
            "Put a threshold on probabilities first: encode(probabilities > 0.5)."
        )
    low, high = mask.min(), mask.max()
    if low < 0 or high > 1:
        raise CourseError(
            f"A mask holds 0 and 1; this one has values from {low} to {high}. "
            "Put a threshold on a 0-255 mask first: encode(mask > 127)."
        )
    return mask.astype(np.uint8, copy=False)


def _integers(tokens, what, kind=None):
    """Integers from strings, fastest with the `kind` given, or from numbers, which it would truncate."""
    try:
        numbers = np.array(tokens, kind)
        if numbers.size and numbers.dtype.kind not in "iuU":
            raise ValueError
        return numbers.astype(np.int64).ravel()
    except (ValueError, OverflowError):
        wrong = next((token for token in tokens if not re.fullmatch(r"[+-]?\d{1,18}", str(token))), tokens)
        raise CourseError(f"{what} holds integers in pixels; {wrong!r} is not one.") from None


def _size(shape):
    if len(shape) != 2 or min(shape) < 1:
        raise CourseError(f"A mask has the shape (height, width), at least (1, 1); this is {tuple(shape)}.")
    return int(shape[0]), int(shape[1])


def _refuse(wrong, numbers, why):
    """Raise a CourseError that names the first run marked as wrong."""
    if wrong.any():
        first = int(np.argmax(wrong))
        start, length = numbers[2 * first : 2 * first + 2]
        raise CourseError(f"Run {first + 1}, '{start} {length}', {why}.")
