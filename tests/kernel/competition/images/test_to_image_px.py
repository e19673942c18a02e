"""competition.images.to_image_px: pictures of any mode, size and file become the same square."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lib.kernel.competition.image_files import DAMAGED, NOT_AN_IMAGE, TOO_LARGE, TRUNCATED
from lib.kernel.competition.images import to_image_px
from lib.kernel.competition.images.to_image_px import (
    ANIMATED,
    CMYK,
    ENLARGED,
    FLOAT,
    PADDED,
    SIXTEEN_BITS,
    TRANSPARENT,
    TURNED,
    fit_array,
    read_square,
)
from tests.kernel.competition.images.pictures import draw, encode

pytestmark = pytest.mark.ships

COLOUR, GREY = draw(32, 32, 3), draw(32, 32)


def read(data: bytes, side: int = 32) -> tuple[np.ndarray, list[str]]:
    found = read_square(data, side)
    assert not isinstance(found, str), found
    return found


@pytest.mark.parametrize("picture", [COLOUR, GREY])
@pytest.mark.parametrize("form", ["PNG", "WEBP", "BMP", "TIFF"])
def test_a_picture_of_that_size_stays_as_it_is(picture: np.ndarray, form: str) -> None:
    if form == "WEBP" and picture is GREY:
        return  # the format has no grey
    square, notes = read(encode(picture, form, lossless=True))
    assert np.array_equal(square, picture)
    assert notes == []


@pytest.mark.parametrize("size", [(64, 96), (33, 200), (100, 33), (20, 31), (8, 8), (32, 47)])
def test_the_shorter_side_is_fitted_and_the_middle_cut_out(size: tuple[int, int]) -> None:
    """Against the two steps as torchvision's Resize and CenterCrop do them."""
    picture = draw(*size, 3)
    square, notes = read(encode(picture))
    shorter = min(size)
    height, width = (round(length * 32 / shorter) for length in size)
    whole = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))
    top, left = (height - 32) // 2, (width - 32) // 2
    cut = whole[top : top + 32, left : left + 32]
    assert np.abs(square.astype(int) - cut).max() <= 1  # both are rounded
    assert notes == [ENLARGED] * (shorter < 32)


