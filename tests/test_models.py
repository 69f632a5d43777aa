"""Shapes, sizes and ranges of the networks, and that the smallest of them learns. Passes on every backend."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import shapes

from utils import CourseError, losses, models, training

NOISE = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(0)


def small(**settings):
    return models.unet(**{"size": (64, 96), "base": 4, "levels": 2, **settings})


@pytest.mark.parametrize(
    "size, levels, stem",
    [(64, 4, 1), ((32, 96), 4, 1), ((48, 16), 4, 1), (16, 4, 1), (96, 4, 2), (64, 4, 4), ((64, 128), 3, 4), (24, 3, 1),
     (8, 0, 1), (np.int64(32), 2, 1)],
)  # fmt: skip
def test_a_unet_answers_at_the_size_it_is_given(size, levels, stem):
    model = models.unet(size, base=4, levels=levels, stem=stem)
    height, width = (size, size) if np.ndim(size) == 0 else size
    answer = model.predict_on_batch(np.zeros((3, height, width, 3), np.uint8))
    assert answer.shape == (3, height, width, 1)
    assert answer.dtype == np.float32


@pytest.mark.parametrize("size, filters", [(128, (4, 8, 16)), ((24, 40), (4, 8, 16)), ((6, 10), (4,))])
def test_the_baseline_answers_at_the_size_it_is_given(size, filters):
    model = models.baseline_cnn(size, filters)
    height, width = (size, size) if isinstance(size, int) else size
    assert model.predict_on_batch(np.zeros((2, height, width, 3), np.uint8)).shape == (2, height, width, 1)


@pytest.mark.parametrize(
    "build, divisor, size",
    [
        (lambda size: models.unet(size), 16, 100),
        (lambda size: models.unet(size), 16, (128, 100)),
        (lambda size: models.unet(size, levels=6), 64, 96),
        (lambda size: models.unet(size, stem=4), 64, (96, 64)),
        (lambda size: models.unet(size, levels=3, stem=2), 16, 8),
        (lambda size: models.baseline_cnn(size), 8, 100),
        (lambda size: models.baseline_cnn(size), 8, 0),
        (lambda size: models.baseline_cnn(size), 8, -8),
        (lambda size: models.unet(size), 16, 128.5),
    ],
)
def test_a_size_that_does_not_fit_is_refused_with_one_that_does(build, divisor, size):
    with pytest.raises(CourseError, match=rf"multiples of {divisor}\b") as caught:
        build(size)
    height, width = map(int, str(caught.value).split("fits: ")[1].rstrip(".").split(" x "))
    assert build((height, width)).output_shape == (None, height, width, 1)


def test_an_unknown_stem_is_refused():
    with pytest.raises(CourseError, match="stem=3.*1 .*2 or 4"):
        models.unet(96, stem=3)


@pytest.mark.parametrize(
    "build", [small, lambda: small(stem=4, levels=2), lambda: models.baseline_cnn((64, 96), (4, 8))]
)
def test_bytes_and_floats_mean_the_same(build):
    model = build()
    whole = model.predict_on_batch(NOISE)
    np.testing.assert_allclose(model.predict_on_batch(NOISE.astype(np.float32)), whole, atol=1e-6)
    assert abs(model.predict_on_batch((NOISE / 255).astype(np.float32)) - whole).max() > 1e-3


@pytest.mark.parametrize("build", [small, lambda: small(stem=2), lambda: models.baseline_cnn((64, 96), (4, 8))])
def test_answers_are_probabilities(build):
    model = build()
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose):
            layer.set_weights([100 * weights for weights in layer.get_weights()])
    answer = model.predict_on_batch(NOISE)
    assert answer.min() >= 0
    assert answer.max() <= 1
    assert (answer < 0.01).any() or (answer > 0.99).any()


@pytest.mark.parametrize("build", [small, lambda: models.baseline_cnn((64, 96), (4, 8))])
def test_probabilities_are_float32_under_mixed_precision(build):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert build().output.dtype == "float32"
    finally:
        keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("stem", [1, 2, 4])
@pytest.mark.parametrize("skips", [True, False])
def test_skips_are_the_only_way_round_the_bottleneck(stem, skips):
    model = small(size=(64, 64), stem=stem, skips=skips)
    deepest = min((layer.output.shape[1], -number) for number, layer in enumerate(model.layers) if number)
    bottleneck = [layer for layer in model.layers if layer.output.shape[1] == deepest[0]]
    assert deepest[0] == 64 // (stem * 4)
    for layer in bottleneck:
        if layer.weights:
            layer.set_weights([np.zeros_like(weights) for weights in layer.get_weights()])
    noise = NOISE[:, :, :64]
    answer = model.predict_on_batch(noise)
    seen = abs(answer[0] - answer[1]).max()
    assert (seen > 1e-4) == skips


def test_each_level_halves_the_image_and_doubles_the_channels():
    model = models.unet(64, base=4, levels=3)
    found = {layer.output.shape[1:] for layer in model.layers if isinstance(layer, keras.layers.Conv2D)}
    assert {(64, 64, 4), (32, 32, 8), (16, 16, 16), (8, 8, 32)} <= found


def test_a_stem_works_at_a_fraction_of_the_resolution():
    for stem in (2, 4):
        model = models.unet(64, base=4, levels=2, stem=stem)
        widest = max(
            layer.output.shape[1]
            for layer in model.layers
            if isinstance(layer, keras.layers.Conv2D) and not isinstance(layer, keras.layers.Conv2DTranspose)
        )
        assert widest < 64


@pytest.mark.parametrize("build", [lambda: small(size=(32, 48)), lambda: small(size=(32, 48), stem=4)])
def test_a_small_net_learns_four_shapes_by_heart(build):
    pairs = [shapes.draw(shapes.car_id(car), 1, 32, 48) for car in range(4)]
    x, truth = np.stack([photo for photo, _ in pairs]), np.stack([mask for _, mask in pairs])
    model = build()
    training.compile_model(model, losses.bce_dice, keras.optimizers.Adam(0.01))
    for _ in range(120):
        model.train_on_batch(x, truth[..., None].astype(np.float32))
    found = model.predict_on_batch(x)[..., 0] > 0.5
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.97


def test_a_model_survives_saving(tmp_path):
    model = small(stem=4)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_allclose(again.predict_on_batch(NOISE), model.predict_on_batch(NOISE), atol=1e-6)
