"""Decoded pictures -> one PNG that shows the first of them side by side."""

import io

import numpy as np
from PIL import Image

COLUMNS, ROWS = 16, 8
_SCALE = 2
_GAP = 2  # px between pictures
_GROUND = 96  # grey between pictures that are mostly black or white


def draw_contact_sheet(images: np.ndarray) -> bytes:
    """(N, 1 or 3, 32, 32) uint8, N at least 1 -> a PNG of up to 16 x 8 of them, twice as large."""
    shown = images[: COLUMNS * ROWS].repeat(_SCALE, axis=2).repeat(_SCALE, axis=3)
    count, channels, height, width = shown.shape
    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    step_y, step_x = height + _GAP, width + _GAP
    sheet = np.full((rows * step_y + _GAP, columns * step_x + _GAP, channels), _GROUND, np.uint8)
    for number, picture in enumerate(shown):
        top = number // columns * step_y + _GAP
        left = number % columns * step_x + _GAP
        sheet[top : top + height, left : left + width] = picture.transpose(1, 2, 0)
    png = io.BytesIO()
    Image.fromarray(sheet[:, :, 0] if channels == 1 else sheet).save(png, "PNG")
    return png.getvalue()
