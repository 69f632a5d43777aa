"""Meshes as plain arrays, and the few shapes that car parts are made of."""

from dataclasses import dataclass

import numpy as np

TURN = 2 * np.pi


@dataclass
class Mesh:
    """Vertices ``(n, 3)`` in metres and faces as tuples of vertex indices."""

    vertices: np.ndarray
    faces: list


def moved(mesh, rotate=(0, 0, 0), move=(0, 0, 0), scale=1.0):
    """Scale, then rotate about x, y, z (radians), then move."""
    matrix = rotation(*rotate)
    return Mesh(mesh.vertices * np.asarray(scale) @ matrix.T + np.asarray(move, float), mesh.faces)


def rotation(x=0.0, y=0.0, z=0.0):
    """Rotation matrix: about x first, then y, then z."""
    (cx, sx), (cy, sy), (cz, sz) = ((np.cos(a), np.sin(a)) for a in (x, y, z))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def mirrored(mesh):
    """The same shape on the other side of the car (y -> -y)."""
    return Mesh(mesh.vertices * [1, -1, 1], [face[::-1] for face in mesh.faces])


def merge(meshes):
    """Several meshes as one."""
    faces, start = [], 0
    for mesh in meshes:
        faces += [tuple(start + i for i in face) for face in mesh.faces]
        start += len(mesh.vertices)
    return Mesh(np.concatenate([mesh.vertices for mesh in meshes]), faces)


def _grid_faces(rows, columns, close_rows=False, close_columns=False):
    """Quads of a grid of vertices in row-major order."""
    faces = []
    for i in range(rows if close_rows else rows - 1):
        for j in range(columns if close_columns else columns - 1):
            a, b = i % rows * columns, (i + 1) % rows * columns
            k = (j + 1) % columns
            faces.append((a + j, a + k, b + k, b + j))
    return faces


def box(size, radius=0.02, steps=3):
    """A box with rounded edges: a sphere whose octants are pulled apart."""
    half = np.asarray(size, float) / 2
    radius = min(radius, half.min() * 0.999)
    # angles from face to face: the first and last of each octant lie on the axes
    around = np.concatenate([np.linspace(0, np.pi / 2, steps) + q * np.pi / 2 for q in range(4)])
    down = np.concatenate([np.linspace(0, np.pi / 2, steps), np.linspace(np.pi / 2, np.pi, steps)])
    signs_x = np.repeat([1, -1, -1, 1], steps)
    signs_y = np.repeat([1, 1, -1, -1], steps)
    signs_z = np.repeat([1, -1], steps)
    ring = np.sin(down)[:, None]
    sphere = np.stack([ring * np.cos(around), ring * np.sin(around), np.cos(down)[:, None] + 0 * around], -1)
    corner = np.stack(np.broadcast_arrays(signs_x, signs_y, signs_z[:, None]), -1) * (half - radius)
    vertices = (corner + radius * sphere).reshape(-1, 3)
    n, m = len(down), len(around)
    faces = [face[::-1] for face in _grid_faces(n, m, close_columns=True)]
    faces += [tuple(range(m)), tuple(range(n * m - 1, (n - 1) * m - 1, -1))]
    return Mesh(vertices, faces)


def ellipsoid(radii, steps=12):
    """A sphere stretched to three radii."""
    shape = box((2, 2, 2), 0.999, steps // 2 + 1)
    return Mesh(shape.vertices * radii, shape.faces)


def lathe(profile, segments=48, wobble=None):
    """Turn a profile of (radius, along) points about the y axis.

    `wobble` ``(segments, points)`` multiplies the radius: the treads of a tyre.
    """
    radius, along = np.asarray(profile, float).T
    angle = np.arange(segments) * TURN / segments
    radius = radius[None] * (1 if wobble is None else wobble) + 0 * angle[:, None]
    vertices = np.stack(
        [radius * np.cos(angle)[:, None], along[None] + 0 * radius, radius * np.sin(angle)[:, None]], -1
    )
    return Mesh(vertices.reshape(-1, 3), _grid_faces(segments, len(along), close_rows=True))


def tube(path, radius, sides=8, flatten=1.0):
    """A round bar along a path ``(n, 3)``; `radius` may vary along it; `flatten` squeezes it vertically."""
    path = np.asarray(path, float)
    forward = np.gradient(path, axis=0)
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    helper = np.where(np.abs(forward[:, 2:]) > 0.9, [[1.0, 0, 0]], [[0, 0, 1.0]])
    side = np.cross(forward, helper)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(side, forward) * flatten
    angle = np.arange(sides) * TURN / sides
    radius = np.broadcast_to(radius, len(path))[:, None, None]
    ring = side[:, None] * np.cos(angle)[:, None] + up[:, None] * np.sin(angle)[:, None]
    vertices = (path[:, None] + radius * ring).reshape(-1, 3)
    faces = _grid_faces(len(path), sides, close_columns=True)
    last = (len(path) - 1) * sides
    return Mesh(vertices, faces + [tuple(range(sides))[::-1], tuple(range(last, last + sides))])
