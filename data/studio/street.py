"""A street, a yard or a plain backdrop around the car: every one is drawn from its seed.

The camera stands at (0, -distance) and looks along +y; the car is at the origin. Nothing stands between the two,
so that masks stay exact; what stands behind the camera shows in the paint and throws shadows.
"""

import colorsys

import bpy
import numpy as np

from .mesh import Mesh, box, lathe, merge, moved, tube
from .room import add_object
from .shaders import Graph

#: How often: what the car stands before.
BACKDROPS = {"plain": 18, "wall": 20, "house": 20, "hedge": 12, "fence": 9, "trees": 12, "open": 9}
#: Tone curves, and how many stops each is darker than the first
FILMS = [("Standard", 0.0), ("Filmic", 0.5), ("AgX", 0.5)]
#: How much brighter than its light a picture comes out: asphalt is to be dark grey, plaster pale.
BRIGHT = 1.55


def build_street(settings, scene):
    """Put a street into a scene; the world that lights it.

    Parameters
    ----------
    settings : dict
        Of one view; "street" is the seed, "depth" how far the car reaches back: nothing stands nearer.
    scene : bpy.types.Scene
        Its exposure follows from the light; ``settings["exposure"]`` (stops) comes on top.
    """
    rng = np.random.default_rng(settings["street"])
    street = Street(rng, scene.collection, settings)
    backdrop = rng.choice(list(BACKDROPS), p=np.array(list(BACKDROPS.values())) / sum(BACKDROPS.values()))
    world, level = plain(street) if backdrop == "plain" else outdoors(street, backdrop)
    film, stops = FILMS[rng.choice(3, p=[0.7, 0.15, 0.15])]
    scene.view_settings.view_transform = film
    scene.view_settings.exposure = settings["exposure"] + stops - np.log2(level)
    return world


class Street:
    """What is being built: where its objects go, and the random numbers it is drawn from."""

    def __init__(self, rng, collection, settings):
        self.rng, self.collection, self.count = rng, collection, 0
        self.distance, self.depth = settings["distance"], settings["depth"]

    def add(self, mesh, material):
        self.count += 1
        return add_object(mesh, f"thing {self.count}", material, self.collection)

    def chance(self, p):
        return self.rng.random() < p

    def pick(self, *items):
        return items[self.rng.integers(len(items))]

    def between(self, low, high):
        return float(self.rng.uniform(low, high))

    def colour(self):
        """Any colour; most are dull."""
        return (
            np.array(colorsys.hsv_to_rgb(self.rng.random(), self.rng.beta(1, 2.5), self.rng.uniform(0.1, 0.9))) ** 2.2
        )


def block(low, high):
    """A box from one corner to the other."""
    low, high = np.asarray(low, float), np.asarray(high, float)
    return moved(box(high - low, 0.01, 2), move=(low + high) / 2)


def sheet(left, right, front, back, z):
    """A level rectangle."""
    corners = [(left, front, z), (right, front, z), (right, back, z), (left, back, z)]
    return Mesh(np.array(corners, float), [(0, 1, 2, 3)])


# light -------------------------------------------------------------------------------------------


def outdoors(street, backdrop):
    """Sky, sun, ground and what stands around; the world and the light on the ground."""
    sunny, elevation = street.chance(0.6), np.radians(street.between(12, 68))
    sun, sky = (street.between(3, 8), street.between(0.2, 0.5)) if sunny else (0.0, street.between(0.7, 1.1))
    if sunny:
        add_sun(street, sun, elevation)
    back = street.depth + (street.between(0.2, 2) if street.chance(0.45) else street.between(2, 14))
    ground(street, back)
    if street.chance(0.9):
        skyline(street)
    BUILDERS[backdrop](street, back)
    for _ in range(street.rng.integers(0, 6)):
        prop(street, back)
    behind(street)
    return sky_world(street, sky, sunny), (sun * np.sin(elevation) / np.pi + sky) / BRIGHT


