"""Photos, masks and maps side by side."""

import math
from collections.abc import Sequence

import cv2
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from utils.plots.style import BLUE, COLOURS, FALSE_ALARM, FOUND, GREEN, MISSED, ORANGE, RED, axes_grid, panel, titled


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


def outline(image: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int] = FALSE_ALARM) -> np.ndarray:
    """Draw the edge of a mask, bool ``(h, w)``, on a copy of a photo, uint8 ``(h, w, 3)``."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(image.copy(), contours, -1, colour, 1)


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
    axis = panel(0.8 * len(left) + 1.3, "Down for what, up for where, and skips across")
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
