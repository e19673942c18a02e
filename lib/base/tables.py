"""Rows of texts -> lines whose columns are aligned; a number and a noun -> both in words."""

from collections.abc import Collection, Sequence
from itertools import zip_longest

from lib.base.terminal import as_printable


def format_table(
    rows: Sequence[Sequence[str]], right: Collection[int] = (), least: Sequence[int] = ()
) -> str:
    """(rows of equal lengths, columns to align right, least widths) -> aligned lines."""
    rows = [[as_printable(cell) for cell in row] for row in rows]
    longest = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths = [max(pair) for pair in zip_longest(longest, least, fillvalue=0)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def count_things(number: int, noun: str) -> str:
    """(how many, the noun of one) -> "1 kernel", "2,000 kernels"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