def add_sun(street, strength, elevation):
    """A sun lamp; low suns are warm."""
    lamp = bpy.data.lights.new("sun", "SUN")
    lamp.energy, lamp.angle = strength, np.radians(street.between(0.5, 2.5))
    low = float(np.clip(1 - elevation / 0.7, 0, 1))
    lamp.color = (1, 0.96 - 0.18 * low, 0.90 - 0.45 * low)
    item = bpy.data.objects.new("sun", lamp)
    item.rotation_euler = (np.pi / 2 - elevation, 0, street.between(0, 2 * np.pi))
    street.collection.objects.link(item)


def sky_world(street, level, sunny):
    """A sky that fades from horizon to zenith, with clouds."""
    world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", 256
    graph = Graph("sky", tree=world.node_tree)
    place = graph.node("TexCoord").outputs["Generated"]
    direction = graph.node("SeparateXYZ")
    graph.feed(direction.inputs[0], place)
    grey = street.between(0.85, 1.15)
    low = np.array([0.95, 0.98, 1.05]) * street.between(0.9, 1.4)
    high = np.array([0.22, 0.48, 1.1]) * street.between(0.6, 1.2) if sunny else np.array([0.8, 0.86, 0.95]) * grey
    colour = graph.blend(graph.ramp(direction.outputs[2], 0.0, street.between(0.3, 0.8)), low, high)
    if street.chance(0.7):
        flat = graph.node("Mapping")
        graph.feed(flat.inputs["Vector"], place)
        graph.feed(flat.inputs["Scale"], (1, 1, street.between(2, 5)))
        start = street.between(0.35, 0.6)
        cover = graph.ramp(graph.noise(flat.outputs[0], street.between(1.5, 5), 4), start, start + 0.25)
        colour = graph.blend(cover, colour, np.ones(3) * street.between(1.0 if sunny else 0.6, 1.5))
    background = graph.node("Background")
    graph.feed(background.inputs[0], colour)
    graph.feed(background.inputs[1], level)
    graph.links.new(background.outputs[0], graph.node("OutputWorld").inputs[0])
    return world


def plain(street):
    """A catalogue's backdrop: one tone, a gradient, squares or darkness, with light from above."""
    tone = street.pick("white", "white", "white", "grey", "dark", "colour", "squares")
    colour = {
        "white": np.ones(3) * street.between(0.85, 1.3),
        "grey": np.ones(3) * street.between(0.2, 0.7),
        "dark": np.ones(3) * street.between(0.003, 0.05),
    }.get(tone, street.colour())
    world = bpy.data.worlds.new("plain")
    world.use_nodes = True
    world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", 256
    graph = Graph("plain", tree=world.node_tree)
    direction = graph.node("SeparateXYZ")
    place = graph.node("TexCoord")
    graph.feed(direction.inputs[0], place.outputs["Generated"])
    x, y, z = direction.outputs
    if tone == "squares":
        seen = squares(graph, place.outputs["Window"], street.between(20, 60), colour)
    else:
        seen = graph.blend(graph.ramp(z, -0.1, 0.5), colour, np.clip(colour * street.between(0.5, 1.3), 0, 2))
    box_light = graph.ramp(z, street.between(0.2, 0.5), street.between(0.55, 0.8))
    level = graph.math("ADD", graph.math("MULTIPLY", box_light, street.between(0.6, 2.0)), street.between(0.1, 0.5))
    light, shown, either = graph.node("Background"), graph.node("Background"), graph.node("MixShader")
    graph.feed(light.inputs[1], level)
    graph.feed(light.inputs[0], (1, 1, 1, 1))
    graph.feed(shown.inputs[0], seen)
    for socket, value in zip(
        either.inputs, (graph.node("LightPath").outputs["Is Camera Ray"], light.outputs[0], shown.outputs[0])
    ):
        graph.feed(socket, value)
    graph.links.new(either.outputs[0], graph.node("OutputWorld").inputs[0])
    plain_floor(street, tone, colour)
    return world, 1.0


