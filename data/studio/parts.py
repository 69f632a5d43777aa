"""Everything that is bolted on: each function returns a list of (material name, Mesh)."""

import numpy as np

from . import decals
from .fleet import PLAIN_STYLE
from .mesh import TURN, box, ellipsoid, lathe, merge, mirrored, moved, tube

#: Rims: spokes, twin spread (radians), width at the hub, width at the rim, slant (radians)
RIMS = [
    (5, 0.13, 0.036, 0.040, 0),
    (5, 0, 0.100, 0.060, 0),
    (7, 0, 0.050, 0.045, 0),
    (10, 0, 0.030, 0.026, 0),
    (6, 0.16, 0.026, 0.034, 0.10),
    (6, 0, 0.085, 0.110, 0),
    (9, 0, 0.038, 0.060, 0.28),
    (12, 0, 0.024, 0.022, 0.12),
]


def all_parts(body):
    """All parts of a car, merged: one Mesh a material."""
    pieces = []
    for build in (
        wheels,
        underbody,
        mirrors,
        handles,
        front_end,
        rear_end,
        plates,
        interior,
        roof_gear,
        aerial,
        wipers,
        small_parts,
        pickup_parts,
        extras,
    ):
        pieces += build(body)
    groups = {}
    for material, mesh in pieces:
        groups.setdefault(material, []).append(mesh)
    return {material: merge(meshes) for material, meshes in groups.items()}


def both_sides(pieces):
    """The pieces and their mirror images."""
    return pieces + [(material, mirrored(mesh)) for material, mesh in pieces]


# wheels ------------------------------------------------------------------------------------------


def wheels(body):
    """Four wheels, each turned a little differently."""
    rng = np.random.default_rng(body.car.seed)
    one, width, pieces = wheel(body), 0.20 + 0.12 * (body.wheel - 0.30), []
    for x in body.axles:
        for s in (1, -1):
            turn, steer = rng.uniform(0, TURN), body.style["steer"] * (x > 0)
            for material, mesh in one:
                shape = moved(
                    mesh if s > 0 else mirrored(mesh),
                    (0, turn, steer),
                    (x, s * (body.half - width / 2 - 0.012), body.wheel),
                )
                pieces.append((material, shape))
    return pieces


def wheel(body):
    """One wheel about the y axis, its outer face at +y."""
    style, r = body.style, float(body.wheel)
    h, rim = (0.20 + 0.12 * (r - 0.30)) / 2, r * style["rim_size"]
    metal = "rim_dark" if style["rim_dark"] else "alloy"
    pieces = [
        ("tyre", tyre(r, rim, h)),
        (
            metal,
            lathe(
                [
                    (rim + 0.006, h - 0.006),
                    (rim - 0.010, h + 0.003),
                    (rim - 0.02, h - 0.005),
                    (rim - 0.03, h - 0.03),
                    (rim - 0.045, -h + 0.03),
                ],
                48,
            ),
        ),
        ("dark", lathe([(rim - 0.01, -0.02), (0.001, -0.02)], 32)),
        ("disc", lathe([(0.6 * rim, 0.010), (0.6 * rim, 0.026), (0.05, 0.026)], 32)),
        (
            metal,
            lathe(
                [
                    (0.001, h - 0.014),
                    (0.03, h - 0.014),
                    (0.036, h - 0.02),
                    (0.072, h - 0.03),
                    (0.08, h - 0.06),
                ],
                32,
            ),
        ),
    ]
    count, twin, hub, outer, slant = style["rim_shape"] or RIMS[style["rim"]]
    for i in range(count):
        for offset in (-twin, twin) if twin else (0,):
            pieces.append((metal, spoke(rim, h, hub, outer, TURN * i / count, offset, slant)))
    return pieces


