"""Files that give nothing, break the reader or fill the memory: each is named, none ends a run."""

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import socket
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.base.errors import InputError
from lib.base.one_line import MOST
from lib.commands.offline.shard_records import read_records
from lib.kernel.competition.archives import list_members
from lib.kernel.competition.gan_challenge import shard_candidates, shard_lines
from lib.kernel.competition.gan_challenge.dataset import decode_dataset
from lib.kernel.competition.gan_challenge.shard_lines import (
    BLOCK_LINES,
    LINE_LIMIT,
    LINE_TOO_LONG,
    DataDigest,
    hash_shards,
    read_blocks,
)
from lib.kernel.competition.gan_challenge.shards import _natural_key, find_shards, search_shards
from lib.synthetic.look_alike import look_alike
from lib.synthetic.shards import write_shards
from tests.bundled import bound_by_permissions

ROOT = Path(__file__).parents[4]
NAMES = ("clean_images_v1_uint8.npy", "ids.txt", "rejects.csv", "contact_sheet.png")

pytestmark = pytest.mark.ships


@pytest.fixture(scope="module")
def lines(tmp_path_factory) -> bytes:
    """Twenty sound records."""
    folder = tmp_path_factory.mktemp("sound")
    write_shards(look_alike(20, 0), folder, 0, chaos=0)
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("data.jsonl")))


@pytest.fixture
def source(tmp_path, lines) -> Path:
    """A folder with one sound shard."""
    return _write(tmp_path / "in", {"shard_00/data.jsonl": lines})


