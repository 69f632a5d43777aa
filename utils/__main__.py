"""The command line: python -m utils <command> --help"""

import argparse
import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from utils import CourseError, replacing

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SHIPPED = Path(__file__).resolve().parents[1] / "data" / "weights" / "unet.onnx"
WRITTEN_BY_PREDICT = re.compile(r"_(mask|cutout|composite)$")  # in the name of a file: no photo to predict on
FEW = 0.02  # share of the cars that chooses the best epoch, where a test split has been made already
ENSEMBLE = "Several models: the mean of their answers."
PHOTOS = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 done, 2 bad input."""
    args = _parser().parse_args(arguments)
    try:
        args.run(args)
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        reason = (str(error.strerror or error) or type(error).__name__).splitlines()[0]
        place = f"{error.filename}: " if error.filename else ""
        print(f"error: {place}{reason}. Check the path and the disk.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped. The same command goes on where it was, if it trains, downloads or submits.", file=sys.stderr)
        return 130
    return 0


def _parser():
    parser = argparse.ArgumentParser("python -m utils", description="Cut cars out of photos: the course's tools.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    def command(name, run, about, example):
        sub = commands.add_parser(name, help=about, description=about, epilog=f"example: python -m utils {example}")
        sub.set_defaults(run=run)
        return sub

    sub = command("download", download, "Get the Kaggle data.", "download --out data/carvana")
    sub.add_argument("--out", default="data/carvana", help="folder for the data (default: %(default)s)")

    sub = command("train", train, "Train a model.", "train --size 256 --stem 4 --minutes 10 --out models/unet.keras")
    sub.add_argument("--model", choices=["unet", "carvana_unet", "trans_unet", "baseline_cnn"], default="unet")
    sub.add_argument("--size", type=int, default=128, help="side of the input in pixels (default: %(default)s)")
    sub.add_argument("--stem", type=int, help="unet only: work at 1/STEM of the size: 1, 2 or 4 (default: 1)")
    sub.add_argument("--base", type=_positive(int), help="channels of level 1 (default: 8; stem 24; carvana_unet 16)")
    sub.add_argument("--data", metavar="ROOT", action="append", help="folder in Kaggle's layout (default: what the "
                     "notebooks use); given again, more to train on")  # fmt: skip
    sub.add_argument("--cars", metavar="FILE", help="of the first folder, train on exactly these cars, one id a line")
    length = sub.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=_positive(float), help="how long to train (default: 3)")
    length.add_argument("--epochs", type=_positive(int))
    sub.add_argument("--augment", choices=["flip", "strong"], default="flip",
                     help="strong: for cars and scenes unlike the training set's (default: %(default)s)")  # fmt: skip
    sub.add_argument("--start", metavar="MODEL", help="train on from its weights, with a smaller learning rate; "
                     "--size may differ, --model, --base and --stem may not")  # fmt: skip
    sub.add_argument("--batch", type=_positive(int), default=8)
    sub.add_argument("--learning-rate", type=_positive(float), metavar="RATE",
                     help="the highest, reached early (default: 2e-3; with --start 1e-3)")  # fmt: skip
    sub.add_argument("--seed", type=_seed, default=0)
    sub.add_argument("--out", required=True, metavar="NAME.keras", help="where the best model goes")

    sub = command("evaluate", evaluate, "Score a model at the original size.", "evaluate models/unet.keras --tta")
    sub.add_argument("model", nargs="+", metavar="MODEL", help=ENSEMBLE)
    sub.add_argument("--data", metavar="ROOT", help="folder in Kaggle's layout (default: what the notebooks use)")
    sub.add_argument("--cars", metavar="FILE", help="score exactly these cars, one id a line (default: the test split)")
    _add_tta(sub)
    sub.add_argument("--json", metavar="FILE", help="write the scores here, too")

    sub = command("predict", predict, "Cut the car out of photos.", "predict photo.jpg --out cut")
    sub.add_argument("images", nargs="+", metavar="IMAGES", help="photos, or folders of photos")
    sub.add_argument("--model", action="append", help=f"default: the weights that come with the course. {ENSEMBLE}")
    sub.add_argument("--out", default="cut", metavar="DIR", help="folder for the results (default: %(default)s)")
    sub.add_argument("--background", metavar="PHOTO", help="write NAME_composite.jpg on this instead of a cut-out")
    sub.add_argument("--matte", action="store_true", help="cut-out or composite with a finer edge: found anew in the "
                     "colours of the photo, and without those of its background")  # fmt: skip
    _add_tta(sub)
    _add_threshold(sub)

    sub = command("submit", submit, "Predict the test images and write the file for Kaggle.",
                  "submit models/unet.keras --tta --out submission.csv.gz")  # fmt: skip
    sub.add_argument("model", nargs="+", metavar="MODEL", help=ENSEMBLE)
    sub.add_argument("--data", metavar="ROOT", help="folder in Kaggle's layout (default: what the notebooks use)")
    sub.add_argument("--out", required=True, metavar="NAME.csv.gz", help="stopped, the same command goes on")
    _add_tta(sub)
    _add_threshold(sub)

    sub = command("export", export, "Turn a Keras model into an ONNX file, which predicts without Keras.",
                  "export models/unet.keras --out models/unet.onnx")  # fmt: skip
    sub.add_argument("model", metavar="MODEL.keras")
    sub.add_argument("--out", required=True, metavar="NAME.onnx", help="appears once its answers are those of MODEL")
    return parser


def _add_tta(sub):
    sub.add_argument("--tta", action="store_true", help="test-time augmentation: average with the mirror image")
    sub.add_argument("--flip", dest="tta", action="store_true", help=argparse.SUPPRESS)  # what --tta was called first


def _add_threshold(sub):
    sub.add_argument("--threshold", type=_share, default=0.5,
                     help="in the mask, car is where the probability is above (default: %(default)s)")  # fmt: skip


def _positive(kind):
    def parse(text):
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
        return value

    parse.__name__ = kind.__name__
    return parse


def _share(text):
    if not 0 < float(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return float(text)


def _seed(text):
    if not 0 <= int(text) < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {2**32 - 1}")
    return int(text)


def download(args) -> None:
    """Get the Kaggle data."""
    from utils.download import fetch

    fetch(args.out)


def train(args) -> None:
    """Train a model and save the best epoch."""
    import keras

    from utils import augment, data, training

    training.check_suffix(args.out)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    train_frame, val_frame = _train_and_val(args)
    print(f"{val_frame['id'].nunique()} cars for validation", flush=True)
    keras.utils.set_random_seed(args.seed)
    model = _build(args)
    if args.start:
        _start_from(args.start, model)
    train, val = [(data.load_images(f, args.size), data.load_masks(f, args.size)) for f in (train_frame, val_frame)]
    if Path(args.out).exists():
        print(f"{args.out} is replaced when this training is done, and stays until then.", flush=True)
    settings = augment.STRONG if args.augment == "strong" else {"flip": 0.5}
    training.fit(
        model,
        augment.Batches(*train, args.batch, args.seed, **settings),
        val,
        epochs=args.epochs,
        minutes=None if args.epochs else args.minutes or 3,
        rounds=10,
        optimizer=keras.optimizers.Adam(args.learning_rate or (1e-3 if args.start else 2e-3)),
        checkpoint=args.out,
        cars=train_frame["id"],
    )
    print(f"saved {args.out}")


def _build(args):
    """The network that is asked for, refusing options it does not have."""
    import inspect

    from utils import models

    build = getattr(models, args.model)
    options = {name: vars(args)[name] for name in ("stem", "base") if vars(args)[name] is not None}
    unknown = options.keys() - inspect.signature(build).parameters.keys()
    if unknown:
        raise CourseError(f"--model {args.model} has no --{min(unknown)}: leave it out.")
    if options.get("stem", 1) != 1:
        options.setdefault("base", 24)
    return build(args.size, **options)


def _start_from(path, model):
    """Give a model the weights of a trained one, which fit at every size."""
    from utils import inference

    if Path(path).suffix == ".onnx":
        raise CourseError(f"{path} holds no weights to train on from: give the .keras file that it was made of.")
    trained = inference.load_model(path)
    try:
        model.set_weights(trained.get_weights())
    except ValueError:
        raise CourseError(
            f"{path} holds a {trained.name} with {trained.count_params():,} weights; what is to be trained is a "
            f"{model.name} with {model.count_params():,}. Give the --model, --base and --stem it was made with."
        ) from None


def _train_and_val(args):
    """The cars to train on, a few of them held out to choose the best epoch by; wrong masks left out."""
    import pandas as pd

    from utils import data

    first, *more = args.data or [None]
    frame = data.open_data(first)
    if args.cars:
        frame = data.select_cars(frame, data.read_cars(args.cars))
        sides = [data.split_by_car(frame, val=FEW, test=0, seed=args.seed)[:2]]
    else:
        sides = [data.split_by_car(frame)[:2]]
    sides += [data.split_by_car(data.open_data(root), val=FEW, test=0, seed=args.seed)[:2] for root in more]
    for train, _ in sides:
        print(f"{data.describe(train)} for training", flush=True)
    return [data.without_bad_masks(pd.concat(side, ignore_index=True)) for side in zip(*sides)]


def evaluate(args) -> None:
    """Score a model; print the means and the worst images."""
    from utils import data, evaluation, inference

    model = [inference.load_model(path) for path in args.model]
    frame = data.open_data(args.data)
    frame = data.select_cars(frame, data.read_cars(args.cars)) if args.cars else data.split_by_car(frame)[2]
    trained_on = frozenset().union(*(inference.training_cars(path) or () for path in args.model))
    cars = set(frame["id"])
    if seen := len(cars & trained_on):
        print(f"{seen} of these {len(cars)} cars were trained on: the scores are no estimate for new cars.")
    print(data.describe(frame), flush=True)
    scores = evaluation.evaluate(model, frame, tta=args.tta, progress=True)
    means = scores.drop(columns=["id", "view"]).mean()
    print("\n".join(f"{name:<12}{value:.5f}" for name, value in means.items()))
    worst = scores.nsmallest(5, "dice")
    print("worst images:\n" + "\n".join(f"  {r.id}_{r.view:02d}  Dice {r.dice:.4f}" for r in worst.itertuples()))
    if args.json:
        result = {"mean": means.to_dict(), "images": scores.to_dict("records")}
        with replacing(args.json) as temporary:
            temporary.write_text(json.dumps(result, indent=1))


def predict(args) -> None:
    """Write mask and cut-out, or composite, of each photo; one that cannot be read stops none of the others."""
    paths = _photos(args.images)
    from tqdm import tqdm

    from utils import compose, data, inference, progress

    background = data.read_image(args.background) if args.background else None
    if not args.model and not SHIPPED.exists():
        raise CourseError(
            f"{SHIPPED} is missing. Get it back (git checkout data/weights), or name another: --model NAME.onnx"
        )
    model = [inference.load_model(path) for path in args.model or [SHIPPED]]
    out, failures = Path(args.out), []
    out.mkdir(parents=True, exist_ok=True)
    say = tqdm.write if sys.stderr.isatty() else partial(print, flush=True)  # on a terminal above the bar
    for path in progress(paths, unit="photo"):
        try:
            (probability,) = inference.predict(model, [path], args.tta)
            image = data.read_image(path)
        except CourseError as error:
            failures.append(str(error))
            continue
        products = {"mask.png": (probability > args.threshold).astype("uint8") * 255}
        alpha = compose.matte(image, probability) if args.matte else compose.clean_edge(probability)
        car = compose.estimate_foreground(image, alpha) if args.matte else image
        if background is None:
            products["cutout.png"] = compose.cutout(car, alpha)
        else:
            products["composite.jpg"] = compose.composite(car, alpha, background)
        names = [_save(array, out / f"{path.stem}_{kind}") for kind, array in products.items()]
        say(f"{path} -> {', '.join(names)}")
    if failures:
        others = len(paths) - len(failures)
        raise CourseError("\n".join([*failures, f"The other photos are done: {others}."] if others else failures))


def _save(array, path):
    from PIL import Image

    with replacing(path) as temporary:
        Image.fromarray(array).save(temporary, quality=95, subsampling=0)  # of a JPEG; 0 is 4:4:4
    return path.name


def submit(args) -> None:
    """Write a submission, which validates it; print both scores where there is a solution."""
    from utils import data, inference, submission

    submission.check_name(args.out)
    model = [inference.load_model(path) for path in args.model]
    frame = submission.open_test(args.data)
    print(data.describe(frame), flush=True)
    submission.write(model, frame, args.out, args.tta, args.threshold, progress=True)
    print(f"{args.out}: {len(frame)} rows, validated")
    if "usage" in frame:
        scores = submission.score(args.out, frame)
        for usage, part in scores.groupby("usage", sort=False):
            print(f"{usage:<8} Dice {part['dice'].mean():.5f}  ({len(part)} images)")


def export(args) -> None:
    """Write the ONNX file of a model, checked against it."""
    from utils import export, inference

    export.check_suffix(args.out)
    model, cars = inference.load_model(args.model), inference.training_cars(args.model)
    difference = export.to_onnx(model, args.out, cars or ())
    print(f"{args.out}: the same as {args.model}, but for {difference:.0e} of a probability at most")


def _photos(arguments):
    """Files as given, folders as the photos in them. No two may share a name: their results would."""
    paths = []
    for argument in map(Path, arguments):
        if argument.is_dir():
            found = [path for path in sorted(argument.iterdir()) if path.suffix.lower() in PHOTOS]
            found = [path for path in found if not WRITTEN_BY_PREDICT.search(path.stem)]
            if not found:
                raise CourseError(f"No photo in {argument}: looked for {', '.join(sorted(PHOTOS))}.")
            paths += found
        elif argument.exists():
            paths.append(argument)
        else:
            raise CourseError(f"{argument} does not exist. Give photos or folders of photos.")
    stems = [path.stem for path in paths]
    twice = next((path for path in paths if stems.count(path.stem) > 1), None)
    if twice:
        raise CourseError(f"More than one photo is named {twice.stem}: their results would overwrite each other.")
    return paths


if __name__ == "__main__":
    sys.exit(main())
