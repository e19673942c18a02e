"""Shards -> their pictures under each policy, and what a wrong policy would cost in FID."""

import dataclasses
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np

from lib.base.errors import InputError
from lib.base.image_grid import write_grid
from lib.base.log import Progress
from lib.commands.offline.shard_records import read_records
from lib.kernel.competition.gan_challenge.decode_policy import NAMED_POLICIES, Policy
from lib.kernel.competition.gan_challenge.decode_record import DecodedRecord, decode_record
from lib.kernel.competition.gan_challenge.shards import find_shards
from lib.kernel.configuration.config import OFFICIAL
from lib.kernel.metrics.features import Extractor
from lib.kernel.metrics.fid import features_to_statistics, frechet_distance

_SHOWN = 16  # records on a sheet: those that change most


@dataclass(frozen=True)
class Variant:
    """The pictures that one policy makes of the records."""

    name: str
    rows: np.ndarray  # (K,) numbers of the records that it keeps
    pixels: np.ndarray  # (K, 3, 32, 32) uint8


@dataclass(frozen=True)
class Verdict:
    """How much a policy's pictures differ from the official ones."""

    name: str
    kept: int
    changed: int  # records that both keep and whose pictures differ
    fid: float  # between the two sets; 0 means equal, as the records are the same


def list_policies() -> dict[str, Policy]:
    """List the official policy, all that differ from it in one choice, and the two public ones."""
    policies = {OFFICIAL: Policy()}
    for field, options in get_type_hints(Policy).items():
        for option in get_args(options):
            if option != getattr(policies[OFFICIAL], field):
                name = f"{field}={option}"
                policies[name] = dataclasses.replace(policies[OFFICIAL], **{field: option})
    return policies | {name: NAMED_POLICIES[name] for name in ("first-seed", "second-seed")}


def decode_variants(source: Path, records: int) -> list[Variant]:
    """(folder of shards, records to read) -> a Variant for each policy, the official first."""
    lines = [record.raw for record in itertools.islice(read_records(find_shards(source)), records)]
    policies = list_policies()
    progress = Progress("audit", len(policies), "policies")
    variants = []
    for number, (name, policy) in enumerate(policies.items()):
        decoded = [decode_record(line, policy) for line in lines]
        rows = [row for row, one in enumerate(decoded) if isinstance(one, DecodedRecord)]
        pixels = [one.pixels for one in decoded if isinstance(one, DecodedRecord)]
        if len(rows) < 2:
            cure = "look at more records: --records N"
            raise InputError("audit", f"policy {name} keeps {len(rows)} records", cure=cure)
        variants.append(Variant(name, np.array(rows), np.stack(pixels)))
        progress.update(number + 1)
    return variants


def judge(variants: list[Variant], extractor: Extractor) -> list[Verdict]:
    """Variants, the official first -> a Verdict each; equal pictures pass the network once."""
    features = extractor.extract(np.concatenate([variant.pixels for variant in variants]))
    ends = np.cumsum([len(variant.rows) for variant in variants])[:-1]
    parts = np.split(features, ends)
    official = features_to_statistics(parts[0])
    return [
        Verdict(
            variant.name,
            len(variant.rows),
            int((_measure_change(variants[0], variant)[1] > 0).sum()),
            0.0 if variant is variants[0] else frechet_distance(own, official),
        )
        for variant, own in zip(variants, parts, strict=True)
    ]


def write_sheets(folder: Path, variants: list[Variant]) -> list[Path]:
    """Write a PNG for each variant but the first: official pictures above, the variant's below."""
    paths = []
    official = variants[0]
    for variant in variants[1:]:
        rows, change = _measure_change(official, variant)
        most = rows[np.argsort(-change, kind="stable")[:_SHOWN]]
        above = official.pixels[np.searchsorted(official.rows, most)]
        below = variant.pixels[np.searchsorted(variant.rows, most)]
        path = folder / f"audit_{variant.name.replace('=', '_')}.png"
        write_grid(path, np.concatenate([above, below]), columns=len(most))
        paths.append(path)
    return paths


def _measure_change(official: Variant, other: Variant) -> tuple[np.ndarray, np.ndarray]:
    """Two Variants -> (numbers of the records both keep, mean change of each picture, 0..255)."""
    rows = np.intersect1d(official.rows, other.rows)
    one = official.pixels[np.searchsorted(official.rows, rows)].astype(np.int16)
    two = other.pixels[np.searchsorted(other.rows, rows)]
    return rows, np.abs(one - two).mean(axis=(1, 2, 3))
