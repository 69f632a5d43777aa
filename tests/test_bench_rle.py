"""The benchmark of run-length encoding: every side right, every figure from the numbers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from benchmarks import common
from benchmarks import rle as bench
from utils import data, rle

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # pycocotools under NumPy 2
masks = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 1))


@given(masks)
def test_every_side_gives_every_mask_back(mask):
    for encode, decode in bench.SIDES.values():
        np.testing.assert_array_equal(decode(encode(mask), mask.shape), mask)


@given(masks)
def test_the_snippet_and_the_loop_write_what_we_write(mask):
    assert bench.snippet_encode(mask) == bench.loop_encode(mask) == rle.encode(mask)


def test_a_side_that_gives_another_mask_back_is_refused(monkeypatch):
    monkeypatch.setattr(common, "in_turns", lambda *arguments: pytest.fail("timed unchecked"))
    monkeypatch.setitem(bench.SIDES, "by columns", (lambda mask: rle.encode(mask.T), rle.decode))
    with pytest.raises(AssertionError, match="by columns, slanted, 4"):
        bench.measure(np.array([[1, 1, 1, 0]] * 2 + [[0, 0, 0, 0]] * 2, np.uint8), "slanted")


def test_milliseconds_are_those_of_one_call(monkeypatch):
    monkeypatch.setattr(bench, "REPEATS", 2)
    calls = {"utils.rle": 0, "loop": 0}

    def count(side):
        calls[side] += 1

    monkeypatch.setattr(common, "seconds", lambda task: (task(), 6.0)[1])
    taken = bench.milliseconds({side: (count, side) for side in calls}, np.zeros((1024, 1024)))
    assert calls == {"utils.rle": 3 * 4, "loop": 3}
    assert taken["utils.rle"].tolist() == [1500, 1500] and taken["loop"].tolist() == [6000, 6000]


def test_flipped_pixels_are_as_many_as_said(shapes_root):
    car = data.open_data(shapes_root).iloc[0]
    outline = bench.draw(car, 256, "car")
    assert outline.dtype == np.uint8 and 0 < outline.mean() < 1
    for name, share in bench.FLIPPED.items():
        assert np.mean(bench.draw(car, 256, name) != outline) == pytest.approx(share, rel=0.1)


def test_the_table_and_the_figure(shapes_root, tmp_path, monkeypatch):
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    monkeypatch.setattr("utils.plots.FIGURES", tmp_path)
    monkeypatch.setattr("sys.argv", ["rle", "--data", str(shapes_root)])
    monkeypatch.setattr(bench, "SIZES", [32, 1024])
    monkeypatch.setattr(bench, "FLIPPED", {"car": 0})
    monkeypatch.setattr(bench, "LARGEST", {"snippet": 32, "loop": 32})
    monkeypatch.setattr(bench, "REPEATS", 1)
    monkeypatch.setattr(bench, "LEAST_GAIN", 0)
    monkeypatch.setattr(bench, "repeat", lambda calls, function, *arguments: function(*arguments))
    bench.main()
    table = pd.read_csv(tmp_path / "rle.csv").set_index(["size", "task"])
    assert table.index.tolist() == [(size, task) for size in (32, 1024) for task in ("encode", "decode", "round trip")]
    halves = table["utils.rle median"].unstack()
    assert halves["round trip"].values == pytest.approx((halves["encode"] + halves["decode"]).values, rel=1e-4)
    assert table["loop median"].notna().tolist() == [True] * 3 + [False] * 3
    assert (tmp_path / "bench_rle.png").exists()


def test_a_car_that_takes_longer_than_by_pycocotools_fails(monkeypatch):
    rows = [{"size": size, "mask": mask, "task": "encode", "utils.rle median": 2.0, "pycocotools median": time}
            for size, mask, time in [(512, "car", 0.1), (1024, "coin tosses", 0.1), (1024, "car", 1.8)]]  # fmt: skip
    gains = bench.gains(pd.DataFrame(rows), "pycocotools")
    assert gains.to_dict() == {(1024, "encode"): 0.9}
    common.demand(0.85, gains)
    with pytest.raises(SystemExit, match=r"0.95 times as fast. \(1024, 'encode'\): 0.90"):
        common.demand(0.95, gains)


def test_the_title_says_the_least_gain_of_the_car():
    trips = {"task": "round trip", "utils.rle median": 2.0, "loop median": 99.0}
    times = [(512, 1.0), (1024, 6.0), (2048, 5.0)]
    rows = [trips | {"size": size, "mask": mask, "pycocotools median": time} for size, time in times
            for mask in bench.FLIPPED]  # fmt: skip
    assert "at least 2.5 times" in bench.figure(pd.DataFrame(rows)).axes[0].get_title("left")
