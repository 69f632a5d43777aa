"""From a folder in Kaggle's layout to arrays: the index, splits by car, images and soft masks at a size."""

from __future__ import annotations

import hashlib
import math
import os
import re
import struct
import threading
import warnings
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageOps

from utils import CourseError, locked, progress, replacing, rle

if TYPE_CHECKING:  # imported where a table is made: who reads photos alone, as `predict` does, starts in half the time
    import pandas as pd

PROJECT = Path(__file__).resolve().parents[1]
CACHE = PROJECT / "data" / "cache"
NAME = re.compile(r"(?P<id>[^_]+)_(?P<view>\d{2})")
DAMAGED = (OSError, SyntaxError, ValueError, EOFError, struct.error)  # what Pillow raises on files cut short
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # twice as many pixels are refused

# Masks of Kaggle's training set that do not show the car: a list that competitors shared in 2017.
BAD_MASKS = frozenset(
    """0d1a9caf4350_14 1e89e1af42e7_07 2a4a8964ebf3_08 2ea62c1beee7_03 2faf504842df_03 2faf504842df_12
    3afec4b5ac07_05 3afec4b5ac07_12 3afec4b5ac07_13 3afec4b5ac07_14 3bca821c8c41_13 4a4364d7fc6d_06
    4a4364d7fc6d_07 4a4364d7fc6d_14 4a4364d7fc6d_15 4baf50a3d8c2_05 4e5ac4b9f074_11 4f0397cf7937_05
    4f1f065d78ac_14 5df60cf7cab2_07 5df60cf7cab2_15 6ba36af67cb0_07 6bff9e10288e_01""".split()
)


def open_data(root: str | os.PathLike | None = None, part: str = "train") -> pd.DataFrame:
    """Index a data set in Kaggle's layout, one row per image.

    Parameters
    ----------
    root : path, optional
        Folder that holds ``train/`` and ``train_masks/`` or ``train_masks.csv``. By default ``CARVANA_DATA``,
        else ``data/carvana`` if it is complete, else the embedded ``data/sample``.
    part : {"train", "test"}
        Which images. The masks of ``test`` come from ``solution.csv``, where there is one.

    Returns
    -------
    pandas.DataFrame
        Sorted by car and view. Columns: ``id`` (str), ``view`` (int, 1-16), ``image`` and ``mask`` (paths as str,
        ``mask`` is ``""`` where there is no file), ``rle`` (str, where masks come from a csv), ``usage`` (test
        with a solution), and ``year, make, model, trim1, trim2`` where ``metadata.csv`` exists.
        ``attrs["root"]`` holds the root.

    Raises
    ------
    CourseError
        No images; an image without a mask or with two; a mask without an image; sizes that differ; a file
        that is not an image; a csv file that is not what its name says.

    Notes
    -----
    Taught in ``notebooks/01_get_the_data.ipynb``.
    """
    root = Path(root or default_root())
    frame = _index_images(root / part)
    if part == "train":
        has_files = (root / "train_masks").is_dir()
        frame = _add_mask_files(frame, root) if has_files else _add_csv(frame, root / "train_masks.csv")
    elif (root / "solution.csv").exists():
        frame = _add_csv(frame, root / "solution.csv")
    if "mask" not in frame:
        frame["mask"] = ""
    if (root / "metadata.csv").exists():
        frame = frame.merge(read_table(root / "metadata.csv", "id", dtype={"id": str}), on="id", how="left")
    _check_sizes(frame)
    frame.attrs["root"] = str(root)
    return frame


def default_root() -> Path:
    """The data set a learner means: ``CARVANA_DATA``, else a complete ``data/carvana``, else ``data/sample``."""
    if os.environ.get("CARVANA_DATA"):
        return Path(os.environ["CARVANA_DATA"])
    kaggle = PROJECT / "data" / "carvana"
    complete = (kaggle / "train").is_dir() and (kaggle / "train_masks").is_dir()
    return kaggle if complete else PROJECT / "data" / "sample"


