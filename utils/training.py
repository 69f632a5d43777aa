"""Training: one `fit` with a schedule, the best model kept, and a way back after a stop."""

import functools
import hashlib
import json
import math
import os
import re
import sys
import time
import zipfile
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from utils import CourseError, locked, progress, replacing
from utils.augment import Batches
from utils.losses import bce_dice
from utils.metrics import dice_score

WARM_UP = 0.05  # share of the training over which the learning rate rises from 0


def budget(cpu: Any, gpu: Any = None, quick: Any = None) -> Any:
    """Choose what suits the machine: small on a CPU, full size on a GPU.

    Parameters
    ----------
    cpu, gpu : any
        A setting, such as photos or epochs; without a second value the first serves both.
    quick : any, optional
        For a run that only proves that the code works: taken where the environment variable ``COURSE_BUDGET`` is
        ``quick``.

    Returns
    -------
    any
        One of the three.

    Examples
    --------
    >>> photos = budget(800, gpu=16000, quick=64)
    """
    if quick is not None and os.environ.get("COURSE_BUDGET") == "quick":
        return quick
    return gpu if gpu is not None and has_gpu() else cpu


def has_gpu() -> bool:
    """Whether Keras' backend sees an accelerator."""
    if keras.backend.backend() == "torch":
        import torch

        return torch.cuda.is_available()
    try:
        return bool(keras.distribution.list_devices("gpu"))
    except RuntimeError:  # JAX, where there is none
        return False


def fit(
    model: keras.Model,
    train: Batches,
    val: tuple[np.ndarray, np.ndarray],
    epochs: float | None = None,
    minutes: float | None = None,
    rounds: int | None = None,
    loss: Callable = bce_dice,
    optimizer: keras.optimizers.Optimizer | None = None,
    schedule: str = "cosine",
    patience: int | None = None,
    ema: float = 0,
    checkpoint: str | os.PathLike | None = None,
    cars: Iterable[str] = (),
    verbose: bool = True,
) -> pd.DataFrame:
    """Train a model on images and soft masks.

    Parameters
    ----------
    model : keras.Model
        Probabilities out, as in `utils.models`.
    train : utils.augment.Batches
        Fixes batch size, augmentation and seed.
    val : (images, masks)
        uint8, ``(n, h, w, 3)`` and ``(n, h, w)``, 0-255: scored after each round.
    epochs, minutes : float
        How long to train: give one of the two. ``minutes`` lays the schedule out for that time, validation included.
    rounds : int, optional
        Equal parts of the training, each followed by a look at ``val``. By default one an epoch, ten with ``minutes``.
    loss : callable
    optimizer : keras.optimizers.Optimizer, optional
        With its own learning rate, which is the highest; Adam at 2e-3 by default.
    schedule : {"cosine", "plateau"}
        "cosine" rises over the first twentieth and falls to 0 at the end; "plateau" divides the learning rate by 10
        after 4 rounds without a better validation Dice.
    patience : int, optional
        Stop after that many rounds without a better validation Dice.
    ema : float
        Decay of an exponential moving average of the weights, below 1, such as 0.99: it is the average that is scored,
        saved, and left in ``model``. 0: the weights of the last step.
    checkpoint : path, optional
        ``NAME.keras``: gets the model of the best round when the training is done, and so does ``model``. Until then
        what lies there stays, and the best so far is ``NAME.best-so-far.keras``. A training that is stopped goes on
        where it was when the same call is made again.
    cars : iterable of str
        Ids of the cars trained on, kept inside the checkpoint: `utils.inference.training_cars` reads them.
    verbose : bool
        A line a round, and on a terminal a bar.

    Returns
    -------
    pandas.DataFrame
        A row a round: ``epoch, step, loss, dice_score, val_loss, val_dice_score, learning_rate, seconds``.

    Raises
    ------
    CourseError
        Neither or both of ``epochs`` and ``minutes``, or none above 0; nothing to train on; the loss is not a number;
        ``ema`` not from 0 to below 1; a checkpoint left by another training, or one that is being written; a full disk.

    Notes
    -----
    Seed the weights before building the model: `keras.utils.set_random_seed`.
    Taught in ``notebooks/06_train_a_unet.ipynb``.
    """
    length = epochs if minutes is None else minutes
    if None not in (epochs, minutes) or length is None or not 0 < length < math.inf:
        raise CourseError("Say how long to train: epochs=... or minutes=..., one of the two, above 0.")
    if schedule not in ("cosine", "plateau"):
        raise CourseError(f'schedule="{schedule}" is not known: use "cosine" or "plateau".')
    if not 0 <= ema < 1:
        raise CourseError(f"ema={ema}: a decay is from 0 (no average) to below 1, such as 0.99.")
    if not len(train) or not len(val[0]):
        raise CourseError("Nothing to train or to validate on: both need at least one image.")
    compile_model(model, loss, optimizer or keras.optimizers.Adam(2e-3))
    rounds = rounds or (10 if minutes else math.ceil(epochs))
    settings = {"epochs": epochs, "minutes": minutes, "rounds": rounds, "schedule": schedule, "patience": patience}
    settings |= _fingerprint(model, train, val, loss) | ({"ema": ema} if ema else {})
    pace = Pace(epochs and math.ceil(epochs * len(train)), minutes, verbose)
    paced = [pace, Cosine(pace.share, model.optimizer)] if schedule == "cosine" else [pace]
    average = Average(ema, model, pace) if ema else None
    paced += [average] if average else []
    kept = Checkpoint(checkpoint, model, settings, cars, average) if checkpoint else None
    stop = keras.callbacks.EarlyStopping("val_dice_score", patience=patience or 10**9, mode="max")
    plateau = keras.callbacks.ReduceLROnPlateau("val_dice_score", 0.1, patience=4, mode="max")
    callbacks = keras.callbacks.CallbackList([stop, plateau] if schedule == "plateau" else [stop], model=model)
    callbacks.on_train_begin()

    with kept.lock() if kept else nullcontext():
        history = kept.restore(callbacks) if kept else []
        if history and verbose:
            print(f"going on after epoch {history[-1]['epoch']}", flush=True)
        pace.resume(history)
        try:
            while pace.share() < 1 and not stop.stopped_epoch:
                pace.until = (len(history) + 1) / rounds
                row = _round(model, train, val, pace, paced)
                if not math.isfinite(row["loss"]):
                    raise CourseError(_not_a_number(row, kept))
                history.append(row)
                callbacks.on_epoch_end(len(history), dict(row))
                if kept:
                    kept.save(history)
                if verbose:
                    pace.show(row)
        except KeyboardInterrupt:
            if kept:
                print(f"\n{kept.what_is_left()}", file=sys.stderr)
            raise
        if kept:
            kept.finish()
        elif average:
            average.swap()
    return pd.DataFrame(history)


