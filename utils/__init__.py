"""The helpers of the course. Each function is written out once in the notebook its docstring names."""

import errno
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


class CourseError(ValueError):
    """A mistake that can be explained: the message says what is wrong, where, and what to do next."""


@contextmanager
def replacing(path: str | os.PathLike, room: float = 0) -> Iterator[Path]:
    """Lend a temporary name beside ``path``; what was written there takes the place of ``path`` if all went well.

    Parameters
    ----------
    path : path
        Its folder is made if need be.
    room : float
        Bytes that will be written, where they are known: refused at once if the disk has less.

    Yields
    ------
    pathlib.Path
        Ends like ``path``.

    Raises
    ------
    CourseError
        The disk is full, or will be. What was at ``path`` is there still.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent.resolve())
    temporary = path.with_name(f".carvana-{os.getpid()}.{path.name}")
    with room_for(path, room):
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def room_for(path: str | os.PathLike, room: float = 0) -> Iterator[None]:
    """Write ``path``, which needs ``room`` bytes if that is known: `disk_full` if they are not there, or run out."""
    if room > shutil.disk_usage(Path(path).parent).free:
        raise disk_full(path, room)
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(path, room) from error
        raise


def disk_full(path: str | os.PathLike, room: float = 0) -> CourseError:
    """The error for a file, of ``room`` bytes if that is known, that does not fit on its disk."""
    needs = f", which needs about {room / 1e6:.1f} MB" if room else ""
    free = shutil.disk_usage(Path(path).parent).free / 1e6
    return CourseError(
        f"No room for {path}{needs}: {free:.1f} MB are free on its disk, or a quota is used up. Make room and run this "
        "again; what was there before is as it was."
    )


@cache
def _sweep(folder):
    """Remove what killed runs left in a folder."""
    for path in folder.glob(".carvana-*.*"):
        import psutil  # seldom

        process = path.name.split(".")[1].removeprefix("carvana-")
        if process.isdigit() and not psutil.pid_exists(int(process)):
            path.unlink(missing_ok=True)


@contextmanager
def locked(path: str | os.PathLike, busy: str, wait: bool = False) -> Iterator[None]:
    """Hold ``path`` for this process alone; the lock ends with the process, however it ends.

    Parameters
    ----------
    path : path
        What is going to be written.
    busy : str
        What to say where another process holds it: printed if ``wait``, else the message of the error.
    wait : bool
        Wait for the other process.

    Raises
    ------
    CourseError
        Another process holds it, and we do not wait.
    """
    from filelock import FileLock, Timeout

    digest = hashlib.sha256(str(Path(path).resolve()).encode()).hexdigest()[:16]
    lock = FileLock(Path(tempfile.gettempdir()) / f"carvana-{digest}.lock", mode=0o666)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if not wait:
            raise CourseError(busy) from None
        print(busy, file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def machine() -> str:
    """What times are taken on, such as ``2 CPU cores``."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} CPU cores" + (" and a GPU" if Path("/dev/nvidia0").exists() else "")


def progress(items: Iterable | None = None, **settings):
    """Show how far long work is: a `tqdm.tqdm` bar on a terminal, elsewhere a line every half minute.

    Parameters
    ----------
    items : iterable, optional
        Passed on one by one; without it, call ``update`` yourself.
    **settings
        Arguments of tqdm: ``total``, ``desc``, ``unit``, ``initial``, ``disable`` ...

    Returns
    -------
    tqdm.tqdm
    """
    from tqdm import tqdm

    class Lines(tqdm):
        monitor_interval = 0  # no thread that watches it

        def display(self, msg=None, pos=None):
            if msg is None:
                print(self, file=sys.stderr, flush=True)

    if sys.stderr.isatty():
        return tqdm(items, delay=1, leave=False, dynamic_ncols=True, **settings)
    return Lines(items, delay=30, mininterval=30, miniters=1, leave=False, ncols=100, **settings)
