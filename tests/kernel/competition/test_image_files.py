"""Image files: formats, transparent colours, masks, files of too many parts, and a clean stderr."""

import base64
import io
import json
import logging
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lib.kernel.competition.foreign_formats import name_format
from lib.kernel.competition.image_files import (
    DAMAGED,
    NOT_AN_IMAGE,
    TOO_LARGE,
    TRUNCATED,
    Picture,
    open_image,
    read_mask,
    read_picture,
)
from lib.kernel.competition.lean_image import TOO_MANY_PARTS, TOO_MANY_SCANS, Lean, make_lean

pytestmark = pytest.mark.ships

ROOT = Path(__file__).parents[3]
NOISE = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (48, 48, 3), dtype=np.uint8)


def encode(picture: np.ndarray | Image.Image, kind: str = "PNG", **options) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def png(samples: np.ndarray, depth: int, colour: int, *extra: bytes) -> bytes:
    """((H, W, bands) samples, bits of each, colour type, chunks) -> a PNG without filters."""
    height, width = samples.shape[:2]
    flat = samples.reshape(height, -1).astype(">u2" if depth == 16 else ">u1")
    if depth < 8:
        bits = np.unpackbits(flat[..., None], axis=-1)[..., 8 - depth :]
        rows = np.packbits(bits.reshape(height, -1), axis=1)
    else:
        rows = flat.view(np.uint8).reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    parts = [chunk(b"IHDR", head), *extra, chunk(b"IDAT", body), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def read(data: bytes) -> Picture:
    picture = read_picture(data, "min-max", "reject")
    assert isinstance(picture, Picture), picture
    return picture


def reason(data: bytes) -> str:
    picture = read_picture(data, "min-max", "reject")
    assert isinstance(picture, str)
    return picture


# Transparent colours


@pytest.mark.parametrize(
    ("depth", "colour"), [(1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (8, 2), (16, 2)]
)
def test_a_key_makes_its_very_colour_transparent_at_every_depth(depth, colour):
    """The standard compares samples as stored, before anything is scaled to 8 bits."""
    draw, bands = np.random.default_rng(depth), 1 if colour == 0 else 3
    highest = (1 << depth) - 1
    near = np.minimum(draw.integers(0, 4, (9, 13, bands)) + highest // 2, highest)
    for key in {0, 1 & highest, highest // 2, highest // 2 + 1, highest, *near[0, 0].tolist()}:
        keys = np.full(bands, key) if draw.random() < 0.5 else near[draw.integers(9), 3]
        data = png(near, depth, colour, chunk(b"tRNS", keys.astype(">u2").tobytes()))
        alpha = read(data).alpha
        assert alpha is not None
        expected = np.where((near == keys).all(axis=2), 0, 255)
        assert np.array_equal(np.asarray(alpha), expected), (depth, colour, key)


def test_of_a_key_with_more_bits_than_the_pixels_the_lower_ones_count():
    samples = np.arange(4).reshape(2, 2, 1)
    alpha = read(png(samples, 2, 0, chunk(b"tRNS", b"\x01\x02"))).alpha
    assert np.asarray(alpha).tolist() == [[255, 255], [0, 255]]


def test_colours_beside_the_key_stay_as_they_are():
    wide = np.random.default_rng(2).integers(0, 65536, (7, 5, 3))
    data = png(wide, 16, 2, chunk(b"tRNS", wide[2, 3].astype(">u2").tobytes()))
    assert np.array_equal(np.asarray(read(data).colour), wide >> 8)
    assert np.array_equal(np.asarray(read(png(wide, 16, 2)).colour), wide >> 8)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_palette_has_an_alpha_for_each_of_its_colours(depth):
    draw = np.random.default_rng(depth)
    colours = draw.integers(0, 256, (1 << depth, 3), dtype=np.uint8)
    samples = draw.integers(0, 1 << depth, (9, 13, 1))
    alphas = draw.integers(0, 256, (1 << depth) - 1 or 1, dtype=np.uint8)
    extra = chunk(b"PLTE", colours.tobytes()), chunk(b"tRNS", alphas.tobytes())
    colour, alpha = read(png(samples, depth, 3, *extra))
    all_alphas = np.append(alphas, np.full(256, 255, np.uint8))
    assert np.array_equal(np.asarray(alpha), all_alphas[samples[..., 0]])
    assert np.array_equal(np.asarray(colour), colours[samples[..., 0]])


# Masks

_SEEN = np.zeros((24, 24), np.uint8)
_SEEN[3:9, 5:20] = np.random.default_rng(4).integers(1, 256, (6, 15))


def _constant(mode: str, colour: object) -> Image.Image:
    image = Image.new(mode[:-1], (24, 24), colour)  # type: ignore[arg-type]
    image.putalpha(Image.fromarray(_SEEN))
    return image


_MASKS = {
    "I;16 small": (_SEEN > 0).astype(np.uint16),
    "I;16 as 8 bits": _SEEN.astype(np.uint16),
    "I;16 just beyond 8 bits": _SEEN.astype(np.uint16) * 2,
    "I;16 with one large value": np.where(_SEEN.max() == _SEEN, 60_000, _SEEN).astype(np.uint16),
    "I;16": _SEEN.astype(np.uint16) * 257,
    "RGBA white": _constant("RGBA", "white"),
    "RGBA black": _constant("RGBA", "black"),
    "RGBA red": _constant("RGBA", (200, 10, 10)),
    "LA white": _constant("LA", 255),
    "LA black": _constant("LA", 0),
    "LA grey": _constant("LA", 7),
    "RGB": np.dstack([_SEEN] * 3),
    "blue of one level": np.dstack([_SEEN * 0, _SEEN * 0, (_SEEN > 0).astype(np.uint8)]),
    "RGBA opaque": np.dstack([_SEEN] * 3 + [np.full_like(_SEEN, 255)]),
    "RGBA colour and alpha": np.dstack([_SEEN] * 4),
    "P": Image.fromarray(_SEEN).convert("P"),
    "1": Image.fromarray(_SEEN > 0),
}


@pytest.mark.parametrize("name", list(_MASKS))
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_what_is_not_0_in_a_mask_stays_so(name, kind):
    mask = read_mask(encode(_MASKS[name], kind))
    assert mask is not None
    assert mask.mode == "L"
    assert np.array_equal(np.asarray(mask) > 0, _SEEN > 0)


def test_masks_keep_their_values():
    for name in ("I;16", "I;16 as 8 bits", "RGBA white", "LA grey", "RGB", "RGBA opaque", "P"):
        mask = read_mask(encode(_MASKS[name]))
        assert mask is not None
        assert np.array_equal(np.asarray(mask), _SEEN), name
    shares = read_mask(encode(_SEEN.astype(np.float32) / 255, "TIFF"))
    assert shares is not None
    assert np.abs(np.asarray(shares).astype(int) - _SEEN).max() <= 1


@pytest.mark.parametrize("colour", [2, 6])
def test_masks_of_16_bits_a_band_keep_what_their_lower_bytes_have(colour):
    wide = np.full((24, 24, 4), 65535)
    wide[..., 0 if colour == 2 else 3] = _SEEN > 0
    wide[..., 1:3] = 0 if colour == 2 else 65535
    mask = read_mask(png(wide[..., : 3 if colour == 2 else 4], 16, colour))
    assert mask is not None
    assert np.array_equal(np.asarray(mask) > 0, _SEEN > 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 4, 8, 16]))
def test_any_grey_mask_is_above_0_where_its_file_is(seed, depth):
    draw = np.random.default_rng(seed)
    values = draw.integers(0, 1 << int(draw.integers(1, depth + 1)), (8, 8, 1))
    mask = read_mask(png(values, depth, 0))
    assert np.array_equal(np.asarray(mask) > 0, values[..., 0] > 0)


# Formats

_FOREIGN = {
    "DDS": b"DDS |\0\0\0",
    "ICO": b"\0\0\1\0\1\0\x10\x10",
    "CUR": b"\0\0\2\0\1\0\x10\x10",
    "AVIF": b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miaf",
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "PSD": b"8BPS\0\1",
    "JP2": b"\0\0\0\x0cjP  \r\n\x87\n",
    "QOI": b"qoif\0\0\0\x20",
    "JXL": b"\xff\x0a\x7a",
    "SVG": b'<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "PDF": b"%PDF-1.4\n",
    "WebM": b"\x1a\x45\xdf\xa3\x9f",
    "MP4": b"\0\0\0\x18ftypisom\0\0\0\0isommp42",
    "PCX": b"\x0a\5\1\x08\0\0\0\0",
    "XBM": b"#define im_width 16\n#define im_height 7\n",
    "PGM as text": b"P2\n2 2\n255\n1 2 3 4\n",
    "PPM as text": b"P3 1 1 255 1 2 3",
    "PFM": b"Pf\n1 1\n-1.0\n\0\0\0\0",
    "SGI": b"\1\xda\1\1\0\2",
    "ICNS": b"icns\0\0\1\0",
    "EXR": b"\x76\x2f\x31\1\2\0\0\0",
    "DICOM": bytes(128) + b"DICM",
}


@pytest.mark.parametrize("name", list(_FOREIGN))
def test_a_format_that_is_not_taken_is_named(name):
    assert reason(_FOREIGN[name] + bytes(64)) == f"a format that is not taken ({name})"


@pytest.mark.parametrize("kind", ["TGA", "DDS", "ICO", "PCX", "SGI", "JPEG2000", "AVIF", "ICNS"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_files_as_pillow_writes_them_are_named(kind, mode):
    names = {"JPEG2000": "JP2"}
    try:
        data = encode(Image.fromarray(COLOUR).convert(mode), kind)
    except (OSError, KeyError, ValueError):
        pytest.skip(f"this Pillow writes no {kind} of mode {mode}")
    assert reason(data) == f"a format that is not taken ({names.get(kind, kind)})"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello, world",
        b"\0" * 64,
        b"RIFF\x24\0\0\0WAVEfmt " + bytes(64),
        b"RIFF\x24\0\0\0AVI LIST" + bytes(64),
        b"RIFF\x24\0\0\0ACONanih" + bytes(64),
        b"<html><body>404</body></html>",
        b"PK\3\4" + bytes(64),
        b"\x1f\x8b\x08" + bytes(64),
        b"P2P and other texts",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"ID3\3\0\0\0\0\0\0",
    ],
)
def test_what_is_no_image_is_called_so(data):
    assert reason(data) == NOT_AN_IMAGE


def test_a_webp_that_is_cut_is_truncated_at_any_length():
    data = encode(COLOUR, "WEBP", lossless=True)
    for length in (8, 9, 11, 12, 20, len(data) - 1):
        assert reason(data[:length]) == TRUNCATED


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=64), st.sampled_from([b"", *_FOREIGN.values()]))
def test_any_bytes_have_a_name_or_none(rest, start):
    assert name_format(start[: len(rest)] + rest) is None or open_image(start + rest)


