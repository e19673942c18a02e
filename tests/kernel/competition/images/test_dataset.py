"""competition.images.dataset: every form becomes squares on disk; what is lost is counted."""

import csv
import gzip
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lib.base.errors import InputError
from lib.kernel.competition.images.dataset import (
    IMAGES_FILE,
    REJECTS_FILE,
    Decoded,
    decode_pictures,
)
from lib.kernel.competition.images.decode import COPY
from lib.kernel.competition.images.find_pictures import find_pictures, hash_pictures
from lib.kernel.competition.images.to_image_px import PADDED
from tests.kernel.competition.images.pictures import draw, encode, write_folder

pytestmark = pytest.mark.ships


def decode(source: Path, target: Path, side: int = 32, workers: int | None = 0) -> Decoded:
    pictures = find_pictures(source)
    return decode_pictures(pictures, target, side, hash_pictures(pictures), workers)


def read_rejects(target: Path) -> list[list[str]]:
    with (target / REJECTS_FILE).open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


@pytest.mark.parametrize("side", [28, 32, 64])
def test_a_folder_a_zip_and_a_tar_give_the_same_pictures(tmp_path: Path, side: int) -> None:
    folder = write_folder(tmp_path / "folder" / "d e" / "ö", 6)
    for kind in ("zip", "tar"):
        (tmp_path / kind).mkdir()
    with zipfile.ZipFile(tmp_path / "zip" / "x.zip", "w") as packed:
        for path in sorted(folder.iterdir()):
            packed.write(path, f"d e/ö/{path.name}")
    with tarfile.open(tmp_path / "tar" / "x.tar.gz", "w:gz") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, f"d e/ö/{path.name}")
    found = [
        decode(tmp_path / name, tmp_path / f"{name} out", side) for name in ("folder", "zip", "tar")
    ]
    images = [each.load_images() for each in found]
    assert images[0].shape == (6, 3, side, side)
    assert images[0].dtype == np.uint8
    assert np.array_equal(images[0], images[1])
    assert np.array_equal(images[0], images[2])
    assert found[0].load_ids()[0] == "d e/ö/000.png"
    assert found[2].load_ids()[0] == "x.tar.gz/d e/ö/000.png"


