"""Every plot of the course: arrays or frames in, a `matplotlib.figure.Figure` out; `save` writes it to figures/."""

import io
import math
import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from utils import replacing

FIGURES = Path(os.environ.get("FIGURES") or Path(__file__).resolve().parents[1] / "figures")

# Okabe and Ito's colours, told apart by colour-blind readers too.
COLOURS = "#0072B2 #E69F00 #009E73 #CC79A7 #56B4E9 #D55E00 #F0E442 #000000".split()
BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW, BLACK = COLOURS
SCORES = (0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995)  # ticks where scores near 1 are drawn apart
FOUND, MISSED, FALSE_ALARM = (86, 180, 233), (213, 94, 0), (240, 228, 66)

plt.rcParams.update(
    {
        "figure.dpi": 90,
        "figure.constrained_layout.use": True,
        "font.size": 11,
        "axes.titlesize": 12,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": plt.cycler(color=COLOURS),
        "image.cmap": "gray",
    }
)


def save(figure: Figure, name: str) -> Figure:
    """Write ``figures/NAME.png`` and give the figure back, so that the last line of a cell shows it.

    The environment variable ``FIGURES`` names another folder.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    name : str
        Number of the notebook and a short name: ``"06_curves"``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    CourseError
        The disk is full; a figure of that name stays as it was.
    """
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=100, bbox_inches="tight", metadata={"Software": None})
    with replacing(FIGURES / f"{name}.png", picture.tell()) as temporary:
        temporary.write_bytes(picture.getvalue())
    return figure


def images(
    pictures: Sequence[np.ndarray],
    titles: Sequence[str] | None = None,
    columns: int = 4,
    title: str | None = None,
    width: float = 9,
) -> Figure:
    """A grid of pictures.

    Parameters
    ----------
    pictures : sequence of ndarray
        uint8 ``(h, w, 3)``, or ``(h, w)`` of any kind, shown grey from its lowest to its highest value.
    titles : sequence of str, optional
    columns : int
    title : str, optional
        The message of the whole figure.
    width : float
        Inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    columns = min(columns, len(pictures))
    rows = math.ceil(len(pictures) / columns)
    height, breadth = pictures[0].shape[:2]
    figure, axes = _axes(
        rows, columns, (width, rows * (width / columns * height / breadth + 0.3) + 0.4 * bool(title)), off=True
    )
    for axis, picture, label in zip(axes.flat, pictures, titles or [""] * len(pictures), strict=False):
        axis.imshow(picture)
        axis.set_title(label, fontsize=10)
    return _titled(figure, title)


def overlay(image: np.ndarray, truth: np.ndarray, prediction: np.ndarray | None = None) -> np.ndarray:
    """Paint masks over a photo: what was found blue, missed orange-red, false alarms yellow.

    Parameters
    ----------
    image : ndarray of uint8, (h, w, 3)
    truth, prediction : ndarray of bool, (h, w)
        With ``truth`` alone, the mask is painted blue.

    Returns
    -------
    ndarray of uint8, (h, w, 3)
    """
    prediction = truth if prediction is None else prediction
    colours = np.zeros_like(image)
    colours[truth & prediction], colours[truth & ~prediction], colours[prediction & ~truth] = FOUND, MISSED, FALSE_ALARM
    shares = np.where(truth & prediction, 0.4, np.where(truth ^ prediction, 0.85, 0.0))[..., None]
    return np.rint(shares * colours + (1 - shares) * image).astype(np.uint8)


def outline(image: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int] = FALSE_ALARM) -> np.ndarray:
    """Draw the edge of a mask, bool ``(h, w)``, on a copy of a photo, uint8 ``(h, w, 3)``."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(image.copy(), contours, -1, colour, 1)


def bars(values: pd.Series, title: str, label: str = "", digits: int = 3) -> Figure:
    """Horizontal bars with their values beside them.

    Parameters
    ----------
    values : pandas.Series
        Drawn from top to bottom.
    title, label : str
        The message; what the values are.
    digits : int
        Digits after the point.

    Returns
    -------
    matplotlib.figure.Figure
    """
    axis = _axis(0.9 + 0.42 * len(values), title, label)
    drawn = axis.barh([str(name) for name in values.index], values, color=BLUE)
    axis.bar_label(drawn, [f" {value:.{digits}f}" for value in values])
    axis.invert_yaxis()
    axis.margins(x=0.12)
    return axis.figure


