"""The dependency list admits what it should, the commands explain themselves, and what others read of us is right."""

import os
import re
import shutil
import stat
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[1]

# The newest releases when the bounds were last looked at (November 2026).
NEWEST = {
    "tensorflow": "2.21.0",
    "keras": "3.15.1",
    "onnxruntime": "1.31.1",
    "numpy": "2.4.6",
    "pandas": "3.1.1",
    "matplotlib": "3.11.2",
    "scikit-image": "0.26.0",
    "scipy": "1.17.1",
    "pillow": "13.0.0",
    "opencv-python-headless": "5.0.0.93",
    "kaggle": "2.2.5",
    "filelock": "4.2.11",
    "tqdm": "4.70.1",
    "pycocotools": "2.0.11",
    "jupyter": "1.1.1",
    "ipywidgets": "8.1.9",
    "psutil": "7.2.2",
    "nbval": "0.11.0",
    "pytest": "9.2.0",
    "pytest-xdist": "3.8.0",
    "hypothesis": "6.170.15",
    "ruff": "0.17.5",
}


def lines(name):
    """The lines of a requirements file that name a package, as (requirement, comment)."""
    for line in (ROOT / name).read_text().splitlines():
        text, _, comment = line.partition("#")
        if text.strip() and not text.startswith("-"):
            yield Requirement(text.strip()), comment.strip()


REQUIREMENTS = {requirement.name: requirement.specifier for requirement, _ in lines("requirements.txt")}
COLAB, CONSTRAINTS, BACKENDS, PEERS = (
    {pin.name: next(iter(pin.specifier)).version for pin, _ in lines(name)}
    for name in ("tests/colab-versions.txt", "constraints.txt", "tests/backends.txt", "benchmarks/requirements.txt")
)


@pytest.mark.parametrize("name", ["requirements.txt", "utils/export.txt"])
def test_every_requirement_says_where_it_is_used_and_has_two_bounds(name):
    for requirement, comment in lines(name):
        assert len(comment.split()) >= 3, f"{requirement.name}: say where it is used"
        assert {bound.operator for bound in requirement.specifier} == {">=", "<"}, requirement


@pytest.mark.parametrize("versions", [COLAB, NEWEST, CONSTRAINTS], ids=["colab", "newest", "constraints"])
def test_bounds_admit(versions):
    for name in versions.keys() & REQUIREMENTS.keys():
        assert versions[name] in REQUIREMENTS[name], f"{name} {versions[name]} is outside {REQUIREMENTS[name]}"
    assert versions is CONSTRAINTS or versions.keys() <= REQUIREMENTS.keys()


def test_the_exporter_is_not_among_what_a_learner_needs_and_has_versions_that_pass():
    exporter = {requirement.name: requirement.specifier for requirement, _ in lines("utils/export.txt")}
    assert not exporter.keys() & REQUIREMENTS.keys()
    for name, bounds in exporter.items():
        assert CONSTRAINTS[name] in bounds


def test_every_requirement_was_looked_at():
    assert set(NEWEST) == set(REQUIREMENTS)


def test_this_environment_is_inside_the_bounds():
    for name, bounds in REQUIREMENTS.items():
        assert version(name) in bounds, f"{name} {version(name)} is outside {bounds}: run `make test` again"


def test_every_requirement_has_the_version_it_was_last_seen_to_pass_with():
    assert REQUIREMENTS.keys() <= CONSTRAINTS.keys()
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line), f"{line}: a name and a version, of any machine"


@pytest.mark.parametrize("python", ["3.11.0", "3.12.0", "3.13.0"])
def test_constraints_suit_every_python_of_the_course(python):
    """Seen in what the packages that are installed here, in just these versions, say of themselves."""
    seen = 0
    for name, number in CONSTRAINTS.items():
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        if found.version == number:
            seen += 1
            pythons = SpecifierSet(found.metadata.get("Requires-Python", ""))
            assert python in pythons, f"{name} {number} needs Python {pythons}: take its line out of constraints.txt"
    if not seen:
        pytest.skip("another environment")


def test_the_engines_are_those_of_the_benchmarks():
    assert BACKENDS == {name: PEERS[name] for name in BACKENDS}


def test_conda_users_get_the_same_list():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    assert pip == {"pip": ["-r requirements.txt"]}
    assert [re.split("[<>=]", name)[0] for name in conda] == ["python", "pip"]


def test_ci_calls_make_test_and_before_it_installs_what_the_site_needs():
    script = ROOT / ".ci/run"
    assert os.name == "nt" or script.stat().st_mode & stat.S_IXUSR
    commands = [line for line in script.read_text().splitlines() if not re.match("#|set |cd ", line)]
    install, test = commands
    assert test == "make test" and re.search("apt-get install -y chromium npm", install)


def test_github_runs_the_same_commands_on_every_system():
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())
    jobs, triggers = workflow["jobs"], workflow[True]  # YAML 1.1 reads `on` as true
    commands = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}
    assert commands == {
        "check": ["make check PYTHON=python"], "test": ["make test"], "newest": ["make test CONSTRAINTS="],
    }  # fmt: skip
    assert [name.split("-")[0] for name in jobs["check"]["strategy"]["matrix"]["os"]] == ["ubuntu", "macos", "windows"]
    assert "push" in triggers and len(triggers["schedule"]) == 1
    assert "== 'schedule'" in jobs["newest"]["if"]
    assert all("!= 'schedule'" in jobs[name]["if"] for name in ("check", "test"))


# --- what others read of us ---------------------------------------------------------------------------


