"""A line, or a few -> both decoders: neither raises, and their results are equal to the bit."""

import base64
import json
import random
import tempfile
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lib.kernel.competition.gan_challenge.decode_block import decode_block
from lib.kernel.competition.gan_challenge.decode_policy import NAMED_POLICIES
from lib.kernel.competition.gan_challenge.decode_record import decode_record
from lib.kernel.competition.gan_challenge.records import Rejection
from lib.kernel.competition.gan_challenge.shard_lines import Block, split_block
from lib.synthetic.look_alike import look_alike
from lib.synthetic.shards import write_shards
from tests.fuzz.bytes_mutations import VALUES, mutate_bytes, mutate_json
from tests.fuzz.image_mutations import IMAGE_TOKENS, make_images, mutate_image

IMAGES = ("img_b64", "img64", "img_64", "alpha_b64")
KEYS = (*IMAGES, "root", "id", "exif_rot", "invert", "mode", "size", "label")
TOKENS = (
    *(f'"{key}":'.encode() for key in KEYS),
    *(b'{"root":', b"}", b"null", b"data:image/png;base64,", b"iVBORw0KGgo", b"/9j/", b"R0lGOD"),
    *(b"Qk0", b"UklGR", b"SUkqAA", b"TU0AKg", b"UDYK", b"\\n", b"\\ud800", b"\n", b"=", b"=="),
)


@cache
def make_seeds() -> list[bytes]:
    """Records as the competition has them, damaged ones, and one of each kind of image file."""
    with tempfile.TemporaryDirectory() as folder:
        write_shards(look_alike(60, 5), Path(folder), 5, chaos=0.3)
        texts = [path.read_bytes() for path in sorted(Path(folder).rglob("*.jsonl"))]
    lines = [line for text in texts for line in text.splitlines()]
    draw = random.Random(5)
    for number, image in enumerate(make_images(draw)):
        fields = {"id": f"made-{number}", "img_b64": _encode(image), "exif_rot": 90 * (number % 4)}
        if number % 3 == 0:
            fields["alpha_b64"] = _encode(draw.choice(make_images(draw)))
        lines.append(json.dumps(fields).encode())
    return [*lines, b"\n".join(lines[:3]), b"", b"{}", b"[" * 2000, b'{"root":' * 900]


def mutate(data: bytes, draw: random.Random) -> bytes:
    """Change a record: its image file below base64, its fields, or its bytes."""
    lines = data.split(b"\n")
    place = draw.randrange(len(lines))
    try:
        record = json.loads(lines[place])
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict) or draw.random() < 0.1:
        return mutate_bytes(data, draw, (*TOKENS, *IMAGE_TOKENS))
    lines[place] = json.dumps(_mutate_record(record, draw)).encode()
    if draw.random() < 0.05:
        lines.append(draw.choice(make_seeds()))
    return b"\n".join(lines)


def check(data: bytes) -> None:
    """Decode lines one by one and as a block by one policy; compare all that comes out."""
    names = sorted(NAMED_POLICIES)
    policy = NAMED_POLICIES[names[zlib.crc32(data) % len(names)]]
    block = Block("f", 1, data)
    pictures, rows, ids = [], [], []
    for record in split_block(block):
        decoded = decode_record(record.raw, policy)
        if isinstance(decoded, Rejection):
            rows.append((record.line, decoded.id, decoded.reason))
        else:
            pictures.append(decoded.pixels)
            ids.append(decoded.id or f"f:{record.line}")
    fast = decode_block(block, policy)
    assert fast.pixels.dtype == np.uint8, "pixels of another type"
    assert fast.pixels.shape == (len(ids), fast.pixels.shape[1], 32, 32), "pictures of other sizes"
    assert fast.ids == ids, "ids differ"
    assert [row[1:] for row in fast.rejects] == rows, "rejects differ"
    assert all(name.isprintable() for name in ids), "an id that breaks its line"
    for one, other in zip(fast.pixels, pictures, strict=True):
        assert np.array_equal(np.broadcast_to(one, (3, 32, 32)), other), "pixels differ"


def _mutate_record(record: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    if isinstance(inner := record.get("root"), dict) and draw.random() < 0.8:
        return {**record, "root": _mutate_record(inner, draw)}
    held = [key for key in IMAGES if isinstance(record.get(key), str)]
    chance = draw.random()
    if held and chance < 0.65:
        key = draw.choice(held)
        try:
            image = base64.b64decode(record[key])
        except ValueError:
            image = b""
        return {**record, key: _encode(mutate_image(image, draw))}
    if chance < 0.8:
        return {**record, draw.choice(KEYS): draw.choice((*VALUES, *range(-360, 720, 45)))}
    if chance < 0.85:
        return {"root": record}
    if chance < 0.9:
        other = json.loads(make_seeds()[-6 - draw.randrange(20)])
        return {**record, draw.choice(IMAGES): other["img_b64"]}
    changed = mutate_json(record, draw, KEYS)
    return changed if isinstance(changed, dict) else {"root": changed}


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