def dumbbells(frame: pd.DataFrame, title: str, label: str = "") -> Figure:
    """Two numbers a row on one scale, joined by a line.

    Parameters
    ----------
    frame : pandas.DataFrame
        Two columns, named above the first row; the rows are drawn from top to bottom.
    title, label : str
        The message; what the numbers are.

    Returns
    -------
    matplotlib.figure.Figure
    """
    axis = _axis(1.2 + 0.45 * len(frame), title, label)
    rows = np.arange(len(frame))
    axis.hlines(rows, frame.min(axis=1), frame.max(axis=1), color="0.8", zorder=0)
    for column, colour in zip(frame, COLOURS, strict=False):
        axis.scatter(frame[column], rows, color=colour)
        _write_above(axis, column, frame[column].iloc[0], 0, color=colour)
        style = {"textcoords": "offset points", "va": "center", "fontsize": 9, "color": colour}
        for row, value in enumerate(frame[column]):
            side, shift = ("right", -7) if value < frame.iloc[row].max() else ("left", 7)
            axis.annotate(f"{value:.3f}", (value, row), (shift, 0), ha=side, **style)
    axis.set_yticks(rows, frame.index)
    axis.set_ylim(len(frame) - 0.5, -0.8)
    axis.margins(x=0.15)
    return axis.figure


def lines(frame: pd.DataFrame, title: str, x_label: str = "", y_label: str = "") -> Figure:
    """One line a column, each with its name at its end instead of a legend.

    Parameters
    ----------
    frame : pandas.DataFrame
        The index is the x axis.
    title, x_label, y_label : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    axis = _axis(4, title, x_label, y_label)
    for column, colour in zip(frame, COLOURS, strict=False):
        series = frame[column].dropna()
        axis.plot(series.index, series, marker="o", markersize=4, color=colour)
    if frame.index.dtype.kind == "i":
        axis.xaxis.set_major_locator(plt.MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
    _label_ends(axis, frame)
    return axis.figure


def _label_ends(axis, frame):
    """Names at the right ends of the lines, moved apart where they would touch."""
    ends = sorted((frame[column].dropna().iloc[-1], column, colour) for column, colour in zip(frame, COLOURS))
    low, high = axis.get_ylim()
    gap, place = 0.055 * (high - low), -math.inf
    for value, column, colour in ends:
        place = max(value, place + gap)
        axis.text(1, place, f" {column}", color=colour, va="center", transform=axis.get_yaxis_transform())


def scores_over_time(
    frame: pd.DataFrame, title: str, strong: Sequence[str], x_label: str = "", y_label: str = "", lowest: float = 0.8
) -> Figure:
    """Scores up to 1 over a logarithmic axis, drawn the further apart the closer they are to 1; named where they end.

    Parameters
    ----------
    frame : pandas.DataFrame
        A column for each competitor, best below 1; the index is the x axis.
    title : str
    strong : sequence of str
        Columns in strong colours, three at most; all others are grey.
    x_label, y_label : str
    lowest : float
        Where the y axis begins. Who ends below is named at its foot.

    Returns
    -------
    matplotlib.figure.Figure
    """
    axis = _axis(5, title, x_label, y_label)
    colours, place = dict(zip(strong, (BLUE, RED, GREEN))), -math.inf
    lower = 1 - lowest
    upper = min(0.85 * (1 - frame.max().max()), lower / 2)
    limits = {"xlim": (0.9 * frame.index.min(), 1.1 * frame.index.max()), "ylim": (lower, upper)}
    axis.set(xscale="log", yscale="log")
    ticks = [tick for tick in SCORES if lowest <= tick < 1 - upper]
    axis.set_yticks([1 - tick for tick in ticks], [f"{tick:g}" for tick in ticks])
    axis.set_xticks([5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600])
    axis.xaxis.set_major_formatter("{x:g}")
    axis.minorticks_off()
    axis.set(**limits)
    axis.grid(axis="y", color="0.92")
    series = {name: frame[name].dropna() for name in frame}
    for name in sorted(series, key=lambda name: series[name].iloc[-1]):
        bold, colour = name in colours, colours.get(name, "#6B7C8C")
        end, score = series[name].index[-1], series[name].iloc[-1]
        axis.plot(series[name].index, 1 - series[name], marker="o", markersize=4, color=colour,
                  linewidth=2.4 if bold else 1.2, zorder=3 if bold else 2)  # fmt: skip
        height = math.log(lower / (1 - score)) / math.log(lower / upper)
        place = max(height, place + 0.055, 0)
        leader = {"arrowstyle": "-", "color": colour, "linewidth": 0.7, "shrinkB": 3} if height > 0 else None
        weight = "bold" if bold else "normal"
        axis.annotate(f"{name}  {score:.3f}", (end, 1 - score), (1.05, place), textcoords="axes fraction", va="center",
                      color=colour, weight=weight, arrowprops=leader, annotation_clip=False)  # fmt: skip
    return axis.figure


def scores_by_amount(runs: dict[str, pd.DataFrame], title: str, x_label: str = "", y_label: str = "") -> Figure:
    """Scores over a logarithmic amount: every run a dot, their means a line; drawn the further apart the closer to 1.

    Parameters
    ----------
    runs : dict of str to pandas.DataFrame
        By the name of the line: a row a run, a column an amount; scores below 1.
    title, x_label, y_label : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    axis = _axis(5, title, x_label, y_label)
    means = pd.DataFrame({name: _apart(frame.mean()) for name, frame in runs.items()})
    for (name, frame), colour in zip(runs.items(), COLOURS):
        axis.plot(means.index, means[name], color=colour)
        axis.plot(frame.columns, _apart(frame).T, "o", color=colour, alpha=0.5, markersize=5)
    axis.set_xscale("log")
    axis.set_xticks(means.index, [f"{amount:g}" for amount in means.index])
    axis.minorticks_off()
    low, high = axis.get_ylim()
    ticks = [tick for tick in SCORES if low <= _apart(tick) <= high]
    axis.set_yticks([_apart(tick) for tick in ticks], [f"{tick:g}" for tick in ticks])
    axis.grid(axis="y", color="0.92")
    _label_ends(axis, means)
    return axis.figure