def _write(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def _zip(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo("x")
            info.filename, info.compress_type = name, method
            archive.writestr(info, content)
    return packed.getvalue()


def _decode(source: Path, target: Path) -> list[list[str]]:
    """Decode by a process of the command; return the rows of rejects.csv."""
    done = subprocess.run(
        [*bound_by_permissions(), sys.executable, "build.py", "decode",
         "--input", source, "--output", target],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    rows = _read_rows(target)
    for file, line, _, reason in rows:
        if line == "0":
            assert f"warning: {file.removeprefix(chr(39))}: {reason}".encode() in done.stdout
    summary = json.loads((target / "decode.json").read_bytes())
    assert sum(summary["rejected"].values()) == len(rows)
    return rows


def _read_rows(target: Path) -> list[list[str]]:
    with (target / "rejects.csv").open(newline="") as file:
        return list(csv.reader(file))[1:]


def _end_too_far() -> bytes:
    """A zip whose end record says that its directory is larger than the file."""
    packed = bytearray(_zip({"data.jsonl": b"{}\n"}))
    packed[-10:-6] = (1 << 30).to_bytes(4, "little")
    return bytes(packed)


GAVE_NOTHING = {  # file beside a sound shard -> (its content, a part of the reason)
    "a.zip": (b"", "an empty file"),
    "b.zip": (b"<!DOCTYPE html><html>Sign in</html>", "no zip file but HTML"),
    "c.zip": (b"\n<html>", "no zip file but HTML"),
    "d.zip": (b"\x28\xb5\x2f\xfdrest", "no zip file but zstd"),
    "e.zip": (bytes(1000), "no zip file"),
    "f.zip": (_zip({}), "a zip without shards"),
    "g.zip": (_zip({"notes.txt": b"x"}), "a zip without shards"),
    "h.zip": (_zip({"data.jsonl": b"x" * 1000})[:20], "cut short"),
    "i.zip": (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
    "data.jsonl.zst": (b"\x28\xb5\x2f\xfdrest", "packed as zst: unpack it"),
    "data.jsonl.bz2": (bz2.compress(b"{}\n"), "packed as bz2: unpack it"),
    "data.jsonl.xz": (lzma.compress(b"{}\n"), "packed as xz: unpack it"),
    "data.jsonl.7z": (b"7z\xbc\xaf", "packed as 7z: unpack it"),
    "data.jsonl.tar.gz": (gzip.compress(b"x"), "a tar: unpack it"),
    "shard_01.tgz": (gzip.compress(b"x"), "a tar: unpack it"),
    "shard_02.tar": (bytes(1024), "a tar: unpack it"),
    "data.jsonl.part": (b"{}\n", "no .jsonl by its ending"),
    "data.gz": (gzip.compress(b"{}\n"), "no .jsonl.gz by its name"),
    "other.jsonl": (b"{}\n", "not read, for there are files of the name data.jsonl"),
    "x/data.jsonl": (b"", "an empty file, no lines"),
    "y/data.jsonl": (b"\n \r\n\n", "an empty file, no lines"),
    "z/data.jsonl.gz": (gzip.compress(b""), "an empty file, no lines"),
    "inner.zip": (_zip({"in.zip": _zip({"data.jsonl": b"{}"})}, zipfile.ZIP_BZIP2), "method 12"),
    "empty.zip": (_zip({"data.jsonl": b""}), "an empty file, no lines"),
    "in_empty.zip": (_zip({"in.zip": b""}), "an empty file"),
    "in_html.zip": (_zip({"in.zip": b"<html>"}), "no zip file but HTML"),
    "in_zst.zip": (_zip({"data.jsonl.zst": b"x"}), "packed as zst"),
    "in_tar.zip": (_zip({"d/data.tar": b"x"}), "a tar: unpack it"),
    "far.zip": (_zip({"in.zip": _end_too_far()[-22:]}), "cut short"),
    "deep.zip": (_zip({"1.zip": _zip({"2.zip": _zip({"3.zip": b""})})}), "too deep"),
    "nul.zip": (_zip({"\0dir/": b"", "\0data.jsonl": b"{}\n"}), "a file without a name"),
}  # fmt: skip


def test_each_file_that_gave_nothing_has_a_row_and_a_warning(source, tmp_path):
    _write(source, {name: content for name, (content, _) in GAVE_NOTHING.items()})
    rows = {row[0]: row for row in _decode(source, tmp_path / "out")}
    for name, (_, reason) in GAVE_NOTHING.items():
        found = [
            row for label, row in rows.items() if label == name or label.startswith(f"{name}/")
        ]
        assert len(found) == 1, (name, found)
        assert found[0][1:3] == ["0", ""]
        assert reason in found[0][3], name
    assert len(rows) == len(GAVE_NOTHING)


def test_ordinary_files_of_an_input_folder_are_no_faults(source):
    others = ["sample_submission.csv", "readme.txt", "a.png", "data.json", "weights.pth", "run.py"]
    _write(source, dict.fromkeys(others, b"x"))
    assert search_shards(source).faults == ()


def test_a_bad_input_alone_names_its_fault(tmp_path):
    _write(tmp_path, {"only.zip": b"<html>"})
    for root in (tmp_path, tmp_path / "only.zip"):
        with pytest.raises(InputError, match=r"only\.zip: no zip file but HTML") as caught:
            find_shards(root)
        assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("name", ["./data.jsonl", "././a/data.jsonl", "../data.jsonl",
                                  "a//data.jsonl", "a/../data.jsonl",
                                  "a\\data.jsonl", "/data.jsonl"])  # fmt: skip
def test_dots_in_a_members_path_hide_nothing(tmp_path, lines, name):
    _write(tmp_path, {"all.zip": _zip({name: lines})})
    assert len([*read_records(find_shards(tmp_path))]) == 20
    assert search_shards(tmp_path).faults == ()
    assert [path.name for path in tmp_path.iterdir()] == ["all.zip"]


@pytest.mark.parametrize("name", [".data.jsonl", "./.cache/data.jsonl", "__MACOSX/./data.jsonl"])
def test_hidden_members_are_no_shards(tmp_path, lines, name):
    _write(tmp_path, {"all.zip": _zip({name: lines, "data.jsonl": lines})})
    assert len(find_shards(tmp_path)) == 1


@pytest.mark.parametrize("name", ["1" * 5000, "a1" * 3000, "0" * 60_000 + "1", "x/" * 9000 + "y"])
def test_an_overlong_members_name_is_read_like_any_other(tmp_path, lines, name):
    content = lines + b"[]\n"
    _write(tmp_path, {"all.zip": _zip({f"{name}/data.jsonl": content, "2/data.jsonl": lines})})
    decoded = decode_dataset(tmp_path, tmp_path / "out")
    assert decoded.kept == 40
    ((file, line, _, reason),) = _read_rows(tmp_path / "out")
    assert (line, reason) == ("21", "not an object")
    assert file.startswith(f"all.zip/{name[:100]}")
    assert len(file) == MOST


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text("a1029/ -é", min_size=1, max_size=9), min_size=2, max_size=8, unique=True))
def test_labels_are_in_the_order_of_their_numbers(labels):
    """The oracle compares texts and numbers in turns; it failed at numbers of 4,300 digits."""
    import re

    def split(shard: shard_candidates.Shard) -> tuple[object, ...]:
        parts = re.findall(r"[0-9]+|[^0-9]+", shard.label.replace("/", "\0"))
        return [(0, int(p), "") if p[0].isdecimal() else (1, 0, p) for p in parts], shard.label

    shards = [shard_candidates.Shard(label, Path("x")) for label in labels]
    assert sorted(shards, key=_natural_key) == sorted(shards, key=split)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.text("aé\\/.1", min_size=1, max_size=6), st.binary(max_size=40), max_size=5),
    st.binary(max_size=40),
    st.binary(max_size=40),
    st.booleans(),
)
def test_members_are_those_that_zipfile_finds(files, before, comment, is_large):
    packed = io.BytesIO(before)
    packed.seek(0, os.SEEK_END)
    with zipfile.ZipFile(packed, "a") as archive:
        for name, content in files.items():
            with archive.open(name, "w", force_zip64=is_large) as member:
                member.write(content)
        archive.comment = comment
    expected = [info for info in zipfile.ZipFile(packed).infolist() if not info.is_dir()]
    members, is_whole = list_members(packed)
    found = [(each.name, each.header, each.packed, each.crc, each.size) for each in members]
    assert is_whole
    assert found == [
        (info.filename, info.header_offset, info.compress_size, info.CRC, info.file_size)
        for info in expected
    ]


