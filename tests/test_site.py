"""The site in a real browser: every page, its search, and the page that cuts out a photo. `make site` comes first."""

import functools
import http.server
import shutil
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from utils import data, inference, metrics

ROOT = data.PROJECT
SITE = ROOT / "site" / "_build"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
sys.path.insert(0, str(ROOT / "site"))

import pages  # noqa: E402

REPOSITORY = "https://github.com/ada/cars"


# --- what is changed before a page is shown ---------------------------------------------------------


def test_links_to_files_that_are_no_pages_lead_to_the_repository():
    text = (
        "[a](../LICENSE) [b](../data/sample) [c](../data/README.md#files) [d](https://a.org/b) [e](#f) ![g](../x.png)"
    )
    assert pages.with_links(text, ROOT / "notebooks", REPOSITORY) == (
        f"[a]({REPOSITORY}/blob/main/LICENSE) [b]({REPOSITORY}/tree/main/data/sample) "
        "[c](../data/README.md#files) [d](https://a.org/b) [e](#f) ![g](../x.png)"
    )


def test_cells_are_folded_and_pictures_get_their_alternative_texts():
    cell = {
        "cell_type": "code",
        "source": ["#@title Imports\n"],
        "metadata": {"tags": ["setup"], "jupyter": {"source_hidden": True}},
        "outputs": [{"data": {"image/png": ""}, "metadata": {"image/png": {"alt": "A car."}}}],
    }
    pages.rewrite_cell(cell, ROOT / "notebooks/01_get_the_data.ipynb", REPOSITORY)
    assert cell["metadata"]["tags"] == ["setup", "hide-input"]
    assert cell["metadata"]["mystnb"] == {"image": {"alt": "A car."}}


def test_a_badge_becomes_two_links_without_a_foreign_picture():
    colab = "https://colab.research.google.com"
    source = f"# T\n\n[![Open in Colab]({colab}/b.svg)]({colab}/x)\n\nText"
    cell = {"cell_type": "markdown", "source": [source], "metadata": {}}
    pages.rewrite_cell(cell, ROOT / "notebooks/01_get_the_data.ipynb", REPOSITORY)
    assert "svg" not in cell["source"] and "[Open in Colab](https://colab.research.google.com/x)" in cell["source"]
    assert "(01_get_the_data.ipynb)" in cell["source"]


def test_functions_know_the_chapters_that_teach_them():
    assert pages.chapters_of_functions()["metrics.dice"] == ["05_baseline_cnn"]
    assert "`~utils.metrics.dice`" in pages.functions_taught("05_baseline_cnn")["source"]


# --- in the browser ---------------------------------------------------------------------------------

in_browser = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium: apt install chromium"),
    pytest.mark.skipif(not (SITE / "site/index.html").exists(), reason="no site: make site"),
]


def every_page():
    return sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html") if "_static" not in path.parts)


@pytest.fixture(scope="module")
def address():
    """Where the site is served."""
    handler = functools.partial(QuietHandler, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: make site installs it")
    calm = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*calm, "--disable-sync", "--no-first-run"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, address):
    """visit(path, **settings): a page with a list of its complaints; other hosts are cut off."""
    contexts = []

    def open_page(path, **settings):
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))

        def guard(route):
            if route.request.url.startswith((address, "data:", "blob:")):
                route.continue_()
            else:
                page.complaints.append(f"asks {route.request.url}")
                route.abort()

        page.route("**/*", guard)
        page.goto(f"{address}/{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", every_page() or ["none"])
class TestEveryPage:
    pytestmark = in_browser

    def test_it_opens_by_itself_and_can_be_read_by_everybody(self, path, scheme, visit):
        page = visit(path, color_scheme=scheme, reduced_motion="reduce")
        page.add_script_tag(path=ROOT / "site/node_modules/axe-core/axe.min.js")
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        told = [f"{each['id']}: {node['html'][:120]}" for each in found for node in each["nodes"][:3]]
        assert not page.complaints and not told


