"""Measure data sets in Kaggle's layout and print the numbers side by side.

``python -m data.studio.compare data/sample data/carvana`` needs NumPy and Pillow only.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

SIZE, SMALL = (480, 320), (128, 128)


def cars_in(folder):
    """Ids of the cars that have pictures and masks of all 16 views, sorted."""
    counts = {}
    for path in Path(folder, "train_masks").glob("*_mask.*"):
        counts[path.name[:12]] = counts.get(path.name[:12], 0) + 1
    return sorted(car for car, count in counts.items() if count == 16)


def read(folder, car, view):
    """Picture float ``(h, w, 3)`` and mask bool ``(h, w)`` at 480 x 320."""
    with Image.open(Path(folder, "train", f"{car}_{view:02d}.jpg")) as image:
        picture = np.asarray(image.convert("RGB").resize(SIZE, Image.BOX), float)
    path = next(Path(folder, "train_masks").glob(f"{car}_{view:02d}_mask.*"))
    with Image.open(path) as image:
        mask = np.asarray(image.convert("L").resize(SIZE, Image.BOX)) > 127
    return picture, mask


def blur(values, radius):
    """Mean over a square window, edges repeated."""
    size = 2 * radius + 1
    for axis in (0, 1):
        pad = [(radius + 1, radius) if a == axis else (0, 0) for a in (0, 1)]
        total = np.cumsum(np.pad(values, pad, mode="edge"), axis)
        low, high = (np.take(total, range(s, s + values.shape[axis]), axis) for s in (0, size))
        values = (high - low) / size
    return values


def measure(picture, mask):
    """The numbers of one image."""
    grey, outside = picture.mean(2), ~mask
    ring = mask & (blur(mask.astype(float), 1) < 0.999)
    share = blur(mask.astype(float), 3)
    inner = blur(grey * mask, 3) / np.maximum(share, 1e-6)
    outer = blur(grey * outside, 3) / np.maximum(1 - share, 1e-6)
    wall, floor = picture[6:38][outside[6:38]], picture[236:296][outside[236:296]]
    border = mask[:, :2].any() or mask[:, -2:].any()
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return {
        "mask area (% of the image)": 100 * mask.mean(),
        "wall grey": wall.mean(),
        "floor grey": np.median(floor.mean(1)),
        "wall red - blue": (wall[:, 0] - wall[:, 2]).mean(),
        "floor red - blue": np.median(floor[:, 0] - floor[:, 2]),
        "car grey": grey[mask].mean(),
        "car spread (sd of grey)": grey[mask].std(),
        "contrast at the boundary (grey levels)": np.abs(inner - outer)[ring].mean(),
        "boundary with contrast under 15 (%)": 100 * (np.abs(inner - outer)[ring] < 15).mean(),
        "boundary length / sqrt(area)": ring.sum() / np.sqrt(mask.sum()),
        "touches left or right border (%)": 100 * border,
        "top of the car (% of height)": 100 * rows[0] / SIZE[1],
        "bottom of the car (% of height)": 100 * rows[-1] / SIZE[1],
        "centre of the car (% of width)": 50 * (columns[0] + columns[-1]) / SIZE[0],
    }


def blind_scores(masks):
    """Accuracy and Dice of the mean mask of each view, which never looks at an image.

    `masks` is ``(cars, 16, h, w)``; half of the cars are held out.
    """
    half = len(masks) // 2
    if not half:
        return np.nan, np.nan
    guess = masks[:half].mean(0) > 0.5
    truth = masks[half:]
    both = (guess & truth).sum((2, 3))
    dice = 2 * both / (guess.sum((1, 2)) + truth.sum((2, 3)))
    return (guess == truth).mean(), dice.mean()


def summary(folder):
    """All numbers of a data set: dict of label to text."""
    cars = cars_in(folder)
    if not cars:
        sys.exit(f"compare: no complete car in {folder}/train and {folder}/train_masks.")
    rows, masks = [], []
    for car in cars:
        for view in range(1, 17):
            picture, mask = read(folder, car, view)
            rows.append(measure(picture, mask))
            masks.append(np.asarray(Image.fromarray(mask).resize(SMALL)))
    values = {key: np.array([row[key] for row in rows]).reshape(len(cars), 16) for key in rows[0]}
    out = {"cars": f"{len(cars)}"}
    for key, table in values.items():
        if "%)" in key and "touches" in key:
            out[key] = f"{table.mean():.1f}"
        else:
            out[key] = f"{table.mean():.1f} ± {table.std():.1f}"
    area = values["mask area (% of the image)"]
    out["mask area, range"] = f"{area.min():.1f} - {area.max():.1f}"
    for view in (1, 3, 5, 7, 9, 11, 13, 15):
        out[f"mask area, view {view:02d}"] = f"{area[:, view - 1].mean():.1f}"
    for key in ("wall grey", "floor grey", "car grey"):
        out[f"{key}: spread from car to car"] = f"{values[key].mean(1).std():.1f}"
    accuracy, dice = blind_scores(np.array(masks).reshape(len(cars), 16, *SMALL[::-1]))
    out["image-blind mean mask by view: accuracy"], out["the same: Dice"] = f"{accuracy:.3f}", f"{dice:.3f}"
    return out


def main(folders):
    """Print a Markdown table, one column a data set."""
    if not folders:
        sys.exit("usage: python -m data.studio.compare FOLDER [FOLDER ...]")
    columns = [summary(folder) for folder in folders]
    print("| | " + " | ".join(folders) + " |")
    print("|---" * (len(folders) + 1) + "|")
    for key in columns[0]:
        print(f"| {key} | " + " | ".join(column[key] for column in columns) + " |")


if __name__ == "__main__":
    main(sys.argv[1:])
