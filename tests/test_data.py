"""The index refuses what is wrong and names the file; arrays equal references computed here by hand."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import tracemalloc
import warnings
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import shapes
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from utils import CourseError, data

CAR, OTHER = shapes.car_id(0), shapes.car_id(1)


@pytest.fixture
def root(tmp_path):
    """Two cars, two views, masks as GIF and in the csv file: for the test to break."""
    return shapes.write_data(tmp_path / "data")


def refusal(*names, act=data.open_data, **arguments):
    with pytest.raises(CourseError) as caught:
        act(**arguments)
    for name in names:
        assert str(name) in str(caught.value)


def area_mean(array, height, width):
    """Mean over the exact area of each new pixel, with pixels on its border counted in part."""

    def shares(old, new):
        edges = np.arange(new + 1) * old / new
        low, high = np.maximum.outer(edges[:-1], np.arange(old)), np.minimum.outer(edges[1:], np.arange(1, old + 1))
        return (high - low).clip(0) * new / old

    rows, columns = shares(array.shape[0], height), shares(array.shape[1], width)
    return np.moveaxis(np.tensordot(columns, np.tensordot(rows, array.astype(float), (1, 0)), (1, 1)), 0, 1)


# --- the index --------------------------------------------------------------------------------------


def test_the_index_has_a_row_an_image(shapes_root):
    frame = data.open_data(shapes_root)
    assert list(frame["id"].unique()) == [shapes.car_id(car) for car in range(8)]
    assert frame["view"].tolist() == [*range(1, 17)] * 8
    row = frame.iloc[17]
    assert (row["id"], row["view"]) == (OTHER, 2)
    assert Path(row["image"]) == shapes_root / "train" / f"{OTHER}_02.jpg"
    assert Path(row["mask"]) == shapes_root / "train_masks" / f"{OTHER}_02_mask.gif"
    assert frame.attrs["root"] == str(shapes_root)


def test_metadata_keep_their_blanks(shapes_root):
    frame = data.open_data(shapes_root).set_index("id")
    assert frame.loc[CAR, "make"].tolist() == ["Acura"] * 16
    assert frame.loc[CAR, "year"].astype(int).tolist() == [2012] * 16
    assert frame.loc[OTHER, ["year", "make", "model", "trim1", "trim2"]].isna().all(axis=None)


@pytest.mark.parametrize("forms", [["gif"], ["png"], ["csv"], ["gif", "csv"], ["png", "csv"]])
@pytest.mark.parametrize("metadata", [True, False])
def test_every_layout_gives_the_same_truth(tmp_path, forms, metadata):
    frame = data.open_data(shapes.write_data(tmp_path / "data", masks=forms, metadata=metadata))
    assert len(frame) == 4
    for row in frame.to_dict("records"):
        mask = data.read_mask(row)
        assert mask.dtype == np.uint8
        np.testing.assert_array_equal(mask, shapes.draw(row["id"], row["view"])[1] * 255)


@pytest.mark.parametrize("levels", [1, 255])
def test_png_masks_may_count_to_one_or_to_255(tmp_path, levels):
    mask = shapes.draw(CAR, 1)[1]
    Image.fromarray(mask.astype(np.uint8) * levels).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(data.read_mask(tmp_path / "mask.png"), mask * 255)


def test_part_test_has_truth_and_usage_from_the_solution(shapes_root):
    frame = data.open_data(shapes_root, part="test")
    assert frame["usage"].tolist() == ["Public", "Private"] * 16
    for row in frame[:3].to_dict("records"):
        np.testing.assert_array_equal(data.read_mask(row) > 0, shapes.draw(row["id"], row["view"])[1])


def test_without_a_solution_the_test_part_has_no_masks(tmp_path):
    root = shapes.write_data(tmp_path / "data", test_cars=1)
    (root / "solution.csv").unlink()
    frame = data.open_data(root, part="test")
    assert frame["mask"].tolist() == ["", ""]
    refusal(frame["image"][0], "no mask", act=data.read_mask, source=frame.iloc[0])


def test_photos_without_mask_files_are_not_opened(shapes_root, monkeypatch):
    monkeypatch.setattr(data.Image, "open", lambda path: pytest.fail(f"opened {path}"))
    assert len(data.open_data(shapes_root, part="test")) == 32


def test_rows_are_sorted_by_car_even_where_ids_differ_in_length(root):
    for path in root.glob("train*/*"):
        path.rename(path.with_name(path.name.replace(OTHER, CAR + "0")))
    (root / "train_masks.csv").unlink()
    frame = data.open_data(root)
    assert frame[["id", "view"]].values.tolist() == [[CAR, 1], [CAR, 2], [CAR + "0", 1], [CAR + "0", 2]]


def test_describe_counts_cars_and_images(shapes_root):
    frame = data.open_data(shapes_root)
    assert data.describe(frame) == f"{shapes_root}: 8 cars, 128 images"
    assert data.describe(frame[frame["view"] < 3]) == f"{shapes_root}: 8 cars, 16 images"


def test_describe_is_short_inside_the_project(shapes_root):
    frame = data.open_data(shapes_root)
    frame.attrs["root"] = str(data.PROJECT / "data" / "sample")
    assert data.describe(frame).startswith("data/sample: 8 cars")


# --- which root -------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv("CARVANA_DATA", raising=False)
    monkeypatch.setattr(data, "PROJECT", tmp_path)
    return tmp_path


def test_the_embedded_data_are_the_default(project):
    shapes.write_data(project / "data" / "sample")
    assert data.open_data().attrs["root"] == str(project / "data" / "sample")


@pytest.mark.parametrize("there, chosen", [(["train", "train_masks"], "carvana"), (["train"], "sample")])
def test_the_kaggle_data_are_taken_once_they_are_complete(project, there, chosen):
    for folder in there:
        (project / "data" / "carvana" / folder).mkdir(parents=True)
    assert data.default_root() == project / "data" / chosen


def test_the_environment_beats_the_default_and_an_argument_beats_both(project, monkeypatch, shapes_root):
    shapes.write_data(project / "data" / "sample")
    monkeypatch.setenv("CARVANA_DATA", str(shapes_root))
    assert data.open_data().attrs["root"] == str(shapes_root)
    assert data.open_data(project / "data" / "sample").attrs["root"] == str(project / "data" / "sample")


# --- refusals ---------------------------------------------------------------------------------------


def test_refuses_a_folder_that_is_not_there_or_empty(tmp_path):
    refusal(tmp_path / "nowhere" / "train", "python -m utils download", root=tmp_path / "nowhere")
    (tmp_path / "train").mkdir()
    refusal(tmp_path / "train", root=tmp_path)
    refusal(tmp_path / "test", root=tmp_path, part="test")


def test_refuses_an_image_without_a_mask(root):
    (root / "train_masks" / f"{OTHER}_02_mask.gif").unlink()
    refusal(root / "train" / f"{OTHER}_02.jpg", "without a mask", root=root)


def test_refuses_two_masks_of_one_image(root):
    gif = root / "train_masks" / f"{CAR}_02_mask.gif"
    shutil.copy(gif, gif.with_suffix(".png"))
    refusal(gif, gif.with_suffix(".png"), "Two masks", root=root)


def test_refuses_a_mask_without_an_image(root):
    (root / "train" / f"{CAR}_02.jpg").unlink()
    refusal(root / "train_masks" / f"{CAR}_02_mask.gif", "without an image", root=root)


def test_refuses_masks_of_another_size(root):
    mask = root / "train_masks" / f"{OTHER}_01_mask.gif"
    shapes.save_gif(np.ones((96, 64), bool), mask)
    refusal(mask, root / "train" / f"{OTHER}_01.jpg", "(64, 96)", "(96, 64)", root=root)


def test_refuses_run_lengths_that_do_not_fit_the_image(tmp_path):
    root = shapes.write_data(tmp_path / "data", masks=["csv"])
    Image.fromarray(shapes.draw(OTHER, 1, 20, 30)[0]).save(root / "train" / f"{OTHER}_01.jpg")
    frame = data.open_data(root)
    refusal(root / "train" / f"{OTHER}_01.jpg", act=data.load_masks, frame=frame, size=32)


def test_refuses_no_masks_at_all(root):
    shutil.rmtree(root / "train_masks")
    (root / "train_masks.csv").unlink()
    refusal(root / "train_masks", root / "train_masks.csv", root=root)


def test_refuses_names_that_are_no_view_of_a_car(root):
    shutil.copy(root / "train" / f"{CAR}_01.jpg", root / "train" / "holiday.jpg")
    refusal(root / "train" / "holiday.jpg", "ID_VIEW", root=root)


@pytest.mark.parametrize("name", ["train_masks.csv", "solution.csv"])
def test_refuses_a_csv_file_that_lacks_an_image_or_has_it_twice(tmp_path, name):
    root = shapes.write_data(tmp_path / "data", masks=["csv"], test_cars=2)
    part = {"train_masks.csv": "train", "solution.csv": "test"}[name]
    header, first, *rest = (root / name).read_text().splitlines()
    (root / name).write_text("\n".join([header, *rest]))
    refusal(root / name, first.split(",")[0], root=root, part=part)
    (root / name).write_text("\n".join([header, first, first, *rest]))
    refusal(root / name, first.split(",")[0], root=root, part=part)


@pytest.mark.parametrize("name", ["train_masks.csv", "metadata.csv"])
@pytest.mark.parametrize("content", ["", "something,else\n1,2\n", 'id,img\n"never closed\n', "\xff\xfe"])
def test_refuses_a_csv_file_that_is_no_table_of_its_kind(tmp_path, name, content):
    root = shapes.write_data(tmp_path / "data", masks=["csv"])
    (root / name).write_text(content, encoding="latin-1")
    refusal(root / name, root=root)


def test_refuses_metadata_that_hold_a_car_twice(root):
    lines = (root / "metadata.csv").read_text().splitlines()
    (root / "metadata.csv").write_text("\n".join([*lines, lines[-1]]))
    refusal(root / "metadata.csv", OTHER, root=root)


@pytest.mark.parametrize("broken", ["train/{}_02.jpg", "train_masks/{}_02_mask.gif"])
@pytest.mark.parametrize("content", [b"", b"not an image", None])
def test_refuses_what_is_not_an_image(root, broken, content):
    path = root / broken.format(CAR)
    path.write_bytes(path.read_bytes()[:9] if content is None else content)
    refusal(path, root=root)


@pytest.mark.parametrize("form", ["jpg", "gif", "png"])
def test_a_truncated_file_is_refused_by_its_name_wherever_it_ends(tmp_path, form):
    photo, mask = shapes.draw(CAR, 1)
    whole = tmp_path / f"whole.{form}"
    shapes.save_gif(mask, whole) if form == "gif" else Image.fromarray(photo).save(whole)
    content, cut = whole.read_bytes(), tmp_path / f"cut.{form}"
    refused = 0
    for end in range(0, len(content) - 40, max(1, len(content) // 150)):
        cut.write_bytes(content[:end])
        for read in (data.image_shape, data.read_mask if form == "gif" else data.read_image):
            try:
                read(cut)
            except CourseError as error:
                assert str(cut) in str(error)
                refused += read is not data.image_shape
    assert refused >= 150


@pytest.mark.parametrize(
    "load, broken", [("load_images", "train/{}_02.jpg"), ("load_masks", "train_masks/{}_02_mask.gif")]
)
def test_loading_refuses_a_truncated_file(root, cache, load, broken):
    frame = data.open_data(root)
    path = root / broken.format(OTHER)
    path.write_bytes(path.read_bytes()[:-60])
    refusal(path, act=getattr(data, load), frame=frame, size=32)
    assert list(cache.iterdir()) == []


def test_loading_refuses_files_that_have_gone(root, cache):
    frame = data.open_data(root)
    Path(frame["image"][3]).unlink()
    refusal(frame["image"][3], act=data.load_images, frame=frame, size=32)


# --- splits and choices -----------------------------------------------------------------------------

rows = st.lists(st.tuples(st.sampled_from([f"{car:012x}" for car in range(40)]), st.integers(1, 16)), min_size=1)
shares = st.floats(0, 0.6)


@given(rows, shares, shares, st.integers(0, 5))
def test_no_car_is_on_two_sides(rows, val, test, seed):
    frame = pd.DataFrame(rows, columns=["id", "view"])
    cars = frame["id"].nunique()
    asked = [max(1, round(share * cars)) if share > 0 else 0 for share in (val, test)]
    if sum(asked) >= cars:
        refusal(f"{cars} car", act=data.split_by_car, frame=frame, val=val, test=test, seed=seed)
        return
    sides = data.split_by_car(frame, val, test, seed)
    assert [side["id"].nunique() for side in sides] == [cars - sum(asked), *asked]
    assert sum(side["id"].nunique() for side in sides) == len(set().union(*(side["id"] for side in sides)))
    assert sorted(map(tuple, pd.concat(sides).values.tolist())) == sorted(rows)
    shuffled = data.split_by_car(frame[::-1], val, test, seed)
    assert [set(side["id"]) for side in sides] == [set(side["id"]) for side in shuffled]


def test_seeds_split_differently(shapes_root):
    frame = data.open_data(shapes_root)
    held_out = {tuple(data.split_by_car(frame, seed=seed)[2]["id"].unique()) for seed in range(20)}
    assert len(held_out) > 3


def test_sides_keep_root_and_order(shapes_root):
    frame = data.open_data(shapes_root)
    for side in data.split_by_car(frame):
        assert side.attrs["root"] == str(shapes_root)
        assert side["image"].tolist() == sorted(side["image"])
        assert side.index.tolist() == [*range(len(side))]


def test_select_cars_takes_exactly_these(shapes_root):
    frame = data.open_data(shapes_root)
    assert data.select_cars(frame, [OTHER, OTHER, CAR])["id"].unique().tolist() == [CAR, OTHER]
    refusal("nobody", str(shapes_root), act=data.select_cars, frame=frame, cars=[CAR, "nobody"])


def test_known_bad_masks_are_left_out_by_name():
    assert len(data.BAD_MASKS) == 23
    names = ["3afec4b5ac07_05", "3afec4b5ac07_06", "4a4364d7fc6d_15", "00087a6bd4dc_01"]
    frame = pd.DataFrame({"image": [f"/data/train/{name}.jpg" for name in names]})
    assert [Path(image).stem for image in data.without_bad_masks(frame)["image"]] == names[1::2]


# --- reading ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(32, 48), (16, 12), 8, (24, 40), (50, 61), 48])
def test_images_and_masks_are_averaged_over_areas(tmp_path, size):
    height, width = (size, size) if isinstance(size, int) else size
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    result = data.read_image(tmp_path / "noise.png", size)
    assert result.dtype == np.uint8
    np.testing.assert_allclose(result, area_mean(noise, height, width), atol=1)
    mask = shapes.draw(CAR, 1)[1]
    shapes.save_gif(mask, tmp_path / "mask.gif")
    np.testing.assert_allclose(
        data.read_mask(tmp_path / "mask.gif", size), area_mean(mask * 255, height, width), atol=1
    )


def test_whole_blocks_are_their_mean(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    blocks = noise.reshape(16, 4, 24, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(data.read_image(tmp_path / "noise.png", (16, 24)), blocks, atol=0.51)


def test_a_small_photo_can_be_enlarged(tmp_path):
    Image.fromarray(np.full((5, 7, 3), (10, 20, 30), np.uint8)).save(tmp_path / "small.png")
    np.testing.assert_array_equal(data.read_image(tmp_path / "small.png", (16, 4)), np.full((16, 4, 3), (10, 20, 30)))


@pytest.mark.parametrize("size", [128, 256, (320, 480), (100, 480)])
def test_the_decoders_own_shrinking_is_faithful(tmp_path, size):
    photo, _ = shapes.draw(CAR, 1, 1280, 1918)
    Image.fromarray(photo).save(tmp_path / "photo.jpg", quality=92)
    assert_faithful(tmp_path / "photo.jpg", size)


@pytest.mark.parametrize("size", [128, 256, 512])
def test_the_decoders_own_shrinking_is_faithful_on_real_photos(shared, size):
    for path in sorted((shared("carvana_fullres") / "train").glob("*.jpg"))[:3]:
        assert_faithful(path, size)


def assert_faithful(path, size):
    height, width = (size, size) if isinstance(size, int) else size
    plain = area_mean(np.asarray(Image.open(path).convert("RGB")), height, width)
    difference = abs(data.read_image(path, size) - plain)
    assert difference.mean() < 1.5
    assert np.quantile(difference, 0.99) < 20


def test_the_decoder_shrinks_before_the_pixels_are_there(tmp_path, monkeypatch):
    Image.fromarray(shapes.draw(CAR, 1, 1280, 1918)[0]).save(tmp_path / "photo.jpg", quality=92)
    decoded, resize = [], data.resize
    monkeypatch.setattr(data, "resize", lambda array, size: (decoded.append(array.shape), resize(array, size))[1])
    for size in (128, 256, 1000):
        data.read_image(tmp_path / "photo.jpg", size)
    assert decoded == [(160, 240, 3), (320, 480, 3), (1280, 1918, 3)]


@pytest.mark.parametrize("size", [None, 32])
@pytest.mark.parametrize("turn, tag", [(0, 1), (1, 6), (2, 3), (3, 8)])
def test_photos_stand_upright(tmp_path, turn, tag, size):
    upright = np.zeros((64, 96, 3), np.uint8)
    upright[:16] = 255
    exif = Image.Exif()
    exif[0x112] = tag
    Image.fromarray(np.rot90(upright, turn)).save(tmp_path / "photo.jpg", exif=exif, quality=95)
    found = data.read_image(tmp_path / "photo.jpg", size)
    assert data.image_shape(tmp_path / "photo.jpg") == (64, 96)
    assert found.shape == ((64, 96, 3) if size is None else (32, 32, 3))
    quarter = len(found) // 4
    assert found[: quarter - 1].min() > 220
    assert found[quarter + 1 :].max() < 35


def test_damaged_exif_does_not_cost_the_photo(tmp_path):
    Image.fromarray(shapes.draw(CAR, 1)[0]).save(tmp_path / "photo.jpg", exif=b"Exif\0\0none of this is a tag" * 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert data.image_shape(tmp_path / "photo.jpg") == (64, 96)
        assert data.read_image(tmp_path / "photo.jpg").shape == (64, 96, 3)


@pytest.mark.parametrize(
    "mode, name", [("CMYK", "a.jpg"), ("L", "a.jpg"), ("LA", "a.png"), ("RGBA", "a.png"), ("P", "a.png")]
)
def test_photos_in_other_colour_modes_become_rgb(tmp_path, mode, name):
    photo, _ = shapes.draw(CAR, 1)
    if mode in ("L", "LA"):
        photo = np.repeat(photo[..., :1], 3, axis=-1)
    image = Image.fromarray(photo)
    (image.quantize() if mode == "P" else image.convert(mode)).save(tmp_path / name, quality=98)
    found = data.read_image(tmp_path / name)
    assert found.shape == (64, 96, 3)
    assert abs(found.astype(float) - photo).mean() < 4


@pytest.mark.parametrize("bits", [">u2", "<u2"])
@pytest.mark.parametrize("form", ["png", "tif"])
def test_sixteen_bits_become_eight(tmp_path, form, bits):
    grey = shapes.draw(CAR, 1)[0][..., 0]
    Image.fromarray((grey.astype(np.uint16) * 257).astype(bits)).save(tmp_path / f"photo.{form}")
    np.testing.assert_array_equal(data.read_image(tmp_path / f"photo.{form}"), np.repeat(grey[..., None], 3, axis=-1))


@pytest.mark.parametrize("name", ["photo.png", "photo.tif"])
def test_sixteen_bits_a_colour_become_eight(tmp_path, name):
    photo = shapes.draw(CAR, 1)[0]
    cv2.imwrite(str(tmp_path / name), photo[..., ::-1].astype(np.uint16) * 257)
    np.testing.assert_array_equal(data.read_image(tmp_path / name), photo)


@pytest.mark.parametrize("size", [None, (32, 48)])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_becomes_white(tmp_path, mode, size):
    photo, mask = np.full((64, 96, 3), 60, np.uint8), np.zeros((64, 96), bool)
    mask[20:40, 10:70] = True
    image = Image.fromarray(np.dstack([photo * mask[..., None], mask * np.uint8(255)]))
    if mode == "P":
        image = Image.fromarray(mask.astype(np.uint8))
        image.putpalette([0, 0, 0, 60, 60, 60])
        image.save(tmp_path / "a.png", transparency=0)
    else:
        image.convert(mode).save(tmp_path / "a.png")
    found = data.read_image(tmp_path / "a.png", size)
    mask = mask if size is None else mask[::2, ::2]
    np.testing.assert_array_equal(found, np.where(mask[..., None], [60] * 3, [255] * 3))


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_numbers_that_are_no_colours_are_refused(tmp_path, kind):
    Image.fromarray(np.zeros((8, 8), kind)).save(tmp_path / "depth.tif")
    with pytest.raises(CourseError, match="depth.tif holds numbers of 32 bits"):
        data.read_image(tmp_path / "depth.tif")


# --- arrays and their cache -------------------------------------------------------------------------


def test_arrays_hold_what_reading_gives(shapes_root, cache):
    frame = data.open_data(shapes_root)[3:40:7]
    images, masks = data.load_images(frame, (32, 48)), data.load_masks(frame, (32, 48))
    assert images.dtype == masks.dtype == np.uint8
    np.testing.assert_array_equal(images, [data.read_image(path, (32, 48)) for path in frame["image"]])
    np.testing.assert_array_equal(masks, [data.read_mask(path, (32, 48)) for path in frame["mask"]])
    assert data.load_images(frame, 16).shape == (6, 16, 16, 3)


def test_soft_masks_are_the_same_from_gif_png_and_csv(tmp_path, cache):
    forms = {form: shapes.write_data(tmp_path / form, masks=[form]) for form in ("gif", "png", "csv")}
    masks = {form: data.load_masks(data.open_data(root), 32) for form, root in forms.items()}
    np.testing.assert_array_equal(masks["gif"], masks["csv"])
    np.testing.assert_array_equal(masks["gif"], masks["png"])
    assert ((masks["gif"] > 0) & (masks["gif"] < 255)).any()


def test_a_second_call_reads_no_image(root, cache, monkeypatch):
    frame = data.open_data(root)
    first = {load: np.array(getattr(data, load)(frame, 32)) for load in ("load_images", "load_masks")}
    monkeypatch.setattr(data.Image, "open", lambda path: pytest.fail("decoded again"))
    for load, array in first.items():
        np.testing.assert_array_equal(getattr(data, load)(frame, 32), array)


def test_the_cache_follows_the_content_and_not_the_place(root, cache, tmp_path):
    before = np.array(data.load_images(data.open_data(root), 32))
    root.rename(tmp_path / "moved")
    frame = data.open_data(tmp_path / "moved")
    np.testing.assert_array_equal(data.load_images(frame, 32), before)
    assert len(list(cache.iterdir())) == 1
    Image.fromarray(255 - shapes.draw(CAR, 1)[0]).save(frame["image"][0], quality=95)
    after = data.load_images(frame, 32)
    assert abs(after[0].astype(int) - before[0]).mean() > 50
    np.testing.assert_array_equal(after[1:], before[1:])


@pytest.mark.parametrize("forms", [["gif"], ["csv"]])
def test_the_cache_follows_the_masks(tmp_path, cache, forms):
    root = shapes.write_data(tmp_path / "data", masks=forms)
    before = np.array(data.load_masks(data.open_data(root), 32))
    if forms == ["gif"]:
        shapes.save_gif(np.ones((64, 96), bool), root / "train_masks" / f"{CAR}_01_mask.gif")
    else:
        first = runs(root)[0]
        (root / "train_masks.csv").write_text((root / "train_masks.csv").read_text().replace(first, "1 6144"))
    after = data.load_masks(data.open_data(root), 32)
    assert after[0].min() == 255
    np.testing.assert_array_equal(after[1:], before[1:])


def runs(root):
    return pd.read_csv(root / "train_masks.csv")["rle_mask"].tolist()


def test_the_same_run_lengths_on_a_photo_of_another_shape_are_another_mask(tmp_path, cache):
    root = shapes.write_data(tmp_path / "data", masks=["csv"])
    wide = np.array(data.load_masks(data.open_data(root), 32))
    for path in (root / "train").iterdir():
        Image.open(path).transpose(Image.Transpose.ROTATE_90).save(path)
    tall = data.load_masks(data.open_data(root), 32)
    assert (tall != wide).any()


def test_orders_and_sizes_do_not_share_a_cache(root, cache):
    frame = data.open_data(root)
    straight = np.array(data.load_images(frame, 32))
    np.testing.assert_array_equal(data.load_images(frame[::-1], 32), straight[::-1])
    assert data.load_images(frame, (16, 64)).shape == (4, 16, 64, 3)
    assert data.load_images(frame[:0], 32).shape == (0, 32, 32, 3)


def test_arrays_are_mapped_read_only(root, cache):
    images = data.load_images(data.open_data(root), 32)
    assert isinstance(images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0


def test_a_photo_that_changes_without_changing_its_length_is_read_anew(root, cache):
    """Bitmaps under a photo's name: as long for every content. Only the time of the last change differs."""
    first = data.open_data(root)["image"][0]
    Image.new("RGB", (96, 64), "white").save(first, format="bmp")
    frame = data.open_data(root)
    assert data.load_images(frame, 32)[0].min() == 255
    length, written = os.path.getsize(first), os.stat(first).st_mtime_ns
    Image.new("RGB", (96, 64), "black").save(first, format="bmp")
    os.utime(first, ns=(written + 1, written + 1))
    assert os.path.getsize(first) == length
    assert data.load_images(frame, 32)[0].max() == 0


