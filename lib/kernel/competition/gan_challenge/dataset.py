"""A folder of shards -> the clean data set on disk: pixels, ids, rejects, a contact sheet."""

import csv
import dataclasses
import io
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lib.base.errors import InputError
from lib.base.files import (
    read_json,
    replacing,
    sha256_file,
    write_bytes,
    write_json,
    write_text,
)
from lib.base.image_grid import write_grid
from lib.base.log import Progress, log
from lib.base.process_pool import choose_workers, map_in_order
from lib.kernel.competition.gan_challenge.decode_block import DecodedBlock, Reject, decode_block
from lib.kernel.competition.gan_challenge.decode_policy import get_policy
from lib.kernel.competition.gan_challenge.shard_lines import (
    BLOCK_BYTES,
    DataDigest,
    hash_shards,
    read_blocks,
)
from lib.kernel.competition.gan_challenge.shards import Shard, find_shards
from lib.kernel.competition.pixel_file import PixelWriter, is_as_written, load_pixels
from lib.kernel.configuration.aliases import modernise_value
from lib.kernel.configuration.challenge import IMAGE_PX
from lib.kernel.configuration.config import OFFICIAL

IMAGES_FILE = "clean_images_v1_uint8.npy"
IDS_FILE = "ids.txt"
REJECTS_FILE = "rejects.csv"
SHEET_FILE = "contact_sheet.png"
SUMMARY_FILE = "decode.json"

_DECODER = 1  # raise it whenever a line decodes to something else: older results are then redone
_LITTLE = 4 * BLOCK_BYTES  # less input than this is decoded faster than processes start
_SHOWN, _SHEET_COLUMNS = 128, 16  # pictures on the contact sheet
_SHEET_GROUND = 96  # grey between pictures that are mostly black or white


@dataclass(frozen=True)
class Decoded:
    """What one policy made of one folder of shards, and where it lies."""

    folder: Path
    policy: str
    data_sha256: str  # of the shards' unpacked bytes
    kept: int
    rejected: dict[str, int]  # reason -> lines, the most frequent first
    notes: dict[str, int]  # what was repaired or ignored in the kept records -> how often
    grey: bool  # whether R = G = B in every pixel
    seconds: float  # that the decoding took, in whichever run it was done
    sha256: dict[str, str]  # file -> digest; that of IMAGES_FILE leaves out the header

    def load_images(self) -> np.ndarray:
        """Map the file into memory, read-only: (N, 3, 32, 32) uint8 in file order."""
        return load_pixels(self.folder / IMAGES_FILE)

    def load_ids(self) -> list[str]:
        """Read the images' ids, in file order."""
        ids = (self.folder / IDS_FILE).read_bytes().decode().split("\n")[:-1]
        assert len(ids) == self.kept, f"{len(ids)} ids of {self.kept} images"
        return ids


def decode_dataset(
    source: Path, target: Path, policy_name: str = OFFICIAL, workers: int | None = None
) -> Decoded:
    """(input folder, output folder, policy, processes or None) -> the data set, decoded if need be.

    A finished data set of the same shards and policy is verified and left alone.
    """
    shards = find_shards(source)
    files, size = _measure(shards)
    log("shards", f"{len(shards):,} in {files:,} files, {size / 1e6:,.1f} MB, below {source}")
    finished = _find_finished(shards, target, policy_name)
    if finished is not None:
        log("dataset", f"{finished.kept:,} pictures lie in {target} already, verified")
        return finished
    started = time.monotonic()
    count, reason = (0, "there is little to do") if size < _LITTLE else choose_workers(workers)
    where = f"{count} worker processes" if count else "this process"
    log("dataset", f"decoding by policy {policy_name} in {where} ({reason})")
    digest = DataDigest()
    tally = _decode_into(target, shards, policy_name, count, digest)
    write_text(target / IDS_FILE, "".join(f"{name}\n" for name in tally.ids))
    shown = np.concatenate(tally.first)[:_SHOWN]
    write_grid(target / SHEET_FILE, shown, _SHEET_COLUMNS, ground=_SHEET_GROUND)
    hashes = {name: sha256_file(target / name) for name in (IDS_FILE, REJECTS_FILE, SHEET_FILE)}
    decoded = Decoded(
        folder=target,
        policy=policy_name,
        data_sha256=digest.hexdigest(),
        kept=len(tally.ids),
        rejected=dict(Counter(row.reason for row in tally.rejects).most_common()),
        notes=dict(tally.notes.most_common()),
        grey=tally.grey,
        seconds=time.monotonic() - started,
        sha256={IMAGES_FILE: tally.pixels_sha256, **hashes},
    )
    write_json(target / SUMMARY_FILE, _as_json(decoded))
    colours = "all grey (R = G = B)" if decoded.grey else "in colour"
    log("dataset", f"kept {decoded.kept:,}, rejected {len(tally.rejects):,}; {colours}")
    return decoded


