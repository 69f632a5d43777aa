"""Which cars are photographed: everything that differs from car to car is drawn here, from the seed."""
from dataclasses import dataclass, replace

import numpy as np

VIEWS = range(1, 17)


@dataclass(frozen=True)
class Shape:
    """Proportions of a car body; x is measured from its middle, forwards."""

    length: float
    width: float
    height: float
    wheelbase: float
    overhang: float          # from the front axle to the nose
    wheel: float             # wheel radius
    clearance: float
    cowl: float              # height of the foot of the windscreen
    nose: float              # height of the leading edge of the hood
    belt_front: float        # height of the window line, front and rear
    belt_rear: float
    screen_foot: float       # x of: foot of the windscreen, its top,
    screen_top: float
    roof_end: float          # the end of the roof,
    deck_start: float        # the foot of the rear window
    deck: float              # height of the latter
    tumblehome: float        # how much the windows lean inwards
    arch: float              # how far the roof line falls over one metre squared
    doors: int = 4


KINDS = {
    "sedan": Shape(4.80, 1.83, 1.46, 2.79, .93, .335, .16, .99, .74, .91, 1.00, 1.05, .10, -1.02, -1.75, 1.06, .42, .050),
    "coupe": Shape(4.62, 1.86, 1.36, 2.70, .90, .345, .14, .94, .70, .87, .97, .82, -.10, -.85, -1.78, 1.00, .46, .062, 2),
    "hatchback": Shape(4.10, 1.74, 1.50, 2.54, .82, .310, .16, 1.00, .79, .93, 1.04, 1.00, .18, -1.42, -1.88, 1.04, .36, .050),
    "wagon": Shape(4.75, 1.82, 1.49, 2.76, .92, .330, .16, .99, .76, .92, 1.02, 1.03, .12, -1.80, -2.20, 1.06, .38, .028),
    "suv": Shape(4.86, 1.94, 1.80, 2.85, .92, .380, .22, 1.14, .98, 1.10, 1.17, 1.05, .38, -1.95, -2.26, 1.18, .28, .022),
    "crossover": Shape(4.52, 1.85, 1.65, 2.66, .90, .355, .19, 1.07, .88, 1.01, 1.12, 1.05, .26, -1.58, -2.04, 1.14, .34, .036),
    "pickup": Shape(5.75, 2.00, 1.88, 3.58, .97, .400, .26, 1.24, 1.14, 1.20, 1.24, 1.38, .76, -.68, -.86, 1.24, .27, .024),
    "minivan": Shape(5.10, 1.98, 1.74, 3.03, .97, .340, .16, 1.10, .86, 1.01, 1.07, 1.48, .50, -2.02, -2.40, 1.07, .29, .024),
    "van": Shape(4.95, 1.90, 2.06, 2.98, .88, .335, .17, 1.20, .96, 1.10, 1.10, 1.66, 1.02, -2.24, -2.36, 1.12, .16, .010),
    "convertible": Shape(4.48, 1.80, 1.37, 2.62, .90, .335, .14, .94, .72, .88, .96, .78, -.06, -.72, -1.36, .99, .46, .085, 2),
}

#: Bodies of the cars to train on, and (kind, board) of those to test on; the van is on the private board only.
TRAIN_KINDS = ("sedan suv hatchback pickup crossover coupe sedan minivan suv wagon crossover convertible "
               "sedan crossover suv hatchback coupe sedan pickup crossover suv sedan wagon hatchback "
               "crossover sedan suv minivan coupe pickup sedan crossover suv convertible hatchback sedan "
               "crossover pickup suv sedan coupe wagon crossover suv pickup hatchback minivan coupe").split()
TEST_KINDS = [tuple(word.split(":")) for word in (
    "sedan:public van:private crossover:public suv:private hatchback:public coupe:private sedan:private "
    "pickup:private suv:public minivan:private crossover:private coupe:public van:private wagon:private "
    "sedan:private hatchback:private").split()]

#: name, linear RGB, metallic, how often
PAINTS = [("white", (.80, .80, .79), .0, 24), ("pearl", (.70, .69, .65), .1, 6), ("silver", (.42, .43, .44), .75, 16),
          ("grey", (.115, .12, .125), .7, 13), ("light grey", (.30, .31, .32), .6, 5), ("black", (.006, .006, .007), .1, 17),
          ("blue", (.012, .045, .17), .4, 6), ("red", (.26, .010, .014), .3, 6), ("maroon", (.085, .008, .012), .4, 2),
          ("beige", (.34, .28, .20), .5, 3), ("green", (.02, .065, .035), .4, 1), ("orange", (.45, .10, .015), .3, 1),
          ("brown", (.07, .035, .02), .5, 1)]
