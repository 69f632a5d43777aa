"""What are renders worth? Dice by the number of labelled cars, from scratch and fine-tuned: hours on 2 CPU cores.

    python -m benchmarks.transfer [--data ROOT] [--cars FILE] [--steps STEPS]

The network is that of data/weights/unet.keras, which has seen rendered cars only: once with new weights, once with its
own. It is trained on 1, 2, 4, 8, 16, 64 and all training cars, with three seeds, each of which draws other cars (the
same for both starts), and scored at the original size on cars held out. FILE names the cars to train on, one id a line;
all others are held out. By default a fifth of data/street is.

Both starts get equal processor time: the same number of steps of the same network on batches of the same size. The
processor seconds (user and system, of all cores) stand beside each row, and so does how fast the machine multiplied
matrices just then.

The learning rate is chosen for each start and number of cars without a look at the held-out cars: of the cars of the
first seed a fifth, at least one, judges networks trained on the others. One car cannot be split: it gets the rate of
the next larger number. These trainings are in benchmarks/results/transfer_rates.csv, the others in transfer.csv. A row
is added as soon as it is measured; a run that was stopped goes on where it was.
"""

import itertools
import math
import time
from functools import partial

import keras
import numpy as np
import pandas as pd

from benchmarks import common
from benchmarks.common import add_row, has_row
from utils import CourseError, data, evaluation, inference, machine, plots, training
from utils.augment import Batches

WEIGHTS = data.PROJECT / "data" / "weights" / "unet.keras"
RESULTS, CHOICES = common.RESULTS / "transfer.csv", common.RESULTS / "transfer_rates.csv"
SCRATCH, TUNED = STARTS = ("from scratch", "fine-tuned from renders")
NUMBERS = (1, 2, 4, 8, 16, 64)  # of labelled cars; beyond them all there are
SEEDS = range(3)
RATES = (5e-4, 1.5e-3, 4.5e-3)
BATCH, AUGMENT = 8, {"flip": 0.5, "shift": 0.0625, "scale": 0.1}
TOLD = 8  # of how many labelled cars the sentence speaks


def main():
    options = common.parser(__doc__)
    options.set_defaults(data=data.PROJECT / "data" / "street")
    options.add_argument("--steps", default=400, type=int, help="of each training; 400 by default")
    args = options.parse_args()
    root = args.data.resolve()
    train, test = common.sides(root, args.cars)
    cars, rendered = sorted(train["id"].unique()), rendered_network({*train["id"], *test["id"]})
    command = f"python -m benchmarks.transfer --data {root.name} --steps {args.steps}"
    command += f" --cars {args.cars.name}" if args.cars else ""
    about = {"data": root.name, "command": command, "weights": f"{WEIGHTS.name} {common.checksum(WEIGHTS)}"}
    learn = partial(learned, rendered, train, args.steps)

    for seed, number, start in itertools.product(SEEDS, numbers(cars), STARTS):
        key = about | {"start": start, "cars": number, "seed": seed}
        if not has_row(RESULTS, key):
            rate = best_rate(about | {"start": start}, learn, train, number)
            note(RESULTS, key | learn(start, draw(cars, number, seed), test, rate, seed))
    report(rows(RESULTS, about))


def rendered_network(cars):
    """The network that comes with the course; it must know none of the cars."""
    network = inference.load_model(WEIGHTS)
    if cars & (inference.training_cars(WEIGHTS) or set()):
        raise CourseError(f"{WEIGHTS} was trained on some of these cars, with their labels: take another data set.")
    return network


def numbers(cars):
    """Of how many cars each training is."""
    if len(cars) < 2:
        raise CourseError("There is one car to train on: a learning rate is chosen with two or more.")
    return [number for number in NUMBERS if number < len(cars)] + [len(cars)]


def draw(cars, number, seed):
    """The first so many cars in a seed's own order: what few cars teach, more cars teach, too."""
    return np.random.default_rng(seed).permutation(cars)[:number]


