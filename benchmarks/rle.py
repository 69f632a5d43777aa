"""Run-length encoding against pycocotools, a popular snippet and a loop: about 1 minute on 2 CPU cores.

    python -m benchmarks.rle [--data ROOT]

Milliseconds, on masks from 128 to 4096 pixels square: a car, the car with 1 and with 10 % of its pixels flipped, and
coin tosses. Each side writes its own form: `utils.rle`, the snippet and the loop Kaggle's text; pycocotools, which
numbers by columns and so gets the transposed mask, its compressed counts. The snippet's approach (compare neighbours,
join as text; fill run by run) is written anew, with the zeros at both ends without which it is wrong. It stops at 2048
pixels and the loop at 512: beyond, they would take most of the minute.
"""

import argparse
from functools import partial

import numpy as np
import pandas as pd
from pycocotools import mask as coco

from benchmarks import common
from utils import data, plots, rle

SIZES = [128, 256, 512, 1024, 2048, 4096]
FLIPPED = {"car": 0, "1 % flipped": 0.01, "10 % flipped": 0.1, "coin tosses": 0.5}
LARGEST = {"snippet": 2048, "loop": 512}
REPEATS = 5
LEAST_GAIN = 0.85  # over pycocotools, for a car of 1024 pixels or more: no slower, but for noise


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="data/sample", help="folder in Kaggle's layout, for the outline of a car")
    car = data.open_data(parser.parse_args().data).iloc[4]
    rows = [row for size in SIZES for name in FLIPPED for row in measure(draw(car, size, name), name)]
    table = pd.DataFrame(rows)
    common.publish("rle", table, figure(table))
    common.demand(LEAST_GAIN, gains(table, "pycocotools"))


def draw(car, size, name):
    """The car's mask, uint8 0 and 1, with a share of its pixels flipped."""
    flipped = np.random.default_rng(size).random((size, size)) < FLIPPED[name]
    return ((data.read_mask(car, size) > 127) ^ flipped).astype(np.uint8)


def measure(mask, name):
    """Each side on one mask, after a check that it gives the mask back: a row a task."""
    size = len(mask)
    sides = {side: pair for side, pair in SIDES.items() if size <= LARGEST.get(side, size)}
    written = {side: encode(mask) for side, (encode, _) in sides.items()}
    for side, (_, decode) in sides.items():
        np.testing.assert_array_equal(decode(written[side], mask.shape), mask, err_msg=f"{side}, {name}, {size}")
    encoding = milliseconds({side: (encode, mask) for side, (encode, _) in sides.items()}, mask)
    decoding = milliseconds({side: (decode, written[side], mask.shape) for side, (_, decode) in sides.items()}, mask)
    taken = {"encode": encoding, "decode": decoding, "round trip": encoding + decoding}
    key = {"size": size, "mask": name, "edges": np.mean(np.diff(mask.ravel()) != 0)}
    return [key | {"task": task} | columns(common.spread(values)) for task, values in taken.items()]


def columns(stats):
    """A table, a row a side, as one row."""
    return {f"{side} {stat}": value for (side, stat), value in stats.stack().items()}


def milliseconds(works, mask):
    """Each side in turn; the faster ones several times a turn, where the mask is small."""
    calls = pd.Series({side: 1 if side == "loop" else max(1, 2**22 // mask.size) for side in works})
    tasks = {side: partial(repeat, calls[side], *work) for side, work in works.items()}
    return 1000 * common.in_turns(tasks, REPEATS) / calls


def repeat(calls, function, *arguments):
    for _ in range(calls):
        function(*arguments)


def gains(table, other):
    """How many times as long as ours another side takes for large masks of cars, writing and reading."""
    cars = table[(table["mask"] == "car") & (table["size"] >= 1024)].set_index(["size", "task"])
    return cars[f"{other} median"] / cars["utils.rle median"]


def figure(table):
    """How much longer than ours the fastest other side takes for a round trip, by size and mask."""
    trips = table[table["task"] == "round trip"].set_index(["size", "mask"]).filter(like=" median")
    others = trips.drop(columns="utils.rle median").min(axis=1) / trips["utils.rle median"]
    gains = others.unstack()[list(FLIPPED)]
    least = gains.loc[1024:, "car"].min()
    title = f"A car's mask from 1024 pixels up: the fastest alternative takes at least {least:.1f} times as long"
    labels = "width and height, pixels", "time of the fastest alternative / ours"
    return plots.lines(gains.rename(index=str), title, *labels)


def coco_encode(mask):
    return coco.encode(np.asfortranarray(mask.T))


def coco_decode(written, shape):
    return coco.decode(written).T


def snippet_encode(mask):
    padded = np.pad(mask.ravel(), 1)
    edges = np.nonzero(padded[1:] != padded[:-1])[0] + 1
    edges[1::2] -= edges[::2]
    return " ".join(str(number) for number in edges)


def snippet_decode(text, shape):
    starts, lengths = np.array(text.split(), int).reshape(-1, 2).T
    mask = np.zeros(shape[0] * shape[1], np.uint8)
    for start, length in zip(starts - 1, lengths):
        mask[start : start + length] = 1
    return mask.reshape(shape)


def loop_encode(mask):
    runs, before = [], 0
    for number, pixel in enumerate(mask.ravel().tolist(), start=1):
        if pixel and not before:
            runs += [number, 0]
        if pixel:
            runs[-1] += 1
        before = pixel
    return " ".join(map(str, runs))


def loop_decode(text, shape):
    pixels, numbers = [0] * (shape[0] * shape[1]), [int(token) for token in text.split()]
    for start, length in zip(numbers[::2], numbers[1::2]):
        for pixel in range(start - 1, start - 1 + length):
            pixels[pixel] = 1
    return np.array(pixels, np.uint8).reshape(shape)


SIDES = {
    "utils.rle": (rle.encode, rle.decode),
    "pycocotools": (coco_encode, coco_decode),
    "snippet": (snippet_encode, snippet_decode),
    "loop": (loop_encode, loop_decode),
}


if __name__ == "__main__":
    main()
