"""Submissions against files written here by hand; stopped runs; and every way in which a file can be wrong."""

import gzip
import os
import re
import signal
import subprocess
import sys
import time
import tracemalloc

import keras
import numpy as np
import pandas as pd
import pytest
import shapes
from PIL import Image

from benchmarks import submission as benchmark
from utils import CourseError, data, evaluation, rle, submission

CARS = [shapes.car_id(car, "test") for car in range(10)]
NAMES = [f"{car}_{view:02d}.jpg" for car in CARS for view in range(1, 17)]
TRUTH = {f"{car}_{view:02d}.jpg": shapes.draw(car, view)[1] for car in CARS for view in range(1, 17)}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """160 test images with a solution, and a sample submission in an order of its own."""
    root = shapes.write_data(tmp_path_factory.mktemp("data"), cars=1, views=16, test_cars=10, metadata=False)
    write_sample(root, NAMES[::-1])
    return root


def write_sample(root, names):
    shapes.write_csv(root / "sample_submission.csv", ["img", "rle_mask"], [[name, "1 1"] for name in names])


@pytest.fixture(scope="module")
def frame(root):
    return submission.open_test(root)


def rows(names=None):
    return [[name, shapes.runs(TRUTH[name])] for name in names or NAMES[::-1]]


def write_rows(path, rows, header=("img", "rle_mask")):
    shapes.write_csv(path, header, rows)
    return path


def truth(start=0):
    return (TRUTH[name] for name in NAMES[::-1][start:])


# --- the images -------------------------------------------------------------------------------------


def test_the_images_come_in_the_order_of_the_sample_submission(frame, root):
    assert [os.path.basename(path) for path in frame["image"]] == NAMES[::-1]
    assert frame.attrs["root"] == str(root)
    for row in frame.iloc[:3].to_dict("records"):
        np.testing.assert_array_equal(data.read_mask(row) > 127, TRUTH[os.path.basename(row["image"])])


def test_only_images_of_the_sample_submission_count(tmp_path):
    root = shapes.write_data(tmp_path, views=2, test_cars=2)
    write_sample(root, NAMES[:1])
    assert len(submission.open_test(root)) == 1
    write_sample(root, [*NAMES[:2], "strange_01.jpg", "strange_02.jpg"])
    with pytest.raises(CourseError, match=r"lacks 2 image\(s\).*strange_01.jpg"):
        submission.open_test(root)
    (root / "sample_submission.csv").unlink()
    with pytest.raises(CourseError, match="sample_submission.csv does not exist"):
        submission.open_test(root)


# --- writing ----------------------------------------------------------------------------------------


def test_what_is_written_is_what_kaggle_reads(frame, tmp_path):
    path = tmp_path / "new" / "submission.csv.gz"
    submission.write_masks(truth, frame, path)
    assert [each.name for each in path.parent.iterdir()] == ["submission.csv.gz"]
    assert gzip.decompress(path.read_bytes()).decode().splitlines() == ["img,rle_mask", *map(",".join, rows())]
    assert submission.validate(path, frame) == 160


def test_a_mask_without_a_car_is_an_empty_field(frame, tmp_path):
    path = tmp_path / "submission.csv.gz"
    submission.write_masks(lambda start: (np.zeros((64, 96), bool) for _ in range(start, 160)), frame, path)
    assert gzip.decompress(path.read_bytes()).decode().splitlines()[1] == f"{NAMES[-1]},"
    assert submission.validate(path, frame) == 160


