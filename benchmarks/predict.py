"""From photo file to mask file with the weights that come with the course: about 2 minutes on 2 CPU cores.

    python -m benchmarks.predict

Photos of 1918 x 1280 pixels, one and 64 of them. Cold is the command line from start to end, `python -m utils predict`,
which writes a cut-out beside the mask; warm is a process that has loaded the model and predicted before. Both must
write the same masks. Everything is done twice: with the ONNX file, which the command line takes by itself, and with the
Keras model that it was made of.
"""

import argparse
import shutil
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.common import demand, in_turns, peak_mb_of, publish, python, spread
from utils import CourseError, data, machine, plots, replacing

PHOTOS = data.PROJECT / "data" / "sample_fullsize" / "train"
WEIGHTS = {"ONNX": data.PROJECT / "data/weights/unet.onnx", "Keras": data.PROJECT / "data/weights/unet.keras"}
COPIES = 4  # of 16 photos
TARGETS = {"command line, 1 photo, ONNX": 0.8, "command line, --help": 0.5}
FASTER = 1.5  # times as fast as Keras, once warm, one photo
COMMAND = "import sys; from utils.__main__ import main; main(sys.argv[1:])"


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table, figure = measure(Path(folder), copy_photos(PHOTOS, Path(folder) / "photos"))
    publish("predict", table, figure)
    aims, medians = table.dropna(subset="target").set_index("task"), table.set_index("task")["median"]
    demand(1, aims["target"] / aims["median"])
    demand(FASTER, {"ONNX": medians["warm, 1 photo, Keras"] / medians["warm, 1 photo, ONNX"]})


def copy_photos(source, target, copies=COPIES):
    """Each photo several times under other names."""
    target.mkdir()
    for path in sorted(source.glob("*.jpg")):
        for copy in range(copies):
            shutil.copy(path, target / f"{path.stem}_{copy}.jpg")
    return sorted(target.iterdir())


def measure(folder, photos, repeats=5):
    """The table and its figure."""
    from utils import inference

    tasks, peaks = {"command line, --help": partial(command, "--help")}, {}
    for kind, weights in WEIGHTS.items():
        options = ["--model", weights, "--out", folder / kind]
        peaks[f"command line, 1 photo, {kind}"] = peak_mb_of(COMMAND, "predict", photos[0], *options)
        command("predict", *photos, *options)
        model = inference.load_model(weights)
        write_masks(model, photos, folder / f"warm {kind}")
        check_same(folder / f"warm {kind}", folder / kind)
        tasks[f"command line, 1 photo, {kind}"] = partial(command, "predict", photos[0], *options)
        tasks[f"warm, 1 photo, {kind}"] = partial(write_masks, model, photos[:1], folder / "again")
        tasks[f"warm, 64 photos, {kind}"] = partial(write_masks, model, photos, folder / "again")
    table = spread(in_turns(tasks, repeats))
    table["peak_mb"], table["target"] = pd.Series(peaks), pd.Series(TARGETS)
    return table.reset_index(), draw(table)


def command(*arguments):
    python("-m", "utils", *arguments)


def write_masks(model, paths, folder):
    """What the command line does for a mask, one photo at a time."""
    from utils import inference

    for path in paths:
        (probability,) = inference.predict(model, [path])
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
    cold, keras = (seconds[f"command line, 1 photo, {kind}"] for kind in WEIGHTS)
    title = f"From a cold start {cold:.1f} s a photo with the ONNX file, {keras:.1f} s with the Keras model"
    return plots.bars(seconds, title, f"seconds on {machine()}", digits=2)


if __name__ == "__main__":
    main()
