"""Command line: ``python -m data.studio --out data/sample --cars 64 --seed 7 --jobs 2``."""

import argparse
import importlib.util
import sys
import time
from pathlib import Path

from .dataset import write_tables
from .files import missing_views
from .fleet import fleet
from .large import checksum, street_cars, studio_cars


class Mistake(ValueError):
    """Something the caller can mend: what is wrong, and what to do."""


#: What each fleet is made of, unless told otherwise.
FLEETS = {
    "sample": {"out": "data/sample", "cars": 64, "seed": 7, "size": "480x320"},
    "street": {"out": "data/street", "cars": 24, "seed": 11, "size": "640x427"},
    "large": {"out": "data/fleet", "cars": 420, "seed": 2026, "size": "640x427"},
}


def parse(arguments=None):
    """Read and check the arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m data.studio",
        description="Render cars in a photo studio and in streets, with masks. What is there already is skipped.",
    )
    parser.add_argument(
        "--fleet",
        default="sample",
        choices=FLEETS,
        help="sample: data/sample; street: data/street; large: both kinds of pictures, many, for training",
    )
    parser.add_argument("--out", help="folder of the data set (default: data/ and the fleet's name)")
    parser.add_argument("--cars", type=int, help="how many cars (default: sample 64, street 24, large 420 of each)")
    parser.add_argument("--only", type=int, help="render this car alone, counted from 0")
    parser.add_argument("--seed", type=int, help="same seed, same cars and masks")
    parser.add_argument("--views", default="1-16", help="views of the sample: 1-16 or 1,5 (01 front, 05 nose left)")
    parser.add_argument("--size", help="width x height in pixels, 3:2 (default: sample 480x320, others 640x427)")
    parser.add_argument("--samples", type=int, default=0, help="light paths a pixel (0: enough for training)")
    parser.add_argument("--part", choices=["train", "test"], help="render the cars of this part alone")
    parser.add_argument(
        "--alpha", action="store_true", help="also write the share of each pixel that is car, soft, as a grey PNG"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes, one core each")
    parser.add_argument(
        "--tables-only", action="store_true", help="render nothing: write the csv files for what is there"
    )
    options = parser.parse_args(arguments)
    for name, value in FLEETS[options.fleet].items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.views, options.size = parse_views(options.views), parse_size(options.size)
    if options.cars < 1 or options.jobs < 1 or options.samples < 0:
        raise Mistake("--cars and --jobs must be at least 1, --samples at least 0.")
    if options.only is not None and not 0 <= options.only < options.cars:
        raise Mistake(
            f"--only {options.only}: there are cars 0 to {options.cars - 1}. Raise --cars, or take one of those."
        )
    return options


def parse_views(text):
    """'1-4,9' to [1, 2, 3, 4, 9]."""
    views = set()
    try:
        for part in text.split(","):
            low, _, high = part.partition("-")
            views.update(range(int(low), int(high or low) + 1))
    except ValueError:
        raise Mistake(f"--views {text!r} is not a list of numbers. Write for example 1-16 or 1,5.") from None
    if not views or min(views) < 1 or max(views) > 16:
        raise Mistake(f"--views {text!r}: views go from 1 to 16.")
    return sorted(views)


def parse_size(text):
    """'480x320' to (480, 320)."""
    try:
        width, height = (int(v) for v in text.lower().split("x"))
    except ValueError:
        raise Mistake(f"--size {text!r} is not a size. Write for example 480x320.") from None
    if not (96 <= width <= 8192 and 1.2 < width / height < 1.8):
        raise Mistake(
            f"--size {text}: the studio takes pictures about 3:2, 96 to 8192 wide, such as 480x320 or 1918x1280."
        )
    return width, height


def need_blender():
    """Say how to get Blender's module where it is missing."""
    if importlib.util.find_spec("bpy") is None:
        raise Mistake(
            "Rendering needs Blender's Python module (bpy), which this Python does not have.\n"
            "In a Python 3.11 environment: pip install -r data/studio/requirements.txt\n"
            "(Nobody needs it to take the course: the pictures are in data/sample.)"
        )


def shoots(options):
    """What to photograph: a list of (folder, Car, its views), in the order in which it is done."""
    if options.fleet == "sample":
        sets = {options.out: fleet(options.cars, options.seed)}
    elif options.fleet == "street":
        sets = {options.out: street_cars(options.cars, options.seed, views=(1, 2), test_every=4)}
    else:
        sets = {
            f"{options.out}/studio": studio_cars(options.cars, options.seed),
            f"{options.out}/street": street_cars(options.cars, options.seed + 1),
        }
    return [
        (folder, cars[index], list(cars[index].shots) or options.views)
        for index in range(options.cars)
        for folder, cars in sets.items()
        if options.only in (None, index) and options.part in (None, cars[index].part)
    ]


def run(options):
    """Render what is missing, then write the tables."""
    every = shoots(options)
    print(
        f"{options.out}: {len(every)} cars, {sum(len(views) for _, _, views in every)} pictures,"
        f" checksum {checksum([car for _, car, _ in every])}",
        flush=True,
    )
    if not options.tables_only:
        need_blender()
        render_missing(every, options)
    for folder in dict.fromkeys(folder for folder, _, _ in every):
        Path(folder).mkdir(parents=True, exist_ok=True)
        complete = write_tables(folder, [(car, views) for place, car, views in every if place == folder])
        count = {part: sum(car.part == part for car in complete) for part in ("train", "test")}
        print(
            f"{folder}: {count['train']} cars to train on, {count['test']} to test on, complete with masks and tables"
        )


def render_missing(every, options):
    """Render what is not there yet, and say how far it is."""
    from .jobs import in_parallel

    Path(options.out).mkdir(parents=True, exist_ok=True)
    todo = [shoot for shoot in every if missing_views(*shoot, options.alpha)]
    print(f"{options.out}: {len(every) - len(todo)} cars complete", flush=True)
    start = time.time()
    for done, (folder, car, views, seconds) in enumerate(in_parallel(todo, options), 1):
        left = (time.time() - start) / done * (len(todo) - done)
        print(
            f"{done:3}/{len(todo)} {car.id} {Path(folder).name} {car.kind:<12} {car.part:<5}"
            f" {seconds / len(views):5.1f} s a view, {left / 60:.0f} min left",
            flush=True,
        )


def main():
    """Run, and turn a caller's mistake into a message."""
    try:
        run(parse())
    except Mistake as mistake:
        sys.exit(f"data.studio: {mistake}")
    except PermissionError as error:
        sys.exit(f"data.studio: cannot write {error.filename}. Choose another folder with --out.")
    except KeyboardInterrupt:
        sys.exit("data.studio: stopped; the same command goes on from here.")


if __name__ == "__main__":
    main()