SEATS = [(.04, .04, .04), (.10, .10, .105), (.40, .32, .23), (.30, .30, .30)]
WORDS = ["VANTORO", "CALVARO", "MOTAVIA", "CARLUNA", "AVELINO", "NOVACAR", "RIVALTO"]
MODELS = {
    "Norvik": {"sedan": "Alta", "wagon": "Alta Tourer", "crossover": "Fjell", "suv": "Fjell XL", "hatchback": "Pil"},
    "Calderon": {"sedan": "Mira", "coupe": "Rayo", "crossover": "Sierra 3", "convertible": "Rayo Spider", "pickup": "Bravo"},
    "Haruna": {"sedan": "Kawa", "hatchback": "Mizu", "minivan": "Odori", "suv": "Yama", "van": "Hako", "coupe": "Kaze"},
    "Brandt": {"sedan": "B4", "coupe": "B4 Sport", "wagon": "B4 Kombi", "suv": "G7", "crossover": "G3", "convertible": "B2"},
    "Prairie": {"pickup": "Longhorn", "suv": "Mesa", "van": "Hauler", "minivan": "Homestead", "sedan": "Dakota Way"},
    "Lumen": {"hatchback": "Spark One", "crossover": "Halo", "sedan": "Arc", "coupe": "Flare", "minivan": "Atrium"},
}
TRIMS = {"sedan": "4-door sedan", "coupe": "2-door coupe", "hatchback": "4-door hatchback", "wagon": "4-door wagon",
         "suv": "SUV", "crossover": "Crossover", "pickup": "Crew cab pickup", "minivan": "Minivan", "van": "Cargo van",
         "convertible": "Soft-top convertible"}


@dataclass(frozen=True)
class Car:
    """One car and the day it was photographed."""

    id: str
    kind: str
    part: str                # train or test
    usage: str               # public or private, for test cars
    seed: int
    shape: Shape
    paint: str
    colour: tuple
    metallic: float
    style: dict              # grille, lamps, rims, extras
    studio: dict             # camera, light, tint, letters
    metadata: tuple          # year, make, model, trim1, trim2


def fleet(count, seed):
    """The first `count` cars; every fourth is for testing, so that any number of them makes a complete set."""
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
    identity = f"{int(rng.integers(16 ** 12)):012x}"
    weights = np.array([paint[3] for paint in PAINTS], float)
    name, colour, metallic, _ = PAINTS[rng.choice(len(PAINTS), p=weights / weights.sum())]
    colour = tuple(np.clip(np.array(colour) * rng.uniform(.85, 1.12) * rng.normal(1, .03, 3), 0, .84))
    shape = draw_shape(KINDS[kind], rng)
    return Car(identity, kind, part, usage, int(rng.integers(2 ** 31)), shape, name, colour, metallic,
               draw_style(kind, name, rng), draw_studio(rng), draw_metadata(kind, rng))


def draw_shape(shape, rng):
    """Vary the proportions of a body kind."""
    factor = {"length": .018, "wheelbase": .012, "height": .014, "width": .012, "nose": .02, "cowl": .012,
              "wheel": .025, "tumblehome": .10, "arch": .15}
    offset = {"overhang": .03, "clearance": .015, "belt_front": .012, "belt_rear": .02, "screen_foot": .05,
              "screen_top": .05, "roof_end": .07, "deck_start": .05, "deck": .015}
    changes = {k: getattr(shape, k) * (1 + s * float(np.clip(rng.normal(), -2, 2))) for k, s in factor.items()}
    changes |= {k: getattr(shape, k) + s * float(np.clip(rng.normal(), -2, 2)) for k, s in offset.items()}
    grown = (changes["length"] - shape.length) / 2
    changes["deck_start"] = max(changes["deck_start"] - grown, -changes["length"] / 2 + .10)
    return replace(shape, **changes)


