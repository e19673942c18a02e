"""Refuse a weights file whose first bytes show that it is of another kind."""

import zipfile
from pathlib import Path

from lib.base.errors import InputError
from lib.base.places import check_input_file

EXPECTED = "a state dict of torchvision's inception_v3, saved by torch"
CURE = "give that file's path, or --weights random for a smoke test"
_HEAD = 512  # bytes; a tar, torch's oldest format, names itself at 257
_LFS, _ZIP, _PICKLE, _TAR = b"version https://git-lfs", b"PK", b"\x80", b"ustar"


def refuse_wrong_kind(path: Path) -> None:
    """Refuse a file that is plainly no weights; what torch might read passes.

    Neither torch nor numpy is needed, and nothing of the file is executed.
    """
    check_input_file("weights", path, CURE)
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise _refuse(path, "an empty file")
    if head.startswith(_LFS):
        raise _refuse(path, "a pointer of Git LFS, not the file itself", "git lfs pull, then again")
    if head.lstrip().startswith(b"<"):
        again = "download the file itself, not the page around it"
        raise _refuse(path, f"a web page: {_quote(head.lstrip())}", again)
    if head.startswith(_ZIP):
        _check_zip(path)
    elif not head.startswith(_PICKLE) and head[257:262] != _TAR:
        raise _refuse(path, f"a file that begins with {_quote(head)}")


def _check_zip(path: Path) -> None:
    """Refuse a zip that torch.save cannot have made: it stores a pickle named data.pkl."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        size = f"{path.stat().st_size:,} bytes, cut short: the end of the archive is missing"
        raise _refuse(path, size, "download or copy the file again") from None
    if not any(name.endswith("/data.pkl") for name in names):
        some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        cure = "unpack it, and give the weights file that it holds"
        raise _refuse(path, f"an ordinary zip of {some or 'nothing'}", cure)


def _quote(head: bytes) -> str:
    return repr(head.split(b"\n")[0][:20])


def _refuse(path: Path, got: str, cure: str = CURE) -> InputError:
    return InputError("weights", f"{path} holds none", expected=EXPECTED, got=got, cure=cure)
