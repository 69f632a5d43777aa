"""Which cars are photographed: everything that differs from car to car is drawn here, from the seed."""

from dataclasses import dataclass, field, replace

import numpy as np

VIEWS = range(1, 17)


@dataclass(frozen=True)
class Shape:
    """Proportions of a car body; x is measured from its middle, forwards."""

    length: float
    width: float
    height: float
    wheelbase: float
    overhang: float  # from the front axle to the nose
    wheel: float  # wheel radius
    clearance: float
    cowl: float  # height of the foot of the windscreen
    nose: float  # height of the leading edge of the hood
    belt_front: float  # height of the window line, front and rear
    belt_rear: float
    screen_foot: float  # x of: foot of the windscreen, its top,
    screen_top: float
    roof_end: float  # the end of the roof,
    deck_start: float  # the foot of the rear window
    deck: float  # height of the latter
    tumblehome: float  # how much the windows lean inwards
    arch: float  # how far the roof line falls over one metre squared
    doors: int = 4


#: The body kinds, a row each; the columns are the fields of Shape, in order.
PROPORTIONS = """
sedan       4.80 1.83 1.46 2.79 .93 .335 .16  .99  .74  .91 1.00 1.05  .10 -1.02 -1.75 1.06 .42 .050 4
coupe       4.62 1.86 1.36 2.70 .90 .345 .14  .94  .70  .87  .97  .82 -.10  -.85 -1.78 1.00 .46 .062 2
hatchback   4.10 1.74 1.50 2.54 .82 .310 .16 1.00  .79  .93 1.04 1.00  .18 -1.42 -1.88 1.04 .36 .050 4
wagon       4.75 1.82 1.49 2.76 .92 .330 .16  .99  .76  .92 1.02 1.03  .12 -1.80 -2.20 1.06 .38 .028 4
suv         4.86 1.94 1.80 2.85 .92 .380 .22 1.14  .98 1.10 1.17 1.05  .38 -1.95 -2.26 1.18 .28 .022 4
crossover   4.52 1.85 1.65 2.66 .90 .355 .19 1.07  .88 1.01 1.12 1.05  .26 -1.58 -2.04 1.14 .34 .036 4
pickup      5.75 2.00 1.88 3.58 .97 .400 .26 1.24 1.14 1.20 1.24 1.38  .76  -.68  -.86 1.24 .27 .024 4
minivan     5.10 1.98 1.74 3.03 .97 .340 .16 1.10  .86 1.01 1.07 1.48  .50 -2.02 -2.40 1.07 .29 .024 4
van         4.95 1.90 2.06 2.98 .88 .335 .17 1.20  .96 1.10 1.10 1.66 1.02 -2.24 -2.36 1.12 .16 .010 4
convertible 4.48 1.80 1.37 2.62 .90 .335 .14  .94  .72  .88  .96  .78 -.06  -.72 -1.36  .99 .46 .085 2
"""


def read_kinds(text):
    """The table above as a Shape a kind."""
    rows = [line.split() for line in text.strip().splitlines()]
    return {kind: Shape(*map(float, numbers[:-1]), int(numbers[-1])) for kind, *numbers in rows}


KINDS = read_kinds(PROPORTIONS)
#: How much shorter or longer than the table a kind may be, where that is more than a little.
STRETCH = {"hatchback": (0.86, 1.06), "pickup": (0.90, 1.02), "suv": (0.94, 1.05)}

#: Bodies of the cars to train on, and (kind, board) of those to test on; vans are on the private board only.
TRAIN_KINDS = (
    "sedan suv hatchback pickup crossover coupe sedan minivan suv wagon crossover convertible "
    "sedan crossover suv hatchback coupe sedan pickup crossover suv sedan wagon hatchback "
    "crossover sedan suv minivan coupe pickup sedan crossover suv convertible hatchback sedan "
    "crossover pickup suv sedan coupe wagon crossover suv pickup hatchback minivan coupe"
).split()
TEST_KINDS = [
    tuple(word.split(":"))
    for word in (
        "sedan:public van:private crossover:public suv:private hatchback:public coupe:private sedan:private "
        "pickup:private suv:public minivan:private crossover:private coupe:public van:private wagon:private "
        "sedan:private hatchback:private"
    ).split()
]

