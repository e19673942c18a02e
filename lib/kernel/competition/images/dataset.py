"""An input's pictures -> the clean data set on disk: pixels, ids, rejects, a contact sheet."""

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
from lib.base.files import read_json, replacing, sha256_file, write_bytes, write_json, write_text
from lib.base.image_grid import write_grid
from lib.base.log import Progress, log
from lib.base.one_line import as_cell, as_one_line
from lib.base.process_pool import choose_workers, map_in_order
from lib.kernel.competition.images.decode import DecodedBlock, Reject, decode_block, read_blocks
from lib.kernel.competition.images.find_pictures import Form, Pictures
from lib.kernel.competition.pixel_file import PixelWriter, is_as_written, load_pixels

IMAGES_FILE = "images_uint8.npy"
IDS_FILE = "ids.txt"
REJECTS_FILE = "rejects.csv"
SHEET_FILE = "contact_sheet.png"
SUMMARY_FILE = "decode.json"
LEAST = 4  # pictures: FID is taken against each half of them

_STAGE = "dataset"
_DECODER = 1  # raise it whenever a picture becomes something else: older results are then redone
_LITTLE = 500  # fewer pictures are decoded faster than processes start
_SHOWN, _SHEET_COLUMNS = 128, 16  # pictures on the contact sheet
_SHEET_PX = 64  # side of a small picture there
_SHEET_GROUND = 96  # grey between pictures that are mostly black or white
_TOLD = 3  # reasons of rejects in a printed line


@dataclass(frozen=True)
class Decoded:
    """The squares that an input's pictures became, and where they lie."""

    folder: Path
    side: int  # px
    data_sha256: str
    kept: int
    rejected: dict[str, int]  # reason -> pictures, the most frequent first
    notes: dict[str, int]  # what was changed in the kept pictures -> how often
    grey: bool  # whether R = G = B in every pixel
    seconds: float  # that the decoding took, in whichever run it was done
    sha256: dict[str, str]  # file -> digest; that of IMAGES_FILE leaves out the header

    def load_images(self) -> np.ndarray:
        """Map the file into memory, read-only: (N, 3, S, S) uint8 in order."""
        return load_pixels(self.folder / IMAGES_FILE)

    def load_ids(self) -> list[str]:
        """Read the pictures' ids, in order: a file's name, or with "#" and a number."""
        ids = (self.folder / IDS_FILE).read_bytes().decode().split("\n")[:-1]
        assert len(ids) == self.kept, f"{len(ids)} ids of {self.kept} images"
        return ids


@dataclass
class _Tally:
    """What the blocks gave so far."""

    ids: list[str] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    first: list[np.ndarray] = field(default_factory=list)  # pictures for the contact sheet
    grey: bool = True
    pixels_sha256: str = ""  # known at the end

    def add(self, block: DecodedBlock, side: int) -> None:
        """Add the next block in order, without its pixels."""
        if len(self.ids) < _SHOWN and len(block.ids):
            self.first.append(np.broadcast_to(block.pixels, (len(block.ids), 3, side, side)))
        self.ids += block.ids
        self.rejects += block.rejects
        self.notes.update(block.notes)
        self.grey = self.grey and block.pixels.shape[1] == 1

    def count_rejects(self) -> dict[str, int]:
        """Count rejected pictures by reason, the most frequent first."""
        counts: Counter[str] = Counter()
        for row in self.rejects:
            counts[row.reason] += row.pictures
        return dict(counts.most_common())