def tyre(r, rim, h):
    """A tyre with grooves around it and blocks at its shoulders."""
    profile = [
        (rim - 0.02, -h + 0.02),
        (rim, -h),
        (rim + 0.03, -h - 0.004),
        (r - 0.035, -h + 0.004),
        (r - 0.008, -h + 0.028),
        (r, -h + 0.05),
        (r, -0.045),
        (r - 0.007, -0.040),
        (r - 0.007, -0.030),
        (r, -0.025),
        (r, 0.025),
        (r - 0.007, 0.030),
        (r - 0.007, 0.040),
        (r, 0.045),
        (r, h - 0.05),
        (r - 0.008, h - 0.028),
        (r - 0.035, h - 0.004),
        (rim + 0.03, h + 0.004),
        (rim, h),
        (rim - 0.02, h - 0.02),
    ]
    segments = 96
    wobble = np.ones((segments, len(profile)))
    wobble[::2, [4, 5, 14, 15]] -= 0.012
    return lathe(profile, segments, wobble)


def spoke(rim, h, hub, outer, angle, offset, slant):
    """One spoke from the hub to the rim, as a tapered bar."""
    radii = np.linspace(0.055, rim - 0.022, 5)
    bend = np.linspace(0, 1, 5)
    a = angle + offset * (0.35 + 0.65 * bend) + slant * bend
    path = np.stack([radii * np.cos(a), h - 0.030 + 0.012 * bend, radii * np.sin(a)], 1)
    across = np.stack([-np.sin(a), 0 * a, np.cos(a)], 1) * (np.interp(bend, [0, 1], [hub, outer]) / 2)[:, None]
    deep = np.array([0, 0.018, 0])
    ring = np.stack(
        [
            path - across - deep,
            path - 0.75 * across + deep * 0.4,
            path + 0.75 * across + deep * 0.4,
            path + across - deep,
        ],
        1,
    )
    shape = tube(path, 0.01, 4)
    shape.vertices = ring.reshape(-1, 3)
    return shape


def underbody(body):
    """Axles and a dark belly, so that no light passes under the car where none should."""
    pieces = [
        ("dark", tube([(x, -body.half + 0.3, body.wheel), (x, body.half - 0.3, body.wheel)], 0.04)) for x in body.axles
    ]
    pieces.append(
        (
            "dark",
            moved(
                box((body.wheelbase - 0.9, body.width - 0.5, 0.10), 0.03),
                move=(sum(body.axles) / 2, 0, body.clearance + 0.03),
            ),
        )
    )
    pieces.append(("dark", moved(box((0.5, 0.5, 0.14), 0.05), move=(body.axles[1] - 0.45, 0.2, body.clearance + 0.07))))
    return pieces


# outside -----------------------------------------------------------------------------------------


def mirrors(body):
    """Door mirrors on their feet."""
    size = body.style["mirror_size"] * (1.25 if body.kind in ("pickup", "suv", "van") else 1.0)
    x = float(body.windscreen(body.belt(body.screen_foot) + 0.05)) - 0.36
    y, z = float(body.half) - 0.06, float(body.belt(x)) + 0.10
    shell = ellipsoid((0.075 * size, 0.115 * size, 0.078 * size), 16)
    shell.vertices = np.sign(shell.vertices) * np.abs(shell.vertices) ** 0.85 * np.array([0.075, 0.115, 0.078]) ** 0.15
    colour = "paint" if body.style["body_mirrors"] else "black"
    pieces = [
        (colour, moved(shell, (0, 0, -0.25), (x, y + 0.115 * size, z))),
        (
            "mirror",
            moved(
                box((0.01, 0.17 * size, 0.10 * size), 0.004),
                (0, 0, -0.25),
                (x - 0.055 * size, y + 0.12 * size, z),
            ),
        ),
        ("black", moved(box((0.05, 0.14, 0.035), 0.012), move=(x + 0.02, y - 0.02, z - 0.045))),
    ]
    return both_sides(pieces)


