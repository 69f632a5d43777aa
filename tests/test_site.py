"""The site: what it makes of notebooks and pages, and all of it in a real browser. `make site` comes first."""

import functools
import http.server
import re
import subprocess
import sys
import threading
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag

import numpy as np
import pytest
from PIL import Image

from utils import data, inference, metrics

ROOT = data.PROJECT
SITE = ROOT / "site" / "_build" / "html"
sys.path.insert(0, str(ROOT / "site"))

import pages  # noqa: E402

REPOSITORY = "https://github.com/ada/cars"
NO_PAGES = {"index.html", "_static/webpack-macros.html"}  # one that leads to the start page, one of the theme's
PAGES = sorted({path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html")} - NO_PAGES)
built = [pytest.mark.slow, pytest.mark.skipif(not PAGES, reason="no site: make site")]


# --- what is changed before a page is shown ---------------------------------------------------------


def test_links_to_files_that_are_no_pages_lead_to_the_repository():
    same = " [c](../data/README.md#files) [d](https://a.org/b.ipynb) [e](#f) ![g](../x.png)"
    text = f"[a](../LICENSE) [b](../data/sample){same}"
    assert pages.with_links(text, ROOT / "notebooks", REPOSITORY) == (
        f"[a]({REPOSITORY}/blob/main/LICENSE) [b]({REPOSITORY}/tree/main/data/sample){same}"
    )


def test_cells_are_folded_and_pictures_get_their_alternative_texts():
    cell = {
        "cell_type": "code",
        "source": ["#@title Imports\n"],
        "metadata": {"jupyter": {"source_hidden": True}},
        "outputs": [{"data": {"image/png": ""}, "metadata": {"image/png": {"alt": "A car."}}}],
    }
    pages.rewrite_cell(cell, ROOT / "notebooks/01_get_the_data.ipynb", REPOSITORY)
    assert cell["metadata"]["tags"] == ["hide-input"]
    assert cell["metadata"]["mystnb"]["image"] == {"alt": "A car."}
    assert cell["metadata"]["mystnb"]["code_prompt_show"] == "Imports"
    del cell["outputs"][0]["metadata"]["image/png"]
    pages.rewrite_cell(cell, ROOT / "notebooks/01_get_the_data.ipynb", REPOSITORY, "A question?")
    assert cell["metadata"]["mystnb"]["image"] == {"alt": "Figure: A question?"}


def test_a_badge_becomes_two_links_without_a_foreign_picture():
    colab = "https://colab.research.google.com"
    source = f"# T\n\n[![Open in Colab]({colab}/b.svg)]({colab}/x)\n\nText"
    cell = {"cell_type": "markdown", "source": [source], "metadata": {}}
    pages.rewrite_cell(cell, ROOT / "notebooks/01_get_the_data.ipynb", REPOSITORY)
    assert "svg" not in cell["source"] and "[Open in Colab](https://colab.research.google.com/x)" in cell["source"]
    assert "{download}`Download the notebook <01_get_the_data.ipynb>`" in cell["source"]


def test_functions_know_the_chapters_that_teach_them():
    assert pages.chapters_of_functions()["metrics.dice"] == ["05_baseline_cnn"]
    last = pages.last_cell(ROOT / "notebooks/05_baseline_cnn.ipynb")["source"]
    assert "`~utils.metrics.dice`" in last and "(solutions/05_baseline_cnn.ipynb)" in last


def test_the_sidebar_and_the_start_page_list_what_the_map_lists():
    chapters = [chapter["file"] for part in pages.parts().values() for chapter in part]
    assert chapters == sorted(path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
    assert re.findall(r"\.\./notebooks/(\w+\.ipynb)", pages.cards()) == chapters
    sidebar = pages.with_sidebar((ROOT / "notebooks/README.md").read_text())
    assert re.findall(r"^\w+\.ipynb$", sidebar, re.M) == chapters
    assert '## Part I: the basics\n\n```{toctree}\n:hidden:\n:caption: "Part I: the basics"\n01_get' in sidebar


@pytest.mark.filterwarnings("ignore:.*MystReferenceResolver")
def test_a_list_of_terms_becomes_a_glossary_and_its_terms_are_linked_once(tmp_path):
    application = pytest.importorskip("sphinx.application", reason="no Sphinx: make site installs it")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/README.md").write_text(
        "# N\n\n- **mask** (chapter [01](a.md)): Which pixels are car.\n"
        "- **test-time augmentation** (chapter [08](a.md)): The mean answer for a photo and its mirror image.\n"
        "- **Adam** (chapters [04](a.md), [06](a.md)): A rule of steps for a mask.\n\nMore.\n"
    )
    (tmp_path / "notebooks/a.md").write_text(
        "# A mask\n\n`mask`, unmasked. Masks, a mask. **Mask**. **Mask it**. Test time\naugmentation, TTA, adam.\n"
    )
    (tmp_path / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT / 'site')!r})\nimport glossary\nextensions = ['myst_parser']\n"
        "root_doc = 'notebooks/README'\n"
        "def setup(app):\n"
        "    app.connect('source-read', glossary.rewrite)\n    app.connect('doctree-resolved', glossary.link_terms)\n"
    )
    out, doctrees = tmp_path / "out", tmp_path / "doctrees"
    application.Sphinx(tmp_path, tmp_path, out, doctrees, "html", status=None, warning=None, freshenv=True).build()
    linked = links_of(out / "notebooks/a.html", "README.html#term-")
    assert linked == ["Masks", "Mask", "Test time augmentation"]
    assert links_of(out / "notebooks/README.html", "#term-mask") == ["¶", "mask"]  # its own, and from Adam
    assert 'title="Which pixels are car. (chapter 01)"' in (out / "notebooks/a.html").read_text()


