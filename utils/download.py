"""Fetch the Carvana files from Kaggle. Taught in notebooks/01_get_the_data.ipynb."""

import io
import os
import shutil
import sys
import zipfile
from collections.abc import Sequence
from contextlib import contextmanager, redirect_stdout
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from utils import FULL, CourseError, progress

COMPETITION = "carvana-image-masking-challenge"
RULES = f"https://www.kaggle.com/c/{COMPETITION}/rules"

# Kaggle's name: what it unpacks to, how many files that is, and the GB to keep free for them and the zip
# (a photo is about 100 kB, a mask 5 kB)
FILES = {
    "train.zip": ("train/*.jpg", 5088, 1),
    "train_masks.zip": ("train_masks/*.gif", 5088, 0.1),
    "train_masks.csv.zip": ("train_masks.csv", 1, 0.1),
    "metadata.csv.zip": ("metadata.csv", 1, 0.01),
    "sample_submission.csv.zip": ("sample_submission.csv", 1, 0.01),
    "test.zip": ("test/*.jpg", 100_064, 20),
}
DEFAULT = tuple(name for name in FILES if name != "test.zip")

_TOKEN = (
    "Make a token at https://www.kaggle.com/settings/api and put it into the environment variable "
    "KAGGLE_API_TOKEN or the file ~/.kaggle/access_token (Colab: a secret KAGGLE_API_TOKEN, copied "
    "into os.environ). Or download the zips with the browser into the folder, and run this again."
)


def fetch(out: str | os.PathLike = "data/carvana", files: Sequence[str] = DEFAULT, client=None) -> Path:
    """Download the competition's files and unpack them; what is complete already is left alone.

    A download that breaks off is taken up again by the next call. A zip that lies in `out` because you
    fetched it with the browser is used as it is. Files are unpacked under a temporary name and renamed when
    all of them are there; then the zip is deleted. Prints a line for each file, and on a terminal how far it is.

    Parameters
    ----------
    out : str or Path
        Folder that will hold train/, train_masks/, train_masks.csv, ...
    files : sequence of str
        Kaggle's names, keys of `FILES`. Default: all but test.zip, which takes 20 GB with its contents.
    client : object with ``competition_download_file(competition, file, path, force, quiet)``, optional
        Default: the official client, with the credentials it finds, once something has to be downloaded.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    CourseError
        It names the next step, and what was there before is untouched: no or wrong credentials, rules not
        accepted, no network, no room, a download that breaks off or is damaged twice, the kaggle package
        missing, an unknown file name, a folder that holds only a part of its files.

    Notes
    -----
    Source: https://www.kaggle.com/c/carvana-image-masking-challenge/data, read through the client of
    https://github.com/Kaggle/kaggle-cli. Taught in notebooks/01_get_the_data.ipynb.
    """
    out = Path(out)
    unknown = [name for name in files if name not in FILES]
    if unknown:
        raise _error(f"The course knows no file {unknown[0]!r}. It knows {', '.join(FILES)}.")
    missing = [name for name in files if not _complete(out, name)]
    _check_room(out, sum(1e9 * FILES[name][2] - _size(out / name) for name in missing))
    for name in files:
        print(f"{name}:", end=" ", flush=True)
        try:
            if name in missing:
                client = _get(out, name, client)
            where = "in" if name in missing else "already in"
            print(f"{FILES[name][1]:,} file(s) {where} {_target(out, name)}")
        except BaseException:
            print("stopped")
            raise
    return out


def _get(out, name, client):
    """Download one file if need be, twice if damaged, and unpack it; return the client for the next file."""
    archive = out / name
    for again in False, True:
        if again or not zipfile.is_zipfile(archive):
            client = client or _connect()
            quiet = not sys.stderr.isatty()
            print("downloading ...", end=" " if quiet else "\n", flush=True)
            with _explained(name):
                client.competition_download_file(COMPETITION, name, path=str(out), force=again, quiet=quiet)
        try:
            _unpack(archive, out, name)
            archive.unlink()
            return client
        except CourseError:
            raise
        except Exception as error:  # zipfile raises almost anything on damaged bytes
            if getattr(error, "filename", None) or getattr(error, "errno", None) in FULL:
                raise _error(_explain(error, name)) from None
            damage = error
    raise _error(
        f"{archive} is damaged, and so it was when downloaded again ({damage}). "
        "Delete it and try later, or download it with the browser."
    )


