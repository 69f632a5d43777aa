"""Four losses, three seeds, each trained longer than chapter 07 can afford: about 12 minutes on 2 CPU cores.

    python -m benchmarks.losses [--data ROOT]

Trains the course's U-Net with each loss of `utils.losses`, from the same initial weights and on the same photos in the
same order, and scores it at the original size on cars it never saw. A row is added to benchmarks/results/losses.csv as
soon as a training is over; what is there is not trained again, so that a run that was stopped goes on where it was.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

from benchmarks import common
from benchmarks.common import add_row, has_row
from utils import data, inference, losses, machine, metrics, models, training
from utils.augment import Batches

RESULTS = common.RESULTS / "losses.csv"
LOSSES = [losses.bce, losses.dice_loss, losses.bce_dice, losses.boundary_bce_dice]
SEEDS = range(3)
SIZE, EPOCHS, BATCH = 96, 8, 16
AUGMENT = {"flip": 0.5, "shift": 0.0625, "scale": 0.1}
TOLERANCE = 2  # pixels of the photo


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="data/sample", type=Path, help="folder in Kaggle's layout")
    root = parser.parse_args().data.resolve()
    train, val, test = data.split_by_car(data.without_bad_masks(data.open_data(root)), val=0.1, test=0.2)
    pairs = [common.load(part, SIZE) for part in (train, val)]
    for seed in SEEDS:
        for loss in LOSSES:
            key = {"loss": loss.__name__, "seed": seed, "data": root.name}
            if has_row(RESULTS, key):
                continue
            row = key | measure(loss, seed, *pairs, test) | {"size": SIZE, "epochs": EPOCHS, "machine": machine()}
            print(row, flush=True)
            add_row(RESULTS, row)


def measure(loss, seed, train, val, test):
    """Train once; mean scores over the test photos at their own size, and the seconds of training."""
    keras.utils.set_random_seed(seed)
    model, batches = models.unet(SIZE), Batches(*train, BATCH, seed, **AUGMENT)
    history = training.fit(model, batches, val, EPOCHS, loss=loss, verbose=False)
    scores = []
    for row, probability in zip(test.to_dict("records"), inference.predict(model, test["image"])):
        pair = data.read_mask(row) > 127, probability > 0.5
        scores.append((metrics.dice(*pair), metrics.boundary_f(*pair, TOLERANCE)))
    dice, boundary_f = np.mean(scores, axis=0)
    return {"dice": dice, "boundary_f": boundary_f, "tolerance": TOLERANCE, "seconds": history["seconds"].iloc[-1]}


if __name__ == "__main__":
    main()