def _round(model, train, val, pace, callbacks):
    """Train for one round, and validate; a row of the history."""
    logs = model.fit(
        train.stream(pace.step, workers=os.cpu_count() if has_gpu() else 1),
        steps_per_epoch=pace.steps_left(),
        shuffle=False,  # the batches are shuffled already
        validation_data=Batches(*val, batch=train.batch, shuffle=False),
        callbacks=[keras.callbacks.TerminateOnNaN(), *callbacks],
        verbose=0,
    ).history
    epoch, over = divmod(pace.step, len(train))
    row = {"epoch": epoch + round(over / len(train), 2) if over else epoch, "step": pace.step}
    row |= {name: float(values[-1]) for name, values in logs.items()}
    rate = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
    return row | {"learning_rate": rate, "seconds": round(pace.seconds(), 1)}


def _not_a_number(row, kept):
    advice = (
        f"The loss became {row['loss']} in epoch {row['epoch']}, by step {row['step']}. Train with a lower learning "
        "rate; check that masks are 0-255 and not 0-1; leave mixed precision off."
    )
    if not kept:
        return advice
    kept.state.unlink(missing_ok=True)  # it would only happen again
    return f"{advice} {kept.what_is_left()}"


def compile_model(model: keras.Model, loss: Callable, optimizer: keras.optimizers.Optimizer | str) -> None:
    """Compile with Dice as the metric."""
    model.compile(optimizer, loss, metrics=[dice_score])
    # What is not built by now Keras builds while it traces the first step, which it must then trace again.
    model.optimizer.build(model.trainable_variables)
    nothing = keras.ops.zeros((1, *model.output_shape[1:]))
    model.compute_metrics(None, nothing, nothing)
    model.reset_metrics()


