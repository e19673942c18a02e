"""A gzip or zip file, whole or broken -> the bytes that can be read, then the reason it broke."""

import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lib.base.disk_errors import explain_disk

_PIECE = 1 << 18  # compressed bytes a read
_OUTPUT = 1 << 20  # bytes a step of the decompressor may give, so that no bomb fills the memory
_CAREFUL = 1 << 12  # compressed bytes a step on the way to a fault
_SEARCH = 1 << 12  # bytes of the first read in search of a header; each next one is twice as large
_GZIP_PARTS = 1 << 17  # gzip members in one file; tiny ones cost time and hold nothing
_HELD = 1 << 24  # bytes of an inner zip that are held in memory; a larger one lies in a file
_STORED, _DEFLATED = 0, 8
_LOCAL = struct.Struct("<4s5H3I2H")  # APPNOTE.TXT 4.3.7, local file header
_ENTRY = struct.Struct("<4s6H3I5H2I")  # 4.3.12, a file's header in the directory
_END = struct.Struct("<4s4H2IH")  # 4.3.16, end of the directory
_LOCATOR_64 = struct.Struct("<4sIQI")  # 4.3.15, stands in front of _END in zips over 4 GB
_END_64 = struct.Struct("<4sQ2H2I4Q")  # 4.3.14
_NOT_HERE = 0xFFFFFFFF  # the number stands in the zip64 fields
_HAS_DESCRIPTOR, _ENCRYPTED, _UTF8 = 0x08, 0x01, 0x800
_GZIP, _RAW = 31, -15  # zlib's wbits for the two framings


class BrokenStreamError(Exception):
    """The bytes end here although more were announced; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a zip: its name and where its bytes lie."""

    name: str
    header: int  # offset of the local file header, bytes
    method: int
    flags: int
    packed: int  # bytes as stored; -1: not known, the deflate stream ends itself
    crc: int  # CRC-32 of the content; -1: not known
    size: int  # bytes of the content; -1: not known


def list_members(file: IO[bytes]) -> tuple[Iterator[Member], bool]:
    """A zip file, even one cut short -> (its files, whether its directory tells them).

    Where there is no sound directory they are found by their local headers. Folders are left out.
    However many files there are, only one of them is held in memory.
    """
    try:
        start, end, shift = _find_directory(file)
        for _ in _walk_directory(file, start, end, shift):
            pass  # a directory that breaks off tells nothing
    except (OSError, ValueError, struct.error):
        return _drop_folders(_scan_local_headers(file)), False
    return _drop_folders(_walk_directory(file, start, end, shift)), True


def read_member(file: IO[bytes], member: Member) -> Iterator[bytes]:
    """(zip file, a member) -> pieces of its content; BrokenStreamError where it ends early."""
    head = _read_at(file, member.header, _LOCAL.size)
    if len(head) < _LOCAL.size or head[:4] != b"PK\x03\x04":
        raise BrokenStreamError("the zip's local header is damaged")
    if member.flags & _ENCRYPTED or member.method not in (_STORED, _DEFLATED):
        kind = "encryption" if member.flags & _ENCRYPTED else f"compression method {member.method}"
        raise BrokenStreamError(f"the zip uses {kind}; pack it with deflate")
    name_length, extra_length = _LOCAL.unpack(head)[9:]
    _read_at(file, member.header + _LOCAL.size, name_length + extra_length)
    source = _take(file, member.packed)
    pieces = source if member.method == _STORED else _inflate(source, _RAW)
    crc, size = 0, 0
    for piece in pieces:
        crc, size = zlib.crc32(piece, crc), size + len(piece)
        yield piece
    if member.size >= 0 and size < member.size:
        raise BrokenStreamError("the zip ends early")
    if member.crc >= 0 and crc != member.crc:
        raise BrokenStreamError("the zip's checksum is wrong")


