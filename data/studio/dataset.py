"""The csv files around pictures and masks, in Kaggle's layout."""

import csv

import numpy as np
from PIL import Image

from .files import mask_path, missing_views, write_whole


def run_lengths(mask):
    """Row-major, 1-indexed start-length pairs of a mask, as a string."""
    padded = np.concatenate([[0], np.asarray(mask, np.int8).ravel(), [0]])
    edges = np.flatnonzero(np.diff(padded)) + 1
    edges[1::2] -= edges[::2]
    return " ".join(map(str, edges))


def read_mask(path):
    """A mask as uint8 0/1 ``(h, w)``."""
    with Image.open(path) as image:
        return np.array(image)


def write_tables(folder, cars, views):
    """Write the csv files for the cars that are complete.

    Returns
    -------
    list of Car
        The complete cars, sorted by id.
    """
    complete = sorted((car for car in cars if not missing_views(folder, car, views)), key=lambda car: car.id)
    train = [car for car in complete if car.part == "train"]
    test = [car for car in complete if car.part == "test"]
    write_csv(folder, "train_masks.csv", ("img", "rle_mask"), mask_rows(folder, train, views))
    write_csv(
        folder,
        "sample_submission.csv",
        ("img", "rle_mask"),
        [(name(car, v), "1 1") for car in test for v in views],
    )
    write_csv(folder, "solution.csv", ("img", "rle_mask", "usage"), mask_rows(folder, test, views))
    write_csv(
        folder,
        "metadata.csv",
        ("id", "year", "make", "model", "trim1", "trim2"),
        [(car.id, *car.metadata) for car in complete],
    )
    return complete


def name(car, view):
    """File name of a picture."""
    return f"{car.id}_{view:02d}.jpg"


def mask_rows(folder, cars, views):
    """(picture, run lengths) of training cars; for test cars the leaderboard too."""
    for car in cars:
        for view in views:
            row = (name(car, view), run_lengths(read_mask(mask_path(folder, car, view))))
            yield row + (car.usage,) if car.usage else row


def write_csv(folder, filename, header, rows):
    """One csv file, whole or not at all."""

    def save(part):
        with open(part, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)

    write_whole(f"{folder}/{filename}", save)