class Cosine(keras.callbacks.Callback):
    """Learning rate: a linear warm-up to the optimizer's own, then half a cosine down to 0.

    Keras' `CosineDecay` counts steps; ``share()`` says how much of the training is over, 0-1, whatever is counted.
    """

    def __init__(self, share, optimizer):
        super().__init__()
        self.share, self.highest = share, float(keras.ops.convert_to_numpy(optimizer.learning_rate))

    def on_train_batch_begin(self, batch, logs=None):
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()  # within an epoch Keras keeps the optimizer's variables elsewhere
        share = self.share()
        falling = 0.5 * (1 + math.cos(math.pi * max(0.0, share - WARM_UP) / (1 - WARM_UP)))
        self.model.optimizer.learning_rate = self.highest * min(falling, max(share / WARM_UP, 0.01))


class Pace(keras.callbacks.Callback):
    """Where a training of so many steps, or minutes, is: ends its rounds, and shows how far it is."""

    def __init__(self, steps, minutes, verbose):
        super().__init__()
        self.steps, self.minutes = steps, minutes
        self.bar = progress(
            total=1.0,
            bar_format="{percentage:3.0f}%|{bar}| {remaining} left{postfix}",
            disable=not (verbose and sys.stderr.isatty()),
        )

    def resume(self, history):
        """Start the clock, after the rounds of a history."""
        self.step = history[-1]["step"] if history else 0
        self.start = time.perf_counter() - (history[-1]["seconds"] if history else 0)

    def seconds(self):
        return time.perf_counter() - self.start

    def share(self):
        """How much of the training is over, 0-1."""
        return min(1.0, self.seconds() / (60 * self.minutes) if self.minutes else self.step / self.steps)

    def steps_left(self):
        """In this round; where minutes count, more than there is time for."""
        return 10**9 if self.minutes else max(1, round(self.until * self.steps) - self.step)

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        self.bar.n = self.share()
        self.bar.set_postfix(step=self.step, loss=f"{float(logs['loss']):.3f}")
        if self.minutes and self.share() >= min(1, self.until):
            self.model.stop_training = True

    def show(self, row):
        self.bar.write(
            f"epoch {row['epoch']:5.1f}  {row['seconds']:5.0f} s  loss {row['loss']:.4f}  "
            f"validation Dice {row['val_dice_score']:.4f}"
        )
        sys.stdout.flush()


class Average(keras.callbacks.Callback):
    """An exponential moving average of all weights, in whose place the model stands while it is scored.

    After step ``n`` it forgets at least ``9 / (10 + n)`` of what it was, or its long memory would hold the start.
    """

    def __init__(self, decay, model, pace):
        super().__init__()
        self.decay, self.pace, self.weights = decay, pace, model.get_weights()

    def on_train_batch_end(self, batch, logs=None):
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()
        share = max(1 - self.decay, 9 / (10 + self.pace.step))
        for mean, now in zip(self.weights, self.model.get_weights()):
            mean += share * (now - mean)

    def swap(self):
        """Exchange the weights of the model and their average."""
        weights = self.model.get_weights()
        self.model.set_weights(self.weights)
        self.weights = weights

    def on_test_begin(self, logs=None):
        self.swap()

    def on_test_end(self, logs=None):
        self.swap()


