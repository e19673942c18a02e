"""lib.base.files: whole or not at all, what a kill left is removed, and JSON of any depth."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lib.base.files import copy_file, read_json, remove_parts, replacing, write_bytes

pytestmark = pytest.mark.ships


@contextmanager
def limit_files(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes in the block."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("fits", [0, 1, 99_999])
def test_what_does_not_fit_leaves_the_file_before_and_nothing_else(
    tmp_path: Path, fits: int
) -> None:
    path, source = tmp_path / "file", tmp_path / "source"
    path.write_bytes(b"before")
    source.write_bytes(bytes(100_000))
    for write in (lambda: write_bytes(path, bytes(100_000)), lambda: copy_file(source, path)):
        with limit_files(fits), pytest.raises(OSError, match="too large") as error:
            write()
        assert error.value.errno == errno.EFBIG
        assert path.read_bytes() == b"before"
        assert sorted(tmp_path.iterdir()) == [path, source]
    copy_file(source, path)
    assert path.read_bytes() == bytes(100_000)


def test_a_read_only_file_is_no_obstacle_and_a_folder_is_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    path.chmod(0o400)
    write_bytes(path, b"after")
    assert path.read_bytes() == b"after"
    path.unlink()
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        write_bytes(path, b"after")
    assert sorted(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    """Past failure: the unfinished file stayed for ever, and the manifest listed it."""
    kept = ["a.part", ".b", ".c.part", "deep/d.csv", ".e.toolong12.part", ".f.abcdefgh.parts"]
    for name in kept:
        write_bytes(tmp_path / name, b"x")
    for folder in (tmp_path, tmp_path / "deep"):
        child = os.fork()
        if child == 0:
            with replacing(folder / "submission.csv") as file:
                file.write(b"half")
                os._exit(0)
        os.waitpid(child, 0)
    assert len(list(tmp_path.rglob(".submission.csv.*.part"))) == 2
    remove_parts(tmp_path)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(kept)
    remove_parts(tmp_path / "missing")


@pytest.mark.parametrize("text", ["", "{", "[" * 200_000, "\ud800", '{"a": 1}x'])
def test_broken_json_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text, errors="surrogatepass")
    assert read_json(tmp_path / "file") is None
    assert read_json(tmp_path) is None