#: name, linear RGB, metallic, how often
PAINTS = [
    ("white", (0.80, 0.80, 0.79), 0.0, 24),
    ("pearl", (0.70, 0.69, 0.65), 0.1, 6),
    ("silver", (0.42, 0.43, 0.44), 0.75, 16),
    ("grey", (0.115, 0.12, 0.125), 0.7, 13),
    ("light grey", (0.30, 0.31, 0.32), 0.6, 5),
    ("black", (0.006, 0.006, 0.007), 0.1, 17),
    ("blue", (0.012, 0.045, 0.17), 0.4, 6),
    ("red", (0.26, 0.010, 0.014), 0.3, 6),
    ("maroon", (0.085, 0.008, 0.012), 0.4, 2),
    ("beige", (0.34, 0.28, 0.20), 0.5, 3),
    ("green", (0.02, 0.065, 0.035), 0.4, 1),
    ("orange", (0.45, 0.10, 0.015), 0.3, 1),
    ("brown", (0.07, 0.035, 0.02), 0.5, 1),
]
SEATS = [(0.04, 0.04, 0.04), (0.10, 0.10, 0.105), (0.40, 0.32, 0.23), (0.30, 0.30, 0.30)]
#: What the sample's cars and studio all have in common, and other fleets (large.py) vary.
PLAIN_STYLE = {
    "arch_gap": 0.05,  # between tyre and wheel arch, metres
    "flare": 0.026,  # of the wheel arches, metres
    "waist": 0.018,  # hollow along the doors, metres
    "crease_drop": 0.17,  # from the window line to the crease, metres
    "nose_round": 1.0,  # factors: how round the ends are in plan, how much they lean, how soft the edges are
    "nose_lean": 1.0,
    "tail_round": 1.0,
    "soft": 1.0,
    "mirror_size": 1.0,
    "aerial_reach": 1.0,
    "rim_shape": None,  # spokes and widths as in parts.RIMS, instead of one of those
    "steer": 0.0,  # turn of the front wheels, radians
    "alloy": (0.55, 0.55, 0.57),
    "plate_size": (0.31, 0.155),
    "plate": (0.78, 0.80, 0.82),
    "plate_ink": (0.03, 0.25, 0.52),
    "inside": (0.035, 0.035, 0.035),
    "gloss": 0.8,  # weight of the clear coat
    "open_top": False,
    "roof_box": False,
    "taxi_sign": False,
    "spare_wheel": False,
    "roll_bar": False,
    "dress": None,  # two-tone paint, stickers and dirt: see dress.py
}
PLAIN_STUDIO = {
    "light": 1.0,
    "exposure": 0.0,  # stops
    "hall": (0.09, 0.09, 0.10),
    "cast": (1.0, 1.0, 1.0),
    "contrast": 0.0,
}
WORDS = ["VANTORO", "CALVARO", "MOTAVIA", "CARLUNA", "AVELINO", "NOVACAR", "RIVALTO"]
MODELS = {
    "Norvik": {
        "sedan": "Alta",
        "wagon": "Alta Tourer",
        "crossover": "Fjell",
        "suv": "Fjell XL",
        "hatchback": "Pil",
    },
    "Calderon": {
        "sedan": "Mira",
        "coupe": "Rayo",
        "crossover": "Sierra 3",
        "convertible": "Rayo Spider",
        "pickup": "Bravo",
    },
    "Haruna": {
        "sedan": "Kawa",
        "hatchback": "Mizu",
        "minivan": "Odori",
        "suv": "Yama",
        "van": "Hako",
        "coupe": "Kaze",
    },
    "Brandt": {
        "sedan": "B4",
        "coupe": "B4 Sport",
        "wagon": "B4 Kombi",
        "suv": "G7",
        "crossover": "G3",
        "convertible": "B2",
    },
    "Prairie": {
        "pickup": "Longhorn",
        "suv": "Mesa",
        "van": "Hauler",
        "minivan": "Homestead",
        "sedan": "Dakota Way",
    },
    "Lumen": {
        "hatchback": "Spark One",
        "crossover": "Halo",
        "sedan": "Arc",
        "coupe": "Flare",
        "minivan": "Atrium",
    },
}
TRIMS = {
    "sedan": "4-door sedan",
    "coupe": "2-door coupe",
    "hatchback": "4-door hatchback",
    "wagon": "4-door wagon",
    "suv": "SUV",
    "crossover": "Crossover",
    "pickup": "Crew cab pickup",
    "minivan": "Minivan",
    "van": "Cargo van",
    "convertible": "Soft-top convertible",
}


@dataclass(frozen=True)
class Car:
    """One car and the day it was photographed."""

    id: str
    kind: str
    part: str  # train or test
    usage: str  # public or private, for test cars
    seed: int
    shape: Shape
    paint: str
    colour: tuple
    metallic: float
    style: dict  # grille, lamps, rims, extras
    studio: dict  # camera, light, tint, letters
    metadata: tuple  # year, make, model, trim1, trim2
    shots: dict = field(default_factory=dict)  # what differs from `studio` in a view: view to settings

    def settings(self, view):
        """Camera, pose and light of one view."""
        return {**self.studio, **self.shots.get(view, {})}


