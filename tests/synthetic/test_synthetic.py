"""The look-alikes, the shards made of them, and the decoder held to the truth about every line."""

import csv
import gzip
import json
import struct
from collections import Counter

import numpy as np
import pytest

from lib.base.errors import InputError
from lib.commands.options import parse_and_run
from lib.commands.synth import SYNTH
from lib.kernel.competition.gan_challenge.dataset import decode_dataset
from lib.synthetic.idx_files import place_on_canvas, read_fashion, read_idx
from lib.synthetic.look_alike import look_alike
from lib.synthetic.shards import write_demo_shards, write_shards


def _kinds(images: np.ndarray) -> Counter[str]:
    """(N, 32, 32) uint8 -> how many of each look, told apart by their pixels alone."""
    kinds: Counter[str] = Counter()
    for image in images:
        crisp = np.isin(image, (0, 255)).all()
        white = image > 0
        rows, columns = np.flatnonzero(white.any(1)), np.flatnonzero(white.any(0))
        area = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
        if not crisp:
            kinds["soft"] += 1
        elif white.sum() == area:
            kinds["box"] += 1
        elif white.mean() < 0.3 and not white[:, 0].all():
            kinds["dots"] += 1
        else:
            kinds["inverse"] += 1
    return kinds


def test_look_alikes_have_the_proportions_of_the_first_records():
    images = look_alike(4000, 0)
    assert images.shape == (4000, 32, 32)
    assert images.dtype == np.uint8
    kinds = _kinds(images)
    assert kinds["box"] / 4000 == pytest.approx(0.45, abs=0.03)
    assert kinds["dots"] / 4000 == pytest.approx(0.39, abs=0.03)
    assert kinds["soft"] / 4000 == pytest.approx(0.06, abs=0.02)
    assert kinds["inverse"] / 4000 == pytest.approx(0.10, abs=0.04)  # an inverse may fill an edge
    assert np.array_equal(images[:50], look_alike(4000, 0)[:50])
    assert not np.array_equal(images, look_alike(4000, 1))


def test_boxes_are_about_28_wide_and_jittered():
    images = look_alike(2000, 2)
    boxes = [image for image in images if np.isin(image, (0, 255)).all() and image.mean() > 140]
    boxes = [image for image in boxes if image[16, 16] == 255]
    widths = [int((image.max(0) > 0).sum()) for image in boxes]
    lefts = [int(np.flatnonzero(image.max(0))[0]) for image in boxes]
    assert set(widths) == {26, 27, 28, 29, 30}
    assert len(set(lefts)) >= 5


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    images = look_alike(3000, 7)
    truth = write_shards(images, folder / "in", 7, records_per_shard=700, chaos=0.1)
    return images, truth, folder, decode_dataset(folder / "in", folder / "out")


def test_the_decoder_keeps_and_rejects_what_the_truth_says(written):
    _, truth, folder, decoded = written
    with (folder / "out/rejects.csv").open(newline="") as file:
        rejected = {(row["file"], int(row["line"])): row["reason"] for row in csv.DictReader(file)}
    assert rejected == {(line.file, line.line): line.reason for line in truth if line.reason}
    assert 0.08 < len(rejected) / len(truth) < 0.12
    assert len(set(rejected.values())) == 6
    kept = [line.id for line in truth if not line.reason]
    assert (folder / "out/ids.txt").read_text().split() == kept
    assert decoded.kept == len(kept)


def test_exact_records_decode_to_the_pictures_given(written):
    images, truth, _, decoded = written
    kept = [(number, line) for number, line in enumerate(truth) if not line.reason]
    exact = [line.exact for _, line in kept]
    given = images[[number for number, _ in kept]]
    same = (decoded.load_images() == given[:, None]).all(axis=(1, 2, 3))
    assert same[exact].all()
    assert 0.97 < np.mean(exact) < 1
    assert not same[~np.array(exact)].all()  # random masks do change pictures


