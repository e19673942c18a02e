"""Whole files with some bytes changed, cut or put in: pictures or a reason come, nothing else."""

import gzip
import io
import pickle
import random
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lib.base.errors import InputError
from lib.kernel.competition.images.decode import decode_block, read_blocks
from lib.kernel.competition.images.find_pictures import find_pictures
from tests.kernel.competition.images.pictures import draw, encode

pytestmark = pytest.mark.ships

PICTURES = {f"{number}.png": encode(draw(9, 9, 3, seed=number)) for number in range(3)}
IDX = struct.pack(">4B3I", 0, 0, 8, 3, 6, 5, 4) + draw(6, 5, 4).tobytes()


def save(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def save_npz() -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, a=draw(5, 9, 7, 3), b=np.arange(5))
    return content.getvalue()


def pack_zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in PICTURES.items():
            archive.writestr(name, data)
    return content.getvalue()


def pack_tar(mode: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in PICTURES.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return content.getvalue()


FILES = {
    "x.npy": save(draw(5, 9, 7, 3)),
    "x.npz": save_npz(),
    "data_batch_1": pickle.dumps({b"data": draw(2, 3072), b"labels": [1, 2]}, 2),
    "test_batch": pickle.dumps({"data": draw(2, 3072)}, 4),
    "a-idx3-ubyte": IDX,
    "a-idx3-ubyte.gz": gzip.compress(IDX),
    "x.zip": pack_zip(),
    "x.tar": pack_tar("w"),
    "x.tar.gz": pack_tar("w:gz"),
    "x.tar.xz": pack_tar("w:xz"),
    "x.png": PICTURES["0.png"],
    "x.webp": encode(draw(20, 14, 3), "WEBP"),
    "x.jpg": encode(draw(20, 14, 3), "JPEG"),
}


def change(content: bytes, draws: random.Random) -> bytes:
    """Change, cut or put in some bytes, more often near the begin, where headers are."""
    changed = bytearray(content)
    for _ in range(draws.choice([1, 1, 2, 5])):
        place = int(len(changed) * draws.random() ** draws.choice([1, 4]))
        how = draws.choice(["set", "set", "cut", "put"])
        if how == "cut":
            del changed[place:]
        elif how == "put":
            changed[place:place] = draws.randbytes(draws.randrange(8))
        elif place < len(changed):
            changed[place] = draws.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_gives_squares_or_reasons(name: str, tmp_path: Path) -> None:
    draws, seen = random.Random(name), {"kept": 0, "lost": 0}
    for _ in range(60):
        (tmp_path / name).write_bytes(change(FILES[name], draws))
        try:
            for block in read_blocks(find_pictures(tmp_path / name)):
                decoded = decode_block(block, 16)
                assert decoded.pixels.shape[2:] == (16, 16)
                assert len(decoded.pixels) == len(decoded.ids)
                assert all(row.reason for row in decoded.rejects)
                assert block.count <= len(decoded.ids) + len(decoded.rejects)
                seen["kept"] += len(decoded.ids)
                seen["lost"] += len(decoded.rejects)
        except InputError:  # no file in it is a picture
            seen["lost"] += 1
    assert min(seen.values()) > 0, seen