def handles(body):
    """Door handles."""
    z = float(body.belt(0)) - 0.10
    spots = [decals.pillar_x(body) + 0.13]
    if body.bed:
        spots.append(float(body.deck_start) + 0.30)
    elif body.doors == 4:
        spots.append(float(body.axles[1]) + 0.42)
    colour = "paint" if body.style["body_handles"] else "chrome" if body.style["chrome"] else "black"
    return both_sides(
        [(colour, moved(box((0.20, 0.024, 0.03), 0.010), move=(x, float(body.side(x, z)) + 0.020, z))) for x in spots]
    )


def front_end(body):
    """Grille bars, badge, lamp bowls, fog lamps, splitter."""
    style = body.style
    bars = "chrome" if style["chrome"] else "black"
    pieces = []
    ys = np.linspace(-style["grille_width"] + 0.03, style["grille_width"] - 0.03, 13)
    for i in range(style["grille_bars"]):
        z = body.grille_z + (i - (style["grille_bars"] - 1) / 2) * 2 * style["grille_height"] / (
            style["grille_bars"] + 0.3
        )
        pieces.append((bars, tube([(float(body.front(y, z)) + 0.010, y, z) for y in ys], 0.009)))
    x = float(body.front(0, body.grille_z))
    pieces.append(
        (
            "chrome",
            moved(
                lathe([(0.001, 0.02), (0.055, 0.015), (0.06, -0.02)], 24),
                (0, 0, -np.pi / 2),
                (x + 0.015, 0, body.grille_z),
            ),
        )
    )
    pieces += both_sides(lamp_bowls(body))
    if style["fog_lamps"]:
        y, z = 0.74 * float(body.half), float(body.clearance) + 0.20
        fog = moved(
            lathe([(0.001, 0.01), (0.035, 0.008), (0.045, -0.01)], 20),
            (0, 0, -np.pi / 2),
            (float(body.front(y, z)) + 0.012, y, z),
        )
        pieces += both_sides([("lens", fog)])
    if style["splitter"]:
        ys = np.linspace(-0.70, 0.70, 15)
        xs = [float(body.front(y, body.clearance + 0.12)) - 0.03 for y in ys]
        edge = [(x, y, float(body.sill(x)) + 0.014) for x, y in zip(xs, ys)]
        pieces.append(("black", tube(edge, 0.05, flatten=0.35)))
    return pieces


def lamp_bowls(body):
    """Reflectors and lenses of one headlamp (left side)."""
    style, pieces = body.style, []
    inner = max(style["grille_width"] + 0.03, float(body.half) - style["lamp_reach"])
    size = style["lamp_height"] * 0.72
    for y, lens in ((inner + size * 1.25, "lens"), (inner + size * 3.3, "chrome")):
        if y > body.half - 0.10:
            continue
        z = float(body.nose) - 0.125 + style["lamp_slant"] * (y - 0.5)
        x = float(body.front(y, z))
        ring = lathe([(size * 0.55, -0.004), (size * 0.85, 0.004), (size, 0.012), (size * 1.05, -0.02)], 24)
        place = {"rotate": (0, 0, -np.pi / 2 + 0.25), "move": (x - 0.002, y, z)}
        pieces.append(("chrome", moved(ring, **place)))
        pieces.append((lens, moved(lathe([(0.001, 0.006), (size * 0.4, 0.002), (size * 0.62, -0.012)], 20), **place)))
    return pieces


