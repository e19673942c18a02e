"""A run's grids of pictures -> small pictures as data URIs for a page, equal ones only once."""

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path

from lib.base.files import sha256_bytes
from lib.commands.all_runs.read_folder import NoRunError, read_plain

GRIDS = ("generated", "real")  # the files that a run leaves, without .png
_MOST_BYTES = 16 << 20  # of a file
_SIDE = 300  # to which a grid is cut and shrunk
_GOAL = 60_000  # bytes of a picture; beyond, it has 256 colours, then fewer rows
_AS_IT_IS = 120_000  # bytes of a file that is taken over where Pillow is not installed
_MOST_PIXELS = 50_000_000
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass
class Album:
    """Pictures by their hash; most runs on the same data show the same real pictures."""

    uris: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, path: Path, shown: str) -> str | None:
        """Add a PNG file; return its key, or None where it cannot be shown, with a note why."""
        try:
            content = read_plain(path, _MOST_BYTES)
            if content is None:
                return None
            if not content.startswith(_SIGNATURE):
                raise NoRunError(f"{path.name} is no PNG picture")
            picture = shrink(content)
        except NoRunError as error:
            self.notes.append(f"{shown}: {error}, left out")
            return None
        key = sha256_bytes(picture)[:16]
        self.uris[key] = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
        return key


def shrink(content: bytes) -> bytes:
    """A PNG file's bytes -> the upper left of the picture as a PNG of about 60 kB at most.

    Without Pillow the file is taken as it is. Raise NoRunError where it is damaged or too large.
    """
    try:
        from PIL import Image
    except ImportError:
        if len(content) > _AS_IT_IS:
            raise NoRunError("a picture is too large to be shown without Pillow") from None
        return content
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise NoRunError("a picture has too many pixels")
            side = min(opened.size)
            picture = opened.crop((0, 0, opened.width, min(opened.height, side))).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise NoRunError(f"a picture is damaged ({type(error).__name__})") from None
    factor = max(1, -(-picture.width // _SIDE))
    size = max(1, picture.width // factor), max(1, picture.height // factor)
    small = picture.resize(size, Image.Resampling.NEAREST)
    red, green, blue = (band.tobytes() for band in small.split())
    if red == green == blue:
        small = small.getchannel(0)
    written = _write(small)
    if len(written) > _GOAL:
        few = small.quantize(256, Image.Quantize.FASTOCTREE)  # others take seconds
        written = _write(few)
        if len(written) > _GOAL:
            written = _write(few.crop((0, 0, few.width, few.height // 2)))
    return written


def _write(picture: object) -> bytes:
    from PIL import Image

    assert isinstance(picture, Image.Image)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
