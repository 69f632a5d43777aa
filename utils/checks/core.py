"""How an answer is judged: ✅ right, ❌ with a case that fails, ⏳ not tried yet."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np


def check(function: Callable, cases: Iterable[tuple], same: Callable | None = None) -> bool | None:
    """Compare what a learner's function returns with what is expected, and print the verdict.

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

    def against(expected):
        return lambda result: None if (same or same_value)(result, expected) else _difference(result, expected)

    return examine(function, ((arguments, against(expected)) for arguments, expected in cases))


def examine(function: Callable, trials: Iterable[tuple]) -> bool | None:
    """Call a learner's function, look at how each result behaves, and print the verdict.

    Parameters
    ----------
    function : callable
        What the learner wrote; while it returns ``...`` it counts as not tried.
    trials : iterable of (tuple, callable)
        Arguments, and ``complaint(result) -> str | None``: what is wrong with the result, as it follows "the call ...".

    Returns
    -------
    bool or None
        True: solved; False: something is wrong; None: not tried.
    """
    for arguments, complaint in trials:
        call = f"{function.__name__}({', '.join(map(show, arguments))})"
        try:
            result = function(*arguments)
            wrong = None if result is ... else complaint(result)
        except Exception as error:  # whatever a learner's code raises is shown to the learner
            result, wrong = None, f"raises {type(error).__name__}: {error}"
        if result is ...:
            print(f"⏳ {function.__name__}: replace the ... and run this cell again.")
            return None
        if wrong:
            print(f"❌ {call} {wrong}")
            return False
    print(f"✅ {function.__name__}: well done.")
    return True


def same_value(result: Any, expected: Any) -> bool:
    """Whether numbers and arrays agree to 1e-6 and in shape, and all else is equal."""
    if isinstance(expected, str | dict | type(None)):
        return result == expected
    try:
        return np.shape(result) == np.shape(expected) and np.allclose(result, expected, rtol=0, atol=1e-6)
    except (TypeError, ValueError):
        return False


def show(value: Any) -> str:
    """A value on one line, cut where it gets long."""
    if isinstance(value, np.ndarray) and value.size > 1000:
        text = f"{value.dtype} array of shape {value.shape}"
    elif isinstance(value, np.ndarray):
        text = " ".join(np.array2string(value, separator=", ", threshold=40).split())
    else:
        with np.printoptions(legacy="1.25"):  # 0.69, not np.float64(0.69)
            text = getattr(value, "__name__", repr(value))
    return text if len(text) <= 120 else text[:117] + "..."


def _difference(result, expected):
    given, wanted = show(result), show(expected)
    arrays = isinstance(result, np.ndarray) and isinstance(expected, np.ndarray)
    if given == wanted or (arrays and result.shape != expected.shape):
        given, wanted = f"{given} {_kind(result)}", f"{wanted} {_kind(expected)}"
    return f"gives {given}, expected {wanted}"


def _kind(value):
    """What two values that print alike may differ in."""
    shape = f", shape {value.shape}" if isinstance(value, np.ndarray) else ""
    return f"({getattr(value, 'dtype', type(value).__name__)}{shape})"
