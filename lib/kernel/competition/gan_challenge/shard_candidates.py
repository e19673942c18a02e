"""An input folder -> the files in it that are or hold shards, and why the others hold none."""

import os
import re
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from lib.base.input_walk import Folder, InputWalk
from lib.base.one_line import as_one_line
from lib.kernel.competition.archives import Member, list_members, open_nested, read_member

NAME = "data.jsonl"
_SHARDS = (".jsonl", ".jsonl.gz")
_NESTED_ZIPS = 2  # levels below the outermost
NESTED_LIMIT = 1 << 32  # bytes of all inner zips together, which are copied to read them
_ROOM = 1 << 25  # characters of all labels, so that no input fills the memory
_SHOWN, _ENDINGS = 5, 100  # names and kinds of files that are told where nothing is found
_EMPTY = "an empty file"
_CUT = "a zip without a sound directory, cut short: what it held may be lost, fetch it again"
_EACH = 300  # characters that a shard or fault takes besides its label
_PACKED = re.compile(r"\.(tar|tgz|tbz2?|txz|gz|bz2|xz|zstd?|lzma|lz4|7z|rar)$")
_TARS = ("tar", "tgz", "tbz", "tbz2", "txz")
_ODD = re.compile(r"\.(jsonl|ndjson|jsonlines)\b")
_KINDS = (  # first bytes of what is sometimes named .zip
    (b"<", "HTML: download it again"),
    (b"version https://git-lfs", "a pointer of Git LFS: fetch the file itself"),
    (b"\x1f\x8b", "gzip: name it .jsonl.gz"),
    *((head, f"{kind}: unpack it, or pack it as .gz or .zip") for head, kind in (
        (b"BZh", "bzip2"), (b"\xfd7zXZ", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"7z\xbc\xaf", "7z"), (b"Rar!", "RAR"))),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shard:
    """One file of records: a file, or a member of a zip."""

    label: str  # path below the input folder, with "/", through zips as if they were folders
    path: Path  # the file on disk
    members: tuple[Member, ...] = ()  # from the outermost zip inwards
    size: int = 0  # bytes of the file on disk when it was found

    @property
    def name(self) -> str:
        """The file's own name, in lower case."""
        return self.label.rpartition("/")[2].lower()


class FileFault(NamedTuple):
    """A file that looks like data and gave none."""

    label: str  # as one line
    reason: str  # with the cure, in a few words


class Candidates:
    """The shards in a folder, or in one file, and the files that gave none."""

    def __init__(self, root: Path) -> None:
        self.shards: list[Shard] = []
        self.faults: list[FileFault] = []
        self.endings: Counter[str] = Counter()  # of all files
        self.names: list[str] = []  # of the first of them
        self._walk = InputWalk(root)
        self._room, self._floor, self._is_full = _ROOM, 0, False
        self._nested_left = NESTED_LIMIT
        if root.is_dir():
            for folder in self._walk.enter():
                self._add_folder(root, folder)
        else:
            self._count(root.name)
            self.names.append(root.name)
            self._add_file(root, root.name)

    def _complain(self, label: str, reason: str) -> None:
        """Keep why a file gave nothing."""
        label = as_one_line(label)
        if self._fits(label):
            self.faults.append(FileFault(label, reason))

    def _add_shard(self, shard: Shard) -> None:
        if self._fits(shard.label):
            self.shards.append(shard)

    def _fits(self, label: str) -> bool:
        """Tell whether there is room for one more; the first that does not fit is complained of."""
        self._room -= len(label) + _EACH
        if self._room < self._floor and not self._is_full:
            self._is_full = True
            reason = "this file and those behind it are too many: pack the shards into fewer files"
            self.faults.append(FileFault(as_one_line(label), reason))
        return not self._is_full

    def _add_folder(self, root: Path, folder: Folder) -> None:
        """Take what lies in a folder of the input."""
        for fault in folder.faults:
            self._complain(*fault)
        folder.folders[:] = [name for name in folder.folders if not _is_hidden(name)]
        names = [name for name in folder.files if not _is_hidden(name)]
        self.names += map(folder.place, names[: _SHOWN - len(self.names)])
        for name in names:
            self._count(name)
            if _is_candidate(name):
                self._add_file(Path(root, folder.label, name), folder.place(name))

    def _count(self, name: str) -> None:
        ending = os.path.splitext(name)[1].lower() or "no ending"
        self.endings[ending if len(self.endings) < _ENDINGS else "other endings"] += 1

    def _add_file(self, path: Path, label: str) -> None:
        """Take a file on disk that is a shard or a zip; complain of any other candidate."""
        name = path.name.lower()
        try:
            status = path.stat()
            if not self._walk.is_new(path):
                return
            if not stat.S_ISREG(status.st_mode):
                self._complain(label, "a pipe, a socket or a device: no plain file")
            elif name.endswith(_SHARDS):
                self._add_shard(Shard(label, path, size=status.st_size))
            elif name.endswith(".zip"):
                self._floor = self._room // 2  # one zip leaves room for the files behind it
                with path.open("rb") as file:
                    self._add_zip(Shard(label, path, size=status.st_size), file)
            elif reason := _explain_name(name):
                self._complain(label, reason)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self._complain(label, f"cannot be read ({as_one_line(reason)})")
        if self._floor:
            self._room, self._floor, self._is_full = max(self._room, self._floor), 0, False

    def _add_zip(self, outer: Shard, file: IO[bytes]) -> None:
        """(a zip, that zip opened): take the shards in it; of two of one name the later counts."""
        before, is_empty = len(self.shards) + len(self.faults), True
        members, is_whole = list_members(file)
        places: dict[str, int] = {}
        for member in members:
            is_empty = False
            parts = [part for part in re.split(r"[/\\]", member.name) if part not in ("", ".")]
            label = "/".join([outer.label, *parts])
            inner = Shard(label, outer.path, (*outer.members, member), outer.size)
            if not parts:
                self._complain(f"{label}/", "a file without a name in a zip")
            elif any(map(_is_hidden, parts)) or not _is_candidate(parts[-1]):
                continue
            elif inner.name.endswith(".zip"):
                self._add_nested(inner, file)
            elif not inner.name.endswith(_SHARDS):
                self._complain(label, _explain_name(inner.name))
            elif label in places:
                self._complain(label, "several files of this name in a zip: the last one is read")
                self.shards[places[label]] = inner
            else:
                self._add_shard(inner)
                places[label] = len(self.shards) - 1
        if not is_whole:
            self._complain(outer.label, _explain_content(file) if is_empty else _CUT)
        elif before == len(self.shards) + len(self.faults):
            self._complain(outer.label, "a zip without shards")

    def _add_nested(self, inner: Shard, file: IO[bytes]) -> None:
        """(a zip inside a zip, the outer one opened): copy the inner one and look into it."""
        if len(inner.members) > _NESTED_ZIPS:
            self._complain(inner.label, "zips in zips, too deep: unpack the outermost")
            return
        nested, size, fault = open_nested(read_member(file, inner.members[-1]), self._nested_left)
        self._nested_left = max(0, self._nested_left - size)
        with nested:
            if fault:
                self._complain(inner.label, fault)
            if size:
                self._add_zip(inner, nested)
            elif not fault:
                self._complain(inner.label, _EMPTY)


def _is_hidden(name: str) -> bool:
    return (name.startswith(".") and name not in (".", "..")) or name == "__MACOSX"


def _is_candidate(name: str) -> bool:
    return name.lower().endswith((*_SHARDS, ".zip")) or bool(_explain_name(name))


def _explain_name(name: str) -> str:
    """The name of a file, no shard and no zip -> why it is not read; "" for files without data."""
    found = _PACKED.search(name.lower())
    if found and (found[1] in _TARS or ".tar." in name.lower()):
        return "a tar: unpack it, or pack it as .zip"
    if found and found[1] == "gz":
        return "no .jsonl.gz by its name: rename it if it is one"
    if found:
        return f"packed as {found[1]}: unpack it, or pack it as .gz or .zip"
    return "no .jsonl by its ending: rename it if it is one" if _ODD.search(name.lower()) else ""


def _explain_content(file: IO[bytes]) -> str:
    """A file named .zip in which no file was found -> what it is."""
    file.seek(0)
    head = file.read(64)
    if not head:
        return _EMPTY
    for start, kind in _KINDS:
        if head.lstrip().startswith(start):
            return f"no zip file but {kind}"
    return _CUT if head.startswith(b"PK") else "no zip file"
