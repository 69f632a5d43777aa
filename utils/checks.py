"""Self-checks for the exercises: ✅ solved, ❌ with a case that fails, ⏳ not tried yet.

An exercise is a function to be completed; while it returns ``...`` it counts as not tried.
"""

import numpy as np


def check(function, cases, same=None):
    """Try a learner's function on cases and print the verdict.

    Parameters
    ----------
    function : callable
        What the learner wrote.
    cases : iterable of (tuple, object)
        Arguments, and the result expected for them.
    same : callable, optional
        Whether a result is as good as the expected one: ``same(result, expected) -> bool``. By default numbers
        and arrays agree to 1e-6 and have the same shape; all else is equal.

    Returns
    -------
    bool or None
        True: solved; False: a case fails; None: not tried.
    """
    for arguments, expected in cases:
        call = f"{function.__name__}({', '.join(map(_show, arguments))})"
        try:
            result = function(*arguments)
        except Exception as error:  # whatever a learner's code raises is shown to the learner
            print(f"❌ {call} raises {type(error).__name__}: {error}")
            return False
        if result is ...:
            print(f"⏳ {function.__name__}: replace the ... and run this cell again.")
            return None
        if not (same or _same)(result, expected):
            print(f"❌ {call} gives {_show(result)}, expected {_show(expected)}")
            return False
    print(f"✅ {function.__name__}: well done.")
    return True


def _same(result, expected):
    if isinstance(expected, str | dict | type(None)):
        return result == expected
    try:
        return np.shape(result) == np.shape(expected) and np.allclose(result, expected, rtol=0, atol=1e-6)
    except (TypeError, ValueError):
        return False


def _show(value):
    """A value on one line, cut where it gets long."""
    text = " ".join(np.array2string(value, separator=", ", threshold=40).split()) if isinstance(
        value, np.ndarray) else repr(value)
    return text if len(text) <= 120 else text[:117] + "..."
