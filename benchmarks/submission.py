"""A submission of Kaggle's size: 100,064 masks of 1918 x 1280 written, compressed, validated. Seconds and memory.

    python -m benchmarks.submission                the full size
    python -m benchmarks.submission --rows 10000   part of it

The masks are those of data/sample_fullsize, moved sideways by a random number of pixels each; no network runs.
The result goes to benchmarks/results/submission.csv.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.common import peak_mb
from notebooks.run import machine
from utils import data, replacing, submission

ROWS, SHAPE = 100_064, (1280, 1918)
RESULT = Path(__file__).parent / "results" / "submission.csv"


def masks_from(originals, rows):
    """What `submission.write_masks` asks for: a function from the first row to the masks from there on."""
    shifts = np.random.default_rng(0).integers(-100, 100, rows)

    def masks(start):
        for row in range(start, rows):
            yield np.roll(originals[row % len(originals)], shifts[row], axis=1)

    return masks


def measure(rows, path):
    """Write and validate a submission of this many rows at ``path``; return the measurements."""
    frame = pd.DataFrame({"image": [f"{row // 16:012x}_{row % 16 + 1:02d}.jpg" for row in range(rows)]})
    full = data.open_data(data.PROJECT / "data" / "sample_fullsize").to_dict("records")
    originals = [data.read_mask(row) > 127 for row in full]
    before, start = peak_mb(), time.perf_counter()
    submission.write_masks(masks_from(originals, rows), frame, path, shape=SHAPE, progress=True)
    written = time.perf_counter()
    submission.validate(path, frame, shape=SHAPE)
    return {
        "rows": rows,
        "megabytes": path.stat().st_size / 1e6,
        "seconds": written - start,  # a first validation included
        "seconds_validating": time.perf_counter() - written,
        "peak_mb": peak_mb(),
        "peak_mb_above_start": peak_mb() - before,
        "machine": machine(),
    }


def main():
    """Measure in a temporary folder and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        table = pd.DataFrame([measure(rows, Path(folder) / "submission.csv.gz")]).round(1)
    print(table.T.to_string(header=False))
    with replacing(RESULT) as temporary:
        table.to_csv(temporary, index=False)


if __name__ == "__main__":
    main()
