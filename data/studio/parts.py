"""Everything that is bolted on: each function returns a list of (material name, Mesh)."""
import numpy as np

from . import decals
from .mesh import TURN, box, ellipsoid, lathe, merge, mirrored, moved, tube

#: Rims: spokes, twin spread (radians), width at the hub, width at the rim, slant (radians)
RIMS = [(5, .13, .036, .040, 0), (5, 0, .100, .060, 0), (7, 0, .050, .045, 0), (10, 0, .030, .026, 0),
        (6, .16, .026, .034, .10), (6, 0, .085, .110, 0), (9, 0, .038, .060, .28), (12, 0, .024, .022, .12)]


def all_parts(body):
    """All parts of a car, merged: one Mesh a material."""
    pieces = []
    for build in (wheels, underbody, mirrors, handles, front_end, rear_end, plates, interior, roof_gear, aerial, wipers,
                  small_parts, pickup_parts):
        pieces += build(body)
    groups = {}
    for material, mesh in pieces:
        groups.setdefault(material, []).append(mesh)
    return {material: merge(meshes) for material, meshes in groups.items()}


def both_sides(pieces):
    """The pieces and their mirror images."""
    return pieces + [(material, mirrored(mesh)) for material, mesh in pieces]


# wheels -----------------------------------------------------------------------------------------------------------------

def wheels(body):
    """Four wheels, each turned a little differently."""
    rng = np.random.default_rng(body.car.seed)
    one, width, pieces = wheel(body), .20 + .12 * (body.wheel - .30), []
    for x in body.axles:
        for s in (1, -1):
            turn = rng.uniform(0, TURN)
            for material, mesh in one:
                shape = moved(mesh if s > 0 else mirrored(mesh), (0, turn, 0), (x, s * (body.half - width / 2 - .012), body.wheel))
                pieces.append((material, shape))
    return pieces


def wheel(body):
    """One wheel about the y axis, its outer face at +y."""
    style, r = body.style, float(body.wheel)
    h, rim = (.20 + .12 * (r - .30)) / 2, r * style["rim_size"]
    metal = "rim_dark" if style["rim_dark"] else "alloy"
    pieces = [("tyre", tyre(r, rim, h)),
              (metal, lathe([(rim + .006, h - .006), (rim - .010, h + .003), (rim - .02, h - .005), (rim - .03, h - .03),
                             (rim - .045, -h + .03)], 48)),
              ("dark", lathe([(rim - .01, -.02), (.001, -.02)], 32)),
              ("disc", lathe([(.6 * rim, .010), (.6 * rim, .026), (.05, .026)], 32)),
              (metal, lathe([(.001, h - .014), (.03, h - .014), (.036, h - .02), (.072, h - .03), (.08, h - .06)], 32))]
    count, twin, hub, outer, slant = RIMS[style["rim"]]
    for i in range(count):
        for offset in (-twin, twin) if twin else (0,):
            pieces.append((metal, spoke(rim, h, hub, outer, TURN * i / count, offset, slant)))
    return pieces


def tyre(r, rim, h):
    """A tyre with grooves around it and blocks at its shoulders."""
    profile = [(rim - .02, -h + .02), (rim, -h), (rim + .03, -h - .004), (r - .035, -h + .004), (r - .008, -h + .028),
               (r, -h + .05), (r, -.045), (r - .007, -.040), (r - .007, -.030), (r, -.025), (r, .025), (r - .007, .030),
               (r - .007, .040), (r, .045), (r, h - .05), (r - .008, h - .028), (r - .035, h - .004), (rim + .03, h + .004),
               (rim, h), (rim - .02, h - .02)]
    segments = 96
    wobble = np.ones((segments, len(profile)))
    wobble[::2, [4, 5, 14, 15]] -= .012
    return lathe(profile, segments, wobble)


def spoke(rim, h, hub, outer, angle, offset, slant):
    """One spoke from the hub to the rim, as a tapered bar."""
    radii = np.linspace(.055, rim - .022, 5)
    bend = np.linspace(0, 1, 5)
    a = angle + offset * (.35 + .65 * bend) + slant * bend
    path = np.stack([radii * np.cos(a), h - .030 + .012 * bend, radii * np.sin(a)], 1)
    across = np.stack([-np.sin(a), 0 * a, np.cos(a)], 1) * (np.interp(bend, [0, 1], [hub, outer]) / 2)[:, None]
    deep = np.array([0, .018, 0])
    ring = np.stack([path - across - deep, path - .75 * across + deep * .4, path + .75 * across + deep * .4, path + across - deep], 1)
    shape = tube(path, .01, 4)
    shape.vertices = ring.reshape(-1, 3)
    return shape


