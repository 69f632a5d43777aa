"""The file that goes to Kaggle: written, validated, scored. Taught in notebooks/09_evaluate_and_submit.ipynb."""

import gzip
import hashlib
import os
import sys
import time
import zlib
from itertools import islice, repeat
from pathlib import Path

import pandas as pd

from utils import CourseError, data, inference, metrics, rle

COLUMNS = ["img", "rle_mask"]
ROWS = 64  # in one gzip member: as many are predicted again, at most, after a kill
GZIP = 16 + zlib.MAX_WBITS


def open_test(root=None):
    """Index the images that a submission is about, in the order it must have.

    Parameters
    ----------
    root : path, optional
        As in `utils.data.open_data`.

    Returns
    -------
    pandas.DataFrame
        What ``open_data(root, "test")`` gives, a row for each name in ``sample_submission.csv``.

    Raises
    ------
    CourseError
        No images, no ``sample_submission.csv``, or an image that it names is missing.
    """
    frame = data.open_data(root, "test")
    root = Path(frame.attrs["root"])
    names = data.read_table(root / "sample_submission.csv", "img", dtype=str)["img"]
    missing = names[~names.isin(_names(frame))]
    if len(missing):
        raise CourseError(
            f"{root / 'test'} lacks {len(missing)} image(s) of sample_submission.csv, the first: {missing.iloc[0]}. "
            "Unzip test.zip again."
        )
    return frame.set_axis(_names(frame)).loc[names].reset_index(drop=True)


def write(model, frame, path, tta=False, threshold=0.5, progress=False):
    """Predict every image of a frame and write the submission.

    Parameters
    ----------
    model : keras.Model or list of keras.Model
        As in `utils.inference.predict`.
    frame : pandas.DataFrame
        Rows of `open_test`.
    path : path
        Ends in ``.csv.gz``.
    tta : bool
        Test-time augmentation: average with the prediction for the mirror image.
    threshold : float
        A pixel is car where its probability is above.
    progress : bool

    Raises
    ------
    CourseError
        As `write_masks`; an image is damaged.
    """

    def masks(start):
        return (each > threshold for each in inference.predict(model, frame["image"].iloc[start:], tta))

    write_masks(masks, frame, path, key=f"{_weights(model)} {tta} {threshold}", progress=progress)


def write_masks(masks, frame, path, shape=None, key="", progress=False):
    """Write a submission from any source of masks, in constant memory, and go on where a stopped run ended.

    Parameters
    ----------
    masks : callable
        ``masks(start)`` yields the masks, bool ``(height, width)``, of the rows of ``frame`` from ``start`` on.
    frame : pandas.DataFrame
        Rows of `open_test`, or any frame whose column ``image`` ends in the names to write.
    path : path
        Ends in ``.csv.gz``. Appears only once it is complete and valid.
    shape : (int, int), optional
        Height and width of every image; by default read from the images.
    key : str
        What makes the masks what they are: a stopped run goes on only if the key is the same.
    progress : bool
        Print how far it is and the time that remains.

    Raises
    ------
    CourseError
        The path ends otherwise, or a mask does not have the size of its image.

    Notes
    -----
    A gzip file may be a chain of complete smaller ones, its members. Each one here holds whole rows, so a file
    whose writing was killed is cut back to its last complete member and continued.
    """
    path, names = check_name(path), _names(frame)
    digest = hashlib.sha256("\n".join([key, *names]).encode()).hexdigest()[:8]
    part = path.with_name(f"{path.name.removesuffix('.csv.gz')}.{digest}.part.csv.gz")
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(part, "r+b" if part.exists() else "w+b", buffering=0) as file:
        done = _cut_back(file)
        if progress and done:
            print(f"going on after {done:,} images, from {part}", flush=True)
        shown = _show(masks(done), done, len(names)) if progress else masks(done)
        shapes = _shapes(frame.iloc[done:], shape)
        lines = (_line(*row) for row in zip(shown, names[done:], shapes, strict=True))
        while text := "".join(islice(lines, ROWS)):
            _append(file, text)
    try:
        _extent(part, frame, shape)
    except CourseError as error:
        part.unlink()
        raise CourseError(f"{error} The file is of no use and was removed: start again.") from error
    part.replace(path)


def check_name(path):
    """The path, if it ends as a submission's must; a `CourseError` otherwise."""
    path = Path(path)
    if not path.name.endswith(".csv.gz"):
        raise CourseError(f"{path}: the name of a submission ends in .csv.gz, e.g. submission.csv.gz")
    return path


def validate(path, frame, shape=None):
    """Check that a file is a submission that Kaggle will score.

    Parameters
    ----------
    path : path
        A ``.csv`` or ``.csv.gz`` file of any size; it is read in parts.
    frame : pandas.DataFrame
        Rows of `open_test`.
    shape : (int, int), optional
        Height and width of every image; by default read from the images.

    Returns
    -------
    int
        How many rows there are.

    Raises
    ------
    CourseError
        A row is missing, doubled, out of order or about an unknown image; a mask cannot be decoded or leaves
        its image; every mask ends in the upper half of its image, as if made at a smaller size; the file is damaged.
    """
    runs, lowest = _extent(path, frame, shape)
    if runs > 1 and lowest < 0.5:
        raise CourseError(
            f"{path}: every mask ends in the upper half of its image. Were they encoded at a smaller size? "
            "Scale the probabilities up to the image first, as inference.predict does."
        )
    return len(frame)


