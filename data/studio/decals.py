"""Windows, seams, lamps and grilles, drawn flat and projected onto the body from four sides.

A decal is a float32 image ``(h, w, 4)``, row 0 lowest, whose channels are coverages in [0, 1]:
glass, black (seams, gaskets, grilles), lamp and chrome.
"""

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import maximum_filter

from .fields import patch, smooth_min, step

PIXEL = 0.004
GLASS, BLACK, LAMP, CHROME = range(4)
HALF_WIDTH, TOP = 1.15, 2.2


def inside(distance, soft=0.005):
    """Coverage where a field (positive inside) is above 0."""
    return step(-soft, soft, distance)


def canvas(low, high, bottom, top):
    """Coordinates of the pixels of a decal."""
    return np.meshgrid(np.arange(low, high, PIXEL, dtype=np.float32), np.arange(bottom, top, PIXEL, dtype=np.float32))


def draw_lines(shape, low, bottom, lines, width=0.010):
    """Coverage of polylines given in metres."""
    scale = 2 / PIXEL
    image = Image.new("L", (shape[1] * 2, shape[0] * 2))
    pen = ImageDraw.Draw(image)
    for line in lines:
        pen.line(
            [((a - low) * scale, (b - bottom) * scale) for a, b in line],
            fill=255,
            width=max(1, round(width * scale)),
        )
    return np.asarray(image.resize(shape[::-1], Image.BOX), np.float32) / 255


def stack(glass, black, lamp, chrome):
    """Channels to a decal."""
    return np.stack([np.clip(c, 0, 1) + 0 * glass for c in (glass, black, lamp, chrome)], -1).astype(np.float32)


def arc(x, z, radius, start, stop):
    """Points of an arc, angles in radians from +x to +z."""
    angle = np.linspace(start, stop, 24)
    return list(zip(x + radius * np.cos(angle), z + radius * np.sin(angle)))


def all_decals(body):
    """The four decals of a body, by the side they are projected from."""
    return {"side": side(body), "front": front(body), "rear": rear(body), "top": top(body)}


def covered(body, position, normal, margin=0.04):
    """Where there is glass, and where any decal, within a margin: bool arrays for points ``(n,)``."""
    (x, y, z), (nx, ny, nz) = position, normal
    low, away = float(body.rear_end) - 0.1, np.abs(ny)
    gates = {
        "side": (x, low, z, 0, (away > 0.5) & (np.abs(y) > 0.4)),
        "front": (y, -HALF_WIDTH, z, 0, (nx > 0.15) & (away < 0.75)),
        "rear": (y, -HALF_WIDTH, z, 0, (nx < -0.1) & (away < 0.75)),
        "top": (x, low, y, -HALF_WIDTH, nz > 0.7),
    }
    glass, marked = np.zeros(len(x), bool), np.zeros(len(x), bool)
    for name, (u, u0, v, v0, gate) in gates.items():
        picture = body.decals[name]
        wide = maximum_filter(picture, (2 * round(margin / PIXEL) + 1,) * 2 + (1,))
        column = np.clip(((u - u0) / PIXEL).astype(int), 0, picture.shape[1] - 1)
        row = np.clip(((v - v0) / PIXEL).astype(int), 0, picture.shape[0] - 1)
        glass |= gate & (wide[row, column, GLASS] > 0)
        marked |= gate & (wide[row, column].max(-1) > 0)
    return glass, marked


# side --------------------------------------------------------------------------------------------


def pillar_x(body):
    """x of the pillar behind the front doors."""
    return float(body.screen_top - 0.35 - (0.25 if body.doors == 2 else 0) if not body.bed else body.screen_top - 0.72)


def side_window(body, x, z):
    """Field of the side windows as one opening, without pillars."""
    rear_rake = {"sedan": 0.24, "coupe": 0.30, "convertible": 0.34, "pickup": 0.16, "van": 0.20}.get(body.kind, 0.26)
    field = smooth_min(z - body.belt(x) - 0.045, body.roof(x) - 0.115 - z, 0.05)
    field = smooth_min(field, (body.windscreen(z) - 0.26 - x) * 0.6, 0.05)
    field = smooth_min(field, (x - body.rear_window(z) - rear_rake) * 0.75, 0.06)
    return np.minimum(field, x - pillar_x(body)) if body.style["cargo"] else field


def side_panes(body, x, z):
    """Field of the side windows between the pillars."""
    field = np.minimum(side_window(body, x, z), np.abs(x - pillar_x(body)) - 0.045)
    if body.doors == 4:
        rear_pillar = body.axles[1] + 0.12 if not body.bed else body.deck_start + 0.20
        if body.kind in ("minivan", "van"):
            rear_pillar = pillar_x(body) - 1.05
        field = np.minimum(
            field, np.abs(x - rear_pillar + 0.25 * (z - body.belt(x))) - (0.03 if not body.bed else 0.02)
        )
    return field


