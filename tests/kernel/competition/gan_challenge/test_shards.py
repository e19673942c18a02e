"""Finding shards, reading their lines, and keeping what a broken one still holds."""

import gzip
import io
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.base.errors import InputError
from lib.commands.offline.shard_records import read_records
from lib.kernel.competition.gan_challenge.shard_lines import (
    LINE_LIMIT,
    LINE_TOO_LONG,
    DataDigest,
    hash_shards,
    read_blocks,
    split_block,
)
from lib.kernel.competition.gan_challenge.shards import find_shards
from tests.bundled import bound_by_permissions

ROOT = Path(__file__).parents[4]

pytestmark = pytest.mark.ships


def _line(number: int) -> bytes:
    """A line of about 200 bytes that no compressor shrinks much."""
    noise = random.Random(number).randbytes(70).hex()
    return f'{{"id": "train-{number:06}", "img_b64": "{noise}"}}'.encode()


def _lines(count: int, first: int = 0) -> bytes:
    return b"".join(_line(first + number) + b"\n" for number in range(count))


def _zip(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def _write(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def _labels(root: Path) -> list[str]:
    return [shard.label for shard in find_shards(root)]


def _read(root: Path) -> list[bytes]:
    return [record.raw for record in read_records(find_shards(root)) if not record.fault]


def _faults(root: Path) -> list[tuple[str, int, str]]:
    records = read_records(find_shards(root))
    return [(record.file, record.line, record.fault) for record in records if record.fault]


@pytest.mark.parametrize(
    "mount", ["test-gan-competition", "competitions/test-gan-competition", "", "a/b/c/d/e"]
)
def test_every_mount_point_gives_the_same_shards_in_natural_order(tmp_path, mount):
    names = [f"shard_{number}" for number in (10, 2, 1, 20)]
    _write(tmp_path / mount, {f"{name}/data.jsonl": _lines(2) for name in names})
    expected = [f"shard_{number}/data.jsonl" for number in (1, 2, 10, 20)]
    assert _labels(tmp_path) == [f"{mount}/{name}" if mount else name for name in expected]


def test_folders_zips_and_gzips_are_shards_side_by_side(tmp_path):
    _write(
        tmp_path,
        {
            "shard_00/data.jsonl": _lines(3, 0),
            "shard_01.zip": _zip({"data.jsonl": _lines(3, 3)}),
            "shard_02/data.jsonl.gz": gzip.compress(_lines(3, 6)),
            "shard_03.jsonl.gz": gzip.compress(_lines(3, 9)),
            "shard_04.ZIP": _zip({"deep/er/data.jsonl": _lines(3, 12)}),
            "shard_05.zip": _zip({"data.jsonl.gz": gzip.compress(_lines(3, 15))}),
            "shard_06.zip": _zip({"in/side.zip": _zip({"data.jsonl": _lines(3, 18)})}),
            "shard_07.zip": _zip({"data.jsonl": _lines(3, 21)}, zipfile.ZIP_STORED),
            "other.jsonl": b"not a shard here\n",
            "weights.zip": _zip({"weights.pth": b"x"}),
            "notes.txt": b"x",
        },
    )
    assert _read(tmp_path) == _lines(24).splitlines()
    assert _faults(tmp_path) == []


def test_other_jsonl_files_count_only_without_any_data_jsonl(tmp_path):
    _write(tmp_path, {"b.jsonl": _lines(1, 1), "c.zip": _zip({"x.jsonl": _lines(1, 2)})})
    assert _labels(tmp_path) == ["b.jsonl", "c.zip/x.jsonl"]
    _write(tmp_path, {"z.zip": _zip({"data.jsonl": _lines(1, 3)})})
    assert _labels(tmp_path) == ["z.zip/data.jsonl"]


@pytest.mark.parametrize(
    ("packed", "member", "folder"),
    [
        ("shard_00.zip", "data.jsonl", "shard_00"),
        ("shard_00.zip", "shard_00/data.jsonl", "shard_00"),
        ("sub/shard_00.zip", "data.jsonl", "sub/shard_00"),
        ("data.jsonl.zip", "data.jsonl", "."),
    ],
)
def test_a_zip_beside_its_unpacked_folder_counts_once(tmp_path, packed, member, folder):
    edited = _lines(3).replace(b"\n", b"\r\n")  # the folder counts even if it was touched since
    _write(tmp_path, {packed: _zip({member: _lines(3)}), f"{folder}/data.jsonl": edited})
    _write(tmp_path, {"shard_99.zip": _zip({"data.jsonl": _lines(2, 50)})})
    expected = [f"{folder}/data.jsonl".removeprefix("./"), "shard_99.zip/data.jsonl"]
    assert sorted(_labels(tmp_path)) == sorted(expected)


def test_a_zip_of_all_shards_unpacked_in_place_counts_once(tmp_path):
    shards = {f"shard_{number:02}/data.jsonl": _lines(2, 2 * number) for number in range(3)}
    _write(tmp_path, {"all.zip": _zip(shards), **shards})
    assert _labels(tmp_path) == list(shards)
    (tmp_path / "shard_01/data.jsonl").unlink()
    assert _labels(tmp_path) == [
        "all.zip/shard_01/data.jsonl",
        "shard_00/data.jsonl",
        "shard_02/data.jsonl",
    ]


def test_zips_that_only_share_a_members_name_are_not_copies(tmp_path):
    zips = {f"shard_{n}.zip": _zip({"data.jsonl": _lines(2, n)}) for n in range(3)}
    _write(tmp_path, {**zips, "data.jsonl": _lines(2, 77)})
    assert len(_labels(tmp_path)) == 4
    _write(tmp_path, {"data.jsonl": _lines(2, 1)})
    assert _labels(tmp_path) == ["data.jsonl", "shard_0.zip/data.jsonl", "shard_2.zip/data.jsonl"]


def test_a_gzip_beside_its_unpacked_file_counts_once(tmp_path):
    _write(tmp_path, {"a/data.jsonl": _lines(2), "a/data.jsonl.gz": gzip.compress(_lines(2))})
    assert _labels(tmp_path) == ["a/data.jsonl"]


def test_links_are_followed_once_and_loops_end(tmp_path):
    _write(tmp_path / "store", {"shard_00/data.jsonl": _lines(2)})
    root = tmp_path / "input"
    (root / "competitions").mkdir(parents=True)
    (root / "competitions/slug").symlink_to(tmp_path / "store")
    (root / "slug").symlink_to(tmp_path / "store")
    (tmp_path / "store/up").symlink_to(root)
    (tmp_path / "store/nowhere").symlink_to(tmp_path / "missing")
    assert _labels(root) == ["competitions/slug/shard_00/data.jsonl"]


def test_hidden_and_resource_files_are_no_shards(tmp_path):
    hidden = {"__MACOSX/._data.jsonl": b"x", ".cache/data.jsonl": b"x"}
    _write(tmp_path, {"a.zip": _zip({"data.jsonl": _lines(1), **hidden}), **hidden})
    assert _labels(tmp_path) == ["a.zip/data.jsonl"]


def test_a_single_file_is_an_input_too(tmp_path):
    _write(tmp_path, {"only.zip": _zip({"data.jsonl": _lines(2)}), "x.jsonl": _lines(1)})
    assert _labels(tmp_path / "only.zip") == ["only.zip/data.jsonl"]
    assert _labels(tmp_path / "x.jsonl") == ["x.jsonl"]


def test_nothing_found_says_where_and_what_was_seen(tmp_path):
    _write(tmp_path, {"train/a.png": b"x", "train/b.png": b"x", "readme.md": b"x"})
    with pytest.raises(InputError) as caught:
        find_shards(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "3 files (2 x .png, 1 x .md), such as readme.md" in str(caught.value)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="an empty folder"):
        find_shards(tmp_path / "empty")
    with pytest.raises(InputError, match="there is no such file or folder"):
        find_shards(tmp_path / "missing")


def test_lines_keep_their_numbers_past_blank_ones_bom_and_carriage_returns(tmp_path):
    content = b"\xef\xbb\xbf" + _line(0) + b"\r\n\r\n   \n" + _line(1) + b"\n\n" + _line(2)
    _write(tmp_path, {"data.jsonl": content})
    records = list(read_records(find_shards(tmp_path)))
    assert [(record.file, record.line) for record in records] == [
        ("data.jsonl", 1),
        ("data.jsonl", 4),
        ("data.jsonl", 6),
    ]
    assert [record.raw.strip(b"\xef\xbb\xbf\r") for record in records] == [
        _line(number) for number in range(3)
    ]


def test_a_line_beyond_the_limit_is_lost_alone(tmp_path):
    long = b'{"img_b64": "' + b"A" * (LINE_LIMIT + (1 << 20)) + b'"}\n'
    _write(tmp_path, {"data.jsonl": _lines(2) + long + _lines(2, 2)})
    assert _read(tmp_path) == _lines(4).splitlines()
    assert _faults(tmp_path) == [("data.jsonl", 3, LINE_TOO_LONG)]


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("name", ["data.jsonl.gz", "shard.zip", "stored.zip"])
def test_a_shard_cut_short_keeps_its_good_part(tmp_path, name, cut):
    lines = _lines(400)
    method = zipfile.ZIP_STORED if name.startswith("stored") else zipfile.ZIP_DEFLATED
    whole = gzip.compress(lines) if name.endswith("gz") else _zip({"data.jsonl": lines}, method)
    end = int(len(whole) * cut)
    _write(tmp_path, {name: whole[:end]})
    kept = _read(tmp_path)
    assert kept == lines.splitlines()[: len(kept)]
    assert abs(len(kept) - 400 * cut) < 20
    ((_, line, fault),) = _faults(tmp_path)
    assert line == len(kept) + 1
    assert "shard breaks off" in fault


@pytest.mark.parametrize("name", ["data.jsonl.gz", "shard.zip"])
def test_damage_in_the_middle_keeps_what_stands_in_front_of_it(tmp_path, name):
    lines = _lines(400)
    whole = gzip.compress(lines) if name.endswith("gz") else _zip({"data.jsonl": lines})
    half = len(whole) // 2
    _write(tmp_path, {name: whole[:half] + b"\xff" * 64 + whole[half + 64 :]})
    records = list(read_records(find_shards(tmp_path)))
    sound = set(lines.splitlines())
    good = [record.raw for record in records if record.raw in sound]
    assert len(good) > 180
    assert good == lines.splitlines()[: len(good)]
    assert "shard breaks off" in records[-1].fault


def test_a_wrong_checksum_loses_no_line_but_is_told(tmp_path):
    packed = bytearray(_zip({"data.jsonl": _lines(20)}, zipfile.ZIP_STORED))
    packed[packed.index(b"train-000003")] ^= 0x20  # the letter t becomes T
    _write(tmp_path, {"shard.zip": bytes(packed)})
    assert len(_read(tmp_path)) == 20
    assert _faults(tmp_path) == [
        ("shard.zip/data.jsonl", 21, "shard breaks off: the zip's checksum is wrong")
    ]
    pressed = bytearray(gzip.compress(_lines(20)))
    pressed[-8] ^= 1
    (tmp_path / "shard.zip").unlink()
    _write(tmp_path, {"data.jsonl.gz": bytes(pressed)})
    assert len(_read(tmp_path)) == 20
    assert len(_faults(tmp_path)) == 1


def test_a_cut_behind_a_whole_last_line_keeps_that_line(tmp_path):
    packed = _zip({"data.jsonl": _lines(5)}, zipfile.ZIP_STORED)
    end = packed.index(_line(2)) + len(_line(2))
    _write(tmp_path, {"shard.zip": packed[:end]})
    assert len(_read(tmp_path)) == 3
    assert [line for _, line, _ in _faults(tmp_path)] == [4]


def test_a_streamed_zip_cut_short_is_read_by_its_local_headers(tmp_path):
    class Pipe(io.RawIOBase):
        """A target that cannot seek, for which zipfile writes sizes behind the data."""

        def __init__(self) -> None:
            self.content = b""

        def writable(self) -> bool:
            return True

        def write(self, data) -> int:
            self.content += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"shard_{number}/data.jsonl", _lines(50, 50 * number))
    third = pipe.content.index(b"shard_2/data.jsonl") + 3000
    _write(tmp_path, {"all.zip": pipe.content[:third]})
    kept = _read(tmp_path)
    assert 100 < len(kept) < 150
    assert kept == _lines(150).splitlines()[: len(kept)]
    assert len(_faults(tmp_path)) == 1


def test_gzip_members_one_behind_another_are_one_shard(tmp_path):
    parts = gzip.compress(_lines(3)) + gzip.compress(_lines(3, 3)) + bytes(512)
    _write(tmp_path, {"data.jsonl.gz": parts})
    assert _read(tmp_path) == _lines(6).splitlines()
    assert _faults(tmp_path) == []


def test_unsupported_and_unreadable_shards_are_told(tmp_path):
    _write(tmp_path, {"a.zip": _zip({"data.jsonl": _lines(3)}, zipfile.ZIP_BZIP2)})
    _write(tmp_path, {"b.zip": b"no zip at all", "c/data.jsonl.gz": b""})
    reasons = [reason for _, _, reason in _faults(tmp_path)]
    assert len(reasons) == 2
    assert "compression method 12" in reasons[0]
    assert "the file is empty" in reasons[1]


def test_the_data_hash_depends_on_the_lines_alone(tmp_path):
    shards = {f"shard_{number}": _lines(3, 3 * number) for number in (1, 2, 10)}
    plain = _write(tmp_path / "a", {f"{name}/data.jsonl": raw for name, raw in shards.items()})
    moved = _write(tmp_path / "b", {f"x/y/{name}/data.jsonl": raw for name, raw in shards.items()})
    packed = _write(
        tmp_path / "c", {f"{name}.zip": _zip({"data.jsonl": raw}) for name, raw in shards.items()}
    )
    pressed = _write(
        tmp_path / "d", {f"{n}/data.jsonl.gz": gzip.compress(raw) for n, raw in shards.items()}
    )
    hashes = {hash_shards(find_shards(root)) for root in (plain, moved, packed, pressed)}
    assert len(hashes) == 1
    digest = DataDigest()
    assert sum(block.data.count(b"\n") for block in read_blocks(find_shards(plain), digest)) == 9
    assert hashes == {digest.hexdigest()}
    _write(plain, {"shard_2/data.jsonl": _lines(3, 4)})
    assert hash_shards(find_shards(plain)) not in hashes


def test_blocks_hold_whole_lines_in_order(tmp_path):
    _write(tmp_path, {"data.jsonl": _lines(8000)})
    blocks = list(read_blocks(find_shards(tmp_path), DataDigest()))
    assert len(blocks) > 2
    assert b"".join(block.data for block in blocks) == _lines(8000)
    starts = [1]
    for block in blocks:
        assert block.first_line == starts[-1]
        starts.append(block.first_line + block.data.count(b"\n"))


def test_a_folder_without_permission_is_passed_over(tmp_path):
    _write(tmp_path, {"a/data.jsonl": _lines(1), "b/data.jsonl": _lines(1, 1)})
    prefix = bound_by_permissions()
    (tmp_path / "b").chmod(0)
    program = "import sys; from pathlib import Path\n"
    program += "from lib.kernel.competition.gan_challenge.shards import find_shards\n"
    program += "print([shard.label for shard in find_shards(Path(sys.argv[1]))])"
    command = [*prefix, sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    (tmp_path / "b").chmod(0o755)
    assert (done.stdout, done.stderr) == ("['a/data.jsonl']\n", "")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["data.jsonl", "data.jsonl.gz", "shard.zip"]),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4),
    st.integers(0, 10**6),
)
def test_no_damage_makes_the_reader_fail(tmp_path_factory, name, changes, cut):
    """Lines in front of the damage come as they were written, and a cut packing adds none."""
    lines = _lines(30)
    packed = {"data.jsonl": lines, "data.jsonl.gz": gzip.compress(lines)}
    whole = bytearray(packed.get(name) or _zip({"data.jsonl": lines}))
    for place, value in changes:
        whole[place % len(whole)] = value
    kept = bytes(whole[: cut % len(whole)])
    root = _write(tmp_path_factory.mktemp("damaged"), {name: kept})
    try:
        shards = find_shards(root)
    except InputError:
        assert name == "shard.zip"  # which may lose its very list of members
        return
    digest = DataDigest()
    records = [record for block in read_blocks(shards, digest) for record in split_block(block)]
    assert hash_shards(shards) == digest.hexdigest()
    assert len(records) <= 40
    read = [record.raw for record in records if not record.fault]
    if name == "data.jsonl":
        assert read == [line for line in kept.split(b"\n") if line.strip()]
    elif not changes:
        assert read == lines.splitlines()[: len(read)]
        assert len(records) - len(read) <= 1
