"""Are the networks that come with the course as good as their card says?

    python -m benchmarks.weights [--data ROOT] [--cars FILE]

Each file of the table in data/weights/README.md is compared with its checksum, then scored again on the test cars of
data/sample and data/street, at the original size, threshold 0.5. The run fails where a Dice is off by more than 0.0005.
ROOT adds the training images of another data set, which are scored and compared with nothing; FILE names the cars to
score there, one id a line.
"""

import argparse
import re
import sys
from pathlib import Path

import pandas as pd

from benchmarks import common
from utils import CourseError, data, evaluation, inference

WEIGHTS = data.PROJECT / "data" / "weights"
SETS = {f"{name}/test": data.PROJECT / "data" / name for name in ("sample", "street")}
ROW = re.compile(r"^\| ([\w.-]+) \| ([0-9a-f]{12}) \| (0\.\d+|-) \| (0\.\d+|-) \|$", re.MULTILINE)
TOLERANCE = 0.0005


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="score this data set, too: a folder in Kaggle's layout")
    parser.add_argument("--cars", type=Path, metavar="FILE", help="of it, score these cars, one id a line")
    args = parser.parse_args()
    promised = card()
    if wrong := mismatches(promised):
        sys.exit(f"The card {WEIGHTS / 'README.md'} does not fit the files beside it. {' '.join(wrong)}")
    frames = {name: test_images(root) for name, root in SETS.items()}
    if args.data:
        frames[args.data.resolve().name] = chosen_images(args.data, args.cars)
    table = pd.DataFrame(scored(promised, frames))
    common.publish("weights", table)
    off = table[table["card"].notna() & ~((table["dice"] - table["card"]).abs() <= TOLERANCE)]
    if len(off):
        found = [f"{row.file} on {row.data}: {row.dice:.4f}, not {row.card:.4f}" for row in off.itertuples()]
        sys.exit(f"The card {WEIGHTS / 'README.md'} is off. {'; '.join(found)}.")


def card():
    """The table of data/weights/README.md, a row a file: its ``checksum``, and its Dice on each of `SETS`, or nan."""
    rows = ROW.findall((WEIGHTS / "README.md").read_text(encoding="utf-8"))
    table = pd.DataFrame(rows, columns=["file", "checksum", *SETS]).set_index("file")
    return table.assign(**{name: pd.to_numeric(table[name], errors="coerce") for name in SETS})


def mismatches(promised):
    """Sentences on files without a row, rows without a file, and files that are not those of the card."""
    files = {path.name for path in WEIGHTS.glob("[!.]*")} - {"README.md"}
    wrong = [f"{name} has no row." for name in sorted(files - set(promised.index))]
    for name, checksum in promised["checksum"].items():
        if name not in files:
            wrong.append(f"{name} is missing: git checkout data/weights brings it back.")
        elif (found := common.checksum(WEIGHTS / name)) != checksum:
            wrong.append(f"{name} has the checksum {found}, not {checksum}: git checkout data/weights, or a new row.")
    return wrong


def test_images(root):
    if not (root / "test").is_dir():
        raise CourseError(f"{root} has no test images. Get them back: git checkout data/{root.name}")
    return data.open_data(root, "test")


def chosen_images(root, cars):
    frame = data.without_bad_masks(data.open_data(root))
    return data.select_cars(frame, data.read_cars(cars)) if cars else frame


def scored(promised, frames):
    """Mean Dice of every file on every data set, beside what the card says: dicts."""
    for file, row in promised.iterrows():
        model = inference.load_model(WEIGHTS / file)
        for name, frame in frames.items():
            dice = evaluation.evaluate(model, frame, progress=True)["dice"].mean()
            yield {"file": file, "data": name, "images": len(frame), "dice": dice, "card": row.get(name)}


if __name__ == "__main__":
    common.run(main)