def underbody(body):
    """Axles and a dark belly, so that no light passes under the car where none should."""
    pieces = [("dark", tube([(x, -body.half + .3, body.wheel), (x, body.half - .3, body.wheel)], .04)) for x in body.axles]
    pieces.append(("dark", moved(box((body.wheelbase - .9, body.width - .5, .10), .03), move=(sum(body.axles) / 2, 0, body.clearance + .03))))
    pieces.append(("dark", moved(box((.5, .5, .14), .05), move=(body.axles[1] - .45, .2, body.clearance + .07))))
    return pieces


# outside ----------------------------------------------------------------------------------------------------------------

def mirrors(body):
    """Door mirrors on their feet."""
    size = 1.25 if body.kind in ("pickup", "suv", "van") else 1.0
    x = float(body.windscreen(body.belt(body.screen_foot) + .05)) - .36
    y, z = float(body.half) - .06, float(body.belt(x)) + .10
    shell = ellipsoid((.075 * size, .115 * size, .078 * size), 16)
    shell.vertices = np.sign(shell.vertices) * np.abs(shell.vertices) ** .85 * np.array([.075, .115, .078]) ** .15
    colour = "paint" if body.style["body_mirrors"] else "black"
    pieces = [(colour, moved(shell, (0, 0, -.25), (x, y + .115 * size, z))),
              ("mirror", moved(box((.01, .17 * size, .10 * size), .004), (0, 0, -.25), (x - .055 * size, y + .12 * size, z))),
              ("black", moved(box((.05, .14, .035), .012), move=(x + .02, y - .02, z - .045)))]
    return both_sides(pieces)


def handles(body):
    """Door handles."""
    z = float(body.belt(0)) - .10
    spots = [decals.pillar_x(body) + .13]
    if body.bed:
        spots.append(float(body.deck_start) + .30)
    elif body.doors == 4:
        spots.append(float(body.axles[1]) + .42)
    colour = "paint" if body.style["body_handles"] else "chrome" if body.style["chrome"] else "black"
    return both_sides([(colour, moved(box((.20, .024, .03), .010), move=(x, float(body.side(x, z)) + .020, z))) for x in spots])


def front_end(body):
    """Grille bars, badge, lamp bowls, fog lamps, splitter."""
    style = body.style
    bars = "chrome" if style["chrome"] else "black"
    pieces = []
    ys = np.linspace(-style["grille_width"] + .03, style["grille_width"] - .03, 13)
    for i in range(style["grille_bars"]):
        z = body.grille_z + (i - (style["grille_bars"] - 1) / 2) * 2 * style["grille_height"] / (style["grille_bars"] + .3)
        pieces.append((bars, tube([(float(body.front(y, z)) + .010, y, z) for y in ys], .009)))
    x = float(body.front(0, body.grille_z))
    pieces.append(("chrome", moved(lathe([(.001, .02), (.055, .015), (.06, -.02)], 24), (0, 0, -np.pi / 2), (x + .015, 0, body.grille_z))))
    pieces += both_sides(lamp_bowls(body))
    if style["fog_lamps"]:
        y, z = .74 * float(body.half), float(body.clearance) + .20
        fog = moved(lathe([(.001, .01), (.035, .008), (.045, -.01)], 20), (0, 0, -np.pi / 2), (float(body.front(y, z)) + .012, y, z))
        pieces += both_sides([("lens", fog)])
    if style["splitter"]:
        z = float(body.clearance) + .02
        ys = np.linspace(-.75, .75, 15)
        pieces.append(("black", tube([(float(body.front(y, z + .05)) + .0, y, z) for y in ys], .05, flatten=.25)))
    return pieces


def lamp_bowls(body):
    """Reflectors and lenses of one headlamp (left side)."""
    style, pieces = body.style, []
    inner = max(style["grille_width"] + .03, float(body.half) - style["lamp_reach"])
    size = style["lamp_height"] * .72
    for y, lens in ((inner + size * 1.25, "lens"), (inner + size * 3.3, "chrome")):
        if y > body.half - .10:
            continue
        z = float(body.nose) - .125 + style["lamp_slant"] * (y - .5)
        x = float(body.front(y, z))
        ring = lathe([(size * .55, -.004), (size * .85, .004), (size, .012), (size * 1.05, -.02)], 24)
        place = {"rotate": (0, 0, -np.pi / 2 + .25), "move": (x - .002, y, z)}
        pieces.append(("chrome", moved(ring, **place)))
        pieces.append((lens, moved(lathe([(.001, .006), (size * .4, .002), (size * .62, -.012)], 20), **place)))
    return pieces


