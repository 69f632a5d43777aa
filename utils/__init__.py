"""The helpers of the course. Each function is written out once in the notebook its docstring names."""

import os
from contextlib import contextmanager
from pathlib import Path


class CourseError(ValueError):
    """A mistake that can be explained: the message says what is wrong, where, and what to do next."""


@contextmanager
def replacing(path):
    """Lend a temporary name beside ``path``; what was written there takes the place of ``path`` if all went well.

    Parameters
    ----------
    path : path
        Its folder is made if need be.

    Yields
    ------
    pathlib.Path
        Ends like ``path``.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
