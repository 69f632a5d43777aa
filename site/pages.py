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
HEADING = re.compile(r"^#+ (.+)$", re.M)
FORM = re.compile(r"#@title (?P<title>[\w-]+)")
TAUGHT = re.compile(r"``notebooks/(\d\d_\w+)\.ipynb``")
PART = re.compile(r"^## (?P<part>Part .+)$")
CHAPTER = re.compile(r"^\| (?P<number>\d\d) \| \[(?P<title>.+?)\]\((?P<file>\w+\.ipynb)\)")


def rewrite(name, source, repository):
    """Change the text of a page in place, as Sphinx asks for it."""
    path = next(path for suffix in (".ipynb", ".md") if (path := ROOT / f"{name}{suffix}").exists())
    if path.suffix == ".ipynb":
        notebook, section = json.loads(source[0]), ""
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                section = (HEADING.findall("".join(cell["source"])) or [section])[-1]
            rewrite_cell(cell, path, repository, section)
        if path.parent.name == "notebooks":
            number_title(notebook["cells"][0], path.stem[:2])
            notebook["cells"].append(last_cell(path))
        source[0] = json.dumps(notebook)
    else:
        text = with_sidebar(source[0]) if name == "notebooks/README" else source[0].replace("<!-- cards -->", cards())
        source[0] = with_links(text, path.parent, repository)


def rewrite_cell(cell, path, repository, section=""):
    """Fold what is folded in JupyterLab, give each picture an alternative text, lead links to pages of the site."""
    text = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        offer = f"{{.open}}\n[Open in Colab](\\g<colab>) {{download}}`Download the notebook <{path.name}>`"
        cell["source"] = with_links(BADGE.sub(offer, text), path.parent, repository)
        return
    shown = cell["metadata"].setdefault("mystnb", {})
    if cell["metadata"].get("jupyter", {}).get("source_hidden"):
        cell["metadata"]["tags"] = [*cell["metadata"].get("tags", []), "hide-input"]
        form = FORM.match(text)
        shown["code_prompt_show"] = shown["code_prompt_hide"] = form["title"] if form else "Code"
    for output in cell["outputs"]:
        alt = output.get("metadata", {}).get("image/png", {}).get("alt")
        shown["image"] = {"alt": alt or f"Figure: {section}"}


def number_title(cell, number):
    """Chapters are numbered where they are listed."""
    cell["source"] = re.sub(r"^# ", f"# {number} ", "".join(cell["source"]))


def with_links(text, folder, repository):
    """Links to files that are no pages of the site lead to the repository; a chapter to come is named, not linked."""

    def lead(link):
        target, _, _ = link["target"].partition("#")
        path = (folder / target).resolve()
        if not target or "://" in target or not path.is_relative_to(ROOT):
            return link[0]
        if path == ROOT / "notebooks/solutions":
            return f"[{link['text']}](/site/solutions.md)"
        if not path.exists():
            return link["text"] if path.suffix == ".ipynb" else link[0]
        if is_page(path):
            return link[0]
        kind = "tree" if path.is_dir() else "blob"
        return f"[{link['text']}]({repository}/{kind}/main/{path.relative_to(ROOT).as_posix()})"

    return LINK.sub(lead, text)


def is_page(path):
    """Whether a file of the project is shown as a page."""
    inside = path.relative_to(ROOT).as_posix()
    return path.suffix == ".ipynb" or (path.suffix == ".md" and inside != "README.md")


def last_cell(path):
    """What a chapter ends with: its solutions, and the functions that it teaches, linked to the reference."""
    said = []
    if (path.parent / "solutions" / path.name).exists():
        said.append(f"Solutions to the exercises: [a page of their own](solutions/{path.name}).")
    names = [name for name, chapters in chapters_of_functions().items() if path.stem in chapters]
    if names:
        functions = ", ".join(f"{{py:func}}`~utils.{name}`" for name in names)
        said.append(f"Taught here, and used from here on: {functions}.")
    return {"cell_type": "markdown", "id": "taught-here", "metadata": {}, "source": "\n\n".join(said)}


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


def skip_imported(app, what, name, member, skip, options):
    """What a module imports has its reference elsewhere; autodoc stumbles over some of it."""
    return True if not (getattr(member, "__module__", None) or "utils").startswith("utils") else None


def link_chapters(app, what, name, thing, options, lines):
    """Docstrings name a chapter by its file; the reference links it."""
    lines[:] = [TAUGHT.sub(r":doc:`/notebooks/\1`", line) for line in lines]


def parts():
    """The parts of the course and their chapters, as its map lists them; a chapter to come is left out."""
    found = {}
    for line in (ROOT / "notebooks/README.md").read_text(encoding="utf-8").splitlines():
        if part := PART.match(line):
            chapters = found.setdefault(part["part"], [])
        elif (chapter := CHAPTER.match(line)) and (ROOT / "notebooks" / chapter["file"]).exists():
            chapters.append(chapter)
    return found


def with_sidebar(text):
    """The map of the course also says what the sidebar lists."""
    for part, chapters in parts().items():
        files = "\n".join(chapter["file"] for chapter in chapters)
        text = text.replace(
            f"## {part}\n", f'## {part}\n\n```{{toctree}}\n:hidden:\n:caption: "{part}"\n{files}\n```\n'
        )
    return text


def cards():
    """A card for each part, which names its chapters."""
    return "\n".join(
        f":::{{container}} part\n**{part}**\n\n"
        + "\n".join(
            f"- [{chapter['number']} {chapter['title']}](../notebooks/{chapter['file']})" for chapter in chapters
        )
        + "\n:::"
        for part, chapters in parts().items()
        if chapters
    )


def accessible(app, page, template, context, doctree):
    """An empty cell heads no column, and what folds a cell is called what it says."""
    if "body" in context:
        body = context["body"].replace(' aria-label="Toggle hidden content"', "")
        context["body"] = re.sub(r"<th(| class=[^>]*)>(?:<p></p>)?</th>", r"<td\1></td>", body)


def bring_along(files, static):
    """Copy files into folders of the site's _static."""
    for folder, paths in files.items():
        (static / folder).mkdir(parents=True, exist_ok=True)
        for path in paths:
            shutil.copy(path, static / folder)
