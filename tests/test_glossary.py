"""notebooks/README.md: a map that agrees with the chapters, and a glossary of terms that the chapters teach.

A chapter whose file does not exist is not looked into, and so the terms that it teaches are not looked up. One that
has no quiz is not finished (CONTRIBUTING.md), and treated alike.
"""

import re

import nbformat
import pytest

import run

FOLDER = run.ROOT / "notebooks"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| (?P<number>\d\d) \| \[[^]]+\]\((?P<file>[^)]+)\): [^|]+\? "
    r"\| [^|]+ \| (?P<minutes>\d+) min \| (?P<needs>[^|]+) \|$",
    re.M,
)
MAP = {row["number"]: row for row in ROW.finditer(README)}
ENTRY = re.compile(
    r"- \*\*(?P<term>[^*]+)\*\* \(chapter \[(?P<number>\d\d)\]\((?P<file>[^)]+)\)\): (?P<sentence>\S.*\.)", re.M
)
ENTRIES = [line for line in README.partition("\n## Glossary\n")[2].splitlines() if line.startswith("- ")]

# A term occurs in a chapter where its words do, or those given here, in small or capital letters, with or without an s.
FORMS = {
    "alpha matte": ["alpha"],
    "augmentation": ["augment"],
    "confidence interval": ["interval"],
    "data parallelism": ["data-parallel"],
    "Dice coefficient": ["Dice"],
    "dilated convolution": ["dilation"],
    "exponential moving average": ["EMA"],
    "freezing": ["frozen", "freeze"],
    "image-blind baseline": ["image-blind"],
    "learning-rate schedule": ["schedule"],
    "paired comparison": ["paired"],
    "quantisation": ["quantise", "quantised"],
}


def text_of(number):
    """The text of a finished chapter, without emphasis and addresses; None where there is none yet."""
    path = FOLDER / MAP[number]["file"]
    if not path.exists():
        return None
    cells = nbformat.read(path, as_version=4).cells
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    if "## Quiz" not in text:
        return None
    return re.sub(r"\]\([^)]*\)|[*`\[\]]", "", text)


@pytest.fixture(scope="module")
def texts():
    return {number: text for number in MAP if (text := text_of(number))}


# --- the map ----------------------------------------------------------------------------------------


def test_the_map_names_thirteen_chapters_and_every_notebook():
    assert list(MAP) == [f"{number:02}" for number in range(1, 14)]
    assert all(row["file"].startswith(f"{number}_") for number, row in MAP.items())
    assert {path.name for path in FOLDER.glob("*.ipynb")} <= {row["file"] for row in MAP.values()}


def test_the_map_agrees_with_the_chapters(texts):
    wrong = {}
    for number, text in texts.items():
        stated = re.search(r"^You need:?(.*?)^Time: (\d+) min to read", text, re.M | re.S)
        chapters, minutes = re.findall(r"\b[01]\d\b", stated[1]), stated[2]
        row = re.findall(r"\b[01]\d\b", MAP[number]["needs"]), MAP[number]["minutes"]
        if row != (chapters, minutes):
            wrong[number] = f"needs {chapters}, {minutes} min to read; the map says {row[0]}, {row[1]} min"
    assert not wrong


def test_links_lead_somewhere():
    chapters = {row["file"] for row in MAP.values()}
    for target in re.findall(r"\]\(([^)#]+)", README):
        assert target in chapters or (FOLDER / target).exists(), target


# --- the glossary -----------------------------------------------------------------------------------


def faults(lines):
    """What is wrong with the form of a glossary, a sentence each."""
    entries = [ENTRY.fullmatch(line) for line in lines]
    terms = [entry["term"].casefold() for entry in entries if entry]
    for line, entry in zip(lines, entries):
        if not entry:
            yield f"not of the form '- **term** (chapter [NN](NN_name.ipynb)): A sentence.': {line}"
        elif entry["number"] not in MAP or entry["file"] != MAP[entry["number"]]["file"]:
            yield f"{entry['term']}: {entry['file']} is not chapter {entry['number']} of the map"
        elif re.search(r"[.!?] [A-Z]", entry["sentence"]):
            yield f"{entry['term']}: more than one sentence"
    if terms != sorted(terms):
        yield f"not in alphabetical order: {[one for one, right in zip(terms, sorted(terms)) if one != right][0]}"
    if len(set(terms)) < len(terms):
        yield f"twice: {sorted({term for term in terms if terms.count(term) > 1})}"
    if not 60 <= len(terms) <= 80:
        yield f"{len(terms)} terms; 60 to 80 are wanted"


def occurs(term, text):
    forms = "|".join(map(re.escape, [term, *FORMS.get(term, [])]))
    return re.search(rf"\b({forms})s?\b", text, re.I) is not None


def test_glossary():
    assert not list(faults(ENTRIES))


@pytest.mark.parametrize("line", ENTRIES, ids=lambda line: line.split("**")[1] if "**" in line else line)
def test_a_term_occurs_in_the_chapter_that_teaches_it(line, texts):
    entry = ENTRY.fullmatch(line)
    if entry["number"] not in texts:
        pytest.skip(f"chapter {entry['number']} is not there, or not finished")
    assert occurs(entry["term"], texts[entry["number"]])


def test_listed_forms_belong_to_terms():
    assert FORMS.keys() <= {ENTRY.fullmatch(line)["term"] for line in ENTRIES}


def test_occurs():
    assert occurs("pseudo-label", "Pseudo-labels are soft.") and occurs("freezing", "the encoder frozen")
    assert not occurs("step", "stepwise") and not occurs("loss", "glossy") and not occurs("ReLU", "relUp")


GOOD = "- **{}** (chapter [01](01_get_the_data.ipynb)): A sentence."


@pytest.mark.parametrize(
    "lines, fault",
    [
        ([GOOD.format("mask")], "1 terms"),
        ([GOOD.format(f"term {number}") for number in range(100, 181)], "81 terms"),
        ([GOOD.format("mask"), GOOD.format("epoch")], "order: mask"),
        ([GOOD.format("mask"), GOOD.format("Mask")], "twice: ['mask']"),
        ([GOOD.format("mask")[:-1]], "not of the form"),
        ([GOOD.format("mask") + " And another."], "more than one"),
        ([GOOD.format("mask").replace("[01]", "[02]")], "is not chapter 02"),
        ([GOOD.format("mask").replace("01_get", "01_got")], "is not chapter 01"),
    ],
)
def test_the_form_is_refused(lines, fault):
    assert any(fault in found for found in faults(lines))