def describe(frame: pd.DataFrame) -> str:
    """One line that says which data set this is: root, cars, images."""
    root = Path(frame.attrs["root"]).resolve()
    name = root.relative_to(PROJECT) if root.is_relative_to(PROJECT) else root
    return f"{name}: {frame['id'].nunique()} cars, {len(frame)} images"


def _index_images(folder):
    import pandas as pd

    paths = sorted(folder.glob("*.jpg")) if folder.is_dir() else []
    if not paths:
        raise CourseError(
            f"No .jpg image in {folder}. A data set has train/ID_VIEW.jpg and train_masks/ID_VIEW_mask.gif. "
            "Get Kaggle's with `python -m utils download`, or leave CARVANA_DATA unset to use data/sample."
        )
    names = [NAME.fullmatch(path.stem) for path in paths]
    for path, name in zip(paths, names, strict=True):
        if name is None:
            raise CourseError(f"{path} is not named like ID_VIEW.jpg, e.g. 00087a6bd4dc_01.jpg: rename or remove it.")
    frame = pd.DataFrame(
        {
            "id": [name["id"] for name in names],
            "view": [int(name["view"]) for name in names],
            "image": [str(path) for path in paths],
        }
    )
    return frame.sort_values(["id", "view"], ignore_index=True)


def _add_mask_files(frame, root):
    masks = {}
    for path in sorted((root / "train_masks").glob("*_mask.*")):
        stem = path.stem.removesuffix("_mask")
        if stem in masks:
            raise CourseError(f"Two masks for one image: {masks[stem]} and {path}. Keep the right one.")
        masks[stem] = path
    stems = [Path(image).stem for image in frame["image"]]
    missing, orphans = sorted(set(stems) - set(masks)), sorted(set(masks) - set(stems))
    if missing:
        raise CourseError(
            f"{len(missing)} image(s) without a mask, the first: {root / 'train' / missing[0]}.jpg. "
            f"Expected {root / 'train_masks' / missing[0]}_mask.gif (or .png). Unzip train_masks.zip again."
        )
    if orphans:
        raise CourseError(f"Mask without an image: {masks[orphans[0]]}. Unzip train.zip again, or remove the mask.")
    return frame.assign(mask=[str(masks[stem]) for stem in stems])


def _add_csv(frame, path):
    """Masks as run-length strings from train_masks.csv or solution.csv."""
    import pandas as pd

    if not path.exists():
        raise CourseError(f"No masks: neither {path.parent / 'train_masks'} nor {path} is there. Unzip one of them.")
    table = read_table(path, "img", "rle_mask", dtype=str, keep_default_na=False)
    names = frame["image"].map(lambda image: Path(image).name)
    missing = names[~names.isin(table["img"])]
    if len(missing):
        raise CourseError(f"{path} has no mask for {missing.iloc[0]}. Download the file again.")
    table = table.rename(columns={"rle_mask": "rle"}).set_index("img").loc[names].reset_index(drop=True)
    return pd.concat([frame, table], axis=1)


def read_table(path: str | os.PathLike, key: str, *columns: str, **options) -> pd.DataFrame:
    """Read a csv file that has these columns, and each value of the first one once; a `CourseError` otherwise."""
    import pandas as pd

    try:
        table = pd.read_csv(path, **options)
    except FileNotFoundError as error:
        raise CourseError(f"{path} does not exist. Kaggle's data set has such a file: download it.") from error
    except ValueError as error:
        raise CourseError(f"{path} is not a table that can be read ({error}). Download it again.") from error
    missing = {key, *columns} - set(table)
    if missing:
        raise CourseError(f"{path} has no column {sorted(missing)[0]!r}, only {list(table)}. Download it again.")
    duplicated = table[key][table[key].duplicated()]
    if len(duplicated):
        raise CourseError(f"{path} has two rows for {duplicated.iloc[0]}. Keep the right one.")
    return table


