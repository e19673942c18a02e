"""Pictures -> shards in the competition's format, with damaged lines, and the truth about each."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lib.base.files import write_text
from lib.base.seeds import derive_seed
from lib.kernel.competition.gan_challenge.records import IMAGE_KEYS
from lib.synthetic.corrupt import CHAOS, disturb, spoil
from lib.synthetic.encode_records import Stored, store_picture
from lib.synthetic.look_alike import look_alike

RECORDS_PER_SHARD = 1000
CHAOS_SHARE = 0.024  # share of the competition's records that one solver had to drop
_MASKED_SHARE = 0.01  # share of records with a random alpha mask, which decode to another picture
_REPAIRABLE_SHARE = 0.02  # share of records with a flaw that a decoder repairs
_WRAPPED_SHARE = 0.1
_KEY_SHARES = (0.8, 0.1, 0.1)


class Written(NamedTuple):
    """One line and what a decoder with policy official must make of it."""

    file: str  # label of the shard
    line: int  # from 1
    id: str
    reason: str  # of its rejection; "" if it is to be kept
    exact: bool  # kept, and decoded to the given picture bit for bit


def write_shards(
    images: np.ndarray,
    folder: Path,
    seed: int,
    records_per_shard: int = RECORDS_PER_SHARD,
    chaos: float = CHAOS_SHARE,
) -> list[Written]:
    """Write (N, 32, 32) uint8 as shard_00/data.jsonl ...; return the truth about every line."""
    draw = np.random.default_rng(derive_seed(seed, "shards"))
    shards = -(-len(images) // records_per_shard)
    digits = max(2, len(str(shards - 1)))
    truth = []
    for shard in range(shards):
        label = f"shard_{shard:0{digits}}/data.jsonl"
        lines = []
        first = shard * records_per_shard
        for number, picture in enumerate(images[first : first + records_per_shard]):
            record_id = f"train-{first + number:06}"
            line, reason, exact = _write_line(picture, record_id, chaos, draw)
            lines.append(line + "\n")
            truth.append(Written(label, number + 1, record_id, reason, exact))
        write_text(folder / label, "".join(lines))
    return truth


def write_demo_shards(folder: Path, records: int = 600, seed: int = 0) -> list[Written]:
    """Write a few small shards of look-alikes for a short demonstration run."""
    return write_shards(look_alike(records, seed), folder, seed, records_per_shard=200)


def _write_line(
    picture: np.ndarray, record_id: str, chaos: float, draw: np.random.Generator
) -> tuple[str, str, bool]:
    """A picture and its id -> (line, reason of its rejection or "", whether it decodes exactly)."""
    stored = store_picture(picture, draw)
    fields = _describe(stored, record_id, draw)
    fate = draw.random()
    if fate < chaos:
        kind = CHAOS[draw.integers(len(CHAOS))]
        line, reason = spoil(kind, fields, stored.image, draw)
        return line, reason, False
    exact = True
    if fate < chaos + _MASKED_SHARE + _REPAIRABLE_SHARE:
        masked = fate < chaos + _MASKED_SHARE
        exact = not disturb(fields, masked, draw)
    wrapped = {"root": fields} if draw.random() < _WRAPPED_SHARE else fields
    return json.dumps(wrapped), "", exact


def _describe(stored: Stored, record_id: str, draw: np.random.Generator) -> dict[str, Any]:
    """A stored picture -> the fields of its record, the image under one of its three names."""
    key = str(draw.choice(IMAGE_KEYS, p=_KEY_SHARES))
    return {
        "id": record_id,
        "mode": stored.mode,
        "size": list(stored.size),
        "exif_rot": stored.degrees,
        "invert": stored.invert,
        "label": int(draw.integers(10)),
        key: stored.image_base64,
        "alpha_b64": stored.mask_base64,
    }
