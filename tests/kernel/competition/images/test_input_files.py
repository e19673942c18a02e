"""competition.images.input_files: all files of folders, zips and tars, none lost in silence."""

import gzip
import io
import os
import random
import tarfile
import zipfile
from pathlib import Path

import pytest

from lib.kernel.competition.images.input_files import (
    EARLIER,
    HIDDEN,
    NO_FILE,
    InputFile,
    UnreadableError,
    unpack_gzip,
    walk_input,
)

pytestmark = pytest.mark.ships


def make(name: str) -> bytes:
    """A file's name -> its bytes, of which nothing shrinks."""
    return random.Random(name).randbytes(2000)


def write_zip(path: Path, names: list[str], **how: int) -> Path:
    with zipfile.ZipFile(path, "w", **how) as archive:  # type: ignore[arg-type]
        for name in names:
            archive.writestr(name, make(name))
    return path


def write_tar(path: Path, names: list[str], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = len(make(name))
            archive.addfile(entry, io.BytesIO(make(name)))
    return path


def read_all(source: Path) -> dict[str, bytes | str]:
    """An input -> each file's bytes, or why there are none."""
    found: dict[str, bytes | str] = {}
    for file in walk_input(source):
        found[file.name] = file.fault or file.left_out or read(file)
    return found


def read(file: InputFile) -> bytes | str:
    try:
        return file.read()
    except UnreadableError as error:
        return str(error)


def test_files_come_by_their_sorted_paths(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/10.png", "a b/ö.png", "B.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode())
    found = read_all(tmp_path)
    assert list(found) == ["B.txt", "a b/ö.png", "b/10.png", "b/2.png"]
    assert all(content == name.encode() for name, content in found.items())
    assert read_all(tmp_path / "b" / "2.png") == {"2.png": b"b/2.png"}


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_is_looked_into(tmp_path: Path, how: int) -> None:
    write_zip(tmp_path / "x.ZIP", ["d/b.png", "a.png"], compression=how)
    found = read_all(tmp_path)
    assert found == {
        "x.ZIP/a.png": make("a.png"),
        "x.ZIP/d/b.png": make("d/b.png"),
    }
    assert list(found) == sorted(found)


@pytest.mark.parametrize(
    ("ending", "mode"),
    [("tar", "w"), ("tar.gz", "w:gz"), ("tgz", "w:gz"), ("tar.bz2", "w:bz2"), ("tar.xz", "w:xz")],
)
def test_a_tar_is_looked_into(tmp_path: Path, ending: str, mode: str) -> None:
    names = ["b.png", "d/a.png", "c.png"]
    write_tar(tmp_path / f"x.{ending}", names, mode)
    found = read_all(tmp_path)
    assert list(found) == [f"x.{ending}/{name}" for name in names]
    assert list(found.values()) == [make(name) for name in names]


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    for name in (".DS_Store", "__MACOSX/a.png", ".git/b.png", "a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe.png")
    earlier = tmp_path / "earlier"
    (earlier / "training_state").mkdir(parents=True)
    for name in ("run_manifest.json", "real.png", "training_state/c.png"):
        (earlier / name).write_bytes(b"x")
    write_zip(tmp_path / "z.zip", ["__MACOSX/._a.png", "a.png"])
    found = read_all(tmp_path)
    assert found.pop("a.png") == b"x"
    assert found.pop("z.zip/a.png") == make("a.png")
    assert found.pop("pipe.png") == NO_FILE
    assert found == {
        **dict.fromkeys((".DS_Store", "__MACOSX/a.png", ".git/b.png"), HIDDEN),
        "z.zip/__MACOSX/._a.png": HIDDEN,
        **{
            f"earlier/{name}": EARLIER
            for name in ("run_manifest.json", "real.png", "training_state/c.png")
        },
    }


def test_links_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.png").write_bytes(b"x")
    (tmp_path / "data" / "up").symlink_to(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "one").symlink_to(tmp_path / "data")
    (tmp_path / "in" / "two").symlink_to(tmp_path / "data")
    assert read_all(tmp_path / "in") == {"one/a.png": b"x"}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_path_that_leads_out_of_its_archive_is_a_fault(tmp_path: Path, kind: str) -> None:
    names = ["../evil.png", "/etc/evil.png", "a/../../evil.png", "..\\evil.png", "good.png"]
    (write_zip if kind == "zip" else write_tar)(tmp_path / f"x.{kind}", names)
    found = read_all(tmp_path)
    assert found.pop(f"x.{kind}/good.png") == make("good.png")
    assert set(found.values()) == {"its path leads out of the archive"}
    assert len(found) == 4
    assert [path.name for path in tmp_path.iterdir()] == [f"x.{kind}"]
    assert not (tmp_path.parent / "evil.png").exists()


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_an_archive_cut_short_gives_what_is_whole_and_a_reason(tmp_path: Path, kind: str) -> None:
    names = [f"{number}.png" for number in range(4)]
    path = tmp_path / f"x.{kind}"
    if kind == "zip":
        write_zip(path, names)
    else:
        write_tar(path, names, "w:gz" if kind.endswith("gz") else "w")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 if kind != "tar" else 3 * 2560 + 700])
    found = read_all(tmp_path)
    assert found[f"x.{kind}/0.png"] == make("0.png")
    reasons = [content for content in found.values() if isinstance(content, str)]
    assert reasons
    assert all(word.isprintable() for word in reasons)
    assert any("cut short" in word or "breaks off" in word or "early" in word for word in reasons)


def test_a_tar_without_its_end_says_so_although_its_files_are_whole(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "x.tar", ["0.png"])
    path.write_bytes(path.read_bytes()[:2560])  # a header of 512 bytes, and the file in 2048
    found = read_all(tmp_path)
    assert found == {
        "x.tar/0.png": make("0.png"),
        "x.tar": "tar cut short: its end is missing",
    }


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz"])
@pytest.mark.parametrize("content", [b"", b"no archive at all" * 100])
def test_what_is_no_archive_has_a_reason(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    (fault,) = read_all(tmp_path).values()
    assert fault == "no zip file" if name.endswith("zip") else str(fault).startswith("tar ")


def test_links_in_a_tar_are_left_out(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        entry = tarfile.TarInfo("passwd.png")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    assert read_all(tmp_path) == {"x.tar/passwd.png": NO_FILE}


def test_a_gzip_is_unpacked_as_far_as_it_goes() -> None:
    packed = gzip.compress(make("x"))
    assert unpack_gzip(packed) == (make("x"), "")
    content, why = unpack_gzip(packed[:-900])
    assert why == "the compressed data end early"
    assert make("x").startswith(content)
    assert unpack_gzip(b"\x1f\x8bnothing")[1]
