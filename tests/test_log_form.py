"""docs/LOG.md keeps its form: entries of four parts, newest first, all of them in the contents."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
LOG, DESIGN = ((DOCS / name).read_text(encoding="utf-8") for name in ("LOG.md", "DESIGN.md"))
PARTS = ["Question", "Setting", "Numbers", "Decision"]
WIDEST = 120  # characters of a line outside tables
HEADINGS = re.findall(r"^## (.+)$", LOG, re.MULTILINE)
ENTRIES = [heading for heading in HEADINGS if re.match(r"\d", heading)]


def make_anchor(heading: str) -> str:
    """A heading -> the anchor that GitHub gives it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_entries_are_numbered_and_newest_first() -> None:
    first, second, *others = HEADINGS
    assert (first, second) == ("Contents", "What the entries share")
    assert others == ENTRIES
    heads = [re.fullmatch(r"(\d+)\. (\d{4}-\d\d-\d\d): \S.*", heading) for heading in ENTRIES]
    assert all(heads), "each heading is '12. 2026-11-24: Title'"
    assert [int(head[1]) for head in heads if head] == list(range(len(ENTRIES), 0, -1))
    dates = [head[2] for head in heads if head]
    assert dates == sorted(dates, reverse=True)


def test_contents_list_every_entry_in_order() -> None:
    contents = LOG.split("\n## Contents\n")[1].split("\n## ")[0]
    row = r"^\| (\d+) \| (\S+) \| \[(.+)\]\(#(\S+)\) \| [^|]*\w[^|]* \|$"
    rows = re.findall(row, contents, re.MULTILINE)
    assert [f"{number}. {date}: {title}" for number, date, title, _ in rows] == ENTRIES
    assert [anchor for *_, anchor in rows] == [make_anchor(heading) for heading in ENTRIES]


def test_each_entry_has_its_four_parts() -> None:
    for text in LOG.split("\n## ")[-len(ENTRIES) :]:
        heading = text.splitlines()[0]
        pieces = re.split(r"^\*\*(\w+)\.\*\*", text, flags=re.MULTILINE)[1:]
        assert pieces[::2] == PARTS, heading
        assert all(piece.strip() for piece in pieces[1::2]), heading


def test_entries_refer_to_entries_that_are_there() -> None:
    for number in re.findall(r"\bentry\s+(\d+)", LOG + DESIGN):
        assert 1 <= int(number) <= len(ENTRIES), f"entry {number}"


def test_lines_outside_tables_are_short() -> None:
    lines = [line for line in LOG.splitlines() if not line.startswith("|")]
    assert [line for line in lines if len(line) > WIDEST] == []
