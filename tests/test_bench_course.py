"""The table of stated and measured times, and what is refused."""

import json

import pandas as pd
import pytest

from benchmarks import common, course
from utils import CourseError


def write_course(folder, stated, seconds, machine="2 CPU cores"):
    """Notebooks 01_a, 02_b, ... with these lines, and the record of their last runs."""
    names = [f"{number:02d}_{'abc'[number - 1]}" for number in range(1, len(stated) + 1)]
    for name, line in zip(names, stated):
        cells = [{"cell_type": "markdown", "source": ["# Train\n", "\n", line]}]
        (folder / f"{name}.ipynb").write_text(json.dumps({"cells": cells}))
    rows = [f"{name},{value},{100 * value},{machine}" for name, value in zip(names, seconds)]
    (folder / "course.csv").write_text("\n".join(["name,seconds,peak_mb,machine", *rows, "solutions/01_a,1,66,x"]))
    return folder


def run(folder, monkeypatch):
    monkeypatch.setattr(course, "RESULTS", folder)
    monkeypatch.setattr(course, "NOTEBOOKS", folder)
    monkeypatch.setattr(common, "RESULTS", folder)
    monkeypatch.setattr(course.plots, "FIGURES", folder)
    monkeypatch.setattr("sys.argv", ["course"])
    course.main()
    return pd.read_csv(folder / "course_times.csv")


LINES = [
    "**Time**: 30 min to read; 10 s to run on 2 CPU cores; no GPU.",
    "**Time**: 1.5 minutes on 2 CPU cores, 20 s on a GPU.",
]


def test_table_and_figure_are_written_and_the_record_stays(tmp_path, monkeypatch):
    folder = write_course(tmp_path, LINES, [15, 75])
    before = (folder / "course.csv").read_text()
    table = run(folder, monkeypatch)
    assert table["notebook"].tolist() == ["01_a", "02_b"]
    assert table["stated"].tolist() == [10, 90]
    assert table["seconds"].tolist() == [15, 75]
    assert table["peak_mb"].tolist() == [1500, 7500]
    assert (folder / "course.csv").read_text() == before
    assert (folder / "bench_course_times.png").stat().st_size > 5000


@pytest.mark.parametrize("seconds, named", [([16, 90], "01_a"), ([10, 67], "02_b"), ([4, 90], "01_a")])
def test_a_time_off_by_more_than_a_third_fails(seconds, named, tmp_path, monkeypatch):
    with pytest.raises(SystemExit) as caught:
        run(write_course(tmp_path, LINES, seconds), monkeypatch)
    (line,) = caught.value.code.splitlines()
    took = seconds[0] if named == "01_a" else seconds[1]
    assert line.startswith(f"{named} states {10 if named == '01_a' else 90} s and took {took} s.")
    assert f"make course NB={named[:2]})" in line
    assert (tmp_path / "course_times.csv").exists()


def test_times_of_another_machine_are_not_held_against_a_notebook(tmp_path, monkeypatch):
    assert run(write_course(tmp_path, LINES, [1, 2], "64 CPU cores"), monkeypatch)["seconds"].tolist() == [1, 2]


@pytest.mark.parametrize(
    "stated, seconds, words",
    [(["no time"], [3], "01_a.ipynb states no time"), (LINES, [3], "no row for 02_b"), ([], [], "any notebook")],
)
def test_what_is_missing_is_named(stated, seconds, words, tmp_path):
    folder = write_course(tmp_path, stated, seconds)
    with pytest.raises(CourseError, match=words):
        course.compare(folder / "course.csv", folder)
    with pytest.raises(CourseError, match="make course"):
        course.compare(folder / "gone.csv", folder)


def test_every_notebook_of_the_course_states_a_time():
    found = {path.stem: course.stated(path) for path in course.NOTEBOOKS.glob("[0-9]*.ipynb")}
    assert len(found) >= 9
    assert all(1 <= value <= 180 for value in found.values()), found
