"""tests/bundler/cases/small -> the bundles that test_golden compares, byte for byte.

python -m tests.bundler.renew_golden
"""

from pathlib import Path

from lib.bundler.bundle import Entry, build_bundle

CASES = Path(__file__).with_name("cases")
SMALL = CASES / "small"
GOLDEN = {  # file beside the case -> what is taken besides its modules
    "small.bundle.txt": (),
    "small_with_note.bundle.txt": ("note.txt",),
}


def bundle_small(root: Path, include: tuple[str, ...]) -> str:
    """(the case or a copy of it, what to include) -> the text of its bundle."""
    entry = (root / "entry.py").read_bytes()
    return build_bundle(Entry(entry, "entry.py", root, include, preface="CONFIG = {}\n")).text


if __name__ == "__main__":
    for name, include in GOLDEN.items():
        (CASES / name).write_bytes(bundle_small(SMALL, include).encode())
        print(CASES / name)
