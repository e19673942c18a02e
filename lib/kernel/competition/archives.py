"""A gzip or zip file, whole or broken -> the bytes that can be read, then the reason it broke."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_PIECE = 1 << 18  # compressed bytes a read
_OUTPUT = 1 << 20  # bytes a step of the decompressor may give, so that no bomb fills the memory
_CAREFUL = 1 << 12  # compressed bytes a step on the way to a fault
_STORED, _DEFLATED = 0, 8
_LOCAL = struct.Struct("<4s5H3I2H")  # APPNOTE.TXT 4.3.7, local file header
_HAS_DESCRIPTOR, _ENCRYPTED, _UTF8 = 0x08, 0x01, 0x800
_GZIP, _RAW = 31, -15  # zlib's wbits for the two framings


class BrokenStreamError(Exception):
    """The bytes end here although more were announced; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Member:
    """One file of a zip: its name and where its bytes lie."""

    name: str
    header: int  # offset of the local file header, bytes
    method: int
    flags: int
    packed: int  # bytes as stored; -1: not known, the deflate stream ends itself
    crc: int  # CRC-32 of the content; -1: not known
    size: int  # bytes of the content; -1: not known


def list_members(file: BinaryIO) -> list[Member]:
    """A zip file, even one cut short -> its files.

    They are found in its directory, or by their local headers where there is no directory.
    """
    try:
        infos = zipfile.ZipFile(file).infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OSError):
        return list(_scan_local_headers(file))  # the directory stands last: a cut file has none
    return [
        Member(
            info.filename,
            info.header_offset,
            info.compress_type,
            info.flag_bits,
            info.compress_size,
            info.CRC,
            info.file_size,
        )
        for info in infos
        if not info.is_dir()
    ]


def read_member(file: BinaryIO, member: Member) -> Iterator[bytes]:
    """(zip file, a member) -> pieces of its content; BrokenStreamError where it ends early."""
    file.seek(member.header)
    head = file.read(_LOCAL.size)
    if len(head) < _LOCAL.size or head[:4] != b"PK\x03\x04":
        raise BrokenStreamError("the zip's local header is damaged")
    if member.flags & _ENCRYPTED or member.method not in (_STORED, _DEFLATED):
        kind = "encryption" if member.flags & _ENCRYPTED else f"compression method {member.method}"
        raise BrokenStreamError(f"the zip uses {kind}; pack it with deflate")
    name_length, extra_length = _LOCAL.unpack(head)[9:]
    file.seek(member.header + _LOCAL.size + name_length + extra_length)
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


def read_plain(file: BinaryIO) -> Iterator[bytes]:
    """A file -> its bytes in pieces."""
    return _take(file, -1)


def open_nested(content: Iterator[bytes], limit: int) -> BinaryIO:
    """(pieces of an inner zip, most bytes to hold) -> that zip in memory, as far as it goes."""
    held = io.BytesIO()
    try:
        for piece in content:
            if held.tell() + len(piece) > limit:
                break
            held.write(piece)
    except BrokenStreamError:
        pass  # the zip is cut short; list_members and read_member report that themselves
    held.seek(0)
    return held


def _take(file: BinaryIO, count: int) -> Iterator[bytes]:
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
    inflater = zlib.decompressobj(wbits)
    started = False
    for piece in source:
        while piece:
            if inflater.eof:
                if wbits != _GZIP or not piece.startswith(b"\x1f"):
                    return  # padding behind the stream; gzip alone may hold several streams
                inflater = zlib.decompressobj(wbits)
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


def _scan_local_headers(file: BinaryIO) -> Iterator[Member]:
    """A zip without its directory -> the members that its local headers announce, in order."""
    position = 0
    while True:
        file.seek(position)
        head = file.read(_LOCAL.size)
        if len(head) < _LOCAL.size or head[:4] != b"PK\x03\x04":
            return
        fields = _LOCAL.unpack(head)
        flags, method, crc, packed, size = fields[2], fields[3], *fields[6:9]
        raw_name = file.read(fields[9])
        if len(raw_name) < fields[9]:
            return
        name = raw_name.decode("utf-8" if flags & _UTF8 else "cp437", "replace")
        start = position + _LOCAL.size + fields[9] + fields[10]
        known = not flags & _HAS_DESCRIPTOR and packed != 0xFFFFFFFF
        if known:
            yield Member(name, position, method, flags, packed, crc, size)
            position = start + packed
            continue
        yield Member(name, position, method, flags, -1, -1, -1)
        found = _find_next_header(file, start)
        if found < 0:
            return
        position = found


def _find_next_header(file: BinaryIO, start: int) -> int:
    """(zip file, offset) -> where the next local header stands; -1 where none does."""
    file.seek(start)
    position, tail = start, b""
    while piece := file.read(_PIECE):
        found = (tail + piece).find(b"PK\x03\x04")
        if found >= 0:
            return position - len(tail) + found
        position += len(piece)
        tail = piece[-3:]
    return -1
