"""An input folder or file -> all plain files in it, also those inside zips and tars, in order.

Nothing is unpacked onto the disk. Files of a folder and of a zip come by their sorted paths, those
of a tar as they stand in it.
"""

import io
import lzma
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from lib.base.input_walk import InputWalk
from lib.base.run_files import MANIFEST
from lib.kernel.competition.archives import (
    BrokenStreamError,
    Member,
    gunzip,
    list_members,
    read_member,
    read_plain,
)

HIDDEN = "hidden files and those of macOS"
EARLIER = "files of an earlier run's output"
NO_FILE = "links, pipes and devices"
MOST_BYTES = 1 << 32  # of a file inside an archive, which has to lie in memory
_ZIPS = (".zip",)
_GZIP = b"\x1f\x8b"
_SKIP = 1 << 20  # bytes at a time
_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_TAR_FAULTS = (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError, ValueError)


class UnreadableError(Exception):
    """A file's bytes cannot be read; the text says why."""


@dataclass(frozen=True)
class InputFile:
    """A file of the input. One inside a tar can be read only until the next one is asked for."""

    name: str  # path below the input, through archives as if they were folders
    read: Callable[[], bytes]  # UnreadableError where it cannot be read
    path: Path | None = None  # where it lies on the disk by itself
    fault: str = ""  # why nothing is known of it but its name: a broken archive, a bad path
    left_out: str = ""  # the kind of files that are never read
    archive: str = ""  # name of the zip or tar that it lies in


def walk_input(source: Path) -> Iterator[InputFile]:
    """A folder, or one file -> the files in it."""
    if source.is_file():
        yield from _open_up(source.name, source)
        return
    for name, left_out, fault in _walk_folder(source):
        if left_out or fault:
            yield InputFile(name, _read_nothing, left_out=left_out, fault=fault)
        else:
            yield from _open_up(name, source / name)


def _walk_folder(root: Path) -> Iterator[tuple[str, str, str]]:
    """A folder -> (path below it, why it is left out or "", what is wrong or "") by sorted paths.

    Each real file comes once; where one place of it is read, it does not count as left out.
    """
    walk = InputWalk(root)
    found: list[tuple[str, str, str]] = []
    left_out: list[tuple[str, str]] = []  # files
    passed_by: list[tuple[str, str]] = []  # folders
    for folder in walk.enter():
        found += [(label, "", reason) for label, reason in folder.faults]
        is_earlier = MANIFEST in folder.files
        for names, others in ((folder.files, left_out), (folder.folders, passed_by)):
            out = [name for name in names if is_earlier or _is_hidden(name)]
            others += [(folder.place(name), EARLIER if is_earlier else HIDDEN) for name in out]
            names[:] = [] if is_earlier else [name for name in names if not _is_hidden(name)]
        places = filter(lambda place: walk.is_new(root / place), map(folder.place, folder.files))
        found += [(place, _say_no_file(root / place), "") for place in places]
    for start, reason in passed_by:
        for folder in walk.enter(start):
            left_out += [(folder.place(name), reason) for name in folder.files]
    found += [(place, reason, "") for place, reason in left_out if walk.is_new(root / place)]
    yield from sorted(found, key=lambda each: PurePosixPath(each[0]).parts)


def _say_no_file(path: Path) -> str:
    try:
        return "" if path.is_file() else NO_FILE
    except OSError:
        return ""  # a folder without a way in: reading the file tells why


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _open_up(name: str, path: Path) -> Iterator[InputFile]:
    """(a file's name, its path) -> the file, or what the archive holds that it is."""
    if name.lower().endswith(_ZIPS):
        yield from _walk_zip(name, path)
    elif name.lower().endswith(_TARS):
        yield from _walk_tar(name, path)
    else:
        yield InputFile(name, partial(_read_file, path), path)


def _walk_zip(name: str, path: Path) -> Iterator[InputFile]:
    """A zip, even one cut short -> its files, by sorted paths."""
    try:
        with path.open("rb") as file:
            listed, is_whole = list_members(file)
            members = list(listed)
            if not is_whole:
                why = "zip cut short: its directory is missing" if members else "no zip file"
                yield InputFile(name, _read_nothing, fault=why)
            for member in sorted(members, key=lambda each: each.name):
                read = partial(_read_member, file, member)
                yield _make_member(name, member.name, read)
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or "its directory is damaged"
        yield InputFile(name, _read_nothing, fault=f"cannot be read ({words})")