def squares(graph, place, scale, colour):
    """The squares that stand for transparency in stock pictures."""
    checker = graph.node("TexChecker")
    graph.feed(checker.inputs["Vector"], place)
    graph.feed(checker.inputs["Scale"], scale)
    pale = np.clip(0.6 + 0.4 * np.asarray(colour), 0, 1)
    graph.feed(checker.inputs["Color1"], (1, 1, 1, 1))
    graph.feed(checker.inputs["Color2"], (*(pale * 0.8), 1))
    return checker.outputs[0]


def plain_floor(street, tone, colour):
    """A floor that fades into the backdrop away from the car."""
    graph = Graph("plain floor")
    position = graph.node("TexCoord").outputs["Object"]
    length = graph.node("VectorMath", operation="LENGTH")
    graph.feed(length.inputs[0], position)
    near, far = street.between(2.4, 3.2), street.between(3.6, 7)
    away = graph.ramp(length.outputs["Value"], near, far)
    rough = street.between(0.1, 0.3) if tone == "dark" else street.between(0.3, 0.9)
    floor = graph.surface(tuple(np.clip(colour, 0.01, 0.85)), Roughness=rough)
    clear = graph.node("BsdfTransparent")
    street.add(sheet(-9, 9, -9, 9, 0), graph.done(graph.mix(away, floor, clear.outputs[0])))


# ground ------------------------------------------------------------------------------------------


def ground(street, back):
    """The ground that the car stands on, another one from the kerb on, and lines."""
    kinds = ["asphalt", "asphalt", "asphalt", "concrete", "paving", "gravel", "grass", "dirt"]
    street.add(sheet(-90, 90, -40, 150, 0), ground_material(street, street.pick(*kinds)))
    if street.chance(0.65):
        edge = street.between(street.depth, back)
        high = street.pick(0.005, 0.005, 0.12)
        street.add(
            block((-60, edge, -0.2), (60, edge + 60, high)), ground_material(street, street.pick(*kinds, "grass"))
        )
        if high > 0.1:
            street.add(block((-60, edge - 0.15, -0.2), (60, edge, high + 0.002)), stone(street, 0.15, 0.5))
    if street.chance(0.4):
        lines(street)
    for _ in range(street.rng.integers(0, 4)):  # patches and covers
        x, y, r = street.between(-5, 5), street.between(-5, 5), street.between(0.2, 1.4)
        shape = lathe([(0.001, 0), (r, 0)], int(street.pick(4, 5, 24)))
        street.add(moved(shape, (np.pi / 2, 0, street.between(0, 3)), (x, y, 0.004)), stone(street, 0.03, 0.25))


def lines(street):
    """Painted lines: of parking bays, or along the road."""
    colour = street.pick((0.75, 0.75, 0.72), (0.75, 0.75, 0.72), (0.75, 0.5, 0.05))
    turn, gap, half = street.between(-0.4, 0.4), street.between(2.2, 5.5), street.between(0.05, 0.09)
    strips = [sheet(-half, half, -7, 7, 0.003)]
    strips = [moved(strips[0], move=(k * gap + street.between(1.2, 1.6), 0, 0)) for k in range(-3, 4)]
    if street.chance(0.5):
        strips = [sheet(-40, 40, y - half, y + half, 0.003) for y in (street.between(-3, -1.2), street.between(1.2, 3))]
    graph = Graph("line")
    worn = graph.ramp(graph.noise(graph.node("TexCoord").outputs["Object"], 9.0, 4), 0.35, 0.6)
    paint = graph.surface(colour, Roughness=0.7)
    clear = graph.node("BsdfTransparent").outputs[0]
    wear = graph.math("MULTIPLY", worn, street.between(0, 0.8))
    street.add(moved(merge(strips), (0, 0, turn)), graph.done(graph.mix(wear, paint, clear)))


