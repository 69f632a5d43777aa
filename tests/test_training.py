"""Training on shapes: it learns, keeps to its schedule and its time, keeps the best, and goes on after a kill."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from utils import CourseError, data, inference, losses, metrics, models, replacing, training
from utils.augment import Batches

SIZE = (32, 48)
SAME_CALL = """
import sys
import keras, numpy as np
from utils import models, training
arrays = np.load(sys.argv[1])
keras.utils.set_random_seed(0)
training.fit(
    models.unet((32, 48), base=4, levels=2), (arrays["x"], arrays["y"]), (arrays["vx"], arrays["vy"]),
    checkpoint=sys.argv[2], epochs=6, batch=8, augment={"flip": 0.5},
)
"""


@pytest.fixture(scope="module")
def sides(shapes_root):
    """Images and masks of 7 cars for training and of one to validate on."""
    frame = data.open_data(shapes_root)
    return tuple(
        (np.array(data.load_images(side, SIZE)), np.array(data.load_masks(side, SIZE)))
        for side in (frame[:112], frame[112:])
    )


@pytest.fixture(scope="module")
def few(sides):
    """8 pairs for each side: one step an epoch."""
    return tuple((images[:8], masks[:8]) for images, masks in sides)


def net(base=4, seed=0):
    keras.utils.set_random_seed(seed)
    return models.unet(SIZE, base=base, levels=2)


def fit(model, sides, **settings):
    return training.fit(model, *sides, **{"batch": 8, "verbose": False, **settings})


def tiny(channels=4, seed=0):
    """For what has nothing to do with the network."""
    keras.utils.set_random_seed(seed)
    return models.baseline_cnn(SIZE, (channels,))


@pytest.fixture(scope="module")
def trained(sides):
    """A model after six epochs, its history, and what it was trained on."""
    model = net()
    return model, fit(model, sides, epochs=6, augment={"flip": 0.5})


@pytest.fixture(scope="module")
def trained_tiny(sides):
    """A tiny model after three epochs, its history, and the 13 pairs it was validated on."""
    model, val = tiny(), tuple(array[:13] for array in sides[1])
    return model, fit(model, (sides[0], val), epochs=3), val


@pytest.fixture
def spoiled(trained_tiny, sides):
    """A good model, and masks turned inside out: each epoch makes it worse."""
    model = tiny()
    model.set_weights(trained_tiny[0].get_weights())
    (images, masks), val = sides
    return model, ((images, 255 - masks), val)


def mean_dice(model, side):
    images, masks = side
    return metrics.dice(masks > 127, inference.probabilities(model, images) > 0.5).mean()


@pytest.mark.slow
def test_a_few_epochs_beat_any_answer_that_does_not_look(trained, sides):
    (_, masks), (_, truth) = sides
    mean = masks.mean(axis=0)
    blind = max(
        metrics.dice(truth > 127, np.broadcast_to(mean > level, truth.shape)).mean() for level in range(0, 250, 5)
    )
    assert 0.2 < blind < 0.7
    assert mean_dice(trained[0], sides[1]) > 0.9


def test_the_history_has_a_row_an_epoch(trained):
    history = trained[1]
    columns = ["epoch", "loss", "dice_score", "val_loss", "val_dice_score", "learning_rate", "seconds"]
    assert sorted(history) == sorted(columns)
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert history["seconds"].is_monotonic_increasing
    assert history["loss"].iloc[-1] < history["loss"].iloc[0] * 0.6


def test_the_validation_score_is_the_mean_over_all_images(trained_tiny):
    model, history, val = trained_tiny
    expected = mean_dice(model, val)
    assert 0.1 < expected < 0.999
    assert history["val_dice_score"].iloc[-1] == pytest.approx(expected, abs=1e-4)


def test_one_line_an_epoch(few, capsys):
    fit(tiny(), few, epochs=2, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["epoch", "1"], ["epoch", "2"]]
    fit(tiny(), few, epochs=2)
    assert capsys.readouterr().out == ""


def test_the_cosine_rises_over_a_twentieth_and_falls_to_nothing(few):
    rates = fit(tiny(), few, epochs=40, learning_rate=0.01)["learning_rate"].to_numpy() / 0.01
    np.testing.assert_allclose(rates[:4], [0.01, 0.5, 1, 0.9983], atol=1e-3)
    np.testing.assert_allclose(rates[21], 0.5, atol=1e-3)  # half-way between the twentieth and the end
    assert (np.diff(rates[2:]) < 0).all()
    assert rates[-1] < 0.01


class Slide(keras.layers.Layer):
    """One number, which any training with the loss below pushes down by the learning rate at each step."""

    def build(self, shape):
        self.number = self.add_weight(shape=(), initializer="zeros")

    def call(self, x):
        return 0 * x[..., :1] + self.number


def test_each_step_takes_the_learning_rate_of_its_place_in_the_schedule(sides):
    inputs = keras.Input((*SIZE, 3))
    layer = Slide()
    model = keras.Model(inputs, layer(inputs))
    few = [(images[:40], masks[:40]) for images, masks in sides]
    settings = {"loss": lambda truth, answer: keras.ops.mean(answer, axis=(1, 2, 3)), "learning_rate": 0.5}
    fit(model, few, epochs=3, optimizer=keras.optimizers.SGD(), **settings)
    places = np.arange(15) / 15
    falling = 0.5 * (1 + np.cos(np.pi * np.maximum(0, places - 0.05) / 0.95))
    rates = 0.5 * np.minimum(falling, np.maximum(0.01, places / 0.05))
    assert float(keras.ops.convert_to_numpy(layer.number)) == pytest.approx(-rates.sum(), rel=1e-4)


def test_the_plateau_divides_by_ten_after_four_epochs_without_progress(spoiled):
    model, sides = spoiled
    rates = fit(model, sides, epochs=6, schedule="plateau", learning_rate=3e-3)["learning_rate"]
    np.testing.assert_allclose(rates, [3e-3] * 4 + [3e-4] * 2, rtol=1e-4)


@pytest.mark.slow
def test_minutes_are_kept_and_the_schedule_is_laid_out_for_them(sides):
    start = time.perf_counter()
    history = fit(tiny(), sides, minutes=0.1, learning_rate=0.01)
    seconds = time.perf_counter() - start
    assert 6 <= seconds < 14
    assert len(history) > 2
    assert history["learning_rate"].iloc[-1] < 0.001
    middle = history.iloc[(history["seconds"] - 3.15).abs().argmin()]
    progress = min(1, middle["seconds"] / 6)
    expected = 0.005 * (1 + math.cos(math.pi * max(0, progress - 0.05) / 0.95))
    assert middle["learning_rate"] == pytest.approx(expected, abs=0.0025)


def test_the_checkpoint_is_the_best_epoch_and_so_is_the_model(spoiled, tmp_path):
    model, sides = spoiled
    path = tmp_path / "new" / "best.keras"
    history = fit(model, sides, epochs=4, learning_rate=3e-3, checkpoint=path)
    assert history["val_dice_score"].argmax() == 0
    assert history["val_dice_score"].iloc[0] > history["val_dice_score"].iloc[-1] + 0.1
    best = inference.load_model(path)
    assert mean_dice(best, sides[1]) == pytest.approx(history["val_dice_score"].iloc[0], abs=1e-4)
    for weights, kept in zip(model.get_weights(), best.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, kept)
    assert [file.name for file in path.parent.iterdir()] == ["best.keras"]


def test_patience_stops_early(spoiled):
    model, sides = spoiled
    assert len(fit(model, sides, epochs=9, learning_rate=3e-3, patience=2)) == 3


def test_seeds_repeat(sides):
    first, again = (fit(tiny(), sides, epochs=2, seed=3, augment={"shift": 0.1}) for _ in range(2))
    columns = ["loss", "val_loss", "val_dice_score"]
    other = fit(tiny(), sides, epochs=2, seed=4, augment={"shift": 0.1})
    assert (
        abs(first[columns] - again[columns]).max(axis=None) < abs(first[columns] - other[columns]).max(axis=None) / 10
    )


def test_batches_may_be_given(few):
    batches = Batches(*few[0], batch=4, seed=0, flip=0.5)
    model = tiny()
    assert len(fit(model, (batches, few[1]), epochs=2)) == 2
    assert int(model.optimizer.iterations) == 4


def test_no_batch_is_made_twice(few):
    asked = []

    class Noted(Batches):
        def __getitem__(self, index):
            asked.append((self.epoch, index))
            return super().__getitem__(index)

    fit(tiny(), (Noted(*few[0], batch=4), few[1]), epochs=3)
    made = asked.copy()  # the first of the next epochs may still be made ahead
    assert made[:6] == [(epoch, index) for epoch in range(3) for index in range(2)]
    assert len(made) == len(set(made))


# --- stopped and taken up again ---------------------------------------------------------------------


@pytest.mark.slow
def test_a_killed_training_goes_on_as_if_nothing_had_happened(sides, trained, tmp_path, capfd):
    (x, y), (vx, vy) = sides
    np.savez(tmp_path / "arrays.npz", x=x, y=y, vx=vx, vy=vy)
    path = tmp_path / "model.keras"
    environment = os.environ | {"PYTHONPATH": str(data.PROJECT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", SAME_CALL, str(tmp_path / "arrays.npz"), str(path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("epoch   3"):
                os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    left = json.loads(path.with_suffix(".resume.json").read_text())["history"]
    assert 3 <= len(left) < 6
    assert inference.load_model(path).input_shape == (None, *SIZE, 3)

    model = net(seed=99)
    history = fit(model, sides, checkpoint=path, epochs=6, augment={"flip": 0.5})
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert history[: len(left)].to_dict("records") == left
    assert history["seconds"].is_monotonic_increasing
    assert int(model.optimizer.iterations) == 6 * 14
    columns = ["loss", "val_loss", "val_dice_score", "learning_rate"]
    np.testing.assert_allclose(history[columns], trained[1][columns], rtol=0.05, atol=1e-5)
    assert [file.name for file in tmp_path.glob("*model*")] == ["model.keras"]


@pytest.fixture(scope="module")
def stopped_once(few, tmp_path_factory):
    path = tmp_path_factory.mktemp("stopped") / "model.keras"
    plain = training.Keeper.on_epoch_end

    def stop(self, epoch, logs=None):
        plain(self, epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.Keeper, "on_epoch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            fit(tiny(), few, epochs=4, checkpoint=path)
    return path


@pytest.fixture
def stopped(stopped_once, tmp_path):
    """The checkpoint of a training of four epochs that was stopped after two."""
    shutil.copytree(stopped_once.parent, tmp_path / "copy")
    return tmp_path / "copy" / "model.keras"


@pytest.mark.parametrize(
    "change",
    [{"epochs": 5}, {"epochs": None, "minutes": 1}, {"batch": 4}, {"seed": 1}, {"schedule": "plateau"},
     {"learning_rate": 1e-4}, {"augment": {"flip": 0.5}}, {"loss": losses.bce}, {"model": 8}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_other_settings_do_not_go_on_with_it(few, stopped, change):
    settings = {"epochs": 4, "checkpoint": stopped, **change}
    before = {file.name: file.read_bytes() for file in stopped.parent.iterdir()}
    with pytest.raises(CourseError, match="model.resume.json .*other settings.*delete the file"):
        fit(tiny(settings.pop("model", 4)), few, **settings)
    assert {file.name: file.read_bytes() for file in stopped.parent.iterdir()} == before


def test_the_momenta_go_on_too(few, stopped):
    model = tiny(seed=99)
    batches = Batches(*few[0], batch=8)
    training.compile_model(model, losses.bce_dice, keras.optimizers.Adam(2e-3))
    state = json.loads(stopped.with_suffix(".resume.json").read_text())
    training.Run(model, batches, state["settings"], stopped)
    moments = [value for value in model.optimizer.variables if "momentum" in value.path or "velocity" in value.path]
    assert moments
    assert all(abs(np.asarray(value)).max() > 0 for value in moments)
    assert int(model.optimizer.iterations) == 2
    assert batches.epoch == 2


def test_a_finished_training_starts_anew(few, stopped):
    history = fit(tiny(), few, epochs=4, checkpoint=stopped)
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert len(fit(tiny(), few, epochs=2, checkpoint=stopped)) == 2


def test_a_save_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "model.keras"
    training.save_model(tiny(), path)
    before = path.read_bytes()

    with pytest.raises(OSError, match="No space"), replacing(path) as temporary:
        temporary.write_text("half")
        raise OSError(28, "No space left on device")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# --- refusals ---------------------------------------------------------------------------------------


def bce_dice(truth, probability):
    return losses.bce_dice(truth, probability) * math.nan


def test_nan_stops_with_advice(few):
    with pytest.raises(CourseError, match="became nan at epoch 1, step 1.*lower learning_rate.*0-255"):
        fit(tiny(), few, epochs=3, loss=bce_dice)


def test_after_nan_the_next_training_starts_anew(few, stopped):
    with pytest.raises(CourseError, match="epoch 3, step 1"):
        fit(tiny(), few, epochs=4, checkpoint=stopped, loss=bce_dice)
    assert [file.name for file in stopped.parent.iterdir()] == ["model.keras"]
    assert len(fit(tiny(), few, epochs=1, checkpoint=stopped, learning_rate=1e-4)) == 1


@pytest.mark.parametrize(
    "settings",
    [{}, {"epochs": 1, "minutes": 1}, {"epochs": 0}, {"epochs": -1}, {"minutes": 0}, {"minutes": math.nan},
     {"minutes": math.inf}],
    ids=str,
)  # fmt: skip
def test_the_length_must_be_said_once(few, settings):
    with pytest.raises(CourseError, match="epochs=.* or minutes="):
        fit(tiny(), few, **settings)


def test_an_unknown_schedule_is_refused(few):
    with pytest.raises(CourseError, match='"step".*"cosine" or "plateau"'):
        fit(tiny(), few, epochs=1, schedule="step")


@pytest.mark.parametrize("side", [0, 1])
def test_nothing_to_train_or_validate_on_is_refused(few, side):
    empty = list(few)
    empty[side] = (few[side][0][:0], few[side][1][:0])
    with pytest.raises(CourseError, match="Nothing to train"):
        fit(tiny(), empty, epochs=1)


def test_a_checkpoint_must_be_a_keras_file(few, tmp_path):
    with pytest.raises(CourseError, match="model.h5.*ends in .keras"):
        fit(tiny(), few, epochs=1, checkpoint=tmp_path / "model.h5")


def test_the_budget_suits_the_machine():
    budget = training.budget()
    assert budget.device == ("GPU" if training.has_gpu() else "CPU")
    assert models.unet(budget.size, budget.base).output_shape == (None, budget.size, budget.size, 1)
