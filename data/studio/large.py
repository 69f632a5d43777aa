"""The large fleet, to train on: richer cars than the sample's, other cameras, other light, and streets.

Everything that differs is drawn here, from the seed; nothing here needs Blender.
"""

import colorsys
import hashlib
from dataclasses import astuple, replace

import numpy as np

from .fleet import PAINTS, SEATS, Car, Shape, draw_metadata, draw_shape, draw_studio, draw_style

#: How often a kind occurs, of 50 cars.
SHARES = {
    "sedan": 10,
    "suv": 8,
    "crossover": 8,
    "hatchback": 7,
    "coupe": 5,
    "pickup": 5,
    "wagon": 3,
    "minivan": 2,
    "van": 1,
    "convertible": 3,
}
#: Kinds that a kind may lean towards.
COUSINS = {
    "sedan": ("coupe", "wagon", "hatchback"),
    "coupe": ("sedan", "hatchback"),
    "hatchback": ("crossover", "wagon", "coupe"),
    "wagon": ("sedan", "crossover"),
    "suv": ("crossover", "minivan"),
    "crossover": ("suv", "hatchback"),
    "minivan": ("van", "suv"),
    "van": ("minivan",),
}
#: Views in the studio (4 of the standard 16, then free cameras 17-20) and in streets.
STANDARD, FREE, STREET = range(1, 17), range(17, 21), range(1, 4)
#: Picture height over width, and a 35 mm frame
FRAME = (36.0, 24.0)


def studio_cars(count, seed):
    """Cars in the studio: four standard views each, and four free cameras."""
    return [draw_large(seed, index, draw_studio_shots) for index in range(count)]


def street_cars(count, seed, views=STREET, test_every=None):
    """Cars in streets; `test_every` n-th car is for testing."""
    cars = []
    for index in range(count):
        car = draw_large(seed, index, lambda car, rng: draw_street_shots(car, rng, views))
        if test_every and index % test_every == test_every - 1:
            car = replace(car, part="test", usage="private" if index % (2 * test_every) == test_every - 1 else "public")
        cars.append(car)
    return cars


def checksum(cars):
    """SHA-256 of ids, kinds, seeds and views of a list of cars: 12 hex digits."""
    lines = "".join(f"{car.id} {car.kind} {car.seed} {','.join(map(str, car.shots))}\n" for car in cars)
    return hashlib.sha256(lines.encode()).hexdigest()[:12]


def draw_large(seed, index, draw_shots):
    """Car number `index`: the sample's draws, stretched."""
    rng = np.random.default_rng([seed, index])
    identity = f"{int(rng.integers(16**12)):012x}"
    kind = str(rng.choice(list(SHARES), p=np.array(list(SHARES.values())) / sum(SHARES.values())))
    name, colour, metallic = draw_colour(rng)
    car = Car(
        identity,
        kind,
        "train",
        "",
        int(rng.integers(2**31)),
        draw_wide_shape(kind, rng),
        name,
        colour,
        metallic,
        draw_wide_style(kind, name, rng),
        draw_session(rng),
        draw_metadata(kind, rng),
    )
    return replace(car, shots=draw_shots(car, rng))


# the car -----------------------------------------------------------------------------------------


def draw_colour(rng):
    """Name, linear RGB and metallic: three in four as on real roads, the rest any colour."""
    if rng.random() < 0.72:
        weights = np.array([paint[3] for paint in PAINTS], float)
        name, colour, metallic, _ = PAINTS[rng.choice(len(PAINTS), p=weights / weights.sum())]
        colour = np.array(colour) * rng.uniform(0.7, 1.3) * rng.normal(1, 0.05, 3)
    else:
        name, metallic = "colour", rng.uniform(0, 0.8)
        colour = np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.3, 1), rng.uniform(0.05, 0.9))) ** 2.2
    return name, tuple(np.clip(colour, 0.004, 0.86)), metallic


def draw_wide_shape(kind, rng):
    """Proportions that vary more than the sample's, and lean towards another kind."""
    once, twice = draw_shape(kind, rng), draw_shape(kind, rng)
    shape = mixed(once, twice, rng.uniform(-0.5, 1.5))
    if kind in COUSINS:
        cousin = draw_shape(str(rng.choice(COUSINS[kind])), rng)
        shape = mixed(shape, cousin, rng.uniform(0, 0.45))
    wide, tall = rng.uniform(0.95, 1.04), rng.uniform(0.97, 1.05)
    heights = ("height", "cowl", "nose", "belt_front", "belt_rear", "deck")
    changes = {key: getattr(shape, key) * tall for key in heights} | {"width": shape.width * wide}
    changes["wheel"] = shape.wheel * rng.uniform(0.95, 1.08)
    changes["tumblehome"] = shape.tumblehome * rng.uniform(0.7, 1.25)
    changes["deck_start"] = max(shape.deck_start, -shape.length / 2 + 0.10)
    return replace(shape, **changes)


