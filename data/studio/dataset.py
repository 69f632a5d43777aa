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


def write_tables(folder, shoots):
    """Write the csv files for the cars that are complete.

    Parameters
    ----------
    folder : path of the data set
    shoots : list of (Car, its views)

    Returns
    -------
    list of Car
        The complete cars, sorted by id.
    """
    done = (shoot for shoot in shoots if not missing_views(folder, *shoot))
    complete = sorted(done, key=lambda shoot: shoot[0].id)
    train, test = ([(car, views) for car, views in complete if car.part == part] for part in ("train", "test"))
    write_csv(folder, "train_masks.csv", ("img", "rle_mask"), mask_rows(folder, train))
    write_csv(
        folder,
        "sample_submission.csv",
        ("img", "rle_mask"),
        [(name(car, v), "1 1") for car, views in test for v in views],
    )
    write_csv(folder, "solution.csv", ("img", "rle_mask", "usage"), mask_rows(folder, test))
    write_csv(
        folder,
        "metadata.csv",
        ("id", "year", "make", "model", "trim1", "trim2"),
        [(car.id, *car.metadata) for car, _ in complete],
    )
    return [car for car, _ in complete]


def name(car, view):
    """File name of a picture."""
    return f"{car.id}_{view:02d}.jpg"


def mask_rows(folder, shoots):
    """(picture, run lengths) of training cars; for test cars the leaderboard too."""
    for car, views in shoots:
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
