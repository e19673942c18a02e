"""lib.base.tables: columns as wide as their longest cell, numbers to the right."""

import pytest

from lib.base.tables import count_things, format_table


def test_table_is_aligned() -> None:
    rows = [["name", "n"], ["a", "10"], ["long name", "7"]]
    assert format_table(rows, right=(1,)) == ("name        n\na          10\nlong name   7")


def test_columns_are_as_wide_as_asked_for_and_no_line_ends_in_blanks() -> None:
    assert (
        format_table([["a", "1", "x"], ["b", "22", ""]], (1,), (3, 4)) == "a       1  x\nb      22"
    )


def test_rows_of_unequal_lengths_are_a_fault_of_ours() -> None:
    with pytest.raises(ValueError, match="shorter"):
        format_table([["a", "b"], ["c"]])


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1000, "1,000 files")]
)
def test_one_thing_is_told_as_one(number: int, words: str) -> None:
    assert count_things(number, "file") == words
