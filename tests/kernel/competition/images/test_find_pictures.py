"""competition.images.find_pictures: one form of pictures, and words for all that is there."""

from pathlib import Path

import pytest

from lib.base.errors import InputError
from lib.kernel.competition.images.find_pictures import (
    Form,
    classify,
    find_pictures,
    hash_pictures,
)

pytestmark = pytest.mark.ships


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a/b.PNG", Form.FILES),
        ("x.zip/b.jpeg", Form.FILES),
        ("b.webp", Form.FILES),
        ("b.npy", Form.ARRAYS),
        ("b.npz", Form.ARRAYS),
        ("cifar-10-batches-py/data_batch_1", Form.CIFAR),
        ("cifar-10-python.tar.gz/cifar-10-batches-py/test_batch", Form.CIFAR),
        ("cifar-100-python/train", Form.CIFAR),
        ("other/train", None),
        ("cifar-10-batches-py/batches.meta", None),
        ("data_batch_1.bin", None),
        ("train-images-idx3-ubyte", Form.IDX),
        ("train-images-idx3-ubyte.gz", Form.IDX),
        ("train-images.idx3-ubyte", Form.IDX),
        ("emnist.idx", Form.IDX),
        ("train-labels-idx1-ubyte.gz", None),
        ("labels.csv", None),
        ("README", None),
    ],
)
def test_the_name_tells_the_form(name: str, form: Form | None) -> None:
    assert classify(name) is form


def test_other_files_are_counted_by_kind_and_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.png", "b.jpg", "x.csv", "y.csv", "README", ".hidden", "l-idx1-ubyte"):
        (tmp_path / name).write_bytes(b"x")
    found = find_pictures(tmp_path)
    found.tell()
    assert (found.form, found.count) == (Form.FILES, 2)
    assert dict(found.passed_over) == {
        ".csv": 2,
        "files without an ending": 1,
        "hidden files and those of macOS": 1,
        "label files (idx1)": 1,
    }
    told = capsys.readouterr().out
    assert "2 picture files below" in told
    assert "passed over: 2 x .csv, " in told
    assert [file.name for file in found.read()] == ["a.png", "b.jpg"]


def test_no_pictures_are_refused_with_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        find_pictures(tmp_path)
    assert caught.value.got == "nothing"
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "b.zip").write_text("x")
    with pytest.raises(InputError) as caught:
        find_pictures(tmp_path)
    assert "there are no pictures" in caught.value.what
    assert caught.value.got == "1 x .txt, b.zip: no zip file"
    assert caught.value.cure
    with pytest.raises(InputError, match="no such file or folder"):
        find_pictures(tmp_path / "absent")


def test_several_forms_are_refused_with_their_numbers(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.npy"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError) as caught:
        find_pictures(tmp_path)
    assert caught.value.got == "2 picture files, 1 numpy arrays"


def test_the_hash_is_that_of_names_and_bytes_of_pictures(tmp_path: Path) -> None:
    def hash_now() -> str:
        return hash_pictures(find_pictures(tmp_path / "in"))

    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "in" / name).write_bytes(name.encode())
    before = hash_now()
    (tmp_path / "in" / "labels.csv").write_text("x")
    assert hash_now() == before
    (tmp_path / "in" / "a.png").write_bytes(b"other")
    changed = hash_now()
    assert changed != before
    (tmp_path / "in" / "a.png").rename(tmp_path / "in" / "c.png")
    assert hash_now() not in (before, changed)
    (tmp_path / "in" / "broken.zip").write_bytes(b"x")
    assert hash_now() not in (before, changed)
