"""Seven losses, three seeds, fine-tuned for longer than chapter 07 can afford: about 7 minutes on 2 CPU cores.

    python -m benchmarks.losses [--data ROOT]

Each training begins with the network that comes with the course, takes the same photos in the same order under the
same flips, and has a threshold of its own, searched on the validation cars. Scores are those of the test cars at the
original size, a row a car, both at 0.5 and at the threshold found. They are added to benchmarks/results/losses.csv as
soon as a training is over; what is there is not trained again, so that a run that was stopped goes on where it was.
Rows of other weights are left out: they began with another network.
"""

import argparse
from functools import cache
from pathlib import Path

import keras
import pandas as pd

from benchmarks import common
from utils import data, evaluation, inference, losses, machine, metrics, training
from utils.augment import Batches

RESULTS = common.RESULTS / "losses.csv"
WEIGHTS = data.PROJECT / "data/weights/unet.keras"
LOSSES = [
    losses.bce_dice,
    losses.bce,
    losses.dice_loss,
    losses.focal_loss,
    losses.lovasz_loss,
    losses.boundary_bce_dice,
    losses.bce_dice_boundary,
]
SEEDS = range(3)
EVERY = 2  # of the test photos every second one is scored: 8 views of each car
STEPS, BATCH, RATE = 60, 8, 1e-3
TOLERANCE = 2  # pixels of the photo


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="data/sample", type=Path, help="folder in Kaggle's layout")
    root = parser.parse_args().data.resolve()
    train, val, test = data.course_split(root)
    test = test.iloc[::EVERY].reset_index(drop=True)
    weights = common.checksum(WEIGHTS)
    for seed in SEEDS:
        for loss in LOSSES:
            key = {"loss": loss.__name__, "seed": seed, "data": root.name, "weights": weights}
            if common.has_row(RESULTS, key):
                continue
            settings = {"tolerance": TOLERANCE, "steps": STEPS, "batch": BATCH, "rate": RATE, "machine": machine()}
            rows = measure(loss, seed, train, val, test).assign(**key, **settings)
            print(loss.__name__, seed, rows.groupby("searched")[["dice", "boundary_f", "offset"]].mean(), flush=True)
            common.write(RESULTS, pd.concat([of_weights(weights), rows[[*key, *rows.columns.drop(list(key))]]]))


def of_weights(weights):
    """The rows so far that began with these weights."""
    table = common.read(RESULTS)
    return table[table["weights"] == weights] if len(table) else table


def measure(loss, seed, train, val, test):
    """Fine-tune once; a row a test car and threshold, with the mean scores of its photos at their own size."""
    network, start = compiled(loss)
    network.set_state_tree(start)
    size = network.input_shape[1]
    batches = Batches(*common.load(train, size), BATCH, seed, flip=0.5, steps=STEPS)
    network.fit(batches, shuffle=False, verbose=0)  # Keras would shuffle the batches again, by no seed of ours
    searched = evaluation.best_threshold(network, val)["dice"].idxmax()
    scores = []
    for row, probability in zip(test.to_dict("records"), inference.predict(network, test["image"])):
        scores += [{"car": row["id"], **score(row, probability, threshold)} for threshold in {0.5, searched}]
    table = pd.DataFrame(scores).groupby(["car", "threshold"], as_index=False).mean()
    at_half, best = table[table["threshold"] == 0.5], table[table["threshold"] == searched]
    return pd.concat([at_half.assign(searched=False), best.assign(searched=True)])


@cache
def compiled(loss):
    """The network, compiled with a loss, and the state from which each of its trainings starts."""
    network = inference.load_model(WEIGHTS)
    rate = keras.optimizers.schedules.CosineDecay(RATE, STEPS)
    training.compile_model(network, loss, keras.optimizers.Adam(rate))
    return network, network.get_state_tree(value_format="numpy_array")


def score(row, probability, threshold):
    """Scores of one photo; ``uncertain`` is the share of its pixels with a probability from 0.1 to 0.9."""
    pair = data.read_mask(row) > 127, probability > threshold
    return {
        "threshold": threshold,
        "dice": metrics.dice(*pair),
        "boundary_f": metrics.boundary_f(*pair, TOLERANCE),
        "offset": metrics.boundary_offset(*pair),
        "uncertain": (abs(probability - 0.5) <= 0.4).mean(),
    }


if __name__ == "__main__":
    common.run(main)
