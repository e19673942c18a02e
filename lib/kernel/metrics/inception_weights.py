"""A weights file's name and hash -> the file: given, attached, in torch's cache, or downloaded."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from lib.base.errors import InputError
from lib.base.files import sha256_file
from lib.base.input_walk import find_files
from lib.base.log import format_seconds, log
from lib.kernel.configuration.config import TORCHVISION_WEIGHTS

_DOWNLOADS = {
    TORCHVISION_WEIGHTS: f"https://download.pytorch.org/models/{TORCHVISION_WEIGHTS}",
}
_TIMEOUT_S = 30.0  # of one socket operation: without internet, Kaggle's name lookup fails at once
_DOWNLOAD_S = 600.0  # of a whole download, 104 MB: a server that sends a little now and then hangs


def find_weights(
    file_name: str,
    sha256: str,
    given: Path | None,
    input_dir: Path,
    *,
    allow_download: bool = True,
    url: str | None = None,
) -> Path:
    """(name, leading hex digits of the sha256, --weights, input folder) -> the weights file.

    Tried in this order: the given file, the attached data sets, torch's cache, a download from
    `url`, else from torchvision's address. Files with another hash are named and passed over.
    """
    cache = Path(torch.hub.get_dir()) / "checkpoints" / file_name
    url = url or _DOWNLOADS.get(file_name)
    places: tuple[tuple[str, Callable[[], list[Path]]], ...] = (
        ("--weights", lambda: [given] if given is not None and given.is_file() else []),
        (f"data sets under {input_dir}", lambda: find_files(input_dir, file_name)),
        (f"torch's cache {cache}", lambda: [cache] if cache.is_file() else []),
        (f"download of {url}", lambda: _download(url, cache, sha256)),
    )
    tried = []
    for place, look in places[: None if allow_download else -1]:
        try:
            found = look()
        except (OSError, RuntimeError) as error:  # RuntimeError: torch.hub's hash mismatch
            tried.append(f"{place}: {str(error).splitlines()[0]}")
            continue
        for path in found:
            digest = sha256_file(path)
            if digest.startswith(sha256.lower()):
                which = f", by path the first right of {len(found)}: {path}" if found[1:] else ""
                log("weights", f"{file_name} from {place} (sha256 {digest[:8]} as expected){which}")
                return path
            tried.append(f"{path} has sha256 {digest[: max(len(sha256), 8)]}, not {sha256}")
            log("weights", f"passed over {tried[-1]}")
        if not found:
            tried.append(f"{place}: {_say_missing(place, given)}")
    raise _not_found(file_name, sha256, tried, allow_download)


def _not_found(file_name: str, sha256: str, tried: list[str], allow_download: bool) -> InputError:
    if not allow_download:
        tried = [*tried, "download: not allowed"]
    return InputError(
        "weights",
        f"{file_name} was found in none of four places",
        expected=f"a file with sha256 {sha256 or 'of any value'}",
        got="; ".join(tried),
        cure="attach a data set that holds the file, or switch the internet on, or give "
        "--weights FILE; --weights random only tries the program out",
    )


def _say_missing(place: str, given: Path | None) -> str:
    if place != "--weights":
        return "not there"
    return "not given" if given is None else f"no file {given}"


def _download(url: str | None, target: Path, sha256: str) -> list[Path]:
    """Download the file into torch's cache by torch's own loader, which checks the hash."""
    if url is None:
        raise OSError("no address is known for a file of that name")
    log("weights", f"downloading {url}")
    target.parent.mkdir(parents=True, exist_ok=True)
    failed: list[BaseException] = []

    def fetch() -> None:
        try:
            torch.hub.download_url_to_file(url, str(target), sha256 or None, progress=False)
        except BaseException as error:  # raised again below, in the run's own thread
            failed.append(error)

    thread = threading.Thread(target=fetch, name="download", daemon=True)
    with _socket_timeout(_TIMEOUT_S):
        thread.start()
        thread.join(_DOWNLOAD_S)
    if thread.is_alive():
        raise OSError(f"it did not end within {format_seconds(_DOWNLOAD_S)}")
    if failed:
        raise failed[0]
    return [target]


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
