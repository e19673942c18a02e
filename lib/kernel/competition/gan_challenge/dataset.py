"""A folder of shards -> the clean data set on disk: pixels, ids, rejects, a contact sheet."""

import csv
import dataclasses
import io
import itertools
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lib.base.errors import InputError, PipelineError
from lib.base.files import read_json, replacing, sha256_bytes, sha256_file, write_json
from lib.base.image_grid import write_grid
from lib.base.log import Progress, log
from lib.base.one_line import as_cell
from lib.base.places import check_output_folder
from lib.base.process_pool import choose_workers, map_in_order
from lib.kernel.competition.gan_challenge.decode_block import DecodedBlock, Reject, decode_block
from lib.kernel.competition.gan_challenge.decode_policy import get_policy
from lib.kernel.competition.gan_challenge.shard_lines import (
    BLOCK_BYTES,
    BREAKS_OFF,
    Block,
    DataDigest,
    hash_shards,
    read_blocks,
)
from lib.kernel.competition.gan_challenge.shards import Found, search_shards
from lib.kernel.competition.pixel_file import PixelWriter, is_as_written, load_pixels
from lib.kernel.configuration.aliases import modernise_value
from lib.kernel.configuration.challenge import IMAGE_PX
from lib.kernel.configuration.config import OFFICIAL

IMAGES_FILE = "clean_images_v1_uint8.npy"
IDS_FILE = "ids.txt"
REJECTS_FILE = "rejects.csv"
SHEET_FILE = "contact_sheet.png"
SUMMARY_FILE = "decode.json"

_DECODER = 2  # raise it whenever a line decodes to something else: older results are then redone
_LITTLE = 4 * BLOCK_BYTES  # less input than this is decoded faster than processes start
_SHOWN, _SHEET_COLUMNS = 128, 16  # pictures on the contact sheet
_WARNINGS = 100  # files that a warning names; rejects.csv has them all
_REJECTS_BYTES = 1 << 31  # of rejects.csv; what is rejected beyond is counted alone
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

    A finished data set of the same shards and policy is verified and left alone. A file that gave
    nothing has a row of its own among the rejects, of line 0, and a warning.
    """
    found = search_shards(source)
    check_output_folder("dataset", target)
    sizes = {shard.path: shard.size for shard in found.shards}
    total = f"{sum(sizes.values()) / 1e6:,.1f} MB"
    log("shards", f"{len(found.shards):,} in {len(sizes):,} files, {total}, below {source}")
    finished = _find_finished(found, target, policy_name)
    if finished is not None:
        log("dataset", f"{finished.kept:,} pictures lie in {target} already, verified")
        return finished
    started = time.monotonic()
    digest, tally = DataDigest(), _Tally()
    _decode_into(target, found, policy_name, workers, digest, tally)
    write_grid(
        target / SHEET_FILE, np.concatenate(tally.first), _SHEET_COLUMNS, ground=_SHEET_GROUND
    )
    hashes = {name: sha256_file(target / name) for name in (IDS_FILE, REJECTS_FILE, SHEET_FILE)}
    decoded = Decoded(
        folder=target,
        policy=policy_name,
        data_sha256=digest.hexdigest(),
        kept=tally.kept,
        rejected=dict(tally.rejected.most_common()),
        notes=dict(tally.notes.most_common()),
        grey=tally.grey,
        seconds=time.monotonic() - started,
        sha256={IMAGES_FILE: tally.pixels_sha256, **hashes},
    )
    write_json(target / SUMMARY_FILE, {**_as_json(decoded), "faults": _hash_faults(found)})
    colours = "all grey (R = G = B)" if decoded.grey else "in colour"
    log("dataset", f"kept {decoded.kept:,}, rejected {tally.rejected.total():,}; {colours}")
    return decoded


@dataclass
class _Tally:
    """What the blocks gave so far; ids, rejects and pixels are on disk."""

    kept: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    first: list[np.ndarray] = field(default_factory=list)  # pictures for the contact sheet
    grey: bool = True
    warnings: int = 0  # files of which something was lost
    pixels_sha256: str = ""  # known at the end

    def add(self, block: DecodedBlock) -> None:
        """Add the next block in file order."""
        if (missing := _SHOWN - self.kept) > 0 and len(block.ids):
            shown = np.array(block.pixels[:missing])  # a copy, else the whole block stays in memory
            self.first.append(np.broadcast_to(shown, (len(shown), 3, IMAGE_PX, IMAGE_PX)))
        self.kept += len(block.ids)
        self.notes.update(block.notes)
        self.grey = self.grey and block.pixels.shape[1] == 1

    def add_rejects(self, rejects: list[Reject]) -> None:
        """Count rejects by reason; warn of the first files of which more than a line is lost."""
        self.rejected.update(row.reason for row in rejects)
        for row in rejects:
            if row.line == 0 or row.reason.startswith(BREAKS_OFF):
                self.warnings += 1
                if self.warnings <= _WARNINGS:
                    log("dataset", f"warning: {row.file}: {row.reason}")
                elif self.warnings == _WARNINGS + 1:
                    log("dataset", f"warning: there are more such files, see {REJECTS_FILE}")


class _Rejects:
    """Writes rejects.csv to an open file: a header, then a row for each rejected line or file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._is_full = file, False
        self._text = io.StringIO()
        self._writer = csv.writer(self._text, lineterminator="\n")
        self._write([Reject._fields])

    def add(self, rejects: list[Reject]) -> None:
        """Append rows, as long as the file is not too large."""
        if self._is_full or not rejects:
            return
        self._write((as_cell(row.file), row.line, as_cell(row.id), row.reason) for row in rejects)
        if self._file.tell() > _REJECTS_BYTES:
            self._is_full = True
            self._write([("", 0, "", f"this list is full, {SUMMARY_FILE} counts the rest")])

    def _write(self, rows: Iterable[tuple[object, ...]]) -> None:
        self._writer.writerows(rows)
        self._file.write(self._text.getvalue().encode(errors="backslashreplace"))
        self._text.seek(0)
        self._text.truncate()


