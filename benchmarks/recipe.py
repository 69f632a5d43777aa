"""What makes the 256-pixel U-Net learn fast? One change at a time, each trained for the same minutes on 2 CPU cores.

    python -m benchmarks.recipe [--data ROOT] [--cars FILE] [--minutes MINUTES] [--variants NAME ...]

The first variant is the recipe of `python -m utils train --size 256 --stem 4`. Settings must not be chosen on the cars
that are to judge them later: of the cars to train on, a fifth is held out and scored, at the original size; all others
stay unseen. A row is added to benchmarks/results/recipe.csv as soon as it is measured; what is there is not trained
again. Its steps are those at the last size.
"""

import keras
import numpy as np
from keras import layers

from benchmarks import common
from utils import data, evaluation, losses, machine, models, training
from utils.augment import Batches

RESULTS = common.RESULTS / "recipe.csv"
NETWORK = {"size": 256, "base": 24, "stem": 4}
FOREGROUND = 0.21  # share of car pixels


def learn(train, val, minutes, network=None, prepare=None, masks=None, batch=8, learning_rate=2e-3, **changes):
    """A U-Net after its minutes, with a change to the network, the model before the first step, masks, or `fit`."""
    model = models.unet(**NETWORK | (network or {}))
    model = prepare(model) if prepare else model
    size = model.input_shape[1]
    images, soft = common.load(train, size)
    batches = Batches(images, masks(soft) if masks else soft, batch, flip=0.5)
    changes = {"optimizer": keras.optimizers.Adam(learning_rate), "verbose": False} | changes
    training.fit(model, batches, common.load(val, size), minutes=minutes, **changes)
    return model


def grow(train, val, minutes, first, then):
    """A third of the minutes at the first size, the rest at the second."""

    def go_on(model):
        model.set_weights(small.get_weights())
        return model

    small = learn(train, val, minutes / 3, {"size": first})
    return learn(train, val, minutes * 2 / 3, {"size": then}, prepare=go_on, learning_rate=1e-3)


def first_bias(model):
    """The answer before the first step is the share of car pixels, not one half."""
    model.layers[-2].bias.assign([np.log(FOREGROUND / (1 - FOREGROUND))])
    return model


def separable(model):
    """Convolutions of 3 x 3 pixels in two parts: each channel alone, then all of one pixel."""

    def part(layer):
        if not isinstance(layer, layers.Conv2D) or layer.kernel_size != (3, 3) or layer.strides != (1, 1):
            return layer.__class__.from_config(layer.get_config())
        return layers.SeparableConv2D(layer.filters, 3, padding="same", use_bias=layer.use_bias, name=layer.name)

    return keras.models.clone_model(model, clone_function=part)


def averaged_weights():
    return keras.optimizers.Adam(2e-3, use_ema=True, ema_momentum=0.98)


VARIANTS = {
    "as it is": learn,
    "base 16": lambda *given: learn(*given, {"base": 16}),
    "base 32": lambda *given: learn(*given, {"base": 32}),
    "stem 2, base 12": lambda *given: learn(*given, {"stem": 2, "base": 12}),
    "separable convolutions": lambda *given: learn(*given, prepare=separable),
    "batch 4": lambda *given: learn(*given, batch=4),
    "batch 16": lambda *given: learn(*given, batch=16),
    "half the learning rate": lambda *given: learn(*given, learning_rate=1e-3),
    "twice the learning rate": lambda *given: learn(*given, learning_rate=4e-3),
    "base 16, twice the learning rate": lambda *given: learn(*given, {"base": 16}, learning_rate=4e-3),
    "constant learning rate": lambda *given: learn(*given, schedule="plateau"),
    "cross-entropy alone": lambda *given: learn(*given, loss=losses.bce),
    "averaged weights": lambda *given: learn(*given, optimizer=averaged_weights()),
    "hard masks": lambda *given: learn(*given, masks=common.hard),
    "first bias": lambda *given: learn(*given, prepare=first_bias),
    "128, then 256 pixels": lambda *given: grow(*given, 128, 256),
    "256, then 384 pixels": lambda *given: grow(*given, 256, 384),
}


def main():
    parser = common.parser(__doc__, minutes=3.0)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=VARIANTS, metavar="NAME")
    args = parser.parse_args()
    named, _ = common.sides(args.data.resolve(), args.cars)
    train, val, test = data.split_by_car(named, val=0.05, test=0.2)
    for name in args.variants:
        key = {"data": args.data.resolve().name, "minutes": args.minutes, "variant": name}
        if common.has_row(RESULTS, key):
            continue
        keras.utils.set_random_seed(0)
        model = VARIANTS[name](train, val, args.minutes)
        row = key | {"dice": evaluation.evaluate(model, test)["dice"].mean(), "parameters": model.count_params()}
        row |= {"steps": int(model.optimizer.iterations)}
        print(row, flush=True)
        common.add_row(RESULTS, row | {"machine": machine()})


if __name__ == "__main__":
    main()
