"""What makes the 256-pixel U-Net learn fast? One change at a time, each trained for the same minutes on 2 CPU cores.

    python -m benchmarks.recipe [--data ROOT] [--cars FILE] [--minutes MINUTES] [--variants NAME ...]

The first variant is the recipe of `python -m utils train --size 256 --stem 4`. FILE names the cars to train on, one id
a line; all others are scored, at the original size. A row is added to benchmarks/results/recipe.csv as soon as it is
measured; what is there is not trained again.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

from benchmarks.common import RESULTS, add_row, has_row
from benchmarks.tricks import load, parts, unet_with
from notebooks.run import machine
from utils import inference, losses, models, training

NETWORK = {"size": 256, "base": 24, "stem": 4}
SETTINGS = {"batch": 8, "augment": {"flip": 0.5}, "verbose": False}
FOREGROUND = 0.21  # share of car pixels


def as_it_is(train, val, minutes, **changes):
    model = models.unet(**NETWORK | changes.pop("network", {}))
    training.fit(model, load(train, 256), load(val, 256), minutes=minutes, **SETTINGS | changes)
    return model


def hard_masks(train, val, minutes):
    images, masks = load(train, 256)
    model = models.unet(**NETWORK)
    hard = np.where(masks > 127, np.uint8(255), np.uint8(0))
    training.fit(model, (images, hard), load(val, 256), minutes=minutes, **SETTINGS)
    return model


def first_bias(train, val, minutes):
    """The answer before the first step is the share of car pixels, not one half."""
    model = models.unet(**NETWORK)
    model.layers[-2].bias.assign([np.log(FOREGROUND / (1 - FOREGROUND))])
    training.fit(model, load(train, 256), load(val, 256), minutes=minutes, **SETTINGS)
    return model


def growing(train, val, minutes, sizes=(128, 256)):
    """The first third of the minutes at the smaller size."""
    small = models.unet(**NETWORK | {"size": sizes[0]})
    training.fit(small, load(train, sizes[0]), load(val, sizes[0]), minutes=minutes / 3, **SETTINGS)
    model = unet_with(small, **NETWORK | {"size": sizes[1]})
    again = {"learning_rate": 1e-3, "minutes": minutes * 2 / 3}
    training.fit(model, load(train, sizes[1]), load(val, sizes[1]), **SETTINGS | again)
    return model


def averaged_weights():
    return keras.optimizers.Adam(2e-3, use_ema=True, ema_momentum=0.98)


VARIANTS = {
    "as it is": as_it_is,
    "base 16": lambda *given: as_it_is(*given, network={"base": 16}),
    "base 32": lambda *given: as_it_is(*given, network={"base": 32}),
    "stem 2, base 12": lambda *given: as_it_is(*given, network={"stem": 2, "base": 12}),
    "batch 4": lambda *given: as_it_is(*given, batch=4),
    "batch 16": lambda *given: as_it_is(*given, batch=16),
    "half the learning rate": lambda *given: as_it_is(*given, learning_rate=1e-3),
    "constant learning rate": lambda *given: as_it_is(*given, schedule="plateau"),
    "cross-entropy alone": lambda *given: as_it_is(*given, loss=losses.bce),
    "averaged weights": lambda *given: as_it_is(*given, optimizer=averaged_weights()),
    "hard masks": hard_masks,
    "first bias": first_bias,
    "128, then 256 pixels": growing,
    "256, then 384 pixels": lambda *given: growing(*given, sizes=(256, 384)),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="data/sample", type=Path, help="folder in Kaggle's layout")
    parser.add_argument("--cars", type=Path, metavar="FILE", help="train on these cars, score all others")
    parser.add_argument("--minutes", default=3.0, type=float, help="of training, for each variant")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=VARIANTS, metavar="NAME")
    args = parser.parse_args()
    train, val, test, _ = parts(args.data.resolve(), args.cars)
    for name in args.variants:
        key = {"data": args.data.resolve().name, "minutes": args.minutes, "variant": name}
        if has_row(RESULTS / "recipe.csv", key):
            continue
        keras.utils.set_random_seed(0)
        model = VARIANTS[name](train, val, args.minutes)
        row = key | {"dice": inference.evaluate(model, test)["dice"].mean(), "parameters": model.count_params()}
        print(row, flush=True)
        add_row(RESULTS / "recipe.csv", row | {"machine": machine()})


if __name__ == "__main__":
    main()
