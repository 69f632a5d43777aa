"""Chapters in a real JupyterLab: what a reader does by hand, done in a browser."""

import os
import socket
import subprocess
import sys
import urllib.request
from urllib.error import URLError

import nbformat
import pytest

from utils import data

pytestmark = pytest.mark.slow
MINUTES = 60_000  # milliseconds
READY = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status == 'idle'"
CODE_CELLS = """Array.from(jupyterapp.shell.currentWidget.model.cells, cell => cell.toJSON())
                     .filter(cell => cell.cell_type == 'code')"""
RAN = f"{CODE_CELLS}.every(cell => cell.execution_count)"
OUTPUTS = f"{CODE_CELLS}.flatMap(cell => cell.outputs)"
ERRORS = f"{OUTPUTS}.filter(output => output.output_type == 'error').map(error => error.evalue)"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab with chapters 03 and 06, their outputs taken away, beside the course's utils."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "notebooks").mkdir()
    (folder / "utils").symlink_to(data.PROJECT / "utils")
    for path in data.PROJECT.glob("notebooks/0[36]_*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.update(outputs=[], execution_count=None)
        nbformat.write(notebook, folder / "notebooks" / path.name)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.port={port}", f"--ServerApp.root_dir={folder}",
               "--ServerApp.open_browser=False", "--ServerApp.allow_root=True", "--IdentityProvider.token=",
               "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None",
               "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]  # fmt: skip
    places = {name: str(folder) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR", "FIGURES")}
    environment = os.environ | places | {"COURSE_BUDGET": "quick", "CARVANA_DATA": str(data.PROJECT / "data/sample")}
    with open(folder / "log", "w") as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as server:
        address = f"http://127.0.0.1:{port}"
        while not answers(f"{address}/api"):
            assert server.poll() is None, (folder / "log").read_text()
        yield address
        server.terminate()


def answers(url):
    try:
        return urllib.request.urlopen(url, timeout=1)
    except (URLError, TimeoutError):
        return None


@pytest.fixture
def run_all(browser, lab):
    """run_all(name): the notebook, after "Restart Kernel and Run All Cells"."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})

    def run(name):
        page = context.new_page()
        page.set_default_timeout(2 * MINUTES)
        page.goto(f"{lab}/lab/tree/notebooks/{name}.ipynb")
        page.wait_for_function(READY)
        page.click("text=Kernel")
        page.click("text=Restart Kernel and Run All Cells")
        page.click(".jp-Dialog button:has-text('Restart')")
        page.wait_for_function(f"{RAN} || {ERRORS}.length", timeout=15 * MINUTES)
        return page

    yield run
    context.close()


def test_chapter_06_runs_from_top_to_bottom(run_all):
    page = run_all("06_train_a_unet")
    assert not page.evaluate(ERRORS)
    assert page.evaluate(f"{CODE_CELLS}.map(cell => cell.execution_count)[0]") == 1
    assert page.evaluate(f"{OUTPUTS}.filter(output => output.data?.['image/png']).length") > 5


def test_a_slider_of_chapter_03_changes_the_picture(run_all):
    page = run_all("03_resize_and_augment")
    page.evaluate("""() => {
        const notebook = jupyterapp.shell.currentWidget.content;
        const at = notebook.widgets.findIndex(cell => cell.model.sharedModel.source.includes('plots.explore('));
        return notebook.scrollToItem(at, 'start');
    }""")
    picture, handle = page.locator("img.widget-image"), page.locator(".widget-slider [role=slider]").first
    before = picture.get_attribute("src")
    handle.focus()
    for _ in range(5):
        handle.press("ArrowRight")
    page.wait_for_function("before => document.querySelector('img.widget-image').src != before", arg=before)