def test_a_directory_in_zip64_is_read(tmp_path, lines, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    _write(tmp_path, {"all.zip": _zip({"1/data.jsonl": lines, "2/data.jsonl": lines})})
    assert b"PK\x06\x06" in (tmp_path / "all.zip").read_bytes()
    assert len([*read_records(find_shards(tmp_path))]) == 40
    assert search_shards(tmp_path).faults == ()


def test_of_two_members_of_one_name_the_later_counts_and_a_row_says_so(tmp_path, lines):
    packed = _zip({"data.jsonm": b"[]\n", "data.jsonl": lines})
    _write(tmp_path, {"all.zip": packed.replace(b"data.jsonm", b"data.jsonl")})
    found = search_shards(tmp_path)
    assert len([*read_records(found.shards)]) == 20
    ((label, reason),) = found.faults
    assert (label, "the last one is read" in reason) == ("all.zip/data.jsonl", True)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6),
    st.integers(0, 400),
    st.booleans(),
)
def test_no_damaged_zip_ends_the_run(tmp_path_factory, changes, cut, is_nested):
    """All of a zip is hit, its directory above all; a sound shard beside it is always read."""
    inner = _zip(
        {"data.jsonl": b'{"id": 1}\n' * 9, "\0/": b"", "a/x.jsonl.gz": gzip.compress(b"[]\n")}
    )
    whole = bytearray(_zip({"in.zip": inner}, zipfile.ZIP_STORED) if is_nested else inner)
    for place, value in changes:
        whole[place % len(whole)] = value
    del whole[len(whole) - cut % len(whole) :]
    root = _write(tmp_path_factory.mktemp("bad"), {"bad.zip": bytes(whole), "data.jsonl": b"{}\n"})
    found = search_shards(root)
    digest = DataDigest()
    assert sum(block.file == "data.jsonl" for block in read_blocks(found.shards, digest)) == 1
    assert hash_shards(found.shards) == digest.hexdigest()
    assert len(found.shards) + len(found.faults) >= 2


@pytest.mark.parametrize("damage", [b"", b"PK", b"PK\x03\x04" + bytes(200), b"\x93NUMPY",
                                    b"\x93NUMPY\x01\0v\0{", b"\x80\x04]q\0.",
                                    "shape ()", "header", "folder"])  # fmt: skip
def test_damaged_pixels_are_decoded_again(source, tmp_path, damage):
    target = tmp_path / "out"
    decode_dataset(source, target)
    path = target / NAMES[0]
    whole = path.read_bytes()
    if damage == "folder":
        path.unlink()
        (target / "ids.txt").unlink()
        (target / "ids.txt").symlink_to(target)
    elif damage == "shape ()":
        np.save(path, np.uint8(3))
    elif damage == "header":
        path.write_bytes(whole.replace(b"3, 32, 32), }  ", b"3, 16, 32), }  "))
    else:
        path.write_bytes(damage)
    decode_dataset(source, target)
    assert path.read_bytes() == whole