def draw_style(kind, paint, rng):
    """Grille, lamps, rims, trim and the thin things that make masks hard."""
    tall = kind in ("suv", "pickup", "van")
    utility = kind in ("suv", "crossover", "pickup")

    def chance(p):
        return bool(rng.random() < p)

    return {
        "grille_width": rng.uniform(.26, .50), "grille_height": rng.uniform(.10, .14) if tall else rng.uniform(.045, .10),
        "grille_bars": int(rng.integers(2, 6)), "grille_mesh": chance(.3), "chrome": chance(.55),
        "intake_width": rng.uniform(.35, .62), "intake_height": rng.uniform(.05, .09),
        "lamp_height": rng.uniform(.055, .085) + .02 * tall, "lamp_slant": rng.uniform(.02, .22),
        "lamp_reach": rng.uniform(.34, .60), "lamp_dark": chance(.4), "fog_lamps": chance(.6),
        "tail_height": rng.uniform(.07, .10) if kind in ("sedan", "coupe", "convertible") else rng.uniform(.13, .24),
        "tail_width": rng.uniform(.20, .42), "tail_clear": chance(.35),
        "rim": int(rng.integers(8)), "rim_size": rng.uniform(.66, .75), "rim_dark": chance(.25),
        "seat": SEATS[rng.integers(len(SEATS))], "privacy": chance(.7 if utility or kind == "minivan" else .15),
        "tint": rng.uniform(.55, .85), "cargo": kind == "van" and chance(.6), "sunroof": chance(.35),
        "cladding": utility and chance(.6), "chrome_windows": chance(.4), "body_handles": chance(.65),
        "body_mirrors": chance(.7), "rails": kind in ("suv", "crossover", "wagon", "minivan") and chance(.65),
        "crossbars": utility and chance(.2), "rails_chrome": chance(.5), "side_steps": kind in ("pickup", "suv") and chance(.5),
        "spoiler": (kind in ("hatchback", "suv", "crossover", "wagon") and chance(.7)) or chance(.12),
        "wing": kind in ("coupe", "sedan") and chance(.18), "exhausts": int(rng.integers(0, 3)),
        "aerial": str(rng.choice(["fender", "roof", "fin", "fin", "none"])), "tow_hook": utility and chance(.35),
        "mud_flaps": chance(.3), "bed_cover": chance(.3), "chrome_bumpers": kind == "pickup" and chance(.45),
        "splitter": kind in ("coupe", "sedan", "convertible") and chance(.3), "cabrio_colour": float(rng.choice([.012, .05])),
        "crease": rng.uniform(.008, .022), "amber": chance(.5), "two_tone_sills": chance(.3), "hood_scoop": chance(.12),
    }


def draw_studio(rng):
    """Camera, light, colours and dirt of one session in the studio."""
    normal = rng.normal
    strip = float(rng.random())
    distance, height = 8.8 + normal() * .25, float(np.clip(2.02 + normal() * .14, 1.6, 2.5))
    lens = 54.0 * (1 + np.clip(normal(), -2, 2) * .045)
    middle = .670 + np.clip(normal(), -2, 2) * .028              # where the middle of the turntable lies in the picture
    return {
        "distance": distance, "camera_height": height, "lens": lens, "horizon": float(middle - height / distance * lens / 24),
        "pan": normal() * .014, "roll": normal() * .003, "car_x": normal() * .12, "car_y": normal() * .12,
        "heading": normal() * .03, "wall_grey": float(np.clip(241 + normal() * 5, 222, 252)),
        "floor_grey": float(np.clip(176 + normal() * 15, 142, 208)), "floor_tint": (.018 + normal() * .03, -.022 + normal() * .03),
        "disc_tint": abs(normal() * .035) + .01, "disc_grey": 1 + normal() * .05, "stains": rng.uniform(.3, 1.0),
        "wall_tint": (.005 + normal() * .006, -.007 + normal() * .006), "vignette": rng.uniform(.01, .06), "noise": rng.uniform(.6, 1.6),
        "blur": rng.uniform(.0, .45), "gamma": 1 + normal() * .03, "word": WORDS[rng.integers(len(WORDS))],
        "word_width": rng.uniform(12.6, 14.4), "word_height": rng.uniform(1.7, 2.1), "word_grey": rng.uniform(.035, .08),
        "word_split": int(rng.integers(2, 5)), "strip": "white" if strip < .35 else "dark" if strip < .55 else "none",
        "strip_radius": rng.uniform(4.15, 4.7), "door": bool(rng.random() < .7), "wall_radius": rng.uniform(11.4, 12.6),
        "disc_radius": rng.uniform(3.05, 3.4), "gloss": rng.uniform(.22, .42), "light_turn": rng.uniform(-.3, .3),
    }


def draw_metadata(kind, rng):
    """Year, make, model and two trims; some are blank, as in real lists."""
    make = str(rng.choice([name for name, models in MODELS.items() if kind in models]))
    model = MODELS[make][kind]
    row = [str(rng.integers(2006, 2018)), make, model, model, TRIMS[kind]]
    blank = rng.random(5) < [.0, .0, .02, .04, .04]
    return tuple("" if empty else value for value, empty in zip(row, blank))
