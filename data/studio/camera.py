"""The camera as arithmetic: where a point of the car falls in the picture. Used by tests and measurements."""

import numpy as np
from PIL import Image, ImageDraw

from .mesh import rotation
from .room import camera_angles, place_in


def project(points, settings, size):
    """Pixel coordinates ``(n, 2)`` (x right, y down) of points ``(n, 3)`` in the room."""
    width, height = size
    offset = points - [0, -settings["distance"], settings["camera_height"]]
    right, up, back = (offset @ rotation(*camera_angles(settings))).T
    focal = settings["lens"] / 36.0 * width
    return np.stack([width / 2 + focal * right / -back, height / 2 - focal * up / -back], 1)


def silhouette(mesh, settings, view, size, scale=4):
    """The mask of a car by drawing every face of its mesh, without Blender: bool ``(h, w)``."""
    width, height = size
    points = project(place_in(mesh, settings, view).vertices, settings, (width * scale, height * scale))
    image = Image.new("1", (width * scale, height * scale))
    pen = ImageDraw.Draw(image)
    for face in mesh.faces:
        pen.polygon([tuple(points[i]) for i in face], fill=1)
    covered = np.asarray(image, float).reshape(height, scale, width, scale).mean((1, 3))
    return covered > 0.5