# --- the pages that were built ------------------------------------------------------------------------


class Page(HTMLParser):
    """What a page refers to, as (tag, address), its ids, and the texts of its links and images."""

    def __init__(self, path):
        super().__init__()
        self.path, self.addresses, self.images, self.ids, self.links, self.inside = path, [], [], set(), [], False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids.add(attributes.get("id"))
        address = attributes.get("href") or attributes.get("src")
        if address:
            self.addresses.append((tag, address))
        if tag == "img":
            self.images.append((address, attributes.get("alt") or ""))
        if tag == "a":
            self.links.append([address or "", ""])
            self.inside = True

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "a"

    def handle_data(self, text):
        if self.inside:
            self.links[-1][1] += text.replace("\n", " ")


@functools.cache
def read(path):
    return Page(path)


def links_of(path, start):
    """The texts of a page's links to addresses that start so."""
    return [text for address, text in read(path).links if address.startswith(start)]


class TestBuiltPages:
    pytestmark = built

    def test_every_internal_link_leads_somewhere(self):
        lost = []
        for page in map(read, map(SITE.joinpath, PAGES)):
            for _, address in page.addresses:
                if address.startswith(("http:", "https:", "mailto:", "data:")):
                    continue
                file, place = urldefrag(address)
                target = (page.path.parent / unquote(file.partition("?")[0])).resolve() if file else page.path
                if not target.is_file() or place and target.suffix == ".html" and place not in read(target).ids:
                    lost.append(f"{page.path.relative_to(SITE)}: {address}")
        assert not lost

    def test_every_image_says_what_it_shows(self):
        images = [image for path in PAGES for image in read(SITE / path).images]
        assert len(images) > 80
        assert not [image for image in images if len(image[1]) < 8 or image[1].endswith((".png", ".jpg"))]

    def test_nothing_is_loaded_from_another_host(self):
        for path in PAGES:
            assert not [each for each in read(SITE / path).addresses if each[0] != "a" and "//" in each[1]]

    def test_a_chapter_offers_its_notebook_colab_its_solutions_and_its_neighbours(self):
        for path in ROOT.glob("notebooks/[0-9]*.ipynb"):
            page = read(SITE / f"notebooks/{path.stem}.html")
            links = {text.strip(): address for address, text in page.links}
            assert links["Open in Colab"].endswith(f"/notebooks/{path.name}")
            assert (page.path.parent / links["Download the notebook"]).read_bytes() == path.read_bytes()
            assert links["a page of their own"].endswith(f"solutions/{path.stem}.html")
            assert all(f'title="{where} page"' in page.path.read_text() for where in ("previous", "next"))


# --- in the browser ---------------------------------------------------------------------------------


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


