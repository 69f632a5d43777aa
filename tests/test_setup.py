"""The dependency list admits what it should, and the commands explain themselves."""

import os
import re
import shutil
import stat
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]

# The newest releases when the bounds were last looked at (November 2026).
NEWEST = {
    "tensorflow": "2.21.0",
    "keras": "3.15.1",
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
    "psutil": "7.2.2",
    "nbval": "0.11.0",
    "pytest": "9.2.0",
    "hypothesis": "6.170.15",
    "ruff": "0.17.5",
}


def lines(name):
    """The lines of a requirements file that name a package, as (requirement, comment)."""
    for line in (ROOT / name).read_text().splitlines():
        text, _, comment = line.partition("#")
        if text.strip():
            yield Requirement(text.strip()), comment.strip()


REQUIREMENTS = {requirement.name: requirement.specifier for requirement, _ in lines("requirements.txt")}
COLAB = {pin.name: next(iter(pin.specifier)).version for pin, _ in lines("tests/colab-versions.txt")}


def test_every_requirement_says_where_it_is_used_and_has_two_bounds():
    for requirement, comment in lines("requirements.txt"):
        assert len(comment.split()) >= 3, f"{requirement.name}: say where it is used"
        assert {bound.operator for bound in requirement.specifier} == {">=", "<"}, requirement


@pytest.mark.parametrize("versions", [COLAB, NEWEST], ids=["colab", "newest"])
def test_bounds_admit(versions):
    for name, number in versions.items():
        assert number in REQUIREMENTS[name], f"{name} {number} is outside {REQUIREMENTS[name]}"


def test_every_requirement_was_looked_at():
    assert set(NEWEST) == set(REQUIREMENTS)


def test_this_environment_is_inside_the_bounds():
    for name, bounds in REQUIREMENTS.items():
        assert version(name) in bounds, f"{name} {version(name)} is outside {bounds}: run `make test` again"


def test_conda_users_get_the_same_list():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    assert pip == {"pip": ["-r requirements.txt"]}
    assert [re.split("[<>=]", name)[0] for name in conda] == ["python", "pip"]


def test_ci_calls_make_test_and_nothing_else():
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & stat.S_IXUSR
    commands = [line for line in script.read_text().splitlines() if not re.match("#|set |cd ", line)]
    assert commands == ["make test"]


# --- the Makefile -----------------------------------------------------------------------------------


def make(*arguments):
    if not shutil.which("make"):
        pytest.skip("no make here")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)


def test_make_alone_lists_the_commands():
    told = make().stdout
    assert all(f"make {command}" in told for command in ("course", "test", "bench", "clean"))
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
    (tmp_path / "ready").touch()
    planned = make("-n", "course", f"VENV={tmp_path}", "NB=05").stdout
    assert "pip" not in planned and "run.py 05" in planned


def test_constraints_have_an_environment_of_their_own():
    planned = make("-n", "-W", "requirements.txt", "test", "CONSTRAINTS=tests/colab-versions.txt").stdout
    assert ".venv-colab-versions/bin/pip install" in planned and "-c tests/colab-versions.txt" in planned


def test_the_benchmarks_have_an_environment_of_their_own():
    planned = make("-n", "-W", "benchmarks/requirements.txt", "bench", "NAME=rle").stdout
    assert ".venv-peers/bin/pip install -q -r benchmarks/requirements.txt" in planned
    assert planned.splitlines()[-1] == ".venv-peers/bin/python -m benchmarks rle"


def test_clean_keeps_the_kaggle_data_and_the_models():
    planned = make("-n", "clean").stdout
    assert ".venv" in planned and "data/cache" in planned
    assert "carvana" not in planned and "models" not in planned
