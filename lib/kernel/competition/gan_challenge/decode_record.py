"""The plain decoder: one raw line -> one 32x32 picture, or why there is none.

This is the plain form. A run decodes whole blocks by decode_block.py, whose result must be the same
to the bit. Whoever changes one of them changes both, and raises the decoder's number in dataset.py.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops

from lib.kernel.competition.gan_challenge.decode_policy import Policy
from lib.kernel.competition.gan_challenge.records import (
    ALPHA_IGNORED,
    Record,
    Rejection,
    parse_record,
)
from lib.kernel.competition.image_files import (
    TOO_LARGE,
    WORK_LIMIT,
    Picture,
    read_mask,
    read_picture,
    weigh,
)
from lib.kernel.configuration.challenge import IMAGE_PX

BLANK = "blank"
ALPHA_RESIZED = "alpha_b64 of another size, stretched"
ALPHA_EMPTY = "fully transparent, not cropped"

_BLANK_DEVIATION = 0.02 * 255
_BLANK_MARGIN = 0.02 * 255  # grey levels
_BLANK_SHARE = 0.99
_TURNS = {
    90.0: Image.Transpose.ROTATE_270,  # Pillow turns counter-clockwise
    180.0: Image.Transpose.ROTATE_180,
    270.0: Image.Transpose.ROTATE_90,
}


class DecodedRecord(NamedTuple):
    """A record's picture."""

    id: str
    pixels: np.ndarray  # (3, 32, 32) uint8
    notes: tuple[str, ...]  # what was repaired or ignored on the way


def decode_record(raw: bytes, policy: Policy) -> DecodedRecord | Rejection:
    """One line of a shard -> its (3, 32, 32) uint8 picture, or a Rejection; never raises."""
    record = parse_record(raw)
    return record if isinstance(record, Rejection) else decode_parsed(record, policy)


def decode_parsed(
    record: Record, policy: Policy, work_limit: int = WORK_LIMIT
) -> DecodedRecord | Rejection:
    """A record -> its picture, rotated, inverted, cropped and laid on white as the policy says.

    What comes on top of one picture, as a mask does, may take a part of the work alone.
    """
    picture = read_picture(record.image, policy.grey16, policy.truncated, work_limit)
    for spare in record.spares if isinstance(picture, str) else ():
        if not isinstance(other := decode_parsed(spare, policy, work_limit // 4), Rejection):
            return other
    if isinstance(picture, str):
        return Rejection(picture, record.id)
    if record.degrees % 90 and weigh(picture.colour) > work_limit // 3:
        return Rejection(TOO_LARGE, record.id)
    notes = list(record.notes)
    mask = None
    if record.alpha is not None:
        mask = read_mask(record.alpha, work_limit // 3)
        if mask is None:
            notes.append(ALPHA_IGNORED)
    if mask is not None and policy.alpha_frame == "stored":
        picture = _replace_alpha(picture, mask, notes)
    if policy.order == "crop-first":
        picture = _crop(picture, policy, notes)
    picture = _rotate_and_invert(picture, record.degrees, record.invert)
    if mask is not None and policy.alpha_frame == "rotated":
        picture = _replace_alpha(picture, mask, notes)
    if policy.order == "rotate-first":
        picture = _crop(picture, policy, notes)
    colour = _composite(picture) if policy.alpha != "crop-drop" else picture.colour
    if colour.size != (IMAGE_PX, IMAGE_PX):
        colour = colour.resize((IMAGE_PX, IMAGE_PX), Image.Resampling.LANCZOS)
    pixels = np.asarray(colour.convert("RGB")).transpose(2, 0, 1)
    if policy.blank == "drop" and find_blank(pixels[None])[0]:
        return Rejection(BLANK, record.id)
    return DecodedRecord(record.id, pixels, tuple(notes))


def find_blank(pixels: np.ndarray) -> np.ndarray:
    """(N, 1 or 3, H, W) uint8 -> (N,) bool: whether a picture has next to nothing on it.

    It has, if one of these holds of it in grey (ITU-R 601-2 luma): its standard deviation is under
    0.02 of the range; over 99 % of its pixels are within 0.02 of black; as many are so of white.
    """
    grey = pixels[:, 0]
    if pixels.shape[1] == 3:
        red, green, blue = pixels.astype(np.int64).transpose(1, 0, 2, 3)
        grey = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16  # as Pillow does it
    flat = grey.reshape(len(grey), -1)
    black = (flat <= _BLANK_MARGIN).mean(axis=1) > _BLANK_SHARE
    white = (flat >= 255 - _BLANK_MARGIN).mean(axis=1) > _BLANK_SHARE
    return (flat.std(axis=1) < _BLANK_DEVIATION) | black | white


def _replace_alpha(picture: Picture, mask: Image.Image, notes: list[str]) -> Picture:
    """(picture, alpha_b64's mask) -> the picture with that mask as its alpha."""
    if mask.size != picture.colour.size:
        notes.append(ALPHA_RESIZED)
        mask = mask.resize(picture.colour.size, Image.Resampling.NEAREST)
    return Picture(picture.colour, mask)


def _rotate_and_invert(picture: Picture, degrees: float, invert: bool) -> Picture:
    """(picture, degrees clockwise, whether to invert) -> picture; its alpha is not inverted."""
    colour, alpha = picture
    if degrees in _TURNS:
        turn = _TURNS[degrees]
        colour = colour.transpose(turn)
        alpha = alpha.transpose(turn) if alpha is not None else None
    elif degrees:
        colour = colour.rotate(-degrees, expand=True)  # corners black, as in the public notebooks
        alpha = alpha.rotate(-degrees, expand=True) if alpha is not None else None
    return Picture(ImageChops.invert(colour) if invert else colour, alpha)


def _crop(picture: Picture, policy: Policy, notes: list[str]) -> Picture:
    """A picture -> its part in the tight box around all alpha above 0; the whole without alpha."""
    colour, alpha = picture
    if policy.alpha == "composite" or alpha is None:
        return picture
    box = alpha.getbbox()
    if box is None:
        notes.append(ALPHA_EMPTY)
        return picture
    return Picture(colour.crop(box), alpha.crop(box))


def _composite(picture: Picture) -> Image.Image:
    """A picture -> its colour laid on white."""
    if picture.alpha is None:
        return picture.colour
    white = Image.new(picture.colour.mode, picture.colour.size, "white")
    white.paste(picture.colour, mask=picture.alpha)
    return white
