"""One network on several engines: size, cold start, speed, memory, quality; about 4 minutes on 2 CPU cores.

    python -m benchmarks.engines

The network is data/weights/unet.keras, in Keras on TensorFlow; its ONNX file on ONNX Runtime and on OpenVINO; and
that file with integers of 8 bits, calibrated on photos of data/sample/train, on ONNX Runtime. An engine that is not
installed is left out. Before anything is timed, all must score the same Dice on photos of data/sample/test, to 0.001.

Cold is a process from its start to the mask file of a photo of 1918 x 1280 pixels; the rest is taken at the network's
own size, a photo at a time and 16, in a process that has predicted before, one for each engine, all in turns. Beside
the clock stands the processor's time (cpu), which other work on the machine changes less, and how fast the machine was:
its speed in one large product of matrices. `largest_difference` is that of a probability, to Keras.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.common import SIDE, in_turns, multiply, peak_mb_of, publish, python
from utils import CourseError, data, plots

WEIGHTS = data.PROJECT / "data" / "weights"
SAMPLE = data.PROJECT / "data" / "sample"
PHOTO = sorted((data.PROJECT / "data" / "sample_fullsize" / "train").glob("*.jpg"))[0]
CALIBRATION = 24  # photos
KERAS, EIGHT = "Keras on TensorFlow", "int8.onnx"
OURS, OPENVINO = ("utils.inference", "load_model"), ("benchmarks.openvino_model", "OpenVinoModel")
ENGINES = {  # the file of the network, what opens it, the packages that must be there
    KERAS: ("unet.keras", OURS, ["tensorflow", "keras"]),
    "ONNX Runtime": ("unet.onnx", OURS, ["onnxruntime"]),
    "ONNX Runtime, 8 bits": (EIGHT, OURS, ["onnxruntime"]),
    "OpenVINO": ("unet.onnx", OPENVINO, ["openvino"]),
}
COLD = """
import sys
from PIL import Image
from utils import inference
from {} import {} as load
(probability,) = inference.predict(load(sys.argv[1]), [sys.argv[2]])
Image.fromarray((probability > 0.5).astype("uint8") * 255).save(sys.argv[3])
"""
ONE, MANY = 1, 16  # photos in a batch
BATCHES = {ONE: 20, MANY: 4}  # timed together
SHARED = {}  # in a worker: the model and what it is tried on


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = measure(Path(folder), installed())
    publish("engines", table, draw(table))


def installed():
    """The engines that are here; the others are named."""
    found = {}
    for name, (file, _, packages) in ENGINES.items():
        try:
            for package in [*packages, *(["onnx"] if file == EIGHT else [])]:  # to make that file
                distribution(package)
        except PackageNotFoundError as error:
            print(f"{name} is left out: {error.name} is not installed (pip install -r benchmarks/requirements.txt).")
        else:
            found[name] = ENGINES[name]
    return found


def measure(folder, engines, cold_repeats=5, repeats=7):
    """A row an engine."""
    files = {name: place(folder, file) for name, (file, *_) in engines.items()}
    spawn = multiprocessing.get_context("spawn")
    workers = {name: ProcessPoolExecutor(1, spawn) for name in engines}
    answers = {name: ask(workers[name], prepare, load, files[name]) for name, (_, load, _) in engines.items()}
    check_same({name: scores["dice"] for name, (scores, _) in answers.items()})
    commands = {name: (COLD.format(*load), files[name], PHOTO, folder / "mask.png")
                for name, (_, load, _) in engines.items()}  # fmt: skip
    starts = in_turns({name: partial(python, "-c", *command) for name, command in commands.items()}, cold_repeats)
    tasks = {(name, count): partial(ask, workers[name], predict, count) for name in engines for count in BATCHES}
    times = in_turns(tasks | {("matrices", ONE): partial(ask, workers[KERAS], multiply)}, repeats)
    rows = []
    for name, (_, _, packages) in engines.items():
        milliseconds = {count: 1000 * times[name, count] / (count * BATCHES[count]) for count in BATCHES}
        cpu = {count: ask(workers[name], cpu_ms, count) for count in BATCHES}
        scores, maps = answers[name]
        rows.append({
            "engine": name,
            "version": distribution(packages[-1]).version,
            "model_mb": files[name].stat().st_size / 1e6,
            "engine_mb": sum(map(disk_mb, packages)),
            "cold_s": starts[name].median(), "cold_min_s": starts[name].min(), "cold_cpu_s": cold_cpu(commands[name]),
            "one_ms": milliseconds[ONE].median(), "one_min_ms": milliseconds[ONE].min(), "one_cpu_ms": cpu[ONE],
            "many_ms": milliseconds[MANY].median(), "many_min_ms": milliseconds[MANY].min(), "many_cpu_ms": cpu[MANY],
            "peak_mb": peak_mb_of(*commands[name]),
            **scores,
            "largest_difference": abs(maps - answers[KERAS][1]).max(),
        })  # fmt: skip
    for worker in workers.values():
        worker.shutdown()
    return pd.DataFrame(rows).assign(matrices_gflop_per_s=2 * SIDE**3 / times["matrices", ONE].median() / 1e9)


def place(folder, file):
    """Where a file of `ENGINES` is; the one with 8 bits is made."""
    if file != EIGHT:
        return WEIGHTS / file
    from utils import export

    photos = sorted((SAMPLE / "train").glob("*.jpg"))
    export.quantise(WEIGHTS / "unet.onnx", folder / file, photos[:: len(photos) // CALIBRATION])
    return folder / file


def disk_mb(package):
    """What the files of a package take, without those of the packages it needs."""
    paths = [Path(file.locate()) for file in distribution(package).files or []]
    return sum(path.stat().st_size for path in paths if path.exists()) / 1e6


def cold_cpu(command):
    """Processor seconds of a process from its start to its end."""
    before = os.times()
    python("-c", *command)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def check_same(dice):
    """Refuse to time engines that answer differently."""
    for name, value in dice.items():
        if not abs(value - dice[KERAS]) < 0.001:
            raise CourseError(f"The Dice of {name} is {value:.4f}, that of {KERAS} {dice[KERAS]:.4f}: not the same.")


def draw(table):
    seconds = table.set_index("engine")["cold_s"]
    times = seconds[KERAS] / seconds["ONNX Runtime"]
    title = f"From a cold start to a mask: ONNX Runtime is {times:.0f} times as fast as Keras"
    return plots.bars(seconds, title, "seconds", digits=2)


def ask(worker, task, *arguments):
    return worker.submit(task, *arguments).result()


# --- in a worker ------------------------------------------------------------------------------------


def prepare(load, file, step=3):
    """Open a model; its scores on the test cars at the photos' own size, and its answers at its own."""
    from utils import export, inference, metrics

    module, name = load
    model = getattr(import_module(module), name)(file)
    rows = data.open_data(SAMPLE, "test").iloc[::step].to_dict("records")
    images = export.read_photos([row["image"] for row in rows], model)
    SHARED.update(model=model, images=images)
    maps = inference.probabilities(model, images)
    truths = [data.read_mask(row) > 127 for row in rows]
    masks = [inference.upsample(each, truth.shape) > 0.5 for each, truth in zip(maps, truths)]
    scores = {score.__name__: np.mean([score(*pair) for pair in zip(truths, masks)])
              for score in (metrics.dice, metrics.boundary_f)}  # fmt: skip
    return scores, maps


def predict(count):
    """Batches of so many photos, one after the other."""
    for _ in range(BATCHES[count]):
        SHARED["model"].predict_on_batch(SHARED["images"][:count])


def cpu_ms(count):
    """Processor time of a photo in such batches, in milliseconds."""
    start = time.process_time()
    predict(count)
    return 1000 * (time.process_time() - start) / (count * BATCHES[count])


if __name__ == "__main__":
    main()
