"""Shards -> their lines, in file order, and the sha256 of all that was read."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lib.kernel.competition.archives import BrokenStreamError
from lib.kernel.competition.gan_challenge.shards import Shard, open_shard

BLOCK_BYTES = 3 << 17  # half a shard of the competition: enough blocks for every core to have some
LINE_LIMIT = 1 << 25  # bytes; a line beyond it holds no picture that the decoder would take
LINE_TOO_LONG = "line too long"


class Block(NamedTuple):
    """Whole lines that follow each other in one shard."""

    file: str  # the shard's label
    first_line: int  # number of the first line, from 1
    data: bytes  # lines, each ended by a line feed; the last one may lack it
    fault: str = ""  # why the line after these was lost, if one was


class RawRecord(NamedTuple):
    """One line, or the place where one was lost."""

    file: str
    line: int  # from 1
    raw: bytes
    fault: str = ""


class DataDigest:
    """One sha256 of all shards' unpacked bytes; neither mount path nor packing changes it."""

    def __init__(self) -> None:
        self._whole = hashlib.sha256()
        self._shard = hashlib.sha256()
        self.shards = 0  # closed so far

    def update(self, piece: bytes) -> None:
        """Add the next unpacked bytes of the current shard."""
        self._shard.update(piece)

    def end_shard(self) -> None:
        """Close the current shard, read to its end or to where it breaks off."""
        self._whole.update(self._shard.digest())
        self._shard = hashlib.sha256()
        self.shards += 1

    def hexdigest(self) -> str:
        """Return 64 hex digits for the shards closed so far."""
        return self._whole.hexdigest()


def read_records(shards: Iterable[Shard]) -> Iterator[RawRecord]:
    """Shards -> their lines that are not blank, and a RawRecord with a fault for each line lost."""
    for block in read_blocks(shards, DataDigest()):
        yield from split_block(block)


def split_block(block: Block) -> Iterator[RawRecord]:
    """A block -> its lines that are not blank, then the fault it ends with, if any."""
    lines = block.data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for number, raw in enumerate(lines, start=block.first_line):
        if raw and not raw.isspace():
            yield RawRecord(block.file, number, raw)
    if block.fault:
        yield RawRecord(block.file, block.first_line + len(lines), b"", block.fault)


def hash_shards(shards: Iterable[Shard]) -> str:
    """Shards in order -> 64 hex digits of their unpacked bytes; paths and packing do not matter."""
    digest = DataDigest()
    for shard in shards:
        try:
            with shard.path.open("rb") as file:
                for piece in open_shard(shard, file):
                    digest.update(piece)
        except (BrokenStreamError, OSError):
            pass  # what can be read counts as the data; read_blocks reports the fault
        digest.end_shard()
    return digest.hexdigest()


def read_blocks(shards: Iterable[Shard], digest: DataDigest) -> Iterator[Block]:
    """Shards -> blocks of whole lines; a shard that breaks off gives the lines before the break."""
    for shard in shards:
        yield from _read_shard(shard, digest)
        digest.end_shard()


def _read_shard(shard: Shard, digest: DataDigest) -> Iterator[Block]:
    buffer, fault = _LineBuffer(shard.label), ""
    for piece in _pieces_then_fault(shard):
        if isinstance(piece, BrokenStreamError):
            fault = f"shard breaks off: {piece.reason}"
            break
        digest.update(piece)
        yield from buffer.add(piece)
    yield from buffer.finish(fault)


class _LineBuffer:
    """Pieces of one shard -> blocks of whole lines."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._line = 1  # number of the first line held
        self._whole: list[bytes] = []  # pieces that end with a line's end
        self._tail: list[bytes] = []  # pieces of a line that has not ended yet
        self._skipping = False  # the current line is too long and already counted as lost

    def add(self, piece: bytes) -> Iterator[Block]:
        """The next piece -> the blocks that are full with it."""
        if self._skipping:
            _, end, piece = piece.partition(b"\n")
            if not end:
                return
            self._skipping = False
        cut = piece.rfind(b"\n") + 1
        if cut:
            self._whole += [*self._tail, piece[:cut]]
            self._tail = [piece[cut:]]
        else:
            self._tail.append(piece)
        too_long = sum(map(len, self._tail)) > LINE_LIMIT
        if self._whole and (too_long or sum(map(len, self._whole)) >= BLOCK_BYTES):
            block = Block(self._label, self._line, b"".join(self._whole))
            self._line += block.data.count(b"\n")
            self._whole = []
            yield block
        if too_long:
            yield Block(self._label, self._line, b"", LINE_TOO_LONG)
            self._line += 1
            self._tail, self._skipping = [], True

    def finish(self, fault: str) -> Iterator[Block]:
        """Why the shard breaks off, or "" if it does not -> the last block."""
        tail = b"".join(self._tail)
        if tail and (not fault or _is_json(tail)):
            self._whole.append(tail)
        if self._whole or fault:
            yield Block(self._label, self._line, b"".join(self._whole), fault)


def _pieces_then_fault(shard: Shard) -> Iterator[bytes | BrokenStreamError]:
    """A shard -> its pieces, and last the reason if it breaks off."""
    try:
        with shard.path.open("rb") as file:
            yield from open_shard(shard, file)
    except BrokenStreamError as broken:
        yield broken
    except OSError as error:
        yield BrokenStreamError(f"the file cannot be opened ({error.strerror})")


def _is_json(line: bytes) -> bool:
    """The piece of a line before a break -> whether it is a whole record nevertheless."""
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