@pytest.fixture
def visit(browser, address):
    """visit(path, files, **settings): a page that lists its complaints; some files replaced, other hosts cut off."""
    contexts = []

    def open_page(path, files=None, **settings):
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)
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
        for pattern, file in (files or {}).items():
            page.route(pattern, lambda route, request, file=file: route.fulfill(path=file))
        page.goto(f"{address}/{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()


def axe(page):
    """What axe-core finds wrong with a page, with all that is folded laid open."""
    page.add_style_tag(content="* { animation: none !important; transition: none !important }")
    page.evaluate("document.querySelectorAll('details').forEach(details => (details.open = true))")
    page.add_script_tag(path=ROOT / "site/node_modules/axe-core/axe.min.js")
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"][:3]]


@pytest.mark.parametrize("path", PAGES or ["none"])
class TestEveryPage:
    pytestmark = built

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_it_opens_by_itself_and_can_be_read_by_everybody(self, path, scheme, visit):
        page = visit(path, color_scheme=scheme, reduced_motion="reduce")
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        assert not axe(page) and not page.complaints

    def test_nothing_is_wider_than_a_phone(self, path, visit):
        page = visit(path, viewport={"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


class TestReading:
    pytestmark = built

    def test_a_chapter_in_print_is_its_text_and_figures_alone(self, visit):
        page = visit("notebooks/06_train_a_unet.html", viewport={"width": 720, "height": 1000})
        page.emulate_media(media="print")
        assert page.is_visible("article.bd-article")
        for part in (".bd-header", ".bd-sidebar-primary", ".bd-sidebar-secondary", ".prev-next-footer"):
            assert not page.is_visible(part), part
        cut = "Array.from(document.querySelectorAll('pre')).filter(code => code.scrollWidth > code.clientWidth).length"
        assert page.evaluate("document.documentElement.scrollWidth") <= 720 and page.evaluate(cut) == 0

    def test_formulas_are_set(self, visit):
        page = visit("notebooks/07_losses_and_boundaries.html")
        page.wait_for_selector("mjx-container svg")
        assert page.locator(".math").count() == page.locator(".math mjx-container").count() > 0
        assert not page.complaints

    def test_the_search_finds_pseudo_labels_without_a_server_of_its_own(self, visit):
        page = visit("search.html?q=pseudo-labels")
        page.wait_for_selector("#search-results li a")
        assert "tricks of a competition" in page.inner_text("#search-results")
        assert not page.complaints

    def test_a_cell_can_be_copied(self, visit):
        page = visit("notebooks/06_train_a_unet.html")
        page.locator(".cell_input button.copybtn").nth(2).click(force=True)
        page.wait_for_selector("button.copybtn.success")


class TestTryIt:
    pytestmark = built

    @pytest.fixture
    def page(self, visit):
        page = visit("site/try-it.html")
        page.wait_for_function("document.getElementById('status').textContent == 'Ready.'")
        return page

    def drop(self, page, path):
        """Choose a file; what the page says in the end."""
        page.evaluate("document.getElementById('status').textContent = 'Ready.'")
        page.set_input_files("#file", path)
        page.wait_for_function("!/…|Ready/.test(document.getElementById('status').textContent)")
        return page.text_content("#status")

    def saved(self, page):
        with page.expect_download() as download:
            page.click("#download")
        return download.value.suggested_filename, np.asarray(Image.open(download.value.path()))

    def test_its_masks_are_those_of_the_command_line(self, page, tmp_path):
        names = [
            button.get_attribute("data-photo").split("/")[-1] for button in page.query_selector_all("[data-photo]")
        ]
        photos = [ROOT / "data/sample/test" / name for name in names]
        photos.append(next(ROOT.glob("data/sample_fullsize/train/*_05.jpg")))
        assert len(photos) == 7
        command = [sys.executable, "-m", "utils", "predict", *photos, "--out", tmp_path]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        for photo in photos:
            self.drop(page, photo)
            page.check("input[value=mask]")
            name, mask = self.saved(page)
            assert name == f"{photo.stem}_mask.png"
            expected = np.asarray(Image.open(tmp_path / name).convert("L"))
            assert mask.shape[:2] == expected.shape
            assert metrics.dice(expected > 127, mask[..., 0] > 127) >= 0.995, name

    def test_it_asks_the_network_for_its_size(self, visit, tmp_path):
        helper = pytest.importorskip("onnx.helper")
        source = helper.make_tensor_value_info("image", 1, ["n", 128, 200, 3])
        target = helper.make_tensor_value_info("answer", 1, ["n", 128, 200, 1])
        bright = [
            helper.make_node("Constant", [], ["white"], value_float=255.0),
            helper.make_node("ReduceMax", ["image"], ["most"], axes=[3]),
            helper.make_node("Div", ["most", "white"], ["answer"]),
        ]
        graph = helper.make_graph(bright, "brightness", [source], [target])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        (tmp_path / "bright.onnx").write_bytes(model.SerializeToString())
        photo = ROOT / "data/sample/test/9f350700ef4a_14.jpg"
        (probability,) = inference.predict(inference.load_model(tmp_path / "bright.onnx"), [photo])
        page = visit("site/try-it.html", {"**/unet.onnx": tmp_path / "bright.onnx"})
        page.wait_for_function("document.getElementById('status').textContent == 'Ready.'")
        assert page.text_content("#input-size") == "200 × 128"
        self.drop(page, photo)
        page.check("input[value=mask]")
        assert metrics.dice(probability > 0.5, self.saved(page)[1][..., 0] > 127) >= 0.995

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

    @pytest.mark.parametrize("background", ["studio", "evening", "own"])
    def test_another_background_fills_what_is_not_car(self, page, tmp_path, background):
        photo = ROOT / "data/sample/test/f99bcc89ba58_03.jpg"
        self.drop(page, photo)
        if background == "own":
            Image.new("RGB", (50, 50), (0, 200, 0)).save(tmp_path / "green.png")
            page.set_input_files("#own", tmp_path / "green.png")
            page.wait_for_function("document.getElementById('background-own').checked")
        else:
            page.check(f"input[value={background}]")
        name, composite = self.saved(page)
        before = np.asarray(Image.open(photo)).astype(int)
        assert name == "f99bcc89ba58_03_composite.jpg" and composite.shape == before.shape
        assert abs(composite[200, 220] - before[200, 220]).max() < 12  # the car's door
        corner = {"studio": (43, 58, 79), "evening": (31, 45, 82), "own": (0, 200, 0)}[background]
        assert abs(composite[0, 0] - np.array(corner)).max() < 12

    def test_photos_in_a_row_are_taken_in_turn(self, page):
        for button in page.query_selector_all("[data-photo]")[:3]:
            button.click()
        page.wait_for_function("document.getElementById('picture').ariaLabel?.includes('28a3e42ef581')")
        assert not page.complaints

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