@pytest.mark.parametrize("stop", [0, 1, 63, 64, 65, 128, 159, 160])
def test_a_stopped_run_goes_on(frame, tmp_path, stop):
    submission.write_masks(truth, frame, tmp_path / "whole.csv.gz")

    def stopping(start):
        for number, mask in enumerate(truth(start)):
            if number == stop:
                raise KeyboardInterrupt
            yield mask
        if stop == 160:
            raise KeyboardInterrupt

    path, asked = tmp_path / "stopped.csv.gz", []
    with pytest.raises(KeyboardInterrupt):
        submission.write_masks(stopping, frame, path)
    assert not path.exists() and len(list(tmp_path.iterdir())) == 2
    submission.write_masks(lambda start: asked.append(start) or truth(start), frame, path)
    assert asked == [stop // 64 * 64]
    assert path.read_bytes() == (tmp_path / "whole.csv.gz").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("garbage", [b"", b"\0" * 5000, b"none of this is gzip"])
@pytest.mark.parametrize("lost", [0, 1, 100, 2000])
def test_what_a_kill_leaves_is_cut_back_to_whole_rows(frame, tmp_path, lost, garbage):
    whole = tmp_path / "whole.csv.gz"
    submission.write_masks(truth, frame, whole)

    def killed(start):
        yield from (mask for mask, _ in zip(truth(start), range(128)))
        signal.raise_signal(signal.SIGINT)
        yield

    with pytest.raises(KeyboardInterrupt):
        submission.write_masks(killed, frame, tmp_path / "b.csv.gz")
    (part,) = tmp_path.glob("b.*.part.csv.gz")
    part.write_bytes(part.read_bytes()[: part.stat().st_size - lost] + garbage)
    asked = []
    submission.write_masks(lambda start: asked.append(start) or truth(start), frame, tmp_path / "b.csv.gz")
    assert asked == [128] if not lost else asked[0] in (64, 128)
    assert (tmp_path / "b.csv.gz").read_bytes() == whole.read_bytes()


def test_another_model_or_threshold_starts_anew(frame, tmp_path):
    def stopping(start):
        yield from (mask for mask, _ in zip(truth(start), range(100)))
        raise KeyboardInterrupt

    def start_of(key, part=frame):
        found = []
        with pytest.raises(KeyboardInterrupt):
            submission.write_masks(lambda start: found.append(start) or stopping(start), part, path, key=key)
        return found[0]

    path = tmp_path / "submission.csv.gz"
    assert [start_of("a"), start_of("b"), start_of("a"), start_of("b", frame.iloc[1:])] == [0, 0, 64, 0]


@pytest.mark.slow
def test_a_killed_process_leaves_no_submission_and_the_next_one_ends_it(frame, root, tmp_path):
    program = f"""
import numpy as np, sys, time
from utils import submission
def masks(start):
    print(start, flush=True)
    for number in range(start, 160):
        if number == 100 and sys.argv[1] == "hang":
            print("there", flush=True); time.sleep(60)
        mask = np.zeros((64, 96), bool); mask[40, number % 90] = mask[50] = True
        yield mask
submission.write_masks(masks, submission.open_test({str(root)!r}), "{tmp_path}/out.csv.gz")
"""
    environment = os.environ | {"PYTHONPATH": str(data.PROJECT)}
    command = [sys.executable, "-c", program]
    with subprocess.Popen([*command, "hang"], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert [process.stdout.readline() for _ in range(2)] == ["0\n", "there\n"]
        with pytest.raises(CourseError, match="Another process is writing .*out.csv.gz"):
            submission.write_masks(lambda start: pytest.fail("mixed"), frame, tmp_path / "out.csv.gz")
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "out.csv.gz").exists()
    done = subprocess.run([*command, "on"], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "64\n"
    assert submission.validate(tmp_path / "out.csv.gz", frame) == 160
    assert len(list(tmp_path.iterdir())) == 1


def noise(start=0):
    return (np.random.default_rng(number).random((64, 96)) < 0.5 for number in range(start, 160))


def test_a_disk_that_is_full_costs_no_row(frame, tmp_path, small_disk, boundless):
    submission.write_masks(noise, frame, tmp_path / "whole.csv.gz")
    (small_disk / "other").write_bytes(bytes(500_000))
    path, asked = small_disk / "a.csv.gz", []
    with pytest.raises(CourseError, match="No room for .*which needs about 0.6 MB"):
        submission.write_masks(noise, frame, path)
    (part,) = small_disk.glob("a.*.part.csv.gz")
    assert part.stat().st_size > 400_000
    (small_disk / "other").unlink()
    submission.write_masks(lambda start: asked.append(start) or noise(start), frame, path)
    assert asked[0] in (64, 128) and path.read_bytes() == (tmp_path / "whole.csv.gz").read_bytes()


def test_no_image_is_predicted_for_a_disk_without_room(frame, full_disk):
    with pytest.raises(CourseError, match="No room for .*which needs about 0.6 MB: 0.0 MB are free"):
        submission.write_masks(lambda start: pytest.fail("predicted"), frame, full_disk / "a.csv.gz")


def test_what_is_not_valid_is_kept_aside(tmp_path):
    """A photo that is exported at another size while the writing is stopped."""
    root = shapes.write_data(tmp_path / "data", views=10, test_cars=10)
    names = sorted(path.name for path in (root / "test").iterdir())
    write_sample(root, names)
    frame, path = submission.open_test(root), tmp_path / "a.csv.gz"

    def masks(start, stop=100):
        yield from (np.ones((64, 96), bool) for _ in range(start, stop))
        if stop < 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        submission.write_masks(lambda start: masks(start, 70), frame, path)
    Image.new("RGB", (48, 32)).save(root / "test" / names[0])
    with pytest.raises(CourseError, match=rf"mask of {names[0]} .*ends after pixel 1536.*kept as .*rejected.csv.gz"):
        submission.write_masks(masks, frame, path)
    (kept,) = tmp_path.glob("a.*")
    assert kept.name.endswith(".rejected.csv.gz")
    assert len(pd.read_csv(kept)) == 100


def test_a_mask_of_another_size_is_refused(frame, tmp_path):
    def masks(start):
        yield np.ones((32, 48), bool)

    with pytest.raises(CourseError, match=rf"{NAMES[-1]} is \(64, 96\), its mask \(32, 48\)"):
        submission.write_masks(masks, frame, tmp_path / "a.csv.gz")
    assert not (tmp_path / "a.csv.gz").exists()


@pytest.mark.parametrize("name", ["submission.csv", "submission.gz", "submission"])
def test_the_name_ends_in_csv_gz(frame, tmp_path, name):
    with pytest.raises(CourseError, match="ends in .csv.gz"):
        submission.write_masks(truth, frame, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_masks_are_held_one_at_a_time(tmp_path):
    frame = pd.DataFrame({"image": [f"{number:05d}_01.jpg" for number in range(1500)]})
    mask = np.hypot(*np.mgrid[-160:160, -240:240]) < 100

    def masks(start):
        return (np.roll(mask, number % 100, axis=1) for number in range(start, len(frame)))

    def peak(rows):
        tracemalloc.start()
        try:
            submission.write_masks(masks_of(rows), frame[:rows], tmp_path / f"{rows}.csv.gz", shape=mask.shape)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def masks_of(rows):
        return lambda start: (mask for mask, _ in zip(masks(start), range(start, rows)))

    peak(70)
    assert peak(1500) < 1.5 * peak(150)
    assert gzip.open(tmp_path / "1500.csv.gz").read().count(b"\n") == 1501


def test_progress_says_how_many_and_how_long(frame, tmp_path, capsys, monkeypatch):
    def stopping(start):
        yield from (mask for mask, _ in zip(truth(start), range(70)))
        raise KeyboardInterrupt

    def slow(start):
        for mask in truth(start):
            time.sleep(0.015)
            yield mask

    with pytest.raises(KeyboardInterrupt):
        submission.write_masks(stopping, frame, tmp_path / "a.csv.gz", progress=True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    submission.write_masks(slow, frame, tmp_path / "a.csv.gz", progress=True)
    said, shown = capsys.readouterr()
    assert said.startswith("going on after 64 images, from ") and said.count("\n") == 1
    assert re.search(r" 1\d\d/160 \[00:0\d<00:0\d, .*image", shown)


# --- from a model -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model():
    """Says that what is not grey is car."""
    inputs = keras.Input((64, 96, 3))
    colour = keras.ops.max(inputs, axis=-1, keepdims=True) - keras.ops.min(inputs, axis=-1, keepdims=True)
    return keras.Model(inputs, keras.ops.sigmoid((colour - 60) / 10))


@pytest.mark.parametrize("options", [{}, {"tta": True}, {"threshold": 0.9}])
def test_a_model_is_scored_through_its_file_as_it_is_directly(model, frame, tmp_path, options):
    frame = frame[::20].reset_index(drop=True)
    path = tmp_path / "submission.csv.gz"
    submission.write([model, model], frame, path, **options)
    found = submission.score(path, frame)
    expected = evaluation.evaluate(model, frame, **options)
    assert list(found) == ["id", "view", "usage", "dice"]
    np.testing.assert_allclose(found["dice"], expected["dice"])
    assert found["usage"].tolist() == frame["usage"].tolist()
    assert 0.5 < found["dice"].mean() < 1


def test_what_a_part_belongs_to(model, frame, tmp_path, monkeypatch):
    keys = []
    monkeypatch.setattr(submission, "write_masks", lambda *arguments, key, **options: keys.append(key))
    other = keras.models.clone_model(model)
    weighted = [keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(1, 1)]) for _ in range(2)]
    for each in ([model], model, [model, model], other, *weighted, weighted[0]):
        submission.write(each, frame, tmp_path / "a.csv.gz")
    submission.write(model, frame, tmp_path / "a.csv.gz", tta=True)
    submission.write(model, frame, tmp_path / "a.csv.gz", threshold=0.4)
    one, same, two, _, weights, others, again, flipped, lower = keys
    assert one == same and weights == again
    assert len({one, two, weights, others, flipped, lower}) == 6


# --- validating -------------------------------------------------------------------------------------


def test_any_csv_of_kaggles_form_is_valid(frame, root, tmp_path):
    assert submission.validate(write_rows(tmp_path / "plain.csv", rows()), frame) == 160
    quoted = "".join(f'"{name}","{runs}"\r\n' for name, runs in [["img", "rle_mask"], *rows()])
    (tmp_path / "quoted.csv.gz").write_bytes(gzip.compress(quoted.encode()))
    assert submission.validate(tmp_path / "quoted.csv.gz", frame) == 160
    assert submission.validate(root / "sample_submission.csv", frame) == 160


def change(row, column, value):
    found = rows()
    found[row][column] = value
    return found


SHRUNK = [[name, shapes.runs(mask[::2, ::2])] for name, mask in reversed(TRUTH.items())]
WRONG = {
    "missing row": (rows()[:5] + rows()[6:], rf"row 6: {NAMES[-6]} is missing"),
    "missing end": (rows()[:-2], rf"2 row\(s\) are missing, the first: {NAMES[1]}"),
    "doubled row": (rows()[:5] + rows()[4:], rf"row 6: {NAMES[-5]} comes a second time"),
    "doubled end": ([*rows(), rows()[-1]], rf"row 161: {NAMES[0]} comes a second time"),
    "strange row": (change(3, 0, "x_01.jpg"), "row 4: x_01.jpg is no image of sample_submission.csv"),
    "strange end": ([*rows(), ["x_01.jpg", ""]], "row 161: x_01.jpg is no image of"),
    "other order": (rows(NAMES), rf"row 1: {NAMES[0]} comes before {NAMES[-1]}: keep the order"),
    "no rows": ([], rf"160 row\(s\) are missing, the first: {NAMES[-1]}"),
    "not a number": (change(7, 1, "5 x"), rf"the mask of {NAMES[-8]} .64 x 96 pixels.: .*'x'"),
    "cut off": (change(7, 1, "5 1 7"), rf"{NAMES[-8]}.*even count"),
    "overlap": (change(7, 1, "5 3 6 1"), rf"{NAMES[-8]}.*starts before the run"),
    "larger size": (change(159, 1, shapes.runs(np.ones((65, 96), bool))), rf"{NAMES[0]} .*ends after pixel 6144"),
    "smaller size": (SHRUNK, "encoded at a smaller size"),
    "three fields": ([[*row, "x"] for row in rows()], "submission|read"),
    "counted from 0": (change(2, 1, "0 3"), rf"{NAMES[-3]}.*before the first pixel"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_submission_is_refused(frame, tmp_path, name):
    content, words = WRONG[name]
    path = write_rows(tmp_path / "wrong.csv", content)
    with pytest.raises(CourseError, match=words) as caught:
        submission.validate(path, frame)
    assert "wrong.csv" in str(caught.value)
    if name not in ("smaller size",):
        with pytest.raises(CourseError, match=words):
            submission.score(path, frame)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x89PNG\r\n\x1a\n\0\0\xff", b'img,rle_mask\n"a.jpg,1 1\n', b"id,mask\na.jpg,1 1\n"],
    ids=["empty", "binary", "open quote", "other columns"],
)
def test_a_file_of_another_kind_is_refused(frame, tmp_path, content):
    (tmp_path / "wrong.csv").write_bytes(content)
    with pytest.raises(CourseError, match="wrong.csv"):
        submission.validate(tmp_path / "wrong.csv", frame)


def test_a_damaged_file_is_refused(frame, tmp_path):
    path = tmp_path / "a.csv.gz"
    submission.write_masks(truth, frame, path)
    content = path.read_bytes()
    for wrong in (content[:-20], b"img,rle_mask\n", content[:500] + b"\xff" * 9 + content[509:]):
        path.write_bytes(wrong)
        with pytest.raises(CourseError, match="a.csv.gz"):
            submission.validate(path, frame)
    with pytest.raises(CourseError, match="gone.csv.gz does not exist"):
        submission.validate(tmp_path / "gone.csv.gz", frame)
    with pytest.raises(CourseError, match="folder"):
        (tmp_path / "folder").mkdir()
        submission.validate(tmp_path / "folder", frame)


# --- scoring ----------------------------------------------------------------------------------------


def test_scores_are_the_dice_of_each_image(frame, tmp_path):
    rng = np.random.default_rng(0)
    shifted = {name: np.roll(mask, rng.integers(20), axis=1) for name, mask in TRUTH.items()}
    path = write_rows(tmp_path / "a.csv", [[name, shapes.runs(shifted[name])] for name in NAMES[::-1]])
    found = submission.score(path, frame)
    for row, name in zip(found.itertuples(), NAMES[::-1], strict=True):
        both = (shifted[name] & TRUTH[name]).sum()
        assert (row.id, f"{row.view:02d}") == tuple(name.removesuffix(".jpg").split("_"))
        assert row.dice == pytest.approx(2 * both / (shifted[name].sum() + TRUTH[name].sum()))
    assert found.groupby("usage")["dice"].count().to_dict() == {"Private": 80, "Public": 80}
    assert 0 < found["dice"].min() < 0.95 < found["dice"].max()


def test_without_a_solution_only_kaggle_can_score(tmp_path):
    root = shapes.write_data(tmp_path / "data", views=1, test_cars=1)
    (root / "solution.csv").unlink()
    write_sample(root, [NAMES[0]])
    frame = submission.open_test(root)
    path = write_rows(tmp_path / "a.csv", rows(NAMES[:1]))
    assert submission.validate(path, frame) == 1
    with pytest.raises(CourseError, match="only Kaggle can score"):
        submission.score(path, frame)


def test_a_turned_photo_counts_upright(tmp_path):
    root = shapes.write_data(tmp_path / "data", views=1, test_cars=1)
    exif = Image.Exif()
    exif[0x112] = 6
    photo = root / "test" / NAMES[0]
    Image.open(photo).save(tmp_path / "turned.jpg", exif=exif)
    (tmp_path / "turned.jpg").replace(photo)
    (root / "solution.csv").unlink()
    write_sample(root, [NAMES[0]])
    mask = np.ones((96, 64), bool)
    submission.write_masks(lambda start: [mask], submission.open_test(root), tmp_path / "a.csv.gz")
    assert gzip.open(tmp_path / "a.csv.gz", "rt").read() == f"img,rle_mask\n{NAMES[0]},1 6144\n"


# --- at Kaggle's size -------------------------------------------------------------------------------


def test_the_benchmark_writes_masks_of_kaggles_size(tmp_path):
    path = tmp_path / "a.csv.gz"
    row = benchmark.measure(40, path)
    written = pd.read_csv(path)
    assert (len(written), row["rows"], written["img"].nunique()) == (40, 40, 40)
    assert row["megabytes"] == path.stat().st_size / 1e6
    assert row["peak_mb"] >= row["peak_mb_above_start"] >= 0
    areas = [rle.decode(text, (1280, 1918)).mean() for text in written["rle_mask"][::8]]
    assert 0.05 < min(areas) < max(areas) < 0.5
    assert len(set(written["rle_mask"])) > 30