class Checkpoint:
    """The best model so far and the state of the training, beside the name that the model will have."""

    def __init__(self, path, model, settings, cars, average=None):
        self.path, self.model, self.cars, self.average = Path(path), model, sorted(set(cars)), average
        check_suffix(path)
        self.best, self.state = self.path.with_suffix(".best-so-far.keras"), self.path.with_suffix(".resume.npz")
        self.settings = {name: str(value) for name, value in settings.items()}

    def lock(self):
        busy = f"Another training is writing {self.path} right now: wait for it, or choose another name."
        return locked(self.path, busy)

    def restore(self, callbacks):
        """Take up a training that was stopped; its history."""
        if not self.state.exists():
            return []
        with np.load(self.state) as state:
            told = json.loads(str(state["told"]))
            self._compare(told["settings"])
            for number, row in enumerate(told["history"], 1):  # the callbacks learn what they saw
                callbacks.on_epoch_end(number, dict(row))
            for number, variable in enumerate(self._variables()):
                variable.assign(state[f"variable_{number}"])
            for number, mean in enumerate(self._averages()):
                mean[...] = state[f"average_{number}"]
        self._keep_best(told["history"])  # it may have been stopped before it did
        return told["history"]

    def _compare(self, settings):
        names = self.settings.keys() | settings.keys()
        other = sorted(name for name in names if self.settings.get(name) != settings.get(name))
        if other:
            raise CourseError(
                f"{self.state} is from a training that was stopped, and that differs in its {', '.join(other)}. "
                "Make the same call to go on with it, or delete the file to start anew."
            )

    def save(self, history):
        """After a round: the state in one file, so that a kill finds the old one or the new one."""
        arrays = {f"variable_{n}": keras.ops.convert_to_numpy(value) for n, value in enumerate(self._variables())}
        arrays |= {f"average_{n}": mean for n, mean in enumerate(self._averages())}
        told = json.dumps({"settings": self.settings, "history": history})
        with replacing(self.state, room=sum(array.nbytes for array in arrays.values())) as temporary:
            np.savez(temporary, told=told, **arrays)
        self._keep_best(history)

    def _variables(self):
        return [*self.model.variables, *self.model.optimizer.variables]

    def _averages(self):
        return self.average.weights if self.average else []

    def _keep_best(self, history):
        scores = [row["val_dice_score"] for row in history]
        if scores[-1] == max(scores):
            save_model(self.model, self.best, self.cars, self._averages())

    def finish(self):
        """Give the best model its name, and its weights to ours; the next training under this name starts anew."""
        if self.best.exists():
            self.best.replace(self.path)
        self.state.unlink(missing_ok=True)
        self.model.set_weights(keras.saving.load_model(self.path, compile=False).get_weights())

    def what_is_left(self):
        old = f"{self.path} is as it was. " if self.path.exists() else ""
        best = f"The best model so far is {self.best}, ready to use." if self.best.exists() else ""
        return old + best


def check_suffix(path: str | os.PathLike) -> None:
    """Refuse with a `CourseError` the name of a model that does not end in ``.keras``."""
    if Path(path).suffix != ".keras":
        raise CourseError(f"{path}: the name of a model ends in .keras, e.g. models/unet.keras")


def save_model(
    model: keras.Model, path: str | os.PathLike, cars: Iterable[str] = (), weights: list[np.ndarray] = ()
) -> None:
    """Save a model without its optimizer, completely or not at all, and in it the ids of the cars it was trained on.

    ``weights`` are saved in place of its own, where there are any.
    """
    bare = type(model).from_config(model.get_config())
    bare.set_weights(weights or model.get_weights())
    with replacing(path, room=4 * model.count_params()) as temporary:
        bare.save(temporary)
        with zipfile.ZipFile(temporary) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        members["metadata.json"] = json.dumps(json.loads(members["metadata.json"]) | {"cars": sorted(cars)})
        with zipfile.ZipFile(temporary, "w") as archive:  # a member of its own would make Keras unpack it all
            for name, content in members.items():
                archive.writestr(name, content)


def _fingerprint(model, train, val, loss):
    """What a training must have in common with the one that it goes on with, by name."""
    return {
        "network": _digest(re.sub(r"_\d+'", "'", repr(model.get_config())).encode()),  # without numbers in names
        "start weights": _digest(*model.get_weights()),
        "optimizer": keras.optimizers.serialize(model.optimizer)["config"] | {"name": ""},
        "loss": _described(loss),
        "batches": (train.batch, train.seed, train.shuffle, train.steps, train.settings),
        "training data": _digest(train.images, train.masks),
        "validation data": _digest(*val),
    }


def _digest(*arrays):
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(str(np.shape(array)).encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def _described(loss):
    if isinstance(loss, functools.partial):
        return f"{_described(loss.func)} {loss.args} {loss.keywords}"
    return str(keras.losses.serialize(loss) if isinstance(loss, keras.losses.Loss) else loss.__name__)
