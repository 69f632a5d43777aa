"""The studio: wall with letters, floor with a turntable, light and camera."""

import bpy
import numpy as np

from .mesh import Mesh, merge, moved
from .shaders import Graph

#: Strokes of letters in a box 1 high; x is stretched to the letter's width.
STROKES = {
    "A": [[(0, 0), (0.5, 1), (1, 0)], [(0.22, 0.32), (0.78, 0.32)]],
    "C": ["arc", 0.8, 5.48],
    "E": [[(1, 1), (0, 1), (0, 0), (1, 0)], [(0, 0.5), (0.85, 0.5)]],
    "I": [[(0.5, 0), (0.5, 1)]],
    "L": [[(0, 1), (0, 0), (1, 0)]],
    "M": [[(0, 0), (0, 1), (0.5, 0.25), (1, 1), (1, 0)]],
    "N": [[(0, 0), (0, 1), (1, 0), (1, 1)]],
    "O": ["arc", 0, 6.2832],
    "T": [[(0, 1), (1, 1)], [(0.5, 1), (0.5, 0)]],
    "R": [
        [(0, 0), (0, 1), (0.7, 1), (0.95, 0.88), (0.95, 0.62), (0.7, 0.5), (0, 0.5)],
        [(0.55, 0.5), (1, 0)],
    ],
    "U": [[(0, 1), (0, 0.25), (0.2, 0), (0.8, 0), (1, 0.25), (1, 1)]],
    "V": [[(0, 1), (0.5, 0), (1, 1)]],
}
#: Light that the sky throws on the floor, over that of a white sheet at 1.
LIGHT = 1.46
NARROW = {"I": 0.15, "E": 0.6, "L": 0.55, "T": 0.75}


def to_linear(grey):
    """Light of an sRGB grey level (0-255)."""
    value = np.asarray(grey, float) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def add_object(mesh, name, material, collection, parent=None, normals=None, sharp=None):
    """Put a mesh into the scene."""
    data = bpy.data.meshes.new(name)
    data.from_pydata(np.asarray(mesh.vertices).tolist(), [], mesh.faces)
    data.update()
    if normals is not None or sharp is not None:
        data.polygons.foreach_set("use_smooth", np.ones(len(data.polygons), bool))
    if normals is not None:
        data.normals_split_custom_set_from_vertices(normals.tolist())
    if sharp is not None:
        data.set_sharp_from_angle(angle=sharp)
    if material:
        data.materials.append(material)
    item = bpy.data.objects.new(name, data)
    item.parent = parent
    collection.objects.link(item)
    return item


def build_room(settings, collection):
    """Everything that does not turn with the car; the world that lights it."""
    edge = wall_edge(settings)
    add_object(
        turned(disc_profile(settings)),
        "turntable",
        floor_material(settings, disc=True),
        collection,
        sharp=0.6,
    )
    add_object(turned(rim_profile(settings)), "rim", emission_free("rim", (0.10, 0.10, 0.10)), collection, sharp=0.6)
    add_object(
        turned(floor_profile(settings, edge)),
        "floor",
        floor_material(settings, disc=False),
        collection,
        sharp=0.6,
    )
    add_object(
        turned(wall_profile(settings, edge), -25, 205),
        "wall",
        wall_material(settings, edge),
        collection,
        sharp=0.6,
    )
    add_object(letters(settings, edge), "letters", letter_material(settings), collection)
    add_object(joints(settings), "joints", emission_free("joint", (0.11, 0.11, 0.11)), collection)
    if settings["door"]:
        add_object(door(settings, edge), "door", letter_material(settings, 0.55), collection)
    add_hall(settings, collection)
    return ceiling(settings)


def wall_edge(settings):
    """Height at which the grey paint meets the white wall: the edge lies where photographs have it."""
    reach = settings["distance"] + settings["wall_radius"]
    return float(np.clip(settings["camera_height"] - reach * np.tan(np.radians(5.2)), 0.15, 1.1))


