"""A number and a noun: one of a thing, none or many things."""

import pytest

from lib.base.counted import count_things


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1000, "1,000 files")]
)
def test_one_is_told_alone(number: int, words: str) -> None:
    assert count_things(number, "file") == words
