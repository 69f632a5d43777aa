"""Every plot of the course: arrays or frames in, a `matplotlib.figure.Figure` out; `save` writes it to figures/."""

import io
import itertools
import os
from pathlib import Path

from IPython.display import Image
from matplotlib.figure import Figure
from matplotlib.text import Text

from utils import CourseError, replacing
from utils.plots.charts import (
    bands,
    bars,
    by_distance,
    curves,
    dots,
    dots_beside,
    dumbbells,
    gains,
    intervals,
    lines,
    marked_lines,
    odds,
    ranks,
    ratios,
    reliability,
    scatter,
    scores_by_amount,
    scores_over_time,
    strips,
)
from utils.plots.pictures import (
    confusion,
    convolution_step,
    filmstrip,
    heat_maps,
    images,
    maps_over,
    numbered_runs,
    outline,
    outlines,
    overlay,
    probability_maps,
    u_shape,
)
from utils.plots.sliders import explore
from utils.plots.style import BLUE, COLOURS, FALSE_ALARM, RED

FIGURES = Path(os.environ.get("FIGURES") or Path(__file__).resolve().parents[2] / "figures")


class Picture(Image):
    """A figure as a notebook shows and keeps it: a PNG file with its alternative text."""

    def __repr__(self):
        return self.metadata["alt"]


def save(figure: Figure, name: str, alt: str = "") -> Picture:
    """Write ``figures/NAME.png`` and return it as a picture, so that the last line of a cell shows it.

    The environment variable ``FIGURES`` names another folder. Where ``CHECK_FIGURES`` is set, as by ``make course``
    and ``make test``, a figure whose texts collide is refused.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    name : str
        Number of the chapter and a short name: ``"06_curves"``.
    alt : str
        What the figure shows, in a sentence, for those who do not see it.

    Returns
    -------
    Picture

    Raises
    ------
    CourseError
        The disk is full, or texts collide; a figure of that name stays as it was.
    """
    if os.environ.get("CHECK_FIGURES") and (found := collisions(figure)):
        raise CourseError(f"Figure {name} is hard to read: {'; '.join(found)}. Shorten, move or wrap a text.")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=100, bbox_inches="tight", metadata={"Software": None})
    with replacing(FIGURES / f"{name}.png", picture.tell()) as temporary:
        temporary.write_bytes(picture.getvalue())
    return Picture(picture.getvalue(), format="png", metadata={"alt": alt})


def collisions(figure: Figure) -> list[str]:
    """Texts of a figure that overlap one another or leave the canvas, one phrase each.

    Parameters
    ----------
    figure : matplotlib.figure.Figure

    Returns
    -------
    list of str
        Empty where every text can be read.
    """
    figure.draw_without_rendering()
    boxes = [(text.get_text(), text.get_window_extent().padded(-2)) for text in _texts(figure)]
    canvas = figure.bbox.padded(2)
    out = [f"{text!r} leaves the canvas" for text, box in boxes if not _inside(box, canvas)]
    pairs = itertools.combinations(boxes, 2)
    return out + [f"{one!r} overlaps {two!r}" for (one, a), (two, b) in pairs if a.overlaps(b)]


def _inside(box, canvas):
    return canvas.x0 <= box.x0 and box.x1 <= canvas.x1 and canvas.y0 <= box.y0 and box.y1 <= canvas.y1


def _texts(figure):
    """The texts that are drawn: not those of hidden axes, nor of ticks outside the limits."""
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            shown = [tick for tick in ticks if axes.axison and low <= tick.get_loc() <= high]
            hidden |= {label for tick in ticks if tick not in shown for label in (tick.label1, tick.label2)}
            hidden |= {axis.offsetText} | (set() if axes.axison else {axis.label})
    texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text not in hidden]
    return [text for text in texts if text.get_visible()]
