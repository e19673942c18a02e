"""Write bytes to a file behind their sha256, and read them back if they are intact."""

import hashlib
from enum import Enum
from pathlib import Path

from lib.base.files import replacing


class Heading(Enum):
    """The form of the sha256 in front of the payload; the value is its length in bytes."""

    DIGEST = 32  # the digest itself
    LINE = 65  # 64 hex digits and a line end


class ChecksumError(ValueError):
    """The bytes of a file do not match the sha256 in its heading."""

    def __init__(self, stated: bytes, got: bytes) -> None:
        self.stated = stated  # both in the heading's form
        self.got = got
        super().__init__(f"sha256 {got!r} instead of {stated!r}")


def write_checksummed(path: Path, payload: bytes, heading: Heading) -> None:
    """Write a payload behind its sha256, whole or not at all."""
    with replacing(path) as file:
        file.write(_make_heading(payload, heading))
        file.write(payload)


def read_checksummed(path: Path, heading: Heading) -> memoryview:
    """Read the payload of a file of write_checksummed; raise ChecksumError if it is damaged."""
    content = path.read_bytes()
    payload = memoryview(content)[heading.value :]
    stated, got = content[: heading.value], _make_heading(payload, heading)
    if stated != got:
        raise ChecksumError(stated, got)
    return payload


def _make_heading(payload: bytes | memoryview, heading: Heading) -> bytes:
    digest = hashlib.sha256(payload)
    return digest.digest() if heading is Heading.DIGEST else f"{digest.hexdigest()}\n".encode()
