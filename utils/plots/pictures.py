"""Photos, masks and maps side by side."""

import math
from collections.abc import Sequence

import cv2
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from utils.plots.style import (
    BLUE,
    COLOURS,
    FALSE_ALARM,
    FOUND,
    GREEN,
    MISSED,
    ORANGE,
    RED,
    TRUTH,
    axes_grid,
    panel,
    titled,
)


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
    figure, axes = axes_grid(
        rows, columns, (width, rows * (width / columns * height / breadth + 0.3) + 0.4 * bool(title)), off=True
    )
    for axis, picture, label in zip(axes.flat, pictures, titles or [""] * len(pictures), strict=False):
        axis.imshow(picture)
        axis.set_title(label, fontsize=10)
    return titled(figure, title)


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


def outline(
    image: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int] = FALSE_ALARM, width: int = 1
) -> np.ndarray:
    """Draw the edge of a mask, bool ``(h, w)``, on a copy of a photo, uint8 ``(h, w, 3)``, ``width`` pixels wide."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(image.copy(), contours, -1, colour, width)


def outlines(image: np.ndarray, truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Draw the edges of two masks on a copy of a photo: the true one blue, the predicted one orange-red.

    Parameters
    ----------
    image : ndarray of uint8, (h, w, 3)
    truth, prediction : ndarray of bool, (h, w)

    Returns
    -------
    ndarray of uint8, (h, w, 3)
        The lines are as wide as a 240th of the photo.
    """
    width = max(1, image.shape[1] // 240)
    return outline(outline(image, truth, TRUTH, width), prediction, MISSED, width)


def heat_maps(
    maps: dict[str, np.ndarray],
    columns: int = 4,
    title: str | None = None,
    label: str = "",
    limits: tuple[float, float] = (0, 1),
    colours: str = "viridis",
) -> Figure:
    """Grids of numbers as colours, with one scale for all.

    Parameters
    ----------
    maps : dict of str to ndarray
        float ``(h, w)``; a picture, uint8 ``(h, w, 3)``, is shown as it is. The last one is no picture.
    columns : int
    title, label : str
        The message; what the colours mean.
    limits : (float, float)
        The numbers at both ends of the scale.
    colours : str
        A colour map of Matplotlib.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = math.ceil(len(maps) / columns)
    height, width = np.shape(next(iter(maps.values())))[:2]
    figure, axes = axes_grid(rows, columns, (9, rows * (7.6 / columns * height / width + 0.3) + 0.4), off=True)
    for axis, (name, grid) in zip(axes.flat, maps.items(), strict=False):
        drawn = axis.imshow(grid, cmap=colours, vmin=limits[0], vmax=limits[1])
        axis.set_title(name, fontsize=10)
    figure.colorbar(drawn, ax=axes, label=label, shrink=0.8)
    return titled(figure, title)


def filmstrip(
    rows: dict[str, Sequence[np.ndarray]], names: Sequence[str], title: str | None = None, label: str = ""
) -> Figure:
    """Rows of pictures, their names on the left, with names of the columns above: how something changes.

    Parameters
    ----------
    rows : dict of str to sequence of ndarray
        uint8 ``(h, w, 3)`` or ``(h, w)`` is shown as it is. Numbers, float ``(h, w)``, become colours on one scale for
        the row: from 0 to 1 at least, or the same to both sides of 0 where some are negative. Those of a grid of
        up to 5 x 5 are also written.
    names : sequence of str
        Of the columns.
    title, label : str
        The message of the whole figure; what the colours of the last row mean.

    Returns
    -------
    matplotlib.figure.Figure
    """
    height, width = next(iter(rows.values()))[0].shape[:2]
    if height == width <= 5:  # of filters: as high as what they are beside
        height, width = list(rows.values())[-1][-1].shape[:2]
    each = (8 if label else 9) / len(names) * height / width  # a colour bar takes room
    figure, axes = axes_grid(len(rows), len(names), (10, len(rows) * (each + 0.1) + 0.7), off=True)
    for line, (row, pictures) in zip(axes, rows.items(), strict=True):
        grids = [picture for picture in pictures if picture.dtype.kind == "f"]
        scale = _scale(grids)
        for axis, picture in zip(line, pictures, strict=True):
            colours = scale if picture.dtype.kind == "f" else {"vmin": 0, "vmax": 255}
            drawn = axis.imshow(picture, interpolation="nearest", **colours)
            if picture.dtype.kind == "f" and max(picture.shape) <= 5:
                _write_numbers(axis, picture, drawn)
        line[0].text(-0.06, 0.5, row, rotation=90, ha="right", va="center", transform=line[0].transAxes, fontsize=10)
    for axis, name in zip(axes[0], names, strict=True):
        axis.set_title(name, fontsize=10)
    if label:
        figure.colorbar(drawn, ax=axes, label=label, shrink=0.8, aspect=30)
    return titled(figure, title)


def _scale(grids):
    """Colours for numbers: blue below 0, white, red above it; or dark to bright where none is negative."""
    highest = max((np.abs(grid).max() for grid in grids), default=1)
    if any(grid.min() < 0 for grid in grids):
        return {"cmap": "RdBu_r", "vmin": -highest, "vmax": highest}
    return {"cmap": "viridis", "vmin": 0, "vmax": max(1, highest)}


def _write_numbers(axis, grid, drawn):
    """The numbers of a small grid on its colours."""
    for (y, x), value in np.ndenumerate(grid):
        bright = np.mean(drawn.cmap(drawn.norm(value))[:3]) > 0.55
        axis.text(x, y, f"{round(value, 2) + 0.0:g}", ha="center", va="center", fontsize=9 if len(grid) <= 3 else 7,
                  color="black" if bright else "white")  # fmt: skip


def convolution_step(image: np.ndarray, kernel: np.ndarray, row: int, column: int, title: str | None = None) -> Figure:
    """One output pixel of a convolution: the pixels under the filter, times its weights, added up.

    Parameters
    ----------
    image : ndarray of float, (h, w), 0-1
    kernel : ndarray of float, (k, k)
    row, column : int
        Of the upper left pixel under the filter.
    title : str, optional
        The message of the whole figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    size = len(kernel)
    window = image[row : row + size, column : column + size]
    products = window * kernel
    figure, axes = axes_grid(1, 4, (10, 2.8), off=True)
    photo, *grids = axes[0]
    photo.imshow(image, vmin=0, vmax=1)
    photo.set_anchor("N")
    photo.add_patch(plt.Rectangle((column - 0.5, row - 0.5), size, size, fill=False, edgecolor=RED, linewidth=2))
    signed = _scale([kernel, products, -products])
    for axis, grid, scale in zip(grids, (window, kernel, products), ({"vmin": 0, "vmax": 1}, signed, signed)):
        _write_numbers(axis, grid, axis.imshow(grid, **scale))
    for axis, name in zip(
        axes[0], ("the photo", "the pixels in the frame,", "times the filter:", f"the sum is {products.sum():.2f}")
    ):
        axis.set_title(name, fontsize=10)
    return titled(figure, title)


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
    figure, axes = axes_grid(1, len(maps), (10, 8.6 / len(maps) * height / width + 0.8), off=True)
    low, high = min(map(np.min, maps.values())), max(map(np.max, maps.values()))
    for axis, (name, grid) in zip(axes[0], maps.items()):
        axis.imshow(image.mean(axis=2), vmin=0, vmax=255, extent=(0, width, height, 0))
        drawn = axis.imshow(grid, cmap="viridis", vmin=low, vmax=high, alpha=0.65, extent=(0, width, height, 0))
        if point:
            axis.plot(point[1] + 0.5, point[0] + 0.5, "o", markersize=9, color=RED, fillstyle="none", markeredgewidth=2)
        axis.set_title(name, fontsize=10)
    figure.colorbar(drawn, ax=axes, label=label, shrink=0.8).solids.set_alpha(1)
    return titled(figure, title)


def probability_maps(photo: np.ndarray, maps: dict[str, np.ndarray], title: str | None = None) -> Figure:
    """A photo, and beside it probabilities of "car" on one scale from 0 to 1.

    Parameters
    ----------
    photo : ndarray of uint8, (h, w, 3)
    maps : dict of str to ndarray of float, (rows, columns), 0-1
        Of any size; each covers the whole photo.
    title : str, optional
        The message of the whole figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    height, width = photo.shape[:2]
    figure, axes = axes_grid(1, 1 + len(maps), (10, 9 / (1 + len(maps)) * height / width + 0.8), off=True)
    axes[0, 0].imshow(photo)
    axes[0, 0].set_title("photo", fontsize=10)
    for axis, (name, grid) in zip(axes[0, 1:], maps.items()):
        drawn = axis.imshow(grid, cmap="viridis", vmin=0, vmax=1, extent=(0, width, height, 0))
        axis.set_title(name, fontsize=10)
    figure.colorbar(drawn, ax=axes, label="probability of car", shrink=0.8)
    return titled(figure, title)


def u_shape(
    left: Sequence[tuple],
    bottom: tuple[int, int, int],
    right: Sequence[tuple],
    photo: np.ndarray | None = None,
    mask: np.ndarray | None = None,
) -> Figure:
    """The shapes of a U-Net, drawn as a U.

    Parameters
    ----------
    left, right : sequence of (int, int, int)
        Height, width and channels of each level, the top first: on the way down, and on the way up.
    bottom : (int, int, int)
    photo, mask : ndarray, optional
        What goes in, ``(h, w, 3)``, and what should come out, ``(h, w)``: drawn at the two ends of the U.

    Returns
    -------
    matplotlib.figure.Figure
    """
    depth = len(left)
    axis = panel(0.85 * depth + 1.5, "Down with max-pooling, up with up-sampling, and skips across")
    for level, (down, up) in enumerate(zip(left, right, strict=True)):
        _features(axis, -3, -level, down, BLUE)
        _features(axis, 3, -level, up, GREEN)
        _arrow(axis, (-1.8, -level), (1.8, -level), RED)
        _arrow(axis, (-3, -level - 0.28), (-3, -level - 0.72), BLUE)
        _arrow(axis, (3, -level - 0.72), (3, -level - 0.28), GREEN)
    _features(axis, 0, -depth, bottom, ORANGE, length=8.2, text="bottom: ")
    axis.text(0, 0.1, "skip: concatenation", ha="center", color=RED, fontsize=10)
    axis.text(-2.8, -0.5, "max-pooling:\nhalf the size", va="center", color=BLUE, fontsize=10)
    axis.text(2.8, -0.5, "up-sampling:\ntwice the size", va="center", ha="right", color=GREEN, fontsize=10)
    for x, picture, name, arrow in [(-5.7, photo, "photo", (-4.6, -4.2)), (5.7, mask, "target mask", (4.2, 4.6))]:
        if picture is not None:
            axis.imshow(picture, extent=(x - 1, x + 1, -0.5, 0.5), aspect="auto")
            axis.text(x, -0.57, name, ha="center", va="top", fontsize=10)
            _arrow(axis, (arrow[0], 0), (arrow[1], 0), "black")
    axis.set(xlim=(-6.8, 6.8), ylim=(-depth - 0.4, 0.6))
    axis.axis("off")
    return axis.figure


def _features(axis, x, y, shape, colour, length=2.2, text=""):
    """A box with the shape of some features."""
    box = plt.Rectangle((x - length / 2, y - 0.24), length, 0.48, facecolor=colour, alpha=0.35)
    axis.add_patch(box)
    axis.text(x, y, "{}{} x {} x {}".format(text, *shape), ha="center", va="center", fontsize=10)


def _arrow(axis, start, end, colour):
    style = {"arrowstyle": "-|>", "color": colour, "shrinkA": 0, "shrinkB": 0, "linewidth": 1.6}
    axis.annotate("", end, start, arrowprops=style)


def confusion(truth: np.ndarray, prediction: np.ndarray, title: str | None = None) -> Figure:
    """A small mask, a prediction of it, and which pixels are true or false positives or negatives.

    Parameters
    ----------
    truth, prediction : ndarray of bool, (h, w)
        A few dozen pixels.
    title : str, optional
        The message of the whole figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    height, width = truth.shape
    figure, axes = axes_grid(1, 3, (9, 2.8 * height / width + 0.9), off=True)
    kinds = np.array([["TN", "FP"], ["FN", "TP"]])[truth.astype(int), prediction.astype(int)]
    panels = {"truth": np.where(truth, "car", ""), "prediction": np.where(prediction, "car", ""), "compared": kinds}
    colours = {"TP": FOUND, "car": FOUND, "FN": MISSED, "FP": FALSE_ALARM}
    for axis, (name, grid) in zip(axes[0], panels.items()):
        for (y, x), kind in np.ndenumerate(grid):
            colour = np.divide(colours.get(kind, (255, 255, 255)), 255)
            axis.add_patch(plt.Rectangle((x, y), 1, 1, facecolor=colour, edgecolor="grey"))
            axis.text(x + 0.5, y + 0.5, kind, ha="center", va="center", fontsize=9)
        axis.set(xlim=(-0.05, width + 0.05), ylim=(height + 0.05, -0.05), aspect="equal", title=name)
    return titled(figure, title)


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
    figure, axes = axes_grid(1, 2, (9, 4.2 * height / width + 0.9), off=True)
    for axis, order, name in zip(axes[0], "CF", ["numbered by rows", "numbered by columns"]):
        flat = mask.ravel(order).astype(int)
        run = (np.cumsum(np.diff(flat, prepend=0) == 1) * flat).reshape(mask.shape, order=order)
        number = np.arange(1, mask.size + 1).reshape(mask.shape, order=order)
        for (y, x), count in np.ndenumerate(number):
            colour = COLOURS[(run[y, x] - 1) % 7] if run[y, x] else "white"
            axis.add_patch(plt.Rectangle((x, y), 1, 1, facecolor=colour, alpha=0.6, edgecolor="grey"))
            axis.text(x + 0.5, y + 0.5, count, ha="center", va="center", fontsize=10)
        axis.set(xlim=(0, width), ylim=(height, 0), aspect="equal", title=f"{name}: {run.max()} runs")
    return titled(figure, title)
