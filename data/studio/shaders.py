"""Blender materials of the car: plain ones, and the body's, which reads the decals."""

import bpy
import numpy as np

from . import decals, dress

#: name: linear RGB (None: as the car's style says) and settings of the Principled shader
PLAIN = {
    "black": ((0.014, 0.014, 0.014), {"Roughness": 0.45}),
    "tyre": ((0.018, 0.018, 0.018), {"Roughness": 0.78}),
    "alloy": (None, {"Metallic": 0.9, "Roughness": 0.32}),
    "rim_dark": ((0.06, 0.06, 0.065), {"Metallic": 0.6, "Roughness": 0.35}),
    "disc": ((0.25, 0.25, 0.25), {"Metallic": 1, "Roughness": 0.4}),
    "dark": ((0.02, 0.02, 0.02), {"Roughness": 0.7}),
    "chrome": ((0.75, 0.75, 0.77), {"Metallic": 1, "Roughness": 0.10}),
    "mirror": ((0.7, 0.72, 0.75), {"Metallic": 1, "Roughness": 0.03}),
    "lens": ((0.75, 0.76, 0.78), {"Metallic": 0.3, "Roughness": 0.08, "Coat Weight": 1}),
    "red": ((0.25, 0.004, 0.006), {"Roughness": 0.2}),
    "plate": (None, {"Roughness": 0.35}),
    "plate_ink": (None, {"Roughness": 0.4}),
}


class Graph:
    """A node tree, of a new material unless one is given, with short names for what is needed here."""

    def __init__(self, name, tree=None):
        if tree is None:
            self.material = bpy.data.materials.new(name)
            self.material.use_nodes = True
            tree = self.material.node_tree
        self.nodes, self.links = tree.nodes, tree.links
        self.nodes.clear()

    def node(self, kind, **settings):
        """A new node with settings."""
        node = self.nodes.new("ShaderNode" + kind)
        for key, value in settings.items():
            setattr(node, key, value)
        return node

    def feed(self, socket, value):
        """Link a socket to another one, or give it a value."""
        if hasattr(value, "is_linked"):
            self.links.new(value, socket)
        elif value is not None:
            socket.default_value = value if np.isscalar(value) else tuple(value)

    def math(self, operation, a, b=None, clamp=False):
        """A math node's output."""
        node = self.node("Math", operation=operation, use_clamp=clamp)
        self.feed(node.inputs[0], a)
        self.feed(node.inputs[1], b)
        return node.outputs[0]

    def all(self, *factors):
        """Product of several factors."""
        result = factors[0]
        for factor in factors[1:]:
            result = self.math("MULTIPLY", result, factor)
        return result

    def any(self, *factors):
        """Sum of several factors, at most 1."""
        result = factors[0]
        for factor in factors[1:]:
            result = self.math("ADD", result, factor, clamp=True)
        return result

    def above(self, a, b):
        """1 where a > b."""
        return self.math("GREATER_THAN", a, b)

    def mix(self, factor, first, second):
        """Shader `second` where the factor is 1, `first` where it is 0."""
        node = self.node("MixShader")
        for socket, value in zip(node.inputs, (factor, first, second)):
            self.feed(socket, value)
        return node.outputs[0]

    def blend(self, factor, first, second):
        """The same for colours."""
        node = self.node("Mix", data_type="RGBA")
        for index, value in ((0, factor), (6, first), (7, second)):
            self.feed(node.inputs[index], (*value, 1) if isinstance(value, (tuple, list, np.ndarray)) else value)
        return node.outputs[2]

    def surface(self, colour, **settings):
        """A Principled shader."""
        node = self.node("BsdfPrincipled")
        self.feed(node.inputs["Base Color"], (*colour, 1) if isinstance(colour, (tuple, list)) else colour)
        for key, value in settings.items():
            self.feed(node.inputs[key.replace("_", " ")], value)
        return node.outputs[0]

    def emission(self, colour):
        """A surface that shines by itself, and is not sampled as a lamp."""
        node = self.node("Emission")
        self.feed(node.inputs[0], (*colour, 1) if isinstance(colour, (tuple, list)) else colour)
        self.material.cycles.emission_sampling = "NONE"
        return node.outputs[0]

    def noise(self, vector, scale, detail=4):
        """Cloudy noise in [0, 1]."""
        node = self.node("TexNoise")
        self.feed(node.inputs["Vector"], vector)
        self.feed(node.inputs["Scale"], scale)
        self.feed(node.inputs["Detail"], detail)
        return node.outputs[0]

    def ramp(self, value, low, high):
        """`value` stretched so that `low` becomes 0 and `high` 1."""
        node = self.node("MapRange")
        for index, number in enumerate((value, low, high, 0.0, 1.0)):
            self.feed(node.inputs[index], number)
        return node.outputs[0]

    def done(self, shader):
        """Connect the output; the material."""
        self.feed(self.node("OutputMaterial").inputs[0], shader)
        return self.material


