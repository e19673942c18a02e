"""docs/HOW_IT_WORKS.md and GLOSSARY.md: pictures, quoted numbers, links and form hold."""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from lib.synthetic.look_alike import look_alike
from tests.how_models import KINDS, name_kinds
from tests.plots import Axis, Series, draw_plot
from tests.test_log_form import LOG, make_anchor

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
HOW, GLOSSARY = (
    (DOCS / name).read_text(encoding="utf-8") for name in ("HOW_IT_WORKS.md", "GLOSSARY.md")
)
NUMBERS = json.loads((DOCS / "how_numbers.json").read_text(encoding="utf-8"))
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
FOR_PEOPLE = [
    "README.md",
    *(f"docs/{name}.md" for name in ("HOW_IT_WORKS", "GLOSSARY", "TUTORIAL", "TROUBLESHOOTING")),
    *("docs/REFERENCE.md", "docs/BOARD.md"),
]
MOST_BYTES = 600_000  # of all pictures together
WIDEST, LONGEST = 120, 4  # columns of a line, lines of a paragraph
PROMISED = "FID, floor, shard, recipe, policy, curation, look-alike, bundle"
NUMBER = r"(?<![\w.,:/])\d[\d,]*(?:\.\d+)?(?![\w/]|[.,]\d)"


def leave_out_code(text: str) -> str:
    """Return a page without its blocks of code and what stands in backticks."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def list_paragraphs(text: str) -> list[str]:
    """List a page's paragraphs and list items, without tables, headings, pictures and code."""
    blocks = re.split(r"\n\s*\n|\n(?=[-*] |\d+\. )", leave_out_code(text))
    return [block.strip() for block in blocks if re.match(r"[^|#!<\s]", block.strip())]


def list_anchors(text: str) -> list[str]:
    """List the anchors that GitHub gives a page's headings."""
    seen: Counter[str] = Counter()
    anchors = []
    for heading in re.findall(r"^#+ (.+)$", re.sub(r"(?ms)^```.*?^```$", "", text), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = make_anchor(words)
        anchors.append(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return anchors


def find_numbers(text: str) -> list[str]:
    """List the numbers with a decimal point, and the bold ones; not those of formulas and links."""
    text = re.sub(r"\$\$.*?\$\$|\$[^$\n]*\$|\]\([^)]*\)|arXiv:\d+\.\d+", " ", text, flags=re.DOTALL)
    bold = re.findall(NUMBER, " ".join(re.findall(r"\*\*([^*]*)\*\*", text)))
    return sorted({*bold, *(found for found in re.findall(NUMBER, text) if "." in found)})


def test_each_picture_is_there_and_named_once() -> None:
    named = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", HOW)
    assert sorted(named) == sorted(path.name for path in DOCS.glob("how_*.png"))
    assert sum((DOCS / name).stat().st_size for name in named) < MOST_BYTES


def test_numbers_in_the_text_are_measured_ones() -> None:
    """Each number is the script's, or stands in an entry of the log that its paragraph names."""
    entries = {
        int(found[1]): found[0] for found in re.finditer(r"(?ms)^## (\d+)\..*?(?=^## |\Z)", LOG)
    }
    strange = []
    for block in re.split(r"\n\s*\n", leave_out_code(HOW)):
        known = {value.removeprefix("-") for value in NUMBERS.values()}
        for entry in re.findall(r"entry (\d+)", block):
            known |= set(re.findall(NUMBER, entries[int(entry)]))
        strange += [number for number in find_numbers(block) if number not in known]
    assert strange == []
    assert len(find_numbers(leave_out_code(HOW))) > 30, "so many at least are looked at"


def test_formulas_hold_nothing_that_markdown_takes_for_an_escape() -> None:
    formulas = re.findall(r"\$\$.*?\$\$|\$[^$\n]*\$", HOW, flags=re.DOTALL)
    assert len(formulas) > 20
    assert [one for one in formulas if re.search(r"\\[^A-Za-z]", one)] == []


def test_a_made_up_number_would_be_found() -> None:
    text = (
        "It is 0.123 of **1,234** in $0.5 x$, [here](a1.5.md), arXiv:1706.08500, version 3.11.2, 7"
    )
    assert find_numbers(text) == ["0.123", "1,234"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_anchors_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", leave_out_code(text)):
        if re.match(r"https?:|mailto:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        is_there = path.exists() and path.is_relative_to(ROOT)
        if is_there and anchor:
            is_there = anchor in list_anchors(path.read_text(encoding="utf-8"))
        wrong += [] if is_there else [target]
    assert wrong == []


def test_the_glossary_is_in_order_and_short() -> None:
    entries = [entry.split("\n", 1) for entry in GLOSSARY.split("\n### ")[1:]]
    terms = [term for term, _ in entries]
    assert terms == sorted(terms, key=str.casefold)
    assert {term.casefold() for term in PROMISED.split(", ")} <= {term.casefold() for term in terms}
    lengths = {term: len(text.strip().split("\n")) for term, text in entries}
    assert {term for term, lines in lengths.items() if lines > 3} == set()
    assert all(text.strip() for _, text in entries)


@pytest.mark.parametrize("page", FOR_PEOPLE)
def test_paragraphs_are_short(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    paragraphs = list_paragraphs(text)
    assert len(paragraphs) > 4
    assert [one for one in paragraphs if one.count("\n") >= LONGEST] == []
    text = re.sub(r"(?ms)^```.*?^```$", "", text)
    lines = [line for line in text.split("\n") if not re.match(r"[|!]|\$\$", line)]
    assert [line for line in lines if len(line) > WIDEST] == []


def test_promised_terms_are_linked_where_they_first_stand() -> None:
    """HOW_IT_WORKS links each term to the glossary."""
    linked = re.findall(r"\]\(GLOSSARY\.md#([\w-]+)\)", HOW)
    assert {make_anchor(term) for term in PROMISED.split(", ")} <= set(linked)
    assert set(linked) <= set(list_anchors(GLOSSARY))


def test_kinds_are_told_apart() -> None:
    """The look-alike's shares are known; the page's table of kinds rests on this."""
    images = np.repeat(look_alike(2000, 3)[:, None], 3, axis=1)
    shares = [float((name_kinds(images) == kind).mean()) for kind in KINDS]
    assert shares == pytest.approx([0.45, 0.10, 0.39, 0.06], abs=0.025)
    smeared = np.full((1, 3, 32, 32), 120, np.uint8)
    assert name_kinds(smeared).tolist() == ["soft dots"], "grey is no box"


def test_a_point_is_drawn_where_its_axes_say() -> None:
    """On log axes the middle of 1 and 100 is 10."""
    line = Series("", [(1, 1), (10, 10), (100, 100)])
    pixels = np.asarray(draw_plot([line], Axis("x", log=True), Axis("y", log=True)).convert("RGB"))
    blue = (pixels[..., 2].astype(int) - pixels[..., 0] > 100).nonzero()
    across, down = (np.unique(axis) for axis in (blue[1], blue[0]))
    middle = [float(axis.min() + axis.max()) / 2 for axis in (across, down)]
    at = np.abs(blue[1] - middle[0]) < 3
    assert abs(float(blue[0][at].mean()) - middle[1]) < 3