def decode_pictures(
    pictures: Pictures, target: Path, side: int, digest: str, workers: int | None = None
) -> Decoded:
    """(pictures, output folder, S, their hash, processes or None) -> the data set.

    A finished data set of the same pictures and side is verified and left alone.
    """
    pictures.tell()
    finished = _find_finished(target, side, digest)
    if finished is not None:
        log(_STAGE, f"{finished.kept:,} pictures lie in {target} already, verified")
        return finished
    started = time.monotonic()
    is_little = pictures.form is Form.FILES and pictures.count < _LITTLE
    count, reason = (0, "there is little to do") if is_little else choose_workers(workers)
    where = f"{count} worker processes" if count else "this process"
    log(_STAGE, f"making squares of {side} px in {where} ({reason})")
    tally = _decode_into(target, pictures, side, count)
    write_text(target / IDS_FILE, "".join(f"{as_one_line(name)}\n" for name in tally.ids))
    shown = np.concatenate(tally.first)[:_SHOWN]
    scale = max(1, _SHEET_PX // side)
    write_grid(target / SHEET_FILE, shown, _SHEET_COLUMNS, scale, ground=_SHEET_GROUND)
    hashes = {name: sha256_file(target / name) for name in (IDS_FILE, REJECTS_FILE, SHEET_FILE)}
    decoded = Decoded(
        folder=target,
        side=side,
        data_sha256=digest,
        kept=len(tally.ids),
        rejected=tally.count_rejects(),
        notes=dict(tally.notes.most_common()),
        grey=tally.grey,
        seconds=round(time.monotonic() - started, 3),
        sha256={IMAGES_FILE: tally.pixels_sha256, **hashes},
    )
    values = {**dataclasses.asdict(decoded), "decoder": _DECODER}
    del values["folder"]
    write_json(target / SUMMARY_FILE, values)
    _tell(decoded)
    return decoded


def _decode_into(target: Path, pictures: Pictures, side: int, workers: int) -> _Tally:
    """Decode pictures into the output folder; return what is not on disk yet."""
    tally, done = _Tally(), 0
    decode = partial(decode_block, side=side)
    progress = Progress(_STAGE, pictures.count, "files")
    with replacing(target / IMAGES_FILE) as file:
        writer = PixelWriter(file, side)
        for block in map_in_order(decode, read_blocks(pictures), workers):
            tally.add(block, side)
            writer.add(block.pixels)
            done += len(block.ids) + len(block.rejects)
            if pictures.form is Form.FILES:
                progress.update(done, f"{len(tally.ids):,} pictures kept")
        write_bytes(target / REJECTS_FILE, _format_rejects(tally.rejects))
        if len(tally.ids) < LEAST:
            reasons = [f"{count:,} x {reason}" for reason, count in tally.count_rejects().items()]
            raise InputError(
                _STAGE,
                "too few pictures can be read",
                expected=f"at least {LEAST}",
                got="; ".join([f"{len(tally.ids)}", *reasons]),
                cure=f"look into {target / REJECTS_FILE}",
            )
        tally.pixels_sha256 = writer.finish()
    return tally


def _tell(decoded: Decoded) -> None:
    """Print what the pictures became, and of the rejects and notes the most frequent."""
    colours = "all grey (R = G = B)" if decoded.grey else "in colour"
    rejected = sum(decoded.rejected.values())
    log(_STAGE, f"kept {decoded.kept:,}, rejected {rejected:,}; {colours}")
    for words, counts in (("rejected", decoded.rejected), ("note", decoded.notes)):
        for reason, count in list(counts.items())[:_TOLD]:
            log(_STAGE, f"{words}: {count:,} x {reason}")


def _format_rejects(rejects: list[Reject]) -> bytes:
    """Rejects -> the bytes of a CSV: a header, then a row for each."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Reject._fields)
    for file, pictures, reason in rejects:
        writer.writerow((as_cell(as_one_line(file)), pictures, reason))
    return text.getvalue().encode(errors="backslashreplace")


def _find_finished(target: Path, side: int, digest: str) -> Decoded | None:
    """(output folder, S, the pictures' hash) -> the data set there, if whole and of these."""
    names = [item.name for item in dataclasses.fields(Decoded) if item.name != "folder"]
    try:
        saved: Any = read_json(target / SUMMARY_FILE)
        values = {name: saved[name] for name in names}
        for name in ("rejected", "notes"):  # sorted by name there; the most frequent comes first
            values[name] = dict(Counter(values[name]).most_common())
        decoded = Decoded(folder=target, **values)
        made = (decoded.side, decoded.data_sha256, saved["decoder"])
        return decoded if made == (side, digest, _DECODER) and _is_whole(decoded) else None
    except Exception:  # whatever is wrong with it, a damaged data set is made anew
        return None


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
