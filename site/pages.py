"""What the site changes in the notebooks and pages of the project before it shows them."""

import ast
import json
import re
import shutil
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"(?<!!)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s]+)\)")
BADGE = re.compile(r"\[!\[Open in Colab\]\([^)]*\)\]\((?P<colab>[^)]*)\)")
TAUGHT = re.compile(r"``notebooks/(\d\d_\w+)\.ipynb``")


def rewrite(name, source, repository):
    """Change the text of a page in place, as Sphinx asks for it."""
    path = next(path for suffix in (".ipynb", ".md") if (path := ROOT / f"{name}{suffix}").exists())
    if path.suffix == ".ipynb":
        notebook = json.loads(source[0])
        for cell in notebook["cells"]:
            rewrite_cell(cell, path, repository)
        if path.parent.name == "notebooks":
            number_title(notebook["cells"][0], path.stem[:2])
            notebook["cells"].append(functions_taught(path.stem))
        source[0] = json.dumps(notebook)
    else:
        source[0] = with_links(source[0], path.parent, repository)


def rewrite_cell(cell, path, repository):
    """Fold what is folded in JupyterLab, give each picture its alternative text, lead links to pages of the site."""
    text = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        text = BADGE.sub(lambda badge: f"{{.open}}\n[Open in Colab]({badge['colab']}) [Download]({path.name})", text)
        cell["source"] = with_links(text, path.parent, repository)
    elif cell["metadata"].get("jupyter", {}).get("source_hidden"):
        cell["metadata"]["tags"] = [*cell["metadata"].get("tags", []), "hide-input"]
    for output in cell.get("outputs", ()):
        if alt := output.get("metadata", {}).get("image/png", {}).get("alt"):
            cell["metadata"]["mystnb"] = {"image": {"alt": alt}}


def number_title(cell, number):
    """Chapters are numbered where they are listed."""
    cell["source"] = re.sub(r"^# ", f"# {number} ", "".join(cell["source"]))


def with_links(text, folder, repository):
    """Links to files that are no pages of the site lead to the repository."""

    def lead(link):
        target, _, _ = link["target"].partition("#")
        path = (folder / target).resolve()
        if not target or "://" in target or not path.is_relative_to(ROOT) or not path.exists() or is_page(path):
            return link[0]
        kind = "tree" if path.is_dir() else "blob"
        return f"[{link['text']}]({repository}/{kind}/main/{path.relative_to(ROOT).as_posix()})"

    return LINK.sub(lead, text)


def is_page(path):
    """Whether a file of the project is shown as a page, or offered for download."""
    inside = path.relative_to(ROOT).as_posix()
    return path.suffix == ".ipynb" or (path.suffix == ".md" and inside != "README.md")


def functions_taught(chapter):
    """A last cell: the functions that this chapter teaches, linked to the reference."""
    names = [f"{{py:func}}`~utils.{name}`" for name, taught in chapters_of_functions().items() if chapter in taught]
    said = f"Taught here, and used from here on: {', '.join(names)}." if names else ""
    return {"cell_type": "markdown", "id": "taught-here", "metadata": {}, "source": said}


@cache
def chapters_of_functions():
    """Each public function of utils that names chapters in its docstring, and those chapters."""
    found = {}
    for path in sorted((ROOT / "utils").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT / "utils").with_suffix("").parts).removesuffix(".__init__")
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                if chapters := TAUGHT.findall(ast.get_docstring(node) or ""):
                    found[f"{module}.{node.name}"] = chapters
    return found


def link_chapters(app, what, name, thing, options, lines):
    """Docstrings name a chapter by its file; the reference links it."""
    lines[:] = [TAUGHT.sub(r":doc:`/notebooks/\1`", line) for line in lines]


def bring_along(files, static):
    """Copy files into folders of the site's _static."""
    for folder, paths in files.items():
        (static / folder).mkdir(parents=True, exist_ok=True)
        for path in paths:
            shutil.copy(path, static / folder)