def _apart(score):
    return -np.log10(1 - score)


def u_shape(left: Sequence[tuple], bottom: tuple[int, int, int], right: Sequence[tuple]) -> Figure:
    """The shapes of a U-Net, drawn as a U.

    Parameters
    ----------
    left, right : sequence of (int, int, int)
        Height, width and channels of each level, the top first: on the way down, and on the way up.
    bottom : (int, int, int)

    Returns
    -------
    matplotlib.figure.Figure
    """
    axis = _axis(0.8 * len(left) + 1.3, "Down for what, up for where, and skips across")
    depth = len(left)

    def box(x, level, shape, colour):
        text = "{} x {}\n{} channels".format(*shape)
        style = {"boxstyle": "round,pad=0.4", "facecolor": colour, "edgecolor": "none", "alpha": 0.35}
        axis.text(x, -level, text, ha="center", va="center", fontsize=9, bbox=style)

    def arrow(start, end, colour, text=""):
        axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": colour, "shrinkA": 18, "shrinkB": 18})
        axis.text((start[0] + end[0]) / 2, start[1] + 0.12, text, ha="center", color=colour, fontsize=9)

    places = [(level - depth, -level) for level in range(depth + 1)]
    for level, (down, up) in enumerate(zip(left, right, strict=True)):
        (x, y), (next_x, next_y) = places[level], places[level + 1]
        box(x, level, down, BLUE)
        box(-x, level, up, GREEN)
        arrow((x, y), (next_x, next_y), BLUE)
        arrow((-next_x, next_y), (-x, y), GREEN)
        arrow((x + 0.35, y), (-x - 0.35, y), RED, "skip" if level < depth - 1 else "")
    box(0, depth, bottom, ORANGE)
    axis.set(xlim=(-depth - 0.7, depth + 0.7), ylim=(-depth - 0.5, 0.5))
    axis.axis("off")
    return axis.figure


