"""The machinery of the self-checks: verdicts and hints."""

import numpy as np
import pytest

from utils import checks


def double(x):
    return 2 * x


def test_a_difference_in_shape_or_kind_is_named(capsys):
    assert checks.check(double, [((np.ones((1, 2)),), np.full((2, 1), 2.0))]) is False
    assert "(float64, shape (1, 2))" in capsys.readouterr().out
    assert checks.check(double, [((1,), "2")]) is False
    assert capsys.readouterr().out == "❌ double(1) gives 2, expected '2'\n"


def test_numbers_print_plainly(capsys):
    assert checks.check(lambda x: np.float64(0.69), [((1,), 0.7)]) is False
    assert "gives 0.69, expected 0.7" in capsys.readouterr().out


@pytest.mark.parametrize(
    "function, verdict, said",
    [
        (lambda x: 3, True, "✅"),
        (lambda x: 2, False, "gives an even number"),
        (lambda x: ..., None, "⏳"),
        (lambda x: 1 / 0, False, "raises ZeroDivisionError"),
        (lambda x: "3", False, "raises TypeError"),  # the complaint itself stumbles over what was returned
    ],
)
def test_examine_reports_what_is_wrong_with_a_result(function, verdict, said, capsys):
    assert (
        checks.examine(function, [((0,), lambda result: "gives an even number" if result % 2 == 0 else None)])
        is verdict
    )
    assert said in capsys.readouterr().out


def test_hints_come_step_by_step(capsys, monkeypatch):
    monkeypatch.setitem(checks.chapter_01.HINTS, "01_9", ("look at the shape", "use sum"))
    checks.hint("01_9")
    assert capsys.readouterr().out == 'Hint 1 of 2: look at the shape\nMore: checks.hint("01_9", 2)\n'
    checks.hint("01_9", 7)
    assert capsys.readouterr().out == "Hint 2 of 2: use sum\n"
    checks.hint("1.9")
    told = capsys.readouterr().out
    assert told.startswith("No hints for '1.9'.") and "01_9" in told
