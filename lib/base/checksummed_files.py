"""Bytes -> a file that starts with their sha256; such a file -> the bytes, if they are whole."""

import hashlib
from enum import Enum
from pathlib import Path

from lib.base.files import replacing


class Heading(Enum):
    """How the sha256 stands in front of the bytes; the value is how many bytes it takes."""

    DIGEST = 32  # the digest itself
    LINE = 65  # 64 hex digits and a line end


class ChecksumError(ValueError):
    """The bytes of a file are not those that its heading was made for."""

    def __init__(self, stated: bytes, got: bytes) -> None:
        self.stated = stated  # both as the heading has them
        self.got = got
        super().__init__(f"sha256 {got!r} instead of {stated!r}")


def write_checksummed(path: Path, payload: bytes, heading: Heading) -> None:
    """Write a payload behind its sha256, whole or not at all."""
    with replacing(path) as file:
        file.write(_make_heading(payload, heading))
        file.write(payload)


def read_checksummed(path: Path, heading: Heading) -> memoryview:
    """Read the payload of a file of write_checksummed; ChecksumError if it is damaged."""
    content = path.read_bytes()
    payload = memoryview(content)[heading.value :]
    stated, got = content[: heading.value], _make_heading(payload, heading)
    if stated != got:
        raise ChecksumError(stated, got)
    return payload


def _make_heading(payload: bytes | memoryview, heading: Heading) -> bytes:
    digest = hashlib.sha256(payload)
    return digest.digest() if heading is Heading.DIGEST else f"{digest.hexdigest()}\n".encode()
