"""What a committed notebook must be, and what notebooks/run.py does."""

import csv
import json
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
import tomllib

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import run

ROOT = run.ROOT
URL = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]
URLS = [URL, run.repository()]  # a fork's notebooks may carry either
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SOLUTIONS = sorted((ROOT / "notebooks/solutions").glob("*.ipynb"))
# --- reading a notebook -----------------------------------------------------------------------------


def codes(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def outputs(notebook):
    return [output for cell in codes(notebook) for output in cell.outputs]


def output_texts(notebook):
    for output in outputs(notebook):
        yield output.get("text", "")
        yield from output.get("traceback", [])
        yield from (str(value) for kind, value in output.get("data", {}).items() if not kind.startswith("image/"))


def markdown(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def length(cell):
    """Lines that hold something."""
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def figures(notebook):
    """Names of the figures that the cells save, such as 05_curves."""
    sources = "\n".join(cell.source for cell in codes(notebook))
    return re.findall(r"\bsave\(.*?[\"'](\d\d_[\w-]+)[\"']\s*[,)]", sources, re.S)


def stated_seconds(text):
    """The seconds of `**Time**: 30 min to read; 1 min 20 s to run on 2 CPU cores`; None if there are none."""
    line = re.search(r"\*\*Time\*\*:?(?:.*?to read;)?(.*?)on 2 CPU cores", text)
    parts = re.findall(r"(\d+(?:\.\d+)?) ?(min|s)\b", line[1]) if line else []
    return sum(float(number) * {"min": 60, "s": 1}[unit] for number, unit in parts) or None


# --- the policy -------------------------------------------------------------------------------------


def faults(notebook, path):
    """Everything that keeps the notebook `path` (from the root) from being committed, one sentence each."""
    solution = "/solutions/" in path
    return [*not_executed(notebook), *([] if solution else chapter_faults(notebook, path))]


def not_executed(notebook):
    counts = [cell.execution_count for cell in codes(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"not executed in order: {counts}"
    for output in outputs(notebook):
        if output.output_type == "error":
            yield f"a cell failed: {output.ename}: {output.evalue}"


def chapter_faults(notebook, path):
    text, sources = markdown(notebook), "\n".join(cell.source for cell in notebook.cells)
    first = notebook.cells[0].source
    if not {run.badge(url, path) for url in URLS} & set(first.splitlines()):
        yield "the first cell lacks the Colab badge of this address: run it through `make course`"
    if not re.match(r"# [A-Z]", first):
        yield "the first cell does not begin with a title"
    tagged = [cell for cell in codes(notebook) if "setup" in cell.metadata.get("tags", [])]
    right = [[run.setup_cell(url, path)] for url in URLS]
    if [cell.source for cell in tagged] not in right or codes(notebook)[0] is not tagged[0]:
        yield "the first code cell is not the one set-up cell, tagged `setup`, as run.py writes it"
    for heading in ("You will learn", "You need", "Time", "What you saw", "Exercises"):
        if not re.search(rf"^(#+ |\*\*){heading}\b", text, re.M):
            yield f"no {heading!r}"

    lengths = [length(cell) for cell in codes(notebook) if cell not in tagged] or [0]
    if max(lengths) > 25:
        yield f"a code cell of {max(lengths)} lines; 25 is the most"
    if statistics.median(lengths) > 6:
        yield f"half of the code cells have more than {statistics.median(lengths):.0f} lines; 6 is the most"

    printed = [output.text for output in outputs(notebook) if output.get("name") == "stdout"]
    if not printed or "data/sample" not in printed[0].splitlines()[0]:
        yield "the first line printed does not say data/sample"
    if any(output.get("name") == "stderr" for output in outputs(notebook)):
        yield "something was written to stderr"
    for shown in output_texts(notebook):
        if match := re.search(r"(?<![\w.])/(work|home|root|tmp|content|Users)/\S*", shown):
            yield f"an output shows a path of one machine: {match[0]}"
        if match := re.search(r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d", shown):
            yield f"an output shows a time of day: {match[0]}"
        if match := re.search(r"\bat 0x[0-9a-f]{6,}", shown):
            yield f"an output shows a memory address: {match[0]}"
    if match := re.search(r"\.\./shared\S*|(?<![\w.])/(work|home|root|Users)/\S*", sources):
        yield f"it reads outside the project: {match[0]}"
    size = len(json.dumps([cell.outputs for cell in codes(notebook)]))
    if size > 1_500_000:
        yield f"its outputs take {size / 1e6:.1f} MB; 1.5 MB is the most"

    if path.split("/")[1][:2] in FINISHED:
        yield from teaching_faults(notebook, text)
    missing = [name for name in figures(notebook) if not (ROOT / f"figures/{name}.png").exists()]
    if missing:
        yield f"not in figures/: {missing}"


FINISHED = ("01", "02", "03", "04", "05", "06", "07", "10", "12")  # chapters that are held to the rules below, too


def teaching_faults(notebook, text):
    """What a chapter needs to teach: a limited length, folded cells, alternative texts, quiz, hints, reading."""
    words = len(re.sub(r"\]\(.*?\)|<.*?>|\W+", " ", text).split())
    if len(notebook.cells) > 90 or words > 2200:
        yield f"{len(notebook.cells)} cells and {words} words; 90 and 2,200 are the most"
    if not re.search(r"\*\*Time\*\*: \d+ min to read; [\d a-z]+ to run on 2 CPU cores", text):
        yield "write: **Time**: 30 min to read; 70 s to run on 2 CPU cores, 20 s on a GPU."
    for heading in ("Quiz", "Exercises", "Further reading"):
        if not re.search(rf"^## {heading}$", text, re.M):
            yield f"no heading '## {heading}'"
    quiz = re.search(r"^## Quiz$(.*?)^## ", text, re.M | re.S)
    if quiz and quiz[1].count("<details>") != 3:
        yield f"{quiz[1].count('<details>')} folded answers in the quiz; it has 3"
    if "Predict before you run" not in text:
        yield "no open question 'Predict before you run'"
    reading = text.partition("## Further reading")[2]
    if len(re.findall(r"\]\(https?://", reading)) < 3:
        yield "fewer than 3 links under Further reading"
    hidden = [cell for cell in codes(notebook) if cell.source.startswith("#@title")]
    if len(hidden) < 2 or not all(cell.metadata.get("jupyter", {}).get("source_hidden") for cell in hidden):
        yield "set-up and imports are not both folded: begin them with #@title and run it through `make course`"
    for output in outputs(notebook):
        if "image/png" in output.get("data", {}) and not output.metadata.get("image/png", {}).get("alt"):
            yield f"a figure without alternative text: {output.data.get('text/plain', '')[:60]}"
    sources = "\n".join(cell.source for cell in notebook.cells)
    hints = re.findall(r"checks\.hint\([\"'](\d\d_\d)[\"']", sources)
    asked = re.findall(r"checks\.exercise_(\d\d_\d)", sources)
    if missing := set(asked) - set(hints):
        yield f"no checks.hint for the exercises {sorted(missing)}"


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def each(paths):
    """Parametrise over notebooks; without any, one skipped test says so."""
    none = [pytest.param(None, marks=pytest.mark.skip("no notebook yet"), id="none")]
    return pytest.mark.parametrize("path", [pytest.param(path, id=name_of(path)) for path in paths] or none)


@each(CHAPTERS + SOLUTIONS)
def test_committed_notebook(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    if found := list(faults(notebook, name_of(path))):
        pytest.fail(f"{name_of(path)}:\n" + "\n".join(found), pytrace=False)


@each(CHAPTERS)
def test_stated_time_is_the_time_of_the_last_run(path):
    stated = stated_seconds(markdown(nbformat.read(path, as_version=4)))
    assert stated, "write: **Time**: 70 s on 2 CPU cores, 20 s on a GPU"
    with (ROOT / run.RECORD).open(newline="") as file:
        last = {row["name"]: row for row in csv.DictReader(file)}[path.stem]
    if last["machine"] != "2 CPU cores":
        pytest.skip(f"the last run was on {last['machine']}")
    seconds = float(last["seconds"])
    assert abs(stated - seconds) <= seconds / 3 + 5, f"stated {stated:.0f} s, taken {seconds:.0f} s"


# --- the policy refuses what it should --------------------------------------------------------------


QUIZ = "\n\n".join(["## Quiz", *["Why?\n<details><summary>Answer</summary>\n\nBecause.\n\n</details>"] * 3])
LINKS = "\n".join(["## Further reading", *["- [A paper](https://doi.org/10.1/1), 2015: why."] * 3])


def chapter(*cells, path="notebooks/01_try.ipynb"):
    """A notebook that the policy accepts, with more code cells (or ready cells) before its end."""
    folded = {"jupyter": {"source_hidden": True}}
    learn = "**You will learn**\n- one\n\n**You need**: it.\n\n"
    notebook = new_notebook(
        cells=[
            new_markdown_cell(f"# Try it\n\n{run.badge(URL, path)}\n\nA promise."),
            new_markdown_cell(learn + "**Time**: 20 min to read; 5 s to run on 2 CPU cores, 5 s on a GPU."),
            new_code_cell(run.setup_cell(URL, path), metadata={"tags": ["setup"], **folded}),
            new_code_cell("#@title Imports\nfrom utils import checks", metadata=folded),
            new_code_cell(
                "print('data/sample: 48 cars, 768 images')",
                outputs=[new_output("stream", text="data/sample: 48 cars, 768 images\n")],
            ),
            *(cell if isinstance(cell, dict) else new_code_cell(cell) for cell in cells),
            new_markdown_cell("## What you saw"),
            new_markdown_cell(QUIZ),
            new_markdown_cell("## Exercises\n\n**Predict before you run**: more or less?"),
            new_code_cell("checks.exercise_01_1(f)  # checks.hint('01_1')"),
            new_markdown_cell(LINKS),
        ]
    )
    return run.normalise(notebook)


def shows(text):
    return new_code_cell("show()", outputs=[new_output("display_data", {"text/html": text})])


@pytest.mark.parametrize(
    "cell, fault",
    [
        (new_code_cell("1/0", outputs=[new_output("error", ename="ZeroDivisionError", evalue="by zero")]), "failed"),
        (new_code_cell("warn()", outputs=[new_output("stream", name="stderr", text="careful")]), "stderr"),
        (shows("<td>/home/ada/carvana</td>"), "path of one machine: /home/ada"),
        (shows("read 2026-08-01T10:00"), "time of day"),
        (shows("<Line2D at 0x7f00aa55>"), "memory address"),
        (shows("x" * 1_600_000), "1.6 MB"),
        (new_code_cell("open('../shared/data/a.jpg')"), "outside the project: ../shared/data/a.jpg"),
        (new_code_cell("x = 1\n" * 26), "26 lines"),
        (new_code_cell("plots.save(plots.curves(history), '99_no-such')"), "99_no-such"),
        (
            new_code_cell("show()", outputs=[new_output("display_data", {"image/png": "AA=="})]),
            "alternative text",
        ),
        (new_code_cell("checks.exercise_01_2(f)"), "no checks.hint for the exercises ['01_2']"),
        (new_markdown_cell("word " * 2200), "2,200"),
    ],
)
def test_policy_refuses(cell, fault):
    found = list(faults(chapter("1", "2", cell), "notebooks/01_try.ipynb"))
    assert len(found) == 1 and fault in found[0]


def test_policy_accepts_the_skeleton_and_refuses_a_broken_one():
    path = "notebooks/01_try.ipynb"
    assert not list(faults(chapter(), path))
    assert any("badge" in fault for fault in faults(chapter(), "notebooks/02_other.ipynb"))
    for index, fault in [
        (0, "badge"),
        (1, "You will learn"),
        (2, "set-up"),
        (3, "not both folded"),
        (4, "data/sample"),
        (-4, "Quiz"),
        (-3, "Predict before you run"),
        (-1, "Further reading"),
    ]:
        notebook = chapter()
        del notebook.cells[index]
        assert any(fault in found for found in faults(notebook, path)), fault
    notebook = chapter()
    notebook.cells[2].execution_count = 7
    assert any("in order" in fault for fault in faults(notebook, path))
    assert any("half of the code cells" in fault for fault in faults(chapter(*["x = 1\n" * 8] * 5), path))


@pytest.mark.parametrize(
    "line, seconds",
    [
        ("**Time**: 70 s on 2 CPU cores, 20 s on a GPU.", 70),
        ("**Time**: about 1 min 20 s on 2 CPU cores", 80),
        ("**Time** 2 min on 2 CPU cores", 120),
        ("**Time**: 30 min to read; 1 min 20 s to run on 2 CPU cores, 20 s on a GPU.", 80),
        ("**Time**: short", None),
    ],
)
def test_stated_seconds(line, seconds):
    assert stated_seconds(line) == seconds


def test_figures_are_found_in_calls_of_calls():
    source = 'plots.save(plots.curves(a, labels=["x"]), "05_curves")\nplots.save(\n    fig,\n    "05_gallery"\n)'
    assert figures(chapter(source)) == ["05_curves", "05_gallery"]


# --- run.py -----------------------------------------------------------------------------------------


@pytest.fixture
def course(tmp_path):
    """A project of its own: write(name, *cells) adds a notebook that has not been executed."""
    (tmp_path / "notebooks/solutions").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nRepository = "https://github.com/ada/cars"\n')

    def write(name, *sources):
        cells = [new_markdown_cell("# Try it\n\nA promise."), new_code_cell("pass", metadata={"tags": ["setup"]})]
        path = tmp_path / f"notebooks/{name}.ipynb"
        nbformat.write(new_notebook(cells=cells + [new_code_cell(source) for source in sources]), path)
        return path

    write.root = tmp_path
    return write


def test_a_good_notebook_is_executed_in_place(course, capsys):
    path = course(
        "01_good",
        "import os\nprint(os.getcwd().split('/')[-1], sys.path[0])\nprint(sys.executable)",
        "block = b'x' * 200_000_000\nlen(block)",
        "sys.stderr.write('I0000 00:00:17 noise\\n');",
        "print('a\\rb')",
    )
    assert run.main([], course.root) == 0
    notebook = nbformat.read(path, as_version=4)
    assert run.badge("https://github.com/ada/cars", "notebooks/01_good.ipynb") in notebook.cells[0].source
    assert notebook.cells[1].source == run.setup_cell("https://github.com/ada/cars", "notebooks/01_good.ipynb")
    assert not list(not_executed(notebook))
    assert notebook.cells[2].outputs[0].text == f"notebooks ..\n{sys.executable}\n"
    assert notebook.cells[3].outputs[0].data["text/plain"] == "200000000"
    assert [output.get("text") for cell in notebook.cells[4:] for output in cell.outputs] == ["b\n"]
    assert "execution" not in json.dumps([cell.metadata for cell in notebook.cells])

    line = capsys.readouterr().out.splitlines()[0]
    assert re.fullmatch(r"01_good +\d+ s +\d+ MB", line)
    with (course.root / run.RECORD).open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["01_good"] and float(rows[0]["peak_mb"]) > 200

    before = path.read_bytes()
    assert run.main(["01"], course.root) == 0
    assert path.read_bytes() == before  # a second run changes nothing


def test_a_failing_notebook_is_named_and_left_alone(course, capsys):
    path = course("02_bad", "x = 0", "def half():\n    return 1 / x\nhalf()")
    after = course("03_after", "1")
    before = path.read_bytes(), after.read_bytes()
    assert run.main([], course.root) == 1
    assert (path.read_bytes(), after.read_bytes()) == before
    told = capsys.readouterr().err
    assert "02_bad.ipynb stopped in cell [3]" in told and "return 1 / x" in told
    assert "ZeroDivisionError: division by zero" in told and "Traceback" not in told
    assert sorted(path.name for path in (course.root / "notebooks").iterdir()) == [
        "02_bad.ipynb",
        "03_after.ipynb",
        "solutions",
    ]
    assert not (course.root / run.RECORD).exists()


def test_a_kernel_that_dies_is_explained(course, capsys):
    path = course("01_dies", "import os\nos.kill(os.getpid(), 9)")
    before = path.read_bytes()
    assert run.main([], course.root) == 1
    told = capsys.readouterr().err
    assert (
        "01_dies.ipynb stopped in cell [2]" in told
        and "Traceback" not in told
        and "kernel died" in told
        and "memory" in told
    )
    assert path.read_bytes() == before


@pytest.mark.slow
def test_an_interrupt_leaves_the_notebook_alone(course):
    path = course("01_slow", "import time\nprint('go', flush=True)\nopen('started', 'w').close()\ntime.sleep(60)")
    before = path.read_bytes()
    code = f"import sys, run, pathlib; sys.exit(run.main([], pathlib.Path({str(course.root)!r})))"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=ROOT / "notebooks", stderr=subprocess.PIPE, text=True) as child:
        while not (course.root / "notebooks/started").exists():
            assert child.poll() is None
            time.sleep(0.1)
        child.send_signal(signal.SIGINT)
        told = child.communicate(timeout=20)[1]
    assert child.returncode == 130 and "as it was before" in told and "Traceback" not in told
    assert path.read_bytes() == before


def test_selection(course, capsys):
    for name in ("05_net", "01_data", "10_beyond", "solutions/05_net"):
        course(name, "1")
    (course.root / "notebooks/scratch.ipynb").write_text("not a chapter")

    def stems(*names):
        return [path.relative_to(course.root / "notebooks").as_posix() for path in run.select(names, course.root)]

    assert stems() == ["01_data.ipynb", "05_net.ipynb", "10_beyond.ipynb"]
    assert stems("05") == ["05_net.ipynb"]
    assert stems("solutions", "notebooks/05_net.ipynb") == ["solutions/05_net.ipynb", "05_net.ipynb"]
    assert run.main(["07"], course.root) == 2
    assert "01_data, 05_net, 10_beyond" in capsys.readouterr().err


def test_a_relative_data_folder_holds_in_every_notebook(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("CARVANA_DATA", "data/cars")
    assert run.environment()["CARVANA_DATA"] == str(ROOT / "data/cars")
    monkeypatch.delenv("CARVANA_DATA")
    assert "CARVANA_DATA" not in run.environment()


def test_a_chapter_installs_what_colab_lacks_for_it():
    for name, packages in (("05_net", "pycocotools"), ("12_product", "onnxruntime onnx tf2onnx")):
        for folder in ("notebooks", "notebooks/solutions"):
            assert f"!pip install -q {packages}\n" in run.setup_cell(URL, f"{folder}/{name}.ipynb")


def test_set_up_cell_of_solutions_reaches_the_root():
    cell = run.setup_cell(URL, "notebooks/solutions/05_net.ipynb")
    assert 'sys.path.insert(0, "../..")' in cell and "/notebooks/solutions" in cell
    assert length(new_code_cell(cell)) <= 8


@pytest.mark.parametrize(
    "origin",
    [
        "https://github.com/grace/taxis",
        "https://github.com/grace/taxis.git",
        "https://grace:secret@github.com/grace/taxis.git/",
        "git@github.com:grace/taxis.git",
        "ssh://git@github.com/grace/taxis.git",
    ],
)
def test_badge_and_clone_line_point_to_where_this_clone_came_from(course, origin):
    git(course.root, "init", "-q")
    git(course.root, "remote", "add", "origin", origin)
    assert run.repository(course.root) == "https://github.com/grace/taxis"
    path = course("01_try")
    run.run(path, course.root)
    text = path.read_text()
    assert "/github/grace/taxis/blob/main/notebooks/01_try.ipynb" in text and "github.com/ada" not in text
    assert "[ -d taxis ] || git clone -q --depth 1 https://github.com/grace/taxis\\n" in text


@pytest.mark.parametrize("origin", ["/srv/cars", "https://gitlab.com/grace/taxis", "https://github.com.evil.org/a/b"])
def test_an_origin_elsewhere_leaves_the_address_to_pyproject(course, origin):
    assert run.repository(course.root) == "https://github.com/ada/cars"  # no clone at all
    git(course.root, "init", "-q")
    assert run.repository(course.root) == "https://github.com/ada/cars"  # no origin
    git(course.root, "remote", "add", "origin", origin)
    assert run.repository(course.root) == "https://github.com/ada/cars"


def git(folder, *arguments):
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    subprocess.run(["git", "-C", folder, *arguments], check=True)


@pytest.mark.slow
def test_a_full_disk_leaves_the_notebook_and_says_how_much_room_it_needs(course):
    """With a limit on the size of files, as where a quota is used up: the cells run, the file does not fit."""
    path = course("01_large", "print(('x' * 99 + '\\n') * 3000)")
    before = path.read_bytes()
    code = (
        "import pathlib, resource, signal, sys, run\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        f"sys.exit(run.main([], pathlib.Path({str(course.root)!r})))"
    )
    pytest.importorskip("resource", reason="Windows has no such limit")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "notebooks", capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert re.search(r"No room for \S+01_large.ipynb, which needs about 0\.3 MB", done.stderr)
    assert "Traceback" not in done.stderr
    assert path.read_bytes() == before and len(list(path.parent.iterdir())) == 2  # it and solutions/


def test_normal_form_keeps_ids_and_tags_and_drops_the_rest():
    metadata = {"widgets": {}, "kernelspec": {"name": "conda-env-x", "display_name": "x"}}
    notebook = new_notebook(
        metadata=metadata,
        cells=[
            new_code_cell("x", metadata={"tags": ["setup"], "execution": {"iopub.status.busy": "now"}}),
            new_code_cell("x", metadata={"jupyter": {"source_hidden": True, "outputs_hidden": False}}),
            new_code_cell("", metadata={"jupyter": {"outputs_hidden": True}}),
        ],
    )
    run.normalise(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == 3
    assert [cell.metadata for cell in notebook.cells] == [{"tags": ["setup"]}, {"jupyter": {"source_hidden": True}}, {}]
    assert [cell.execution_count for cell in notebook.cells] == [1, 2, None]
    assert notebook.metadata.kernelspec.name == "python3" and "widgets" not in notebook.metadata
    assert notebook.metadata.language_info.pygments_lexer == "ipython3"
    assert [cell.id for cell in run.normalise(notebook).cells] == ids
    nbformat.validate(notebook)


def test_normal_form_keeps_the_picture_beside_a_widget():
    shown = {"image/png": "AA==", "text/plain": "a car", run.WIDGET_VIEW: {"model_id": "1"}}
    output = new_output("execute_result", shown, execution_count=1, metadata={"image/png": {"alt": "a car"}})
    (kept,) = run.normalise(new_notebook(cells=[new_code_cell("look", outputs=[output])])).cells[0].outputs
    assert kept.data == {"image/png": "AA==", "text/plain": "a car"}
    assert kept.metadata == {"image/png": {"alt": "a car"}}


def test_record_keeps_one_row_a_notebook(tmp_path):
    path = tmp_path / "results/course.csv"
    for name, seconds in [("02_b", 9.6), ("01_a", 3), ("02_b", 7)]:
        run.record(path, name, seconds, 512.4)
    rows = path.read_text().splitlines()
    assert rows[0] == "name,seconds,peak_mb,machine"
    assert [row.rsplit(",", 1)[0] for row in rows[1:]] == ["01_a,3,512", "02_b,7,512"]