BAD_VALUES = [None, 3, "x", [], [1], {}, {"a": "b"}, {"a": None}, -1, 1e400, True]


@pytest.mark.parametrize("key", ["kept", "rejected", "notes", "grey", "seconds", "sha256", "policy",
                                 "choices", "decoder", "faults", "data_sha256"])  # fmt: skip
def test_a_summary_of_wrong_types_is_made_again(source, tmp_path, key):
    target = tmp_path / "out"
    _write(source, {"bad.zip": b"", "shard_01/data.jsonl": b"[]\n"})
    first = decode_dataset(source, target)
    saved = json.loads((target / "decode.json").read_bytes())
    for value in BAD_VALUES:
        (target / "decode.json").write_text(json.dumps({**saved, key: value}))
        again = decode_dataset(source, target)
        assert (again.kept, again.sha256) == (first.kept, first.sha256)
        assert type(again.seconds) in (float, int)
        assert json.loads((target / "decode.json").read_bytes()).keys() == saved.keys()


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"3", b"null", b"[" * 100_000, b"\xff", b'{"kept": 1}']
)
def test_a_summary_that_is_none_is_made_again(source, tmp_path, content):
    decode_dataset(source, tmp_path / "out")
    (tmp_path / "out/decode.json").write_bytes(content)
    assert decode_dataset(source, tmp_path / "out").kept == 20


def test_a_finished_data_set_is_kept_only_while_the_faults_of_files_are_the_same(
    source, tmp_path, capsys
):
    target = tmp_path / "out"
    decode_dataset(source, target)
    _write(source, {"bad.zip": b"<html>"})
    decode_dataset(source, target)
    assert [row[0] for row in _read_rows(target)] == ["bad.zip"]
    assert "verified" not in capsys.readouterr().out
    decode_dataset(source, target)
    assert "verified" in capsys.readouterr().out
    (source / "bad.zip").unlink()
    decode_dataset(source, target)
    assert _read_rows(target) == []


def test_names_that_are_no_utf8_or_hold_line_breaks_are_escaped(tmp_path, lines):
    nameless = lines.replace(b'"id"', b'"no"')
    root = tmp_path / "in"
    for name in (b"caf\xe9", b"two\nlines", b"tab\t\x1b[31m"):
        folder = os.path.join(os.fsencode(root), name)
        os.makedirs(folder)
        Path(os.fsdecode(folder), "data.jsonl").write_bytes(nameless + b"[]\n")
        Path(os.fsdecode(folder), "bad.zip").write_bytes(b"")
    rows = _decode(root, tmp_path / "out")
    ids = (tmp_path / "out/ids.txt").read_text().split("\n")[:-1]
    assert len(ids) == 60
    assert {name.partition("/")[0] for name in ids} == {
        "caf\\udce9", "two\\nlines", "tab\\t\\x1b[31m"}  # fmt: skip
    assert len(rows) == 6
    assert all("".join(row).isprintable() for row in rows)


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_no_cell_of_the_rejects_is_a_formula(tmp_path, lines, start):
    command = f"{start}cmd|'/C calc'!A0"
    raw = lines + json.dumps({"id": command}).encode() + b"\n"
    _write(tmp_path / "in", {f"{start}1+1/data.jsonl": raw, f"{start}2.zip": b""})
    rows = _decode(tmp_path / "in", tmp_path / "out")
    assert [row[0] for row in rows] == [f"'{start}2.zip", f"'{start}1+1/data.jsonl"]
    assert rows[1][2] == f"'{command}"


def test_a_long_id_is_cut_ends_in_its_hash_and_is_noted(tmp_path, lines):
    records = [json.loads(line) for line in lines.splitlines()]
    records[0]["id"], records[1]["id"] = "x" * 300_000, "x" * 300_000 + "y"
    records[2]["id"], records[3]["id"] = "\n" * 200, "z" * MOST
    raw = "".join(json.dumps(record) + "\n" for record in records)
    _write(tmp_path / "in", {"data.jsonl": raw.encode()})
    decoded = decode_dataset(tmp_path / "in", tmp_path / "out")
    ids = decoded.load_ids()
    assert decoded.notes["id too long, cut"] == 3
    assert [len(name) for name in ids[:4]] == [MOST] * 4
    assert len(set(ids)) == 20
    assert ids[0].startswith("x" * 200)
    assert " (cut, sha256 " in ids[0]
    assert ids[3] == "z" * MOST


