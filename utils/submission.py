"""The file that goes to Kaggle: written, validated, scored. Taught in notebooks/10_evaluate_and_submit.ipynb."""

import gzip
import hashlib
import os
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice, repeat
from pathlib import Path

import numpy as np
import pandas as pd

from utils import CourseError, data, inference, locked, metrics, rle, room_for
from utils import progress as progress_bar

COLUMNS = ["img", "rle_mask"]
ROWS = 64  # in one gzip member: as many are predicted again, at most, after a kill
ROW_BYTES = 4000  # of a car's mask at 1918 x 1280, compressed
GZIP = 16 + zlib.MAX_WBITS


def open_test(root: str | os.PathLike | None = None) -> pd.DataFrame:
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


def write(
    model: inference.Models,
    frame: pd.DataFrame,
    path: str | os.PathLike,
    tta: bool = False,
    threshold: float = 0.5,
    progress: bool = False,
) -> None:
    """Predict every image of a frame and write the submission.

    Parameters
    ----------
    model : Model or list of Model
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


def write_masks(
    masks: Callable[[int], Iterable[np.ndarray]],
    frame: pd.DataFrame,
    path: str | os.PathLike,
    shape: tuple[int, int] | None = None,
    key: str = "",
    progress: bool = False,
) -> None:
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
        Show how far it is and the time that remains.

    Raises
    ------
    CourseError
        The path ends otherwise; another process writes it; the disk is full (what is written stays, and the same call
        goes on from there); a mask does not have the size of its image; what was written is not valid (it is kept
        beside ``path``, as ``NAME.KEY.rejected.csv.gz``).

    Notes
    -----
    A gzip file may be a chain of complete smaller ones, its members. Each one here holds whole rows, so a file
    whose writing was killed is cut back to its last complete member and continued.
    """
    path, names = check_name(path), _names(frame)
    digest = hashlib.sha256("\n".join([key, *names]).encode()).hexdigest()[:8]
    part = path.with_name(f"{path.name.removesuffix('.csv.gz')}.{digest}.part.csv.gz")
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path, f"Another process is writing {path}: wait until it is done, or choose another name."):
        _write_rows(part, masks, frame, shape, progress)
        try:
            _check_rows(part, frame, shape, progress)
        except CourseError as error:
            rejected = part.with_name(part.name.replace(".part.", ".rejected."))
            part.replace(rejected)
            raise CourseError(f"{error} The file is kept as {rejected}; run this again to start anew.") from error
        part.replace(path)


def _write_rows(part, masks, frame, shape, progress):
    """Append the rows that the file lacks, a gzip member at a time."""
    names = _names(frame)
    with open(part, "a+b", buffering=0) as file:
        done = _keep_whole_members(file)
        if progress and done:
            print(f"going on after {done:,} images, from {part}", flush=True)
        with room_for(part, ROW_BYTES * (len(names) - done)):
            rows = zip(masks(done), names[done:], _shapes(frame.iloc[done:], shape), strict=True)
            bar = progress_bar(rows, total=len(names), initial=done, unit="image", disable=not progress)
            lines = (_line(*row) for row in bar)
            if not file.tell():
                _append(file, ",".join(COLUMNS) + "\n")
            while text := "".join(islice(lines, ROWS)):
                _append(file, text)


def check_name(path: str | os.PathLike) -> Path:
    """The path, if it ends as a submission's must; a `CourseError` otherwise."""
    path = Path(path)
    if not path.name.endswith(".csv.gz"):
        raise CourseError(f"{path}: the name of a submission ends in .csv.gz, e.g. submission.csv.gz")
    return path


def validate(path: str | os.PathLike, frame: pd.DataFrame, shape: tuple[int, int] | None = None) -> int:
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
    runs, lowest = _check_rows(path, frame, shape)
    if runs > 1 and lowest < 0.5:
        raise CourseError(
            f"{path}: every mask ends in the upper half of its image. Were they encoded at a smaller size? "
            "Scale the probabilities up to the image first, as inference.predict does."
        )
    return len(frame)


def score(path: str | os.PathLike, frame: pd.DataFrame) -> pd.DataFrame:
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


def _check_rows(path, frame, shape, progress=False):
    """Check every row. Return the most runs in a mask, and how far down in its image a mask reaches (0-1)."""
    most = lowest = 0
    rows = zip(_rows(path, _names(frame)), _shapes(frame, shape), strict=True)
    bar = progress_bar(rows, total=len(frame), desc="checking", unit="image", disable=not progress)
    for (name, text), (height, width) in bar:
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
    for number, expected in enumerate([*names, None]):
        name, text = next(found, (None, None))
        if name != expected:
            raise CourseError(f"{path}, row {number + 1}: {_difference(name, number, names, found)}.")
        if name is not None:
            yield name, text


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


def _keep_whole_members(file):
    """Cut a file back to its complete gzip members; return how many rows they hold, the header left out."""
    member, lines, kept, end = zlib.decompressobj(GZIP), 0, 0, file.seek(0)
    with suppress(zlib.error):  # no gzip data from here on
        while block := file.read(1 << 20):
            while block:
                lines += member.decompress(block).count(b"\n")
                block = member.unused_data
                if member.eof:
                    member, kept, end = zlib.decompressobj(GZIP), lines, file.tell() - len(block)
    file.truncate(end)
    file.seek(end)
    return max(kept - 1, 0)


def _append(file, text):
    member = memoryview(gzip.compress(text.encode(), 1, mtime=0))
    while member:
        member = member[file.write(member) :]


def _weights(model):
    """A fingerprint of one model or several."""
    digest = hashlib.sha256()
    for each in inference.as_models(model):
        digest.update(repr(each.input_shape).encode())
        onnx = isinstance(each, inference.OnnxModel)
        for weight in [each.content] if onnx else map(np.ndarray.tobytes, each.get_weights()):
            digest.update(weight)
    return digest.hexdigest()
