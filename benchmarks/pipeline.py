"""Augmented pairs a second: ours, Keras' generator and layers, albumentations. About 3 minutes on 2 CPU cores.

    python -m benchmarks.pipeline [--data ROOT]

The same photos and soft masks at 128 and 256 pixels, in batches of 16, under flips, shifts, changes of scale, rotations
and shears within the same limits, bilinear, the nearest pixel repeated at the border; then with shifts of hue,
saturation and brightness, too, which the generator does not have. First every side is given masks as images: image and
mask must come out alike.

A worker is a thread that makes whole batches. OpenCV gets one thread a call and TensorFlow one an operation, so that a
worker has one core; the generator has no workers. `cores` is processor time over time, and `per_core` pairs over
processor time. In tf.data the mask rides along as a fourth channel, so that each layer warps once.
Albumentations is left out, with a word, where it is not installed: benchmarks/requirements.txt.
"""

import argparse
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from itertools import islice

import cv2
import keras
import numpy as np
import pandas as pd

from benchmarks import common
from utils import augment, data, plots

PAIRS = {128: 256, 256: 96}
BATCH = 16
REPEATS = 5
LEAST_GAIN = 8  # of `Batches` over the generator, in processor time
GEOMETRY = {"flip": 0.5, "shift": 0.0625, "scale": 0.1, "rotate": 5, "shear": 3}
HSV = (10, 25, 15)  # on OpenCV's scale: 0-180, 0-255, 0-255


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="data/sample", help="folder in Kaggle's layout")
    frame = data.open_data(parser.parse_args().data)
    cv2.setNumThreads(1)
    table = pd.DataFrame([row for size, pairs in PAIRS.items() for row in measure(frame.head(pairs), size)])
    common.publish("pipeline", table, figure(table))
    rates = table[(table["colours"] == "geometry") & (table["workers"] == 1)].set_index(["size", "side"])["per_core"]
    common.demand(LEAST_GAIN, rates.xs("Batches", level="side") / rates.xs("ImageDataGenerator", level="side"))


def measure(frame, size):
    """Each side at one size, in turns, once it is seen to keep image and mask together."""
    images, masks = np.array(data.load_images(frame, size)), np.array(data.load_masks(frame, size))
    tasks = {}
    for (side, colours), make in sides().items():
        check(make, masks, side)
        for workers in [1] if side == "ImageDataGenerator" else [1, 2]:
            tasks[side, colours, workers] = partial(consume, make(images, masks, workers))
    used = {key: [] for key in tasks}
    taken = common.in_turns({key: partial(common.timed, used[key], task) for key, task in tasks.items()}, REPEATS)
    rows = []
    for key in tasks:
        rate, cores = len(images) / taken[key], pd.Series(used[key][1:]) / taken[key]
        median, low, high = rate.agg(["median", "min", "max"])
        row = {"size": size} | dict(zip(["side", "colours", "workers"], key)) | {"pairs_per_second": median}
        rows.append(row | {"min": low, "max": high, "cores": cores.median(), "per_core": (rate / cores).median()})
    return rows


def consume(epoch):
    for _ in epoch():
        pass


def check(make, masks, side):
    """Masks as images: what comes out must still be its own mask, and must have moved."""
    masks = masks[:BATCH]
    x, y = next(iter(make(np.repeat(masks[..., None], 3, axis=-1), masks, 1)()))
    brightest, y = np.max(x, axis=-1), np.asarray(y)[..., 0]
    alike = [np.corrcoef(image.ravel(), mask.ravel())[0, 1] for image, mask in zip(brightest, y)]
    moved = [min(abs(mask - old / 255).mean() for old in masks) > 0.001 for mask in y]
    if min(alike) < 0.999 or np.mean(moved) < 0.9 or y.max() > 1.001:
        raise AssertionError(f"{side}: correlation {min(alike):.4f}, {np.mean(moved):.0%} moved, masks to {y.max()}")


def figure(table):
    """Pairs a second and core at the larger size; the title is about both."""
    single = table[table["workers"] == 1]
    rates = single.pivot(index=["size", "colours"], columns="side", values="per_core")
    gains = rates["Batches"] / rates.drop(columns="Batches").max(axis=1)
    title = f"Per core, Batches are at least {gains.min():.1f} times as fast as the others"
    large = single[single["size"] == single["size"].max()]
    values = large.set_index(large["side"] + ", " + large["colours"])["per_core"].sort_values(ascending=False)
    return plots.bars(values, title, f"pairs of {large['size'].iloc[0]} pixels a second of processor time", digits=0)


