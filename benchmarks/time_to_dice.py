"""Validation Dice against seconds of training: our networks, and what people would use instead.

    python -m benchmarks.time_to_dice [--data ROOT] [--cars FILE] [--minutes MINUTES] [--networks NAME ...]
                                      [--encoder-weights imagenet]

Each network of `benchmarks.peers` is trained for MINUTES (1 by default: 18 minutes for all, on 2 CPU cores) on the
same cars and scored on others, at the original size; FILE names the cars to train on, one id a line. The clock runs
while a network trains, tracing and augmentation included, and stands still while it is scored: on 64 photos on the way
(fewer where they would take too long), on every photo at the end. Dice is given twice, with BatchNorm's moving
statistics and, where these have not caught up yet, with those of the batch.

All start from scratch. In practice people start from encoders trained on ImageNet: --encoder-weights imagenet adds the
peers that way, where the network allows their weights to be fetched.

Each network has a process of its own. A run that was stopped goes on with the networks that are missing.
"""

import argparse
import math
import os
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pandas as pd

from benchmarks import common, peers
from utils import CourseError, data, inference, machine, metrics, plots, training
from utils.augment import Batches

LEVELS = [0.90, 0.95, 0.97, 0.98, 0.985]
DICE = ["dice", "dice_batch_statistics"]
MOMENTS = 6
ON_THE_WAY, BATCH = 64, 16  # photos scored: on the way, at a time
PATIENCE, PATIENCE_AT_END = 8, 30  # seconds of scoring, after which the photos so far must do


def main():
    parser = common.parser(__doc__, minutes=1.0)
    parser.add_argument("--networks", nargs="+", default=list(peers.NETWORKS), choices=peers.NETWORKS, metavar="NAME",
                        help=f"default: {', '.join(peers.NETWORKS)}")  # fmt: skip
    parser.add_argument("--encoder-weights", choices=peers.PRETRAINED, help="add the peers with pre-trained encoders")
    parser.add_argument("--only", help=argparse.SUPPRESS)  # in the process of one network
    args = parser.parse_args()
    root = args.data.resolve()
    partial = common.RESULTS / f"time_to_dice.{root.name}-{args.minutes:g}.partial.csv"
    if args.only:
        train, val = common.sides(root, args.cars)
        try:
            rows = measure(args.only, train, spread_out(val), args.minutes)
        except CourseError as error:
            sys.exit(f"{args.only}: {error}")
        common.write(partial, pd.concat([common.read(partial), rows.assign(data=root.name, minutes=args.minutes)]))
        return
    names = [*args.networks, *peers.PRETRAINED.get(args.encoder_weights, ())]
    failed = [name for name in names if not common.has_row(partial, {"network": name}) and run(name)]
    if partial.exists():
        publish(common.RESULTS / "time_to_dice.csv", common.read(partial), root.name)
    if failed:
        sys.exit(f"Left out: {', '.join(failed)}, for the reasons above. The same command tries them again.")
    partial.unlink()


