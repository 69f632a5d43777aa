"""Numbers: bars, lines, dots."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from utils.plots.style import BLUE, COLOURS, GREEN, RED, axes_grid, label_ends, panel, titled, write_above

# Ticks where scores near 1 are drawn apart.
SCORES = (0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995, 0.998, 0.999, 0.9995)


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


def lines(
    frame: pd.DataFrame, title: str, x_label: str = "", y_label: str = "", ticks: dict[float, str] | None = None
) -> Figure:
    """One line a column, each with its name at its end instead of a legend.

    Parameters
    ----------
    frame : pandas.DataFrame
        The index is the x axis.
    title, x_label, y_label : str
    ticks : dict of float to str, optional
        Places on the x axis and what to write there.

    Returns
    -------
    matplotlib.figure.Figure
    """
    axis = panel(4, title, x_label, y_label)
    for column, colour in zip(frame, COLOURS, strict=False):
        series = frame[column].dropna()
        axis.plot(series.index, series, marker="o", markersize=4, color=colour)
    if ticks:
        axis.set_xticks(list(ticks), list(ticks.values()))
    elif frame.index.dtype.kind == "i":
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


def bands(
    tables: dict[str, pd.DataFrame],
    title: str,
    x_label: str = "",
    y_label: str = "",
    ticks: dict[float, str] | None = None,
) -> Figure:
    """Means over an axis with the band of their intervals, several tables side by side, each on a scale of its own.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        By the name of the panel: columns ``low, mean, high``; the index is the x axis.
    title, x_label, y_label : str
        The message of the whole figure; what both axes show.
    ticks : dict of float to str, optional
        Places on the x axis, marked by a line, and what to write there.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = axes_grid(1, len(tables), (10, 3.8))
    for axis, (name, table), colour in zip(axes[0], tables.items(), COLOURS):
        axis.axhline(0, color="grey", linewidth=1, zorder=0)
        axis.fill_between(table.index, table["low"], table["high"], color=colour, alpha=0.25, linewidth=0)
        axis.plot(table.index, table["mean"], marker="o", markersize=4, color=colour)
        axis.set(xlabel=x_label, ylabel=y_label if axis is axes[0, 0] else "")
        axis.set_title(name, fontsize=10)
        if ticks:
            axis.set_xticks(list(ticks), list(ticks.values()))
            axis.grid(axis="x", color="0.9")
    return titled(figure, title)


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


def marked_lines(
    frame: pd.DataFrame, marks: dict[float, str], title: str, x_label: str = "", y_label: str = ""
) -> Figure:
    """`lines`, with named vertical lines across them.

    Parameters
    ----------
    frame : pandas.DataFrame
        The index is the x axis.
    marks : dict of float to str
        Where on the x axis, and what is written there.
    title, x_label, y_label : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    with plt.rc_context({"axes.ymargin": 0.18}):  # room for the names
        figure = lines(frame, title, x_label, y_label)
    axis = figure.axes[0]
    for x, name in marks.items():
        axis.axvline(x, color="0.6", linestyle=":", zorder=0)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axis.text(x, 0.05, name, ha="center", transform=axis.get_xaxis_transform(), bbox=box)
    return figure


def curves(
    runs: dict[str, pd.Series | pd.DataFrame], title: str, x_label: str = "", y_label: str = "", log: str = ""
) -> Figure:
    """One curve a name, written at its end; of repeated runs each is a thin line and their mean a thick one.

    Parameters
    ----------
    runs : dict of str to pandas.Series or pandas.DataFrame
        The index is the x axis; a column a run. At most eight names.
    title, x_label, y_label : str
    log : {"", "x", "y", "xy"}
        Which axes are logarithmic.

    Returns
    -------
    matplotlib.figure.Figure
    """
    axis = panel(4, title, x_label, y_label)
    frames = {name: pd.DataFrame(run) for name, run in runs.items()}
    means = pd.DataFrame({name: frame.mean(axis=1) for name, frame in frames.items()})
    for (name, frame), colour in zip(frames.items(), COLOURS):
        if frame.shape[1] > 1:
            axis.plot(frame.index, frame, color=colour, linewidth=0.8, alpha=0.6)
        axis.plot(means.index, means[name], color=colour, linewidth=2.2)
    axis.set(**{f"{letter}scale": "log" for letter in log})
    label_ends(axis, means)
    return axis.figure


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


def gains(frame: pd.DataFrame, title: str, label: str = "", intervals: pd.DataFrame | None = None) -> Figure:
    """`dots` of what was won or lost: the means with their sign and one digit, and a line at 0.

    Parameters
    ----------
    frame : pandas.DataFrame
        A column for each thing compared, a row for each repetition.
    title, label : str
        The message; what the values are.
    intervals : pandas.DataFrame, optional
        The columns of `frame`, two rows: where the interval of each mean begins and ends; a bar below the dots.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = dots(frame, title, label, form="+z.1f")
    axis = figure.axes[0]
    if intervals is not None:
        low, high = intervals[frame.columns].to_numpy()
        rows = np.arange(frame.shape[1]) + 0.25
        axis.hlines(rows, low, high, color="black", linewidth=2)
        axis.plot(frame.mean(), rows, "|", color="black", markersize=9, markeredgewidth=2)
    axis.axvline(0, color="grey", linewidth=1, zorder=0)
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


