"""A benchmark that was stopped goes on where it was."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pandas as pd
import pytest

from benchmarks import losses


@pytest.fixture
def measured(tmp_path, monkeypatch, shapes_root):
    """What was trained, in order; the training itself is left out, and stopped by hand where it says so."""
    done = []

    def measure(loss, seed, train, val, test):
        if len(done) == measure.stop:
            raise KeyboardInterrupt
        done.append((loss.__name__, seed))
        return {"dice": 0.9, "boundary_f": 0.5, "tolerance": 2, "seconds": 1.0}

    monkeypatch.setattr(losses, "RESULTS", tmp_path / "results" / "losses.csv")
    monkeypatch.setattr(losses, "measure", measure)
    monkeypatch.setattr("sys.argv", ["losses", "--data", str(shapes_root)])
    return done, measure


def test_each_training_is_run_once_whatever_stops_it(measured, shapes_root):
    done, measure = measured
    for measure.stop in (5, 6):
        with pytest.raises(KeyboardInterrupt):
            losses.main()
        assert len(pd.read_csv(losses.RESULTS)) == measure.stop
    measure.stop = None
    for _ in range(2):
        losses.main()
    table = pd.read_csv(losses.RESULTS)
    assert list(zip(table["loss"], table["seed"])) == done
    assert len(done) == len(set(done)) == 12
    assert set(table["data"]) == {shapes_root.name}