def test_a_second_call_reads_no_photo(root, cache):
    """Were they read, it would show: they are of the same length and date, and no photos any more."""
    frame = data.open_data(root)
    before = [np.array(load(frame, 32)) for load in (data.load_images, data.load_masks)]
    for path in map(Path, [*frame["image"], *frame["mask"]]):
        status = path.stat()
        path.write_bytes(bytes(status.st_size))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    for load, expected in zip((data.load_images, data.load_masks), before):
        np.testing.assert_array_equal(load(frame, 32), expected)


def process(program, *arguments):
    """A Python process of its own, which knows ``data`` and ``root`` and keeps its cache in the folder ``cache``."""
    setup = "import sys, time; from pathlib import Path; from utils import CourseError, data\n"
    setup += "root, data.CACHE, read = sys.argv[1], Path(sys.argv[2]), data.read_image\n"
    environment = os.environ | {"PYTHONPATH": str(data.PROJECT)}
    command = [sys.executable, "-c", setup + textwrap.dedent(program), *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("boundless", [False, True])
def test_a_full_disk_is_no_place_for_a_cache(root, small_disk, boundless):
    """Whether it says so in advance or, as under a quota, in the midst of writing. It used to kill the process."""
    program = f"""
        import shutil
        usage = shutil.disk_usage("/")
        if {boundless}:
            shutil.disk_usage = lambda folder: usage._replace(free=2**60)
        try:
            data.load_images(data.open_data(root), 512)
        except CourseError as error:
            print(error)
    """
    with process(program, root, small_disk) as found:
        said, _ = found.communicate()
    assert found.returncode == 0
    assert said.startswith(f"No room for {small_disk}") and "needs about 3.1 MB" in said
    assert list(small_disk.iterdir()) == []


WAITING = """
    started = time.monotonic()
    def wait(path, size):
        print("reading", path, flush=True)
        while not Path(root, "go").exists() and time.monotonic() < started + 20:
            time.sleep(0.01)
        return read(path, size)

    data.read_image = wait
    print(data.load_images(data.open_data(root), 32).sum())
"""


def test_of_two_processes_one_builds_the_cache_and_the_other_waits(root, cache):
    with process(WAITING, root, cache) as first:
        assert first.stdout.readline().startswith("reading")
        with process(WAITING, root, cache) as second:
            assert second.stderr.readline() == "Another process is preparing these images: waiting for it.\n"
            (root / "go").touch()
            assert second.communicate()[0] == first.communicate()[0].splitlines(keepends=True)[-1]
    assert len(list(cache.iterdir())) == 1


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_writes_is_not(root, cache):
    with process(WAITING, root, cache) as killed:
        killed.stdout.readline()
        (left,) = cache.iterdir()
        killed.send_signal(signal.SIGKILL)
    assert left.exists()
    living = left.with_name(left.name.replace(str(killed.pid), str(os.getppid())))
    living.touch()
    data.load_masks(data.open_data(root), 32)
    assert not left.exists() and living.exists()


def test_a_small_cache_is_built_in_silence(root, cache, capfd):
    data.load_images(data.open_data(root), 32)
    assert capfd.readouterr() == ("", "")


def test_arrays_are_built_on_disk_and_not_in_memory(shapes_root, cache):
    frame = data.open_data(shapes_root)
    tracemalloc.start()
    try:
        images = data.load_images(frame, 256)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < images.nbytes / 2


# --- one split for every chapter --------------------------------------------------------------------


def test_course_split_of_the_sample_scores_the_cars_of_its_test_folder():
    root = data.PROJECT / "data" / "sample"
    train, val, test = data.course_split(root)
    assert [part["id"].nunique() for part in (train, val, test)] == [43, 5, 16]
    assert set(test["id"]) == set(data.open_data(root, "test")["id"])
    assert set(train["id"]) | set(val["id"]) == set(data.open_data(root)["id"])
    assert not set(train["id"]) & set(val["id"])
    assert set(val["id"]) == set(
        data.split_by_car(data.open_data(root))[1]["id"]
    )  # those that chose the weights' epoch
    assert data.load_masks(test[:2], 64).any(axis=(1, 2)).all() and test.attrs["root"] == str(root)


def test_course_split_without_a_solution_holds_out_training_cars(tmp_path):
    shapes.write_data(tmp_path, cars=10)
    train, val, test = data.course_split(tmp_path)
    assert [part["id"].nunique() for part in (train, val, test)] == [7, 1, 2]
    assert set(train["id"]) | set(val["id"]) | set(test["id"]) == set(data.open_data(tmp_path)["id"])


def test_course_split_takes_at_most_so_many_whole_cars():
    parts = data.course_split(data.PROJECT / "data" / "sample", train=4, val=9, test=2)
    assert [part["id"].nunique() for part in parts] == [4, 5, 2] and [len(part) for part in parts] == [64, 80, 32]
