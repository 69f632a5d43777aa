"""An ONNX file that says what the Keras model says, or no file."""

import sys

import keras
import numpy as np
import pytest
import shapes
from fakes import fake_model, fake_onnx
from keras import layers
from PIL import Image

from utils import CourseError, export, inference, models
from utils.__main__ import SHIPPED, main


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).integers(0, 256, (5, 32, 64, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def few_threads(monkeypatch):
    """The photos that a file is tried on, but for two."""
    photos = sorted(export.SAMPLE.glob("*.jpg"))[::600]
    monkeypatch.setattr(export, "SAMPLE", type("Folder", (), {"glob": lambda pattern: photos}))


@pytest.mark.slow
@pytest.mark.parametrize(
    "build",
    [
        lambda size: models.unet(size, 2, stem=4, levels=3),
        lambda size: models.unet(size, 2, levels=3, skips=False, dilations=(1, 2)),
        lambda size: models.baseline_cnn(size, (4, 8)),
        lambda size: models.carvana_unet(size, 2, levels=3),
    ],
    ids=["stem", "dilated", "conv2d", "carvana"],
)
def test_convolutional_networks_of_the_course_can_be_exported(build, noise, tmp_path):
    pytest.importorskip("tf2onnx")
    keras.utils.set_random_seed(1)
    model, path = build((32, 64)), tmp_path / "new" / "model.onnx"
    difference = export.to_onnx(model, path, cars=["two", "one"])
    exported = inference.load_model(path)
    assert exported.input_shape == model.input_shape and inference.training_cars(path) == {"one", "two"}
    for count in (1, 2, 5):  # any number at a time
        found = inference.probabilities(exported, noise[:count], batch=count)
        np.testing.assert_allclose(found, inference.probabilities(model, noise[:count]), atol=1e-4)
    assert found.std() > 0 and 0 <= difference < 1e-4


@pytest.mark.slow
def test_the_command_exports_a_file_that_was_loaded_with_its_cars(tmp_path, capsys):
    pytest.importorskip("tf2onnx")
    from utils import training

    training.save_model(models.unet(16, 1, 1), tmp_path / "tiny.keras", cars=["one"])
    assert main(["export", str(tmp_path / "tiny.keras"), "--out", str(tmp_path / "tiny.onnx")]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'tiny.onnx'}: the same as {tmp_path / 'tiny.keras'}")
    assert inference.training_cars(tmp_path / "tiny.onnx") == {"one"}


@pytest.fixture
def exporter(monkeypatch):
    """Keras' exporter, which writes a network that answers like `fake_model`; and ``onnx``, which adds nothing."""
    pytest.importorskip("onnx")
    monkeypatch.setattr(keras.Model, "export", lambda self, path, **rest: fake_onnx(export.Path(path)))


def test_a_file_that_answers_otherwise_is_not_written(exporter, tmp_path):
    path, inputs = tmp_path / "model.onnx", keras.Input((16, 24, 3))
    assert export.to_onnx(fake_model(), path) < 1e-6
    before = path.read_bytes()
    blue = keras.Model(inputs, layers.Rescaling(1 / 255)(inputs[..., 2:]))
    with pytest.raises(CourseError, match="model.onnx is not written: it would differ from the model by 0"):
        export.to_onnx(blue, path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_an_exporter_that_fails_or_is_not_there_leaves_no_file(tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"

    def fail(*arguments, **settings):
        raise RuntimeError("no such operation\nand more")

    monkeypatch.setattr(keras.Model, "export", fail)
    monkeypatch.setitem(sys.modules, "onnx", type(sys)("onnx"))
    with pytest.raises(CourseError, match=r"cannot export the model \(no such operation\)"):
        export.to_onnx(fake_model(), path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(CourseError, match="pip install -r utils/export.txt"):
        export.to_onnx(fake_model(), path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_network_with_an_operation_that_the_exporter_does_not_know_is_refused(tmp_path):
    pytest.importorskip("tf2onnx")
    with pytest.raises(CourseError, match="model.onnx is not written: .*Erfc"):
        export.to_onnx(models.trans_unet((32, 64), 2, levels=3), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_exported_is_refused(tmp_path):
    model = inference.load_model(fake_onnx(tmp_path / "fake.onnx"))
    with pytest.raises(CourseError, match="ONNX model already"):
        export.to_onnx(model, tmp_path / "again.onnx")
    with pytest.raises(CourseError, match="ends in .onnx"):
        export.to_onnx(fake_model(), tmp_path / "model.keras")
    assert main(["export", str(tmp_path / "fake.onnx"), "--out", str(tmp_path / "again.onnx")]) == 2


# --- 8 bits -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for number in range(6):
        Image.fromarray(shapes.draw(shapes.car_id(number), 1)[0]).save(folder / f"{number}.png")
    return sorted(folder.iterdir())


@pytest.mark.slow
def test_8_bits_take_a_quarter_of_the_size_and_say_nearly_the_same(tmp_path, capfd):
    pytest.importorskip("onnx")
    photos = sorted((export.data.PROJECT / "data/sample/train").glob("*.jpg"))
    export.quantise(SHIPPED, tmp_path / "int8.onnx", photos[::100])
    assert capfd.readouterr() == ("", "")
    assert (tmp_path / "int8.onnx").stat().st_size < 0.3 * SHIPPED.stat().st_size
    small, full = inference.load_model(tmp_path / "int8.onnx"), inference.load_model(SHIPPED)
    assert inference.training_cars(tmp_path / "int8.onnx") == inference.training_cars(SHIPPED)
    images = export.read_photos(photos[50::200], full)
    found, expected = (inference.probabilities(each, images) for each in (small, full))
    assert abs(found - expected).max() > 1e-3  # another computation
    assert ((found > 0.5) != (expected > 0.5)).mean() < 0.002


def test_8_bits_need_photos_to_calibrate_on_and_a_network(photos, tmp_path, monkeypatch):
    fake, out = fake_onnx(tmp_path / "fake.onnx"), tmp_path / "int8.onnx"
    with pytest.raises(CourseError, match="There is no photo"):
        export.quantise(fake, out, [])
    with pytest.raises(CourseError, match="gone.jpg"):
        export.quantise(fake, out, ["gone.jpg"])
    with pytest.raises(CourseError, match="gone.onnx"):
        export.quantise(tmp_path / "gone.onnx", out, photos)
    with pytest.raises(CourseError, match="ends in .onnx"):
        export.quantise(fake, tmp_path / "int8.keras", photos)
    monkeypatch.setitem(sys.modules, "onnxruntime.quantization", None)
    monkeypatch.delattr("onnxruntime.quantization", raising=False)
    with pytest.raises(CourseError, match="pip install -r utils/export.txt"):
        export.quantise(fake, out, photos)
    assert [path.name for path in tmp_path.iterdir()] == ["fake.onnx"]