def gunzip(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """A gzip file in pieces -> pieces of its content; BrokenStreamError where it ends early."""
    return _inflate(pieces, _GZIP)


def read_plain(file: IO[bytes]) -> Iterator[bytes]:
    """A file -> its bytes in pieces."""
    return _take(file, -1)


def open_nested(content: Iterator[bytes], limit: int) -> tuple[IO[bytes], int, str]:
    """(pieces of an inner zip, most bytes) -> (a file of them, their number, why some are missing).

    The file is a temporary one without a name, in memory only while it is small.
    """
    size, fault = 0, ""
    with explain_disk("shards", "no room for a zip inside a zip", _temporary_folder()):
        held = tempfile.SpooledTemporaryFile(max_size=_HELD)  # noqa: SIM115 # the caller's
        try:
            for piece in content:
                size += len(piece)
                if size > limit:
                    fault = f"larger than {limit:,} bytes: unpack the zip around it"
                    break
                held.write(piece)
        except BrokenStreamError as broken:
            fault = broken.reason
        held.seek(0)
    return held, size, fault


def _temporary_folder() -> Path:
    return Path(tempfile.gettempdir())


def _take(file: IO[bytes], count: int) -> Iterator[bytes]:
    """(file, bytes to read, or -1 for all) -> pieces; BrokenStreamError where the disk fails."""
    left = count
    while left:
        try:
            piece = file.read(_PIECE if left < 0 else min(_PIECE, left))
        except OSError as error:
            raise BrokenStreamError(f"the file cannot be read ({error.strerror})") from error
        if not piece:
            return
        left -= len(piece) if left > 0 else 0
        yield piece


def _inflate(source: Iterator[bytes], wbits: int) -> Iterator[bytes]:
    """(compressed pieces, framing) -> content, to the last byte before a fault."""
    inflater, parts = zlib.decompressobj(wbits), 1
    started = False
    for piece in source:
        while piece:
            if inflater.eof:
                if wbits != _GZIP or not piece.startswith(b"\x1f"):
                    return  # padding behind the stream; gzip alone may hold several streams
                inflater, parts = zlib.decompressobj(wbits), parts + 1
                if parts > _GZIP_PARTS:
                    raise BrokenStreamError(f"more than {_GZIP_PARTS:,} gzip files in one")
            saved = inflater.copy()
            started = True
            try:
                content = inflater.decompress(piece, _OUTPUT)
            except zlib.error:
                yield from _inflate_to_fault(saved, piece)
                raise BrokenStreamError("the compressed data are damaged") from None
            if content:
                yield content
            piece = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    if not inflater.eof:
        yield from _drain(inflater)
        if inflater.eof:
            return  # the last step's output was full although all input was read
        raise BrokenStreamError("the compressed data end early" if started else "the file is empty")


def _drain(inflater: "zlib._Decompress") -> Iterator[bytes]:
    """A decompressor whose input has ended -> what it still holds back."""
    try:
        content = inflater.flush()
    except zlib.error:
        return
    if content:
        yield content


def _inflate_to_fault(inflater: "zlib._Decompress", piece: bytes) -> Iterator[bytes]:
    """(a decompressor before its fault, the faulty piece) -> all content in front of the fault."""
    start, step = 0, _CAREFUL
    while step and start < len(piece):
        saved = inflater.copy()
        try:
            content = inflater.decompress(piece[start : start + step])
        except zlib.error:
            inflater, step = saved, step // 2
            continue
        start += step
        if content:
            yield content


def _find_directory(file: IO[bytes]) -> tuple[int, int, int]:
    """A zip file -> (begin of its directory, its end, what to add to the offsets in it).

    Offsets count from the zip's own begin; something may stand in front of it.
    """
    length = file.seek(0, os.SEEK_END)
    tail_at = max(0, length - _END.size - 0xFFFF)  # a comment may follow
    tail = _read_at(file, tail_at, length - tail_at)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise ValueError("no end record")
    size, offset = _END.unpack_from(tail, at)[5:7]
    end = tail_at + at
    locator = _read_at(file, end - _LOCATOR_64.size, _LOCATOR_64.size)
    if locator[:4] == b"PK\x06\x07":
        end -= _LOCATOR_64.size + _END_64.size
        fields = _END_64.unpack(_read_at(file, end, _END_64.size))
        if fields[0] == b"PK\x06\x06":
            size, offset = fields[8:10]
        else:
            end += _LOCATOR_64.size + _END_64.size
    if end - size < 0:
        raise ValueError("the directory is larger than the file")
    return end - size, end, end - size - offset


def _walk_directory(file: IO[bytes], start: int, end: int, shift: int) -> Iterator[Member]:
    """(zip file, what _find_directory gave) -> its members; ValueError where one is damaged."""
    while start < end:
        head = _read_at(file, start, _ENTRY.size)
        if head[:4] != b"PK\x01\x02" or len(head) < _ENTRY.size:
            raise ValueError("no header where one should be")
        fields = _ENTRY.unpack(head)
        flags, method, (crc, packed, size, *lengths) = fields[3], fields[4], fields[7:13]
        rest = file.read(sum(lengths))
        if len(rest) < sum(lengths):
            raise ValueError("a header is cut short")
        numbers = [size, packed, fields[-1]]
        if _NOT_HERE in numbers:
            numbers = _widen(numbers, rest[lengths[0] : lengths[0] + lengths[1]])
        name = _decode_name(rest[: lengths[0]], flags)
        yield Member(name, numbers[2] + shift, method, flags, numbers[1], crc, numbers[0])
        start += _ENTRY.size + len(rest)


def _widen(numbers: list[int], extra: bytes) -> list[int]:
    """(size, packed size and offset of a header, its extra fields) -> with zip64's values."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:  # 4.5.3
            wide = struct.iter_unpack("<Q", extra[at + 4 : at + 4 + length // 8 * 8])
            return [
                next(wide, (number,))[0] if number == _NOT_HERE else number for number in numbers
            ]
        at += 4 + length
    return numbers


def _decode_name(raw: bytes, flags: int) -> str:
    """A name's bytes -> the name; what follows a zero byte does not belong to it."""
    name = raw.decode("utf-8" if flags & _UTF8 else "cp437", "backslashreplace")
    return name.partition("\0")[0]


def _drop_folders(members: Iterator[Member]) -> Iterator[Member]:
    return (member for member in members if not member.name.endswith("/"))


def _read_at(file: IO[bytes], offset: int, count: int) -> bytes:
    """(file, offset, bytes) -> what stands there; nothing where there is no such place."""
    try:
        file.seek(offset)
        return file.read(count)
    except (OSError, ValueError, OverflowError):
        return b""


def _scan_local_headers(file: IO[bytes]) -> Iterator[Member]:
    """A zip without its directory -> the members that its local headers announce, in order."""
    position = 0
    while True:
        head = _read_at(file, position, _LOCAL.size)
        if len(head) < _LOCAL.size or head[:4] != b"PK\x03\x04":
            return
        fields = _LOCAL.unpack(head)
        flags, method, crc, packed, size = fields[2], fields[3], *fields[6:9]
        raw_name = file.read(fields[9])
        if len(raw_name) < fields[9]:
            return
        name = _decode_name(raw_name, flags)
        start = position + _LOCAL.size + fields[9] + fields[10]
        known = not flags & _HAS_DESCRIPTOR and packed != _NOT_HERE
        if known:
            yield Member(name, position, method, flags, packed, crc, size)
            position = start + packed
            continue
        yield Member(name, position, method, flags, -1, -1, -1)
        found = _find_next_header(file, start)
        if found < 0:
            return
        position = found


def _find_next_header(file: IO[bytes], start: int) -> int:
    """(zip file, offset) -> where the next local header stands; -1 where none does."""
    position, tail, count = start, b"", _SEARCH
    while piece := _read_at(file, position, count):
        count = min(2 * count, _PIECE)
        found = (tail + piece).find(b"PK\x03\x04")
        if found >= 0:
            return position - len(tail) + found
        position += len(piece)
        tail = piece[-3:]
    return -1
