"""What all modules write with: whole files or none, one writer, nothing left behind."""

import subprocess
import sys

import pytest

from utils import CourseError, data, inference, locked, models, progress, replacing, training


@pytest.mark.parametrize("in_advance", [True, False])
def test_a_model_that_does_not_fit_on_the_disk_leaves_the_one_before(small_disk, request, in_advance):
    path = small_disk / "unet.keras"
    training.save_model(models.unet(64, base=4), path)
    before = path.read_bytes()
    if not in_advance:
        request.getfixturevalue("boundless")
    with pytest.raises(CourseError, match=f"No room for {path}"):
        training.save_model(models.unet(64, base=16), path)
    assert [each.name for each in small_disk.iterdir()] == ["unet.keras"]
    assert path.read_bytes() == before and inference.load_model(path).name == "unet"


def test_a_file_is_replaced_only_by_one_that_is_whole(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with replacing(path) as temporary:
        temporary.write_text("first")
        assert not path.exists()
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "first" and len(list(path.parent.iterdir())) == 1


def test_what_a_killed_process_was_writing_is_swept_by_the_next(tmp_path):
    """The next process, for one sweeps a folder once."""
    write = f"""
import os, signal, sys
sys.path.insert(0, {str(data.PROJECT)!r})
from utils import replacing
with replacing({str(tmp_path)!r} + "/a.txt") as temporary:
    temporary.write_text("half")
    if sys.argv[1] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", write, "killed"], check=False)
    (left,) = tmp_path.iterdir()
    others = [tmp_path / ".carvana-notes", tmp_path / ".carvana-1.a.txt"]  # 1: the process that starts all others
    for other in others:
        other.touch()
    subprocess.run([sys.executable, "-c", write, "on"], check=True)
    assert not left.exists() and sorted(tmp_path.iterdir()) == sorted([*others, tmp_path / "a.txt"])


def test_a_lock_ends_with_its_process(tmp_path):
    hold = f"""
import sys, time
sys.path.insert(0, {str(data.PROJECT)!r})
from utils import locked
with locked({str(tmp_path)!r} + "/a", "busy"):
    print("held", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(CourseError, match="busy"), locked(tmp_path / "a", "busy"):
            pass
        with locked(tmp_path / "b", "busy"):
            pass
        other.kill()
    with locked(tmp_path / "a", "busy"):
        pass


def test_short_work_shows_no_progress(capfd):
    assert list(progress(range(1000))) == [*range(1000)]
    assert capfd.readouterr() == ("", "")
