"""An input folder -> the shards below it, each counted once, in natural order."""

import os
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lib.base.errors import InputError
from lib.base.places import check_input_place
from lib.kernel.competition.archives import (
    BrokenStreamError,
    Member,
    gunzip,
    list_members,
    open_nested,
    read_member,
    read_plain,
)

_NAME = "data.jsonl"
_NESTED_ZIPS = 2  # levels below the outermost
_NESTED_LIMIT = 1 << 30  # bytes of an inner zip, which has to lie in memory


@dataclass(frozen=True)
class Shard:
    """One file of records: a file, or a member of a zip."""

    label: str  # path below the input folder, with "/", through zips as if they were folders
    path: Path  # the file on disk
    members: tuple[Member, ...] = ()  # from the outermost zip inwards

    @property
    def name(self) -> str:
        """The file's own name, in lower case."""
        return self.label.rpartition("/")[2].lower()

    @property
    def unpacked_label(self) -> str:
        """The label as if all were unpacked, so that packing does not change the order."""
        return _unpack(self.label)


def find_shards(root: Path) -> tuple[Shard, ...]:
    """A folder, or one file -> its shards; where there is none, InputError says what was seen.

    `data.jsonl` and every `.jsonl.gz` are shards, in folders and in zips; other `.jsonl` files
    only where there is no `data.jsonl` at all. A packed shard is dropped where it also lies
    unpacked.
    """
    check_input_place(
        "shards", root, f"name the folder that has the {_NAME} files somewhere below it, or a zip"
    )
    paths = list(_walk(root))
    found = [shard for path in paths for shard in _list_candidates(path, _label(root, path))]
    if any(shard.name.removesuffix(".gz") == _NAME for shard in found):
        found = [s for s in found if s.name == _NAME or s.name.endswith(".gz")]
    if not found:
        raise InputError(
            "shards",
            f"there is no {_NAME} and no other .jsonl file below {root.absolute()}",
            expected=f"{_NAME}, .jsonl.gz, or a .zip that holds them",
            got=_describe(root, paths),
            cure="attach the competition's data, or name another input folder",
        )
    return tuple(sorted(_drop_packed_copies(found), key=_natural_key))


def open_shard(shard: Shard, file: BinaryIO) -> Iterator[bytes]:
    """(shard, its file) -> pieces of its unpacked bytes; BrokenStreamError where they break off."""
    for member in shard.members[:-1]:
        file = open_nested(read_member(file, member), _NESTED_LIMIT)
    pieces = read_member(file, shard.members[-1]) if shard.members else read_plain(file)
    return gunzip(pieces) if shard.name.endswith(".gz") else pieces


def _unpack(label: str) -> str:
    return re.sub(r"(?i)\.zip(?=/)", "", label).removesuffix(".gz")


def _label(root: Path, path: Path) -> str:
    return path.name if path == root else path.relative_to(root).as_posix()


def _walk(root: Path) -> Iterator[Path]:
    """A folder -> the files below it, each real file once.

    Links are followed, for Kaggle mounts data through links.
    """
    if root.is_file():
        yield root
        return
    seen: set[str] = set()
    for folder, names, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link back up, or a second way to the same folder
            names.clear()
            continue
        seen.add(real)
        names[:] = sorted(n for n in names if not n.startswith(".") and n != "__MACOSX")
        for name in sorted(files):
            path = Path(folder, name)
            target = os.path.realpath(path)
            if name.startswith(".") or target in seen or not path.is_file():
                continue
            seen.add(target)
            yield path


def _list_candidates(path: Path, label: str) -> Iterator[Shard]:
    """(file, its label) -> the shards that it is or holds."""
    if path.name.lower().endswith((".jsonl", ".jsonl.gz")):
        yield Shard(label, path)
    elif path.name.lower().endswith(".zip"):
        try:
            with path.open("rb") as file:
                yield from _list_zip(Shard(label, path), file)
        except OSError:
            return  # the error of find_shards lists it where nothing else is found


def _list_zip(outer: Shard, file: BinaryIO) -> Iterator[Shard]:
    """(a zip, that zip opened) -> the shards in it; of two members of one name the later counts."""
    for member in {member.name: member for member in list_members(file)}.values():
        parts = member.name.replace("\\", "/").split("/")
        if any(part.startswith(".") or part == "__MACOSX" for part in parts):
            continue
        label = "/".join([outer.label, *(part for part in parts if part)])
        inner = Shard(label, outer.path, (*outer.members, member))
        if inner.name.endswith((".jsonl", ".jsonl.gz")):
            yield inner
        elif inner.name.endswith(".zip") and len(outer.members) < _NESTED_ZIPS:
            nested = open_nested(read_member(file, member), _NESTED_LIMIT)
            yield from _list_zip(inner, nested)


def _drop_packed_copies(shards: list[Shard]) -> list[Shard]:
    """Shards -> the same without packed ones that also lie unpacked, where unpacking puts them."""
    files = {shard.label: shard for shard in shards if not shard.members}
    kept = []
    for shard in shards:
        below = shard.label.removesuffix(".gz")
        if shard.members:
            packed = any(_is_copy(shard, files.get(place), sure) for place, sure in _places(shard))
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
    for skipped in range(len(inside)):
        rest = "/".join(inside[skipped:])
        own_folder = skipped == 0
        in_place = skipped == 0 and zip_name in (rest, inside[0])
        for ending in endings:
            yield f"{folder}{zip_name}/{rest}{ending}", own_folder
            yield f"{folder}{rest}{ending}", in_place


def _is_copy(packed: Shard, file: Shard | None, sure: bool) -> bool:
    """(zip's member, a file of that name, whether the name proves it) -> whether it is a copy."""
    if file is None or sure:
        return file is not None
    member = packed.members[-1]
    if member.size != file.path.stat().st_size:
        return False
    crc = 0
    try:
        with file.path.open("rb") as opened:
            for piece in read_plain(opened):
                crc = zlib.crc32(piece, crc)
    except (OSError, BrokenStreamError):
        return False
    return crc == member.crc


def _natural_key(shard: Shard) -> tuple[object, ...]:
    """A shard -> a key that puts shard_2 in front of shard_10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", shard.unpacked_label.replace("/", "\0"))
    numbered = [(0, int(part), "") if part[0].isdecimal() else (1, 0, part) for part in parts]
    return (numbered, shard.label)


def _describe(root: Path, paths: list[Path]) -> str:
    """The files seen -> "no files" or counts by ending and a few names."""
    if not paths:
        return "no files" if any(root.iterdir()) else "an empty folder"
    endings = Counter(path.suffix.lower() or "no ending" for path in paths)
    counts = ", ".join(f"{count} x {ending}" for ending, count in endings.most_common(6))
    names = ", ".join(_label(root, path) for path in paths[:5])
    return f"{len(paths)} files ({counts}), such as {names}"