def score(path, frame):
    """Score a submission the way Kaggle does.

    Parameters
    ----------
    path : path
        A ``.csv`` or ``.csv.gz`` file.
    frame : pandas.DataFrame
        Rows of `open_test`, of a data set that has ``solution.csv``.

    Returns
    -------
    pandas.DataFrame
        A row an image: ``id, view, usage, dice``. ``usage`` is "Public" or "Private": the two leaderboards.

    Raises
    ------
    CourseError
        There is no solution, or the file is not a valid submission.
    """
    if "usage" not in frame:
        raise CourseError(f"No solution.csv in {frame.attrs.get('root', 'the data')}: only Kaggle can score this.")
    scores = []
    for (name, text), row in zip(_rows(path, _names(frame)), frame.to_dict("records"), strict=False):
        truth = data.read_mask(row) > 127
        scores.append(float(metrics.dice(truth, _of_row(path, name, rle.decode, text, truth.shape) > 0)))
    return frame[["id", "view", "usage"]].reset_index(drop=True).assign(dice=scores)


def _names(frame):
    return [os.path.basename(path) for path in frame["image"]]


def _shapes(frame, shape):
    return repeat(shape, len(frame)) if shape else map(data.image_shape, frame["image"])


def _line(mask, name, shape):
    if mask.shape != tuple(shape):
        raise CourseError(f"{name} is {tuple(shape)}, its mask {mask.shape} (height, width): predict at its size.")
    return f"{name},{rle.encode(mask)}\n"


def _extent(path, frame, shape):
    """Check every row. Return the most runs in a mask, and how far down in its image a mask reaches (0-1)."""
    most = lowest = 0
    for (name, text), (height, width) in zip(_rows(path, _names(frame)), _shapes(frame, shape), strict=False):
        starts, lengths = _of_row(path, name, rle.runs, text, (height, width))
        if len(starts):
            most, lowest = max(most, len(starts)), max(lowest, (starts[-1] + lengths[-1]) / (height * width))
    return most, lowest


def _of_row(path, name, read, text, shape):
    try:
        return read(text, shape)
    except CourseError as error:
        raise CourseError(f"{path}, the mask of {name} ({shape[0]} x {shape[1]} pixels): {error}") from error


def _rows(path, names):
    """Name and run-length text of each row, checked against the names expected."""
    found = _read(path)
    for number, expected in enumerate(names):
        name, text = next(found, (None, None))
        if name != expected:
            raise CourseError(f"{path}, row {number + 1}: {_difference(name, number, names, found)}.")
        yield name, text
    name, _ = next(found, (None, None))
    if name is not None:
        raise CourseError(f"{path}, row {len(names) + 1}: {_difference(name, len(names), names, found)}.")


def _difference(name, number, names, rest):
    """What is wrong where ``name`` stands in place of ``names[number]``."""
    if name is None:
        return f"the file ends, {len(names) - number} row(s) are missing, the first: {names[number]}"
    if name in names[:number]:
        return f"{name} comes a second time"
    if name not in names:
        return f"{name} is no image of sample_submission.csv"
    if names[number] in {each for each, _ in rest}:
        return f"{name} comes before {names[number]}: keep the order of sample_submission.csv"
    return f"{names[number]} is missing"


def _read(path):
    """The rows of a csv file, a part at a time."""
    try:
        for table in pd.read_csv(path, chunksize=ROWS, dtype=str, keep_default_na=False):
            if list(table) != COLUMNS:
                raise CourseError(f"{path} has the columns {list(table)}; a submission has {COLUMNS}.")
            yield from zip(table["img"], table["rle_mask"], strict=True)
    except CourseError:
        raise
    except FileNotFoundError as error:
        raise CourseError(f"{path} does not exist. Write it first: python -m utils submit --help") from error
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise CourseError(f"{path} is not a csv file that can be read ({error}). Write it again.") from error


def _cut_back(file):
    """Cut a file to its complete gzip members, write the header if there is none; return how many rows it holds."""
    member, end, position, lines, complete = zlib.decompressobj(GZIP), 0, 0, 0, 0
    try:
        while block := file.read(1 << 20):
            position += len(block)
            while block:
                lines += member.decompress(block).count(b"\n")
                block = member.unused_data
                if member.eof:
                    member, end, complete = zlib.decompressobj(GZIP), position - len(block), lines
    except zlib.error:  # no gzip data from here on
        pass
    file.truncate(end)
    file.seek(end)
    if not complete:
        _append(file, ",".join(COLUMNS) + "\n")
    return max(complete - 1, 0)


def _append(file, text):
    member = memoryview(gzip.compress(text.encode(), 1, mtime=0))
    while member:
        member = member[file.write(member) :]


def _show(masks, done, total):
    """Pass masks on; print at most once a second how many there were and how long the rest will take."""
    start = shown = time.monotonic()
    end = "\r" if sys.stdout.isatty() else "\n"
    for number, mask in enumerate(masks, 1):
        yield mask
        now = time.monotonic()
        if now - shown > (1 if end == "\r" else 30) or number + done == total:
            shown, left = now, (now - start) / number * (total - done - number)
            print(f"{done + number:,} of {total:,} images, {left / 60:.1f} min left  ", end=end, flush=True)
    print(end="\n" * (end == "\r"))


def _weights(model):
    """A fingerprint of one model or several."""
    digest = hashlib.sha256()
    for each in inference.as_models(model):
        digest.update(repr(each.input_shape).encode())
        for weight in each.get_weights():
            digest.update(weight.tobytes())
    return digest.hexdigest()
