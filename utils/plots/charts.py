"""Numbers: bars, lines, dots."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from utils.plots.style import BLUE, COLOURS, GREEN, RED, axes_grid, label_ends, panel, titled, write_above

SCORES = (0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995)  # ticks where scores near 1 are drawn apart


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
    axis = panel(0.9 + 0.42 * len(values), title, label)
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
    axis = panel(1.2 + 0.45 * len(frame), title, label)
    rows = np.arange(len(frame))
    axis.hlines(rows, frame.min(axis=1), frame.max(axis=1), color="0.8", zorder=0)
    for column, colour in zip(frame, COLOURS, strict=False):
        axis.scatter(frame[column], rows, color=colour)
        write_above(axis, column, frame[column].iloc[0], 0, color=colour)
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
    axis = panel(4, title, x_label, y_label)
    for column, colour in zip(frame, COLOURS, strict=False):
        series = frame[column].dropna()
        axis.plot(series.index, series, marker="o", markersize=4, color=colour)
    if frame.index.dtype.kind == "i":
        axis.xaxis.set_major_locator(plt.MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
    label_ends(axis, frame)
    return axis.figure


def by_distance(frame: pd.DataFrame, title: str, label: str = "") -> Figure:
    """One line a column over the signed distance from the true edge; the edge itself parts inside from outside.

    Parameters
    ----------
    frame : pandas.DataFrame
        The index is the distance in pixels, below 0 inside the car. Of several lines each is named at its right end.
    title, label : str
        The message; what the lines are.

    Returns
    -------
    matplotlib.figure.Figure
    """
    axis = panel(4.2, title, "pixels from the true edge", label)
    axis.axvspan(frame.index.min(), 0, color="0.95", zorder=0)
    axis.axvline(0, color="grey", linewidth=1, zorder=1)
    for side in (frame[frame.index < 0], frame[frame.index > 0]):
        for column, colour in zip(frame, COLOURS, strict=False):
            axis.plot(side.index, side[column], marker="o", markersize=4, color=colour)
    for x, name in ((0.02, "inside the car"), (0.98, "outside")):
        axis.text(x, 0.98, name, transform=axis.transAxes, ha="left" if x < 0.5 else "right", va="top", color="grey")
    axis.margins(x=0, y=0.12)
    axis.xaxis.set_major_locator(plt.MaxNLocator(integer=True))
    if frame.shape[1] > 1:
        label_ends(axis, frame)
    return axis.figure


def intervals(tables: dict[str, pd.DataFrame], title: str, label: str = "") -> Figure:
    """Differences with their intervals, a row each, coloured where 0 lies outside; tables side by side on one scale.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        By the name of the panel: columns ``low, mean, high``; the same rows in each, drawn from top to bottom.
    title, label : str
        The message of the whole figure; what the differences are.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = axes_grid(1, len(tables), (10, 1.4 + 0.45 * len(next(iter(tables.values())))))
    ends = np.array([[table["low"].min(), table["high"].max()] for table in tables.values()])
    margin = 0.08 * (ends.max() - ends.min())
    for axis, (name, table) in zip(axes[0], tables.items()):
        axis.axvline(0, color="grey", linewidth=1, zorder=0)
        for row, (low, mean, high) in enumerate(table[["low", "mean", "high"]].to_numpy()):
            colour = BLUE if low > 0 else RED if high < 0 else "0.45"
            axis.plot([low, high], [row, row], color=colour, linewidth=2)
            axis.plot(mean, row, "o", color=colour)
        axis.set_yticks(range(len(table)), [str(each) for each in table.index])
        axis.set(xlim=(ends.min() - margin, ends.max() + margin), ylim=(len(table) - 0.5, -0.5), xlabel=label)
        axis.locator_params(axis="x", nbins=5)
        axis.set_title(name, fontsize=10)
    for axis in axes[0, 1:]:
        axis.set_yticklabels([])
    return titled(figure, title)


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
    axis = panel(5, title, x_label, y_label)
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
    axis = panel(5, title, x_label, y_label)
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
    label_ends(axis, means)
    return axis.figure


def _apart(score):
    return -np.log10(1 - score)


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
    axis = panel(1.0 + 0.55 * frame.shape[1], title, label)
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
    figure, axes = axes_grid(1, len(frames), (10, 1.4 + 0.55 * next(iter(frames.values())).shape[1]))
    for axis, (name, frame) in zip(axes[0], frames.items()):
        _dots(axis, frame)
        axis.locator_params(axis="x", nbins=5)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel(label)
    for axis in axes[0, 1:]:
        axis.set_yticklabels([])
    return titled(figure, title)


def _dots(axis, frame, form=".3f"):
    for row, column in enumerate(frame):
        axis.plot(frame[column], np.full(len(frame), row), "o", color=COLOURS[row % len(COLOURS)], alpha=0.5)
        mean = frame[column].mean()
        write_above(axis, f"{mean:{form}}", mean, row)
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
    axis = panel(1.2 + 0.4 * len(frame), title, label)
    axis.axvline(1, color="grey", linewidth=1)
    for column, colour in zip(frame, COLOURS, strict=False):
        axis.plot(frame[column], range(len(frame)), "o", color=colour, markersize=9)
        write_above(axis, column, frame[column].iloc[0], 0, color=colour)
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
    axis = panel(1.1 + 0.36 * len(frame), title)
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