def turned(profile, start=0, stop=360, segments=160):
    """Turn a profile of (radius, height) about the vertical axis."""
    profile = np.asarray(profile, float)
    closed = stop - start == 360
    angle = np.radians(np.linspace(start, stop, segments, endpoint=not closed))
    x, y = np.cos(angle)[:, None] * profile[:, 0], np.sin(angle)[:, None] * profile[:, 0]
    vertices = np.stack([x, y, np.broadcast_to(profile[:, 1], x.shape)], -1).reshape(-1, 3)
    count, faces = len(profile), []
    for i in range(segments if closed else segments - 1):
        a, b = i * count, (i + 1) % segments * count
        faces += [(a + j, b + j, b + j + 1, a + j + 1) for j in range(count - 1)]
    return Mesh(vertices, faces)


def disc_profile(settings):
    return [(0.001, 0), (settings["disc_radius"], 0)]


def rim_profile(settings):
    r = settings["disc_radius"]
    return [(r, 0), (r + 0.003, -0.02), (r + 0.016, -0.02), (r + 0.020, 0)]


def floor_profile(settings, edge):
    r, cove = settings["wall_radius"], min(edge, 0.3)
    angle = np.linspace(0, np.pi / 2, 9)
    bend = [(r - cove + cove * np.sin(a), cove - cove * np.cos(a)) for a in angle]
    return [(settings["disc_radius"] + 0.020, 0), (6.0, 0), *bend, (r, edge)]


def wall_profile(settings, edge):
    r = settings["wall_radius"]
    return [(r, edge), (r, edge + 2), (r, 12.0)]


def emission_free(name, colour):
    graph = Graph(name)
    return graph.done(graph.surface(colour, Roughness=0.7))


def wall_material(settings, edge):
    """A wall that shines by itself, a little brighter at its foot: no noise, and the grey asked for."""
    graph = Graph("wall")
    position = graph.node("SeparateXYZ")
    graph.feed(position.inputs[0], graph.node("TexCoord").outputs["Object"])
    level = float(to_linear(settings["wall_grey"]))
    tint = np.array([1 + settings["wall_tint"][0], 1, 1 + settings["wall_tint"][1]])
    height = graph.ramp(position.outputs[2], edge, edge + 6)
    return graph.done(graph.emission(graph.blend(height, tuple(level * 1.02 * tint), tuple(level * 0.97 * tint))))


def letter_material(settings, level=None):
    graph = Graph("letter")
    grey = settings["word_grey"] if level is None else level
    return graph.done(graph.emission((grey, grey * 0.98, grey)))


def floor_material(settings, disc):
    """Worn matte paint: clouds, stains and streaks; the turntable is dirtier and warmer than the floor."""
    graph = Graph("turntable" if disc else "floor")
    place = graph.node("TexCoord").outputs["Object"]
    red, blue = settings["floor_tint"]
    tint = np.array([1 + red, 1, 1 + blue])
    level = to_linear(settings["floor_grey"]) * (settings["disc_grey"] if disc else 1.0)
    if disc:
        tint = tint * [
            1 + settings["disc_tint"],
            1 + 0.5 * settings["disc_tint"],
            1 - 1.5 * settings["disc_tint"],
        ]
    colour = tuple(np.clip(level / (LIGHT * settings["light"]) * tint, 0.02, 0.9))
    dirt = settings["stains"] * (1.0 if disc else 0.5)
    cloud = graph.ramp(graph.noise(place, 0.6, 3), 0.35, 0.70)
    base = graph.blend(cloud, colour, tuple(np.array(colour) * (1 - 0.16 * dirt)))
    spots = graph.all(graph.ramp(graph.noise(place, 2.6, 3), 0.60, 0.72), 0.5 * dirt)
    base = graph.blend(spots, base, tuple(np.array(colour) * [0.72, 0.68, 0.60]))
    rough = graph.math("ADD", graph.math("MULTIPLY", cloud, 0.15), settings["gloss"])
    return graph.done(graph.surface(base, Roughness=rough, **{"Specular IOR Level": 0.35}))


