"""competition.images.arrays: numpy files of known forms are read, others say what they are."""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lib.base.errors import InputError
from lib.kernel.competition.images.arrays import Array, read_arrays
from lib.kernel.competition.images.input_files import UnreadableError, walk_input

pytestmark = pytest.mark.ships

RANDOM = np.random.default_rng(0)


def draw(*shape: int) -> np.ndarray:
    return RANDOM.integers(0, 256, shape, dtype=np.uint8)


def read_file(path: Path) -> list[Array]:
    (file,) = walk_input(path)
    return list(read_arrays(file))


def read_saved(folder: Path, array: Any, **how: Any) -> np.ndarray | None:
    path = folder / "x.npy"
    np.save(path, array, **how)
    (found,) = read_file(path)
    assert found.name == "x.npy"
    return found.pixels


@pytest.mark.parametrize("shape", [(5, 9, 7), (5, 9, 7, 3), (5, 9, 7, 1), (5, 9, 7, 4), (3, 9, 7)])
def test_pictures_with_channels_last_or_none_stay(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = draw(*shape)
    assert np.array_equal(read_saved(tmp_path, array), array)
    assert np.array_equal(read_saved(tmp_path, np.asfortranarray(array)), array)


def test_channels_come_last(tmp_path: Path) -> None:
    array = draw(5, 3, 9, 7)
    assert np.array_equal(read_saved(tmp_path, array), array.transpose(0, 2, 3, 1))


@pytest.mark.parametrize(
    ("array", "got", "word"),
    [
        (draw(5, 9, 7).astype(np.float32), "(5, 9, 7) float32", "uint8"),
        (draw(5, 9, 7).astype(np.int64), "(5, 9, 7) int64", "uint8"),
        (draw(5, 9, 7) > 9, "(5, 9, 7) bool", "uint8"),
        (draw(5, 9, 7, 2), "(5, 9, 7, 2) uint8", "numpy.save"),
        (draw(5, 9, 7, 3, 1), "(5, 9, 7, 3, 1) uint8", "numpy.save"),
        (draw(5, 3, 9, 3), "(5, 3, 9, 3) uint8", "picture files"),
        (draw(9, 7, 3), "(9, 7, 3) uint8", "axis of N"),
        (draw(5, 0, 7), "(5, 0, 7) uint8", "numpy.save"),
    ],
)
def test_other_forms_are_refused_with_expected_and_got(
    tmp_path: Path, array: np.ndarray, got: str, word: str
) -> None:
    with pytest.raises(InputError) as caught:
        read_saved(tmp_path, array)
    assert caught.value.got == got
    assert caught.value.expected.startswith("(N, H, W)")
    assert word in caught.value.cure


def test_labels_are_no_pictures(tmp_path: Path) -> None:
    assert read_saved(tmp_path, np.arange(5)) is None
    assert read_saved(tmp_path, np.zeros((5, 10))) is None
    assert read_saved(tmp_path, np.array(["cat", None], object)) is None


class Evil:
    """Runs code where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.write_text, (self.path, "ran")


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    array = np.empty((2, 4, 4), object)
    array[...] = Evil(ran)
    np.savez(tmp_path / "x.npz", a=array)
    with pytest.raises(InputError, match=r"x.npz/a.npy: it holds Python objects"):
        read_file(tmp_path / "x.npz")
    with pytest.raises(InputError, match="it holds Python objects"):
        read_saved(tmp_path, array)
    (tmp_path / "y.npy").write_bytes(pickle.dumps(Evil(ran)))
    with pytest.raises(UnreadableError):
        read_file(tmp_path / "y.npy")
    assert not ran.exists()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_gives_all_its_arrays(tmp_path: Path, save: Any) -> None:
    train, test = draw(5, 9, 7, 3), draw(4, 9, 7, 3)
    save(tmp_path / "x.npz", x_train=train, y_train=np.arange(5), x_test=test)
    found = {array.name: array.pixels for array in read_file(tmp_path / "x.npz")}
    assert np.array_equal(found["x.npz/x_train.npy"], train)  # type: ignore[arg-type]
    assert np.array_equal(found["x.npz/x_test.npy"], test)  # type: ignore[arg-type]
    assert found["x.npz/y_train.npy"] is None


def test_broken_files_have_a_reason(tmp_path: Path) -> None:
    content = io.BytesIO()
    np.save(content, draw(5, 9, 7))
    for name, data in (
        ("cut.npy", content.getvalue()[:-9]),
        ("head.npy", content.getvalue()[:20]),
        ("empty.npy", b""),
        ("no.npz", b"no zip"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UnreadableError, match="no numpy file that can be read"):
            read_file(tmp_path / name)


def test_a_member_that_is_no_array_costs_that_member_alone(tmp_path: Path) -> None:
    """Past failure: a readme in front hid all arrays behind it."""
    path = tmp_path / "all.npz"
    np.savez(path, first=draw(5, 6, 6), second=draw(5, 6, 6))
    whole = path.read_bytes()
    with zipfile.ZipFile(path, "w") as archive, zipfile.ZipFile(io.BytesIO(whole)) as arrays:
        archive.writestr("readme.txt", "these are pictures")
        for name in arrays.namelist():
            archive.writestr(name, arrays.read(name))
    found = read_file(path)
    assert [array.pixels is None for array in found] == [True, False, False]
    assert "no numpy file" in found[0].fault
    assert found[0].name.endswith("all.npz/readme.txt")