def sides():
    """Functions of images, masks and workers, by name and colours; what they return, called, yields an epoch."""
    found = {
        ("Batches", "geometry"): our_batches,
        ("Batches", "with hsv"): partial(our_batches, hsv=HSV),
        ("ImageDataGenerator", "geometry"): generator,
        ("Keras layers", "geometry"): keras_layers,
        ("Keras layers", "with hsv"): partial(keras_layers, hsv=HSV),
    }
    if find_spec("albumentations"):
        found["albumentations", "geometry"] = albumentations
        found["albumentations", "with hsv"] = partial(albumentations, hsv=HSV)
    else:
        print("albumentations is not installed: pip install -r benchmarks/requirements.txt")
    return found


def our_batches(images, masks, workers, hsv=(0, 0, 0)):
    return partial(in_threads, augment.Batches(images, masks, BATCH, **GEOMETRY, hsv=hsv), workers)


def in_threads(batches, workers):
    """Batches in order, made by threads, as Keras' ``workers`` does."""
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(batches.__getitem__, range(len(batches)))


def generator(images, masks, workers):
    limits = {"horizontal_flip": True, "fill_mode": "nearest", "zoom_range": GEOMETRY["scale"]}
    limits |= {"rotation_range": GEOMETRY["rotate"], "shear_range": GEOMETRY["shear"]}
    limits |= {"width_shift_range": GEOMETRY["shift"], "height_shift_range": GEOMETRY["shift"]}
    pairs = augment.generator_pairs(images, masks, BATCH, settings=limits)
    return partial(islice, pairs, len(images) // BATCH)


def albumentations(images, masks, workers, hsv=None):
    return partial(in_threads, Albumentations(images, masks, hsv), workers)


class Albumentations(augment.Batches):
    """Our batches, with the transforms of albumentations; each batch has its own, for threads must not share one."""

    def __init__(self, images, masks, hsv):
        super().__init__(images, masks, BATCH)
        os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # no look at the network for a newer one
        import albumentations as library

        shift, scale, rotate, shear = (GEOMETRY[name] for name in ["shift", "scale", "rotate", "shear"])
        moves = {"translate_percent": (-shift, shift), "scale": (1 - scale, 1 + scale), "rotate": (-rotate, rotate)}
        moves |= {"shear": {"x": (-shear, shear), "y": (0, 0)}, "border_mode": cv2.BORDER_REPLICATE, "p": 1}
        moves |= {"interpolation": cv2.INTER_LINEAR, "mask_interpolation": cv2.INTER_LINEAR}
        steps = [library.HorizontalFlip(p=GEOMETRY["flip"]), library.Affine(**moves)]
        steps += [library.HueSaturationValue(*hsv, p=1)] if hsv else []
        self.transforms = [library.Compose(steps, seed=index) for index in range(len(self))]

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        for i, (image, mask) in enumerate(zip(x, y)):
            pair = self.transforms[index](image=image, mask=mask)
            x[i], y[i] = pair["image"], pair["mask"]
        return x, y


def keras_layers(images, masks, workers, hsv=None):
    import tensorflow as tf

    warp = keras.Sequential(warps())
    colour = keras.Sequential(colours(hsv)) if hsv else None

    def move(x, y):
        pairs = warp(tf.concat([tf.cast(x, tf.float32), tf.cast(y[..., None], tf.float32)], axis=-1), training=True)
        x, y = pairs[..., :3], pairs[..., 3:] / 255
        return (colour(x, training=True) if colour else x), y

    options = tf.data.Options()
    options.threading.private_threadpool_size = workers
    options.threading.max_intra_op_parallelism = 1
    pairs = tf.data.Dataset.from_tensor_slices((images, masks)).shuffle(len(images)).batch(BATCH)
    return pairs.map(move, num_parallel_calls=workers).with_options(options).as_numpy_iterator


def warps():
    layers, smooth = keras.layers, {"fill_mode": "nearest", "interpolation": "bilinear"}
    return [
        layers.RandomFlip("horizontal"),
        layers.RandomTranslation(GEOMETRY["shift"], GEOMETRY["shift"], **smooth),
        layers.RandomZoom(GEOMETRY["scale"], **smooth),
        layers.RandomRotation(GEOMETRY["rotate"] / 360, **smooth),
        layers.RandomShear(x_factor=np.tan(np.radians(GEOMETRY["shear"])), **smooth),
    ]


def colours(hsv):
    layers, hue, saturation, brightness = keras.layers, hsv[0] / 180, hsv[1] / 255, hsv[2] / 255
    return [
        layers.RandomHue(hue, value_range=(0, 255)),
        layers.RandomSaturation((0.5 - saturation / 2, 0.5 + saturation / 2), value_range=(0, 255)),
        layers.RandomBrightness(brightness, value_range=(0, 255)),
    ]


if __name__ == "__main__":
    main()
