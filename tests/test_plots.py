"""Plots show the numbers they are given, and saving is atomic."""

import base64
import io
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from IPython.core.formatters import format_display_data
from scipy.ndimage import binary_erosion

from utils import CourseError, plots


def texts(axis):
    return [text.get_text() for text in axis.texts]


@pytest.fixture
def two():
    return pd.DataFrame({"by image": [0.90, 0.92], "by car": [0.88, 0.88]}, index=["a", "b"])


def test_dots_show_every_entry_and_the_means(two):
    axis = plots.dots(two, "Title").axes[0]
    assert [list(line.get_xdata()) for line in axis.lines] == [[0.90, 0.92], [0.88, 0.88]]
    assert texts(axis) == ["0.910", "0.880"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["by image", "by car"]


def test_gains_carry_their_sign_and_stand_beside_a_line_at_zero(two):
    axis = plots.gains(10 * (two - 0.9), "Title").axes[0]
    assert texts(axis) == ["+0.1", "-0.2"]
    assert list(axis.lines[-1].get_xdata()) == [0, 0]
    assert [line.get_marker() for line in axis.lines] == ["o", "o", "None"]


def test_gains_show_the_intervals_of_the_means(two):
    intervals = pd.DataFrame({"by car": [0.87, 0.89], "by image": [0.90, 0.92]}, index=["low", "high"])
    axis = plots.gains(two, "Title", intervals=intervals).axes[0]
    bars = [[point.tolist() for point in segment] for segment in axis.collections[0].get_segments()]
    assert bars == [[[0.90, 0.25], [0.92, 0.25]], [[0.87, 1.25], [0.89, 1.25]]]
    assert axis.lines[2].get_xdata().tolist() == pytest.approx([0.91, 0.88])


def test_lines_carry_the_ticks_they_are_given():
    frame = pd.DataFrame({"mean": [1.0, 2, 1]}, index=[1, 5, 9])
    axis = plots.lines(frame, "Title", ticks={1: "front", 9: "rear"}).axes[0]
    assert list(axis.get_xticks()) == [1, 9]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["front", "rear"]


def test_tables_side_by_side_keep_their_own_scales_and_name_the_rows_once(two):
    left, right = plots.dots_beside({"short": two, "long": two / 10}, "Title").axes
    assert [texts(axis) for axis in (left, right)] == [["0.910", "0.880"], ["0.091", "0.088"]]
    assert [axis.get_title(loc="left") for axis in (left, right)] == ["short", "long"]
    names = [[label.get_text() for label in axis.get_yticklabels()] for axis in (left, right)]
    assert names == [["by image", "by car"], ["", ""]]
    assert left.get_ylim() == right.get_ylim() and left.get_xlim() != right.get_xlim()


def test_strips_show_every_entry_the_lowest_mean_first():
    values = pd.Series([0.9, 0.7, 0.5, 0.8], index=[4, 7, 8, 9])
    rows = pd.Series(["good", "bad", "bad", "good"], index=[4, 7, 8, 9])
    axis = plots.strips(values, rows, "Title", strong=["bad"]).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["bad", "good"]
    dots, strokes = axis.lines[::2], axis.lines[1::2]
    assert [sorted(line.get_xdata()) for line in dots] == [[0.5, 0.7], [0.8, 0.9]]
    assert [line.get_xdata()[0] for line in strokes] == pytest.approx([0.6, 0.85])
    assert texts(axis) == ["0.6000", "0.8500"]
    assert dots[0].get_color() == plots.RED != dots[1].get_color()


def test_bands_reach_from_low_to_high_on_scales_of_their_own():
    table = pd.DataFrame({"low": [-1.0, 0], "mean": [0.0, 2], "high": [1.0, 5]}, index=[1, 9])
    left, right = plots.bands({"a": table, "b": 10 * table}, "Title", "view", "gain", {1: "front", 9: "rear"}).axes
    corners = left.collections[0].get_paths()[0].get_extents()
    assert (corners.y0, corners.y1, corners.x0, corners.x1) == (-1, 5, 1, 9)
    assert list(left.lines[-1].get_ydata()) == [0, 2]
    assert [label.get_text() for label in right.get_xticklabels()] == ["front", "rear"]
    assert left.get_ylim() != right.get_ylim()


def test_scatter_names_some_entries_and_takes_the_axes_from_the_data():
    x, y = pd.Series([1, 2], ["a", "b"], name="size"), pd.Series([3, 4], ["a", "b"], name="score")
    axis = plots.scatter(x, y, "Title", {"b": "the large one"}).axes[0]
    assert texts(axis) == ["the large one"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("size", "score")
    assert list(axis.lines[1].get_xdata()) == [2] and list(axis.lines[1].get_ydata()) == [4]


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_reliability_marks_threshold_and_share_beside_the_diagonal(threshold):
    table = pd.DataFrame({"predicted": [0.1, 0.9], "observed": [0.05, 0.97]})
    figure = plots.reliability({"net": table}, {"net": (threshold, 0.45)}, "Title")
    diagonal, share, upright, curve = figure.axes[0].lines
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == [0, 1]
    assert list(share.get_ydata()) == [0.45] * 2 and list(upright.get_xdata()) == [threshold] * 2
    assert list(curve.get_ydata()) == [0.05, 0.97]
    assert not plots.collisions(figure)


def test_odds_are_written_in_percent_without_the_diagonal():
    frame = pd.DataFrame([[0, 0.25], [0.25, 0]], ["a", "b"], ["a", "b"])
    axis = plots.odds(frame, "Title").axes[0]
    assert texts(axis) == ["25", "25"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a  1", "b  2"]
    assert np.isnan(axis.images[0].get_array().filled(np.nan).diagonal()).all()
    assert axis.images[0].get_clim() == (0, 1)


def test_maps_of_any_size_cover_the_photo_and_share_one_scale():
    photo = np.full((20, 30, 3), 100, np.uint8)
    maps = {"coarse": np.array([[1.0, 2.0]]), "fine": np.linspace(1, 3, 600).reshape(20, 30)}
    axes = plots.maps_over(photo, maps).axes[:2]
    for axis, grid in zip(axes, maps.values()):
        below, above = axis.images
        assert list(below.get_extent()) == list(above.get_extent()) == [0, 30, 20, 0]
        assert above.get_clim() == (1, 3)
        np.testing.assert_array_equal(above.get_array(), grid)
        assert not axis.lines
    marked = plots.maps_over(photo, maps, point=(4, 9)).axes[:2]
    assert [line.get_xydata().tolist() for axis in marked for line in axis.lines] == [[[9.5, 4.5]]] * 2


def test_lines_over_the_distance_break_at_the_edge():
    frame = pd.DataFrame({"a": [0.1, 0.4, 0.3, 0.2], "b": [0.2, 0.1, 0.1, 0.0]}, index=[-1.5, -0.5, 0.5, 1.5])
    edge, *drawn = plots.by_distance(frame, "Title").axes[0].lines
    assert list(edge.get_xdata()) == [0, 0]
    assert [list(line.get_xdata()) for line in drawn] == [[-1.5, -0.5]] * 2 + [[0.5, 1.5]] * 2
    assert [list(line.get_ydata()) for line in drawn] == [[0.1, 0.4], [0.2, 0.1], [0.3, 0.2], [0.1, 0.0]]
    assert drawn[0].get_color() == drawn[2].get_color() != drawn[1].get_color()
    named, alone = (plots.by_distance(part, "Title").axes[0] for part in (frame, frame[["a"]]))
    assert texts(named) == ["inside the car", "outside", " b", " a"] and texts(alone) == ["inside the car", "outside"]


def test_intervals_are_coloured_where_they_leave_out_zero_and_share_one_scale():
    table = pd.DataFrame(
        {"low": [0.1, -0.3, -0.1], "mean": [0.2, -0.2, 0.1], "high": [0.3, -0.1, 0.2]}, index=list("abc")
    )
    left, right = plots.intervals({"one": table, "two": 10 * table}, "Title").axes
    colours = [line.get_color() for line in left.lines[1::2]]
    assert colours == [plots.BLUE, plots.RED, "0.45"]
    assert [list(line.get_xdata()) for line in left.lines[1:]] == [
        [0.1, 0.3],
        [0.2],
        [-0.3, -0.1],
        [-0.2],
        [-0.1, 0.2],
        [0.1],
    ]
    assert left.get_xlim() == right.get_xlim() and left.get_xlim()[1] > 3
    assert [label.get_text() for label in left.get_yticklabels()] == ["a", "b", "c"]


def test_marks_stand_at_their_places_below_the_lines():
    frame = pd.DataFrame({"Dice": [0.80, 0.90, 0.95]}, index=[50, 100, 150])
    axis = plots.marked_lines(frame, {50: "short", 150: "long"}, "Title").axes[0]
    curve, *marks = axis.lines
    assert curve.get_ydata().tolist() == [0.80, 0.90, 0.95]
    assert [list(mark.get_xdata()) for mark in marks] == [[50, 50], [150, 150]]
    assert {"short", "long"} < set(texts(axis)) and axis.get_ylim()[0] < 0.79


def test_ratios_stand_on_a_logarithmic_axis_beside_a_line_at_1(two):
    axis = plots.ratios(two, "Title").axes[0]
    line, *drawn = axis.lines
    assert list(line.get_xdata()) == [1, 1] and axis.get_xscale() == "log"
    assert [list(each.get_xdata()) for each in drawn] == [[0.90, 0.92], [0.88, 0.88]]
    assert texts(axis) == ["by image", "by car"]


def test_numbered_runs_number_by_rows_and_by_columns():
    mask = np.array([[1, 0, 1], [1, 1, 0]])
    rows, columns = plots.numbered_runs(mask).axes
    assert texts(rows) == ["1", "2", "3", "4", "5", "6"] and texts(columns) == ["1", "3", "5", "2", "4", "6"]
    assert [axis.get_title(loc="left") for axis in (rows, columns)] == [
        "numbered by rows: 2 runs",
        "numbered by columns: 2 runs",
    ]  # 1, 3-5 by rows; 1-2, 4-5 by columns
    colours = {text.get_text(): patch.get_facecolor() for text, patch in zip(rows.texts, rows.patches)}
    assert colours["3"] == colours["4"] == colours["5"] != colours["1"]
    assert colours["2"] == colours["6"] == (1, 1, 1, 0.6)


def test_probabilities_beside_a_photo_share_the_scale_from_0_to_1():
    photo = np.full((20, 30, 3), 100, np.uint8)
    maps = {"low": np.full((2, 3), 0.1), "high": np.full((4, 6), 0.9)}
    first, *others = plots.probability_maps(photo, maps, "Title").axes[:3]
    np.testing.assert_array_equal(first.images[0].get_array(), photo)
    assert [axis.images[0].get_clim() for axis in others] == [(0, 1)] * 2
    assert [list(axis.images[0].get_extent()) for axis in others] == [[0, 30, 20, 0]] * 2
    assert [axis.get_title(loc="left") for axis in others] == ["low", "high"]


def test_a_u_shape_names_every_level_and_shows_what_goes_in_and_comes_out():
    left = [(8, 8, 2), (4, 4, 4)]
    photo, mask = np.zeros((6, 9, 3), np.uint8), np.ones((6, 9), np.uint8)
    bare, full = plots.u_shape(left, (2, 2, 8), left), plots.u_shape(left, (2, 2, 8), left, photo, mask)
    for figure in (bare, full):
        told = texts(figure.axes[0])
        assert told.count("8 x 8 x 2") == told.count("4 x 4 x 4") == 2 and "bottom: 2 x 2 x 8" in told
        assert not plots.collisions(figure)
    assert not bare.axes[0].images and "photo" not in texts(bare.axes[0])
    assert [image.get_array().shape for image in full.axes[0].images] == [(6, 9, 3), (6, 9)]


def test_confusion_names_the_kind_of_every_pixel():
    truth, found = np.array([[1, 1, 0], [0, 0, 1]], bool), np.array([[1, 0, 1], [0, 0, 1]], bool)
    *masks, compared = plots.confusion(truth, found, "Title").axes
    assert texts(compared) == ["TP", "FN", "FP", "TN", "TN", "TP"]
    assert [texts(axis) for axis in masks] == [["car" if car else "" for car in mask.flat] for mask in (truth, found)]
    colours = [patch.get_facecolor() for patch in compared.patches]
    assert colours[3] == (1, 1, 1, 1) and len(set(colours)) == 4 and colours[0] == masks[0].patches[0].get_facecolor()


def test_outlines_draw_two_edges_and_leave_the_photo():
    photo, truth, found = np.full((40, 60, 3), 9, np.uint8), np.zeros((40, 60), bool), np.zeros((40, 60), bool)
    truth[5:20, 5:20], found[25:35, 30:50] = True, True
    drawn = plots.outlines(photo, truth, found)
    assert (photo == 9).all()
    for mask, colour in ((truth, (0, 114, 178)), (found, (213, 94, 0))):
        edge = mask & ~binary_erosion(mask)
        np.testing.assert_array_equal((drawn == colour).all(axis=-1), edge)
    left = np.arange(960) < np.full((40, 1), 99)
    wide = plots.outlines(np.zeros((40, 960, 3), np.uint8), left, left)
    assert wide[20].any(axis=-1)[50:].sum() > 2  # the line grows with the photo


@pytest.mark.parametrize("log", ["", "y"])
def test_curves_draw_every_run_and_their_mean_and_are_named_at_their_ends(log):
    steps = pd.Index([0, 10])
    runs = {"one": pd.Series([1.0, 0.5], steps), "three": pd.DataFrame([[1, 2, 3], [0.01, 0.02, 0.06]], steps)}
    axis = plots.curves(runs, "Title", log=log).axes[0]
    assert [line.get_ydata().tolist() for line in axis.lines] == [[1, 0.5], [1, 0.01], [2, 0.02], [3, 0.06], [2, 0.03]]
    one, *thin, mean = axis.lines
    assert mean.get_linewidth() == one.get_linewidth() > thin[0].get_linewidth()
    assert mean.get_color() == thin[0].get_color() != one.get_color()
    assert texts(axis) == [" three", " one"] and axis.get_yscale() == ("log" if log else "linear")
    axis.figure.draw_without_rendering()
    low, high = (text.get_window_extent() for text in axis.texts)
    for box, value in ((low, 0.03), (high, 0.5)):
        assert box.y0 < axis.transData.transform((10, value))[1] < box.y1


def test_names_of_curves_that_end_together_are_stacked_inside_the_axes():
    ends = {name: pd.Series([0.0, 1.0]) for name in "abc"} | {"d": pd.Series([1.0, 0.0])}
    figure = plots.curves(ends, "Title")
    assert plots.collisions(figure) == [] and texts(figure.axes[0]) == [" d", " a", " b", " c"]
    assert max(text.get_position()[1] for text in figure.axes[0].texts) <= 1


def test_a_filmstrip_has_one_scale_a_row_and_writes_small_grids():
    photo = np.full((20, 30, 3), 100, np.uint8)
    shares, signed = [np.full((20, 30), 0.2), np.full((20, 30), 0.9)], [np.full((3, 3), -0.25), np.full((3, 3), 0.5)]
    figure = plots.filmstrip({"answer": [photo, *shares], "filter": [photo, *signed]}, ["photo", "a", "b"], "Title")
    (_, *above), (_, *below) = figure.axes[:3], figure.axes[3:6]
    assert {axis.images[0].get_clim() for axis in above} == {(0, 1)}
    assert {axis.images[0].get_clim() for axis in below} == {(-0.5, 0.5)}
    assert texts(below[0]) == ["-0.25"] * 9 and texts(below[1]) == ["0.5"] * 9 and texts(above[0]) == []
    assert [figure.axes[0].texts[0].get_text(), figure.axes[3].texts[0].get_text()] == ["answer", "filter"]
    assert [axis.get_title(loc="left") for axis in figure.axes[:3]] == ["photo", "a", "b"]


def test_one_step_of_a_convolution_shows_its_numbers():
    image, kernel = np.arange(20.0).reshape(4, 5) / 20, np.array([[1.0, -1.0], [0.0, 2.0]])
    photo, window, weights, products = plots.convolution_step(image, kernel, 1, 2).axes
    assert texts(window) == ["0.35", "0.4", "0.6", "0.65"] and texts(weights) == ["1", "-1", "0", "2"]
    assert texts(products) == ["0.35", "-0.4", "0", "1.3"] and products.get_title(loc="left") == "the sum is 1.25"
    (frame,) = photo.patches
    assert (frame.get_xy(), frame.get_width(), frame.get_height()) == ((1.5, 0.5), 2, 2)


def test_heat_maps_share_one_scale():
    figure = plots.heat_maps({"low": np.full((2, 3), 0.1), "high": np.ones((2, 3))})
    assert {axis.images[0].get_clim() for axis in figure.axes[:2]} == {(0, 1)}


def test_heat_maps_may_stand_beside_the_photo_and_have_a_scale_of_their_own():
    photo, grid = np.full((2, 3, 3), 100, np.uint8), np.full((2, 3), -0.5)
    shown = [axis.images[0] for axis in plots.heat_maps({"photo": photo, "pull": grid}, limits=(-1, 1)).axes[:2]]
    np.testing.assert_array_equal(shown[0].get_array(), photo)
    assert shown[1].get_clim() == (-1, 1)


def test_a_long_title_stays_inside_the_figure(two):
    for figure in (plots.bars(two["by car"], "many words " * 20), plots.dots_beside({"a": two}, "many words " * 20)):
        figure.draw_without_rendering()
        title = figure._suptitle or figure.axes[0]._left_title
        assert title.get_window_extent().x1 <= figure.bbox.x1


def test_save_writes_one_file_and_leaves_no_figure_open(tmp_path, monkeypatch, two):
    monkeypatch.setattr(plots, "FIGURES", tmp_path / "figures")
    plots.save(plots.dots(two, "Title"), "01_try")
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["01_try.png"]
    assert not plt.get_fignums()  # nothing left open for a notebook to show a second time


@pytest.mark.parametrize("in_advance", [True, False])
def test_a_figure_that_does_not_fit_leaves_the_one_before(small_disk, monkeypatch, two, request, in_advance):
    monkeypatch.setattr(plots, "FIGURES", small_disk)
    plots.save(plots.dots(two, "Title"), "01_try")
    before = (small_disk / "01_try.png").read_bytes()
    if not in_advance:
        request.getfixturevalue("boundless")
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), dtype=np.uint8)
    with pytest.raises(CourseError, match=r"No room for .*01_try.png, which needs about [1-9]\.\d MB"):
        plots.save(plots.images([noise]), "01_try")
    assert [path.name for path in small_disk.iterdir()] == ["01_try.png"]
    assert (small_disk / "01_try.png").read_bytes() == before


def test_ranks_join_the_places_and_mark_who_falls():
    frame = pd.DataFrame({"public": [0.9, 0.8, 0.7], "private": [0.6, 0.8, 0.5]}, index=["a", "b", "c"])
    axis = plots.ranks(frame, "Title").axes[0]
    assert [list(line.get_ydata()) for line in axis.lines] == [[1, 2], [2, 1], [3, 3]]
    assert [line.get_color() for line in axis.lines] == [plots.RED, plots.BLUE, "grey"]
    assert texts(axis)[:2] == ["a  0.9000", "0.6000  a"]


def test_scores_by_amount_show_every_run_and_join_the_means():
    runs = {
        "poor": pd.DataFrame({1: [0.8, 0.9], 8: [0.9, 0.92]}),
        "good": pd.DataFrame({1: [0.96, 0.98], 8: [0.99, 0.99]}),
    }
    axis = plots.scores_by_amount(runs, "Title", "cars", "Dice").axes[0]
    means, dots = axis.lines[0::3], [axis.lines[first + 1 : first + 3] for first in (0, 3)]
    score = lambda line: (1 - 10.0 ** -line.get_ydata()).tolist()  # noqa: E731
    assert [score(line) for line in means] == [pytest.approx([0.85, 0.91]), pytest.approx([0.97, 0.99])]
    assert [score(line) for line in dots[0]] == [pytest.approx([0.8, 0.9]), pytest.approx([0.9, 0.92])]
    assert [score(line) for line in dots[1]] == [pytest.approx([0.96, 0.99]), pytest.approx([0.98, 0.99])]
    assert all(line.get_color() == plots.BLUE for line in axis.lines[:3]) and texts(axis) == [" poor", " good"]
    assert axis.get_xscale() == "log" and [label.get_text() for label in axis.get_xticklabels()] == ["1", "8"]
    ticks = {label.get_text(): place for label, place in zip(axis.get_yticklabels(), axis.get_yticks())}
    assert ticks["0.9"] == pytest.approx(1) and ticks["0.99"] == pytest.approx(2)


# --- sliders ----------------------------------------------------------------------------------------


@pytest.fixture
def still(tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "FIGURES", tmp_path)
    return plots.save(plots.images([np.zeros((4, 4))]), "99_still", alt="A still picture.")


def grey(level=10, height=1.0, invert=False):
    return np.full((round(4 * height), 6, 3), 255 - level if invert else level, np.uint8)


def test_sliders_start_at_the_defaults_and_redraw_the_picture(still):
    explorer = plots.explore(grey, still, level=(0, 200), height=(0.5, 2.0, 0.25), invert=False)
    *controls, shown = explorer.box.children
    assert [control.description for control in controls] == ["level", "height", "invert"]
    assert [control.value for control in controls] == [10, 1.0, False]
    assert (controls[0].min, controls[0].max, controls[1].step) == (0, 200, 0.25)

    def picture():
        return plt.imread(io.BytesIO(shown.value))[..., :3] * 255

    np.testing.assert_allclose(picture(), grey())
    controls[0].value = 60
    np.testing.assert_allclose(picture(), grey(60))
    controls[1].value, controls[2].value = 2.0, True
    np.testing.assert_allclose(picture(), grey(60, 2.0, True))


def test_colours_of_an_explored_picture_are_rgb(still):
    orange = np.full((2, 2, 3), (250, 120, 0), np.uint8)
    shown = plots.explore(lambda: orange, still).box.children[-1]
    np.testing.assert_allclose(plt.imread(io.BytesIO(shown.value))[..., :3] * 255, orange)


def test_what_is_shown_holds_the_widgets_and_a_still_picture(still):
    explorer = plots.explore(grey, still, level=(0, 200))
    data, metadata = format_display_data(explorer)
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == explorer.box.model_id
    assert data["image/png"] == format_display_data(still)[0]["image/png"]
    assert data["text/plain"] == metadata["image/png"]["alt"] == "A still picture."


def test_without_ipywidgets_the_still_picture_is_shown(still, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert plots.explore(grey, still, level=(0, 200)) is still


# --- can every text be read? ------------------------------------------------------------------------


def test_texts_that_overlap_or_leave_the_canvas_are_named():
    figure, axis = plt.subplots(figsize=(4, 3))
    plt.close(figure)
    assert plots.collisions(figure) == []
    axis.text(0.2, 0.5, "first words")
    axis.text(0.25, 0.5, "second words")
    axis.text(0.9, 0.9, "far too long for its place").set_in_layout(False)
    found = plots.collisions(figure)
    assert found == ["'far too long for its place' leaves the canvas", "'first words' overlaps 'second words'"]


def test_hidden_texts_do_not_collide():
    figure, axis = plt.subplots(figsize=(4, 3))
    plt.close(figure)
    axis.text(0.2, 0.5, "shown")
    axis.text(0.2, 0.5, "hidden").set_visible(False)
    axis.set(xticks=[0.1, 0.11, 5, 5.01], xlim=(0.2, 1), xlabel="x")
    axis.axis("off")
    axis.text(0.2, -0.1, "where the label would be")
    assert plots.collisions(figure) == []


def test_save_refuses_a_figure_that_cannot_be_read(tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "FIGURES", tmp_path)
    figure = plots.images([np.zeros((4, 4))] * 8, ["a long name beside a long name"] * 8, columns=8)
    plots.save(figure, "99_crowded")
    monkeypatch.setenv("CHECK_FIGURES", "1")
    with pytest.raises(CourseError, match="99_refused is hard to read: 'a long name"):
        plots.save(figure, "99_refused")
    assert [path.name for path in tmp_path.iterdir()] == ["99_crowded.png"]


def test_a_saved_figure_shows_itself_with_its_alternative_text(tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "FIGURES", tmp_path)
    shown = plots.save(plots.images([np.zeros((4, 4))]), "99_black", alt="A black square.")
    data, metadata = format_display_data(shown)
    assert base64.b64decode(data["image/png"]) == (tmp_path / "99_black.png").read_bytes()
    assert metadata["image/png"]["alt"] == data["text/plain"] == "A black square."