def _walk_tar(name: str, path: Path) -> Iterator[InputFile]:
    """A tar, packed or not, even one cut short -> its files, in its own order."""
    try:
        with path.open("rb") as file, _open_tar(file) as archive:
            for entry in archive:
                if entry.isfile():
                    yield _make_member(name, entry.name, partial(_read_entry, archive, entry))
                elif not entry.isdir():
                    yield InputFile(f"{name}/{entry.name}", _read_nothing, left_out=NO_FILE)
                archive.members = []  # type: ignore[attr-defined] # else all of them are kept
            assert archive.fileobj is not None, "it was opened by its path"
            if archive.fileobj.tell() == archive.offset:  # else an empty block was read there
                yield InputFile(name, _read_nothing, fault="tar cut short: its end is missing")
    except _TAR_FAULTS as error:
        words = str(error).partition("\n")[0] or type(error).__name__
        yield InputFile(name, _read_nothing, fault=f"tar breaks off: {words[:80]}")


def _open_tar(file: BinaryIO) -> tarfile.TarFile:
    """Open a tar; one in a gzip is read to the last byte before a fault."""
    is_gzip = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    if not is_gzip:
        return tarfile.open(fileobj=file, mode="r:*")
    return tarfile.open(fileobj=_Forwards(gunzip(read_plain(file))), mode="r:")


class _Forwards(io.RawIOBase):
    """Pieces of bytes as a file that is read once, from its begin to its end."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces, self._held, self._at = pieces, bytearray(), 0

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes; fewer only where the pieces end, by a fault or not."""
        while len(self._held) < size:
            try:
                self._held += next(self._pieces)
            except (StopIteration, BrokenStreamError):
                break
        part = bytes(self._held[:size])
        del self._held[:size]
        self._at += len(part)
        return part

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Skip bytes up to an offset from the begin."""
        assert whence == os.SEEK_SET, "tarfile knows where it is"
        if offset < self._at:
            raise OSError("a packed tar is read forwards alone")
        while self._at < offset and self.read(min(offset - self._at, _SKIP)):
            pass
        return self._at


def _make_member(archive: str, name: str, read: Callable[[], bytes]) -> InputFile:
    """(archive's name, a member's, how it is read) -> the file; its path may not lead out."""
    plain = PurePosixPath(name.replace("\\", "/"))
    whole = f"{archive}/{name}"
    if _is_hidden(str(plain)) and ".." not in plain.parts:
        return InputFile(whole, read, left_out=HIDDEN, archive=archive)
    if plain.is_absolute() or ".." in plain.parts:
        fault = "its path leads out of the archive"
        return InputFile(whole, read, fault=fault, archive=archive)
    return InputFile(whole, read, archive=archive)


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"cannot be read ({error.strerror})") from error


def _read_member(file: BinaryIO, member: Member) -> bytes:
    content = io.BytesIO()
    try:
        for piece in read_member(file, member):
            if content.tell() + len(piece) > MOST_BYTES:
                raise UnreadableError(f"larger than {MOST_BYTES:,} bytes")
            content.write(piece)
    except BrokenStreamError as error:
        raise UnreadableError(str(error)) from error
    except (OSError, ValueError) as error:  # a place that no file has
        raise UnreadableError("the zip's directory is damaged") from error
    return content.getvalue()


def _read_entry(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    if entry.size > MOST_BYTES:
        raise UnreadableError(f"larger than {MOST_BYTES:,} bytes")
    try:
        file = archive.extractfile(entry)
        assert file is not None, "it is a plain file"
        content = file.read()
    except _TAR_FAULTS as error:
        raise UnreadableError("the tar ends early") from error
    if len(content) < entry.size:
        raise UnreadableError("the tar ends early")
    return content


def _read_nothing() -> bytes:
    raise AssertionError("a file that is left out or at fault is not read")


def unpack_gzip(content: bytes) -> tuple[bytes, str]:
    """A gzip file's bytes -> (its content as far as it goes, what is wrong or "")."""
    unpacked = io.BytesIO()
    try:
        for piece in gunzip(iter([content])):
            if unpacked.tell() + len(piece) > MOST_BYTES:
                return unpacked.getvalue(), f"larger than {MOST_BYTES:,} bytes"
            unpacked.write(piece)
    except BrokenStreamError as error:
        return unpacked.getvalue(), str(error)
    return unpacked.getvalue(), ""