@dataclass
class _Tally:
    """What the blocks gave so far."""

    ids: list[str] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    first: list[np.ndarray] = field(default_factory=list)  # pictures for the contact sheet
    grey: bool = True
    pixels_sha256: str = ""  # known at the end

    def add(self, block: DecodedBlock) -> None:
        """Add the next block in file order, without its pixels."""
        if len(self.ids) < _SHOWN and len(block.ids):
            self.first.append(
                np.broadcast_to(block.pixels, (len(block.ids), 3, IMAGE_PX, IMAGE_PX))
            )
        self.ids += block.ids
        self.rejects += block.rejects
        self.notes.update(block.notes)
        self.grey = self.grey and block.pixels.shape[1] == 1


def _decode_into(
    target: Path, shards: tuple[Shard, ...], policy_name: str, workers: int, digest: DataDigest
) -> _Tally:
    """Decode shards into the output folder and fill the digest; return what is not on disk yet."""
    tally = _Tally()
    decode = partial(decode_block, policy=get_policy(policy_name))
    progress = Progress("dataset", len(shards), "shards")
    with replacing(target / IMAGES_FILE) as file:
        writer = PixelWriter(file, IMAGE_PX)
        for block in map_in_order(decode, read_blocks(shards, digest), workers):
            tally.add(block)
            writer.add(block.pixels)
            progress.update(digest.shards, f"{len(tally.ids):,} pictures kept")
        write_bytes(target / REJECTS_FILE, _format_rejects(tally.rejects))
        if not tally.ids:
            reasons = Counter(row.reason for row in tally.rejects).most_common()
            raise InputError(
                "dataset",
                "no record gave a picture",
                got=", ".join(f"{count} x {reason}" for reason, count in reasons) or "no lines",
                cure=f"look into {target / REJECTS_FILE}",
            )
        tally.pixels_sha256 = writer.finish()
    return tally


def _format_rejects(rejects: list[Reject]) -> bytes:
    """Rejects -> the bytes of a CSV: a header, then a row for each rejected line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Reject._fields)
    writer.writerows(rejects)
    return text.getvalue().encode(errors="backslashreplace")


def _as_json(decoded: Decoded) -> dict[str, Any]:
    """A finished decoding -> what decode.json holds of it."""
    choices = dataclasses.asdict(get_policy(decoded.policy))
    fields = {**dataclasses.asdict(decoded), "decoder": _DECODER, "choices": choices}
    del fields["folder"]
    return {**fields, "seconds": round(decoded.seconds, 3)}


def _find_finished(shards: tuple[Shard, ...], target: Path, policy_name: str) -> Decoded | None:
    """(shards, output folder, policy) -> the data set there, if whole and made in the same way."""
    saved = read_json(target / SUMMARY_FILE)
    names = [item.name for item in dataclasses.fields(Decoded) if item.name != "folder"]
    if not isinstance(saved, dict) or not set(names) <= saved.keys():
        return None
    values = {name: modernise_value(name, saved[name]) for name in names}
    for name in ("rejected", "notes"):  # the file sorts them by name; the most frequent comes first
        values[name] = dict(Counter(values[name]).most_common())
    decoded = Decoded(folder=target, **values)
    same_making = (
        decoded.policy == policy_name
        and saved.get("decoder") == _DECODER
        and saved.get("choices") == dataclasses.asdict(get_policy(policy_name))
        and decoded.data_sha256 == hash_shards(shards)
    )
    return decoded if same_making and _is_whole(decoded) else None


def _is_whole(decoded: Decoded) -> bool:
    """What decode.json says -> whether the files beside it are as they were written."""
    try:
        for name, expected in decoded.sha256.items():
            if name != IMAGES_FILE and sha256_file(decoded.folder / name) != expected:
                return False
    except OSError:
        return False
    path, digest = decoded.folder / IMAGES_FILE, decoded.sha256[IMAGES_FILE]
    return is_as_written(path, decoded.kept, digest)


def _measure(shards: tuple[Shard, ...]) -> tuple[int, int]:
    """Shards -> (files on disk, their bytes)."""
    paths = {shard.path for shard in shards}
    return len(paths), sum(path.stat().st_size for path in paths)
