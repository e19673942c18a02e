"""Look-alike records -> the pictures of one record's way, and of what other policies make of it."""

import argparse
import itertools
import re

import numpy as np
from PIL import Image

from lib.commands.offline.audit import Variant, decode_variants
from lib.commands.offline.shard_records import read_records
from lib.kernel.competition.gan_challenge.decode_policy import Policy
from lib.kernel.competition.gan_challenge.decode_record import (
    DecodedRecord,
    _crop,
    _replace_alpha,
    _rotate_and_invert,
    decode_parsed,
)
from lib.kernel.competition.gan_challenge.records import Record, Rejection, parse_record
from lib.kernel.competition.gan_challenge.shards import find_shards
from lib.kernel.competition.image_files import Picture, read_mask, read_picture
from lib.kernel.device.device import choose_device
from lib.kernel.metrics.features import load_extractor
from lib.kernel.metrics.preprocess import resize_bilinear
from lib.kernel.recipes.table import make_config
from tests.plots import SCALE, Numbers, enlarge, make_sheet, make_strip, save, stack

RECORDS = 2000  # looked at for the policies
POLICIES = ("official", "first-seed", "second-seed", "alpha_frame=rotated")
FEATURE_COLUMNS = 128  # of the picture of one row of features


def draw_record(options: argparse.Namespace) -> Numbers:
    """Draw one record's way, and what other policies make of some records."""
    lines = itertools.islice(read_records(find_shards(options.input)), RECORDS)
    raw = [line.raw for line in lines]
    parsed = [parse_record(line) for line in raw]
    chosen = next(number for number, one in enumerate(parsed) if _is_telling(one))
    record = parsed[chosen]
    assert isinstance(record, Record)
    features, parts = _follow(record, options)
    strip = make_strip(parts, 220)
    save("record", stack([strip, _draw_features(features)]), 256)
    shown = _draw_policies(decode_variants(options.input, RECORDS))
    rejected = [decode_parsed(one, Policy()) if isinstance(one, Record) else one for one in parsed]
    reasons = [one.reason for one in rejected if isinstance(one, Rejection)]
    return shown | {
        "record line": _shorten(raw[chosen].decode()),
        "records looked at": f"{RECORDS:,}",
        "record features that are 0": f"{int((features < 0.005).sum()):,}",
        "record largest feature": f"{features.max():.2f}",
        **{f"rejected, {reason}": str(reasons.count(reason)) for reason in sorted(set(reasons))},
    }


def _shorten(line: str) -> str:
    """A record's line -> the same with long texts cut, a few fields on each line."""
    line = re.sub(r'"([\w+/]{28})[\w+/=]+"', r'"\1..."', line)
    return re.sub(r', ("exif_rot"|"img_\w+"|"img64"|"alpha_b64")', r",\n \1", line)


def _is_telling(record: Record | Rejection) -> bool:
    """Whether every step changes a record's picture: mask, quarter turn, inversion; of dots."""
    if isinstance(record, Rejection) or not (record.alpha and record.invert):
        return False
    decoded = decode_parsed(record, Policy())
    is_whole = isinstance(decoded, DecodedRecord) and 0.05 < decoded.pixels.mean() / 255 < 0.25
    return is_whole and record.degrees in (90, 270)


def _follow(
    record: Record, options: argparse.Namespace
) -> tuple[np.ndarray, list[tuple[str, Image.Image]]]:
    """A record -> its (2048,) features, and its pictures on the way with words above each."""
    stored = read_picture(record.image, "min-max", "reject")
    mask = read_mask(record.alpha or b"")
    assert isinstance(stored, Picture)
    assert mask is not None
    turned = _rotate_and_invert(_replace_alpha(stored, mask, []), record.degrees, record.invert)
    cropped = _crop(turned, Policy(), [])
    decoded = decode_parsed(record, Policy())
    assert isinstance(decoded, DecodedRecord)
    config = make_config("pixel", {"weights_file": options.weights.name})
    features = load_extractor(config, options.weights, choose_device()).extract(
        decoded.pixels[None]
    )[0]
    large = Image.fromarray(resize_bilinear(decoded.pixels).permute(1, 2, 0).numpy())
    side, px = stored.colour.size, 5
    return features, [
        (f"1. the PNG inside:\n{side[0]} x {side[1]}, noise around", _show(stored.colour, px)),
        ("2. its mask: white is\nthe picture", _show(mask, px)),
        (f"3. turned by {record.degrees:g} degrees\nand inverted", _show(turned.colour, px)),
        ("4. cut to the mask:\n32 x 32, clean", _show(cropped.colour, px)),
        ("5. enlarged to 299 x 299\nfor Inception", large.resize((200, 200))),
    ]


def _show(picture: Image.Image, scale: int) -> Image.Image:
    return enlarge(np.asarray(picture.convert("RGB")), scale)


def _draw_features(features: np.ndarray) -> Image.Image:
    """(2048,) features -> a picture of them as squares, row by row; darker is larger."""
    shares = np.clip(features / np.quantile(features, 0.995), 0, 1)
    squares = (255 * (1 - shares)).astype(np.uint8).reshape(-1, FEATURE_COLUMNS)
    words = "6. its 2,048 features, a square each; the darker the larger"
    return make_strip([(words, enlarge(squares[..., None].repeat(3, 2), 8))], 1072)


def _draw_policies(variants: list[Variant]) -> Numbers:
    """Variants of all policies -> the picture of some, the numbers of what each changes."""
    named = {one.name: one for one in variants}
    official = named["official"]
    rows = [row for name in POLICIES[1:] for row in _find_most_changed(official, named[name], 3)]
    kept = set(official.rows)
    rows += [row for row in named["truncated=keep"].rows if row not in kept][:2]
    sheet = [(name, [_find_picture(named[name], row) for row in rows]) for name in POLICIES]
    save("policies", make_sheet(sheet, SCALE, 164, is_numbered=True))
    numbers = {"official kept": f"{len(official.rows):,}"}
    for name in (*POLICIES[1:], "grey16=clip", "alpha=composite", "truncated=keep"):
        changed = len(_find_most_changed(official, named[name], RECORDS))
        numbers[f"{name} changes"] = str(changed)
        numbers[f"{name} keeps"] = f"{len(named[name].rows):,}"
    return numbers


def _find_most_changed(official: Variant, other: Variant, count: int) -> list[int]:
    """Numbers of the records whose pictures differ most, at most `count` of them."""
    pictures = dict(zip(other.rows.tolist(), other.pixels, strict=True))
    change = {
        row: float(np.abs(own.astype(int) - pictures[row]).mean())
        for row, own in zip(official.rows.tolist(), official.pixels, strict=True)
        if row in pictures
    }
    changed = [row for row, much in change.items() if much > 0]
    return sorted(changed, key=lambda row: -change[row])[:count]


def _find_picture(variant: Variant, row: int) -> np.ndarray:
    """A record's (32, 32, 3) picture under a policy; grey with a cross where it is rejected."""
    if row in variant.rows:
        found: np.ndarray = variant.pixels[int(np.searchsorted(variant.rows, row))]
        return found.transpose(1, 2, 0)
    cross = np.eye(32, dtype=bool) | np.eye(32, dtype=bool)[::-1]
    return np.where(cross, 90, 200).astype(np.uint8)[..., None].repeat(3, 2)
