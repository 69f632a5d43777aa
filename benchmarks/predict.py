"""From photo file to mask file with the weights that come with the course: about 2 minutes on 2 CPU cores.

    python -m benchmarks.predict

Photos of 1918 x 1280 pixels, one and 64 of them. Cold is the command line from start to end, `python -m utils predict`,
which writes a cut-out beside the mask; warm is a process that has loaded the model and predicted before. Both must
write the same masks. How much of the cold start is the import of TensorFlow alone is measured beside it.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.common import in_turns, peak_mb, publish, spread
from notebooks.run import machine
from utils import CourseError, data, plots, replacing

PHOTOS = data.PROJECT / "data" / "sample_fullsize" / "train"
COPIES = 4  # of 16 photos
ENGINE = "import gc; gc.disable(); import tensorflow; gc.freeze()"  # as the command line does it
TARGETS = {"command line, 1 photo": 6.0, "command line, --help": 0.5}


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        publish("predict", *measure(Path(folder), copy_photos(PHOTOS, Path(folder) / "photos")))


def copy_photos(source, target, copies=COPIES):
    """Each photo several times under other names."""
    target.mkdir()
    for path in sorted(source.glob("*.jpg")):
        for copy in range(copies):
            shutil.copy(path, target / f"{path.stem}_{copy}.jpg")
    return sorted(target.iterdir())


def measure(folder, photos, repeats=5):
    """The table and its figure."""
    command("predict", photos[0], "--out", folder / "cold_1")
    peaks = {"command line, 1 photo": peak_mb(children=True)}  # while this process itself is small
    command("predict", *photos, "--out", folder / "cold_64")

    from utils import inference
    from utils.__main__ import SHIPPED

    model = inference.load_model(SHIPPED)
    for name, part, cold in (("warm, 1 photo", photos[:1], "cold_1"), ("warm, 64 photos", photos, "cold_64")):
        write_masks(model, part, folder / "warm")
        peaks[name] = peak_mb()
        check_same(folder / "warm", folder / cold)

    tasks = {
        "command line, --help": partial(command, "--help"),
        "TensorFlow's import alone": partial(python, "-c", ENGINE),
        "command line, 1 photo": partial(command, "predict", photos[0], "--out", folder / "again"),
        "warm, 1 photo": partial(write_masks, model, photos[:1], folder / "warm"),
        "warm, 64 photos": partial(write_masks, model, photos, folder / "warm"),
    }
    table = spread(in_turns(tasks, repeats))
    table["peak_mb"], table["target"] = pd.Series(peaks), pd.Series(TARGETS)
    return table.reset_index(), draw(table)


def command(*arguments):
    python("-m", "utils", *arguments)


def python(*arguments):
    done = subprocess.run([sys.executable, *map(str, arguments)], cwd=data.PROJECT, capture_output=True, text=True)
    if done.returncode:
        raise CourseError(f"python {' '.join(map(str, arguments))} failed:\n{done.stderr}")


def write_masks(model, paths, folder):
    """What the command line does for a mask, in the same portions."""
    from utils import inference

    for path, probability in zip(paths, inference.predict(model, paths, batch=4), strict=True):
        with replacing(folder / f"{path.stem}_mask.png") as temporary:
            Image.fromarray((probability > 0.5).astype(np.uint8) * 255).save(temporary)


def check_same(folder, other):
    """Refuse to time two ways that write different masks."""
    names = {path.name for path in folder.glob("*_mask.png")}
    if not names or names != {path.name for path in other.glob("*_mask.png")}:
        raise CourseError(f"{folder} and {other} hold masks of other photos.")
    for name in sorted(names):
        if not np.array_equal(np.asarray(Image.open(folder / name)), np.asarray(Image.open(other / name))):
            raise CourseError(f"{name} differs between {folder} and {other}.")


def draw(table):
    seconds = table["median"].drop("command line, --help")
    warm, cold, engine = seconds[["warm, 1 photo", "command line, 1 photo", "TensorFlow's import alone"]]
    title = f"Warm {warm:.2f} s a photo, from a cold start {cold:.1f} s, {engine:.1f} s of it TensorFlow's import"
    return plots.bars(seconds, title, f"seconds on {machine()}", digits=2)


if __name__ == "__main__":
    main()