def test_processes_give_the_same_as_one(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", draw(9000, 32, 32, 3))
    source = tmp_path / "x.npy"
    one, two = (decode(source, tmp_path / f"out{count}", workers=count) for count in (0, 2))
    assert one.sha256 == two.sha256
    assert np.array_equal(one.load_images(), draw(9000, 32, 32, 3).transpose(0, 3, 1, 2))
    assert one.load_ids()[8999] == "x.npy#8999"


def test_one_broken_file_of_many_is_counted_with_its_reason(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "in", 20)
    (folder / "010.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (folder / "011.png").write_bytes(b"<html>")
    found = decode(folder, tmp_path / "out")
    assert found.kept == 18
    assert found.rejected == {"truncated image": 1, "no image file": 1}
    assert read_rejects(tmp_path / "out") == [
        ["010.png", "1", "truncated image"],
        ["011.png", "1", "no image file"],
    ]
    assert "010.png" not in found.load_ids()


def test_a_broken_archive_beside_whole_ones_is_counted(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "in", 4)
    (folder / "more.zip").write_bytes(b"PK\x03\x04")
    found = decode(folder, tmp_path / "out")
    assert (found.kept, sum(found.rejected.values())) == (4, 1)
    assert read_rejects(tmp_path / "out")[0][0] == "more.zip"


def test_nothing_but_broken_pictures_is_refused_with_reasons_counted(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(b"<html>")
    with pytest.raises(InputError) as caught:
        decode(folder, tmp_path / "out")
    assert caught.value.got == "0; 3 x no image file"
    assert len(read_rejects(tmp_path / "out")) == 3
    assert not (tmp_path / "out" / IMAGES_FILE).exists()


def test_grey_is_seen_in_files_of_any_mode(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    grey = draw(40, 40)
    for name in "ab":
        (folder / f"{name}.png").write_bytes(encode(grey))
        (folder / f"{name}{name}.png").write_bytes(encode(np.dstack([grey] * 3)))
    found = decode(folder, tmp_path / "out")
    assert found.grey
    assert np.array_equal(found.load_images()[0], found.load_images()[1])
    (folder / "c.png").write_bytes(encode(draw(40, 40, 3)))
    assert not decode(folder, tmp_path / "out").grey


def test_mnist_is_read_and_padded_and_its_labels_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digits = draw(7, 28, 28)
    content = struct.pack(">4B3I", 0, 0, 8, 3, 7, 28, 28) + digits.tobytes()
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(content))
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "train-images.idx3-ubyte").write_bytes(content)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(b"x")
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "train-images.idx3-ubyte").write_bytes(content)
    found = decode(tmp_path, tmp_path.with_name("out mnist"))
    assert found.notes == {PADDED: found.kept}
    assert found.rejected == {COPY: 2}
    assert found.kept == 7
    assert np.array_equal(found.load_images()[0, 0, 2:-2, 2:-2], digits[0])
    assert found.grey
    assert "1 x label files (idx1)" in capsys.readouterr().out


def test_cifar_is_read_through_its_tar(tmp_path: Path) -> None:
    data = draw(5, 3072)
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as archive:
        for name, content in (
            ("data_batch_1", {b"data": data[:3], b"labels": [1, 2, 3]}),
            ("test_batch", {b"data": data[3:], b"labels": [1, 2]}),
            ("batches.meta", {b"label_names": []}),
        ):
            path = tmp_path / name
            path.write_bytes(pickle.dumps(content, 2))
            archive.add(path, f"cifar-10-batches-py/{name}")
            path.unlink()
    found = decode(tmp_path, tmp_path.with_name("out cifar"))
    assert np.array_equal(found.load_images(), data.reshape(5, 3, 32, 32))
    assert found.rejected == {}


def test_a_cut_idx_file_counts_the_pictures_that_are_missing(tmp_path: Path) -> None:
    content = struct.pack(">4B3I", 0, 0, 8, 3, 10, 28, 28) + draw(4, 28, 28).tobytes()
    (tmp_path / "a-idx3-ubyte").write_bytes(content)
    found = decode(tmp_path, tmp_path.with_name("out cut"))
    assert (found.kept, found.rejected) == (4, {"the idx file ends early": 6})


def test_arrays_of_labels_are_passed_over_with_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "x.npz", x_train=draw(4, 9, 9), y_train=np.arange(4))
    assert decode(tmp_path, tmp_path.with_name("out npz")).kept == 4
    assert "passed over: 1 arrays of labels" in capsys.readouterr().out


def test_a_finished_data_set_is_verified_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, target = write_folder(tmp_path / "in", 5), tmp_path / "out"
    (folder / "broken.png").write_bytes(b"x")
    first = decode(folder, target)
    capsys.readouterr()
    assert decode(folder, target) == first
    assert "verified" in capsys.readouterr().out
    assert decode(folder, target, side=64).side == 64
    assert "verified" not in capsys.readouterr().out
    decode(folder, target)
    with (target / IMAGES_FILE).open("r+b") as file:
        file.seek(500)
        file.write(b"\x01\x02\x03")
    capsys.readouterr()
    again = decode(folder, target)
    assert "verified" not in capsys.readouterr().out
    assert again.sha256 == first.sha256


def test_a_zip_beside_what_it_was_unpacked_to_counts_once(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "in" / "train", 5)
    (folder / "again").mkdir()
    (folder / "again" / "001.png").write_bytes((folder / "001.png").read_bytes())
    for name in ("train.zip", "a copy.zip"):
        with zipfile.ZipFile(tmp_path / "in" / name, "w") as packed:
            for path in sorted(folder.glob("*.png")):
                packed.write(path, f"train/{path.name}")
    found = decode(tmp_path / "in", tmp_path / "out")
    assert found.rejected == {COPY: 11}  # all but those of the archive that comes first
    assert found.kept == 5
    (tmp_path / "in" / "a copy.zip").unlink()
    (tmp_path / "in" / "train.zip").unlink()
    assert decode(tmp_path / "in", tmp_path / "out").kept == 6  # in one place equal ones are kept
