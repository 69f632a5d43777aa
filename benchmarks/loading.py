"""From a full-size JPEG to 256 pixels: Pillow, OpenCV, tf.io and Keras beside ours. About 1 minute on 2 CPU cores.

    python -m benchmarks.loading [--data ROOT]

Milliseconds a photo, for 16 photos of 1918 x 1280 pixels; all sides average areas. The files themselves are in the
operating system's cache on every side. `load_images` is measured twice: its first call, with an empty cache of arrays,
and later calls, which map the array from disk and, here, read all of it. `difference` is the mean, in grey levels, from
the area averages of the whole photo; a side that is off by more than 2 is refused. `cores` is processor time over time.
`peak_mb` is what loading all photos adds at most to the memory of a process of its own that has loaded one (measured on
Linux alone).
"""

import argparse
import math
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from benchmarks import common
from utils import data, plots

SIZE = 256
REPEATS = 5
LIMIT = 2  # grey levels
LEAST_GAIN = 2  # of `read_image` over plain Pillow
STATUS = Path("/proc/self/status")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="data/sample_fullsize", help="folder in Kaggle's layout")
    parser.add_argument("--peak", choices=SIDES, help="print the peak memory of one side alone")
    parser.add_argument("--cache", type=Path, help="folder of the arrays (default: one for this run)")
    options = parser.parse_args()
    frame = data.open_data(options.data)
    with tempfile.TemporaryDirectory() as folder:
        data.CACHE = options.cache or Path(folder)
        if options.peak:
            print(peak(SIDES[options.peak], frame))
        else:
            table = measure(frame, options.data)
            common.publish("loading", table, figure(table))
            times = table.set_index("side")["median_ms"]
            common.demand(LEAST_GAIN, {"read_image beside plain Pillow": times["Pillow"] / times["read_image"]})


def measure(frame, root):
    """A row a side, once each is seen to give nearly the same pictures."""
    exact = np.stack([exact_areas(path) for path in frame["image"]])
    differences = {side: np.abs(load(frame).astype(float) - exact).mean() for side, load in SIDES.items()}
    wrong = {side: difference for side, difference in differences.items() if not difference < LIMIT}
    if wrong:
        raise AssertionError(f"Not the same picture: {wrong}")
    used = {side: [] for side in SIDES}
    taken = common.in_turns(
        {side: partial(common.timed, used[side], load, frame) for side, load in SIDES.items()}, REPEATS
    )
    table = common.spread(1000 * taken / len(frame)).rename_axis("side").add_suffix("_ms")
    table["cores"] = (pd.DataFrame(used)[1:].reset_index(drop=True) / taken).median()
    table["difference"] = pd.Series(differences)
    table["peak_mb"] = [peak_alone(side, root) for side in table.index]
    return table.reset_index()


def exact_areas(path):
    return cv2.resize(np.asarray(Image.open(path), np.float32), (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def peak_alone(side, root):
    command = [sys.executable, "-m", "benchmarks.loading", "--data", root, "--peak", side, "--cache", data.CACHE]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def peak(load, frame):
    """Megabytes that loading all photos adds at most to the memory held after the first of them."""
    load(frame.head(1))
    if not STATUS.exists():
        return math.nan
    Path("/proc/self/clear_refs").write_text("5")  # the highest mark starts anew
    before = memory("VmRSS")
    load(frame)
    return memory("VmHWM") - before


def memory(field):
    """A field of Linux' process status, in megabytes."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1000


def figure(table):
    times = table.set_index("side")["median_ms"]
    plain, ours, cached = times["Pillow"], times["read_image"], times["load_images, later calls"]
    title = f"{plain / ours:.1f} times as fast as plain Pillow, {ours / cached:.0f} times as fast again from the cache"
    return plots.bars(times.sort_values(), title, "milliseconds a photo", digits=2)


def each(read, frame):
    return np.stack([read(path) for path in frame["image"]])


def pillow(path, draft=False):
    with Image.open(path) as image:
        if draft:
            image.draft("RGB", (SIZE, SIZE))
        return np.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BOX))


def opencv(path, flags=cv2.IMREAD_COLOR):
    small = cv2.resize(cv2.imread(path, flags), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2RGB)


def tf_io(path):
    import tensorflow as tf

    image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
    return np.rint(tf.image.resize(image, (SIZE, SIZE), tf.image.ResizeMethod.AREA)).astype(np.uint8)


def keras_directory(frame):
    """The photos are linked into a folder of their own, for Keras reads all there are."""
    import keras

    with tempfile.TemporaryDirectory() as folder:
        for path in frame["image"]:
            (Path(folder) / Path(path).name).symlink_to(Path(path).resolve())
        settings = {"image_size": (SIZE, SIZE), "interpolation": "area", "batch_size": len(frame), "verbose": False}
        dataset = keras.utils.image_dataset_from_directory(folder, labels=None, shuffle=False, **settings)
        return np.rint(next(dataset.as_numpy_iterator())).astype(np.uint8)


def first_call(frame):
    for file in data.CACHE.iterdir():
        file.unlink()
    return later_call(frame)


def later_call(frame):
    return np.array(data.load_images(frame, SIZE))


SIDES = {
    "load_images, first call": first_call,
    "load_images, later calls": later_call,
    "read_image": partial(each, partial(data.read_image, size=SIZE)),
    "Pillow": partial(each, pillow),
    "Pillow with draft": partial(each, partial(pillow, draft=True)),
    "OpenCV": partial(each, opencv),
    "OpenCV reduced to a quarter": partial(each, partial(opencv, flags=cv2.IMREAD_REDUCED_COLOR_4)),
    "tf.io": partial(each, tf_io),
    "image_dataset_from_directory": keras_directory,
}


if __name__ == "__main__":
    main()
