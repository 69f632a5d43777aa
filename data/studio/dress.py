"""What a car wears over its paint: a roof of another colour, stripes, stickers, dirt. Needs a `dress` in its style."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

PIXEL, TOP = 0.008, 2.4
WORDS = ("TAXI", "Bäckerei", "24/7", "OK", "37", "8", "Fresh", "MAX", "Elektro", "Hotel", "+", "www", "PIZZA", "No 5")


def stickers(body):
    """Float32 RGBA image ``(h, w, 4)``, row 0 lowest, of what is stuck on the flanks."""
    dress = body.style["dress"]
    rng = np.random.default_rng(dress["seed"])
    width, height = round((float(body.length) + 0.2) / PIXEL), round(TOP / PIXEL)
    image = Image.new("RGBA", (width, height))
    pen = ImageDraw.Draw(image)
    for _ in range(dress["stickers"]):
        ink = (*(int(v) for v in rng.integers(0, 256, 3)), 255)
        x, y = rng.uniform(0.1, 0.8) * width, height - rng.uniform(0.45, 1.0) / PIXEL
        size = rng.uniform(0.08, 0.4) / PIXEL
        shape = rng.integers(4)
        if shape == 0:
            pen.rectangle((x, y, x + size * rng.uniform(1, 8), y + size * rng.uniform(0.2, 1)), fill=ink)
        elif shape == 1:
            pen.ellipse((x, y - size, x + size * 1.6, y + size * 0.6), fill=ink)
        elif shape == 2:
            points = rng.uniform(-2, 2, (4, 2)) * size * [1.5, 0.4] + [x, y]
            pen.polygon([tuple(p) for p in points], fill=ink)
        else:
            pen.text((x, y - size), WORDS[rng.integers(len(WORDS))], fill=ink, font=ImageFont.load_default(size))
    return np.asarray(image, np.float32)[::-1] / 255


def dressed(graph, body, image, x, y, z, colour):
    """Colour of the paint with all that is on it (a Blender socket); `image` holds the stickers."""
    dress = body.style["dress"]
    away = graph.math("ABSOLUTE", y)
    if dress["roof"]:
        line = float(max(body.belt_front, body.belt_rear)) + 0.10
        colour = graph.blend(graph.above(z, line), colour, dress["roof"])
    if dress["stripes"]:
        band = graph.all(graph.above(away, 0.10), graph.above(0.32, away))
        colour = graph.blend(band, colour, dress["stripes"])
    if dress["stickers"]:
        place, texture = graph.node("CombineXYZ"), graph.node("TexImage", image=image, extension="CLIP")
        across = graph.math("SUBTRACT", x, float(body.rear_end) - 0.1)
        graph.feed(place.inputs[0], graph.math("DIVIDE", across, image.size[0] * PIXEL))
        graph.feed(place.inputs[1], graph.math("DIVIDE", z, TOP))
        graph.feed(texture.inputs[0], place.outputs[0])
        flank = graph.above(away, 0.72 * float(body.half))
        stuck = graph.math("MULTIPLY", texture.outputs["Alpha"], flank)
        colour = graph.blend(stuck, colour, texture.outputs["Color"])
    return dirty(graph, dress["dirt"], z, colour) if dress["dirt"] else colour


def dirty(graph, amount, z, colour):
    """Dust everywhere and mud below, in clouds."""
    place = graph.node("TexCoord").outputs["Object"]
    low = graph.math("MULTIPLY", graph.ramp(z, 0.9, 0.25), amount)
    clouds = graph.ramp(graph.noise(place, 4.0, 3), 0.35, 0.75)
    cover = graph.math("MULTIPLY", clouds, graph.math("ADD", low, 0.15 * amount), clamp=True)
    return graph.blend(cover, colour, (0.17, 0.14, 0.10))
