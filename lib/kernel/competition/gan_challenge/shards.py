"""An input folder -> the shards below it, each counted once, in natural order."""

import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lib.base.errors import InputError
from lib.base.input_walk import advise
from lib.base.one_line import as_one_line
from lib.base.places import check_input_place
from lib.kernel.competition.archives import BrokenStreamError, read_plain
from lib.kernel.competition.gan_challenge.rules import RULES
from lib.kernel.competition.gan_challenge.shard_candidates import (
    NAME,
    Candidates,
    FileFault,
    Shard,
)

_PLACES = 32  # folders of a zip's member that may be missing where it was unpacked
_TOLD = 3  # faults of files where no shard is found


class Found(NamedTuple):
    """What an input folder holds."""

    shards: tuple[Shard, ...]
    faults: tuple[FileFault, ...]  # files that look like data and gave none


def find_shards(root: Path) -> tuple[Shard, ...]:
    """A folder, or one file -> its shards; where there is none, InputError says what was seen."""
    return search_shards(root).shards


def search_shards(root: Path) -> Found:
    """A folder, or one file -> its shards and the files that gave none.

    `data.jsonl` and every `.jsonl.gz` are shards, in folders and in zips; other `.jsonl` files
    only where there is no `data.jsonl` at all. A packed shard is dropped where it also lies
    unpacked.
    """
    check_input_place(
        "shards", root, f"name the folder that has the {NAME} files somewhere below it, or a zip"
    )
    seen = Candidates(root)
    shards, faults = seen.shards, seen.faults
    if any(_strip_gz(shard.name) == NAME for shard in shards):
        reason = f"not read, for there are files of the name {NAME}"
        others = [s for s in shards if s.name != NAME and not s.name.endswith(".gz")]
        faults += [FileFault(as_one_line(shard.label), reason) for shard in others]
        shards = [s for s in shards if s.name == NAME or s.name.endswith(".gz")]
    if not shards:
        raise InputError(
            "shards",
            f"there is no {NAME} and no other .jsonl file below {root.absolute()}",
            expected=f"{NAME}, .jsonl.gz, or a .zip that holds them",
            got="; ".join([_describe(root, seen), *map(": ".join, faults[:_TOLD])]),
            cure=advise(root, RULES.slug, "attach the competition's data, or name another input"),
        )
    return Found(tuple(sorted(_drop_packed_copies(shards), key=_natural_key)), tuple(faults))


def _strip_gz(label: str) -> str:
    return re.sub(r"(?i)\.gz$", "", label)


def _unpack(label: str) -> str:
    """A label -> the same as if all were unpacked, so that packing does not change the order."""
    return _strip_gz(re.sub(r"(?i)\.zip(?=/)", "", label))


def _drop_packed_copies(shards: list[Shard]) -> list[Shard]:
    """Shards -> the same without packed ones that also lie unpacked, where unpacking puts them."""
    files = {
        _strip_gz(s.label) + ".gz" * (_strip_gz(s.label) != s.label): s
        for s in shards
        if not s.members
    }
    checksums: dict[Path, int] = {}
    kept = []
    for shard in shards:
        below = _strip_gz(shard.label)
        if shard.members:
            packed = any(
                _is_copy(shard, files[place], sure, checksums)
                for place, sure in _places(shard)
                if place in files
            )
        else:
            packed = below != shard.label and below in files
        if not packed:
            kept.append(shard)
    return kept


def _places(shard: Shard) -> Iterator[tuple[str, bool]]:
    """A zip's member -> (label where unpacking may have put it, whether the name alone proves it).

    Unpacking `d/z.zip` gives `d/z/MEMBER`, or `d/MEMBER` where MEMBER is `z` or below `z/`. Any
    other place with the same end of the path counts only if the content is the same.
    """
    end = shard.label.index(f"{shard.path.name}/")
    folder, zip_name = shard.label[:end], shard.path.stem
    inside = _unpack(shard.label[end + len(shard.path.name) + 1 :]).split("/")
    endings = ["", ".gz"] if shard.name.endswith(".gz") else [""]
    for skipped in [0, *range(max(1, len(inside) - _PLACES), len(inside))]:
        rest = "/".join(inside[skipped:])
        own_folder = skipped == 0
        in_place = skipped == 0 and zip_name in (rest, inside[0])
        for ending in endings:
            yield f"{folder}{zip_name}/{rest}{ending}", own_folder
            yield f"{folder}{rest}{ending}", in_place


def _is_copy(packed: Shard, file: Shard, sure: bool, checksums: dict[Path, int]) -> bool:
    """(zip's member, a file of that name, whether the name proves it) -> whether it is a copy."""
    if sure:
        return True
    member = packed.members[-1]
    if member.size != file.size:
        return False
    if file.path not in checksums:
        crc = -1
        try:
            with file.path.open("rb") as opened:
                crc = 0
                for piece in read_plain(opened):
                    crc = zlib.crc32(piece, crc)
        except (OSError, BrokenStreamError):
            crc = -1
        checksums[file.path] = crc
    return checksums[file.path] == member.crc >= 0


def _natural_key(shard: Shard) -> tuple[str, str]:
    """A shard -> a key that puts shard_2 in front of shard_10.

    A number becomes its number of digits and its digits; a folder's end comes behind all numbers.
    """
    text = _unpack(shard.label).replace("/", "\1")
    return re.sub(r"[0-9]+", _pad_number, text), shard.label


def _pad_number(found: re.Match[str]) -> str:
    digits = found[0].lstrip("0") or "0"
    return f"\0{len(digits):06}{digits}"


def _describe(root: Path, seen: Candidates) -> str:
    """The files seen -> "no files" or counts by ending and a few names."""
    if not seen.names:
        return "no files" if any(root.iterdir()) else "an empty folder"
    counts = ", ".join(f"{count} x {ending}" for ending, count in seen.endings.most_common(6))
    names = ", ".join(map(as_one_line, seen.names))
    return f"{seen.endings.total()} files ({counts}), such as {names}"