def run(name):
    """Train and score one network in a process of its own, by the same arguments; whether it failed."""
    command = [sys.executable, "-m", "benchmarks.time_to_dice", *sys.argv[1:], "--only", name]
    quiet = {"KERAS_BACKEND": network_named(name).framework, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(command, env=os.environ | quiet).returncode != 0


def network_named(name):
    """A network, from scratch or with a pre-trained encoder."""
    return next(group[name] for group in (peers.NETWORKS, *peers.PRETRAINED.values()) if name in group)


def spread_out(frame):
    """In such an order that the first photos, however many, come from all cars and views as evenly as can be."""
    car = frame["id"].rank(method="dense").astype(int)
    turn = (7 * (frame["view"] - 1) + 5 * car) % 16  # each car's views in an order of its own
    return frame.iloc[np.lexsort([car, turn])].reset_index(drop=True)


def measure(name, train, val, minutes):
    """Train one network; a row for each time it was scored."""
    network, rows = network_named(name), []
    images, masks = common.load(train, network.size)
    if network.hard:
        masks = common.hard(masks)
    batches = Batches(images, masks, network.batch, **network.augment)
    photos, truth = data.load_images(val, network.size), val.to_dict("records")

    fit, parameters, answers = FRAMEWORKS[network.framework](network)
    clock = Clock(minutes)
    moments = list(np.geomspace(clock.length / 10, clock.length, MOMENTS)[:-1])
    about = {"network": name, "framework": network.framework, "size": network.size, "parameters": parameters}

    def score(seconds, steps, over):
        count, patience = (len(val), PATIENCE_AT_END) if over else (ON_THE_WAY, PATIENCE)
        dice, batch_dice, scored = mean_dice(answers, photos[:count], truth[:count], patience)
        rows.append(about | {"seconds": seconds, "photos": steps * batches.batch, "dice": dice,
                             "dice_batch_statistics": batch_dice, "scored": scored})  # fmt: skip
        print(f"{name:<16}{seconds:6.0f} s  Dice {dice:.4f}, with the batch's statistics {batch_dice:.4f}", flush=True)

    def after_step(steps):
        """Score if it is time to; whether the training is over."""
        seconds = clock.seconds
        over = seconds >= clock.length
        if over or moments and seconds >= moments[0]:
            moments[:] = [moment for moment in moments if moment > seconds]
            with clock.stopped():
                score(seconds, steps, over)
        return over

    clock.start()
    fit(batches, clock, after_step)
    return pd.DataFrame(rows)


class Clock:
    """Seconds of training; `training.Cosine` asks it for the share that is over."""

    def __init__(self, minutes):
        self.length = 60 * minutes

    def start(self):
        self.begin = time.perf_counter()

    @property
    def seconds(self):
        return time.perf_counter() - self.begin

    def share(self):
        return min(1.0, self.seconds / self.length)

    @contextmanager
    def stopped(self):
        now = self.seconds
        yield
        self.begin = time.perf_counter() - now


def with_keras(network):
    """How to train a Keras model, its parameters, and its answers with either kind of statistics."""
    import keras

    keras.utils.set_random_seed(0)
    model = network.build()

    def fit(batches, clock, after_step):
        def check(batch, logs=None):
            model.stop_training = after_step(int(model.optimizer.iterations))

        callbacks = [keras.callbacks.LambdaCallback(on_train_batch_end=check)]
        callbacks += [training.Cosine(clock.share, model.optimizer)] if network.cosine else []
        epochs = {"epochs": 10**6, "steps_per_epoch": len(batches)}
        model.fit(batches.stream(), **epochs, shuffle=False, callbacks=callbacks, verbose=0)

    def with_moving(images):
        return model.predict_on_batch(images)[..., -1]

    def with_batch(images):
        state = [[v.value for v in each] for each in (model.trainable_variables, model.non_trainable_variables)]
        found, _ = model.stateless_call(*state, images, training=True)
        return keras.ops.convert_to_numpy(found)[..., -1]

    return fit, model.count_params(), (with_moving, with_batch)


def with_torch(network):
    """As `with_keras`, for a PyTorch module."""
    import torch

    torch.manual_seed(0)
    model, optimizer, loss = network.build()
    model.to(memory_format=torch.channels_last)
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]

    def tensor(array):
        return torch.from_numpy(np.asarray(array, np.float32)).permute(0, 3, 1, 2)  # channels_last in memory

    def fit(batches, clock, after_step):
        highest = optimizer.param_groups[0]["lr"]
        model.train()
        for steps, (x, y) in enumerate(batches.stream(), 1):
            if network.cosine:
                optimizer.param_groups[0]["lr"] = highest * 0.5 * (1 + math.cos(math.pi * clock.share()))
            optimizer.zero_grad()
            loss(model(tensor(x)), tensor(y)).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            if after_step(steps):
                return

    def answer(images, batch_statistics):
        model.eval()
        for norm in norms:
            norm.training, norm.track_running_stats = batch_statistics, not batch_statistics
        with torch.no_grad():
            found = torch.sigmoid(model(tensor(images)))[:, 0].numpy()
        for norm in norms:
            norm.track_running_stats = True
        model.train()
        return found

    parameters = sum(weights.numel() for weights in model.parameters())
    return fit, parameters, (lambda x: answer(x, False), lambda x: answer(x, True))


FRAMEWORKS = {"tensorflow": with_keras, "torch": with_torch}


def mean_dice(answers, images, rows, patience):
    """Mean Dice at the original size by each way to answer, and over how many photos: all that the patience allows."""
    scores, start = [], time.perf_counter()
    for at in range(0, len(rows), BATCH):
        batch = np.array(images[at : at + BATCH])
        for row, *found in zip(rows[at : at + BATCH], *(answer(batch) for answer in answers)):
            truth = data.read_mask(row) > 127
            scores.append([metrics.dice(truth, inference.upsample(each, truth.shape) > 0.5) for each in found])
        if time.perf_counter() - start > patience:
            break
    return *np.mean(scores, axis=0), len(scores)


def publish(path, new, name):
    """Replace what the table at ``path`` holds of the same networks and data; print and draw all of that data."""
    old, new = common.read(path), new.assign(machine=machine())
    if len(old):
        replaced = (old["data"] == name) & old["network"].isin(new["network"])
        new = pd.concat([old[~replaced], new])
    common.write(path, new)
    here = new[new["data"] == name]
    table = summary(here)
    print(table.to_string(index=False, float_format="{:.5g}".format, na_rep=""), flush=True)
    plots.save(figure(here), "bench_time_to_dice" if name == "sample" else "bench_time_to_dice_real")


def summary(rows):
    """A row a network, the best first: how fast it trains, when it first reached each level, where it ended."""
    table = []
    for name, run in rows.groupby("network", sort=False):
        last, best = run.iloc[-1], run[DICE].max(axis=1)
        reached = {f"to {level:g}": run["seconds"][best >= level].min() for level in LEVELS}
        about = {"network": name, "parameters": last["parameters"], "photos/s": last["photos"] / last["seconds"]}
        table.append(about | reached | {"Dice": last["dice"], "batch statistics": last["dice_batch_statistics"]})
    return pd.DataFrame(table).sort_values("Dice", ascending=False, ignore_index=True)


def figure(rows):
    """Dice over seconds, each network with the better of its two statistics."""
    rows = rows.assign(best=rows[DICE].max(axis=1))
    curves = rows.pivot(index="seconds", columns="network", values="best")
    minutes = rows["minutes"].max()
    ends = rows.groupby("network")["best"].last().sort_values()
    length = "a minute" if minutes == 1 else f"{minutes:g} minutes"
    title = (
        f"Dice on cars never seen: {ends.index[-1]} gets furthest in {length} on {rows['machine'].iloc[0]}\n"
        "Peers in grey: from scratch unless named, settings as published or ours, untuned"
    )
    labels = "seconds of training; by the better of the two statistics", "Dice, the further apart the closer to 1"
    return plots.scores_over_time(curves, title, peers.COURSE_NETWORKS, *labels)


if __name__ == "__main__":
    main()