def _decode_into(
    target: Path,
    found: Found,
    policy_name: str,
    workers: int | None,
    digest: DataDigest,
    tally: _Tally,
) -> None:
    """Decode shards into the output folder; fill the digest and the tally."""
    decode = partial(decode_block, policy=get_policy(policy_name))
    progress = Progress("dataset", len(found.shards), "shards")
    blocks, count = _choose_workers(read_blocks(found.shards, digest), policy_name, workers)
    with ExitStack() as files:
        pixels = PixelWriter(files.enter_context(replacing(target / IMAGES_FILE)), IMAGE_PX)
        ids = files.enter_context(replacing(target / IDS_FILE))
        with replacing(target / REJECTS_FILE) as file:
            rejects = _Rejects(file)
            faults = [Reject(label, 0, "", reason) for label, reason in found.faults]
            tally.add_rejects(faults)
            rejects.add(faults)
            for block in map_in_order(decode, blocks, count, lambda block: len(block.data)):
                tally.add(block)
                tally.add_rejects(block.rejects)
                rejects.add(block.rejects)
                pixels.add(block.pixels)
                ids.write("".join(f"{name}\n" for name in block.ids).encode())
                progress.update(digest.shards, f"{tally.kept:,} pictures kept")
        if not tally.kept:
            reasons = [f"{count} x {reason}" for reason, count in tally.rejected.most_common()]
            raise InputError(
                "dataset",
                "no record gave a picture",
                got=", ".join(reasons),
                cure=f"look into {target / REJECTS_FILE}",
            )
        tally.pixels_sha256 = pixels.finish()


def _choose_workers(
    blocks: Iterator[Block], policy_name: str, workers: int | None
) -> tuple[Iterator[Block], int]:
    """Choose the number of processes by what is unpacked: (all blocks, that number)."""
    first, size = [], 0
    for block in blocks:
        first.append(block)
        size += len(block.data)
        if size >= _LITTLE:
            break
    count, reason = (0, "there is little to do") if size < _LITTLE else choose_workers(workers)
    where = f"{count} worker processes" if count else "this process"
    log("dataset", f"decoding by policy {policy_name} in {where} ({reason})")
    return itertools.chain(first, blocks), count


def _as_json(decoded: Decoded) -> dict[str, Any]:
    """A finished decoding -> what decode.json holds of it."""
    choices = dataclasses.asdict(get_policy(decoded.policy))
    fields = {**dataclasses.asdict(decoded), "decoder": _DECODER, "choices": choices}
    del fields["folder"]
    return {**fields, "seconds": round(decoded.seconds, 3)}


def _hash_faults(found: Found) -> str:
    """What was found -> a hash of the files that gave nothing."""
    return sha256_bytes(repr([tuple(fault) for fault in found.faults]).encode())


def _find_finished(found: Found, target: Path, policy_name: str) -> Decoded | None:
    """(what was found, output folder, policy) -> the data set there, if whole and made so."""
    names = [item.name for item in dataclasses.fields(Decoded) if item.name != "folder"]
    try:
        if not (target / SUMMARY_FILE).is_file():
            return None
        saved = read_json(target / SUMMARY_FILE)
        values = {name: modernise_value(name, saved[name]) for name in names}
        for name in ("rejected", "notes"):  # sorted by name there; the most frequent comes first
            values[name] = dict(Counter(values[name]).most_common())
        decoded = Decoded(folder=target, **values)
        same_making = (
            decoded.policy == policy_name
            and saved["decoder"] == _DECODER
            and saved["choices"] == dataclasses.asdict(get_policy(policy_name))
            and saved["faults"] == _hash_faults(found)
            and decoded.data_sha256 == hash_shards(found.shards)
        )
        return decoded if same_making and _is_whole(decoded) else None
    except PipelineError:
        raise  # our own disk is full
    except Exception:  # whatever is wrong with it, a damaged data set is made anew
        return None


def _is_whole(decoded: Decoded) -> bool:
    """What decode.json says -> whether the files beside it are as they were written."""
    counts = [*decoded.rejected.values(), *decoded.notes.values(), decoded.kept]
    if not (
        all(type(count) is int for count in counts)
        and type(decoded.grey) is bool
        and type(decoded.seconds) in (int, float)
        and decoded.sha256.keys() == {IMAGES_FILE, IDS_FILE, REJECTS_FILE, SHEET_FILE}
    ):
        return False
    for name, expected in decoded.sha256.items():
        path = decoded.folder / name
        if not path.is_file() or (name != IMAGES_FILE and sha256_file(path) != expected):
            return False
    return is_as_written(decoded.folder / IMAGES_FILE, decoded.kept, decoded.sha256[IMAGES_FILE])
