"""An image file and a random draw -> the same file with a chunk, a header or pixels changed.

Blind changes never pass a PNG's checksums, so half of the time they are made right again.
"""

import io
import random
import struct
import zlib

import numpy as np
from PIL import Image

from tests.fuzz.bytes_mutations import mutate_bytes

_PNG = b"\x89PNG\r\n\x1a\n"
_CHUNKS = (
    *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"eXIf"),
    *(b"tEXt", b"zTXt", b"iTXt", b"bKGD", b"pHYs", b"tIME", b"acTL", b"fcTL", b"fdAT", b"CgBI"),
)
IMAGE_TOKENS = (
    *(_PNG, b"\xff\xd8", b"\xff\xc0", b"\xff\xc2", b"\xff\xda", b"\xff\xd9", b"GIF89a", b"BM"),
    *(b"RIFF", b"WEBPVP8L", b"II*\0", b"MM\0*", b"P6\n2 2\n255\n", b"P4\n", b"Exif\0\0", *_CHUNKS),
)
_LARGEST = 1 << 20  # bytes of unpacked pixels that are changed and packed again


def mutate_image(data: bytes, draw: random.Random) -> bytes:
    """Change an image file; of a PNG one chunk, with its checksum right half of the time."""
    if data.startswith(_PNG) and draw.random() < 0.8:
        return _join_chunks(_mutate_chunks(_split_chunks(data), draw), draw.random() < 0.5, draw)
    return mutate_bytes(data, draw, IMAGE_TOKENS)


def make_images(draw: random.Random) -> list[bytes]:
    """Draw small pictures; save them in the formats and modes that records can hold."""
    files = []
    random_pixels = np.random.default_rng(draw.randrange(1 << 32))
    for mode, kind, options in (
        *((mode, "PNG", {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        ("P", "PNG", {"transparency": 3}), ("L", "PNG", {"transparency": 9}),
        ("P", "PNG", {"bits": 2}), ("1", "PNG", {"transparency": 0}),
        ("RGB", "PNG", {"transparency": (1, 2, 3)}), ("I;16", "PNG", {"transparency": 7}),
        ("L", "JPEG", {}), ("RGB", "JPEG", {"progressive": True}), ("CMYK", "JPEG", {}),
        ("L", "GIF", {}), ("P", "GIF", {"transparency": 1}), ("1", "BMP", {}), ("RGB", "BMP", {}),
        ("RGB", "WEBP", {}), ("RGBA", "WEBP", {"lossless": True}), ("L", "TIFF", {}),
        ("RGBA", "TIFF", {"compression": "tiff_lzw"}), ("I;16", "TIFF", {}), ("F", "TIFF", {}),
        ("1", "TIFF", {"compression": "group4"}), ("1", "PPM", {}), ("L", "PPM", {}),
        ("RGB", "PPM", {}), ("I;16", "PPM", {}),
    ):  # fmt: skip
        side = (random_pixels.integers(1, 40), random_pixels.integers(1, 40))
        deep = random_pixels.integers(0, 65536, side).astype(np.uint16)
        image = Image.fromarray(deep if mode == "I;16" else (deep >> 8).astype(np.uint8))
        file = io.BytesIO()
        (image if image.mode == mode else image.convert(mode)).save(file, kind, **options)
        files.append(file.getvalue())
    return files


def _split_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """A PNG, perhaps broken -> (name, content) of its chunks."""
    chunks, place = [], len(_PNG)
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4])
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    return chunks


def _mutate_chunks(
    chunks: list[tuple[bytes, bytes]], draw: random.Random
) -> list[tuple[bytes, bytes]]:
    if not chunks:
        return [(draw.choice(_CHUNKS), draw.randbytes(draw.randrange(20)))]
    place = draw.randrange(len(chunks))
    name, content = chunks[place]
    kind = draw.randrange(6)
    if kind == 0:
        return [*chunks[:place], *chunks[place + 1 :]]
    if kind == 1:
        new = (draw.choice(_CHUNKS), draw.randbytes(draw.choice((0, 1, 2, 6, 13, 26))))
        return [*chunks[:place], new, *chunks[place:]]
    if kind == 2:
        return [*chunks[: place + 1], *chunks[place:]]
    if name == b"IHDR" and len(content) == 13:
        content = _mutate_header(content, draw)
    elif name == b"IDAT" and draw.random() < 0.7:
        content = _mutate_pixels(content, draw)
    elif kind == 3:
        name = draw.choice(_CHUNKS)
    else:
        content = mutate_bytes(content, draw)
    return [*chunks[:place], (name, content), *chunks[place + 1 :]]


def _mutate_header(content: bytes, draw: random.Random) -> bytes:
    fields = list(struct.unpack(">IIBBBBB", content))
    which = draw.randrange(len(fields))
    sides, depths = (0, 1, 2, 31, 32, 33, 127, 128, 129, 300), (1, 2, 4, 8, 16)
    options = (sides, sides, depths, (0, 2, 3, 4, 6), (0, 1), (0, 1), (0, 1, 2))[which]
    fields[which] = draw.choice((*options, draw.randrange(256)))
    return struct.pack(">IIBBBBB", *fields)


def _mutate_pixels(content: bytes, draw: random.Random) -> bytes:
    inflater = zlib.decompressobj()
    try:
        rows = inflater.decompress(content, _LARGEST)
    except zlib.error:
        return mutate_bytes(content, draw)
    return zlib.compress(mutate_bytes(rows, draw), draw.choice((0, 1, 9)))


def _join_chunks(chunks: list[tuple[bytes, bytes]], right: bool, draw: random.Random) -> bytes:
    pieces = [_PNG]
    for name, content in chunks:
        check = zlib.crc32(name + content) if right or draw.random() < 0.7 else draw.getrandbits(32)
        pieces.append(struct.pack(">I", len(content)) + name + content + struct.pack(">I", check))
    return b"".join(pieces)