def plain_materials(car):
    """All materials but the body's, by name."""
    settings = dict(PLAIN)
    settings["seat"] = (car.style["seat"], {"Roughness": 0.7})
    settings["paint"] = (car.colour, paint_settings(car))
    for name in ("alloy", "plate", "plate_ink"):
        settings[name] = (car.style[name], PLAIN[name][1])
    return {name: plain(name, colour, values) for name, (colour, values) in settings.items()}


def plain(name, colour, values):
    """A material of one Principled shader."""
    graph = Graph(name)
    return graph.done(graph.surface(tuple(colour), **values))


def paint_settings(car):
    """Principled settings of the car's paint."""
    return {
        "Metallic": car.metallic,
        "Roughness": 0.34,
        "Specular IOR Level": 0.12,
        "Coat Weight": car.style["gloss"],
        "Coat Roughness": 0.02,
    }


def flat_material():
    """White light, for masks."""
    graph = Graph("flat")
    return graph.done(graph.emission((1, 1, 1)))


def body_materials(body):
    """The body's three materials: bare paint, paint with decals, and the latter with glass.

    They look alike where they meet. The split saves time: a shadow ray that hits the third must run its
    whole program to learn whether there is glass.
    """
    bare = Graph("bare paint")
    back = bare.node("NewGeometry").outputs["Backfacing"]
    shader = paint_shader(bare, body)
    inner = bare.surface(body.style["inside"], Roughness=0.9)
    pictures = {name: load_decal(name, picture) for name, picture in body.decals.items()}
    return [
        bare.done(bare.mix(back, shader, inner)),
        decal_material(body, pictures, False),
        decal_material(body, pictures, True),
    ]


def paint_shader(graph, body):
    """The car's paint, with what it wears."""
    colour = body.car.colour
    if body.style["dress"]:
        position = graph.node("SeparateXYZ")
        graph.feed(position.inputs[0], graph.node("TexCoord").outputs["Object"])
        image = bpy.data.images.get("stickers") or load_decal("stickers", dress.stickers(body), data=False)
        colour = dress.dressed(graph, body, image, *position.outputs, graph.blend(0.0, colour, colour))
    return graph.surface(colour, **paint_settings(body.car))