def mixed(one, other, share):
    """Every proportion between those of two shapes (beyond them where `share` is not in [0, 1])."""
    pairs = zip(astuple(one)[:-1], astuple(other)[:-1])
    return Shape(*((1 - share) * float(a) + share * float(b) for a, b in pairs), one.doors)


def draw_wide_style(kind, paint, rng):
    """The sample's style with wider ranges and more extras."""

    def chance(p):
        return bool(rng.random() < p)

    style = draw_style(kind, paint, rng)
    grey = float(rng.uniform(0.02, 0.7))
    style |= {
        "arch_gap": rng.uniform(0.03, 0.085),
        "flare": rng.uniform(0.005, 0.045),
        "waist": rng.uniform(0.0, 0.035),
        "crease": rng.uniform(0.0, 0.03),
        "crease_drop": rng.uniform(0.10, 0.28),
        "nose_round": rng.uniform(0.6, 1.35),
        "nose_lean": rng.uniform(0.4, 1.5),
        "tail_round": rng.uniform(0.5, 1.5),
        "soft": rng.uniform(0.5, 1.5),
        "mirror_size": rng.uniform(0.85, 1.35),
        "aerial": str(rng.choice(["fender", "roof", "fin", "none"], p=[0.15, 0.2, 0.3, 0.35])),
        "aerial_reach": rng.uniform(0.6, 1.5),
        "steer": float(np.clip(rng.normal() * 0.2, -0.5, 0.5)) if chance(0.4) else 0.0,
        "rim_shape": draw_rim(rng) if chance(0.7) else None,
        "rim_size": rng.uniform(0.58, 0.78),
        "alloy": (grey, grey, grey * rng.uniform(0.95, 1.08)) if chance(0.8) else tuple(rng.uniform(0.02, 0.6, 3)),
        "seat": SEATS[rng.integers(len(SEATS))] if chance(0.5) else tuple(rng.uniform(0.02, 0.6, 3)),
        "inside": (float(rng.uniform(0.02, 0.25)),) * 3,
        "tint": rng.uniform(0.5, 0.96),
        "privacy": style["privacy"] and chance(0.7),
        "lamp_slant": rng.uniform(-0.05, 0.3),
        "lamp_height": style["lamp_height"] * rng.uniform(0.6, 1.4),
        "lamp_reach": rng.uniform(0.25, 0.7),
        "tail_height": style["tail_height"] * rng.uniform(0.6, 1.4),
        "grille_width": rng.uniform(0.15, 0.6),
        "grille_height": style["grille_height"] * rng.uniform(0.6, 1.6),
        "intake_width": rng.uniform(0.2, 0.7),
        "open_top": kind == "convertible" and chance(0.6),
        "roof_box": kind not in ("convertible", "pickup", "coupe", "van") and chance(0.04),
        "taxi_sign": kind in ("sedan", "wagon", "minivan", "hatchback") and chance(0.04),
        "spare_wheel": kind in ("suv", "crossover") and chance(0.12),
        "roll_bar": kind == "pickup" and not style["bed_cover"] and chance(0.25),
        "rails": style["rails"] or (kind in ("suv", "crossover", "wagon", "minivan", "hatchback") and chance(0.3)),
        "gloss": float(rng.choice([0.0, 0.4, 0.8, 1.0], p=[0.06, 0.14, 0.5, 0.3])),
        "dress": draw_dress(rng),
    }
    return style | draw_plate(rng)


def draw_rim(rng):
    """Spokes, twin spread, width at the hub and at the rim, slant: see parts.RIMS."""
    count = int(rng.integers(4, 16))
    widest = 1.4 / count
    return (
        count,
        float(rng.choice([0.0, 0.13])) if count < 8 else 0.0,
        rng.uniform(0.02, widest * 0.35),
        rng.uniform(0.02, widest),
        float(rng.choice([0.0, rng.uniform(-0.3, 0.3)])),
    )


def draw_plate(rng):
    """Size and colours of the plates: the dealer's, or numbers."""
    if rng.random() < 0.35:
        return {}
    return {
        "plate_size": (0.31, 0.155) if rng.random() < 0.4 else (0.50, 0.11),
        "plate": [(0.78, 0.80, 0.82), (0.75, 0.55, 0.05), (0.02, 0.03, 0.10), (0.45, 0.5, 0.45)][rng.integers(4)],
        "plate_ink": [(0.01, 0.01, 0.01), (0.01, 0.02, 0.2), (0.3, 0.02, 0.02)][rng.integers(3)],
    }


def draw_dress(rng):
    """Two-tone paint, stripes, stickers and dirt; None where the paint is bare and clean."""
    if rng.random() < 0.45:
        return None
    return {
        "seed": int(rng.integers(2**31)),
        "roof": tuple(rng.choice([0.01, 0.7, 0.1]) * np.ones(3)) if rng.random() < 0.2 else None,
        "stripes": tuple(rng.uniform(0, 0.8, 3)) if rng.random() < 0.12 else None,
        "stickers": int(rng.integers(1, 5)) if rng.random() < 0.3 else 0,
        "dirt": float(rng.uniform(0.1, 0.9)) if rng.random() < 0.7 else 0.0,
    }


