"""The car body: a signed distance field made of curves, and the surface it encloses."""

import numpy as np
from scipy.interpolate import PchipInterpolator
from skimage.measure import marching_cubes

from . import decals
from .fields import patch, smooth_max, smooth_min, step

VOXEL = 0.018
NORMAL_STEP = 0.004
#: Height of the rear plate, where it is not 0.90 m.
REAR_PLATE = {"hatchback": 0.82, "crossover": 0.82, "van": 0.80, "suv": 0.98, "pickup": 0.80}


class Body:
    """The curves of one car's body.

    Parameters
    ----------
    car : Car
        From :mod:`data.studio.fleet`.
    """

    def __init__(self, car):
        self.car, self.kind, self.style = car, car.kind, car.style
        self.__dict__.update({k: np.float32(v) for k, v in vars(car.shape).items()})
        self.front_end, self.rear_end, self.half = self.length / 2, -self.length / 2, self.width / 2
        self.axles = (self.front_end - self.overhang, self.front_end - self.overhang - self.wheelbase)
        self.arch_radius = self.wheel + np.float32(self.style["arch_gap"])
        self.bed = self.kind == "pickup"
        self.upright = self.kind in ("hatchback", "wagon", "suv", "crossover", "minivan", "van")
        self.grille_z = self.nose - (0.10 + self.style["grille_height"])
        raised = 0.05 if self.kind in ("pickup", "suv", "van") else 0.0
        self.intake_z = self.clearance + 0.07 + self.style["intake_height"] + raised
        self.plate_z = REAR_PLATE.get(self.kind, 0.90)
        self.tail_z = self.deck - (0.22 if self.bed else 0.20)
        self.cockpit_end = max(self.deck_start + 0.12, self.axles[1] + self.arch_radius + 0.03)
        self._top = self._top_curve()
        self.decals = decals.all_decals(self)

    # curves in the middle plane and in plan -------------------------------------------------------

    def _top_curve(self):
        rear, deck = self.rear_end, self.deck
        hood = self.front_end - 0.35
        points = [
            (rear - 0.1, deck - 0.12),
            (rear + 0.06, deck - 0.02),
            (self.deck_start, deck),
            (self.deck_start + 0.35, self.belt(self.deck_start)),
            (self.screen_foot - 0.3, self.cowl - 0.02),
            (self.screen_foot, self.cowl),
            (self.screen_foot + 0.30, self.cowl - 0.04),
            (hood, self.nose + 0.05),
            (self.front_end - 0.11, self.nose - 0.01),
            (self.front_end + 0.05, self.nose - 0.12),
        ]
        x, z = np.array(sorted(points)).T
        return PchipInterpolator(x, z)

    def belt(self, x):
        """Height of the window line."""
        along = np.clip((self.screen_foot - x) / (self.screen_foot - self.deck_start), 0, 1.2)
        return self.belt_front + (self.belt_rear - self.belt_front) * along

    def top(self, x):
        """Height of hood, belt and deck in the middle plane."""
        return self._top(np.clip(x, self.rear_end - 0.1, self.front_end + 0.05)).astype(np.float32)

    def roof(self, x):
        """Height of the roof in the middle plane."""
        return self.height - self.arch * (x - (self.screen_top - 0.40)) ** 2

    def windscreen(self, z):
        """x of the windscreen at a height."""
        return self.screen_foot - (z - self.cowl) * (self.screen_foot - self.screen_top) / (
            self.height - 0.03 - self.cowl
        )

    def rear_window(self, z):
        """x of the rear window at a height."""
        return self.deck_start - (z - self.deck) * (self.deck_start - self.roof_end) / (self.height - 0.06 - self.deck)

    def cabin(self, x, z):
        """Half width at the windows."""
        above = z - self.belt(x)
        ends = 0.05 * np.clip((x - 0.2) / 1.2, 0, 1) ** 2 + 0.07 * np.clip((-0.6 - x) / 1.8, 0, 1) ** 2
        return self.half - 0.075 - self.tumblehome * 0.72 * above - 0.10 * above**2 - ends

    def side(self, x, z):
        """Half width of the lower body."""
        belt = self.belt(x)
        ends = np.clip((np.abs(x + 0.1) - 0.27 * self.length) / (0.23 * self.length), 0, 1.2)
        middle = 0.40 * belt + 0.25
        width = self.half - np.where(x > 0, 0.15, 0.11) * ends**2.2
        width = (
            width - 0.055 * np.clip((z - middle) / 0.4, 0, 2) ** 2 - 0.075 * np.clip((middle - z) / 0.5, 0, 2) ** 2.2
        )
        between = step(self.axles[1] + 0.45, self.axles[1] + 0.7, x) * (
            1 - step(self.axles[0] - 0.7, self.axles[0] - 0.45, x)
        )
        width = width - self.style["waist"] * np.exp(-(((z - 0.44) / 0.09) ** 2)) * between  # hollow along the doors
        crease = belt - self.style["crease_drop"] - 0.03 * (x / self.front_end)
        width = width + self.style["crease"] * (1 - step(crease - 0.004, crease + 0.05, z)) * step(
            crease - 0.30, crease, z
        )
        for axle in self.axles:  # flared wheel arches
            r = np.hypot(x - axle, z - self.wheel)
            width = width + self.style["flare"] * np.exp(-(((r - self.arch_radius) / 0.07) ** 2)) * (
                r > self.arch_radius - 0.12
            )
        return width

    def sill(self, x):
        """Height of the underside, which rises towards both ends."""
        rise = 0.18 if self.kind in ("pickup", "suv") else 0.11
        return self.clearance + rise * np.clip((np.abs(x) - self.front_end + 0.75) / 0.7, 0, 1.3) ** 1.5

    def front(self, y, z):
        """x of the front end."""
        q, style = np.abs(y) / self.half, self.style
        bumper = 0.42 * self.nose + 0.12
        x = self.front_end - style["nose_round"] * (0.16 if self.bed else 0.25) * q**2.4 - 0.02
        x = (
            x
            - style["nose_lean"] * (0.05 if self.bed else 0.11) * np.clip((z - bumper) / 0.35, 0, 2) ** 2
            - 0.10 * np.clip((bumper - z) / 0.3, 0, 2) ** 2
        )
        x = x - 0.035 * patch(y, z, self.grille_z, style["grille_width"], style["grille_height"], 0.03)
        return x - 0.05 * patch(y, z, self.intake_z, style["intake_width"], style["intake_height"], 0.03)

    def rear(self, y, z):
        """x of the rear end."""
        q = np.abs(y) / self.half
        x = (
            self.rear_end
            + self.style["tail_round"] * (0.07 if self.bed or self.kind == "van" else 0.14) * q**2.6
            + 0.01
            + 0.035 * step(0.64, 0.72, z)
        )
        lean = 0 if self.bed else 0.02 if self.kind == "van" else 0.05
        x = x + lean * np.clip((z - 0.8) / 0.3, 0, 2) ** 1.5 + 0.12 * np.clip((0.47 - z) / 0.3, 0, 2) ** 2
        return x + 0.03 * patch(y, z, self.plate_z, 0.28, 0.085, 0.03)

    # the field ------------------------------------------------------------------------------------

    def distance(self, x, y, z):
        """Signed distance to the body (metres, negative inside); arrays that broadcast together."""
        y = np.abs(y)
        lower, greenhouse = self._lower(x, y, z), self._greenhouse(x, y, z)
        if self.style["open_top"]:
            lower = smooth_max(lower, -self._cockpit(x, y, z), 0.03)
            behind = self.windscreen(z) - 0.16 * (y / self.half) ** 2 - 0.09 - x
            greenhouse = smooth_max(greenhouse, behind, 0.02)
        body = smooth_min(lower, greenhouse, 0.03)
        if self.bed:
            well = smooth_max(
                smooth_max(
                    y - self.half + 0.19,
                    np.maximum(x - self.deck_start + 0.08, self.rear_end + 0.18 - x),
                    0.05,
                ),
                0.74 - z,
                0.05,
            )
            if not self.style["bed_cover"]:
                body = smooth_max(body, -well, 0.03)
        for axle in self.axles:
            hole = np.maximum(np.hypot(x - axle, z - self.wheel) - self.arch_radius, self.half - 0.34 - y)
            body = smooth_max(body, -hole, 0.018)
        return body

    def _lower(self, x, y, z):
        q = y / self.half
        crown = 0.05 * q**2.5 * step(self.screen_foot - 0.2, self.screen_foot + 0.4, x) + 0.035 * q**3
        body = smooth_max(y - self.side(x, z), z - self.top(x) + crown, 0.08 * self.style["soft"])
        body = smooth_max(body, x - self.front(y, z), (0.05 if self.bed else 0.10) * self.style["soft"])
        body = smooth_max(body, self.rear(y, z) - x, 0.07 * self.style["soft"])
        body = smooth_max(body, self.sill(x) - z, 0.04)
        bulge = 0.016 * (step(0.36, 0.54, y) - 0.5) * step(self.screen_foot + 0.05, self.screen_foot + 0.3, x)
        return body - bulge * step(self.nose - 0.08, self.nose + 0.02, z)

    def _cockpit(self, x, y, z):
        """The hollow of the seats in an open car."""
        along = np.maximum(x - self.screen_foot + 0.42, self.cockpit_end - x)
        return smooth_max(smooth_max(y - self.half + 0.19, along, 0.1), 0.45 - z, 0.05)

    def _greenhouse(self, x, y, z):
        q = y / self.half
        lean_front = 1 / np.hypot(1, (self.screen_foot - self.screen_top) / (self.height - self.cowl))
        lean_rear = 1 / np.hypot(1, (self.deck_start - self.roof_end) / (self.height - self.deck))
        cabin = smooth_max(y - self.cabin(x, z), z - self.roof(x) + 0.045 * q**2, 0.10 * self.style["soft"])
        cabin = smooth_max(cabin, (x - self.windscreen(z) + 0.16 * q**2) * lean_front, 0.06)
        cabin = smooth_max(cabin, (self.rear_window(z) + 0.10 * q**2 - x) * lean_rear, 0.07)
        return smooth_max(cabin, min(self.deck, self.cowl) - 0.07 - z, 0.02)

    def surface(self):
        """The body's surface.

        Returns
        -------
        vertices, normals : float arrays ``(n, 3)``
        faces : int array ``(m, 3)``, counter-clockwise seen from outside
        """
        spans = (
            (self.rear_end - 0.1, self.front_end + 0.1),
            (-self.half - 0.08, self.half + 0.08),
            (0.08, self.height + 0.06),
        )
        axes = [np.arange(low, high, VOXEL, dtype=np.float32) for low, high in spans]
        field = self.distance(axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :])
        vertices, faces, _, _ = marching_cubes(field, 0, gradient_direction="descent")
        vertices = vertices * VOXEL + [axis[0] for axis in axes]
        for _ in range(3):  # marching cubes are terraced: pull onto the surface
            gradient = self._gradient(vertices, 0.002)
            stride = self.distance(*vertices.T) / np.maximum((gradient**2).sum(1), 0.6)
            vertices = vertices - np.clip(stride, -0.004, 0.004)[:, None] * gradient
        normals = self._gradient(vertices, NORMAL_STEP)
        return vertices, normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6), faces

    def regions(self, vertices, normals, faces):
        """Which material a face needs: 0 bare paint, 1 with decals, 2 with glass too."""
        x, y, z = vertices[faces].mean(1).T
        nx, ny, nz = normals[faces].mean(1).T
        glass, marked = decals.covered(self, (x, y, z), (nx, ny, nz))
        low = (z < 2 * self.wheel + 0.12) & (np.abs(y) < self.half - 0.10) & (nz < 0.6)
        return np.where(glass, 2, np.where(marked | low | (self.kind in ("pickup", "convertible")), 1, 0))

    def _gradient(self, points, h):
        steps = np.eye(3) * h
        return np.stack([self.distance(*(points + d).T) - self.distance(*(points - d).T) for d in steps], 1) / (2 * h)
