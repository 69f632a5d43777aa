"""The course as a site: `make site` builds it from the project as it is, and runs no notebook."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "site")]

import glossary  # noqa: E402
import pages  # noqa: E402

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REPOSITORY = PROJECT["urls"]["Repository"].rstrip("/")

project = "Cut out the car"
author = "the authors of the course"
version = release = PROJECT["version"]
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "sphinx_copybutton"]
root_doc = "site/index"
include_patterns = [
    "site/*.md",
    "site/reference/*.md",
    "notebooks/*.ipynb",
    "notebooks/solutions/*.ipynb",
    "notebooks/*.md",
    "benchmarks/README.md",
    "data/README.md",
    "data/weights/README.md",
    "CONTRIBUTING.md",
]
exclude_patterns = ["**/.ipynb_checkpoints"]
default_role = "autolink"  # `name` in a docstring: a link where it is one of ours,
nitpick_ignore_regex = [("py:obj", ".*")]  # and else plain text

nb_execution_mode = "off"
nb_ipywidgets_js = {}  # no script from another host
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "attrs_inline", "attrs_block", "dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "none"
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autosummary_generate = False
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "pydata_sphinx_theme"
html_title = html_short_title = project
html_favicon = "_static/favicon.svg"
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system has it
html_domain_indices = False
html_static_path = ["_static"]
html_css_files = ["course.css"]
templates_path = ["_templates"]
mathjax_path = "vendor/tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}}  # its menu would load more
html_extra_path = ["extra"]  # index.html, which leads to the start page
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"site/index": [], "site/try-it": []}
html_theme_options = {
    "icon_links": [{"name": "Source", "url": REPOSITORY, "icon": "fa-brands fa-github"}],
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "header_links_before_dropdown": 6,
    "show_prev_next": True,
    "show_toc_level": 2,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_start": ["licence"],
    "footer_end": [],
    "back_to_top_button": False,
}


# What the page "Try it" needs: files of the project and of npm, by the folder of _static that they go to.
PHOTOS = sorted(set(re.findall(r"photos/(\w+)\.jpg", (ROOT / "site/try-it.md").read_text())))
BROUGHT_ALONG = {
    ".": [ROOT / "data/weights/unet.onnx"],
    "photos": [ROOT / f"data/sample/test/{name}.jpg" for name in PHOTOS],
    "vendor": [
        ROOT / "site/node_modules/mathjax/es5/tex-svg.js",
        *(
            ROOT / "site/node_modules/onnxruntime-web/dist" / f"ort{name}"
            for runtime, wasm in ((".wasm", ""), (".webgpu", ".asyncify"))
            for name in (f"{runtime}.min.mjs", f"-wasm-simd-threaded{wasm}.mjs", f"-wasm-simd-threaded{wasm}.wasm")
        ),
    ],
}


def setup(app):
    """Bring notebooks and pages to the form that the site shows."""
    app.connect("build-finished", lambda app, error: error or pages.bring_along(BROUGHT_ALONG, app.outdir / "_static"))
    app.connect("source-read", lambda app, name, source: pages.rewrite(name, source, REPOSITORY))
    app.connect("source-read", glossary.rewrite)
    app.connect("doctree-resolved", glossary.link_terms)
    app.connect("html-page-context", pages.accessible)
    app.connect("autodoc-skip-member", pages.skip_imported)
    app.connect("autodoc-process-docstring", pages.link_chapters)
