"""Each command: what it writes, what it prints, and that a mistake ends with a sentence and exit code 2."""

import json
import os
import signal
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
import shapes
from fakes import fake_onnx
from PIL import Image, JpegImagePlugin

import utils
from utils import compose, data, evaluation, inference, models, training
from utils.__main__ import main
from utils.augment import STRONG

COMMANDS = ["download", "train", "evaluate", "predict", "submit", "export"]


@pytest.fixture(scope="module")
def model(tmp_path_factory, shapes_root):
    """Trained by the command line itself, on the shapes."""
    path = tmp_path_factory.mktemp("models") / "new" / "unet.keras"
    assert main(["train", "--size", "64", "--epochs", "3", "--data", str(shapes_root), "--out", str(path)]) == 0
    return str(path)


@pytest.fixture
def photo(tmp_path):
    Image.fromarray(shapes.draw(shapes.car_id(0), 1)[0]).save(tmp_path / "car.jpg", quality=95)
    return str(tmp_path / "car.jpg")


def refused(capsys, *arguments):
    """The one line that a mistake is answered with."""
    assert main([str(argument) for argument in arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("error: ")
    assert len(lines) == 1
    assert ": None" not in lines[-1]
    return lines[-1]


def misused(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    assert caught.value.code == 2
    return capsys.readouterr().err


# --- help -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert f"example: python -m utils {command} " in " ".join(capsys.readouterr().out.split())


def test_help_starts_at_once():
    environment = os.environ | {"PYTHONPATH": str(data.PROJECT)}
    command = [sys.executable, "-X", "importtime", "-m", "utils"]

    def shown(*arguments):
        return subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, check=True)

    assert all(command in shown("--help").stdout for command in COMMANDS)
    trace = shown("train", "--help").stderr.splitlines()
    imported = {line.split("|")[-1].strip() for line in trace if line.startswith("import time:")}
    assert "argparse" in imported and len(imported) < 300  # NumPy alone brings more than a hundred
    assert not imported & {"tensorflow", "keras", "numpy", "pandas"}


@pytest.mark.parametrize(
    "arguments",
    [[], ["fly"], ["train"], ["evaluate"], ["predict"], ["export", "a.keras"],
     ["train", "--out", "a.keras", "--size", "big"],
     ["train", "--out", "a.keras", "--epochs", "0"], ["train", "--out", "a.keras", "--minutes", "-1"],
     ["train", "--out", "a.keras", "--minutes", "inf"], ["train", "--out", "a.keras", "--base", "0"],
     ["train", "--out", "a.keras", "--epochs", "1", "--minutes", "1"], ["train", "--out", "a.keras", "--seed", "-1"],
     ["train", "--out", "a.keras", "--model", "resnet"], ["train", "--out", "a.keras", "--seed", "99999999999"]],
    ids=" ".join,
)  # fmt: skip
def test_misuse_shows_the_usage(arguments, capsys):
    assert "usage: python -m utils" in misused(capsys, *arguments)


# --- train ------------------------------------------------------------------------------------------


def test_train_says_what_it_does_and_saves_a_model_that_works(shapes_root, tmp_path, capsys):
    out = tmp_path / "cnn.keras"
    arguments = ["--size", "32", "--epochs", "2", "--data", str(shapes_root), "--out", str(out)]
    assert main(["train", "--model", "baseline_cnn", *arguments]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == [f"{shapes_root}: 6 cars, 96 images for training", "1 cars for validation"]
    assert [line.split()[:2] for line in printed[2:4]] == [["epoch", "0.2"], ["epoch", "0.4"]]
    assert printed[-1] == f"saved {out}"
    assert inference.load_model(out).name == "baseline_cnn"


@pytest.fixture
def untrained(monkeypatch):
    """What the command line asks `fit` for, one (model, train, val, settings) a call; nothing is trained."""
    calls = []
    monkeypatch.setattr(training, "fit", lambda *sides, **settings: calls.append((*sides, settings)))
    return calls


@pytest.mark.parametrize(
    "options, build",
    [
        (["unet", "--stem", "2", "--base", "4"], lambda: models.unet(64, 4, stem=2)),
        (["unet", "--stem", "4"], lambda: models.unet(64, 24, stem=4)),
        (["carvana_unet", "--base", "2"], lambda: models.carvana_unet(64, 2)),
        (["trans_unet", "--base", "2"], lambda: models.trans_unet(64, 2)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_train_builds_the_network_asked_for(options, build, shapes_root, tmp_path, untrained):
    settings = ["--size", "64", "--data", str(shapes_root), "--out", str(tmp_path / "a.keras")]
    assert main(["train", "--model", *options, *settings]) == 0
    ((model, *_),) = untrained
    expected = build()
    assert model.name == expected.name
    assert [layer.output.shape for layer in model.layers] == [layer.output.shape for layer in expected.layers]


@pytest.mark.parametrize(
    "options, expected",
    [([], {"flip": 0.5}), (["--augment", "flip"], {"flip": 0.5}), (["--augment", "strong"], STRONG)],
)
def test_train_augments_as_told(options, expected, shapes_root, tmp_path, untrained):
    arguments = ["--size", "32", "--base", "2", "--data", str(shapes_root), "--out", str(tmp_path / "a.keras")]
    assert main(["train", *arguments, *options]) == 0
    assert untrained[0][1].settings == expected


def test_train_goes_on_from_a_model_at_another_size(shapes_root, tmp_path, untrained):
    start = models.unet(32, base=2)
    training.save_model(start, tmp_path / "start.keras")
    arguments = ["--size", "64", "--data", str(shapes_root), "--out", str(tmp_path / "a.keras")]
    assert main(["train", "--base", "2", "--start", str(tmp_path / "start.keras"), *arguments]) == 0
    ((model, *_),) = untrained
    assert model.input_shape == (None, 64, 64, 3)
    for ours, theirs in zip(model.get_weights(), start.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    main(["train", "--base", "2", *arguments])
    main(["train", "--base", "2", "--learning-rate", "5e-3", *arguments])
    rates = [float(settings["optimizer"].learning_rate) for *_, settings in untrained]
    assert rates[0] < rates[1] < rates[2] == pytest.approx(5e-3)


def test_train_goes_on_with_the_same_network_only(shapes_root, tmp_path, capsys):
    training.save_model(models.unet(32, base=2), tmp_path / "start.keras")
    settings = ["--size", "32", "--data", str(shapes_root), "--out", str(tmp_path / "a.keras")]
    line = refused(capsys, "train", "--start", str(tmp_path / "start.keras"), *settings)
    assert "start.keras holds a unet" in line and "--base" in line
    assert not (tmp_path / "a.keras").exists()


def test_train_goes_on_from_a_keras_model_only(shapes_root, tmp_path, capsys):
    fake_onnx(tmp_path / "start.onnx")
    settings = ["--size", "32", "--data", str(shapes_root), "--out", str(tmp_path / "a.keras")]
    assert "give the .keras file" in refused(capsys, "train", "--start", tmp_path / "start.onnx", *settings)


def test_train_takes_exactly_the_cars_of_the_file(shapes_root, tmp_path, untrained):
    cars = [shapes.car_id(car) for car in (1, 3, 4)]
    (tmp_path / "cars.txt").write_text("\ufeff" + "\r\n".join(cars) + "\r\n\r\n", encoding="utf-8")
    arguments = ["--size", "32", "--base", "2", "--data", shapes_root, "--out", tmp_path / "a.keras"]
    assert main(["train", "--cars", str(tmp_path / "cars.txt"), *map(str, arguments)]) == 0
    _, batches, (validation_images, _), settings = untrained[0]
    frame = data.select_cars(data.open_data(shapes_root), cars)
    expected = np.array(data.load_images(frame, 32))
    found = np.concatenate([batches.images, validation_images])
    assert len(validation_images) == 16 and len(set(settings["cars"]) & set(cars)) == 2
    assert sorted(map(bytes, found)) == sorted(map(bytes, expected))


def test_train_takes_several_folders(shapes_root, tmp_path, untrained, capsys):
    more = shapes.write_data(tmp_path / "more", cars=3, views=2)
    arguments = ["--size", "32", "--base", "2", "--data", shapes_root, "--data", more, "--out", tmp_path / "a.keras"]
    assert main(["train", *map(str, arguments)]) == 0
    _, batches, (validation_images, _), settings = untrained[0]
    train, val, test = data.split_by_car(data.open_data(shapes_root))
    ours, theirs = data.split_by_car(data.open_data(more), val=0.02, test=0)[:2]
    expected = [
        np.concatenate([data.load_images(part, 32) for part in side]) for side in ((train, ours), (val, theirs))
    ]
    assert [len(side) for side in expected] == [96 + 4, 16 + 2]
    np.testing.assert_array_equal(batches.images, expected[0])
    np.testing.assert_array_equal(validation_images, expected[1])
    assert set(settings["cars"]) == {*train["id"], *ours["id"]} and not set(settings["cars"]) & set(test["id"])
    assert f"{more}: 2 cars, 4 images for training" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--size", "100"], "multiples of 16"),
        (["--size", "0"], "multiples of 16"),
        (["--size", "96", "--stem", "4"], "multiples of 64"),
        (["--stem", "3"], "stem=3"),
        (["--model", "trans_unet", "--stem", "4"], "trans_unet has no --stem"),
        (["--model", "baseline_cnn", "--base", "8"], "baseline_cnn has no --base"),
        (["--data", "nowhere"], "nowhere/train"),
        (["--cars", "nowhere.txt"], "nowhere.txt"),
        (["--out", "model.h5"], "model.h5"),
        (["--out", "{file}/model.keras"], "{file}"),
        (["--cars", "{empty}"], "{empty} names no car"),
        (["--cars", "{binary}"], "{binary}"),
        (["--cars", "{strangers}"], "e.g. stranger"),
        (["--cars", "{single}"], "1 car"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_train_refuses(shapes_root, tmp_path, capsys, arguments, words):
    contents = {
        "file": b"", "empty": b" \n\n", "binary": b"\xff\xfe\x00", "single": shapes.car_id(0).encode(),
        "strangers": f"{shapes.car_id(0)}\nstranger\n".encode(),
    }  # fmt: skip
    places = {name: tmp_path / name for name in contents}
    for name, content in contents.items():
        places[name].write_bytes(content)
    settings = {"--data": shapes_root, "--out": tmp_path / "model.keras", "--epochs": 1, "--size": 64}
    settings |= dict(zip(arguments[::2], (argument.format(**places) for argument in arguments[1::2]), strict=True))
    line = refused(capsys, "train", *(part for pair in settings.items() for part in pair))
    assert words.format(**places) in line
    assert not (tmp_path / "model.keras").exists()


# --- evaluate ---------------------------------------------------------------------------------------


def test_evaluate_prints_and_writes_the_scores(model, shapes_root, tmp_path, capsys):
    cars = [shapes.car_id(2), shapes.car_id(5)]
    (tmp_path / "cars.txt").write_text("\n".join(cars))
    scores = tmp_path / "new" / "scores.json"
    command = ["evaluate", model, "--data", shapes_root, "--cars", tmp_path / "cars.txt", "--tta", "--json", scores]
    assert main([str(part) for part in command]) == 0
    printed = capsys.readouterr().out.splitlines()
    frame = data.select_cars(data.open_data(shapes_root), cars)
    expected = evaluation.evaluate(inference.load_model(model), frame, tta=True)
    assert printed.pop(0).startswith("2 of these 2 cars were trained on")
    assert printed[0] == f"{shapes_root}: 2 cars, 32 images"
    names = ["dice", "iou", "precision", "recall", "specificity", "accuracy"]
    for name, line in zip(names, printed[1:7], strict=True):
        assert line.split() == [name, f"{expected[name].mean():.5f}"]
    worst = expected.sort_values("dice")[:5]
    assert [line.split()[0] for line in printed[-5:]] == [f"{row.id}_{row.view:02d}" for row in worst.itertuples()]
    written = json.loads(scores.read_text())
    assert written["mean"]["dice"] == pytest.approx(expected["dice"].mean())
    assert {image["id"] for image in written["images"]} == set(cars)
    assert len(written["images"]) == 32
    assert expected["dice"].mean() > 0.5


def test_evaluate_says_first_which_cars_were_trained_on(model, shapes_root, tmp_path, capsys):
    """Models that name their cars, of which none, some or all are scored; together they have seen what each has."""
    (tmp_path / "scored.txt").write_text("\n".join(shapes.car_id(number) for number in (2, 5, 6)))
    cars = {"others": [0, 1], "one": [1, 5], "two": [2, 5]}
    paths = {name: str(tmp_path / f"{name}.keras") for name in cars}
    for name, path in paths.items():
        with zipfile.ZipFile(path, "w") as new, zipfile.ZipFile(model) as old:
            for member in set(old.namelist()) - {"metadata.json"}:
                new.writestr(member, old.read(member))
            new.writestr("metadata.json", json.dumps({"cars": [shapes.car_id(number) for number in cars[name]]}))

    def first_line(*names):
        rest = ["--data", str(shapes_root), "--cars", str(tmp_path / "scored.txt")]
        assert main(["evaluate", *(paths[name] for name in names), *rest]) == 0
        return capsys.readouterr().out.splitlines()[0]

    said = "of these 3 cars were trained on: the scores are no estimate for new cars."
    assert first_line("others") == f"{shapes_root}: 3 cars, 48 images"
    assert first_line("one") == f"1 {said}"
    assert first_line("one", "two") == f"2 {said}"


def test_evaluate_scores_the_test_split_by_default(model, shapes_root, tmp_path, capsys):
    assert main(["evaluate", model, "--data", str(shapes_root), "--json", str(tmp_path / "scores.json")]) == 0
    found = {image["id"] for image in json.loads((tmp_path / "scores.json").read_text())["images"]}
    assert found == set(data.split_by_car(data.open_data(shapes_root))[2]["id"])


@pytest.mark.parametrize("command", ["evaluate", "submit"])
def test_tta_answers_to_its_first_name_and_shows_one(command, capsys):
    from utils.__main__ import _parser

    options = ["a.keras", "--out", "a.csv.gz"] if command == "submit" else ["a.keras"]
    assert [_parser().parse_args([command, *options, *extra]).tta for extra in ([], ["--tta"], ["--flip"])] == [0, 1, 1]
    with pytest.raises(SystemExit):
        main([command, "--help"])
    shown = capsys.readouterr().out
    assert "--tta" in shown and "--flip" not in shown


@pytest.mark.slow
def test_several_models_are_an_ensemble(model, photo, shapes_root, tmp_path, capsys):
    other = str(tmp_path / "other.keras")
    models.baseline_cnn(32, (4,)).save(other)
    both = [inference.load_model(path) for path in (model, other)]
    assert main(["evaluate", model, other, "--data", str(shapes_root)]) == 0
    scores = evaluation.evaluate(both, data.split_by_car(data.open_data(shapes_root))[2])
    assert capsys.readouterr().out.splitlines()[1] == f"dice        {scores['dice'].mean():.5f}"
    assert main(["predict", photo, "--model", model, "--model", other, "--out", str(tmp_path / "cut")]) == 0
    found = np.asarray(Image.open(tmp_path / "cut" / "car_cutout.png"))[..., 3]
    alphas = [compose.clean_edge(next(inference.predict(each, [photo]))) * 255 for each in (both, both[0])]
    np.testing.assert_allclose(found, alphas[0], atol=0.51)
    assert abs(found - alphas[1]).max() > 5
    assert "other" in refused(capsys, "evaluate", model, tmp_path / "other", "--data", shapes_root)


def test_evaluate_refuses(model, shapes_root, tmp_path, capsys):
    (tmp_path / "text.keras").write_text("not a model")
    (tmp_path / "strangers").write_text("stranger")
    rest = ["--data", shapes_root]
    assert "nowhere.keras" in refused(capsys, "evaluate", "nowhere.keras", *rest)
    assert "text.keras is not a Keras model" in refused(capsys, "evaluate", tmp_path / "text.keras", *rest)
    assert "nowhere" in refused(capsys, "evaluate", model, "--data", "nowhere")
    assert "stranger" in refused(capsys, "evaluate", model, *rest, "--cars", tmp_path / "strangers")
    blocked = tmp_path / "strangers" / "scores.json"
    assert str(tmp_path / "strangers") in refused(capsys, "evaluate", model, *rest, "--json", blocked)


def test_scores_that_do_not_fit_on_the_disk_leave_those_before(model, shapes_root, full_disk, tmp_path, capsys):
    scores = full_disk / "scores.json"
    scores.write_text("{}")
    (tmp_path / "cars.txt").write_text(f"{shapes.car_id(2)} {shapes.car_id(5)}")
    rest = ["--data", shapes_root, "--cars", tmp_path / "cars.txt", "--json", scores]
    assert f"No room for {scores}" in refused(capsys, "evaluate", model, *rest)
    assert scores.read_text() == "{}" and len(list(full_disk.iterdir())) == 2


# --- predict ----------------------------------------------------------------------------------------


def test_predict_writes_mask_and_cutout_at_the_size_of_the_photo(model, photo, tmp_path, capsys):
    assert main(["predict", photo, "--model", model, "--out", str(tmp_path / "new" / "cut")]) == 0
    assert capsys.readouterr().out == f"{photo} -> car_mask.png, car_cutout.png\n"
    assert sorted(path.name for path in (tmp_path / "new" / "cut").iterdir()) == ["car_cutout.png", "car_mask.png"]
    mask = np.asarray(Image.open(tmp_path / "new" / "cut" / "car_mask.png"))
    cutout = np.asarray(Image.open(tmp_path / "new" / "cut" / "car_cutout.png"))
    (probability,) = inference.predict(inference.load_model(model), [photo])
    np.testing.assert_array_equal(mask, (probability > 0.5) * 255)
    assert cutout.shape == (64, 96, 4)
    np.testing.assert_array_equal(cutout[..., :3], np.asarray(Image.open(photo)))
    np.testing.assert_allclose(cutout[..., 3], compose.clean_edge(probability) * 255, atol=1)


def test_predict_puts_the_car_on_a_background(model, photo, tmp_path):
    Image.new("RGB", (300, 50), (0, 0, 255)).save(tmp_path / "sky.png")
    arguments = ["predict", photo, "--model", model, "--out", tmp_path / "cut", "--background", tmp_path / "sky.png"]
    assert main([str(argument) for argument in arguments]) == 0
    assert sorted(path.name for path in (tmp_path / "cut").iterdir()) == ["car_composite.jpg", "car_mask.png"]
    found = np.asarray(Image.open(tmp_path / "cut" / "car_composite.jpg")).astype(int)
    (probability,) = inference.predict(inference.load_model(model), [photo])
    assert found.shape == (64, 96, 3)
    with Image.open(tmp_path / "cut" / "car_composite.jpg") as image:
        assert JpegImagePlugin.get_sampling(image) == 0  # 4:4:4
        assert max(max(table) for table in image.quantization.values()) <= 12  # quality 95
    alpha = compose.clean_edge(probability)[..., None]
    expected = alpha * np.asarray(Image.open(photo)) + (1 - alpha) * (0, 0, 255)
    assert abs(found - expected).mean() < 2
    assert abs(expected - np.asarray(Image.open(photo))).mean() > 30


def test_predict_takes_folders_and_photos(model, photo, tmp_path, capsys):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("b.PNG", "a.jpeg"):
        Image.fromarray(shapes.draw(name, 1)[0]).save(folder / name)
    (folder / "notes.txt").write_text("not a photo")
    assert main(["predict", str(folder), photo, "--model", model, "--out", str(tmp_path / "cut")]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [Path(line.split(" ->")[0]).name for line in printed] == ["a.jpeg", "b.PNG", "car.jpg"]
    assert len(list((tmp_path / "cut").iterdir())) == 6


def test_predict_shows_how_far_it_is(tmp_path, monkeypatch):
    bars, plain = [], utils.progress

    def progress(*arguments, **settings):
        bar = plain(*arguments, **settings)
        bars.extend([] if bar.disable else [bar])
        return bar

    monkeypatch.setattr(utils, "progress", progress)
    for number in range(3):
        Image.fromarray(shapes.draw(str(number), 1)[0]).save(tmp_path / f"{number}.png")
    model = fake_onnx(tmp_path / "fake.onnx")
    assert main(["predict", str(tmp_path), "--model", str(model), "--out", str(tmp_path / "cut")]) == 0
    assert [(bar.n, bar.total, bar.unit) for bar in bars] == [(3, 3, "photo")]


def test_predict_refuses(model, photo, tmp_path, capsys):
    rest = ["--model", model, "--out", tmp_path / "cut"]
    text, cut, empty, twin = (tmp_path / name for name in ("text.jpg", "cut.jpg", "empty", "twin/car.png"))
    text.write_text("not a photo")
    cut.write_bytes(Path(photo).read_bytes()[:-300])
    empty.mkdir()
    twin.parent.mkdir()
    Image.open(photo).save(twin)
    assert "gone.jpg" in refused(capsys, "predict", tmp_path / "gone.jpg", *rest)
    assert "text.jpg" in refused(capsys, "predict", text, *rest)
    assert "cut.jpg is damaged" in refused(capsys, "predict", cut, *rest)
    assert "No photo in" in refused(capsys, "predict", empty, *rest)
    assert "named car" in refused(capsys, "predict", photo, twin, *rest)
    assert "text.jpg" in refused(capsys, "predict", photo, *rest, "--background", text)
    assert "gone.keras" in refused(capsys, "predict", photo, "--out", tmp_path / "cut", "--model", "gone.keras")
    assert "car.jpg" in refused(capsys, "predict", photo, "--model", model, "--out", photo)
    assert not (tmp_path / "cut").exists() or not list((tmp_path / "cut").iterdir())


def test_predict_averages_and_thresholds_as_told(photo, tmp_path):
    model = fake_onnx(tmp_path / "fake.onnx")
    options = ["--model", str(model), "--out", str(tmp_path / "cut"), "--tta", "--threshold", "0.3"]
    assert main(["predict", photo, *options]) == 0
    (probability,) = inference.predict(inference.load_model(model), [photo], tta=True)
    mask, cutout = (np.asarray(Image.open(tmp_path / "cut" / f"car_{kind}.png")) for kind in ("mask", "cutout"))
    np.testing.assert_array_equal(mask, (probability > 0.3) * 255)
    np.testing.assert_allclose(cutout[..., 3], compose.clean_edge(probability) * 255, atol=0.51)
    assert 0.05 < (mask > 0).mean() < 0.95 and np.any((probability > 0.3) != (probability > 0.5))


@pytest.mark.parametrize("background", [False, True])
def test_predict_finds_a_finer_edge_and_the_cars_own_colours(photo, tmp_path, background):
    model, sky = fake_onnx(tmp_path / "fake.onnx"), tmp_path / "sky.png"
    Image.new("RGB", (96, 64), (0, 0, 255)).save(sky)
    options = ["--model", str(model), "--out", str(tmp_path), "--matte", *(["--background", str(sky)] * background)]
    assert main(["predict", photo, *options]) == 0
    (probability,), image = inference.predict(inference.load_model(model), [photo]), data.read_image(photo)
    alpha = compose.matte(image, probability)
    colours = compose.estimate_foreground(image, alpha)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "car_mask.png")), (probability > 0.5) * 255)
    if background:
        found = np.asarray(Image.open(tmp_path / "car_composite.jpg")).astype(int)
        assert abs(found - compose.composite(colours, alpha, np.asarray(Image.open(sky)))).mean() < 3
    else:
        found = np.asarray(Image.open(tmp_path / "car_cutout.png"))
        np.testing.assert_array_equal(found, compose.cutout(colours, alpha))
        assert np.any(found[..., 3] != np.rint(probability * 255))


def test_predict_refuses_a_model_of_another_kind(photo, tmp_path, capsys):
    inputs = keras.Input((8, 8, 1))
    keras.Model(inputs, keras.layers.Conv2D(2, 1)(inputs)).save(tmp_path / "other.keras")
    assert "other.keras maps" in refused(
        capsys, "predict", photo, "--model", tmp_path / "other.keras", "--out", tmp_path / "cut"
    )


@pytest.mark.parametrize(
    "write, words",
    [
        (lambda path: path.touch(), "is not an ONNX model"),
        (lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)), "is not an ONNX model"),
        (lambda path: path.write_bytes(fake_onnx(path).read_bytes()[:-50]), "is not an ONNX model"),
        (lambda path: fake_onnx(path, classes=1000), "maps"),
        (lambda path: fake_onnx(path, channels=1), "maps"),
        (lambda path: fake_onnx(path, steepness=-9), "is another network: it answers a grey photo with numbers from -"),
        (lambda path: fake_onnx(path, steepness=np.nan), "is another network"),
    ],
    ids=["empty", "garbage", "cut short", "a classifier", "grey photos", "logits", "not numbers"],
)
def test_predict_refuses_an_onnx_file_of_another_network_and_loses_nothing(photo, tmp_path, capfd, write, words):
    write(tmp_path / "other.onnx")
    out = tmp_path / "cut"
    out.mkdir()
    (out / "car_mask.png").write_bytes(b"what was there before")
    line = refused(capfd, "predict", photo, "--model", tmp_path / "other.onnx", "--out", out)
    assert f"other.onnx {words}" in line
    assert [path.read_bytes() for path in out.iterdir()] == [b"what was there before"]


def test_the_shipped_weights_are_the_default(photo, tmp_path, capsys, monkeypatch):
    from utils import __main__

    monkeypatch.setattr(__main__, "SHIPPED", tmp_path / "weights.keras")
    assert "git checkout data/weights" in refused(capsys, "predict", photo, "--out", tmp_path / "cut")
    models.baseline_cnn(32, (4,)).save(tmp_path / "weights.keras")
    assert main(["predict", photo, "--out", str(tmp_path / "cut")]) == 0
    assert (tmp_path / "cut" / "car_mask.png").exists()


# --- submit -----------------------------------------------------------------------------------------


@pytest.fixture
def kaggle(tmp_path):
    """Two test cars of two views each, with solution and sample submission."""
    root = shapes.write_data(tmp_path / "kaggle", cars=1, views=2, test_cars=2)
    names = sorted(path.name for path in (root / "test").iterdir())
    shapes.write_csv(root / "sample_submission.csv", ["img", "rle_mask"], [[name, "1 1"] for name in names])
    return root


def test_submit_writes_validates_and_scores(model, kaggle, tmp_path, capsys):
    out, other = tmp_path / "new" / "submission.csv.gz", str(tmp_path / "other.keras")
    models.baseline_cnn(32, (4,)).save(other)
    options = ["--data", str(kaggle), "--tta", "--threshold", "0.4", "--out", str(out)]
    assert main(["submit", model, other, *options]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"{kaggle}: 2 cars, 4 images"
    assert printed[-3] == f"{out}: 4 rows, validated"
    both = [inference.load_model(path) for path in (model, other)]
    frame = data.open_data(kaggle, "test")
    scores = evaluation.evaluate(both, frame, tta=True, threshold=0.4)["dice"].groupby(frame["usage"]).mean()
    assert sorted(printed[-2:]) == [f"{usage:<8} Dice {scores[usage]:.5f}  (2 images)" for usage in scores.index]
    (kaggle / "solution.csv").unlink()
    assert main(["submit", model, "--data", str(kaggle), "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{out}: 4 rows, validated"


def test_submit_refuses(model, kaggle, tmp_path, capsys):
    rest, out = ["--data", kaggle], ["--out", tmp_path / "a.csv.gz"]
    assert "ends in .csv.gz" in refused(capsys, "submit", model, *rest, "--out", tmp_path / "a.csv")
    assert "gone.keras" in refused(capsys, "submit", model, "gone.keras", *rest, *out)
    assert "nowhere/test" in refused(capsys, "submit", model, "--data", "nowhere", *out)
    assert "is not between 0 and 1" in misused(capsys, "submit", model, *rest, *out, "--threshold", "50")
    (kaggle / "test" / f"{shapes.car_id(0, 'test')}_02.jpg").unlink()
    assert "lacks 1 image(s)" in refused(capsys, "submit", model, *rest, *out)
    (kaggle / "sample_submission.csv").unlink()
    assert "sample_submission.csv does not exist" in refused(capsys, "submit", model, *rest, *out)
    assert not list(tmp_path.glob("a*"))


def python(*arguments, **settings):
    environment = os.environ | {"PYTHONPATH": str(data.PROJECT), "PYTHONDONTWRITEBYTECODE": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, *map(str, arguments)], env=environment, **pipes, **settings)


@pytest.mark.slow
@pytest.mark.parametrize("stop", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_a_training_that_is_stopped_leaves_the_model_that_was_there(model, stop, shapes_root, tmp_path):
    path = tmp_path / "old.keras"
    before = path.write_bytes(Path(model).read_bytes()) and path.read_bytes()
    command = ["train", "--size", "32", "--base", "2", "--epochs", "100", "--data", shapes_root, "--out", path]
    with python("-m", "utils", *command) as training_run:
        while not training_run.stdout.readline().startswith("epoch"):
            assert training_run.poll() is None
        training_run.send_signal(getattr(signal, stop))
        _, told = training_run.communicate(timeout=60)
    assert path.read_bytes() == before
    best = path.with_suffix(".best-so-far.keras")
    assert inference.load_model(best).input_shape == (None, 32, 32, 3)
    if stop == "SIGKILL":
        assert training_run.returncode == -signal.SIGKILL
    else:
        assert training_run.returncode == 130 and "Traceback" not in told
        assert f"{path} is as it was" in told and f"{best}, ready to use" in told


@pytest.mark.slow
def test_a_submission_that_the_disk_has_no_room_for_goes_on_once_there_is(model, kaggle, tmp_path):
    """No file may have more than 100 bytes: the header fits, and the first of the rows in part."""
    resource = pytest.importorskip("resource")
    command = ["submit", model, "--data", str(kaggle), "--out", str(tmp_path / "a.csv.gz")]
    limits = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))}
    with python("-m", "utils", *command, **limits) as full:
        _, told = full.communicate()
    assert full.returncode == 2
    assert told.splitlines()[-1].startswith("error: No room for ") and "Traceback" not in told
    (part,) = tmp_path.glob("a.*.part.csv.gz")
    assert part.stat().st_size == 100
    assert main(command) == 0
    assert [path.name for path in tmp_path.glob("a.*")] == ["a.csv.gz"]


@pytest.mark.slow
def test_of_two_equal_submits_one_goes_on_and_the_other_says_so(model, kaggle, tmp_path, capsys):
    command = ["submit", model, "--data", str(kaggle), "--out", str(tmp_path / "a.csv.gz")]
    waiting = f"""
import sys
from utils import __main__, inference
def wait(*arguments, predict=inference.predict, **settings):
    print("predicting", flush=True)
    sys.stdin.readline()
    return predict(*arguments, **settings)
inference.predict = wait
sys.exit(__main__.main({command}))
"""
    with python("-c", waiting, stdin=subprocess.PIPE) as first:
        assert [first.stdout.readline() for _ in range(2)][1] == "predicting\n"
        assert "Another process is writing" in refused(capsys, *command)
        said, told = first.communicate("\n")
    assert first.returncode == 0, told
    assert "a.csv.gz: 4 rows, validated" in said
    assert [path.name for path in tmp_path.glob("a.*")] == ["a.csv.gz"]


@pytest.mark.parametrize("error", [OSError(), OSError(""), OSError("two\nlines"), OSError(5, "Broken", "a.jpg")])
def test_an_error_of_the_system_is_answered_with_a_sentence(error, monkeypatch, capsys):
    def fail(out):
        raise error

    monkeypatch.setattr("utils.download.fetch", fail)
    line = refused(capsys, "download")
    assert line.endswith(". Check the path and the disk.") and len(line) >= 40


# --- without Keras ------------------------------------------------------------------------------------


def without(*names, arguments):
    """Run a command in a process where these packages cannot be imported."""
    code = f"import sys; sys.modules.update(dict.fromkeys({names}))\nfrom utils.__main__ import main\n"
    with python("-c", f"{code}sys.exit(main({[*map(str, arguments)]}))") as process:
        said, told = process.communicate()
    assert process.returncode == 0, told
    return said


ENGINES = ["keras", "tensorflow", "jax", "torch"]


def test_predict_starts_without_keras_and_all_else_that_is_slow(photo, tmp_path):
    slow = ["pandas", "matplotlib", "scipy.ndimage", "scipy.sparse", "skimage.measure", "skimage.morphology"]
    without(*ENGINES, *slow, arguments=["predict", photo, "--out", tmp_path, "--background", photo, "--tta"])
    assert (tmp_path / "car_composite.jpg").exists()


@pytest.mark.slow
def test_an_onnx_model_is_evaluated_and_submitted_without_keras(kaggle, tmp_path):
    model = fake_onnx(tmp_path / "fake.onnx", cars=json.dumps([shapes.car_id(0)]))
    (tmp_path / "cars.txt").write_text(shapes.car_id(0))
    rest = ["--data", kaggle, "--tta"]
    said = without(*ENGINES, arguments=["evaluate", model, "--cars", tmp_path / "cars.txt", *rest]).splitlines()
    assert said[0].startswith("1 of these 1 cars were trained on")
    frame = data.open_data(kaggle)
    expected = evaluation.evaluate(inference.load_model(model), frame, tta=True)
    assert said[2] == f"dice        {expected['dice'].mean():.5f}"
    said = without(*ENGINES, arguments=["submit", model, "--out", tmp_path / "a.csv.gz", *rest])
    assert "a.csv.gz: 4 rows, validated" in said


def test_a_submission_goes_on_only_with_the_same_onnx_model(tmp_path):
    from utils import submission

    paths = [fake_onnx(tmp_path / "a.onnx"), fake_onnx(tmp_path / "b.onnx"), fake_onnx(tmp_path / "c.onnx", cars="[]")]
    first, again, other = (submission._weights(inference.load_model(path)) for path in paths)
    assert first == again != other


# --- odd photos and backgrounds ---------------------------------------------------------------------


def odd_photos(folder):
    """One photo in every form that a learner may have, 64 x 96 pixels as seen."""
    folder.mkdir()
    photo = shapes.draw(shapes.car_id(0), 1)[0]
    image, exif = Image.fromarray(photo), Image.Exif()
    exif[0x112] = 6
    Image.fromarray(np.rot90(photo)).save(folder / "turned.jpg", exif=exif, quality=98)
    image.convert("CMYK").save(folder / "cmyk.jpg", quality=98)
    image.convert("RGBA").save(folder / "alpha.png")
    image.quantize().save(folder / "palette.png")
    cv2.imwrite(str(folder / "deep.png"), photo[..., ::-1].astype(np.uint16) * 257)
    cv2.imwrite(str(folder / "deeper.tif"), photo[..., ::-1].astype(np.uint16) * 257)
    image.save(folder / "plain.png")
    return len(list(folder.iterdir()))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_predict_sees_the_same_car_in_every_kind_of_photo(model, tmp_path):
    count = odd_photos(tmp_path / "odd")
    Image.new("RGB", (7, 5), (0, 0, 255)).save(tmp_path / "small.png")
    options = ["--model", model, "--out", str(tmp_path / "cut"), "--background", str(tmp_path / "small.png")]
    assert main(["predict", str(tmp_path / "odd"), *options]) == 0
    masks = {path.stem: np.asarray(Image.open(path)) > 0 for path in (tmp_path / "cut").glob("*_mask.png")}
    composites = [np.asarray(Image.open(path)).astype(int) for path in (tmp_path / "cut").glob("*_composite.jpg")]
    assert len(masks) == len(composites) == count == 7
    plain = masks["plain_mask"]
    assert plain.shape == (64, 96) and 0.05 < plain.mean() < 0.6
    for name, mask in masks.items():
        assert (mask == plain).mean() > 0.97, name
    assert all(abs(each - composites[0]).mean() < 10 for each in composites)


def claims(width, height):
    """The start of a PNG file that says it is so large."""
    chunks = [b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"IDAT"]
    sealed = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(sealed)


def test_a_photo_that_cannot_be_read_stops_none_of_the_others(photo, tmp_path, capsys):
    folder, content = tmp_path / "folder", Path(photo).read_bytes()
    bad = {"cut.jpg": content[:-300], "empty.jpg": b"", "text.jpg": b"not a photo", "vast.png": claims(30_000, 30_000)}
    folder.mkdir()
    for name, start in {"a.jpg": content, **bad, "z.jpg": content}.items():
        (folder / name).write_bytes(start)
    assert main(["predict", str(folder), "--out", str(tmp_path / "cut")]) == 2
    told = capsys.readouterr()
    assert [Path(line.split(" ->")[0]).name for line in told.out.splitlines()] == ["a.jpg", "z.jpg"]
    *failures, last = told.err.removeprefix("error: ").splitlines()
    assert [Path(line.split()[0]).name for line in failures] == [*bad]
    assert "has more than 179 million pixels: make it smaller first" in failures[-1]
    assert last == "The other photos are done: 2."
    assert sorted(path.name for path in (tmp_path / "cut").iterdir()) == [
        "a_cutout.png", "a_mask.png", "z_cutout.png", "z_mask.png"
    ]  # fmt: skip


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("size", [(1, 1), (1, 700), (3, 2)])
def test_a_tiny_photo_gets_a_mask_of_its_size(mode, size, tmp_path):
    name = "tiny.tif" if mode == "CMYK" else "tiny.png"
    Image.new(mode, size).save(tmp_path / name)
    assert main(["predict", str(tmp_path / name), "--out", str(tmp_path / "cut"), "--matte"]) == 0
    for kind in ("mask", "cutout"):
        assert Image.open(tmp_path / "cut" / f"tiny_{kind}.png").size == size


def test_a_grey_photo_is_cut_out_as_the_same_photo_in_colour_is(photo, tmp_path):
    grey = Image.open(photo).convert("L")
    grey.save(tmp_path / "grey.jpg", quality=98)
    grey.convert("RGB").save(tmp_path / "same.png")
    model, rest = fake_onnx(tmp_path / "fake.onnx"), ["--out", str(tmp_path), "--matte"]
    photos = [str(tmp_path / "grey.jpg"), str(tmp_path / "same.png")]
    assert main(["predict", *photos, "--model", str(model), *rest]) == 0
    masks = [np.asarray(Image.open(tmp_path / f"{name}_mask.png")) > 0 for name in ("grey", "same")]
    assert (masks[0] == masks[1]).mean() > 0.98 and 0.02 < masks[0].mean() < 0.98
    assert np.asarray(Image.open(tmp_path / "grey_cutout.png")).shape == (64, 96, 4)


@pytest.mark.slow
def test_a_vast_photo_is_refused_before_it_fills_the_memory(tmp_path):
    Image.new("1", (30_000, 30_000)).save(tmp_path / "vast.png")
    command = ["predict", str(tmp_path / "vast.png"), "--out", str(tmp_path)]
    measured = f"""
from pathlib import Path
from utils.__main__ import main
print(main({command}), *(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line))
"""
    if not Path("/proc/self/status").exists():
        pytest.skip("only Linux tells the peak memory of a process so")
    with python("-c", measured) as process:
        said, told = process.communicate()
    code, _, kilobytes, _ = said.split()
    assert code == "2" and "vast.png has more than" in told and len(told.splitlines()) == 1
    assert int(kilobytes) < 300_000  # the pixels alone would be 2,700,000


def test_no_traceback_from_the_shell(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(data.PROJECT)}
    command = [sys.executable, "-m", "utils", "predict", "gone.jpg", "--out", "cut"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [line for line in done.stderr.splitlines() if line.startswith("error: gone.jpg")]
    assert done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_folder_is_read_without_what_predict_wrote_there(tmp_path):
    for name in ("car.jpg", "car_mask.png", "car_cutout.png", "truck_composite.jpg", "notes.txt"):
        (tmp_path / name).touch()
    from utils.__main__ import _photos

    assert [path.name for path in _photos([tmp_path])] == ["car.jpg"]
