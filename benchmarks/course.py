"""Time and peak memory of each notebook, from its last run, against the time that it promises: under a second.

    python -m benchmarks.course

Reads benchmarks/results/course.csv, which `make course` writes, and the line **Time** of each notebook. The exit code
is 1 if one took more than one and a half times the seconds it states, or less than half.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import pandas as pd

from benchmarks.common import RESULTS, publish
from utils import CourseError, plots

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
STATED = re.compile(r"\*\*Time\*\*: (?:\d+ min to read; )?(?:about )?([\d.]+) (s|min)\w*(?: to run)? on 2 CPU cores")
SECONDS = {"s": 1, "min": 60}
LOW, HIGH = 0.75, 1.5  # times the stated seconds, which are within a third of those measured then


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    try:
        table = compare(RESULTS / "course.csv", NOTEBOOKS)
    except CourseError as error:
        sys.exit(f"error: {error}")
    publish("course_times", table, draw(table))
    if wrong := complaints(table):
        sys.exit("\n".join(wrong))


def compare(record, notebooks):
    """What each chapter took in its last run, and what it states: a row a chapter."""
    if not record.exists():
        raise CourseError(f"{record} is missing: run the notebooks first, with `make course`.")
    last = pd.read_csv(record).set_index("name")
    chapters = sorted(notebooks.glob("[0-9][0-9]_*.ipynb"))
    never = [path.stem for path in chapters if path.stem not in last.index]
    if never or not chapters:
        raise CourseError(f"{record} has no row for {', '.join(never) or 'any notebook'}: run `make course`.")
    last = last.loc[[path.stem for path in chapters]]
    last.insert(0, "stated", [stated(path) for path in chapters])
    return last.rename(columns={"machine": "measured_on"}).rename_axis("notebook").reset_index()


def stated(path):
    """Seconds on 2 CPU cores that a notebook promises in its first cells."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    found = STATED.search("\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"))
    if not found:
        raise CourseError(f"{path.name} states no time. Write a line such as: **Time**: 70 s on 2 CPU cores.")
    return float(found[1]) * SECONDS[found[2]]


def complaints(table):
    """A sentence for each notebook whose stated time is off by more than a third, if it ran on a machine like ours."""
    ours = table[table["measured_on"] == "2 CPU cores"]
    off = ours[~ours["seconds"].between(LOW * ours["stated"], HIGH * ours["stated"])]
    return [
        f"{row.notebook} states {row.stated:g} s and took {row.seconds:g} s. If it took that long on an idle machine "
        f"(again: make course NB={row.notebook[:2]}), write that into its line **Time**."
        for row in off.itertuples()
    ]


def draw(table):
    minutes, longest, most = table["seconds"].sum() / 60, table["seconds"].max(), table["peak_mb"].max() / 1000
    title = f"The course runs in {minutes:.0f} minutes: no notebook over {longest:.0f} s, none over {most:.1f} GB"
    label = f"seconds on {table['measured_on'].iloc[0]}"
    return plots.bars(table.set_index("notebook")["seconds"], title, label, digits=0)


if __name__ == "__main__":
    main()
