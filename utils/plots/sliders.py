"""A picture that follows sliders where widgets run, and stands still where they do not."""

import inspect
from collections.abc import Callable

import cv2
import numpy as np

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class Explorer:
    """What a notebook shows of `explore`: the widgets, and a still picture for pages that cannot run them."""

    def __init__(self, box, still):
        self.box, self.still = box, still

    def __repr__(self):
        return repr(self.still)

    def _repr_mimebundle_(self, include=None, exclude=None):
        shown, metadata = self.still._repr_mimebundle_()
        return shown | {WIDGET_VIEW: {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}}, metadata


def explore(draw: Callable[..., np.ndarray], still, **limits: tuple | bool):
    """Sliders above the picture that they control.

    Parameters
    ----------
    draw : callable
        Returns the picture, uint8 ``(h, w, 3)``, for arguments by name. Their defaults are where the sliders start.
    still : Picture
        As `save` returns it: shown where no widgets run, such as on GitHub or a printed page. ``notebooks/run.py``
        commits it alone.
    **limits : (lowest, highest), (lowest, highest, step) or bool
        For each argument: of a slider, or a check box.

    Returns
    -------
    Explorer or Picture
        For the last line of a cell; ``still`` itself where ipywidgets is not installed.

    Notes
    -----
    Taught in ``notebooks/03_resize_and_augment.ipynb``.
    """
    try:
        import ipywidgets
    except ImportError:
        return still
    parameters = inspect.signature(draw).parameters
    controls = {
        name: ipywidgets.interactive.widget_from_abbrev(limit, parameters[name].default)
        for name, limit in limits.items()
    }
    shown = ipywidgets.Image(format="png")

    def redraw(change=None):
        shown.value = _png(draw(**{name: control.value for name, control in controls.items()}))

    for name, control in controls.items():
        control.description = name
        control.observe(redraw, "value")
    redraw()
    return Explorer(ipywidgets.VBox([*controls.values(), shown]), still)


def _png(picture):
    return cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()
