"""U-Net, dilated U-Net and TransUNet at equal seconds of training, three seeds: about 14 minutes on 2 CPU cores.

    python -m benchmarks.architectures [--data ROOT]

The fourth network, "the name alone", is the TransUNet without its transformer. Each is trained for the same seconds on
this machine and scored at the original size on cars it never saw. A row is added to benchmarks/results/architectures.csv
as soon as a training is over; what is there is not trained again, so that a run that was stopped goes on where it was.
"""

import argparse
from pathlib import Path

import keras
import pandas as pd

from notebooks.run import machine
from utils import data, inference, models, replacing, training

RESULTS = Path(__file__).parent / "results" / "architectures.csv"
SEEDS = range(3)
SIZE, SECONDS, BATCH = 128, 60, 8
AUGMENT = {"flip": 0.5, "shift": 0.0625, "scale": 0.1}
SCORES = ["dice", "iou", "precision", "recall", "specificity"]
NETWORKS = {
    "U-Net": lambda: models.unet(SIZE),
    "dilated U-Net": lambda: models.unet(SIZE, dilations=(1, 2, 4)),
    "the name alone": lambda: models.trans_unet(SIZE, transformers=0),
    "TransUNet": lambda: models.trans_unet(SIZE),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="data/sample", type=Path, help="folder in Kaggle's layout")
    root = parser.parse_args().data.resolve()
    train, val, test = data.split_by_car(data.without_bad_masks(data.open_data(root)), val=0.1, test=0.1)
    pairs = [(data.load_images(part, SIZE), data.load_masks(part, SIZE)) for part in (train, val)]
    for seed in SEEDS:
        for name in NETWORKS:
            key = {"network": name, "seed": seed, "data": root.name}
            table = pd.read_csv(RESULTS) if RESULTS.exists() else pd.DataFrame(columns=list(key))
            if (table[list(key)] == key).all(axis=1).any():
                continue
            row = key | measure(name, seed, *pairs, test) | {"size": SIZE, "machine": machine()}
            print(row, flush=True)
            with replacing(RESULTS) as temporary:
                pd.DataFrame([*table.to_dict("records"), row]).to_csv(temporary, index=False, float_format="%.5f")


def measure(name, seed, train, val, test):
    """Train once; mean scores over the test photos at their own size, photos trained on, and seconds of training."""
    keras.utils.set_random_seed(seed)
    model, settings = NETWORKS[name](), {"minutes": SECONDS / 60, "batch": BATCH, "augment": AUGMENT, "seed": seed}
    history = training.fit(model, train, val, verbose=False, **settings)
    scores = inference.evaluate(model, test)[SCORES].mean()
    photos = int(model.optimizer.iterations) * BATCH
    return scores.to_dict() | {"photos": photos, "seconds": history["seconds"].iloc[-1]}


if __name__ == "__main__":
    main()