def strips(values: pd.Series, rows: pd.Series, title: str, label: str = "", strong: Sequence[str] = ()) -> Figure:
    """One row a group, the lowest mean first: a dot an entry, and a stroke at the mean with its value beside.

    Parameters
    ----------
    values : pandas.Series
    rows : pandas.Series of str
        The group of each value, by the same index.
    title, label : str
        The message; what the values are.
    strong : sequence of str
        Groups in a strong colour; all others are grey where there are any.

    Returns
    -------
    matplotlib.figure.Figure
    """
    groups = {name: group for name, group in values.groupby(rows)}
    names = sorted(groups, key=lambda name: groups[name].mean())
    axis = panel(1.1 + 0.32 * len(names), title, label)
    for place, name in enumerate(names):
        colour = RED if name in strong else "0.45" if strong else BLUE
        axis.plot(groups[name], np.full(len(groups[name]), place), "o", color=colour, alpha=0.55, markersize=5)
        mean = groups[name].mean()
        axis.plot([mean, mean], [place - 0.3, place + 0.3], color=colour, linewidth=2.5)
        axis.text(1.01, place, f"{mean:.4f}", va="center", color=colour, transform=axis.get_yaxis_transform())
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.grid(axis="y", color="0.92")
    axis.set_axisbelow(True)
    return axis.figure


def scatter(x: pd.Series, y: pd.Series, title: str, names: dict[str, str] | None = None) -> Figure:
    """One dot an entry; some of them named.

    Parameters
    ----------
    x, y : pandas.Series
        With the same index; their names are those of the axes.
    title : str
    names : dict of str to str, optional
        Entries of the index, and what is written beside them.

    Returns
    -------
    matplotlib.figure.Figure
    """
    axis = panel(4.2, title, x.name, y.name)
    names = names or {}
    axis.plot(x, y, "o", color=BLUE, alpha=0.6)
    middle = (x.min() + x.max()) / 2
    for entry, name in names.items():
        axis.plot(x[entry], y[entry], "o", color=RED)
        side, shift = ("right", -8) if x[entry] > middle else ("left", 8)
        axis.annotate(name, (x[entry], y[entry]), (shift, 0), ha=side, va="center", color=RED,
                      textcoords="offset points")  # fmt: skip
    axis.margins(x=0.06, y=0.1)
    return axis.figure


def reliability(tables: dict[str, pd.DataFrame], marks: dict[str, tuple[float, float]], title: str) -> Figure:
    """Predicted probability against the observed share, a panel each, with a marked threshold and share.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        By the name of the panel: columns ``predicted, observed``, 0-1, a row a bin.
    marks : dict of str to (float, float)
        By the name of the panel: a threshold, drawn upright, and a share, drawn level.
    title : str
        The message of the whole figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = axes_grid(1, len(tables), (10, 4.1))
    for axis, (name, table) in zip(axes[0], tables.items()):
        threshold, share = marks[name]
        axis.plot([0, 1], [0, 1], color="0.7", linestyle="--", zorder=0)
        axis.axhline(share, color=GREEN, linewidth=1.5, zorder=1)
        axis.axvline(threshold, color=RED, linewidth=1.5, zorder=1)
        axis.plot(table["predicted"], table["observed"], marker="o", markersize=4, color=BLUE)
        side, gap, y = ("right", -0.03, 0.87) if threshold > 0.5 else ("left", 0.03, 0.02)
        axis.text(threshold + gap, y, f"best threshold\n{threshold:.2f}", ha=side, color=RED, fontsize=9)
        axis.text(0.01, share + 0.03, f"half of Dice\n{share:.3f}", color=GREEN, fontsize=9)
        axis.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="predicted probability")
        axis.set_title(name, fontsize=10)
    axes[0, 0].set_ylabel("observed share of car")
    return titled(figure, title)


def odds(frame: pd.DataFrame, title: str, label: str = "") -> Figure:
    """A square of odds in percent, the diagonal left out; rows are named, columns numbered alike.

    Parameters
    ----------
    frame : pandas.DataFrame, 0-1
        Its columns are those of its rows, in the same order.
    title, label : str
        The message; what the odds are of.

    Returns
    -------
    matplotlib.figure.Figure
    """
    axis = panel(1.3 + 0.42 * len(frame), title)
    grid = np.where(np.eye(len(frame), dtype=bool), np.nan, frame.to_numpy(float))
    drawn = axis.imshow(grid, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(grid):
        if row != column:
            axis.text(column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=9,
                      color="white" if value < 0.5 else "black")  # fmt: skip
    axis.set_yticks(range(len(frame)), [f"{name}  {place}" for place, name in enumerate(frame.index, 1)])
    axis.set_xticks(range(len(frame)), range(1, len(frame) + 1))
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.figure.colorbar(drawn, ax=axis, label=label, format=lambda share, _: f"{100 * share:.0f} %")
    return axis.figure


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