def ground_material(street, kind):
    """Ground of a kind, its colours drawn."""
    tone, rng = street.between(0, 1), street.rng
    dark = {
        "asphalt": np.ones(3) * (0.03 + 0.16 * tone),
        "concrete": np.ones(3) * (0.18 + 0.25 * tone),
        "paving": np.array([0.25, 0.22, 0.20]) * (0.4 + tone),
        "gravel": np.array([0.26, 0.24, 0.21]) * (0.5 + tone),
        "grass": np.array([0.07, 0.11, 0.025]) * (0.5 + 1.4 * tone),
        "dirt": np.array([0.20, 0.14, 0.09]) * (0.4 + tone),
    }[kind] * rng.normal(1, 0.06, 3)
    if kind == "paving":
        scale = street.between(0.12, 0.6)
        return bricks(street, dark, scale, scale * street.between(0.5, 1), level=True)
    grain = {"asphalt": 45, "concrete": 25, "gravel": 30, "grass": 70, "dirt": 12}[kind]
    spread = {"asphalt": 0.5, "concrete": 0.2, "gravel": 0.9, "grass": 1.1, "dirt": 0.6}[kind]
    return mottled(street, dark, grain, spread, cracks=kind in ("asphalt", "concrete") and street.chance(0.35))


def mottled(street, colour, grain, spread, cracks=False, rough=0.85):
    """Fine grain over large clouds."""
    graph = Graph("mottled")
    place = graph.node("TexCoord").outputs["Object"]
    colour = np.clip(colour, 0.003, 0.85)
    fine = graph.ramp(graph.noise(place, grain, 2), 0.3, 0.7)
    paint = graph.blend(fine, colour * (1 - 0.5 * spread), np.clip(colour * (1 + 0.5 * spread), 0, 0.9))
    clouds = graph.ramp(graph.noise(place, street.between(0.3, 1.0), 3), 0.3, 0.7)
    cover = graph.math("MULTIPLY", clouds, street.between(0, 0.7))
    paint = graph.blend(
        cover, paint, np.clip(colour * street.between(0.5, 1.3) * street.rng.normal(1, 0.05, 3), 0.003, 0.9)
    )
    if cracks:
        cells = graph.node("TexVoronoi", feature="DISTANCE_TO_EDGE")
        bent = graph.node("VectorMath", operation="ADD")
        graph.feed(bent.inputs[0], place)
        graph.feed(bent.inputs[1], graph.math("MULTIPLY", graph.noise(place, 1.5, 4), 1.2))
        graph.feed(cells.inputs["Vector"], bent.outputs[0])
        graph.feed(cells.inputs["Scale"], street.between(0.15, 0.6))
        line = graph.above(street.between(0.003, 0.008), cells.outputs["Distance"])
        paint = graph.blend(line, paint, tuple(colour * 0.35))
    return graph.done(graph.surface(paint, Roughness=rough))


def stone(street, low, high):
    """Plaster, concrete or paint, grey or tinted."""
    grey = street.between(low, high)
    return mottled(street, grey * street.rng.normal(1, 0.08, 3), street.between(4, 30), street.between(0.05, 0.4))