@pytest.mark.slow
@pytest.mark.parametrize("path", ["site/index.html", "site/try-it.html", "notebooks/06_train_a_unet.html"])
class TestOnAPhone:
    pytestmark = in_browser

    def test_nothing_is_wider_than_the_screen(self, path, visit):
        page = visit(path, viewport={"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


class TestSearch:
    pytestmark = in_browser

    def test_it_finds_pseudo_labels_without_a_server_of_its_own(self, visit):
        page = visit("search.html?q=pseudo-labels")
        page.wait_for_selector("#search-results li a")
        assert "tricks of a competition" in page.inner_text("#search-results")
        assert not page.complaints


class TestTryIt:
    pytestmark = in_browser

    @pytest.fixture
    def page(self, visit):
        page = visit("site/try-it.html")
        page.wait_for_function("document.getElementById('status').textContent == 'Ready.'")
        return page

    def drop(self, page, path, seconds=20):
        """Choose a file; what the page then says."""
        before = page.text_content("#status")
        page.set_input_files("#file", path)
        page.wait_for_function(
            "before => !/…|Ready/.test(document.getElementById('status').textContent)"
            " && document.getElementById('status').textContent != before",
            arg=before,
            timeout=1000 * seconds,
        )
        return page.text_content("#status")

    def saved(self, page):
        with page.expect_download() as download:
            page.click("#download")
        return download.value.suggested_filename, np.asarray(Image.open(download.value.path()))

    def test_its_masks_are_those_of_the_command_line(self, page):
        model = inference.load_model(ROOT / "data/weights/unet.onnx")
        names = [name.get_attribute("data-photo").split("/")[-1] for name in page.query_selector_all("[data-photo]")]
        assert len(names) == 6
        for name, probability in zip(names, inference.predict(model, [ROOT / "data/sample/test" / n for n in names])):
            page.set_input_files("#file", ROOT / "data/sample/test" / name)
            page.wait_for_function(f"document.getElementById('picture').ariaLabel.includes('{name}')")
            page.check("input[value=mask]")
            file, mask = self.saved(page)
            assert file == name.replace(".jpg", "_mask.png")
            assert metrics.dice(probability > 0.5, mask[..., 0] > 127) >= 0.995, name

    def test_a_full_size_photo_and_its_products(self, page, tmp_path):
        source = Image.open(ROOT / "data/sample/test/f99bcc89ba58_03.jpg").resize((6000, 4000))
        source.save(tmp_path / "large.jpg", quality=90)
        assert self.drop(page, tmp_path / "large.jpg").startswith("Done in ")
        name, cutout = self.saved(page)
        assert name == "large_cutout.png" and cutout.shape == (4000, 6000, 4)
        assert {0, 255} <= set(np.unique(cutout[::50, ::50, 3]))
        page.check("input[value=colour]")
        page.fill("#colour", "#ff0000")
        name, composite = self.saved(page)
        assert name == "large_composite.jpg" and abs(composite[0, 0].astype(int) - (255, 0, 0)).max() < 6

    def test_the_threshold_changes_the_mask(self, page):
        self.drop(page, ROOT / "data/sample/test/f99bcc89ba58_03.jpg")
        page.check("input[value=mask]")
        areas = []
        for value in ("0.05", "0.95"):
            page.fill("#threshold", value)
            areas.append(self.saved(page)[1][..., 0].mean())
        assert areas[0] > areas[1] > 0

    def test_an_upright_photo_stays_upright(self, page, tmp_path):
        image = Image.open(ROOT / "data/sample/test/f99bcc89ba58_03.jpg")
        exif = Image.Exif()
        exif[0x0112] = 6  # turn by 90 degrees to see it upright
        image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", exif=exif)
        self.drop(page, tmp_path / "turned.jpg")
        assert self.saved(page)[1].shape[:2] == (image.height, image.width)

    @pytest.mark.parametrize(
        "name, content, said",
        [
            ("empty.jpg", b"", "empty.jpg is empty"),
            ("notes.txt", b"no photo", "cannot be read as a picture"),
            ("broken.jpg", None, "cannot be read as a picture"),
            ("dot.png", "dot", "only 1 × 1 pixels"),
        ],
    )
    def test_a_bad_file_gets_a_sentence(self, page, tmp_path, name, content, said):
        path = tmp_path / name
        if content == "dot":
            Image.new("RGB", (1, 1)).save(path)
        else:
            photo = (ROOT / "data/sample/test/f99bcc89ba58_03.jpg").read_bytes()
            path.write_bytes(photo[:200] if content is None else content)
        assert said in self.drop(page, path) and not page.complaints

    def test_it_can_be_done_with_the_keyboard_alone(self, page):
        page.focus("#samples button")
        page.keyboard.press("Enter")
        page.wait_for_selector("#result:not([hidden])")
        page.focus("#threshold")
        before = page.text_content("#threshold-value")
        page.keyboard.press("ArrowRight")
        assert page.text_content("#threshold-value") != before
        page.focus("#download")
        with page.expect_download():
            page.keyboard.press("Enter")
