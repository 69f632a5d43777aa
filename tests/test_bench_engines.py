"""Engines that answer alike are measured, what is not installed is left out, and a difference is noticed."""

from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
from fakes import answer, fake_model, fake_onnx

from benchmarks import common, engines
from utils import CourseError, inference


def test_an_engine_that_is_not_installed_is_left_out_and_named(monkeypatch, capsys):
    def distribution(name):
        if name in ("openvino", "onnx"):
            raise PackageNotFoundError(name)

    monkeypatch.setattr(engines, "distribution", distribution)
    assert list(engines.installed()) == ["Keras on TensorFlow", "ONNX Runtime"]
    said = capsys.readouterr().out.splitlines()
    assert [line.split(" is left out: ")[0] for line in said] == ["ONNX Runtime, 8 bits", "OpenVINO"]
    assert "onnx is not installed" in said[0] and "openvino is not installed" in said[1]


def test_engines_that_answer_otherwise_are_not_timed():
    engines.check_same({engines.KERAS: 0.98, "other": 0.9805})
    for off in (0.97, 0.99, np.nan):
        with pytest.raises(CourseError, match="Dice of other"):
            engines.check_same({engines.KERAS: 0.98, "other": off})


def test_the_peak_of_a_process_is_its_own():
    """The system's own count begins with the peak of this process, which is large."""
    held = np.ones(400_000_000, np.uint8)
    small, large = (common.peak_mb_of(f"held = b'1' * {count}") for count in (1, 200_000_000))
    assert held[-1] and (np.isnan(small) or small < 50 < 200 < large < 260)


def test_what_fails_is_not_timed():
    with pytest.raises(CourseError, match="(?s)failed.*ZeroDivisionError"):
        common.python("-c", "1 / 0")


def test_a_package_takes_what_its_files_take():
    assert 0.1 < engines.disk_mb("tqdm") < 2


@pytest.mark.slow
def test_the_engines_that_are_here_are_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "BATCHES", {1: 1, 16: 1})
    table = engines.measure(tmp_path, engines.installed(), cold_repeats=1, repeats=1).set_index("engine")
    assert {"Keras on TensorFlow", "ONNX Runtime"} <= set(table.index)
    assert (table["dice"] > 0.97).all() and table.loc["ONNX Runtime", "largest_difference"] < 1e-4
    assert (table.drop(columns=["version", "largest_difference"]) > 0).all(axis=None)
    assert table.loc["ONNX Runtime", "peak_mb"] < 300 < table.loc["Keras on TensorFlow", "peak_mb"]
    assert table.loc["ONNX Runtime", "engine_mb"] < table.loc["Keras on TensorFlow", "engine_mb"] / 10


def test_openvino_answers_like_the_other_engines(tmp_path):
    pytest.importorskip("openvino")
    from benchmarks.openvino_model import OpenVinoModel

    model = OpenVinoModel(fake_onnx(tmp_path / "fake.onnx"))
    images = np.random.default_rng(0).integers(0, 256, (5, 16, 24, 3), dtype=np.uint8)
    assert model.input_shape == fake_model().input_shape
    for count in (5, 1):
        found = inference.probabilities(model, images[:count])
        np.testing.assert_allclose(found, [answer(image) for image in images[:count]], atol=1e-5)
