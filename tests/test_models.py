"""Shapes, sizes and ranges of the networks, and that the smallest of them learns. Passes on every backend."""

import math
import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import keras
import numpy as np
import pytest
import shapes

from utils import CourseError, losses, models, training
from utils.data import PROJECT

NOISE = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(0)


def small(**settings):
    return models.unet(**{"size": (64, 96), "base": 4, "levels": 2, **settings})


def small_carvana(**settings):
    return models.carvana_unet(**{"size": (64, 96), "base": 4, "levels": 2, **settings})


def small_trans(**settings):
    return models.trans_unet(**{"size": (64, 96), "base": 4, "levels": 2, **settings})


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


@pytest.mark.parametrize("build", [models.carvana_unet, models.trans_unet])
@pytest.mark.parametrize("size, levels", [(64, 6), ((32, 96), 4), ((8, 24), 3), (np.int64(16), 2)])
def test_the_large_ones_answer_at_the_size_they_are_given(build, size, levels):
    model = build(size, base=2, levels=levels)
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
        (lambda size: models.carvana_unet(size), 64, 1000),
        (lambda size: models.carvana_unet(size, levels=3), 8, (64, 20)),
        (lambda size: models.trans_unet(size), 16, 100),
        (lambda size: models.trans_unet(size, levels=3), 8, 0),
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


@pytest.mark.parametrize("heads", [3, 0, 32])
def test_heads_that_do_not_divide_the_channels_are_refused(heads):
    with pytest.raises(CourseError, match=f"heads={heads}: .* divisor of 16"):
        small_trans(heads=heads)


@pytest.mark.parametrize(
    "build",
    [small, lambda: small(stem=4, levels=2), lambda: models.baseline_cnn((64, 96), (4, 8)), small_carvana, small_trans],
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


@pytest.mark.parametrize("build", [small, lambda: models.baseline_cnn((64, 96), (4, 8)), small_carvana, small_trans])
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


def test_without_skips_the_network_has_no_fewer_weights():
    for settings in ({}, {"stem": 4, "levels": 2}):
        assert small(skips=False, **settings).count_params() >= small(**settings).count_params()


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


@pytest.mark.slow
@pytest.mark.parametrize(
    "build",
    [lambda: small(size=(32, 48)), lambda: small(size=(32, 48), stem=4), lambda: small_trans(size=(32, 48))],
)
def test_a_small_net_learns_four_shapes_by_heart(build):
    pairs = [shapes.draw(shapes.car_id(car), 1, 32, 48) for car in range(4)]
    x, truth = np.stack([photo for photo, _ in pairs]), np.stack([mask for _, mask in pairs])
    model = build()
    training.compile_model(model, losses.bce_dice, keras.optimizers.Adam(0.01))
    for _ in range(120):
        model.train_on_batch(x, truth[..., None].astype(np.float32))
    found = model.predict_on_batch(x)[..., 0] > 0.5
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.97


# --- counted and measured by hand ---------------------------------------------------------------------


def conv_weights(channels_in, channels, kernel=3):
    """A convolution without bias, and four numbers a channel of batch normalisation."""
    return kernel**2 * channels_in * channels + 4 * channels


def test_the_deep_unet_has_two_convolutions_down_and_three_up():
    model, base, levels = models.carvana_unet(64, base=2, levels=5), 2, 5
    expected, channels_in = 0, 3
    for channels in [base * 2**level for level in range(levels + 1)]:
        expected += conv_weights(channels_in, channels) + conv_weights(channels, channels)
        channels_in = channels
    for channels in [base * 2**level for level in range(levels)]:
        expected += conv_weights(2 * channels + channels, channels) + 2 * conv_weights(channels, channels)
    assert model.count_params() == expected + base + 1

    sides = [layer.output.shape[1] for layer in model.layers if isinstance(layer, keras.layers.Conv2D)][:-1]
    assert sides == [64, 64, 32, 32, 16, 16, 8, 8, 4, 4, 2, 2, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64]


def test_the_deep_unet_is_built_for_1024_pixels_by_default():
    model = models.carvana_unet()
    assert model.input_shape == (None, 1024, 1024, 3)
    assert {layer.output.shape[1:] for layer in model.layers} >= {(1024, 1024, 16), (16, 16, 1024)}


@pytest.mark.parametrize("transformers, grid", [(0, 8), (1, 3), (2, 8)])
def test_weights_of_the_trans_unet(transformers, grid):
    model = models.trans_unet(32, base=4, levels=2, transformers=transformers, heads=2, grid=grid)
    encoder = conv_weights(3, 4) + 2 * conv_weights(4, 4) + conv_weights(4, 8) + conv_weights(8, 8)
    bottom = conv_weights(8, 16) + conv_weights(16, 16) + grid**2 * 16
    attention, thinking, norms = 4 * (16 * 16 + 16), (16 * 32 + 32) + (32 * 16 + 16), 2 * (16 + 16)
    up = conv_weights(16, 8, kernel=1) + conv_weights(16, 8) + conv_weights(8, 8)
    up += conv_weights(8, 4, kernel=1) + conv_weights(8, 4) + conv_weights(4, 4)
    expected = encoder + bottom + transformers * (attention + thinking + norms) + up + (4 + 1)
    assert model.count_params() == expected
    names = {layer.name for layer in model.layers if isinstance(layer, keras.layers.MultiHeadAttention)}
    assert names == {f"attention_{number}" for number in range(1, transformers + 1)}


def field(pixel, levels, first, bottom):
    """From which to which column one answer can see, by intervals, from the head back to the photo."""
    low = high = pixel
    for _ in range(levels):  # a block of two convolutions, and back through bilinear up-sampling
        low, high = math.floor((low - 2 + 0.5) / 2 - 0.5), math.ceil((high + 2 + 0.5) / 2 - 0.5)
    low, high = low - sum(bottom), high + sum(bottom)
    for level in reversed(range(levels)):  # pooling, and a block
        reach = 2 if level else sum(first)
        low, high = 2 * low - reach, 2 * high + 1 + reach
    return low, high


@pytest.mark.parametrize(
    "build, first, bottom",
    [
        (models.unet, (1, 1), (1, 1)),
        (lambda *size, **settings: models.unet(*size, **settings, dilations=(1, 2, 4)), (1, 1), (1, 2, 4)),
        (lambda *size, **settings: models.trans_unet(*size, **settings, transformers=0), (1, 2, 4), (1, 1)),
    ],
    ids=["plain", "dilated bottleneck", "dilated first block"],
)
@pytest.mark.parametrize("pixel", [63, 64, 66])
def test_one_answer_sees_exactly_its_receptive_field(build, first, bottom, pixel):
    model = build((8, 128), base=2, levels=2)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.set_weights([np.ones_like(layer.get_weights()[0]), *layer.get_weights()[1:]])
        if isinstance(layer, models.Positions):
            layer.set_weights([0 * layer.get_weights()[0]])
    photos = np.zeros((128, 8, 128, 3), np.float32)  # below 0 inside the network, so 0 after the first ReLU
    photos[range(128), 4, range(128)] = 1e6
    seen = np.flatnonzero(model.predict_on_batch(photos)[:, 4, pixel, 0] > 0.5)
    assert (seen[0], seen[-1]) == field(pixel, 2, first, bottom)
    assert len(seen) == seen[-1] - seen[0] + 1


@pytest.mark.parametrize("transformers, sees", [(0, False), (1, True), (2, True)])
def test_attention_sees_from_one_end_to_the_other(transformers, sees):
    model = models.trans_unet((16, 256), base=4, levels=2, transformers=transformers)
    photos = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 16, 256, 3), dtype=np.uint8), 2, axis=0)
    photos[1, :, :16] = 255 - photos[1, :, :16]
    here, there = model.predict_on_batch(photos)
    assert (abs(here[:, 240:] - there[:, 240:]).max() > 1e-5) == sees
    assert abs(here[:, :16] - there[:, :16]).max() > 1e-3