def test_folders_and_links_without_a_way_in_are_named(source, tmp_path):
    _write(source, {"closed/data.jsonl": b"{}\n", "unlisted/data.jsonl": b"{}\n"})
    _write(tmp_path / "else", {"data.jsonl": b"{}\n"})
    (source / "link").symlink_to(tmp_path / "else/below")
    (tmp_path / "else/below").mkdir()
    (source / "file.zip").symlink_to(tmp_path / "else/data.jsonl")
    (source / "gone.zip").symlink_to(tmp_path / "missing")
    (source / "loop.jsonl").symlink_to(source / "loop.jsonl")
    os.mkfifo(source / "pipe.jsonl")
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(source)  # for a socket's short name
        listener.bind("socket.jsonl")
    os.chdir(ROOT)
    (source / "unread").mkdir()
    _write(source, {"unread/data.jsonl/data.jsonl": b"[]\n", "secret/data.jsonl": b"{}\n"})
    (source / "secret/data.jsonl").chmod(0)
    for folder, mode in (("closed", 0o400), ("unlisted", 0o300)):
        (source / folder).chmod(mode)
    (tmp_path / "else").chmod(0)
    try:
        rows = {row[0]: row[3] for row in _decode(source, tmp_path / "out")}
    finally:
        for folder in (source / "closed", source / "unlisted", tmp_path / "else"):
            folder.chmod(0o755)
    assert "Permission denied" in rows["closed/data.jsonl"]
    assert "Permission denied" in rows["unlisted/"]
    assert "Permission denied" in rows["link"]
    assert "Permission denied" in rows["file.zip"]
    assert "Permission denied" in rows["secret/data.jsonl"]
    assert "No such file" in rows["gone.zip"]
    assert "loop.jsonl" in rows
    assert "no plain file" in rows["pipe.jsonl"]
    assert "no plain file" in rows["socket.jsonl"]
    assert rows["unread/data.jsonl/data.jsonl"] == "not an object"
    assert len(rows) == 10


def test_folders_nested_deeper_than_calls_are_read(tmp_path, lines):
    folders = [tmp_path]
    for _ in range(1200):
        folders.append(Path(f"{folders[-1]}/d"))
        folders[-1].mkdir()
    shard = folders[-1] / "data.jsonl"
    shard.write_bytes(lines)
    try:
        assert len(find_shards(tmp_path)) == 1
    finally:  # pytest itself cannot remove so deep a tree
        shard.unlink()
        for folder in folders[:0:-1]:
            folder.rmdir()


@pytest.mark.parametrize("name", ["data.jsonl.GZ", "data.jsonl.Gz", "data.jsonl.gz"])
def test_a_gzip_beside_its_unpacked_file_counts_once_in_any_case(tmp_path, lines, name):
    _write(tmp_path, {"a/data.jsonl": lines, f"a/{name}": gzip.compress(lines)})
    _write(
        tmp_path, {"b.zip": _zip({name: gzip.compress(lines)}), f"b/{name}": gzip.compress(lines)}
    )
    assert [shard.label for shard in find_shards(tmp_path)] == ["a/data.jsonl", f"b/{name}"]


@pytest.mark.parametrize("more", [-1, 0, 1, 900_000])
@pytest.mark.parametrize("before", [0, 50_000])
def test_the_limit_of_a_line_is_the_same_however_it_is_packed(tmp_path, more, before, monkeypatch):
    limit = 3 << 19  # the real one, 32 MiB, takes longer
    monkeypatch.setattr(shard_lines, "LINE_LIMIT", limit)
    content = b"2\n" * before + b"[" + b"1" * (limit + more - 1) + b"\n3\n"
    packed = {
        "data.jsonl": content,
        "data.jsonl.gz": gzip.compress(content, 1),
        "a.zip": _zip({"data.jsonl": content}),
        "stored.zip": _zip({"data.jsonl": content}, zipfile.ZIP_STORED),
    }
    for name, raw in packed.items():
        root = _write(tmp_path / name, {name: raw})
        blocks = list(read_blocks(find_shards(root), DataDigest()))
        faults = [(block.first_line, block.fault) for block in blocks if block.fault]
        assert faults == ([(before + 1, LINE_TOO_LONG)] if more > 0 else [])
        assert sum(block.data.count(b"\n") for block in blocks) == before + 1 + (more <= 0)