def heat_maps(maps: dict[str, np.ndarray], columns: int = 4, title: str | None = None, label: str = "") -> Figure:
    """Grids of numbers from 0 to 1 as colours, with one scale for all.

    Parameters
    ----------
    maps : dict of str to ndarray of float, (h, w), 0-1
    columns : int
    title, label : str
        The message; what the colours mean.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = math.ceil(len(maps) / columns)
    height, width = np.shape(next(iter(maps.values())))
    figure, axes = _axes(rows, columns, (9, rows * (7.6 / columns * height / width + 0.3) + 0.4), off=True)
    for axis, (name, grid) in zip(axes.flat, maps.items(), strict=False):
        drawn = axis.imshow(grid, cmap="viridis", vmin=0, vmax=1)
        axis.set_title(name, fontsize=10)
    figure.colorbar(drawn, ax=axes, label=label, shrink=0.8)
    return _titled(figure, title)


def maps_over(
    image: np.ndarray,
    maps: dict[str, np.ndarray],
    title: str | None = None,
    label: str = "",
    point: tuple[int, int] | None = None,
) -> Figure:
    """Maps of numbers laid over one photo, with one scale for all.

    Parameters
    ----------
    image : ndarray of uint8, (h, w, 3)
    maps : dict of str to ndarray of float, (rows, columns)
        Of any size; each covers the whole photo.
    title, label : str
        The message of the whole figure; what the colours mean.
    point : (int, int), optional
        Row and column of a pixel to mark.

    Returns
    -------
    matplotlib.figure.Figure
    """
    height, width = image.shape[:2]
    figure, axes = _axes(1, len(maps), (10, 8.6 / len(maps) * height / width + 0.8), off=True)
    low, high = min(map(np.min, maps.values())), max(map(np.max, maps.values()))
    for axis, (name, grid) in zip(axes[0], maps.items()):
        axis.imshow(image.mean(axis=2), vmin=0, vmax=255, extent=(0, width, height, 0))
        drawn = axis.imshow(grid, cmap="viridis", vmin=low, vmax=high, alpha=0.65, extent=(0, width, height, 0))
        if point:
            axis.plot(point[1] + 0.5, point[0] + 0.5, "o", markersize=9, color=RED, fillstyle="none", markeredgewidth=2)
        axis.set_title(name, fontsize=10)
    figure.colorbar(drawn, ax=axes, label=label, shrink=0.8).solids.set_alpha(1)
    return _titled(figure, title)


def dots(frame: pd.DataFrame, title: str, label: str = "", form: str = ".3f") -> Figure:
    """One row a column, one dot an entry, with the mean beside: how far repeated measurements scatter.

    Parameters
    ----------
    frame : pandas.DataFrame
        A column for each thing compared, a row for each repetition.
    title, label : str
        The message; what the values are.
    form : str
        Of the means, as in a format string.

    Returns
    -------
    matplotlib.figure.Figure
    """
    axis = _axis(1.0 + 0.55 * frame.shape[1], title, label)
    _dots(axis, frame, form)
    return axis.figure


def gains(frame: pd.DataFrame, title: str, label: str = "") -> Figure:
    """`dots` of what was won or lost: the means with their sign and one digit, and a line at 0."""
    figure = dots(frame, title, label, form="+z.1f")
    figure.axes[0].axvline(0, color="grey", linewidth=1, zorder=0)
    return figure


def dots_beside(frames: dict[str, pd.DataFrame], title: str, label: str = "") -> Figure:
    """`dots` of several tables with the same columns, side by side, each on a scale of its own.

    Parameters
    ----------
    frames : dict of str to pandas.DataFrame
    title, label : str
        The message of the whole figure; what the values are.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = _axes(1, len(frames), (10, 1.4 + 0.55 * next(iter(frames.values())).shape[1]))
    for axis, (name, frame) in zip(axes[0], frames.items()):
        _dots(axis, frame)
        axis.locator_params(axis="x", nbins=5)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel(label)
    for axis in axes[0, 1:]:
        axis.set_yticklabels([])
    return _titled(figure, title)


def _dots(axis, frame, form=".3f"):
    for row, column in enumerate(frame):
        axis.plot(frame[column], np.full(len(frame), row), "o", color=COLOURS[row % len(COLOURS)], alpha=0.5)
        mean = frame[column].mean()
        _write_above(axis, f"{mean:{form}}", mean, row)
    axis.set_yticks(range(frame.shape[1]), [str(column) for column in frame])
    axis.set_ylim(frame.shape[1] - 0.5, -0.6)
    axis.margins(x=0.1)
    axis.locator_params(axis="x", nbins=5)


