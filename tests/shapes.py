"""A small data set in Kaggle's layout: cars drawn as plain shapes."""

import csv
import zlib
from itertools import groupby

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 64, 96
MODELS = [("2012", "Acura", "TL", "Base", "w/SE"), ("", "", "", "", ""), ("2008", "Mazda", "RX-8", "GT", "")]


def car_id(number, part="train"):
    return f"{'ca' if part == 'train' else 'fe'}{number:010x}"


def draw(car, view, height=HEIGHT, width=WIDTH):
    """A photo, uint8 (height, width, 3), and its mask, bool: a body and a cabin of one colour before a grey wall."""
    rng = np.random.default_rng(zlib.crc32(f"{car} {view}".encode()))
    y, x = np.mgrid[: 1 : height * 1j, : 1 : width * 1j]
    centre, ground = rng.uniform(0.25, 0.75), rng.uniform(0.5, 0.8)
    body = (abs(x - centre) < rng.uniform(0.12, 0.25)) & (abs(y - ground) < rng.uniform(0.08, 0.18))
    cabin = ((x - centre) / 0.12) ** 2 + ((y - ground + 0.15) / 0.15) ** 2 < 1
    mask = body | cabin
    colour = np.random.default_rng(zlib.crc32(car.encode())).permutation([220, 120, 20])
    photo = np.where(mask[..., None], colour, (90 + 80 * y)[..., None]) + rng.normal(0, 4, (height, width, 3))
    return photo.clip(0, 255).round().astype(np.uint8), mask


def runs(mask):
    """Kaggle's run-length string, by grouping the pixels."""
    tokens, start = [], 1
    for value, group in groupby(mask.ravel().tolist()):
        length = len(list(group))
        tokens += [start, length] if value else []
        start += length
    return " ".join(map(str, tokens))


def save_gif(mask, path):
    """As Kaggle's masks are: one byte a pixel, 0 or 1, and a palette of black and white."""
    image = Image.fromarray(mask.astype(np.uint8))
    image.putpalette([0, 0, 0, 255, 255, 255])
    image.save(path)


def write_data(root, cars=2, views=2, masks=("gif", "csv"), metadata=True, test_cars=0):
    """Write a data set; ``masks`` names the forms the truth comes in: gif, png, csv."""
    for part, number in (("train", cars), ("test", test_cars)):
        names = [(car_id(car, part), view) for car in range(number) for view in range(1, views + 1)]
        if names:
            (root / part).mkdir(parents=True)
        rows = []
        for car, view in names:
            photo, mask = draw(car, view)
            Image.fromarray(photo).save(root / part / f"{car}_{view:02d}.jpg", quality=95)
            rows.append([f"{car}_{view:02d}.jpg", runs(mask)])
            if part == "train":
                _write_mask_files(root / "train_masks", f"{car}_{view:02d}", mask, masks)
        if part == "train" and "csv" in masks:
            write_csv(root / "train_masks.csv", ["img", "rle_mask"], rows)
        if part == "test" and rows:
            usage = ["Public", "Private"]
            rows = [[*row, usage[number % 2]] for number, row in enumerate(rows)]
            write_csv(root / "solution.csv", ["img", "rle_mask", "usage"], rows)
    if metadata:
        ids = [car_id(car) for car in range(cars)] + [car_id(car, "test") for car in range(test_cars)]
        rows = [[car, *MODELS[number % len(MODELS)]] for number, car in enumerate(ids)]
        write_csv(root / "metadata.csv", ["id", "year", "make", "model", "trim1", "trim2"], rows)
    return root


def _write_mask_files(folder, name, mask, forms):
    if {"gif", "png"} & set(forms):
        folder.mkdir(exist_ok=True)
    if "gif" in forms:
        save_gif(mask, folder / f"{name}_mask.gif")
    if "png" in forms:
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"{name}_mask.png")


def write_csv(path, header, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
