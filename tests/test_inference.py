"""Predictions at the original size against references computed here. Passes on every backend."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sys
import tracemalloc
import zipfile

import keras
import numpy as np
import pytest
import shapes
from fakes import answer, fake_model, fake_onnx
from keras import layers, ops
from PIL import Image
from skimage.transform import resize

import utils
from utils import CourseError, data, inference


@pytest.fixture(scope="module", params=["keras", "onnx"])
def model(request, tmp_path_factory):
    """One model, in Keras and in an ONNX file: what holds for the one holds for the other."""
    if request.param == "keras":
        return fake_model()
    return inference.load_model(fake_onnx(tmp_path_factory.mktemp("onnx") / "fake.onnx"))


@pytest.fixture
def photos(tmp_path):
    """Five photos of three sizes."""
    sizes = [(64, 96), (40, 30), (64, 96), (10, 12), (40, 30)]
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for path, size in zip(paths, sizes, strict=True):
        Image.fromarray(shapes.draw(path.stem, 1, *size)[0]).save(path)
    return paths


@pytest.mark.parametrize("batch", [1, 2, 5, 99])
def test_probabilities_are_the_models_whatever_the_batch(model, batch):
    images = np.random.default_rng(0).integers(0, 256, (5, 16, 24, 3), dtype=np.uint8)
    found = inference.probabilities(model, images, batch=batch)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [answer(image) for image in images], atol=1e-6)


def test_flip_averages_with_the_mirror_image(model):
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 24, 3), dtype=np.uint8)
    expected = [(answer(image) + answer(image[:, ::-1])[:, ::-1]) / 2 for image in images]
    np.testing.assert_allclose(inference.probabilities(model, images, tta=True, batch=2), expected, atol=1e-6)
    assert abs(np.array(expected) - inference.probabilities(model, images)).max() > 0.1


def test_no_image_gives_no_probability(model):
    assert inference.probabilities(model, np.zeros((0, 16, 24, 3), np.uint8)).shape == (0, 16, 24)
    assert list(inference.predict(model, [])) == []


def test_images_of_another_size_than_the_model_are_refused(model):
    with pytest.raises(CourseError, match=r"\(24, 16, 3\).*\(16, 24, 3\)"):
        inference.probabilities(model, np.zeros((1, 24, 16, 3), np.uint8))


@pytest.mark.parametrize("tta", [False, True])
@pytest.mark.parametrize("batch", [1, 2, 16])
def test_each_answer_is_upsampled_to_the_size_of_its_photo(model, photos, batch, tta):
    found = list(inference.predict(model, photos, tta=tta, batch=batch))
    assert len(found) == 5
    for path, probability in zip(photos, found, strict=True):
        small = data.read_image(path, (16, 24))
        expected = (answer(small) + answer(small[:, ::-1])[:, ::-1]) / 2 if tta else answer(small)
        shape = np.asarray(Image.open(path)).shape[:2]
        assert probability.dtype == np.float32
        assert probability.shape == shape
        if shape > (16, 24):
            np.testing.assert_allclose(
                probability, resize(expected, shape, order=1, mode="edge", anti_aliasing=False), atol=1e-4
            )


@pytest.mark.parametrize("tta", [False, True])
def test_an_ensemble_averages_what_each_model_says_at_the_size_of_the_photo(model, photos, tta):
    models = [model, fake_model(32, 32), fake_model(8, 40)]
    alone = [list(inference.predict(each, photos, tta=tta)) for each in models]
    together = list(inference.predict(models, photos, tta=tta, batch=2))
    assert [each.shape for each in together] == [(64, 96), (40, 30), (64, 96), (10, 12), (40, 30)]
    for *maps, mean in zip(*alone, together, strict=True):
        assert mean.dtype == np.float32
        np.testing.assert_allclose(mean, np.mean(maps, axis=0), atol=1e-6)
        assert max(abs(each - mean).max() for each in maps) > 0.01


def test_a_photo_is_read_once_for_models_of_one_size(model, photos, monkeypatch):
    read, plain = [], data.read_image
    monkeypatch.setattr(data, "read_image", lambda path, size: read.append(size) or plain(path, size))
    list(inference.predict([model, fake_model(), fake_model(8, 8)], photos))
    assert sorted(read) == [(8, 8)] * 5 + [(16, 24)] * 5


def test_an_ensemble_needs_a_model(photos):
    with pytest.raises(CourseError, match="at least one model"):
        next(inference.predict([], photos))


def test_a_turned_photo_gets_a_mask_that_stands_upright(model, tmp_path):
    photo = shapes.draw("turned", 1)[0]
    Image.fromarray(photo).save(tmp_path / "upright.png")
    exif = Image.Exif()
    exif[0x112] = 6
    Image.fromarray(np.rot90(photo)).save(tmp_path / "turned.png", exif=exif)
    upright, turned = inference.predict(model, [tmp_path / "upright.png", tmp_path / "turned.png"])
    assert turned.shape == (64, 96)
    np.testing.assert_allclose(turned, upright, atol=0.01)


def test_photos_are_read_batch_by_batch(model, photos, monkeypatch):
    read, plain = [], data.read_image
    monkeypatch.setattr(data, "read_image", lambda path, size: read.append(path) or plain(path, size))
    found = inference.predict(model, photos, batch=2)
    assert read == []
    next(found)
    assert len(read) == 2
    next(found)
    assert len(read) == 2
    next(found)
    assert len(read) == 4


def test_progress_counts_the_photos(model, photos, monkeypatch):
    bars, hidden, plain = [], [], utils.progress

    def progress(**settings):
        bars.append(plain(**settings))
        hidden.append(bars[-1].disable)
        return bars[-1]

    monkeypatch.setattr(utils, "progress", progress)
    for shown in (True, False):
        list(inference.predict(model, photos, batch=2, progress=shown))
    assert hidden == [False, True]
    assert bars[0].n == bars[0].total == 5


def test_one_answer_at_a_time_is_held_at_full_size(model, tmp_path):
    Image.fromarray(np.zeros((1000, 1500, 3), np.uint8)).save(tmp_path / "large.png")
    one = 1000 * 1500 * 4
    paths = [tmp_path / "large.png"] * 12
    next(inference.predict(model, paths[:1]))
    tracemalloc.start()
    try:
        shape = {probability.shape for probability in inference.predict(model, paths, batch=2)}
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert shape == {(1000, 1500)}
    assert one < peak < 6 * one  # two photos being read, one answer, the last answer


def test_a_bad_photo_is_named(model, photos, tmp_path):
    (tmp_path / "bad.jpg").write_text("not a photo")
    with pytest.raises(CourseError, match="bad.jpg"):
        list(inference.predict(model, [*photos, tmp_path / "bad.jpg"]))
    with pytest.raises(CourseError, match="gone.jpg"):
        list(inference.predict(model, [*photos, tmp_path / "gone.jpg"]))


def net(output=1, shape=(16, 16, 3)):
    inputs = keras.Input(shape)
    return keras.Model(inputs, layers.Conv2D(output, 1)(inputs))


def test_a_model_loads_and_says_the_same(tmp_path):
    model = net()
    model.compile("adam", loss=lambda truth, answer: ops.mean(abs(truth - answer), axis=(1, 2, 3)))
    model.save(tmp_path / "model.keras")
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    again = inference.load_model(str(tmp_path / "model.keras"))
    np.testing.assert_allclose(
        inference.probabilities(again, images), inference.probabilities(model, images), atol=1e-4
    )


def write_zip(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("hello.txt", "hello")


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.touch(),
        lambda path: path.write_text("not a model"),
        lambda path: path.mkdir(),
        write_zip,
        lambda path: net(output=2).save(path),
        lambda path: net(shape=(16, 16, 1)).save(path),
        lambda path: net(shape=(None, None, 3)).save(path),
        lambda path: keras.Sequential([layers.Dense(1)]).save(path),
        lambda path: keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(1)]).save(path),
        lambda path: None,
    ],
    ids=["empty", "text", "folder", "zip", "two classes", "grey", "any size", "not built", "a classifier", "missing"],
)
def test_what_is_no_model_of_the_course_is_refused(tmp_path, write):
    write(tmp_path / "model.keras")
    with pytest.raises(CourseError, match="model.keras"):
        inference.load_model(tmp_path / "model.keras")


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.touch(),
        lambda path: path.write_text("not a model"),
        lambda path: path.mkdir(),
        lambda path: None,
        lambda path: net().save(path.with_suffix(".keras")) or path.with_suffix(".keras").rename(path),
        lambda path: fake_onnx(path, classes=2),
        lambda path: fake_onnx(path, channels=1),
        lambda path: fake_onnx(path, height="h", width="w"),
        lambda path: fake_onnx(path, batch=1),
        lambda path: fake_onnx(path, inputs=2),
        lambda path: fake_onnx(path, outputs=2),
        lambda path: fake_onnx(path, kind=11),
    ],
    ids=["empty", "text", "folder", "missing", "a Keras model", "two classes", "grey", "any size", "one at a time",
         "two inputs", "two outputs", "float64"],
)  # fmt: skip
def test_what_is_no_onnx_model_of_the_course_is_refused(tmp_path, write, capfd):
    write(tmp_path / "model.onnx")
    with pytest.raises(CourseError, match=r"model\.onnx"):
        inference.load_model(tmp_path / "model.onnx")
    assert "model.onnx" not in capfd.readouterr().err


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.99])
def test_a_truncated_onnx_model_is_refused(tmp_path, share):
    content = fake_onnx(tmp_path / "model.onnx").read_bytes()
    (tmp_path / "model.onnx").write_bytes(content[: int(share * len(content))])
    with pytest.raises(CourseError, match=r"model\.onnx is not an ONNX model"):
        inference.load_model(tmp_path / "model.onnx")


def test_a_network_that_does_not_run_is_noticed_when_it_is_loaded(tmp_path, monkeypatch):
    path = fake_onnx(tmp_path / "model.onnx")

    def fail(model, images):
        raise RuntimeError("cannot reshape\nand more")

    monkeypatch.setattr(inference.OnnxModel, "predict_on_batch", fail)
    with pytest.raises(CourseError, match=r"model\.onnx is a network that does not run \(cannot reshape\)"):
        inference.load_model(path)


def test_a_model_whose_engine_is_not_installed_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(CourseError, match="fake.onnx needs onnxruntime.*pip install onnxruntime"):
        inference.load_model(fake_onnx(tmp_path / "fake.onnx"))


def test_a_keras_and_an_onnx_model_make_an_ensemble(photos, tmp_path):
    models = [fake_model(32, 32), inference.load_model(fake_onnx(tmp_path / "fake.onnx"))]
    alone = [list(inference.predict(each, photos)) for each in models]
    for *maps, mean in zip(*alone, inference.predict(models, photos), strict=True):
        np.testing.assert_allclose(mean, np.mean(maps, axis=0), atol=1e-6)


def test_an_onnx_model_takes_floats_as_well_as_bytes(tmp_path):
    model = inference.load_model(fake_onnx(tmp_path / "fake.onnx"))
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 24, 3), dtype=np.uint8)
    for kind in (np.float32, np.float64):
        np.testing.assert_array_equal(model.predict_on_batch(images.astype(kind)), model.predict_on_batch(images))


def test_a_truncated_model_is_refused(tmp_path):
    net().save(tmp_path / "model.keras")
    (tmp_path / "model.keras").write_bytes((tmp_path / "model.keras").read_bytes()[:-200])
    with pytest.raises(CourseError, match="model.keras is not a Keras model"):
        inference.load_model(tmp_path / "model.keras")


def with_metadata(path, content):
    net().save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, plain in members.items():
            archive.writestr(name, content if name == "metadata.json" else plain)
    return path


def test_a_model_says_which_cars_it_was_trained_on(tmp_path):
    path = with_metadata(tmp_path / "model.keras", '{"cars": ["one", "two", "one"]}')
    assert inference.training_cars(path) == {"one", "two"}
    assert inference.load_model(path).input_shape == (None, 16, 16, 3)
    net().save(tmp_path / "plain.keras")
    assert inference.training_cars(tmp_path / "plain.keras") is None
    assert inference.training_cars(fake_onnx(tmp_path / "model.onnx", cars='["one", "two"]')) == {"one", "two"}
    assert inference.training_cars(fake_onnx(tmp_path / "plain.onnx")) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"cars": "one"}', '{"cars": null}', b"\xff\xfe\x00"])
def test_a_damaged_list_of_training_cars_is_refused(tmp_path, content):
    with pytest.raises(CourseError, match="model.keras: its list of training cars"):
        inference.training_cars(with_metadata(tmp_path / "model.keras", content))


@pytest.mark.parametrize("cars", ["", "{", '"one"', "null", '{"one": 1}'])
def test_a_damaged_list_of_training_cars_in_an_onnx_file_is_refused(tmp_path, cars):
    with pytest.raises(CourseError, match="model.onnx: its list of training cars"):
        inference.training_cars(fake_onnx(tmp_path / "model.onnx", cars=cars))


def test_a_list_of_training_cars_with_a_wrong_byte_is_refused(tmp_path):
    path = with_metadata(tmp_path / "model.keras", '{"cars": ["one"]}')
    path.write_bytes(path.read_bytes().replace(b'"one"', b'"0ne"'))
    for each in (path, tmp_path / "gone.keras", tmp_path / "gone.onnx"):
        with pytest.raises(CourseError, match=f"{each.name}: its list of training cars"):
            inference.training_cars(each)