def bricks(street, colour, wide, high, level=False):
    """Bricks, slabs or slats of a size in metres, on the ground (`level`) or on a wall along x."""
    graph = Graph("bricks")
    split, joined = graph.node("SeparateXYZ"), graph.node("CombineXYZ")
    graph.feed(split.inputs[0], graph.node("TexCoord").outputs["Object"])
    graph.feed(joined.inputs[0], graph.math("ADD", split.outputs[0], 0.0 if level else split.outputs[1]))
    graph.feed(joined.inputs[1], split.outputs[1 if level else 2])
    texture = graph.node("TexBrick", offset=float(street.pick(0.0, 0.5)))
    spread = street.between(0.05, 0.5)
    colour = np.clip(colour, 0.01, 0.8)
    values = {
        "Vector": joined.outputs[0],
        "Color1": (*(colour * (1 - spread)), 1),
        "Color2": (*np.clip(colour * (1 + spread), 0, 0.9), 1),
        "Mortar": (*np.clip(colour * street.between(0.3, 2.0), 0, 0.8), 1),
        "Scale": 1.0,
        "Brick Width": wide,
        "Row Height": high,
        "Mortar Size": min(wide, high) * street.between(0.02, 0.1),
    }
    for key, value in values.items():
        graph.feed(texture.inputs[key], value)
    return graph.done(graph.surface(texture.outputs["Color"], Roughness=street.between(0.5, 0.9)))


def flat(colour, rough=0.6):
    """One colour."""
    graph = Graph("flat colour")
    return graph.done(graph.surface(tuple(float(v) for v in colour), Roughness=rough))


def wall_material(street):
    """Plaster, bricks, slabs, slats or sheet metal."""
    colour = street.pick(
        np.array([0.75, 0.73, 0.68]),
        np.array([0.62, 0.52, 0.36]),
        np.array([0.30, 0.10, 0.06]),
        np.array([0.25, 0.25, 0.26]),
        np.array([0.22, 0.13, 0.07]),
        street.colour(),
    ) * street.between(0.5, 1.15)
    if street.chance(0.45):
        return mottled(street, colour, street.between(3, 30), street.between(0.05, 0.4))
    wide, high = street.pick((0.24, 0.075), (0.5, 0.25), (0.9, 0.4), (9.0, 0.12), (0.14, 9.0), (0.35, 0.3))
    return bricks(street, colour, wide, high)


# what the car stands before ----------------------------------------------------------------------


def wall(street, back):
    """A long wall, with a door, a gate or a poster here and there."""
    high = street.between(0.8, 6)
    street.add(block((-40, back, 0), (40, back + 0.3, high)), wall_material(street))
    if street.chance(0.4):
        street.add(block((-40, back - 0.04, high), (40, back + 0.34, high + 0.08)), stone(street, 0.1, 0.6))
    for _ in range(street.rng.integers(0, 5)):
        x, w, low = street.between(-9, 9), street.between(0.6, 3.5), street.pick(0, 0, 0.8)
        top = min(high - 0.1, low + street.between(0.5, 2.4))
        if top > low + 0.2:
            panel = street.pick(flat(street.colour()), wall_material(street))
            street.add(block((x, back - 0.03, low), (x + w, back + 0.1, top)), panel)
    if street.chance(0.5):
        trees(street, back)


def house(street, back):
    """One or two houses with windows, doors, shutters and roofs."""
    x = street.between(-14, -6)
    while x < 12:
        wide, high, deep = street.between(6, 15), street.between(2.6, 9), street.between(5, 9)
        front = back + street.between(0, 1.0)
        street.add(block((x, front, 0), (x + wide, front + deep, high)), wall_material(street))
        windows(street, x, x + wide, front, high)
        if street.chance(0.6):
            roof(street, x, x + wide, front, front + deep, high)
        x += wide + street.between(0, 6)
    if street.chance(0.3):
        hedge(street, back, low=True)


