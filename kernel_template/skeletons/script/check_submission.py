"""Check a submission before it is sent; `build.py submit --entry kernel.py` calls it."""

import csv
from pathlib import Path

TEST = Path(__file__).with_name("input") / "test.csv"


def check(path: Path) -> None:
    """Raise ValueError unless the file has one row for each row of test.csv, in its order."""
    with TEST.open(encoding="utf-8", newline="") as file:
        key, *names = next(csv.reader([file.readline()]))
        expected = [row[0] for row in csv.reader(file) if row]
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = [row for row in csv.reader(file) if row] or [[]]
    if len(head) != 2 or head[0] != key or head[1] in names:
        raise ValueError(f"expected a head of {key} and the target, got {','.join(head)!r}")
    if [row[0] for row in rows] != expected:
        raise ValueError(
            f"expected the {len(expected):,} rows of test.csv, got {len(rows):,} others"
        )
    empty = [row[0] for row in rows if len(row) != 2 or not row[1]]
    if empty:
        where = f"{len(empty):,} of {len(rows):,} rows, the first is {empty[0]}"
        raise ValueError(f"no prediction in {where}")