@pytest.mark.parametrize("size", range(1 << 20, (1 << 20) + 300, 13))
def test_a_content_as_long_as_a_step_of_the_decompressor_is_whole(tmp_path, size):
    """Its last bytes came only once the packed ones were over; that passed for a break."""
    content = b"1" * (size - 1) + b"\n"
    files = {"data.jsonl.gz": gzip.compress(content, 1), "a.zip": _zip({"data.jsonl": content})}
    records = list(read_records(find_shards(_write(tmp_path, files))))
    assert [(len(record.raw), record.fault) for record in records] == [(size - 1, "")] * 2


def test_a_last_line_without_an_end_has_the_same_limit(tmp_path):
    _write(tmp_path, {"data.jsonl": b"1\n" + b"2" * (LINE_LIMIT + 1)})
    faults = [record for record in read_records(find_shards(tmp_path)) if record.fault]
    assert [(record.line, record.fault) for record in faults] == [(2, LINE_TOO_LONG)]


def test_blocks_are_bounded_by_lines_as_well(tmp_path):
    _write(tmp_path, {"data.jsonl.gz": gzip.compress(b"1\n" * 100_000 + b"\n" * 50_000 + b"2")})
    blocks = list(read_blocks(find_shards(tmp_path), DataDigest()))
    assert max(block.data.count(b"\n") for block in blocks) == BLOCK_LINES
    assert b"".join(block.data for block in blocks) == b"1\n" * 100_000 + b"\n" * 50_000 + b"2"
    line = 1
    for block in blocks:
        assert block.first_line == line
        line += block.data.count(b"\n")