# Counts

_BIG = 1 << 20  # repetitions; each of these files took seconds, minutes or gigabytes
_PACKED_BOMB = chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(1 << 20)))


def _insert(data: bytes, place: int, piece: bytes) -> bytes:
    return data[:place] + piece + data[place:]


def _tiff(*entries: tuple[int, int, int, int]) -> bytes:
    body = b"".join(struct.pack("<HHLL", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + bytes(4)


def _many_parts() -> dict[str, bytes]:
    jpeg, gif = encode(COLOUR, "JPEG"), encode(NOISE, "GIF")
    second = 4 + int.from_bytes(jpeg[4:6])
    plain = encode(COLOUR)
    return {
        "PNG chunks": _insert(plain, 33, chunk(b"teSt", b"") * _BIG),
        "PNG pixels": _insert(plain, 33, chunk(b"IDAT", b"") * 20_000),
        "PNG frames": _insert(plain, len(plain) - 12, chunk(b"fdAT", bytes(8)) * 20_000),
        "PNG profiles": _insert(plain, 33, _PACKED_BOMB * 65),
        "PNG texts": _insert(plain, 33, _PACKED_BOMB.replace(b"iCCP", b"zTXt") * 65),
        "JPEG comments": _insert(jpeg, 2, b"\xff\xfe\0\2" * _BIG),
        "JPEG tables": _insert(jpeg, 2, b"\xff\xdb\0\2" * _BIG),
        "JPEG padding": _insert(jpeg, 2, b"\xff" * _BIG),
        "JPEG junk": _insert(jpeg, second, bytes(_BIG)),
        "JPEG stuffing": _insert(jpeg, second, b"\xff\0" * _BIG),
        "GIF comment": _insert(gif, 13 + (6 << (gif[10] & 7)), b"!\xfe" + b"\1a" * _BIG + b"\0"),
        "GIF extensions": _insert(gif, 13 + (6 << (gif[10] & 7)), b"!\1\0" * _BIG),
        "PPM blanks": b"P6" + b" " * _BIG + b"4 4 255\n" + bytes(48),
        "PPM comment": b"P6 #" + b"a" * _BIG + b"\n4 4 255\n" + bytes(48),
        "PPM comments": b"P5 " + b"#\n" * _BIG + b"4 4 255\n" + bytes(48),
        "TIFF tags": _tiff(*[(number, 7, _BIG, 8) for number in range(5000)]) + bytes(_BIG),
        "TIFF strips": _tiff((256, 3, 1, 9), (257, 3, 1, 9), (273, 4, _BIG, 8)) + bytes(4 * _BIG),
    }


@pytest.mark.parametrize("name", list(_many_parts()))
def test_a_file_of_too_many_parts_is_refused_before_it_is_opened(name):
    data = _many_parts()[name]
    assert reason(data) == TOO_MANY_PARTS
    assert make_lean(name.partition(" ")[0], data) == TOO_MANY_PARTS


def _with_scans(side: int, repeats: int, mode: str = "L") -> bytes:
    """A progressive JPEG whose last scan, with its table, comes that many times more."""
    data = encode(Image.new(mode, (side, side), "grey"), "JPEG", progressive=True)
    table = data.rfind(b"\xff\xc4", 0, data.rfind(b"\xff\xda"))
    return data[:-2] + data[table:-2] * repeats + b"\xff\xd9"


def test_a_jpeg_whose_scan_repeats_is_refused():
    """33 bytes cost 3.5 ms, so that a small file took minutes."""
    assert reason(_with_scans(64, 100)) == TOO_MANY_SCANS
    assert reason(_with_scans(64, 100_000)) == TOO_MANY_SCANS
    assert reason(_with_scans(2048, 57)) == TOO_LARGE  # 64 scans over 4 Mpx
    assert np.asarray(read(_with_scans(64, 50)).colour).std() == 0
    for mode in ("L", "RGB"):
        assert isinstance(read(_with_scans(1000, 0, mode)), Picture)


def test_a_tiff_of_jpegs_has_no_more_scans_than_strips():
    data = encode(Image.fromarray(COLOUR).resize((300, 2000)), "TIFF", compression="jpeg")
    assert read(data).colour.size == (300, 2000)
    assert reason(data + b"\xff\xda" * 5000) == TOO_MANY_SCANS


def test_metadata_of_a_jpeg_are_left_out_and_its_pixels_are_the_same():
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "x" * 1000
    lean = make_lean("JPEG", encode(COLOUR, "JPEG", exif=exif.tobytes(), comment=b"c"))
    plain = encode(COLOUR, "JPEG")
    assert isinstance(lean, Lean)
    assert lean.data == plain
    cmyk = encode(Image.fromarray(COLOUR).convert("CMYK"), "JPEG")
    assert make_lean("JPEG", cmyk) == Lean(cmyk, 1)  # Adobe's segment inverts its colours


def test_an_exif_block_whose_tags_share_their_bytes_is_not_read():
    """Each of 5,000 tags copied the whole file: 100 GB."""
    entries = b"".join(struct.pack("<HHLL", number, 7, 60_000, 0) for number in range(5000))
    block = (b"II*\0\x08\0\0\0" + struct.pack("<H", 5000) + entries).ljust(65_000, b"\0")
    segment = b"\xff\xe1" + (len(block) + 8).to_bytes(2) + b"Exif\0\0" + block
    data = _insert(encode(COLOUR, "JPEG"), 2, segment * 300)
    lean = make_lean("JPEG", data)
    assert isinstance(lean, Lean)
    assert len(lean.data) < len(data) - 300 * len(segment) + 10
    assert read(data).colour.size == (48, 48)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_keeps_the_tags_that_pixels_need(order):
    for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "F"):
        for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
            image = Image.fromarray(NOISE if mode in ("I;16", "F") else COLOUR).convert(mode)
            data = encode(image, "TIFF", compression=compression, dpi=(9, 9), software="x" * 99)
            lean = make_lean("TIFF", data)
            assert isinstance(lean, Lean)
            assert len(lean.data) == len(data)
            loaded = open_image(data)
            assert isinstance(loaded, Image.Image)
            assert loaded.tobytes() == Image.open(io.BytesIO(data)).tobytes()
            assert 305 not in Image.open(io.BytesIO(lean.data)).tag_v2  # type: ignore[attr-defined]


def _run_length_bmp(side: int, body: bytes) -> bytes:
    head = struct.pack("<LllHHLLllLL", 40, side, side, 1, 8, 1, len(body), 0, 0, 256, 0)
    return b"BM" + struct.pack("<LHHL", 1078 + len(body), 0, 0, 1078) + head + bytes(1024) + body


@pytest.mark.parametrize(
    "data",
    [
        _run_length_bmp(4000, b"\1\0\0\0" * 4000),  # unpacked in Python
        _run_length_bmp(100, b"\1\0" * (1 << 20)),
        b"P6 2000 2000 254\n" + bytes(12_000_000),  # scaled in Python
        b"P5 2000 2000 1000\n" + bytes(8_000_000),
        png(np.zeros((3000, 3000, 4)), 16, 6),
        encode(Image.new("RGB", (4096, 4096)), "WEBP", method=0),
        encode(Image.new("RGBA", (4096, 4096))),
        encode(Image.new("L", (4097, 1))),
    ],
    ids=["rle", "runs", "ppm", "pgm", "16 bits", "webp", "rgba", "side"],
)
def test_a_picture_that_would_take_over_a_second_is_too_large(data):
    assert reason(data) == TOO_LARGE


@pytest.mark.parametrize(
    "data",
    [
        encode(Image.new("L", (4096, 4096))),
        encode(Image.new("1", (4096, 4096)), "TIFF", compression="group4"),
        encode(Image.new("RGB", (4000, 3000)), "JPEG"),
        encode(Image.new("RGB", (4096, 2000)), "PNG"),
        _run_length_bmp(64, b"\x40\7\0\0" * 64),
        b"P5 40 40 15\n" + bytes(1600),
        b"P6 # a comment\n40 40\n# another\n255\n" + bytes(4800),
        _insert(encode(COLOUR), 33, _PACKED_BOMB),
    ],
    ids=["grey", "fax", "photo", "wide", "rle", "pgm", "ppm", "profile"],
)
def test_large_and_uncommon_pictures_are_still_read(data):
    assert isinstance(read(data), Picture)


def test_a_tiff_that_is_cut_does_not_take_its_directory_for_pixels():
    data = encode(COLOUR, "TIFF")
    place = int.from_bytes(data[4:8], "little")
    assert place == 8  # the directory stands in front, the pixels at the end
    assert reason(data[:-1]) in (TRUNCATED, DAMAGED)


# stderr

_NOISY = """
import base64, json, sys
from lib.kernel.competition.gan_challenge.decode_policy import get_policy
from lib.kernel.competition.gan_challenge.decode_record import decode_record
for line in sys.stdin.buffer:
    print(getattr(decode_record(line, get_policy("official")), "reason", "decoded"))
"""


def test_nothing_is_written_to_stderr():
    draw, lines = np.random.default_rng(5), []
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "group4", "jpeg", "packbits", "raw"):
        image = Image.fromarray(NOISE).convert("1" if compression == "group4" else "L")
        whole = encode(image, "TIFF", compression=compression)
        for _ in range(12):
            data = bytearray(whole)
            for place in draw.integers(8, len(data), 6):
                data[place] = draw.integers(256)
            lines.append(bytes(data[: draw.integers(len(data) // 2, len(data) + 1)]))
    lines.append(_tiff((256, 3, 1, 9), (257, 3, 1, 9), (258, 3, 1, 8), (277, 3, 1, 9999)))
    text = b"\n".join(
        json.dumps({"img_b64": base64.b64encode(data).decode()}).encode() for data in lines
    )
    command = [sys.executable, "-c", _NOISY]
    done = subprocess.run(command, input=text, capture_output=True, cwd=ROOT, check=True)
    assert done.stderr == b""
    assert len(done.stdout.split(b"\n")) == len(lines) + 1
    assert b"damaged image" in done.stdout


def test_stderr_is_given_back_and_no_file_stays_open():
    broken = encode(NOISE, "TIFF", compression="tiff_lzw")[:-40]
    before = os.stat(2), len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        open_image(broken)
    assert os.path.samestat(before[0], os.stat(2))
    assert len(os.listdir("/proc/self/fd")) == before[1]


def test_pillows_errors_still_reach_a_user_who_set_up_logging(caplog):
    with caplog.at_level(logging.ERROR):
        open_image(_tiff((256, 3, 1, 9), (257, 3, 1, 9), (258, 3, 1, 8), (277, 3, 1, 9999)))
    assert "samples per pixel" in caplog.text.lower()
