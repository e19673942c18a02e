"""lib.base.checksummed_files: both headings as they are on disk, and every damage found."""

import hashlib
from pathlib import Path

import pytest

from lib.base.checksummed_files import ChecksumError, Heading, read_checksummed, write_checksummed

pytestmark = pytest.mark.ships

PAYLOAD = bytes(range(256)) * 3
DIGEST = hashlib.sha256(PAYLOAD).digest()


@pytest.mark.parametrize(
    ("heading", "content"),
    [
        (Heading.DIGEST, DIGEST + PAYLOAD),
        (Heading.LINE, DIGEST.hex().encode() + b"\n" + PAYLOAD),
    ],
)
def test_heading_stands_before_the_payload(
    tmp_path: Path, heading: Heading, content: bytes
) -> None:
    path = tmp_path / "file"
    write_checksummed(path, PAYLOAD, heading)
    assert path.read_bytes() == content
    assert read_checksummed(path, heading) == PAYLOAD
    for damaged in (
        content[:-1],
        content + b"x",
        content[1:],
        b"",
        content.replace(b"\x07", b"\x08"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(ChecksumError):
            read_checksummed(path, heading)
