"""A picture of any size and mode -> a square of image_px, grey or in colour, and what was done.

An orientation tag is followed, as viewers do. Transparent parts are laid on white. The shorter side
becomes image_px by Lanczos, and the middle is cut out. A picture of that very size stays as it is.
"""

import numpy as np
from PIL import Image, ImageOps

from lib.kernel.competition.image_files import (
    DAMAGED,
    TOO_LARGE,
    open_image,
    split_alpha,
)

ANIMATED = "several frames, of which the first is taken"
CMYK = "CMYK, converted to RGB"
SIXTEEN_BITS = "16 bits a channel, of which the upper eight are taken"
TRANSPARENT = "transparent, laid on white"
TURNED = "turned by the orientation tag"
ENLARGED = "smaller than image_px and enlarged"
FLOAT = "a picture of floating-point numbers"
PADDED = "28 px, padded to 32"

_SIDE_LIMIT = 16_384  # px
_AREA_LIMIT = 1 << 26  # px of a picture; a decoded one has three bytes for each
_MNIST = 28
_ORIENTATION = 0x0112  # Exif's tag
_PNG_DEPTH = 24  # the byte of a PNG that holds the bits of a channel


def read_square(data: bytes, side: int) -> tuple[np.ndarray, list[str]] | str:
    """An image file's bytes -> ((S, S) or (S, S, 3) uint8, notes), or a reject's reason."""
    image = open_image(data, turn=True, side_limit=_SIDE_LIMIT)
    if isinstance(image, str):
        return image
    if image.width * image.height > _AREA_LIMIT:
        return TOO_LARGE
    if image.mode == "F":
        return FLOAT
    notes: list[str] = []
    try:
        picture = split_alpha(_turn(image, notes), "high-byte")
        colour = picture.colour
        if picture.alpha is not None and picture.alpha.getextrema()[0] != 255:
            white = Image.new(colour.mode, colour.size, "white")
            colour = Image.composite(colour, white, picture.alpha)
            notes.append(TRANSPARENT)
        square = fit_square(colour, side, notes)
    except Exception:  # Pillow's conversions raise several kinds of errors for inconsistent files
        return DAMAGED
    return square, [*notes, *_note_kind(image, data)]


def fit_square(picture: Image.Image, side: int, notes: list[str]) -> np.ndarray:
    """(a picture of mode L or RGB, S, notes to add to) -> (S, S) or (S, S, 3) uint8."""
    shorter = min(picture.size)
    if shorter < side:
        notes.append(ENLARGED)
    (left, right), (top, bottom) = (_find_middle(length, shorter, side) for length in picture.size)
    if shorter == side:
        return np.asarray(picture.crop((int(left), int(top), int(right), int(bottom))))
    # Only the middle is computed; Lanczos looks beyond the box, as if all had been resized.
    box = (left, top, right, bottom)
    return np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS, box=box))


def _find_middle(length: int, shorter: int, side: int) -> tuple[float, float]:
    """(a side, the shorter one, S) -> where on it the middle S px of the result begin and end."""
    resized = round(length * side / shorter)
    start = (resized - side) // 2
    return start * length / resized, (start + side) * length / resized


def fit_array(pixels: np.ndarray, side: int, pads: bool) -> tuple[np.ndarray, list[str]]:
    """((H, W) or (H, W, 1, 3 or 4) uint8, S, whether 28 px are padded) -> its square, notes."""
    notes: list[str] = []
    if pads and pixels.shape == (_MNIST, _MNIST) and side == _MNIST + 4:
        return np.pad(pixels, 2), [PADDED]
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if picture.mode == "RGBA":
        if picture.getchannel("A").getextrema()[0] != 255:
            white = Image.new("RGBA", picture.size, "white")
            picture = Image.alpha_composite(white, picture)
            notes.append(TRANSPARENT)
        picture = picture.convert("RGB")
    return fit_square(picture, side, notes), notes


def _turn(image: Image.Image, notes: list[str]) -> Image.Image:
    """(an image, notes to add to) -> the image as its orientation tag says, if that is readable."""
    try:
        is_turned = image.getexif().get(_ORIENTATION, 1) in range(2, 9)
        turned = ImageOps.exif_transpose(image) if is_turned else image
    except Exception:  # a damaged tag is no reason to lose the picture
        return image
    notes += [TURNED] * is_turned
    return turned


def _note_kind(image: Image.Image, data: bytes) -> list[str]:
    """(an image as opened, its file's bytes) -> notes on what it was."""
    notes = [ANIMATED] if _has_frames(image) else []
    if image.mode == "CMYK":
        notes.append(CMYK)
    is_deep_png = image.format == "PNG" and data[_PNG_DEPTH : _PNG_DEPTH + 1] == b"\x10"
    if is_deep_png or image.mode == "I" or image.mode.startswith("I;16"):
        notes.append(SIXTEEN_BITS)
    return notes


def _has_frames(image: Image.Image) -> bool:
    """Tell whether there are more frames; a JPEG's other pictures, such as previews, are none."""
    try:
        return image.format != "MPO" and bool(getattr(image, "is_animated", False))
    except Exception:  # what is broken behind the first frame does not matter
        return True
