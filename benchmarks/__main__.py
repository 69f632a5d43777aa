"""Run the benchmarks: `make bench`, or `python -m benchmarks rle predict`.

Each is a module of its own, `python -m benchmarks.rle --help`, and runs in a process of its own, so that none inherits
another's memory or threads. The longer comparisons (losses, architectures, tricks, recipe, transfer, submission), the
engines beside one another (engines) and the check of the shipped networks (weights) run only by name.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
ALL = ["rle", "pipeline", "loading", "predict", "throughput", "time_to_dice", "course"]
BY_NAME = ["losses", "architectures", "tricks", "recipe", "transfer", "submission", "engines", "weights"]


def main():
    """Run what was asked for; the exit code is 1 if one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *ALL, *BY_NAME],
                        help=f"default: {', '.join(ALL)}; also: {', '.join(BY_NAME)}")  # fmt: skip
    failed, quiet = [], os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    names = parser.parse_args().names or ALL
    for number, name in enumerate(names, start=1):
        print(f"\n== {name} ({number} of {len(names)})", flush=True)
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=HERE.parent, env=quiet)
        print(f"-- {name}: {time.perf_counter() - start:.0f} s", flush=True)
        failed += [name] if done.returncode else []
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}. What was measured is in benchmarks/results/.")


if __name__ == "__main__":
    main()