def rear_end(body):
    """Trunk handle, badge, third brake lamp, spoiler, wing, exhausts, tow hook."""
    style, pieces = body.style, []
    if not body.bed:
        z = float(body.plate_z) + .125
        pieces.append(("chrome" if style["chrome"] else "paint",
                       tube([(float(body.rear(y, z)) - .010, y, z) for y in np.linspace(-.32, .32, 9)], .014)))
    z = float(body.deck) - .05
    badge = moved(lathe([(.001, .012), (.036, .01), (.04, -.01)], 20), (0, 0, np.pi / 2), (float(body.rear(0., z)) - .004, 0, z))
    pieces.append(("chrome", badge))
    roof = float(body.roof(body.roof_end))
    if body.kind != "convertible":
        pieces.append(("red", moved(box((.03, .30, .022), .006), move=(body.roof_end - .06, 0, roof - .07))))
    if style["spoiler"] and body.upright and body.kind != "van":
        pieces.append(("paint", moved(box((.26, 1.08, .035), .014), (0, -.06, 0), (body.roof_end - .10, 0, roof - .030))))
    elif style["spoiler"] and body.kind in ("sedan", "coupe"):
        pieces.append(("paint", moved(box((.12, 1.20, .035), .014), (0, .25, 0), (body.rear_end + .12, 0, body.deck + .01))))
    if style["wing"]:
        x, z = float(body.rear_end) + .16, float(body.deck) + .15
        pieces.append(("paint", moved(box((.20, 1.36, .025), .010), (0, .08, 0), (x, 0, z))))
        pieces += both_sides([("black", moved(box((.12, .025, .20), .008), move=(x + .01, .48, z - .09)))])
    for side in range(style["exhausts"]):
        y, z, x = (-1) ** side * .50, body.clearance + .085, float(body.rear(.5, body.clearance + .12))
        pieces.append(("chrome", tube([(x + .30, y, z), (x + .02, y, z)], .038, 12)))
        pieces.append(("dark", tube([(x + .05, y, z), (x + .017, y, z)], .031, 12)))
    if style["tow_hook"]:
        x, z = float(body.rear_end), float(body.clearance) + .12
        pieces.append(("dark", tube([(x + .3, 0, z), (x - .10, 0, z)], .028)))
        pieces.append(("chrome", moved(ellipsoid((.028, .028, .028)), move=(x - .09, 0, z + .06))))
    return pieces


def plates(body):
    """Dealer's plates, front and rear, of an invented dealer."""
    pieces = []
    z = float(body.intake_z) + .03
    ahead = float(body.front(0., z)) + (.035 if not body.bed else .075)
    for x, z, s in ((ahead, z if not body.bed else .58, 1), (float(body.rear(0., body.plate_z)) - .012, float(body.plate_z), -1)):
        pieces.append(("plate", moved(box((.012, .31, .155), .004), move=(x, 0, z))))
        pieces.append(("plate_ink", moved(box((.004, .06, .06), .0015), move=(x + s * .007, -.07, z + .01))))
        pieces.append(("plate_ink", moved(box((.004, .14, .028), .0015), move=(x + s * .007, .05, z + .01))))
        pieces.append(("plate_ink", moved(box((.004, .29, .02), .0015), move=(x + s * .007, 0, z - .064))))
    return pieces


def roof_gear(body):
    """Roof rails and crossbars."""
    style, pieces = body.style, []
    if not style["rails"]:
        return pieces
    xs = np.linspace(body.screen_top - .12, body.roof_end + .16, 24)
    ys = np.array([float(body.cabin(x, body.roof(x))) - .10 for x in xs])
    lift = .038 - .060 * np.abs(np.linspace(-1, 1, 24)) ** 8
    path = np.stack([xs, ys, body.roof(xs) + lift - .045 * (ys / body.half) ** 2], 1)
    colour = "chrome" if style["rails_chrome"] else "black"
    pieces += both_sides([(colour, tube(path, .016))])
    if style["crossbars"]:
        for i in (6, 16):
            x, y, z = path[i]
            pieces.append(("black", tube([(x, -y, z + .03), (x, y, z + .03)], .016, flatten=.7)))
    return pieces