def fleet(count, seed):
    """The first `count` cars; every fourth is for testing, so that any number makes a complete set."""
    cars = []
    for index in range(count):
        if index % 4 == 3:
            kind, usage = TEST_KINDS[index // 4 % len(TEST_KINDS)]
            cars.append(draw_car(seed, index, kind, "test", usage))
        else:
            kind = TRAIN_KINDS[(index - index // 4) % len(TRAIN_KINDS)]
            cars.append(draw_car(seed, index, kind, "train", ""))
    return cars


def draw_car(seed, index, kind, part="train", usage=""):
    """Everything about car number `index`."""
    rng = np.random.default_rng([seed, index])
    identity = f"{int(rng.integers(16**12)):012x}"
    name, colour, metallic, _ = draw_paint(seed, index)
    colour = tuple(np.clip(np.array(colour) * rng.uniform(0.85, 1.12) * rng.normal(1, 0.03, 3), 0, 0.84))
    shape = draw_shape(kind, rng)
    return Car(
        identity,
        kind,
        part,
        usage,
        int(rng.integers(2**31)),
        shape,
        name,
        colour,
        metallic,
        draw_style(kind, name, rng),
        draw_studio(rng),
        draw_metadata(kind, rng),
    )


def draw_paint(seed, index):
    """A paint; golden-ratio steps keep the mix of any run of cars close to the shares in PAINTS."""
    weights = np.cumsum([paint[3] for paint in PAINTS])
    place = (0.137 * seed + index * 0.6180339887) % 1.0
    return PAINTS[int(np.searchsorted(weights, place * weights[-1], side="right"))]


def draw_shape(kind, rng):
    """Vary the proportions of a body kind: first the length, with all that lies along it, then the rest."""

    def normal():
        return float(np.clip(rng.normal(), -2, 2))

    shape = KINDS[kind]
    ratio = rng.uniform(*STRETCH.get(kind, (0.965, 1.035)))
    along = ("screen_foot", "screen_top", "roof_end", "deck_start", "overhang", "wheelbase")
    changes = {key: getattr(shape, key) * ratio for key in along}
    factor = {"height": 0.018, "width": 0.014, "nose": 0.025, "cowl": 0.014}
    factor |= {"wheel": 0.03, "tumblehome": 0.14, "arch": 0.2}
    offset = {"overhang": 0.03, "clearance": 0.015, "belt_front": 0.014, "belt_rear": 0.025, "deck": 0.018}
    offset |= {
        "screen_foot": 0.06,
        "screen_top": 0.06,
        "roof_end": 0.08,
        "deck_start": 0.05,
        "wheelbase": 0.03,
    }
    for key, sigma in factor.items():
        changes[key] = getattr(shape, key) * (1 + sigma * normal())
    for key, sigma in offset.items():
        changes[key] = changes.get(key, getattr(shape, key)) + sigma * normal()
    changes["length"] = shape.length * ratio
    changes["deck_start"] = max(changes["deck_start"], -changes["length"] / 2 + 0.10)
    return replace(shape, **changes)


def draw_style(kind, paint, rng):
    """Grille, lamps, rims, trim and the thin things that make masks hard."""
    tall = kind in ("suv", "pickup", "van")
    utility = kind in ("suv", "crossover", "pickup")

    def chance(p):
        return bool(rng.random() < p)

    return PLAIN_STYLE | {
        "grille_width": rng.uniform(0.26, 0.50),
        "grille_height": rng.uniform(0.10, 0.14) if tall else rng.uniform(0.045, 0.10),
        "grille_bars": int(rng.integers(2, 6)),
        "grille_mesh": chance(0.3),
        "chrome": chance(0.55),
        "intake_width": rng.uniform(0.35, 0.62),
        "intake_height": rng.uniform(0.05, 0.09),
        "lamp_height": rng.uniform(0.055, 0.085) + 0.02 * tall,
        "lamp_slant": rng.uniform(0.02, 0.22),
        "lamp_reach": rng.uniform(0.34, 0.60),
        "lamp_dark": chance(0.4),
        "fog_lamps": chance(0.6),
        "tail_height": rng.uniform(0.07, 0.10)
        if kind in ("sedan", "coupe", "convertible")
        else rng.uniform(0.13, 0.24),
        "tail_width": rng.uniform(0.20, 0.42),
        "tail_clear": chance(0.35),
        "rim": int(rng.integers(8)),
        "rim_size": rng.uniform(0.66, 0.75),
        "rim_dark": chance(0.25),
        "seat": SEATS[rng.integers(len(SEATS))],
        "privacy": chance(0.7 if utility or kind == "minivan" else 0.15),
        "tint": rng.uniform(0.55, 0.85),
        "cargo": kind == "van" and chance(0.6),
        "sunroof": chance(0.35),
        "cladding": utility and chance(0.6),
        "chrome_windows": chance(0.4),
        "body_handles": chance(0.65),
        "body_mirrors": chance(0.7),
        "rails": kind in ("suv", "crossover", "wagon", "minivan") and chance(0.65),
        "crossbars": utility and chance(0.2),
        "rails_chrome": chance(0.5),
        "side_steps": kind in ("pickup", "suv") and chance(0.5),
        "spoiler": (kind in ("hatchback", "suv", "crossover", "wagon") and chance(0.7)) or chance(0.12),
        "wing": kind in ("coupe", "sedan") and chance(0.18),
        "exhausts": int(rng.integers(0, 3)),
        "aerial": str(rng.choice(["fender", "roof", "fin", "fin", "none"])),
        "tow_hook": utility and chance(0.35),
        "mud_flaps": chance(0.3),
        "bed_cover": chance(0.3),
        "chrome_bumpers": kind == "pickup" and chance(0.45),
        "splitter": kind in ("coupe", "sedan", "convertible") and chance(0.3),
        "cabrio_colour": float(rng.choice([0.012, 0.05])),
        "crease": rng.uniform(0.008, 0.022),
        "amber": chance(0.5),
        "two_tone_sills": chance(0.3),
        "hood_scoop": chance(0.12),
        "moulding": chance(0.3),
        "moulding_chrome": chance(0.3),
    }


def draw_studio(rng):
    """Camera, light, colours and dirt of one session in the studio."""
    normal = rng.normal
    strip, warmth = float(rng.random()), normal() * 0.030
    distance, height = 8.8 + normal() * 0.25, float(np.clip(2.02 + normal() * 0.14, 1.6, 2.5))
    lens = 51.5 * (1 + np.clip(normal(), -2, 2) * 0.045)
    middle = 0.695 + np.clip(normal(), -2, 2) * 0.028  # where the middle of the turntable lies in the picture
    return PLAIN_STUDIO | {
        "distance": distance,
        "camera_height": height,
        "lens": lens,
        "horizon": float(middle - height / distance * lens / 24),
        "pan": normal() * 0.014,
        "roll": normal() * 0.003,
        "car_x": normal() * 0.12,
        "car_y": normal() * 0.12,
        "heading": normal() * 0.03,
        "wall_grey": float(np.clip(241 + normal() * 5, 222, 252)),
        "floor_grey": float(np.clip(173 + normal() * 18, 135, 208)),
        "floor_tint": (0.006 + 0.6 * warmth + normal() * 0.008, -0.010 - warmth + normal() * 0.010),
        "disc_tint": abs(normal() * 0.035) + 0.01,
        "disc_grey": 1 + normal() * 0.05,
        "stains": rng.uniform(0.3, 1.0),
        "wall_tint": (0.005 + normal() * 0.006, -0.007 + normal() * 0.006),
        "vignette": rng.uniform(0.01, 0.06),
        "noise": rng.uniform(0.6, 1.6),
        "blur": rng.uniform(0.0, 0.35),
        "gamma": 1 + normal() * 0.03,
        "word": WORDS[rng.integers(len(WORDS))],
        "word_width": rng.uniform(12.6, 14.4),
        "word_height": rng.uniform(1.7, 2.1),
        "word_grey": rng.uniform(0.035, 0.08),
        "word_split": int(rng.integers(2, 5)),
        "strip": "white" if strip < 0.35 else "dark" if strip < 0.55 else "none",
        "strip_radius": rng.uniform(4.15, 4.7),
        "door": bool(rng.random() < 0.7),
        "wall_radius": rng.uniform(11.4, 12.6),
        "disc_radius": rng.uniform(3.05, 3.4),
        "gloss": rng.uniform(0.22, 0.42),
        "light_turn": rng.uniform(-0.3, 0.3),
    }


def draw_metadata(kind, rng):
    """Year, make, model and two trims; some are blank, as in real lists."""
    make = str(rng.choice([name for name, models in MODELS.items() if kind in models]))
    model = MODELS[make][kind]
    row = [str(rng.integers(2006, 2018)), make, model, model, TRIMS[kind]]
    blank = rng.random(5) < [0.0, 0.0, 0.02, 0.04, 0.04]
    return tuple("" if empty else value for value, empty in zip(row, blank))
