"""What renders are worth: by hand; the cars held out stay out; a run that was stopped goes on where it was."""

import math

import keras
import numpy as np
import pandas as pd
import pytest

from benchmarks import common, transfer
from utils import CourseError, data, models, training


@pytest.fixture
def cars(shapes_root):
    return sorted(data.open_data(shapes_root)["id"].unique())


@pytest.fixture
def small(tmp_path, monkeypatch, shapes_root, cars):
    """The benchmark on 6 of 8 cars, with a tiny network; each training is noted, left out, and stopped by hand.

    Dice is made up: it falls with the distance of the learning rate from the one named best for the start.
    """
    begun, scored = [], []

    def fit(model, train, val, epochs, optimizer, **settings):
        if len(begun) == fit.stop:
            raise KeyboardInterrupt
        batches = math.ceil(epochs * len(train))
        begun.append((model.get_weights(), train, float(optimizer.learning_rate), batches))
        model.compile(optimizer)
        optimizer.iterations.assign(batches)

    def evaluate(model, test):
        scored.append(set(test["id"]))
        return pd.DataFrame({"dice": [0.9 - abs(float(model.optimizer.learning_rate) - fit.best)]})

    fit.stop, fit.best = None, 1.5e-3
    network = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Conv2D(1, 3, activation="sigmoid")])
    training.save_model(network, tmp_path / "unet.keras", cars=["feed"])
    (tmp_path / "cars.txt").write_text("\n".join(cars[:6]))
    monkeypatch.setattr(transfer, "WEIGHTS", tmp_path / "unet.keras")
    monkeypatch.setattr(transfer, "RESULTS", tmp_path / "results" / "transfer.csv")
    monkeypatch.setattr(transfer, "CHOICES", tmp_path / "results" / "transfer_rates.csv")
    monkeypatch.setattr(transfer.training, "fit", fit)
    monkeypatch.setattr(transfer.evaluation, "evaluate", evaluate)
    monkeypatch.setattr(common, "gflops", lambda: 123.0)
    monkeypatch.setattr(transfer.plots, "FIGURES", tmp_path / "figures")
    arguments = ["--data", str(shapes_root), "--cars", str(tmp_path / "cars.txt"), "--steps", "7"]
    monkeypatch.setattr("sys.argv", ["transfer", *arguments])
    return begun, scored, fit, network


def test_a_run_goes_on_where_it_was_stopped(small, tmp_path, capsys):
    begun, _, fit, _ = small
    for fit.stop in (2, 8, 20):
        with pytest.raises(KeyboardInterrupt):
            transfer.main()
        assert len(pd.read_csv(transfer.CHOICES)) + len(common.read(transfer.RESULTS)) == fit.stop
    fit.stop = None
    transfer.main()
    table, tried = pd.read_csv(transfer.RESULTS), pd.read_csv(transfer.CHOICES)
    assert len(begun) == len(table) + len(tried) == 4 * 2 * 3 + 3 * 2 * 3  # 1, 2, 4, 6 cars; a choice for 2, 4, 6
    assert not table.duplicated(["start", "cars", "seed"]).any()
    assert not tried.duplicated(["start", "cars", "learning_rate"]).any()
    assert set(table["cars"]) == {1, 2, 4, 6} and set(table["learning_rate"]) == {1.5e-3}
    assert set(table["steps"]) == set(tried["steps"]) == {7} and set(table["gflops"]) == {123}
    assert (table["processor_seconds"] >= 0).all() and (tmp_path / "figures" / "bench_transfer.png").exists()
    assert capsys.readouterr().out.splitlines()[-1].startswith("6 labelled cars with renders are worth at most 1")
    transfer.main()
    assert len(begun) == 42 and pd.read_csv(transfer.RESULTS).equals(table)
    training.save_model(small[-1], transfer.WEIGHTS, cars=["new"])  # other weights, another table
    transfer.main()
    assert len(begun) == 2 * 42 == len(pd.read_csv(transfer.RESULTS)) + len(pd.read_csv(transfer.CHOICES))


def test_cars_held_out_are_in_no_training_and_in_no_choice(small, monkeypatch, shapes_root, cars):
    begun, scored, _, _ = small
    frame = data.open_data(shapes_root)
    photos = {car: data.load_images(frame[frame["id"] == car], 16) for car in cars}
    transfer.main()
    judged = len(pd.read_csv(transfer.CHOICES))
    assert [judges for judges in scored if judges & set(cars[6:])] == [set(cars[6:])] * (len(scored) - judged)
    for (_, batches, _, _), judges in zip(begun, scored, strict=True):
        seen = {car for car in cars if (batches.images == photos[car][0]).all((1, 2, 3)).any()}
        assert len(batches.images) == 16 * len(seen) and not seen & judges
        assert seen <= set(cars[:6]) and judges
        assert judges == set(cars[6:]) or len(judges) == 1  # a fifth of 2, 4 or 6 cars