# --- positions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 3), (6, 6), (7, 12)])
def test_positions_are_interpolated_to_the_size_of_the_features(shape):
    layer = models.Positions(grid=3)
    layer.build((None, *shape, 5))
    table = np.random.default_rng(0).normal(size=(3, 3, 5)).astype(np.float32)
    layer.set_weights([table[None]])
    features = np.random.default_rng(1).normal(size=(2, *shape, 5)).astype(np.float32)
    added = keras.ops.convert_to_numpy(layer(features)) - features
    expected = cv2.resize(table, shape[::-1], interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(added, np.stack([expected] * 2), atol=1e-5)


def test_positions_tell_equal_places_apart():
    model = models.trans_unet(32, base=4, levels=2, transformers=1)
    tokens = keras.Model(model.input, model.get_layer("attention_1").output)
    grey = np.full((1, 32, 32, 3), 127.5, np.float32)
    told_apart = tokens.predict_on_batch(grey)
    layer = next(layer for layer in model.layers if isinstance(layer, models.Positions))
    layer.set_weights([0 * layer.get_weights()[0]])
    assert np.ptp(tokens.predict_on_batch(grey), axis=1).max() < 1e-6
    assert np.ptp(told_apart, axis=1).max() > 1e-4


def test_weights_of_one_size_serve_another():
    model, larger = small_trans(size=32), small_trans(size=(64, 48))
    larger.set_weights(model.get_weights())
    assert larger.predict_on_batch(NOISE[:, :, :48]).shape == (2, 64, 48, 1)


# --- training and saving ------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [small_carvana, small_trans, lambda: small(dilations=(1, 2, 4))])
def test_the_gradient_reaches_every_weight(build):
    model = build()
    training.compile_model(model, losses.bce_dice, keras.optimizers.SGD(1.0))
    before = [keras.ops.convert_to_numpy(variable).copy() for variable in model.trainable_variables]
    model.train_on_batch(NOISE, np.random.default_rng(1).random((2, 64, 96, 1), np.float32))
    still = {
        variable.path
        for variable, old in zip(model.trainable_variables, before, strict=True)
        if not abs(keras.ops.convert_to_numpy(variable) - old).max()
    }
    assert all(path.endswith("key/bias") for path in still)  # softmax does not see what all keys share


@pytest.mark.slow
@pytest.mark.parametrize("build", [lambda: small(stem=4), small_carvana, small_trans])
def test_a_model_survives_saving_and_opens_in_a_process_of_its_own(build, tmp_path):
    model = build()
    training.save_model(model, tmp_path / "model.keras")
    np.save(tmp_path / "photos.npy", NOISE)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import numpy as np; from utils import inference; "
        "answer = inference.load_model('model.keras').predict_on_batch(np.load('photos.npy')); "
        "np.save('answer.npy', answer)"
    )
    subprocess.run([sys.executable, "-c", code, str(PROJECT)], cwd=tmp_path, check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "answer.npy"), model.predict_on_batch(NOISE), atol=1e-6)
