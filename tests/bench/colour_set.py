"""A Debian package -> a folder of distinct colour pictures, and a sheet of some of them.

    python -m tests.bench.colour_set --output DIR [--side 128]

The pictures are the emoji of package fonts-noto-color-emoji, under the SIL Open Font License. The
font holds each as a PNG of 136 x 128 px, which is laid on a white square and resized. Where two
pictures have equal pixels after that, one stays. Debian's `apt-get` and `dpkg` have to be
there. Writes DIR/pictures/0000.png ... and DIR/sheet.png.
"""

import argparse
import hashlib
import io
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from lib.base.image_grid import write_grid

PACKAGE = "fonts-noto-color-emoji"
_BEGIN, _END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"  # of every PNG
_SHOWN, _COLUMNS = 200, 20  # pictures on the sheet, evenly spread


def main() -> None:
    """Command line -> the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--side", type=int, default=128)
    options = parser.parse_args()
    folder = options.output / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        fonts = sorted(download(PACKAGE, Path(place)).rglob("*.ttf"))
        pictures = (as_square(png, options.side) for font in fonts for png in cut_pngs(font))
        found = {hashlib.sha256(each.tobytes()).digest(): each for each in pictures}
    distinct = list(found.values())
    for number, picture in enumerate(distinct):
        Image.fromarray(picture).save(folder / f"{number:04d}.png")
    shown = np.stack(distinct[:: max(1, len(distinct) // _SHOWN)][:_SHOWN]).transpose(0, 3, 1, 2)
    write_grid(options.output / "sheet.png", shown, columns=_COLUMNS, scale=1)
    print(f"{len(distinct):,} distinct pictures in {folder}")


def download(package: str, place: Path) -> Path:
    """Download a Debian package into a folder; return the folder that it is unpacked in."""
    subprocess.run(["apt-get", "download", package], cwd=place, check=True)
    (archive,) = place.glob(f"{package}_*.deb")
    subprocess.run(["dpkg", "-x", str(archive), str(place / "root")], check=True)
    return place / "root"


def cut_pngs(font: Path) -> Iterator[bytes]:
    """A file -> the PNGs that it holds, in its order."""
    content, at = font.read_bytes(), 0
    while (at := content.find(_BEGIN, at)) >= 0:
        end = content.index(_END, at) + len(_END)
        yield content[at:end]
        at = end


def as_square(png: bytes, side: int) -> np.ndarray:
    """A PNG -> (side, side, 3) uint8, in the middle of a white square."""
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    square = Image.new("RGBA", (max(picture.size), max(picture.size)), "white")
    left, top = ((square.width - length) // 2 for length in picture.size)
    square.alpha_composite(picture, (left, top))
    small = square.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    return np.asarray(small)


if __name__ == "__main__":
    main()