def windows(street, left, right, front, high):
    """Rows of windows, and a door or a garage below."""
    w, h, gap = street.between(0.7, 1.6), street.between(0.9, 1.7), street.between(1.0, 2.2)
    frame = flat(street.pick((0.75, 0.75, 0.75), (0.08, 0.06, 0.04), street.colour()))
    glass = flat(street.rng.uniform(0.01, 0.12, 3), rough=0.05)
    shutter = flat(street.colour()) if street.chance(0.4) else None
    pieces, panes, sides = [], [], []
    for z in np.arange(0.9, high - h, street.between(2.5, 3.1)):
        for x in np.arange(left + 0.6, right - w - 0.4, w + gap):
            if street.chance(0.12):
                continue
            bottom, top = (0.02, 2.1) if z < 1 and street.chance(0.2) else (z, z + h)
            pieces.append(block((x - 0.07, front - 0.05, bottom - 0.07), (x + w + 0.07, front + 0.1, top + 0.07)))
            middle = x + w / 2
            panes += [
                block((x, front - 0.06, bottom), (middle - 0.03, front + 0.1, top)),
                block((middle + 0.03, front - 0.06, bottom), (x + w, front + 0.1, top)),
            ]
            sides += [
                block((x - 0.12 - w / 2, front - 0.07, bottom), (x - 0.10, front, top)),
                block((x + w + 0.10, front - 0.07, bottom), (x + w + 0.12 + w / 2, front, top)),
            ]
    if pieces:
        street.add(merge(pieces), frame)
        street.add(merge(panes), glass)
        if shutter:
            street.add(merge(sides), shutter)


def roof(street, left, right, front, back, high):
    """A gable roof along the street."""
    over, rise = street.between(0.2, 0.7), street.between(1.0, 3.5)
    middle = (front + back) / 2
    corners = [
        (x, y, z)
        for x in (left - over, right + over)
        for y, z in ((front - over, high - 0.1), (middle, high + rise), (back + over, high - 0.1))
    ]
    faces = [(0, 1, 4, 3), (1, 2, 5, 4), (0, 2, 1), (3, 4, 5)]
    tiles = np.array(street.pick([0.25, 0.09, 0.05], [0.08, 0.08, 0.09], [0.16, 0.12, 0.09]))
    street.add(Mesh(np.array(corners), faces), mottled(street, tiles, 12, 0.5))


def hedge(street, back, low=False):
    """A hedge: leaves on a dark box."""
    high = street.between(0.5, 1.1) if low else street.between(1.2, 3.2)
    left, right, deep = -16, 16, 0.8
    street.add(block((left, back + 0.1, 0), (right, back + deep, high - 0.1)), flat((0.02, 0.035, 0.01), 0.9))
    count = int(4500 * high)
    points = street.rng.uniform([left, back - 0.02, 0], [right, back + 0.15, high], (count, 3))
    crown = street.rng.uniform([left, back, high - 0.15], [right, back + deep, high + 0.08], (1500, 3))
    street.add(leaves(street, np.concatenate([points, crown]), street.between(0.07, 0.14)), leaf_material(street))


def fence(street, back):
    """Posts and slats, wire or bars, with something green or a house beyond."""
    BUILDERS[street.pick("trees", "house", "open", "hedge")](street, back + street.between(0.5, 6))
    high, gap = street.between(0.8, 2.2), street.pick(0.06, 0.12, 0.16, 0.35)
    wide = gap * street.between(0.15, 0.9)
    slats = [block((x, back, 0.08), (x + wide, back + 0.025, high)) for x in np.arange(-14, 14, gap)]
    rails = [block((-14, back + 0.02, z), (14, back + 0.06, z + 0.07)) for z in (0.2, high - 0.15)]
    tone = street.pick(np.ones(3) * 0.7, np.array([0.25, 0.15, 0.08]), np.ones(3) * 0.03, np.array([0.05, 0.12, 0.06]))
    street.add(merge(slats + rails), flat(tone * street.between(0.5, 1.2)))


def trees(street, back):
    """A row or a wood of trees and bushes."""
    kinds = [tree(street) for _ in range(2)]
    for _ in range(street.rng.integers(3, 22)):
        plant(street, street.pick(*kinds), street.between(-22, 22), back + street.between(3.5, 20))
    if street.chance(0.4):
        hedge(street, back, low=True)


