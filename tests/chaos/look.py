"""A run's folders and marks -> torn files, leftovers, and processes that still live."""

import csv
import json
import time
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from lib.base.checksummed_files import Heading, read_checksummed
from lib.base.tensor_files import read_state
from tests.chaos.small_kernel import MARK

_CELLS = 2049  # of a row of submission.csv
CHILDREN_S = 5.0  # that children may outlive a killed parent


def find_torn(folder: Path) -> list[str]:
    """A folder -> the files in it that are neither absent nor whole, with what is wrong."""
    torn = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".part":
            try:
                _read_whole(path)
            except Exception as error:  # whatever a reader says of half a file
                torn.append(f"{path.name}: {type(error).__name__} {error}")
    return torn


def _read_whole(path: Path) -> None:
    """Read a file as its kind demands; raise an error where it is not whole."""
    match path.suffix:
        case ".json":
            json.loads(path.read_text())
        case ".csv" if path.name == "submission.csv":
            text = path.read_text()
            rows = list(csv.reader(text.splitlines()))
            assert text.endswith("\n"), "no end of line"
            assert {len(row) for row in rows} == {_CELLS}, "cells are missing"
        case ".zip":
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None, "a member is damaged"
        case ".png":
            with Image.open(path) as image:
                image.load()
        case ".npy":
            np.load(path, allow_pickle=False)
        case ".pt":
            read_state(path, torch.device("cpu"))
        case ".bin":
            read_checksummed(path, Heading.DIGEST)
        case ".html":
            assert path.read_text().rstrip().endswith("</html>"), "no end"


def list_leftovers(folder: Path) -> list[str]:
    """A folder -> the unfinished files that killed processes left in it."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*.part")]


def list_marked(mark: str) -> list[int]:
    """A run's mark -> the numbers of the processes that live and have it in their environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "environ").read_bytes().split(b"\0")
            state = (place / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:  # it has just ended, or is another user's
            continue
        if f"{MARK}={mark}".encode() in words and state != "Z":
            found.append(int(place.name))
    return found


def wait_for_children(mark: str, most_s: float = CHILDREN_S) -> float:
    """Wait until no process of a run is left; return the seconds, and fail where they are many."""
    started = time.monotonic()
    while left := list_marked(mark):
        assert time.monotonic() - started < most_s, f"still there: {left}"
        time.sleep(0.02)
    return time.monotonic() - started
