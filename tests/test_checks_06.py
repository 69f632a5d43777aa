"""The self-checks of chapter 06 tell right from wrong answers."""

import keras
import numpy as np
import pytest
from keras import layers

from utils import checks, models


def padded(photo, levels):
    down, right = (-side % 2**levels for side in photo.shape[:2])
    return np.pad(photo, ((0, down), (0, right), (0, 0)), mode="edge")


def always_a_whole_multiple_more(photo, levels):
    down, right = (2**levels - side % 2**levels for side in photo.shape[:2])
    return np.pad(photo, ((0, down), (0, right), (0, 0)), mode="edge")


def padded_above(photo, levels):
    return padded(photo[::-1, ::-1], levels)[::-1, ::-1]


def padded_with(mode):
    def with_mode(photo, levels):
        down, right = (-side % 2**levels for side in photo.shape[:2])
        return np.pad(photo, ((0, down), (0, right), (0, 0)), mode=mode)

    return with_mode


def cropped(photo, levels):
    height, width = (side // 2**levels * 2**levels for side in photo.shape[:2])
    return photo[:height, :width]


def average(predict, photos):
    return (predict(photos) + predict(photos[:, :, ::-1])[:, :, ::-1]) / 2


def not_flipped_back(predict, photos):
    return (predict(photos) + predict(photos[:, :, ::-1])) / 2


def upside_down(predict, photos):
    return (predict(photos) + predict(photos[:, ::-1])[:, ::-1]) / 2


def sum_of_both(predict, photos):
    return predict(photos) + predict(photos[:, :, ::-1])[:, :, ::-1]


CASES = [
    (
        checks.exercise_06_1,
        padded,
        [
            always_a_whole_multiple_more,
            padded_above,
            padded_with("reflect"),
            padded_with("constant"),
            cropped,
            lambda photo, levels: photo,
        ],
    ),
    (checks.exercise_06_2, average, [not_flipped_back, upside_down, sum_of_both, lambda predict, x: predict(x)]),
]


@pytest.mark.parametrize(("check", "right", "wrong"), CASES, ids=[case[0].__name__ for case in CASES])
def test_exercise(check, right, wrong, judge):
    judge(check, right, wrong)


def conv(x, channels, kernel=3):
    x = layers.Conv2D(channels, kernel, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))


def adding(size, levels, base=8, merge=lambda x, skip: layers.Add()([x, skip]), last="sigmoid"):
    """A U-Net with a merge of its own."""
    inputs = keras.Input((size, size, 3))
    x, kept = layers.Rescaling(1 / 127.5, offset=-1)(inputs), []
    for level in range(levels):
        x = conv(conv(x, base * 2**level), base * 2**level)
        kept.append(x)
        x = layers.MaxPooling2D()(x)
    x = conv(conv(x, base * 2**levels), base * 2**levels)
    for skip in reversed(kept):
        x = layers.UpSampling2D(interpolation="bilinear")(conv(x, skip.shape[-1], kernel=1))
        x = conv(conv(merge(x, skip), skip.shape[-1]), skip.shape[-1])
    return keras.Model(inputs, layers.Activation(last)(layers.Conv2D(1, 1)(x)))


def stuck(size, levels):
    model = adding(size, levels)
    model.trainable = False
    return model


WRONG_NETWORKS = {
    "concatenates": lambda size, levels: models.unet(size, levels=levels),
    "expected one skip at each": lambda size, levels: adding(size, levels, merge=lambda x, skip: x),
    "maps": lambda size, levels: adding(2 * size, levels),
    "at the widths": lambda size, levels: adding(size, levels - 1),
    "weights": lambda size, levels: adding(size, levels, base=16),
    "sigmoid": lambda size, levels: adding(size, levels, last="linear"),
    "does not learn": stuck,
    "expected a keras.Model": lambda size, levels: None,
}


@pytest.mark.slow
def test_the_adding_unet(judge):
    keras.utils.set_random_seed(0)
    judge(checks.exercise_06_3, adding, WRONG_NETWORKS.values())
    assert checks.exercise_06_3(lambda *a: adding(*a, merge=lambda x, skip: x + skip)) is True


@pytest.mark.slow
@pytest.mark.parametrize("told", WRONG_NETWORKS)
def test_a_wrong_network_is_told_what_is_wrong(told, capsys):
    assert checks.exercise_06_3(WRONG_NETWORKS[told]) is False
    assert told in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_adding_unet_learns_whatever_its_start(seed):
    keras.utils.set_random_seed(seed)
    assert checks.exercise_06_3(adding) is True