def _check_sizes(frame):
    for image, mask in zip(frame["image"], frame["mask"], strict=True):
        if mask and (shape := image_shape(image)) != _stored_shape(mask):
            raise CourseError(
                f"Sizes differ: {image} is {shape}, {mask} is {_stored_shape(mask)} (height, width). "
                "An image and its mask must have the same size."
            )


def _open(path):
    """Open an image, or say which file is broken."""
    try:
        return Image.open(path)
    except FileNotFoundError as error:
        raise CourseError(f"{path} does not exist. Check the name and the folder.") from error
    except Image.DecompressionBombError as error:
        most = 2 * Image.MAX_IMAGE_PIXELS / 1e6
        raise CourseError(f"{path} has more than {most:.0f} million pixels: make it smaller first.") from error
    except DAMAGED as error:
        raise CourseError(f"{path} is not an image that can be read ({error}). Download it again.") from error


def split_by_car(
    frame: pd.DataFrame, val: float = 0.1, test: float = 0.1, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Split images so that no car is on two sides.

    Parameters
    ----------
    frame : pandas.DataFrame
        Needs an ``id`` column.
    val, test : float
        Share of the cars, in [0, 1). A share above 0 gets at least one car.
    seed : int
        The same seed gives the same split, whatever the order of the rows.

    Returns
    -------
    train, val, test : pandas.DataFrame
        Rows in the order of ``frame``.

    Raises
    ------
    CourseError
        Too few cars for the shares asked for.

    Notes
    -----
    Taught in ``notebooks/01_get_the_data.ipynb``.
    """
    cars = np.random.default_rng(seed).permutation(sorted(frame["id"].unique()))
    n_val, n_test = (max(1, round(share * len(cars))) if share else 0 for share in (val, test))
    if n_val + n_test >= len(cars):
        raise CourseError(
            f"{len(cars)} car(s) cannot be split into train, {n_val} for validation and {n_test} for test. "
            "Add cars, or ask for smaller shares."
        )
    sides = np.split(cars, [len(cars) - n_val - n_test, len(cars) - n_test])
    return tuple(frame[frame["id"].isin(side)].reset_index(drop=True) for side in sides)


def course_split(
    root: str | os.PathLike | None = None, train: int | None = None, val: int | None = None, test: int | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The cars on which every chapter trains, chooses and scores.

    With `data/sample`: 43 cars to train on, 5 for validation, the 16 cars of its ``test`` folder to score. A data set
    without a solution for its test photos, such as Kaggle's, is split by car: 70, 10 and 20 %.

    Parameters
    ----------
    root : path, optional
        As in `open_data`.
    train, val, test : int, optional
        Take that many cars at most.

    Returns
    -------
    train, val, test : pandas.DataFrame
        As `open_data` returns them, without the masks known to be wrong. Each has ``attrs["root"]``.

    Notes
    -----
    No network that comes with the course was trained on the cars of ``val`` and ``test``.
    Taught in ``notebooks/01_get_the_data.ipynb``.
    """
    root = Path(root or default_root())
    frame = without_bad_masks(open_data(root))
    if (root / "solution.csv").exists():
        _, validation, _ = split_by_car(frame)
        training, scored = frame[~frame["id"].isin(validation["id"])], open_data(root, "test")
    else:
        training, validation, scored = split_by_car(frame, val=0.1, test=0.2)
    return tuple(
        select_cars(part, sorted(part["id"].unique())[:most])
        for part, most in ((training, train), (validation, val), (scored, test))
    )


def read_cars(path: str | os.PathLike) -> list[str]:
    """Car ids from a text file, one a line; empty lines are passed over."""
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split()
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"{path} cannot be read as a list of cars ({error}). Write one car id a line.") from error
    if not lines:
        raise CourseError(f"{path} names no car. Write one car id a line.")
    return lines