def rear_end(body):
    """Trunk handle, badge, third brake lamp, spoiler, wing, exhausts, tow hook."""
    style, pieces = body.style, []
    if not body.bed:
        z = float(body.plate_z) + 0.125
        pieces.append(
            (
                "chrome" if style["chrome"] else "paint",
                tube([(float(body.rear(y, z)) - 0.010, y, z) for y in np.linspace(-0.32, 0.32, 9)], 0.014),
            )
        )
    z = float(body.deck) - 0.05
    badge = moved(
        lathe([(0.001, 0.012), (0.036, 0.01), (0.04, -0.01)], 20),
        (0, 0, np.pi / 2),
        (float(body.rear(0.0, z)) - 0.004, 0, z),
    )
    pieces.append(("chrome", badge))
    roof = float(body.roof(body.roof_end))
    if body.kind != "convertible":
        pieces.append(("red", moved(box((0.03, 0.30, 0.022), 0.006), move=(body.roof_end - 0.06, 0, roof - 0.07))))
    if style["spoiler"] and body.upright and body.kind != "van":
        pieces.append(
            (
                "paint",
                moved(box((0.26, 1.08, 0.035), 0.014), (0, -0.06, 0), (body.roof_end - 0.10, 0, roof - 0.030)),
            )
        )
    elif style["spoiler"] and body.kind in ("sedan", "coupe"):
        x = float(body.rear_end) + 0.13
        pieces.append(("paint", moved(box((0.12, 1.05, 0.06), 0.014), (0, 0.2, 0), (x, 0, float(body.top(x)) + 0.012))))
    if style["wing"]:
        x, z = float(body.rear_end) + 0.16, float(body.deck) + 0.15
        pieces.append(("paint", moved(box((0.20, 1.36, 0.025), 0.010), (0, 0.08, 0), (x, 0, z))))
        pieces += both_sides([("black", moved(box((0.12, 0.025, 0.20), 0.008), move=(x + 0.01, 0.48, z - 0.09)))])
    for side in range(style["exhausts"]):
        y, z, x = (-1) ** side * 0.50, body.clearance + 0.085, float(body.rear(0.5, body.clearance + 0.12))
        pieces.append(("chrome", tube([(x + 0.30, y, z), (x + 0.02, y, z)], 0.038, 12)))
        pieces.append(("dark", tube([(x + 0.05, y, z), (x + 0.017, y, z)], 0.031, 12)))
    if style["tow_hook"]:
        x, z = float(body.rear_end), float(body.clearance) + 0.12
        pieces.append(("dark", tube([(x + 0.3, 0, z), (x - 0.10, 0, z)], 0.028)))
        pieces.append(("chrome", moved(ellipsoid((0.028, 0.028, 0.028)), move=(x - 0.09, 0, z + 0.06))))
    return pieces


def plates(body):
    """Plates, front and rear: those of an invented dealer, or a number."""
    pieces, (wide, high) = [], body.style["plate_size"]
    marks = [(-0.07, 0.01, 0.06, 0.06), (0.05, 0.01, 0.14, 0.028), (0, -0.064, 0.29, 0.02)]
    if body.style["plate_ink"] != PLAIN_STYLE["plate_ink"]:
        marks = [(y, 0, 0.06 * wide, 0.55 * high) for y in np.linspace(-0.38, 0.38, 7) * wide]
    low = float(body.intake_z) + 0.03
    ahead = float(body.front(0.0, low)) + (0.035 if not body.bed else 0.075)
    behind = float(body.rear(0.0, body.plate_z)) - 0.012
    for x, z, s in ((ahead, 0.58 if body.bed else low, 1), (behind, float(body.plate_z), -1)):
        pieces.append(("plate", moved(box((0.012, wide, high), 0.004), move=(x, 0, z))))
        pieces += [
            ("plate_ink", moved(box((0.004, w, h), 0.0015), move=(x + s * 0.007, y, z + up))) for y, up, w, h in marks
        ]
    return pieces


def roof_gear(body):
    """Roof rails and crossbars."""
    style, pieces = body.style, []
    if not style["rails"]:
        return pieces
    xs = np.linspace(body.screen_top - 0.12, body.roof_end + 0.16, 24)
    ys = np.array([float(body.cabin(x, body.roof(x))) - 0.10 for x in xs])
    lift = 0.038 - 0.060 * np.abs(np.linspace(-1, 1, 24)) ** 8
    path = np.stack([xs, ys, body.roof(xs) + lift - 0.045 * (ys / body.half) ** 2], 1)
    colour = "chrome" if style["rails_chrome"] else "black"
    pieces += both_sides([(colour, tube(path, 0.016))])
    if style["crossbars"]:
        for i in (6, 16):
            x, y, z = path[i]
            pieces.append(("black", tube([(x, -y, z + 0.03), (x, y, z + 0.03)], 0.016, flatten=0.7)))
    return pieces


