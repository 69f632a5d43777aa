"""Training: one `fit` with a schedule, checkpoints of the best validation Dice, and a way back after a stop."""

import json
import math
import time
from collections import namedtuple
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from utils import CourseError, replacing
from utils.augment import Batches
from utils.losses import bce_dice
from utils.metrics import dice_score

WARM_UP = 0.05  # share of the training over which the learning rate rises from 0

Budget = namedtuple("Budget", "device size base batch minutes")


def budget():
    """Settings that suit the machine: small and timed on a CPU, full size on a GPU.

    Returns
    -------
    Budget
        ``device`` ("CPU" or "GPU"), ``size`` (pixels), ``base`` (channels), ``batch``, ``minutes``.
    """
    return Budget("GPU", 256, 16, 16, 3.0) if has_gpu() else Budget("CPU", 128, 8, 16, 0.5)


def has_gpu():
    """Whether Keras' backend sees an accelerator."""
    try:
        return bool(keras.distribution.list_devices("gpu"))
    except (RuntimeError, ValueError, NotImplementedError):
        return False


def fit(
    model,
    train,
    val,
    epochs=None,
    minutes=None,
    batch=16,
    learning_rate=2e-3,
    schedule="cosine",
    loss=bce_dice,
    optimizer=None,
    augment=None,
    checkpoint=None,
    patience=None,
    seed=0,
    verbose=True,
):
    """Train a model on images and soft masks.

    Parameters
    ----------
    model : keras.Model
        Probabilities out, as in `utils.models`.
    train : (images, masks) or utils.augment.Batches
        uint8, ``(n, h, w, 3)`` and ``(n, h, w)``, 0-255.
    val : (images, masks)
        Scored after each epoch.
    epochs, minutes : int, float
        Give one of the two. ``minutes`` lays the cosine schedule out for that time, validation included.
    batch : int
    learning_rate : float
        The highest one, reached after a short warm-up.
    schedule : {"cosine", "plateau"}
        "cosine" falls to 0 at the end; "plateau" divides by 10 after 4 epochs without a better validation Dice.
    loss : callable
    optimizer : keras.optimizers.Optimizer, optional
        Adam by default.
    augment : dict, optional
        Settings of `utils.augment.transform`.
    checkpoint : path, optional
        ``NAME.keras``: holds the model with the best validation Dice so far; at the end the model has its weights.
        A training that is stopped goes on where it was when it is started again with the same settings.
    patience : int, optional
        Stop after that many epochs without a better validation Dice.
    seed : int
        Seeds order and augmentation. Seed the weights before building the model: `keras.utils.set_random_seed`.
    verbose : bool
        One line an epoch.

    Returns
    -------
    pandas.DataFrame
        A row an epoch: ``epoch, loss, dice_score, val_loss, val_dice_score, learning_rate, seconds``.

    Raises
    ------
    CourseError
        Neither or both of ``epochs`` and ``minutes``, or none above 0; nothing to train on; the loss is not a number;
        a checkpoint left by a training with other settings.

    Notes
    -----
    Taught in ``notebooks/05_train_a_unet.ipynb``.
    """
    length = epochs if minutes is None else minutes
    if None not in (epochs, minutes) or length is None or not 0 < length < math.inf:
        raise CourseError("Say how long to train: epochs=... or minutes=..., one of the two, above 0.")
    if checkpoint:
        check_suffix(checkpoint)
    if schedule not in ("cosine", "plateau"):
        raise CourseError(f'schedule="{schedule}" is not known: use "cosine" or "plateau".')
    batches = train if isinstance(train, Batches) else Batches(*train, batch=batch, seed=seed, **(augment or {}))
    if not len(batches) or not len(val[0]):
        raise CourseError("Nothing to train or to validate on: both need at least one image.")
    compile_model(model, loss, optimizer or keras.optimizers.Adam(learning_rate))

    settings = {"epochs": epochs, "minutes": minutes, "batch": batches.batch, "schedule": schedule, "seed": seed}
    settings |= {"learning_rate": learning_rate, "loss": getattr(loss, "__name__", str(loss))}
    settings |= {"augment": repr(batches.settings), "images": list(batches.images.shape)}
    settings |= {"model": model.name, "parameters": model.count_params()}
    run = Run(model, batches, settings, checkpoint)
    schedules = {
        "cosine": lambda: Cosine(run, learning_rate),
        "plateau": lambda: keras.callbacks.ReduceLROnPlateau("val_dice_score", 0.1, patience=4, mode="max"),
    }
    callbacks = [StopWatch(run), schedules[schedule](), Keeper(run, verbose)]
    if patience:
        callbacks.append(keras.callbacks.EarlyStopping("val_dice_score", patience=patience, mode="max"))
    model.fit(
        batches.endless(),
        steps_per_epoch=len(batches),
        shuffle=False,  # the batches are shuffled already
        validation_data=Batches(*val, batch=batch, shuffle=False),
        initial_epoch=len(run.history),
        epochs=epochs or 10**6,
        callbacks=callbacks,
        verbose=0,
    )
    run.finish()
    return pd.DataFrame(run.history)