def joints(settings):
    """Thin seams: spokes of the turntable and two across the floor."""
    rng = np.random.default_rng(round(settings["word_width"] * 1e6))
    strips, start = [], rng.uniform(0, np.pi)
    for angle in start + np.arange(3) * np.pi / 3 + rng.normal(0, 0.05, 3):
        strips.append(strip(angle, 0.0, settings["disc_radius"] - 0.01, rng.uniform(0.002, 0.006), -1))
        strips.append(strip(angle, 0.0, settings["disc_radius"] - 0.01, rng.uniform(0.002, 0.006), 1))
    for angle in rng.uniform(0, 2 * np.pi, 4):
        strips.append(strip(angle, settings["disc_radius"] + 0.03, 6.5, 0.004, 1))
    return merge(strips)


def strip(angle, start, stop, half, sign):
    """A strip of tape on the floor along a ray from the middle."""
    along = np.array([np.cos(angle), np.sin(angle)]) * sign
    across = np.array([-along[1], along[0]]) * half
    corners = [along * start - across, along * start + across, along * stop + across, along * stop - across]
    return Mesh(np.array([[*c, 0.0015] for c in corners]), [(0, 1, 2, 3)])


def stroke(points, width):
    """Quads along a polyline, the ends pulled out so that corners close."""
    points, quads = np.asarray(points, float), []
    for a, b in zip(points[:-1], points[1:]):
        along = (b - a) / max(np.linalg.norm(b - a), 1e-9)
        across = np.array([-along[1], along[0]]) * width / 2
        a2, b2 = a - along * width * 0.35, b + along * width * 0.35
        quads.append([a2 - across, b2 - across, b2 + across, a2 + across])
    return quads


def band(points, width):
    """Quads along a smooth curve, which meet edge to edge."""
    along = np.gradient(points, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], 1) / np.linalg.norm(along, axis=1, keepdims=True) * width / 2
    low, high = points - across, points + across
    return [[low[i], low[i + 1], high[i + 1], high[i]] for i in range(len(points) - 1)]


def letter_strokes(letter, width, height, weight):
    """Quads of a letter whose lower left corner is the origin."""
    shape, inner = STROKES[letter], np.array([width - weight, height - weight])
    if shape[0] == "arc":
        angle = np.linspace(shape[1], shape[2], 40)
        round_line = np.stack([0.5 + 0.5 * np.cos(angle), 0.5 + 0.5 * np.sin(angle)], 1)
        return band(round_line * inner + weight / 2, weight)
    return [q for line in shape for q in stroke(np.asarray(line) * inner + weight / 2, weight)]


def letters(settings, edge):
    """The studio's name on the wall: the first letters thin, the others bold, standing on the edge."""
    word, height = settings["word"], settings["word_height"]
    widths = np.array([NARROW.get(c, 1.0) for c in word])
    gap = 0.34
    unit = settings["word_width"] / (widths.sum() + gap * (len(word) - 1))
    quads, left = [], -settings["word_width"] / 2
    for index, (letter, width) in enumerate(zip(word, widths)):
        weight = height * (0.10 if index < settings["word_split"] else 0.21)
        for quad in letter_strokes(letter, unit * width, height, weight):
            quads.append(np.clip(quad, [-12, 0], [12, height]) + [left, 0])
        left += unit * (width + gap)
    return on_wall(quads, settings["wall_radius"] - 0.012, edge + 0.01)


def door(settings, edge):
    """The outline of a door in the wall."""
    left, right, top = -1.45, 1.45, 2.5
    lines = [[(left, 0), (left, top), (right, top), (right, 0)]]
    return on_wall([q for line in lines for q in stroke(line, 0.014)], settings["wall_radius"] - 0.06, edge + 0.02)