def aerial(body):
    """A rod on the fender, a rod on the roof, or a fin."""
    kind, reach = "fender" if body.bed else body.style["aerial"], body.style["aerial_reach"]
    if kind == "fender":
        y, x = -float(body.half) + 0.22, float(body.screen_foot) + 0.20
        return [
            (
                "black",
                tube([(x, y, body.cowl - 0.06), (x - 0.16 * reach, y, body.cowl + 0.80 * reach)], [0.006, 0.0035]),
            )
        ]
    if kind == "roof" and body.kind != "convertible":
        x = float(body.roof_end) + 0.25
        return [
            (
                "black",
                tube([(x, 0, body.roof(x) - 0.02), (x - 0.35 * reach, 0, body.roof(x) + 0.24 * reach)], [0.008, 0.004]),
            )
        ]
    if kind == "fin" and body.kind != "convertible":
        x = float(body.roof_end) + 0.22
        return [("paint", moved(box((0.13, 0.03, 0.055), 0.012), (0, 0.30, 0), (x, 0, body.roof(x) + 0.008)))]
    return []


def wipers(body):
    """Two wipers at the foot of the windscreen, one behind on upright cars."""
    pieces = []
    rise = np.array([-(body.screen_foot - body.screen_top), 0, body.height - 0.03 - body.cowl])
    rise /= np.linalg.norm(rise)
    for y0, y1 in ((0.55, -0.02), (-0.05, -0.62)):
        points = []
        for t in np.linspace(0, 1, 7):
            y = y0 + (y1 - y0) * t
            z = body.cowl + 0.05 + 0.07 * t
            x = float(body.windscreen(z)) - 0.16 * (y / body.half) ** 2
            points.append((x + 0.02, y, z + 0.012))
        pieces.append(("black", tube(points, 0.007)))
    if body.upright and not body.style["cargo"]:
        z = float(body.deck) + 0.075
        pieces.append(
            (
                "black",
                tube(
                    [
                        (float(body.rear_window(z)) + 0.10 * (y / body.half) ** 2 - 0.02, y, z)
                        for y in (-0.02, 0.16, 0.34)
                    ],
                    0.008,
                ),
            )
        )
    return pieces


def small_parts(body):
    """Mud flaps, side steps, hood scoop."""
    style, pieces = body.style, []
    if style["mud_flaps"]:
        x = float(body.axles[1] - body.arch_radius) - 0.03
        pieces += both_sides(
            [("black", moved(box((0.012, 0.2, 0.20), 0.004), move=(x, body.half - 0.15, body.wheel * 0.72)))]
        )
    if style["side_steps"]:
        front, rear = body.axles[0] - 0.55, body.axles[1] + 0.58
        colour = "chrome" if style["chrome"] else "black"
        pieces += both_sides(
            [
                (
                    colour,
                    tube(
                        [
                            (front, body.half - 0.01, body.clearance + 0.10),
                            (rear, body.half - 0.01, body.clearance + 0.10),
                        ],
                        0.045,
                    ),
                )
            ]
        )
    if style["hood_scoop"]:
        x = float(body.screen_foot) + 0.45
        pieces.append(("paint", moved(box((0.5, 0.5, 0.07), 0.03), (0, 0.06, 0), (x, 0, float(body.top(x)) - 0.005))))
    return pieces


def pickup_parts(body):
    """Bumper bars and bed rails of a pickup."""
    if not body.bed:
        return []
    metal = "chrome" if body.style["chrome_bumpers"] else "black" if body.style["cladding"] else "paint"
    pieces = []
    for curve, sign in ((body.front, 1), (body.rear, -1)):
        ys = np.linspace(-body.half + 0.06, body.half - 0.06, 15)
        pieces.append((metal, tube([(float(curve(y, 0.62)) + sign * 0.012, y, 0.58) for y in ys], 0.055, 10, 1.5)))
    rail = [
        (body.deck_start - 0.05, body.half - 0.10, body.deck - 0.02),
        (body.rear_end + 0.16, body.half - 0.10, body.deck - 0.035),
    ]
    return pieces + both_sides([("black", tube(rail, 0.03, flatten=0.6))])


