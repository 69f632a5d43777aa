"""Chapter 08's ablation with more training, on any data: MINUTES of training for the recipe.

    python -m benchmarks.tricks [--data ROOT] [--cars FILE] [--minutes MINUTES]

The recipe: a third of the minutes at 256 pixels, then the same weights trained on at 384, asked twice (flips) with the
best threshold of the validation cars. FILE names the cars to train on, one id a line; all others are scored, at the
original size.

Beyond the recipe, each for another sixth of the minutes: "pseudo-labels" trains on with the photos of test/ or, where
there is none, with the photos that are scored, without a look at their masks, as competitors did; "longer training"
spends the same time on labelled photos alone.

A row is added to benchmarks/results/tricks.csv as soon as it is measured. Its seconds are those of training, labelling,
searching the threshold and scoring. A run that was stopped goes on where it was; its networks are in models/tricks.
"""

import json
import time
from functools import partial
from pathlib import Path

import keras
import numpy as np

from benchmarks import common
from benchmarks.common import add_row, has_row
from utils import data, evaluation, inference, losses, machine, models, replacing, training
from utils.augment import Batches

RESULTS = common.RESULTS / "tricks.csv"
MODELS = Path(__file__).parents[1] / "models" / "tricks"
FIRST = {"size": 256, "base": 24, "stem": 4}
SECOND = FIRST | {"size": 384}
SHARES = {"base": 1 / 3, "larger": 2 / 3, "pseudo": 1 / 6, "longer": 1 / 6}  # of the minutes; the last two come on top
AGAIN = 1e-3  # learning rate for a network that is trained already
UNLABELLED = 48  # cars of test/ at most
BATCH, AUGMENT = 8, {"flip": 0.5}


def main():
    args = common.parser(__doc__, minutes=30.0).parse_args()
    root = args.data.resolve()
    command = f"python -m benchmarks.tricks --data {root.name} --minutes {args.minutes:g}"
    command += f" --cars {args.cars.name}" if args.cars else ""
    train, val, test, unlabelled = parts(root, args.cars)
    folder = "-".join([root.name, *([args.cars.stem] if args.cars else []), f"{args.minutes:g}"])
    fit = partial(trained, MODELS / folder, args.minutes, val)
    row = partial(measured, {"data": root.name, "command": command, "machine": machine()}, val, test)

    keras.utils.set_random_seed(0)
    base, base_seconds = fit("base", models.unet(**FIRST), common.load(train, FIRST["size"]))
    row("base", base, base_seconds)
    row("flip", base, base_seconds, tta=True)
    row("threshold", base, base_seconds, search=True)
    row("flip + threshold", base, base_seconds, tta=True, search=True)

    pairs = common.load(train, SECOND["size"])
    larger, seconds = fit("larger", unet_with(base, **SECOND), pairs, AGAIN)
    larger_seconds = base_seconds + seconds
    row("larger", larger, larger_seconds)
    row("larger + flip", larger, larger_seconds, tta=True)
    row("larger + flip + threshold", larger, larger_seconds, tta=True, search=True)
    row("ensemble of both sizes + flip", [base, larger], larger_seconds, tta=True)

    photos, start = data.load_images(unlabelled, SECOND["size"]), time.perf_counter()
    labels = evaluation.pseudo_labels(larger, unlabelled, SECOND["size"], tta=True)
    label_seconds = time.perf_counter() - start
    mixed = np.concatenate([pairs[0], photos]), np.concatenate([pairs[1], labels])
    again = {"learning_rate": AGAIN, "loss": losses.ignoring(losses.bce_dice)}
    taught, seconds = fit("pseudo", unet_with(larger, **SECOND), mixed, **again)
    row("larger + pseudo-labels + flip", taught, larger_seconds + label_seconds + seconds, tta=True)
    longer, seconds = fit("longer", unet_with(larger, **SECOND), pairs, **again)
    row("larger + longer training + flip", longer, larger_seconds + seconds, tta=True)


def parts(root, cars):
    """Photos to train on, to choose by, to score on, and to label."""
    named, test = common.sides(root, cars)
    train, val, _ = data.split_by_car(named, val=0.02, test=0)
    unlabelled = data.open_data(root, "test") if (root / "test").is_dir() else test
    return train, val, test, data.select_cars(unlabelled, unlabelled["id"].unique()[:UNLABELLED])


def unet_with(source, **settings):
    """A U-Net with the weights of another; they fit at every size."""
    model = models.unet(**settings)
    model.set_weights(source.get_weights())
    return model


def trained(folder, minutes, val, name, model, pairs, learning_rate=2e-3, **settings):
    """The model after its share of the minutes, and its seconds; from the folder if that was done before."""
    path, done = folder / f"{name}.keras", folder / f"{name}.json"
    if done.exists():
        return inference.load_model(path), json.loads(done.read_text())["seconds"]
    settings |= {"minutes": SHARES[name] * minutes, "optimizer": keras.optimizers.Adam(learning_rate)}
    batches, val_pairs = Batches(*pairs, BATCH, **AUGMENT), common.load(val, model.input_shape[1])
    history = training.fit(model, batches, val_pairs, checkpoint=path, **settings)
    seconds = history["seconds"].iloc[-1]
    with replacing(done) as temporary:
        temporary.write_text(json.dumps({"seconds": seconds}))
    return model, seconds


def measured(about, val, test, name, model, seconds, tta=False, search=False):
    """Add a row to the results, unless it is there."""
    if has_row(RESULTS, {"row": name, "command": about["command"]}):
        return
    start = time.perf_counter()
    threshold = evaluation.best_threshold(model, val, tta)["dice"].idxmax() if search else 0.5
    dice = evaluation.evaluate(model, test, tta, threshold)["dice"].mean()
    row = {"data": about["data"], "row": name, "dice": dice, "seconds": seconds + time.perf_counter() - start} | about
    print(f"{name}: Dice {dice:.5f}, threshold {threshold:.2f}, {row['seconds']:.0f} s", flush=True)
    add_row(RESULTS, row)


if __name__ == "__main__":
    main()