def select_cars(frame: pd.DataFrame, cars: Iterable[str]) -> pd.DataFrame:
    """The rows of exactly these cars; a `CourseError` names those that are not there."""
    missing = sorted(set(cars) - set(frame["id"]))
    if missing:
        raise CourseError(f"{len(missing)} car(s) not in {frame.attrs.get('root', 'the data')}, e.g. {missing[0]}.")
    return frame[frame["id"].isin(cars)].reset_index(drop=True)


def without_bad_masks(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out the images whose masks are known to be wrong (`BAD_MASKS`)."""
    names = frame["image"].map(lambda image: Path(image).stem)
    return frame[~names.isin(BAD_MASKS)].reset_index(drop=True)


def read_image(path: str | os.PathLike, size: int | tuple[int, int] | None = None) -> np.ndarray:
    """Read a photo, upright, as RGB.

    Parameters
    ----------
    path : path
    size : int or (int, int), optional
        Height and width in pixels (an int: both), reached by area averaging. The original size by default.

    Returns
    -------
    ndarray of uint8, (h, w, 3), 0-255

    Raises
    ------
    CourseError
        The file is missing, truncated, no image, or one of 32-bit numbers.

    Notes
    -----
    Grey, CMYK, palettes and 16 bits become RGB of 8 bits; what is transparent becomes white.

    A JPEG is shrunk by its own decoder first (`PIL.Image.Image.draft`), down to at least ``size``: several times
    faster for large photos. Taught in ``notebooks/03_resize_and_augment.ipynb``.
    """
    with _open(path) as image:
        if size is not None:
            image.draft("RGB", (max(_height_width(size)),) * 2)
        image = _upright(_decode(image, path))
        return resize(np.asarray(_rgb(image, path)), size)


def _rgb(image, path):
    """The upper 8 of 16 bits; what is transparent becomes white."""
    if image.mode in ("I", "F"):
        raise CourseError(f"{path} holds numbers of 32 bits, which are no colours: export it with 8 or 16 bits.")
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def image_shape(path: str | os.PathLike) -> tuple[int, int]:
    """Height and width in pixels of a photo as `read_image` returns it; a JPEG's from its header alone."""
    with _open(path) as image:
        try:
            sideways = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
        except DAMAGED:
            sideways = False
        return image.size if sideways else image.size[::-1]


def _stored_shape(path):
    with _open(path) as image:
        return image.size[::-1]


def _upright(image):
    """Turn a photo as its EXIF orientation says; as it is stored where the EXIF is damaged."""
    try:
        return ImageOps.exif_transpose(image)
    except DAMAGED:
        return image


def read_mask(source: str | os.PathLike | Mapping | pd.Series, size: int | tuple[int, int] | None = None) -> np.ndarray:
    """Read a mask, soft when it is resized.

    Parameters
    ----------
    source : path or row of `open_data`
        A GIF (palette 0/1) or PNG (0/255) file; or a row whose ``rle`` holds the mask.
    size : int or (int, int), optional
        As in `read_image`.

    Returns
    -------
    ndarray of uint8, (h, w), 0-255
        The share of the pixel that is car, times 255: only 0 and 255 at the original size.

    Raises
    ------
    CourseError
        The file is missing, truncated or no image; the row has no mask.

    Notes
    -----
    Taught in ``notebooks/03_resize_and_augment.ipynb``.
    """
    if not isinstance(source, str | os.PathLike):
        if not source["mask"]:
            return _read_rle(source, size)
        source = source["mask"]
    with _open(source) as image:
        array = np.asarray(_decode(image, source).convert("L"))
    return resize(np.where(array > 0, np.uint8(255), np.uint8(0)), size)


def _read_rle(row, size):
    if not isinstance(row.get("rle"), str):
        raise CourseError(f"{row['image']} has no mask: score on images that have one, e.g. the training set.")
    try:
        mask = rle.decode(row["rle"], image_shape(row["image"]))
    except CourseError as error:
        raise CourseError(f"The mask of {row['image']} does not fit it: {error}") from error
    return resize(mask * np.uint8(255), size)


def _decode(image, path):
    try:
        image.load()
    except DAMAGED as error:
        raise CourseError(f"{path} is damaged ({error}). Download or export it again.") from error
    return image


def _height_width(size):
    return (size, size) if np.ndim(size) == 0 else tuple(size)


def resize(array: np.ndarray, size: int | tuple[int, int] | None) -> np.ndarray:
    """Shrink ``(h, w, ...)`` by exact area averages, enlarge bilinearly, each side on its own."""
    if size is None:
        return array
    height, width = _height_width(size)
    smaller = min(width, array.shape[1]), min(height, array.shape[0])
    array = cv2.resize(array, smaller, interpolation=cv2.INTER_AREA)
    return cv2.resize(array, (width, height), interpolation=cv2.INTER_LINEAR)


def load_images(frame: pd.DataFrame, size: int | tuple[int, int]) -> np.ndarray:
    """Load every image of a frame at one size, from the cache if it is there.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows of `open_data`.
    size : int or (int, int)
        Height and width in pixels (an int: both).

    Returns
    -------
    ndarray of uint8, (n, h, w, 3), 0-255
        Memory-mapped, read-only. The file lies in ``data/cache``, named after the name, length in bytes and time of
        last change of each image file: what has changed is read anew, what was only moved is not.

    Raises
    ------
    CourseError
        A file is missing or damaged; the cache does not fit on the disk.

    Notes
    -----
    Taught in ``notebooks/03_resize_and_augment.ipynb``.
    """
    stamps = [_stamp(path) for path in frame["image"]]
    return _cached("images", stamps, frame["image"], partial(read_image, size=size), (*_height_width(size), 3))


def load_masks(frame: pd.DataFrame, size: int | tuple[int, int]) -> np.ndarray:
    """Load every mask of a frame at one size, as soft masks; see `load_images`.

    Returns
    -------
    ndarray of uint8, (n, h, w), 0-255
        The share of each pixel that is car, times 255.
    """
    rows = frame.to_dict("records")
    stamps = [(row.get("rle"), _stamp(row["mask"] or row["image"])) for row in rows]
    return _cached("masks", stamps, rows, partial(read_mask, size=size), _height_width(size))


def _stamp(path):
    """What shows whether a file has changed, without reading it."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise CourseError(f"{path} cannot be read ({error.strerror}). Is the data still there?") from error
    return os.path.basename(path), status.st_size, status.st_mtime_ns


def _cached(kind, stamps, sources, read, shape):
    """Build the array ``read(source) for source in sources`` once, and map it from disk ever after."""
    digest = hashlib.blake2b(repr((kind, shape, "area", stamps)).encode(), digest_size=12)
    path = CACHE / f"{kind}-{'x'.join(map(str, shape))}-{len(sources)}-{digest.hexdigest()}.npy"
    if not path.exists():
        with locked(path, f"Another process is preparing these {kind}: waiting for it.", wait=True):
            if not path.exists():
                _build(path, kind, sources, read, shape)
    return np.load(path, mmap_mode="r")


def _build(path, kind, sources, read, shape):
    """Write the array row by row: unlike a write to a memory map, one to a file can say that the disk is full."""
    row_bytes, lock = math.prod(shape), threading.Lock()
    with replacing(path, row_bytes * len(sources)) as temporary, open(temporary, "wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(sources), *shape)}
        np.lib.format.write_array_header_1_0(file, header)
        first = file.tell()

        def place(row, source):
            array = read(source)
            with lock:
                file.seek(first + row * row_bytes)
                file.write(array)

        with ThreadPoolExecutor() as pool:
            placed = pool.map(place, range(len(sources)), sources)
            for _ in progress(placed, total=len(sources), desc=f"preparing {kind}", unit="file"):
                pass
