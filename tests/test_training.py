"""Training on shapes: it learns, keeps to its schedule and its time, keeps the best, and goes on after a kill."""

import functools
import itertools
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
import types
import zipfile

import keras
import numpy as np
import pytest
from fakes import redrawn

from utils import CourseError, data, inference, losses, metrics, models, training
from utils.augment import Batches

SIZE = (32, 48)
SAME_CALL = """
import sys
import numpy as np
from fakes import redrawn
from utils import models, training
from utils.augment import Batches
arrays = np.load(sys.argv[1])
training.fit(
    redrawn(models.unet((32, 48), base=4, levels=2), 1), Batches(arrays["x"], arrays["y"], 8, flip=0.5),
    (arrays["vx"], arrays["vy"]), checkpoint=sys.argv[2], epochs=6,
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


def net(base=4, seed=1):
    return redrawn(models.unet(SIZE, base=base, levels=2), seed)


def fit(model, sides, batch=8, seed=0, augment=None, **settings):
    train, val = sides
    batches = Batches(*train, batch, seed, **(augment or {}))
    return training.fit(model, batches, val, **{"verbose": False, **settings})


def adam(learning_rate):
    return keras.optimizers.Adam(learning_rate)


def tiny(channels=4, seed=0):
    """For what has nothing to do with the network."""
    return redrawn(models.baseline_cnn(SIZE, (channels,)), seed)


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


@pytest.mark.slow
def test_the_history_has_a_row_an_epoch(trained):
    history = trained[1]
    columns = ["epoch", "step", "loss", "dice_score", "val_loss", "val_dice_score", "learning_rate", "seconds"]
    assert sorted(history) == sorted(columns)
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert history["epoch"].dtype.kind == "i"  # whole epochs are drawn as such
    assert history["step"].tolist() == [14, 28, 42, 56, 70, 84]
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
    assert [line.split()[:2] for line in lines] == [["epoch", "1.0"], ["epoch", "2.0"]]
    fit(tiny(), few, epochs=2)
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_the_cosine_rises_over_a_twentieth_and_falls_to_nothing(few):
    rates = fit(tiny(), few, epochs=40, optimizer=adam(0.01))["learning_rate"].to_numpy() / 0.01
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
    loss = lambda truth, answer: keras.ops.mean(answer, axis=(1, 2, 3))  # noqa: E731
    fit(model, few, epochs=3, optimizer=keras.optimizers.SGD(0.5), loss=loss)
    places = np.arange(15) / 15
    falling = 0.5 * (1 + np.cos(np.pi * np.maximum(0, places - 0.05) / 0.95))
    rates = 0.5 * np.minimum(falling, np.maximum(0.01, places / 0.05))
    assert float(keras.ops.convert_to_numpy(layer.number)) == pytest.approx(-rates.sum(), rel=1e-4)


def test_the_plateau_divides_by_ten_after_four_epochs_without_progress(spoiled):
    model, sides = spoiled
    rates = fit(model, sides, epochs=6, schedule="plateau", optimizer=adam(3e-3))["learning_rate"]
    np.testing.assert_allclose(rates, [3e-3] * 5 + [3e-4], rtol=1e-4)


@pytest.mark.slow
def test_minutes_are_kept(few):
    start = time.perf_counter()
    history = fit(tiny(), few, minutes=0.05, rounds=2)
    assert 3 <= time.perf_counter() - start < 10
    assert 1.5 <= history["seconds"].iloc[0] <= history["seconds"].iloc[1] >= 3


@pytest.fixture
def clock(monkeypatch):
    """Each look at the clock takes 10 ms, and nothing else takes time."""
    ticks = itertools.count(0, 0.01)
    monkeypatch.setattr(training, "time", types.SimpleNamespace(perf_counter=lambda: next(ticks)))


@pytest.mark.slow
def test_with_minutes_there_are_ten_rounds_at_even_times(few, clock):
    history = fit(tiny(), few, minutes=0.1)
    np.testing.assert_allclose(history["seconds"], np.arange(0.6, 6.1, 0.6), atol=0.11)


def test_the_schedule_is_laid_out_for_the_minutes(few, clock):
    history = fit(tiny(), few, minutes=0.1, optimizer=adam(0.01))
    progress = (history["seconds"] / 6).to_numpy()
    expected = 0.005 * (1 + np.cos(math.pi * np.clip((progress - 0.05) / 0.95, 0, 1)))
    np.testing.assert_allclose(history["learning_rate"], expected, atol=2.5e-4)


def test_the_checkpoint_is_the_best_epoch_and_so_is_the_model(spoiled, tmp_path):
    model, sides = spoiled
    path = tmp_path / "new" / "best.keras"
    history = fit(model, sides, epochs=4, optimizer=adam(3e-3), checkpoint=path)
    assert history["val_dice_score"].argmax() == 0
    assert history["val_dice_score"].iloc[0] > history["val_dice_score"].iloc[-1] + 0.1
    best = inference.load_model(path)
    assert mean_dice(best, sides[1]) == pytest.approx(history["val_dice_score"].iloc[0], abs=1e-4)
    for weights, kept in zip(model.get_weights(), best.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, kept)
    assert [file.name for file in path.parent.iterdir()] == ["best.keras"]


def test_ema_leaves_the_average_of_the_weights_after_each_step(few, tmp_path):
    def learn(model, epochs, **settings):
        return fit(model, few, epochs=epochs, schedule="plateau", optimizer=adam(0.01), **settings)

    expected, path = tiny().get_weights(), tmp_path / "model.keras"
    for step, share in ((1, 9 / 11), (2, 9 / 12), (3, 0.7)):  # 1 - 0.3 is more than 9 / 13
        model = tiny()
        learn(model, step)
        expected = [mean + share * (now - mean) for mean, now in zip(expected, model.get_weights(), strict=True)]
    averaged = tiny()
    history = learn(averaged, 3, ema=0.3)
    for mean, found in zip(expected, averaged.get_weights(), strict=True):
        np.testing.assert_allclose(found, mean, atol=1e-5)
    assert mean_dice(averaged, few[1]) == pytest.approx(history["val_dice_score"].iloc[-1], abs=1e-4)
    assert any(abs(now - mean).max() > 1e-3 for mean, now in zip(expected, model.get_weights(), strict=True))
    best = learn(tiny(), 3, ema=0.3, checkpoint=path)["val_dice_score"].max()
    assert mean_dice(inference.load_model(path), few[1]) == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize("decay", [1, -0.1, 9.99])
def test_an_average_that_forgets_nothing_is_refused(few, decay):
    with pytest.raises(CourseError, match="0 .*below 1"):
        fit(tiny(), few, epochs=1, ema=decay)


def test_patience_stops_early(spoiled):
    model, sides = spoiled
    assert len(fit(model, sides, epochs=9, optimizer=adam(3e-3), patience=2)) == 3


@pytest.mark.slow
def test_seeds_repeat(sides):
    first, again = (fit(tiny(), sides, epochs=2, seed=3, augment={"shift": 0.1}) for _ in range(2))
    columns = ["loss", "val_loss", "val_dice_score"]
    other = fit(tiny(), sides, epochs=2, seed=4, augment={"shift": 0.1})
    assert (
        abs(first[columns] - again[columns]).max(axis=None) < abs(first[columns] - other[columns]).max(axis=None) / 10
    )


def test_no_batch_is_made_twice(few):
    asked = []

    class Noted(Batches):
        def at(self, step):
            asked.append(step)
            return super().at(step)

    training.fit(tiny(), Noted(*few[0], batch=4), few[1], epochs=6, rounds=1, verbose=False)
    made = [step for step in asked if step < 12]  # some of the following may be made ahead
    assert made == list(range(12))


@pytest.mark.slow
@pytest.mark.parametrize("rounds, steps", [(1, [12]), (4, [3, 6, 9, 12]), (5, [2, 5, 7, 10, 12])])
def test_rounds_are_even_shares_of_the_training(few, rounds, steps):
    model = tiny()
    history = fit(model, few, batch=2, epochs=3, rounds=rounds)
    assert history["step"].tolist() == steps
    assert int(model.optimizer.iterations) == 12


@pytest.mark.slow
def test_rounds_do_not_change_what_is_learned(few):
    one, four = tiny(), tiny()
    fit(one, few, epochs=4, rounds=1, batch=2)
    fit(four, few, epochs=4, rounds=4, batch=2)
    for weights, others in zip(one.get_weights(), four.get_weights(), strict=True):
        np.testing.assert_allclose(weights, others, atol=1e-6)


# --- stopped and taken up again ---------------------------------------------------------------------


@pytest.mark.slow
def test_a_killed_training_goes_on_as_if_nothing_had_happened(sides, trained, tmp_path, capfd):
    (x, y), (vx, vy) = sides
    np.savez(tmp_path / "arrays.npz", x=x, y=y, vx=vx, vy=vy)
    path = tmp_path / "model.keras"
    folders = os.pathsep.join([str(data.PROJECT), str(data.PROJECT / "tests")])
    environment = os.environ | {"PYTHONPATH": folders, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", SAME_CALL, str(tmp_path / "arrays.npz"), str(path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("epoch   3"):
                os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not path.exists()
    assert inference.load_model(path.with_suffix(".best-so-far.keras")).input_shape == (None, *SIZE, 3)

    model = net()
    history = fit(model, sides, checkpoint=path, epochs=6, augment={"flip": 0.5})
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert history["seconds"].is_monotonic_increasing
    columns = ["loss", "val_loss", "val_dice_score", "learning_rate"]
    np.testing.assert_allclose(history[columns], trained[1][columns], rtol=1e-3, atol=1e-5)
    assert [file.name for file in tmp_path.glob("*model*")] == ["model.keras"]


def interrupted(few, path, monkeypatch_context, **settings):
    plain = training.Pace.on_train_batch_end

    def stop(self, batch, logs=None):
        plain(self, batch, logs)
        if self.step == 3:
            raise KeyboardInterrupt

    with monkeypatch_context() as patch:
        patch.setattr(training.Pace, "on_train_batch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            fit(tiny(), few, checkpoint=path, **settings)


@pytest.fixture(scope="module")
def stopped_once(few, tmp_path_factory):
    path = tmp_path_factory.mktemp("stopped") / "model.keras"
    interrupted(few, path, pytest.MonkeyPatch.context, epochs=4)
    return path


@pytest.fixture
def stopped(stopped_once, tmp_path):
    """The name of a training of four epochs of one step that was stopped in the third."""
    shutil.copytree(stopped_once.parent, tmp_path / "copy")
    return tmp_path / "copy" / "model.keras"


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def changed(few, side, kind):
    """The same pairs but for one pixel of one image."""
    sides = [[array.copy() for array in pair] for pair in few]
    sides[side][kind][3, 0, 0] ^= 1
    return sides


@pytest.mark.parametrize("name, change", [
    ("epochs", {"epochs": 5}), ("minutes", {"epochs": None, "minutes": 1}), ("rounds", {"rounds": 2}),
    ("batches", {"batch": 4}), ("batches", {"seed": 1}), ("batches", {"augment": {"flip": 0.5}}),
    ("schedule", {"schedule": "plateau"}), ("patience", {"patience": 3}),
    ("optimizer", {"optimizer": keras.optimizers.Adam(1e-4)}), ("optimizer", {"optimizer": keras.optimizers.SGD(2e-3)}),
    ("ema", {"ema": 0.9}),
    ("loss", {"loss": losses.bce}), ("loss", {"loss": functools.partial(losses.boundary_bce_dice, width=5)}),
    ("start weights", {"seed_of_weights": 1}), ("network", {"channels": 8}),
    ("training data", {"pixel": (0, 0)}), ("training data", {"pixel": (0, 1)}),
    ("validation data", {"pixel": (1, 0)}), ("validation data", {"pixel": (1, 1)}),
], ids=lambda value: value if isinstance(value, str) else next(iter(value)))  # fmt: skip
def test_nothing_else_goes_on_with_it(few, stopped, name, change):
    settings = {"epochs": 4, **change}
    model = tiny(settings.pop("channels", 4), settings.pop("seed_of_weights", 0))
    sides = changed(few, *settings.pop("pixel")) if "pixel" in settings else few
    before = contents(stopped.parent)
    with pytest.raises(CourseError, match=f"model.resume.npz .*differs in its .*{name}.*delete the file"):
        fit(model, sides, checkpoint=stopped, **settings)
    assert contents(stopped.parent) == before


@pytest.mark.slow
def test_an_average_goes_on_where_it_was(few, tmp_path):
    again, whole = tmp_path / "again.keras", tmp_path / "whole.keras"
    interrupted(few, again, pytest.MonkeyPatch.context, epochs=4, ema=0.9)
    for one, other in zip(weights_of(few, again, ema=0.9), weights_of(few, whole, ema=0.9), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.slow
def test_the_same_partial_goes_on_and_another_does_not(few, tmp_path):
    def loss(width):
        return functools.partial(losses.boundary_bce_dice, width=width)

    path = tmp_path / "model.keras"
    interrupted(few, path, pytest.MonkeyPatch.context, epochs=4, loss=loss(5))
    with pytest.raises(CourseError, match="differs in its loss"):
        fit(tiny(), few, epochs=4, checkpoint=path, loss=loss(7))
    assert len(fit(tiny(), few, epochs=4, checkpoint=path, loss=loss(5))) == 4


def weights_of(few, path, **settings):
    model = tiny()
    fit(model, few, epochs=4, checkpoint=path, **settings)
    return model.get_weights()


def test_a_training_taken_up_again_ends_with_the_same_weights(few, stopped, tmp_path):
    for one, other in zip(weights_of(few, stopped), weights_of(few, tmp_path / "whole.keras"), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_kill_between_state_and_best_model_is_survived(few, stopped, tmp_path):
    best = stopped.with_suffix(".best-so-far.keras")
    best.unlink()  # the state is written first
    weights_of(few, stopped)
    assert inference.load_model(stopped).count_params() == tiny().count_params()


@pytest.mark.slow
def test_plateau_and_patience_go_on_where_they_were(spoiled, tmp_path):
    model, (train, val) = spoiled
    start, path = model.get_weights(), tmp_path / "model.keras"
    settings = {"epochs": 9, "schedule": "plateau", "patience": 6}

    def rates(**more):
        model = tiny()
        model.set_weights(start)
        history = fit(model, (train, val), optimizer=adam(3e-3), **settings, **more)
        return history["learning_rate"].round(6).tolist()

    whole = rates()
    assert whole == [3e-3] * 5 + [3e-4] * 2
    plain = training.Checkpoint.save

    def stop(self, history):
        plain(self, history)
        if len(history) == 3:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.Checkpoint, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            rates(checkpoint=path)
    assert rates(checkpoint=path) == whole


@pytest.mark.slow
def test_a_finished_training_starts_anew(few, stopped):
    history = fit(tiny(), few, epochs=4, checkpoint=stopped)
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert len(fit(tiny(), few, epochs=2, checkpoint=stopped)) == 2


@pytest.mark.slow
def test_an_old_model_stays_until_the_new_one_is_done(few, tmp_path):
    path = tmp_path / "model.keras"
    training.save_model(tiny(8), path)
    before = path.read_bytes()
    interrupted(few, path, pytest.MonkeyPatch.context, epochs=4)
    assert path.read_bytes() == before
    path.with_suffix(".resume.npz").unlink()
    with pytest.raises(CourseError, match="model.keras is as it was.*best model so far is .*best-so-far.keras"):
        fit(tiny(), few, epochs=4, checkpoint=path, loss=nan_loss)
    assert path.read_bytes() == before
    fit(tiny(), few, epochs=2, checkpoint=path)
    assert inference.load_model(path).count_params() == tiny().count_params()


@pytest.mark.slow
def test_two_trainings_do_not_write_one_model(few, tmp_path):
    path = tmp_path / "model.keras"
    code = "import sys, utils\nwith utils.locked(sys.argv[1], ''):\n    print('held', flush=True)\n    input()"
    command = [sys.executable, "-c", code, str(path)]
    environment = os.environ | {"PYTHONPATH": str(data.PROJECT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(CourseError, match="Another training is writing .*model.keras"):
            fit(tiny(), few, epochs=1, checkpoint=path)
        other.communicate("\n")
    assert len(fit(tiny(), few, epochs=1, checkpoint=path)) == 1


def test_the_model_carries_the_cars_it_was_trained_on(few, tmp_path):
    path = tmp_path / "model.keras"
    fit(tiny(), few, epochs=1, checkpoint=path, cars=["b", "a", "b"])
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("metadata.json"))["cars"] == ["a", "b"]
    assert inference.load_model(path).count_params() == tiny().count_params()


def test_a_given_optimizer_keeps_its_learning_rate(few):
    rates = fit(tiny(), few, epochs=1, optimizer=keras.optimizers.SGD(0.1), schedule="plateau")["learning_rate"]
    assert rates.tolist() == pytest.approx([0.1])


# --- refusals ---------------------------------------------------------------------------------------


def nan_loss(truth, probability):
    return losses.bce_dice(truth, probability) * math.nan


def test_nan_stops_with_advice(few):
    with pytest.raises(CourseError, match="became nan in epoch 1, by step 1.*lower learning rate.*0-255"):
        fit(tiny(), few, epochs=3, loss=nan_loss)


def test_after_nan_the_next_training_starts_anew(few, tmp_path):
    path = tmp_path / "model.keras"
    with pytest.raises(CourseError, match="became nan"):
        fit(tiny(), few, epochs=4, checkpoint=path, loss=nan_loss)
    assert not list(tmp_path.iterdir())
    assert len(fit(tiny(), few, epochs=1, checkpoint=path)) == 1


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


def test_the_budget_suits_the_machine(monkeypatch):
    monkeypatch.delenv("COURSE_BUDGET", raising=False)
    assert training.budget(1, gpu=2, quick=3) == (2 if training.has_gpu() else 1)
    monkeypatch.setattr(training, "has_gpu", lambda: True)
    assert [training.budget(1), training.budget(1, gpu=2), training.budget(0, quick=3)] == [1, 2, 0]
    monkeypatch.setenv("COURSE_BUDGET", "quick")
    assert [training.budget(1, gpu=2, quick=0), training.budget(1, gpu=2)] == [0, 2]
