"""Grids for a page: small, equal ones once, and no damaged file stops it."""

import base64
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.base.image_grid import write_grid
from lib.commands.all_runs.pictures import Album, shrink


def open_uri(uri: str) -> Image.Image:
    kind, _, text = uri.partition(",")
    assert kind == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(text)))


def draw(path: Path, images: np.ndarray) -> Path:
    write_grid(path, images, columns=4, scale=4)
    return path


def test_a_grid_is_cut_to_its_first_rows_and_keeps_every_pixel_it_shows(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 2, (40, 1, 32, 32)).astype(np.uint8) * 255
    album = Album()
    key = album.add(draw(tmp_path / "generated.png", images), "run")
    assert key is not None
    shown = open_uri(album.uris[key])
    assert shown.size == (261, 261)
    assert shown.mode == "L"
    first = np.asarray(shown)[1:65, 1:65][::2, ::2]
    assert (first == images[0, 0]).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_fifty_runs_of_noise_stay_below_ten_megabytes(tmp_path: Path, channels: int) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (40, channels, 32, 32)).astype(np.uint8)
    written = shrink(draw(tmp_path / "a.png", noise).read_bytes())
    assert 2 * 50 * len(written) * 4 / 3 < 10e6


def test_equal_pictures_are_kept_once(tmp_path: Path) -> None:
    album = Album()
    images = np.zeros((4, 1, 32, 32), np.uint8)
    keys = {album.add(draw(tmp_path / f"{name}.png", images), name) for name in "ab"}
    assert len(keys) == len(album.uris) == 1


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n" * 9]
)
def test_what_is_no_picture_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "real.png").write_bytes(content)
    album = Album()
    assert album.add(tmp_path / "real.png", "build/a") is None
    assert album.uris == {}
    assert album.notes[0].startswith("build/a: ")
    assert album.add(tmp_path / "none.png", "build/a") is None
    assert len(album.notes) == 1, "a missing picture is no fault"


def test_a_bomb_of_pixels_is_refused(tmp_path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(tmp_path / "real.png")
    album = Album()
    assert album.add(tmp_path / "real.png", "build/a") is None
    assert "left out" in album.notes[0]


def test_without_pillow_a_file_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = draw(tmp_path / "real.png", np.zeros((40, 1, 32, 32), np.uint8))
    monkeypatch.setitem(sys.modules, "PIL", None)
    album = Album()
    key = album.add(path, "run")
    assert base64.b64decode(album.uris[key or ""].partition(",")[2]) == path.read_bytes()
    (tmp_path / "large.png").write_bytes(path.read_bytes() + bytes(200_000))
    assert album.add(tmp_path / "large.png", "run") is None
    assert "too large to be shown without Pillow" in album.notes[0]
