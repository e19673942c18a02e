"""The first two screens of the first-seed kernel -> docs/first_seed_kernel.png.

python -m tests.draw_kernel
"""

import io
from pathlib import Path

from PIL import Image
from pygments import highlight
from pygments.formatters import ImageFormatter
from pygments.lexers import PythonLexer

from tests.commands.renew_kernels import build_text

PICTURE = Path(__file__).parents[1] / "docs" / "first_seed_kernel.png"
SCREEN, FONT, SIZE = 60, "DejaVu Sans Mono", 13  # lines, name, px


def draw(lines: list[str], first: int) -> Image.Image:
    """Lines of Python, the first one's number -> a picture of them, highlighted and numbered."""
    formatter = ImageFormatter(
        font_name=FONT, font_size=SIZE, line_pad=3, line_number_start=first, style="default"
    )
    png = highlight("\n".join(lines), PythonLexer(stripnl=False), formatter)
    return Image.open(io.BytesIO(png)).convert("RGB")


if __name__ == "__main__":
    text = build_text("first-seed").text.split("\n")[: 2 * SCREEN]
    screens = [draw(text[at : at + SCREEN], at + 1) for at in (0, SCREEN)]
    sheet = Image.new("RGB", (sum(one.width for one in screens) + 12, screens[0].height), "white")
    sheet.paste(screens[0], (0, 0))
    sheet.paste(screens[1], (screens[0].width + 12, 0))
    sheet.quantize(64).save(PICTURE, optimize=True)
    print(PICTURE)