# the studio --------------------------------------------------------------------------------------


def draw_session(rng):
    """The sample's studio with the brightness, exposure and colours of real ones, and any word on the wall."""
    normal, session = rng.normal, draw_studio(rng)
    floor = float(np.clip(183 + normal() * 22, 110, 228))
    hall = float(rng.choice([0.05, 0.09, 0.3, 0.6]))
    return session | {
        "wall_grey": float(np.clip(240 + normal() * 9, 205, 253)),
        "floor_grey": floor,
        "floor_tint": (session["floor_tint"][0] + normal() * 0.015, session["floor_tint"][1] + normal() * 0.02),
        "light": float(np.clip(1.45 * np.exp(normal() * 0.3), 0.6, 2.4)),
        "exposure": float(np.clip(normal() * 0.10, -0.3, 0.2)),
        "hall": (hall, hall, hall * 1.1),
        "cast": tuple(1 + np.clip(normal(size=3) * 0.008, -0.02, 0.02)),
        "contrast": float(rng.uniform(-0.15, 0.45)),
        "gamma": 1 + normal() * 0.07,
        "gloss": rng.uniform(0.22, 0.6),
        "noise": rng.uniform(0.3, 2.5),
        "blur": rng.uniform(0.0, 0.6),
        "word": "".join(rng.choice(list("ACEILMNORTUV"), rng.integers(5, 9)))
        if rng.random() < 0.6
        else session["word"],
        "word_grey": rng.uniform(0.03, 0.25),
        "stains": rng.uniform(0.2, 1.5),
        "disc_radius": rng.uniform(2.9, 3.6),
    }


def draw_studio_shots(car, rng):
    """Four of the standard views, then four free cameras."""
    start = rng.integers(4)
    shots = {int(view): {} for view in STANDARD[start::4]}
    return shots | {view: draw_camera(car, rng, (0.35, 0.95), (0.9, 3.0), (5.0, 9.8)) for view in FREE}


def draw_camera(car, rng, fill, heights, distances):
    """A free camera: the car at any angle, as large as `fill` says (share of the width), sometimes cut off."""
    direction = rng.uniform(1, 17)
    height, distance = rng.uniform(*heights), rng.uniform(*distances)
    turn = np.radians((direction - 1) * 22.5)
    extent = abs(np.sin(turn)) * car.shape.length + abs(np.cos(turn)) * car.shape.width
    share = rng.uniform(*fill)
    across, upright = share * FRAME[0] / extent, min(share, 0.95) * FRAME[1] / car.shape.height
    lens = float(np.clip(min(across, upright) * (distance - 0.8), 17, 120))
    cut = rng.random() < 0.18
    middle = 0.56 + rng.normal() * (0.16 if cut else 0.045)
    aside = rng.normal() * (0.35 if cut else 0.05) * FRAME[0] / 2 / lens
    return {
        "direction": direction,
        "camera_height": height,
        "distance": distance,
        "lens": lens,
        "horizon": float(middle - (height - 0.7) / distance * lens / FRAME[1]),
        "pan": float(np.clip(aside, -0.5, 0.5)),
        "roll": float(rng.normal() * 0.02),
    }


# streets -----------------------------------------------------------------------------------------


def draw_street_shots(car, rng, views):
    """Each view in a street of its own."""
    return {view: draw_street(car, rng) for view in views}


def draw_street(car, rng):
    """Camera, exposure and colours of one picture; the street itself follows from its seed (street.py)."""
    normal = rng.normal
    far = rng.random() < 0.17
    fill = (0.2, 0.5) if far else (0.55, 1.2)
    camera = draw_camera(car, rng, fill, (0.7, 2.1), (9, 18) if far else (3.8, 9.0))
    if rng.random() < 0.35:  # from the side, as cars are mostly shown
        camera["direction"] = float(rng.choice([5, 13]) + normal() * 0.35)
    turn = np.radians((camera["direction"] - 1) * 22.5)
    return camera | {
        "street": int(rng.integers(2**31)),
        "depth": 0.3 + (abs(np.cos(turn)) * car.shape.length + abs(np.sin(turn)) * car.shape.width) / 2,
        "exposure": float(np.clip(normal() * 0.4, -0.9, 0.8)),
        "cast": tuple(1 + np.clip(normal(size=3) * 0.02, -0.05, 0.05)),
        "contrast": float(rng.uniform(0.0, 0.8)),
        "gamma": float(np.clip(1 + normal() * 0.1, 0.8, 1.25)),
        "noise": rng.uniform(0.3, 3.0),
        "blur": rng.uniform(0.0, 0.8),
        "vignette": rng.uniform(0.0, 0.12),
    }
