"""tests/bundler/cases/small -> the bundles that test_golden compares, byte for byte.

python -m tests.bundler.renew_golden
"""

from pathlib import Path
from typing import Any

from lib.bundler.bundle import build_bundle
from lib.bundler.chapters import Chapter
from lib.bundler.entry import Entry

CASES = Path(__file__).with_name("cases")
SMALL = CASES / "small"
SHAPES = Chapter("Shapes", ("shapes/__init__.py", "shapes/*"))
GOLDEN: dict[str, dict[str, Any]] = {  # file beside the case -> how its Entry differs
    "small.bundle.txt": {"exclude": ("note.txt",)},
    "small_as_text.bundle.txt": {"exclude": ("note.txt",), "style": "text"},
    "small_with_note.bundle.txt": {},
    "small_in_chapters.bundle.txt": {
        "exclude": ("note.txt",),
        "head": "A small case, told in two chapters.\n\nIts shapes come first.",
        "chapters": (SHAPES, Chapter("All others", ("*",))),
    },
}


def bundle_small(root: Path, name: str) -> str:
    """(the case or a copy of it, a key of GOLDEN) -> the text of its bundle."""
    entry = (root / "entry.py").read_bytes()
    return build_bundle(
        Entry(entry, "entry.py", root, preface="CONFIG = {}\n", **GOLDEN[name])
    ).text


if __name__ == "__main__":
    for name in GOLDEN:
        (CASES / name).write_bytes(bundle_small(SMALL, name).encode())
        print(CASES / name)
