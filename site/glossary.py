"""The glossary of the course, and links to it from where its terms occur."""

import re
from functools import cache
from itertools import groupby
from typing import NamedTuple

from docutils import nodes

LIST = re.compile(r"(?:^- \*\*.+?\*\* \(chapter.+\n)+", re.M)
ENTRY = re.compile(r"^- \*\*(?P<term>.+?)\*\* \((?P<chapters>chapter.+?)\): (?P<sentence>.+)\n", re.M)
NO_PROSE = (
    *(nodes.reference, nodes.title, nodes.term, nodes.classifier),
    *(nodes.literal, nodes.FixedTextElement, nodes.math, nodes.raw),
)


FORMS = {  # of a term that pages use beside the one in the glossary
    "augmentation": ["augment", "augmented"],
    "confidence interval": ["interval"],
    "data parallelism": ["data-parallel"],
    "Dice coefficient": ["Dice"],
    "exponential moving average": ["EMA"],
    "freezing": ["freeze", "frozen"],
    "image-blind baseline": ["image-blind"],
    "quantisation": ["quantise", "quantised"],
    "test-time augmentation": ["TTA"],
}
OTHER_SENSE = {  # chapters that use the word for something else; 0 stands for all pages that are no chapters
    "decoder": range(6),
    "encoder": range(6),
    "loss": range(4),
    "padding": range(4),
    "shortcut": [0, *range(2, 14)],
    "step": [*range(4), *range(8, 14)],
    "weight": [7],
}


class Entry(NamedTuple):
    """Where a term is explained, and how."""

    page: str
    anchor: str
    definition: str


def rewrite(app, name, source):
    """Change the list of terms in the README of the notebooks in place, as Sphinx asks for the page."""
    if name == "notebooks/README":
        source[0] = LIST.sub(lambda terms: f"````{{glossary}}\n{ENTRY.sub(definition, terms[0])}````\n", source[0])


def definition(entry):
    """An entry of Sphinx's glossary."""
    return f"{entry['term']}\n  {entry['sentence']} ({entry['chapters']})\n\n"


def link_terms(app, doctree, page):
    """Link each term to the glossary where a page first uses it, and wherever it stands in bold."""
    known, seen = entries(app.env), set()
    if not known:
        return
    merge_texts(doctree)
    chapter = int(next(iter(re.findall(r"notebooks/(?:solutions/)?(\d\d)", page)), 0))
    term = pattern([name for name in known if chapter not in OTHER_SENSE.get(name, ())])
    for text in [text for text in doctree.findall(nodes.Text) if is_prose(text)]:
        pieces, end = [], 0
        for match in term.finditer(text):
            entry = known.get(canonical(match[0], known))
            bold = isinstance(text.parent, nodes.strong) and match[0] == text
            if not entry or (entry in seen and not bold) or is_definition(text, entry, page, doctree):
                continue
            seen.add(entry)
            link = app.builder.get_relative_uri(page, entry.page) + "#" + entry.anchor
            reference = nodes.reference("", match[0], internal=True, refuri=link, reftitle=entry.definition)
            pieces += [nodes.Text(text[end : match.start()]), nodes.inline("", "", reference, classes=["term"])]
            end = match.end()
        if pieces:
            text.parent.replace(text, [*pieces, nodes.Text(text[end:])])


def merge_texts(doctree):
    """A line break in the source must not keep the words of a term apart."""
    for node in doctree.findall(nodes.TextElement):
        runs = groupby(node.children, lambda child: isinstance(child, nodes.Text))
        node[:] = [child for is_text, run in runs for child in ([nodes.Text("".join(run))] if is_text else run)]


@cache
def entries(env):
    """Each term of the glossary, in all its forms, and its entry."""
    found = {}
    for name, _, kind, page, anchor, _ in env.domains["std"].get_objects():
        if kind == "term":
            item = env.get_doctree(page).ids[anchor].parent
            found |= dict.fromkeys([name, *FORMS.get(name, [])], Entry(page, anchor, item[-1].astext()))
    return found


def pattern(names):
    """What finds any of the names in a text, in the plural, too, and with a hyphen or a space between its words."""
    spelled = [r"[\s-]+".join(map(re.escape, re.split(r"[\s-]+", name))) for name in names]
    longest_first = "|".join(sorted(spelled, key=len, reverse=True))
    return re.compile(rf"(?<![\w-])(?:{longest_first})(?:e?s)?(?![\w-])", re.IGNORECASE)


def canonical(found, names):
    """Which of the names was found; one with a capital letter must be written so."""

    def key(text):
        return re.sub(r"[\s-]+", " ", text.lower())

    by_key = {key(name): name for name in names}
    name = next(by_key[stem] for end in ("", "s", "es") if (stem := key(found).removesuffix(end)) in by_key)
    return name if name[0].islower() or found[0].isupper() else None


def is_prose(text):
    """Whether a piece of text is one that people read in sentences, and no link yet."""
    return not any(isinstance(node, NO_PROSE) or "cell_output" in node.get("classes", ()) for node in above(text))


def is_definition(text, entry, page, doctree):
    """Whether a piece of text belongs to an entry itself."""
    return page == entry.page and doctree.ids[entry.anchor].parent in above(text)


def above(node):
    """The nodes that a node lies in."""
    while node := node.parent:
        yield node