def test_the_shards_look_like_the_competitions(written):
    _, truth, folder, decoded = written
    names = sorted(path.parent.name for path in (folder / "in").rglob("data.jsonl"))
    assert names == [f"shard_{number:02}" for number in range(5)]
    fields: Counter[str] = Counter()
    modes: Counter[str] = Counter()
    sound = {(line.file, line.line) for line in truth if line.exact}
    for path in (folder / "in").rglob("data.jsonl"):
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            if (f"{path.parent.name}/data.jsonl", number) in sound:
                record = json.loads(line)
                fields["root"] += "root" in record
                record = record.get("root", record)
                fields.update(record.keys())
                modes[record.get("mode")] += 1
                fields["masked"] += record["alpha_b64"] is not None
    assert {"I;16", "RGBA"} <= set(modes)
    assert {"img_b64", "img64", "img_64", "root", "masked", "label", "exif_rot"} <= set(fields)
    assert {"base64 repaired", "alpha_b64 unreadable, ignored"} <= set(decoded.notes)


def test_the_same_seed_writes_the_same_shards(tmp_path):
    assert write_demo_shards(tmp_path / "a", 30) == write_demo_shards(tmp_path / "b", 30)
    one, other = (tmp_path / name / "shard_00/data.jsonl" for name in "ab")
    assert one.read_bytes() == other.read_bytes()


def _write_idx(path, images: np.ndarray) -> None:
    header = struct.pack(">4B3I", 0, 0, 8, 3, *images.shape)
    path.write_bytes(gzip.compress(header + images.tobytes()))


def test_idx_files_become_pictures_on_a_canvas(tmp_path):
    images = np.random.default_rng(0).integers(1, 256, (200, 28, 28), dtype=np.uint8)
    _write_idx(tmp_path / "train-images-idx3-ubyte.gz", images[:150])
    _write_idx(tmp_path / "t10k-images-idx3-ubyte.gz", images[150:])
    assert np.array_equal(read_fashion(tmp_path), images)
    canvas = place_on_canvas(images, 0)
    assert canvas.shape == (200, 32, 32)
    tops, lefts = set(), set()
    for picture, given in zip(canvas, images, strict=True):
        top, left = np.argwhere(picture)[0]
        tops.add(int(top))
        lefts.add(int(left))
        assert np.array_equal(picture[top : top + 28, left : left + 28], given)
        assert (picture > 0).sum() == 28 * 28
    assert tops == lefts == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("content", [b"", b"\0\0\\8\1", b"\0\0\x08\3" + bytes(12) + b"x", b"text"])
def test_a_file_that_is_no_idx_is_told(tmp_path, content):
    (tmp_path / "images").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        read_idx(tmp_path / "images")
    (tmp_path / "images.gz").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        read_idx(tmp_path / "images.gz")


def test_the_command_writes_either_kind(tmp_path, capsys):
    images = np.random.default_rng(0).integers(0, 256, (60, 28, 28), dtype=np.uint8)
    _write_idx(tmp_path / "some.gz", images)
    words = ["--kind", "fashion", "--source", str(tmp_path / "some.gz"), "--records", "50"]
    assert parse_and_run(SYNTH, [*words, "--output", str(tmp_path / "fashion")]) == 0
    decoded = decode_dataset(tmp_path / "fashion", tmp_path / "out")
    assert decoded.kept <= 50
    assert parse_and_run(SYNTH, ["--records", "40", "--output", str(tmp_path / "alike")]) == 0
    assert "1 shards" in capsys.readouterr().out
    absent = ["--kind", "fashion", "--source", str(tmp_path / "no")]
    for folder, wrong, words in (
        ("alike", [], "the output folder is not empty"),
        ("x", ["--records", "0"], "--records is too small, expected 1 or more, got 0"),
        ("x", absent, "there is no such file or folder"),
        ("x", ["--kind", "fashions"], "invalid choice: 'fashions'"),
    ):
        with pytest.raises(InputError, match=words):
            parse_and_run(SYNTH, ["--output", str(tmp_path / folder), *wrong])
