"""What the tests share: a data set of plain shapes, a cache of their own, real photos where they are at hand."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import hypothesis
import pytest
import shapes

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has its background jobs ignore Ctrl-C
hypothesis.settings.register_profile("course", deadline=None, print_blob=True)
hypothesis.settings.load_profile("course")

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shapes_root(tmp_path_factory):
    """8 cars for training and 2 for testing, 16 views each, 96 x 64 pixels. Read only: draw your own to change it."""
    root = tmp_path_factory.mktemp("shapes")
    return shapes.write_data(root, cars=8, views=16, test_cars=2)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """No test touches the project's cache."""
    from utils import data

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "CACHE", tmp_path_factory.mktemp("cache"))
        yield


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache for one test."""
    from utils import data

    monkeypatch.setattr(data, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 1 MB of its own; skips where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium, driven by Playwright; skips where one of them is missing, and says what to install."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not chromium:
        pytest.skip("no Chromium: apt install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright: make site installs it")
    calm = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=[*calm, "--disable-sync", "--no-first-run"])
        yield browser
        browser.close()


@pytest.fixture
def full_disk(small_disk):
    """The same with one block left."""
    (small_disk / "large").write_bytes(bytes(shutil.disk_usage(small_disk).free - 4096))
    return small_disk


@pytest.fixture
def boundless(monkeypatch):
    """No disk says in advance that it will be full, as under a quota."""
    usage = shutil.disk_usage(os.sep)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=2**60))


@pytest.fixture
def shared():
    """Folder of real data by its name; skips where it is not at hand."""

    def find(name):
        folder = SHARED / name
        if not folder.is_dir():
            pytest.skip(f"the real data {folder} are not here")
        return folder

    return find


@pytest.fixture
def judge(capsys):
    """How every self-check must answer: the right solution, an untouched one, and wrong ones."""

    def judge(check, right, wrong):
        assert check(right) is True
        assert check(lambda *arguments: ...) is None
        assert "⏳" in capsys.readouterr().out
        for answer in wrong:
            assert check(answer) is False
            told = capsys.readouterr().out
            assert "❌" in told and " at 0x" not in told

    return judge
