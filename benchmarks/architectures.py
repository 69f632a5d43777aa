"""U-Net, dilated U-Net and TransUNet at equal processor time, three seeds: about 10 minutes on 2 CPU cores.

    python -m benchmarks.architectures [--data ROOT]

The fourth network, "the name alone", is the TransUNet without its transformer. First, the cost of each is measured:
milliseconds of processor time a photo in training, taken in turns, so that other work on the machine favours none; kept
in benchmarks/results/architecture_costs.csv. Then each is trained on as many photos as the time pays for that the U-Net
needs for PHOTOS, and scored at the original size on cars it never saw. A row is added to
benchmarks/results/architectures.csv as soon as a training is over; what is there is not trained again, so that a run
that was stopped goes on where it was.
"""

import argparse
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from benchmarks import common
from benchmarks.common import RESULTS, add_row, has_row
from utils import data, evaluation, losses, machine, models, replacing, training
from utils.augment import Batches

SEEDS = range(3)
SIZE, PHOTOS, EPOCHS, BATCH = 128, 2304, 4, 8
AUGMENT = {"flip": 0.5, "shift": 0.0625, "scale": 0.1}
SCORES = ["dice", "iou", "precision", "recall", "specificity"]
NETWORKS = {
    "U-Net": lambda: models.unet(SIZE),
    "dilated U-Net": lambda: models.unet(SIZE, dilations=(1, 2, 4)),
    "the name alone": lambda: models.trans_unet(SIZE, transformers=0),
    "TransUNet": lambda: models.trans_unet(SIZE),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="data/sample", type=Path, help="folder in Kaggle's layout")
    root = parser.parse_args().data.resolve()
    if not (RESULTS / "architecture_costs.csv").exists():
        with replacing(RESULTS / "architecture_costs.csv") as temporary:
            measure_costs().to_csv(temporary, float_format="%.2f")
    costs = pd.read_csv(RESULTS / "architecture_costs.csv", index_col="network")["ms"]
    photos = PHOTOS * costs["U-Net"] / costs

    train, val, test = data.split_by_car(data.without_bad_masks(data.open_data(root)), val=0.1, test=0.1)
    pairs = [common.load(part, SIZE) for part in (train, val)]
    for seed in SEEDS:
        for name in NETWORKS:
            key = {"network": name, "seed": seed, "data": root.name}
            if has_row(RESULTS / "architectures.csv", key):
                continue
            steps = round(photos[name] / EPOCHS / BATCH)
            row = key | measure(name, seed, steps, *pairs, test) | {"size": SIZE, "machine": machine()}
            print(row, flush=True)
            add_row(RESULTS / "architectures.csv", row)


def measure_costs():
    """Milliseconds of processor time that training takes a photo, all cores together: a row a network."""
    networks, taken = {name: build() for name, build in NETWORKS.items()}, []
    x, y = np.zeros((BATCH, SIZE, SIZE, 3), np.uint8), np.zeros((BATCH, SIZE, SIZE, 1), np.float32)
    for model in networks.values():
        training.compile_model(model, losses.bce_dice, keras.optimizers.Adam())
    for _ in range(22):
        starts = []
        for model in networks.values():
            starts.append(time.process_time())
            model.train_on_batch(x, y)
        taken.append(1000 * np.diff([*starts, time.process_time()]) / BATCH)
    costs = pd.DataFrame({"ms": np.median(taken[2:], axis=0)}, pd.Index(networks, name="network"))
    return costs.assign(size=SIZE, machine=machine())


def measure(name, seed, steps, train, val, test):
    """Train once; mean scores over the test photos at their own size, and on how many photos it was trained."""
    keras.utils.set_random_seed(seed)
    model, batches = NETWORKS[name](), Batches(*train, BATCH, seed, steps=steps, **AUGMENT)
    training.fit(model, batches, val, epochs=EPOCHS, verbose=False)
    photos = int(model.optimizer.iterations) * BATCH
    return evaluation.evaluate(model, test)[SCORES].mean().to_dict() | {"photos": photos}


if __name__ == "__main__":
    main()