def decal_material(body, pictures, glazed):
    """Paint, seams, lamps, the dark inside of the shell, and glass if `glazed`."""
    car, graph = body.car, Graph("body")
    coordinates = graph.node("TexCoord")
    position = graph.node("SeparateXYZ")
    graph.feed(position.inputs[0], coordinates.outputs["Object"])
    x, y, z = position.outputs
    back = graph.node("NewGeometry").outputs["Backfacing"]
    normal = true_normal(graph, coordinates.outputs["Normal"], back)
    glass, black, lamp, chrome = project_decals(graph, body, pictures, (x, y, z), normal)

    shader = paint_shader(graph, body)
    if body.kind == "convertible":
        shader = graph.mix(
            cloth_area(graph, body, x, z),
            shader,
            graph.surface((car.style["cabrio_colour"],) * 3, Roughness=0.9),
        )
    shader = graph.mix(lamp, shader, lamp_shader(graph, body, x, y, z))
    shader = graph.mix(black, shader, graph.surface((0.012, 0.012, 0.013), Roughness=0.38))
    shader = graph.mix(chrome, shader, graph.surface((0.7, 0.7, 0.72), Metallic=1.0, Roughness=0.12))
    if body.bed:
        shader = graph.mix(bed_liner(graph, body, x, y, z), shader, graph.surface((0.03, 0.03, 0.03), Roughness=0.8))
    if car.style["open_top"]:
        shader = graph.mix(cockpit(graph, body, x, y, z), shader, graph.surface(car.style["seat"], Roughness=0.8))
    shader = graph.mix(back, shader, graph.surface(car.style["inside"], Roughness=0.9))
    if glazed:
        shader = graph.mix(glass, shader, glass_shader(graph, body, x, z))
    dark = wheel_wells(graph, body, (x, y, z), normal)
    return graph.done(graph.mix(dark, shader, graph.surface((0.012, 0.012, 0.012), Roughness=0.8)))


def true_normal(graph, normal, back):
    """Components of the outward normal; Blender turns it round on back faces."""
    parts = graph.node("SeparateXYZ")
    graph.feed(parts.inputs[0], normal)
    sign = graph.math("SUBTRACT", 1.0, graph.math("MULTIPLY", back, 2.0))
    return [graph.math("MULTIPLY", component, sign) for component in parts.outputs]


def project_decals(graph, body, pictures, position, normal):
    """The four coverages, each summed over the four projections."""
    (x, y, z), (nx, ny, nz) = position, normal
    away = graph.math("ABSOLUTE", ny)
    gates = {
        "side": graph.all(graph.above(away, 0.62), graph.above(graph.math("ABSOLUTE", y), 0.45)),
        "front": graph.all(graph.above(nx, 0.25), graph.above(0.62, away)),
        "rear": graph.all(graph.above(-0.18, nx), graph.above(0.62, away)),
        "top": graph.above(nz, 0.8),
    }
    low = float(body.rear_end) - 0.1
    origins = {
        "side": (x, low, z, 0.0),
        "top": (x, low, y, -decals.HALF_WIDTH),
        "front": (y, -decals.HALF_WIDTH, z, 0.0),
        "rear": (y, -decals.HALF_WIDTH, z, 0.0),
    }
    channels = [[], [], [], []]
    for name, picture in pictures.items():
        for channel, value in zip(channels, read_decal(graph, picture, *origins[name])):
            channel.append(graph.math("MULTIPLY", value, gates[name]))
    return [graph.any(*channel) for channel in channels]


def load_decal(name, picture, data=True):
    """A decal as a Blender image."""
    height, width = picture.shape[:2]
    image = bpy.data.images.new(name, width, height, alpha=True, is_data=data)
    image.alpha_mode = "CHANNEL_PACKED"
    image.pixels.foreach_set(picture.ravel())
    image.pack()
    return image


def read_decal(graph, image, u, u0, v, v0):
    """Look a decal up at the place (u, v) in metres: its four channels."""
    width, height = image.size
    place = graph.node("CombineXYZ")
    for index, (value, start, count) in enumerate(((u, u0, width), (v, v0, height))):
        offset = graph.math("SUBTRACT", value, float(start))
        graph.feed(place.inputs[index], graph.math("DIVIDE", offset, count * decals.PIXEL))
    texture = graph.node("TexImage", image=image, extension="CLIP")
    graph.feed(texture.inputs[0], place.outputs[0])
    split = graph.node("SeparateColor")
    graph.feed(split.inputs[0], texture.outputs[0])
    return [*split.outputs, texture.outputs["Alpha"]]


