"""The benchmark of pipelines: aligned pairs from every side, misaligned ones refused."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from functools import partial

import numpy as np
import pandas as pd
import pytest

from benchmarks import common
from benchmarks import pipeline as bench
from utils import augment, data


@pytest.fixture
def few(shapes_root):
    return data.open_data(shapes_root).head(32)


@pytest.fixture
def pairs(few):
    return data.load_images(few, 48), data.load_masks(few, 48)


@pytest.mark.parametrize("side, colours", [("Batches", "geometry"), ("Batches", "with hsv"),
                                           ("ImageDataGenerator", "geometry"), ("Keras layers", "geometry"),
                                           ("Keras layers", "with hsv"), ("albumentations", "geometry"),
                                           ("albumentations", "with hsv")])  # fmt: skip
def test_every_side_makes_aligned_batches_within_the_limits(pairs, side, colours):
    if side == "albumentations":
        pytest.importorskip("albumentations")
    make = bench.sides()[side, colours]
    bench.check(make, pairs[1], side)
    epoch = make(*pairs, workers=2)
    for _ in range(2):  # an epoch can be drawn again
        batches = [(np.asarray(x), np.asarray(y)) for x, y in epoch()]
        assert [x.shape for x, _ in batches] == [(16, 48, 48, 3)] * 2
        assert [y.shape for _, y in batches] == [(16, 48, 48, 1)] * 2
        assert max(x.max() for x, _ in batches) > 100 and max(y.max() for _, y in batches) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("shift", [0, 1])
def test_a_mask_one_pixel_off_is_refused(pairs, shift):
    def off(images, masks, workers):
        rolled = np.roll(masks, shift, axis=2)
        return partial(iter, augment.Batches(images, rolled, bench.BATCH, **bench.GEOMETRY))

    if shift:
        with pytest.raises(AssertionError, match="a peer: correlation 0.9"):
            bench.check(off, pairs[1], "a peer")
    else:
        bench.check(off, pairs[1], "a peer")


def test_a_side_that_moves_nothing_is_refused(pairs):
    def still(images, masks, workers):
        return partial(iter, augment.Batches(images, masks, bench.BATCH))

    with pytest.raises(AssertionError, match="0% moved"):
        bench.check(still, pairs[1], "a peer")


def test_threads_keep_the_order(pairs):
    batches = augment.Batches(*pairs, bench.BATCH, **bench.GEOMETRY)
    for (x, y), expected in zip(bench.in_threads(batches, 2), batches, strict=True):
        np.testing.assert_array_equal(x, expected[0])
        np.testing.assert_array_equal(y, expected[1])


def test_the_table_and_the_figure(shapes_root, tmp_path, monkeypatch):
    ways = {("Batches", "geometry"): bench.our_batches, ("ImageDataGenerator", "geometry"): bench.generator}
    monkeypatch.setattr(bench, "sides", lambda: ways)
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    monkeypatch.setattr("utils.plots.FIGURES", tmp_path)
    monkeypatch.setattr("sys.argv", ["pipeline", "--data", str(shapes_root)])
    monkeypatch.setattr(bench, "PAIRS", {32: 32})
    monkeypatch.setattr(bench, "REPEATS", 2)
    monkeypatch.setattr(bench, "LEAST_GAIN", 0)
    bench.main()
    table = pd.read_csv(tmp_path / "pipeline.csv").set_index(["side", "workers"])
    assert table.index.tolist() == [("Batches", 1), ("Batches", 2), ("ImageDataGenerator", 1)]
    assert (table["min"] <= table["pairs_per_second"]).all() and (table["pairs_per_second"] <= table["max"]).all()
    assert table["cores"].between(0.1, 3).all()
    assert (tmp_path / "bench_pipeline.png").exists()


def test_per_core_is_per_second_of_processor_time(few, monkeypatch):
    """Two seconds by the clock, half a second of processor time, 32 pairs."""
    clock = iter(np.arange(0, 1000, 0.5).tolist())
    monkeypatch.setattr(bench, "sides", lambda: {("ImageDataGenerator", "geometry"): bench.generator})
    monkeypatch.setattr(common.time, "process_time", lambda: next(clock))
    monkeypatch.setattr(common, "seconds", lambda task: (task(), 2.0)[1])
    (row,) = bench.measure(few.head(32), 32)
    assert (row["pairs_per_second"], row["cores"], row["per_core"]) == (16, 0.25, 64)