def test_both_starts_differ_in_their_weights_alone(small):
    begun, _, _, network = small
    transfer.main()
    table = pd.read_csv(transfer.RESULTS)
    last = begun[-2:]  # all cars, the last seed
    assert table["start"].tolist()[-2:] == list(transfer.STARTS)
    for ours, theirs in zip(last[1][0], network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert any((ours != theirs).any() for ours, theirs in zip(last[0][0], network.get_weights()))
    assert last[0][2:] == last[1][2:] and (last[0][1].images == last[1][1].images).all()
    assert (last[0][1].seed, last[0][1].batch, last[0][1].settings) == (2, 8, transfer.AUGMENT) == (
        last[1][1].seed, last[1][1].batch, last[1][1].settings
    )  # fmt: skip
    assert len({weights[0].tobytes() for weights, *_ in begun}) == 1 + 3  # from renders, and new ones by the seed


def test_the_rate_with_the_best_dice_is_chosen_and_one_car_takes_that_of_two(small):
    begun, _, fit, _ = small
    fit.best = 4.5e-3
    transfer.main()
    table, tried = pd.read_csv(transfer.RESULTS), pd.read_csv(transfer.CHOICES)
    assert set(table["learning_rate"]) == {4.5e-3} and set(tried["cars"]) == {2, 4, 6}


def test_the_first_cars_of_a_seed_are_among_more_of_them():
    cars = [f"{number:x}" for number in range(20)]
    few, many, others = transfer.draw(cars, 4, 1), transfer.draw(cars, 16, 1), transfer.draw(cars, 4, 2)
    assert set(few) < set(many) <= set(cars) and len(set(many)) == 16 and set(few) != set(others)


def test_numbers_end_with_all_cars():
    assert transfer.numbers(range(206)) == [1, 2, 4, 8, 16, 64, 206]
    assert transfer.numbers(range(8)) == [1, 2, 4, 8] and transfer.numbers(range(14)) == [1, 2, 4, 8, 14]
    with pytest.raises(CourseError, match="one car"):
        transfer.numbers(range(1))


def test_worth_by_hand():
    scratch = pd.Series({1: 0.80, 4: 0.90, 16: 0.94, 64: 0.93, 256: 0.96})
    assert transfer.worth(scratch, 0.85) == pytest.approx(2)  # half way from 1 to 4, by doublings
    assert transfer.worth(scratch, 0.91) == pytest.approx(4 * 4**0.25)
    assert transfer.worth(scratch, 0.90) == 4 and transfer.worth(scratch, 0.96) == 256
    assert transfer.worth(scratch, 0.935) == pytest.approx(4 * 4**0.875)  # where it is first reached
    assert transfer.worth(scratch, 0.95) == pytest.approx(64 * 4 ** (2 / 3))
    assert transfer.worth(scratch, 0.80) == transfer.worth(scratch, 0.5) == 1
    assert transfer.worth(scratch, 0.9601) == math.inf


def test_the_sentence_says_where_the_curve_ends():
    scratch = pd.Series({1: 0.80, 4: 0.90, 16: 0.94})
    say = lambda **dice: transfer.sentence(scratch, pd.Series({int(n[1:]): d for n, d in dice.items()}))  # noqa: E731
    assert say(n1=0.7, n4=0.92, n16=0.99) == "4 labelled cars with renders are worth 8 without: Dice 0.9200"
    assert say(n4=0.7, n8=0.95) == (
        "8 labelled cars with renders are worth more than all 16 without: Dice 0.9500 against 0.9400"
    )
    assert say(n1=0.7) == "1 labelled car with renders is worth at most 1 without: Dice 0.7000 against 0.8000"


def test_weights_that_know_the_cars_are_refused(small, cars):
    training.save_model(small[-1], transfer.WEIGHTS, cars=[cars[0]])
    with pytest.raises(SystemExit, match="was trained on some of these cars"):
        common.run(transfer.main)


def test_a_list_that_holds_nothing_out_is_refused(small, tmp_path, cars):
    (tmp_path / "cars.txt").write_text("\n".join(cars))
    with pytest.raises(SystemExit, match="names every car"):
        common.run(transfer.main)


@pytest.mark.slow
def test_it_trains_scores_and_draws_in_earnest(tmp_path, monkeypatch, shapes_root):
    keras.utils.set_random_seed(0)
    training.save_model(models.unet(16, 2, 1), tmp_path / "unet.keras")
    monkeypatch.setattr(transfer, "WEIGHTS", tmp_path / "unet.keras")
    monkeypatch.setattr(transfer, "RESULTS", tmp_path / "transfer.csv")
    monkeypatch.setattr(transfer, "CHOICES", tmp_path / "transfer_rates.csv")
    monkeypatch.setattr(transfer, "NUMBERS", (1,))
    monkeypatch.setattr(transfer, "SEEDS", (0,))
    monkeypatch.setattr(transfer, "RATES", (1e-3,))
    monkeypatch.setattr(common, "SIDE", 64)
    monkeypatch.setattr(transfer.plots, "FIGURES", tmp_path)
    monkeypatch.setattr("sys.argv", ["transfer", "--data", str(shapes_root), "--steps", "5"])
    transfer.main()
    table = pd.read_csv(transfer.RESULTS)
    assert table["cars"].tolist() == [1, 1, 6, 6] and set(table["steps"]) == {5}
    assert table["dice"].between(0, 1).all() and (table[["processor_seconds", "gflops"]] > 0).all(axis=None)