def on_wall(quads, radius, bottom):
    """Bend quads ``(4, 2)`` (along the wall, up) onto the round wall."""
    points = np.concatenate(quads)
    angle = points[:, 0] / radius
    vertices = np.stack([radius * np.sin(angle), radius * np.cos(angle), bottom + points[:, 1]], 1)
    return Mesh(vertices, [tuple(range(i, i + 4)) for i in range(0, len(points), 4)])


def add_hall(settings, collection):
    """The dark hall behind the camera, and the front edge of the stage where it is in the picture."""
    hall = emission_free("hall", settings["hall"])
    add_object(turned([(14, -1), (14, 7)], 205, 335, 60), "hall", hall, collection)
    if settings["strip"] == "none":
        return
    r = settings["strip_radius"]
    colour = (0.75, 0.75, 0.74) if settings["strip"] == "white" else (0.05, 0.045, 0.04)
    edge = turned([(r, 0.004), (r + 0.25, 0.004)], 215, 325, 60)
    add_object(edge, "stage edge", emission_free("stage edge", (0.72, 0.72, 0.70)), collection)
    add_object(
        turned([(r + 0.25, 0.004), (r + 6, 0.004)], 215, 325, 60),
        "hall floor",
        emission_free("hall floor", colour),
        collection,
    )


def ceiling(settings):
    """Light from above: a white ceiling with a brighter soft box, as one sky, which is quick to sample."""
    world = bpy.data.worlds.new("ceiling")
    world.use_nodes = True
    world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", 256
    graph = Graph("sky", tree=world.node_tree)
    direction = graph.node("SeparateXYZ")
    graph.feed(direction.inputs[0], graph.node("TexCoord").outputs["Generated"])
    x, y, z = direction.outputs
    height = graph.math("MAXIMUM", z, 0.02)
    across = graph.math("ABSOLUTE", graph.math("ADD", graph.math("DIVIDE", x, height), settings["light_turn"]))
    along = graph.math("ABSOLUTE", graph.math("ADD", graph.math("DIVIDE", y, height), -0.1))
    box = graph.all(graph.ramp(across, 1.35, 1.15), graph.ramp(along, 0.80, 0.62), graph.above(z, 0.0))
    sky = graph.math("MULTIPLY", graph.ramp(z, 0.30, 0.75), 0.45)
    level = graph.math("ADD", graph.math("MULTIPLY", box, 1.90), graph.math("ADD", sky, 0.12))
    background = graph.node("Background")
    graph.feed(background.inputs[0], (1, 1, 1, 1))
    graph.feed(background.inputs[1], graph.math("MULTIPLY", level, settings["light"]))
    graph.links.new(background.outputs[0], graph.node("OutputWorld").inputs[0])
    return world


def add_camera(settings, collection):
    """The camera, looking along +y, tilted so that the horizon lies where photographs have it."""
    camera = bpy.data.cameras.new("camera")
    camera.sensor_width = 36.0
    item = bpy.data.objects.new("camera", camera)
    aim(item, settings)
    collection.objects.link(item)
    return item


def aim(camera, settings):
    """Lens, place and direction of the camera."""
    camera.data.lens = settings["lens"]
    camera.location = (0, -settings["distance"], settings["camera_height"])
    camera.rotation_euler = camera_angles(settings)


def camera_angles(settings):
    """Euler angles: tilt, roll and pan."""
    tilt = np.arctan((0.5 - settings["horizon"]) * 24.0 / settings["lens"])
    return (float(np.pi / 2 - tilt), settings["roll"], settings["pan"])


def car_pose(settings, view):
    """Where the car stands in a view (1-16, or the setting "direction"): angle about the vertical axis, and place."""
    turn = np.radians(90 - (settings.get("direction", view) - 1) * 22.5 + 180)
    offset = np.array([settings["car_x"], settings["car_y"]])
    place = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ offset
    return turn + settings["heading"], (float(place[0]), float(place[1]), 0.0)


def place_in(mesh, settings, view):
    """A mesh of the car as it stands in a view."""
    turn, place = car_pose(settings, view)
    return moved(mesh, (0, 0, turn), place)
