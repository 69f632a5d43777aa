"""Self-checks and hints for the exercises: ✅ right, ❌ with a case that fails, ⏳ not tried yet.

Each chapter has a module. An exercise is a function to be completed; while it returns ``...`` it counts as not tried.
"""

from utils.checks import (
    chapter_01,
    chapter_02,
    chapter_03,
    chapter_04,
    chapter_05,
    chapter_06,
    chapter_07,
    chapter_08,
    chapter_09,
    chapter_10,
    chapter_12,
)
from utils.checks.chapter_01 import exercise_01_1, exercise_01_2, exercise_01_3
from utils.checks.chapter_02 import exercise_02_1, exercise_02_2, exercise_02_3
from utils.checks.chapter_03 import exercise_03_1, exercise_03_2, exercise_03_3
from utils.checks.chapter_04 import exercise_04_1, exercise_04_2, exercise_04_3
from utils.checks.chapter_05 import exercise_05_1, exercise_05_2, exercise_05_3
from utils.checks.chapter_06 import exercise_06_1, exercise_06_2, exercise_06_3
from utils.checks.chapter_07 import exercise_07_1, exercise_07_2, exercise_07_3
from utils.checks.chapter_08 import exercise_08_1, exercise_08_2, exercise_08_3
from utils.checks.chapter_09 import exercise_09_1, exercise_09_2, exercise_09_3
from utils.checks.chapter_10 import exercise_10_1, exercise_10_2, exercise_10_3
from utils.checks.chapter_12 import exercise_12_1, exercise_12_2, exercise_12_3
from utils.checks.core import check, examine

CHAPTERS = (
    chapter_01,
    chapter_02,
    chapter_03,
    chapter_04,
    chapter_05,
    chapter_06,
    chapter_07,
    chapter_08,
    chapter_09,
    chapter_10,
    chapter_12,
)


def hint(exercise: str, step: int = 1) -> None:
    """Print a hint to an exercise: each step says a little more.

    Parameters
    ----------
    exercise : str
        Chapter and number: ``"06_2"``.
    step : int
        1 for the first hint.
    """
    hints = {name: steps for chapter in CHAPTERS for name, steps in chapter.HINTS.items()}
    if exercise not in hints:
        print(f"No hints for {exercise!r}. There are hints for: {', '.join(hints)}.")
        return
    steps = hints[exercise]
    step = min(max(step, 1), len(steps))
    print(f"Hint {step} of {len(steps)}: {steps[step - 1]}")
    if step < len(steps):
        print(f'More: checks.hint("{exercise}", {step + 1})')