def extras(body):
    """What some cars carry: a roof box, a taxi's sign, a spare wheel, a roll bar."""
    style, pieces, roof = body.style, [], float(body.roof(0.0))
    middle = (body.screen_top + body.roof_end) / 2
    if style["roof_box"]:
        pieces.append(("black", moved(box((1.5, 0.7, 0.34), 0.12, 5), move=(middle, 0.2, roof + 0.24))))
        bars = [[(middle + x, y, roof + 0.05) for y in (-0.6, 0.6)] for x in (-0.4, 0.4)]
        pieces += [("black", tube(bar, 0.025)) for bar in bars]
    if style["taxi_sign"]:
        pieces.append(("plate", moved(box((0.16, 0.5, 0.13), 0.03), move=(middle + 0.2, 0, roof + 0.06))))
    if style["spare_wheel"]:
        x, r = float(body.rear(0.0, body.deck - 0.15)), 0.95 * float(body.wheel)
        cover = lathe([(0.001, 0.20), (0.8 * r, 0.20), (r, 0.15), (r, -0.06)], 40)
        pieces.append(("black", moved(cover, (0, 0, np.pi / 2), (x, 0.1, body.deck - 0.12))))
    if style["roll_bar"]:
        x, y, z = body.deck_start - 0.30, body.half - 0.22, body.deck - 0.1
        high = float(body.height) + 0.03
        hoop = [(x, -y, z), (x, -0.9 * y, high - 0.1), (x, -0.75 * y, high)]
        path = hoop + [(a, -b, c) for a, b, c in reversed(hoop)]
        legs = [[(x, s * 0.8 * y, high - 0.04), (x - 0.9, s * y, z)] for s in (1, -1)]
        pieces += [("chrome" if style["chrome"] else "black", tube(p, 0.035)) for p in (path, *legs)]
    return pieces


# inside ------------------------------------------------------------------------------------------


def interior(body):
    """Seats, dashboard and steering wheel."""
    rows = {"minivan": 3, "suv": 3, "coupe": 2, "convertible": 2, "pickup": 2}.get(body.kind, 2)
    if body.style["cargo"] or body.style["open_top"]:
        rows = 1
    z = 0.42 + (float(body.height) - 1.45) * 0.55
    pieces = []
    for i in range(rows):
        x = decals.pillar_x(body) + 0.02 - i * (0.82 if not body.bed else 0.70)
        if x - 0.2 < body.deck_start + 0.25:
            break
        for y in (-0.36, 0.36):
            pieces.append(("seat", moved(box((0.5, 0.48, 0.16), 0.06), move=(x + 0.28, y, z))))
            pieces.append(("seat", moved(box((0.14, 0.46, 0.62), 0.06), (0, -0.25, 0), (x - 0.02, y, z + 0.33))))
            pieces.append(("seat", moved(box((0.09, 0.25, 0.17), 0.04), move=(x - 0.13, y, z + 0.70))))
    pieces.append(
        (
            "dark",
            moved(
                box((0.45, body.width - 0.35, 0.16), 0.06),
                move=(body.screen_foot - 0.34, 0, body.cowl - 0.14),
            ),
        )
    )
    ring = lathe([(0.17 + 0.015 * np.cos(t), 0.015 * np.sin(t)) for t in np.linspace(0, TURN, 10)], 32)
    pieces.append(("dark", moved(ring, (0, 0, np.pi / 2 + 0.3), (body.screen_foot - 0.66, 0.37, body.cowl - 0.04))))
    pieces.append(
        (
            "dark",
            moved(
                box((0.012, 0.22, 0.06), 0.005),
                move=(body.windscreen(body.height - 0.16) - 0.12, 0, body.height - 0.17),
            ),
        )
    )
    return pieces