def _unpack(archive, out, name):
    """Unpack the files wanted by their bare names, so that none can land outside; zipfile checks each CRC."""
    pattern, count, _ = FILES[name]
    target, temporary = _target(out, name), out / (name + ".part")
    with zipfile.ZipFile(archive) as zipped:
        members = {PurePosixPath(info.filename).name: info for info in zipped.infolist()}
        members = {
            bare: info
            for bare, info in members.items()
            if fnmatch(bare, pattern.split("/")[-1]) and not bare.startswith(".")
        }
        if len(members) != count:
            raise zipfile.BadZipFile(f"holds {len(members)} files like {pattern}, not {count}")
        _check_room(out, sum(info.file_size for info in members.values()))
        shutil.rmtree(temporary, ignore_errors=True)
        try:
            temporary.mkdir()
            for bare, info in progress(members.items(), desc=f"unpacking {name}", unit="file"):
                with zipped.open(info) as source, open(temporary / bare, "wb") as copy:
                    shutil.copyfileobj(source, copy)
            if target.is_dir():
                target.rmdir()
            (temporary if "/" in pattern else temporary / pattern).replace(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _complete(out, name):
    pattern, count, _ = FILES[name]
    target, found = _target(out, name), sum(1 for _ in out.glob(pattern))
    if found < count and target.is_dir() and any(target.iterdir()):
        raise _error(
            f"{target} holds {found:,} of the {count:,} files of {name}, and is left as it is. "
            "Move it away and run this again."
        )
    return found >= count


def _target(out, name):
    return out / FILES[name][0].split("/")[0]


def _size(path):
    return path.stat().st_size if path.exists() else 0


def _check_room(out, needed):
    existing = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise _error(
            f"No room: {out} needs about {needed / 1e9:.1f} GB and the disk has {free / 1e9:.1f} GB "
            "free. Make room, or choose another folder."
        )


def _connect():
    """The official client, logged in. Where others raise it prints and exits, even while it is imported."""
    try:
        with redirect_stdout(io.StringIO()), _explained("the login"):
            from kaggle.api.kaggle_api_extended import KaggleApi

            client = KaggleApi()
            client.authenticate()
        return client
    except ImportError as error:
        raise _error(
            f"The kaggle package is not installed ({error}). Install it: {sys.executable} -m pip install kaggle"
        ) from None
    except SystemExit:
        found = [
            f"~/.kaggle/{name}"
            for name in ("access_token", "kaggle.json", "credentials.json")
            if (Path.home() / ".kaggle" / name).exists()
        ]
        found = ["KAGGLE_API_TOKEN"] * ("KAGGLE_API_TOKEN" in os.environ) + found
        raise _error(
            (f"Kaggle does not accept the credentials in {found[0]}. " if found else "No Kaggle credentials found. ")
            + _TOKEN
        ) from None


@contextmanager
def _explained(name):
    """Turn what the client may raise into a CourseError."""
    try:
        yield
    except (OSError, ValueError) as error:  # the exceptions of requests are OSErrors
        raise _error(_explain(error, name)) from None


def _explain(error, name):
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 401:
        return f"Kaggle does not accept your credentials for {name} (401). {_TOKEN}"
    if status == 403:
        return (
            f"Kaggle does not give out {name} yet (403): its rules have not been accepted. Accept them "
            "on the page below, logged in as the owner of the credentials, and run this again."
        )
    if status is not None:
        return (
            f"Kaggle answered {status} for {name}. Try again in a few minutes, or download it with the "
            "browser into the folder."
        )
    if getattr(error, "errno", None) in FULL:
        return f"The disk is full before {name} is complete. Make room and run this again; it continues."
    if getattr(error, "filename", None):
        return f"Cannot use {error.filename}: {error.strerror}. Mend that, or choose another folder."
    return (
        f"The connection to Kaggle failed at {name} ({type(error).__name__}: {error}). Check the network "
        "and run this again: what has arrived is kept, and it goes on from there."
    )


def _error(message):
    return CourseError(f"{message}\nThe competition and its rules: {RULES}")
