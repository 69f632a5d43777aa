"""Command line: ``python -m data.studio --out data/sample --cars 64 --seed 7 --jobs 2``."""

import argparse
import importlib.util
import sys
import time
from pathlib import Path


class Mistake(ValueError):
    """Something the caller can mend: what is wrong, and what to do."""


def parse(arguments=None):
    """Read and check the arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m data.studio", description="Render cars in a photo studio, with masks."
    )
    parser.add_argument("--out", default="data/sample", help="folder of the data set (default: %(default)s)")
    parser.add_argument("--cars", type=int, default=64, help="how many cars; every fourth is for testing")
    parser.add_argument("--only", type=int, help="render this car alone, counted from 0")
    parser.add_argument("--seed", type=int, default=7, help="same seed, same cars and masks")
    parser.add_argument("--views", default="1-16", help="views, such as 1-16 or 1,5 (01 front, 05 nose left, 09 rear)")
    parser.add_argument("--size", default="480x320", help="width x height in pixels, 3:2")
    parser.add_argument("--samples", type=int, default=0, help="light paths a pixel (0: enough for 480x320)")
    parser.add_argument("--jobs", type=int, default=1, help="processes, one core each")
    parser.add_argument(
        "--tables-only", action="store_true", help="render nothing: write the csv files for what is there"
    )
    options = parser.parse_args(arguments)
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


def run(options):
    """Render what is missing, then write the tables."""
    need_blender()
    from .dataset import write_tables
    from .files import missing_views
    from .fleet import fleet
    from .jobs import in_parallel

    Path(options.out).mkdir(parents=True, exist_ok=True)
    cars = fleet(options.cars, options.seed)
    if options.only is not None:
        cars = [cars[options.only]]
    todo = [] if options.tables_only else [car for car in cars if missing_views(options.out, car, options.views)]
    print(
        f"{options.out}: {len(cars)} cars x {len(options.views)} views, {len(cars) - len(todo)} cars complete",
        flush=True,
    )
    start = time.time()
    for done, (car, seconds) in enumerate(in_parallel(todo, options), 1):
        left = (time.time() - start) / done * (len(todo) - done)
        print(
            f"{done:3}/{len(todo)} {car.id} {car.kind:<12} {car.part:<5}"
            f" {seconds / len(options.views):5.1f} s a view,"
            f" {left / 60:.0f} min left",
            flush=True,
        )
    complete = write_tables(options.out, cars, options.views)
    count = {part: sum(car.part == part for car in complete) for part in ("train", "test")}
    print(
        f"{options.out}: {count['train']} cars to train on, {count['test']} to test on, complete with masks and tables"
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