def lamp_shader(graph, body, x, y, z):
    """Clear lamps with an amber corner ahead, red ones with a pale field behind, under a clear cover."""
    style, ahead = body.style, graph.above(x, 0.0)
    housing = (0.10, 0.10, 0.11) if style["lamp_dark"] else (0.50, 0.51, 0.53)
    stripes = graph.node("TexWave", bands_direction="Z")
    graph.feed(stripes.inputs["Scale"], 7.0)
    graph.feed(stripes.inputs["Distortion"], 1.5)
    clear = graph.blend(stripes.outputs["Fac"], housing, (0.28, 0.28, 0.29))
    corner = float(body.front_end) - (0.42 if style["amber"] else 9)
    clear = graph.blend(graph.above(corner, x), clear, (0.42, 0.15, 0.02))
    pale = graph.all(
        graph.above(z, float(body.tail_z) - 0.45 * style["tail_height"]),
        graph.above(float(body.tail_z) + 0.10 * style["tail_height"], z),
        float(style["tail_clear"]),
    )
    red = graph.blend(stripes.outputs["Fac"], (0.10, 0.001, 0.002), (0.30, 0.006, 0.008))
    colour = graph.blend(ahead, graph.blend(pale, red, (0.55, 0.50, 0.50)), clear)
    return graph.surface(colour, Roughness=0.25, Metallic=graph.math("MULTIPLY", ahead, 0.5), Coat_Weight=1.0)


def glass_shader(graph, body, x, z):
    """Tinted glass: what is behind it, darkened, under a mirror that grows towards grazing angles."""
    tint = body.style["tint"]
    clear = np.array([0.94, 1.0, 0.98]) * tint
    dark = np.array([1.0, 1.0, 1.04]) * (0.10 if body.style["privacy"] else tint * 0.9)
    limit = decals.pillar_x(body)
    colour = graph.blend(graph.above(limit, x), tuple(clear), tuple(dark))
    through = graph.node("BsdfTransparent")
    graph.feed(through.inputs[0], colour)
    mirror = graph.node("BsdfGlossy")
    mirror.inputs["Roughness"].default_value = 0.0
    fresnel = graph.node("Fresnel")
    fresnel.inputs[0].default_value = 1.55
    return graph.mix(fresnel.outputs[0], through.outputs[0], mirror.outputs[0])


def cloth_area(graph, body, x, z):
    """1 on the soft top of a convertible."""
    slope = float((body.belt_rear - body.belt_front) / (body.screen_foot - body.deck_start))
    belt = graph.math(
        "ADD", graph.math("MULTIPLY", x, -slope), float(body.belt_front + slope * body.screen_foot) + 0.03
    )
    return graph.all(graph.above(z, belt), graph.above(float(body.screen_top) + 0.02, x))


def bed_liner(graph, body, x, y, z):
    """1 inside a pickup's bed."""
    inner = graph.above(float(body.half) - 0.165, graph.math("ABSOLUTE", y))
    return graph.all(
        inner,
        graph.above(float(body.deck_start) - 0.05, x),
        graph.above(x, float(body.rear_end) + 0.15),
        graph.above(z, 0.70),
    )


def cockpit(graph, body, x, y, z):
    """1 inside an open car."""
    return graph.all(
        graph.above(float(body.half) - 0.17, graph.math("ABSOLUTE", y)),
        graph.above(float(body.screen_foot) - 0.40, x),
        graph.above(x, float(body.cockpit_end) - 0.02),
        graph.above(z, 0.40),
        graph.above(float(min(body.belt_front, body.belt_rear)) - 0.02, z),
    )


def wheel_wells(graph, body, position, normal):
    """1 inside the wheel wells and under the floor."""
    (x, y, z), nz = position, normal[2]
    inner = graph.all(
        graph.above(float(body.half) - 0.13, graph.math("ABSOLUTE", y)),
        graph.above(2 * float(body.wheel) + 0.08, z),
    )
    middle = graph.above(float(body.front_end) - 0.45, graph.math("ABSOLUTE", x))
    under = graph.all(graph.above(-0.6, nz), graph.above(float(body.clearance) + 0.06, z))
    return graph.any(graph.all(inner, middle, graph.above(0.5, nz)), under)
