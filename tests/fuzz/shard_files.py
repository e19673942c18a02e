"""The bytes of one file of an input folder -> its shards: no error, and every line accounted for.

The first byte says how the file is named and whether a sound shard lies beside it.
"""

import gzip
import io
import os
import random
import shutil
import struct
import tempfile
import warnings
import zipfile
import zlib
from collections import Counter
from functools import cache
from pathlib import Path

from lib.base.errors import InputError
from lib.kernel.competition.gan_challenge.shard_lines import (
    BLOCK_BYTES,
    LINE_LIMIT,
    DataDigest,
    hash_shards,
    read_blocks,
    split_block,
)
from lib.kernel.competition.gan_challenge.shards import find_shards
from tests.fuzz.bytes_mutations import mutate_bytes

NAMES = ("data.jsonl", "data.jsonl.gz", "shards.zip", "other.jsonl", "x.jsonl.gz", "DATA.JSONL.GZ")
_SOUND = b'{"id": "sound-1"}\n{"id": "sound-2"}\n'
_LARGEST = 1 << 25  # bytes to read of what a bomb unpacks to
_MEMBERS = (
    *("data.jsonl", "./data.jsonl", "a/data.jsonl", "a/../data.jsonl", "/data.jsonl", "a//b.jsonl"),
    *("\0/", "data.jsonl\0x", "..", ".", "", "a\\data.jsonl", "__MACOSX/data.jsonl", "in.zip"),
    *("x.jsonl.gz", "data.jsonl.gz", "data.jsonl.GZ", "DATA.JSONL", "shard_" + "9" * 5000 + "/"),
    *("shard_" + "7" * 4400 + "/data.jsonl", "é/data.jsonl", "a\nb/data.jsonl", "\x1b[2J.jsonl"),
)
TOKENS = (
    *(b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08"),
    *(b"\x1f\x8b\x08\0", b"\n", b"\r\n", b"\0", b"{}\n", b"data.jsonl", b"BZh9", b"\xfd7zXZ\0"),
)
# Signature of a zip's part -> (offset, width) of its fields, APPNOTE.TXT 4.3.
_FIELDS = {
    b"PK\x03\x04": ((4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)),
    b"PK\x01\x02": (
        *((6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (34, 2)),
        *((38, 4), (42, 4)),
    ),
    b"PK\x05\x06": ((4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)),
}


@cache
def make_seeds() -> list[bytes]:
    """Plain, gzipped and zipped shards; zips in zips, with descriptors, and with odd names."""
    text = b"".join(b'{"id": "%d"}\n' % number for number in range(30)) + b"\n \nlast"
    seeds = [b"\0" + text, b"\1" + gzip.compress(text), b"\1" + gzip.compress(text) * 2, b"\2"]
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        inner = make_zip([("data.jsonl", text)], method)
        seeds += [b"\2" + inner, b"\x42" + make_zip([("in.zip", inner)], method)]
    seeds += [b"\2" + make_zip([(name, text)], zipfile.ZIP_DEFLATED) for name in _MEMBERS]
    nested = make_zip([("a.jsonl.gz", gzip.compress(text)), ("data.jsonl", text)])
    for _ in range(4):
        nested = make_zip([("in.zip", nested)])
        seeds.append(b"\2" + nested)
    return [*seeds, b"\x41" + gzip.compress(bytes(1 << 20)), b"\2" + _zip_streamed(text), b"\3\n\n"]


def mutate(data: bytes, draw: random.Random) -> bytes:
    """Change a file: the content below its packing, one field of a zip's headers, or its bytes."""
    form, body = data[:1] or b"\0", data[1:]
    chance = draw.random()
    if chance < 0.1:
        return bytes([draw.randrange(128)]) + body
    if chance < 0.35 and b"PK" in body:
        return form + _mutate_field(body, draw)
    if chance < 0.5:
        members = [
            (draw.choice(_MEMBERS), mutate_bytes(draw.choice(make_seeds())[1:], draw, TOKENS))
            for _ in range(draw.choice((0, 1, 1, 2, 3)))
        ]
        return b"\2" + make_zip(members, draw.choice((0, 0, 8, 8, 12, 14)))
    if chance < 0.7 and (unpacked := _unpack(body)) is not None:
        changed = mutate_bytes(unpacked, draw, TOKENS)
        if body.startswith(b"\x1f\x8b"):
            return form + gzip.compress(changed, 1)
        return form + make_zip([("data.jsonl", changed)], draw.choice((0, 8)))
    return form + mutate_bytes(body, draw, TOKENS)


def check(data: bytes) -> None:
    """Find and read the shards of a folder with that file; count lines by the standard library."""
    form, body = data[0] if data else 0, data[1:]
    name = NAMES[form % 64 % len(NAMES)]
    folder = _make_folder()
    (folder / name).write_bytes(body)
    with_sound = bool(form & 64)
    if with_sound:
        (folder / "sound").mkdir()
        (folder / "sound/data.jsonl").write_bytes(_SOUND)
    refusal = ""
    try:
        shards = find_shards(folder)
    except InputError as error:
        refusal = str(error)
    if refusal:
        assert len(refusal.splitlines()) == 2, "an error of other than two lines"
        assert not with_sound, "one file hides the sound shard beside it"
        return
    labels = Counter(shard.label for shard in shards)
    digest, lines, faults, total, after = DataDigest(), {}, set(), 0, {}
    for block in read_blocks(shards, digest):
        assert len(block.data) <= LINE_LIMIT + BLOCK_BYTES + (1 << 21), "a block that is too large"
        if not block.first_line:  # a fault of the whole file, which has no lines
            assert block.fault, "a block without lines and without a fault"
            assert not block.data, "a block without lines that has bytes"
            faults.add(block.file)
            continue
        if block.first_line == 1 and labels[block.file] > 1:
            after[block.file] = 1  # members such as a/b and a\\b, which get one label
        assert block.first_line == after.get(block.file, 1), "lines were lost or read twice"
        count = block.data.count(b"\n") + (block.data[-1:] not in (b"\n", b"")) + bool(block.fault)
        after[block.file] = block.first_line + count
        if block.fault:
            faults.add(block.file)
        lines.setdefault(block.file, []).extend(
            record.raw for record in split_block(block) if not record.fault
        )
        total += len(block.data)
        if total > _LARGEST:
            return
    assert digest.hexdigest() == hash_shards(shards), "the second reading differs"
    if with_sound:
        assert lines.get("sound/data.jsonl") == _SOUND.splitlines(), "the sound shard lost lines"
    if with_sound and name == "other.jsonl":
        return  # it counts only where there is no data.jsonl
    for label, expected in _read_plainly(name, body):
        assert (label in faults) == (not expected), f"{name}: broken or empty, but not both"
        assert lines.get(label, []) == expected, f"{name}: lines differ from the standard library's"


def make_zip(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    """(name, content) of each member -> a zip; names stand in it as they are given."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
        warnings.simplefilter("ignore")  # that two have one name
        for name, content in members:
            info = zipfile.ZipInfo("x")
            info.filename = name
            info.compress_type = method
            archive.writestr(info, content)
    return file.getvalue()


def _zip_streamed(text: bytes) -> bytes:
    """A zip whose sizes stand behind the content, as one that was written to a pipe."""

    class Pipe(io.RawIOBase):
        held = b""

        def writable(self) -> bool:
            return True

        def write(self, piece: bytes) -> int:  # type: ignore[override]
            self.held += bytes(piece)
            return len(piece)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]
        archive.writestr("data.jsonl", text)
        archive.writestr("b/data.jsonl", text)
    return pipe.held


def _mutate_field(body: bytes, draw: random.Random) -> bytes:
    """One field of one of a zip's headers becomes another number."""
    places = [
        (body.find(sign, start), fields)
        for sign, fields in _FIELDS.items()
        for start in range(0, len(body), 512)
        if sign in body[start:]
    ]
    if not places:
        return mutate_bytes(body, draw, TOKENS)
    place, fields = draw.choice(places)
    offset, width = draw.choice(fields)
    old = int.from_bytes(body[place + offset : place + offset + width], "little")
    options = (0, 1, 8, 9, 12, 0xFFFF, 0xFFFFFFFF, old + 1, old - 1, old * 2, draw.getrandbits(32))
    number = (draw.choice(options) % (1 << 8 * width)).to_bytes(width, "little")
    return body[: place + offset] + number + body[place + offset + width :]


def _unpack(body: bytes) -> bytes | None:
    """A gzip, or a zip's first member -> its content; None where the standard library fails."""
    try:
        if body.startswith(b"\x1f\x8b"):
            inflater = zlib.decompressobj(31)
            return inflater.decompress(body, 1 << 16)
        with zipfile.ZipFile(io.BytesIO(body)) as archive, archive.open(archive.namelist()[0]) as f:
            return f.read(1 << 16)
    except Exception:  # zipfile raises errors of many kinds
        return None


def _read_plainly(name: str, body: bytes) -> list[tuple[str, list[bytes]]]:
    """A file that the standard library takes for whole -> (label, its lines); else nothing."""
    try:
        if name.lower().endswith(".gz"):
            return [(name, _split(gzip.decompress(body)))] if body else []
        if not name.endswith(".zip"):
            return [(name, _split(body))]
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            infos = archive.infolist()
            if len(infos) != 1 or infos[0].filename != "data.jsonl" or infos[0].flag_bits & 1:
                return []
            if infos[0].compress_type not in (0, 8):
                return []
            head = struct.unpack("<4s5H3I2H", body[infos[0].header_offset :][:30])
            if head[3] != infos[0].compress_type or head[2] != infos[0].flag_bits:
                return []  # two headers that contradict each other
            content = archive.read(infos[0])
            if infos[0].compress_type == zipfile.ZIP_DEFLATED and not _ends_itself(body, infos[0]):
                return []  # zipfile takes it where its checksum is right
            if len(content) != infos[0].file_size or head[6:9] not in (
                (infos[0].CRC, infos[0].compress_size, len(content)),
                (0, 0, 0),  # they stand behind the content
            ):
                return []
            return [(f"{name}/data.jsonl", _split(content))]
    except Exception:  # zipfile raises errors of many kinds
        return []


def _ends_itself(body: bytes, info: zipfile.ZipInfo) -> bool:
    """(a zip, a deflated member) -> whether its stream has its last block."""
    head = struct.unpack("<4s5H3I2H", body[info.header_offset :][:30])
    start = info.header_offset + 30 + head[9] + head[10]
    inflater = zlib.decompressobj(-15)
    inflater.decompress(body[start : start + info.compress_size])
    return inflater.eof


def _split(content: bytes) -> list[bytes]:
    return [line for line in content.split(b"\n") if line and not line.isspace()]


def _make_folder() -> Path:
    """Make an empty folder, in memory where that is possible."""
    memory = Path("/dev/shm")
    base = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    folder = base / f"kernelpress-fuzz-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder
