"""One look for every figure: colours that colour-blind readers tell apart, sizes, and room for the title."""

import math

import matplotlib.pyplot as plt

# Okabe and Ito's colours.
COLOURS = "#0072B2 #E69F00 #009E73 #CC79A7 #56B4E9 #D55E00 #F0E442 #000000".split()
BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW, BLACK = COLOURS
FOUND, MISSED, FALSE_ALARM = (86, 180, 233), (213, 94, 0), (240, 228, 66)
TRUTH = (0, 114, 178)

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


def axes_grid(rows, columns, size, off=False):
    """A figure that pyplot forgets, so that a notebook shows it once: where a cell returns it."""
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    plt.close(figure)
    for axis in axes.flat:
        axis.axis(not off)
    return figure, axes


def panel(height, title, x_label="", y_label=""):
    """The one plot of a figure."""
    axis = axes_grid(1, 1, (8, height))[1][0, 0]
    axis.set(xlabel=x_label, ylabel=y_label)
    axis.set_title(title, wrap=True)
    return axis


def titled(figure, title):
    """Set the message of a whole figure, and give the figure back."""
    figure.suptitle(title or "", x=0.01, ha="left", wrap=True)
    return figure


def label_ends(axis, frame):
    """Names at the right ends of the lines, moved apart where they would touch."""
    finals = {column: frame[column].dropna().iloc[-1] for column in frame}
    axis.autoscale_view()  # else limits are set when the figure is drawn
    heights = axis.transLimits.transform(axis.transScale.transform([(1, value) for value in finals.values()]))[:, 1]
    place, names = -math.inf, sorted(zip(heights, finals, COLOURS))
    for above, (height, column, colour) in zip(reversed(range(len(names))), names):
        place = min(max(height, place + 0.055), 1 - 0.055 * above)
        axis.text(1, place, f" {column}", color=colour, va="center", transform=axis.transAxes)


def write_above(axis, text, x, y, **style):
    """Write above the point (x, y)."""
    axis.annotate(text, (x, y), (0, 9), textcoords="offset points", ha="center", **style)