def check_suffix(path):
    """Refuse with a `CourseError` the name of a model that does not end in ``.keras``."""
    if Path(path).suffix != ".keras":
        raise CourseError(f"{path}: the name of a model ends in .keras, e.g. models/unet.keras")


def compile_model(model, loss, optimizer):
    """Compile with Dice as the metric. On a CPU, TensorFlow is faster without XLA."""
    slow_jit = keras.backend.backend() == "tensorflow" and not has_gpu()
    model.compile(optimizer, loss, metrics=[dice_score], jit_compile=False if slow_jit else "auto")
    # What is not built by now Keras builds while it traces the first step, which it must then trace again.
    model.optimizer.build(model.trainable_variables)
    nothing = keras.ops.zeros((1, *model.output_shape[1:]))
    model.compute_metrics(None, nothing, nothing)
    model.reset_metrics()


class Run:
    """What a training must remember to go on after a stop: history, weights, the best model."""

    def __init__(self, model, batches, settings, checkpoint):
        self.model, self.batches, self.settings = model, batches, settings
        self.history = []
        self.checkpoint = Path(checkpoint) if checkpoint else None
        if self.checkpoint:
            self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
            self.weights = self.checkpoint.with_suffix(".resume.weights.h5")
            self.state = self.checkpoint.with_suffix(".resume.json")
            if self.state.exists():
                self._resume()
        self.start = time.perf_counter() - (self.history[-1]["seconds"] if self.history else 0)

    @property
    def seconds(self):
        return time.perf_counter() - self.start

    @property
    def progress(self):
        """Share of the training that is over, 0-1."""
        if self.settings["minutes"]:
            return min(1.0, self.seconds / (60 * self.settings["minutes"]))
        return min(1.0, int(self.model.optimizer.iterations) / (self.settings["epochs"] * len(self.batches)))

    def save(self):
        """After an epoch: the best model under its name, the rest beside it, each complete or not at all."""
        if not self.checkpoint:
            return
        scores = [row["val_dice_score"] for row in self.history]
        if scores[-1] == max(scores):
            save_model(self.model, self.checkpoint)
        with replacing(self.weights) as temporary:
            self.model.save_weights(temporary)
        with replacing(self.state) as temporary:
            temporary.write_text(json.dumps({"settings": self.settings, "history": self.history}))

    def finish(self):
        if self.checkpoint:
            best = keras.saving.load_model(self.checkpoint, compile=False)
            self.model.set_weights(best.get_weights())
            self.forget()

    def forget(self):
        """The next training under this name starts anew."""
        if self.checkpoint:
            self.state.unlink(missing_ok=True)
            self.weights.unlink(missing_ok=True)

    def _resume(self):
        state = json.loads(self.state.read_text())
        if state["settings"] != self.settings:
            raise CourseError(
                f"{self.state} is from a training that was stopped, with other settings: {state['settings']}. "
                "Use these to go on with it, or delete the file to start anew."
            )
        self.model.load_weights(self.weights)
        self.history = state["history"]
        self.batches.epoch = len(self.history)


class StopWatch(keras.callbacks.Callback):
    """Ends the training when its minutes are over, or when the loss is not a number."""

    def __init__(self, run):
        super().__init__()
        self.run = run

    def on_train_batch_end(self, batch, logs=None):
        if not math.isfinite(float(logs["loss"])):
            self.run.forget()  # it would only happen again
            raise CourseError(
                f"The loss became {float(logs['loss'])} at epoch {len(self.run.history) + 1}, step {batch + 1}. Train "
                "with a lower learning_rate; check that masks are 0-255 and not 0-1; leave mixed precision off."
            )
        if self.run.settings["minutes"] and self.run.progress >= 1:
            self.model.stop_training = True


class Cosine(keras.callbacks.Callback):
    """Learning rate: a linear warm-up, then half a cosine down to 0."""

    def __init__(self, run, highest):
        super().__init__()
        self.run, self.highest = run, highest

    def on_train_batch_begin(self, batch, logs=None):
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()  # within an epoch Keras keeps the optimizer's variables elsewhere
        done = self.run.progress
        falling = 0.5 * (1 + math.cos(math.pi * max(0.0, done - WARM_UP) / (1 - WARM_UP)))
        self.model.optimizer.learning_rate = self.highest * min(falling, max(done / WARM_UP, 0.01))


class Keeper(keras.callbacks.Callback):
    """Keeps the history, saves after each epoch, prints a line."""

    def __init__(self, run, verbose):
        super().__init__()
        self.run, self.verbose = run, verbose

    def on_epoch_end(self, epoch, logs=None):
        row = {name: float(value) for name, value in logs.items()}
        row["learning_rate"] = float(np.asarray(self.model.optimizer.learning_rate))
        self.run.history.append({"epoch": epoch + 1, **row, "seconds": round(self.run.seconds, 1)})
        self.run.save()
        if self.verbose:
            print(
                f"epoch {epoch + 1:3d}  {self.run.seconds:5.0f} s  loss {row['loss']:.4f}  "
                f"validation Dice {row['val_dice_score']:.4f}",
                flush=True,
            )


def save_model(model, path):
    """Save a model without its optimizer, completely or not at all."""
    bare = type(model).from_config(model.get_config())
    bare.set_weights(model.get_weights())
    with replacing(path) as temporary:
        bare.save(temporary)
