"""Predictions at the original size against references computed here. Passes on every backend."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tracemalloc
import zipfile

import keras
import numpy as np
import pytest
import shapes
from keras import layers, ops
from PIL import Image
from skimage.transform import resize

from utils import CourseError, data, inference, losses, training
from utils.augment import Batches


class Brightness(layers.Layer):
    """The red channel as a probability, more sure of it to the left: easy to work out, and not the same mirrored."""

    def call(self, x):
        ramp = ops.reshape(ops.linspace(1.0, 0.0, x.shape[2]), (1, 1, -1, 1))
        return x[..., :1] / 255 * ramp


def fake_model(height=16, width=24):
    inputs = keras.Input((height, width, 3))
    return keras.Model(inputs, Brightness()(inputs))


def answer(image):
    """What the fake model says, in NumPy: image (h, w, 3)."""
    return image[..., 0] / 255 * np.linspace(1, 0, image.shape[1])


@pytest.fixture(scope="module")
def model():
    return fake_model()


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
    np.testing.assert_allclose(inference.probabilities(model, images, flip=True, batch=2), expected, atol=1e-6)
    assert abs(np.array(expected) - inference.probabilities(model, images)).max() > 0.1


def test_no_image_gives_no_probability(model):
    assert inference.probabilities(model, np.zeros((0, 16, 24, 3), np.uint8)).shape == (0, 16, 24)
    assert list(inference.predict(model, [])) == []


def test_images_of_another_size_than_the_model_are_refused(model):
    with pytest.raises(CourseError, match=r"\(24, 16, 3\).*\(16, 24, 3\)"):
        inference.probabilities(model, np.zeros((1, 24, 16, 3), np.uint8))


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("batch", [1, 2, 16])
def test_each_answer_is_upsampled_to_the_size_of_its_photo(model, photos, batch, flip):
    found = list(inference.predict(model, photos, flip=flip, batch=batch))
    assert len(found) == 5
    for path, probability in zip(photos, found, strict=True):
        small = data.read_image(path, (16, 24))
        expected = (answer(small) + answer(small[:, ::-1])[:, ::-1]) / 2 if flip else answer(small)
        shape = np.asarray(Image.open(path)).shape[:2]
        assert probability.dtype == np.float32
        assert probability.shape == shape
        if shape > (16, 24):
            np.testing.assert_allclose(
                probability, resize(expected, shape, order=1, mode="edge", anti_aliasing=False), atol=1e-4
            )


@pytest.mark.parametrize("flip", [False, True])
def test_an_ensemble_averages_what_each_model_says_at_the_size_of_the_photo(model, photos, flip):
    models = [model, fake_model(32, 32), fake_model(8, 40)]
    alone = [list(inference.predict(each, photos, flip=flip)) for each in models]
    together = list(inference.predict(models, photos, flip=flip, batch=2))
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


def test_an_ensemble_is_evaluated_like_a_model(model, shapes_root):
    frame = data.open_data(shapes_root)[:40:5]
    models = [model, fake_model(32, 32)]
    assert inference.evaluate([model, model], frame).equals(inference.evaluate(model, frame))
    assert inference.evaluate([model], frame, flip=True).equals(inference.evaluate(model, frame, flip=True))
    found = inference.evaluate(models, frame, threshold=0.3)["dice"]
    for score, path, truth in zip(found, frame["image"], map(data.read_mask, frame.to_dict("records")), strict=True):
        prediction = np.mean([next(inference.predict(each, [path])) for each in models], axis=0) > 0.3
        assert score == pytest.approx(2 * (prediction & (truth > 127)).sum() / (prediction.sum() + (truth > 127).sum()))


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


@pytest.mark.parametrize("threshold", [0.2, 0.3])
@pytest.mark.parametrize("part", ["train", "test"])
def test_evaluation_equals_the_sums_done_by_hand(model, shapes_root, part, threshold):
    frame = data.open_data(shapes_root, part)[5:30:6]
    found = inference.evaluate(model, frame, flip=True, threshold=threshold)
    assert found[["id", "view"]].values.tolist() == frame[["id", "view"]].values.tolist()
    for row, probability in zip(found.itertuples(), inference.predict(model, frame["image"], flip=True), strict=True):
        truth, prediction = shapes.draw(row.id, row.view)[1], probability > threshold
        both, areas = (truth & prediction).sum(), truth.sum() + prediction.sum()
        assert 0 < prediction.sum() < prediction.size
        assert row.dice == pytest.approx(2 * both / areas)
        assert row.iou == pytest.approx(both / (areas - both))
        assert row.precision == pytest.approx(both / prediction.sum())
        assert row.recall == pytest.approx(both / truth.sum())
        assert row.specificity == pytest.approx((~truth & ~prediction).sum() / (~truth).sum())
        assert row.accuracy == pytest.approx((truth == prediction).mean())


def test_evaluation_thresholds_at_one_half(model, shapes_root):
    frame = data.open_data(shapes_root)[:40:5]
    at_half = inference.evaluate(model, frame, threshold=0.5)
    assert inference.evaluate(model, frame).equals(at_half)
    assert not inference.evaluate(model, frame, threshold=0.45).equals(at_half)


def test_evaluation_needs_masks(model, tmp_path):
    root = shapes.write_data(tmp_path / "data", test_cars=1)
    (root / "solution.csv").unlink()
    with pytest.raises(CourseError, match="_01.jpg has no mask"):
        inference.evaluate(model, data.open_data(root, "test"))


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


def test_a_truncated_model_is_refused(tmp_path):
    net().save(tmp_path / "model.keras")
    (tmp_path / "model.keras").write_bytes((tmp_path / "model.keras").read_bytes()[:-200])
    with pytest.raises(CourseError, match="model.keras is not a Keras model"):
        inference.load_model(tmp_path / "model.keras")


# --- thresholds and pseudo-labels -----------------------------------------------------------------------


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("sizes", [[(16, 24)], [(16, 24), (8, 8)]])
def test_every_threshold_is_scored_as_an_evaluation_would(shapes_root, sizes, flip):
    frame = data.open_data(shapes_root)[:40:9]
    model = [fake_model(*size) for size in sizes]
    found = inference.best_threshold(model, frame, flip=flip)
    assert found.index.name == "threshold"
    np.testing.assert_allclose(found.index, np.arange(0.2, 0.805, 0.01))
    for threshold in (0.2, 0.25, 0.5, 0.8):
        expected = inference.evaluate(model, frame, flip=flip, threshold=threshold)["dice"].mean()
        assert found.loc[threshold, "dice"] == pytest.approx(expected)


def test_the_best_threshold_is_the_one_that_separates_car_from_wall(tmp_path):
    """Photos whose grey value is 0.6 of white on the car, 0.45 and 0.05 beside it."""
    root = shapes.write_data(tmp_path / "data", cars=1, views=2)
    frame = data.open_data(root)
    for row in frame.to_dict("records"):
        truth = shapes.draw(row["id"], row["view"])[1]
        grey = np.where(truth, 0.6, np.where(np.arange(96) < 48, 0.45, 0.05))
        Image.fromarray(np.repeat(np.uint8(255 * grey)[..., None], 3, axis=2)).save(row["image"], quality=100)
    inputs = keras.Input((64, 96, 3))
    model = keras.Model(inputs, layers.Rescaling(1 / 255)(inputs[..., :1]))
    found = inference.best_threshold(model, frame)["dice"]
    assert 0.45 <= found.idxmax() < 0.6
    assert found.max() > 0.99
    assert found[0.3] < 0.9 > found[0.7]


def test_thresholds_and_labels_need_images(model, shapes_root):
    none = data.open_data(shapes_root)[:0]
    with pytest.raises(CourseError, match="no image"):
        inference.best_threshold(model, none)
    with pytest.raises(CourseError, match="no image"):
        inference.pseudo_labels(model, none, 16)


@pytest.mark.parametrize("sure", [0.7, 0.9, 1])
@pytest.mark.parametrize("flip", [False, True])
def test_labels_are_the_answers_where_they_are_sure(model, shapes_root, sure, flip):
    frame = data.open_data(shapes_root, "test")[:3]
    found = inference.pseudo_labels(model, frame, (16, 24), sure=sure, flip=flip)
    assert found.dtype == np.uint8
    assert found.shape == (3, 16, 24)
    for label, probability in zip(found, inference.predict(model, frame["image"], flip=flip), strict=True):
        small = probability.astype(float).reshape(16, 4, 24, 4).mean(axis=(1, 3))  # 64 x 96, by areas of 4 x 4
        distance = np.maximum(small, 1 - small) - sure
        clear = abs(distance) > 1e-4
        is_sure = clear & (distance > 0)
        assert (label[clear & (distance < 0)] == losses.UNSURE).all()
        assert (label[is_sure] != losses.UNSURE).all()
        np.testing.assert_allclose(label[is_sure], 255 * small[is_sure], atol=0.51)
    assert (found == losses.UNSURE).any()


def test_an_ensemble_labels_what_it_agrees_on(shapes_root):
    """One model sees car everywhere, the other one nowhere: together they are sure of nothing."""
    inputs = keras.Input((16, 16, 3))
    yes, no = (keras.Model(inputs, ops.zeros_like(inputs[..., :1]) + value) for value in (1.0, 0.0))
    frame = data.open_data(shapes_root)[:2]
    assert (inference.pseudo_labels([yes, no], frame, 8) == losses.UNSURE).all()
    assert (inference.pseudo_labels([yes, yes], frame, 8) == 255).all()
    assert (inference.pseudo_labels(no, frame, 8) == 0).all()


@pytest.mark.parametrize("sure", [0, 0.5, 1.01, float("nan")])
def test_a_certainty_that_means_nothing_is_refused(model, shapes_root, sure):
    with pytest.raises(CourseError, match="above 0.5"):
        inference.pseudo_labels(model, data.open_data(shapes_root)[:1], 16, sure=sure)


def test_labels_need_no_masks(model, tmp_path):
    root = shapes.write_data(tmp_path / "data", test_cars=1)
    (root / "solution.csv").unlink()
    frame = data.open_data(root, "test")
    assert inference.pseudo_labels(model, frame, 16).shape == (len(frame), 16, 16)


def test_unsure_patches_stay_unsure_under_augmentation():
    masks = np.zeros((4, 48, 48), np.uint8)
    masks[:, :, 24:] = 255
    masks[:, 16:32, 16:32] = losses.UNSURE
    moving = {"flip": 0.5, "shift": 0.1, "scale": 0.1, "rotate": 10, "hsv": (50, 5, 15)}
    for batches in (
        Batches(np.zeros((4, 48, 48, 3), np.uint8), masks, batch=4, seed=seed, **moving) for seed in range(5)
    ):
        y = batches[0][1]
        unsure = np.isclose(255 * y, losses.UNSURE, atol=1e-3).sum(axis=(1, 2, 3))
        assert ((0.6 * 256 < unsure) & (unsure < 1.5 * 256)).all()


class Guess(layers.Layer):
    """A free number for each pixel, whatever the image; at first the probability is one half everywhere."""

    def build(self, shape):
        self.table = self.add_weight(shape=(1, *shape[1:3], 1), initializer="zeros")

    def call(self, x):
        return ops.sigmoid(self.table + 0 * x[..., :1])


@pytest.mark.parametrize("loss", [losses.bce, losses.bce_dice])
def test_training_leaves_unsure_pixels_alone(loss):
    images = np.zeros((8, 16, 16, 3), np.uint8)
    masks = np.zeros((8, 16, 16), np.uint8)
    masks[:, :8] = 255
    masks[:, :, 8:] = losses.UNSURE
    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, Guess()(inputs))
    training.fit(
        model,
        (images, masks),
        (images, masks),
        epochs=20,
        batch=4,
        learning_rate=0.2,
        loss=losses.sure_pixels(loss),
        verbose=False,
    )
    found = inference.probabilities(model, images[:1])[0]
    assert (found[:8, :8] > 0.8).all()
    assert (found[8:, :8] < 0.2).all()
    np.testing.assert_allclose(found[:, 8:], 0.5, atol=1e-6)
