"""Where pictures and masks go, and how: whole or not at all."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

JPEG_QUALITY = 90


def picture_path(folder, car, view):
    """Where a picture goes."""
    return Path(folder) / car.part / f"{car.id}_{view:02d}.jpg"


def mask_path(folder, car, view):
    """Where its mask goes."""
    return Path(folder) / f"{car.part}_masks" / f"{car.id}_{view:02d}_mask.gif"


def alpha_path(folder, car, view):
    """Where its opacity goes."""
    return Path(folder) / f"{car.part}_alphas" / f"{car.id}_{view:02d}_alpha.png"


def missing_views(folder, car, views, alpha=False):
    """Views whose picture or mask is not there yet, or whose opacity is not, where that is wanted."""
    places = [picture_path, mask_path, *([alpha_path] if alpha else [])]
    return [view for view in views if not all(place(folder, car, view).exists() for place in places)]


def write_whole(path, save):
    """Write a file under another name first, so that it is never seen half-written."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    save(part)
    os.replace(part, path)


def save_picture(picture, path):
    """A JPEG."""
    write_whole(path, lambda part: Image.fromarray(picture).save(part, "JPEG", quality=JPEG_QUALITY))


def save_mask(mask, path):
    """A GIF in palette mode whose pixels are 0 and 1, black and white."""
    image = Image.fromarray(mask.astype(np.uint8), "P")
    image.putpalette([0, 0, 0, 255, 255, 255])
    write_whole(path, lambda part: image.save(part, "GIF", optimize=False))


def save_alpha(alpha, path):
    """A grey PNG: 0 is no car, 255 nothing but car."""
    write_whole(path, lambda part: Image.fromarray(alpha).save(part, "PNG", optimize=True))
