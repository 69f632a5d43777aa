"""The benchmark of loading: the same picture from every side, another one refused, memory as held."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmarks import common
from benchmarks import loading as bench
from utils import data


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two large photos of soft colours, in a data set of their own."""
    root = tmp_path_factory.mktemp("large")
    (root / "train").mkdir()
    (root / "train_masks").mkdir()
    for view in (1, 2):
        coarse = np.random.default_rng(view).integers(0, 256, (12, 18, 3), np.uint8)
        photo = Image.fromarray(coarse).resize((1800, 1200), Image.Resampling.BICUBIC)
        photo.save(root / "train" / f"00000000000a_{view:02d}.jpg", quality=95)
        Image.new("L", (1800, 1200)).save(root / "train_masks" / f"00000000000a_{view:02d}_mask.png")
    return root


@pytest.mark.parametrize("side", bench.SIDES)
def test_every_side_gives_nearly_the_same_pictures(side, photos, cache):
    cache.mkdir()
    frame = data.open_data(photos)
    exact = [np.asarray(Image.open(path).resize((256, 256), Image.Resampling.BOX), float) for path in frame["image"]]
    loaded = bench.SIDES[side](frame)
    assert loaded.shape == (2, 256, 256, 3) and loaded.dtype == np.uint8
    assert abs(loaded - np.stack(exact)).mean() < bench.LIMIT


def test_the_first_call_reads_the_files_and_later_ones_do_not(photos, cache, monkeypatch):
    cache.mkdir()
    read, frame = [], data.open_data(photos)
    original = data.read_image
    monkeypatch.setattr(data, "read_image", lambda path, size: (read.append(path), original(path, size))[1])
    for load, files in [(bench.first_call, 2), (bench.later_call, 2), (bench.first_call, 4)]:
        load(frame)
        assert len(read) == files


def test_another_picture_is_refused(photos, cache, monkeypatch):
    monkeypatch.setattr(bench, "SIDES", {"mirrored": lambda frame: bench.each(bench.pillow, frame)[:, :, ::-1]})
    with pytest.raises(AssertionError, match="mirrored"):
        bench.measure(data.open_data(photos), photos)


@pytest.mark.skipif(not bench.STATUS.exists(), reason="Linux tells the peak of a process' memory")
def test_peak_memory_is_what_all_photos_add():
    def load(frame):
        return np.ones(frame * 10**6, np.uint8).sum()

    class Frame(int):
        def head(self, count):
            return 1

    assert bench.peak(load, Frame(200)) == pytest.approx(200, rel=0.1)
    assert bench.peak(load, Frame(100)) == pytest.approx(100, rel=0.1)


def test_the_table_and_the_figure(photos, cache, tmp_path, monkeypatch):
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    monkeypatch.setattr("utils.plots.FIGURES", tmp_path)
    monkeypatch.setattr("sys.argv", ["loading", "--data", str(photos)])
    monkeypatch.setattr(bench, "REPEATS", 1)
    monkeypatch.setattr(bench, "LEAST_GAIN", 0)
    monkeypatch.setattr(bench, "peak_alone", lambda side, root: 1.0)
    few = ["load_images, later calls", "read_image", "Pillow"]
    monkeypatch.setattr(bench, "SIDES", {side: bench.SIDES[side] for side in few})
    bench.main()
    table = pd.read_csv(tmp_path / "loading.csv")
    assert table["side"].tolist() == few
    assert table["difference"].lt(bench.LIMIT).all() and table["cores"].gt(0).all()
    assert (tmp_path / "bench_loading.png").exists()


@pytest.mark.slow
def test_the_peak_of_a_side_is_taken_in_a_process_of_its_own(photos, cache):
    cache.mkdir()
    megabytes = bench.peak_alone("Pillow", photos)
    assert 0 <= megabytes < 200 or not bench.STATUS.exists()