def aerial(body):
    """A rod on the fender, a rod on the roof, or a fin."""
    kind = "fender" if body.bed else body.style["aerial"]
    if kind == "fender":
        y, x = -float(body.half) + .22, float(body.screen_foot) + .20
        return [("black", tube([(x, y, body.cowl - .06), (x - .16, y, body.cowl + .80)], [.006, .0035]))]
    if kind == "roof" and body.kind != "convertible":
        x = float(body.roof_end) + .25
        return [("black", tube([(x, 0, body.roof(x) - .02), (x - .35, 0, body.roof(x) + .24)], [.008, .004]))]
    if kind == "fin" and body.kind != "convertible":
        x = float(body.roof_end) + .22
        return [("paint", moved(box((.13, .03, .055), .012), (0, .30, 0), (x, 0, body.roof(x) + .008)))]
    return []


def wipers(body):
    """Two wipers at the foot of the windscreen, one behind on upright cars."""
    pieces = []
    rise = np.array([-(body.screen_foot - body.screen_top), 0, body.height - .03 - body.cowl])
    rise /= np.linalg.norm(rise)
    for y0, y1 in ((.55, -.02), (-.05, -.62)):
        points = []
        for t in np.linspace(0, 1, 7):
            y = y0 + (y1 - y0) * t
            z = body.cowl + .05 + .07 * t
            x = float(body.windscreen(z)) - .16 * (y / body.half) ** 2
            points.append((x + .02, y, z + .012))
        pieces.append(("black", tube(points, .007)))
    if body.upright and not body.style["cargo"]:
        z = float(body.deck) + .075
        pieces.append(("black", tube([(float(body.rear_window(z)) + .10 * (y / body.half) ** 2 - .02, y, z) for y in (-.02, .16, .34)], .008)))
    return pieces


def small_parts(body):
    """Mud flaps, side steps, hood scoop."""
    style, pieces = body.style, []
    if style["mud_flaps"]:
        x = float(body.axles[1] - body.arch_radius) - .03
        pieces += both_sides([("black", moved(box((.012, .2, .20), .004), move=(x, body.half - .15, body.wheel * .72)))])
    if style["side_steps"]:
        front, rear = body.axles[0] - .55, body.axles[1] + .58
        colour = "chrome" if style["chrome"] else "black"
        pieces += both_sides([(colour, tube([(front, body.half - .01, body.clearance + .10), (rear, body.half - .01, body.clearance + .10)], .045))])
    if style["hood_scoop"]:
        x = float(body.screen_foot) + .45
        pieces.append(("paint", moved(box((.5, .5, .07), .03), (0, .06, 0), (x, 0, float(body.top(x)) - .005))))
    return pieces


def pickup_parts(body):
    """Bumper bars and bed rails of a pickup."""
    if not body.bed:
        return []
    metal = "chrome" if body.style["chrome_bumpers"] else "black" if body.style["cladding"] else "paint"
    pieces = []
    for curve, sign in ((body.front, 1), (body.rear, -1)):
        ys = np.linspace(-body.half + .06, body.half - .06, 15)
        pieces.append((metal, tube([(float(curve(y, .62)) + sign * .012, y, .58) for y in ys], .055, 10, 1.5)))
    rail = [(body.deck_start - .05, body.half - .10, body.deck - .02), (body.rear_end + .16, body.half - .10, body.deck - .035)]
    return pieces + both_sides([("black", tube(rail, .03, flatten=.6))])


# inside -----------------------------------------------------------------------------------------------------------------

def interior(body):
    """Seats, dashboard and steering wheel."""
    rows = {"minivan": 3, "suv": 3, "coupe": 2, "convertible": 2, "pickup": 2}.get(body.kind, 2)
    if body.style["cargo"]:
        rows = 1
    z = .42 + (float(body.height) - 1.45) * .55
    pieces = []
    for i in range(rows):
        x = decals.pillar_x(body) + .02 - i * (.82 if not body.bed else .70)
        if x - .2 < body.deck_start + .25:
            break
        for y in (-.36, .36):
            pieces.append(("seat", moved(box((.5, .48, .16), .06), move=(x + .28, y, z))))
            pieces.append(("seat", moved(box((.14, .46, .62), .06), (0, -.25, 0), (x - .02, y, z + .33))))
            pieces.append(("seat", moved(box((.09, .25, .17), .04), move=(x - .13, y, z + .70))))
    pieces.append(("dark", moved(box((.45, body.width - .35, .16), .06), move=(body.screen_foot - .34, 0, body.cowl - .14))))
    ring = lathe([(.17 + .015 * np.cos(t), .015 * np.sin(t)) for t in np.linspace(0, TURN, 10)], 32)
    pieces.append(("dark", moved(ring, (0, 0, np.pi / 2 + .3), (body.screen_foot - .66, .37, body.cowl - .04))))
    pieces.append(("dark", moved(box((.012, .22, .06), .005), move=(body.windscreen(body.height - .16) - .12, 0, body.height - .17))))
    return pieces
