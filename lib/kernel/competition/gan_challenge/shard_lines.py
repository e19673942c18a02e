"""Shards -> their lines, in file order, and the sha256 of all that was read."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lib.base.one_line import as_one_line
from lib.kernel.competition.archives import BrokenStreamError
from lib.kernel.competition.gan_challenge.open_shard import ShardOpener
from lib.kernel.competition.gan_challenge.shard_candidates import Shard

BLOCK_BYTES = 3 << 17  # half a shard of the competition: enough blocks for every core to have some
BLOCK_LINES = 1 << 12  # so that many short lines do not fill the memory with what is said of each
LINE_LIMIT = 1 << 25  # bytes; a line beyond it holds no picture that the decoder would take
LINE_TOO_LONG = "line too long"
NO_LINES = "an empty file, no lines in it"
BREAKS_OFF = "shard breaks off"


class Block(NamedTuple):
    """Whole lines that follow each other in one shard."""

    file: str  # the shard's label as one line
    first_line: int  # number of the first line, from 1; 0 where the fault is the whole file's
    data: bytes  # lines, each ended by a line feed; the last one may lack it
    fault: str = ""  # why the line after these was lost, if one was


class RawRecord(NamedTuple):
    """One line, or the place where one was lost."""

    file: str
    line: int  # from 1; 0 stands for the whole file
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
    with ShardOpener() as opener:
        for shard in shards:
            for piece in opener.read(shard):
                if isinstance(piece, bytes):
                    digest.update(piece)  # what can be read counts; read_blocks reports the fault
            digest.end_shard()
    return digest.hexdigest()


def read_blocks(shards: Iterable[Shard], digest: DataDigest) -> Iterator[Block]:
    """Shards -> blocks of whole lines; a shard that breaks off gives the lines before the break."""
    with ShardOpener() as opener:
        for shard in shards:
            yield from _read_shard(opener.read(shard), as_one_line(shard.label), digest)
            digest.end_shard()


def _read_shard(
    pieces: Iterator[bytes | BrokenStreamError], label: str, digest: DataDigest
) -> Iterator[Block]:
    buffer, fault, is_blank = _LineBuffer(label), "", True
    for piece in pieces:
        if isinstance(piece, BrokenStreamError):
            fault = f"{BREAKS_OFF}: {piece.reason}"
            break
        digest.update(piece)
        for block in buffer.add(piece):
            is_blank = is_blank and not block.fault and block.data.isspace()
            yield block
    for block in buffer.finish(fault):
        is_blank = is_blank and not block.fault and block.data.isspace()
        yield block
    if is_blank and not fault:
        yield Block(label, 0, b"", NO_LINES)


class _LineBuffer:
    """Pieces of one shard -> blocks of whole lines."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._line = 1  # number of the first line held
        self._whole: list[bytes] = []  # pieces that end with a line's end
        self._whole_bytes = 0
        self._tail: list[bytes] = []  # pieces of a line that has not ended yet
        self._tail_bytes = 0
        self._skipping = False  # the current line is too long and already counted as lost

    def add(self, piece: bytes) -> Iterator[Block]:
        """The next piece, shorter than LINE_LIMIT -> the blocks that are full with it."""
        if self._skipping:
            _, end, piece = piece.partition(b"\n")
            if not end:
                return
            self._skipping = False
        end_of_line = piece.find(b"\n")
        first = len(piece) if end_of_line < 0 else end_of_line
        if self._tail_bytes + first > LINE_LIMIT:
            yield from self._lose_line()
            self._skipping = end_of_line < 0
            piece = piece[first + 1 :]
        cut = piece.rfind(b"\n") + 1
        if cut:
            self._whole += [*self._tail, piece[:cut]]
            self._whole_bytes += self._tail_bytes + cut
            self._tail, self._tail_bytes = [piece[cut:]], len(piece) - cut
        elif piece:
            self._tail.append(piece)
            self._tail_bytes += len(piece)
        if self._whole_bytes >= BLOCK_BYTES:
            yield from self._give_whole()

    def finish(self, fault: str) -> Iterator[Block]:
        """Why the shard breaks off, or "" if it does not -> the last blocks."""
        tail = b"".join(self._tail)
        if tail and (not fault or _is_json(tail)):
            self._whole.append(tail)
        yield from self._give_whole(fault)

    def _give_whole(self, fault: str = "") -> Iterator[Block]:
        """The whole lines held -> blocks of them; the last one has the fault."""
        data = b"".join(self._whole)
        self._whole, self._whole_bytes = [], 0
        count = data.count(b"\n")
        while count > BLOCK_LINES:
            *lines, data = data.split(b"\n", BLOCK_LINES)
            yield Block(self._label, self._line, b"\n".join([*lines, b""]))
            self._line, count = self._line + BLOCK_LINES, count - BLOCK_LINES
        if data or fault:
            yield Block(self._label, self._line, data, fault)
        self._line += count

    def _lose_line(self) -> Iterator[Block]:
        """Give the whole lines held, then the loss of the one that follows them."""
        yield from self._give_whole()
        yield Block(self._label, self._line, b"", LINE_TOO_LONG)
        self._line += 1
        self._tail, self._tail_bytes = [], 0


def _is_json(line: bytes) -> bool:
    """The piece of a line before a break -> whether it is a whole record nevertheless."""
    if len(line) > BLOCK_BYTES:
        return line.rstrip().endswith(b"}")  # the decoder will tell; here it would take memory
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
