"""configuration.image_name: patterns that give every picture another plain name, and no others."""

import pytest

from lib.base.errors import InputError
from lib.kernel.configuration.image_name import check_image_name

pytestmark = pytest.mark.ships


@pytest.mark.parametrize(
    "pattern", ["{:05d}.png", "{}.png", "a {0:d}.png", "{:012}.png", "ö{{x}}-{:03d}_b.png"]
)
def test_a_pattern_with_one_number_names_every_picture_otherwise(pattern: str) -> None:
    check_image_name(pattern)
    assert len({pattern.format(index) for index in (0, 1, 10, 99, 100_000)}) == 5


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("picture.png", "needs one number in braces and has 0"),
        ("{}-{}.png", "has 2"),
        ("{:05d}", "does not end with .png"),
        ("{:05d}.jpg", "does not end with .png"),
        ("{:05d", "cannot be read"),
        ("{:.2f}.png", "something else than a number"),
        ("{:09999999d}.png", "something else than a number"),
        ("{0.__class__}.png", "something else than a number"),
        ("{name}.png", "something else than a number"),
        ("{!r}.png", "something else than a number"),
        ("{:{}d}.png", "something else than a number"),
        ("a/{}.png", "no plain file name"),
        ("a\\{}.png", "no plain file name"),
        ("..{}.png", "no plain file name"),
        (".{}.png", "no plain file name"),
        ("a\n{}.png", "no plain file name"),
    ],
)
def test_other_patterns_are_refused_with_a_cure(pattern: str, fault: str) -> None:
    with pytest.raises(InputError) as caught:
        check_image_name(pattern)
    assert fault in caught.value.what
    assert "--set image_name='{:05d}.png'" in caught.value.cure