def best_rate(about, learn, train, number):
    """The learning rate with the best Dice on a fifth of the first seed's cars."""
    cars = sorted(train["id"].unique())
    number = max(number, numbers(cars)[1])
    judged, taught = np.split(draw(cars, number, SEEDS[0]), [max(1, round(number / 5))])
    about, judges = about | {"cars": number}, data.select_cars(train, judged)
    for rate in RATES:
        if not has_row(CHOICES, about | {"learning_rate": rate}):
            note(CHOICES, about | learn(about["start"], taught, judges, rate, SEEDS[0]))
    tried = rows(CHOICES, about)
    return tried.loc[tried["dice"].idxmax(), "learning_rate"]


def learned(rendered, train, steps, start, cars, test, rate, seed):
    """Train once, from new weights or from renders, on these cars alone; what it came to, as a dict."""
    keras.utils.set_random_seed(seed)
    model = keras.models.clone_model(rendered)
    if start == TUNED:
        model.set_weights(rendered.get_weights())
    chosen = np.flatnonzero(train["id"].isin(cars))
    images, masks = (part[chosen] for part in common.load(train, model.input_shape[1:3]))
    batches, begun = Batches(images, masks, BATCH, seed, **AUGMENT), time.process_time()
    epochs = (steps - 0.5) / len(batches)  # `fit` rounds up to whole steps
    settings = {"rounds": 1, "optimizer": keras.optimizers.Adam(rate), "verbose": False}
    training.fit(model, batches, (images[:BATCH], masks[:BATCH]), epochs, **settings)  # nothing is chosen by these
    spent = {"steps": int(model.optimizer.iterations), "processor_seconds": time.process_time() - begun}
    dice = evaluation.evaluate(model, test)["dice"].mean()
    return {"learning_rate": rate, "dice": dice} | spent | {"gflops": common.gflops(), "machine": machine()}


def note(path, row):
    what = f"{row['cars']} cars, {row['start']}, learning rate {row['learning_rate']:g}"
    print(f"{what}: Dice {row['dice']:.4f}, {row['processor_seconds']:.0f} processor seconds", flush=True)
    add_row(path, row)


def rows(path, about):
    """The rows of a table that have all the values of ``about``."""
    table = common.read(path)
    return table[(table[list(about)] == about).all(axis=1)]


# --- what it says -----------------------------------------------------------------------------------


def report(table):
    """Print the means, what each number of cars with renders is worth, and a sentence; save the figure."""
    dice = table.pivot(index="seed", columns=["start", "cars"], values="dice")
    runs = {start: dice[start] for start in STARTS}
    means = pd.DataFrame({start: runs[start].mean() for start in STARTS})
    worths = [worth(means[SCRATCH], each) for each in means[TUNED]]
    print(means.assign(worth=worths).to_string(float_format="{:.5g}".format))
    spent = common.spread(table.pivot(index=["cars", "seed"], columns="start", values="processor_seconds"))
    print(spent.rename_axis("processor seconds").to_string(float_format="{:.5g}".format))
    said = sentence(means[SCRATCH], means[TUNED])
    print(said)
    plots.save(plots.scores_by_amount(runs, said, "labelled cars", "Dice on cars held out"), "bench_transfer")


def sentence(scratch, tuned):
    """What ``TOLD`` cars with renders, or the most below that there are, are worth without; means by number of cars."""
    number = max(number for number in tuned.index if number <= TOLD)
    with_renders = f"{number} labelled car{'s with renders are' if number > 1 else ' with renders is'} worth"
    cars, dice, few, all_of_them = worth(scratch, tuned[number]), tuned[number], scratch.index[0], scratch.index[-1]
    if math.isinf(cars):
        return f"{with_renders} more than all {all_of_them} without: Dice {dice:.4f} against {scratch[all_of_them]:.4f}"
    if cars == few:
        return f"{with_renders} at most {few} without: Dice {dice:.4f} against {scratch[few]:.4f}"
    return f"{with_renders} {cars:.0f} without: Dice {dice:.4f}"


def worth(scratch, dice):
    """How many cars reach ``dice`` from scratch: where the means first do, interpolated by the number's logarithm.

    The lowest number measured where that reaches it already, infinity where none does.
    """
    reached = np.flatnonzero(scratch >= dice)
    if not len(reached):
        return math.inf
    ends = scratch.iloc[max(0, reached[0] - 1) : reached[0] + 1]
    return float(2 ** np.interp(dice, ends, np.log2(ends.index)))


if __name__ == "__main__":
    common.run(main)