def _peak(call) -> int:
    """Call -> the most bytes that Python objects held meanwhile."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_rejects_are_streamed_to_their_file(source, tmp_path, monkeypatch):
    monkeypatch.setattr(shard_lines, "BLOCK_LINES", 256)
    peaks = []
    for count in (1000, 21_000):
        _write(source, {"shard_01/data.jsonl": b"1\n" * count})
        target = tmp_path / f"{count}"
        peaks.append(_peak(lambda target=target: decode_dataset(source, target, workers=0)))
        assert len(_read_rows(target)) == count
    assert peaks[1] - peaks[0] < 1e6  # the rows alone would take 5 MB


def test_an_inner_zip_does_not_lie_in_memory(tmp_path, lines):
    members = {f"{number}/data.jsonl": lines for number in range(5)}
    inner = _zip({**members, "filler.bin": bytes(40 << 20)}, zipfile.ZIP_STORED)
    _write(tmp_path, {"outer.zip": _zip({"inner.zip": inner})})
    del inner
    copies = []
    plain = shard_candidates.open_nested

    def count(*words):
        copies.append(1)
        return plain(*words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lib.kernel.competition.gan_challenge.open_shard.open_nested", count)
        shards = find_shards(tmp_path)
        assert _peak(lambda: find_shards(tmp_path)) < 24e6
        assert _peak(lambda: hash_shards(shards)) < 24e6
        assert len(copies) == 1  # for all five shards in it
    assert len([*read_records(shards)]) == 100


def test_inner_zips_are_copied_up_to_a_limit(tmp_path, lines, monkeypatch):
    monkeypatch.setattr(shard_candidates, "NESTED_LIMIT", 100_000)
    big = _zip({"data.jsonl": lines, "filler.bin": bytes(60_000)}, zipfile.ZIP_STORED)
    _write(tmp_path, {f"{number}.zip": _zip({"inner.zip": big}) for number in range(3)})
    found = search_shards(tmp_path)
    assert len(found.shards) + len(found.faults) >= 3
    assert any("unpack the zip around it" in reason for _, reason in found.faults)


def test_a_zip_of_very_many_shards_is_bounded_and_named(source, monkeypatch):
    monkeypatch.setattr(shard_candidates, "_ROOM", 1 << 18)
    entry = b"PK\x01\x02" + bytes(24) + (12).to_bytes(2, "little") + bytes(16)
    directory = b"".join(entry + b"%06d.jsonl" % number for number in range(20_000))
    end = b"PK\x05\x06" + bytes(8) + len(directory).to_bytes(4, "little") + bytes(6)
    _write(source, {"many.zip": directory + end})
    found = search_shards(source)
    assert [shard.label for shard in found.shards] == ["shard_00/data.jsonl"]
    assert "too many" in found.faults[0].reason
    assert 100 < len(found.faults) < 1000
    directory = directory.replace(b".jsonl", b".image")
    _write(source, {"many.zip": directory + end})
    assert _peak(lambda: search_shards(source)) < 1e6
    assert search_shards(source).faults[0].reason == "a zip without shards"


def test_headers_one_behind_another_are_scanned_in_few_bytes(tmp_path):
    """A file of local headers without a directory once cost a read of 256 kB for each of them."""
    header = b"PK\x03\x04" + bytes(2) + b"\x08\0" + bytes(18) + b"\x01\0" + bytes(2) + b"x"

    class Counted(io.BytesIO):
        count = 0

        def read(self, size=-1):
            got = super().read(size)
            self.count += len(got)
            return got

    file = Counted(header * 3000)
    members, is_whole = list_members(file)
    assert (len([*members]), is_whole) == (3000, False)
    assert file.count < 20e6


def test_very_many_gzip_files_in_one_end(tmp_path, monkeypatch):
    monkeypatch.setattr("lib.kernel.competition.archives._GZIP_PARTS", 100)
    _write(tmp_path, {"data.jsonl.gz": gzip.compress(b"{}\n") + gzip.compress(b"") * 200})
    records = list(read_records(find_shards(tmp_path)))
    assert len(records) == 2
    assert "more than 100 gzip files in one" in records[1].fault


@pytest.mark.parametrize("form", ["plain", "gzip", "zip"])
@pytest.mark.parametrize("loss", ["removed", "cut at a line", "emptied"])
def test_input_that_disappears_half_way_is_a_row_and_the_command_goes_on(
    tmp_path, lines, loss, form, monkeypatch
):
    names = {"plain": "data.jsonl", "gzip": "data.jsonl.gz", "zip": "data.zip"}
    packed = {"plain": lines, "gzip": gzip.compress(lines), "zip": _zip({"data.jsonl": lines})}
    source = tmp_path / "in"
    for number in range(3):
        _write(source, {f"shard_{number}/{names[form]}": packed[form]})
    victim = source / "shard_1" / names[form]
    half = lines.index(b"\n", len(lines) // 2) + 1 if form == "plain" else len(packed[form]) // 2

    def lose(found):
        if loss == "removed":
            victim.unlink()
        else:
            os.truncate(victim, half if loss == "cut at a line" else 0)
        return found

    plain = search_shards
    with monkeypatch.context() as patch:
        patch.setattr(
            "lib.kernel.competition.gan_challenge.dataset.search_shards",
            lambda root: lose(plain(root)),
        )
        decoded = decode_dataset(source, tmp_path / "out")
    assert 40 <= decoded.kept < 60
    assert any("shard breaks off" in row[3] for row in _read_rows(tmp_path / "out"))
    victim.write_bytes(packed[form])
    assert decode_dataset(source, tmp_path / "out").kept == 60
    assert _read_rows(tmp_path / "out") == []


def test_an_output_that_is_a_file_is_refused_in_two_lines(source, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    for target in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(InputError) as caught:
            decode_dataset(source, target)
        assert len(str(caught.value).splitlines()) == 2


def test_an_input_that_is_a_pipe_is_refused_in_two_lines(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.zip")
    for name in ("pipe", "pipe.zip"):
        with pytest.raises(InputError, match="a named pipe"):
            decode_dataset(tmp_path / name, tmp_path / "out")


def test_workers_are_chosen_by_what_is_unpacked(tmp_path, lines, capsys):
    many = lines * (2 * 4 * shard_lines.BLOCK_BYTES // len(lines) // 2 + 1)
    _write(tmp_path / "in", {"data.jsonl.gz": gzip.compress(many)})
    assert (tmp_path / "in/data.jsonl.gz").stat().st_size < 4 * shard_lines.BLOCK_BYTES
    decode_dataset(tmp_path / "in", tmp_path / "out", workers=2)
    assert "in 2 worker processes" in capsys.readouterr().out
    _write(tmp_path / "few", {"data.jsonl": lines})
    decode_dataset(tmp_path / "few", tmp_path / "out", workers=2)
    assert "there is little to do" in capsys.readouterr().out