def ratios(frame: pd.DataFrame, title: str, label: str = "") -> Figure:
    """One row an entry, one dot a column, on a logarithmic axis with a line at 1.

    Parameters
    ----------
    frame : pandas.DataFrame
        Ratios, all above 0; the names of the columns stand over the dots of the first row.
    title, label : str
        The message; what the ratios are.

    Returns
    -------
    matplotlib.figure.Figure
    """
    axis = _axis(1.2 + 0.4 * len(frame), title, label)
    axis.axvline(1, color="grey", linewidth=1)
    for column, colour in zip(frame, COLOURS, strict=False):
        axis.plot(frame[column], range(len(frame)), "o", color=colour, markersize=9)
        _write_above(axis, column, frame[column].iloc[0], 0, color=colour)
    axis.set_xscale("log")
    axis.set_yticks(range(len(frame)), [str(name) for name in frame.index])
    axis.set_ylim(len(frame) - 0.5, -0.9)
    axis.xaxis.set_major_locator(plt.LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter(plt.NullFormatter())
    axis.grid(axis="y", color="lightgrey")
    axis.set_axisbelow(True)
    return axis.figure


def ranks(frame: pd.DataFrame, title: str) -> Figure:
    """Places on two boards, joined by lines; who loses places is drawn in red.

    Parameters
    ----------
    frame : pandas.DataFrame
        Two columns of scores, the higher the better; a row for each competitor.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    axis = _axis(1.1 + 0.36 * len(frame), title)
    places = frame.rank(ascending=False, method="first")
    for name, (before, after) in zip(frame.index, places.to_numpy()):
        colour = RED if after > before else BLUE if after < before else "grey"
        axis.plot([0, 1], [before, after], marker="o", color=colour)
        for x, place, align in [(-0.03, before, "right"), (1.03, after, "left")]:
            score = frame.iloc[:, round(x)][name]
            text = f"{name}  {score:.4f}" if align == "right" else f"{score:.4f}  {name}"
            axis.text(x, place, text, ha=align, va="center", color=colour, fontsize=9)
    axis.set(xlim=(-0.9, 1.9), ylim=(len(frame) + 0.6, 0.2), yticks=[])
    axis.set_xticks([0, 1], frame.columns)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return axis.figure


def numbered_runs(mask: np.ndarray, title: str | None = None) -> Figure:
    """A small mask twice, its pixels numbered by rows and by columns, each run of foreground in a colour of its own.

    Parameters
    ----------
    mask : ndarray of bool or 0/1, (h, w)
        A few dozen pixels.
    title : str, optional
        The message of the whole figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    height, width = mask.shape
    figure, axes = _axes(1, 2, (9, 4.2 * height / width + 0.9), off=True)
    for axis, order, name in zip(axes[0], "CF", ["numbered by rows", "numbered by columns"]):
        flat = mask.ravel(order).astype(int)
        run = (np.cumsum(np.diff(flat, prepend=0) == 1) * flat).reshape(mask.shape, order=order)
        number = np.arange(1, mask.size + 1).reshape(mask.shape, order=order)
        for (y, x), count in np.ndenumerate(number):
            colour = COLOURS[(run[y, x] - 1) % 7] if run[y, x] else "white"
            axis.add_patch(plt.Rectangle((x, y), 1, 1, facecolor=colour, alpha=0.6, edgecolor="grey"))
            axis.text(x + 0.5, y + 0.5, count, ha="center", va="center", fontsize=10)
        axis.set(xlim=(0, width), ylim=(height, 0), aspect="equal", title=f"{name}: {run.max()} runs")
    return _titled(figure, title)


def _axes(rows, columns, size, off=False):
    """A figure that pyplot forgets, so that a notebook shows it once: where a cell returns it."""
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    plt.close(figure)
    for axis in axes.flat:
        axis.axis(not off)
    return figure, axes


def _axis(height, title, x_label="", y_label=""):
    """The one plot of a figure."""
    axis = _axes(1, 1, (8, height))[1][0, 0]
    axis.set(xlabel=x_label, ylabel=y_label)
    axis.set_title(title, wrap=True)
    return axis


def _titled(figure, title):
    figure.suptitle(title or "", x=0.01, ha="left", wrap=True)
    return figure


def _write_above(axis, text, x, y, **style):
    axis.annotate(text, (x, y), (0, 9), textcoords="offset points", ha="center", **style)
