"""What the benchmarks share: their options and cars, things timed in turns, results that are shown and kept."""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from notebooks.run import machine
from utils import data, plots, replacing
from utils.__main__ import read_cars

RESULTS = Path(__file__).parent / "results"


def parser(doc, minutes):
    """The options of a benchmark that trains; ``minutes`` is the default of one of them."""
    options = argparse.ArgumentParser(description=doc.splitlines()[0])
    options.add_argument("--data", default=data.default_root(), type=Path, help="folder in Kaggle's layout")
    options.add_argument("--cars", type=Path, metavar="FILE", help="train on these cars, one id a line")
    options.add_argument("--minutes", default=minutes, type=float, help="of training")
    return options


def sides(root, cars=None):
    """Photos to train on, of the cars named in a file or of four fifths of all, and photos of all other cars."""
    everything = data.open_data(root)
    if cars:
        ours = data.select_cars(everything, read_cars(cars))
        others = everything[~everything["id"].isin(ours["id"])].reset_index(drop=True)
    else:
        ours, _, others = data.split_by_car(everything, val=0, test=0.2)
    return data.without_bad_masks(ours), others


def hard(masks):
    """Soft masks 0-255 cut at one half, as others train on."""
    return np.where(masks > 127, np.uint8(255), np.uint8(0))


def in_turns(tasks, repeats=7):
    """Seconds each task takes, one after the other and again, so that other work on the machine favours none.

    ``tasks`` maps names to functions without arguments. Returned are a row a repeat and a column a task; a first round
    that warms up caches is left out.
    """
    rows = [{name: seconds(task) for name, task in tasks.items()} for _ in range(repeats + 1)]
    return pd.DataFrame(rows[1:])


def seconds(task):
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def peak_mb(children=False):
    """The most memory this process, or one of its children, has used so far, in MB."""
    import resource  # Windows has none

    used = resource.getrusage(resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF).ru_maxrss
    return used * (1 if sys.platform == "darwin" else 1024) / 1e6


def spread(values):
    """Median, lowest and highest of each column of ``in_turns``: a row a task."""
    return values.agg(["median", "min", "max"]).T.rename_axis("task")


def publish(name, table, figure=None):
    """Print a table, write it to results/NAME.csv with the machine it was measured on, save its figure."""
    print(table.to_string(index=False, float_format="{:.5g}".format), flush=True)
    write(RESULTS / f"{name}.csv", table.assign(machine=machine()))
    if figure:
        plots.save(figure, f"bench_{name}")


def has_row(path, key):
    """Whether a row of the table at ``path`` has all the values of ``key``."""
    table = read(path)
    return set(key) <= set(table) and bool((table[list(key)] == key).all(axis=1).any())


def add_row(path, row):
    """Add one row, a dict, to the table at ``path`` at once, so that a run that is stopped goes on where it was."""
    write(path, pd.DataFrame([*read(path).to_dict("records"), row]))


def read(path):
    return pd.read_csv(path) if path.exists() else pd.DataFrame()


def write(path, table):
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.5g")