@pytest.mark.parametrize("size", [(1, 4000), (4000, 1), (1, 1), (3, 9000), (5000, 40)])
def test_thin_pictures_become_squares_in_little_memory(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    resized: list[tuple[int, int]] = []
    resize = Image.Image.resize

    def watch(image: Image.Image, size: tuple[int, int], *more: Any, **how: Any) -> Image.Image:
        resized.append(size)
        return resize(image, size, *more, **how)

    monkeypatch.setattr(Image.Image, "resize", watch)
    square, _ = read(encode(np.full((*size, 3), 77, np.uint8)), side=128)
    assert square.shape == (128, 128, 3)
    assert (square == 77).all()
    assert resized == [(128, 128)]


def test_a_long_picture_is_as_if_it_were_resized_whole() -> None:
    picture = draw(40, 1000, 3)
    square, _ = read(encode(picture))
    whole = Image.fromarray(picture).resize((800, 32), Image.Resampling.LANCZOS)
    assert np.abs(square.astype(int) - np.asarray(whole)[:, 384:416]).max() <= 1


def test_transparent_parts_are_white() -> None:
    full = np.dstack([COLOUR, np.full((32, 32), 255, np.uint8)])
    assert read(encode(full))[1] == []
    full[:10, :, 3] = 0
    full[10:20, :, 3] = 128
    square, notes = read(encode(full))
    assert (square[:10] == 255).all()
    mixed = np.rint((COLOUR[10:20] * 128.0 + 255 * 127.0) / 255)
    assert np.abs(square[10:20] - mixed).max() <= 1
    assert np.array_equal(square[20:], COLOUR[20:])
    assert notes == [TRANSPARENT]


def test_a_palette_with_transparency_and_grey_with_alpha() -> None:
    palette = Image.fromarray(COLOUR).quantize(8)
    inside = np.asarray(palette)
    square, notes = read(encode(palette, transparency=3))
    assert (square[inside == 3] == 255).all()
    assert notes == [TRANSPARENT]
    grey = np.dstack([GREY, np.where(GREY > 99, 255, 0).astype(np.uint8)])
    square, notes = read(encode(Image.fromarray(grey, "LA")))
    assert np.array_equal(square, np.where(GREY > 99, GREY, 255))
    assert notes == [TRANSPARENT]


def test_sixteen_bits_give_their_upper_eight() -> None:
    deep = draw(32, 32).astype(np.uint16) * 256 + 200
    square, notes = read(encode(deep))
    assert np.array_equal(square, deep >> 8)
    assert notes == [SIXTEEN_BITS]
    assert read(encode(deep, "TIFF"))[1] == [SIXTEEN_BITS]


def test_cmyk_is_converted() -> None:
    picture = Image.new("CMYK", (40, 40), (0, 255, 255, 0))
    square, notes = read(encode(picture, "JPEG"))
    assert square.shape == (32, 32, 3)
    assert np.abs(square.astype(int) - [255, 0, 0]).max() < 12
    assert notes == [CMYK]


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_frames_the_first_is_taken(form: str) -> None:
    red, blue = (Image.new("RGB", (32, 32), colour) for colour in ("red", "blue"))
    how = {"save_all": True, "append_images": [blue, red], "lossless": True}
    square, notes = read(encode(red, form, **how))
    assert np.array_equal(square, np.asarray(red))
    assert notes == [ANIMATED]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
def test_an_orientation_tag_is_followed(form: str) -> None:
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[:8] = 255  # a white bar on top, which the tag turns to the right
    exif = Image.Exif()
    exif[0x0112] = 6
    square, notes = read(encode(picture, form, exif=exif))
    assert square[:, 26:].mean() > 240
    assert square[:, :20].mean() < 15
    assert notes == [TURNED] * (form != "TIFF")  # Pillow turns a TIFF itself as it reads it


def test_a_damaged_tag_loses_no_picture() -> None:
    data = encode(COLOUR, "JPEG", exif=b"Exif\x00\x00broken")
    assert read(data)[0].shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", NOT_AN_IMAGE),
        (b"a text", NOT_AN_IMAGE),
        (encode(COLOUR)[:-300], TRUNCATED),
        (encode(COLOUR, "JPEG")[:-300], TRUNCATED),
        (encode(COLOUR, "WEBP")[:-30], TRUNCATED),
        (encode(COLOUR)[:20] + b"xxxx" + encode(COLOUR)[24:], DAMAGED),
        (encode(Image.new("L", (17_000, 1))), TOO_LARGE),
        (encode(Image.fromarray(np.zeros((9, 9), np.float32)), "TIFF"), FLOAT),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", NOT_AN_IMAGE),
    ],
)
def test_what_is_no_picture_has_a_reason(data: bytes, reason: str) -> None:
    assert read_square(data, 32) == reason


def test_a_picture_of_too_many_pixels_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(to_image_px, "_AREA_LIMIT", 32 * 32 - 1)
    assert read_square(encode(COLOUR), 32) == TOO_LARGE


@pytest.mark.parametrize("side", [28, 32, 64])
def test_idx_pictures_are_padded_only_from_28_to_32(side: int) -> None:
    digit = draw(28, 28)
    square, notes = fit_array(digit, side, pads=True)
    assert square.shape == (side, side)
    if side == 32:
        assert np.array_equal(square[2:-2, 2:-2], digit)
        assert square.sum() == digit.sum()
    assert notes == {28: [], 32: [PADDED], 64: [ENLARGED]}[side]
    assert fit_array(digit, 32, pads=False)[1] == [ENLARGED]


def test_arrays_are_fitted_as_files_are() -> None:
    for picture in (draw(50, 40), draw(50, 40, 3), draw(32, 32, 3)):
        expected = read(encode(picture))[0]
        assert np.array_equal(fit_array(picture, 32, pads=False)[0], expected)
    grey = draw(50, 40, 1)
    assert np.array_equal(fit_array(grey, 32, False)[0], fit_array(grey[:, :, 0], 32, False)[0])
    clear = np.dstack([draw(32, 32, 3), np.zeros((32, 32), np.uint8)])
    square, notes = fit_array(clear, 32, pads=False)
    assert (square == 255).all()
    assert notes == [TRANSPARENT]


def test_files_of_any_bytes_give_a_square_or_a_reason() -> None:
    """Each byte of a small file in turn is another one."""
    content = encode(draw(9, 9, 3), "PNG")
    for place in range(0, len(content), 3):
        broken = bytearray(content)
        broken[place] ^= 0x55
        found = read_square(bytes(broken), 16)
        assert isinstance(found, str) or found[0].shape[:2] == (16, 16)
    assert io.BytesIO(content).read(4) == b"\x89PNG"
