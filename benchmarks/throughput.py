"""Images a second of `models.unet`, in training and in prediction, on every engine: about 3 minutes on 2 CPU cores.

    python -m benchmarks.throughput

The same network runs in Keras on TensorFlow, on PyTorch and on JAX, and written in PyTorch alone (channels last), each
from the same weights. Before anything is timed, all must answer with the same probabilities and start from the same
loss. Each engine has a process of its own, which lives through the run and trains or predicts when it is its turn.

The column `fraction` is the arithmetic of the convolutions (a training step counts as three predictions) over what
TensorFlow does in the same second in one large product of float32 matrices. What is missing from 1 goes into moving
features through memory (normalisation, ReLU, up-sampling compute little) and into convolutions of too few channels to
fill the cores.
"""

import argparse
import itertools
import math
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import pandas as pd

from benchmarks.common import SIDE, in_turns, multiply, publish, spread
from utils import CourseError, plots

NETWORKS = {"128 px, base 8": (128, 8, 1), "128 px, base 16": (128, 16, 1), "256 px, base 24, stem 4": (256, 24, 4)}
ENGINES = {"Keras on TensorFlow": "tensorflow", "Keras on PyTorch": "torch", "Keras on JAX": "jax", "PyTorch": "torch"}
WORK = {"training": (2, 8), "prediction": (2, 16)}  # batches of a timed block, images of a batch
RUNS = {}  # in a worker: what each (network, work) does with a batch


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    spawn = multiprocessing.get_context("spawn")
    workers = {engine: ProcessPoolExecutor(1, spawn, set_backend, (backend,)) for engine, backend in ENGINES.items()}
    flops = {name: check_same(workers, name, shape) for name, shape in NETWORKS.items()}
    keys = {", ".join(key): key for key in itertools.product(NETWORKS, WORK, ENGINES)}
    tasks = {task: partial(ask, workers[key[2]], block, *key[:2]) for task, key in keys.items()}
    times = in_turns(tasks | {"matrices": partial(ask, workers["Keras on TensorFlow"], multiply)}, repeats=5)
    for worker in workers.values():
        worker.shutdown()
    table = rates(times, keys, flops)
    publish("throughput", table, draw(table))


def ask(worker, task, *arguments):
    return worker.submit(task, *arguments).result()


def check_same(workers, name, shape):
    """Give all engines the same weights, refuse to go on if they compute different things; operations a photo."""
    first, *others = workers
    count, flops, weights, expected = ask(workers[first], prepare, first, name, shape, None)
    futures = {engine: workers[engine].submit(prepare, engine, name, shape, weights) for engine in others}
    for engine, future in futures.items():
        found_count, _, _, found = future.result()
        if found_count != count:
            raise CourseError(f"{name}: {engine} has {found_count} parameters, {first} {count}.")
        for what, one, other in zip(("probabilities", "loss"), expected, found, strict=True):
            off = np.max(np.abs(one - other))
            if not off < 1e-4:
                raise CourseError(f"{name}: the {what} of {engine} and {first} differ by {off:.2g}.")
    return flops


def rates(times, keys, flops):
    """Images a second of each task, and the share of the machine's rate of multiplying matrices that this takes."""
    fastest = 2 * SIDE**3 / times["matrices"].median()
    rows = []
    for task, (name, work, engine) in keys.items():
        images = math.prod(WORK[work])
        speed = spread(images / times[[task]]).iloc[0]
        fraction = speed["median"] * flops[name] * (3 if work == "training" else 1) / fastest
        rows.append({"network": name, "work": work, "engine": engine, **speed, "fraction": fraction})
    table = pd.DataFrame(rows).rename(columns={"median": "images_per_s"})
    return table.assign(gflop=table["network"].map(flops) / 1e9, matrices_gflop_per_s=fastest / 1e9)


def draw(table):
    speeds = table.assign(row=table["network"] + ", " + table["work"])
    speeds = speeds.pivot(index="row", columns="engine", values="images_per_s").loc[speeds["row"].unique()[::-1]]
    ratio = speeds.div(speeds["PyTorch"], axis=0)[[engine for engine in ENGINES if engine != "PyTorch"]]
    ours = ratio["Keras on TensorFlow"]
    title = f"Keras on TensorFlow is {ours.min():.2f} to {ours.max():.2f} times as fast as PyTorch alone"
    return plots.ratios(ratio, title, "images a second over those of the same network in PyTorch alone, channels last")


# --- in a worker ------------------------------------------------------------------------------------


def set_backend(name):
    os.environ["KERAS_BACKEND"] = name


def prepare(engine, name, shape, weights):
    """Build a network; its parameters, operations and weights, and what it answers to one batch, with the loss."""
    import keras

    from utils import losses, models, training

    keras.utils.set_random_seed(0)
    size, base, stem = shape
    model = models.unet(size, base, stem=stem)
    training.compile_model(model, losses.bce_dice, keras.optimizers.Adam(1e-3))
    if weights:
        model.set_weights(weights)
    else:  # a few steps, so that no weight is 0 or 1 and no two networks agree by chance
        for _ in range(3):
            model.train_on_batch(*batch(size, 8))
        model.reset_metrics()
    weights, train, predict = model.get_weights(), model.train_on_batch, model.predict_on_batch
    count = model.count_params()
    if engine == "PyTorch":
        from benchmarks.torch_unet import TorchUNet, predict_on_batch, train_on_batch

        net = TorchUNet(model)
        count = net.count_params()
        train, predict = train_on_batch(net), partial(predict_on_batch, net)
    probabilities, loss = predict(batch(size, 8)[0]), train(*batch(size, 8))
    for work, step in (("training", train), ("prediction", predict)):
        pair = batch(size, WORK[work][1])
        RUNS[name, work] = partial(step, *pair[: 2 if work == "training" else 1])
    return count, operations(model), weights, (probabilities, np.ravel(loss)[0])


def block(name, work):
    for _ in range(WORK[work][0]):
        RUNS[name, work]()


def batch(size, count):
    """Photos of noise, and masks of the bright half of each: what a step costs does not depend on what they show."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (count, size, size, 3), np.uint8)
    return x, (x[..., :1] > 127).astype(np.float32)


def operations(model):
    """Multiplications and additions of the convolutions, for one photo."""
    return sum(layer_operations(layer) for layer in model.layers if "Conv2D" in type(layer).__name__)


def layer_operations(layer):
    """Each weight is used once at each place of the output, or of the input of a transposed convolution."""
    places = layer.input if "Transpose" in type(layer).__name__ else layer.output
    return 2 * math.prod(places.shape[1:3]) * math.prod(layer.kernel.shape)


if __name__ == "__main__":
    main()