def door_seams(body):
    """Polylines of the gaps between doors, fenders, bumpers and the fuel flap."""
    belt, sill = float(body.belt(0)) + 0.01, float(body.clearance) + 0.11
    front_axle, rear_axle, reach = *body.axles, body.arch_radius
    pillar, ahead = pillar_x(body), float(front_axle - reach - 0.09)
    roof = float(body.height) - 0.1
    mirror = float(body.windscreen(belt)) - 0.18
    lines = [
        [(ahead, sill), (ahead + 0.02, 0.55), (mirror, belt + 0.02)],
        [(pillar, sill), (pillar, roof)],
        [(ahead, sill), (rear_axle + reach + 0.16, sill)],
        [(body.front_end - 0.46, 0.36), (body.front_end - 0.42, body.nose - 0.12)],
        [(body.rear_end + 0.44, 0.34), (body.rear_end + 0.38, body.deck - 0.32)],
    ]
    if body.bed:
        back = float(body.deck_start)
        lines += [
            [(back + 0.16, sill), (back + 0.16, belt)],
            [(back - 0.03, sill), (back - 0.03, belt + 0.3)],
        ]
    elif body.doors == 4:
        lines.append(
            [(rear_axle + reach + 0.20, sill)]
            + arc(rear_axle, body.wheel, reach + 0.09, 0.55, 1.15)
            + [(rear_axle + 0.15, belt), (rear_axle + 0.05, roof)]
        )
    flap = float(rear_axle) - 0.32
    lines.append(
        [
            (flap, belt - 0.2),
            (flap + 0.15, belt - 0.2),
            (flap + 0.15, belt - 0.06),
            (flap, belt - 0.06),
            (flap, belt - 0.2),
        ]
    )
    return lines


def side(body):
    """Decal of both flanks."""
    style = body.style
    x, z = canvas(body.rear_end - 0.1, body.front_end + 0.1, 0, TOP)
    window, panes = side_window(body, x, z), side_panes(body, x, z)
    black = np.maximum(
        draw_lines(x.shape, body.rear_end - 0.1, 0, door_seams(body)),
        inside(window + 0.020) * (1 - inside(panes)),
    )
    black = np.maximum(black, inside(body.clearance + 0.07 - z) * (style["two_tone_sills"] or style["cladding"]))
    if style["cladding"]:
        for axle in body.axles:
            black = np.maximum(black, inside(body.arch_radius + 0.06 - np.hypot(x - axle, z - body.wheel)))
        black = np.maximum(black, inside(body.clearance + 0.16 - z))
    strip = np.minimum(0.022 - np.abs(z - 0.62), 0.33 * body.wheelbase - np.abs(x - sum(body.axles) / 2))
    strip = inside(strip) * (style["moulding"] and not style["cladding"])
    black = np.maximum(black, strip * (not style["moulding_chrome"]))
    chrome = inside(window + 0.034) * (1 - inside(window + 0.016)) * style["chrome_windows"]
    chrome = np.maximum(chrome, strip * style["moulding_chrome"])
    lamp = np.maximum(side_headlamp(body, x, z), side_tail_lamp(body, x, z))
    for axle in body.axles:
        lamp = lamp * (np.hypot(x - axle, z - body.wheel) > body.arch_radius + 0.02)
    marker = inside(np.minimum(0.05 - np.abs(x - body.front_end + 0.42), 0.018 - np.abs(z - 0.56)))
    return stack(inside(panes), black, np.maximum(lamp, marker), chrome)


def side_headlamp(body, x, z):
    """Where the headlamp reaches round the corner."""
    back = body.front_end - x
    middle = body.nose - 0.115 + 0.18 * (back - 0.2)
    field = smooth_min(
        x - body.front_end + 0.34 + 0.45 * body.style["lamp_reach"] - 0.6 * (z - body.nose),
        body.style["lamp_height"] * 0.9 - np.abs(z - middle),
        0.03,
    )
    return inside(smooth_min(field, back, 0.02))


def side_tail_lamp(body, x, z):
    """Where the tail lamp reaches round the corner."""
    height = body.style["tail_height"]
    return inside(
        smooth_min(body.rear_end + 0.34 - x - 0.3 * np.abs(z - body.tail_z), height - np.abs(z - body.tail_z), 0.04)
    )


# front and rear ----------------------------------------------------------------------------------


