"""Arithmetic of distance fields: smooth unions, soft steps."""

import numpy as np


def smooth_max(a, b, k):
    """The larger of two fields, the edge rounded over about `k` metres."""
    h = np.maximum(k - np.abs(a - b), 0)
    return np.maximum(a, b) + h * h / (4 * k)


def smooth_min(a, b, k):
    """The smaller of two fields, the crease rounded."""
    return -smooth_max(-a, -b, k)


def step(low, high, x):
    """A smooth step from 0 at `low` to 1 at `high`."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def patch(y, z, centre, half_width, half_height, edge):
    """1 inside an upright trapezium around (0, centre), 0 outside, with a soft edge."""
    outside = np.maximum(np.abs(y) - half_width + 0.25 * np.abs(z - centre), np.abs(z - centre) - half_height)
    return 1 - step(-edge / 2, edge / 2, outside)
