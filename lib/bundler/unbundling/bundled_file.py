"""The files of a bundle as they are in it now, edited or not."""

from dataclasses import dataclass

from lib.base.files import sha256_bytes


@dataclass(frozen=True)
class BundledFile:
    """One file as it is in the bundle now."""

    path: str  # from the folder that was bundled, with "/"
    content: bytes
    sha256: str  # of the file that was bundled; empty: the bundle does not tell

    @property
    def is_edited(self) -> bool:
        """Tell whether it was edited since it was bundled."""
        return sha256_bytes(self.content) != self.sha256


@dataclass(frozen=True)
class Unbundled:
    """What a bundle holds, without the runtime's parts."""

    entry: str  # the path of the program that runs
    files: tuple[BundledFile, ...]
    preface: str  # Python above the files, such as CONFIG, which is in no file
    strays: tuple[tuple[int, str], ...]  # (line or cell, text) that is in no file
