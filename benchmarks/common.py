"""What the benchmarks share: their options and cars, things timed in turns, results that are shown and kept."""

import argparse
import hashlib
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from utils import CourseError, data, machine, plots, progress, replacing

RESULTS = Path(__file__).parent / "results"
STATUS = Path("/proc/self/status")
SIDE = 2048  # of the matrices that tell how fast the machine is


def run(main):
    """Run a benchmark; a mistake that can be explained ends it with its sentence and exit code 1."""
    try:
        main()
    except CourseError as error:
        sys.exit(str(error))


def parser(doc, minutes=None):
    """The options of a benchmark that trains; ``minutes``, where it has that option, is its default."""
    options = argparse.ArgumentParser(description=doc.splitlines()[0])
    options.add_argument("--data", default=data.default_root(), type=Path, help="folder in Kaggle's layout")
    options.add_argument("--cars", type=Path, metavar="FILE", help="train on these cars, one id a line")
    if minutes:
        options.add_argument("--minutes", default=minutes, type=float, help="of training")
    return options


def sides(root, cars=None):
    """Photos to train on, of the cars named in a file or of four fifths of all, and photos of all other cars."""
    everything = data.open_data(root)
    if cars:
        named = data.select_cars(everything, data.read_cars(cars))
        others = everything[~everything["id"].isin(named["id"])].reset_index(drop=True)
        if not len(others):
            raise CourseError(f"{cars} names every car of {root}: leave out some, to score on.")
    else:
        named, _, others = data.split_by_car(everything, val=0, test=0.2)
    return data.without_bad_masks(named), others


def load(frame, size):
    """Photos and soft masks."""
    return data.load_images(frame, size), data.load_masks(frame, size)


def hard(masks):
    """Soft masks 0-255 cut at one half, as others train on."""
    return np.where(masks > 127, np.uint8(255), np.uint8(0))


def in_turns(tasks, repeats=7):
    """Seconds each task takes, one after the other and again, so that other work on the machine favours none.

    ``tasks`` maps names to functions without arguments. Returned are a row a repeat and a column a task; a first round
    that warms up caches is left out.
    """
    rounds = progress(range(repeats + 1), desc="rounds", unit="round", disable=None)
    rows = [{name: seconds(task) for name, task in tasks.items()} for _ in rounds]
    return pd.DataFrame(rows[1:])


def seconds(task):
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def timed(used, task, *arguments):
    """Note the processor time of a task."""
    start = time.process_time()
    task(*arguments)
    used.append(time.process_time() - start)


def multiply():
    """One large product of float32 matrices, in Keras' backend."""
    from keras import ops  # only where it is wanted: not every benchmark needs Keras

    ones = ops.ones((SIDE, SIDE))
    ops.convert_to_numpy(ops.matmul(ones, ones)[0, 0])


def gflops(repeats=5):
    """How fast the machine is just now: 1e9 operations a second of `multiply`, the median of a few."""
    multiply()
    return 2 * SIDE**3 / np.median([seconds(multiply) for _ in range(repeats)]) / 1e9


def checksum(path):
    """The first 12 digits of a file's SHA-256."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def peak_mb():
    """The most memory this process has used so far, in MB."""
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def python(*arguments):
    """Run this Python on something, in the project; what it printed."""
    done = subprocess.run([sys.executable, *map(str, arguments)], cwd=data.PROJECT, capture_output=True, text=True)
    if done.returncode:
        raise CourseError(f"python {' '.join(map(str, arguments))} failed:\n{done.stderr}")
    return done.stdout


def peak_mb_of(code, *arguments):
    """The most memory a process that runs this code uses, in MB; nan where there is no /proc to ask.

    The system's own count for a child begins with the peak of the process that started it.
    """
    if not STATUS.exists():
        return np.nan
    told = python("-c", f"{code}\nprint(open('{STATUS}').read())", *arguments)
    return int(re.search(r"VmHWM:\s+(\d+) kB", told)[1]) * 1024 / 1e6


def spread(values):
    """Median, lowest and highest of each column of ``in_turns``: a row a task."""
    return values.agg(["median", "min", "max"]).T.rename_axis("task")


def demand(least, ratios):
    """Stop with an error where one of ``ratios``, which say how many times as fast things are, is below ``least``."""
    slow = [f"{name}: {ratio:.2f}" for name, ratio in ratios.items() if not ratio >= least]
    if slow:
        sys.exit(f"Slower than the course promises, which is {least} times as fast. {'; '.join(slow)}")


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
