"""notebooks/TEACHING.md: every chapter has an aim, questions, misunderstandings and an assignment; timetables add up.

What is said about a cell names its section, as in: under *A question?* That section has to be in the chapter.
Chapters whose file does not exist are not looked into.
"""

import re

import nbformat
import pytest

import run

FOLDER = run.ROOT / "notebooks"
TEACHING = (FOLDER / "TEACHING.md").read_text(encoding="utf-8")
CHAPTERS = sorted(path.name for path in FOLDER.glob("*.ipynb"))
CHAPTER = re.compile(r"^## \[(\d\d)\]\((\d\d_\w+\.ipynb)\) [^\n]+$(.*?)(?=^## |\Z)", re.M | re.S)
SECTIONS = {file: text for _, file, text in CHAPTER.findall(TEACHING)}
PARTS = (
    r"\*\*Aim\.\*\* ",
    r"\*\*Ask the class\*\*$",
    r"\*\*Usual misunderstandings\*\*$",
    r"\*\*Assignment: [^*]+\.\*\* ",
)


def faults(section):
    """What a chapter's section lacks, a sentence each."""
    starts = [re.search(rf"^{part}", section, re.M) for part in PARTS]
    if not all(starts) or sorted(starts, key=lambda start: start.start()) != starts:
        yield "not the four parts, in order: aim, questions, misunderstandings, assignment"
        return
    aim, asked, wrong, assignment = (
        section[start.end() : end.start() if end else None] for start, end in zip(starts, [*starts[1:], None])
    )
    if not re.fullmatch(r"[^.]+\.", aim.strip()):
        yield "the aim is not one sentence"
    if len(re.findall(r"^\d\. \*[^*]+\?\*\n   \S", asked, re.M)) != 3 or len(re.findall(r"^\d\.", asked, re.M)) != 3:
        yield "not three questions, each with its answer below it"
    points = re.findall(r"^- (.*)$", wrong, re.M)
    if len(points) < 2 or not all(re.match(r'\*".+?[.?]"\* \S', point) for point in points):
        yield 'not at least two misunderstandings, each as *"What learners say."* with what clears it up'
    if not re.match(r"\S", assignment):
        yield "the assignment says nothing"
    rubric = [int(number) for number in re.findall(r"^\| [^|]+ \| (\d+) \|$", assignment, re.M)]
    if not 3 <= len(rubric) <= 4 or sum(rubric) != 10:
        yield f"a rubric of {rubric}; three or four criteria share 10 points"


def headings(file):
    cells = nbformat.read(FOLDER / file, as_version=4).cells
    return {
        found for cell in cells if cell.cell_type == "markdown" for found in re.findall("^## (.*)$", cell.source, re.M)
    }


@pytest.mark.parametrize("file", sorted({*CHAPTERS, *SECTIONS}))
def test_chapter(file):
    assert file in SECTIONS, "TEACHING.md has no section '## [NN](NN_name.ipynb) Title'"
    assert not list(faults(SECTIONS[file]))
    if file in CHAPTERS:
        cited = re.findall(r"under\s+\*([^*]+)\*", SECTIONS[file])
        assert {" ".join(title.split()) for title in cited} <= headings(file)


def test_thirteen_chapters_in_order():
    found = CHAPTER.findall(TEACHING)
    assert [number for number, _, _ in found] == [f"{number:02}" for number in range(1, 14)]
    assert all(file.startswith(f"{number}_") for number, file, _ in found)


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)", TEACHING):
        assert target in SECTIONS or (FOLDER / target).exists(), target


def test_timetables_add_up():
    routes = re.findall(r"^### [^\n]+ \((\d+) min\)$(.*?)(?=^##|\Z)", TEACHING, re.M | re.S)
    assert len(routes) == 3
    for total, text in routes:
        assert sum(map(int, re.findall(r"^\| (\d+) \|", text, re.M))) == int(total)


SECTION = next(iter(SECTIONS.values()))


@pytest.mark.parametrize(
    "old, new, fault",
    [
        (r"\*\*Aim\.\*\*", "", "four parts"),
        (r"\*\*Usual", "**Frequent", "four parts"),
        (r"(\*\*Aim\.\*\* .)", r"\1Two. ", "one sentence"),
        (r"^3\. .*$", "", "three questions"),
        (r"^3\. .*\n.*\n(?:   .*\n)*", "3. *Why?*\n", "three questions"),
        (r'^- \*".*$', "", "two misunderstandings"),
        (r"\| 3 \|$", "| 4 |", "rubric of [4, 2, 2, 4]"),
    ],
)
def test_a_section_is_refused(old, new, fault):
    broken = re.sub(old, new, SECTION, flags=re.M)
    assert broken != SECTION and any(fault in found for found in faults(broken))