def front(body):
    """Decal of nose and windscreen."""
    style = body.style
    y, z = canvas(-HALF_WIDTH, HALF_WIDTH, 0, TOP)
    away, q = np.abs(y), np.abs(y) / body.half
    width = body.cabin(0 * y + body.screen_top + 0.3, z)
    glass = smooth_min(
        smooth_min(width - 0.11 - away, z - body.cowl - 0.045, 0.06),
        body.roof(body.screen_top) - 0.075 - z - 0.05 * q**2,
        0.06,
    )
    grille = patch(y, z, body.grille_z, style["grille_width"], style["grille_height"], 0.008)
    intake = patch(y, z, body.intake_z, style["intake_width"], style["intake_height"], 0.008)
    black = np.maximum(np.maximum(grille, intake), inside(glass + 0.03) * (1 - inside(glass)) * (z > body.cowl - 0.02))
    if style["fog_lamps"]:
        black = np.maximum(black, patch(away - 0.74 * body.half, z, body.clearance + 0.20, 0.10, 0.055, 0.008))
    black = np.maximum(black, inside(body.clearance + 0.06 + 0.10 * style["cladding"] - z))
    seam = body.nose - 0.10 - 2.2 * style["grille_height"]
    black = np.maximum(black, draw_lines(y.shape, -HALF_WIDTH, 0, [[(-0.9, seam), (0.9, seam)]]))
    frame = patch(y, z, body.grille_z, style["grille_width"] + 0.022, style["grille_height"] + 0.022, 0.008) - grille
    return stack(inside(glass), black, front_lamp(body, away, z), frame * style["chrome"])


def front_lamp(body, away, z):
    """Coverage of the headlamps, seen from ahead."""
    style = body.style
    middle = body.nose - 0.125 + style["lamp_slant"] * (away - 0.5)
    inner = max(style["grille_width"] + 0.03, body.half - style["lamp_reach"])
    field = smooth_min(away - inner - 0.35 * np.abs(z - middle), style["lamp_height"] - np.abs(z - middle), 0.03)
    return inside(smooth_min(field, body.half - away, 0.01))


def rear(body):
    """Decal of tail and rear window."""
    style = body.style
    y, z = canvas(-HALF_WIDTH, HALF_WIDTH, 0, TOP)
    away, q = np.abs(y), np.abs(y) / body.half
    width = body.cabin(0 * y + body.roof_end, z)
    glass = smooth_min(
        smooth_min(width - 0.12 - away, z - body.deck - 0.05, 0.06),
        body.roof(body.roof_end) - 0.10 - z - 0.05 * q**2,
        0.06,
    )
    if style["cargo"]:
        glass = np.minimum(glass, -1)
    inner = max(body.half - style["tail_width"] * (1 if not body.upright else 0.62), 0.42)
    lamp = inside(smooth_min(away - inner, style["tail_height"] - np.abs(z - body.tail_z), 0.04))
    sill, edge, low = float(body.half) - 0.16, float(body.deck) - 0.02, 0.60 if not body.upright else 0.40
    if body.bed:
        low = 0.62
    lines = [
        [
            (-sill, edge),
            (-sill - 0.02, low + 0.06),
            (-0.6, low),
            (0.6, low),
            (sill + 0.02, low + 0.06),
            (sill, edge),
        ]
    ]
    if body.kind == "van":
        lines.append([(0, 0.45), (0, 1.95)])
    black = np.maximum(draw_lines(y.shape, -HALF_WIDTH, 0, lines), inside(body.clearance + 0.12 - z))
    if style["cladding"]:
        black = np.maximum(black, inside(0.50 - z))
    black = np.maximum(black, inside(glass + 0.03) * (1 - inside(glass)) * (z > body.deck))
    strip = (
        inside(np.minimum(0.016 - np.abs(z - body.tail_z - 0.02), inner - 0.04 - away))
        * style["chrome"]
        * (not body.bed)
    )
    return stack(inside(glass), black, lamp, strip)


def top(body):
    """Decal of hood gap, trunk gap and sunroof."""
    x, y = canvas(body.rear_end - 0.1, body.front_end + 0.1, -HALF_WIDTH, HALF_WIDTH)
    h, low = float(body.half) - 0.13, float(body.rear_end) - 0.1
    lines = [
        [
            (body.screen_foot - 0.1, s * h),
            (body.front_end - 0.5, s * (h - 0.04)),
            (body.front_end - 0.26, s * (h - 0.14)),
            (body.front_end - 0.15, 0),
        ]
        for s in (1, -1)
    ]
    if body.kind in ("sedan", "coupe", "convertible"):
        lines += [[(body.deck_start - 0.03, s * (h - 0.1)), (body.rear_end, s * (h - 0.1))] for s in (1, -1)]
    black = draw_lines(x.shape, low, -HALF_WIDTH, lines)
    if body.style["sunroof"] and body.kind not in ("convertible", "van", "pickup"):
        black = np.maximum(black, inside(smooth_min(0.42 - np.abs(y), 0.38 - np.abs(x - body.screen_top + 0.62), 0.06)))
    if body.bed and body.style["bed_cover"]:
        black = np.maximum(black, inside(np.minimum(body.half - 0.17 - np.abs(y), body.deck_start - 0.06 - x)))
    return stack(0 * x, black, 0 * x, 0 * x)