def open_land(street, back):
    """A meadow or a square, with a tree or a house far away."""
    street.add(
        sheet(-90, 90, back, 150, 0.01), ground_material(street, street.pick("grass", "grass", "dirt", "gravel"))
    )
    if street.chance(0.5):
        one = tree(street)
        for _ in range(street.rng.integers(1, 8)):
            plant(street, one, street.between(-30, 30), back + street.between(8, 45))
    if street.chance(0.4):
        house(street, back + street.between(15, 40))


BUILDERS = {"wall": wall, "house": house, "hedge": hedge, "fence": fence, "trees": trees, "open": open_land}


def skyline(street):
    """Hills, woods or mountains far away."""
    x = np.linspace(-160, 160, 120)
    rough = street.between(0.2, 1.6)
    high = street.between(2, 16) + 4 * np.sin(x / street.between(15, 50) + street.between(0, 6))
    high = np.maximum(high + street.rng.normal(0, rough, len(x)), 0.5)
    low = np.stack([x, 0 * x + 110, 0 * x - 1], 1)
    ridge = np.stack([x, 0 * x + 110, high], 1)
    faces = [(i, i + 1, len(x) + i + 1, len(x) + i) for i in range(len(x) - 1)]
    tone = street.pick([0.02, 0.04, 0.02], [0.12, 0.17, 0.25], [0.07, 0.06, 0.05], [0.25, 0.28, 0.33])
    street.add(Mesh(np.concatenate([low, ridge]), faces), mottled(street, np.array(tone), 0.6, 0.7))


# trees and things --------------------------------------------------------------------------------


def leaves(street, points, size):
    """A small quad in any direction at each point ``(n, 3)``."""
    rng, count = street.rng, len(points)
    one = rng.normal(size=(count, 3))
    one /= np.linalg.norm(one, axis=1, keepdims=True)
    two = np.cross(one, rng.normal(size=(count, 3)))
    two /= np.linalg.norm(two, axis=1, keepdims=True)
    one, two = one * size, two * size * 0.6
    corners = np.stack([points - one, points + two, points + one, points - two], 1).reshape(-1, 3)
    return Mesh(corners, np.arange(4 * count).reshape(-1, 4).tolist())


def leaf_material(street):
    """Leaves in two greens, or in autumn's colours."""
    green = street.pick([0.08, 0.17, 0.03], [0.05, 0.11, 0.03], [0.14, 0.20, 0.05], [0.26, 0.14, 0.04])
    return mottled(street, np.array(green) * street.between(0.6, 1.6), 2.5, street.between(0.5, 1.3), rough=0.6)


def tree(street):
    """Meshes and materials of one tree at the origin: trunk, branches and leaves, or a conifer, or a bush."""
    kind, rng = street.pick("leafy", "leafy", "bare", "conifer", "bush"), street.rng
    high = street.between(4, 11)
    bark = mottled(street, np.array([0.10, 0.08, 0.06]) * street.between(0.4, 1.4), 9, 0.6)
    if kind == "bush":
        points = rng.normal(size=(1500, 3)) * [0.6, 0.6, 0.4] + [0, 0, 0.6]
        return [(leaves(street, points[points[:, 2] > 0], 0.09), leaf_material(street))]
    trunk = tube([(0, 0, -0.1), (0.05, 0, high * 0.5), (0, 0, high * 0.95)], [0.14, 0.10, 0.02], 7)
    if kind == "conifer":
        z = rng.uniform(0.08, 1, 3500) ** 0.8
        angle, out = rng.uniform(0, 2 * np.pi, 3500), (1.03 - z) * high * 0.22 * rng.uniform(0.4, 1, 3500)
        points = np.stack([out * np.cos(angle), out * np.sin(angle), z * high], 1)
        return [(trunk, bark), (leaves(street, points, 0.16), leaf_material(street))]
    boughs, tips = [trunk], []
    for _ in range(26):
        start, angle = street.between(0.25, 0.85) * high, street.between(0, 2 * np.pi)
        reach = street.between(0.12, 0.32) * high
        middle = np.array([0.5 * reach * np.cos(angle), 0.5 * reach * np.sin(angle), start + 0.25 * reach])
        end = np.array([reach * np.cos(angle), reach * np.sin(angle), start + street.between(0.4, 1.1) * reach])
        boughs.append(tube([(0, 0, start), middle, end], [0.05, 0.03, 0.008], 5))
        for _ in range(4):
            tip = middle + (end - middle) * street.between(0, 1) + rng.normal(0, 0.18 * reach, 3)
            boughs.append(tube([middle, (middle + tip) / 2, tip + rng.normal(0, 0.1, 3)], [0.02, 0.014, 0.005], 4))
            tips += [end, tip]
    if kind == "bare":
        return [(merge(boughs), bark)]
    points = np.repeat(np.array(tips), 25, axis=0)
    points = points + rng.normal(0, 0.045 * high, points.shape)
    return [(merge(boughs), bark), (leaves(street, points, street.between(0.13, 0.22)), leaf_material(street))]


