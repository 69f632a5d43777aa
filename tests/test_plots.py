"""Plots show the numbers they are given, and saving is atomic."""

import base64

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from IPython.core.formatters import format_display_data

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


def test_tables_side_by_side_keep_their_own_scales_and_name_the_rows_once(two):
    left, right = plots.dots_beside({"short": two, "long": two / 10}, "Title").axes
    assert [texts(axis) for axis in (left, right)] == [["0.910", "0.880"], ["0.091", "0.088"]]
    assert [axis.get_title(loc="left") for axis in (left, right)] == ["short", "long"]
    names = [[label.get_text() for label in axis.get_yticklabels()] for axis in (left, right)]
    assert names == [["by image", "by car"], ["", ""]]
    assert left.get_ylim() == right.get_ylim() and left.get_xlim() != right.get_xlim()


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