def test_the_citation_is_complete_and_of_this_project():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()  # what the schema asks for
    assert citation["cff-version"] == "1.2.0" and all(author["name"] for author in citation["authors"])
    assert citation["version"] == project["version"]
    assert citation["repository-code"] == project["urls"]["Repository"]
    assert citation["license"] == project["license"] == (ROOT / "LICENSE").read_text().split()[0] == "MIT"
    assert f"# {citation['title']}\n" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "benchmarks/README.md", "data/README.md"])
def test_every_link_to_a_file_leads_somewhere(name):
    page = ROOT / name
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page.read_text()) if not link.startswith("http")]
    for link in links:
        path, _, heading = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{name}: {link}"
        headings = re.findall("^#+ (.*)", target.read_text(), re.M) if heading else []
        slugs = [re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in headings]
        assert not heading or heading in slugs, f"{name}: {link}"
    assert links


def test_the_readme_is_one_page_and_lists_every_chapter():
    page = (ROOT / "README.md").read_text()
    assert len(page.splitlines()) <= 120
    listed = re.findall(r"\(notebooks/(\d\d_\w+\.ipynb)\)", page)
    assert listed == sorted(path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))


# --- the Makefile -----------------------------------------------------------------------------------


def make(*arguments):
    if os.name == "nt" or not shutil.which("make"):
        pytest.skip("no make here, or one with paths of its own")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)


def test_make_alone_lists_the_commands():
    told = make().stdout
    commands = re.findall("^make ([a-z-]+) ", told, re.M)
    assert commands == re.search("^.PHONY: help (.*)", (ROOT / "Makefile").read_text(), re.M)[1].split()
    assert not re.search("^(PYTHON|VENV) .?=", told, re.M)


@pytest.mark.parametrize(
    "python, advice",
    [
        ("exit 1  # too old", "Python 3.11 or newer is needed"),
        ('case "$2" in *ensurepip*) exit 1;; esac', "apt install python3-venv"),
        (None, "There is no"),
    ],
)
def test_a_python_that_will_not_do_is_explained(tmp_path, python, advice):
    fake = tmp_path / "python3"
    if python:
        fake.write_text(f'#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2 && exit 0\n{python}\n')
        fake.chmod(0o755)
    result = make("course", f"PYTHON={fake}", f"VENV={tmp_path}/venv")
    assert result.returncode == 2 and advice in result.stdout
    assert not (tmp_path / "venv").exists()


def test_a_second_call_installs_nothing(tmp_path):
    assert "pip install" in make("-n", "course", f"VENV={tmp_path}").stdout
    for stamp in ("ready", "ready-for-export"):
        (tmp_path / stamp).touch()
    planned = make("-n", "course", f"VENV={tmp_path}", "NB=05").stdout
    assert "pip" not in planned and "run.py 05" in planned


@pytest.mark.parametrize(
    "arguments, environment, constrained",
    [
        ([], ".venv", "-c constraints.txt "),
        (["CONSTRAINTS="], ".venv-newest", ""),
        (["CONSTRAINTS=tests/colab-versions.txt"], ".venv-colab-versions", "-c tests/colab-versions.txt "),
    ],
    ids=["last seen", "newest", "colab"],
)
def test_constraints_have_an_environment_of_their_own(arguments, environment, constrained):
    planned = re.sub(" +", " ", make("-n", "-W", "requirements.txt", "test", *arguments).stdout)
    assert f"\n{environment}/bin/python -m pip install -q -r requirements.txt {constrained}||" in planned
    assert f"\n{environment}/bin/pytest" in planned


def test_check_is_a_part_of_test(tmp_path):
    (tmp_path / "ready").touch()
    check, test = (make("-n", command, f"VENV={tmp_path}").stdout for command in ("check", "test"))
    assert test.startswith(check)
    assert "ruff check" in check and "ruff format --check" in check and '-m "not slow"' in check
    assert "pip install -q -r utils/export.txt -c constraints.txt\n" in test
    assert "-m slow" in test and "COURSE_BUDGET=quick" in test and "--nbval" in test and "nbval" not in check


def test_every_engine_runs_what_must_not_depend_on_it():
    planned = make("-n", "-W", "tests/backends.txt", "test-backends").stdout
    assert ".venv-backends/bin/pip install -q -r tests/backends.txt" in planned
    assert "for backend in tensorflow jax torch;" in planned
    for name in ("models", "losses", "metrics", "training", "inference"):
        assert f"tests/test_{name}.py" in planned


def test_an_engine_that_fails_is_named_after_all_have_run(tmp_path):
    pytest_ = tmp_path / "bin/pytest"
    pytest_.parent.mkdir()
    pytest_.write_text('#!/bin/sh\necho "runs on $KERAS_BACKEND"\n[ $KERAS_BACKEND != jax ]\n')
    pytest_.chmod(0o755)
    (tmp_path / "ready").touch()
    done = make("test-backends", f"BACKENDS_VENV={tmp_path}")
    assert done.returncode == 2 and re.findall("runs on (.*)", done.stdout) == ["tensorflow", "jax", "torch"]
    assert done.stdout.splitlines()[-1] == "Failed on: jax"


def test_the_benchmarks_have_an_environment_of_their_own():
    planned = make("-n", "-W", "benchmarks/requirements.txt", "bench", "NAME=rle").stdout
    assert ".venv-peers/bin/python -m pip install -q -r benchmarks/requirements.txt" in planned
    assert planned.splitlines()[-1] == ".venv-peers/bin/python -m benchmarks rle"


def test_clean_keeps_the_kaggle_data_and_the_models():
    planned = make("-n", "clean").stdout
    assert ".venv" in planned and "data/cache" in planned
    assert "carvana" not in planned and "models" not in planned