def plant(street, pieces, x, y):
    """A tree at a place, turned and scaled."""
    turn, scale = street.between(0, 2 * np.pi), street.between(0.7, 1.3)
    for mesh, material in pieces:
        street.add(moved(mesh, (0, 0, turn), (x, y, 0), scale), material)


def prop(street, back):
    """A pole, a sign, a bin, bollards, a box, a cone or a plant behind the car."""
    x, y, colour = (
        street.between(-8, 8),
        street.between(street.depth + 0.3, max(back, street.depth + 0.6)),
        street.colour(),
    )
    kind = street.pick("pole", "sign", "bin", "bollard", "box", "plant", "cone")
    if kind in ("pole", "sign"):
        high = street.between(2, 7)
        street.add(tube([(x, y, 0), (x, y, high)], street.between(0.03, 0.1), 10), stone(street, 0.05, 0.5))
        if kind == "sign":
            plate = moved(
                lathe([(0.001, 0.02), (0.32, 0.02), (0.32, -0.02)], int(street.pick(3, 4, 24))), move=(x, y - 0.08, 2.1)
            )
            street.add(plate, flat(colour))
    elif kind == "bollard":
        for k in range(4):
            street.add(tube([(x + 1.4 * k, y, 0), (x + 1.4 * k, y, 0.9)], 0.07, 10), flat(colour))
    elif kind == "cone":
        street.add(
            moved(lathe([(0.16, 0), (0.03, 0.6), (0.001, 0.6)], 20), (np.pi / 2, 0, 0), (x, y, 0)),
            flat((0.7, 0.12, 0.02)),
        )
    elif kind == "plant":
        plant(street, tree(street), x, back + 3.5)
    else:
        size = np.array([street.between(0.5, 2), street.between(0.5, 1), street.between(0.6, 1.4)])
        street.add(block((x, y, 0.05), (x + size[0], y + size[1], size[2])), flat(colour, 0.4))
        if kind == "bin":
            for s in (0.1, 0.9):
                wheel = moved(
                    lathe([(0.001, 0.03), (0.1, 0.03), (0.1, -0.03)], 20), move=(x + s * size[0], y - 0.02, 0.1)
                )
                street.add(wheel, flat((0.02, 0.02, 0.02)))


def behind(street):
    """Houses and trees behind the camera: they show in the paint, and throw shadows."""
    for _ in range(street.rng.integers(0, 4)):
        x, y, w = street.between(-25, 15), -street.distance - street.between(4, 25), street.between(5, 14)
        street.add(block((x, y - 6, 0), (x + w, y, street.between(3, 12))), wall_material(street))
    if street.chance(0.35):
        side = street.pick(-1, 1)
        plant(street, tree(street), side * street.between(7.5, 9), street.between(-4, 2))
    if street.chance(0.3):
        plant(street, tree(street), street.between(-8, 8), -street.distance - street.between(5, 8))
